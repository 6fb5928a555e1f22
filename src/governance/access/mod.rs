//! May this role read these columns, masked how, and which rows.
//!
//! The caller hands in facts (who the role is and what it is a member of, the relation's owner, grants, tags, policies)
//! and gets back a [`Decision`]: for each column allowed or not and under which mask, and the condition on rows. Nothing
//! is executed here; policies are named, their SQL is opaque text. Where facts leave doubt the lesser right wins:
//!
//! 1. A **superuser** sees everything, unmasked. The **owner** (any role that has the owner's role) may do everything
//!    with the relation and sees it unmasked, unless the policy says `applies_to_owner`.
//! 2. A **column** is allowed by the privilege on the table or on the column itself, to the role, a role it has, or
//!    PUBLIC.
//! 3. A **mask** bound to the column goes before one bound to a tag; two different masks by two tags hide the value
//!    altogether. `UNMASK` on the tag or on the policy lifts it. Tags that a classifier only suggested do not mask.
//! 4. **Rows**: with row security on, the permissive policies of the role and command are joined by OR, the restrictive
//!    ones by AND (PostgreSQL's rule); none permissive means no row. So it is for rows that are there
//!    ([`RelationAccess::met_rows`]) and for new ones ([`RelationAccess::written_rows`]). The owner is exempt unless forced.

mod facts;
mod rows;

pub use facts::{
    ColumnAccess, Command, Grant, MaskBinding, MaskTarget, MaskingPolicy, PUBLIC, Privilege, RelationAccess, RoleFacts,
    RowPolicy, TagOnColumn, Unmask,
};
pub use rows::{RowCheck, RowFilter};

use crate::error::{Error, Kind, Result};

/// What hides the values of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// The masking policy of that name.
    Policy(String),
    /// NULL for every value: two tags ask for different policies.
    Hidden,
}

/// What may be seen of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDecision {
    /// The column.
    pub column_name: String,
    /// Whether it may be read at all.
    pub allowed: bool,
    /// How its values are hidden; `None` shows them plain.
    pub mask: Option<Mask>,
    /// Why: the grant, the binding, or what lifted the mask.
    pub via: String,
}

/// What a role may do with a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The columns in the relation's order.
    pub columns: Vec<ColumnDecision>,
    /// Whether the right is on the relation as a whole: a table without columns can be read too.
    pub whole: bool,
    /// The rows that are there and that the command may meet.
    pub rows: RowFilter,
}

/// A row of `effective_policy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// The column.
    pub column_name: String,
    /// The masking policy in force, `hidden` for a conflict, `no privilege` for a column out of reach.
    pub policy: Option<String>,
    /// Why.
    pub via: String,
    /// Whether values are hidden.
    pub masked: bool,
    /// The condition on rows as SQL.
    pub row_filter: Option<String>,
}

impl Decision {
    /// The decision on a column.
    pub fn column(&self, name: &str) -> Option<&ColumnDecision> {
        self.columns.iter().find(|column| column.column_name == name)
    }

    /// Refuses with [`Kind::Privilege`] unless every named column may be read.
    pub fn require<'a>(&self, relation: &str, columns: impl IntoIterator<Item = &'a str>) -> Result<()> {
        for name in columns {
            if !self.column(name).is_some_and(|column| column.allowed) {
                return Err(Error::new(Kind::Privilege, format!("permission denied for column {name} of {relation}"))
                    .with_hint(format!("The owner of {relation} can GRANT SELECT ({name}) ON {relation}.")));
            }
        }
        Ok(())
    }

    /// Whether nothing may be read.
    pub fn is_denied(&self) -> bool {
        !self.whole && !self.columns.iter().any(|column| column.allowed)
    }

    /// Whether the role sees the relation as it is.
    pub fn is_plain(&self) -> bool {
        self.rows == RowFilter::All && self.columns.iter().all(|column| column.allowed && column.mask.is_none())
    }

    /// The decision as rows of `effective_policy`.
    pub fn effective_policy(&self) -> Vec<EffectivePolicy> {
        let row_filter = self.rows.sql();
        self.columns
            .iter()
            .map(|column| EffectivePolicy {
                column_name: column.column_name.clone(),
                policy: match &column.mask {
                    _ if !column.allowed => Some("no privilege".into()),
                    Some(Mask::Policy(name)) => Some(name.clone()),
                    Some(Mask::Hidden) => Some("hidden".into()),
                    None => None,
                },
                via: column.via.clone(),
                masked: !column.allowed || column.mask.is_some(),
                row_filter: row_filter.clone(),
            })
            .collect()
    }
}

/// Decides what `role` may do with `relation` under `command`. For [`Command::Select`] the columns' masks are in the
/// answer; the other commands are never masked but need their own privilege.
pub fn decide(role: &RoleFacts, relation: &RelationAccess, command: Command) -> Decision {
    let owns = role.is_member_of(&relation.owner);
    let privilege = command.privilege();
    // No column has this name: what is allowed on it is allowed on all.
    let whole = allowed_via(role, relation, owns, privilege, "").is_some();
    let columns = relation
        .columns
        .iter()
        .map(|column| {
            let grant = allowed_via(role, relation, owns, privilege, &column.name);
            let (mask, via) = match (&grant, command) {
                (None, _) => (None, format!("no {} privilege", privilege.name())),
                (Some(grant), Command::Select) => mask_of(role, relation, owns, column, grant),
                (Some(grant), _) => (None, grant.clone()),
            };
            ColumnDecision { column_name: column.name.clone(), allowed: grant.is_some(), mask, via }
        })
        .collect();
    Decision { columns, whole, rows: relation.met_rows(role, command) }
}

/// Whether the role has the privilege on the relation as a whole or on each of these columns; where none is named, on any of its columns.
pub fn may(role: &RoleFacts, relation: &RelationAccess, privilege: Privilege, columns: &[&str]) -> bool {
    let owns = role.is_member_of(&relation.owner);
    let on = |column: &str| allowed_via(role, relation, owns, privilege, column).is_some();
    match columns {
        [] => on("") || has_somewhere(role, relation, privilege),
        columns => columns.iter().all(|column| on(column)),
    }
}

/// Whether the role has the privilege on any column.
fn has_somewhere(role: &RoleFacts, relation: &RelationAccess, privilege: Privilege) -> bool {
    let mut grants = relation.grants.iter().filter(|grant| grant.privilege == privilege);
    grants.any(|grant| grant.grantee == PUBLIC || role.is_member_of(&grant.grantee))
}

/// Refuses a masking policy that cannot take the values of a column, and one that would change their type.
pub fn check_binding(policy: &MaskingPolicy, column: &str, column_type: &str) -> Result<()> {
    let same = |a: &str| a.eq_ignore_ascii_case(column_type);
    if same(&policy.argument_type) && same(&policy.return_type) {
        return Ok(());
    }
    Err(Error::new(
        Kind::DatatypeMismatch,
        format!(
            "masking policy {} maps {} to {}, but column {column} has type {column_type}",
            policy.name, policy.argument_type, policy.return_type
        ),
    )
    .with_hint(format!("Create a policy AS (val {column_type}) RETURNS {column_type}.")))
}

/// By what right the role has the privilege on the column; `None` if by none.
fn allowed_via(
    role: &RoleFacts,
    relation: &RelationAccess,
    owns: bool,
    privilege: Privilege,
    column: &str,
) -> Option<String> {
    if role.superuser {
        return Some("superuser".into());
    }
    if owns {
        return Some("owner".into());
    }
    let fits = |grant: &&Grant| {
        grant.privilege == privilege
            && (grant.grantee == PUBLIC || role.is_member_of(&grant.grantee))
            && grant.column_name.as_deref().is_none_or(|name| name == column)
    };
    let grant = relation.grants.iter().find(fits)?;
    let scope = if grant.column_name.is_some() { "column" } else { "table" };
    Some(format!("{} on the {scope} granted to {}", privilege.name(), grant.grantee))
}

/// The mask in force on a column, and why; `grant` is the reason given where there is none.
fn mask_of(
    role: &RoleFacts,
    relation: &RelationAccess,
    owns: bool,
    column: &ColumnAccess,
    grant: &str,
) -> (Option<Mask>, String) {
    if role.superuser {
        return (None, grant.to_string());
    }
    let direct = relation.masks.iter().find(|binding| binding.target == MaskTarget::Column(column.name.clone()));
    let mut bindings: Vec<(&MaskBinding, Option<&TagOnColumn>)> = match direct {
        Some(direct) => vec![(direct, None)],
        None => column.tags.iter().flat_map(|tag| by_tag(relation, tag)).collect(),
    };
    let mut lifted = None;
    bindings.retain(|(binding, tag)| {
        let reason = lift(role, owns, binding, *tag);
        let stays = reason.is_none();
        lifted = lifted.take().or(reason);
        stays
    });
    let Some((first, tag)) = bindings.first() else {
        return (None, lifted.unwrap_or_else(|| grant.to_string()));
    };
    if let Some((other, _)) = bindings.iter().find(|(binding, _)| binding.policy.name != first.policy.name) {
        let names = format!("policies {} and {} by different tags", first.policy.name, other.policy.name);
        return (Some(Mask::Hidden), names);
    }
    let via = match tag {
        None => format!("column {}", column.name),
        Some(tag) => format!("tag {} = '{}' ({})", tag.tag, tag.value, tag.source),
    };
    (Some(Mask::Policy(first.policy.name.clone())), via)
}

/// The bindings to a tag: one that names the tag's value goes before one to the tag as such.
fn by_tag<'a>(relation: &'a RelationAccess, tag: &'a TagOnColumn) -> Vec<(&'a MaskBinding, Option<&'a TagOnColumn>)> {
    let of = |wanted: Option<&'a str>| {
        relation.masks.iter().filter(move |binding| match &binding.target {
            MaskTarget::Tag { tag: name, value } => *name == tag.tag && value.as_deref() == wanted,
            MaskTarget::Column(_) => false,
        })
    };
    let by_value: Vec<_> = of(Some(&tag.value)).map(|binding| (binding, Some(tag))).collect();
    if by_value.is_empty() { of(None).map(|binding| (binding, Some(tag))).collect() } else { by_value }
}

/// Why the mask does not hold for the role, if so.
fn lift(role: &RoleFacts, owns: bool, binding: &MaskBinding, tag: Option<&TagOnColumn>) -> Option<String> {
    if owns && !binding.policy.applies_to_owner {
        return Some(format!("owner, exempt from {}", binding.policy.name));
    }
    role.unmask.iter().find_map(|right| match (right, tag) {
        (Unmask::Policy(name), _) if *name == binding.policy.name => Some(format!("UNMASK on policy {name}")),
        (Unmask::Tag(name), Some(tag)) if *name == tag.tag => Some(format!("UNMASK on tag {name}")),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
