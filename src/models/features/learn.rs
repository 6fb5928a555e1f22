//! Learning a [`FeatureSpec`] from training batches.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::column::Family;
use super::gather::{Counts, Gathered, Sample};
use super::spec::{ColumnSpec, FeatureSpec, Shape, Side, squash};
use super::spread::{Spread, no_hours};
use crate::config;
use crate::error::Result;
use crate::fail;

/// A number with at most this many distinct values gets a bin for each.
const EXACT_BINS_MAX: usize = 40;
/// Quantile bins of any other number at most.
const BINS_MAX: usize = 32;
/// Average characters beyond which a text column is read as words rather than as one value.
pub(super) const WORDS_CHARACTERS: f64 = 40.0;
/// Texts after which those that are long on average are counted no more: they will be words.
pub(super) const WORDS_TEXTS_SURE: usize = 10_000;

/// What becomes of numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NumberForm {
    /// A bin of its own for each value or quantile, and beside it the standardised value or logarithm: for networks that weigh
    /// entries.
    #[default]
    Binned,
    /// The standardised value alone, however far out it lies: what is linear in it stays so.
    Plain,
    /// The standardised value or logarithm, whichever is less skewed, within some deviations of the mean.
    Smooth,
}

impl NumberForm {
    /// Standard deviations at which a number is cut off.
    pub(super) fn bound(self) -> f32 {
        match self {
            Self::Binned => 5.0,
            // Far enough for every honest number, near enough for sums of squares in 32 bits.
            Self::Plain => 1e9,
            Self::Smooth => 10.0,
        }
    }
}

/// What the caller knows about columns.
#[derive(Debug, Clone, Default)]
pub struct FeatureOptions {
    /// Columns that are no features and may be absent later: the label, the time.
    pub ignored: Vec<String>,
    /// Columns whose whole numbers name things (besides every column called `id` or `*_id`).
    pub ids: Vec<String>,
    /// The user's columns, and the item's; see [`FeatureSpec::learn`] for the rest.
    pub user: Vec<String>,
    /// The item's columns.
    pub item: Vec<String>,
    /// A value seen less often than this in training shares a bucket with the other rare ones. 0: 2 to 8 by rows.
    pub count_min: u32,
    /// What becomes of numbers.
    pub numbers: NumberForm,
}

/// Learns a [`FeatureSpec`] from batches that go by once, all of one schema. What is kept of them is bounded, but for the different
/// values of columns of names, which are counted (16 bytes each).
#[derive(Debug)]
pub struct Learner {
    options: FeatureOptions,
    /// Place in the batches, name, and what is known so far.
    columns: Vec<(usize, String, Family, Gathered)>,
}

impl Learner {
    /// A learner for batches of this schema. A column of a type that no feature can be made of is
    /// [`DatatypeMismatch`](crate::Kind::DatatypeMismatch), one that the options name and that is not there
    /// [`UndefinedColumn`](crate::Kind::UndefinedColumn).
    pub fn new(schema: &Schema, options: &FeatureOptions) -> Result<Self> {
        for name in options.user.iter().chain(&options.item).chain(&options.ids) {
            if schema.column_with_name(name).is_none() {
                fail!(UndefinedColumn, "column \"{name}\" is not among the columns to train on");
            }
        }
        let mut columns: Vec<(usize, String, Family, Gathered)> = Vec::new();
        for (place, field) in schema.fields().iter().enumerate() {
            let name = field.name();
            if options.ignored.contains(name) {
                continue;
            }
            if columns.iter().any(|(_, known, ..)| known == name) {
                fail!(DuplicateColumn, "column \"{name}\" is given twice");
            }
            let Some(family) = Family::of_field(field) else {
                fail!(
                    DatatypeMismatch,
                    "column \"{name}\" has type {}, which a model cannot read; leave it out or cast it",
                    field.data_type()
                );
            };
            let gathered = match family {
                Family::Nothing => Gathered::Nothing,
                Family::Time => Gathered::Time(no_hours()),
                Family::Integer if names_an_id(name, options) => Gathered::Category(Counts::default()),
                Family::Integer | Family::Float | Family::Bool => Gathered::Numbers(Sample::default()),
                Family::Text => Gathered::Texts {
                    counts: Some(Counts::default()),
                    characters: 0,
                    texts: 0,
                    rows: 0,
                    lengths: Sample::default(),
                },
                Family::TextList | Family::IntegerList | Family::Json => Gathered::Elements(family, Counts::default()),
                Family::Vector => Gathered::Vectors { length: None, squares: 0.0, numbers: 0 },
            };
            columns.push((place, name.clone(), family, gathered));
        }
        Ok(Self { options: options.clone(), columns })
    }

    /// Looks at the rows of a batch.
    pub fn see(&mut self, batch: &RecordBatch) -> Result<()> {
        for (place, name, _, gathered) in &mut self.columns {
            if let Some(array) = batch.columns().get(*place) {
                gathered.see(name, array)?;
            }
        }
        Ok(())
    }

    /// The encoding of what was seen. How often each entry occurs is not known to it yet: see [`FeatureSpec::counted`].
    pub fn finish(self) -> FeatureSpec {
        let mut spec = FeatureSpec {
            columns: Vec::new(),
            ignored: self.options.ignored.clone(),
            width: 0,
            bags: 0,
            dense_width: 0,
            table_rows: 0,
            spreads: Vec::new(),
            counts: Vec::new(),
        };
        for (_, name, family, gathered) in self.columns {
            spec.spreads.push(Spread::of(&gathered));
            let mut vocabulary = HashMap::new();
            let shape = match gathered {
                Gathered::Nothing => Shape::Nothing,
                Gathered::Time(_) => spec.time(),
                Gathered::Numbers(sample) => spec.number(sample, self.options.numbers),
                Gathered::Category(counts) => spec.category(counts, &self.options, &mut vocabulary),
                Gathered::Texts { counts, characters, texts, rows, .. } => match counts {
                    Some(counts) if characters as f64 / texts.max(1) as f64 <= WORDS_CHARACTERS => {
                        spec.category(counts, &self.options, &mut vocabulary)
                    }
                    _ => spec.words(rows),
                },
                Gathered::Elements(_, counts) => spec.elements(counts, &self.options, &mut vocabulary),
                Gathered::Vectors { length, squares, numbers } => spec.vector(length, squares / numbers.max(1) as f64),
            };
            let side = if self.options.user.contains(&name) {
                Side::User
            } else if self.options.item.contains(&name) || starts_like_item(&name) {
                Side::Item
            } else {
                Side::User
            };
            spec.columns.push(ColumnSpec { name, family, side, shape, vocabulary, commonest: Vec::new() });
        }
        spec.part_sides();
        spec
    }
}

impl FeatureSpec {
    /// Learns the encoding from `batches`, which must share one schema.
    ///
    /// Sides: a column named in `options` belongs there; else one whose name begins with `user`, `u_`, `member`,
    /// `customer`, `visitor` is the user's, with `item`, `product`, `goods`, `sku`, `ad_`, `ads`, `cate`, `brand`,
    /// `shop`, `seller`, `price`, `title` the item's; the rest is context and goes with the user. If one side stays
    /// empty, the first half of the columns is the user's and the other the item's.
    ///
    /// A column of a type that no feature can be made of is [`DatatypeMismatch`](crate::Kind::DatatypeMismatch).
    pub fn learn(batches: &[RecordBatch], options: &FeatureOptions) -> Result<Self> {
        let Some(first) = batches.first() else { fail!(InvalidParameter, "there are no rows to train on") };
        let mut learner = Learner::new(first.schema_ref(), options)?;
        batches.iter().try_for_each(|batch| learner.see(batch))?;
        let mut spec = learner.finish();
        let mut counts = vec![0u32; spec.table_rows];
        for batch in batches {
            spec.encode(batch)?.count(&mut counts);
        }
        spec.counted(counts);
        Ok(spec)
    }

    fn time(&mut self) -> Shape {
        let shape = Shape::Time { slot: self.width, base: self.table_rows as u32 };
        self.width += 2;
        self.table_rows += 33;
        shape
    }

    fn number(&mut self, sample: Sample, form: NumberForm) -> Shape {
        let is_missing_sometimes = sample.missing > 0;
        let is_constant = sample.is_constant();
        let mut values = sample.values;
        values.sort_unstable_by(f64::total_cmp);
        let edges = if form == NumberForm::Binned { edges(&values) } else { Vec::new() };
        // Of one that is sometimes missing, that is what can be learnt.
        if !is_missing_sometimes && (is_constant || (form == NumberForm::Binned && edges.is_empty())) {
            return Shape::Nothing;
        }
        let log = form != NumberForm::Plain && skewness(&values, true).abs() < skewness(&values, false).abs();
        let squashed = || values.iter().map(|value| squash(*value, log));
        let mean = squashed().sum::<f64>() / values.len().max(1) as f64;
        let variance = squashed().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let has_slot = form == NumberForm::Binned || is_missing_sometimes;
        let shape = Shape::Number {
            slot: has_slot.then_some(self.width),
            base: self.table_rows as u32,
            dense: self.dense_width,
            log,
            scale: vec![if mean.is_finite() { mean } else { 0.0 }, if deviation.is_finite() { deviation } else { 1.0 }],
            bound: form.bound(),
            edges: edges.clone(),
        };
        self.dense_width += 1;
        if has_slot {
            self.width += 1;
            self.table_rows += edges.len() + 2;
        }
        shape
    }

    fn category(&mut self, counts: Counts, options: &FeatureOptions, vocabulary: &mut HashMap<u64, u32>) -> Shape {
        let Counts { of, rows, missing } = counts;
        if of.is_empty() || (of.len() == 1 && missing == 0) {
            return Shape::Nothing;
        }
        let (buckets, known) = known_of(&of, rows, options, vocabulary);
        let shape = Shape::Category { slot: self.width, base: self.table_rows as u32, buckets, known };
        self.width += 1;
        self.table_rows += (1 + buckets + known) as usize;
        shape
    }

    fn elements(&mut self, counts: Counts, options: &FeatureOptions, vocabulary: &mut HashMap<u64, u32>) -> Shape {
        let Counts { of, rows, .. } = counts;
        if of.is_empty() {
            return Shape::Nothing;
        }
        let (buckets, known) = known_of(&of, rows, options, vocabulary);
        let shape = Shape::Elements { bag: self.bags, base: self.table_rows as u32, buckets, known };
        self.bags += 1;
        self.table_rows += (1 + buckets + known) as usize;
        shape
    }

    /// `square` is the mean square of the numbers: they are scaled to one of 1.
    fn vector(&mut self, length: Option<usize>, square: f64) -> Shape {
        let Some(length) = length.filter(|length| *length > 0) else { return Shape::Nothing };
        let scale = if square > 0.0 { 1.0 / square.sqrt() } else { 1.0 };
        let (slot, base) = (self.width, self.table_rows as u32);
        let shape = Shape::Vector { slot, base, dense: self.dense_width, length, scale: scale as f32 };
        self.width += 1;
        self.table_rows += 2;
        self.dense_width += length;
        shape
    }

    fn words(&mut self, rows: usize) -> Shape {
        let buckets = rows.next_power_of_two().clamp(1 << 10, 1 << 16) as u32;
        let shape = Shape::Words { bag: self.bags, base: self.table_rows as u32, buckets };
        self.bags += 1;
        self.table_rows += buckets as usize;
        shape
    }

    /// Splits the columns by halves where names told nothing about one of the sides.
    fn part_sides(&mut self) {
        let useful = |column: &&mut ColumnSpec| !matches!(column.shape, Shape::Nothing);
        let items = self.columns.iter_mut().filter(useful).filter(|column| column.side == Side::Item).count();
        let all = self.columns.iter_mut().filter(useful).count();
        if items == 0 || items == all {
            for (place, column) in self.columns.iter_mut().filter(useful).enumerate() {
                column.side = if place < all / 2 { Side::User } else { Side::Item };
            }
        }
    }

    /// Takes how often each row of the table occurred in training ([`Encoded::count`](super::Encoded::count)), and notes each slot's
    /// commonest entry.
    pub fn counted(&mut self, counts: Vec<u32>) {
        let commonest = |from: u32, rows: u32| {
            (from..from + rows).max_by_key(|id| (counts.get(*id as usize), std::cmp::Reverse(*id))).unwrap_or(from)
        };
        for column in &mut self.columns {
            column.commonest = match &column.shape {
                Shape::Nothing | Shape::Words { .. } | Shape::Elements { .. } | Shape::Number { slot: None, .. } => {
                    Vec::new()
                }
                Shape::Vector { base, .. } => vec![commonest(*base, 2)],
                Shape::Number { base, edges, .. } => vec![commonest(*base, edges.len() as u32 + 2)],
                Shape::Category { base, buckets, known, .. } => vec![commonest(*base, 1 + buckets + known)],
                Shape::Time { base, .. } => vec![commonest(*base, 25), commonest(base + 25, 8)],
            };
        }
        self.counts = counts;
    }
}

/// Chooses the values that get a place of their own, the commonest first; gives the buckets that the others share, and how many are known.
fn known_of(
    of: &HashMap<u64, u32>,
    rows: usize,
    options: &FeatureOptions,
    vocabulary: &mut HashMap<u64, u32>,
) -> (u32, u32) {
    let count_min = match options.count_min {
        0 => (rows / 20_000).clamp(2, 8) as u32,
        given => given,
    };
    let mut known: Vec<(u64, u32)> =
        of.iter().filter(|(_, count)| **count >= count_min).map(|(h, c)| (*h, *c)).collect();
    known.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    known.truncate(config::MODEL_VOCABULARY_MAX);
    let buckets = ((of.len() - known.len()) / 500).clamp(1, 64) as u32;
    vocabulary.extend(known.iter().enumerate().map(|(place, (hash, _))| (*hash, place as u32)));
    (buckets, known.len() as u32)
}

/// Upper edges of bins over sorted values: between neighbours where few are distinct, else quantiles.
fn edges(sorted: &[f64]) -> Vec<f64> {
    let mut distinct: Vec<f64> = Vec::new();
    for value in sorted {
        if distinct.last() != Some(value) {
            distinct.push(*value);
        }
        if distinct.len() > EXACT_BINS_MAX {
            break;
        }
    }
    if distinct.len() <= EXACT_BINS_MAX {
        return distinct.iter().zip(distinct.iter().skip(1)).map(|(a, b)| a + (b - a) / 2.0).collect();
    }
    let bins = (sorted.len() / 100).clamp(4, BINS_MAX);
    let mut edges: Vec<f64> = (1..bins).filter_map(|bin| sorted.get(bin * sorted.len() / bins).copied()).collect();
    edges.dedup();
    // The last edge may be the maximum itself, whose upper bin would stay empty.
    edges.pop_if(|edge| sorted.last() == Some(edge));
    edges
}

/// Third standardised moment; infinite for a constant, so that a constant never wins.
fn skewness(values: &[f64], log: bool) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|value| squash(*value, log)).sum::<f64>() / count;
    let moment = |power: i32| values.iter().map(|value| (squash(*value, log) - mean).powi(power)).sum::<f64>() / count;
    let skew = moment(3) / moment(2).powf(1.5);
    if skew.is_finite() { skew } else { f64::INFINITY }
}

fn names_an_id(name: &str, options: &FeatureOptions) -> bool {
    let lower = name.to_lowercase();
    options.ids.iter().any(|id| id == name) || lower == "id" || lower.ends_with("_id") || lower.ends_with("编号")
}

fn starts_like_item(name: &str) -> bool {
    const ITEM: [&str; 14] = [
        "item", "product", "goods", "sku", "ad_", "ads", "cate", "brand", "shop", "seller", "price", "title", "商品",
        "店铺",
    ];
    let lower = name.to_lowercase();
    ITEM.iter().any(|start| lower.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;
    use crate::error::Kind;

    fn batch() -> RecordBatch {
        let rows = 200i64;
        let long = "one two three four five six seven eight nine ten";
        RecordBatch::try_from_iter([
            ("user_id", Arc::new(Int64Array::from_iter_values((0..rows).map(|i| i % 20))) as ArrayRef),
            (
                "item_name",
                Arc::new(StringArray::from_iter((0..rows).map(|i| (i % 7 != 0).then(|| format!("n{}", i % 5))))),
            ),
            ("price", Arc::new(Float64Array::from_iter((0..rows).map(|i| (i % 9 != 0).then_some((i * i) as f64))))),
            ("bold", Arc::new(BooleanArray::from_iter((0..rows).map(|i| Some(i % 2 == 0))))),
            ("at", Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows).map(|i| i * 3_600_000_000)))),
            ("text", Arc::new(StringArray::from_iter_values((0..rows).map(|_| long)))),
            ("same", Arc::new(Int64Array::from_iter_values((0..rows).map(|_| 5)))),
        ])
        .unwrap()
    }

    #[test]
    fn each_type_takes_its_own_shape() -> Result<()> {
        let spec = FeatureSpec::learn(&[batch()], &FeatureOptions::default())?;
        assert_eq!((spec.width, spec.bags, spec.dense_width), (1 + 1 + 1 + 1 + 2, 1, 2));
        let encoded = spec.encode(&batch())?;
        // Rows 0, 20 and 40 are the same user; row 0 has no name and no price; row 0 is Thursday, midnight.
        assert_eq!(encoded.ids_of(0)[0], encoded.ids_of(20)[0]);
        assert_ne!(encoded.ids_of(0)[0], encoded.ids_of(1)[0]);
        assert_eq!(spec.unknown(&encoded, "item_name")[..3], [true, false, false]);
        assert_eq!(encoded.dense_of(0)[0], 0.0);
        assert_eq!(encoded.ids_of(0)[5] - encoded.ids_of(0)[4], 25 + 4 - 1);
        assert_eq!(encoded.bags[0].of(3).len(), 10);
        assert!(encoded.ids.iter().all(|id| (*id as usize) < spec.table_rows()));
        Ok(())
    }

    #[test]
    fn columns_are_matched_by_name() -> Result<()> {
        let spec = FeatureSpec::learn(&[batch()], &FeatureOptions::default())?;
        let turned = batch().project(&[6, 5, 4, 3, 2, 1, 0]).unwrap();
        assert_eq!(spec.encode(&turned)?.ids, spec.encode(&batch())?.ids);

        let less = spec.encode(&batch().project(&[0, 1, 2, 3, 4, 6]).unwrap()).unwrap_err();
        assert_eq!(less.kind(), Kind::UndefinedColumn);
        assert!(less.message().contains("\"text\""));

        let other = batch();
        let mut arrays: Vec<(&str, ArrayRef)> = Vec::new();
        let schema = other.schema();
        for (field, array) in schema.fields().iter().zip(other.columns()) {
            let array = if field.name() == "price" { Arc::clone(other.column(5)) } else { Arc::clone(array) };
            arrays.push((field.name(), array));
        }
        let mistyped = spec.encode(&RecordBatch::try_from_iter(arrays.clone()).unwrap()).unwrap_err();
        assert_eq!(mistyped.kind(), Kind::DatatypeMismatch);
        assert!(mistyped.message().contains("\"price\""));

        arrays.push(("more", Arc::clone(other.column(0))));
        let extra = spec.encode(&RecordBatch::try_from_iter(arrays).unwrap()).unwrap_err();
        assert_eq!(extra.kind(), Kind::UndefinedColumn);
        assert!(extra.message().contains("\"more\""));
        Ok(())
    }

    #[test]
    fn what_is_left_out_or_dealt_anew_changes_only_its_column() -> Result<()> {
        let spec = FeatureSpec::learn(&[batch()], &FeatureOptions::default())?;
        let encoded = spec.encode(&batch())?;
        let without = spec.without(&encoded, "price");
        assert_ne!(without.ids, encoded.ids);
        assert!((0..200).all(|row| without.ids_of(row)[0] == encoded.ids_of(row)[0]));
        let order: Vec<usize> = (0..200).rev().collect();
        let permuted = spec.permuted(&encoded, "user_id", &order);
        assert!((0..200).all(|row| permuted.ids_of(row)[0] == encoded.ids_of(199 - row)[0]));
        assert!((0..200).all(|row| permuted.ids_of(row)[1..] == encoded.ids_of(row)[1..]));
        Ok(())
    }

    #[test]
    fn few_values_have_a_bin_each_and_many_are_cut_at_quantiles() {
        assert_eq!(edges(&[1.0, 1.0, 2.0, 4.0]), [1.5, 3.0]);
        let many: Vec<f64> = (0..10_000).map(f64::from).collect();
        assert_eq!(edges(&many).len(), BINS_MAX - 1);
        assert!(edges(&[]).is_empty());
    }
}
