//! Words of a cell: what is compared, whatever the script.
//!
//! Letters are folded (case, full width, accents of Latin). Runs of Latin letters and digits are words; a run of Han, kana or hangul
//! gives its pairs of neighbours, since it has no spaces. Parts that signs of joining hold together and that hold a digit
//! (`PS-LX350H`) are a word together as well, as others write it without the sign.

/// Words of one cell at most: the beginning of a long text tells enough.
const WORDS_MAX: usize = 256;
/// Characters of a word at most.
const LENGTH_MAX: usize = 40;

/// Calls `each` with every word of a text, in order; a word may come several times.
pub fn words(text: &str, each: &mut dyn FnMut(&str)) {
    let mut reader =
        Reader { word: String::new(), joined: String::new(), parts: 0, last_han: None, left: WORDS_MAX, each };
    for sign in text.chars() {
        if reader.left == 0 {
            return;
        }
        reader.take(sign);
    }
    reader.end_joined();
}

struct Reader<'a> {
    word: String,
    joined: String,
    parts: usize,
    last_han: Option<(char, bool)>,
    left: usize,
    each: &'a mut dyn FnMut(&str),
}

impl Reader<'_> {
    fn take(&mut self, sign: char) {
        let folded = fold(sign);
        if is_unspaced(folded) {
            self.end_joined_keeping_han();
            if let Some((before, _)) = self.last_han {
                let pair: String = [before, folded].iter().collect();
                self.give(&pair);
            }
            self.last_han = Some((folded, self.last_han.is_some()));
        } else if folded.is_alphanumeric() {
            self.end_han();
            for lower in folded.to_lowercase() {
                if self.word.chars().count() < LENGTH_MAX {
                    self.word.push(lower);
                }
            }
        } else if folded == '\'' || folded == '’' {
            // Within a word it is dropped: o'brien, children's.
        } else {
            self.end_han();
            let decimal = folded == '.' && self.word.ends_with(|c: char| c.is_ascii_digit());
            if decimal || matches!(folded, '-' | '/' | '_' | '.') && !self.word.is_empty() {
                self.end_word();
                self.parts += 1;
            } else {
                self.end_joined();
            }
        }
    }

    /// Ends a part; it stays within what is joined.
    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        self.joined.push_str(&word);
        self.give(&word);
    }

    fn end_joined_keeping_han(&mut self) {
        let had = !self.word.is_empty() || !self.joined.is_empty();
        self.end_word();
        self.parts_together();
        if had {
            self.last_han = None;
        }
    }

    fn end_joined(&mut self) {
        self.end_han();
        self.end_word();
        self.parts_together();
    }

    fn parts_together(&mut self) {
        let joined = std::mem::take(&mut self.joined);
        let parts = std::mem::replace(&mut self.parts, 0);
        let has_digit = joined.bytes().any(|b| b.is_ascii_digit());
        if parts > 0 && has_digit && joined.chars().count() <= LENGTH_MAX {
            self.give_joined(&joined);
        }
    }

    /// A single sign without a neighbour is a word itself.
    fn end_han(&mut self) {
        if let Some((sign, false)) = self.last_han.take() {
            let mut buffer = [0; 4];
            let text: &str = sign.encode_utf8(&mut buffer);
            let text = text.to_owned();
            self.give(&text);
        }
        self.last_han = None;
    }

    fn give(&mut self, word: &str) {
        if self.left > 0 {
            self.left -= 1;
            // Leading noughts say nothing, so that 007 and 7 are one word.
            let plain = word.trim_start_matches('0');
            let number = word.bytes().all(|b| b.is_ascii_digit());
            (self.each)(if number && !plain.is_empty() { plain } else { word });
        }
    }

    fn give_joined(&mut self, word: &str) {
        if self.left > 0 {
            self.left -= 1;
            (self.each)(word);
        }
    }
}

/// Scripts that are written without spaces.
fn is_unspaced(sign: char) -> bool {
    matches!(sign, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A sign without what differs between writers: full width, and accents of Latin letters.
fn fold(sign: char) -> char {
    match sign {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(sign as u32 - 0xfee0).unwrap_or(sign),
        '\u{3000}' | '\u{a0}' => ' ',
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'À'..='Å' => 'a',
        'ç' | 'ć' | 'č' | 'Ç' | 'Ć' | 'Č' => 'c',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'È'..='Ë' => 'e',
        'ì'..='ï' | 'ī' | 'Ì'..='Ï' => 'i',
        'ñ' | 'ń' | 'ň' | 'Ñ' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'Ò'..='Ö' | 'Ø' => 'o',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'Ù'..='Ü' => 'u',
        'ý' | 'ÿ' | 'Ý' => 'y',
        'š' | 'ś' | 'Š' | 'Ś' => 's',
        'ž' | 'ź' | 'ż' | 'Ž' | 'Ż' => 'z',
        'ł' | 'Ł' => 'l',
        'ř' | 'Ř' => 'r',
        'ğ' => 'g',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(text, &mut |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn words_of_two_scripts() {
        assert_eq!(all("Sony PS-LX350H, Café"), ["sony", "ps", "lx350h", "pslx350h", "cafe"]);
        assert_eq!(all("华为手机 X9 王"), ["华为", "为手", "手机", "x9", "王"]);
        assert_eq!(all("310/246-1501"), ["310", "246", "1501", "3102461501"]);
        assert_eq!(all("O'Brien's ＡＢ１２"), ["obriens", "ab12"]);
        assert_eq!(all("007 0 00"), ["7", "0", "00"]);
    }
}
