//! What a training promises: better than the commonest class, the same again by the same seed, and bytes that are the same model.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};

use super::*;
use crate::Kind;
use crate::error::Result;
use crate::models::{Metric, Watch};

const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;

fn batch(texts: Vec<Option<String>>, labels: Vec<Option<&str>>) -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] =
        [("review", Arc::new(StringArray::from(texts))), ("kind", Arc::new(StringArray::from(labels)))];
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, column)| column).collect())
        .unwrap()
}

/// Reviews of three kinds, in two languages, of words that go together by chance.
fn reviews(rows: usize, from: usize) -> RecordBatch {
    let goods = ["手机", "连衣裙", "苹果"];
    let said = [
        ["电池耐用", "屏幕清晰", "the battery lasts", "charges fast"],
        ["面料舒服", "颜色好看", "fits my waist", "soft cotton fabric"],
        ["很甜多汁", "新鲜脆口", "sweet and juicy", "fresh and crisp"],
    ];
    let names = ["phone", "dress", "fruit"];
    let (mut texts, mut labels) = (Vec::new(), Vec::new());
    for row in from..from + rows {
        let mix = crate::models::random::mix(row as u64) as usize;
        let kind = mix % 3;
        let own = said[kind][mix / 3 % 4];
        let goods = if (mix / 12).is_multiple_of(2) { goods[kind] } else { "东西" };
        texts.push(Some(format!("{goods} {own}，第{}件", mix % 89)));
        labels.push(Some(names[kind]));
    }
    batch(texts, labels)
}

fn options(encoder_rows: usize) -> TextOptions {
    TextOptions {
        text_col: Some("review".into()),
        label_col: Some("kind".into()),
        encoder_rows,
        ..TextOptions::default()
    }
}

fn train(batch: &RecordBatch, options: &TextOptions) -> Result<TextClassifier> {
    let batches = [batch.clone()];
    TextClassifier::train(&mut &batches[..], options, &mut Watch::nobody())
}

fn value(all: &[Metric], name: &str) -> f64 {
    all.iter().find(|metric| metric.metric == name).and_then(|metric| metric.value).unwrap_or(f64::NAN)
}

#[test]
fn words_alone_and_with_vectors_are_far_better_than_the_commonest_class() -> Result<()> {
    for encoder_rows in [0, 120] {
        let model = train(&reviews(300, 0), &options(encoder_rows))?;
        let facts = model.facts();
        assert_eq!((facts.trained_rows, facts.skipped_rows), (270, 0));
        let at_training = &facts.evaluation;
        assert!(at_training.iter().all(|metric| metric.segment == "test" && metric.n == 30));
        let others = [reviews(200, 1000)];
        let given = model.evaluate(&mut &others[..], NEVER)?;
        for measured in [at_training, &given] {
            let (said, baseline) = (value(measured, "accuracy"), value(measured, "baseline_accuracy"));
            assert!(said > 0.95 && baseline < 0.5, "{encoder_rows}: {said} {baseline}");
            assert!(value(measured, "logloss") < 0.3 && value(measured, "f1") > 0.95, "{measured:?}");
        }
        assert!(facts.importance[0].0 == "review" && facts.importance[0].1 > 0.5);
    }
    Ok(())
}

#[test]
fn the_encoder_knows_words_that_no_row_had() -> Result<()> {
    let with = train(&reviews(300, 0), &options(200))?;
    let texts = ["iPhone 屏幕保护膜", "woollen skirt, size M"];
    let batch = batch(texts.iter().map(|text| Some((*text).to_owned())).collect(), vec![None; 2]);
    let said: Vec<Option<String>> = with.predict_label(&batch, NEVER)?;
    assert_eq!(said.iter().flatten().collect::<Vec<_>>(), ["phone", "dress"]);
    Ok(())
}

#[test]
fn the_same_seed_is_the_same_model_and_bytes_are_the_model() -> Result<()> {
    let rows = reviews(300, 0);
    let model = train(&rows, &options(60))?;
    let bytes = model.to_bytes()?;
    assert_eq!(bytes, train(&rows, &options(60))?.to_bytes()?);
    assert_ne!(bytes, train(&rows, &TextOptions { seed: 8, ..options(60) })?.to_bytes()?);
    let read = TextClassifier::from_bytes(&bytes)?;
    assert_eq!(read.to_bytes()?, bytes);
    let texts = ["电池不错", "", "fits well"];
    assert_eq!(read.probabilities(&texts, NEVER)?, model.probabilities(&texts, NEVER)?);
    assert_eq!(read.probabilities(&texts, &|| true).unwrap_err().kind(), Kind::Cancelled);
    for place in (0..bytes.len()).step_by(997) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        assert!(TextClassifier::from_bytes(&damaged).is_err(), "byte {place}");
    }
    Ok(())
}

#[test]
fn few_rows_rows_without_label_and_rows_that_cannot_be_learnt_from() -> Result<()> {
    let few = reviews(24, 0);
    let model = train(&few, &options(100))?;
    assert!(model.facts().evaluation.iter().all(|metric| metric.segment == "train" && metric.n == 24));
    let some = |text: &str| Some(text.to_owned());
    let rows = batch(
        vec![some("甜"), some("软"), None, some("硬"), some("脆")],
        vec![Some("a"), Some("b"), Some("a"), None, Some("a")],
    );
    let model = train(&rows, &options(0))?;
    assert_eq!((model.facts().trained_rows, model.facts().skipped_rows), (3, 2));
    assert_eq!(model.predict_label(&batch(vec![None, some("甜")], vec![None, None]), NEVER)?[0], None);
    let refused = [
        (batch(vec![some("x"), some("y")], vec![Some("a"), Some("a")]), Kind::InvalidParameter),
        (batch(vec![some("x"), None], vec![None, Some("a")]), Kind::InvalidParameter),
        (batch(Vec::new(), Vec::new()), Kind::InvalidParameter),
    ];
    for (rows, kind) in refused {
        assert_eq!(train(&rows, &options(0)).unwrap_err().kind(), kind);
    }
    let other = TextOptions { text_col: Some("title".into()), ..options(0) };
    assert_eq!(train(&few, &other).unwrap_err().kind(), Kind::UndefinedColumn);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let field = Field::new("review", numbers.data_type().clone(), true);
    let rows = RecordBatch::try_new(
        Arc::new(Schema::new(vec![field, Field::new("kind", numbers.data_type().clone(), true)])),
        vec![numbers.clone(), numbers],
    )
    .unwrap();
    assert_eq!(train(&rows, &options(0)).unwrap_err().kind(), Kind::DatatypeMismatch);
    Ok(())
}

#[test]
fn what_is_unsure_and_unlike_is_worth_a_label() -> Result<()> {
    let model = train(&reviews(300, 0), &options(60))?;
    let texts = ["电池耐用 手机", "面料舒服 连衣裙", "不好说", "不好说", "快递小哥态度", "很甜多汁 苹果"];
    let said = suggest(&model, &texts, 2, NEVER)?;
    let mut places: Vec<usize> = said.iter().map(|one| one.place).collect();
    places.sort_unstable();
    assert_eq!(places, [2, 4], "{said:?}");
    let all = suggest(&model, &texts, 9, NEVER)?;
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|one| (0.0..=1.0).contains(&one.uncertainty) && one.probability > 0.3));
    assert!(suggest(&model, &[], 5, NEVER)?.is_empty());
    Ok(())
}

#[test]
fn a_tuned_encoder_is_kept_where_it_helps_and_comes_back_from_bytes() {
    let rows = reviews(260, 0);
    let tuned = TextOptions { adapter_rank: 2, adapter_layers: Some(1), adapter_epochs: Some(1), ..options(200) };
    let mut said = Vec::new();
    let mut told = |text: &str| {
        said.push(text.to_owned());
        Ok(())
    };
    let batches = [rows.clone()];
    let mut watch = Watch { progress: &mut |_| Ok(()), cancel: &|| Ok(()), told: &mut told };
    let model = TextClassifier::train(&mut &batches[..], &tuned, &mut watch).unwrap();
    assert!(said.iter().any(|text| text.contains("tun") && text.contains("held-out log-loss")), "{said:?}");
    let bytes = model.to_bytes().unwrap();
    let again = TextClassifier::from_bytes(&bytes).unwrap();
    let texts = ["手机 电池耐用", "soft cotton fabric"];
    assert_eq!(model.probabilities(&texts, NEVER).unwrap(), again.probabilities(&texts, NEVER).unwrap());
    assert_eq!(bytes, train(&rows, &tuned).unwrap().to_bytes().unwrap(), "the same seed");
    // An end that is asked for comes in the middle of the tuning.
    let stop = std::cell::Cell::new(false);
    let mut told = |text: &str| {
        stop.set(text.starts_with("tuning the encoder"));
        if stop.get() { Err(crate::Error::new(Kind::Cancelled, "enough")) } else { Ok(()) }
    };
    let mut watch = Watch { progress: &mut |_| Ok(()), cancel: &|| Ok(()), told: &mut told };
    assert_eq!(TextClassifier::train(&mut &batches[..], &tuned, &mut watch).unwrap_err().kind(), Kind::Cancelled);
}

#[test]
fn rows_without_a_label_teach_where_they_help_and_are_counted_either_way() {
    let (labelled, rest) = (reviews(220, 0), reviews(400, 1_000));
    let texts = rest.column(0).clone();
    let nothing: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; rest.num_rows()]));
    let rest = RecordBatch::try_new(rest.schema(), vec![texts, nothing]).unwrap();
    let batches = [labelled, rest];
    let train =
        |options: &TextOptions| TextClassifier::train(&mut &batches[..], options, &mut Watch::nobody()).unwrap();
    let plain = train(&options(0));
    assert_eq!((plain.facts().trained_rows, plain.facts().skipped_rows), (198, 400));
    let pseudo = train(&TextOptions { unlabelled: Unlabelled::Pseudo, ..options(0) });
    let counted = value(&pseudo.facts().evaluation, "pseudo_labelled_rows") as usize;
    assert_eq!(pseudo.facts().skipped_rows + counted, 400);
    assert_eq!(pseudo.facts().trained_rows, 198 + counted);
    assert!(value(&pseudo.facts().evaluation, "accuracy") >= 0.9);
}
