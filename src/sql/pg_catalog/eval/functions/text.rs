//! Texts.

use super::super::super::identifier::quoted;
use super::super::super::value::Value;
use super::super::cast::text;
use super::super::pattern;
use super::super::plan::Builtin;
use super::md5::md5;
use super::{int_at, lax, strict, text_at};
use crate::encoding::hex;
use crate::error::{Error, Kind, Result};

/// Characters that a function which repeats or fills may make.
const MADE_MAX: usize = 1 << 24;

pub const CAT: Builtin = strict("||", |args| {
    let (left, right) = (text_at(args, 0)?, text_at(args, 1)?);
    must_be_small(left.len().saturating_add(right.len()))?;
    Ok(text(format!("{left}{right}")))
});
pub const BOOL: Builtin = strict("bool", |args| Ok(text(if args == [Value::Bool(true)] { "t" } else { "f" })));
pub const LOWER: Builtin = strict("lower", |args| Ok(text(text_at(args, 0)?.to_lowercase())));
pub const UPPER: Builtin = strict("upper", |args| Ok(text(text_at(args, 0)?.to_uppercase())));
pub const LENGTH: Builtin = strict("length", |args| Ok(Value::Int(text_at(args, 0)?.chars().count() as i64)));
pub const OCTETS: Builtin = strict("octet_length", |args| Ok(Value::Int(text_at(args, 0)?.len() as i64)));
pub const REVERSE: Builtin = strict("reverse", |args| Ok(text(text_at(args, 0)?.chars().rev().collect::<String>())));
pub const ASCII: Builtin =
    strict("ascii", |args| Ok(Value::Int(text_at(args, 0)?.chars().next().map_or(0, |c| c as i64))));
pub const CHR: Builtin = strict("chr", |args| match u32::try_from(int_at(args, 0)?).ok().and_then(char::from_u32) {
    Some(letter) if letter != '\0' => Ok(text(letter.to_string())),
    _ => Err(Error::new(Kind::InvalidParameter, "requested character not valid for encoding")),
});
pub const INITCAP: Builtin = strict("initcap", |args| {
    let mut within = false;
    let letters = text_at(args, 0)?.chars().flat_map(|c| {
        let cased: Vec<char> = if within { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
        within = c.is_alphanumeric();
        cased
    });
    Ok(text(letters.collect::<String>()))
});
pub const SUBSTRING: Builtin = strict("substring", |args| {
    let (whole, from) = (text_at(args, 0)?, int_at(args, 1)?);
    let end = match args.get(2) {
        None => i64::MAX,
        Some(_) => match int_at(args, 2)? {
            length if length < 0 => {
                return Err(Error::new(Kind::InvalidSubstring, "negative substring length not allowed"));
            }
            length => from.saturating_add(length),
        },
    };
    let start = from.max(1);
    let (skip, take) = (start.saturating_sub(1), end.saturating_sub(start).max(0));
    let part = whole.chars().skip(skip as usize).take(usize::try_from(take).unwrap_or(usize::MAX));
    Ok(text(part.collect::<String>()))
});
pub const SUBSTRING_REGEX: Builtin = strict("substring_regex", |args| {
    let regex = pattern::regex(text_at(args, 1)?, false)?;
    Ok(match regex.captures(text_at(args, 0)?) {
        None => Value::Null,
        Some(found) => found.get(1).or_else(|| found.get(0)).map_or(Value::Null, |part| text(part.as_str())),
    })
});
pub const SPLIT_PART: Builtin = strict("split_part", |args| {
    let (whole, between, at) = (text_at(args, 0)?, text_at(args, 1)?, int_at(args, 2)?);
    let parts: Vec<&str> = if between.is_empty() { vec![whole] } else { whole.split(between).collect() };
    let at = match at {
        0 => return Err(Error::new(Kind::InvalidParameter, "field position must not be zero")),
        at if at < 0 => at.saturating_add(parts.len() as i64),
        at => at - 1,
    };
    Ok(text(usize::try_from(at).ok().and_then(|at| parts.get(at).copied()).unwrap_or_default()))
});
pub const REPLACE: Builtin = strict("replace", |args| {
    let (whole, from, to) = (text_at(args, 0)?, text_at(args, 1)?, text_at(args, 2)?);
    must_be_small(whole.len().saturating_add(whole.matches(from).count().saturating_mul(to.len())))?;
    Ok(text(if from.is_empty() { whole.to_owned() } else { whole.replace(from, to) }))
});
pub const TRANSLATE: Builtin = strict("translate", |args| {
    let from: Vec<char> = text_at(args, 1)?.chars().collect();
    let to: Vec<char> = text_at(args, 2)?.chars().collect();
    let letters = text_at(args, 0)?.chars().filter_map(|c| match from.iter().position(|other| *other == c) {
        None => Some(c),
        Some(at) => to.get(at).copied(),
    });
    Ok(text(letters.collect::<String>()))
});

/// What is to be trimmed off.
fn is_trimmed(args: &[Value]) -> Result<impl Fn(char) -> bool + Copy> {
    let set = if args.len() > 1 { text_at(args, 1)? } else { " " };
    Ok(move |c: char| set.contains(c))
}

pub const BTRIM: Builtin = strict("btrim", |args| Ok(text(text_at(args, 0)?.trim_matches(is_trimmed(args)?))));
pub const LTRIM: Builtin = strict("ltrim", |args| Ok(text(text_at(args, 0)?.trim_start_matches(is_trimmed(args)?))));
pub const RTRIM: Builtin = strict("rtrim", |args| Ok(text(text_at(args, 0)?.trim_end_matches(is_trimmed(args)?))));

/// The texts among the values.
fn texts(args: &[Value]) -> Vec<&str> {
    let texts = args.iter().filter_map(|arg| match arg {
        Value::Text(text) => Some(text.as_ref()),
        _ => None,
    });
    texts.collect()
}

pub const CONCAT: Builtin = lax("concat", |args| Ok(text(texts(args).concat())));
pub const CONCAT_WS: Builtin = lax("concat_ws", |args| match args {
    [Value::Text(between), rest @ ..] => Ok(text(texts(rest).join(between))),
    _ => Ok(Value::Null),
});

fn literal(written: &str) -> String {
    let quoted = format!("'{}'", written.replace('\'', "''").replace('\\', "\\\\"));
    if written.contains('\\') { format!("E{quoted}") } else { quoted }
}

pub const QUOTE_IDENT: Builtin = strict("quote_ident", |args| Ok(text(quoted(text_at(args, 0)?))));
pub const QUOTE_LITERAL: Builtin = strict("quote_literal", |args| Ok(text(literal(text_at(args, 0)?))));
pub const QUOTE_NULLABLE: Builtin = lax("quote_nullable", |args| match args.first() {
    Some(Value::Text(written)) => Ok(text(literal(written))),
    _ => Ok(text("NULL")),
});
pub const FORMAT: Builtin = lax("format", |args| {
    let Some(Value::Text(form)) = args.first() else { return Ok(Value::Null) };
    let (mut out, mut next) = (String::new(), 1);
    let mut rest = form.as_ref();
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        // `%2$s` names its argument.
        if let Some((digits, after)) = rest.split_once('$')
            && let Ok(number) = digits.parse::<usize>()
        {
            (next, rest) = (number, after);
        }
        let Some(kind) = rest.chars().next() else {
            return Err(Error::new(Kind::InvalidParameter, "unterminated format() type specifier"));
        };
        rest = &rest[kind.len_utf8()..];
        if kind == '%' {
            out.push('%');
            continue;
        }
        let arg = match args.get(next) {
            None => return Err(Error::new(Kind::InvalidParameter, "too few arguments for format()")),
            Some(Value::Text(arg)) => Some(arg.as_ref()),
            Some(_) => None,
        };
        next += 1;
        match (kind, arg) {
            ('s', arg) => out.push_str(arg.unwrap_or_default()),
            ('I', Some(arg)) => out.push_str(&quoted(arg)),
            ('I', None) => {
                return Err(Error::new(Kind::NullValue, "null values cannot be formatted as an SQL identifier"));
            }
            ('L', arg) => out.push_str(&arg.map_or_else(|| "NULL".to_owned(), literal)),
            _ => {
                let message = format!("unrecognized format() type specifier \"{kind}\"");
                return Err(Error::new(Kind::InvalidParameter, message));
            }
        }
    }
    out.push_str(rest);
    Ok(text(out))
});

/// So many characters from one end; a negative number is how many are left out at the other.
fn counted(args: &[Value]) -> Result<(usize, usize)> {
    let (length, wanted) = (text_at(args, 0)?.chars().count(), int_at(args, 1)?);
    let wanted = if wanted < 0 { (length as i64).saturating_add(wanted).max(0) } else { wanted };
    Ok((length, (wanted as usize).min(length)))
}

pub const LEFT: Builtin = strict("left", |args| {
    let (_, wanted) = counted(args)?;
    Ok(text(text_at(args, 0)?.chars().take(wanted).collect::<String>()))
});
pub const RIGHT: Builtin = strict("right", |args| {
    let (length, wanted) = counted(args)?;
    Ok(text(text_at(args, 0)?.chars().skip(length - wanted).collect::<String>()))
});

fn must_be_small(length: usize) -> Result<usize> {
    match length > MADE_MAX {
        true => Err(Error::new(Kind::ProgramLimit, "requested length too large")),
        false => Ok(length),
    }
}

pub const REPEAT: Builtin = strict("repeat", |args| {
    let (whole, times) = (text_at(args, 0)?, usize::try_from(int_at(args, 1)?).unwrap_or(0));
    must_be_small(whole.len().saturating_mul(times))?;
    Ok(text(whole.repeat(times)))
});

fn padding(args: &[Value]) -> Result<(String, String)> {
    let (whole, wanted) = (text_at(args, 0)?, usize::try_from(int_at(args, 1)?).unwrap_or(0));
    let fill = if args.len() > 2 { text_at(args, 2)? } else { " " };
    let cut: String = whole.chars().take(must_be_small(wanted)?).collect();
    let missing = wanted.saturating_sub(cut.chars().count());
    Ok((cut, fill.chars().cycle().take(missing).collect()))
}

pub const LPAD: Builtin = strict("lpad", |args| padding(args).map(|(cut, fill)| text(fill + &cut)));
pub const RPAD: Builtin = strict("rpad", |args| padding(args).map(|(cut, fill)| text(cut + &fill)));
pub const STRPOS: Builtin = strict("strpos", |args| {
    let (whole, part) = (text_at(args, 0)?, text_at(args, 1)?);
    let at = whole.find(part).map_or(0, |at| whole[..at].chars().count() as i64 + 1);
    Ok(Value::Int(at))
});
pub const STARTS_WITH: Builtin =
    strict("starts_with", |args| Ok(Value::Bool(text_at(args, 0)?.starts_with(text_at(args, 1)?))));
pub const REGEXP_REPLACE: Builtin = strict("regexp_replace", |args| {
    let flags = if args.len() > 3 { text_at(args, 3)? } else { "" };
    let regex = pattern::regex(text_at(args, 1)?, flags.contains('i'))?;
    let limit = usize::from(!flags.contains('g'));
    let with = pattern::replacement(text_at(args, 2)?);
    Ok(text(regex.replacen(text_at(args, 0)?, limit, with.as_str()).into_owned()))
});
pub const REGEXP_MATCH: Builtin = strict("regexp_match", |args| {
    let regex = pattern::regex(text_at(args, 1)?, false)?;
    let Some(found) = regex.captures(text_at(args, 0)?) else { return Ok(Value::Null) };
    let skip = usize::from(found.len() > 1);
    let parts = found.iter().skip(skip).map(|part| part.map_or(Value::Null, |part| text(part.as_str())));
    Ok(Value::Array(parts.collect()))
});
pub const MD5: Builtin = strict("md5", |args| Ok(text(hex(&md5(text_at(args, 0)?.as_bytes())))));
pub const ENCODE: Builtin = strict("encode", |args| {
    let (bytes, form) = (text_at(args, 0)?, text_at(args, 1)?);
    // Bytes are kept as PostgreSQL shows them.
    match (form, bytes.strip_prefix("\\x")) {
        ("hex", Some(digits)) => Ok(text(digits)),
        ("hex", None) => Ok(text(hex(bytes.as_bytes()))),
        ("escape", None) => Ok(text(bytes)),
        _ => Err(Error::new(Kind::InvalidParameter, format!("unrecognized encoding: \"{form}\""))),
    }
});
pub const SIZE_PRETTY: Builtin = strict("pg_size_pretty", |args| {
    let size = match args.first() {
        Some(Value::Float(size)) => *size as i64,
        _ => int_at(args, 0)?,
    };
    // As PostgreSQL: a unit is left when ten thousand of it are reached, and halves are rounded away from zero.
    let (mut size, mut unit) = (i128::from(size), 0);
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let mut halved = false;
    while unit + 1 < units.len() && size.abs() >= if unit == 0 { 10 * 1024 } else { 20 * 1024 - 1 } {
        size >>= if unit == 0 { 9 } else { 10 };
        unit += 1;
        halved = true;
    }
    if halved {
        size = (size + size.signum()) / 2;
    }
    Ok(text(format!("{size} {}", units.get(unit).unwrap_or(&"bytes"))))
});
