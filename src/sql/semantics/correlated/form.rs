//! Subqueries that are not aggregated, as aggregates: the engine joins with no others.

use super::super::super::functions::one_of;
use super::super::marked::as_field;
use arrow::datatypes::Field;
use datafusion::common::Result as DfResult;
use datafusion::functions_aggregate::expr_fn::{array_agg, first_value};
use datafusion::logical_expr::{Expr, FetchType, LogicalPlan, LogicalPlanBuilder, Projection, SkipType, Subquery};
use std::sync::Arc;

/// What the value of a subquery is in its aggregated form.
#[derive(PartialEq)]
pub enum Form {
    /// Itself.
    Aggregate,
    /// The same, under the field of what is aggregated.
    First(Field),
    /// The only element of a list of such values.
    List(Field),
}

impl Form {
    /// The value of the subquery out of that of the aggregate.
    pub fn of(&self, value: Expr) -> Expr {
        match self {
            Self::Aggregate => value,
            Self::First(field) => as_field(value, field.clone()),
            Self::List(field) => as_field(one_of(value), field.clone()),
        }
    }
}

/// A subquery that looks outside as an aggregate, since the engine knows no other: of its first row, where a LIMIT says so, and else a
/// list of its values, of which there must be one.
pub fn gathered(subquery: &Subquery) -> DfResult<(Subquery, Form)> {
    let plan = subquery.subquery.as_ref();
    if subquery.outer_ref_columns.is_empty() || is_one_row(plan) {
        return Ok((subquery.clone(), Form::Aggregate));
    }
    let field = plan.schema().field(0).as_ref().clone();
    let first = |input: &LogicalPlan| Expr::Column(input.schema().columns()[0].clone());
    let (input, aggregate, form) = match plan {
        LogicalPlan::Limit(limit) => {
            let one = matches!(limit.get_fetch_type()?, FetchType::Literal(Some(1)))
                && matches!(limit.get_skip_type()?, SkipType::Literal(0));
            if !one {
                return Ok((subquery.clone(), Form::Aggregate));
            }
            let (value, keys, input) = match limit.input.as_ref() {
                LogicalPlan::Sort(sort) => (first(&sort.input), sort.expr.clone(), sort.input.as_ref()),
                LogicalPlan::Projection(Projection { expr, input, .. })
                    if let LogicalPlan::Sort(sort) = input.as_ref() =>
                {
                    (expr[0].clone().unalias(), sort.expr.clone(), sort.input.as_ref())
                }
                input => (first(input), Vec::new(), input),
            };
            (input, first_value(value, keys), Form::First(field))
        }
        plan => (plan, array_agg(first(plan)), Form::List(field)),
    };
    let plan = LogicalPlanBuilder::from(input.clone()).aggregate(Vec::<Expr>::new(), [aggregate])?.build()?;
    Ok((Subquery { subquery: Arc::new(plan), ..subquery.clone() }, form))
}

/// Whether a query is an aggregate of all of its rows.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(Projection { input, .. }) => is_one_row(input),
        LogicalPlan::Filter(filter) => is_one_row(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => is_one_row(&alias.input),
        LogicalPlan::Limit(limit) => is_one_row(&limit.input),
        LogicalPlan::Sort(sort) => is_one_row(&sort.input),
        _ => false,
    }
}
