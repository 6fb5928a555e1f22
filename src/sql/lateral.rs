//! LATERAL that the engine cannot make a plain join of: its query runs once for each row that it may look at.
//!
//! Such a join becomes a relation. Read, it runs its left side, and for each row of it the query with that row's values in the
//! place of what it refers to; rows with the same values share one run for a while. Conditions on the left side alone go
//! into it, so that the query runs for no row that is not asked for.

use super::context::Context;
use super::run;
use super::semantics;
use crate::error::Result;
use arrow::array::{ArrayRef, RecordBatch, UInt64Array, new_null_array};
use arrow::compute::{cast, concat_batches, take};
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, JoinType, Result as DfResult, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{
    Expr, Join, LogicalPlan, LogicalPlanBuilder, Subquery, TableProviderFilterPushDown, TableType,
};
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::{OptimizerContext, OptimizerRule};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::TryStreamExt;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Results that are kept for rows with the same values.
const KEPT_MAX: usize = 1024;

/// Whether a plan has LATERAL in it.
pub fn is_in(plan: &LogicalPlan) -> Result<bool> {
    Ok(plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(join) if right_of(join).is_some())))?)
}

/// The plan with such joins as relations.
pub fn set_apart(context: &Arc<Context>, state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan> {
    let plan = semantics::joined(plan.clone())?;
    if !is_in(&plan)? {
        return Ok(plan);
    }
    let changed = plan.transform_up(|node| match node {
        LogicalPlan::Join(join) if right_of(&join).is_some() => relation(context, state, join),
        node => Ok(Transformed::no(node)),
    })?;
    Ok(changed.data)
}

/// The query on the right of a lateral join, and the relation as it is called.
fn right_of(join: &Join) -> Option<(&Subquery, LogicalPlan)> {
    let query = |plan: &LogicalPlan| match plan {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => matches!(alias.input.as_ref(), LogicalPlan::Subquery(_)),
        _ => false,
    };
    if !query(&join.right) {
        return None;
    }
    match join.right.as_ref() {
        LogicalPlan::Subquery(subquery) => Some((subquery, subquery.subquery.as_ref().clone())),
        LogicalPlan::SubqueryAlias(alias) => {
            let LogicalPlan::Subquery(subquery) = alias.input.as_ref() else { return None };
            let called = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone()).alias(alias.alias.clone());
            Some((subquery, called.and_then(LogicalPlanBuilder::build).ok()?))
        }
        _ => None,
    }
}

fn relation(context: &Arc<Context>, state: &SessionState, join: Join) -> DfResult<Transformed<LogicalPlan>> {
    let node = LogicalPlan::Join(join.clone());
    let Some((subquery, right)) = right_of(&join) else { return Ok(Transformed::no(node)) };
    if becomes_join(&node, subquery, &right)? {
        return Ok(Transformed::no(node));
    }
    let outer: Vec<Column> = (subquery.outer_ref_columns.iter())
        .filter_map(|expression| match expression {
            Expr::OuterReferenceColumn(_, column) => Some(column.clone()),
            _ => None,
        })
        .collect();
    // What looks further out than to the left side is not for here.
    let known = outer.iter().any(|column| join.left.schema().maybe_index_of_column(column).is_some());
    let looks_out = !looked_out_for(&join.left)?.is_empty();
    if !known || looks_out || !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Ok(Transformed::no(node));
    }
    let equal = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let condition = equal.chain(join.filter.clone()).reduce(Expr::and);
    let width = join.schema.fields().len();
    let named =
        |(at, field): (usize, &Arc<Field>)| field.as_ref().clone().with_name(at.to_string()).with_nullable(true);
    let schema = Arc::new(Schema::new(join.schema.fields().iter().enumerate().map(named).collect::<Vec<_>>()));
    let apply = Apply {
        context: context.clone(),
        state: state.clone(),
        left: join.left.clone(),
        right: Arc::new(right),
        condition,
        outer: join.join_type == JoinType::Left,
        refers: outer,
        schema,
    };
    let called = (0..width).map(|at| {
        let (qualifier, field) = join.schema.qualified_field(at);
        Expr::Column(Column::new(Some("lateral"), at.to_string())).alias_qualified(qualifier.cloned(), field.name())
    });
    let plan = LogicalPlanBuilder::scan("lateral", provider_as_source(Arc::new(apply)), None)?;
    Ok(Transformed::yes(plan.project(called.collect::<Vec<_>>())?.build()?))
}

/// The columns from outside that a plan refers to; those of a lateral join's left side are not.
fn looked_out_for(plan: &LogicalPlan) -> DfResult<Vec<Column>> {
    let mut found = Vec::new();
    plan.apply_expressions(|expression| {
        expression.apply(|inner| {
            if let Expr::OuterReferenceColumn(_, column) = inner {
                found.push(column.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    match plan {
        LogicalPlan::Join(join) if right_of(join).is_some() => {
            found.extend(looked_out_for(&join.left)?);
            let right = looked_out_for(&join.right)?.into_iter();
            found.extend(right.filter(|column| join.left.schema().maybe_index_of_column(column).is_none()));
        }
        _ => {
            for input in plan.inputs() {
                found.extend(looked_out_for(input)?);
            }
        }
    }
    Ok(found)
}

/// Whether the engine makes a plain join of it that says the same.
fn becomes_join(node: &LogicalPlan, subquery: &Subquery, right: &LogicalPlan) -> DfResult<bool> {
    // What subqueries of the query look at it does not see, and what is not typed yet it may not take.
    if looks_deeper(right)? {
        return Ok(false);
    }
    match DecorrelateLateralJoin::new().rewrite(node.clone(), &OptimizerContext::new()) {
        Ok(made) if made.transformed => is_whole(&made.data, &subquery.outer_ref_columns),
        _ => Ok(false),
    }
}

/// Whether a subquery within a query looks out of it.
fn looks_deeper(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|node| {
        let mut found = false;
        node.apply_subqueries(|inner| {
            let LogicalPlan::Subquery(inner) = inner else { return Ok(TreeNodeRecursion::Continue) };
            let outer = |column: &Expr| match column {
                Expr::OuterReferenceColumn(_, column) => !is_of(node, column),
                _ => false,
            };
            found |= inner.outer_ref_columns.iter().any(outer);
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(found)
    })
}

/// Whether a column is one of a node's inputs.
fn is_of(node: &LogicalPlan, column: &Column) -> bool {
    node.inputs().iter().any(|input| input.schema().maybe_index_of_column(column).is_some())
}

/// Whether the conditions of a plan's joins name columns that are there, or further out: the engine loses some below names of
/// relations.
fn is_whole(plan: &LogicalPlan, outer: &[Expr]) -> DfResult<bool> {
    let lost = plan.exists(|node| {
        let LogicalPlan::Join(join) = node else { return Ok(false) };
        let on = join.on.iter().flat_map(|(left, right)| [left, right]);
        let is_outer = |column: &Column| {
            outer.iter().any(|expression| matches!(expression, Expr::OuterReferenceColumn(_, of) if of == column))
        };
        let lost = |expression: &Expr| {
            expression.column_refs().into_iter().any(|column| !is_of(node, column) && !is_outer(column))
        };
        Ok(on.chain(&join.filter).any(lost))
    })?;
    Ok(!lost)
}

/// A lateral join as a relation. Its columns are called by their places.
#[derive(Clone)]
struct Apply {
    context: Arc<Context>,
    state: SessionState,
    left: Arc<LogicalPlan>,
    right: Arc<LogicalPlan>,
    /// What must hold between a row and those of its query.
    condition: Option<Expr>,
    /// Rows stay without any of their query.
    outer: bool,
    /// What the query refers to, its own subqueries included.
    refers: Vec<Column>,
    schema: SchemaRef,
}

impl Apply {
    fn left_width(&self) -> usize {
        self.left.schema().fields().len()
    }

    /// Whether a condition speaks of the left side alone.
    fn is_of_left(&self, condition: &Expr) -> bool {
        !condition.is_volatile()
            && condition
                .column_refs()
                .iter()
                .all(|column| column.name().parse::<usize>().is_ok_and(|at| at < self.left_width()))
    }

    /// Those columns of the left side that the query looks at.
    fn looked_at(&self) -> Vec<usize> {
        let schema = self.left.schema();
        let mut columns: Vec<usize> = (self.right.all_out_ref_exprs().iter())
            .filter_map(|expression| match expression {
                Expr::OuterReferenceColumn(_, column) => schema.maybe_index_of_column(column),
                _ => None,
            })
            .chain(self.refers.iter().filter_map(|column| schema.maybe_index_of_column(column)))
            .chain(self.condition.iter().flat_map(|condition| {
                condition.column_refs().into_iter().filter_map(|column| schema.maybe_index_of_column(column))
            }))
            .collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The query for one row of the left side.
    fn plan_for(&self, columns: &[usize], values: &[ScalarValue]) -> DfResult<LogicalPlan> {
        let schema = self.left.schema();
        let value = |column: &Column| {
            let at = schema.maybe_index_of_column(column)?;
            columns.iter().position(|of| *of == at).map(|n| values[n].clone())
        };
        let plan = with_values(self.right.as_ref().clone(), &value)?;
        let Some(condition) = &self.condition else { return Ok(plan) };
        let condition = condition.clone().transform(|inner| match &inner {
            Expr::Column(column) => Ok(match value(column) {
                Some(value) => Transformed::yes(Expr::Literal(value, None)),
                None => Transformed::no(inner),
            }),
            _ => Ok(Transformed::no(inner)),
        })?;
        LogicalPlanBuilder::from(plan).filter(condition.data)?.build()
    }

    /// The rows that come of a batch of the left side.
    async fn joined(
        &self,
        batch: &RecordBatch,
        kept: &mut HashMap<Vec<ScalarValue>, RecordBatch>,
    ) -> Result<RecordBatch> {
        let columns = self.looked_at();
        let mut places = Vec::new();
        let mut found: Vec<RecordBatch> = Vec::new();
        let right: SchemaRef = Arc::new(Schema::new(self.schema.fields()[self.left_width()..].to_vec()));
        for row in 0..batch.num_rows() {
            self.context.cancel.check()?;
            let values = columns.iter().map(|&at| ScalarValue::try_from_array(batch.column(at), row));
            let values = values.collect::<DfResult<Vec<_>>>()?;
            let rows = match kept.get(&values) {
                Some(rows) => rows.clone(),
                None => {
                    let plan = self.plan_for(&columns, &values)?;
                    let rows = Box::pin(run::collect(&self.context, &self.state, &plan)).await?;
                    let rows = rows.into_iter().map(|rows| fitted(&right, &rows)).collect::<Result<Vec<_>>>()?;
                    let rows = concat_batches(&right, &rows)?;
                    if kept.len() >= KEPT_MAX {
                        kept.clear();
                    }
                    kept.insert(values, rows.clone());
                    rows
                }
            };
            let rows = match rows.num_rows() == 0 && self.outer {
                true => nothing(&right)?,
                false => rows,
            };
            places.extend(std::iter::repeat_n(row as u64, rows.num_rows()));
            found.push(rows);
        }
        let found = concat_batches(&right, &found)?;
        let places = UInt64Array::from(places);
        let left = batch.columns().iter().zip(self.schema.fields());
        let left = left.map(|(column, field)| cast(&take(column, &places, None)?, field.data_type()));
        let all: Vec<ArrayRef> = left.chain(found.columns().iter().cloned().map(Ok)).collect::<Result<_, _>>()?;
        crate::txn::batch(self.schema.clone(), all, places.len())
    }
}

/// Rows under other names. Types that were settled since are brought to those that were told.
fn fitted(schema: &SchemaRef, rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    crate::txn::batch(schema.clone(), columns.collect::<Result<_, _>>()?, rows.num_rows())
}

/// One row of NULL.
fn nothing(schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
    crate::txn::batch(schema.clone(), columns, 1)
}

/// A plan with values in the place of columns from outside.
fn with_values(plan: LogicalPlan, value: &dyn Fn(&Column) -> Option<ScalarValue>) -> DfResult<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expression| {
            expression.transform(|inner| match inner {
                Expr::OuterReferenceColumn(field, column) => Ok(match value(&column) {
                    Some(value) => Transformed::yes(Expr::Literal(value, None)),
                    None => Transformed::no(Expr::OuterReferenceColumn(field, column)),
                }),
                Expr::ScalarSubquery(subquery) => Ok(Transformed::yes(Expr::ScalarSubquery(without(subquery, value)))),
                Expr::Exists(mut exists) => {
                    exists.subquery = without(exists.subquery, value);
                    Ok(Transformed::yes(Expr::Exists(exists)))
                }
                Expr::SetComparison(mut compared) => {
                    compared.subquery = without(compared.subquery, value);
                    Ok(Transformed::yes(Expr::SetComparison(compared)))
                }
                Expr::InSubquery(mut within) => {
                    within.subquery = without(within.subquery, value);
                    Ok(Transformed::yes(Expr::InSubquery(within)))
                }
                other => Ok(Transformed::no(other)),
            })
        })
    })?;
    changed.data.recompute_schema()
}

/// A subquery that no longer refers to what has a value.
fn without(mut subquery: Subquery, value: &dyn Fn(&Column) -> Option<ScalarValue>) -> Subquery {
    subquery.outer_ref_columns.retain(|expression| match expression {
        Expr::OuterReferenceColumn(_, column) => value(column).is_none(),
        _ => true,
    });
    subquery
}

impl fmt::Debug for Apply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apply").finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Apply {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let fits = |filter: &&Expr| match self.is_of_left(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(fits).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let columns = self.left.schema().columns();
        let mut left = LogicalPlanBuilder::from(self.left.as_ref().clone());
        for filter in filters {
            let own = filter.clone().transform(|inner| match &inner {
                Expr::Column(column) => match column.name().parse::<usize>().ok().and_then(|at| columns.get(at)) {
                    Some(own) => Ok(Transformed::yes(Expr::Column(own.clone()))),
                    None => Err(DataFusionError::Internal("a condition of the wrong side".to_owned())),
                },
                _ => Ok(Transformed::no(inner)),
            })?;
            left = left.filter(own.data)?;
        }
        let partition: Arc<dyn PartitionStream> = Arc::new(Self { left: Arc::new(left.build()?), ..self.clone() });
        Ok(Arc::new(StreamingTableExec::try_new(self.schema.clone(), vec![partition], projection, [], false, limit)?))
    }
}

impl PartitionStream for Apply {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let apply = self.clone();
        let rows = async move {
            let rows = Box::pin(run::stream(&apply.context, &apply.state, &apply.left)).await?;
            let kept = HashMap::new();
            let rows = futures::stream::try_unfold((rows, kept, apply), |(mut rows, mut kept, apply)| async move {
                let Some(batch) = rows.try_next().await? else { return Ok(None) };
                let joined = apply.joined(&batch, &mut kept).await.map_err(DataFusionError::from)?;
                Ok::<_, DataFusionError>(Some((joined, (rows, kept, apply))))
            });
            Ok::<_, DataFusionError>(rows)
        };
        let rows = futures::stream::once(rows).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows))
    }
}
