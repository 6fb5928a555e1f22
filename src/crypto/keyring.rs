//! The keyring of a database: data keys and epochs, kept in two sealed copies.
//!
//! `keyring` is replaced by rename after its successor is durable; then `keyring.old` is made equal to it, so that one
//! damaged file loses nothing: where `keyring` is missing or damaged the copy opens the database. Between the two steps the
//! copy is one version behind, which costs the epoch of a start that has not sealed anything yet. An older copy than that is
//! found out by whoever knows how often the keyring had been written ([`Keyring::version`]).

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::aead::{self, ObjectKey};
use super::bunch::Bunch;
use super::digest::MacKey;
use super::keyfile::{self, Epoch, Header, Purpose, Scope, Secrets};
use super::master::{KeySource, MasterKey};
use super::random::random;
use super::sealer::ValueSealer;
use crate::config;
use crate::error::{Error, Kind, Result};
use crate::fail;

const FILE: &str = "keyring";
const COPY: &str = "keyring.old";

/// The keys of one open database.
pub struct Keyring {
    bunch: Arc<Bunch>,
    sealers: Mutex<HashMap<Purpose, Arc<ValueSealer>>>,
    /// What is wrong with one of the two files, where the other one was opened.
    damage: Option<DamagedFile>,
}

/// One file of a keyring that is missing or damaged, and what the next epoch writes it anew from.
#[derive(Debug)]
pub struct DamagedFile {
    /// What is wrong; the message names the file.
    pub error: Error,
    /// The other file, which was opened.
    pub whole: &'static str,
}

/// What is known of one data key, but for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFact {
    /// The number that everything sealed with it names.
    pub id: u32,
    /// Whose key it is.
    pub scope: Scope,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// Where it is in its life.
    pub state: KeyState,
}

/// Where a data key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It seals what is written now.
    Current,
    /// A newer one has replaced it; something may still be sealed with it.
    Outdated,
    /// It is gone, and what was sealed with it cannot be opened by anybody.
    Destroyed,
}

/// The salt with which a passphrase becomes the master key, or `None` where no keyring is. Needs no key.
pub fn passphrase_salt(dir: &Path) -> Result<Option<[u8; 16]>> {
    if !dir.join(FILE).exists() && !dir.join(COPY).exists() {
        return Ok(None);
    }
    match header_of(dir, FILE) {
        Err(error) if error.kind() == Kind::Corruption => match header_of(dir, COPY) {
            Ok(copy) => Ok(Some(copy.salt)),
            Err(_) => Err(with_remedy(error)),
        },
        header => Ok(Some(header?.salt)),
    }
}

impl Keyring {
    /// Makes the keyring of a new database in `dir`, with a random salt for passphrases. Durable on return.
    pub fn create(dir: &Path, master: &MasterKey) -> Result<Self> {
        Self::create_with_salt(dir, master, random()?)
    }

    /// As [`Keyring::create`], where the master key came from a passphrase with this salt.
    pub fn create_with_salt(dir: &Path, master: &MasterKey, salt: [u8; 16]) -> Result<Self> {
        if dir.join(FILE).exists() {
            fail!(Configuration, "a keyring is there already: \"{}\"", dir.join(FILE).display());
        }
        let mut secrets = Secrets::default();
        for purpose in Purpose::ALL {
            secrets.add(Scope::Purpose(purpose))?;
        }
        let header = Header { install_id: random()?, salt, version: 0 };
        Self::assemble(Bunch::new(dir.to_path_buf(), header, secrets, None, None)).begin_epoch(master)
    }

    /// Opens the keyring and begins an epoch, durable on return. Errors: `WrongKey`, `Corruption`, `FormatVersion`, `Io`.
    pub fn open(dir: &Path, master: &MasterKey) -> Result<Self> {
        Self::open_read_only(dir, master)?.begin_epoch(master)
    }

    /// Opens the keyring without touching the disk. It opens every seal and makes none.
    ///
    /// Where the file is missing or damaged the copy stands in for it. That, and a copy that is missing or damaged itself, is what
    /// [`Keyring::damaged_file`] tells.
    pub fn open_read_only(dir: &Path, master: &MasterKey) -> Result<Self> {
        let decode =
            |name| keyfile::decode(&read_file(dir, name)?, master).map_err(|error| name_path(&dir.join(name), &error));
        let assemble = |(header, secrets), damage| {
            let keyring = Self::assemble(Bunch::new(dir.to_path_buf(), header, secrets, None, None));
            Ok(Self { damage, ..keyring })
        };
        let error = match decode(FILE) {
            // The copy may still be sealed with an earlier master key: it is only looked at whether it is as it was written.
            Ok(found) => {
                let damage = header_of(dir, COPY).err().map(|error| DamagedFile { error, whole: FILE });
                return assemble(found, damage);
            }
            Err(error) => error,
        };
        match (error.kind(), decode(COPY)) {
            (Kind::Corruption, Ok(copy)) => assemble(copy, Some(DamagedFile { error, whole: COPY })),
            (Kind::Corruption, Err(copy)) if copy.kind() == Kind::WrongKey => Err(with_remedy(copy).with_detail(format!(
                "It was tried since the {}. Where the master key was being changed the copy is still sealed with the earlier one.",
                error.message()
            ))),
            (Kind::WrongKey, Ok(_)) => Err(with_remedy(error).with_detail(
                "Its copy keyring.old is opened by this key: the master key was being changed when the process ended.",
            )),
            _ => Err(with_remedy(error)),
        }
    }

    /// The file, of `keyring` and its copy, that was missing or damaged when the other one was opened. Whoever makes keys with a
    /// copy that stands in for the keyring must know that it is not older than the database; the first epoch writes both files anew.
    pub fn damaged_file(&self) -> Option<&DamagedFile> {
        self.damage.as_ref()
    }

    /// Turns a keyring that was opened for reading into one that seals. `master` must be the key that opened it; it is kept in
    /// memory, since every change of the keyring needs it.
    pub fn begin_epoch(self, master: &MasterKey) -> Result<Self> {
        let keys = self.bunch.state();
        let (mut header, mut secrets) = (keys.header.clone(), keys.secrets.clone());
        let id = secrets.epochs.iter().map(|epoch| epoch.id).max().unwrap_or(0) + 1;
        secrets.epochs.push(Epoch { id, salt: random()? });
        header.version += 1;
        let dir = self.bunch.dir.clone();
        write_files(&dir, &keyfile::encode(&header, &secrets, master)?, false)?;
        Ok(Self::assemble(Bunch::new(dir, header, secrets, Some(id), Some(master.clone()))))
    }

    fn assemble(bunch: Bunch) -> Self {
        Self { bunch: Arc::new(bunch), sealers: Mutex::default(), damage: None }
    }

    /// The sealer of small values for `purpose`, the same one at every call.
    pub fn value_sealer(&self, purpose: Purpose) -> Result<Arc<ValueSealer>> {
        let mut sealers = self.sealers.lock();
        if let Some(sealer) = sealers.get(&purpose) {
            return Ok(sealer.clone());
        }
        let sealer = Arc::new(ValueSealer::new(purpose, self.bunch.clone()));
        sealers.insert(purpose, sealer.clone());
        Ok(sealer)
    }

    /// The id of the data key that new objects of `purpose` are sealed with, if they belong to the object `owner` (0 if to
    /// none). The first one of an owner is made here, durable on return.
    pub fn data_key_id(&self, purpose: Purpose, owner: u64) -> Result<u32> {
        self.bunch.current(Scope::of(purpose, owner))
    }

    /// The id of the data key that has replaced this one, or its own; `None` if it is unknown or destroyed.
    pub fn successor(&self, data_key: u32) -> Option<u32> {
        let keys = self.bunch.state();
        keys.scope(data_key).filter(|_| !keys.is_destroyed(data_key)).and_then(|scope| keys.current(scope))
    }

    /// The key of one object, from the data key it names and its own random salt. `Corruption` when there is no such key.
    pub fn object_key(&self, purpose: Purpose, data_key: u32, salt: &[u8; 32]) -> Result<ObjectKey> {
        let keys = self.bunch.state();
        let secret = keys.secret(purpose, data_key)?;
        ObjectKey::new(&*aead::derive(secret, salt, &[b"steward/v1/object/", purpose.name().as_bytes()])?)
    }

    /// A key for HMAC-SHA256, the same for the life of the database. `purpose` and `label` separate uses.
    pub fn mac_key(&self, purpose: Purpose, label: &str) -> Result<MacKey> {
        let keys = self.bunch.state();
        let Some(marks) = keys.current(Scope::Purpose(Purpose::Marks)) else {
            fail!(Corruption, "the keyring lacks the key of counts")
        };
        let info: [&[u8]; 4] = [b"steward/v1/mac/", purpose.name().as_bytes(), b"/", label.as_bytes()];
        let secret = keys.secret(Purpose::Marks, marks)?;
        Ok(MacKey::new(&*aead::derive(secret, &keys.header.install_id, &info)?))
    }

    /// Seals the keyring with a new master key, durable on return; the old key then opens neither copy.
    ///
    /// Takes milliseconds: data stay as they are. A passphrase gets a fresh salt.
    pub fn rotate_master(&self, new: &KeySource) -> Result<()> {
        let salt = match new {
            KeySource::Passphrase(_) => Some(random()?),
            KeySource::Key(_) => None,
        };
        let master = new.master_key(&salt.unwrap_or(self.bunch.state().header.salt))?;
        self.bunch.change_master(salt, master)
    }

    /// Adds a data key for every scope, in use at once and durable on return: what is sealed from now on is sealed with it,
    /// what is there stays readable until [`Keyring::drop_unused`].
    pub fn rotate_data_keys(&self) -> Result<()> {
        self.bunch.change(false, |secrets| {
            let live = secrets.keys.iter().filter(|key| key.key.is_some()).map(|key| key.scope);
            let scopes: BTreeSet<_> = live.filter(|scope| *scope != Scope::Purpose(Purpose::Marks)).collect();
            scopes.into_iter().try_for_each(|scope| secrets.add(scope).map(drop))
        })
    }

    /// As [`Keyring::rotate_data_keys`] for one object; nothing happens if it has no key yet.
    pub fn renew(&self, owner: u64) -> Result<()> {
        let scope = Scope::Object(owner);
        match self.bunch.state().current(scope) {
            Some(_) => self.bunch.change(false, |secrets| secrets.add(scope).map(drop)),
            None => Ok(()),
        }
    }

    /// Destroys all keys of these objects, durable on return. What they sealed is gone, wherever a copy of it lies; the
    /// keyring remembers that they were.
    pub fn destroy(&self, owners: &BTreeSet<u64>) -> Result<()> {
        let doomed = |scope: Scope| matches!(scope, Scope::Object(owner) if owners.contains(&owner));
        self.bunch.change(true, |secrets| {
            secrets.keys.iter_mut().filter(|key| doomed(key.scope)).for_each(|key| key.key = None);
            Ok(())
        })?;
        self.forget();
        Ok(())
    }

    /// Destroys those of these keys that others have replaced, durable on return; their objects go on with the newer ones. What they
    /// sealed must have been sealed anew, or is to be gone.
    pub fn destroy_replaced(&self, keys: &BTreeSet<u32>) -> Result<()> {
        let now = self.bunch.state();
        let goes = |id: u32| keys.contains(&id) && now.is_outdated(id);
        if !now.secrets.keys.iter().any(|key| goes(key.id)) {
            return Ok(());
        }
        self.bunch.change(true, |secrets| {
            secrets.keys.iter_mut().filter(|key| goes(key.id)).for_each(|key| key.key = None);
            Ok(())
        })?;
        self.forget();
        Ok(())
    }

    /// Drops these keys, which must be replaced or destroyed and named by nothing any more; and all earlier epochs but those that
    /// something does name. Durable on return.
    pub fn drop_unused(&self, unused_keys: &BTreeSet<u32>, used_epochs: &BTreeSet<u32>) -> Result<()> {
        let (now, epoch) = (self.bunch.state(), self.bunch.epoch);
        // The highest number stays known, so that none is given twice.
        let last = now.secrets.keys.iter().map(|key| key.id).max();
        let goes = |id: u32| unused_keys.contains(&id) && Some(id) != last && !now.is_current(id);
        if !now.secrets.keys.iter().any(|key| goes(key.id)) {
            return Ok(());
        }
        self.bunch.change(true, |secrets| {
            secrets.keys.retain(|key| !goes(key.id));
            secrets.epochs.retain(|known| used_epochs.contains(&known.id) || epoch.is_some_and(|now| known.id >= now));
            Ok(())
        })?;
        self.forget();
        Ok(())
    }

    /// Sealers keep derived keys; those of keys that are gone must go too.
    fn forget(&self) {
        let keys = self.bunch.state();
        let gone = |id: u32| !keys.knows(id) || keys.is_destroyed(id);
        self.sealers.lock().values().for_each(|sealer| sealer.forget(&gone));
    }

    /// What is known of every data key.
    pub fn facts(&self) -> Vec<KeyFact> {
        let keys = self.bunch.state();
        let state = |id| match () {
            () if keys.is_destroyed(id) => KeyState::Destroyed,
            () if keys.is_outdated(id) => KeyState::Outdated,
            () => KeyState::Current,
        };
        let fact = |key: &keyfile::DataKey| KeyFact {
            id: key.id,
            scope: key.scope,
            created_ms: key.created_ms,
            state: state(key.id),
        };
        keys.secrets.keys.iter().map(fact).collect()
    }

    /// Whether a data key was destroyed.
    pub fn is_destroyed(&self, data_key: u32) -> bool {
        self.bunch.state().is_destroyed(data_key)
    }

    /// How often the keyring was written.
    pub fn version(&self) -> u64 {
        self.bunch.state().header.version
    }

    /// Random bytes that name this database.
    pub fn install_id(&self) -> [u8; 16] {
        self.bunch.state().header.install_id
    }

    /// Whether the file `name` in `dir` is a keyring as it was written. Needs no key.
    pub fn is_whole(dir: &Path, name: &str) -> bool {
        fs::read(dir.join(name)).is_ok_and(|bytes| keyfile::decode_header(&bytes).is_ok())
    }

    /// Reads both copies and says what is wrong with each; empty when nothing is. Needs no key.
    pub fn damage(dir: &Path) -> Vec<Error> {
        [FILE, COPY].into_iter().filter_map(|name| header_of(dir, name).err()).collect()
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({:?}, epoch {:?})", self.bunch.dir, self.bunch.epoch)
    }
}

/// The header of the file `name`, which must be as it was written. Needs no key.
fn header_of(dir: &Path, name: &str) -> Result<Header> {
    keyfile::decode_header(&read_file(dir, name)?).map_err(|error| name_path(&dir.join(name), &error))
}

fn read_file(dir: &Path, name: &str) -> Result<Vec<u8>> {
    let path = dir.join(name);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|file| file.take(config::KEYRING_BYTES_MAX).read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(name_path(&path, &Error::new(Kind::Corruption, "is missing")))
        }
        Err(error) => Err(Error::io(format!("keyring file \"{}\"", path.display()), &error)),
    }
}

fn name_path(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("keyring file \"{}\" {}", path.display(), error.message()))
}

/// Completes an error about a keyring that does not open, nor its copy for it, with the remedy.
fn with_remedy(error: Error) -> Error {
    match error.kind() {
        Kind::WrongKey => error.with_hint("Give the key it was made with: STEWARD_KEY_FILE or STEWARD_PASSPHRASE."),
        Kind::Corruption => error.with_hint(
            "Its copy keyring.old does not open either. Restore one of them from a backup; without it nothing in the database \
             can be opened.",
        ),
        _ => error,
    }
}

/// Replaces `keyring`, then its copy; each by rename after the new bytes are durable. With `erase` what is replaced is
/// overwritten with zeros, so that keys which are gone do not stay in free blocks; a disk that writes elsewhere instead
/// keeps them all the same.
pub(super) fn write_files(dir: &Path, bytes: &[u8], erase: bool) -> Result<()> {
    for name in [FILE, COPY] {
        let (path, fresh) = (dir.join(name), dir.join("keyring.new"));
        let old = erase.then(|| OpenOptions::new().write(true).open(&path).ok()).flatten();
        let write = || {
            let mut file = File::create(&fresh)?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.set_permissions(fs::Permissions::from_mode(0o600))?;
            }
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(dir)?.sync_all()?;
            old.map_or(Ok(()), zero)
        };
        write().map_err(|error| Error::io(format!("keyring file \"{}\"", path.display()), &error))?;
    }
    Ok(())
}

/// Overwrites a file that has no name any more; one that a backup has linked is left alone.
fn zero(mut file: File) -> std::io::Result<()> {
    let meta = file.metadata()?;
    if meta.nlink() > 0 {
        return Ok(());
    }
    std::io::copy(&mut std::io::repeat(0).take(meta.len()), &mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::from_bytes([byte; 32])
    }

    #[test]
    fn values_of_earlier_starts_open_and_stay_in_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keyring::create(dir.path(), &key(1)).unwrap();
        let sealed = first.value_sealer(Purpose::Rows).unwrap().seal(7, b"row 1", b"value").unwrap();
        assert_ne!(sealed, first.value_sealer(Purpose::Rows).unwrap().seal(7, b"row 1", b"value").unwrap());

        let second = Keyring::open(dir.path(), &key(1)).unwrap();
        let rows = second.value_sealer(Purpose::Rows).unwrap();
        assert_eq!(rows.open(b"row 1", &sealed).unwrap(), b"value");
        assert_eq!(rows.open(b"row 2", &sealed).unwrap_err().kind(), Kind::Corruption);
        let other = second.value_sealer(Purpose::Catalog).unwrap();
        assert_eq!(other.open(b"row 1", &sealed).unwrap_err().kind(), Kind::Corruption);
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_eq!(rows.open(b"row 1", &damaged).unwrap_err().kind(), Kind::Corruption, "byte {place}");
            assert!(rows.open(b"row 1", &sealed[..place]).is_err());
        }

        let reader = Keyring::open_read_only(dir.path(), &key(1)).unwrap().value_sealer(Purpose::Rows).unwrap();
        assert_eq!(reader.open(b"row 1", &sealed).unwrap(), b"value");
        assert!(reader.seal(0, b"", b"").is_err());
    }

    #[test]
    fn a_rotated_master_key_replaces_the_old_one_in_both_copies() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &key(1)).unwrap();
        let sealed = keyring.value_sealer(Purpose::Catalog).unwrap().seal(0, b"", b"name").unwrap();
        let before = fs::read(dir.path().join(COPY)).unwrap();
        keyring.rotate_master(&key(2).into()).unwrap();
        let wrong = Keyring::open(dir.path(), &key(1)).unwrap_err();
        assert_eq!(wrong.kind(), Kind::WrongKey);
        assert!(wrong.message().contains("keyring") && wrong.hint().unwrap().contains("STEWARD_KEY_FILE"));
        assert_eq!(wrong.detail(), None);
        let rotated = fs::read(dir.path().join(FILE)).unwrap();
        assert_eq!(rotated, fs::read(dir.path().join(COPY)).unwrap());
        // Later changes are sealed with the new key.
        keyring.data_key_id(Purpose::Chunks, 77).unwrap();
        let open = Keyring::open(dir.path(), &key(2)).unwrap();
        assert_eq!(open.value_sealer(Purpose::Catalog).unwrap().open(b"", &sealed).unwrap(), b"name");
        assert_eq!(open.data_key_id(Purpose::Chunks, 77).unwrap(), keyring.data_key_id(Purpose::Chunks, 77).unwrap());

        // Killed between the two copies: the new key opens, whoever has the old one is told why it does not.
        fs::write(dir.path().join(COPY), before).unwrap();
        let wrong = Keyring::open(dir.path(), &key(1)).unwrap_err();
        assert_eq!(wrong.kind(), Kind::WrongKey);
        assert!(wrong.detail().unwrap().contains("was being changed"));
        Keyring::open(dir.path(), &key(2)).unwrap();
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), fs::read(dir.path().join(COPY)).unwrap());
    }

    #[test]
    fn new_data_keys_seal_at_once_and_old_ones_open_until_they_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &key(1)).unwrap();
        let rows = keyring.value_sealer(Purpose::Rows).unwrap();
        let before = keyring.data_key_id(Purpose::Chunks, 0).unwrap();
        let (old, of_table) = (rows.seal(0, b"", b"old").unwrap(), rows.seal(9, b"", b"table").unwrap());
        let mac = keyring.mac_key(Purpose::Journal, "test").unwrap().tag(&[b"x"]);
        assert!(!rows.is_outdated(&old) && rows.owner(&of_table) == 9);
        keyring.rotate_data_keys().unwrap();
        let after = keyring.data_key_id(Purpose::Chunks, 0).unwrap();
        assert_ne!(after, before);
        assert_eq!((keyring.successor(before), keyring.successor(after)), (Some(after), Some(after)));
        assert!(rows.is_outdated(&old) && rows.is_outdated(&of_table));
        let new = rows.seal(0, b"", b"new").unwrap();
        assert!(!rows.is_outdated(&new));
        for (sealed, text) in [(&old, "old"), (&of_table, "table"), (&new, "new")] {
            assert_eq!(rows.open(b"", sealed).unwrap(), text.as_bytes());
        }
        assert!(keyring.object_key(Purpose::Chunks, before, &[0; 32]).is_ok());
        assert_eq!(keyring.object_key(Purpose::Chunks, 999, &[0; 32]).unwrap_err().kind(), Kind::Corruption);
        assert_eq!(keyring.mac_key(Purpose::Journal, "test").unwrap().tag(&[b"x"]), mac);

        let next = Keyring::open(dir.path(), &key(1)).unwrap();
        assert_eq!(next.data_key_id(Purpose::Chunks, 0).unwrap(), after);
        let rows = next.value_sealer(Purpose::Rows).unwrap();
        assert_eq!(rows.open(b"", &old).unwrap(), b"old");
        // What is in use or current stays, whatever the caller believes.
        let unused: BTreeSet<u32> = next.facts().iter().map(|fact| fact.id).filter(|id| *id != before).collect();
        next.drop_unused(&unused, &BTreeSet::from([1])).unwrap();
        assert_eq!(rows.open(b"", &old).unwrap_err().kind(), Kind::Corruption);
        assert!(rows.lacks_keys_of(&old));
        assert_eq!(rows.open(b"", &new).unwrap(), b"new");
        assert!(next.object_key(Purpose::Chunks, before, &[0; 32]).is_ok());
        assert_eq!(next.mac_key(Purpose::Journal, "test").unwrap().tag(&[b"x"]), mac);
    }

    #[test]
    fn a_destroyed_key_opens_nothing_and_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &key(1)).unwrap();
        let rows = keyring.value_sealer(Purpose::Rows).unwrap();
        let (gone, kept) = (rows.seal(8, b"", b"gone").unwrap(), rows.seal(9, b"", b"kept").unwrap());
        let data_key = keyring.data_key_id(Purpose::Chunks, 8).unwrap();
        let secret = keyring.bunch.state().secret(Purpose::Rows, data_key).unwrap().to_vec();
        keyring.destroy(&BTreeSet::from([8, 55])).unwrap();
        for keyring in [keyring, Keyring::open(dir.path(), &key(1)).unwrap()] {
            let rows = keyring.value_sealer(Purpose::Rows).unwrap();
            assert!(rows.is_shredded(&gone) && !rows.is_shredded(&kept));
            assert!(rows.open(b"", &gone).unwrap_err().message().contains("destroyed"));
            assert_eq!(rows.open(b"", &kept).unwrap(), b"kept");
            assert!(keyring.object_key(Purpose::Chunks, data_key, &[0; 32]).is_err());
            assert!(!keyring.bunch.state().secrets.keys.iter().any(|key| key.key.as_deref() == secret.first_chunk()));
            assert_ne!(keyring.data_key_id(Purpose::Chunks, 8).unwrap(), data_key, "a number never comes twice");
        }
    }

    #[test]
    fn a_replaced_key_is_destroyed_and_the_newer_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &key(1)).unwrap().begin_epoch(&key(1)).unwrap();
        let old = keyring.data_key_id(Purpose::Rows, 20_000).unwrap();
        keyring.renew(20_000).unwrap();
        let new = keyring.data_key_id(Purpose::Rows, 20_000).unwrap();
        assert_ne!(old, new);
        // A key that is in use is none of those, whoever names it.
        keyring.destroy_replaced(&BTreeSet::from([old, new])).unwrap();
        assert!(keyring.is_destroyed(old) && !keyring.is_destroyed(new));
        drop(keyring);
        let keyring = Keyring::open(dir.path(), &key(1)).unwrap();
        assert!(keyring.is_destroyed(old) && !keyring.is_destroyed(new));
    }

    #[test]
    fn a_damaged_keyring_is_told_and_its_copy_stands_in_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &key(1)).unwrap();
        let sealed = keyring.value_sealer(Purpose::Rows).unwrap().seal(0, b"", b"value").unwrap();
        let salt = passphrase_salt(dir.path()).unwrap();
        let (file, copy) = (dir.path().join(FILE), dir.path().join(COPY));
        let flip = |path: &Path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[70] ^= 1;
            fs::write(path, &bytes).unwrap();
        };
        for damage in [&(|| flip(&file)) as &dyn Fn(), &|| fs::remove_file(&file).unwrap()] {
            damage();
            assert_eq!(Keyring::damage(dir.path()).len(), 1);
            assert_eq!(passphrase_salt(dir.path()).unwrap(), salt);
            let reader = Keyring::open_read_only(dir.path(), &key(1)).unwrap();
            let told = reader.damaged_file().unwrap();
            assert!(told.error.kind() == Kind::Corruption && told.whole == COPY);
            assert_eq!(Keyring::damage(dir.path()).len(), 1, "reading writes nothing");
            let opened = Keyring::open(dir.path(), &key(1)).unwrap();
            assert_eq!(opened.value_sealer(Purpose::Rows).unwrap().open(b"", &sealed).unwrap(), b"value");
            assert!(Keyring::damage(dir.path()).is_empty(), "both are written anew");
            assert!(Keyring::open_read_only(dir.path(), &key(1)).unwrap().damaged_file().is_none());
        }
        // So is a copy, which nothing is read from.
        for damage in [&(|| flip(&copy)) as &dyn Fn(), &|| fs::remove_file(&copy).unwrap()] {
            damage();
            let reader = Keyring::open_read_only(dir.path(), &key(1)).unwrap();
            let told = reader.damaged_file().unwrap();
            assert!(told.error.message().contains("keyring.old") && told.whole == FILE, "{}", told.error);
            assert_eq!(Keyring::damage(dir.path()).len(), 1, "reading writes nothing");
            Keyring::open(dir.path(), &key(1)).unwrap();
            assert!(Keyring::damage(dir.path()).is_empty(), "both are written anew");
        }
        // The key is not to blame for damage, nor damage for the key.
        flip(&file);
        let wrong = Keyring::open(dir.path(), &key(2)).unwrap_err();
        assert!(wrong.kind() == Kind::WrongKey && wrong.message().contains(COPY), "{wrong}");
        assert!(wrong.detail().unwrap().contains("checksum"), "{wrong}");
        flip(&copy);
        let error = Keyring::open(dir.path(), &key(1)).unwrap_err();
        assert!(error.kind() == Kind::Corruption && error.hint().unwrap().contains("backup"), "{error}");
        assert_eq!(passphrase_salt(dir.path()).unwrap_err().kind(), Kind::Corruption);
        assert_eq!(passphrase_salt(&dir.path().join("none")).unwrap(), None);
    }
}
