//! The leaf of a plan that reads a table: pieces of segments, spread over the engine's partitions.
//!
//! Everything happens inside the leaf's stream, in this order: decode the columns needed, drop deleted rows, keep the
//! rows that the policies show, replace masked values. What comes out is all that the plan above can ever see.

use super::super::context::Cancel;
use super::damage::Damage;
use super::seen::{Offsets, Seen};
use crate::config::BATCH_ROWS;
use crate::error::{Error, Result};
use crate::txn::{Manager, Segment, batch};
use arrow::array::RecordBatch;
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

/// What all partitions of a scan share.
#[derive(Debug)]
pub struct Shared {
    /// Who reads.
    pub manager: Arc<Manager>,
    /// Asks the statement to stop.
    pub cancel: Cancel,
    /// What the role sees.
    pub seen: Seen,
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
    /// The rows at these offsets.
    At(Arc<[usize]>),
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
            EquivalenceProperties::new(shared.seen.schema.clone()),
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
        let columns: Vec<&str> = self.shared.seen.schema.fields().iter().map(|field| field.name().as_str()).collect();
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
            Some(_) => Arc::new(Statistics::new_unknown(&self.shared.seen.schema)),
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
        let stream = RecordBatchStreamAdapter::new(self.shared.seen.schema.clone(), futures::stream::iter(rows));
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
            if let Some((segment, offsets, part)) = self.ready.pop_front() {
                if let Some(batch) = self.shared.seen.of(&segment, &part, &offsets)? {
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
        let Shared { manager, seen: Seen { table, needed, read, .. }, .. } = self.shared.as_ref();
        let segment = &piece.segment;
        match &piece.rows {
            Rows::At(offsets) => {
                let columns = manager.read_rows(*table, segment, needed, offsets)?;
                let whole = batch(read.clone(), columns, offsets.len())?;
                self.ready.push_back((segment.clone(), Offsets::At(offsets.clone()), whole));
            }
            Rows::Pages(pages, first) => {
                let sizes = manager.pages(*table, segment)?;
                let mut start = *first;
                for (page, columns) in pages.clone().zip(manager.read_pages(*table, segment, needed, pages.clone())?) {
                    let rows = sizes.get(page).map_or(0, ExactSizeIterator::len);
                    let whole = batch(read.clone(), columns, rows)?;
                    for from in (0..rows).step_by(BATCH_ROWS) {
                        let part = whole.slice(from, BATCH_ROWS.min(rows - from));
                        self.ready.push_back((segment.clone(), Offsets::From(start + from), part));
                    }
                    start += rows;
                }
            }
        }
        Ok(())
    }
}
