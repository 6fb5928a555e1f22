//! The manifest: which segments a table has, as rows of the store.
//!
//! Tree `Manifest`, keys of numbers only:
//!
//! | key | value |
//! |---|---|
//! | 1, table, segment | [`SegmentRow`]: rows, bytes, sealed file if there is one |
//! | 2, table | the commit that last changed the table |
//! | 3, table, segment | offsets of deleted rows, a bit each |
//!
//! Bytes of segments without a file are in tree `Rows` under table, segment.

use super::segment::{Deleted, FileRef, Location, Segment};
use super::snapshot::TableRows;
use crate::catalog::{Catalog, ObjectId};
use crate::encoding::{Key, from_value, to_value};
use crate::error::{Error, Kind, Result};
use crate::storage::{Engine, FileId, Files, Tree, WriteBatch};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Key in tree `Sys` of the last commit's number and the next free id.
pub const STATE_KEY: &[u8] = b"state";

const SEGMENT: u8 = 1;
const CHANGED: u8 = 2;
const DELETED: u8 = 3;

/// What the manifest says of one segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SegmentRow {
    rows: usize,
    bytes: u64,
    file: Option<u64>,
}

/// The key of an inline segment in tree `Rows`.
pub fn segment_key(table: ObjectId, segment: u64) -> Vec<u8> {
    Key::new().number(table).number(segment).build()
}

fn manifest_key(kind: u8, table: ObjectId, segment: u64) -> Vec<u8> {
    Key::new().byte(kind).number(table).number(segment).build()
}

/// The number that a key starts with.
pub fn id_of(key: &[u8]) -> Result<u64> {
    key.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(malformed)
}

fn malformed() -> Error {
    Error::new(Kind::Corruption, "a key of the catalogue or the manifest has the wrong length")
}

/// Every object of the catalogue.
pub fn load_catalog(engine: &dyn Engine) -> Result<Catalog> {
    let mut catalog = Catalog::default();
    for (key, value) in engine.scan(Tree::Catalog, &[])? {
        let id = id_of(&key)?;
        catalog.put(id, Arc::new(from_value(&format!("catalogue object {id}"), &value)?));
    }
    Ok(catalog)
}

/// The rows of every table.
pub fn load(engine: &dyn Engine, files: &Arc<Files>) -> Result<HashMap<ObjectId, Arc<TableRows>>> {
    let mut tables: HashMap<ObjectId, TableRows> = HashMap::new();
    let mut deleted = HashMap::new();
    for (key, value) in engine.scan(Tree::Manifest, &[DELETED])? {
        let (table, segment) = split(&key)?;
        deleted.insert((table, segment), Arc::new(Deleted::from_bytes(&value)));
    }
    for (key, value) in engine.scan(Tree::Manifest, &[SEGMENT])? {
        let (table, id) = split(&key)?;
        let row: SegmentRow = from_value(&format!("the manifest of segment {id}"), &value)?;
        let location = match row.file {
            Some(file) => Location::File(Arc::new(FileRef::committed(FileId::from_u64(file), files.clone()))),
            None => Location::Inline(Arc::default()),
        };
        let deleted = deleted.remove(&(table, id));
        let segment = Segment { id, rows: row.rows, bytes: row.bytes, location, deleted };
        tables.entry(table).or_default().segments.push(Arc::new(segment));
    }
    for (key, value) in engine.scan(Tree::Manifest, &[CHANGED])? {
        let table = id_of(key.get(1..).unwrap_or_default())?;
        tables.entry(table).or_default().changed = from_value("the manifest of a table", &value)?;
    }
    Ok(tables.into_iter().map(|(table, rows)| (table, Arc::new(rows))).collect())
}

fn split(key: &[u8]) -> Result<(ObjectId, u64)> {
    Ok((id_of(key.get(1..).unwrap_or_default())?, id_of(key.get(9..).unwrap_or_default())?))
}

/// Writes what differs between two states of a table's rows.
pub fn write_difference(batch: &mut WriteBatch, table: ObjectId, before: &TableRows, after: &TableRows) -> Result<()> {
    for gone in before.segments.iter().filter(|s| after.segment(s.id).is_none()) {
        batch.delete(Tree::Manifest, manifest_key(SEGMENT, table, gone.id));
        if gone.deleted.is_some() {
            batch.delete(Tree::Manifest, manifest_key(DELETED, table, gone.id));
        }
        if matches!(gone.location, Location::Inline(_)) {
            batch.delete(Tree::Rows, segment_key(table, gone.id));
        }
    }
    for segment in &after.segments {
        let old = before.segment(segment.id);
        if old.is_none() {
            let file = segment.file().map(|file| file.id.as_u64());
            let row = SegmentRow { rows: segment.rows, bytes: segment.bytes, file };
            batch.put(Tree::Manifest, manifest_key(SEGMENT, table, segment.id), to_value(&row)?);
        }
        if let Some(deleted) = &segment.deleted
            && old.and_then(|old| old.deleted.as_ref()) != Some(deleted)
        {
            batch.put(Tree::Manifest, manifest_key(DELETED, table, segment.id), deleted.to_bytes());
        }
    }
    let changed = Key::new().byte(CHANGED).number(table).build();
    match after.segments.is_empty() && after.changed == 0 {
        true => batch.delete(Tree::Manifest, changed),
        false => batch.put(Tree::Manifest, changed, to_value(&after.changed)?),
    }
    Ok(())
}
