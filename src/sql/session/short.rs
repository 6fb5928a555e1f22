//! The short ways of prepared statements: a row by its key, and changes of one row, without a plan of the engine's.

use super::super::dml::{Change, Now};
use super::super::execute;
use super::super::kept_plan::{Asks, KeptPlan};
use super::{Outcome, Session};
use crate::error::Result;
use crate::txn::Transaction;
use std::sync::Arc;

impl Session {
    /// What a prepared query gives that one key answers.
    pub(super) fn look_up(&self) -> Result<Option<Outcome>> {
        let Some((kept, txn)) = self.keeps() else { return Ok(None) };
        Ok(kept.look_up(&self.asks(txn), &self.database.manager, txn)?.map(|rows| {
            let schema = rows.schema();
            let stream = execute::batches_stream(schema.clone(), vec![rows]);
            Outcome::Rows { schema, stream, tag: "SELECT".to_owned() }
        }))
    }

    /// The change of one row that a prepared statement is, if that is kept.
    pub(in crate::sql) fn kept_change(&self) -> Option<Arc<Change>> {
        let (kept, txn) = self.keeps()?;
        kept.change(&self.asks(txn))
    }

    /// What is kept of a prepared statement that runs. A serializable transaction notes what it reads by conditions, which are
    /// not kept.
    fn keeps(&self) -> Option<(&KeptPlan, &Transaction)> {
        let txn = self.txn.as_ref().filter(|txn| txn.reads().is_none())?;
        Some((self.kept_plan.as_deref()?, txn))
    }

    fn asks<'a>(&'a self, txn: &'a Transaction) -> Asks<'a> {
        Asks {
            catalog: &txn.snapshot().catalog,
            roles: [self.role, self.role, self.login],
            settings: &self.settings,
            params: &self.params,
        }
    }

    /// The change of one row that a prepared statement is, done if it waits for nobody.
    pub(super) fn change_at_once(&mut self) -> Result<Option<Outcome>> {
        let Some(change) = self.kept_change() else { return Ok(None) };
        let Some(txn) = self.txn.as_mut() else { return Ok(None) };
        self.cancel.check()?;
        let now = Now {
            database: &self.database,
            params: self.params.values().unwrap_or_default(),
            zone: self.settings.zone(),
            taken: &self.taken,
        };
        let changed = change.run_at_once(&now, txn)?;
        Ok(changed.map(|rows| Outcome::Command(change.tag(rows))))
    }
}
