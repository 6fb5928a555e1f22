//! Where rows went when segments were merged.

use super::super::segment::{RowId, Segment, row_id, split_row_id};
use crate::catalog::ObjectId;
use crate::config::MOVED_ROWS_MAX;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// In place of the id of a row that was deleted before the merge.
pub const GONE: RowId = RowId::MAX;

/// Old ids of rows to new ones, by table and old segment.
#[derive(Debug, Default)]
pub struct Moves {
    /// New ids by old offset, with the commit that moved them.
    rows: HashMap<(ObjectId, u64), (u64, Vec<RowId>)>,
    by_age: VecDeque<(ObjectId, u64)>,
    count: usize,
}

impl Moves {
    /// Whether nothing moved.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Notes that the live rows of `from` are now, in the same order, the rows of `to`.
    pub fn note(&mut self, seq: u64, table: ObjectId, from: &[Arc<Segment>], to: &[Arc<Segment>]) {
        let mut places = to.iter().flat_map(|segment| (0..segment.rows).map(|offset| row_id(segment.id, offset)));
        for segment in from {
            let new = (0..segment.rows).map(|offset| match segment.is_deleted(offset) {
                true => GONE,
                false => places.next().unwrap_or(GONE),
            });
            self.put(seq, table, segment.id, new.collect());
        }
    }

    /// Notes the new ids of a segment's rows, by offset; [`GONE`] for those that were deleted.
    pub fn put(&mut self, seq: u64, table: ObjectId, segment: u64, rows: Vec<RowId>) {
        self.count += rows.len();
        self.by_age.push_back((table, segment));
        self.rows.insert((table, segment), (seq, rows));
    }

    /// Takes over what another has. The oldest are forgotten when there are too many: to a transaction that would need
    /// them the rows are changed by somebody else.
    pub fn extend(&mut self, other: Self) {
        self.count += other.count;
        self.by_age.extend(other.by_age);
        self.rows.extend(other.rows);
        while self.count > MOVED_ROWS_MAX {
            let Some(oldest) = self.by_age.pop_front() else { break };
            self.count -= self.rows.remove(&oldest).map_or(0, |(_, rows)| rows.len());
        }
    }

    /// The segments of a table that are no more, with the new ids of their rows.
    pub fn of_table(&self, table: ObjectId) -> impl Iterator<Item = (u64, &[RowId])> {
        let of = self.rows.iter().filter(move |((of, _), _)| *of == table);
        of.map(|((_, segment), (_, rows))| (*segment, rows.as_slice()))
    }

    /// Segments that are no more.
    pub fn segments(&self) -> impl Iterator<Item = (ObjectId, u64)> {
        self.rows.keys().copied()
    }

    /// The newest id of a row; none if it was deleted before it could move.
    pub fn newest(&self, table: ObjectId, mut row: RowId) -> Option<RowId> {
        loop {
            let (segment, offset) = split_row_id(row);
            let Some((_, new)) = self.rows.get(&(table, segment)) else { return Some(row) };
            row = new.get(offset).copied().filter(|row| *row != GONE)?;
        }
    }

    /// The newest ids of rows; none at all if nothing has moved.
    pub fn all_newest(&self, table: ObjectId, rows: &[RowId]) -> Option<Vec<Option<RowId>>> {
        (!self.is_empty()).then(|| rows.iter().map(|row| self.newest(table, *row)).collect())
    }

    /// Forgets what only snapshots before `oldest` need to know.
    pub fn forget_before(&mut self, oldest: u64) {
        self.rows.retain(|_, (seq, _)| *seq > oldest);
        self.by_age.retain(|place| self.rows.contains_key(place));
        self.count = self.rows.values().map(|(_, rows)| rows.len()).sum();
    }
}
