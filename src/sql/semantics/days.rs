//! `date + integer`, which fails where no calendar of ours goes; and dates among moments that they are compared with.

use super::function::Operator;
use crate::catalog::SqlType;
use crate::encoding::pg_text::is_infinite_date;
use crate::error::{Error, Kind, Result};
use arrow::array::types::{Date32Type, Int64Type};
use arrow::array::{ArrayRef, AsArray, Date32Array};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{Column, DFSchema, Result as DfResult};
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast};
use std::sync::Arc;

/// Days since 1970 of the first and the last day that there is here (4714 BC, as in PostgreSQL, and the year 262142).
const DAYS: std::ops::RangeInclusive<i64> = -2_440_588..=95_026_236;

/// The type of moments that have a time zone, or have none.
fn moment(zoned: bool) -> DataType {
    if zoned { SqlType::Timestamptz } else { SqlType::Timestamp }.arrow()
}

/// Expressions that are compared, the dates among moments as moments: the engine would count in nanoseconds, which end in 2262.
pub fn as_moments<const N: usize>(all: [Expr; N], schema: &DFSchema) -> [Expr; N] {
    let types = all.each_ref().map(|expr| expr.get_type(schema).ok());
    let zone = |data_type: &Option<DataType>| match data_type {
        Some(DataType::Timestamp(_, zone)) => Some(zone.is_some()),
        _ => None,
    };
    let zones: Vec<bool> = types.iter().filter_map(zone).collect();
    if zones.is_empty() {
        return all;
    }
    let mut types = types.into_iter();
    all.map(|expr| match types.next().flatten() {
        Some(DataType::Date32) => cast(expr, moment(zones.contains(&true))),
        Some(DataType::Timestamp(TimeUnit::Nanosecond, zone)) => cast(expr, moment(zone.is_some())),
        _ => expr,
    })
}

/// Keys of a join, the dates among moments as moments.
pub fn pairs(pairs: Vec<(Expr, Expr)>, left: &DFSchema, right: &DFSchema) -> Vec<(Expr, Expr)> {
    let one = |(a, b): (Expr, Expr)| match (a.get_type(left), b.get_type(right)) {
        (Ok(DataType::Date32), Ok(DataType::Timestamp(_, zone))) => (cast(a, moment(zone.is_some())), b),
        (Ok(DataType::Timestamp(_, zone)), Ok(DataType::Date32)) => (a, cast(b, moment(zone.is_some()))),
        _ => (a, b),
    };
    pairs.into_iter().map(one).collect()
}

/// What is looked for among the rows of a query, and these rows, dates among moments as moments.
pub fn among(expr: Expr, rows: &Arc<LogicalPlan>, schema: &DFSchema) -> DfResult<(Expr, Arc<LogicalPlan>)> {
    let Some((qualifier, field)) = rows.schema().iter().next() else { return Ok((expr, rows.clone())) };
    match (expr.get_type(schema).ok(), field.data_type()) {
        (Some(DataType::Date32), DataType::Timestamp(_, zone)) => {
            Ok((cast(expr, moment(zone.is_some())), rows.clone()))
        }
        (Some(DataType::Timestamp(_, zone)), DataType::Date32) => {
            let column = Expr::Column(Column::from((qualifier, field)));
            let column = cast(column, moment(zone.is_some())).alias_qualified(qualifier.cloned(), field.name());
            let brought = LogicalPlanBuilder::from(rows.as_ref().clone()).project([column])?.build()?;
            Ok((expr, Arc::new(brought)))
        }
        _ => Ok((expr, rows.clone())),
    }
}

/// A date so many days later, or earlier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shifted {
    /// Whether it is earlier.
    pub back: bool,
}

impl Operator for Shifted {
    fn name(&self) -> &'static str {
        if self.back { "days_before" } else { "days_after" }
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Date32, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let dates = arrow_cast(&operands[0].to_array(rows)?, &DataType::Date32)?;
        let days = arrow_cast(&operands[1].to_array(rows)?, &DataType::Int64)?;
        let one = |(date, days): (Option<i32>, Option<i64>)| {
            let (Some(date), Some(days)) = (date, days) else { return Ok(None) };
            if is_infinite_date(date.into()) {
                return Ok(Some(date));
            }
            let moved = if self.back { i64::from(date).checked_sub(days) } else { i64::from(date).checked_add(days) };
            match moved.filter(|days| DAYS.contains(days)).map(i32::try_from) {
                Some(Ok(days)) => Ok(Some(days)),
                _ => Err(Error::new(Kind::DatetimeOutOfRange, "date out of range")),
            }
        };
        let pairs = dates.as_primitive::<Date32Type>().iter().zip(days.as_primitive::<Int64Type>());
        Ok(Arc::new(pairs.map(one).collect::<Result<Date32Array>>()?))
    }
}
