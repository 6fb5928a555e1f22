//! CLASSIFY by a text classifier of one's own.

use super::super::context::Context;
use super::super::models;
use super::super::system::rows::four_places;
use super::classify::Answer;
use crate::error::{Error, Kind, Result};
use crate::models::Trained;
use serde_json::{Map, Value, json};

/// What a model says of texts; of `labels`, where they are given, else of all that it has learnt. None where it is less sure than
/// `min_confidence`.
pub fn answers(
    context: &Context,
    reference: &str,
    labels: Option<&[String]>,
    texts: &[&str],
    min_confidence: f64,
) -> Result<Vec<Option<Answer>>> {
    let (_, facts, version) = models::resolve(context, reference)?;
    let trained = models::trained(context, reference)?;
    let Trained::Text(model) = trained.as_ref() else {
        let error = models::wrong_type(reference, &trained, "text_classifier");
        return Err(error.with_hint("PREDICT_LABEL asks models of rows."));
    };
    let places = places(reference, model.labels(), labels)?;
    let said = model.probabilities(texts, &|| context.cancel.is_cancelled())?;
    let evidence = format!("learnt from {} labelled texts", model.facts().trained_rows);
    let one = |said: &[f32]| -> Option<Answer> {
        let of = |place: &usize| f64::from(said.get(*place).copied().unwrap_or_default());
        let total: f64 = places.iter().map(of).sum();
        // Of labels that are all next to impossible each is as good as another.
        let share = |place: &usize| if total > 0.0 { of(place) / total } else { 1.0 / places.len() as f64 };
        let best = places.iter().copied().reduce(|best, place| if of(&place) > of(&best) { place } else { best })?;
        if share(&best) < min_confidence {
            return None;
        }
        let label = model.labels().get(best)?.clone();
        let rounded = |place: &usize| json!(four_places(share(place)));
        let scores: Map<String, Value> =
            places.iter().filter_map(|place| Some((model.labels().get(*place)?.clone(), rounded(place)))).collect();
        let detail = json!({
            "label": label, "scores": scores, "method": "model", "evidence": [evidence], "model": facts.name,
            "version": version.number,
        });
        Some(Answer { label, detail })
    };
    Ok(said.chunks_exact(model.labels().len().max(1)).map(one).collect())
}

/// Where the labels asked for are among those that a model has learnt.
fn places(reference: &str, known: &[String], labels: Option<&[String]>) -> Result<Vec<usize>> {
    let Some(labels) = labels else { return Ok((0..known.len()).collect()) };
    if labels.is_empty() {
        return Err(Error::new(Kind::InvalidParameter, "there are no labels to choose from"));
    }
    let place = |(at, label): (usize, &String)| {
        known.iter().position(|name| name == label).ok_or_else(|| {
            // Named by its place: it may have come from a column.
            let message = format!("label {} is none that model \"{reference}\" has learnt", at + 1);
            Error::new(Kind::InvalidParameter, message)
                .with_hint("Leave out the labels to choose from all that it has learnt; PREDICT_PROBA tells them.")
        })
    };
    labels.iter().enumerate().map(place).collect()
}
