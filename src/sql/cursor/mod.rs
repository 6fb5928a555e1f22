//! Cursors: queries whose rows are fetched a few at a time.
//!
//! DECLARE starts the query, in the snapshot of its statement; FETCH and MOVE take rows from it as they are asked for
//! ([`rows`]). Rows that the cursor may need once more are kept ([`mod@kept`]), the most of them sealed on disk: with SCROLL all that
//! were read, with NO SCROLL none. A cursor ends with its transaction. One WITH HOLD outlives it: before the commit it reads what is
//! left of its query, and from then on needs neither the transaction nor its snapshot.

mod kept;
mod rows;

use super::context::Context;
use super::execute;
use super::locking;
use super::parser::{Cursor as Said, Declare, Direction};
use super::session::{Outcome, Session, Status};
use crate::config::PREPARED_MAX;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
pub use kept::{Kept, Passed};
use rows::{Rows, Scroll, Way};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Key in a schema's metadata of rows that go in the binary form when nobody says how: those of a BINARY cursor.
pub const BINARY_ROWS: &str = "\u{1}binary";
/// In the metadata of rows that tell what is committed already: nothing that stops the statement keeps them from the client.
pub const COMMITTED_ROWS: &str = "\u{1}committed";

/// What `pg_cursors` shows of a cursor.
#[derive(Debug)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// The statement that declared it.
    pub statement: String,
    /// WITH HOLD.
    pub hold: bool,
    /// BINARY.
    pub binary: bool,
    /// It goes back.
    pub scroll: bool,
    /// When it was declared, in microseconds since 1970.
    pub created_us: i64,
    /// Columns of its rows.
    pub schema: SchemaRef,
}

struct Cursor {
    shown: Arc<Shown>,
    rows: Arc<Mutex<Rows>>,
    /// Savepoints that were there when it was declared.
    depth: usize,
    /// The transaction that declared it has been committed.
    held: bool,
}

/// The cursors of a session.
#[derive(Default)]
pub struct Cursors {
    open: BTreeMap<String, Cursor>,
}

impl Cursors {
    /// What is to be shown of them.
    pub fn shown(&self) -> Arc<Vec<Arc<Shown>>> {
        Arc::new(self.open.values().map(|cursor| cursor.shown.clone()).collect())
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.open.contains_key(name)
    }

    /// Columns of the rows of one.
    pub fn schema(&self, name: &str) -> Option<SchemaRef> {
        self.open.get(name).map(|cursor| cursor.shown.schema.clone())
    }

    /// Ends one; says whether it was there.
    pub fn close(&mut self, name: &str) -> bool {
        self.open.remove(name).is_some()
    }

    /// Ends all.
    pub fn close_all(&mut self) {
        self.open.clear();
    }

    /// Readies those WITH HOLD for the end of their transaction.
    pub async fn hold(&mut self) -> Result<()> {
        for cursor in self.open.values().filter(|cursor| cursor.shown.hold && !cursor.held) {
            cursor.rows.lock().await.hold().await?;
        }
        Ok(())
    }

    /// The transaction is committed: those WITH HOLD stay.
    pub fn commit(&mut self) {
        self.open.retain(|_, cursor| cursor.shown.hold);
        for cursor in self.open.values_mut() {
            cursor.held = true;
            cursor.depth = 0;
        }
    }

    /// The transaction came to nothing: those of earlier ones stay.
    pub fn roll_back(&mut self) {
        self.open.retain(|_, cursor| cursor.held);
    }

    /// All since a savepoint came to nothing; so many are left.
    pub fn roll_back_to(&mut self, savepoints: usize) {
        self.open.retain(|_, cursor| cursor.held || cursor.depth < savepoints);
    }

    /// A savepoint and those after it are forgotten; so many are left.
    pub fn release(&mut self, savepoints: usize) {
        self.open.values_mut().for_each(|cursor| cursor.depth = cursor.depth.min(savepoints));
    }

    fn must_get(&self, name: &str) -> Result<&Cursor> {
        self.open.get(name).ok_or_else(|| undefined(name))
    }
}

fn undefined(name: &str) -> Error {
    Error::new(Kind::UndefinedCursor, format!("cursor \"{name}\" does not exist"))
}

/// Runs a statement about cursors; `text` is what it says.
pub async fn run(session: &mut Session, cursor: Said, text: &str, params: &[ScalarValue]) -> Result<Outcome> {
    match cursor {
        Said::Declare(declare) => self::declare(session, *declare, text, params).await,
        Said::Fetch(name, direction) => fetch(session, &name, direction).await,
        Said::Move(name, direction) => {
            let rows = session.cursors.must_get(&name)?.rows.clone();
            let passed = rows.lock().await.pass(direction).await?;
            Ok(Outcome::Command(format!("MOVE {passed}")))
        }
        Said::Close(Some(name)) => match session.cursors.close(&name) {
            true => Ok(Outcome::Command("CLOSE CURSOR".to_owned())),
            false => Err(undefined(&name)),
        },
        Said::Close(None) => {
            session.cursors.close_all();
            Ok(Outcome::Command("CLOSE CURSOR ALL".to_owned()))
        }
    }
}

async fn declare(session: &mut Session, declare: Declare, text: &str, params: &[ScalarValue]) -> Result<Outcome> {
    let alone = session.status() == Status::Idle && !session.in_string;
    if alone && !declare.hold {
        let message = "DECLARE CURSOR can only be used in transaction blocks";
        return Err(Error::new(Kind::NoActiveTransaction, message));
    }
    may_be(&declare)?;
    let name = declare.name;
    if session.cursors.has(&name) {
        return Err(Error::new(Kind::DuplicateCursor, format!("cursor \"{name}\" already exists")));
    }
    if session.cursors.open.len() >= PREPARED_MAX {
        let message = format!("a connection can have at most {PREPARED_MAX} cursors");
        return Err(Error::new(Kind::LimitExceeded, message).with_hint("Close those that are not needed."));
    }
    let (context, _) = session.context();
    let Outcome::Rows { schema, stream, .. } = execute::query(session, declare.query, params).await? else {
        return Err(Error::internal("a query without rows"));
    };
    let scroll = match declare.scroll {
        Some(true) => Scroll::Always,
        Some(false) => Scroll::Never,
        None => Scroll::WhileFew,
    };
    let mut rows = Rows::new(stream, kept(&context), scroll);
    if declare.hold && session.status() == Status::Idle {
        rows.hold().await?;
    }
    let shown = Shown {
        name: name.clone(),
        statement: text.to_owned(),
        hold: declare.hold,
        binary: declare.binary,
        scroll: scroll != Scroll::Never,
        created_us: chrono::Utc::now().timestamp_micros(),
        schema: if declare.binary { in_binary(&schema) } else { schema },
    };
    let depth = session.savepoints.len();
    let cursor = Cursor { shown: Arc::new(shown), rows: Arc::new(Mutex::new(rows)), depth, held: false };
    session.cursors.open.insert(name, cursor);
    Ok(Outcome::Command("DECLARE CURSOR".to_owned()))
}

/// Refuses words that do not go with locks.
fn may_be(declare: &Declare) -> Result<()> {
    if !locking::is_in(&declare.query) {
        return Ok(());
    }
    let refused = |kind: Kind, what: &str, end: &str, must: &str| {
        let words = locking::words(&declare.query);
        Err(Error::new(kind, format!("DECLARE {what} ... {words} is not {end}"))
            .with_detail(format!("{must} cursors must be READ ONLY.")))
    };
    match declare {
        Declare { hold: true, .. } => refused(Kind::Unsupported, "CURSOR WITH HOLD", "supported", "Holdable"),
        Declare { scroll: Some(true), .. } => refused(Kind::Unsupported, "SCROLL CURSOR", "supported", "Scrollable"),
        Declare { insensitive: true, .. } => refused(Kind::InvalidCursor, "INSENSITIVE CURSOR", "valid", "Insensitive"),
        _ => Ok(()),
    }
}

fn kept(context: &Context) -> Kept {
    let area = context.database.manager.store().spill().clone();
    Kept::new(area, &context.database.memory.pool(&context.settings))
}

fn in_binary(schema: &SchemaRef) -> SchemaRef {
    let mut metadata = schema.metadata().clone();
    metadata.insert(BINARY_ROWS.to_owned(), String::new());
    Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata))
}

async fn fetch(session: &mut Session, name: &str, direction: Direction) -> Result<Outcome> {
    let cursor = session.cursors.must_get(name)?;
    let (schema, rows) = (cursor.shown.schema.clone(), cursor.rows.clone());
    let way = rows.lock().await.prepare(direction).await?;
    Ok(Outcome::Rows { stream: stream(schema.clone(), rows, way), schema, tag: "FETCH".to_owned() })
}

/// Rows of a cursor on their way, which are taken from it as they are asked for.
fn stream(schema: SchemaRef, rows: Arc<Mutex<Rows>>, way: Option<Way>) -> SendableRecordBatchStream {
    let taken = futures::stream::unfold((rows, way), |(rows, way): (Arc<Mutex<Rows>>, Option<Way>)| async move {
        let mut way = way?;
        let next = rows.lock().await.next(&mut way).await;
        match next.transpose()? {
            Ok(batch) => Some((Ok(batch), (rows, Some(way)))),
            Err(error) => Some((Err(DataFusionError::from(error)), (rows, None))),
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, taken))
}
