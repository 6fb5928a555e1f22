//! Several sources that tell of the same things: what most and best of them say.
//!
//! Rows that share X are reports of one thing where some column S names each reporter at most once per group, and the same reporters
//! come back in most groups. Every other column is put to a vote in which a reporter's weight follows from how often it agrees with the
//! outcome, in a few rounds (as in the TruthFinder family: Yin, Han and Yu, 2008).
//!
//! A vote is no proof. Where a second value has a following of its own in many groups, the reporters do not err: they mean different
//! things (the time of leaving the gate, the time of leaving the ground), and no count says which one the column means. So the *trust* in
//! a column falls with the share of its groups that are contested so, and bounds the confidence of every change in it.

use super::column::{ABSENT, Column};
use super::{Method, Proposal};
use crate::error::Result;
use crate::models::row_quality::missing_word;
use std::collections::BTreeMap;

/// Rounds of voting.
const ROUNDS: usize = 6;
/// How much the votes of sources count that are no independent witnesses, since they copy from each other.
const INDEPENDENCE: f64 = 0.4;
/// Agreement above chance from which on a column is told by the sources at all.
const STRENGTH_MIN: f64 = 0.2;
/// A group is contested if its second value has as many reports, and such a share of them.
const SECOND_REPORTS: usize = 3;
const SECOND_SHARE: f64 = 0.2;

/// What sources say.
#[derive(Debug, Default)]
pub struct Told {
    /// Changes.
    pub proposals: Vec<Proposal>,
    /// For each column that they tell of how far they can be trusted, 0 to 1.
    pub trust: BTreeMap<usize, f64>,
    /// The columns that say which thing is told of, and by whom.
    pub named: Vec<usize>,
}

/// Each row's place, words for "missing" and blanks counted as empty.
pub fn usable(column: &Column) -> Vec<u32> {
    let missing: Vec<bool> =
        column.distinct.iter().map(|value| value.trim().is_empty() || missing_word(value) > 0.0).collect();
    let place = |place: &u32| if missing.get(*place as usize).copied().unwrap_or(true) { ABSENT } else { *place };
    column.rows.iter().map(place).collect()
}

/// Rows by value, groups of two and more; `None` where the column is nearly unique or nearly constant.
pub fn groups(column: &Column, places: &[u32]) -> Option<Vec<Vec<u32>>> {
    let full = places.iter().filter(|place| **place != ABSENT).count();
    if column.distinct.len() < 3 || column.distinct.len() * 10 > full * 7 {
        return None;
    }
    let mut by_value: Vec<Vec<u32>> = vec![Vec::new(); column.distinct.len()];
    for (row, place) in (0u32..).zip(places) {
        if let Some(rows) = by_value.get_mut(*place as usize) {
            rows.push(row);
        }
    }
    by_value.retain(|rows| rows.len() > 1);
    let grouped: usize = by_value.iter().map(Vec::len).sum();
    (by_value.len() >= 3 && grouped * 3 >= full).then_some(by_value)
}

/// Whether S names each row of a group at most once, and the same names come back in most groups.
fn are_sources(groups: &[Vec<u32>], column: &Column, places: &[u32]) -> bool {
    let kinds = column.distinct.len();
    if !(3..=200).contains(&kinds) {
        return false;
    }
    let mut seen = vec![usize::MAX; kinds];
    let (mut rows, mut once) = (0usize, 0usize);
    for (group, members) in groups.iter().enumerate() {
        for row in members {
            rows += 1;
            let place = places.get(*row as usize).copied().unwrap_or(ABSENT);
            if let Some(last) = seen.get_mut(place as usize).filter(|last| **last != group) {
                *last = group;
                once += 1;
            }
        }
    }
    let coverage = rows as f64 / groups.len() as f64 / kinds as f64;
    once * 20 >= rows * 19 && coverage >= 0.3
}

/// Votes by value, most first.
fn tally(members: &[u32], places: &[u32], weight: impl Fn(u32) -> f64) -> Vec<(u32, f64, usize)> {
    let mut votes: BTreeMap<u32, (f64, usize)> = BTreeMap::new();
    for row in members {
        if let Some(place) = places.get(*row as usize).filter(|place| **place != ABSENT) {
            let (sum, count) = votes.entry(*place).or_default();
            *sum += weight(*row);
            *count += 1;
        }
    }
    let mut values: Vec<(u32, f64, usize)> =
        votes.into_iter().map(|(place, (sum, count))| (place, sum, count)).collect();
    values.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    values
}

/// What the sources of a relation say, if it has some.
pub fn find(columns: &[Column], stop: &dyn Fn() -> Result<()>) -> Result<Told> {
    let places: Vec<Vec<u32>> = columns.iter().map(usable).collect();
    let mut told = Told::default();
    for (x, thing) in columns.iter().enumerate() {
        stop()?;
        // What is told of things names none itself.
        if told.trust.contains_key(&x) {
            continue;
        }
        let Some(groups) = places.get(x).and_then(|places| groups(thing, places)) else { continue };
        let source = (0..columns.len()).find(|s| {
            *s != x && columns.get(*s).zip(places.get(*s)).is_some_and(|(column, p)| are_sources(&groups, column, p))
        });
        let Some(sources) = source.and_then(|s| places.get(s)) else { continue };
        let mut any = false;
        for (y, column) in columns.iter().enumerate() {
            let told_already = told.trust.contains_key(&y) || told.named.contains(&y);
            if y == x || Some(y) == source || column.fixed || told_already {
                continue;
            }
            let Some(reports) = places.get(y) else { continue };
            if agreement(&groups, reports, column.distinct.len()).is_some_and(|strength| strength >= STRENGTH_MIN) {
                any = true;
                let trust = vote(y, column, &groups, reports, sources, &mut told.proposals);
                told.trust.insert(y, trust);
            }
        }
        if any {
            told.named.extend(source.into_iter().chain([x]));
        }
    }
    Ok(told)
}

/// How often two rows of a group agree, above chance: 1 always, 0 as often as any two rows. `None` where the column is nearly constant or
/// too few rows can tell.
pub fn agreement(groups: &[Vec<u32>], places: &[u32], distinct: usize) -> Option<f64> {
    let mut all = vec![0u64; distinct];
    let (mut agree, mut rows) = (0.0f64, 0.0f64);
    for members in groups {
        let values = tally(members, places, |_| 1.0);
        let full: usize = values.iter().map(|(_, _, count)| count).sum();
        for (place, _, count) in &values {
            if let Some(sum) = all.get_mut(*place as usize) {
                *sum += *count as u64;
            }
            if full > 1 {
                agree += *count as f64 * (*count as f64 - 1.0) / (full as f64 - 1.0);
            }
        }
        rows += if full > 1 { full as f64 } else { 0.0 };
    }
    let total = all.iter().sum::<u64>() as f64;
    let chance: f64 = all.iter().map(|count| (*count as f64 / total.max(1.0)).powi(2)).sum();
    (rows >= 20.0 && chance < 0.95).then(|| (agree / rows - chance) / (1.0 - chance))
}

/// Puts a column to the vote; gives how far it can be trusted.
fn vote(
    at: usize,
    column: &Column,
    groups: &[Vec<u32>],
    reports: &[u32],
    sources: &[u32],
    proposals: &mut Vec<Proposal>,
) -> f64 {
    let kinds = sources.iter().filter(|s| **s != ABSENT).max().map_or(0, |s| *s as usize + 1);
    let mut weights = vec![1.0f64; kinds];
    let source = |row: u32| sources.get(row as usize).copied().unwrap_or(ABSENT) as usize;
    for _ in 0..ROUNDS {
        let mut right = vec![(1.0f64, 2.0f64); kinds]; // half of two reports, before any is seen
        for members in groups {
            let values = tally(members, reports, |row| weights.get(source(row)).copied().unwrap_or(0.5));
            let most = values.first().map_or(0.0, |(_, votes, _)| *votes);
            let sum: f64 = values.iter().map(|(_, votes, _)| (INDEPENDENCE * (votes - most)).exp()).sum();
            for row in members {
                let place = reports.get(*row as usize).copied().unwrap_or(ABSENT);
                if let (true, Some(share)) = (place != ABSENT, right.get_mut(source(*row))) {
                    let votes = values.iter().find(|(value, ..)| *value == place).map_or(0.0, |(_, votes, _)| *votes);
                    share.0 += (INDEPENDENCE * (votes - most)).exp() / sum;
                    share.1 += 1.0;
                }
            }
        }
        for (weight, (sum, count)) in weights.iter_mut().zip(right) {
            let share = (sum / count).clamp(0.02, 0.98);
            // Log odds of a right report against one of ten wrong ones; a source below that is not counted against.
            *weight = (10.0 * share / (1.0 - share)).ln().max(0.05);
        }
    }
    let trust = trust(groups, reports);
    for members in groups {
        let values = tally(members, reports, |row| weights.get(source(row)).copied().unwrap_or(0.5));
        let Some((winner, votes, count)) = values.first().copied() else { continue };
        let all: f64 = values.iter().map(|(_, votes, _)| votes).sum();
        let share = votes / all.max(f64::MIN_POSITIVE);
        let confidence: f64 = match (share, count) {
            (0.8.., 3..) => 0.97,
            (0.6.., 3..) => 0.94,
            (0.9.., 2) => 0.85,
            (0.5.., _) => 0.75,
            _ => 0.5,
        };
        let Some(new) = column.at(winner) else { continue };
        // Those that have it as well: a value that was brought into the column's format is the surer for it.
        proposals.extend(members.iter().map(|row| Proposal {
            row: *row as usize,
            column: at,
            new: Some(new.to_owned()),
            method: Method::Vote,
            confidence: confidence.min(trust),
            rule: None,
        }));
    }
    trust
}

/// How far the sources can be trusted in a column: less, the more of its groups are contested.
fn trust(groups: &[Vec<u32>], reports: &[u32]) -> f64 {
    let (mut told, mut contested) = (0usize, 0usize);
    for members in groups {
        let mut values = tally(members, reports, |_| 1.0);
        let all: usize = values.iter().map(|(_, _, count)| count).sum();
        if all < 4 {
            continue;
        }
        values.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        told += 1;
        let second = values.get(1).map_or(0, |(_, _, count)| *count);
        contested += usize::from(second >= SECOND_REPORTS && second as f64 >= SECOND_SHARE * all as f64);
    }
    match contested as f64 / told.max(1) as f64 {
        share if share <= 0.25 => 0.99,
        share if share <= 0.4 => 0.85,
        share => (0.85 - 0.5 * share).max(0.3),
    }
}
