//! What two records have in common, field by field, as levels.
//!
//! A level is a small number: 0 where a value is missing, so that it is no evidence, else the higher the more alike. All that counts
//! words comes of one pass over the words of the second record, with those of the first one marked; pairs are best compared in the
//! order of their first record.

use super::blocking::Bags;
use super::records::{Column, Kind, Vocabulary};
use super::similarity::{jaro_winkler, may_be_alike};
use std::collections::{HashMap, HashSet};

/// Levels of one comparison, 0 for missing included.
pub const LEVELS: usize = 18;
/// Fields that are compared at most.
pub const FIELDS_MAX: usize = 32;
/// The level of equal values.
const EQUAL: u8 = 17;
/// Fields with this share of what the most telling field says tell records apart as well.
const DISTINCTIVE_MIN: f64 = 0.95;
/// Words of a cell that are compared letter by letter at most.
const LOOSE_MAX: usize = 12;
/// Words that a cell has and the other has not, on both sides, beyond which they are no misspellings.
const UNLIKE_MAX: usize = 5;
/// From this similarity on two words are perhaps one.
const ALIKE_MIN: f32 = 0.87;

/// One field of the records.
#[derive(Debug)]
pub struct Field {
    /// How it is compared.
    pub kind: Kind,
    /// Its values, those of the second relation after those of the first.
    pub column: Column,
    /// Worth of each cell's words.
    sums: Vec<f32>,
    /// Words with digits in each cell.
    numerals: Vec<u16>,
}

/// What is known of a word.
#[derive(Debug, Clone, Copy)]
struct Word {
    weight: f32,
    /// The weight of an article number, 0 of any other word.
    code: f32,
    numeral: bool,
}

/// The records as they are compared.
#[derive(Debug)]
pub struct Corpus {
    /// Words by number.
    pub vocabulary: Vocabulary,
    /// The fields.
    pub fields: Vec<Field>,
    /// All words of each record.
    pub bags: Bags,
    words: Vec<Word>,
    /// Of each word of each bag the fields that it is in, as bits.
    places: Vec<u32>,
    norms: Vec<f32>,
    codes: Vec<f32>,
}

/// What one comparison looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// All words of both records, whatever their fields.
    Whole,
    /// Article numbers and the like, whatever their fields.
    Codes,
    /// A field.
    Field(usize),
    /// The words with digits of a field.
    Numerals(usize),
    /// The words of a field within the other record.
    Within(usize),
}

/// Marks of one record's words, and sums over what another one shares with it.
#[derive(Debug)]
pub struct Scratch {
    marks: Vec<u32>,
    row: usize,
    shared: [f32; FIELDS_MAX],
    numerals: [u16; FIELDS_MAX],
    within: [[f32; FIELDS_MAX]; 2],
}

impl Corpus {
    /// Records of these fields, whose words are sets already.
    pub fn new(vocabulary: Vocabulary, fields: Vec<(Kind, Column)>) -> Self {
        let rows = fields.first().map_or(0, |(_, column)| column.rows());
        let mut bags = Bags::default();
        let mut places = Vec::new();
        let (mut keys, mut of_row): (Vec<u32>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
        for row in 0..rows {
            of_row.clear();
            for (at, (_, column)) in fields.iter().enumerate().filter(|(_, (kind, _))| *kind != Kind::Number) {
                of_row.extend(column.words(row).iter().map(|word| (*word, 1u32 << at)));
            }
            of_row.sort_unstable();
            keys.clear();
            for (word, place) in &of_row {
                match (keys.last() == Some(word), places.last_mut()) {
                    (true, Some(last)) => *last |= place,
                    _ => {
                        keys.push(*word);
                        places.push(*place);
                    }
                }
            }
            bags.push(&mut keys);
        }
        bags.weigh(vocabulary.count());
        let word = |number: usize| {
            let text = vocabulary.word(number as u32);
            let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
            let is_code = text.len() >= 4 && digits >= 1 && digits < text.len() || digits >= 5;
            let weight = bags.weights[number];
            Word { weight, code: if is_code { weight } else { 0.0 }, numeral: digits > 0 }
        };
        let words: Vec<Word> = (0..vocabulary.count()).map(word).collect();
        let fields = fields.into_iter().map(|(kind, column)| {
            let numerals = (0..rows)
                .map(|row| column.words(row).iter().filter(|word| words[**word as usize].numeral).count() as u16);
            Field { kind, numerals: numerals.collect(), column, sums: Vec::new() }
        });
        let fields = fields.collect();
        let mut corpus = Self { vocabulary, fields, bags, words, places, norms: Vec::new(), codes: Vec::new() };
        corpus.sum();
        corpus
    }

    /// How many records there are.
    pub fn rows(&self) -> usize {
        self.bags.rows()
    }

    /// Changes the worth of words.
    pub fn reweigh(&mut self, factor: impl Fn(u32) -> f32) {
        for (number, word) in self.words.iter_mut().enumerate() {
            let factor = factor(number as u32);
            word.weight *= factor;
            word.code *= factor;
        }
        self.sum();
    }

    fn sum(&mut self) {
        let weight = |word: &u32| self.words[*word as usize].weight;
        for field in &mut self.fields {
            field.sums = (0..field.column.rows()).map(|row| field.column.words(row).iter().map(weight).sum()).collect();
        }
        let rows = self.bags.rows();
        self.norms =
            (0..rows).map(|row| self.bags.of(row).iter().map(|w| weight(w).powi(2)).sum::<f32>().sqrt()).collect();
        self.codes =
            (0..rows).map(|row| self.bags.of(row).iter().map(|w| self.words[*w as usize].code).sum()).collect();
    }

    /// The comparisons that are made.
    pub fn features(&self) -> Vec<Feature> {
        let mut features = vec![Feature::Whole];
        if self.fields.iter().any(|field| matches!(field.kind, Kind::Short | Kind::Long)) {
            features.push(Feature::Codes);
        }
        for (at, field) in self.fields.iter().enumerate() {
            features.push(Feature::Field(at));
            if field.kind == Kind::Short {
                let filled = field.sums.iter().filter(|sum| **sum > 0.0).count();
                let with_numerals = field.numerals.iter().filter(|count| **count > 0).count();
                let words: usize = (0..self.rows()).map(|row| field.column.words(row).len()).sum();
                // Of single words both would say what the field says.
                if words * 2 >= filled * 3 && with_numerals * 20 >= filled {
                    features.push(Feature::Numerals(at));
                }
                if words * 2 >= filled * 5 {
                    features.push(Feature::Within(at));
                }
            }
        }
        features
    }

    /// The fields by which records are told apart: those whose values differ most from row to row.
    pub fn distinctive(&self) -> Vec<usize> {
        let of_kind = |kinds: &[Kind]| -> Vec<(usize, f64)> {
            let fields = self.fields.iter().enumerate().filter(|(_, field)| kinds.contains(&field.kind));
            fields.map(|(at, field)| (at, information(&field.column))).collect()
        };
        let mut found = of_kind(&[Kind::Short, Kind::Code]);
        if found.is_empty() {
            found = of_kind(&[Kind::Long, Kind::Number]);
        }
        let most = found.iter().map(|(_, information)| *information).fold(0.0, f64::max);
        found.into_iter().filter(|(_, information)| *information >= DISTINCTIVE_MIN * most).map(|(at, _)| at).collect()
    }

    /// What is believed of the levels of two records that are the same thing, as shares: most values are equal or nearly so.
    pub fn belief(&self, feature: Feature) -> [f64; LEVELS] {
        // From the lowest level up to this one, how much together.
        let steps: &[(usize, f64)] = match feature {
            Feature::Numerals(_) => &[(1, 0.03), (2, 0.07), (3, 0.1), (4, 0.15), (5, 0.65)],
            Feature::Field(at) if self.fields[at].kind == Kind::Number => {
                &[(2, 0.04), (4, 0.06), (6, 0.08), (8, 0.12), (17, 0.7)]
            }
            Feature::Field(at) if self.fields[at].kind == Kind::Long => {
                &[(3, 0.06), (6, 0.12), (9, 0.16), (12, 0.2), (16, 0.26), (17, 0.2)]
            }
            Feature::Field(_) => &[(3, 0.005), (7, 0.025), (10, 0.08), (13, 0.19), (16, 0.25), (17, 0.45)],
            Feature::Whole => &[(3, 0.002), (6, 0.018), (9, 0.1), (12, 0.35), (16, 0.53)],
            Feature::Codes | Feature::Within(_) => &[(3, 0.01), (7, 0.04), (10, 0.1), (13, 0.25), (17, 0.6)],
        };
        let mut levels = [0.0; LEVELS];
        let mut from = 1;
        for (to, share) in steps {
            levels[from..=*to].fill(share / (to + 1 - from) as f64);
            from = to + 1;
        }
        levels
    }

    /// What comparing needs to keep.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            marks: vec![0; self.words.len()],
            row: usize::MAX,
            shared: [0.0; FIELDS_MAX],
            numerals: [0; FIELDS_MAX],
            within: [[0.0; FIELDS_MAX]; 2],
        }
    }

    /// The levels of all comparisons of two rows, one after the other into `levels`.
    pub fn compare(
        &self,
        features: &[Feature],
        left: usize,
        right: usize,
        scratch: &mut Scratch,
        levels: &mut Vec<u8>,
    ) {
        self.mark(left, scratch);
        let fields = self.fields.len();
        scratch.shared[..fields].fill(0.0);
        scratch.numerals[..fields].fill(0);
        scratch.within[0][..fields].fill(0.0);
        scratch.within[1][..fields].fill(0.0);
        let (mut whole, mut codes) = (0.0f32, 0.0f32);
        let bag = self.bags.range(right);
        for (key, place) in self.bags.keys(bag.clone()).iter().zip(&self.places[bag]) {
            let mark = scratch.marks[*key as usize];
            if mark == 0 {
                continue;
            }
            let word = self.words[*key as usize];
            whole += word.weight * word.weight;
            codes += word.code;
            let mut bits = mark | place;
            while bits != 0 {
                let at = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let (of_left, of_right) = (mark >> at & 1, place >> at & 1);
                scratch.within[0][at] += word.weight * of_left as f32;
                scratch.within[1][at] += word.weight * of_right as f32;
                let both = of_left & of_right;
                scratch.shared[at] += word.weight * both as f32;
                scratch.numerals[at] += (both != 0 && word.numeral) as u16;
            }
        }
        for feature in features {
            levels.push(match feature {
                Feature::Whole => of_similarity(whole / (self.norms[left] * self.norms[right]).max(1e-9)),
                Feature::Codes => match self.codes[left].min(self.codes[right]) {
                    0.0 => 0,
                    least => of_similarity(codes / least),
                },
                Feature::Field(at) => self.field(&self.fields[*at], left, right, scratch.shared[*at]),
                Feature::Numerals(at) => {
                    let numerals = &self.fields[*at].numerals;
                    numerals_level(numerals[left], numerals[right], scratch.numerals[*at])
                }
                Feature::Within(at) => {
                    let sums = &self.fields[*at].sums;
                    match sums[left].min(sums[right]) {
                        0.0 => 0,
                        _ => of_similarity(
                            (scratch.within[0][*at] / sums[left]).max(scratch.within[1][*at] / sums[right]),
                        ),
                    }
                }
            });
        }
    }

    fn mark(&self, row: usize, scratch: &mut Scratch) {
        if scratch.row == row {
            return;
        }
        if scratch.row < self.rows() {
            self.bags.of(scratch.row).iter().for_each(|key| scratch.marks[*key as usize] = 0);
        }
        let bag = self.bags.range(row);
        for (key, place) in self.bags.keys(bag.clone()).iter().zip(&self.places[bag]) {
            scratch.marks[*key as usize] = *place;
        }
        scratch.row = row;
    }

    /// Two cells of a field, whose equal words are worth `shared`.
    fn field(&self, field: &Field, left: usize, right: usize, shared: f32) -> u8 {
        let column = &field.column;
        let (a, b) = (column.whole(left), column.whole(right));
        if a == 0 || b == 0 {
            return 0;
        }
        if a == b {
            return if field.kind == Kind::Number && column.number(left) == 0.0 { 0 } else { EQUAL };
        }
        match field.kind {
            Kind::Nothing => 0,
            Kind::Number => numbers(column.number(left), column.number(right)),
            Kind::Code => self.code(column.words(left), column.words(right)),
            Kind::Short | Kind::Long => {
                let both = field.sums[left] + field.sums[right];
                let (a, b) = (column.words(left), column.words(right));
                let few = a.len().min(b.len()) <= 3 || shared > 0.0;
                let loose = field.kind == Kind::Short && few && a.len().max(b.len()) <= LOOSE_MAX;
                let shared = if loose { shared + self.loosely(a, b) } else { shared };
                of_similarity(if both == 0.0 { 0.0 } else { 2.0 * shared / both })
            }
        }
    }

    /// The worth of words of two cells that are not the same, but nearly.
    fn loosely(&self, left: &[u32], right: &[u32]) -> f32 {
        let mut only = [[0u32; LOOSE_MAX]; 2];
        let mut counts = [0usize; 2];
        let (mut i, mut j) = (0, 0);
        while i < left.len() || j < right.len() {
            let (a, b) = (left.get(i).copied().unwrap_or(u32::MAX), right.get(j).copied().unwrap_or(u32::MAX));
            let side = usize::from(a > b);
            if a != b {
                only[side][counts[side]] = a.min(b);
                counts[side] += 1;
            }
            i += usize::from(a <= b);
            j += usize::from(b <= a);
        }
        if counts[0].min(counts[1]) > UNLIKE_MAX {
            return 0.0;
        }
        let [left, right] = [&only[0][..counts[0]], &only[1][..counts[1]]];
        let mut signatures = [0u64; LOOSE_MAX];
        right.iter().zip(&mut signatures).for_each(|(word, at)| *at = self.vocabulary.signature(*word));
        let mut taken = 0u32;
        let mut shared = 0.0;
        for a in left {
            let (mut best, mut at) = (0.0f32, usize::MAX);
            let signature = self.vocabulary.signature(*a);
            for (n, b) in right.iter().enumerate() {
                if may_be_alike(signature, signatures[n]) && taken >> n & 1 == 0 {
                    let alike = self.alike(*a, *b);
                    if alike > best {
                        (best, at) = (alike, n);
                    }
                }
            }
            if at < right.len() {
                taken |= 1 << at;
                shared += best * (self.words[*a as usize].weight + self.words[right[at] as usize].weight) / 2.0;
            }
        }
        shared
    }

    /// How alike two different words are, 0 where too little.
    fn alike(&self, left: u32, right: u32) -> f32 {
        let (a, b) = (self.vocabulary.word(left), self.vocabulary.word(right));
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        // An initial.
        if short.len() == 1 {
            return if short[0] == long[0] && short[0].is_ascii_lowercase() { 0.5 } else { 0.0 };
        }
        // The beginning of the other: an abbreviation.
        if short.len() >= 3 && long.starts_with(short) {
            return 0.9;
        }
        let is_number = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
        if !short.is_ascii() || !long.is_ascii() || short.len() < 5 && is_number(short) && is_number(long) {
            return 0.0;
        }
        let alike = jaro_winkler(a, b);
        if alike >= ALIKE_MIN { alike } else { 0.0 }
    }

    /// Two codes, letter by letter.
    fn code(&self, left: &[u32], right: &[u32]) -> u8 {
        let mut shared = 0;
        each_shared(left, right, |_| shared += 1);
        let longest = |words: &[u32]| words.iter().copied().max_by_key(|word| self.vocabulary.word(*word).len());
        let (Some(a), Some(b)) = (longest(left), longest(right)) else { return 0 };
        let (a, b) = (self.vocabulary.word(a), self.vocabulary.word(b));
        let close = match a.len() == b.len() {
            // Of equal length the places tell more: 1987 is not like 1978.
            true => a.iter().zip(b).filter(|(a, b)| a == b).count() as f32 / a.len() as f32,
            false => ((jaro_winkler(a, b) - 0.5) * 2.0).max(0.0),
        };
        let share = 2.0 * shared as f32 / (left.len() + right.len()) as f32;
        of_similarity(close.max(share).min(0.99))
    }
}

/// How much the value of a column tells of which row it is, in nats.
fn information(column: &Column) -> f64 {
    let mut counts: HashMap<u64, u32> = HashMap::new();
    (0..column.rows()).for_each(|row| *counts.entry(column.whole(row)).or_default() += 1);
    counts.remove(&0);
    let rows = column.rows() as f64;
    let mut counts: Vec<u32> = counts.into_values().collect();
    // In one order, so that the sum is the same each time.
    counts.sort_unstable();
    counts.into_iter().map(|count| f64::from(count) / rows * (rows / f64::from(count)).ln()).sum()
}

/// Leaves the fields that tell most, in their order.
pub fn keep_most_telling(fields: &mut Vec<(Kind, Column)>, most: usize) {
    if fields.len() <= most {
        return;
    }
    let mut told: Vec<(f64, usize)> =
        fields.iter().enumerate().map(|(at, (_, column))| (information(column), at)).collect();
    told.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let kept: HashSet<usize> = told.into_iter().take(most).map(|(_, at)| at).collect();
    let mut at = 0;
    fields.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
}

/// Words with digits of one field: whether one has some that the other has not, and the other way round.
fn numerals_level(left: u16, right: u16, shared: u16) -> u8 {
    match (left, right) {
        (0, 0) => 0,
        (0, _) | (_, 0) => 2,
        _ if shared == 0 => 1,
        _ if shared == left && shared == right => 5,
        _ if shared == left || shared == right => 4,
        _ => 3,
    }
}

/// Two numbers: how far from each other, as a share of the larger. Nought stands for nothing known.
fn numbers(left: f64, right: f64) -> u8 {
    if left.is_nan() || right.is_nan() || left == 0.0 || right == 0.0 {
        return 0;
    }
    match (left - right).abs() / left.abs().max(right.abs()) {
        apart if apart < 1e-9 => EQUAL,
        apart if apart < 0.01 => 8,
        apart if apart < 0.03 => 7,
        apart if apart < 0.08 => 6,
        apart if apart < 0.15 => 5,
        apart if apart < 0.3 => 4,
        apart if apart < 0.5 => 3,
        apart if apart < 0.8 => 2,
        _ => 1,
    }
}

/// The level of a similarity from 0 to 1.
fn of_similarity(similarity: f32) -> u8 {
    1 + (similarity.clamp(0.0, 1.0) * 15.99) as u8
}

/// The similarity that a level stands for, 0 to 1.
pub fn similarity_of(level: u8) -> f64 {
    (f64::from(level.saturating_sub(1)) / 16.0).min(1.0)
}

/// Calls `each` with what is in both of two ascending lists.
pub fn each_shared(left: &[u32], right: &[u32], mut each: impl FnMut(u32)) {
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
        if a == b {
            each(*a);
        }
        i += usize::from(a <= b);
        j += usize::from(b <= a);
    }
}
