//! A vocabulary that grows with new rows: a value that training did not know gets an entry of its own once it comes often enough.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use super::column::text_hashes;
use super::elements::element_hashes;
use super::spec::{ColumnSpec, FeatureSpec, Shape};
use crate::config;
use crate::error::Result;

/// Times that a value must occur in new rows to get an entry of its own: as in training on few rows.
const COUNT_MIN: u32 = 2;

/// An encoding with more entries than the one that it comes from.
pub(in crate::models) struct Grown {
    /// The encoding.
    pub spec: FeatureSpec,
    /// For each row of its table the row of the old one that it begins as: an old entry its own, a new one that which its value shared
    /// with others so far.
    pub from: Vec<u32>,
}

impl FeatureSpec {
    /// The encoding with entries for values that come often enough in `batches` and had none, and with its counts raised by the rows
    /// of `batches`. `rows` is how many rows its counts are of; where they were not kept, they are reckoned from the new ones.
    pub(in crate::models) fn grown(&self, batches: &[RecordBatch], rows: usize) -> Result<Grown> {
        let mut spec = self.clone();
        let mut from: Vec<u32> = Vec::with_capacity(self.table_rows);
        for column in &mut spec.columns {
            let fresh = column.fresh(batches)?;
            let base = from.len() as u32;
            let (old_base, old_rows) = column.shape.span();
            from.extend(old_base..old_base + old_rows);
            match &mut column.shape {
                Shape::Nothing => {}
                Shape::Number { base: at, .. }
                | Shape::Time { base: at, .. }
                | Shape::Words { base: at, .. }
                | Shape::Vector { base: at, .. } => *at = base,
                Shape::Category { base: at, buckets, known, .. } | Shape::Elements { base: at, buckets, known, .. } => {
                    *at = base;
                    for hash in fresh {
                        column.vocabulary.insert(hash, *known);
                        *known += 1;
                        from.push(old_base + ColumnSpec::shared(hash, *buckets));
                    }
                }
            }
        }
        spec.table_rows = from.len();
        let mut counts = vec![0u32; spec.table_rows];
        let mut new_rows = 0;
        for batch in batches {
            let encoded = spec.encode(batch)?;
            new_rows += encoded.rows;
            encoded.count(&mut counts);
        }
        if self.counts.is_empty() {
            let scale = 1.0 + rows as f64 / new_rows.max(1) as f64;
            counts.iter_mut().for_each(|count| *count = (f64::from(*count) * scale) as u32);
        } else {
            let mut seen = vec![false; self.counts.len()];
            for (count, from) in counts.iter_mut().zip(&from) {
                // An entry that is new was not there to be counted.
                if let (Some(before), Some(seen)) = (self.counts.get(*from as usize), seen.get_mut(*from as usize))
                    && !std::mem::replace(seen, true)
                {
                    *count = count.saturating_add(*before);
                }
            }
        }
        spec.counted(counts);
        Ok(Grown { spec, from })
    }
}

impl ColumnSpec {
    /// The values of a category that get an entry, the commonest first.
    fn fresh(&self, batches: &[RecordBatch]) -> Result<Vec<u64>> {
        let (Shape::Category { known, .. } | Shape::Elements { known, .. }) = self.shape else { return Ok(Vec::new()) };
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for array in batches.iter().filter_map(|batch| batch.column_by_name(&self.name)) {
            let mut see = |hash: &u64| {
                if !self.vocabulary.contains_key(hash) {
                    *counts.entry(*hash).or_default() += 1;
                }
            };
            if matches!(self.shape, Shape::Elements { .. }) {
                element_hashes(&self.name, self.family, array, |hashes| {
                    hashes.unwrap_or_default().iter().for_each(&mut see);
                })?;
            } else {
                text_hashes(&self.name, array)?.iter().flatten().for_each(see);
            }
        }
        let mut fresh: Vec<(u64, u32)> = counts.into_iter().filter(|(_, count)| *count >= COUNT_MIN).collect();
        fresh.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        fresh.truncate(config::MODEL_VOCABULARY_MAX.saturating_sub(known as usize));
        Ok(fresh.into_iter().map(|(hash, _)| hash).collect())
    }
}
