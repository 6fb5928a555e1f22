//! Window functions.

use super::super::super::value::Value;
use super::super::compare::Key;
use super::super::plan::{Select, Window, WindowKind};
use super::{Frame, Row, Run, ordered};
use crate::error::Result;
use std::collections::HashMap;

impl Run<'_> {
    /// Puts what the window functions give into the slot behind the aggregates'.
    pub fn windows(&self, select: &Select, rows: &mut [Row], parent: Option<&Frame>) -> Result<()> {
        let mut columns = Vec::new();
        for window in &select.windows {
            columns.push(self.window(window, rows, parent)?);
        }
        for (at, row) in rows.iter_mut().enumerate() {
            let values = columns.iter().map(|column| column.get(at).cloned().unwrap_or(Value::Null)).collect();
            if let Some(place) = row.get_mut(select.slots + 1) {
                *place = values;
            }
        }
        Ok(())
    }

    /// The function's value for each row.
    fn window(&self, window: &Window, rows: &[Row], parent: Option<&Frame>) -> Result<Vec<Value>> {
        let mut partitions: Vec<Vec<(Vec<Value>, usize)>> = Vec::new();
        let mut places: HashMap<Key, usize> = HashMap::new();
        for (at, row) in rows.iter().enumerate() {
            let frame = Frame { row, parent };
            let key = Key::list(&self.tuple(&window.partition, &frame)?);
            let place = *places.entry(key).or_insert_with(|| {
                partitions.push(Vec::new());
                partitions.len() - 1
            });
            let keys = self.keys(&window.order, &frame)?;
            if let Some(partition) = partitions.get_mut(place) {
                partition.push((keys, at));
            }
        }
        let mut values = vec![Value::Null; rows.len()];
        for mut partition in partitions {
            partition.sort_by(|(left, _), (right, _)| ordered(left, right, &window.order));
            let (mut rank, mut dense) = (0, 0);
            let mut before: Option<&[Value]> = None;
            for (number, (keys, at)) in partition.iter().enumerate() {
                let is_peer = before.is_some_and(|before| ordered(before, keys, &window.order).is_eq());
                if !is_peer {
                    (rank, dense) = (number as i64 + 1, dense + 1);
                }
                before = Some(keys);
                let value = match &window.kind {
                    WindowKind::RowNumber => Value::Int(number as i64 + 1),
                    WindowKind::Rank => Value::Int(rank),
                    WindowKind::DenseRank => Value::Int(dense),
                    WindowKind::Neighbour(expr, offset) => {
                        let other = (number as i64).checked_add(*offset).and_then(|at| usize::try_from(at).ok());
                        match other.and_then(|other| partition.get(other)).and_then(|(_, at)| rows.get(*at)) {
                            Some(row) => self.compute(expr, &Frame { row, parent })?,
                            None => Value::Null,
                        }
                    }
                    WindowKind::Aggregate(aggregate) => {
                        let so_far = partition.iter().take_while(|(other, _)| {
                            window.order.is_empty() || ordered(other, keys, &window.order).is_le()
                        });
                        let so_far: Vec<Row> = so_far.filter_map(|(_, at)| rows.get(*at).cloned()).collect();
                        self.aggregate(aggregate, &so_far, parent)?
                    }
                };
                if let Some(place) = values.get_mut(*at) {
                    *place = value;
                }
            }
        }
        Ok(values)
    }
}
