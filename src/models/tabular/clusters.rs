//! k-means: groups of rows around centres, by Lloyd's iterations ("Least squares quantization in PCM", 1982) from the seeds of
//! k-means++ (Arthur and Vassilvitskii, 2007).
//!
//! A row is a point whose coordinates are 1 for each of its entries and its standardised numbers.

use rayon::prelude::*;

use super::watch::Watch;
use crate::error::Result;
use crate::models::features::Encoded;
use crate::models::random::Random;

/// Rows on which seeds are tried and the number of groups is chosen.
const SAMPLE_ROWS: usize = 10_000;
/// Seeds tried, and iterations that each of them gets on the sample.
const STARTS: usize = 4;
const START_ITERATIONS: usize = 20;
/// Numbers of groups among which the silhouette chooses.
const CHOICES: std::ops::RangeInclusive<usize> = 2..=10;
/// Rows between all of which distances are taken for a silhouette.
pub(super) const SILHOUETTE_ROWS: usize = 2_000;
/// Iterations at most, unless the options say otherwise.
const ITERATIONS_MAX: usize = 100;
/// Share of the mean squared distance by which an iteration must lessen it.
const BETTER: f64 = 1e-5;
/// Rows that one thread takes at once.
const CHUNK_ROWS: usize = 256;

/// The centres.
#[derive(Debug, Clone)]
pub(super) struct Clusters {
    /// Entries; the dense numbers' coordinates stand behind theirs.
    pub table_rows: usize,
    /// Coordinates of a point.
    pub columns: usize,
    /// `count x columns`.
    pub centres: Vec<f32>,
    /// The squared length of each centre.
    squares: Vec<f64>,
}

/// The coordinates of a row that are not 0, by their places.
fn point(encoded: &Encoded, row: usize, table_rows: usize, into: &mut Vec<(usize, f32)>) {
    into.clear();
    encoded.columns(row, table_rows, |column, value| into.push((column, value)));
    if !encoded.bags.is_empty() {
        // A word may stand twice in a text.
        into.sort_unstable_by_key(|(column, _)| *column);
        into.dedup_by(|more, kept| {
            let same = more.0 == kept.0;
            if same {
                kept.1 += more.1;
            }
            same
        });
    }
}

fn square(point: &[(usize, f32)]) -> f64 {
    point.iter().map(|(_, value)| f64::from(*value).powi(2)).sum()
}

impl Clusters {
    /// Centres as they were kept; `None` if they are not as many as they should be.
    pub fn new(table_rows: usize, columns: usize, centres: Vec<f32>) -> Self {
        let squares = centres
            .chunks_exact(columns.max(1))
            .map(|centre| centre.iter().map(|value| f64::from(*value).powi(2)).sum());
        Self { table_rows, columns, squares: squares.collect(), centres }
    }

    /// Groups.
    pub fn count(&self) -> usize {
        self.squares.len()
    }

    /// The nearest centre of every row, and its squared distance.
    pub fn nearest(&self, encoded: &Encoded) -> Vec<(usize, f64)> {
        let mut all = vec![(0usize, 0.0f64); encoded.rows];
        all.par_chunks_mut(CHUNK_ROWS).enumerate().for_each(|(chunk, into)| {
            let mut at = Vec::new();
            for (row, to) in into.iter_mut().enumerate() {
                point(encoded, chunk * CHUNK_ROWS + row, self.table_rows, &mut at);
                *to = self.nearest_of(&at);
            }
        });
        all
    }

    fn nearest_of(&self, point: &[(usize, f32)]) -> (usize, f64) {
        let own = square(point);
        let mut best = (0, f64::INFINITY);
        let centres = self.centres.chunks_exact(self.columns.max(1)).zip(&self.squares);
        for (place, (centre, square)) in centres.enumerate() {
            let along: f64 = point
                .iter()
                .map(|(column, value)| f64::from(*value) * f64::from(centre.get(*column).copied().unwrap_or(0.0)))
                .sum();
            let distance = own - 2.0 * along + square;
            if distance < best.1 {
                best = (place, distance);
            }
        }
        // Rounding may leave a little less than nothing.
        (best.0, best.1.max(0.0))
    }

    /// Finds `count` groups, or as many as the silhouette prefers. Gives the iterations taken over all rows.
    pub fn fit(
        encoded: &Encoded,
        (table_rows, columns): (usize, usize),
        (count, max_iterations): (Option<usize>, Option<usize>),
        seed: u64,
        watch: &mut Watch<'_>,
    ) -> Result<(Self, usize)> {
        let mut random = Random::new(seed);
        let mut places: Vec<usize> = (0..encoded.rows).collect();
        random.shuffle(&mut places);
        places.truncate(SAMPLE_ROWS);
        let sample = encoded.take(&places);
        let shape = (table_rows, columns);
        let start = match count {
            Some(count) => Self::start(&sample, shape, count, &mut random, watch)?,
            None => {
                let mut best: Option<(f64, Self)> = None;
                for count in CHOICES.take_while(|count| *count < sample.rows) {
                    let tried = Self::start(&sample, shape, count, &mut random, watch)?;
                    let groups: Vec<usize> = tried.nearest(&sample).into_iter().map(|(place, _)| place).collect();
                    let apart = silhouette(&sample, table_rows, columns, &groups);
                    if best.as_ref().is_none_or(|(most, _)| apart > *most) {
                        best = Some((apart, tried));
                    }
                }
                match best {
                    Some((_, clusters)) => clusters,
                    None => Self::start(&sample, shape, 1, &mut random, watch)?,
                }
            }
        };
        let (found, iterations) = start.settle(encoded, max_iterations.unwrap_or(ITERATIONS_MAX), watch, true)?;
        Ok((found.by_size(encoded), iterations))
    }

    /// The best of some seeds on a sample.
    fn start(
        sample: &Encoded,
        shape: (usize, usize),
        count: usize,
        random: &mut Random,
        watch: &mut Watch<'_>,
    ) -> Result<Self> {
        let mut best: Option<(f64, Self)> = None;
        for _ in 0..STARTS {
            watch.check()?;
            let seeds = Self::seeds(sample, shape, count, random);
            let (tried, _) = seeds.settle(sample, START_ITERATIONS, watch, false)?;
            let distance: f64 = tried.nearest(sample).iter().map(|(_, distance)| distance).sum();
            if best.as_ref().is_none_or(|(least, _)| distance < *least) {
                best = Some((distance, tried));
            }
        }
        Ok(best.map_or_else(|| Self::new(shape.0, shape.1, Vec::new()), |(_, clusters)| clusters))
    }

    /// Rows as centres, each taken with a chance that grows with its squared distance from those before.
    fn seeds(sample: &Encoded, (table_rows, columns): (usize, usize), count: usize, random: &mut Random) -> Self {
        let mut clusters = Self::new(table_rows, columns, Vec::new());
        let mut distances = vec![1.0f64; sample.rows];
        let mut at = Vec::new();
        for _ in 0..count {
            let mut mark = random.uniform() * distances.iter().sum::<f64>();
            let mut chosen = distances.iter().position(|distance| {
                mark -= distance;
                mark < 0.0
            });
            if chosen.is_none() {
                // Fewer different rows than groups: any will do.
                chosen = Some(random.below(sample.rows));
            }
            let mut centre = vec![0.0f32; columns];
            point(sample, chosen.unwrap_or(0), table_rows, &mut at);
            for (column, value) in &at {
                if let Some(to) = centre.get_mut(*column) {
                    *to += value;
                }
            }
            let one = Self::new(table_rows, columns, centre.clone());
            let first = clusters.count() == 0;
            for (distance, (_, to_it)) in distances.iter_mut().zip(one.nearest(sample)) {
                *distance = if first { to_it } else { distance.min(to_it) };
            }
            clusters.centres.extend(centre);
            clusters.squares.extend(one.squares);
        }
        clusters
    }

    /// Moves the centres into the midst of their rows until that brings next to nothing.
    fn settle(
        mut self,
        encoded: &Encoded,
        max_iterations: usize,
        watch: &mut Watch<'_>,
        is_told: bool,
    ) -> Result<(Self, usize)> {
        let mut before = f64::INFINITY;
        for iteration in 1..=max_iterations {
            watch.check()?;
            let nearest = self.nearest(encoded);
            let distance = nearest.iter().map(|(_, distance)| distance).sum::<f64>() / encoded.rows.max(1) as f64;
            if is_told {
                watch.tell(iteration, max_iterations, ("mean squared distance", distance), Vec::new())?;
            }
            if distance >= before * (1.0 - BETTER) {
                return Ok((self, iteration));
            }
            before = distance;
            self = self.moved(encoded, &nearest);
        }
        Ok((self, max_iterations))
    }

    fn moved(&self, encoded: &Encoded, nearest: &[(usize, f64)]) -> Self {
        let mut sums = vec![0.0f64; self.centres.len()];
        let mut counts = vec![0usize; self.count()];
        for (row, (place, _)) in nearest.iter().enumerate() {
            if let Some(count) = counts.get_mut(*place) {
                *count += 1;
            }
            encoded.columns(row, self.table_rows, |column, value| {
                if let Some(sum) = sums.get_mut(place * self.columns + column) {
                    *sum += f64::from(value);
                }
            });
        }
        // A centre without rows goes to the row that is farthest from its own.
        let mut far: Vec<usize> = (0..nearest.len()).collect();
        if counts.contains(&0) {
            far.sort_by(|a, b| match (nearest.get(*a), nearest.get(*b)) {
                (Some(a), Some(b)) => a.1.total_cmp(&b.1),
                _ => std::cmp::Ordering::Equal,
            });
        }
        for (sum, count) in sums.chunks_exact_mut(self.columns.max(1)).zip(&counts) {
            if *count > 0 {
                sum.iter_mut().for_each(|sum| *sum /= *count as f64);
            } else if let Some(row) = far.pop() {
                encoded.columns(row, self.table_rows, |column, value| {
                    if let Some(sum) = sum.get_mut(column) {
                        *sum += f64::from(value);
                    }
                });
            }
        }
        Self::new(self.table_rows, self.columns, sums.into_iter().map(|sum| sum as f32).collect())
    }

    /// The same centres, that of most rows first.
    fn by_size(&self, encoded: &Encoded) -> Self {
        let mut counts = vec![0usize; self.count()];
        for (place, _) in self.nearest(encoded) {
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|place| std::cmp::Reverse(counts.get(*place).copied().unwrap_or(0)));
        let centres = order
            .iter()
            .flat_map(|place| self.centres.get(place * self.columns..(place + 1) * self.columns).unwrap_or_default());
        Self::new(self.table_rows, self.columns, centres.copied().collect())
    }
}

/// How much nearer rows are to those of their own group than to those of the next one, from -1 to 1 (Rousseeuw, 1987): the mean
/// over the first [`SILHOUETTE_ROWS`] rows, distances taken between those alone. NaN of one group.
pub(super) fn silhouette(encoded: &Encoded, table_rows: usize, columns: usize, groups: &[usize]) -> f64 {
    let rows = encoded.rows.min(groups.len()).min(SILHOUETTE_ROWS);
    let groups = groups.get(..rows).unwrap_or_default();
    let count = groups.iter().max().map_or(0, |most| most + 1);
    let mut sizes = vec![0usize; count];
    groups.iter().for_each(|group| {
        if let Some(size) = sizes.get_mut(*group) {
            *size += 1;
        }
    });
    if sizes.iter().filter(|size| **size > 0).count() < 2 {
        return f64::NAN;
    }
    let points: Vec<Vec<(usize, f32)>> = (0..rows)
        .map(|row| {
            let mut at = Vec::new();
            point(encoded, row, table_rows, &mut at);
            at
        })
        .collect();
    let squares: Vec<f64> = points.iter().map(|point| square(point)).collect();
    let each: Vec<f64> = (0..rows)
        .into_par_iter()
        .map_init(
            || vec![0.0f32; columns],
            |spread, row| {
                let (own, own_square) = (&points[row], squares[row]);
                own.iter().for_each(|(column, value)| spread[*column] = *value);
                let mut sums = vec![0.0f64; count];
                for (other, point) in points.iter().enumerate() {
                    let along: f64 = point.iter().map(|(at, value)| f64::from(*value) * f64::from(spread[*at])).sum();
                    sums[groups[other]] += (own_square - 2.0 * along + squares[other]).max(0.0).sqrt();
                }
                own.iter().for_each(|(column, _)| spread[*column] = 0.0);
                let group = groups[row];
                if sizes[group] < 2 {
                    return 0.0;
                }
                let within = sums[group] / (sizes[group] - 1) as f64;
                let others = (0..count).filter(|other| *other != group && sizes[*other] > 0);
                let beside = others.map(|other| sums[other] / sizes[other] as f64).fold(f64::INFINITY, f64::min);
                let most = within.max(beside);
                if most > 0.0 { (beside - within) / most } else { 0.0 }
            },
        )
        .collect();
    each.iter().sum::<f64>() / rows as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three heaps of rows of two numbers.
    fn heaps() -> (Encoded, Vec<usize>) {
        let mut random = Random::new(4);
        let mut encoded = Encoded { rows: 600, dense_width: 2, ..Encoded::default() };
        let mut groups = Vec::new();
        for row in 0..600 {
            // 300, 200 and 100 rows.
            let group = [0, 0, 0, 1, 1, 2][row % 6];
            let (x, y) = [(0.0, 0.0), (6.0, 0.0), (0.0, 9.0)][group];
            encoded.dense.extend([x + random.normal(1.0), y + random.normal(1.0)]);
            groups.push(group);
        }
        (encoded, groups)
    }

    #[test]
    fn heaps_are_found_counted_and_the_largest_comes_first() -> Result<()> {
        let (encoded, groups) = heaps();
        for count in [Some(3), None] {
            let (clusters, _) = Clusters::fit(&encoded, (0, 2), (count, None), 7, &mut Watch::nobody())?;
            assert_eq!(clusters.count(), 3);
            let found = clusters.nearest(&encoded);
            let right = found.iter().zip(&groups).filter(|((place, _), group)| place == *group).count();
            assert!(right > 590, "{right}");
            let again = Clusters::fit(&encoded, (0, 2), (count, None), 7, &mut Watch::nobody())?.0;
            assert_eq!(again.centres, clusters.centres);
        }
        let apart = silhouette(&encoded, 0, 2, &groups);
        let mixed: Vec<usize> = (0..600).map(|row| row / 200).collect();
        assert!(apart > 0.6 && silhouette(&encoded, 0, 2, &mixed) < 0.05, "{apart}");
        assert!(silhouette(&encoded, 0, 2, &[0; 600]).is_nan());
        Ok(())
    }

    #[test]
    fn the_silhouette_of_four_rows_by_hand() {
        let encoded = Encoded { rows: 4, dense_width: 1, dense: vec![0.0, 1.0, 4.0, 5.0], ..Encoded::default() };
        // Rows 0 and 3: within 1, beside 4.5; rows 1 and 2: within 1, beside 3.5.
        let expected = ((4.5 - 1.0) / 4.5 + (3.5 - 1.0) / 3.5) / 2.0;
        assert!((silhouette(&encoded, 0, 1, &[0, 0, 1, 1]) - expected).abs() < 1e-6);
    }

    #[test]
    fn as_many_groups_as_there_are_rows_to_fill() -> Result<()> {
        let encoded = Encoded { rows: 3, dense_width: 1, dense: vec![1.0; 3], ..Encoded::default() };
        let (clusters, _) = Clusters::fit(&encoded, (0, 1), (Some(5), None), 7, &mut Watch::nobody())?;
        assert_eq!(clusters.count(), 5);
        assert!(clusters.nearest(&encoded).iter().all(|(_, distance)| *distance == 0.0));
        Ok(())
    }
}
