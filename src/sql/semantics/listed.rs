//! VALUES whose rows are not plain literals: `VALUES ('1'::jsonb), ('2')`, or a default beside a value.
//!
//! The engine wants the marks of a column's types to be the same in every row. In PostgreSQL a column has one type, which its quoted
//! literals and NULL take, and others are cast to.

use super::super::parameters::{self, is_open};
use super::resolve::{is_unknown, lend_as};
use super::{common, floats};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, SetExpr, TableFactor};
use std::sync::Arc;

/// Plans such lists where they stand in FROM.
#[derive(Debug)]
pub struct Lists;

/// Whether a query is such a list and nothing else.
pub fn is_list(query: &ast::Query) -> bool {
    let plain = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    plain && query.fetch.is_none() && matches!(query.body.as_ref(), SetExpr::Values(values) if is_mixed(values))
}

/// Whether a column may have values of several types, as literals and NULL alone have not.
pub fn is_mixed(values: &ast::Values) -> bool {
    fn is_literal(value: &ast::Expr) -> bool {
        match value {
            // One of a parameter is that of its place.
            ast::Expr::Value(value) => !matches!(value.value, ast::Value::Placeholder(_)),
            ast::Expr::Nested(inner) | ast::Expr::UnaryOp { expr: inner, .. } => is_literal(inner),
            _ => false,
        }
    }
    values.rows.len() > 1 && values.rows.iter().any(|row| !row.content.iter().all(is_literal))
}

impl RelationPlanner for Lists {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> DfResult<RelationPlanning> {
        let TableFactor::Derived { subquery, alias, .. } = &relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let SetExpr::Values(values) = subquery.body.as_ref() else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        if !is_list(subquery) {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let nothing = DFSchema::empty();
        let mut columns: Vec<Vec<Expr>> = Vec::new();
        for row in &values.rows {
            columns.resize_with(columns.len().max(row.content.len()), Vec::new);
            for (column, value) in columns.iter_mut().zip(&row.content) {
                column.push(context.sql_to_expr(value.clone(), &nothing)?);
            }
        }
        if columns.iter().any(|column| column.len() != values.rows.len()) {
            return Err(Error::new(Kind::Syntax, "VALUES lists must all be the same length").into());
        }
        let columns = columns.into_iter().map(|column| alike(column, &nothing)).collect::<Result<Vec<_>>>()?;
        let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
        let rows = values.rows.iter().map(|_| columns.iter_mut().filter_map(Iterator::next).collect());
        let plan = LogicalPlanBuilder::values(rows.collect())?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
    }
}

/// The values of a column as one type, where the marks of their types are not the same already.
pub fn alike(column: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let mut fields: Vec<FieldRef> = Vec::new();
    for expr in column.iter().filter(|expr| !is_open(expr)) {
        let field = expr.to_field(schema)?.1;
        // What is of no type itself may have been lent one.
        if !(field.data_type().is_null() || is_unknown(expr) && field.metadata().is_empty()) {
            fields.push(field);
        }
    }
    // Literals beside moments and the like are of their type, which the engine would make texts of.
    let lends = |first: &&FieldRef| {
        let data_type = first.data_type();
        let plain = !data_type.is_numeric() && *data_type != DataType::Utf8;
        plain && fields.len() < column.len() && fields.iter().all(|field| field.data_type() == data_type)
    };
    let Some(field) = common(&fields)?.or_else(|| fields.first().filter(lends).cloned()) else { return Ok(column) };
    let sql_type = SqlType::from_field(&field)?;
    let alike = |own: &Field| own.metadata() == field.metadata() && own.data_type() == field.data_type();
    if fields.len() == column.len() && fields.iter().all(|own| alike(own)) {
        return Ok(column);
    }
    column.into_iter().map(|expr| brought(expr, &sql_type, &field, schema)).collect()
}

/// The type that values of these types have together; none where the engine knows it without marks, which makes exact numbers of those
/// that stand beside one.
fn common(fields: &[FieldRef]) -> Result<Option<FieldRef>> {
    let Some(first) = fields.first() else { return Ok(None) };
    let mixes = floats::meet(fields.iter().map(|field| field.data_type()));
    if fields.iter().all(|field| field.metadata().is_empty()) && !mixes {
        return Ok(None);
    }
    let types = fields.iter().map(|field| SqlType::from_field(field)).collect::<Result<Vec<_>>>()?;
    if types.iter().all(|sql_type| *sql_type == types[0]) {
        return Ok(Some(first.clone()));
    }
    let common = if types.iter().all(|t| t.arrow().is_numeric()) {
        match (types.contains(&SqlType::Float8), types.contains(&SqlType::Float4)) {
            (true, _) => SqlType::Float8,
            (_, true) => SqlType::Float4,
            _ => SqlType::Numeric(None),
        }
    } else {
        let values: Vec<common::Value> = types.iter().cloned().map(common::Value::Of).collect();
        match common::common("VALUES", &values)? {
            Some(common) => common,
            None if types[0] == SqlType::Text => SqlType::Text,
            None => {
                let other = types.iter().find(|sql_type| **sql_type != types[0]).unwrap_or(&types[0]);
                let message = format!("VALUES types {} and {other} cannot be matched", types[0]);
                return Err(Error::new(Kind::DatatypeMismatch, message));
            }
        }
    };
    Ok(Some(Arc::new(common.field(""))))
}

fn brought(expr: Expr, sql_type: &SqlType, field: &FieldRef, schema: &DFSchema) -> Result<Expr> {
    // Without a name of its own a cast keeps the marks of what is cast.
    let cast = |expr: Expr| {
        let field = Field::new("cast", field.data_type().clone(), true).with_metadata(field.metadata().clone());
        Expr::Cast(Cast::new_from_field(Box::new(expr), Arc::new(field)))
    };
    if is_open(&expr) {
        return Ok(parameters::typed(expr, |id| parameters::beside(field, id)));
    }
    if let Expr::Literal(ScalarValue::Null, _) = expr {
        return Ok(cast(expr));
    }
    let expr = if is_unknown(&expr) { lend_as(expr, field)? } else { expr };
    let own = expr.to_field(schema)?.1;
    // The value of a parameter has no marks of its own: a cast keeps them.
    let bound = matches!(expr, Expr::Placeholder(_));
    let same = own.metadata() == field.metadata() && own.data_type() == field.data_type() && !bound;
    let text = *own.data_type() == DataType::Utf8 && own.metadata().is_empty() && *sql_type == SqlType::Text;
    Ok(if same || text { expr } else { cast(expr) })
}
