//! What can be asked of a text classifier, and what is wrong with it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::encoder::Imported;
use crate::models::rows::Split;

/// Training texts that the encoder reads, unless the options say otherwise.
const ENCODER_ROWS: usize = 8_000;
/// Texts that the encoder may be asked to read.
const ENCODER_ROWS_MAX: usize = 1_000_000;
/// The largest rank of an adapter, and its epochs.
const ADAPTER_RANK_MAX: usize = 128;
const ADAPTER_EPOCHS_MAX: usize = 100;

/// The options of `CREATE MODEL .. OPTIONS (model_type = 'text_classifier', ..)`. Fields left `None` take a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TextOptions {
    /// The column of texts.
    pub text_col: Option<String>,
    /// The column of classes.
    pub label_col: Option<String>,
    /// Orders the rows for a split by time.
    pub time_col: Option<String>,
    /// `None`: by time where there is a time column, else by chance.
    pub split: Option<Split>,
    /// Share of rows kept for `evaluation`; as many again end the training and weigh its parts.
    pub eval_fraction: f64,
    /// Same seed, same rows, same model.
    pub seed: u64,
    /// Weight of half the squared weights of words and characters beside the sum of the rows' losses.
    pub l2_reg: Option<f64>,
    /// Epochs of each part at most.
    pub max_iterations: Option<usize>,
    /// Units of each layer over the encoder's vectors.
    pub hidden_units: Option<Vec<usize>>,
    /// Training texts that the encoder reads, which takes nearly all the time; with 0 words and characters alone decide.
    pub encoder_rows: usize,
    /// Rank of the changes by which the encoder is tuned; with 0 it stays as it is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub adapter_rank: usize,
    /// Layers that are tuned, from the last; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_layers: Option<usize>,
    /// Epochs of the tuning at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_epochs: Option<usize>,
    /// Whether rows without a label teach.
    #[serde(default, skip_serializing_if = "Unlabelled::is_default")]
    pub unlabelled: Unlabelled,
    /// The imported encoder that stands for the built-in one: its name, for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// That encoder.
    #[serde(skip)]
    pub base_encoder: Option<Arc<Imported>>,
}

/// What is done with rows that have a text and no label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlabelled {
    /// They are left out.
    #[default]
    Ignore,
    /// Those of whose label a first training is sure teach with it, where rows held out say that this helps.
    Pseudo,
}

impl Unlabelled {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            text_col: None,
            label_col: None,
            time_col: None,
            split: None,
            eval_fraction: 0.1,
            seed: 7,
            l2_reg: None,
            max_iterations: None,
            hidden_units: None,
            encoder_rows: ENCODER_ROWS,
            adapter_rank: 0,
            adapter_layers: None,
            adapter_epochs: None,
            unlabelled: Unlabelled::Ignore,
            base: None,
            base_encoder: None,
        }
    }
}

impl TextOptions {
    /// The names of all options, `model_type` left out.
    pub fn names() -> Vec<&'static str> {
        vec![
            "text_col",
            "label_col",
            "time_col",
            "split",
            "eval_fraction",
            "seed",
            "l2_reg",
            "max_iterations",
            "hidden_units",
            "encoder_rows",
            "adapter_rank",
            "adapter_layers",
            "adapter_epochs",
            "unlabelled",
            "base",
        ]
    }

    /// Refuses what cannot work, naming the option.
    pub fn check(&self) -> Result<()> {
        for (name, given, what) in
            [("text_col", &self.text_col, "texts"), ("label_col", &self.label_col, "the classes to learn")]
        {
            if given.is_none() {
                let message = format!("option {name} is needed: the column of {what}");
                return Err(Error::new(Kind::InvalidParameter, message));
            }
        }
        if self.text_col == self.label_col {
            fail!(InvalidParameter, "options text_col and label_col cannot name the same column");
        }
        if !(0.0..0.5).contains(&self.eval_fraction) {
            fail!(InvalidParameter, "option eval_fraction must be at least 0 and below 0.5");
        }
        if self.split == Some(Split::Time) && self.time_col.is_none() {
            fail!(InvalidParameter, "split = 'time' needs the option time_col");
        }
        if self.l2_reg.is_some_and(|value| !(value >= 0.0 && value.is_finite())) {
            fail!(InvalidParameter, "option l2_reg must not be negative");
        }
        if self.max_iterations.is_some_and(|count| !(1..=1_000).contains(&count)) {
            fail!(InvalidParameter, "option max_iterations must lie between 1 and 1000");
        }
        let layers =
            |layers: &Vec<usize>| (1..=4).contains(&layers.len()) && layers.iter().all(|u| (1..=1024).contains(u));
        if self.hidden_units.as_ref().is_some_and(|given| !layers(given)) {
            fail!(InvalidParameter, "option hidden_units must name one to four layers of 1 to 1024 units");
        }
        if self.encoder_rows > ENCODER_ROWS_MAX {
            fail!(InvalidParameter, "option encoder_rows must lie between 0 and {ENCODER_ROWS_MAX}");
        }
        check_adapter(self.adapter_rank, self.adapter_layers, self.adapter_epochs)?;
        if self.encoder_rows == 0 && (self.adapter_rank > 0 || self.base.is_some()) {
            fail!(InvalidParameter, "encoder_rows = 0 leaves the encoder out, which adapter_rank and base speak of");
        }
        Ok(())
    }

    pub(super) fn text_col(&self) -> &str {
        self.text_col.as_deref().unwrap_or_default()
    }

    pub(super) fn label_col(&self) -> &str {
        self.label_col.as_deref().unwrap_or_default()
    }
}

/// Refuses what an adapter cannot be.
pub(in crate::models) fn check_adapter(rank: usize, layers: Option<usize>, epochs: Option<usize>) -> Result<()> {
    if rank > ADAPTER_RANK_MAX {
        fail!(InvalidParameter, "option adapter_rank must lie between 0 and {ADAPTER_RANK_MAX}");
    }
    if layers == Some(0) {
        fail!(InvalidParameter, "option adapter_layers must be 1 or more; adapter_rank = 0 tunes nothing");
    }
    if epochs.is_some_and(|epochs| !(1..=ADAPTER_EPOCHS_MAX).contains(&epochs)) {
        fail!(InvalidParameter, "option adapter_epochs must lie between 1 and {ADAPTER_EPOCHS_MAX}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_options_are_refused_by_name() {
        let good = TextOptions { text_col: Some("t".into()), label_col: Some("y".into()), ..TextOptions::default() };
        assert!(good.check().is_ok());
        let bad = [
            (TextOptions { text_col: None, ..good.clone() }, "text_col"),
            (TextOptions { label_col: None, ..good.clone() }, "label_col"),
            (TextOptions { label_col: Some("t".into()), ..good.clone() }, "label_col"),
            (TextOptions { eval_fraction: 0.5, ..good.clone() }, "eval_fraction"),
            (TextOptions { split: Some(Split::Time), ..good.clone() }, "time_col"),
            (TextOptions { l2_reg: Some(f64::NAN), ..good.clone() }, "l2_reg"),
            (TextOptions { max_iterations: Some(0), ..good.clone() }, "max_iterations"),
            (TextOptions { hidden_units: Some(vec![0]), ..good.clone() }, "hidden_units"),
            (TextOptions { encoder_rows: usize::MAX, ..good.clone() }, "encoder_rows"),
            (TextOptions { adapter_rank: 129, ..good.clone() }, "adapter_rank"),
            (TextOptions { adapter_layers: Some(0), ..good.clone() }, "adapter_layers"),
            (TextOptions { adapter_epochs: Some(0), ..good.clone() }, "adapter_epochs"),
            (TextOptions { adapter_rank: 8, encoder_rows: 0, ..good }, "encoder_rows"),
        ];
        for (options, name) in bad {
            let error = options.check().unwrap_err();
            assert!(error.kind() == Kind::InvalidParameter && error.message().contains(name), "{name}");
        }
    }
}
