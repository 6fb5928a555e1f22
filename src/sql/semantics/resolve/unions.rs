//! UNION, INTERSECT and EXCEPT: the types that columns below each other have together.

use super::super::super::bags::NUMBER;
use super::super::super::planner::CAST;
use super::super::common::{Value, common};
use super::super::keyed;
use super::super::wide::decimal;
use super::sets::{is_literal, operation};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{Cast, Distinct, Expr, Join, LogicalPlan, LogicalPlanBuilder, Union};
use datafusion::optimizer::analyzer::type_coercion::coerce_union_schema;
use std::sync::Arc;

/// A UNION whose columns of `varchar(n)`, `char(n)` and text are what the first of them is, and whose days and moments of both kinds are
/// moments with a time zone: the engine would take the clocks of UTC.
pub fn together(union: Union) -> DfResult<Union> {
    let wanted = |at: usize| {
        let fields = || union.inputs.iter().map(|input| input.schema().field(at));
        let mixed = || fields().any(|field| fields().next().is_some_and(|first| !is_like(first, field)));
        texts(fields()).or_else(|| moments(fields())).filter(|_| mixed())
    };
    let wanted: Vec<Option<SqlType>> = (0..union.schema.fields().len()).map(wanted).collect();
    if wanted.iter().all(Option::is_none) {
        return Ok(union);
    }
    let brought = |input: &Arc<LogicalPlan>| brought(input, &wanted).map(Arc::new);
    Union::try_new_with_loose_types(union.inputs.iter().map(brought).collect::<DfResult<_>>()?)
}

/// The plan with columns of the types that are wanted.
fn brought(plan: &LogicalPlan, wanted: &[Option<SqlType>]) -> DfResult<LogicalPlan> {
    let columns = plan.schema().iter().zip(wanted).map(|((qualifier, field), wanted)| {
        let column = Expr::Column(Column::from((qualifier, field)));
        match wanted {
            Some(wanted) if !is_like(&wanted.field(""), field) => {
                let to = Arc::new(wanted.field(CAST));
                Expr::Cast(Cast::new_from_field(Box::new(column), to)).alias_qualified(qualifier.cloned(), field.name())
            }
            _ => column,
        }
    });
    LogicalPlanBuilder::from(plan.clone()).project(columns.collect::<Vec<_>>())?.build()
}

/// INTERSECT or EXCEPT, a join here, of columns that have the types of both sides together: it gives those of its left one.
pub fn met(mut join: Join) -> DfResult<Join> {
    if operation(&join).is_none() {
        return Ok(join);
    }
    let (left, right) = (join.left.schema().clone(), join.right.schema().clone());
    let pairs = || left.fields().iter().zip(right.fields());
    let mine = |(at, (mine, theirs)): (usize, (&FieldRef, &FieldRef))| match both(mine, theirs) {
        None if is_literal(&join.left, at) && !is_text(theirs) => SqlType::from_field(theirs).ok(),
        wanted => wanted,
    };
    let theirs = |(at, (mine, theirs)): (usize, (&FieldRef, &FieldRef))| match both(mine, theirs) {
        None if is_literal(&join.right, at) && !is_text(mine) => SqlType::from_field(mine).ok(),
        // Places of exact numbers are compared as they are.
        Some(SqlType::Numeric(_)) => None,
        wanted => wanted,
    };
    let mine: Vec<Option<SqlType>> = pairs().enumerate().map(mine).collect();
    let theirs: Vec<Option<SqlType>> = pairs().enumerate().map(theirs).collect();
    if mine.iter().any(Option::is_some) {
        let numbered = left.has_column_with_unqualified_name(NUMBER);
        let nearer = pairs().zip(&mine).any(|((field, _), wanted)| loses_digits(field.data_type(), wanted.as_ref()));
        join.left = Arc::new(match brought(&join.left, &mine)? {
            plan if nearer && !numbered => keyed::distinct(Distinct::All(Arc::new(plan)))?.data,
            plan => plan,
        });
    }
    if theirs.iter().any(Option::is_some) {
        join.right = Arc::new(brought(&join.right, &theirs)?);
    }
    Ok(join)
}

/// Whether numbers that differ may be alike as numbers of another type.
fn loses_digits(from: &DataType, to: Option<&SqlType>) -> bool {
    let exact = matches!(from, DataType::Int32 | DataType::Int64) || decimal(from).is_some();
    exact && matches!(to, Some(SqlType::Float4 | SqlType::Float8))
}

/// The type of two columns together, if the first has another.
fn both(mine: &FieldRef, theirs: &FieldRef) -> Option<SqlType> {
    let (a, b) = (mine.data_type(), theirs.data_type());
    match (a.is_null(), b.is_null()) {
        (true, false) => return SqlType::from_field(theirs).ok(),
        (_, true) => return None,
        (false, false) if a == b => return None,
        (false, false) => {}
    }
    if a.is_numeric() && b.is_numeric() { numbers(a, b) } else { moments([mine, theirs].into_iter()) }
}

/// The type of two numbers.
fn numbers(a: &DataType, b: &DataType) -> Option<SqlType> {
    const WIDTHS: [(DataType, SqlType); 3] =
        [(DataType::Int16, SqlType::Int2), (DataType::Int32, SqlType::Int4), (DataType::Int64, SqlType::Int8)];
    if a.is_floating() || b.is_floating() {
        let double = [a, b].contains(&&DataType::Float64);
        return Some(if double { SqlType::Float8 } else { SqlType::Float4 });
    }
    if decimal(a).is_some() || decimal(b).is_some() {
        return decimal(a).is_none().then_some(SqlType::Numeric(Some((20, 0))));
    }
    let width = |data_type: &DataType| WIDTHS.iter().position(|(width, _)| width == data_type);
    let (_, widest) = &WIDTHS[width(a)?.max(width(b)?)];
    Some(widest.clone())
}

/// Whether two fields are of one type, as far as texts and moments go.
fn is_like(one: &Field, other: &Field) -> bool {
    one.metadata() == other.metadata() && (is_text(one) || one.data_type() == other.data_type())
}

fn is_text(field: &Field) -> bool {
    matches!(SqlType::from_field(field), Ok(SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_)))
}

/// The type of texts below each other.
fn texts<'a>(fields: impl Iterator<Item = &'a FieldRef>) -> Option<SqlType> {
    let text = |field: &FieldRef| SqlType::from_field(field).ok().filter(|_| is_text(field)).map(Value::Of);
    let types: Vec<Value> = fields.map(text).collect::<Option<_>>()?;
    Some(common("UNION", &types).ok().flatten().unwrap_or(SqlType::Text))
}

/// The type of days and moments below each other; the engine would count those of both kinds in nanoseconds, which end in 2262.
fn moments<'a>(fields: impl Iterator<Item = &'a FieldRef>) -> Option<SqlType> {
    let mut found = None;
    for field in fields {
        match field.data_type() {
            DataType::Timestamp(_, Some(_)) => found = Some(SqlType::Timestamptz),
            DataType::Timestamp(_, None) => found = found.or(Some(SqlType::Timestamp)),
            DataType::Date32 | DataType::Null => {}
            _ => return None,
        }
    }
    found
}

/// A UNION with the types that its parts have together by now: numbers among them may have become `integer`.
pub fn with_types(plan: LogicalPlan) -> LogicalPlan {
    match plan {
        LogicalPlan::Union(union) => match coerce_union_schema(&union.inputs) {
            Ok(schema) => LogicalPlan::Union(Union { schema: Arc::new(schema), ..union }),
            Err(_) => LogicalPlan::Union(union),
        },
        plan => plan,
    }
}
