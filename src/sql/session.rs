//! One client's conversation: its role, its settings, its transaction.
//!
//! A statement runs in the session's transaction. Outside a block each statement has one of its own, committed when it
//! ends ([`Session::query`]), or, over the wire, when the client's whole message ends ([`Session::begin_implicit`]). An
//! error undoes the implicit transaction and breaks an explicit one, as in PostgreSQL.

mod modes;
mod short;

use super::activity::{Connection, Seat};
use super::advisory::Advisory;
use super::audit::Auditing;
use super::block;
use super::caught;
use super::channels::{self, Listener, Notification, Pending};
use super::context::{Cancel, Context, Notice, NoticeSink};
use super::copy::{BinaryForm, Lent, Receiving};
use super::cursor::Cursors;
use super::database::Inner;
use super::describe::describe;
use super::execute;
use super::kept_plan::KeptPlan;
use super::parameters::{self, Parameters};
use super::parser::{self, Body, Statement};
use super::position::{position, position_of_words};
use super::prepared::Prepareds;
use super::semantics::SessionZone;
use super::sequences::Taken;
use super::settings::Settings;
use super::shape::Shapes;
use super::shown;
use super::statements;
use super::temporary;
use crate::catalog::{AuditAction, ObjectId, SqlType, temporary_schema};
use crate::error::{Error, Kind, Result};
use crate::txn::{Isolation, Transaction};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{Field, FieldRef, SchemaRef};
use bytes::Bytes;
use datafusion::common::ScalarValue;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::sql::sqlparser::ast;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;

/// What came of a statement.
pub enum Outcome {
    /// Rows; an error ends them. The tag is without its count: `SELECT`, `INSERT 0`, `SHOW`.
    Rows {
        /// Columns of the rows.
        schema: SchemaRef,
        /// The rows.
        stream: SendableRecordBatchStream,
        /// The command tag without its count.
        tag: String,
    },
    /// A command without rows, with its whole tag.
    Command(String),
    /// The client sends data now.
    CopyIn {
        /// For so many columns.
        columns: usize,
        /// They are no text.
        binary: bool,
    },
    /// The client receives data.
    CopyOut {
        /// Of so many columns.
        columns: usize,
        /// They are no text.
        binary: bool,
        /// Pieces of bytes, with the end of each line in them.
        lines: BoxStream<'static, Result<CopyLines>>,
    },
}

/// Some lines of COPY TO.
pub struct CopyLines {
    /// The bytes of all lines.
    pub data: Bytes,
    /// Where each line ends.
    pub ends: Vec<usize>,
    /// How many of them are rows.
    pub rows: u64,
}

/// What a statement takes and gives.
pub struct Description {
    /// Parameters in order, as fields of the types expected.
    pub params: Vec<Field>,
    /// Columns of its rows, if it gives any.
    pub columns: Option<SchemaRef>,
}

/// Where the transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// No block is open.
    Idle,
    /// In a block.
    Block,
    /// In a block that an error broke.
    Failed,
}

/// The settings and the role that the end of a block brings.
#[derive(Clone)]
pub(super) struct AfterBlock {
    /// After ROLLBACK: those before the block.
    pub(super) rollback: Settings,
    /// After COMMIT: those of SET, without those of SET LOCAL.
    pub(super) commit: Settings,
    /// After ROLLBACK: that before the block.
    pub(super) role: ObjectId,
}

/// Where ROLLBACK TO goes back to.
pub(super) struct Savepoint {
    pub(super) name: String,
    pub(super) txn: Transaction,
    settings: Settings,
    settings_after: Option<AfterBlock>,
    role: ObjectId,
    /// Entries of the audit log that there were.
    audited: usize,
}

/// One client's conversation.
pub struct Session {
    pub(super) database: Arc<Inner>,
    /// The role that logged in.
    pub(super) login: ObjectId,
    /// The role whose rights count now.
    pub(super) role: ObjectId,
    pub(super) settings: Settings,
    /// Settings to have after the block.
    pub(super) settings_after: Option<AfterBlock>,
    pub(super) txn: Option<Transaction>,
    pub(super) status: Status,
    pub(super) savepoints: Vec<Savepoint>,
    pub(super) notices: NoticeSink,
    /// Parameters of the statement that runs.
    pub(super) params: Arc<Parameters>,
    /// Where the plan of the statement that runs is kept, if it is a prepared one.
    pub(super) kept_plan: Option<Arc<KeptPlan>>,
    pub(super) prepared: Arc<Prepareds>,
    /// The shapes of the statements that it has sent.
    pub(super) shapes: Shapes,
    /// What the client sent in the place of the text of the statement that runs next: one of its shape.
    pub(super) text: Option<String>,
    pub(super) cursors: Cursors,
    /// The implicit transaction is of a string of several statements, and as good as a block to them.
    pub(super) in_string: bool,
    /// The numbers that it took of sequences.
    pub(super) taken: Arc<Taken>,
    /// What its transaction has to tell others.
    pub(super) pending: Pending,
    /// What others have to tell it.
    pub(super) listener: Listener,
    /// Its advisory locks.
    pub(super) advisory: Arc<Advisory>,
    /// Where it tells what it does.
    pub(super) seat: Seat,
    /// Its schema of temporary relations, which is there once there is one.
    pub(super) temporary: Arc<str>,
    /// What it writes down for the audit log.
    pub(super) auditing: Auditing,
    /// Its own number.
    number: u64,
    /// The number of the statement that runs.
    statement: u64,
    cancel: Cancel,
    copy: Option<Receiving>,
    binary: Lent,
    changes: Vec<(String, String)>,
}

impl Session {
    /// A session of a role; no two have the same number.
    pub(super) fn new(database: Arc<Inner>, role: ObjectId, number: u64, notices: NoticeSink) -> Self {
        Self {
            settings: Settings::of_server(database.memory.limit()),
            listener: database.channels.listener(number),
            advisory: Arc::new(Advisory::new(database.manager.locks())),
            seat: database.activities.sit(number, role),
            database,
            pending: Pending::default(),
            temporary: temporary_schema(number).into(),
            login: role,
            role,
            settings_after: None,
            txn: None,
            status: Status::Idle,
            savepoints: Vec::new(),
            notices,
            params: Arc::default(),
            kept_plan: None,
            prepared: Arc::default(),
            shapes: Shapes::default(),
            text: None,
            cursors: Cursors::default(),
            in_string: false,
            taken: Arc::default(),
            auditing: Auditing::default(),
            number,
            statement: 0,
            cancel: Cancel::default(),
            copy: None,
            binary: None,
            changes: Vec::new(),
        }
    }

    /// Runs a string of statements as one transaction and gives the rows of the last one that has any.
    ///
    /// Columns are of the types in docs/sql.md; a numeric whose values show different places (a quotient, an average) is a column of texts
    /// whose field has `digits` under [`TYPE_METADATA`](crate::encoding::pg_text::TYPE_METADATA).
    pub async fn query(&mut self, sql: &str) -> Result<Vec<RecordBatch>> {
        let mut rows = Vec::new();
        let statements = self.parse(sql)?;
        self.in_string = statements.len() > 1;
        for statement in &statements {
            self.begin_implicit();
            let outcome = match self.execute(statement, Vec::new()).await {
                Ok(Outcome::Rows { stream, .. }) => stream.try_collect().await.map(Some).map_err(Error::from),
                Ok(Outcome::Command(_)) => Ok(None),
                Ok(Outcome::CopyIn { .. } | Outcome::CopyOut { .. }) => Err(Error::new(
                    Kind::Unsupported,
                    "COPY with the client's data needs a connection; use Session::execute and Session::copy_data",
                )),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(Some(batches)) => rows = batches,
                Ok(None) => {}
                Err(error) => {
                    self.rollback_implicit();
                    return Err(error);
                }
            }
        }
        self.commit_implicit().await?;
        Ok(rows)
    }

    /// Parses a string of statements.
    pub fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        let statements = parser::parse(sql).map_err(|error| position_of_words(error, sql))?;
        for name in parser::long_names(sql) {
            let message = format!("identifier \"{name}\" will be truncated to \"{}\"", parser::cut_name(&name));
            self.notify("NOTICE", Kind::NameTooLong, message);
        }
        Ok(statements)
    }

    /// Says what a statement takes and gives, without running it.
    pub async fn describe(&mut self, statement: &Statement, declared: &[Option<Field>]) -> Result<Description> {
        self.refuse_if_failed(statement)?;
        if let Some(txn) = &mut self.txn
            && txn.isolation() == Isolation::ReadCommitted
        {
            self.database.manager.refresh(txn)?;
        }
        self.params = Arc::default();
        let (context, state) = self.context();
        let described = caught::caught_now(|| describe(&context, &state, statement, declared));
        if let Err(error) = &described
            && error.kind() == Kind::Privilege
        {
            // It will not come to be run.
            self.kept_plan = None;
            self.statement = self.database.statements.next();
            self.begin_audit(statement, &statement.text, self.statement);
            self.end_audit(Err(error));
        }
        described.map_err(|error| position(error, statement))
    }

    /// Runs a statement in the session's transaction, which must be open: see [`Self::begin_implicit`]. Parameters that are texts
    /// have the types that the statement tells, others their own.
    pub async fn execute(&mut self, statement: &Statement, params: Vec<ScalarValue>) -> Result<Outcome> {
        if params.is_empty() {
            if statement.text.contains('$') {
                parameters::must_be_given(&statement.body).map_err(|error| position(error, statement))?;
            }
            return match Box::pin(self.learn(statement)).await {
                Some(known) => Box::pin(self.execute_recalled(&known)).await,
                None => self.execute_as_written(statement).await,
            };
        }
        let declared = parameters::told_by(&params);
        let fields: Vec<FieldRef> =
            self.describe(statement, &declared).await?.params.into_iter().map(Arc::new).collect();
        self.kept_plan = None;
        Box::pin(self.run_with(statement, &fields, params)).await
    }

    /// Runs a statement without parameters.
    pub(super) async fn execute_as_written(&mut self, statement: &Statement) -> Result<Outcome> {
        (self.params, self.kept_plan) = (Arc::default(), None);
        self.run(statement).await
    }

    /// Runs a statement with parameters of these types.
    pub(super) async fn run_with(
        &mut self,
        statement: &Statement,
        fields: &[FieldRef],
        params: Vec<ScalarValue>,
    ) -> Result<Outcome> {
        self.params = Arc::new(Parameters::bound(fields, params, &self.settings.zone())?);
        self.run(statement).await
    }

    async fn run(&mut self, statement: &Statement) -> Result<Outcome> {
        self.refuse_if_failed(statement)?;
        self.database.at_work.note(self.number);
        self.statement = self.database.statements.next();
        self.cancel.begin(self.settings.milliseconds("statement_timeout"));
        let text = self.text.take();
        self.seat.begin(
            text.as_deref().unwrap_or(&statement.text),
            self.settings.get("application_name").unwrap_or_default(),
        );
        if self.txn.is_none() {
            self.begin_implicit();
        }
        if execute::looks_at_data(statement)
            && let Some(txn) = &mut self.txn
        {
            self.database.manager.begin_statement(txn)?;
        }
        self.begin_audit(statement, text.as_deref().unwrap_or(&statement.text), self.statement);
        // A statement that sets the zone shows nothing; others are shown in the zone that they ran with.
        let zone = self.settings.zone();
        let outcome = match matches!(statement.body, Body::Sql(_)) && execute::looks_at_data(statement) {
            true => caught::caught(Box::pin(self.done(statement))).await,
            false => Box::pin(self.done(statement)).await,
        };
        self.end_audit(outcome.as_ref());
        let outcome = outcome.map_err(|error| position(error, statement))?;
        Ok(match outcome {
            Outcome::Rows { stream, schema, tag } if !zone.is_utc() => {
                let stream = shown::in_zone(stream, &zone);
                Outcome::Rows { schema: zone.schema(&schema).unwrap_or(schema), stream, tag }
            }
            outcome => outcome,
        })
    }

    async fn done(&mut self, statement: &Statement) -> Result<Outcome> {
        if let Body::Sql(sql) = &statement.body {
            // Of most blocks every statement is short.
            match sql.as_ref() {
                ast::Statement::StartTransaction { modes, begin, .. } => {
                    return block::begin_block(self, modes, *begin);
                }
                ast::Statement::Commit { chain, .. } => {
                    return Box::pin(block::end_block(self, *chain, "COMMIT")).await;
                }
                _ => {}
            }
        }
        let short = match execute::is_query(statement) {
            true => self.look_up()?,
            false if self.kept_plan.is_some() => match self.change_at_once()? {
                None if self.kept_change().is_some() => Box::pin(execute::change_by_key(self)).await?,
                done => done,
            },
            false => None,
        };
        match short {
            Some(done) => Ok(done),
            None => {
                let params = self.params.values().map(<[_]>::to_vec).unwrap_or_default();
                // On the heap: what the short ways do not need is none of theirs to carry.
                Box::pin(execute::execute(self, statement, params)).await
            }
        }
    }

    /// Only the end of a broken block is heard.
    fn refuse_if_failed(&self, statement: &Statement) -> Result<()> {
        let ends = match &statement.body {
            Body::Sql(sql) => matches!(sql.as_ref(), ast::Statement::Rollback { .. } | ast::Statement::Commit { .. }),
            Body::Own(_) => false,
        };
        match self.status == Status::Failed && !ends {
            true => Err(Error::new(
                Kind::FailedTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            )),
            false => Ok(()),
        }
    }

    /// What the next statement runs with.
    pub(super) fn context(&self) -> (Arc<Context>, SessionState) {
        let context = self.statement_context();
        let (mut state, zone) = (self.database.state(), context.zone());
        if !zone.is_utc() {
            state.config_mut().options_mut().extensions.insert(SessionZone(zone));
        }
        (Arc::new(context), state)
    }

    /// As [`Self::context`], without the engine.
    pub(super) fn statement_context(&self) -> Context {
        let snapshot = match &self.txn {
            Some(txn) => txn.snapshot().clone(),
            None => (*self.database.manager.current()).clone(),
        };
        Context {
            database: self.database.clone(),
            snapshot,
            role: self.role,
            viewer: self.role,
            session_role: self.login,
            settings: Arc::new(self.settings.clone()),
            temporary: Some(self.temporary.clone()),
            reads: self.txn.as_ref().and_then(|txn| txn.reads().cloned()),
            with: None,
            opening: Vec::new(),
            policing: Vec::new(),
            locked: Arc::default(),
            params: self.params.clone(),
            prepared: self.prepared.clone(),
            cursors: self.cursors.shown(),
            taken: self.taken.clone(),
            read_only: self.txn.as_ref().is_some_and(Transaction::is_read_only),
            pending: self.pending.clone(),
            statement: self.statement,
            noted: self.database.manager.audit().logs(AuditAction::Read).then(|| self.auditing.noted().clone()),
            model_rows: Arc::default(),
            listings: Arc::default(),
            cancel: self.cancel.clone(),
            activity: self.seat.activity().clone(),
            advisory: self.advisory.clone(),
            owner: self.txn.as_ref().map(|txn| Arc::downgrade(txn.owner())).unwrap_or_default(),
            notices: self.notices.clone(),
        }
    }

    /// The open transaction.
    pub(super) fn transaction(&mut self) -> Result<&mut Transaction> {
        self.txn.as_mut().ok_or_else(|| Error::internal("a statement runs without a transaction"))
    }

    /// Opens a transaction if none is open; it lasts until [`Self::commit_implicit`] or [`Self::rollback_implicit`].
    pub fn begin_implicit(&mut self) {
        if self.txn.is_none() {
            let read_only = self.settings.get("default_transaction_read_only").is_ok_and(|v| v == "on");
            let isolation = self.settings.get("default_transaction_isolation").ok().and_then(Isolation::from_name);
            let mut txn = self.database.manager.begin(read_only);
            // Nothing has run in it: it takes any level.
            let _ = txn.set_isolation(isolation.unwrap_or_default());
            self.txn = Some(txn);
        }
    }

    /// Whether the statement that comes is one of several in a string, which are one transaction.
    pub fn set_in_string(&mut self, in_string: bool) {
        self.in_string = in_string;
    }

    /// Commits what [`Self::begin_implicit`] opened; a block that a BEGIN opened stays.
    pub async fn commit_implicit(&mut self) -> Result<()> {
        let committed = self.commit_unless_in_block().await;
        self.rest();
        committed
    }

    /// Says that it waits for the client.
    fn rest(&self) {
        self.seat.rest(self.status.into());
    }

    /// Commits the implicit transaction.
    pub(super) async fn commit_unless_in_block(&mut self) -> Result<()> {
        if self.status != Status::Idle {
            return Ok(());
        }
        let settled = match self.txn.as_ref().is_some_and(|txn| !txn.deferred().is_empty()) {
            true => Box::pin(statements::settle_before_commit(self)).await,
            false => Ok(()),
        };
        if let Err(error) = settled.and_then(|()| temporary::before_commit(self)) {
            self.rollback_implicit();
            return Err(error);
        }
        let committed = match self.txn.take() {
            Some(txn) => self.commit(Box::new(txn)).await,
            None => Ok(0),
        };
        match committed {
            Ok(_) => self.cursors.commit(),
            Err(_) => self.cursors.roll_back(),
        }
        committed.map(|_| ())
    }

    /// Commits the session's transaction, and tells those who listen.
    pub(super) async fn commit(&mut self, mut txn: Box<Transaction>) -> Result<u64> {
        let entries = Arc::new(self.take_audit());
        // What writes nothing has no batch to go with.
        let goes_with = !txn.is_empty() && !entries.is_empty();
        if goes_with {
            txn.set_audit(entries.clone());
        }
        let pid = self.seat.activity().pid();
        let committed = match channels::begin_commit(&self.database, *txn, &self.pending, (&mut self.listener, pid)) {
            Ok(committing) => self.database.wait(committing).await,
            Err(error) => Err(error),
        };
        match &committed {
            Ok(_) if goes_with => {}
            committed => self.note_audit(Arc::unwrap_or_clone(entries), committed.is_ok()),
        }
        committed
    }

    /// Says that the session is that of a connection.
    pub fn set_connection(&mut self, connection: Connection) {
        self.seat.connect(connection);
    }

    /// Notifications since the last call, of channels that it listens to.
    pub fn take_notifications(&mut self) -> Vec<Notification> {
        self.listener.take()
    }

    /// What rings when there are notifications.
    pub fn bell(&self) -> Arc<tokio::sync::Notify> {
        self.listener.bell()
    }

    /// After an error: undoes the implicit transaction, breaks an explicit one, forgets a COPY.
    pub fn rollback_implicit(&mut self) {
        self.copy = None;
        match self.status {
            Status::Idle => {
                self.txn = None;
                self.audit_rolled_back();
                self.cursors.roll_back();
                self.pending.clear();
            }
            Status::Block | Status::Failed => {
                self.status = Status::Failed;
                if self.savepoints.is_empty() {
                    self.cursors.roll_back();
                }
                // Others need not wait for what comes to nothing; what was locked before a savepoint may still count.
                match (self.savepoints.last(), &self.txn) {
                    (Some(saved), _) => saved.txn.release_locks(),
                    (None, Some(txn)) => txn.owner().release_from(0),
                    (None, None) => {}
                }
            }
        }
        self.rest();
    }

    /// Columns of the rows of the cursor of this name.
    pub fn cursor(&self, name: &str) -> Option<SchemaRef> {
        self.cursors.schema(name)
    }

    /// Ends the cursor of this name; says whether there was one.
    pub fn close_cursor(&mut self, name: &str) -> bool {
        self.cursors.close(name)
    }

    /// Has the transaction see what is committed by now.
    pub(super) fn refresh(&mut self) -> Result<()> {
        match &mut self.txn {
            Some(txn) => self.database.manager.refresh(txn),
            None => Ok(()),
        }
    }

    /// Where the block stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Asks the running statement to stop, from another thread.
    pub fn cancel_handle(&self) -> Cancel {
        self.cancel.clone()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The value of a text of `timestamptz`, or of an array of it, by the session's clocks; none where they say nothing else than UTC.
    pub fn read_moments(&self, text: &str, moments: &SqlType) -> Option<Result<ScalarValue>> {
        let zone = self.settings.zone();
        if zone.is_utc() {
            return None;
        }
        let text: ArrayRef = Arc::new(StringArray::from(vec![text.trim()]));
        Some(zone.assign(&text, moments).and_then(|value| Ok(ScalarValue::try_from_array(&value, 0)?)))
    }

    /// The store below.
    pub(super) fn store(&self) -> &Arc<crate::storage::Store> {
        self.database.manager.store()
    }

    /// Whether the role may do everything.
    pub fn is_superuser(&self) -> bool {
        self.database.manager.current().catalog.is_superuser(self.role)
    }

    /// Sends a notice.
    pub(super) fn notify(&self, severity: &'static str, kind: impl Into<Option<Kind>>, message: impl Into<String>) {
        (self.notices)(Notice { severity, kind: kind.into(), message: message.into() });
    }

    /// Lends the session the binary form of values, for COPY.
    pub fn set_binary_form(&mut self, form: Arc<dyn BinaryForm>) {
        self.binary = Some(form);
    }

    pub(super) fn binary_form(&self) -> &Lent {
        &self.binary
    }

    /// Begins to receive data.
    pub(super) fn begin_copy(&mut self, copy: Receiving) {
        self.copy = Some(copy);
    }

    /// Takes a piece of the data of COPY FROM; pieces end anywhere.
    pub async fn copy_data(&mut self, data: &[u8]) -> Result<()> {
        let (Some(copy), Some(txn)) = (self.copy.as_mut(), self.txn.as_mut()) else {
            return Err(Error::new(Kind::Protocol, "there is no COPY to take data"));
        };
        copy.feed(txn, data).await
    }

    /// Ends COPY FROM; gives its tag.
    pub async fn copy_finish(&mut self) -> Result<String> {
        let (Some(copy), Some(txn)) = (self.copy.take(), self.txn.as_mut()) else {
            return Err(Error::new(Kind::Protocol, "there is no COPY to end"));
        };
        let tag = format!("COPY {}", copy.finish(txn).await?);
        self.note_done(&tag);
        Ok(tag)
    }

    /// Forgets COPY FROM.
    pub fn copy_fail(&mut self) {
        self.copy = None;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.audit_rolled_back();
        // Nothing may hold what goes now.
        (self.copy, self.txn) = (None, None);
        self.savepoints.clear();
        temporary::end(&self.database, &self.temporary);
    }
}
