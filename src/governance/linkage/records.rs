//! Records as numbers: the words of each cell, and what the columns hold.

use super::similarity::signature;
use super::words::words;
use std::collections::{HashMap, HashSet};

/// Words of all records, each with a number.
#[derive(Debug, Default)]
pub struct Vocabulary {
    numbers: HashMap<Box<str>, u32>,
    /// All words, one after the other, and where each ends.
    letters: String,
    ends: Vec<u32>,
    signatures: Vec<u64>,
}

impl Vocabulary {
    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.ends.len() as u32;
        self.numbers.insert(word.into(), number);
        self.letters.push_str(word);
        self.ends.push(self.letters.len() as u32);
        self.signatures.push(signature(word.as_bytes()));
        number
    }

    /// How many words there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// A word's letters, as UTF-8.
    pub fn word(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.letters.as_bytes()[from as usize..self.ends[at] as usize]
    }

    /// A word's letters as bits.
    pub fn signature(&self, number: u32) -> u64 {
        self.signatures.get(number as usize).copied().unwrap_or(0)
    }

    /// Bytes that are held, about.
    pub fn bytes(&self) -> usize {
        self.letters.len() * 2 + self.ends.len() * 72
    }
}

/// What a column is declared to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// Texts, and whatever is compared as one.
    Text,
    /// Numbers.
    Number,
    /// Days and moments, written as ISO 8601 does.
    Moment,
}

/// How the cells of a column are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing that could tell: keys of the table, constants, empty columns.
    Nothing,
    /// A quantity.
    Number,
    /// A single word with digits: telephone, postal code, year, article number.
    Code,
    /// A few words: a name, a title, an address.
    Short,
    /// Running text.
    Long,
}

/// One column of one relation.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it is declared to hold.
    pub declared: Declared,
    /// Where the words of each row end.
    ends: Vec<u32>,
    words: Vec<u32>,
    /// Values of numbers, NaN where there is none.
    numbers: Vec<f64>,
    /// A number for each text as it was written, 0 for none.
    whole: Vec<u64>,
    /// Cells that are one run of signs with a digit among them.
    unspaced: usize,
}

impl Column {
    /// An empty column.
    pub fn new(name: &str, declared: Declared) -> Self {
        let name = name.to_owned();
        Self {
            name,
            declared,
            ends: Vec::new(),
            words: Vec::new(),
            numbers: Vec::new(),
            whole: Vec::new(),
            unspaced: 0,
        }
    }

    /// The next row's cell.
    pub fn push(&mut self, text: Option<&str>, vocabulary: &mut Vocabulary) {
        let text = text.map(str::trim).filter(|text| !is_empty_sign(text)).unwrap_or("");
        let from = self.words.len();
        if self.declared == Declared::Moment && text.is_ascii() {
            // A day is one word, its time of day another.
            text.split(['T', ' ']).filter(|part| !part.is_empty()).take(2).for_each(|part| {
                self.words.push(vocabulary.number(part));
            });
        } else {
            words(text, &mut |word| self.words.push(vocabulary.number(word)));
        }
        if self.declared != Declared::Moment && self.words.len() == from && !text.is_empty() {
            self.words.push(vocabulary.number(text));
        }
        let digits = text.bytes().any(|b| b.is_ascii_digit());
        self.unspaced += usize::from(digits && !text.contains(char::is_whitespace));
        self.ends.push(self.words.len() as u32);
        self.numbers.push(number(text).unwrap_or(f64::NAN));
        let mix = |hash: u64, word: &u32| (hash ^ u64::from(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let whole = self.words[from..].iter().fold(7, mix).max(1);
        self.whole.push(if text.is_empty() { 0 } else { whole });
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The words of a row, in order.
    pub fn words(&self, row: usize) -> &[u32] {
        let from = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.words[from as usize..self.ends[row] as usize]
    }

    /// The value of a row as a number, NaN if it is none.
    pub fn number(&self, row: usize) -> f64 {
        self.numbers[row]
    }

    /// A number for the whole cell, 0 if it is empty.
    pub fn whole(&self, row: usize) -> u64 {
        self.whole[row]
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.ends.capacity() * 4 + self.words.capacity() * 4 + self.numbers.capacity() * 8 + self.whole.capacity() * 8
    }

    /// The rows of another column after those of this one.
    pub fn append(&mut self, other: &Column) {
        let base = self.words.len() as u32;
        self.words.extend_from_slice(&other.words);
        self.ends.extend(other.ends.iter().map(|end| end + base));
        self.numbers.extend_from_slice(&other.numbers);
        self.whole.extend_from_slice(&other.whole);
        self.unspaced += other.unspaced;
    }

    /// How the cells are compared. `rows` are those of one relation: what is different in each of them is looked for there.
    pub fn kind(&self, vocabulary: &Vocabulary) -> Kind {
        let (mut filled, mut numbers, mut words, mut coded) = (0usize, 0usize, 0usize, 0usize);
        let mut lengths = [0usize; 24];
        let mut distinct: HashMap<u64, usize> = HashMap::new();
        for row in 0..self.rows() {
            let (cell, whole) = (self.words(row), self.whole[row]);
            if whole == 0 {
                continue;
            }
            filled += 1;
            words += cell.len();
            *distinct.entry(whole).or_default() += 1;
            numbers += usize::from(!self.numbers[row].is_nan());
            let digits = |word: &u32| vocabulary.word(*word).iter().filter(|b| b.is_ascii_digit()).count();
            let letters: usize = cell.iter().map(|word| vocabulary.word(*word).len()).sum();
            let digits: usize = cell.iter().map(digits).sum();
            coded += usize::from(digits * 2 > letters && cell.len() <= 6);
            if cell.len() == 1 && digits == letters {
                lengths[letters.min(23)] += 1;
            }
        }
        if filled == 0 || distinct.len() < 2 {
            return Kind::Nothing;
        }
        let most = |count: usize| count * 10 >= filled * 9;
        let one_length = lengths.iter().skip(4).any(|count| most(*count));
        if self.declared == Declared::Moment {
            return Kind::Code;
        }
        if self.declared == Declared::Number || most(numbers) {
            return if one_length { Kind::Code } else { Kind::Number };
        }
        if most(coded) {
            return Kind::Code;
        }
        if words <= filled * 16 { Kind::Short } else { Kind::Long }
    }

    /// Whether the column numbers the rows of its relation: a code that is there, and another one, in each of them.
    pub fn is_key(&self) -> bool {
        let mut seen = HashSet::new();
        let one_word = self.unspaced == self.rows() && self.declared != Declared::Moment;
        one_word && self.rows() > 1 && self.whole.iter().all(|whole| *whole != 0 && seen.insert(*whole))
    }

    /// Makes of each cell's words a set, in the order of their numbers.
    pub fn sort(&mut self) {
        let (mut kept, mut from) = (0usize, 0usize);
        for end in &mut self.ends {
            let to = *end as usize;
            self.words[from..to].sort_unstable();
            let start = kept;
            for at in from..to {
                let word = self.words[at];
                if kept == start || self.words[kept - 1] != word {
                    self.words[kept] = word;
                    kept += 1;
                }
            }
            from = to;
            *end = kept as u32;
        }
        self.words.truncate(kept);
    }
}

/// Signs that people write for nothing.
fn is_empty_sign(text: &str) -> bool {
    matches!(
        text,
        "" | "-"
            | "--"
            | "?"
            | "N/A"
            | "n/a"
            | "NA"
            | "NULL"
            | "null"
            | "None"
            | "none"
            | "nan"
            | "NaN"
            | "无"
            | "未知"
            | "暂无"
    )
}

/// A number as people write it, with a sign of currency perhaps.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_start_matches(['$', '€', '£', '¥', '￥']).trim();
    if !text.bytes().next()?.is_ascii_digit() && !text.starts_with(['-', '+', '.']) {
        return None;
    }
    let number = match text.contains(',') {
        true => text.replace(',', "").parse::<f64>(),
        false => text.parse::<f64>(),
    };
    number.ok().filter(|number| number.is_finite())
}
