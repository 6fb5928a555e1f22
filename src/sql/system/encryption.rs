//! steward.encryption: what each file and each tree is sealed with; steward.encryption_keys: the data keys.

use super::super::context::Context;
use super::rows::{Cell, column, timestamp};
use crate::catalog::{Object, ObjectId};
use crate::crypto::{KeyState, Scope};
use crate::error::Result;
use crate::storage::SealState;
use arrow::datatypes::{DataType, Field};

/// Columns of steward.encryption.
pub fn columns() -> Vec<Field> {
    vec![
        column("object", DataType::Utf8),
        column("kind", DataType::Utf8),
        column("encrypted", DataType::Boolean),
        column("algorithm", DataType::Utf8),
        column("key_version", DataType::Int32),
        column("state", DataType::Utf8),
        column("key_of", DataType::Utf8),
        column("items", DataType::Int64),
        column("bytes", DataType::Int64),
        column("key_created", timestamp()),
    ]
}

/// Rows of steward.encryption.
pub fn rows(context: &Context) -> Result<Vec<Vec<Cell>>> {
    context.must_be_superuser("see how files are sealed")?;
    let rows = context.database.manager.store().encryption_status()?.into_iter().map(|status| {
        vec![
            Cell::text(status.object),
            Cell::text(status.kind),
            Cell::Bool(Some(status.state != SealState::Plain)),
            Cell::Text(status.algorithm.map(str::to_owned)),
            Cell::Int(status.key_version.map(|version| version as i64)),
            Cell::text(status.state.name()),
            Cell::Text(status.scope.map(|scope| owner(context, scope))),
            Cell::Int(Some(status.items as i64)),
            Cell::Int(Some(status.bytes as i64)),
            Cell::Int(status.key_created_ms.map(|ms| ms as i64 * 1000)),
        ]
    });
    Ok(rows.collect())
}

/// Columns of steward.encryption_keys.
pub fn key_columns() -> Vec<Field> {
    vec![
        column("key_version", DataType::Int32),
        column("key_of", DataType::Utf8),
        column("state", DataType::Utf8),
        column("created", timestamp()),
    ]
}

/// Rows of steward.encryption_keys.
pub fn keys(context: &Context) -> Result<Vec<Vec<Cell>>> {
    context.must_be_superuser("see the data keys")?;
    let rows = context.database.manager.store().keyring().facts().into_iter().map(|fact| {
        let state = match fact.state {
            KeyState::Current => "current",
            KeyState::Outdated => "outdated",
            KeyState::Destroyed => "destroyed",
        };
        vec![
            Cell::Int(Some(i64::from(fact.id))),
            Cell::text(owner(context, fact.scope)),
            Cell::text(state),
            Cell::Int(Some(fact.created_ms as i64 * 1000)),
        ]
    });
    Ok(rows.collect())
}

/// Whose key it is, as its user calls it.
fn owner(context: &Context, scope: Scope) -> String {
    match scope {
        Scope::Purpose(purpose) => purpose.name().to_owned(),
        Scope::Object(id) => object(context, id),
    }
}

fn object(context: &Context, id: ObjectId) -> String {
    let catalog = &context.snapshot.catalog;
    match catalog.get(id).map(AsRef::as_ref) {
        Some(Object::ColumnClass(class)) => {
            let table = catalog.get(class.table).map_or_else(String::new, |table| table.key().1.replace('\0', "."));
            format!("class {table}.{}", class.name)
        }
        Some(object) => format!("{} {}", object.kind_name(), object.key().1.replace('\0', ".")),
        None => format!("dropped {id}"),
    }
}
