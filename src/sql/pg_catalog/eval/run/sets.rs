//! Functions that give several rows.

use super::super::super::super::keywords;
use super::super::super::value::{Type, Value};
use super::super::cast::text;
use super::super::plan::{SetCall, SetKind, Tuple};
use super::{Frame, Run};
use crate::error::{Error, Kind, Result};
use std::sync::Arc;

/// Letters of rights, and what they stand for.
const RIGHTS: [(char, &str); 12] = [
    ('a', "INSERT"),
    ('r', "SELECT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
];

impl Run<'_> {
    /// The rows of a call.
    pub fn set(&self, call: &SetCall, frame: &Frame) -> Result<Vec<Tuple>> {
        let args = self.tuple(&call.args, frame)?;
        let first = args.first().unwrap_or(&Value::Null);
        let one = |value: Value| -> Tuple { Arc::new([value]) };
        Ok(match (call.kind, first) {
            (SetKind::Scalar, value) => vec![one(value.clone())],
            (SetKind::Unnest, Value::Array(items)) => items.iter().cloned().map(one).collect(),
            (SetKind::ExpandArray, Value::Array(items)) => {
                let numbered = items.iter().zip(1..);
                numbered.map(|(item, number)| -> Tuple { Arc::new([item.clone(), Value::Int(number)]) }).collect()
            }
            (SetKind::Subscripts(from), Value::Array(items)) => {
                let length = items.len() as i64;
                let backwards = args.get(2) == Some(&Value::Bool(true));
                match args.get(1) {
                    Some(Value::Int(1)) if backwards => {
                        (0..length).rev().map(|at| one(Value::Int(from + at))).collect()
                    }
                    Some(Value::Int(1)) => (0..length).map(|at| one(Value::Int(from + at))).collect(),
                    _ => Vec::new(),
                }
            }
            (SetKind::Options, Value::Array(items)) => {
                let pairs = items.iter().filter_map(|item| match item {
                    Value::Text(pair) => Some(pair),
                    _ => None,
                });
                let split = pairs.map(|pair| -> Tuple {
                    match pair.split_once('=') {
                        Some((name, value)) => Arc::new([text(name), text(value)]),
                        None => Arc::new([text(pair.clone()), Value::Null]),
                    }
                });
                split.collect()
            }
            (SetKind::Rights, Value::Array(items)) => {
                let mut rows = Vec::new();
                for item in items.iter() {
                    if let Value::Text(item) = item {
                        self.rights(item, &mut rows)?;
                    }
                }
                rows
            }
            (SetKind::Keywords, _) => {
                let words = keywords::all().map(|(word, facts)| -> Tuple {
                    let (letter, class) = facts.class.told();
                    let label = if facts.needs_as { "requires AS" } else { "can be bare label" };
                    Arc::new([text(word), text(letter), Value::Bool(!facts.needs_as), text(class), text(label)])
                });
                words.collect()
            }
            (SetKind::Series, Value::Int(start)) => self.series(*start, args.get(1), args.get(2))?,
            _ => Vec::new(),
        })
    }

    /// The rights of an item such as `clerk=r*w/owner`.
    fn rights(&self, item: &str, rows: &mut Vec<Tuple>) -> Result<()> {
        let Some((given, grantor)) = item.rsplit_once('/') else { return Ok(()) };
        let Some((grantee, letters)) = given.rsplit_once('=') else { return Ok(()) };
        let role = |name: &str| match name {
            "" => Ok(0),
            name if name.starts_with('"') => self.world.oid_of(&Type::Regrole, name),
            name => self.world.oid_of(&Type::Regrole, &format!("\"{name}\"")),
        };
        let (grantor, grantee) = (role(grantor)?, role(grantee)?);
        let mut letters = letters.chars().peekable();
        while let Some(letter) = letters.next() {
            let grantable = letters.next_if_eq(&'*').is_some();
            if let Some((_, right)) = RIGHTS.iter().find(|(known, _)| *known == letter) {
                let who = [grantor, grantee].map(|oid| Value::Int(oid.into()));
                let [grantor, grantee] = who;
                rows.push(Arc::new([grantor, grantee, text(*right), Value::Bool(grantable)]));
            }
        }
        Ok(())
    }

    fn series(&self, start: i64, end: Option<&Value>, step: Option<&Value>) -> Result<Vec<Tuple>> {
        let step = match step {
            None => 1,
            Some(Value::Int(0)) => {
                return Err(Error::new(Kind::InvalidParameter, "step size cannot equal zero"));
            }
            Some(Value::Int(step)) => *step,
            Some(_) => return Ok(Vec::new()),
        };
        let Some(Value::Int(end)) = end else { return Ok(Vec::new()) };
        let (mut rows, mut next) = (Vec::new(), Some(start));
        while let Some(number) = next.filter(|number| if step > 0 { number <= end } else { number >= end }) {
            self.tick()?;
            rows.push(Arc::new([Value::Int(number)]) as Tuple);
            self.must_be_few(rows.len())?;
            next = number.checked_add(step);
        }
        Ok(rows)
    }

    /// Calls side by side: as many rows as the longest has, NULL where another has ended.
    pub fn side_by_side(&self, calls: &[SetCall], ordinality: bool, frame: &Frame) -> Result<Vec<Tuple>> {
        let sets = calls.iter().map(|call| self.set(call, frame)).collect::<Result<Vec<_>>>()?;
        if let ([rows], false) = (sets.as_slice(), ordinality) {
            return Ok(rows.clone());
        }
        let length = sets.iter().map(Vec::len).max().unwrap_or(0);
        let rows = (0..length).map(|at| {
            let mut values = Vec::new();
            for (rows, call) in sets.iter().zip(calls) {
                match rows.get(at) {
                    Some(row) => values.extend(row.iter().cloned()),
                    None => values.extend(std::iter::repeat_n(Value::Null, call.width)),
                }
            }
            if ordinality {
                values.push(Value::Int(at as i64 + 1));
            }
            Tuple::from(values)
        });
        Ok(rows.collect())
    }
}
