//! Conditions on rows of a table, as far as they can be told from stored values alone: columns by their place in the table
//! compared with values of their types.
//!
//! A condition is what a query's filter implies: where it is false no row of the query's can be. It rules out pages
//! ([`prune`](super::prune)), and tells what a serializable transaction has looked for ([`validate`](super::validate)).

use arrow::array::{Array, ArrayRef, BooleanArray, Scalar};
use arrow::compute::concat;
use arrow::compute::kernels::cmp;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// How a column compares with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds of a value that is so beside the other.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// What may be true of a row.
#[derive(Debug, Clone)]
pub enum Condition {
    /// A column compares so with a value, an array of one of the column's type.
    Compare(usize, Comparison, ArrayRef),
    /// A column is one of these values of its type.
    OneOf(usize, ArrayRef),
    /// A column is NULL.
    Null(usize),
    /// A column is not NULL.
    NotNull(usize),
    /// All of these.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
}

impl Condition {
    /// The values of which each column must equal one, for a condition that cannot be true otherwise.
    pub fn choices(&self) -> Vec<(usize, ArrayRef)> {
        match self {
            Self::Compare(column, Comparison::Equal, values) | Self::OneOf(column, values) => {
                vec![(*column, values.clone())]
            }
            Self::All(parts) => parts.iter().flat_map(Self::choices).collect(),
            // `a = 1 OR a = 2`
            Self::Any(parts) => {
                let each: Vec<_> = parts.iter().map(Self::choices).collect();
                let alone = each.iter().map(|choices| match choices.as_slice() {
                    [(column, values)] => Some((*column, values.as_ref())),
                    _ => None,
                });
                let Some(alone) = alone.collect::<Option<Vec<_>>>() else { return Vec::new() };
                match alone.first() {
                    Some((first, _)) if alone.iter().all(|(column, _)| column == first) => {
                        let values: Vec<&dyn Array> = alone.iter().map(|(_, values)| *values).collect();
                        concat(&values).map(|values| vec![(*first, values)]).unwrap_or_default()
                    }
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    /// The columns by whose order rows for which it is true would lie together.
    pub(super) fn ranges(&self) -> BTreeSet<usize> {
        match self {
            Self::Compare(column, ..) | Self::OneOf(column, _) => BTreeSet::from([*column]),
            Self::Null(_) | Self::NotNull(_) => BTreeSet::new(),
            Self::All(parts) => parts.iter().flat_map(Self::ranges).collect(),
            Self::Any(parts) => {
                let all = parts.iter().map(Self::ranges).reduce(|all, part| &all & &part);
                all.unwrap_or_default()
            }
        }
    }

    /// Puts the columns that it names into `columns`.
    pub(super) fn name_columns(&self, columns: &mut BTreeSet<usize>) {
        match self {
            Self::Compare(column, ..) | Self::OneOf(column, _) | Self::Null(column) | Self::NotNull(column) => {
                columns.insert(*column);
            }
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.name_columns(columns)),
        }
    }

    /// For each of some rows whether it may be true; `values` gives a column of them, none if it has no such column.
    pub(super) fn rows<'a>(&self, rows: usize, values: &dyn Fn(usize) -> Option<&'a ArrayRef>) -> Vec<bool> {
        let all = || vec![true; rows];
        let nulls = |column, wanted| match values(column) {
            Some(column) => (0..rows).map(|row| column.is_null(row) == wanted).collect(),
            None => all(),
        };
        match self {
            Self::Compare(column, comparison, value) => {
                values(*column).and_then(|column| compare(column, *comparison, value)).unwrap_or_else(all)
            }
            Self::OneOf(column, list) => {
                let equal = |at| compare(values(*column)?, Comparison::Equal, &list.slice(at, 1));
                any(rows, (0..list.len()).map(|at| equal(at).unwrap_or_else(all)))
            }
            Self::Null(column) => nulls(*column, true),
            Self::NotNull(column) => nulls(*column, false),
            Self::All(parts) => parts.iter().fold(all(), |mut all, part| {
                all.iter_mut().zip(part.rows(rows, values)).for_each(|(all, part)| *all &= part);
                all
            }),
            Self::Any(parts) => any(rows, parts.iter().map(|part| part.rows(rows, values))),
        }
    }
}

/// Where at least one of the parts is true.
pub(super) fn any(length: usize, parts: impl Iterator<Item = Vec<bool>>) -> Vec<bool> {
    parts.fold(vec![false; length], |mut any, part| {
        any.iter_mut().zip(part).for_each(|(any, part)| *any |= part);
        any
    })
}

/// For each value whether it compares so; none where that cannot be told.
fn compare(column: &ArrayRef, comparison: Comparison, value: &ArrayRef) -> Option<Vec<bool>> {
    // Floating point has two zeros, and more than one opinion on what is not a number.
    if column.data_type() != value.data_type() || value.is_null(0) || value.data_type().is_floating() {
        return None;
    }
    let value = Scalar::new(value);
    let told: BooleanArray = match comparison {
        Comparison::Equal => cmp::eq(column, &value),
        Comparison::Less => cmp::lt(column, &value),
        Comparison::LessOrEqual => cmp::lt_eq(column, &value),
        Comparison::Greater => cmp::gt(column, &value),
        Comparison::GreaterOrEqual => cmp::gt_eq(column, &value),
    }
    .ok()?;
    // A comparison with NULL is not true.
    Some(told.iter().map(|told| told == Some(true)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn rows_are_told_by_their_values_and_doubt_is_true() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None]));
        let b: ArrayRef = Arc::new(StringArray::from(vec![None, Some("x"), Some("y")]));
        let c: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, 1.0]));
        let columns = [a, b, c];
        let number = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
        let compare = |comparison, value| Condition::Compare(0, comparison, number(vec![value]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        let cases = [
            (compare(Comparison::Equal, 2), [false, true, false]),
            (compare(Comparison::Less, 2), [true, false, false]),
            (compare(Comparison::GreaterOrEqual, 1), [true, true, false]),
            (Condition::OneOf(0, number(vec![1, 7])), [true, false, false]),
            (Condition::Null(0), [false, false, true]),
            (Condition::NotNull(1), [false, true, true]),
            (Condition::All(vec![Condition::NotNull(0), Condition::NotNull(1)]), [false, true, false]),
            (Condition::Any(vec![Condition::Null(0), compare(Comparison::Equal, 1)]), [true, false, true]),
            (Condition::All(Vec::new()), [true, true, true]),
            (Condition::Any(Vec::new()), [false, false, false]),
            // Of another type, of no column, of floating point: nothing can be told.
            (Condition::Compare(0, Comparison::Equal, text), [true, true, true]),
            (Condition::Null(9), [true, true, true]),
            (Condition::Compare(2, Comparison::Equal, Arc::new(Float64Array::from(vec![5.0]))), [true, true, true]),
        ];
        for (condition, expected) in cases {
            assert_eq!(condition.rows(3, &|column| columns.get(column)), expected, "{condition:?}");
        }
    }
}
