//! From pairs to a tuned encoder.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arrow::array::Array;

use super::contrast::{self, contrast};
use super::model::EmbeddingModel;
use super::options::EmbeddingOptions;
use super::ranks::{Found, found};
use crate::config::{EMBEDDING_CANDIDATES_MAX, EMBEDDING_PAIRS_MAX, TEXT_HELD_OUT_ROWS_MAX};
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::encoder::{Adapter, Encoder, Lesson, Role as TextRole, Tuner, of_largest};
use crate::models::evaluation::{Measured, Metric};
use crate::models::features::{Family, numbers, texts};
use crate::models::random::Random;
use crate::models::rows::{Role, Source, Split, read_times, roles};
use crate::models::text::OwnEncoder;
use crate::models::{Facts, Watch};

/// The largest step of Adam.
const RATE: f32 = 5e-4;
/// Epochs without a better rank of the pairs held out after which the training ends.
const PATIENCE: usize = 2;
/// How often is told how far an epoch is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Pairs of texts, each text kept once.
#[derive(Default)]
pub(super) struct Pairs {
    texts: Vec<String>,
    /// The places of the two texts of each pair, and how much it counts.
    places: Vec<(u32, u32)>,
    weights: Vec<f32>,
    times: Vec<i64>,
    columns: [String; 2],
    skipped: usize,
}

impl EmbeddingModel {
    /// Trains on the pairs of `source`.
    ///
    /// Errors: [`InvalidParameter`](Kind::InvalidParameter) for impossible options, no pairs, one passage for all, a negative weight;
    /// [`UndefinedColumn`](Kind::UndefinedColumn) for a named column that is not there, [`DatatypeMismatch`](Kind::DatatypeMismatch) for one
    /// that has no texts.
    pub fn train(source: &mut dyn Source, options: &EmbeddingOptions, watch: &mut Watch<'_>) -> Result<Self> {
        options.check()?;
        let pairs = pairs(source, options, None, &mut || watch.check())?;
        if pairs.places.is_empty() {
            fail!(InvalidParameter, "there is no pair of two texts to train on");
        }
        if pairs.places.iter().all(|(_, passage)| Some(passage) == pairs.places.first().map(|(_, first)| first)) {
            let column = &pairs.columns[1];
            fail!(
                InvalidParameter,
                "every row has the same text in column \"{column}\": nothing tells the pairs apart"
            );
        }
        let split = options.split.unwrap_or(if options.time_col.is_some() { Split::Time } else { Split::Random });
        let count = pairs.places.len();
        let fraction = options.eval_fraction.min(TEXT_HELD_OUT_ROWS_MAX as f64 / count as f64);
        let roles = roles(&vec![true; count], &pairs.times, split, fraction, options.seed);
        let of = |role: Role| -> Vec<usize> {
            roles.iter().enumerate().filter(|(_, of)| **of == role).map(|(row, _)| row).collect()
        };
        let (train, validation, test) = (of(Role::Train), of(Role::Validation), of(Role::Test));
        let base = OwnEncoder::new(options.base_encoder.clone(), None)?;
        let (adapter, epochs) = pairs.tune(base.base()?, (&train, &validation), options, watch)?;
        let own = OwnEncoder::new(options.base_encoder.clone(), adapter)?;
        let cancel = watch.cancel;
        let judge = if test.is_empty() { &train } else { &test };
        let segment = if test.is_empty() { "train" } else { "test" };
        let evaluation = pairs.judged(&own, judge, (segment, options.seed), &|| cancel().is_err());
        watch.check()?;
        Ok(Self {
            options: EmbeddingOptions { base_encoder: None, ..options.clone() },
            columns: pairs.columns.clone(),
            own,
            facts: Facts {
                evaluation: evaluation?,
                trained_rows: train.len(),
                skipped_rows: pairs.skipped,
                epochs,
                ..Facts::default()
            },
        })
    }
}

/// Reads pairs. Columns are those that the options name, those of the training, or the first two that hold texts.
pub(super) fn pairs(
    source: &mut dyn Source,
    options: &EmbeddingOptions,
    known: Option<&[String; 2]>,
    check: &mut dyn FnMut() -> Result<()>,
) -> Result<Pairs> {
    let mut pairs = Pairs::default();
    let mut ids: HashMap<String, u32> = HashMap::new();
    source.read(&mut |batch| {
        check()?;
        if pairs.columns[0].is_empty() {
            pairs.columns = match (known, &options.query_col, &options.passage_col) {
                (Some(known), ..) => known.clone(),
                (None, Some(query), Some(passage)) => [query.clone(), passage.clone()],
                _ => first_texts(batch, options)?,
            };
        }
        let [queries, passages] = [0, 1].map(|place| read_texts(batch, &pairs.columns[place]));
        let (queries, passages) = (queries?, passages?);
        let weights = match &options.weight_col {
            None => None,
            Some(name) => {
                let Some(array) = batch.column_by_name(name) else {
                    fail!(UndefinedColumn, "the weight column \"{name}\" is missing");
                };
                Some(numbers(name, array)?)
            }
        };
        let times = options.time_col.as_ref().map(|name| read_times(batch, name)).transpose()?;
        for (row, (query, passage)) in queries.into_iter().zip(passages).enumerate() {
            let weight = weights.as_ref().and_then(|weights| weights.get(row)).copied().unwrap_or(1.0);
            let (Some(query), Some(passage), true) = (query, passage, weight.is_finite() && weight != 0.0) else {
                pairs.skipped += 1;
                continue;
            };
            if weight < 0.0 {
                fail!(InvalidParameter, "a weight of a pair is negative");
            }
            if pairs.places.len() == EMBEDDING_PAIRS_MAX {
                fail!(LimitExceeded, "a model of embeddings learns from {EMBEDDING_PAIRS_MAX} pairs at most");
            }
            let mut place = |text: String| {
                let next = pairs.texts.len() as u32;
                *ids.entry(text).or_insert_with_key(|text| {
                    pairs.texts.push(text.clone());
                    next
                })
            };
            let pair = (place(query), place(passage));
            pairs.places.push(pair);
            pairs.weights.push(weight as f32);
            pairs.times.extend(times.as_ref().and_then(|times| times.get(row)));
        }
        Ok(())
    })?;
    Ok(pairs)
}

/// The first two columns of texts that are not named for something else.
fn first_texts(batch: &arrow::array::RecordBatch, options: &EmbeddingOptions) -> Result<[String; 2]> {
    let schema = batch.schema();
    let others = [&options.weight_col, &options.time_col];
    let mut found = schema
        .fields()
        .iter()
        .filter(|field| Family::of(field.data_type()) == Some(Family::Text))
        .map(|field| field.name().clone())
        .filter(|name| !others.iter().any(|other| other.as_ref() == Some(name)));
    match (found.next(), found.next()) {
        (Some(query), Some(passage)) => Ok([query, passage]),
        _ => Err(Error::new(Kind::InvalidParameter, "the training query has no two columns of texts")
            .with_hint("Its first two columns of texts are the pairs, or those that query_col and passage_col name.")),
    }
}

fn read_texts(batch: &arrow::array::RecordBatch, name: &str) -> Result<Vec<Option<String>>> {
    let Some(array) = batch.column_by_name(name) else {
        fail!(UndefinedColumn, "the text column \"{name}\" is missing");
    };
    if !matches!(Family::of(array.data_type()), Some(Family::Text | Family::Nothing)) {
        fail!(DatatypeMismatch, "the text column \"{name}\" must be a text");
    }
    let mut all = Vec::with_capacity(array.len());
    texts(name, array, |_, text| all.push(text.map(str::to_owned)))?;
    Ok(all)
}

impl Pairs {
    /// The adapter of the best epoch, and which that was; none where no epoch finds held-out passages better than the encoder as it is.
    fn tune(
        &self,
        encoder: &Encoder,
        (train, validation): (&[usize], &[usize]),
        options: &EmbeddingOptions,
        watch: &mut Watch<'_>,
    ) -> Result<(Option<Adapter>, usize)> {
        let layers = options.adapter_layers.unwrap_or(usize::MAX).min(encoder.layers());
        let adapter = encoder.adapter(options.adapter_rank, layers, options.seed);
        (watch.told)(&format!(
            "tuning the encoder: {} numbers in {layers} layers, {} pairs, at most {} epochs",
            adapter.parameters(),
            train.len(),
            options.max_iterations
        ))?;
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let lesson = Lesson::new(encoder, &texts, TextRole::Query)?;
        let mut tuner = Tuner::new(encoder, adapter);
        let places = self.candidates(validation, options.seed);
        let mut best: Option<(f64, usize, Option<Adapter>)> = None;
        if !validation.is_empty() {
            let said = self.found(validation, &places, &mut |texts| tuner.embeddings(&lesson, texts))?;
            best = Some((said.reciprocal, 0, None));
            (watch.told)(&format!("held-out pairs before: recall@1 {:.4}, mrr {:.4}", said.first, said.reciprocal))?;
        }
        let mut order = train.to_vec();
        let mut random = Random::new(options.seed ^ 0xC0417);
        let steps = order.len().div_ceil(options.batch_size) * options.max_iterations;
        let mut done_steps = 0;
        for epoch in 1..=options.max_iterations {
            random.shuffle(&mut order);
            let (mut loss, mut done, mut told) = (0.0, 0, Instant::now());
            for batch in order.chunks(options.batch_size) {
                watch.check()?;
                let rate = RATE * of_largest(done_steps, steps);
                loss += self.step(&mut tuner, &lesson, batch, (rate, options.temperature as f32))? * batch.len() as f64;
                done_steps += 1;
                done += batch.len();
                if told.elapsed() > TOLD_EVERY {
                    told = Instant::now();
                    let (epochs, of) = (options.max_iterations, order.len());
                    (watch.told)(&format!("epoch {epoch} of {epochs}: {done} of {of} pairs"))?;
                }
            }
            let loss = ("contrastive loss", loss / order.len().max(1) as f64);
            let keep = |tuner: &Tuner<'_>| {
                let mut adapter = tuner.adapter.clone();
                adapter.finish();
                Some(adapter)
            };
            if validation.is_empty() {
                watch.tell(epoch, options.max_iterations, loss, Vec::new())?;
                best = Some((0.0, epoch, keep(&tuner)));
                continue;
            }
            let said = self.found(validation, &places, &mut |texts| tuner.embeddings(&lesson, texts))?;
            let judged = vec![("mrr", said.reciprocal), ("recall@1", said.first), ("recall@10", said.ten)];
            watch.tell(epoch, options.max_iterations, loss, judged)?;
            if best.as_ref().is_none_or(|(most, ..)| said.reciprocal > *most) {
                best = Some((said.reciprocal, epoch, keep(&tuner)));
            } else if best.as_ref().is_some_and(|(_, at, _)| epoch >= at + PATIENCE) {
                break;
            }
        }
        let (_, epoch, adapter) = best.unwrap_or_default();
        if adapter.is_none() {
            (watch.told)("the encoder stays as it was: no epoch finds held-out passages better")?;
        }
        Ok((adapter, epoch))
    }

    /// One step over some pairs; gives their mean loss.
    fn step(
        &self,
        tuner: &mut Tuner<'_>,
        lesson: &Lesson,
        batch: &[usize],
        (rate, temperature): (f32, f32),
    ) -> Result<f64> {
        let of = |row: &usize| self.places.get(*row).copied().unwrap_or_default();
        let queries: Vec<u32> = batch.iter().map(|row| of(row).0).collect();
        let passages: Vec<u32> = batch.iter().map(|row| of(row).1).collect();
        let weights: Vec<f32> = batch.iter().map(|row| self.weights.get(*row).copied().unwrap_or(1.0)).collect();
        let places: Vec<usize> = queries.iter().chain(&passages).map(|place| *place as usize).collect();
        let embeddings = tuner.embeddings(lesson, &places)?;
        let width = embeddings.len() / places.len().max(1);
        let (first, second) = embeddings.split_at(batch.len() * width);
        let pairs = contrast::Pairs {
            queries: first,
            passages: second,
            width,
            query_ids: &queries,
            passage_ids: &passages,
            weights: &weights,
        };
        let (loss, mut slopes, of_passages) = contrast(&pairs, temperature);
        slopes.extend(of_passages);
        let judge = |part: &[usize], _: &[f32]| {
            let of_part = part.iter().flat_map(|at| slopes.get(at * width..(at + 1) * width).unwrap_or_default());
            (of_part.copied().collect(), ())
        };
        tuner.step(lesson, &places, (rate, 0.0), &judge)?;
        Ok(loss)
    }

    /// The texts among which the passages of these pairs are looked for: they, and as many others as there may be.
    fn candidates(&self, rows: &[usize], seed: u64) -> Vec<usize> {
        let mut is_in = vec![false; self.texts.len()];
        let mut all = Vec::new();
        let mut add = |place: u32, all: &mut Vec<usize>| {
            if let Some(mark) = is_in.get_mut(place as usize).filter(|mark| !**mark) {
                *mark = true;
                all.push(place as usize);
            }
        };
        for row in rows {
            if let Some((_, passage)) = self.places.get(*row) {
                add(*passage, &mut all);
            }
        }
        let mut others: Vec<u32> = self.places.iter().map(|(_, passage)| *passage).collect();
        Random::new(seed ^ 0xCA4D).shuffle(&mut others);
        for passage in others {
            if all.len() >= EMBEDDING_CANDIDATES_MAX {
                break;
            }
            add(passage, &mut all);
        }
        all
    }

    /// Where the passages of these pairs are found among `candidates`, by what `embed` makes of texts.
    fn found(
        &self,
        rows: &[usize],
        candidates: &[usize],
        embed: &mut dyn FnMut(&[usize]) -> Result<Vec<f32>>,
    ) -> Result<Found> {
        let place_of: HashMap<usize, usize> = candidates.iter().enumerate().map(|(at, place)| (*place, at)).collect();
        let of = |row: &usize| self.places.get(*row).copied().unwrap_or_default();
        let queries: Vec<usize> = rows.iter().map(|row| of(row).0 as usize).collect();
        let mut belong: HashMap<usize, Vec<usize>> = HashMap::new();
        for (query, passage) in &self.places {
            // A text is near itself: where a query is a passage, too, that tells nothing.
            let belonging = [passage, query].into_iter().filter_map(|text| place_of.get(&(*text as usize)));
            belong.entry(*query as usize).or_default().extend(belonging);
        }
        let wanted: Vec<usize> =
            rows.iter().map(|row| place_of.get(&(of(row).1 as usize)).copied().unwrap_or(usize::MAX)).collect();
        let known: Vec<Vec<usize>> =
            queries.iter().map(|query| belong.get(query).cloned().unwrap_or_default()).collect();
        let (first, second) = (embed(&queries)?, embed(candidates)?);
        let width = second.len() / candidates.len().max(1);
        Ok(found(&first, &second, width, &wanted, &known))
    }

    /// The measures of these pairs by an encoder, beside those by its base.
    fn judged(
        &self,
        own: &OwnEncoder,
        rows: &[usize],
        (segment, seed): (&str, u64),
        cancel: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Metric>> {
        let candidates = self.candidates(rows, seed);
        let of = |encoder: &Encoder| {
            self.found(rows, &candidates, &mut |places| {
                let texts: Vec<&str> =
                    places.iter().filter_map(|place| self.texts.get(*place)).map(String::as_str).collect();
                let embeddings = encoder.encode(&texts, TextRole::Query, cancel)?;
                Ok(embeddings.iter().flat_map(|embedding| embedding.iter().copied()).collect())
            })
        };
        let (tuned, plain) = (of(own.encoder()?)?, of(own.base()?)?);
        let mut measured = Measured::of(segment);
        measured.add("recall@1", rows.len(), tuned.first, Some(plain.first));
        measured.add("recall@10", rows.len(), tuned.ten, Some(plain.ten));
        measured.add("mrr", rows.len(), tuned.reciprocal, Some(plain.reciprocal));
        measured.add("candidates", rows.len(), candidates.len() as f64, None);
        Ok(measured.lines())
    }

    /// The measures of all pairs.
    pub(super) fn measured(
        &self,
        own: &OwnEncoder,
        segment: &str,
        cancel: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Metric>> {
        let rows: Vec<usize> = (0..self.places.len()).collect();
        self.judged(own, &rows, (segment, 0), cancel)
    }
}
