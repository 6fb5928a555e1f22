//! `bytea`: as text and back, byte by byte, and in other encodings.

use super::call::Whole;
use super::declared::{
    Body::{Each, Whole as All},
    Declaration,
};
use super::made::{Args, Made};
use crate::encoding::{Charset, hex, unhex};
use crate::error::{Error, Kind, Result};
use crate::sql::values::unescaped;
use arrow::array::{ArrayRef, AsArray, Int32Array};
use std::sync::Arc;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("encode(bytea, text) text", Each(encode)),
    ("decode(text, text) bytea", Each(decode)),
    ("octet_length(bytea) int4", Each(|row| Ok(Made::Int(row.bytes(0).len() as i128)))),
    ("octet_length(text) int4", All(|whole| lengths(whole, str::len))),
    ("bit_length(bytea) int4", Each(|row| Ok(Made::Int(row.bytes(0).len() as i128 * 8)))),
    ("bit_length(text) int4", Each(|row| Ok(Made::Int(row.text(0).len() as i128 * 8)))),
    ("length(bytea) int4", Each(|row| Ok(Made::Int(row.bytes(0).len() as i128)))),
    ("length(text) int4", All(|whole| lengths(whole, |text| text.chars().count()))),
    ("char_length(text) int4", All(|whole| lengths(whole, |text| text.chars().count()))),
    ("character_length(text) int4", All(|whole| lengths(whole, |text| text.chars().count()))),
    ("get_byte(bytea, int4) int4", Each(|row| byte(row, row.bytes(0), 1).map(|at| Made::Int(row.bytes(0)[at].into())))),
    ("set_byte(bytea, int4, int4) bytea", Each(set_byte)),
    ("get_bit(bytea, int8) int4", Each(get_bit)),
    ("set_bit(bytea, int8, int4) bytea", Each(set_bit)),
    ("bit_count(bytea) int8", Each(|row| Ok(Made::Int(row.bytes(0).iter().map(|b| i128::from(b.count_ones())).sum())))),
    ("bytea_substr(bytea, int4, int4?) bytea", Each(part)),
    ("bytea_overlay(bytea, bytea, int4, int4?) bytea", Each(overlaid)),
    ("convert_to(text, text) bytea", Each(convert_to)),
    ("convert(bytea, text, text) bytea", Each(convert)),
    ("convert_from(bytea, text) text", Each(convert_from)),
];

fn lengths(whole: &Whole<'_>, of: fn(&str) -> usize) -> Result<ArrayRef> {
    let texts = whole.arrays[0].as_string::<i32>().iter();
    let lengths = texts.map(|text| text.map(|text| i32::try_from(of(text)).unwrap_or(i32::MAX)));
    Ok(Arc::new(lengths.collect::<Int32Array>()))
}

/// The bytes from a place on, so many of them if that is said.
fn part(row: &Args<'_>) -> Result<Made> {
    let bytes = row.bytes(0);
    let length = row.get(2).map(|_| row.int(2));
    if length.is_some_and(|length| length < 0) {
        return Err(Error::new(Kind::InvalidSubstring, "negative substring length not allowed"));
    }
    let start = row.int(1);
    let end = length.map_or(i64::MAX, |length| start.saturating_add(length));
    let place = |at: i64| usize::try_from(at.saturating_sub(1).max(0)).unwrap_or(usize::MAX).min(bytes.len());
    let (start, end) = (place(start), place(end));
    Ok(Made::Bytes(bytes[start..end.max(start)].to_vec()))
}

/// The bytes with others in the place of some of them.
fn overlaid(row: &Args<'_>) -> Result<Made> {
    let (bytes, with, start) = (row.bytes(0), row.bytes(1), row.int(2));
    if start <= 0 {
        return Err(Error::new(Kind::InvalidSubstring, "negative substring length not allowed"));
    }
    let length = row.get(3).map_or(with.len() as i64, |_| row.int(3));
    let place = |at: i64| usize::try_from(at.max(0)).unwrap_or(usize::MAX).min(bytes.len());
    let (before, after) = (place(start - 1), place((start - 1).saturating_add(length)));
    Ok(Made::Bytes([&bytes[..before], with, &bytes[after..]].concat()))
}

fn encode(row: &Args<'_>) -> Result<Made> {
    let bytes = row.bytes(0);
    Ok(match row.text(1).to_ascii_lowercase().as_str() {
        "hex" => hex(bytes),
        "base64" => base64(bytes),
        "escape" => escaped(bytes),
        _ => return Err(unknown(row.text(1))),
    }
    .into())
}

fn decode(row: &Args<'_>) -> Result<Made> {
    let text = row.text(0);
    match row.text(1).to_ascii_lowercase().as_str() {
        "hex" => from_hex(text),
        "base64" => from_base64(text),
        "escape" => unescaped(text).ok_or_else(|| Error::new(Kind::InvalidText, "invalid input syntax for type bytea")),
        _ => Err(unknown(row.text(1))),
    }
    .map(Made::Bytes)
}

fn unknown(encoding: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("unrecognized encoding: \"{encoding}\""))
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Lines of 76 letters, as RFC 2045 wants them.
fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 4);
    for (n, group) in bytes.chunks(3).enumerate() {
        if n > 0 && n.is_multiple_of(19) {
            out.push('\n');
        }
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for letter in 0..4 {
            let shown = letter <= group.len();
            out.push(if shown { char::from(LETTERS[(bits >> (18 - 6 * letter)) as usize & 63]) } else { '=' });
        }
    }
    out
}

fn from_base64(text: &str) -> Result<Vec<u8>> {
    let invalid = |message: String| Error::new(Kind::InvalidParameter, message);
    let (mut bits, mut count, mut ended) = (0u32, 0, 0);
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for letter in text.chars().filter(|letter| !letter.is_ascii_whitespace()) {
        let value = match LETTERS.iter().position(|known| char::from(*known) == letter) {
            Some(value) if ended == 0 => value as u32,
            None if letter == '=' && count >= 2 => {
                ended += 1;
                0
            }
            _ => return Err(invalid(format!("invalid symbol \"{letter}\" found while decoding base64 sequence"))),
        };
        bits = bits << 6 | value;
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..4 - ended.min(2)]);
            (bits, count) = (0, 0);
        }
    }
    match count {
        0 => Ok(out),
        _ => Err(invalid("invalid base64 end sequence".to_owned())
            .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted.")),
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let digits: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    if let Some(letter) = digits.chars().find(|letter| !letter.is_ascii_hexdigit()) {
        return Err(Error::new(Kind::InvalidParameter, format!("invalid hexadecimal digit: \"{letter}\"")));
    }
    let odd = || Error::new(Kind::InvalidParameter, "invalid hexadecimal data: odd number of digits");
    unhex(digits.as_bytes()).ok_or_else(odd)
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            0 | 128.. => out.push_str(&format!("\\{byte:03o}")),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// The place of a byte that there is.
fn byte(row: &Args<'_>, bytes: &[u8], at: usize) -> Result<usize> {
    let place = row.int(at);
    usize::try_from(place).ok().filter(|place| *place < bytes.len()).ok_or_else(|| {
        let most = bytes.len() as i64 - 1;
        Error::new(Kind::InvalidParameter, format!("index {place} out of valid range, 0..{most}"))
    })
}

fn set_byte(row: &Args<'_>) -> Result<Made> {
    let mut bytes = row.bytes(0).to_vec();
    let at = byte(row, &bytes, 1)?;
    bytes[at] = row.int(2) as u8;
    Ok(bytes.into())
}

fn bit(row: &Args<'_>) -> Result<(usize, u32)> {
    let (place, bits) = (row.int(1), row.bytes(0).len() as i64 * 8);
    if !(0..bits).contains(&place) {
        let message = format!("index {place} out of valid range, 0..{}", bits - 1);
        return Err(Error::new(Kind::InvalidParameter, message));
    }
    Ok(((place / 8) as usize, (place % 8) as u32))
}

fn get_bit(row: &Args<'_>) -> Result<Made> {
    let (byte, bit) = bit(row)?;
    Ok(Made::Int((row.bytes(0)[byte] >> bit & 1).into()))
}

fn set_bit(row: &Args<'_>) -> Result<Made> {
    let (byte, bit) = bit(row)?;
    let mut bytes = row.bytes(0).to_vec();
    match row.int(2) {
        0 => bytes[byte] &= !(1 << bit),
        1 => bytes[byte] |= 1 << bit,
        _ => return Err(Error::new(Kind::InvalidParameter, "new bit must be 0 or 1")),
    }
    Ok(bytes.into())
}

fn convert_from(row: &Args<'_>) -> Result<Made> {
    let charset = charset(row.text(1), "source")?;
    let text = charset.decode(row.bytes(0))?;
    match text.contains('\0') {
        false => Ok(text.into_owned().into()),
        true => {
            let message = format!("invalid byte sequence for encoding \"{}\": 0x00", charset.name());
            Err(Error::new(Kind::InvalidByteSequence, message))
        }
    }
}

fn convert_to(row: &Args<'_>) -> Result<Made> {
    let mut bytes = Vec::new();
    charset(row.text(1), "destination")?.encode(row.text(0), &mut bytes)?;
    Ok(bytes.into())
}

fn convert(row: &Args<'_>) -> Result<Made> {
    let (from, to) = (charset(row.text(1), "source")?, charset(row.text(2), "destination")?);
    let mut bytes = Vec::new();
    to.encode(&from.decode(row.bytes(0))?, &mut bytes)?;
    Ok(bytes.into())
}

/// An encoding by its name.
fn charset(name: &str, what: &str) -> Result<Charset> {
    Charset::named(name).map_err(|error| match error.kind() {
        Kind::InvalidParameter => {
            Error::new(Kind::InvalidParameter, format!("invalid {what} encoding name \"{name}\""))
        }
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_both_ways() {
        for (bytes, text) in [(&b"abc"[..], "YWJj"), (b"a", "YQ=="), (b"ab", "YWI="), (b"", "")] {
            assert_eq!(base64(bytes), text);
            assert_eq!(from_base64(text).unwrap(), bytes);
        }
        assert!(base64(&[0; 60]).contains('\n'));
        assert!(from_base64("YQ").is_err());
    }
}
