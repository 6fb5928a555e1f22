//! Types of what is put into columns: PostgreSQL casts numbers to numbers, moments to moments and anything to text by itself, and
//! refuses the rest before any row is read. A quoted literal is of no type yet, and is read as the column's.

use super::super::semantics::{is_open_literal, name_of};
use super::super::values::assign;
use super::Target;
use super::rows::name_column;
use crate::catalog::{Column, SqlType};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::Field;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, Projection};

/// Refuses a plan whose columns, from `skip` on, are of types that those of the table do not take; `places` are theirs.
pub fn must_fit(target: &Target, plan: &LogicalPlan, skip: usize, places: &[usize]) -> Result<()> {
    let columns: Vec<&Column> = places.iter().map(|place| &target.table.columns[*place]).collect();
    let (exprs, below) = match given(plan) {
        Some(LogicalPlan::Values(values)) => {
            let empty = DFSchema::empty();
            for row in &values.values {
                for (at, (expr, column)) in row.iter().zip(&columns).enumerate() {
                    must_be_taken(column, expr, &empty, true).map_err(|error| error.about_value(at))?;
                }
            }
            return Ok(());
        }
        Some(LogicalPlan::Projection(projection)) => (projection.expr.as_slice(), Some(projection.input.as_ref())),
        _ => (&[] as &[Expr], None),
    };
    if let Some(below) = below {
        let stored = is_stored(below);
        for (at, (expr, column)) in exprs.iter().skip(skip).zip(&columns).enumerate() {
            must_be_taken(column, expr, below.schema(), stored).map_err(|error| error.about_value(at))?;
            must_be_read(column, expr)?;
        }
        return Ok(());
    }
    for (at, (field, column)) in plan.schema().fields().iter().skip(skip).zip(&columns).enumerate() {
        must_be_of(column, field, false).map_err(|error| error.about_value(at))?;
    }
    Ok(())
}

/// The plan that computes the columns, where rows are only ordered or left out above it.
fn given(plan: &LogicalPlan) -> Option<&LogicalPlan> {
    match plan {
        LogicalPlan::Projection(projection) => Some(listed(projection).unwrap_or(plan)),
        LogicalPlan::Values(_) => Some(plan),
        LogicalPlan::Sort(sort) => given(&sort.input),
        LogicalPlan::Limit(limit) => given(&limit.input),
        _ => None,
    }
}

/// The VALUES that a projection gives on as they are.
fn listed(projection: &Projection) -> Option<&LogicalPlan> {
    let input = match projection.input.as_ref() {
        LogicalPlan::SubqueryAlias(alias) => &alias.input,
        _ => &projection.input,
    };
    let plain = projection.expr.iter().all(|expr| matches!(expr, Expr::Column(_)));
    (plain && matches!(input.as_ref(), LogicalPlan::Values(_))).then_some(input)
}

/// Whether the columns of a plan are those of tables: types that a text has there are its own.
fn is_stored(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Filter(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_) => plan.inputs().into_iter().all(is_stored),
        _ => false,
    }
}

fn must_be_taken(column: &Column, expr: &Expr, schema: &DFSchema, stored: bool) -> Result<()> {
    let expr = bare(expr);
    if is_open_literal(expr) {
        return Ok(());
    }
    let surely = match expr {
        Expr::Column(_) => stored,
        Expr::Cast(_) | Expr::Placeholder(_) => true,
        Expr::BinaryExpr(binary) => binary.op == Operator::StringConcat,
        _ => false,
    };
    match expr.to_field(schema) {
        Ok((_, field)) => must_be_of(column, &field, surely),
        // A parameter of no type.
        Err(_) => Ok(()),
    }
}

/// Refuses a quoted literal that cannot be read as the column's type, even if no row comes to have it.
fn must_be_read(column: &Column, expr: &Expr) -> Result<()> {
    match bare(expr) {
        Expr::Literal(text @ ScalarValue::Utf8(Some(_)), None) => {
            let assigned = assign(&text.to_array()?, &column.data_type);
            assigned.map(drop).map_err(|error| name_column(error, &column.name))
        }
        _ => Ok(()),
    }
}

/// Without names, without the casts that bring the rows of VALUES together, and without the condition of a clause of MERGE.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        Expr::Cast(cast) if cast.field.name().is_empty() => bare(&cast.expr),
        expr => expr,
    }
}

/// `surely` says that what seems to be a text is no JSON whose mark was lost.
fn must_be_of(column: &Column, field: &Field, surely: bool) -> Result<()> {
    if field.data_type().is_null() {
        return Ok(());
    }
    let Ok(found) = SqlType::from_field(field) else { return Ok(()) };
    let wanted = &column.data_type;
    let kept_as_text = matches!(wanted, SqlType::Json | SqlType::Jsonb | SqlType::Uuid | SqlType::Inet | SqlType::Cidr);
    if found == *wanted || takes(wanted, &found) || kept_as_text && found == SqlType::Text && !surely {
        return Ok(());
    }
    let message = format!(
        "column \"{}\" is of type {} but expression is of type {}",
        column.name,
        name_of(wanted),
        name_of(&found)
    );
    Err(Error::new(Kind::DatatypeMismatch, message).with_hint("You will need to rewrite or cast the expression."))
}

/// The type of a value that PostgreSQL would not assign to a column of the type wanted. What may be a literal is no text yet.
pub fn other_than(wanted: &SqlType, field: &Field) -> Option<SqlType> {
    let have = SqlType::from_field(field).ok().filter(|have| *have != SqlType::Text && !field.data_type().is_null());
    have.filter(|have| !takes(wanted, have))
}

/// Whether PostgreSQL assigns a value of one type to a column of another.
fn takes(wanted: &SqlType, found: &SqlType) -> bool {
    use SqlType::{
        Array, Char, Cidr, Date, Enum, Float4, Float8, Inet, Int2, Int4, Int8, Interval, Json, Jsonb, Numeric, Text,
        Time, Timestamp, Timestamptz, Varchar, Vector,
    };
    let is_number = |t: &SqlType| matches!(t, Int2 | Int4 | Int8 | Float4 | Float8 | Numeric(_));
    let is_text = |t: &SqlType| matches!(t, Text | Varchar(_) | Char(_));
    match (wanted, found) {
        (wanted, _) if is_text(wanted) => true,
        (a, b) if is_number(a) && is_number(b) => true,
        (Date | Timestamp | Timestamptz, Date | Timestamp | Timestamptz) => true,
        (Time, Time | Timestamp | Timestamptz | Interval) | (Interval, Interval | Time) => true,
        (Json | Jsonb, Json | Jsonb) | (Inet | Cidr, Inet | Cidr) => true,
        // Which of them a label is of is seen when it is read.
        (Enum(_), found) => matches!(found, Enum(_)) || is_text(found),
        (Vector(_), Array(found)) => is_number(found),
        (Array(wanted), Vector(_)) => is_number(wanted),
        (Array(wanted), Array(found)) => wanted == found || takes(wanted, found),
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}
