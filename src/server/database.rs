//! The house behind the door: [`crate::sql`] as the [`Backend`] that the protocol asks for.
//!
//! An open [`Database`] is a backend; each connection gets a session of it. Names are turned into each other here and
//! nothing is decided: types of parameters become Arrow fields and back, notices and lines of COPY change their coats,
//! the session's flag for stopping becomes the server's handle. Work that writes to the disk without an await runs where
//! it may block.

use super::backend::{
    Asks, Backend, CancelHandle, CopyChunk, Idle, NoticeSink, Notification, Outcome, Prepared, Session, Severity,
    Startup, Statement, TransactionStatus, Verifier,
};
use super::binary_copy::BinaryCopy;
use super::types::{oid, parameter, type_oid};
use crate::catalog::SqlType;
use crate::config::MAINTENANCE_DATABASE;
use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use crate::sql::{self, Connection, Database, Stop, Visit};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

#[async_trait]
impl Backend for Database {
    fn scram_verifier(&self, role: &str) -> Option<Verifier> {
        let verifier = self.verifier(role)?;
        Some(Verifier {
            iterations: verifier.iterations,
            salt: verifier.salt,
            stored_key: verifier.stored_key.to_vec(),
            server_key: verifier.server_key.to_vec(),
        })
    }

    fn mock_salt(&self, role: &str) -> Result<[u8; 16]> {
        Database::mock_salt(self, role)
    }

    fn must_log_in(&self, role: &str) -> Result<()> {
        Database::must_log_in(self, role)
    }

    fn is_member(&self, role: &str, group: &str) -> bool {
        Database::is_member(self, role, group)
    }

    fn on_reload(&self, act: Arc<dyn Fn() + Send + Sync>) {
        Database::on_reload(self, act);
    }

    fn note_refusal(&self, role: &str, address: IpAddr, sqlstate: &str) {
        self.note_login(Visit { role, address: Some(address), pid: None }, Some(sqlstate));
    }

    fn is_superuser(&self, role: &str) -> bool {
        self.superusers().iter().any(|name| name == role)
    }

    async fn connect(&self, startup: Startup, notices: NoticeSink) -> Result<Box<dyn Session>> {
        if startup.database != self.name() && startup.database != MAINTENANCE_DATABASE {
            let message = format!("database \"{}\" does not exist", startup.database);
            return Err(Error::new(Kind::UndefinedDatabase, message));
        }
        let sink = notices.clone();
        let hear = move |notice: sql::Notice| sink.tell(severity(notice.severity), notice.kind, notice.message);
        let mut session = self.session_with_notices(&startup.role, Arc::new(hear))?;
        session.set_binary_form(Arc::new(BinaryCopy));
        for (name, value) in settings(&startup.parameters)? {
            session.set(&name, value.trim_matches('\''))?;
        }
        let cancel = CancelHandle::from_parts(session.cancel_handle().flag(), Arc::new(Notify::new()));
        let handle = cancel.clone();
        let address = Some(startup.peer.ip().to_canonical());
        session.set_connection(Connection {
            pid: startup.pid,
            peer: Some(startup.peer),
            encryption: startup.encryption,
            job: None,
            stop: Box::new(move |what| match what {
                Stop::Statement => handle.cancel(),
                Stop::Connection => handle.end(),
            }),
        });
        self.note_login(Visit { role: &startup.role, address, pid: Some(startup.pid) }, None);
        Ok(Box::new(Client { session, cancel, told: BTreeMap::new(), told_of: None }))
    }
}

/// What a client asks for at start-up that is a setting, those in `options` last.
fn settings(parameters: &BTreeMap<String, String>) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    for (name, value) in parameters {
        match name.as_str() {
            "user" | "database" | "options" => {}
            "replication" if matches!(value.to_lowercase().as_str(), "false" | "off" | "no" | "0") => {}
            "replication" => return Err(Error::new(Kind::Unsupported, "replication connections are not supported")),
            // Protocol extensions, which a server may leave unanswered.
            _ if name.starts_with("_pq_.") => {}
            _ => settings.push((name.clone(), value.clone())),
        }
    }
    settings.extend(options(parameters.get("options").map_or("", String::as_str))?);
    Ok(settings)
}

/// Command line options of the kind `-c name=value`, `-cname=value` and `--name=value`; a backslash hides a blank.
fn options(text: &str) -> Result<Vec<(String, String)>> {
    let mut words: Vec<String> = Vec::new();
    let mut inside = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            inside = false;
            continue;
        }
        if !inside {
            words.push(String::new());
            inside = true;
        }
        let c = if c == '\\' { chars.next() } else { Some(c) };
        if let Some(word) = words.last_mut() {
            word.extend(c);
        }
    }
    let mut settings = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let assignment = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
            (Some(rest), _) => Some(rest.to_owned()),
            (None, Some("")) => words.next(),
            (None, Some(rest)) => Some(rest.to_owned()),
            (None, None) => None,
        };
        match assignment.as_deref().and_then(|assignment| assignment.split_once('=')) {
            Some((name, value)) => settings.push((name.replace('-', "_"), value.to_owned())),
            None => {
                return Err(Error::new(Kind::InvalidParameter, format!("invalid command-line argument: {word}"))
                    .with_hint("Options are written as -c name=value."));
            }
        }
    }
    Ok(settings)
}

fn severity(name: &str) -> Severity {
    match name {
        "DEBUG" => Severity::Debug,
        "INFO" => Severity::Info,
        "WARNING" => Severity::Warning,
        _ => Severity::Notice,
    }
}

/// One client's session, as the protocol sees it.
struct Client {
    session: sql::Session,
    cancel: CancelHandle,
    /// Settings that the client has been told.
    told: BTreeMap<String, String>,
    /// Those of the session then, and whether its role was a superuser: as long as they are the same there is nothing to tell.
    told_of: Option<(sql::Settings, bool)>,
}

#[async_trait]
impl Session for Client {
    fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        let statements = self.session.parse(sql)?;
        Ok(statements.into_iter().map(|statement| Arc::new(statement) as Statement).collect())
    }

    fn recall(&self, sql: &str) -> Option<Statement> {
        self.session.recall(sql).map(|known| Arc::new(known) as Statement)
    }

    async fn prepare(&mut self, name: &str, statement: Option<Statement>, params: &[Option<u32>]) -> Result<()> {
        let declared: Vec<Option<Field>> =
            params.iter().enumerate().map(|(n, oid)| oid.map(|oid| parameter(format!("${}", n + 1), oid))).collect();
        let statement = statement.as_ref().map(must_be_parsed).transpose()?.cloned();
        self.session.prepare(name, statement, &declared).await
    }

    fn prepared(&self, name: &str) -> Option<Prepared> {
        let prepared = self.session.prepared(name)?;
        Some(Prepared {
            params: prepared.params().iter().map(|field| type_oid(field)).collect(),
            columns: prepared.columns().cloned(),
            statement: (!prepared.is_empty()).then_some(prepared as Statement),
        })
    }

    fn forget(&mut self, name: &str) {
        self.session.deallocate(name);
    }

    fn asks(&self, statement: &Statement) -> Option<Asks> {
        let statement = match statement.downcast_ref::<sql::Prepared>() {
            Some(prepared) => prepared.statement(),
            None => statement.downcast_ref(),
        };
        let of = |name: &str, direction: sql::Direction, only_moves: bool| match direction {
            sql::Direction::Forward(rows) if rows > 0 => {
                let rows = if rows == sql::ALL { u64::MAX } else { rows.unsigned_abs() };
                Asks::Fetch { name: name.to_owned(), skip: 0, rows, only_moves }
            }
            sql::Direction::Relative(count) if count > 0 => {
                Asks::Fetch { name: name.to_owned(), skip: count.unsigned_abs() - 1, rows: 1, only_moves }
            }
            _ => Asks::Back(name.to_owned()),
        };
        Some(match statement?.cursor()? {
            sql::Cursor::Declare(declare) => Asks::Declare(declare.name.clone()),
            sql::Cursor::Fetch(name, direction) => of(name, *direction, false),
            sql::Cursor::Move(name, direction) => of(name, *direction, true),
            sql::Cursor::Close(name) => Asks::Close(name.clone()),
        })
    }

    fn cursor(&self, name: &str) -> Option<SchemaRef> {
        self.session.cursor(name)
    }

    fn close_cursor(&mut self, name: &str) {
        self.session.close_cursor(name);
    }

    async fn execute(&mut self, statement: &Statement, params: Vec<ScalarValue>) -> Result<Outcome> {
        let outcome = match (statement.downcast_ref::<sql::Prepared>(), statement.downcast_ref::<sql::Recalled>()) {
            (Some(prepared), _) => self.session.execute_prepared(prepared, params).await?,
            (None, Some(known)) => self.session.execute_recalled(known).await?,
            (None, None) => self.session.execute(must_be_parsed(statement)?, params).await?,
        };
        Ok(match outcome {
            sql::Outcome::Rows { schema, stream, tag } => Outcome::Rows { schema, stream, tag },
            sql::Outcome::Command(tag) => Outcome::Command { tag },
            sql::Outcome::CopyIn { columns, binary } => Outcome::CopyIn { columns, binary },
            sql::Outcome::CopyOut { columns, binary, lines } => {
                let chunk = |lines: sql::CopyLines| CopyChunk { data: lines.data, ends: lines.ends, rows: lines.rows };
                Outcome::CopyOut { columns, binary, stream: lines.map(move |lines| lines.map(chunk)).boxed() }
            }
        })
    }

    fn transaction_status(&self) -> TransactionStatus {
        match self.session.status() {
            sql::Status::Idle => TransactionStatus::Idle,
            sql::Status::Block => TransactionStatus::Block,
            sql::Status::Failed => TransactionStatus::Failed,
        }
    }

    fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    fn statement_timeout(&self) -> Option<Duration> {
        self.limit("statement_timeout")
    }

    fn idle_timeout(&self) -> Option<Idle> {
        match self.session.status() {
            sql::Status::Idle => self.limit("idle_session_timeout").map(Idle::Session),
            sql::Status::Block | sql::Status::Failed => {
                self.limit("idle_in_transaction_session_timeout").map(Idle::InTransaction)
            }
        }
    }

    fn explain_error(&self, error: DataFusionError) -> Error {
        Error::from(error)
    }

    fn charset(&self) -> Charset {
        self.session.settings().charset()
    }

    fn read_text(&self, type_oid: u32, text: &str) -> Option<Result<ScalarValue>> {
        let moments = match type_oid {
            oid::TIMESTAMPTZ => SqlType::Timestamptz,
            oid::TIMESTAMPTZ_ARRAY => SqlType::Array(Box::new(SqlType::Timestamptz)),
            _ => return None,
        };
        let read = self.session.read_moments(text, &moments)?;
        // As `decode` has it: the value is nobody's to read.
        Some(read.map_err(|error| match error.kind() {
            Kind::InvalidText | Kind::InvalidDatetime => {
                Error::new(Kind::InvalidText, "invalid input syntax for type timestamp with time zone")
            }
            kind => Error::new(kind, "value is out of range for type timestamp with time zone"),
        }))
    }

    async fn begin_implicit(&mut self, statements: usize) -> Result<()> {
        self.session.begin_implicit();
        self.session.set_in_string(statements > 1);
        Ok(())
    }

    async fn commit_implicit(&mut self) -> Result<()> {
        self.session.commit_implicit().await
    }

    async fn rollback_implicit(&mut self) {
        self.session.rollback_implicit();
    }

    async fn copy_data(&mut self, data: Bytes) -> Result<()> {
        self.session.copy_data(&data).await
    }

    async fn copy_finish(&mut self) -> Result<String> {
        self.session.copy_finish().await
    }

    async fn copy_fail(&mut self) {
        self.session.copy_fail();
    }

    fn take_notifications(&mut self) -> Vec<Notification> {
        let told = self.session.take_notifications().into_iter();
        told.map(|of| Notification { pid: of.pid, channel: of.channel, payload: of.payload }).collect()
    }

    fn bell(&self) -> Option<Arc<Notify>> {
        Some(self.session.bell())
    }

    fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        // Compared with what was told instead of noted down one by one: ROLLBACK puts settings back too.
        self.session.take_changes();
        let is_superuser = self.session.is_superuser();
        if self.told_of.as_ref().is_some_and(|(told, was)| told == self.session.settings() && *was == is_superuser) {
            return Vec::new();
        }
        self.told_of = Some((self.session.settings().clone(), is_superuser));
        let is_superuser = if is_superuser { "on" } else { "off" };
        let mut now = self.session.settings().reported();
        now.push(("is_superuser".to_owned(), is_superuser.to_owned()));
        now.retain(|(name, value)| self.told.get(name) != Some(value));
        self.told.extend(now.iter().cloned());
        now
    }
}

impl Client {
    /// A setting that is a time; 0 stands for none.
    fn limit(&self, setting: &str) -> Option<Duration> {
        let limit_ms = self.session.settings().milliseconds(setting);
        (limit_ms > 0).then(|| Duration::from_millis(limit_ms))
    }
}

fn must_be_parsed(statement: &Statement) -> Result<&sql::Statement> {
    statement.downcast_ref().ok_or_else(|| Error::internal("a statement of another session"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_postgresql_reads_them() {
        let pairs = |text: &str| {
            options(text).map(|found| found.into_iter().map(|(n, v)| format!("{n}|{v}")).collect::<Vec<_>>())
        };
        assert_eq!(
            pairs(r"-c statement_timeout=5min  -capp.x=a\ b --search-path=a,b").unwrap(),
            ["statement_timeout|5min", "app.x|a b", "search_path|a,b"]
        );
        assert!(pairs("").unwrap().is_empty());
        for wrong in ["-c", "-c x", "-d 5", "x=1"] {
            assert_eq!(pairs(wrong).unwrap_err().kind(), Kind::InvalidParameter, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_setting_is_left_out() {
        let parameters =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let found =
            settings(&parameters(&[("user", "a"), ("_pq_.x", "1"), ("replication", "false"), ("TimeZone", "UTC")]));
        assert_eq!(found.unwrap(), [("TimeZone".to_owned(), "UTC".to_owned())]);
        assert_eq!(settings(&parameters(&[("replication", "database")])).unwrap_err().kind(), Kind::Unsupported);
    }
}
