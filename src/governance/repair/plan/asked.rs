//! What is done only where it is asked for: values that are made up.

use super::column::{ABSENT, Column, Kind};
use super::{Asked, Method, Proposal};

/// Values below which there is no middle.
const VALUES_MIN: usize = 10;
/// Distances of the quartiles outside of which a number is far out (Tukey's far out values, 1977).
const FENCE: f64 = 3.0;

/// Medians for missing numbers, and the ends of what is usual for numbers far out.
pub fn find(columns: &[Column], asked: &Asked) -> Vec<Proposal> {
    let mut found = Vec::new();
    let (impute, clip) = (asked.may(Method::ImputeMedian), asked.may(Method::OutlierClip));
    if !impute && !clip {
        return found;
    }
    for (at, column) in columns.iter().enumerate() {
        let Kind::Number { whole } = column.kind else { continue };
        let mut numbers: Vec<f64> = column
            .rows
            .iter()
            .filter_map(|place| column.at(*place)?.parse().ok())
            .filter(|n: &f64| n.is_finite())
            .collect();
        if column.fixed || numbers.len() < VALUES_MIN {
            continue;
        }
        numbers.sort_by(f64::total_cmp);
        let (low, middle, high) = (quantile(&numbers, 0.25), quantile(&numbers, 0.5), quantile(&numbers, 0.75));
        let reach = FENCE * (high - low);
        let written = |value: f64| if whole { value.round().to_string() } else { value.to_string() };
        for (row, place) in column.rows.iter().enumerate() {
            let change = |new: f64, method: Method| Proposal {
                row,
                column: at,
                new: Some(written(new)),
                method,
                // It is done as it was asked for; that it is right nobody says.
                confidence: 0.5,
                rule: None,
            };
            if *place == ABSENT {
                found.extend(impute.then(|| change(middle, Method::ImputeMedian)));
                continue;
            }
            let Some(value) = column.at(*place).and_then(|text| text.parse::<f64>().ok()) else { continue };
            let bounded = value.clamp(low - reach, high + reach);
            if clip && reach > 0.0 && bounded != value {
                // Towards the middle, so that what is rounded is not far out still.
                let bounded = if !whole {
                    bounded
                } else if bounded < value {
                    bounded.floor()
                } else {
                    bounded.ceil()
                };
                found.push(change(bounded, Method::OutlierClip));
            }
        }
    }
    found
}

/// A quantile by linear interpolation, as `percentile_cont`.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let value = |place: f64| sorted.get(place as usize).copied().unwrap_or(0.0);
    value(at.floor()) + (value(at.ceil()) - value(at.floor())) * at.fract()
}
