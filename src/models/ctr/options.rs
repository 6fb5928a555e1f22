//! What can be asked of a click model, and what is wrong with it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::rows::Split;

/// The form of the function from features to a logit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Logistic regression: a weight per slot entry and per dense number.
    Lr,
    /// y^T W x + b, y the user's vector and x the item's; see [`super`].
    Bilinear,
    /// Factorisation machine (Rendle, 2010): `lr` plus a product of vectors for every pair of slots.
    Fm,
    /// A network of 32 and 64 rectified units over all vectors and dense numbers.
    Mlp,
    /// `fm` and `mlp` summed (Guo et al., "DeepFM", 2017).
    DeepFm,
    /// Two cross layers and `mlp` side by side, with `lr` (Wang et al., "Deep & Cross Network", 2017).
    Dcn,
    /// The same with a matrix of low rank in each cross layer (Wang et al., "DCN V2", 2021).
    DcnV2,
}

impl Architecture {
    /// Every architecture with its name in SQL.
    pub const ALL: [(&'static str, Self); 7] = [
        ("lr", Self::Lr),
        ("bilinear", Self::Bilinear),
        ("fm", Self::Fm),
        ("mlp", Self::Mlp),
        ("deepfm", Self::DeepFm),
        ("dcn", Self::Dcn),
        ("dcnv2", Self::DcnV2),
    ];

    /// The architecture called `name`, whatever its case; [`Kind::InvalidParameter`] lists the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, architecture)| *architecture).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
            Error::new(Kind::InvalidParameter, format!("there is no architecture \"{name}\""))
                .with_hint(format!("Known are: {}.", names.join(", ")))
        })
    }

    /// Whether there are hidden layers.
    pub(super) fn has_tower(self) -> bool {
        matches!(self, Self::Mlp | Self::DeepFm | Self::Dcn | Self::DcnV2)
    }

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, architecture)| *architecture == self).map_or("", |(name, _)| name)
    }
}

/// How a raw probability becomes one that can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CalibrationMethod {
    /// Not at all.
    None,
    /// A logistic curve of the logit (Platt, 1999).
    Platt,
    /// A rising staircase (pool adjacent violators); wants a thousand rows or more.
    Isotonic,
}

/// The options of `CREATE MODEL .. OPTIONS (model_type = 'ctr', ..)`. Fields left `None` take a default by architecture
/// or by the number of rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CtrOptions {
    /// The column to predict: 0 and 1, -1 and 1, or boolean.
    pub label_col: String,
    /// What may follow a click, in the same forms: a purchase. With it the model learns both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion_col: Option<String>,
    /// Who was shown something; its whole numbers are names.
    pub user_col: Option<String>,
    /// What was shown.
    pub item_col: Option<String>,
    /// When; used for the split, no feature itself unless it is a timestamp (hour and weekday).
    pub time_col: Option<String>,
    /// Further columns of the user's side.
    pub user_features: Vec<String>,
    /// Further columns of the item's side.
    pub item_features: Vec<String>,
    /// The network.
    pub architecture: Architecture,
    /// `None`: by time where there is a time column, else by chance.
    pub split: Option<Split>,
    /// Share of rows kept for `evaluation`; as many again for early stopping and calibration.
    pub eval_fraction: f64,
    /// Epochs at most.
    pub max_iterations: usize,
    /// First step of Adam, which falls to a tenth over the epochs.
    pub learn_rate: Option<f64>,
    /// Weight of the squared parameters, as in scikit-learn's 1/C: beside the *sum* of the rows' losses.
    pub l2_reg: Option<f64>,
    /// Rows of one step.
    pub batch_size: Option<usize>,
    /// Numbers in the vector of each slot entry.
    pub embedding_dim: usize,
    /// Units of each hidden layer; `None`: 32 and 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_units: Option<Vec<usize>>,
    /// Same seed, same rows, same model.
    pub seed: u64,
    /// How raw probabilities are calibrated.
    pub calibration: CalibrationMethod,
}

impl Default for CtrOptions {
    fn default() -> Self {
        Self {
            label_col: String::new(),
            conversion_col: None,
            user_col: None,
            item_col: None,
            time_col: None,
            user_features: Vec::new(),
            item_features: Vec::new(),
            architecture: Architecture::DeepFm,
            split: None,
            eval_fraction: 0.1,
            max_iterations: 20,
            learn_rate: None,
            l2_reg: None,
            batch_size: None,
            embedding_dim: 8,
            hidden_units: None,
            seed: 7,
            calibration: CalibrationMethod::Platt,
        }
    }
}

impl CtrOptions {
    /// Refuses what cannot work, naming the option.
    pub fn check(&self) -> Result<()> {
        if self.label_col.is_empty() {
            fail!(InvalidParameter, "option label_col is needed: the column to predict");
        }
        if self.conversion_col.as_ref() == Some(&self.label_col) {
            fail!(InvalidParameter, "option conversion_col must be another column than label_col");
        }
        if !(0.0..0.5).contains(&self.eval_fraction) {
            fail!(InvalidParameter, "option eval_fraction must be at least 0 and below 0.5");
        }
        if !(1..=10_000).contains(&self.max_iterations) {
            fail!(InvalidParameter, "option max_iterations must lie between 1 and 10000");
        }
        if self.learn_rate.is_some_and(|rate| !(rate > 0.0 && rate <= 10.0)) {
            fail!(InvalidParameter, "option learn_rate must be above 0 and at most 10");
        }
        if self.l2_reg.is_some_and(|l2| !(l2 >= 0.0 && l2.is_finite())) {
            fail!(InvalidParameter, "option l2_reg must not be negative");
        }
        if self.batch_size.is_some_and(|rows| !(1..=65_536).contains(&rows)) {
            fail!(InvalidParameter, "option batch_size must lie between 1 and 65536");
        }
        if !(1..=128).contains(&self.embedding_dim) {
            fail!(InvalidParameter, "option embedding_dim must lie between 1 and 128");
        }
        if let Some(units) = &self.hidden_units {
            if !(1..=8).contains(&units.len()) || !units.iter().all(|units| (1..=1024).contains(units)) {
                fail!(InvalidParameter, "option hidden_units must name one to eight layers of 1 to 1024 units");
            }
            if !self.architecture.has_tower() {
                let name = self.architecture.name();
                fail!(InvalidParameter, "option hidden_units is for mlp, deepfm, dcn and dcnv2: {name} has no layers");
            }
        }
        if self.split == Some(Split::Time) && self.time_col.is_none() {
            fail!(InvalidParameter, "split = 'time' needs the option time_col");
        }
        Ok(())
    }

    /// Adam's first step. Every slot moves the logit by up to one step, so that wide rows need smaller ones: the constant
    /// is divided by the slots. Constants and penalties were chosen on three sets: a
    /// click log of 39 columns, shop sessions, film ratings.
    pub(super) fn learn_rate(&self, slots: usize) -> f32 {
        let scale = match self.architecture {
            Architecture::Lr => 0.06,
            _ => 0.02,
        };
        self.learn_rate.unwrap_or((scale / slots.max(1) as f64).clamp(0.0005, 0.02)) as f32
    }

    /// Weight of the squared parameters.
    pub(super) fn l2(&self) -> f32 {
        let default = match self.architecture {
            Architecture::Lr | Architecture::Fm | Architecture::Dcn | Architecture::DcnV2 => 4.0,
            _ => 8.0,
        };
        self.l2_reg.unwrap_or(default) as f32
    }

    /// Rows of one step: some hundred steps an epoch, within what keeps a core busy.
    pub(super) fn batch_rows(&self, rows: usize) -> usize {
        self.batch_size.unwrap_or_else(|| (rows / 100).clamp(32, 1024))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_architecture_lists_the_known() {
        assert_eq!(Architecture::parse("DeepFM").unwrap(), Architecture::DeepFm);
        let error = Architecture::parse("transformer").unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidParameter);
        assert!(Architecture::ALL.iter().all(|(name, _)| error.hint().unwrap_or_default().contains(name)));
    }

    #[test]
    fn impossible_options_are_refused_by_name() {
        let good = CtrOptions { label_col: "y".into(), ..CtrOptions::default() };
        assert!(good.check().is_ok());
        let bad = [
            (CtrOptions { label_col: String::new(), ..good.clone() }, "label_col"),
            (CtrOptions { eval_fraction: 0.5, ..good.clone() }, "eval_fraction"),
            (CtrOptions { max_iterations: 0, ..good.clone() }, "max_iterations"),
            (CtrOptions { learn_rate: Some(f64::NAN), ..good.clone() }, "learn_rate"),
            (CtrOptions { l2_reg: Some(-1.0), ..good.clone() }, "l2_reg"),
            (CtrOptions { embedding_dim: 0, ..good.clone() }, "embedding_dim"),
            (CtrOptions { hidden_units: Some(vec![8, 0]), ..good.clone() }, "hidden_units"),
            (
                CtrOptions { hidden_units: Some(vec![8]), architecture: Architecture::Fm, ..good.clone() },
                "hidden_units",
            ),
            (CtrOptions { split: Some(Split::Time), ..good }, "time_col"),
        ];
        for (options, name) in bad {
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidParameter);
            assert!(error.message().contains(name), "{name}");
        }
    }
}
