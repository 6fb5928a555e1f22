//! SQL's FETCH, MOVE and CLOSE of the protocol's portals, which go forward only.

use super::backend::{Asks, Outcome};
use super::conversation::Conversation;
use super::encode::RowEncoder;
use super::portal::{Portal, Rows, State};
use crate::error::{Error, Kind, Result};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use std::sync::Arc;

impl Conversation {
    /// Answers what a statement asks of a portal; nothing if it is none of a portal's business.
    pub(super) async fn asked(&mut self, asks: Asks) -> Result<Option<Outcome>> {
        match asks {
            Asks::Declare(name) if self.portals.contains_key(&name) => {
                Err(Error::new(Kind::DuplicateCursor, format!("cursor \"{name}\" already exists")))
            }
            Asks::Back(name) if self.portals.contains_key(&name) => {
                Err(Error::new(Kind::NotReady, "cursor can only scan forward")
                    .with_hint("Declare it with SCROLL option to enable backward scan."))
            }
            Asks::Close(None) => {
                // Those of SQL are closed by the session.
                self.portals.retain(|name, _| name.is_empty());
                Ok(None)
            }
            Asks::Close(Some(name)) if self.portals.remove(&name).is_some() => {
                Ok(Some(Outcome::Command { tag: "CLOSE CURSOR".to_owned() }))
            }
            Asks::Fetch { name, skip, rows, only_moves } => match self.portals.remove(&name) {
                None => Ok(None),
                Some(mut portal) => {
                    let passed = self.take(&mut portal, skip).await?;
                    let schema = passed.0;
                    let taken = self.take(&mut portal, rows).await?.1;
                    self.portals.insert(name, portal);
                    Ok(Some(given(schema, taken, only_moves)))
                }
            },
            Asks::Declare(_) | Asks::Back(_) | Asks::Close(Some(_)) => Ok(None),
        }
    }

    /// Up to so many of a portal's next rows.
    async fn take(&mut self, portal: &mut Portal, count: u64) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let schema = portal.prepared.columns.clone().unwrap_or_else(|| Arc::new(Schema::empty()));
        let Some(mut rows) = self.started(portal).await? else { return Ok((schema, Vec::new())) };
        let guard = self.guard();
        let (mut left, mut taken) = (count, Vec::new());
        while left > 0 {
            let (batch, from) = match rows.pending.take() {
                Some(pending) => pending,
                None => match guard.wait(rows.stream.next()).await? {
                    Some(Ok(batch)) => (batch, 0),
                    Some(Err(error)) => return Err(self.session.explain_error(error)),
                    None => {
                        portal.state = State::Fetched(rows.tag().to_owned());
                        return Ok((schema, taken));
                    }
                },
            };
            let here = batch.num_rows() - from;
            let some = here.min(usize::try_from(left).unwrap_or(usize::MAX));
            left -= some as u64;
            taken.push(batch.slice(from, some));
            if some < here {
                rows.pending = Some((batch, from + some));
            }
        }
        portal.state = State::Open(rows);
        Ok((schema, taken))
    }

    /// The rows of a portal, which is run if it has not been; none if all are fetched.
    async fn started(&mut self, portal: &mut Portal) -> Result<Option<Rows>> {
        let cannot = || Error::new(Kind::NotReady, "a portal that gives no rows cannot be fetched from");
        match std::mem::replace(&mut portal.state, State::Done) {
            State::Open(rows) => Ok(Some(rows)),
            State::Fetched(tag) => {
                portal.state = State::Fetched(tag);
                Ok(None)
            }
            State::Done => Err(cannot()),
            State::Bound(params) => {
                let statement = portal.prepared.statement.clone().ok_or_else(cannot)?;
                let outcome = self.guard().work(self.session.execute(&statement, params)).await?;
                let Outcome::Rows { schema, stream, tag } = outcome else { return Err(cannot()) };
                Ok(Some(Rows::new(RowEncoder::new(schema, portal.formats.clone())?, stream, tag)))
            }
        }
    }
}

/// Rows that were taken, or their number.
fn given(schema: SchemaRef, taken: Vec<RecordBatch>, only_moves: bool) -> Outcome {
    if only_moves {
        let rows: usize = taken.iter().map(RecordBatch::num_rows).sum();
        return Outcome::Command { tag: format!("MOVE {rows}") };
    }
    let stream = futures::stream::iter(taken.into_iter().map(Ok));
    let stream = Box::pin(RecordBatchStreamAdapter::new(schema.clone(), stream));
    Outcome::Rows { schema, stream, tag: "FETCH".to_owned() }
}
