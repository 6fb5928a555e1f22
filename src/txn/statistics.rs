//! What is known of the values of a column without reading them: for each page the least and the greatest and how many
//! are NULL, for each segment about how many differ; and for a whole table what follows from that.
//!
//! These are values of users' rows. They are sealed with the segment, and whoever asks for them must ask the gate first
//! whether the role may know.

use super::page;
use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, StringArray,
    new_null_array,
};
use arrow::compute::{concat, max, max_boolean, max_string, min, min_boolean, min_string};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use std::sync::Arc;

/// Texts that are longer are no bounds: nothing is known then.
const BOUND_BYTES_MAX: usize = 64;
/// Registers of a sketch.
const REGISTERS: usize = 256;

/// The pages of one column.
#[derive(Debug, Clone)]
pub struct Zones {
    /// The least value of each page, of the column's type; NULL where it is not known, or where all values are NULL.
    pub min: ArrayRef,
    /// The greatest value.
    pub max: ArrayRef,
    /// How many values are NULL.
    pub nulls: Vec<u32>,
}

impl Zones {
    /// The zones of a column whose pages have `page_rows` rows each, the last one fewer.
    pub fn of(column: &ArrayRef, page_rows: usize) -> Self {
        let pages: Vec<ArrayRef> = (0..column.len())
            .step_by(page_rows)
            .map(|start| column.slice(start, page_rows.min(column.len() - start)))
            .collect();
        let unknown = || new_null_array(column.data_type(), 1);
        let bounds = pages.iter().map(|page| bounds(page).unwrap_or_else(|| (unknown(), unknown())));
        let (least, greatest): (Vec<_>, Vec<_>) = bounds.unzip();
        let joined = |parts: Vec<ArrayRef>| {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            concat(&parts).unwrap_or_else(|_| new_null_array(column.data_type(), parts.len()))
        };
        let nulls = pages.iter().map(|page| page.null_count() as u32).collect();
        Self { min: joined(least), max: joined(greatest), nulls }
    }

    /// Whether each page ends before the next one begins: then bounds find a value as well as a filter would.
    pub fn ascend(&self) -> bool {
        let pages = self.min.len();
        if pages < 2 || self.min.null_count() + self.max.null_count() > 0 {
            return false;
        }
        let (ends, begins) = (self.max.slice(0, pages - 1), self.min.slice(1, pages - 1));
        arrow::compute::kernels::cmp::lt_eq(&ends, &begins).is_ok_and(|before| before.true_count() == pages - 1)
    }
}

/// The least and the greatest value of an array, as arrays of one; none where that is not known.
fn bounds(page: &ArrayRef) -> Option<(ArrayRef, ArrayRef)> {
    match page.data_type() {
        DataType::Int16 => of_numbers::<Int16Type>(page),
        DataType::Int32 => of_numbers::<Int32Type>(page),
        DataType::Int64 => of_numbers::<Int64Type>(page),
        DataType::Float32 => of_numbers::<Float32Type>(page),
        DataType::Float64 => of_numbers::<Float64Type>(page),
        DataType::Decimal128(..) => of_numbers::<Decimal128Type>(page),
        DataType::Date32 => of_numbers::<Date32Type>(page),
        DataType::Time64(TimeUnit::Microsecond) => of_numbers::<Time64MicrosecondType>(page),
        DataType::Timestamp(TimeUnit::Microsecond, _) => of_numbers::<TimestampMicrosecondType>(page),
        DataType::Boolean => {
            let page = page.as_boolean();
            let one = |value| Arc::new(BooleanArray::from(vec![value])) as ArrayRef;
            Some((one(min_boolean(page)?), one(max_boolean(page)?)))
        }
        DataType::Utf8 => {
            let page = page.as_string::<i32>();
            let one = |text: &str| {
                (text.len() <= BOUND_BYTES_MAX).then(|| Arc::new(StringArray::from(vec![text])) as ArrayRef)
            };
            Some((one(min_string(page)?)?, one(max_string(page)?)?))
        }
        _ => None,
    }
}

fn of_numbers<T: ArrowPrimitiveType>(page: &ArrayRef) -> Option<(ArrayRef, ArrayRef)>
where
    T::Native: ArrowNativeTypeOp,
{
    let page = page.as_primitive::<T>();
    let one = |value| {
        Arc::new(PrimitiveArray::<T>::from_iter_values([value]).with_data_type(page.data_type().clone())) as ArrayRef
    };
    Some((one(min(page)?), one(max(page)?)))
}

/// About how many different values there are: a HyperLogLog with an error of some 6 %.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    registers: Vec<u8>,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { registers: vec![0; REGISTERS] }
    }
}

impl Sketch {
    /// Adds a value.
    pub fn insert(&mut self, hash: u64) {
        let register = &mut self.registers[hash as usize % REGISTERS];
        // The low bits chose the register; the run of zeros is counted above them.
        *register = (*register).max((hash >> 8 | 1 << 56).trailing_zeros() as u8 + 1);
    }

    /// Adds what another one has seen.
    pub fn merge(&mut self, other: &Self) {
        self.registers.iter_mut().zip(&other.registers).for_each(|(ours, theirs)| *ours = (*ours).max(*theirs));
    }

    /// The estimate.
    pub fn estimate(&self) -> usize {
        let count = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|register| (-f64::from(*register)).exp2()).sum();
        let raw = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
        let empty = self.registers.iter().filter(|register| **register == 0).count();
        let estimate = if raw <= 2.5 * count && empty > 0 { count * (count / empty as f64).ln() } else { raw };
        estimate.round() as usize
    }

    /// Its bytes, one a register.
    pub fn as_bytes(&self) -> &[u8] {
        &self.registers
    }

    /// The sketch of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == REGISTERS).then(|| Self { registers: bytes.to_vec() })
    }
}

/// The hashes of a column's values that are not NULL, and a sketch of them; none for types that have no hash.
pub fn sketch(column: &ArrayRef) -> Option<(Vec<u64>, Sketch)> {
    let mut hashes = page::hashes(column)?;
    if let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) {
        let mut row = 0;
        hashes.retain(|_| {
            row += 1;
            nulls.is_valid(row - 1)
        });
    }
    let mut sketch = Sketch::default();
    hashes.iter().for_each(|hash| sketch.insert(*hash));
    Some((hashes, sketch))
}

/// What is known of one column of a table.
#[derive(Debug, Clone, Default)]
pub struct ColumnSummary {
    /// The least value, an array of one.
    pub min: Option<ArrayRef>,
    /// The greatest value.
    pub max: Option<ArrayRef>,
    /// How many values are NULL.
    pub nulls: usize,
    /// About how many differ.
    pub distinct: Option<usize>,
}

/// What is known of a table without reading it.
#[derive(Debug, Clone, Default)]
pub struct TableSummary {
    /// Its columns.
    pub columns: Vec<ColumnSummary>,
    /// Whether that is the truth: every segment was asked, and no row has been deleted since. Otherwise it is a guess.
    pub exact: bool,
}

impl ColumnSummary {
    /// The summary of some segments' zones and sketches.
    pub fn of<'a>(segments: impl Iterator<Item = (&'a Zones, Option<&'a Sketch>)> + Clone) -> Self {
        let nulls = segments.clone().flat_map(|(zones, _)| &zones.nulls).map(|nulls| *nulls as usize).sum();
        let bound = |of: fn(&Zones) -> &ArrayRef, greatest: bool| {
            // One page whose bound is not known, and nothing is; a page of NULLs alone has none and bounds nothing.
            let known = segments.clone().all(|(zones, _)| of(zones).null_count() == 0);
            let parts: Vec<&dyn Array> = segments.clone().map(|(zones, _)| of(zones).as_ref()).collect();
            let all = concat(&parts).ok().filter(|all| known && !all.is_empty())?;
            let (least, most) = bounds(&all)?;
            Some(if greatest { most } else { least })
        };
        let mut all = Sketch::default();
        let sketched = segments.clone().all(|(_, sketch)| {
            sketch.is_some_and(|sketch| {
                all.merge(sketch);
                true
            })
        });
        let distinct = (sketched && segments.clone().next().is_some()).then(|| all.estimate());
        Self { min: bound(|z| &z.min, false), max: bound(|z| &z.max, true), nulls, distinct }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::hash_bytes;
    use super::*;
    use arrow::array::{Float64Array, Int64Array};

    #[test]
    fn zones_know_the_bounds_of_each_page() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), Some(1), None, None, Some(9)]));
        let zones = Zones::of(&column, 2);
        assert_eq!(zones.min.as_primitive::<Int64Type>(), &Int64Array::from(vec![Some(1), None, Some(9)]));
        assert_eq!(zones.max.as_primitive::<Int64Type>(), &Int64Array::from(vec![Some(3), None, Some(9)]));
        assert_eq!(zones.nulls, [0, 2, 0]);
        let long: ArrayRef = Arc::new(StringArray::from(vec!["a".repeat(65), "b".to_owned()]));
        assert_eq!(Zones::of(&long, 2).min.null_count(), 1);
        let nan: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, 1.0]));
        assert!(Zones::of(&nan, 2).max.as_primitive::<Float64Type>().value(0).is_nan());
    }

    #[test]
    fn sorted_pages_ascend() {
        let sorted: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let mixed: ArrayRef = Arc::new(Int64Array::from_iter_values((0..100).map(|n| n * 37 % 100)));
        assert!(Zones::of(&sorted, 10).ascend() && !Zones::of(&mixed, 10).ascend());
    }

    #[test]
    fn sketches_count_about_right_together() {
        for count in [1u64, 100, 5_000, 400_000] {
            let (mut a, mut b) = (Sketch::default(), Sketch::default());
            for n in 0..count {
                a.insert(hash_bytes(&n.to_le_bytes()));
                b.insert(hash_bytes(&(n / 2).to_le_bytes()));
            }
            b.merge(&a);
            let (estimate, count) = (b.estimate() as f64, count as f64);
            assert!((estimate - count).abs() <= count * 0.2, "{estimate} for {count}");
        }
    }
}
