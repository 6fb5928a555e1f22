//! Whole models on small made-up rows: what must be learnt, repeated, refused and survive storage.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};

use super::*;
use crate::error::{Error, Kind, Result};
use crate::models::evaluation::Metric;
use crate::models::random::Random;
use crate::models::rows::Split;

/// Goods whose price follows from weight, colour and whether the weight is known; whether they sell, from the price and the colour
/// together; a kind of three by weight.
fn goods(rows: usize, seed: u64) -> RecordBatch {
    let mut random = Random::new(seed);
    let (mut weights, mut colours, mut prices, mut sold, mut kinds) = (vec![], vec![], vec![], vec![], vec![]);
    for row in 0..rows {
        let weight = random.uniform() * 10.0;
        let colour = random.below(3);
        let is_known = row % 10 != 3;
        let price = 20.0 + 3.0 * weight * f64::from(u8::from(is_known)) + [0.0, 5.0, -5.0][colour];
        weights.push(is_known.then_some(weight));
        colours.push(["red", "green", "blue"][colour]);
        prices.push((row % 25 != 24).then_some(price + f64::from(random.normal(0.1))));
        sold.push((price > 35.0) != (colour == 1));
        kinds.push(if !is_known { "light" } else { ["light", "middle", "heavy"][(weight / 3.34) as usize] });
    }
    RecordBatch::try_from_iter([
        ("weight", Arc::new(Float64Array::from(weights)) as ArrayRef),
        ("colour", Arc::new(StringArray::from(colours))),
        ("price", Arc::new(Float64Array::from(prices))),
        ("sold", Arc::new(BooleanArray::from(sold))),
        ("kind", Arc::new(StringArray::from(kinds))),
    ])
    .unwrap()
}

fn of(batch: &RecordBatch, columns: &[&str]) -> RecordBatch {
    let places: Vec<usize> = columns.iter().map(|name| batch.schema().index_of(name).unwrap()).collect();
    batch.project(&places).unwrap()
}

fn options(model_type: ModelType, label_col: &str) -> TabularOptions {
    let label_col = (!label_col.is_empty()).then(|| label_col.to_string());
    TabularOptions { label_col, ..TabularOptions::new(model_type) }
}

fn train(batches: &[RecordBatch], options: &TabularOptions) -> Result<TabularModel> {
    TabularModel::train(&mut &*batches, options, &mut Watch::nobody())
}

fn value(metrics: &[Metric], name: &str) -> f64 {
    metrics.iter().find(|metric| metric.metric == name).and_then(|metric| metric.value).unwrap_or(f64::NAN)
}

#[test]
fn what_is_linear_is_found_exactly() -> Result<()> {
    let (x, y): (Vec<i64>, Vec<f64>) = (0..100).map(|x| (x, 3.0 * x as f64 + 2.0)).unzip();
    let batch = RecordBatch::try_from_iter([
        ("x", Arc::new(Int64Array::from(x)) as ArrayRef),
        ("y", Arc::new(Float64Array::from(y))),
    ])
    .unwrap();
    let model = train(&[batch], &options(ModelType::LinearReg, "y"))?;
    // Far beyond what was seen, and where nothing is known the mean.
    let asked: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(100_000), None]));
    let said = model.predict(&RecordBatch::try_from_iter([("x", asked)]).unwrap())?;
    assert!((said[0] - 23.0).abs() < 1e-3 && (said[1] - 300_002.0).abs() < 1.0, "{said:?}");
    assert!((said[2] - 150.5).abs() < 10.0);
    assert!(value(&model.facts().evaluation, "r2") > 0.999_999);
    Ok(())
}

#[test]
fn numbers_are_predicted_and_beat_their_mean() -> Result<()> {
    let batches =
        [of(&goods(1500, 1), &["weight", "colour", "price"]), of(&goods(1500, 2), &["weight", "colour", "price"])];
    let unseen = of(&goods(1000, 3), &["price", "colour", "weight"]);
    for model_type in [ModelType::LinearReg, ModelType::Mlp] {
        let model = train(&batches, &options(model_type, "price"))?;
        let name = model_type.name();
        assert_eq!((model.facts().trained_rows > 2000, model.facts().skipped_rows), (true, 120), "{name}");
        let all = model.evaluate(&mut &[unseen.clone()][..])?;
        assert!(value(&all, "rmse") < 0.5 && value(&all, "baseline_rmse") > 5.0, "{name}: {all:?}");
        assert!(value(&all, "r2") > 0.99 && value(&all, "baseline_r2") < 0.01, "{name}");
        assert!((value(&model.facts().evaluation, "rmse") - value(&all, "rmse")).abs() < 0.2, "{name}");
        assert_eq!(model.facts().importance[0].0, "weight", "{name}");
        assert_eq!(
            model.predict_label(&of(&unseen, &["weight", "colour"])).unwrap_err().kind(),
            Kind::DatatypeMismatch
        );
        assert_eq!(
            model.predict_proba(&of(&unseen, &["weight", "colour"])).unwrap_err().kind(),
            Kind::DatatypeMismatch
        );
    }
    Ok(())
}

#[test]
fn penalties_shrink_and_many_columns_take_the_other_way() -> Result<()> {
    let batches = [of(&goods(2000, 1), &["weight", "colour", "price"])];
    let shrunk = TabularOptions { l2_reg: Some(1e9), ..options(ModelType::LinearReg, "price") };
    let none = train(&batches, &shrunk)?;
    assert!(
        (value(&none.facts().evaluation, "rmse") / value(&none.facts().evaluation, "baseline_rmse") - 1.0).abs() < 0.01
    );
    let lasso = TabularOptions { l1_reg: Some(5.0), ..options(ModelType::LinearReg, "price") };
    assert!(value(&train(&batches, &lasso)?.facts().evaluation, "r2") > 0.98);
    // Two thousand names: more columns than sums are kept of.
    let mut random = Random::new(8);
    let rows = 8000usize;
    let names: Vec<usize> = (0..rows).map(|_| random.below(2000)).collect();
    let batch = RecordBatch::try_from_iter([
        ("name", Arc::new(StringArray::from_iter_values(names.iter().map(|name| format!("n{name}")))) as ArrayRef),
        ("y", Arc::new(Float64Array::from_iter_values(names.iter().map(|name| (name % 7) as f64)))),
    ])
    .unwrap();
    let model = train(std::slice::from_ref(&batch), &options(ModelType::LinearReg, "y"))?;
    assert!(value(&model.facts().evaluation, "r2") > 0.7, "{:?}", model.facts().evaluation);
    let refused = TabularOptions { l1_reg: Some(1.0), ..options(ModelType::LinearReg, "y") };
    assert_eq!(train(&[batch], &refused).unwrap_err().kind(), Kind::LimitExceeded);
    Ok(())
}

#[test]
fn classes_are_told_apart_two_or_more() -> Result<()> {
    let unseen = goods(1000, 3);
    for (model_type, label, least) in [
        (ModelType::LogisticReg, "sold", 0.6),
        (ModelType::Mlp, "sold", 0.95),
        (ModelType::LogisticReg, "kind", 0.9),
        (ModelType::Mlp, "kind", 0.9),
    ] {
        let columns = ["weight", "colour", label];
        let model = train(&[of(&goods(3000, 1), &columns)], &options(model_type, label))?;
        let name = format!("{} {label}", model_type.name());
        let all = model.evaluate(&mut &[unseen.clone()][..])?;
        assert!(value(&all, "accuracy") > least, "{name}: {all:?}");
        assert!(value(&all, "logloss") < value(&all, "baseline_logloss"), "{name}: {all:?}");
        assert!(value(&all, "auc") > 0.6 && value(&all, "baseline_auc") == 0.5, "{name}: {all:?}");
        let asked = of(&unseen, &["weight", "colour"]);
        let labels = model.predict_label(&asked)?;
        let (names, probabilities) = model.predict_proba(&asked)?;
        let sums = probabilities.chunks_exact(names.len()).map(|row| row.iter().sum::<f64>());
        assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-5), "{name}");
        if label == "sold" {
            assert_eq!(names, ["false", "true"]);
            let said = model.predict(&asked)?;
            assert!(said.iter().zip(&labels).all(|(p, label)| (*p > 0.5) == (label == "true")), "{name}");
        } else {
            assert_eq!(names, ["heavy", "light", "middle"]);
            assert_eq!(model.predict(&asked).unwrap_err().kind(), Kind::DatatypeMismatch);
        }
    }
    Ok(())
}

#[test]
fn a_missing_value_is_not_the_mean_and_an_unknown_one_is_not_the_first() -> Result<()> {
    let model = train(&[of(&goods(3000, 1), &["weight", "colour", "price"])], &options(ModelType::LinearReg, "price"))?;
    let weights: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), None, Some(5.0), Some(5.0), Some(5.0)]));
    let colours = vec![Some("red"), Some("red"), Some("red"), Some("violet"), None];
    let asked =
        RecordBatch::try_from_iter([("weight", weights), ("colour", Arc::new(StringArray::from(colours)) as _)]);
    let said = model.predict(&asked.unwrap())?;
    assert!((said[0] - 20.0).abs() < 0.3 && (said[1] - 20.0).abs() < 0.3 && (said[2] - 35.0).abs() < 0.3, "{said:?}");
    assert!((said[3] - 35.0).abs() < 2.0 && (said[4] - 35.0).abs() < 2.0, "{said:?}");
    Ok(())
}

#[test]
fn rows_that_do_not_go_together_are_anomalies() -> Result<()> {
    let mut random = Random::new(6);
    let rows = 3000usize;
    let mut columns: [Vec<f64>; 4] = Default::default();
    let mut known = Vec::new();
    for row in 0..rows {
        let size = f64::from(random.normal(1.0));
        let is_odd = row % 100 == 99;
        for column in &mut columns {
            // One number says all four; where each has its own, each is usual and their company is not.
            let own = f64::from(random.normal(if is_odd { 1.5 } else { 0.1 }));
            column.push(if is_odd { own } else { size + own });
        }
        known.push(i64::from(is_odd));
    }
    let [a, b, c, d] = columns.map(|column| Arc::new(Float64Array::from(column)) as ArrayRef);
    let known: ArrayRef = Arc::new(Int64Array::from(known));
    let batch = RecordBatch::try_from_iter([("a", a), ("b", b), ("c", c), ("d", d), ("odd", known)]).unwrap();
    let model = train(std::slice::from_ref(&batch), &options(ModelType::Anomaly, "odd"))?;
    let all = model.evaluate(&mut &[batch.clone()][..])?;
    assert!(value(&all, "auc") > 0.95, "{all:?}");
    assert!(value(&all, "reconstruction_error") < 0.5 * value(&all, "baseline_reconstruction_error"), "{all:?}");
    let asked = of(&batch, &["a", "b", "c", "d"]);
    let (scores, labels) = (model.predict(&asked)?, model.predict_label(&asked)?);
    assert!(scores.iter().zip(&labels).all(|(score, label)| (*score > 1.0) == (label == "anomaly")));
    let one = of(&batch, &["a"]);
    assert_eq!(train(&[one], &options(ModelType::Anomaly, "")).unwrap_err().kind(), Kind::InvalidParameter);
    Ok(())
}

#[test]
fn groups_are_found_and_judged() -> Result<()> {
    let batch = of(&goods(2000, 1), &["weight", "colour"]);
    let asked = TabularOptions { num_clusters: Some(3), ..options(ModelType::Kmeans, "") };
    let model = train(std::slice::from_ref(&batch), &asked)?;
    let all = &model.facts().evaluation;
    assert!(value(all, "silhouette") > value(all, "baseline_silhouette") + 0.2, "{all:?}");
    assert!(value(all, "mean_squared_distance") < value(all, "baseline_mean_squared_distance"), "{all:?}");
    let labels = model.predict_label(&batch)?;
    let count = |label: &str| labels.iter().filter(|l| *l == label).count();
    assert!(count("1") >= count("2") && count("2") >= count("3") && count("3") > 0);
    assert!(model.predict(&batch)?.iter().all(|distance| *distance >= 0.0));
    Ok(())
}

#[test]
fn same_seed_same_bytes_and_bytes_keep_every_prediction() -> Result<()> {
    let batch = goods(1200, 1);
    for (model_type, columns) in [
        (ModelType::LinearReg, &["weight", "colour", "price"][..]),
        (ModelType::LogisticReg, &["weight", "colour", "kind"]),
        (ModelType::Mlp, &["weight", "colour", "kind"]),
        (ModelType::Kmeans, &["weight", "colour"]),
        (ModelType::Anomaly, &["weight", "colour", "price"]),
    ] {
        let rows = of(&batch, columns);
        let label = if model_type.is_supervised() { columns[2] } else { "" };
        let asked = TabularOptions { max_iterations: Some(5), ..options(model_type, label) };
        let (model, twin) = (train(std::slice::from_ref(&rows), &asked)?, train(std::slice::from_ref(&rows), &asked)?);
        let bytes = model.to_bytes()?;
        let name = model_type.name();
        assert!(bytes == twin.to_bytes()?, "{name}");
        assert!(TabularModel::is_in(&bytes));
        let loaded = TabularModel::from_bytes(&bytes)?;
        let wanted: Vec<&str> = columns.iter().copied().filter(|column| *column != label).collect();
        let asked = of(&batch, &wanted);
        match label {
            "kind" => assert_eq!(loaded.predict_proba(&asked)?, model.predict_proba(&asked)?, "{name}"),
            _ => assert_eq!(loaded.predict(&asked)?, model.predict(&asked)?, "{name}"),
        }
        assert_eq!(loaded.facts().evaluation, model.facts().evaluation, "{name}");
        assert_eq!(loaded.to_bytes()?, bytes, "{name}");
        for place in (0..bytes.len()).step_by(97) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x20;
            assert!(TabularModel::from_bytes(&damaged).is_err(), "{name} byte {place}");
        }
    }
    Ok(())
}

#[test]
fn what_cannot_be_learnt_is_refused() -> Result<()> {
    let batch = goods(300, 1);
    let kind = |columns: &[&str], asked: TabularOptions| {
        train(&[of(&batch, columns)], &asked).err().map(|error: Error| error.kind())
    };
    let linear = |label: &str| options(ModelType::LinearReg, label);
    assert_eq!(kind(&["weight", "price"], linear("nope")), Some(Kind::UndefinedColumn));
    assert_eq!(kind(&["weight", "kind"], linear("kind")), Some(Kind::DatatypeMismatch));
    assert_eq!(kind(&["price"], linear("price")), Some(Kind::InvalidParameter));
    let named = TabularOptions { category_cols: vec!["nope".into()], ..linear("price") };
    assert_eq!(kind(&["weight", "price"], named), Some(Kind::UndefinedColumn));
    let timed = TabularOptions { time_col: Some("nope".into()), ..linear("price") };
    assert_eq!(kind(&["weight", "price"], timed), Some(Kind::UndefinedColumn));
    let asked = options(ModelType::LogisticReg, "kind");
    let same: ArrayRef = Arc::new(StringArray::from(vec!["one"; 300]));
    let same = RecordBatch::try_from_iter([("weight", batch.column(0).clone()), ("kind", same)]).unwrap();
    assert_eq!(train(&[same], &asked).unwrap_err().kind(), Kind::InvalidParameter);
    let none: [RecordBatch; 0] = [];
    assert_eq!(train(&none, &asked).unwrap_err().kind(), Kind::InvalidParameter);
    // Too many classes, which a number predicts.
    let many: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1200));
    let many = RecordBatch::try_from_iter([("x", many.clone()), ("y", many)]).unwrap();
    assert_eq!(train(&[many], &options(ModelType::LogisticReg, "y")).unwrap_err().kind(), Kind::InvalidParameter);
    Ok(())
}

#[test]
fn the_latest_rows_judge_where_there_is_a_time() -> Result<()> {
    let (at, y): (Vec<i64>, Vec<f64>) =
        (0..1000).map(|at| (at, if at < 900 { 1.0 } else { 50.0 } + (at % 3) as f64)).unzip();
    let x: ArrayRef = Arc::new(Int64Array::from_iter_values(at.iter().map(|at| at % 3)));
    let batch = RecordBatch::try_from_iter([
        ("at", Arc::new(Int64Array::from(at)) as ArrayRef),
        ("x", x),
        ("y", Arc::new(Float64Array::from(y)) as ArrayRef),
    ])
    .unwrap();
    let by_time = TabularOptions { time_col: Some("at".into()), ..options(ModelType::LinearReg, "y") };
    let model = train(std::slice::from_ref(&batch), &by_time)?;
    assert!(value(&model.facts().evaluation, "rmse") > 40.0, "{:?}", model.facts().evaluation);
    assert!(model.inputs().iter().all(|input| input.name != "at"));
    let by_chance = TabularOptions { split: Some(Split::Random), ..by_time };
    assert!(value(&train(&[batch], &by_chance)?.facts().evaluation, "rmse") < 30.0);
    Ok(())
}

#[test]
fn a_training_is_cancelled_within_its_epochs() {
    let rows = of(&goods(3000, 1), &["weight", "colour", "kind"]);
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let cancel = || match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0..20 => Ok(()),
        _ => Err(Error::new(Kind::Cancelled, "enough")),
    };
    let mut told = |_| Ok(());
    let mut watch = Watch { progress: &mut told, cancel: &cancel, told: &mut |_| Ok(()) };
    let ended = TabularModel::train(&mut &[rows][..], &options(ModelType::Mlp, "kind"), &mut watch).unwrap_err();
    assert_eq!(ended.kind(), Kind::Cancelled);
    assert!(asked.into_inner() < 25);
}

#[test]
fn a_network_is_judged_and_then_learns_what_is_new() -> Result<()> {
    // Prices go up by half, and a colour comes that was not there.
    let dearer = |rows: usize, seed: u64| {
        let batch = of(&goods(rows, seed), &["weight", "colour", "price"]);
        let prices = batch.column(2).as_primitive::<arrow::datatypes::Float64Type>();
        let colours: Vec<&str> = (0..rows).map(|row| ["gold", "red", "blue"][row % 3]).collect();
        let changed = prices
            .iter()
            .zip(&colours)
            .map(|(price, colour)| price.map(|price| price * 1.5 + if *colour == "gold" { 40.0 } else { 0.0 }));
        RecordBatch::try_from_iter([
            ("colour", Arc::new(StringArray::from(colours.clone())) as ArrayRef),
            ("weight", batch.column(0).clone()),
            ("price", Arc::new(changed.collect::<Float64Array>())),
        ])
        .unwrap()
    };
    let trained = train(&[of(&goods(4000, 1), &["weight", "colour", "price"])], &options(ModelType::Mlp, "price"))?;
    let mut model = trained.clone();
    for seed in 10..20 {
        let batches = [dearer(1000, seed)];
        let before = model.progressive(&mut &batches[..])?;
        assert!(before.iter().all(|metric| metric.segment == "progressive" && metric.n == 960));
        let next = model.updated(&batches, before, &mut Watch::nobody())?;
        let twin = TabularModel::from_bytes(&model.to_bytes()?)?;
        let twin = twin.updated(&batches, next.facts().evaluation.clone(), &mut Watch::nobody())?;
        assert!(twin.to_bytes()? == next.to_bytes()?);
        model = next;
    }
    let unseen = [dearer(2000, 99)];
    let rmse = |model: &TabularModel| -> Result<f64> { Ok(value(&model.evaluate(&mut &unseen[..])?, "rmse")) };
    assert!(rmse(&model)? < rmse(&trained)? / 3.0, "{} {}", rmse(&trained)?, rmse(&model)?);
    assert_eq!(model.facts().trained_rows, trained.facts().trained_rows + 9600);
    Ok(())
}

#[test]
fn only_what_takes_steps_is_updated_and_no_class_is_new() -> Result<()> {
    let columns = ["weight", "colour", "kind"];
    let batch = of(&goods(1000, 1), &columns);
    let model = train(std::slice::from_ref(&batch), &options(ModelType::LogisticReg, "kind"))?;
    let error = model.updated(std::slice::from_ref(&batch), Vec::new(), &mut Watch::nobody()).unwrap_err();
    assert!(error.kind() == Kind::Unsupported && error.hint().unwrap_or_default().contains("CREATE OR REPLACE MODEL"));

    let model = train(std::slice::from_ref(&batch), &options(ModelType::Mlp, "kind"))?;
    let next = model.updated(std::slice::from_ref(&batch), Vec::new(), &mut Watch::nobody())?;
    assert_eq!(next.predict_proba(&of(&batch, &columns[..2]))?.0.len(), 3);
    let huge = StringArray::from(vec!["huge"; 1000]);
    let unknown = RecordBatch::try_from_iter([
        ("weight", batch.column(0).clone()),
        ("colour", batch.column(1).clone()),
        ("kind", Arc::new(huge) as ArrayRef),
    ])
    .unwrap();
    let error = model.updated(&[unknown], Vec::new(), &mut Watch::nobody()).unwrap_err();
    assert!(error.kind() == Kind::InvalidParameter && !error.message().contains("huge"));
    Ok(())
}

#[test]
fn what_is_no_number_counts_as_missing() -> Result<()> {
    let batch = of(&goods(2000, 1), &["weight", "colour", "price"]);
    let model = train(&[batch], &options(ModelType::Mlp, "price"))?;
    let odd = |weight: Option<f64>| {
        let columns = [
            ("weight", Arc::new(Float64Array::from(vec![weight])) as ArrayRef),
            ("colour", Arc::new(StringArray::from(vec!["red"]))),
        ];
        model.predict(&RecordBatch::try_from_iter(columns).unwrap())
    };
    for weight in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(odd(Some(weight))?, odd(None)?);
    }
    Ok(())
}
