//! A few rows as bytes, column after column. To begin and end a stream of Arrow's takes longer than to write a few rows, and more bytes.
//!
//! ```text
//! rows u16 | columns u16 | for each column:  type u8 | precision u8, scale i8, of numeric | nulls u8 | a bit each, if nulls is 1 | values
//!
//! values   of one width: each; boolean: a bit each; text and bytea: length u32 of each, then the bytes of all
//! ```
//!
//! Numbers are little-endian, bits begin with the lowest, and 1 says that a value is there. What is NULL has a value too, which means
//! nothing. Arrays have no form here.

use arrow::array::{Array, ArrayData, ArrayRef, make_array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

/// The numbers of types; that of numeric is followed by its precision and scale.
const NUMERIC: u8 = 6;

/// A type's number; none if it has no form here.
fn number(data_type: &DataType) -> Option<u8> {
    Some(match data_type {
        DataType::Boolean => 0,
        DataType::Int16 => 1,
        DataType::Int32 => 2,
        DataType::Int64 => 3,
        DataType::Float32 => 4,
        DataType::Float64 => 5,
        DataType::Decimal128(..) => NUMERIC,
        DataType::Utf8 => 7,
        DataType::Binary => 8,
        DataType::Date32 => 9,
        DataType::Time64(TimeUnit::Microsecond) => 10,
        DataType::Timestamp(TimeUnit::Microsecond, None) => 11,
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => 12,
        DataType::Interval(IntervalUnit::MonthDayNano) => 13,
        _ => return None,
    })
}

/// The bytes of columns that have so many rows each; none where there are too many, or a type has no form here.
pub fn encode(columns: &[ArrayRef], rows: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(4 + columns.len() * (2 + 16 * rows));
    out.extend(u16::try_from(rows).ok()?.to_le_bytes());
    out.extend(u16::try_from(columns.len()).ok()?.to_le_bytes());
    for column in columns {
        debug_assert_eq!(column.len(), rows);
        out.push(number(column.data_type())?);
        if let DataType::Decimal128(precision, scale) = column.data_type() {
            out.push(*precision);
            out.push(scale.cast_unsigned());
        }
        let data = column.to_data();
        match data.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => out.push(0),
            Some(nulls) => {
                out.push(1);
                out.extend_from_slice(nulls.inner().sliced().as_slice().get(..rows.div_ceil(8))?);
            }
        }
        put_values(&data, &mut out)?;
    }
    Some(out)
}

fn put_values(data: &ArrayData, out: &mut Vec<u8>) -> Option<()> {
    let (offset, rows) = (data.offset(), data.len());
    let first = data.buffers().first()?;
    match data.data_type() {
        DataType::Boolean => out.extend_from_slice(first.bit_slice(offset, rows).as_slice().get(..rows.div_ceil(8))?),
        DataType::Utf8 | DataType::Binary => {
            let ends = match rows {
                // One without rows need not have an end.
                0 => return Some(()),
                rows => data.buffer::<i32>(0).get(..=rows)?,
            };
            ends.windows(2).for_each(|of| out.extend((of[1] - of[0]).to_le_bytes()));
            let (from, to) = (usize::try_from(ends[0]).ok()?, usize::try_from(ends[rows]).ok()?);
            out.extend_from_slice(data.buffers().get(1)?.as_slice().get(from..to)?);
        }
        fixed => {
            let width = fixed.primitive_width()?;
            out.extend_from_slice(first.as_slice().get(offset * width..(offset + rows) * width)?);
        }
    }
    Some(())
}

/// The columns that [`encode`] made bytes of; none if the bytes are not such.
pub fn decode(bytes: &[u8]) -> Option<Vec<ArrayRef>> {
    let mut rest = Rest(bytes);
    let (rows, columns) = (usize::from(u16::from_le_bytes(rest.array()?)), u16::from_le_bytes(rest.array()?));
    let columns = (0..columns).map(|_| column(&mut rest, rows)).collect::<Option<Vec<_>>>()?;
    rest.0.is_empty().then_some(columns)
}

fn column(rest: &mut Rest<'_>, rows: usize) -> Option<ArrayRef> {
    let data_type = match rest.byte()? {
        0 => DataType::Boolean,
        1 => DataType::Int16,
        2 => DataType::Int32,
        3 => DataType::Int64,
        4 => DataType::Float32,
        5 => DataType::Float64,
        NUMERIC => DataType::Decimal128(rest.byte()?, rest.byte()?.cast_signed()),
        7 => DataType::Utf8,
        8 => DataType::Binary,
        9 => DataType::Date32,
        10 => DataType::Time64(TimeUnit::Microsecond),
        11 => DataType::Timestamp(TimeUnit::Microsecond, None),
        12 => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        13 => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => return None,
    };
    let nulls = match rest.byte()? {
        0 => None,
        1 => Some(Buffer::from(rest.take(rows.div_ceil(8))?)),
        _ => return None,
    };
    let buffers = match &data_type {
        DataType::Boolean => vec![Buffer::from(rest.take(rows.div_ceil(8))?)],
        DataType::Utf8 | DataType::Binary => {
            let mut ends = Vec::with_capacity(rows + 1);
            let mut end = 0i32;
            ends.push(end);
            for length in rest.take(rows * 4)?.chunks_exact(4) {
                let length = u32::from_le_bytes(*length.first_chunk()?);
                end = end.checked_add(i32::try_from(length).ok()?)?;
                ends.push(end);
            }
            vec![Buffer::from_vec(ends), Buffer::from(rest.take(usize::try_from(end).ok()?)?)]
        }
        fixed => vec![Buffer::from(rest.take(rows * fixed.primitive_width()?)?)],
    };
    // Looks whether texts are texts, too.
    let data = ArrayData::builder(data_type).len(rows).null_bit_buffer(nulls).buffers(buffers).build();
    data.ok().map(make_array)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array, Int32Array,
        Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray, Time64MicrosecondArray,
        TimestampMicrosecondArray,
    };
    use arrow::datatypes::{Int32Type, IntervalMonthDayNano};
    use std::sync::Arc;

    /// A column of each type, with NULLs in it.
    fn columns() -> Vec<ArrayRef> {
        let there = |n: i64| n % 3 > 0;
        let rows = 0..20i64;
        let money = Decimal128Array::from_iter(rows.clone().map(|n| there(n).then_some(i128::from(n) << 70)));
        let span = |n: i64| IntervalMonthDayNano::new(n as i32, -3, n * 1_000_000_007);
        let moments: TimestampMicrosecondArray = rows.clone().map(|n| there(n).then_some(n - 7)).collect();
        vec![
            Arc::new(rows.clone().map(|n| there(n).then_some(n % 2 > 0)).collect::<BooleanArray>()),
            Arc::new(rows.clone().map(|n| there(n).then_some(n as i16)).collect::<Int16Array>()),
            Arc::new(rows.clone().map(|n| Some(-n as i32)).collect::<Int32Array>()),
            Arc::new(rows.clone().map(|n| there(n).then_some(n << 50)).collect::<Int64Array>()),
            Arc::new(rows.clone().map(|n| there(n).then_some(n as f32 / 7.0)).collect::<Float32Array>()),
            Arc::new(rows.clone().map(|n| Some(f64::from(n as i32) / 7.0)).collect::<Float64Array>()),
            Arc::new(money.with_precision_and_scale(38, -2).unwrap()),
            Arc::new(rows.clone().map(|n| there(n).then(|| "茶".repeat(n as usize))).collect::<StringArray>()),
            Arc::new(BinaryArray::from_iter(rows.clone().map(|n| there(n).then(|| vec![n as u8; n as usize % 5])))),
            Arc::new(rows.clone().map(|n| there(n).then_some(n as i32)).collect::<Date32Array>()),
            Arc::new(rows.clone().map(|n| there(n).then_some(n)).collect::<Time64MicrosecondArray>()),
            Arc::new(moments.clone()),
            Arc::new(moments.with_timezone("UTC")),
            Arc::new(rows.map(|n| there(n).then(|| span(n))).collect::<IntervalMonthDayNanoArray>()),
        ]
    }

    #[test]
    fn rows_of_every_type_come_back_whatever_they_are_slices_of() {
        for (from, rows) in [(0, 20), (0, 1), (1, 1), (3, 11), (19, 1), (5, 0)] {
            let columns: Vec<ArrayRef> = columns().iter().map(|column| column.slice(from, rows)).collect();
            let bytes = encode(&columns, rows).unwrap();
            assert_eq!(&decode(&bytes).unwrap(), &columns, "{rows} from {from}");
        }
        assert!(decode(&encode(&[], 7).unwrap()).unwrap().is_empty());
        assert!(encode(&columns().iter().map(|column| column.slice(0, 1)).collect::<Vec<_>>(), 1).unwrap().len() < 160);
    }

    #[test]
    fn what_is_cut_or_no_text_is_refused() {
        let columns = columns();
        let bytes = encode(&columns, 20).unwrap();
        assert!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_none()));
        assert!(decode(&[bytes.as_slice(), &[0]].concat()).is_none());
        let text: ArrayRef = Arc::new(StringArray::from(vec!["tea"]));
        let mut bytes = encode(&[text], 1).unwrap();
        *bytes.last_mut().unwrap() = 0xff;
        assert!(decode(&bytes).is_none());
    }

    #[test]
    fn what_has_no_form_is_left_to_others() {
        let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
        assert!(encode(&[list], 1).is_none());
        let many: ArrayRef = Arc::new(Int32Array::from(vec![1; 70_000]));
        assert!(encode(&[many], 70_000).is_none());
    }
}
