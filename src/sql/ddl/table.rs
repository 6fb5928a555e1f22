//! CREATE TABLE, CREATE TABLE AS.

use super::super::context::Context;
use super::super::dml::{Referring, Target, Work, must_be_of_one_row, rows};
use super::super::lineage::{self, Noting, derived};
use super::super::parser::{Beside, TagTarget, TagWithin, fold, split};
use super::super::planner::{Planner, parse_expression};
use super::super::rewrite::level;
use super::super::run;
use super::super::semantics;
use super::super::types::is_serial;
use super::constraint::unused_name;
use super::deferral::must_not_be_deferrable;
use super::enumeration::written_type;
use super::foreign_key::add_foreign_key;
use super::generated::check_generated;
use super::in_full::in_full;
use super::keeping::must_be_parameter;
use super::like::take_over;
use super::policy::use_tag;
use super::sequence::{number_column, set_default};
use super::{Ddl, check_name, skipping};
use crate::catalog::{
    CheckConstraint, Column, DefaultsOf, FlowKind, KeyConstraint, Object, ObjectId, OnCommit, SqlType, Table,
    TagSource, is_temporary,
};
use crate::error::{Error, Kind, Result};
use crate::txn::Loader;
use datafusion::common::DFSchema;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{self, ColumnOption, GeneratedAs, TableConstraint};
use futures::TryStreamExt;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Runs CREATE TABLE; gives the rows of CREATE TABLE AS.
pub async fn create_table(ddl: &mut Ddl<'_>, create: ast::CreateTable, beside: &Beside) -> Result<Option<usize>> {
    ddl.txn.must_write("CREATE TABLE")?;
    if create.external || create.location.is_some() {
        return Err(Error::new(Kind::Unsupported, "CREATE EXTERNAL TABLE is not supported")
            .with_hint("Use CREATE SOURCE to register files."));
    }
    if create.like.is_some() || create.inherits.is_some() || create.partition_by.is_some() {
        return Err(Error::new(Kind::Unsupported, "CREATE TABLE with LIKE, INHERITS or PARTITION BY is not supported"));
    }
    if let Some(parent) = &create.partition_of {
        let (schema, name) = split(parent)?;
        let (_, table) = ddl.own_table(schema.as_deref(), &name)?;
        return Err(Error::new(Kind::InvalidDefinition, format!("\"{}\" is not partitioned", table.name)));
    }
    let (schema, name) = ddl.new_place(&create.name, create.temporary)?;
    if beside.created.unlogged {
        ddl.context.notice(format!("table \"{name}\" is written to the journal as every table is"));
    }
    let on_commit = on_commit(&schema, create.on_commit)?;
    if create.if_not_exists && ddl.txn.snapshot().catalog.relation(&schema, &name).is_some() {
        skipping(ddl.context, "relation", &name, true);
        return Ok(create.query.map(|_| 0));
    }
    must_be_kept_so(&create.table_options, beside.created.method.as_deref())?;
    let grants = ddl.default_grants(ddl.context.role, &schema, DefaultsOf::Tables);
    let place = (Some(schema.clone()), name.clone());
    let mut table = Table { on_commit, grants, ..Table::new(schema, name, ddl.context.role) };
    if let Some(query) = create.query {
        let rows = create_table_as(ddl, table, &create.columns, *query).await?;
        tag_all(ddl, &place, beside)?;
        return Ok(Some(rows));
    }
    ddl.must_be_free(&table.schema, &table.name)?;
    let id = ddl.new_id();
    let mut references = Vec::new();
    let mut likes = beside.likes.iter().peekable();
    for (at, column) in create.columns.into_iter().enumerate() {
        while let Some(like) = likes.next_if(|like| like.before <= at) {
            take_over(ddl, id, &mut table, like)?;
        }
        add_column(ddl, id, &mut table, column, beside, &mut references)?;
    }
    likes.try_for_each(|like| take_over(ddl, id, &mut table, like))?;
    for constraint in create.constraints {
        match constraint {
            TableConstraint::ForeignKey(definition) => references.push(definition),
            other => add_constraint(&mut table, other)?,
        }
    }
    check_expressions(ddl, &mut table)?;
    check_generated(ddl, &table)?;
    // Last: a table may refer to a key of its own.
    for definition in &references {
        add_foreign_key(ddl, id, &mut table, definition)?;
    }
    ddl.txn.put_object(id, Object::Table(table))?;
    lineage::generated(ddl.context, ddl.txn, id);
    tag_all(ddl, &place, beside)?;
    Ok(None)
}

/// Puts the tags on a new table that its definition names.
fn tag_all(ddl: &mut Ddl<'_>, place: &(Option<String>, String), beside: &Beside) -> Result<()> {
    for TagWithin { column, tag, value } in &beside.created.tags {
        let target = TagTarget { relation: place.clone(), column: column.clone() };
        use_tag(ddl, &target, tag, Some((value.clone(), TagSource::Manual)))?;
    }
    Ok(())
}

/// Refuses what PostgreSQL would not keep a table by; what it would changes nothing here.
fn must_be_kept_so(options: &ast::CreateTableOptions, method: Option<&str>) -> Result<()> {
    if let Some(method) = method.filter(|method| *method != "heap") {
        return Err(Error::new(Kind::UndefinedObject, format!("access method \"{method}\" does not exist")));
    }
    let ast::CreateTableOptions::With(options) = options else { return Ok(()) };
    options.iter().try_for_each(|option| match option {
        ast::SqlOption::KeyValue { key, value } => must_be_parameter(&fold(key), value.to_string().trim_matches('\'')),
        ast::SqlOption::Ident(key) => must_be_parameter(&fold(key), "true"),
        _ => Ok(()),
    })
}

/// What COMMIT does to a table of this schema.
fn on_commit(schema: &str, said: Option<ast::OnCommit>) -> Result<Option<OnCommit>> {
    let action = match said {
        None => return Ok(None),
        Some(ast::OnCommit::PreserveRows) => None,
        Some(ast::OnCommit::DeleteRows) => Some(OnCommit::DeleteRows),
        Some(ast::OnCommit::Drop) => Some(OnCommit::Drop),
    };
    match is_temporary(schema) {
        true => Ok(action),
        false => Err(Error::new(Kind::InvalidTableDefinition, "ON COMMIT can only be used on temporary tables")),
    }
}

/// One column with its constraints; what it refers to is told in `references`.
pub(super) fn add_column(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    definition: ast::ColumnDef,
    beside: &Beside,
    references: &mut Vec<ast::ForeignKeyConstraint>,
) -> Result<()> {
    let name = fold(&definition.name);
    check_name(&name)?;
    if table.column_index(&name).is_some() {
        return Err(Error::new(Kind::DuplicateColumn, format!("column \"{name}\" specified more than once")));
    }
    let serial = is_serial(&definition.data_type);
    let at = table.columns.len();
    let (data_type, places, domain) = written_type(ddl, &definition.data_type)?;
    table.columns.push(Column { not_null: serial, places, domain, ..Column::new(name.clone(), data_type) });
    let mut defaults = u8::from(serial);
    for option in definition.options {
        let given = option.name.as_ref().map(fold);
        match option.option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => table.columns[at].not_null = true,
            ColumnOption::Default(expression) => {
                defaults += 1;
                set_default(ddl, &mut table.columns[at], expression)?;
            }
            ColumnOption::PrimaryKey(key) => {
                must_not_be_deferrable(key.characteristics.as_ref(), "PRIMARY KEY")?;
                add_key(table, vec![at], given, true, false)?;
            }
            ColumnOption::Unique(key) => {
                must_not_be_deferrable(key.characteristics.as_ref(), "UNIQUE")?;
                let nulls_equal = matches!(key.nulls_distinct, ast::NullsDistinctOption::NotDistinct);
                add_key(table, vec![at], given, false, nulls_equal)?;
            }
            ColumnOption::Check(check) => {
                let named = given.or_else(|| check.name.as_ref().map(fold));
                add_check(table, named, Some(&name), check.expr.to_string())?;
            }
            ColumnOption::Generated {
                generated_as: generated_as @ (GeneratedAs::Always | GeneratedAs::ByDefault),
                generation_expr: None,
                sequence_options,
                ..
            } => {
                defaults += 1;
                let always = matches!(generated_as, GeneratedAs::Always);
                let options = beside.identity(sequence_options.as_deref());
                number_column(ddl, id, table, at, Some(always), &options)?;
            }
            ColumnOption::Generated { generation_expr: Some(expression), .. } => {
                defaults += 1;
                table.columns[at].generated = Some(in_full(&expression.to_string(), ddl.context)?);
            }
            ColumnOption::Comment(text) => table.columns[at].comment = Some(text),
            ColumnOption::Collation(_) => {}
            ColumnOption::ForeignKey(mut definition) => {
                definition.name = option.name.or(definition.name);
                definition.columns = vec![ast::Ident::with_quote('"', &name)];
                references.push(definition);
            }
            other => {
                return Err(Error::new(Kind::Unsupported, format!("column option {other} is not supported")));
            }
        }
    }
    if defaults > 1 {
        let column = &table.columns[at];
        let said = match (column.identity, &column.generated) {
            (true, Some(_)) => "both identity and generation expression",
            (true, None) => "both default and identity",
            (false, Some(_)) => "both default and generation expression",
            (false, None) => "multiple default values",
        };
        let message = format!("{said} specified for column \"{name}\" of table \"{}\"", table.name);
        return Err(Error::new(Kind::Syntax, message));
    }
    if serial {
        number_column(ddl, id, table, at, None, &[])?;
    }
    Ok(())
}

pub(super) fn add_constraint(table: &mut Table, constraint: TableConstraint) -> Result<()> {
    match constraint {
        TableConstraint::PrimaryKey(key) => {
            must_not_be_deferrable(key.characteristics.as_ref(), "PRIMARY KEY")?;
            let columns = key_columns(table, &key.columns)?;
            add_key(table, columns, key.name.as_ref().map(fold), true, false)
        }
        TableConstraint::Unique(key) => {
            must_not_be_deferrable(key.characteristics.as_ref(), "UNIQUE")?;
            let columns = key_columns(table, &key.columns)?;
            let nulls_equal = matches!(key.nulls_distinct, ast::NullsDistinctOption::NotDistinct);
            add_key(table, columns, key.name.as_ref().map(fold), false, nulls_equal)
        }
        TableConstraint::Check(check) => {
            let column = only_column(table, &check.expr);
            add_check(table, check.name.as_ref().map(fold), column.as_deref(), check.expr.to_string())
        }
        other => Err(Error::new(Kind::Unsupported, format!("constraint {other} is not supported"))),
    }
}

fn key_columns(table: &Table, columns: &[ast::IndexColumn]) -> Result<Vec<usize>> {
    columns
        .iter()
        .map(|column| match &column.column.expr {
            ast::Expr::Identifier(ident) => table.column_index(&fold(ident)).ok_or_else(|| {
                Error::new(Kind::UndefinedColumn, format!("column \"{}\" named in key does not exist", fold(ident)))
            }),
            other => Err(Error::new(Kind::Syntax, format!("a key is made of columns, not of {other}"))),
        })
        .collect()
}

fn add_key(
    table: &mut Table,
    columns: Vec<usize>,
    name: Option<String>,
    primary: bool,
    nulls_equal: bool,
) -> Result<()> {
    if primary && table.primary_key().is_some() {
        return Err(Error::new(
            Kind::InvalidTableDefinition,
            format!("multiple primary keys for table \"{}\" are not allowed", table.name),
        ));
    }
    let base = match primary {
        true => format!("{}_pkey", table.name),
        false => {
            let names: Vec<&str> = columns.iter().map(|&c| table.columns[c].name.as_str()).collect();
            format!("{}_{}_key", table.name, names.join("_"))
        }
    };
    let name = unused_name(table, name, base)?;
    if primary {
        columns.iter().for_each(|&c| table.columns[c].not_null = true);
    }
    table.keys.push(KeyConstraint { name, columns, primary, nulls_equal, index: None });
    Ok(())
}

/// The column of a condition that looks at one column alone, after which PostgreSQL names the constraint.
fn only_column(table: &Table, condition: &ast::Expr) -> Option<String> {
    let mut columns = BTreeSet::new();
    let _ = ast::visit_expressions(condition, |part| {
        let name = match part {
            ast::Expr::Identifier(name) => Some(name),
            ast::Expr::CompoundIdentifier(names) => names.last(),
            _ => None,
        };
        columns.extend(name.map(fold).filter(|name| table.column_index(name).is_some()));
        ControlFlow::<()>::Continue(())
    });
    columns.pop_first().filter(|_| columns.is_empty())
}

fn add_check(table: &mut Table, name: Option<String>, column: Option<&str>, expression: String) -> Result<()> {
    let base = match column {
        Some(column) => format!("{}_{column}_check", table.name),
        None => format!("{}_check", table.name),
    };
    let name = unused_name(table, name, base)?;
    table.checks.push(CheckConstraint { name, expression, not_valid: false });
    Ok(())
}

/// CHECK expressions must be plannable over the table's columns.
pub(super) fn check_expressions(ddl: &Ddl<'_>, table: &mut Table) -> Result<()> {
    let schema = DFSchema::try_from(table.arrow_schema().as_ref().clone())?;
    let name = table.name.clone();
    for check in &mut table.checks {
        check.expression = in_full(&check.expression, ddl.context)?;
        let written = parse_expression(&check.expression)?;
        if level::asks(&written) {
            return Err(Error::new(Kind::Unsupported, "cannot use subquery in check constraint"));
        }
        must_be_of_one_row(&written, "check constraints")?;
        let planned = Planner::new(ddl.context, ddl.state).expression(written, &schema);
        let planned = planned.and_then(|condition| semantics::truth(condition, "CHECK", &schema));
        ddl.checked(|| format!("constraint \"{}\" of table \"{name}\"", check.name), planned)?;
    }
    Ok(())
}

async fn create_table_as(
    ddl: &mut Ddl<'_>,
    mut table: Table,
    given: &[ast::ColumnDef],
    query: ast::Query,
) -> Result<usize> {
    let given: Vec<String> = given.iter().map(|column| fold(&column.name)).collect();
    let plan = Planner::new(ddl.context, ddl.state).relation_of(query, &given)?;
    for field in plan.schema().fields() {
        let data_type = SqlType::from_field(field)?;
        table.columns.push(Column::new(field.name(), data_type));
    }
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Table(table.clone()))?;
    let context = ddl.context.clone();
    note_query(ddl, FlowKind::SelectInto, id, &plan);
    fill(ddl, &context, id, &table, &plan).await
}

/// Notes where the columns of an object come from that are those of a query.
pub(super) fn note_query(ddl: &mut Ddl<'_>, kind: FlowKind, id: ObjectId, plan: &LogicalPlan) {
    let mut noting = Noting::new(kind, id);
    noting.add(&derived(plan), plan.schema().fields().iter().map(|field| Some(field.name().as_str())));
    noting.note(ddl.context, ddl.txn);
}

/// Puts the rows of a query, which runs in `context`, into a table; gives how many.
pub(super) async fn fill(
    ddl: &mut Ddl<'_>,
    context: &Arc<Context>,
    id: ObjectId,
    table: &Table,
    plan: &LogicalPlan,
) -> Result<usize> {
    let mut stream = run::stream(context, ddl.state, plan).await?;
    let work = Work::new(ddl.context, ddl.state);
    let target = Target::of(id, Arc::new(table.clone()));
    let mut referring = Referring::default();
    let mut loader = Loader::new(ddl.context.database.manager.clone(), ddl.txn, id)?;
    while let Some(batch) = stream.try_next().await? {
        let columns = batch.columns().iter().zip(&table.columns);
        let columns = columns.map(|(array, column)| super::super::values::assign(array, &column.data_type));
        let batch = crate::txn::batch(table.arrow_schema(), columns.collect::<Result<_>>()?, batch.num_rows())?;
        rows::load(&work, ddl.txn, &target, (&mut loader, &mut referring), batch).await?;
    }
    rows::finish(&work, ddl.txn, &target, (loader, referring)).await
}
