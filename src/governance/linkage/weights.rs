//! What each level of each comparison says for or against two records being the same thing, learnt without labels.
//!
//! The model is that of Fellegi and Sunter: comparisons are independent given whether a pair matches, so that the odds of a pair are
//! those of any pair times a ratio for each level. The ratios are found by expectation and maximisation over the candidates (W. Winkler 1988),
//! with two constraints that keep a mixture from finding other groups than matches: a ratio never falls as a level rises
//! (ZeroER, R. Wu et al., SIGMOD 2020, has the same of its features), and where both relations are without duplicates a record matches
//! one other at most, so that its candidates share one probability.

use super::comparison::LEVELS;
use crate::error::Result;

/// Rounds of learning.
const ROUNDS: usize = 40;
/// Pairs whose probability changes less on average than this end learning.
const CHANGE_MIN: f64 = 1e-4;
/// Pairs of each level that are imagined beside those seen.
const SMOOTHING: f64 = 1.0;

/// Compared pairs.
#[derive(Debug)]
pub struct Compared {
    /// The rows, the lower one first.
    pub pairs: Vec<(u32, u32)>,
    /// Comparisons of each pair.
    pub width: usize,
    /// Levels, `width` of each pair.
    pub levels: Vec<u8>,
}

impl Compared {
    /// The levels of a pair.
    pub fn of(&self, pair: usize) -> &[u8] {
        &self.levels[pair * self.width..(pair + 1) * self.width]
    }
}

/// What is believed of matches before any is seen, as pairs that are imagined beside those that are.
#[derive(Debug, Clone)]
pub struct Belief {
    /// How many pairs, of each comparison.
    pub pairs: Vec<f64>,
    /// Of each comparison the shares of its levels.
    pub levels: Vec<[f64; LEVELS]>,
    /// Of each comparison how many pairs that are no matches have each level; none where the candidates tell enough.
    pub others: Vec<[f64; LEVELS]>,
    /// How many times as much each comparison says where it speaks against a match.
    pub doubts: Vec<f32>,
}

/// What was learnt.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Logarithms of the ratios, `LEVELS` of each comparison.
    ratios: Vec<f32>,
    /// Logarithm of the odds of a candidate.
    prior: f32,
}

impl Weights {
    /// The logarithm of the ratio of a level of a comparison.
    pub fn of(&self, comparison: usize, level: u8) -> f32 {
        self.ratios[comparison * LEVELS + level as usize]
    }

    /// The logarithm of the odds that a pair matches.
    pub fn odds(&self, levels: &[u8]) -> f32 {
        let ratios = self.ratios.chunks_exact(LEVELS);
        self.prior + levels.iter().zip(ratios).map(|(level, ratios)| ratios[*level as usize]).sum::<f32>()
    }
}

/// Learns the weights, and the probability of each pair. `first` are first guesses of these; `alone` is whether a record matches one other
/// at most.
pub fn learn(
    compared: &Compared,
    first: &[f32],
    (rows, alone): (usize, bool),
    belief: &Belief,
    check: &dyn Fn() -> Result<()>,
) -> Result<(Weights, Vec<f32>)> {
    let mut probabilities = first.to_vec();
    let mut weights = maximise(compared, &probabilities, belief);
    for _ in 0..ROUNDS {
        check()?;
        let odds: Vec<f32> = (0..compared.pairs.len()).map(|pair| weights.odds(compared.of(pair))).collect();
        let next = expect(&compared.pairs, &odds, rows, alone);
        let change: f64 = next.iter().zip(&probabilities).map(|(a, b)| f64::from((a - b).abs())).sum();
        let all: f64 = next.iter().map(|p| f64::from(*p)).sum();
        probabilities = next;
        weights = maximise(compared, &probabilities, belief);
        if change < CHANGE_MIN * all.max(1.0) {
            break;
        }
    }
    Ok((weights, probabilities))
}

/// Probabilities of pairs by the logarithms of their odds.
fn expect(pairs: &[(u32, u32)], odds: &[f32], rows: usize, alone: bool) -> Vec<f32> {
    let odds = odds.iter().map(|odds| f64::from(odds.clamp(-40.0, 40.0)).exp());
    if !alone {
        return odds.map(|odds| (odds / (1.0 + odds)) as f32).collect();
    }
    let odds: Vec<f64> = odds.collect();
    let mut sums = vec![0.0f64; rows];
    for ((left, right), odds) in pairs.iter().zip(&odds) {
        sums[*left as usize] += odds;
        sums[*right as usize] += odds;
    }
    let each = pairs.iter().zip(&odds);
    each.map(|((left, right), odds)| {
        let others = sums[*left as usize] + sums[*right as usize] - odds;
        (odds / (1.0 + others.max(*odds))) as f32
    })
    .collect()
}

fn maximise(compared: &Compared, probabilities: &[f32], belief: &Belief) -> Weights {
    let width = compared.width;
    let mut counts = vec![[0.0f64; 2]; width * LEVELS];
    let mut matched = 0.0;
    for (pair, p) in probabilities.iter().enumerate() {
        let p = f64::from(*p);
        matched += p;
        for (at, level) in compared.of(pair).iter().enumerate() {
            let count = &mut counts[at * LEVELS + *level as usize];
            count[0] += p;
            count[1] += 1.0 - p;
        }
    }
    let mut ratios = vec![0.0f32; width * LEVELS];
    for at in 0..width {
        let counts = &mut counts[at * LEVELS + 1..(at + 1) * LEVELS];
        for (count, share) in counts.iter_mut().zip(&belief.levels[at][1..]) {
            count[0] += belief.pairs[at] * share;
        }
        if let Some(others) = belief.others.get(at) {
            counts.iter_mut().zip(&others[1..]).for_each(|(count, more)| count[1] += more);
        }
        for (level, ratio) in monotone(counts).into_iter().enumerate() {
            let against = if ratio < 0.0 { belief.doubts[at] } else { 1.0 };
            ratios[at * LEVELS + 1 + level] = ratio * against;
        }
    }
    // Rows that were picked blindly are no matches either: without them a relation whose candidates all match would take any two rows for one.
    let blind: f64 = belief.others.first().map_or(0.0, |others| others.iter().sum());
    let all = probabilities.len() as f64 + blind;
    let share = (matched / all.max(1.0)).clamp(1e-6, 1.0 - 1e-6);
    Weights { ratios, prior: (share / (1.0 - share)).ln() as f32 }
}

/// Logarithms of the ratios of levels that never fall: neighbours that would are taken together (pool adjacent violators).
fn monotone(counts: &[[f64; 2]]) -> Vec<f32> {
    let seen = |side: usize| counts.iter().map(|count| count[side]).sum::<f64>();
    let (matches, others) = (seen(0), seen(1));
    // Blocks of levels: how many levels, and their counts.
    let mut blocks: Vec<(usize, [f64; 2])> = Vec::new();
    let ratio = |[m, u]: [f64; 2], levels: usize| {
        let part = SMOOTHING * levels as f64;
        let all = SMOOTHING * counts.len() as f64;
        // What is imagined is like what is seen of all levels, so that a level never seen says nothing.
        let base = part / all * SMOOTHING * 2.0;
        ((m + base) / (matches + 2.0 * SMOOTHING) / ((u + base) / (others + 2.0 * SMOOTHING))).ln()
    };
    for count in counts {
        let mut block = (1, *count);
        while let Some((levels, before)) = blocks.last()
            && ratio(*before, *levels) >= ratio(block.1, block.0)
        {
            block = (levels + block.0, [before[0] + block.1[0], before[1] + block.1[1]]);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks.iter().flat_map(|(levels, count)| std::iter::repeat_n(ratio(*count, *levels) as f32, *levels)).collect()
}
