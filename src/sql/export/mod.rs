//! A way out: everything in a database as SQL and CSV, which other databases read too.
//!
//! ```text
//! import.sql                 makes it again: psql -f import.sql, or `steward import`
//! data/SCHEMA.TABLE.csv      the rows of a table, as COPY ... TO writes them, with a line of names
//! ```
//!
//! The export is one snapshot. It is plain text by its nature: whoever may write it may read everything, and what is written
//! is out of Steward's hands; so it is for superusers only, and its files are readable by their owner only.
//!
//! CSV and not Parquet: the rows leave as text that every program reads and that comes back value for value (intervals,
//! arrays and documents included), with code that COPY has already. A Parquet writer would change the features of a library
//! below the engine, and with them the build of all of it.

mod schema;

use super::context::Context;
use super::copy::csv_lines;
use crate::catalog::{Object, Table};
use crate::error::{Error, Kind, Result};
use crate::txn::batch;
use schema::{Script, ident};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Name of the script.
pub const SCRIPT: &str = "import.sql";

/// Writes everything into the folder `to`, which is empty or absent; durable on return. Gives the number of rows.
pub fn export(context: &Context, to: &Path) -> Result<u64> {
    let named = |path: &Path, error: std::io::Error| Error::io(format!("\"{}\"", path.display()), &error);
    fs::create_dir_all(to.join("data")).map_err(|error| named(to, error))?;
    let mut entries = fs::read_dir(to).map_err(|error| named(to, error))?.flatten().map(|entry| entry.file_name());
    if entries.any(|name| name != "data" && name != "lost+found") {
        let message = format!("directory \"{}\" is not empty", to.display());
        return Err(Error::new(Kind::Configuration, message).with_hint("Choose an empty or a new directory."));
    }
    for folder in [to, &to.join("data")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(|error| named(folder, error))?;
    }
    let catalog = context.snapshot.catalog.clone();
    let mut tables: Vec<_> = catalog.objects().map(|(id, object)| (id, object.clone())).collect();
    tables.sort_by_key(|(id, _)| *id);
    let mut script = Script::new(&catalog);
    let mut rows = 0;
    for (id, object) in &tables {
        if let Object::Table(table) = object.as_ref() {
            let name = format!("data/{}.csv", file_name(table, *id));
            let path = to.join(&name);
            let count = table_rows(context, *id, table, &path)?;
            context.notice(format!("export: {count} rows of {}.{}", table.schema, table.name));
            if count > 0 {
                script.load(table, &name);
            }
            rows += count;
        }
    }
    let retention = context.database.manager.store().kept()?.ms;
    write_file(&to.join(SCRIPT), script.text(retention).as_bytes())?;
    for folder in [&to.join("data"), to] {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| named(folder, error))?;
    }
    Ok(rows)
}

/// A name that every file system takes; the id keeps those apart that would be alike.
fn file_name(table: &Table, id: u64) -> String {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match plain(&table.schema) && plain(&table.name) {
        true => format!("{}.{}", table.schema, table.name),
        false => format!("table-{id}"),
    }
}

/// Writes the live rows of a table; gives their number.
fn table_rows(context: &Context, id: u64, table: &Table, path: &Path) -> Result<u64> {
    let named = |error: std::io::Error| Error::io(format!("\"{}\"", path.display()), &error);
    let mut file = std::io::BufWriter::with_capacity(1 << 20, create(path)?);
    let names: Vec<String> = table.columns.iter().map(|column| csv_name(&column.name)).collect();
    writeln!(file, "{}", names.join(",")).map_err(named)?;
    let positions: Vec<usize> = (0..table.columns.len()).collect();
    let mut count = 0;
    for segment in &context.snapshot.rows(id).segments {
        context.cancel.check()?;
        let columns = context.database.manager.read_live(id, segment, &positions)?;
        let rows = segment.live_rows();
        let lines = csv_lines(&batch(table.arrow_schema(), columns, rows)?)?;
        file.write_all(&lines).map_err(named)?;
        count += rows as u64;
    }
    let file = file.into_inner().map_err(|error| named(error.into_error()))?;
    file.sync_all().map_err(named)?;
    Ok(count)
}

/// A name as a line of CSV has it.
fn csv_name(name: &str) -> String {
    match name.contains([',', '"', '\n', '\r']) {
        true => ident(name),
        false => name.to_owned(),
    }
}

fn create(path: &Path) -> Result<File> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map_err(|error| Error::io(format!("\"{}\"", path.display()), &error))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| Error::io(format!("\"{}\"", path.display()), &error))
}
