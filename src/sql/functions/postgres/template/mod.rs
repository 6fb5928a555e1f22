//! `to_char`, `to_number`, `to_date` and `to_timestamp`: values by templates, as PostgreSQL's `formatting.c` reads and writes them.

mod digits;
mod moments;
mod numbers;
mod picture;
mod reading;
mod roman;
mod words;

use super::declared::{Body::Each, Declaration};

/// The functions of this folder.
pub const FUNCTIONS: &[Declaration] = &[
    ("to_char(timestamp, text) text", Each(moments::of_timestamp)),
    ("to_char(timestamptz, text) text", Each(moments::of_timestamptz)),
    ("to_char_in_zone(timestamptz, text, text) text", Each(moments::in_zone)),
    ("to_char(interval, text) text", Each(moments::of_interval)),
    ("to_char(int4, text) text", Each(numbers::to_char)),
    ("to_char(int8, text) text", Each(numbers::to_char)),
    ("to_char(numeric, text) text", Each(numbers::to_char)),
    ("to_char(float4, text) text", Each(numbers::to_char)),
    ("to_char(float8, text) text", Each(numbers::to_char)),
    ("to_number(text, text) numeric", Each(digits::to_number)),
    ("to_date(text, text) date", Each(reading::to_date)),
    ("to_timestamp(text, text) timestamptz", Each(reading::to_timestamp)),
    ("to_timestamp_in_zone(text, text, text) timestamptz", Each(reading::to_timestamp_in_zone)),
];

/// The letters up to the next quotation mark that no backslash is before, which stand for themselves, and what is behind it.
fn quoted(text: &str) -> (Vec<char>, &str) {
    let (mut letters, mut rest) = (Vec::new(), text);
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            '"' => break,
            '\\' if !rest.is_empty() => {
                let escaped = rest.chars().next().unwrap_or('\\');
                rest = &rest[escaped.len_utf8()..];
                letters.push(escaped);
            }
            letter => letters.push(letter),
        }
    }
    (letters, rest)
}

/// The ending of a number in English: `st`, `nd`, `rd`, `th`.
fn ordinal(digits: &str, upper: bool) -> &'static str {
    let last = digits.as_bytes().last().copied().unwrap_or(b'0');
    let teen = digits.len() > 1 && digits.as_bytes()[digits.len() - 2] == b'1';
    match (if teen { b'0' } else { last }, upper) {
        (b'1', true) => "ST",
        (b'1', false) => "st",
        (b'2', true) => "ND",
        (b'2', false) => "nd",
        (b'3', true) => "RD",
        (b'3', false) => "rd",
        (_, true) => "TH",
        (_, false) => "th",
    }
}
