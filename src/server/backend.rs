//! What the door needs from the house behind it.
//!
//! The wire protocol is one way to reach a session; the traits here are all that it asks for. A [`Backend`] knows who
//! may log in and opens a [`Session`] for each connection; a session parses, describes and executes one statement at a
//! time. Nothing of the protocol reaches it, and nothing of SQL is known on this side.
//!
//! **Transactions.** The server wraps every query string, and every run of extended messages up to a Sync, in an
//! *implicit transaction*: [`Session::begin_implicit`] before each statement, [`Session::commit_implicit`] at the end,
//! [`Session::rollback_implicit`] when anything went wrong. An explicit `BEGIN` takes over from the implicit one.
//!
//! **Cancelling.** The server sets the session's [`CancelHandle`] and waits a moment for `execute` to end by itself;
//! then it drops the future. A session must stay usable when a future of its is dropped at an await point.

use super::engine::engine_error;
use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use crate::sql::Encryption;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::stream::BoxStream;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// A parsed statement, known only to the session that made it.
pub type Statement = Arc<dyn Any + Send + Sync>;

/// Everything that the server serves.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The SCRAM-SHA-256 verifier of a role that may log in. For `None` the server plays a login that cannot succeed,
    /// so that a client cannot tell an unknown role from a wrong password.
    fn scram_verifier(&self, role: &str) -> Option<Verifier>;

    /// A salt for a role that is not there: always the same for a name, and nothing that a client can compute.
    fn mock_salt(&self, role: &str) -> Result<[u8; 16]>;

    /// [`Kind::NotAuthorized`] unless the role is there and may log in: for those who prove themselves without a password.
    fn must_log_in(&self, role: &str) -> Result<()>;

    /// Whether a role is a member of another, as rules mean it.
    fn is_member(&self, role: &str, group: &str) -> bool;

    /// Whether a role may have one of the last connections, which are kept for those who can help when all are taken.
    fn is_superuser(&self, role: &str) -> bool;

    /// Keeps what is to be done when a client asks that files of settings are read again.
    fn on_reload(&self, _act: Arc<dyn Fn() + Send + Sync>) {}

    /// Hears that a client was refused at the door as this role, with what SQLSTATE.
    fn note_refusal(&self, _role: &str, _address: IpAddr, _sqlstate: &str) {}

    /// Opens a session for a role that has proved itself. Errors go to the client and end the connection: an unknown
    /// database is [`Kind::UndefinedDatabase`].
    async fn connect(&self, startup: Startup, notices: NoticeSink) -> Result<Box<dyn Session>>;
}

/// One client's conversation: its role, settings, transaction. Dropping it rolls back what is open.
#[async_trait]
pub trait Session: Send {
    /// Parses a query string into its statements; none for an empty one.
    fn parse(&self, sql: &str) -> Result<Vec<Statement>>;

    /// The statement that a string is, if the session knows it without parsing; it takes no parameters.
    fn recall(&self, _sql: &str) -> Option<Statement> {
        None
    }

    /// Finds out what parameters a statement takes and what rows it gives, without running it, and keeps it under a name;
    /// one without a name takes the place of the last. `params` holds the type OIDs that the client declared, `None` where it
    /// leaves the choice to the server; a declared type is kept. No statement stands for an empty text. A name that is taken is
    /// [`Kind::DuplicateStatement`]; SQL's PREPARE may have taken it.
    async fn prepare(&mut self, name: &str, statement: Option<Statement>, params: &[Option<u32>]) -> Result<()>;

    /// The statement that is kept under a name.
    fn prepared(&self, name: &str) -> Option<Prepared>;

    /// Forgets the statement of this name, if there is one.
    fn forget(&mut self, name: &str);

    /// What a statement asks of a portal: SQL's cursors and the protocol's portals have names of one kind.
    fn asks(&self, _statement: &Statement) -> Option<Asks> {
        None
    }

    /// Columns of the rows of SQL's cursor of this name.
    fn cursor(&self, _name: &str) -> Option<SchemaRef> {
        None
    }

    /// Ends SQL's cursor of this name, if there is one.
    fn close_cursor(&mut self, _name: &str) {}

    /// The encoding that the client speaks.
    fn charset(&self) -> Charset {
        Charset::Utf8
    }

    /// The value of a text of a type that the session's settings have a say in; none for what means the same in all sessions.
    fn read_text(&self, _type_oid: u32, _text: &str) -> Option<Result<ScalarValue>> {
        None
    }

    /// Runs a statement. `params` are typed by the OIDs that [`Prepared`] has.
    async fn execute(&mut self, statement: &Statement, params: Vec<ScalarValue>) -> Result<Outcome>;

    /// Where the explicit transaction stands; an implicit one counts as [`TransactionStatus::Idle`].
    fn transaction_status(&self) -> TransactionStatus;

    /// The flag that stops the running statement. One handle for the session's whole life.
    fn cancel_handle(&self) -> CancelHandle;

    /// How long a statement may run, streaming included.
    fn statement_timeout(&self) -> Option<Duration> {
        None
    }

    /// How long the client may say nothing as things stand: `idle_in_transaction_session_timeout` in a block,
    /// `idle_session_timeout` outside.
    fn idle_timeout(&self) -> Option<Idle> {
        None
    }

    /// What an error of a stream of rows means to the client.
    fn explain_error(&self, error: DataFusionError) -> Error {
        engine_error(&error)
    }

    /// Opens an implicit transaction; does nothing when any transaction is open. `statements` is how many the query
    /// string holds, for those that must be alone.
    async fn begin_implicit(&mut self, statements: usize) -> Result<()>;

    /// Commits the implicit transaction durably; does nothing when none is open.
    async fn commit_implicit(&mut self) -> Result<()>;

    /// Called after every error that the client is told: the implicit transaction is undone, an explicit block becomes
    /// [`TransactionStatus::Failed`], a COPY that was being received is forgotten.
    async fn rollback_implicit(&mut self);

    /// Takes a piece of the data of the COPY that `execute` began; pieces end anywhere.
    async fn copy_data(&mut self, data: Bytes) -> Result<()>;

    /// Ends the COPY and gives its tag, such as `COPY 12`.
    async fn copy_finish(&mut self) -> Result<String>;

    /// Forgets the COPY: the client gave up, or an error was found.
    async fn copy_fail(&mut self);

    /// Notifications since the last call, of channels that it listens to.
    fn take_notifications(&mut self) -> Vec<Notification> {
        Vec::new()
    }

    /// What rings when there are notifications.
    fn bell(&self) -> Option<Arc<Notify>> {
        None
    }

    /// Settings that the client must hear of since the last call, by PostgreSQL's names (`TimeZone`, `DateStyle`,
    /// `application_name`, `is_superuser`, ...). The first call, at login, gives what differs from the server's own
    /// defaults.
    fn take_parameter_changes(&mut self) -> Vec<(String, String)>;
}

/// A message of a channel that the client listens to.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The number of the connection that sent it.
    pub pid: i32,
    /// The channel.
    pub channel: String,
    /// What it says.
    pub payload: String,
}

/// A statement that is kept.
#[derive(Clone)]
pub struct Prepared {
    /// The statement; `None` for an empty text.
    pub statement: Option<Statement>,
    /// Type OIDs of its parameters, in order.
    pub params: Vec<u32>,
    /// Columns of its rows; `None` when it gives none.
    pub columns: Option<SchemaRef>,
}

/// What a statement of SQL asks of a portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// That there is none of this name.
    Declare(String),
    /// Some of its next rows; what goes before them is passed over.
    Fetch {
        /// Its name.
        name: String,
        /// Rows to pass over.
        skip: u64,
        /// Rows to give.
        rows: u64,
        /// They are counted only.
        only_moves: bool,
    },
    /// Rows that it may have passed.
    Back(String),
    /// Its end; that of all without a name.
    Close(Option<String>),
}

/// What came of a statement.
pub enum Outcome {
    /// Rows.
    Rows {
        /// Columns of the rows. With [`BINARY_ROWS`](crate::sql::BINARY_ROWS) in its metadata they go in the binary form
        /// where the client says nothing.
        schema: SchemaRef,
        /// The rows; an error ends them.
        stream: SendableRecordBatchStream,
        /// Command tag without its count: `SELECT`, `FETCH`, `INSERT 0`, `SHOW`.
        tag: String,
    },
    /// A command without rows, with its whole tag: `INSERT 0 3`, `CREATE TABLE`.
    Command {
        /// The tag.
        tag: String,
    },
    /// The client sends data now: `COPY ... FROM STDIN`.
    CopyIn {
        /// Columns of the data.
        columns: usize,
        /// Whether they come in the binary form.
        binary: bool,
    },
    /// The client receives data: `COPY ... TO STDOUT`.
    CopyOut {
        /// Columns of the data.
        columns: usize,
        /// Whether they go in the binary form.
        binary: bool,
        /// The data.
        stream: BoxStream<'static, Result<CopyChunk>>,
    },
    /// An empty statement.
    Empty,
}

/// Some rows of a COPY to the client.
#[derive(Debug, Clone, Default)]
pub struct CopyChunk {
    /// The bytes of all its messages.
    pub data: Bytes,
    /// Where each message ends in `data`. One message for each row (or header line), since clients read them so.
    pub ends: Vec<usize>,
    /// How many of them count as rows.
    pub rows: u64,
}

/// Where a session's explicit transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// None.
    Idle,
    /// In a block.
    Block,
    /// In a block that an error broke, and that only ROLLBACK ends.
    Failed,
}

/// How long a client may be idle, and which of the two settings says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// So long within a transaction.
    InTransaction(Duration),
    /// So long outside of one.
    Session(Duration),
}

/// What PostgreSQL stores instead of a password (RFC 5802).
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// Salt of the password.
    pub salt: Vec<u8>,
    /// SHA-256 of the client key: proves the client.
    pub stored_key: Vec<u8>,
    /// Proves the server to the client.
    pub server_key: Vec<u8>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys stay out of logs.
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// Who connects.
#[derive(Debug, Clone)]
pub struct Startup {
    /// The role, which has proved that it is.
    pub role: String,
    /// The database asked for; the role's name when none was.
    pub database: String,
    /// Everything else the client said at start-up: `application_name`, `TimeZone`, `options`, ...
    pub parameters: BTreeMap<String, String>,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The connection's number, `pg_backend_pid()`.
    pub pid: i32,
    /// How the connection is encrypted, if it is.
    pub encryption: Option<Encryption>,
}

/// How grave a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// For debugging.
    Debug,
    /// Asked for by the client, such as progress.
    Info,
    /// Good to know.
    Notice,
    /// Something the client may regret.
    Warning,
}

/// A message beside the results.
#[derive(Debug, Clone)]
pub struct Notice {
    /// How grave it is.
    pub severity: Severity,
    /// What it is about, where it has a code of its own.
    pub kind: Option<Kind>,
    /// What it says.
    pub message: String,
    /// A second sentence.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// Sends notices to one client while its statement runs. Cheap to clone, usable from any thread, never blocks: a client
/// that does not read loses notices, never results.
#[derive(Clone)]
pub struct NoticeSink(mpsc::Sender<Notice>);

impl NoticeSink {
    /// A sink, and where its notices come out.
    pub fn channel() -> (Self, mpsc::Receiver<Notice>) {
        let (sender, receiver) = mpsc::channel(crate::config::NOTICES_MAX);
        (Self(sender), receiver)
    }

    /// Sends a notice.
    pub fn send(&self, notice: Notice) {
        // Full or closed: nobody reads, and a notice is no reason to stop.
        let _ = self.0.try_send(notice);
    }

    /// Sends a text of some severity.
    pub fn say(&self, severity: Severity, message: impl Into<String>) {
        self.tell(severity, None, message);
    }

    /// Sends a text of some severity, with the code of what it is about.
    pub fn tell(&self, severity: Severity, kind: Option<Kind>, message: impl Into<String>) {
        self.send(Notice { severity, kind, message: message.into(), detail: None, hint: None });
    }
}

/// The flag that asks a running statement to stop, and the bell that wakes whoever waits for it.
#[derive(Debug, Clone, Default)]
pub struct CancelHandle {
    flag: Arc<AtomicBool>,
    bell: Arc<Notify>,
    ended: Arc<AtomicBool>,
}

impl CancelHandle {
    /// A handle over a flag and a bell that another room made.
    pub fn from_parts(flag: Arc<AtomicBool>, bell: Arc<Notify>) -> Self {
        Self { flag, bell, ended: Arc::default() }
    }

    /// Ends the connection, and what runs for it.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.cancel();
    }

    /// Whether the connection is to end.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Waits until the connection is to end.
    pub async fn ended(&self) {
        self.until(|| self.is_ended()).await;
    }

    /// Asks the running statement to stop.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.bell.notify_waiters();
    }

    /// Forgets a request: a new statement begins.
    pub fn reset(&self) {
        self.flag.store(false, Ordering::SeqCst);
    }

    /// Whether the running statement should stop.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// An error of [`Kind::Cancelled`] when the running statement should stop.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::cancelled());
        }
        Ok(())
    }

    /// Waits until somebody asks.
    pub async fn cancelled(&self) {
        self.until(|| self.is_cancelled()).await;
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let rung = self.bell.notified();
            tokio::pin!(rung);
            // Listen first, then look: a request between the two is heard.
            rung.as_mut().enable();
            if holds() {
                return;
            }
            rung.await;
        }
    }
}
