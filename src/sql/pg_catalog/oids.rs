//! OIDs: which number is whose.
//!
//! As in PostgreSQL a number means one thing within one relation of the catalogue (`pg_class`, `pg_type`, ...), not in all.
//!
//! | numbers | whose |
//! |---|---|
//! | below 14 000 | PostgreSQL's own, with its numbers |
//! | from [`STEWARD`] | what Steward brings along: schema `steward`, its views, its functions, its access method |
//! | from [`FIRST_USER_ID`] | objects by their ids, which are kept and never used again: schemas, tables, views, indexes that are no keys, sequences, roles, policies; the row type of a relation and the rule of a view have the relation's number |
//! | from [`DERIVED`] | what has no id of its own, from its object's id and its place in it |
//!
//! What is derived is the same after a restart, and in every session; it changes where something before it in the same
//! object is dropped. An object whose id leaves no room for the parts (after some tens of millions of objects) shows none.

use crate::catalog::{FIRST_USER_ID, ObjectId};

/// Schema `pg_catalog`.
pub const PG_CATALOG: u32 = 11;
/// Schema `information_schema`.
pub const INFORMATION_SCHEMA: u32 = 13207;
/// Schema `steward`.
pub const STEWARD: u32 = 15000;
/// The access method of text indexes.
pub const TEXT_METHOD: u32 = 15001;
/// Its operator class for text.
pub const TEXT_CLASS: u32 = 15002;
/// The database.
pub const DATABASE: u32 = 15003;
/// The wrapper of sources of files.
pub const FILES: u32 = 15004;
/// The wrapper of other PostgreSQL databases.
pub const POSTGRES: u32 = 15005;
/// The first cast, as PostgreSQL numbers them; the others follow.
pub const CASTS: u32 = 10000;
/// The first view of schema `steward`; the others follow.
pub const STEWARD_VIEWS: u32 = 15100;
/// The first function of schema `steward`; the others follow.
pub const STEWARD_FUNCTIONS: u32 = 15500;
/// The tablespace `pg_default`.
pub const TABLESPACE: u32 = 1663;
/// The first derived number.
pub const DERIVED: u32 = 1 << 31;

/// A number for the part at `place` of an object that has `room` parts at most.
fn part(object: ObjectId, room: u32, place: usize) -> Option<u32> {
    let place = u32::try_from(place).ok().filter(|place| *place < room)?;
    let object = u32::try_from(object.checked_sub(FIRST_USER_ID)?).ok()?;
    DERIVED.checked_add(object.checked_mul(room)?.checked_add(place)?)
}

/// The object and the place that a derived number means.
fn whole(oid: u32, room: u32) -> Option<(ObjectId, usize)> {
    let number = oid.checked_sub(DERIVED)?;
    Some((FIRST_USER_ID + ObjectId::from(number / room), (number % room) as usize))
}

/// The number of an object.
pub fn of(object: ObjectId) -> u32 {
    u32::try_from(object).unwrap_or(0)
}

/// What a derived number of `pg_class` is of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassPart {
    /// The index behind the key at this place.
    Key(usize),
}

const CLASS_ROOM: u32 = 64;
const KEYS: usize = 32;

/// Number in `pg_class` of a part of a table.
pub fn class_part(table: ObjectId, part_of: ClassPart) -> Option<u32> {
    match part_of {
        ClassPart::Key(at) if at < KEYS => part(table, CLASS_ROOM, at),
        ClassPart::Key(_) => None,
    }
}

/// The table and the part that a number in `pg_class` means.
pub fn class_part_of(oid: u32) -> Option<(ObjectId, ClassPart)> {
    let (table, place) = whole(oid, CLASS_ROOM)?;
    (place < KEYS).then_some((table, ClassPart::Key(place)))
}

/// Number in `pg_default_acl` of what a role says, at this place, of its new objects.
pub fn default_rights(role: ObjectId, at: usize) -> Option<u32> {
    part(role, CLASS_ROOM, at)
}

/// What a number of `pg_constraint` is of its table, each with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintPart {
    /// A primary key or unique constraint.
    Key(usize),
    /// A foreign key.
    Foreign(usize),
    /// A CHECK.
    Check(usize),
}

const CONSTRAINT_ROOM: u32 = 128;
const FOREIGNS: usize = 32;

/// Number in `pg_constraint` of a part of a table.
pub fn constraint(table: ObjectId, part_of: ConstraintPart) -> Option<u32> {
    let place = match part_of {
        ConstraintPart::Key(at) if at < KEYS => at,
        ConstraintPart::Foreign(at) if at < FOREIGNS => KEYS + at,
        ConstraintPart::Check(at) => KEYS + FOREIGNS + at,
        _ => return None,
    };
    part(table, CONSTRAINT_ROOM, place)
}

/// The table and the part that a number in `pg_constraint` means.
pub fn constraint_of(oid: u32) -> Option<(ObjectId, ConstraintPart)> {
    let (table, place) = whole(oid, CONSTRAINT_ROOM)?;
    let part = match place {
        _ if place < KEYS => ConstraintPart::Key(place),
        _ if place < KEYS + FOREIGNS => ConstraintPart::Foreign(place - KEYS),
        _ => ConstraintPart::Check(place - KEYS - FOREIGNS),
    };
    Some((table, part))
}

/// Number in `pg_attrdef` of the default of the column at this position.
pub fn default(table: ObjectId, column: usize) -> Option<u32> {
    part(table, 2048, column)
}

/// Number in `pg_type` of the arrays of a relation's rows, or of a type of the database.
pub fn row_array(relation: ObjectId) -> Option<u32> {
    part(relation, 1, 0)
}

/// Number in `pg_type` of the arrays of a type of the database, by its own number there.
pub fn array_type_of(element: u32) -> Option<u32> {
    row_array(ObjectId::from(element))
}

/// The type whose arrays this number in `pg_type` means, if it is one of the database.
pub fn element_type_of(array: u32) -> Option<u32> {
    row_array_of(array).map(of)
}

/// The relation whose rows the arrays of this type hold, or the type.
pub fn row_array_of(oid: u32) -> Option<ObjectId> {
    Some(whole(oid, 1)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_what_they_are_of() {
        let table = FIRST_USER_ID + 1000;
        for part in [ClassPart::Key(0), ClassPart::Key(31)] {
            let oid = class_part(table, part).unwrap();
            assert_eq!(class_part_of(oid), Some((table, part)));
        }
        assert_eq!(class_part(table, ClassPart::Key(32)), None);
        for part in [ConstraintPart::Key(3), ConstraintPart::Foreign(31), ConstraintPart::Check(63)] {
            assert_eq!(constraint_of(constraint(table, part).unwrap()), Some((table, part)));
        }
        assert_eq!(constraint(table, ConstraintPart::Check(64)), None);
        assert_eq!(row_array_of(row_array(table).unwrap()), Some(table));
        assert_eq!(class_part_of(table as u32), None);
        assert_eq!(class_part(1 << 40, ClassPart::Key(0)), None);
    }
}
