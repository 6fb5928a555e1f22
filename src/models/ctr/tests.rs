//! The whole model on small made-up clicks: what must be learnt, repeated, refused and survive storage.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};

use super::*;
use crate::error::{Error, Kind, Result};
use crate::models::evaluation::{Metric, Progress};
use crate::models::random::Random;
use crate::models::tabular::Watch;

/// Clicks that follow from how a user's kind meets an item's: no column alone tells.
fn clicks(rows: usize, seed: u64) -> RecordBatch {
    let mut random = Random::new(seed);
    let (mut users, mut items, mut prices, mut places, mut labels) = (vec![], vec![], vec![], vec![], vec![]);
    for row in 0..rows {
        let (user, item) = (random.below(40), random.below(30));
        let place = random.below(3);
        let liked = (user % 2 == item % 2) as u8 as f64;
        let chance = 0.05 + 0.6 * liked + 0.1 * (place == 0) as u8 as f64;
        users.push(user as i64);
        items.push(Some(format!("sku-{item}")));
        prices.push((row % 11 != 0).then_some(item as f64 * 2.5));
        places.push(["top", "middle", "bottom"][place]);
        labels.push((row % 50 != 49).then_some((random.uniform() < chance) as i64));
    }
    RecordBatch::try_from_iter([
        ("user_id", Arc::new(Int64Array::from(users)) as ArrayRef),
        ("item_id", Arc::new(StringArray::from(items))),
        ("price", Arc::new(Float64Array::from(prices))),
        ("place", Arc::new(StringArray::from(places))),
        ("clicked", Arc::new(Int64Array::from(labels))),
    ])
    .unwrap()
}

fn options(architecture: Architecture) -> CtrOptions {
    CtrOptions {
        label_col: "clicked".into(),
        user_col: Some("user_id".into()),
        item_col: Some("item_id".into()),
        architecture,
        ..CtrOptions::default()
    }
}

fn learn(batches: &[RecordBatch], options: &CtrOptions) -> Result<CtrModel> {
    CtrModel::train(&mut { batches }, options, &mut Watch::nobody())
}

fn train(architecture: Architecture) -> Result<CtrModel> {
    learn(&[clicks(4000, 1), clicks(4000, 2)], &options(architecture))
}

fn value(metrics: &[Metric], name: &str) -> f64 {
    metrics.iter().find(|metric| metric.metric == name).and_then(|metric| metric.value).unwrap_or(f64::NAN)
}

#[test]
fn every_architecture_that_crosses_columns_finds_the_crossing() -> Result<()> {
    for (name, architecture) in Architecture::ALL {
        let model = train(architecture)?;
        let later = [clicks(3000, 9)];
        let unseen = model.evaluate(&mut later.as_slice())?;
        let auc = value(&unseen, "auc");
        let floor = if architecture == Architecture::Lr { 0.5 } else { 0.75 };
        assert!(auc > floor, "{name}: {auc}");
        assert!(value(&unseen, "calibration") < 0.06, "{name}: {}", value(&unseen, "calibration"));
        assert!(value(&unseen, "logloss") < value(&unseen, "baseline_logloss"), "{name}");
        assert_eq!(model.facts().skipped_rows, 160);
        let evaluation = &model.facts().evaluation;
        assert!(evaluation.iter().all(|metric| metric.segment == "test" && metric.n <= 784));
        assert!((value(evaluation, "auc") - auc).abs() < 0.08, "{name}: the held-out rows mislead");
    }
    Ok(())
}

#[test]
fn the_constant_knows_the_rows_that_the_model_has_learnt_from() -> Result<()> {
    let batches = [clicks(4000, 1), clicks(4000, 2)];
    let labels = batches.iter().filter_map(|batch| batch["clicked"].as_any().downcast_ref::<Int64Array>());
    let all: i64 = labels.map(|labels| labels.iter().flatten().sum::<i64>()).sum();
    let model = learn(&batches, &options(Architecture::Lr))?;
    let (trained, evaluation) = (model.facts().trained_rows, &model.facts().evaluation);
    let tested = evaluation.iter().find(|metric| metric.metric == "ctr").map_or(0, |metric| metric.n);
    assert_eq!(trained + tested, 8000 - 160, "it has not learnt from the rows that said when to stop");
    let told = value(evaluation, "baseline_ctr") * trained as f64 + value(evaluation, "ctr") * tested as f64;
    assert!((told - all as f64).abs() < 1e-6, "{told} clicks of {all}");
    Ok(())
}

#[test]
fn same_seed_same_bytes_and_bytes_keep_every_prediction() -> Result<()> {
    let (model, twin) = (train(Architecture::DeepFm)?, train(Architecture::DeepFm)?);
    let bytes = model.to_bytes()?;
    assert!(bytes == twin.to_bytes()?);
    let loaded = CtrModel::from_bytes(&bytes)?;
    let batch = clicks(500, 4);
    assert_eq!(loaded.predict(&batch)?, model.predict(&batch)?);
    for (kept, first) in loaded.facts().evaluation.iter().zip(&model.facts().evaluation) {
        assert_eq!(kept, first);
    }
    Ok(())
}

#[test]
fn damaged_bytes_are_corruption() -> Result<()> {
    let bytes = train(Architecture::Bilinear)?.to_bytes()?;
    for place in (0..bytes.len()).step_by(bytes.len() / 97) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        let kind = CtrModel::from_bytes(&damaged).unwrap_err().kind();
        assert!(kind == Kind::Corruption || (8..12).contains(&place), "byte {place}");
        assert_eq!(CtrModel::from_bytes(&bytes[..place]).unwrap_err().kind(), Kind::Corruption);
    }
    Ok(())
}

#[test]
fn a_row_is_explained() -> Result<()> {
    let model = train(Architecture::Bilinear)?;
    let strange = RecordBatch::try_from_iter([
        ("place", Arc::new(StringArray::from(vec!["top", "top"])) as ArrayRef),
        ("item_id", Arc::new(StringArray::from(vec!["sku-1", "sku-new"]))),
        ("user_id", Arc::new(Int64Array::from(vec![3, 3]))),
        ("price", Arc::new(Float64Array::from(vec![2.5, 2.5]))),
    ])
    .unwrap();
    let details = model.predict_detail(&strange, Target::Ctr)?;
    assert_eq!(details.iter().map(|detail| detail.cold_start).collect::<Vec<_>>(), [false, true]);
    assert_eq!(details.iter().map(|detail| detail.ctr).collect::<Vec<_>>(), model.predict(&strange)?);
    assert!(details[0].ctr > 0.4 && !details[0].top_features.is_empty());
    let names: Vec<&str> = model.facts().importance.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names[..2].contains(&"user_id") && names.len() == 4, "{names:?}");
    Ok(())
}

#[test]
fn what_cannot_be_learnt_is_refused() {
    let refuse = |batch: RecordBatch, options: &CtrOptions| learn(&[batch], options).unwrap_err();
    let options = options(Architecture::Lr);
    let with_label = |label: ArrayRef| {
        let batch = clicks(100, 1);
        let mut columns = batch.columns().to_vec();
        columns[4] = label;
        let schema = batch.schema();
        RecordBatch::try_from_iter(schema.fields().iter().map(|field| field.name().as_str()).zip(columns)).unwrap()
    };
    let one_class = refuse(with_label(Arc::new(Int64Array::from(vec![0; 100]))), &options);
    assert_eq!(one_class.kind(), Kind::InvalidParameter);
    assert!(one_class.message().contains("\"clicked\""));
    let wrong = refuse(with_label(Arc::new(Int64Array::from_iter_values(0..100))), &options);
    assert_eq!(wrong.kind(), Kind::InvalidParameter);
    let none = refuse(with_label(Arc::new(Int64Array::from(vec![None; 100]))), &options);
    assert_eq!(none.kind(), Kind::InvalidParameter);
    let absent = refuse(clicks(100, 1), &CtrOptions { label_col: "bought".into(), ..options.clone() });
    assert_eq!(absent.kind(), Kind::UndefinedColumn);
    let no_user = refuse(clicks(100, 1), &CtrOptions { user_col: Some("who".into()), ..options.clone() });
    assert_eq!(no_user.kind(), Kind::UndefinedColumn);
    assert_eq!(learn(&[], &options).unwrap_err().kind(), Kind::InvalidParameter);
    let mut stop = |_: Progress| -> Result<()> { Err(Error::new(Kind::Cancelled, "stop")) };
    let mut watch = Watch { progress: &mut stop, cancel: &|| Ok(()), told: &mut |_| Ok(()) };
    let few = [clicks(100, 1)];
    let cancelled = CtrModel::train(&mut few.as_slice(), &options, &mut watch).unwrap_err();
    assert_eq!(cancelled.kind(), Kind::Cancelled);
}

#[test]
fn minus_one_and_boolean_labels_and_a_handful_of_rows_train() -> Result<()> {
    let batch = RecordBatch::try_from_iter([
        ("kind", Arc::new(StringArray::from(vec!["a", "b", "a", "b"])) as ArrayRef),
        ("clicked", Arc::new(BooleanArray::from(vec![true, false, true, false]))),
    ])
    .unwrap();
    let options = CtrOptions { label_col: "clicked".into(), ..CtrOptions::default() };
    let model = learn(std::slice::from_ref(&batch), &options)?;
    assert!(model.facts().evaluation.iter().all(|metric| metric.segment == "train"));
    let probabilities = model.predict(&batch)?;
    assert!(probabilities[0] > probabilities[1]);
    Ok(())
}

#[test]
fn a_split_by_time_keeps_the_latest_rows_unseen() -> Result<()> {
    // The rule turns round in the last tenth: a model that had seen it would not be so wrong there.
    let rows = 2000usize;
    let kinds: Vec<&str> = (0..rows).map(|row| if row % 2 == 0 { "a" } else { "b" }).collect();
    let labels: Vec<i64> = (0..rows).map(|row| ((row % 2 == 0) != (row >= 1800)) as i64 * 2 - 1).collect();
    let batch = RecordBatch::try_from_iter([
        ("kind", Arc::new(StringArray::from(kinds)) as ArrayRef),
        ("at", Arc::new(Int64Array::from_iter_values(0..rows as i64))),
        ("clicked", Arc::new(Int64Array::from(labels))),
    ])
    .unwrap();
    let options = CtrOptions { label_col: "clicked".into(), time_col: Some("at".into()), ..CtrOptions::default() };
    let model = learn(&[batch], &options)?;
    assert!(value(&model.facts().evaluation, "auc") < 0.1);
    assert_eq!(model.inputs().len(), 1);
    Ok(())
}

/// Rows after the taste has turned: users like the other half of the items, and there are new ones.
fn turned(rows: usize, seed: u64) -> RecordBatch {
    let mut random = Random::new(seed);
    let (mut users, mut items, mut labels) = (vec![], vec![], vec![]);
    for _ in 0..rows {
        // Users 100 and more were not there before.
        let (user, item) = (random.below(20) + 100 * random.below(2), random.below(30));
        let chance = if user % 2 == item % 2 { 0.1 } else { 0.7 };
        users.push(user as i64);
        items.push(format!("sku-{item}"));
        labels.push((random.uniform() < chance) as i64);
    }
    let prices = items.iter().map(|item| item.trim_start_matches("sku-").parse::<f64>().ok().map(|item| item * 2.5));
    RecordBatch::try_from_iter([
        ("user_id", Arc::new(Int64Array::from(users)) as ArrayRef),
        ("price", Arc::new(Float64Array::from_iter(prices))),
        ("item_id", Arc::new(StringArray::from(items))),
        ("place", Arc::new(StringArray::from(vec!["top"; rows]))),
        ("clicked", Arc::new(Int64Array::from(labels))),
    ])
    .unwrap()
}

#[test]
fn an_update_is_judged_before_and_learns_what_is_new() -> Result<()> {
    let step = |model: &CtrModel, batch: &RecordBatch| -> Result<CtrModel> {
        let batches = std::slice::from_ref(batch);
        model.updated(batches, model.progressive(batches)?, &mut Watch::nobody())
    };
    for (name, architecture) in Architecture::ALL {
        let first = train(architecture)?;
        let (mut model, mut twin) = (first.clone(), CtrModel::from_bytes(&first.to_bytes()?)?);
        for seed in 20..30 {
            let batch = turned(1000, seed);
            let before = model.progressive(std::slice::from_ref(&batch))?;
            assert!(before.iter().all(|metric| metric.segment == "progressive" && metric.n <= 1000));
            model = step(&model, &batch)?;
            assert_eq!(model.facts().evaluation, before);
            twin = CtrModel::from_bytes(&step(&twin, &batch)?.to_bytes()?)?;
        }
        assert!(model.to_bytes()? == twin.to_bytes()?, "{name}: the same steps give the same model");
        let trained = first.facts().trained_rows;
        assert_eq!((model.facts().trained_rows, model.facts().seen.is_empty()), (trained + 10_000, false));
        let unseen = turned(3000, 99);
        let loss = |model: &CtrModel| -> Result<f64> {
            Ok(value(&model.evaluate(&mut { std::slice::from_ref(&unseen) })?, "logloss"))
        };
        let (old, new) = (loss(&first)?, loss(&model)?);
        // What meets what is nothing that a weighted sum could learn.
        let less = if architecture == Architecture::Lr { -0.01 } else { 0.05 };
        assert!(new < old - less, "{name}: {old} {new}");
        // Those who are new have entries of their own.
        let details = model.predict_detail(&unseen, Target::Ctr)?;
        assert!(details.iter().all(|detail| !detail.cold_start), "{name}");
        assert!(first.predict_detail(&unseen, Target::Ctr)?.iter().any(|detail| detail.cold_start), "{name}");
        assert!(first.facts().evaluation != model.facts().evaluation && loss(&first)? == old);
    }
    Ok(())
}

#[test]
fn an_update_that_cannot_be_is_refused_and_leaves_the_model_alone() -> Result<()> {
    let model = train(Architecture::Fm)?;
    let bytes = model.to_bytes()?;
    let refuse = |batch: RecordBatch| model.updated(&[batch], Vec::new(), &mut Watch::nobody()).unwrap_err();
    let less = refuse(turned(100, 1).project(&[0, 1, 2, 4]).unwrap());
    assert!(less.kind() == Kind::UndefinedColumn && less.message().contains("\"place\""));
    let unlabelled = turned(100, 1).project(&[0, 1, 2, 3]).unwrap();
    assert_eq!(refuse(unlabelled).kind(), Kind::UndefinedColumn);
    assert_eq!(refuse(turned(0, 1)).kind(), Kind::InvalidParameter);
    let mut stop = |_: Progress| -> Result<()> { Err(Error::new(Kind::Cancelled, "stop")) };
    let mut watch = Watch { progress: &mut stop, cancel: &|| Ok(()), told: &mut |_| Ok(()) };
    let cancelled = model.updated(&[turned(100, 1)], Vec::new(), &mut watch).unwrap_err();
    assert_eq!(cancelled.kind(), Kind::Cancelled);
    assert!(model.to_bytes()? == bytes);
    Ok(())
}

#[test]
fn a_model_without_counts_takes_steps_too() -> Result<()> {
    let mut model = train(Architecture::DeepFm)?;
    model.spec.counted(Vec::new());
    let old = CtrModel::from_bytes(&model.to_bytes()?)?;
    assert!(old.spec.counts().is_empty());
    let batch = turned(2000, 3);
    let batches = std::slice::from_ref(&batch);
    let new = old.updated(batches, old.progressive(batches)?, &mut Watch::nobody())?;
    assert!(value(&new.evaluate(&mut { batches })?, "logloss") < value(&old.evaluate(&mut { batches })?, "logloss"));
    Ok(())
}

/// Clicks as [`clicks`] has them, and purchases after them: cheap items, of users of one half.
fn purchases(rows: usize, seed: u64) -> RecordBatch {
    let batch = clicks(rows, seed);
    let mut random = Random::new(seed ^ 77);
    let items = batch.column(1).as_any().downcast_ref::<StringArray>().unwrap();
    let labels = batch.column(4).as_any().downcast_ref::<Int64Array>().unwrap();
    let bought = (0..rows).map(|row| {
        let item: usize = items.value(row).trim_start_matches("sku-").parse().unwrap();
        let chance = if item < 10 { 0.7 } else { 0.1 };
        // One in forty clicks does not say; some rows claim a purchase without a click.
        (row % 40 != 7).then_some((labels.value(row) == 1 && random.uniform() < chance || row % 500 == 3) as i64)
    });
    let bought: Int64Array = bought.collect();
    let schema = batch.schema();
    let columns = schema.fields().iter().map(|field| field.name().as_str()).zip(batch.columns().iter().cloned());
    RecordBatch::try_from_iter(columns.chain([("bought", Arc::new(bought) as ArrayRef)])).unwrap()
}

fn joint(architecture: Architecture) -> CtrOptions {
    CtrOptions { conversion_col: Some("bought".into()), ..options(architecture) }
}

#[test]
fn clicks_and_what_follows_them_are_learnt_together() -> Result<()> {
    for (name, architecture) in Architecture::ALL {
        let mut said = Vec::new();
        let mut told = |text: &str| {
            said.push(text.to_owned());
            Ok(())
        };
        let mut watch = Watch { progress: &mut |_| Ok(()), cancel: &|| Ok(()), told: &mut told };
        let batches = [purchases(4000, 1), purchases(4000, 2)];
        let model = CtrModel::train(&mut batches.as_slice(), &joint(architecture), &mut watch)?;
        assert!(said.len() == 2 && said[0].contains("they count as neither") && said[1].contains("clicks alone"));
        let unseen = purchases(4000, 9);
        let measured = model.evaluate(&mut { std::slice::from_ref(&unseen) })?;
        for (metric, floor, of_lr) in [("auc", 0.74, 0.5), ("cvr_auc", 0.74, 0.72), ("ctcvr_auc", 0.75, 0.68)] {
            // What meets what is nothing that a weighted sum could learn.
            let floor = if architecture == Architecture::Lr { of_lr } else { floor };
            assert!(value(&measured, metric) > floor, "{name} {metric}: {}", value(&measured, metric));
        }
        for metric in ["calibration", "cvr_calibration", "ctcvr_calibration"] {
            assert!(value(&measured, metric) < 0.08, "{name} {metric}: {}", value(&measured, metric));
        }
        for metric in ["logloss", "cvr_logloss", "ctcvr_logloss"] {
            let baseline = value(&measured, &format!("baseline_{metric}"));
            assert!(value(&measured, metric) < baseline, "{name} {metric}");
        }
        let (clicks, conversions, both) = (
            model.predict(&unseen)?,
            model.predict_target(&unseen, Target::Cvr)?,
            model.predict_target(&unseen, Target::Ctcvr)?,
        );
        assert!(clicks.iter().zip(&conversions).zip(&both).all(|((click, after), both)| click * after == *both));
        let loaded = CtrModel::from_bytes(&model.to_bytes()?)?;
        assert_eq!(loaded.predict_target(&unseen, Target::Cvr)?, conversions, "{name}");
        assert_eq!(loaded.facts().evaluation, model.facts().evaluation);
        let few = unseen.slice(0, 50);
        let (details, after) = (model.predict_detail(&few, Target::Cvr)?, model.predict_target(&few, Target::Cvr)?);
        assert!(details.iter().zip(&after).all(|(detail, after)| detail.probability == *after));
        assert!(details.iter().any(|detail| detail.top_features.iter().any(|(name, _)| name == "item_id")), "{name}");
        // What is learnt later of conversions alone changes them.
        let later = purchases(2000, 30);
        let batches = std::slice::from_ref(&later);
        let next = model.updated(batches, model.progressive(batches)?, &mut Watch::nobody())?;
        assert!(next.predict_target(&unseen, Target::Cvr)? != conversions && next.has_conversion());
        let before = value(&measured, "ctcvr_logloss");
        let after = value(&next.evaluate(&mut { std::slice::from_ref(&unseen) })?, "ctcvr_logloss");
        assert!(after < before + 0.01, "{name}: {before} {after}");
    }
    Ok(())
}

#[test]
fn conversions_that_cannot_be_learnt_are_refused() -> Result<()> {
    let batch = purchases(1000, 1);
    let none = CtrOptions { conversion_col: Some("sold".into()), ..options(Architecture::Lr) };
    assert_eq!(learn(std::slice::from_ref(&batch), &none).unwrap_err().kind(), Kind::UndefinedColumn);
    let same = CtrOptions { conversion_col: Some("clicked".into()), ..options(Architecture::Lr) };
    assert_eq!(learn(std::slice::from_ref(&batch), &same).unwrap_err().kind(), Kind::InvalidParameter);
    let schema = batch.schema();
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; 1000]));
    let columns = schema.fields().iter().map(|field| field.name().as_str()).zip(batch.columns().iter().cloned());
    let never = columns.take(5).chain([("bought", zeros)]);
    let never = RecordBatch::try_from_iter(never).unwrap();
    let error = learn(&[never], &joint(Architecture::Lr)).unwrap_err();
    assert!(error.kind() == Kind::InvalidParameter && error.message().contains("\"bought\""));
    let clicks_alone = train(Architecture::Lr)?;
    assert!(
        !clicks_alone.has_conversion() && clicks_alone.facts().evaluation.iter().all(|m| !m.metric.contains("cvr"))
    );
    Ok(())
}

#[test]
fn arrays_objects_and_vectors_are_features() -> Result<()> {
    use arrow::array::{Float32Builder, ListBuilder, StringBuilder};
    use arrow::datatypes::{Field, Schema};
    let rows = 4000usize;
    let mut random = Random::new(3);
    let (mut tags, mut vectors) = (ListBuilder::new(StringBuilder::new()), ListBuilder::new(Float32Builder::new()));
    let (mut contexts, mut labels) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let (a, b, c) = (random.below(2), random.below(2), random.normal(1.0));
        if row % 50 == 0 {
            tags.append(false);
        } else {
            tags.values().append_value(if a == 1 { "sale" } else { "new" });
            tags.values().append_value(format!("t{}", random.below(20)));
            tags.append(true);
        }
        contexts
            .push((row % 30 != 0).then(|| format!(r#"{{"device": {{"os": "{}"}}, "n": {row}}}"#, ["ios", "web"][b])));
        vectors.values().append_slice(&[c, 0.5, -c]);
        vectors.append(row % 40 != 0);
        let chance = 0.1 + 0.25 * a as f64 + 0.25 * b as f64 + if c > 0.0 { 0.3 } else { 0.0 };
        labels.push((random.uniform() < chance) as i64);
    }
    let mark = [(crate::catalog::TYPE_METADATA.to_owned(), "jsonb".to_owned())];
    let batch = RecordBatch::try_from_iter([
        ("tags", Arc::new(tags.finish()) as ArrayRef),
        ("context", Arc::new(StringArray::from(contexts))),
        ("picture", Arc::new(vectors.finish())),
        ("clicked", Arc::new(Int64Array::from(labels))),
    ])
    .unwrap();
    let fields: Vec<Field> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let fields = fields.into_iter().map(|field| match field.name().as_str() {
        "context" => field.with_metadata(mark.clone().into()),
        _ => field,
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(schema, batch.columns().to_vec()).unwrap();
    for (name, architecture) in Architecture::ALL {
        let options = CtrOptions {
            label_col: "clicked".into(),
            architecture,
            max_iterations: 10,
            eval_fraction: 0.2,
            ..CtrOptions::default()
        };
        let model = learn(std::slice::from_ref(&batch), &options)?;
        assert!(value(&model.facts().evaluation, "auc") > 0.68, "{name}: {}", value(&model.facts().evaluation, "auc"));
        assert!(model.facts().importance.iter().all(|(_, by)| *by > 0.0), "{name}: {:?}", model.facts().importance);
        let types: Vec<&str> = model.inputs().iter().map(|input| input.type_name).collect();
        assert_eq!(types, ["text[]", "jsonb", "real[]"]);
        let loaded = CtrModel::from_bytes(&model.to_bytes()?)?;
        assert_eq!(loaded.predict(&batch)?, model.predict(&batch)?, "{name}");
        let batches = std::slice::from_ref(&batch);
        let next = model.updated(batches, model.progressive(batches)?, &mut Watch::nobody())?;
        assert!(value(&next.evaluate(&mut { batches })?, "auc") > 0.7, "{name}");
    }
    Ok(())
}

#[test]
fn layers_are_as_many_and_as_wide_as_asked() -> Result<()> {
    let wide = CtrOptions { hidden_units: Some(vec![16, 8, 8]), ..options(Architecture::DeepFm) };
    let model = learn(&[clicks(4000, 1)], &wide)?;
    let shapes: Vec<(usize, usize)> =
        model.tasks.click.tower.iter().map(|layer| (layer.inputs, layer.outputs)).collect();
    assert!(shapes.len() == 4 && shapes[1..] == [(16, 8), (8, 8), (8, 1)], "{shapes:?}");
    let loaded = CtrModel::from_bytes(&model.to_bytes()?)?;
    let batch = clicks(500, 4);
    assert_eq!(loaded.predict(&batch)?, model.predict(&batch)?);
    assert!(value(&loaded.evaluate(&mut std::slice::from_ref(&batch))?, "auc") > 0.7);
    Ok(())
}
