//! From text to terms: what of a text goes into the index, and at which position.
//!
//! A text is read as a row of *pieces*, and the position of a term is the number of its first piece:
//!
//! | in the text | pieces | further terms |
//! |---|---|---|
//! | `running shoes` | `run` `shoe` (English stems) | |
//! | `XJ-900`, `iPhone13`, `T-shirt` | `xj` `900`, `iphone` `13`, `t` `shirt` | the whole, joined: `xj900`, `iphone13`, `tshirt` |
//! | `3.5mm`, `1,299` | `3.5` `mm`, `1299` | `3.5mm` |
//! | `手机壳` | `手` `机` `壳` | every dictionary word in it: `手机`, `手机壳` |
//! | `かばん`, `가방`, `กระเป๋า` | each character | |
//!
//! So a phrase is a row of consecutive pieces however a dictionary would cut it, `壳` alone is found, and a word that
//! the dictionary knows is one term wherever it stands. A query takes the dictionary words of its best cut; see
//! [`super::query`].

use std::ops::Range;
use std::sync::LazyLock;

use frostem::{Algorithm, Stemmer};
use jieba_rs::Jieba;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::fold::{Class, Folded, class, fold};
use crate::config;

/// Characters of a term at most; the rest of a longer one is left out, in the index and in the query alike.
const TERM_CHARS_MAX: usize = 64;
/// Pieces of a compound at most. A longer row of letters and digits (a hash, an encoded image) stays one piece.
const COMPOUND_PIECES_MAX: usize = 8;

/// The Chinese dictionary, read at first use (about a tenth of a second).
pub(super) fn dictionary() -> &'static Jieba {
    static DICTIONARY: LazyLock<Jieba> = LazyLock::new(Jieba::new);
    &DICTIONARY
}

/// The smallest part of a text that can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// The term.
    pub(super) term: String,
    /// First byte in the original text, and the byte behind the last.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) class: Class,
}

/// Pieces that were written together, and the term that they make when joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compound {
    pub(super) pieces: Range<usize>,
    pub(super) joined: String,
}

/// A text taken apart.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<Piece>,
    pub(super) compounds: Vec<Compound>,
    /// Pieces of class `Han` or `Single` without a gap between them.
    pub(super) runs: Vec<Range<usize>>,
}

impl Pieces {
    /// Takes `text` apart.
    pub(super) fn of(text: &str) -> Self {
        let folded = fold(text);
        let mut pieces = Self::default();
        let mut at = 0;
        while let Some(first) = folded.get(at) {
            at = match class(first.c) {
                Class::Gap => at + 1,
                Class::Han | Class::Single => pieces.take_run(&folded, at),
                Class::Letter | Class::Digit => pieces.take_chain(&folded, at),
            };
        }
        pieces
    }

    /// The folded text of the pieces in `range`, without what stood between them.
    pub(super) fn text(&self, range: Range<usize>) -> String {
        self.pieces.get(range).unwrap_or_default().iter().map(|piece| piece.term.as_str()).collect()
    }

    fn take_run(&mut self, folded: &[Folded], start: usize) -> usize {
        let kind = class(folded[start].c);
        let first = self.pieces.len();
        let run = folded[start..].iter().take_while(|f| class(f.c) == kind);
        self.pieces.extend(run.map(|f| Piece { term: f.c.to_string(), from: f.from, to: f.to, class: kind }));
        self.runs.push(first..self.pieces.len());
        start + self.pieces.len() - first
    }

    /// Letters and digits that touch each other or are joined by one of `-`, `_`, `&`.
    fn take_chain(&mut self, folded: &[Folded], start: usize) -> usize {
        let chain_first = self.pieces.len();
        let mut at = start;
        loop {
            at = self.take_link(folded, at);
            let joined = folded.get(at).is_some_and(|f| matches!(f.c, '-' | '_' | '&'));
            if joined && folded.get(at + 1).is_some_and(|f| is_word(f.c)) {
                at += 1;
            } else {
                break;
            }
        }
        if self.pieces.len() - chain_first <= COMPOUND_PIECES_MAX {
            self.push_compound(chain_first);
        }
        at
    }

    /// Letters and digits that touch each other. Too many of them become one piece.
    fn take_link(&mut self, folded: &[Folded], start: usize) -> usize {
        let first = self.pieces.len();
        let mut at = start;
        while let Some(f) = folded.get(at).filter(|f| is_word(f.c)) {
            let kind = class(f.c);
            let (text, end) = if kind == Class::Letter { letters(folded, at) } else { number(folded, at) };
            let to = folded[end - 1].to;
            self.pieces.push(Piece { term: term(&text), from: f.from, to, class: kind });
            at = end;
        }
        if self.pieces.len() - first > COMPOUND_PIECES_MAX {
            let whole = term(&self.text(first..self.pieces.len()));
            self.pieces.truncate(first + 1);
            if let Some(piece) = self.pieces.last_mut() {
                piece.term = whole;
                piece.to = folded[at - 1].to;
            }
        }
        at
    }

    fn push_compound(&mut self, first: usize) {
        if self.pieces.len() - first > 1 {
            let pieces = first..self.pieces.len();
            self.compounds.push(Compound { joined: term(&self.text(pieces.clone())), pieces });
        }
    }
}

fn is_word(c: char) -> bool {
    matches!(class(c), Class::Letter | Class::Digit)
}

/// Letters from `start` on, with apostrophes between them; gives the place behind.
fn letters(folded: &[Folded], start: usize) -> (String, usize) {
    let mut text = String::new();
    let mut at = start;
    while let Some(f) = folded.get(at) {
        let inner = f.c == '\'' && folded.get(at + 1).is_some_and(|next| class(next.c) == Class::Letter);
        if class(f.c) != Class::Letter && !inner {
            break;
        }
        text.push(f.c);
        at += 1;
    }
    (text, at)
}

/// Digits from `start` on, with decimal points kept and commas between thousands left out; gives the place behind.
fn number(folded: &[Folded], start: usize) -> (String, usize) {
    let digit = |at: usize| folded.get(at).is_some_and(|f| class(f.c) == Class::Digit);
    let mut text = String::new();
    let mut at = start;
    while let Some(f) = folded.get(at) {
        match f.c {
            _ if digit(at) => text.push(f.c),
            '.' if digit(at + 1) => text.push('.'),
            ',' if digit(at + 1) && digit(at + 2) && digit(at + 3) && !digit(at + 4) => {}
            _ => break,
        }
        at += 1;
    }
    (text, at)
}

/// The term for a folded word: English stem for plain letters, cut at the longest allowed.
fn term(word: &str) -> String {
    static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::new(Algorithm::English));
    let end = word.char_indices().nth(TERM_CHARS_MAX).map_or(word.len(), |(at, _)| at);
    let word = &word[..end];
    if word.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'') {
        STEMMER.stem(word).replace('\'', "")
    } else {
        word.replace('\'', "")
    }
}

/// Every term of `text` with its position, by position. Text behind [`config::SEARCH_TEXT_BYTES_MAX`] is left out.
fn tokens(text: &str) -> Vec<Token> {
    let text = &text[..text.floor_char_boundary(config::SEARCH_TEXT_BYTES_MAX)];
    let pieces = Pieces::of(text);
    let token = |range: Range<usize>, text: String| Token {
        offset_from: pieces.pieces[range.start].from,
        offset_to: pieces.pieces[range.end - 1].to,
        position: range.start,
        text,
        position_length: range.len(),
    };
    let mut tokens: Vec<Token> =
        pieces.pieces.iter().enumerate().map(|(at, piece)| token(at..at + 1, piece.term.clone())).collect();
    tokens.extend(pieces.compounds.iter().map(|compound| token(compound.pieces.clone(), compound.joined.clone())));
    for run in pieces.runs.iter().filter(|run| run.len() > 1 && pieces.pieces[run.start].class == Class::Han) {
        let text = pieces.text(run.clone());
        let words = dictionary().cut_all(&text).into_iter().filter(|word| word.end - word.start > 1);
        tokens.extend(words.map(|word| token(run.start + word.start..run.start + word.end, word.word.to_string())));
    }
    tokens.sort_by_key(|token| token.position);
    tokens
}

/// [`tokens`] in the form that the index asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct WordTokenizer;

/// The terms of one text.
pub(super) struct Words {
    tokens: Vec<Token>,
    /// Number of the current token plus one.
    next: usize,
    none: Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = Words;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words {
        Words { tokens: tokens(text), next: 0, none: Token::default() }
    }
}

impl TokenStream for Words {
    fn advance(&mut self) -> bool {
        let more = self.next < self.tokens.len();
        self.next += usize::from(more);
        more
    }

    fn token(&self) -> &Token {
        self.tokens.get(self.next.wrapping_sub(1)).unwrap_or(&self.none)
    }

    fn token_mut(&mut self) -> &mut Token {
        self.tokens.get_mut(self.next.wrapping_sub(1)).unwrap_or(&mut self.none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        tokens(text).iter().map(|t| format!("{}@{}", t.text, t.position)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn english_is_stemmed_and_folded() {
        assert_eq!(shown("Running SHOES, Women's"), "run@0 shoe@1 women@2");
        assert_eq!(shown("crème-brûlée"), "creme@0 cremebrul@0 brule@1");
        assert_eq!(shown("!? — …"), "");
    }

    #[test]
    fn model_numbers_are_found_whole_and_by_parts() {
        assert_eq!(shown("iPhone13"), "iphon@0 iphon13@0 13@1");
        assert_eq!(shown("XJ-900"), "xj@0 xj900@0 900@1");
        assert_eq!(shown("3.5mm 1,299 5.4.5."), "3.5@0 3.5mm@0 mm@1 1299@2 5.4.5@3");
        assert_eq!(shown("ｉＰａｄ　２"), "ipad@0 2@1");
        assert_eq!(shown("a1b2c3d4e5f6"), "a1b2c3d4e5f6@0");
        assert_eq!(shown("a-b-c-d-e-f-g-h-i").split(' ').count(), 9, "a long slug keeps its words");
    }

    #[test]
    fn chinese_gives_every_dictionary_word_and_every_character() {
        assert_eq!(shown("手机壳"), "手@0 手机@0 机@1 机壳@1 壳@2");
        let tokens = tokens("女士运动鞋");
        assert!(tokens.iter().any(|t| t.text == "运动鞋" && t.position == 2 && t.offset_from == 6));
        assert!(tokens.iter().any(|t| t.text == "鞋" && t.position == 4));
    }

    /// What a query relies on: a dictionary word is a term wherever it stands.
    #[test]
    fn dictionary_words_are_terms_in_any_company() {
        for word in ["手机", "运动鞋", "连衣裙", "蓝牙", "研究生", "中华人民共和国"] {
            assert!(dictionary().has_word(word), "{word}");
            for text in [format!("{word}壳"), format!("大{word}小"), format!("研究{word}命")] {
                assert!(tokens(&text).iter().any(|t| t.text == word), "{word} in {text}");
            }
        }
    }

    #[test]
    fn long_values_are_cut_and_long_words_shortened() {
        let long = "x".repeat(500);
        assert_eq!(tokens(&long)[0].text.chars().count(), TERM_CHARS_MAX);
        let huge = "手".repeat(config::SEARCH_TEXT_BYTES_MAX / 3 + 10);
        assert_eq!(Pieces::of(&huge[..huge.floor_char_boundary(config::SEARCH_TEXT_BYTES_MAX)]).pieces.len(), 349_525);
    }
}
