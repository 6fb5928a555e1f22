//! steward.history, commits, scrub: what is kept of the past, and what the scrub found.

use super::super::context::Context;
use super::super::referred::referred_files;
use super::super::settings::show_milliseconds;
use super::rows::{Cell, column, timestamp};
use crate::error::Result;
use crate::storage::Files;
use crate::txn::seq_of;
use arrow::datatypes::{DataType, Field};
use std::collections::HashMap;

/// Microseconds of a time in milliseconds.
fn moment(ms: u64) -> Cell {
    Cell::Int(Some(ms as i64 * 1000))
}

pub fn history_columns() -> Vec<Field> {
    vec![
        column("retention", DataType::Utf8),
        column("reaches_back", timestamp()),
        column("last_commit", DataType::Int64),
        column("retired_files", DataType::Int64),
    ]
}

pub fn history(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let manager = &context.database.manager;
    let (store, kept) = (manager.store(), manager.store().kept()?);
    Ok(vec![vec![
        Cell::text(show_milliseconds(kept.ms)),
        moment(manager.reaches_back_ms()?),
        Cell::Int(Some(manager.current().seq as i64)),
        Cell::Int(Some(store.files().list_retired().len() as i64)),
    ]])
}

pub fn commit_columns() -> Vec<Field> {
    vec![
        column("commit", DataType::Int64),
        column("committed_at", timestamp()),
        column("writes", DataType::Int64),
        column("bytes", DataType::Int64),
    ]
}

pub fn commits(context: &Context) -> Result<Vec<Vec<Cell>>> {
    context.must_be_superuser("see the journal")?;
    let store = context.database.manager.store();
    let mut rows = Vec::new();
    store.commits(store.span()?.first, |past| {
        context.cancel.check()?;
        // Batches of the store itself and of text indexes have no number of their own.
        if let Some(seq) = seq_of(&past)? {
            let (writes, bytes) = (past.writes() as i64, past.bytes() as i64);
            rows.push(vec![
                Cell::Int(Some(seq as i64)),
                moment(past.time_ms),
                Cell::Int(Some(writes)),
                Cell::Int(Some(bytes)),
            ]);
        }
        Ok(true)
    })?;
    Ok(rows)
}

pub fn scrub_columns() -> Vec<Field> {
    vec![
        column("object", DataType::Utf8),
        column("kind", DataType::Utf8),
        column("state", DataType::Utf8),
        column("message", DataType::Utf8),
        column("needed_by", DataType::Utf8),
        column("looked_at", timestamp()),
    ]
}

pub fn scrub(context: &Context) -> Result<Vec<Vec<Cell>>> {
    context.must_be_superuser("see what the scrub found")?;
    let looked = context.database.scrub.looked();
    let mut needed = HashMap::new();
    if looked.iter().any(|one| !one.finding.ok) {
        let referred = referred_files(&context.database.manager)?;
        needed.extend(referred.into_iter().map(|(id, what)| (Files::shown(id), what)));
    }
    let rows = looked.into_iter().map(|one| {
        vec![
            Cell::text(&one.finding.object),
            Cell::text(one.finding.kind),
            Cell::text(if one.finding.ok { "ok" } else { "damaged" }),
            Cell::text(&one.finding.message),
            Cell::Text(needed.get(&one.finding.object).cloned()),
            moment(one.at_ms as u64),
        ]
    });
    Ok(rows.collect())
}
