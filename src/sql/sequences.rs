//! How far sequences have counted, and what a session has taken of them.
//!
//! A count is kept beside the catalogue, in tree `Sys`: what a transaction took stays taken when it is rolled back. Numbers
//! are set aside in advance, [`SEQUENCE_NUMBERS_AHEAD`] at first and twice as many each time they are used up: the row is durable before the first of them is given, so that
//! none is given twice, whatever becomes of the process; at most so many are missing then. A database that is closed writes
//! down how far it really came.
//!
//! | key in `Sys` | value |
//! |---|---|
//! | `sequence` NUL, id, count | the last number that may have been given, and whether it has |

use super::context::Context;
use super::pg_catalog::identifier::qualified;
use crate::catalog::{Catalog, Object, ObjectId, Privilege, Sequence};
use crate::config::{SEQUENCE_NUMBERS_AHEAD, SEQUENCE_NUMBERS_AHEAD_MAX};
use crate::encoding::{Key, from_value, to_value};
use crate::error::{Error, Kind, Result};
use crate::storage::{Store, Tree, WriteBatch};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

const PREFIX: &[u8] = b"sequence\0";

/// Which count of which sequence.
type Place = (ObjectId, u64);

/// The counts of all sequences.
pub struct Counters {
    store: Arc<Store>,
    counts: Mutex<HashMap<Place, Count>>,
}

/// How far one has come.
#[derive(Debug, Clone, Copy)]
struct Count {
    last: i64,
    /// `last` has been given; else it is the next one.
    given: bool,
    /// So many more may be given before the row must move.
    left: i64,
    /// So many are set aside when it moves.
    ahead: i64,
}

impl Counters {
    /// The counts that the store has.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, counts: Mutex::default() }
    }

    /// Removes what is left of counts that no sequence has.
    pub fn remove_orphans(&self, catalog: &Catalog) -> Result<()> {
        let mut batch = WriteBatch::default();
        for (row, _) in self.store.engine().scan(Tree::Sys, PREFIX)? {
            let number =
                |at: usize| row.get(PREFIX.len() + at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
            let living = number(0).and_then(|id| catalog.sequence_by_id(id)).map(|sequence| sequence.count);
            if living.is_none() || living != number(8) {
                batch.delete(Tree::Sys, row);
            }
        }
        match batch.is_empty() {
            true => Ok(()),
            false => self.store.engine().commit(batch),
        }
    }

    /// The next numbers of a sequence.
    pub fn next(&self, id: ObjectId, sequence: &Sequence, rows: usize) -> Result<Vec<i64>> {
        self.take(&mut self.counts.lock(), (id, sequence.count), sequence, rows)
    }

    /// As [`Counters::next`] if so many are set aside and nobody else takes some: without a wait.
    pub fn at_hand(&self, id: ObjectId, sequence: &Sequence, rows: usize) -> Option<Result<Vec<i64>>> {
        let mut counts = self.counts.try_lock()?;
        let left = counts.get(&(id, sequence.count))?.left;
        (left >= rows as i64).then(|| self.take(&mut counts, (id, sequence.count), sequence, rows))
    }

    fn take(
        &self,
        counts: &mut HashMap<Place, Count>,
        place: Place,
        sequence: &Sequence,
        rows: usize,
    ) -> Result<Vec<i64>> {
        let mut count = self.count(counts, place, sequence)?;
        let mut numbers = Vec::with_capacity(rows);
        let mut failed = None;
        for _ in 0..rows {
            match following(sequence, count.last, count.given) {
                Ok(number) => {
                    (count.last, count.given) = (number, true);
                    numbers.push(number);
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        count.left -= numbers.len() as i64;
        if count.left < 0 {
            let (mut ahead, mut steps) = (count.last, 0);
            while steps < count.ahead
                && let Ok(number) = following(sequence, ahead, true)
                && (number > ahead) == (sequence.increment > 0)
            {
                (ahead, steps) = (number, steps + 1);
            }
            self.write(place, ahead, true)?;
            count.left = steps;
            count.ahead = (count.ahead * 2).min(SEQUENCE_NUMBERS_AHEAD_MAX);
        }
        counts.insert(place, count);
        failed.map_or(Ok(numbers), Err)
    }

    /// The last number, and whether it has been given.
    pub fn last(&self, id: ObjectId, sequence: &Sequence) -> Result<(i64, bool)> {
        let count = self.count(&mut self.counts.lock(), (id, sequence.count), sequence)?;
        Ok((count.last, count.given))
    }

    /// Goes on from a number: behind it if it counts as given.
    pub fn set(&self, id: ObjectId, sequence: &Sequence, last: i64, given: bool) -> Result<()> {
        let place = (id, sequence.count);
        let mut counts = self.counts.lock();
        self.write(place, last, given)?;
        counts.insert(place, Count { last, given, left: 0, ahead: SEQUENCE_NUMBERS_AHEAD });
        Ok(())
    }

    fn count(&self, counts: &mut HashMap<Place, Count>, place: Place, sequence: &Sequence) -> Result<Count> {
        if let Some(count) = counts.get(&place) {
            return Ok(*count);
        }
        let (last, given) = match self.store.engine().get(Tree::Sys, &key(place))? {
            Some(bytes) => from_value(&format!("the count of sequence {}", place.0), &bytes)?,
            None => (sequence.first, false),
        };
        let count = Count { last, given, left: 0, ahead: SEQUENCE_NUMBERS_AHEAD };
        counts.insert(place, count);
        Ok(count)
    }

    fn write(&self, place: Place, last: i64, given: bool) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.put(Tree::Sys, key(place), to_value(&(last, given))?);
        self.store.engine().commit(batch)
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        let mut batch = WriteBatch::default();
        for (place, count) in self.counts.get_mut().iter().filter(|(_, count)| count.left > 0) {
            if let Ok(value) = to_value(&(count.last, count.given)) {
                batch.put(Tree::Sys, key(*place), value);
            }
        }
        if !batch.is_empty()
            && let Err(error) = self.store.engine().commit(batch)
        {
            tracing::warn!("numbers that were set aside for sequences are left out: {error}");
        }
    }
}

fn key((id, count): Place) -> Vec<u8> {
    [PREFIX, &Key::new().number(id).number(count).build()].concat()
}

/// The number behind `last`, or `last` itself if it has not been given.
fn following(sequence: &Sequence, last: i64, given: bool) -> Result<i64> {
    if !given {
        return Ok(last);
    }
    let up = sequence.increment > 0;
    let next = last.checked_add(sequence.increment);
    match next.filter(|next| if up { *next <= sequence.max } else { *next >= sequence.min }) {
        Some(next) => Ok(next),
        None if sequence.cycle => Ok(if up { sequence.min } else { sequence.max }),
        None => {
            let (which, bound) = if up { ("maximum", sequence.max) } else { ("minimum", sequence.min) };
            let message = format!("nextval: reached {which} value of sequence \"{}\" ({bound})", sequence.name);
            Err(Error::new(Kind::SequenceLimit, message))
        }
    }
}

/// What a session has taken.
#[derive(Debug, Default)]
pub struct Taken(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    of: HashMap<ObjectId, i64>,
    latest: Option<ObjectId>,
}

impl Taken {
    /// Notes the last number that was taken of a sequence.
    fn note(&self, id: ObjectId, number: i64) {
        let mut last = self.0.lock();
        last.of.insert(id, number);
        last.latest = Some(id);
    }

    /// Forgets all of it, as DISCARD does.
    pub fn forget(&self) {
        *self.0.lock() = Last::default();
    }
}

/// The sequence that a written name means.
pub fn must_find<'a>(context: &'a Context, written: &str) -> Result<(ObjectId, &'a Sequence)> {
    let catalog = &context.snapshot.catalog;
    if let Some(id) = written.trim().parse().ok().filter(|id| catalog.sequence_by_id(*id).is_some()) {
        return by_id(context, id);
    }
    let (schema, name) = qualified(written)?;
    let told = schema.clone();
    let (schema, name) = context.resolve(schema.as_deref(), &name);
    match catalog.relation(&schema, &name) {
        None if told.is_some() && catalog.schema(&schema).is_none() => {
            Err(Error::new(Kind::UndefinedSchema, format!("schema \"{schema}\" does not exist")))
        }
        Some((id, Object::Sequence(sequence))) => Ok((id, sequence)),
        Some(_) => Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a sequence"))),
        None => Err(Error::new(Kind::UndefinedTable, format!("relation \"{written}\" does not exist"))),
    }
}

fn by_id(context: &Context, id: ObjectId) -> Result<(ObjectId, &Sequence)> {
    let sequence = context.snapshot.catalog.sequence_by_id(id);
    Ok((id, sequence.ok_or_else(|| Error::internal("a column is numbered by a sequence that is not there"))?))
}

fn must_have(context: &Context, sequence: &Sequence, rights: &[Privilege]) -> Result<()> {
    let has = |right: &Privilege| context.has_grant(&sequence.grants, *right);
    match context.has_role(sequence.owner) || rights.iter().any(has) {
        true => Ok(()),
        false => Err(Error::new(Kind::Privilege, format!("permission denied for sequence {}", sequence.name))),
    }
}

/// The next numbers of a sequence, which the session has then taken.
pub fn next(context: &Context, (id, sequence): (ObjectId, &Sequence), rows: usize) -> Result<Vec<i64>> {
    // An identity column's is part of the column.
    if !sequence.identity {
        must_have(context, sequence, &[Privilege::Usage, Privilege::Update])?;
    }
    must_write(context, "nextval()")?;
    let counters = &context.database.counters;
    let numbers = match counters.at_hand(id, sequence, rows) {
        Some(numbers) => numbers?,
        None => super::run::blocking(|| counters.next(id, sequence, rows))?,
    };
    if let Some(last) = numbers.last() {
        context.taken.note(id, *last);
    }
    Ok(numbers)
}

/// The sequence that numbers a column, if the role may have it do so.
pub fn may_number(context: &Context, id: ObjectId) -> Option<&Sequence> {
    let (_, sequence) = by_id(context, id).ok()?;
    let may = sequence.identity || must_have(context, sequence, &[Privilege::Usage, Privilege::Update]).is_ok();
    may.then_some(sequence)
}

/// The next number of a sequence that a role may have, which its session has then taken, if that needs no wait.
pub fn at_hand(counters: &Counters, taken: &Taken, (id, sequence): (ObjectId, &Sequence)) -> Option<Result<i64>> {
    let number = counters.at_hand(id, sequence, 1)?.map(|numbers| numbers.first().copied());
    Some(match number {
        Ok(Some(number)) => {
            taken.note(id, number);
            Ok(number)
        }
        Ok(None) => Err(Error::internal("a sequence gave no number")),
        Err(error) => Err(error),
    })
}

/// The next numbers for a column that a sequence numbers.
pub fn for_column(context: &Context, sequence: ObjectId, rows: usize) -> Result<Vec<i64>> {
    next(context, by_id(context, sequence)?, rows)
}

fn must_write(context: &Context, what: &str) -> Result<()> {
    match context.read_only {
        false => Ok(()),
        true => {
            let message = format!("cannot execute {what} in a read-only transaction");
            Err(Error::new(Kind::ReadOnlyTransaction, message))
        }
    }
}

/// What the session took last of a sequence.
pub fn current(context: &Context, (id, sequence): (ObjectId, &Sequence)) -> Result<i64> {
    must_have(context, sequence, &[Privilege::Usage, Privilege::Select])?;
    context.taken.0.lock().of.get(&id).copied().ok_or_else(|| {
        let message = format!("currval of sequence \"{}\" is not yet defined in this session", sequence.name);
        Error::new(Kind::NotReady, message)
    })
}

/// What the session took last of any sequence.
pub fn latest(context: &Context) -> Result<i64> {
    let found = {
        let taken = context.taken.0.lock();
        taken.latest.and_then(|id| Some((id, *taken.of.get(&id)?)))
    };
    // One that was dropped since is as if it had never been.
    let sequence = found.and_then(|(id, last)| Some((context.snapshot.catalog.sequence_by_id(id)?, last)));
    let Some((sequence, last)) = sequence else {
        return Err(Error::new(Kind::NotReady, "lastval is not yet defined in this session"));
    };
    must_have(context, sequence, &[Privilege::Usage, Privilege::Select])?;
    Ok(last)
}

/// Has a sequence go on from a number.
pub fn set(context: &Context, (id, sequence): (ObjectId, &Sequence), last: i64, given: bool) -> Result<()> {
    must_have(context, sequence, &[Privilege::Update])?;
    must_write(context, "setval()")?;
    if !(sequence.min..=sequence.max).contains(&last) {
        let message = format!(
            "setval: value {last} is out of bounds for sequence \"{}\" ({}..{})",
            sequence.name, sequence.min, sequence.max
        );
        return Err(Error::new(Kind::NumericOutOfRange, message));
    }
    super::run::blocking(|| context.database.counters.set(id, sequence, last, given))?;
    if given {
        context.taken.0.lock().of.insert(id, last);
    }
    Ok(())
}

/// Where a sequence stands, as reading it shows: its last number, and whether that was given.
pub fn read(context: &Context, (id, sequence): (ObjectId, &Sequence)) -> Result<(i64, bool)> {
    must_have(context, sequence, &[Privilege::Select])?;
    context.database.counters.last(id, sequence)
}

/// The last number that was given, for a role that may know it.
pub fn last_value(context: &Context, (id, sequence): (ObjectId, &Sequence)) -> Option<i64> {
    must_have(context, sequence, &[Privilege::Usage, Privilege::Select]).ok()?;
    let (last, given) = context.database.counters.last(id, sequence).ok()?;
    given.then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SqlType;
    use crate::crypto::{KeySource, MasterKey};

    fn counters(folder: &std::path::Path) -> Counters {
        Counters::new(Arc::new(Store::open(folder, &KeySource::from(MasterKey::from_bytes([7; 32]))).unwrap()))
    }

    fn sequence(increment: i64, min: i64, max: i64, cycle: bool) -> Sequence {
        let first = if increment > 0 { min } else { max };
        Sequence { increment, min, max, cycle, first, ..Sequence::new("public", "s", 1, SqlType::Int8) }
    }

    /// A process that ends without closing leaves numbers out; it gives none twice. One that closes leaves none out.
    #[test]
    fn no_number_is_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        let of = sequence(1, 1, i64::MAX, false);
        let killed = counters(folder.path());
        assert_eq!(killed.next(20, &of, 3).unwrap(), [1, 2, 3]);
        assert_eq!(killed.next(20, &of, 40).unwrap().last(), Some(&43));
        let row = killed.store.engine().get(Tree::Sys, &key((20, 0))).unwrap().unwrap();
        let (ahead, given): (i64, bool) = from_value("row", &row).unwrap();
        assert!(ahead >= 43 && given, "{ahead}");
        killed.counts.lock().clear();
        drop(killed);
        let closed = counters(folder.path());
        let next = closed.next(20, &of, 1).unwrap()[0];
        assert_eq!(next, ahead + 1);
        drop(closed);
        let again = counters(folder.path());
        assert_eq!(again.next(20, &of, 2).unwrap(), [next + 1, next + 2]);
        assert_eq!(again.next(20, &Sequence { count: 1, first: 7, ..of.clone() }, 1).unwrap(), [7]);
        again.set(20, &of, 5, false).unwrap();
        assert_eq!(again.next(20, &of, 2).unwrap(), [5, 6]);
    }

    #[test]
    fn the_end_is_told_or_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let counters = counters(folder.path());
        let down = sequence(-2, 1, 6, false);
        assert_eq!(counters.next(1, &down, 3).unwrap(), [6, 4, 2]);
        assert_eq!(counters.next(1, &down, 1).unwrap_err().kind(), Kind::SequenceLimit);
        let round = sequence(2, 1, 4, true);
        assert_eq!(counters.next(2, &round, 5).unwrap(), [1, 3, 1, 3, 1]);
        let most = sequence(1, i64::MAX - 1, i64::MAX, false);
        assert_eq!(counters.next(3, &most, 2).unwrap(), [i64::MAX - 1, i64::MAX]);
        assert_eq!(counters.next(3, &most, 1).unwrap_err().kind(), Kind::SequenceLimit);
    }
}
