//! What a statement that changes rows locks.

use super::super::dml::{Target, Work};
use super::changed_meanwhile;
use crate::error::Result;
use crate::txn::locks::Mode;
use crate::txn::{Isolation, RowId, Transaction};
use arrow::array::RecordBatch;
use std::sync::atomic::Ordering;

impl Work<'_> {
    /// The error that has the statement begin anew where the level of isolation lets it, and is the client's elsewhere.
    pub fn anew(&self, txn: &Transaction, what: &str) -> crate::error::Error {
        if txn.isolation() == Isolation::ReadCommitted {
            self.again.store(true, Ordering::Relaxed);
        }
        changed_meanwhile(what)
    }

    /// Keeps a table from being changed, dropped or emptied while the transaction changes rows of it.
    pub async fn use_table(&self, txn: &Transaction, target: &Target) -> Result<()> {
        super::object(self.context, txn, target.id, Mode::KeyShare).await?;
        let latest = self.context.database.manager.current();
        let fits = latest.catalog.table_by_id(target.id).is_some_and(|now| now.has_rules_of(&target.table));
        match fits || txn.has_changed(target.id) {
            true => Ok(()),
            false => Err(self.anew(txn, "update")),
        }
    }

    /// Locks rows that the statement found; they are still what it found then.
    pub async fn lock_rows(
        &self,
        txn: &Transaction,
        target: &Target,
        ids: &[RowId],
        mode: Mode,
        what: &str,
    ) -> Result<()> {
        super::rows(self.context, txn, target.id, ids, mode).await?;
        let shared = txn.shared_rows(target.id, ids);
        match self.context.database.manager.are_live(target.id, &shared) {
            true => Ok(()),
            false => Err(self.anew(txn, what)),
        }
    }

    /// Locks the keys of rows that come or go, so that whoever adds the same keys waits for what becomes of them.
    pub async fn lock_keys(&self, txn: &Transaction, target: &Target, batch: &RecordBatch) -> Result<()> {
        if target.table.keys.is_empty() || batch.num_rows() == 0 {
            return Ok(());
        }
        let items = self.context.database.manager.key_items(&target.table, batch)?;
        super::keys(self.context, txn, target.id, &items, Mode::Update).await
    }
}
