//! What can be asked of a text classifier, and what is wrong with it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::rows::Split;

/// Training texts that the encoder reads, unless the options say otherwise.
const ENCODER_ROWS: usize = 8_000;
/// Texts that the encoder may be asked to read.
const ENCODER_ROWS_MAX: usize = 1_000_000;

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
        Ok(())
    }

    pub(super) fn text_col(&self) -> &str {
        self.text_col.as_deref().unwrap_or_default()
    }

    pub(super) fn label_col(&self) -> &str {
        self.label_col.as_deref().unwrap_or_default()
    }
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
            (TextOptions { encoder_rows: usize::MAX, ..good }, "encoder_rows"),
        ];
        for (options, name) in bad {
            let error = options.check().unwrap_err();
            assert!(error.kind() == Kind::InvalidParameter && error.message().contains(name), "{name}");
        }
    }
}
