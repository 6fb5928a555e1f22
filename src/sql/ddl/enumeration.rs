//! CREATE, ALTER and DROP TYPE of enumerated types.

use super::super::parser::EnumChange;
use super::super::types::{domain_in, find_domain, find_enum, places_of, sql_type_in};
use super::alter_table::rewrite_rows;
use super::drop_column::drop_column;
use super::{Ddl, check_name, renamed, skipping};
use crate::catalog::{Class, EnumType, Object, ObjectId, SqlType, Table};
use crate::config::NAME_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// A type with or without its schema.
type Relation = (Option<String>, String);

/// Runs CREATE TYPE ... AS ENUM.
pub fn create_enum(ddl: &mut Ddl<'_>, (schema, name): Relation, labels: Vec<String>) -> Result<()> {
    ddl.txn.must_write("CREATE TYPE")?;
    let (schema, name) = ddl.new_relation_named(schema, name)?;
    must_be_free(ddl, &schema, &name)?;
    let mut known: Vec<(ObjectId, String)> = Vec::with_capacity(labels.len());
    for label in labels {
        must_be_label(&label)?;
        if known.iter().any(|(_, other)| *other == label) {
            return Err(Error::new(
                Kind::Unique,
                "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"",
            ));
        }
        known.push((ddl.new_id(), label));
    }
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Enum(EnumType { schema, name, owner: ddl.context.role, labels: known }))
}

fn must_be_label(label: &str) -> Result<()> {
    match label.is_empty() || label.len() > NAME_BYTES_MAX {
        false => Ok(()),
        true => Err(Error::new(Kind::InvalidName, format!("invalid enum label \"{label}\""))
            .with_detail(format!("Labels must be {NAME_BYTES_MAX} bytes or less."))),
    }
}

/// A type has no name that a relation's rows have.
pub(super) fn must_be_free(ddl: &Ddl<'_>, schema: &str, name: &str) -> Result<()> {
    let catalog = &ddl.txn.snapshot().catalog;
    let relation = matches!(catalog.relation(schema, name), Some((_, Object::Table(_) | Object::View(_))));
    match relation || catalog.has_type(schema, name) {
        false => Ok(()),
        true => Err(Error::new(Kind::DuplicateObject, format!("type \"{name}\" already exists"))),
    }
}

/// The type of this name, if the role owns it.
pub(super) fn own_enum(ddl: &Ddl<'_>, (schema, name): &Relation) -> Result<(ObjectId, EnumType)> {
    match find_enum(ddl.context, schema.as_deref(), name) {
        Some((id, of)) => {
            ddl.context.must_own(of.owner, "type", name)?;
            Ok((id, of.clone()))
        }
        None => {
            let written = schema.iter().chain([name]).map(String::as_str).collect::<Vec<_>>().join(".");
            Err(Error::new(Kind::UndefinedObject, format!("type \"{written}\" does not exist")))
        }
    }
}

/// Runs ALTER TYPE.
pub fn alter_enum(ddl: &mut Ddl<'_>, name: &Relation, change: EnumChange) -> Result<()> {
    ddl.txn.must_write("ALTER TYPE")?;
    let (id, mut of) = own_enum(ddl, name)?;
    let unknown =
        |label: &str| Error::new(Kind::InvalidParameter, format!("\"{label}\" is not an existing enum label"));
    let place = |of: &EnumType, label: &str| of.labels.iter().position(|(_, known)| known == label);
    match change {
        EnumChange::Add { label, if_not_exists, beside } => {
            must_be_label(&label)?;
            if place(&of, &label).is_some() {
                let there = format!("enum label \"{label}\" already exists");
                if if_not_exists {
                    ddl.context.notice(format!("{there}, skipping"));
                    return Ok(());
                }
                return Err(Error::new(Kind::DuplicateObject, there));
            }
            let at = match &beside {
                None => of.labels.len(),
                Some((after, other)) => place(&of, other).ok_or_else(|| unknown(other))? + usize::from(*after),
            };
            let label_id = ddl.new_id();
            of.labels.insert(at, (label_id, label));
        }
        EnumChange::RenameLabel { from, to } => {
            must_be_label(&to)?;
            let at = place(&of, &from).ok_or_else(|| unknown(&from))?;
            if place(&of, &to).is_some() {
                return Err(Error::new(Kind::DuplicateObject, format!("enum label \"{to}\" already exists")));
            }
            of.labels[at].1.clone_from(&to);
            return put(ddl, id, of, Some((&from, &to)));
        }
        EnumChange::Rename(to) => {
            check_name(&to)?;
            must_be_free(ddl, &of.schema, &to)?;
            let at = of.schema.clone();
            renamed::in_texts(ddl, &renamed::one(Class::Type, (&at, &of.name), (&at, &to)))?;
            of.name = to;
        }
        EnumChange::SetSchema(schema) => {
            ddl.new_relation_named(Some(schema.clone()), of.name.clone())?;
            must_be_free(ddl, &schema, &of.name)?;
            renamed::in_texts(ddl, &renamed::one(Class::Type, (&of.schema, &of.name), (&schema, &of.name)))?;
            of.schema = schema;
        }
        EnumChange::Owner(role) => {
            let owner = ddl.role(&role)?;
            if !ddl.context.has_role(owner) || owner == crate::catalog::PUBLIC {
                return Err(Error::new(Kind::Privilege, format!("must be member of role \"{role}\"")));
            }
            of.owner = owner;
        }
    }
    put(ddl, id, of, None)
}

/// Tables with columns of a type.
fn tables_of(ddl: &Ddl<'_>, id: ObjectId) -> Vec<(ObjectId, Table)> {
    let tables = ddl.txn.snapshot().catalog.class(Class::Relation).filter_map(|(table_id, object)| match object {
        Object::Table(table) if !table.columns_of_enum(id).is_empty() => Some((table_id, table.clone())),
        _ => None,
    });
    tables.collect()
}

/// Changes a type and the columns of it; values with a label of another name now are written anew.
pub(super) fn put(ddl: &mut Ddl<'_>, id: ObjectId, of: EnumType, renamed: Option<(&str, &str)>) -> Result<()> {
    let data_type = of.as_type(id);
    ddl.txn.put_object(id, Object::Enum(of))?;
    for (table_id, before) in tables_of(ddl, id) {
        let (mut table, columns) = (before.clone(), before.columns_of_enum(id));
        for &at in &columns {
            table.columns[at].data_type = table.columns[at].data_type.with_enumerated(&data_type);
        }
        let Some((from, to)) = renamed else {
            ddl.txn.put_object(table_id, Object::Table(table))?;
            continue;
        };
        if columns.iter().any(|at| table.columns[*at].default.is_some()) || !table.checks.is_empty() {
            let message =
                format!("cannot rename an enum label that table \"{}\" may name in a default or check", table.name);
            return Err(Error::new(Kind::Unsupported, message));
        }
        rewrite_rows(ddl, table_id, &before, &table, |batch| {
            let mut all = batch.columns().to_vec();
            for &at in &columns {
                all[at] = renamed_in(&all[at], &table.columns[at].data_type, from, to)?;
            }
            Ok(all)
        })?;
    }
    Ok(())
}

/// Labels, or arrays of labels, with one of them under its new name.
fn renamed_in(values: &ArrayRef, data_type: &SqlType, from: &str, to: &str) -> Result<ArrayRef> {
    let DataType::List(item) = data_type.arrow() else {
        let changed =
            values.as_string::<i32>().iter().map(|text| text.map(|text| if text == from { to } else { text }));
        return Ok(Arc::new(changed.collect::<StringArray>()));
    };
    let lists = values.as_list::<i32>();
    let SqlType::Array(label) = data_type else { return Err(Error::internal("a list is no array")) };
    let labels = renamed_in(lists.values(), label, from, to)?;
    Ok(Arc::new(ListArray::try_new(item, lists.offsets().clone(), labels, lists.nulls().cloned())?))
}

/// Runs DROP TYPE.
pub fn drop_types(ddl: &mut Ddl<'_>, names: &[Relation], if_exists: bool, cascade: bool) -> Result<()> {
    ddl.txn.must_write("DROP TYPE")?;
    for name in names {
        // A domain is a type too.
        if let Some((id, domain)) = find_domain(ddl.context, name.0.as_deref(), &name.1) {
            ddl.context.must_own(domain.owner, "type", &name.1)?;
            let name = domain.name.clone();
            super::domain::drop_domain(ddl, id, &name, cascade)?;
            continue;
        }
        if if_exists && find_enum(ddl.context, name.0.as_deref(), &name.1).is_none() {
            skipping(ddl.context, "type", &name.1, false);
            continue;
        }
        let (id, of) = own_enum(ddl, name)?;
        drop_enum(ddl, id, &of.name, cascade)?;
    }
    Ok(())
}

/// Drops a type, and with CASCADE the columns of it.
pub(super) fn drop_enum(ddl: &mut Ddl<'_>, id: ObjectId, name: &str, cascade: bool) -> Result<()> {
    while let Some((table_id, mut table)) = tables_of(ddl, id).into_iter().next() {
        let column = table.columns_of_enum(id).into_iter().next().map(|at| table.columns[at].name.clone());
        let column = column.unwrap_or_default();
        let written =
            table.column_index(&column).map_or_else(String::new, |at| table.columns[at].data_type.to_string());
        let of = format!("column {column} of table {}", table.name);
        if !cascade {
            let message = format!("cannot drop type {name} because other objects depend on it");
            return Err(Error::new(Kind::Dependent, message)
                .with_detail(format!("{of} depends on type {written}"))
                .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        ddl.context.notice(format!("drop cascades to {of}"));
        drop_column(ddl, table_id, &mut table, &ast::Ident::with_quote('"', &column), false, true)?;
    }
    ddl.txn.drop_object(id);
    Ok(())
}

/// The type that a statement means for a column, among those of the database too; the places of seconds that it keeps; and the domain
/// that it is.
pub(super) fn written_type(
    ddl: &Ddl<'_>,
    data_type: &ast::DataType,
) -> Result<(SqlType, Option<u8>, Option<ObjectId>)> {
    Ok(match domain_in(ddl.context, data_type)? {
        Some((id, domain)) => (domain.base.clone(), domain.places, Some(id)),
        None => (sql_type_in(ddl.context, data_type)?, places_of(data_type), None),
    })
}
