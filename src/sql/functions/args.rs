//! Arguments of functions as plain values.

use super::super::values::{array_elements, interval};
use super::ROW_OF;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use std::sync::Arc;

/// A row of a relation that was given as an argument.
pub struct Row {
    /// The relation, `schema.name`, if the argument was a relation's name.
    pub relation: Option<String>,
    /// The columns.
    pub batch: RecordBatch,
}

impl Row {
    /// The rows that an argument of type struct holds.
    pub fn read(array: &ArrayRef) -> Result<Self> {
        let Some(rows) = array.as_any().downcast_ref::<StructArray>() else {
            return Err(Error::new(Kind::DatatypeMismatch, "a row of a relation is wanted here")
                .with_hint("Write the name that FROM gives the relation, as in QUALITY(p) ... FROM products p."));
        };
        let mut relation = None;
        let mut fields: Vec<Arc<Field>> = Vec::new();
        let mut columns = Vec::new();
        for (field, column) in rows.fields().iter().zip(rows.columns()) {
            if field.name() == ROW_OF {
                relation = texts(column)?.iter().flatten().next().map(str::to_owned);
            } else {
                fields.push(field.clone());
                columns.push(column.clone());
            }
        }
        let batch = crate::txn::batch(Arc::new(Schema::new(fields)), columns, rows.len())?;
        Ok(Self { relation, batch })
    }
}

/// An argument as texts.
pub fn texts(array: &ArrayRef) -> Result<StringArray> {
    let array = cast(array, &DataType::Utf8)?;
    match array.as_any().downcast_ref::<StringArray>() {
        Some(texts) => Ok(texts.clone()),
        None => Err(Error::internal("texts are not texts")),
    }
}

/// The texts of one row of an argument of type text[].
pub fn text_list(array: &ArrayRef, row: usize) -> Result<Option<Vec<String>>> {
    if array.is_null(row) {
        return Ok(None);
    }
    let items: ArrayRef = match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(row),
        DataType::LargeList(_) => array.as_list::<i64>().value(row),
        DataType::FixedSizeList(..) => array.as_fixed_size_list().value(row),
        // A literal of no type, and what stands for it.
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => literal_list(&texts(&array.slice(row, 1))?)?,
        other => return Err(Error::new(Kind::DatatypeMismatch, format!("an array of texts is wanted, not {other}"))),
    };
    let items = texts(&items)?;
    match items.null_count() {
        0 => Ok(Some(items.iter().flatten().map(str::to_owned).collect())),
        _ => Err(Error::new(Kind::InvalidParameter, "an array of labels cannot contain NULL")),
    }
}

fn literal_list(text: &StringArray) -> Result<ArrayRef> {
    let text = text.value(0);
    match array_elements(text) {
        Some(items) => Ok(Arc::new(StringArray::from(items))),
        None => Err(Error::new(Kind::InvalidText, format!("malformed array literal: \"{text}\""))),
    }
}

/// An argument's text as JSON; `what` names it in errors, which never quote it.
pub fn json(text: &str, what: &str, kind: Kind) -> Result<serde_json::Value> {
    serde_json::from_str(text).map_err(|error| match error.to_string().contains("number out of range") {
        true => Error::new(Kind::NumericOutOfRange, format!("{what}: a number is beyond double precision")),
        false => Error::new(kind, format!("{what}: not JSON")),
    })
}

/// The n-th argument of a table function as a text; `what` names it in errors.
pub fn text(args: &[Expr], n: usize, what: &str) -> Result<Option<String>> {
    match args.get(n) {
        None => Ok(None),
        Some(Expr::Literal(value, _)) => match value {
            ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => Ok(text.clone()),
            ScalarValue::Null => Ok(None),
            other => Ok(Some(other.to_string())),
        },
        Some(_) => Err(Error::new(Kind::Unsupported, format!("{what} must be a constant here"))),
    }
}

/// The n-th argument of a table function as a length of time, in microseconds; a month has 30 days.
pub fn length(args: &[Expr], n: usize, what: &str) -> Result<Option<i64>> {
    let given = match args.get(n) {
        Some(Expr::Literal(ScalarValue::IntervalMonthDayNano(length), _)) => *length,
        _ => match text(args, n, what)? {
            None => None,
            Some(text) => Some(interval(&text).ok_or_else(|| {
                Error::new(Kind::InvalidText, format!("invalid input syntax for type interval: \"{text}\""))
            })?),
        },
    };
    let in_microseconds = |length: IntervalMonthDayNano| {
        let days = i128::from(length.months) * 30 + i128::from(length.days);
        let microseconds = days * 86_400_000_000 + i128::from(length.nanoseconds) / 1000;
        i64::try_from(microseconds)
            .ok()
            .filter(|length| *length >= 0)
            .ok_or_else(|| Error::new(Kind::InvalidParameter, format!("{what} must be a length of time from 0 on")))
    };
    given.map(in_microseconds).transpose()
}

/// The n-th argument of a table function as a text that must be given.
pub fn must_text(args: &[Expr], n: usize, what: &str) -> Result<String> {
    text(args, n, what)?.ok_or_else(|| Error::new(Kind::InvalidParameter, format!("{what} is needed")))
}

/// The n-th argument of a table function as a whole number.
pub fn number(args: &[Expr], n: usize, what: &str, default: usize, max: usize) -> Result<usize> {
    match text(args, n, what)? {
        None => Ok(default),
        Some(text) => match text.parse::<usize>() {
            Ok(number) if (1..=max).contains(&number) => Ok(number),
            _ => Err(Error::new(Kind::InvalidParameter, format!("{what} must be a whole number from 1 to {max}"))),
        },
    }
}
