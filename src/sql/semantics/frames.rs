//! What windows are ordered by, and how far their frames reach: the engine knows ranges of numbers, texts and moments only. Times of
//! day are numbers there, bytes and the keys of others are their digits, and a distance is one of the same kind.

use super::super::functions::postgres_call;
use super::super::values::read_one;
use super::candidates::name_of;
use super::function::{self, Operator};
use super::interval::length;
use super::keyed;
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunctionParams};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, WindowFrame, WindowFrameBound, WindowFrameUnits, lit,
};

/// A window in an order that the engine finds its frames in.
pub fn keyed(params: &mut WindowFunctionParams, schema: &DFSchema) -> Result<()> {
    if params.window_frame.units == WindowFrameUnits::Range && has_distance(&params.window_frame) {
        let [key] = params.order_by.as_slice() else {
            let message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column";
            return Err(Error::new(Kind::Windowing, message));
        };
        let sql_type = key.expr.to_field(schema).ok().and_then(|(_, field)| SqlType::from_field(&field).ok());
        let frame = &mut params.window_frame;
        if let Some(sql_type) = sql_type {
            frame.start_bound = distance(frame.start_bound.clone(), &sql_type)?;
            frame.end_bound = distance(frame.end_bound.clone(), &sql_type)?;
        }
    }
    let keys = keyed::peers(std::mem::take(&mut params.order_by), schema);
    params.order_by = keys.into_iter().map(|key| SortExpr { expr: ranged(key.expr, schema), ..key }).collect();
    Ok(())
}

/// What stands for a key that the engine finds no ranges of.
fn ranged(key: Expr, schema: &DFSchema) -> Expr {
    match key.get_type(schema) {
        Ok(DataType::Time64(TimeUnit::Microsecond)) => function::call(Micros, vec![key]),
        Ok(DataType::Binary) => postgres_call("encode", vec![key.clone(), lit("hex")]).unwrap_or(key),
        _ => key,
    }
}

/// A time of day in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Micros;

impl Operator for Micros {
    fn name(&self) -> &'static str {
        "micros_of_day"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Int64, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        Ok(cast(&operands[0].to_array(rows)?, &DataType::Int64)?)
    }
}

fn has_distance(frame: &WindowFrame) -> bool {
    [&frame.start_bound, &frame.end_bound].into_iter().any(|bound| match bound {
        WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) => !by.is_null(),
        WindowFrameBound::CurrentRow => false,
    })
}

/// A bound of a frame over keys of a type.
fn distance(bound: WindowFrameBound, over: &SqlType) -> Result<WindowFrameBound> {
    Ok(match bound {
        WindowFrameBound::Preceding(by) => WindowFrameBound::Preceding(reach(by, over)?),
        WindowFrameBound::Following(by) => WindowFrameBound::Following(reach(by, over)?),
        WindowFrameBound::CurrentRow => WindowFrameBound::CurrentRow,
    })
}

/// How far a frame reaches, as the engine reads it beside such keys.
fn reach(by: ScalarValue, over: &SqlType) -> Result<ScalarValue> {
    let ScalarValue::Utf8(Some(text)) = &by else { return Ok(by) };
    let negative = || Error::new(Kind::FrameSize, "invalid preceding or following size in window function");
    let number = |n: i128| if n < 0 { Err(negative()) } else { Ok(ScalarValue::Utf8(Some(n.to_string()))) };
    match over {
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 | SqlType::Numeric(_) | SqlType::Float4 | SqlType::Float8 => {
            match text.trim().starts_with('-') {
                true => Err(negative()),
                false => Ok(by),
            }
        }
        SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz | SqlType::Time | SqlType::Interval => {
            let ScalarValue::IntervalMonthDayNano(Some(interval)) = read_one(text, &SqlType::Interval)? else {
                return Ok(by);
            };
            match over {
                // Months and days are nothing to a time of day.
                SqlType::Time => number(i128::from(interval.nanoseconds / 1000)),
                SqlType::Interval => number(length(interval)),
                _ => number(length(interval)).map(|_| by),
            }
        }
        other => {
            let message =
                format!("RANGE with offset PRECEDING/FOLLOWING is not supported for column type {}", name_of(other));
            Err(Error::new(Kind::Unsupported, message))
        }
    }
}
