//! GROUP BY and aggregates.

use super::super::super::value::Value;
use super::super::cast::text;
use super::super::compare::{Key, total};
use super::super::functions::json;
use super::super::plan::{Aggregate, AggregateKind, Grouping, Select, Tuple};
use super::{Frame, Row, Run, ordered};
use crate::error::{Error, Kind, Result};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

impl Run<'_> {
    /// One row for each group: the group's first, with the aggregates in the slot behind those of FROM.
    pub fn group(
        &self,
        select: &Select,
        grouping: &Grouping,
        rows: Vec<Row>,
        parent: Option<&Frame>,
    ) -> Result<Vec<Row>> {
        let mut places: HashMap<Key, usize> = HashMap::new();
        let mut groups: Vec<Vec<Row>> = Vec::new();
        for row in rows {
            self.tick()?;
            let key = Key::list(&self.tuple(&grouping.keys, &Frame { row: &row, parent })?);
            let place = *places.entry(key).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(place) {
                group.push(row);
            }
        }
        if groups.is_empty() && grouping.keys.is_empty() {
            groups.push(Vec::new());
        }
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            let values = grouping.aggregates.iter().map(|aggregate| self.aggregate(aggregate, &group, parent));
            let values = values.collect::<Result<Tuple>>()?;
            let mut row = group.into_iter().next().unwrap_or_else(|| vec![self.empty.clone(); select.slots + 3]);
            if let Some(place) = row.get_mut(select.slots) {
                *place = values;
            }
            out.push(row);
        }
        Ok(out)
    }

    /// What an aggregate makes of some rows.
    pub fn aggregate(&self, aggregate: &Aggregate, rows: &[Row], parent: Option<&Frame>) -> Result<Value> {
        let mut taken: Vec<(Vec<Value>, Tuple)> = Vec::new();
        let mut seen = HashSet::new();
        for row in rows {
            let frame = Frame { row, parent };
            if !self.holds(aggregate.filter.as_slice(), &frame)? {
                continue;
            }
            let values = self.tuple(&aggregate.args, &frame)?;
            if aggregate.distinct && !seen.insert(Key::list(&values)) {
                continue;
            }
            taken.push((self.keys(&aggregate.order, &frame)?, values));
        }
        match aggregate.order.is_empty() {
            false => taken.sort_by(|(left, _), (right, _)| ordered(left, right, &aggregate.order)),
            // PostgreSQL sorts to find what is distinct, and clients see it.
            true if aggregate.distinct => taken.sort_by(|(_, left), (_, right)| {
                left.iter().zip(right.iter()).map(|(l, r)| total(l, r)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
            }),
            true => {}
        }
        let firsts = || taken.iter().map(|(_, values)| values.first().unwrap_or(&Value::Null));
        let known = || firsts().filter(|value| **value != Value::Null);
        Ok(match aggregate.kind {
            AggregateKind::CountAll => Value::Int(taken.len() as i64),
            AggregateKind::Count => Value::Int(known().count() as i64),
            AggregateKind::Min => known().min_by(|a, b| total(a, b)).cloned().unwrap_or(Value::Null),
            AggregateKind::Max => known().max_by(|a, b| total(a, b)).cloned().unwrap_or(Value::Null),
            AggregateKind::Sum => sum(known())?,
            AggregateKind::Avg => match known().count() {
                0 => Value::Null,
                count => match sum(known())? {
                    Value::Int(sum) => Value::Float(sum as f64 / count as f64),
                    Value::Float(sum) => Value::Float(sum / count as f64),
                    _ => Value::Null,
                },
            },
            AggregateKind::BoolAnd => match known().next() {
                None => Value::Null,
                Some(_) => Value::Bool(known().all(|value| *value == Value::Bool(true))),
            },
            AggregateKind::BoolOr => match known().next() {
                None => Value::Null,
                Some(_) => Value::Bool(known().any(|value| *value == Value::Bool(true))),
            },
            AggregateKind::StringAgg => strings(taken.iter().map(|(_, values)| values)),
            _ if taken.is_empty() => Value::Null,
            AggregateKind::ArrayAgg => Value::Array(firsts().cloned().collect()),
            AggregateKind::JsonAgg => {
                let items: Vec<&str> = firsts().map(|value| json::inner(Some(value))).collect();
                text(format!("[{}]", items.join(", ")))
            }
            AggregateKind::JsonObjectAgg => {
                let mut fields = Vec::new();
                for (_, values) in &taken {
                    let Some(Value::Text(key)) = values.first() else {
                        return Err(Error::new(Kind::InvalidParameter, "field name must not be null"));
                    };
                    fields.push(format!("{} : {}", json::quoted(key), json::inner(values.get(1))));
                }
                text(format!("{{ {} }}", fields.join(", ")))
            }
        })
    }
}

fn sum<'v>(values: impl Iterator<Item = &'v Value>) -> Result<Value> {
    let mut sum = Value::Null;
    for value in values {
        sum = match (&sum, value) {
            (Value::Null, value) => value.clone(),
            (Value::Int(sum), Value::Int(value)) => match sum.checked_add(*value) {
                Some(sum) => Value::Int(sum),
                None => return Err(Error::new(Kind::NumericOutOfRange, "bigint out of range")),
            },
            (Value::Float(sum), Value::Float(value)) => Value::Float(sum + value),
            (Value::Int(sum), Value::Float(value)) => Value::Float(*sum as f64 + value),
            (Value::Float(sum), Value::Int(value)) => Value::Float(sum + *value as f64),
            _ => return Err(Error::new(Kind::DatatypeMismatch, "only numbers have a sum")),
        };
    }
    Ok(sum)
}

/// Texts, each with the separator before it but the first.
fn strings<'v>(rows: impl Iterator<Item = &'v Tuple>) -> Value {
    let mut whole: Option<String> = None;
    for row in rows {
        let Some(Value::Text(part)) = row.first() else { continue };
        whole = Some(match whole {
            None => part.to_string(),
            Some(mut whole) => {
                if let Some(Value::Text(between)) = row.get(1) {
                    whole.push_str(between);
                }
                whole.push_str(part);
                whole
            }
        });
    }
    whole.map_or(Value::Null, text)
}
