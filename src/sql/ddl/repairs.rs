//! The repairs of a table: where it is kept what REPAIR TABLE has changed.
//!
//! That is a table of its own beside it, `NAME_repairs`, with a row for each cell that was repaired and for each repair that was undone.
//! It is read through `steward.repairs`, which shows each role what it may see of the table; itself it is for superusers. It follows the
//! table: its owner, its schema, the names of its columns; and it goes with it.

use super::Ddl;
use super::quarantine::Follow;
use crate::catalog::{Column, Object, ObjectId, RepairsOf, SqlType, Table};
use crate::error::{Error, Kind, Result};

/// A relation with or without its schema.
type Relation = (Option<String>, String);

/// The columns, in order.
pub const COLUMNS: [(&str, SqlType); 12] = [
    ("repair_batch", SqlType::Text),
    ("repair_id", SqlType::Text),
    ("row_key", SqlType::Text),
    ("key_columns", SqlType::Text),
    ("column_number", SqlType::Int4),
    ("old_value", SqlType::Text),
    ("new_value", SqlType::Text),
    ("method", SqlType::Text),
    ("confidence", SqlType::Float8),
    ("rule", SqlType::Text),
    ("repaired_at", SqlType::Timestamptz),
    ("actor", SqlType::Text),
];

fn columns() -> Vec<Column> {
    COLUMNS.into_iter().map(|(name, data_type)| Column::new(name, data_type)).collect()
}

/// Makes the place where repairs of a table are kept unless it has one, with numbers for these columns of it.
pub fn keep_repairs(ddl: &mut Ddl<'_>, id: ObjectId, of: &[String]) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let Some(table) = catalog.table_by_id(id) else { return Err(Error::internal("repairs of a table that is gone")) };
    let (aside, mut repairs) = match catalog.repairs_of(id) {
        Some((aside, repairs)) => (aside, repairs.clone()),
        None => {
            let name = ddl.free_name(&table.schema, &format!("{}_repairs", table.name));
            super::check_name(&name)?;
            let mut repairs = Table::new(&table.schema, name, table.owner);
            repairs.columns = columns();
            repairs.repairs_of = Some(RepairsOf::new(id));
            ddl.context.notice(format!("what is repaired is kept in table \"{}\"", repairs.name));
            (ddl.new_id(), repairs)
        }
    };
    let Some(numbers) = repairs.repairs_of.as_mut() else { return Err(Error::internal("repairs of no table")) };
    let missing = of.iter().filter(|name| numbers.number_of(name).is_none()).cloned().collect::<Vec<_>>();
    if missing.is_empty() && catalog.repairs_of(id).is_some() {
        return Ok(());
    }
    numbers.columns.extend(missing.into_iter().map(Some));
    ddl.txn.put_object(aside, Object::Table(repairs))
}

/// Runs ALTER TABLE ... SET REPAIRS OF: a table of the right columns, as an import has made it, keeps the repairs of another.
pub(super) fn set(ddl: &mut Ddl<'_>, name: &Relation, of: &Relation, numbers: Vec<Option<String>>) -> Result<()> {
    // What is in it is believed: who did what, and what was there before.
    ddl.context.must_be_superuser("say where the repairs of a table are")?;
    let (id, mut repairs) = ddl.own_table(name.0.as_deref(), &name.1)?;
    let (table_id, table) = ddl.own_table(of.0.as_deref(), &of.1)?;
    if let Some((_, other)) = ddl.txn.snapshot().catalog.repairs_of(table_id).filter(|(there, _)| *there != id) {
        let message = format!("repairs of table \"{}\" are kept already: in \"{}\"", table.name, other.name);
        return Err(Error::new(Kind::DuplicateObject, message));
    }
    if let Some(lost) = numbers.iter().flatten().find(|name| table.column_index(name).is_none()) {
        let message = format!("column \"{lost}\" of relation \"{}\" does not exist", table.name);
        return Err(Error::new(Kind::UndefinedColumn, message));
    }
    let same = |(own, wanted): (&Column, Column)| (&own.name, &own.data_type) == (&wanted.name, &wanted.data_type);
    let fits = repairs.columns.len() == COLUMNS.len() && repairs.columns.iter().zip(columns()).all(same);
    let is_plain = repairs.keys.is_empty() && repairs.checks.is_empty() && repairs.foreign_keys.is_empty();
    let is_other = repairs.quarantine_of.is_some() || repairs.materialized.is_some() || table.repairs_of.is_some();
    if id == table_id || !fits || !is_plain || is_other || repairs.schema != table.schema {
        let message = format!("table \"{}\" cannot keep the repairs of \"{}\"", repairs.name, table.name);
        let names = COLUMNS.iter().map(|(name, data_type)| format!("{name} {data_type}")).collect::<Vec<_>>();
        return Err(Error::new(Kind::InvalidTableDefinition, message)
            .with_detail(format!("It has the same schema, no constraints, and columns {}.", names.join(", "))));
    }
    repairs.repairs_of = Some(RepairsOf { table: table_id, columns: numbers });
    repairs.owner = table.owner;
    ddl.txn.put_object(id, Object::Table(repairs))
}

/// The names of a table's columns have changed: its repairs call them by their numbers, and these follow.
pub(super) fn follow(ddl: &mut Ddl<'_>, id: ObjectId, changes: &[Follow]) -> Result<()> {
    let found = ddl.txn.snapshot().catalog.repairs_of(id).map(|(id, table)| (id, table.clone()));
    let Some((aside, mut repairs)) = found else { return Ok(()) };
    let before = repairs.repairs_of.clone();
    if let Some(numbers) = repairs.repairs_of.as_mut() {
        for change in changes {
            match change {
                Follow::Rename(from, to) => numbers.rename(from, to),
                Follow::Drop(name, _) => numbers.forget(name),
                Follow::Add(_) | Follow::Retype(..) => {}
            }
        }
    }
    match repairs.repairs_of == before {
        true => Ok(()),
        false => ddl.txn.put_object(aside, Object::Table(repairs)),
    }
}

/// Refuses to change by itself what follows another table.
pub(super) fn must_not_follow(ddl: &Ddl<'_>, table: &Table) -> Result<()> {
    let Some(of) = &table.repairs_of else { return Ok(()) };
    let of = ddl.txn.snapshot().catalog.table_by_id(of.table).map_or("its table", |of| &of.name);
    let message = format!("table \"{}\" keeps the repairs of \"{of}\", and has columns of its own", table.name);
    Err(Error::new(Kind::WrongObject, message).with_hint("steward.repairs shows them; DROP TABLE forgets them."))
}
