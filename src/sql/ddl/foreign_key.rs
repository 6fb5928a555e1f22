//! FOREIGN KEY: from its definition to the catalogue, and out of it again.
//!
//! The table that refers holds the facts; the one that is referred to knows who does. Both change with the constraint, so
//! both are locked and nobody changes rows of either by rules of before.

use super::super::context::Context;
use super::super::parser::{fold, split};
use super::super::tables::must_have_on;
use super::Ddl;
use super::constraint::unused_name;
use super::deferral::deferral_of;
use crate::catalog::{Action, ForeignKey, KeyConstraint, Object, ObjectId, Privilege, SqlType, Table, is_temporary};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast;

/// Adds a foreign key to a table, whose id is `id`.
pub(super) fn add_foreign_key(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    definition: &ast::ForeignKeyConstraint,
) -> Result<()> {
    refuse_unsupported(definition)?;
    let own = definition.columns.iter().map(|name| {
        let name = fold(name);
        table.column_index(&name).ok_or_else(|| {
            let message = format!("column \"{name}\" referenced in foreign key constraint does not exist");
            Error::new(Kind::UndefinedColumn, message)
        })
    });
    let own: Vec<usize> = own.collect::<Result<_>>()?;
    let (parent_id, mut parent) = referred_table(ddl, id, table, &definition.foreign_table)?;
    let of = |table: &Table| if is_temporary(&table.schema) { "temporary" } else { "permanent" };
    if of(table) != of(&parent) {
        let of = of(table);
        let message = format!("constraints on {of} tables may reference only {of} tables");
        return Err(Error::new(Kind::InvalidTableDefinition, message));
    }
    let key = referred_key(&parent, own.len(), &definition.referred_columns)?;
    let referred: Vec<&str> = key.columns.iter().map(|&column| parent.columns[column].name.as_str()).collect();
    must_have_on(&ddl.looking(), &parent, Privilege::References, &referred)?;
    // In the key's order, whatever the statement's.
    let columns: Vec<usize> = match definition.referred_columns.is_empty() {
        true => own,
        false => {
            let place = |column: &usize| {
                let named = &parent.columns[*column].name;
                definition.referred_columns.iter().position(|name| fold(name) == *named)
            };
            key.columns.iter().filter_map(place).map(|place| own[place]).collect()
        }
    };
    let names: Vec<&str> = columns.iter().map(|&column| table.columns[column].name.as_str()).collect();
    let base = format!("{}_{}_fkey", table.name, names.join("_"));
    let name = unused_name(table, definition.name.as_ref().map(fold), base)?;
    for (&from, &to) in columns.iter().zip(&key.columns) {
        must_fit(&name, (table, from), (&parent, to))?;
    }
    let action = |action: &Option<ast::ReferentialAction>| match action {
        None | Some(ast::ReferentialAction::NoAction) => Action::NoAction,
        Some(ast::ReferentialAction::Restrict) => Action::Restrict,
        Some(ast::ReferentialAction::Cascade) => Action::Cascade,
        Some(ast::ReferentialAction::SetNull) => Action::SetNull,
        Some(ast::ReferentialAction::SetDefault) => Action::SetDefault,
    };
    let (on_delete, on_update) = (action(&definition.on_delete), action(&definition.on_update));
    let deferral = deferral_of(definition.characteristics.as_ref())?;
    let match_full = matches!(definition.match_kind, Some(ast::ConstraintReferenceMatchKind::Full));
    let key = ForeignKey {
        name,
        columns,
        table: parent_id,
        key: key.name,
        on_delete,
        on_update,
        deferral,
        match_full,
        not_valid: false,
    };
    table.foreign_keys.push(key);
    let referred = if parent_id == id { &mut table.referenced_by } else { &mut parent.referenced_by };
    if !referred.contains(&id) {
        referred.push(id);
    }
    match parent_id == id {
        true => Ok(()),
        false => ddl.txn.put_object(parent_id, Object::Table(parent)),
    }
}

fn refuse_unsupported(definition: &ast::ForeignKeyConstraint) -> Result<()> {
    let unsupported = |what: &str| Err(Error::new(Kind::Unsupported, format!("{what} is not supported")));
    match &definition.match_kind {
        None | Some(ast::ConstraintReferenceMatchKind::Simple | ast::ConstraintReferenceMatchKind::Full) => {}
        // As in PostgreSQL, where it is not implemented either.
        Some(other @ ast::ConstraintReferenceMatchKind::Partial) => return unsupported(&other.to_string()),
    }
    match &definition.characteristics {
        Some(c) if c.enforced == Some(false) => unsupported("FOREIGN KEY ... NOT ENFORCED"),
        _ => Ok(()),
    }
}

/// The table that is referred to: another one, or the one that is being made.
fn referred_table(ddl: &Ddl<'_>, id: ObjectId, table: &Table, name: &ast::ObjectName) -> Result<(ObjectId, Table)> {
    let (schema, name) = split(name)?;
    if name == table.name && schema.as_ref().is_none_or(|schema| *schema == table.schema) {
        return Ok((id, table.clone()));
    }
    let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
    match ddl.txn.snapshot().catalog.relation(&schema, &name) {
        Some((id, Object::Table(table))) if table.materialized.is_none() => Ok((id, table.clone())),
        Some(_) => Err(Error::new(Kind::DatatypeMismatch, format!("referenced relation \"{name}\" is not a table"))),
        None => Err(super::super::tables::undefined(ddl.context, &schema, &name)),
    }
}

/// The key of the other table that is meant.
fn referred_key(parent: &Table, width: usize, names: &[ast::Ident]) -> Result<KeyConstraint> {
    let disagree = || {
        let message = "number of referencing and referenced columns for foreign key disagree";
        Error::new(Kind::InvalidForeignKey, message)
    };
    if names.is_empty() {
        let Some(key) = parent.primary_key() else {
            let message = format!("there is no primary key for referenced table \"{}\"", parent.name);
            return Err(Error::new(Kind::UndefinedObject, message));
        };
        return if key.columns.len() == width { Ok(key.clone()) } else { Err(disagree()) };
    }
    if names.len() != width {
        return Err(disagree());
    }
    let mut columns = Vec::with_capacity(width);
    for name in names {
        let name = fold(name);
        let Some(column) = parent.column_index(&name) else {
            let message = format!("column \"{name}\" referenced in foreign key constraint does not exist");
            return Err(Error::new(Kind::UndefinedColumn, message));
        };
        columns.push(column);
    }
    // With equal NULLs a key has rows that nothing can refer to, since what is NULL refers to nothing.
    let same = |key: &&KeyConstraint| {
        !key.nulls_equal
            && key.columns.len() == columns.len()
            && key.columns.iter().all(|column| columns.contains(column))
    };
    parent.keys.iter().find(same).cloned().ok_or_else(|| {
        let message =
            format!("there is no unique constraint matching given keys for referenced table \"{}\"", parent.name);
        Error::new(Kind::InvalidForeignKey, message)
    })
}

/// Values of one column must be comparable, as they are, with those of the other.
pub(super) fn must_fit(name: &str, (table, from): (&Table, usize), (parent, to): (&Table, usize)) -> Result<()> {
    let (from, to) = (&table.columns[from], &parent.columns[to]);
    let whole = |t: &SqlType| matches!(t.arrow(), DataType::Int16 | DataType::Int32 | DataType::Int64);
    if from.data_type.arrow() == to.data_type.arrow() || (whole(&from.data_type) && whole(&to.data_type)) {
        return Ok(());
    }
    let message = format!("foreign key constraint \"{name}\" cannot be implemented");
    Err(Error::new(Kind::DatatypeMismatch, message).with_detail(format!(
        "Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.",
        from.name, to.name, from.data_type, to.data_type
    )))
}

/// Takes a table's foreign key away.
pub(super) fn drop_foreign_key(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, name: &str) -> Result<()> {
    let Some(at) = table.foreign_keys.iter().position(|key| key.name == name) else { return Ok(()) };
    let parent = table.foreign_keys.remove(at).table;
    if table.foreign_keys.iter().any(|key| key.table == parent) {
        return Ok(());
    }
    if parent == id {
        table.referenced_by.retain(|child| *child != id);
        return Ok(());
    }
    forget(ddl, parent, id)
}

/// A table is no longer referred to by another.
pub(super) fn forget(ddl: &mut Ddl<'_>, parent: ObjectId, child: ObjectId) -> Result<()> {
    let Some(mut facts) = ddl.txn.snapshot().catalog.table_by_id(parent).cloned() else { return Ok(()) };
    facts.referenced_by.retain(|id| *id != child);
    ddl.txn.put_object(parent, Object::Table(facts))
}

/// The foreign keys of other tables that refer to a table (to one of its keys, if one is named): table, its name, constraint.
pub(super) fn dependents(
    ddl: &Ddl<'_>,
    id: ObjectId,
    table: &Table,
    key: Option<&str>,
) -> Vec<(ObjectId, String, String)> {
    let catalog = &ddl.txn.snapshot().catalog;
    let children = table.referenced_by.iter().filter_map(|child| Some((*child, catalog.table_by_id(*child)?)));
    let of = |(child, facts): (ObjectId, &Table)| -> Vec<(ObjectId, String, String)> {
        let keys = facts.foreign_keys.iter().filter(|k| k.table == id && key.is_none_or(|name| k.key == name));
        keys.map(|k| (child, facts.name.clone(), k.name.clone())).collect()
    };
    children.flat_map(of).collect()
}

/// Takes the foreign keys of other tables away, as CASCADE wants, and tells of it.
pub(super) fn drop_dependents(ddl: &mut Ddl<'_>, dependents: Vec<(ObjectId, String, String)>) -> Result<()> {
    for (child, called, name) in dependents {
        ddl.context.notice(format!("drop cascades to constraint {name} on table {called}"));
        let Some(mut facts) = ddl.txn.snapshot().catalog.table_by_id(child).cloned() else { continue };
        drop_foreign_key(ddl, child, &mut facts, &name)?;
        ddl.txn.put_object(child, Object::Table(facts))?;
    }
    Ok(())
}

/// The error for what a foreign key depends on.
pub(super) fn still_needed(what: &str, (_, table, constraint): &(ObjectId, String, String), on: &str) -> Error {
    Error::new(Kind::Dependent, format!("cannot drop {what} because other objects depend on it"))
        .with_detail(format!("constraint {constraint} on table {table} depends on {on}"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

/// The tables that TRUNCATE empties: those named, and with `cascade` those that refer to them.
pub fn to_truncate(context: &Context, named: Vec<ObjectId>, cascade: bool) -> Result<Vec<ObjectId>> {
    let catalog = &context.snapshot.catalog;
    let mut all = named;
    let mut at = 0;
    while let Some(id) = all.get(at).copied() {
        at += 1;
        let Some(table) = catalog.table_by_id(id) else { continue };
        for child in table.referenced_by.iter().filter(|child| **child != id) {
            let Some(facts) = catalog.table_by_id(*child).filter(|_| !all.contains(child)) else { continue };
            if !cascade {
                let message = "cannot truncate a table referenced in a foreign key constraint";
                return Err(Error::new(Kind::Unsupported, message)
                    .with_detail(format!("Table \"{}\" references \"{}\".", facts.name, table.name))
                    .with_hint(format!(
                        "Truncate table \"{}\" at the same time, or use TRUNCATE ... CASCADE.",
                        facts.name
                    )));
            }
            context.notice(format!("truncate cascades to table \"{}\"", facts.name));
            all.push(*child);
        }
    }
    Ok(all)
}
