//! Values from one type to another, as PostgreSQL's casts do it.
//!
//! [`read()`] is the input function of every type: text of a statement, of COPY, of a parameter. [`assign`] is the cast on
//! the way into a column, which refuses what is too long; [`convert`] the one that a statement asks for in words, which
//! cuts. Arrow's kernels do the work where they do as PostgreSQL does; numbers are rounded and checked in [`numbers`].

pub mod ends;
mod far;
mod inet;
mod interval;
mod json;
mod moment;
mod numbers;
mod places;
mod read;
mod time_zone;
mod times;
mod vector;
mod zone;

pub use inet::Inet;
pub use interval::interval;
pub use json::{
    Level as JsonLevel, concatenated, is_too_deep as json_is_too_deep, level as json_level, number as json_number,
    zero as json_zero,
};
pub use moment::is_of_now;
pub use places::in_places;
pub use read::{array_elements, first_unreadable, names_zone, read, read_one, unescaped};
pub use time_zone::{TimeZone, clock_of, moment_of};
pub use zone::{Zone, has_moments, setting as zone_setting};

use super::error::cannot_cast;
use crate::catalog::SqlType;
use crate::encoding::pg_text::{Cell, Column, write_text};
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StringBuilder, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use std::sync::Arc;

/// Brings `array` to a column's type as an assignment does: text that cannot be read is
/// [`Kind::InvalidText`], a number that does not fit [`Kind::NumericOutOfRange`], a text too long
/// [`Kind::StringTooLong`]. A `numeric` without places is not rounded.
pub fn assign(array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    if !assignable(array.data_type(), &target.arrow()) {
        return Err(Error::new(
            Kind::DatatypeMismatch,
            format!("cannot assign a value of type {} to type {target}", SqlType::from_arrow(array.data_type())?),
        ));
    }
    let assigned = changed(&Field::new("", array.data_type().clone(), true), array, target)?;
    if *target == SqlType::Numeric(None) {
        numbers::must_keep(array)?;
    }
    fit(assigned, target, false)
}

/// Brings `array`, whose type `from` tells, to a type that a statement asked for: errors as of [`assign`], but text too
/// long is cut. A cast that PostgreSQL has not is [`Kind::CannotCoerce`].
pub fn convert(from: &Field, array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    must_be_castable(from, array.data_type(), target)?;
    fit(changed(from, array, target)?, target, true)
}

/// Refuses a cast that PostgreSQL has not, whatever the values are. `have` is how they are kept, and `from` tells as what.
pub fn must_be_castable(from: &Field, have: &DataType, target: &SqlType) -> Result<()> {
    // What is kept as text is cast from texts alone.
    let kept_as_text = matches!(target, SqlType::Uuid | SqlType::Json | SqlType::Jsonb | SqlType::Inet | SqlType::Cidr);
    let alike = !kept_as_text || is_text(have) || have.is_null();
    let known = SqlType::from_field(from).ok();
    match alike && castable(have, &target.arrow()) && known.as_ref().is_none_or(|known| is_read_as(known, target)) {
        true => Ok(()),
        false => Err(cannot_cast(known.as_ref(), target)),
    }
}

/// Whether what one type writes may be read as another one, where values of both are kept as texts or are not kept alike.
fn is_read_as(from: &SqlType, target: &SqlType) -> bool {
    use SqlType::{
        Bool, Char, Cidr, Enum, Float4, Float8, Inet, Int2, Int4, Int8, Json, Jsonb, Numeric, Text, Uuid, Varchar,
    };
    if matches!(target, Text | Varchar(_) | Char(_)) {
        return true;
    }
    match from {
        Jsonb => matches!(target, Json | Jsonb | Bool | Int2 | Int4 | Int8 | Numeric(_) | Float4 | Float8),
        Json => matches!(target, Json | Jsonb),
        Uuid => matches!(target, Uuid),
        Inet | Cidr => matches!(target, Inet | Cidr),
        Enum(_) => matches!(target, Enum(_)),
        _ => true,
    }
}

/// Whether [`convert`] does what Arrow's own cast does, so that the engine may see through it.
pub fn same_as_arrow(from: &DataType, target: &Field) -> bool {
    let rank = |t: &DataType| match t {
        DataType::Int16 => Some(1),
        DataType::Int32 => Some(2),
        DataType::Int64 => Some(3),
        DataType::Float64 => Some(9),
        _ => None,
    };
    let marked = !target.metadata().is_empty();
    match (from, target.data_type()) {
        (_, DataType::Utf8) | (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, _) => false,
        _ if marked => false,
        (have, want) if have == want => true,
        // More digits on both sides of the point lose nothing.
        (have, DataType::Decimal128(precision, scale)) => {
            let before = i16::from(*precision) - i16::from(*scale);
            match have {
                DataType::Decimal128(p, s) => s <= scale && i16::from(*p) - i16::from(*s) <= before,
                DataType::Int16 => before >= 5,
                DataType::Int32 => before >= 10,
                DataType::Int64 => before >= 19,
                _ => false,
            }
        }
        (have, want) => rank(have).zip(rank(want)).is_some_and(|(have, want)| have < want),
    }
}

fn changed(from: &Field, array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    let wanted = target.arrow();
    Ok(match (array.data_type(), &wanted) {
        (have, DataType::List(_)) if matches!(target, SqlType::Vector(_)) && !is_text(have) && have != &wanted => {
            changed(from, array, &SqlType::Array(Box::new(SqlType::Float4)))?
        }
        // Labels are texts, and an array of texts may have others among them.
        (have, want)
            if have == want
                && !is_text(have)
                && (target.enumerated().is_none() || SqlType::from_field(from).is_ok_and(|known| known == *target)) =>
        {
            array.clone()
        }
        (DataType::Null, want) => new_null_array(want, array.len()),
        // As text an address always has its bits, as in PostgreSQL.
        (have, DataType::Utf8) if is_text(have) && *target != SqlType::Inet && is_inet(from) => {
            let texts = cast(array, &DataType::Utf8)?;
            // And a network is without the bits of its hosts.
            let of = |of: Inet| if *target == SqlType::Cidr { of.network() } else { of };
            let whole =
                |text: &str| Inet::read(text).map_or_else(|| text.to_owned(), |found| of(found).with_its_bits());
            Arc::new(texts.as_string::<i32>().iter().map(|text| text.map(whole)).collect::<StringArray>())
        }
        (have, _) if is_text(have) => read(cast(array, &DataType::Utf8)?.as_string(), target)?,
        (DataType::Dictionary(_, values), _) => changed(from, &cast(array, values)?, target)?,
        (_, DataType::Utf8) => as_text(from, array),
        (DataType::List(have), DataType::List(want)) => {
            let SqlType::Array(item) = target else { return Err(Error::internal("a list is no array")) };
            let list = array.as_list::<i32>();
            must_be_castable(have, list.values().data_type(), item)?;
            let items = changed(have, list.values(), item)?;
            Arc::new(ListArray::try_new(want.clone(), list.offsets().clone(), items, list.nulls().cloned())?)
        }
        (have, want) if have.is_numeric() && want.is_numeric() => numbers::number(array, target)?,
        (have, want) if is_moment(have) && (is_moment(want) || matches!(want, DataType::Time64(_))) => {
            ends::cast_moments(array, want)?
        }
        (DataType::Time64(_), DataType::Interval(_)) => times::as_interval(array)?,
        (DataType::Interval(_), DataType::Time64(_)) => times::of_interval(array),
        _ => cast(array, &wanted)?,
    })
}

fn is_inet(field: &Field) -> bool {
    SqlType::from_field(field).is_ok_and(|known| matches!(known, SqlType::Inet | SqlType::Cidr))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

/// Whether PostgreSQL assigns one type to the other without an explicit cast.
fn assignable(have: &DataType, want: &DataType) -> bool {
    match (have, want) {
        (DataType::Null, _) | (_, DataType::Utf8) => true,
        (a, _) if is_text(a) => true,
        (a, b) if a.is_numeric() && b.is_numeric() => true,
        (a, b) if is_moment(a) && is_moment(b) => true,
        (DataType::Timestamp(..), DataType::Time64(_)) | (DataType::Time64(_) | DataType::Time32(_), _)
            if matches!(want, DataType::Time64(_)) =>
        {
            true
        }
        (DataType::Time64(_) | DataType::Time32(_), b) if is_interval(b) => true,
        (a, DataType::Time64(_)) if is_interval(a) => true,
        (a, b) if is_interval(a) && is_interval(b) => true,
        (DataType::List(_) | DataType::LargeList(_), DataType::List(_)) => true,
        (DataType::Dictionary(_, values), want) => assignable(values, want),
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// Whether PostgreSQL casts one type to the other where a statement says so.
fn castable(have: &DataType, want: &DataType) -> bool {
    match (have, want) {
        (a, b) if assignable(a, b) => true,
        (DataType::Boolean, b) => matches!(b, DataType::Int32),
        (a, DataType::Boolean) => matches!(a, DataType::Int32),
        (DataType::Dictionary(_, values), want) => castable(values, want),
        _ => false,
    }
}

/// Values in PostgreSQL's output form.
fn as_text(from: &Field, array: &ArrayRef) -> ArrayRef {
    let column = Column::new(from, array.as_ref());
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let mut buffer = Vec::new();
    for row in 0..array.len() {
        match column.cell(row) {
            None => out.append_null(),
            // The cast to text is the one place where a boolean is a word.
            Some(Cell::Bool(value)) => out.append_value(if value { "true" } else { "false" }),
            Some(cell) => {
                buffer.clear();
                write_text(&cell, &mut buffer);
                out.append_value(String::from_utf8_lossy(&buffer));
            }
        }
    }
    Arc::new(out.finish())
}

/// Texts within the length of their type, those in arrays too.
fn fit(array: ArrayRef, target: &SqlType, cut: bool) -> Result<ArrayRef> {
    if let (SqlType::Array(item), Some(list)) = (target, array.as_list_opt::<i32>())
        && item.length_max().is_some()
        && let DataType::List(field) = list.data_type()
    {
        let items = fit(list.values().clone(), item, cut)?;
        return Ok(Arc::new(ListArray::try_new(field.clone(), list.offsets().clone(), items, list.nulls().cloned())?));
    }
    if let SqlType::Vector(dimensions) = target {
        vector::must_be_sound(&array, *dimensions)?;
    }
    // Blanks at the end of a `char(n)` mean nothing: they are not kept, and shown again by [`shown`].
    let blank = matches!(target, SqlType::Char(_));
    let limit = match target.length_max() {
        Some(limit) => limit,
        None if blank => usize::MAX,
        None => return Ok(array),
    };
    let texts = array.as_string::<i32>();
    // Bytes are never fewer than characters: most columns need no look at each of them.
    if texts.iter().flatten().all(|text| text.len() <= limit && !(blank && text.ends_with(' '))) {
        return Ok(array);
    }
    let fitted = texts.iter().map(|text| {
        let Some(text) = text else { return Ok(None) };
        let end = text.char_indices().nth(limit).map_or(text.len(), |(end, _)| end);
        // PostgreSQL cuts off blanks that are too many, and nothing else.
        if !cut && !text[end..].bytes().all(|byte| byte == b' ') {
            return Err(Error::new(Kind::StringTooLong, format!("value too long for type {target}")));
        }
        Ok(Some(if blank { text[..end].trim_end_matches(' ') } else { &text[..end] }))
    });
    Ok(Arc::new(fitted.collect::<Result<StringArray>>()?))
}

/// Whether [`shown`] shows the values of such a column as they are.
pub fn is_shown_as_is(field: &Field) -> bool {
    !matches!(SqlType::from_field(field), Ok(SqlType::Char(_)))
}

/// A column as a client sees it: a `char(n)` filled up with blanks.
pub fn shown(field: &Field, array: &ArrayRef) -> ArrayRef {
    let Ok(SqlType::Char(length)) = SqlType::from_field(field) else { return array.clone() };
    let Some(texts) = array.as_string_opt::<i32>() else { return array.clone() };
    let filled = texts.iter().map(|text| text.map(|text| format!("{text:<0$}", length as usize)));
    Arc::new(filled.collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Float64Array};

    fn texts(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn lengths_are_enforced_but_blanks_forgiven() {
        assert!(assign(&texts(&["商品  "]), &SqlType::Varchar(Some(2))).is_ok());
        assert_eq!(assign(&texts(&["商品名"]), &SqlType::Varchar(Some(2))).unwrap_err().kind(), Kind::StringTooLong);
        let plain = assign(&texts(&["a    "]), &SqlType::Char(3)).unwrap();
        assert_eq!(plain.as_string::<i32>().value(0), "a");
        let filled = shown(&SqlType::Char(3).field(""), &plain);
        assert_eq!(filled.as_string::<i32>().value(0), "a  ");
        let field = Field::new("", DataType::Utf8, true);
        let cut = convert(&field, &texts(&["商品名"]), &SqlType::Varchar(Some(2))).unwrap();
        assert_eq!(cut.as_string::<i32>().value(0), "商品");
    }

    #[test]
    fn booleans_are_not_assigned_to_numbers() {
        let array: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        assert_eq!(assign(&array, &SqlType::Int4).unwrap_err().kind(), Kind::DatatypeMismatch);
    }

    #[test]
    fn numbers_become_text_as_they_are_shown() {
        let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.1]));
        let text = assign(&array, &SqlType::Text).unwrap();
        assert_eq!(text.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["1", "0.1"]);
    }
}
