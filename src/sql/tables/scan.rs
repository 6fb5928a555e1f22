//! The leaf of a plan that reads a table: pieces of segments, spread over the engine's partitions.
//!
//! Everything happens inside the leaf's stream, in this order: decode the columns needed, drop deleted rows, keep the
//! rows that the policies show, replace masked values. What comes out is all that the plan above can ever see.

use super::super::context::Cancel;
use super::damage::Damage;
use crate::catalog::ObjectId;
use crate::config::BATCH_ROWS;
use crate::error::{Error, Kind, Result};
use crate::txn::{Manager, Segment, batch, row_id};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How one column of the result comes about.
#[derive(Debug)]
pub enum Output {
    /// A column that was read, as it is.
    Plain(usize),
    /// What is shown instead of it.
    Masked(Arc<dyn PhysicalExpr>, DataType),
    /// The row's id.
    RowId,
}

/// What all partitions of a scan share.
#[derive(Debug)]
pub struct Shared {
    /// Who reads.
    pub manager: Arc<Manager>,
    /// Asks the statement to stop.
    pub cancel: Cancel,
    /// The table.
    pub table: ObjectId,
    /// Its columns that are read.
    pub needed: Vec<usize>,
    /// They as a schema.
    pub read: SchemaRef,
    /// Which rows are shown, over the columns read.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// The columns of the result.
    pub outputs: Vec<Output>,
    /// They as a schema.
    pub schema: SchemaRef,
    /// Rows after which each partition may stop.
    pub limit: Option<usize>,
    /// The damage that was met.
    pub damage: Damage,
}

/// Some rows of one segment.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The segment.
    pub segment: Arc<Segment>,
    /// Which of its rows.
    pub rows: Rows,
    /// About how many.
    pub count: usize,
}

/// Which rows of a segment.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Those of some consecutive pages; the first row of the first one.
    Pages(Range<usize>, usize),
    /// The row at this offset.
    One(usize),
}

/// Pieces in the order of the table, divided into about equal parts.
pub fn divide(pieces: Vec<Piece>, parts: usize) -> Vec<Vec<Piece>> {
    let whole: usize = pieces.iter().map(|piece| piece.count).sum();
    let parts = parts.clamp(1, pieces.len().max(1));
    let mut divided: Vec<Vec<Piece>> = vec![Vec::new(); parts];
    let mut before = 0;
    for piece in pieces {
        // By the middle of the piece, so that a large one goes where most of it belongs.
        let part = (before + piece.count / 2) * parts / whole.max(1);
        before += piece.count;
        divided[part.min(parts - 1)].push(piece);
    }
    divided
}

/// Reads pieces of a table.
#[derive(Debug)]
pub struct ScanExec {
    name: String,
    shared: Arc<Shared>,
    parts: Vec<Vec<Piece>>,
    statistics: Arc<Statistics>,
    /// What is shown of pruning, if it may be.
    pruned: Option<String>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    /// A scan of the table called `name`.
    pub fn new(
        name: String,
        shared: Arc<Shared>,
        parts: Vec<Vec<Piece>>,
        statistics: Statistics,
        pruned: Option<String>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(shared.schema.clone()),
            Partitioning::UnknownPartitioning(parts.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let (statistics, properties) = (Arc::new(statistics), Arc::new(properties));
        Self { name, shared, parts, statistics, pruned, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.shared.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "ScanExec: {}, columns=[{}]", self.name, columns.join(", "))?;
        if form == DisplayFormatType::Verbose {
            write!(f, ", partitions={}", self.parts.len())?;
        }
        if let Some(limit) = self.shared.limit {
            write!(f, ", fetch={limit}")?;
        }
        match &self.pruned {
            Some(pruned) => write!(f, ", {pruned}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        // Masks and policies are nothing that rules of the engine may look at.
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], args: &StatisticsArgs) -> DfResult<Arc<Statistics>> {
        Ok(match args.partition() {
            None => self.statistics.clone(),
            Some(_) => Arc::new(Statistics::new_unknown(&self.shared.schema)),
        })
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let Some(pieces) = self.parts.get(partition) else {
            return Err(Error::internal("a scan has no such partition").into());
        };
        let rows = RowsOfPart {
            shared: self.shared.clone(),
            pieces: pieces.clone().into(),
            ready: VecDeque::new(),
            left: self.shared.limit.unwrap_or(usize::MAX),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let stream = RecordBatchStreamAdapter::new(self.shared.schema.clone(), futures::stream::iter(rows));
        Ok(make_cooperative(Box::pin(stream)))
    }
}

/// The batches of one partition.
struct RowsOfPart {
    shared: Arc<Shared>,
    pieces: VecDeque<Piece>,
    /// Pages decoded and still to be shown: the first row and the columns read.
    ready: VecDeque<(Arc<Segment>, Offsets, RecordBatch)>,
    left: usize,
    metrics: BaselineMetrics,
}

/// Where rows of a batch are in their segment: from an offset on.
type Offsets = usize;

impl Iterator for RowsOfPart {
    type Item = DfResult<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.batch().transpose()?;
        if let Ok(batch) = &next {
            self.metrics.output_rows().add(batch.num_rows());
        }
        Some(next.map_err(DataFusionError::from))
    }
}

impl RowsOfPart {
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let time = self.metrics.elapsed_compute().clone();
        let _timer = time.timer();
        while self.left > 0 {
            self.shared.cancel.check()?;
            if let Some((segment, start, part)) = self.ready.pop_front() {
                if let Some(batch) = self.shared.part(&segment, &part, start)? {
                    let shown = batch.num_rows().min(self.left);
                    self.left -= shown;
                    return Ok(Some(batch.slice(0, shown)));
                }
                continue;
            }
            let Some(piece) = self.pieces.pop_front() else { return Ok(None) };
            if let Err(error) = self.decode(&piece) {
                self.shared.damage.met(&piece.segment, error)?;
            }
        }
        Ok(None)
    }

    fn decode(&mut self, piece: &Piece) -> Result<()> {
        let Shared { manager, table, needed, read, .. } = self.shared.as_ref();
        let segment = &piece.segment;
        match &piece.rows {
            Rows::One(offset) => {
                let columns = manager.read_rows(*table, segment, needed, &[*offset])?;
                self.ready.push_back((segment.clone(), *offset, batch(read.clone(), columns, 1)?));
            }
            Rows::Pages(pages, first) => {
                let sizes = manager.pages(*table, segment)?;
                let mut start = *first;
                for (page, columns) in pages.clone().zip(manager.read_pages(*table, segment, needed, pages.clone())?) {
                    let rows = sizes.get(page).map_or(0, ExactSizeIterator::len);
                    let whole = batch(read.clone(), columns, rows)?;
                    for from in (0..rows).step_by(BATCH_ROWS) {
                        let part = whole.slice(from, BATCH_ROWS.min(rows - from));
                        self.ready.push_back((segment.clone(), start + from, part));
                    }
                    start += rows;
                }
            }
        }
        Ok(())
    }
}

impl Shared {
    /// Rows of a segment, from the offset `start` on, as the role sees them.
    fn part(&self, segment: &Segment, part: &RecordBatch, start: usize) -> Result<Option<RecordBatch>> {
        let rows = part.num_rows();
        let mut part = part.clone();
        let wants_ids = self.outputs.iter().any(|output| matches!(output, Output::RowId));
        let mut ids =
            wants_ids.then(|| UInt64Array::from_iter_values((0..rows).map(|n| row_id(segment.id, start + n))));
        if let Some(deleted) = &segment.deleted {
            let live: BooleanArray = (0..rows).map(|n| Some(!deleted.contains(start + n))).collect();
            ids = ids.map(|ids| narrow_ids(&ids, &live)).transpose()?;
            part = filter_record_batch(&part, &live)?;
        }
        if let Some(filter) = &self.filter {
            let shown = filter.evaluate(&part).and_then(|shown| shown.into_array(part.num_rows()));
            let shown = shown.map_err(|error| hidden(error, "a row policy"))?;
            let Some(shown) = shown.as_any().downcast_ref::<BooleanArray>() else {
                return Err(Error::new(Kind::DatatypeMismatch, "a row policy must be of type boolean"));
            };
            ids = ids.map(|ids| narrow_ids(&ids, shown)).transpose()?;
            part = filter_record_batch(&part, shown)?;
        }
        if part.num_rows() == 0 {
            return Ok(None);
        }
        let columns = self.outputs.iter().map(|output| -> Result<ArrayRef> {
            Ok(match output {
                Output::Plain(at) => part.column(*at).clone(),
                Output::RowId => match &ids {
                    Some(ids) => Arc::new(ids.clone()),
                    None => return Err(Error::internal("row ids were not made")),
                },
                Output::Masked(mask, data_type) => {
                    let masked = mask.evaluate(&part).and_then(|masked| masked.into_array(part.num_rows()));
                    let masked = masked.map_err(|error| hidden(error, "a masking policy"))?;
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

/// An error of a policy's expression, without what it says of the value that it met.
fn hidden(error: DataFusionError, policy: &str) -> Error {
    let error = Error::from(error);
    match error.kind() {
        Kind::Cancelled => error,
        kind => Error::new(kind, format!("{policy} cannot be evaluated for a row"))
            .with_hint("Who made the policy can see why by its expression over the table."),
    }
}

fn narrow_ids(ids: &UInt64Array, keep: &BooleanArray) -> Result<UInt64Array> {
    let kept = arrow::compute::filter(ids, keep)?;
    match kept.as_any().downcast_ref::<UInt64Array>() {
        Some(kept) => Ok(kept.clone()),
        None => Err(Error::internal("row ids changed their type")),
    }
}
