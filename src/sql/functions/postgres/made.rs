//! Values that go into a function and come out of it, one row at a time.

use crate::catalog::SqlType;
use crate::encoding::pg_text::{Cell, write_text};
use crate::error::{Error, Kind, Result};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, IntervalMonthDayNano, i256};
use std::sync::Arc;

/// Months, days and microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Months, a year being twelve.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// What a function made of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    /// NULL
    Null,
    /// `boolean`
    Bool(bool),
    /// Any integer, and with the scale of its type a `numeric`.
    Int(i128),
    /// Floating point.
    Float(f64),
    /// Text, uuid, JSON.
    Text(String),
    /// `bytea`
    Bytes(Vec<u8>),
    /// `date`, in days since 1970; `time`, `timestamp` and `timestamptz` in microseconds.
    Moment(i64),
    /// `interval`
    Span(Span),
    /// An array.
    List(Vec<Made>),
}

impl From<bool> for Made {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Made {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<i64> for Made {
    fn from(value: i64) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Made {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<String> for Made {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Made {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Vec<u8>> for Made {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<Span> for Made {
    fn from(value: Span) -> Self {
        Self::Span(value)
    }
}

impl<T: Into<Made>> From<Option<T>> for Made {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Made>> From<Vec<T>> for Made
where
    T: IsNoByte,
{
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// What a vector of is an array and not `bytea`.
pub trait IsNoByte {}

impl IsNoByte for String {}
impl IsNoByte for Option<String> {}
impl IsNoByte for i32 {}
impl IsNoByte for i64 {}
impl IsNoByte for Made {}

/// The arguments of one row.
pub struct Args<'a>(pub &'a [Option<Cell<'a>>]);

impl<'a> Args<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The argument at a place, if it is there and not NULL.
    pub fn get(&self, at: usize) -> Option<&Cell<'a>> {
        self.0.get(at)?.as_ref()
    }

    /// Whether an argument is there and NULL.
    pub fn is_null(&self, at: usize) -> bool {
        matches!(self.0.get(at), Some(None))
    }

    /// A text; empty where there is none.
    pub fn text(&self, at: usize) -> &str {
        match self.get(at) {
            Some(Cell::Text(text)) => std::str::from_utf8(text).unwrap_or_default(),
            _ => "",
        }
    }

    /// A text, if it is there.
    pub fn text_if(&self, at: usize) -> Option<&str> {
        self.get(at).map(|_| self.text(at))
    }

    /// Bytes; none where there are none.
    pub fn bytes(&self, at: usize) -> &[u8] {
        match self.get(at) {
            Some(Cell::Bytes(bytes) | Cell::Text(bytes)) => bytes,
            _ => &[],
        }
    }

    /// A whole number; zero where there is none.
    pub fn int(&self, at: usize) -> i64 {
        match self.get(at) {
            Some(Cell::Integer(number)) => i64::try_from(*number).unwrap_or_default(),
            _ => 0,
        }
    }

    /// A whole number, or what stands for it.
    pub fn int_or(&self, at: usize, default: i64) -> i64 {
        if self.get(at).is_some() { self.int(at) } else { default }
    }

    /// Whether it is true.
    pub fn is_true(&self, at: usize) -> bool {
        matches!(self.get(at), Some(Cell::Bool(true)))
    }

    /// A number as floating point.
    pub fn float(&self, at: usize) -> f64 {
        match self.get(at) {
            Some(Cell::Float8(number)) => *number,
            Some(Cell::Float4(number)) => f64::from(*number),
            Some(Cell::Integer(number)) => *number as f64,
            Some(Cell::Decimal(value, scale, _)) => {
                format!("{value}e{}", -i16::from(*scale)).parse().unwrap_or(f64::NAN)
            }
            Some(Cell::BigDecimal(value, scale, _)) => {
                format!("{value}e{}", -i16::from(*scale)).parse().unwrap_or(f64::NAN)
            }
            _ => 0.0,
        }
    }

    /// A number without its point, and its places.
    pub fn decimal(&self, at: usize) -> (i128, i8) {
        match self.get(at) {
            Some(Cell::Decimal(value, scale, _)) => (*value, *scale),
            Some(Cell::BigDecimal(value, scale, _)) => narrowed(*value, *scale),
            Some(Cell::Integer(value)) => (*value, 0),
            _ => (0, 0),
        }
    }

    /// Days since 1970, or microseconds since then or since midnight.
    pub fn moment(&self, at: usize) -> i64 {
        match self.get(at) {
            Some(Cell::Date(n) | Cell::Time(n) | Cell::Timestamp(n) | Cell::Timestamptz(n, _)) => *n,
            _ => 0,
        }
    }

    /// A length of time.
    pub fn span(&self, at: usize) -> Span {
        match self.get(at) {
            Some(Cell::Interval(months, days, micros)) => Span { months: *months, days: *days, micros: *micros },
            _ => Span::default(),
        }
    }

    /// The texts of an array.
    pub fn texts(&self, at: usize) -> Vec<Option<String>> {
        match self.get(at) {
            Some(Cell::List(items, range)) => {
                range.clone().map(|row| items.cell(row).map(|cell| shown(&cell))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The argument in PostgreSQL's output form.
    pub fn shown(&self, at: usize) -> Option<String> {
        self.get(at).map(shown)
    }
}

/// A number in 38 digits: without zeros at its end, and without the last places if there is no room for them.
fn narrowed(mut value: i256, mut scale: i8) -> (i128, i8) {
    let ten = i256::from_i128(10);
    while scale > 0 && (value.wrapping_rem(ten) == i256::ZERO || value.to_i128().is_none()) {
        value = value.wrapping_div(ten);
        scale -= 1;
    }
    (value.to_i128().unwrap_or(i128::MAX), scale)
}

/// A value in PostgreSQL's output form.
pub fn shown(cell: &Cell<'_>) -> String {
    let mut text = Vec::new();
    write_text(cell, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Values of a type as a column.
pub fn column(values: Vec<Made>, sql_type: &SqlType) -> Result<ArrayRef> {
    let out_of_range = || Error::new(Kind::NumericOutOfRange, format!("{sql_type} out of range"));
    let whole = |value: &Made| match value {
        Made::Int(n) => Some(*n),
        Made::Moment(n) => Some(i128::from(*n)),
        _ => None,
    };
    macro_rules! integers {
        ($array:ty, $native:ty) => {{
            let one = |value: &Made| whole(value).map(<$native>::try_from).transpose().map_err(|_| out_of_range());
            Arc::new(values.iter().map(one).collect::<Result<$array>>()?) as ArrayRef
        }};
    }
    let float = |value: &Made| match value {
        Made::Float(n) => Some(*n),
        Made::Int(n) => Some(*n as f64),
        _ => None,
    };
    Ok(match sql_type {
        SqlType::Bool => {
            let one = |value: &Made| if let Made::Bool(value) = value { Some(*value) } else { None };
            Arc::new(values.iter().map(one).collect::<BooleanArray>())
        }
        SqlType::Int2 => integers!(Int16Array, i16),
        SqlType::Int4 => integers!(Int32Array, i32),
        SqlType::Int8 => integers!(Int64Array, i64),
        SqlType::Date => integers!(Date32Array, i32),
        SqlType::Time => integers!(Time64MicrosecondArray, i64),
        SqlType::Timestamp => integers!(TimestampMicrosecondArray, i64),
        SqlType::Timestamptz => {
            let one = |value: &Made| whole(value).map(i64::try_from).transpose().map_err(|_| out_of_range());
            let moments = values.iter().map(one).collect::<Result<TimestampMicrosecondArray>>()?;
            Arc::new(moments.with_timezone("UTC"))
        }
        SqlType::Float4 => Arc::new(values.iter().map(|v| float(v).map(|n| n as f32)).collect::<Float32Array>()),
        SqlType::Float8 => Arc::new(values.iter().map(float).collect::<Float64Array>()),
        SqlType::Numeric(_) => {
            let DataType::Decimal128(precision, scale) = sql_type.arrow() else { return Err(out_of_range()) };
            let numbers: Decimal128Array = values.iter().map(whole).collect();
            Arc::new(numbers.with_precision_and_scale(precision, scale)?)
        }
        SqlType::Bytea => {
            let one = |value: &Made| if let Made::Bytes(bytes) = value { Some(bytes.clone()) } else { None };
            let all: Vec<Option<Vec<u8>>> = values.iter().map(one).collect();
            Arc::new(all.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
        SqlType::Interval => {
            let one = |value: &Made| {
                let Made::Span(span) = value else { return Ok(None) };
                let nanos = span.micros.checked_mul(1000);
                let nanos = nanos.ok_or_else(|| Error::new(Kind::DatetimeOutOfRange, "interval out of range"))?;
                Ok(Some(IntervalMonthDayNano::new(span.months, span.days, nanos)))
            };
            Arc::new(values.iter().map(one).collect::<Result<IntervalMonthDayNanoArray>>()?)
        }
        SqlType::Array(item) => lists(values, item)?,
        _ => {
            let one = |value: &Made| if let Made::Text(text) = value { Some(text.clone()) } else { None };
            Arc::new(values.iter().map(one).collect::<StringArray>())
        }
    })
}

fn lists(values: Vec<Made>, item: &SqlType) -> Result<ArrayRef> {
    let there: Vec<bool> = values.iter().map(|value| matches!(value, Made::List(_))).collect();
    let (mut items, mut lengths) = (Vec::new(), Vec::with_capacity(values.len()));
    for value in values {
        let list = if let Made::List(list) = value { list } else { Vec::new() };
        lengths.push(list.len());
        items.extend(list);
    }
    let DataType::List(field) = SqlType::Array(Box::new(item.clone())).arrow() else {
        return Err(Error::internal("an array type is no list"));
    };
    let items = column(items, item)?;
    let nulls = there.contains(&false).then(|| NullBuffer::from(there));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), items, nulls)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::pg_text::cell_text;
    use arrow::array::Array;

    #[test]
    fn values_become_columns() {
        let list = |items: &[&str]| Made::List(items.iter().map(|item| Made::from(*item)).collect());
        let lists = column(vec![list(&["a", "b"]), Made::Null, list(&[])], &SqlType::Array(Box::new(SqlType::Text)));
        let lists = lists.unwrap();
        assert_eq!(
            (0..3).map(|row| cell_text(&lists, row)).collect::<Vec<_>>(),
            [Some("{a,b}".to_owned()), None, Some("{}".to_owned())]
        );
        let wide = column(vec![Made::Int(40_000)], &SqlType::Int2);
        assert_eq!(wide.unwrap_err().kind(), Kind::NumericOutOfRange);
        assert_eq!(lists.null_count(), 1);
    }
}
