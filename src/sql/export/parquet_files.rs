//! The rows of a table as files of Parquet.
//!
//! Every type but one has a form there that keeps all of it: numeric is DECIMAL, moments are TIMESTAMP of microseconds. Parquet's
//! INTERVAL knows milliseconds only, so intervals, and arrays of them, leave as text. The Arrow schema goes along, in which `uuid`,
//! `jsonb` and lengths of text are marked.

use super::{TableFiles, create, name_of};
use crate::catalog::Table;
use crate::config::{BATCH_ROWS, EXPORT_FILE_BYTES, SEGMENT_ROWS_MAX};
use crate::encoding::pg_text::cell_text;
use crate::error::{Error, Kind, Result};
use crate::txn::batch;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of rows that are encoded at once, after which the size of a file is looked at.
const STEP_BYTES: usize = 16 << 20;

type Writer = ArrowWriter<BufWriter<File>>;

/// Files in the making; only the last one is open.
pub struct ParquetFiles {
    /// Path of the first one, without its ending.
    base: PathBuf,
    schema: SchemaRef,
    writer: Writer,
    names: Vec<String>,
    /// Bytes of a file at which the next one begins.
    bytes_max: usize,
}

impl ParquetFiles {
    /// Files whose paths begin with `base`.
    pub fn new(base: PathBuf, table: &Table) -> Result<Self> {
        let fields: Vec<_> = table.arrow_schema().fields().iter().map(|field| leaving(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        let (writer, name) = begin(&base, 1, &schema)?;
        Ok(Self { base, schema, writer, names: vec![name], bytes_max: EXPORT_FILE_BYTES })
    }
}

impl TableFiles for ParquetFiles {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let step = (STEP_BYTES * rows.num_rows() / rows.get_array_memory_size().max(1)).clamp(1, BATCH_ROWS);
        for start in (0..rows.num_rows()).step_by(step) {
            if self.writer.bytes_written() + self.writer.in_progress_size() >= self.bytes_max {
                let (next, name) = begin(&self.base, self.names.len() + 1, &self.schema)?;
                self.names.push(name);
                end(std::mem::replace(&mut self.writer, next))?;
            }
            let some = rows.slice(start, step.min(rows.num_rows() - start));
            let columns = some.columns().iter().zip(self.schema.fields());
            let columns = columns.map(|(column, field)| match column.data_type() == field.data_type() {
                true => column.clone(),
                false => as_text(column),
            });
            let some = batch(self.schema.clone(), columns.collect(), some.num_rows())?;
            self.writer.write(&some).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>> {
        end(self.writer)?;
        Ok(self.names)
    }
}

fn begin(base: &std::path::Path, number: usize, schema: &SchemaRef) -> Result<(Writer, String)> {
    let mut path = base.to_owned();
    path.as_mut_os_string().push(if number == 1 { ".parquet".to_owned() } else { format!(".{number}.parquet") });
    let properties = WriterProperties::builder()
        .set_created_by(format!("steward {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(SEGMENT_ROWS_MAX))
        .build();
    let file = BufWriter::with_capacity(1 << 20, create(&path)?);
    Ok((ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(failed)?, name_of(&path)))
}

/// Ends a file; durable on return.
fn end(writer: Writer) -> Result<()> {
    let file = writer.into_inner().map_err(failed)?;
    let file = file.into_inner().map_err(|error| Error::io("an export", error.error()))?;
    file.sync_all().map_err(|error| Error::io("an export", &error))
}

/// A column as it leaves.
fn leaving(field: &Field) -> Field {
    match has_interval(field.data_type()) {
        true => Field::new(field.name(), DataType::Utf8, true),
        false => field.clone(),
    }
}

fn has_interval(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) => true,
        DataType::List(item) => has_interval(item.data_type()),
        _ => false,
    }
}

fn as_text(column: &ArrayRef) -> ArrayRef {
    Arc::new(StringArray::from_iter((0..column.len()).map(|row| cell_text(column, row))))
}

fn failed(error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast_ref::<std::io::Error>() {
            Some(error) => Error::io("an export", error),
            None => Error::new(Kind::Internal, format!("an export: {cause}")),
        },
        other => Error::new(Kind::Internal, format!("an export: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, SqlType};
    use arrow::array::Int64Array;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    #[test]
    fn many_rows_are_divided_among_files() {
        let folder = tempfile::tempdir().unwrap();
        let table = Table { columns: vec![Column::new("n", SqlType::Int8)], ..Table::new("public", "t", 1) };
        let mut files = Box::new(ParquetFiles::new(folder.path().join("public.t"), &table).unwrap());
        files.bytes_max = 100_000;
        let numbers: Vec<i64> = (0..50_000_i64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)).collect();
        for part in numbers.chunks(20_000) {
            let column: ArrayRef = Arc::new(Int64Array::from(part.to_vec()));
            files.write(&batch(table.arrow_schema(), vec![column], part.len()).unwrap()).unwrap();
        }
        let names = files.finish().unwrap();
        assert_eq!(names[..2], ["public.t.parquet", "public.t.2.parquet"]);
        assert!((3..=6).contains(&names.len()), "{names:?}");
        let mut read: Vec<i64> = Vec::new();
        for name in &names {
            let file = File::open(folder.path().join(name)).unwrap();
            for rows in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
                let rows = rows.unwrap();
                read.extend(rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values());
            }
        }
        assert_eq!(read, numbers);
    }
}
