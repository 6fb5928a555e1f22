//! The sketches of a relation as bytes.
//!
//! ```text
//! length of the header u32 | header, JSON | hashes of the rows, then of each column, u64 each
//! ```
//!
//! Numbers are little-endian.

use super::discover::{LinkColumn, Values};
use super::rows::RowSketch;
use super::sketch::Sketch;
use crate::error::{Error, Kind, Result};
use crate::governance::profile::ColumnProfile;
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

/// The sketches of a relation: of its rows, and of each of its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationSketch {
    /// Whether all rows were looked at.
    pub whole: bool,
    /// Its rows.
    pub rows: RowSketch,
    /// Its columns.
    pub columns: Vec<LinkColumn>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    whole: bool,
    rows: u64,
    sum: u64,
    different: (usize, bool),
    columns: Vec<StoredColumn>,
}

#[derive(Serialize, Deserialize)]
struct StoredColumn {
    name: String,
    values: Values,
    rows: u64,
    nulls: u64,
    distincts: u64,
    bounds: Option<(f64, f64)>,
    length: f64,
    is_key: bool,
    hashes: (usize, bool),
}

impl LinkColumn {
    /// What a profile says of a column; `is_key` if it is declared one.
    pub fn of(profile: &ColumnProfile, is_key: bool) -> Self {
        let values = match &profile.data_type {
            data_type if data_type.is_integer() => Values::Whole,
            data_type if data_type.is_numeric() => Values::Number,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::FixedSizeBinary(16) => Values::Text,
            _ => Values::Other,
        };
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
        let is_number = matches!(values, Values::Whole | Values::Number);
        Self {
            name: profile.name.clone(),
            values,
            rows: profile.rows,
            nulls: profile.nulls,
            distincts: profile.distincts,
            bounds: number(&profile.min).zip(number(&profile.max)).filter(|_| is_number),
            length: if is_number { 0.0 } else { profile.avg_length.unwrap_or(0.0) },
            is_key,
            sketch: if values == Values::Other { Sketch::default() } else { profile.values.clone() },
        }
    }
}

impl RelationSketch {
    /// As bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let count = |sketch: &Sketch| (sketch.hashes().len(), sketch.is_whole());
        let columns = self.columns.iter().map(|column| StoredColumn {
            name: column.name.clone(),
            values: column.values,
            rows: column.rows,
            nulls: column.nulls,
            distincts: column.distincts,
            bounds: column.bounds,
            length: column.length,
            is_key: column.is_key,
            hashes: count(&column.sketch),
        });
        let header = Header {
            whole: self.whole,
            rows: self.rows.rows,
            sum: self.rows.sum,
            different: count(&self.rows.different),
            columns: columns.collect(),
        };
        let header = serde_json::to_vec(&header)
            .map_err(|error| Error::internal(format!("sketches cannot be written: {error}")))?;
        let length = u32::try_from(header.len()).map_err(|_| Error::internal("the names of columns are too long"))?;
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(header);
        let sketches = std::iter::once(&self.rows.different).chain(self.columns.iter().map(|column| &column.sketch));
        sketches.flat_map(Sketch::hashes).for_each(|hash| bytes.extend(hash.to_le_bytes()));
        Ok(bytes)
    }

    /// Of bytes that [`RelationSketch::to_bytes`] made; [`Kind::Corruption`] for others.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::new(Kind::Corruption, "sketches of an inventory cannot be read");
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (header, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
        let header: Header = serde_json::from_slice(header).map_err(|_| damaged())?;
        let mut hashes = rest.chunks_exact(8).map(|word| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(word);
            u64::from_le_bytes(bytes)
        });
        let mut sketch = |(count, whole): (usize, bool)| {
            let some: Vec<u64> = hashes.by_ref().take(count).collect();
            if some.len() == count { Ok(Sketch::new(some, whole)) } else { Err(damaged()) }
        };
        let different = sketch(header.different)?;
        let columns = header.columns.into_iter().map(|column| {
            Ok(LinkColumn {
                sketch: sketch(column.hashes)?,
                name: column.name,
                values: column.values,
                rows: column.rows,
                nulls: column.nulls,
                distincts: column.distincts,
                bounds: column.bounds,
                length: column.length,
                is_key: column.is_key,
            })
        });
        Ok(Self {
            whole: header.whole,
            rows: RowSketch { different, rows: header.rows, sum: header.sum },
            columns: columns.collect::<Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::Profiler;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;

    #[test]
    fn what_is_written_is_read_again() {
        let batch = RecordBatch::try_from_iter([
            ("id", Arc::new(Int64Array::from_iter_values(1..3000)) as ArrayRef),
            ("名", Arc::new(StringArray::from_iter_values((1..3000).map(|n| format!("n{}", n % 7)))) as ArrayRef),
        ])
        .unwrap();
        let mut profiler = Profiler::of_rows(batch.schema());
        profiler.update(&batch).unwrap();
        let (profiles, rows) = profiler.finish_with_rows().unwrap();
        let columns = profiles.iter().map(|profile| LinkColumn::of(profile, false)).collect();
        let sketch = RelationSketch { whole: true, rows: rows.unwrap(), columns };
        assert_eq!((sketch.columns[0].values, sketch.columns[0].bounds), (Values::Whole, Some((1.0, 2999.0))));
        assert!(sketch.columns[1].sketch.is_whole() && !sketch.rows.different.is_whole());
        let bytes = sketch.to_bytes().unwrap();
        assert_eq!(RelationSketch::from_bytes(&bytes).unwrap(), sketch);
        for cut in [0, 3, 10, bytes.len() - 1] {
            assert_eq!(RelationSketch::from_bytes(&bytes[..cut]).unwrap_err().kind(), Kind::Corruption);
        }
    }
}
