//! Values beside each other: order, equality, keys of hash tables.

use super::super::value::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// The order of two values; `None` if one is NULL, or contains one that decides.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Array(left), Value::Array(right)) => {
            Some(all(left, right, total).unwrap_or_else(|| left.len().cmp(&right.len())))
        }
        (Value::Record(left), Value::Record(right)) => {
            for (left, right) in left.iter().zip(right.iter()) {
                match compare(left, right)? {
                    Ordering::Equal => {}
                    other => return Some(other),
                }
            }
            Some(left.len().cmp(&right.len()))
        }
        _ => Some(total(left, right)),
    }
}

fn all(left: &[Value], right: &[Value], by: fn(&Value, &Value) -> Ordering) -> Option<Ordering> {
    left.iter().zip(right).map(|(left, right)| by(left, right)).find(|order| *order != Ordering::Equal)
}

/// An order of all values, NULL last, as indexes and sorts have it.
pub fn total(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Int(left), Value::Int(right)) | (Value::Moment(left), Value::Moment(right)) => left.cmp(right),
        (Value::Span(left), Value::Span(right)) => left.cmp(right),
        (Value::Float(left), Value::Float(right)) => float(*left, *right),
        (Value::Int(left), Value::Float(right)) => float(*left as f64, *right),
        (Value::Float(left), Value::Int(right)) => float(*left, *right as f64),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) | (Value::Record(left), Value::Record(right)) => {
            all(left, right, total).unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

/// NaN is the greatest and equal to itself.
fn float(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Int(_) | Value::Float(_) => 1,
        Value::Moment(_) | Value::Span(_) => 2,
        Value::Text(_) => 3,
        Value::Array(_) => 4,
        Value::Record(_) => 5,
        Value::Null => 6,
    }
}

/// A value as a key: NULL is equal to NULL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    Null,
    Bool(bool),
    Int(i64),
    Float(u64),
    Moment(i64),
    Text(Arc<str>),
    List(Vec<Key>),
}

impl Key {
    /// The key of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Self::Int(*value as i64),
            Value::Float(value) => Self::Float(value.to_bits()),
            Value::Moment(value) | Value::Span(value) => Self::Moment(*value),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Array(items) | Value::Record(items) => Self::list(items),
        }
    }

    /// The key of a row.
    pub fn list(values: &[Value]) -> Self {
        Self::List(values.iter().map(Self::of).collect())
    }
}
