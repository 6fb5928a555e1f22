//! Rows of a listed relation, written cell by cell with the names of their columns.

use super::super::value::{Relation, Type, Value};
use super::listed::Listed;
use std::sync::Arc;

/// A row: `row!(rows, oid: 11, nspname: "pg_catalog")`. Columns that are not named are NULL, or the zero of their type where
/// PostgreSQL has NOT NULL.
macro_rules! row {
    ($rows:expr, $($name:ident: $value:expr),+ $(,)?) => {
        $rows.add(&[$((stringify!($name), $crate::sql::pg_catalog::value::Value::from($value))),+])
    };
}
pub(crate) use row;

/// The rows of a relation while they are made.
pub struct Rows {
    listed: &'static Listed,
    rows: Vec<Arc<[Value]>>,
}

impl Rows {
    /// None yet.
    pub fn new(listed: &'static Listed) -> Self {
        Self { listed, rows: Vec::new() }
    }

    /// Adds a row, whose cells come in the order of the columns or nearly so.
    pub fn add(&mut self, cells: &[(&str, Value)]) {
        let columns = &self.listed.columns;
        let mut row: Vec<Value> = Vec::with_capacity(columns.len());
        let mut next = 0;
        for (column, not_null) in columns.iter().zip(&self.listed.not_null) {
            // In order the next cell is the one; else it is looked for.
            let found = match cells.get(next) {
                Some((name, value)) if *name == column.name => {
                    next += 1;
                    Some(value)
                }
                _ => cells.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value),
            };
            row.push(match found {
                Some(value) => value.clone(),
                None if *not_null => zero(&column.data_type),
                None => Value::Null,
            });
        }
        debug_assert!(
            cells.iter().all(|(name, _)| columns.iter().any(|column| column.name == *name)),
            "{} has no such column: {cells:?}",
            self.listed.name
        );
        self.rows.push(row.into());
    }

    /// The relation.
    pub fn done(self) -> Relation {
        Relation { oid: self.listed.oid, columns: self.listed.columns.clone(), rows: self.rows.into() }
    }
}

fn zero(data_type: &Type) -> Value {
    match data_type {
        Type::Bool => Value::Bool(false),
        Type::Float4 | Type::Float8 | Type::Numeric => Value::Float(0.0),
        Type::Timestamptz => Value::Moment(0),
        Type::Array(_) | Type::Int2Vector | Type::OidVector => Value::Array(Arc::new([])),
        Type::Int2 | Type::Int4 | Type::Int8 | Type::Oid | Type::Xid => Value::Int(0),
        Type::Regclass | Type::Regtype | Type::Regproc | Type::Regoperator | Type::Regnamespace | Type::Regrole => {
            Value::Int(0)
        }
        _ => Value::from(""),
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! from_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                Self::Int(value as i64)
            }
        }
    )*};
}
from_integers!(i16, i32, u32, i64, u64, usize);

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.as_str().into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}
