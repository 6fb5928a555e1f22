//! Cells as text.

use super::column::{Cell, Column};
use super::number::{write_decimal, write_decimal128, write_float4, write_float8, write_integer, write_uuid};
use super::time::{write_date, write_interval, write_time, write_timestamp, write_timestamptz};
use crate::encoding::write_hex;
use std::ops::Range;

/// Appends the text of a value.
pub fn write_text(cell: &Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Bool(value) => out.push(if *value { b't' } else { b'f' }),
        Cell::Integer(value) => write_integer(*value, out),
        Cell::Float4(value) => write_float4(*value, out),
        Cell::Float8(value) => write_float8(*value, out),
        Cell::Decimal(value, scale, trim) => write_decimal128(*value, *scale, *trim, out),
        Cell::BigDecimal(value, scale, trim) => {
            let text = value.to_string();
            let digits = text.strip_prefix('-').unwrap_or(&text);
            write_decimal(text.starts_with('-'), digits.as_bytes(), i32::from(*scale), *trim, out);
        }
        Cell::Text(text) => out.extend_from_slice(text),
        Cell::Bytes(bytes) => {
            out.extend_from_slice(b"\\x");
            bytes.iter().for_each(|byte| write_hex(*byte, out));
        }
        Cell::Uuid(bytes) => write_uuid(bytes, out),
        Cell::Date(days) => write_date(*days, out),
        Cell::Time(micros) => write_time(*micros, out),
        Cell::Timestamp(micros) => write_timestamp(*micros, out),
        Cell::Timestamptz(micros, ahead) => write_timestamptz(*micros, *ahead, out),
        Cell::Interval(months, days, micros) => write_interval(*months, *days, *micros, out),
        Cell::List(items, rows) => write_list(items, rows.clone(), out),
        Cell::Vector(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_float4(*value, out);
            }
            out.push(b']');
        }
        Cell::Record(fields, row) => write_record(fields, *row, out),
        Cell::Other(text) => out.extend_from_slice(text.as_bytes()),
    }
}

/// `{a,"b c",NULL}`; lists in lists are not quoted.
fn write_list(items: &Column<'_>, rows: Range<usize>, out: &mut Vec<u8>) {
    out.push(b'{');
    let first = rows.start;
    for row in rows {
        if row > first {
            out.push(b',');
        }
        let Some(cell) = items.cell(row) else {
            out.extend_from_slice(b"NULL");
            continue;
        };
        let start = out.len();
        write_text(&cell, out);
        let text = &out[start..];
        let quote = !matches!(cell, Cell::List(..))
            && (text.is_empty()
                || text.eq_ignore_ascii_case(b"null")
                || text.iter().any(|byte| matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') || is_space(*byte)));
        if quote {
            requote(start, out, |byte, out| {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
            });
        }
    }
    out.push(b'}');
}

/// `(1,"x y",)`; NULL is nothing at all, and the empty text is `""`.
fn write_record(fields: &[Column<'_>], row: usize, out: &mut Vec<u8>) {
    out.push(b'(');
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let Some(cell) = field.cell(row) else { continue };
        let start = out.len();
        write_text(&cell, out);
        let text = &out[start..];
        let quote = text.is_empty()
            || text.iter().any(|byte| matches!(byte, b'(' | b')' | b',' | b'"' | b'\\') || is_space(*byte));
        if quote {
            requote(start, out, |byte, out| {
                if matches!(byte, b'"' | b'\\') {
                    out.push(byte);
                }
            });
        }
    }
    out.push(b')');
}

/// Puts what was written since `start` between quotes, with `escape` before each byte.
fn requote(start: usize, out: &mut Vec<u8>, escape: impl Fn(u8, &mut Vec<u8>)) {
    let plain = out.split_off(start);
    out.push(b'"');
    for byte in plain {
        escape(byte, out);
        out.push(byte);
    }
    out.push(b'"');
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::super::cell_text;
    use arrow::array::types::Int32Type;
    use arrow::array::{
        ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Int32Array, Int32Builder, ListArray, ListBuilder,
        NullArray, StringArray, StringBuilder, StructArray,
    };
    use arrow::datatypes::{DataType, Field};
    use std::sync::Arc;

    #[test]
    fn lists_quote_what_must_be() {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for item in [Some("a"), Some("b c"), None, Some(""), Some("null"), Some("q\"\\"), Some("{")] {
            builder.values().append_option(item);
        }
        builder.append(true);
        let list = builder.finish();
        assert_eq!(cell_text(&list, 0).unwrap(), r#"{a,"b c",NULL,"","null","q\"\\","{"}"#);
        let nested = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])]);
        assert_eq!(cell_text(&nested, 0).unwrap(), "{1,NULL}");
        let mut builder = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
        for pair in [[1, 2], [3, 4]] {
            builder.values().append_value(pair.map(Some));
        }
        builder.append(true);
        assert_eq!(cell_text(&builder.finish(), 0).unwrap(), "{{1,2},{3,4}}");
    }

    #[test]
    fn records_leave_null_empty() {
        let columns: Vec<(Arc<Field>, ArrayRef)> = vec![
            (Arc::new(Field::new("a", DataType::Int32, true)), Arc::new(Int32Array::from(vec![1]))),
            (Arc::new(Field::new("b", DataType::Utf8, true)), Arc::new(StringArray::from(vec!["x \"y\""]))),
            (Arc::new(Field::new("c", DataType::Utf8, true)), Arc::new(StringArray::from(vec![None::<&str>]))),
            (Arc::new(Field::new("d", DataType::Utf8, true)), Arc::new(StringArray::from(vec![""]))),
        ];
        assert_eq!(cell_text(&StructArray::from(columns), 0).unwrap(), r#"(1,"x ""y""",,"")"#);
    }

    #[test]
    fn odd_arrays_have_text_too() {
        let dictionary: DictionaryArray<Int32Type> = vec![Some("red"), None, Some("red")].into_iter().collect();
        assert_eq!(cell_text(&dictionary, 2).unwrap(), "red");
        assert_eq!(cell_text(&dictionary, 1), None);
        assert_eq!(cell_text(&NullArray::new(1), 0), None);
        assert_eq!(cell_text(&BooleanArray::from(vec![true]), 0).unwrap(), "t");
        assert_eq!(cell_text(&BinaryArray::from_vec(vec![&[0, 255]]), 0).unwrap(), "\\x00ff");
        assert_eq!(cell_text(&BooleanArray::from(vec![true]), 5), None);
    }
}
