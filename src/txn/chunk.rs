//! Chunks: the bytes of a segment that has a file of its own.
//!
//! ```text
//! 2 u8 | pages, column after column | filters | footer | footer length u32        integers little-endian
//! footer:  rows u32 | rows of a page u32 | columns u32 | for each column:
//!          page count u32 | bytes of each page u32
//!          filter length u32, 0 if there is none
//!          sketch length u32 | sketch
//!          zones length u32, twice | least values, greatest values: Arrow IPC streams | NULLs of each page u32
//! ```
//!
//! Pages lie in order without gaps, filters after them, so lengths alone say where each begins. A reader takes the
//! footer first, and then only the pages that its columns and its conditions leave.

use super::bloom::Bloom;
use super::page;
use super::statistics::{Sketch, Zones, sketch};
use crate::config::PAGE_ROWS;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use std::ops::Range;

/// The first byte of a chunk.
pub const FORM: u8 = 2;
/// Bytes at the end that tell the footer's length.
pub const TAIL_BYTES: usize = 4;
/// Average bytes of a text up to which a filter is kept of them: longer ones are rarely asked for whole.
const FILTER_TEXT_BYTES_MAX: usize = 64;

/// Where everything is in a chunk, and what is known of its values.
#[derive(Debug, Clone)]
pub struct Footer {
    /// Rows of the chunk.
    pub rows: usize,
    /// Rows of each page but the last.
    pub page_rows: usize,
    /// Its columns.
    pub columns: Vec<ColumnChunk>,
}

/// One column of a chunk.
#[derive(Debug, Clone)]
pub struct ColumnChunk {
    /// In which part of the segment it is; none for its own chunk.
    pub part: Option<usize>,
    /// Where each page begins and ends.
    pub pages: Vec<Range<u64>>,
    /// Where the filter is, if there is one.
    pub filter: Option<Range<u64>>,
    /// About how many values differ; none for types that are not counted.
    pub sketch: Option<Sketch>,
    /// Bounds and NULLs of each page.
    pub zones: Zones,
}

impl ColumnChunk {
    /// The type of its values.
    pub fn data_type(&self) -> &DataType {
        self.zones.min.data_type()
    }
}

/// The bytes of a batch, in pages of so many rows, and their footer.
pub fn encode(batch: &RecordBatch, page_rows: usize) -> Result<(Vec<u8>, Footer)> {
    let rows = batch.num_rows();
    let mut bytes = vec![FORM];
    let mut filters = Vec::new();
    let mut columns = Vec::with_capacity(batch.num_columns());
    for column in batch.columns() {
        let mut pages = Vec::with_capacity(rows.div_ceil(page_rows));
        for start in (0..rows).step_by(page_rows) {
            let begin = bytes.len() as u64;
            page::encode(&column.slice(start, page_rows.min(rows - start)), &mut bytes)?;
            pages.push(begin..bytes.len() as u64);
        }
        let zones = Zones::of(column, page_rows);
        let (hashes, sketch) = sketch(column).unzip();
        filters.push(match (&hashes, &sketch) {
            (Some(hashes), Some(sketch)) if wants_filter(column, &zones, sketch) => {
                let mut filter = Bloom::new(sketch.estimate());
                hashes.iter().for_each(|hash| filter.insert(*hash));
                Some(filter.to_bytes())
            }
            _ => None,
        });
        columns.push(ColumnChunk { part: None, pages, filter: None, sketch, zones });
    }
    for (column, filter) in columns.iter_mut().zip(filters) {
        if let Some(filter) = filter {
            let begin = bytes.len() as u64;
            bytes.extend(filter);
            column.filter = Some(begin..bytes.len() as u64);
        }
    }
    let footer = Footer { rows, page_rows, columns };
    let tail = footer.to_bytes()?;
    bytes.extend_from_slice(&tail);
    bytes.extend(length(tail.len())?);
    Ok((bytes, footer))
}

fn length(bytes: usize) -> Result<[u8; 4]> {
    u32::try_from(bytes).map(u32::to_le_bytes).map_err(|_| Error::internal("a part of a chunk is too long"))
}

/// A filter is worth its bytes where many values differ and their order does not find them.
fn wants_filter(column: &ArrayRef, zones: &Zones, sketch: &Sketch) -> bool {
    let asked_whole = match column.data_type() {
        DataType::Int32 | DataType::Int64 => true,
        DataType::Utf8 => column.as_string::<i32>().values().len() <= FILTER_TEXT_BYTES_MAX * column.len(),
        _ => false,
    };
    asked_whole && sketch.estimate() > column.len() / 8 && column.len() > PAGE_ROWS / 4 && !zones.ascend()
}

impl Footer {
    /// Pages of each column.
    pub fn pages(&self) -> usize {
        self.rows.div_ceil(self.page_rows)
    }

    /// The rows of a page.
    pub fn rows_of(&self, page: usize) -> Range<usize> {
        let start = page * self.page_rows;
        start..self.rows.min(start + self.page_rows)
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for number in [self.rows, self.page_rows, self.columns.len()] {
            out.extend(length(number)?);
        }
        for column in &self.columns {
            out.extend(length(column.pages.len())?);
            for page in &column.pages {
                out.extend(length((page.end - page.start) as usize)?);
            }
            out.extend(length(column.filter.as_ref().map_or(0, |filter| (filter.end - filter.start) as usize))?);
            let sketch = column.sketch.as_ref().map_or(&[][..], Sketch::as_bytes);
            out.extend(length(sketch.len())?);
            out.extend_from_slice(sketch);
            let zones = [&column.zones.min, &column.zones.max].map(|bounds| {
                let mut bytes = Vec::new();
                page::write(bounds.clone(), false, &mut bytes).map(|()| bytes)
            });
            let [min, max] = zones.map(|zones| zones.map_err(|e| Error::internal(format!("bounds of a chunk: {e}"))));
            let (min, max) = (min?, max?);
            out.extend(length(min.len())?);
            out.extend(length(max.len())?);
            out.extend(min);
            out.extend(max);
            out.extend(column.zones.nulls.iter().flat_map(|nulls| nulls.to_le_bytes()));
        }
        Ok(out)
    }

    /// The footer of these bytes; none if they are not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let (rows, page_rows, count) = (rest.number()?, rest.number()?, rest.number()?);
        let mut columns = Vec::new();
        let mut filters = Vec::new();
        // Right behind the form byte.
        let mut at = 1u64;
        for _ in 0..count {
            let pages = rest.number()?;
            if page_rows == 0 || pages != rows.div_ceil(page_rows) {
                return None;
            }
            let pages = (0..pages).map(|_| Some(advance(&mut at, rest.number()?))).collect::<Option<Vec<_>>>()?;
            filters.push(rest.number()?);
            let sketch = rest.number()?;
            let sketch = match rest.take(sketch)? {
                [] => None,
                bytes => Some(Sketch::from_bytes(bytes)?),
            };
            let (min, max) = (rest.number()?, rest.number()?);
            let (min, max) = (page::read(rest.take(min)?)?, page::read(rest.take(max)?)?);
            let nulls = (0..pages.len()).map(|_| rest.number().map(|n| n as u32)).collect::<Option<Vec<_>>>()?;
            if min.len() != pages.len() || max.len() != pages.len() || min.data_type() != max.data_type() {
                return None;
            }
            let zones = Zones { min, max, nulls };
            columns.push(ColumnChunk { part: None, pages, filter: None, sketch, zones });
        }
        for (column, length) in columns.iter_mut().zip(filters) {
            column.filter = (length > 0).then(|| advance(&mut at, length));
        }
        rest.0.is_empty().then_some(Self { rows, page_rows, columns })
    }
}

/// The next `length` bytes.
fn advance(at: &mut u64, length: usize) -> Range<u64> {
    let begin = *at;
    *at += length as u64;
    begin..*at
}

/// Bytes that are still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stored::Page;
    use super::*;
    use arrow::array::{Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int32Type;
    use std::sync::Arc;

    fn sample(rows: i64) -> RecordBatch {
        let ids = Int64Array::from_iter_values(0..rows);
        let codes = Int64Array::from_iter_values((0..rows).map(|n| n * 7919 % 100_003));
        let names = StringArray::from_iter((0..rows).map(|n| (n % 3 > 0).then(|| format!("name {n}"))));
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>((0..rows).map(|n| Some(vec![Some(n as i32)])));
        RecordBatch::try_from_iter([
            ("id", Arc::new(ids) as ArrayRef),
            ("code", Arc::new(codes)),
            ("name", Arc::new(names)),
            ("list", Arc::new(lists)),
        ])
        .unwrap()
    }

    #[test]
    fn pages_and_filters_are_where_the_footer_says() {
        let batch = sample(40_000);
        let (bytes, made) = encode(&batch, PAGE_ROWS).unwrap();
        let (body, tail) = bytes.split_at(bytes.len() - TAIL_BYTES);
        let length = u32::from_le_bytes(tail.try_into().unwrap()) as usize;
        let footer = Footer::from_bytes(&body[body.len() - length..]).unwrap();
        assert_eq!((footer.rows, footer.pages()), (40_000, 3));
        for (column, chunk) in batch.columns().iter().zip(&footer.columns) {
            for (n, page) in chunk.pages.iter().enumerate() {
                let rows = footer.rows_of(n);
                let bytes = &bytes[page.start as usize..page.end as usize];
                let array = Page::read(bytes, chunk.data_type(), rows.len()).and_then(|page| page.whole()).unwrap();
                assert_eq!(&array, &column.slice(rows.start, rows.len()));
            }
        }
        assert_eq!(made.columns[1].filter, footer.columns[1].filter);
        let filters: Vec<bool> = footer.columns.iter().map(|column| column.filter.is_some()).collect();
        assert_eq!(filters, [false, true, true, false]);
        let filter = footer.columns[1].filter.clone().unwrap();
        let filter = Bloom::from_bytes(&bytes[filter.start as usize..filter.end as usize]).unwrap();
        let hashes = page::hashes(batch.column(1)).unwrap();
        assert!(hashes.iter().all(|hash| filter.contains(*hash)));
        for cut in [0, 3, 12, length / 2, length - 1] {
            assert!(Footer::from_bytes(&body[body.len() - length..][..cut]).is_none(), "cut at {cut}");
        }
    }
}
