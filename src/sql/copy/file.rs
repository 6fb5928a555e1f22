//! Files of the server that COPY reads and writes.
//!
//! Who may is decided here: superusers, and members of `pg_read_server_files` and `pg_write_server_files` where such roles
//! are. Paths are absolute, and none leads into the database's own folder or to its key: neither is written over, and
//! nothing of them is read as if it were a table's data.

use super::super::context::Context;
use super::super::run::blocking;
use super::super::session::CopyLines;
use super::Receiving;
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::txn::Transaction;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes of a file that are read at once.
const PIECE_BYTES: usize = 256 << 10;

/// Refuses a role that may not read the server's files, or write them.
pub fn must_be_allowed(context: &Context, from: bool) -> Result<()> {
    let (group, verb) = match from {
        true => ("pg_read_server_files", "COPY from"),
        false => ("pg_write_server_files", "COPY to"),
    };
    if context.is_allowed_by(group) {
        return Ok(());
    }
    let message = format!("must be superuser or have privileges of the {group} role to {verb} a file");
    Err(Error::new(Kind::Privilege, message)
        .with_hint("Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone."))
}

/// Reads a file into a table; gives the number of rows.
pub async fn read(context: &Context, txn: &mut Transaction, mut copy: Receiving, path: &str) -> Result<usize> {
    let mut file = open_to_read(context, path)?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = blocking(|| file.read(&mut piece));
        match count {
            Ok(0) => return copy.finish(txn).await,
            Ok(count) => copy.feed(txn, piece.get(..count).unwrap_or_default()).await?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("could not read from COPY file", &error)),
        }
    }
}

/// Writes lines to a file; gives the number of rows.
pub async fn write(context: &Context, path: &str, mut lines: BoxStream<'static, Result<CopyLines>>) -> Result<u64> {
    let mut file = open_to_write(context, path)?;
    let mut rows = 0;
    while let Some(lines) = lines.next().await {
        let lines = lines?;
        let written = blocking(|| file.write_all(&lines.data));
        written.map_err(|error| Error::io("could not write to COPY file", &error))?;
        rows += lines.rows;
    }
    Ok(rows)
}

fn open_to_read(context: &Context, path: &str) -> Result<File> {
    let real = resolve(path, true)?;
    must_be_outside(context, &real)?;
    let file = blocking(|| File::open(&real)).map_err(|error| unopened(path, true, &error))?;
    match file.metadata() {
        Ok(facts) if facts.is_dir() => fail!(WrongObject, "\"{path}\" is a directory"),
        _ => Ok(file),
    }
}

fn open_to_write(context: &Context, path: &str) -> Result<File> {
    let real = resolve(path, false)?;
    must_be_outside(context, &real)?;
    // For its owner only, as what an export writes: nothing in it is sealed.
    let opened = blocking(|| OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&real));
    opened.map_err(|error| unopened(path, false, &error))
}

/// Where a path leads, links followed; of a file to be made its folder at least must be there.
fn resolve(path: &str, from: bool) -> Result<PathBuf> {
    let written = Path::new(path);
    if !written.is_absolute() {
        fail!(InvalidName, "relative path not allowed for COPY {} file", if from { "from" } else { "to" });
    }
    let failed = |error: std::io::Error| unopened(path, from, &error);
    let real = match (written.canonicalize(), written.parent(), written.file_name()) {
        (Ok(real), ..) => real,
        (Err(error), Some(folder), Some(name)) if !from && error.kind() == ErrorKind::NotFound => {
            // A link that leads nowhere would be followed by whoever makes the file.
            if written.is_symlink() {
                return Err(failed(error));
            }
            folder.canonicalize().map_err(failed)?.join(name)
        }
        (Err(error), ..) => return Err(failed(error)),
    };
    // To open one would wait for somebody at its other end.
    match real.metadata() {
        Ok(facts) if facts.file_type().is_fifo() || facts.file_type().is_socket() => {
            fail!(WrongObject, "\"{path}\" is not a file")
        }
        _ => Ok(real),
    }
}

/// Refuses what belongs to the database itself.
fn must_be_outside(context: &Context, real: &Path) -> Result<()> {
    match context.database.own_files().hold(real) {
        true => Err(Error::new(Kind::Privilege, "COPY may not touch the database's own files")
            .with_hint("Give a path outside of the data folder, and not that of its key or its password.")),
        false => Ok(()),
    }
}

/// Why a file is not open, in PostgreSQL's words.
fn unopened(path: &str, from: bool, error: &std::io::Error) -> Error {
    let (way, told) = match from {
        true => ("reading", "FROM instructs the PostgreSQL server process to read"),
        false => ("writing", "TO instructs the PostgreSQL server process to write"),
    };
    let (kind, why) = match error.kind() {
        ErrorKind::NotFound => (Kind::UndefinedFile, "No such file or directory".to_owned()),
        ErrorKind::PermissionDenied => (Kind::Privilege, "Permission denied".to_owned()),
        ErrorKind::IsADirectory => (Kind::WrongObject, "Is a directory".to_owned()),
        _ => (Kind::Io, error.to_string()),
    };
    let refused = Error::new(kind, format!("could not open file \"{path}\" for {way}: {why}"));
    match kind {
        Kind::UndefinedFile | Kind::Privilege => {
            refused.with_hint(format!("COPY {told} a file. You may want a client-side facility such as psql's \\copy."))
        }
        _ => refused,
    }
}
