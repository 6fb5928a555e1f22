//! Days, and days of birth: a day beside a word of birth. Ages.

use super::context::{has_han, nearness};
use super::lexicon::{AGE, BEFORE_PERSON, BIRTH, MONTH, WEEKDAY};
use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};

/// Looks for days that exist, and for ages.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    let mut at = 0;
    while at < tokens.list.len() {
        if tokens.is(at, TokenKind::Number) {
            if let Some(last) = day(tokens, at) {
                let last = time(tokens, last);
                push(tokens, at, last, 0.6, found);
                at = last + 1;
                continue;
            }
            age(tokens, at, found);
            year(tokens, at, found);
        }
        at += 1;
    }
}

fn push(tokens: &Tokens<'_>, first: usize, last: usize, score: f32, found: &mut Found) {
    let (Some(from), Some(to)) = (tokens.get(first), tokens.get(last)) else { return };
    let birth = nearness(tokens, first, last, BIRTH) > 0.0 || has_han(tokens, first, &["出生", "生日", "生于"]);
    // The character behind the number of the day is part of it.
    let behind = tokens.text_at(last + 1);
    let marked = tokens.is(last + 1, TokenKind::Han) && (behind.starts_with('日') || behind.starts_with('号'));
    let end = if marked { to.end + '日'.len_utf8() } else { to.end };
    match birth {
        true => found.push(PiiType::DateOfBirth, from.start, end, 0.9),
        false => found.push(PiiType::DateTime, from.start, end, score),
    }
}

fn value(tokens: &Tokens<'_>, at: usize) -> Option<u32> {
    let text = tokens.text_at(at);
    (tokens.is(at, TokenKind::Number) && text.len() <= 4).then(|| text.parse().ok())?
}

fn exists(year: u32, month: u32, day: u32) -> bool {
    chrono::NaiveDate::from_ymd_opt(year as i32, month, day).is_some()
}

/// A day that begins at this number; gives its last token.
fn day(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    if at > 0 && (tokens.is(at - 1, TokenKind::Word) || tokens.is_sign(at - 1, b'-') || tokens.is_sign(at - 1, b'/')) {
        return None;
    }
    let first = value(tokens, at)?;
    // 1980年2月29日
    if tokens.is(at + 1, TokenKind::Han) {
        let year = (1900..=2100).contains(&first) && tokens.text_at(at + 1) == "年";
        let (month, day) = (value(tokens, at + 2)?, value(tokens, at + 4)?);
        let ends = tokens.text_at(at + 5);
        return (year
            && tokens.text_at(at + 3) == "月"
            && (ends.starts_with('日') || ends.starts_with('号'))
            && exists(first, month, day))
        .then_some(at + 4);
    }
    let sign = tokens.get(at + 1).filter(|token| token.kind == TokenKind::Sign).map(|token| token.sign);
    if let Some(sign @ (b'-' | b'/' | b'.')) = sign {
        let (second, third) = (value(tokens, at + 2)?, value(tokens, at + 4)?);
        let word = tokens.is(at + 5, TokenKind::Word) && !matches!(tokens.text_at(at + 5), "T" | "t");
        if !tokens.is_sign(at + 3, sign) || word {
            return None;
        }
        if tokens.is_sign(at + 5, sign) && tokens.is(at + 6, TokenKind::Number) {
            return None;
        }
        let wide = tokens.text_at(at + 4).len() == 4 || (sign == b'/' && tokens.text_at(at + 4).len() == 2);
        let right = match tokens.text_at(at).len() {
            4 => (1800..=2200).contains(&first) && exists(first, second, third),
            _ if wide => {
                let year = if third < 100 { 1900 + third } else { third };
                (1800..=2200).contains(&year) && (exists(year, first, second) || exists(year, second, first))
            }
            _ => false,
        };
        return right.then_some(at + 4);
    }
    // 29 February 1980, 29th of February
    let mut next = tokens.next(at);
    if (1..=31).contains(&first) && tokens.text_at(at).len() <= 2 {
        if matches!(tokens.text_at(at + 1), "st" | "nd" | "rd" | "th") {
            next = tokens.next(at + 1);
        }
        if tokens.text_at(next) == "of" {
            next = tokens.next(next);
        }
        if tokens.classes(next) & MONTH != 0 {
            let mut last = next;
            let mut year = tokens.next(next);
            if tokens.is_sign(year, b',') {
                year = tokens.next(year);
            }
            if value(tokens, year).is_some_and(|year| (1800..=2200).contains(&year)) {
                last = year;
            }
            return Some(last);
        }
    }
    None
}

/// The time behind a day, if there is one.
fn time(tokens: &Tokens<'_>, last: usize) -> usize {
    let mut at = tokens.next(last);
    if matches!(tokens.text_at(at), "T" | "t") {
        at = tokens.next(at);
    }
    let two = |at: usize| tokens.is(at, TokenKind::Number) && tokens.text_at(at).len() == 2;
    if !(two(at) && tokens.is_sign(at + 1, b':') && two(at + 2)) {
        return last;
    }
    match tokens.is_sign(at + 3, b':') && two(at + 4) {
        true => at + 4,
        false => at + 2,
    }
}

/// `69 years old`, `a 19 year old man`, `aged 40`, `I'll turn 23`, `35岁`.
fn age(tokens: &Tokens<'_>, at: usize, found: &mut Found) {
    let text = tokens.text_at(at);
    if text.len() > 3
        || text.parse::<u32>().is_ok_and(|age| age > 125)
        || tokens.is_glued(at) && !tokens.is(at + 1, TokenKind::Word)
    {
        return;
    }
    let Some(token) = tokens.get(at) else { return };
    if tokens.is(at + 1, TokenKind::Han) {
        let behind = tokens.text_at(at + 1);
        if behind.starts_with('岁') || behind.starts_with("周岁") {
            found.push(PiiType::Age, token.start, token.end, 0.7);
        }
        return;
    }
    if tokens.is_sign(at + 1, b'+')
        || tokens.is_sign(at + 1, b'%')
        || tokens.is_sign(at + 1, b'.') && tokens.is(at + 2, TokenKind::Number)
    {
        return;
    }
    let mut behind = tokens.next(at);
    if tokens.is_sign(behind, b'-') {
        behind += 1;
    }
    let word = tokens.text_at(behind).to_ascii_lowercase();
    let old = match word.as_str() {
        "years" | "year" | "yrs" | "yr" => {
            let mut next = tokens.next(behind);
            if tokens.is_sign(next, b'-') {
                next += 1;
            }
            tokens.text_at(next).eq_ignore_ascii_case("old")
        }
        "year-old" | "years-old" | "yo" => true,
        "y" => tokens.is_sign(behind + 1, b'/') && tokens.text_at(behind + 2).eq_ignore_ascii_case("o"),
        _ => false,
    };
    let before = tokens.before(at).map(|at| tokens.text_at(at).to_ascii_lowercase()).unwrap_or_default();
    let said = matches!(before.as_str(), "aged" | "turn" | "turned" | "turning" | "turns")
        || before == ":"
            && tokens
                .before(at)
                .and_then(|at| tokens.before(at))
                .is_some_and(|at| tokens.classes(at) & AGE != 0 && tokens.text_at(at).eq_ignore_ascii_case("age"))
        || before == "age";
    if old || said && text.len() <= 2 {
        found.push(PiiType::Age, token.start, token.end, if old { 0.85 } else { 0.65 });
    }
}

/// A year behind a word that says so: `in 1977`, `since 2003`.
fn year(tokens: &Tokens<'_>, at: usize, found: &mut Found) {
    let Some(token) = tokens.get(at) else { return };
    let right = token.end - token.start == 4
        && value(tokens, at).is_some_and(|year| (1900..=2100).contains(&year))
        && !tokens.is_glued(at);
    let Some(before) = tokens.before(at).filter(|_| right) else { return };
    let word = tokens.text_at(before).to_ascii_lowercase();
    let said = matches!(
        word.as_str(),
        "in" | "since"
            | "until"
            | "till"
            | "during"
            | "before"
            | "after"
            | "year"
            | "early"
            | "late"
            | "circa"
            | "born"
    ) || tokens.classes(before) & MONTH != 0
        || describes(tokens, at, before, &word);
    if said && !tokens.is_sign(at + 1, b'-') && !tokens.is_sign(at + 1, b'/') {
        match word == "born" {
            true => found.push(PiiType::DateOfBirth, token.start, token.end, 0.7),
            false => found.push(PiiType::DateTime, token.start, token.end, 0.5),
        }
    }
}

/// `the Act of 1974`, `a 2017 Polish film`.
fn describes(tokens: &Tokens<'_>, at: usize, before: usize, word: &str) -> bool {
    let capital = |at: usize| tokens.get(at).is_some_and(|token| token.kind == TokenKind::Word && token.capital);
    match word {
        "of" => tokens.before(before).is_some_and(capital),
        "a" | "the" => capital(tokens.next(at)),
        _ => false,
    }
}

/// Days of the week and months in words, unless they are somebody's name.
pub fn words(tokens: &Tokens<'_>, at: usize, found: &mut Found) {
    let Some(token) = tokens.get(at) else { return };
    let is_name = tokens
        .before(at)
        .is_some_and(|before| tokens.classes(before) & BEFORE_PERSON != 0 && tokens.text_at(before) != "by");
    if token.classes & WEEKDAY != 0 && token.capital {
        found.push(PiiType::DateTime, token.start, token.end, 0.55);
    } else if token.classes & MONTH != 0 && token.capital && !is_name && token.end - token.start > 3 {
        let mut last = at;
        let mut next = tokens.next(at);
        // February 29, 1980
        if value(tokens, next).is_some_and(|day| (1..=31).contains(&day)) {
            last = next;
            next = tokens.next(next);
            if tokens.is_sign(next, b',') {
                next = tokens.next(next);
            }
        }
        if value(tokens, next).is_some_and(|year| (1800..=2200).contains(&year)) {
            last = next;
        }
        if last > at {
            push(tokens, at, last, 0.6, found);
        }
    }
}
