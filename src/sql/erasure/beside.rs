//! What is kept beside tables: rows that quality rules put aside, and repairs with the values of before.
//!
//! Rows in a quarantine are the subject's where they have its value, the key of a row that went, or refer to one. Repairs are kept by
//! the texts of keys: those of rows that went are known, and where the text of a value is longer than a few characters so are repairs
//! that have it.

use super::super::dml::{Target, Work, remove};
use super::super::repair::{key_text, stored};
use super::super::values::{first_unreadable, read};
use super::rows::Erased;
use crate::catalog::{Catalog, Class, Object, ObjectId, RepairsOf, Table};
use crate::encoding::pg_text::cell_text_of;
use crate::error::Result;
use crate::txn::{KeyBytes, RowId, Segment, Transaction, key_bytes, row_id, split_row_id};
use arrow::array::{ArrayRef, StringArray, UInt64Array};
use arrow::compute::{cast, concat, take};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A text of so many characters or more may be looked for within others.
pub const TELLING_CHARS_MIN: usize = 4;

/// Erases what is kept beside tables of which rows went; gives the rows that went, by the tables that kept them.
pub async fn erase(
    work: &Work<'_>,
    txn: &mut Transaction,
    erased: &Erased,
    subjects: &[String],
) -> Result<BTreeMap<ObjectId, Vec<RowId>>> {
    let catalog = work.context.snapshot.catalog.clone();
    let mut gone = BTreeMap::new();
    for (id, object) in catalog.class(Class::Relation) {
        let Object::Table(aside) = object else { continue };
        let (of, found) = match (&aside.quarantine_of, &aside.repairs_of) {
            (Some(of), _) => (*of, quarantined(work, txn, erased, subjects, (id, aside), *of)?),
            (_, Some(numbers)) => (numbers.table, repaired(work, txn, erased, subjects, (id, numbers))?),
            _ => continue,
        };
        if found.is_empty() {
            continue;
        }
        if let Some(table) = catalog.table_by_id(of) {
            work.context.must_own(table.owner, "table", &table.name)?;
        }
        let target = Target::of(id, Arc::new(aside.clone()));
        work.use_table(txn, &target).await?;
        remove(work, txn, &target, &found).await?;
        gone.insert(id, found);
    }
    Ok(gone)
}

/// The segment of a row, as it was before the statement or is now.
fn segment(work: &Work<'_>, txn: &Transaction, table: ObjectId, id: u64) -> Option<Arc<Segment>> {
    let before = work.context.snapshot.rows(table).segment(id).cloned();
    before.or_else(|| txn.snapshot().rows(table).segment(id).cloned())
}

/// Columns of the rows of a table that went.
fn old(
    work: &Work<'_>,
    txn: &Transaction,
    erased: &Erased,
    (id, table): (ObjectId, &Table),
    columns: &[usize],
) -> Result<Vec<ArrayRef>> {
    let mut by_segment: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for row in erased.removed.get(&id).into_iter().flatten() {
        let (segment, offset) = split_row_id(*row);
        by_segment.entry(segment).or_default().push(offset as u64);
    }
    let empty = |at: &usize| arrow::array::new_empty_array(&table.columns[*at].data_type.arrow());
    let mut pieces: Vec<Vec<ArrayRef>> = columns.iter().map(|at| vec![empty(at)]).collect();
    for (number, offsets) in by_segment {
        let Some(segment) = segment(work, txn, id, number) else { continue };
        let whole = work.context.database.manager.read(id, &segment, columns)?;
        let offsets = UInt64Array::from(offsets);
        for (pieces, column) in pieces.iter_mut().zip(whole) {
            let taken = take(&column, &offsets, None)?;
            let wanted = pieces[0].data_type().clone();
            pieces.push(if *taken.data_type() == wanted { taken } else { cast(&taken, &wanted)? });
        }
    }
    let whole = |pieces: &Vec<ArrayRef>| concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    Ok(pieces.iter().map(whole).collect::<std::result::Result<_, _>>()?)
}

/// What tells rows in a quarantine: columns of it, the types to compare in, and the keys.
struct Sign {
    columns: Vec<usize>,
    types: Vec<arrow::datatypes::DataType>,
    keys: HashSet<KeyBytes>,
}

/// Rows in the quarantine of a table that are the subject's.
fn quarantined(
    work: &Work<'_>,
    txn: &Transaction,
    erased: &Erased,
    subjects: &[String],
    (id, aside): (ObjectId, &Table),
    of: ObjectId,
) -> Result<Vec<RowId>> {
    let catalog = &work.context.snapshot.catalog;
    let Some(table) = catalog.table_by_id(of) else { return Ok(Vec::new()) };
    let mut signs = Vec::new();
    let mut sign = |names: Vec<&str>, keys: &[ArrayRef]| -> Result<()> {
        let columns: Option<Vec<usize>> = names.iter().map(|name| aside.column_index(name)).collect();
        let keys_of: HashSet<KeyBytes> = key_bytes(keys)?.into_iter().flatten().collect();
        if let Some(columns) = columns.filter(|_| !keys_of.is_empty()) {
            let types = keys.iter().map(|key| key.data_type().clone()).collect();
            signs.push(Sign { columns, types, keys: keys_of });
        }
        Ok(())
    };
    for held in erased.reach.columns.iter().filter(|held| held.id == of) {
        let Some(column) = table.column_index(&held.column).map(|at| &table.columns[at]) else { continue };
        let texts = StringArray::from_iter_values(subjects);
        if first_unreadable(&texts, &column.data_type).is_none() {
            sign(vec![held.column.as_str()], &[read(&texts, &column.data_type)?])?;
        }
    }
    let names = |table: &'_ Table, columns: &[usize]| -> Vec<String> {
        columns.iter().map(|at| table.columns[*at].name.clone()).collect()
    };
    if erased.removed.contains_key(&of) {
        for key in &table.keys {
            let named = names(table, &key.columns);
            sign(named.iter().map(String::as_str).collect(), &old(work, txn, erased, (of, table), &key.columns)?)?;
        }
    }
    for key in &table.foreign_keys {
        let parent = catalog.table_by_id(key.table).filter(|_| erased.removed.contains_key(&key.table));
        let Some((parent, referred)) = parent.and_then(|parent| Some((parent, parent.key(&key.key)?))) else {
            continue;
        };
        let named = names(table, &key.columns);
        let keys = old(work, txn, erased, (key.table, parent), &referred.columns)?;
        sign(named.iter().map(String::as_str).collect(), &keys)?;
    }
    let mut found = Vec::new();
    for segment in txn.snapshot().rows(id).segments.iter().filter(|_| !signs.is_empty()) {
        work.context.cancel.check()?;
        for sign in &signs {
            let read = work.context.database.manager.read(id, segment, &sign.columns)?;
            let typed = read.iter().zip(&sign.types).map(|(column, of)| cast(column, of));
            let keys = key_bytes(&typed.collect::<std::result::Result<Vec<_>, _>>()?)?;
            let is = |key: &Option<KeyBytes>| key.as_ref().is_some_and(|key| sign.keys.contains(key));
            let rows = keys.iter().enumerate().filter(|(row, key)| is(key) && !segment.is_deleted(*row));
            found.extend(rows.map(|(row, _)| row_id(segment.id, row)));
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Rows of the table that keeps the repairs of another which are of the subject.
fn repaired(
    work: &Work<'_>,
    txn: &Transaction,
    erased: &Erased,
    subjects: &[String],
    (id, numbers): (ObjectId, &RepairsOf),
) -> Result<Vec<RowId>> {
    let looked_at = erased.reach.columns.iter().any(|held| held.id == numbers.table);
    if !looked_at && !erased.removed.contains_key(&numbers.table) {
        return Ok(Vec::new());
    }
    let all = stored::with_ids(work.context, txn.snapshot(), id)?;
    let mut keys: BTreeMap<&[usize], HashSet<String>> = BTreeMap::new();
    for (_, stored) in &all {
        if !keys.contains_key(stored.key_columns.as_slice()) {
            let texts = key_texts(work, txn, erased, &work.context.snapshot.catalog, numbers, &stored.key_columns)?;
            keys.insert(&stored.key_columns, texts);
        }
    }
    let has =
        |text: &Option<String>| text.as_deref().is_some_and(|text| subjects.iter().any(|value| tells(text, value)));
    let mut batches: HashSet<&str> = HashSet::new();
    for (_, stored) in &all {
        let of_row = stored
            .row_key
            .as_ref()
            .is_some_and(|key| keys.get(stored.key_columns.as_slice()).is_some_and(|keys| keys.contains(key)));
        if of_row || has(&stored.row_key) || has(&stored.old) || has(&stored.new) {
            batches.insert(&stored.id);
        }
    }
    // That one was undone goes with it.
    Ok(all.iter().filter(|(_, stored)| batches.contains(stored.id.as_str())).map(|(row, _)| *row).collect())
}

/// Whether a text has a value in it.
pub fn tells(text: &str, value: &str) -> bool {
    match value.chars().count() >= TELLING_CHARS_MIN {
        true => text.contains(value),
        false => text.trim() == value,
    }
}

/// The texts of keys of rows that went, by these numbers of columns.
fn key_texts(
    work: &Work<'_>,
    txn: &Transaction,
    erased: &Erased,
    catalog: &Catalog,
    numbers: &RepairsOf,
    key: &[usize],
) -> Result<HashSet<String>> {
    let Some(table) = catalog.table_by_id(numbers.table) else { return Ok(HashSet::new()) };
    let named: Option<Vec<(&str, usize)>> = key
        .iter()
        .map(|number| numbers.column(*number).and_then(|name| Some((name, table.column_index(name)?))))
        .collect();
    let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(HashSet::new()) };
    let places: Vec<usize> = named.iter().map(|(_, at)| *at).collect();
    let columns = old(work, txn, erased, (numbers.table, table), &places)?;
    let rows = columns.first().map_or(0, |column| column.len());
    let text = |n: usize, row: usize| {
        let column = &table.columns[places[n]];
        cell_text_of(&column.data_type.field(&column.name), columns[n].as_ref(), row)
    };
    let of = |row: usize| {
        let values: Vec<Option<String>> = (0..named.len()).map(|n| text(n, row)).collect();
        key_text(named.iter().map(|(name, _)| *name).zip(values.iter().map(Option::as_deref)))
    };
    Ok((0..rows).filter_map(of).collect())
}
