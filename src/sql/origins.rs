//! Where the columns of a result come from: the table and the column's number, which clients ask for to edit what they show.
//!
//! PostgreSQL tells them in RowDescription for what is a relation's column, whatever the query calls it, and for no expression.

use super::context::Context;
use super::pg_catalog::relation_oid;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan};
use std::sync::Arc;

/// Key under which a field carries the OID of its relation and its number there, with a blank between.
pub const ORIGIN_METADATA: &str = "steward.origin";

/// The schema of a plan's result with the origins of its columns.
pub fn marked(plan: &LogicalPlan, schema: &SchemaRef, context: &Context) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(at, field)| match origin(plan, at) {
        Some((table, column)) if let Some(oid) = oid_of(&table, context) => {
            let mut metadata = field.metadata().clone();
            metadata.insert(ORIGIN_METADATA.to_owned(), format!("{oid} {}", column + 1));
            Arc::new(field.as_ref().clone().with_metadata(metadata))
        }
        _ => field.clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn oid_of(table: &TableReference, context: &Context) -> Option<u32> {
    let (schema, name) = context.resolve(table.schema(), table.table());
    relation_oid(&context.snapshot.catalog, &schema, &name)
}

/// The relation and the place in it of the column at `at` of a plan.
fn origin(plan: &LogicalPlan, at: usize) -> Option<(TableReference, usize)> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let name = plan.schema().fields().get(at)?.name();
            Some((scan.table_name.clone(), scan.source.schema().index_of(name).ok()?))
        }
        LogicalPlan::Projection(projection) => through(&projection.expr, at, &projection.input),
        LogicalPlan::Aggregate(aggregate) => through(&aggregate.group_expr, at, &aggregate.input),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match join.join_type {
                JoinType::RightSemi | JoinType::RightAnti => origin(&join.right, at),
                JoinType::LeftSemi | JoinType::LeftAnti => origin(&join.left, at),
                _ if at < left => origin(&join.left, at),
                _ => origin(&join.right, at - left),
            }
        }
        LogicalPlan::Window(window) => {
            (at < window.input.schema().fields().len()).then(|| origin(&window.input, at)).flatten()
        }
        LogicalPlan::SubqueryAlias(alias) => origin(&alias.input, at),
        LogicalPlan::Filter(filter) => origin(&filter.input, at),
        LogicalPlan::Sort(sort) => origin(&sort.input, at),
        LogicalPlan::Limit(limit) => origin(&limit.input, at),
        LogicalPlan::Distinct(Distinct::All(input)) => origin(input, at),
        LogicalPlan::Distinct(Distinct::On(on)) => through(&on.select_expr, at, &on.input),
        _ => None,
    }
}

/// The origin of an expression that is a column of `input`.
fn through(expressions: &[Expr], at: usize, input: &LogicalPlan) -> Option<(TableReference, usize)> {
    let Expr::Column(column) = expressions.get(at)?.clone().unalias() else { return None };
    origin(input, input.schema().maybe_index_of_column(&column)?)
}
