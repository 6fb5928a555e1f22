//! UNION: the types that columns below each other have together.

use super::super::super::planner::CAST;
use super::super::common::{Value, common};
use crate::catalog::SqlType;
use arrow::datatypes::Field;
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder, Union};
use datafusion::optimizer::analyzer::type_coercion::coerce_union_schema;
use std::sync::Arc;

/// A UNION whose columns of `varchar(n)`, `char(n)` and text are what the first of them is.
pub fn texts_together(union: Union) -> DfResult<Union> {
    let text = |field: &Field| match SqlType::from_field(field) {
        Ok(of @ (SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_))) => Some(Value::Of(of)),
        _ => None,
    };
    let wanted = |at: usize| {
        let types: Option<Vec<Value>> = union.inputs.iter().map(|input| text(input.schema().field(at))).collect();
        let types = types?;
        let marks = || union.inputs.iter().map(|input| input.schema().field(at).metadata());
        let mixed = marks().any(|mark| marks().next() != Some(mark));
        mixed.then(|| common("UNION", &types).ok().flatten().unwrap_or(SqlType::Text))
    };
    let wanted: Vec<Option<SqlType>> = (0..union.schema.fields().len()).map(wanted).collect();
    if wanted.iter().all(Option::is_none) {
        return Ok(union);
    }
    let as_texts = |input: &Arc<LogicalPlan>| {
        let columns = input.schema().iter().zip(&wanted).map(|((qualifier, field), wanted)| {
            let column = Expr::Column(Column::from((qualifier, field)));
            match wanted {
                Some(wanted) if field.metadata() != wanted.field("").metadata() => {
                    let to = Arc::new(wanted.field(CAST));
                    Expr::Cast(Cast::new_from_field(Box::new(column), to))
                        .alias_qualified(qualifier.cloned(), field.name())
                }
                _ => column,
            }
        });
        LogicalPlanBuilder::from(input.as_ref().clone()).project(columns.collect::<Vec<_>>())?.build().map(Arc::new)
    };
    Union::try_new_with_loose_types(union.inputs.iter().map(as_texts).collect::<DfResult<_>>()?)
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
