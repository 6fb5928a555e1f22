//! `moment AT TIME ZONE zone`: of a moment the clock there, of a clock there the moment.

use super::super::values::TimeZone;
use super::function::{self, Operator};
use super::resolve;
use crate::error::Result;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable};
use std::sync::Arc;

/// `AT TIME ZONE` of a constant zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AtTimeZone {
    zone: String,
    /// Whether the operand is a clock there (`timestamp`), and not a moment (`timestamptz`).
    from_clock: bool,
}

/// What the engine's planner makes of AT TIME ZONE, a cast to nanoseconds there; casts of ours are to microseconds. Any other expression
/// is as it was.
pub fn moved(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    let cast = match expression {
        Expr::Cast(cast) => cast,
        other => return Ok(other),
    };
    let DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) = cast.field.data_type() else {
        return Ok(Expr::Cast(cast));
    };
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let operand = resolve::lend(*cast.expr, Some(&moment))?;
    let data_type = operand.get_type(schema).unwrap_or(moment);
    Ok(function::call(AtTimeZone::of(zone, &data_type)?, vec![operand]))
}

impl AtTimeZone {
    /// The operator for an operand of this type.
    ///
    /// # Errors
    ///
    /// `InvalidParameter` for a zone that is not known.
    pub fn of(zone: &str, operand: &DataType) -> Result<Self> {
        TimeZone::named(zone)?;
        Ok(Self { zone: zone.to_owned(), from_clock: matches!(operand, DataType::Timestamp(_, None)) })
    }

    fn one(&self, zone: TimeZone, micros: i64) -> Result<i64> {
        if self.from_clock { zone.moment(micros) } else { zone.clock(micros) }
    }
}

impl Operator for AtTimeZone {
    fn name(&self) -> &'static str {
        "timezone"
    }

    fn returns(&self) -> Field {
        let zone = self.from_clock.then(|| "UTC".into());
        Field::new("", DataType::Timestamp(TimeUnit::Microsecond, zone), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let zone = TimeZone::named(&self.zone)?;
        let plain = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let moments = match self.from_clock {
            true => operands[0].to_array(rows)?,
            false => cast(&operands[0].to_array(rows)?, &plain)?,
        };
        let moments = cast(&moments, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let moved: TimestampMicrosecondArray = moments
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .map(|micros| micros.map(|micros| self.one(zone, micros)).transpose())
            .collect::<Result<_>>()?;
        Ok(Arc::new(moved.with_data_type(self.returns().data_type().clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn clocks_and_moments_are_eight_hours_apart() {
        let micros = 1_704_067_200_000_000;
        let hours = |n: i64| n * 3_600_000_000;
        let at = |zone: &str, from_clock: bool| {
            let operand = DataType::Timestamp(TimeUnit::Microsecond, (!from_clock).then(|| "UTC".into()));
            let there = AtTimeZone::of(zone, &operand).unwrap();
            there.one(TimeZone::named(zone).unwrap(), micros).unwrap() - micros
        };
        assert_eq!(at("Asia/Shanghai", false), hours(8));
        assert_eq!(at("Asia/Shanghai", true), hours(-8));
        assert_eq!([at("asia/shanghai", false), at("PST", false)], [8, -8].map(hours));
        // Those of POSIX have the other sign.
        assert_eq!(["+08", "UTC+8", "-02:00", "<+03>-3"].map(|zone| at(zone, false)), [-8, -8, 2, 3].map(hours));
        assert_eq!(AtTimeZone::of("Mars/Olympus", &DataType::Date32).unwrap_err().kind(), Kind::InvalidParameter);
    }
}
