//! What tuning on pairs promises: held-out pairs are found better than before, the same seed is the same model, bytes are the same model.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};

use super::*;
use crate::Kind;
use crate::error::Result;
use crate::models::encoder::Role;
use crate::models::{Metric, Watch};

const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, column)| column).collect())
        .unwrap()
}

/// Codes of parts and what they are, which no encoder can know: a letter says the kind, a digit the colour.
fn parts(rows: usize) -> RecordBatch {
    let kinds = ["stainless screw", "copper washer", "brass hinge", "steel bracket", "rubber seal", "nylon anchor"];
    let colours = ["red", "green", "blue", "white", "black"];
    let (mut codes, mut titles, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let mix = crate::models::random::mix(row as u64) as usize;
        let (kind, colour) = (mix % kinds.len(), mix / 7 % colours.len());
        codes.push(Some(format!("part {}{colour}", ["k", "w", "h", "b", "s", "a"][kind])));
        titles.push(if row == 3 { None } else { Some(format!("{} {}", colours[colour], kinds[kind])) });
        weights.push(1.0);
    }
    batch(vec![
        ("code", Arc::new(StringArray::from(codes)) as ArrayRef),
        ("title", Arc::new(StringArray::from(titles))),
        ("clicks", Arc::new(Float64Array::from(weights))),
    ])
}

fn options() -> EmbeddingOptions {
    EmbeddingOptions {
        weight_col: Some("clicks".into()),
        max_iterations: 2,
        batch_size: 16,
        adapter_rank: 4,
        adapter_layers: Some(2),
        ..EmbeddingOptions::default()
    }
}

fn train(batch: &RecordBatch, options: &EmbeddingOptions) -> Result<EmbeddingModel> {
    let batches = [batch.clone()];
    EmbeddingModel::train(&mut &batches[..], options, &mut Watch::nobody())
}

fn value(all: &[Metric], name: &str) -> f64 {
    all.iter().find(|metric| metric.metric == name).and_then(|metric| metric.value).unwrap_or(f64::NAN)
}

#[test]
fn pairs_are_found_better_and_bytes_are_the_same_model() {
    let rows = parts(240);
    let model = train(&rows, &options()).unwrap();
    let said = &model.facts().evaluation;
    assert!(value(said, "mrr") > value(said, "baseline_mrr") + 0.05, "{said:?}");
    assert_eq!(model.facts().skipped_rows, 1);
    let again = train(&rows, &options()).unwrap();
    let bytes = model.to_bytes().unwrap();
    assert_eq!(bytes, again.to_bytes().unwrap(), "the same seed");
    let read = EmbeddingModel::from_bytes(&bytes).unwrap();
    let vector = |model: &EmbeddingModel| model.encoder().unwrap().encode(&["part k0"], Role::Query, NEVER).unwrap();
    assert_eq!(vector(&model), vector(&read));
    let given = read.evaluate(&mut &[rows][..], NEVER).unwrap();
    assert!(value(&given, "recall@10") > value(&given, "baseline_recall@10"));
    assert_eq!(EmbeddingModel::from_bytes(&bytes[..bytes.len() / 2]).unwrap_err().kind(), Kind::Corruption);
}

#[test]
fn what_cannot_be_learnt_from_is_refused() {
    let texts = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let two = |second: &[&str]| batch(vec![("q", texts(&["a", "b"])), ("p", texts(second))]);
    let plain = EmbeddingOptions::default();
    let named = EmbeddingOptions { query_col: Some("q".into()), passage_col: Some("t".into()), ..plain.clone() };
    let weighed = EmbeddingOptions { weight_col: Some("w".into()), ..plain.clone() };
    let negative = batch(vec![
        ("q", texts(&["a", "b"])),
        ("p", texts(&["c", "d"])),
        ("w", Arc::new(Float64Array::from(vec![1.0, -1.0]))),
    ]);
    for (rows, options, kind) in [
        (batch(vec![("q", texts(&["a"]))]), &plain, Kind::InvalidParameter),
        (two(&["c", "c"]), &plain, Kind::InvalidParameter),
        (two(&["c", "d"]), &named, Kind::UndefinedColumn),
        (two(&["c", "d"]), &weighed, Kind::UndefinedColumn),
        (negative, &weighed, Kind::InvalidParameter),
    ] {
        assert_eq!(train(&rows, options).unwrap_err().kind(), kind);
    }
}
