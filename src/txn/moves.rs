//! Where compaction put rows, for transactions that began before it.
//!
//! Such a transaction deletes rows by the ids that its snapshot knows. At its commit they are looked up here and
//! followed, as often as they moved. What was forgotten is a conflict (40001), never a wrong row.

use super::segment::{Deleted, RowId, Segment, row_id, split_row_id};
use super::snapshot::{Snapshot, TableRows};
use super::transaction::Transaction;
use crate::catalog::ObjectId;
use crate::config::MOVED_ROWS_MAX;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// The place of a row that was dead already when the others moved.
pub const NOWHERE: RowId = RowId::MAX;

/// The new place of each row of old segments.
#[derive(Debug, Default)]
pub struct Moves {
    places: HashMap<u64, Vec<RowId>>,
    by_age: VecDeque<u64>,
    rows: usize,
}

impl Moves {
    /// Notes segments whose rows `fill` says the places of. The oldest ones are forgotten when there are too many.
    pub fn note(&mut self, sources: &[Arc<Segment>], fill: impl FnOnce(&mut HashMap<u64, Vec<RowId>>)) {
        for source in sources {
            self.places.insert(source.id, vec![NOWHERE; source.rows]);
            self.by_age.push_back(source.id);
            self.rows += source.rows;
        }
        fill(&mut self.places);
        while self.rows > MOVED_ROWS_MAX {
            let Some(oldest) = self.by_age.pop_front() else { break };
            self.rows -= self.places.remove(&oldest).map_or(0, |rows| rows.len());
        }
    }

    /// The rows that a transaction deletes, by the ids that they have in `latest`. Those that are not to be found keep
    /// the ids they had.
    pub fn follow(&self, txn: &mut Transaction, latest: &Snapshot) {
        let is_there = |table: ObjectId, segment: u64| latest.rows(table).segment(segment).is_some();
        if self.places.is_empty() || txn.deleted.keys().all(|(table, segment)| is_there(*table, *segment)) {
            return;
        }
        let mut followed: BTreeMap<(ObjectId, u64), Deleted> = BTreeMap::new();
        for ((table, segment), rows) in std::mem::take(&mut txn.deleted) {
            for offset in rows.offsets() {
                let (segment, offset) = self.place(&latest.rows(table), segment, offset);
                followed.entry((table, segment)).or_default().insert(offset);
            }
        }
        txn.deleted = followed;
    }

    /// Where a row is now.
    fn place(&self, latest: &TableRows, mut segment: u64, mut offset: usize) -> (u64, usize) {
        while latest.segment(segment).is_none()
            && let Some(place) = self.places.get(&segment).and_then(|places| places.get(offset))
            && *place != NOWHERE
        {
            (segment, offset) = split_row_id(*place);
        }
        (segment, offset)
    }

    /// The rows of a table that a transaction deletes and that have moved since it began, by the ids they have now.
    pub fn deleted(&self, txn: &Transaction, table: ObjectId, latest: &TableRows) -> HashSet<RowId> {
        let of_table = txn.deleted.range((table, 0)..=(table, u64::MAX));
        let moved = of_table.filter(|((_, segment), _)| latest.segment(*segment).is_none());
        moved
            .flat_map(|((_, segment), rows)| rows.offsets().map(|offset| self.place(latest, *segment, offset)))
            .map(|(segment, offset)| row_id(segment, offset))
            .collect()
    }
}
