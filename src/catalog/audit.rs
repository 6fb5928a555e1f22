//! What the audit log keeps: who did what, and when.

use super::object::ObjectId;
use crate::encoding::{unhex, uuid};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How much is logged; each level has what those before it have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AuditLevel {
    /// Nothing but changes of this setting.
    None,
    /// Logins, definitions, rights, policies, keys, erasure, training, and what was refused for want of a right.
    Ddl,
    /// Changes of rows as well.
    Write,
    /// Reads of sensitive columns as well.
    Read,
}

impl AuditLevel {
    /// Every level.
    pub const ALL: [Self; 4] = [Self::None, Self::Ddl, Self::Write, Self::Read];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ddl => "ddl",
            Self::Write => "write",
            Self::Read => "read",
        }
    }

    /// The level of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuditAction {
    /// Somebody logged in.
    Login,
    /// Somebody was refused at the door.
    LoginFailed,
    /// An object was made, changed or dropped.
    Ddl,
    /// Roles, and who may do what.
    Rights,
    /// Masking policies, row policies, and what they are bound to.
    Policy,
    /// Tags and classes of columns.
    Tag,
    /// Keys were replaced.
    Key,
    /// Values were erased.
    Erasure,
    /// A model was trained.
    Training,
    /// The database as a whole: backup, export, settings of the system.
    System,
    /// Rows were changed.
    Write,
    /// Sensitive columns were read.
    Read,
    /// A statement was refused for want of a right.
    Denied,
    /// The log itself: its level, what of it is kept.
    Audit,
}

impl AuditAction {
    /// Every action, in the order of their numbers.
    const ALL: [Self; 14] = [
        Self::Login,
        Self::LoginFailed,
        Self::Ddl,
        Self::Rights,
        Self::Policy,
        Self::Tag,
        Self::Key,
        Self::Erasure,
        Self::Training,
        Self::System,
        Self::Write,
        Self::Read,
        Self::Denied,
        Self::Audit,
    ];

    /// Its number in the log.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The action of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginFailed => "login_failed",
            Self::Ddl => "ddl",
            Self::Rights => "rights",
            Self::Policy => "policy",
            Self::Tag => "tag",
            Self::Key => "key",
            Self::Erasure => "erasure",
            Self::Training => "training",
            Self::System => "system",
            Self::Write => "write",
            Self::Read => "read",
            Self::Denied => "denied",
            Self::Audit => "audit",
        }
    }

    /// The level from which on it is logged.
    pub fn level(self) -> AuditLevel {
        match self {
            Self::Audit => AuditLevel::None,
            Self::Write => AuditLevel::Write,
            Self::Read => AuditLevel::Read,
            _ => AuditLevel::Ddl,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuditState {
    /// It is so.
    Done,
    /// Its transaction was rolled back.
    RolledBack,
    /// It was refused, or failed.
    Failed,
}

impl AuditState {
    /// Its number in the log.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The state of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Done, Self::RolledBack, Self::Failed].get(usize::from(number)).copied()
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
        }
    }
}

/// The number of a statement, shown as a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatementId(pub [u8; 16]);

impl fmt::Display for StatementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&uuid(&self.0))
    }
}

impl Serialize for StatementId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StatementId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        let bytes = unhex(&digits).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| D::Error::custom("the number of a statement is no UUID"))
    }
}

/// Something that a statement read or changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AuditObject {
    /// Its kind and name: `table public.customers`.
    #[serde(rename = "o")]
    pub name: String,
    /// Sensitive columns of it that were read as they are.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// And those that were read masked.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
}

/// One entry. It has names, numbers and counts; no value, and no literal of a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// What it is about.
    pub action: AuditAction,
    /// What became of it.
    pub state: AuditState,
    /// The role that logged in.
    pub login: ObjectId,
    /// Its name; of a login that failed, the one that was given.
    pub login_name: String,
    /// Name of the role whose rights counted.
    pub role_name: String,
    /// Number of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The statement's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<StatementId>,
    /// The statement's first words.
    pub command: String,
    /// What statements have in common that differ in literals only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What was read or changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<AuditObject>,
    /// Rows that were changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// SQLSTATE of what failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// How many times the same happened within one writing of the log.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub times: u64,
}

fn one() -> u64 {
    1
}

fn is_one(times: &u64) -> bool {
    *times == 1
}

impl AuditEntry {
    /// Whether another is the same but for its time and its statement's number.
    pub fn is_again(&self, other: &Self) -> bool {
        self.action == other.action
            && self.state == other.state
            && self.login == other.login
            && self.login_name == other.login_name
            && self.role_name == other.role_name
            && self.pid == other.pid
            && self.client == other.client
            && self.command == other.command
            && self.fingerprint == other.fingerprint
            && self.objects == other.objects
            && self.sqlstate == other.sqlstate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_log() {
        for (number, action) in AuditAction::ALL.into_iter().enumerate() {
            assert_eq!(
                (usize::from(action.number()), AuditAction::from_number(action.number())),
                (number, Some(action))
            );
        }
        assert_eq!(AuditAction::from_number(14), None);
        for state in [AuditState::Done, AuditState::RolledBack, AuditState::Failed] {
            assert_eq!(AuditState::from_number(state.number()), Some(state));
        }
        let id = StatementId(std::array::from_fn(|at| at as u8 * 17));
        let text = "\"00112233-4455-6677-8899-aabbccddeeff\"";
        assert_eq!(serde_json::to_string(&id).unwrap(), text);
        assert_eq!(serde_json::from_str::<StatementId>(text).unwrap(), id);
        assert!(serde_json::from_str::<StatementId>("\"0011\"").is_err());
    }
}
