//! Pruning: which pages of a segment may hold rows that a condition is true for, told from what the chunk says of
//! itself. Never more than a hint: whoever reads the pages that remain asks the condition of every row.
//!
//! Whether the one who wrote a condition may know what it compares is for the gate to decide, before it comes here.

use super::Manager;
use super::chunk::{ColumnChunk, Footer};
use super::condition::{Comparison, Condition, any};
use super::page;
use super::segment::Segment;
use crate::catalog::ObjectId;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, BooleanArray, Scalar};
use arrow::compute::kernels::cmp;
use arrow::datatypes::DataType;

impl Condition {
    /// For each page whether it may hold a row for which this is true.
    fn pages(&self, chunk: &Footer) -> Vec<bool> {
        let all = vec![true; chunk.pages()];
        let column = |n: &usize| chunk.columns.get(*n);
        match self {
            Self::Compare(n, comparison, value) => match column(n) {
                Some(column) => compare(column, *comparison, value).unwrap_or(all),
                None => all,
            },
            Self::OneOf(n, values) => match column(n) {
                Some(column) => any(
                    all.len(),
                    (0..values.len()).map(|at| {
                        let one = values.slice(at, 1);
                        compare(column, Comparison::Equal, &one).unwrap_or_else(|| all.clone())
                    }),
                ),
                None => all,
            },
            Self::Null(n) => match column(n) {
                Some(column) => column.zones.nulls.iter().map(|nulls| *nulls > 0).collect(),
                None => all,
            },
            Self::NotNull(n) => match column(n) {
                Some(column) => not_null(chunk, column),
                None => all,
            },
            Self::All(parts) => parts.iter().map(|part| part.pages(chunk)).fold(all, |mut all, part| {
                all.iter_mut().zip(part).for_each(|(all, part)| *all &= part);
                all
            }),
            Self::Any(parts) => any(all.len(), parts.iter().map(|part| part.pages(chunk))),
        }
    }

    /// Whether the segment's filters leave a chance; `ask` tells whether a column may have a value.
    fn may_hold(&self, ask: &dyn Fn(usize, &ArrayRef) -> Result<bool>) -> Result<bool> {
        Ok(match self {
            Self::Compare(column, Comparison::Equal, value) => ask(*column, value)?,
            Self::OneOf(column, values) => {
                for at in 0..values.len() {
                    if ask(*column, &values.slice(at, 1))? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::All(parts) => {
                for part in parts {
                    if !part.may_hold(ask)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.may_hold(ask)? {
                        return Ok(true);
                    }
                }
                parts.is_empty()
            }
            _ => true,
        })
    }
}

fn not_null(chunk: &Footer, column: &ColumnChunk) -> Vec<bool> {
    let nulls = column.zones.nulls.iter().enumerate();
    nulls.map(|(page, nulls)| (*nulls as usize) < chunk.rows_of(page).len()).collect()
}

/// For each page whether a value within its bounds compares so; none where the bounds cannot tell.
fn compare(column: &ColumnChunk, comparison: Comparison, value: &ArrayRef) -> Option<Vec<bool>> {
    if value.data_type() != column.data_type() || value.is_null(0) || is_zero(value) {
        return None;
    }
    let value = Scalar::new(value);
    let (min, max) = (&column.zones.min, &column.zones.max);
    let holds = |told: BooleanArray| -> Vec<bool> { told.iter().map(|told| told.unwrap_or(true)).collect() };
    let from_below = |strict: bool| if strict { cmp::lt(min, &value) } else { cmp::lt_eq(min, &value) };
    let from_above = |strict: bool| if strict { cmp::gt(max, &value) } else { cmp::gt_eq(max, &value) };
    Some(match comparison {
        Comparison::Less => holds(from_below(true).ok()?),
        Comparison::LessOrEqual => holds(from_below(false).ok()?),
        Comparison::Greater => holds(from_above(true).ok()?),
        Comparison::GreaterOrEqual => holds(from_above(false).ok()?),
        Comparison::Equal => {
            let (below, above) = (holds(from_below(false).ok()?), holds(from_above(false).ok()?));
            below.into_iter().zip(above).map(|(below, above)| below && above).collect()
        }
    })
}

/// Floating point has two zeros that bounds tell apart and statements do not.
fn is_zero(value: &ArrayRef) -> bool {
    use arrow::array::AsArray;
    use arrow::datatypes::{Float32Type, Float64Type};
    match value.data_type() {
        DataType::Float32 => value.as_primitive::<Float32Type>().value(0) == 0.0,
        DataType::Float64 => value.as_primitive::<Float64Type>().value(0) == 0.0,
        _ => false,
    }
}

impl Manager {
    /// For each page of a segment whether it may hold rows for which all conditions are true.
    pub fn prune(&self, table: ObjectId, segment: &Segment, conditions: &[Condition]) -> Result<Vec<bool>> {
        self.prune_each(table, segment, conditions, |_, _| ())
    }

    /// As [`Self::prune`]; tells `each` how many pages the bounds of a chunk ruled out by a condition alone.
    pub fn prune_each(
        &self,
        table: ObjectId,
        segment: &Segment,
        conditions: &[Condition],
        mut each: impl FnMut(usize, usize),
    ) -> Result<Vec<bool>> {
        let Some(footer) = self.footer(table, segment)?.filter(|_| !conditions.is_empty()) else {
            return Ok(vec![true; self.pages(table, segment)?.len()]);
        };
        let mut left = vec![true; footer.pages()];
        for (n, condition) in conditions.iter().enumerate() {
            let may = condition.pages(&footer);
            each(n, may.iter().filter(|may| !**may).count());
            left.iter_mut().zip(may).for_each(|(left, may)| *left &= may);
        }
        let ask = |column: usize, value: &ArrayRef| -> Result<bool> {
            let Some(column) = footer.columns.get(column).filter(|c| c.data_type() == value.data_type()) else {
                return Ok(true);
            };
            let Some(filter) = self.filter(table, segment, column)? else { return Ok(true) };
            let hashes = page::hashes(value).ok_or_else(|| Error::internal("a filter of values that have no hash"))?;
            Ok(value.is_null(0) || hashes.first().is_none_or(|hash| filter.contains(*hash)))
        };
        // Filters cost a read: they are asked only when bounds leave something.
        for condition in conditions {
            if left.iter().any(|left| *left) && !condition.may_hold(&ask)? {
                left.fill(false);
            }
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunk::encode;
    use super::*;
    use crate::config::PAGE_ROWS;
    use arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;

    fn footer() -> Footer {
        let rows = 3 * PAGE_ROWS as i64;
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let late = (0..rows).map(|n| (n >= PAGE_ROWS as i64).then(|| format!("{n:08}")));
        let late: ArrayRef = Arc::new(StringArray::from_iter(late));
        let zero: ArrayRef = Arc::new(Float64Array::from_iter_values((0..rows).map(|_| -0.0)));
        encode(&RecordBatch::try_from_iter([("a", id), ("b", late), ("c", zero)]).unwrap(), PAGE_ROWS).unwrap().1
    }

    fn number(value: i64) -> ArrayRef {
        Arc::new(Int64Array::from(vec![value]))
    }

    #[test]
    fn bounds_rule_pages_out_and_nothing_else() {
        let chunk = footer();
        let page = PAGE_ROWS as i64;
        let compare = |comparison, value| Condition::Compare(0, comparison, number(value));
        let cases: Vec<(Condition, [bool; 3])> = vec![
            (compare(Comparison::Equal, page), [false, true, false]),
            (compare(Comparison::Equal, -1), [false, false, false]),
            (compare(Comparison::Less, page), [true, false, false]),
            (compare(Comparison::LessOrEqual, page), [true, true, false]),
            (compare(Comparison::Greater, 2 * page - 1), [false, false, true]),
            (compare(Comparison::GreaterOrEqual, 2 * page - 1), [false, true, true]),
            (Condition::OneOf(0, Arc::new(Int64Array::from(vec![1, 3 * page - 1]))), [true, false, true]),
            (Condition::Null(1), [true, false, false]),
            (Condition::NotNull(1), [false, true, true]),
            (Condition::Any(vec![Condition::Null(1), compare(Comparison::Greater, 2 * page)]), [true, false, true]),
            (Condition::All(vec![Condition::NotNull(1), compare(Comparison::Less, 2 * page)]), [false, true, false]),
            (Condition::Any(Vec::new()), [false, false, false]),
            (Condition::All(Vec::new()), [true, true, true]),
            // Of another type, of no column, of either zero: nothing can be told.
            (Condition::Compare(1, Comparison::Equal, number(1)), [true, true, true]),
            (Condition::Compare(9, Comparison::Equal, number(1)), [true, true, true]),
            (Condition::Compare(2, Comparison::Equal, Arc::new(Float64Array::from(vec![0.0]))), [true, true, true]),
        ];
        for (condition, expected) in cases {
            assert_eq!(condition.pages(&chunk), expected, "{condition:?}");
        }
    }
}
