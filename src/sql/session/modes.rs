//! What a session's statements run with: settings, roles and modes of transactions, and what the end of a block makes of them.

use super::super::settings::Settings;
use super::{AfterBlock, Savepoint, Session};
use crate::error::{Error, Kind, Result};
use crate::txn::Isolation;
use datafusion::sql::sqlparser::ast;

impl Session {
    /// Changes a setting as SET does.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.change_settings(false, |settings| settings.set(name, value))
    }

    /// Changes a setting, and with `local` until the end of the block only. The client hears of it if it must.
    pub(in crate::sql) fn change_settings(
        &mut self,
        local: bool,
        change: impl Fn(&mut Settings) -> Result<Option<(String, String)>>,
    ) -> Result<()> {
        let told = change(&mut self.settings)?;
        self.changes.extend(told);
        match &mut self.settings_after {
            Some(after) if !local => change(&mut after.commit).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// The settings from now on; the client hears of those it must.
    pub(in crate::sql) fn replace_settings(&mut self, settings: Settings) {
        if self.settings == settings {
            // As they are after most blocks.
            return;
        }
        let before = std::mem::replace(&mut self.settings, settings).reported();
        let now = self.settings.reported();
        self.changes.extend(now.into_iter().filter(|setting| !before.contains(setting)));
    }

    /// Puts settings and role back to what they were before the block that ends.
    pub(in crate::sql) fn forget_block(&mut self, after: AfterBlock) {
        self.role = after.role;
        self.replace_settings(after.rollback);
    }

    /// Makes a savepoint.
    pub(in crate::sql) fn save(&mut self, name: String) -> Result<()> {
        let (settings, settings_after, role) = (self.settings.clone(), self.settings_after.clone(), self.role);
        let txn = self.transaction()?.savepoint();
        let audited = self.auditing.len();
        self.savepoints.push(Savepoint { name, txn, settings, settings_after, role, audited });
        Ok(())
    }

    /// Goes back to the last savepoint.
    pub(in crate::sql) fn back_to_savepoint(&mut self) {
        let Some(saved) = self.savepoints.last() else { return };
        saved.txn.release_locks();
        let (txn, settings) = (saved.txn.clone(), saved.settings.clone());
        (self.role, self.settings_after) = (saved.role, saved.settings_after.clone());
        self.auditing.undone(saved.audited);
        self.txn = Some(txn);
        self.replace_settings(settings);
    }

    /// Puts all settings back to their defaults.
    pub(in crate::sql) fn reset_settings(&mut self) {
        let fresh = self.settings.fresh();
        if let Some(after) = &mut self.settings_after {
            after.commit = fresh.clone();
        }
        self.replace_settings(fresh);
    }

    /// Sets modes of the open transaction.
    pub(in crate::sql) fn transaction_modes(&mut self, modes: &[ast::TransactionMode]) -> Result<()> {
        let txn = self.transaction()?;
        for mode in modes {
            match mode {
                ast::TransactionMode::AccessMode(ast::TransactionAccessMode::ReadOnly) => txn.set_read_only(true),
                ast::TransactionMode::AccessMode(ast::TransactionAccessMode::ReadWrite) => {
                    if txn.is_read_only() && txn.has_begun() {
                        let message = "transaction read-write mode must be set before any query";
                        return Err(Error::new(Kind::ActiveTransaction, message));
                    }
                    txn.set_read_only(false);
                }
                ast::TransactionMode::IsolationLevel(level) => txn.set_isolation(isolation(*level)?)?,
            }
        }
        Ok(())
    }

    /// Sets modes of the session's next transactions.
    pub(in crate::sql) fn session_modes(&mut self, modes: &[ast::TransactionMode]) -> Result<()> {
        for mode in modes {
            match mode {
                ast::TransactionMode::AccessMode(mode) => {
                    let on = matches!(mode, ast::TransactionAccessMode::ReadOnly);
                    self.set("default_transaction_read_only", if on { "on" } else { "off" })?;
                }
                ast::TransactionMode::IsolationLevel(level) => {
                    self.set("default_transaction_isolation", isolation(*level)?.name())?;
                }
            }
        }
        Ok(())
    }

    /// What SHOW says of the open transaction; none for what is not of the transaction.
    pub(in crate::sql) fn transaction_setting(&self, name: &str) -> Option<String> {
        let txn = self.txn.as_ref()?;
        match name {
            "transaction_isolation" => Some(txn.isolation().name().to_owned()),
            "transaction_read_only" => Some(if txn.is_read_only() { "on" } else { "off" }.to_owned()),
            _ => None,
        }
    }

    /// Settings that the client must hear of since the last call.
    pub fn take_changes(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.changes)
    }
}

fn isolation(level: ast::TransactionIsolationLevel) -> Result<Isolation> {
    use ast::TransactionIsolationLevel as Level;
    match level {
        Level::ReadUncommitted | Level::ReadCommitted => Ok(Isolation::ReadCommitted),
        Level::RepeatableRead => Ok(Isolation::RepeatableRead),
        Level::Serializable => Ok(Isolation::Serializable),
        Level::Snapshot => Err(Error::new(Kind::Syntax, "syntax error at or near \"SNAPSHOT\"")),
    }
}
