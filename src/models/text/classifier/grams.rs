//! What a text is made of: words and characters, alone and in a row, each as a hash.
//!
//! A *unit* is a word (a run of letters and digits), or one character where the script writes no spaces between words (Chinese, Japanese),
//! or one sign. Runs of up to three units are features, of up to two where a word is among them, and two words with one unit between
//! them; of a word also its parts of three to five characters, with its ends marked, so that `shoe` and `shoes` are near. Letter case,
//! width of letters and white space tell nothing.
//!
//! Runs of four characters, and two characters with one between, were measured too: no better on opinions, worse by half a point on
//! ten categories of Chinese reviews, and twice as many weights. Two words with one between bring English titles a third of a point.

use crate::models::random::{hash_bytes, mix};

/// Units of a run at most.
const RUN_MAX: usize = 3;
/// Units of a run that has a word in it at most.
const RUN_WITH_WORD_MAX: usize = 2;
/// Characters of the parts of a word.
const PART: std::ops::RangeInclusive<usize> = 3..=5;
/// Characters of a word whose parts are features; what is longer is no word of a language.
const PARTED_WORD_MAX: usize = 32;
/// Tells two units that stand apart from two that follow each other.
const APART: u64 = 0xA9A7;
/// Marks the ends of a word.
const END: char = '\u{1}';

/// A unit's hash, and whether it is a word.
#[derive(Clone, Copy)]
struct Unit {
    hash: u64,
    is_word: bool,
}

/// The hashes of all features of `text`, as often as they occur, in `into`, which is emptied first.
pub(super) fn grams(text: &str, into: &mut Vec<u64>) {
    into.clear();
    let mut units: Vec<Unit> = Vec::with_capacity(text.len() / 2);
    let mut word: Vec<char> = Vec::new();
    for character in text.chars().map(narrow) {
        if is_unspaced(character) {
            end_word(&mut word, &mut units, into);
            units.push(Unit { hash: mix(u64::from(character)), is_word: false });
        } else if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        } else {
            end_word(&mut word, &mut units, into);
            if !character.is_whitespace() && !character.is_control() {
                units.push(Unit { hash: mix(u64::from(character)), is_word: false });
            }
        }
    }
    end_word(&mut word, &mut units, into);
    for apart in units.windows(3) {
        if let [first, _, third] = apart
            && first.is_word
            && third.is_word
        {
            into.push(mix(mix(first.hash ^ APART) ^ third.hash));
        }
    }
    for from in 0..units.len() {
        let (mut hash, mut words) = (0, 0);
        for (length, unit) in units.iter().skip(from).take(RUN_MAX).enumerate() {
            words += usize::from(unit.is_word);
            if words > 0 && length >= RUN_WITH_WORD_MAX {
                break;
            }
            hash = mix(hash ^ unit.hash).wrapping_add(length as u64);
            into.push(hash);
        }
    }
}

/// Ends a word: it becomes a unit, and its parts features.
fn end_word(word: &mut Vec<char>, units: &mut Vec<Unit>, into: &mut Vec<u64>) {
    if word.is_empty() {
        return;
    }
    let whole: String = word.iter().collect();
    units.push(Unit { hash: hash_bytes(whole.as_bytes()), is_word: true });
    if word.len() <= PARTED_WORD_MAX {
        let marked: Vec<char> = std::iter::once(END).chain(word.iter().copied()).chain([END]).collect();
        let mut part = String::new();
        for size in PART {
            // The whole word is there as a unit already.
            for characters in marked.windows(size).filter(|part| part.len() < marked.len()) {
                part.clear();
                part.extend(characters);
                into.push(hash_bytes(part.as_bytes()) ^ 1);
            }
        }
    }
    word.clear();
}

/// Letters, digits and signs of double width as they are written elsewhere.
fn narrow(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        '\u{3000}' => ' ',
        _ => character,
    }
}

/// Whether a script writes no spaces around this character's words.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{2E80}'..='\u{2FFF}' | '\u{3005}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<u64> {
        let mut hashes = Vec::new();
        grams(text, &mut hashes);
        hashes.sort_unstable();
        hashes
    }

    #[test]
    fn runs_of_characters_and_parts_of_words() {
        // Four characters: 4 alone, 3 pairs, 2 of three.
        assert_eq!(of("红色跑鞋").len(), 9);
        // Two words and their pair; parts of <red> (3 of three, 2 of four) and <cap>.
        assert_eq!(of("red cap").len(), 3 + 2 * 5);
        assert!(of(" \t\u{1}").is_empty());
    }

    #[test]
    fn case_width_and_space_tell_nothing() {
        assert_eq!(of("ＵＳＢ 接口！"), of("usb  接口!"));
        assert_ne!(of("usb"), of("u s b"));
        assert_ne!(of("好不"), of("不好"));
    }
}
