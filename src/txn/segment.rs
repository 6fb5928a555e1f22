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
/// Offsets of a block.
const BLOCK_OFFSETS: usize = 64 * BLOCK_WORDS;

/// A bit for each of so many offsets.
type Block = [u64; BLOCK_WORDS];

/// The set of deleted offsets of one segment. Blocks are shared by the sets that come one after another: who deletes a row of many
/// makes one anew, and not all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// None has no bit set; the last is not empty.
    blocks: Vec<Option<Arc<Block>>>,
    count: usize,
}

impl Deleted {
    /// Adds an offset; tells whether it was new.
    pub fn insert(&mut self, offset: usize) -> bool {
        let (block, word, bit) = (offset / BLOCK_OFFSETS, offset % BLOCK_OFFSETS / 64, 1u64 << (offset % 64));
        if self.blocks.len() <= block {
            self.blocks.resize(block + 1, None);
        }
        let block = self.blocks[block].get_or_insert_with(|| Arc::new([0; BLOCK_WORDS]));
        let new = block[word] & bit == 0;
        if new {
            Arc::make_mut(block)[word] |= bit;
            self.count += 1;
        }
        new
    }

    /// Whether the offset is in the set.
    pub fn contains(&self, offset: usize) -> bool {
        let block = self.blocks.get(offset / BLOCK_OFFSETS).and_then(Option::as_ref);
        block.is_some_and(|block| block[offset % BLOCK_OFFSETS / 64] & (1 << (offset % 64)) != 0)
    }

    /// Adds all offsets of another set.
    pub fn extend(&mut self, other: &Self) {
        if self.blocks.len() < other.blocks.len() {
            self.blocks.resize(other.blocks.len(), None);
        }
        for (block, more) in self.blocks.iter_mut().zip(&other.blocks) {
            let Some(more) = more else { continue };
            let Some(block) = block else {
                self.count += ones(more);
                *block = Some(more.clone());
                continue;
            };
            if !Arc::ptr_eq(block, more) {
                let before = ones(block);
                Arc::make_mut(block).iter_mut().zip(more.iter()).for_each(|(word, more)| *word |= more);
                self.count += ones(block) - before;
            }
        }
    }

    /// Whether the sets have an offset in common.
    pub fn meets(&self, other: &Self) -> bool {
        let both = self.blocks.iter().zip(&other.blocks).filter_map(|(a, b)| a.as_ref().zip(b.as_ref()));
        both.into_iter().any(|(a, b)| a.iter().zip(b.iter()).any(|(a, b)| a & b != 0))
    }

    /// Every offset, in order.
    pub fn offsets(&self) -> impl Iterator<Item = usize> {
        let bits = |word: u64| (0..64).filter(move |bit| word & (1 << bit) != 0);
        let blocks = self.blocks.iter().enumerate().filter_map(|(n, block)| Some((n, block.as_ref()?)));
        let words = blocks
            .flat_map(|(n, block)| block.iter().enumerate().map(move |(word, bits)| (n * BLOCK_WORDS + word, *bits)));
        words.filter(|(_, word)| *word != 0).flat_map(move |(n, word)| bits(word).map(move |bit| n * 64 + bit))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes for the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let none = [0; BLOCK_WORDS];
        let words = self.blocks.iter().flat_map(|block| block.as_deref().unwrap_or(&none));
        let mut bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(bytes_used(&bytes));
        bytes
    }

    /// The blocks that are not what they are in `before`: their numbers, and their bytes for the store.
    pub fn blocks_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (u64, Vec<u8>)> + 'a {
        let old = |n: usize| before.blocks.get(n).and_then(Option::as_ref);
        let blocks = self.blocks.iter().enumerate().filter_map(|(n, block)| Some((n, block.as_ref()?)));
        let changed = blocks.filter(move |(n, block)| {
            old(*n).is_none_or(|old| !Arc::ptr_eq(old, block) && old.as_ref() != block.as_ref())
        });
        changed.map(|(n, block)| {
            let mut bytes: Vec<u8> = block.iter().flat_map(|word| word.to_le_bytes()).collect();
            bytes.truncate(bytes_used(&bytes));
            (n as u64, bytes)
        })
    }

    /// Adds the offsets of a block that [`Self::blocks_since`] gave.
    pub fn add_block(&mut self, block: u64, bytes: &[u8]) {
        let first = block as usize;
        for (n, bytes) in bytes.chunks(BLOCK_WORDS * 8).enumerate() {
            let mut words = [0; BLOCK_WORDS];
            for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
                let mut whole = [0; 8];
                whole[..chunk.len()].copy_from_slice(chunk);
                *word = u64::from_le_bytes(whole);
            }
            let count = ones(&words);
            if count > 0 {
                let mut blocks = vec![None; first + n];
                blocks.push(Some(Arc::new(words)));
                self.extend(&Self { blocks, count });
            }
        }
    }

    /// The set that [`Self::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut set = Self::default();
        set.add_block(0, bytes);
        set
    }
}

fn ones(block: &Block) -> usize {
    block.iter().map(|word| word.count_ones() as usize).sum()
}

/// Bytes up to the end of the last word that is not zero.
fn bytes_used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| (last / 8 + 1) * 8)
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
