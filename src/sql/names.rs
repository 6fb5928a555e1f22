//! Names of a query's columns as PostgreSQL gives them: a function's own name, `?column?` for what has none.
//!
//! The engine names an expression by its text (`count(*)`, `sum(t.price)`) and forbids two of one name. Where names differ
//! the rewriter has the plan use these already; what the client sees is renamed here, at the end.

use super::functions;
use super::parser::fold;
use super::types::sql_type;
use super::values::shown;
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
pub use crate::wording::hidden::{HIDDEN, hidden, shown_as};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, DataType, Expr, Ident, Query, SelectItem, SetExpr, TrimWhereField,
};
use futures::StreamExt;
use std::collections::HashSet;
use std::sync::Arc;

/// The schema of a query's result with PostgreSQL's names, where its text tells them.
pub fn named(query: &Query, schema: &SchemaRef) -> SchemaRef {
    let Some(items) = items(&query.body) else { return schema.clone() };
    let width = schema.fields().len();
    let all_said = !items.iter().any(|i| matches!(i, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    let fields = schema.fields().iter().enumerate().map(|(at, field)| {
        let number = field.name().strip_prefix(HIDDEN).and_then(|number| number.parse::<usize>().ok());
        let item = match number {
            Some(number) => items.get(number),
            None => items.get(at).filter(|_| all_said && items.len() == width),
        };
        match item {
            Some(SelectItem::UnnamedExpr(expression)) => Arc::new(field.as_ref().clone().with_name(name(expression))),
            Some(SelectItem::ExprWithAlias { alias, .. }) => Arc::new(field.as_ref().clone().with_name(fold(alias))),
            _ => match written(schema, at) {
                name if name == field.name() => field.clone(),
                name => Arc::new(field.as_ref().clone().with_name(name)),
            },
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<Arc<Field>>>()))
}

/// The name of a column as its query has it: the engine numbers the second of one name, `code:1`.
pub fn written(schema: &SchemaRef, at: usize) -> &str {
    let name = schema.field(at).name();
    if let Some(shown) = shown_as(name) {
        return shown;
    }
    match name.rsplit_once(':') {
        Some((base, number))
            if number.parse::<usize>().is_ok() && schema.fields()[..at].iter().any(|field| field.name() == base) =>
        {
            base
        }
        _ => name,
    }
}

/// Refuses names of columns of a relation one of which comes twice.
pub fn must_differ<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    match names.find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::new(Kind::DuplicateColumn, format!("column \"{name}\" specified more than once"))),
    }
}

fn items(body: &SetExpr) -> Option<&[SelectItem]> {
    match body {
        SetExpr::Select(select) => Some(&select.projection),
        SetExpr::SetOperation { left, .. } => items(left),
        SetExpr::Query(query) => items(&query.body),
        _ => None,
    }
}

/// The name that an expression gives its column.
pub fn name(expression: &Expr) -> String {
    match own_name(expression) {
        Own::Strong(name) | Own::Weak(name) => name,
        Own::None => "?column?".to_owned(),
    }
}

/// A name, and whether what is around an expression is called so too: a type's name is not strong enough (`FigureColname` of
/// PostgreSQL's `parse_target.c`).
enum Own {
    Strong(String),
    Weak(String),
    None,
}

fn own_name(expression: &Expr) -> Own {
    let strong = |name: &str| Own::Strong(name.to_owned());
    match expression {
        Expr::Identifier(ident) => Own::Strong(fold(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map_or(Own::None, |name| Own::Strong(fold(name))),
        Expr::Function(function) if let Some(name) = functions::called_name(function) => Own::Strong(name),
        Expr::Function(function) => match function.name.0.last().and_then(|part| part.as_ident()) {
            Some(name) => Own::Strong(fold(name)),
            None => Own::None,
        },
        Expr::Cast { expr, data_type, .. } => match own_name(expr) {
            Own::Strong(name) => Own::Strong(name),
            _ => Own::Weak(type_name(data_type)),
        },
        Expr::TypedString(typed) => Own::Weak(type_name(&typed.data_type)),
        Expr::Interval(_) => Own::Weak("interval".to_owned()),
        Expr::CompoundFieldAccess { root, access_chain } => match access_chain.iter().rev().find_map(field) {
            Some(name) => Own::Strong(fold(name)),
            None => own_name(root),
        },
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => own_name(inner),
        Expr::Case { else_result, .. } => match else_result.as_deref().map(own_name) {
            Some(Own::Strong(name)) => Own::Strong(name),
            _ => Own::Weak("case".to_owned()),
        },
        Expr::Exists { negated: false, .. } => strong("exists"),
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::Extract { .. } => strong("extract"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::Substring { shorthand: true, .. } => strong("substr"),
        Expr::Substring { .. } => strong("substring"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        Expr::Position { .. } => strong("position"),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::BinaryOp { op: BinaryOperator::Overlaps, .. } => strong("overlaps"),
        Expr::Subquery(query) => match items(&query.body) {
            Some([SelectItem::UnnamedExpr(expression)]) => own_name(expression),
            Some([SelectItem::ExprWithAlias { alias, .. }]) => Own::Strong(fold(alias)),
            _ => Own::None,
        },
        _ => Own::None,
    }
}

/// The name of `.name`.
fn field(access: &AccessExpr) -> Option<&Ident> {
    match access {
        AccessExpr::Dot(Expr::Identifier(name)) => Some(name),
        _ => None,
    }
}

/// How PostgreSQL calls a type inside: `int4` for `integer`.
fn type_name(data_type: &DataType) -> String {
    // What only the catalogue has, and `name`, which is text elsewhere.
    if let DataType::Custom(name, _) = data_type
        && let Some(ident) = name.0.last().and_then(|part| part.as_ident())
        && (fold(ident) == "name" || sql_type(data_type).is_err())
    {
        return fold(ident);
    }
    let sql_type = match sql_type(data_type) {
        Ok(SqlType::Array(item)) => *item,
        Ok(sql_type) => sql_type,
        // An array is called as its elements are.
        Err(_) => match data_type {
            DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) => return type_name(item),
            _ => return data_type.to_string().to_lowercase(),
        },
    };
    match sql_type {
        SqlType::Bool => "bool",
        SqlType::Int2 => "int2",
        SqlType::Int4 => "int4",
        SqlType::Int8 => "int8",
        SqlType::Float4 => "float4",
        SqlType::Float8 => "float8",
        SqlType::Numeric(_) => "numeric",
        SqlType::Varchar(_) => "varchar",
        SqlType::Char(_) => "bpchar",
        SqlType::Time => "time",
        SqlType::Timestamp => "timestamp",
        SqlType::Timestamptz => "timestamptz",
        other => return other.to_string(),
    }
    .to_owned()
}

/// The same rows under the names of `schema`, as a client sees them.
pub fn renamed(schema: SchemaRef, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let of = schema.clone();
    let rows = rows.map(move |batch| Ok(renamed_batch(&of, &batch?)?));
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// The same rows under the names of `schema`, as a client sees them.
pub fn renamed_batch(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(array, field)| shown(field, array));
    crate::txn::batch(schema.clone(), columns.collect(), batch.num_rows())
}
