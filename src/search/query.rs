//! What a user typed, understood: words to look for, phrases that must stand, what must not.
//!
//! - Plain words need not all be there: each adds to the rank, all of them together add more, and most if they stand
//!   in the order typed.
//! - `"..."` (and `“...”`, `「...」`) is a phrase that a row must have.
//! - `-word` and `-"..."` leave rows out.
//! - Anything else is a word or a gap. No punctuation is an error.
//!
//! A Chinese query is cut into its most likely words. A word that the dictionary knows is looked up as one term, any
//! other as a row of characters, so what was typed is found wherever it stands literally. The shorter words inside a
//! longer one (手机 in 手机保护壳) count a little as well.

use std::ops::Range;

use super::fold::Class;
use super::tokenizer::{Pieces, dictionary};
use crate::config;
use crate::error::{Error, Kind, Result};

/// Pieces that may stand between characters which count a little together.
const NEAR_GAPS: usize = 4;

/// A search query.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Words to look for, each once.
    pub(super) words: Vec<Word>,
    /// The pieces of all plain words, in the order typed.
    pub(super) typed: Vec<String>,
    /// What must be there.
    pub(super) phrases: Vec<Form>,
    /// What must not.
    pub(super) excluded: Vec<Form>,
}

/// One word to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) form: Form,
    /// Parts of it that count a little on their own.
    pub(super) weak: Vec<Form>,
}

/// How a word or phrase stands in the index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Form {
    /// One term that stands for the whole.
    pub(super) term: Option<String>,
    /// The pieces, of which there is at least one.
    pub(super) pieces: Vec<String>,
    /// Whether the pieces in a row count as well as the term: `XJ 900` for `XJ900`.
    pub(super) either: bool,
    /// Other pieces that may stand between and around them.
    pub(super) gaps: usize,
}

/// How a clause of the query was marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Plain,
    Phrase,
    Excluded,
}

impl Query {
    /// Understands `text`. [`Kind::InvalidParameter`] if it is blank, too long, or only says what to leave out. A query of
    /// punctuation alone is valid and finds nothing.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::new(Kind::InvalidParameter, "the search query is empty")
                .with_hint("Give at least one word to look for."));
        }
        if text.chars().nth(config::SEARCH_QUERY_CHARS_MAX).is_some() {
            let message = format!("the search query is longer than {} characters", config::SEARCH_QUERY_CHARS_MAX);
            return Err(Error::new(Kind::InvalidParameter, message).with_hint("Search for fewer words."));
        }
        let mut query = Self::default();
        let mut plain = String::new();
        for (mark, content) in clauses(text) {
            let pieces = match mark {
                Mark::Plain => {
                    plain.push_str(content);
                    plain.push(' ');
                    continue;
                }
                Mark::Phrase | Mark::Excluded => Pieces::of(content),
            };
            if !pieces.pieces.is_empty() {
                let form = Form::of(&pieces, 0..pieces.pieces.len());
                if mark == Mark::Phrase { query.phrases.push(form) } else { query.excluded.push(form) }
            }
        }
        query.take_words(&Pieces::of(&plain));
        if query.words.is_empty() && query.phrases.is_empty() && !query.excluded.is_empty() {
            return Err(Error::new(Kind::InvalidParameter, "the search query only says what to leave out")
                .with_hint("Give at least one word to look for."));
        }
        Ok(query)
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.phrases.is_empty()
    }

    /// Everything that is looked for, with the number of the word or phrase it belongs to.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (usize, &Form)> {
        let words = self.words.iter().enumerate();
        let words =
            words.flat_map(|(n, word)| std::iter::once(&word.form).chain(&word.weak).map(move |form| (n, form)));
        words.chain(self.phrases.iter().enumerate().map(|(n, form)| (self.words.len() + n, form)))
    }

    fn take_words(&mut self, pieces: &Pieces) {
        self.typed = pieces.pieces.iter().map(|piece| piece.term.clone()).collect();
        let mut at = 0;
        while at < pieces.pieces.len() && self.words.len() < config::SEARCH_QUERY_WORDS_MAX {
            if let Some(compound) = pieces.compounds.iter().find(|compound| compound.pieces.start == at) {
                at = compound.pieces.end;
                self.push(Word::compound(pieces, compound.pieces.clone()));
            } else if let Some(run) = pieces.runs.iter().find(|run| run.start == at) {
                at = run.end;
                self.take_run(pieces, run.clone());
            } else {
                self.push(Word { form: Form::of(pieces, at..at + 1), weak: Vec::new() });
                at += 1;
            }
        }
    }

    fn take_run(&mut self, pieces: &Pieces, run: Range<usize>) {
        if pieces.pieces[run.start].class == Class::Han {
            let text = pieces.text(run.clone());
            let words: Vec<_> = dictionary().cut(&text, true).iter().map(|word| word.start..word.end).collect();
            let is_single = |word: &Range<usize>| word.len() == 1;
            for group in words.chunk_by(|a, b| is_single(a) && is_single(b)) {
                let Some((first, last)) = group.first().zip(group.last()) else { continue };
                let range = run.start + first.start..run.start + last.end;
                self.push(match group.len() {
                    1 => Word::han(pieces, range),
                    _ => Word::characters(pieces, range),
                });
            }
        } else {
            self.push(Word::single(pieces, run));
        }
    }

    fn push(&mut self, word: Word) {
        if self.words.len() < config::SEARCH_QUERY_WORDS_MAX && !self.words.contains(&word) {
            self.words.push(word);
        }
    }
}

impl Word {
    fn compound(pieces: &Pieces, range: Range<usize>) -> Self {
        // Model numbers are one thing (an XJ-900 is no XJ-600), but the words in long-sleeve say something by themselves.
        let telling = |at: &usize| {
            let piece = &pieces.pieces[*at];
            piece.class == Class::Letter && piece.term.chars().nth(2).is_some()
        };
        let weak = range.clone().filter(telling).map(|at| Form::of(pieces, at..at + 1)).collect();
        Self { form: Form::of(pieces, range), weak }
    }

    fn han(pieces: &Pieces, range: Range<usize>) -> Self {
        let form = Form::of(pieces, range.clone());
        let text = pieces.text(range.clone());
        let inner =
            dictionary().cut_all(&text).into_iter().filter(|word| (2..range.len()).contains(&(word.end - word.start)));
        let weak = inner.map(|word| Form::of(pieces, range.start + word.start..range.start + word.end)).collect();
        Self { form, weak }
    }

    /// Characters that the dictionary left by themselves: together a word that it lacks (到账), or a short way to say what
    /// stands apart in a text (买书, 买一本书). Near each other they count a little. Each alone is hardly a word: 账 is in
    /// 账号 and 到 in 一到三天.
    fn characters(pieces: &Pieces, range: Range<usize>) -> Self {
        let form = Form::of(pieces, range);
        let near = Form { term: None, gaps: NEAR_GAPS, ..form.clone() };
        Self { form, weak: vec![near] }
    }

    fn single(pieces: &Pieces, range: Range<usize>) -> Self {
        let pairs = if range.len() > 2 { range.start..range.end - 1 } else { 0..0 };
        let weak = pairs.map(|at| Form::of(pieces, at..at + 2)).collect();
        Self { form: Form::of(pieces, range), weak }
    }
}

impl Form {
    /// How the pieces in `range`, of which there must be one, stand in the index.
    fn of(pieces: &Pieces, range: Range<usize>) -> Self {
        let terms = pieces.pieces[range.clone()].iter().map(|piece| piece.term.clone()).collect();
        if let Some(compound) = pieces.compounds.iter().find(|compound| compound.pieces == range) {
            return Self { term: Some(compound.joined.clone()), pieces: terms, either: true, gaps: 0 };
        }
        let in_run = |run: &Range<usize>| run.start <= range.start && range.end <= run.end;
        let text = pieces.text(range.clone());
        let known = range.len() > 1 && pieces.runs.iter().any(in_run) && dictionary().has_word(&text);
        Self { term: known.then_some(text), pieces: terms, either: false, gaps: 0 }
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '＂' | '「' | '」' | '『' | '』')
}

fn is_minus(c: char) -> bool {
    matches!(c, '-' | '－' | '−')
}

/// The clauses of a query, each without its marks.
fn clauses(text: &str) -> Vec<(Mark, &str)> {
    let mut clauses = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let behind = &rest[first.len_utf8()..];
        let excludes = is_minus(first) && behind.chars().next().is_some_and(|c| !c.is_whitespace() && !is_minus(c));
        let body = if excludes { behind } else { rest };
        let (mark, content, after) = match quoted(body) {
            Some((content, after)) => (Mark::Phrase, content, after),
            None => {
                let end = word_end(body);
                (Mark::Plain, &body[..end], &body[end..])
            }
        };
        clauses.push((if excludes { Mark::Excluded } else { mark }, content));
        rest = after.trim_start();
    }
    clauses
}

/// What stands between the quotes that `text` opens with, and what follows; nothing if no quote closes it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let opening = text.chars().next().filter(|c| is_quote(*c))?;
    let inner = &text[opening.len_utf8()..];
    let end = inner.find(is_quote)?;
    let closing = inner[end..].chars().next()?;
    Some((&inner[..end], &inner[end + closing.len_utf8()..]))
}

/// Where the word that `text` begins with ends: before a space, or before a quote that opens a phrase. A quote behind a
/// Latin letter or digit opens none: it may mean inches.
fn word_end(text: &str) -> usize {
    let mut before = None;
    for (at, c) in text.char_indices() {
        let opens =
            is_quote(c) && before.is_some_and(|b: char| !b.is_ascii_alphanumeric()) && quoted(&text[at..]).is_some();
        if c.is_whitespace() || opens {
            return at;
        }
        before = Some(c);
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(forms: &[Form]) -> String {
        let shown = |form: &Form| form.term.clone().unwrap_or_else(|| form.pieces.join("+"));
        forms.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    fn shown(text: &str) -> String {
        let query = Query::parse(text).unwrap();
        let words: Vec<Form> = query.words.iter().map(|word| word.form.clone()).collect();
        format!("{} | {} | {}", forms(&words), forms(&query.phrases), forms(&query.excluded))
    }

    #[test]
    fn words_phrases_and_exclusions_are_told_apart() {
        assert_eq!(shown("red shoes"), "red shoe |  | ");
        assert_eq!(shown("red \"running shoes\" -kids -\"for men\""), "red | run+shoe | kid for+men");
        assert_eq!(shown("红色“蓝牙耳机” －儿童"), "红色 | 蓝+牙+耳+机 | 儿童");
        assert_eq!(shown("iPhone13 手机壳"), "iphon13 手机 壳 |  | ");
        assert_eq!(shown("red red"), "red |  | ");
        assert_eq!(shown("退款 几天 到账"), "退款 几天 到+账 |  | ", "a word that the dictionary lacks");
    }

    #[test]
    fn odd_punctuation_is_no_error() {
        assert_eq!(shown("27\" monitor 5'"), "27 monitor 5 |  | ");
        assert_eq!(shown("\"open ended"), "open end |  | ");
        assert_eq!(shown("a - b -- c -"), "a b c |  | ");
        for text in ["!!!", "\"\"", "-\"", "((", "*:*", "a:b AND", "\\", "“”", "。。。"] {
            assert!(Query::parse(text).is_ok(), "{text}");
        }
        assert!(Query::parse("?!").unwrap().is_empty());
    }

    #[test]
    fn nothing_to_look_for_is_refused() {
        for text in ["", "  \n", "-red", "-\"red shoes\"", &"x".repeat(config::SEARCH_QUERY_CHARS_MAX + 1)] {
            assert_eq!(Query::parse(text).unwrap_err().kind(), Kind::InvalidParameter, "{text}");
        }
    }

    #[test]
    fn parts_count_a_little() {
        let query = Query::parse("运动鞋 long-sleeve XJ-900 かばん").unwrap();
        let weak: Vec<String> = query.words.iter().map(|word| forms(&word.weak)).collect();
        assert_eq!(weak, ["运动", "long sleev", "", "か+ば ば+ん"]);
        assert!(query.words[1].form.either && !query.words[0].form.either);
        let query = Query::parse("到账").unwrap();
        assert_eq!(forms(&query.words[0].weak), "到+账");
        assert_eq!(query.words[0].weak[0].gaps, NEAR_GAPS, "near each other, and neither alone");
    }
}
