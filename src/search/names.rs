//! The table of names: which file of an index is which sealed file.
//!
//! The index library names files by path; sealed storage numbers them. The table maps one to the other and holds the two
//! small files that are replaced as a whole. It lives in small sealed values, one for each name, under
//!
//! ```text
//! index u64 | entry u64                                        (big-endian)
//! ```
//!
//! and so shows an eye on the disk that an index exists and how many files it has, but no name. The value:
//!
//! ```text
//! 0 | name length u16 | name | file id u64 | length u64        a file of its own
//! 1 | name length u16 | name | bytes                           a small file
//! ```
//!
//! Changes gather in memory until [`Names::flush`], which applies them as one: at a commit the new files, the list of
//! files and `meta.json` become visible together.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::files::SealedFiles;
use crate::error::{Error, Kind, Result};

/// A sealed file that a name stands for. When its name is gone and the last reader too, the file goes.
pub(super) struct Stored {
    pub(super) id: u64,
    pub(super) len: u64,
    files: Arc<dyn SealedFiles>,
    nameless: AtomicBool,
}

impl Stored {
    /// `len` bytes from `offset` on.
    pub(super) fn read_range(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.files.read_range(self.id, offset, len)
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if self.nameless.load(Ordering::Acquire)
            && let Err(error) = self.files.remove(self.id)
        {
            // Nothing refers to it any more; the sweep at the next start finds it.
            tracing::warn!(file = self.id, kind = ?error.kind(), "an unused search file could not be removed");
        }
    }
}

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Content {
    File(Arc<Stored>),
    Small(Arc<Vec<u8>>),
}

struct Entry {
    number: u64,
    content: Content,
}

/// The names of one index.
pub(super) struct Names {
    files: Arc<dyn SealedFiles>,
    index_id: u64,
    entries: HashMap<PathBuf, Entry>,
    next_number: u64,
    /// Changes that [`Names::flush`] will write.
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Files whose name will be gone with the next flush.
    leaving: Vec<Arc<Stored>>,
}

impl Names {
    /// Reads the names of index `index_id`.
    pub(super) fn load(files: Arc<dyn SealedFiles>, index_id: u64) -> Result<Self> {
        let mut entries = HashMap::new();
        let mut next_number = 0;
        for (key, value) in files.list(&index_id.to_be_bytes())? {
            let (number, name, raw) = decode(&key, &value).ok_or_else(|| damaged(index_id))?;
            let content = match raw {
                Raw::File { id, len } => {
                    let nameless = AtomicBool::new(false);
                    Content::File(Arc::new(Stored { id, len, files: files.clone(), nameless }))
                }
                Raw::Small(bytes) => Content::Small(Arc::new(bytes)),
            };
            next_number = next_number.max(number.saturating_add(1));
            entries.insert(name, Entry { number, content });
        }
        Ok(Self { files, index_id, entries, next_number, changes: BTreeMap::new(), leaving: Vec::new() })
    }

    pub(super) fn get(&self, name: &Path) -> Option<Content> {
        self.entries.get(name).map(|entry| entry.content.clone())
    }

    pub(super) fn contains(&self, name: &Path) -> bool {
        self.entries.contains_key(name)
    }

    /// Gives `name` to the sealed file `id` of `len` bytes.
    pub(super) fn put_file(&mut self, name: &Path, id: u64, len: u64) {
        let mut value = head(0, name);
        value.extend_from_slice(&id.to_be_bytes());
        value.extend_from_slice(&len.to_be_bytes());
        let stored = Stored { id, len, files: self.files.clone(), nameless: AtomicBool::new(false) };
        self.put(name, value, Content::File(Arc::new(stored)));
    }

    /// Puts `bytes` under `name`, in place of what was there.
    pub(super) fn put_small(&mut self, name: &Path, bytes: &[u8]) {
        self.put(name, [&head(1, name), bytes].concat(), Content::Small(Arc::new(bytes.to_vec())));
    }

    fn put(&mut self, name: &Path, value: Vec<u8>, content: Content) {
        let old = self.entries.remove(name);
        let number = match &old {
            Some(entry) => entry.number,
            None => {
                self.next_number += 1;
                self.next_number - 1
            }
        };
        self.changes.insert(key(self.index_id, number), Some(value));
        if let Some(old) = old {
            self.leave(old.content);
        }
        self.entries.insert(name.to_path_buf(), Entry { number, content });
    }

    /// Takes `name` away. Whether it was there.
    pub(super) fn remove(&mut self, name: &Path) -> bool {
        let Some(entry) = self.entries.remove(name) else { return false };
        self.changes.insert(key(self.index_id, entry.number), None);
        self.leave(entry.content);
        true
    }

    fn leave(&mut self, content: Content) {
        if let Content::File(stored) = content {
            self.leaving.push(stored);
        }
    }

    /// Makes all changes durable, as one. On failure they stay for the next flush. Gives the files that lost their names;
    /// drop them outside of any lock.
    pub(super) fn flush(&mut self) -> Result<Vec<Arc<Stored>>> {
        if !self.changes.is_empty() {
            self.files.commit(self.changes.iter().map(|(key, value)| (key.clone(), value.clone())).collect())?;
            self.changes.clear();
        }
        let left = std::mem::take(&mut self.leaving);
        left.iter().for_each(|stored| stored.nameless.store(true, Ordering::Release));
        Ok(left)
    }
}

/// Identifiers of the sealed files that index `index_id` uses, in order.
pub fn files_in_use(files: &dyn SealedFiles, index_id: u64) -> Result<Vec<u64>> {
    let ids = files_named(files, &index_id.to_be_bytes())?;
    ids.ok_or_else(|| damaged(index_id))
}

/// Identifiers of the sealed files named under keys that begin with `prefix`; nothing if an entry is damaged.
pub(super) fn files_named(files: &dyn SealedFiles, prefix: &[u8]) -> Result<Option<Vec<u64>>> {
    let mut ids = Vec::new();
    for (key, value) in files.list(prefix)? {
        match decode(&key, &value) {
            Some((_, _, Raw::File { id, .. })) => ids.push(id),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    ids.sort_unstable();
    Ok(Some(ids))
}

/// Removes index `index_id` with all its files, damaged or not. It must not be open. Removing an index that is not there
/// is no error.
pub fn remove_index(files: &dyn SealedFiles, index_id: u64) -> Result<()> {
    let values = files.list(&index_id.to_be_bytes())?;
    // An entry that cannot be read leaves its file to the sweep for files that nobody uses.
    let decoded = values.iter().filter_map(|(key, value)| decode(key, value));
    let ids: Vec<u64> =
        decoded.filter_map(|(.., raw)| if let Raw::File { id, .. } = raw { Some(id) } else { None }).collect();
    files.commit(values.into_iter().map(|(key, _)| (key, None)).collect())?;
    ids.into_iter().try_for_each(|id| files.remove(id))
}

enum Raw {
    File { id: u64, len: u64 },
    Small(Vec<u8>),
}

fn key(index_id: u64, number: u64) -> Vec<u8> {
    [index_id.to_be_bytes(), number.to_be_bytes()].concat()
}

fn head(form: u8, name: &Path) -> Vec<u8> {
    let name = name.to_string_lossy();
    let name = &name[..name.floor_char_boundary(512)];
    let mut head = vec![form];
    head.extend_from_slice(&(name.len() as u16).to_be_bytes());
    head.extend_from_slice(name.as_bytes());
    head
}

/// Number of the entry, name, and what it stands for; nothing if this is no entry.
fn decode(key: &[u8], value: &[u8]) -> Option<(u64, PathBuf, Raw)> {
    let number = u64::from_be_bytes(key.get(8..)?.try_into().ok()?);
    let (head, rest) = value.split_at_checked(3)?;
    let (name, body) = rest.split_at_checked(usize::from(u16::from_be_bytes([head[1], head[2]])))?;
    let name = PathBuf::from(std::str::from_utf8(name).ok()?);
    let raw = match (head[0], body.len()) {
        (0, 16) => Raw::File {
            id: u64::from_be_bytes(body.get(..8)?.try_into().ok()?),
            len: u64::from_be_bytes(body.get(8..)?.try_into().ok()?),
        },
        (1, _) => Raw::Small(body.to_vec()),
        _ => return None,
    };
    Some((number, name, raw))
}

fn damaged(index_id: u64) -> Error {
    Error::new(Kind::Corruption, format!("the table of files of text index {index_id} is damaged"))
}

#[cfg(test)]
mod tests {
    use super::super::files::MemoryFiles;
    use super::*;

    fn small(names: &Names, name: &str) -> Option<Vec<u8>> {
        match names.get(Path::new(name)) {
            Some(Content::Small(bytes)) => Some(bytes.to_vec()),
            _ => None,
        }
    }

    #[test]
    fn names_come_back() {
        let files = MemoryFiles::default();
        let mut names = Names::load(Arc::new(files.clone()), 7).unwrap();
        let large = vec![7; 50_000];
        names.put_small(Path::new("meta.json"), &large);
        names.put_small(Path::new("empty"), b"");
        names.put_file(Path::new("a.idx"), 3, 99);
        assert!(files.list(&[]).unwrap().is_empty(), "nothing before the flush");
        names.flush().unwrap();
        assert_eq!(files.list(&[]).unwrap().len(), 3);

        let mut names = Names::load(Arc::new(files.clone()), 7).unwrap();
        assert_eq!(small(&names, "meta.json"), Some(large));
        assert_eq!(small(&names, "empty"), Some(Vec::new()));
        assert_eq!(files_in_use(&files, 7).unwrap(), [3]);
        names.put_small(Path::new("meta.json"), b"short");
        names.remove(Path::new("a.idx"));
        names.flush().unwrap();
        let names = Names::load(Arc::new(files.clone()), 7).unwrap();
        assert_eq!(small(&names, "meta.json"), Some(b"short".to_vec()));
        assert!(!names.contains(Path::new("a.idx")));
        assert!(Names::load(Arc::new(files), 8).unwrap().entries.is_empty(), "another index has its own names");
    }

    #[test]
    fn a_damaged_table_is_corruption_and_can_still_be_removed() {
        let files = MemoryFiles::default();
        for value in [&[0, 0, 200, 1][..], &[0, 0, 0, 9], &[2, 0, 0], &[1, 0, 1, 0xFF], &[]] {
            files.commit(vec![(key(7, 0), Some(value.to_vec()))]).unwrap();
            assert_eq!(Names::load(Arc::new(files.clone()), 7).err().unwrap().kind(), Kind::Corruption);
            assert_eq!(files_in_use(&files, 7).unwrap_err().kind(), Kind::Corruption);
        }
        remove_index(&files, 7).unwrap();
        assert!(files.list(&[]).unwrap().is_empty());
    }
}
