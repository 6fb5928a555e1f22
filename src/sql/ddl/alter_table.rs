//! ALTER TABLE: columns added, dropped and renamed, constraints, row security.

use super::super::dml::Work;
use super::super::parser::{self, fold, split};
use super::super::planner::Planner;
use super::class::{drop_empty_classes, may_have_classes};
use super::constraint::{self, contains_nulls};
use super::drop::dependent_views;
use super::table::add_column;
use super::{Ddl, check_name, skipping, view_names};
use crate::catalog::{Object, ObjectId, Table, View};
use crate::error::{Error, Kind, Result};
use arrow::array::new_null_array;
use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast::{self, AlterColumnOperation, AlterTableOperation, RenameTableNameKind};
use std::ops::ControlFlow;

/// Runs ALTER TABLE.
pub fn alter_table(ddl: &mut Ddl<'_>, alter: ast::AlterTable) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (schema, name) = split(&alter.name)?;
    if alter.if_exists {
        let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
        if ddl.txn.snapshot().catalog.relation(&schema, &name).is_none() {
            skipping(ddl.context, "relation", &name, false);
            return Ok(());
        }
    }
    let (id, mut table) = ddl.own_table(schema.as_deref(), &name)?;
    for operation in alter.operations {
        change(ddl, id, &mut table, operation)?;
    }
    may_have_classes(&table)?;
    drop_empty_classes(ddl, id, &table);
    ddl.txn.put_object(id, Object::Table(table))
}

fn change(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, operation: AlterTableOperation) -> Result<()> {
    match operation {
        AlterTableOperation::EnableRowLevelSecurity => table.row_security = true,
        AlterTableOperation::DisableRowLevelSecurity => table.row_security = false,
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
            let new = fold(&new_column_name);
            check_name(&new)?;
            if table.column_index(&new).is_some() {
                return Err(Error::new(Kind::DuplicateColumn, format!("column \"{new}\" already exists")));
            }
            let at = column(table, &old_column_name)?;
            refuse_if_used(ddl, table, at)?;
            table.columns[at].name = new;
        }
        AlterTableOperation::RenameTable { table_name } => {
            let (RenameTableNameKind::As(name) | RenameTableNameKind::To(name)) = table_name;
            rename(ddl, table, split(&name)?.1)?;
        }
        AlterTableOperation::AddColumn { column_def, if_not_exists, .. } => {
            let name = fold(&column_def.name);
            if if_not_exists && table.column_index(&name).is_some() {
                skipping(ddl.context, "column", &name, true);
                return Ok(());
            }
            let before = table.clone();
            let mut references = Vec::new();
            add_column(ddl, table, column_def, &mut references)?;
            rewrite(ddl, id, &before, table, None)?;
            for definition in references {
                constraint::add(ddl, id, table, ast::TableConstraint::ForeignKey(definition), false)?;
            }
        }
        AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
            for name in column_names {
                if if_exists && table.column_index(&fold(&name)).is_none() {
                    skipping(ddl.context, "column", &fold(&name), false);
                    continue;
                }
                let at = column(table, &name)?;
                refuse_if_used(ddl, table, at)?;
                let before = table.clone();
                table.columns.remove(at);
                for key in &mut table.foreign_keys {
                    key.columns.iter_mut().filter(|c| **c > at).for_each(|c| *c -= 1);
                }
                if table.cluster.contains(&at) {
                    table.cluster.clear();
                }
                table.cluster.iter_mut().filter(|c| **c > at).for_each(|c| *c -= 1);
                for key in &mut table.keys {
                    key.columns.iter_mut().filter(|c| **c > at).for_each(|c| *c -= 1);
                }
                rewrite(ddl, id, &before, table, Some(at))?;
            }
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            let at = column(table, &column_name)?;
            match op {
                AlterColumnOperation::SetNotNull => {
                    table.columns[at].not_null = true;
                    may_have_classes(table)?;
                    refuse_nulls(ddl, id, table, at)?;
                }
                AlterColumnOperation::DropNotNull => table.columns[at].not_null = false,
                AlterColumnOperation::SetDefault { value } => {
                    Planner::new(ddl.context, ddl.state).expression(value.clone(), &DFSchema::empty())?;
                    table.columns[at].default = Some(view_names::functions_in_full(&value.to_string(), ddl.context)?);
                }
                AlterColumnOperation::DropDefault => table.columns[at].default = None,
                other => return Err(unsupported(&other.to_string())),
            }
        }
        AlterTableOperation::AddConstraint { constraint, not_valid } => {
            constraint::add(ddl, id, table, constraint, not_valid)?;
        }
        AlterTableOperation::DropConstraint { if_exists, name, drop_behavior } => {
            let cascade = matches!(drop_behavior, Some(ast::DropBehavior::Cascade));
            constraint::drop(ddl, id, table, &name, if_exists, cascade)?;
        }
        other => return Err(unsupported(&other.to_string())),
    }
    Ok(())
}

/// Gives the table another name, in the views that read it too, and forgets what the inventory found out, as the name counted there.
fn rename(ddl: &mut Ddl<'_>, table: &mut Table, name: String) -> Result<()> {
    check_name(&name)?;
    rename_in_views(ddl, table.qualified(), (&table.schema, &name))?;
    let asset = format!("{}.{}", table.schema, table.name);
    let finding = ddl.txn.snapshot().catalog.finding(&asset).map(|(id, _)| id);
    if let Some(finding) = finding {
        ddl.txn.drop_object(finding);
        ddl.context.notice(format!("what INVENTORY found about {asset} is forgotten, as the name is part of it"));
    }
    table.name = name;
    Ok(())
}

/// Views that read a relation go on to read it under its new name.
pub(super) fn rename_in_views(ddl: &mut Ddl<'_>, (schema, name): (&str, &str), to: (&str, &str)) -> Result<()> {
    for (id, ..) in dependent_views(ddl, schema, name) {
        let found = ddl.txn.snapshot().catalog.get(id).cloned();
        if let Some(Object::View(view)) = found.as_deref() {
            let mut query = parser::query(&view.query)?;
            view_names::rename(&mut query, (schema, name), to);
            ddl.txn.put_object(id, Object::View(View { query: query.to_string(), ..view.clone() }))?;
        }
    }
    Ok(())
}

fn unsupported(what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("ALTER TABLE ... {what} is not supported"))
}

fn column(table: &Table, name: &ast::Ident) -> Result<usize> {
    let name = fold(name);
    table.column_index(&name).ok_or_else(|| {
        Error::new(Kind::UndefinedColumn, format!("column \"{name}\" of relation \"{}\" does not exist", table.name))
    })
}

/// Keys, checks and views name columns in their text: such columns stay as they are.
fn refuse_if_used(ddl: &Ddl<'_>, table: &Table, at: usize) -> Result<()> {
    let name = &table.columns[at].name;
    let catalog = &ddl.txn.snapshot().catalog;
    for (id, _, view) in dependent_views(ddl, &table.schema, &table.name) {
        if let Some(Object::View(facts)) = catalog.get(id).map(AsRef::as_ref)
            && says(&facts.query, name)
        {
            let message = format!("column \"{name}\" of table \"{}\" is read by view {view}", table.name);
            return Err(Error::new(Kind::Dependent, message)
                .with_hint("Drop the view, change the table, and create the view again."));
        }
    }
    let key = table.keys.iter().find(|key| key.columns.contains(&at)).map(|key| &key.name);
    let check = table.checks.iter().find(|check| check.expression.contains(name.as_str())).map(|check| &check.name);
    let foreign = table.foreign_keys.iter().find(|key| key.columns.contains(&at)).map(|key| &key.name);
    match key.or(check).or(foreign) {
        Some(constraint) => Err(Error::new(
            Kind::Dependent,
            format!("column \"{name}\" is used by constraint \"{constraint}\" of table \"{}\"", table.name),
        )),
        None => Ok(()),
    }
}

/// Whether a query says a column's name.
fn says(query: &str, column: &str) -> bool {
    let Ok(query) = parser::query(query) else { return false };
    let found = ast::visit_expressions(&query, |expression| {
        let name = match expression {
            ast::Expr::Identifier(name) => Some(name),
            ast::Expr::CompoundIdentifier(path) => path.last(),
            _ => None,
        };
        match name.is_some_and(|name| fold(name) == column) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    found.is_break()
}

fn refuse_nulls(ddl: &Ddl<'_>, id: ObjectId, table: &Table, at: usize) -> Result<()> {
    for segment in &ddl.txn.snapshot().rows(id).segments {
        let columns = ddl.context.database.manager.read_live(id, segment, &[at])?;
        if columns.first().is_some_and(|column| column.null_count() > 0) {
            return Err(contains_nulls(table, at));
        }
    }
    Ok(())
}

/// Writes all rows again with the new columns; a dropped column is left away, an added one gets its default.
pub(super) fn rewrite(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    before: &Table,
    table: &Table,
    dropped: Option<usize>,
) -> Result<()> {
    let rows = ddl.txn.snapshot().rows(id);
    let positions: Vec<usize> = (0..before.columns.len()).filter(|p| Some(*p) != dropped).collect();
    let mut batches = Vec::new();
    let work = Work::new(ddl.context, ddl.state, &[]);
    for segment in &rows.segments {
        let mut columns = ddl.context.database.manager.read_live(id, segment, &positions)?;
        let count = segment.live_rows();
        for (at, column) in table.columns.iter().enumerate().skip(columns.len()) {
            let value = match &column.default {
                Some(text) => work.constant(text, count)?,
                None => new_null_array(&column.data_type.arrow(), count),
            };
            let value = ddl.context.zone().assign(&value, &column.data_type)?;
            if column.not_null && value.null_count() > 0 {
                return Err(contains_nulls(table, at));
            }
            columns.push(value);
        }
        batches.push(crate::txn::batch(table.arrow_schema(), columns, count)?);
    }
    ddl.txn.put_object(id, Object::Table(table.clone()))?;
    ddl.txn.truncate(id);
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        ddl.context.database.manager.append(ddl.txn, id, batch)?;
    }
    Ok(())
}
