//! A column that another one determines, and the rows that break the rule.
//!
//! Rows that share X nearly always share Y: where they do, the few that differ are wrong the more surely, the more rows are against them.
//! A value that another column speaks for as well is left alone: two brewers of one name in two states are no error where the brewer's
//! number says so. Where two columns determine each other, either of both cells may be the wrong one, and neither change is sure.

use super::column::{ABSENT, Column};
use super::sources::{Told, agreement, groups, usable};
use super::{Method, Proposal};
use crate::error::Result;
use std::collections::{BTreeMap, HashMap};

/// Agreement above chance from which on X determines Y.
const STRENGTH_MIN: f64 = 0.9;
/// How much faster than the agreement the confidence falls.
const STRICTNESS: f64 = 5.0;
/// Rows that must agree on the value of a group.
const WINNERS_MIN: usize = 3;
/// Columns that take part, at most: pairs of them are looked at.
const COLUMNS_MAX: usize = 60;

/// Confidence at most where one of two cells is wrong, and nothing says which.
const EITHER: f64 = 0.5;

/// What one column says of a cell of another.
struct Say {
    by: usize,
    strength: f64,
    winner: u32,
    most: usize,
    /// Rows of the group that have the cell's value; of an empty cell those that are empty.
    here: usize,
    all: usize,
}

/// Cells that break dependencies. Columns that sources tell of are theirs.
pub fn find(columns: &[Column], told: &Told, stop: &dyn Fn() -> Result<()>) -> Result<Vec<Proposal>> {
    let places: Vec<Vec<u32>> = columns.iter().map(usable).collect();
    let mut says: BTreeMap<(usize, u32), Vec<Say>> = BTreeMap::new();
    // Which columns determine which, and by how much: they may speak for a value as well.
    let mut determined: Vec<(usize, usize, f64)> = Vec::new();
    let mut grouped: HashMap<usize, Vec<Vec<u32>>> = HashMap::new();
    for (x, column) in columns.iter().enumerate().take(COLUMNS_MAX) {
        stop()?;
        let Some(groups) = places.get(x).and_then(|places| groups(column, places)) else { continue };
        for (y, other) in columns.iter().enumerate().take(COLUMNS_MAX) {
            if x == y || other.fixed || told.trust.contains_key(&y) || told.named.contains(&y) {
                continue;
            }
            let Some(of) = places.get(y) else { continue };
            if let Some(strength) = agreement(&groups, of, other.distinct.len()).filter(|s| *s >= STRENGTH_MIN) {
                determined.push((x, y, strength));
            }
        }
        grouped.insert(x, groups);
    }
    // First who is in a minority anywhere, then all that is said of those.
    for first in [true, false] {
        for (x, y, strength) in &determined {
            stop()?;
            let (Some(groups), Some(of)) = (grouped.get(x), places.get(*y)) else { continue };
            for members in groups {
                judge(members, of, (*x, *strength), |row, say| match first {
                    true if say.here < say.most => _ = says.entry((*y, row)).or_default(),
                    true => {}
                    false => {
                        if let Some(all) = says.get_mut(&(*y, row)) {
                            all.push(say);
                        }
                    }
                });
            }
        }
    }
    let settled: BTreeMap<(usize, u32), Settled> =
        says.iter().filter_map(|(cell, says)| Some((*cell, settle(says)?))).collect();
    let mut found = Vec::new();
    for ((y, row), cell) in &settled {
        let Some(new) = columns.get(*y).and_then(|column| column.at(cell.winner)) else { continue };
        // The cells that are wrong if this one is right, and that speak against it.
        let others = cell.by.iter().filter_map(|x| settled.get(&(*x, *row))).filter(|other| other.by.contains(y));
        let most = others.map(|other| other.by.len()).max();
        if most.is_some_and(|most| most > cell.by.len()) {
            continue;
        }
        let doubtful = most == Some(cell.by.len());
        found.push(Proposal {
            row: *row as usize,
            column: *y,
            new: Some(new.to_owned()),
            method: Method::Dependency,
            confidence: if doubtful { cell.confidence.min(EITHER) } else { cell.confidence },
            rule: None,
        });
    }
    Ok(found)
}

/// What a cell should be, how surely, and by which columns.
struct Settled {
    winner: u32,
    confidence: f64,
    by: Vec<usize>,
}

/// Tells for each row of a group what the group says of it.
fn judge(members: &[u32], of: &[u32], (by, strength): (usize, f64), mut tell: impl FnMut(u32, Say)) {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for row in members {
        *counts.entry(of.get(*row as usize).copied().unwrap_or(ABSENT)).or_default() += 1;
    }
    let full = counts.iter().filter(|(place, _)| **place != ABSENT);
    let Some((winner, most)) = full.max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0))).map(|(p, n)| (*p, *n))
    else {
        return;
    };
    for row in members {
        let place = of.get(*row as usize).copied().unwrap_or(ABSENT);
        let here = counts.get(&place).copied().unwrap_or(0);
        tell(*row, Say { by, strength, winner, most, here, all: members.len() });
    }
}

/// What a cell should be by all that is said of it; nothing if somebody speaks for what it is.
fn settle(says: &[Say]) -> Option<Settled> {
    // A say with as many rows here as at most is one for the cell as it is.
    let is_for = |say: &&Say| say.here == say.most && say.here > 1;
    let against: Vec<&Say> = says.iter().filter(|say| say.here < say.most && say.most >= WINNERS_MIN).collect();
    let first = against.first()?;
    if says.iter().any(|say| is_for(&say)) || against.iter().any(|say| say.winner != first.winner) {
        return None;
    }
    let doubt: f64 = against
        .iter()
        .map(|say| {
            let (most, here) = (say.most as f64, say.here as f64);
            // Laplace's rule, of rows for and against; a group of many values settles nothing.
            let share = most / (say.all as f64 - here).max(most);
            // A rule that many rows break is none.
            let rule = (1.0 - STRICTNESS * (1.0 - say.strength)).max(0.0);
            1.0 - rule * share * (1.0 - (here + 0.5) / (most + here + 1.0))
        })
        .fold(1.0, f64::min);
    // Several that say the same are hardly independent: the best one counts, and a second makes it a little surer.
    let doubt = if against.len() > 1 { doubt * 0.8 } else { doubt };
    let by = against.iter().map(|say| say.by).collect();
    Some(Settled { winner: first.winner, confidence: (1.0 - doubt).min(0.98), by })
}
