//! What aggregates of sorted values give: the value at a fraction, and the most frequent one.

use super::call::Whole;
use super::declared::{
    Body::{Each, Whole as All},
    Declaration,
};
use super::made::{Args, Made, shown};
use crate::encoding::pg_text::Column;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Float64Type};
use std::sync::Arc;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("percentile_disc_of(anyarray, float8) anyelement", All(at_fraction)),
    ("percentile_disc_of(anyarray, float8[]) anyarray", All(at_fractions)),
    ("percentile_cont_of(float8[], float8[]) float8[]", Each(between)),
    ("mode_of(anyarray) anyelement", All(mode)),
];

fn must_be_fraction(fraction: f64) -> Result<()> {
    match (0.0..=1.0).contains(&fraction) {
        true => Ok(()),
        false => {
            Err(Error::new(Kind::NumericOutOfRange, format!("percentile value {fraction} is not between 0 and 1")))
        }
    }
}

/// Where the value at a fraction of an array's values is among all of them.
fn place_at(arrays: &ListArray, row: usize, fraction: f64) -> Result<u32> {
    must_be_fraction(fraction)?;
    let nth = (fraction * f64::from(arrays.value_length(row))).ceil() as i32;
    Ok((arrays.value_offsets()[row] + (nth - 1).max(0)) as u32)
}

/// An array for each row: of the values at its fractions.
fn at_fractions(whole: &Whole<'_>) -> Result<ArrayRef> {
    let (arrays, fractions) = (whole.arrays[0].as_list::<i32>(), whole.arrays[1].as_list::<i32>());
    let all = fractions.values().as_primitive::<Float64Type>();
    let (mut places, mut lengths, mut there) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..whole.rows {
        let is = !arrays.is_null(row) && !fractions.is_null(row) && arrays.value_length(row) > 0;
        let before = places.len();
        if is {
            for at in fractions.value_offsets()[row] as usize..fractions.value_offsets()[row + 1] as usize {
                let fraction = (!all.is_null(at)).then(|| all.value(at));
                places.push(fraction.map(|fraction| place_at(arrays, row, fraction)).transpose()?);
            }
        }
        lengths.push(places.len() - before);
        there.push(is);
    }
    let values = take(arrays.values(), &UInt32Array::from(places), None)?;
    let DataType::List(item) = arrays.data_type() else { return Err(Error::internal("an array of no list")) };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, Some(there.into()))?))
}

fn at_fraction(whole: &Whole<'_>) -> Result<ArrayRef> {
    let arrays = whole.arrays[0].as_list::<i32>();
    let fractions = whole.arrays[1].as_primitive::<Float64Type>();
    let place = |row: usize| {
        if arrays.is_null(row) || fractions.is_null(row) || arrays.value_length(row) == 0 {
            return Ok(None);
        }
        place_at(arrays, row, fractions.value(row)).map(Some)
    };
    let places = (0..whole.rows).map(place).collect::<Result<UInt32Array>>()?;
    Ok(take(arrays.values(), &places, None)?)
}

/// The values at fractions, between two where a fraction falls there.
fn between(row: &Args<'_>) -> Result<Made> {
    let number = |text: Option<String>| text.and_then(|text| text.parse::<f64>().ok());
    let values: Vec<f64> = row.texts(0).into_iter().filter_map(number).collect();
    let mut out = Vec::new();
    for fraction in row.texts(1).into_iter().map(number) {
        let Some(fraction) = fraction else {
            out.push(Made::Null);
            continue;
        };
        must_be_fraction(fraction)?;
        let place = fraction * (values.len().max(1) - 1) as f64;
        let (below, above) = (values.get(place.floor() as usize), values.get(place.ceil() as usize));
        out.push(below.zip(above).map(|(below, above)| below + (above - below) * place.fract()).into());
    }
    Ok(Made::List(out))
}

/// The first of those that are there most often, the elements being sorted.
fn mode(whole: &Whole<'_>) -> Result<ArrayRef> {
    let arrays = whole.arrays[0].as_list::<i32>();
    let field = Field::new("", arrays.values().data_type().clone(), true);
    let items = Column::new(&field, arrays.values().as_ref());
    let place = |row: usize| {
        if arrays.is_null(row) {
            return None;
        }
        let (from, to) = (arrays.value_offsets()[row] as usize, arrays.value_offsets()[row + 1] as usize);
        let (mut best, mut most, mut run) = (None, 0, 0);
        let mut last: Option<String> = None;
        let mut begun = from;
        for at in from..to {
            let text = items.cell(at).map(|cell| shown(&cell));
            if text != last || at == from {
                (begun, run) = (at, 0);
            }
            last = text;
            run += 1;
            if run > most {
                (best, most) = (Some(begun as u32), run);
            }
        }
        best
    };
    let places: UInt32Array = (0..whole.rows).map(place).collect();
    Ok(take(arrays.values(), &places, None)?)
}
