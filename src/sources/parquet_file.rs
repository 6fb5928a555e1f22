//! Parquet: columns by the file's own schema, row groups left out by their statistics.
//!
//! The file says at its end what is in it, so only that and the columns asked for are read, page by page. A value keeps its
//! type where a column of a table can have it: unsigned numbers become the next larger signed ones, dictionaries what they
//! stand for, lists of plain values arrays; what is nested deeper becomes jsonb.

use super::columns::Batches;
use super::csv_file::Place;
use super::names;
use super::options::FileOptions;
use super::predicate::{Bounds, Predicate, Scalar};
use crate::config::{BATCH_ROWS, SOURCE_BATCH_BYTES, SOURCE_COLUMNS_MAX};
use crate::encoding::pg_text::TYPE_METADATA;
use crate::encoding::uuid;
use crate::error::{Error, Kind, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, FieldRef, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalUnit, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use arrow::json::writer::{EncoderOptions, make_encoder};
use arrow::util::display::FormatOptions;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ConvertedType, LogicalType, Type as PhysicalType};
use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What is known of a file before its rows are read.
#[derive(Debug, Clone)]
pub(super) struct ParquetLayout {
    /// The columns as tables have them.
    pub(super) schema: SchemaRef,
    /// What becomes of each.
    changes: Vec<Change>,
}

/// How a column of the file becomes one of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// By Arrow's cast, which may be none.
    Cast,
    /// 16 bytes as a UUID is written.
    Uuid,
    /// Texts that are JSON already, each looked at.
    CheckedJson,
    /// What is nested, written as JSON.
    Json,
}

/// Reads the file's own account of itself.
pub(super) fn inspect(place: &Place, options: &FileOptions) -> Result<ParquetLayout> {
    let shown = place.shown();
    let metadata = metadata(&place.file()?, &shown)?;
    layout(&metadata, options, &shown)
}

fn layout(metadata: &ArrowReaderMetadata, options: &FileOptions, shown: &str) -> Result<ParquetLayout> {
    let fields = metadata.schema().fields();
    if fields.len() > SOURCE_COLUMNS_MAX {
        return Err(Error::new(Kind::LimitExceeded, format!("{shown} has more than {SOURCE_COLUMNS_MAX} columns")));
    }
    let given: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let kinds = metadata.parquet_schema().root_schema().get_fields();
    let mut changes = Vec::new();
    let mut columns = Vec::new();
    for (index, (name, field)) in names::columns(&given, options.normalize_names).into_iter().zip(fields).enumerate() {
        let logical = kinds.get(index).and_then(|kind| kind.get_basic_info().logical_type_ref().cloned());
        let converted = kinds.get(index).map(|kind| kind.get_basic_info().converted_type());
        let (change, column) = match (logical, converted, field.data_type()) {
            (Some(LogicalType::Uuid), _, DataType::FixedSizeBinary(16)) => (Change::Uuid, marked(&name, "uuid")),
            (Some(LogicalType::Json), ..) | (_, Some(ConvertedType::JSON), _) if is_text(field.data_type()) => {
                (Change::CheckedJson, marked(&name, "jsonb"))
            }
            (Some(LogicalType::Enum), ..) | (_, Some(ConvertedType::ENUM), _) => {
                (Change::Cast, Field::new(&name, DataType::Utf8, true))
            }
            (_, _, data_type) => match plain(data_type) {
                Some(wanted) => (Change::Cast, with_mark(Field::new(&name, wanted, true), field)),
                None => (Change::Json, marked(&name, "jsonb")),
            },
        };
        changes.push(change);
        columns.push(column);
    }
    Ok(ParquetLayout { schema: Arc::new(Schema::new(columns)), changes })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn marked(name: &str, mark: &str) -> Field {
    let mark = HashMap::from([(TYPE_METADATA.to_owned(), mark.to_owned())]);
    Field::new(name, DataType::Utf8, true).with_metadata(mark)
}

/// A column that Steward wrote has its type's own mark, unless that is one of the database it came from.
fn with_mark(field: Field, from: &Field) -> Field {
    match from.metadata().get(TYPE_METADATA) {
        Some(mark) if !mark.starts_with("enum") => {
            field.with_metadata(HashMap::from([(TYPE_METADATA.to_owned(), mark.clone())]))
        }
        _ => field,
    }
}

/// The type that a table's column has for values of a type; none for what is nested.
fn plain(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Boolean => DataType::Boolean,
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => DataType::Int16,
        DataType::UInt16 | DataType::Int32 => DataType::Int32,
        DataType::UInt32 | DataType::Int64 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 | DataType::Float32 => DataType::Float32,
        DataType::Float64 => DataType::Float64,
        DataType::Decimal32(digits, places) | DataType::Decimal64(digits, places) => {
            DataType::Decimal128(*digits, *places)
        }
        DataType::Decimal128(digits, places) if *places >= 0 => DataType::Decimal128(*digits, *places),
        DataType::Decimal128(..) | DataType::Decimal256(..) => DataType::Utf8,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Interval(_) | DataType::Duration(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Dictionary(_, values) => plain(values)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let wanted = plain(item.data_type()).filter(|wanted| !matches!(wanted, DataType::List(_)))?;
            DataType::List(Arc::new(with_mark(Field::new("item", wanted, true), item)))
        }
        _ => return None,
    })
}

fn metadata(file: &File, shown: &str) -> Result<ArrowReaderMetadata> {
    let loaded = guarded(shown, || {
        let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
        // The oldest timestamps have nanoseconds by their form alone, which hold some 600 years; microseconds hold them all.
        let kinds = metadata.parquet_schema().root_schema().get_fields();
        let is_old = |index: usize| {
            kinds.get(index).is_some_and(|kind| kind.is_primitive() && kind.get_physical_type() == PhysicalType::INT96)
        };
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let fields = metadata.schema().fields().iter().enumerate().map(|(index, field)| match is_old(index) {
            true => Arc::new(field.as_ref().clone().with_data_type(micros.clone())),
            false => field.clone(),
        });
        let wanted: Vec<FieldRef> = fields.collect();
        if wanted.iter().zip(metadata.schema().fields()).all(|(wanted, field)| wanted == field) {
            return Ok(metadata);
        }
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(wanted)));
        ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)
    })?;
    Ok(loaded)
}

/// What the library does with a file that may be broken in any way.
fn guarded<T>(shown: &str, read: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| broken(shown, &error.to_string())),
        Err(_) => Err(broken(shown, "a part of it contradicts another")),
    }
}

fn broken(shown: &str, detail: &str) -> Error {
    Error::new(Kind::InvalidText, format!("{shown}: not a Parquet file that can be read"))
        .with_detail(detail.to_owned())
}

/// The rows of a file.
pub(super) struct ParquetRows {
    shown: String,
    /// Columns asked for, in their order.
    columns: Vec<(Field, Change)>,
    schema: SchemaRef,
    /// Where each column asked for stands among those that the reader gives.
    order: Vec<usize>,
    reader: Option<ParquetRecordBatchReader>,
    /// Rows that are still to come where no column is asked for.
    bare: usize,
    /// Columns whose times were cut to microseconds.
    cut: Vec<String>,
    rows: u64,
}

impl ParquetRows {
    /// The columns at `projection` of those row groups in which a row may be for which all of `filters` are true.
    pub(super) fn open(
        place: &Place,
        options: &FileOptions,
        known: &ParquetLayout,
        projection: Option<&[usize]>,
        filters: &[Predicate],
    ) -> Result<Self> {
        let shown = place.shown();
        let file = place.file()?;
        let metadata = metadata(&file, &shown)?;
        let layout = layout(&metadata, options, &shown)?;
        if layout.schema != known.schema {
            return Err(Error::new(Kind::InvalidText, format!("{shown} has changed while it was looked at"))
                .with_hint("Run the statement again."));
        }
        let all: Vec<usize> = (0..layout.changes.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let mut columns = Vec::new();
        for index in wanted {
            match (layout.schema.fields().get(*index), layout.changes.get(*index)) {
                (Some(field), Some(change)) => columns.push((field.as_ref().clone(), *change)),
                _ => return Err(Error::internal(format!("no column at position {index}"))),
            }
        }
        let groups = groups(&metadata, &layout, filters);
        packed(&metadata, &groups, wanted, &shown)?;
        let rows: i64 =
            groups.iter().filter_map(|group| metadata.metadata().row_groups().get(*group)).map(|g| g.num_rows()).sum();
        let rows = usize::try_from(rows).map_err(|_| broken(&shown, "a row group has a negative number of rows"))?;
        let mut given = wanted.to_vec();
        given.sort_unstable();
        given.dedup();
        let order = wanted.iter().map(|index| given.partition_point(|at| at < index)).collect();
        let cut = given
            .iter()
            .filter_map(|index| metadata.schema().fields().get(*index))
            .filter(|field| has_nanoseconds(field.data_type()));
        let cut = cut.map(|field| field.name().clone()).collect();
        let schema = Arc::new(Schema::new(columns.iter().map(|(field, _)| field.clone()).collect::<Vec<_>>()));
        let mut opened = Self { shown, columns, schema, order, reader: None, bare: rows, cut, rows: 0 };
        if !given.is_empty() {
            let batch_rows = batch_rows(&metadata, &groups, rows);
            let mask = ProjectionMask::roots(metadata.parquet_schema(), given);
            opened.reader = Some(guarded(&opened.shown, || {
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                    .with_row_groups(groups)
                    .with_projection(mask)
                    .with_batch_size(batch_rows)
                    .build()
            })?);
        }
        Ok(opened)
    }

    fn change(&self, (field, change): &(Field, Change), array: &ArrayRef) -> Result<ArrayRef> {
        let fail = |what: &str| {
            let message = format!("{}, rows from {}: column \"{}\" {what}", self.shown, self.rows + 1, field.name());
            Error::new(Kind::InvalidText, message)
        };
        // The reader leaves the months of such a value out, without a word.
        if matches!(array.data_type(), DataType::Interval(IntervalUnit::DayTime)) {
            let message =
                format!("{}: column \"{}\" is of Parquet's type INTERVAL, which is not read", self.shown, field.name());
            return Err(Error::new(Kind::Unsupported, message).with_hint("Leave the column out, or write it as text."));
        }
        match change {
            Change::Cast => {
                let options = CastOptions { safe: false, format_options: FormatOptions::default() };
                let changed = cast_with_options(array, field.data_type(), &options);
                changed
                    .map_err(|_| fail(&format!("holds a value that no column of type {} can hold", field.data_type())))
            }
            Change::Uuid => uuids(array).ok_or_else(|| fail("holds a value that is no uuid")),
            Change::CheckedJson => {
                let options = CastOptions { safe: false, format_options: FormatOptions::default() };
                let texts = cast_with_options(array, &DataType::Utf8, &options).map_err(|_| fail("is no text"))?;
                checked(texts.as_string::<i32>())
                    .map(|texts| Arc::new(texts) as ArrayRef)
                    .ok_or_else(|| fail("holds a value that is no JSON"))
            }
            Change::Json => json(field, array).map_err(|error| match error {
                Some(error) => Error::new(
                    Kind::Unsupported,
                    format!("{}: column \"{}\" is nested in a way that is not read", self.shown, field.name()),
                )
                .with_detail(error),
                None => fail("holds a value that is no JSON"),
            }),
        }
    }
}

impl Batches for ParquetRows {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Some(reader) = &mut self.reader else {
            let rows = self.bare.min(BATCH_ROWS);
            self.bare -= rows;
            return match rows {
                0 => Ok(None),
                _ => batch(&self.schema, Vec::new(), rows).map(Some),
            };
        };
        let shown = &self.shown;
        let next = guarded(shown, || reader.next().transpose().map_err(Into::into));
        let read = match next {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(None),
            Err(error) => {
                let place = format!("after row {}", self.rows);
                return Err(Error::new(error.kind(), format!("{shown}, {place}: the file is damaged"))
                    .with_detail(error.detail().unwrap_or_default().to_owned()));
            }
        };
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (at, column) in self.order.iter().zip(&self.columns) {
            let array = read.columns().get(*at).ok_or_else(|| broken(shown, "a column is missing"))?;
            arrays.push(self.change(column, array)?);
        }
        self.rows += read.num_rows() as u64;
        batch(&self.schema, arrays, read.num_rows()).map(Some)
    }

    fn remarks(&self) -> Vec<String> {
        let one =
            |name: &String| format!("{}: column \"{name}\" has nanoseconds, which are cut to microseconds", self.shown);
        self.cut.iter().map(one).collect()
    }
}

fn batch(schema: &SchemaRef, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
        .map_err(|error| Error::internal(format!("columns of a source do not agree: {error}")))
}

/// Refuses what is packed in a way that is not read.
fn packed(metadata: &ArrowReaderMetadata, groups: &[usize], wanted: &[usize], shown: &str) -> Result<()> {
    let schema = metadata.parquet_schema();
    for group in groups.iter().filter_map(|group| metadata.metadata().row_groups().get(*group)) {
        for (leaf, chunk) in group.columns().iter().enumerate() {
            let is_read =
                matches!(chunk.compression(), Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_));
            if !is_read && leaf < schema.num_columns() && wanted.contains(&schema.get_column_root_idx(leaf)) {
                let (name, how) = (schema.get_column_root(leaf).name(), chunk.compression());
                let how = format!("{how:?}").split('(').next().unwrap_or_default().to_ascii_lowercase();
                return Err(Error::new(
                    Kind::Unsupported,
                    format!("{shown}: column \"{name}\" is packed with {how}, which is not read"),
                )
                .with_hint("Write the file with snappy or zstd, or without compression."));
            }
        }
    }
    Ok(())
}

fn has_nanoseconds(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(TimeUnit::Nanosecond, _) | DataType::Time64(TimeUnit::Nanosecond))
}

/// Rows of a batch, so that it has not many more bytes than it may.
fn batch_rows(metadata: &ArrowReaderMetadata, groups: &[usize], rows: usize) -> usize {
    let bytes = groups.iter().filter_map(|group| metadata.metadata().row_groups().get(*group));
    let bytes: i64 = bytes.map(|group| group.total_byte_size().max(0)).fold(0, i64::saturating_add);
    let each = usize::try_from(bytes).unwrap_or(usize::MAX) / rows.max(1);
    (SOURCE_BATCH_BYTES / each.max(1)).clamp(1, BATCH_ROWS)
}

/// The row groups in which a row may be for which all of `filters` are true.
fn groups(metadata: &ArrowReaderMetadata, layout: &ParquetLayout, filters: &[Predicate]) -> Vec<usize> {
    let all = metadata.metadata().row_groups();
    if filters.is_empty() {
        return (0..all.len()).collect();
    }
    let mut known: HashMap<usize, Vec<Bounds>> = HashMap::new();
    let mut kept = Vec::new();
    for (group, facts) in all.iter().enumerate() {
        let rows = u64::try_from(facts.num_rows()).unwrap_or(u64::MAX);
        let mut bounds = |column: usize| {
            let of_column = known.entry(column).or_insert_with(|| {
                // Statistics that cannot be read only mean that all is read.
                catch_unwind(AssertUnwindSafe(|| column_bounds(metadata, layout, column)))
                    .ok()
                    .flatten()
                    .unwrap_or_default()
            });
            of_column.get(group).cloned().unwrap_or(Bounds { rows, ..Bounds::default() })
        };
        if filters.iter().all(|filter| filter.may_hold(&mut bounds)) {
            kept.push(group);
        }
    }
    kept
}

/// What the file tells of a column in each row group.
fn column_bounds(metadata: &ArrowReaderMetadata, layout: &ParquetLayout, column: usize) -> Option<Vec<Bounds>> {
    let field = layout.schema.fields().get(column)?;
    let given = metadata.schema().fields().get(column)?;
    let twice = metadata.schema().fields().iter().filter(|other| other.name() == given.name()).count() > 1;
    if twice || layout.changes.get(column) != Some(&Change::Cast) || matches!(field.data_type(), DataType::List(_)) {
        return None;
    }
    let groups = metadata.metadata().row_groups();
    let converter = StatisticsConverter::try_new(given.name(), metadata.schema(), metadata.parquet_schema()).ok()?;
    let leaf = converter.parquet_column_index()?;
    let nulls = converter.row_group_null_counts(groups).ok()?;
    let mins = arrow::compute::cast(&converter.row_group_mins(groups).ok()?, field.data_type()).ok()?;
    let maxes = arrow::compute::cast(&converter.row_group_maxes(groups).ok()?, field.data_type()).ok()?;
    let bounds = groups.iter().enumerate().map(|(group, facts)| {
        // Bounds of texts in the oldest files are those of signed bytes.
        let trusted = facts.columns().get(leaf).and_then(|chunk| chunk.statistics()).is_some_and(|told| {
            !told.is_min_max_deprecated()
                || !matches!(field.data_type(), DataType::Utf8 | DataType::Binary | DataType::Decimal128(..))
        });
        let told = |array: &ArrayRef| if trusted { scalar(array, group) } else { None };
        Bounds {
            min: told(&mins),
            max: told(&maxes),
            nulls: nulls.is_valid(group).then(|| nulls.value(group)),
            rows: u64::try_from(facts.num_rows()).unwrap_or(u64::MAX),
        }
    });
    Some(bounds.collect())
}

/// A value of an array as a constant of conditions.
fn scalar(array: &ArrayRef, row: usize) -> Option<Scalar> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Boolean => Scalar::Bool(array.as_boolean().value(row)),
        DataType::Int16 => Scalar::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Scalar::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Scalar::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Scalar::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Scalar::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, places) => Scalar::Decimal(array.as_primitive::<Decimal128Type>().value(row), *places),
        DataType::Utf8 => Scalar::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Date32 => Scalar::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            if zone.is_some() { Scalar::Timestamptz(micros) } else { Scalar::Timestamp(micros) }
        }
        _ => return None,
    })
}

fn uuids(array: &ArrayRef) -> Option<ArrayRef> {
    let bytes = array.as_any().downcast_ref::<FixedSizeBinaryArray>()?;
    let mut texts = StringBuilder::new();
    for row in 0..bytes.len() {
        if bytes.is_null(row) {
            texts.append_null();
            continue;
        }
        texts.append_value(uuid(bytes.value(row)));
    }
    Some(Arc::new(texts.finish()))
}

/// The same texts, if each of them is JSON.
fn checked(texts: &StringArray) -> Option<StringArray> {
    let is_json = |text: &str| serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
    texts.iter().flatten().all(is_json).then(|| texts.clone())
}

/// Nested values as JSON texts. Fails with what Arrow says where it cannot write such a type, with nothing where what it
/// wrote is no text.
fn json(field: &Field, array: &ArrayRef) -> Result<ArrayRef, Option<String>> {
    let field: FieldRef = Arc::new(Field::new(field.name(), array.data_type().clone(), true));
    let options = EncoderOptions::default();
    let mut encoder = make_encoder(&field, array, &options).map_err(|error| Some(error.to_string()))?;
    let mut texts = StringBuilder::new();
    let mut text = Vec::new();
    for row in 0..array.len() {
        if encoder.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        texts.append_value(std::str::from_utf8(&text).map_err(|_| None)?);
    }
    Ok(Arc::new(texts.finish()))
}

#[cfg(test)]
mod tests {
    use super::super::asset::Asset;
    use super::super::predicate::Comparison;
    use super::super::testing::{Folder, cells, types};
    use super::*;
    use arrow::array::{
        BooleanArray, DictionaryArray, FixedSizeBinaryBuilder, Float64Array, Int32Array, Int64Array, Int64Builder,
        LargeStringArray, ListBuilder, StructArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
    };
    use arrow::datatypes::Int32Type;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    fn written(columns: Vec<(&str, ArrayRef)>, group_rows: usize) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    fn asset(bytes: &[u8]) -> (Folder, Asset) {
        let folder = Folder::new(&[]);
        folder.write("t.parquet", bytes);
        let asset = folder.asset("t");
        (folder, asset)
    }

    fn nested() -> ArrayRef {
        let parts: Vec<(FieldRef, ArrayRef)> = vec![
            (Arc::new(Field::new("n", DataType::Int32, true)), Arc::new(Int32Array::from(vec![Some(1), None]))),
            (Arc::new(Field::new("t", DataType::Utf8, true)), Arc::new(StringArray::from(vec!["a\"b", "c"]))),
        ];
        Arc::new(StructArray::from(parts))
    }

    #[test]
    fn types_are_those_of_tables_and_what_is_nested_is_jsonb() {
        let mut list = ListBuilder::new(Int64Builder::new());
        list.append_value([Some(1), None]);
        list.append_null();
        let mut fixed = FixedSizeBinaryBuilder::new(4);
        fixed.append_value(b"abcd").unwrap();
        fixed.append_null();
        let words: DictionaryArray<Int32Type> = vec![Some("x"), None].into_iter().collect();
        let (_folder, asset) = asset(&written(
            vec![
                ("yes", Arc::new(BooleanArray::from(vec![Some(true), None]))),
                ("small", Arc::new(UInt32Array::from(vec![u32::MAX, 0]))),
                ("large", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
                ("price", Arc::new(Float64Array::from(vec![1.5, -0.25]))),
                ("word", Arc::new(words)),
                ("long", Arc::new(LargeStringArray::from(vec!["商品", ""]))),
                ("at", Arc::new(TimestampNanosecondArray::from(vec![1_000_000_001, 2_000_000_000]))),
                ("bytes", Arc::new(fixed.finish())),
                ("list", Arc::new(list.finish())),
                ("Nested", nested()),
            ],
            100,
        ));
        assert_eq!(
            types(&asset),
            "yes Boolean, small Int64, large Decimal128(20, 0), price Float64, word Utf8, long Utf8, \
             at Timestamp(µs), bytes Binary, list List(Int64), Nested jsonb"
        );
        assert_eq!(
            cells(&asset),
            [
                "true|4294967295|18446744073709551615|1.5|x|商品|1970-01-01T00:00:01|61626364|[1, ]|{\"n\":1,\"t\":\"a\\\"b\"}",
                "|0|0|-0.25|||1970-01-01T00:00:02|||{\"t\":\"c\"}"
            ]
        );
        let mut scan = asset.scan(None, None).unwrap();
        scan.by_ref().for_each(|batch| _ = batch.unwrap());
        assert_eq!(scan.remarks(), ["t.parquet: column \"at\" has nanoseconds, which are cut to microseconds"]);
    }

    #[test]
    fn only_what_is_asked_for_is_read() {
        let ids: Vec<i64> = (0..100).collect();
        let names: Vec<String> = ids.iter().map(|id| format!("n{id:03}")).collect();
        let (_folder, asset) = asset(&written(
            vec![
                ("id", Arc::new(Int64Array::from(ids))),
                ("name", Arc::new(StringArray::from(names))),
                ("n", nested_rows(100)),
            ],
            10,
        ));
        let rows = |projection: &[usize], filters: &[Predicate], limit| -> (usize, Vec<String>) {
            let batches: Vec<_> =
                asset.scan_where(Some(projection), filters, limit).unwrap().map(Result::unwrap).collect();
            let names = batches.first().map(|batch| batch.schema().fields().iter().map(|f| f.name().clone()).collect());
            (batches.iter().map(RecordBatch::num_rows).sum(), names.unwrap_or_default())
        };
        assert_eq!(rows(&[1, 0], &[], None), (100, vec!["name".to_owned(), "id".to_owned()]));
        assert_eq!(rows(&[], &[], None).0, 100);
        assert_eq!(rows(&[], &[], Some(7)).0, 7);
        let id = |is, to| Predicate::Compare(0, is, Scalar::Int(to));
        // Whole row groups are left out, and nothing else.
        assert_eq!(rows(&[0], &[id(Comparison::Equal, 55)], None).0, 10);
        assert_eq!(rows(&[1], &[id(Comparison::AtLeast, 85), id(Comparison::Less, 95)], None).0, 20);
        assert_eq!(rows(&[], &[id(Comparison::Greater, 99)], None).0, 0);
        let name = Predicate::Compare(1, Comparison::Equal, Scalar::Text("n042".into()));
        assert_eq!(rows(&[0], std::slice::from_ref(&name), None).0, 10);
        assert_eq!(rows(&[0], &[Predicate::Any(vec![name, id(Comparison::Equal, 1)])], None).0, 20);
        assert_eq!(rows(&[0], &[Predicate::Null(0, true)], None).0, 0);
        // Of what is nested nothing is known.
        assert_eq!(rows(&[0], &[Predicate::Null(2, true)], None).0, 100);
    }

    fn nested_rows(rows: usize) -> ArrayRef {
        let values: ArrayRef = Arc::new(Int32Array::from_iter_values((0..rows).map(|n| n as i32)));
        Arc::new(StructArray::from(vec![(Arc::new(Field::new("n", DataType::Int32, true)), values)]))
    }

    #[test]
    fn a_broken_file_is_told_and_stops_nothing() {
        let whole =
            written(vec![("id", Arc::new(Int64Array::from_iter_values(0..1000))), ("n", nested_rows(1000))], 300);
        let read = |bytes: &[u8]| -> Result<usize> {
            let (_folder, asset) = asset(bytes);
            asset.scan(None, None)?.map(|batch| batch.map(|batch| batch.num_rows())).sum()
        };
        assert_eq!(read(&whole).unwrap(), 1000);
        for cut in [4, 5, whole.len() / 2, whole.len() - 1] {
            let error = read(&whole[..cut]).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidText, "{cut}");
            assert!(error.message().starts_with("t.parquet"), "{}", error.message());
        }
        // A panic in the library is its way to say that a file is broken.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        for at in (4..whole.len()).step_by(7) {
            let mut broken = whole.clone();
            broken[at] ^= 0x5a;
            if let Err(error) = read(&broken) {
                assert!(error.message().starts_with("t.parquet"), "{at}: {}", error.message());
            }
        }
        std::panic::set_hook(hook);
    }
}
