//! Tables of other databases as relations.
//!
//! What a source's database has is asked for when it is wanted, and believed for a while: a statement is planned more than
//! once, and each time the columns must be known. REFRESH SOURCE asks anew.

use super::super::context::Context;
use super::super::values;
use super::super::{parser, run, types};
use super::lazy::{Batches, Wanted};
use crate::catalog::{Source, SqlType};
use crate::config::REMOTE_LIST_SECONDS;
use crate::error::{Error, Kind, Result};
use crate::sources::postgres::{RemoteOptions, RemoteTable, Stop, list};
use arrow::array::AsArray;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A table of another database.
#[derive(Debug)]
pub struct Remote {
    /// What is known of it.
    pub table: RemoteTable,
    /// Its columns as they are here.
    pub schema: SchemaRef,
    types: Vec<SqlType>,
    /// `source.table`, for messages.
    name: String,
}

/// The tables of sources' databases, as they were when somebody looked.
#[derive(Debug, Default)]
pub struct Remotes(Mutex<HashMap<String, Known>>);

#[derive(Debug)]
struct Known {
    options: RemoteOptions,
    at: Instant,
    tables: Arc<Vec<Arc<Remote>>>,
}

impl Remotes {
    /// How many tables a source had when somebody looked last.
    pub fn known(&self, source: &Source) -> Option<usize> {
        let options = options(source).ok()?;
        self.0.lock().get(&source.name).filter(|known| known.options == options).map(|known| known.tables.len())
    }

    /// Forgets what is known of a source: it is asked for anew.
    pub fn forget(&self, source: &str) {
        self.0.lock().remove(source);
    }

    fn fresh(&self, source: &str, options: &RemoteOptions) -> Option<Arc<Vec<Arc<Remote>>>> {
        let known = self.0.lock();
        let known = known.get(source).filter(|known| known.options == *options)?;
        (known.at.elapsed() < Duration::from_secs(REMOTE_LIST_SECONDS)).then(|| known.tables.clone())
    }
}

/// The options of a source with its secrets.
pub fn options(source: &Source) -> Result<RemoteOptions> {
    let secrets = source.secrets.iter().map(|(name, secret)| (name.clone(), secret.as_str().to_owned())).collect();
    RemoteOptions::read(&source.options, &secrets)
}

/// The tables of a source's database.
pub fn all(context: &Context, source: &Source) -> Result<Arc<Vec<Arc<Remote>>>> {
    let options = options(source)?;
    let remotes = &context.database.remotes;
    if let Some(tables) = remotes.fresh(&source.name, &options) {
        return Ok(tables);
    }
    let tables = run::blocking(|| list(&options, stop(context)))?;
    let tables: Vec<_> = tables.into_iter().map(|table| Arc::new(remote(&source.name, table))).collect();
    let tables = Arc::new(tables);
    let known = Known { options, at: Instant::now(), tables: tables.clone() };
    remotes.0.lock().insert(source.name.clone(), known);
    Ok(tables)
}

fn stop(context: &Context) -> Stop {
    let cancel = context.cancel.clone();
    Stop::new(move || cancel.check())
}

fn remote(source: &str, table: RemoteTable) -> Remote {
    let own = |name: &str| match table.all_varchar() {
        true => SqlType::Text,
        // A type that is not here is the text that shows it.
        false => parser::data_type(name).and_then(|told| types::sql_type(&told).ok()).unwrap_or(SqlType::Text),
    };
    let types: Vec<SqlType> = table.columns.iter().map(|column| own(&column.type_name)).collect();
    let fields: Vec<_> = table.columns.iter().zip(&types).map(|(column, kind)| kind.field(&column.name)).collect();
    let name = format!("{source}.{}", table.name);
    Remote { table, schema: Arc::new(Schema::new(fields)), types, name }
}

/// Whether a number has more places than a `numeric` keeps that says nothing of them.
fn is_longer(text: &str) -> bool {
    let places = match SqlType::Numeric(None).arrow() {
        DataType::Decimal128(_, places) => usize::try_from(places).unwrap_or(0),
        _ => 0,
    };
    text.split_once('.').is_some_and(|(_, fraction)| fraction.trim_end_matches('0').len() > places)
}

impl Remote {
    /// The rows with the columns wanted, as the types that they have here.
    pub fn read(self: &Arc<Self>, context: &Arc<Context>, named: SchemaRef, wanted: &Wanted) -> Result<Batches> {
        let all: Vec<usize> = (0..self.types.len()).collect();
        let columns = wanted.columns.clone().unwrap_or(all);
        // The session may be at its next statement before a reader has seen that this one was cancelled.
        let (cancel, asked) = (context.cancel.clone(), wanted.asked.clone());
        let stop = Stop::new(move || match asked.strong_count() {
            0 => Err(Error::new(Kind::Cancelled, "nobody waits for the rows any more")),
            _ => cancel.check(),
        });
        let mut scan = self.table.scan(&columns, &wanted.filters, wanted.limit, stop)?;
        let (remote, context) = (self.clone(), context.clone());
        let mut rounded: BTreeSet<usize> = BTreeSet::new();
        Ok(Box::new(std::iter::from_fn(move || {
            if let Err(error) = context.cancel.check() {
                return Some(Err(error));
            }
            let Some(batch) = scan.next() else {
                rounded.iter().for_each(|column| context.notice(remote.rounds(*column)));
                rounded.clear();
                return None;
            };
            Some(batch.and_then(|batch| {
                let arrays = columns.iter().zip(batch.columns()).map(|(column, texts)| {
                    let (kind, texts) = (&remote.types[*column], texts.as_string::<i32>());
                    if *kind == SqlType::Numeric(None) && texts.iter().flatten().any(is_longer) {
                        rounded.insert(*column);
                    }
                    let read = values::read(texts, kind).and_then(|array| match kind {
                        // It comes filled up with blanks, which no column of ours keeps.
                        SqlType::Char(_) => values::assign(&array, kind),
                        _ => Ok(array),
                    });
                    read.map_err(|error| remote.unreadable(*column, kind, &error))
                });
                let arrays = arrays.collect::<Result<Vec<_>>>()?;
                crate::txn::batch(named.clone(), arrays, batch.num_rows())
            }))
        })))
    }

    /// The table, where it is, and the query that is sent there.
    pub fn asked(&self, wanted: &Wanted) -> Result<String> {
        let all: Vec<usize> = (0..self.types.len()).collect();
        let query = self.table.query(wanted.columns.as_ref().unwrap_or(&all), &wanted.filters, wanted.limit)?;
        Ok(format!("{}, in {}: {query}", self.name, self.table.place()))
    }

    fn rounds(&self, column: usize) -> String {
        let name = self.table.columns.get(column).map_or("", |column| column.name.as_str());
        format!(
            "{}: column \"{name}\" has more places behind the point than type numeric keeps here; it is rounded",
            self.name
        )
    }

    /// A value that the type here cannot hold; the value itself is not told.
    fn unreadable(&self, column: usize, kind: &SqlType, error: &Error) -> Error {
        let name = self.table.columns.get(column).map_or("", |column| column.name.as_str());
        let message = format!("{}: column \"{name}\" holds a value that type {kind} cannot hold here", self.name);
        match error.kind() {
            Kind::Cancelled | Kind::Internal | Kind::OutOfMemory => error.clone(),
            kind => {
                Error::new(kind, message).with_hint("With all_varchar = true the source's columns are read as texts.")
            }
        }
    }
}
