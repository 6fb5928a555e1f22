//! The keyring of a database: data keys and epochs, kept in two sealed copies.
//!
//! `keyring` is replaced by rename after its successor is durable; then `keyring.old` is made equal to it, so that one
//! damaged file loses nothing. Between the two steps the copy is one version behind, which costs the epoch of a start that
//! has not sealed anything yet.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::aead::{self, ObjectKey};
use super::digest::MacKey;
use super::keyfile::{self, DataKey, Epoch, Header, Purpose, Secrets};
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
    dir: PathBuf,
    header: Mutex<Header>,
    secrets: Arc<Secrets>,
    /// The epoch of this start; none when opened for reading only.
    epoch: Option<u32>,
    sealers: Mutex<HashMap<Purpose, Arc<ValueSealer>>>,
}

/// The salt with which a passphrase becomes the master key, or `None` where no keyring is. Needs no key.
pub fn passphrase_salt(dir: &Path) -> Result<Option<[u8; 16]>> {
    if !dir.join(FILE).exists() && !dir.join(COPY).exists() {
        return Ok(None);
    }
    let bytes = read_file(dir, FILE)?;
    Ok(Some(keyfile::decode_header(&bytes).map_err(|error| name_file(dir, error))?.salt))
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
            let id = purpose as u32;
            secrets.keys.push(DataKey { id, purpose, since: 1, key: Zeroizing::new(random()?) });
        }
        let header = Header { install_id: random()?, salt, version: 0 };
        Self::assemble(dir, header, secrets, None).begin_epoch(master)
    }

    /// Opens the keyring and begins an epoch, durable on return. Errors: `WrongKey`, `Corruption`, `FormatVersion`, `Io`.
    pub fn open(dir: &Path, master: &MasterKey) -> Result<Self> {
        Self::open_read_only(dir, master)?.begin_epoch(master)
    }

    /// Opens the keyring without touching the disk. It opens every seal and makes none.
    pub fn open_read_only(dir: &Path, master: &MasterKey) -> Result<Self> {
        let bytes = read_file(dir, FILE)?;
        let (header, secrets) = keyfile::decode(&bytes, master).map_err(|error| name_file(dir, error))?;
        Ok(Self::assemble(dir, header, secrets, None))
    }

    /// Turns a keyring that was opened for reading into one that seals. `master` must be the key that opened it.
    pub fn begin_epoch(self, master: &MasterKey) -> Result<Self> {
        let mut secrets = Secrets::clone(&self.secrets);
        let id = secrets.epochs.iter().map(|epoch| epoch.id).max().unwrap_or(0) + 1;
        secrets.epochs.push(Epoch { id, salt: random()? });
        let mut header = self.header.lock().clone();
        header.version += 1;
        write_files(&self.dir, &keyfile::encode(&header, &secrets, master)?)?;
        Ok(Self::assemble(&self.dir, header, secrets, Some(id)))
    }

    fn assemble(dir: &Path, header: Header, secrets: Secrets, epoch: Option<u32>) -> Self {
        let (header, secrets) = (Mutex::new(header), Arc::new(secrets));
        Self { dir: dir.to_path_buf(), header, secrets, epoch, sealers: Mutex::default() }
    }

    /// The sealer of small values for `purpose`, the same one at every call.
    pub fn value_sealer(&self, purpose: Purpose) -> Result<Arc<ValueSealer>> {
        let mut sealers = self.sealers.lock();
        if let Some(sealer) = sealers.get(&purpose) {
            return Ok(sealer.clone());
        }
        let sealer = Arc::new(ValueSealer::new(purpose, self.secrets.clone(), self.epoch)?);
        sealers.insert(purpose, sealer.clone());
        Ok(sealer)
    }

    /// The id of the data key that new objects of `purpose` are sealed with.
    pub fn data_key_id(&self, purpose: Purpose) -> Result<u32> {
        let newest = self
            .secrets
            .keys
            .iter()
            .filter(|key| key.purpose == purpose && self.epoch.is_none_or(|epoch| key.since <= epoch))
            .max_by_key(|key| key.since);
        Ok(newest.ok_or_else(|| Error::internal(format!("no data key for {}", purpose.name())))?.id)
    }

    /// The key of one object, from the data key it names and its own random salt. `Corruption` when there is no such key.
    pub fn object_key(&self, purpose: Purpose, data_key: u32, salt: &[u8; 32]) -> Result<ObjectKey> {
        let Some(found) = self.secrets.keys.iter().find(|key| key.id == data_key && key.purpose == purpose) else {
            fail!(Corruption, "it names data key {data_key} for {}, which the keyring lacks", purpose.name())
        };
        ObjectKey::new(&*aead::derive(&found.key, salt, &[b"steward/v1/object/", purpose.name().as_bytes()])?)
    }

    /// A key for HMAC-SHA256, the same for the life of the database. `label` separates uses.
    pub fn mac_key(&self, purpose: Purpose, label: &str) -> Result<MacKey> {
        let first = self.secrets.keys.iter().filter(|key| key.purpose == purpose).min_by_key(|key| key.id);
        let first = first.ok_or_else(|| Error::internal(format!("no data key for {}", purpose.name())))?;
        let info: [&[u8]; 4] = [b"steward/v1/mac/", purpose.name().as_bytes(), b"/", label.as_bytes()];
        Ok(MacKey::new(&*aead::derive(&first.key, &self.header.lock().install_id, &info)?))
    }

    /// Seals the keyring with a new master key, durable on return; the old key then opens neither copy.
    ///
    /// Takes milliseconds: data stay as they are. A passphrase gets a fresh salt.
    pub fn rotate_master(&self, new: &KeySource) -> Result<()> {
        let mut header = self.header.lock();
        // What is on disk may already hold data keys of the next start; without the old key they can't be carried over.
        if keyfile::decode_header(&read_file(&self.dir, FILE)?).map_err(|error| name_file(&self.dir, error))?.version
            != header.version
        {
            return Err(Error::new(Kind::NotReady, "new data keys wait for the next start")
                .with_hint("Restart, then rotate the master key."));
        }
        let mut next = Header { version: header.version + 1, ..header.clone() };
        if matches!(new, KeySource::Passphrase(_)) {
            next.salt = random()?;
        }
        let master = new.master_key(&next.salt)?;
        write_files(&self.dir, &keyfile::encode(&next, &self.secrets, &master)?)?;
        *header = next;
        Ok(())
    }

    /// Adds a data key for every purpose, in use from the next start on: what is written then is sealed with them, what is
    /// there stays readable. `master` must open the keyring.
    pub fn rotate_data_keys(&self, master: &MasterKey) -> Result<()> {
        let _held = self.header.lock();
        let bytes = read_file(&self.dir, FILE)?;
        let (mut header, mut secrets) = keyfile::decode(&bytes, master).map_err(|error| name_file(&self.dir, error))?;
        let since = secrets.epochs.iter().map(|epoch| epoch.id).max().unwrap_or(0) + 1;
        let first = secrets.keys.iter().map(|key| key.id).max().unwrap_or(0) + 1;
        for (id, purpose) in (first..).zip(Purpose::ALL) {
            secrets.keys.push(DataKey { id, purpose, since, key: Zeroizing::new(random()?) });
        }
        header.version += 1;
        write_files(&self.dir, &keyfile::encode(&header, &secrets, master)?)
    }

    /// How often the keyring was written.
    pub fn version(&self) -> u64 {
        self.header.lock().version
    }

    /// Random bytes that name this database.
    pub fn install_id(&self) -> [u8; 16] {
        self.header.lock().install_id
    }

    /// Whether the file `name` in `dir` is a keyring as it was written. Needs no key.
    pub fn is_whole(dir: &Path, name: &str) -> bool {
        fs::read(dir.join(name)).is_ok_and(|bytes| keyfile::decode_header(&bytes).is_ok())
    }

    /// Reads both copies and says what is wrong with each; empty when nothing is. Needs no key.
    pub fn damage(dir: &Path) -> Vec<Error> {
        let check = |name: &'static str| {
            let bytes = read_file(dir, name)?;
            keyfile::decode_header(&bytes).map_err(|error| name_path(&dir.join(name), &error))
        };
        [FILE, COPY].into_iter().filter_map(|name| check(name).err()).collect()
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({:?}, epoch {:?})", self.dir, self.epoch)
    }
}

fn read_file(dir: &Path, name: &str) -> Result<Vec<u8>> {
    let path = dir.join(name);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|file| file.take(config::KEYRING_BYTES_MAX).read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(name_file(dir, Error::new(Kind::Corruption, "is missing")))
        }
        Err(error) => Err(Error::io(format!("keyring file \"{}\"", path.display()), &error)),
    }
}

fn name_path(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("keyring file \"{}\" {}", path.display(), error.message()))
}

/// Completes an error about the keyring with its path and the remedy.
fn name_file(dir: &Path, error: Error) -> Error {
    let named = name_path(&dir.join(FILE), &error);
    match error.kind() {
        Kind::WrongKey => named.with_hint("Give the key it was made with: STEWARD_KEY_FILE or STEWARD_PASSPHRASE."),
        Kind::Corruption => {
            let intact = fs::read(dir.join(COPY)).is_ok_and(|bytes| keyfile::decode_header(&bytes).is_ok());
            named.with_hint(match intact {
                true => "The copy keyring.old beside it is intact: put it in its place.",
                false => "Restore this file from a backup; without it nothing in the database can be opened.",
            })
        }
        _ => named,
    }
}

/// Replaces `keyring`, then its copy; each by rename after the new bytes are durable.
fn write_files(dir: &Path, bytes: &[u8]) -> Result<()> {
    for name in [FILE, COPY] {
        let (path, fresh) = (dir.join(name), dir.join("keyring.new"));
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
            File::open(dir)?.sync_all()
        };
        write().map_err(|error| Error::io(format!("keyring file \"{}\"", path.display()), &error))?;
    }
    Ok(())
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
        let sealed = first.value_sealer(Purpose::Rows).unwrap().seal(b"row 1", b"value").unwrap();
        assert_ne!(sealed, first.value_sealer(Purpose::Rows).unwrap().seal(b"row 1", b"value").unwrap());

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
        assert!(reader.seal(b"", b"").is_err());
    }

    #[test]
    fn a_rotated_master_key_replaces_the_old_one_in_both_copies() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &key(1)).unwrap();
        let sealed = keyring.value_sealer(Purpose::Catalog).unwrap().seal(b"", b"name").unwrap();
        keyring.rotate_master(&key(2).into()).unwrap();
        let wrong = Keyring::open(dir.path(), &key(1)).unwrap_err();
        assert_eq!(wrong.kind(), Kind::WrongKey);
        assert!(wrong.message().contains("keyring") && wrong.hint().unwrap().contains("STEWARD_KEY_FILE"));
        let open = Keyring::open(dir.path(), &key(2)).unwrap();
        assert_eq!(open.value_sealer(Purpose::Catalog).unwrap().open(b"", &sealed).unwrap(), b"name");
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), fs::read(dir.path().join(COPY)).unwrap());
    }

    #[test]
    fn new_data_keys_seal_from_the_next_start_on() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &key(1)).unwrap();
        let before = keyring.data_key_id(Purpose::Chunks).unwrap();
        let sealed = keyring.value_sealer(Purpose::Rows).unwrap().seal(b"", b"old").unwrap();
        let mac = keyring.mac_key(Purpose::Journal, "test").unwrap().tag(&[b"x"]);
        keyring.rotate_data_keys(&key(1)).unwrap();
        assert_eq!(keyring.data_key_id(Purpose::Chunks).unwrap(), before);
        assert_eq!(keyring.rotate_master(&key(2).into()).unwrap_err().kind(), Kind::NotReady);
        let next = Keyring::open(dir.path(), &key(1)).unwrap();
        assert_ne!(next.data_key_id(Purpose::Chunks).unwrap(), before);
        assert!(next.object_key(Purpose::Chunks, before, &[0; 32]).is_ok());
        assert_eq!(next.object_key(Purpose::Chunks, 999, &[0; 32]).unwrap_err().kind(), Kind::Corruption);
        assert_eq!(next.value_sealer(Purpose::Rows).unwrap().open(b"", &sealed).unwrap(), b"old");
        assert_eq!(next.mac_key(Purpose::Journal, "test").unwrap().tag(&[b"x"]), mac);
    }

    #[test]
    fn a_damaged_keyring_is_named_and_its_copy_saves_it() {
        let dir = tempfile::tempdir().unwrap();
        drop(Keyring::create(dir.path(), &key(1)).unwrap());
        assert!(passphrase_salt(dir.path()).unwrap().is_some());
        let file = dir.path().join(FILE);
        let mut bytes = fs::read(&file).unwrap();
        bytes[70] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let error = Keyring::open(dir.path(), &key(1)).unwrap_err();
        assert_eq!(error.kind(), Kind::Corruption);
        assert!(error.hint().unwrap().contains("keyring.old"));
        assert_eq!(Keyring::damage(dir.path()).len(), 1);
        fs::remove_file(&file).unwrap();
        assert_eq!(passphrase_salt(dir.path()).unwrap_err().kind(), Kind::Corruption);
        fs::copy(dir.path().join(COPY), &file).unwrap();
        assert!(Keyring::open(dir.path(), &key(1)).is_ok());
        assert_eq!(passphrase_salt(&dir.path().join("none")).unwrap(), None);
    }
}
