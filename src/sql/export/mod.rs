//! A way out: everything in a database as SQL, its rows as Parquet or CSV, its models as safetensors, which others read too.
//!
//! ```text
//! import.sql                       makes it again: psql -f import.sql, or `steward import`
//! data/SCHEMA.TABLE.parquet        the rows of a table; with many there are SCHEMA.TABLE.2.parquet and so on
//! data/SCHEMA.TABLE.csv            or the rows as COPY ... TO writes them, with a line of names
//! models/NAME.1.safetensors        the first version of a model: weights, and as texts beside them all that is known of it
//! lineage.jsonl                    lineage as events of OpenLineage, one a line
//! audit.jsonl                      the audit log, an entry a line
//! erasures.jsonl                   certificates of erasures, one a line
//! ```
//!
//! The export is one snapshot. Nothing of it is sealed: whoever may write it may read everything, and what is written
//! is out of Steward's hands; so it is for superusers only, and its files are readable by their owner only. With
//! `steward.allow_damaged` on, rows and models that cannot be read are left out, and warnings say what is missing.

mod csv_file;
#[cfg(test)]
mod kinds;
mod models;
mod objects;
mod order;
mod parquet_files;
mod relations;
mod rights;
mod script;

use super::context::Context;
use super::ddl;
use super::functions;
use super::tables::Damage;
use crate::catalog::{Object, Table, is_temporary};
use crate::error::{Error, Kind, Result};
use crate::storage::lies_in;
use crate::txn::{Segment, batch};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter;
use csv_file::CsvFile;
use datafusion::execution::SessionState;
use parquet_files::ParquetFiles;
use script::{Script, ident};
pub use script::{database_of, superuser_of};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// Name of the script.
pub const SCRIPT: &str = "import.sql";
/// Lineage as events of OpenLineage, one a line.
const LINEAGE: &str = "lineage.jsonl";
/// The audit log, an entry a line.
const AUDIT: &str = "audit.jsonl";
/// Certificates of erasures, one a line.
const ERASURES: &str = "erasures.jsonl";

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
pub fn export(context: &Arc<Context>, state: &SessionState, to: &Path, format: Format) -> Result<u64> {
    let folders = [to.join("data"), to.join("models"), to.to_owned()];
    make_folders(context, to, &folders)?;
    let catalog = context.snapshot.catalog.clone();
    let mut objects: Vec<_> = catalog.objects().collect();
    objects.sort_by_cached_key(|(_, object)| object.key());
    let mut script = Script::new(&catalog, &context.database.name);
    let (mut rows, mut names) = (0, Names::default());
    for (id, object) in objects {
        match object.as_ref() {
            Object::Sequence(sequence) if !is_temporary(&sequence.schema) => {
                let (last, given) = context.database.counters.last(id, sequence)?;
                script.count(sequence, last, given);
            }
            Object::Function(function) if ddl::is_as_written(context, state, function) => script.take_as_written(id),
            // A materialized view is filled by its query again, and a temporary table is nobody's but its session's.
            Object::Table(table) if table.materialized.is_some() && !ddl::works(context, state, table) => {
                script.take_as_broken(id);
            }
            Object::Table(table) if table.materialized.is_none() && !is_temporary(&table.schema) => {
                let (whole, table) = (table, &stored(table));
                let base = to.join("data").join(names.of(&[&table.schema, &table.name], "table"));
                let files: Box<dyn TableFiles> = match format {
                    Format::Parquet => Box::new(ParquetFiles::new(base, table)?),
                    Format::Csv => Box::new(CsvFile::new(base, table)?),
                };
                let (count, names) = table_rows(context, id, (whole, table), files)?;
                context.notice(format!("export: {count} rows of {}.{}", table.schema, table.name));
                for name in names.iter().filter(|_| count > 0) {
                    script.load((whole, table), &format!("data/{name}"), format.options());
                }
                rows += count;
            }
            Object::Model(model) => {
                let versions = models::write(context, &to.join("models"), &mut names, model)?;
                context.notice(format!("export: {} versions of model {}", versions.len(), model.name));
                script.load_model(id, versions);
            }
            _ => {}
        }
    }
    let retention = context.database.manager.store().kept()?.ms;
    let audit = context.database.manager.audit();
    write_file(&to.join(SCRIPT), script.text(retention, audit.rules()).as_bytes())?;
    write_lines(&to.join(LINEAGE), functions::all_lineage_events(context)?)?;
    let line = |(number, entry)| json!({ "number": number, "entry": entry });
    write_lines(&to.join(AUDIT), audit.entries()?.into_iter().map(line).collect())?;
    write_lines(&to.join(ERASURES), catalog.erasures().map(|(_, erasure)| json!(erasure)).collect())?;
    for folder in &folders {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| named(folder, &error))?;
    }
    Ok(rows)
}

/// Writes a file of JSON, a value a line; none if there is none.
fn write_lines(path: &Path, values: Vec<Value>) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = values.iter().map(|value| format!("{value}\n")).collect();
    write_file(path, lines.concat().as_bytes())
}

/// Makes the folders of an export, which may hold nothing yet.
fn make_folders(context: &Context, to: &Path, folders: &[std::path::PathBuf]) -> Result<()> {
    if lies_in(to, context.database.manager.store().dir()) {
        let message = "an export cannot lie in the folder of its database: it is not sealed";
        return Err(Error::new(Kind::Configuration, message).with_hint("Choose another folder."));
    }
    fs::create_dir_all(to).map_err(|error| named(to, &error))?;
    let mut entries = fs::read_dir(to).map_err(|error| named(to, &error))?.flatten().map(|entry| entry.file_name());
    if entries.any(|name| name != "lost+found") {
        let message = format!("directory \"{}\" is not empty", to.display());
        return Err(Error::new(Kind::Configuration, message).with_hint("Choose an empty or a new directory."));
    }
    for folder in folders {
        fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(|error| named(folder, &error))?;
    }
    Ok(())
}

fn named(path: &Path, error: &std::io::Error) -> Error {
    Error::io(format!("\"{}\"", path.display()), error)
}

/// Names of files, each given once.
#[derive(Debug, Default)]
pub struct Names {
    numbers: u32,
}

impl Names {
    /// A name that every file system takes: the object's own where it is plain, otherwise what it is and a number.
    fn of(&mut self, parts: &[&str], what: &str) -> String {
        let plain = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if parts.iter().all(plain) {
            return parts.join(".");
        }
        self.numbers += 1;
        format!("{what}-{}", self.numbers)
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
    context: &Arc<Context>,
    id: u64,
    (whole, table): (&Table, &Table),
    mut files: Box<dyn TableFiles>,
) -> Result<(u64, Vec<String>)> {
    let positions: Vec<usize> = (0..whole.columns.len()).filter(|at| whole.columns[*at].generated.is_none()).collect();
    let (mut count, mut lost) = (0, 0);
    for segment in &context.snapshot.rows(id).segments {
        context.cancel.check()?;
        match context.database.manager.read_live(id, segment, &positions) {
            Ok(columns) => {
                files.write(&batch(table.arrow_schema(), columns, segment.live_rows())?)?;
                count += segment.live_rows() as u64;
            }
            Err(error) if error.kind() == Kind::Corruption && Damage::may_leave_out(context) => {
                let mut written = 0;
                for (columns, rows) in readable_pages(context, id, segment, &positions)? {
                    files.write(&batch(table.arrow_schema(), columns, rows)?)?;
                    written += rows;
                }
                count += written as u64;
                lost += segment.live_rows() - written;
                context.warn(error.message());
            }
            Err(error) => {
                Damage::none(context, whole).met(segment, error)?;
            }
        }
    }
    if lost > 0 {
        let name = format!("{}.{}", table.schema, table.name);
        context.warn(format!("table {name}: {lost} of {} rows are left out of the export", count + lost as u64));
    }
    Ok((count, files.finish()?))
}

/// The live rows of those pages of a damaged segment that can be read, each with their number.
fn readable_pages(
    context: &Context,
    id: u64,
    segment: &Segment,
    positions: &[usize],
) -> Result<Vec<(Vec<ArrayRef>, usize)>> {
    let manager = &context.database.manager;
    let pages = unless_damaged(manager.pages(id, segment))?;
    let mut readable = Vec::new();
    for (page, rows) in pages.into_iter().flatten().enumerate() {
        context.cancel.check()?;
        let read = unless_damaged(manager.read_pages(id, segment, positions, page..page + 1))?;
        let live: BooleanArray = rows.map(|row| Some(!segment.is_deleted(row))).collect();
        for columns in read.into_iter().flatten() {
            let columns = columns.iter().map(|column| filter(column, &live)).collect::<Result<Vec<_>, _>>()?;
            readable.push((columns, live.true_count()));
        }
    }
    Ok(readable)
}

/// What was read, or nothing if it is damaged.
fn unless_damaged<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == Kind::Corruption => Ok(None),
        Err(error) => Err(error),
    }
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
