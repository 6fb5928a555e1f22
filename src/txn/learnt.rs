//! Clustering keys that nobody declared: the column by which most of a table's pages are asked for.
//!
//! Each scan tells by which columns its filters ask, how many pages there were, and how many of them the bounds of a column ruled
//! out. An order by a column could save about all pages that were asked for by it. The pages that the other columns ruled out
//! are what the order that is there saves, be it a key learnt before or the one in which rows came: another order would
//! lose it. So a column becomes the key once enough was asked for by it, and more than all others together rule out.
//!
//! Counts live in memory, and old ones fade. The key is used where rows are written anyway: by loads and by compaction.

use super::Manager;
use super::condition::Condition;
use crate::catalog::{ObjectId, Table};
use crate::config::{LEARNT_PAGES_FADE, LEARNT_PAGES_MIN};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};

/// Pages of the scans whose filters ask by one column.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    pages: u64,
    ruled_out: u64,
}

/// What the scans of each table ask by, by the names of columns.
#[derive(Debug, Default)]
pub struct Learnt(Mutex<HashMap<ObjectId, BTreeMap<String, Asked>>>);

impl Learnt {
    /// Notes a scan of a table with so many pages: its conditions, and how many pages each of them ruled out.
    fn note(&self, id: ObjectId, table: &Table, pages: usize, conditions: &[(&Condition, usize)]) {
        let mut tables = self.0.lock();
        let counts = tables.entry(id).or_default();
        for (condition, ruled_out) in conditions {
            let columns = condition.ranges().into_iter().filter_map(|column| table.columns.get(column));
            for name in columns.map(|column| &column.name) {
                if !counts.contains_key(name) {
                    counts.insert(name.clone(), Asked::default());
                }
                if let Some(asked) = counts.get_mut(name) {
                    asked.pages += pages as u64;
                    asked.ruled_out += *ruled_out as u64;
                }
            }
        }
        if counts.values().any(|asked| asked.pages > LEARNT_PAGES_FADE) {
            counts
                .values_mut()
                .for_each(|asked| *asked = Asked { pages: asked.pages / 2, ruled_out: asked.ruled_out / 2 });
        }
    }

    /// The column by which a table should be sorted, if it has shown.
    fn column(&self, id: ObjectId, table: &Table) -> Option<usize> {
        let tables = self.0.lock();
        let counts = tables.get(&id)?;
        let (name, most) = counts.iter().max_by_key(|(_, asked)| asked.pages)?;
        let others: u64 = counts.iter().filter(|(other, _)| *other != name).map(|(_, asked)| asked.ruled_out).sum();
        (most.pages >= LEARNT_PAGES_MIN && most.pages > others).then(|| table.column_index(name)).flatten()
    }

    /// Forgets tables that are not there any more.
    pub(super) fn retain(&self, is_there: impl Fn(ObjectId) -> bool) {
        self.0.lock().retain(|table, _| is_there(*table));
    }
}

impl Manager {
    /// Notes a scan of a table with so many pages: its conditions, and how many pages each of them ruled out.
    pub fn note_scan(&self, id: ObjectId, table: &Table, pages: usize, conditions: &[(&Condition, usize)]) {
        // Most tables are small, and most scans of large ones ask by something.
        if pages > 0 && !conditions.is_empty() {
            self.learnt.note(id, table, pages, conditions);
        }
    }

    /// The columns by which the rows of a table are to be sorted: the clustering key, or what was learnt in its place.
    pub(super) fn clustering(&self, id: ObjectId, table: &Table) -> Vec<usize> {
        match table.cluster.is_empty() {
            // An order by the values of a class would outlive them.
            true => {
                let learnt = self.learnt.column(id, table);
                learnt.filter(|column| table.columns[*column].class.is_none()).into_iter().collect()
            }
            false => table.cluster.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Comparison;
    use super::*;
    use crate::catalog::{Column, SqlType};
    use arrow::array::{ArrayRef, Int64Array};
    use std::sync::Arc;

    #[test]
    fn a_column_is_learnt_once_it_saves_more_than_it_loses() {
        let table = Table {
            columns: ["a", "b"].map(|name| Column::new(name, SqlType::Int8)).to_vec(),
            ..Table::new("public", "t", 1)
        };
        let value = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
        let by = |column| Condition::Compare(column, Comparison::Less, value());
        let least = LEARNT_PAGES_MIN as usize;
        let learnt = Learnt::default();
        // Rows came in the order of the first column, which asks for a tenth of the pages each time.
        learnt.note(7, &table, least, &[(&by(0), least / 10 * 9)]);
        assert_eq!(learnt.column(7, &table), Some(0), "the order that is there");
        learnt.note(7, &table, least * 9 / 10, &[(&by(1), 0)]);
        assert_eq!(learnt.column(7, &table), Some(0));
        learnt.note(7, &table, least, &[(&by(0), least / 10 * 9), (&by(1), 0)]);
        assert_eq!(learnt.column(7, &table), Some(0));
        learnt.note(7, &table, least / 2, &[(&by(1), 0)]);
        assert_eq!(learnt.column(7, &table), Some(1), "asked for more, and than the other saves");
        // One that both are asked by, or only NULLs, tells nothing.
        let other = Learnt::default();
        other.note(7, &table, least, &[(&Condition::Any(vec![by(0), by(1)]), 0), (&Condition::Null(0), 0)]);
        assert_eq!(other.column(7, &table), None);
        other.note(7, &table, least, &[(&Condition::Any(vec![by(1), by(1)]), 0)]);
        assert_eq!((other.column(7, &table), other.column(8, &table)), (Some(1), None));
        other.retain(|_| false);
        assert_eq!(other.column(7, &table), None);
    }
}
