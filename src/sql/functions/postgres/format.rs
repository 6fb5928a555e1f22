//! `format(template, ...)`: `%s` a text, `%I` a name, `%L` a literal; `%2$s` the second argument, `%-10s` a width.

use super::declared::{Body::Each, Declaration};
use super::made::{Args, Made};
use super::texts::literal;
use crate::error::{Error, Kind, Result};
use crate::sql::pg_catalog::quoted;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[("?format(text, ...any) text", Each(format))];

/// The widest item: each row of a batch may have it.
const WIDTH_MAX: usize = 1 << 16;

fn invalid(message: &str) -> Error {
    Error::new(Kind::InvalidParameter, message)
}

/// One `%` of a template.
#[derive(Default)]
struct Item {
    position: Option<usize>,
    left: bool,
    width: Option<Width>,
    conversion: char,
}

enum Width {
    Given(usize),
    /// An argument tells it: the next one, or the one of this number.
    Argument(Option<usize>),
}

fn format(row: &Args<'_>) -> Result<Made> {
    let Some(template) = row.text_if(0) else { return Ok(Made::Null) };
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template.chars().peekable();
    let mut next = 1;
    while let Some(letter) = rest.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        if rest.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let item = item(&mut rest)?;
        let mut take = |position: Option<usize>| {
            let at = position.unwrap_or(next);
            if at >= row.len() {
                return Err(invalid("too few arguments for format()"));
            }
            next = at + 1;
            Ok(at)
        };
        let (mut left, mut width) = (item.left, 0);
        match item.width {
            Some(Width::Given(given)) => width = given,
            Some(Width::Argument(position)) => {
                let given = row.shown(take(position)?).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
                left |= given < 0;
                width = usize::try_from(given.unsigned_abs()).unwrap_or_default();
            }
            None => {}
        }
        let value = row.shown(take(item.position)?);
        let text = match (item.conversion, value) {
            ('s', value) => value.unwrap_or_default(),
            ('I', Some(value)) => quoted(&value),
            ('I', None) => {
                let message = "null values cannot be formatted as an SQL identifier";
                return Err(Error::new(Kind::NullValue, message));
            }
            (_, value) => value.map_or_else(|| "NULL".to_owned(), |value| literal(&value)),
        };
        if width > WIDTH_MAX {
            return Err(Error::new(Kind::ProgramLimit, "requested length too large"));
        }
        let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
        out.push_str(&if left { text + &blanks } else { blanks + &text });
    }
    Ok(out.into())
}

/// What stands behind a `%`.
fn item(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Item> {
    let mut item = Item::default();
    let mut number = digits(rest);
    if number.is_some() && rest.next_if_eq(&'$').is_some() {
        item.position = positioned(number.take())?;
    }
    if number.is_none() {
        while rest.next_if_eq(&'-').is_some() {
            item.left = true;
        }
        if rest.next_if_eq(&'*').is_some() {
            let position = digits(rest);
            if position.is_some() && rest.next_if_eq(&'$').is_none() {
                return Err(invalid("width argument position must be ended by \"$\""));
            }
            item.width = Some(Width::Argument(positioned(position)?));
        } else {
            number = digits(rest);
        }
    }
    if let Some(width) = number {
        item.width = Some(Width::Given(width));
    }
    match rest.next() {
        Some(conversion @ ('s' | 'I' | 'L')) => item.conversion = conversion,
        Some(other) => {
            return Err(invalid(&std::format!("unrecognized format() type specifier \"{other}\""))
                .with_hint("For a single \"%\" use \"%%\"."));
        }
        None => {
            return Err(invalid("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\"."));
        }
    }
    Ok(item)
}

fn positioned(position: Option<usize>) -> Result<Option<usize>> {
    match position {
        Some(0) => Err(invalid("format specifies argument 0, but arguments are numbered from 1")),
        position => Ok(position),
    }
}

fn digits(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut text = String::new();
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        text.push(digit);
    }
    text.parse().ok()
}
