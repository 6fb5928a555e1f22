//! The gate: facts of the catalogue to what a role may see of a table.
//!
//! The facts are gathered here; `governance` decides. What it decides is enforced by the leaf that reads the rows.

use super::super::context::Context;
use super::inherited;
use crate::catalog::{Class, Column, Grant, Object, ObjectId, PolicyCommand, Privilege, Table, TagSource, TagUse};
use crate::error::{Error, Kind, Result};
use crate::governance::access::{
    ColumnAccess, Command, Decision, Mask, MaskBinding, MaskTarget, MaskingPolicy, RelationAccess, RoleFacts, RowCheck,
    RowPolicy, TagOnColumn, Unmask,
};
use crate::governance::{self};

/// What a role may see of a table.
#[derive(Debug, Clone)]
pub struct Access {
    /// For each column whether it may be read at all.
    pub readable: Vec<bool>,
    /// Whether the right to read is on the table as a whole.
    pub whole: bool,
    /// For each column what masks it.
    pub masks: Vec<Option<MaskUse>>,
    /// The condition of the rows that are seen, as SQL.
    pub filter: Option<String>,
}

/// A mask that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskUse {
    /// This masking policy.
    Policy(ObjectId),
    /// NULL for every value.
    Hidden,
}

impl Access {
    /// Whether anything of the table may be read.
    pub fn may_read_some(&self) -> bool {
        self.whole || self.readable.iter().any(|readable| *readable)
    }

    /// Refuses columns that may not be read. Without any column named (`count(*)`), one readable column will do.
    pub fn must_read(&self, table: &Table, columns: &[usize]) -> Result<()> {
        let refused = columns.iter().any(|&c| self.readable.get(c) == Some(&false));
        match refused || !self.may_read_some() {
            true => Err(denied(table)),
            false => Ok(()),
        }
    }
}

fn denied(table: &Table) -> Error {
    Error::new(Kind::Privilege, format!("permission denied for table {}", table.name))
}

/// What the context's role may see of a table: `role` decides on rights, `viewer` on masks and rows.
pub fn access(context: &Context, id: ObjectId, table: &Table) -> Result<Access> {
    access_of(context, id, table, &[Command::Select])
}

/// The same, of the rows that a statement meets which does all of `commands` with them.
pub fn access_of(context: &Context, id: ObjectId, table: &Table, commands: &[Command]) -> Result<Access> {
    must_not_keep_repairs(context, table)?;
    let rights = decide(context, id, table);
    let viewer = role_facts(context, context.viewer);
    let mut relation = relation_facts(context, id, table);
    let filters: Vec<String> = match bound(context, &viewer, &relation, table)? {
        true => commands.iter().filter_map(|command| relation.met_rows(&viewer, *command).sql()).collect(),
        false => Vec::new(),
    };
    let seen = match context.viewer == context.role {
        true => rights.clone(),
        false => {
            // In a view the reader need not have rights on the table for its masks to apply: asked as if it had.
            relation.grants.push(governance::access::Grant {
                grantee: governance::access::PUBLIC.to_owned(),
                privilege: governance::access::Privilege::Select,
                column_name: None,
            });
            governance::decide(&viewer, &relation, Command::Select)
        }
    };
    let policy = |name: &String| context.snapshot.catalog.masking_policy(name).map(|(id, _)| id);
    let masks = seen.columns.iter().map(|column| match column.mask.as_ref()? {
        Mask::Hidden => Some(MaskUse::Hidden),
        // Bound but gone: nothing is shown rather than everything.
        Mask::Policy(name) => Some(policy(name).map_or(MaskUse::Hidden, MaskUse::Policy)),
    });
    let masks = masks.collect();
    let readable = rights.columns.iter().map(|c| c.allowed).collect();
    let filter = match filters.len() {
        0 => None,
        1 => filters.into_iter().next(),
        _ => Some(filters.iter().map(|filter| format!("({filter})")).collect::<Vec<_>>().join(" AND ")),
    };
    Ok(Access { readable, whole: rights.whole, masks, filter })
}

/// What rows that the viewer writes by INSERT or UPDATE must pass.
pub fn written_rows(context: &Context, id: ObjectId, table: &Table, command: Command) -> Result<Vec<RowCheck>> {
    checks(context, id, table, |viewer, relation| relation.written_rows(viewer, command).checks())
}

/// What rows that are there must pass, where one that the viewer may not meet by the command is an error.
pub fn met_rows(context: &Context, id: ObjectId, table: &Table, command: Command) -> Result<Vec<RowCheck>> {
    checks(context, id, table, |viewer, relation| relation.met_rows(viewer, command).checks())
}

fn checks(
    context: &Context,
    id: ObjectId,
    table: &Table,
    of: impl FnOnce(&RoleFacts, &RelationAccess) -> Vec<RowCheck>,
) -> Result<Vec<RowCheck>> {
    if !table.row_security {
        return Ok(Vec::new());
    }
    let (viewer, relation) = (role_facts(context, context.viewer), relation_facts(context, id, table));
    match bound(context, &viewer, &relation, table)? {
        true => Ok(of(&viewer, &relation)),
        false => Ok(Vec::new()),
    }
}

/// Whether row policies bind who looks; where they do and the session wants no rows left out, that is an error.
fn bound(context: &Context, viewer: &RoleFacts, relation: &RelationAccess, table: &Table) -> Result<bool> {
    if !relation.binds(viewer) {
        return Ok(false);
    }
    if context.settings.is_on("row_security") {
        return Ok(true);
    }
    let message = format!("query would be affected by row-level security policy for table \"{}\"", table.name);
    let error = Error::new(Kind::Privilege, message);
    Err(match viewer.is_member_of(&relation.owner) {
        true => {
            error.with_hint("To disable the policy for the table's owner, use ALTER TABLE NO FORCE ROW LEVEL SECURITY.")
        }
        false => error,
    })
}

/// Whether row policies bind a role, whatever its settings are.
pub fn has_row_policies(context: &Context, role: ObjectId, id: ObjectId, table: &Table) -> bool {
    table.row_security && relation_facts(context, id, table).binds(&role_facts(context, role))
}

/// What governance decides for the context's role.
pub fn decide(context: &Context, id: ObjectId, table: &Table) -> Decision {
    governance::decide(&role_facts(context, context.role), &relation_facts(context, id, table), Command::Select)
}

fn role_facts(context: &Context, role: ObjectId) -> RoleFacts {
    let catalog = &context.snapshot.catalog;
    let members = catalog.memberships(role);
    let tags = catalog.class(Class::Tag).filter_map(|(_, object)| match object {
        Object::Tag(tag) if tag.unmask.iter().any(|r| members.contains(r)) => Some(Unmask::Tag(tag.name.clone())),
        _ => None,
    });
    let superuser = catalog.is_superuser(role);
    RoleFacts {
        name: catalog.role_name(role),
        superuser,
        bypass_row_security: superuser,
        unmask: tags.collect(),
        member_of: members.iter().map(|id| catalog.role_name(*id)).collect(),
    }
}

fn relation_facts(context: &Context, id: ObjectId, table: &Table) -> RelationAccess {
    let catalog = &context.snapshot.catalog;
    let (inherited, hidden) = inherited::protection(catalog, table);
    let table = inherited.as_ref().unwrap_or(table);
    let policy_facts = |id: ObjectId| match catalog.get(id).map(AsRef::as_ref) {
        Some(Object::MaskingPolicy(p)) => MaskingPolicy {
            name: p.name.clone(),
            argument_type: p.data_type.to_string(),
            return_type: p.data_type.to_string(),
            applies_to_owner: false,
        },
        // A name that no policy has: the column is hidden.
        _ => MaskingPolicy {
            name: format!("dropped {id}"),
            argument_type: String::new(),
            return_type: String::new(),
            applies_to_owner: true,
        },
    };
    let mut masks = Vec::new();
    for column in hidden {
        // A name that no policy has, but what the owner stored the owner sees.
        let policy = MaskingPolicy { applies_to_owner: false, ..policy_facts(ObjectId::MAX) };
        masks.push(MaskBinding { target: MaskTarget::Column(column), policy });
    }
    for column in &table.columns {
        if let Some(policy) = column.mask {
            masks.push(MaskBinding { target: MaskTarget::Column(column.name.clone()), policy: policy_facts(policy) });
        }
    }
    for (_, object) in catalog.class(Class::Tag) {
        if let Object::Tag(tag) = object
            && let Some(policy) = tag.mask
        {
            masks.push(MaskBinding {
                target: MaskTarget::Tag { tag: tag.name.clone(), value: None },
                policy: policy_facts(policy),
            });
        }
    }
    let tag_facts = |used: &TagUse| {
        let Some(Object::Tag(tag)) = catalog.get(used.tag).map(AsRef::as_ref) else { return None };
        let source = match used.source {
            TagSource::Manual => "manual",
            TagSource::Classifier => "classifier",
            TagSource::Propagated => "propagated",
        };
        Some(TagOnColumn { tag: tag.name.clone(), value: used.value.clone(), source: source.to_owned() })
    };
    let fits = |used: &TagUse, column: &Column| {
        match catalog.get(used.tag).map(AsRef::as_ref) {
        Some(Object::Tag(tag)) => tag.mask.is_none_or(|mask| {
            matches!(catalog.get(mask).map(AsRef::as_ref), Some(Object::MaskingPolicy(p)) if p.fits(&column.data_type))
        }),
        _ => false,
    }
    };
    let columns = table.columns.iter().map(|column| ColumnAccess {
        name: column.name.clone(),
        // A tag of the whole table masks the columns that its policy is for.
        tags: column
            .tags
            .iter()
            .chain(table.tags.iter().filter(|used| fits(used, column)))
            .filter_map(tag_facts)
            .collect(),
    });
    // Rows that were put aside are those of their table.
    let policies = table.quarantine_of.unwrap_or(id);
    let row_policies = catalog.policies_of(policies).map(|(_, policy)| RowPolicy {
        name: policy.name.clone(),
        permissive: policy.permissive,
        command: match policy.command {
            PolicyCommand::All => None,
            PolicyCommand::Select => Some(Command::Select),
            PolicyCommand::Insert => Some(Command::Insert),
            PolicyCommand::Update => Some(Command::Update),
            PolicyCommand::Delete => Some(Command::Delete),
        },
        roles: match policy.roles.is_empty() {
            true => vec![governance::access::PUBLIC.to_owned()],
            false => policy.roles.iter().map(|id| catalog.role_name(*id)).collect(),
        },
        using: policy.using.clone(),
        check: policy.check.clone(),
    });
    RelationAccess {
        owner: catalog.role_name(table.owner),
        columns: columns.collect(),
        grants: grants_of(context, &table.grants),
        masks,
        row_security: table.row_security,
        force_row_security: table.force_row_security,
        row_policies: row_policies.collect(),
    }
}

/// What governance calls a right, if it may be on a relation.
fn on_relations(privilege: Privilege) -> Option<governance::access::Privilege> {
    Some(match privilege {
        Privilege::Select => governance::access::Privilege::Select,
        Privilege::Insert => governance::access::Privilege::Insert,
        Privilege::Update => governance::access::Privilege::Update,
        Privilege::Delete => governance::access::Privilege::Delete,
        Privilege::Truncate => governance::access::Privilege::Truncate,
        Privilege::References => governance::access::Privilege::References,
        Privilege::Trigger => governance::access::Privilege::Trigger,
        Privilege::Usage | Privilege::Unmask => return None,
    })
}

/// Rights that were given, one for each column where they are on columns.
fn grants_of(context: &Context, grants: &[Grant]) -> Vec<governance::access::Grant> {
    let grants = grants.iter().flat_map(|grant| {
        let Some(privilege) = on_relations(grant.privilege) else { return Vec::new() };
        let grantee = context.snapshot.catalog.role_name(grant.role);
        let one = |column_name: Option<String>| governance::access::Grant {
            grantee: grantee.clone(),
            privilege,
            column_name,
        };
        match &grant.columns {
            None => vec![one(None)],
            Some(columns) => columns.iter().map(|column| one(Some(column.clone()))).collect(),
        }
    });
    grants.collect()
}

/// What was repaired is shown by `steward.repairs`, which knows who may see which column: the table itself is for superusers.
fn must_not_keep_repairs(context: &Context, table: &Table) -> Result<()> {
    let is_superuser = |role| context.snapshot.catalog.is_superuser(role);
    match table.repairs_of.is_none() || is_superuser(context.role) && is_superuser(context.viewer) {
        true => Ok(()),
        false => Err(denied(table).with_hint("steward.repairs shows what was repaired; DROP TABLE forgets it.")),
    }
}

/// Refuses a role that lacks a right: on the whole table, or on any of its columns where it may be on columns.
pub fn must_have(context: &Context, table: &Table, privilege: Privilege) -> Result<()> {
    must_have_on(context, table, privilege, &[])
}

/// Refuses a role that lacks a right on the table and on one of these columns; on all of them, where none is named.
pub fn must_have_on(context: &Context, table: &Table, privilege: Privilege, columns: &[&str]) -> Result<()> {
    must_not_keep_repairs(context, table)?;
    if let Some(of) = table.quarantine_of {
        // What rules put aside is theirs to write.
        if matches!(privilege, Privilege::Insert | Privilege::Update) && !context.is_superuser() {
            return Err(denied(table).with_hint("Rows come there by quality rules; they can be read and deleted."));
        }
        if let Some(of) = context.snapshot.catalog.table_by_id(of)
            && must_have_on(context, of, privilege, columns).is_ok()
        {
            return Ok(());
        }
    }
    match may(context, table.owner, &table.grants, privilege, columns) {
        true => Ok(()),
        false => Err(denied(table)),
    }
}

/// Whether the role has a right on a relation with this owner and these grants, or on each of these columns of it; where none is named, on
/// any column.
pub fn may(context: &Context, owner: ObjectId, grants: &[Grant], privilege: Privilege, columns: &[&str]) -> bool {
    if context.has_role(owner) || context.has_grant(grants, privilege) {
        return true;
    }
    // Others are on the whole alone.
    let Some(asked) = on_relations(privilege).filter(|_| privilege.is_of_columns()) else { return false };
    let owner = context.snapshot.catalog.role_name(owner);
    let relation = RelationAccess { owner, grants: grants_of(context, grants), ..RelationAccess::default() };
    governance::may(&role_facts(context, context.role), &relation, asked, columns)
}
