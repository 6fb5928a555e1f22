//! Training on more rows than are kept in memory: the query is read again for each epoch.
//!
//! Four readings and then one for each epoch: how many rows there are and of what times; what their columns hold; how often each entry
//! occurs, and the rows that are held out (at most two hundred thousand for either part); the epochs. What is in memory does not
//! grow with the rows: the held-out ones, a buffer that is shuffled when it is full, the weights, and counts of the values of columns of names,
//! of which the rarest are forgotten when there are too many (Manku and Motwani, "Approximate Frequency Counts over Data Streams", 2002).
//!
//! The parts are those of a training in memory as nearly as can be without an order of all rows: by time they are cut at quantiles of a
//! sample of the times, by chance each row is drawn by its number.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::model::{CtrModel, Trial, feature_options, hashed_users};
use super::options::CtrOptions;
use super::plan::Plan;
use super::rows::{Labels, Odd, must_vary, nothing, split_of};
use super::training::{Course, Rates, Rows, fit};
use crate::config::{CTR_HELD_OUT_ROWS_MAX, CTR_KEPT_BYTES_MAX, CTR_SHUFFLED_BYTES};
use crate::error::Result;
use crate::models::features::{FeatureSpec, Learner, Sample};
use crate::models::random::{Random, mix};
use crate::models::rows::{Role, Source, Split, changed, of_role, read_times};
use crate::models::tabular::Watch;

/// What the first reading tells.
pub(super) struct Survey {
    /// All batches, as long as they are few.
    pub kept: Option<Vec<RecordBatch>>,
    bytes: usize,
    schema: Option<SchemaRef>,
    rows: usize,
    odd: Odd,
    times: Sample,
}

impl Survey {
    /// Reads all rows once.
    pub fn new(source: &mut dyn Source, options: &CtrOptions, watch: &Watch<'_>) -> Result<Self> {
        Self::bounded(source, options, watch, CTR_KEPT_BYTES_MAX)
    }

    /// The same, keeping batches of so many bytes at most.
    pub fn bounded(source: &mut dyn Source, options: &CtrOptions, watch: &Watch<'_>, bytes_max: usize) -> Result<Self> {
        let mut survey = Self {
            kept: Some(Vec::new()),
            bytes: 0,
            schema: None,
            rows: 0,
            odd: Odd::default(),
            times: Sample::default(),
        };
        source.read(&mut |batch| {
            watch.check()?;
            survey.see(batch, options, bytes_max)
        })?;
        Ok(survey)
    }

    fn see(&mut self, batch: &RecordBatch, options: &CtrOptions, bytes_max: usize) -> Result<()> {
        self.schema.get_or_insert_with(|| batch.schema());
        self.rows += batch.num_rows();
        let labels = Labels::read(batch, options)?;
        self.odd.add(labels.odd);
        if let Some(time_col) = &options.time_col {
            let times = read_times(batch, time_col)?;
            let labelled = times.iter().zip(&labels.clicks).filter(|(_, click)| click.is_some());
            labelled.for_each(|(time, _)| self.times.see(*time as f64));
        }
        if let Some(kept) = &mut self.kept {
            self.bytes += batch.get_array_memory_size();
            kept.push(batch.clone());
            if self.bytes > bytes_max {
                self.kept = None;
            }
        }
        Ok(())
    }

    /// Which rows are for what.
    fn sift(&self, options: &CtrOptions) -> Sift {
        let usable = self.rows - self.odd.unlabelled;
        let share = options.eval_fraction.min(CTR_HELD_OUT_ROWS_MAX as f64 / usable.max(1) as f64);
        if share == 0.0 {
            return Sift::All;
        }
        if split_of(options) == Split::Time
            && let Some(column) = &options.time_col
        {
            let mut times = self.times.values.clone();
            times.sort_unstable_by(f64::total_cmp);
            let at = |share: f64| times.get(((1.0 - share) * times.len() as f64) as usize).copied().unwrap_or(f64::MAX);
            let (validation, test) = (at(2.0 * share), at(share));
            // Of rows that are all of one time none is later.
            if times.first().is_some_and(|first| *first < validation) {
                return Sift::Time { column: column.clone(), validation, test };
            }
        }
        Sift::Random { seed: mix(options.seed ^ 0x5EED), share }
    }
}

/// Which rows are for what.
enum Sift {
    /// All for training.
    All,
    /// Those from a moment on for choices, from a later one for the judgement.
    Time { column: String, validation: f64, test: f64 },
    /// Drawn by the row's number.
    Random { seed: u64, share: f64 },
}

impl Sift {
    /// The roles of the rows of a batch, the first of which is row number `first`.
    fn roles(&self, batch: &RecordBatch, labels: &Labels, first: usize) -> Result<Vec<Role>> {
        let latest = |value: f64, validation: f64, test: f64| match () {
            () if value >= test => Role::Test,
            () if value >= validation => Role::Validation,
            () => Role::Train,
        };
        let mut roles: Vec<Role> = match self {
            Self::All => vec![Role::Train; batch.num_rows()],
            Self::Time { column, validation, test } => {
                read_times(batch, column)?.into_iter().map(|time| latest(time as f64, *validation, *test)).collect()
            }
            Self::Random { seed, share } => {
                let drawn = |row: usize| (mix(seed ^ row as u64) >> 11) as f64 / (1u64 << 53) as f64;
                let rows = first..first + batch.num_rows();
                rows.map(|row| latest(drawn(row), 1.0 - 2.0 * share, 1.0 - share)).collect()
            }
        };
        for (role, click) in roles.iter_mut().zip(&labels.clicks) {
            if click.is_none() {
                *role = Role::Out;
            }
        }
        Ok(roles)
    }
}

/// The rows of a query, read again and again.
pub(super) struct Streamed<'a> {
    source: &'a mut dyn Source,
    options: &'a CtrOptions,
    spec: &'a FeatureSpec,
    sift: &'a Sift,
    cancel: &'a (dyn Fn() -> Result<()> + Sync),
    rows: usize,
    /// Of the training rows.
    pub rates: Rates,
}

impl Streamed<'_> {
    /// Reads the training rows once, in an order that is by chance within a buffer, and gives them to `each` in batches.
    pub fn epoch(
        &mut self,
        batch_rows: usize,
        random: &mut Random,
        each: &mut dyn FnMut(&Rows, &[usize]),
    ) -> Result<()> {
        let width = self.spec.slots() + self.spec.dense_width() + 1;
        let full = (CTR_SHUFFLED_BYTES / (4 * width)).max(batch_rows);
        let (mut buffer, spec, cancel) = (Rows::default(), self.spec, self.cancel);
        let mut drain = |buffer: &mut Rows| -> Result<()> {
            let mut order: Vec<usize> = (0..buffer.labels.len()).collect();
            random.shuffle(&mut order);
            for batch in order.chunks(batch_rows) {
                cancel()?;
                each(buffer, batch);
            }
            *buffer = Rows::default();
            Ok(())
        };
        read(self.source, self.options, self.sift, (self.cancel, self.rows), &mut |batch, labels, roles| {
            buffer.append(&of(spec, batch, labels, roles, Role::Train)?);
            if buffer.labels.len() >= full { drain(&mut buffer) } else { Ok(()) }
        })?;
        drain(&mut buffer)
    }
}

/// Who may end a reading, and how many rows it must give.
type Bounds<'a> = (&'a (dyn Fn() -> Result<()> + Sync), usize);

/// What is done with a batch of rows, their labels and roles.
type Each<'a> = &'a mut dyn FnMut(&RecordBatch, &Labels, &[Role]) -> Result<()>;

/// Reads all rows with their labels and roles.
fn read(
    source: &mut dyn Source,
    options: &CtrOptions,
    sift: &Sift,
    (cancel, rows): Bounds<'_>,
    each: Each<'_>,
) -> Result<()> {
    let mut before = 0;
    source.read(&mut |batch| {
        cancel()?;
        let labels = Labels::read(batch, options)?;
        let roles = sift.roles(batch, &labels, before)?;
        before += batch.num_rows();
        each(batch, &labels, &roles)
    })?;
    if before == rows { Ok(()) } else { Err(changed()) }
}

/// The rows of a role, encoded.
fn of(spec: &FeatureSpec, batch: &RecordBatch, labels: &Labels, roles: &[Role], wanted: Role) -> Result<Rows> {
    let places = || roles.iter().enumerate().filter(|(_, role)| **role == wanted).map(|(place, _)| place);
    if places().next().is_none() {
        return Ok(Rows::default());
    }
    let (clicks, conversions) = labels.of(places());
    Ok(Rows { encoded: spec.encode(&of_role(batch, roles, wanted)?)?, labels: clicks, conversions })
}

/// Trains on rows of which `survey` was the first reading; see [`CtrModel::train`].
pub(super) fn train(
    source: &mut dyn Source,
    survey: &Survey,
    options: &CtrOptions,
    watch: &mut Watch<'_>,
) -> Result<CtrModel> {
    let Some(schema) = survey.schema.as_ref().filter(|_| survey.rows > survey.odd.unlabelled) else {
        return Err(nothing(options));
    };
    survey.odd.tell(options, watch.told)?;
    (watch.told)(&format!("{} rows are more than are kept: they are read again for each epoch", survey.rows))?;
    let (sift, bounds) = (survey.sift(options), (watch.cancel, survey.rows));
    let mut learner = Learner::new(schema, &feature_options(schema, options))?;
    let mut rates = Rates::default();
    read(source, options, &sift, bounds, &mut |batch, labels, roles| {
        let train = roles.iter().enumerate().filter(|(_, role)| **role == Role::Train).map(|(place, _)| place);
        let (clicks, conversions) = labels.of(train);
        rates.see(&clicks, &conversions);
        learner.see(&of_role(batch, roles, Role::Train)?)
    })?;
    must_vary(&rates, options)?;
    let mut spec = learner.finish();
    let mut counts = vec![0u32; spec.table_rows()];
    // Where none are to be set aside the first ones judge.
    let (judges, segment) = if matches!(sift, Sift::All) { (Role::Train, "train") } else { (Role::Test, "test") };
    let (mut validation, mut test, mut users) = (Rows::default(), Rows::default(), Vec::new());
    read(source, options, &sift, bounds, &mut |batch, labels, roles| {
        of(&spec, batch, labels, roles, Role::Train)?.encoded.count(&mut counts);
        validation.append(&of(&spec, batch, labels, roles, Role::Validation)?);
        if judges == Role::Train && test.labels.len() >= CTR_HELD_OUT_ROWS_MAX {
            return Ok(());
        }
        test.append(&of(&spec, batch, labels, roles, judges)?);
        if let Some(user_col) = &options.user_col {
            hashed_users(&of_role(batch, roles, judges)?, user_col, &mut users)?;
        }
        Ok(())
    })?;
    spec.counted(counts);
    let plan = Plan::new(options, &spec);
    let held = (!validation.labels.is_empty()).then_some(&validation);
    let streamed =
        Streamed { source, options, spec: &spec, sift: &sift, cancel: watch.cancel, rows: survey.rows, rates };
    let mut course = Course::Streamed(streamed);
    let (tasks, epochs) =
        fit(&plan, spec.counts(), &mut course, held, options, options.max_iterations, watch.progress)?;
    drop(course);
    let trial = Trial { tasks, spec, rates, epochs, skipped_rows: survey.odd.unlabelled };
    let users = options.user_col.as_ref().map(|_| users);
    trial.judged(options, held, (&test, users.as_deref(), segment))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    /// Rows that are made anew for each reading.
    struct Made {
        batches: usize,
        readings: usize,
    }

    impl Source for Made {
        fn read(&mut self, each: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
            self.readings += 1;
            (0..self.batches).try_for_each(|batch| each(&rows(batch as u64)))
        }
    }

    fn rows(seed: u64) -> RecordBatch {
        let mut random = Random::new(seed + 1);
        let (mut users, mut items, mut times, mut clicks, mut bought) = (vec![], vec![], vec![], vec![], vec![]);
        for row in 0..2000 {
            let (user, item) = (random.below(40), random.below(30));
            let clicked = random.uniform() < if user % 2 == item % 2 { 0.6 } else { 0.1 };
            users.push(user as i64);
            items.push(format!("sku-{item}"));
            times.push(seed as i64 * 2000 + row);
            clicks.push((row % 100 != 0).then_some(clicked as i64));
            bought.push((clicked && random.uniform() < if item < 15 { 0.7 } else { 0.1 }) as i64);
        }
        RecordBatch::try_from_iter([
            ("user_id", Arc::new(Int64Array::from(users)) as ArrayRef),
            ("item_id", Arc::new(StringArray::from(items))),
            ("at", Arc::new(Int64Array::from(times))),
            ("clicked", Arc::new(Int64Array::from(clicks))),
            ("bought", Arc::new(Int64Array::from(bought))),
        ])
        .unwrap()
    }

    fn options(time_col: Option<&str>) -> CtrOptions {
        CtrOptions {
            label_col: "clicked".into(),
            conversion_col: Some("bought".into()),
            user_col: Some("user_id".into()),
            item_col: Some("item_id".into()),
            time_col: time_col.map(str::to_owned),
            ..CtrOptions::default()
        }
    }

    fn value(model: &CtrModel, name: &str) -> f64 {
        let found = model.facts().evaluation.iter().find(|metric| metric.metric == name);
        found.and_then(|metric| metric.value).unwrap_or(f64::NAN)
    }

    #[test]
    fn rows_that_are_not_kept_teach_as_those_that_are() -> Result<()> {
        for time_col in [Some("at"), None] {
            let options = CtrOptions { max_iterations: 8, ..options(time_col) };
            let mut made = Made { batches: 10, readings: 0 };
            let survey = Survey::bounded(&mut made, &options, &Watch::nobody(), 1000)?;
            assert!(survey.kept.is_none());
            let model = train(&mut made, &survey, &options, &mut Watch::nobody())?;
            assert!((3 + model.facts().epochs..=3 + 8).contains(&made.readings));
            let whole = CtrModel::train(&mut Made { batches: 10, readings: 0 }, &options, &mut Watch::nobody())?;
            for name in ["auc", "cvr_auc", "ctcvr_auc"] {
                let (one, other) = (value(&model, name), value(&whole, name));
                assert!(one > 0.68 && (one - other).abs() < 0.08, "{time_col:?} {name}: {one} {other}");
            }
            assert_eq!(model.facts().skipped_rows, 200);
            let judged = model.facts().evaluation[0].n;
            assert!((1800..=2200).contains(&judged), "{judged}");
            let again = train(&mut made, &survey, &options, &mut Watch::nobody())?;
            assert!(model.to_bytes()? == again.to_bytes()?, "same rows, same model");
        }
        Ok(())
    }

    #[test]
    fn rows_of_one_time_and_readings_that_differ() -> Result<()> {
        let mut options = CtrOptions { max_iterations: 1, ..options(Some("bought")) };
        options.conversion_col = None;
        let mut made = Made { batches: 3, readings: 0 };
        let survey = Survey::bounded(&mut made, &options, &Watch::nobody(), 1000)?;
        made.batches = 2;
        let error = train(&mut made, &survey, &options, &mut Watch::nobody()).unwrap_err();
        assert!(error.message().contains("other rows"), "{}", error.message());
        options.eval_fraction = 0.0;
        made.batches = 3;
        let model = train(&mut made, &survey, &options, &mut Watch::nobody())?;
        assert!(model.facts().evaluation.iter().all(|metric| metric.segment == "train"));
        Ok(())
    }
}
