//! A value under the field of its type: where the engine forgets that a text is JSON, or that a subquery may give no row.

use super::function::{self, Operator};
use crate::error::Result;
use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use datafusion::logical_expr::{ColumnarValue, Expr, LogicalPlan};

/// The value itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marked {
    /// What tells its type.
    pub field: Field,
}

impl Operator for Marked {
    fn name(&self) -> &'static str {
        "same"
    }

    fn returns(&self) -> Field {
        self.field.clone().with_nullable(true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        Ok(operands[0].to_array(rows)?)
    }
}

/// Whether a query has a row in any case.
pub fn has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_a_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_a_row(&alias.input),
        LogicalPlan::Sort(sort) => has_a_row(&sort.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        _ => false,
    }
}

/// A value under a field, where the field says more than its type does.
pub fn as_field(value: Expr, field: Field) -> Expr {
    match field.metadata().is_empty() {
        true => value,
        false => function::call(Marked { field }, vec![value]),
    }
}
