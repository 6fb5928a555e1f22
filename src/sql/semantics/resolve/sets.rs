//! Columns that meet in UNION, INTERSECT, EXCEPT and VALUES: what is open there is what the others are.

use super::super::super::bags::NUMBER;
use super::super::candidates::name_of;
use super::super::common::{Value, common};
use super::{Class, class, differ, is_unknown, lend_as};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{NullEquality, Result as DfResult};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, Projection, Union};
use std::sync::Arc;

/// The UNION with quoted literals of the types that they meet.
pub fn lent(union: Union) -> DfResult<Union> {
    let width = union.schema.fields().len();
    let wanted: Vec<Option<FieldRef>> = (0..width).map(|at| met(&union, at)).collect();
    if wanted.iter().all(Option::is_none) {
        return Ok(union);
    }
    let inputs = union.inputs.iter().map(|input| read(input, &wanted).map(Arc::new));
    Union::try_new_with_loose_types(inputs.collect::<DfResult<_>>()?)
}

/// The type that literals of a column meet, if there are both.
fn met(union: &Union, at: usize) -> Option<FieldRef> {
    if !union.inputs.iter().any(|input| open(input, at).is_some()) {
        return None;
    }
    let known = union.inputs.iter().filter(|input| open(input, at).is_none());
    let field = known.map(|input| input.schema().fields()[at].clone()).find(|field| !field.data_type().is_null())?;
    let as_text = class(field.data_type()) == Class::Text && matches!(SqlType::from_field(&field), Ok(SqlType::Text));
    (!as_text).then_some(field)
}

/// The literal that a column of a query of one row is.
fn open(plan: &LogicalPlan, at: usize) -> Option<&Expr> {
    let LogicalPlan::Projection(projection) = plan else { return None };
    let expr = bare(projection.expr.get(at)?);
    is_unknown(expr).then_some(expr)
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        expr => expr,
    }
}

fn read(plan: &LogicalPlan, wanted: &[Option<FieldRef>]) -> DfResult<LogicalPlan> {
    let LogicalPlan::Projection(projection) = plan else { return Ok(plan.clone()) };
    let (mut exprs, mut changed) = (projection.expr.clone(), false);
    for (at, wanted) in wanted.iter().enumerate() {
        if let (Some(field), Some(literal)) = (wanted, open(plan, at)) {
            let (relation, named) = projection.schema.qualified_field(at);
            let read = lend_as(literal.clone(), field)?;
            exprs[at] = read.alias_qualified(relation.cloned(), named.name());
            changed = true;
        }
    }
    match changed {
        true => Ok(LogicalPlan::Projection(Projection::try_new(exprs, projection.input.clone())?)),
        false => Ok(plan.clone()),
    }
}

/// Refuses a UNION of columns that PostgreSQL compares with nothing of each other's.
pub fn must_be_alike(union: &Union) -> Result<()> {
    let Some((first, others)) = union.inputs.split_first() else { return Ok(()) };
    for other in others {
        for (at, (mine, theirs)) in first.schema().fields().iter().zip(other.schema().fields()).enumerate() {
            let literal = is_text(mine) && made(first, at) || is_text(theirs) && made(other, at);
            if !literal && open(first, at).is_none() && open(other, at).is_none() {
                must_match("UNION", mine, theirs)?;
            }
        }
    }
    Ok(())
}

/// INTERSECT or EXCEPT, where a join is one of them.
pub fn operation(join: &Join) -> Option<&'static str> {
    match (join.join_type, join.null_equality) {
        (JoinType::LeftSemi, NullEquality::NullEqualsNull) => Some("INTERSECT"),
        (JoinType::LeftAnti, NullEquality::NullEqualsNull) => Some("EXCEPT"),
        _ => None,
    }
}

/// Refuses INTERSECT and EXCEPT of such columns, which are joins here.
pub fn must_be_comparable(join: &Join) -> Result<()> {
    let Some(what) = operation(join) else { return Ok(()) };
    for (at, (mine, theirs)) in join.left.schema().fields().iter().zip(join.right.schema().fields()).enumerate() {
        if !(is_literal(&join.left, at) || is_literal(&join.right, at)) {
            must_match(what, mine, theirs)?;
        }
    }
    Ok(())
}

/// Whether a column of a side of such a join has literals of no type.
pub fn is_literal(side: &LogicalPlan, at: usize) -> bool {
    let bare = match side {
        LogicalPlan::Distinct(distinct) => distinct.input().as_ref(),
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::Window(window) if side.schema().has_column_with_unqualified_name(NUMBER) => {
                window.input.as_ref()
            }
            _ => side,
        },
        side => side,
    };
    // Both sides have names of the engine's where their columns are called alike.
    let bare = match bare {
        LogicalPlan::SubqueryAlias(alias) => alias.input.as_ref(),
        bare => bare,
    };
    is_text(&side.schema().fields()[at]) && made(bare, at)
}

fn is_text(field: &FieldRef) -> bool {
    class(field.data_type()) == Class::Text
}

/// Whether the texts of a plan's column may be literals of rows of its own making. Those of a subquery, of VALUES, and of
/// rows that are told apart, are texts by then.
fn made(plan: &LogicalPlan, at: usize) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Projection(projection) => match projection.expr.get(at).map(bare) {
            Some(Expr::Column(column)) => {
                let inner = projection.input.schema().maybe_index_of_column(column);
                inner.is_some_and(|inner| made(&projection.input, inner))
            }
            expr => expr.is_some_and(is_unknown),
        },
        _ => false,
    }
}

fn must_match(what: &str, mine: &Field, theirs: &Field) -> Result<()> {
    let named = |field: &Field| SqlType::from_field(field).map_or_else(|_| "record".to_owned(), |t| name_of(&t));
    let items = match (mine.data_type(), theirs.data_type()) {
        (DataType::List(mine), DataType::List(theirs)) => Some((mine, theirs)),
        _ => None,
    };
    if items.is_some_and(|(mine, theirs)| differ(mine.data_type(), theirs.data_type())) {
        let message = format!("{what} could not convert type {} to {}", named(theirs), named(mine));
        return Err(Error::new(Kind::CannotCoerce, message));
    }
    if !mine.data_type().is_null()
        && !theirs.data_type().is_null()
        && let (Ok(mine), Ok(theirs)) = (SqlType::from_field(mine), SqlType::from_field(theirs))
    {
        common(what, &[Value::Of(mine), Value::Of(theirs)])?;
    }
    match differ(mine.data_type(), theirs.data_type()) {
        true => {
            let message = format!("{what} types {} and {} cannot be matched", named(mine), named(theirs));
            Err(Error::new(Kind::DatatypeMismatch, message))
        }
        false => Ok(()),
    }
}
