//! Regular expressions as PostgreSQL reads them: a dot is a new line too, and classes know all scripts.

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
    let mut said = format!("(?s){text}");
    for (class, meaning) in CLASSES {
        said = said.replace(class, meaning);
    }
    if let Err(error) = ::regex::Regex::new(&said) {
        let cause = error.to_string();
        let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        return Err(Error::new(Kind::InvalidRegex, format!("invalid regular expression: {cause}")));
    }
    Ok(Expr::Literal(ScalarValue::Utf8(Some(said)), metadata))
}
