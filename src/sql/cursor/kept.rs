//! The rows that a cursor has read and may need again: some in memory, the others in a sealed file.

use crate::config::CURSOR_BYTES_MAX;
use crate::error::{Error, Result};
use crate::storage::{SpillArea, SpillFile, SpillPlace, SpillReader, SpillWriter};
use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

/// What becomes of rows that the cursor has passed, where they are too many for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// They are forgotten at once: nobody goes back.
    Forgotten,
    /// They are kept as long as they are few.
    KeptIfFew,
    /// They are put aside.
    PutAside,
}

/// Rows by their numbers, from 1.
pub struct Kept {
    area: Arc<SpillArea>,
    chunks: VecDeque<Chunk>,
    /// The number of the last row.
    end: u64,
    /// Bytes of the chunks in memory.
    bytes: usize,
    reservation: MemoryReservation,
    file: Option<(Arc<SpillFile>, SpillWriter)>,
    /// The chunk that was read from the file last, and the number of its first row.
    read: Option<(u64, RecordBatch)>,
}

/// Rows that belong together.
struct Chunk {
    /// The number of its first row.
    first: u64,
    rows: usize,
    held: Held,
}

enum Held {
    Memory(RecordBatch, usize),
    File(SpillPlace),
}

impl Chunk {
    fn end(&self) -> u64 {
        self.first + self.rows as u64 - 1
    }
}

impl Kept {
    /// None yet. What is kept in memory counts in `pool`.
    pub fn new(area: Arc<SpillArea>, pool: &Arc<dyn MemoryPool>) -> Self {
        let reservation = MemoryConsumer::new("cursor").with_can_spill(true).register(pool);
        Self { area, chunks: VecDeque::new(), end: 0, bytes: 0, reservation, file: None, read: None }
    }

    /// The number of the last row; 0 if there was none.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The number of the first row that is still there; the one after the last if there is none.
    pub fn first(&self) -> u64 {
        self.chunks.front().map_or(self.end + 1, |chunk| chunk.first)
    }

    /// Adds rows behind the last.
    pub fn push(&mut self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            let bytes = batch.get_array_memory_size();
            // They are here already: what they are too many of is put aside by the next look.
            self.reservation.grow(bytes);
            self.bytes += bytes;
            let (first, rows) = (self.end + 1, batch.num_rows());
            self.end += rows as u64;
            self.chunks.push_back(Chunk { first, rows, held: Held::Memory(batch, bytes) });
        }
    }

    /// The chunk with this row, and where in it the row is.
    pub fn find(&mut self, row: u64) -> Result<Option<(RecordBatch, usize)>> {
        let at = self.chunks.partition_point(|chunk| chunk.end() < row);
        let Some(chunk) = self.chunks.get(at).filter(|chunk| chunk.first <= row) else { return Ok(None) };
        let within = (row - chunk.first) as usize;
        let place = match &chunk.held {
            Held::Memory(batch, _) => return Ok(Some((batch.clone(), within))),
            Held::File(place) => *place,
        };
        let first = chunk.first;
        let batch = match &self.read {
            Some((number, batch)) if *number == first => batch.clone(),
            _ => self.read_back(place)?,
        };
        self.read = Some((first, batch.clone()));
        Ok(Some((batch, within)))
    }

    /// Keeps to the memory that there is; rows up to `passed` are behind the cursor.
    pub fn settle(&mut self, passed: u64, how: Passed) -> Result<()> {
        match how {
            Passed::Forgotten => self.forget(|kept| kept.chunks.front().is_some_and(|chunk| chunk.end() <= passed)),
            Passed::KeptIfFew => {
                self.forget(|kept| kept.is_too_much() && kept.chunks.front().is_some_and(|chunk| chunk.end() <= passed))
            }
            Passed::PutAside if self.is_too_much() => self.put_aside()?,
            Passed::PutAside => {}
        }
        Ok(())
    }

    /// All rows, if none of them was put aside or forgotten.
    pub fn in_memory(&self) -> Option<Vec<RecordBatch>> {
        let batch = |chunk: &Chunk| match &chunk.held {
            Held::Memory(batch, _) => Some(batch.clone()),
            Held::File(_) => None,
        };
        self.chunks.iter().map(batch).collect::<Option<_>>().filter(|_| self.first() == 1 || self.end == 0)
    }

    fn is_too_much(&self) -> bool {
        // Asked for nothing, a pool that is over its limit refuses too.
        self.bytes > CURSOR_BYTES_MAX || self.reservation.try_grow(0).is_err()
    }

    fn forget(&mut self, more: impl Fn(&Self) -> bool) {
        while more(self) {
            if let Some(Chunk { held: Held::Memory(_, bytes), .. }) = self.chunks.pop_front() {
                self.bytes -= bytes;
                self.reservation.shrink(bytes);
            }
        }
    }

    /// Writes all that is in memory into the file.
    fn put_aside(&mut self) -> Result<()> {
        if self.file.is_none() {
            let file = self.area.create()?;
            self.file = Some((file.clone(), file.writer()));
        }
        let Some((file, writer)) = &mut self.file else { return Ok(()) };
        for chunk in &mut self.chunks {
            let Held::Memory(batch, bytes) = &chunk.held else { continue };
            let place = file.end();
            let mut stream = StreamWriter::try_new(&mut *writer, batch.schema_ref())?;
            stream.write(batch)?;
            stream.finish()?;
            drop(stream);
            writer.put()?;
            self.bytes -= bytes;
            self.reservation.shrink(*bytes);
            chunk.held = Held::File(place);
        }
        Ok(())
    }

    fn read_back(&self, place: SpillPlace) -> Result<RecordBatch> {
        let lost = || Error::internal("rows that a cursor has put aside are not there");
        let (file, _) = self.file.as_ref().ok_or_else(lost)?;
        let frames = Frames { reader: file.reader_at(place), bytes: Vec::new(), at: 0 };
        let mut stream = StreamReader::try_new(frames, None)?;
        Ok(stream.next().ok_or_else(lost)??)
    }
}

/// The bytes of a file's frames one after another.
struct Frames {
    reader: SpillReader,
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Frames {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.bytes.len() {
            self.bytes = self.reader.next_bytes().map_err(io::Error::other)?.unwrap_or_default();
            self.at = 0;
        }
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{KeySource, MasterKey};
    use crate::storage::Store;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use datafusion::execution::memory_pool::UnboundedMemoryPool;

    fn batch(from: i64, rows: i64) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(from..from + rows))]).unwrap()
    }

    fn value(kept: &mut Kept, row: u64) -> Option<i64> {
        let (batch, at) = kept.find(row).unwrap()?;
        Some(batch.column(0).as_primitive::<Int64Type>().value(at))
    }

    #[test]
    fn rows_are_found_by_their_numbers_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &KeySource::from(MasterKey::from_bytes([5; 32]))).unwrap();
        let pool = Arc::new(UnboundedMemoryPool::default()) as Arc<dyn MemoryPool>;
        for how in [Passed::PutAside, Passed::KeptIfFew, Passed::Forgotten] {
            let mut kept = Kept::new(store.spill().clone(), &pool);
            // 16 MB in all.
            for n in 0..20 {
                kept.push(batch(n * 100_000, 100_000));
                kept.settle(kept.end(), how).unwrap();
            }
            assert_eq!(kept.end(), 2_000_000);
            assert!(kept.bytes <= CURSOR_BYTES_MAX && pool.reserved() <= CURSOR_BYTES_MAX);
            assert_eq!(value(&mut kept, 2_000_001), None);
            match how {
                Passed::PutAside => {
                    for row in [1, 100_000, 100_001, 1_234_567, 2_000_000, 2, 1] {
                        assert_eq!(value(&mut kept, row), Some(row as i64 - 1));
                    }
                    assert!(store.spill().bytes() > 8_000_000);
                }
                Passed::KeptIfFew => {
                    assert!(kept.first() > 1 && kept.first() < 2_000_000);
                    assert_eq!(value(&mut kept, 1), None);
                    assert_eq!(value(&mut kept, 2_000_000), Some(1_999_999));
                }
                Passed::Forgotten => assert_eq!(kept.first(), 2_000_001),
            }
            drop(kept);
            assert_eq!((pool.reserved(), store.spill().bytes()), (0, 0));
        }
    }
}
