//! A backend of a few words, each of which does one thing that a session may do.

use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::server::types::arrow_type;
use crate::server::{
    Backend, CancelHandle, CopyChunk, NoticeSink, Outcome, Prepared, Session, Severity, Startup, Statement,
    TransactionStatus, Verifier,
};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use parking_lot::Mutex;
use pgwire::api::auth::sasl::scram::{ScramSecret, gen_salted_password};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

pub const PASSWORD: &str = "secret";

/// What happened behind the door, and a bell for a statement that waits.
#[derive(Default)]
pub struct Log {
    pub lines: Mutex<Vec<String>>,
    pub bell: Notify,
}

impl Log {
    fn say(&self, line: impl Into<String>) {
        self.lines.lock().push(line.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock())
    }
}

#[derive(Default)]
pub struct Fake {
    pub log: Arc<Log>,
}

#[async_trait]
impl Backend for Fake {
    fn scram_verifier(&self, role: &str) -> Option<Verifier> {
        if !["ann", "bob"].contains(&role) {
            return None;
        }
        let salt = b"0123456789abcdef".to_vec();
        let salted = gen_salted_password(PASSWORD, &salt, 4096);
        match ScramSecret::verifier_from_salted_password(salt, salted, 4096) {
            ScramSecret::Verifier { salt, iterations, stored_key, server_key } => {
                Some(Verifier { iterations: iterations as u32, salt, stored_key, server_key })
            }
            ScramSecret::SaltedPassword { .. } => None,
        }
    }

    fn mock_salt(&self, role: &str) -> Result<[u8; 16]> {
        Ok([role.len() as u8; 16])
    }

    fn must_log_in(&self, role: &str) -> Result<()> {
        match ["ann", "bob"].contains(&role) {
            true => Ok(()),
            false => fail!(NotAuthorized, "role \"{role}\" does not exist"),
        }
    }

    fn is_member(&self, role: &str, group: &str) -> bool {
        role == group || (role == "ann" && group == "staff")
    }

    fn is_superuser(&self, role: &str) -> bool {
        role == "ann"
    }

    async fn connect(&self, startup: Startup, notices: NoticeSink) -> Result<Box<dyn Session>> {
        if startup.database != "shop" {
            fail!(UndefinedDatabase, "database \"{}\" does not exist", startup.database);
        }
        Ok(Box::new(FakeSession {
            log: self.log.clone(),
            notices,
            cancel: CancelHandle::default(),
            status: TransactionStatus::Idle,
            implicit: false,
            copied: Vec::new(),
            changes: vec![("is_superuser".to_owned(), "on".to_owned())],
            timeout: None,
            prepared: HashMap::new(),
        }))
    }
}

struct FakeSession {
    log: Arc<Log>,
    notices: NoticeSink,
    cancel: CancelHandle,
    status: TransactionStatus,
    implicit: bool,
    copied: Vec<u8>,
    changes: Vec<(String, String)>,
    timeout: Option<Duration>,
    prepared: HashMap<String, Prepared>,
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        self.log.say("closed");
    }
}

fn word(statement: &Statement) -> &str {
    statement.downcast_ref::<String>().map(String::as_str).unwrap_or_default()
}

fn numbers() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, true), Field::new("t", DataType::Utf8, true)]))
}

fn batch(from: i32, to: i32) -> RecordBatch {
    let numbers_column: ArrayRef = Arc::new(Int32Array::from_iter_values(from..to));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((from..to).map(|n| format!("row {n}"))));
    RecordBatch::try_new(numbers(), vec![numbers_column, texts]).unwrap()
}

/// Batches of a thousand rows up to `count`, then an error if one is wanted.
fn rows(count: i32, error: Option<Error>) -> SendableRecordBatchStream {
    let batches = (0..count).step_by(1000).map(move |from| Ok(batch(from, count.min(from + 1000))));
    let error = error.map(|error| Err(DataFusionError::External(Box::new(error))));
    Box::pin(RecordBatchStreamAdapter::new(numbers(), futures::stream::iter(batches.chain(error))))
}

/// What a word takes and gives.
fn describe(statement: &Statement, params: &[Option<u32>]) -> (Vec<u32>, Option<SchemaRef>) {
    let columns = match word(statement).split_once(' ').map_or(word(statement), |(first, _)| first) {
        "rows" | "forever" | "broken" => Some(numbers()),
        "echo" => {
            let params: Vec<u32> = params.iter().map(|declared| declared.unwrap_or(25)).collect();
            // Without declared types, what `echo int4 numeric` names.
            let named = word(statement).split(' ').skip(1).map(|oid| oid.parse().unwrap());
            let params: Vec<u32> = if params.is_empty() { named.collect() } else { params };
            let fields = params.iter().map(|oid| Field::new("v", arrow_type(*oid), true));
            let columns = Some(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
            return (params, columns);
        }
        _ => None,
    };
    (Vec::new(), columns)
}

fn command(tag: &str) -> Result<Outcome> {
    Ok(Outcome::Command { tag: tag.to_owned() })
}

#[async_trait]
impl Session for FakeSession {
    fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        if let Some(at) = sql.find("nonsense") {
            return Err(Error::new(Kind::Syntax, "syntax error at or near \"nonsense\"").at(at + 1));
        }
        let words = sql.split(';').map(str::trim).filter(|word| !word.is_empty());
        Ok(words.map(|word| Arc::new(word.to_owned()) as Statement).collect())
    }

    async fn prepare(&mut self, name: &str, statement: Option<Statement>, params: &[Option<u32>]) -> Result<()> {
        if !name.is_empty() && self.prepared.contains_key(name) {
            fail!(DuplicateStatement, "prepared statement \"{name}\" already exists");
        }
        let prepared = match statement {
            None => Prepared { statement: None, params: Vec::new(), columns: None },
            Some(statement) => {
                let (types, columns) = describe(&statement, params);
                Prepared { statement: Some(statement), params: types, columns }
            }
        };
        self.prepared.insert(name.to_owned(), prepared);
        Ok(())
    }

    fn prepared(&self, name: &str) -> Option<Prepared> {
        self.prepared.get(name).cloned()
    }

    fn forget(&mut self, name: &str) {
        self.prepared.remove(name);
    }

    async fn execute(&mut self, statement: &Statement, params: Vec<ScalarValue>) -> Result<Outcome> {
        let text = word(statement);
        if self.status == TransactionStatus::Failed && text != "rollback" {
            fail!(FailedTransaction, "current transaction is aborted");
        }
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let select = |stream| Ok(Outcome::Rows { schema: numbers(), stream, tag: "SELECT".to_owned() });
        match first {
            "rows" => select(rows(rest.parse().unwrap(), None)),
            "broken" => select(rows(5, Some(Error::new(Kind::DivisionByZero, "division by zero")))),
            "forever" => {
                let endless = futures::stream::repeat_with(|| Ok(batch(0, 1000))).then(|batch| async {
                    tokio::task::yield_now().await;
                    batch
                });
                select(Box::pin(RecordBatchStreamAdapter::new(numbers(), endless)))
            }
            "echo" => {
                let arrays: Vec<ArrayRef> = params.iter().map(|value| value.to_array().unwrap()).collect();
                let fields: Vec<Field> =
                    arrays.iter().map(|array| Field::new("v", array.data_type().clone(), true)).collect();
                let schema = Arc::new(Schema::new(fields));
                let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
                let stream = futures::stream::iter([Ok(batch)]);
                let stream = Box::pin(RecordBatchStreamAdapter::new(schema.clone(), stream));
                Ok(Outcome::Rows { schema, stream, tag: "SELECT".to_owned() })
            }
            "sleep" => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                command("SLEPT")
            }
            "polite" => {
                self.cancel.cancelled().await;
                self.log.say("stopped politely");
                self.cancel.check()?;
                command("NEVER")
            }
            "progress" => {
                self.notices.say(Severity::Info, "half way");
                self.log.bell.notified().await;
                command("PROGRESS")
            }
            "timeout" => {
                self.timeout = Some(Duration::from_millis(rest.parse().unwrap()));
                command("SET")
            }
            "set" => {
                self.changes.push(("TimeZone".to_owned(), rest.to_owned()));
                command("SET")
            }
            "begin" => {
                self.implicit = false;
                self.status = TransactionStatus::Block;
                command("BEGIN")
            }
            "commit" | "rollback" => {
                self.implicit = false;
                self.status = TransactionStatus::Idle;
                command(&first.to_ascii_uppercase())
            }
            "insert" => {
                self.log.say("insert");
                command("INSERT 0 1")
            }
            "fail" => fail!(Unique, "duplicate key value violates unique constraint \"k\""),
            "panic" => panic!("as asked"),
            "copyin" => {
                self.copied.clear();
                Ok(Outcome::CopyIn { columns: 2, binary: false })
            }
            "copyout" => {
                let chunk = CopyChunk { data: Bytes::from_static(b"1\ta\n2\tb\n"), ends: vec![4, 8], rows: 2 };
                Ok(Outcome::CopyOut { columns: 2, binary: false, stream: futures::stream::iter([Ok(chunk)]).boxed() })
            }
            "deallocate" => match self.prepared.remove(rest) {
                Some(_) => command("DEALLOCATE"),
                None => fail!(UndefinedStatement, "prepared statement \"{rest}\" does not exist"),
            },
            other => fail!(UndefinedFunction, "no such word: {other}"),
        }
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.status
    }

    fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    fn statement_timeout(&self) -> Option<Duration> {
        self.timeout
    }

    async fn begin_implicit(&mut self, statements: usize) -> Result<()> {
        if self.status == TransactionStatus::Idle && !self.implicit {
            self.implicit = true;
            self.log.say(format!("begin {statements}"));
        }
        Ok(())
    }

    async fn commit_implicit(&mut self) -> Result<()> {
        if std::mem::take(&mut self.implicit) {
            self.log.say("commit");
        }
        Ok(())
    }

    async fn rollback_implicit(&mut self) {
        if std::mem::take(&mut self.implicit) {
            self.log.say("undo");
        }
        if self.status == TransactionStatus::Block {
            self.status = TransactionStatus::Failed;
        }
    }

    async fn copy_data(&mut self, data: Bytes) -> Result<()> {
        if data.starts_with(b"bad") {
            fail!(BadCopy, "extra data after last expected column");
        }
        self.copied.extend_from_slice(&data);
        Ok(())
    }

    async fn copy_finish(&mut self) -> Result<String> {
        let lines = self.copied.iter().filter(|byte| **byte == b'\n').count();
        self.log.say(format!("copied {}", self.copied.len()));
        Ok(format!("COPY {lines}"))
    }

    async fn copy_fail(&mut self) {
        self.copied.clear();
        self.log.say("copy failed");
    }

    fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.changes)
    }
}
