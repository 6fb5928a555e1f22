//! Models that learn by themselves: which table feeds them, and what it has gained since they learnt last.

use super::super::context::Context;
use super::super::ddl::{Ddl, now_ms, watched};
use super::super::functions::written_relation;
use super::super::parser;
use super::super::run::blocking;
use super::model_options::recipe;
use crate::catalog::{Model, ModelVersion, Object, ObjectId, Online};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows that an online model waits for, unless the options say otherwise.
const BATCH_ROWS: u64 = 1000;
/// Options of a model that learns by itself.
pub const OPTIONS: [&str; 3] = ["update_mode", "source", "batch_rows"];

fn bad(name: &str, value: &str, hint: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("option {name} cannot be \"{value}\"")).with_hint(hint)
}

/// Whether options ask for a training by itself; any other value than true and false is refused when the statement runs.
pub fn wants_later(options: &BTreeMap<String, String>) -> bool {
    options.get("async").is_some_and(|value| matches!(value.as_str(), "true" | "on" | "yes" | "1"))
}

/// Takes `async` out of the options of CREATE MODEL: whether the model is trained by itself, later.
pub fn is_later(options: &mut BTreeMap<String, String>) -> Result<bool> {
    let later = wants_later(options);
    match options.remove("async") {
        Some(value) if !later && !matches!(value.as_str(), "false" | "off" | "no" | "0") => {
            Err(bad("async", &value, "Available values: true, false."))
        }
        _ => Ok(later),
    }
}

/// Refuses options of CREATE MODEL that are none, before anything is begun.
pub fn check_options(options: &BTreeMap<String, String>) -> Result<()> {
    let mut rest = options.clone();
    Said::take(&mut rest)?;
    recipe(&rest).map(|_| ())
}

/// What options say of learning by itself.
pub struct Said {
    /// `update_mode`: whether it does; none if that is not said.
    mode: Option<bool>,
    source: Option<String>,
    batch_rows: Option<u64>,
}

impl Said {
    /// Takes such options out of others.
    pub fn take(options: &mut BTreeMap<String, String>) -> Result<Self> {
        let mode = match options.remove("update_mode") {
            Some(mode) if mode == "online" => Some(true),
            Some(mode) if mode == "manual" => Some(false),
            Some(other) => return Err(bad("update_mode", &other, "Available values: online, manual.")),
            None => None,
        };
        let batch_rows = match options.remove("batch_rows") {
            Some(text) => {
                let rows = text.parse().ok().filter(|rows| (1..=1_000_000_000).contains(rows));
                Some(rows.ok_or_else(|| bad("batch_rows", &text, "It is a number of rows, at least 1."))?)
            }
            None => None,
        };
        Ok(Self { mode, source: options.remove("source"), batch_rows })
    }

    /// Whether nothing is said.
    pub fn is_nothing(&self) -> bool {
        self.mode.is_none() && self.source.is_none() && self.batch_rows.is_none()
    }

    /// The table that feeds the model, if it is to learn by itself; `now` is how it does already.
    pub fn source(&self, ddl: &Ddl<'_>, now: Option<&Online>) -> Result<Option<ObjectId>> {
        let is_online = self.mode.unwrap_or(now.is_some());
        match (&self.source, now) {
            _ if !is_online => match self.source.is_some() || self.batch_rows.is_some() {
                true => {
                    Err(Error::new(Kind::InvalidParameter, "options source and batch_rows need update_mode = 'online'"))
                }
                false => Ok(None),
            },
            (Some(name), _) => watched(ddl, &written_relation(name)).map(Some),
            (None, Some(now)) => Ok(Some(now.source)),
            (None, None) => Err(Error::new(Kind::InvalidParameter, "update_mode = 'online' needs the option source")
                .with_hint("source = 'table' names the table whose new rows the model learns from.")),
        }
    }

    /// How a model learns from now on.
    pub fn online(&self, source: ObjectId, place: u64, now: Option<&Online>) -> Online {
        let batch_rows = self.batch_rows.or(now.map(|now| now.batch_rows)).unwrap_or(BATCH_ROWS);
        Online { source, batch_rows, place, since_ms: now_ms() }
    }
}

/// Sets how a model learns by itself. Rows that are in the table by then count as learnt.
pub fn set(ddl: &mut Ddl<'_>, model: &mut Model, said: &Said) -> Result<()> {
    if said.is_nothing() {
        return Ok(());
    }
    let Some(source) = said.source(ddl, model.online.as_ref())? else {
        model.online = None;
        return Ok(());
    };
    let query = training_query(model)?;
    must_read(ddl.context, &query, source, &model.name)?;
    let now = model.online.clone();
    let place = match now.as_ref().filter(|now| now.source == source) {
        Some(now) => now.place,
        None => {
            let manager = ddl.context.database.manager.clone();
            blocking(|| manager.take_place(ddl.txn, None, source))?.place
        }
    };
    model.online = Some(said.online(source, place, now.as_ref()));
    Ok(())
}

/// The query that the model was trained with from the start, before the version that is deployed.
fn training_query(model: &Model) -> Result<ast::Query> {
    let start = |version: &&ModelVersion| version.base == 0 && version.number <= model.deployed;
    let version = model.versions.iter().filter(start).max_by_key(|version| version.number);
    let version = version.ok_or_else(|| Error::internal("a model without a version"))?;
    parser::query(&version.query)
}

/// Refuses a table that the training query does not name.
pub fn must_read(context: &Context, query: &ast::Query, source: ObjectId, model: &str) -> Result<()> {
    let catalog = &context.snapshot.catalog;
    let found = ast::visit_relations(query, |name| {
        let (schema, plain) = match parser::split(name) {
            Ok(split) => split,
            Err(_) => return ControlFlow::Continue(()),
        };
        let (schema, plain) = context.resolve(schema.as_deref(), &plain);
        match catalog.relation(&schema, &plain) {
            Some((id, _)) if id == source => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    match found {
        ControlFlow::Break(()) => Ok(()),
        ControlFlow::Continue(()) => {
            let message = format!("the training query of model \"{model}\" does not read that table");
            Err(Error::new(Kind::InvalidParameter, message)
                .with_hint("source names a table in the FROM of the query that the model was created with."))
        }
    }
}

/// What a model has to learn now.
pub struct New {
    /// What its query sees: the source has its new rows alone.
    pub context: Arc<Context>,
    /// Its query.
    pub query: ast::Query,
    /// How it learns behind them.
    pub online: Online,
    /// How many they are.
    pub rows: u64,
    /// There are none since the table was written anew.
    pub is_rewritten: bool,
}

/// The new rows of a model's source.
pub fn gained(ddl: &mut Ddl<'_>, model: &Model) -> Result<New> {
    let name = &model.name;
    let Some(online) = &model.online else {
        return Err(Error::new(Kind::InvalidParameter, format!("model \"{name}\" does not learn by itself")).with_hint(
            "ALTER MODEL ... UPDATE AS SELECT ... names the rows; SET OPTIONS (update_mode = 'online', source = 'table') names a table.",
        ));
    };
    if ddl.txn.snapshot().catalog.table_by_id(online.source).is_none() {
        let message = format!("the source of model \"{name}\" is gone");
        return Err(Error::new(Kind::UndefinedTable, message)
            .with_hint("SET OPTIONS (source = 'table') names another, update_mode = 'manual' none."));
    }
    let query = training_query(model)?;
    let manager = ddl.context.database.manager.clone();
    let behind = blocking(|| manager.take_place(ddl.txn, Some(online.place), online.source)).map_err(|error| {
        match error.kind() {
            Kind::NotReady => error.with_hint(format!(
                "ALTER MODEL {name} SET OPTIONS (update_mode = 'manual') and then 'online' again begins with what is new from then on.",
            )),
            _ => error,
        }
    })?;
    if behind.is_rewritten {
        ddl.context.warn(format!(
            "model \"{name}\": the columns of its source were changed since its last update; the rows that are there count as learnt"
        ));
    }
    let context = Arc::new(Context { snapshot: behind.snapshot, ..ddl.context.as_ref().clone() });
    let online = Online { place: behind.place, ..online.clone() };
    Ok(New { context, query, online, rows: behind.rows, is_rewritten: behind.is_rewritten })
}

/// Keeps that a model has come behind the rows that there are, where it learnt nothing of them.
pub fn passed(ddl: &mut Ddl<'_>, id: ObjectId, mut model: Model, online: Online) -> Result<()> {
    model.online = Some(online);
    ddl.txn.put_object(id, Object::Model(model))
}
