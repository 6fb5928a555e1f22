//! Which rows a role meets, and which it may write.
//!
//! As PostgreSQL joins policies ("Policies Applied by Command Type" of its CREATE POLICY): those of the command and of ALL that concern
//! the role, permissive ones by OR, restrictive ones by AND. A policy counts only where it says something: `USING` of rows that are
//! there; of new rows `WITH CHECK`, or `USING` where it has none. Without a permissive one there are no rows.

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
        /// Restrictive policies: `(name, condition)`, by their names.
        all: Vec<(String, String)>,
    },
}

impl RowFilter {
    /// The whole condition as one SQL expression; `None` for every row.
    pub fn sql(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::None => Some("false".into()),
            Self::Where { any, all } if all.is_empty() => Some(join(any, " OR ")),
            Self::Where { any, all } => Some(format!("({}) AND {}", join(any, " OR "), join(all, " AND "))),
        }
    }

    /// What each row must pass, one after the other; nothing where every row does.
    pub fn checks(&self) -> Vec<RowCheck> {
        let check = |policy: Option<&String>, condition: String| RowCheck { policy: policy.cloned(), condition };
        match self {
            Self::All => Vec::new(),
            Self::None => vec![check(None, "false".into())],
            Self::Where { any, all } => {
                let each = all.iter().map(|(name, condition)| check(Some(name), condition.clone()));
                std::iter::once(check(None, join(any, " OR "))).chain(each).collect()
            }
        }
    }
}

fn join(parts: &[(String, String)], word: &str) -> String {
    let parts: Vec<String> = parts.iter().map(|(_, condition)| format!("({condition})")).collect();
    parts.join(word)
}

/// What rows must pass, where those that do not are an error and not left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowCheck {
    /// The policy to name; none for the permissive ones, of which one must hold.
    pub policy: Option<String>,
    /// The condition, as SQL.
    pub condition: String,
}

impl RelationAccess {
    /// Whether row policies bind the role.
    pub fn binds(&self, role: &RoleFacts) -> bool {
        let owns = role.is_member_of(&self.owner);
        let exempt = role.superuser || role.bypass_row_security || (owns && !self.force_row_security);
        self.row_security && !exempt
    }

    /// The rows that are there and that the role may meet by the command. INSERT meets none.
    pub fn met_rows(&self, role: &RoleFacts, command: Command) -> RowFilter {
        self.combine(role, command, |policy| policy.using.as_ref())
    }

    /// The rows that the role may add by INSERT, or put in the place of others by UPDATE.
    pub fn written_rows(&self, role: &RoleFacts, command: Command) -> RowFilter {
        self.combine(role, command, |policy| policy.check.as_ref().or(policy.using.as_ref()))
    }

    fn combine<'a>(
        &'a self,
        role: &RoleFacts,
        command: Command,
        condition: impl Fn(&'a RowPolicy) -> Option<&'a String>,
    ) -> RowFilter {
        if !self.binds(role) {
            return RowFilter::All;
        }
        let concerns = |policy: &&RowPolicy| {
            let mut roles = policy.roles.iter();
            let for_role =
                policy.roles.is_empty() || roles.any(|name| name == super::PUBLIC || role.is_member_of(name));
            for_role && policy.command.is_none_or(|wanted| wanted == command)
        };
        let (mut any, mut all) = (Vec::new(), Vec::new());
        for policy in self.row_policies.iter().filter(concerns) {
            if let Some(condition) = condition(policy) {
                let list = if policy.permissive { &mut any } else { &mut all };
                list.push((policy.name.clone(), condition.clone()));
            }
        }
        all.sort();
        if any.is_empty() { RowFilter::None } else { RowFilter::Where { any, all } }
    }
}
