//! Cells as the bytes of PostgreSQL's `send` functions.

use super::numeric::write_numeric;
use super::{recode, set_length};
use crate::encoding::pg_text::{Cell, Column, digits_of, is_infinite_date, is_infinite_moment, write_text};
use crate::encoding::{Charset, unhex};
use crate::error::Result;
use crate::fail;
use crate::server::types::{element_of, oid, type_oid};
use crate::sql::Inet;
use datafusion::arrow::datatypes::{DataType, Field};
use std::net::IpAddr;
use std::ops::Range;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
pub(in crate::server) const EPOCH_DAYS: i64 = 10_957;
/// Microseconds between the same.
pub(in crate::server) const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400 * 1_000_000;
/// Families of addresses as PostgreSQL numbers them on the wire.
pub(in crate::server) const IPV4: u8 = 2;
pub(in crate::server) const IPV6: u8 = 3;
/// Dimensions that PostgreSQL allows an array.
const DIMENSIONS_MAX: usize = 6;

/// The PostgreSQL types of a column and of what is inside it.
pub struct Shape {
    oid: u32,
    inner: Vec<Shape>,
}

impl Shape {
    /// The shape of a column.
    pub fn of(field: &Field) -> Self {
        let mut data_type = field.data_type();
        while let DataType::Dictionary(_, values) = data_type {
            data_type = values;
        }
        let inner = match data_type {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                let of_item = Self::of(item);
                // The mark of an enumerated type is on the array.
                let label = element_of(type_oid(field)).filter(|element| of_item.oid == oid::TEXT && *element != 0);
                vec![Self { oid: label.unwrap_or(of_item.oid), ..of_item }]
            }
            DataType::Map(entries, _) => vec![Self::of(entries)],
            DataType::Struct(fields) => fields.iter().map(|field| Self::of(field)).collect(),
            _ => Vec::new(),
        };
        Self { oid: type_oid(field), inner }
    }
}

/// Appends the binary form of a value of a column of that shape.
pub fn write_binary(cell: &Cell<'_>, shape: &Shape, charset: Charset, out: &mut Vec<u8>) -> Result<()> {
    match cell {
        Cell::Bool(value) => out.push(u8::from(*value)),
        Cell::Integer(value) => write_integer(*value, shape.oid, out)?,
        Cell::Float4(value) => out.extend_from_slice(&value.to_be_bytes()),
        Cell::Float8(value) => out.extend_from_slice(&value.to_be_bytes()),
        Cell::Decimal(value, scale, trim) => {
            let mut digits = [0; 40];
            write_numeric(*value < 0, digits_of(value.unsigned_abs(), &mut digits), *scale, *trim, out);
        }
        Cell::BigDecimal(value, scale, trim) => {
            let text = value.to_string();
            let digits = text.strip_prefix('-').unwrap_or(&text);
            write_numeric(text.starts_with('-'), digits.as_bytes(), *scale, *trim, out);
        }
        Cell::Text(text) => write_string(text, shape.oid, charset, out)?,
        Cell::Bytes(bytes) | Cell::Uuid(bytes) => out.extend_from_slice(bytes),
        // The ends of time are the same wherever days are counted from.
        Cell::Date(days) if is_infinite_date(*days) => out.extend_from_slice(&(*days as i32).to_be_bytes()),
        Cell::Date(days) => match i32::try_from(days.saturating_sub(EPOCH_DAYS)) {
            Ok(days) => out.extend_from_slice(&days.to_be_bytes()),
            Err(_) => fail!(DatetimeOutOfRange, "date out of range"),
        },
        Cell::Time(micros) => out.extend_from_slice(&micros.to_be_bytes()),
        Cell::Timestamp(micros) | Cell::Timestamptz(micros, _) if is_infinite_moment(*micros) => {
            out.extend_from_slice(&micros.to_be_bytes());
        }
        Cell::Timestamp(micros) | Cell::Timestamptz(micros, _) => match micros.checked_sub(EPOCH_MICROS) {
            Some(micros) => out.extend_from_slice(&micros.to_be_bytes()),
            None => fail!(DatetimeOutOfRange, "timestamp out of range"),
        },
        Cell::Interval(months, days, micros) => {
            out.extend_from_slice(&micros.to_be_bytes());
            out.extend_from_slice(&days.to_be_bytes());
            out.extend_from_slice(&months.to_be_bytes());
        }
        Cell::List(items, rows) => write_array(items, rows.clone(), shape, charset, out)?,
        Cell::Vector(values) => {
            // As pgvector sends it: how many, nothing, and each.
            let Ok(count) = u16::try_from(values.len()) else { fail!(LimitExceeded, "a vector is too long") };
            out.extend_from_slice(&count.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
            values.iter().for_each(|value| out.extend_from_slice(&value.to_be_bytes()));
        }
        Cell::Record(fields, row) => write_record(fields, *row, shape, charset, out)?,
        Cell::Other(_) => write_text(cell, out),
    }
    Ok(())
}

/// Integers take as many bytes as their PostgreSQL type has.
fn write_integer(value: i128, type_oid: u32, out: &mut Vec<u8>) -> Result<()> {
    let fits = match type_oid {
        oid::INT2 => i16::try_from(value).map(|value| out.extend_from_slice(&value.to_be_bytes())).is_ok(),
        oid::INT8 => i64::try_from(value).map(|value| out.extend_from_slice(&value.to_be_bytes())).is_ok(),
        oid::NUMERIC => {
            let mut digits = [0; 40];
            write_numeric(value < 0, digits_of(value.unsigned_abs(), &mut digits), 0, false, out);
            true
        }
        oid::INT4 => i32::try_from(value).map(|value| out.extend_from_slice(&value.to_be_bytes())).is_ok(),
        // OIDs and their kin have no sign.
        _ => u32::try_from(value).map(|value| out.extend_from_slice(&value.to_be_bytes())).is_ok(),
    };
    if !fits {
        fail!(NumericOutOfRange, "integer out of range");
    }
    Ok(())
}

/// Most types that Steward keeps as text are text on the wire too.
fn write_string(text: &[u8], type_oid: u32, charset: Charset, out: &mut Vec<u8>) -> Result<()> {
    match type_oid {
        // One that is kept as its text.
        oid::NUMERIC => {
            let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
            let places = text.iter().position(|byte| *byte == b'.').map_or(0, |point| text.len() - point - 1);
            let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
            write_numeric(negative, &digits, places as i8, false, out);
            return Ok(());
        }
        // The version of jsonb's binary form.
        oid::JSONB => out.push(1),
        oid::UUID => {
            let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'-').collect();
            let Some(bytes) = unhex(&digits).filter(|bytes| bytes.len() == 16) else {
                fail!(InvalidText, "a uuid column holds what is no uuid");
            };
            out.extend(bytes);
            return Ok(());
        }
        oid::INET | oid::CIDR => return write_inet(text, type_oid == oid::CIDR, out),
        oid::INT2VECTOR => return write_vector(text, oid::INT2, out),
        oid::OIDVECTOR => return write_vector(text, oid::OID, out),
        _ => {}
    }
    let at = out.len();
    out.extend_from_slice(text);
    recode(out, at, charset)
}

/// Family, bits of the network, whether it is a `cidr`, how many bytes, and these.
fn write_inet(text: &[u8], network: bool, out: &mut Vec<u8>) -> Result<()> {
    let Some(Inet { address, bits }) = std::str::from_utf8(text).ok().and_then(Inet::read) else {
        fail!(InvalidText, "an inet column holds what is no address")
    };
    match address {
        IpAddr::V4(address) => {
            out.extend_from_slice(&[IPV4, bits, u8::from(network), 4]);
            out.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.extend_from_slice(&[IPV6, bits, u8::from(network), 16]);
            out.extend_from_slice(&address.octets());
        }
    }
    Ok(())
}

/// `int2vector` and `oidvector`, numbers with spaces between: arrays of one dimension that count from 0.
fn write_vector(text: &[u8], element: u32, out: &mut Vec<u8>) -> Result<()> {
    let numbers: Option<Vec<i128>> =
        std::str::from_utf8(text).ok().and_then(|text| text.split_whitespace().map(|n| n.parse().ok()).collect());
    let Some(numbers) = numbers else { fail!(InvalidText, "a vector holds what is no number") };
    out.extend_from_slice(&1i32.to_be_bytes());
    out.extend_from_slice(&0i32.to_be_bytes());
    out.extend_from_slice(&element.to_be_bytes());
    out.extend_from_slice(&(numbers.len() as u32).to_be_bytes());
    out.extend_from_slice(&0i32.to_be_bytes());
    for number in numbers {
        out.extend_from_slice(&(if element == oid::INT2 { 2i32 } else { 4 }).to_be_bytes());
        write_integer(number, element, out)?;
    }
    Ok(())
}

fn write_array(
    items: &Column<'_>,
    rows: Range<usize>,
    shape: &Shape,
    charset: Charset,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut element = shape;
    let mut dimensions = vec![rows.len()];
    // Lists in lists are one array of more dimensions; the first of each level tells how long all must be.
    let mut level = first(items, &rows);
    while let Some(inner) = element.inner.first() {
        element = inner;
        let Some(Cell::List(deeper, range)) = level else { break };
        dimensions.push(range.len());
        level = first(deeper, &range);
    }
    if dimensions.len() > DIMENSIONS_MAX {
        fail!(LimitExceeded, "an array can have at most {DIMENSIONS_MAX} dimensions");
    }
    let empty = dimensions.contains(&0);
    while empty && element_of(element.oid).is_some() {
        let Some(inner) = element.inner.first() else { break };
        element = inner;
    }
    if element_of(element.oid).is_some() {
        fail!(Unsupported, "NULL among lists of lists has no binary form; ask for text");
    }
    let count = if empty { 0 } else { dimensions.len() };
    out.extend_from_slice(&(count as i32).to_be_bytes());
    let has_null_at = out.len();
    out.extend_from_slice(&0i32.to_be_bytes());
    out.extend_from_slice(&element.oid.to_be_bytes());
    if empty {
        return Ok(());
    }
    for length in &dimensions {
        out.extend_from_slice(&(*length as i32).to_be_bytes());
        out.extend_from_slice(&1i32.to_be_bytes());
    }
    if write_elements(items, rows, &dimensions[1..], (element, charset), out)? {
        out[has_null_at..has_null_at + 4].copy_from_slice(&1i32.to_be_bytes());
    }
    Ok(())
}

fn first<'c>(items: &'c Column<'_>, rows: &Range<usize>) -> Option<Cell<'c>> {
    if rows.is_empty() { None } else { items.cell(rows.start) }
}

/// Writes the elements of the innermost lists; says whether one is NULL.
fn write_elements(
    items: &Column<'_>,
    rows: Range<usize>,
    deeper: &[usize],
    (element, charset): (&Shape, Charset),
    out: &mut Vec<u8>,
) -> Result<bool> {
    let mut has_null = false;
    for row in rows {
        let cell = items.cell(row);
        if let Some((length, rest)) = deeper.split_first() {
            match cell {
                Some(Cell::List(inner, range)) if range.len() == *length => {
                    has_null |= write_elements(inner, range, rest, (element, charset), out)?;
                }
                _ => fail!(Unsupported, "lists of differing lengths have no binary form; ask for text"),
            }
            continue;
        }
        has_null |= cell.is_none();
        write_value(cell.as_ref(), element, charset, out)?;
    }
    Ok(has_null)
}

fn write_record(fields: &[Column<'_>], row: usize, shape: &Shape, charset: Charset, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&(fields.len() as i32).to_be_bytes());
    for (field, inner) in fields.iter().zip(&shape.inner) {
        out.extend_from_slice(&inner.oid.to_be_bytes());
        write_value(field.cell(row).as_ref(), inner, charset, out)?;
    }
    Ok(())
}

/// A value behind its length, -1 for NULL.
fn write_value(cell: Option<&Cell<'_>>, shape: &Shape, charset: Charset, out: &mut Vec<u8>) -> Result<()> {
    let Some(cell) = cell else {
        out.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    };
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write_binary(cell, shape, charset, out)?;
    set_length(out, at, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::pg_text::TYPE_METADATA;
    use datafusion::arrow::array::types::Int32Type;
    use datafusion::arrow::array::{
        Array, Date32Array, Int32Builder, Int64Array, IntervalMonthDayNanoArray, ListArray, ListBuilder, StringArray,
        TimestampMicrosecondArray, UInt64Array,
    };
    use datafusion::arrow::datatypes::IntervalMonthDayNano;

    fn bytes(array: &dyn Array, mark: &str) -> Vec<u8> {
        let mut field = Field::new("c", array.data_type().clone(), true);
        if !mark.is_empty() {
            field = field.with_metadata([(TYPE_METADATA.to_owned(), mark.to_owned())].into());
        }
        let column = Column::new(&field, array);
        let mut out = Vec::new();
        write_binary(&column.cell(0).unwrap(), &Shape::of(&field), Charset::Utf8, &mut out).unwrap();
        out
    }

    /// Expected bytes as PostgreSQL 15's `int8send`, `date_send`, `timestamp_send`, `jsonb_send`, `uuid_send`,
    /// `array_send` give them.
    #[test]
    fn bytes_are_postgresqls() {
        assert_eq!(bytes(&Int64Array::from(vec![-2]), ""), (-2i64).to_be_bytes());
        assert_eq!(bytes(&Int64Array::from(vec![2205]), "regclass"), 2205u32.to_be_bytes());
        assert_eq!(bytes(&UInt64Array::from(vec![3]), ""), 3i64.to_be_bytes());
        assert_eq!(bytes(&Date32Array::from(vec![10_958]), ""), 1i32.to_be_bytes());
        assert_eq!(bytes(&TimestampMicrosecondArray::from(vec![EPOCH_MICROS - 1]), ""), (-1i64).to_be_bytes());
        assert_eq!(bytes(&StringArray::from(vec!["{}"]), "jsonb"), b"\x01{}");
        let uuid = StringArray::from(vec!["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]);
        assert_eq!(bytes(&uuid, "uuid")[..5], [0xa0, 0xee, 0xbc, 0x99, 0x9c]);
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(7), None])]);
        let expected: Vec<u8> = [1, 1, 23, 2, 1, 4, 7, -1].iter().flat_map(|word: &i32| word.to_be_bytes()).collect();
        assert_eq!(bytes(&list, ""), expected);
        let mut builder = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
        for pair in [[1, 2], [3, 4]] {
            builder.values().append_value(pair.map(Some));
        }
        builder.append(true);
        let expected: Vec<u8> =
            [2, 0, 23, 2, 1, 2, 1, 4, 1, 4, 2, 4, 3, 4, 4].iter().flat_map(|word: &i32| word.to_be_bytes()).collect();
        assert_eq!(bytes(&builder.finish(), ""), expected);
        let interval = IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(1, 2, 3_000_000_000)]);
        assert_eq!(bytes(&interval, ""), [0, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0, 0, 0, 0, 2, 0, 0, 0, 1]);
        let none = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(Vec::new())]);
        assert_eq!(bytes(&none, ""), [0, 0, 23].iter().flat_map(|word: &i32| word.to_be_bytes()).collect::<Vec<_>>());
    }
}
