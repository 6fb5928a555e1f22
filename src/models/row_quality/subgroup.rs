//! Columns in which a minority of the rows lives elsewhere, by right.
//!
//! Where many values lie far from the rest, and another column of few values parts the rows so that nearly all of them lie
//! among their own kind (prices by currency, dates by origin), such a value is judged among its kind alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::{Cells, EMPTY};
use super::column::ColumnModel;
use super::spread::Spread;

/// Rows far out from which on they may be a kind of their own.
const FAR_ROWS_MIN: usize = 20;
/// Kinds that the parting column may name.
const KINDS: std::ops::RangeInclusive<usize> = 2..=20;
/// Of so many rows far out at most one may stay far out among its kind.
const EXPLAINED_TIMES: usize = 5;

/// The kinds of one column's values, by another column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Subgroups {
    pub of: String,
    pub by: String,
    kinds: BTreeMap<String, Spread>,
}

impl Subgroups {
    /// Whether `value` lies among the values of its kind.
    pub fn holds(&self, kind: &str, value: &str) -> bool {
        self.kinds.get(kind).is_some_and(|spread| spread.measure(value).is_some_and(|number| spread.holds(number)))
    }
}

/// Finds for each column with many values far out the column that explains them best, if one does.
pub(super) fn learn(models: &[ColumnModel], columns: &[Cells]) -> Vec<Subgroups> {
    let mut found = Vec::new();
    for (model, of) in models.iter().zip(columns) {
        let Some(spread) = &model.spread else { continue };
        let measured: Vec<Option<f64>> = of.distinct.iter().map(|value| spread.measure(value)).collect();
        let number = |place: u32| measured.get(place as usize).copied().flatten();
        let far: Vec<(usize, f64)> = of
            .rows
            .iter()
            .enumerate()
            .filter_map(|(row, place)| Some((row, number(*place)?)))
            .filter(|(_, number)| !spread.holds(*number))
            .collect();
        if far.len() < FAR_ROWS_MIN {
            continue;
        }
        let mut best: Option<(usize, Subgroups)> = None;
        for by in columns.iter().filter(|by| by.name != of.name && KINDS.contains(&by.distinct.len())) {
            let mut members: Vec<Vec<(f64, u32)>> = vec![Vec::new(); by.distinct.len()];
            for (kind, place) in by.rows.iter().zip(&of.rows) {
                if let (true, Some(kind), Some(number)) =
                    (*kind != EMPTY, members.get_mut(*kind as usize), number(*place))
                {
                    kind.push((number, 1));
                }
            }
            let kinds: BTreeMap<String, Spread> = by
                .distinct
                .iter()
                .zip(members)
                .filter_map(|(kind, members)| Some((kind.clone(), Spread::learn(members, spread.days)?)))
                .collect();
            let lies = |row: usize, number: f64| {
                by.value(row).and_then(|kind| kinds.get(kind)).is_some_and(|kind| kind.holds(number))
            };
            let still = far.iter().filter(|(row, number)| !lies(*row, *number)).count();
            if still * EXPLAINED_TIMES <= far.len() && best.as_ref().is_none_or(|(least, _)| still < *least) {
                best = Some((still, Subgroups { of: of.name.clone(), by: by.name.clone(), kinds }));
            }
        }
        found.extend(best.map(|(_, subgroups)| subgroups));
    }
    found
}
