//! Learning a [`FeatureSpec`] from training batches.

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch};

use super::column::{Family, numbers, text_hashes, texts};
use super::spec::{ColumnSpec, FeatureSpec, Shape, Side, squash};
use crate::config;
use crate::error::Result;
use crate::fail;

/// Average characters beyond which a text column is read as words rather than as one value.
const WORDS_CHARACTERS: f64 = 40.0;
/// A number with at most this many distinct values gets a bin for each.
const EXACT_BINS_MAX: usize = 40;
/// Quantile bins of any other number at most.
const BINS_MAX: usize = 32;
/// Values looked at when quantiles are taken.
const QUANTILE_VALUES_MAX: usize = 200_000;

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
        for name in options.user.iter().chain(&options.item).chain(&options.ids) {
            if first.schema_ref().column_with_name(name).is_none() {
                fail!(UndefinedColumn, "column \"{name}\" is not among the columns to train on");
            }
        }
        let mut spec = FeatureSpec {
            columns: Vec::new(),
            ignored: options.ignored.clone(),
            width: 0,
            bags: 0,
            dense_width: 0,
            table_rows: 0,
            counts: Vec::new(),
        };
        for (place, field) in first.schema_ref().fields().iter().enumerate() {
            if options.ignored.contains(field.name()) {
                continue;
            }
            if spec.columns.iter().any(|column| column.name == *field.name()) {
                fail!(DuplicateColumn, "column \"{}\" is given twice", field.name());
            }
            let arrays: Vec<ArrayRef> =
                batches.iter().filter_map(|batch| batch.columns().get(place).cloned()).collect();
            let column = spec.learn_column(field.name(), &arrays, options)?;
            spec.columns.push(column);
        }
        spec.part_sides();
        spec.count(batches)?;
        Ok(spec)
    }

    fn learn_column(&mut self, name: &str, arrays: &[ArrayRef], options: &FeatureOptions) -> Result<ColumnSpec> {
        let data_type = arrays.first().map(|array| array.data_type().clone());
        let Some(family) = data_type.as_ref().and_then(Family::of) else {
            fail!(
                DatatypeMismatch,
                "column \"{name}\" has type {}, which a model cannot read; leave it out or cast it",
                data_type.map_or_else(String::new, |data_type| data_type.to_string())
            );
        };
        let mut vocabulary = HashMap::new();
        let shape = match family {
            Family::Nothing => Shape::Nothing,
            Family::Time => {
                let shape = Shape::Time { slot: self.width, base: self.table_rows as u32 };
                self.width += 2;
                self.table_rows += 33;
                shape
            }
            Family::Integer if names_an_id(name, options) => self.category(name, arrays, options, &mut vocabulary)?,
            Family::Integer | Family::Float | Family::Bool => self.number(name, arrays)?,
            Family::Text if average_characters(name, arrays)? > WORDS_CHARACTERS => self.words(arrays),
            Family::Text => self.category(name, arrays, options, &mut vocabulary)?,
        };
        let side = if options.user.iter().any(|column| column == name) {
            Side::User
        } else if options.item.iter().any(|column| column == name) || starts_like_item(name) {
            Side::Item
        } else {
            Side::User
        };
        Ok(ColumnSpec { name: name.to_string(), family, side, shape, vocabulary, commonest: Vec::new() })
    }

    fn number(&mut self, name: &str, arrays: &[ArrayRef]) -> Result<Shape> {
        let mut values = Vec::new();
        for array in arrays {
            values.extend(numbers(name, array)?.into_iter().filter(|value| !value.is_nan()));
        }
        let all = values.len();
        // Quantiles of every k-th value are near enough, and a fixed stride keeps training repeatable.
        let stride = all.div_ceil(QUANTILE_VALUES_MAX).max(1);
        let mut values: Vec<f64> = values.into_iter().step_by(stride).collect();
        values.sort_unstable_by(f64::total_cmp);
        let edges = edges(&values);
        if edges.is_empty() && all == arrays.iter().map(|array| array.len()).sum::<usize>() {
            return Ok(Shape::Nothing);
        }
        let log = skewness(&values, true).abs() < skewness(&values, false).abs();
        let squashed = || values.iter().map(|value| squash(*value, log));
        let mean = squashed().sum::<f64>() / values.len().max(1) as f64;
        let variance = squashed().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let shape = Shape::Number {
            slot: self.width,
            base: self.table_rows as u32,
            dense: self.dense_width,
            log,
            scale: vec![if mean.is_finite() { mean } else { 0.0 }, if deviation.is_finite() { deviation } else { 1.0 }],
            edges: edges.clone(),
        };
        self.width += 1;
        self.dense_width += 1;
        self.table_rows += edges.len() + 2;
        Ok(shape)
    }

    fn category(
        &mut self,
        name: &str,
        arrays: &[ArrayRef],
        options: &FeatureOptions,
        vocabulary: &mut HashMap<u64, u32>,
    ) -> Result<Shape> {
        let mut counts: HashMap<u64, u32> = HashMap::new();
        let (mut rows, mut missing) = (0usize, 0usize);
        for array in arrays {
            for hash in text_hashes(name, array)? {
                rows += 1;
                match hash {
                    Some(hash) => *counts.entry(hash).or_default() += 1,
                    None => missing += 1,
                }
            }
        }
        if counts.is_empty() || (counts.len() == 1 && missing == 0) {
            return Ok(Shape::Nothing);
        }
        let count_min = match options.count_min {
            0 => (rows / 20_000).clamp(2, 8) as u32,
            given => given,
        };
        let mut known: Vec<(u64, u32)> =
            counts.iter().filter(|(_, count)| **count >= count_min).map(|(h, c)| (*h, *c)).collect();
        known.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        known.truncate(config::MODEL_VOCABULARY_MAX);
        let buckets = ((counts.len() - known.len()) / 500).clamp(1, 64) as u32;
        vocabulary.extend(known.iter().enumerate().map(|(place, (hash, _))| (*hash, place as u32)));
        let shape =
            Shape::Category { slot: self.width, base: self.table_rows as u32, buckets, known: known.len() as u32 };
        self.width += 1;
        self.table_rows += 1 + buckets as usize + known.len();
        Ok(shape)
    }

    fn words(&mut self, arrays: &[ArrayRef]) -> Shape {
        let rows: usize = arrays.iter().map(|array| array.len()).sum();
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

    /// Counts the table's rows over the training batches and notes each slot's commonest entry.
    fn count(&mut self, batches: &[RecordBatch]) -> Result<()> {
        let mut counts = vec![0u32; self.table_rows];
        for batch in batches {
            let encoded = self.encode(batch)?;
            for id in encoded.ids.iter().chain(encoded.bags.iter().flat_map(|bag| &bag.ids)) {
                if let Some(count) = counts.get_mut(*id as usize) {
                    *count = count.saturating_add(1);
                }
            }
        }
        let commonest = |from: u32, rows: u32| {
            (from..from + rows).max_by_key(|id| (counts.get(*id as usize), std::cmp::Reverse(*id))).unwrap_or(from)
        };
        for column in &mut self.columns {
            column.commonest = match &column.shape {
                Shape::Nothing | Shape::Words { .. } => Vec::new(),
                Shape::Number { base, edges, .. } => vec![commonest(*base, edges.len() as u32 + 2)],
                Shape::Category { base, buckets, known, .. } => vec![commonest(*base, 1 + buckets + known)],
                Shape::Time { base, .. } => vec![commonest(*base, 25), commonest(base + 25, 8)],
            };
        }
        self.counts = counts;
        Ok(())
    }
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

fn average_characters(name: &str, arrays: &[ArrayRef]) -> Result<f64> {
    let (mut characters, mut rows) = (0usize, 0usize);
    for array in arrays {
        texts(name, array, |_, text| {
            if let Some(text) = text {
                characters += text.chars().count();
                rows += 1;
            }
        })?;
    }
    Ok(characters as f64 / rows.max(1) as f64)
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

    use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

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
