//! RETURNING: a query over the rows that a statement added, changed or removed.

use super::super::context::Context;
use super::super::planner::{Planner, select_query, table_factor};
use super::super::run;
use super::super::tables;
use super::{Changed, Target, Work};
use crate::catalog::Privilege;
use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// The columns that RETURNING gives.
pub fn returning_schema(
    context: &Arc<Context>,
    state: &SessionState,
    name: &ast::ObjectName,
    alias: Option<&ast::TableAlias>,
    items: &[ast::SelectItem],
) -> Result<SchemaRef> {
    let work = Work::new(context, state, &[]);
    let target = work.target(name, Privilege::Select)?.called(alias);
    Ok(Arc::new(plan(&work, &target, Vec::new(), items.to_vec())?.schema().as_arrow().clone()))
}

fn plan(
    work: &Work<'_>,
    target: &Target,
    batches: Vec<RecordBatch>,
    items: Vec<ast::SelectItem>,
) -> Result<LogicalPlan> {
    let table = MemTable::try_new(target.table.arrow_schema(), vec![batches])?;
    let names = [&target.table.schema, &target.table.name].map(|name| ast::Ident::with_quote('"', name));
    let mut relation = table_factor(names.to_vec());
    if let ast::TableFactor::Table { alias, .. } = &mut relation {
        *alias = Some(ast::TableAlias { explicit: true, name: target.called.clone(), columns: Vec::new(), at: None });
    }
    let from = vec![ast::TableWithJoins { relation, joins: Vec::new() }];
    let planner = Planner::new(work.context, work.state);
    let planner = planner.with_override(&target.table.schema, &target.table.name, Arc::new(table));
    planner.query(select_query(items, from, None)?)
}

/// What a statement did, with the rows that RETURNING asks for.
pub async fn changed(
    work: &Work<'_>,
    target: &Target,
    batches: Vec<RecordBatch>,
    returning: Option<Vec<ast::SelectItem>>,
) -> Result<Changed> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let Some(items) = returning else { return Ok(Changed { rows, returning: None }) };
    // As in PostgreSQL, RETURNING needs the right to read; it is not a way around a mask either.
    tables::must_have(work.context, &target.table, Privilege::Select)?;
    let access = tables::access(work.context, target.id, &target.table)?;
    access.must_read(&target.table, &(0..target.table.columns.len()).collect::<Vec<_>>())?;
    if access.masks.iter().any(Option::is_some) {
        return Err(Error::new(
            crate::error::Kind::Privilege,
            format!("permission denied for RETURNING on table {}: columns are masked for this role", target.table.name),
        ));
    }
    let plan = work.bind(plan(work, target, batches, items)?)?;
    let mut found = run::collect(work.context, work.state, &plan).await?;
    if found.is_empty() {
        found.push(RecordBatch::new_empty(Arc::new(plan.schema().as_arrow().clone())));
    }
    Ok(Changed { rows, returning: Some(found) })
}
