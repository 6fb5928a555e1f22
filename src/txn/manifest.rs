//! The manifest: which segments a table has, as rows of the store.
//!
//! Tree `Manifest`, keys of numbers only:
//!
//! | key | value |
//! |---|---|
//! | 1, table, segment | [`SegmentRow`]: rows, bytes, sealed file if there is one, parts of classes |
//! | 2, table | the commit that last changed the table |
//! | 3, table, segment | offsets of deleted rows, a bit each |
//!
//! Bytes of segments without a file are in tree `Rows` under table, segment; of their parts under class, segment.

use super::parts::{Part, Parts};
use super::segment::{Deleted, FileRef, Location, Segment};
use super::snapshot::TableRows;
use crate::catalog::{Catalog, ObjectId};
use crate::config::{FORMAT_VERSION, FORMAT_VERSION_CLASSES};
use crate::encoding::{Key, from_value, to_value, to_value_of};
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
    /// Its parts, by class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartRow>,
}

/// What it says of the part of a class.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PartRow {
    class: ObjectId,
    columns: Vec<usize>,
    file: Option<u64>,
}

impl SegmentRow {
    fn of(segment: &Segment) -> Self {
        let id = |file: &Arc<FileRef>| file.id.as_u64();
        let part =
            |part: &Part| PartRow { class: part.class, columns: part.columns.clone(), file: part.file().map(id) };
        let parts = segment.parts().iter().map(part).collect();
        Self { rows: segment.rows, bytes: segment.bytes, file: segment.file().map(id), parts }
    }

    /// A program that does not know of parts must not take the segment for the whole.
    fn to_bytes(&self) -> Result<Vec<u8>> {
        to_value_of(if self.parts.is_empty() { FORMAT_VERSION } else { FORMAT_VERSION_CLASSES }, self)
    }
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
        let place = |file: Option<u64>| match file {
            Some(file) => Location::File(Arc::new(FileRef::committed(FileId::from_u64(file), files.clone()))),
            None => Location::Inline(Arc::default()),
        };
        let part = |part: PartRow| Part { class: part.class, columns: part.columns, location: place(part.file) };
        let parts = Parts::of(row.parts.into_iter().map(part).collect());
        let deleted = deleted.remove(&(table, id));
        let segment = Segment { id, rows: row.rows, bytes: row.bytes, location: place(row.file), parts, deleted };
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

/// Takes the bytes of a part out of tree `Rows`, if it is there.
fn delete_part(batch: &mut WriteBatch, segment: u64, part: &Part) {
    if matches!(part.location, Location::Inline(_)) {
        batch.delete(Tree::Rows, segment_key(part.class, segment));
    }
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
        gone.parts().iter().for_each(|part| delete_part(batch, gone.id, part));
    }
    for segment in &after.segments {
        let old = before.segment(segment.id);
        let has = |part: &Part| segment.parts().iter().any(|now| now.class == part.class);
        let erased: Vec<&Part> = old.iter().flat_map(|old| old.parts()).filter(|part| !has(part)).collect();
        erased.iter().for_each(|part| delete_part(batch, segment.id, part));
        if old.is_none() || !erased.is_empty() {
            let row = SegmentRow::of(segment).to_bytes()?;
            batch.put(Tree::Manifest, manifest_key(SEGMENT, table, segment.id), row);
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
