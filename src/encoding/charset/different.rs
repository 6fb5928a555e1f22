//! Where PostgreSQL's tables of characters differ from those of `encoding_rs`.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What is different in one encoding; bytes are the digits of a number.
#[derive(Debug, Default)]
pub struct Different {
    /// The character that bytes are.
    pub characters: HashMap<u32, char>,
    /// The bytes of a character.
    pub bytes: HashMap<char, u32>,
}

static ALL: LazyLock<HashMap<&'static str, Different>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Different> = HashMap::new();
    for line in include_str!("different.txt").lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&'static str> = line.split(' ').collect();
        let [name, way, bytes, character] = words.as_slice() else { continue };
        let number = |text: &str| u32::from_str_radix(text, 16).ok();
        let (Some(bytes), Some(character)) = (number(bytes), number(character).and_then(char::from_u32)) else {
            continue;
        };
        let different = all.entry(*name).or_default();
        if *way != ">" {
            different.characters.insert(bytes, character);
        }
        if *way != "<" {
            different.bytes.insert(character, bytes);
        }
    }
    all
});

/// What is different in the encoding of this name, if anything is.
pub fn of(name: &str) -> Option<&'static Different> {
    ALL.get(name)
}

/// Bytes as a number.
pub fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let lines = include_str!("different.txt").lines().filter(|line| !line.starts_with('#'));
        let both = |line: &str| if line.contains(" = ") { 2 } else { 1 };
        let read: usize = ALL.values().map(|different| different.characters.len() + different.bytes.len()).sum();
        assert_eq!(read, lines.map(both).sum::<usize>());
    }
}
