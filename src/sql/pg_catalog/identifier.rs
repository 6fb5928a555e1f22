//! Names as text: written with quotes where they need them, and read back.

use super::super::keywords::is_name;
use crate::error::{Error, Kind, Result};

/// A name as SQL has it: in quotes if it needs them.
pub fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match plain && is_name(name) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A literal of text.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The parts of a written name, folded: `Public."T"` is `public` and `T`.
pub fn parts(text: &str) -> Result<Vec<String>> {
    let invalid = || Error::new(Kind::InvalidParameter, format!("invalid name syntax: \"{text}\""));
    let (mut parts, mut rest) = (Vec::new(), text.trim());
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(inside) => unquoted(inside).ok_or_else(invalid)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].trim().to_lowercase(), &rest[end..])
            }
        };
        if part.is_empty() {
            return Err(invalid());
        }
        parts.push(part);
        rest = match after.trim_start().strip_prefix('.') {
            Some(next) => next.trim_start(),
            None if after.trim().is_empty() => return Ok(parts),
            None => return Err(invalid()),
        };
    }
}

/// What stands before the closing quote, and what after it.
fn unquoted(inside: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = inside.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if matches!(chars.peek(), Some((_, '"'))) => {
                chars.next();
                name.push('"');
            }
            '"' => return Some((name, &inside[at + 1..])),
            other => name.push(other),
        }
    }
    None
}

/// Schema, if one is written, and name.
pub fn qualified(text: &str) -> Result<(Option<String>, String)> {
    let mut parts = parts(text)?;
    match (parts.pop(), parts.pop()) {
        (Some(name), schema) => Ok((schema, name)),
        _ => Err(Error::new(Kind::InvalidParameter, format!("invalid name syntax: \"{text}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be_and_read_back() {
        for (name, written) in
            [("users", "users"), ("Users", "\"Users\""), ("order", "\"order\""), ("a\"b", "\"a\"\"b\"")]
        {
            assert_eq!(quoted(name), written);
            assert_eq!(parts(written).unwrap(), [name]);
        }
        assert_eq!(parts("Public.\"T.x\"").unwrap(), ["public", "T.x"]);
        assert_eq!(qualified("t").unwrap(), (None, "t".to_owned()));
        assert!(parts("").is_err() && parts("a.").is_err() && parts("\"a").is_err() && parts("\"a\"b").is_err());
    }
}
