//! Which rules the data of a relation suggest.
//!
//! A [`Candidate`] is a rule worth measuring, made of profiles, names and a sample. How many rows keep it is then counted over all of
//! them, and [`threshold`] says whether and how it is suggested: where nearly all rows keep it the rule asks for as many as do.

use super::dependency::Dependency;
use crate::governance::profile::{ColumnProfile, TOP_VALUES};
use crate::governance::semantic_type::{ColumnVerdict, Form, SemanticType};
use arrow::datatypes::DataType;

/// Share of rows below which a rule is not suggested.
const SUPPORT_MIN: f64 = 0.9;
/// Rows below which values say nothing of their range, format or list.
const ROWS_MIN: u64 = 10;
/// Rows for each value of a list, on average.
const ROWS_OF_VALUE_MIN: u64 = 5;
/// Share of values that are different from which on a column is meant to be a key.
const KEY_SHARE_MIN: f64 = 0.98;
/// Share of NULLs or blanks up to which they are slips.
const MISSING_SHARE_MAX: f64 = 0.05;
/// Share of rows up to which a value of a list is taken for a slip.
const SLIP_SHARE_MAX: f64 = 0.005;
/// Least confidence of a semantic type that counts.
const CONFIDENCE_MIN: f64 = 0.6;

/// What is known of a relation.
#[derive(Debug, Clone, Copy)]
pub struct CandidateFacts<'a> {
    /// A profile of each column that is seen as it is.
    pub profiles: &'a [ColumnProfile],
    /// A verdict for each, in the same order.
    pub verdicts: &'a [ColumnVerdict],
    /// Columns that refuse NULL anyway.
    pub not_null: &'a [String],
    /// Columns that are declared keys by themselves.
    pub unique: &'a [String],
    /// Columns that refer to others by a declared foreign key.
    pub referring: &'a [String],
    /// Keys of one column of other relations.
    pub keys: &'a [KeyOf],
    /// Columns that refer to keys of others as an inventory found, with these.
    pub found: &'a [(String, KeyOf)],
    /// Columns that others determine; places are those of the profiles.
    pub dependencies: &'a [Dependency],
}

/// A key of one column of another relation.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyOf {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub relation: String,
    /// The column.
    pub column: String,
    /// Its type.
    pub data_type: DataType,
}

/// What a suggested rule asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Suggested {
    /// Values are there.
    NotNull,
    /// Texts say something.
    NotBlank,
    /// No value comes twice.
    Unique,
    /// Values are among these.
    Accepted(Vec<String>),
    /// Values lie between these bounds; none is open.
    Range(Option<f64>, Option<f64>),
    /// Moments do not lie in the future.
    NotInFuture,
    /// Texts match a regular expression.
    Pattern(String),
    /// Values are those of a key.
    Reference(KeyOf),
    /// The value is what this column says.
    Dependency(String),
}

/// A rule that is worth measuring.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// A name for it.
    pub name: String,
    /// The column that it is about.
    pub column: String,
    /// What it asks.
    pub test: Suggested,
    /// Why, in words, without values.
    pub reason: String,
}

/// Whether a rule that this share of rows keeps is suggested, and the threshold that it then has: none where every row keeps it.
pub fn threshold(support: f64) -> Option<Option<f64>> {
    match support {
        support if support >= 1.0 => Some(None),
        // Rounded down, so that the rule holds now.
        support if support >= SUPPORT_MIN => Some(Some((support * 1000.0).floor() / 1000.0)),
        _ => None,
    }
}

/// The rules that are worth measuring, column by column.
pub fn candidates(facts: &CandidateFacts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (at, (profile, verdict)) in facts.profiles.iter().zip(facts.verdicts).enumerate() {
        if profile.rows == 0 {
            continue;
        }
        let column = Column { facts, profile, verdict };
        let mut add = |of: Option<(&str, Suggested, String)>| {
            if let Some((ending, test, reason)) = of {
                let name = format!("{}_{ending}", profile.name);
                found.push(Candidate { name, column: profile.name.clone(), test, reason });
            }
        };
        add(column.not_null());
        add(column.not_blank());
        let unique = column.unique();
        let is_key = unique.is_some() || column.is_declared_key();
        add(unique);
        let reference = column.reference();
        let refers = reference.is_some();
        add(reference.map(|(test, reason)| ("reference", test, reason)));
        let accepted = if is_key || refers { None } else { column.accepted() };
        let is_list = accepted.is_some();
        add(accepted);
        if !is_key && !refers && !is_list {
            add(column.range());
        }
        add(column.not_in_future());
        if !is_list {
            add(column.pattern());
        }
        for dependency in facts.dependencies.iter().filter(|dependency| dependency.column == at) {
            if let Some(by) = facts.profiles.get(dependency.determinant) {
                let ending = format!("by_{}", by.name);
                let reason = format!("rows that are alike in {} are nearly always alike in {}", by.name, profile.name);
                add(Some((&ending, Suggested::Dependency(by.name.clone()), reason)));
            }
        }
    }
    found
}

/// One column in sight of all facts.
struct Column<'a> {
    facts: &'a CandidateFacts<'a>,
    profile: &'a ColumnProfile,
    verdict: &'a ColumnVerdict,
}

type Found = Option<(&'static str, Suggested, String)>;

impl Column<'_> {
    fn values(&self) -> u64 {
        self.profile.rows - self.profile.nulls.min(self.profile.rows)
    }

    fn is_text(&self) -> bool {
        matches!(self.profile.data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
    }

    fn form(&self) -> Option<Form> {
        let sure = self.verdict.semantic_type.filter(|_| self.verdict.confidence >= CONFIDENCE_MIN);
        sure.map(|semantic_type| semantic_type.info().form)
    }

    fn is_declared_key(&self) -> bool {
        self.facts.unique.contains(&self.profile.name)
    }

    fn not_null(&self) -> Found {
        let (rows, nulls) = (self.profile.rows, self.profile.nulls);
        let declared = self.facts.not_null.contains(&self.profile.name);
        if declared || nulls as f64 > MISSING_SHARE_MAX * rows as f64 {
            return None;
        }
        let reason = match nulls {
            0 => format!("none of {rows} rows is without a value"),
            nulls => format!("only {nulls} of {rows} rows are without a value"),
        };
        Some(("not_null", Suggested::NotNull, reason))
    }

    fn not_blank(&self) -> Found {
        let (rows, blanks) = (self.profile.rows, self.profile.blanks);
        let few = blanks > 0 && blanks as f64 <= MISSING_SHARE_MAX * rows as f64;
        few.then(|| ("not_blank", Suggested::NotBlank, format!("only {blanks} of {rows} texts are blank")))
    }

    /// A code that is nearly always another one, or anything short that always is.
    fn unique(&self) -> Found {
        let (values, distincts) = (self.values(), self.profile.distincts);
        // A key is there in nearly every row.
        let gaps = self.profile.nulls as f64 > MISSING_SHARE_MAX * self.profile.rows as f64;
        if self.is_declared_key() || !self.profile.distincts_exact || values < ROWS_MIN || gaps {
            return None;
        }
        let share = distincts as f64 / values as f64;
        let is_code = self.form() == Some(Form::Code);
        let is_short = self.is_text() && self.profile.max_length.is_some_and(|length| length <= 40);
        let may_be_key = is_code || self.profile.data_type.is_integer() || is_short;
        let is_one = may_be_key && (share >= 1.0 || is_code && share >= KEY_SHARE_MIN);
        is_one.then(|| ("unique", Suggested::Unique, format!("{distincts} of {values} values are different")))
    }

    /// A few values that come again and again; those that hardly ever come are taken for slips.
    fn accepted(&self) -> Found {
        let (values, distincts) = (self.values(), self.profile.distincts);
        let is_listed = self.is_text() || self.profile.data_type.is_integer();
        let few = distincts >= 2 && distincts <= TOP_VALUES as u64 && self.profile.top.len() as u64 == distincts;
        if !is_listed || !self.profile.distincts_exact || !few || values < ROWS_MIN.max(ROWS_OF_VALUE_MIN * distincts) {
            return None;
        }
        let slip = (SLIP_SHARE_MAX * values as f64) as u64;
        let usual = self.profile.top.iter().filter(|(_, count)| *count > slip);
        let mut usual: Vec<String> = usual.map(|(value, _)| value.clone()).collect();
        usual.sort();
        // A value that is shown shortened is none of the column's.
        if usual.len() < 2 || self.profile.max_length.is_some_and(|length| length > 100) {
            return None;
        }
        let rare = distincts - usual.len() as u64;
        let reason = match rare {
            0 => format!("{distincts} different values in {values} rows"),
            rare => format!("{} values in nearly all of {values} rows, and {rare} rare ones", usual.len()),
        };
        Some(("accepted", Suggested::Accepted(usual), reason))
    }

    /// Numbers that measure or count something.
    fn range(&self) -> Found {
        let is_number = self.profile.data_type.is_numeric();
        if !is_number || self.values() < ROWS_MIN || self.form() == Some(Form::Code) {
            return None;
        }
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
        let (least, greatest) = (number(&self.profile.min)?, number(&self.profile.max)?);
        // What is never below zero, or hardly ever, never should be; the greatest so far is given some room.
        let few = self.profile.not_positive as f64 <= MISSING_SHARE_MAX * self.values() as f64;
        let low = if least >= 0.0 || few { 0.0 } else { rounded(least) };
        let is_share = least >= 0.0 && greatest <= 1.0 && !self.profile.data_type.is_integer();
        let high = if is_share { 1.0 } else { rounded(greatest) };
        let reason = match (least >= 0.0, few) {
            (true, _) => "no value is negative, and none is greater".to_owned(),
            (false, true) => "hardly any value is negative, and none is greater".to_owned(),
            (false, false) => "all values lie there".to_owned(),
        };
        Some(("range", Suggested::Range(Some(low), Some(high)), reason))
    }

    fn not_in_future(&self) -> Found {
        let is_moment = matches!(self.profile.data_type, DataType::Date32 | DataType::Timestamp(..));
        (is_moment && self.values() >= ROWS_MIN)
            .then(|| ("not_in_future", Suggested::NotInFuture, "no moment lies in the future".to_owned()))
    }

    fn pattern(&self) -> Found {
        let (pattern, share) = self.profile.pattern.as_ref()?;
        let is_code = pattern.contains('9') && !pattern.contains(' ');
        // An address or a text has its form from what it means, not from this table.
        let is_free = matches!(self.verdict.semantic_type, Some(SemanticType::Url | SemanticType::Email));
        if !self.is_text() || *share < SUPPORT_MIN || !is_code || is_free || self.values() < ROWS_MIN {
            return None;
        }
        let reason = format!("{:.1} % of the values looked at have the format {pattern}", share * 100.0);
        Some(("format", Suggested::Pattern(expression(pattern)), reason))
    }

    /// A key of another relation that the column's name speaks of.
    fn reference(&self) -> Option<(Suggested, String)> {
        let (name, data_type) = (self.profile.name.to_lowercase(), &self.profile.data_type);
        if self.facts.referring.contains(&self.profile.name) || self.values() == 0 {
            return None;
        }
        let alike = |key: &&KeyOf| {
            let both_text = self.is_text() && matches!(key.data_type, DataType::Utf8);
            both_text || data_type.is_integer() && key.data_type.is_integer()
        };
        let found = self.facts.found.iter().filter(|(column, _)| *column == self.profile.name).map(|(_, key)| key);
        let named = self.facts.keys.iter().filter(|key| speaks_of(&name, key));
        let key = found.filter(alike).chain(named.filter(alike)).next()?;
        let reason = format!("its values are nearly all in {}.{}", key.relation, key.column);
        Some((Suggested::Reference(key.clone()), reason))
    }
}

/// Whether a column's name is that of a key, or names its relation: `sku` and `products.sku`, `customer_id` and `customers.id`.
fn speaks_of(name: &str, key: &KeyOf) -> bool {
    let (relation, column) = (key.relation.to_lowercase(), key.column.to_lowercase());
    let singular = match relation.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => relation.strip_suffix('s').unwrap_or(&relation).to_owned(),
    };
    let generic = matches!(column.as_str(), "id" | "code" | "key" | "no" | "number" | "name");
    let of_relation = [&relation, &singular].iter().any(|of| name == format!("{of}_{column}") || name == **of);
    of_relation || name == column && !generic
}

/// A bound with two digits, away from zero.
fn rounded(bound: f64) -> f64 {
    if bound == 0.0 || !bound.is_finite() {
        return 0.0;
    }
    let unit = 10f64.powf(bound.abs().log10().floor() - 1.0);
    let steps = (bound.abs() / unit - 1e-9).ceil();
    // Powers of ten below one are no exact numbers.
    let rounded = if unit >= 1.0 { steps * unit } else { steps / (1.0 / unit).round() };
    rounded.copysign(bound)
}

/// The format of a profile as a regular expression.
fn expression(format: &str) -> String {
    let mut out = String::from("^");
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        let class = match c {
            '9' => Some("[0-9]"),
            'A' => Some("[A-Z]"),
            'a' => Some("[a-z]"),
            '中' => Some("[一-龥]"),
            _ => None,
        };
        let Some(class) = class else {
            if !c.is_alphanumeric() && c != '-' && c != '_' && c.is_ascii() {
                out.push('\\');
            }
            out.push(c);
            continue;
        };
        out += class;
        match chars.peek() {
            Some('+') => out.extend(chars.next()),
            Some('{') => {
                for c in chars.by_ref() {
                    out.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::profile::Profiler;
    use crate::governance::semantic_type::detect_column;
    use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;

    fn of(columns: Vec<(&str, ArrayRef)>, keys: &[KeyOf]) -> Vec<(String, Suggested)> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut profiler = Profiler::new(batch.schema());
        profiler.update(&batch).unwrap();
        let profiles = profiler.finish().unwrap();
        let verdict = |p: &ColumnProfile| {
            let sample: Vec<&str> = p.sample.iter().map(String::as_str).collect();
            detect_column(&p.name, &p.data_type, &sample, Some(p))
        };
        let verdicts: Vec<_> = profiles.iter().map(verdict).collect();
        let facts = CandidateFacts {
            profiles: &profiles,
            verdicts: &verdicts,
            not_null: &[],
            unique: &[],
            referring: &[],
            keys,
            found: &[],
            dependencies: &[],
        };
        candidates(&facts).into_iter().map(|candidate| (candidate.name, candidate.test)).collect()
    }

    #[test]
    fn each_column_suggests_what_its_values_say() {
        let texts = |of: &dyn Fn(usize) -> String| -> ArrayRef {
            Arc::new(StringArray::from((0..400).map(of).collect::<Vec<_>>()))
        };
        let found = of(
            vec![
                ("code", texts(&|n| format!("AB-{:04}", n))),
                ("size", texts(&|n| if n == 7 { "XLL".into() } else { ["S", "M", "L"][n % 3].to_owned() })),
                ("weight", Arc::new(Float64Array::from_iter_values((0..400).map(|n| n as f64 * 0.37)))),
                ("customer_id", Arc::new(Int64Array::from_iter_values((0..400).map(|n| n % 30)))),
            ],
            &[KeyOf {
                schema: "public".into(),
                relation: "customers".into(),
                column: "id".into(),
                data_type: DataType::Int64,
            }],
        );
        let test = |name: &str| found.iter().find(|(of, _)| of == name).map(|(_, test)| test.clone());
        assert_eq!(test("code_unique"), Some(Suggested::Unique));
        assert_eq!(test("code_format"), Some(Suggested::Pattern("^[A-Z]{2}-[0-9]{4}$".into())));
        assert_eq!(test("size_accepted"), Some(Suggested::Accepted(vec!["L".into(), "M".into(), "S".into()])));
        assert_eq!(test("weight_range"), Some(Suggested::Range(Some(0.0), Some(150.0))));
        assert!(matches!(test("customer_id_reference"), Some(Suggested::Reference(_))));
        assert_eq!(test("customer_id_range"), None);
        assert_eq!(test("size_not_null"), Some(Suggested::NotNull));
    }

    #[test]
    fn formats_become_expressions_and_bounds_get_room() {
        assert_eq!(expression("A+-9+"), "^[A-Z]+-[0-9]+$");
        assert_eq!(expression("9.9{2}"), "^[0-9]\\.[0-9]{2}$");
        assert_eq!(expression("中A9{5}"), "^[一-龥][A-Z][0-9]{5}$");
        assert_eq!([147.6, 0.37, -12.3, 100.0, 0.0].map(rounded), [150.0, 0.37, -13.0, 100.0, 0.0]);
        assert_eq!([1.0, 0.9994, 0.9, 0.5].map(threshold), [Some(None), Some(Some(0.999)), Some(Some(0.9)), None]);
    }
}
