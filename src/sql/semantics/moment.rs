//! Parts of a moment that have a fraction, and rounding of floating point: where the engine gives whole numbers, or others.

use super::function::Operator;
use crate::error::{Error, Kind, Result};
use arrow::array::types::{
    Float32Type, Float64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

const MINUTE_MICROS: i128 = 60_000_000;
const DAY_MICROS: i128 = 86_400_000_000;
/// A year of an interval in EXTRACT(EPOCH): 365.25 days.
const YEAR_MICROS: i128 = 365 * DAY_MICROS + DAY_MICROS / 4;

/// `EXTRACT(part FROM moment)` as numeric, for the parts that count microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Extract {
    /// Whether it is the whole time since 1970, and not that of the minute.
    epoch: bool,
    /// Places after the point of what microseconds come to.
    scale: i8,
}

impl Extract {
    /// The part of this name, if it is such a one.
    pub fn part(name: &str) -> Option<Self> {
        let (epoch, scale) = match name.to_ascii_lowercase().trim_end_matches('s') {
            "epoch" => (true, 6),
            "second" => (false, 6),
            "millisecond" => (false, 3),
            "microsecond" => (false, 0),
            _ => return None,
        };
        Some(Self { epoch, scale })
    }

    fn micros(&self, array: &ArrayRef) -> Result<Vec<Option<i128>>> {
        let within = |micros: i128| if self.epoch { micros } else { micros.rem_euclid(MINUTE_MICROS) };
        Ok(match array.data_type() {
            DataType::Time32(_) | DataType::Time64(_) => {
                let array = cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
                array.as_primitive::<Time64MicrosecondType>().iter().map(|v| v.map(|v| within(v.into()))).collect()
            }
            DataType::Interval(_) => {
                let of = |months: i32, days: i32, nanos: i64| {
                    let time = i128::from(nanos / 1000);
                    match self.epoch {
                        true => {
                            let (years, months) = (i128::from(months / 12), i128::from(months % 12));
                            years * YEAR_MICROS + (months * 30 + i128::from(days)) * DAY_MICROS + time
                        }
                        false => time % MINUTE_MICROS,
                    }
                };
                let array = array.as_primitive::<IntervalMonthDayNanoType>();
                array.iter().map(|v| v.map(|v| of(v.months, v.days, v.nanoseconds))).collect()
            }
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
                let array = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
                array.as_primitive::<TimestampMicrosecondType>().iter().map(|v| v.map(|v| within(v.into()))).collect()
            }
            DataType::Duration(_) => {
                let array = cast(&cast(array, &DataType::Duration(TimeUnit::Microsecond))?, &DataType::Int64)?;
                let array = array.as_primitive::<arrow::array::types::Int64Type>();
                let of = |v: i64| if self.epoch { i128::from(v) } else { i128::from(v) % MINUTE_MICROS };
                array.iter().map(|v| v.map(of)).collect()
            }
            _ => return Err(Error::new(Kind::UndefinedFunction, "EXTRACT takes a date, a time or an interval")),
        })
    }
}

impl Operator for Extract {
    fn name(&self) -> &'static str {
        "extract"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Decimal128(20, self.scale), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let values: Decimal128Array = self.micros(&operands[0].to_array(rows)?)?.into_iter().collect();
        Ok(Arc::new(values.with_precision_and_scale(20, self.scale)?))
    }
}

/// `round(double precision)`: half-way cases to the even number (IEEE 754).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Round {
    /// `real` or `double precision`.
    pub data_type: DataType,
}

impl Operator for Round {
    fn name(&self) -> &'static str {
        "round"
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let array = operands[0].to_array(rows)?;
        Ok(match self.data_type {
            DataType::Float32 => {
                Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::round_ties_even))
            }
            _ => Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even)),
        })
    }
}
