//! UNION: the types that columns below each other have together.

use super::super::super::planner::CAST;
use super::super::common::{Value, common};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder, Union};
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
    let brought = |input: &Arc<LogicalPlan>| {
        let columns = input.schema().iter().zip(&wanted).map(|((qualifier, field), wanted)| {
            let column = Expr::Column(Column::from((qualifier, field)));
            match wanted {
                Some(wanted) if !is_like(&wanted.field(""), field) => {
                    let to = Arc::new(wanted.field(CAST));
                    Expr::Cast(Cast::new_from_field(Box::new(column), to))
                        .alias_qualified(qualifier.cloned(), field.name())
                }
                _ => column,
            }
        });
        LogicalPlanBuilder::from(input.as_ref().clone()).project(columns.collect::<Vec<_>>())?.build().map(Arc::new)
    };
    Union::try_new_with_loose_types(union.inputs.iter().map(brought).collect::<DfResult<_>>()?)
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
