//! The keys of an open keyring in memory, and how they change while it is in use.
//!
//! Readers take the whole of them at once and never wait for the disk. A change is made on a copy, written to both files
//! of the keyring, and only then seen: nothing is ever sealed with a key that a crash could lose.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::keyfile::{self, DataKey, Header, Purpose, Scope, Secrets};
use super::keyring::write_files;
use super::master::MasterKey;
use crate::error::{Error, Result};
use crate::fail;

/// The keys that are shared by a keyring and its sealers.
pub(super) struct Bunch {
    pub dir: PathBuf,
    /// The epoch of this start; none when opened for reading only.
    pub epoch: Option<u32>,
    /// What seals the keyring; none when opened for reading only. Held while the keyring changes.
    master: Mutex<Option<MasterKey>>,
    keys: RwLock<Arc<Keys>>,
    /// The nonces of this epoch: one counter for all data keys, so that none of them meets a number twice.
    counter: AtomicU64,
}

/// All keys as of one version of the keyring.
pub(super) struct Keys {
    pub header: Header,
    pub secrets: Secrets,
    places: HashMap<u32, usize>,
    current: HashMap<Scope, u32>,
}

impl Keys {
    fn new(header: Header, secrets: Secrets) -> Self {
        let places = secrets.keys.iter().enumerate().map(|(place, key)| (key.id, place)).collect();
        let mut current = HashMap::new();
        for key in secrets.keys.iter().filter(|key| key.key.is_some()) {
            let newest = current.entry(key.scope).or_insert(key.id);
            *newest = key.id.max(*newest);
        }
        Self { header, secrets, places, current }
    }

    fn find(&self, id: u32) -> Option<&DataKey> {
        self.places.get(&id).map(|place| &self.secrets.keys[*place])
    }

    /// The newest key of a scope, if it has one.
    pub(super) fn current(&self, scope: Scope) -> Option<u32> {
        self.current.get(&scope).copied()
    }

    /// Whose key it is.
    pub(super) fn scope(&self, id: u32) -> Option<Scope> {
        self.find(id).map(|key| key.scope)
    }

    /// Whether there is or was such a key.
    pub(super) fn knows(&self, id: u32) -> bool {
        self.places.contains_key(&id)
    }

    /// Whether it was destroyed.
    pub(super) fn is_destroyed(&self, id: u32) -> bool {
        self.find(id).is_some_and(|key| key.key.is_none())
    }

    /// Whether it seals what is written now.
    pub(super) fn is_current(&self, id: u32) -> bool {
        self.find(id).is_some_and(|key| self.current(key.scope) == Some(id))
    }

    /// Whether a newer key has replaced it.
    pub(super) fn is_outdated(&self, id: u32) -> bool {
        self.find(id).is_some_and(|key| key.key.is_some() && self.current(key.scope) != Some(id))
    }

    /// The bytes of a key that seals things of this purpose.
    pub(super) fn secret(&self, purpose: Purpose, id: u32) -> Result<&[u8; 32]> {
        let fits = |key: &&DataKey| !matches!(key.scope, Scope::Purpose(other) if other != purpose);
        match self.find(id).filter(fits).map(|key| &key.key) {
            Some(Some(key)) => Ok(key),
            Some(None) => fail!(Corruption, "it was sealed with data key {id}, which was destroyed"),
            None => fail!(Corruption, "it names data key {id} for {}, which the keyring lacks", purpose.name()),
        }
    }

    /// The salt of a start of the process.
    pub(super) fn epoch_salt(&self, epoch: u32) -> Option<[u8; 32]> {
        self.secrets.epochs.iter().rev().find(|known| known.id == epoch).map(|known| known.salt)
    }
}

impl Bunch {
    pub(super) fn new(
        dir: PathBuf,
        header: Header,
        secrets: Secrets,
        epoch: Option<u32>,
        master: Option<MasterKey>,
    ) -> Self {
        let (keys, counter) = (RwLock::new(Arc::new(Keys::new(header, secrets))), AtomicU64::new(0));
        Self { dir, epoch, master: Mutex::new(master), keys, counter }
    }

    /// The keys as they are now.
    pub(super) fn state(&self) -> Arc<Keys> {
        self.keys.read().clone()
    }

    /// A number that no value of this epoch was sealed with.
    pub(super) fn next_counter(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// The key that seals what is of this scope now. An object gets its first one here, durable on return.
    pub(super) fn current(&self, scope: Scope) -> Result<u32> {
        match (self.state().current(scope), scope) {
            (Some(id), _) => Ok(id),
            (None, Scope::Purpose(purpose)) => Err(Error::internal(format!("no data key for {}", purpose.name()))),
            (None, Scope::Object(_)) => self.change(false, |secrets| {
                // Somebody else may have been first.
                let there = secrets.keys.iter().filter(|key| key.scope == scope && key.key.is_some());
                match there.map(|key| key.id).max() {
                    Some(id) => Ok(id),
                    None => secrets.add(scope),
                }
            }),
        }
    }

    /// Changes the keys, durable on return. With `erase` the files that are replaced are overwritten as well.
    pub(super) fn change<T>(&self, erase: bool, change: impl FnOnce(&mut Secrets) -> Result<T>) -> Result<T> {
        let master = self.master.lock();
        let Some(key) = &*master else { fail!(Internal, "a keyring that was opened for reading does not change") };
        let now = self.state();
        let (mut header, mut secrets) = (now.header.clone(), now.secrets.clone());
        let changed = change(&mut secrets)?;
        header.version += 1;
        write_files(&self.dir, &keyfile::encode(&header, &secrets, key)?, erase)?;
        *self.keys.write() = Arc::new(Keys::new(header, secrets));
        Ok(changed)
    }

    /// Seals the keyring with another master key from now on, durable on return; the old one then opens neither file.
    pub(super) fn change_master(&self, salt: Option<[u8; 16]>, new: MasterKey) -> Result<()> {
        let mut master = self.master.lock();
        let now = self.state();
        let mut header = now.header.clone();
        header.version += 1;
        header.salt = salt.unwrap_or(header.salt);
        write_files(&self.dir, &keyfile::encode(&header, &now.secrets, &new)?, true)?;
        *self.keys.write() = Arc::new(Keys::new(header, now.secrets.clone()));
        if let Some(key) = &mut *master {
            *key = new;
        }
        Ok(())
    }
}

impl Secrets {
    /// Adds a new key of a scope; gives its id.
    pub(super) fn add(&mut self, scope: Scope) -> Result<u32> {
        let id = self.keys.iter().map(|key| key.id).max().unwrap_or(0).checked_add(1);
        let id = id.ok_or_else(|| Error::internal("there are no numbers left for data keys"))?;
        self.keys.push(DataKey::make(id, scope)?);
        Ok(id)
    }
}
