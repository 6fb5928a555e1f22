//! From rows to a text classifier.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arrow::array::{Array, RecordBatch};

use super::blend::{Blend, into_probabilities};
use super::dense::{DenseHead, DenseLesson};
use super::model::{TextClassifier, text_column, vectors};
use super::options::{TextOptions, Unlabelled};
use super::pseudo::taught;
use super::softmax::{Lesson, Softmax, log_probabilities, outputs};
use super::vocabulary::{Counter, Rows, Vocabulary};
use crate::config::{
    CLASSES_MAX, TABULAR_HELD_OUT_ROWS_MAX, TEXT_COUNTED_MAX, TEXT_ENTRIES_MAX, TEXT_HELD_OUT_ROWS_MAX,
    TEXT_POOL_ROWS_MAX, TEXT_WEIGHTS_MAX,
};
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::encoder::{Encoder, Role as TextRole};
use crate::models::evaluation::Metric;
use crate::models::features::texts;
use crate::models::layers::TowerWork;
use crate::models::metrics;
use crate::models::random::Random;
use crate::models::rows::{Role, Source, Split, changed, read_times, roles};
use crate::models::tabular::{class_texts, likeliest, logloss, measured_classes};
use crate::models::text::OwnEncoder;
use crate::models::{Facts, Watch};

/// Epochs of each part at most, unless the options say otherwise.
const EPOCHS_MAX: usize = 30;
/// Epochs where no rows are held out.
const EPOCHS_UNJUDGED: usize = 8;
/// Epochs without a better log-loss of the rows held out after which a part is as good as it gets.
pub(super) const PATIENCE: usize = 3;
/// Share by which a loss must be less to count as better.
pub(super) const BETTER: f64 = 1e-3;
/// Rows without a label below which they are not looked at.
const POOL_ROWS_MIN: usize = 20;
/// Units over the encoder's vectors, unless the options say otherwise.
const HIDDEN_UNITS: [usize; 1] = [128];
/// Texts with a feature at least; of few texts each counts.
const TEXTS_WITH_FEATURE_MIN: u32 = 2;
const FEW_TEXTS: usize = 500;
/// Texts that the encoder reads between two looks at the clock.
const ENCODED_TEXTS: usize = 256;
/// How often is told how far the encoder is.
const TOLD_EVERY: Duration = Duration::from_secs(3);

/// Rows of one role: features of all, vectors of those that the encoder has read.
#[derive(Default, Clone)]
pub(super) struct Part {
    pub rows: Rows,
    pub classes: Vec<u32>,
    /// Texts for the encoder, and the place of each among the rows.
    pub texts: Vec<String>,
    pub places: Vec<usize>,
    pub vectors: Vec<f32>,
}

/// What the first reading tells.
struct Plan {
    roles: Vec<Role>,
    /// Of each row; of rows that count.
    classes: Vec<Option<u32>>,
    names: Vec<String>,
    skipped: usize,
}

impl TextClassifier {
    /// Trains on the rows of `source`; of its columns only those of texts, labels and times are looked at.
    ///
    /// Errors: [`InvalidParameter`](Kind::InvalidParameter) for impossible options, no rows, labels of one class or of too many;
    /// [`UndefinedColumn`](Kind::UndefinedColumn) for a named column that is not there;
    /// [`DatatypeMismatch`](Kind::DatatypeMismatch) for texts that are none or a label that cannot be one.
    pub fn train(source: &mut dyn Source, options: &TextOptions, watch: &mut Watch<'_>) -> Result<Self> {
        options.check()?;
        let mut plan = plan(source, options, watch)?;
        let vocabulary = count(source, options, &mut plan, watch)?;
        let Parts { mut train, mut validation, mut test, mut pool } = read(source, options, &plan, &vocabulary, watch)?;
        let classes = plan.names.len();
        let base = OwnEncoder::new(options.base_encoder.clone(), None)?;
        let has_encoder = options.encoder_rows > 0;
        let mut steps = Steps { options, watch, epochs: 0, again: 0 };
        if has_encoder {
            encode(base.encoder()?, [&mut train, &mut validation, &mut test, &mut pool], steps.watch)?;
        }
        let mut fitted = steps.fit_both((&train, &validation), &vocabulary, (classes, has_encoder))?;
        let mut pseudo_rows = 0;
        if pool.rows.len() >= POOL_ROWS_MIN {
            let taught = taught(&fitted, &pool, classes);
            if let Some((more, rows)) =
                steps.with_taught(&mut fitted, (&train, &validation), taught, (&vocabulary, classes))?
            {
                (train, pseudo_rows) = (more, rows);
            }
        }
        let mut own = base;
        let mut is_tuned = false;
        if has_encoder && options.adapter_rank > 0 {
            let tuned = steps.tuned(&own, (&train, &validation), &fitted, classes)?;
            if let Some((adapter, head, epochs)) = tuned {
                own = OwnEncoder::new(options.base_encoder.clone(), Some(adapter))?;
                for part in [&mut validation, &mut test, &mut train] {
                    part.vectors.clear();
                }
                let judge = if test.rows.len() > 0 { &mut test } else { &mut train };
                encode(own.encoder()?, [&mut validation, judge], steps.watch)?;
                fitted.dense = Some((head, epochs));
                is_tuned = true;
            }
        }
        let mut rates = vec![0.0f64; classes];
        for class in &train.classes {
            if let Some(rate) = rates.get_mut(*class as usize) {
                *rate += 1.0 / train.classes.len() as f64;
            }
        }
        let Fitted { sparse, sparse_epochs, mut dense, blend, .. } = fitted;
        let mut model = Self {
            options: TextOptions { base_encoder: None, ..options.clone() },
            names: plan.names,
            rates,
            vocabulary,
            sparse,
            blend,
            dense: None,
            own,
            facts: Facts { skipped_rows: plan.skipped - pseudo_rows, ..Facts::default() },
        };
        if validation.rows.len() > 0 {
            if is_tuned {
                let first = log_rows(&model.sparse, &validation.rows);
                let second = dense.as_ref().map(|(head, _)| log_vectors(head, &validation.vectors, classes));
                model.blend = Blend::best(&first, &second.unwrap_or_default(), &validation.classes);
            }
            // What is settled by the rows held out is settled; now they teach too. A tuned encoder is not tuned again: its head goes with it.
            train.append(validation);
            model.sparse = steps.again(sparse_epochs, |steps, epochs| {
                Ok(steps.words_for(&train, None, &model.vocabulary, classes, epochs)?.0)
            })?;
            if let Some((head, epochs)) = &mut dense
                && !is_tuned
            {
                let hidden = steps.hidden();
                *head = steps.again(*epochs, |steps, epochs| {
                    Ok(steps.vectors_for(&train, None, (classes, &hidden), epochs)?.0)
                })?;
            }
        }
        model.dense = dense.map(|(head, _)| head);
        model.facts.epochs = sparse_epochs;
        model.facts.trained_rows = train.rows.len();
        model.judge(&train, &test, options.seed);
        if options.unlabelled == Unlabelled::Pseudo {
            model.facts.evaluation.push(Metric {
                metric: "pseudo_labelled_rows".to_owned(),
                value: Some(pseudo_rows as f64),
                segment: "train".to_owned(),
                n: pool.rows.len(),
            });
        }
        Ok(model)
    }

    /// Measures by the rows set aside, or by those that taught where there are none.
    fn judge(&mut self, train: &Part, test: &Part, seed: u64) {
        let (part, segment) = if test.rows.len() > 0 { (test, "test") } else { (train, "train") };
        let read: Vec<usize> = match self.dense {
            Some(_) => part.places.clone(),
            None => (0..part.rows.len()).collect(),
        };
        let rows = part.rows.take(&read);
        let labels: Vec<usize> =
            read.iter().filter_map(|row| part.classes.get(*row)).map(|class| *class as usize).collect();
        let said = self.said(&rows, self.dense.as_ref().map(|_| part.vectors.as_slice()));
        self.facts.evaluation = measured_classes(&said, &labels, &self.rates, segment);
        // Texts dealt to other rows are what is said of them dealt to other labels.
        let classes = self.names.len();
        let mut dealt = labels.clone();
        Random::new(seed ^ 0x1337).shuffle(&mut dealt);
        let worse = logloss(&said, &dealt, classes) - logloss(&said, &labels, classes);
        self.facts.importance = vec![(self.options.text_col().to_owned(), worse)];
    }
}

/// What is done with a row, its text and its label.
type EachLabelled<'a> = &'a mut dyn FnMut(usize, Option<&str>, Option<&str>) -> Result<()>;

/// Calls `each` with the row, text and label of every row of a batch.
pub(super) fn texts_and_labels(batch: &RecordBatch, options: &TextOptions, each: EachLabelled<'_>) -> Result<()> {
    let mut labels: Vec<Option<String>> = Vec::with_capacity(batch.num_rows());
    class_texts(batch, options.label_col(), |label| labels.push(label.map(str::to_owned)))?;
    let name = options.text_col();
    let mut result = Ok(());
    texts(name, text_column(batch, name)?, |row, text| {
        if result.is_ok() {
            result = each(row, text, labels.get(row).and_then(Option::as_deref));
        }
    })?;
    result
}

/// The first reading: classes, and what each row is for.
fn plan(source: &mut dyn Source, options: &TextOptions, watch: &Watch<'_>) -> Result<Plan> {
    let (mut ids, mut names): (HashMap<String, u32>, Vec<String>) = Default::default();
    let (mut classes, mut usable, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut pool = Vec::new();
    let mut is_text = true;
    source.read(&mut |batch| {
        watch.check()?;
        if let Some(time_col) = &options.time_col {
            times.extend(read_times(batch, time_col)?);
        }
        is_text &= batch.column_by_name(options.label_col()).is_none_or(|labels| !labels.data_type().is_numeric());
        texts_and_labels(batch, options, &mut |_, text, label| {
            if options.unlabelled == Unlabelled::Pseudo && text.is_some() && label.is_none() {
                pool.push(usable.len());
            }
            usable.push(text.is_some() && label.is_some());
            let Some(label) = label else {
                classes.push(None);
                return Ok(());
            };
            let id = match ids.get(label) {
                Some(id) => *id,
                None => {
                    names.push(label.to_owned());
                    ids.insert(label.to_owned(), names.len() as u32 - 1);
                    names.len() as u32 - 1
                }
            };
            if names.len() > CLASSES_MAX {
                let column = options.label_col();
                fail!(InvalidParameter, "column \"{column}\" has more than {CLASSES_MAX} different labels");
            }
            classes.push(Some(id));
            Ok(())
        })
    })?;
    let column = options.label_col();
    let count = usable.iter().filter(|usable| **usable).count();
    if count == 0 {
        fail!(InvalidParameter, "there is no row with a text and a label to train on");
    }
    if names.len() < 2 {
        let message = format!("every row has the same label in column \"{column}\"");
        return Err(
            Error::new(Kind::InvalidParameter, message).with_hint("A model of classes needs rows of two or more.")
        );
    }
    // In the order of their names, whatever the rows' order.
    let mut order: Vec<usize> = (0..names.len()).collect();
    let name_of = |at: &usize| names.get(*at).cloned().unwrap_or_default();
    order.sort_by(|a, b| {
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let (a, b) = (name_of(a), name_of(b));
        if is_text { a.cmp(&b) } else { number(&a).total_cmp(&number(&b)) }
    });
    let mut place_of = vec![0u32; names.len()];
    for (place, id) in order.iter().enumerate() {
        if let Some(to) = place_of.get_mut(*id) {
            *to = place as u32;
        }
    }
    for class in classes.iter_mut().flatten() {
        *class = place_of.get(*class as usize).copied().unwrap_or_default();
    }
    let names = order.iter().map(name_of).collect();
    let split = options.split.unwrap_or(if options.time_col.is_some() { Split::Time } else { Split::Random });
    let most = if options.encoder_rows > 0 { TEXT_HELD_OUT_ROWS_MAX } else { TABULAR_HELD_OUT_ROWS_MAX };
    let fraction = options.eval_fraction.min(most as f64 / count as f64);
    let mut roles = roles(&usable, &times, split, fraction, options.seed);
    // Without rows held out nothing could say whether they help.
    if roles.contains(&Role::Validation) {
        Random::new(options.seed ^ 0x9001).shuffle(&mut pool);
        pool.truncate(TEXT_POOL_ROWS_MAX);
        for row in pool {
            if let Some(role) = roles.get_mut(row) {
                *role = Role::Unlabelled;
            }
        }
    }
    Ok(Plan { roles, classes, names, skipped: usable.len() - count })
}

/// Reads the texts of rows that count, each with its place and role.
fn each_text(
    source: &mut dyn Source,
    options: &TextOptions,
    roles: &[Role],
    watch: &Watch<'_>,
    each: &mut dyn FnMut(usize, Role, &str),
) -> Result<()> {
    let mut before = 0;
    source.read(&mut |batch| {
        watch.check()?;
        let of_batch = roles.get(before..before + batch.num_rows()).ok_or_else(changed)?;
        let name = options.text_col();
        texts(name, text_column(batch, name)?, |row, text| {
            if let (Some(text), Some(role)) = (text, of_batch.get(row))
                && *role != Role::Out
            {
                each(before + row, *role, text);
            }
        })?;
        before += batch.num_rows();
        Ok(())
    })?;
    if before == roles.len() { Ok(()) } else { Err(changed()) }
}

/// The second reading: which features there are. Rows that would not fit are let go of, by chance.
fn count(source: &mut dyn Source, options: &TextOptions, plan: &mut Plan, watch: &mut Watch<'_>) -> Result<Vocabulary> {
    let mut counter = Counter::default();
    let (mut entries, mut texts) = (0usize, 0usize);
    each_text(source, options, &plan.roles, watch, &mut |_, role, text| {
        if matches!(role, Role::Train | Role::Unlabelled) {
            entries += counter.see(text);
            texts += 1;
            if counter.len() > TEXT_COUNTED_MAX {
                counter.thin();
            }
        }
    })?;
    if entries > TEXT_ENTRIES_MAX {
        let share = TEXT_ENTRIES_MAX as f64 / entries as f64;
        let mut random = Random::new(options.seed ^ 0x1E55);
        for role in plan.roles.iter_mut().filter(|role| matches!(role, Role::Train | Role::Unlabelled)) {
            if random.uniform() >= share {
                *role = Role::Out;
            }
        }
        (watch.told)(&format!("{texts} texts are more than are learnt from; every {:.1}th is", 1.0 / share))?;
    }
    let least = if texts < FEW_TEXTS { 1 } else { TEXTS_WITH_FEATURE_MIN };
    Ok(counter.finish(least, TEXT_WEIGHTS_MAX / outputs(plan.names.len())))
}

struct Parts {
    train: Part,
    validation: Part,
    test: Part,
    /// Rows without a label.
    pool: Part,
}

/// The third reading: rows of features, and the texts that the encoder is to read.
fn read(
    source: &mut dyn Source,
    options: &TextOptions,
    plan: &Plan,
    vocabulary: &Vocabulary,
    watch: &Watch<'_>,
) -> Result<Parts> {
    let of_train = plan.roles.iter().enumerate().filter(|(_, role)| **role == Role::Train);
    let mut chosen: Vec<usize> = of_train.map(|(row, _)| row).collect();
    Random::new(options.seed ^ 0xE2C0).shuffle(&mut chosen);
    chosen.truncate(options.encoder_rows);
    let mut is_chosen = vec![false; plan.roles.len()];
    for row in chosen {
        if let Some(mark) = is_chosen.get_mut(row) {
            *mark = true;
        }
    }
    let [train, validation, test, pool] = std::array::from_fn(|_| Part::default());
    let mut parts = Parts { train, validation, test, pool };
    let mut hashes = Vec::new();
    each_text(source, options, &plan.roles, watch, &mut |row, role, text| {
        let part = match role {
            Role::Train => &mut parts.train,
            Role::Validation => &mut parts.validation,
            Role::Unlabelled => &mut parts.pool,
            _ => &mut parts.test,
        };
        let is_read = match role {
            Role::Train => is_chosen.get(row) == Some(&true),
            _ => options.encoder_rows > 0,
        };
        if is_read {
            part.texts.push(text.to_owned());
            part.places.push(part.rows.len());
        }
        vocabulary.append(text, &mut hashes, &mut part.rows);
        part.classes.push(plan.classes.get(row).copied().flatten().unwrap_or_default());
    })?;
    Ok(parts)
}

/// Has an encoder read the texts of all parts, and tells how far it is.
fn encode<const N: usize>(encoder: &Encoder, parts: [&mut Part; N], watch: &mut Watch<'_>) -> Result<()> {
    let all: usize = parts.iter().map(|part| part.texts.len()).sum();
    let (started, mut told, mut done) = (Instant::now(), Instant::now(), 0);
    for part in parts {
        for texts in part.texts.chunks(ENCODED_TEXTS) {
            watch.check()?;
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let cancel = watch.cancel;
            let embeddings = encoder.encode(&texts, TextRole::Query, &|| cancel().is_err());
            watch.check()?;
            part.vectors.extend(vectors(&embeddings?));
            done += texts.len();
            if told.elapsed() > TOLD_EVERY || done == all {
                told = Instant::now();
                let rate = done as f64 / started.elapsed().as_secs_f64().max(1e-3);
                (watch.told)(&format!("the encoder has read {done} of {all} texts, {rate:.0} a second"))?;
            }
        }
    }
    Ok(())
}

impl Part {
    /// Appends the rows of another part.
    pub fn append(&mut self, other: Self) {
        let before = self.rows.len();
        self.places.extend(other.places.iter().map(|place| before + place));
        self.rows.extend(&other.rows);
        self.classes.extend(other.classes);
        self.texts.extend(other.texts);
        self.vectors.extend(other.vectors);
    }

    /// The classes of the rows that the encoder has read.
    pub fn read_classes(&self) -> Vec<u32> {
        self.places.iter().filter_map(|place| self.classes.get(*place).copied()).collect()
    }
}

/// Measures of a part on rows held out, each with its name; the first is to become small.
pub(super) type Judged = [(&'static str, f64); 2];
type Judge<'a, H> = &'a dyn Fn(&H) -> Judged;

/// The loops over epochs of both parts, told of as one training.
pub(super) struct Steps<'a, 'w, 't> {
    pub options: &'a TextOptions,
    pub watch: &'t mut Watch<'w>,
    /// Epochs told of.
    pub epochs: usize,
    /// How often epochs are gone through again.
    pub again: usize,
}

/// Both parts as the rows held out leave them.
pub(super) struct Fitted {
    pub sparse: Softmax,
    pub sparse_epochs: usize,
    /// The head over the vectors, and its epochs.
    pub dense: Option<(DenseHead, usize)>,
    pub blend: Blend,
    /// Log-loss of both together on the rows held out, if there are any.
    pub loss: Option<f64>,
}

impl Fitted {
    /// The logarithms of what both say of rows and, where the encoder is used, their vectors.
    pub fn logs(&self, part: &Part, classes: usize) -> Vec<Vec<f32>> {
        let mut first = log_rows(&self.sparse, &part.rows);
        let second = self.dense.as_ref().map(|(head, _)| log_vectors(head, &part.vectors, classes)).unwrap_or_default();
        for (place, row) in first.iter_mut().enumerate() {
            self.blend.apply(row, second.get(place).map(Vec::as_slice).unwrap_or_default());
            into_probabilities(row);
            row.iter_mut().for_each(|share| *share = share.max(1e-7).ln());
        }
        first
    }
}

impl Steps<'_, '_, '_> {
    /// Trains both parts, each as long as it pays, and weighs them.
    pub fn fit_both(
        &mut self,
        (train, validation): (&Part, &Part),
        vocabulary: &Vocabulary,
        (classes, has_encoder): (usize, bool),
    ) -> Result<Fitted> {
        let (sparse, sparse_epochs) = self.words(train, validation, vocabulary, classes)?;
        let dense = if has_encoder { Some(self.vectors(train, validation, classes)?) } else { None };
        let mut fitted = Fitted { sparse, sparse_epochs, dense, blend: Blend::unknown(has_encoder), loss: None };
        if validation.rows.len() > 0 {
            let first = log_rows(&fitted.sparse, &validation.rows);
            let second = fitted.dense.as_ref().map(|(head, _)| log_vectors(head, &validation.vectors, classes));
            fitted.blend = Blend::best(&first, &second.unwrap_or_default(), &validation.classes);
            let [(_, loss), _] = judged(&fitted.logs(validation, classes), &validation.classes);
            fitted.loss = Some(loss);
        }
        Ok(fitted)
    }

    fn words(
        &mut self,
        train: &Part,
        validation: &Part,
        vocabulary: &Vocabulary,
        classes: usize,
    ) -> Result<(Softmax, usize)> {
        let most = self.most(validation);
        self.words_for(train, Some(validation), vocabulary, classes, most)
    }

    fn vectors(&mut self, train: &Part, validation: &Part, classes: usize) -> Result<(DenseHead, usize)> {
        let (most, hidden) = (self.most(validation), self.hidden());
        self.vectors_for(train, Some(validation), (classes, &hidden), most)
    }

    /// Units of the layers over the vectors.
    fn hidden(&self) -> Vec<usize> {
        self.options.hidden_units.clone().unwrap_or_else(|| HIDDEN_UNITS.to_vec())
    }

    /// Epochs at most.
    pub fn most(&self, validation: &Part) -> usize {
        let most = self.options.max_iterations.unwrap_or(EPOCHS_MAX);
        if validation.rows.len() == 0 { most.min(EPOCHS_UNJUDGED) } else { most }
    }

    /// Trains once more, for a number of epochs that is settled.
    fn again<T>(&mut self, epochs: usize, train: impl FnOnce(&mut Self, usize) -> Result<T>) -> Result<T> {
        self.again += 1;
        train(self, epochs)
    }

    fn words_for(
        &mut self,
        train: &Part,
        validation: Option<&Part>,
        vocabulary: &Vocabulary,
        classes: usize,
        epochs: usize,
    ) -> Result<(Softmax, usize)> {
        let options = self.options;
        let mut lesson = Lesson::new(&train.rows, &train.classes, vocabulary.len(), options.l2_reg, options.seed);
        let mut head = Softmax::new(vocabulary.len(), classes);
        let cancel = self.watch.cancel;
        let epoch = |head: &mut Softmax, _: usize| head.epoch(&mut lesson, &mut || cancel());
        let judge = validation
            .filter(|part| part.rows.len() > 0)
            .map(|part| move |head: &Softmax| judged(&log_rows(head, &part.rows), &part.classes));
        let judge = judge.as_ref().map(|judge| judge as Judge<'_, Softmax>);
        let epochs = self.fit(&mut head, epochs, epoch, judge)?;
        Ok((head, epochs))
    }

    pub fn vectors_for(
        &mut self,
        train: &Part,
        validation: Option<&Part>,
        (classes, hidden): (usize, &[usize]),
        epochs: usize,
    ) -> Result<(DenseHead, usize)> {
        let options = self.options;
        let of_rows = train.read_classes();
        let width = train.vectors.len() / of_rows.len().max(1);
        let mut head = DenseHead::new(&train.vectors, width, hidden, classes, options.seed);
        let mut lesson = DenseLesson::new(&head, &train.vectors, of_rows, options.seed);
        let cancel = self.watch.cancel;
        let epoch = |head: &mut DenseHead, epoch: usize| head.epoch(&mut lesson, epoch, &mut || cancel());
        let judge = validation
            .filter(|part| part.rows.len() > 0)
            .map(|part| move |head: &DenseHead| judged(&log_vectors(head, &part.vectors, classes), &part.classes));
        let judge = judge.as_ref().map(|judge| judge as Judge<'_, DenseHead>);
        let epochs = self.fit(&mut head, epochs, epoch, judge)?;
        head.tower.finish();
        Ok((head, epochs))
    }

    /// Goes over the rows until it does not pay; leaves the best head and gives its epoch.
    fn fit<H: Clone>(
        &mut self,
        head: &mut H,
        epochs: usize,
        mut epoch: impl FnMut(&mut H, usize) -> Result<f64>,
        judge: Option<Judge<'_, H>>,
    ) -> Result<usize> {
        let mut best: Option<(f64, usize, H)> = None;
        let mut done = 0;
        for number in 1..=epochs {
            let loss = epoch(head, number)?;
            let held_out = judge.map(|judge| judge(head).to_vec()).unwrap_or_default();
            let judged = held_out.first().map(|(_, loss)| *loss);
            // Both parts are one training; what is gone through again is counted anew.
            let before = if self.again > 0 { 0 } else { self.epochs };
            self.watch.tell(before + number, before + epochs, ("log-loss", loss), held_out)?;
            done = number;
            let Some(judged) = judged else { continue };
            if best.as_ref().is_none_or(|(least, ..)| judged < least * (1.0 - BETTER)) {
                best = Some((judged, number, head.clone()));
            } else if best.as_ref().is_some_and(|(_, at, _)| number >= at + PATIENCE) {
                break;
            }
        }
        self.epochs += done;
        Ok(match best {
            Some((_, number, kept)) => {
                *head = kept;
                number
            }
            None => epochs,
        })
    }
}

/// Log-loss and accuracy of log-probabilities.
pub(super) fn judged(said: &[Vec<f32>], classes: &[u32]) -> Judged {
    let all: Vec<f32> = said.iter().flatten().map(|log| log.exp()).collect();
    let labels: Vec<usize> = classes.iter().map(|class| *class as usize).collect();
    let count = said.first().map_or(1, Vec::len);
    [("log-loss", logloss(&all, &labels, count)), ("accuracy", metrics::accuracy(&likeliest(&all, count), &labels))]
}

/// What a head says of rows, as logarithms.
pub(super) fn log_rows(head: &Softmax, rows: &Rows) -> Vec<Vec<f32>> {
    let mut out = Vec::new();
    (0..rows.len())
        .map(|row| {
            head.logits(rows.row(row), &mut out);
            let mut logs = Vec::new();
            log_probabilities(&out, &mut logs);
            logs
        })
        .collect()
}

/// What a head says of vectors, as logarithms.
pub(super) fn log_vectors(head: &DenseHead, vectors: &[f32], classes: usize) -> Vec<Vec<f32>> {
    let logits = head.logits(vectors, &mut TowerWork::default());
    let each = logits.chunks_exact(outputs(classes).max(1));
    each.map(|logits| {
        let mut logs = Vec::new();
        log_probabilities(logits, &mut logs);
        logs
    })
    .collect()
}
