//! Materialized views: CREATE and REFRESH MATERIALIZED VIEW.
//!
//! One is a table that knows its query. The query runs as its owner, with the owner's rights and masks, whoever refreshes it;
//! what is stored is what the owner sees. So that this opens nothing to readers, each column knows the columns that its
//! values come from, and the gate protects it as they are protected now (`tables::gate`).

use super::super::context::Context;
use super::super::planner::Planner;
use super::super::types::sql_type_in;
use super::super::{lineage, parser, temporary};
use super::table::{fill, note_query};
use super::{Ddl, check_name, skipping, view_names, wildcards};
use crate::catalog::{Column, DefaultsOf, FlowKind, Materialized, Object, ObjectId, SqlType, Table};
use crate::error::{Error, Kind, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// Runs CREATE MATERIALIZED VIEW; gives the number of rows, nothing if there are none by WITH NO DATA. Where the statement gives
/// the columns, nobody looks at the query before REFRESH: what it reads may not be there yet.
pub async fn create_materialized_view(
    ddl: &mut Ddl<'_>,
    mut create: ast::CreateView,
    with_data: bool,
    given: Option<&[(String, ast::DataType)]>,
) -> Result<Option<usize>> {
    ddl.txn.must_write("CREATE MATERIALIZED VIEW")?;
    if create.or_replace || create.temporary {
        return Err(Error::new(Kind::Syntax, "syntax error at or near \"MATERIALIZED\""));
    }
    if temporary::is_read_by(ddl, &create.query) {
        let message = "materialized views must not use temporary tables or views";
        return Err(Error::new(Kind::Unsupported, message));
    }
    let (schema, name) = ddl.new_relation(&create.name)?;
    if create.if_not_exists && ddl.txn.snapshot().catalog.relation(&schema, &name).is_some() {
        skipping(ddl.context, "relation", &name, true);
        return Ok(None);
    }
    let columns: Vec<String> = create.columns.iter().map(|column| parser::fold(&column.name)).collect();
    let grants = ddl.default_grants(ddl.context.role, &schema, DefaultsOf::Tables);
    let mut table = Table { grants, ..Table::new(schema, name, ddl.context.role) };
    view_names::qualify(&mut create.query, ddl.context);
    wildcards::spell_out(&mut create.query, ddl);
    let query = create.query.to_string();
    table.materialized = Some(Materialized { query, columns, populated: with_data, origins: Vec::new() });
    if let Some(given) = given {
        for (name, data_type) in given {
            check_name(name)?;
            table.columns.push(Column::new(name, sql_type_in(ddl.context, data_type)?));
        }
        let id = ddl.new_id();
        ddl.txn.put_object(id, Object::Table(table))?;
        return Ok(None);
    }
    let (context, plan) = query_of(ddl.context, ddl.state, &table)?;
    for field in plan.schema().fields() {
        table.columns.push(Column::new(field.name(), SqlType::from_field(field)?));
    }
    note_origins(&context, &mut table, &plan);
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Table(table.clone()))?;
    note_query(ddl, FlowKind::Refresh, id, &plan);
    match with_data {
        true => fill(ddl, &context, id, &table, &plan).await.map(Some),
        false => Ok(None),
    }
}

/// Runs REFRESH MATERIALIZED VIEW. With `steward.check_definitions` off one whose query does not work now stays as it is, and a
/// warning says so.
pub async fn refresh_materialized_view(
    ddl: &mut Ddl<'_>,
    name: &(Option<String>, String),
    concurrently: bool,
    with_data: bool,
) -> Result<()> {
    let before = ddl.txn.clone();
    let refreshed = refresh(ddl, name, concurrently, with_data).await;
    let refreshed = ddl.checked(|| format!("materialized view \"{}\"", name.1), refreshed)?;
    if refreshed.is_none() {
        *ddl.txn = before;
    }
    Ok(())
}

/// Fills one anew. Readers go on with the rows of before until it is committed, so CONCURRENTLY asks for nothing more.
async fn refresh(
    ddl: &mut Ddl<'_>,
    name: &(Option<String>, String),
    concurrently: bool,
    with_data: bool,
) -> Result<()> {
    ddl.txn.must_write("REFRESH MATERIALIZED VIEW")?;
    if concurrently && !with_data {
        let message = "CONCURRENTLY and WITH NO DATA options cannot be used together";
        return Err(Error::new(Kind::Syntax, message));
    }
    let (schema, plain) = ddl.context.resolve(name.0.as_deref(), &name.1);
    let found = ddl.txn.snapshot().catalog.relation(&schema, &plain).map(|(id, object)| (id, object.clone()));
    let (id, mut table) = match found {
        None => return Err(super::super::tables::undefined(ddl.context, &schema, &plain)),
        Some((id, Object::Table(table))) if table.materialized.is_some() => (id, table),
        Some(_) => return Err(Error::new(Kind::Unsupported, format!("\"{plain}\" is not a materialized view"))),
    };
    ddl.context.must_own(table.owner, "materialized view", &plain)?;
    let populated = table.materialized.as_ref().is_some_and(|of| of.populated);
    if concurrently && !populated {
        let message = "CONCURRENTLY cannot be used when the materialized view is not populated";
        return Err(Error::new(Kind::Unsupported, message));
    }
    let (context, plan) = query_of(ddl.context, ddl.state, &table)?;
    must_fit(&table, &plan)?;
    note_origins(&context, &mut table, &plan);
    if let Some(of) = &mut table.materialized {
        of.populated = with_data;
    }
    ddl.txn.put_object(id, Object::Table(table.clone()))?;
    ddl.txn.truncate(id);
    if with_data {
        note_query(ddl, FlowKind::Refresh, id, &plan);
        fill(ddl, &context, id, &table, &plan).await?;
    }
    Ok(())
}

/// The plan of the query, and what it runs with: the owner's rights, and the owner's eyes.
fn query_of(context: &Context, state: &SessionState, table: &Table) -> Result<(Arc<Context>, LogicalPlan)> {
    let Some(of) = &table.materialized else {
        return Err(Error::internal("a table without a query is no materialized view"));
    };
    let plain = context.without_temporary();
    let context = Arc::new(Context { role: table.owner, viewer: table.owner, ..plain });
    let query = parser::query(&of.query)?;
    let plan = Planner::new(&context, state).relation_of(query, &of.columns)?;
    Ok((context, plan))
}

/// Whether the query of a materialized view can be planned now, and gives its columns.
pub fn works(context: &Context, state: &SessionState, table: &Table) -> bool {
    query_of(context, state, table).and_then(|(_, plan)| must_fit(table, &plan)).is_ok()
}

fn note_origins(context: &Context, table: &mut Table, plan: &LogicalPlan) {
    if let Some(of) = &mut table.materialized {
        of.origins = lineage::origins(context, plan);
    }
}

/// What the query reads may have changed since; its columns must still be those of the view.
fn must_fit(table: &Table, plan: &LogicalPlan) -> Result<()> {
    let types = plan.schema().fields().iter().map(|field| SqlType::from_field(field)).collect::<Result<Vec<_>>>()?;
    match types.iter().eq(table.columns.iter().map(|column| &column.data_type)) {
        true => Ok(()),
        false => Err(Error::new(
            Kind::DatatypeMismatch,
            format!("the query of materialized view \"{}\" has other columns than it had", table.name),
        )
        .with_hint("Drop the materialized view and create it again.")),
    }
}

/// Takes all rows of a materialized view away, until it is filled anew.
pub fn empty_materialized_view(ddl: &mut Ddl<'_>, id: ObjectId) -> Result<()> {
    let Some(mut table) = ddl.txn.snapshot().catalog.table_by_id(id).cloned() else { return Ok(()) };
    if let Some(of) = &mut table.materialized {
        of.populated = false;
    }
    ddl.txn.put_object(id, Object::Table(table))?;
    ddl.txn.truncate(id);
    Ok(())
}

/// Takes the rows of materialized views away that come from these columns of a table, since those are gone for good.
pub(super) fn forget_values(ddl: &mut Ddl<'_>, id: ObjectId, columns: &[usize]) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let mut gone: Vec<(ObjectId, String)> = match catalog.table_by_id(id) {
        Some(table) => columns.iter().map(|&at| (id, table.columns[at].name.clone())).collect(),
        None => return Ok(()),
    };
    // One may read another: until none is left that has any of it.
    let mut next = 0;
    while let Some((table, column)) = gone.get(next).cloned() {
        next += 1;
        for (view, object) in catalog.class(crate::catalog::Class::Relation) {
            let Object::Table(facts) = object else { continue };
            let Some(of) = &facts.materialized else { continue };
            let comes = |at: &usize| {
                of.origins.get(*at).is_some_and(|all| all.iter().any(|o| o.table == table && o.column == column))
            };
            let touched: Vec<usize> = (0..facts.columns.len()).filter(comes).collect();
            if touched.is_empty() || gone.iter().any(|(known, _)| *known == view) {
                continue;
            }
            gone.extend(facts.columns.iter().map(|column| (view, column.name.clone())));
            let mut emptied = facts.clone();
            if let Some(of) = &mut emptied.materialized {
                of.populated = false;
            }
            ddl.context
                .notice(format!("materialized view \"{}\" is emptied, as it had values of the class", facts.name));
            ddl.txn.put_object(view, Object::Table(emptied))?;
            ddl.txn.truncate(view);
        }
    }
    Ok(())
}
