//! Addresses in the Latin script: a number and a street, a flat, a post box, with the town and the postal code behind them.
//!
//! Parts of an address are numbers, words with capitals, words of streets and flats, commas and ends of lines. What makes a run of such parts
//! an address is a seed within: a number beside a word of streets, a flat with its number, or a number on both sides of a name.

use super::context::nearness;
use super::lexicon::*;
use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};

/// Digits of a house number or postal code at most.
const DIGITS_MAX: usize = 6;

/// Looks at every run of parts.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    let mut at = 0;
    while at < tokens.list.len() {
        if let Some(last) = corner(tokens, at) {
            let first = at.checked_sub(2).filter(|the| tokens.text_at(*the) == "the").unwrap_or(at);
            if let (Some(from), Some(to)) = (tokens.get(first), tokens.get(last)) {
                found.push(PiiType::StreetAddress, from.start, to.end, 0.9);
            }
            at = last + 1;
            continue;
        }
        if !opens(tokens, at, found) {
            at += 1;
            continue;
        }
        match address(tokens, at, found) {
            Some((last, score)) => {
                if let (Some(from), Some(to)) = (tokens.get(at), tokens.get(last)) {
                    let dot = usize::from(
                        tokens.is_sign(last + 1, b'.')
                            && tokens.get(last + 2).is_none_or(|t| t.kind == TokenKind::Blank)
                            && tokens.text_at(last).len() <= 2
                            && tokens.is(last, TokenKind::Word),
                    );
                    found.push(PiiType::StreetAddress, from.start, to.end + dot, score);
                }
                at = last + 1;
            }
            None => at += 1,
        }
    }
}

/// The last token of `corner of A and B`, where both are streets.
fn corner(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let of = tokens.next(at);
    if tokens.text_at(at) != "corner" || tokens.text_at(of) != "of" {
        return None;
    }
    let part = |at: usize| {
        tokens.get(at).is_some_and(|token| match token.kind {
            TokenKind::Number => token.end - token.start <= DIGITS_MAX,
            TokenKind::Word => token.capital || token.classes & (STREET_LAST | STREET_FIRST | PARTICLE) != 0,
            _ => false,
        })
    };
    let street = |from: usize| {
        let (mut last, mut at) = (None, from);
        while part(at) && at < from + 16 {
            last = Some(at);
            at = tokens.next(if tokens.is_sign(at + 1, b'.') && part(tokens.next(at + 1)) { at + 1 } else { at });
        }
        last
    };
    let first = street(tokens.next(of))?;
    let dot = if tokens.is_sign(first + 1, b'.') { first + 1 } else { first };
    let and = tokens.next(dot);
    matches!(tokens.text_at(and), "and" | "&").then(|| street(tokens.next(and))).flatten()
}

fn is_house(tokens: &Tokens<'_>, at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.kind == TokenKind::Number && token.end - token.start <= DIGITS_MAX)
        && !decimal(tokens, at)
}

/// Part of a number with a fraction, a time, a sum.
fn decimal(tokens: &Tokens<'_>, at: usize) -> bool {
    let mark = |at: usize| {
        tokens
            .get(at)
            .is_some_and(|t| t.kind == TokenKind::Sign && matches!(t.sign, b'.' | b':' | b'%' | b'$' | b'/' | b'+'))
    };
    mark(at + 1) && tokens.is(at + 2, TokenKind::Number)
        || at > 1 && mark(at - 1) && tokens.is(at - 2, TokenKind::Number)
        || at > 0 && (tokens.is_sign(at - 1, b'$') || tokens.is_sign(at - 1, b'#'))
        || tokens.is_sign(at + 1, b'%')
}

/// Whether a part of an address may begin here.
fn opens(tokens: &Tokens<'_>, at: usize, found: &Found) -> bool {
    let Some(token) = tokens.get(at) else { return false };
    if found.covers(token.start) || at > 0 && tokens.is_glued(at) && tokens.is(at - 1, TokenKind::Word) {
        return false;
    }
    match token.kind {
        TokenKind::Number => is_house(tokens, at),
        TokenKind::Word if tokens.is(at + 1, TokenKind::Number) => false,
        TokenKind::Word => {
            let unit = token.classes & UNIT != 0 && numbered(tokens, at);
            unit || token.capital
                && token.classes & TITLE == 0
                && (token.classes & COMMON == 0 || token.classes & STREET_FIRST != 0)
        }
        _ => false,
    }
}

/// Whether the number of a flat, a box follows: `Apt. 864`, `Suite 245`, `P.O. Box 12`.
fn numbered(tokens: &Tokens<'_>, at: usize) -> bool {
    let mut next = at + 1;
    if tokens.is_sign(next, b'.') {
        next += 1;
    }
    if tokens.is(next, TokenKind::Blank) {
        next += 1;
    }
    if tokens.is_sign(next, b'#') {
        next += 1;
    }
    is_house(tokens, next)
        || tokens.text_at(at).eq_ignore_ascii_case("po") && tokens.text_at(next).eq_ignore_ascii_case("box")
}

/// The address that begins at a part: its last token, and how sure it is.
fn address(tokens: &Tokens<'_>, first: usize, found: &Found) -> Option<(usize, f32)> {
    let (mut last, mut at) = (first, first);
    let (mut numbers, mut words, mut units, mut streets) = (0usize, 0usize, 0usize, 0usize);
    let mut between = false;
    let mut number_before_word = false;
    let mut towns = 0usize;
    let mut commas = 0usize;
    while let Some(token) = tokens.get(at) {
        if at > first && found.covers(token.start) {
            break;
        }
        match token.kind {
            // Digits glued to letters are a code's.
            TokenKind::Number if is_house(tokens, at) && !(at > first && tokens.is(at - 1, TokenKind::Word)) => {
                numbers += 1;
                between |= number_before_word && words > 0 && commas == 0;
                number_before_word |= words == 0;
                last = at;
            }
            TokenKind::Word => {
                let classes = token.classes;
                let short = token.end - token.start <= 2;
                if classes & UNIT != 0 && numbered(tokens, at) {
                    units += 1;
                } else if classes & STREET_LAST != 0 && (token.capital || words > 0) && (words > 0 || numbers > 0) {
                    streets += 1;
                    last = at;
                } else if classes & STREET_FIRST != 0
                    && token.capital
                    && tokens.get(tokens.next(at)).is_some_and(|next| next.capital)
                {
                    streets += 1;
                    words += 1;
                    last = at;
                } else if token.capital
                    && classes & (TITLE | WEEKDAY | MONTH) == 0
                    && (classes & COMMON == 0 || numbers > 0 && !tokens.opens_sentence(at))
                {
                    words += 1;
                    towns += usize::from(classes & PLACE != 0 || token.upper && !short);
                    streets += usize::from(is_street(tokens.text_at(at)));
                    last = at;
                } else if token.capital && short && numbers > 0 {
                    last = at;
                } else if !token.capital
                    && numbers > 0
                    && (classes & (COMMON | GIVEN) == 0 || classes & PARTICLE != 0)
                    && !short
                    && streets + units == 0
                {
                    // "74678 midtvollen 130"
                    words += 1;
                } else if classes & PARTICLE != 0 && !token.capital && words > 0 || tokens.text_at(at) == "u" {
                    // Within a street's name.
                } else {
                    break;
                }
            }
            TokenKind::Blank if token.breaks > 1 => break,
            // A line that follows belongs to it, once there is a street or a number.
            TokenKind::Blank if token.breaks == 1 && numbers + streets + units == 0 => break,
            TokenKind::Blank => {}
            TokenKind::Sign => match token.sign {
                b',' if numbers + streets + units > 0 => commas += 1,
                b'.' if abbreviates(tokens, at) => {}
                b'(' if numbers > 0 && tokens.get(at + 1).is_some_and(|next| next.capital) => {}
                b')' if tokens.get(at.wrapping_sub(1)).is_some_and(|before| before.capital) => last = at,
                b'#' | b'-' | b'\'' => {}
                b'/' if tokens.is(at + 1, TokenKind::Number) => {}
                _ => break,
            },
            _ => break,
        }
        at += 1;
        if at - first > 60 {
            break;
        }
    }
    let said = nearness(tokens, first, last, ADDRESS);
    let seed = match (numbers, words, streets, units) {
        (1.., _, 1.., 1..) => 0.9,
        (1.., 1.., 1.., 0) => 0.78,
        (2.., 0, 0, 2..) => 0.75,
        (1.., _, 0, 1..) => 0.7,
        (2.., 1.., 0, 0) if between => 0.68,
        (0, 1.., 1.., 0) if words + streets >= 2 && tokens.classes(last) & STREET_LAST != 0 => 0.55,
        (1, 1..=3, 0, 0) if !number_before_word && commas == 0 => 0.4,
        (1.., 1.., 0, 0) if commas > 0 && towns > 0 => 0.4,
        _ => return None,
    };
    let raised = if said > 0.0 { (seed + 0.22 * said).min(0.95) } else { seed };
    Some((last, raised))
}

/// A dot behind a short word of an address.
fn abbreviates(tokens: &Tokens<'_>, dot: usize) -> bool {
    let Some(word) = dot.checked_sub(1).and_then(|at| tokens.get(at)) else { return false };
    let goes_on = {
        let next = tokens.next(dot);
        tokens.is(next, TokenKind::Number)
            || tokens.get(next).is_some_and(|next| next.capital) && word.end - word.start <= 3
    };
    word.kind == TokenKind::Word
        && (word.classes & (UNIT | STREET_LAST | STREET_FIRST) != 0 || word.end - word.start == 1)
        && goes_on
}

/// Endings of streets that are one word with their name.
fn is_street(word: &str) -> bool {
    const ENDINGS: [&str; 26] = [
        "straße", "strasse", "gasse", "platz", "allee", "weg", "straat", "laan", "plein", "gracht", "gatan", "gata",
        "vägen", "väg", "vej", "gade", "vegen", "veien", "gate", "katu", "tie", "kuja", "utca", "ufer", "dijk", "hove",
    ];
    word.len() > 6 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}
