//! [`SealedFiles`] over the house's storage: files as sealed files of kind index, small values in the tree for search.

use std::io;
use std::sync::Arc;

use super::files::{Changes, SealedFiles, SealedSink};
use super::names::files_named;
use crate::error::{Error, Kind, Result};
use crate::storage::{Engine, FileId, FileKind, FileWriter, Files, Store, Tree, WriteBatch};

/// Where the text indexes of a database live. Clones share it.
#[derive(Debug, Clone)]
pub struct StoredFiles {
    files: Arc<Files>,
    engine: Arc<dyn Engine>,
}

impl StoredFiles {
    /// The place for text indexes in `store`.
    pub fn new(store: &Store) -> Self {
        Self { files: store.files().clone(), engine: store.engine().clone() }
    }

    /// Removes search files that no index names: what a crash left between writing them and the commit, or between a commit
    /// and the removal of what it replaced. Gives their number. To be called while no index is open. Nothing is removed if
    /// the names of any index are damaged.
    pub fn sweep(&self) -> Result<usize> {
        let Some(used) = files_named(self, &[])? else { return Ok(0) };
        let mut removed = 0;
        for id in self.files.list()? {
            // A file whose header cannot be read is for `check` to report, not for us to remove.
            if matches!(self.files.kind(id), Ok(FileKind::Index)) && used.binary_search(&id.as_u64()).is_err() {
                self.files.remove(id)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl SealedFiles for StoredFiles {
    fn create(&self, index_id: u64) -> Result<Box<dyn SealedSink>> {
        Ok(Box::new(StoredSink(self.files.writer(FileKind::Index, index_id)?)))
    }

    fn read_range(&self, id: u64, offset: u64, len: usize) -> Result<Vec<u8>> {
        let id = FileId::from_u64(id);
        let bytes = self.files.read_range(id, offset, len);
        // A file shorter than its entry says is not what was written.
        bytes.map_err(|error| match error.kind() {
            Kind::Internal => Error::new(Kind::Corruption, format!("search file {id} is too short")),
            _ => error,
        })
    }

    fn remove(&self, id: u64) -> Result<()> {
        self.files.remove(FileId::from_u64(id))
    }

    fn list(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.engine.scan(Tree::Search, prefix)
    }

    fn commit(&self, changes: Changes) -> Result<()> {
        let mut batch = WriteBatch::new();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(Tree::Search, key, value),
                None => batch.delete(Tree::Search, key),
            }
        }
        self.engine.commit(batch)
    }
}

struct StoredSink(FileWriter);

impl io::Write for StoredSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl SealedSink for StoredSink {
    fn finish(self: Box<Self>) -> Result<(u64, u64)> {
        let (id, len) = self.0.finish()?;
        Ok((id.as_u64(), len))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};

    use super::super::{Query, TextIndex, remove_index};
    use super::*;
    use crate::crypto::{KeySource, MasterKey};

    const TITLES: [&str; 3] = ["Cordless drill with charger", "苹果手机壳 防摔", "Cotton t-shirt"];

    fn store(dir: &Path) -> Store {
        Store::open(dir, &KeySource::from(MasterKey::from_bytes([7; 32]))).unwrap()
    }

    fn index(store: &Store) -> Result<TextIndex> {
        TextIndex::open_or_create(Arc::new(StoredFiles::new(store)), 5, &["title".to_string()])
    }

    fn add(index: &TextIndex, segment: u64) {
        index.add_segment(segment, TITLES.iter().enumerate().map(|(n, title)| (n as u32, [Some(*title)]))).unwrap();
        index.commit().unwrap();
    }

    fn found(index: &TextIndex, query: &str) -> Result<usize> {
        Ok(index.search(&Query::parse(query)?, None, 100, &|_| true)?.len())
    }

    fn files_below(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().flatten();
        entries
            .flat_map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { vec![entry.path()] })
            .collect()
    }

    #[test]
    fn an_index_comes_back_after_reopening_and_nothing_lies_in_plain() {
        let dir = tempfile::tempdir().unwrap();
        {
            let store = store(dir.path());
            let index = index(&store).unwrap();
            (0..10).for_each(|segment| add(&index, segment));
        }
        for path in files_below(dir.path()) {
            let bytes = fs::read(&path).unwrap();
            for known in ["meta.json", "managed", "words_1", "drill", "cotton", "cordless", "手机", "防摔"] {
                let holds = bytes.windows(known.len()).any(|window| window == known.as_bytes());
                assert!(!holds, "{known} in {}", path.display());
            }
        }
        let store = store(dir.path());
        let index = index(&store).unwrap();
        assert_eq!((found(&index, "drill").unwrap(), found(&index, "手机").unwrap()), (10, 10));
        assert_eq!(index.indexed_segments().len(), 10);
        index.verify().unwrap();
    }

    #[test]
    fn what_a_crash_left_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let files = StoredFiles::new(&store);
        add(&index(&store).unwrap(), 1);
        store.files().create(FileKind::Chunk, 0, b"a table's").unwrap();
        let before = store.files().list().unwrap().len();
        let mut sink = files.create(5).unwrap();
        sink.write_all(b"never named").unwrap();
        sink.finish().unwrap();
        assert_eq!(files.sweep().unwrap(), 1);
        assert_eq!(store.files().list().unwrap().len(), before);
        assert_eq!(found(&index(&store).unwrap(), "drill").unwrap(), 1);
        remove_index(&files, 5).unwrap();
        assert_eq!(store.files().list().unwrap().len(), 1);
    }

    #[test]
    fn any_changed_byte_of_a_file_is_damage_that_names_the_index() {
        let dir = tempfile::tempdir().unwrap();
        add(&index(&store(dir.path())).unwrap(), 1);
        for path in files_below(&dir.path().join("files")) {
            let bytes = fs::read(&path).unwrap();
            for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                fs::write(&path, changed).unwrap();
                let store = store(dir.path());
                // A file that no search reads is still found by `verify`.
                let error = index(&store).and_then(|index| index.verify()).unwrap_err();
                assert_eq!(error.kind(), Kind::Corruption, "{error}");
                assert!(error.message().contains("text index 5"), "{error}");
            }
            fs::write(&path, bytes).unwrap();
        }
        assert_eq!(found(&index(&store(dir.path())).unwrap(), "drill").unwrap(), 1);
    }
}
