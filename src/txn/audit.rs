//! The audit log: a chain of links, which are the entries of one commit or some others, each with a MAC over itself and the link before.
//!
//! Tree `Governance`:
//!
//! | key | value |
//! |---|---|
//! | 3, number | a [`Block`]: entries from that number on, in links with a MAC each |
//! | 4 | the [`Head`]: what comes next, the MAC of the last link, and where the log begins |
//! | 5 | the [`Rules`]: level and retention |
//!
//! A link's MAC is HMAC-SHA256 over the MAC before it, the number of its first entry and its bytes, under a key that is the
//! database's for life. What a transaction did is a link in the batch of its commit: if that is durable the entries are, too. When there
//! are many blocks of one link they become one block, by a later commit: most of them never reach the asset store. All else
//! (reads, refusals, logins, what was rolled back) waits in memory and is written a few times a second by a thread, the same thing of
//! the same connection as one entry with a count. Where so much waits that it cannot be written, what must be logged is refused.
//!
//! Whoever has the disk alone can read nothing, forge nothing and take no entry out; to put the whole folder back to an earlier state is
//! seen by nobody who has not kept the head elsewhere. Whoever has the master key can write the chain anew: against him, too, only a
//! head that was kept elsewhere helps ([`Verdict::head`]).

use super::audit_block::{self, Block, Link};
use crate::catalog::{AuditAction, AuditEntry, AuditLevel, AuditState};
use crate::config::{
    AUDIT_BLOCK_ENTRIES_MAX, AUDIT_BLOCK_LINKS, AUDIT_RETENTION_DEFAULT_MS, AUDIT_WAITING_MAX, FORMAT_VERSION_LINEAGE,
    FORMAT_VERSION_SMALL,
};
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

/// A MAC; none before the first entry.
pub type Mac = Option<[u8; 32]>;

/// The bytes of a MAC, and none of none.
fn bytes_of(mac: &Mac) -> &[u8] {
    mac.as_ref().map(<[u8; 32]>::as_slice).unwrap_or_default()
}

/// The digits of a MAC, and none of none.
fn digits(mac: &Mac) -> String {
    mac.iter().flatten().map(|byte| format!("{byte:02x}")).collect()
}

/// The MAC of these digits.
pub fn mac_of(digits: &str) -> Result<Mac> {
    let malformed = || Error::new(Kind::Corruption, "a MAC of the audit log is none");
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    match bytes.collect::<Option<Vec<u8>>>() {
        Some(none) if none.is_empty() => Ok(None),
        Some(bytes) => bytes.try_into().map(Some).map_err(|_| malformed()),
        None => Err(malformed()),
    }
}

/// Where the log begins and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    /// The number of the next entry.
    next: u64,
    /// The MAC of the last link.
    mac: Mac,
    /// The number of the first entry that is kept.
    first: u64,
    /// The MAC before it.
    before: Mac,
}

/// A head of version 9, its MACs in digits.
#[derive(Deserialize)]
struct Written {
    next: u64,
    mac: String,
    first: u64,
    before: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { next: 1, mac: None, first: 1, before: None }
    }
}

impl Head {
    /// `version u8 = 10 | next u64 | first u64 | each MAC: 1 u8 and its bytes, or 0 u8`
    fn to_value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(83);
        value.push(FORMAT_VERSION_SMALL);
        value.extend(self.next.to_be_bytes());
        value.extend(self.first.to_be_bytes());
        for mac in [&self.mac, &self.before] {
            value.push(u8::from(mac.is_some()));
            value.extend(mac.iter().flatten());
        }
        value
    }

    fn of_value(value: &[u8]) -> Result<Self> {
        const WHAT: &str = "the head of the audit log";
        if let Some((&FORMAT_VERSION_SMALL, rest)) = value.split_first() {
            let read = |rest: &[u8]| -> Option<Self> {
                let (next, rest) = rest.split_first_chunk()?;
                let (first, rest) = rest.split_first_chunk()?;
                let (mac, rest) = split_mac(rest)?;
                let (before, rest) = split_mac(rest)?;
                let (next, first) = (u64::from_be_bytes(*next), u64::from_be_bytes(*first));
                rest.is_empty().then_some(Self { next, mac, first, before })
            };
            return read(rest).ok_or_else(|| Error::new(Kind::Corruption, format!("{WHAT} cannot be decoded")));
        }
        let Written { next, mac, first, before } = from_value(WHAT, value)?;
        Ok(Self { next, mac: mac_of(&mac)?, first, before: mac_of(&before)? })
    }
}

fn split_mac(bytes: &[u8]) -> Option<(Mac, &[u8])> {
    match bytes.split_first()? {
        (0, rest) => Some((None, rest)),
        (1, rest) => rest.split_first_chunk().map(|(mac, rest)| (Some(*mac), rest)),
        _ => None,
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
    /// The number of the first entry of the first link that is not what it was when it was written, and what is wrong with it.
    pub broken: Option<(u64, String)>,
    /// The MAC of the last entry: who keeps it elsewhere, with its number, sees whether the log was put back or written anew.
    pub head: String,
}

/// The audit log of a database.
#[derive(Debug)]
pub struct Audit {
    store: Arc<Store>,
    mac: MacKey,
    end: Mutex<End>,
    rules: Mutex<Rules>,
    waiting: Mutex<Vec<AuditEntry>>,
    /// Entries for which there was no room.
    lost: AtomicU64,
    /// Held while the beginning of the log must stay, or goes.
    retiring: Mutex<()>,
}

/// Where the log is written.
#[derive(Debug, Default)]
struct End {
    head: Head,
    /// Its last blocks, of one link each.
    single: Vec<Link>,
}

/// Entries on their way to the disk: nobody else appends meanwhile.
pub struct Appending<'a> {
    end: MutexGuard<'a, End>,
    next: Head,
    added: Vec<Link>,
    /// They are in one block with all single ones.
    united: bool,
}

impl Appending<'_> {
    /// The batch is taken: what comes next follows its entries.
    pub fn done(mut self) {
        self.end.head = self.next;
        match self.united {
            true => self.end.single.clear(),
            false => self.end.single.append(&mut self.added),
        }
    }
}

impl Audit {
    /// The log as it is kept.
    pub(super) fn open(store: &Arc<Store>) -> Result<Self> {
        let mac = store.keyring().mac_key(Purpose::Governance, "audit chain")?;
        let get = |kind: u8| store.engine().get(Tree::Governance, &[kind]);
        let head = get(HEAD)?.map(|bytes| Head::of_value(&bytes)).transpose()?;
        let rules = get(RULES)?.map(|bytes| from_value("the rules of the audit log", &bytes)).transpose()?;
        Ok(Self {
            store: store.clone(),
            mac,
            end: Mutex::new(End { head: head.unwrap_or_default(), single: Vec::new() }),
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
        !self.end.is_locked()
    }

    /// Puts entries into a batch. They are in the log once the batch is taken and [`Appending::done`] says so.
    pub(super) fn append(&self, batch: &mut WriteBatch, entries: &[AuditEntry]) -> Result<Appending<'_>> {
        let end = self.end.lock();
        let (mut next, mut added) = (end.head.clone(), Vec::new());
        for entries in entries.chunks(AUDIT_BLOCK_ENTRIES_MAX) {
            let (first, count, bytes) = (next.next, entries.len() as u64, audit_block::encode(entries));
            let mac = self.tag(bytes_of(&next.mac), first, &bytes);
            (next.mac, next.next) = (Some(mac), first + count);
            added.push(Link { first, count, mac, bytes });
        }
        let united = end.single.len() + added.len() >= AUDIT_BLOCK_LINKS;
        let all = || end.single.iter().chain(&added);
        match all().next().filter(|_| united) {
            Some(first) => {
                end.single.iter().skip(1).for_each(|link| batch.delete(Tree::Governance, block_key(link.first)));
                batch.put(Tree::Governance, block_key(first.first), Block::to_value(all()));
            }
            None => added.iter().for_each(|link| {
                batch.put(Tree::Governance, block_key(link.first), Block::to_value([link]));
            }),
        }
        batch.put(Tree::Governance, [HEAD], next.to_value());
        Ok(Appending { end, next, added, united })
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
        let mut end = self.end.lock();
        let mut next = end.head.clone();
        for (key, value) in self.store.engine().scan(Tree::Governance, &[BLOCK])? {
            let first = number_of(&key)?;
            let block = Block::of_value(first, &value)?;
            let entries = block.entries()?;
            if entries.last().is_none_or(|last| last.at_us >= oldest_us) {
                break;
            }
            next.first = first + entries.len() as u64;
            next.before = block.last_mac();
            batch.delete(Tree::Governance, key);
        }
        if next.first == end.head.first {
            return Ok(0);
        }
        batch.put(Tree::Governance, [HEAD], next.to_value());
        batch.take_away();
        let removed = next.first - end.head.first;
        let ticket = self.store.engine().submit(batch)?;
        end.single.retain(|link| link.first >= next.first);
        end.head = next;
        drop(end);
        self.store.engine().settle(ticket)?;
        Ok(removed)
    }

    /// All entries that are kept, with their numbers, those that still wait last and without one.
    pub fn entries(&self) -> Result<Vec<(Option<u64>, AuditEntry)>> {
        let mut entries = Vec::new();
        for (key, value) in self.store.engine().scan(Tree::Governance, &[BLOCK])? {
            let first = number_of(&key)?;
            entries.extend((first..).map(Some).zip(Block::of_value(first, &value)?.entries()?));
        }
        entries.extend(self.waiting.lock().iter().map(|entry| (None, entry.clone())));
        Ok(entries)
    }

    /// Computes the chain anew.
    pub fn verify(&self) -> Result<Verdict> {
        let _alone = self.retiring.lock();
        let head = self.end.lock().head.clone();
        let (mut number, mut mac, mut broken) = (head.first, head.before, None);
        for (key, value) in self.store.engine().scan(Tree::Governance, &[BLOCK])? {
            // What has come meanwhile is behind.
            if number == head.next {
                break;
            }
            let first = number_of(&key)?;
            if first != number {
                broken = Some((number, format!("it is missing; the next one that is there is {first}")));
                break;
            }
            let block = Block::of_value(first, &value).map_err(|error| (number, error.message().to_owned()));
            match block.and_then(|block| self.follow(&mut mac, number, &block)) {
                Ok(next) => number = next,
                Err(found) => {
                    number = found.0;
                    broken = Some(found);
                    break;
                }
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
            head: digits(&head.mac),
        })
    }

    /// Follows the chain through a block; gives the number behind it, or the number of the first entry of what is broken, and how.
    fn follow(&self, mac: &mut Mac, first: u64, block: &Block) -> std::result::Result<u64, (u64, String)> {
        let unlike = |number| (number, "its MAC does not fit it and the entries before".to_owned());
        let mut number = first;
        match block {
            Block::Links(links) => {
                for link in links {
                    *mac = Some(self.tag(bytes_of(mac), number, &link.bytes));
                    if *mac != Some(link.mac) {
                        return Err(unlike(number));
                    }
                    number += link.count;
                }
            }
            Block::Each(entries) => {
                for (entry, kept) in entries {
                    *mac = Some(self.tag(digits(mac).as_bytes(), number, entry.as_bytes()));
                    if mac != kept {
                        return Err(unlike(number));
                    }
                    number += 1;
                }
            }
        }
        Ok(number)
    }

    fn tag(&self, before: &[u8], number: u64, bytes: &[u8]) -> [u8; 32] {
        let length = (before.len() as u64).to_be_bytes();
        self.mac.tag(&[&length, before, &number.to_be_bytes(), bytes])
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
        // Somebody with the key changes an entry in the middle of a block, and leaves its MAC as it was.
        let (key, value) = blocks(&audit)[1].clone();
        let mut changed = value.clone();
        let at = changed.windows(8).position(|text| text == b"INSERT 5").unwrap();
        changed[at..at + 6].copy_from_slice(b"SELECT");
        let put = |key: &[u8], value: Option<Vec<u8>>| {
            let mut batch = WriteBatch::new();
            match value {
                Some(value) => batch.put(Tree::Governance, key, value),
                None => batch.delete(Tree::Governance, key),
            }
            audit.store.engine().commit(batch).unwrap();
        };
        put(&key, Some(changed));
        assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(4));
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

    /// Blocks of one link become one block, and the chain through them stays what it was, over a restart in between too.
    #[test]
    fn single_links_become_one_block() {
        let folder = tempfile::tempdir().unwrap();
        let links = AUDIT_BLOCK_LINKS as i64;
        let count = |audit: &Audit, numbers: std::ops::Range<i64>| {
            numbers.for_each(|at| write(audit, at..at + 1));
            let (verdict, read) = (audit.verify().unwrap(), audit.entries().unwrap());
            assert_eq!((verdict.entries, verdict.broken), (read.len() as u64, None));
            let all = read.into_iter().enumerate();
            all.for_each(|(n, told)| assert_eq!(told, (Some(n as u64 + 1), entry(n as i64))));
            blocks(audit).len()
        };
        {
            let audit = Audit::open(&store(&folder)).unwrap();
            assert_eq!(count(&audit, 0..links - 1), AUDIT_BLOCK_LINKS - 1);
            assert_eq!(count(&audit, links - 1..links), 1);
            assert_eq!(count(&audit, links..links + 3), 4);
        }
        let audit = Audit::open(&store(&folder)).unwrap();
        assert_eq!(count(&audit, links + 3..2 * links + 3), 5);
        let (key, mut changed) = blocks(&audit)[4].clone();
        let text = format!("INSERT {}", links + 9);
        let at = changed.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
        changed[at] = b'U';
        let mut batch = WriteBatch::new();
        batch.put(Tree::Governance, key, changed);
        audit.store.engine().commit(batch).unwrap();
        assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(links as u64 + 10));
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

    /// A log that an earlier program began, with a MAC for each entry, goes on and is still verified entry by entry.
    #[test]
    fn a_chain_of_single_entries_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let entries = (1..4).map(|at| serde_json::to_string(&entry(at)).unwrap()).collect::<Vec<_>>();
        {
            let audit = Audit::open(&store(&folder)).unwrap();
            let (mut mac, mut kept) = (None, Vec::new());
            for (number, entry) in (1..).zip(&entries) {
                mac = Some(audit.tag(digits(&mac).as_bytes(), number, entry.as_bytes()));
                kept.push(format!("{{\"e\":{entry},\"m\":\"{}\"}}", digits(&mac)));
            }
            let head = format!("{{\"next\":4,\"mac\":\"{}\",\"first\":1,\"before\":\"\"}}", digits(&mac));
            let value = |text: String| [&[FORMAT_VERSION_LINEAGE], text.as_bytes()].concat();
            let mut batch = WriteBatch::new();
            batch.put(Tree::Governance, block_key(1), value(format!("[{}]", kept.join(","))));
            batch.put(Tree::Governance, [HEAD], value(head));
            audit.store.engine().commit(batch).unwrap();
        }
        let audit = Audit::open(&store(&folder)).unwrap();
        write(&audit, 4..6);
        let verdict = audit.verify().unwrap();
        assert_eq!((verdict.entries, verdict.last, verdict.broken), (5, 5, None));
        let read = audit.entries().unwrap();
        assert_eq!(read, (1..6).map(|at| (Some(at as u64), entry(at))).collect::<Vec<_>>());
        let (key, value) = blocks(&audit)[0].clone();
        let changed = String::from_utf8(value[1..].to_vec()).unwrap().replace("INSERT 2", "SELECT 2");
        let mut batch = WriteBatch::new();
        batch.put(Tree::Governance, key, [&value[..1], changed.as_bytes()].concat());
        audit.store.engine().commit(batch).unwrap();
        assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(2));
    }
}
