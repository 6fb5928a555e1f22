//! Names on the disk: errors that tell them, removal that does not mind their absence, and making them durable.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::{Error, Result};

/// The error for what could not be done with `path`.
pub(super) fn named(path: &Path, error: &io::Error) -> Error {
    Error::io(format!("\"{}\"", path.display()), error)
}

/// Whether a path, which need not exist, lies in a folder or is it, whatever links lead there.
pub fn lies_in(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let real = absolute.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
    real.is_some_and(|real| real.starts_with(&folder))
}

/// Removes a file, if it is there.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    if_there(fs::remove_file(path)).map_err(|error| named(path, &error))
}

/// Removes a folder and all in it, if it is there.
pub(super) fn remove_folder(path: &Path) -> Result<()> {
    if_there(fs::remove_dir_all(path)).map_err(|error| named(path, &error))
}

/// Gives a file or folder another name, if it is there.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    if_there(fs::rename(from, to)).map_err(|error| named(from, &error))
}

fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The names in a folder are durable on return.
pub(super) fn sync_folder(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|folder| folder.sync_all()).map_err(|error| named(dir, &error))
}
