//! Any value as JSON, as `to_json` writes it.

use super::tree::quoted;
use crate::catalog::SqlType;
use crate::encoding::pg_text::{Cell, Column, DIGITS_MARK, TYPE_METADATA};
use crate::sql::functions::postgres::made::shown;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};

/// A column, each of whose values can be written as JSON.
pub struct Writer<'a> {
    column: Column<'a>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// JSON, which is what it is.
    Json,
    /// A number or a boolean.
    Plain,
    /// A timestamp, which has a `T` between date and time.
    Moment,
    /// An array.
    List(Box<Writer<'a>>),
    /// A row: names and columns.
    Row(Vec<(String, Writer<'a>)>),
    /// All else is a text.
    Text,
}

impl<'a> Writer<'a> {
    /// A writer of an array; its field tells what Arrow's type does not.
    pub fn new(field: &Field, array: &'a ArrayRef) -> Self {
        let kind = match (array.data_type(), SqlType::from_field(field)) {
            (DataType::List(item), _) => {
                let items = array.as_list::<i32>().values();
                Kind::List(Box::new(Writer::new(item, items)))
            }
            (DataType::Struct(fields), _) => {
                // A row without names has numbers for them.
                let unnamed = fields.iter().enumerate().all(|(n, field)| *field.name() == format!("c{n}"));
                let name = |n: usize, field: &Field| match unnamed {
                    true => format!("f{}", n + 1),
                    false => field.name().clone(),
                };
                let columns = fields.iter().zip(array.as_struct().columns()).enumerate();
                Kind::Row(columns.map(|(n, (field, column))| (name(n, field), Writer::new(field, column))).collect())
            }
            (_, Ok(SqlType::Json | SqlType::Jsonb)) => Kind::Json,
            (DataType::Boolean, _) => Kind::Plain,
            (data_type, _) if data_type.is_numeric() || is_written(field) => Kind::Plain,
            (DataType::Timestamp(..), _) => Kind::Moment,
            _ => Kind::Text,
        };
        Self { column: Column::new(field, array.as_ref()), kind }
    }

    /// Writers of all arguments.
    pub fn all(fields: &[FieldRef], arrays: &'a [ArrayRef]) -> Vec<Self> {
        fields.iter().zip(arrays).map(|(field, array)| Self::new(field, array)).collect()
    }

    /// Whether it is an array or a row, which `json_agg` puts on lines of their own.
    pub fn is_composite(&self) -> bool {
        matches!(self.kind, Kind::List(_) | Kind::Row(_))
    }

    /// The value of a row in PostgreSQL's output form, as keys are written; none for NULL.
    pub fn text(&self, row: usize) -> Option<String> {
        self.column.cell(row).map(|cell| match cell {
            Cell::Bool(value) => value.to_string(),
            cell => shown(&cell),
        })
    }

    /// Whether the value of a row is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        self.column.is_null(row)
    }

    /// Writes the value of a row; NULL is `null`.
    pub fn write(&self, row: usize, out: &mut String) {
        let Some(cell) = self.column.cell(row) else {
            out.push_str("null");
            return;
        };
        match (&self.kind, &cell) {
            (Kind::List(items), Cell::List(_, range)) => {
                out.push('[');
                for (n, row) in range.clone().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    items.write(row, out);
                }
                out.push(']');
            }
            (Kind::Row(columns), _) => {
                out.push('{');
                for (n, (name, column)) in columns.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    out.push_str(&quoted(name));
                    out.push(':');
                    column.write(row, out);
                }
                out.push('}');
            }
            (_, Cell::Bool(value)) => out.push_str(if *value { "true" } else { "false" }),
            (Kind::Json, cell) => out.push_str(&shown(cell)),
            // NaN and the infinities are no numbers of JSON.
            (Kind::Plain, Cell::Float8(value)) if !value.is_finite() => out.push_str(&quoted(&shown(&cell))),
            (Kind::Plain, Cell::Float4(value)) if !value.is_finite() => out.push_str(&quoted(&shown(&cell))),
            (Kind::Plain, cell) => out.push_str(&shown(cell)),
            (Kind::Moment, cell) => {
                let text = shown(cell).replacen(' ', "T", 1);
                let zoned = matches!(cell, Cell::Timestamptz(..));
                out.push_str(&quoted(&if zoned { with_minutes(&text) } else { text }));
            }
            (_, cell) => out.push_str(&quoted(&shown(cell))),
        }
    }
}

/// Whether it is a numeric kept as its text.
fn is_written(field: &Field) -> bool {
    field.metadata().get(TYPE_METADATA).is_some_and(|mark| mark == DIGITS_MARK)
}

/// A moment whose zone has its minutes, as ISO 8601 wants them: `+01` becomes `+01:00`.
fn with_minutes(text: &str) -> String {
    let (moment, era) = text.strip_suffix(" BC").map_or((text, ""), |moment| (moment, " BC"));
    let hours = moment.len().checked_sub(3).and_then(|at| moment.get(at..));
    let minutes = if hours.is_some_and(|hours| hours.starts_with(['+', '-'])) { ":00" } else { "" };
    format!("{moment}{minutes}{era}")
}

#[cfg(test)]
mod tests {
    use super::with_minutes;

    #[test]
    fn zones_have_minutes() {
        assert_eq!(with_minutes("2024-01-01T12:00:00+01"), "2024-01-01T12:00:00+01:00");
        assert_eq!(with_minutes("2024-01-01T12:00:00.5-03:30"), "2024-01-01T12:00:00.5-03:30");
        assert_eq!(with_minutes("0044-03-15T12:00:00+00 BC"), "0044-03-15T12:00:00+00:00 BC");
    }
}
