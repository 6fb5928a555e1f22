//! Folding: the characters of a text as the index compares them, each with its place in the original.
//!
//! `ＡＢＣ`, `abc` and `ÀBÇ` fold to the same; so do `㎏` and `kg`, `ﬁ` and `fi`, `ｶﾞ` and `ガ`. Folding is NFKD with
//! the accents of Latin, Greek and Cyrillic left out and kana put together again, then lower case. Han characters and
//! Hangul syllables stay as they are; traditional and simplified forms are not made alike.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{compose, is_combining_mark};

/// One folded character and the bytes of the original that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) c: char,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// What a folded character does in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Part of a word in a script that puts spaces between words.
    Letter,
    /// Part of a number.
    Digit,
    /// A Han character: words are found by the dictionary.
    Han,
    /// A character of another script without spaces between words (or, as Hangul, with long ones): stands for itself.
    Single,
    /// Neither: a space, punctuation, a symbol.
    Gap,
}

/// The folded characters of `text`, in order.
pub(super) fn fold(text: &str) -> Vec<Folded> {
    let mut out: Vec<Folded> = Vec::with_capacity(text.len());
    for (from, c) in text.char_indices() {
        let to = from + c.len_utf8();
        if c.is_ascii() {
            out.push(Folded { c: c.to_ascii_lowercase(), from, to });
        } else if (is_han(c) && !is_compatibility_han(c)) || is_hangul(c) {
            out.push(Folded { c, from, to });
        } else if !is_unseen(c) {
            std::iter::once(c).nfkd().for_each(|part| push_part(&mut out, part, from, to));
        }
    }
    out
}

fn push_part(out: &mut Vec<Folded>, part: char, from: usize, to: usize) {
    if is_accent(part) {
        // An accent written on its own belongs to the letter before it.
        if let Some(last) = out.last_mut()
            && last.to == from
        {
            last.to = to;
        }
        return;
    }
    if matches!(part, '\u{3099}' | '\u{309A}')
        && let Some(last) = out.last_mut()
        && let Some(whole) = compose(last.c, part)
    {
        last.c = whole;
        last.to = to;
        return;
    }
    for lower in part.to_lowercase().filter(|c| !is_accent(*c)) {
        match plain_letters(lower) {
            Some(letters) => out.extend(letters.chars().map(|c| Folded { c, from, to })),
            None => out.push(Folded { c: lower, from, to }),
        }
    }
}

/// Latin letters that Unicode does not take apart.
fn plain_letters(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'ı' => "i",
        '’' | 'ʼ' => "'",
        '‐' | '‑' => "-",
        _ => return None,
    })
}

/// The class of a folded character.
pub(super) fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Digit,
            _ => Class::Gap,
        };
    }
    if is_han(c) {
        Class::Han
    } else if is_single(c) {
        Class::Single
    } else if c.is_alphabetic() || is_combining_mark(c) {
        Class::Letter
    } else if c.is_numeric() {
        Class::Digit
    } else {
        Class::Gap
    }
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}')
}

/// Characters that one does not see and that break no word: soft hyphen, zero width, variation selectors.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{FE00}'..='\u{FE0F}')
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '々' | '〇' | '\u{20000}'..='\u{3FFFD}')
        || is_compatibility_han(c)
}

fn is_compatibility_han(c: char) -> bool {
    matches!(c, '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{AC00}'..='\u{D7A3}' | '\u{1100}'..='\u{11FF}')
}

fn is_single(c: char) -> bool {
    // Kana, Hangul, and the letters and vowel signs of Thai, Lao, Myanmar and Khmer.
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | 'ー' | '\u{31F0}'..='\u{31FF}')
        || is_hangul(c)
        || matches!(c, '\u{0E01}'..='\u{0E3A}' | '\u{0E40}'..='\u{0E4E}' | '\u{0E81}'..='\u{0ECD}')
        || matches!(c, '\u{1000}'..='\u{103F}' | '\u{1780}'..='\u{17D3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        fold(text).iter().map(|f| f.c).collect()
    }

    #[test]
    fn width_case_accents_and_ligatures_fold() {
        assert_eq!(folded("ＡｂＣ１２－Ｘ　"), "abc12-x ");
        assert_eq!(folded("Crème BRÛLÉE"), "creme brulee");
        assert_eq!(folded("cre\u{0300}me"), "creme");
        assert_eq!(folded("ﬁne ㎏ ½"), "fine kg 1⁄2");
        assert_eq!(folded("Straße Łódź İstanbul"), "strasse lodz istanbul");
        assert_eq!(folded("ｶﾞラス"), "ガラス");
        assert_eq!(folded("手機한국"), "手機한국");
        assert_eq!(folded("soft\u{00AD}ware"), "software");
    }

    #[test]
    fn places_are_bytes_of_the_original() {
        let text = "x㎏é手";
        let spans: Vec<&str> = fold(text).iter().map(|f| &text[f.from..f.to]).collect();
        assert_eq!(spans, ["x", "㎏", "㎏", "é", "手"]);
        let text = "e\u{0301}t";
        assert_eq!(fold(text)[0], Folded { c: 'e', from: 0, to: 3 });
    }

    #[test]
    fn classes() {
        for (c, expected) in [
            ('a', Class::Letter),
            ('я', Class::Letter),
            ('7', Class::Digit),
            ('手', Class::Han),
            ('か', Class::Single),
            ('한', Class::Single),
            ('ก', Class::Single),
            ('-', Class::Gap),
            ('，', Class::Gap),
        ] {
            assert_eq!(class(c), expected, "{c}");
        }
    }
}
