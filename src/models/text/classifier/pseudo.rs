//! Rows without a label that teach with the one which a first training is sure of (self-training: Yarowsky, 1995; Lee, 2013).
//!
//! What is sure is what both parts together give a probability of [`SURE`] or more. That may help, where words that no labelled row has
//! go with words that one has, or hurt, where the first training is wrong and sure. So both are trained, without and with these rows, and
//! the rows held out, whose labels are known, decide.

use super::training::{BETTER, Fitted, Part, Steps};
use super::vocabulary::Vocabulary;
use crate::error::Result;

/// The probability from which a label is believed.
const SURE: f32 = 0.95;

/// The rows of `pool` of whose class `fitted` is sure, with it.
pub(super) fn taught(fitted: &Fitted, pool: &Part, classes: usize) -> Part {
    let said = fitted.logs(pool, classes);
    let width = pool.vectors.len() / pool.places.len().max(1);
    let sure: Vec<(usize, u32)> = said
        .iter()
        .enumerate()
        .filter_map(|(row, logs)| {
            let (class, log) = logs.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
            (*log >= SURE.ln()).then_some((row, class as u32))
        })
        .collect();
    let mut part =
        Part { rows: pool.rows.take(&sure.iter().map(|(row, _)| *row).collect::<Vec<_>>()), ..Part::default() };
    for (place, (row, class)) in sure.into_iter().enumerate() {
        part.classes.push(class);
        // The encoder has read all of the pool, or none.
        if let Some(text) = pool.texts.get(row) {
            part.texts.push(text.clone());
            part.places.push(place);
            part.vectors.extend(pool.vectors.get(row * width..(row + 1) * width).unwrap_or_default());
        }
    }
    part
}

impl Steps<'_, '_, '_> {
    /// Trains with the rows that a first training has taught, too. Where the rows held out are better predicted so, `fitted` becomes that, and
    /// the training rows with them and their count are given.
    pub(super) fn with_taught(
        &mut self,
        fitted: &mut Fitted,
        (train, validation): (&Part, &Part),
        taught: Part,
        (vocabulary, classes): (&Vocabulary, usize),
    ) -> Result<Option<(Part, usize)>> {
        let count = taught.rows.len();
        let (Some(before), true) = (fitted.loss, count > 0) else {
            (self.watch.told)("of no row without a label is the model sure enough to learn from it")?;
            return Ok(None);
        };
        let mut more = train.clone();
        more.append(taught);
        self.again += 1;
        let second = self.fit_both((&more, validation), vocabulary, (classes, fitted.dense.is_some()))?;
        let after = second.loss.unwrap_or(f64::INFINITY);
        let told = format!("held-out log-loss {after:.5} with them, {before:.5} without");
        if after >= before * (1.0 - BETTER) {
            (self.watch.told)(&format!("{count} rows without a label do not help and are left out ({told})"))?;
            return Ok(None);
        }
        (self.watch.told)(&format!(
            "{count} rows without a label teach with the label that the model gives them ({told})"
        ))?;
        *fitted = second;
        Ok(Some((more, count)))
    }
}
