//! The table of names: which file of an index is which sealed file.
//!
//! The index library names files by path; sealed storage numbers them. The table maps one to the other and holds the two
//! small files that are replaced as a whole. It lives in small sealed values, one entry under
//!
//! ```text
//! index u64 | entry u64 | part u16        (big-endian)
//! ```
//!
//! and so shows an eye on the disk that an index exists and how many files it has, but no name. The value of part 0:
//!
//! ```text
//! 0 | name length u16 | name | file id u64 | length u64        a file of its own
//! 1 | name length u16 | name | first bytes                     a small file; its further parts follow as they are
//! ```
//!
//! Changes gather in memory until [`Names::flush`], which applies them as one: at a commit the new files, the list of
//! files and `meta.json` become visible together.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::files::SealedFiles;
use crate::config;
use crate::error::{Error, Kind, Result};

/// Bytes of a small file in one part; the rest of a value is for the name and the seal.
const PART_BYTES: usize = config::VALUE_BYTES_MAX - 1024;

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
    parts: u16,
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
        for (number, parts) in read_entries(files.as_ref(), index_id)? {
            let (name, raw, count) = decode(index_id, &parts)?;
            let content = match raw {
                Raw::File { id, len } => {
                    let nameless = AtomicBool::new(false);
                    Content::File(Arc::new(Stored { id, len, files: files.clone(), nameless }))
                }
                Raw::Small(bytes) => Content::Small(Arc::new(bytes)),
            };
            next_number = next_number.max(number + 1);
            entries.insert(name, Entry { number, parts: count, content });
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
        self.put(name, vec![value], Content::File(Arc::new(stored)));
    }

    /// Puts `bytes` under `name`, in place of what was there.
    pub(super) fn put_small(&mut self, name: &Path, bytes: &[u8]) {
        let mut parts: Vec<Vec<u8>> = bytes.chunks(PART_BYTES).map(<[u8]>::to_vec).collect();
        let mut first = head(1, name);
        match parts.first_mut() {
            Some(part) => {
                first.append(part);
                *part = first;
            }
            None => parts.push(first),
        }
        self.put(name, parts, Content::Small(Arc::new(bytes.to_vec())));
    }

    fn put(&mut self, name: &Path, values: Vec<Vec<u8>>, content: Content) {
        let old = self.entries.remove(name);
        let number = match &old {
            Some(entry) => entry.number,
            None => {
                self.next_number += 1;
                self.next_number - 1
            }
        };
        let parts = values.len().min(usize::from(u16::MAX)) as u16;
        for (part, value) in (0..parts).zip(values) {
            self.changes.insert(key(self.index_id, number, part), Some(value));
        }
        if let Some(old) = old {
            for part in parts..old.parts {
                self.changes.insert(key(self.index_id, number, part), None);
            }
            self.leave(old.content);
        }
        self.entries.insert(name.to_path_buf(), Entry { number, parts, content });
    }

    /// Takes `name` away. Whether it was there.
    pub(super) fn remove(&mut self, name: &Path) -> bool {
        let Some(entry) = self.entries.remove(name) else { return false };
        for part in 0..entry.parts {
            self.changes.insert(key(self.index_id, entry.number, part), None);
        }
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

/// Identifiers of the sealed files that index `index_id` uses. A search file that no index uses is the rest of an
/// interrupted commit and may be removed while the index is not open.
pub fn files_in_use(files: &dyn SealedFiles, index_id: u64) -> Result<Vec<u64>> {
    let mut ids = Vec::new();
    for (_, parts) in read_entries(files, index_id)? {
        if let (_, Raw::File { id, .. }, _) = decode(index_id, &parts)? {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Removes index `index_id` with all its files, damaged or not. It must not be open. Removing an index that is not there
/// is no error.
pub fn remove_index(files: &dyn SealedFiles, index_id: u64) -> Result<()> {
    let values = files.list(&index_id.to_be_bytes())?;
    // Files are found before their names go; an entry that cannot be read leaves its file to the sweep.
    let ids: Vec<u64> = read_entries(files, index_id)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(_, parts)| match decode(index_id, &parts) {
            Ok((_, Raw::File { id, .. }, _)) => Some(id),
            _ => None,
        })
        .collect();
    files.commit(values.into_iter().map(|(key, _)| (key, None)).collect())?;
    ids.into_iter().try_for_each(|id| files.remove(id))
}

enum Raw {
    File { id: u64, len: u64 },
    Small(Vec<u8>),
}

fn key(index_id: u64, number: u64, part: u16) -> Vec<u8> {
    [&index_id.to_be_bytes()[..], &number.to_be_bytes(), &part.to_be_bytes()].concat()
}

fn head(form: u8, name: &Path) -> Vec<u8> {
    let name = name.to_string_lossy();
    let name = &name[..name.floor_char_boundary(512)];
    let mut head = vec![form];
    head.extend_from_slice(&(name.len() as u16).to_be_bytes());
    head.extend_from_slice(name.as_bytes());
    head
}

/// The values of each entry, in order of their parts.
fn read_entries(files: &dyn SealedFiles, index_id: u64) -> Result<BTreeMap<u64, Vec<Vec<u8>>>> {
    let mut entries: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
    for (key, value) in files.list(&index_id.to_be_bytes())? {
        let number = key.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let part = key.get(16..18).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes);
        let (Some(number), Some(part), 18) = (number, part, key.len()) else { return Err(damaged(index_id)) };
        let parts = entries.entry(number).or_default();
        if parts.len() != usize::from(part) {
            return Err(damaged(index_id));
        }
        parts.push(value);
    }
    Ok(entries)
}

fn decode(index_id: u64, parts: &[Vec<u8>]) -> Result<(PathBuf, Raw, u16)> {
    decode_parts(parts).ok_or_else(|| damaged(index_id))
}

fn decode_parts(parts: &[Vec<u8>]) -> Option<(PathBuf, Raw, u16)> {
    let first = parts.first()?;
    let name_len = usize::from(u16::from_be_bytes(first.get(1..3)?.try_into().ok()?));
    let name = std::str::from_utf8(first.get(3..3 + name_len)?).ok()?;
    let body = first.get(3 + name_len..)?;
    let raw = match first.first()? {
        0 if body.len() == 16 && parts.len() == 1 => Raw::File {
            id: u64::from_be_bytes(body.get(..8)?.try_into().ok()?),
            len: u64::from_be_bytes(body.get(8..)?.try_into().ok()?),
        },
        1 => Raw::Small(std::iter::once(body).chain(parts[1..].iter().map(Vec::as_slice)).collect::<Vec<_>>().concat()),
        _ => return None,
    };
    Some((PathBuf::from(name), raw, u16::try_from(parts.len()).ok()?))
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
    fn names_come_back_with_large_values_in_parts() {
        let files = MemoryFiles::default();
        let mut names = Names::load(Arc::new(files.clone()), 7).unwrap();
        let large: Vec<u8> = (0..PART_BYTES * 2 + 5).map(|n| n as u8).collect();
        names.put_small(Path::new("meta.json"), &large);
        names.put_small(Path::new("empty"), b"");
        names.put_file(Path::new("a.idx"), 3, 99);
        assert!(files.list(&[]).unwrap().is_empty(), "nothing before the flush");
        names.flush().unwrap();
        let values = files.list(&[]).unwrap();
        assert!(values.len() == 5 && values.iter().all(|(_, value)| value.len() <= config::VALUE_BYTES_MAX));

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
        files.commit(vec![(key(7, 0, 0), Some(vec![0, 0, 200, 1]))]).unwrap();
        assert_eq!(Names::load(Arc::new(files.clone()), 7).err().unwrap().kind(), Kind::Corruption);
        files.commit(vec![(key(7, 0, 0), None), (key(7, 1, 4), Some(vec![1, 0, 0]))]).unwrap();
        assert_eq!(files_in_use(&files, 7).unwrap_err().kind(), Kind::Corruption);
        remove_index(&files, 7).unwrap();
        assert!(files.list(&[]).unwrap().is_empty());
    }
}
