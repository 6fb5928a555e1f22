//! Reading segments: the pages that are asked for, through the cache of decoded ones.

use super::Manager;
use super::bloom::Bloom;
use super::chunk::{ColumnChunk, Footer, TAIL_BYTES};
use super::manifest;
use super::segment::{self, FileRef, Location, Segment};
use super::snapshot::TableRows;
use super::stored::Page;

use crate::catalog::ObjectId;
use crate::crypto::{KeyFact, KeyState, Scope};
use crate::error::{Error, Kind, Result};
use crate::storage::Tree;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::{concat, filter, interleave};
use std::ops::Range;
use std::sync::Arc;

/// Gives the bytes of a small segment, or of a part of one, that belong to an object; none if they are gone.
pub(super) type BytesOf<'a> = &'a dyn Fn(ObjectId, &Location) -> Result<Option<Vec<u8>>>;

/// Rows that are made wide one by one.
const FEW_ROWS: usize = 32;

/// Marks positions of columns that are in a part.
const APART: usize = 1 << (usize::BITS - 1);

fn name(table: ObjectId, segment: &Segment) -> String {
    format!("segment {} of table {table}", segment.id)
}

fn internal(error: &arrow::error::ArrowError) -> Error {
    Error::internal(format!("columns of a segment: {error}"))
}

fn undecodable(table: ObjectId, segment: &Segment) -> Error {
    Error::new(Kind::Corruption, format!("{} cannot be decoded", name(table, segment)))
}

/// The file that a column is in.
fn file_of<'a>(segment: &'a Segment, column: &ColumnChunk) -> Option<&'a Arc<FileRef>> {
    match column.part {
        None => segment.file(),
        Some(part) => segment.parts().get(part)?.file(),
    }
}

/// Under which position the pages of a column are cached: another one while its values are in a part, so that none of them is
/// found once the segment has lost that.
fn cached_as(segment: &Segment, position: usize) -> usize {
    if segment.is_apart(position) { position | APART } else { position }
}

impl Manager {
    /// An error of damage names the table whose rows were read: who reads a file or a value of the store knows no table.
    fn told(&self, table: ObjectId, error: Error) -> Error {
        let snapshot = self.current();
        let Some(facts) = snapshot.catalog.table_by_id(table).filter(|_| error.kind() == Kind::Corruption) else {
            return error;
        };
        let message = format!("table {}.{}: {}", facts.schema, facts.name, error.message());
        Error::new(Kind::Corruption, message).with_hint("`steward repair --from BACKUP` brings back what is damaged.")
    }

    fn damaged(&self, table: ObjectId, segment: &Segment) -> Error {
        self.told(table, undecodable(table, segment))
    }

    /// What the chunk of a segment says of itself, its parts included; none for a segment that has no file.
    pub fn footer(&self, table: ObjectId, segment: &Segment) -> Result<Option<Arc<Footer>>> {
        self.whole_footer(table, segment).map_err(|error| self.told(table, error))
    }

    fn whole_footer(&self, table: ObjectId, segment: &Segment) -> Result<Option<Arc<Footer>>> {
        let Some(file) = segment.file() else { return Ok(None) };
        let own = self.footer_of(table, segment, file)?;
        let Some(parts) = &segment.parts else { return Ok(Some(own)) };
        if let Some(footer) = parts.footer.get() {
            return Ok(Some(footer.clone()));
        }
        let damaged = || Error::new(Kind::Corruption, format!("{} and its parts do not fit", name(table, segment)));
        let mut whole = Footer::clone(&own);
        for (n, part) in parts.list.iter().enumerate() {
            let file = part.file().ok_or_else(damaged)?;
            if self.store().files().is_shredded(file.id) {
                // Nobody can open it any more: its columns are what the segment itself says, NULL.
                continue;
            }
            let footer = self.footer_of(table, segment, file)?;
            if footer.page_rows != own.page_rows || footer.columns.len() != part.columns.len() {
                return Err(damaged());
            }
            for (column, &position) in footer.columns.iter().zip(&part.columns) {
                let slot = whole.columns.get_mut(position).ok_or_else(damaged)?;
                *slot = ColumnChunk { part: Some(n), ..column.clone() };
            }
        }
        Ok(Some(parts.footer.get_or_init(|| Arc::new(whole)).clone()))
    }

    /// What one chunk says of itself.
    fn footer_of(&self, table: ObjectId, segment: &Segment, file: &FileRef) -> Result<Arc<Footer>> {
        if let Some(footer) = file.footer.get() {
            return Ok(footer.clone());
        }
        let damaged = || undecodable(table, segment);
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
        Ok(file.footer.get_or_init(|| Arc::new(footer)).clone())
    }

    /// The filter of a column of a chunk, if it has one.
    pub(super) fn filter(&self, table: ObjectId, segment: &Segment, column: &ColumnChunk) -> Result<Option<Bloom>> {
        let (Some(file), Some(range)) = (file_of(segment, column), column.filter.clone()) else { return Ok(None) };
        let length = (range.end - range.start) as usize;
        let damaged =
            || Error::new(Kind::Corruption, format!("a filter of {} cannot be decoded", name(table, segment)));
        let read = self.store().files().read_range(file.id, range.start, length);
        let filter = read.and_then(|bytes| Bloom::from_bytes(&bytes).ok_or_else(damaged));
        filter.map(Some).map_err(|error| self.told(table, error))
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
        let whole = |page: &Arc<Page>| page.whole().ok_or_else(|| self.damaged(table, segment));
        let stored = self.stored_pages(table, segment, positions, pages)?;
        stored.iter().map(|page| page.iter().map(whole).collect()).collect()
    }

    /// As [`Self::read_pages`], as narrow as they are kept.
    pub fn stored_pages(
        &self,
        table: ObjectId,
        segment: &Segment,
        positions: &[usize],
        pages: Range<usize>,
    ) -> Result<Vec<Vec<Arc<Page>>>> {
        let columns = match self.footer(table, segment)? {
            None => self.small(table, segment, positions)?.into_iter().map(|column| vec![column]).collect(),
            Some(footer) => {
                let read = |&p: &usize| self.column(table, segment, &footer, p, pages.clone());
                positions.iter().map(read).collect::<Result<Vec<_>>>()?
            }
        };
        let page = |n: usize| columns.iter().map(|column: &Vec<Arc<Page>>| column[n].clone()).collect();
        Ok((0..pages.len()).map(page).collect())
    }

    /// Some pages of one column.
    fn column(
        &self,
        table: ObjectId,
        segment: &Segment,
        footer: &Footer,
        position: usize,
        pages: Range<usize>,
    ) -> Result<Vec<Arc<Page>>> {
        let cached = cached_as(segment, position);
        let mut found: Vec<_> = pages.clone().map(|page| self.cache.get((segment.id, cached, page))).collect();
        let missing = |found: &[Option<Arc<Page>>]| {
            let first = found.iter().position(Option::is_none)?;
            Some((first, found.iter().rposition(Option::is_none)?))
        };
        if let Some((first, last)) = missing(&found) {
            let damaged = || self.damaged(table, segment);
            let column = footer.columns.get(position).ok_or_else(damaged)?;
            let file = file_of(segment, column).ok_or_else(damaged)?;
            let place = |n: usize| column.pages.get(pages.start + n).cloned().ok_or_else(damaged);
            let begin = place(first)?.start;
            let read = self.store().files().read_uncached(file.id, begin..place(last)?.end);
            let bytes = read.map_err(|error| self.told(table, error))?;
            for (n, slot) in found.iter_mut().enumerate().filter(|(_, slot)| slot.is_none()) {
                let (place, page) = (place(n)?, pages.start + n);
                let bytes = &bytes[(place.start - begin) as usize..(place.end - begin) as usize];
                let rows = footer.rows_of(page).len();
                let read = Arc::new(Page::read(bytes, column.data_type(), rows).ok_or_else(damaged)?);
                self.cache.put((segment.id, cached, page), read.clone());
                *slot = Some(read);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Columns of a segment that has no file.
    fn small(&self, table: ObjectId, segment: &Segment, positions: &[usize]) -> Result<Vec<Arc<Page>>> {
        let missing = || Error::internal("a small segment lacks a column");
        if let Location::Memory(held) = &segment.location {
            let columns = held.columns()?;
            let pick = |&p: &usize| columns.get(p).map(|c| Arc::new(Page::of(c.clone()))).ok_or_else(missing);
            return positions.iter().map(pick).collect();
        }
        let place = |position| (segment.id, cached_as(segment, position), 0);
        let cached: Option<Vec<_>> = positions.iter().map(|&p| self.cache.get(place(p))).collect();
        if let Some(columns) = cached {
            return Ok(columns);
        }
        let what = name(table, segment);
        let read = |owner, location: &Location| self.small_bytes(owner, segment.id, location);
        let columns = self.decode_small(&what, table, segment, &read).map_err(|error| self.told(table, error))?;
        let columns: Vec<Arc<Page>> = columns.into_iter().map(|column| Arc::new(Page::of(column))).collect();
        for (p, column) in columns.iter().enumerate() {
            self.cache.put(place(p), column.clone());
        }
        positions.iter().map(|&p| columns.get(p).cloned().ok_or_else(missing)).collect()
    }

    /// All columns of a segment that has no file. `read` gives the bytes that belong to the table, and to each class.
    pub(super) fn decode_small(
        &self,
        what: &str,
        table: ObjectId,
        segment: &Segment,
        read: BytesOf<'_>,
    ) -> Result<Vec<ArrayRef>> {
        let missing = || Error::new(Kind::Corruption, format!("{what} is missing"));
        let unlike = |how: &str| Error::new(Kind::Corruption, format!("{what} has {how} than noted"));
        let mut columns = segment::decode(what, &read(table, &segment.location)?.ok_or_else(missing)?)?;
        for part in segment.parts() {
            let Some(bytes) = read(part.class, &part.location)? else {
                // What was erased is NULL, as the segment itself has it; anything else that is not there is damage.
                match self.is_erased(part.class) {
                    true => continue,
                    false => return Err(missing()),
                }
            };
            let apart = segment::decode(what, &bytes)?;
            if apart.len() != part.columns.len() {
                return Err(unlike("another number of columns"));
            }
            for (column, &position) in apart.into_iter().zip(&part.columns) {
                *columns.get_mut(position).ok_or_else(|| unlike("fewer columns"))? = column;
            }
        }
        match columns.iter().any(|column| column.len() != segment.rows) {
            true => Err(unlike("another number of rows")),
            false => Ok(columns),
        }
    }

    /// Whether a data key of a class was destroyed.
    fn is_erased(&self, class: ObjectId) -> bool {
        let destroyed = |fact: &KeyFact| fact.scope == Scope::Object(class) && fact.state == KeyState::Destroyed;
        self.store().keyring().facts().iter().any(destroyed)
    }

    /// The bytes of a segment that has no file, or of a part of one; none if they are gone.
    fn small_bytes(&self, owner: ObjectId, segment: u64, location: &Location) -> Result<Option<Vec<u8>>> {
        if let Location::Inline(inline) = location
            && let Some(kept) = inline.kept.get()
        {
            return Ok(Some(kept.clone()));
        }
        self.store().engine().get(Tree::Rows, &manifest::segment_key(owner, segment))
    }

    /// Keeps the bytes of small segments, and of their parts, that `after` has no more: a snapshot from before may still be
    /// read.
    pub(super) fn keep_gone(&self, table: ObjectId, before: &TableRows, after: &TableRows) -> Result<()> {
        for (segment, now) in before.changes(after) {
            let Some(segment) = segment else { continue };
            let gone = |class| now.is_none_or(|now| now.parts().iter().all(|part| part.class != class));
            let parts = segment.parts().iter().filter(|part| gone(part.class));
            let parts = parts.map(|part| (part.class, &part.location));
            let own = now.is_none().then_some((table, &segment.location));
            for (owner, location) in own.into_iter().chain(parts) {
                if let Location::Inline(inline) = location
                    && inline.kept.get().is_none()
                {
                    match self.small_bytes(owner, segment.id, location)? {
                        Some(bytes) => drop(inline.kept.get_or_init(|| bytes)),
                        None if owner != table && self.is_erased(owner) => {}
                        None => {
                            let message = format!("{} is missing", name(table, segment));
                            return Err(Error::new(Kind::Corruption, message));
                        }
                    }
                }
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

    /// The columns at these positions in the one row at this offset. They are a window on what the cache has: to be looked at,
    /// not kept.
    pub fn read_row(
        &self,
        table: ObjectId,
        segment: &Segment,
        positions: &[usize],
        offset: usize,
    ) -> Result<Vec<ArrayRef>> {
        if offset >= segment.rows {
            return Err(Error::internal("a row beyond the end of its segment"));
        }
        let Some(footer) = self.footer(table, segment)? else {
            let columns = self.small(table, segment, positions)?;
            let row = |column: &Arc<Page>| column.slice(offset..offset + 1).ok_or_else(|| self.damaged(table, segment));
            return columns.iter().map(row).collect();
        };
        let (page, at) = (offset / footer.page_rows, offset % footer.page_rows);
        let read = |&position: &usize| {
            let pages = self.column(table, segment, &footer, position, page..page + 1)?;
            let page = pages.first().ok_or_else(|| Error::internal("a page was read and is not there"))?;
            page.slice(at..at + 1).ok_or_else(|| self.damaged(table, segment))
        };
        positions.iter().map(read).collect()
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
            read.extend(self.stored_pages(table, segment, positions, page..page + 1)?);
        }
        let place = |&offset: &usize| {
            let page = page_of(offset);
            (wanted.partition_point(|&w| w < page), offset - pages[page].start)
        };
        let places: Vec<(usize, usize)> = offsets.iter().map(place).collect();
        let damaged = || self.damaged(table, segment);
        let pick = |n: usize| {
            // A page is not made wide for the sake of a few rows.
            if (1..=FEW_ROWS).contains(&places.len()) {
                let one = |&(page, row): &(usize, usize)| read[page][n].slice(row..row + 1).ok_or_else(damaged);
                let rows = places.iter().map(one).collect::<Result<Vec<_>>>()?;
                let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
                return concat(&rows).map_err(|e| internal(&e));
            }
            let parts = read.iter().map(|page| page[n].whole().ok_or_else(damaged)).collect::<Result<Vec<_>>>()?;
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            interleave(&parts, &places).map_err(|e| internal(&e))
        };
        (0..positions.len()).map(pick).collect()
    }
}
