//! Functions of regular expressions.

use super::declared::{Body::Each, Declaration};
use super::made::{Args, Made};
use crate::error::{Error, Kind, Result};
use crate::sql::semantics::{compiled_regex, said_regex};
use ::regex::{Captures, Regex};
use std::cell::RefCell;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("regexp_replace(text, text, text) text", Each(|row| replace(row, Places::default(), ""))),
    ("regexp_replace(text, text, text, text) text", Each(replace_with_options)),
    ("regexp_replace(text, text, text, int4, int4?, text?) text", Each(replace_from)),
    ("regexp_match(text, text, text?) text[]", Each(one_match)),
    ("regexp_matches(text, text, text?) text[][]", Each(matches)),
    (
        "regexp_like(text, text, text?) bool",
        Each(|row| Ok(regex(row, 2, "regexp_like()")?.is_match(row.text(0)).into())),
    ),
    ("regexp_count(text, text, int4?, text?) int4", Each(count)),
    ("regexp_instr(text, text, int4?, int4?, int4?, text?, int4?) int4", Each(place)),
    ("regexp_substr(text, text, int4?, int4?, text?, int4?) text", Each(part)),
    ("regexp_split_to_array(text, text, text?) text[]", Each(split)),
    ("regexp_split_to_table(text, text, text?) text[]", Each(split)),
    ("regexp_matches_operator(text, text, bool) bool", Each(is_match)),
    ("similar_to(text, text, text?) bool", Each(is_similar)),
];

thread_local! {
    /// The expressions that were last made, with the patterns and options that they were made of.
    static MADE: RefCell<Vec<(String, String, Regex)>> = const { RefCell::new(Vec::new()) };
}

/// Expressions kept at most, for patterns that differ from row to row.
const MADE_MAX: usize = 16;

/// The expression that `say` makes of a pattern and options.
fn made(pattern: &str, options: &str, say: impl FnOnce() -> Result<String>) -> Result<Regex> {
    MADE.with_borrow_mut(|all| {
        if let Some((.., regex)) = all.iter().find(|known| known.0 == pattern && known.1 == options) {
            return Ok(regex.clone());
        }
        let regex = compiled_regex(&say()?)?;
        if all.len() == MADE_MAX {
            all.remove(0);
        }
        all.push((pattern.to_owned(), options.to_owned(), regex.clone()));
        Ok(regex)
    })
}

fn advanced(pattern: &str, options: &str) -> Result<Regex> {
    made(pattern, options, || said_regex(pattern, options))
}

/// The expression of the second argument, with the options of another one. `g` is for functions that give several.
fn regex(row: &Args<'_>, options: usize, function: &str) -> Result<Regex> {
    let options = row.text(options);
    if options.contains('g') && !function.is_empty() {
        let message = format!("{function} does not support the \"global\" option");
        return Err(Error::new(Kind::InvalidParameter, message));
    }
    advanced(row.text(1), options)
}

/// Matches from a byte on, as PostgreSQL goes from one to the next: behind one that is empty goes a letter.
fn each_match<'t>(regex: &Regex, text: &'t str, from: usize, mut see: impl FnMut(&Captures<'t>) -> bool) {
    let mut at = from;
    while at <= text.len()
        && let Some(found) = regex.captures_at(text, at)
        && let Some(all) = found.get(0)
    {
        if !see(&found) {
            return;
        }
        at = all.end();
        if all.is_empty() {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
}

/// Where to begin, and which matches are meant: none is all of them.
#[derive(Clone, Copy)]
struct Places {
    from: usize,
    which: Option<i64>,
}

impl Default for Places {
    fn default() -> Self {
        Self { from: 0, which: Some(1) }
    }
}

fn replace_with_options(row: &Args<'_>) -> Result<Made> {
    let options = row.text(3);
    if options.starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("invalid regular expression option: \"{}\"", &options[..1]);
        return Err(Error::new(Kind::InvalidParameter, message).with_hint(
            "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.",
        ));
    }
    let which = if options.contains('g') { None } else { Some(1) };
    replace(row, Places { from: 0, which }, options)
}

fn replace_from(row: &Args<'_>) -> Result<Made> {
    let options = row.text(5);
    let all = options.contains('g') && row.get(4).is_none();
    let which = match row.int_or(4, i64::from(!all)) {
        n if n < 0 => return Err(invalid("n", n)),
        0 => None,
        n => Some(n),
    };
    let Some(from) = start(row, 3)? else { return Ok(row.text(0).into()) };
    replace(row, Places { from, which }, options)
}

fn invalid(name: &str, value: i64) -> Error {
    Error::new(Kind::InvalidParameter, format!("invalid value for parameter \"{name}\": {value}"))
}

/// The byte at which the letter begins whose number an argument tells; none beyond the text.
fn start(row: &Args<'_>, at: usize) -> Result<Option<usize>> {
    let number = row.int_or(at, 1);
    if number < 1 {
        return Err(invalid("start", number));
    }
    let text = row.text(0);
    let mut places = text.char_indices().map(|(byte, _)| byte).chain([text.len()]);
    Ok(places.nth(usize::try_from(number - 1).unwrap_or(usize::MAX)))
}

fn replace(row: &Args<'_>, places: Places, options: &str) -> Result<Made> {
    let (text, by) = (row.text(0), row.text(2));
    let regex = advanced(row.text(1), options)?;
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut number) = (0, 0);
    each_match(&regex, text, places.from, |found| {
        number += 1;
        let Some(all) = found.get(0) else { return false };
        if places.which.is_some_and(|which| which != number) {
            return true;
        }
        out.push_str(&text[copied..all.start()]);
        fill(by, found, &mut out);
        copied = all.end();
        places.which.is_none()
    });
    out.push_str(&text[copied..]);
    Ok(out.into())
}

/// What comes in place of a match: `\1` the first group, `\&` all of it.
fn fill(by: &str, found: &Captures<'_>, out: &mut String) {
    let mut letters = by.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let group = |n: usize| found.get(n).map_or("", |group| group.as_str());
        match letters.next() {
            Some('&') => out.push_str(group(0)),
            Some(digit @ '1'..='9') => out.push_str(group(digit as usize - '0' as usize)),
            Some('\\') | None => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
        }
    }
}

/// The groups of a match, or all of it where there are none.
fn groups(found: &Captures<'_>) -> Vec<Option<String>> {
    let first = usize::from(found.len() > 1);
    found.iter().skip(first).map(|group| group.map(|group| group.as_str().to_owned())).collect()
}

fn one_match(row: &Args<'_>) -> Result<Made> {
    let regex = regex(row, 2, "regexp_match()")?;
    Ok(regex.captures(row.text(0)).map_or(Made::Null, |found| groups(&found).into()))
}

fn matches(row: &Args<'_>) -> Result<Made> {
    let regex = regex(row, 2, "")?;
    let global = row.text(2).contains('g');
    let mut all = Vec::new();
    each_match(&regex, row.text(0), 0, |found| {
        all.push(Made::from(groups(found)));
        global
    });
    Ok(Made::List(all))
}

fn count(row: &Args<'_>) -> Result<Made> {
    let regex = regex(row, 3, "regexp_count()")?;
    let mut count = 0;
    if let Some(from) = start(row, 2)? {
        each_match(&regex, row.text(0), from, |_| {
            count += 1;
            true
        });
    }
    Ok(Made::Int(count))
}

/// The bytes of a group in the match that is asked for; group 0 is all of it.
fn group_of(row: &Args<'_>, regex: &Regex, which: i64, group: i64) -> Result<Option<(usize, usize)>> {
    if which < 1 {
        return Err(invalid("n", which));
    }
    if group < 0 {
        return Err(invalid("subexpr", group));
    }
    let (mut number, mut range) = (0, None);
    if let Some(from) = start(row, 2)? {
        each_match(regex, row.text(0), from, |found| {
            number += 1;
            if number == which {
                let group = usize::try_from(group).unwrap_or(usize::MAX);
                range = found.get(group).map(|group| (group.start(), group.end()));
            }
            number < which
        });
    }
    Ok(range)
}

fn place(row: &Args<'_>) -> Result<Made> {
    let regex = regex(row, 5, "regexp_instr()")?;
    let behind = row.int_or(4, 0);
    if !(0..=1).contains(&behind) {
        return Err(invalid("endoption", behind));
    }
    let range = group_of(row, &regex, row.int_or(3, 1), row.int_or(6, 0))?;
    let letters = |byte: usize| row.text(0)[..byte].chars().count() as i128 + 1;
    Ok(Made::Int(range.map_or(0, |(from, to)| letters(if behind == 1 { to } else { from }))))
}

fn part(row: &Args<'_>) -> Result<Made> {
    let regex = regex(row, 4, "regexp_substr()")?;
    let range = group_of(row, &regex, row.int_or(3, 1), row.int_or(5, 0))?;
    Ok(range.map(|(from, to)| row.text(0)[from..to].to_owned()).into())
}

fn split(row: &Args<'_>) -> Result<Made> {
    let regex = regex(row, 2, "regexp_split_to_array()")?;
    let text = row.text(0);
    let (mut parts, mut begun, mut end) = (Vec::new(), 0, 0);
    each_match(&regex, text, 0, |found| {
        // One that is empty at an edge of a part parts nothing.
        if let Some(all) = found.get(0).filter(|all| all.start() < text.len() && all.end() > end) {
            parts.push(text[begun..all.start()].to_owned());
            begun = all.end();
        }
        end = found.get(0).map_or(end, |all| all.end());
        true
    });
    parts.push(text[begun..].to_owned());
    Ok(parts.into())
}

fn is_match(row: &Args<'_>) -> Result<Made> {
    let options = if row.is_true(2) { "i" } else { "" };
    Ok(advanced(row.text(1), options)?.is_match(row.text(0)).into())
}

fn is_similar(row: &Args<'_>) -> Result<Made> {
    let escape = match row.text_if(2) {
        None => Some('\\'),
        Some(text) if text.chars().count() <= 1 => text.chars().next(),
        Some(_) => {
            return Err(Error::new(Kind::InvalidParameter, "invalid escape string")
                .with_hint("Escape string must be empty or one character."));
        }
    };
    let options = format!("SIMILAR {}", escape.unwrap_or(' '));
    let regex = made(row.text(1), &options, || Ok(crate::sql::rewrite::similar_pattern(row.text(1), escape)))?;
    Ok(regex.is_match(row.text(0)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::pg_text::Cell;

    fn run(function: fn(&Args<'_>) -> Result<Made>, texts: &[&str]) -> Made {
        let cells: Vec<_> = texts.iter().map(|text| Some(Cell::Text(text.as_bytes()))).collect();
        function(&Args(&cells)).unwrap()
    }

    #[test]
    fn matches_follow_each_other_as_in_postgres() {
        assert_eq!(run(replace_with_options, &["baac", "a*", "X", "g"]), Made::from("XbXXcX"));
        assert_eq!(run(replace_with_options, &["abc", "", "-", "g"]), Made::from("-a-b-c-"));
        assert_eq!(
            run(replace_with_options, &["foobarbaz", "b(..)", "[\\&\\1]", "g"]),
            Made::from("foo[barar][bazaz]")
        );
        assert_eq!(run(count, &["baac", "a*"]), Made::Int(4));
        let texts = |parts: &[&str]| Made::List(parts.iter().map(|part| Made::from(*part)).collect());
        assert_eq!(run(split, &["baac", "a*"]), texts(&["b", "c"]));
        assert_eq!(run(split, &["abc", ""]), texts(&["a", "b", "c"]));
        assert_eq!(run(split, &["a1b2c", "\\d"]), texts(&["a", "b", "c"]));
        assert_eq!(run(one_match, &["foobarbequebaz", "(bar)(beque)"]), texts(&["bar", "beque"]));
        assert_eq!(run(one_match, &["x", "y"]), Made::Null);
    }
}
