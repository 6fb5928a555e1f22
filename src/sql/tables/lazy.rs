//! A relation whose rows are made when it is read: system views, table functions, assets outside.

use crate::catalog::Place;
use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::TryStreamExt;
use futures::stream;
use std::fmt;
use std::sync::Arc;

/// Rows one batch after the other.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;
type Make = Arc<dyn Fn() -> Result<Batches> + Send + Sync>;

/// A relation whose rows are made when it is read, off the threads that serve others.
#[derive(Clone)]
pub struct LazyTable {
    schema: SchemaRef,
    make: Make,
    /// Its rows are those that who looks may see, and others may not.
    of_viewer: bool,
    /// What it reads, if that is one thing.
    place: Option<Place>,
}

impl LazyTable {
    /// A relation of this schema; `make` is called at each reading.
    pub fn new(schema: SchemaRef, make: impl Fn() -> Result<Batches> + Send + Sync + 'static) -> Self {
        Self { schema, make: Arc::new(make), of_viewer: false, place: None }
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
        _: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let partition: Arc<dyn PartitionStream> = Arc::new(self.clone());
        Ok(Arc::new(StreamingTableExec::try_new(self.schema.clone(), vec![partition], projection, [], false, limit)?))
    }
}

impl PartitionStream for LazyTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let make = self.make.clone();
        // Each batch is made on a blocking thread: readers of files and models may take their time.
        let stream = stream::try_unfold(None::<Batches>, move |state| {
            let make = make.clone();
            async move {
                let next = tokio::task::spawn_blocking(move || {
                    let mut batches = match state {
                        Some(batches) => batches,
                        None => make()?,
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
