//! The way out: answers gathered into chunks, and the task that writes them and the notices.
//!
//! The conversation puts messages into an [`Outbox`] and never touches the socket. A task of its own writes the chunks,
//! and notices as soon as they come, so that progress is seen while a statement still runs. A full channel holds the
//! conversation back: a slow client costs a few chunks of memory and no more.

use super::backend::{CancelHandle, Notice};
use super::conversation::Failure;
use super::sqlstate::notice_response;
use crate::config::{ANSWER_BYTES_FEW, ANSWER_CHUNK_BYTES, ANSWER_CHUNKS_MAX};
use crate::error::Error;
use bytes::BytesMut;
use pgwire::messages::PgWireBackendMessage;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Where answers are put.
pub struct Outbox {
    buffer: Vec<u8>,
    scratch: BytesMut,
    chunks: mpsc::Sender<Vec<u8>>,
}

impl Outbox {
    /// An outbox, and where its chunks come out.
    pub fn channel() -> (Self, mpsc::Receiver<Vec<u8>>) {
        let (chunks, receiver) = mpsc::channel(ANSWER_CHUNKS_MAX);
        (Self { buffer: Vec::new(), scratch: BytesMut::new(), chunks }, receiver)
    }

    /// Adds a message.
    pub fn put(&mut self, message: PgWireBackendMessage) -> Result<(), Failure> {
        encode(&message, &mut self.scratch)?;
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(ANSWER_BYTES_FEW);
        }
        self.buffer.extend_from_slice(&self.scratch);
        Ok(())
    }

    /// The bytes gathered so far, for those who write messages themselves.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Where chunks go, for one who has something to say after the conversation.
    pub fn sender(&self) -> mpsc::Sender<Vec<u8>> {
        self.chunks.clone()
    }

    /// Whether a chunk is complete.
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= ANSWER_CHUNK_BYTES
    }

    /// Sends what is gathered.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let next = if self.is_full() { Vec::with_capacity(ANSWER_CHUNK_BYTES + 4096) } else { Vec::new() };
        let chunk = std::mem::replace(&mut self.buffer, next);
        self.chunks.send(chunk).await.map_err(|_| Failure::Gone)
    }
}

/// Encodes a message into `scratch`, in place of what was there.
pub fn encode(message: &PgWireBackendMessage, scratch: &mut BytesMut) -> Result<(), Error> {
    scratch.clear();
    message.encode(scratch).map_err(|error| Error::internal(format!("an answer cannot be encoded: {error}")))
}

/// Writes chunks and notices until the conversation ends; a notice said before a chunk was sent goes before it.
pub async fn write_all<W: AsyncWrite + Unpin>(
    mut socket: W,
    mut chunks: mpsc::Receiver<Vec<u8>>,
    mut notices: mpsc::Receiver<Notice>,
    cancel: CancelHandle,
) {
    let mut open = true;
    let written: std::io::Result<()> = async {
        loop {
            tokio::select! {
                biased;
                notice = notices.recv(), if open => match notice {
                    Some(notice) => write_notice(&mut socket, &notice).await?,
                    None => open = false,
                },
                chunk = chunks.recv() => {
                    while let Ok(notice) = notices.try_recv() {
                        write_notice(&mut socket, &notice).await?;
                    }
                    match chunk {
                        Some(chunk) => {
                            socket.write_all(&chunk).await?;
                            // What is encrypted may wait for more.
                            socket.flush().await?;
                        }
                        None => return socket.shutdown().await,
                    }
                }
            }
        }
    }
    .await;
    if written.is_err() {
        // Nobody reads any more: what still runs for this client is work for nothing.
        cancel.cancel();
    }
}

async fn write_notice<W: AsyncWrite + Unpin>(socket: &mut W, notice: &Notice) -> std::io::Result<()> {
    let mut bytes = BytesMut::new();
    match encode(&notice_response(notice), &mut bytes) {
        Ok(()) => {
            socket.write_all(&bytes).await?;
            socket.flush().await
        }
        // A notice that cannot be encoded is no loss.
        Err(_) => Ok(()),
    }
}
