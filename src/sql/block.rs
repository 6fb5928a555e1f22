//! Blocks of transactions: BEGIN, COMMIT, ROLLBACK, savepoints.

use super::execute::command;
use super::session::{AfterBlock, Outcome, Session, Status};
use super::{statements, temporary};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::TransactionMode;

/// BEGIN or START TRANSACTION, with these modes.
pub fn begin_block(session: &mut Session, modes: &[TransactionMode], begin: bool) -> Result<Outcome> {
    let tag = if begin { "BEGIN" } else { "START TRANSACTION" };
    if session.status != Status::Idle {
        session.notify("WARNING", Kind::ActiveTransaction, "there is already a transaction in progress");
        // Its modes count all the same.
        session.transaction_modes(modes)?;
        return command(tag);
    }
    session.transaction_modes(modes)?;
    open_block(session);
    command(tag)
}

/// COMMIT or ROLLBACK, and with `chain` the next block, of the same modes.
pub async fn end_block(session: &mut Session, chain: bool, what: &str) -> Result<Outcome> {
    if chain {
        must_be_in_block(session, &format!("{what} AND CHAIN"))?;
    }
    let modes = session.txn.as_ref().map(|txn| (txn.isolation(), txn.is_read_only()));
    let ended = match what {
        "COMMIT" => commit_block(session).await?,
        _ => rollback_block(session)?,
    };
    if chain {
        open_block(session);
        if let Some((isolation, read_only)) = modes {
            let txn = session.transaction()?;
            txn.set_isolation(isolation)?;
            txn.set_read_only(read_only);
        }
    }
    Ok(ended)
}

/// Opens a block: in the implicit transaction, if there is one.
fn open_block(session: &mut Session) {
    session.begin_implicit();
    session.status = Status::Block;
    let settings = session.settings.clone();
    session.settings_after = Some(AfterBlock { rollback: settings.clone(), commit: settings, role: session.role });
}

async fn commit_block(session: &mut Session) -> Result<Outcome> {
    if session.status == Status::Idle {
        session.notify("WARNING", Kind::NoActiveTransaction, "there is no transaction in progress");
        // What came before it in its string, or since the last Sync, is done.
        session.commit_unless_in_block().await?;
        return command("COMMIT");
    }
    // An error of it is one of the transaction.
    let settled = match session.status {
        Status::Block if session.txn.as_ref().is_some_and(|txn| !txn.deferred().is_empty()) => {
            Box::pin(statements::settle_before_commit(session)).await
        }
        _ => Ok(()),
    };
    session.savepoints.clear();
    // Before anything has an end: they read on in the transaction.
    let held = match session.status {
        Status::Block if settled.is_ok() => session.cursors.hold().await,
        _ => Ok(()),
    };
    let after = session.settings_after.take();
    match std::mem::replace(&mut session.status, Status::Idle) {
        Status::Idle | Status::Failed => {
            session.txn = None;
            session.audit_rolled_back();
            session.cursors.roll_back();
            session.pending.clear();
            after.into_iter().for_each(|after| session.forget_block(after));
            command("ROLLBACK")
        }
        Status::Block => {
            let committed = match settled.and(held).and_then(|()| temporary::before_commit(session)) {
                Ok(()) => match session.txn.take() {
                    Some(txn) => session.commit(Box::new(txn)).await,
                    None => Ok(0),
                },
                Err(error) => Err(error),
            };
            session.txn = None;
            session.audit_rolled_back();
            session.pending.clear();
            match committed {
                Ok(_) => session.cursors.commit(),
                Err(_) => session.cursors.roll_back(),
            }
            match (after, committed.is_ok()) {
                (Some(after), true) => session.replace_settings(after.commit),
                (Some(after), false) => session.forget_block(after),
                (None, _) => {}
            }
            committed?;
            command("COMMIT")
        }
    }
}

fn rollback_block(session: &mut Session) -> Result<Outcome> {
    session.savepoints.clear();
    if session.status == Status::Idle {
        session.notify("WARNING", Kind::NoActiveTransaction, "there is no transaction in progress");
    }
    if let Some(after) = session.settings_after.take() {
        session.forget_block(after);
    }
    session.status = Status::Idle;
    session.txn = None;
    session.audit_rolled_back();
    session.cursors.roll_back();
    session.pending.clear();
    command("ROLLBACK")
}

/// Refuses what makes no sense outside of a block.
pub fn must_be_in_block(session: &Session, what: &str) -> Result<()> {
    match session.status {
        Status::Idle => {
            Err(Error::new(Kind::NoActiveTransaction, format!("{what} can only be used in transaction blocks")))
        }
        Status::Block | Status::Failed => Ok(()),
    }
}

/// The place of the last savepoint of this name.
pub fn find_savepoint(session: &Session, name: &str) -> Result<usize> {
    session
        .savepoints
        .iter()
        .rposition(|saved| saved.name == name)
        .ok_or_else(|| Error::new(Kind::UndefinedSavepoint, format!("savepoint \"{name}\" does not exist")))
}

/// ROLLBACK TO SAVEPOINT.
pub fn rollback_to(session: &mut Session, name: &str) -> Result<Outcome> {
    must_be_in_block(session, "ROLLBACK TO SAVEPOINT")?;
    let at = find_savepoint(session, name)?;
    session.savepoints.truncate(at + 1);
    session.cursors.roll_back_to(at + 1);
    session.pending.rollback_to(name);
    session.back_to_savepoint();
    session.status = Status::Block;
    command("ROLLBACK")
}
