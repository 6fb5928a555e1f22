//! The leaf of a plan that reads a table: pieces of segments, spread over the engine's partitions.
//!
//! Everything happens inside the leaf's stream, in this order: decode the columns needed, drop deleted rows, keep the
//! rows that the policies show, replace masked values. What comes out is all that the plan above can ever see. Where there is
//! neither policy nor mask, the stream leaves out what the statement does not want, too ([`asked`](super::asked)).

use super::super::context::Cancel;
use super::asked::{Asked, Told};
use super::damage::Damage;
use super::seen::{Offsets, Seen};
use crate::config::BATCH_ROWS;
use crate::error::{Error, Result};
use crate::txn::{Manager, Page, Segment, batch, is_whole, pieces};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DfResult, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use futures::Stream;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskState, Poll};

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
#[derive(Debug, Clone)]
pub struct ScanExec {
    name: String,
    shared: Arc<Shared>,
    parts: Arc<Vec<Vec<Piece>>>,
    statistics: Arc<Statistics>,
    /// What is shown of pruning, if it may be.
    pruned: Option<String>,
    /// What it asks of rows.
    asked: Asked,
    /// Which columns of what it reads it gives; none for all.
    projection: Option<Vec<usize>>,
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
        let properties = Arc::new(properties);
        let (statistics, parts) = (Arc::new(statistics), Arc::new(parts));
        let (asked, metrics) = (Asked::default(), ExecutionPlanMetricsSet::new());
        Self { name, shared, parts, statistics, pruned, asked, projection: None, properties, metrics }
    }

    /// Whether it may leave rows out by what the statement asks: the role sees all that there is, as it is stored, and no
    /// number of rows is enough.
    pub fn may_ask(&self) -> bool {
        self.shared.seen.is_plain() && self.shared.limit.is_none()
    }

    /// Whether it gives all columns that it reads.
    pub fn gives_all(&self) -> bool {
        self.projection.is_none()
    }

    /// The columns that it reads, over which conditions are.
    pub fn read_schema(&self) -> &SchemaRef {
        &self.shared.seen.schema
    }

    /// With more conditions over all that it reads, and what `filter` says of the rows for which they are true: the columns that it gives
    /// of them, and what is known of those.
    pub fn with_conditions(&self, conditions: Vec<Arc<dyn PhysicalExpr>>, filter: &FilterExec) -> DfResult<Self> {
        Ok(Self {
            asked: self.asked.with_conditions(conditions, self.read_schema())?,
            projection: filter.projection().as_ref().map(|projection| projection.to_vec()),
            statistics: Arc::new(Statistics::new_unknown(&filter.schema())),
            properties: Arc::new(
                filter.properties().as_ref().clone().with_scheduling_type(SchedulingType::Cooperative),
            ),
            metrics: ExecutionPlanMetricsSet::new(),
            ..self.clone()
        })
    }

    /// With the keys that a join will tell of the column at `output`; none if they cannot be asked for here.
    pub fn with_late(&self, output: usize, told: &Arc<Told>) -> Option<Self> {
        let column = match &self.projection {
            Some(projection) => *projection.get(output)?,
            None => output,
        };
        let whole = is_whole(self.read_schema().fields().get(column)?.data_type());
        let asked = self.asked.with_late(column, told.clone());
        (whole && self.may_ask()).then(|| Self { asked, metrics: ExecutionPlanMetricsSet::new(), ..self.clone() })
    }

    /// Whether it leaves rows of its table out.
    pub fn leaves_out(&self) -> bool {
        !self.asked.is_nothing() || self.pruned.is_some() || self.shared.limit.is_some()
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "ScanExec: {}, columns=[{}]", self.name, columns.join(", "))?;
        if form == DisplayFormatType::Verbose {
            write!(f, ", partitions={}", self.parts.len())?;
        }
        if let Some(limit) = self.shared.limit {
            write!(f, ", fetch={limit}")?;
        }
        if let Some(pruned) = &self.pruned {
            write!(f, ", {pruned}")?;
        }
        let conditions: Vec<String> = self.asked.conditions().map(ToString::to_string).collect();
        if !conditions.is_empty() {
            write!(f, ", where={}", conditions.join(" AND "))?;
        }
        let late: Vec<&str> =
            self.asked.late().map(|column| self.read_schema().field(column).name().as_str()).collect();
        match late.is_empty() {
            true => Ok(()),
            false => write!(f, ", joined by=[{}]", late.join(", ")),
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

    fn reset_state(self: Arc<Self>) -> DfResult<Arc<dyn ExecutionPlan>> {
        // A join that runs again gathers other rows.
        Ok(Arc::new(Self { asked: self.asked.without_late(), ..self.as_ref().clone() }))
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], args: &StatisticsArgs) -> DfResult<Arc<Statistics>> {
        Ok(match args.partition() {
            None => self.statistics.clone(),
            Some(_) => Arc::new(Statistics::new_unknown(&self.schema())),
        })
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let Some(pieces) = self.parts.get(partition) else {
            return Err(Error::internal("a scan has no such partition").into());
        };
        let outputs = match &self.projection {
            Some(projection) => projection.clone(),
            None => (0..self.read_schema().fields().len()).collect(),
        };
        let rows = RowsOfPart {
            shared: self.shared.clone(),
            asked: self.asked.clone(),
            outputs,
            schema: self.schema(),
            pieces: pieces.clone().into(),
            ready: VecDeque::new(),
            few: Vec::new(),
            few_bytes: 0,
            left: self.shared.limit.unwrap_or(usize::MAX),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let stream = RecordBatchStreamAdapter::new(self.schema(), rows);
        Ok(make_cooperative(Box::pin(stream)))
    }
}

/// Pieces without a row that is left, after which others have a turn.
const EMPTY_PIECES: usize = 16;

/// Bytes at which batches of few rows are passed on.
const FEW_BYTES_MAX: usize = 1 << 20;

/// The batches of one partition.
struct RowsOfPart {
    shared: Arc<Shared>,
    asked: Asked,
    /// Which columns of what is read are given.
    outputs: Vec<usize>,
    /// They as a schema.
    schema: SchemaRef,
    pieces: VecDeque<Piece>,
    ready: VecDeque<Ready>,
    /// Batches that are too small to be worth their way up.
    few: Vec<RecordBatch>,
    few_bytes: usize,
    left: usize,
    metrics: BaselineMetrics,
}

/// Rows that are decoded.
enum Ready {
    /// As they are stored: the columns read, and where they are.
    Stored(Arc<Segment>, Offsets, RecordBatch),
    /// As they are given.
    Given(RecordBatch),
}

impl Stream for RowsOfPart {
    type Item = DfResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut TaskState<'_>) -> Poll<Option<Self::Item>> {
        for _ in 0..EMPTY_PIECES {
            match self.step() {
                Ok(Step::Batch(batch)) => {
                    self.metrics.output_rows().add(batch.num_rows());
                    return Poll::Ready(Some(Ok(batch)));
                }
                Ok(Step::Nothing) => {}
                Ok(Step::End) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What a step of a scan gives.
enum Step {
    Batch(RecordBatch),
    Nothing,
    End,
}

impl RowsOfPart {
    fn step(&mut self) -> Result<Step> {
        let time = self.metrics.elapsed_compute().clone();
        let _timer = time.timer();
        if self.left == 0 {
            return Ok(Step::End);
        }
        self.shared.cancel.check()?;
        let given = match self.ready.pop_front() {
            Some(Ready::Given(batch)) => Some(batch),
            Some(Ready::Stored(segment, offsets, part)) => match self.shared.seen.of(&segment, &part, &offsets)? {
                Some(batch) if self.shared.seen.is_plain() => self.asked_of(&batch)?,
                shown => shown,
            },
            None => {
                let Some(piece) = self.pieces.pop_front() else { return self.last() };
                if let Err(error) = self.decode(&piece) {
                    self.shared.damage.met(&piece.segment, error)?;
                }
                None
            }
        };
        Ok(match given {
            Some(batch) if batch.num_rows() > 0 => {
                let shown = batch.num_rows().min(self.left);
                self.left -= shown;
                Step::Batch(batch.slice(0, shown))
            }
            _ => Step::Nothing,
        })
    }

    /// What is still gathered at the end.
    fn last(&mut self) -> Result<Step> {
        match self.few.is_empty() {
            true => Ok(Step::End),
            false => {
                self.give_few()?;
                Ok(Step::Nothing)
            }
        }
    }

    /// The rows of a plain batch that are left, as they are given.
    fn asked_of(&self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let left = self.asked.now().of_batch(batch)?;
        let given = batch.project(&self.outputs)?;
        Ok(match (left.count(), left.filter()) {
            (0, _) => None,
            (_, None) => Some(given),
            (_, Some(filter)) => Some(filter.filter_record_batch(&given)?),
        })
    }

    fn decode(&mut self, piece: &Piece) -> Result<()> {
        let shared = self.shared.clone();
        let Shared { manager, seen: Seen { table, needed, read, .. }, .. } = shared.as_ref();
        let segment = &piece.segment;
        match &piece.rows {
            Rows::At(offsets) => {
                let columns = manager.read_rows(*table, segment, needed, offsets)?;
                let whole = batch(read.clone(), columns, offsets.len())?;
                self.ready.push_back(Ready::Stored(segment.clone(), Offsets::At(offsets.clone()), whole));
            }
            Rows::Pages(pages, first) if shared.seen.is_plain() => self.choose(&shared, segment, pages, *first)?,
            Rows::Pages(pages, first) => {
                let sizes = manager.pages(*table, segment)?;
                let mut start = *first;
                for (page, columns) in pages.clone().zip(manager.read_pages(*table, segment, needed, pages.clone())?) {
                    let rows = sizes.get(page).map_or(0, ExactSizeIterator::len);
                    let whole = batch(read.clone(), columns, rows)?;
                    for from in (0..rows).step_by(BATCH_ROWS) {
                        let part = whole.slice(from, BATCH_ROWS.min(rows - from));
                        self.ready.push_back(Ready::Stored(segment.clone(), Offsets::From(start + from), part));
                    }
                    start += rows;
                }
            }
        }
        Ok(())
    }

    /// Makes the rows of some pages that are left: first it is asked which ones, then their columns are read.
    fn choose(&mut self, shared: &Shared, segment: &Segment, pages: &Range<usize>, first: usize) -> Result<()> {
        let Shared { manager, seen, .. } = shared;
        let stored_at = |outputs: &[usize]| -> Result<Vec<usize>> {
            let at = |&output: &usize| seen.stored_at(output).ok_or_else(|| Error::internal("a column is not stored"));
            outputs.iter().map(at).collect()
        };
        let sizes = manager.pages(seen.table, segment)?;
        let now = self.asked.now();
        let read = manager.stored_pages(seen.table, segment, &stored_at(&now.columns)?, pages.clone())?;
        let mut start = first;
        let mut left = Vec::with_capacity(pages.len());
        for (page, columns) in pages.clone().zip(&read) {
            let rows = sizes.get(page).map_or(0, ExactSizeIterator::len);
            let living = segment
                .deleted
                .as_ref()
                .map(|deleted| BooleanBuffer::collect_bool(rows, |row| !deleted.contains(start + row)));
            let column = |wanted: usize| {
                let at = now.columns.iter().position(|column| *column == wanted);
                let page = at.and_then(|at| columns.get(at)).cloned();
                page.ok_or_else(|| Error::internal("a column that is asked for was not read").into())
            };
            left.push((rows, now.of_page(rows, living, &column)?));
            start += rows;
        }
        let Some(from) = left.iter().position(|(_, left)| left.count() > 0) else { return Ok(()) };
        let until = left.iter().rposition(|(_, left)| left.count() > 0).map_or(from, |last| last + 1);
        let wanted = pages.start + from..pages.start + until;
        // What was read to be asked is not read again.
        let known = |output: &usize| now.columns.iter().position(|column| column == output);
        let others: Vec<usize> = self.outputs.iter().copied().filter(|output| known(output).is_none()).collect();
        let others = manager.stored_pages(seen.table, segment, &stored_at(&others)?, wanted)?;
        let places: Vec<Option<usize>> = self.outputs.iter().map(known).collect();
        let wide = |page: Option<ArrayRef>| page.ok_or_else(|| Error::internal("a page cannot be made wide"));
        for (((rows, left), asked), others) in left.iter().zip(&read).skip(from).zip(&others) {
            let mut others = others.iter();
            let columns: Vec<&Arc<Page>> = places
                .iter()
                .filter_map(|place| match place {
                    Some(place) => asked.get(*place),
                    None => others.next(),
                })
                .collect();
            match left.filter() {
                _ if left.count() == 0 => {}
                Some(filter) => {
                    let columns = columns.iter().map(|page| wide(page.filtered(&filter))).collect::<Result<_>>()?;
                    self.give(batch(self.schema.clone(), columns, left.count())?)?;
                }
                None => {
                    for from in (0..*rows).step_by(BATCH_ROWS) {
                        let part = from..*rows.min(&(from + BATCH_ROWS));
                        let count = part.len();
                        let columns = columns.iter().map(|page| wide(page.slice(part.clone())));
                        self.give(batch(self.schema.clone(), columns.collect::<Result<_>>()?, count)?)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives a batch; small ones wait for others. One of wide rows is not small.
    fn give(&mut self, batch: RecordBatch) -> Result<()> {
        let bytes = pieces::bytes(batch.columns());
        if batch.num_rows() >= BATCH_ROWS / 2 || bytes >= FEW_BYTES_MAX {
            // Rows keep their order.
            self.give_few()?;
            self.cut(batch);
            return Ok(());
        }
        self.few.push(batch);
        self.few_bytes += bytes;
        match self.few.iter().map(RecordBatch::num_rows).sum::<usize>() >= BATCH_ROWS || self.few_bytes >= FEW_BYTES_MAX
        {
            true => self.give_few(),
            false => Ok(()),
        }
    }

    fn give_few(&mut self) -> Result<()> {
        let few = std::mem::take(&mut self.few);
        self.few_bytes = 0;
        if let [only] = few.as_slice() {
            self.cut(only.clone());
        } else if !few.is_empty() {
            self.cut(concat_batches(&self.schema, &few)?);
        }
        Ok(())
    }

    fn cut(&mut self, batch: RecordBatch) {
        let rows = batch.num_rows();
        for from in (0..rows).step_by(BATCH_ROWS) {
            self.ready.push_back(Ready::Given(batch.slice(from, BATCH_ROWS.min(rows - from))));
        }
    }
}
