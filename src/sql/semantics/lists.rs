//! Arrays element by element, where the engine takes a NULL in them for a value: `@>` and `&&`, by which NULL is like nothing,
//! `= ANY`, for which it could be like anything, and `array_remove` and `array_replace`, for which it is like itself. The order of arrays, in which NULL is the greatest.

use super::function::Operator;
use super::keyed::without_sign;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, ListArray, UInt32Array, make_comparator};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, cast, concat, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::logical_expr::ColumnarValue;
use std::cmp::Ordering;
use std::sync::Arc;

/// A relation of two arrays of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Every element of the right one is in the left one.
    Contains,
    /// Some element is in both.
    Overlaps,
}

impl Operator for Relation {
    fn name(&self) -> &'static str {
        match self {
            Self::Contains => "array_contains",
            Self::Overlaps => "array_overlaps",
        }
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Boolean, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let left = lists(&operands[0], rows)?;
        // Whole numbers of several widths may meet.
        let right = lists(&ColumnarValue::Array(cast(&operands[1].to_array(rows)?, left.data_type())?), rows)?;
        let (own, others) = (without_sign(left.values())?, without_sign(right.values())?);
        let compared = make_comparator(&own, &others, SortOptions::default())?;
        let of = |row: usize| {
            if left.is_null(row) || right.is_null(row) {
                return None;
            }
            let there = |at: usize| {
                right.values().is_valid(at)
                    && places(&left, row).any(|own| left.values().is_valid(own) && compared(own, at) == Ordering::Equal)
            };
            Some(match self {
                Self::Contains => places(&right, row).all(there),
                Self::Overlaps => places(&right, row).any(there),
            })
        };
        Ok(Arc::new((0..left.len()).map(of).collect::<BooleanArray>()))
    }
}

/// `x = ANY (array)`: true where an element is equal, else NULL where one could be. Its operands are whether the engine finds x in the
/// array, the array, and whether x is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Among;

impl Operator for Among {
    fn name(&self) -> &'static str {
        "array_among"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Boolean, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let truths = |operand: &ColumnarValue| {
            let array = operand.to_array(rows)?;
            array.as_boolean_opt().cloned().ok_or_else(|| Error::internal("a truth is none"))
        };
        let (found, unknown) = (truths(&operands[0])?, truths(&operands[2])?);
        // An array for all rows is not repeated for each.
        let one = matches!(operands[1], ColumnarValue::Scalar(_));
        let all = lists(&operands[1], if one { 1 } else { rows })?;
        let nulls = all.values().null_count() > 0;
        let of = |row: usize| {
            let place = if one { 0 } else { row };
            let mut elements = places(&all, place);
            if all.is_null(place) {
                None
            } else if elements.is_empty() {
                Some(false)
            } else if found.is_valid(row) && found.value(row) {
                Some(true)
            } else if unknown.value(row) || nulls && elements.any(|at| all.values().is_null(at)) {
                None
            } else {
                Some(false)
            }
        };
        Ok(Arc::new((0..found.len()).map(of).collect::<BooleanArray>()))
    }
}

/// An array without the elements that are like another, or with something else in their place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Changed {
    /// The field of the elements.
    pub item: FieldRef,
    /// Whether there is something in their place.
    pub replaces: bool,
}

impl Operator for Changed {
    fn name(&self) -> &'static str {
        if self.replaces { "array_replace" } else { "array_remove" }
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::List(self.item.clone()), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let left = lists(&operands[0], rows)?;
        let sought = operands[1].to_array(rows)?;
        let (own, unlike) = (without_sign(left.values())?, without_sign(&sought)?);
        let compared = make_comparator(&own, &unlike, SortOptions::default())?;
        let instead = operands.get(2).map(|operand| operand.to_array(rows)).transpose()?;
        let all = match &instead {
            Some(instead) => concat(&[left.values().as_ref(), instead.as_ref()])?,
            None => left.values().clone(),
        };
        let (mut taken, mut lengths) = (Vec::new(), Vec::new());
        for row in 0..left.len() {
            let before = taken.len();
            for at in places(&left, row).take(if left.is_valid(row) { usize::MAX } else { 0 }) {
                let same = match (left.values().is_valid(at), sought.is_valid(row)) {
                    (true, true) => compared(at, row) == Ordering::Equal,
                    (own, other) => own == other,
                };
                match (same, self.replaces) {
                    (false, _) => taken.push(at as u32),
                    (true, true) => taken.push((left.values().len() + row) as u32),
                    (true, false) => {}
                }
            }
            lengths.push(taken.len() - before);
        }
        let items = take(&all, &UInt32Array::from(taken), None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(self.item.clone(), offsets, items, left.nulls().cloned())?))
    }
}

/// Bytes that sort as arrays do: by their elements, NULL behind all others, and of two that begin alike the shorter first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListOrder;

impl Operator for ListOrder {
    fn name(&self) -> &'static str {
        "array_order"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Binary, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        const END: u8 = 0;
        const NEXT: u8 = 1;
        let left = lists(&operands[0], rows)?;
        let options = SortOptions { descending: false, nulls_first: false };
        let field = SortField::new_with_options(left.value_type(), options);
        let items = RowConverter::new(vec![field])?.convert_columns(&[without_sign(left.values())?])?;
        let mut keys = BinaryBuilder::new();
        let mut key = Vec::new();
        for row in 0..left.len() {
            if left.is_null(row) {
                keys.append_null();
                continue;
            }
            key.clear();
            for at in places(&left, row) {
                key.push(NEXT);
                key.extend_from_slice(items.row(at).as_ref());
            }
            key.push(END);
            keys.append_value(&key);
        }
        Ok(Arc::new(keys.finish()))
    }
}

fn lists(operand: &ColumnarValue, rows: usize) -> Result<ListArray> {
    let array = operand.to_array(rows)?;
    array.as_list_opt::<i32>().cloned().ok_or_else(|| Error::internal("an array is no list"))
}

/// Where the elements of a row are.
fn places(lists: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = lists.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int32Array;
    use arrow::datatypes::Int32Type;

    fn operand(rows: Vec<Option<Vec<Option<i32>>>>) -> ColumnarValue {
        ColumnarValue::Array(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows)))
    }

    #[test]
    fn null_is_like_nothing_in_relations() {
        let null = || operand(vec![Some(vec![Some(1), None]), Some(vec![]), None]);
        let of = |relation: Relation| relation.evaluate(&[null(), null()], 3).unwrap();
        assert_eq!(of(Relation::Contains).as_boolean(), &BooleanArray::from(vec![Some(false), Some(true), None]));
        assert_eq!(of(Relation::Overlaps).as_boolean(), &BooleanArray::from(vec![Some(true), Some(false), None]));
    }

    #[test]
    fn what_could_be_an_element_is_not_known_to_be_none() {
        let truths = |all: Vec<Option<bool>>| ColumnarValue::Array(Arc::new(BooleanArray::from(all)));
        let all = vec![Some(vec![Some(1), None]), Some(vec![Some(1), None]), Some(vec![]), None, Some(vec![Some(1)])];
        let found = truths(vec![Some(true), Some(false), None, None, None]);
        let unknown = truths(vec![Some(false), Some(false), Some(true), Some(false), Some(true)]);
        let among = Among.evaluate(&[found, operand(all), unknown], 5).unwrap();
        assert_eq!(among.as_boolean(), &BooleanArray::from(vec![Some(true), None, Some(false), None, None]));
    }

    #[test]
    fn null_is_removed_and_sorted_last() {
        let rows = operand(vec![Some(vec![Some(1), None, Some(2)]), Some(vec![Some(1), Some(5)]), Some(vec![Some(1)])]);
        let item = Arc::new(Field::new_list_field(DataType::Int32, true));
        let null = ColumnarValue::Array(Arc::new(Int32Array::from(vec![None, Some(5), Some(7)])));
        let changed = Changed { item, replaces: false }.evaluate(&[rows.clone(), null], 3).unwrap();
        let lengths: Vec<i32> = (0..3).map(|row| changed.as_list::<i32>().value_length(row)).collect();
        assert_eq!(lengths, [2, 1, 1]);
        let keys = ListOrder.evaluate(&[rows], 3).unwrap();
        let keys = keys.as_binary::<i32>();
        assert!(keys.value(0) > keys.value(1) && keys.value(1) > keys.value(2));
    }
}
