//! One Arrow array, ready to be read row by row as PostgreSQL's kinds of values.

use super::TYPE_METADATA;
use arrow::array::timezone::Tz;
use arrow::array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::array::{
    Array, AsArray, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, IntervalUnit, TimeUnit, i256};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, Offset, TimeZone};
use std::ops::Range;

const DAY_MICROS: i64 = 86_400_000_000;

/// An array whose rows can be read as [`Cell`]s; its type is looked at once, its rows without allocating.
pub struct Column<'a> {
    nulls: Option<NullBuffer>,
    values: Values<'a>,
}

/// One value that is not NULL, in the terms of PostgreSQL's types.
pub enum Cell<'c> {
    /// `boolean`
    Bool(bool),
    /// Any integer.
    Integer(i128),
    /// `real`
    Float4(f32),
    /// `double precision`
    Float8(f64),
    /// `numeric` of up to 38 digits: unscaled value, digits after the point, whether zeros at the end are dropped.
    Decimal(i128, i8, bool),
    /// `numeric` of up to 76 digits, as above.
    BigDecimal(i256, i8, bool),
    /// Text of any type.
    Text(&'c [u8]),
    /// `bytea`
    Bytes(&'c [u8]),
    /// `uuid`, sixteen bytes
    Uuid(&'c [u8]),
    /// `date`, days since 1970-01-01
    Date(i64),
    /// `time`, microseconds since midnight
    Time(i64),
    /// `timestamp`, microseconds since 1970-01-01
    Timestamp(i64),
    /// `timestamp with time zone`, microseconds since 1970-01-01 UTC, and how many seconds the clock of its column's zone is ahead of UTC then
    Timestamptz(i64, i32),
    /// `interval`: months, days, microseconds
    Interval(i32, i32, i64),
    /// An array: these rows of that column.
    List(&'c Column<'c>, Range<usize>),
    /// A vector.
    Vector(&'c [f32]),
    /// A record: this row of those columns.
    Record(&'c [Column<'c>], usize),
    /// What PostgreSQL has no type for, in Arrow's own words.
    Other(String),
}

type Get<'a, T> = Box<dyn Fn(usize) -> T + Send + Sync + 'a>;

/// Arrays of bytes. Not closures as the others, so that a [`Column`] may be borrowed for less than its array lives.
enum Bytes<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
}

impl Bytes<'_> {
    fn get(&self, row: usize) -> &[u8] {
        match self {
            Self::Utf8(array) => array.value(row).as_bytes(),
            Self::LargeUtf8(array) => array.value(row).as_bytes(),
            Self::Utf8View(array) => array.value(row).as_bytes(),
            Self::Binary(array) => array.value(row),
            Self::LargeBinary(array) => array.value(row),
            Self::BinaryView(array) => array.value(row),
            Self::Fixed(array) => array.value(row),
        }
    }
}

/// The array's values, with its type looked at once.
enum Values<'a> {
    Null,
    Bool(&'a BooleanArray),
    Integer(Get<'a, i128>),
    Float4(Get<'a, f32>),
    Float8(&'a [f64]),
    Decimal { value: Get<'a, i128>, scale: i8, trim: bool },
    BigDecimal { value: &'a [i256], scale: i8, trim: bool },
    Text(Bytes<'a>),
    Bytes(Bytes<'a>),
    Uuid(&'a FixedSizeBinaryArray),
    Date(Get<'a, i64>),
    Time(Get<'a, i64>),
    Timestamp(Get<'a, i64>),
    Timestamptz(Get<'a, i64>, Option<Tz>),
    Interval(Get<'a, (i32, i32, i64)>),
    List { items: Box<Column<'a>>, range: Get<'a, Range<usize>> },
    Vector { values: &'a [f32], offsets: &'a [i32] },
    Record(Vec<Column<'a>>),
    Dictionary { keys: Vec<usize>, values: Box<Column<'a>> },
    Other(&'a dyn Array),
}

impl<'a> Column<'a> {
    /// Looks at an array; `field` says by its metadata what Arrow's type does not.
    pub fn new(field: &Field, array: &'a dyn Array) -> Self {
        let mark = field.metadata().get(TYPE_METADATA).map(String::as_str).unwrap_or_default();
        Self { nulls: array.logical_nulls(), values: Values::new(mark, array) }
    }

    /// Whether the row is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null) || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// The value of a row that is there; `None` for NULL.
    pub fn cell(&self, row: usize) -> Option<Cell<'_>> {
        if self.is_null(row) {
            return None;
        }
        Some(match &self.values {
            Values::Null => return None,
            Values::Bool(array) => Cell::Bool(array.value(row)),
            Values::Integer(get) => Cell::Integer(get(row)),
            Values::Float4(get) => Cell::Float4(get(row)),
            Values::Float8(values) => Cell::Float8(values[row]),
            Values::Decimal { value, scale, trim } => Cell::Decimal(value(row), *scale, *trim),
            Values::BigDecimal { value, scale, trim } => Cell::BigDecimal(value[row], *scale, *trim),
            Values::Text(bytes) => Cell::Text(bytes.get(row)),
            Values::Bytes(bytes) => Cell::Bytes(bytes.get(row)),
            Values::Uuid(array) => Cell::Uuid(array.value(row)),
            Values::Date(get) => Cell::Date(get(row)),
            Values::Time(get) => Cell::Time(get(row)),
            Values::Timestamp(get) => Cell::Timestamp(get(row)),
            Values::Timestamptz(get, zone) => {
                let micros = get(row);
                Cell::Timestamptz(micros, zone.map_or(0, |zone| ahead(zone, micros)))
            }
            Values::Interval(get) => {
                let (months, days, micros) = get(row);
                Cell::Interval(months, days, micros)
            }
            Values::List { items, range } => Cell::List(items, range(row)),
            Values::Vector { values, offsets } => {
                Cell::Vector(&values[offsets[row] as usize..offsets[row + 1] as usize])
            }
            Values::Record(fields) => Cell::Record(fields, row),
            Values::Dictionary { keys, values } => return values.cell(keys[row]),
            Values::Other(array) => Cell::Other(
                ArrayFormatter::try_new(*array, &FormatOptions::default())
                    .map(|formatter| formatter.value(row).to_string())
                    .unwrap_or_default(),
            ),
        })
    }
}

/// Places of a computed `numeric`, of which a value may need fewer.
const OPEN_PLACES: i8 = 40;

impl<'a> Values<'a> {
    fn new(mark: &str, array: &'a dyn Array) -> Self {
        // A `numeric` that declares no scale shows no zeros that nobody wrote.
        let trim = mark == "numeric" || matches!(array.data_type(), DataType::Decimal256(_, OPEN_PLACES));
        match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean()),
            DataType::Int8 => integer::<Int8Type>(array),
            DataType::Int16 => integer::<Int16Type>(array),
            DataType::Int32 => integer::<Int32Type>(array),
            DataType::Int64 => integer::<Int64Type>(array),
            DataType::UInt8 => integer::<UInt8Type>(array),
            DataType::UInt16 => integer::<UInt16Type>(array),
            DataType::UInt32 => integer::<UInt32Type>(array),
            DataType::UInt64 => integer::<UInt64Type>(array),
            DataType::Float16 => {
                let values = array.as_primitive::<Float16Type>().values();
                Self::Float4(Box::new(move |row| values[row].to_f32()))
            }
            DataType::Float32 => {
                let values = array.as_primitive::<Float32Type>().values();
                Self::Float4(Box::new(move |row| values[row]))
            }
            DataType::Float64 => Self::Float8(array.as_primitive::<Float64Type>().values()),
            DataType::Decimal32(_, scale) => decimal::<Decimal32Type>(array, *scale, trim),
            DataType::Decimal64(_, scale) => decimal::<Decimal64Type>(array, *scale, trim),
            DataType::Decimal128(_, scale) => decimal::<Decimal128Type>(array, *scale, trim),
            DataType::Decimal256(_, scale) => {
                let value = array.as_primitive::<Decimal256Type>().values();
                Self::BigDecimal { value, scale: *scale, trim }
            }
            DataType::Utf8 => Self::Text(Bytes::Utf8(array.as_string::<i32>())),
            DataType::LargeUtf8 => Self::Text(Bytes::LargeUtf8(array.as_string::<i64>())),
            DataType::Utf8View => Self::Text(Bytes::Utf8View(array.as_string_view())),
            DataType::Binary => Self::Bytes(Bytes::Binary(array.as_binary::<i32>())),
            DataType::LargeBinary => Self::Bytes(Bytes::LargeBinary(array.as_binary::<i64>())),
            DataType::BinaryView => Self::Bytes(Bytes::BinaryView(array.as_binary_view())),
            DataType::FixedSizeBinary(16) if mark == "uuid" => Self::Uuid(array.as_fixed_size_binary()),
            DataType::FixedSizeBinary(_) => Self::Bytes(Bytes::Fixed(array.as_fixed_size_binary())),
            DataType::Date32 => {
                let values = array.as_primitive::<Date32Type>().values();
                Self::Date(Box::new(move |row| i64::from(values[row])))
            }
            DataType::Date64 => {
                let values = array.as_primitive::<Date64Type>().values();
                Self::Date(Box::new(move |row| values[row].div_euclid(86_400_000)))
            }
            DataType::Time32(TimeUnit::Second) => {
                let values = array.as_primitive::<Time32SecondType>().values();
                Self::Time(Box::new(move |row| i64::from(values[row]) * 1_000_000))
            }
            DataType::Time32(_) => {
                let values = array.as_primitive::<Time32MillisecondType>().values();
                Self::Time(Box::new(move |row| i64::from(values[row]) * 1000))
            }
            DataType::Time64(unit) => Self::Time(match unit {
                TimeUnit::Nanosecond => micros::<Time64NanosecondType>(array, *unit),
                _ => micros::<Time64MicrosecondType>(array, *unit),
            }),
            DataType::Timestamp(unit, zone) => {
                let get = match unit {
                    TimeUnit::Second => micros::<TimestampSecondType>(array, *unit),
                    TimeUnit::Millisecond => micros::<TimestampMillisecondType>(array, *unit),
                    TimeUnit::Microsecond => micros::<TimestampMicrosecondType>(array, *unit),
                    TimeUnit::Nanosecond => micros::<TimestampNanosecondType>(array, *unit),
                };
                match zone.as_deref() {
                    None => Self::Timestamp(get),
                    Some("UTC") => Self::Timestamptz(get, None),
                    Some(zone) => Self::Timestamptz(get, zone.parse().ok()),
                }
            }
            DataType::Duration(unit) => {
                let get = match unit {
                    TimeUnit::Second => micros::<DurationSecondType>(array, *unit),
                    TimeUnit::Millisecond => micros::<DurationMillisecondType>(array, *unit),
                    TimeUnit::Microsecond => micros::<DurationMicrosecondType>(array, *unit),
                    TimeUnit::Nanosecond => micros::<DurationNanosecondType>(array, *unit),
                };
                // The difference of two timestamps: whole days, then the time that is left.
                Self::Interval(Box::new(move |row| {
                    let micros = get(row);
                    (0, (micros / DAY_MICROS) as i32, micros % DAY_MICROS)
                }))
            }
            DataType::Interval(IntervalUnit::YearMonth) => {
                let values = array.as_primitive::<IntervalYearMonthType>().values();
                Self::Interval(Box::new(move |row| (values[row], 0, 0)))
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                let values = array.as_primitive::<IntervalDayTimeType>().values();
                Self::Interval(Box::new(move |row| (0, values[row].days, i64::from(values[row].milliseconds) * 1000)))
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let values = array.as_primitive::<IntervalMonthDayNanoType>().values();
                Self::Interval(Box::new(move |row| {
                    let value = values[row];
                    (value.months, value.days, value.nanoseconds / 1000)
                }))
            }
            DataType::List(item) if mark.starts_with("vector") && item.data_type() == &DataType::Float32 => {
                let list = array.as_list::<i32>();
                let values = list.values().as_primitive::<Float32Type>().values();
                Self::Vector { values, offsets: list.value_offsets() }
            }
            DataType::List(item) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets();
                let range = move |row| offsets[row] as usize..offsets[row + 1] as usize;
                Self::List { items: Box::new(Column::new(item, list.values())), range: Box::new(range) }
            }
            DataType::LargeList(item) => {
                let list = array.as_list::<i64>();
                let offsets = list.value_offsets();
                let range = move |row| offsets[row] as usize..offsets[row + 1] as usize;
                Self::List { items: Box::new(Column::new(item, list.values())), range: Box::new(range) }
            }
            DataType::FixedSizeList(item, size) => {
                let list = array.as_fixed_size_list();
                let size = *size as usize;
                let range = move |row| row * size..(row + 1) * size;
                Self::List { items: Box::new(Column::new(item, list.values())), range: Box::new(range) }
            }
            DataType::Map(entries, _) => {
                let map = array.as_map();
                let offsets = map.value_offsets();
                let range = move |row| offsets[row] as usize..offsets[row + 1] as usize;
                Self::List { items: Box::new(Column::new(entries, map.entries())), range: Box::new(range) }
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                Self::Record(fields.iter().zip(columns).map(|(field, column)| Column::new(field, column)).collect())
            }
            DataType::Dictionary(_, values) => {
                let dictionary = array.as_any_dictionary();
                let field = marked(mark, values);
                let values = Box::new(Column::new(&field, dictionary.values().as_ref()));
                // A column of NULLs may have no values to point at.
                let keys =
                    if dictionary.values().is_empty() { vec![0; array.len()] } else { dictionary.normalized_keys() };
                Self::Dictionary { keys, values }
            }
            _ => Self::Other(array),
        }
    }
}

fn marked(mark: &str, data_type: &DataType) -> Field {
    let field = Field::new("value", data_type.clone(), true);
    if mark.is_empty() {
        return field;
    }
    field.with_metadata([(TYPE_METADATA.to_owned(), mark.to_owned())].into())
}

/// How many seconds the clocks of a zone are ahead of UTC at a moment.
fn ahead(zone: Tz, micros: i64) -> i32 {
    let moment = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    zone.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc()
}

fn integer<'a, T>(array: &'a dyn Array) -> Values<'a>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    let values = array.as_primitive::<T>().values();
    Values::Integer(Box::new(move |row| values[row].into()))
}

fn decimal<'a, T>(array: &'a dyn Array, scale: i8, trim: bool) -> Values<'a>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    let values = array.as_primitive::<T>().values();
    Values::Decimal { value: Box::new(move |row| values[row].into()), scale, trim }
}

fn micros<'a, T>(array: &'a dyn Array, unit: TimeUnit) -> Get<'a, i64>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let values = array.as_primitive::<T>().values();
    match unit {
        TimeUnit::Second => Box::new(move |row| values[row].saturating_mul(1_000_000)),
        TimeUnit::Millisecond => Box::new(move |row| values[row].saturating_mul(1000)),
        TimeUnit::Microsecond => Box::new(move |row| values[row]),
        TimeUnit::Nanosecond => Box::new(move |row| values[row].div_euclid(1000)),
    }
}
