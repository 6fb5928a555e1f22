//! Parameters that come as the bytes of PostgreSQL's `send` functions.

use super::text::zero_byte;
use super::{array, invalid, numeric};
use crate::encoding::Charset;
use crate::encoding::pg_text::{is_infinite_date, is_infinite_moment, write_uuid};
use crate::error::{Error, Kind, Result};
use crate::server::encode::{EPOCH_DAYS, EPOCH_MICROS, IPV4, IPV6};
use crate::server::types::{element_of, oid};
use crate::sql::Inet;
use chrono::NaiveDate;
use datafusion::arrow::array::ListArray;
use datafusion::arrow::datatypes::{Float32Type, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use std::net::IpAddr;
use std::sync::Arc;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;
/// The first day that PostgreSQL knows, in days since 1970: 4714-11-24 BC.
const FIRST_DAY: i32 = -2_440_588;

/// Reads bytes as a type.
pub fn decode(type_oid: u32, bytes: &[u8], charset: Charset) -> Result<ScalarValue> {
    Ok(match type_oid {
        oid::BOOL => ScalarValue::Boolean(Some(fixed::<1>(bytes)? != [0])),
        oid::INT2 => ScalarValue::Int16(Some(i16::from_be_bytes(fixed(bytes)?))),
        oid::INT4 => ScalarValue::Int32(Some(i32::from_be_bytes(fixed(bytes)?))),
        oid::INT8 => ScalarValue::Int64(Some(i64::from_be_bytes(fixed(bytes)?))),
        oid::OID | oid::XID | oid::CID | oid::REGPROC => {
            ScalarValue::Int64(Some(i64::from(u32::from_be_bytes(fixed(bytes)?))))
        }
        oid::FLOAT4 => ScalarValue::Float32(Some(one_nan(f32::from_be_bytes(fixed(bytes)?), f32::NAN))),
        oid::FLOAT8 => ScalarValue::Float64(Some(one_nan(f64::from_be_bytes(fixed(bytes)?), f64::NAN))),
        oid::NUMERIC => numeric::from_binary(bytes)?,
        oid::BYTEA => ScalarValue::Binary(Some(bytes.to_vec())),
        oid::UUID => {
            let mut out = Vec::with_capacity(36);
            write_uuid(&fixed::<16>(bytes)?, &mut out);
            text(&out, Charset::Utf8)?
        }
        oid::INET => inet(bytes, false)?,
        oid::CIDR => inet(bytes, true)?,
        oid::VECTOR => vector(bytes)?,
        oid::JSONB => match bytes.split_first() {
            Some((1, json)) => match text(json, charset)? {
                ScalarValue::Utf8(Some(json)) => super::text::decode(oid::JSONB, &json)?,
                other => other,
            },
            _ => return Err(invalid("jsonb")),
        },
        oid::DATE => {
            let days = i32::from_be_bytes(fixed(bytes)?);
            let since_1970 = match is_infinite_date(days.into()) {
                true => Some(days),
                false => i32::try_from(i64::from(days) + EPOCH_DAYS).ok().filter(|days| is_day(*days)),
            };
            ScalarValue::Date32(Some(since_1970.ok_or_else(out_of_range)?))
        }
        oid::TIME => {
            let micros = i64::from_be_bytes(fixed(bytes)?);
            if !(0..DAY_MICROS).contains(&micros) {
                return Err(Error::new(Kind::DatetimeOutOfRange, "time out of range"));
            }
            ScalarValue::Time64Microsecond(Some(micros))
        }
        oid::TIMESTAMP => ScalarValue::TimestampMicrosecond(Some(instant(bytes)?), None),
        oid::TIMESTAMPTZ => ScalarValue::TimestampMicrosecond(Some(instant(bytes)?), Some("UTC".into())),
        oid::INTERVAL => {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = fixed::<16>(bytes)?;
            let micros = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
            let days = i32::from_be_bytes([i, j, k, l]);
            let months = i32::from_be_bytes([m, n, o, p]);
            let nanos = micros.checked_mul(1000).ok_or_else(out_of_range)?;
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, days, nanos)))
        }
        _ => match element_of(type_oid) {
            Some(element) => array::from_binary(element, bytes, charset)?,
            // The text types and all that Steward keeps as text.
            None => text(bytes, charset)?,
        },
    })
}

/// A number, or the one that stands for all that are none, whatever their bits.
#[allow(clippy::eq_op, reason = "what is no number is not equal to itself")]
fn one_nan<N: PartialEq>(number: N, nan: N) -> N {
    if number == number { number } else { nan }
}

/// Family, bits of the network, whether it is a `cidr`, how many bytes, and these.
fn inet(bytes: &[u8], network: bool) -> Result<ScalarValue> {
    let address = match bytes {
        [IPV4, _, _, 4, address @ ..] => fixed::<4>(address).map(IpAddr::from)?,
        [IPV6, _, _, 16, address @ ..] => fixed::<16>(address).map(IpAddr::from)?,
        _ => return Err(invalid("inet")),
    };
    let found = Inet { address, bits: bytes[1] };
    match found.bits <= found.width() {
        true if network && found.network() == found => Ok(ScalarValue::Utf8(Some(found.with_its_bits()))),
        true if network => Err(invalid("cidr")),
        true => Ok(ScalarValue::Utf8(Some(found.to_string()))),
        false => Err(invalid("inet")),
    }
}

/// How many values, nothing, and the values.
fn vector(bytes: &[u8]) -> Result<ScalarValue> {
    let Some((head, values)) = bytes.split_at_checked(4) else { return Err(invalid("vector")) };
    let count = usize::from(u16::from_be_bytes([head[0], head[1]]));
    if values.len() != 4 * count || count == 0 {
        return Err(invalid("vector"));
    }
    let values = values.chunks_exact(4).map(|value| f32::from_be_bytes([value[0], value[1], value[2], value[3]]));
    let values: Vec<f32> = values.collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(invalid("vector"));
    }
    let list = ListArray::from_iter_primitive::<Float32Type, _, _>([Some(values.into_iter().map(Some))]);
    Ok(ScalarValue::List(Arc::new(list)))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| Error::new(Kind::InvalidText, "incorrect binary data format in bind parameter"))
}

fn text(bytes: &[u8], charset: Charset) -> Result<ScalarValue> {
    match bytes.contains(&0) {
        true => Err(zero_byte()),
        false => Ok(ScalarValue::Utf8(Some(charset.decode(bytes)?.into_owned()))),
    }
}

/// Whether a number of days since 1970 is a day of the calendar: from the first of the Julian days on, as in PostgreSQL.
fn is_day(days: i32) -> bool {
    days >= FIRST_DAY && NaiveDate::from_epoch_days(days).is_some()
}

/// Microseconds since 1970 from microseconds since 2000.
fn instant(bytes: &[u8]) -> Result<i64> {
    let micros = i64::from_be_bytes(fixed(bytes)?);
    if is_infinite_moment(micros) {
        return Ok(micros);
    }
    let is_moment = |micros: &i64| i32::try_from(micros.div_euclid(DAY_MICROS)).is_ok_and(is_day);
    micros.checked_add(EPOCH_MICROS).filter(is_moment).ok_or_else(out_of_range)
}

fn out_of_range() -> Error {
    Error::new(Kind::DatetimeOutOfRange, "date or time out of range")
}
