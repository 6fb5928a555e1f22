//! COPY through the connection, both ways.

use super::backend::CopyChunk;
use super::conversation::{Conversation, Failure, Incoming};
use super::portal::counted;
use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use pgwire::messages::copy::{CopyData, CopyDone, CopyInResponse, CopyOutResponse};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

impl Conversation {
    /// Receives data until the client says that it is done; gives the command's tag.
    pub(super) async fn copy_in(&mut self, columns: usize, binary: bool) -> Result<String, Failure> {
        let (format, columns, formats) = layout(columns, binary)?;
        let response = CopyInResponse::new(format, columns, formats);
        self.outbox.put(PgWireBackendMessage::CopyInResponse(response))?;
        self.outbox.flush().await?;
        let received = self.receive().await;
        if received.is_err() {
            self.session.copy_fail().await;
        }
        received
    }

    async fn receive(&mut self) -> Result<String, Failure> {
        let guard = self.guard();
        loop {
            let Some(message) = guard.wait(self.next_message()).await?? else { return Err(Failure::Gone) };
            let message = match message {
                Incoming::Message(message) => message,
                Incoming::Unreadable { error, .. } => return Err(error.into()),
            };
            match message {
                PgWireFrontendMessage::CopyData(piece) => guard.work(self.session.copy_data(piece.data)).await?,
                PgWireFrontendMessage::CopyDone(_) => {
                    return Ok(guard.work(self.session.copy_finish()).await?);
                }
                PgWireFrontendMessage::CopyFail(fail) => {
                    let message = format!("COPY from stdin failed: {}", fail.message);
                    return Err(Error::new(Kind::Cancelled, message).into());
                }
                // Clients send them ahead, right behind the Execute that begins the COPY.
                PgWireFrontendMessage::Flush(_) | PgWireFrontendMessage::Sync(_) => {}
                PgWireFrontendMessage::Terminate(_) => return Err(Failure::Gone),
                _ => {
                    let error = Error::new(Kind::Protocol, "unexpected message type during COPY from stdin");
                    return Err(Failure::Fatal(error));
                }
            }
        }
    }

    /// Sends data, one message for each row; gives the command's tag.
    pub(super) async fn copy_out(
        &mut self,
        columns: usize,
        binary: bool,
        mut stream: BoxStream<'static, Result<CopyChunk>>,
    ) -> Result<String, Failure> {
        let (format, columns, formats) = layout(columns, binary)?;
        let response = CopyOutResponse::new(format, columns, formats);
        self.outbox.put(PgWireBackendMessage::CopyOutResponse(response))?;
        let guard = self.guard();
        let mut rows = 0;
        while let Some(chunk) = guard.wait(stream.next()).await? {
            let chunk = chunk?;
            let mut from = 0;
            for end in &chunk.ends {
                let piece = piece(&chunk.data, from, *end)?;
                from = *end;
                self.outbox.put(PgWireBackendMessage::CopyData(CopyData::new(piece)))?;
                if self.outbox.is_full() {
                    guard.check()?;
                    self.outbox.flush().await?;
                }
            }
            rows += chunk.rows;
        }
        self.outbox.put(PgWireBackendMessage::CopyDone(CopyDone::new()))?;
        Ok(counted("COPY", rows))
    }
}

fn piece(data: &Bytes, from: usize, to: usize) -> Result<Bytes> {
    if from > to || to > data.len() {
        return Err(Error::internal("a piece of COPY ends outside its data"));
    }
    Ok(data.slice(from..to))
}

/// Overall format, count and formats of the columns.
fn layout(columns: usize, binary: bool) -> Result<(i8, i16, Vec<i16>)> {
    let count = i16::try_from(columns).map_err(|_| Error::new(Kind::LimitExceeded, "too many columns for COPY"))?;
    Ok((i8::from(binary), count, vec![i16::from(binary); columns]))
}
