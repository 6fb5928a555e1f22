//! Names as text: written with quotes where they need them, and read back.

use crate::error::{Error, Kind, Result};

/// Words that are no names without quotes: PostgreSQL's reserved ones, and those that may name a function or type only.
const RESERVED: &str = "
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
    cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default
    deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
    greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
    lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not notnull
    null nullif numeric offset on only or order out outer overlaps overlay placing position precision primary real
    references returning right row select session_user setof similar smallint some substring symmetric table
    tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic
    verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse
    xmlpi xmlroot xmlserialize xmltable
";

/// These words.
pub fn reserved() -> impl Iterator<Item = &'static str> {
    RESERVED.split_whitespace()
}

/// A name as SQL has it: in quotes if it needs them.
pub fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match plain && !reserved().any(|word| word == name) {
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
