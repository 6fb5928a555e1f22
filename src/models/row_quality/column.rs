//! What is usual in one column, and what each witness that needs no other column says of a value.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::cells::Cells;
use super::pattern::{SURELY_MISSING, day, folded, missing_word, number, number_with_unit, pattern};
use super::spelling::Spelling;
use super::spread::{FAR_OUT, Spread};

/// Distinct values whose counts are kept; beyond, only the commonest.
const VALUES_MAX: usize = 20_000;
/// Patterns kept.
const PATTERNS_MAX: usize = 2_000;
/// Share of empty cells from which emptiness says nothing.
const EMPTY_SHARE_MAX: f64 = 0.02;
/// Share of rows from which on a word that may mean "missing" is a category like others.
const CATEGORY_SHARE: f64 = 0.05;
/// Rows from which on a value of a rare format is taken for a name.
const REPEATED_ROWS: u32 = 8;
/// Rows, and thousandths of all, from which on a format is usual among keys and codes, which come in families.
const FAMILY_ROWS: usize = 20;
/// Digits from which on numbers of one length are codes.
const CODE_DIGITS_MIN: usize = 4;
/// A column of few values: as many at most, in as many rows at least.
const FEW_VALUES: usize = 12;
const FEW_VALUES_ROWS: usize = 500;

/// Probability of error of a price of 0 where nearly all prices are above it: some are gifts.
const ZERO_PRICE: f64 = 0.7;

/// The reason of a number far out; such a finding falls where the value's kind explains it.
pub(super) const FAR: &str = "far from the other values of this column";

/// One witness's word on a cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub p_error: f64,
    pub why: String,
    pub expected: Option<String>,
}

impl Finding {
    pub fn new(p_error: f64, why: impl Into<String>, expected: Option<String>) -> Self {
        Self { p_error, why: why.into(), expected }
    }
}

/// What is usual in one column.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ColumnModel {
    pub name: String,
    rows: usize,
    empty: usize,
    /// Words for "missing".
    missing_words: usize,
    /// Distinct values there were.
    distinct: usize,
    /// Values and their rows, the commonest.
    values: BTreeMap<String, u32>,
    /// Folded value to its commonest spelling and that one's rows, where there are several spellings.
    spellings: BTreeMap<String, (String, u32)>,
    patterns: BTreeMap<String, u32>,
    /// e^entropy of the patterns: how many there are in effect.
    pattern_kinds: f64,
    /// Share of numbers among the values.
    number_share: f64,
    /// Share of numbers with a unit, and of the commonest spelling of the unit among them.
    unit_share: f64,
    unit_agreement: f64,
    /// Share of values with a blank at an end or two in a row.
    untidy_share: f64,
    pub spread: Option<Spread>,
    /// Whether nearly every value occurs once.
    #[serde(default)]
    key: bool,
    /// Whether the whole numbers of the column name things: they are a key, or of one length.
    #[serde(default)]
    codes: bool,
    #[serde(skip)]
    spelling: Spelling,
}

impl ColumnModel {
    pub fn learn(cells: &Cells) -> Self {
        let mut model = Self {
            name: cells.name.clone(),
            rows: cells.rows.len(),
            distinct: cells.distinct.len(),
            ..Self::default()
        };
        model.empty = cells.empty();
        let (mut full, mut numbers, mut days, mut with_unit, mut untidy) = (0u64, 0u64, 0u64, 0u64, 0u64);
        let mut units: HashMap<String, u64> = HashMap::new();
        let mut patterns: HashMap<String, u32> = HashMap::new();
        let mut measured: Vec<(f64, u32)> = Vec::new();
        let mut dated: Vec<(f64, u32)> = Vec::new();
        let mut spellings: HashMap<String, Vec<(&str, u32)>> = HashMap::new();
        let (mut kinds, mut whole, mut lengths) = (0u64, 0u64, HashMap::<usize, u64>::new());
        for (value, count) in cells.distinct.iter().zip(&cells.counts) {
            let rows = *count as u64;
            if missing_word(value) > 0.0 {
                model.missing_words += *count as usize;
                continue;
            }
            full += rows;
            kinds += 1;
            *patterns.entry(pattern(value)).or_default() += count;
            if is_untidy(value) {
                untidy += rows;
            }
            if let Some(number) = number(value) {
                numbers += rows;
                if value.bytes().all(|byte| byte.is_ascii_digit()) {
                    whole += rows;
                    *lengths.entry(value.len()).or_default() += rows;
                }
                measured.push((number, *count));
            } else if let Some(day) = day(value) {
                days += rows;
                dated.push((day, *count));
            } else if let Some((_, unit)) = number_with_unit(value) {
                with_unit += rows;
                *units.entry(unit.to_string()).or_default() += rows;
            } else {
                spellings.entry(folded(value)).or_default().push((value, *count));
            }
        }
        let share = |part: u64| part as f64 / full.max(1) as f64;
        model.number_share = share(numbers);
        model.unit_share = share(with_unit);
        model.unit_agreement = units.values().max().copied().unwrap_or(0) as f64 / with_unit.max(1) as f64;
        model.untidy_share = share(untidy);
        model.key = full >= 50 && kinds * 10 >= full * 9;
        let length = lengths.into_iter().filter(|(length, _)| *length >= CODE_DIGITS_MIN).map(|(_, rows)| rows).max();
        let one_length = length.is_some_and(|rows| rows * 5 >= numbers * 4);
        // Amounts have fractions and signs, and digits as many as they like.
        let countable = full >= 50 && whole == numbers && model.number_share >= 0.5;
        model.codes = countable && (model.key || one_length);
        model.keep_patterns(patterns, full);
        model.keep_spellings(spellings);
        // Codes of one length have no middle to be far from.
        model.spread = if countable && one_length {
            None
        } else if model.number_share >= 0.5 {
            Spread::learn(measured, false)
        } else if share(days) >= 0.5 {
            Spread::learn(dated, true)
        } else {
            None
        };
        let mut values: Vec<(&String, &u32)> =
            cells.distinct.iter().zip(&cells.counts).filter(|(_, count)| **count > 1).collect();
        values.sort_unstable_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        values.truncate(VALUES_MAX);
        model.values = values.into_iter().map(|(value, count)| (value.clone(), *count)).collect();
        model.index();
        model
    }

    /// Makes what is not stored; to be called after loading.
    pub fn index(&mut self) {
        if self.number_share < 0.5 && self.spread.is_none() {
            self.spelling = Spelling::new(self.values.iter().map(|(value, count)| (value.as_str(), *count)));
        }
    }

    fn keep_patterns(&mut self, patterns: HashMap<String, u32>, full: u64) {
        let shares = patterns.values().map(|count| *count as f64 / full.max(1) as f64);
        let mut terms: Vec<f64> = shares.map(|share| -share * share.ln()).collect();
        terms.sort_unstable_by(f64::total_cmp); // one order of summing, one result
        self.pattern_kinds = terms.iter().sum::<f64>().exp();
        let mut kept: Vec<(String, u32)> = patterns.into_iter().collect();
        kept.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        kept.truncate(PATTERNS_MAX);
        self.patterns = kept.into_iter().collect();
    }

    fn keep_spellings(&mut self, spellings: HashMap<String, Vec<(&str, u32)>>) {
        let several = spellings.into_iter().filter(|(_, all)| all.len() > 1);
        self.spellings = several
            .filter_map(|(folded, all)| {
                let (value, count) = all.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)))?;
                Some((folded, (value.to_string(), count)))
            })
            .collect();
    }

    /// What the witnesses say of an empty cell.
    pub fn judge_empty(&self) -> Option<Finding> {
        let share = self.empty as f64 / self.rows.max(1) as f64;
        // A column of few rows may be full by chance.
        let trust = self.rows as f64 / (self.rows as f64 + 20.0);
        let p_error = 0.9 * trust * (1.0 - (share / EMPTY_SHARE_MAX).powi(2));
        (p_error > 0.0).then(|| Finding::new(p_error, "empty, where this column almost never is", None))
    }

    /// What the witnesses say of a value.
    pub fn judge(&self, value: &str) -> Vec<Finding> {
        let missing = missing_word(value);
        if missing > 0.0 {
            let p_error = if missing < SURELY_MISSING { missing * self.unusual(value) } else { missing };
            return match p_error > 0.0 {
                true => vec![Finding::new(p_error, "a word for a missing value", None)],
                false => Vec::new(),
            };
        }
        let mut findings = Vec::new();
        findings.extend(self.judge_type(value));
        findings.extend(self.judge_number(value));
        if findings.is_empty() {
            findings.extend(self.judge_format(value));
        }
        findings.extend(self.judge_spelling(value));
        findings.extend(self.judge_rare(value));
        findings
    }

    /// 1 for a word hardly ever met here, 0 for one that so many rows have that it is a category of the column, as
    /// `unknown` is among the outcomes of calls.
    fn unusual(&self, value: &str) -> f64 {
        let share = f64::from(self.values.get(value).copied().unwrap_or(1)) / self.rows.max(1) as f64;
        (1.0 - (share / CATEGORY_SHARE).powi(2)).max(0.0)
    }

    /// A word met once or twice where a few words fill the column. A hint: it takes another witness to condemn it.
    fn judge_rare(&self, value: &str) -> Option<Finding> {
        let few = self.number_share < 0.5 && self.spread.is_none() && self.distinct <= FEW_VALUES;
        let rows = self.values.get(value).copied().unwrap_or(1);
        (few && self.rows >= FEW_VALUES_ROWS && rows <= 2)
            .then(|| Finding::new(0.4, "hardly ever met in this column of few values", None))
    }

    fn judge_type(&self, value: &str) -> Option<Finding> {
        // A code of letters among codes of digits is a matter of its format.
        if self.codes || number(value).is_some() {
            return None;
        }
        let unit = number_with_unit(value);
        if self.number_share >= 0.5 {
            // The more of the column are numbers, the surer; a unit on a number is a clear case.
            let p_error = (0.2 + 0.75 * self.number_share + if unit.is_some() { 0.1 } else { 0.0 }).min(0.97);
            return Some(match unit {
                Some((amount, _)) => Finding::new(p_error, "a unit in a column of numbers", Some(amount.to_string())),
                None => Finding::new(p_error, "not a number, in a column of numbers", None),
            });
        }
        let (amount, _) = unit?;
        (self.unit_share >= 0.8 && self.unit_agreement < 0.95)
            .then(|| Finding::new(0.75, "units are spelt in several ways in this column", Some(plain_amount(amount))))
    }

    fn judge_number(&self, value: &str) -> Option<Finding> {
        let spread = self.spread.as_ref()?;
        let number = spread.measure(value)?;
        if !spread.days && number < 0.0 && spread.negative_share < 0.005 {
            return Some(Finding::new(0.85, "negative, where this column almost never is", None));
        }
        if number == 0.0 && spread.is_of_positives() && names_price(&self.name) {
            return Some(Finding::new(ZERO_PRICE, "zero, where a price is asked for", None));
        }
        let out = spread.out(number);
        (out > FAR_OUT).then(|| Finding::new(0.55 + 0.42 * (1.0 - FAR_OUT / out), FAR, None))
    }

    fn judge_format(&self, value: &str) -> Option<Finding> {
        let full = self.rows.saturating_sub(self.empty + self.missing_words);
        if self.pattern_kinds > 6.0 || full < 50 {
            return None;
        }
        // A value that keeps coming back is a name, not a slip, whatever it looks like.
        let repeated = self.values.get(value).copied().unwrap_or(1);
        if repeated >= REPEATED_ROWS {
            return None;
        }
        let rows = self.patterns.get(&pattern(value)).copied().unwrap_or(0) as usize;
        if (self.key || self.codes) && rows >= FAMILY_ROWS.max(full / 1000) {
            return None;
        }
        let share = rows as f64 / full as f64;
        // In a column of one pattern three in a hundred are rare; of six, one in two hundred.
        let rare = 0.03 / self.pattern_kinds;
        (share < rare).then(|| Finding::new(0.9 * (1.0 - share / rare).sqrt(), "a format rare in this column", None))
    }

    fn judge_spelling(&self, value: &str) -> Option<Finding> {
        if is_untidy(value) && self.untidy_share < 0.1 {
            let tidy = value.split_whitespace().collect::<Vec<_>>().join(" ");
            return Some(Finding::new(0.85, "blanks where none belong", Some(tidy)));
        }
        let count = self.values.get(value).copied().unwrap_or(1);
        if !self.spellings.is_empty()
            && let Some((usual, rows)) = self.spellings.get(&folded(value))
            && usual != value
            && *rows >= count.saturating_mul(4)
        {
            return Some(Finding::new(0.8, "a common value in other case or spacing", Some(usual.clone())));
        }
        // Where nearly every value occurs once, nearness says nothing.
        if self.distinct * 2 > self.rows {
            return None;
        }
        let (usual, distance) = self.spelling.commoner(value, count)?;
        let p_error = if distance == 1 { 0.85 } else { 0.65 };
        Some(Finding::new(p_error, "near a far commoner value", Some(usual.to_string())))
    }
}

/// Whether a column is called after a price: not after what is done with one, nor after a review (评价) or a worth (价值).
fn names_price(name: &str) -> bool {
    let name = name.to_lowercase();
    let other = ["change", "diff", "drop", "rule", "discount", "评价", "价值", "差价", "折"];
    let is_price = name.contains("price") || name.contains("价格") || name.ends_with('价');
    is_price && !other.iter().any(|word| name.contains(word))
}

fn is_untidy(value: &str) -> bool {
    value.trim() != value || value.contains("  ")
}

/// `12.0` as `12`: the number without the unit's trailing zeros.
fn plain_amount(amount: &str) -> String {
    match amount.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole.to_string(),
        _ => amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: impl Iterator<Item = String>) -> Cells {
        let mut cells = Cells::default();
        let mut places: HashMap<String, u32> = HashMap::new();
        for value in values {
            let next = places.len() as u32;
            let place = *places.entry(value.clone()).or_insert(next);
            if place == next {
                cells.distinct.push(value);
                cells.counts.push(0);
            }
            cells.rows.push(place);
            cells.counts[place as usize] += 1;
        }
        cells
    }

    fn worst(model: &ColumnModel, value: &str) -> f64 {
        model.judge(value).iter().map(|finding| finding.p_error).fold(0.0, f64::max)
    }

    #[test]
    fn prices_know_outliers_signs_units_and_words() {
        let model = ColumnModel::learn(&column((0..500).map(|i| format!("{}.99", 10 + i * i % 90))));
        assert_eq!((worst(&model, "55.99"), worst(&model, "180.5")), (0.0, 0.0));
        assert!(worst(&model, "5599900") > 0.6);
        assert!(worst(&model, "-12.99") > 0.8);
        assert!(worst(&model, "12.99 EUR") > 0.8);
        assert_eq!(model.judge("12.99 EUR")[0].expected.as_deref(), Some("12.99"));
        assert!(worst(&model, "N/A") > 0.9 && model.judge_empty().is_some());
    }

    #[test]
    fn zero_is_no_price() {
        let named = |name: &str, free: usize| {
            let values =
                (0..500).map(move |i| if i < free { "0.00".to_string() } else { format!("{}.99", 10 + i % 90) });
            ColumnModel::learn(&Cells { name: name.into(), ..column(values) })
        };
        for name in ["price", "unit_price", "unitPrice", "价格", "零售价"] {
            assert!(worst(&named(name, 5), "0.00") > 0.6, "{name}");
        }
        for name in ["seconds", "price_change", "discount_price", "评价"] {
            assert_eq!(worst(&named(name, 5), "0.00"), 0.0, "{name}");
        }
        assert_eq!(worst(&named("price", 100), "0.00"), 0.0, "where a fifth is free, that is a price too");
    }

    #[test]
    fn unknown_may_be_a_category() {
        let outcomes = |unknown: usize| {
            let word = move |i: usize| if i < unknown { "unknown" } else { ["success", "failure"][i % 2] };
            ColumnModel::learn(&column((0..1000).map(move |i| word(i).to_owned())))
        };
        assert_eq!(worst(&outcomes(300), "unknown"), 0.0);
        assert!(worst(&outcomes(3), "unknown") > 0.7);
    }

    #[test]
    fn codes_know_their_format() {
        let model = ColumnModel::learn(&column((0..500).map(|i| format!("SKU-{i:05}"))));
        assert_eq!(worst(&model, "SKU-77777"), 0.0);
        assert!(worst(&model, "77777") > 0.5);
        assert!(worst(&model, " SKU-77777") > 0.5);
    }

    #[test]
    fn codes_come_in_families() {
        let codes = (0..800).map(|i| match i % 20 {
            0 => format!("ZH-{:03}A", i / 20),
            1..=4 => format!("{}{}", 20_000 + i, ["A", "E"][i % 2]),
            _ => (20_000 + i).to_string(),
        });
        let model = ColumnModel::learn(&column(codes.clone().chain(["POSTAGE 1".into()])));
        assert_eq!((worst(&model, "ZH-007A"), worst(&model, "20021E"), worst(&model, "20005")), (0.0, 0.0, 0.0));
        assert_eq!(worst(&model, "99208"), 0.0, "codes have no middle");
        assert!(worst(&model, "POSTAGE 1") > 0.5);
        // The same codes many times over, as an order's lines have them, are codes still.
        let model = ColumnModel::learn(&column(codes.clone().chain(codes)));
        assert_eq!((worst(&model, "ZH-007A"), worst(&model, "20021E")), (0.0, 0.0));
    }

    #[test]
    fn names_know_misspellings_and_case() {
        let cities = ["Hamburg", "Frankfurt", "Shanghai", "Los Angeles"];
        let model = ColumnModel::learn(&column(
            (0..400).map(|i| cities[i % 4].to_string()).chain(["shanghai".into(), "Hamburgh".into()]),
        ));
        assert_eq!(worst(&model, "Frankfurt"), 0.0);
        assert_eq!(model.judge("Hamburgh")[0].expected.as_deref(), Some("Hamburg"));
        assert!(model.judge("shanghai").iter().any(|finding| finding.expected.as_deref() == Some("Shanghai")));
    }

    #[test]
    fn a_column_of_mixed_units_is_a_finding() {
        let units = ["oz", "oz.", "OZ", "ounce"];
        let model = ColumnModel::learn(&column((0..200).map(|i| format!("{}.0 {}", 12 + i % 3, units[i % 4]))));
        assert!(worst(&model, "12.0 oz") > 0.5);
        let tidy = ColumnModel::learn(&column((0..200).map(|i| format!("{} oz", 12 + i % 3))));
        assert_eq!(worst(&tidy, "12 oz"), 0.0);
    }
}
