//! Record linkage: rows that are the same thing, without labels and without rules.
//!
//! ```text
//! cells         -> records     words and numbers of each column; how each is compared; numbers of rows are no evidence
//! two relations -> alignment   which column of the one speaks of what a column of the other does
//! words         -> blocking    for each record the few that share its rarest words
//! pairs         -> comparison  levels of likeness of each field, and of all words together
//! levels        -> weights     what a level says for or against, learnt from the candidates themselves
//! odds          -> clusters    groups of one relation, partners of two
//! ```
//!
//! [`dedupe`] looks within one relation, [`link`] between two. What they promise: work and memory grow with the number of rows, not with its
//! square; the same rows in the same order give the same answer; a missing value is no evidence; evidence names columns and says how alike
//! they are, and quotes no value. What they leave out: words of another language for the same thing, and learning from labels.
//!
//! A probability is that of the model, in which comparisons are independent. They are not quite, so that logarithms of odds are halved
//! before they are told ([`CAUTION`]).

mod alignment;
mod blocking;
mod clusters;
mod comparison;
mod records;
mod similarity;
#[cfg(test)]
mod tests;
mod weights;
mod words;

pub use records::{Column, Declared, Vocabulary};

use crate::config::{LINKAGE_CANDIDATES, LINKAGE_LEVELS_MAX, LINKAGE_PAIRS_MAX};
use crate::error::{Error, Kind as ErrorKind, Result};
use blocking::{Bags, Grams};
use comparison::{Corpus, FIELDS_MAX, Feature};
use records::Kind;
use std::collections::HashMap;
use weights::{Belief, Compared, Weights};

/// What logarithms of odds are multiplied with before they are told as probabilities.
const CAUTION: f32 = 0.5;
/// Records of fewer words than this on average are looked up by parts of words as well.
const WORDS_FEW: usize = 12;
/// Candidates of a record at least, however many records there are.
const CANDIDATES_MIN: usize = 4;
/// Pairs between two looks whether the work goes on.
const PAIRS_BETWEEN_CHECKS: usize = 8_192;
/// How alike all fields of two rows of one relation are where a match is as likely as none, before anything is learnt.
const SEEDS_ALIKE: f32 = 0.8;
/// Pairs that are picked blindly at most.
const STRANGERS_MAX: usize = 20_000;
/// Probability from which on a pair takes part in learning what words are worth.
const SPEAKS_MIN: f32 = 0.05;
/// Pairs of imagined matches behind the worth of a word.
const WORD_SMOOTHING: f32 = 4.0;
/// Share of rows that have an equal one within their relation from which on it is not free of duplicates.
const EQUAL_ROWS_MAX: f64 = 0.2;

/// Whoever waits for the work.
pub struct Watch<'a> {
    /// Asked now and then whether to go on.
    pub check: &'a dyn Fn() -> Result<()>,
    /// Told how far it is.
    pub tell: &'a dyn Fn(&str),
}

/// How much one column, or all words together, speak for a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The column, of two relations that of the left; none for all words of the record.
    pub column: Option<String>,
    /// How alike the values are, 0 to 1.
    pub similarity: f64,
    /// The logarithm of what the odds are multiplied with.
    pub weight: f64,
}

/// Two rows that are the same thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The row of the left relation, or the lower one of one relation.
    pub left: usize,
    /// The other row; of two relations its place within the right one.
    pub right: usize,
    /// How surely.
    pub probability: f64,
    /// Why, what weighs most first.
    pub evidence: Vec<Evidence>,
}

/// A row of a group of rows that are the same thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its group, from 0 on in the order of their first rows.
    pub cluster: usize,
    /// The row.
    pub row: usize,
    /// The surest pair of this row within the group.
    pub link: Link,
}

/// Groups of rows of one relation that are the same thing, by their first rows; rows that are alone are left out.
///
/// `columns` are of one length. Pairs below `min_probability` do not begin or join a group.
pub fn dedupe(
    vocabulary: Vocabulary,
    columns: Vec<Column>,
    min_probability: f64,
    watch: &Watch<'_>,
) -> Result<Vec<Member>> {
    let fields = columns.into_iter().map(|column| {
        let kind = if column.is_key() { Kind::Nothing } else { column.kind(&vocabulary) };
        (kind, column)
    });
    let fields = fields.collect();
    let Some(found) = Scored::of(vocabulary, fields, None, false, watch)? else { return Ok(Vec::new()) };
    let least = logit(min_probability);
    let odds = (0..found.compared.pairs.len()).map(|pair| found.odds(pair));
    let mut edges: Vec<(f32, u32, u32)> = odds
        .zip(&found.compared.pairs)
        .filter(|(odds, _)| *odds >= least)
        .map(|(odds, (left, right))| (odds, *left, *right))
        .collect();
    let mut scratch = found.corpus.scratch();
    let mut levels = Vec::new();
    let mut ask = |left: u32, right: u32| {
        levels.clear();
        found.corpus.compare(&found.features, left as usize, right as usize, &mut scratch, &mut levels);
        found.weights.odds(&levels)
    };
    let groups = clusters::groups(&mut edges, &mut ask, watch.check)?;
    let mut of_row: HashMap<u32, usize> = HashMap::new();
    for (cluster, rows) in groups.iter().enumerate() {
        rows.iter().for_each(|row| {
            of_row.insert(*row, cluster);
        });
    }
    // Edges come with the surest first.
    let mut surest: HashMap<u32, (u32, u32)> = HashMap::new();
    for (_, left, right) in &edges {
        if of_row.get(left) == of_row.get(right) {
            surest.entry(*left).or_insert((*left, *right));
            surest.entry(*right).or_insert((*left, *right));
        }
    }
    let mut members = Vec::new();
    for (cluster, rows) in groups.iter().enumerate() {
        for row in rows {
            if let Some((left, right)) = surest.get(row) {
                let link = found.link(*left, *right, 0, &mut scratch);
                members.push(Member { cluster, row: *row as usize, link });
            }
        }
    }
    Ok(members)
}

/// Which rows of two relations may be one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partners {
    /// One of the other relation at most.
    One,
    /// Any number of those for which it is the best one.
    Many,
    /// One, unless many rows of a relation are equal to others of it.
    Found,
}

/// Pairs of rows of two relations that are the same thing, by their left rows.
///
/// `named` tells which column of the left relation goes with which of the right one, by their places; where it is none, names and values
/// tell.
pub fn link(
    vocabulary: Vocabulary,
    left: Vec<Column>,
    right: Vec<Column>,
    named: Option<&[(usize, usize)]>,
    (min_probability, partners): (f64, Partners),
    watch: &Watch<'_>,
) -> Result<Vec<Link>> {
    let pairs = match named {
        Some(named) => named.to_vec(),
        None => alignment::aligned(&left, &right, &vocabulary),
    };
    if pairs.is_empty() && [&left, &right].iter().all(|columns| columns.first().is_some_and(|column| column.rows() > 0))
    {
        return Err(Error::new(
            ErrorKind::InvalidParameter,
            "no column of the one relation goes with one of the other",
        )
        .with_hint("Name them with the option \"columns\", as in {\"title\": \"label\"}."));
    }
    let said: Vec<String> = pairs.iter().map(|(l, r)| format!("{} = {}", left[*l].name, right[*r].name)).collect();
    (watch.tell)(&format!("columns that are compared: {}", said.join(", ")));
    let (split, rows) = (left.first().map_or(0, Column::rows), right.first().map_or(0, Column::rows));
    let alone = match partners {
        Partners::One => true,
        Partners::Many => false,
        Partners::Found => {
            let ours: Vec<&Column> = pairs.iter().map(|(l, _)| &left[*l]).collect();
            let theirs: Vec<&Column> = pairs.iter().map(|(_, r)| &right[*r]).collect();
            equal_rows(&ours) <= EQUAL_ROWS_MAX && equal_rows(&theirs) <= EQUAL_ROWS_MAX
        }
    };
    let mut fields = Vec::new();
    for (l, r) in &pairs {
        let (ours, theirs) = (&left[*l], &right[*r]);
        let kind = alignment::kind(ours, theirs, &vocabulary);
        let mut column = ours.clone();
        column.append(theirs);
        fields.push((kind, column));
    }
    drop((left, right));
    let Some(found) = Scored::of(vocabulary, fields, Some(split), alone, watch)? else { return Ok(Vec::new()) };
    let odds: Vec<f32> = (0..found.compared.pairs.len()).map(|pair| found.odds(pair)).collect();
    let mut chosen = match alone {
        true => clusters::partners(&found.compared.pairs, &odds, split + rows),
        false => clusters::nearest(&found.compared.pairs, &odds, split + rows),
    };
    let least = logit(min_probability);
    chosen.retain(|pair| odds[*pair] >= least);
    chosen.sort_unstable();
    (watch.check)()?;
    let mut scratch = found.corpus.scratch();
    let links = chosen.into_iter().map(|pair| {
        let (left, right) = found.compared.pairs[pair];
        found.link(left, right, split, &mut scratch)
    });
    Ok(links.collect())
}

/// Candidates with what is learnt of them.
struct Scored {
    corpus: Corpus,
    features: Vec<Feature>,
    compared: Compared,
    weights: Weights,
}

impl Scored {
    /// None where nothing can be compared.
    fn of(
        vocabulary: Vocabulary,
        mut fields: Vec<(Kind, Column)>,
        split: Option<usize>,
        alone: bool,
        watch: &Watch<'_>,
    ) -> Result<Option<Self>> {
        fields.retain(|(kind, _)| *kind != Kind::Nothing);
        let rows = fields.first().map_or(0, |(_, column)| column.rows());
        if rows < 2 || split == Some(0) || split == Some(rows) {
            return Ok(None);
        }
        if rows.saturating_mul(CANDIDATES_MIN) > LINKAGE_PAIRS_MAX {
            let message =
                format!("{rows} rows cannot be compared at once, {} at most", LINKAGE_PAIRS_MAX / CANDIDATES_MIN);
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .with_hint("Name a view of some of the rows, such as those of one region or year."));
        }
        comparison::keep_most_telling(&mut fields, FIELDS_MAX);
        fields.iter_mut().for_each(|(_, column)| column.sort());
        let mut corpus = Corpus::new(vocabulary, fields);
        let features = corpus.features();
        let most = LINKAGE_PAIRS_MAX.min(LINKAGE_LEVELS_MAX / features.len().max(1)) / rows;
        let most = most.clamp(CANDIDATES_MIN, LINKAGE_CANDIDATES);
        (watch.tell)(&format!("looking for candidates of {rows} rows"));
        let pairs = candidates(&corpus, split, most, watch.check)?;
        (watch.tell)(&format!("comparing {} pairs", pairs.len()));
        let mut compared = compare(&corpus, pairs, &features, watch.check)?;
        let belief = belief(&corpus, &features, alone);
        let first = first_guess(&compared, rows, alone);
        let (_, probabilities) = weights::learn(&compared, &first, (rows, alone), &belief, watch.check)?;
        // What words are worth is known better now.
        reweigh(&mut corpus, &compared.pairs, &probabilities);
        compared = compare(&corpus, compared.pairs, &features, watch.check)?;
        let (weights, _) = weights::learn(&compared, &probabilities, (rows, alone), &belief, watch.check)?;
        Ok(Some(Self { corpus, features, compared, weights }))
    }

    fn odds(&self, pair: usize) -> f32 {
        self.weights.odds(self.compared.of(pair))
    }

    /// What is told of a pair; rows of the second relation begin at `split`.
    fn link(&self, left: u32, right: u32, split: usize, scratch: &mut comparison::Scratch) -> Link {
        let mut levels = Vec::with_capacity(self.features.len());
        let (l, r) = (left as usize, right as usize);
        self.corpus.compare(&self.features, l, r, scratch, &mut levels);
        let probability = f64::from(sigmoid(self.weights.odds(&levels) * CAUTION));
        let mut evidence: Vec<Evidence> = Vec::new();
        for (at, (feature, level)) in self.features.iter().zip(&levels).enumerate() {
            if *level == 0 {
                continue;
            }
            let weight = f64::from(self.weights.of(at, *level) * CAUTION);
            let (column, tells) = match feature {
                Feature::Whole => (None, true),
                Feature::Codes => (None, false),
                Feature::Field(field) => (Some(*field), true),
                Feature::Numerals(field) | Feature::Within(field) => (Some(*field), false),
            };
            let column = column.map(|field| self.corpus.fields[field].column.name.clone());
            let similarity = if tells { comparison::similarity_of(*level) } else { 0.0 };
            match evidence.iter_mut().find(|told| told.column == column) {
                Some(told) => {
                    told.weight += weight;
                    told.similarity = told.similarity.max(similarity);
                }
                None => evidence.push(Evidence { column, similarity, weight }),
            }
        }
        evidence.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
        Link { left: l, right: r - split, probability, evidence }
    }
}

fn candidates(
    corpus: &Corpus,
    split: Option<usize>,
    most: usize,
    check: &dyn Fn() -> Result<()>,
) -> Result<Vec<(u32, u32)>> {
    let bags = &corpus.bags;
    let words: usize = (0..bags.rows()).map(|row| bags.of(row).len()).sum();
    if words > bags.rows() * WORDS_FEW {
        return blocking::candidates(bags, split, most, check);
    }
    let (mut grams, mut with) = (Grams::default(), Bags::default());
    let base = corpus.vocabulary.count() as u32;
    let mut known: Vec<Option<Box<[u32]>>> = vec![None; base as usize];
    let mut keys = Vec::new();
    for row in 0..bags.rows() {
        if row % PAIRS_BETWEEN_CHECKS == 0 {
            check()?;
        }
        keys.clear();
        for word in bags.of(row) {
            keys.push(*word);
            let parts = known[*word as usize].get_or_insert_with(|| {
                let mut parts = Vec::new();
                grams.of(corpus.vocabulary.word(*word), &mut |gram| parts.push(base + gram));
                parts.into()
            });
            keys.extend_from_slice(parts);
        }
        with.push(&mut keys);
    }
    with.weigh(base as usize + grams.count());
    blocking::candidates(&with, split, most, check)
}

fn compare(
    corpus: &Corpus,
    pairs: Vec<(u32, u32)>,
    features: &[Feature],
    check: &dyn Fn() -> Result<()>,
) -> Result<Compared> {
    let mut levels = Vec::with_capacity(pairs.len() * features.len());
    let mut scratch = corpus.scratch();
    for (at, (left, right)) in pairs.iter().enumerate() {
        if at % PAIRS_BETWEEN_CHECKS == 0 {
            check()?;
        }
        corpus.compare(features, *left as usize, *right as usize, &mut scratch, &mut levels);
    }
    Ok(Compared { pairs, width: features.len(), levels })
}

/// What is believed of matches. Within one relation it counts for much: where nothing is there twice, the likeliest mixture is one of
/// relatives and strangers, and only what duplicates look like tells that relatives are none. Fields that tell rows apart count most. Of two
/// relations the rule that a record has one partner does that.
fn belief(corpus: &Corpus, features: &[Feature], alone: bool) -> Belief {
    let telling = corpus.distinctive();
    let (strong, weak) = if alone { (0.02, 0.02) } else { (10.0, 1.0) };
    let pairs = features.iter().map(|feature| {
        let is_strong = match feature {
            Feature::Whole | Feature::Codes => true,
            Feature::Field(at) | Feature::Numerals(at) | Feature::Within(at) => telling.contains(at),
        };
        corpus.rows() as f64 * if is_strong { strong } else { weak }
    });
    // Articles of one maker differ in their numbers alone, and everything else speaks for them at once.
    let doubts = features.iter().map(|feature| match feature {
        Feature::Codes if !alone => 1.5,
        Feature::Numerals(at) if !alone && telling.contains(at) => 2.0,
        _ => 1.0,
    });
    let levels = features.iter().map(|feature| corpus.belief(*feature)).collect();
    let others = if alone { Vec::new() } else { strangers(corpus, features) };
    Belief { pairs: pairs.collect(), levels, others, doubts: doubts.collect() }
}

/// Of each comparison how many pairs of rows that were picked blindly have each level. Where a thing is there so often that all candidates of
/// its rows are true ones, these alone tell what is none.
fn strangers(corpus: &Corpus, features: &[Feature]) -> Vec<[f64; comparison::LEVELS]> {
    let mut counts = vec![[0.0; comparison::LEVELS]; features.len()];
    let rows = corpus.rows();
    let picked = rows.min(STRANGERS_MAX);
    let (mut scratch, mut levels) = (corpus.scratch(), Vec::new());
    let mut place = 0u64;
    for n in 0..picked {
        // A sequence without order, the same each time.
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (left, right) = (n * rows / picked, (place >> 33) as usize % rows);
        if left == right {
            continue;
        }
        levels.clear();
        corpus.compare(features, left, right, &mut scratch, &mut levels);
        for (counts, level) in counts.iter_mut().zip(&levels) {
            counts[*level as usize] += rows as f64 / picked as f64;
        }
    }
    counts
}

/// A first probability of each pair, from how alike all its fields are. Of partners only those that are each other's best are likely.
fn first_guess(compared: &Compared, rows: usize, alone: bool) -> Vec<f32> {
    let alike = |pair: usize| {
        let told: Vec<f32> =
            compared.of(pair).iter().filter(|level| **level > 0).map(|level| f32::from(*level)).collect();
        told.iter().sum::<f32>() / (told.len().max(1) as f32 * (comparison::LEVELS - 1) as f32)
    };
    let alike: Vec<f32> = (0..compared.pairs.len()).map(alike).collect();
    if !alone {
        return alike.into_iter().map(|alike| sigmoid((alike - SEEDS_ALIKE) * 20.0)).collect();
    }
    let mut best = vec![0.0f32; rows];
    for ((left, right), alike) in compared.pairs.iter().zip(&alike) {
        for row in [left, right] {
            best[*row as usize] = best[*row as usize].max(*alike);
        }
    }
    let each = compared.pairs.iter().zip(&alike);
    each.map(|((left, right), alike)| {
        let of_both = *alike >= best[*left as usize] && *alike >= best[*right as usize];
        if of_both { (alike * 1.2 - 0.1).clamp(0.02, 0.98) } else { 0.02 }
    })
    .collect()
}

/// Makes words worth less that matches often have on one side only, and those worth more that they share.
fn reweigh(corpus: &mut Corpus, pairs: &[(u32, u32)], probabilities: &[f32]) {
    let words = corpus.vocabulary.count();
    let (mut shared, mut all) = (vec![0.0f32; words], vec![0.0f32; words]);
    for ((left, right), probability) in pairs.iter().zip(probabilities).filter(|(_, p)| **p >= SPEAKS_MIN) {
        let (left, right) = (corpus.bags.of(*left as usize), corpus.bags.of(*right as usize));
        left.iter().chain(right).for_each(|word| all[*word as usize] += probability);
        comparison::each_shared(left, right, |word| shared[word as usize] += 2.0 * probability);
    }
    let usual =
        shared.iter().map(|x| f64::from(*x)).sum::<f64>() / all.iter().map(|x| f64::from(*x)).sum::<f64>().max(1.0);
    let usual = (usual as f32).max(0.05);
    corpus.reweigh(|word| {
        let word = word as usize;
        let share = (shared[word] + WORD_SMOOTHING * usual) / (all[word] + WORD_SMOOTHING);
        (share / usual).clamp(0.1, 3.0)
    });
}

/// The share of rows that have an equal one, of those that say more than one thing.
fn equal_rows(columns: &[&Column]) -> f64 {
    let rows = columns.first().map_or(0, |column| column.rows());
    let (mut seen, mut counted, mut equal) = (std::collections::HashSet::new(), 0usize, 0usize);
    for row in 0..rows {
        let values: Vec<u64> = columns.iter().map(|column| column.whole(row)).collect();
        if values.iter().filter(|value| **value != 0).count() >= 2.min(columns.len()) {
            counted += 1;
            equal += usize::from(!seen.insert(values));
        }
    }
    equal as f64 / counted.max(1) as f64
}

fn sigmoid(odds: f32) -> f32 {
    1.0 / (1.0 + (-odds).exp())
}

/// The logarithm of odds, before caution, that belongs to a probability.
fn logit(probability: f64) -> f32 {
    let probability = probability.clamp(1e-12, 1.0 - 1e-12);
    (probability / (1.0 - probability)).ln() as f32 / CAUTION
}
