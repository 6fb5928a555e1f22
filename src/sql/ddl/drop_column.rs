//! ALTER TABLE ... DROP COLUMN: what is of the column alone goes with it, what others made of it only with CASCADE.

use super::Ddl;
use super::alter_table::{column, rewrite, says};
use super::drop::{dependent_views, drop_relation};
use super::foreign_key::{dependents, drop_dependents, drop_foreign_key};
use super::generated::named_in;
use super::index::drop_key;
use super::row_policy::{described, policies_reading};
use super::sequence::release_sequence;
use crate::catalog::{
    Comment, IndexPart, LineageChange, Object, ObjectId, PlainIndex, RowPolicy, Table, dropped_column,
};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;

/// Drops a column.
pub(super) fn drop_column(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    name: &ast::Ident,
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    let folded = super::super::parser::fold(name);
    if if_exists && table.column_index(&folded).is_none() {
        let message = format!("column \"{folded}\" of relation \"{}\" does not exist, skipping", table.name);
        ddl.context.notice(message);
        return Ok(());
    }
    let at = column(table, name)?;
    release(ddl, id, table, at, cascade)?;
    // Others that went with it may have stood before it.
    let at = column(table, name)?;
    remove(ddl, id, table, at)
}

/// The error for what depends on a column.
fn needed(table: &Table, column: &str, what: &str) -> Error {
    let of = format!("column {column} of table {}", table.name);
    Error::new(Kind::Dependent, format!("cannot drop {of} because other objects depend on it"))
        .with_detail(format!("{what} depends on {of}"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

/// Lets go of what others made of a column.
fn release(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, at: usize, cascade: bool) -> Result<()> {
    let name = table.columns[at].name.clone();
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (view_id, schema, view) in dependent_views(ddl, &table.schema, &table.name) {
        let Some(Object::View(facts)) = catalog.get(view_id).map(AsRef::as_ref) else { continue };
        if !says(&facts.query, &name) {
            continue;
        }
        if !cascade {
            return Err(needed(table, &name, &format!("view {view}")));
        }
        ddl.context.notice(format!("drop cascades to view {view}"));
        if ddl.txn.snapshot().catalog.get(view_id).is_some() {
            drop_relation(ddl, view_id, &schema, &view, true, &[])?;
        }
    }
    super::rule::drop_of_column(ddl, id, &table.name, &name, cascade)?;
    let own = catalog.policies_of(id).map(|(policy_id, policy)| (policy_id, policy.clone()));
    let others = policies_reading(ddl, &table.schema, &table.name).into_iter();
    let says = |policy: &RowPolicy| policy.conditions().any(|text| named_in(text).contains(&name));
    let others: Vec<_> = others.filter(|(_, policy)| policy.table != id).collect();
    for (policy_id, policy) in own.chain(others).filter(|(_, policy)| says(policy)) {
        let what = described(ddl, &policy);
        if !cascade {
            return Err(needed(table, &name, &what));
        }
        ddl.context.notice(format!("drop cascades to {what}"));
        ddl.txn.drop_object(policy_id);
    }
    let keys: Vec<String> =
        table.keys.iter().filter(|key| key.columns.contains(&at)).map(|key| key.name.clone()).collect();
    for key in &keys {
        let mut referring = dependents(ddl, id, table, Some(key));
        referring.retain(|(child, ..)| *child != id);
        if let Some((_, child, constraint)) = referring.first().filter(|_| !cascade) {
            return Err(needed(table, &name, &format!("constraint {constraint} on table {child}")));
        }
        drop_dependents(ddl, referring)?;
    }
    // Who refers to the table may be fewer now.
    if let Some(now) = ddl.txn.snapshot().catalog.table_by_id(id) {
        table.referenced_by.retain(|child| *child == id || now.referenced_by.contains(child));
    }
    let computed = table.generated().find(|other| {
        let text = table.columns[*other].generated.as_deref().unwrap_or_default();
        *other != at && named_in(text).contains(&name)
    });
    if let Some(other) = computed {
        let what = format!("column {} of table {}", table.columns[other].name, table.name);
        if !cascade {
            return Err(needed(table, &name, &what));
        }
        ddl.context.notice(format!("drop cascades to {what}"));
        release(ddl, id, table, other, cascade)?;
        remove(ddl, id, table, other)?;
        return match table.column_index(&name) {
            Some(at) => release(ddl, id, table, at, cascade),
            None => Ok(()),
        };
    }
    Ok(())
}

/// Takes a column away, with its keys, checks, indexes and sequences.
fn remove(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, at: usize) -> Result<()> {
    let name = table.columns[at].name.clone();
    let keys = table.keys.iter().filter(|key| key.columns.contains(&at)).map(|key| key.name.clone());
    for key in keys.collect::<Vec<_>>() {
        let own = table.foreign_keys.iter().filter(|own| own.table == id && own.key == key);
        for own in own.map(|own| own.name.clone()).collect::<Vec<_>>() {
            drop_foreign_key(ddl, id, table, &own)?;
        }
        drop_key(ddl, id, table, &key);
    }
    let foreign = table.foreign_keys.iter().filter(|key| key.columns.contains(&at)).map(|key| key.name.clone());
    for key in foreign.collect::<Vec<_>>() {
        super::comment::forget(ddl, id, &Comment::constraint(&key));
        drop_foreign_key(ddl, id, table, &key)?;
    }
    let checks = table.checks.iter().filter(|check| named_in(&check.expression).contains(&name));
    for check in checks.map(|check| check.name.clone()).collect::<Vec<_>>() {
        super::comment::forget(ddl, id, &Comment::constraint(&check));
        table.checks.retain(|other| other.name != check);
    }
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (index, _) in catalog.plain_indexes_of(id).filter(|(_, index)| is_of(index, &name)) {
        ddl.txn.drop_object(index);
    }
    let of_words = |index: &crate::catalog::Index| index.key_field == name || index.columns.contains(&name);
    for (index, _) in catalog.indexes_of(id).filter(|(_, index)| of_words(index)) {
        ddl.txn.drop_object(index);
    }
    for (sequence_id, sequence) in catalog.sequences_of(id) {
        if sequence.owned_by.as_ref().is_some_and(|(_, column)| *column == name) {
            table.columns[at].sequence = None;
            ddl.txn.put_object(id, Object::Table(table.clone()))?;
            release_sequence(ddl, sequence_id, &sequence.name, false)?;
            ddl.txn.drop_object(sequence_id);
        }
    }
    for grant in &mut table.grants {
        grant.columns.iter_mut().for_each(|columns| columns.retain(|column| *column != name));
    }
    table.grants.retain(|grant| grant.columns.as_ref().is_none_or(|columns| !columns.is_empty()));
    table.keys.iter_mut().filter_map(|key| key.index.as_mut()).for_each(|index| index.include.retain(|n| *n != name));
    // Another may get its name.
    let gone = dropped_column(&name, ddl.new_id());
    ddl.txn.note_lineage(LineageChange::Renamed { object: id, from: name, to: gone });
    let before = table.clone();
    table.columns.remove(at);
    table.shape += 1;
    let later = |columns: &mut Vec<usize>| columns.iter_mut().filter(|c| **c > at).for_each(|c| *c -= 1);
    table.foreign_keys.iter_mut().for_each(|key| later(&mut key.columns));
    if table.cluster.contains(&at) {
        table.cluster.clear();
    }
    later(&mut table.cluster);
    table.keys.iter_mut().for_each(|key| later(&mut key.columns));
    rewrite(ddl, id, &before, table, Some(at))
}

/// Whether an index is of a column.
fn is_of(index: &PlainIndex, column: &str) -> bool {
    let part = |part: &IndexPart| match part {
        IndexPart::Column(name) => name == column,
        IndexPart::Expression(text) => named_in(text).contains(column),
    };
    index.parts.iter().any(|(of, _)| part(of))
        || index.include.iter().any(|name| name == column)
        || index.predicate.as_deref().is_some_and(|text| named_in(text).contains(column))
}
