//! A panic in a statement as an error of that statement.
//!
//! The engine's functions panic for some operands. What a statement has changed then is in its transaction alone, and is gone with it,
//! as after any other error. Commits are not caught: one that broke off may be half made, and its connection ends.

use crate::error::{Error, Result};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::SendableRecordBatchStream;
use futures::{FutureExt, Stream, StreamExt};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn failed() -> Error {
    tracing::error!("a statement ended by a bug of ours");
    Error::internal("the server failed in this statement")
}

/// What the work gives.
pub async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(failed()))
}

/// The same of work that waits for nothing.
pub fn caught_now<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(failed()))
}

/// Rows up to where making them panics.
pub fn rows(rows: SendableRecordBatchStream) -> impl Stream<Item = DfResult<arrow::array::RecordBatch>> + Send + use<> {
    futures::stream::unfold(Some(rows), |rows| async {
        let mut rows = rows?;
        match AssertUnwindSafe(rows.next()).catch_unwind().await {
            Ok(next) => next.map(|batch| (batch, Some(rows))),
            Err(_) => Some((Err(DataFusionError::from(failed())), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let panics = async { if true { panic!("no value is told") } else { Ok(1) } };
        assert_eq!(caught(panics).await.unwrap_err().kind(), Kind::Internal);
        assert_eq!(caught_now(|| Ok(2)).unwrap(), 2);
    }
}
