//! Parts of moments and of lengths of time, and rounding of floating point.

use super::super::values::{Zone, clock_of, convert, ends};
use super::function::Operator;
use super::interval::Elapsed;
use crate::catalog::SqlType;
use crate::encoding::pg_text::is_infinite_moment;
use crate::error::{Error, Kind, Result};
use arrow::array::types::{
    Float32Type, Float64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDate};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

const SECOND_MICROS: i128 = 1_000_000;
const MINUTE_MICROS: i128 = 60_000_000;
const HOUR_MICROS: i128 = 3_600_000_000;
const DAY_MICROS: i128 = 86_400_000_000;
/// A year of an interval in EXTRACT(EPOCH): 365.25 days.
const YEAR_MICROS: i128 = 365 * DAY_MICROS + DAY_MICROS / 4;
/// The Julian day of 1970-01-01.
const JULIAN_1970: i128 = 2_440_588;

/// Begins the name of a part that `date_part` asks for: to it a date is its midnight, which has hours.
pub const DATE_PART: char = '\u{1}';

/// What EXTRACT can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Julian,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Epoch,
    Zone,
    ZoneHour,
    ZoneMinute,
}

impl Part {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "millennium" | "millennia" | "mil" | "mils" => Self::Millennium,
            "century" | "centuries" | "cent" | "c" => Self::Century,
            "decade" | "decades" | "dec" | "decs" => Self::Decade,
            "year" | "years" | "y" | "yr" | "yrs" => Self::Year,
            "isoyear" => Self::IsoYear,
            "quarter" | "qtr" => Self::Quarter,
            "month" | "months" | "mon" | "mons" => Self::Month,
            "week" | "weeks" | "w" => Self::Week,
            "day" | "days" | "d" => Self::Day,
            "dow" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "doy" => Self::DayOfYear,
            "julian" | "jd" | "j" => Self::Julian,
            "hour" | "hours" | "h" | "hr" | "hrs" => Self::Hour,
            "minute" | "minutes" | "m" | "min" | "mins" => Self::Minute,
            "second" | "seconds" | "s" | "sec" | "secs" => Self::Second,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" | "msecond" | "mseconds" => Self::Millisecond,
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" | "usecond" | "useconds" => Self::Microsecond,
            "epoch" => Self::Epoch,
            "timezone" => Self::Zone,
            "timezone_hour" | "timezone_h" => Self::ZoneHour,
            "timezone_minute" | "timezone_m" => Self::ZoneMinute,
            _ => return None,
        })
    }

    /// Whether it is of a day and not of its hours.
    fn is_of_day(self) -> bool {
        use Part::{Epoch, Hour, Microsecond, Millisecond, Minute, Second};
        !matches!(self, Hour | Minute | Second | Millisecond | Microsecond | Epoch) && !self.is_of_zone()
    }

    /// Whether it is how far the clock is from Greenwich's.
    fn is_of_zone(self) -> bool {
        matches!(self, Self::Zone | Self::ZoneHour | Self::ZoneMinute)
    }
}

/// `EXTRACT(part FROM moment)` as numeric.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Extract {
    part: Part,
    /// Places after the point.
    scale: i8,
    /// The type that it is taken from.
    from: DataType,
    /// Whose clock shows the zone.
    zone: Zone,
    /// Whether it is double precision, as that of `date_part`, and not numeric.
    float: bool,
}

impl Extract {
    /// Whether it is the same wherever the clock stands: what has passed since a moment.
    pub fn is_of_moment(&self) -> bool {
        self.part == Part::Epoch
    }

    /// Whether it is how far a clock is from Greenwich's.
    pub fn is_of_zone(&self) -> bool {
        self.part.is_of_zone()
    }

    /// The same part by a zone's clocks.
    pub fn in_zone(&self, zone: &Zone) -> Self {
        Self { zone: zone.clone(), ..self.clone() }
    }

    /// The same part of what a clock shows.
    pub fn of_clock(&self) -> Self {
        Self { from: SqlType::Timestamp.arrow(), ..self.clone() }
    }

    /// The same part as double precision.
    pub fn as_float(&self) -> Self {
        Self { float: true, ..self.clone() }
    }

    /// The part of this name of a type.
    ///
    /// # Errors
    ///
    /// `InvalidParameter` for no part at all, `Unsupported` for one that the type has not.
    pub fn of(name: &str, from: &DataType) -> Result<Self> {
        // EXTRACT takes it as an identifier or as a text too.
        let (name, of_moment) = match name.strip_prefix(DATE_PART) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let folded = name.trim().trim_matches(['"', '\'']).to_lowercase();
        let shown = SqlType::from_arrow(from).map_or_else(|_| from.to_string(), |t| t.to_string());
        let Some(part) = Part::named(&folded) else {
            return Err(Error::new(
                Kind::InvalidParameter,
                format!("unit \"{folded}\" not recognized for type {shown}"),
            ));
        };
        let has = match from {
            DataType::Date32 | DataType::Date64 if of_moment => !part.is_of_zone(),
            DataType::Date32 | DataType::Date64 => part.is_of_day() || part == Part::Epoch,
            DataType::Timestamp(_, None) => !part.is_of_zone(),
            DataType::Timestamp(..) => true,
            DataType::Time32(_) | DataType::Time64(_) => !part.is_of_day() && !part.is_of_zone(),
            DataType::Interval(_) | DataType::Duration(_) => !matches!(
                part,
                Part::Week
                    | Part::DayOfWeek
                    | Part::IsoDayOfWeek
                    | Part::DayOfYear
                    | Part::IsoYear
                    | Part::Julian
                    | Part::Zone
                    | Part::ZoneHour
                    | Part::ZoneMinute
            ),
            _ => {
                let message = format!("function pg_catalog.extract(unknown, {shown}) does not exist");
                return Err(Error::new(Kind::UndefinedFunction, message));
            }
        };
        if !has {
            let message = format!("unit \"{folded}\" not supported for type {shown}");
            return Err(Error::new(Kind::Unsupported, message));
        }
        let is_date = matches!(from, DataType::Date32 | DataType::Date64);
        let scale = match part {
            Part::Epoch if is_date => 0,
            Part::Epoch | Part::Second => 6,
            Part::Millisecond => 3,
            // A part of a day, in digits that microseconds come to.
            Part::Julian if !is_date => 20,
            _ => 0,
        };
        Ok(Self { part, scale, from: from.clone(), zone: Zone::default(), float: false })
    }

    fn values(&self, array: &ArrayRef) -> Result<Vec<Option<i128>>> {
        Ok(match &self.from {
            DataType::Time32(_) | DataType::Time64(_) => {
                let array = cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
                let times = array.as_primitive::<Time64MicrosecondType>();
                times.iter().map(|micros| micros.map(|micros| self.of_time(micros.into()))).collect()
            }
            DataType::Interval(_) | DataType::Duration(_) => {
                let array = match array.data_type() {
                    DataType::Duration(_) => Elapsed.evaluate(&[ColumnarValue::Array(array.clone())], array.len())?,
                    _ => array.clone(),
                };
                let lengths = array.as_primitive::<IntervalMonthDayNanoType>();
                lengths
                    .iter()
                    .map(|v| v.map(|v| self.of_length(v.months, v.days, (v.nanoseconds / 1000).into())))
                    .collect()
            }
            _ => {
                let array = ends::cast_moments(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
                let moments = array.as_primitive::<TimestampMicrosecondType>();
                moments
                    .iter()
                    .map(|micros| {
                        let finite = micros.filter(|micros| !is_infinite_moment(*micros));
                        finite.map(|micros| self.of_moment(micros)).transpose()
                    })
                    .collect::<Result<_>>()?
            }
        })
    }

    /// Of microseconds since midnight.
    fn of_time(&self, micros: i128) -> i128 {
        match self.part {
            Part::Hour => micros / HOUR_MICROS,
            Part::Minute => micros / MINUTE_MICROS % 60,
            Part::Epoch => micros,
            // The scale of the result says what they count.
            _ => micros % MINUTE_MICROS,
        }
    }

    fn of_length(&self, months: i32, days: i32, micros: i128) -> i128 {
        let (years, months) = (i128::from(months / 12), i128::from(months % 12));
        match self.part {
            Part::Millennium => years / 1000,
            Part::Century => years / 100,
            Part::Decade => years / 10,
            Part::Year => years,
            Part::Quarter => months / 3 + 1,
            Part::Month => months,
            Part::Day => days.into(),
            Part::Epoch => years * YEAR_MICROS + (months * 30 + i128::from(days)) * DAY_MICROS + micros,
            _ => self.of_time(micros),
        }
    }

    /// Seconds east of Greenwich, or the hours or the minutes of them.
    fn of_zone(&self, micros: i64) -> Result<i128> {
        let out_of_range = || Error::new(Kind::DatetimeOutOfRange, "timestamp out of range");
        let clock = clock_of(self.zone.name().parse()?, micros).ok_or_else(out_of_range)?;
        let seconds = (i128::from(clock) - i128::from(micros)) / SECOND_MICROS;
        Ok(match self.part {
            Part::ZoneHour => seconds / 3600,
            Part::ZoneMinute => seconds / 60 % 60,
            _ => seconds,
        })
    }

    fn of_moment(&self, micros: i64) -> Result<i128> {
        let days = i128::from(micros).div_euclid(DAY_MICROS);
        let time = i128::from(micros).rem_euclid(DAY_MICROS);
        match self.part {
            part if part.is_of_zone() => return self.of_zone(micros),
            Part::Epoch if self.scale == 0 => return Ok(i128::from(micros) / SECOND_MICROS),
            Part::Epoch => return Ok(micros.into()),
            Part::Julian if self.scale == 0 => return Ok(days + JULIAN_1970),
            Part::Julian => {
                let unit = 10i128.pow(self.scale.unsigned_abs().into());
                // Half-way cases go up, as in a quotient of numeric.
                return Ok((days + JULIAN_1970) * unit + (time * unit + DAY_MICROS / 2) / DAY_MICROS);
            }
            part if !part.is_of_day() => return Ok(self.of_time(time)),
            _ => {}
        }
        let moment = DateTime::from_timestamp_micros(micros);
        let date: NaiveDate =
            moment.ok_or_else(|| Error::new(Kind::DatetimeOutOfRange, "timestamp out of range"))?.date_naive();
        // No year is zero: before the first one is 1 BC.
        let year = |year: i32| i128::from(if year > 0 { year } else { year - 1 });
        let group = |years: i128| {
            let year = i128::from(date.year());
            if year > 0 { (year + years - 1) / years } else { -((years - year) / years) }
        };
        Ok(match self.part {
            Part::Millennium => group(1000),
            Part::Century => group(100),
            Part::Decade => i128::from(date.year()).div_euclid(10),
            Part::Year => year(date.year()),
            Part::IsoYear => year(date.iso_week().year()),
            Part::Quarter => (date.month0() / 3 + 1).into(),
            Part::Month => date.month().into(),
            Part::Week => date.iso_week().week().into(),
            Part::Day => date.day().into(),
            Part::DayOfWeek => date.weekday().num_days_from_sunday().into(),
            Part::IsoDayOfWeek => date.weekday().number_from_monday().into(),
            _ => date.ordinal().into(),
        })
    }
}

impl Operator for Extract {
    fn name(&self) -> &'static str {
        "extract"
    }

    fn returns(&self) -> Field {
        if self.float {
            return Field::new("", DataType::Float64, true);
        }
        Field::new("", self.decimal(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let array = operands[0].to_array(rows)?;
        let ends = self.endless(&array)?;
        let values: Decimal128Array = self.values(&array)?.into_iter().collect();
        let values: ArrayRef = Arc::new(values.with_data_type(self.decimal()));
        if !self.float {
            return Ok(values);
        }
        let floats = convert(&Field::new("", self.decimal(), true), &values, &SqlType::Float8)?;
        let Some(ends) = ends else { return Ok(floats) };
        let sign = |later: bool| if later { f64::INFINITY } else { f64::NEG_INFINITY };
        let floats = floats.as_primitive::<Float64Type>().iter().zip(ends);
        Ok(Arc::new(floats.map(|(value, end)| end.map(sign).or(value)).collect::<Float64Array>()))
    }
}

impl Extract {
    fn decimal(&self) -> DataType {
        DataType::Decimal128(if self.scale > 6 { 38 } else { 20 }, self.scale)
    }

    /// The ends of time among values, for a part that goes on growing: it is infinite there, and any other is NULL.
    fn endless(&self, array: &ArrayRef) -> Result<Option<ends::Ends>> {
        use Part::{Century, Decade, Epoch, IsoYear, Julian, Millennium, Year};
        let ends = ends::of(array)
            .filter(|_| matches!(self.part, Millennium | Century | Decade | Year | IsoYear | Julian | Epoch));
        match ends.is_some() && !self.float {
            true => Err(Error::new(Kind::NumericOutOfRange, "a numeric is a finite number here")
                .with_hint("Use date_part(), which is double precision.")),
            false => Ok(ends),
        }
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
