//! Which rows a role may see or write.

use super::facts::{Command, RelationAccess, RoleFacts, RowPolicy};

/// The condition on rows. The texts are SQL as the policies' authors wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFilter {
    /// Every row.
    All,
    /// No row: row security is on and no permissive policy is for the role.
    None,
    /// Rows that satisfy one of `any` and all of `all`.
    Where {
        /// Permissive policies: `(name, condition)`.
        any: Vec<(String, String)>,
        /// Restrictive policies: `(name, condition)`.
        all: Vec<(String, String)>,
    },
}

impl RowFilter {
    /// The whole condition as one SQL expression; `None` for every row.
    pub fn sql(&self) -> Option<String> {
        let join = |parts: &[(String, String)], word: &str| {
            let parts: Vec<String> = parts.iter().map(|(_, condition)| format!("({condition})")).collect();
            parts.join(word)
        };
        match self {
            Self::All => None,
            Self::None => Some("false".into()),
            Self::Where { any, all } if all.is_empty() => Some(join(any, " OR ")),
            Self::Where { any, all } => Some(format!("({}) AND {}", join(any, " OR "), join(all, " AND "))),
        }
    }
}

/// The condition on rows for the role and command. For INSERT it is the condition that new rows must satisfy; for UPDATE
/// the one that old rows must (new ones: `RelationAccess::written_rows`).
pub fn filter(role: &RoleFacts, relation: &RelationAccess, owns: bool, command: Command) -> RowFilter {
    let condition = |policy: &RowPolicy| match command {
        Command::Insert => policy.check.clone().or(policy.using.clone()),
        _ => policy.using.clone(),
    };
    combine(role, relation, owns, command, condition)
}

impl RelationAccess {
    /// The condition that rows must satisfy after INSERT or UPDATE by the role.
    pub fn written_rows(&self, role: &RoleFacts, command: Command) -> RowFilter {
        let owns = role.is_member_of(&self.owner);
        combine(role, self, owns, command, |policy| policy.check.clone().or(policy.using.clone()))
    }
}

fn combine(
    role: &RoleFacts,
    relation: &RelationAccess,
    owns: bool,
    command: Command,
    condition: impl Fn(&RowPolicy) -> Option<String>,
) -> RowFilter {
    let exempt = role.superuser || role.bypass_row_security || (owns && !relation.force_row_security);
    if !relation.row_security || exempt {
        return RowFilter::All;
    }
    let concerns = |policy: &&RowPolicy| {
        let for_role =
            policy.roles.is_empty() || policy.roles.iter().any(|name| name == super::PUBLIC || role.is_member_of(name));
        for_role && policy.command.is_none_or(|wanted| wanted == command)
    };
    let (mut any, mut all) = (Vec::new(), Vec::new());
    for policy in relation.row_policies.iter().filter(concerns) {
        // A policy without a condition for this command lets every row pass.
        let condition = condition(policy).unwrap_or_else(|| "true".into());
        let list = if policy.permissive { &mut any } else { &mut all };
        list.push((policy.name.clone(), condition));
    }
    if any.is_empty() { RowFilter::None } else { RowFilter::Where { any, all } }
}
