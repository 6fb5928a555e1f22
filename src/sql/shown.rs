//! Rows as the session's settings have them written.

use super::values::Zone;
use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

/// Rows whose moments are written as a zone's clocks show them.
pub fn in_zone(rows: SendableRecordBatchStream, zone: &Zone) -> SendableRecordBatchStream {
    let Some(schema) = zone.schema(&rows.schema()) else { return rows };
    let (zone, of) = (zone.clone(), schema.clone());
    let rows = rows.map(move |batch| {
        let batch: RecordBatch = batch?;
        let columns =
            batch.columns().iter().map(|column| zone.shown(column)).collect::<crate::error::Result<Vec<_>>>()?;
        Ok(crate::txn::batch(of.clone(), columns, batch.num_rows())?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}
