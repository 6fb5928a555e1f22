//! The house behind the door: [`crate::sql`] as the [`Backend`] that the protocol asks for.
//!
//! An open [`Database`] is a backend; each connection gets a session of it. Names are turned into each other here and
//! nothing is decided: types of parameters become Arrow fields and back, notices and lines of COPY change their coats,
//! the session's flag for stopping becomes the server's handle. Work that writes to the disk without an await runs where
//! it may block.

use super::backend::{
    Backend, CancelHandle, CopyChunk, Description, Idle, NoticeSink, Outcome, Session, Severity, Startup, Statement,
    TransactionStatus, Verifier,
};
use super::binary_copy::BinaryCopy;
use super::types::{arrow_type, type_oid};
use crate::error::{Error, Kind, Result};
use crate::sql::{self, Database};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use futures::StreamExt;
use std::collections::BTreeMap;
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

    fn is_superuser(&self, role: &str) -> bool {
        self.superusers().iter().any(|name| name == role)
    }

    async fn connect(&self, startup: Startup, notices: NoticeSink) -> Result<Box<dyn Session>> {
        if startup.database != self.name() {
            let message = format!("database \"{}\" does not exist", startup.database);
            return Err(Error::new(Kind::UndefinedDatabase, message));
        }
        let sink = notices.clone();
        let hear = move |notice: sql::Notice| sink.say(severity(notice.severity), notice.message);
        let mut session = self.session_with_notices(&startup.role, Arc::new(hear))?;
        session.set_binary_form(Arc::new(BinaryCopy));
        for (name, value) in settings(&startup.parameters)? {
            begin_with(&mut session, &name, &value, &notices)?;
        }
        let cancel = CancelHandle::from_parts(session.cancel_handle().flag(), Arc::new(Notify::new()));
        Ok(Box::new(Client { session, cancel, told: BTreeMap::new() }))
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

/// Sets what a client wants at start-up. Drivers send what they always send: what is not known here is passed over, and
/// where a value cannot be had the default stays and the client is told. But an encoding that is not ours would garble
/// every text, so that one is refused.
fn begin_with(session: &mut sql::Session, name: &str, value: &str, notices: &NoticeSink) -> Result<()> {
    match session.set(name, value.trim_matches('\'')) {
        Err(error) if name.eq_ignore_ascii_case("client_encoding") => Err(error),
        Err(error) if error.kind() == Kind::UndefinedObject => {
            tracing::debug!("a client asked for the unknown setting {name:?}");
            Ok(())
        }
        Err(error) => {
            notices.say(Severity::Warning, format!("{}; the default is used", error.message()));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
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
}

#[async_trait]
impl Session for Client {
    fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        let statements = self.session.parse(sql)?;
        Ok(statements.into_iter().map(|statement| Arc::new(statement) as Statement).collect())
    }

    async fn describe(&mut self, statement: &Statement, params: &[Option<u32>]) -> Result<Description> {
        let declared: Vec<Option<Field>> = params
            .iter()
            .enumerate()
            .map(|(n, oid)| oid.map(|oid| Field::new(format!("${}", n + 1), arrow_type(oid), true)))
            .collect();
        let described = self.session.describe(must_be_ours(statement)?, &declared).await?;
        Ok(Description { params: described.params.iter().map(type_oid).collect(), columns: described.columns })
    }

    async fn execute(&mut self, statement: &Statement, params: Vec<ScalarValue>) -> Result<Outcome> {
        let statement = must_be_ours(statement)?;
        let forgotten = forgets(&statement.text);
        if let Some(Forget { name, tag }) = &forgotten
            && *tag != DISCARD_ALL
            && self.session.status() != sql::Status::Failed
        {
            return Ok(Outcome::Deallocate { name: name.clone(), tag: (*tag).to_owned() });
        }
        Ok(match self.session.execute(statement, params).await? {
            sql::Outcome::Rows { schema, stream, tag } => Outcome::Rows { schema, stream, tag },
            sql::Outcome::Command(tag) => match forgotten {
                Some(Forget { name, .. }) => Outcome::Deallocate { name, tag },
                None => Outcome::Command { tag },
            },
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

    async fn begin_implicit(&mut self, _statements: usize) -> Result<()> {
        self.session.begin_implicit();
        Ok(())
    }

    async fn commit_implicit(&mut self) -> Result<()> {
        self.session.commit_implicit()
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

    fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        // Compared with what was told instead of noted down one by one: ROLLBACK puts settings back too.
        self.session.take_changes();
        let is_superuser = if self.session.is_superuser() { "on" } else { "off" };
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

fn must_be_ours(statement: &Statement) -> Result<&sql::Statement> {
    statement.downcast_ref().ok_or_else(|| Error::internal("a statement of another session"))
}

const DISCARD_ALL: &str = "DISCARD ALL";

/// A statement that makes the protocol forget what it has prepared.
struct Forget {
    /// The one; all if there is none.
    name: Option<String>,
    tag: &'static str,
}

/// Reads `DEALLOCATE [PREPARE] name | ALL` and `DISCARD ALL`. The parser has found them sound already.
fn forgets(text: &str) -> Option<Forget> {
    let (verb, rest) = text.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    if verb.eq_ignore_ascii_case("DISCARD") {
        return rest.eq_ignore_ascii_case("ALL").then_some(Forget { name: None, tag: DISCARD_ALL });
    }
    if !verb.eq_ignore_ascii_case("DEALLOCATE") {
        return None;
    }
    let name = match rest.split_once(char::is_whitespace) {
        Some((word, name)) if word.eq_ignore_ascii_case("PREPARE") => name.trim_start(),
        _ => rest,
    };
    if name.eq_ignore_ascii_case("ALL") {
        return Some(Forget { name: None, tag: "DEALLOCATE ALL" });
    }
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_lowercase(),
    };
    Some(Forget { name: Some(name), tag: "DEALLOCATE" })
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

    #[test]
    fn statements_that_forget_are_known() {
        let read = |text| forgets(text).map(|forget| (forget.name, forget.tag));
        assert_eq!(read("deallocate all"), Some((None, "DEALLOCATE ALL")));
        assert_eq!(read("DEALLOCATE PREPARE \"My \"\"S\"\"\""), Some((Some("My \"S\"".to_owned()), "DEALLOCATE")));
        assert_eq!(read("DEALLOCATE \"S_1\""), Some((Some("S_1".to_owned()), "DEALLOCATE")));
        assert_eq!(read("DEALLOCATE prepare S_1"), Some((Some("s_1".to_owned()), "DEALLOCATE")));
        assert_eq!(read("DISCARD ALL"), Some((None, "DISCARD ALL")));
        assert_eq!(read("SELECT 'DISCARD ALL'"), None);
    }
}
