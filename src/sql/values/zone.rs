//! A session's time zone.
//!
//! A `timestamptz` is a moment, kept in UTC. A session's zone counts wherever a moment becomes a text, a date or a clock's time, or
//! is made of one.

use super::moment::with_day;
use super::time_zone::{clock_of, moment_of, out_of_range, zone_name};
use super::{assign, convert, ends, read};
use crate::catalog::SqlType;
use crate::error::{Error, Result};
use arrow::array::timezone::Tz;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, TimestampMicrosecondArray};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use std::sync::Arc;

/// A session's time zone; none is UTC.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Zone(Option<Arc<str>>);

impl Zone {
    /// The zone that a setting names; UTC if it names none.
    pub fn named(setting: &str) -> Self {
        let name = zone_name(setting).filter(|name| !matches!(name.as_str(), "UTC" | "+00:00" | "-00:00"));
        Self(name.map(Into::into))
    }

    /// Whether it is UTC.
    pub fn is_utc(&self) -> bool {
        self.0.is_none()
    }

    /// Its name as Arrow knows it.
    pub fn name(&self) -> &str {
        self.0.as_deref().unwrap_or("UTC")
    }

    /// As [`super::assign`], with clocks of this zone.
    pub fn assign(&self, array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
        match self.counts(array.data_type(), &target.arrow()) {
            false => assign(array, target),
            // The types are told apart as they are without a zone.
            true => {
                assign(&array.slice(0, 0), target)?;
                let from = Field::new("", array.data_type().clone(), true);
                match target.length_max() {
                    // A cast would cut what is too long.
                    Some(_) => assign(&self.changed(&from, array, &SqlType::Text)?, target),
                    None => self.changed(&from, array, target),
                }
            }
        }
    }

    /// As [`super::convert`], with clocks of this zone.
    pub fn convert(&self, from: &Field, array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
        match self.counts(array.data_type(), &target.arrow()) {
            false => convert(from, array, target),
            true => {
                convert(from, &array.slice(0, 0), target)?;
                self.changed(from, array, target)
            }
        }
    }

    /// Whether a change between two types asks what a clock shows.
    pub fn counts(&self, from: &DataType, to: &DataType) -> bool {
        !self.is_utc() && from != to && (has_moments(from) != has_moments(to)) && *from != DataType::Null
    }

    fn changed(&self, from: &Field, array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
        let zone: Tz = self.name().parse()?;
        match (array.data_type(), target) {
            (
                DataType::Timestamp(_, Some(_)),
                SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) | SqlType::Json | SqlType::Jsonb,
            ) => convert(from, &self.shown(array)?, target),
            (DataType::Timestamp(_, Some(_)), _) => {
                convert(&clock_field(), &each(array, |micros| clock_of(zone, micros), None)?, target)
            }
            (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, SqlType::Timestamptz) => self.read(array),
            (DataType::List(_) | DataType::Struct(_), SqlType::Text | SqlType::Varchar(_)) => {
                convert(from, &self.shown(array)?, target)
            }
            (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, SqlType::Array(_)) => {
                let texts = SqlType::Array(Box::new(SqlType::Text));
                let lists = read(cast(array, &DataType::Utf8)?.as_string(), &texts)?;
                self.changed(&texts.field(""), &lists, target)
            }
            (DataType::List(items), SqlType::Array(item)) => {
                let list = array.as_list::<i32>();
                let values = self.convert(items, list.values(), item)?;
                let DataType::List(field) = target.arrow() else { return Err(Error::internal("an array is no list")) };
                Ok(Arc::new(ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned())?))
            }
            (DataType::Dictionary(_, values), _) => self.convert(from, &cast(array, values)?, target),
            (_, SqlType::Timestamptz) => {
                let clocks = convert(from, array, &SqlType::Timestamp)?;
                each(&clocks, |micros| moment_of(zone, micros), Some("UTC"))
            }
            _ => convert(from, array, target),
        }
    }

    /// Texts as moments: those that name no zone mean this one.
    fn read(&self, array: &ArrayRef) -> Result<ArrayRef> {
        let zone: Tz = self.name().parse()?;
        let texts = cast(array, &DataType::Utf8)?;
        let now = clock_of(zone, Utc::now().timestamp_micros()).and_then(DateTime::from_timestamp_micros);
        let today = now.unwrap_or_default().date_naive();
        let texts = texts.as_string::<i32>().iter();
        let texts: StringArray =
            texts.map(|text| text.map(|text| with_day(text, today).map_or(Cow::from(text), Cow::from))).collect();
        let says_zone: Vec<bool> = texts.iter().map(|text| text.is_some_and(super::names_zone)).collect();
        let part = |said: bool| -> StringArray {
            texts.iter().zip(&says_zone).map(|(text, says)| text.filter(|_| *says == said)).collect()
        };
        let moments = read(&part(true), &SqlType::Timestamptz)?;
        let clocks = read(&part(false), &SqlType::Timestamp)?;
        let clocks = each(&clocks, |micros| moment_of(zone, micros), Some("UTC"))?;
        let rows: Vec<(usize, usize)> =
            says_zone.iter().enumerate().map(|(row, says)| (usize::from(*says), row)).collect();
        Ok(interleave(&[clocks.as_ref(), moments.as_ref()], &rows)?)
    }

    /// An array whose moments are written as this zone's clocks show them; others as they are.
    pub fn shown(&self, array: &ArrayRef) -> Result<ArrayRef> {
        match self.shown_type(array.data_type()) {
            Some(data_type) => Ok(cast(array, &data_type)?),
            None => Ok(array.clone()),
        }
    }

    /// A schema whose moments are written so; none if it has no moments, or they are written in UTC.
    pub fn schema(&self, schema: &SchemaRef) -> Option<SchemaRef> {
        let fields = schema.fields().iter().map(|field| match self.shown_type(field.data_type()) {
            Some(data_type) => Arc::new(field.as_ref().clone().with_data_type(data_type)),
            None => field.clone(),
        });
        let fields: Vec<_> = fields.collect();
        let changed = fields.iter().zip(schema.fields()).any(|(new, old)| new.data_type() != old.data_type());
        changed.then(|| Arc::new(arrow::datatypes::Schema::new(fields)))
    }

    /// The type of values whose moments are written so; none if they have no moments.
    pub fn shown_type(&self, data_type: &DataType) -> Option<DataType> {
        let name = self.0.as_ref()?;
        match data_type {
            DataType::Timestamp(unit, Some(_)) => Some(DataType::Timestamp(*unit, Some(name.clone()))),
            DataType::List(item) => {
                let items = self.shown_type(item.data_type())?;
                Some(DataType::List(Arc::new(item.as_ref().clone().with_data_type(items))))
            }
            DataType::Struct(fields) => {
                let shown = |field: &Arc<Field>| self.shown_type(field.data_type());
                fields.iter().any(|field| shown(field).is_some()).then(|| {
                    let fields = fields.iter().map(|field| match shown(field) {
                        Some(data_type) => Arc::new(field.as_ref().clone().with_data_type(data_type)),
                        None => field.clone(),
                    });
                    DataType::Struct(fields.collect())
                })
            }
            _ => None,
        }
    }
}

/// Whether values of a type are moments, or have some in them.
pub fn has_moments(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, Some(_)) => true,
        DataType::List(item) => has_moments(item.data_type()),
        DataType::Dictionary(_, values) => has_moments(values),
        DataType::Struct(fields) => fields.iter().any(|field| has_moments(field.data_type())),
        _ => false,
    }
}

fn clock_field() -> Field {
    SqlType::Timestamp.field("")
}

/// Moves every value; NULL stays.
fn each(array: &ArrayRef, to: impl Fn(i64) -> Option<i64>, zone: Option<&str>) -> Result<ArrayRef> {
    let micros = match array.data_type() {
        DataType::Timestamp(_, zone) => cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?,
        _ => ends::cast_moments(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?,
    };
    let moved = micros.as_primitive::<TimestampMicrosecondType>().iter();
    let moved = moved.map(|micros| micros.map(|micros| to(micros).ok_or_else(out_of_range)).transpose());
    let moved = moved.collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(Arc::new(moved.with_timezone_opt(zone.map(ToOwned::to_owned))))
}

/// How the setting TimeZone keeps a value: a name, or a number of hours east of Greenwich, which becomes POSIX's name of it.
pub fn setting(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(minutes) = minutes_east(text) {
        let (sign, west) = if minutes < 0 { ('-', '+') } else { ('+', '-') };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let clock = if rest == 0 { format!("{hours:02}") } else { format!("{hours:02}:{rest:02}") };
        return Some(format!("<{sign}{clock}>{west}{clock}"));
    }
    match zone_name(text)? {
        name if name.starts_with(['+', '-']) => Some(text.to_owned()),
        name => Some(name),
    }
}

/// `8`, `-3.5`, `+08:00` as minutes east of Greenwich.
fn minutes_east(text: &str) -> Option<i64> {
    let minutes = match text.split_once(':') {
        Some((hours, minutes)) if text.starts_with(['+', '-']) => {
            let minutes: i64 = minutes.parse().ok().filter(|minutes| (0..60).contains(minutes))?;
            let whole = hours.parse::<i64>().ok()? * 60;
            if hours.starts_with('-') { whole - minutes } else { whole + minutes }
        }
        Some(_) => return None,
        None => (text.parse::<f64>().ok().filter(|hours| hours.is_finite())? * 60.0).round() as i64,
    };
    (minutes.abs() < 24 * 60).then_some(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_setting() {
        let kept = |text: &str| setting(text);
        assert_eq!(kept("8").as_deref(), Some("<+08>-08"));
        assert_eq!(kept("-3.5").as_deref(), Some("<-03:30>+03:30"));
        assert_eq!(kept("+08:00").as_deref(), Some("<+08>-08"));
        assert_eq!(kept("UTC").as_deref(), Some("UTC"));
        assert_eq!(kept("nowhere"), None);
        assert_eq!(Zone::named("<+08>-08").name(), "+08:00");
        assert!(Zone::named("UTC").is_utc() && Zone::named("gmt").is_utc());
    }
}
