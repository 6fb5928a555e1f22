//! Arrays: their bounds, and arrays made of values and of other arrays.

use super::call::Whole;
use super::declared::{
    Body::{Each, Whole as All},
    Declaration,
};
use super::made::{Args, Made};
use crate::encoding::pg_text::Cell;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, UInt32Array, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Int32Type};
use std::sync::Arc;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("array_upper(anyarray, int4) int4", Each(|row| Ok(bound(row, length(row))))),
    ("array_lower(anyarray, int4) int4", Each(|row| Ok(bound(row, 1)))),
    ("array_dims(anyarray) text", Each(|row| Ok(some(row).map(|n| format!("[1:{n}]")).into()))),
    ("array_ndims(anyarray) int4", Each(|row| Ok(some(row).map(|_| 1).into()))),
    ("cardinality(anyarray) int4", Each(|row| Ok(Made::Int(length(row).into())))),
    ("generate_subscripts(anyarray, int4, bool?) int4[]", Each(subscripts)),
    ("?ordinals(...any) int8[]", Each(|row| Ok((1..=longest(row)).collect::<Vec<i64>>().into()))),
    ("array_fill(anyelement, int4[]) anyarray", All(fill)),
    ("trim_array(anyarray, int4) anyarray", All(trim)),
    ("?subscript_assigned(anyarray, anyelement, int4) anyarray", All(element_assigned)),
    ("?array_or_empty(anyarray) anyarray", All(or_empty)),
    ("?rows_or_null(anyarray) anyarray", All(rows_or_null)),
];

/// The length of the longest of several arrays.
fn longest(row: &Args<'_>) -> i64 {
    let length = |cell: &Option<Cell<'_>>| match cell {
        Some(Cell::List(_, range)) => range.len() as i64,
        _ => 0,
    };
    row.0.iter().map(length).max().unwrap_or(0)
}

fn length(row: &Args<'_>) -> i64 {
    match row.get(0) {
        Some(Cell::List(_, range)) => range.len() as i64,
        _ => 0,
    }
}

/// The length of an array that has elements.
fn some(row: &Args<'_>) -> Option<i64> {
    Some(length(row)).filter(|length| *length > 0)
}

/// A bound of the one dimension that arrays have.
fn bound(row: &Args<'_>, bound: i64) -> Made {
    some(row).filter(|_| row.int(1) == 1).map(|_| bound).into()
}

fn subscripts(row: &Args<'_>) -> Result<Made> {
    let length = if row.int(1) == 1 { length(row) } else { 0 };
    let mut all: Vec<i64> = (1..=length).collect();
    if row.is_true(2) {
        all.reverse();
    }
    Ok(all.into())
}

/// Arrays with one element changed, or added behind the others with NULL between.
fn element_assigned(whole: &Whole<'_>) -> Result<ArrayRef> {
    let arrays = whole.arrays[0].as_list::<i32>();
    let places: &Int32Array = whole.arrays[2].as_primitive::<Int32Type>();
    let nothing = new_null_array(arrays.values().data_type(), 1);
    let (mut sources, mut counts) = (Vec::new(), Vec::with_capacity(whole.rows));
    for row in 0..whole.rows {
        if places.is_null(row) {
            return Err(Error::new(Kind::InvalidParameter, "array subscript in assignment must not be null"));
        }
        let (from, length) = match arrays.is_valid(row) {
            true => (arrays.value_offsets()[row] as usize, arrays.value_length(row) as usize),
            false => (0, 0),
        };
        let place = usize::try_from(places.value(row)).unwrap_or(0);
        if place == 0 || length == 0 && place > 1 {
            return Err(Error::new(
                Kind::Unsupported,
                "an array whose first element is not its element 1 is not supported",
            ));
        }
        if sources.len() + length.max(place) > FILL_MAX {
            return Err(Error::new(Kind::LimitExceeded, "array size exceeds the maximum allowed"));
        }
        sources.extend((1..=length.max(place)).map(|at| match at {
            _ if at == place => (1, row),
            _ if at <= length => (0, from + at - 1),
            _ => (2, 0),
        }));
        counts.push(length.max(place));
    }
    let items = interleave(&[arrays.values().as_ref(), whole.arrays[1].as_ref(), nothing.as_ref()], &sources)?;
    list(items, counts, vec![true; whole.rows])
}

/// Elements of a fill at most, in a batch.
const FILL_MAX: usize = 1 << 24;

fn fill(whole: &Whole<'_>) -> Result<ArrayRef> {
    let lengths = whole.arrays[1].as_list::<i32>();
    let (mut places, mut counts, mut there) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..whole.rows {
        there.push(lengths.is_valid(row));
        if lengths.is_null(row) {
            counts.push(0);
            continue;
        }
        let lengths = lengths.value(row);
        let count = match lengths.as_primitive::<Int32Type>().iter().collect::<Vec<_>>().as_slice() {
            [] => 0,
            [Some(count)] if *count >= 0 => *count as usize,
            [_] => return Err(Error::new(Kind::InvalidParameter, "dimension values cannot be null")),
            _ => return Err(Error::new(Kind::Unsupported, "arrays have one dimension here")),
        };
        if places.len() + count > FILL_MAX {
            return Err(Error::new(Kind::LimitExceeded, "array size exceeds the maximum allowed"));
        }
        places.extend(std::iter::repeat_n(row as u32, count));
        counts.push(count);
    }
    let items = take(&whole.arrays[0], &UInt32Array::from(places), None)?;
    list(items, counts, there)
}

/// Elements in arrays of so many each.
fn list(items: ArrayRef, counts: Vec<usize>, there: Vec<bool>) -> Result<ArrayRef> {
    let field = arrow::datatypes::Field::new_list_field(items.data_type().clone(), true);
    let nulls = there.contains(&false).then(|| NullBuffer::from(there));
    Ok(Arc::new(ListArray::try_new(Arc::new(field), OffsetBuffer::from_lengths(counts), items, nulls)?))
}

fn trim(whole: &Whole<'_>) -> Result<ArrayRef> {
    let arrays = whole.arrays[0].as_list::<i32>();
    let counts: &Int32Array = whole.arrays[1].as_primitive::<Int32Type>();
    let (mut places, mut lengths, mut there) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..whole.rows {
        let valid = arrays.is_valid(row) && counts.is_valid(row);
        there.push(valid);
        let (from, length) = (arrays.value_offsets()[row] as usize, arrays.value_length(row) as usize);
        let kept = match usize::try_from(counts.value(row)) {
            _ if !valid => 0,
            Ok(count) if count <= length => length - count,
            _ => {
                let message = format!("number of elements to trim must be between 0 and {length}");
                return Err(Error::new(Kind::InvalidParameter, message));
            }
        };
        places.extend((from..from + kept).map(|place| place as u32));
        lengths.push(kept);
    }
    list(take(arrays.values(), &UInt32Array::from(places), None)?, lengths, there)
}

/// An array without elements for NULL.
fn or_empty(whole: &Whole<'_>) -> Result<ArrayRef> {
    let arrays = whole.arrays[0].as_list::<i32>();
    let DataType::List(field) = arrays.data_type() else { return Err(Error::internal("an array is no list")) };
    if arrays.null_count() == 0 {
        return Ok(whole.arrays[0].clone());
    }
    let (mut places, mut lengths) = (Vec::new(), Vec::new());
    for row in 0..whole.rows {
        let from = arrays.value_offsets()[row] as u32;
        let length = if arrays.is_valid(row) { arrays.value_length(row) as u32 } else { 0 };
        places.extend(from..from + length);
        lengths.push(length as usize);
    }
    let items = take(arrays.values(), &UInt32Array::from(places), None)?;
    Ok(Arc::new(ListArray::try_new(field.clone(), OffsetBuffer::from_lengths(lengths), items, None)?))
}

/// An array of a NULL for one without elements.
fn rows_or_null(whole: &Whole<'_>) -> Result<ArrayRef> {
    let arrays = whole.arrays[0].as_list::<i32>();
    let (mut places, mut lengths) = (Vec::new(), Vec::new());
    for row in 0..whole.rows {
        let from = arrays.value_offsets()[row] as u32;
        let length = if arrays.is_valid(row) { arrays.value_length(row) as u32 } else { 0 };
        match length {
            0 => places.push(None),
            length => places.extend((from..from + length).map(Some)),
        }
        lengths.push(length.max(1) as usize);
    }
    let items = take(arrays.values(), &UInt32Array::from(places), None)?;
    let DataType::List(field) = arrays.data_type() else { return Err(Error::internal("an array is no list")) };
    Ok(Arc::new(ListArray::try_new(field.clone(), OffsetBuffer::from_lengths(lengths), items, None)?))
}
