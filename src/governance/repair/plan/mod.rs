//! What the cells of a relation suggest that they should be, without labels and without rules.
//!
//! Three looks, each over what the one before it would leave:
//!
//! 1. **Values** ([`value`]): what a value of this column should be, whatever else is in the row: without needless blanks, in the
//!    column's unit, format and spelling, NULL where it is a word for that.
//! 2. **Rows** ([`glued`], [`dependency`], [`sources`]): what the other cells of the row, and of rows like it, say of a cell: two values in
//!    one cell beside an empty one, a column that others determine, several sources that tell of one thing.
//! 3. What is **asked for** ([`asked`]): missing numbers set to the median, numbers far out brought back. Nobody does that by default,
//!    since it makes values up.
//!
//! A column whose meaning is disputed gets no confidence: see [`sources`].

mod asked;
mod column;
mod dependency;
mod glued;
mod measure;
mod method;
mod moment;
mod sources;
mod spelling;
#[cfg(test)]
mod tests;
mod value;

pub use column::{ABSENT, Among, Column, Kind};
pub use method::Method;

use crate::error::Result;
use std::collections::BTreeMap;

/// A change of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The row, from 0.
    pub row: usize,
    /// The place of its column.
    pub column: usize,
    /// What it should be; `None` for NULL.
    pub new: Option<String>,
    /// How that was found.
    pub method: Method,
    /// How often such a change is right, 0 to 1.
    pub confidence: f64,
    /// The quality rule that it comes from, if it comes from one.
    pub rule: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Methods that may be used; empty for all that make nothing up.
    pub methods: Vec<Method>,
    /// The least confidence.
    pub min_confidence: f64,
}

impl Asked {
    /// Whether a method may be used.
    pub fn may(&self, method: Method) -> bool {
        if self.methods.is_empty() { !method.makes_up() } else { self.methods.contains(&method) }
    }
}

/// From here on a change of values counts when rows are looked at.
const SETTLED: f64 = 0.85;

/// Changes of the cells of columns that have the same rows, by row and column; at most one of a cell. `stop` is asked between steps and
/// ends the search with its error.
pub fn plan(columns: &[Column], asked: &Asked, stop: &dyn Fn() -> Result<()>) -> Result<Vec<Proposal>> {
    let mut found: BTreeMap<(usize, usize), Proposal> = BTreeMap::new();
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        stop()?;
        values.push(if column.fixed { value::Changes::default() } else { value::changes(column, asked) });
    }
    for (at, (column, changes)) in columns.iter().zip(&values).enumerate() {
        for (row, place) in column.rows.iter().enumerate() {
            if let Some(change) = changes.of(*place) {
                let proposal = Proposal {
                    row,
                    column: at,
                    new: change.new.clone(),
                    method: change.method,
                    confidence: change.confidence,
                    rule: change.rule.clone(),
                };
                found.insert((row, at), proposal);
            }
        }
    }
    // A value that would be another is looked at as that.
    let settled: Vec<Column> = columns
        .iter()
        .zip(&values)
        .map(|(column, changes)| {
            column.changed(|place, value| match changes.of(place).filter(|change| change.confidence >= SETTLED) {
                Some(change) => change.new.clone(),
                None => Some(value.to_owned()),
            })
        })
        .collect();
    stop()?;
    let mut by_rows = glued::find(&settled);
    let told = sources::find(&settled, stop)?;
    by_rows.extend(dependency::find(&settled, &told, stop)?);
    for (at, trust) in &told.trust {
        // What a disputed column's cells should be is as doubtful as the column.
        for (_, proposal) in found.iter_mut().filter(|((_, column), _)| column == at) {
            if proposal.new.is_some() {
                proposal.confidence = proposal.confidence.min(*trust);
            }
        }
    }
    by_rows.extend(told.proposals);
    for proposal in by_rows.into_iter().filter(|proposal| asked.may(proposal.method)) {
        let key = (proposal.row, proposal.column);
        let Some(column) = columns.get(proposal.column).filter(|column| !column.fixed) else { continue };
        if proposal.new.as_deref() == column.value(proposal.row) || column.not_null && proposal.new.is_none() {
            continue;
        }
        match found.get_mut(&key) {
            // Both say the same: the surer says how sure, the simpler how.
            Some(there) if there.new == proposal.new => there.confidence = there.confidence.max(proposal.confidence),
            _ => {
                found.insert(key, proposal);
            }
        }
    }
    stop()?;
    for proposal in asked::find(&settled, asked) {
        found.entry((proposal.row, proposal.column)).or_insert(proposal);
    }
    let sure = |proposal: &Proposal| {
        // What makes values up was asked for by name.
        asked.may(proposal.method) && (proposal.method.makes_up() || proposal.confidence >= asked.min_confidence)
    };
    Ok(found.into_values().filter(sure).collect())
}
