//! FORGET SUBJECT: a person is erased from everything that the database has, and a certificate is left.
//!
//! ```text
//! columns     which columns hold the subject: those named, what was copied from them and what was computed
//! rows        their rows go, and with them what refers to them
//! beside      so do rows in quarantines and repairs
//! rest        what was made of the tables: materialized views, findings, models, definitions; the plan, the certificate
//! physical    what still lies in the folder: segments, indexes, weights, keys
//! ```
//!
//! The first four are one transaction. DRY RUN does the same and takes it back, so that what it shows is what would happen. The last begins
//! with the commit: segments with rows that went are written anew, files that nobody reads any more go, the tables get new data keys
//! and the old ones are destroyed, retention or not, so that no copy in the journal, in a checkpoint or in a removed file opens any more.
//! A certificate ([`Erasure`](crate::catalog::Erasure)) says when that is done; what is not done when the statement returns, or when the
//! process ends, goes on by itself.

mod beside;
mod columns;
mod physical;
mod rest;
mod rows;

pub use physical::{Erasing, resume};

use super::cursor::COMMITTED_ROWS;
use super::ddl::{self, Ddl};
use super::define::must_be_alone;
use super::dml::Work;
use super::execute::{batches_stream, changing, defining};
use super::parser::ForgetWords;
use super::run::blocking;
use super::session::{Outcome, Session};
use super::system::rows::{Cell, batch, column};
use crate::catalog::{Object, ObjectId};
use crate::config::ERASURE_PATIENCE_MS;
use crate::error::{Kind, Result};
use crate::txn::Transaction;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::sql::sqlparser::ast;
use rest::Line;
use rows::Erased;
use std::sync::Arc;
use std::time::Duration;

/// What the statement gives: what it does with what, or would do.
pub fn columns() -> Vec<Field> {
    let text = |name: &str| column(name, DataType::Utf8);
    vec![text("object"), text("kind"), text("action"), column("rows", DataType::Int64), text("reason")]
}

/// Runs FORGET SUBJECT.
pub async fn forget(session: &mut Session, words: ForgetWords) -> Result<Outcome> {
    if !words.dry_run {
        must_be_alone(session, "FORGET SUBJECT")?;
    }
    // Kept in a dry run alone: it holds on to files that are to go.
    let before = if words.dry_run { Some(session.transaction()?.clone()) } else { None };
    let done = logical(session, &words).await;
    if let Some(before) = before {
        // The locks stay until the transaction ends; nothing else does.
        *session.transaction()? = before;
    }
    let (mut lines, certificate, rows) = done?;
    if !words.dry_run {
        session.auditing.affected = Some(rows);
        session.note_done("FORGET SUBJECT");
        // What failed runs of jobs told may have values in it. Before the commit: the keys that sealed it go after.
        session.database.manager.job_runs().forget_texts()?;
        session.commit_implicit().await?;
        let inner = session.database.clone();
        let cancel = session.cancel_handle();
        let patience = Duration::from_millis(ERASURE_PATIENCE_MS);
        let left = blocking(|| physical::finish(&inner, certificate, patience, &|| cancel.is_cancelled()));
        // It is committed: whoever asked to stop waiting for the rest is to hear what was done.
        cancel.begin(0);
        if let Some(reason) = physical::told(&inner, certificate, left) {
            lines.push(Line::remains(None, "data folder", reason, None));
        }
        session.begin_implicit();
        let number = match session.database.manager.current().catalog.get(certificate).map(AsRef::as_ref) {
            Some(Object::Erasure(erasure)) => erasure.number.clone(),
            _ => String::new(),
        };
        session.notify("NOTICE", None, format!("the certificate is steward.erasures WHERE erasure_id = '{number}'"));
    }
    let schema = Schema::new(columns());
    let schema = Arc::new(match words.dry_run {
        true => schema,
        false => schema.with_metadata([(COMMITTED_ROWS.to_owned(), String::new())].into()),
    });
    let cells = lines.into_iter().map(Line::cells).collect::<Vec<Vec<Cell>>>();
    let batch = batch(&schema, cells)?;
    let tag = "FORGET SUBJECT".to_owned();
    Ok(Outcome::Rows { stream: batches_stream(schema.clone(), vec![batch]), schema, tag })
}

/// What is one transaction: what was done, the certificate, and how many rows it was.
async fn logical(session: &mut Session, words: &ForgetWords) -> Result<(Vec<Line>, ObjectId, u64)> {
    let run = async |work: &Work<'_>, txn: &mut Transaction, _: Vec<ast::Expr>| rows::erase(work, txn, words).await;
    let erased: Erased = changing(session, Vec::new(), run).await?;
    let forgotten = defining(session, async |ddl: &mut Ddl<'_>| rest::begin(ddl, &erased)).await?;
    let views = rest::materialized(&session.context().0, &erased);
    for view in &views.0 {
        let name = (Some(view.schema.clone()), view.name.clone());
        let fill = async |ddl: &mut Ddl<'_>| ddl::refresh_materialized_view(ddl, &name, false, true).await;
        match defining(session, fill).await {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), Kind::Cancelled | Kind::Serialization | Kind::Privilege) => {
                return Err(error);
            }
            // One that cannot be filled now keeps nothing.
            Err(error) => {
                session.notify(
                    "WARNING",
                    None,
                    format!("materialized view \"{}\" is emptied: {}", view.name, error.message()),
                );
                defining(session, async |ddl| ddl::empty_materialized_view(ddl, view.id)).await?;
            }
        }
    }
    let ending = async |ddl: &mut Ddl<'_>| rest::end(ddl, words, &erased, &views, &forgotten);
    let (lines, certificate) = defining(session, ending).await?;
    let rows = erased.removed.values().map(|rows| rows.len() as u64).sum();
    Ok((lines, certificate, rows))
}
