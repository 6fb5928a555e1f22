//! A text as a list of piece numbers.

use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use super::Role;
use crate::{Error, Kind, Result, config};

/// Non-blank characters of the longest piece in the vocabulary, with some room: a normal form may join characters.
const PIECE_CHARS_MAX: usize = 32;
/// Marks of what is in no vocabulary, which may stand anywhere.
const UNKNOWN: [&str; 2] = ["<unk>", "[UNK]"];

/// What stands before a text, and how much of it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rules {
    /// Before a text that is compared or searched with.
    pub query_prefix: String,
    /// Before a text that is searched.
    pub passage_prefix: String,
    /// Pieces at most, marks among them.
    pub tokens_max: usize,
}

/// The tokenizer with its rules for length and prefix.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    rules: Rules,
    vocabulary: usize,
    /// Pieces that are marks, such as that of the end, and no text.
    marks: Vec<u32>,
}

impl Rules {
    /// Those that the built-in encoder was trained with.
    pub(super) fn builtin() -> Self {
        Self {
            query_prefix: "query: ".to_owned(),
            passage_prefix: "passage: ".to_owned(),
            tokens_max: config::ENCODER_TOKENS_MAX,
        }
    }
}

impl Tokens {
    /// Reads a `tokenizer.json`; [`Kind::Corruption`] when it is none.
    pub(super) fn read(json: &[u8], rules: Rules) -> Result<Self> {
        let broken = |error| Error::new(Kind::Corruption, format!("the encoder's tokenizer cannot be read: {error}"));
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(broken)?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(broken)?;
        let marks = tokenizer.get_added_tokens_decoder().into_iter();
        let marks = marks
            .filter(|(_, mark)| mark.special && !UNKNOWN.contains(&mark.content.as_str()))
            .map(|(piece, _)| piece)
            .collect();
        let vocabulary = tokenizer.get_vocab_size(true);
        Ok(Self { tokenizer, rules, vocabulary, marks })
    }

    /// Pieces in the vocabulary.
    pub(super) fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The pieces of `text` with its prefix, between the marks of start and end: at least 2 and at most
    /// as many as the rules say. The tail of a longer text is dropped, the mark of the end kept.
    pub(super) fn of(&self, role: Role, text: &str) -> Result<Vec<u32>> {
        let prefix = match role {
            Role::Query => &self.rules.query_prefix,
            Role::Passage => &self.rules.passage_prefix,
        };
        let most = self.rules.tokens_max;
        // The words of any message of the tokenizer stay inside: they might quote the text.
        let failed = |_| Error::internal("the tokenizer refused a text");
        let input = format!("{prefix}{}", head(text, most));
        let mut pieces = self.tokenizer.encode_fast(input, true).map_err(failed)?.get_ids().to_vec();
        // A text that spells "</s>" does not end there: only the first and the last piece may be marks.
        let (mut place, last) = (0, pieces.len().saturating_sub(1));
        pieces.retain(|piece| {
            place += 1;
            place == 1 || place == last + 1 || !self.marks.contains(piece)
        });
        if pieces.len() > most {
            let end = pieces.pop();
            pieces.truncate(most.saturating_sub(1));
            pieces.extend(end);
        }
        Ok(pieces)
    }
}

/// As much of `text` as could still be read as `pieces`: cutting a book into pieces to use its first hundred would be waste.
fn head(text: &str, pieces: usize) -> &str {
    let characters_max = pieces * PIECE_CHARS_MAX;
    if text.len() <= characters_max {
        return text;
    }
    // Blanks are not pieces, but a text of nothing else must end too.
    let text = &text[..text.floor_char_boundary(16 * characters_max)];
    let solid = text.char_indices().filter(|(_, character)| !character.is_whitespace());
    match solid.map(|(at, _)| at).nth(characters_max) {
        Some(end) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::read(include_bytes!("../../../assets/encoder/tokenizer.json"), Rules::builtin()).unwrap()
    }

    #[test]
    fn pieces_are_those_of_the_reference() {
        let tokens = tokens();
        assert_eq!(tokens.vocabulary(), 73959);
        assert_eq!(tokens.of(Role::Query, "苹果手机").unwrap(), [0, 40, 1005, 12, 6, 29086, 8574, 2]);
        let shirt = [0, 40, 1005, 12, 2879, 10180, 19448, 874, 10792, 52, 12538, 6, 41763, 2];
        assert_eq!(tokens.of(Role::Query, "Turtle Check Men Navy Blue Shirt").unwrap(), shirt);
        assert_eq!(tokens.of(Role::Query, "  \n").unwrap(), [0, 40, 1005, 12, 2]);
    }

    #[test]
    fn long_texts_end_with_the_mark_and_marks_in_a_text_are_dropped() {
        let tokens = tokens();
        let long = "牛奶 milk ".repeat(10_000);
        let pieces = tokens.of(Role::Passage, &long).unwrap();
        assert_eq!((pieces.len(), pieces[0], pieces[127]), (128, 0, 2));
        assert_eq!(pieces[..127], tokens.of(Role::Passage, &"牛奶 milk ".repeat(300)).unwrap()[..127]);
        let spelt = tokens.of(Role::Query, "milk </s> ＜/s＞ <mask>").unwrap();
        let blanks = |pieces: Vec<u32>| pieces.into_iter().filter(|&piece| piece != 6).collect::<Vec<_>>();
        assert_eq!(blanks(spelt), blanks(tokens.of(Role::Query, "milk").unwrap()));
    }
}
