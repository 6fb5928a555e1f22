//! What one statement runs with: the database, the snapshot it sees, the role it runs as, its settings.

use super::activity::Activity;
use super::advisory::Advisory;
use super::audit::Noted;
use super::channels::Pending;
use super::cursor::Shown;
use super::database::Inner;
use super::locking::Locked;
use super::parameters::Parameters;
use super::prepared::Prepareds;
use super::sequences::Taken;
use super::settings::{Settings, show_milliseconds};
use super::tables::Listings;
use super::values::Zone;
use crate::catalog::{ObjectId, Privilege, is_temporary};
use crate::error::{Error, Kind, Result};
use crate::txn::locks::Owner;
use crate::txn::{Reads, Snapshot};
use datafusion::sql::sqlparser::ast;
use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Instant;

/// A message to the client while its statement runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE`, `WARNING` or `INFO`.
    pub severity: &'static str,
    /// What it is about, where PostgreSQL's has a code of its own.
    pub kind: Option<Kind>,
    /// The message.
    pub message: String,
}

/// Where notices go: the wire, a terminal, or nowhere.
pub type NoticeSink = Arc<dyn Fn(Notice) + Send + Sync>;

/// Asks a running statement to stop, or stops it when its time is over. Clones are of the same statement.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    asked: Arc<AtomicBool>,
    /// Milliseconds of [`CLOCK`] at which the time is over; 0 for no limit.
    deadline_ms: Arc<AtomicU64>,
}

/// When this process first asked for the time.
static CLOCK: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds of [`CLOCK`].
pub(super) fn now_ms() -> u64 {
    CLOCK.elapsed().as_millis() as u64
}

impl Cancel {
    /// The flag itself, for a handle of another kind over it.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.asked.clone()
    }

    /// Asks it to stop.
    pub fn cancel(&self) {
        self.asked.store(true, Ordering::Release);
    }

    /// A statement begins: earlier requests are forgotten, and its time runs from now. A limit of 0 is none.
    pub fn begin(&self, limit_ms: u64) {
        self.asked.store(false, Ordering::Release);
        let deadline_ms = if limit_ms == 0 { 0 } else { now_ms().saturating_add(limit_ms).max(1) };
        self.deadline_ms.store(deadline_ms, Ordering::Release);
    }

    /// Whether it should stop.
    pub fn is_cancelled(&self) -> bool {
        self.asked.load(Ordering::Acquire) || self.is_late()
    }

    /// [`Kind::Cancelled`] if it should stop, with the reason.
    pub fn check(&self) -> Result<()> {
        let cause = match (self.is_late(), self.asked.load(Ordering::Acquire)) {
            (true, _) => "statement timeout",
            (false, true) => "user request",
            (false, false) => return Ok(()),
        };
        Err(Error::new(Kind::Cancelled, format!("canceling statement due to {cause}")))
    }

    fn is_late(&self) -> bool {
        let deadline_ms = self.deadline_ms.load(Ordering::Acquire);
        deadline_ms != 0 && now_ms() >= deadline_ms
    }
}

/// What one statement runs with. Functions, tables and the gate get it as an [`Arc`].
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub(super) database: Arc<Inner>,
    /// What the statement sees.
    pub(super) snapshot: Snapshot,
    /// The role whose rights count.
    pub(super) role: ObjectId,
    /// The role that looks at the result: in a view the reader, while `role` is the owner. Masks are the viewer's.
    pub(super) viewer: ObjectId,
    /// The role that logged in.
    pub(super) session_role: ObjectId,
    /// The session's settings.
    pub(super) settings: Arc<Settings>,
    /// The session's schema of temporary relations; none for what was written where they must not count, as in a view.
    pub(super) temporary: Option<Arc<str>>,
    /// Notes the tables that a serializable transaction reads.
    pub(super) reads: Option<Reads>,
    /// The WITH queries before a statement that changes rows, in reach of all its parts.
    pub(super) with: Option<Arc<ast::With>>,
    /// The views whose queries are being planned, each within the one before.
    pub(super) opening: Vec<ObjectId>,
    /// The tables whose row policies are being asked, each within the one before.
    pub(super) policing: Vec<ObjectId>,
    /// Rows that stand in for queries that locked them, or that changed them.
    pub(super) locked: Arc<Locked>,
    /// Types and values of the statement's parameters.
    pub(super) params: Arc<Parameters>,
    /// The session's prepared statements.
    pub(super) prepared: Arc<Prepareds>,
    /// The session's cursors.
    pub(super) cursors: Arc<Vec<Arc<Shown>>>,
    /// The numbers that the session took of sequences.
    pub(super) taken: Arc<Taken>,
    /// The transaction may not write.
    pub(super) read_only: bool,
    /// Notifications that go when the transaction is committed.
    pub(super) pending: Pending,
    /// The statement's number.
    pub(super) statement: u64,
    /// Where reads of sensitive columns are noted, if they are logged.
    pub(super) noted: Option<Arc<Noted>>,
    /// Rows that model functions have seen.
    pub(super) model_rows: Arc<AtomicU64>,
    /// What sources offer, each asked once.
    pub(super) listings: Arc<Listings>,
    /// Asks the statement to stop.
    pub(super) cancel: Cancel,
    /// The session's advisory locks.
    pub(super) advisory: Arc<Advisory>,
    /// Who holds the transaction's locks, as long as it lasts: a plan that is kept keeps no locks.
    pub(super) owner: Weak<Owner>,
    /// What is told of the session.
    pub(super) activity: Arc<Activity>,
    /// Where notices go.
    pub(super) notices: NoticeSink,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("role", &self.role).field("seq", &self.snapshot.seq).finish_non_exhaustive()
    }
}

impl Context {
    /// The session's time zone.
    pub fn zone(&self) -> Zone {
        self.settings.zone()
    }

    /// The statement's number, as a UUID.
    pub fn statement_id(&self) -> String {
        self.database.statements.id(self.statement).to_string()
    }

    /// Sends a NOTICE.
    pub fn notice(&self, message: impl Into<String>) {
        (self.notices)(Notice { severity: "NOTICE", kind: None, message: message.into() });
    }

    /// Sends a NOTICE of what would be an error of this kind elsewhere.
    pub fn notice_of(&self, kind: Kind, message: impl Into<String>) {
        (self.notices)(Notice { severity: "NOTICE", kind: Some(kind), message: message.into() });
    }

    /// Sends a WARNING.
    pub fn warn(&self, message: impl Into<String>) {
        (self.notices)(Notice { severity: "WARNING", kind: None, message: message.into() });
    }

    /// The same statement with another role's rights, a view's owner; who looks stays who looks.
    pub fn with_role(&self, role: ObjectId) -> Arc<Self> {
        Arc::new(Self { role, ..self.clone() })
    }

    /// The same statement with the rights of who looks, as a function in SQL has them that a view calls.
    pub fn as_reader(&self) -> Arc<Self> {
        self.with_role(self.viewer)
    }

    /// Whether the rights of another than who looks count: within a view.
    pub fn is_within_view(&self) -> bool {
        self.role != self.viewer
    }

    /// Whether the role may do everything.
    pub fn is_superuser(&self) -> bool {
        self.snapshot.catalog.is_superuser(self.role)
    }

    /// Whether the role is a superuser, or of the role of this name, which allows something outside of the database.
    pub fn is_allowed_by(&self, group: &str) -> bool {
        self.is_superuser() || self.snapshot.catalog.role(group).is_some_and(|(id, _)| self.has_role(id))
    }

    /// Whether the role is, or has the rights of, another.
    pub fn has_role(&self, other: ObjectId) -> bool {
        self.is_superuser() || self.snapshot.catalog.memberships(self.role).contains(&other)
    }

    /// The value of a setting, or of what PostgreSQL shows as one: who the session is.
    pub fn setting(&self, name: &str) -> Result<Cow<'_, str>> {
        let catalog = &self.snapshot.catalog;
        Ok(match name.to_ascii_lowercase().as_str() {
            "is_superuser" => if catalog.is_superuser(self.role) { "on" } else { "off" }.into(),
            "role" if self.viewer == self.session_role => "none".into(),
            "role" => catalog.role_name(self.viewer).into(),
            "session_authorization" => catalog.role_name(self.session_role).into(),
            "steward.audit" => self.database.manager.audit().rules().level.name().into(),
            "steward.audit_retention" => show_milliseconds(self.database.manager.audit().rules().retention_ms).into(),
            "steward.retention" => show_milliseconds(self.database.manager.store().kept()?.ms).into(),
            _ => self.settings.get(name)?.into(),
        })
    }

    /// Whether one of the role's grants gives this right on the whole object.
    pub fn has_grant(&self, grants: &[crate::catalog::Grant], privilege: Privilege) -> bool {
        let roles = self.snapshot.catalog.memberships(self.role);
        grants.iter().any(|g| g.privilege == privilege && g.columns.is_none() && roles.contains(&g.role))
    }

    /// Refuses who neither owns the object nor is superuser.
    pub fn must_own(&self, owner: ObjectId, what: &str, name: &str) -> Result<()> {
        match self.has_role(owner) {
            true => Ok(()),
            false => Err(Error::new(Kind::Privilege, format!("must be owner of {what} {name}"))),
        }
    }

    /// Refuses who is not superuser.
    pub fn must_be_superuser(&self, to: &str) -> Result<()> {
        match self.is_superuser() {
            true => Ok(()),
            false => Err(Error::new(Kind::Privilege, format!("must be superuser to {to}"))),
        }
    }

    /// The same statement where temporary relations do not count: within what was written for everybody.
    pub fn without_temporary(&self) -> Self {
        Self { temporary: None, ..self.clone() }
    }

    /// The schema that a written one is: `pg_temp` is the session's own.
    pub fn schema<'a>(&'a self, written: &'a str) -> &'a str {
        match (written, &self.temporary) {
            ("pg_temp", Some(own)) => own,
            _ => written,
        }
    }

    /// Whether a schema is the session's of temporary relations.
    pub fn is_own_temporary(&self, schema: &str) -> bool {
        self.temporary.as_deref() == Some(schema)
    }

    /// The schemas in which a relation is looked for, the catalogue's among them.
    pub fn path(&self) -> Vec<String> {
        let path = self.settings.search_path();
        let mut path: Vec<String> = path.iter().map(|schema| self.schema(schema).to_owned()).collect();
        if !path.iter().any(|schema| schema == "pg_catalog") {
            path.insert(0, "pg_catalog".to_owned());
        }
        if let Some(own) = self.temporary.as_deref().filter(|own| !path.iter().any(|schema| schema == own)) {
            path.insert(0, own.to_owned());
        }
        path
    }

    /// Refuses temporary relations of other sessions.
    pub fn must_reach(&self, schema: &str) -> Result<()> {
        match is_temporary(schema) && !self.is_own_temporary(schema) {
            false => Ok(()),
            true => Err(Error::new(Kind::Unsupported, "cannot access temporary tables of other sessions")),
        }
    }

    /// Schema and name of a relation: the written schema, or the first of the search path that has the name; for a name
    /// that is nowhere, the first schema of the path. The session's temporary relations come first unless the path says
    /// where.
    pub fn resolve(&self, schema: Option<&str>, name: &str) -> (String, String) {
        if let Some(schema) = schema {
            return (self.schema(schema).to_owned(), name.to_owned());
        }
        let path = self.settings.search_path();
        let is_there = |schema: &str| {
            self.snapshot.catalog.relation(schema, name).is_some()
                || (schema == "steward" && super::system::exists(name))
        };
        let first = self.temporary.as_deref().filter(|_| !path.iter().any(|schema| schema == "pg_temp"));
        let mut all = first.into_iter().chain(path.iter().map(|schema| self.schema(schema)));
        let found = all.find(|schema| is_there(schema));
        let schema = found.or(path.first().map(String::as_str)).unwrap_or("public");
        (schema.to_owned(), name.to_owned())
    }
}
