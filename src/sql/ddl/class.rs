//! ALTER TABLE ... SET CLASS, RESET CLASS, ERASE CLASS: columns with a data key of their own within their table.
//!
//! A class is an object, so that its key is made, replaced and destroyed as that of a table is. Putting a column into one writes
//! the table's rows anew, and the keys under which the column's values lay before are replaced, as by TRUNCATE. Erasing one reads and
//! writes no row: the segments lose what they have of it, its key is destroyed, and the class goes on under another object.

use super::super::inventory;
use super::alter_table::rewrite;
use super::materialized::forget_values;
use super::{Ddl, check_name};
use crate::catalog::{ColumnClass, Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use std::collections::BTreeSet;

/// A relation with or without its schema.
type Relation = (Option<String>, String);

/// Runs SET CLASS, or RESET CLASS if no name is given.
pub fn set_class(ddl: &mut Ddl<'_>, relation: &Relation, column: &str, class: Option<&str>) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (id, mut table) = ddl.own_table(relation.0.as_deref(), &relation.1)?;
    let Some(at) = table.column_index(column) else {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
        return Err(Error::new(Kind::UndefinedColumn, message));
    };
    let before = table.clone();
    table.columns[at].class = match class {
        None => None,
        Some(name) => Some(find(ddl, id, name).map_or_else(|| make(ddl, id, name), Ok)?),
    };
    if table.columns[at].class == before.columns[at].class {
        return Ok(());
    }
    if let Some((_, aside)) = ddl.txn.snapshot().catalog.quarantine_of(id).filter(|_| class.is_some()) {
        return Err(refused(column, &format!("quarantine \"{}\" has values of it", aside.name)));
    }
    if let Some((_, kept)) = ddl.txn.snapshot().catalog.repairs_of(id).filter(|(_, kept)| {
        class.is_some() && kept.repairs_of.as_ref().is_some_and(|of| of.number_of(column).is_some())
    }) {
        return Err(refused(column, &format!("table \"{}\" keeps values of it that were repaired", kept.name)));
    }
    if table.repairs_of.is_some() {
        return Err(refused(column, "the table keeps repairs, whose values are another table's"));
    }
    if table.quarantine_of.is_some() {
        return Err(refused(column, "the table is a quarantine, whose values are another table's"));
    }
    may_have_classes(&table)?;
    let index = ddl.txn.snapshot().catalog.indexes_of(id).find(|(_, index)| index.columns.iter().any(|c| c == column));
    if let Some((_, index)) = index.filter(|_| class.is_some()) {
        return Err(refused(column, &format!("text index \"{}\" has its words", index.name)));
    }
    if ddl.txn.snapshot().rows(id).changed == 0 {
        // Nothing ever was in it, and so nothing lies anywhere under another key.
        ddl.txn.put_object(id, Object::Table(table.clone()))?;
    } else {
        rewrite(ddl, id, &before, &table, None)?;
    }
    drop_empty_classes(ddl, id, &table);
    Ok(())
}

/// Runs ERASE CLASS: the values of its columns are gone for good; the columns stay in the class.
pub fn erase_class(ddl: &mut Ddl<'_>, relation: &Relation, name: &str) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (id, mut table) = ddl.own_table(relation.0.as_deref(), &relation.1)?;
    let Some(class) = find(ddl, id, name) else {
        let message = format!("class \"{name}\" of relation \"{}\" does not exist", table.name);
        return Err(Error::new(Kind::UndefinedObject, message));
    };
    let columns = table.classes().remove(&class).unwrap_or_default();
    // Another object, whose key is made when something is written: that of this one is destroyed with it.
    ddl.txn.drop_object(class);
    let fresh = make(ddl, id, name)?;
    columns.iter().for_each(|&at| table.columns[at].class = Some(fresh));
    // What INVENTORY found about the table tells of the values; it lies under the key of the table, which is replaced.
    let asset = format!("{}.{}", table.schema, table.name);
    let finding = ddl.txn.snapshot().catalog.finding(&asset).map(|(finding, _)| finding);
    if let Some(finding) = finding {
        ddl.txn.drop_object(finding);
        ddl.context.notice(format!("what INVENTORY found about {asset} is forgotten"));
    }
    inventory::forget_values(ddl, &BTreeSet::from([id]))?;
    ddl.txn.put_object(id, Object::Table(table))?;
    ddl.txn.erase_class(id, class, &columns);
    forget_values(ddl, id, &columns)
}

/// The class of this name that a table has.
fn find(ddl: &Ddl<'_>, table: ObjectId, name: &str) -> Option<ObjectId> {
    let catalog = &ddl.txn.snapshot().catalog;
    catalog.classes_of(table).find(|(_, class)| class.name == name).map(|(id, _)| id)
}

fn make(ddl: &mut Ddl<'_>, table: ObjectId, name: &str) -> Result<ObjectId> {
    check_name(name)?;
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::ColumnClass(ColumnClass { name: name.to_owned(), table }))?;
    Ok(id)
}

/// Drops the classes of a table that no column belongs to any more.
pub(super) fn drop_empty_classes(ddl: &mut Ddl<'_>, id: ObjectId, table: &Table) {
    let used = table.classes();
    let catalog = ddl.txn.snapshot().catalog.clone();
    catalog.classes_of(id).filter(|(class, _)| !used.contains_key(class)).for_each(|(class, _)| {
        ddl.txn.drop_object(class);
    });
}

fn refused(column: &str, because: &str) -> Error {
    Error::new(Kind::InvalidDefinition, format!("column \"{column}\" cannot belong to a class: {because}"))
        .with_detail("When a class is erased its columns are NULL, and nothing else may know their values.")
}

/// Refuses a table in which a column of a class could not be erased, or would leave its values elsewhere.
pub fn may_have_classes(table: &Table) -> Result<()> {
    for (at, column) in table.columns.iter().enumerate().filter(|(_, column)| column.class.is_some()) {
        let key = table.keys.iter().find(|key| key.columns.contains(&at)).map(|key| &key.name);
        let foreign = table.foreign_keys.iter().find(|key| key.columns.contains(&at)).map(|key| &key.name);
        let because = match key.or(foreign) {
            Some(constraint) => format!("constraint \"{constraint}\" needs it"),
            None if column.not_null => "it is NOT NULL".to_owned(),
            None if table.cluster.contains(&at) => "the table is sorted by it".to_owned(),
            None => continue,
        };
        return Err(refused(&column.name, &because));
    }
    Ok(())
}

/// Refuses a text index on a column of a class.
pub(super) fn may_index(table: &Table, at: usize) -> Result<()> {
    match table.columns[at].class {
        Some(_) => {
            let message =
                format!("column \"{}\" belongs to a class: a text index would know its words", table.columns[at].name);
            Err(Error::new(Kind::InvalidDefinition, message))
        }
        None => Ok(()),
    }
}
