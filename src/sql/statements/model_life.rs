//! ALTER MODEL ... UPDATE, SET OPTIONS, FREEZE, RESUME, CHECK DRIFT: what becomes of a model after its training.
//!
//! An update is one step: the deployed version predicts the new rows, which it has not seen, and those figures are kept (progressive
//! validation); then a copy of it learns from them and becomes a version. A guard stands between the two.

use super::super::ddl::{Ddl, qualify};
use super::super::execute::{command, defining};
use super::super::lineage::{Noting, derived};
use super::super::locking;
use super::super::parser::ModelWords;
use super::super::planner::Planner;
use super::super::query_rows::QueryRows;
use super::super::run;
use super::super::session::{Outcome, Session};
use super::model::{Teller, must_get};
use super::model_guard::{Verdict, judge, set_options};
use super::{model_drift, model_online};
use crate::catalog::{FlowKind, Model, ModelUpdate, ModelVersion, Object, OnGuard};
use crate::error::{Error, Kind, Result};
use crate::models::{Metric, Trained, Watch, gathered};
use crate::storage::FileKind;
use crate::txn::locks::Mode;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;
use std::time::Instant;

/// Runs one of these statements.
pub async fn model_life(session: &mut Session, words: ModelWords) -> Result<Outcome> {
    match words {
        ModelWords::CheckDrift { name, on } => {
            let anomalies = defining(session, async |ddl| model_drift::check(ddl, &name, on.as_ref()).await).await?;
            return command(&format!("CHECK DRIFT {anomalies}"));
        }
        ModelWords::Update { name, query } => {
            let query = query.map(|query| *query);
            let broken = defining(session, async |ddl| update(ddl, &name, query).await).await?;
            if let Some(broken) = broken {
                session.note_guard(&format!("guard of model {name}: {broken}"));
            }
        }
        ModelWords::SetOptions { name, options } => {
            defining(session, async |ddl: &mut Ddl<'_>| {
                ddl.txn.must_write("ALTER MODEL")?;
                let (id, mut model) = must_get(ddl, &name)?;
                deployed(ddl, &model)?.1.must_take_steps()?;
                let mut options = options;
                let said = model_online::Said::take(&mut options)?;
                model_online::set(ddl, &mut model, &said)?;
                set_options(&mut model, &options)?;
                ddl.txn.put_object(id, Object::Model(model))
            })
            .await?;
        }
        ModelWords::Frozen { name, frozen } => {
            defining(session, async |ddl: &mut Ddl<'_>| {
                ddl.txn.must_write("ALTER MODEL")?;
                let (id, mut model) = must_get(ddl, &name)?;
                model.frozen = frozen;
                ddl.txn.put_object(id, Object::Model(model))
            })
            .await?;
        }
    }
    command("ALTER MODEL")
}

/// The deployed version and its weights.
fn deployed(ddl: &Ddl<'_>, model: &Model) -> Result<(ModelVersion, Arc<Trained>)> {
    let version = model.versions.iter().find(|version| version.number == model.deployed);
    let version = version.ok_or_else(|| Error::internal("a model without its deployed version"))?.clone();
    let trained = ddl.context.database.models.trained(version.file)?;
    Ok((version, trained))
}

/// What came of the rows of an update.
enum Came {
    /// They were predicted so badly that nothing was learnt from them.
    Broken(Vec<Metric>, String),
    /// A model one step on; a notice, if the guard could not be asked.
    Learnt(Box<Trained>, Option<String>),
    /// There were none.
    Nothing,
}

/// Runs ALTER MODEL ... UPDATE with the rows of a query, or with those that its source has gained; gives how the guard was broken, if it
/// was.
async fn update(ddl: &mut Ddl<'_>, name: &str, query: Option<ast::Query>) -> Result<Option<String>> {
    ddl.txn.must_write("ALTER MODEL")?;
    let (id, mut model) = must_get(ddl, name)?;
    if model.frozen {
        return Err(Error::new(Kind::NotReady, format!("model \"{name}\" is frozen"))
            .with_hint(format!("ALTER MODEL {name} RESUME lets it be updated again.")));
    }
    // Two updates at once would both go on from the same version, and one of them be in vain.
    locking::object(ddl.context, ddl.txn, id, Mode::Update).await?;
    let (base, trained) = deployed(ddl, &model)?;
    trained.must_take_steps()?;
    let (looking, query, online) = match query {
        Some(mut query) => {
            qualify(&mut query, ddl.context);
            (ddl.context.clone(), query, None)
        }
        None => {
            let new = model_online::gained(ddl, &model)?;
            if new.rows == 0 {
                ddl.context.notice(format!("model \"{name}\": its source has no new rows"));
                if new.is_rewritten {
                    model_online::passed(ddl, id, model, new.online)?;
                }
                return Ok(None);
            }
            (new.context, new.query, Some(new.online))
        }
    };
    let text = query.to_string();
    let started = Instant::now();
    let plan = Planner::new(&looking, ddl.state).relation_of(query, &[])?;
    let (from, columns) = (derived(&plan), plan.schema().clone());
    let mut rows = QueryRows::new(&looking, run::in_order(ddl.state), plan)?;
    ddl.context.notice(format!("model \"{name}\": updating version {}", base.number));
    let (context, label, judged_as) = (ddl.context.clone(), name.to_owned(), model.clone());
    let from_source = online.is_some();
    let came = tokio::task::spawn_blocking(move || -> Result<Came> {
        let mut teller = Teller::new(&context, &label, false);
        let cancel = || context.cancel.check();
        let batches = gathered(&mut rows)?;
        cancel()?;
        if from_source && batches.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(Came::Nothing);
        }
        let judged = trained.progressive(&batches)?;
        let unasked = match judge(&judged_as, &judged) {
            Verdict::Broken(how) => return Ok(Came::Broken(judged, how)),
            Verdict::Unasked(why) => Some(why),
            Verdict::Passed => None,
        };
        let mut watch =
            Watch { progress: &mut |progress| teller.tell(progress), cancel: &cancel, told: &mut |_| Ok(()) };
        let learnt = trained.updated(&batches, judged, &mut watch)?;
        cancel()?;
        must_give_numbers(&label, &learnt.progressive(&batches)?)?;
        Ok(Came::Learnt(Box::new(learnt), unasked))
    });
    let came: Result<Came> = came.await.map_err(|e| Error::internal(format!("an update stopped: {e}")))?;
    let at_ms = chrono::Utc::now().timestamp_millis();
    let came = came?;
    // Whatever comes of them, the rows are behind it.
    if let Some(online) = online {
        model.online = Some(online);
    }
    let learnt = match came {
        Came::Nothing => {
            ddl.context
                .notice(format!("model \"{name}\": its query gives no rows of those that its source has gained"));
            ddl.txn.put_object(id, Object::Model(model))?;
            return Ok(None);
        }
        Came::Learnt(learnt, unasked) => {
            if let Some(why) = unasked {
                ddl.context.notice(format!("model \"{name}\": the guard is not asked: {why}"));
            }
            learnt
        }
        Came::Broken(judged, how) => {
            model.note_update(ModelUpdate { at_ms, version: base.number, made: 0, metrics: kept(&judged) });
            let on_guard = model.guard.as_ref().map_or(OnGuard::Freeze, |guard| guard.on_guard);
            let done = match on_guard {
                OnGuard::Freeze => "the model is frozen",
                OnGuard::Rollback => "the update is undone",
            };
            model.frozen |= on_guard == OnGuard::Freeze;
            ddl.context.warn(format!(
                "model \"{name}\": the guard is broken: {how}; {done}, and version {} stays deployed",
                base.number
            ));
            ddl.txn.put_object(id, Object::Model(model))?;
            return Ok(Some(format!("{how}; {done}")));
        }
    };
    let bytes = learnt.to_bytes()?;
    let file = ddl.context.database.manager.store().files().create(FileKind::Model, id, &bytes)?;
    let facts = learnt.facts();
    if facts.skipped_rows > 0 {
        ddl.context.notice(format!("model \"{name}\": {} rows without a label were left out", facts.skipped_rows));
    }
    let mut noting = Noting::new(FlowKind::Train, id);
    noting.add(&from, columns.fields().iter().map(|field| Some(field.name().as_str())));
    for read in noting.objects() {
        if !model.trained_on.contains(&read) {
            model.trained_on.push(read);
        }
    }
    let (number, metrics) = (model.newest() + 1, kept(&facts.evaluation));
    let options = model.options_of(&base).cloned().unwrap_or_default();
    model.note_update(ModelUpdate { at_ms, version: base.number, made: number, metrics: metrics.clone() });
    model.versions.push(ModelVersion {
        number,
        file: file.as_u64(),
        bytes: bytes.len() as u64,
        query: text,
        options: options.clone(),
        snapshot: ddl.txn.snapshot().seq,
        rows: facts.trained_rows as u64,
        seconds: started.elapsed().as_secs_f64(),
        metrics,
        created_ms: at_ms,
        base: base.number,
    });
    model.deployed = number;
    model.options = options;
    ddl.txn.put_object(id, Object::Model(model))?;
    noting.note(ddl.context, ddl.txn);
    ddl.context.notice(format!("model \"{name}\": version {number} is deployed"));
    Ok(None)
}

/// The figures that are known, as the catalogue keeps them.
fn kept(judged: &[Metric]) -> Vec<(String, String, f64, u64)> {
    judged.iter().filter_map(|m| Some((m.metric.clone(), m.segment.clone(), m.value?, m.n as u64))).collect()
}

/// Refuses a step that led a model out of what numbers can hold: a label that is far off does so.
fn must_give_numbers(name: &str, judged: &[Metric]) -> Result<()> {
    let loss = judged.iter().find(|metric| matches!(metric.metric.as_str(), "logloss" | "rmse"));
    match loss.is_none_or(|loss| loss.value.is_some_and(f64::is_finite)) {
        true => Ok(()),
        false => {
            Err(Error::new(Kind::NumericOutOfRange, format!("model \"{name}\" would give no numbers after these rows"))
                .with_detail("A label or a column is too far off.")
                .with_hint("Leave such rows out of the query; the model is as it was."))
        }
    }
}
