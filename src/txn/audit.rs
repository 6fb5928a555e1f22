//! The audit log: a chain of links, which are the entries of one commit or some others, each with a MAC over itself and the link before.
//!
//! Tree `Governance`:
//!
//! | key | value |
//! |---|---|
//! | 3, number | a [`Block`]: entries from that number on, in links with a MAC each |
//! | 4 | the [`Head`]: what comes next, the MAC of the last link, and where the log begins |
//! | 5 | the [`Rules`]: level and retention |
//! | 6, number | an [`Archived`]: which sealed file holds the blocks from that number on |
//!
//! A link's MAC is HMAC-SHA256 over the MAC before it, the number of its first entry and its bytes, under a key that is the
//! database's for life. What a transaction did is a link in the batch of its commit: if that is durable the entries are, too. When there
//! are many blocks of one link they become one block, by a later commit: most of them never reach the asset store. All else
//! (reads, refusals, logins, what was rolled back) waits in memory and is written a few times a second by a thread, the same thing of
//! the same connection as one entry with a count. The same thread moves old blocks into files, so that the asset store, which each
//! checkpoint writes out whole, holds a bounded part of the log. Where so much waits that it cannot be written, what must be logged is refused.
//!
//! Whoever has the disk alone can read nothing, forge nothing and take no entry out; to put the whole folder back to an earlier state is
//! seen by nobody who has not kept the head elsewhere. Whoever has the master key can write the chain anew: against him, too, only a
//! head that was kept elsewhere helps ([`Verdict::head`]).

use super::audit_block::{self, Block, Link};
use super::audit_file::{self, Archived};
use crate::catalog::{AuditAction, AuditEntry, AuditLevel, AuditState};
use crate::config::{
    AUDIT_BLOCK_ENTRIES_MAX, AUDIT_BLOCK_LINKS, AUDIT_FILE_BYTES, AUDIT_RETENTION_DEFAULT_MS, AUDIT_WAITING_MAX,
    FORMAT_VERSION_ARCHIVE, FORMAT_VERSION_LINEAGE, FORMAT_VERSION_SMALL,
};
use crate::crypto::{MacKey, Purpose};
use crate::encoding::{Key, from_value, hex, to_value_of, unhex};
use crate::error::{Error, Kind, Result};
use crate::storage::{FileId, FileKind, Store, Tree, WriteBatch};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: u8 = 3;
const HEAD: u8 = 4;
const RULES: u8 = 5;
const FILE: u8 = 6;

/// A MAC; none before the first entry.
pub type Mac = Option<[u8; 32]>;

/// The bytes of a MAC, and none of none.
fn bytes_of(mac: &Mac) -> &[u8] {
    mac.as_ref().map(<[u8; 32]>::as_slice).unwrap_or_default()
}

/// The digits of a MAC, and none of none.
fn digits(mac: &Mac) -> String {
    hex(bytes_of(mac))
}

/// The MAC of these digits.
pub fn mac_of(digits: &str) -> Result<Mac> {
    let malformed = || Error::new(Kind::Corruption, "a MAC of the audit log is none");
    match unhex(digits.as_bytes()) {
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
    /// Whether some of it lies in files, which a program that does not know of them would take for orphans.
    archived: bool,
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
        Self { next: 1, mac: None, first: 1, before: None, archived: false }
    }
}

impl Head {
    /// `version u8 = 10, or 13 where there are files | next u64 | first u64 | each MAC: 1 u8 and its bytes, or 0 u8`
    fn to_value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(83);
        value.push(if self.archived { FORMAT_VERSION_ARCHIVE } else { FORMAT_VERSION_SMALL });
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
        if let Some((&version @ (FORMAT_VERSION_SMALL | FORMAT_VERSION_ARCHIVE), rest)) = value.split_first() {
            let archived = version == FORMAT_VERSION_ARCHIVE;
            let read = |rest: &[u8]| -> Option<Self> {
                let (next, rest) = rest.split_first_chunk()?;
                let (first, rest) = rest.split_first_chunk()?;
                let (mac, rest) = split_mac(rest)?;
                let (before, rest) = split_mac(rest)?;
                let (next, first) = (u64::from_be_bytes(*next), u64::from_be_bytes(*first));
                rest.is_empty().then_some(Self { next, mac, first, before, archived })
            };
            return read(rest).ok_or_else(|| Error::new(Kind::Corruption, format!("{WHAT} cannot be decoded")));
        }
        let Written { next, mac, first, before } = from_value(WHAT, value)?;
        Ok(Self { next, mac: mac_of(&mac)?, first, before: mac_of(&before)?, archived: false })
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
    /// Held while the beginning of the log must stay where it is, or moves, or goes.
    retiring: Mutex<()>,
    /// Bytes of blocks in the asset store, about; none while nobody has counted.
    stored_bytes: Mutex<Option<u64>>,
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
    stored_bytes: &'a Mutex<Option<u64>>,
    /// They are in one block with all single ones.
    united: bool,
}

impl Appending<'_> {
    /// The batch is taken: what comes next follows its entries.
    pub fn done(mut self) {
        self.end.head = self.next;
        if let Some(bytes) = self.stored_bytes.lock().as_mut() {
            *bytes += self.added.iter().map(|link| link.bytes.len() as u64).sum::<u64>();
        }
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
            stored_bytes: Mutex::default(),
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
        Ok(Appending { end, next, added, stored_bytes: &self.stored_bytes, united })
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
        let mut gone = Vec::new();
        let archived = self.archived()?;
        let mut end = self.end.lock();
        let mut next = end.head.clone();
        for old in archived.iter().take_while(|one| one.last_us < oldest_us) {
            (next.first, next.before) = (old.next, old.mac);
            batch.delete(Tree::Governance, file_key(old.first));
            gone.push(old.file);
        }
        // Where a file stays, all behind it does.
        let blocks = match gone.len() == archived.len() {
            true => self.store.engine().scan(Tree::Governance, &[BLOCK])?,
            false => Vec::new(),
        };
        for (key, value) in blocks {
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
        gone.into_iter().try_for_each(|file| self.store.files().remove(file))?;
        Ok(removed)
    }

    /// Moves old blocks into files once there are enough of them in the asset store; gives how many files that were.
    pub fn archive(&self) -> Result<usize> {
        self.archive_by(AUDIT_FILE_BYTES)
    }

    /// As [`Self::archive`], with files of at least so many bytes.
    pub fn archive_by(&self, file_bytes: u64) -> Result<usize> {
        if self.stored_bytes.lock().is_some_and(|bytes| bytes < file_bytes) {
            return Ok(0);
        }
        let _alone = self.retiring.lock();
        // What becomes one block with others stays.
        let bound = {
            let end = self.end.lock();
            *self.stored_bytes.lock() = Some(0);
            end.single.first().map_or(end.head.next, |link| link.first)
        };
        let (mut blocks, mut bytes, mut files) = (Vec::new(), 0, 0);
        for (key, value) in self.store.engine().scan(Tree::Governance, &[BLOCK])? {
            let first = number_of(&key)?;
            if first >= bound {
                break;
            }
            bytes += value.len() as u64;
            blocks.push((first, value));
            if bytes >= file_bytes {
                self.put_away(&std::mem::take(&mut blocks))?;
                (bytes, files) = (0, files + 1);
            }
        }
        if let Some(since) = self.stored_bytes.lock().as_mut() {
            *since += bytes;
        }
        Ok(files)
    }

    /// Puts blocks into a file, and the file in their place, by one commit.
    fn put_away(&self, blocks: &[(u64, Vec<u8>)]) -> Result<()> {
        let bytes = audit_file::encode(blocks);
        let file = self.store.files().create(FileKind::Audit, 0, &bytes)?;
        let committed = Archived::of(file, blocks).and_then(|archived| {
            let mut batch = WriteBatch::new();
            blocks.iter().for_each(|(first, _)| batch.delete(Tree::Governance, block_key(*first)));
            batch.put(Tree::Governance, file_key(archived.first), archived.to_value());
            let mut end = self.end.lock();
            let head = Head { archived: true, ..end.head.clone() };
            batch.put(Tree::Governance, [HEAD], head.to_value());
            let ticket = self.store.engine().submit(batch)?;
            end.head = head;
            Ok(ticket)
        });
        match committed {
            Ok(ticket) => self.store.engine().settle(ticket),
            Err(error) => {
                self.store.files().discard(file)?;
                Err(error)
            }
        }
    }

    /// The files that hold the oldest blocks, in order.
    fn archived(&self) -> Result<Vec<Archived>> {
        let kept = self.store.engine().scan(Tree::Governance, &[FILE])?;
        kept.iter().map(|(key, value)| Archived::of_value(number_of(key)?, value)).collect()
    }

    /// The files of the log.
    pub fn files(&self) -> Result<Vec<FileId>> {
        Ok(self.archived()?.into_iter().map(|archived| archived.file).collect())
    }

    /// The blocks of a file, each with the number of its first entry.
    fn blocks_of(&self, archived: &Archived) -> Result<Vec<(u64, Vec<u8>)>> {
        audit_file::decode(&self.store.files().read(archived.file)?)
    }

    /// The blocks in the asset store.
    fn blocks(&self) -> Result<Vec<(u64, Vec<u8>)>> {
        let kept = self.store.engine().scan(Tree::Governance, &[BLOCK])?;
        kept.into_iter().map(|(key, value)| Ok((number_of(&key)?, value))).collect()
    }

    /// All entries that are kept, with their numbers, those that still wait last and without one.
    pub fn entries(&self) -> Result<Vec<(Option<u64>, AuditEntry)>> {
        let _alone = self.retiring.lock();
        let mut entries = Vec::new();
        let mut add = |blocks: Vec<(u64, Vec<u8>)>| -> Result<()> {
            blocks.into_iter().try_for_each(|(first, value)| {
                entries.extend((first..).map(Some).zip(Block::of_value(first, &value)?.entries()?));
                Ok(())
            })
        };
        self.archived()?.iter().try_for_each(|archived| add(self.blocks_of(archived)?))?;
        add(self.blocks()?)?;
        entries.extend(self.waiting.lock().iter().map(|entry| (None, entry.clone())));
        Ok(entries)
    }

    /// Computes the chain anew.
    pub fn verify(&self) -> Result<Verdict> {
        let _alone = self.retiring.lock();
        // Both of one moment: single blocks become one meanwhile.
        let (head, blocks) = {
            let end = self.end.lock();
            (end.head.clone(), self.blocks()?)
        };
        let (mut number, mut mac) = (head.first, head.before);
        let mut broken = None;
        for archived in self.archived()? {
            let old = self.blocks_of(&archived).map_err(|error| (number, error.to_string()));
            let followed = old.and_then(|blocks| self.follow_all(&mut mac, &mut number, &blocks));
            let whole = followed.and_then(|()| match number == archived.next {
                true => Ok(()),
                false => Err((number, format!("it is missing; its file goes on to {}", archived.next - 1))),
            });
            if let Err(found) = whole {
                broken = Some(found);
                break;
            }
        }
        if broken.is_none() {
            broken = self.follow_all(&mut mac, &mut number, &blocks).err();
        }
        if broken.is_none() && (number, &mac) != (head.next, &head.mac) {
            broken = Some((number, format!("it is missing; the log goes on to {}", head.next.saturating_sub(1))));
        }
        let reached = broken.as_ref().map_or(number, |(number, _)| *number);
        Ok(Verdict {
            entries: reached - head.first,
            first: head.first,
            last: head.next.saturating_sub(1),
            broken,
            head: digits(&head.mac),
        })
    }

    /// Follows the chain through blocks.
    fn follow_all(&self, mac: &mut Mac, number: &mut u64, blocks: &[(u64, Vec<u8>)]) -> Followed<()> {
        for (first, value) in blocks {
            if first != number {
                return Err((*number, format!("it is missing; the next one that is there is {first}")));
            }
            let block = Block::of_value(*first, value).map_err(|error| (*number, error.message().to_owned()))?;
            *number = self.follow(mac, *number, &block)?;
        }
        Ok(())
    }

    /// Follows the chain through a block; gives the number behind it, or the number of the first entry of what is broken, and how.
    fn follow(&self, mac: &mut Mac, first: u64, block: &Block) -> Followed<u64> {
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

/// Or the number of an entry from which on the chain is broken, and how.
type Followed<T> = std::result::Result<T, (u64, String)>;

fn file_key(first: u64) -> Vec<u8> {
    Key::new().byte(FILE).number(first).build()
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
mod tests;
