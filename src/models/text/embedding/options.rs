//! What can be asked of a tuned encoder, and what is wrong with it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fail;
use crate::models::encoder::Imported;
use crate::models::rows::Split;
use crate::models::text::classifier::check_adapter;

/// The options of `CREATE MODEL .. OPTIONS (model_type = 'embedding', ..)`. Fields left `None` take a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EmbeddingOptions {
    /// The column of the first texts; `None`: the first column of texts.
    pub query_col: Option<String>,
    /// The column of what belongs to them; `None`: the next.
    pub passage_col: Option<String>,
    /// The column of how much each pair counts.
    pub weight_col: Option<String>,
    /// Orders the rows for a split by time.
    pub time_col: Option<String>,
    /// `None`: by time where there is a time column, else by chance.
    pub split: Option<Split>,
    /// Share of pairs kept for `evaluation`; as many again say which epoch is best.
    pub eval_fraction: f64,
    /// Same seed, same rows, same model.
    pub seed: u64,
    /// Epochs at most.
    pub max_iterations: usize,
    /// Pairs of a step.
    pub batch_size: usize,
    /// What cosines are divided by.
    pub temperature: f64,
    /// Rank of the changes, and layers that are changed, from the last.
    pub adapter_rank: usize,
    /// See `adapter_rank`; `None`: all.
    pub adapter_layers: Option<usize>,
    /// The imported encoder that stands for the built-in one: its name, for the record.
    pub base: Option<String>,
    /// That encoder.
    #[serde(skip)]
    pub base_encoder: Option<Arc<Imported>>,
}

impl Default for EmbeddingOptions {
    fn default() -> Self {
        Self {
            query_col: None,
            passage_col: None,
            weight_col: None,
            time_col: None,
            split: None,
            eval_fraction: 0.1,
            seed: 7,
            max_iterations: 3,
            batch_size: 64,
            temperature: 0.05,
            adapter_rank: 16,
            adapter_layers: None,
            base: None,
            base_encoder: None,
        }
    }
}

impl EmbeddingOptions {
    /// The names of all options, `model_type` left out.
    pub fn names() -> Vec<&'static str> {
        vec![
            "query_col",
            "passage_col",
            "weight_col",
            "time_col",
            "split",
            "eval_fraction",
            "seed",
            "max_iterations",
            "batch_size",
            "temperature",
            "adapter_rank",
            "adapter_layers",
            "base",
        ]
    }

    /// Refuses what cannot work, naming the option.
    pub fn check(&self) -> Result<()> {
        if self.query_col.is_some() && self.query_col == self.passage_col {
            fail!(InvalidParameter, "options query_col and passage_col cannot name the same column");
        }
        if self.query_col.is_some() != self.passage_col.is_some() {
            fail!(
                InvalidParameter,
                "options query_col and passage_col go together; without both the first two columns of texts are taken"
            );
        }
        if !(0.0..0.5).contains(&self.eval_fraction) {
            fail!(InvalidParameter, "option eval_fraction must be at least 0 and below 0.5");
        }
        if self.split == Some(Split::Time) && self.time_col.is_none() {
            fail!(InvalidParameter, "split = 'time' needs the option time_col");
        }
        if !(1..=100).contains(&self.max_iterations) {
            fail!(InvalidParameter, "option max_iterations must lie between 1 and 100");
        }
        if !(2..=1024).contains(&self.batch_size) {
            fail!(InvalidParameter, "option batch_size must lie between 2 and 1024");
        }
        if !(0.001..=1.0).contains(&self.temperature) {
            fail!(InvalidParameter, "option temperature must lie between 0.001 and 1");
        }
        if self.adapter_rank == 0 {
            fail!(InvalidParameter, "option adapter_rank must be 1 or more");
        }
        check_adapter(self.adapter_rank, self.adapter_layers, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn impossible_options_are_refused_by_name() {
        let good = EmbeddingOptions::default();
        assert!(good.check().is_ok());
        let bad = [
            (EmbeddingOptions { query_col: Some("a".into()), ..good.clone() }, "passage_col"),
            (EmbeddingOptions { eval_fraction: 0.5, ..good.clone() }, "eval_fraction"),
            (EmbeddingOptions { split: Some(Split::Time), ..good.clone() }, "time_col"),
            (EmbeddingOptions { max_iterations: 0, ..good.clone() }, "max_iterations"),
            (EmbeddingOptions { batch_size: 1, ..good.clone() }, "batch_size"),
            (EmbeddingOptions { temperature: f64::NAN, ..good.clone() }, "temperature"),
            (EmbeddingOptions { adapter_rank: 0, ..good.clone() }, "adapter_rank"),
            (EmbeddingOptions { adapter_layers: Some(0), ..good }, "adapter_layers"),
        ];
        for (options, name) in bad {
            let error = options.check().unwrap_err();
            assert!(error.kind() == Kind::InvalidParameter && error.message().contains(name), "{name}");
        }
    }
}
