//! ALTER TABLE ... ADD and DROP CONSTRAINT: a new constraint must hold for the rows that are there.

use super::super::dml::{Target, Work, check_foreign_key};
use super::super::parser::fold;
use super::foreign_key::{add_foreign_key, dependents, drop_dependents, drop_foreign_key, still_needed};
use super::table::add_constraint;
use super::{Ddl, skipping};
use crate::catalog::{Comment, ForeignKey, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::txn::{bytes_of, duplicated};
use arrow::array::{Array, ArrayRef};
use datafusion::sql::sqlparser::ast;
use std::collections::HashSet;
use std::sync::Arc;

/// A name for a constraint: the one given, unless another constraint has it, or one made of `base`.
pub(super) fn unused_name(table: &Table, given: Option<String>, base: String) -> Result<String> {
    let taken = |name: &str| {
        table.keys.iter().any(|key| key.name == name)
            || table.checks.iter().any(|check| check.name == name)
            || table.foreign_keys.iter().any(|key| key.name == name)
    };
    match given {
        Some(name) if taken(&name) => Err(Error::new(
            Kind::DuplicateObject,
            format!("constraint \"{name}\" for relation \"{}\" already exists", table.name),
        )),
        Some(name) => Ok(name),
        None => {
            let mut names = std::iter::once(base.clone()).chain((1..).map(|n| format!("{base}{n}")));
            Ok(names.find(|name| !taken(name)).unwrap_or(base))
        }
    }
}

/// Adds a constraint to a table with rows.
pub(super) fn add(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    constraint: ast::TableConstraint,
    unchecked: bool,
) -> Result<()> {
    if unchecked {
        return add_unchecked(ddl, id, table, constraint);
    }
    if let ast::TableConstraint::ForeignKey(definition) = &constraint {
        add_foreign_key(ddl, id, table, definition)?;
        return table.foreign_keys.last().map_or(Ok(()), |key| must_refer(ddl, id, table, key));
    }
    if let ast::TableConstraint::PrimaryKeyUsingIndex(using) = &constraint {
        return use_index(ddl, id, table, using, true);
    }
    if let ast::TableConstraint::UniqueUsingIndex(using) = &constraint {
        return use_index(ddl, id, table, using, false);
    }
    let (keys, checks) = (table.keys.len(), table.checks.len());
    add_constraint(table, constraint)?;
    super::table::check_expressions(ddl, table)?;
    if table.keys.len() > keys {
        must_be_unique(ddl, id, table)?;
    }
    if table.checks.len() > checks {
        must_hold(ddl, id, table)?;
    }
    Ok(())
}

/// ADD CONSTRAINT ... NOT VALID: it holds for rows that come; those that are there are looked at by VALIDATE CONSTRAINT.
fn add_unchecked(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, constraint: ast::TableConstraint) -> Result<()> {
    match &constraint {
        ast::TableConstraint::ForeignKey(definition) => {
            add_foreign_key(ddl, id, table, definition)?;
            table.foreign_keys.iter_mut().next_back().into_iter().for_each(|key| key.not_valid = true);
            Ok(())
        }
        ast::TableConstraint::Check(_) => {
            add_constraint(table, constraint)?;
            super::table::check_expressions(ddl, table)?;
            table.checks.iter_mut().next_back().into_iter().for_each(|check| check.not_valid = true);
            Ok(())
        }
        ast::TableConstraint::PrimaryKey(_) => Err(cannot_be_unchecked("PRIMARY KEY")),
        _ => Err(cannot_be_unchecked("UNIQUE")),
    }
}

fn cannot_be_unchecked(what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{what} constraints cannot be marked NOT VALID"))
}

/// VALIDATE CONSTRAINT: it holds for all rows from now on.
pub(super) fn validate(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, name: &ast::Ident) -> Result<()> {
    let name = fold(name);
    if let Some(at) = table.foreign_keys.iter().position(|key| key.name == name) {
        if table.foreign_keys[at].not_valid {
            must_refer(ddl, id, table, &table.foreign_keys[at])?;
        }
        table.foreign_keys[at].not_valid = false;
        return Ok(());
    }
    if let Some(at) = table.checks.iter().position(|check| check.name == name) {
        if std::mem::take(&mut table.checks[at].not_valid) {
            let alone = Table { checks: vec![table.checks[at].clone()], ..table.clone() };
            must_hold(ddl, id, &alone)?;
        }
        return Ok(());
    }
    match table.key(&name).is_some_and(|key| key.index.is_none()) {
        true => {
            let message = format!(
                "constraint \"{name}\" of relation \"{}\" is not a foreign key or check constraint",
                table.name
            );
            Err(Error::new(Kind::WrongObject, message))
        }
        false => Err(undefined(table, &name)),
    }
}

fn undefined(table: &Table, name: &str) -> Error {
    let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
    Error::new(Kind::UndefinedObject, message)
}

/// ADD PRIMARY KEY or UNIQUE USING INDEX: a unique index becomes a constraint.
fn use_index(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    using: &ast::ConstraintUsingIndex,
    primary: bool,
) -> Result<()> {
    let index = fold(&using.index_name);
    let Some(at) = table.keys.iter().position(|key| key.name == index) else {
        return Err(Error::new(Kind::UndefinedObject, format!("index \"{index}\" does not exist")));
    };
    if table.keys[at].index.is_none() {
        let message = format!("index \"{index}\" is already associated with a constraint");
        return Err(Error::new(Kind::NotReady, message));
    }
    if primary && table.primary_key().is_some() {
        let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
        return Err(Error::new(Kind::InvalidTableDefinition, message));
    }
    let name = using.name.as_ref().map(fold).filter(|name| *name != index);
    if let Some(name) = name {
        let message = "ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index";
        ddl.context.notice(format!("{message} \"{index}\" to \"{name}\""));
        super::index::rename_key(ddl, id, table, at, name)?;
    }
    let mut key = table.keys.remove(at);
    (key.index, key.primary) = (None, primary);
    if primary {
        key.columns.iter().for_each(|&column| table.columns[column].not_null = true);
    }
    table.keys.push(key);
    match primary {
        true => must_be_unique(ddl, id, table),
        false => Ok(()),
    }
}

/// A foreign key holds for all rows.
pub(super) fn must_refer(ddl: &Ddl<'_>, id: ObjectId, table: &Table, key: &ForeignKey) -> Result<()> {
    let work = Work::new(ddl.context, ddl.state);
    let target = Target::of(id, Arc::new(table.clone()));
    for segment in &ddl.txn.snapshot().rows(id).segments {
        let columns = ddl.context.database.manager.read_live(id, segment, &key.columns)?;
        check_foreign_key(&work, ddl.txn, &target, key, &columns)?;
    }
    Ok(())
}

/// Why the column at this position cannot be NOT NULL.
pub(super) fn contains_nulls(table: &Table, column: usize) -> Error {
    let name = &table.columns[column].name;
    let message = format!("column \"{name}\" of relation \"{}\" contains null values", table.name);
    Error::new(Kind::NotNull, message).about_column(table.qualified(), name)
}

/// The newest key is unique among all rows, and of a primary key no part is NULL.
pub(super) fn must_be_unique(ddl: &mut Ddl<'_>, id: ObjectId, table: &Table) -> Result<()> {
    let Some(key) = table.keys.last() else { return Ok(()) };
    let mut seen = HashSet::new();
    for segment in &ddl.txn.snapshot().rows(id).segments {
        let columns: Vec<ArrayRef> = ddl.context.database.manager.read_live(id, segment, &key.columns)?;
        if let Some((&column, _)) = key.columns.iter().zip(&columns).find(|(_, c)| key.primary && c.null_count() > 0) {
            return Err(contains_nulls(table, column));
        }
        for (row, bytes) in bytes_of(key, &columns)?.into_iter().enumerate() {
            if bytes.is_some_and(|bytes| !seen.insert(bytes)) {
                return Err(duplicated(table, key, &columns, row));
            }
        }
    }
    ddl.context.database.manager.note_added(ddl.txn, id, key)
}

/// All CHECK constraints hold for all rows, but for those that need not hold for rows from before.
pub(super) fn must_hold(ddl: &Ddl<'_>, id: ObjectId, table: &Table) -> Result<()> {
    let valid = table.checks.iter().filter(|check| !check.not_valid).cloned().collect();
    let table = &Table { checks: valid, ..table.clone() };
    let work = Work::new(ddl.context, ddl.state);
    let positions: Vec<usize> = (0..table.columns.len()).collect();
    for segment in &ddl.txn.snapshot().rows(id).segments {
        let columns = ddl.context.database.manager.read_live(id, segment, &positions)?;
        let rows = crate::txn::batch(table.arrow_schema(), columns, segment.live_rows())?;
        work.check(table, &rows).map_err(|error| match (error.kind(), table.checks.last()) {
            (Kind::Check, Some(check)) => {
                let message = format!(
                    "check constraint \"{}\" of relation \"{}\" is violated by some row",
                    check.name, table.name
                );
                Error::new(Kind::Check, message).about_constraint(table.qualified(), &check.name)
            }
            _ => error,
        })?;
    }
    Ok(())
}

/// Takes a constraint away.
pub(super) fn drop(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    name: &ast::Ident,
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    let name = fold(name);
    if table.foreign_keys.iter().any(|key| key.name == name) {
        super::comment::forget(ddl, id, &Comment::constraint(&name));
        return drop_foreign_key(ddl, id, table, &name);
    }
    if table.key(&name).is_some_and(|key| key.index.is_none()) {
        let dependents = dependents(ddl, id, table, Some(&name));
        match dependents.first() {
            Some(first) if !cascade => {
                let what = format!("constraint {name} on table {}", table.name);
                return Err(still_needed(&what, first, &format!("index {name}")));
            }
            Some(_) if dependents.iter().any(|(child, ..)| *child == id) => {
                let own = table.foreign_keys.iter().filter(|key| key.table == id && key.key == name);
                for own in own.map(|key| key.name.clone()).collect::<Vec<_>>() {
                    drop_foreign_key(ddl, id, table, &own)?;
                }
            }
            _ => {}
        }
        drop_dependents(ddl, dependents.into_iter().filter(|(child, ..)| *child != id).collect())?;
        // Who refers to it may have changed with that.
        if let Some(now) = ddl.txn.snapshot().catalog.table_by_id(id) {
            table.referenced_by =
                now.referenced_by.iter().copied().filter(|c| *c != id || refers_to(table, id)).collect();
        }
        super::index::drop_key(ddl, id, table, &name);
        return Ok(());
    }
    if table.checks.iter().any(|check| check.name == name) {
        table.checks.retain(|check| check.name != name);
        super::comment::forget(ddl, id, &Comment::constraint(&name));
        return Ok(());
    }
    if if_exists {
        skipping(ddl.context, "constraint", &name, false);
        return Ok(());
    }
    Err(undefined(table, &name))
}

fn refers_to(table: &Table, id: ObjectId) -> bool {
    table.foreign_keys.iter().any(|key| key.table == id)
}
