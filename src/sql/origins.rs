//! Where the columns of a result come from: the table and the column's number, which clients ask for to edit what they show.
//!
//! PostgreSQL tells them in RowDescription for what is a relation's column, whatever the query calls it, and for no expression.

use super::context::Context;
use super::pg_catalog::relation_oid;
use super::planner::CAST;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan};
use std::sync::Arc;

/// Key under which a field carries the OID of its relation and its number there, with a blank between.
pub const ORIGIN_METADATA: &str = "steward.origin";

/// Key of a mark on a numeric whose places nobody has declared: a result of arithmetic, a sum.
pub const COMPUTED_METADATA: &str = "steward.computed";

/// The schema of a plan's result with the origins of its columns.
pub fn marked(plan: &LogicalPlan, schema: &SchemaRef, context: &Context) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(at, field)| match origin(plan, at) {
        Some((table, column)) if let Some(oid) = oid_of(&table, context) => {
            with(field, ORIGIN_METADATA, format!("{oid} {}", column + 1))
        }
        _ if matches!(field.data_type(), DataType::Decimal128(..)) && !declares(plan, at) => {
            with(field, COMPUTED_METADATA, String::new())
        }
        _ => field.clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn with(field: &Field, key: &str, value: String) -> Arc<Field> {
    let mut metadata = field.metadata().clone();
    metadata.insert(key.to_owned(), value);
    Arc::new(field.clone().with_metadata(metadata))
}

/// Whether the places of a numeric are those of a column, or of a cast that says them.
fn declares(plan: &LogicalPlan, at: usize) -> bool {
    let of = |expressions: &[Expr], input: &LogicalPlan| match expressions.get(at).map(|e| e.clone().unalias()) {
        Some(Expr::Column(column)) => {
            input.schema().maybe_index_of_column(&column).is_some_and(|at| declares(input, at))
        }
        // Those that are in the text have a name: see the planner's types.
        Some(Expr::Cast(cast)) => cast.field.name() == CAST,
        _ => false,
    };
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Projection(projection) => of(&projection.expr, &projection.input),
        LogicalPlan::Aggregate(aggregate) => of(&aggregate.group_expr, &aggregate.input),
        LogicalPlan::Union(union) => union.inputs.iter().all(|input| {
            declares(input, at) && input.schema().field(at).data_type() == plan.schema().field(at).data_type()
        }),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match join.join_type {
                JoinType::RightSemi | JoinType::RightAnti => declares(&join.right, at),
                JoinType::LeftSemi | JoinType::LeftAnti => declares(&join.left, at),
                _ if at < left => declares(&join.left, at),
                _ => declares(&join.right, at - left),
            }
        }
        LogicalPlan::Window(window) => at < window.input.schema().fields().len() && declares(&window.input, at),
        LogicalPlan::SubqueryAlias(alias) => declares(&alias.input, at),
        LogicalPlan::Filter(filter) => declares(&filter.input, at),
        LogicalPlan::Sort(sort) => declares(&sort.input, at),
        LogicalPlan::Limit(limit) => declares(&limit.input, at),
        LogicalPlan::Distinct(Distinct::All(input)) => declares(input, at),
        LogicalPlan::Distinct(Distinct::On(on)) => of(&on.select_expr, &on.input),
        _ => false,
    }
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
