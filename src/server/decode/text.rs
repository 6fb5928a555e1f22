//! Parameters that come as text.

use super::{array, invalid, numeric};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::server::types::{element_of, oid};
use crate::sql::read_one;
use datafusion::common::ScalarValue;
use std::num::IntErrorKind;
use std::str::FromStr;

/// Reads a text as a type.
pub fn decode(type_oid: u32, text: &str) -> Result<ScalarValue> {
    let trimmed = text.trim();
    Ok(match type_oid {
        oid::BOOL => as_sql(trimmed, &SqlType::Bool, "boolean")?,
        oid::INT2 => ScalarValue::Int16(Some(integer(trimmed, "smallint")?)),
        oid::INT4 => ScalarValue::Int32(Some(integer(trimmed, "integer")?)),
        oid::INT8 => ScalarValue::Int64(Some(integer(trimmed, "bigint")?)),
        oid::OID | oid::XID | oid::CID | oid::REGPROC => {
            ScalarValue::Int64(Some(i64::from(integer::<u32>(trimmed, "oid")?)))
        }
        oid::FLOAT4 => ScalarValue::Float32(Some(trimmed.parse().map_err(|_| invalid("real"))?)),
        oid::FLOAT8 => ScalarValue::Float64(Some(trimmed.parse().map_err(|_| invalid("double precision"))?)),
        oid::NUMERIC => numeric::from_text(trimmed)?,
        oid::BYTEA => as_sql(text, &SqlType::Bytea, "bytea")?,
        oid::UUID => as_sql(trimmed, &SqlType::Uuid, "uuid")?,
        oid::VECTOR => as_sql(trimmed, &SqlType::Vector(None), "vector")?,
        oid::INET => as_sql(trimmed, &SqlType::Inet, "inet")?,
        oid::CIDR => as_sql(trimmed, &SqlType::Cidr, "cidr")?,
        oid::DATE => as_sql(trimmed, &SqlType::Date, "date")?,
        oid::TIME => as_sql(trimmed, &SqlType::Time, "time")?,
        oid::TIMESTAMP => as_sql(trimmed, &SqlType::Timestamp, "timestamp")?,
        oid::TIMESTAMPTZ => as_sql(trimmed, &SqlType::Timestamptz, "timestamp with time zone")?,
        oid::INTERVAL => as_sql(trimmed, &SqlType::Interval, "interval")?,
        oid::JSON => as_sql(text, &SqlType::Json, "json")?,
        oid::JSONB => as_sql(text, &SqlType::Jsonb, "json")?,
        _ => match element_of(type_oid) {
            Some(element) => array::from_text(element, text)?,
            None if text.contains('\0') => return Err(zero_byte()),
            None => ScalarValue::Utf8(Some(text.to_owned())),
        },
    })
}

fn integer<T: FromStr<Err = std::num::ParseIntError>>(text: &str, type_name: &str) -> Result<T> {
    text.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
            Error::new(Kind::NumericOutOfRange, format!("value is out of range for type {type_name}"))
        }
        _ => invalid(type_name),
    })
}

/// Reads it as SQL reads such a text; the message does not repeat it.
fn as_sql(text: &str, sql_type: &SqlType, type_name: &str) -> Result<ScalarValue> {
    read_one(text, sql_type).map_err(|error| match error.kind() {
        Kind::InvalidText | Kind::InvalidDatetime => invalid(type_name),
        kind => Error::new(kind, format!("value is out of range for type {type_name}")),
    })
}

/// PostgreSQL's texts end where a zero byte is, so none has one.
pub fn zero_byte() -> Error {
    Error::new(Kind::InvalidByteSequence, "invalid byte sequence for encoding \"UTF8\": 0x00")
}
