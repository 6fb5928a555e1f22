//! A database behind a server and a real client, as the `.slt` runner wants it.

use super::embedded::{Told, shown};
use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use std::sync::Arc;
use stewarddb::{Birth, Database, KeySource, MasterKey, server};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// A client of a server that goes with it.
pub struct Wire {
    client: Client,
    server: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl From<tokio_postgres::Error> for Told {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(told) => Self(format!("{}: {}", told.code().code(), told.message())),
            None => Self(error.to_string()),
        }
    }
}

impl Wire {
    /// A new database, a server on a free port, a client that has logged in.
    pub async fn start() -> Result<Self, Told> {
        let folder = tempfile::tempdir().map_err(|e| Told(e.to_string()))?;
        let key = KeySource::from(MasterKey::generate()?);
        let birth = Birth { password: Some("a password".to_owned()), ..Birth::default() };
        let database = Database::open_or_create(folder.path().join("data"), &key, &birth)?;
        let listener = server::listen("127.0.0.1:0").await?;
        let port = listener.local_addr().map_err(|e| Told(e.to_string()))?.port();
        let server = tokio::spawn(async move {
            let _ = server::serve(Arc::new(database), listener, std::future::pending()).await;
        });
        let text = format!("host=127.0.0.1 port={port} user=steward dbname=steward password='a password'");
        let (client, connection) = tokio_postgres::connect(&text, NoTls).await?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { client, server, _folder: folder })
    }
}

#[async_trait]
impl AsyncDB for Wire {
    type Error = Told;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Told> {
        let mut types = None;
        let mut rows = Vec::new();
        for message in self.client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    types = Some(vec![DefaultColumnType::Any; columns.len()]);
                    rows.clear();
                }
                SimpleQueryMessage::Row(row) => {
                    rows.push((0..row.len()).map(|n| shown(row.get(n).map(str::to_owned))).collect());
                }
                _ => {}
            }
        }
        match types {
            Some(types) if !rows.is_empty() => Ok(DBOutput::Rows { types, rows }),
            _ => Ok(DBOutput::StatementComplete(0)),
        }
    }

    async fn shutdown(&mut self) {
        self.server.abort();
    }

    fn engine_name(&self) -> &str {
        "wire"
    }
}
