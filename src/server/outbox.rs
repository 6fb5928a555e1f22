//! The way out: answers gathered into chunks, and the task that writes them and the notices.
//!
//! The conversation puts messages into an [`Outbox`] and never touches the socket. A task of its own writes the chunks,
//! and notices as soon as they come, so that progress is seen while a statement still runs. A full channel holds the
//! conversation back: a slow client costs a few chunks of memory and no more.

use super::backend::{CancelHandle, Notice};
use super::conversation::Failure;
use super::recode::recode;
use super::sqlstate::notice_response;
use crate::config::{ANSWER_BYTES_FEW, ANSWER_CHUNK_BYTES, ANSWER_CHUNKS_MAX};
use crate::encoding::Charset;
use crate::error::Error;
use bytes::BytesMut;
use parking_lot::Mutex;
use pgwire::messages::PgWireBackendMessage;
use std::sync::Arc;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Where answers are put.
pub struct Outbox {
    buffer: Vec<u8>,
    scratch: BytesMut,
    chunks: mpsc::Sender<Vec<u8>>,
    charset: Charset,
    spoken: Spoken,
}

/// The encoding that the client speaks, where both who answers and who writes notices find it.
pub type Spoken = Arc<Mutex<Charset>>;

impl Outbox {
    /// An outbox, and where its chunks come out.
    pub fn channel() -> (Self, mpsc::Receiver<Vec<u8>>) {
        let (chunks, receiver) = mpsc::channel(ANSWER_CHUNKS_MAX);
        let (charset, spoken) = (Charset::default(), Spoken::default());
        (Self { buffer: Vec::new(), scratch: BytesMut::new(), chunks, charset, spoken }, receiver)
    }

    /// Has texts of messages from now on in this encoding.
    pub fn speak(&mut self, charset: Charset) {
        if self.charset != charset {
            self.charset = charset;
            *self.spoken.lock() = charset;
        }
    }

    /// The encoding of texts, for those who write messages themselves.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// Where that encoding is found, for who writes notices.
    pub fn spoken(&self) -> Spoken {
        self.spoken.clone()
    }

    /// Adds a message.
    pub fn put(&mut self, message: PgWireBackendMessage) -> Result<(), Failure> {
        encode(&message, &mut self.scratch)?;
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(ANSWER_BYTES_FEW);
        }
        recode(&self.scratch, self.charset, &mut self.buffer)?;
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
    (mut notices, spoken): (mpsc::Receiver<Notice>, Spoken),
    cancel: CancelHandle,
) {
    let mut open = true;
    let written: std::io::Result<()> = async {
        loop {
            tokio::select! {
                biased;
                notice = notices.recv(), if open => match notice {
                    Some(notice) => write_notice(&mut socket, &notice, &spoken).await?,
                    None => open = false,
                },
                chunk = chunks.recv() => {
                    while let Ok(notice) = notices.try_recv() {
                        write_notice(&mut socket, &notice, &spoken).await?;
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

async fn write_notice<W: AsyncWrite + Unpin>(socket: &mut W, notice: &Notice, spoken: &Spoken) -> std::io::Result<()> {
    let (mut message, mut bytes) = (BytesMut::new(), Vec::new());
    let charset = *spoken.lock();
    match encode(&notice_response(notice), &mut message).and_then(|()| recode(&message, charset, &mut bytes)) {
        Ok(()) => {
            socket.write_all(&bytes).await?;
            socket.flush().await
        }
        // A notice that cannot be encoded is no loss.
        Err(_) => Ok(()),
    }
}
