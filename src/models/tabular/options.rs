//! What can be asked of a model over rows, and what is wrong with it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::rows::Split;

/// What is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelType {
    /// A number, linear in the features.
    LinearReg,
    /// One of two or more classes, by a logistic function of what is linear in the features.
    LogisticReg,
    /// A number or a class, by a network.
    Mlp,
    /// Groups of rows that are alike (k-means).
    Kmeans,
    /// How unlike the others a row is, by a network that has to say rows again through few numbers (an autoencoder).
    Anomaly,
}

impl ModelType {
    /// Every type with its name in SQL.
    pub const ALL: [(&'static str, Self); 5] = [
        ("linear_reg", Self::LinearReg),
        ("logistic_reg", Self::LogisticReg),
        ("mlp", Self::Mlp),
        ("kmeans", Self::Kmeans),
        ("anomaly", Self::Anomaly),
    ];

    /// The type called `name`, if it is one of these.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, model_type)| *model_type)
    }

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, model_type)| *model_type == self).map_or("", |(name, _)| name)
    }

    /// Whether it learns from a label.
    pub fn is_supervised(self) -> bool {
        matches!(self, Self::LinearReg | Self::LogisticReg | Self::Mlp)
    }

    /// Whether training needs rows set aside for its choices: strength of the penalty, number of epochs, threshold.
    pub(super) fn chooses(self, options: &TabularOptions) -> bool {
        match self {
            Self::LinearReg => options.l2_reg.is_none() && options.l1_reg.is_none(),
            Self::Mlp | Self::Anomaly => true,
            Self::LogisticReg | Self::Kmeans => false,
        }
    }
}

/// Whether a network predicts a number or a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A class where the label is text or boolean or has two values, else a number.
    Auto,
    /// A number.
    Regression,
    /// A class.
    Classification,
}

/// The options of `CREATE MODEL .. OPTIONS (model_type = 'linear_reg' | .., ..)`. Fields left `None` take a default by type or by
/// the number of rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TabularOptions {
    /// What is learnt.
    pub model_type: ModelType,
    /// The column to predict. `anomaly` may have one that says which rows are known anomalies: it is not learnt from, EVALUATE
    /// measures by it.
    pub label_col: Option<String>,
    /// Orders the rows for a split by time; no feature itself unless it is a timestamp (hour and weekday).
    pub time_col: Option<String>,
    /// Columns whose whole numbers name things.
    pub category_cols: Vec<String>,
    /// `None`: by time where there is a time column, else by chance.
    pub split: Option<Split>,
    /// Share of rows kept for `evaluation`; as many again for choices, where there are any.
    pub eval_fraction: f64,
    /// Same seed, same rows, same model.
    pub seed: u64,
    /// `mlp`: number or class.
    pub task: Task,
    /// `linear_reg`: weight of the parameters' absolute values beside the sum of half the squared errors of the standardised
    /// label.
    pub l1_reg: Option<f64>,
    /// Weight of half the squared parameters, as in scikit-learn's `alpha` and 1/C: beside the *sum* of the rows' losses.
    /// `None`: `linear_reg` chooses among some by the held-out rows; 1 for the others.
    pub l2_reg: Option<f64>,
    /// Iterations or epochs at most.
    pub max_iterations: Option<usize>,
    /// First step of Adam; it is halved when the held-out loss stands still.
    pub learn_rate: Option<f64>,
    /// Rows of one step of a network.
    pub batch_size: Option<usize>,
    /// Units of each hidden layer of a network.
    pub hidden_units: Option<Vec<usize>>,
    /// Numbers in the vector of each category, word, hour, in a network.
    pub embedding_dim: usize,
    /// `kmeans`: groups; `None` lets the silhouette choose.
    pub num_clusters: Option<usize>,
    /// `anomaly`: share of the held-out rows that lie above the threshold.
    pub contamination: f64,
}

impl TabularOptions {
    /// The defaults of a type.
    pub fn new(model_type: ModelType) -> Self {
        Self {
            model_type,
            label_col: None,
            time_col: None,
            category_cols: Vec::new(),
            split: None,
            eval_fraction: 0.1,
            seed: 7,
            task: Task::Auto,
            l1_reg: None,
            l2_reg: None,
            max_iterations: None,
            learn_rate: None,
            batch_size: None,
            hidden_units: None,
            embedding_dim: 8,
            num_clusters: None,
            contamination: 0.01,
        }
    }

    /// The names of the options that a type has, `model_type` left out.
    pub fn names(model_type: ModelType) -> Vec<&'static str> {
        let mut names = vec!["label_col", "time_col", "category_cols", "split", "eval_fraction", "seed"];
        names.extend_from_slice(match model_type {
            ModelType::LinearReg => &["l1_reg", "l2_reg", "max_iterations"],
            ModelType::LogisticReg => &["l2_reg", "max_iterations"],
            ModelType::Mlp => {
                &["task", "hidden_units", "embedding_dim", "l2_reg", "max_iterations", "learn_rate", "batch_size"]
            }
            ModelType::Kmeans => &["num_clusters", "max_iterations"],
            ModelType::Anomaly => &[
                "contamination",
                "hidden_units",
                "embedding_dim",
                "l2_reg",
                "max_iterations",
                "learn_rate",
                "batch_size",
            ],
        });
        if model_type == ModelType::Kmeans {
            names.remove(0);
        }
        names
    }

    /// Refuses what cannot work, naming the option.
    pub fn check(&self) -> Result<()> {
        if self.model_type.is_supervised() && self.label_col.is_none() {
            return Err(Error::new(Kind::InvalidParameter, "option label_col is needed: the column to predict"));
        }
        if !(0.0..0.5).contains(&self.eval_fraction) {
            fail!(InvalidParameter, "option eval_fraction must be at least 0 and below 0.5");
        }
        if self.split == Some(Split::Time) && self.time_col.is_none() {
            fail!(InvalidParameter, "split = 'time' needs the option time_col");
        }
        for (name, value) in [("l1_reg", self.l1_reg), ("l2_reg", self.l2_reg)] {
            if value.is_some_and(|value| !(value >= 0.0 && value.is_finite())) {
                fail!(InvalidParameter, "option {name} must not be negative");
            }
        }
        if self.max_iterations.is_some_and(|count| !(1..=10_000).contains(&count)) {
            fail!(InvalidParameter, "option max_iterations must lie between 1 and 10000");
        }
        if self.learn_rate.is_some_and(|rate| !(rate > 0.0 && rate <= 10.0)) {
            fail!(InvalidParameter, "option learn_rate must be above 0 and at most 10");
        }
        if self.batch_size.is_some_and(|rows| !(1..=65_536).contains(&rows)) {
            fail!(InvalidParameter, "option batch_size must lie between 1 and 65536");
        }
        let layers = |layers: &Vec<usize>| {
            (1..=8).contains(&layers.len()) && layers.iter().all(|units| (1..=1024).contains(units))
        };
        if self.hidden_units.as_ref().is_some_and(|given| !layers(given)) {
            fail!(InvalidParameter, "option hidden_units must name one to eight layers of 1 to 1024 units");
        }
        if !(1..=128).contains(&self.embedding_dim) {
            fail!(InvalidParameter, "option embedding_dim must lie between 1 and 128");
        }
        if self.num_clusters.is_some_and(|count| !(2..=1000).contains(&count)) {
            fail!(InvalidParameter, "option num_clusters must lie between 2 and 1000");
        }
        if !(self.contamination > 0.0 && self.contamination < 0.5) {
            fail!(InvalidParameter, "option contamination must be above 0 and below 0.5");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_options_are_refused_by_name() {
        let good = TabularOptions { label_col: Some("y".into()), ..TabularOptions::new(ModelType::Mlp) };
        assert!(good.check().is_ok());
        assert!(TabularOptions::new(ModelType::Kmeans).check().is_ok());
        let bad = [
            (TabularOptions { label_col: None, ..good.clone() }, "label_col"),
            (TabularOptions { eval_fraction: 0.5, ..good.clone() }, "eval_fraction"),
            (TabularOptions { split: Some(Split::Time), ..good.clone() }, "time_col"),
            (TabularOptions { l1_reg: Some(-1.0), ..good.clone() }, "l1_reg"),
            (TabularOptions { l2_reg: Some(f64::NAN), ..good.clone() }, "l2_reg"),
            (TabularOptions { max_iterations: Some(0), ..good.clone() }, "max_iterations"),
            (TabularOptions { learn_rate: Some(0.0), ..good.clone() }, "learn_rate"),
            (TabularOptions { batch_size: Some(0), ..good.clone() }, "batch_size"),
            (TabularOptions { hidden_units: Some(vec![8, 0]), ..good.clone() }, "hidden_units"),
            (TabularOptions { embedding_dim: 0, ..good.clone() }, "embedding_dim"),
            (TabularOptions { num_clusters: Some(1), ..good.clone() }, "num_clusters"),
            (TabularOptions { contamination: 0.0, ..good }, "contamination"),
        ];
        for (options, name) in bad {
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidParameter);
            assert!(error.message().contains(name), "{name}");
        }
    }
}
