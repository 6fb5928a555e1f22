//! Which columns matter to a model.

use super::encoded::Encoded;
use super::spec::FeatureSpec;
use crate::error::Result;
use crate::models::random::Random;

/// Rows looked at.
const ROWS_MAX: usize = 4_000;

/// By how much `loss` of rows grows when the values of one column are dealt to other rows (Breiman, "Random Forests", 2001), for each
/// column, largest first. `loss` is given encoded rows and the place of each within `encoded`; it may end all with an error.
pub(in crate::models) fn permutation(
    spec: &FeatureSpec,
    encoded: &Encoded,
    seed: u64,
    loss: &mut dyn FnMut(&Encoded, &[usize]) -> Result<f64>,
) -> Result<Vec<(String, f64)>> {
    let mut random = Random::new(seed ^ 0x1337);
    let mut places: Vec<usize> = (0..encoded.rows).collect();
    random.shuffle(&mut places);
    places.truncate(ROWS_MAX);
    let sample = encoded.take(&places);
    let before = loss(&sample, &places)?;
    let mut order: Vec<usize> = (0..places.len()).collect();
    let mut all: Vec<(String, f64)> = Vec::new();
    for input in spec.inputs() {
        random.shuffle(&mut order);
        let after = loss(&spec.permuted(&sample, &input.name, &order), &places)?;
        all.push((input.name, after - before));
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(all)
}
