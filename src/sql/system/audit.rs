//! steward.audit_log.

use super::super::context::Context;
use super::rows::{Cell, column, jsonb, timestamp};
use crate::catalog::{AuditEntry, SqlType};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};

pub fn audit_columns() -> Vec<Field> {
    vec![
        column("number", DataType::Int64),
        column("at", timestamp()),
        column("login", DataType::Utf8),
        column("role", DataType::Utf8),
        column("action", DataType::Utf8),
        column("command", DataType::Utf8),
        jsonb("objects"),
        column("rows", DataType::Int64),
        column("state", DataType::Utf8),
        column("sqlstate", DataType::Utf8),
        SqlType::Uuid.field("statement_id"),
        column("fingerprint", DataType::Utf8),
        column("pid", DataType::Int32),
        column("client", DataType::Utf8),
        column("times", DataType::Int64),
    ]
}

/// All entries for superusers, for others those of their own logins.
pub fn audit_log(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let all = context.is_superuser();
    let entries = context.database.manager.audit().entries()?;
    let own = |entry: &AuditEntry| all || entry.login == context.session_role;
    Ok(entries.into_iter().filter(|(_, entry)| own(entry)).map(|(number, entry)| row(number, entry)).collect())
}

fn row(number: Option<u64>, entry: AuditEntry) -> Vec<Cell> {
    let object = |object: &crate::catalog::AuditObject| {
        let mut told = serde_json::json!({ "object": object.name });
        for (key, columns) in [("columns", &object.columns), ("masked", &object.masked)] {
            if !columns.is_empty() {
                told[key] = serde_json::json!(columns);
            }
        }
        told
    };
    let objects: Vec<serde_json::Value> = entry.objects.iter().map(object).collect();
    vec![
        Cell::count(number),
        Cell::Int(Some(entry.at_us)),
        Cell::text(entry.login_name),
        Cell::text(entry.role_name),
        Cell::text(entry.action.name()),
        Cell::text(entry.command),
        Cell::text(serde_json::Value::from(objects).to_string()),
        Cell::count(entry.rows),
        Cell::text(entry.state.name()),
        Cell::Text(entry.sqlstate),
        Cell::Text(entry.statement.map(|id| id.to_string())),
        Cell::Text(entry.fingerprint),
        Cell::Int(entry.pid.map(i64::from)),
        Cell::Text(entry.client),
        Cell::count(entry.times),
    ]
}
