//! CREATE MODEL, ALTER MODEL, DROP MODEL.

use super::super::ddl::{Ddl, check_name, qualify};
use super::super::planner::Planner;
use super::super::run;
use crate::catalog::{Model, ModelVersion, Object, ObjectId};
use crate::config::CTR_TRAIN_ROWS_FEW;
use crate::error::{Error, Kind, Result};
use crate::models::{Architecture, CalibrationMethod, CtrModel, CtrOptions, Progress, Split};
use crate::storage::FileKind;
use datafusion::sql::sqlparser::ast::{self, visit_relations};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

/// Runs CREATE MODEL: trains on the rows of the query, which the trainer must be allowed to read, and keeps the result as
/// a new version. OR REPLACE adds a version to a model that is there and deploys it.
pub async fn create_model(
    ddl: &mut Ddl<'_>,
    name: &str,
    or_replace: bool,
    if_not_exists: bool,
    options: BTreeMap<String, String>,
    mut query: ast::Query,
) -> Result<()> {
    ddl.txn.must_write("CREATE MODEL")?;
    check_name(name)?;
    if name.contains('@') {
        return Err(Error::new(Kind::InvalidParameter, "a model's name cannot contain @, which marks versions"));
    }
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
    let model_type = options.get("model_type").cloned().ok_or_else(|| {
        Error::new(Kind::InvalidParameter, "option model_type is needed").with_hint("Available type: ctr.")
    })?;
    if model_type != "ctr" {
        return Err(Error::new(Kind::Unsupported, format!("model_type \"{model_type}\" is not supported"))
            .with_hint("Available type: ctr."));
    }
    let ctr = ctr_options(&options)?;
    // As of a view: what it learnt from, whatever the search path of who asks.
    qualify(&mut query, ddl.context);
    let trained_on = relations(ddl, &query);
    let text = query.to_string();
    let started = Instant::now();
    let plan = Planner::new(ddl.context, ddl.state).relation_of(query, &[])?;
    let batches = run::collect(ddl.context, &run::in_order(ddl.state), &plan).await?;
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    ddl.context.notice(format!("model \"{name}\": {rows} rows read, training {}", ctr.architecture.name()));
    let context = ddl.context.clone();
    let label = name.to_owned();
    let trained = tokio::task::spawn_blocking(move || {
        let mut shown = 0;
        let mut told = |p: Progress| {
            context.cancel.check()?;
            // Once the number of epochs is settled the model is trained again with the held-out rows: said once.
            if p.epoch <= shown {
                if shown < usize::MAX {
                    context
                        .notice(format!("model \"{label}\": training {} epochs again with the held-out rows", p.epoch));
                    shown = usize::MAX;
                }
                return Ok(());
            }
            shown = p.epoch;
            let judged = match p.eval_logloss.is_nan() {
                true => String::new(),
                false => format!(", held-out log-loss {:.5}, AUC {:.4}", p.eval_logloss, p.eval_auc),
            };
            context.notice(format!(
                "model \"{label}\": epoch {} of {}, training log-loss {:.5}{judged}",
                p.epoch, p.epochs, p.train_loss
            ));
            Ok(())
        };
        CtrModel::train(&batches, &ctr, &mut told)
    });
    let trained = trained.await.map_err(|e| Error::internal(format!("training stopped: {e}")))??;
    let bytes = trained.to_bytes()?;
    let id = there.as_ref().map_or_else(|| ddl.new_id(), |(id, _)| *id);
    let file = ddl.context.database.manager.store().files().create(FileKind::Model, id, &bytes)?;
    let metrics = trained
        .evaluation()
        .iter()
        .filter_map(|m| Some((m.metric.clone(), m.segment.clone(), m.value?, m.n as u64)))
        .collect();
    if trained.trained_rows() < CTR_TRAIN_ROWS_FEW {
        ddl.context.warn(format!(
            "model \"{name}\" was trained on {} rows; below {CTR_TRAIN_ROWS_FEW} its answers mean little",
            trained.trained_rows()
        ));
    }
    if trained.skipped_rows() > 0 {
        ddl.context.notice(format!("model \"{name}\": {} rows without a label were left out", trained.skipped_rows()));
    }
    let mut model = match there {
        Some((_, model)) => model,
        None => Model {
            name: name.to_owned(),
            owner: ddl.context.role,
            model_type: model_type.clone(),
            options: BTreeMap::new(),
            versions: Vec::new(),
            deployed: 0,
            grants: Vec::new(),
            trained_on: Vec::new(),
        },
    };
    let number = model.versions.last().map_or(1, |version| version.number + 1);
    model.versions.push(ModelVersion {
        number,
        file: file.as_u64(),
        bytes: bytes.len() as u64,
        query: text,
        options: options.clone(),
        snapshot: ddl.txn.snapshot().seq,
        rows: trained.trained_rows() as u64,
        seconds: started.elapsed().as_secs_f64(),
        metrics,
        created_ms: chrono::Utc::now().timestamp_millis(),
    });
    model.deployed = number;
    model.options = options;
    model.model_type = model_type;
    model.trained_on = trained_on;
    ddl.txn.put_object(id, Object::Model(model))?;
    ddl.context.notice(format!("model \"{name}\": version {number} is deployed"));
    Ok(())
}

/// Tables and views that the training query names.
fn relations(ddl: &Ddl<'_>, query: &ast::Query) -> Vec<ObjectId> {
    let mut found = Vec::new();
    let _ = visit_relations(query, |name| {
        if let Ok((schema, name)) = super::super::parser::split(name) {
            let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
            found.extend(ddl.txn.snapshot().catalog.relation(&schema, &name).map(|(id, _)| id));
        }
        ControlFlow::<()>::Continue(())
    });
    found.sort_unstable();
    found.dedup();
    found
}

fn ctr_options(options: &BTreeMap<String, String>) -> Result<CtrOptions> {
    let mut ctr = CtrOptions::default();
    let columns = |text: &str| text.split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
    for (name, value) in options {
        match name.as_str() {
            "model_type" => {}
            "label_col" => ctr.label_col = value.clone(),
            "user_col" => ctr.user_col = Some(value.clone()),
            "item_col" => ctr.item_col = Some(value.clone()),
            "time_col" => ctr.time_col = Some(value.clone()),
            "user_features" => ctr.user_features = columns(value),
            "item_features" => ctr.item_features = columns(value),
            "architecture" => ctr.architecture = Architecture::parse(value)?,
            "split" => {
                ctr.split = Some(match value.as_str() {
                    "time" => Split::Time,
                    "random" => Split::Random,
                    _ => return Err(one_of(name, value, "time, random")),
                })
            }
            "calibration" => {
                ctr.calibration = match value.as_str() {
                    "none" => CalibrationMethod::None,
                    "platt" => CalibrationMethod::Platt,
                    "isotonic" => CalibrationMethod::Isotonic,
                    _ => return Err(one_of(name, value, "none, platt, isotonic")),
                }
            }
            "eval_fraction" => ctr.eval_fraction = number(name, value)?,
            "max_iterations" => ctr.max_iterations = number(name, value)?,
            "learn_rate" => ctr.learn_rate = Some(number(name, value)?),
            "l2_reg" => ctr.l2_reg = Some(number(name, value)?),
            "batch_size" => ctr.batch_size = Some(number(name, value)?),
            "embedding_dim" => ctr.embedding_dim = number(name, value)?,
            "seed" => ctr.seed = number(name, value)?,
            other => {
                return Err(Error::new(
                    Kind::InvalidParameter,
                    format!("unrecognized option \"{other}\" of a ctr model"),
                )
                .with_hint(
                    "Available options: label_col, user_col, item_col, time_col, user_features, item_features, \
                         architecture, split, eval_fraction, max_iterations, learn_rate, l2_reg, batch_size, \
                         embedding_dim, seed, calibration.",
                ));
            }
        }
    }
    ctr.check()?;
    Ok(ctr)
}

fn one_of(name: &str, value: &str, values: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("option {name} cannot be \"{value}\""))
        .with_hint(format!("Available values: {values}."))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| Error::new(Kind::InvalidParameter, format!("option {name} cannot be \"{value}\"")))
}

fn must_get(ddl: &Ddl<'_>, name: &str) -> Result<(ObjectId, Model)> {
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
