//! ALTER TABLE: columns added and changed, constraints, row security. Dropping a column, another type and other names have files of
//! their own.

use super::super::dml::Work;
use super::super::lineage;
use super::super::parser::{self, Beside, Named, SequenceOption, ViewChange, fold, split};
use super::class::{drop_empty_classes, may_have_classes};
use super::constraint::{self, contains_nulls};
use super::drop::dependent_views;
use super::drop_column::drop_column;
use super::enumeration::written_type;
use super::generated::check_generated;
use super::quarantine::{self, Follow};
use super::rename::{forget_finding, rename_column, rename_constraint};
use super::repairs;
use super::retype::retype;
use super::row_policy::{must_not_be_asked_for, rename_in_policies};
use super::sequence::{must_be_whole, number_column, set_default};
use super::table::add_column;
use super::{Ddl, check_name, skipping, view_names};
use crate::catalog::{Class, Function, Object, ObjectId, Table, View};
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::sql::sqlparser::ast::{self, AlterColumnOperation, AlterTableOperation, RenameTableNameKind};
use std::ops::ControlFlow;

/// Runs ALTER TABLE.
pub fn alter_table(ddl: &mut Ddl<'_>, alter: ast::AlterTable, beside: &Beside) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (schema, name) = split(&alter.name)?;
    if alter.if_exists {
        let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
        if ddl.txn.snapshot().catalog.relation(&schema, &name).is_none() {
            skipping(ddl.context, "relation", &name, false);
            return Ok(());
        }
    }
    if let [AlterTableOperation::RenameTable { table_name }] = alter.operations.as_slice()
        && let Some(what) = named_otherwise(ddl, schema.as_deref(), &name)
    {
        let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = table_name;
        return super::rename::rename(ddl, what, false, &(schema, name), split(to)?.1);
    }
    if let [AlterTableOperation::RenameColumn { old_column_name, new_column_name }] = alter.operations.as_slice()
        && let Some(Named::View) = named_otherwise(ddl, schema.as_deref(), &name)
    {
        let change = ViewChange::Rename { from: fold(old_column_name), to: fold(new_column_name) };
        return super::view::alter_view(ddl, &(schema, name), false, change);
    }
    let (id, mut table) = ddl.own_table(schema.as_deref(), &name)?;
    ddl.must_not_wait("ALTER TABLE", id, &table.name)?;
    let mut followed = Vec::new();
    let mut computed = Vec::new();
    let generated = |table: &Table| -> Vec<(String, Option<String>)> {
        table.columns.iter().map(|column| (column.name.clone(), column.generated.clone())).collect()
    };
    let generated_before = generated(&table);
    for operation in alter.operations {
        may_be_done(&table, &operation)?;
        if changes_columns(&operation) {
            quarantine::must_not_follow(ddl, &table)?;
            repairs::must_not_follow(ddl, &table)?;
        }
        let before = table.clone();
        let using = match &operation {
            AlterTableOperation::AlterColumn { op: AlterColumnOperation::SetDataType { using, .. }, .. } => {
                using.clone()
            }
            _ => None,
        };
        let cascade = matches!(
            operation,
            AlterTableOperation::DropColumn { drop_behavior: Some(ast::DropBehavior::Cascade), .. }
        );
        if let (AlterTableOperation::AlterColumn { column_name, .. }, Some(using)) = (&operation, &using) {
            computed.push((fold(column_name), using.clone()));
        }
        change(ddl, id, &mut table, operation, beside)?;
        followed.extend(to_follow(&before, &table, using, cascade));
    }
    may_have_classes(&table)?;
    drop_empty_classes(ddl, id, &table);
    let is_generated_anew = generated_before != generated(&table);
    ddl.txn.put_object(id, Object::Table(table))?;
    for (column, using) in &computed {
        lineage::computed(ddl.context, ddl.txn, (id, column), using);
    }
    if is_generated_anew {
        lineage::generated(ddl.context, ddl.txn, id);
    }
    repairs::follow(ddl, id, &followed)?;
    quarantine::follow(ddl, id, followed)
}

/// Whether an operation makes other columns.
fn changes_columns(operation: &AlterTableOperation) -> bool {
    use AlterTableOperation as To;
    !matches!(
        operation,
        To::RenameTable { .. }
            | To::EnableRowLevelSecurity
            | To::DisableRowLevelSecurity
            | To::ForceRowLevelSecurity
            | To::NoForceRowLevelSecurity
    )
}

/// How the columns of a table differ after an operation from those before it.
fn to_follow(before: &Table, after: &Table, using: Option<ast::Expr>, cascade: bool) -> Vec<Follow> {
    let renamed = before.columns.len() == after.columns.len();
    let mut changes = Vec::new();
    if renamed {
        for (old, new) in before.columns.iter().zip(&after.columns) {
            if old.name != new.name {
                changes.push(Follow::Rename(old.name.clone(), new.name.clone()));
            } else if (&old.data_type, old.places) != (&new.data_type, new.places) {
                changes.push(Follow::Retype(new.clone(), using.clone().map(Box::new)));
            }
        }
        return changes;
    }
    let gone = before.columns.iter().filter(|old| after.column_index(&old.name).is_none());
    changes.extend(gone.map(|old| Follow::Drop(old.name.clone(), cascade)));
    let new = after.columns.iter().filter(|new| before.column_index(&new.name).is_none());
    changes.extend(new.map(|new| Follow::Add(new.clone())));
    changes
}

/// What a relation is that is no table: ALTER TABLE ... RENAME TO takes them all, as in PostgreSQL.
fn named_otherwise(ddl: &Ddl<'_>, schema: Option<&str>, name: &str) -> Option<Named> {
    let (schema, name) = ddl.context.resolve(schema, name);
    match ddl.txn.snapshot().catalog.relation(&schema, &name)?.1 {
        Object::View(_) => Some(Named::View),
        Object::Sequence(_) => Some(Named::Sequence),
        Object::Index(_) | Object::PlainIndex(_) => Some(Named::Index),
        _ => None,
    }
}

/// Refuses what a materialized view cannot have: its columns are those of its query.
fn may_be_done(table: &Table, operation: &AlterTableOperation) -> Result<()> {
    use AlterTableOperation as To;
    let fits = matches!(
        operation,
        To::RenameTable { .. } | To::RenameColumn { .. } | To::EnableRowLevelSecurity | To::DisableRowLevelSecurity
    );
    match table.materialized.is_some() && !fits {
        false => Ok(()),
        true => {
            let words = operation.to_string();
            let words = words.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            let message = format!("ALTER action {words} cannot be performed on relation \"{}\"", table.name);
            Err(Error::new(Kind::WrongObject, message)
                .with_detail("This operation is not supported for materialized views."))
        }
    }
}

fn change(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    operation: AlterTableOperation,
    beside: &Beside,
) -> Result<()> {
    match operation {
        AlterTableOperation::EnableRowLevelSecurity => table.row_security = true,
        AlterTableOperation::DisableRowLevelSecurity => table.row_security = false,
        AlterTableOperation::ForceRowLevelSecurity => table.force_row_security = true,
        AlterTableOperation::NoForceRowLevelSecurity => table.force_row_security = false,
        AlterTableOperation::ValidateConstraint { name } => constraint::validate(ddl, id, table, &name)?,
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
            let new = fold(&new_column_name);
            check_name(&new)?;
            if table.column_index(&new).is_some() {
                return Err(Error::new(Kind::DuplicateColumn, format!("column \"{new}\" already exists")));
            }
            let at = column(table, &old_column_name)?;
            must_not_be_read(ddl, ("table", &table.schema, &table.name), &table.columns[at].name)?;
            rename_column(ddl, id, table, at, new)?;
        }
        AlterTableOperation::RenameTable { table_name } => {
            let (RenameTableNameKind::As(name) | RenameTableNameKind::To(name)) = table_name;
            rename(ddl, table, split(&name)?.1)?;
        }
        AlterTableOperation::AddColumn { column_def, if_not_exists, .. } => {
            let name = fold(&column_def.name);
            if table.column_index(&name).is_some() {
                let there = format!("column \"{name}\" of relation \"{}\" already exists", table.name);
                if if_not_exists {
                    ddl.context.notice(format!("{there}, skipping"));
                    return Ok(());
                }
                return Err(Error::new(Kind::DuplicateColumn, there));
            }
            let before = table.clone();
            let mut references = Vec::new();
            add_column(ddl, id, table, column_def, beside, &mut references)?;
            super::table::check_expressions(ddl, table)?;
            check_generated(ddl, table)?;
            rewrite(ddl, id, &before, table, None)?;
            if table.checks.len() > before.checks.len() {
                constraint::must_hold(ddl, id, table)?;
            }
            for definition in references {
                constraint::add(ddl, id, table, ast::TableConstraint::ForeignKey(definition), false)?;
            }
        }
        AlterTableOperation::DropColumn { column_names, if_exists, drop_behavior, .. } => {
            let cascade = matches!(drop_behavior, Some(ast::DropBehavior::Cascade));
            for name in column_names {
                drop_column(ddl, id, table, &name, if_exists, cascade)?;
            }
        }
        AlterTableOperation::RenameConstraint { old_name, new_name } => {
            rename_constraint(ddl, id, table, &fold(&old_name), fold(&new_name))?;
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            let at = column(table, &column_name)?;
            match op {
                AlterColumnOperation::SetNotNull => {
                    table.columns[at].not_null = true;
                    may_have_classes(table)?;
                    refuse_nulls(ddl, id, table, at)?;
                }
                AlterColumnOperation::DropNotNull => {
                    may_be_null(table, at)?;
                    table.columns[at].not_null = false;
                }
                AlterColumnOperation::SetDefault { value } => {
                    may_have_default(table, at)?;
                    set_default(ddl, &mut table.columns[at], value)?;
                }
                AlterColumnOperation::DropDefault => {
                    may_have_default(table, at)?;
                    (table.columns[at].default, table.columns[at].sequence) = (None, None);
                }
                AlterColumnOperation::SetDataType { data_type, using, .. } => {
                    let (to, places, domain) = written_type(ddl, &data_type)?;
                    (table.columns[at].places, table.columns[at].domain) = (places, domain);
                    retype(ddl, id, table, at, to, using)?;
                }
                AlterColumnOperation::AddGenerated { generated_as, sequence_options } => {
                    let options = beside.identity(sequence_options.as_deref());
                    let always = !matches!(generated_as, Some(ast::GeneratedAs::ByDefault));
                    add_identity(ddl, id, table, at, always, &options)?;
                }
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
    ddl.must_be_free(&table.schema, &name)?;
    forget_finding(ddl, &table.schema, &table.name);
    table.name = name;
    Ok(())
}

/// Views, functions and policies that read a relation go on to read it under its new name.
pub(super) fn rename_in_views(ddl: &mut Ddl<'_>, (schema, name): (&str, &str), to: (&str, &str)) -> Result<()> {
    for (id, ..) in dependent_views(ddl, schema, name) {
        let found = ddl.txn.snapshot().catalog.get(id).cloned();
        if let Some(Object::View(view)) = found.as_deref() {
            let mut query = parser::query(&view.query)?;
            view_names::rename(&mut query, (schema, name), to);
            ddl.txn.put_object(id, Object::View(View { query: query.to_string(), ..view.clone() }))?;
        }
    }
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (id, object) in catalog.class(Class::Function) {
        let Object::Function(function) = object else { continue };
        let mut query = parser::query(&function.query)?;
        let reads = |(s, n): &(Option<String>, String)| n == name && s.as_deref() == Some(schema);
        if view_names::named(&mut query).iter().any(reads) {
            view_names::rename(&mut query, (schema, name), to);
            ddl.txn.put_object(id, Object::Function(Function { query: query.to_string(), ..function.clone() }))?;
        }
    }
    rename_in_policies(ddl, (schema, name), to)
}

/// Refuses a default for a column that makes its own values.
fn may_have_default(table: &Table, at: usize) -> Result<()> {
    let column = &table.columns[at];
    let what = match (column.identity, &column.generated) {
        (true, _) => "an identity column",
        (false, Some(_)) => "a generated column",
        (false, None) => return Ok(()),
    };
    let message = format!("column \"{}\" of relation \"{}\" is {what}", column.name, table.name);
    Err(Error::new(Kind::Syntax, message))
}

/// Refuses NULL in a column of the primary key or an identity column.
fn may_be_null(table: &Table, at: usize) -> Result<()> {
    let column = &table.columns[at];
    if column.identity {
        let message = format!("column \"{}\" of relation \"{}\" is an identity column", column.name, table.name);
        return Err(Error::new(Kind::Syntax, message));
    }
    match table.primary_key().is_some_and(|key| key.columns.contains(&at)) {
        true => Err(Error::new(Kind::InvalidDefinition, format!("column \"{}\" is in a primary key", column.name))),
        false => Ok(()),
    }
}

/// ADD GENERATED ... AS IDENTITY.
fn add_identity(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    at: usize,
    always: bool,
    options: &[SequenceOption],
) -> Result<()> {
    let column = &table.columns[at];
    let refused = |what: &str| {
        let message = format!("column \"{}\" of relation \"{}\" {what}", column.name, table.name);
        Err(Error::new(Kind::NotReady, message))
    };
    must_be_whole(&column.data_type)?;
    match () {
        () if !column.not_null => refused("must be declared NOT NULL before identity can be added"),
        () if column.identity => refused("is already an identity column"),
        () if column.default.is_some() || column.sequence.is_some() => refused("already has a default value"),
        () => number_column(ddl, id, table, at, Some(always), options),
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("ALTER TABLE ... {what} is not supported"))
}

pub(super) fn column(table: &Table, name: &ast::Ident) -> Result<usize> {
    let name = fold(name);
    table.column_index(&name).ok_or_else(|| {
        Error::new(Kind::UndefinedColumn, format!("column \"{name}\" of relation \"{}\" does not exist", table.name))
    })
}

/// Views name columns in their text: those that they read stay as they are called.
pub(super) fn must_not_be_read(ddl: &Ddl<'_>, (kind, schema, relation): (&str, &str, &str), name: &str) -> Result<()> {
    let catalog = &ddl.txn.snapshot().catalog;
    for (id, _, view) in dependent_views(ddl, schema, relation) {
        let query = match catalog.get(id).map(AsRef::as_ref) {
            Some(Object::View(facts)) => Some(&facts.query),
            Some(Object::Table(facts)) => facts.materialized.as_ref().map(|of| &of.query),
            _ => None,
        };
        if query.is_some_and(|query| says(query, name)) {
            let message = format!("column \"{name}\" of {kind} \"{relation}\" is read by view {view}");
            return Err(Error::new(Kind::Dependent, message)
                .with_hint(format!("Drop the view, change the {kind}, and create the view again.")));
        }
    }
    must_not_be_asked_for(ddl, (schema, relation), name)
}

/// Whether a query says a column's name.
pub(super) fn says(query: &str, column: &str) -> bool {
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
    let context = ddl.looking();
    let (work, zone) = (Work::new(&context, ddl.state), ddl.context.zone());
    rewrite_rows(ddl, id, before, table, |batch| {
        let mut columns = batch.columns().to_vec();
        dropped.map(|at| columns.remove(at));
        let added = columns.len();
        for column in table.columns.iter().skip(added) {
            let value = work.default_values(column, batch.num_rows())?;
            columns.push(zone.assign(&value, &column.data_type)?);
        }
        if added == table.columns.len() {
            return Ok(columns);
        }
        let rows = crate::txn::batch(table.arrow_schema(), columns, batch.num_rows())?;
        let rows = work.generate(table, rows)?;
        work.check_domains(table, &rows)?;
        for (at, (column, value)) in table.columns.iter().zip(rows.columns()).enumerate().skip(added) {
            if column.not_null && value.null_count() > 0 {
                return Err(contains_nulls(table, at));
            }
        }
        Ok(rows.columns().to_vec())
    })
}

/// Writes all rows again as `change` makes them of what they were.
pub(super) fn rewrite_rows(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    before: &Table,
    table: &Table,
    mut change: impl FnMut(&RecordBatch) -> Result<Vec<ArrayRef>>,
) -> Result<()> {
    let rows = ddl.txn.snapshot().rows(id);
    let positions: Vec<usize> = (0..before.columns.len()).collect();
    let mut batches = Vec::new();
    for segment in &rows.segments {
        let columns = ddl.context.database.manager.read_live(id, segment, &positions)?;
        let old = crate::txn::batch(before.arrow_schema(), columns, segment.live_rows())?;
        batches.push(crate::txn::batch(table.arrow_schema(), change(&old)?, old.num_rows())?);
    }
    ddl.txn.put_object(id, Object::Table(table.clone()))?;
    ddl.txn.truncate(id);
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        ddl.context.database.manager.append(ddl.txn, id, batch)?;
    }
    Ok(())
}
