//! The quarantine of a table: where rows lie that its quality rules have put aside.
//!
//! It is a table of its own beside it, `NAME_quarantine`: the rule, the time and the role, then the columns of the table, without its
//! constraints. Who may see what of it is what holds for the table. It follows the table: its owner, its schema, its columns; and
//! it goes with it.

use super::Ddl;
use super::alter_table::{must_not_be_read, rewrite};
use super::drop_column::drop_column;
use super::rename::rename_column;
use super::retype::retype;
use crate::catalog::{Column, Object, ObjectId, OnViolation, SqlType, Table};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;

/// A relation with or without its schema.
type Relation = (Option<String>, String);

/// The columns before those of the table: which rule put the row aside, when, and as which role it was written.
pub const RULE: &str = "quarantine_rule";
/// When the row was put aside.
pub const TIME: &str = "quarantine_time";
/// As which role it was written.
pub const ACTOR: &str = "quarantine_actor";

fn own_columns() -> [Column; 3] {
    [Column::new(RULE, SqlType::Text), Column::new(TIME, SqlType::Timestamptz), Column::new(ACTOR, SqlType::Text)]
}

/// A column as the quarantine has it: its values, whatever they are.
fn plain(column: &Column) -> Column {
    Column { places: column.places, ..Column::new(&column.name, column.data_type.clone()) }
}

/// Makes the quarantine of a table unless it has one.
pub(super) fn must_be_there(ddl: &mut Ddl<'_>, id: ObjectId) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    if catalog.quarantine_of(id).is_some() {
        return Ok(());
    }
    let Some(table) = catalog.table_by_id(id) else { return Err(Error::internal("rules of a table that is gone")) };
    may_have_one(table)?;
    let name = ddl.free_name(&table.schema, &format!("{}_quarantine", table.name));
    super::check_name(&name)?;
    let mut quarantine = Table::new(&table.schema, name, table.owner);
    quarantine.columns = own_columns().into_iter().chain(table.columns.iter().map(plain)).collect();
    quarantine.quarantine_of = Some(id);
    ddl.context.notice(format!("rows that are put aside go to table \"{}\"", quarantine.name));
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Table(quarantine))
}

fn may_have_one(table: &Table) -> Result<()> {
    if table.quarantine_of.is_some() {
        let message = format!("\"{}\" is a quarantine, and has none itself", table.name);
        return Err(Error::new(Kind::WrongObject, message));
    }
    if let Some(column) = table.columns.iter().find(|column| column.class.is_some()) {
        let message = format!("a table with columns of a class has no quarantine: \"{}\" is one", column.name);
        return Err(Error::new(Kind::Unsupported, message)
            .with_detail("When a class is erased nothing else may know its values."));
    }
    match own_columns().iter().find(|own| table.column_index(&own.name).is_some()) {
        Some(own) => {
            let message =
                format!("column \"{}\" of \"{}\" has the name of one of its quarantine", own.name, table.name);
            Err(Error::new(Kind::DuplicateColumn, message))
        }
        None => Ok(()),
    }
}

/// Runs ALTER TABLE ... SET QUARANTINE OF: a table of the right columns, as an import has made it, becomes the quarantine of another.
pub(super) fn set(ddl: &mut Ddl<'_>, name: &Relation, of: &Relation) -> Result<()> {
    let (id, mut quarantine) = ddl.own_table(name.0.as_deref(), &name.1)?;
    let (table_id, table) = ddl.own_table(of.0.as_deref(), &of.1)?;
    may_have_one(&table)?;
    if let Some((_, other)) = ddl.txn.snapshot().catalog.quarantine_of(table_id).filter(|(there, _)| *there != id) {
        let message = format!("table \"{}\" has a quarantine already: \"{}\"", table.name, other.name);
        return Err(Error::new(Kind::DuplicateObject, message));
    }
    let wanted: Vec<Column> = own_columns().into_iter().chain(table.columns.iter().map(plain)).collect();
    let fits = wanted.len() <= quarantine.columns.len()
        && wanted.iter().all(|column| {
            quarantine.columns.iter().any(|own| (&own.name, &own.data_type) == (&column.name, &column.data_type))
        });
    let is_plain = quarantine.keys.is_empty() && quarantine.checks.is_empty() && quarantine.foreign_keys.is_empty();
    if id == table_id || !fits || !is_plain || quarantine.schema != table.schema || quarantine.materialized.is_some() {
        let message = format!("table \"{}\" cannot be the quarantine of \"{}\"", quarantine.name, table.name);
        return Err(Error::new(Kind::InvalidTableDefinition, message).with_detail(format!(
            "It has columns {RULE} text, {TIME} timestamp with time zone and {ACTOR} text, those of the table with \
             their types, no constraints, and the same schema."
        )));
    }
    quarantine.quarantine_of = Some(table_id);
    quarantine.owner = table.owner;
    ddl.txn.put_object(id, Object::Table(quarantine))
}

/// Refuses to take a quarantine away that a rule needs.
pub(super) fn must_not_be_needed(ddl: &Ddl<'_>, table: &Table, going: &[ObjectId]) -> Result<()> {
    let catalog = &ddl.txn.snapshot().catalog;
    let Some(of) = table.quarantine_of.filter(|of| !going.contains(of)) else { return Ok(()) };
    let rule = catalog.rules_of(of).find(|(_, rule)| rule.on_violation == Some(OnViolation::Quarantine));
    match rule {
        Some((_, rule)) => {
            let name = &table.name;
            let message = format!("cannot drop table {name} because other objects depend on it");
            Err(Error::new(Kind::Dependent, message)
                .with_detail(format!("quality rule {} depends on table {name}", rule.name))
                .with_hint("Drop the rule first."))
        }
        None => Ok(()),
    }
}

/// Refuses to change by itself what follows another table.
pub(super) fn must_not_follow(ddl: &Ddl<'_>, table: &Table) -> Result<()> {
    let Some(of) = table.quarantine_of else { return Ok(()) };
    let of = ddl.txn.snapshot().catalog.table_by_id(of).map_or("its table", |of| &of.name);
    let message = format!("table \"{}\" is the quarantine of \"{of}\", and has its columns", table.name);
    Err(Error::new(Kind::WrongObject, message).with_hint(format!("ALTER TABLE {of} changes both.")))
}

/// A change of a table's columns, which its quarantine follows.
pub(super) enum Follow {
    /// A column was added.
    Add(Column),
    /// A column has another name.
    Rename(String, String),
    /// A column is gone.
    Drop(String, bool),
    /// A column has another type, with a value for those that cannot be cast by themselves.
    Retype(Column, Option<Box<ast::Expr>>),
}

/// Changes the quarantine of a table, if it has one, as the table was changed.
pub(super) fn follow(ddl: &mut Ddl<'_>, id: ObjectId, changes: Vec<Follow>) -> Result<()> {
    let found = ddl.txn.snapshot().catalog.quarantine_of(id).map(|(id, table)| (id, table.clone()));
    let Some((id, mut quarantine)) = found else { return Ok(()) };
    for change in changes {
        match change {
            Follow::Add(column) => {
                if quarantine.column_index(&column.name).is_some() {
                    let message = format!("column \"{}\" of \"{}\" already exists", column.name, quarantine.name);
                    return Err(Error::new(Kind::DuplicateColumn, message));
                }
                let before = quarantine.clone();
                quarantine.columns.push(plain(&column));
                rewrite(ddl, id, &before, &quarantine, None)?;
            }
            Follow::Rename(from, to) => {
                let Some(at) = quarantine.column_index(&from) else { continue };
                must_not_be_read(ddl, ("table", &quarantine.schema, &quarantine.name), &from)?;
                rename_column(ddl, id, &mut quarantine, at, to)?;
            }
            Follow::Drop(name, cascade) => {
                let name = ast::Ident::with_quote('"', name);
                drop_column(ddl, id, &mut quarantine, &name, true, cascade)?;
            }
            Follow::Retype(column, using) => {
                let Some(at) = quarantine.column_index(&column.name) else { continue };
                quarantine.columns[at].places = column.places;
                retype(ddl, id, &mut quarantine, at, column.data_type, using.map(|using| *using))?;
            }
        }
        ddl.txn.put_object(id, Object::Table(quarantine.clone()))?;
    }
    Ok(())
}
