//! What stands in parentheses behind EXPLAIN.

use super::parser::fold;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{Expr, UtilityOption, Value};

/// Whether ANALYZE and VERBOSE are among the options; those that only say what is shown mean nothing here.
pub fn options(options: &[UtilityOption]) -> Result<(bool, bool)> {
    let (mut analyze, mut verbose, mut measured) = (false, false, None);
    for option in options {
        match fold(&option.name).as_str() {
            "analyze" => analyze = is_on(option)?,
            "verbose" => verbose = is_on(option)?,
            "format" => must_be_text(option)?,
            name @ ("wal" | "timing") => {
                if is_on(option)? {
                    measured = Some(name.to_uppercase());
                }
            }
            "costs" | "settings" | "buffers" | "summary" => _ = is_on(option)?,
            name => return Err(Error::new(Kind::Syntax, format!("unrecognized EXPLAIN option \"{name}\""))),
        }
    }
    match measured.filter(|_| !analyze) {
        Some(name) => Err(Error::new(Kind::InvalidParameter, format!("EXPLAIN option {name} requires ANALYZE"))),
        None => Ok((analyze, verbose)),
    }
}

fn word(option: &UtilityOption) -> Option<String> {
    match option.arg.as_ref()? {
        Expr::Identifier(name) => Some(fold(name)),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.to_lowercase()),
            Value::Boolean(truth) => Some(truth.to_string()),
            Value::Number(number, _) => Some(number.to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn is_on(option: &UtilityOption) -> Result<bool> {
    match (&option.arg, word(option).as_deref()) {
        (None, _) | (_, Some("true" | "on" | "1")) => Ok(true),
        (_, Some("false" | "off" | "0")) => Ok(false),
        _ => Err(Error::new(Kind::Syntax, format!("{} requires a Boolean value", fold(&option.name)))),
    }
}

fn must_be_text(option: &UtilityOption) -> Result<()> {
    match word(option).unwrap_or_default().as_str() {
        "text" => Ok(()),
        "json" | "xml" | "yaml" => {
            Err(Error::new(Kind::Unsupported, "EXPLAIN gives text only").with_hint("Leave FORMAT out."))
        }
        other => {
            let message = format!("unrecognized value for EXPLAIN option \"format\": \"{other}\"");
            Err(Error::new(Kind::InvalidParameter, message))
        }
    }
}
