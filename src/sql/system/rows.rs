//! Small relations made of rows of plain cells: system views and table functions.

use super::super::tables::LazyTable;
use crate::catalog::SqlType;
use crate::error::{Error, Result};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use std::sync::Arc;

/// One value.
#[derive(Debug, Clone)]
pub enum Cell {
    /// A text, or JSON as text.
    Text(Option<String>),
    /// A whole number; of a column of timestamps or intervals, microseconds.
    Int(Option<i64>),
    /// A number.
    Float(Option<f64>),
    /// A truth value.
    Bool(Option<bool>),
}

impl Cell {
    /// A text that is there.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Some(text.into()))
    }

    /// A count, if there is one.
    pub fn count(number: impl Into<Option<u64>>) -> Self {
        Self::Int(number.into().map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }

    /// A moment, if there is one, of milliseconds since 1970.
    pub fn moment(ms: impl Into<Option<i64>>) -> Self {
        Self::Int(ms.into().map(|ms| ms.saturating_mul(1000)))
    }

    /// A share or another measure, if there is one, as much of it as is told: four places.
    pub fn measure(value: Option<f64>) -> Self {
        Self::Float(value.map(four_places))
    }

    /// A fact of JSON as a cell of a column of this type.
    pub fn of(value: Option<&serde_json::Value>, data_type: &DataType) -> Self {
        use serde_json::Value;
        match data_type {
            DataType::Utf8 => Self::Text(match value {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
            }),
            DataType::Float64 => Self::Float(value.and_then(Value::as_f64)),
            DataType::Boolean => Self::Bool(value.and_then(Value::as_bool)),
            _ => Self::Int(value.and_then(Value::as_i64)),
        }
    }
}

/// As much of a measure as is told: four places.
pub fn four_places(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// A column of such a relation.
pub fn column(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// A column of type jsonb.
pub fn jsonb(name: &str) -> Field {
    SqlType::Jsonb.field(name)
}

/// The type timestamptz.
pub fn timestamp() -> DataType {
    SqlType::Timestamptz.arrow()
}

/// Rows of cells as a relation.
pub struct RowsTable;

impl RowsTable {
    /// A relation of these columns whose rows `make` gives when it is read.
    pub fn make(
        columns: Vec<Field>,
        make: impl Fn() -> Result<Vec<Vec<Cell>>> + Send + Sync + 'static,
    ) -> Arc<dyn TableProvider> {
        let schema = Arc::new(Schema::new(columns));
        let of = schema.clone();
        let rows = LazyTable::new(schema, move || {
            let batch = batch(&of, make()?)?;
            Ok(Box::new(std::iter::once(Ok(batch))))
        });
        Arc::new(rows.of_viewer())
    }
}

/// Rows of cells as a batch.
pub fn batch(schema: &SchemaRef, rows: Vec<Vec<Cell>>) -> Result<RecordBatch> {
    let count = rows.len();
    let mut columns: Vec<Vec<Cell>> = schema.fields().iter().map(|_| Vec::with_capacity(count)).collect();
    for row in rows {
        if row.len() != columns.len() {
            return Err(Error::internal("a row of a system view has another number of cells than columns"));
        }
        columns.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
    }
    let arrays = schema.fields().iter().zip(columns).map(|(field, cells)| array(field, cells));
    crate::txn::batch(schema.clone(), arrays.collect::<Result<Vec<_>>>()?, count)
}

fn array(field: &Field, cells: Vec<Cell>) -> Result<ArrayRef> {
    let int = |cell: &Cell| match cell {
        Cell::Int(value) => *value,
        _ => None,
    };
    Ok(match field.data_type() {
        DataType::Utf8 => {
            Arc::new(cells.into_iter().map(|c| if let Cell::Text(t) = c { t } else { None }).collect::<StringArray>())
        }
        DataType::Float64 => {
            Arc::new(cells.iter().map(|c| if let Cell::Float(f) = c { *f } else { None }).collect::<Float64Array>())
        }
        DataType::Boolean => {
            Arc::new(cells.iter().map(|c| if let Cell::Bool(b) = c { *b } else { None }).collect::<BooleanArray>())
        }
        DataType::Int32 => {
            Arc::new(cells.iter().map(|c| int(c).and_then(|n| i32::try_from(n).ok())).collect::<Int32Array>())
        }
        DataType::Int64 => Arc::new(cells.iter().map(int).collect::<Int64Array>()),
        DataType::Interval(_) => {
            const DAY_US: i64 = 86_400_000_000;
            let value = |us: i64| IntervalMonthDayNano::new(0, (us / DAY_US) as i32, us % DAY_US * 1000);
            Arc::new(cells.iter().map(|c| int(c).map(value)).collect::<IntervalMonthDayNanoArray>())
        }
        other => {
            let numbers: ArrayRef = Arc::new(cells.iter().map(int).collect::<Int64Array>());
            cast(&numbers, other)?
        }
    })
}
