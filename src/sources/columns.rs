//! Columns being filled: specifications, typed builders, and the batches they end in.

use super::declared::{self, Declared};
use super::infer::{self, Type};
use crate::catalog::SqlType;
use crate::config::{BATCH_ROWS, SOURCE_BATCH_BYTES};
use crate::encoding::pg_text::TYPE_METADATA;
use crate::error::{Error, Kind, Result};
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, RecordBatch,
    RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::NaiveDate;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// A column's name and type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) kind: Type,
    /// The type that a script gives the column, where that is another.
    pub(super) declared: Option<SqlType>,
}

impl Spec {
    pub(super) fn new(name: impl Into<String>, kind: Type) -> Self {
        Self { name: name.into(), kind, declared: None }
    }

    /// A column of a declared type.
    pub(super) fn of(name: impl Into<String>, declared: SqlType) -> Self {
        Self { name: name.into(), kind: declared::base(&declared), declared: Some(declared) }
    }

    /// The type's name that people know from PostgreSQL.
    pub(super) fn type_name(&self) -> String {
        self.declared.as_ref().map_or_else(|| self.kind.name().to_owned(), ToString::to_string)
    }

    fn field(&self) -> Field {
        if let Some(declared) = &self.declared {
            return declared.field(&self.name);
        }
        let data_type = match self.kind {
            Type::Bool => DataType::Boolean,
            Type::Int => DataType::Int64,
            Type::Float => DataType::Float64,
            Type::Decimal(digits, places) => DataType::Decimal128(digits, places),
            Type::Date(_) => DataType::Date32,
            Type::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Type::TimestampTz(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Type::Text | Type::Json => DataType::Utf8,
        };
        let field = Field::new(&self.name, data_type, true);
        match self.kind {
            Type::Json => field.with_metadata(HashMap::from([(TYPE_METADATA.to_owned(), "jsonb".to_owned())])),
            _ => field,
        }
    }
}

/// The Arrow schema of some columns; all may be NULL.
pub(super) fn schema(specs: &[Spec]) -> SchemaRef {
    Arc::new(Schema::new(specs.iter().map(Spec::field).collect::<Vec<_>>()))
}

/// A cell of a source whose columns are fixed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Text(String),
    Int(i64),
    Float(f64),
    /// Microseconds since 1970, UTC.
    Time(i64),
    Bytes(Vec<u8>),
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        text.map_or(Cell::Null, Cell::Text)
    }
}

/// One column being filled.
pub(super) enum Column {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Decimal { values: Decimal128Builder, digits: u8, places: i8 },
    Date(Date32Builder, infer::Order),
    Timestamp { values: TimestampMicrosecondBuilder, order: infer::Order, zoned: bool },
    Text(StringBuilder),
    Json(StringBuilder),
    Declared(Declared),
}

/// The cell does not fit its column.
pub(super) struct Misfit;

impl Column {
    fn new(spec: &Spec) -> Self {
        if let Some(declared) = spec.declared.as_ref().and_then(Declared::new) {
            return Column::Declared(declared);
        }
        match spec.kind {
            Type::Bool => Column::Bool(BooleanBuilder::new()),
            Type::Int => Column::Int(Int64Builder::new()),
            Type::Float => Column::Float(Float64Builder::new()),
            Type::Decimal(digits, places) => {
                let values = Decimal128Builder::new().with_data_type(DataType::Decimal128(digits, places));
                Column::Decimal { values, digits, places }
            }
            Type::Date(order) => Column::Date(Date32Builder::new(), order),
            Type::Timestamp(order) => {
                Column::Timestamp { values: TimestampMicrosecondBuilder::new(), order, zoned: false }
            }
            Type::TimestampTz(order) => Column::Timestamp {
                values: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
                order,
                zoned: true,
            },
            Type::Text => Column::Text(StringBuilder::new()),
            Type::Json => Column::Json(StringBuilder::new()),
        }
    }

    pub(super) fn push_null(&mut self) {
        match self {
            Column::Bool(values) => values.append_null(),
            Column::Int(values) => values.append_null(),
            Column::Float(values) => values.append_null(),
            Column::Decimal { values, .. } => values.append_null(),
            Column::Date(values, _) => values.append_null(),
            Column::Timestamp { values, .. } => values.append_null(),
            Column::Text(values) | Column::Json(values) => values.append_null(),
            Column::Declared(values) => values.push_null(),
        }
    }

    /// Adds what `cell` says in the column's type; nothing, or only blanks in a typed column, is NULL.
    pub(super) fn push_text(&mut self, cell: &str) -> Result<(), Misfit> {
        if cell.is_empty() {
            self.push_null();
            return Ok(());
        }
        if let Column::Text(values) | Column::Json(values) = self {
            values.append_value(cell);
            return Ok(());
        }
        let cell = cell.trim();
        if cell.is_empty() {
            self.push_null();
            return Ok(());
        }
        match self {
            Column::Bool(values) => values.append_value(infer::boolean(cell).ok_or(Misfit)?),
            Column::Int(values) => values.append_value(infer::integer(cell).ok_or(Misfit)?),
            Column::Float(values) => values.append_value(infer::float(cell).ok_or(Misfit)?),
            Column::Decimal { values, digits, places } => {
                values.append_value(infer::decimal(cell, *digits, *places).ok_or(Misfit)?);
            }
            Column::Date(values, order) => {
                let moment = infer::moment(cell, *order).filter(|moment| !moment.timed).ok_or(Misfit)?;
                let days = moment.at.date().signed_duration_since(NaiveDate::default()).num_days();
                values.append_value(i32::try_from(days).map_err(|_| Misfit)?);
            }
            Column::Timestamp { values, order, zoned } => {
                let moment = infer::moment(cell, *order).filter(|moment| moment.zoned == *zoned).ok_or(Misfit)?;
                values.append_value(moment.at.and_utc().timestamp_micros());
            }
            Column::Declared(values) => values.push(cell)?,
            Column::Text(_) | Column::Json(_) => return Err(Misfit),
        }
        Ok(())
    }

    /// Adds a text that is one even where it is empty: no such text is of another type.
    pub(super) fn push_declared(&mut self, text: &str) -> Result<(), Misfit> {
        match self {
            Column::Text(values) | Column::Json(values) => values.append_value(text),
            Column::Declared(values) => values.push(text)?,
            _ if text.trim().is_empty() => return Err(Misfit),
            column => column.push_text(text)?,
        }
        Ok(())
    }

    /// Adds a JSON value: a text column takes every one, and a jsonb column its JSON text.
    pub(super) fn push_value(&mut self, value: &Value) -> Result<(), Misfit> {
        match (self, value) {
            (column, Value::Null) => column.push_null(),
            (Column::Json(values), value) => values.append_value(value.to_string()),
            (Column::Text(values), Value::String(text)) => values.append_value(text),
            (Column::Text(values), value) => values.append_value(value.to_string()),
            (Column::Bool(values), Value::Bool(value)) => values.append_value(*value),
            (Column::Int(values), Value::Number(number)) => values.append_value(number.as_i64().ok_or(Misfit)?),
            (Column::Float(values), Value::Number(number)) => values.append_value(number.as_f64().ok_or(Misfit)?),
            (column, Value::String(text)) => column.push_text(text)?,
            _ => return Err(Misfit),
        }
        Ok(())
    }

    fn push_cell(&mut self, cell: &Cell) -> Result<(), Misfit> {
        match (self, cell) {
            (column, Cell::Null) => column.push_null(),
            (Column::Text(values) | Column::Json(values), Cell::Text(text)) => values.append_value(text),
            (Column::Int(values), Cell::Int(value)) => values.append_value(*value),
            (Column::Float(values), Cell::Float(value)) => values.append_value(*value),
            (Column::Timestamp { values, .. }, Cell::Time(value)) => values.append_value(*value),
            (Column::Declared(values), Cell::Bytes(bytes)) => values.push_bytes(bytes)?,
            _ => return Err(Misfit),
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Bool(values) => Arc::new(values.finish()),
            Column::Int(values) => Arc::new(values.finish()),
            Column::Float(values) => Arc::new(values.finish()),
            Column::Decimal { values, .. } => Arc::new(values.finish()),
            Column::Date(values, _) => Arc::new(values.finish()),
            Column::Timestamp { values, .. } => Arc::new(values.finish()),
            Column::Text(values) | Column::Json(values) => Arc::new(values.finish()),
            Column::Declared(values) => values.finish(),
        }
    }
}

/// Fills the projected columns row by row.
pub(super) struct Writer {
    schema: SchemaRef,
    /// Position in the file, and the column; in the order of the projection.
    columns: Vec<(usize, Column)>,
    rows: usize,
    bytes: usize,
}

impl Writer {
    /// A writer of the columns at `projection` (all when `None`); `Internal` for a position that is not there.
    pub(super) fn new(specs: &[Spec], projection: Option<&[usize]>) -> Result<Self> {
        let all: Vec<usize> = (0..specs.len()).collect();
        let mut kept = Vec::new();
        let mut columns = Vec::new();
        for index in projection.unwrap_or(&all) {
            let spec = specs.get(*index).ok_or_else(|| Error::internal(format!("no column at position {index}")))?;
            kept.push(spec.clone());
            columns.push((*index, Column::new(spec)));
        }
        Ok(Self { schema: schema(&kept), columns, rows: 0, bytes: 0 })
    }

    pub(super) fn columns(&mut self) -> impl Iterator<Item = (usize, &mut Column)> {
        self.columns.iter_mut().map(|(index, column)| (*index, column))
    }

    /// Whether the column at `index` of the file is asked for.
    pub(super) fn wants(&self, index: usize) -> bool {
        self.columns.iter().any(|(position, _)| *position == index)
    }

    /// A row of some `bytes` is complete.
    pub(super) fn end_row(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes;
    }

    /// Adds one row of a source with fixed columns.
    pub(super) fn push_row(&mut self, row: &[Cell]) -> Result<()> {
        let mut bytes = 0;
        for (index, column) in &mut self.columns {
            let cell = row.get(*index).unwrap_or(&Cell::Null);
            bytes += match cell {
                Cell::Text(text) => text.len(),
                Cell::Bytes(held) => held.len(),
                _ => 0,
            };
            column.push_cell(cell).map_err(|Misfit| Error::internal("a fixed column got a cell of another type"))?;
        }
        self.end_row(bytes);
        Ok(())
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether a batch should be passed on now.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= SOURCE_BATCH_BYTES
    }

    /// The rows so far as a batch; the writer starts afresh.
    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(|(_, column)| column.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.bytes = 0;
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| Error::internal(format!("columns of a source do not agree: {error}")))
    }
}

/// Something that gives rows one after another, or a few at a time.
pub(super) trait Rows: Send {
    /// Adds the next row to `writer`; false at the end.
    fn next_row(&mut self, writer: &mut Writer) -> Result<bool>;
    /// What the rows so far cannot show of the file: what was padded, replaced or overridden in it. For people, a
    /// sentence each, with the file's name.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Something that gives rows by the batch, with the columns asked for.
pub(super) trait Batches: Send {
    /// The schema of every batch.
    fn schema(&self) -> SchemaRef;
    /// The next rows; none at the end.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>>;
    /// As of [`Rows::remarks`].
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// How a form is read.
enum Reading {
    ByRow(Box<dyn Rows>, Writer),
    ByBatch(Box<dyn Batches>),
}

/// The batches of a scan. After an error it ends.
pub struct Scan {
    reading: Reading,
    left: usize,
    done: bool,
}

impl Scan {
    pub(super) fn new(rows: Box<dyn Rows>, writer: Writer, limit: Option<usize>) -> Self {
        Self { reading: Reading::ByRow(rows, writer), left: limit.unwrap_or(usize::MAX), done: false }
    }

    pub(super) fn of_batches(batches: Box<dyn Batches>, limit: Option<usize>) -> Self {
        Self { reading: Reading::ByBatch(batches), left: limit.unwrap_or(usize::MAX), done: false }
    }

    /// The schema of every batch: the asset's own, projected.
    pub fn schema(&self) -> SchemaRef {
        match &self.reading {
            Reading::ByRow(_, writer) => writer.schema.clone(),
            Reading::ByBatch(batches) => batches.schema(),
        }
    }

    /// What the rows so far cannot show of the file: what was padded, replaced or overridden in it. A sentence each.
    pub fn remarks(&self) -> Vec<String> {
        match &self.reading {
            Reading::ByRow(rows, _) => rows.remarks(),
            Reading::ByBatch(batches) => batches.remarks(),
        }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.left == 0 {
            self.done = true;
            return Ok(None);
        }
        let (rows, writer) = match &mut self.reading {
            Reading::ByRow(rows, writer) => (rows, writer),
            Reading::ByBatch(batches) => {
                let Some(batch) = batches.next_batch()? else {
                    self.done = true;
                    return Ok(None);
                };
                let rows = batch.num_rows().min(self.left);
                self.left -= rows;
                self.done = self.left == 0;
                return Ok(Some(batch.slice(0, rows)));
            }
        };
        while !writer.is_full() && writer.rows() < self.left {
            if !rows.next_row(writer)? {
                self.done = true;
                break;
            }
        }
        if writer.rows() == 0 {
            self.done = true;
            return Ok(None);
        }
        self.left = self.left.saturating_sub(writer.rows());
        self.done |= self.left == 0;
        writer.finish().map(Some)
    }
}

impl Iterator for Scan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = self.next_batch();
        self.done |= batch.is_err();
        batch.transpose()
    }
}

/// A cell beyond the sample does not fit its column: names file, place, column and type, never the value.
pub(super) fn misfit(shown: &str, place: &str, column: &str, kind: Type) -> Error {
    misfit_of(shown, place, column, kind.name())
        .with_detail("The column's type was inferred from the start of the file.")
        .with_hint(
            "Set all_varchar = true (CSV) or a larger sample_rows on the source; REFRESH SOURCE if the file has changed.",
        )
}

/// As [`misfit`], of a type that is not inferred.
pub(super) fn misfit_of(shown: &str, place: &str, column: &str, kind: &str) -> Error {
    Error::new(Kind::InvalidText, format!("{shown}, {place}: column \"{column}\" holds a value that is no {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(i64);
    impl Rows for Count {
        fn next_row(&mut self, writer: &mut Writer) -> Result<bool> {
            self.0 += 1;
            writer.push_row(&[Cell::Int(self.0), Cell::Text("x".repeat(5000))])?;
            Ok(true)
        }
    }

    #[test]
    fn batches_are_bounded_by_rows_bytes_and_limit() {
        let specs = [Spec::new("n", Type::Int), Spec::new("t", Type::Text)];
        let sizes = |projection: &[usize], limit| -> Vec<usize> {
            let writer = Writer::new(&specs, Some(projection)).unwrap();
            Scan::new(Box::new(Count(0)), writer, Some(limit)).map(|batch| batch.unwrap().num_rows()).collect()
        };
        assert_eq!(sizes(&[0], 10_000), [BATCH_ROWS, 10_000 - BATCH_ROWS]);
        assert_eq!(sizes(&[1, 0], 7000), [SOURCE_BATCH_BYTES.div_ceil(5000), 7000 - SOURCE_BATCH_BYTES.div_ceil(5000)]);
        assert_eq!(sizes(&[], 3), [3]);
        assert_eq!(sizes(&[0], 0), [0; 0]);
    }
}
