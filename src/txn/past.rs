//! States of the past: what was committed at a moment, for AS OF and for restores to a point in time.
//!
//! A state is made anew from the journal and the nearest checkpoint below it ([`Store::state_at`](crate::storage::Store::state_at)); small segments come with
//! it, large ones lie in files that the retention keeps. A few states stay in memory.

use super::held::Held;
use super::manager::Manager;
use super::manifest;
use super::segment::Location;
use super::snapshot::{Snapshot, TableRows};
use crate::catalog::ObjectId;
use crate::config::PAST_STATES_MAX;
use crate::encoding::from_value;
use crate::error::{Error, Kind, Result};
use crate::storage::{Engine, MemoryEngine, Past, Target, Tree};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A point in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After the commit of this number, as `steward.commits` counts them.
    Commit(u64),
    /// At this time, in milliseconds since 1970.
    Time(u64),
}

/// States of the past that were read, newest last.
#[derive(Debug, Default)]
pub struct PastStates(Mutex<VecDeque<(u64, Arc<PastState>)>>);

/// Everything as of one commit of the past.
#[derive(Debug)]
pub struct PastState {
    /// Catalogue and segments of then. Small segments have no rows in it: ask [`PastState::rows`].
    pub snapshot: Snapshot,
    engine: MemoryEngine,
    rows: Mutex<HashMap<ObjectId, Arc<TableRows>>>,
}

impl PastState {
    fn read(manager: &Manager, number: u64) -> Result<Self> {
        let engine = manager.store().state_at(number)?;
        let catalog = Arc::new(manifest::load_catalog(&engine)?);
        let tables = Arc::new(manifest::load(&engine, manager.store().files())?);
        let seq = seq_in(&engine)?;
        Ok(Self { snapshot: Snapshot { seq, catalog, tables, ..Default::default() }, engine, rows: Mutex::default() })
    }

    /// The rows of a table, with what was in small segments.
    pub fn rows(&self, manager: &Manager, table: ObjectId) -> Result<Arc<TableRows>> {
        if let Some(rows) = self.rows.lock().get(&table) {
            return Ok(rows.clone());
        }
        let mut rows = (*self.snapshot.rows(table)).clone();
        for slot in rows.segments.iter_mut().filter(|segment| matches!(segment.location, Location::Inline(_))) {
            let what = format!("segment {} of table {table} as of commit {}", slot.id, self.snapshot.seq);
            let read = |owner, _: &Location| self.engine.get(Tree::Rows, &manifest::segment_key(owner, slot.id));
            let mut whole = (**slot).clone();
            let columns = manager.decode_small(&what, table, slot, &read)?;
            whole.location = Location::Memory(Arc::new(Held::of(columns)));
            whole.parts = None;
            *slot = Arc::new(whole);
        }
        let rows = Arc::new(rows);
        self.rows.lock().insert(table, rows.clone());
        Ok(rows)
    }
}

/// Where a moment lies in the journal.
struct Place {
    /// The last commit of the journal at that moment.
    number: u64,
    /// When the next one was made, if there is one.
    next_ms: Option<u64>,
}

impl Manager {
    /// What was committed at a moment. [`Kind::SnapshotTooOld`] when it is no longer kept.
    pub fn as_of(&self, moment: Moment) -> Result<Arc<PastState>> {
        match self.find(moment) {
            // What left the journal while it was looked for is no longer kept.
            Err(error) if error.kind() == Kind::NotReady => Err(self.too_old(moment)?),
            found => found,
        }
    }

    fn find(&self, moment: Moment) -> Result<Arc<PastState>> {
        let place = self.place(moment)?;
        let kept = self.store().kept()?;
        // A state holds until the next commit: what that one removed is kept from then on.
        let needed_ms = match (moment, place.next_ms) {
            (_, None) => u64::MAX,
            (Moment::Time(ms), Some(_)) => ms,
            (Moment::Commit(_), Some(next_ms)) => next_ms,
        };
        if needed_ms < kept.from_ms() {
            return Err(self.too_old(moment)?);
        }
        let state = self.state(place.number)?;
        match moment {
            // A journal that began anew has a later state for its first.
            Moment::Commit(wanted) if state.snapshot.seq > wanted => Err(self.too_old(moment)?),
            _ => Ok(state),
        }
    }

    /// The state after commit `number` of the journal.
    fn state(&self, number: u64) -> Result<Arc<PastState>> {
        let states = &self.past.0;
        if let Some((_, state)) = states.lock().iter().find(|(other, _)| *other == number) {
            return Ok(state.clone());
        }
        let state = Arc::new(PastState::read(self, number)?);
        let mut states = states.lock();
        if states.len() >= PAST_STATES_MAX {
            states.pop_front();
        }
        states.push_back((number, state.clone()));
        Ok(state)
    }

    /// Lets go of what memory has of rows that are gone: states of the past, and decoded pages.
    pub fn forget_values(&self) {
        self.past.0.lock().clear();
        self.cache.clear();
        self.summaries.lock().clear();
    }

    /// The earliest moment that [`Self::as_of`] can read, in milliseconds since 1970.
    pub fn reaches_back_ms(&self) -> Result<u64> {
        Ok(self.store().kept()?.from_ms().max(self.store().span()?.first_ms))
    }

    fn place(&self, moment: Moment) -> Result<Place> {
        let span = self.store().span()?;
        let mut finder = Finder::new(moment);
        let after = match moment {
            Moment::Time(ms) if ms < span.first_ms => return Err(self.too_old(moment)?),
            Moment::Time(ms) => self.store().checkpoint_before(ms)?,
            Moment::Commit(_) => span.first,
        };
        let mut place = Place { number: after, next_ms: None };
        self.store().commits(after, |past| {
            let goes_on = finder.includes(&past)?;
            match goes_on {
                true => place.number = past.number,
                false => place.next_ms = Some(past.time_ms),
            }
            Ok(goes_on)
        })?;
        match moment {
            Moment::Commit(wanted) if finder.first.is_some_and(|first| wanted + 1 < first) => {
                Err(self.too_old(moment)?)
            }
            Moment::Commit(wanted) if wanted > self.current().seq => {
                Err(Error::new(Kind::InvalidParameter, format!("there is no commit {wanted} yet"))
                    .with_detail(format!("The last one is {}.", self.current().seq)))
            }
            _ => Ok(place),
        }
    }

    fn too_old(&self, moment: Moment) -> Result<Error> {
        let what = match moment {
            Moment::Commit(number) => format!("commit {number}"),
            Moment::Time(ms) => shown(ms),
        };
        let error = Error::new(Kind::SnapshotTooOld, format!("the state as of {what} is no longer kept"));
        Ok(match self.store().kept()?.ms {
            0 => error.with_detail("The past is not kept: steward.retention is 0."),
            _ => {
                error.with_detail(format!("The oldest moment that can be read is {}.", shown(self.reaches_back_ms()?)))
            }
        }
        .with_hint("ALTER SYSTEM SET steward.retention = '7d' keeps seven days from now on."))
    }
}

/// A time as PostgreSQL writes it.
pub fn shown(ms: u64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(ms as i64).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S%.3f+00").to_string()
}

/// The number of the last commit in a state of the store.
fn seq_in(engine: &dyn Engine) -> Result<u64> {
    match engine.get(Tree::Sys, manifest::STATE_KEY)? {
        Some(bytes) => Ok(from_value::<(u64, u64)>("the commit state", &bytes)?.0),
        None => Ok(0),
    }
}

/// The number that a batch of the journal has as a commit; none when it is of the store itself or of a text index.
pub fn seq_of(past: &Past) -> Result<Option<u64>> {
    let state = past.value(Tree::Sys, manifest::STATE_KEY);
    let state = state.map(|bytes| from_value::<(u64, u64)>("the commit state", bytes)).transpose()?;
    Ok(state.map(|(seq, _)| seq))
}

/// Says which batches of the journal belong to a moment.
#[derive(Debug)]
pub struct Finder {
    moment: Moment,
    /// The first number seen.
    first: Option<u64>,
    /// The last number included.
    last: u64,
}

impl Finder {
    /// For this moment.
    pub fn new(moment: Moment) -> Self {
        Self { moment, first: None, last: 0 }
    }
}

impl Target for Finder {
    fn covers(&mut self, _: u64, time_ms: u64, state: &dyn Fn() -> Result<MemoryEngine>) -> Result<bool> {
        match self.moment {
            Moment::Time(ms) => Ok(time_ms <= ms),
            Moment::Commit(number) => {
                self.last = seq_in(&state()?)?;
                Ok(self.last <= number)
            }
        }
    }

    fn includes(&mut self, past: &Past) -> Result<bool> {
        let seq = seq_of(past)?;
        self.first = self.first.or(seq);
        let included = match self.moment {
            Moment::Time(ms) => past.time_ms <= ms,
            Moment::Commit(number) => seq.is_none_or(|seq| seq <= number),
        };
        if included {
            self.last = seq.unwrap_or(self.last);
        }
        Ok(included)
    }

    fn end(&mut self, taken_ms: u64) -> Result<()> {
        let beyond = match self.moment {
            Moment::Time(ms) => ms > taken_ms,
            Moment::Commit(number) => number > self.last,
        };
        match beyond {
            false => Ok(()),
            true => Err(Error::new(Kind::Configuration, "the backup ends before the moment asked for")
                .with_detail(format!("Its last commit is {}, and it was taken at {}.", self.last, shown(taken_ms)))),
        }
    }
}
