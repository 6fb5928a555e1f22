//! Several sessions at once. A statement that waits runs as a task of its own; that it waits is read off the lock table,
//! so no test depends on time.

mod deferred;
mod hermitage;
mod serial;
mod tags;
mod waits;

use super::super::{Database, Session};
use crate::crypto::{KeySource, MasterKey};
use crate::error::{Error, Kind, Result};
use crate::txn::Isolation;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A database in a folder of its own.
struct House {
    database: Database,
    _folder: TempDir,
}

/// A session that is running a statement.
struct Running(JoinHandle<(Client, Result<String>)>);

/// A session that gives rows as text: `1=10 2=20`.
struct Client(Session);

impl House {
    async fn new(setup: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let house = Self { database: Database::open(folder.path(), &key).unwrap(), _folder: folder };
        house.client().ok(setup).await;
        house
    }

    fn client(&self) -> Client {
        Client(self.database.session("steward").unwrap())
    }

    /// So many clients, each in a block of this level.
    async fn blocks<const N: usize>(&self, level: Isolation) -> [Client; N] {
        let mut clients = [(); N].map(|()| self.client());
        for client in &mut clients {
            client.ok(&format!("BEGIN ISOLATION LEVEL {}", level.name())).await;
        }
        clients
    }

    /// Starts a statement that is to wait for another's lock, and sees that it does.
    async fn waits(&self, mut client: Client, sql: &str) -> Running {
        let before = self.database.waiting();
        let sql = sql.to_owned();
        let task = tokio::spawn(async move {
            let outcome = client.run(&sql).await;
            (client, outcome)
        });
        while self.database.waiting() <= before {
            assert!(!task.is_finished(), "the statement did not wait");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Running(task)
    }
}

impl Running {
    /// The client back, and what came of its statement.
    async fn end(self) -> (Client, Result<String>) {
        self.0.await.unwrap()
    }

    /// The client of a statement that went well in the end.
    async fn succeeds(self) -> Client {
        let (client, outcome) = self.end().await;
        outcome.unwrap();
        client
    }

    /// The client of a statement that failed in the end.
    async fn fails(self, kind: Kind) -> Client {
        let (client, outcome) = self.end().await;
        assert_eq!(outcome.unwrap_err().kind(), kind);
        client
    }
}

impl Client {
    async fn run(&mut self, sql: &str) -> Result<String> {
        let batches = self.0.query(sql).await?;
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter().map(|column| crate::encoding::pg_text::cell_text(column, row));
                rows.push(cells.map(Option::unwrap_or_default).collect::<Vec<_>>().join("="));
            }
        }
        Ok(rows.join(" "))
    }

    async fn ok(&mut self, sql: &str) -> String {
        match self.run(sql).await {
            Ok(rows) => rows,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    async fn fails(&mut self, sql: &str, kind: Kind) -> Error {
        let error = match self.run(sql).await {
            Ok(rows) => panic!("{sql} succeeded: {rows}"),
            Err(error) => error,
        };
        assert_eq!(error.kind(), kind, "{sql}: {error}");
        error
    }

    /// COMMIT, or the error of this kind.
    async fn commits(&mut self, unless: Option<Kind>) {
        match unless {
            None => assert_eq!(self.ok("COMMIT").await, ""),
            Some(kind) => {
                self.fails("COMMIT", kind).await;
            }
        }
    }
}
