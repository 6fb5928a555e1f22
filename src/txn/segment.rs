//! Segments: immutable runs of rows, and where they are.
//!
//! A segment is what one transaction, or one large write, adds to a table. Small ones are rows of the store's tree `Rows`, all columns
//! behind a form byte: 3 as [`small`] says, 1 an Arrow IPC stream with LZ4, 0 one without; larger ones are sealed files, see
//! [`chunk`](super::chunk). The values of columns that belong to a class lie beside it, see [`parts`](super::parts).

use super::chunk::Footer;
use super::held::Held;
use super::parts::{Parts, nameless};
use super::small;
use crate::config::KEPT_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use crate::storage::{FileId, Files};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Up to this many rows compression would cost more than it saves.
pub(super) const PLAIN_ROWS_MAX: usize = 256;
const FORM_PLAIN: u8 = 0;
const FORM_COMPRESSED: u8 = 1;
const FORM_SMALL: u8 = 3;

/// Address of a row: segment id above, offset within the segment below.
pub type RowId = u64;
/// Bits of a row id that hold the offset.
const OFFSET_BITS: u32 = 32;

/// The id of a row.
pub fn row_id(segment: u64, offset: usize) -> RowId {
    debug_assert!(offset < 1 << OFFSET_BITS);
    (segment << OFFSET_BITS) | offset as u64
}

/// Segment and offset of a row id.
pub fn split_row_id(id: RowId) -> (u64, usize) {
    (id >> OFFSET_BITS, (id & ((1 << OFFSET_BITS) - 1)) as usize)
}

/// Where the bytes of a segment are.
#[derive(Debug, Clone)]
pub enum Location {
    /// A row of the tree `Rows`.
    Inline(Arc<InlineRef>),
    /// A sealed file.
    File(Arc<FileRef>),
    /// Not on disk: the segment belongs to an open transaction.
    Memory(Arc<Held>),
}

/// The bytes of a small segment where they are few, so that it is read and merged without the store, or where the segment is gone from
/// the tree, for those who still hold it.
#[derive(Debug, Default)]
pub struct InlineRef {
    pub(super) kept: OnceLock<Vec<u8>>,
}

impl InlineRef {
    /// Of a segment that has these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let kept = OnceLock::new();
        if bytes.len() <= KEPT_BYTES_MAX {
            _ = kept.set(bytes.to_vec());
        }
        Self { kept }
    }
}

/// A sealed file that goes when nobody can read it any more.
#[derive(Debug)]
pub struct FileRef {
    /// Its id.
    pub id: FileId,
    files: Arc<Files>,
    kept: AtomicBool,
    /// What the chunk says of itself, once somebody asked.
    pub(super) footer: OnceLock<Arc<Footer>>,
    /// A commit has referred to it: states of the past may.
    was_kept: AtomicBool,
}

impl FileRef {
    /// A file that nothing committed refers to yet: dropping this removes it.
    pub fn uncommitted(id: FileId, files: Arc<Files>) -> Self {
        Self { id, files, kept: AtomicBool::new(false), was_kept: AtomicBool::new(false), footer: OnceLock::new() }
    }

    /// A file that the manifest refers to.
    pub fn committed(id: FileId, files: Arc<Files>) -> Self {
        Self { id, files, kept: AtomicBool::new(true), was_kept: AtomicBool::new(true), footer: OnceLock::new() }
    }

    /// Says whether the manifest refers to it now.
    pub fn keep(&self, kept: bool) {
        self.kept.store(kept, Ordering::Release);
        self.was_kept.fetch_or(kept, Ordering::AcqRel);
    }
}

impl Drop for FileRef {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Acquire) {
            return;
        }
        let removed = match self.was_kept.load(Ordering::Acquire) {
            true => self.files.remove(self.id),
            false => self.files.discard(self.id),
        };
        if let Err(error) = removed {
            // Not lost: the next start removes files that nothing refers to.
            tracing::warn!("a file of a dropped segment stays until the next start: {error}");
        }
    }
}

/// An immutable run of rows with the rows deleted since.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its id, never used again.
    pub id: u64,
    /// Rows, the deleted ones included.
    pub rows: usize,
    /// Bytes on disk.
    pub bytes: u64,
    /// Where the bytes are.
    pub location: Location,
    /// What it has of classes of sensitivity, whose columns are NULL in its own bytes. One in memory has none: it is cut when
    /// it is written.
    pub parts: Option<Arc<Parts>>,
    /// Rows deleted since.
    pub deleted: Option<Arc<Deleted>>,
}

impl Segment {
    /// Rows that are still there.
    pub fn live_rows(&self) -> usize {
        self.rows - self.deleted.as_ref().map_or(0, |d| d.count())
    }

    /// Its sealed file, if it has one.
    pub fn file(&self) -> Option<&Arc<FileRef>> {
        match &self.location {
            Location::File(file) => Some(file),
            Location::Inline(_) | Location::Memory(_) => None,
        }
    }

    /// Whether the row at this offset is deleted.
    pub fn is_deleted(&self, offset: usize) -> bool {
        self.deleted.as_ref().is_some_and(|d| d.contains(offset))
    }
}

/// Words of a block of [`Deleted`]: who deletes a row writes one of these, and not all that are deleted.
const BLOCK_WORDS: usize = 64;

/// The set of deleted offsets of one segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    words: Vec<u64>,
    count: usize,
}

impl Deleted {
    /// Adds an offset; tells whether it was new.
    pub fn insert(&mut self, offset: usize) -> bool {
        let (word, bit) = (offset / 64, 1u64 << (offset % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += usize::from(new);
        new
    }

    /// Whether the offset is in the set.
    pub fn contains(&self, offset: usize) -> bool {
        self.words.get(offset / 64).is_some_and(|word| word & (1 << (offset % 64)) != 0)
    }

    /// Adds all offsets of another set.
    pub fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            self.count += (more & !*word).count_ones() as usize;
            *word |= more;
        }
    }

    /// Whether the sets have an offset in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// Every offset, in order.
    pub fn offsets(&self) -> impl Iterator<Item = usize> {
        let bits = |word: u64| (0..64).filter(move |bit| word & (1 << bit) != 0);
        let words = self.words.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(move |(n, word)| bits(*word).map(move |bit| n * 64 + bit))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes for the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.words)
    }

    /// The blocks that are not what they are in `before`: their numbers, and their bytes for the store.
    pub fn blocks_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (u64, Vec<u8>)> + 'a {
        let changed = move |(block, words): &(usize, &[u64])| {
            let old = before.words.get(block * BLOCK_WORDS..).unwrap_or_default();
            words.iter().enumerate().any(|(n, word)| *word != old.get(n).copied().unwrap_or_default())
        };
        let blocks = self.words.chunks(BLOCK_WORDS).enumerate().filter(changed);
        blocks.map(|(block, words)| (block as u64, to_bytes(words)))
    }

    /// Adds the offsets of a block that [`Self::blocks_since`] gave.
    pub fn add_block(&mut self, block: u64, bytes: &[u8]) {
        let mut words = vec![0; block as usize * BLOCK_WORDS];
        words.extend(Self::from_bytes(bytes).words);
        let count = words.iter().map(|word| word.count_ones() as usize).sum();
        self.extend(&Self { words, count });
    }

    /// The set that [`Self::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let words: Vec<u64> = bytes
            .chunks(8)
            .map(|chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                u64::from_le_bytes(word)
            })
            .collect();
        let count = words.iter().map(|word| word.count_ones() as usize).sum();
        Self { words, count }
    }
}

fn to_bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The bytes of a few rows.
pub fn encode(columns: &[ArrayRef], rows: usize) -> Result<Vec<u8>> {
    let compressed = rows > PLAIN_ROWS_MAX;
    if !compressed && let Some(mut bytes) = small::encode(columns, rows) {
        bytes.insert(0, FORM_SMALL);
        return Ok(bytes);
    }
    let internal = |e: arrow::error::ArrowError| Error::internal(format!("a segment cannot be encoded: {e}"));
    let batch = nameless(columns.to_vec(), rows)?;
    let mut bytes = vec![if compressed { FORM_COMPRESSED } else { FORM_PLAIN }];
    let compression = compressed.then_some(CompressionType::LZ4_FRAME);
    let options = IpcWriteOptions::default().try_with_compression(compression).map_err(internal)?;
    let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options).map_err(internal)?;
    writer.write(&batch).and_then(|()| writer.finish()).map_err(internal)?;
    drop(writer);
    Ok(bytes)
}

/// All columns out of the bytes that [`encode`] made. `what` names the segment in errors.
pub fn decode(what: &str, bytes: &[u8]) -> Result<Vec<ArrayRef>> {
    let damaged = || Error::new(Kind::Corruption, format!("{what} cannot be decoded"));
    match bytes.split_first() {
        Some((&FORM_SMALL, rest)) => small::decode(rest).ok_or_else(damaged),
        Some((&(FORM_PLAIN | FORM_COMPRESSED), rest)) => {
            let mut reader = StreamReader::try_new(rest, None).map_err(|_| damaged())?;
            let batch = reader.next().ok_or_else(damaged)?.map_err(|_| damaged())?;
            Ok(batch.columns().to_vec())
        }
        _ => Err(damaged()),
    }
}

/// A batch of these columns; `rows` counts when there is none.
pub fn batch(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
        .map_err(|e| Error::internal(format!("columns do not fit their schema: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int64Type;

    fn sample(rows: i64) -> RecordBatch {
        let ids = Int64Array::from_iter_values(0..rows);
        let names = StringArray::from_iter((0..rows).map(|n| (n % 3 > 0).then(|| format!("name {n}"))));
        RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("name", Arc::new(names) as ArrayRef)]).unwrap()
    }

    #[test]
    fn small_segments_come_back() {
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1), None])]);
        let lists: Vec<ArrayRef> = vec![Arc::new(list)];
        for (form, columns) in
            [(FORM_SMALL, sample(1).columns()), (FORM_COMPRESSED, sample(300).columns()), (FORM_PLAIN, &lists)]
        {
            let bytes = encode(columns, columns[0].len()).unwrap();
            assert_eq!((bytes[0], decode("segment", &bytes).unwrap().as_slice()), (form, columns));
            for cut in [0, 1, 7, bytes.len() / 2] {
                assert!(decode("segment", &bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn deleted_offsets_come_back() {
        let mut deleted = Deleted::default();
        assert!(deleted.insert(70) && deleted.insert(3) && !deleted.insert(70));
        let again = Deleted::from_bytes(&deleted.to_bytes());
        assert_eq!(again, deleted);
        assert!(again.contains(3) && again.contains(70) && !again.contains(4) && !again.contains(9999));
    }

    #[test]
    fn blocks_that_changed_make_the_whole_set() {
        let mut deleted = Deleted::default();
        let mut stored = Deleted::default();
        let mut told = Vec::new();
        for offset in [5, 4095, 4096, 131_071, 70_000, 6] {
            let before = deleted.clone();
            deleted.insert(offset);
            for (block, bytes) in deleted.blocks_since(&before) {
                assert!(bytes.len() <= BLOCK_WORDS * 8);
                stored.add_block(block, &bytes);
                told.push(block);
            }
            assert_eq!(stored, deleted);
        }
        assert_eq!(told, [0, 0, 1, 31, 17, 0]);
        assert_eq!(
            deleted.blocks_since(&Deleted::default()).map(|(block, _)| block).collect::<Vec<_>>(),
            [0, 1, 17, 31]
        );
        assert_eq!(deleted.blocks_since(&deleted).count(), 0);
    }

    #[test]
    fn sets_of_deleted_offsets_add_up() {
        let set = |offsets: &[usize]| {
            let mut set = Deleted::default();
            offsets.iter().for_each(|&offset| _ = set.insert(offset));
            set
        };
        let mut all = set(&[3, 70]);
        assert!(!all.meets(&set(&[4, 500])) && all.meets(&set(&[70, 500])));
        all.extend(&set(&[3, 64, 500]));
        assert_eq!(all, set(&[3, 64, 70, 500]));
        assert_eq!((all.count(), all.offsets().collect::<Vec<_>>()), (4, vec![3, 64, 70, 500]));
    }

    #[test]
    fn row_ids_split_into_what_they_were_made_of() {
        assert_eq!(split_row_id(row_id(77, 131_071)), (77, 131_071));
    }
}
