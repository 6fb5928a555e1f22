//! An embedded database as the `.slt` runner wants it.

use arrow::datatypes::Field;
use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use std::fmt;
use stewarddb::{Database, Error, KeySource, MasterKey, Session, cell_text_of};

/// An embedded database in a folder that goes with it.
pub struct Embedded {
    session: Session,
    _folder: tempfile::TempDir,
}

/// An error as the runner compares it: SQLSTATE, then the message.
#[derive(Debug)]
pub struct Told(pub String);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        Self(format!("{}: {}", stewarddb::server::sqlstate(error.kind()), error.message()))
    }
}

impl Embedded {
    /// A new database.
    pub fn start() -> Result<Self, Told> {
        let folder = tempfile::tempdir().map_err(|e| Told(e.to_string()))?;
        let key = KeySource::from(MasterKey::generate()?);
        let database = Database::open(folder.path().join("data"), &key)?;
        Ok(Self { session: database.session("steward")?, _folder: folder })
    }
}

#[async_trait]
impl AsyncDB for Embedded {
    type Error = Told;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Told> {
        let batches = self.session.query(sql).await?;
        let Some(first) = batches.first() else { return Ok(DBOutput::StatementComplete(0)) };
        let types = first.schema().fields().iter().map(|field| kind(field)).collect();
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let schema = batch.schema();
                let columns = schema.fields().iter().zip(batch.columns());
                let cells = columns.map(|(field, column)| shown(cell_text_of(field, column, row)));
                rows.push(cells.collect());
            }
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "embedded"
    }
}

/// A value as `.slt` files write it.
pub fn shown(value: Option<String>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some(text) if text.is_empty() => "(empty)".to_owned(),
        Some(text) => text,
    }
}

fn kind(field: &Field) -> DefaultColumnType {
    match field.data_type() {
        // A numeric that is kept as the text that shows it.
        _ if field.metadata().values().any(|mark| mark == "digits") => DefaultColumnType::FloatingPoint,
        t if t.is_integer() => DefaultColumnType::Integer,
        t if t.is_numeric() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}
