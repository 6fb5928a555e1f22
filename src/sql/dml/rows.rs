//! Values on their way into a table: assignment casts, defaults, lengths, NOT NULL, CHECK.

use super::super::error::invalid_text;
use super::super::planner::Planner;
use super::Work;
use super::moment::moment;
use crate::catalog::{ObjectId, SqlType, Table};
use crate::error::{Error, Kind, Result};
use crate::txn::Transaction;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::DFSchema;
use std::sync::Arc;

/// Brings `array` to a column's type as an assignment does: text that cannot be read is
/// [`Kind::InvalidText`], a number that does not fit [`Kind::NumericOutOfRange`].
pub fn assign(array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    let wanted = target.arrow();
    let casted = match (array.data_type(), &wanted) {
        (have, want) if have == want => array.clone(),
        (DataType::Null, want) => new_null_array(want, array.len()),
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, want) if !matches!(want, DataType::Utf8) => {
            from_text(&cast(array, &DataType::Utf8)?, target)?
        }
        (have, _) if !assignable(have, &wanted) => {
            return Err(Error::new(
                Kind::DatatypeMismatch,
                format!("cannot assign a value of type {} to type {target}", SqlType::from_arrow(have)?),
            ));
        }
        _ => {
            let lenient = cast_with_options(array, &wanted, &CastOptions { safe: true, ..CastOptions::default() })?;
            if lenient.null_count() > array.null_count() {
                let message = match target {
                    SqlType::Numeric(_) => "numeric field overflow".to_owned(),
                    _ => format!("{target} out of range"),
                };
                return Err(Error::new(Kind::NumericOutOfRange, message));
            }
            lenient
        }
    };
    match target {
        SqlType::Varchar(Some(_)) | SqlType::Char(_) => fit_length(&casted, target),
        SqlType::Uuid => checked_text(&casted, target, is_uuid),
        SqlType::Json | SqlType::Jsonb => {
            checked_text(&casted, target, |text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
        }
        _ => Ok(casted),
    }
}

/// Whether PostgreSQL assigns one type to the other without an explicit cast.
fn assignable(have: &DataType, want: &DataType) -> bool {
    let number = |t: &DataType| t.is_numeric();
    let time = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    match (have, want) {
        (DataType::Null, _) | (_, DataType::Utf8) => true,
        (a, b) if number(a) && number(b) => true,
        (a, b) if time(a) && time(b) => true,
        (DataType::List(_) | DataType::LargeList(_), DataType::List(_)) => true,
        (DataType::Dictionary(_, values), want) => assignable(values, want),
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b) || DataType::equals_datatype(a, b),
    }
}

/// Reads texts as values of a type.
fn from_text(array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    let trimmed: StringArray = texts.iter().map(|text| text.map(str::trim)).collect();
    let trimmed: ArrayRef = Arc::new(trimmed);
    let read = |texts: &ArrayRef| {
        cast_with_options(texts, &target.arrow(), &CastOptions { safe: true, ..CastOptions::default() })
            .map_err(|_| Error::new(Kind::DatatypeMismatch, format!("text cannot be assigned to type {target}")))
    };
    let mut values = read(&trimmed)?;
    if values.null_count() == texts.null_count() {
        return Ok(values);
    }
    if matches!(target, SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz) {
        // Only what Arrow could not read is read again, in PostgreSQL's other forms.
        let again: StringArray = (0..texts.len())
            .map(|row| match texts.is_valid(row) && values.is_null(row) {
                true => moment(texts.value(row)).map(|m| m.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()),
                false => texts.is_valid(row).then(|| texts.value(row).trim().to_owned()),
            })
            .collect();
        values = read(&(Arc::new(again) as ArrayRef))?;
        if values.null_count() == texts.null_count() {
            return Ok(values);
        }
    }
    match (0..texts.len()).find(|&row| texts.is_valid(row) && values.is_null(row)) {
        Some(row) => Err(unreadable(target, texts.value(row))),
        None => Ok(values),
    }
}

/// A number too long for its type is out of range; anything else is not a number at all.
fn unreadable(target: &SqlType, text: &str) -> Error {
    let integer = matches!(target, SqlType::Int2 | SqlType::Int4 | SqlType::Int8);
    match integer && text.trim().parse::<i128>().is_ok() {
        true => Error::new(Kind::NumericOutOfRange, format!("value \"{text}\" is out of range for type {target}")),
        false => invalid_text(&target.to_string().replace(" without time zone", ""), text),
    }
}

/// The first row whose text cannot be read as the type, for COPY's messages.
pub fn first_unreadable(texts: &StringArray, target: &SqlType) -> Option<usize> {
    let one = |row: usize| {
        let one: ArrayRef = Arc::new(texts.slice(row, 1));
        assign(&one, target).is_err()
    };
    (0..texts.len()).find(|&row| texts.is_valid(row) && one(row))
}

fn checked_text(array: &ArrayRef, target: &SqlType, valid: impl Fn(&str) -> bool) -> Result<ArrayRef> {
    match array.as_string::<i32>().iter().flatten().find(|text| !valid(text)) {
        Some(text) => Err(invalid_text(&target.to_string(), text)),
        None => Ok(array.clone()),
    }
}

fn is_uuid(text: &str) -> bool {
    let hex = text.chars().filter(|c| c.is_ascii_hexdigit()).count();
    hex == 32 && text.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '-' | '{' | '}'))
}

fn fit_length(array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    let Some(limit) = target.length_max() else { return Ok(array.clone()) };
    let texts = array.as_string::<i32>();
    let fitted = texts
        .iter()
        .map(|text| match text {
            // PostgreSQL cuts off blanks that are too many, and nothing else.
            Some(text) if text.chars().count() > limit => {
                let cut: String = text.chars().take(limit).collect();
                match text.chars().skip(limit).all(|c| c == ' ') {
                    true => Ok(Some(cut)),
                    false => Err(Error::new(Kind::StringTooLong, format!("value too long for type {target}"))),
                }
            }
            Some(text) if matches!(target, SqlType::Char(_)) => {
                let missing = limit - text.chars().count();
                Ok(Some(format!("{text}{}", " ".repeat(missing))))
            }
            other => Ok(other.map(str::to_owned)),
        })
        .collect::<Result<StringArray>>()?;
    Ok(Arc::new(fitted))
}

impl Work<'_> {
    /// Whole rows of the table out of values for some of its columns: `given[c]` is where column `c` is found in
    /// `batch`; the others get their default. Everything is checked but keys.
    pub fn whole_rows(
        &self,
        id: ObjectId,
        table: &Table,
        given: &[Option<usize>],
        batch: &RecordBatch,
    ) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut columns = Vec::with_capacity(table.columns.len());
        for (n, column) in table.columns.iter().enumerate() {
            let array = match (given.get(n).copied().flatten(), &column.default) {
                (Some(at), _) => batch.column(at).clone(),
                (None, _) if column.identity => self.context.database.next_numbers(id, n, rows, self.context)?,
                (None, Some(default)) => self.constant(default, rows)?,
                (None, None) => new_null_array(&column.data_type.arrow(), rows),
            };
            let array = assign(&array, &column.data_type).map_err(|e| name_column(e, &column.name))?;
            columns.push(array);
        }
        self.checked(table, columns, rows)
    }

    /// Whole rows of the table, their columns of its types, once NOT NULL and CHECK constraints hold.
    pub fn checked(&self, table: &Table, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let whole = crate::txn::batch(table.arrow_schema(), columns, rows)?;
        self.check(table, &whole)?;
        Ok(whole)
    }

    fn check(&self, table: &Table, batch: &RecordBatch) -> Result<()> {
        for (column, array) in table.columns.iter().zip(batch.columns()) {
            if column.not_null && array.null_count() > 0 {
                return Err(Error::new(
                    Kind::NotNull,
                    format!(
                        "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                        column.name, table.name
                    ),
                ));
            }
        }
        if table.checks.is_empty() {
            return Ok(());
        }
        let schema = DFSchema::try_from(batch.schema().as_ref().clone())?;
        for check in &table.checks {
            let result = self.evaluate(&check.expression, &schema, batch)?;
            let holds = result.as_any().downcast_ref::<BooleanArray>();
            if holds.is_none_or(|holds| holds.iter().any(|value| value == Some(false))) {
                return Err(Error::new(
                    Kind::Check,
                    format!("new row for relation \"{}\" violates check constraint \"{}\"", table.name, check.name),
                ));
            }
        }
        Ok(())
    }

    /// A constant expression, such as a DEFAULT, for so many rows.
    pub fn constant(&self, expression: &str, rows: usize) -> Result<ArrayRef> {
        let schema = Arc::new(Schema::new(Vec::<Field>::new()));
        let batch = crate::txn::batch(schema, Vec::new(), rows)?;
        self.evaluate(expression, &DFSchema::empty(), &batch)
    }

    fn evaluate(&self, expression: &str, schema: &DFSchema, batch: &RecordBatch) -> Result<ArrayRef> {
        let planner = Planner::new(self.context, self.state);
        let physical = planner.physical(planner.expression_text(expression, schema)?, schema)?;
        Ok(physical.evaluate(batch)?.into_array(batch.num_rows())?)
    }
}

/// Adds the column to the message of a failed assignment.
fn name_column(error: Error, column: &str) -> Error {
    match error.kind() {
        Kind::DatatypeMismatch => {
            let message = error.message().replace("cannot assign a value of type ", "");
            let mut parts = message.splitn(2, " to type ");
            match (parts.next(), parts.next()) {
                (Some(have), Some(want)) => Error::new(
                    Kind::DatatypeMismatch,
                    format!("column \"{column}\" is of type {want} but expression is of type {have}"),
                )
                .with_hint("You will need to rewrite or cast the expression."),
                _ => error,
            }
        }
        _ => error,
    }
}

/// Numbers from `first` on.
pub fn numbers(first: i64, rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|n| first + n)))
}

/// Adds whole rows to the transaction.
pub fn append(work: &Work<'_>, txn: &mut Transaction, id: ObjectId, batch: &RecordBatch) -> Result<()> {
    work.context.database.manager.append(txn, id, batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn texts_become_values_or_errors() {
        assert!(assign(&texts(&[" 7 "]), &SqlType::Int4).is_ok());
        assert_eq!(assign(&texts(&["x"]), &SqlType::Int4).unwrap_err().kind(), Kind::InvalidText);
        assert_eq!(assign(&texts(&["99999999999"]), &SqlType::Int4).unwrap_err().kind(), Kind::NumericOutOfRange);
        assert_eq!(assign(&texts(&["{"]), &SqlType::Jsonb).unwrap_err().kind(), Kind::InvalidText);
    }

    #[test]
    fn lengths_are_enforced_but_blanks_forgiven() {
        assert!(assign(&texts(&["商品  "]), &SqlType::Varchar(Some(2))).is_ok());
        assert_eq!(assign(&texts(&["商品名"]), &SqlType::Varchar(Some(2))).unwrap_err().kind(), Kind::StringTooLong);
        let padded = assign(&texts(&["a"]), &SqlType::Char(3)).unwrap();
        assert_eq!(padded.as_string::<i32>().value(0), "a  ");
    }

    #[test]
    fn booleans_are_not_assigned_to_numbers() {
        let array: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        assert_eq!(assign(&array, &SqlType::Int4).unwrap_err().kind(), Kind::DatatypeMismatch);
    }
}
