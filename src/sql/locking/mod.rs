//! Locks as statements take them: waiting that can be cancelled, runs out of time, or finds the world changed.
//!
//! `txn::locks` knows who holds what. Here a statement takes what it needs: the table it changes against DDL, the rows it
//! changes, the keys it adds or removes. A row that another transaction changed while this one waited is gone; in READ
//! COMMITTED the statement then begins anew on what is committed now, keeping its locks, so that each time it gets
//! further (`Work::anew` of `dml`); at the other levels that is 40001.

mod clause;
mod rows;
mod table;

pub use clause::{LOCKED, Locked, inner, is_in, select, words};
pub use table::lock_tables;

use super::context::Context;
use crate::catalog::ObjectId;
use crate::error::{Error, Kind, Result};
use crate::txn::locks::{Items, Mode, Space, Taking, Waiting};
use crate::txn::{RowId, Transaction};
use std::time::{Duration, Instant};

/// What to do about a lock that another has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Wait for it.
    Wait,
    /// Fail at once.
    NoWait,
    /// Do without the row.
    Skip,
}

/// How often one who waits looks whether it was cancelled.
const POLL: Duration = Duration::from_millis(20);

/// Takes what `ask` asks for, waiting as long as `lock_timeout` and the statement's own time allow.
async fn take(context: &Context, mut ask: impl FnMut() -> Result<Taking>) -> Result<()> {
    let limit_ms = context.settings.milliseconds("lock_timeout");
    let begun = Instant::now();
    while let Taking::Busy(waiting) = ask()? {
        let Some(waiting) = waiting else {
            return Err(Error::internal("a lock that is waited for has no queue"));
        };
        wait(context, &waiting, begun, limit_ms).await?;
    }
    Ok(())
}

async fn wait(context: &Context, waiting: &Waiting, begun: Instant, limit_ms: u64) -> Result<()> {
    loop {
        tokio::select! {
            biased;
            () = waiting.over() => return Ok(()),
            () = tokio::time::sleep(POLL) => {}
        }
        may_wait(context, begun, limit_ms)?;
    }
}

/// Refuses to wait longer for a lock: the statement was cancelled, or waits since `begun` for so long.
pub fn may_wait(context: &Context, begun: Instant, limit_ms: u64) -> Result<()> {
    context.cancel.check()?;
    match limit_ms > 0 && begun.elapsed() >= Duration::from_millis(limit_ms) {
        true => Err(Error::new(Kind::LockNotAvailable, "canceling statement due to lock timeout")),
        false => Ok(()),
    }
}

/// Locks an object as a whole: to use it with [`Mode::KeyShare`], to change it with [`Mode::Update`].
pub async fn object(context: &Context, txn: &Transaction, id: ObjectId, mode: Mode) -> Result<()> {
    take(context, || txn.owner().take(Space::Object(id), Items::one(0), mode, true)).await
}

/// Locks keys of a table.
pub async fn keys(context: &Context, txn: &Transaction, id: ObjectId, items: &Items, mode: Mode) -> Result<()> {
    match items.is_empty() {
        true => Ok(()),
        false => take(context, || txn.owner().take(Space::Keys(id), items.clone(), mode, true)).await,
    }
}

/// Locks rows of a table, waiting for those that others have.
pub async fn rows(context: &Context, txn: &Transaction, id: ObjectId, rows: &[RowId], mode: Mode) -> Result<()> {
    let shared = txn.shared_rows(id, rows);
    take(context, || txn.owner().take_rows(id, &shared, mode, true)).await
}

/// Waits until no other statement changes many rows of a table, and then has that to itself: two of them would lock rows that both
/// want in different orders, and wait for each other.
pub async fn many_rows(context: &Context, txn: &Transaction, id: ObjectId) -> Result<()> {
    take(context, || txn.owner().take(Space::ManyRows(id), Items::one(0), Mode::Update, true)).await
}

/// The statement is done with them.
pub fn no_more_rows(txn: &Transaction, id: ObjectId) {
    txn.owner().release(Space::ManyRows(id), Mode::Update);
}

/// The error for a row that another transaction changed after this one's snapshot.
pub fn changed_meanwhile(what: &str) -> Error {
    Error::new(Kind::Serialization, format!("could not serialize access due to concurrent {what}"))
        .with_hint("Run the transaction again.")
}

#[cfg(test)]
mod tests;
