//! Bound parameters as scalar values.
//!
//! A parameter comes as text or as the bytes of its type, and the type's OID (declared by the client or inferred by the
//! session) says which value it is. Text of a type that Steward does not know stays text. Errors name the parameter,
//! never its value.

mod array;
mod binary;
mod numeric;
mod text;

use super::encode::Format;
use super::types::arrow_type;
use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use datafusion::common::ScalarValue;

/// The value of one parameter, whose texts are in an encoding; `None` is NULL of the type.
pub fn decode(type_oid: u32, format: Format, bytes: Option<&[u8]>, charset: Charset) -> Result<ScalarValue> {
    let Some(bytes) = bytes else {
        return ScalarValue::try_from(&arrow_type(type_oid))
            .map_err(|_| Error::internal("a parameter type has no NULL"));
    };
    match format {
        Format::Binary => binary::decode(type_oid, bytes, charset),
        Format::Text => text::decode(type_oid, &charset.decode(bytes)?),
    }
}

/// A text that cannot be read as a type.
fn invalid(type_name: &str) -> Error {
    Error::new(Kind::InvalidText, format!("invalid input syntax for type {type_name}"))
}

#[cfg(test)]
mod tests {
    use super::super::types::oid;
    use super::*;
    use crate::encoding::pg_text::cell_text;

    /// The parameter's value, written back.
    fn text(type_oid: u32, format: Format, bytes: &[u8]) -> String {
        let value = decode(type_oid, format, Some(bytes), Charset::Utf8).unwrap();
        cell_text(&value.to_array().unwrap(), 0).unwrap()
    }

    #[test]
    fn texts_are_read_by_type() {
        for (type_oid, given, expected) in [
            (oid::BOOL, "TRUE", "t"),
            (oid::BOOL, "off", "f"),
            (oid::INT4, " 42 ", "42"),
            (oid::FLOAT8, "-Infinity", "-Infinity"),
            (oid::NUMERIC, "0012.50", "12.50"),
            (oid::NUMERIC, "1.5e3", "1500"),
            (oid::NUMERIC, "123456789012345678901234567890123456789012", "123456789012345678901234567890123456789012"),
            (oid::BYTEA, "\\x00ff", "\\x00ff"),
            (oid::BYTEA, "a\\\\b\\001", "\\x615c6201"),
            (oid::DATE, "2024-02-29", "2024-02-29"),
            (oid::TIMESTAMP, "2024-02-29 12:30:00.5+08", "2024-02-29 12:30:00.5"),
            (oid::TIMESTAMPTZ, "2024-02-29 12:30:00+08", "2024-02-29 04:30:00+00"),
            (oid::TIMESTAMPTZ, "2024-02-29T12:30:00Z", "2024-02-29 12:30:00+00"),
            (oid::TIME, "12:30:01.25", "12:30:01.25"),
            (oid::INTERVAL, "1 year 2 mons -3 days +04:05:06.7", "1 year 2 mons -3 days +04:05:06.7"),
            (oid::INTERVAL, "1.5 years 2 weeks ago", "-1 years -6 mons -14 days"),
            (oid::INTERVAL, "1 day 2 hours 3.5 sec", "1 day 02:00:03.5"),
            (oid::INTERVAL, "1.5 days", "1 day 12:00:00"),
            (oid::UUID, "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            (0, "anything", "anything"),
            (1009, "{a,\"b \\\"c\\\"\",NULL,\"NULL\"}", "{a,\"b \\\"c\\\"\",NULL,\"NULL\"}"),
            (1007, "{}", "{}"),
        ] {
            assert_eq!(text(type_oid, Format::Text, given.as_bytes()), expected);
        }
    }

    #[test]
    fn bytes_are_read_by_type() {
        assert_eq!(text(oid::INT2, Format::Binary, &[0xff, 0xfe]), "-2");
        assert_eq!(text(oid::NUMERIC, Format::Binary, &[0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 0x13, 0x88]), "12.50");
        assert_eq!(text(oid::NUMERIC, Format::Binary, &[0, 1, 0xff, 0xfe, 0x40, 0, 0, 5, 3, 0xe8]), "-0.00001");
        assert_eq!(text(oid::NUMERIC, Format::Binary, &[0, 1, 0, 1, 0, 0, 0, 0, 0, 1]), "10000");
        assert_eq!(text(oid::DATE, Format::Binary, &1i32.to_be_bytes()), "2000-01-02");
        assert_eq!(text(oid::TIMESTAMPTZ, Format::Binary, &1_000_000i64.to_be_bytes()), "2000-01-01 00:00:01+00");
        assert_eq!(text(oid::JSONB, Format::Binary, b"\x01{}"), "{}");
        let array: Vec<u8> = [1, 1, 23, 2, 1, 4, 7, -1].iter().flat_map(|word: &i32| word.to_be_bytes()).collect();
        assert_eq!(text(1007, Format::Binary, &array), "{7,NULL}");
    }

    #[test]
    fn texts_are_in_the_clients_encoding() {
        let gbk = Charset::named("GBK").unwrap();
        for format in [Format::Text, Format::Binary] {
            let value = decode(oid::TEXT, format, Some(b"\xc9\xcc"), gbk).unwrap();
            assert_eq!(value, ScalarValue::Utf8(Some("商".to_owned())));
        }
    }

    #[test]
    fn nonsense_is_an_error_of_its_kind() {
        for (type_oid, format, given) in [
            (oid::INT4, Format::Text, &b"4x"[..]),
            (oid::BOOL, Format::Text, b"maybe"),
            (oid::UUID, Format::Text, b"12"),
            (oid::INT8, Format::Binary, b"123"),
            (oid::NUMERIC, Format::Binary, &[0, 9, 0, 0]),
            (oid::JSONB, Format::Binary, b"\x02{}"),
            (oid::JSONB, Format::Binary, b"\x01{"),
            (oid::JSONB, Format::Text, b"a"),
            (oid::JSON, Format::Text, b"[1"),
            (1007, Format::Binary, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1]),
            (1007, Format::Text, b"{1,2"),
        ] {
            let error = decode(type_oid, format, Some(given), Charset::Utf8).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidText, "{type_oid}");
        }
        let kind =
            |type_oid, given: &[u8]| decode(type_oid, Format::Text, Some(given), Charset::Utf8).unwrap_err().kind();
        assert_eq!(kind(oid::TEXT, b"\xff"), Kind::InvalidByteSequence);
        assert_eq!(kind(oid::INT2, b"40000"), Kind::NumericOutOfRange);
        let binary =
            |type_oid, given: &[u8]| decode(type_oid, Format::Binary, Some(given), Charset::Utf8).unwrap_err().kind();
        assert_eq!(binary(oid::TEXT, b"a\0b"), Kind::InvalidByteSequence);
        assert_eq!(binary(oid::TIME, &(-5i64).to_be_bytes()), Kind::DatetimeOutOfRange);
        assert_eq!(binary(oid::TIME, &999_999_999_999i64.to_be_bytes()), Kind::DatetimeOutOfRange);
        assert_eq!(binary(oid::DATE, &(-20_000_000i32).to_be_bytes()), Kind::DatetimeOutOfRange);
        assert_eq!(binary(oid::TIMESTAMP, &(i64::MAX - 1).to_be_bytes()), Kind::DatetimeOutOfRange);
        assert_eq!(kind(oid::NUMERIC, b"1e200"), Kind::NumericOutOfRange);
        assert!(decode(1016, Format::Text, None, Charset::Utf8).unwrap().is_null());
    }
}
