//! Arithmetic that fails where PostgreSQL's fails, instead of going on with a number that is not the answer.

use super::floats;
use super::function::Operator as Function;
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::array::types::{Float32Type, Float64Type};
use arrow::array::{Array, ArrayRef, AsArray, Datum, PrimitiveArray};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field};
use arrow::error::ArrowError;
use datafusion::logical_expr::{ColumnarValue, Operator};
use std::sync::Arc;

/// `+ - * / %` of two numbers of one type, integers or floating point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arithmetic {
    /// Which of the five.
    pub operator: Operator,
    /// The type of both operands and of the result.
    pub data_type: DataType,
}

impl Arithmetic {
    /// Whether the engine's own operator would not notice a wrong result.
    pub fn is_needed(operator: Operator, left: &DataType, right: &DataType) -> bool {
        let sums = matches!(operator, Operator::Plus | Operator::Minus | Operator::Multiply);
        left == right
            && match left {
                DataType::Int16 | DataType::Int32 | DataType::Int64 => sums,
                DataType::Float32 | DataType::Float64 => {
                    sums || matches!(operator, Operator::Divide | Operator::Modulo)
                }
                _ => false,
            }
    }
}

impl Function for Arithmetic {
    fn name(&self) -> &'static str {
        match self.operator {
            Operator::Plus => "add",
            Operator::Minus => "subtract",
            Operator::Multiply => "multiply",
            Operator::Divide => "divide",
            _ => "modulo",
        }
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], _: usize) -> Result<ArrayRef> {
        let (left, right) = (datum(&operands[0])?, datum(&operands[1])?);
        let kernel = match self.operator {
            Operator::Plus => numeric::add,
            Operator::Minus => numeric::sub,
            Operator::Multiply => numeric::mul,
            Operator::Divide => numeric::div,
            _ => numeric::rem,
        };
        let result = kernel(left.as_ref(), right.as_ref()).map_err(|error| self.explain(error))?;
        Ok(match self.data_type {
            DataType::Float32 => {
                self.check::<Float32Type>(&result, left.as_ref(), right.as_ref())?;
                one_nan::<Float32Type>(result, f32::NAN)
            }
            DataType::Float64 => {
                self.check::<Float64Type>(&result, left.as_ref(), right.as_ref())?;
                one_nan::<Float64Type>(result, f64::NAN)
            }
            _ => result,
        })
    }
}

impl Arithmetic {
    fn explain(&self, error: ArrowError) -> Error {
        match (error, SqlType::from_arrow(&self.data_type)) {
            (ArrowError::ArithmeticOverflow(_), Ok(sql_type)) => {
                Error::new(Kind::NumericOutOfRange, format!("{sql_type} out of range"))
            }
            (error, _) => error.into(),
        }
    }

    /// Division by zero, and infinities made of finite numbers.
    fn check<T>(&self, result: &ArrayRef, left: &dyn Datum, right: &dyn Datum) -> Result<()>
    where
        T: ArrowPrimitiveType,
        T::Native: Into<f64>,
    {
        let (left, right) = (values::<T>(left), values::<T>(right));
        let at = |values: &PrimitiveArray<T>, row: usize| -> f64 {
            values.value(if values.len() == 1 { 0 } else { row }).into()
        };
        let result = result.as_primitive::<T>();
        if matches!(self.operator, Operator::Divide | Operator::Modulo)
            && right.values().iter().any(|value| (*value).into() == 0.0)
            && (0..result.len()).any(|row| result.is_valid(row) && at(&right, row) == 0.0)
        {
            return Err(Error::new(Kind::DivisionByZero, "division by zero"));
        }
        let infinite = |row: usize| {
            let value: f64 = result.value(row).into();
            value.is_infinite() && result.is_valid(row) && at(&left, row).is_finite() && at(&right, row).is_finite()
        };
        if result.values().iter().any(|value| (*value).into().is_infinite()) && (0..result.len()).any(infinite) {
            return Err(floats::overflow());
        }
        Ok(())
    }
}

/// Numbers of which those that are none are all the same: the processor gives some of them a sign, by which they would be others
/// where they are compared.
fn one_nan<T>(numbers: ArrayRef, nan: T::Native) -> ArrayRef
where
    T: ArrowPrimitiveType<Native: Into<f64>>,
{
    let is_nan = |number: &T::Native| Into::<f64>::into(*number).is_nan();
    let all = numbers.as_primitive::<T>();
    if !all.values().iter().any(is_nan) {
        return numbers;
    }
    Arc::new(all.unary::<_, T>(|number| if is_nan(&number) { nan } else { number }))
}

fn values<T: ArrowPrimitiveType>(datum: &dyn Datum) -> PrimitiveArray<T> {
    datum.get().0.as_primitive::<T>().clone()
}

/// An operand as Arrow's kernels take it.
pub(super) fn datum(operand: &ColumnarValue) -> Result<Box<dyn Datum>> {
    Ok(match operand {
        ColumnarValue::Array(array) => Box::new(array.clone()),
        ColumnarValue::Scalar(value) => Box::new(value.to_scalar()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int32Array};
    use datafusion::common::ScalarValue;

    fn run(operator: Operator, left: ArrayRef, right: ScalarValue) -> Result<ArrayRef, Kind> {
        let data_type = left.data_type().clone();
        let rows = left.len();
        let operands = [ColumnarValue::Array(left), ColumnarValue::Scalar(right)];
        Arithmetic { operator, data_type }.evaluate(&operands, rows).map_err(|error| error.kind())
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(i32::MAX)]));
        let one = ScalarValue::Int32(Some(1));
        assert_eq!(run(Operator::Plus, ints.clone(), one.clone()).unwrap_err(), Kind::NumericOutOfRange);
        assert!(run(Operator::Minus, ints, one).is_ok());
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1e308), None, Some(f64::INFINITY)]));
        let ten = ScalarValue::Float64(Some(10.0));
        assert_eq!(run(Operator::Multiply, floats.clone(), ten.clone()).unwrap_err(), Kind::NumericOutOfRange);
        assert!(run(Operator::Divide, floats.clone(), ten).is_ok());
        let zero = ScalarValue::Float64(Some(0.0));
        assert_eq!(run(Operator::Divide, floats.slice(1, 1), zero.clone()).map(|a| a.null_count()), Ok(1));
        assert_eq!(run(Operator::Divide, floats, zero).unwrap_err(), Kind::DivisionByZero);
    }
}
