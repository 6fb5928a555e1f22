//! The rows of a table as a file of CSV.

use super::super::copy::csv_lines;
use super::{TableFiles, create, ident, name_of};
use crate::catalog::Table;
use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// A file in the making.
pub struct CsvFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl CsvFile {
    /// The file at `base`, with the line of names.
    pub fn new(mut base: PathBuf, table: &Table) -> Result<Self> {
        base.as_mut_os_string().push(".csv");
        let file = BufWriter::with_capacity(1 << 20, create(&base)?);
        let mut made = Self { path: base, file };
        let names: Vec<String> = table.columns.iter().map(|column| csv_name(&column.name)).collect();
        made.put(format!("{}\n", names.join(",")).as_bytes())?;
        Ok(made)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| Error::io(format!("\"{}\"", self.path.display()), &error))
    }
}

impl TableFiles for CsvFile {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.put(&csv_lines(rows)?)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<String>> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| Error::io(format!("\"{}\"", self.path.display()), &error))?;
        Ok(vec![name_of(&self.path)])
    }
}

/// A name as a line of CSV has it.
fn csv_name(name: &str) -> String {
    match name.contains([',', '"', '\n', '\r']) {
        true => ident(name),
        false => name.to_owned(),
    }
}
