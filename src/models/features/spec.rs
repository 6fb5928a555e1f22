//! What was learnt about each column, and encoding by it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow::array::{ArrayRef, RecordBatch};
use serde::{Deserialize, Serialize};

use super::column::{Family, numbers, text_hashes, texts, times, word_hashes};
use super::elements::{element_hashes, vectors};
use super::encoded::{Bag, Encoded};
use super::spread::Spread;
use crate::error::{Error, Kind, Result};
use crate::fail;

/// The name of the counts of the table's rows in the model file.
const COUNTS: &str = "counts";

/// Whose property a column is, for models that set a user beside an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The person, and the context of the request (place on the page, hour).
    User,
    /// The thing shown.
    Item,
}

/// A column that a model wants, for error messages and for callers who must cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputColumn {
    /// Its name.
    pub name: String,
    /// Its type in SQL's words: `integer`, `float8`, `boolean`, `text`, `timestamp`.
    pub type_name: &'static str,
    /// The side it belongs to.
    pub side: Side,
}

/// How a column becomes slots and dense numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Shape {
    /// Nothing to learn from: empty or constant.
    Nothing,
    /// One slot of `edges.len() + 2` rows (missing, then the bins) and one dense number. No slot where numbers are not binned and none
    /// was missing in training.
    Number {
        slot: Option<usize>,
        base: u32,
        dense: usize,
        #[serde(with = "crate::models::exact")]
        edges: Vec<f64>,
        log: bool,
        /// Mean and deviation of the (squashed) values.
        #[serde(with = "crate::models::exact")]
        scale: Vec<f64>,
        /// Deviations from the mean at which it is cut off.
        #[serde(default = "binned_bound")]
        bound: f32,
    },
    /// One slot: missing, `buckets` for rare and unseen values, then the vocabulary.
    Category { slot: usize, base: u32, buckets: u32, known: u32 },
    /// Two slots: 25 rows of hours and 8 of weekdays, the first of each for missing.
    Time { slot: usize, base: u32 },
    /// One bag of `buckets` rows.
    Words { bag: usize, base: u32, buckets: u32 },
    /// One bag: missing, `buckets` for rare and unseen values, then the vocabulary.
    Elements { bag: usize, base: u32, buckets: u32, known: u32 },
    /// One slot of two rows (missing, there) and `length` dense numbers, each times `scale`.
    Vector { slot: usize, base: u32, dense: usize, length: usize, scale: f32 },
}

/// The bound of models from before there were others.
fn binned_bound() -> f32 {
    super::learn::NumberForm::Binned.bound()
}

/// One column of the model's input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ColumnSpec {
    pub name: String,
    pub family: Family,
    pub side: Side,
    pub shape: Shape,
    /// Hash of a value to its place after the buckets; kept out of the header, see [`FeatureSpec::vocabularies`].
    #[serde(skip)]
    pub vocabulary: HashMap<u64, u32>,
    /// The commonest entry of each of its slots, used to ask what the model would say without this column.
    pub commonest: Vec<u32>,
}

/// The learnt encoding of a relation's columns. See the [module](super) for what becomes of each type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FeatureSpec {
    pub(super) columns: Vec<ColumnSpec>,
    /// Columns that may be in a batch and are not looked at (the label, the time).
    pub(super) ignored: Vec<String>,
    pub(super) width: usize,
    pub(super) bags: usize,
    pub(super) dense_width: usize,
    pub(super) table_rows: usize,
    /// How the training rows are spread over the values of each column; none in a model from before they were kept.
    #[serde(default)]
    pub(super) spreads: Vec<Option<Spread>>,
    /// How often each row of the table was used in training; for penalties by rarity. Kept out of the header, see
    /// [`FeatureSpec::vocabularies`]; empty in a model from before they were kept.
    #[serde(skip)]
    pub(super) counts: Vec<u32>,
}

impl FeatureSpec {
    /// Rows of the shared table that slots point into.
    pub fn table_rows(&self) -> usize {
        self.table_rows
    }

    /// Slots of a row, plain ones first, then bags.
    pub fn slots(&self) -> usize {
        self.width + self.bags
    }

    /// Dense numbers of a row.
    pub fn dense_width(&self) -> usize {
        self.dense_width
    }

    /// The columns wanted, in the order of training.
    pub fn inputs(&self) -> Vec<InputColumn> {
        let input = |column: &ColumnSpec| InputColumn {
            name: column.name.clone(),
            type_name: column.family.name(),
            side: column.side,
        };
        self.columns.iter().map(input).collect()
    }

    /// The side of each slot, then of each dense number.
    pub fn sides(&self) -> (Vec<Side>, Vec<Side>) {
        let mut slots = vec![Side::User; self.slots()];
        let mut dense_sides = vec![Side::User; self.dense_width];
        for column in &self.columns {
            let (places, dense) = self.places(column);
            for place in places {
                if let Some(side) = slots.get_mut(place) {
                    *side = column.side;
                }
            }
            dense_sides.get_mut(dense).into_iter().flatten().for_each(|side| *side = column.side);
        }
        (slots, dense_sides)
    }

    /// How often each row of the table occurred in training. Empty in a model from before that was kept.
    pub(crate) fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Encodes a batch. A missing, an extra or an ill-typed column is an error that names it.
    pub fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let arrays = self.match_columns(batch)?;
        let rows = batch.num_rows();
        let mut encoded = Encoded {
            rows,
            width: self.width,
            ids: vec![0; rows * self.width],
            dense_width: self.dense_width,
            dense: vec![0.0; rows * self.dense_width],
            bags: vec![Bag::default(); self.bags],
        };
        for (column, array) in self.columns.iter().zip(arrays) {
            column.encode(array, &mut encoded)?;
        }
        Ok(encoded)
    }

    /// The columns of a batch that are wanted, those that are missing left missing: for callers who have more.
    pub fn pick(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let schema = batch.schema_ref();
        let wanted = |name: &String| self.columns.iter().any(|column| column.name == *name);
        let places: Vec<usize> =
            schema.fields().iter().enumerate().filter(|(_, field)| wanted(field.name())).map(|(at, _)| at).collect();
        batch.project(&places).map_err(|error| Error::internal(format!("columns of a batch: {error}")))
    }

    /// The arrays of a batch in the spec's order.
    fn match_columns<'a>(&self, batch: &'a RecordBatch) -> Result<Vec<&'a ArrayRef>> {
        let schema = batch.schema_ref();
        let known: HashSet<&str> = self
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .chain(self.ignored.iter().map(String::as_str))
            .collect();
        if let Some(extra) = schema.fields().iter().find(|field| !known.contains(field.name().as_str())) {
            return Err(Error::new(
                Kind::UndefinedColumn,
                format!("the model was not trained on a column \"{}\"", extra.name()),
            )
            .with_hint(format!("It takes: {}.", self.names())));
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let Some(array) = batch.column_by_name(&column.name) else {
                return Err(Error::new(
                    Kind::UndefinedColumn,
                    format!("the model needs a column \"{}\", which is missing", column.name),
                )
                .with_hint(format!("It takes: {}.", self.names())));
            };
            column.must_take(array)?;
            arrays.push(array);
        }
        Ok(arrays)
    }

    /// Whether it is known how the training rows are spread.
    pub fn has_spreads(&self) -> bool {
        !self.spreads.is_empty()
    }

    /// The columns whose spread is known, with it and their place.
    pub(crate) fn spreads(&self) -> impl Iterator<Item = (usize, &str, &Spread)> {
        let columns = self.columns.iter().zip(&self.spreads).enumerate();
        columns.filter_map(|(place, (column, spread))| Some((place, column.name.as_str(), spread.as_ref()?)))
    }

    /// Adds the rows of a batch to `to`, which has for each column the rows of each part of its [`Spread`]. A column that the batch has
    /// not is left as it is, one of another type is [`Kind::DatatypeMismatch`].
    pub(crate) fn tally(&self, batch: &RecordBatch, to: &mut Vec<Vec<u64>>) -> Result<()> {
        to.resize(self.columns.len(), Vec::new());
        for (place, name, spread) in self.spreads() {
            let (Some(array), Some(column)) = (batch.column_by_name(name), self.columns.get(place)) else { continue };
            column.must_take(array)?;
            if let Some(to) = to.get_mut(place) {
                spread.count(name, array, to)?;
            }
        }
        Ok(())
    }

    fn names(&self) -> String {
        self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Places of a column's slots (bags after plain slots) and of its dense numbers.
    pub(super) fn places(&self, column: &ColumnSpec) -> (Vec<usize>, Range<usize>) {
        match column.shape {
            Shape::Nothing => (Vec::new(), 0..0),
            Shape::Number { slot, dense, .. } => (slot.into_iter().collect(), dense..dense + 1),
            Shape::Category { slot, .. } => (vec![slot], 0..0),
            Shape::Time { slot, .. } => (vec![slot, slot + 1], 0..0),
            Shape::Words { bag, .. } | Shape::Elements { bag, .. } => (vec![self.width + bag], 0..0),
            Shape::Vector { slot, dense, length, .. } => (vec![slot], dense..dense.saturating_add(length)),
        }
    }

    /// Whether a column has a shape that Stewards before format 2 of click models do not know.
    pub(crate) fn is_of_newer_form(&self) -> bool {
        self.columns.iter().any(|column| matches!(column.shape, Shape::Elements { .. } | Shape::Vector { .. }))
    }

    /// The slot of a column of names.
    pub(crate) fn slot_of(&self, name: &str) -> Option<usize> {
        match self.columns.iter().find(|column| column.name == name)?.shape {
            Shape::Category { slot, .. } => Some(slot),
            _ => None,
        }
    }

    /// The slot of a column of names, and for each value its entry, if it has one of its own; none for a column of another kind.
    pub(crate) fn own_entries(&self, name: &str, values: &ArrayRef) -> Result<Option<(usize, Vec<Option<u32>>)>> {
        let column = self.columns.iter().find(|column| column.name == name);
        let Some((column, Shape::Category { slot, base, buckets, .. })) = column.map(|column| (column, &column.shape))
        else {
            return Ok(None);
        };
        column.must_take(values)?;
        let own = |hash: u64| column.vocabulary.get(&hash).map(|known| base + 1 + buckets + known);
        let hashes = text_hashes(name, values)?;
        Ok(Some((*slot, hashes.into_iter().map(|hash| hash.and_then(own)).collect())))
    }

    /// The vocabularies, as hashes in the order of their places, and the counts of the table's rows, for the model file.
    pub(crate) fn vocabularies(&self) -> Vec<(String, Vec<i64>)> {
        let mut all = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            let mut entries: Vec<(u32, u64)> = column.vocabulary.iter().map(|(hash, at)| (*at, *hash)).collect();
            entries.sort_unstable();
            if !entries.is_empty() {
                all.push((format!("vocabulary.{place}"), entries.into_iter().map(|(_, hash)| hash as i64).collect()));
            }
        }
        if !self.counts.is_empty() {
            all.push((COUNTS.to_owned(), self.counts.iter().map(|count| i64::from(*count)).collect()));
        }
        all
    }

    /// Puts back what [`vocabularies`](Self::vocabularies) gave and checks that the whole hangs together.
    pub(crate) fn restore(&mut self, mut vocabulary: impl FnMut(&str) -> Option<Vec<i64>>) -> Result<()> {
        let damaged = || Error::new(Kind::Corruption, "the model's vocabulary does not fit its header");
        for (place, column) in self.columns.iter_mut().enumerate() {
            let (Shape::Category { known, .. } | Shape::Elements { known, .. }) = column.shape else { continue };
            let hashes =
                if known == 0 { Vec::new() } else { vocabulary(&format!("vocabulary.{place}")).ok_or_else(damaged)? };
            column.vocabulary = hashes.iter().enumerate().map(|(at, hash)| (*hash as u64, at as u32)).collect();
            if column.vocabulary.len() != known as usize {
                return Err(damaged());
            }
        }
        if let Some(counts) = vocabulary(COUNTS) {
            self.counts =
                counts.iter().map(|count| u32::try_from(*count)).collect::<Result<_, _>>().map_err(|_| damaged())?;
        }
        let is_sound = self.columns.iter().all(|column| self.fits(column))
            && [0, self.table_rows].contains(&self.counts.len())
            && [0, self.columns.len()].contains(&self.spreads.len())
            && self.spreads.iter().flatten().all(Spread::is_sound);
        if is_sound { Ok(()) } else { Err(damaged()) }
    }

    /// Whether a column's places lie within the spec's bounds.
    fn fits(&self, column: &ColumnSpec) -> bool {
        let end = match &column.shape {
            Shape::Nothing => 0,
            Shape::Number { slot: None, .. } => 0,
            Shape::Number { base, edges, .. } => *base as usize + edges.len() + 2,
            Shape::Category { base, buckets, known, .. } => *base as usize + 1 + *buckets as usize + *known as usize,
            Shape::Time { base, .. } => *base as usize + 33,
            Shape::Words { base, buckets, .. } => *base as usize + *buckets as usize,
            Shape::Elements { base, buckets, known, .. } => *base as usize + 1 + *buckets as usize + *known as usize,
            Shape::Vector { base, .. } => *base as usize + 2,
        };
        let (places, dense) = self.places(column);
        let buckets_there = match column.shape {
            Shape::Category { buckets, .. } | Shape::Words { buckets, .. } | Shape::Elements { buckets, .. } => {
                buckets > 0
            }
            Shape::Vector { scale, .. } => scale.is_finite(),
            Shape::Number { bound, .. } => bound > 0.0,
            _ => true,
        };
        buckets_there
            && end <= self.table_rows
            && self.table_rows < u32::MAX as usize
            && places.iter().all(|place| *place < self.slots())
            && dense.end <= self.dense_width
            && column.commonest.iter().all(|id| (*id as usize) < self.table_rows.max(1))
    }
}

impl Shape {
    /// The first row of the table that is the column's, and how many are.
    pub fn span(&self) -> (u32, u32) {
        match self {
            Self::Nothing | Self::Number { slot: None, .. } => (0, 0),
            Self::Number { base, edges, .. } => (*base, edges.len() as u32 + 2),
            Self::Category { base, buckets, known, .. } => (*base, 1 + buckets + known),
            Self::Time { base, .. } => (*base, 33),
            Self::Words { base, buckets, .. } => (*base, *buckets),
            Self::Elements { base, buckets, known, .. } => (*base, 1 + buckets + known),
            Self::Vector { base, .. } => (*base, 2),
        }
    }
}

impl ColumnSpec {
    /// Whether a column of `family` can stand where this one was in training.
    fn takes(&self, family: Family) -> bool {
        let numbers = [Family::Integer, Family::Float];
        family == self.family
            || family == Family::Nothing
            || matches!(self.shape, Shape::Nothing)
            || (self.family == Family::Json && family == Family::Text)
            || (matches!(self.shape, Shape::Number { .. })
                && numbers.contains(&family)
                && numbers.contains(&self.family))
    }

    fn must_take(&self, array: &ArrayRef) -> Result<()> {
        let family = Family::of_feature(array.data_type());
        if !family.is_some_and(|family| self.takes(family)) {
            fail!(
                DatatypeMismatch,
                "column \"{}\" was {} when the model was trained and is {} now",
                self.name,
                self.family.name(),
                family.map_or_else(|| array.data_type().to_string(), |family| family.name().to_string())
            );
        }
        Ok(())
    }

    pub(super) fn encode(&self, array: &ArrayRef, into: &mut Encoded) -> Result<()> {
        let width = into.width.max(1);
        match &self.shape {
            Shape::Nothing => {}
            Shape::Number { slot, base, dense, edges, log, scale, bound } => {
                let (mean, deviation) = (scale.first().unwrap_or(&0.0), scale.get(1).unwrap_or(&1.0));
                let values = numbers(&self.name, array)?;
                let dense = into.dense.iter_mut().skip(*dense).step_by(into.dense_width.max(1));
                for (value, number) in values.iter().zip(dense) {
                    let scaled = (squash(*value, *log) - mean) / deviation;
                    *number = if value.is_nan() { 0.0 } else { (scaled as f32).clamp(-bound, *bound) };
                }
                let Some(slot) = slot else { return Ok(()) };
                for (value, id) in values.iter().zip(into.ids.iter_mut().skip(*slot).step_by(width)) {
                    let bin = || 1 + edges.partition_point(|edge| edge < value) as u32;
                    *id = base + if value.is_nan() { 0 } else { bin() };
                }
            }
            Shape::Category { slot, base, buckets, .. } => {
                let hashes = text_hashes(&self.name, array)?;
                for (hash, id) in hashes.into_iter().zip(into.ids.iter_mut().skip(*slot).step_by(width)) {
                    *id = base + hash.map_or(0, |hash| self.place(hash, *buckets));
                }
            }
            Shape::Time { slot, base } => {
                for (row, time) in times(&self.name, array)?.into_iter().enumerate() {
                    let hour = time.map_or(0, |time| 1 + time.div_euclid(3_600_000_000).rem_euclid(24) as u32);
                    // 1970-01-01 was a Thursday: day 3 of a week that begins on Monday.
                    let day = time.map_or(0, |time| 1 + (time.div_euclid(86_400_000_000) + 3).rem_euclid(7) as u32);
                    if let Some(ids) = into.ids.get_mut(row * width + slot..row * width + slot + 2) {
                        ids.copy_from_slice(&[base + hour, base + 25 + day]);
                    }
                }
            }
            Shape::Words { bag, base, buckets } => {
                let mut filled = Bag { starts: vec![0], ids: Vec::new() };
                let mut words = Vec::new();
                texts(&self.name, array, |_, text| {
                    words.clear();
                    word_hashes(text.unwrap_or_default(), &mut words);
                    filled.ids.extend(words.iter().map(|hash| base + (hash % (*buckets).max(1) as u64) as u32));
                    filled.starts.push(filled.ids.len() as u32);
                })?;
                if let Some(to) = into.bags.get_mut(*bag) {
                    *to = filled;
                }
            }
            Shape::Elements { bag, base, buckets, .. } => {
                let mut filled = Bag { starts: vec![0], ids: Vec::new() };
                element_hashes(&self.name, self.family, array, |hashes| {
                    match hashes {
                        Some(hashes) => filled.ids.extend(hashes.iter().map(|hash| base + self.place(*hash, *buckets))),
                        None => filled.ids.push(*base),
                    }
                    filled.starts.push(filled.ids.len() as u32);
                })?;
                if let Some(to) = into.bags.get_mut(*bag) {
                    *to = filled;
                }
            }
            Shape::Vector { slot, base, dense, length, scale } => {
                let mut row = 0;
                let (rows_dense, rows_ids) = (into.dense_width, into.width);
                vectors(&self.name, array, |vector| {
                    if let Some(id) = into.ids.get_mut(row * rows_ids + slot) {
                        *id = base + u32::from(vector.is_some());
                    }
                    let from = row * rows_dense + dense;
                    row += 1;
                    let Some(vector) = vector else { return Ok(()) };
                    if vector.len() != *length {
                        fail!(
                            InvalidParameter,
                            "column \"{}\" has a vector of {} numbers, and had {length} when the model was trained",
                            self.name,
                            vector.len()
                        );
                    }
                    let to = into.dense.get_mut(from..from + length).unwrap_or_default();
                    to.iter_mut().zip(vector).for_each(|(to, value)| *to = (value * scale).clamp(-10.0, 10.0));
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Place of a value within its column: known ones have their own, the rest share the buckets.
    fn place(&self, hash: u64, buckets: u32) -> u32 {
        match self.vocabulary.get(&hash) {
            Some(known) => 1 + buckets + known,
            None => Self::shared(hash, buckets),
        }
    }

    /// Place of a value that has none of its own.
    pub(super) fn shared(hash: u64, buckets: u32) -> u32 {
        1 + (hash % buckets.max(1) as u64) as u32
    }
}

/// The value, or its signed logarithm.
pub(super) fn squash(value: f64, log: bool) -> f64 {
    if log { value.signum() * value.abs().ln_1p() } else { value }
}
