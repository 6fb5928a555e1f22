//! LIKE and regular expressions.

use crate::error::{Error, Kind, Result};
use regex::{Regex, RegexBuilder};

/// Whether a text is like a pattern. A pattern that ends in its escape character is an error.
pub fn like(text: &str, pattern: &str, fold: bool, escape: Option<char>) -> Result<bool> {
    let lower = |text: &str| if fold { text.to_lowercase() } else { text.to_owned() };
    let text: Vec<char> = lower(text).chars().collect();
    let mut parts = Vec::new();
    let pattern = lower(pattern);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            letter if Some(letter) == escape => match letters.next() {
                Some(next) => Part::Letter(next),
                None => {
                    return Err(Error::new(Kind::InvalidParameter, "LIKE pattern must not end with escape character"));
                }
            },
            '%' => Part::Any,
            '_' => Part::One,
            letter => Part::Letter(letter),
        });
    }
    Ok(matches(&text, &parts))
}

enum Part {
    Any,
    One,
    Letter(char),
}

/// Goes back to the last `%` where something does not fit: no more than text times pattern.
fn matches(text: &[char], parts: &[Part]) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let fits = match (parts.get(part), text.get(at)) {
            (None, None) => return true,
            (Some(Part::Any), _) => {
                retry = Some((part + 1, at));
                part += 1;
                continue;
            }
            (Some(Part::One), Some(_)) => true,
            (Some(Part::Letter(letter)), Some(other)) => letter == other,
            _ => false,
        };
        match (fits, &mut retry) {
            (true, _) => (at, part) = (at + 1, part + 1),
            (false, Some((after, from))) if *from < text.len() => {
                *from += 1;
                (at, part) = (*from, *after);
            }
            (false, _) => return false,
        }
    }
}

/// A regular expression of PostgreSQL's.
pub fn regex(pattern: &str, fold: bool) -> Result<Regex> {
    let plain = pattern.strip_prefix("***:").unwrap_or(pattern);
    let translated = match pattern.strip_prefix("***=") {
        Some(literal) => regex::escape(literal),
        // PostgreSQL's escapes for the edges of a word and of the text.
        None => {
            plain.replace("\\m", "\\b{start}").replace("\\M", "\\b{end}").replace("\\y", "\\b").replace("\\Z", "\\z")
        }
    };
    let built = RegexBuilder::new(&translated).case_insensitive(fold).dot_matches_new_line(true).build();
    built.map_err(|_| Error::new(Kind::InvalidRegex, format!("invalid regular expression: {pattern}")))
}

/// What stands for a match, in the library's spelling.
pub fn replacement(with: &str) -> String {
    let mut out = String::new();
    let mut letters = with.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => out.push_str("$$"),
            '\\' => match letters.next() {
                Some('&') => out.push_str("${0}"),
                Some(digit) if digit.is_ascii_digit() => out.push_str(&format!("${{{digit}}}")),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            letter => out.push(letter),
        }
    }
    out
}
