//! What many pairs say together: groups of records that are one thing, and partners where each has one at most.

use crate::error::Result;
use std::collections::HashMap;

/// Pairs between two groups that are looked at before these become one.
const ASKED_MAX: usize = 40;
/// Logarithms of odds that differ by less than this are as good as each other.
const AS_GOOD: f32 = 0.5;
/// Pairs between two looks whether the work goes on.
const EDGES_BETWEEN_CHECKS: usize = 1_024;

/// Groups of rows that are the same thing, each of two rows or more and ascending, by their first rows.
///
/// Pairs are taken from the surest on, and join the groups of their rows. So that a chain of pairs, each alike, does not bind what is
/// not, two groups become one only if the pairs between them speak for it on average: `odds` gives the logarithm of the odds of any
/// pair. Of large groups some pairs only are asked, evenly spread.
pub fn groups(
    edges: &mut [(f32, u32, u32)],
    odds: &mut dyn FnMut(u32, u32) -> f32,
    check: &dyn Fn() -> Result<()>,
) -> Result<Vec<Vec<u32>>> {
    edges.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut of_row: HashMap<u32, usize> = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    // Groups that were kept apart, and how many rows they had then: they are not asked again before one has grown.
    let mut apart: HashMap<(usize, usize), usize> = HashMap::new();
    for (at, (sure, left, right)) in edges.iter().enumerate() {
        if at % EDGES_BETWEEN_CHECKS == 0 {
            check()?;
        }
        let [a, b] = [left, right].map(|row| {
            *of_row.entry(*row).or_insert_with(|| {
                groups.push(vec![*row]);
                groups.len() - 1
            })
        });
        let (rows, both) = (groups[a].len() + groups[b].len(), (a.min(b), a.max(b)));
        if a == b || apart.get(&both) == Some(&rows) {
            continue;
        }
        let all = groups[a].len() * groups[b].len();
        let speaks_for = match all {
            1 => *sure > 0.0,
            _ => {
                let (step, mut at, mut asked, mut sum) = (all.div_ceil(ASKED_MAX), 0, 0, 0.0);
                while at < all {
                    let (l, r) = (groups[a][at / groups[b].len()], groups[b][at % groups[b].len()]);
                    // One pair alone neither proves nor refutes.
                    sum += odds(l.min(r), l.max(r)).clamp(-8.0, 8.0);
                    asked += 1;
                    at += step;
                }
                sum / asked as f32 > 0.0
            }
        };
        if !speaks_for {
            apart.insert(both, rows);
            continue;
        }
        let (large, small) = if groups[a].len() >= groups[b].len() { (a, b) } else { (b, a) };
        let moved = std::mem::take(&mut groups[small]);
        moved.iter().for_each(|row| {
            of_row.insert(*row, large);
        });
        groups[large].extend(moved);
    }
    groups.retain(|group| group.len() > 1);
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_unstable();
    Ok(groups)
}

/// Of pairs the places of those that are the best one of either of their rows, or nearly so.
pub fn nearest(pairs: &[(u32, u32)], odds: &[f32], rows: usize) -> Vec<usize> {
    let mut best = vec![f32::MIN; rows];
    for ((left, right), odds) in pairs.iter().zip(odds) {
        for row in [left, right] {
            best[*row as usize] = best[*row as usize].max(*odds);
        }
    }
    let is_best = |pair: &usize| {
        let (left, right) = pairs[*pair];
        odds[*pair] >= best[left as usize].min(best[right as usize]) - AS_GOOD
    };
    (0..pairs.len()).filter(is_best).collect()
}

/// Of pairs the places of those that remain where a row has one partner at most, the surest first.
pub fn partners(pairs: &[(u32, u32)], odds: &[f32], rows: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pairs.len()).filter(|pair| odds[*pair] > -40.0).collect();
    order.sort_unstable_by(|a, b| odds[*b].total_cmp(&odds[*a]).then(pairs[*a].cmp(&pairs[*b])));
    let mut taken = vec![false; rows];
    order.retain(|pair| {
        let (left, right) = pairs[*pair];
        let free = !taken[left as usize] && !taken[right as usize];
        if free {
            taken[left as usize] = true;
            taken[right as usize] = true;
        }
        free
    });
    order
}
