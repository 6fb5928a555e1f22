//! A table of the store as a leaf of a plan: rows deleted are gone, row policies applied, values masked.
//!
//! Everything happens inside the leaf's stream, in this order: decode the columns needed, drop deleted rows, keep the
//! rows that the policies show, replace masked values. What comes out is all that the plan above can ever see.

use super::super::context::{Cancel, Context};
use super::super::planner::{Planner, parse_expression};
use super::gate::{self, Access, MaskUse};
use crate::catalog::{MaskingPolicy, Object, ObjectId, Table};
use crate::config::BATCH_ROWS;
use crate::error::{Error, Kind, Result};
use crate::txn::{Manager, Segment, batch, row_id};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, DataFusionError, Result as DfResult, Statistics};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::sql::sqlparser::ast;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Name of the hidden column of row ids that UPDATE and DELETE ask for.
pub const ROW_ID: &str = "\u{1}row";

/// A table as one role sees it in one snapshot.
pub struct TableScan {
    context: Arc<Context>,
    id: ObjectId,
    table: Arc<Table>,
    schema: SchemaRef,
    access: Access,
    /// For each masked column what is shown instead, over the table's columns.
    masks: Vec<Option<Arc<dyn PhysicalExpr>>>,
    /// Which rows are shown, over the table's columns.
    filter: Option<Arc<dyn PhysicalExpr>>,
}

impl fmt::Debug for TableScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableScan").field("table", &self.table.name).finish_non_exhaustive()
    }
}

impl TableScan {
    /// The table `id` as the context's role may see it; `row_ids` adds the column [`ROW_ID`].
    pub fn open(context: &Arc<Context>, state: &SessionState, id: ObjectId, row_ids: bool) -> Result<Self> {
        let Some(table) = context.snapshot.catalog.table_by_id(id) else {
            return Err(Error::internal("a table vanished while it was planned"));
        };
        if let Some(reads) = &context.reads {
            reads.note(id);
        }
        let table = Arc::new(table.clone());
        let access = gate::access(context, id, &table)?;
        let plain = table.arrow_schema();
        let df_schema = DFSchema::try_from(plain.as_ref().clone())?;
        // Policies are written by owners and read what they need of the row: they are planned without a gate of their own.
        let owner = context.with_role(table.owner);
        let planner = Planner::new(&owner, state);
        let physical = |expression: Expr| planner.physical(expression, &df_schema);
        let viewer = Planner::new(context, state);
        let masks = access
            .masks
            .iter()
            .zip(&table.columns)
            .map(|(mask, column)| match mask {
                None => Ok(None),
                Some(MaskUse::Hidden) => {
                    let null = datafusion::common::ScalarValue::try_from(&column.data_type.arrow())?;
                    physical(Expr::Literal(null, None)).map(Some)
                }
                Some(MaskUse::Policy(policy)) => {
                    let policy = must_get_mask(context, *policy)?;
                    let body = substitute(parse_expression(&policy.body)?, &policy.argument, &column.name);
                    let expression = viewer.expression(body, &df_schema)?;
                    let cast = datafusion::logical_expr::cast(expression, column.data_type.arrow());
                    physical(cast).map(Some)
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let filter = match &access.filter {
            None => None,
            Some(text) => Some(physical(planner.expression_text(text, &df_schema)?)?),
        };
        let mut fields: Vec<_> = plain.fields().iter().cloned().collect();
        if row_ids {
            fields.push(Arc::new(Field::new(ROW_ID, DataType::UInt64, false)));
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { context: context.clone(), id, table, schema, access, masks, filter })
    }

    /// The columns of the table that are needed to produce the columns at `projection`.
    fn needed(&self, projection: &[usize]) -> Vec<usize> {
        let mut needed: Vec<usize> = projection.iter().copied().filter(|&p| p < self.table.columns.len()).collect();
        let mut add = |expression: &Arc<dyn PhysicalExpr>| {
            for column in datafusion::physical_expr::utils::collect_columns(expression) {
                needed.push(column.index());
            }
        };
        self.filter.iter().for_each(&mut add);
        for &p in projection {
            if let Some(Some(mask)) = self.masks.get(p) {
                add(mask);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        needed
    }
}

fn must_get_mask(context: &Context, id: ObjectId) -> Result<&MaskingPolicy> {
    match context.snapshot.catalog.get(id).map(Arc::as_ref) {
        Some(Object::MaskingPolicy(policy)) => Ok(policy),
        _ => Err(Error::new(Kind::UndefinedObject, "a masking policy that is bound to the column does not exist")
            .with_hint("The column stays hidden until the policy is unset or created again.")),
    }
}

/// The body of a policy with the column in place of its argument.
pub(super) fn substitute(mut body: ast::Expr, argument: &str, column: &str) -> ast::Expr {
    let _ = ast::visit_expressions_mut(&mut body, |expression| {
        if let ast::Expr::Identifier(ident) = expression
            && ident.value.eq_ignore_ascii_case(argument)
        {
            *ident = ast::Ident::with_quote('"', column);
        }
        ControlFlow::<()>::Continue(())
    });
    body
}

#[async_trait]
impl TableProvider for TableScan {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        let rows = self.context.snapshot.rows(self.id).live_rows();
        statistics.num_rows = match self.filter.is_some() {
            true => Precision::Absent,
            false => Precision::Exact(rows),
        };
        Some(statistics)
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let projection: Vec<usize> = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        self.access.must_read(&self.table, &projection)?;
        let schema = Arc::new(self.schema.project(&projection)?);
        let needed = self.needed(&projection);
        let position = |column: usize| needed.iter().position(|&n| n == column);
        // Expressions were planned over all columns; the batches hold only those needed.
        let narrow = |expression: &Arc<dyn PhysicalExpr>| {
            let read = Arc::new(self.table.arrow_schema().project(&needed)?);
            datafusion::physical_expr::utils::reassign_expr_columns(expression.clone(), &read)
        };
        let mut outputs = Vec::with_capacity(projection.len());
        for &p in &projection {
            outputs.push(match (self.masks.get(p), position(p)) {
                (Some(Some(mask)), _) => Output::Masked(narrow(mask)?, self.table.columns[p].data_type.arrow()),
                (Some(None), Some(at)) => Output::Plain(at),
                _ => Output::RowId,
            });
        }
        let filter = self.filter.as_ref().map(narrow).transpose()?;
        let read = Arc::new(self.table.arrow_schema().project(&needed)?);
        let shared = Arc::new(Shared {
            manager: self.context.database.manager.clone(),
            cancel: self.context.cancel.clone(),
            table: self.id,
            needed,
            read,
            filter,
            outputs,
            schema: schema.clone(),
        });
        let segments = self.context.snapshot.rows(self.id).segments.clone();
        let partitions = session.config().target_partitions().clamp(1, segments.len().max(1));
        let mut parts: Vec<Vec<Arc<Segment>>> = vec![Vec::new(); partitions];
        // Whole runs of segments, so that a scan in one partition keeps the order of insertion.
        let run = segments.len().div_ceil(partitions).max(1);
        segments.into_iter().enumerate().for_each(|(n, segment)| parts[n / run].push(segment));
        let streams: Vec<Arc<dyn PartitionStream>> = parts
            .into_iter()
            .map(|segments| Arc::new(Partition { shared: shared.clone(), segments }) as Arc<dyn PartitionStream>)
            .collect();
        Ok(Arc::new(StreamingTableExec::try_new(schema, streams, None, [], false, None)?))
    }
}

/// How one column of the result comes about.
#[derive(Debug)]
enum Output {
    Plain(usize),
    Masked(Arc<dyn PhysicalExpr>, DataType),
    RowId,
}

/// What all partitions of a scan share.
#[derive(Debug)]
struct Shared {
    manager: Arc<Manager>,
    cancel: Cancel,
    table: ObjectId,
    needed: Vec<usize>,
    read: SchemaRef,
    filter: Option<Arc<dyn PhysicalExpr>>,
    outputs: Vec<Output>,
    schema: SchemaRef,
}

#[derive(Debug)]
struct Partition {
    shared: Arc<Shared>,
    segments: Vec<Arc<Segment>>,
}

impl Shared {
    /// The rows of a segment as the role sees them.
    fn rows(&self, segment: &Segment) -> Result<Vec<RecordBatch>> {
        let columns = self.manager.read(self.table, segment, &self.needed)?;
        let whole = batch(self.read.clone(), columns, segment.rows)?;
        let mut batches = Vec::new();
        for start in (0..segment.rows).step_by(BATCH_ROWS) {
            self.cancel.check()?;
            let length = BATCH_ROWS.min(segment.rows - start);
            if let Some(part) = self.part(segment, &whole.slice(start, length), start)? {
                batches.push(part);
            }
        }
        Ok(batches)
    }

    fn part(&self, segment: &Segment, part: &RecordBatch, start: usize) -> Result<Option<RecordBatch>> {
        let rows = part.num_rows();
        let mut keep: Option<BooleanArray> =
            segment.deleted.as_ref().map(|d| (0..rows).map(|n| Some(!d.contains(start + n))).collect());
        let mut part = part.clone();
        let mut ids = UInt64Array::from_iter_values((0..rows).map(|n| row_id(segment.id, start + n)));
        if let Some(mask) = keep.take() {
            ids = narrow_ids(&ids, &mask)?;
            part = filter_record_batch(&part, &mask)?;
        }
        if let Some(filter) = &self.filter {
            let shown = filter.evaluate(&part)?.into_array(part.num_rows())?;
            let Some(shown) = shown.as_any().downcast_ref::<BooleanArray>() else {
                return Err(Error::new(Kind::DatatypeMismatch, "a row policy must be of type boolean"));
            };
            ids = narrow_ids(&ids, shown)?;
            part = filter_record_batch(&part, shown)?;
        }
        if part.num_rows() == 0 {
            return Ok(None);
        }
        let columns = self.outputs.iter().map(|output| -> Result<ArrayRef> {
            Ok(match output {
                Output::Plain(at) => part.column(*at).clone(),
                Output::RowId => Arc::new(ids.clone()),
                Output::Masked(mask, data_type) => {
                    let masked = mask.evaluate(&part)?.into_array(part.num_rows())?;
                    match masked.data_type() == data_type {
                        true => masked,
                        false => cast(&masked, data_type)?,
                    }
                }
            })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Some(batch(self.schema.clone(), columns, part.num_rows())?))
    }
}

fn narrow_ids(ids: &UInt64Array, keep: &BooleanArray) -> Result<UInt64Array> {
    let kept = arrow::compute::filter(ids, keep)?;
    match kept.as_any().downcast_ref::<UInt64Array>() {
        Some(kept) => Ok(kept.clone()),
        None => Err(Error::internal("row ids changed their type")),
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.shared.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let shared = self.shared.clone();
        let segments = self.segments.clone();
        let batches = segments.into_iter().flat_map(move |segment| match shared.rows(&segment) {
            Ok(batches) => batches.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(DataFusionError::from(error))],
        });
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(self.shared.schema.clone(), stream))
    }
}
