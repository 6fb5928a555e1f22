//! The engine's temporary files, over sealed ones.

use crate::storage::{SpillArea, SpillFile, SpillWriter};
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::spill_file;
use futures::Stream;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;

/// Makes sealed files for operators that spill. The engine has no other way to the disk.
#[derive(Debug)]
pub struct SealedFiles(Arc<SpillArea>);

impl SealedFiles {
    /// Files in this area.
    pub fn new(area: Arc<SpillArea>) -> Self {
        Self(area)
    }
}

impl spill_file::TempFileFactory for SealedFiles {
    fn create_temp_file(&self, _: &str) -> Result<Arc<dyn spill_file::SpillFile>> {
        Ok(Arc::new(Sealed(self.0.create().map_err(DataFusionError::from)?)))
    }
}

struct Sealed(Arc<SpillFile>);

impl spill_file::SpillFile for Sealed {
    fn size(&self) -> Option<u64> {
        Some(self.0.bytes())
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        let mut reader = self.0.reader();
        let frames = std::iter::from_fn(move || {
            reader.next_bytes().map(|bytes| bytes.map(Bytes::from)).map_err(DataFusionError::from).transpose()
        });
        Ok(Box::pin(futures::stream::iter(frames)))
    }

    fn open_writer(&self) -> Result<Box<dyn spill_file::SpillWriter>> {
        Ok(Box::new(Writer(self.0.writer())))
    }
}

struct Writer(SpillWriter);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl spill_file::SpillWriter for Writer {
    fn finish(&mut self) -> Result<()> {
        self.0.put().map_err(DataFusionError::from)
    }
}
