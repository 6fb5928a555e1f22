//! One client's conversation after login: messages in, one after another; answers into the outbox.
//!
//! A conversation owns its session. It runs as a task of its own, apart from the tasks that read from and write to the
//! socket, so that a statement which keeps a processor busy holds back neither notices nor the news that the client is
//! gone. `simple`, `extended` and `copy` hold the parts of the protocol; what they share (running a statement under
//! cancel and timeout, streaming rows, telling errors, ReadyForQuery) is here.

use super::backend::{CancelHandle, Idle, Notification, Outcome, Session, Statement, TransactionStatus};
use super::encode::{Format, RowEncoder};
use super::frame::Frame;
use super::log;
use super::outbox::Outbox;
use super::portal::{Portal, Rows};
use super::sqlstate::error_response;
use crate::config::{ANSWER_CHUNK_BYTES, CANCEL_GRACE_MS};
use crate::error::{Error, Kind, Result};
use crate::sql::{BINARY_ROWS, COMMITTED_ROWS};
use datafusion::common::ScalarValue;
use futures::StreamExt;
use pgwire::messages::response::{
    CommandComplete, EmptyQueryResponse, NotificationResponse, ReadyForQuery, TransactionStatus as WireStatus,
};
use pgwire::messages::startup::ParameterStatus;
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

/// Whether the server goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It does.
    Running,
    /// It goes down once running statements are done.
    Draining,
    /// It goes down now.
    Ending,
}

/// Why a message could not be answered as asked.
pub enum Failure {
    /// The statement failed; the conversation goes on.
    Statement(Error),
    /// The conversation ends, and the client is told why.
    Fatal(Error),
    /// The client is gone.
    Gone,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

/// What came from the client.
pub(super) enum Incoming {
    /// A message.
    Message(PgWireFrontendMessage),
    /// One with a text that is none of the encoding that the client says it speaks.
    Unreadable {
        /// What is wrong with it.
        error: Error,
        /// Whether it was a statement of the simple protocol.
        simple: bool,
    },
}

/// How a statement ended.
pub(super) enum End {
    /// With a command tag.
    Tag(String),
    /// Without one: it was empty.
    Empty,
}

/// A client, its session, and what is prepared between them.
pub struct Conversation {
    pub(super) session: Box<dyn Session>,
    pub(super) outbox: Outbox,
    pub(super) cancel: CancelHandle,
    pub(super) portals: HashMap<String, Portal>,
    /// After an error in extended messages all is ignored up to the next Sync.
    pub(super) skipping: bool,
    inbox: mpsc::Receiver<Result<Frame>>,
    phase: watch::Receiver<Phase>,
    /// When the running statement, or the message that is answered, began; and when it must have ended.
    begun: Instant,
    deadline: Option<Instant>,
    /// The client has been told that it may speak, and has not.
    at_rest: bool,
}

impl Conversation {
    /// A conversation that begins.
    pub fn new(
        session: Box<dyn Session>,
        inbox: mpsc::Receiver<Result<Frame>>,
        outbox: Outbox,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            cancel: session.cancel_handle(),
            session,
            outbox,
            portals: HashMap::new(),
            skipping: false,
            inbox,
            phase,
            begun: Instant::now(),
            deadline: None,
            at_rest: false,
        }
    }

    /// Adds what the client gets at the end of login, before the first ReadyForQuery.
    pub fn greet(&mut self, messages: Vec<PgWireBackendMessage>) -> Result<(), Failure> {
        self.outbox.speak(self.session.charset());
        messages.into_iter().try_for_each(|message| self.outbox.put(message))
    }

    /// Answers until either side ends it.
    pub async fn run(mut self) {
        if let Err(Failure::Fatal(error) | Failure::Statement(error)) = self.answer_all().await {
            log::closed(&error);
            // Locks are free before the client hears why, which it may be slow to.
            drop(self.session);
            let told = self.outbox.put(error_response(&error, true));
            if told.is_ok() {
                // If it is gone by now, it does not matter.
                let _ = self.outbox.flush().await;
            }
        }
    }

    async fn answer_all(&mut self) -> Result<(), Failure> {
        self.ready().await?;
        while let Some(message) = self.next_message().await? {
            self.begun = Instant::now();
            let message = match message {
                Incoming::Message(message) => message,
                _ if self.skipping => continue,
                Incoming::Unreadable { error, simple } => {
                    self.tell(Failure::Statement(error)).await?;
                    match simple {
                        true => self.ready().await?,
                        false => self.skipping = true,
                    }
                    continue;
                }
            };
            match message {
                PgWireFrontendMessage::Terminate(_) => return Ok(()),
                PgWireFrontendMessage::Sync(_) => self.sync().await?,
                _ if self.skipping => {}
                PgWireFrontendMessage::Query(query) => self.query(&query.query).await?,
                // Left over from a COPY that failed while the client was still sending.
                PgWireFrontendMessage::CopyData(_)
                | PgWireFrontendMessage::CopyDone(_)
                | PgWireFrontendMessage::CopyFail(_) => {}
                PgWireFrontendMessage::PasswordMessageFamily(_) => {
                    return Err(Failure::Fatal(Error::new(Kind::Protocol, "unexpected password message")));
                }
                message => {
                    if let Err(failure) = self.extended(message).await {
                        self.tell(failure).await?;
                        self.skipping = true;
                    }
                }
            }
        }
        Ok(())
    }

    /// The next message; `None` when the client is gone. Between messages a server that goes down ends the conversation,
    /// and so does a client that idles for longer than its settings allow.
    pub(super) async fn next_message(&mut self) -> Result<Option<Incoming>, Failure> {
        if self.cancel.is_ended() {
            return Err(Failure::Fatal(shutting_down()));
        }
        let frame = match self.inbox.try_recv() {
            Ok(frame) => Some(frame),
            Err(mpsc::error::TryRecvError::Disconnected) => None,
            Err(mpsc::error::TryRecvError::Empty) => {
                let late = too_idle(self.session.idle_timeout().filter(|_| self.at_rest));
                tokio::pin!(late);
                loop {
                    let listens = self.at_rest && self.session.transaction_status() == TransactionStatus::Idle;
                    let bell = self.session.bell().filter(|_| listens);
                    let frame = tokio::select! {
                        biased;
                        frame = self.inbox.recv() => Some(frame),
                        _ = self.phase.wait_for(|phase| *phase != Phase::Running) => {
                            return Err(Failure::Fatal(shutting_down()));
                        }
                        () = self.cancel.ended() => return Err(Failure::Fatal(shutting_down())),
                        error = &mut late => return Err(Failure::Fatal(error)),
                        () = rung(bell) => None,
                    };
                    match frame {
                        Some(frame) => break frame,
                        None => {
                            self.notify()?;
                            self.outbox.flush().await?;
                        }
                    }
                }
            }
        };
        self.at_rest = false;
        let Some(frame) = frame.transpose().map_err(Failure::Fatal)? else { return Ok(None) };
        let simple = frame.is_query();
        match frame.read(self.session.charset()) {
            Ok(message) => Ok(Some(Incoming::Message(message))),
            Err(error) if matches!(error.kind(), Kind::InvalidByteSequence | Kind::Untranslatable) => {
                Ok(Some(Incoming::Unreadable { error, simple }))
            }
            Err(error) => Err(Failure::Fatal(error)),
        }
    }

    /// Tells the client what channels have for it.
    fn notify(&mut self) -> Result<(), Failure> {
        for Notification { pid, channel, payload } in self.session.take_notifications() {
            let told = NotificationResponse::new(pid, channel, payload);
            self.outbox.put(PgWireBackendMessage::NotificationResponse(told))?;
        }
        Ok(())
    }

    /// Tells the client of a failure and undoes what must be undone; fatal ones are passed on.
    pub(super) async fn tell(&mut self, failure: Failure) -> Result<(), Failure> {
        let error = match failure {
            Failure::Statement(error) => error,
            other => return Err(other),
        };
        self.portals.clear();
        self.session.rollback_implicit().await;
        let ending = *self.phase.borrow() == Phase::Ending || self.cancel.is_ended();
        if error.kind() == Kind::Cancelled && ending {
            return Err(Failure::Fatal(shutting_down()));
        }
        self.outbox.speak(self.session.charset());
        log::failed(&error, self.begun.elapsed());
        self.outbox.put(error_response(&error, false))?;
        self.outbox.flush().await
    }

    /// Says that the next statement may come, and what it should know before.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        self.outbox.speak(self.session.charset());
        for (name, value) in self.session.take_parameter_changes() {
            self.outbox.put(PgWireBackendMessage::ParameterStatus(ParameterStatus::new(name, value)))?;
        }
        let status = match self.session.transaction_status() {
            TransactionStatus::Idle => WireStatus::Idle,
            TransactionStatus::Block => WireStatus::Transaction,
            TransactionStatus::Failed => WireStatus::Error,
        };
        if self.session.transaction_status() == TransactionStatus::Idle {
            self.notify()?;
        }
        self.outbox.put(PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(status)))?;
        self.at_rest = true;
        self.outbox.flush().await
    }

    /// Runs a statement under cancel and timeout, in an implicit transaction where there is no other.
    pub(super) async fn execute(
        &mut self,
        statement: &Statement,
        params: Vec<ScalarValue>,
        statements: usize,
    ) -> Result<Outcome> {
        self.cancel.reset();
        self.begun = Instant::now();
        self.deadline = self.session.statement_timeout().map(|timeout| self.begun + timeout);
        self.session.begin_implicit(statements).await?;
        if let Some(asks) = self.session.asks(statement)
            && let Some(outcome) = self.asked(asks).await?
        {
            return Ok(outcome);
        }
        let guard = self.guard();
        let outcome = guard.work(self.session.execute(statement, params)).await;
        if let Ok(Outcome::Rows { schema, .. }) = &outcome
            && schema.metadata().contains_key(COMMITTED_ROWS)
        {
            // It is done: whoever asked to stop what was left is to hear that.
            self.cancel.reset();
            self.deadline = None;
        }
        self.outbox.speak(self.session.charset());
        outcome
    }

    pub(super) fn guard(&self) -> Guard {
        Guard { cancel: self.cancel.clone(), deadline: self.deadline }
    }

    /// Sends what a statement gives; rows go as they come.
    pub(super) async fn deliver(&mut self, outcome: Outcome) -> Result<End, Failure> {
        match outcome {
            Outcome::Rows { schema, stream, tag } => {
                let binary = schema.metadata().contains_key(BINARY_ROWS);
                let formats = vec![if binary { Format::Binary } else { Format::Text }; schema.fields().len()];
                let mut rows = Rows::new(RowEncoder::new(schema, formats)?, stream, tag);
                self.outbox.put(rows.encoder.description())?;
                self.stream(&mut rows, usize::MAX).await?;
                Ok(End::Tag(rows.complete_tag()))
            }
            other => self.deliver_rest(other).await,
        }
    }

    /// Sends what a statement without rows gives.
    pub(super) async fn deliver_rest(&mut self, outcome: Outcome) -> Result<End, Failure> {
        match outcome {
            Outcome::Rows { .. } => Err(Error::internal("rows where none were expected").into()),
            Outcome::Command { tag } => Ok(End::Tag(tag)),
            Outcome::Empty => Ok(End::Empty),
            Outcome::CopyIn { columns, binary } => self.copy_in(columns, binary).await.map(End::Tag),
            Outcome::CopyOut { columns, binary, stream } => self.copy_out(columns, binary, stream).await.map(End::Tag),
        }
    }

    /// Sends up to `rows_max` rows; says whether the result ended with them.
    pub(super) async fn stream(&mut self, rows: &mut Rows, rows_max: usize) -> Result<bool, Failure> {
        let guard = self.guard();
        let charset = self.outbox.charset();
        let mut left = rows_max;
        rows.sent = 0;
        loop {
            if left == 0 {
                return Ok(false);
            }
            let (batch, from) = match rows.pending.take() {
                Some(pending) => pending,
                None => match guard.wait(rows.stream.next()).await? {
                    None => return Ok(true),
                    Some(Ok(batch)) => (batch, 0),
                    Some(Err(error)) => return Err(self.session.explain_error(error).into()),
                },
            };
            if batch.num_rows() == 0 {
                continue;
            }
            let written =
                rows.encoder.encode(&batch, (from, left), ANSWER_CHUNK_BYTES, charset, self.outbox.buffer())?;
            left -= written;
            rows.sent += written as u64;
            if from + written < batch.num_rows() {
                rows.pending = Some((batch, from + written));
            }
            if self.outbox.is_full() {
                guard.check()?;
                self.outbox.flush().await?;
            }
        }
    }

    /// Ends a statement.
    pub(super) fn complete(&mut self, end: End) -> Result<(), Failure> {
        if let End::Tag(tag) = &end {
            log::done(tag, self.begun.elapsed());
        }
        self.outbox.put(match end {
            End::Tag(tag) => PgWireBackendMessage::CommandComplete(CommandComplete::new(tag)),
            End::Empty => PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()),
        })
    }
}

/// What may stop a statement: a request to cancel, or the end of its time.
pub(super) struct Guard {
    cancel: CancelHandle,
    deadline: Option<Instant>,
}

impl Guard {
    /// Waits for work of the session, which when stopped has a moment to end by itself.
    pub async fn work<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            result = &mut work => return self.explain(result),
            () = self.stopped() => {}
        }
        // Work on other threads sees the flag only.
        self.cancel.cancel();
        match tokio::time::timeout(Duration::from_millis(CANCEL_GRACE_MS), &mut work).await {
            Ok(result) => self.explain(result),
            Err(_) => Err(self.reason()),
        }
    }

    /// Waits for what can be dropped at any time.
    pub async fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        self.check()?;
        tokio::pin!(work);
        // What is there already needs nobody who listens.
        if let Poll::Ready(result) = futures::poll!(work.as_mut()) {
            return Ok(result);
        }
        tokio::select! {
            biased;
            () = self.stopped() => {
                self.cancel.cancel();
                Err(self.reason())
            }
            result = work => Ok(result),
        }
    }

    /// An error when the statement should stop.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() || self.timed_out() {
            self.cancel.cancel();
            return Err(self.reason());
        }
        Ok(())
    }

    async fn stopped(&self) {
        let late = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.cancel.cancelled() => {}
            () = late => {}
        }
    }

    /// A session that was stopped does not know why.
    fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| if error.kind() == Kind::Cancelled && self.timed_out() { self.reason() } else { error })
    }

    fn timed_out(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn reason(&self) -> Error {
        let cause = if self.timed_out() { "statement timeout" } else { "user request" };
        Error::new(Kind::Cancelled, format!("canceling statement due to {cause}"))
    }
}

/// Ready when a client that may be idle for so long has been.
async fn too_idle(limit: Option<Idle>) -> Error {
    let (time, kind, which) = match limit {
        None => return std::future::pending().await,
        Some(Idle::InTransaction(time)) => (time, Kind::IdleInTransaction, "idle-in-transaction"),
        Some(Idle::Session(time)) => (time, Kind::IdleSession, "idle-session"),
    };
    tokio::time::sleep(time).await;
    Error::new(kind, format!("terminating connection due to {which} timeout"))
}

/// Ready when a bell rings.
async fn rung(bell: Option<Arc<Notify>>) {
    match bell {
        Some(bell) => bell.notified().await,
        None => std::future::pending().await,
    }
}

fn shutting_down() -> Error {
    Error::new(Kind::Shutdown, "terminating connection due to administrator command")
}
