//! The profile of a relation: counts, extremes, moments, quantiles, frequent values and formats of each column.
//!
//! One pass over record batches of any Arrow type. Whole numbers, dates and times run as `i64`, floating numbers as
//! `f64`, the rest as text. Memory is bounded: distinct values are counted to
//! [`PROFILE_DISTINCT_EXACT_MAX`](crate::config::PROFILE_DISTINCT_EXACT_MAX) and estimated by HyperLogLog beyond, quantiles
//! come from a uniform sample of [`PROFILE_NUMBERS_MAX`](crate::config::PROFILE_NUMBERS_MAX); fields of [`ColumnProfile`]
//! say which it was. Values in a profile are as protected as the column they come from.

mod column;
mod distinct;
mod pattern;
mod reservoir;

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};
use crate::governance::inclusion::{RowGathering, RowSketch, Sketch};
use column::Accumulator;
pub use column::each_hash;
pub(in crate::governance) use distinct::{hash_text, mix};
pub use pattern::{generalise, generalise_loosely};

/// Frequent values reported of each column.
pub const TOP_VALUES: usize = 10;
/// The quantiles reported, as shares.
pub const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// What is known of one column after a pass over its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// Its Arrow type.
    pub data_type: DataType,
    /// Rows seen.
    pub rows: u64,
    /// NULLs.
    pub nulls: u64,
    /// Texts that are empty or only spaces.
    pub blanks: u64,
    /// Texts that are a word for "missing" (`N/A`, `null`, `-`, 暂无).
    pub placeholders: u64,
    /// Distinct values that are not NULL.
    pub distincts: u64,
    /// Whether `distincts` was counted (true) or estimated by HyperLogLog, standard error 0.8 % (false).
    pub distincts_exact: bool,
    /// The least value, as text.
    pub min: Option<String>,
    /// The greatest value, as text.
    pub max: Option<String>,
    /// Mean of numbers.
    pub mean: Option<f64>,
    /// Sample standard deviation of numbers.
    pub stddev: Option<f64>,
    /// Numbers that are zero or less.
    pub not_positive: u64,
    /// `(share, value)` for [`QUANTILES`], of numbers.
    pub quantiles: Vec<(f64, f64)>,
    /// Whether the quantiles are of all rows (true) or of a uniform sample of [`PROFILE_NUMBERS_MAX`](crate::config::PROFILE_NUMBERS_MAX) (false).
    pub quantiles_exact: bool,
    /// The most frequent values with their counts, at most [`TOP_VALUES`]; lower bounds unless `distincts_exact`.
    pub top: Vec<(String, u64)>,
    /// The dominant form of the texts and the share of values that have it; see [`generalise`].
    pub pattern: Option<(String, f64)>,
    /// Characters of the shortest text.
    pub min_length: Option<u64>,
    /// Characters of the longest text.
    pub max_length: Option<u64>,
    /// Mean characters.
    pub avg_length: Option<f64>,
    /// A uniform sample of values as text, without NULLs, for classification.
    pub sample: Vec<String>,
    /// The least number and those at each twentieth of the numbers, 21 in all; none of columns without numbers.
    pub spread: Vec<f64>,
    /// The least hashes of the different values.
    pub values: Sketch,
}

impl ColumnProfile {
    /// Values that are there: neither NULL nor blank nor a word for "missing".
    pub fn present(&self) -> u64 {
        self.rows.saturating_sub(self.nulls + self.blanks + self.placeholders)
    }

    /// Share of rows with a value that is there; 1 for no rows.
    pub fn completeness(&self) -> f64 {
        if self.rows == 0 { 1.0 } else { self.present() as f64 / self.rows as f64 }
    }

    /// Whether every value is there and no value comes twice.
    pub fn is_unique(&self) -> bool {
        self.rows > 0 && self.nulls == 0 && self.distincts_exact && self.distincts == self.rows
    }
}

/// Profiles every column of a relation, batch by batch.
pub struct Profiler {
    schema: SchemaRef,
    columns: Vec<Accumulator>,
    rows: Option<RowGathering>,
    /// Those of the batch that is being looked at.
    sums: Vec<u64>,
}

impl Profiler {
    /// A profiler for relations of `schema`.
    pub fn new(schema: SchemaRef) -> Self {
        let columns = schema.fields().iter().map(|field| Accumulator::new(field.name(), field.data_type())).collect();
        Self { schema, columns, rows: None, sums: Vec::new() }
    }

    /// As [`Profiler::new`], for one that is asked what the rows are as a whole, too.
    pub fn of_rows(schema: SchemaRef) -> Self {
        Self { rows: Some(RowGathering::default()), ..Self::new(schema) }
    }

    /// Takes in a batch. Its columns must have the types of the schema, in order.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let fits = batch.num_columns() == self.columns.len()
            && batch
                .columns()
                .iter()
                .zip(self.schema.fields())
                .all(|(array, field)| array.data_type() == field.data_type());
        if !fits {
            return Err(Error::internal("a batch does not have the schema of its profile"));
        }
        self.sums.clear();
        if self.rows.is_some() {
            self.sums.resize(batch.num_rows(), 0);
        }
        let sums = &mut self.sums;
        self.columns.iter_mut().zip(batch.columns()).try_for_each(|(column, array)| column.update(array, sums))?;
        if let Some(rows) = &mut self.rows {
            self.sums.iter().for_each(|sum| rows.add(*sum));
        }
        Ok(())
    }

    /// The profiles, in the schema's order.
    pub fn finish(self) -> Result<Vec<ColumnProfile>> {
        Ok(self.finish_with_rows()?.0)
    }

    /// The profiles, and what the rows are if that is asked for.
    pub fn finish_with_rows(self) -> Result<(Vec<ColumnProfile>, Option<RowSketch>)> {
        let profiles = self.columns.into_iter().map(Accumulator::finish).collect::<Result<_>>()?;
        Ok((profiles, self.rows.map(RowGathering::finish)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PROFILE_DISTINCT_EXACT_MAX;
    use arrow::array::*;
    use arrow::datatypes::{Field, Int32Type, Schema};
    use std::sync::Arc;

    fn profile(arrays: Vec<(&str, ArrayRef)>) -> Vec<ColumnProfile> {
        let fields: Vec<Field> =
            arrays.iter().map(|(name, a)| Field::new(*name, a.data_type().clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema.clone(), arrays.into_iter().map(|(_, a)| a).collect()).unwrap();
        let mut profiler = Profiler::new(schema);
        profiler.update(&batch).unwrap();
        profiler.update(&batch.slice(0, 0)).unwrap();
        profiler.finish().unwrap()
    }

    #[test]
    fn numbers_and_texts() {
        let number: ArrayRef = Arc::new(Int32Array::from(vec![Some(4), None, Some(2), Some(4), Some(-10)]));
        let text: ArrayRef =
            Arc::new(StringArray::from(vec![Some("AB-12"), Some(" "), Some("N/A"), Some("CD-34"), None]));
        let found = profile(vec![("n", number), ("t", text)]);
        let n = &found[0];
        assert_eq!((n.rows, n.nulls, n.distincts, n.distincts_exact), (5, 1, 3, true));
        assert_eq!((n.min.as_deref(), n.max.as_deref(), n.mean), (Some("-10"), Some("4"), Some(0.0)));
        assert_eq!(n.top[0], ("4".into(), 2));
        assert!((n.stddev.unwrap() - (136.0f64 / 3.0).sqrt()).abs() < 1e-9);
        let t = &found[1];
        assert_eq!((t.nulls, t.blanks, t.placeholders, t.present()), (1, 1, 1, 2));
        assert_eq!(t.pattern, Some(("A{2}-9{2}".into(), 1.0)));
        assert_eq!((t.min_length, t.max_length), (Some(1), Some(5)));
    }

    #[test]
    fn every_type_has_a_profile() {
        let mut lists = ListBuilder::new(Int32Builder::new());
        lists.append_value([Some(1), Some(2)]);
        lists.append_null();
        let dictionary: DictionaryArray<Int32Type> = vec![Some("red"), None].into_iter().collect();
        let found = profile(vec![
            (
                "decimal",
                Arc::new(Decimal128Array::from(vec![Some(1250), Some(-300)]).with_precision_and_scale(10, 2).unwrap()),
            ),
            ("date", Arc::new(Date32Array::from(vec![Some(19_000), Some(18_000)]))),
            ("ts", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_700_000_000_000_000), None]))),
            ("list", Arc::new(lists.finish())),
            ("dict", Arc::new(dictionary)),
            ("bool", Arc::new(BooleanArray::from(vec![Some(true), Some(false)]))),
            ("u64", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
            ("null", Arc::new(NullArray::new(2))),
            ("bytes", Arc::new(BinaryArray::from_vec(vec![b"\xff\x00", b"ab"]))),
            ("view", Arc::new(StringViewArray::from(vec!["长文本", "x"]))),
            ("float", Arc::new(Float32Array::from(vec![f32::NAN, 1.5]))),
        ]);
        assert_eq!(
            (found[0].min.as_deref(), found[0].max.as_deref(), found[0].mean),
            (Some("-3.00"), Some("12.50"), Some(4.75))
        );
        assert_eq!(found[1].min.as_deref(), Some("2019-04-14"));
        assert!(found[2].max.as_deref().unwrap().starts_with("2023-11-14T22:13:20"));
        assert_eq!((found[3].nulls, found[3].max.as_deref()), (1, Some("[1, 2]")));
        assert_eq!((found[4].nulls, found[4].top[0].0.as_str()), (1, "red"));
        assert_eq!(found[5].distincts, 2);
        assert_eq!(found[6].max.as_deref(), Some("18446744073709551615"));
        assert_eq!((found[7].nulls, found[7].distincts), (2, 0));
        assert_eq!(
            (found[8].nulls, found[8].min.as_deref(), found[8].max.as_deref()),
            (0, Some("\\x6162"), Some("\\xff00"))
        );
        assert_eq!(found[9].max_length, Some(3));
        assert_eq!(found[10].mean, Some(1.5));
        assert_eq!(found[10].max.as_deref(), Some("1.5"));
    }

    #[test]
    fn values_are_sketched_as_they_are_hashed_alone() {
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(4), None, Some(2)])),
            Arc::new(Float64Array::from(vec![Some(4.0), Some(2.5), None])),
            Arc::new(Decimal128Array::from(vec![Some(400), Some(250), None]).with_precision_and_scale(10, 2).unwrap()),
            Arc::new(StringArray::from(vec![Some("4"), Some("x"), None])),
            Arc::new(Date32Array::from(vec![Some(4), Some(5), None])),
        ];
        for array in &arrays {
            let found = profile(vec![("c", array.clone())]);
            let mut gathering = crate::governance::inclusion::Gathering::default();
            each_hash(array, |hash| gathering.add(hash)).unwrap();
            assert_eq!(found[0].values, gathering.finish(), "{:?}", array.data_type());
            assert_eq!(found[0].values.hashes().len(), 2);
        }
        // Four is four, of whatever type.
        let four = |array: &ArrayRef| {
            let mut first = None;
            each_hash(array, |hash| first = first.or(Some(hash))).unwrap();
            first
        };
        assert!(arrays[..4].iter().all(|array| four(array) == four(&arrays[0])));
    }

    #[test]
    fn rows_are_the_same_under_other_names_and_in_another_order() {
        let rows = |names: [&str; 2], order: [usize; 3]| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(order.map(|n| n as i64)));
            let texts: ArrayRef = Arc::new(StringArray::from_iter_values(order.map(|n| format!("t{n}"))));
            let arrays = if names[0] == "n" { [numbers, texts] } else { [texts, numbers] };
            let batch = RecordBatch::try_from_iter(names.into_iter().zip(arrays)).unwrap();
            let mut profiler = Profiler::of_rows(batch.schema());
            profiler.update(&batch).unwrap();
            profiler.finish_with_rows().unwrap().1.unwrap()
        };
        assert_eq!(rows(["n", "t"], [1, 2, 3]), rows(["text", "number"], [3, 1, 2]));
        assert_ne!(rows(["n", "t"], [1, 2, 3]), rows(["n", "t"], [1, 2, 2]));
    }

    #[test]
    fn beyond_the_exact_bound_it_says_so() {
        let rows = 3 * PROFILE_DISTINCT_EXACT_MAX as i64;
        let unique: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let skewed: ArrayRef = Arc::new(StringArray::from_iter_values(
            (0..rows).map(|i| if i % 3 == 0 { "often".into() } else { format!("v{i}") }),
        ));
        let found = profile(vec![("u", unique), ("s", skewed)]);
        assert!(!found[0].distincts_exact);
        let off = (found[0].distincts as f64 / rows as f64 - 1.0).abs();
        assert!(off < 0.03, "off by {off}");
        assert_eq!(found[0].min.as_deref(), Some("0"));
        let median = found[0].quantiles.iter().find(|(share, _)| *share == 0.5).unwrap().1;
        assert!((median / rows as f64 - 0.5).abs() < 0.03 && !found[0].quantiles_exact);
        assert_eq!(found[1].top[0], ("often".into(), rows as u64 / 3));
    }
}
