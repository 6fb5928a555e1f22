//! What of an expression the session's time zone decides, casts aside: parts of moments, sums with days and months.
//!
//! The engine computes in UTC. Where it is asked what a clock shows, the moment becomes what the session's clock shows before,
//! and moments become moments again behind. With UTC nothing is done.

use super::super::functions;
use super::super::values::{Zone, clock_of, has_moments, moment_of};
use super::cast::Cast;
use super::function::{self, Operator};
use super::moment::Extract;
use super::truncated::Truncated;
use crate::catalog::SqlType;
use crate::encoding::pg_text::is_infinite_moment;
use crate::error::{Error, Kind, Result};
use arrow::array::timezone::Tz;
use arrow::array::types::{IntervalMonthDayNanoType, TimestampMicrosecondType};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, TimestampMicrosecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, IntervalUnit, TimeUnit};
use chrono::{DateTime, Days, Months};
use datafusion::common::config::{ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::config::ConfigEntry;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator as Sign, lit};
use std::any::Any;
use std::sync::Arc;

/// The session's zone, where the engine's rules find it.
#[derive(Debug, Clone, Default)]
pub struct SessionZone(pub Zone);

impl ConfigExtension for SessionZone {
    const PREFIX: &'static str = "session_zone";
}

impl ExtensionOptions for SessionZone {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, _: &str, _: &str) -> DfResult<()> {
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

/// The zone that a configuration holds.
pub fn zone_of(config: &ConfigOptions) -> Zone {
    config.extensions.get::<SessionZone>().map(|zone| zone.0.clone()).unwrap_or_default()
}

/// Values of a series at most.
pub(super) const SERIES_MAX: usize = 50_000_000;

/// Functions whose last argument's clock counts: what they give is no moment.
const PARTS: [&str; 4] = ["date_part", "extract", "to_char", "datepart"];

/// The engine's function of the values from one bound to another.
const SERIES: &str = "generate_series";

/// The function that does as another one by the clocks of a zone, which is its last argument.
fn in_zone(name: &str, arguments: usize) -> Option<&'static str> {
    match (name, arguments) {
        ("to_char", 2) => Some("to_char_in_zone"),
        ("date_trunc", 2) => Some("date_trunc_in_zone"),
        _ => None,
    }
}

/// Whether an expression asks what the session's clock shows.
pub fn is_asked(expr: &Expr, schema: &DFSchema) -> DfResult<bool> {
    Ok(match expr {
        Expr::ScalarFunction(call) => {
            makes_moment(call).is_some()
                || truncates(call).is_some()
                || moment_at(call, schema)?.is_some()
                || writes_moments(call, schema)?
                || counts_both(call, schema)?
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Sign::Plus | Sign::Minus, right }) => {
            let (left, right) = (left.get_type(schema)?, right.get_type(schema)?);
            is_moment(&left) && is_clock(&right)
                || is_clock(&left) && is_moment(&right)
                || is_moment(&left) && is_interval(&right)
                || is_interval(&left) && is_moment(&right)
        }
        _ => false,
    })
}

/// What makes a moment of what a clock shows, with the zone of the clock behind its arguments.
fn makes_moment(call: &ScalarFunction) -> Option<&'static str> {
    match (call.name(), call.args.len()) {
        ("to_timestamp", 2) => Some("to_timestamp_in_zone"),
        ("make_timestamptz", 6) => Some("make_timestamptz_in_zone"),
        _ => None,
    }
}

/// At what a call cuts moments, if it does.
fn truncates(call: &ScalarFunction) -> Option<String> {
    let truncated = function::operator_of::<Truncated>(call)?;
    is_moment(&truncated.data_type).then(|| truncated.unit.clone())
}

/// Whether a call is of two moments whose clocks count: `age`, or a series of them.
fn counts_both(call: &ScalarFunction, schema: &DFSchema) -> DfResult<bool> {
    let wanted = match call.name() {
        "age" => 2,
        SERIES => 3,
        _ => return Ok(false),
    };
    match call.args.as_slice() {
        [from, to, ..] if call.args.len() == wanted => {
            Ok(is_moment(&from.get_type(schema)?) && is_moment(&to.get_type(schema)?))
        }
        _ => Ok(false),
    }
}

/// Whether a call writes moments among whatever else it is given.
fn writes_moments(call: &ScalarFunction, schema: &DFSchema) -> DfResult<bool> {
    for (at, argument) in call.args.iter().enumerate() {
        if functions::takes_anything(&call.func, at) && has_moments(&argument.get_type(schema)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The place of the moment among a call's arguments, if its clock counts.
fn moment_at(call: &ScalarFunction, schema: &DFSchema) -> DfResult<Option<usize>> {
    let part = function::operator_of::<Extract>(call);
    let place = match call.name() {
        _ if let Some(part) = part => (!part.is_of_moment()).then_some(0),
        // The parts of a moment that no clock shows.
        "date_part" | "extract"
            if is_one_of(call.args.first(), &["epoch", "timezone", "timezone_hour", "timezone_minute"]) =>
        {
            None
        }
        "to_char" => Some(0),
        "date_trunc" if call.args.len() == 2 => Some(1),
        name if PARTS.contains(&name) => Some(1),
        _ => None,
    };
    let Some(place) = place else { return Ok(None) };
    let Some(argument) = call.args.get(place) else { return Ok(None) };
    Ok(is_moment(&argument.get_type(schema)?).then_some(place))
}

fn is_one_of(argument: Option<&Expr>, words: &[&str]) -> bool {
    let Some(Expr::Literal(value, _)) = argument else { return false };
    value.try_as_str().flatten().is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(_)))
}

/// What a clock shows, and of which zone is not said.
fn is_clock(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, None) | DataType::Date32)
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

/// Such an expression by the session's clocks.
pub fn with_clocks(expr: Expr, schema: &DFSchema, zone: &Zone) -> DfResult<Expr> {
    let had = expr.get_type(schema)?;
    let by_clock = by_clock(expr, schema, zone)?;
    // Operands beside it were brought to the type that the engine took it to have.
    match by_clock.get_type(schema)? == had {
        true => Ok(by_clock),
        false => Ok(datafusion::logical_expr::cast(by_clock, had)),
    }
}

fn by_clock(expr: Expr, schema: &DFSchema, zone: &Zone) -> DfResult<Expr> {
    match expr {
        Expr::ScalarFunction(call) if let Some(name) = makes_moment(&call) => {
            let args = call.args.iter().cloned().chain([lit(zone.name())]).collect();
            Ok(functions::postgres_call(name, args).unwrap_or(Expr::ScalarFunction(call)))
        }
        Expr::ScalarFunction(call) if let Some(unit) = truncates(&call) => {
            let args = [lit(unit)].into_iter().chain(call.args.iter().cloned()).chain([lit(zone.name())]).collect();
            Ok(functions::postgres_call("date_trunc_in_zone", args).unwrap_or(Expr::ScalarFunction(call)))
        }
        Expr::ScalarFunction(mut call) if writes_moments(&call, schema)? => {
            for (at, argument) in call.args.iter_mut().enumerate() {
                let shown = zone.shown_type(&argument.get_type(schema)?);
                if let Some(data_type) = shown.filter(|_| functions::takes_anything(&call.func, at)) {
                    let moments = std::mem::replace(argument, Expr::Literal(ScalarValue::Null, None));
                    *argument = function::call(Shown { data_type }, vec![moments]);
                }
            }
            Ok(Expr::ScalarFunction(call))
        }
        Expr::ScalarFunction(call) if call.name() == SERIES => Ok(function::call(
            Series { zone: zone.name().to_owned(), data_type: SqlType::Timestamptz.arrow() },
            call.args,
        )),
        Expr::ScalarFunction(mut call) if counts_both(&call, schema)? => {
            for argument in &mut call.args {
                let to_clock =
                    Cast { from: SqlType::Timestamptz.field(""), to: SqlType::Timestamp, zone: zone.clone() };
                *argument = function::call(to_clock, vec![std::mem::take(argument)]);
            }
            Ok(Expr::ScalarFunction(call))
        }
        Expr::ScalarFunction(call)
            if let Some(in_zone) = in_zone(call.name(), call.args.len())
                && moment_at(&call, schema)?.is_some() =>
        {
            let args = call.args.iter().cloned().chain([lit(zone.name())]).collect();
            Ok(functions::postgres_call(in_zone, args).unwrap_or(Expr::ScalarFunction(call)))
        }
        Expr::ScalarFunction(mut call) => {
            let Some(at) = moment_at(&call, schema)? else { return Ok(Expr::ScalarFunction(call)) };
            if let Some(part) = function::operator_of::<Extract>(&call).filter(|part| part.is_of_zone()) {
                return Ok(function::call(part.in_zone(zone), call.args));
            }
            let moment = std::mem::replace(&mut call.args[at], Expr::Literal(ScalarValue::Null, None));
            let to_clock = Cast { from: SqlType::Timestamptz.field(""), to: SqlType::Timestamp, zone: zone.clone() };
            call.args[at] = function::call(to_clock, vec![moment]);
            if let Some(part) = function::operator_of::<Extract>(&call) {
                return Ok(function::call(part.of_clock(), call.args));
            }
            Ok(Expr::ScalarFunction(call))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if is_clock(&left.get_type(schema)?) || is_clock(&right.get_type(schema)?) =>
        {
            let moment = |side: Expr| -> DfResult<Expr> {
                let from = match side.get_type(schema)? {
                    DataType::Date32 => SqlType::Date,
                    DataType::Timestamp(_, None) => SqlType::Timestamp,
                    _ => return Ok(side),
                };
                let to_moment = Cast { from: from.field(""), to: SqlType::Timestamptz, zone: zone.clone() };
                Ok(function::call(to_moment, vec![side]))
            };
            let (left, right) = (Box::new(moment(*left)?), Box::new(moment(*right)?));
            Ok(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (moment, interval) = if is_interval(&left.get_type(schema)?) { (right, left) } else { (left, right) };
            let operator = Later { zone: zone.name().to_owned(), back: op == Sign::Minus };
            Ok(function::call(operator, vec![*moment, *interval]))
        }
        other => Ok(other),
    }
}

/// Moments under the name of a zone, whose clocks show them where they are written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shown {
    data_type: DataType,
}

impl Operator for Shown {
    fn name(&self) -> &'static str {
        "shown"
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        Ok(cast(&operands[0].to_array(rows)?, &self.data_type)?)
    }
}

/// A moment and an interval: months and days go by the clock of a zone, the rest by time that passes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Later {
    zone: String,
    back: bool,
}

impl Later {
    fn one(&self, zone: Tz, micros: i64, span: (i32, i32, i64)) -> Option<i64> {
        match is_infinite_moment(micros) {
            true => Some(micros),
            false => self.moved(zone, micros, span),
        }
    }

    fn moved(&self, zone: Tz, micros: i64, (months, days, nanos): (i32, i32, i64)) -> Option<i64> {
        let sign = if self.back { -1 } else { 1 };
        let (months, days) = (i64::from(months) * sign, i64::from(days) * sign);
        let mut moved = micros;
        if months != 0 || days != 0 {
            let clock = DateTime::from_timestamp_micros(clock_of(zone, micros)?)?.naive_utc();
            let count = |value: i64| u32::try_from(value.unsigned_abs()).ok();
            let clock = match months {
                0.. => clock.checked_add_months(Months::new(count(months)?))?,
                _ => clock.checked_sub_months(Months::new(count(months)?))?,
            };
            let clock = match days {
                0.. => clock.checked_add_days(Days::new(days.unsigned_abs()))?,
                _ => clock.checked_sub_days(Days::new(days.unsigned_abs()))?,
            };
            moved = moment_of(zone, clock.and_utc().timestamp_micros())?;
        }
        moved.checked_add((nanos / 1000).checked_mul(sign)?)
    }
}

/// The moments from one to another, each by an interval later on the clocks of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Series {
    zone: String,
    /// What its values are: `timestamptz`, or `timestamp` where the zone is that of no place.
    data_type: DataType,
}

/// The moments, or the timestamps, from one to another, each by an interval later: the engine's series begins in 1677 and ends in
/// 2262. Days are those of UTC, until the session's zone is known.
pub fn series(args: Vec<Expr>, of_moments: bool) -> Expr {
    let of = if of_moments { SqlType::Timestamptz } else { SqlType::Timestamp };
    function::call(Series { zone: "UTC".to_owned(), data_type: of.arrow() }, args)
}

impl Series {
    fn one(&self, zone: Tz, (from, to): (i64, i64), step: IntervalMonthDayNano, out: &mut Vec<i64>) -> Result<()> {
        let parts = (step.months, step.days, step.nanoseconds);
        let ahead = step_sign(step);
        if ahead == 0 {
            return Err(Error::new(Kind::InvalidParameter, "step size cannot equal zero"));
        }
        let later = Later { zone: self.zone.clone(), back: false };
        let mut at = from;
        while (ahead > 0 && at <= to) || (ahead < 0 && at >= to) {
            out.push(at);
            if out.len() > SERIES_MAX {
                return Err(Error::new(Kind::LimitExceeded, "the series has too many values"));
            }
            let next = later.one(zone, at, parts).filter(|next| !is_infinite_moment(*next));
            at = next.ok_or_else(|| Error::new(Kind::DatetimeOutOfRange, "timestamp out of range"))?;
        }
        Ok(())
    }
}

/// Whether an interval is ahead, back, or nowhere.
fn step_sign(step: IntervalMonthDayNano) -> i64 {
    let days = i128::from(step.months) * 30 + i128::from(step.days);
    (days * 86_400_000_000_000 + i128::from(step.nanoseconds)).signum() as i64
}

impl Operator for Series {
    fn name(&self) -> &'static str {
        SERIES
    }

    fn counts_rows(&self) -> bool {
        true
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::new_list(self.data_type.clone(), true), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let zone: Tz = self.zone.parse()?;
        let bound = |at: usize| -> Result<ArrayRef> { Ok(cast(&operands[at].to_array(rows)?, &self.data_type)?) };
        let (from, to) = (bound(0)?, bound(1)?);
        let (from, to) =
            (from.as_primitive::<TimestampMicrosecondType>(), to.as_primitive::<TimestampMicrosecondType>());
        let steps = cast(&operands[2].to_array(rows)?, &DataType::Interval(IntervalUnit::MonthDayNano))?;
        let steps = steps.as_primitive::<IntervalMonthDayNanoType>();
        let (mut values, mut lengths, mut valid) = (Vec::new(), Vec::with_capacity(rows), Vec::with_capacity(rows));
        for row in 0..from.len() {
            let before = values.len();
            let known = from.is_valid(row) && to.is_valid(row) && steps.is_valid(row);
            if known {
                self.one(zone, (from.value(row), to.value(row)), steps.value(row), &mut values)?;
            }
            lengths.push(values.len() - before);
            valid.push(known);
        }
        let values: ArrayRef = Arc::new(TimestampMicrosecondArray::from(values).with_data_type(self.data_type.clone()));
        let DataType::List(item) = self.returns().data_type().clone() else {
            return Err(Error::internal("a series is no list"));
        };
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(item, offsets, values, Some(NullBuffer::from(valid)))?))
    }
}

impl Operator for Later {
    fn name(&self) -> &'static str {
        if self.back { "minus" } else { "plus" }
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let zone: Tz = self.zone.parse()?;
        let moments = cast(&operands[0].to_array(rows)?, self.returns().data_type())?;
        let intervals = cast(&operands[1].to_array(rows)?, &DataType::Interval(IntervalUnit::MonthDayNano))?;
        let moments = moments.as_primitive::<TimestampMicrosecondType>().iter();
        let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>().iter();
        let out_of_range = || Error::new(Kind::DatetimeOutOfRange, "timestamp out of range");
        let moved = moments.zip(intervals).map(|pair| match pair {
            (Some(moment), Some(interval)) => {
                let parts = (interval.months, interval.days, interval.nanoseconds);
                self.one(zone, moment, parts).map(Some).ok_or_else(out_of_range)
            }
            _ => Ok(None),
        });
        let moved = moved.collect::<Result<TimestampMicrosecondArray>>()?;
        Ok(Arc::new(moved.with_timezone("UTC")))
    }
}
