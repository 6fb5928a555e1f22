//! Sums, differences and products of decimals, quickly where their values are small.
//!
//! A decimal has 128 bits, and the engine's operators look after every step whether they still suffice. Money fits into 64 bits, though,
//! and what is computed of two such numbers fits into 128: where all values of a batch are so small nothing can overflow, and
//! nothing is looked at. Any other batch goes to the engine's own operator.

use super::function::Operator as Function;
use crate::error::Result;
use arrow::array::types::Decimal128Type;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, Operator};
use std::sync::Arc;

/// `+`, `-` or `*` of two decimals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quick {
    operator: Operator,
    /// The type that the engine gives to the result.
    data_type: DataType,
}

impl Quick {
    /// The operator for operands of these types, if it is such a one; `result` is what the engine makes of them.
    pub fn of(operator: Operator, left: &DataType, right: &DataType, result: &DataType) -> Option<Self> {
        let decimal = |t: &DataType| matches!(t, DataType::Decimal128(..));
        let plain = matches!(operator, Operator::Plus | Operator::Minus | Operator::Multiply);
        (plain && [left, right, result].into_iter().all(decimal)).then(|| Self { operator, data_type: result.clone() })
    }
}

/// The values of an operand, all of 64 bits.
enum Small<'a> {
    All(&'a [i128], Option<&'a NullBuffer>),
    One(i128),
}

/// The operand and its scale, if all of its values are so small.
fn small(operand: &ColumnarValue) -> Option<(Small<'_>, i8)> {
    match operand {
        ColumnarValue::Array(array) => {
            let values = array.as_primitive_opt::<Decimal128Type>()?;
            all_small(values.values()).then(|| (Small::All(values.values(), values.nulls()), values.scale()))
        }
        ColumnarValue::Scalar(ScalarValue::Decimal128(Some(value), _, scale)) => {
            all_small(&[*value]).then_some((Small::One(*value), *scale))
        }
        ColumnarValue::Scalar(_) => None,
    }
}

/// Whether all values have 64 bits.
fn all_small(values: &[i128]) -> bool {
    // What the upper half has beside the sign of the lower one; the loop has no branch.
    let rest = values.iter().fold(0, |rest, value| rest | ((value >> 64) as i64 ^ ((*value as i64) >> 63)));
    rest == 0
}

/// The result, if it can be had without a look at each step.
pub fn quick(
    operator: Operator,
    left: &ColumnarValue,
    right: &ColumnarValue,
    scale: i8,
) -> Option<PrimitiveArray<Decimal128Type>> {
    let ((left, left_scale), (right, right_scale)) = (small(left)?, small(right)?);
    // Of 64 bits each, but for the powers of ten that bring both to one scale.
    let (by_left, by_right) = match operator {
        Operator::Multiply if left_scale + right_scale == scale => (1, 1),
        Operator::Plus | Operator::Minus if left_scale.max(right_scale) == scale => {
            (power(scale - left_scale)?, power(scale - right_scale)?)
        }
        _ => return None,
    };
    Some(match operator {
        Operator::Multiply => zipped(left, right, |a, b| i128::from(a) * i128::from(b)),
        Operator::Plus if (by_left, by_right) == (1, 1) => zipped(left, right, |a, b| i128::from(a) + i128::from(b)),
        Operator::Minus if (by_left, by_right) == (1, 1) => zipped(left, right, |a, b| i128::from(a) - i128::from(b)),
        Operator::Plus => {
            zipped(left, right, |a, b| i128::from(a) * i128::from(by_left) + i128::from(b) * i128::from(by_right))
        }
        _ => zipped(left, right, |a, b| i128::from(a) * i128::from(by_left) - i128::from(b) * i128::from(by_right)),
    })
}

/// Ten to a power that leaves room: two numbers of 64 bits times it are added within 128.
fn power(places: i8) -> Option<i64> {
    (0..=18).contains(&places).then(|| 10i64.pow(places.unsigned_abs().into()))
}

fn zipped(left: Small<'_>, right: Small<'_>, of: impl Fn(i64, i64) -> i128) -> PrimitiveArray<Decimal128Type> {
    let (values, nulls): (Vec<i128>, _) = match (left, right) {
        (Small::All(a, a_nulls), Small::All(b, b_nulls)) => {
            (a.iter().zip(b).map(|(a, b)| of(*a as i64, *b as i64)).collect(), NullBuffer::union(a_nulls, b_nulls))
        }
        (Small::All(a, nulls), Small::One(b)) => (a.iter().map(|a| of(*a as i64, b as i64)).collect(), nulls.cloned()),
        (Small::One(a), Small::All(b, nulls)) => (b.iter().map(|b| of(a as i64, *b as i64)).collect(), nulls.cloned()),
        (Small::One(a), Small::One(b)) => (vec![of(a as i64, b as i64)], None),
    };
    PrimitiveArray::new(values.into(), nulls)
}

impl Function for Quick {
    fn name(&self) -> &'static str {
        match self.operator {
            Operator::Plus => "add",
            Operator::Minus => "subtract",
            _ => "multiply",
        }
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], _: usize) -> Result<ArrayRef> {
        if let DataType::Decimal128(_, scale) = self.data_type
            && let Some(result) = quick(self.operator, &operands[0], &operands[1], scale)
        {
            return Ok(Arc::new(result.with_data_type(self.data_type.clone())));
        }
        let (left, right) = (super::arithmetic::datum(&operands[0])?, super::arithmetic::datum(&operands[1])?);
        let kernel = match self.operator {
            Operator::Plus => numeric::add,
            Operator::Minus => numeric::sub,
            _ => numeric::mul,
        };
        let result = kernel(left.as_ref(), right.as_ref())?;
        match *result.data_type() == self.data_type {
            true => Ok(result),
            // What was chosen among several may have more places than its first.
            false => Ok(cast(&result, &self.data_type)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Decimal128Array;

    fn array(values: Vec<Option<i128>>, precision: u8, scale: i8) -> ColumnarValue {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap();
        ColumnarValue::Array(Arc::new(array))
    }

    #[test]
    fn small_numbers_give_what_the_engine_gives() {
        let most = i128::from(i64::MAX);
        let cases = [
            (vec![Some(1234), None, Some(-5), Some(most)], vec![Some(7), Some(3), None, Some(-most - 1)]),
            (vec![Some(most + 1), Some(0), Some(1), None], vec![Some(7), Some(3), Some(2), Some(1)]),
        ];
        for (a, b) in cases {
            for (left, right) in [((38, 2), (38, 2)), ((38, 0), (38, 4)), ((38, 6), (20, 1))] {
                for operator in [Operator::Plus, Operator::Minus, Operator::Multiply] {
                    let scale = match operator {
                        Operator::Multiply => left.1 + right.1,
                        _ => left.1.max(right.1),
                    };
                    let whole = Quick { operator, data_type: DataType::Decimal128(38, scale) };
                    let operands = [array(a.clone(), left.0, left.1), array(b.clone(), right.0, right.1)];
                    let quick = quick(operator, &operands[0], &operands[1], scale);
                    assert_eq!(quick.is_some(), a[0] != Some(most + 1));
                    let (l, r) = (operands[0].to_array(4).unwrap(), operands[1].to_array(4).unwrap());
                    let engines = match operator {
                        Operator::Plus => numeric::add(&l, &r),
                        Operator::Minus => numeric::sub(&l, &r),
                        _ => numeric::mul(&l, &r),
                    };
                    assert_eq!(
                        &whole.evaluate(&operands, 4).unwrap(),
                        &engines.unwrap(),
                        "{operator} {left:?} {right:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn constants_stand_on_either_side() {
        let one = ColumnarValue::Scalar(ScalarValue::Decimal128(Some(1), 10, 0));
        let column = array(vec![Some(6), None, Some(-100)], 15, 2);
        let values = |result: Option<PrimitiveArray<Decimal128Type>>| result.unwrap().iter().collect::<Vec<_>>();
        assert_eq!(values(quick(Operator::Minus, &one, &column, 2)), [Some(94), None, Some(200)]);
        assert_eq!(values(quick(Operator::Plus, &column, &one, 2)), [Some(106), None, Some(0)]);
        assert_eq!(values(quick(Operator::Minus, &one, &one, 0)), [Some(0)]);
    }
}
