//! Why a probability is what it is, and which columns matter.

use arrow::array::RecordBatch;

use super::model::CtrModel;
use super::network::probability;
use super::training::{Rows, logits};
use crate::error::Result;
use crate::models::features::permutation;
use crate::models::metrics;

/// Features named in a [`Detail`].
const TOP_FEATURES: usize = 5;

/// One prediction, opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// The calibrated probability.
    pub ctr: f64,
    /// The network's probability before calibration.
    pub raw: f64,
    /// Whether the user or the item was not known from training.
    pub cold_start: bool,
    /// Columns that moved the probability most, with the change they made: `ctr` minus what it would be had the column
    /// its commonest value.
    pub top_features: Vec<(String, f64)>,
}

impl CtrModel {
    /// [`predict`](Self::predict) with reasons, for each row. Costs one prediction per column.
    pub fn predict_detail(&self, batch: &RecordBatch) -> Result<Vec<Detail>> {
        let encoded = self.spec.encode(batch)?;
        let mut details: Vec<Detail> = logits(&self.network, &encoded)
            .into_iter()
            .map(|logit| Detail {
                ctr: self.calibration.apply(logit),
                raw: probability(logit),
                cold_start: false,
                top_features: Vec::new(),
            })
            .collect();
        for name in self.options.user_col.iter().chain(&self.options.item_col) {
            for (detail, unknown) in details.iter_mut().zip(self.spec.unknown(&encoded, name)) {
                detail.cold_start |= unknown;
            }
        }
        for input in self.spec.inputs() {
            let without = self.probabilities(&self.spec.without(&encoded, &input.name));
            for (detail, without) in details.iter_mut().zip(without) {
                let change = detail.ctr - without;
                if change != 0.0 {
                    detail.top_features.push((input.name.clone(), change));
                }
            }
        }
        for detail in &mut details {
            detail.top_features.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            detail.top_features.truncate(TOP_FEATURES);
        }
        Ok(details)
    }

    /// See [`Facts::importance`](crate::models::Facts::importance).
    pub(super) fn permutation_importance(&self, rows: &Rows) -> Result<Vec<(String, f64)>> {
        permutation(&self.spec, &rows.encoded, self.options.seed, &mut |encoded, places| {
            let labels: Vec<bool> = places.iter().filter_map(|place| rows.labels.get(*place).copied()).collect();
            Ok(metrics::logloss(&self.probabilities(encoded), &labels))
        })
    }
}
