//! From rows to a model: three readings, then what the type asks for.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::clusters::Clusters;
use super::descent;
use super::epochs::{self, Lesson};
use super::evaluation;
use super::gram::Gram;
use super::labels::{Labels, Seen, Target};
use super::linear::Linear;
use super::model::{Body, TabularModel, errors, labels_of, loss, probabilities};
use super::network::{Network, Shape};
use super::options::{ModelType, TabularOptions};
use super::watch::Watch;
use crate::config::{LINEAR_SUMS_COLUMNS_MAX, TABULAR_HELD_OUT_ROWS_MAX, TABULAR_WEIGHTS_MAX};
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::Facts;
use crate::models::features::{Encoded, FeatureOptions, FeatureSpec, Learner, NumberForm};
use crate::models::metrics;
use crate::models::rows::{Role, Source, Split, changed, not_features, of_role, read_times, roles};

/// Hidden layers of `mlp`, unless the options say otherwise.
const MLP_UNITS: [usize; 2] = [64, 32];
/// Units of the narrow layer of `anomaly` at most: a third of the features, so that they cannot all be said again one by one.
const NARROW_UNITS_MAX: usize = 32;
/// Units of the layers before and behind it at least.
const WIDE_UNITS_MIN: usize = 16;
/// Iterations of a descent at most, unless the options say otherwise.
const ITERATIONS_MAX: usize = 500;
/// Weight of the penalty where it is not chosen, unless the options say otherwise.
const L2: f64 = 1.0;
/// A threshold of anomalies is at least this, so that a score can be a share of it.
const THRESHOLD_MIN: f64 = 1e-9;

/// Encoded rows of one role and their labels.
#[derive(Debug, Clone)]
struct Part {
    encoded: Encoded,
    labels: Labels,
}

/// What is known before the rows are read for training.
struct Plan {
    roles: Vec<Role>,
    spec: FeatureSpec,
    target: Target,
    /// Whether the training rows are summed and not kept.
    sums: bool,
}

/// What the last reading gives.
struct Rows {
    train: Part,
    validation: Part,
    test: Part,
    /// Sums over the training rows (in two halves, for two cores) and the validation rows, where they are summed.
    grams: Option<[Gram; 3]>,
    trained: usize,
    counts: Vec<u32>,
}

impl TabularModel {
    /// Trains on the rows of `source`, all columns but the label being features (and the time column only if it is a timestamp).
    ///
    /// Errors: [`InvalidParameter`](Kind::InvalidParameter) for impossible options, no rows, labels of one class or of too many;
    /// [`UndefinedColumn`](Kind::UndefinedColumn) for a named column that is not there;
    /// [`DatatypeMismatch`](Kind::DatatypeMismatch) for a column that cannot be a feature or a label;
    /// [`LimitExceeded`](Kind::LimitExceeded) for more weights than a model may have.
    pub fn train(source: &mut dyn Source, options: &TabularOptions, watch: &mut Watch<'_>) -> Result<Self> {
        options.check()?;
        let (plan, skipped_rows) = plan(source, options, watch)?;
        let mut rows = read(source, options, &plan, watch)?;
        let Plan { mut spec, mut target, .. } = plan;
        settle(&mut target, &rows);
        let (body, epochs) = learn(options, &spec, &target, &mut rows, watch)?;
        spec.counted(std::mem::take(&mut rows.counts));
        let facts = Facts { trained_rows: rows.trained, skipped_rows, epochs, ..Facts::default() };
        let mut model = Self { options: options.clone(), spec, target, body, facts };
        let (judged, segment) = if rows.test.encoded.rows > 0 { (&rows.test, "test") } else { (&rows.train, "train") };
        model.facts.evaluation = model.measure(&judged.encoded, &judged.labels, segment);
        model.facts.importance = model.permutation_importance(&judged.encoded, &judged.labels, watch.cancel)?;
        Ok(model)
    }
}

/// The first two readings: what is predicted, which rows are for what, and how columns are encoded.
fn plan(source: &mut dyn Source, options: &TabularOptions, watch: &Watch<'_>) -> Result<(Plan, usize)> {
    let mut schema: Option<SchemaRef> = None;
    let (mut seen, mut times) = (Seen::default(), Vec::new());
    source.read(&mut |batch| {
        watch.check()?;
        schema.get_or_insert_with(|| batch.schema());
        seen.see(batch, options)?;
        if let Some(time_col) = &options.time_col {
            times.extend(read_times(batch, time_col)?);
        }
        Ok(())
    })?;
    let target = seen.target(options)?;
    let usable = seen.usable.iter().filter(|usable| **usable).count();
    let Some(schema) = schema.filter(|_| usable > 0) else { fail!(InvalidParameter, "there are no rows to train on") };
    let split = options.split.unwrap_or(if options.time_col.is_some() { Split::Time } else { Split::Random });
    let fraction = options.eval_fraction.min(TABULAR_HELD_OUT_ROWS_MAX as f64 / usable as f64);
    let mut roles = roles(&seen.usable, &times, split, fraction, options.seed);
    if !options.model_type.chooses(options) {
        roles.iter_mut().filter(|role| **role == Role::Validation).for_each(|role| *role = Role::Train);
    }
    let mut learner = Learner::new(&schema, &feature_options(&schema, options))?;
    by_role(source, &roles, &[Role::Train], watch, &mut |_, batch| learner.see(batch))?;
    let spec = learner.finish();
    let columns = spec.table_rows() + spec.dense_width();
    if columns == 0 {
        return Err(Error::new(Kind::InvalidParameter, "there is no column to learn from")
            .with_hint("Every column of the query is the label, empty, or the same in all rows."));
    }
    let sums = options.model_type == ModelType::LinearReg && columns <= LINEAR_SUMS_COLUMNS_MAX;
    must_fit(options, &spec, &target)?;
    Ok((Plan { roles, spec, target, sums }, seen.usable.len() - usable))
}

fn feature_options(schema: &SchemaRef, options: &TabularOptions) -> FeatureOptions {
    let numbers = match options.model_type {
        ModelType::LinearReg | ModelType::LogisticReg | ModelType::Kmeans => NumberForm::Plain,
        ModelType::Mlp | ModelType::Anomaly => NumberForm::Smooth,
    };
    let mut ignored: Vec<String> = options.label_col.iter().cloned().collect();
    ignored.extend(not_features(schema, options.time_col.as_ref()));
    FeatureOptions { ignored, ids: options.category_cols.clone(), numbers, ..FeatureOptions::default() }
}

/// Refuses what would have more weights than a model may have.
fn must_fit(options: &TabularOptions, spec: &FeatureSpec, target: &Target) -> Result<()> {
    let columns = spec.table_rows() + spec.dense_width();
    let size = match options.model_type {
        ModelType::LinearReg | ModelType::LogisticReg => columns.saturating_mul(target.outputs()),
        ModelType::Kmeans => columns.saturating_mul(options.num_clusters.unwrap_or(10)),
        ModelType::Mlp => Network::size(spec, &shape(options, spec), target.outputs()),
        ModelType::Anomaly if spec.slots() + spec.dense_width() < 2 => {
            return Err(Error::new(Kind::InvalidParameter, "an anomaly model needs two columns at least")
                .with_hint("It learns how columns go together; of one column, compare values with their quantiles."));
        }
        ModelType::Anomaly => Network::size(spec, &shape(options, spec), columns),
    };
    if size > TABULAR_WEIGHTS_MAX {
        let message = format!("the model would have {size} weights, and may have {TABULAR_WEIGHTS_MAX}");
        return Err(Error::new(Kind::LimitExceeded, message).with_hint(
            "Leave out columns of many different values, such as keys and long texts, or give them fewer.",
        ));
    }
    Ok(())
}

/// The shape of a network. The narrow layer of an autoencoder is linear: a rectifier would shut half of what passes through it.
pub(super) fn shape(options: &TabularOptions, spec: &FeatureSpec) -> Shape {
    let is_autoencoder = options.model_type == ModelType::Anomaly;
    let hidden = match &options.hidden_units {
        Some(given) => given.clone(),
        None if is_autoencoder => {
            let narrow = ((spec.slots() + spec.dense_width()) / 3).clamp(1, NARROW_UNITS_MAX);
            let wide = (4 * narrow).max(WIDE_UNITS_MIN);
            vec![wide, narrow, wide]
        }
        None => MLP_UNITS.to_vec(),
    };
    let narrowest = hidden.iter().enumerate().min_by_key(|(_, units)| **units).map(|(place, _)| place);
    Shape { dim: options.embedding_dim, linear: narrowest.filter(|_| is_autoencoder), hidden }
}

/// Reads the rows of some roles, each role's of a batch by themselves.
fn by_role(
    source: &mut dyn Source,
    roles: &[Role],
    wanted: &[Role],
    watch: &Watch<'_>,
    each: &mut dyn FnMut(Role, &RecordBatch) -> Result<()>,
) -> Result<()> {
    let mut before = 0;
    source.read(&mut |batch| {
        watch.check()?;
        let of_batch = roles.get(before..before + batch.num_rows()).ok_or_else(changed)?;
        before += batch.num_rows();
        for role in wanted.iter().filter(|role| of_batch.contains(role)) {
            each(*role, &of_role(batch, of_batch, *role)?)?;
        }
        Ok(())
    })?;
    if before == roles.len() { Ok(()) } else { Err(changed()) }
}

/// The third reading.
fn read(source: &mut dyn Source, options: &TabularOptions, plan: &Plan, watch: &Watch<'_>) -> Result<Rows> {
    let Plan { roles, spec, target, sums } = plan;
    let empty = || Part { encoded: Encoded::default(), labels: Labels::Nothing };
    let gram = || Gram::new(spec.table_rows(), spec.dense_width());
    let mut rows = Rows {
        train: empty(),
        validation: empty(),
        test: empty(),
        grams: sums.then(|| [gram(), gram(), gram()]),
        trained: 0,
        counts: vec![0; spec.table_rows()],
    };
    let is_judged_by_train = !roles.contains(&Role::Test);
    by_role(source, roles, &[Role::Train, Role::Validation, Role::Test], watch, &mut |role, batch| {
        let encoded = spec.encode(batch)?;
        let labels = labels_of(target, options, batch)?;
        if role == Role::Train {
            rows.trained += encoded.rows;
            encoded.count(&mut rows.counts);
        }
        if let (Some([first, second, held_out]), Labels::Numbers(values)) = (&mut rows.grams, &labels) {
            let scaled = standardised(target, values);
            let (half, all) = (encoded.rows / 2, encoded.rows);
            match role {
                Role::Train => {
                    rayon::join(|| first.add(&encoded, &scaled, 0..half), || second.add(&encoded, &scaled, half..all));
                }
                Role::Validation => held_out.add(&encoded, &scaled, 0..all),
                _ => {}
            }
            let is_kept = role == Role::Test
                || (is_judged_by_train
                    && role == Role::Train
                    && rows.train.encoded.rows + all <= TABULAR_HELD_OUT_ROWS_MAX.max(all));
            if !is_kept {
                return Ok(());
            }
        }
        let part = match role {
            Role::Validation => &mut rows.validation,
            Role::Test => &mut rows.test,
            _ => &mut rows.train,
        };
        part.encoded.append(&encoded);
        part.labels.append(labels);
        Ok(())
    })?;
    Ok(rows)
}

/// Puts into the target what the simplest predictor says: the mean of the training rows, their shares of classes.
fn settle(target: &mut Target, rows: &Rows) {
    match (target, &rows.train.labels) {
        (Target::Number { scale }, labels) => {
            let (mean, deviation) = (scale.first().copied().unwrap_or(0.0), scale.get(1).copied().unwrap_or(1.0));
            let constant = match (&rows.grams, labels) {
                (Some([first, second, _]), _) => {
                    let count = (first.rows() + second.rows()).max(1.0);
                    mean + deviation * (first.target_sum() + second.target_sum()) / count
                }
                (None, Labels::Numbers(values)) => values.iter().sum::<f64>() / values.len().max(1) as f64,
                _ => mean,
            };
            scale.push(constant);
        }
        (Target::Classes { rates, .. }, Labels::Classes(places)) => {
            for (class, rate) in rates.iter_mut().enumerate() {
                let there = places.iter().filter(|place| **place == Some(class)).count();
                *rate = there as f64 / places.len().max(1) as f64;
            }
        }
        _ => {}
    }
}

fn standardised(target: &Target, values: &[f64]) -> Vec<f64> {
    let Target::Number { scale } = target else { return values.to_vec() };
    let (mean, deviation) = (scale.first().copied().unwrap_or(0.0), scale.get(1).copied().unwrap_or(1.0));
    values.iter().map(|value| (value - mean) / deviation).collect()
}

/// Labels as training wants them: numbers in deviations from the mean.
pub(super) fn lesson_labels(target: &Target, labels: &Labels) -> Labels {
    match labels {
        Labels::Numbers(values) => Labels::Numbers(standardised(target, values)),
        other => other.clone(),
    }
}

/// Learns; gives what was learnt and the epochs or iterations it took.
fn learn(
    options: &TabularOptions,
    spec: &FeatureSpec,
    target: &Target,
    rows: &mut Rows,
    watch: &mut Watch<'_>,
) -> Result<(Body, usize)> {
    match options.model_type {
        ModelType::LinearReg if rows.grams.is_some() => {
            let linear = from_sums(options, spec, target, rows, watch)?;
            Ok((Body::Linear(linear), 1))
        }
        ModelType::LinearReg | ModelType::LogisticReg => {
            if options.l1_reg.is_some_and(|l1| l1 > 0.0) {
                let message =
                    format!("l1_reg is for at most {LINEAR_SUMS_COLUMNS_MAX} entries of categories and numbers");
                return Err(Error::new(Kind::LimitExceeded, message)
                    .with_hint("Leave out columns of many different values, or take l2_reg."));
            }
            // There is nothing to choose: all but the rows that judge train.
            rows.train.encoded.append(&rows.validation.encoded);
            rows.train.labels.append(rows.validation.labels.clone());
            rows.trained = rows.train.encoded.rows;
            let mut linear = Linear::new(spec.table_rows(), spec.dense_width(), target);
            let labels = lesson_labels(target, &rows.train.labels);
            let l2 = options.l2_reg.unwrap_or(L2);
            let most = options.max_iterations.unwrap_or(ITERATIONS_MAX);
            let iterations = descent::fit(&mut linear, &rows.train.encoded, &labels, l2, most, watch)?;
            Ok((Body::Linear(linear), iterations))
        }
        ModelType::Mlp => mlp(options, spec, target, rows, watch),
        ModelType::Kmeans => {
            let columns = spec.table_rows() + spec.dense_width();
            let asked = (options.num_clusters, options.max_iterations);
            let shape = (spec.table_rows(), columns);
            let (clusters, iterations) = Clusters::fit(&rows.train.encoded, shape, asked, options.seed, watch)?;
            Ok((Body::Clusters(clusters), iterations))
        }
        ModelType::Anomaly => anomaly(options, spec, rows, watch),
    }
}

/// Least squares from sums: the penalty by the held-out rows, then the weights by all.
fn from_sums(
    options: &TabularOptions,
    spec: &FeatureSpec,
    target: &Target,
    rows: &mut Rows,
    watch: &mut Watch<'_>,
) -> Result<Linear> {
    let mut linear = Linear::new(spec.table_rows(), spec.dense_width(), target);
    let Some([mut train, second, held_out]) = rows.grams.take() else { return Ok(linear) };
    train.append(&second);
    let deviation = if let Target::Number { scale } = target { scale.get(1).copied().unwrap_or(1.0) } else { 1.0 };
    let rmse = |gram: &Gram, weights: &[f64]| (gram.squared_error(weights) / gram.rows().max(1.0)).sqrt() * deviation;
    let solve = |gram: &Gram, l2: f64| match options.l1_reg.filter(|l1| *l1 > 0.0) {
        Some(l1) => gram.elastic_net(l1, l2),
        None => gram.ridge(l2),
    };
    let l2 = match (options.l2_reg, options.l1_reg) {
        (Some(l2), _) => l2,
        (None, Some(_)) => 0.0,
        (None, None) => train.choose_l2(&held_out),
    };
    watch.check()?;
    let mut weights = solve(&train, l2);
    let error = ("RMSE", rmse(&train, &weights));
    let judged = if held_out.rows() > 0.0 { vec![("RMSE", rmse(&held_out, &weights))] } else { Vec::new() };
    if held_out.rows() > 0.0 {
        train.append(&held_out);
        weights = solve(&train, l2);
    }
    rows.trained = train.rows() as usize;
    watch.tell(1, 1, error, judged)?;
    linear.take(&weights);
    Ok(linear)
}

fn mlp(
    options: &TabularOptions,
    spec: &FeatureSpec,
    target: &Target,
    rows: &Rows,
    watch: &mut Watch<'_>,
) -> Result<(Body, usize)> {
    let outputs = target.outputs();
    let network = Network::new(spec, &shape(options, spec), outputs, options.seed);
    let labels = lesson_labels(target, &rows.train.labels);
    let is_number = matches!(target, Target::Number { .. });
    let of_rows =
        |rows: &[usize], said: &[f32], slopes: &mut Vec<f32>| network_loss(&labels, outputs, rows, said, slopes);
    let validation = &rows.validation;
    let judge = |network: &Network| {
        let said = network.forward(&validation.encoded);
        let held_out = loss(target, &said, &validation.labels);
        let Labels::Classes(places) = &validation.labels else { return vec![("RMSE", held_out)] };
        let likeliest = evaluation::likeliest(&probabilities(target, &said), spec_classes(target));
        let likeliest: Vec<Option<usize>> = likeliest.into_iter().map(Some).collect();
        vec![("log-loss", held_out), ("accuracy", metrics::accuracy(&likeliest, places))]
    };
    let lesson = Lesson {
        rows: &rows.train.encoded,
        counts: &rows.counts,
        loss: &of_rows,
        name: if is_number { "squared error" } else { "log-loss" },
        judge: if validation.encoded.rows > 0 { Some(&judge) } else { None },
    };
    let (network, epochs) = epochs::fit(network, &lesson, options, watch)?;
    Ok((Body::Network(network), epochs))
}

/// The sum of the losses of rows given a network's outputs, whose slopes are added to `slopes`.
pub(super) fn network_loss(
    labels: &Labels,
    outputs: usize,
    rows: &[usize],
    said: &[f32],
    slopes: &mut Vec<f32>,
) -> f64 {
    let mut sum = 0.0;
    let mut one = vec![0.0f64; outputs];
    for (row, said) in rows.iter().zip(said.chunks_exact(outputs)) {
        one.iter_mut().zip(said).for_each(|(to, from)| *to = f64::from(*from));
        sum += descent::row_loss(labels, *row, &mut one);
        slopes.extend(one.iter().map(|slope| *slope as f32));
    }
    sum
}

fn spec_classes(target: &Target) -> usize {
    if let Target::Classes { names, .. } = target { names.len() } else { 0 }
}

fn anomaly(options: &TabularOptions, spec: &FeatureSpec, rows: &Rows, watch: &mut Watch<'_>) -> Result<(Body, usize)> {
    let table_rows = spec.table_rows();
    let columns = table_rows + spec.dense_width();
    let network = Network::new(spec, &shape(options, spec), columns, options.seed);
    let train = &rows.train.encoded;
    // What is to be said of a row is the row.
    let of_rows = |rows: &[usize], said: &[f32], slopes: &mut Vec<f32>| {
        slopes.extend_from_slice(said);
        for (row, slopes) in rows.iter().zip(slopes.chunks_exact_mut(columns)) {
            train.columns(*row, table_rows, |column, value| {
                slopes.iter_mut().skip(column).take(1).for_each(|slope| *slope -= value);
            });
        }
        slopes.iter().map(|slope| 0.5 * f64::from(*slope).powi(2)).sum::<f64>()
    };
    let held_out = if rows.validation.encoded.rows > 0 { &rows.validation.encoded } else { train };
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    let judge = |network: &Network| vec![("reconstruction error", mean(&errors(network, held_out, table_rows)))];
    let lesson = Lesson {
        rows: train,
        counts: &rows.counts,
        loss: &of_rows,
        name: "half the reconstruction error",
        judge: if rows.validation.encoded.rows > 0 { Some(&judge) } else { None },
    };
    let (network, epochs) = epochs::fit(network, &lesson, options, watch)?;
    let mut sorted = errors(&network, held_out, table_rows);
    sorted.sort_by(f64::total_cmp);
    let place = ((1.0 - options.contamination) * sorted.len() as f64) as usize;
    let threshold = sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(1.0).max(THRESHOLD_MIN);
    Ok((Body::Autoencoder(network, threshold), epochs))
}
