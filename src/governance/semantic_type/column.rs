//! The semantic type of a column: the promise of its name weighed against its values.
//!
//! Name and values are independent witnesses: with strengths h and v the two together give `1 - (1-h)(1-v)`. A promise
//! that the values cannot keep (an "e-mail" of yes and no, a "card number" of years) is struck off and the evidence says
//! so. Values alone suffice for types with a recogniser; for the others they only make a guess.

use std::collections::HashMap;

use arrow::datatypes::DataType;

use super::SemanticType as T;
use super::catalogue::Form;
use super::facts::SampleFacts;
use super::fit::{admits, coverage_of, fit, specialised};
use super::guess::guesses;
use super::header::{HeaderVote, header_votes};
use crate::governance::classification::sensitivity_of;
use crate::governance::grade::{Grade, Privacy, Sensitivity, default_grading_rules, grade_by};
use crate::governance::profile::ColumnProfile;

/// Below this confidence a column has no semantic type.
pub const COLUMN_CONFIDENCE_MIN: f64 = 0.5;
/// A promise weaker than this is made by a vague word.
const VAGUE_WEIGHT: f32 = 0.6;
/// A promise of a province weaker than this is made by a word for any region.
const VAGUE_PLACE: f32 = 0.8;
/// Share of known provinces and states among a region's values below which it is none.
const LISTED_PLACES: f64 = 0.1;
/// Words of a value on average below which it is no title.
const SHORT_WORDS: f64 = 2.5;
/// Alternates reported at most.
const ALTERNATES_MAX: usize = 4;

/// The semantic type of a column, with the reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnVerdict {
    /// The column's name.
    pub name: String,
    /// The type, if any reached [`COLUMN_CONFIDENCE_MIN`].
    pub semantic_type: Option<T>,
    /// How sure, 0..1.
    pub confidence: f64,
    /// Share of the sampled values that fit the type, 0..1.
    pub coverage: f64,
    /// Values looked at, without empty ones.
    pub sampled: usize,
    /// Sentences that say why; they quote names, never values.
    pub evidence: Vec<String>,
    /// Other types with their scores, best first.
    pub alternates: Vec<(T, f64)>,
    /// The category of the user's own, if a classifier or a person says that it is one.
    pub custom: Option<Custom>,
    /// What its texts hold of persons, where that is more than the type says.
    pub carried: Option<Carried>,
}

/// What running texts hold of persons, whatever they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// The most that a kind of personal data in them says about a person.
    pub privacy: Privacy,
    /// The harm of a leak of the most harmful.
    pub sensitivity: Sensitivity,
}

/// A category of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// The classifier that found it.
    pub classifier: Option<String>,
    /// Its name.
    pub category: String,
    /// What it says about a person.
    pub privacy: Privacy,
}

impl ColumnVerdict {
    /// The category: the user's own, or the built-in type's name.
    pub fn category(&self) -> Option<&str> {
        match &self.custom {
            Some(custom) => Some(&custom.category),
            None => self.semantic_type.map(T::name),
        }
    }

    /// The harm of a leak: that of the type, or of what its texts hold.
    pub fn sensitivity(&self) -> Sensitivity {
        let of_kind = match (&self.custom, self.semantic_type) {
            (Some(custom), None) => sensitivity_of(custom.privacy),
            (Some(custom), Some(t)) => t.sensitivity().max(sensitivity_of(custom.privacy)),
            (None, t) => t.map_or(Sensitivity::None, T::sensitivity),
        };
        self.carried.map_or(of_kind, |carried| carried.sensitivity.max(of_kind))
    }

    /// What the column says about a person: its kind, or what its texts hold.
    pub fn privacy(&self) -> Privacy {
        self.carried.map_or(self.privacy_of_kind(), |carried| carried.privacy.max(self.privacy_of_kind()))
    }

    /// What the kind of column says about a person, whatever its texts hold.
    pub fn privacy_of_kind(&self) -> Privacy {
        match &self.custom {
            Some(custom) => custom.privacy,
            None => self.semantic_type.map_or(Privacy::None, T::privacy),
        }
    }

    /// The grade by the default rules.
    pub fn grade(&self) -> Grade {
        let category = self.category().unwrap_or_default();
        grade_by(&default_grading_rules(), category, self.privacy(), self.sensitivity()).0
    }

    /// Takes in what its texts hold and the sentences that say so, where that is more than its kind says.
    pub fn carry(&mut self, carried: Carried, evidence: Vec<String>) {
        if carried.privacy > self.privacy() || carried.sensitivity > self.sensitivity() {
            self.carried = Some(carried);
            self.evidence.extend(evidence);
        }
    }
}

#[derive(Default)]
struct Score {
    header: f64,
    values: f64,
    evidence: Vec<String>,
}

/// Judges a column by its name, its type and a sample of its values as text (at best some hundreds, evenly drawn; NULLs
/// left out). `stats` sharpens what the sample cannot show, such as the number of distinct values.
pub fn detect_column(
    name: &str,
    data_type: &DataType,
    values: &[&str],
    stats: Option<&ColumnProfile>,
) -> ColumnVerdict {
    detect_column_but(name, data_type, values, stats, &[])
}

/// As [`detect_column`], where some types are known not to be it.
pub fn detect_column_but(
    name: &str,
    data_type: &DataType,
    values: &[&str],
    stats: Option<&ColumnProfile>,
    not: &[T],
) -> ColumnVerdict {
    let facts = SampleFacts::of(data_type, values);
    let mut scores: HashMap<T, Score> = HashMap::new();
    let mut struck = Vec::new();
    typed(data_type, &mut scores);
    for (semantic_type, support) in &facts.support {
        if admits(data_type, *semantic_type) {
            let score = scores.entry(*semantic_type).or_default();
            score.values = score.values.max(value_strength(*semantic_type, &facts));
            score.evidence.push(format!(
                "values: {:.0} % of {} show {}",
                100.0 * support.matches as f64 / facts.n.max(1) as f64,
                facts.n,
                support.evidence
            ));
        }
    }
    for (semantic_type, confidence, evidence) in guesses(&facts) {
        if admits(data_type, semantic_type) {
            let score = scores.entry(semantic_type).or_default();
            if confidence > score.values {
                score.values = confidence;
                score.evidence.push(format!("values: {evidence}"));
            }
        }
    }
    for vote in header_votes(name) {
        headline(&vote, data_type, &facts, stats, &mut scores, &mut struck);
    }
    let named_code =
        scores.iter().any(|(t, score)| score.header > 0.7 && t.info().form == Form::Code && *t != T::Identifier);
    if named_code {
        // An order's number that is written as a digest is an order's number.
        for general in [T::Hash, T::Uuid, T::Sku, T::Identifier] {
            scores.entry(general).and_modify(|score| score.values *= if score.header > 0.8 { 1.0 } else { 0.8 });
        }
    }
    scores.retain(|semantic_type, _| !not.contains(semantic_type));
    conclude(name, data_type, &facts, scores, struck)
}

/// What the column's own type says: a boolean is a boolean, a date a date.
fn typed(data_type: &DataType, scores: &mut HashMap<T, Score>) {
    let known = match data_type {
        DataType::Boolean => (T::Boolean, 0.9),
        DataType::Date32 | DataType::Date64 => (T::Date, 0.85),
        DataType::Timestamp(_, _) => (T::Timestamp, 0.85),
        DataType::Time32(_) | DataType::Time64(_) => (T::Time, 0.85),
        DataType::Duration(_) | DataType::Interval(_) => (T::Duration, 0.85),
        _ => return,
    };
    let evidence = vec![format!("type: {data_type}")];
    scores.insert(known.0, Score { header: 0.0, values: known.1, evidence });
}

/// How strongly the values alone speak for the type: mean confidence over all of them, raised where they agree.
fn value_strength(semantic_type: T, facts: &SampleFacts) -> f64 {
    let Some(support) = facts.support.get(&semantic_type) else { return 0.0 };
    let coverage = facts.coverage(semantic_type);
    let mut mean = support.confidence / support.matches.max(1) as f64;
    let form = semantic_type.info().form;
    // A whole column out of one list is no chance, though each of its words could be: {M, F}, {S, M, L}, {yes, no}.
    if matches!(form, Form::Words | Form::Flag) && coverage > 0.95 && facts.distincts >= 2 && facts.n >= 4 {
        // Two letters make a country or a state of almost anything, so several have to agree.
        let enough = if mean < 0.4 && matches!(semantic_type, T::Country | T::Province) { 5 } else { 2 };
        if facts.distincts >= enough {
            mean = mean.max(0.58 + 0.05 * (facts.distincts.min(5) as f64 - 2.0));
        }
    }
    // One long number in ten passes a mod-10 check by chance, so that share counts for nothing.
    let chance = if matches!(semantic_type, T::BankCard | T::Imei | T::Gtin | T::Isbn) { 0.12 } else { 0.0 };
    let agreeing = ((coverage - 0.5) * 2.0).max(0.0) * (facts.n as f64 / (facts.n as f64 + 3.0));
    let raised = if mean >= 0.4 { mean + (1.0 - mean) * 0.6 * agreeing } else { mean };
    // Names are guessed from few characters: repeated ones are rather words.
    let doubt =
        if matches!(semantic_type, T::PersonNameZh | T::GivenName) && facts.n >= 20 && facts.distinct_share() < 0.1 {
            0.6
        } else {
            1.0
        };
    // Anything may be open or closed, on or cancelled: a word of the list beside one that is not on it makes no state of orders.
    let general = semantic_type == T::OrderStatus && facts.distincts < 3 && coverage < 0.95;
    let doubt = if general { 0.5 } else { doubt };
    raised * doubt * ((coverage - chance) / (1.0 - chance)).max(0.0)
}

/// Weighs a promise of the name against the values, and against the type's form.
fn headline(
    vote: &HeaderVote,
    data_type: &DataType,
    facts: &SampleFacts,
    stats: Option<&ColumnProfile>,
    scores: &mut HashMap<T, Score>,
    struck: &mut Vec<String>,
) {
    let said = format!("name: \"{}\" says {}", vote.word, vote.semantic_type);
    // "Name" is the name of anything: of persons where they read so, hardly of goods where it is a word or two.
    let vague = vote.semantic_type == T::ProductTitle && vote.weight < VAGUE_WEIGHT && facts.n > 0;
    let promised = if vague && facts.are_persons() { T::PersonName } else { vote.semantic_type };
    let unlisted = facts.n > 0 && facts.coverage(T::Province) < LISTED_PLACES;
    let doubt = match promised {
        T::ProductTitle if vague && facts.words < SHORT_WORDS => 0.8,
        // A region is a part of the world, of a country or of a shop's sales as often as a province.
        T::Province if vote.weight < VAGUE_PLACE && unlisted => 0.6,
        _ => 1.0,
    };
    let said = match promised == vote.semantic_type {
        true => said,
        false => format!("name: \"{}\", and the values are persons'", vote.word),
    };
    for (semantic_type, share) in specialised(promised, data_type, facts) {
        if !admits(data_type, semantic_type) {
            struck.push(format!("{said}, which a {data_type} cannot be"));
            continue;
        }
        let fit = fit(semantic_type, data_type, facts, stats);
        if matches!(semantic_type, T::BirthDate | T::CardExpiry) && fit > 0.9 {
            // That the values are days speaks for a day of birth or of a card's end as much as for a day.
            let days = [T::Date, T::Timestamp].iter().filter_map(|t| scores.get(t)).map(|score| score.values);
            let days = days.fold(0.0, f64::max);
            scores.entry(semantic_type).or_default().values = days;
        }
        if fit < 0.3 {
            struck.push(format!("{said}, but the values do not look so"));
        }
        let score = scores.entry(semantic_type).or_default();
        let strength = f64::from(vote.weight) * share * fit * doubt;
        if strength > score.header {
            score.header = strength;
            score.evidence.insert(0, said.clone());
        }
    }
}

/// Joins the witnesses, takes the best and explains it.
fn conclude(
    name: &str,
    data_type: &DataType,
    facts: &SampleFacts,
    scores: HashMap<T, Score>,
    struck: Vec<String>,
) -> ColumnVerdict {
    let mut ranked: Vec<(T, f64, Score)> = scores
        .into_iter()
        .map(|(semantic_type, score)| {
            (semantic_type, 1.0 - (1.0 - score.header.clamp(0.0, 1.0)) * (1.0 - score.values.clamp(0.0, 1.0)), score)
        })
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let sure = ranked.first().is_some_and(|(_, confidence, _)| *confidence >= COLUMN_CONFIDENCE_MIN);
    let silent = ranked.is_empty();
    let mut ranked = ranked.into_iter();
    let best = if sure { ranked.next() } else { None };
    let alternates =
        ranked.filter(|(_, score, _)| *score >= 0.2).map(|(t, score, _)| (t, score)).take(ALTERNATES_MAX).collect();
    let (semantic_type, confidence, mut evidence) = match best {
        Some((semantic_type, confidence, score)) => (Some(semantic_type), confidence, score.evidence),
        None if silent => (None, 0.0, vec!["neither name nor values say anything".to_string()]),
        None => (None, 0.0, vec!["name and values only hint, see the alternates".to_string()]),
    };
    evidence.extend(struck);
    evidence.dedup();
    let coverage = semantic_type.map_or(0.0, |t| coverage_of(t, data_type, facts));
    ColumnVerdict {
        name: name.to_string(),
        semantic_type,
        confidence: confidence.min(0.999),
        coverage,
        sampled: facts.n,
        evidence,
        alternates,
        custom: None,
        carried: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, data_type: DataType, values: &[&str]) -> ColumnVerdict {
        detect_column(name, &data_type, values, None)
    }

    #[test]
    fn names_that_the_values_do_not_keep() {
        let flag = of("email_verified", DataType::Boolean, &["true", "false"]);
        assert_eq!((flag.semantic_type, flag.sensitivity()), (Some(T::Boolean), Sensitivity::None));
        let text_flag = of("email_verified", DataType::Utf8, &["yes", "no", "yes", "no"]);
        assert_eq!(text_flag.semantic_type, Some(T::Boolean));
        let years = of("card_number", DataType::Int64, &["2015", "2016", "2017", "2018"]);
        assert_ne!(years.semantic_type, Some(T::BankCard));
        assert!(years.evidence.iter().any(|line| line.contains("do not look so")), "{:?}", years.evidence);
        assert_eq!(of("year", DataType::Int64, &["2015", "2016", "2017", "2018"]).semantic_type, Some(T::Year));
        assert_ne!(of("email", DataType::Utf8, &["yes", "no", "yes"]).semantic_type, Some(T::Email));
    }

    #[test]
    fn a_day_of_birth_is_more_than_a_day() {
        let days = ["1980-02-29", "1975-11-03", "2001-07-30", "1999-12-31"];
        let compact = ["19800229", "19751103", "20010730", "19991231"];
        let moments = ["1980-02-29 00:00:00", "1975-11-03 00:00:00"];
        let timestamp = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
        for name in ["birth_date", "dob", "出生日期", "customerBirthday", "DateOfBirth", "生日"] {
            for (data_type, values) in [
                (DataType::Date32, &days[..]),
                (DataType::Utf8, &days[..]),
                (DataType::Int64, &compact[..]),
                (timestamp.clone(), &moments[..]),
            ] {
                let verdict = of(name, data_type, values);
                assert_eq!(verdict.semantic_type, Some(T::BirthDate), "{name}: {verdict:?}");
                assert_ne!(verdict.privacy(), Privacy::None);
            }
        }
        assert_eq!(of("hired", DataType::Date32, &days).semantic_type, Some(T::Date));
        let years = ["1980", "1975", "2001", "1999"];
        assert_eq!(of("birth_year", DataType::Int64, &years).semantic_type, Some(T::BirthDate));
    }

    #[test]
    fn cards_are_found_in_columns_of_numbers() {
        let cards =
            ["4111111111111111", "5500005555555559", "6011000990139424", "4012888888881881", "3530111333300000"];
        for data_type in [DataType::Int64, DataType::Float64, DataType::Decimal128(20, 0)] {
            for name in ["card_number", "x"] {
                assert_eq!(of(name, data_type.clone(), &cards).semantic_type, Some(T::BankCard), "{name} {data_type}");
            }
        }
        // What a spreadsheet has made of them: the last digits are gone, and the check digit with them.
        let rounded = ["4556870000000000", "5293480000000000", "4929540000000000", "5148710000000000"];
        assert_eq!(of("CCNumber", DataType::Float64, &rounded).semantic_type, Some(T::BankCard));
        assert_ne!(of("views", DataType::Float64, &rounded).semantic_type, Some(T::BankCard));
        // A right check digit in every one of them is no chance, whoever issued them.
        let local: Vec<String> = (0..40u64)
            .flat_map(|n| (0..10).map(move |digit| format!("{}{digit}", 912_345_678_901_234 + n * 7_919)))
            .filter(|number| super::super::checksum::luhn(number.as_bytes()))
            .collect();
        let local: Vec<&str> = local.iter().map(String::as_str).collect();
        assert_eq!(of("", DataType::Int64, &local).semantic_type, Some(T::BankCard));
    }

    #[test]
    fn words_out_of_one_list_are_what_the_list_is() {
        let answers: Vec<&str> =
            ["no", "no", "no", "no", "no", "no", "no", "no", "yes"].into_iter().cycle().take(90).collect();
        for name in ["accepted", "in_default", "y"] {
            assert_eq!(of(name, DataType::Utf8, &answers).semantic_type, Some(T::Boolean), "{name}");
        }
        let money = ["CNY", "GBP", "EUR", "USD", "JPY", "HKD"];
        assert_eq!(of("code", DataType::Utf8, &money).semantic_type, Some(T::Currency));
        let parts = ["Central America", "Western Europe", "Oceania", "Southeast Asia", "East of USA"];
        assert_eq!(of("region", DataType::Utf8, &parts).semantic_type, None);
        let states = ["SP", "RJ", "MG", "Bahia", "Paraná"];
        assert_eq!(of("state", DataType::Utf8, &states).semantic_type, Some(T::Province));
        assert_eq!(of("地区", DataType::Utf8, &["广东省", "浙江", "四川省", "北京"]).semantic_type, Some(T::Province));
    }

    #[test]
    fn states_of_orders_and_of_other_things() {
        let doors: Vec<&str> = ["closed", "closed", "closed", "closed", "open"].into_iter().cycle().take(90).collect();
        assert_ne!(of("area", DataType::Utf8, &doors).semantic_type, Some(T::OrderStatus));
        let states: Vec<&str> = ["closed", "complete", "pending", "paid"].into_iter().cycle().take(90).collect();
        assert_eq!(of("state", DataType::Utf8, &states).semantic_type, Some(T::OrderStatus));
        assert_eq!(of("order_status", DataType::Utf8, &doors).semantic_type, Some(T::OrderStatus));
        let shelves: Vec<&str> = ["in_stock", "out_of_stock", "in_stock"].into_iter().cycle().take(90).collect();
        for name in ["availability", "g_availability", "x", "供货状态"] {
            assert_eq!(of(name, DataType::Utf8, &shelves).semantic_type, Some(T::Availability), "{name}");
        }
    }

    #[test]
    fn cards_expire_and_health_is_sensitive() {
        for expiries in
            [&["12/2027", "9/2028", "1/2026"][..], &["Jan-27", "Mar-28", "Dec-26"], &["0127", "1228", "0926"]]
        {
            let verdict = of("CCExpires", DataType::Utf8, expiries);
            assert_eq!(verdict.semantic_type, Some(T::CardExpiry), "{expiries:?}: {verdict:?}");
            assert_eq!(verdict.sensitivity(), Sensitivity::Medium);
            assert_ne!(of("x", DataType::Utf8, expiries).semantic_type, Some(T::CardExpiry));
        }
        for (name, values) in [
            ("diagnosis", ["Asthma", "Type 2 diabetes", "Hypertension"]),
            ("blood_type", ["A+", "O-", "AB+"]),
            ("血型", ["A型", "O型", "AB型"]),
            ("diagnosis_code", ["E11.9", "I10", "J45.0"]),
            ("medical_record_number", ["MR-100231", "MR-100232", "MR-100233"]),
            ("blood_pressure", ["120/80", "135/90", "118/75"]),
            ("既往史", ["高血压", "糖尿病", "无特殊"]),
        ] {
            let verdict = of(name, DataType::Utf8, &values);
            assert_eq!(
                (verdict.semantic_type, verdict.sensitivity()),
                (Some(T::Health), Sensitivity::High),
                "{name}: {verdict:?}"
            );
        }
        assert_ne!(of("last_record_number", DataType::Utf8, &["100231", "100232"]).semantic_type, Some(T::Health));
    }

    #[test]
    fn a_handful_of_words_is_no_list_of_goods_or_addresses() {
        let titles: Vec<&str> = ["Mr.", "Mrs.", "Ms.", "Dr."].into_iter().cycle().take(80).collect();
        assert_eq!(of("Title", DataType::Utf8, &titles).semantic_type, None);
        let streets: Vec<&str> = ["paved", "gravel"].into_iter().cycle().take(80).collect();
        assert_ne!(of("street", DataType::Utf8, &streets).semantic_type, Some(T::Address));
        let vehicles: Vec<&str> = ["1", "2", "2", "3", "1"].into_iter().cycle().take(80).collect();
        assert_eq!(of("Number of Vehicles", DataType::Int64, &vehicles).semantic_type, Some(T::Count));
    }

    #[test]
    fn name_and_values_agree() {
        for (name, values, expected) in [
            ("contact_email", ["a@b.com", "c@d.org", "e@f.cn"], T::Email),
            ("收货人手机号", ["13800138000", "13912345678", "18612345678"], T::CnMobile),
            ("售价", ["12.50", "99.00", "8.80"], T::Price),
            ("收货地址", ["浙江省杭州市西湖区1号", "北京市朝阳区建国路8号", "深圳市南山区科技园2栋"], T::AddressZh),
            (
                "order_id",
                [
                    "d41d8cd98f00b204e9800998ecf8427e",
                    "0cc175b9c0f1b6a831c399e269772661",
                    "92eb5ffee6ae2fec3ad71c777531578f",
                ],
                T::OrderId,
            ),
            ("", ["a@b.com", "c@d.org", "e@f.cn"], T::Email),
            ("性别", ["男", "女", "男"], T::Gender),
            ("is_new", ["0", "1", "1"], T::Boolean),
        ] {
            let verdict = of(name, DataType::Utf8, &values);
            assert_eq!(verdict.semantic_type, Some(expected), "{name}: {verdict:?}");
            assert!(verdict.confidence > 0.7 && !verdict.evidence.is_empty(), "{name}: {verdict:?}");
        }
    }

    #[test]
    fn a_column_called_name_is_what_its_values_are() {
        let persons = ["Jane Roe", "Lily Placeholm", "Tom Fictley", "Theo Sampleton", "Ivy Made", "王小明", "李雷"];
        let verdict = of("name", DataType::Utf8, &persons);
        assert_eq!(verdict.semantic_type, Some(T::PersonName), "{verdict:?}");
        assert!(verdict.confidence > 0.7);
        let goods = ["Vacuum cup 500 ml steel blue", "Running shoe size 42 grey", "Oak table 120 cm round"];
        assert_eq!(of("name", DataType::Utf8, &goods).semantic_type, Some(T::ProductTitle));
        let money = ["Renminbi", "Pound sterling", "Euro", "US dollar, spot", "Yen", "Hong Kong dollar"];
        assert_eq!(of("name", DataType::Utf8, &money).semantic_type, None);
    }

    #[test]
    fn hints_are_no_verdict() {
        let rates = ["1.0000", "9.2000", "7.8000", "7.1000", "0.0475", "0.9100"];
        let verdict = of("in_cny", DataType::Decimal128(10, 4), &rates);
        assert_eq!((verdict.semantic_type, verdict.sensitivity()), (None, Sensitivity::None), "{verdict:?}");
    }

    #[test]
    fn one_lucky_check_digit_in_ten_makes_no_card_column() {
        let values: Vec<String> = (0..200u64).map(|i| format!("{}", 4_000_000_000_000_000 + i * 7_919)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert_ne!(of("", DataType::Int64, &values).semantic_type, Some(T::BankCard));
        let cards = ["4111111111111111", "5500005555555559", "6011000990139424"];
        let verdict = of("", DataType::Utf8, &cards);
        assert_eq!((verdict.semantic_type, verdict.sensitivity()), (Some(T::BankCard), Sensitivity::High));
    }

    #[test]
    fn evidence_quotes_no_values_and_nothing_is_nothing() {
        let verdict = of("email", DataType::Utf8, &["secret.person@example.com", "other@example.com"]);
        assert!(verdict.evidence.iter().all(|line| !line.contains("secret")));
        let empty = of("xyz", DataType::Utf8, &[]);
        assert_eq!((empty.semantic_type, empty.sampled), (None, 0));
        assert_eq!(of("email", DataType::Utf8, &[]).semantic_type, Some(T::Email), "the name alone");
    }
}
