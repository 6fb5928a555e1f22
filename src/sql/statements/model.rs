//! CREATE MODEL, ALTER MODEL, DROP MODEL.

use super::super::context::Context;
use super::super::ddl::{self, Ddl, check_name, qualify};
use super::super::lineage::{Noting, derived, tags};
use super::super::planner::Planner;
use super::super::query_rows::QueryRows;
use super::super::run;
use super::super::run::blocking;
use super::model_options::{MODEL_TYPE, recipe};
use super::{model_import, model_online};
use crate::catalog::{FlowKind, Model, ModelVersion, Object, ObjectId, Online, TagSource, TagUse};
use crate::config::MODEL_TRAIN_ROWS_FEW;
use crate::error::{Error, Kind, Result};
use crate::models::{Progress, Recipe, Trained, Watch};
use crate::storage::FileKind;
use datafusion::sql::sqlparser::ast;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs CREATE MODEL: trains on the rows of the query, which the trainer must be allowed to read, and keeps the result as
/// a new version. OR REPLACE adds a version to a model that is there and deploys it.
pub async fn create_model(
    ddl: &mut Ddl<'_>,
    name: &str,
    or_replace: bool,
    if_not_exists: bool,
    options: BTreeMap<String, String>,
    query: Option<ast::Query>,
) -> Result<()> {
    ddl.txn.must_write("CREATE MODEL")?;
    check_model_name(name)?;
    let there = ddl.txn.snapshot().catalog.model(name).map(|(id, model)| (id, model.clone()));
    match &there {
        Some(_) if if_not_exists => {
            ddl.context.notice(format!("model \"{name}\" already exists, skipping"));
            return Ok(());
        }
        Some((_, model)) if or_replace => ddl.context.must_own(model.owner, "model", name)?,
        Some(_) => {
            return Err(Error::new(Kind::DuplicateObject, format!("model \"{name}\" already exists"))
                .with_hint("CREATE OR REPLACE MODEL adds a version."));
        }
        None => {}
    }
    let mut options = options;
    let said = model_online::Said::take(&mut options)?;
    let now = there.as_ref().and_then(|(_, model)| model.online.clone());
    let source = said.source(ddl, now.as_ref())?;
    let mut recipe = recipe(&options)?;
    if let (Some((_, model)), Some(asked)) = (&there, options.get(MODEL_TYPE))
        && model.model_type != *asked
    {
        let message =
            format!("model \"{name}\" is of type {} and cannot get a version of type {asked}", model.model_type);
        return Err(Error::new(Kind::DatatypeMismatch, message).with_hint("DROP MODEL first, or choose another name."));
    }
    let started = Instant::now();
    let Some(mut query) = query else {
        if source.is_some() {
            let message = "a model of type imported learns from no rows, and from no source by itself";
            return Err(Error::new(Kind::InvalidParameter, message));
        }
        let imported = model_import::read(ddl.context, &recipe).await?;
        let made =
            Made { trained: &imported, query: String::new(), options, started, trained_on: Vec::new(), online: None };
        let id = there.as_ref().map_or_else(|| ddl.new_id(), |(id, _)| *id);
        return put_version(ddl, name, (id, there.map(|(_, model)| model)), made);
    };
    if let Recipe::Imported { .. } = recipe {
        return Err(Error::new(Kind::InvalidParameter, "a model of type imported learns from no rows").with_hint(
            "Leave out AS and the query; a text_classifier or embedding model with base = its name learns from rows.",
        ));
    }
    let base = model_import::with_base(ddl.context, &mut recipe)?;
    // As of a view: what it learnt from, whatever the search path of who asks.
    qualify(&mut query, ddl.context);
    let text = query.to_string();
    let (looking, online) = match source {
        Some(source) => {
            model_online::must_read(ddl.context, &query, source, name)?;
            let manager = ddl.context.database.manager.clone();
            let behind = blocking(|| manager.take_place(ddl.txn, None, source))?;
            // What it learns from now is what is before that place.
            (ddl.looking(), Some(said.online(source, behind.place, now.as_ref())))
        }
        None => (ddl.context.clone(), None),
    };
    let plan = Planner::new(&looking, ddl.state).relation_of(query, &[])?;
    let (from, columns) = (derived(&plan), plan.schema().clone());
    let mut rows = QueryRows::new(&looking, run::in_order(ddl.state), plan)?;
    ddl.context.notice(format!("model \"{name}\": training {}", recipe.word()));
    let context = ddl.context.clone();
    let label = name.to_owned();
    let trained = tokio::task::spawn_blocking(move || {
        let mut teller = Teller::new(&context, &label, recipe.is_of_many_iterations());
        let cancel = || context.cancel.check();
        let mut told = |said: &str| {
            context.notice(format!("model \"{label}\": {said}"));
            Ok(())
        };
        let mut progress = |progress| teller.tell(progress);
        recipe.train(&mut rows, &mut Watch { progress: &mut progress, cancel: &cancel, told: &mut told })
    });
    let trained = trained.await.map_err(|e| Error::internal(format!("training stopped: {e}")))??;
    if online.is_some() {
        trained.must_take_steps()?;
    }
    let facts = trained.facts();
    if facts.trained_rows < MODEL_TRAIN_ROWS_FEW {
        ddl.context.warn(format!(
            "model \"{name}\" was trained on {} rows; below {MODEL_TRAIN_ROWS_FEW} its answers mean little",
            facts.trained_rows
        ));
    }
    if facts.skipped_rows > 0 {
        ddl.context.notice(format!("model \"{name}\": {} rows without a label were left out", facts.skipped_rows));
    }
    // Which model it is must be known before the flow of its rows can be noted.
    let id = there.as_ref().map_or_else(|| ddl.new_id(), |(id, _)| *id);
    let mut noting = Noting::new(FlowKind::Train, id);
    noting.add(&from, columns.fields().iter().map(|field| Some(field.name().as_str())));
    if let Some(base) = base {
        noting.over(base);
    }
    let made = Made { trained: &trained, query: text, options, started, trained_on: noting.objects(), online };
    put_version(ddl, name, (id, there.map(|(_, model)| model)), made)?;
    noting.note(ddl.context, ddl.txn);
    Ok(())
}

/// A version that is made, and how.
struct Made<'a> {
    trained: &'a Trained,
    query: String,
    options: BTreeMap<String, String>,
    started: Instant,
    trained_on: Vec<ObjectId>,
    /// What it goes on learning from by itself.
    online: Option<Online>,
}

/// Keeps a version as the newest of the model of this name and number, which is made if it is not there, and deploys it.
fn put_version(ddl: &mut Ddl<'_>, name: &str, (id, there): (ObjectId, Option<Model>), made: Made<'_>) -> Result<()> {
    let bytes = made.trained.to_bytes()?;
    let file = ddl.context.database.manager.store().files().create(FileKind::Model, id, &bytes)?;
    let facts = made.trained.facts();
    let metrics = facts
        .evaluation
        .iter()
        .filter_map(|m| Some((m.metric.clone(), m.segment.clone(), m.value?, m.n as u64)))
        .collect();
    let model_type = made.trained.model_type().to_owned();
    let mut model = there.unwrap_or_else(|| Model {
        name: name.to_owned(),
        owner: ddl.context.role,
        model_type: model_type.clone(),
        options: BTreeMap::new(),
        versions: Vec::new(),
        deployed: 0,
        grants: Vec::new(),
        trained_on: Vec::new(),
        dropped: 0,
        frozen: false,
        guard: None,
        updates: Vec::new(),
        tags: Vec::new(),
        online: None,
        drifts: Vec::new(),
    });
    let number = model.newest() + 1;
    model.versions.push(ModelVersion {
        number,
        file: file.as_u64(),
        bytes: bytes.len() as u64,
        query: made.query,
        options: made.options.clone(),
        snapshot: ddl.txn.snapshot().seq,
        rows: facts.trained_rows as u64,
        seconds: made.started.elapsed().as_secs_f64(),
        metrics,
        created_ms: chrono::Utc::now().timestamp_millis(),
        base: 0,
    });
    model.deployed = number;
    model.options = made.options;
    model.model_type = model_type;
    model.trained_on = made.trained_on;
    model.online = made.online;
    ddl.txn.put_object(id, Object::Model(model))?;
    ddl.context.notice(format!("model \"{name}\": version {number} is deployed"));
    Ok(())
}

fn check_model_name(name: &str) -> Result<()> {
    check_name(name)?;
    match name.contains('@') {
        true => Err(Error::new(Kind::InvalidParameter, "a model's name cannot contain @, which marks versions")),
        false => Ok(()),
    }
}

/// Of hundreds of iterations one is told of each so often.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Tells how far a training is.
pub(super) struct Teller<'a> {
    context: &'a Arc<Context>,
    name: &'a str,
    is_sparing: bool,
    /// The epoch told of last, and when.
    shown: usize,
    at: Option<Instant>,
}

impl<'a> Teller<'a> {
    /// Tells of the training of the model of this name; sparingly, if it is of many iterations.
    pub(super) fn new(context: &'a Arc<Context>, name: &'a str, is_sparing: bool) -> Self {
        Self { context, name, is_sparing, shown: 0, at: None }
    }

    /// Tells of an epoch or iteration; the error of a statement that was cancelled.
    pub(super) fn tell(&mut self, progress: Progress) -> Result<()> {
        self.context.cancel.check()?;
        let Progress { epoch, epochs, loss: (loss, value), held_out } = progress;
        // Once the number of epochs is settled the model may be trained again with the held-out rows: said once.
        if epoch <= self.shown {
            if self.shown < usize::MAX {
                let name = self.name;
                self.context.notice(format!("model \"{name}\": training {epoch} epochs again with the held-out rows"));
                self.shown = usize::MAX;
            }
            return Ok(());
        }
        self.shown = epoch;
        if self.is_sparing && self.at.is_some_and(|at| at.elapsed() < TOLD_EVERY) {
            return Ok(());
        }
        self.at = Some(Instant::now());
        let judged: Vec<String> = held_out.iter().map(|(name, value)| format!("{name} {}", shown(*value))).collect();
        let judged = if judged.is_empty() { String::new() } else { format!(", held-out {}", judged.join(", ")) };
        let step = if self.is_sparing { "iteration" } else { "epoch" };
        self.context.notice(format!(
            "model \"{}\": {step} {epoch} of {epochs}, training {loss} {}{judged}",
            self.name,
            shown(value)
        ));
        Ok(())
    }
}

/// A measure in so many digits that a change shows.
fn shown(value: f64) -> String {
    if value.abs() < 1000.0 { format!("{value:.5}") } else { format!("{value:.1}") }
}

/// The model of this name, which the role must own.
pub(super) fn must_get(ddl: &Ddl<'_>, name: &str) -> Result<(ObjectId, Model)> {
    match ddl.txn.snapshot().catalog.model(name) {
        Some((id, model)) => {
            ddl.context.must_own(model.owner, "model", name)?;
            Ok((id, model.clone()))
        }
        None => Err(Error::new(Kind::UndefinedObject, format!("model \"{name}\" does not exist"))),
    }
}

/// Runs ALTER MODEL ... DEPLOY VERSION, or ROLLBACK to the version before the deployed one.
pub fn deploy_model(ddl: &mut Ddl<'_>, name: &str, version: Option<u32>) -> Result<()> {
    ddl.txn.must_write("ALTER MODEL")?;
    let (id, mut model) = must_get(ddl, name)?;
    let wanted = match version {
        Some(version) => version,
        None => model.versions.iter().map(|v| v.number).filter(|n| *n < model.deployed).max().ok_or_else(|| {
            Error::new(Kind::NotReady, format!("model \"{name}\" has no version before {}", model.deployed))
        })?,
    };
    if !model.versions.iter().any(|v| v.number == wanted) {
        return Err(Error::new(Kind::UndefinedObject, format!("model \"{name}\" has no version {wanted}")));
    }
    model.deployed = wanted;
    ddl.txn.put_object(id, Object::Model(model))
}

/// Runs ALTER MODEL ... RENAME TO.
pub fn rename_model(ddl: &mut Ddl<'_>, name: &str, to: String) -> Result<()> {
    ddl.txn.must_write("ALTER MODEL")?;
    check_model_name(&to)?;
    let (id, mut model) = must_get(ddl, name)?;
    if ddl.txn.snapshot().catalog.model(&to).is_some() {
        return Err(Error::new(Kind::DuplicateObject, format!("model \"{to}\" already exists")));
    }
    model.name = to;
    ddl.txn.put_object(id, Object::Model(model))
}

/// Runs ALTER MODEL ... SET TAG, or UNSET TAG if there is no value.
pub fn tag_model(ddl: &mut Ddl<'_>, name: &str, tag: &str, value: Option<(String, TagSource)>) -> Result<()> {
    ddl.txn.must_write("ALTER MODEL")?;
    let (id, mut model) = must_get(ddl, name)?;
    let (tag, facts) = ddl::tag(ddl, tag)?;
    if let Some((value, _)) = &value {
        ddl::must_be_allowed(&facts, value)?;
    }
    model.tags.retain(|used| used.tag != tag);
    if let Some((value, source)) = value {
        model.tags.push(TagUse { tag, value, source, confidence: 1.0 });
    }
    ddl.txn.put_object(id, Object::Model(model))?;
    tags::follow(ddl.txn, [(id, None)]);
    Ok(())
}

/// Runs DROP MODEL.
pub fn drop_model(ddl: &mut Ddl<'_>, name: &str, if_exists: bool) -> Result<()> {
    ddl.txn.must_write("DROP MODEL")?;
    if if_exists && ddl.txn.snapshot().catalog.model(name).is_none() {
        ddl.context.notice(format!("model \"{name}\" does not exist, skipping"));
        return Ok(());
    }
    let (id, _) = must_get(ddl, name)?;
    ddl.txn.drop_object(id);
    Ok(())
}

/// Runs DROP MODEL ... VERSION. The deployed version cannot go, and no later one gets its number.
pub fn drop_version(ddl: &mut Ddl<'_>, name: &str, if_exists: bool, version: u32) -> Result<()> {
    ddl.txn.must_write("DROP MODEL")?;
    let there = ddl.txn.snapshot().catalog.model(name).map(|(_, model)| model);
    if if_exists && !there.is_some_and(|model| model.versions.iter().any(|v| v.number == version)) {
        let what = if there.is_some() { format!(" has no version {version}") } else { " does not exist".to_owned() };
        ddl.context.notice(format!("model \"{name}\"{what}, skipping"));
        return Ok(());
    }
    let (id, mut model) = must_get(ddl, name)?;
    if !model.versions.iter().any(|v| v.number == version) {
        return Err(Error::new(Kind::UndefinedObject, format!("model \"{name}\" has no version {version}")));
    }
    if model.deployed == version {
        let message = format!("cannot drop version {version} of model \"{name}\" because it is deployed");
        return Err(Error::new(Kind::Dependent, message)
            .with_hint("ALTER MODEL ... DEPLOY VERSION deploys another one; DROP MODEL drops all."));
    }
    model.dropped = model.dropped.max(version);
    model.versions.retain(|v| v.number != version);
    ddl.txn.put_object(id, Object::Model(model))
}
