//! A query that runs once for each row of another, as a relation.

use super::super::context::Context;
use super::super::run;
use super::KEPT_MAX;
use super::plain::looked_at;
use super::values::with_values;
use crate::error::Result;
use arrow::array::{ArrayRef, RecordBatch, UInt64Array, new_null_array};
use arrow::compute::{cast, concat_batches, take};
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DataFusionError, Result as DfResult, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::TryStreamExt;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A relation, and for each of its rows those of a query that looks at it. Columns are called by their places.
#[derive(Clone)]
pub struct Apply {
    pub context: Arc<Context>,
    pub state: SessionState,
    pub left: Arc<LogicalPlan>,
    pub right: Arc<LogicalPlan>,
    /// What must hold between a row and those of its query.
    pub condition: Option<Expr>,
    /// Rows stay without any of their query.
    pub outer: bool,
    pub schema: SchemaRef,
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

    /// Those columns of the left side that the query, its own subqueries included, and the condition look at.
    fn looked_at(&self) -> DfResult<Vec<usize>> {
        let of_query = looked_at(&self.right)?;
        let of_condition = self.condition.iter().flat_map(Expr::column_refs);
        let schema = self.left.schema();
        let mut columns: Vec<usize> =
            of_query.iter().chain(of_condition).filter_map(|column| schema.maybe_index_of_column(column)).collect();
        columns.sort_unstable();
        columns.dedup();
        Ok(columns)
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
        let columns = self.looked_at()?;
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
