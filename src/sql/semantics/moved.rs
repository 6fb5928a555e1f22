//! Moments moved by intervals, and the time between two: the engine's arithmetic, which knows no ends of time.

use super::super::values::ends;
use super::function::Operator as Function;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::{ColumnarValue, Operator};

/// `moment + interval`, `interval + moment` or `moment - interval`: an end of time stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Moved {
    /// Plus or minus.
    pub operator: Operator,
    /// The type of the result.
    pub data_type: DataType,
}

impl Moved {
    /// Whether an operation is one.
    pub fn is_one(operator: Operator, left: &DataType, right: &DataType) -> bool {
        match operator {
            Operator::Plus => is_moment(left) && is_interval(right) || is_interval(left) && is_moment(right),
            Operator::Minus => is_moment(left) && is_interval(right),
            _ => false,
        }
    }
}

impl Function for Moved {
    fn name(&self) -> &'static str {
        if self.operator == Operator::Plus { "plus" } else { "minus" }
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let (left, right) = (operands[0].to_array(rows)?, operands[1].to_array(rows)?);
        let moment_first = is_moment(left.data_type());
        let (moments, intervals) = if moment_first { (left, right) } else { (right, left) };
        ends::around(&moments, |finite| {
            Ok(match self.operator {
                Operator::Plus => numeric::add(finite, &intervals)?,
                _ => numeric::sub(finite, &intervals)?,
            })
        })
    }
}

/// `moment - moment` and `date - date`, which fail where one is an end of time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Apart {
    /// The type of the result.
    pub data_type: DataType,
}

impl Apart {
    /// Whether an operation is one.
    pub fn is_one(operator: Operator, left: &DataType, right: &DataType) -> bool {
        operator == Operator::Minus && left == right && (is_moment(left) || *left == DataType::Date32)
    }
}

impl Function for Apart {
    fn name(&self) -> &'static str {
        "apart"
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let (left, right) = (operands[0].to_array(rows)?, operands[1].to_array(rows)?);
        let (a, b) = (ends::of(&left), ends::of(&right));
        let is_end = |ends: &Option<ends::Ends>, row: usize| ends.as_ref().is_some_and(|ends| ends[row].is_some());
        let both = |row: usize| left.is_valid(row) && right.is_valid(row);
        if (a.is_some() || b.is_some()) && (0..left.len()).any(|row| both(row) && (is_end(&a, row) || is_end(&b, row)))
        {
            let what = if *left.data_type() == DataType::Date32 { "dates" } else { "timestamps" };
            return Err(Error::new(Kind::DatetimeOutOfRange, format!("cannot subtract infinite {what}")));
        }
        // Beside a NULL there may be one still.
        let finite = |array: &ArrayRef, ends: &Option<ends::Ends>| match ends {
            Some(ends) => ends::without(array, ends),
            None => Ok(array.clone()),
        };
        let (left, right) = (finite(&left, &a)?, finite(&right, &b)?);
        match (left.data_type(), &self.data_type) {
            // Days are counted.
            (DataType::Date32, DataType::Int64) => {
                let days = |dates: &ArrayRef| cast(&cast(dates, &DataType::Int32)?, &DataType::Int64);
                Ok(numeric::sub(&days(&left)?, &days(&right)?)?)
            }
            _ => Ok(numeric::sub(&left, &right)?),
        }
    }
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..))
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}
