//! Blocks of the audit log as bytes: links of the chain, each the entries of one commit or some of what waited.
//!
//! ```text
//! version u8 = 10 | for each link:  MAC 32 | bytes | entries: count | each entry
//!
//! entry   same u8          a bit for each group of fields that is that of the entry before: 1 who, 2 command, 4 fingerprint, 8 objects
//!         microseconds since 1970 i64 | action u8 | state u8 | statement | rows | times | sqlstate
//!         who: login, name, name of the role, pid, client | command | fingerprint | objects: count | name, columns, masked ones
//! ```
//!
//! Numbers are LEB128, texts their length and their bytes; what may be absent has a byte before it that says so. Blocks of version 9 are
//! JSON, and each of their entries has a MAC of its own.

use super::audit::Mac;
use crate::catalog::{AuditAction, AuditEntry, AuditObject, AuditState, StatementId};
use crate::config::FORMAT_VERSION_SMALL;
use crate::encoding::from_value;
use crate::error::{Error, Kind, Result};
use serde::Deserialize;

const WHO: u8 = 1;
const COMMAND: u8 = 2;
const FINGERPRINT: u8 = 4;
const OBJECTS: u8 = 8;

/// Entries under one MAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The number of the first of them.
    pub first: u64,
    /// How many they are.
    pub count: u64,
    /// Their MAC.
    pub mac: [u8; 32],
    /// They themselves.
    pub bytes: Vec<u8>,
}

/// A block as it is kept.
pub enum Block {
    /// Links one after another.
    Links(Vec<Link>),
    /// Entries as JSON, a MAC for each.
    Each(Vec<(Box<str>, Mac)>),
}

/// An entry of version 9.
#[derive(Deserialize)]
struct Kept {
    #[serde(rename = "e")]
    entry: Box<serde_json::value::RawValue>,
    #[serde(rename = "m")]
    mac: String,
}

impl Block {
    /// The value of a block of these links.
    pub fn to_value<'a>(links: impl IntoIterator<Item = &'a Link>) -> Vec<u8> {
        let mut value = vec![FORMAT_VERSION_SMALL];
        for link in links {
            value.extend(link.mac);
            put_number(&mut value, link.bytes.len() as u64);
            value.extend_from_slice(&link.bytes);
        }
        value
    }

    /// The block that a value is, whose first entry has this number.
    pub fn of_value(first: u64, value: &[u8]) -> Result<Self> {
        if let Some((&FORMAT_VERSION_SMALL, rest)) = value.split_first() {
            return links(first, rest).map(Self::Links).ok_or_else(damaged);
        }
        let kept: Vec<Kept> = from_value("a block of the audit log", value)?;
        let kept = kept.into_iter().map(|kept| Ok((kept.entry.get().into(), super::audit::mac_of(&kept.mac)?)));
        kept.collect::<Result<_>>().map(Self::Each)
    }

    /// The MAC that the next block goes on from.
    pub fn last_mac(&self) -> Mac {
        match self {
            Self::Links(links) => links.last().map(|link| link.mac),
            Self::Each(kept) => kept.last().and_then(|(_, mac)| *mac),
        }
    }

    /// Its entries.
    pub fn entries(&self) -> Result<Vec<AuditEntry>> {
        match self {
            Self::Links(links) => {
                let mut all = Vec::new();
                for link in links {
                    all.extend(decode(&link.bytes).ok_or_else(damaged)?);
                }
                Ok(all)
            }
            Self::Each(kept) => {
                kept.iter().map(|(entry, _)| serde_json::from_str(entry).map_err(|_| damaged())).collect()
            }
        }
    }
}

fn links(mut first: u64, value: &[u8]) -> Option<Vec<Link>> {
    let (mut rest, mut links) = (Rest(value), Vec::new());
    while !rest.0.is_empty() {
        let mac = rest.array()?;
        let length = usize::try_from(rest.number()?).ok()?;
        let bytes = rest.take(length)?.to_vec();
        let count = Rest(&bytes).number()?;
        links.push(Link { first, count, mac, bytes });
        first = first.checked_add(count)?;
    }
    Some(links)
}

fn damaged() -> Error {
    Error::new(Kind::Corruption, "a block of the audit log cannot be decoded")
}

/// The bytes of entries.
pub fn encode(entries: &[AuditEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 * entries.len().min(4) + 40 * entries.len());
    put_number(&mut out, entries.len() as u64);
    let mut before: Option<&AuditEntry> = None;
    for entry in entries {
        let is = |same: fn(&AuditEntry, &AuditEntry) -> bool, bit: u8| match before {
            Some(before) if same(before, entry) => bit,
            _ => 0,
        };
        let same = is(same_who, WHO)
            | is(|a, b| a.command == b.command, COMMAND)
            | is(|a, b| a.fingerprint == b.fingerprint, FINGERPRINT)
            | is(|a, b| a.objects == b.objects, OBJECTS);
        put(&mut out, entry, same);
        before = Some(entry);
    }
    out
}

fn same_who(a: &AuditEntry, b: &AuditEntry) -> bool {
    (a.login, &a.login_name, &a.role_name, a.pid, &a.client) == (b.login, &b.login_name, &b.role_name, b.pid, &b.client)
}

fn put(out: &mut Vec<u8>, entry: &AuditEntry, same: u8) {
    out.push(same);
    out.extend(entry.at_us.to_be_bytes());
    out.extend([entry.action.number(), entry.state.number()]);
    put_option(out, entry.statement.as_ref(), |out, id| out.extend(id.0));
    put_option(out, entry.rows.as_ref(), |out, rows| put_number(out, *rows));
    put_number(out, entry.times);
    put_option(out, entry.sqlstate.as_ref(), |out, sqlstate| put_text(out, sqlstate));
    if same & WHO == 0 {
        put_number(out, entry.login);
        put_text(out, &entry.login_name);
        put_text(out, &entry.role_name);
        put_option(out, entry.pid.as_ref(), |out, pid| out.extend(pid.to_be_bytes()));
        put_option(out, entry.client.as_ref(), |out, client| put_text(out, client));
    }
    if same & COMMAND == 0 {
        put_text(out, &entry.command);
    }
    if same & FINGERPRINT == 0 {
        put_option(out, entry.fingerprint.as_ref(), |out, fingerprint| put_text(out, fingerprint));
    }
    if same & OBJECTS == 0 {
        put_number(out, entry.objects.len() as u64);
        for object in &entry.objects {
            put_text(out, &object.name);
            for columns in [&object.columns, &object.masked] {
                put_number(out, columns.len() as u64);
                columns.iter().for_each(|column| put_text(out, column));
            }
        }
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<&T>, put: impl FnOnce(&mut Vec<u8>, &T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

fn decode(bytes: &[u8]) -> Option<Vec<AuditEntry>> {
    let mut rest = Rest(bytes);
    let mut entries: Vec<AuditEntry> = Vec::new();
    for _ in 0..rest.number()? {
        let entry = rest.entry(entries.last())?;
        entries.push(entry);
    }
    rest.0.is_empty().then_some(entries)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn entry(&mut self, before: Option<&AuditEntry>) -> Option<AuditEntry> {
        let same = self.byte()?;
        let at_us = i64::from_be_bytes(self.array()?);
        let (action, state) = (AuditAction::from_number(self.byte()?)?, AuditState::from_number(self.byte()?)?);
        let statement = self.option(|rest| rest.array().map(StatementId))?;
        let rows = self.option(Self::number)?;
        let times = self.number()?;
        let sqlstate = self.option(Self::text)?;
        let (login, login_name, role_name, pid, client) = match same & WHO {
            0 => {
                let (login, login_name, role_name) = (self.number()?, self.text()?, self.text()?);
                let pid = self.option(|rest| rest.array().map(i32::from_be_bytes))?;
                (login, login_name, role_name, pid, self.option(Self::text)?)
            }
            _ => {
                let AuditEntry { login, login_name, role_name, pid, client, .. } = before?.clone();
                (login, login_name, role_name, pid, client)
            }
        };
        let command = if same & COMMAND == 0 { self.text()? } else { before?.command.clone() };
        let fingerprint = if same & FINGERPRINT == 0 { self.option(Self::text)? } else { before?.fingerprint.clone() };
        let objects = match same & OBJECTS {
            0 => (0..self.number()?).map(|_| self.object()).collect::<Option<_>>()?,
            _ => before?.objects.clone(),
        };
        Some(AuditEntry {
            at_us,
            action,
            state,
            login,
            login_name,
            role_name,
            pid,
            client,
            statement,
            command,
            fingerprint,
            objects,
            rows,
            sqlstate,
            times,
        })
    }

    fn object(&mut self) -> Option<AuditObject> {
        let name = self.text()?;
        let mut texts = || (0..self.number()?).map(|_| self.text()).collect::<Option<Vec<_>>>();
        let (columns, masked) = (texts()?, texts()?);
        Some(AuditObject { name, columns, masked })
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: i64) -> AuditEntry {
        let some = number % 3 > 0;
        AuditEntry {
            at_us: 1_700_000_000_000_000 + number,
            action: if some { AuditAction::Write } else { AuditAction::Audit },
            state: AuditState::RolledBack,
            login: 300,
            login_name: "ann".to_owned(),
            role_name: format!("role {}", number / 4),
            pid: some.then_some(-7),
            client: some.then(|| "127.0.0.1".to_owned()),
            statement: some.then_some(StatementId([number as u8; 16])),
            command: "INSERT".to_owned(),
            fingerprint: some.then(|| "0123456789abcdef".to_owned()),
            objects: (0..number % 5)
                .map(|n| AuditObject {
                    name: format!("table public.t{n}"),
                    columns: vec!["电话".to_owned(); n as usize],
                    masked: vec!["phone".to_owned()],
                })
                .collect(),
            rows: some.then_some(number as u64 * 1_000_000_007),
            sqlstate: (!some).then(|| "42501".to_owned()),
            times: number as u64 + 1,
        }
    }

    #[test]
    fn entries_come_back_and_cut_ones_do_not() {
        for count in [0, 1, 2, 40] {
            let entries: Vec<AuditEntry> = (0..count).map(entry).collect();
            let bytes = encode(&entries);
            assert_eq!(decode(&bytes).unwrap(), entries);
            assert!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_none()));
            assert!(decode(&[bytes.as_slice(), &[0]].concat()).is_none());
        }
    }

    #[test]
    fn links_come_back_with_their_numbers() {
        let link = |first: u64, count: i64| {
            let entries: Vec<AuditEntry> = (0..count).map(|n| entry(first as i64 + n)).collect();
            Link { first, count: count as u64, mac: [first as u8; 32], bytes: encode(&entries) }
        };
        let all = [link(7, 1), link(8, 3), link(11, 1)];
        let value = Block::to_value(&all);
        let block = Block::of_value(7, &value).unwrap();
        assert_eq!((block.last_mac(), block.entries().unwrap().len()), (Some([11; 32]), 5));
        assert!(matches!(block, Block::Links(links) if links == all));
        assert!(Block::of_value(7, &value[..value.len() - 1]).is_err());
    }

    #[test]
    fn what_is_as_before_takes_no_room() {
        let entries: Vec<AuditEntry> = (0..20).map(|at_us| AuditEntry { at_us, ..entry(1) }).collect();
        let (one, all) = (encode(&entries[..1]).len(), encode(&entries).len());
        assert!(all < one + 19 * 48, "{one} {all}");
    }
}
