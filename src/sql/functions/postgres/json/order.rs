//! The order of `jsonb`: bytes that sort as PostgreSQL sorts the values, and are the same where it finds them equal.
//!
//! Objects are above arrays, these above booleans, numbers, texts and `null`; what has more members or elements is above what
//! has fewer, and then the first that differ decide. At the top an array without elements is below everything.

use super::super::call::Whole;
use super::super::declared::{Body::Whole as All, Declaration};
use super::tree::Tree;
use crate::encoding::hex;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use std::sync::Arc;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[("jsonb_order(jsonb) text", All(keys))];

fn keys(whole: &Whole<'_>) -> Result<ArrayRef> {
    let texts = whole.arrays[0].as_string::<i32>();
    let invalid = || Error::new(Kind::InvalidText, "invalid input syntax for type json");
    let keys = (0..texts.len()).map(|row| match texts.is_valid(row) {
        true => order_key(texts.value(row)).ok_or_else(invalid).map(Some),
        false => Ok(None),
    });
    // As digits: the engine has no ranges of bytes in windows.
    let digits = keys.map(|key| key.map(|key| key.map(|key| hex(&key))));
    Ok(Arc::new(digits.collect::<Result<StringArray>>()?))
}

/// The key of a value in text; nothing if it is no JSON.
pub fn order_key(text: &str) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(text.len() + 8);
    match Tree::read(text)? {
        Tree::Array(items) if items.is_empty() => key.push(0),
        tree => write(&tree, &mut key),
    }
    Some(key)
}

fn write(tree: &Tree, key: &mut Vec<u8>) {
    match tree {
        Tree::Null => key.push(1),
        Tree::Text(text) => {
            key.push(2);
            write_text(text, key);
        }
        Tree::Number(digits) => {
            key.push(3);
            write_number(digits, key);
        }
        Tree::Bool(value) => key.extend([4, u8::from(*value)]),
        Tree::Array(items) => {
            key.push(5);
            key.extend((items.len() as u32).to_be_bytes());
            items.iter().for_each(|item| write(item, key));
        }
        Tree::Object(members) => {
            key.push(6);
            key.extend((members.len() as u32).to_be_bytes());
            for (name, member) in members {
                write_text(name, key);
                write(member, key);
            }
        }
    }
}

/// No text has a zero character in it.
fn write_text(text: &str, key: &mut Vec<u8>) {
    key.extend(text.as_bytes());
    key.push(0);
}

/// Sign, place of the point before the first digit, digits; all of it turned round below zero.
fn write_number(text: &str, key: &mut Vec<u8>) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
        key.push(0x80);
        return;
    };
    let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
    let point = exponent.parse::<i64>().unwrap_or(0) + whole.len() as i64 - first as i64;
    let mut bytes = vec![0x81];
    bytes.extend((point as u64 ^ 1 << 63).to_be_bytes());
    bytes.extend(&digits[first..=last]);
    bytes.push(0);
    if negative {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    key.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_values_do() {
        let sorted = [
            "[]",
            "null",
            "\"\"",
            "\"a\"",
            "\"ab\"",
            "\"b\"",
            "-10",
            "-9.5",
            "-0.1",
            "0",
            "0.001",
            "1",
            "1.5",
            "9",
            "10",
            "100",
            "false",
            "true",
            "[1]",
            "[2]",
            "[[]]",
            "[1, 1]",
            "{}",
            "{\"a\": 1}",
            "{\"a\": 2}",
            "{\"b\": 0}",
            "{\"a\": 0, \"b\": 0}",
        ];
        for pair in sorted.windows(2) {
            assert!(order_key(pair[0]) < order_key(pair[1]), "{pair:?}");
        }
        assert_eq!(order_key("1"), order_key("1.00"));
        assert_eq!(order_key("{\"a\": 0}"), order_key("{\"a\": 0.0}"));
    }
}
