//! Reading segments: the pages that are asked for, through the cache of decoded ones.

use super::Manager;
use super::bloom::Bloom;
use super::chunk::{ColumnChunk, Footer, TAIL_BYTES};
use super::segment::{self, FileRef, Location, Segment};
use super::snapshot::TableRows;
use super::{manifest, page};
use crate::catalog::ObjectId;
use crate::error::{Error, Kind, Result};
use crate::storage::Tree;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::{concat, filter, interleave};
use std::ops::Range;
use std::sync::Arc;

fn name(table: ObjectId, segment: &Segment) -> String {
    format!("segment {} of table {table}", segment.id)
}

fn internal(error: &arrow::error::ArrowError) -> Error {
    Error::internal(format!("columns of a segment: {error}"))
}

impl Manager {
    /// What the chunk of a segment says of itself; none for a segment that has no file.
    pub fn footer(&self, table: ObjectId, segment: &Segment) -> Result<Option<Arc<Footer>>> {
        let Some(file) = segment.file() else { return Ok(None) };
        if let Some(footer) = file.footer.get() {
            return Ok(Some(footer.clone()));
        }
        let damaged = || Error::new(Kind::Corruption, format!("{} cannot be decoded", name(table, segment)));
        let files = self.store().files();
        let end = files.len(file.id)?.checked_sub(TAIL_BYTES as u64).ok_or_else(damaged)?;
        let tail = files.read_range(file.id, end, TAIL_BYTES)?;
        let length = u64::from(u32::from_le_bytes(tail.try_into().map_err(|_| damaged())?));
        let begin = end.checked_sub(length).ok_or_else(damaged)?;
        let bytes = files.read_range(file.id, begin, length as usize)?;
        let footer = Footer::from_bytes(&bytes).ok_or_else(damaged)?;
        if footer.rows != segment.rows {
            return Err(Error::new(
                Kind::Corruption,
                format!("{} has another number of rows than noted", name(table, segment)),
            ));
        }
        Ok(Some(file.footer.get_or_init(|| Arc::new(footer)).clone()))
    }

    /// The filter of a column of a chunk, if it has one.
    pub(super) fn filter(&self, table: ObjectId, segment: &Segment, column: &ColumnChunk) -> Result<Option<Bloom>> {
        let (Some(file), Some(range)) = (segment.file(), column.filter.clone()) else { return Ok(None) };
        let length = (range.end - range.start) as usize;
        let bytes = self.store().files().read_range(file.id, range.start, length)?;
        match Bloom::from_bytes(&bytes) {
            Some(filter) => Ok(Some(filter)),
            None => {
                Err(Error::new(Kind::Corruption, format!("a filter of {} cannot be decoded", name(table, segment))))
            }
        }
    }

    /// The rows of each page of a segment, in order; one without a file is one page.
    pub fn pages(&self, table: ObjectId, segment: &Segment) -> Result<Vec<Range<usize>>> {
        Ok(match self.footer(table, segment)? {
            Some(footer) => (0..footer.pages()).map(|page| footer.rows_of(page)).collect(),
            None => std::iter::once(0..segment.rows).collect(),
        })
    }

    /// The columns at these positions in some consecutive pages of a segment, deleted rows included: for each page a
    /// list of columns. Only their bytes are read and opened.
    pub fn read_pages(
        &self,
        table: ObjectId,
        segment: &Segment,
        positions: &[usize],
        pages: Range<usize>,
    ) -> Result<Vec<Vec<ArrayRef>>> {
        let columns = match self.footer(table, segment)? {
            None => positions.iter().zip(self.small(table, segment, positions)?).map(|(_, c)| vec![c]).collect(),
            Some(footer) => {
                let Some(file) = segment.file() else { return Err(Error::internal("a footer without a file")) };
                let read = |&p: &usize| self.column(table, segment, (file, &footer), p, pages.clone());
                positions.iter().map(read).collect::<Result<Vec<_>>>()?
            }
        };
        let page = |n: usize| columns.iter().map(|column: &Vec<ArrayRef>| column[n].clone()).collect();
        Ok((0..pages.len()).map(page).collect())
    }

    /// Some pages of one column.
    fn column(
        &self,
        table: ObjectId,
        segment: &Segment,
        (file, footer): (&FileRef, &Footer),
        position: usize,
        pages: Range<usize>,
    ) -> Result<Vec<ArrayRef>> {
        let mut found: Vec<_> = pages.clone().map(|page| self.cache.get((segment.id, position, page))).collect();
        let missing = |found: &[Option<ArrayRef>]| {
            let first = found.iter().position(Option::is_none)?;
            Some((first, found.iter().rposition(Option::is_none)?))
        };
        if let Some((first, last)) = missing(&found) {
            let damaged = || Error::new(Kind::Corruption, format!("{} cannot be decoded", name(table, segment)));
            let column = footer.columns.get(position).ok_or_else(damaged)?;
            let place = |n: usize| column.pages.get(pages.start + n).cloned().ok_or_else(damaged);
            let begin = place(first)?.start;
            let bytes = self.store().files().read_uncached(file.id, begin..place(last)?.end)?;
            for (n, slot) in found.iter_mut().enumerate().filter(|(_, slot)| slot.is_none()) {
                let (place, page) = (place(n)?, pages.start + n);
                let bytes = &bytes[(place.start - begin) as usize..(place.end - begin) as usize];
                let rows = footer.rows_of(page).len();
                let array = page::decode(bytes, column.data_type(), rows).ok_or_else(damaged)?;
                self.cache.put((segment.id, position, page), array.clone());
                *slot = Some(array);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Columns of a segment that has no file.
    fn small(&self, table: ObjectId, segment: &Segment, positions: &[usize]) -> Result<Vec<ArrayRef>> {
        let pick = |columns: &[ArrayRef]| {
            let missing = || Error::internal("a small segment lacks a column");
            positions.iter().map(|&p| columns.get(p).cloned().ok_or_else(missing)).collect()
        };
        if let Location::Memory(columns) = &segment.location {
            return pick(columns);
        }
        let cached: Option<Vec<_>> = positions.iter().map(|&p| self.cache.get((segment.id, p, 0))).collect();
        if let Some(columns) = cached {
            return Ok(columns);
        }
        let what = name(table, segment);
        let bytes = self.small_bytes(table, segment)?;
        let columns = segment::decode(&what, &bytes)?;
        if columns.iter().any(|column| column.len() != segment.rows) {
            return Err(Error::new(Kind::Corruption, format!("{what} has another number of rows than noted")));
        }
        for (p, column) in columns.iter().enumerate() {
            self.cache.put((segment.id, p, 0), column.clone());
        }
        pick(&columns)
    }

    /// The bytes of a segment that has no file.
    fn small_bytes(&self, table: ObjectId, segment: &Segment) -> Result<Vec<u8>> {
        let stored = self.store().engine().get(Tree::Rows, &manifest::segment_key(table, segment.id))?;
        let kept = || match &segment.location {
            // They were kept before they went.
            Location::Inline(inline) => inline.kept.get().cloned(),
            Location::File(_) | Location::Memory(_) => None,
        };
        let missing = || Error::new(Kind::Corruption, format!("{} is missing", name(table, segment)));
        stored.or_else(kept).ok_or_else(missing)
    }

    /// Keeps the bytes of small segments that `after` has no more: a snapshot from before may still be read.
    pub(super) fn keep_gone(&self, table: ObjectId, before: &TableRows, after: &TableRows) -> Result<()> {
        for gone in before.segments.iter().filter(|segment| after.segment(segment.id).is_none()) {
            if let Location::Inline(inline) = &gone.location {
                let bytes = self.small_bytes(table, gone)?;
                inline.kept.get_or_init(|| bytes);
            }
        }
        Ok(())
    }

    /// The columns of a segment at these positions, deleted rows included.
    pub fn read(&self, table: ObjectId, segment: &Segment, positions: &[usize]) -> Result<Vec<ArrayRef>> {
        let pages = self.pages(table, segment)?.len();
        let mut read = self.read_pages(table, segment, positions, 0..pages)?;
        if read.len() == 1 {
            return Ok(read.remove(0));
        }
        let whole = |n: usize| {
            let parts: Vec<&dyn Array> = read.iter().map(|page| page[n].as_ref()).collect();
            concat(&parts).map_err(|e| internal(&e))
        };
        (0..positions.len()).map(whole).collect()
    }

    /// As [`Self::read`], without the deleted rows.
    pub fn read_live(&self, table: ObjectId, segment: &Segment, positions: &[usize]) -> Result<Vec<ArrayRef>> {
        let columns = self.read(table, segment, positions)?;
        if segment.deleted.is_none() {
            return Ok(columns);
        }
        let live: BooleanArray = (0..segment.rows).map(|row| Some(!segment.is_deleted(row))).collect();
        let filtered = columns.iter().map(|column| filter(column, &live));
        filtered.collect::<Result<_, _>>().map_err(|e| internal(&e))
    }

    /// The columns at these positions in the rows at these offsets, in their order. Only pages that hold one are read.
    pub fn read_rows(
        &self,
        table: ObjectId,
        segment: &Segment,
        positions: &[usize],
        offsets: &[usize],
    ) -> Result<Vec<ArrayRef>> {
        let pages = self.pages(table, segment)?;
        let page_of = |offset: usize| pages.partition_point(|rows| rows.end <= offset);
        let mut wanted: Vec<usize> = offsets.iter().map(|&offset| page_of(offset)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.last().is_some_and(|&page| page >= pages.len()) {
            return Err(Error::internal("a row beyond the end of its segment"));
        }
        if wanted.is_empty() {
            // Of no row there is nothing but the type.
            wanted.push(0);
        }
        let mut read = Vec::with_capacity(wanted.len());
        for &page in &wanted {
            read.extend(self.read_pages(table, segment, positions, page..page + 1)?);
        }
        let place = |&offset: &usize| {
            let page = page_of(offset);
            (wanted.partition_point(|&w| w < page), offset - pages[page].start)
        };
        let places: Vec<(usize, usize)> = offsets.iter().map(place).collect();
        let pick = |n: usize| {
            let parts: Vec<&dyn Array> = read.iter().map(|page| page[n].as_ref()).collect();
            interleave(&parts, &places).map_err(|e| internal(&e))
        };
        (0..positions.len()).map(pick).collect()
    }
}
