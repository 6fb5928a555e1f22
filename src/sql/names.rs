//! Names of a query's columns as PostgreSQL gives them: a function's own name, `?column?` for what has none.
//!
//! The engine names an expression by its text (`count(*)`, `sum(t.price)`) and forbids two of one name. Both stay inside
//! the plan; what the client sees is renamed here, at the end.

use super::parser::fold;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, SetExpr};
use futures::StreamExt;
use std::sync::Arc;

/// The schema of a query's result with PostgreSQL's names, where its text tells them.
pub fn named(query: &Query, schema: &SchemaRef) -> SchemaRef {
    let Some(items) = items(&query.body) else { return schema.clone() };
    let whole = items.iter().any(|i| matches!(i, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    if whole || items.len() != schema.fields().len() {
        return schema.clone();
    }
    let fields = items.iter().zip(schema.fields()).map(|(item, field)| {
        let name = match item {
            SelectItem::UnnamedExpr(expression) => name(expression),
            _ => return field.clone(),
        };
        Arc::new(field.as_ref().clone().with_name(name))
    });
    Arc::new(Schema::new(fields.collect::<Vec<Arc<Field>>>()))
}

fn items(body: &SetExpr) -> Option<&[SelectItem]> {
    match body {
        SetExpr::Select(select) => Some(&select.projection),
        SetExpr::SetOperation { left, .. } => items(left),
        _ => None,
    }
}

fn name(expression: &Expr) -> String {
    match expression {
        Expr::Identifier(ident) => fold(ident),
        Expr::CompoundIdentifier(parts) => parts.last().map(fold).unwrap_or_default(),
        Expr::Function(function) => {
            function.name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_else(|| "?column?".to_owned())
        }
        Expr::Cast { expr, data_type, .. } => match name(expr).as_str() {
            "?column?" => data_type.to_string().to_lowercase().split('(').next().unwrap_or_default().to_owned(),
            inner => inner.to_owned(),
        },
        Expr::Nested(inner) => name(inner),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Array(_) => "array".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Substring { .. } => "substring".to_owned(),
        Expr::Trim { .. } => "btrim".to_owned(),
        Expr::Position { .. } => "position".to_owned(),
        Expr::Subquery(query) => match items(&query.body) {
            Some([SelectItem::UnnamedExpr(expression)]) => name(expression),
            Some([SelectItem::ExprWithAlias { alias, .. }]) => fold(alias),
            _ => "?column?".to_owned(),
        },
        _ => "?column?".to_owned(),
    }
}

/// The same rows under the names of `schema`.
pub fn renamed(schema: SchemaRef, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let of = schema.clone();
    let rows = rows.map(move |batch| {
        let batch: RecordBatch = batch?;
        Ok(crate::txn::batch(of.clone(), batch.columns().to_vec(), batch.num_rows())?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}
