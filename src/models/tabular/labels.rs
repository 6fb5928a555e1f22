//! What is to be predicted: numbers, or classes by their names.

use std::collections::{BTreeSet, HashMap};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use serde::{Deserialize, Serialize};

use super::options::{ModelType, TabularOptions, Task};
use crate::config::CLASSES_MAX;
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::features::{Family, numbers, texts};

/// What a model says of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Target {
    /// A number; what the model gives is in deviations from the mean: `scale` holds both.
    Number {
        #[serde(with = "crate::models::exact")]
        scale: Vec<f64>,
    },
    /// One of these classes, each with its share of the training rows.
    Classes {
        names: Vec<String>,
        #[serde(with = "crate::models::exact")]
        rates: Vec<f64>,
    },
    /// Nothing that anybody told it.
    Nothing,
}

/// The labels of some rows.
#[derive(Debug, Clone)]
pub(super) enum Labels {
    /// NaN where there is none.
    Numbers(Vec<f64>),
    /// Places of the classes; their count for a class that was not there in training; `None` where there is no label.
    Classes(Vec<Option<usize>>),
    Nothing,
}

impl Target {
    /// Numbers that a model gives for a row. Of two classes it gives one, the logit of the second.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Number { .. } | Self::Nothing => 1,
            Self::Classes { names, .. } => {
                if names.len() == 2 {
                    1
                } else {
                    names.len()
                }
            }
        }
    }

    /// The labels of a batch.
    pub fn read(&self, batch: &RecordBatch, label_col: Option<&String>) -> Result<Labels> {
        let Some(name) = label_col else { return Ok(Labels::Nothing) };
        match self {
            Self::Nothing => Ok(Labels::Nothing),
            Self::Number { .. } => Ok(Labels::Numbers(number_labels(batch, name)?)),
            Self::Classes { names, .. } => {
                let places: HashMap<&str, usize> =
                    names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
                let mut labels = Vec::with_capacity(batch.num_rows());
                class_texts(batch, name, |text| {
                    labels.push(text.map(|text| places.get(text).copied().unwrap_or(names.len())));
                })?;
                Ok(Labels::Classes(labels))
            }
        }
    }
}

impl Target {
    /// What the simplest predictor says, once `labels` are added to the `before` rows that it knows: the mean, the shares of classes.
    pub fn settle_on(&mut self, labels: &Labels, before: usize) {
        let mean = |old: f64, sum: f64, rows: usize| (old * before as f64 + sum) / (before + rows).max(1) as f64;
        match (self, labels) {
            (Self::Number { scale }, Labels::Numbers(values)) => {
                if let Some(constant) = scale.get_mut(2) {
                    *constant = mean(*constant, values.iter().sum(), values.len());
                }
            }
            (Self::Classes { rates, .. }, Labels::Classes(places)) => {
                for (class, rate) in rates.iter_mut().enumerate() {
                    let there = places.iter().filter(|place| **place == Some(class)).count();
                    *rate = mean(*rate, there as f64, places.len());
                }
            }
            _ => {}
        }
    }
}

impl Labels {
    /// Keeps those of the rows for which `keep` holds.
    pub fn retain(&mut self, keep: &[bool]) {
        let mut kept = keep.iter();
        let mut next = move || kept.next().copied().unwrap_or(false);
        match self {
            Self::Numbers(values) => values.retain(|_| next()),
            Self::Classes(places) => places.retain(|_| next()),
            Self::Nothing => {}
        }
    }

    /// Appends others of the same kind.
    pub fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Numbers(values), Self::Numbers(more)) => values.extend(more),
            (Self::Classes(places), Self::Classes(more)) => places.extend(more),
            (labels @ Self::Nothing, other) => *labels = other,
            _ => {}
        }
    }

    /// Those of the given rows.
    pub fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(values) => Self::Numbers(rows.iter().filter_map(|row| values.get(*row).copied()).collect()),
            Self::Classes(places) => Self::Classes(rows.iter().filter_map(|row| places.get(*row).copied()).collect()),
            Self::Nothing => Self::Nothing,
        }
    }

    /// Which rows have one; `rows` of them all where nothing is to be predicted.
    pub fn known(&self, rows: usize) -> Vec<bool> {
        match self {
            Self::Numbers(values) => values.iter().map(|value| !value.is_nan()).collect(),
            Self::Classes(places) => places.iter().map(Option::is_some).collect(),
            Self::Nothing => vec![true; rows],
        }
    }
}

/// What the first reading of the rows tells of the label.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Which rows have a label.
    pub usable: Vec<bool>,
    family: Option<Family>,
    /// Texts of the classes, as long as they may be classes.
    classes: BTreeSet<String>,
    too_many: bool,
    count: f64,
    mean: f64,
    squares: f64,
}

impl Seen {
    /// Looks at the labels of a batch.
    pub fn see(&mut self, batch: &RecordBatch, options: &TabularOptions) -> Result<()> {
        let Some(name) = options.label_col.as_ref().filter(|_| options.model_type.is_supervised()) else {
            self.usable.resize(self.usable.len() + batch.num_rows(), true);
            return Ok(());
        };
        let family = family_of(batch, name)?;
        self.family = Some(family);
        let is_text = matches!(family, Family::Text | Family::Bool);
        let is_number = options.model_type == ModelType::LinearReg || options.task == Task::Regression;
        if is_number || !is_text {
            // Mean and deviation as they go by (Welford, 1962).
            for value in number_labels(batch, name)? {
                if is_number {
                    self.usable.push(!value.is_nan());
                }
                if !value.is_nan() {
                    self.count += 1.0;
                    let before = value - self.mean;
                    self.mean += before / self.count;
                    self.squares += before * (value - self.mean);
                }
            }
        }
        if is_number {
            return Ok(());
        }
        let (usable, classes, too_many) = (&mut self.usable, &mut self.classes, &mut self.too_many);
        class_texts(batch, name, |text| {
            usable.push(text.is_some());
            if let Some(text) = text
                && !*too_many
                && !classes.contains(text)
            {
                classes.insert(text.to_owned());
                *too_many = classes.len() > CLASSES_MAX;
            }
        })
    }

    /// What is to be predicted, with the rates of classes left to be counted.
    pub fn target(&self, options: &TabularOptions) -> Result<Target> {
        let Some(name) = options.label_col.as_ref().filter(|_| options.model_type.is_supervised()) else {
            return Ok(Target::Nothing);
        };
        if !self.usable.contains(&true) {
            fail!(InvalidParameter, "column \"{name}\" has no row with a label: there is nothing to train on");
        }
        let is_text = matches!(self.family, Some(Family::Text | Family::Bool));
        let is_class = match (options.model_type, options.task) {
            (ModelType::LinearReg, _) | (ModelType::Mlp, Task::Regression) => false,
            (ModelType::Mlp, Task::Auto) => is_text || self.classes.len() == 2,
            _ => true,
        };
        if !is_class {
            let deviation = (self.squares / self.count.max(1.0)).sqrt();
            let deviation = if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 };
            return Ok(Target::Number { scale: vec![self.mean, deviation] });
        }
        if self.too_many {
            let message = format!("column \"{name}\" has more than {CLASSES_MAX} different labels");
            let hint = "A model of classes is for fewer; linear_reg and mlp with task = 'regression' predict numbers.";
            return Err(Error::new(Kind::InvalidParameter, message).with_hint(hint));
        }
        if self.classes.len() < 2 {
            return Err(Error::new(
                Kind::InvalidParameter,
                format!("every row has the same label in column \"{name}\""),
            )
            .with_hint("A model of classes needs rows of two or more."));
        }
        let mut names: Vec<String> = self.classes.iter().cloned().collect();
        if !is_text {
            let number = |text: &String| text.parse::<f64>().unwrap_or(f64::NAN);
            names.sort_by(|a, b| number(a).total_cmp(&number(b)));
        }
        Ok(Target::Classes { rates: vec![0.0; names.len()], names })
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| Error::new(Kind::UndefinedColumn, format!("the label column \"{name}\" is missing")))
}

fn family_of(batch: &RecordBatch, name: &str) -> Result<Family> {
    match Family::of(column(batch, name)?.data_type()) {
        Some(Family::Time) | None => {
            fail!(DatatypeMismatch, "the label column \"{name}\" must be a number, a text or boolean")
        }
        Some(family) => Ok(family),
    }
}

/// Labels as numbers, NaN where there is none.
fn number_labels(batch: &RecordBatch, name: &str) -> Result<Vec<f64>> {
    match family_of(batch, name)? {
        Family::Text => {
            Err(Error::new(Kind::DatatypeMismatch, format!("the label column \"{name}\" must be a number"))
                .with_hint("logistic_reg and mlp predict classes by their names."))
        }
        _ => numbers(name, column(batch, name)?),
    }
}

/// Calls `each` with the label of every row as a text: numbers as PostgreSQL writes them.
pub(in crate::models) fn class_texts(
    batch: &RecordBatch,
    name: &str,
    mut each: impl FnMut(Option<&str>),
) -> Result<()> {
    let array = column(batch, name)?;
    match family_of(batch, name)? {
        Family::Text => texts(name, array, |_, text| each(text))?,
        Family::Bool => {
            let truth = |value: bool| if value { "true" } else { "false" };
            array.as_boolean().iter().for_each(|value| each(value.map(truth)));
        }
        Family::Nothing => (0..array.len()).for_each(|_| each(None)),
        _ => {
            let mut before: Option<(f64, String)> = None;
            for value in numbers(name, array)? {
                if value.is_nan() {
                    each(None);
                    continue;
                }
                if before.as_ref().is_none_or(|(known, _)| *known != value) {
                    before = Some((value, number_text(value)));
                }
                each(before.as_ref().map(|(_, text)| text.as_str()));
            }
        }
    }
    Ok(())
}

fn number_text(value: f64) -> String {
    // -0 is 0.
    let value = value + 0.0;
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { value.to_string() }
}
