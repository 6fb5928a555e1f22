//! All rows of the asset store in one sealed log, from which sled can be made anew.
//!
//! Rows are kept as sled has them, sealed, and the counts with them: what is made from a checkpoint is compared as any opened
//! store is. Frames are many rows: tree u8 | key length u16 | key | value length u32 | value. The last frame is marked, so that
//! a checkpoint that was cut off is none.

use std::fs;
use std::path::Path;

use super::assets::Assets;
use super::engine::Tree;
use super::journal::Journal;
use super::log_file::{LogKind, LogReader, LogWriter};
use super::paths::{named, remove_file, sync_folder};
use crate::config::CHECKPOINT_FRAME_BYTES;
use crate::crypto::Keyring;
use crate::error::{Error, Kind, Result};

/// Ending of a checkpoint that is being written.
pub(super) const UNFINISHED: &str = "part";

/// A row as sled has it: tree, key, sealed value.
type RawRow<'a> = (Tree, &'a [u8], &'a [u8]);

/// Writes the rows of `assets`, which show `commit` commits and must not change meanwhile. Durable on return.
pub(super) fn write(data_dir: &Path, keyring: &Keyring, assets: &Assets, commit: u64) -> Result<()> {
    let path = Journal::checkpoint_path(data_dir, commit);
    let unfinished = path.with_extension(UNFINISHED);
    remove_file(&unfinished)?;
    remove_file(&path)?;
    if let Err(error) = write_rows(&unfinished, keyring, assets, commit) {
        // Half a checkpoint is worth nothing, and room may be what is missing.
        remove_file(&unfinished)?;
        return Err(error);
    }
    fs::rename(&unfinished, &path).map_err(|error| named(&path, &error))?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn write_rows(path: &Path, keyring: &Keyring, assets: &Assets, commit: u64) -> Result<()> {
    let mut log = LogWriter::create(path, LogKind::Checkpoint, commit, [0; 32], keyring)?;
    let mut frame = Vec::with_capacity(2 * CHECKPOINT_FRAME_BYTES);
    for tree in Tree::ALL {
        assets.scan(tree, b"", |key, sealed| {
            frame.push(tree as u8);
            frame.extend((key.len() as u16).to_be_bytes());
            frame.extend_from_slice(key);
            frame.extend((sealed.len() as u32).to_be_bytes());
            frame.extend_from_slice(sealed);
            if frame.len() >= CHECKPOINT_FRAME_BYTES {
                log.append(&frame, false)?;
                log.write()?;
                frame.clear();
            }
            Ok(())
        })?;
    }
    log.append(&frame, true)?;
    log.write()?;
    log.sync()
}

/// Calls `each` with the rows of a checkpoint, many at once. `Corruption` when it is not whole.
pub(super) fn read(path: &Path, keyring: &Keyring, mut each: impl FnMut(Vec<RawRow<'_>>) -> Result<()>) -> Result<()> {
    let mut log = LogReader::open(path, LogKind::Checkpoint, keyring)?;
    let damaged = || Error::new(Kind::Corruption, format!("checkpoint \"{}\" is not whole", path.display()));
    while let Some(frame) = log.next()? {
        let mut rows = Vec::new();
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            let (row, after) = split(rest).ok_or_else(damaged)?;
            rows.push(row);
            rest = after;
        }
        each(rows)?;
    }
    if log.finished { Ok(()) } else { Err(damaged()) }
}

fn split(bytes: &[u8]) -> Option<(RawRow<'_>, &[u8])> {
    let (tree, rest) = bytes.split_first()?;
    let tree = *Tree::ALL.get(usize::from(*tree))?;
    let (length, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some(((tree, key, value), rest))
}
