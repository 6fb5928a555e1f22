//! Labels out of batches, and which rows train, which stop and calibrate, which judge.

use arrow::array::RecordBatch;

use super::options::CtrOptions;
use super::training::Rates;
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::rows::{Role, Split, of_role, read_times, roles, truths};

/// The labels of some rows.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// Whether there was a click; such rows as do not say so are of no use.
    pub clicks: Vec<Option<bool>>,
    /// Whether there was a click and a conversion; empty where conversions are not learnt. `None` of a click of which it is not
    /// known what followed.
    pub conversions: Vec<Option<bool>>,
    pub odd: Odd,
}

/// Rows whose labels say something else than most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Odd {
    /// Without a label.
    pub unlabelled: usize,
    /// With a conversion and no click.
    pub unclicked: usize,
    /// With a click of which it is not known what followed.
    pub unknown: usize,
}

impl Labels {
    /// The labels of a batch. Errors: a column that is not there, or holds something other than yes and no.
    ///
    /// A conversion follows a click: one without a click counts as none, whatever led to it. A click whose conversion is NULL teaches
    /// clicks alone.
    pub fn read(batch: &RecordBatch, options: &CtrOptions) -> Result<Self> {
        let clicks = truths(batch, &options.label_col)?;
        let mut odd = Odd { unlabelled: clicks.iter().filter(|click| click.is_none()).count(), ..Odd::default() };
        let mut conversions = Vec::new();
        if let Some(name) = &options.conversion_col {
            if batch.column_by_name(name).is_none() {
                fail!(UndefinedColumn, "the conversion column \"{name}\" is missing");
            }
            conversions = truths(batch, name)?;
            for (conversion, click) in conversions.iter_mut().zip(&clicks) {
                match (click, *conversion) {
                    (Some(true), None) => odd.unknown += 1,
                    (Some(true), _) => {}
                    (_, given) => {
                        odd.unclicked += usize::from(*click == Some(false) && given == Some(true));
                        *conversion = Some(false);
                    }
                }
            }
        }
        Ok(Self { clicks, conversions, odd })
    }

    /// The labels of the rows of these places that have one.
    pub fn of(&self, places: impl Iterator<Item = usize>) -> (Vec<bool>, Vec<Option<bool>>) {
        let (mut clicks, mut conversions) = (Vec::new(), Vec::new());
        for place in places {
            let Some(Some(click)) = self.clicks.get(place) else { continue };
            clicks.push(*click);
            conversions.extend(self.conversions.get(place));
        }
        (clicks, conversions)
    }
}

impl Odd {
    /// Adds those of another batch.
    pub fn add(&mut self, other: Self) {
        self.unlabelled += other.unlabelled;
        self.unclicked += other.unclicked;
        self.unknown += other.unknown;
    }

    /// Tells what became of rows with odd labels; those without a label are told of by the caller.
    pub fn tell(&self, options: &CtrOptions, told: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let Some(name) = &options.conversion_col else { return Ok(()) };
        if self.unclicked > 0 {
            told(&format!(
                "{} rows have a conversion (\"{name}\") and no click (\"{}\"): they count as neither",
                self.unclicked, options.label_col
            ))?;
        }
        if self.unknown > 0 {
            told(&format!("{} rows with a click do not say \"{name}\": they teach clicks alone", self.unknown))?;
        }
        Ok(())
    }
}

/// Batches of one part with their labels.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub batches: Vec<RecordBatch>,
    pub labels: Vec<bool>,
    pub conversions: Vec<Option<bool>>,
}

/// The rows with a label, in three parts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub train: Part,
    /// For early stopping and calibration; may be empty.
    pub validation: Part,
    /// For `evaluation` alone; may be empty.
    pub test: Part,
    pub odd: Odd,
}

impl Parts {
    /// Sorts rows into parts. Rows without a label are left out; a label other than 0/1, -1/1 or boolean, and a training
    /// part of one class, is [`Kind::InvalidParameter`].
    pub fn new(batches: &[RecordBatch], options: &CtrOptions) -> Result<Self> {
        let (mut labels, mut usable) = (Vec::new(), Vec::new());
        let mut times = Vec::new();
        let mut parts = Self::default();
        for batch in batches {
            let read = Labels::read(batch, options)?;
            parts.odd.add(read.odd);
            usable.extend(read.clicks.iter().map(Option::is_some));
            labels.push(read);
            if let Some(time_col) = &options.time_col {
                times.extend(read_times(batch, time_col)?);
            }
        }
        let role = roles(&usable, &times, split_of(options), options.eval_fraction, options.seed);
        parts.train = part(batches, &labels, &role, Role::Train)?;
        parts.validation = part(batches, &labels, &role, Role::Validation)?;
        parts.test = part(batches, &labels, &role, Role::Test)?;
        if usable.iter().all(|usable| !usable) {
            return Err(nothing(options));
        }
        let mut rates = Rates::default();
        rates.see(&parts.train.labels, &parts.train.conversions);
        must_vary(&rates, options)?;
        Ok(parts)
    }
}

/// How rows are set aside.
pub(super) fn split_of(options: &CtrOptions) -> Split {
    options.split.unwrap_or(if options.time_col.is_some() { Split::Time } else { Split::Random })
}

/// The error where no row has a label.
pub(super) fn nothing(options: &CtrOptions) -> Error {
    let message = format!("column \"{}\" has no row with a label: there is nothing to train on", options.label_col);
    Error::new(Kind::InvalidParameter, message)
}

/// Refuses training rows of which all say the same.
pub(super) fn must_vary(rates: &Rates, options: &CtrOptions) -> Result<()> {
    if rates.clicks == 0 || rates.clicks == rates.rows {
        let class = if rates.clicks == 0 { "0" } else { "1" };
        let message = format!("every row to train on has label {class} in column \"{}\"", options.label_col);
        return Err(
            Error::new(Kind::InvalidParameter, message).with_hint("A click model needs rows with and without a click.")
        );
    }
    let Some(name) = &options.conversion_col else { return Ok(()) };
    if rates.conversions == 0 || rates.conversions == rates.judged {
        let class = if rates.conversions == 0 { "0" } else { "1" };
        let message = format!("every click to train on has label {class} in column \"{name}\"");
        return Err(Error::new(Kind::InvalidParameter, message).with_hint(
            "Conversions are learnt from clicks with and without one; without conversion_col clicks alone are.",
        ));
    }
    Ok(())
}

fn part(batches: &[RecordBatch], labels: &[Labels], roles: &[Role], wanted: Role) -> Result<Part> {
    let mut part = Part::default();
    let mut rest = roles;
    for (batch, labels) in batches.iter().zip(labels) {
        let (roles, more_roles) = rest.split_at(batch.num_rows().min(rest.len()));
        rest = more_roles;
        part.batches.push(of_role(batch, roles, wanted)?);
        let kept = roles.iter().enumerate().filter(|(_, role)| **role == wanted).map(|(place, _)| place);
        let (clicks, conversions) = labels.of(kept);
        part.labels.extend(clicks);
        part.conversions.extend(conversions);
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn a_conversion_follows_a_click() -> Result<()> {
        let clicks = Int64Array::from(vec![Some(1), Some(1), Some(1), Some(0), Some(0), Some(0), None]);
        let bought = Int64Array::from(vec![Some(1), Some(0), None, Some(0), Some(1), None, Some(1)]);
        let batch = RecordBatch::try_from_iter([
            ("clicked", Arc::new(clicks) as ArrayRef),
            ("bought", Arc::new(bought) as ArrayRef),
        ])
        .unwrap();
        let options =
            CtrOptions { label_col: "clicked".into(), conversion_col: Some("bought".into()), ..CtrOptions::default() };
        let read = Labels::read(&batch, &options)?;
        let (clicks, both) = read.of(0..7);
        assert_eq!(clicks, [true, true, true, false, false, false]);
        assert_eq!(both, [Some(true), Some(false), None, Some(false), Some(false), Some(false)]);
        assert_eq!((read.odd.unlabelled, read.odd.unclicked, read.odd.unknown), (1, 1, 1));
        let mut said = Vec::new();
        read.odd.tell(&options, &mut |text| {
            said.push(text.to_owned());
            Ok(())
        })?;
        assert!(said.len() == 2 && said[0].starts_with("1 rows have a conversion"), "{said:?}");
        let mut rates = Rates::default();
        rates.see(&clicks, &both);
        assert_eq!((rates.click(), rates.conversion()), (0.5, 0.5));
        Ok(())
    }
}
