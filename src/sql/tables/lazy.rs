//! A relation whose rows are made when it is read: system views, table functions, assets outside.

use super::predicate::predicate;
use crate::catalog::Place;
use crate::error::Result;
use crate::sources::Predicate;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::TryStreamExt;
use futures::stream;
use std::fmt;
use std::sync::{Arc, Weak};

/// Rows one batch after the other.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;
type Asks = Arc<dyn Fn(&Wanted) -> Result<String> + Send + Sync>;
type Make = Arc<dyn Fn(&Wanted) -> Result<Batches> + Send + Sync>;

/// What a statement wants of a relation.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The positions of the columns, in their order; all when none are said.
    pub columns: Option<Vec<usize>>,
    /// Rows for which not all of these are true may be left out, and need not be.
    pub filters: Vec<Predicate>,
    /// How many rows are enough.
    pub limit: Option<usize>,
    /// Dead when nobody waits for the rows any more: a reader that waits itself has to look.
    pub asked: Weak<()>,
}

/// A relation whose rows are made when it is read, off the threads that serve others.
#[derive(Clone)]
pub struct LazyTable {
    schema: SchemaRef,
    make: Make,
    /// What is wanted, where the reader can be told.
    wanted: Option<Wanted>,
    /// Its rows are those that who looks may see, and others may not.
    of_viewer: bool,
    /// What it reads, if that is one thing.
    place: Option<Place>,
    /// What another server is asked, where its rows come from one.
    asks: Option<Asks>,
}

impl LazyTable {
    /// A relation of this schema; `make` is called at each reading.
    pub fn new(schema: SchemaRef, make: impl Fn() -> Result<Batches> + Send + Sync + 'static) -> Self {
        Self { schema, make: Arc::new(move |_| make()), wanted: None, of_viewer: false, place: None, asks: None }
    }

    /// A relation of this schema whose reader is told what is wanted, and gives just those columns.
    pub fn asking(schema: SchemaRef, make: impl Fn(&Wanted) -> Result<Batches> + Send + Sync + 'static) -> Self {
        let wanted = Some(Wanted::default());
        Self { schema, make: Arc::new(make), wanted, of_viewer: false, place: None, asks: None }
    }

    /// The same relation, whose rows depend on who looks.
    pub fn of_viewer(self) -> Self {
        Self { of_viewer: true, ..self }
    }

    /// The same relation, which is this.
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// What it reads, if that is one thing.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The same relation, which says what it asks another server.
    pub fn that_asks(self, asks: impl Fn(&Wanted) -> Result<String> + Send + Sync + 'static) -> Self {
        Self { asks: Some(Arc::new(asks)), ..self }
    }

    /// What another server is asked by a scan of these columns with these conditions; none where there is no other.
    pub fn asked(
        &self,
        columns: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Option<Result<String>> {
        let filters = filters.iter().filter_map(|filter| predicate(filter, &self.schema)).collect();
        let wanted = Wanted { columns: columns.cloned(), filters, limit, asked: Weak::new() };
        self.asks.as_ref().map(|asks| asks(&wanted))
    }

    /// Whether its rows depend on who looks.
    pub fn is_of_viewer(&self) -> bool {
        self.of_viewer
    }
}

impl fmt::Debug for LazyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyTable").finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for LazyTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        if self.wanted.is_some() {
            let filters = filters.iter().filter_map(|filter| predicate(filter, &self.schema)).collect();
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => self.schema.clone(),
            };
            let wanted = Some(Wanted { columns: projection.cloned(), filters, limit, asked: Weak::new() });
            let partition: Arc<dyn PartitionStream> = Arc::new(Self { schema: schema.clone(), wanted, ..self.clone() });
            return Ok(Arc::new(StreamingTableExec::try_new(schema, vec![partition], None, [], false, limit)?));
        }
        let partition: Arc<dyn PartitionStream> = Arc::new(self.clone());
        Ok(Arc::new(StreamingTableExec::try_new(self.schema.clone(), vec![partition], projection, [], false, limit)?))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let told = |filter: &&Expr| match &self.wanted {
            Some(_) if predicate(filter, &self.schema).is_some() => TableProviderFilterPushDown::Inexact,
            _ => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(told).collect())
    }
}

impl PartitionStream for LazyTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        // Goes with the stream; what runs on another thread does not.
        let asked = Arc::new(());
        let wanted = self.wanted.clone().unwrap_or_default();
        let wanted = Arc::new(Wanted { asked: Arc::downgrade(&asked), ..wanted });
        let make = self.make.clone();
        // Each batch is made on a blocking thread: readers of files and models may take their time.
        let stream = stream::try_unfold(None::<Batches>, move |state| {
            let _is_kept = &asked;
            let (make, wanted) = (make.clone(), wanted.clone());
            async move {
                let next = tokio::task::spawn_blocking(move || {
                    let mut batches = match state {
                        Some(batches) => batches,
                        None => make(&wanted)?,
                    };
                    Ok::<_, crate::error::Error>(batches.next().transpose()?.map(|batch| (batch, Some(batches))))
                });
                let next = next.await.map_err(|e| DataFusionError::Execution(format!("a reader stopped: {e}")))?;
                Ok(next?)
            }
        });
        let stream = stream.try_filter(|batch: &RecordBatch| std::future::ready(batch.num_rows() > 0));
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}
