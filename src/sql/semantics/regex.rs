//! Regular expressions as PostgreSQL reads them (its "advanced" ones), in the words of the library that runs them: a dot is a new
//! line too, classes know all scripts, `\m` and `\y` are edges of words.

use crate::error::{Error, Kind, Result};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

/// Classes of POSIX, and what they are where all letters of the world count.
const CLASSES: [(&str, &str); 7] = [
    ("[:alpha:]", r"\p{Alphabetic}"),
    ("[:digit:]", r"\p{Nd}"),
    ("[:alnum:]", r"\p{Alphabetic}\p{Nd}"),
    ("[:upper:]", r"\p{Uppercase}"),
    ("[:lower:]", r"\p{Lowercase}"),
    ("[:space:]", r"\s"),
    ("[:punct:]", r"\p{Punctuation}\p{Symbol}"),
];

/// A constant pattern in the engine's words; others stay as they are.
///
/// # Errors
///
/// `InvalidRegex` for one that is none.
pub fn pattern(expr: Expr) -> Result<Expr> {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) = expr else { return Ok(expr) };
    let said = said(&text, "")?;
    compiled(&said)?;
    Ok(Expr::Literal(ScalarValue::Utf8(Some(said)), metadata))
}

/// The expression, ready to run.
///
/// # Errors
///
/// `InvalidRegex` for one that is none.
pub fn compiled(said: &str) -> Result<::regex::Regex> {
    ::regex::Regex::new(said).map_err(|error| {
        let cause = error.to_string();
        let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Error::new(Kind::InvalidRegex, format!("invalid regular expression: {cause}"))
    })
}

/// A pattern in the library's words, as letters say that are PostgreSQL's options (`i`, `n`, `x`, ...); `g` is its caller's.
///
/// # Errors
///
/// `InvalidParameter` for a letter that is no option, `Unsupported` for basic regular expressions.
pub fn said(pattern: &str, options: &str) -> Result<String> {
    let (mut any, mut lines, mut case, mut free, mut plain) = (true, false, false, false, false);
    let (embedded, pattern) = match pattern.strip_prefix("***=") {
        Some(rest) => ("q", rest),
        None => embedded(pattern.strip_prefix("***:").unwrap_or(pattern)),
    };
    for option in options.chars().chain(embedded.chars()) {
        match option {
            'i' => case = true,
            'c' => case = false,
            'n' | 'm' => (any, lines) = (false, true),
            's' => (any, lines) = (true, false),
            'p' => (any, lines) = (false, false),
            'w' => (any, lines) = (true, true),
            'x' => free = true,
            't' => free = false,
            'q' => plain = true,
            'e' | 'g' => {}
            'b' => return Err(Error::new(Kind::Unsupported, "basic regular expressions are not supported")),
            other => {
                let message = format!("invalid regular expression option: \"{other}\"");
                return Err(Error::new(Kind::InvalidParameter, message));
            }
        }
    }
    let flags: String =
        [(any, 's'), (lines, 'm'), (case, 'i'), (free, 'x')].iter().filter(|(on, _)| *on).map(|(_, c)| *c).collect();
    let flags = if flags.is_empty() { flags } else { format!("(?{flags})") };
    Ok(match plain {
        true => format!("{flags}{}", ::regex::escape(pattern)),
        false => format!("{flags}{}", translated(pattern)),
    })
}

/// `(?i)` at the beginning.
fn embedded(pattern: &str) -> (&str, &str) {
    let found = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    match found {
        Some((letters, rest)) if !letters.is_empty() && letters.bytes().all(|letter| letter.is_ascii_lowercase()) => {
            (letters, rest)
        }
        _ => ("", pattern),
    }
}

fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut bracket = false;
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        if letter == '\\' {
            let escaped = after.chars().next();
            rest = escaped.map_or(after, |escaped| &after[escaped.len_utf8()..]);
            match escaped {
                Some('y') if !bracket => out.push_str("\\b"),
                Some('Y') if !bracket => out.push_str("\\B"),
                Some('m') if !bracket => out.push_str("\\b{start}"),
                Some('M') if !bracket => out.push_str("\\b{end}"),
                Some('Z') if !bracket => out.push_str("\\z"),
                Some('b') => out.push_str("\\x08"),
                Some('B') => out.push_str("\\\\"),
                Some('e') => out.push_str("\\x1b"),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            }
            continue;
        }
        rest = after;
        if !bracket {
            if let Some(edge) = [("[[:<:]]", "\\b{start}"), ("[[:>:]]", "\\b{end}")]
                .iter()
                .find(|(name, _)| letter == '[' && after.starts_with(&name[1..]))
            {
                out.push_str(edge.1);
                rest = &after[edge.0.len() - 1..];
                continue;
            }
            bracket = letter == '[';
            out.push(letter);
            if bracket {
                // A bracket that comes first is one of the letters.
                let negated = rest.strip_prefix('^');
                out.push_str(if negated.is_some() { "^" } else { "" });
                rest = negated.unwrap_or(rest);
                if let Some(behind) = rest.strip_prefix(']') {
                    out.push_str("\\]");
                    rest = behind;
                }
            }
            continue;
        }
        match letter {
            ']' => {
                bracket = false;
                out.push(letter);
            }
            '[' => match CLASSES.iter().find(|(name, _)| after.starts_with(&name[1..])) {
                Some((name, meaning)) => {
                    out.push_str(meaning);
                    rest = &after[name.len() - 1..];
                }
                // Other classes are the library's own.
                None if after.starts_with(':') => match after.find(":]") {
                    Some(end) => {
                        out.push_str(&format!("[{}", &after[..end + 2]));
                        rest = &after[end + 2..];
                    }
                    None => out.push_str("\\["),
                },
                None => out.push_str("\\["),
            },
            // Which would be operators of sets.
            '&' | '~' => out.extend(['\\', letter]),
            '-' if after.starts_with('-') => out.push_str("\\-"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_postgres() {
        for (pattern, options, text, found) in [
            ("a.b", "", "a\nb", Some("a\nb")),
            ("a.b", "n", "a\nb", None),
            ("^b", "n", "a\nb", Some("b")),
            ("[[:alpha:]]+", "", "1été2", Some("été")),
            ("\\mfoo\\M", "", "a foo.", Some("foo")),
            ("[[:<:]]foo[[:>:]]", "", "a foo.", Some("foo")),
            ("[]a]+", "", "b]a", Some("]a")),
            ("[a&&b]+", "", "x&&", Some("&&")),
            ("A", "i", "bab", Some("a")),
            ("(?i)A", "", "bab", Some("a")),
            ("a.b", "q", "axb a.b", Some("a.b")),
        ] {
            let regex = compiled(&said(pattern, options).unwrap()).unwrap();
            assert_eq!(regex.find(text).map(|found| found.as_str()), found, "{pattern}");
        }
        assert_eq!(said("a", "z").unwrap_err().kind(), Kind::InvalidParameter);
        assert_eq!(compiled("(").unwrap_err().kind(), Kind::InvalidRegex);
    }
}
