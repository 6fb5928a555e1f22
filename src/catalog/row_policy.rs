//! Row policies: which rows of a table a role meets, and which it may write.

use super::ObjectId;
use serde::{Deserialize, Serialize};

/// Which rows of a table a role meets, and which it may write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowPolicy {
    /// Name, unique within its table.
    pub name: String,
    /// The table.
    pub table: ObjectId,
    /// Whom it concerns; empty means everybody.
    pub roles: Vec<ObjectId>,
    /// USING: rows that are there and may be met, as a SQL condition.
    #[serde(default)]
    pub using: Option<String>,
    /// WITH CHECK: rows that may be written, as a SQL condition; none where those of `using` are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// All restrictive policies must hold; of the permissive ones, one.
    pub permissive: bool,
    /// The commands that it is for. Kept as it was when there were but two kinds.
    #[serde(default, rename = "for_select")]
    pub command: PolicyCommand,
}

impl RowPolicy {
    /// Its conditions.
    pub fn conditions(&self) -> impl Iterator<Item = &String> {
        self.using.iter().chain(&self.check)
    }

    /// Its conditions, to be changed.
    pub fn conditions_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.using.iter_mut().chain(&mut self.check)
    }

    /// Whether a program must know of policies for single commands, and of conditions for new rows, to read it rightly.
    pub fn is_of_writing(&self) -> bool {
        self.check.is_some() || self.using.is_none() || self.command.is_of_writing()
    }
}

/// The commands that a row policy is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub enum PolicyCommand {
    /// All.
    #[default]
    All,
    /// Reading.
    Select,
    /// Adding rows.
    Insert,
    /// Changing rows.
    Update,
    /// Removing rows.
    Delete,
}

impl PolicyCommand {
    /// The word after FOR.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }

    /// `pg_policy.polcmd`
    pub fn letter(self) -> &'static str {
        match self {
            Self::All => "*",
            Self::Select => "r",
            Self::Insert => "a",
            Self::Update => "w",
            Self::Delete => "d",
        }
    }

    fn is_of_writing(self) -> bool {
        !matches!(self, Self::All | Self::Select)
    }
}

/// How it is kept: whether it is for SELECT, or the word.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    ForSelect(bool),
    For(Writing),
}

#[derive(Serialize, Deserialize)]
enum Writing {
    Insert,
    Update,
    Delete,
}

impl From<Kept> for PolicyCommand {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::ForSelect(false) => Self::All,
            Kept::ForSelect(true) => Self::Select,
            Kept::For(Writing::Insert) => Self::Insert,
            Kept::For(Writing::Update) => Self::Update,
            Kept::For(Writing::Delete) => Self::Delete,
        }
    }
}

impl From<PolicyCommand> for Kept {
    fn from(command: PolicyCommand) -> Self {
        match command {
            PolicyCommand::All => Self::ForSelect(false),
            PolicyCommand::Select => Self::ForSelect(true),
            PolicyCommand::Insert => Self::For(Writing::Insert),
            PolicyCommand::Update => Self::For(Writing::Update),
            PolicyCommand::Delete => Self::For(Writing::Delete),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_from_before_there_were_others_are_read() {
        let old = r#"{"name":"p","table":7,"roles":[],"using":"a = 1","permissive":true,"for_select":true}"#;
        let policy: RowPolicy = serde_json::from_str(old).unwrap();
        assert_eq!((policy.using.as_deref(), policy.command), (Some("a = 1"), PolicyCommand::Select));
        assert!(!policy.is_of_writing());
        assert_eq!(serde_json::to_string(&policy).unwrap(), old, "and written as they were");
        let older = r#"{"name":"p","table":7,"roles":[],"using":"a = 1","permissive":true}"#;
        assert_eq!(serde_json::from_str::<RowPolicy>(older).unwrap().command, PolicyCommand::All);
        for command in [PolicyCommand::Insert, PolicyCommand::Update, PolicyCommand::Delete] {
            let policy = RowPolicy { command, check: Some("b".to_owned()), using: None, ..policy.clone() };
            let again: RowPolicy = serde_json::from_str(&serde_json::to_string(&policy).unwrap()).unwrap();
            assert_eq!((again.command, again.using, again.check), (command, None, Some("b".to_owned())));
            assert!(policy.is_of_writing());
        }
    }
}
