//! What the clauses of a MERGE do with the rows that are dealt to them, piece by piece.

use super::super::apply::{Removing, Replacing};
use super::super::policed::Rows;
use super::super::update::old_rows;
use super::super::{Referring, Target, Work, rows};
use super::Action;
use crate::error::Result;
use crate::txn::{Keys, Loader, RowId, Transaction};
use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::UInt64Type;

/// A clause that is under way.
pub enum Doing<'a> {
    /// DO NOTHING.
    Nothing,
    /// DELETE.
    Delete(Removing<'a>),
    /// UPDATE; its values are the columns of the query in this place and after it. How many rows it has changed.
    Update(Box<Replacing<'a>>, std::ops::Range<usize>, usize),
    /// INSERT, with the place of the value of each column.
    Insert(&'a [Option<usize>], Loader, Referring),
}

impl Action {
    /// Begins to do it. Keys of rows that are inserted are looked for last of all if others make room for them.
    pub fn begin<'a>(
        &'a self,
        work: &Work<'_>,
        txn: &Transaction,
        target: &'a Target,
        room_is_made: bool,
    ) -> Result<Doing<'a>> {
        Ok(match self {
            Self::Nothing => Doing::Nothing,
            Self::Delete => Doing::Delete(Removing::new(work, target, &[])),
            Self::Update { columns, first } => {
                Doing::Update(Box::new(Replacing::new(work, txn, target, columns)?), *first..first + columns.len(), 0)
            }
            Self::Insert { given } => {
                let keys = if room_is_made { Keys::Late } else { Keys::New };
                let loader = Loader::new(work.context.database.manager.clone(), txn, target.id)?.of_keys(keys);
                Doing::Insert(given, loader, Referring::default())
            }
        })
    }
}

impl Doing<'_> {
    /// Which is done first.
    pub fn rank(&self) -> usize {
        match self {
            Self::Delete(_) => 0,
            Self::Update(..) | Self::Nothing => 1,
            Self::Insert(..) => 2,
        }
    }

    /// Does it with these rows of what the query has found.
    pub async fn put(
        &mut self,
        work: &Work<'_>,
        txn: &mut Transaction,
        target: &Target,
        found: &RecordBatch,
        rows: &UInt64Array,
    ) -> Result<()> {
        let values = |columns: std::ops::Range<usize>| {
            found.columns()[columns]
                .iter()
                .map(|column| Ok(take(column, rows, None)?))
                .collect::<Result<Vec<ArrayRef>>>()
        };
        match self {
            Self::Nothing => Ok(()),
            Self::Delete(removing) => {
                let (ids, mut start) = (ids(found, rows), 0);
                while let Some(piece) = removing.pieces(ids.len(), start) {
                    start = piece.end;
                    police(work, txn, target, Rows::Removed, &ids[piece.clone()]).await?;
                    removing.put(work, txn, &ids[piece]).await?;
                }
                Ok(())
            }
            Self::Update(replacing, columns, count) => {
                let (ids, values, mut start) = (ids(found, rows), values(columns.clone())?, 0);
                while let Some(piece) = replacing.pieces(ids.len(), start) {
                    start = piece.end;
                    let values: Vec<ArrayRef> = values.iter().map(|v| v.slice(piece.start, piece.len())).collect();
                    police(work, txn, target, Rows::Merged, &ids[piece.clone()]).await?;
                    *count += replacing.assign(work, txn, &ids[piece], &values).await?.rows.num_rows();
                }
                Ok(())
            }
            Self::Insert(given, loader, referring) => {
                let values = values(0..found.num_columns())?;
                let batch = crate::txn::batch(found.schema(), values, rows.len())?;
                let whole = work.whole_rows(target, given, &batch).await?;
                rows::load(work, txn, target, (loader, referring), whole).await
            }
        }
    }

    /// All rows have come: they are added, and their unique keys looked at.
    pub async fn add(&mut self, work: &Work<'_>, txn: &mut Transaction, target: &Target) -> Result<()> {
        match self {
            Self::Nothing | Self::Delete(_) => Ok(()),
            Self::Update(replacing, ..) => replacing.add(work, txn),
            Self::Insert(_, loader, referring) => rows::add_rest(work, txn, target, (loader, referring)).await,
        }
    }

    /// Foreign keys are looked at; gives how many rows were changed.
    pub async fn end(self, work: &Work<'_>, txn: &mut Transaction, target: &Target) -> Result<usize> {
        match self {
            Self::Nothing => Ok(0),
            Self::Delete(removing) => removing.end(work, txn).await,
            Self::Update(replacing, _, count) => replacing.end(work, txn).await.map(|()| count),
            Self::Insert(_, loader, referring) => {
                referring.end(work, txn, target).await?;
                Ok(loader.rows())
            }
        }
    }
}

/// Refuses rows that are there and that row policies do not let pass.
async fn police(work: &Work<'_>, txn: &Transaction, target: &Target, which: Rows, ids: &[RowId]) -> Result<()> {
    if !target.is_policed() {
        return Ok(());
    }
    let old = old_rows(work, txn, target, ids)?;
    let _held = work.hold_rows(&old)?;
    work.police(target, which, &old).await
}

/// The ids of these rows of what the query has found.
pub fn ids(found: &RecordBatch, rows: &UInt64Array) -> Vec<RowId> {
    let ids = found.column(0).as_primitive::<UInt64Type>();
    rows.values().iter().map(|&row| ids.value(row as usize)).collect()
}
