//! A way out: everything in a database as SQL, and its rows as Parquet or CSV, which other databases read too.
//!
//! ```text
//! import.sql                       makes it again: psql -f import.sql, or `steward import`
//! data/SCHEMA.TABLE.parquet        the rows of a table; with many there are SCHEMA.TABLE.2.parquet and so on
//! data/SCHEMA.TABLE.csv            or the rows as COPY ... TO writes them, with a line of names
//! ```
//!
//! The export is one snapshot. Nothing of it is sealed: whoever may write it may read everything, and what is written
//! is out of Steward's hands; so it is for superusers only, and its files are readable by their owner only.

mod csv_file;
mod objects;
mod parquet_files;
mod schema;

use super::context::Context;
use crate::catalog::{Object, Table, is_temporary};
use crate::error::{Error, Kind, Result};
use crate::storage::lies_in;
use crate::txn::batch;
use arrow::array::RecordBatch;
use csv_file::CsvFile;
use parquet_files::ParquetFiles;
pub use schema::database_of;
use schema::{Script, ident};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Name of the script.
pub const SCRIPT: &str = "import.sql";

/// What rows are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Typed columns, compressed.
    #[default]
    Parquet,
    /// Text that every program reads.
    Csv,
}

impl Format {
    /// The format of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "parquet" => Some(Self::Parquet),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// What COPY must be told to take the rows in again.
    fn options(self) -> &'static str {
        match self {
            Self::Parquet => "FORMAT parquet",
            Self::Csv => "FORMAT csv, HEADER true",
        }
    }
}

/// Puts the rows of one table into files.
trait TableFiles {
    /// Takes rows, which have the table's columns.
    fn write(&mut self, rows: &RecordBatch) -> Result<()>;

    /// Makes all of them durable; gives the names of the files.
    fn finish(self: Box<Self>) -> Result<Vec<String>>;
}

/// Writes everything into the folder `to`, which is empty or absent; durable on return. Gives the number of rows.
pub fn export(context: &Context, to: &Path, format: Format) -> Result<u64> {
    let named = |path: &Path, error: std::io::Error| Error::io(format!("\"{}\"", path.display()), &error);
    if lies_in(to, context.database.manager.store().dir()) {
        let message = "an export cannot lie in the folder of its database: it is not sealed";
        return Err(Error::new(Kind::Configuration, message).with_hint("Choose another folder."));
    }
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
    let mut script = Script::new(&catalog, &context.database.name);
    let mut rows = 0;
    for (id, object) in &tables {
        if let Object::Sequence(sequence) = object.as_ref()
            && !is_temporary(&sequence.schema)
        {
            let (last, given) = context.database.counters.last(*id, sequence)?;
            script.count(sequence, last, given);
        }
        // A materialized view is filled by its query again, and a temporary table is nobody's but its session's.
        if let Object::Table(table) = object.as_ref()
            && table.materialized.is_none()
            && !is_temporary(&table.schema)
        {
            let (whole, table) = (table, &stored(table));
            let base = to.join("data").join(file_name(table, *id));
            let files: Box<dyn TableFiles> = match format {
                Format::Parquet => Box::new(ParquetFiles::new(base, table)?),
                Format::Csv => Box::new(CsvFile::new(base, table)?),
            };
            let (count, names) = table_rows(context, *id, (whole, table), files)?;
            context.notice(format!("export: {count} rows of {}.{}", table.schema, table.name));
            for name in names.iter().filter(|_| count > 0) {
                script.load((whole, table), &format!("data/{name}"), format.options());
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

/// A table without the columns that are computed from others.
fn stored(table: &Table) -> Table {
    let mut stored = table.clone();
    stored.columns.retain(|column| column.generated.is_none());
    stored
}

/// Writes the live rows of a table, of which some columns are stored; gives their number, and the names of their files.
fn table_rows(
    context: &Context,
    id: u64,
    (whole, table): (&Table, &Table),
    mut files: Box<dyn TableFiles>,
) -> Result<(u64, Vec<String>)> {
    let positions: Vec<usize> = (0..whole.columns.len()).filter(|at| whole.columns[*at].generated.is_none()).collect();
    let mut count = 0;
    for segment in &context.snapshot.rows(id).segments {
        context.cancel.check()?;
        let columns = context.database.manager.read_live(id, segment, &positions)?;
        let rows = segment.live_rows();
        files.write(&batch(table.arrow_schema(), columns, rows)?)?;
        count += rows as u64;
    }
    Ok((count, files.finish()?))
}

/// The last part of a path that was made here.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
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
