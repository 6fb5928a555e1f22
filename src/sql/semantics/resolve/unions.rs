//! UNION: the types that columns below each other have together.

use crate::catalog::SqlType;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder, Union};
use datafusion::optimizer::analyzer::type_coercion::coerce_union_schema;
use std::sync::Arc;

/// A UNION whose columns of `varchar(n)`, `char(n)` and text are all texts.
pub fn texts_together(union: Union) -> DfResult<Union> {
    let text = |field: &Field| {
        matches!(SqlType::from_field(field), Ok(SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_)))
    };
    let mixed = |at: usize| {
        let mut fields = union.inputs.iter().map(|input| input.schema().field(at));
        let first = fields.clone().next();
        fields.clone().all(|field| text(field))
            && fields.any(|field| Some(field.metadata()) != first.map(|f| f.metadata()))
    };
    let mixed: Vec<bool> = (0..union.schema.fields().len()).map(mixed).collect();
    if !mixed.contains(&true) {
        return Ok(union);
    }
    let as_texts = |input: &Arc<LogicalPlan>| {
        let columns = input.schema().iter().zip(&mixed).map(|((qualifier, field), mixed)| {
            let column = Expr::Column(Column::from((qualifier, field)));
            match *mixed && !field.metadata().is_empty() {
                true => {
                    let to = Arc::new(Field::new("text", DataType::Utf8, true));
                    Expr::Cast(Cast::new_from_field(Box::new(column), to))
                        .alias_qualified(qualifier.cloned(), field.name())
                }
                false => column,
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
