//! The trained model, and its verdicts.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use super::cells::{Cells, EMPTY, read};
use super::column::{ColumnModel, FAR, Finding};
use super::dependency::{self, Dependency};
use super::glued::{self, Glued};
use super::masked::Masked;
use super::subgroup::{self, Subgroups};
use crate::config;
use crate::error::Result;
use crate::fail;

/// Probabilities of error below this are noise and count as 0.
const P_ERROR_MIN: f64 = 0.05;
/// Seed of the network: the same rows give the same model.
const SEED: u64 = 17;

/// Joined findings of one row, each with the place of its column.
type RowFindings = Vec<(usize, Finding)>;

/// What the model thinks of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellVerdict {
    /// The cell's column.
    pub column: String,
    /// Probability that the cell is wrong, 0..1.
    pub p_error: f64,
    /// The loudest witness's reason.
    pub why: String,
    /// The value to be expected, if a witness knows one.
    pub expected: Option<String>,
}

/// What a right row of one relation looks like. See the [module](super).
#[derive(Debug, Clone)]
pub struct RowQualityModel {
    pub(super) rows: usize,
    pub(super) columns: Vec<ColumnModel>,
    pub(super) subgroups: Vec<Subgroups>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) glued: Vec<Glued>,
    pub(super) masked: Option<Masked>,
}

impl RowQualityModel {
    /// Learns from batches of one schema; beyond [`config::QUALITY_TRAIN_ROWS`] rows an even sample of them. `progress` is
    /// told the share done and cancels by returning an error. No rows at all is
    /// [`InvalidParameter`](crate::Kind::InvalidParameter).
    pub fn train(batches: &[RecordBatch], progress: &mut dyn FnMut(f64) -> Result<()>) -> Result<Self> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows == 0 {
            fail!(InvalidParameter, "there are no rows to learn quality from");
        }
        let stride = rows.div_ceil(config::QUALITY_TRAIN_ROWS).max(1);
        let cells = read(batches, stride)?;
        progress(0.2)?;
        let columns: Vec<ColumnModel> = cells.iter().map(ColumnModel::learn).collect();
        let subgroups = subgroup::learn(&columns, &cells);
        progress(0.4)?;
        let dependencies = dependency::learn(&cells);
        let glued = glued::learn(&cells);
        progress(0.7)?;
        let masked = Masked::learn(&cells, SEED)?;
        progress(1.0)?;
        Ok(Self { rows, columns, subgroups, dependencies, glued, masked })
    }

    /// Rows there were in training, before sampling.
    pub fn trained_rows(&self) -> usize {
        self.rows
    }

    /// Quality of each row, 0..1: the probability that every cell is right. Columns are matched by name; one that the
    /// model does not know is not judged, one that is absent is not held against the row.
    pub fn score(&self, batch: &RecordBatch) -> Result<Vec<f64>> {
        let (_, findings) = self.findings(batch)?;
        Ok(findings.iter().map(|row| row.iter().map(|(_, finding)| 1.0 - finding.p_error).product()).collect())
    }

    /// For each row its suspicious cells, worst first; an empty list for a row without any.
    pub fn detail(&self, batch: &RecordBatch) -> Result<Vec<Vec<CellVerdict>>> {
        let (cells, findings) = self.findings(batch)?;
        let verdict = |(column, finding): (usize, Finding)| CellVerdict {
            column: cells.get(column).map(|cells| cells.name.clone()).unwrap_or_default(),
            p_error: finding.p_error,
            why: finding.why,
            expected: finding.expected,
        };
        Ok(findings
            .into_iter()
            .map(|row| {
                let mut row: Vec<CellVerdict> = row.into_iter().map(verdict).collect();
                row.sort_by(|a, b| b.p_error.total_cmp(&a.p_error));
                row
            })
            .collect())
    }

    /// For each row the joined findings by place of the column.
    fn findings(&self, batch: &RecordBatch) -> Result<(Vec<Cells>, Vec<RowFindings>)> {
        let cells = read(std::slice::from_ref(batch), 1)?;
        let mut joined: Vec<RowFindings> = vec![Vec::new(); batch.num_rows()];
        let place_of: HashMap<&str, usize> =
            cells.iter().enumerate().map(|(place, cells)| (cells.name.as_str(), place)).collect();
        let place = |name: &str| place_of.get(name).copied();
        let cells_of = |name: &str| place(name).and_then(|at| cells.get(at));
        for model in &self.columns {
            let Some((at, cells)) = place(&model.name).and_then(|at| Some((at, cells.get(at)?))) else { continue };
            let parted = self.subgroups.iter().find(|parted| parted.of == model.name);
            let kinds = parted.and_then(|parted| Some((parted, cells_of(&parted.by)?)));
            judge_column(model, cells, at, kinds, &mut joined);
        }
        for dependency in &self.dependencies {
            let (Some(from), Some(to)) = (place(&dependency.from), place(&dependency.to)) else { continue };
            let (Some(from), Some(to_cells)) = (cells.get(from), cells.get(to)) else { continue };
            for (row, joined) in joined.iter_mut().enumerate() {
                let finding = from.value(row).and_then(|value| dependency.judge(value, to_cells.value(row)));
                join_same(joined, to, finding);
            }
        }
        for glued in &self.glued {
            let (Some(from), Some(to)) = (place(&glued.from), place(&glued.to)) else { continue };
            let (Some(from_cells), Some(to_cells)) = (cells.get(from), cells.get(to)) else { continue };
            for (row, joined) in joined.iter_mut().enumerate() {
                if let Some((whole, lost)) = glued.judge(from_cells.value(row), to_cells.value(row)) {
                    join(joined, from, whole);
                    join(joined, to, lost);
                }
            }
        }
        if let Some(masked) = &self.masked {
            for (row, name, finding) in masked.judge(&cells, batch.num_rows())? {
                if let (Some(at), Some(joined)) = (place(&name), joined.get_mut(row)) {
                    join(joined, at, finding);
                }
            }
        }
        for row in &mut joined {
            row.retain(|(_, finding)| finding.p_error >= P_ERROR_MIN);
        }
        Ok((cells, joined))
    }
}

/// The witnesses that look at one column: once per distinct value, then dealt to the rows. A value far out that lies among
/// its `kinds` is none.
fn judge_column(
    model: &ColumnModel,
    cells: &Cells,
    at: usize,
    kinds: Option<(&Subgroups, &Cells)>,
    joined: &mut [RowFindings],
) {
    let verdicts: Vec<Vec<Finding>> = cells.distinct.iter().map(|value| model.judge(value)).collect();
    let empty = model.judge_empty();
    let usual_of_kind = |row: usize, place: u32| {
        kinds.is_some_and(|(parted, by)| {
            by.value(row).zip(cells.at(place)).is_some_and(|(kind, value)| parted.holds(kind, value))
        })
    };
    for (number, (place, row)) in cells.rows.iter().zip(joined).enumerate() {
        if *place == EMPTY {
            if let Some(finding) = &empty {
                join(row, at, finding.clone());
            }
            continue;
        }
        for finding in verdicts.get(*place as usize).into_iter().flatten() {
            if finding.why == FAR && usual_of_kind(number, *place) {
                continue;
            }
            join(row, at, finding.clone());
        }
    }
}

/// Noisy-or; the louder witness gives the reason, and the expected value unless only the other knows one.
fn join(row: &mut RowFindings, at: usize, finding: Finding) {
    let Some((_, there)) = row.iter_mut().find(|(place, _)| *place == at) else {
        row.push((at, finding));
        return;
    };
    let both = 1.0 - (1.0 - there.p_error) * (1.0 - finding.p_error);
    if finding.p_error > there.p_error {
        let expected = finding.expected.or_else(|| there.expected.take());
        *there = Finding { p_error: both, why: finding.why, expected };
    } else {
        there.p_error = both;
        there.expected = there.expected.take().or(finding.expected);
    }
}

/// Dependencies into one column are one witness, not several: X1 and X2 often settle each other too.
fn join_same(row: &mut RowFindings, at: usize, finding: Option<Finding>) {
    let Some(finding) = finding else { return };
    let repeated = row.iter().any(|(place, there)| *place == at && there.why.starts_with("other rows"));
    if !repeated {
        join(row, at, finding);
    }
}
