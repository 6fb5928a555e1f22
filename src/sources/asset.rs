//! An asset: one table that a source offers, read in place.

use super::columns::{self, Rows, Scan, Spec, Writer};
use super::csv_file::{self, CsvLayout, CsvRows, Place};
use super::dump::{self, DumpLayout, DumpRows};
use super::html::{self, PageRows};
use super::input::{Content, Fnv, io_error, relative};
use super::json::{self, JsonLayout};
use super::known::{self, Kept};
use super::objects::{self, ObjectRows, Objects};
use super::options::FileOptions;
use super::parquet_file::{self, ParquetLayout, ParquetRows};
use super::predicate::Predicate;
use super::xlsx::{self, XlsxLayout};
use super::xml::{self, XmlLayout};
use crate::config::{COUNTED_BYTES_MAX, COUNTED_SAMPLE_BYTES, HASHED_BYTES_MAX};
use crate::crypto::sha256;
use crate::error::Result;
use crate::fail;
use arrow::datatypes::SchemaRef;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// What files of an asset hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Delimited text of any dialect.
    Csv,
    /// One JSON document, or several in a row.
    Json,
    /// One JSON value a line.
    JsonLines,
    /// XML.
    Xml,
    /// Parquet.
    Parquet,
    /// A workbook of Excel.
    Xlsx,
    /// Statements of SQL that make tables and fill them, as pg_dump and mysqldump write them.
    Sql,
    /// HTML pages.
    Html,
    /// Images.
    Image,
    /// Plain text.
    Text,
    /// Something that Steward does not read; its rows tell name, format and size.
    Unknown,
}

impl Form {
    /// The word for it in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Csv => "csv",
            Form::Json => "json",
            Form::JsonLines => "jsonl",
            Form::Xml => "xml",
            Form::Parquet => "parquet",
            Form::Xlsx => "xlsx",
            Form::Sql => "sql",
            Form::Html => "html",
            Form::Image => "image",
            Form::Text => "text",
            Form::Unknown => "unknown",
        }
    }

    /// How far the form itself gives columns to its contents.
    pub fn structure(self) -> Structure {
        match self {
            Form::Csv | Form::Parquet | Form::Xlsx | Form::Sql => Structure::Structured,
            Form::Json | Form::JsonLines | Form::Xml | Form::Html => Structure::SemiStructured,
            Form::Image | Form::Text | Form::Unknown => Structure::Unstructured,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far an asset's form gives columns to its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Structure {
    /// Rows and columns.
    Structured,
    /// Values with names, nested.
    SemiStructured,
    /// Neither.
    Unstructured,
}

impl Structure {
    /// The word for it in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Structure::Structured => "structured",
            Structure::SemiStructured => "semi-structured",
            Structure::Unstructured => "unstructured",
        }
    }
}

/// One table of a source. Cloning is cheap and shares what was found out about the file.
#[derive(Debug, Clone)]
pub struct Asset {
    /// A lower-case SQL identifier, unique within the source.
    pub name: String,
    /// What its files hold.
    pub form: Form,
    /// How structured that is.
    pub structure: Structure,
    /// Its files, in the order of their rows.
    pub paths: Vec<PathBuf>,
    /// The member of a JSON object, the sheet of a workbook, the table of a dump that it is, where one file holds several tables.
    pub member: Option<String>,
    /// Bytes of all files.
    pub bytes: u64,
    /// When the youngest file was last changed.
    pub modified: SystemTime,
    /// Hash of paths, sizes and times of change: equal while nothing seems to have changed.
    pub fingerprint: u64,
    pub(super) root: PathBuf,
    pub(super) options: FileOptions,
    layout: Arc<OnceLock<Arc<Layout>>>,
}

/// What was found out about files at earlier statements: by folder, state, table and options.
static LAYOUTS: Kept<LayoutKey, Arc<Layout>> = Kept::new();
type LayoutKey = (PathBuf, u64, Option<String>, FileOptions);

/// Forgets what was found out about files at earlier statements: they are looked into anew.
pub fn forget() {
    LAYOUTS.clear();
    known::forget();
}

/// What was found out by looking into the file.
#[derive(Debug)]
enum Layout {
    Csv(CsvLayout),
    Json(JsonLayout),
    Xml(XmlLayout),
    Parquet(ParquetLayout),
    Xlsx(XlsxLayout),
    Sql(DumpLayout),
    Fixed(Vec<Spec>),
}

impl Layout {
    fn specs(&self) -> &[Spec] {
        match self {
            Layout::Csv(layout) => &layout.specs,
            Layout::Json(layout) => &layout.records.specs,
            Layout::Xml(layout) => &layout.records.specs,
            Layout::Xlsx(layout) => &layout.records.specs,
            Layout::Sql(layout) => &layout.specs,
            // Its columns are the file's own.
            Layout::Parquet(_) => &[],
            Layout::Fixed(specs) => specs,
        }
    }
}

impl Asset {
    pub(super) fn new(name: String, form: Form, files: &[&FileFacts], root: &Path, options: &FileOptions) -> Self {
        Self {
            name,
            form,
            structure: form.structure(),
            paths: files.iter().map(|file| file.path.clone()).collect(),
            member: None,
            bytes: files.iter().map(|file| file.bytes).sum(),
            modified: files.iter().map(|file| file.modified).max().unwrap_or(UNIX_EPOCH),
            fingerprint: fingerprint(root, files.iter().copied()),
            root: root.to_owned(),
            options: options.clone(),
            layout: Arc::default(),
        }
    }

    /// The columns and their types, found out over the file's first [`crate::config::SOURCE_SAMPLE_BYTES`] (or the
    /// rows that `sample_rows` says) and remembered. Columns of JSON text carry `steward:type = jsonb` in their
    /// metadata. Fails with `InvalidText` where the file breaks its own format, `LimitExceeded` where it is too
    /// large, deep or wide, `Io`.
    pub fn schema(&self) -> Result<SchemaRef> {
        Ok(match &*self.layout()? {
            Layout::Parquet(layout) => layout.schema.clone(),
            layout => columns::schema(layout.specs()),
        })
    }

    /// The rows in batches of at most [`crate::config::BATCH_ROWS`], with the columns at the positions `projection`
    /// in its order (all when `None`), and at most `limit` rows. CSV, JSON lines and XML are streamed.
    pub fn scan(&self, projection: Option<&[usize]>, limit: Option<usize>) -> Result<Scan> {
        self.scan_where(projection, &[], limit)
    }

    /// As [`Asset::scan`]; rows for which not all of `filters` are true may be left out, and need not be.
    pub fn scan_where(
        &self,
        projection: Option<&[usize]>,
        filters: &[Predicate],
        limit: Option<usize>,
    ) -> Result<Scan> {
        let layout = self.layout()?;
        if let Layout::Parquet(layout) = &*layout {
            let rows = ParquetRows::open(&self.place()?, &self.options, layout, projection, filters)?;
            return Ok(Scan::of_batches(Box::new(rows), limit));
        }
        let writer = Writer::new(layout.specs(), projection)?;
        Ok(Scan::new(self.rows(&layout)?, writer, limit))
    }

    /// Whether a file has changed or gone since the source was discovered.
    pub fn has_changed(&self) -> bool {
        let facts: Option<Vec<FileFacts>> = self.paths.iter().map(|path| FileFacts::of(path)).collect();
        facts.is_none_or(|facts| fingerprint(&self.root, facts.iter()) != self.fingerprint)
    }

    /// How many rows there are, without looking at them: of Parquet its files say so; of delimited text and of JSON lines beyond
    /// [`crate::config::COUNTED_BYTES_MAX`] it is estimated by the first of them, which the flag tells. `go_on` is asked now and then.
    pub fn count(&self, go_on: &dyn Fn() -> Result<()>) -> Result<(u64, bool)> {
        let is_lines = matches!(self.form, Form::Csv | Form::JsonLines);
        if is_lines && self.bytes > COUNTED_BYTES_MAX {
            let place = self.place()?;
            if let Some(rows) = estimated_lines(&place, self.bytes)? {
                return Ok((rows, true));
            }
        }
        let mut rows = 0;
        for batch in self.scan(Some(&[]), None)? {
            go_on()?;
            rows += batch?.num_rows() as u64;
        }
        Ok((rows, false))
    }

    /// A hash of what its files hold, whatever they are called and whenever they were written; `None` if they are too large to be read for
    /// that ([`crate::config::HASHED_BYTES_MAX`]).
    pub fn content(&self) -> Result<Option<u64>> {
        if self.bytes > HASHED_BYTES_MAX {
            return Ok(None);
        }
        let mut all = Fnv::new();
        for path in &self.paths {
            let shown = relative(&self.root, path);
            let mut file = super::input::open(&self.root, path)?;
            let mut piece = vec![0; 1 << 16];
            loop {
                let mut filled = 0;
                // A piece is filled whole, so that the same bytes are the same pieces.
                while filled < piece.len() {
                    let rest = piece.get_mut(filled..).unwrap_or_default();
                    match file.read(rest).map_err(|error| io_error(&shown, &error))? {
                        0 => break,
                        read => filled += read,
                    }
                }
                all.write(&sha256(piece.get(..filled).unwrap_or_default()));
                if filled < piece.len() {
                    break;
                }
            }
        }
        Ok(Some(all.finish()))
    }

    /// The paths of its files below the source's root, as rows and errors show them.
    pub fn relative_paths(&self) -> impl Iterator<Item = String> {
        self.paths.iter().map(|path| relative(&self.root, path))
    }

    fn layout(&self) -> Result<Arc<Layout>> {
        if let Some(layout) = self.layout.get() {
            return Ok(layout.clone());
        }
        // What was found out at an earlier statement holds while the file seems to be the same.
        let key = (self.root.clone(), self.fingerprint, self.member.clone(), self.options.clone());
        if let Some(layout) = LAYOUTS.get(&key) {
            return Ok(self.layout.get_or_init(|| layout).clone());
        }
        let layout = Arc::new(match self.form {
            Form::Csv => Layout::Csv(csv_file::inspect(&self.place()?, &self.options)?),
            Form::Json | Form::JsonLines => {
                Layout::Json(json::inspect(&self.place()?, &self.options, self.member.as_deref())?)
            }
            Form::Xml => Layout::Xml(xml::inspect(&self.place()?, &self.options)?),
            Form::Parquet => Layout::Parquet(parquet_file::inspect(&self.place()?, &self.options)?),
            Form::Xlsx => Layout::Xlsx(xlsx::inspect(&self.place()?, &self.options, self.member.as_deref())?),
            Form::Sql => Layout::Sql(dump::inspect(&self.place()?, &self.options, self.member.as_deref())?),
            Form::Html => Layout::Fixed(html::specs()),
            Form::Image => Layout::Fixed(objects::image_specs()),
            Form::Text => Layout::Fixed(objects::text_specs()),
            Form::Unknown => Layout::Fixed(objects::unknown_specs()),
        });
        LAYOUTS.keep(key, layout.clone());
        Ok(self.layout.get_or_init(|| layout).clone())
    }

    fn rows(&self, layout: &Layout) -> Result<Box<dyn Rows>> {
        let objects = |kind| -> Box<dyn Rows> {
            Box::new(ObjectRows {
                kind,
                root: self.root.clone(),
                paths: self.paths.iter().cloned().collect(),
                options: self.options.clone(),
                top: self.top(),
                unseen: Default::default(),
            })
        };
        Ok(match (layout, self.form) {
            (Layout::Csv(layout), _) => Box::new(CsvRows::open(&self.place()?, layout)?),
            (Layout::Json(layout), _) => Box::new(json::rows(&self.place()?, &self.options, layout)?),
            (Layout::Xml(layout), _) => Box::new(xml::rows(&self.place()?, &self.options, layout)?),
            (Layout::Xlsx(layout), _) => Box::new(xlsx::rows(layout)?),
            (Layout::Sql(layout), _) => Box::new(DumpRows::open(&self.place()?, &self.options, layout)?),
            (Layout::Parquet(_), _) => fail!(Internal, "Parquet is read by the batch"),
            (Layout::Fixed(_), Form::Html) => Box::new(PageRows {
                root: self.root.clone(),
                paths: self.paths.iter().cloned().collect(),
                options: self.options.clone(),
                waiting: Default::default(),
            }),
            (Layout::Fixed(_), Form::Image) => objects(Objects::Images),
            (Layout::Fixed(_), Form::Text) => objects(Objects::Texts),
            (Layout::Fixed(_), _) => objects(Objects::Unknown),
        })
    }

    /// The file of an asset that has one.
    fn place(&self) -> Result<Place> {
        match self.paths.as_slice() {
            [path] => Ok(Place { root: self.root.clone(), path: path.clone() }),
            paths => fail!(Internal, "asset {} of form {} has {} files", self.name, self.form, paths.len()),
        }
    }

    /// The deepest folder that all files lie under.
    fn top(&self) -> PathBuf {
        let mut top = self.paths.first().and_then(|path| path.parent()).unwrap_or(&self.root);
        while !self.paths.iter().all(|path| path.starts_with(top)) {
            let Some(parent) = top.parent() else { break };
            top = parent;
        }
        top.to_owned()
    }
}

/// How many lines a file seems to have, by its first ones; none of one that is packed, whose bytes say nothing of its lines.
fn estimated_lines(place: &Place, bytes: u64) -> Result<Option<u64>> {
    let mut content = place.open()?;
    if matches!(content, Content::Packed { .. }) {
        return Ok(None);
    }
    let (mut read, mut lines) = (0u64, 0u64);
    let mut piece = vec![0; 1 << 16];
    while read < COUNTED_SAMPLE_BYTES {
        let count = content.read(&mut piece).map_err(|error| io_error(&place.shown(), &error))?;
        if count == 0 {
            break;
        }
        read += count as u64;
        lines += piece.iter().take(count).filter(|byte| **byte == b'\n').count() as u64;
    }
    Ok((lines > 0).then(|| (lines as f64 * bytes as f64 / read as f64).round() as u64))
}

/// What the file system says about a file.
#[derive(Debug, Clone)]
pub(super) struct FileFacts {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
    /// Nanoseconds since 1970 of the last change of anything about it, which nobody can set: a time of change that lies is found out.
    pub(super) touched: i128,
}

impl FileFacts {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        Some(Self { path: path.to_owned(), bytes: metadata.len(), modified, touched: touched(&metadata) })
    }
}

#[cfg(unix)]
fn touched(metadata: &std::fs::Metadata) -> i128 {
    use std::os::unix::fs::MetadataExt;
    i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn touched(_: &std::fs::Metadata) -> i128 {
    0
}

fn fingerprint<'a>(root: &Path, files: impl Iterator<Item = &'a FileFacts>) -> u64 {
    let mut hash = Fnv::new();
    for file in files {
        let age = file.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        hash.write(relative(root, &file.path).as_bytes());
        hash.write(&file.bytes.to_le_bytes());
        hash.write(&age.to_le_bytes());
        hash.write(&file.touched.to_le_bytes());
    }
    hash.finish()
}
