//! Key indexes: which row holds a key of a primary key or unique constraint.
//!
//! An index lives in memory, is built from the rows when first needed and follows every commit
//! ([`key_indexes`](super::key_indexes)). An entry may be stale (its row deleted since); who asks checks whether the row is
//! still live.
//!
//! Keys are known by 128 bits of a hash with a secret that each process draws: whatever the key is made of, an entry
//! takes 24 bytes, and two keys are never taken for one (the chance is 2^-64 for four billion keys, and nobody can
//! search for such a pair without the secret).

use super::hash::Hashes;
use super::segment::{RowId, row_id};
use super::snapshot::Snapshot;
use crate::catalog::{KeyConstraint, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

/// What stands for a key: equal for equal keys, within one run of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct KeyBytes(u64, u64);

impl KeyBytes {
    /// What stands for the key that these bytes are.
    fn of(key: &[u8]) -> Self {
        let (first, second) = &*SECRET;
        Self(first.hash_one(key), second.hash_one(key))
    }

    /// Half of it.
    pub fn hash(&self) -> u64 {
        self.0
    }
}

/// Rows by key.
pub type KeyMap = HashMap<KeyBytes, RowId, Hashes>;

/// The secret of this process.
static SECRET: LazyLock<(RandomState, RandomState)> = LazyLock::new(Default::default);

/// The rows of one constraint by key.
#[derive(Debug, Default)]
pub struct KeyIndex {
    rows: KeyMap,
}

impl KeyIndex {
    /// The row that last had this key.
    pub fn get(&self, key: &KeyBytes) -> Option<RowId> {
        self.rows.get(key).copied()
    }

    /// Notes keys with their rows.
    pub fn extend<'a>(&mut self, noted: impl Iterator<Item = (&'a KeyBytes, &'a RowId)>) {
        self.rows.extend(noted.map(|(key, row)| (*key, *row)));
    }

    /// Notes all of these keys at once if there is none yet, which none of them can hide; tells whether it did.
    pub fn begin(&mut self, noted: &KeyMap) -> bool {
        let empty = self.rows.is_empty();
        if empty {
            self.rows = noted.clone();
        }
        empty
    }

    /// Notes the keys of those rows of a segment that are live.
    pub fn add_live(&mut self, segment: u64, keys: &[Option<KeyBytes>], is_live: impl Fn(usize) -> bool) {
        let live = keys.iter().enumerate().filter(|(offset, _)| is_live(*offset));
        self.rows.extend(live.filter_map(|(offset, key)| Some(((*key)?, row_id(segment, offset)))));
    }

    /// Notes that a row has a key.
    pub fn insert(&mut self, key: KeyBytes, row: RowId) {
        self.rows.insert(key, row);
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        // The map keeps an eighth of its places free.
        self.rows.capacity() / 7 * 8 * ENTRY_BYTES
    }

    /// Bytes that an index of so many keys takes.
    pub fn bytes_of(keys: usize) -> usize {
        (keys / 7 * 8).next_power_of_two() * ENTRY_BYTES
    }
}

/// Bytes of a key with its row, and of the map's mark beside it.
const ENTRY_BYTES: usize = size_of::<(KeyBytes, RowId)>() + 1;

/// The keys of rows, none where a column of the key is NULL. `columns` are those of the constraint, in its order.
pub fn key_bytes(columns: &[ArrayRef]) -> Result<Vec<Option<KeyBytes>>> {
    Ok(bytes(columns)?.into_iter().map(|(key, null)| (!null).then_some(key)).collect())
}

/// As [`key_bytes`], for a constraint: one for which NULLs are equal has keys with NULL too.
pub fn bytes_of(key: &KeyConstraint, columns: &[ArrayRef]) -> Result<Vec<Option<KeyBytes>>> {
    Ok(bytes(columns)?.into_iter().map(|(bytes, null)| (!null || key.nulls_equal).then_some(bytes)).collect())
}

/// For each row its key, and whether a column of it is NULL.
fn bytes(columns: &[ArrayRef]) -> Result<Vec<(KeyBytes, bool)>> {
    if let [column] = columns
        && let Some(keys) = of_whole_numbers(column)
    {
        return Ok(keys);
    }
    let columns: Vec<ArrayRef> = columns.iter().map(one_of_each).collect();
    let columns = columns.as_slice();
    let internal = |e: arrow::error::ArrowError| Error::internal(format!("a key cannot be encoded: {e}"));
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let rows = RowConverter::new(fields).and_then(|converter| converter.convert_columns(columns)).map_err(internal)?;
    let count = columns.first().map_or(0, |column| column.len());
    let null = |n: usize| columns.iter().any(|column| column.is_null(n));
    Ok((0..count).map(|n| (KeyBytes::of(rows.row(n).as_ref()), null(n))).collect())
}

/// A column without what is equal and written in two ways: zero with a sign, and numbers that are none.
fn one_of_each(column: &ArrayRef) -> ArrayRef {
    // Adding zero takes its sign away.
    match column.data_type() {
        DataType::Float32 => {
            let one = |number: f32| if number.is_nan() { f32::NAN } else { number + 0.0 };
            Arc::new(column.as_primitive::<Float32Type>().unary::<_, Float32Type>(one))
        }
        DataType::Float64 => {
            let one = |number: f64| if number.is_nan() { f64::NAN } else { number + 0.0 };
            Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(one))
        }
        _ => column.clone(),
    }
}

/// The same of one column of whole numbers, which most keys are: its values are bytes as they are.
fn of_whole_numbers(column: &ArrayRef) -> Option<Vec<(KeyBytes, bool)>> {
    fn keys<T: ArrowPrimitiveType<Native: Into<i64>>>(column: &ArrayRef) -> Vec<(KeyBytes, bool)> {
        let key = |number: Option<T::Native>| match number {
            Some(number) => (KeyBytes::of(&Into::<i64>::into(number).to_ne_bytes()), false),
            None => (KeyBytes::of(&[]), true),
        };
        column.as_primitive::<T>().iter().map(key).collect()
    }
    match column.data_type() {
        DataType::Int16 => Some(keys::<Int16Type>(column)),
        DataType::Int32 => Some(keys::<Int32Type>(column)),
        DataType::Int64 => Some(keys::<Int64Type>(column)),
        _ => None,
    }
}

/// The error for a key that is there already, without saying which.
pub fn taken(table: &Table, key: &KeyConstraint) -> Error {
    let message = format!("duplicate key value violates unique constraint \"{}\"", key.name);
    Error::new(Kind::Unique, message).about_constraint(table.qualified(), &key.name)
}

/// The error for a key that is there already, as PostgreSQL words it.
pub fn duplicate(table: &Table, key: &KeyConstraint, columns: &[ArrayRef], row: usize) -> Error {
    taken(table, key).with_detail(format!("{} already exists.", named(table, key, columns, row)))
}

/// The error for a key that is there more than once when it is to be unique from now on.
pub fn duplicated(table: &Table, key: &KeyConstraint, columns: &[ArrayRef], row: usize) -> Error {
    Error::new(Kind::Unique, format!("could not create unique index \"{}\"", key.name))
        .with_detail(format!("{} is duplicated.", named(table, key, columns, row)))
        .about_constraint(table.qualified(), &key.name)
}

/// A key as a detail names it.
fn named(table: &Table, key: &KeyConstraint, columns: &[ArrayRef], row: usize) -> String {
    let names: Vec<&str> = key.columns.iter().map(|&c| table.columns[c].name.as_str()).collect();
    // The value is part of PostgreSQL's detail, but a column under a tag or mask may not be shown here.
    let guarded = key.columns.iter().any(|&c| !table.columns[c].tags.is_empty() || table.columns[c].mask.is_some());
    if guarded {
        return format!("Key ({})", names.join(", "));
    }
    let options = FormatOptions::default().with_null("null");
    let values: Vec<String> = columns
        .iter()
        .filter_map(|column| ArrayFormatter::try_new(column, &options).ok().map(|f| f.value(row).to_string()))
        .collect();
    format!("Key ({})=({})", names.join(", "), values.join(", "))
}

/// Whether a table's key of this name is the same in two states.
pub(super) fn same_key(before: &Snapshot, now: &Snapshot, table: ObjectId, key: &str) -> bool {
    let of = |snapshot: &Snapshot| {
        let table = snapshot.catalog.table_by_id(table)?;
        let key = table.key(key)?;
        let types = key.columns.iter().map(|&column| table.columns[column].data_type.clone());
        Some((key.columns.clone(), key.nulls_equal, types.collect::<Vec<_>>()))
    };
    of(before).is_some_and(|before| of(now) == Some(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    #[test]
    fn equal_keys_have_equal_bytes_and_null_has_none() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(1), None]));
        let b: ArrayRef = Arc::new(StringArray::from(vec!["x", "x", "y"]));
        let keys = key_bytes(&[a, b]).unwrap();
        assert_eq!(keys[0], keys[1]);
        assert!(keys[0].is_some() && keys[2].is_none());
        // Of one column, whole numbers or not: NULLs are equal to each other, where they count, and to nothing else.
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), None, Some(-1), Some(0), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("0"), None, Some("-1"), Some("0"), None]));
        for column in [numbers, texts] {
            let keys = key_bytes(std::slice::from_ref(&column)).unwrap();
            assert!(keys[0] == keys[3] && keys[0] != keys[2] && keys[1].is_none());
            let constraint = KeyConstraint { nulls_equal: true, ..KeyConstraint::default() };
            let keys = bytes_of(&constraint, &[column]).unwrap();
            assert!(keys[1].is_some() && keys[1] == keys[4] && keys[1] != keys[0] && keys[1] != keys[2]);
        }
    }
}
