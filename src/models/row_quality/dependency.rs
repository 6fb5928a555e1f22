//! Columns that settle other columns, and who breaks the rule.
//!
//! Two situations, told apart by the data:
//!
//! * **Dependency**: rows that share a value of X nearly always share their value of Y (a postcode and its city). The
//!   strength is how often two rows of a group agree, above what chance alone gives. A row in the minority of its group is
//!   wrong the more surely, the more rows are against it.
//! * **Sources**: rows that share X are reports of one thing, because some column S names each reporter at most once per
//!   group and the same reporters come back in most groups. Then Y is put to a vote in which a reporter's weight follows
//!   from how often it agrees with the outcome, in a few rounds (as in the TruthFinder family: Yin, Han and Yu, 2008). Here
//!   even a Y on which reports often differ can be judged.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::cells::{Cells, EMPTY};
use super::column::Finding;
use super::pattern::missing_word;

/// Agreement above chance from which X settles Y.
const STRENGTH_MIN: f64 = 0.85;
/// The same among reports of sources, where disagreement is what we look for.
const STRENGTH_SOURCES_MIN: f64 = 0.25;
/// Determinants kept for one column.
const DETERMINANTS_MAX: usize = 3;
/// Groups kept for one dependency.
const GROUPS_MAX: usize = 50_000;
/// Values kept for one group.
const GROUP_VALUES_MAX: usize = 16;
/// Rounds of voting.
const ROUNDS: usize = 5;

/// What is known of one value of X.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Group {
    expected: String,
    /// Probability of error of each value seen, the likeliest right first.
    values: Vec<(String, f64)>,
    /// And of any other, and of an empty cell.
    unseen: f64,
    empty: f64,
}

/// X settles Y.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Dependency {
    pub from: String,
    pub to: String,
    strength: f64,
    groups: BTreeMap<String, Group>,
}

impl Dependency {
    /// What the other rows with the same value of X say of a row's Y.
    pub fn judge(&self, from: &str, to: Option<&str>) -> Option<Finding> {
        let group = self.groups.get(from)?;
        let p_error = match to {
            None => group.empty,
            Some(value) if value == group.expected => return None,
            Some(value) => {
                group.values.iter().find(|(known, _)| known == value).map_or(group.unseen, |(_, p_error)| *p_error)
            }
        };
        if p_error <= 0.0 {
            return None;
        }
        let why = format!("other rows with the same \"{}\" say otherwise", self.from);
        Some(Finding::new(p_error, why, Some(group.expected.clone())))
    }
}

/// Finds every dependency among the columns.
pub(super) fn learn(columns: &[Cells]) -> Vec<Dependency> {
    let usable: Vec<Vec<u32>> = columns.iter().map(usable).collect();
    let mut found: Vec<Dependency> = Vec::new();
    for (x, from) in columns.iter().enumerate() {
        let Some(groups) = usable.get(x).and_then(|places| groups(from, places)) else { continue };
        let sources: Vec<usize> =
            (0..columns.len()).filter(|s| *s != x && are_sources(&groups, columns, &usable, *s)).collect();
        for (y, to) in columns.iter().enumerate() {
            let Some(places) = usable.get(y).filter(|_| x != y) else { continue };
            let Some(strength) = strength(&groups, places, to.distinct.len()) else { continue };
            let source = sources.iter().find(|s| **s != y).and_then(|s| usable.get(*s));
            let learnt = match source {
                Some(source) if strength >= STRENGTH_SOURCES_MIN => vote(from, to, &groups, places, source),
                _ if strength >= STRENGTH_MIN => count(from, to, &groups, places, strength),
                _ => continue,
            };
            found.push(Dependency { from: from.name.clone(), to: to.name.clone(), strength, groups: learnt });
        }
    }
    found.sort_by(|a, b| a.to.cmp(&b.to).then(b.strength.total_cmp(&a.strength)));
    let mut kept: HashMap<String, usize> = HashMap::new();
    found.retain(|dependency| {
        let count = kept.entry(dependency.to.clone()).or_default();
        *count += 1;
        *count <= DETERMINANTS_MAX
    });
    found
}

/// Each row's place, words for "missing" counted as empty.
fn usable(cells: &Cells) -> Vec<u32> {
    let missing: Vec<bool> = cells.distinct.iter().map(|value| missing_word(value) > 0.0).collect();
    let place = |place: &u32| if missing.get(*place as usize).copied().unwrap_or(true) { EMPTY } else { *place };
    cells.rows.iter().map(place).collect()
}

/// Rows by value of X, groups of two and more; `None` where X is nearly unique or nearly constant.
fn groups(from: &Cells, places: &[u32]) -> Option<Vec<(u32, Vec<u32>)>> {
    let full = places.iter().filter(|place| **place != EMPTY).count();
    if from.distinct.len() < 3 || from.distinct.len() * 10 > full * 7 {
        return None;
    }
    let mut by_value: Vec<Vec<u32>> = vec![Vec::new(); from.distinct.len()];
    for (row, place) in places.iter().enumerate() {
        if let Some(rows) = by_value.get_mut(*place as usize) {
            rows.push(row as u32);
        }
    }
    let groups: Vec<(u32, Vec<u32>)> = by_value
        .into_iter()
        .enumerate()
        .filter(|(_, rows)| rows.len() > 1)
        .map(|(value, rows)| (value as u32, rows))
        .collect();
    let grouped: usize = groups.iter().map(|(_, rows)| rows.len()).sum();
    (groups.len() >= 3 && grouped * 3 >= full).then_some(groups)
}

/// Whether S names each row of a group at most once, and the same names come back in most groups.
fn are_sources(groups: &[(u32, Vec<u32>)], columns: &[Cells], usable: &[Vec<u32>], s: usize) -> bool {
    let (Some(cells), Some(places)) = (columns.get(s), usable.get(s)) else { return false };
    let kinds = cells.distinct.len();
    if !(3..=200).contains(&kinds) {
        return false;
    }
    let mut seen = vec![u32::MAX; kinds];
    let (mut rows, mut once) = (0usize, 0usize);
    for (group, members) in groups {
        for row in members {
            rows += 1;
            let place = places.get(*row as usize).copied().unwrap_or(EMPTY);
            if let Some(last) = seen.get_mut(place as usize)
                && *last != *group
            {
                *last = *group;
                once += 1;
            }
        }
    }
    let coverage = rows as f64 / groups.len() as f64 / kinds as f64;
    once * 20 >= rows * 19 && coverage >= 0.3
}

/// How often two rows of a group agree on Y, above chance: 1 always, 0 as often as any two rows. `None` where Y is nearly
/// constant or too few rows can tell.
fn strength(groups: &[(u32, Vec<u32>)], places: &[u32], distinct: usize) -> Option<f64> {
    let mut counts = vec![0u32; distinct];
    let mut all = vec![0u64; distinct];
    let mut touched = Vec::new();
    let (mut agree, mut rows) = (0.0f64, 0.0f64);
    for (_, members) in groups {
        let mut full = 0u32;
        for row in members {
            let place = places.get(*row as usize).copied().unwrap_or(EMPTY);
            if let Some(count) = counts.get_mut(place as usize) {
                if *count == 0 {
                    touched.push(place);
                }
                *count += 1;
                full += 1;
            }
        }
        for place in touched.drain(..) {
            if let (Some(count), Some(sum)) = (counts.get_mut(place as usize), all.get_mut(place as usize)) {
                if full > 1 {
                    agree += *count as f64 * (*count - 1) as f64 / (full - 1) as f64;
                }
                *sum += *count as u64;
                *count = 0;
            }
        }
        if full > 1 {
            rows += full as f64;
        }
    }
    let total = all.iter().sum::<u64>() as f64;
    let chance: f64 = all.iter().map(|count| (*count as f64 / total.max(1.0)).powi(2)).sum();
    (rows >= 20.0 && chance < 0.95).then(|| (agree / rows - chance) / (1.0 - chance))
}

/// The plain count of each group.
fn count(
    from: &Cells,
    to: &Cells,
    groups: &[(u32, Vec<u32>)],
    places: &[u32],
    strength: f64,
) -> BTreeMap<String, Group> {
    let judge = |members: &[u32]| {
        let (values, empty) = tally(members, places, |_| 1.0);
        let (winner, most) = *values.first()?;
        let second = values.get(1).map_or(0.0, |(_, votes)| *votes);
        if most < 2.0 || most <= second {
            return None;
        }
        // One more row in doubt, so that two against one is no proof.
        let p_error = |votes: f64| strength * ((most - votes) / (most + 1.0)).max(0.0);
        let share = most / values.iter().map(|(_, votes)| votes).sum::<f64>();
        let filled = 1.0 - empty as f64 / members.len() as f64;
        Some(Group {
            expected: to.at(winner)?.to_string(),
            values: named(to, values.iter().map(|(place, votes)| (*place, p_error(*votes)))),
            unseen: p_error(0.0),
            empty: if filled >= 0.5 { 0.9 * strength * share * (1.0 - 1.0 / (most + 1.0)) } else { 0.0 },
        })
    };
    collect(from, groups, judge)
}

/// The vote among sources.
fn vote(
    from: &Cells,
    to: &Cells,
    groups: &[(u32, Vec<u32>)],
    places: &[u32],
    sources: &[u32],
) -> BTreeMap<String, Group> {
    let kinds = sources.iter().filter(|s| **s != EMPTY).max().map_or(0, |s| *s as usize + 1);
    let mut weights = vec![1.0f64; kinds];
    let source = |row: u32| sources.get(row as usize).copied().unwrap_or(EMPTY) as usize;
    for _ in 0..ROUNDS {
        let mut right = vec![(1.0f64, 2.0f64); kinds]; // half of two reports, before any is seen
        for (_, members) in groups {
            let (values, _) = tally(members, places, |row| weights.get(source(row)).copied().unwrap_or(0.5));
            let chances = chances(&values);
            for row in members {
                let place = places.get(*row as usize).copied().unwrap_or(EMPTY);
                if let (true, Some(sums)) = (place != EMPTY, right.get_mut(source(*row))) {
                    sums.0 += chances.iter().find(|(value, _)| *value == place).map_or(0.0, |(_, chance)| *chance);
                    sums.1 += 1.0;
                }
            }
        }
        for (weight, (sum, count)) in weights.iter_mut().zip(right) {
            let share = (sum / count).clamp(0.02, 0.98);
            // Log odds of a right report against one of ten wrong ones; a source below that is not counted against.
            *weight = (10.0 * share / (1.0 - share)).ln().max(0.05);
        }
    }
    let judge = |members: &[u32]| {
        let (values, _) = tally(members, places, |row| weights.get(source(row)).copied().unwrap_or(0.5));
        let chances = chances(&values);
        let (winner, _) = *chances.first()?;
        Some(Group {
            expected: to.at(winner)?.to_string(),
            values: named(to, chances.iter().map(|(place, chance)| (*place, (1.0 - chance) * 0.97))),
            unseen: 0.9,
            // Somebody knows the value, so an empty report lacks it.
            empty: 0.9,
        })
    };
    collect(from, groups, judge)
}

/// Votes to chances of being right: softmax, weakened, since sources copy from each other and are no independent witnesses.
fn chances(values: &[(u32, f64)]) -> Vec<(u32, f64)> {
    const INDEPENDENCE: f64 = 0.4;
    let most = values.first().map_or(0.0, |(_, votes)| *votes);
    let raised: Vec<(u32, f64)> =
        values.iter().map(|(place, votes)| (*place, (INDEPENDENCE * (votes - most)).exp())).collect();
    let sum: f64 = raised.iter().map(|(_, value)| value).sum();
    raised.into_iter().map(|(place, value)| (place, value / sum)).collect()
}

/// Votes by value, most first, and the number of empty cells.
fn tally(members: &[u32], places: &[u32], weight: impl Fn(u32) -> f64) -> (Vec<(u32, f64)>, usize) {
    let mut votes: BTreeMap<u32, f64> = BTreeMap::new();
    let mut empty = 0;
    for row in members {
        match places.get(*row as usize) {
            Some(place) if *place != EMPTY => *votes.entry(*place).or_default() += weight(*row),
            _ => empty += 1,
        }
    }
    let mut values: Vec<(u32, f64)> = votes.into_iter().collect();
    values.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    (values, empty)
}

fn named(to: &Cells, values: impl Iterator<Item = (u32, f64)>) -> Vec<(String, f64)> {
    values.take(GROUP_VALUES_MAX).filter_map(|(place, p_error)| Some((to.at(place)?.to_string(), p_error))).collect()
}

fn collect(
    from: &Cells,
    groups: &[(u32, Vec<u32>)],
    judge: impl Fn(&[u32]) -> Option<Group>,
) -> BTreeMap<String, Group> {
    let largest = groups.iter().filter_map(|(value, members)| Some((from.at(*value)?.to_string(), judge(members)?)));
    largest.take(GROUPS_MAX).collect()
}
