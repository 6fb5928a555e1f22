//! Series of numerics, `generate_series(1, 2, 0.25)`: the engine makes them of whole numbers and moments alone.

use super::function::{self, Operator};
use super::session_zone::SERIES_MAX;
use super::wide::{DIGITS, decimal, power};
use crate::error::{Error, Kind, Result};
use arrow::array::types::Decimal256Type;
use arrow::array::{Array, ArrayRef, AsArray, Decimal256Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, i256};
use datafusion::logical_expr::{ColumnarValue, Expr};
use std::sync::Arc;

/// The type of the values between two numbers of these types, the step behind them; none where all are whole or one is no such number.
pub fn values_of(types: &[DataType]) -> Option<DataType> {
    if !(2..=3).contains(&types.len()) || !types.iter().any(|data_type| decimal(data_type).is_some()) {
        return None;
    }
    let all = types.iter().map(places).collect::<Option<Vec<_>>>()?;
    // Where the last number lies between two of them it is none.
    let scale = all.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, places)| *places).max()?;
    Some(match types.iter().any(|data_type| matches!(data_type, DataType::Decimal256(..))) {
        true => DataType::Decimal256(DIGITS, scale),
        false => DataType::Decimal128(38, scale),
    })
}

/// The places of a number behind its point.
fn places(data_type: &DataType) -> Option<i8> {
    match data_type {
        whole if whole.is_integer() || whole.is_null() => Some(0),
        exact => decimal(exact).map(|(_, scale)| scale),
    }
}

/// The values as an array.
pub fn of(values: DataType, mut args: Vec<Expr>) -> Expr {
    if args.len() == 2 {
        args.push(datafusion::logical_expr::lit(1_i64));
    }
    function::call(Series { values }, args)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Series {
    values: DataType,
}

impl Operator for Series {
    fn name(&self) -> &'static str {
        "numeric_series"
    }

    fn counts_rows(&self) -> bool {
        true
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::new_list(self.values.clone(), true), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let arrays = operands.iter().map(|operand| operand.to_array(rows)).collect::<Result<Vec<_>, _>>()?;
        let scale = arrays.iter().filter_map(|array| places(array.data_type())).max().unwrap_or(0);
        let common = DataType::Decimal256(DIGITS, scale);
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let alike = arrays.iter().map(|array| cast_with_options(array, &common, &options));
        let alike = alike.collect::<Result<Vec<_>, _>>()?;
        let [first, last, step] = alike.as_slice() else {
            return Err(Error::internal("a series has a first number, a last one and a step"));
        };
        let [first, last, step] = [first, last, step].map(|array| array.as_primitive::<Decimal256Type>());
        let (mut values, mut lengths, mut valid) = (Vec::new(), Vec::with_capacity(rows), Vec::with_capacity(rows));
        for row in 0..rows {
            let before = values.len();
            let known = first.is_valid(row) && last.is_valid(row) && step.is_valid(row);
            if known {
                between((first.value(row), last.value(row)), step.value(row), &mut values)?;
            }
            lengths.push(values.len() - before);
            valid.push(known);
        }
        // They have the places of the first number and of the step, and may have been compared with more.
        let own = decimal(&self.values).map_or(0, |(_, scale)| scale);
        let more = power(i32::from(scale) - i32::from(own)).unwrap_or(i256::ONE);
        let values = Decimal256Array::from_iter_values(values.into_iter().map(|value| value.wrapping_div(more)));
        let values = cast_with_options(&values.with_precision_and_scale(DIGITS, own)?, &self.values, &options)?;
        let item = Arc::new(Field::new_list_field(self.values.clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(item, offsets, values, Some(NullBuffer::from(valid)))?))
    }
}

/// The numbers from one to another.
fn between((first, last): (i256, i256), step: i256, out: &mut Vec<i256>) -> Result<()> {
    if step == i256::ZERO {
        return Err(Error::new(Kind::InvalidParameter, "step size cannot equal zero"));
    }
    let ahead = step > i256::ZERO;
    let mut at = first;
    while if ahead { at <= last } else { at >= last } {
        out.push(at);
        if out.len() > SERIES_MAX {
            return Err(Error::new(Kind::LimitExceeded, "the series has too many values"));
        }
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_places_of_the_first_and_the_step() {
        let exact = |scale| DataType::Decimal128(10, scale);
        assert_eq!(values_of(&[DataType::Int32, exact(1)]), Some(DataType::Decimal128(38, 0)));
        assert_eq!(values_of(&[exact(1), exact(5), exact(2)]), Some(DataType::Decimal128(38, 2)));
        assert_eq!(values_of(&[DataType::Int32, DataType::Int64]), None);
        assert_eq!(values_of(&[DataType::Float64, exact(1)]), None);
    }
}
