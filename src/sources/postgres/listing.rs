//! The tables of another database, by its catalogue.

use super::connection::{Answers, Connection, Task, work};
use super::{RemoteOptions, RemoteScan, Stop, failed, reading};
use crate::config::SOURCE_FILES_MAX;
use crate::error::{Error, Kind, Result};
use crate::sources::Predicate;
use crate::sources::input::Fnv;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_postgres::SimpleQueryMessage;

/// A column of a table there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteColumn {
    /// Its name.
    pub name: String,
    /// Its type as that server writes it: `numeric(10,2)`; of a domain, the type below.
    pub type_name: String,
}

/// A table or view of another database.
#[derive(Debug, Clone)]
pub struct RemoteTable {
    /// Its name there, and here.
    pub name: String,
    /// Its columns.
    pub columns: Vec<RemoteColumn>,
    /// How many rows that server thinks it has, if it has looked.
    pub rows: Option<u64>,
    /// Bytes on that server's disk.
    pub bytes: u64,
    /// Equal while nothing seems to have changed; views never seem so.
    pub fingerprint: u64,
    pub(super) options: RemoteOptions,
}

impl RemoteTable {
    /// The rows as texts, with the columns at the positions `projection` in its order, and at most `limit`; rows for which not all
    /// of `filters` are true may be left out, and need not be. Fails with `ForeignConnection` where the database cannot be
    /// entered, with `Foreign` for what it says itself, with the error of `stop`.
    pub fn scan(
        &self,
        projection: &[usize],
        filters: &[Predicate],
        limit: Option<usize>,
        stop: Stop,
    ) -> Result<RemoteScan> {
        reading::scan(self, projection, filters, limit, stop)
    }

    /// The query that [`RemoteTable::scan`] sends: what of `filters` can be said there is in it.
    pub fn query(&self, projection: &[usize], filters: &[Predicate], limit: Option<usize>) -> Result<String> {
        reading::query(self, projection, filters, limit)
    }

    /// The database for people.
    pub fn place(&self) -> String {
        self.options.shown()
    }

    /// Whether every column is to be text.
    pub fn all_varchar(&self) -> bool {
        self.options.all_varchar
    }

    /// The name as it is written there.
    pub(super) fn written(&self) -> String {
        format!("{}.{}", quoted(&self.options.schema), quoted(&self.name))
    }
}

/// A name in quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in quotes, for a server to whom backslashes mean nothing.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The tables and views of the source's schema that its user may read, by name. Fails as [`RemoteTable::scan`] does, and with
/// `UndefinedSchema` where there is no such schema.
pub fn list(options: &RemoteOptions, stop: Stop) -> Result<Vec<RemoteTable>> {
    let work = work(options.clone(), stop, |options, connection, answers| -> Task<'_> {
        Box::pin(listed(options, connection, answers))
    })?;
    work.next()?.ok_or_else(|| Error::new(Kind::Foreign, format!("{} gave no answer", options.shown())))
}

async fn listed(
    options: &RemoteOptions,
    connection: &mut Connection,
    answers: &Answers<Vec<RemoteTable>>,
) -> Result<()> {
    let schema = literal(&options.schema);
    let fail = |error: tokio_postgres::Error| failed(options, "the catalogue", &error);
    let known = format!("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {schema}");
    let known = connection.client.simple_query(&known).await.map_err(fail)?;
    if !known.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_))) {
        return Err(Error::new(
            Kind::UndefinedSchema,
            format!("there is no schema {} in {}", quoted(&options.schema), options.shown()),
        )
        .with_hint("The option schema of a source says which one is read."));
    }
    let query = format!(
        "SELECT c.relname, c.relkind, c.reltuples, a.attname, \
                pg_catalog.format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, \
                                       CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) \
         FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         WHERE n.nspname = {schema} AND c.relkind IN ('r', 'v', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped \
         AND NOT c.relispartition AND pg_catalog.has_table_privilege(c.oid, 'SELECT') \
         ORDER BY c.relname, a.attnum"
    );
    let rows = connection.client.simple_query(&query).await.map_err(fail)?;
    let mut tables: Vec<RemoteTable> = Vec::new();
    let mut kinds = Vec::new();
    for message in &rows {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let text = |at: usize| row.get(at).unwrap_or_default();
        if tables.last().is_none_or(|table| table.name != text(0)) {
            if tables.len() >= SOURCE_FILES_MAX {
                break;
            }
            let rows = text(2).parse::<f64>().ok().filter(|rows| *rows >= 0.0).map(|rows| rows as u64);
            kinds.push(text(1).to_owned());
            tables.push(RemoteTable {
                name: text(0).to_owned(),
                columns: Vec::new(),
                rows,
                bytes: 0,
                fingerprint: 0,
                options: options.clone(),
            });
        }
        if let Some(table) = tables.last_mut() {
            table.columns.push(RemoteColumn { name: text(3).to_owned(), type_name: text(4).to_owned() });
        }
    }
    let changes = changes(options, connection).await;
    for (table, kind) in tables.iter_mut().zip(kinds) {
        let mut hash = Fnv::new();
        hash.write(options.shown().as_bytes());
        hash.write(table.name.as_bytes());
        for column in &table.columns {
            hash.write(column.name.as_bytes());
            hash.write(column.type_name.as_bytes());
        }
        let change = changes.iter().find(|(name, ..)| *name == table.name).filter(|_| kind != "v");
        table.bytes = change.map_or(0, |(_, bytes, _)| *bytes);
        match change.and_then(|(.., counts)| counts.as_ref()) {
            Some(counts) => {
                hash.write(&table.bytes.to_le_bytes());
                hash.write(counts.as_bytes());
            }
            // Nobody knows whether it has changed, as a view may without being touched: it is looked at each time.
            None => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                hash.write(&now.as_nanos().to_le_bytes());
            }
        }
        table.fingerprint = hash.finish();
    }
    _ = answers.send(Ok(tables));
    Ok(())
}

/// Size of each table, and the counts of changes that the server keeps, if it does.
async fn changes(options: &RemoteOptions, connection: &Connection) -> Vec<(String, u64, Option<String>)> {
    let query = format!(
        "SELECT relname, pg_catalog.pg_total_relation_size(relid), n_tup_ins, n_tup_upd, n_tup_del \
         FROM pg_catalog.pg_stat_user_tables WHERE schemaname = {}",
        literal(&options.schema)
    );
    let Ok(rows) = connection.client.simple_query(&query).await else { return Vec::new() };
    let of_row = |message: &SimpleQueryMessage| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        let counts: Option<Vec<&str>> = (2..5).map(|at| row.get(at)).collect();
        let bytes = row.get(1).and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
        Some((row.get(0)?.to_owned(), bytes, counts.map(|counts| counts.join("/"))))
    };
    rows.iter().filter_map(of_row).collect()
}
