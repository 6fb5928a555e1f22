//! The master key of a database that is not open.

use std::path::Path;
use std::sync::Arc;

use super::lock::FolderLock;
use super::store::keyring_read_only;
use crate::crypto::KeySource;
use crate::error::{Kind, Result};

/// Seals the keyring of the database in `dir` with the master key `to`, durable on return; `from` then opens it no more. Nothing
/// else is touched. Errors as of opening; `InUse` when a process has the database open.
pub fn rotate_master_key(dir: &Path, from: &KeySource, to: &KeySource) -> Result<()> {
    let _lock = Arc::new(FolderLock::take(dir)?);
    keyring_read_only(dir, from)?.rotate_master(to)
}

/// Whether a key is the master key of the database in `dir`. Changes nothing.
pub fn is_master_key(dir: &Path, key: &KeySource) -> Result<bool> {
    match keyring_read_only(dir, key) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == Kind::WrongKey => Ok(false),
        Err(error) => Err(error),
    }
}
