//! What guards a model's updates: which metric, against what, and by how much it may be worse.

use crate::catalog::{Model, ModelGuard, ModelVersion, OnGuard};
use crate::config::{MODEL_GUARD_ROWS_MIN, MODEL_GUARD_UPDATES};
use crate::error::{Error, Kind, Result};
use crate::models::Metric;
use std::collections::BTreeMap;

/// By how much a metric may be worse, unless the options say otherwise.
const DROP: f64 = 0.05;
/// Options of a guard.
const OPTIONS: &[&str] = &["guard_metric", "guard_drop", "on_guard"];
/// Metrics that can be guarded: their names, those that EVALUATE has for them, and whether more is better.
const METRICS: &[(&str, &str, bool)] = &[
    ("normalised_entropy", "normalised_entropy", false),
    ("log_loss", "logloss", false),
    ("logloss", "logloss", false),
    ("auc", "auc", true),
    ("ctcvr_normalised_entropy", "ctcvr_normalised_entropy", false),
    ("ctcvr_log_loss", "ctcvr_logloss", false),
    ("ctcvr_auc", "ctcvr_auc", true),
    ("rmse", "rmse", false),
];

/// Sets options of a model's life. The options of its training are those of CREATE MODEL.
pub fn set_options(model: &mut Model, options: &BTreeMap<String, String>) -> Result<()> {
    let bad = |name: &str, value: &str, hint: String| {
        Error::new(Kind::InvalidParameter, format!("option {name} cannot be \"{value}\"")).with_hint(hint)
    };
    for name in options.keys() {
        match name.as_str() {
            name if OPTIONS.contains(&name) => {}
            name => {
                return Err(Error::new(Kind::InvalidParameter, format!("option \"{name}\" of a model cannot be set"))
                    .with_hint(format!(
                        "Available options: {}, {}. Options of the training are those of CREATE OR REPLACE MODEL.",
                        OPTIONS.join(", "),
                        super::model_online::OPTIONS.join(", ")
                    )));
            }
        }
    }
    if options.get("guard_metric").is_some_and(|metric| metric == "none") {
        model.guard = None;
        return Ok(());
    }
    let mut guard = model.guard.clone();
    if let Some(given) = options.get("guard_metric") {
        let known = METRICS.iter().find(|(name, ..)| name == given).map(|(_, metric, _)| *metric);
        let metric = known.filter(|metric| is_measured(model, metric)).ok_or_else(|| {
            let there = METRICS.iter().filter(|(name, metric, _)| *name != "logloss" && is_measured(model, metric));
            let names: Vec<&str> = there.map(|(name, ..)| *name).chain(["none"]).collect();
            bad("guard_metric", given, format!("Available values: {}.", names.join(", ")))
        })?;
        let (drop, on_guard) = guard.map_or((DROP, OnGuard::Freeze), |guard| (guard.drop, guard.on_guard));
        guard = Some(ModelGuard { metric: metric.to_owned(), drop, on_guard });
    }
    let needs = ["guard_drop", "on_guard"].into_iter().find(|name| options.contains_key(*name));
    if let Some(name) = needs {
        let Some(guard) = &mut guard else {
            return Err(Error::new(Kind::InvalidParameter, format!("option {name} needs the option guard_metric")));
        };
        if let Some(value) = options.get("guard_drop") {
            let drop = value.parse().ok().filter(|drop: &f64| (0.0..=10.0).contains(drop));
            guard.drop = drop.ok_or_else(|| bad("guard_drop", value, "It is a share from 0 to 10.".to_owned()))?;
        }
        if let Some(value) = options.get("on_guard") {
            let known = OnGuard::from_name(value);
            guard.on_guard =
                known.ok_or_else(|| bad("on_guard", value, "Available values: freeze, rollback.".to_owned()))?;
        }
    }
    model.guard = guard;
    Ok(())
}

/// Whether a version of the model has such a figure. The deployed one may have none, as of rows of one class.
fn is_measured(model: &Model, metric: &str) -> bool {
    model.versions.iter().flat_map(|version| &version.metrics).any(|(name, ..)| name == metric)
}

/// What a guard says of an update.
pub enum Verdict {
    /// The rows were predicted as well as others, or nobody asks.
    Passed,
    /// They were predicted so much worse.
    Broken(String),
    /// Nothing could be said.
    Unasked(String),
}

/// What the model's guard says of how new rows were predicted. They are compared with the mean of the latest updates since the model
/// was trained from the start, or, before there are any, with the rows that were held out then.
pub fn judge(model: &Model, judged: &[Metric]) -> Verdict {
    let Some(guard) = &model.guard else { return Verdict::Passed };
    let ModelGuard { metric, drop, .. } = guard;
    let Some((value, n)) = judged.iter().find(|m| m.metric == *metric).and_then(|m| Some((m.value?, m.n as u64)))
    else {
        return Verdict::Unasked(format!("{metric} has no value on these rows"));
    };
    if n < MODEL_GUARD_ROWS_MIN {
        return Verdict::Unasked(format!("{n} rows are too few, it takes {MODEL_GUARD_ROWS_MIN}"));
    }
    let Some(before) = wont(model, metric) else {
        return Verdict::Unasked(format!("no {metric} is known of rows that were held out, nor of an earlier update"));
    };
    let is_more_better = METRICS.iter().any(|(_, name, more)| name == metric && *more);
    let (bound, is_broken) = match is_more_better {
        true => (before * (1.0 - drop), value < before * (1.0 - drop)),
        false => (before * (1.0 + drop), value > before * (1.0 + drop)),
    };
    match is_broken {
        false => Verdict::Passed,
        true => {
            let side = if is_more_better { "below" } else { "above" };
            Verdict::Broken(format!("{metric} is {value:.4} on {n} rows, {side} {bound:.4}"))
        }
    }
}

/// What a model is wont to do.
fn wont(model: &Model, metric: &str) -> Option<f64> {
    let number = |version: &&ModelVersion| version.number;
    let start = model.versions.iter().filter(|v| v.base == 0 && v.number <= model.deployed).max_by_key(number)?;
    let of_updates = model.updates.iter().rev().filter(|update| update.made != 0 && update.version >= start.number);
    let figures = of_updates.filter_map(|update| {
        let known = update.metrics.iter().find(|(name, ..)| name == metric);
        known.map(|(_, _, value, n)| (*value, *n as f64))
    });
    let (sum, rows) =
        figures.take(MODEL_GUARD_UPDATES).fold((0.0, 0.0), |(sum, rows), (value, n)| (sum + value * n, rows + n));
    if rows > 0.0 {
        return Some(sum / rows);
    }
    let held_out = start.metrics.iter().find(|(name, segment, ..)| name == metric && segment == "test");
    held_out.map(|(_, _, value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ModelUpdate;

    fn model() -> Model {
        let version = ModelVersion {
            number: 1,
            file: 0,
            bytes: 0,
            query: String::new(),
            options: BTreeMap::new(),
            snapshot: 0,
            rows: 1000,
            seconds: 1.0,
            metrics: vec![
                ("logloss".to_owned(), "test".to_owned(), 0.5, 100),
                ("auc".to_owned(), "test".to_owned(), 0.8, 100),
            ],
            created_ms: 0,
            base: 0,
        };
        Model {
            name: "m".to_owned(),
            owner: 0,
            model_type: "ctr".to_owned(),
            options: BTreeMap::new(),
            versions: vec![version],
            deployed: 1,
            grants: Vec::new(),
            trained_on: Vec::new(),
            dropped: 0,
            frozen: false,
            guard: None,
            updates: Vec::new(),
            tags: Vec::new(),
            online: None,
            drifts: Vec::new(),
        }
    }

    fn set(model: &mut Model, given: &[(&str, &str)]) -> Result<()> {
        set_options(model, &given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn figure(metric: &str, value: f64, n: usize) -> Vec<Metric> {
        vec![Metric { metric: metric.to_owned(), value: Some(value), segment: "progressive".to_owned(), n }]
    }

    #[test]
    fn options_are_kept_and_what_is_none_is_refused() {
        let mut model = model();
        let refused = |model: &mut Model, given: &[(&str, &str)]| {
            let error = set(model, given).unwrap_err();
            (error.kind(), error.hint().unwrap_or_default().to_owned())
        };
        assert_eq!(refused(&mut model, &[("guard_drop", "0.1")]).0, Kind::InvalidParameter);
        let (kind, hint) = refused(&mut model, &[("guard_metric", "normalised_entropy")]);
        assert_eq!((kind, hint.as_str()), (Kind::InvalidParameter, "Available values: log_loss, auc, none."));
        assert_eq!(refused(&mut model, &[("learn_rate", "1")]).0, Kind::InvalidParameter);
        assert!(set(&mut model, &[("guard_metric", "log_loss")]).is_ok());
        assert!(set(&mut model, &[("on_guard", "rollback"), ("guard_drop", "0.2")]).is_ok());
        let kept = ModelGuard { metric: "logloss".to_owned(), drop: 0.2, on_guard: OnGuard::Rollback };
        assert_eq!(model.guard.as_ref(), Some(&kept));
        for bad in [("guard_drop", "-1"), ("guard_drop", "x"), ("guard_drop", "NaN"), ("on_guard", "stop")] {
            assert_eq!(refused(&mut model, &[bad]).0, Kind::InvalidParameter);
            assert_eq!(model.guard.as_ref(), Some(&kept));
        }
        assert!(set(&mut model, &[("guard_metric", "none")]).is_ok() && model.guard.is_none());
    }

    #[test]
    fn worse_than_it_is_wont_is_broken() {
        let mut model = model();
        assert!(matches!(judge(&model, &figure("logloss", 9.0, 1000)), Verdict::Passed));
        set(&mut model, &[("guard_metric", "log_loss"), ("guard_drop", "0.1")]).unwrap();
        assert!(matches!(judge(&model, &figure("logloss", 0.549, 1000)), Verdict::Passed));
        assert!(matches!(judge(&model, &figure("logloss", 0.551, 1000)), Verdict::Broken(_)));
        assert!(matches!(judge(&model, &figure("logloss", 0.551, 99)), Verdict::Unasked(_)));
        assert!(matches!(judge(&model, &figure("auc", 0.1, 1000)), Verdict::Unasked(_)));
        // After updates these say what it is wont to do; one that came to nothing does not.
        let update = |made, value| ModelUpdate {
            at_ms: 0,
            version: 1,
            made,
            metrics: vec![("logloss".to_owned(), "progressive".to_owned(), value, 100)],
        };
        model.updates = vec![update(2, 0.6), update(0, 5.0), update(3, 0.7)];
        assert!(matches!(judge(&model, &figure("logloss", 0.71, 1000)), Verdict::Passed));
        assert!(matches!(judge(&model, &figure("logloss", 0.72, 1000)), Verdict::Broken(_)));
        set(&mut model, &[("guard_metric", "auc")]).unwrap();
        assert!(matches!(judge(&model, &figure("auc", 0.73, 1000)), Verdict::Passed));
        assert!(matches!(judge(&model, &figure("auc", 0.71, 1000)), Verdict::Broken(_)));
    }
}
