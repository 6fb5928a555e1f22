//! A text cut into words, numbers, runs of Chinese and signs, in one pass over its bytes.

use super::lexicon::classes_of;
use crate::governance::semantic_type::is_han;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Letters, with apostrophes and dashes between them.
    Word,
    /// ASCII digits.
    Number,
    /// Chinese characters.
    Han,
    /// One sign.
    Sign,
    /// Blanks; [`Token::breaks`] counts the ends of lines in it.
    Blank,
}

/// A piece of the text.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// First byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
    /// What it is.
    pub kind: TokenKind,
    /// Of a sign the byte, if it is ASCII; of a blank 0.
    pub sign: u8,
    /// Of a blank how many ends of lines it has.
    pub breaks: u8,
    /// Of a word: it opens with a capital.
    pub capital: bool,
    /// Of a word: it has more than one letter, and all of them are capitals.
    pub upper: bool,
    /// Of a word: what the lists know of it.
    pub classes: u32,
}

/// What is in the text at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signals {
    /// `@`, `://`, `www.`, or a dot between letters.
    pub web: bool,
    /// A digit.
    pub digits: bool,
    /// Chinese.
    pub han: bool,
    /// A word.
    pub letters: bool,
    /// A word with a capital.
    pub capitals: bool,
}

/// A text and its tokens.
#[derive(Debug)]
pub struct Tokens<'t> {
    /// The text.
    pub text: &'t str,
    /// Its tokens, which together are all of it.
    pub list: Vec<Token>,
    signals: Signals,
}

impl<'t> Tokens<'t> {
    /// What is in the text at all.
    pub fn signals(&self) -> Signals {
        self.signals
    }

    /// The token at a place.
    pub fn get(&self, at: usize) -> Option<&Token> {
        self.list.get(at)
    }

    /// The text of a token; nothing if there is none.
    pub fn text_at(&self, at: usize) -> &'t str {
        self.list.get(at).and_then(|token| self.text.get(token.start..token.end)).unwrap_or_default()
    }

    /// The bytes from one place to another.
    pub fn bytes(&self, start: usize, end: usize) -> &'t [u8] {
        self.text.as_bytes().get(start..end).unwrap_or_default()
    }

    /// Whether the token at a place is this sign.
    pub fn is_sign(&self, at: usize, sign: u8) -> bool {
        self.get(at).is_some_and(|token| token.kind == TokenKind::Sign && token.sign == sign)
    }

    /// Whether the token at a place is of this kind.
    pub fn is(&self, at: usize, kind: TokenKind) -> bool {
        self.get(at).is_some_and(|token| token.kind == kind)
    }

    /// The place of the next token that is no blank.
    pub fn next(&self, at: usize) -> usize {
        match self.is(at + 1, TokenKind::Blank) {
            true => at + 2,
            false => at + 1,
        }
    }

    /// The place of the token before that is no blank.
    pub fn before(&self, at: usize) -> Option<usize> {
        let before = at.checked_sub(1)?;
        match self.is(before, TokenKind::Blank) {
            true => before.checked_sub(1),
            false => Some(before),
        }
    }

    /// What is known of the word at a place; 0 if it is none.
    pub fn classes(&self, at: usize) -> u32 {
        self.get(at).map_or(0, |token| token.classes)
    }

    /// Whether a token has letters or digits right before or behind it.
    pub fn is_glued(&self, at: usize) -> bool {
        let solid = |at: usize| self.is(at, TokenKind::Word) || self.is(at, TokenKind::Number);
        at.checked_sub(1).is_some_and(solid) || solid(at + 1)
    }

    /// Whether a token is the first of a sentence, a line or the text.
    pub fn opens_sentence(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return true };
        if self.get(before).is_some_and(|token| token.breaks > 0) {
            return true;
        }
        match self.before(at).and_then(|before| self.get(before).map(|token| (before, token))) {
            None => true,
            Some((place, token)) if token.kind == TokenKind::Sign => match token.sign {
                // A dot behind a capital letter or a title ends no sentence.
                b'.' => {
                    let short = place.checked_sub(1).and_then(|word| self.get(word)).is_some_and(|word| {
                        word.kind == TokenKind::Word
                            && (word.end - word.start == 1 || word.classes & super::lexicon::TITLE != 0)
                    });
                    !short
                }
                b'!' | b'?' | b':' | b'"' | b';' | b'*' | b'-' => true,
                0 => true,
                _ => false,
            },
            Some(_) => false,
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphabetic() && !is_han(c)
}

/// Cuts a text.
pub fn tokenize(text: &str) -> Tokens<'_> {
    let bytes = text.as_bytes();
    let mut list: Vec<Token> = Vec::with_capacity(bytes.len() / 3 + 4);
    let mut signals = Signals::default();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let mut token = Token {
            start,
            end: start + 1,
            kind: TokenKind::Sign,
            sign: byte,
            breaks: 0,
            capital: false,
            upper: false,
            classes: 0,
        };
        match byte {
            b'0'..=b'9' => {
                while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                    at += 1;
                }
                (token.kind, token.sign) = (TokenKind::Number, 0);
                signals.digits = true;
            }
            b' ' | b'\t' | b'\n' | b'\r' => {
                while let Some(blank @ (b' ' | b'\t' | b'\n' | b'\r')) = bytes.get(at) {
                    token.breaks = token.breaks.saturating_add(u8::from(*blank == b'\n'));
                    at += 1;
                }
                (token.kind, token.sign) = (TokenKind::Blank, 0);
            }
            b'a'..=b'z' | b'A'..=b'Z' => {
                at = word(text, at, &mut token);
                signals.letters = true;
                signals.capitals |= token.capital;
            }
            0..=127 => {
                signals.web |= byte == b'@' || byte == b':' && bytes.get(at + 1) == Some(&b'/');
                signals.web |= byte == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
                signals.web |= byte == b':' && bytes.get(at + 1).is_some_and(|b| b.is_ascii_hexdigit() || *b == b':');
                at += 1;
            }
            _ => {
                let c = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{FFFD}');
                if is_han(c) {
                    let rest = text.get(at..).unwrap_or_default();
                    at += rest.find(|c| !is_han(c)).unwrap_or(rest.len());
                    (token.kind, token.sign) = (TokenKind::Han, 0);
                    signals.han = true;
                } else if is_word(c) {
                    at = word(text, at, &mut token);
                    signals.letters = true;
                    signals.capitals |= token.capital;
                } else {
                    at += c.len_utf8();
                    token.sign = 0;
                    // The wide blank, and the one that does not break.
                    if matches!(c, '\u{3000}' | '\u{A0}') {
                        token.kind = TokenKind::Blank;
                    }
                }
            }
        }
        token.end = at;
        list.push(token);
    }
    Tokens { text, list, signals }
}

/// Takes a word; gives the byte behind it.
fn word(text: &str, start: usize, token: &mut Token) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    let (mut letters, mut capitals) = (0u32, 0u32);
    loop {
        match bytes.get(at) {
            Some(b'a'..=b'z') => {
                letters += 1;
                at += 1;
            }
            Some(b'A'..=b'Z') => {
                letters += 1;
                capitals += 1;
                at += 1;
            }
            // Within a word only.
            Some(b'\'' | b'-') if bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80) => {
                let next = text.get(at + 1..).and_then(|rest| rest.chars().next());
                match next.is_some_and(is_word) {
                    true => at += 1,
                    false => break,
                }
            }
            Some(byte) if *byte >= 0x80 => {
                let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
                // The typographic apostrophe, and marks that stand on a letter.
                let joins = matches!(c, '’' | '\u{0300}'..='\u{036F}') && letters > 0;
                if !is_word(c) && !joins {
                    break;
                }
                letters += u32::from(!joins);
                capitals += u32::from(c.is_uppercase());
                at += c.len_utf8();
            }
            _ => break,
        }
        if at > start && token.kind != TokenKind::Word {
            token.kind = TokenKind::Word;
            token.sign = 0;
            token.capital = capitals > 0;
        }
    }
    token.upper = letters > 1 && capitals == letters;
    // "Anna's" is Anna.
    let written = text.get(start..at).unwrap_or_default();
    let bare = written.strip_suffix("'s").or_else(|| written.strip_suffix("’s"));
    token.classes = classes_of(written);
    if let Some(bare) = bare
        && token.classes == 0
    {
        token.classes = classes_of(bare);
        // What follows is signs of their own, so that the name ends before them.
        if !bare.is_empty() {
            at = start + bare.len();
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_all_of_the_text() {
        for text in [
            "",
            "Anna's card: 4111-1111",
            "我叫王小明，电话13800138000。",
            "O'Neil-Smith’s é\u{301}x",
            "a’",
            "'-",
            "\u{3000}中",
        ] {
            let tokens = tokenize(text);
            let mut at = 0;
            for token in &tokens.list {
                assert_eq!(token.start, at, "{text}");
                assert!(text.is_char_boundary(token.end) && token.end > token.start, "{text}");
                at = token.end;
            }
            assert_eq!(at, text.len(), "{text}");
        }
    }

    #[test]
    fn words_and_capitals() {
        let tokens = tokenize("Bryan's NATO åre 12");
        let words: Vec<(&str, bool, bool)> = (0..tokens.list.len())
            .filter(|at| tokens.is(*at, TokenKind::Word))
            .map(|at| (tokens.text_at(at), tokens.list[at].capital, tokens.list[at].upper))
            .collect();
        assert_eq!(words, [("Bryan", true, false), ("s", false, false), ("NATO", true, true), ("åre", false, false)]);
        assert!(tokens.signals().digits && tokens.signals().capitals && !tokens.signals().han);
    }
}
