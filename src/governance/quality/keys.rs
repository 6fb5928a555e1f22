//! Columns that are meant to be a key though nobody declared one.

use super::KeyFact;
use crate::governance::profile::ColumnProfile;
use crate::governance::semantic_type::{ColumnVerdict, Form};

/// From this share of different values on a code column is taken for a key with faults.
const KEY_SHARE_MIN: f64 = 0.98;

/// The columns that are keys in all but a few rows: codes (by their semantic type), counted exactly, nearly all
/// different. The repeated values are their duplicates; NULLs are a matter of completeness.
pub fn key_candidates(profiles: &[ColumnProfile], verdicts: &[ColumnVerdict]) -> Vec<KeyFact> {
    let is_code = |verdict: &ColumnVerdict| {
        let form = verdict.semantic_type.map(|t| t.info().form);
        verdict.confidence >= 0.6 && matches!(form, Some(Form::Code))
    };
    profiles
        .iter()
        .zip(verdicts)
        .filter(|(profile, verdict)| profile.distincts_exact && is_code(verdict))
        .filter_map(|(profile, _)| {
            let rows = profile.rows - profile.nulls;
            let nearly = rows > 1 && profile.distincts as f64 >= KEY_SHARE_MIN * rows as f64;
            nearly.then(|| KeyFact {
                columns: vec![profile.name.clone()],
                rows,
                duplicates: rows - profile.distincts.min(rows),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::profile::Profiler;
    use crate::governance::semantic_type::detect_column;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use std::sync::Arc;

    #[test]
    fn a_key_with_one_fault_is_a_key_a_reference_is_none() {
        let key: ArrayRef = Arc::new(Int64Array::from_iter_values((0..200).map(|i| if i == 7 { 6 } else { i })));
        let reference: ArrayRef = Arc::new(Int64Array::from_iter_values((0..200).map(|i| i % 20)));
        let batch = RecordBatch::try_from_iter([("order_id", key), ("user_id", reference)]).unwrap();
        let mut profiler = Profiler::new(batch.schema());
        profiler.update(&batch).unwrap();
        let profiles = profiler.finish().unwrap();
        let verdicts: Vec<_> =
            profiles.iter().map(|p| detect_column(&p.name, &p.data_type, &["1", "2", "3"], Some(p))).collect();
        let keys = key_candidates(&profiles, &verdicts);
        assert_eq!(keys, [KeyFact { columns: vec!["order_id".into()], rows: 200, duplicates: 1 }]);
    }
}
