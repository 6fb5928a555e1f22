//! The value of an expression.

use super::super::super::value::{Type, Value};
use super::super::cast::{cast, shown_value, text};
use super::super::compare::{compare, total};
use super::super::functions::json;
use super::super::pattern;
use super::super::plan::{Expr, Node, Output, Test};
use super::super::types::element;
use super::{Frame, Run};
use crate::error::{Error, Kind, Result};
use std::cmp::Ordering;

/// Texts and arrays shorter than this are not counted.
const LONG: usize = 256;

/// True, false, or neither.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        _ => None,
    }
}

fn value(truth: Option<bool>) -> Value {
    truth.map_or(Value::Null, Value::Bool)
}

impl Run<'_> {
    /// The value of an expression.
    pub fn compute(&self, expr: &Expr, frame: &Frame) -> Result<Value> {
        Ok(match &expr.node {
            Node::Value(value) => value.clone(),
            Node::Param(at) => self.params.get(*at).cloned().unwrap_or(Value::Null),
            Node::Column { up, slot, at } => {
                let tuple = outer(frame, *up).and_then(|frame| frame.row.get(*slot));
                tuple.and_then(|tuple| tuple.get(*at)).cloned().unwrap_or(Value::Null)
            }
            Node::Row { up, slot } => match outer(frame, *up).and_then(|frame| frame.row.get(*slot)) {
                // The row that an outer join made up is NULL as a whole.
                Some(tuple) if tuple.iter().any(|value| *value != Value::Null) => Value::Record(tuple.clone()),
                _ => Value::Null,
            },
            Node::Field(row, at) => match self.compute(row, frame)? {
                Value::Record(fields) => fields.get(*at).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            },
            Node::Cast(inner) => {
                let value = self.compute(inner, frame)?;
                cast(self.world, &value, &inner.data_type, &expr.data_type)?
            }
            Node::Json(inner) => {
                let value = self.compute(inner, frame)?;
                text(self.json(&value, &inner.data_type, inner.fields.as_deref().unwrap_or_default()))
            }
            Node::And(list) => value(self.all(list, frame)?),
            Node::Or(list) => value(self.any(list, frame)?),
            Node::Not(inner) => value(truth(&self.compute(inner, frame)?).map(|flag| !flag)),
            Node::IsNull(inner) => Value::Bool(self.compute(inner, frame)? == Value::Null),
            Node::IsBool(inner, wanted) => Value::Bool(self.compute(inner, frame)? == Value::Bool(*wanted)),
            Node::Distinct(left, right) => {
                let (left, right) = (self.compute(left, frame)?, self.compute(right, frame)?);
                Value::Bool(total(&left, &right) != Ordering::Equal)
            }
            Node::Test(test, left, right) => {
                let (left, right) = (self.compute(left, frame)?, self.compute(right, frame)?);
                value(self.test(*test, &left, &right)?)
            }
            Node::Call(builtin, args) => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    let value = self.compute(arg, frame)?;
                    if builtin.strict && value == Value::Null {
                        return Ok(Value::Null);
                    }
                    values.push(value);
                }
                let made = (builtin.call)(&values)?;
                match &made {
                    Value::Text(text) if text.len() > LONG => self.keep(text.len())?,
                    Value::Array(items) if items.len() > LONG => self.keep(size_of_val(&**items))?,
                    _ => {}
                }
                made
            }
            Node::World(name, args) => {
                let values = args.iter().map(|arg| self.compute(arg, frame)).collect::<Result<Vec<_>>>()?;
                let types: Vec<Type> = args.iter().map(|arg| arg.data_type.clone()).collect();
                self.tick()?;
                self.world.call(name, &values, &types)?
            }
            Node::Case(whens, otherwise) => {
                for (when, then) in whens {
                    if self.compute(when, frame)? == Value::Bool(true) {
                        return self.compute(then, frame);
                    }
                }
                match otherwise {
                    Some(otherwise) => self.compute(otherwise, frame)?,
                    None => Value::Null,
                }
            }
            Node::Coalesce(list) => {
                for expr in list {
                    let value = self.compute(expr, frame)?;
                    if value != Value::Null {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            Node::Extreme(greatest, list) => {
                let mut best = Value::Null;
                for expr in list {
                    let value = self.compute(expr, frame)?;
                    let order = if *greatest { Ordering::Greater } else { Ordering::Less };
                    if value != Value::Null && (best == Value::Null || total(&value, &best) == order) {
                        best = value;
                    }
                }
                best
            }
            Node::Quantified { test, left, array, all } => {
                let left = self.compute(left, frame)?;
                match self.compute(array, frame)? {
                    Value::Array(items) => value(self.over(*test, &left, items.iter(), *all)?),
                    _ => Value::Null,
                }
            }
            Node::QuantifiedQuery { test, left, query, all } => {
                let left = self.compute(left, frame)?;
                let rows = self.rows_of(query, Some(frame))?;
                let is_row = matches!(left, Value::Record(_));
                let items: Vec<Value> = match is_row {
                    true => rows.iter().map(|row| Value::Record(row.clone())).collect(),
                    false => rows.iter().map(|row| row.first().cloned().unwrap_or(Value::Null)).collect(),
                };
                value(self.over(*test, &left, items.iter(), *all)?)
            }
            Node::Exists(query) => Value::Bool(!self.rows_of(query, Some(frame))?.is_empty()),
            Node::Scalar(query) => {
                let rows = self.rows_of(query, Some(frame))?;
                match &*rows {
                    [] => Value::Null,
                    [row] => row.first().cloned().unwrap_or(Value::Null),
                    _ => {
                        let message = "more than one row returned by a subquery used as an expression";
                        return Err(Error::new(Kind::Cardinality, message));
                    }
                }
            }
            Node::ArrayOf(query) => {
                let rows = self.rows_of(query, Some(frame))?;
                Value::Array(rows.iter().map(|row| row.first().cloned().unwrap_or(Value::Null)).collect())
            }
            Node::Array(list) => Value::Array(self.tuple(list, frame)?),
            Node::Record(list) => Value::Record(self.tuple(list, frame)?),
            Node::Subscript(base, index, from) => match (self.compute(base, frame)?, self.compute(index, frame)?) {
                (Value::Array(items), Value::Int(index)) => {
                    let at = usize::try_from(index.saturating_sub(*from)).ok();
                    at.and_then(|at| items.get(at)).cloned().unwrap_or(Value::Null)
                }
                (Value::Text(name), Value::Int(index)) => {
                    let letter = usize::try_from(index).ok().and_then(|at| name.get(at..=at).map(ToOwned::to_owned));
                    letter.map_or(Value::Null, |letter| Value::Text(letter.into()))
                }
                _ => Value::Null,
            },
            Node::Slice { base, low, high, from } => {
                let Value::Array(items) = self.compute(base, frame)? else { return Ok(Value::Null) };
                let bound = |bound: &Option<Box<Expr>>, otherwise: i64| -> Result<Option<i64>> {
                    match bound.as_ref().map(|bound| self.compute(bound, frame)).transpose()? {
                        None => Ok(Some(otherwise)),
                        Some(Value::Int(bound)) => Ok(Some(bound.saturating_sub(*from))),
                        Some(_) => Ok(None),
                    }
                };
                match (bound(low, 0)?, bound(high, items.len() as i64 - 1)?) {
                    (Some(low), Some(high)) => {
                        let low = usize::try_from(low).unwrap_or(0);
                        let end = usize::try_from(high.saturating_add(1)).unwrap_or(0).min(items.len());
                        Value::Array(items.get(low..end).unwrap_or_default().into())
                    }
                    _ => Value::Null,
                }
            }
        })
    }

    /// Whether all conditions hold.
    pub fn all(&self, list: &[Expr], frame: &Frame) -> Result<Option<bool>> {
        let mut all = Some(true);
        for expr in list {
            match truth(&self.compute(expr, frame)?) {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => all = None,
            }
        }
        Ok(all)
    }

    fn any(&self, list: &[Expr], frame: &Frame) -> Result<Option<bool>> {
        let mut any = Some(false);
        for expr in list {
            match truth(&self.compute(expr, frame)?) {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                None => any = None,
            }
        }
        Ok(any)
    }

    /// Whether conditions of a row hold.
    pub fn holds(&self, list: &[Expr], frame: &Frame) -> Result<bool> {
        self.tick()?;
        Ok(list.is_empty() || self.all(list, frame)? == Some(true))
    }

    fn over<'v>(
        &self,
        test: Test,
        left: &Value,
        items: impl Iterator<Item = &'v Value>,
        all: bool,
    ) -> Result<Option<bool>> {
        let mut whole = Some(all);
        for item in items {
            match self.test(test, left, item)? {
                Some(found) if found != all => return Ok(Some(found)),
                Some(_) => {}
                None => whole = None,
            }
        }
        Ok(whole)
    }

    fn test(&self, test: Test, left: &Value, right: &Value) -> Result<Option<bool>> {
        let by = |fits: fn(Ordering) -> bool| Ok(compare(left, right).map(fits));
        match test {
            Test::Eq => by(Ordering::is_eq),
            Test::Ne => by(Ordering::is_ne),
            Test::Lt => by(Ordering::is_lt),
            Test::Le => by(Ordering::is_le),
            Test::Gt => by(Ordering::is_gt),
            Test::Ge => by(Ordering::is_ge),
            Test::Like { fold, negated, escape } => match (left, right) {
                (Value::Text(text), Value::Text(pattern)) => {
                    Ok(Some(pattern::like(text, pattern, fold, escape)? != negated))
                }
                _ => Ok(None),
            },
            Test::Regex { fold, negated } => match (left, right) {
                (Value::Text(text), Value::Text(pattern)) => Ok(Some(self.is_match(text, pattern, fold)? != negated)),
                _ => Ok(None),
            },
        }
    }

    /// A value as JSON.
    fn json(&self, value: &Value, data_type: &Type, fields: &[Output]) -> String {
        match value {
            Value::Array(items) => {
                let item_type = element(data_type).unwrap_or(Type::Unknown);
                let items = items.iter().map(|item| self.json(item, &item_type, fields));
                format!("[{}]", items.collect::<Vec<_>>().join(","))
            }
            Value::Record(values) => {
                let unknown = Output { name: String::new(), data_type: Type::Unknown, fields: None };
                let values = values.iter().enumerate().map(|(at, value)| {
                    let field = fields.get(at).unwrap_or(&unknown);
                    self.json(value, &field.data_type, field.fields.as_deref().unwrap_or_default())
                });
                json::object(fields, &values.collect::<Vec<_>>())
            }
            Value::Text(inner) if matches!(data_type, Type::Json | Type::Jsonb) => inner.to_string(),
            Value::Moment(_) => {
                let shown = shown_value(self.world, value, data_type).replacen(' ', "T", 1);
                json::quoted(&format!("{shown}:00"))
            }
            value => json::scalar(value, &shown_value(self.world, value, data_type)),
        }
    }
}

fn outer<'f>(frame: &'f Frame<'f>, up: usize) -> Option<&'f Frame<'f>> {
    let mut frame = frame;
    for _ in 0..up {
        frame = frame.parent?;
    }
    Some(frame)
}
