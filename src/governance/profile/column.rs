//! The running state of one column.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray, new_empty_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::distinct::{Distincts, hash_text, mix};
use super::pattern::dominant;
use super::reservoir::Reservoir;
use super::{ColumnProfile, QUANTILES, TOP_VALUES};
use crate::config::{PROFILE_NUMBERS_MAX, PROFILE_SAMPLE_ROWS};
use crate::encoding::pg_text::cell_text;
use crate::error::{Error, Kind, Result};
use crate::governance::inclusion::{Gathering, hash_known, hash_number, hash_whole, hash_written, of_row};
use crate::governance::semantic_type::is_missing;

/// Characters of a value that a profile shows.
const SHOWN_CHARS: usize = 120;

/// Which way the values of a type run.
enum Lane {
    /// Whole numbers, dates and times as `i64`; `numeric` if mean and quantiles make sense.
    Whole { numeric: bool, extremes: Option<(i64, i64)>, distincts: Distincts<i64> },
    /// Floating numbers.
    Floating { extremes: Option<(f64, f64)>, distincts: Distincts<f64> },
    /// Anything as text; decimals keep their numeric order.
    Text {
        numeric: bool,
        extremes: Option<(String, String)>,
        bounds: Option<(f64, f64)>,
        distincts: Distincts<Box<str>>,
    },
}

/// Collects the profile of one column.
pub struct Accumulator {
    name: String,
    data_type: DataType,
    rows: u64,
    nulls: u64,
    blanks: u64,
    placeholders: u64,
    lane: Lane,
    moments: Moments,
    numbers: Reservoir<f64>,
    whole_sample: Reservoir<i64>,
    text_sample: Reservoir<String>,
    lengths: Option<(u64, u64)>,
    length_sum: u64,
    values: Gathering,
}

impl Accumulator {
    /// Nothing seen yet of a column of `data_type`.
    pub fn new(name: &str, data_type: &DataType) -> Self {
        let lane = match data_type {
            t if is_whole(t) => Lane::Whole { numeric: t.is_integer(), extremes: None, distincts: Distincts::new() },
            t if t.is_floating() => Lane::Floating { extremes: None, distincts: Distincts::new() },
            t => Lane::Text { numeric: t.is_numeric(), extremes: None, bounds: None, distincts: Distincts::new() },
        };
        Self {
            name: name.to_string(),
            data_type: data_type.clone(),
            rows: 0,
            nulls: 0,
            blanks: 0,
            placeholders: 0,
            lane,
            moments: Moments::default(),
            numbers: Reservoir::new(PROFILE_NUMBERS_MAX),
            whole_sample: Reservoir::new(PROFILE_SAMPLE_ROWS),
            text_sample: Reservoir::new(PROFILE_SAMPLE_ROWS),
            lengths: None,
            length_sum: 0,
            values: Gathering::default(),
        }
    }

    /// Takes in the column of one batch; `sums` are those of the batch's rows, if they are asked for.
    pub fn update(&mut self, array: &ArrayRef, sums: &mut [u64]) -> Result<()> {
        self.rows += array.len() as u64;
        if array.is_empty() {
            return Ok(());
        }
        match &self.lane {
            Lane::Whole { .. } => self.update_whole(&converted(array, &DataType::Int64)?, sums),
            Lane::Floating { .. } => self.update_floating(&converted(array, &DataType::Float64)?, sums),
            Lane::Text { .. } => self.update_text(array, sums),
        }
    }

    fn update_whole(&mut self, array: &ArrayRef, sums: &mut [u64]) -> Result<()> {
        let steps = steps(&self.data_type);
        let array = array.as_primitive::<Int64Type>();
        self.nulls += array.null_count() as u64;
        let Lane::Whole { numeric, extremes, distincts } = &mut self.lane else { return Ok(()) };
        for (row, value) in array.iter().enumerate() {
            let Some(value) = value else { continue };
            let (least, greatest) = extremes.unwrap_or((value, value));
            *extremes = Some((least.min(value), greatest.max(value)));
            let hash = hash_whole(value.wrapping_mul(steps));
            if distincts.add(mix(value as u64), || value) {
                self.values.add(hash);
            }
            add_to(sums, row, hash);
            self.whole_sample.offer(|| value);
            if *numeric {
                self.moments.add(value as f64);
                self.numbers.offer(|| value as f64);
            }
        }
        Ok(())
    }

    fn update_floating(&mut self, array: &ArrayRef, sums: &mut [u64]) -> Result<()> {
        let array = array.as_primitive::<Float64Type>();
        self.nulls += array.null_count() as u64;
        let Lane::Floating { extremes, distincts } = &mut self.lane else { return Ok(()) };
        for (row, value) in array.iter().enumerate() {
            let Some(value) = value else { continue };
            let hash = hash_number(value);
            if distincts.add(mix(value.to_bits()), || value) {
                self.values.add(hash);
            }
            add_to(sums, row, hash);
            self.text_sample.offer(|| value.to_string());
            // NaN and infinities are values, but would swallow the statistics of all others.
            if value.is_finite() {
                let (least, greatest) = extremes.unwrap_or((value, value));
                *extremes = Some((least.min(value), greatest.max(value)));
                self.moments.add(value);
                self.numbers.offer(|| value);
            }
        }
        Ok(())
    }

    fn update_text(&mut self, array: &ArrayRef, sums: &mut [u64]) -> Result<()> {
        let numeric = matches!(&self.lane, Lane::Text { numeric: true, .. });
        let figures = numeric.then(|| converted(array, &DataType::Float64)).transpose()?;
        let texts = texts_of(array)?;
        self.nulls += texts.null_count() as u64;
        for row in 0..texts.len() {
            if texts.is_null(row) {
                continue;
            }
            let text = texts.value(row);
            let figure = figures.as_ref().map(|figures| figures.as_primitive::<Float64Type>().value(row));
            let hash = self.add_text(text, figure);
            add_to(sums, row, hash);
        }
        Ok(())
    }

    /// Takes in a text; gives its hash.
    fn add_text(&mut self, text: &str, figure: Option<f64>) -> u64 {
        let length = if text.is_ascii() { text.len() } else { text.chars().count() } as u64;
        let (shortest, longest) = self.lengths.unwrap_or((length, length));
        self.lengths = Some((shortest.min(length), longest.max(length)));
        self.length_sum += length;
        let trimmed = text.trim();
        if trimmed.is_empty() {
            self.blanks += 1;
        } else if length <= 16 && is_missing(trimmed) {
            self.placeholders += 1;
        } else {
            self.text_sample.offer(|| text.to_string());
        }
        let plain = hash_text(text.as_bytes());
        let hash = hash_known(text, figure, || plain);
        let Lane::Text { extremes, bounds, distincts, .. } = &mut self.lane else { return hash };
        if distincts.add(plain, || shown(text).into()) {
            self.values.add(hash);
        }
        match (extremes.as_mut(), figure) {
            (None, _) => {
                *extremes = Some((text.to_string(), text.to_string()));
                *bounds = figure.map(|figure| (figure, figure));
            }
            (Some((least, greatest)), None) => {
                replace_if(least, text, text < least.as_str());
                replace_if(greatest, text, text > greatest.as_str());
            }
            (Some((least, greatest)), Some(figure)) => {
                let (low, high) = bounds.unwrap_or((figure, figure));
                replace_if(least, text, figure < low);
                replace_if(greatest, text, figure > high);
                *bounds = Some((low.min(figure), high.max(figure)));
            }
        }
        if let Some(figure) = figure {
            self.moments.add(figure);
            self.numbers.offer(|| figure);
        }
        hash
    }

    /// The profile.
    pub fn finish(self) -> Result<ColumnProfile> {
        let data_type = self.data_type;
        let (count, top, extremes, sample) = match self.lane {
            Lane::Whole { extremes, distincts, .. } => {
                let count = distincts.count();
                let (values, counts): (Vec<i64>, Vec<u64>) = distincts.top(TOP_VALUES).into_iter().unzip();
                let top = displayed(&values, &data_type)?.into_iter().zip(counts).collect();
                let ends = extremes.map_or_else(Vec::new, |(least, greatest)| vec![least, greatest]);
                let mut ends = displayed(&ends, &data_type)?.into_iter();
                let ends = ends.next().zip(ends.next());
                (count, top, ends, displayed(&self.whole_sample.items(), &data_type)?)
            }
            Lane::Floating { extremes, distincts } => {
                let count = distincts.count();
                let top = distincts.top(TOP_VALUES).into_iter().map(|(value, n)| (value.to_string(), n)).collect();
                let ends = extremes.map(|(least, greatest)| (least.to_string(), greatest.to_string()));
                (count, top, ends, self.text_sample.items())
            }
            Lane::Text { extremes, distincts, .. } => {
                let count = distincts.count();
                let top = distincts.top(TOP_VALUES).into_iter().map(|(value, n)| (value.into(), n)).collect();
                let ends = extremes.map(|(least, greatest)| (shown(&least).to_string(), shown(&greatest).to_string()));
                (count, top, ends, self.text_sample.items())
            }
        };
        let is_text =
            matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(_, _));
        let (min, max) = extremes.unzip();
        let texts = self.rows - self.nulls;
        let quantiles_exact = self.numbers.is_whole();
        let mut numbers = self.numbers.items();
        numbers.sort_by(f64::total_cmp);
        Ok(ColumnProfile {
            name: self.name,
            rows: self.rows,
            nulls: self.nulls,
            blanks: self.blanks,
            placeholders: self.placeholders,
            distincts: count.0,
            distincts_exact: count.1,
            min,
            max,
            mean: self.moments.mean(),
            stddev: self.moments.stddev(),
            not_positive: self.moments.not_positive,
            quantiles: quantiles(&numbers, &QUANTILES),
            spread: spread(&numbers),
            quantiles_exact,
            top,
            pattern: if is_text { dominant(sample.iter().map(|text| text.trim())) } else { None },
            min_length: self.lengths.map(|lengths| lengths.0),
            max_length: self.lengths.map(|lengths| lengths.1),
            avg_length: (self.lengths.is_some() && texts > 0).then(|| self.length_sum as f64 / texts as f64),
            sample,
            values: self.values.finish(),
            data_type,
        })
    }
}

/// Adds a value to the sum of its row, if that is asked for.
#[inline]
fn add_to(sums: &mut [u64], row: usize, hash: u64) {
    if let Some(sum) = sums.get_mut(row) {
        *sum = sum.wrapping_add(of_row(hash));
    }
}

/// Gives the hash of each value of an array that is not NULL, as profiles sketch it.
pub fn each_hash(array: &ArrayRef, mut each: impl FnMut(u64)) -> Result<()> {
    if is_whole(array.data_type()) {
        let whole = converted(array, &DataType::Int64)?;
        let steps = steps(array.data_type());
        let values = whole.as_primitive::<Int64Type>().iter().flatten();
        values.for_each(|value| each(hash_whole(value.wrapping_mul(steps))));
        return Ok(());
    }
    if array.data_type().is_floating() {
        let numbers = converted(array, &DataType::Float64)?;
        numbers.as_primitive::<Float64Type>().iter().flatten().for_each(|value| each(hash_number(value)));
        return Ok(());
    }
    let figures = array.data_type().is_numeric().then(|| converted(array, &DataType::Float64)).transpose()?;
    let texts = texts_of(array)?;
    for (row, text) in texts.iter().enumerate() {
        let figure = figures.as_ref().map(|figures| figures.as_primitive::<Float64Type>().value(row));
        text.into_iter().for_each(|text| each(hash_written(text, figure)));
    }
    Ok(())
}

/// Mean and variance as they come (Welford, 1962).
#[derive(Default)]
struct Moments {
    /// Numbers that are zero or less.
    not_positive: u64,
    n: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.n += 1.0;
        self.not_positive += u64::from(value <= 0.0);
        let before = value - self.mean;
        self.mean += before / self.n;
        self.squares += before * (value - self.mean);
    }

    fn mean(&self) -> Option<f64> {
        (self.n > 0.0).then_some(self.mean)
    }

    fn stddev(&self) -> Option<f64> {
        (self.n > 1.0).then(|| (self.squares / (self.n - 1.0)).sqrt())
    }
}

/// What a whole number counts, in units of what it is hashed as: a date is the moment at which it begins, in microseconds.
fn steps(data_type: &DataType) -> i64 {
    if matches!(data_type, DataType::Date32) { 86_400_000_000 } else { 1 }
}

/// Types that fit an `i64` without loss and come back from it by a cast.
fn is_whole(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32)
        || matches!(data_type, Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(_, _) | Duration(_))
}

fn converted(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    // Some types reach i64 only by way of i32.
    let direct = cast(array, to);
    direct.or_else(|_| cast(array, &DataType::Int32).and_then(|step| cast(&step, to))).map_err(cannot_read)
}

/// The values of any array as texts; bytes as PostgreSQL writes them, since most of them are no characters.
fn texts_of(array: &ArrayRef) -> Result<StringArray> {
    if let DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) =
        array.data_type()
    {
        let bytes = cast(array, &DataType::Binary).map_err(cannot_read)?;
        return Ok((0..bytes.len()).map(|row| cell_text(&bytes, row)).collect());
    }
    if let Ok(texts) = cast(array, &DataType::Utf8)
        && !array.data_type().is_nested()
        && !matches!(array.data_type(), DataType::Null)
    {
        return Ok(texts.as_string::<i32>().clone());
    }
    if matches!(array.data_type(), DataType::Null) {
        return Ok(StringArray::new_null(array.len()));
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array.as_ref(), &options).map_err(cannot_read)?;
    Ok((0..array.len()).map(|row| (!array.is_null(row)).then(|| formatter.value(row).to_string())).collect())
}

/// Whole numbers shown as values of the column's type.
fn displayed(values: &[i64], data_type: &DataType) -> Result<Vec<String>> {
    let whole: ArrayRef = std::sync::Arc::new(Int64Array::from(values.to_vec()));
    let typed = match cast(&whole, data_type) {
        Ok(typed) => typed,
        Err(_) if values.is_empty() => new_empty_array(data_type),
        Err(_) => cast(&whole, &DataType::Int32).and_then(|step| cast(&step, data_type)).map_err(cannot_read)?,
    };
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(typed.as_ref(), &options).map_err(cannot_read)?;
    Ok((0..typed.len()).map(|row| formatter.value(row).to_string()).collect())
}

/// Arrow's messages may quote values, so only the fact is passed on.
fn cannot_read(_: arrow::error::ArrowError) -> Error {
    Error::new(Kind::Unsupported, "a column's type cannot be profiled")
}

/// Quantiles by nearest rank, of numbers in order.
fn quantiles(numbers: &[f64], shares: &[f64]) -> Vec<(f64, f64)> {
    let at = |share: f64| {
        let rank = (share * numbers.len() as f64).ceil() as usize;
        numbers.get(rank.saturating_sub(1)).map(|value| (share, *value))
    };
    shares.iter().filter_map(|share| at(*share)).collect()
}

/// The least number and those at each twentieth of them, of numbers in order.
fn spread(numbers: &[f64]) -> Vec<f64> {
    let shares: Vec<f64> = (0..=20).map(|n| f64::from(n) / 20.0).collect();
    quantiles(numbers, &shares).into_iter().map(|(_, number)| number).collect()
}

fn replace_if(place: &mut String, text: &str, condition: bool) {
    if condition {
        place.clear();
        place.push_str(text);
    }
}

/// The text up to [`SHOWN_CHARS`] characters.
fn shown(text: &str) -> &str {
    text.char_indices().nth(SHOWN_CHARS).map_or(text, |(end, _)| &text[..end])
}
