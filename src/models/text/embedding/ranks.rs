//! Where the passage of each pair is found among others.

use crate::models::layers::{multiply, plain, transposed};

/// Queries that are compared with all passages together.
const QUERIES: usize = 256;

/// What pairs say of an encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Shares of the queries whose passage is the nearest, and among the ten nearest.
    pub first: f64,
    pub ten: f64,
    /// The mean of one over the passage's rank.
    pub reciprocal: f64,
}

/// What the cosines of queries and passages (unit vectors of `width` numbers) say. `wanted` is the place of each query's passage; `known` the
/// places of others that are known to belong to it, which do not count as before it. Passages that are as near stand before.
pub(super) fn found(queries: &[f32], passages: &[f32], width: usize, wanted: &[usize], known: &[Vec<usize>]) -> Found {
    let count = passages.len() / width.max(1);
    let (mut first, mut ten, mut reciprocal) = (0usize, 0usize, 0.0);
    let mut cosines = Vec::new();
    let parts = queries.chunks(QUERIES * width.max(1)).zip(wanted.chunks(QUERIES).zip(known.chunks(QUERIES)));
    for (queries, (wanted, known)) in parts {
        let rows = wanted.len();
        cosines.resize(rows * count, 0.0);
        multiply((rows, width, count), plain(queries), transposed(passages), &mut cosines, false);
        for ((row, wanted), known) in cosines.chunks_exact(count.max(1)).zip(wanted).zip(known) {
            let own = row.get(*wanted).copied().unwrap_or(f32::NEG_INFINITY);
            let before = row
                .iter()
                .enumerate()
                .filter(|(place, cosine)| **cosine >= own && place != wanted && !known.contains(place));
            let rank = before.count() + 1;
            first += usize::from(rank == 1);
            ten += usize::from(rank <= 10);
            reciprocal += 1.0 / rank as f64;
        }
    }
    let all = wanted.len().max(1) as f64;
    Found { first: first as f64 / all, ten: ten as f64 / all, reciprocal: reciprocal / all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_counted_by_hand() {
        // Four passages on a circle; the queries stand near the first, between, and near the last.
        let at = |angle: f32| [angle.cos(), angle.sin()];
        let passages = [at(0.0), at(0.5), at(1.0), at(1.5)].concat();
        let queries = [at(0.1), at(0.4), at(1.4)].concat();
        let none = [vec![], vec![], vec![]];
        let said = found(&queries, &passages, 2, &[0, 0, 0], &none);
        assert_eq!((said.first, said.ten), (1.0 / 3.0, 1.0));
        assert!((said.reciprocal - (1.0 + 0.5 + 0.25) / 3.0).abs() < 1e-9);
        // What is known to belong to the second query does not stand before what is wanted.
        let known = [vec![], vec![1], vec![]];
        assert!((found(&queries, &passages, 2, &[0, 0, 0], &known).first - 2.0 / 3.0).abs() < 1e-9);
    }
}
