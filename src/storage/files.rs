//! Immutable sealed files: written once, read often, removed whole; with a retention not at once ([`retired`](super::retired)).

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::block_cache::BlockCache;
use super::file_format::{FileId, FileKind, HEADER_BYTES, Header, Layout};
use super::health::Health;
use super::lock::FolderLock;
use super::paths::{self, named};
use super::retired::Retired;
use crate::config;
use crate::crypto::{BLOCK_TAG_BYTES, Keyring, ObjectKey, Scope, random};
use crate::encoding::hex;
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Name of the folder.
pub(super) const FOLDER: &str = "files";
/// Ending of a file that is not finished.
pub(super) const UNFINISHED: &str = "part";

/// The sealed files of one database.
pub struct Files {
    dir: PathBuf,
    keyring: Arc<Keyring>,
    health: Arc<Health>,
    cache: BlockCache,
    handles: Mutex<HashMap<FileId, Arc<Handle>>>,
    /// How many files are being written with each data key: they are not listed yet.
    writing: Mutex<HashMap<u32, usize>>,
    /// Held while a file is removed or replaced, so that none comes back.
    replacing: Mutex<()>,
    /// Files that were removed and are kept for a while.
    retired: Retired,
    /// Files may be used after the store is dropped; until then no other process may come.
    _lock: Arc<FolderLock>,
}

/// An open file with its key.
struct Handle {
    file: File,
    kind: FileKind,
    data_key: u32,
    layout: Layout,
    key: ObjectKey,
    aad: Vec<u8>,
}

impl Files {
    /// Opens the folder below `data_dir` and removes what a crash left unfinished.
    pub(super) fn open(
        data_dir: &Path,
        keyring: Arc<Keyring>,
        health: Arc<Health>,
        lock: Arc<FolderLock>,
    ) -> Result<Self> {
        let dir = data_dir.join(FOLDER);
        if !dir.is_dir() {
            fail!(Corruption, "folder \"{}\" is missing", dir.display());
        }
        let (cache, handles) = (BlockCache::new(config::BLOCK_CACHE_BYTES), Mutex::default());
        let (writing, replacing) = (Mutex::default(), Mutex::default());
        let retired = Retired::open(data_dir)?;
        let files = Self { dir, keyring, health, cache, handles, writing, replacing, retired, _lock: lock };
        for path in files.paths()? {
            if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                fs::remove_file(&path).map_err(|error| named(&path, &error))?;
            }
        }
        Ok(files)
    }

    /// Writes a file of `kind` that belongs to the object `owner` (0 if to none); durable on return. It is an orphan until its id
    /// is committed somewhere.
    pub fn create(self: &Arc<Self>, kind: FileKind, owner: u64, bytes: &[u8]) -> Result<FileId> {
        let mut writer = self.writer(kind, owner)?;
        writer.append(bytes)?;
        Ok(writer.finish()?.0)
    }

    /// Begins a file of `kind` that is written in pieces. It goes when the data key of the object `owner` is destroyed.
    pub fn writer(self: &Arc<Self>, kind: FileKind, owner: u64) -> Result<FileWriter> {
        FileWriter::begin(self.clone(), kind, Key::Newest(owner), FileId::generate()?)
    }

    /// Seals a file anew, if a newer data key has replaced its own; durable on return. Nobody sees a difference: the id stays,
    /// the content too, and whoever has the old one open goes on reading it. `false` if there was nothing to do.
    pub(super) fn reseal(self: &Arc<Self>, id: FileId) -> Result<bool> {
        let before = self.open_handle(id)?;
        match self.keyring.successor(before.data_key) {
            Some(key) if key != before.data_key => {}
            _ => return Ok(false),
        }
        let mut writer = FileWriter::begin(self.clone(), before.kind, Key::After(before.data_key), id)?;
        for index in 0..before.layout.blocks {
            writer.append(&self.open_block(id, &before, index)?)?;
        }
        writer.replace()
    }

    /// The data keys that files are sealed with, those being written included. An error when one cannot be told.
    pub(super) fn data_keys(&self) -> Result<BTreeSet<u32>> {
        // In this order: what is written no more is listed, and what is listed no more is retired.
        let mut keys = self.current_data_keys()?;
        keys.extend(self.keys_of(self.list_retired())?);
        Ok(keys)
    }

    /// The same without those that were removed and are kept for a while.
    pub(super) fn current_data_keys(&self) -> Result<BTreeSet<u32>> {
        let mut keys: BTreeSet<u32> = self.writing.lock().keys().copied().collect();
        keys.extend(self.keys_of(self.list()?)?);
        Ok(keys)
    }

    fn keys_of(&self, files: Vec<FileId>) -> Result<BTreeSet<u32>> {
        let mut keys = BTreeSet::new();
        for id in files {
            match self.data_key(id) {
                Ok(key) => keys.extend([key]),
                // Removed since the listing.
                Err(_) if !self.is_there(id) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(keys)
    }

    /// The whole content. `Corruption` names the file when it is missing, and the block when a seal is broken.
    pub fn read(&self, id: FileId) -> Result<Vec<u8>> {
        let handle = self.handle(id)?;
        let mut out = Vec::with_capacity(handle.layout.length as usize);
        for index in 0..handle.layout.blocks {
            out.extend_from_slice(&self.open_block(id, &handle, index)?);
        }
        Ok(out)
    }

    /// `len` bytes from `offset` on, through the cache of blocks. `Internal` when the file is shorter.
    pub fn read_range(&self, id: FileId, offset: u64, len: usize) -> Result<Vec<u8>> {
        let handle = self.handle(id)?;
        let end = offset.checked_add(len as u64).filter(|end| *end <= handle.layout.length);
        let Some(end) = end else {
            fail!(Internal, "bytes {offset} to {offset} + {len} of file {id}, which has {}", handle.layout.length)
        };
        let (mut out, mut at, size) = (Vec::with_capacity(len), offset, handle.layout.block_bytes as u64);
        while at < end {
            let index = at / size;
            let block = match self.cache.get(id, index) {
                Some(block) => block,
                None => {
                    let block = Arc::new(self.open_block(id, &handle, index)?);
                    self.cache.insert(id, index, block.clone());
                    block
                }
            };
            let from = (at - index * size) as usize;
            let to = ((end - index * size).min(size)) as usize;
            out.extend_from_slice(&block[from..to]);
            at = index * size + to as u64;
        }
        Ok(out)
    }

    /// The bytes of a range, past the cache of blocks: for what the reader keeps in another form. `Internal` when the
    /// file is shorter.
    pub fn read_uncached(&self, id: FileId, range: Range<u64>) -> Result<Vec<u8>> {
        let handle = self.handle(id)?;
        if range.start > range.end || range.end > handle.layout.length {
            fail!(Internal, "bytes {} to {} of file {id}, which has {}", range.start, range.end, handle.layout.length)
        }
        let size = handle.layout.block_bytes as u64;
        let mut out = Vec::with_capacity((range.end - range.start) as usize);
        for index in range.start / size..range.end.div_ceil(size) {
            let block = self.open_block(id, &handle, index)?;
            let from = range.start.saturating_sub(index * size) as usize;
            let to = (range.end - index * size).min(size) as usize;
            out.extend_from_slice(&block[from..to]);
        }
        Ok(out)
    }

    /// Plain bytes of a file.
    pub fn len(&self, id: FileId) -> Result<u64> {
        Ok(self.handle(id)?.layout.length)
    }

    /// What a file holds.
    pub fn kind(&self, id: FileId) -> Result<FileKind> {
        Ok(self.handle(id)?.kind)
    }

    /// Opens every seal of a file.
    pub fn verify(&self, id: FileId) -> Result<()> {
        // Not through a handle kept from before: what is on disk now counts.
        let handle = self.open_handle(id)?;
        (0..handle.layout.blocks).try_for_each(|index| self.open_block(id, &handle, index).map(drop))
    }

    /// Opens the first block of a file, as it lies on disk now.
    pub(super) fn verify_beginning(&self, id: FileId) -> Result<()> {
        let handle = self.open_handle(id)?;
        self.open_block(id, &handle, 0).map(drop)
    }

    /// Path of a file below the data directory, with the beginning of its salt: another one after it was sealed anew.
    pub(super) fn seal_name(&self, id: FileId) -> Result<String> {
        let salt = self.header(id)?.2.salt;
        Ok(format!("{}-{}", Self::shown(id), hex(&salt[..8])))
    }

    /// What a file holds, as its header says.
    pub(super) fn header_kind(&self, id: FileId) -> Result<FileKind> {
        Ok(self.header(id)?.2.kind)
    }

    /// Removes a file, which stays on disk for as long as the retention says; nothing happens if it is gone already. Whoever is
    /// reading it may go on.
    pub fn remove(&self, id: FileId) -> Result<()> {
        if !self.health.retention.keeps() {
            return self.discard(id);
        }
        let held = self.replacing.lock();
        self.forget(id);
        self.retired.take(id, &self.path(id))?;
        drop(held);
        self.purge()
    }

    /// Removes a file that nothing committed ever referred to: at once.
    pub fn discard(&self, id: FileId) -> Result<()> {
        let _held = self.replacing.lock();
        self.forget(id);
        paths::remove_file(&self.path(id))
    }

    pub(super) fn forget(&self, id: FileId) {
        self.handles.lock().remove(&id);
        self.cache.forget(id);
    }

    /// Gives up removed files whose time is over.
    pub fn purge(&self) -> Result<()> {
        let Some(horizon_ms) = self.health.retention.horizon_ms() else { return Ok(()) };
        self.retired.purge(horizon_ms, |id| self.forget(id))
    }

    /// Files that were removed and are still kept, in no order.
    pub fn list_retired(&self) -> Vec<FileId> {
        self.retired.list()
    }

    /// Gives up removed files that nobody can open any more, since their data keys were destroyed; gives their number.
    pub(super) fn purge_shredded(&self) -> Result<usize> {
        let gone: BTreeSet<FileId> = self.list_retired().into_iter().filter(|id| self.is_shredded(*id)).collect();
        self.retired.give_up(&gone, |id| self.forget(id))?;
        Ok(gone.len())
    }

    /// Files of these objects that lie in the folder, whatever is in them; removed ones do not count.
    pub fn list_owned(&self, owners: &BTreeSet<u64>) -> Result<Vec<FileId>> {
        let facts = self.keyring.facts().into_iter();
        let theirs = facts.filter(|fact| matches!(fact.scope, Scope::Object(owner) if owners.contains(&owner)));
        let keys: BTreeSet<u32> = theirs.map(|fact| fact.id).collect();
        let mut found = self.list()?;
        found.retain(|id| self.data_key(*id).is_ok_and(|key| keys.contains(&key)));
        Ok(found)
    }

    /// Every finished file, in no order.
    pub fn list(&self) -> Result<Vec<FileId>> {
        let paths = self.paths()?;
        Ok(paths.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect())
    }

    /// Every finished file of `kind` that belongs to one of these objects.
    pub fn list_of(&self, kind: FileKind, owners: &BTreeSet<u64>) -> Result<Vec<FileId>> {
        let facts = self.keyring.facts().into_iter();
        let theirs = facts.filter(|fact| matches!(fact.scope, Scope::Object(owner) if owners.contains(&owner)));
        let keys: BTreeSet<u32> = theirs.map(|fact| fact.id).collect();
        let mut found = self.list()?;
        // One that was removed since the listing is nobody's.
        found.retain(|id| {
            self.header(*id).is_ok_and(|(_, _, header)| header.kind == kind && keys.contains(&header.data_key))
        });
        Ok(found)
    }

    /// The data key a file is sealed with, as its header says. Told also of a file that nobody can open any more.
    pub(super) fn data_key(&self, id: FileId) -> Result<u32> {
        Ok(self.header(id)?.2.data_key)
    }

    /// Whether nobody can open a file any more, because its data key was destroyed.
    pub fn is_shredded(&self, id: FileId) -> bool {
        self.data_key(id).is_ok_and(|key| self.keyring.is_destroyed(key))
    }

    /// Bytes of opened blocks that may be kept in memory from now on.
    pub fn set_cache_bytes(&self, bytes_max: usize) {
        self.cache.set_bytes_max(bytes_max);
    }

    /// Lets go of files opened before, and with them of their keys.
    pub(super) fn forget_handles(&self) {
        self.handles.lock().clear();
    }

    /// Path of a file below the data directory, as shown to users.
    pub fn shown(id: FileId) -> String {
        let name = id.to_string();
        format!("{FOLDER}/{}/{name}", &name[..2])
    }

    /// Whether a file is on disk, removed or not.
    pub fn is_there(&self, id: FileId) -> bool {
        self.place(id).exists()
    }

    /// Where a file lies now, removed or not.
    pub(super) fn place(&self, id: FileId) -> PathBuf {
        let path = self.path(id);
        match path.exists() {
            true => path,
            false => self.retired.path(id).unwrap_or(path),
        }
    }

    pub(super) fn path(&self, id: FileId) -> PathBuf {
        let name = id.to_string();
        self.dir.join(&name[..2]).join(name)
    }

    /// Paths of everything two levels down.
    fn paths(&self) -> Result<Vec<PathBuf>> {
        let read = || -> io::Result<Vec<PathBuf>> {
            let mut paths = Vec::new();
            for folder in fs::read_dir(&self.dir)? {
                let folder = folder?;
                if folder.file_type()?.is_dir() {
                    for entry in fs::read_dir(folder.path())? {
                        paths.push(entry?.path());
                    }
                }
            }
            Ok(paths)
        };
        read().map_err(|error| named(&self.dir, &error))
    }

    fn handle(&self, id: FileId) -> Result<Arc<Handle>> {
        if let Some(handle) = self.handles.lock().get(&id) {
            return Ok(handle.clone());
        }
        let handle = Arc::new(self.open_handle(id)?);
        let mut handles = self.handles.lock();
        if handles.len() >= config::FILE_HANDLES_MAX {
            handles.clear();
        }
        handles.insert(id, handle.clone());
        Ok(handle)
    }

    /// A file, its header as it lies, and what that says.
    fn header(&self, id: FileId) -> Result<(File, [u8; HEADER_BYTES], Header)> {
        let wrong = |kind, how: &str| Error::new(kind, format!("sealed file \"{}\" {how}", Self::shown(id)));
        let path = self.place(id);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(wrong(Kind::Corruption, "is missing")
                    .with_hint("Files never change: any backup that has it will do."));
            }
            Err(error) => return Err(named(&path, &error)),
        };
        let mut bytes = [0; HEADER_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(wrong(Kind::Corruption, "is cut short"));
            }
            Err(error) => return Err(named(&path, &error)),
        }
        let header = Header::decode(&bytes).map_err(|error| wrong(error.kind(), error.message()))?;
        Ok((file, bytes, header))
    }

    fn open_handle(&self, id: FileId) -> Result<Handle> {
        match self.try_open_handle(id) {
            // It may have been sealed anew, and its old key dropped, between two looks.
            Err(error) if error.kind() == Kind::Corruption => self.try_open_handle(id),
            opened => opened,
        }
    }

    fn try_open_handle(&self, id: FileId) -> Result<Handle> {
        let wrong = |kind, how: &str| Error::new(kind, format!("sealed file \"{}\" {how}", Self::shown(id)));
        let (file, bytes, header) = self.header(id)?;
        let size = file.metadata().map_err(|error| named(&self.path(id), &error))?.len();
        let layout = Layout::of(size, header.block_bytes).ok_or_else(|| wrong(Kind::Corruption, "is cut short"))?;
        let key = self.keyring.object_key(header.kind.purpose(), header.data_key, &header.salt);
        let key = key.map_err(|error| wrong(error.kind(), &format!("does not open: {}", error.message())))?;
        Ok(Handle { file, kind: header.kind, data_key: header.data_key, layout, key, aad: aad(&bytes, id) })
    }

    fn open_block(&self, id: FileId, handle: &Handle, index: u64) -> Result<Vec<u8>> {
        let (offset, bytes) = handle.layout.place(index);
        let mut block = vec![0; bytes];
        match handle.file.read_exact_at(&mut block, offset) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                fail!(Corruption, "sealed file \"{}\" is cut short in block {index}", Self::shown(id))
            }
            Err(error) => return Err(named(&self.path(id), &error)),
        }
        match handle.key.open_block(index, handle.layout.is_last(index), &handle.aad, &mut block) {
            Ok(()) => Ok(block),
            Err(error) => {
                let message = format!("sealed file \"{}\" is damaged in block {index}", Self::shown(id));
                Err(Error::new(error.kind(), message).with_hint("Files never change: any backup that has it will do."))
            }
        }
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Files({:?})", self.dir)
    }
}

fn aad(header: &[u8; HEADER_BYTES], id: FileId) -> Vec<u8> {
    let mut aad = header.to_vec();
    aad.extend(id.as_u64().to_be_bytes());
    aad
}

/// Which data key a new file gets.
enum Key {
    /// The newest one of an object, or of the file's kind if that is 0.
    Newest(u64),
    /// The one that has replaced this one.
    After(u32),
}

/// A sealed file in the making. Dropped without [`FileWriter::finish`], it leaves nothing behind.
///
/// As [`io::Write`], `flush` promises nothing: only a finished file is durable, and only then it can be read.
pub struct FileWriter {
    files: Arc<Files>,
    id: FileId,
    /// `None` once finished.
    file: Option<File>,
    unfinished: PathBuf,
    data_key: u32,
    key: ObjectKey,
    aad: Vec<u8>,
    /// At most one block; the last one is sealed as such, so a full block waits until more comes.
    buffer: Vec<u8>,
    index: u64,
    length: u64,
}

impl FileWriter {
    fn begin(files: Arc<Files>, kind: FileKind, key: Key, id: FileId) -> Result<Self> {
        files.health.may_write_file(0)?;
        let data_key = {
            // Chosen and noted at once: a key that is used here must not be dropped meanwhile.
            let mut writing = files.writing.lock();
            let data_key = match key {
                Key::Newest(owner) => files.keyring.data_key_id(kind.purpose(), owner)?,
                Key::After(before) => files.keyring.successor(before).ok_or_else(|| gone(id))?,
            };
            *writing.entry(data_key).or_default() += 1;
            data_key
        };
        let begun = Self::begin_with(files.clone(), kind, data_key, id);
        if begun.is_err() {
            files.wrote(data_key);
        }
        begun
    }

    fn begin_with(files: Arc<Files>, kind: FileKind, data_key: u32, id: FileId) -> Result<Self> {
        let header = Header { kind, data_key, block_bytes: config::BLOCK_BYTES, salt: random()? };
        let key = files.keyring.object_key(kind.purpose(), data_key, &header.salt)?;
        let (path, header) = (files.path(id), header.encode());
        let unfinished = path.with_extension(UNFINISHED);
        let create = || -> io::Result<File> {
            if let Some(folder) = path.parent()
                && !folder.is_dir()
            {
                fs::create_dir_all(folder)?;
                File::open(&files.dir)?.sync_all()?;
            }
            let mut file = OpenOptions::new().write(true).create_new(true).open(&unfinished)?;
            file.write_all(&header)?;
            Ok(file)
        };
        let file = create().map_err(|error| named(&unfinished, &error))?;
        let buffer = Vec::with_capacity(config::BLOCK_BYTES + BLOCK_TAG_BYTES);
        let aad = aad(&header, id);
        Ok(Self { files, id, file: Some(file), unfinished, data_key, key, aad, buffer, index: 0, length: 0 })
    }

    /// Appends `bytes`.
    pub fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.buffer.len() == config::BLOCK_BYTES {
                self.seal(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(config::BLOCK_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            self.length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Ends the file; durable on return. Gives its id and its plain length.
    pub fn finish(mut self) -> Result<(FileId, u64)> {
        self.seal(true)?;
        self.put_in_place()?;
        Ok((self.id, self.length))
    }

    /// Ends a file that takes the place of one with the same content; `false` if that is gone meanwhile.
    fn replace(mut self) -> Result<bool> {
        self.seal(true)?;
        let files = self.files.clone();
        let _held = files.replacing.lock();
        if !files.path(self.id).exists() {
            return Ok(false);
        }
        self.put_in_place()?;
        files.handles.lock().remove(&self.id);
        Ok(true)
    }

    fn put_in_place(&mut self) -> Result<()> {
        let Some(file) = self.file.take() else { fail!(Internal, "file {} was finished before", self.id) };
        let path = self.files.path(self.id);
        let sync = || -> io::Result<()> {
            file.sync_data()?;
            fs::rename(&self.unfinished, &path)?;
            path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        // After a failed sync the system may have dropped what it could not write: no second try can be believed.
        sync().map_err(|error| self.files.health.fail(named(&path, &error)))
    }

    fn seal(&mut self, last: bool) -> Result<()> {
        self.files.health.may_write_file(self.buffer.len() as u64)?;
        self.key.seal_block(self.index, last, &self.aad, &mut self.buffer)?;
        let Some(file) = &mut self.file else { fail!(Internal, "file {} was finished before", self.id) };
        file.write_all(&self.buffer).map_err(|error| named(&self.unfinished, &error))?;
        self.buffer.clear();
        self.index += 1;
        Ok(())
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The house error goes along inside, for those who want its kind back.
        self.append(bytes).map(|()| bytes.len()).map_err(|error| match error.kind() {
            Kind::DiskFull => io::Error::new(ErrorKind::StorageFull, error),
            _ => io::Error::other(error),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // If this fails too, the next open removes it.
            let _ = fs::remove_file(&self.unfinished);
        }
        self.files.wrote(self.data_key);
    }
}

impl Files {
    /// Notes that a file is written no more.
    fn wrote(&self, data_key: u32) {
        let mut writing = self.writing.lock();
        if let Some(count) = writing.get_mut(&data_key) {
            *count -= 1;
            if *count == 0 {
                writing.remove(&data_key);
            }
        }
    }
}

fn gone(id: FileId) -> Error {
    Error::new(
        Kind::Corruption,
        format!("sealed file \"{}\" cannot be opened: its key was destroyed", Files::shown(id)),
    )
}

impl std::fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileWriter({})", self.id)
    }
}
