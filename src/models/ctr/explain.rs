//! Why a probability is what it is, and which columns matter.

use arrow::array::RecordBatch;

use super::model::{CtrModel, Said, Target};
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
    /// The calibrated probability of what was asked for.
    pub probability: f64,
    /// The network's probability before calibration.
    pub raw: f64,
    /// The calibrated probabilities of a click, and of a conversion after one where it is learnt.
    pub ctr: f64,
    /// See above.
    pub cvr: Option<f64>,
    /// Whether the user or the item was not known from training.
    pub cold_start: bool,
    /// Columns that moved the probability most, with the change they made: the probability minus what it would be had the column
    /// its commonest value.
    pub top_features: Vec<(String, f64)>,
}

impl CtrModel {
    /// [`predict_target`](Self::predict_target) with reasons, for each row. Costs one prediction per column.
    pub fn predict_detail(&self, batch: &RecordBatch, target: Target) -> Result<Vec<Detail>> {
        let encoded = self.spec.encode(batch)?;
        let logits = logits(&self.tasks, &encoded);
        let of = |logits: &[f32]| logits.iter().map(|logit| probability(*logit)).collect::<Vec<f64>>();
        let raw = Said { ctr: of(&logits.click), cvr: of(&logits.conversion) }.of(target);
        let said = self.said(&encoded);
        let probabilities = said.clone().of(target);
        let rows = probabilities.iter().zip(raw).zip(&said.ctr).enumerate();
        let mut details: Vec<Detail> = rows
            .map(|(row, ((probability, raw), ctr))| Detail {
                probability: *probability,
                raw,
                ctr: *ctr,
                cvr: said.cvr.get(row).copied(),
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
            let without = self.said(&self.spec.without(&encoded, &input.name)).of(target);
            for (detail, without) in details.iter_mut().zip(without) {
                let change = detail.probability - without;
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

    /// See [`Facts::importance`](crate::models::Facts::importance): by the log-loss of clicks, to which that of conversions over all rows is
    /// added where they are learnt.
    pub(super) fn permutation_importance(&self, rows: &Rows) -> Result<Vec<(String, f64)>> {
        permutation(&self.spec, &rows.encoded, self.options.seed, &mut |encoded, places| {
            let labels: Vec<bool> = places.iter().filter_map(|place| rows.labels.get(*place).copied()).collect();
            let said = self.said(encoded);
            let clicks = metrics::logloss(&said.ctr, &labels);
            if rows.conversions.is_empty() {
                return Ok(clicks);
            }
            let both = places.iter().map(|place| rows.conversions.get(*place).copied().flatten());
            let known = said.of(Target::Ctcvr).into_iter().zip(both).filter_map(|(said, both)| Some((said, both?)));
            let (said, both): (Vec<f64>, Vec<bool>) = known.unzip();
            Ok(clicks + metrics::logloss(&said, &both))
        })
    }
}
