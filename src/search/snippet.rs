//! The part of a text that shows why it was found.
//!
//! The text comes from the caller, who reads it from the table and masks it first: the index keeps no text to quote from.

use std::collections::HashMap;
use std::ops::Range;

use super::query::{Form, Query};
use super::tokenizer::Pieces;
use crate::config;

/// A match in a text: its bytes, and the number of the word or phrase of the query.
struct Found {
    bytes: Range<usize>,
    wanted: usize,
}

/// At most `max_chars` characters of `text` around the words of `query`, each of them between `<b>` and `</b>`, with `…` where
/// text was left out. Words are matched as the search matches them: folded, stemmed, compounds whole or by their parts.
/// Tags and `…` are not counted. Without a match it is the beginning of the text.
///
/// Nothing else is changed: markup in `text` stays, so whoever puts a snippet into a page has to escape it, and the tags
/// with it.
pub fn snippet(text: &str, query: &Query, max_chars: usize) -> String {
    // The same part of the text that can be searched.
    let found = find(&text[..text.floor_char_boundary(config::SEARCH_TEXT_BYTES_MAX)], query);
    let window = window(text, &found, max_chars);
    let mut out = String::with_capacity(window.len() + 32);
    if window.start > 0 {
        out.push('…');
    }
    let mut at = window.start;
    for bytes in joined(&found) {
        let bytes = bytes.start.max(window.start)..bytes.end.min(window.end);
        if !bytes.is_empty() {
            out.push_str(&text[at..bytes.start]);
            out.push_str("<b>");
            out.push_str(&text[bytes.clone()]);
            out.push_str("</b>");
            at = bytes.end;
        }
    }
    out.push_str(&text[at..window.end]);
    if window.end < text.len() {
        out.push('…');
    }
    out
}

/// The matches in order of their beginning.
fn find(text: &str, query: &Query) -> Vec<Found> {
    let mut rows: HashMap<&str, Vec<(usize, &Form)>> = HashMap::new();
    let mut wholes: HashMap<&str, usize> = HashMap::new();
    let mut near: Vec<(usize, &Form)> = Vec::new();
    for (wanted, form) in query.wanted() {
        if form.gaps > 0 {
            near.push((wanted, form));
            continue;
        }
        if let Some(first) = form.pieces.first() {
            rows.entry(first).or_default().push((wanted, form));
        }
        if let Some(whole) =
            form.term.as_deref().or(form.pieces.first().filter(|_| form.pieces.len() == 1).map(String::as_str))
        {
            wholes.entry(whole).or_insert(wanted);
        }
    }
    let text = Pieces::of(text);
    let mut found = Vec::new();
    for (at, piece) in text.pieces.iter().enumerate() {
        for (wanted, form) in rows.get(piece.term.as_str()).into_iter().flatten() {
            let row = text.pieces.get(at..at + form.pieces.len()).unwrap_or_default();
            if !row.is_empty() && row.iter().zip(&form.pieces).all(|(have, want)| have.term == *want) {
                found.push(Found { bytes: piece.from..row[row.len() - 1].to, wanted: *wanted });
            }
        }
        if let Some(wanted) = wholes.get(piece.term.as_str()) {
            found.push(Found { bytes: piece.from..piece.to, wanted: *wanted });
        }
    }
    for compound in &text.compounds {
        if let Some(wanted) = wholes.get(compound.joined.as_str()) {
            let bytes = text.pieces[compound.pieces.start].from..text.pieces[compound.pieces.end - 1].to;
            found.push(Found { bytes, wanted: *wanted });
        }
    }
    for (wanted, form) in near {
        find_near(&text, wanted, form, &mut found);
    }
    found.sort_by_key(|one| (one.bytes.start, one.bytes.end));
    found
}

/// The pieces of `form` wherever all of them stand close enough together: of each the first from there on.
fn find_near(text: &Pieces, wanted: usize, form: &Form, found: &mut Vec<Found>) {
    let reach = form.pieces.len() + form.gaps;
    for at in 0..text.pieces.len() {
        let window = &text.pieces[at..(at + reach).min(text.pieces.len())];
        if form.pieces.contains(&text.pieces[at].term) {
            let first = |want: &String| window.iter().find(|have| have.term == *want);
            let all: Option<Vec<_>> = form.pieces.iter().map(first).collect();
            let all = all.into_iter().flatten();
            found.extend(all.map(|piece| Found { bytes: piece.from..piece.to, wanted }));
        }
    }
}

/// Matches that touch or overlap, as one.
fn joined(found: &[Found]) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for one in found {
        match joined.last_mut() {
            Some(last) if one.bytes.start <= last.end => last.end = last.end.max(one.bytes.end),
            _ => joined.push(one.bytes.clone()),
        }
    }
    joined
}

/// The bytes of the text to show: the first place where the most different words stand within `max_chars`, with as much
/// before as fits a third of what is left.
fn window(text: &str, found: &[Found], max_chars: usize) -> Range<usize> {
    if text.len() <= max_chars || text.chars().nth(max_chars).is_none() {
        return 0..text.len();
    }
    let forward =
        |from: usize, chars: usize| text[from..].char_indices().nth(chars).map_or(text.len(), |(at, _)| from + at);
    let Some(first) = best_match(text, found, max_chars) else { return 0..word_end(text, 0, forward(0, max_chars)) };
    let reach = forward(first, max_chars);
    let last =
        found.iter().filter(|one| one.bytes.start >= first && one.bytes.end <= reach).map(|one| one.bytes.end).max();
    let left = max_chars.saturating_sub(text[first..last.unwrap_or(reach).max(first)].chars().count());
    let lead = text[..first].char_indices().rev().take(left / 3).last().map_or(first, |(at, _)| at);
    let start = word_start(text, lead, first);
    // Near the end of the text the window takes in more of what is before.
    let end = forward(start, max_chars);
    if end == text.len() {
        let tail = text.char_indices().rev().take(max_chars).last().map_or(0, |(at, _)| at);
        return word_start(text, tail, first.max(tail))..end;
    }
    start..word_end(text, last.unwrap_or(start).max(start), end)
}

/// Where the match begins from which on the most different words follow within `max_chars`.
fn best_match(text: &str, found: &[Found], max_chars: usize) -> Option<usize> {
    let mut best = (0, None);
    let mut inside: HashMap<usize, usize> = HashMap::new();
    let mut end = 0;
    // Characters before the match at the front, and before the one at the end, counted once along the text.
    let mut chars = Counted::new(text);
    let ends: Vec<usize> = found.iter().map(|one| chars.before(one.bytes.start)).collect();
    for (n, one) in found.iter().enumerate() {
        while end < found.len() && ends[end] + text[found[end].bytes.clone()].chars().count() <= ends[n] + max_chars {
            *inside.entry(found[end].wanted).or_default() += 1;
            end += 1;
        }
        if inside.len() > best.0 || best.1.is_none() {
            best = (inside.len(), Some(one.bytes.start));
        }
        if let Some(count) = inside.get_mut(&one.wanted) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&one.wanted);
            }
        }
        end = end.max(n + 1);
    }
    best.1
}

/// Counts the characters of a text up to places that only move forward.
struct Counted<'a> {
    text: &'a str,
    at: usize,
    chars: usize,
}

impl<'a> Counted<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, chars: 0 }
    }

    fn before(&mut self, place: usize) -> usize {
        self.chars += self.text[self.at..place.max(self.at)].chars().count();
        self.at = place.max(self.at);
        self.chars
    }
}

/// `from`, or behind the next space before `limit` if `from` is inside a word that spaces delimit.
fn word_start(text: &str, from: usize, limit: usize) -> usize {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if from == 0 || !inside(text[..from].chars().next_back()) || !inside(text[from..].chars().next()) {
        return from;
    }
    let cut = text.get(from..limit).and_then(|word| word.find(|c: char| !c.is_ascii_alphanumeric()));
    cut.map_or(limit, |at| from + at + text[from + at..].chars().next().map_or(0, char::len_utf8)).min(limit)
}

/// `to`, or the end of the last whole word behind `limit` if `to` is inside a word that spaces delimit.
fn word_end(text: &str, limit: usize, to: usize) -> usize {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if !inside(text[..to].chars().next_back()) || !inside(text[to..].chars().next()) {
        return to;
    }
    match text.get(limit..to).and_then(|words| words.rfind(|c: char| !c.is_ascii_alphanumeric())) {
        Some(at) if at > 0 => limit + at,
        _ => to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, query: &str, max_chars: usize) -> String {
        snippet(text, &Query::parse(query).unwrap(), max_chars)
    }

    #[test]
    fn words_are_marked_as_the_search_finds_them() {
        assert_eq!(shown("Blue Running Shoes for men", "shoe run", 80), "Blue <b>Running</b> <b>Shoes</b> for men");
        assert_eq!(shown("苹果手机壳 防摔", "手机壳", 80), "苹果<b>手机壳</b> 防摔");
        assert_eq!(shown("手机保护壳", "手机壳", 80), "<b>手机</b>保护<b>壳</b>");
        assert_eq!(shown("买一本 新书", "买书", 80), "<b>买</b>一本 新<b>书</b>");
        assert_eq!(shown("退款在一到三天内退回账户", "退款 到账", 80), "<b>退款</b>在一到三天内退回账户", "far apart");
        assert_eq!(shown("两天后到账，请看账号", "到账", 80), "两天后<b>到账</b>，请看账号");
        assert_eq!(shown("ＣＲÈＭＥ pot", "creme", 80), "<b>ＣＲÈＭＥ</b> pot");
        assert_eq!(
            shown("An XJ-900, an XJ900 and an XJ 600", "xj900", 80),
            "An <b>XJ-900</b>, an <b>XJ900</b> and an XJ 600"
        );
        assert_eq!(shown("cotton T-shirt", "tshirt", 80), "cotton <b>T-shirt</b>");
        assert_eq!(shown("red or blue, blue shoes", "\"blue shoes\"", 80), "red or blue, <b>blue shoes</b>");
        assert_eq!(shown("<i>red</i> & more", "red", 80), "<i><b>red</b></i> & more");
    }

    #[test]
    fn the_window_holds_most_words_and_ends_between_words() {
        let text = "shoes come first here, and then a long way of other words follows until the red shoes for running appear at last";
        let short = shown(text, "red running shoes", 40);
        assert!(short.contains("<b>red</b> <b>shoes</b> for <b>running</b>"), "{short}");
        assert!(
            short.starts_with('…')
                && short.replace(['…'], "").replace("<b>", "").replace("</b>", "").chars().count() <= 40
        );
        let chinese = format!("{}防水手机壳{}", "很".repeat(50), "好".repeat(50));
        let short = shown(&chinese, "手机壳", 10);
        assert!(short.starts_with('…') && short.ends_with('…') && short.contains("<b>手机壳</b>"), "{short}");
        assert_eq!(short.chars().filter(|c| "很防水手机壳好".contains(*c)).count(), 10);
    }

    #[test]
    fn without_a_match_it_is_the_beginning() {
        assert_eq!(shown("some words in a row", "absent", 12), "some words…");
        assert_eq!(shown("", "absent", 12), "");
        assert_eq!(shown("red", "red", 0), "…");
    }

    #[test]
    fn any_length_cuts_between_characters() {
        let text = "a手机b壳 é𠮷 iPhone13 ﬁne";
        for query in ["手机壳", "iphone13 fine", "é b", "\"手机 b\""] {
            for max_chars in 0..30 {
                let shown = shown(text, query, max_chars);
                let plain = shown.replace("<b>", "").replace("</b>", "");
                assert!(
                    text.contains(plain.trim_matches('…')) && plain.trim_matches('…').chars().count() <= max_chars,
                    "{shown}"
                );
            }
        }
    }
}
