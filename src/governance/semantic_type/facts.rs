//! Plain facts of a column's sample, gathered once for every rule that needs them.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::DataType;

use super::SemanticType;
use super::checksum::luhn;
use super::chinese::is_han;
use super::digits::is_card_prefix;
use super::moment::MONTHS;
use super::shape::number;
use super::value::candidates;

/// What recognisers said about the values of a sample.
#[derive(Debug, Clone, Copy, Default)]
pub struct Support {
    /// Values for which the type was a candidate.
    pub matches: usize,
    /// Those of them that are no bare numbers: 169.00 CNY.
    pub worded: usize,
    /// Sum of their confidences.
    pub confidence: f64,
    /// Evidence of the first of them.
    pub evidence: &'static str,
}

/// Facts of a sample: counts, lengths, numbers, support of each type.
#[derive(Debug, Clone, Default)]
pub struct SampleFacts {
    /// Values that are neither empty nor a word for "missing".
    pub n: usize,
    /// Distinct values among them.
    pub distincts: usize,
    /// Share of values that are numbers (currency and percent signs allowed).
    pub numeric: f64,
    /// Share of values that are whole numbers.
    pub whole: f64,
    /// Share of values that are written as 0 or 1.
    pub binary: f64,
    /// Share of numbers with exactly two decimals.
    pub cents: f64,
    /// Share of numbers with four or more decimals.
    pub fine: f64,
    /// Least and greatest number.
    pub range: Option<(f64, f64)>,
    /// Mean characters.
    pub length: f64,
    /// Mean words, where every two Chinese characters count as one.
    pub words: f64,
    /// Share of values with Chinese characters.
    pub han: f64,
    /// Share of values with a space.
    pub spaced: f64,
    /// Share of values with a sentence's punctuation.
    pub sentences: f64,
    /// Share of values that speak in the first person or judge, as reviews do.
    pub opinions: f64,
    /// Share of values that mix letters and digits without a space.
    pub codes: f64,
    /// Share of values that open with a known given name, or are a family name and a given name in Chinese.
    pub persons: f64,
    /// Share of values that are such, or two or three words with capitals as names are written.
    pub person_like: f64,
    /// Share of values that are a telephone's number, of whichever country and kind.
    pub phones: f64,
    /// Share of values with a digit.
    pub digits: f64,
    /// Share of values that are sixteen digits with a right Luhn digit, as most cards have.
    pub checked: f64,
    /// Share of values with the length and the issuer of a payment card, right check digit or not.
    pub issued: f64,
    /// Share of values that are a form of address, such as Mr. or 女士.
    pub honorifics: f64,
    /// Share of values that are a month with a year, as cards print it.
    pub months: f64,
    /// Whether all values have one length.
    pub same_length: bool,
    /// Support by type.
    pub support: HashMap<SemanticType, Support>,
}

impl SampleFacts {
    /// Gathers the facts of `values`; empty ones and words for "missing" do not count.
    pub fn of(data_type: &DataType, values: &[&str]) -> Self {
        let mut facts = Self { same_length: true, ..Self::default() };
        let mut seen = HashSet::new();
        let mut first_length = None;
        let floating = data_type.is_floating();
        for value in values.iter().map(|value| value.trim()).filter(|value| !is_missing(value)) {
            // Whole numbers that went through a float column: 13800138000.0.
            let value = if floating { value.strip_suffix(".0").unwrap_or(value) } else { value };
            facts.n += 1;
            seen.insert(value);
            let length = value.chars().count();
            facts.same_length &= *first_length.get_or_insert(length) == length;
            facts.add_number(value);
            facts.add_text(value, length);
            facts.add_support(value);
        }
        facts.distincts = seen.len();
        facts.divide();
        facts
    }

    /// Distinct values by values.
    pub fn distinct_share(&self) -> f64 {
        if self.n == 0 { 0.0 } else { self.distincts as f64 / self.n as f64 }
    }

    /// Share of values that the type's recogniser takes.
    pub fn coverage(&self, semantic_type: SemanticType) -> f64 {
        match self.support.get(&semantic_type) {
            Some(support) if self.n > 0 => support.matches as f64 / self.n as f64,
            _ => 0.0,
        }
    }

    /// Share of values that are numbers, bare or as the type's recogniser takes them: 169.00 beside 89.00 CNY.
    pub fn numbers(&self, semantic_type: SemanticType) -> f64 {
        let worded = self.support.get(&semantic_type).map_or(0, |support| support.worded);
        (self.numeric + worded as f64 / self.n.max(1) as f64).min(1.0)
    }

    /// Whether the values read as names of persons: enough of them are known ones, and hardly any looks otherwise.
    pub fn are_persons(&self) -> bool {
        self.n >= 5 && self.persons >= 0.35 && self.person_like >= 0.85 && self.distinct_share() >= 0.3
    }

    /// Whether the values are single words without a figure.
    pub fn is_bare_words(&self) -> bool {
        self.spaced == 0.0 && self.digits == 0.0 && self.han == 0.0
    }

    fn add_number(&mut self, value: &str) {
        let Some(number) = number(value) else { return };
        self.numeric += 1.0;
        let decimals =
            value.rsplit_once('.').map_or(0, |(_, tail)| tail.bytes().take_while(u8::is_ascii_digit).count());
        self.whole += f64::from(u8::from(number.fract() == 0.0 && !value.contains('.')));
        self.binary += f64::from(u8::from(matches!(value, "0" | "1")));
        self.cents += f64::from(u8::from(decimals == 2));
        self.fine += f64::from(u8::from(decimals >= 4));
        let (least, greatest) = self.range.unwrap_or((number, number));
        self.range = Some((least.min(number), greatest.max(number)));
        if (13..=19).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit()) {
            self.checked += f64::from(u8::from(value.len() == 16 && luhn(value.as_bytes())));
            self.issued += f64::from(u8::from(is_card_prefix(value.as_bytes())));
        }
    }

    fn add_text(&mut self, value: &str, length: usize) {
        let han = value.chars().filter(|c| is_han(*c)).count();
        let latin_words = value.split_whitespace().filter(|word| !word.chars().any(is_han)).count();
        let has_digit = value.bytes().any(|b| b.is_ascii_digit());
        let has_letter = value.bytes().any(|b| b.is_ascii_alphabetic());
        let one = |condition: bool| f64::from(u8::from(condition));
        self.length += length as f64;
        self.words += latin_words as f64 + han as f64 / 2.0;
        self.han += one(han > 0);
        self.spaced += one(value.contains(' '));
        self.codes += one(has_digit && has_letter && !value.contains(' ') && han == 0);
        self.digits += one(has_digit);
        self.sentences += one(value.contains(['，', '。', '！', '？', '!', '?', '；'])
            || value.contains(". ")
            || (value.ends_with('.') && length > 20));
        self.opinions += one(is_opinion(value));
        self.honorifics += one(is_honorific(value));
        self.months += one(is_month_of_year(value));
    }

    fn add_support(&mut self, value: &str) {
        let mut counted: [Option<SemanticType>; 8] = [None; 8];
        let (mut person, mut phone) = (false, false);
        let bare = number(value).is_some();
        for (at, (semantic_type, confidence, evidence)) in candidates(value).iter().enumerate() {
            if counted.contains(&Some(semantic_type)) {
                continue;
            }
            if let Some(place) = counted.get_mut(at) {
                *place = Some(semantic_type);
            }
            person |= matches!(semantic_type, SemanticType::PersonName | SemanticType::PersonNameZh);
            phone |= matches!(semantic_type, SemanticType::Phone | SemanticType::CnMobile | SemanticType::CnLandline);
            let support = self.support.entry(semantic_type).or_insert(Support { evidence, ..Support::default() });
            support.matches += 1;
            support.worded += usize::from(!bare);
            support.confidence += f64::from(confidence);
        }
        self.persons += f64::from(u8::from(person));
        self.phones += f64::from(u8::from(phone));
        self.person_like += f64::from(u8::from(person || is_capital_words(value)));
    }

    fn divide(&mut self) {
        let (n, numbers) = (self.n.max(1) as f64, self.numeric.max(1.0));
        self.cents /= numbers;
        self.fine /= numbers;
        for share in [
            &mut self.numeric,
            &mut self.whole,
            &mut self.binary,
            &mut self.length,
            &mut self.words,
            &mut self.han,
            &mut self.spaced,
            &mut self.sentences,
            &mut self.opinions,
            &mut self.codes,
            &mut self.persons,
            &mut self.person_like,
            &mut self.phones,
            &mut self.digits,
            &mut self.checked,
            &mut self.issued,
            &mut self.honorifics,
            &mut self.months,
        ] {
            *share /= n;
        }
    }
}

/// Whether a trimmed value is empty or a word that people write for "missing".
pub fn is_missing(value: &str) -> bool {
    const WORDS: [&str; 15] =
        ["", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?", "\\n", "(null)", "<na>", "missing"];
    value.len() <= 12
        && (WORDS.iter().any(|word| word.eq_ignore_ascii_case(value))
            || matches!(value, "无" | "空" | "未填写" | "—" | "暂无"))
}

/// Two or three words of letters, each with a capital in front and small letters behind.
fn is_capital_words(value: &str) -> bool {
    let named = |word: &str| {
        let mut letters = word.chars();
        letters.next().is_some_and(char::is_uppercase)
            && letters.clone().any(char::is_lowercase)
            && letters.all(|c| c.is_alphabetic() || matches!(c, '-' | '\'' | '’'))
    };
    (2..=3).contains(&value.split_whitespace().count()) && value.split_whitespace().all(named)
}

/// `12/27`, `9/2027`, `2027-09`, `Jan-20`.
fn is_month_of_year(value: &str) -> bool {
    let Some((one, other)) = value.split_once(['/', '-']).filter(|_| value.len() <= 14) else { return false };
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let is_month = |text: &str| {
        let name = text.get(..3).filter(|_| text.bytes().all(|byte| byte.is_ascii_alphabetic()));
        name.is_some_and(|name| {
            MONTHS.iter().any(|month| month.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(name)))
        }) || text.len() <= 2 && number(text).is_some_and(|month| (1..=12).contains(&month))
    };
    let is_year = |text: &str| matches!(text.len(), 2 | 4) && number(text).is_some();
    is_month(one) && is_year(other) || one.len() == 4 && is_year(one) && is_month(other)
}

fn is_honorific(value: &str) -> bool {
    const WORDS: [&str; 13] =
        ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "herr", "frau", "先生", "女士"];
    let word = value.strip_suffix('.').unwrap_or(value);
    value.len() <= 8 && WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn is_opinion(value: &str) -> bool {
    const CHINESE: [&str; 16] = [
        "我", "不错", "很好", "好评", "喜欢", "满意", "差评", "推荐", "值得", "物流", "客服", "好吃", "太", "非常",
        "质量", "收到",
    ];
    const ENGLISH: [&str; 14] = [
        " i ",
        "i'm",
        "i've",
        " my ",
        " love",
        " great",
        " bad",
        "recommend",
        " not ",
        "disappoint",
        "perfect",
        "really",
        "excellent",
        " nice",
    ];
    if CHINESE.iter().any(|word| value.contains(word)) {
        return true;
    }
    let lower = format!(" {}", value.get(..value.len().min(400)).unwrap_or(value).to_ascii_lowercase());
    ENGLISH.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_values_that_are_there() {
        let facts = SampleFacts::of(&DataType::Utf8, &["1", "2.50", "", "N/A", "abc", "a@b.com"]);
        assert_eq!(facts.n, 4);
        assert_eq!((facts.numeric, facts.whole), (0.5, 0.25));
        assert_eq!(facts.range, Some((1.0, 2.5)));
        assert_eq!(facts.coverage(SemanticType::Email), 0.25);
        assert_eq!(SampleFacts::of(&DataType::Utf8, &[]).distinct_share(), 0.0);
    }

    #[test]
    fn names_of_persons_in_two_scripts() {
        let persons = ["Jane Roe", "Tom O'Hara", "Wilma Placeholm", "王小明", "欧阳锋云"];
        assert!(SampleFacts::of(&DataType::Utf8, &persons).are_persons());
        let goods = ["Wool Scarf", "Red Candle", "Oak Table", "Jane Mug", "Tea Pot"];
        assert!(!SampleFacts::of(&DataType::Utf8, &goods).are_persons());
    }

    #[test]
    fn months_of_years() {
        for right in ["12/27", "9/2027", "2027-09", "Jan-20", "01-2030"] {
            assert!(is_month_of_year(right), "{right}");
        }
        for wrong in ["13/27", "12/127", "Foo-20", "12-", "2027", "1/2/27", "", "-20", "é/20"] {
            assert!(!is_month_of_year(wrong), "{wrong}");
        }
    }

    #[test]
    fn words_for_missing() {
        for word in ["", "N/A", "null", "NaN", "暂无", "?"] {
            assert!(is_missing(word), "{word}");
        }
        assert!(!is_missing("nano") && !is_missing("0"));
    }
}
