//! A SELECT: from the rows of FROM to those of its output.

use super::super::super::value::Value;
use super::super::compare::Key;
use super::super::plan::{Distinct, Select, Tuple};
use super::rows::Within;
use super::{Frame, Row, Run, ordered};
use crate::error::Result;
use std::collections::HashSet;

/// A row of the output, what it is sorted by, and what it must be distinct in.
struct Made {
    tuple: Tuple,
    keys: Vec<Value>,
    on: Option<Key>,
}

impl Run<'_> {
    /// The rows of a SELECT.
    pub fn select(&self, select: &Select, parent: Option<&Frame>) -> Result<Vec<Tuple>> {
        let base: Row = vec![self.empty.clone(); select.slots + 3];
        let frame = Frame { row: &base, parent };
        let mut rows = match (self.holds(&select.filter, &frame)?, &select.from) {
            (false, _) => Vec::new(),
            (true, None) => vec![base],
            (true, Some(from)) => self.from(from, &Within { select, parent }, &base)?,
        };
        if let Some(grouping) = &select.grouping {
            rows = self.group(select, grouping, rows, parent)?;
        }
        if let Some(having) = &select.having {
            let mut kept = Vec::new();
            for row in rows {
                if self.holds(std::slice::from_ref(having), &Frame { row: &row, parent })? {
                    kept.push(row);
                }
            }
            rows = kept;
        }
        if !select.windows.is_empty() {
            self.windows(select, &mut rows, parent)?;
        }
        let mut made = Vec::with_capacity(rows.len());
        for mut row in rows {
            if select.sets.is_empty() {
                made.push(self.made(select, &row, parent)?);
                continue;
            }
            let sets = select.sets.iter().map(|call| self.set(call, &Frame { row: &row, parent }));
            let sets = sets.collect::<Result<Vec<_>>>()?;
            for at in 0..sets.iter().map(Vec::len).max().unwrap_or(0) {
                let values = sets.iter().zip(&select.sets).map(|(rows, call)| match (rows.get(at), call.width) {
                    (Some(tuple), 1) => tuple.first().cloned().unwrap_or(Value::Null),
                    (Some(tuple), _) => Value::Record(tuple.clone()),
                    (None, _) => Value::Null,
                });
                let values = values.collect();
                if let Some(place) = row.get_mut(select.slots + 2) {
                    *place = values;
                }
                made.push(self.made(select, &row, parent)?);
                self.must_be_few(made.len())?;
            }
        }
        if matches!(select.distinct, Distinct::Yes) {
            let mut seen = HashSet::new();
            made.retain(|row| seen.insert(Key::list(&row.tuple)));
        }
        if !select.order.is_empty() {
            made.sort_by(|left, right| ordered(&left.keys, &right.keys, &select.order));
        }
        // The first of each, in the order asked for.
        let mut seen = HashSet::new();
        made.retain_mut(|row| row.on.take().is_none_or(|on| seen.insert(on)));
        Ok(made.into_iter().map(|row| row.tuple).collect())
    }

    fn made(&self, select: &Select, row: &Row, parent: Option<&Frame>) -> Result<Made> {
        self.tick()?;
        let frame = Frame { row, parent };
        let on = match &select.distinct {
            Distinct::On(exprs) => Some(Key::list(&self.tuple(exprs, &frame)?)),
            Distinct::No | Distinct::Yes => None,
        };
        Ok(Made { tuple: self.tuple(&select.items, &frame)?, keys: self.keys(&select.order, &frame)?, on })
    }
}
