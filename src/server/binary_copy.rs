//! PostgreSQL's binary form of values, lent to COPY: what results and parameters are written in and read from.

use super::decode::decode;
use super::encode::{Format, RowEncoder};
use super::types::type_oid;
use crate::encoding::Charset;
use crate::encoding::pg_text::cell_text;
use crate::error::{Error, Kind, Result};
use crate::sql::BinaryForm;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::common::ScalarValue;
use std::sync::Arc;

/// Writes and reads rows of COPY as the wire writes and reads values.
#[derive(Debug)]
pub struct BinaryCopy;

/// The kind and length of a message, which a row of COPY has not.
const MESSAGE_HEAD: usize = 5;

impl BinaryForm for BinaryCopy {
    fn write(
        &self,
        (schema, charset): (&SchemaRef, Charset),
        batch: &RecordBatch,
        out: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<()> {
        let encoder = RowEncoder::new(schema.clone(), vec![Format::Binary; schema.fields().len()])?;
        let mut messages = Vec::new();
        encoder.encode(batch, (0, usize::MAX), usize::MAX, charset, &mut messages)?;
        let mut rest = messages.as_slice();
        while let Some((head, behind)) = rest.split_first_chunk::<MESSAGE_HEAD>() {
            let [_, a, b, c, d] = *head;
            let length = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(MESSAGE_HEAD - 1);
            let Some((row, next)) = behind.split_at_checked(length) else {
                return Err(Error::internal("a row is shorter than it says"));
            };
            out.extend_from_slice(row);
            ends.push(out.len());
            rest = next;
        }
        Ok(())
    }

    fn read(&self, (field, charset): (&Field, Charset), values: &[Option<&[u8]>]) -> Result<ArrayRef> {
        let oid = type_oid(field);
        let value = |bytes: &Option<&[u8]>| decode(oid, Format::Binary, *bytes, charset).map_err(malformed);
        let values = values.iter().map(value).collect::<Result<Vec<ScalarValue>>>()?;
        let Some(first) = values.first().map(ScalarValue::data_type) else {
            return Ok(Arc::new(StringArray::from(Vec::<&str>::new())));
        };
        let unreadable = |_| Error::internal("values of COPY have no common type");
        if values.iter().all(|value| value.data_type() == first) {
            return ScalarValue::iter_to_array(values).map_err(unreadable);
        }
        // Decimals of different widths: the type's input function knows what they become.
        let text = |value: ScalarValue| Ok(cell_text(&value.to_array().map_err(unreadable)?, 0));
        Ok(Arc::new(values.into_iter().map(text).collect::<Result<StringArray>>()?))
    }
}

/// What a parameter's reader says, in the words for COPY.
fn malformed(error: Error) -> Error {
    match error.kind() {
        Kind::InvalidText => Error::new(Kind::InvalidBinary, "incorrect binary data format"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int32Array;
    use datafusion::arrow::datatypes::DataType;

    #[test]
    fn rows_go_out_and_come_back() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int32Array::from(vec![Some(7), None]))),
            ("t", Arc::new(StringArray::from(vec!["a", "bc"]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let (mut out, mut ends) = (Vec::new(), Vec::new());
        BinaryCopy.write((&batch.schema(), Charset::Utf8), &batch, &mut out, &mut ends).unwrap();
        assert_eq!(out, b"\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x01a\0\x02\xff\xff\xff\xff\0\0\0\x02bc");
        assert_eq!(ends, [15, out.len()]);
        let field = Field::new("n", DataType::Int32, true);
        let read = BinaryCopy.read((&field, Charset::Utf8), &[Some(&[0, 0, 0, 7]), None]).unwrap();
        assert_eq!(&read, batch.column(0));
        let error = BinaryCopy.read((&field, Charset::Utf8), &[Some(&[0, 7])]).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::InvalidBinary, "incorrect binary data format"));
        // 12.50 and -0.00001
        let wide: [&[u8]; 2] =
            [&[0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 0x13, 0x88], &[0, 1, 0xff, 0xfe, 0x40, 0, 0, 5, 3, 0xe8]];
        let field = Field::new("d", DataType::Decimal128(20, 5), true);
        let read = BinaryCopy.read((&field, Charset::Utf8), &wide.map(Some)).unwrap();
        assert_eq!((cell_text(&read, 0), cell_text(&read, 1)), (Some("12.50".to_owned()), Some("-0.00001".to_owned())));
    }
}
