//! Texts: quoted for SQL, looked at, made of others.

use super::declared::{Body::Each, Declaration};
use super::made::{Args, Made};
use crate::error::{Error, Kind, Result};
use crate::sql::pg_catalog::quoted;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("quote_ident(text) text", Each(|row| Ok(quoted(row.text(0)).into()))),
    ("quote_literal(text) text", Each(|row| Ok(literal(row.text(0)).into()))),
    ("quote_literal(any) text", Each(|row| Ok(row.shown(0).map(|text| literal(&text)).into()))),
    ("?quote_nullable(text) text", Each(nullable)),
    ("?quote_nullable(any) text", Each(nullable)),
    ("like_any(text, text[], bool, bool) bool", Each(like_any)),
    ("?num_nulls(...any) int4", Each(|row| Ok(Made::Int(row.0.iter().filter(|cell| cell.is_none()).count() as i128)))),
    ("?num_nonnulls(...any) int4", Each(|row| Ok(Made::Int(row.0.iter().flatten().count() as i128)))),
    // Its answer is known before it runs: see `semantics`.
    ("?pg_typeof(any) text", Each(|_| Ok(Made::Null))),
    ("chr(int4) text", Each(chr)),
    ("unistr(text) text", Each(|row| Ok(unistr(row.text(0))?.into()))),
    ("parse_ident(text) text[]", Each(|row| Ok(crate::sql::pg_catalog::parts(row.text(0))?.into()))),
    ("string_to_table(text, text) text[]", Each(split)),
    ("!gen_random_uuid() uuid", Each(|_| random_uuid().map(Made::from))),
];

/// A text as a literal of SQL.
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

fn nullable(row: &Args<'_>) -> Result<Made> {
    Ok(row.shown(0).map_or_else(|| "NULL".to_owned(), |text| literal(&text)).into())
}

fn chr(row: &Args<'_>) -> Result<Made> {
    match row.int(0) {
        0 => Err(Error::new(Kind::ProgramLimit, "null character not permitted")),
        n if n < 0 => Err(Error::new(Kind::InvalidParameter, "character number must be positive")),
        n => match u32::try_from(n).ok().and_then(char::from_u32) {
            Some(letter) => Ok(letter.to_string().into()),
            None => Err(Error::new(Kind::LimitExceeded, format!("requested character too large for encoding: {n}"))),
        },
    }
}

/// A text with `\4e2d`, `\u4e2d`, `\+004e2d` and `\U00004e2d` as the characters of these numbers, and `\\` as one backslash.
fn unistr(text: &str) -> Result<String> {
    let pair = || Error::new(Kind::Syntax, "invalid Unicode surrogate pair");
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    // The first of two that are one character together.
    let mut high: Option<u32> = None;
    while let Some(letter) = rest.chars().next() {
        let (code, width) = match rest.strip_prefix('\\') {
            Some(escape) if !escape.starts_with('\\') => {
                let (code, width) = escaped(escape).ok_or_else(|| {
                    Error::new(Kind::Syntax, "invalid Unicode escape")
                        .with_hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
                })?;
                (code, width + 1)
            }
            // Two of them are one.
            Some(_) => (u32::from(letter), 2),
            None => (u32::from(letter), letter.len_utf8()),
        };
        rest = &rest[width..];
        let code = match (high.take(), code) {
            (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00),
            (Some(_), _) | (None, 0xdc00..=0xdfff) => return Err(pair()),
            (None, 0xd800..=0xdbff) => {
                high = Some(code);
                continue;
            }
            (None, code) => code,
        };
        let letter = char::from_u32(code).filter(|letter| *letter != '\0');
        out.push(
            letter
                .ok_or_else(|| Error::new(Kind::InvalidParameter, format!("invalid Unicode code point: {code:04X}")))?,
        );
    }
    match high {
        Some(_) => Err(pair()),
        None => Ok(out),
    }
}

/// The number that an escape says behind its backslash, and how many bytes it has.
fn escaped(escape: &str) -> Option<(u32, usize)> {
    let (before, digits) = match escape.as_bytes().first()? {
        b'+' => (1, 6),
        b'u' => (1, 4),
        b'U' => (1, 8),
        _ => (0, 4),
    };
    let number = escape.get(before..before + digits)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u32::from_str_radix(number, 16).ok()).flatten().map(|code| (code, before + digits))
}

fn split(row: &Args<'_>) -> Result<Made> {
    let (text, by) = (row.text(0), row.text(1));
    let parts: Vec<String> = match (text.is_empty(), by.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => vec![text.to_owned()],
        _ => text.split(by).map(str::to_owned).collect(),
    };
    Ok(parts.into())
}

fn random_uuid() -> Result<String> {
    let mut bytes = crate::crypto::random::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = Vec::new();
    crate::encoding::pg_text::write_uuid(&bytes, &mut text);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// `text LIKE ANY (patterns)`: with the second flag of ALL, with the first one in any case of letters.
fn like_any(row: &Args<'_>) -> Result<Made> {
    let fold = |text: &str| if row.is_true(2) { text.to_lowercase() } else { text.to_owned() };
    let text: Vec<char> = fold(row.text(0)).chars().collect();
    let all = row.is_true(3);
    let mut unknown = false;
    for pattern in row.texts(1) {
        match pattern {
            None => unknown = true,
            Some(pattern) => {
                let pattern: Vec<char> = fold(&pattern).chars().collect();
                if is_like(&text, &pattern)? != all {
                    return Ok(Made::Bool(!all));
                }
            }
        }
    }
    Ok(if unknown { Made::Null } else { Made::Bool(all) })
}

/// `LIKE` of PostgreSQL: `%` any letters, `_` one, a backslash the next letter as it is.
fn is_like(text: &[char], pattern: &[char]) -> Result<bool> {
    let (mut at, mut next) = (0, 0);
    // Where the last `%` stands, and how far the text was then.
    let mut back: Option<(usize, usize)> = None;
    while at < text.len() {
        let (escaped, letter) = match pattern.get(next) {
            Some('\\') => match pattern.get(next + 1) {
                None => {
                    let message = "LIKE pattern must not end with escape character";
                    return Err(Error::new(Kind::InvalidParameter, message));
                }
                letter => (true, letter),
            },
            letter => (false, letter),
        };
        match letter {
            Some('%') if !escaped => {
                back = Some((next, at));
                next += 1;
                continue;
            }
            Some(letter) if *letter == '_' && !escaped || *letter == text[at] => {
                at += 1;
                next += 1 + usize::from(escaped);
                continue;
            }
            _ => {}
        }
        let Some((percent, from)) = back else { return Ok(false) };
        (at, next) = (from + 1, percent + 1);
        back = Some((percent, from + 1));
    }
    Ok(pattern[next..].iter().all(|letter| *letter == '%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_characters() {
        let read = |text: &str| unistr(text).map_err(|error| error.kind());
        for (text, expected) in [
            (r"d\0061t\+000061", "data"),
            (r"\4e2d\u6587\U00004e2d", "中文中"),
            (r"\\4e2d \d83d\de00 é", r"\4e2d 😀 é"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected));
        }
        for (text, kind) in [
            (r"\4e2", Kind::Syntax),
            ("\\", Kind::Syntax),
            (r"\d83d", Kind::Syntax),
            (r"\de00", Kind::Syntax),
            (r"\d83dx", Kind::Syntax),
            (r"\0000", Kind::InvalidParameter),
            (r"\+110000", Kind::InvalidParameter),
        ] {
            assert_eq!(read(text), Err(kind), "{text}");
        }
    }

    #[test]
    fn patterns_of_like_match_as_postgres_does() {
        let like = |text: &str, pattern: &str| {
            is_like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>()).unwrap()
        };
        for (text, pattern, matches) in [
            ("apple", "a%", true),
            ("apple", "%pl_", true),
            ("apple", "a_le", false),
            ("a%b", "a\\%b", true),
            ("axb", "a\\%b", false),
            ("", "%", true),
            ("aab", "%a_", true),
            ("mississippi", "m%iss%ip%i", true),
        ] {
            assert_eq!(like(text, pattern), matches, "{text} {pattern}");
        }
    }
}
