//! The manifest: which segments a table has, as rows of the store.
//!
//! Tree `Manifest`, keys of numbers only:
//!
//! | key | value |
//! |---|---|
//! | 1, table, segment | [`SegmentRow`]: rows, bytes, sealed file if there is one, parts of classes |
//! | 2, table | the commit that last changed the table |
//! | 3, table, segment | offsets of rows that are deleted since the segment is there, a bit each |
//! | 4, table, segment, block | offsets of rows deleted later, within a block of 4096 |
//!
//! Bytes of segments without a file are in tree `Rows` under table, segment; of their parts under class, segment.

use super::parts::{Part, Parts};
use super::segment::{Deleted, FileRef, Location, Segment};
use super::snapshot::TableRows;
use crate::catalog::{Catalog, ObjectId};
use crate::config::{FORMAT_VERSION, FORMAT_VERSION_CLASSES, FORMAT_VERSION_SMALL};
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
const DELETED_BLOCK: u8 = 4;

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

    /// A program that does not know of parts must not take the segment for the whole, and one that does not know how small ones are
    /// written would take them for damaged.
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let version = match (self.file, self.parts.is_empty()) {
            (None, _) => FORMAT_VERSION_SMALL,
            (Some(_), false) => FORMAT_VERSION_CLASSES,
            (Some(_), true) => FORMAT_VERSION,
        };
        to_value_of(version, self)
    }
}

/// The key of an inline segment in tree `Rows`.
pub fn segment_key(table: ObjectId, segment: u64) -> Vec<u8> {
    Key::new().number(table).number(segment).build()
}

fn manifest_key(kind: u8, table: ObjectId, segment: u64) -> Vec<u8> {
    Key::new().byte(kind).number(table).number(segment).build()
}

fn block_key(table: ObjectId, segment: u64, block: u64) -> Vec<u8> {
    Key::new().byte(DELETED_BLOCK).number(table).number(segment).number(block).build()
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
        deleted.insert(split(&key)?, Deleted::from_bytes(&value));
    }
    for (key, value) in engine.scan(Tree::Manifest, &[DELETED_BLOCK])? {
        let block = id_of(key.get(17..).unwrap_or_default())?;
        deleted.entry(split(&key)?).or_default().add_block(block, &value);
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
        let deleted = deleted.remove(&(table, id)).map(Arc::new);
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

fn delete_segment(batch: &mut WriteBatch, table: ObjectId, gone: &Segment) {
    batch.delete(Tree::Manifest, manifest_key(SEGMENT, table, gone.id));
    if let Some(deleted) = &gone.deleted {
        batch.delete(Tree::Manifest, manifest_key(DELETED, table, gone.id));
        for (block, _) in deleted.blocks_since(&Deleted::default()) {
            batch.delete(Tree::Manifest, block_key(table, gone.id, block));
        }
    }
    if matches!(gone.location, Location::Inline(_)) {
        batch.delete(Tree::Rows, segment_key(table, gone.id));
    }
    gone.parts().iter().for_each(|part| delete_part(batch, gone.id, part));
}

/// Writes a segment that is new, or not what it was; tells whether anything of it is in blocks of deleted rows.
fn put_segment(batch: &mut WriteBatch, table: ObjectId, old: Option<&Arc<Segment>>, segment: &Segment) -> Result<bool> {
    let has = |part: &Part| segment.parts().iter().any(|now| now.class == part.class);
    let erased: Vec<&Part> = old.iter().flat_map(|old| old.parts()).filter(|part| !has(part)).collect();
    erased.iter().for_each(|part| delete_part(batch, segment.id, part));
    if old.is_none() || !erased.is_empty() {
        let row = SegmentRow::of(segment).to_bytes()?;
        batch.put(Tree::Manifest, manifest_key(SEGMENT, table, segment.id), row);
    }
    let mut in_blocks = false;
    match (&segment.deleted, old) {
        (Some(deleted), None) => {
            batch.put(Tree::Manifest, manifest_key(DELETED, table, segment.id), deleted.to_bytes());
        }
        // Rows are only ever deleted.
        (Some(deleted), Some(old)) if old.deleted.as_ref().is_none_or(|old| !Arc::ptr_eq(old, deleted)) => {
            let none = Deleted::default();
            for (block, bytes) in deleted.blocks_since(old.deleted.as_deref().unwrap_or(&none)) {
                batch.put(Tree::Manifest, block_key(table, segment.id, block), bytes);
                in_blocks = true;
            }
        }
        _ => {}
    }
    Ok(in_blocks)
}

/// Writes what differs between two states of a table's rows; tells whether anything is in blocks of deleted rows, of which not
/// every program knows.
pub fn write_difference(
    batch: &mut WriteBatch,
    table: ObjectId,
    before: &TableRows,
    after: &TableRows,
) -> Result<bool> {
    let mut in_blocks = false;
    for (old, new) in before.changes(after) {
        match (old, new) {
            (Some(gone), None) => delete_segment(batch, table, gone),
            (old, Some(segment)) => in_blocks |= put_segment(batch, table, old, segment)?,
            (None, None) => {}
        }
    }
    let changed = Key::new().byte(CHANGED).number(table).build();
    match after.segments.is_empty() && after.changed == 0 {
        true => batch.delete(Tree::Manifest, changed),
        false => batch.put(Tree::Manifest, changed, to_value(&after.changed)?),
    }
    Ok(in_blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, FIRST_USER_ID, Object, SqlType, Table};
    use crate::config::FORMAT_VERSION_BLOCKS;
    use crate::crypto::{KeySource, MasterKey};
    use crate::storage::Store;
    use crate::txn::segment::{batch, row_id};
    use crate::txn::{Manager, RowId};
    use arrow::array::{ArrayRef, Int64Array};

    const TABLE: ObjectId = FIRST_USER_ID + 100;
    const ROWS: usize = 20_000;

    /// Who deletes a row writes its block, and not all that are deleted; both come back, and go with the segment. A program that
    /// does not know of blocks refuses the store from the first one on.
    #[test]
    fn deleted_rows_come_back_block_by_block() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let open = || Manager::open(Arc::new(Store::open(folder.path(), &key).unwrap())).unwrap();
        let kept = |manager: &Manager, kind: u8| manager.store().engine().scan(Tree::Manifest, &[kind]).unwrap();
        let version = |manager: &Manager| manager.store().engine().get(Tree::Sys, STATE_KEY).unwrap().unwrap()[0];
        let delete = |manager: &Manager, rows: &[RowId]| {
            let mut txn = manager.begin(false);
            assert_eq!(txn.delete_rows(TABLE, rows).unwrap(), rows.len());
            manager.commit(txn).unwrap();
        };
        let gone = [1, 2 * 4096, 2 * 4096 + 1, ROWS - 1];
        let segment;
        {
            let manager = open();
            let facts = Table { columns: vec![Column::new("id", SqlType::Int8)], ..Table::new("public", "t", 1) };
            let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS as i64));
            let rows = batch(facts.arrow_schema(), vec![ids], ROWS).unwrap();
            let mut txn = manager.begin(false);
            txn.put_object(TABLE, Object::Table(facts)).unwrap();
            manager.append(&mut txn, TABLE, &rows).unwrap();
            manager.commit(txn).unwrap();
            segment = manager.current().rows(TABLE).segments[0].id;
            assert_eq!(version(&manager), FORMAT_VERSION);
            gone.iter().for_each(|&offset| delete(&manager, &[row_id(segment, offset)]));
            let blocks = kept(&manager, DELETED_BLOCK);
            assert!(blocks.len() == 3 && blocks.iter().all(|(_, bytes)| bytes.len() <= 512));
            assert!(kept(&manager, DELETED).is_empty());
            assert_eq!(version(&manager), FORMAT_VERSION_BLOCKS);
        }
        let manager = open();
        let rows = manager.current().rows(TABLE);
        assert_eq!(rows.live_rows(), ROWS - gone.len());
        assert!((0..ROWS).all(|offset| rows.is_live(row_id(segment, offset)) != gone.contains(&offset)));
        let rest: Vec<RowId> = (0..ROWS).map(|n| row_id(segment, n)).filter(|row| rows.is_live(*row)).collect();
        delete(&manager, &rest);
        assert!([SEGMENT, DELETED, DELETED_BLOCK].into_iter().all(|kind| kept(&manager, kind).is_empty()));
        assert_eq!(version(&manager), FORMAT_VERSION_BLOCKS);
    }
}
