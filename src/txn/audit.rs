//! The audit log: a chain of entries, each with a MAC over itself and the one before.
//!
//! Tree `Governance`:
//!
//! | key | value |
//! |---|---|
//! | 3, number | a block: entries from that number on, as JSON, each with its MAC |
//! | 4 | the [`Head`]: what comes next, the MAC of the last entry, and where the log begins |
//! | 5 | the [`Rules`]: level and retention |
//!
//! An entry's MAC is HMAC-SHA256 over the MAC before it, its number and its bytes, under a key that is the database's for life. What a
//! transaction did goes into the batch of its commit: if that is durable the entries are, too. All else (reads, refusals, logins, what
//! was rolled back) waits in memory and is written a few times a second by a thread, the same thing of the same connection as one entry
//! with a count. Where so much waits that it cannot be written, what must be logged is refused.
//!
//! Whoever has the disk alone can read nothing, forge nothing and take no entry out; to put the whole folder back to an earlier state is
//! seen by nobody who has not kept the head elsewhere. Whoever has the master key can write the chain anew: against him, too, only a
//! head that was kept elsewhere helps ([`Verdict::head`]).

use crate::catalog::{AuditAction, AuditEntry, AuditLevel, AuditState};
use crate::config::{AUDIT_BLOCK_ENTRIES_MAX, AUDIT_RETENTION_DEFAULT_MS, AUDIT_WAITING_MAX, FORMAT_VERSION_LINEAGE};
use crate::crypto::{MacKey, Purpose};
use crate::encoding::{Key, from_value, to_value_of};
use crate::error::{Error, Kind, Result};
use crate::storage::{Store, Tree, WriteBatch};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: u8 = 3;
const HEAD: u8 = 4;
const RULES: u8 = 5;

/// A MAC as it is kept: in hexadecimal digits; nothing before the first entry.
type Mac = String;

/// Where the log begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// The number of the next entry.
    next: u64,
    /// The MAC of the last one.
    mac: Mac,
    /// The number of the first entry that is kept.
    first: u64,
    /// The MAC of the one before it.
    before: Mac,
}

impl Default for Head {
    fn default() -> Self {
        Self { next: 1, mac: Mac::new(), first: 1, before: Mac::new() }
    }
}

/// What is logged, and for how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How much is logged.
    pub level: AuditLevel,
    /// Milliseconds; 0 keeps all.
    pub retention_ms: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { level: AuditLevel::Read, retention_ms: AUDIT_RETENTION_DEFAULT_MS }
    }
}

/// What the verification of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Entries that were looked at.
    pub entries: u64,
    /// The number of the first one that is kept.
    pub first: u64,
    /// And of the last.
    pub last: u64,
    /// The number of the first entry that is not what it was when it was written, and what is wrong with it.
    pub broken: Option<(u64, String)>,
    /// The MAC of the last entry: who keeps it elsewhere, with its number, sees whether the log was put back or written anew.
    pub head: String,
}

/// One entry as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    #[serde(rename = "e")]
    entry: Box<serde_json::value::RawValue>,
    #[serde(rename = "m")]
    mac: Mac,
}

/// The audit log of a database.
#[derive(Debug)]
pub struct Audit {
    store: Arc<Store>,
    mac: MacKey,
    head: Mutex<Head>,
    rules: Mutex<Rules>,
    waiting: Mutex<Vec<AuditEntry>>,
    /// Entries for which there was no room.
    lost: AtomicU64,
    /// Held while the beginning of the log must stay, or goes.
    retiring: Mutex<()>,
}

/// Entries on their way to the disk: nobody else appends meanwhile.
pub struct Appending<'a> {
    head: MutexGuard<'a, Head>,
    next: Head,
}

impl Appending<'_> {
    /// The batch is taken: what comes next follows its entries.
    pub fn done(mut self) {
        *self.head = self.next;
    }
}

impl Audit {
    /// The log as it is kept.
    pub(super) fn open(store: &Arc<Store>) -> Result<Self> {
        let mac = store.keyring().mac_key(Purpose::Governance, "audit chain")?;
        let get = |kind: u8| store.engine().get(Tree::Governance, &[kind]);
        let head = get(HEAD)?.map(|bytes| from_value("the head of the audit log", &bytes)).transpose()?;
        let rules = get(RULES)?.map(|bytes| from_value("the rules of the audit log", &bytes)).transpose()?;
        Ok(Self {
            store: store.clone(),
            mac,
            head: Mutex::new(head.unwrap_or_default()),
            rules: Mutex::new(rules.unwrap_or_default()),
            waiting: Mutex::default(),
            lost: AtomicU64::new(0),
            retiring: Mutex::default(),
        })
    }

    /// What is logged, and for how long it is kept.
    pub fn rules(&self) -> Rules {
        *self.rules.lock()
    }

    /// Whether something of this kind is logged.
    pub fn logs(&self, action: AuditAction) -> bool {
        action.level() <= self.rules.lock().level
    }

    /// Has an entry written soon; the same again of the same connection is counted.
    pub fn note(&self, entry: AuditEntry) {
        let mut waiting = self.waiting.lock();
        if let Some(again) = waiting.iter_mut().rev().take(64).find(|known| known.is_again(&entry)) {
            again.times = again.times.saturating_add(entry.times);
            again.rows = match (again.rows, entry.rows) {
                (Some(rows), Some(more)) => Some(rows.saturating_add(more)),
                (rows, more) => rows.or(more),
            };
            return;
        }
        if waiting.len() >= 2 * AUDIT_WAITING_MAX {
            // Told once there is room again.
            self.lost.fetch_add(entry.times, Ordering::Relaxed);
            return;
        }
        waiting.push(entry);
    }

    /// Refuses what must be logged while nothing can be.
    pub fn must_have_room(&self) -> Result<()> {
        match self.waiting.lock().len() < AUDIT_WAITING_MAX {
            true => Ok(()),
            false => Err(Error::new(Kind::DiskFull, "the audit log cannot be written")
                .with_detail("Sensitive columns are not read while nobody can log it.")
                .with_hint("Free space on the disk, or let a superuser say ALTER SYSTEM SET steward.audit = 'write'.")),
        }
    }

    /// Whether nobody appends, and nothing goes: a commit that puts entries into it does not wait.
    pub(super) fn is_free(&self) -> bool {
        !self.head.is_locked()
    }

    /// Puts entries into a batch. They are in the log once the batch is taken and [`Appending::done`] says so.
    pub(super) fn append(&self, batch: &mut WriteBatch, entries: &[AuditEntry]) -> Result<Appending<'_>> {
        let head = self.head.lock();
        let mut next = head.clone();
        for block in entries.chunks(AUDIT_BLOCK_ENTRIES_MAX) {
            let first = next.next;
            let mut kept = Vec::with_capacity(block.len());
            for entry in block {
                let encoded = serde_json::to_string(entry).and_then(serde_json::value::RawValue::from_string);
                let entry = encoded.map_err(|e| Error::internal(format!("an audit entry cannot be encoded: {e}")))?;
                next.mac = self.tag(&next.mac, next.next, entry.get());
                next.next += 1;
                kept.push(Kept { entry, mac: next.mac.clone() });
            }
            batch.put(Tree::Governance, block_key(first), to_value_of(FORMAT_VERSION_LINEAGE, &kept)?);
        }
        batch.put(Tree::Governance, [HEAD], to_value_of(FORMAT_VERSION_LINEAGE, &next)?);
        Ok(Appending { head, next })
    }

    /// Writes what waits, and waits until it is durable. What cannot be written goes on waiting.
    pub fn flush(&self) -> Result<()> {
        let mut entries = std::mem::take(&mut *self.waiting.lock());
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if let Some(last) = entries.last().cloned().filter(|_| lost > 0) {
            let (action, command) = (AuditAction::Audit, "LOST".to_owned());
            let (objects, state, times) = (Vec::new(), AuditState::Failed, lost);
            entries.push(AuditEntry { action, command, objects, state, times, ..last });
        }
        if entries.is_empty() {
            return Ok(());
        }
        let written = self.write(&entries, |_| Ok(()));
        if written.is_err() {
            let mut waiting = self.waiting.lock();
            let since = std::mem::replace(&mut *waiting, entries);
            waiting.extend(since);
        }
        written
    }

    fn write(&self, entries: &[AuditEntry], more: impl FnOnce(&mut WriteBatch) -> Result<()>) -> Result<()> {
        let mut batch = WriteBatch::new();
        more(&mut batch)?;
        let appending = self.append(&mut batch, entries)?;
        let ticket = self.store.engine().submit(batch)?;
        appending.done();
        self.store.engine().settle(ticket)
    }

    /// Sets what is logged and for how long; `entry` tells who did.
    pub fn set_rules(&self, rules: Rules, entry: AuditEntry) -> Result<()> {
        self.flush()?;
        let put = |batch: &mut WriteBatch| {
            batch.put(Tree::Governance, [RULES], to_value_of(FORMAT_VERSION_LINEAGE, &rules)?);
            Ok(())
        };
        self.write(&[entry], put)?;
        *self.rules.lock() = rules;
        Ok(())
    }

    /// Removes blocks that are wholly older than the retention; gives how many entries that were.
    pub fn retire(&self, now_us: i64) -> Result<u64> {
        let ms = self.rules().retention_ms;
        if ms == 0 {
            return Ok(0);
        }
        let oldest_us = now_us.saturating_sub(i64::try_from(ms.saturating_mul(1000)).unwrap_or(i64::MAX));
        let mut batch = WriteBatch::new();
        let _alone = self.retiring.lock();
        let mut head = self.head.lock();
        let mut next = head.clone();
        for (key, value) in self.store.engine().scan(Tree::Governance, &[BLOCK])? {
            let block: Vec<Kept> = from_value("a block of the audit log", &value)?;
            let Some(last) = block.last() else { break };
            let entry: AuditEntry = read(last.entry.get())?;
            if entry.at_us >= oldest_us {
                break;
            }
            next.first = number_of(&key)? + block.len() as u64;
            next.before.clone_from(&last.mac);
            batch.delete(Tree::Governance, key);
        }
        if next.first == head.first {
            return Ok(0);
        }
        batch.put(Tree::Governance, [HEAD], to_value_of(FORMAT_VERSION_LINEAGE, &next)?);
        batch.take_away();
        let removed = next.first - head.first;
        let ticket = self.store.engine().submit(batch)?;
        *head = next;
        drop(head);
        self.store.engine().settle(ticket)?;
        Ok(removed)
    }

    /// All entries that are kept, with their numbers, those that still wait last and without one.
    pub fn entries(&self) -> Result<Vec<(Option<u64>, AuditEntry)>> {
        let mut entries = Vec::new();
        for (key, value) in self.store.engine().scan(Tree::Governance, &[BLOCK])? {
            let block: Vec<Kept> = from_value("a block of the audit log", &value)?;
            let first = number_of(&key)?;
            for (number, kept) in (first..).zip(block) {
                entries.push((Some(number), read(kept.entry.get())?));
            }
        }
        entries.extend(self.waiting.lock().iter().map(|entry| (None, entry.clone())));
        Ok(entries)
    }

    /// Computes the chain anew.
    pub fn verify(&self) -> Result<Verdict> {
        let _alone = self.retiring.lock();
        let head = self.head.lock().clone();
        let (mut number, mut mac, mut broken) = (head.first, head.before.clone(), None);
        'blocks: for (key, value) in self.store.engine().scan(Tree::Governance, &[BLOCK])? {
            // What has come meanwhile is behind.
            if number == head.next {
                break;
            }
            let first = number_of(&key)?;
            if first != number {
                broken = Some((number, format!("it is missing; the next one that is there is {first}")));
                break;
            }
            let block: Vec<Kept> = match from_value("a block of the audit log", &value) {
                Ok(block) => block,
                Err(error) => {
                    broken = Some((number, error.message().to_owned()));
                    break;
                }
            };
            for kept in block {
                mac = self.tag(&mac, number, kept.entry.get());
                if mac != kept.mac {
                    broken = Some((number, "its MAC does not fit it and the entry before".to_owned()));
                    break 'blocks;
                }
                number += 1;
            }
        }
        if broken.is_none() && (number, &mac) != (head.next, &head.mac) {
            broken = Some((number, format!("it is missing; the log goes on to {}", head.next.saturating_sub(1))));
        }
        Ok(Verdict {
            entries: number - head.first,
            first: head.first,
            last: head.next.saturating_sub(1),
            broken,
            head: head.mac,
        })
    }

    fn tag(&self, before: &Mac, number: u64, entry: &str) -> Mac {
        let length = (before.len() as u64).to_be_bytes();
        let tag = self.mac.tag(&[&length, before.as_bytes(), &number.to_be_bytes(), entry.as_bytes()]);
        tag.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn block_key(first: u64) -> Vec<u8> {
    Key::new().byte(BLOCK).number(first).build()
}

fn number_of(key: &[u8]) -> Result<u64> {
    let bytes = key.get(1..).and_then(<[u8]>::first_chunk);
    let malformed = || Error::new(Kind::Corruption, "a key of the audit log has the wrong length");
    bytes.map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(malformed)
}

fn read(entry: &str) -> Result<AuditEntry> {
    serde_json::from_str(entry).map_err(|e| {
        Error::new(Kind::Corruption, format!("an entry of the audit log cannot be decoded (column {})", e.column()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::AuditState;
    use crate::crypto::{KeySource, MasterKey};

    fn store(folder: &tempfile::TempDir) -> Arc<Store> {
        Arc::new(Store::open(folder.path(), &KeySource::from(MasterKey::from_bytes([7; 32]))).unwrap())
    }

    fn entry(at_us: i64) -> AuditEntry {
        AuditEntry {
            at_us,
            action: AuditAction::Write,
            state: AuditState::Done,
            login: 1,
            login_name: "ann".to_owned(),
            role_name: "ann".to_owned(),
            pid: None,
            client: None,
            statement: None,
            command: format!("INSERT {at_us}"),
            fingerprint: None,
            objects: Vec::new(),
            rows: Some(1),
            sqlstate: None,
            times: 1,
        }
    }

    fn write(audit: &Audit, times: std::ops::Range<i64>) {
        times.for_each(|at| audit.note(entry(at)));
        audit.flush().unwrap();
    }

    fn blocks(audit: &Audit) -> Vec<(Vec<u8>, Vec<u8>)> {
        audit.store.engine().scan(Tree::Governance, &[BLOCK]).unwrap()
    }

    #[test]
    fn a_chain_goes_on_over_restarts_and_names_the_first_broken_link() {
        let folder = tempfile::tempdir().unwrap();
        {
            let audit = Audit::open(&store(&folder)).unwrap();
            assert_eq!(audit.verify().unwrap().broken, None);
            write(&audit, 0..3);
            write(&audit, 3..300);
        }
        let audit = Audit::open(&store(&folder)).unwrap();
        write(&audit, 300..301);
        let verdict = audit.verify().unwrap();
        assert_eq!((verdict.entries, verdict.first, verdict.last, verdict.broken), (301, 1, 301, None));
        assert_eq!(verdict.head.len(), 64);
        assert_eq!(audit.entries().unwrap().len(), 301);
        // Somebody with the key changes an entry in the middle of a block, and puts the old MACs beside it.
        let (key, value) = blocks(&audit)[1].clone();
        let changed = String::from_utf8(value[1..].to_vec()).unwrap().replace("INSERT 5\"", "SELECT 5\"");
        let put = |key: &[u8], value: Option<Vec<u8>>| {
            let mut batch = WriteBatch::new();
            match value {
                Some(value) => batch.put(Tree::Governance, key, value),
                None => batch.delete(Tree::Governance, key),
            }
            audit.store.engine().commit(batch).unwrap();
        };
        put(&key, Some([&value[..1], changed.as_bytes()].concat()));
        assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(6));
        put(&key, Some(value));
        assert_eq!(audit.verify().unwrap().broken, None);
        // A block is taken out, in the middle or at the end.
        for at in [1, blocks(&audit).len() - 1] {
            let (key, value) = blocks(&audit)[at].clone();
            put(&key, None);
            let first = number_of(&key).unwrap();
            assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(first));
            put(&key, Some(value));
        }
    }

    #[test]
    fn what_is_too_old_goes_and_the_chain_holds() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(&store(&folder)).unwrap();
        write(&audit, 0..10);
        write(&audit, 5_000_000..5_000_010);
        assert_eq!(audit.retire(9_000_000).unwrap(), 0);
        let rules = Rules { level: AuditLevel::Write, retention_ms: 5000 };
        audit.set_rules(rules, entry(5_000_020)).unwrap();
        assert_eq!(audit.retire(9_000_000).unwrap(), 10);
        let verdict = audit.verify().unwrap();
        assert_eq!((verdict.entries, verdict.first, verdict.last, verdict.broken), (11, 11, 21, None));
        drop(audit);
        let audit = Audit::open(&store(&folder)).unwrap();
        assert_eq!(audit.rules(), rules);
        assert_eq!(audit.verify().unwrap().broken, None);
    }

    /// The same again of one connection is one entry; what cannot be written waits, and then sensitive reads are refused.
    #[test]
    fn what_waits_is_counted_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(&store(&folder)).unwrap();
        (0..5).for_each(|_| audit.note(entry(1)));
        assert_eq!(
            audit.entries().unwrap().iter().map(|(_, entry)| (entry.times, entry.rows)).collect::<Vec<_>>(),
            [(5, Some(5))]
        );
        audit.must_have_room().unwrap();
        (0..2 * AUDIT_WAITING_MAX as i64 + 7).for_each(|at| audit.note(entry(at + 10)));
        assert_eq!(audit.must_have_room().unwrap_err().kind(), Kind::DiskFull);
        audit.flush().unwrap();
        audit.must_have_room().unwrap();
        let lost: Vec<u64> = audit
            .entries()
            .unwrap()
            .iter()
            .filter(|(_, entry)| entry.command == "LOST")
            .map(|(_, entry)| entry.times)
            .collect();
        assert_eq!(lost, [8]);
    }
}
