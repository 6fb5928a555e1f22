//! AUDIT_VERIFY: whether the audit log is what was written.

use super::super::context::Context;
use super::super::system::rows::{Cell, RowsTable, column};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use std::sync::Arc;

/// `AUDIT_VERIFY()`: computes the chain anew; one row.
pub fn verify(_: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    context.must_be_superuser("verify the audit log")?;
    let context = context.clone();
    Ok(RowsTable::make(columns(), move || {
        let audit = context.database.manager.audit();
        audit.flush()?;
        let verdict = audit.verify()?;
        let (broken, message) = verdict.broken.unzip();
        Ok(vec![vec![
            Cell::Bool(Some(broken.is_none())),
            Cell::count(verdict.entries),
            Cell::count(verdict.first),
            Cell::count(verdict.last),
            Cell::count(broken),
            Cell::Text(message),
            Cell::text(verdict.head),
        ]])
    }))
}

/// Columns of AUDIT_VERIFY.
pub fn columns() -> Vec<Field> {
    vec![
        column("whole", DataType::Boolean),
        column("entries", DataType::Int64),
        column("first", DataType::Int64),
        column("last", DataType::Int64),
        column("broken_at", DataType::Int64),
        column("message", DataType::Utf8),
        column("head", DataType::Utf8),
    ]
}
