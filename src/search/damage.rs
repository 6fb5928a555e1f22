//! What the index library reports, in the house's words.
//!
//! Sealed storage notices any changed byte before the library sees it, so a damaged index normally shows as a broken seal.
//! The library is still not trusted with what it reads: an error from it, or a panic inside it, becomes
//! [`Kind::Corruption`] that names the index and how to make it anew. An index holds nothing that its table does not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenReadError, OpenWriteError};

use super::directory::SealedDirectory;
use crate::error::{Error, Kind, Result};

/// Runs `work` on the index `index_id`, whose files are in `directory`, and explains its failure.
pub(super) fn guarded<T>(
    index_id: u64,
    directory: &SealedDirectory,
    work: impl FnOnce() -> tantivy::Result<T>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(explain(index_id, directory, &error)),
        Err(_) => Err(damaged(index_id, "the index library stopped on what it read")),
    }
}

/// The error for an index whose bytes make no sense. `detail` must hold nothing of the indexed text.
pub(super) fn damaged(index_id: u64, detail: impl Into<String>) -> Error {
    Error::new(Kind::Corruption, format!("text index {index_id} is damaged"))
        .with_detail(detail)
        .with_hint("Rebuild it with REINDEX, or drop it and create it again; the table itself is not affected.")
}

fn explain(index_id: u64, directory: &SealedDirectory, error: &TantivyError) -> Error {
    let of_storage = match error {
        TantivyError::IoError(io)
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: io, .. })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: io, .. })
        | TantivyError::LockFailure(LockError::IoError(io), _) => house_error(io),
        // The reason stayed in the thread that failed.
        TantivyError::ErrorInThread(_) | TantivyError::SystemError(_) => directory.take_failure(),
        _ => None,
    };
    if let Some(cause) = of_storage {
        return match cause.kind() {
            Kind::Corruption => damaged(index_id, cause.message()),
            _ => cause,
        };
    }
    match error {
        TantivyError::LockFailure(..) => {
            Error::new(Kind::InUse, format!("text index {index_id} is being written by somebody else"))
        }
        _ => damaged(index_id, variant(error)),
    }
}

/// The house's error that travels inside `io`.
pub(super) fn house_error(io: &std::io::Error) -> Option<Error> {
    io.get_ref()?.downcast_ref::<Error>().cloned()
}

/// The name of the variant only: what it carries may quote the index.
fn variant(error: &TantivyError) -> String {
    let shown = format!("{error:?}");
    let end = shown.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(shown.len());
    format!("the index library reports {}", &shown[..end])
}
