//! Subqueries that run for each row of what is around them, as columns of a relation.

use super::super::context::Context;
use super::super::functions::one_of;
use super::super::semantics;
use super::apply::Apply;
use super::plain::{looked_at, looks_out, rows_of, runs_apart, subquery_of};
use crate::error::Result;
use arrow::datatypes::{Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::{array_agg, bool_and, bool_or, count};
use datafusion::logical_expr::expr::{InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit, when};
use std::sync::Arc;

/// Relation of the values, and their name before a number.
const APART: &str = "apart";
const VALUE: &str = "\u{1}a";

/// Whether a plan has such a subquery.
pub fn are_in(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        for expr in node.expressions() {
            expr.apply(|part| {
                found |= runs_apart(part)?;
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })?;
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The plan with such subqueries as columns of relations, and the others in words that the engine cannot mistake.
pub fn set_apart(context: &Arc<Context>, state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    let changed = plan.transform_down_with_subqueries(|node| {
        let node = node.map_expressions(|expr| expr.transform_down(told_apart))?;
        Ok(match over(context, state, &node.data)? {
            Some(changed) => Transformed::yes(changed),
            None => node,
        })
    })?;
    Ok(changed.data)
}

/// Columns of a subquery may be called as others in it are, and the engine then takes one for the other: what EXISTS selects is
/// nobody's business, and what IN compares with gets a name of its own.
fn told_apart(expr: Expr) -> DfResult<Transformed<Expr>> {
    let named = |subquery: Subquery| -> DfResult<(Subquery, bool)> {
        match subquery.subquery.as_ref() {
            LogicalPlan::Projection(projection) if looks_out(&subquery.subquery)? && projection.expr.len() == 1 => {
                if matches!(&projection.expr[0], Expr::Alias(alias) if alias.name == VALUE) {
                    return Ok((subquery, false));
                }
                let item = projection.expr[0].clone().unalias().alias(VALUE);
                let plan = LogicalPlanBuilder::from(projection.input.as_ref().clone()).project([item])?.build()?;
                Ok((Subquery { subquery: Arc::new(plan), ..subquery }, true))
            }
            _ => Ok((subquery, false)),
        }
    };
    Ok(match expr {
        Expr::Exists(mut exists) if looks_out(&exists.subquery.subquery)? => {
            let rows = rows_of(&exists.subquery.subquery);
            if matches!(exists.subquery.subquery.as_ref(), LogicalPlan::Projection(p) if std::ptr::eq(p.input.as_ref(), rows) && p.expr == [lit(1)])
            {
                return Ok(Transformed::no(Expr::Exists(exists)));
            }
            let plan = LogicalPlanBuilder::from(rows.clone()).project([lit(1)])?.build()?;
            exists.subquery.subquery = Arc::new(plan);
            Transformed::yes(Expr::Exists(exists))
        }
        Expr::InSubquery(among) => {
            let (subquery, changed) = named(among.subquery)?;
            Transformed::new_transformed(Expr::InSubquery(InSubquery { subquery, ..among }), changed)
        }
        Expr::SetComparison(compared) => {
            let (subquery, changed) = named(compared.subquery)?;
            Transformed::new_transformed(Expr::SetComparison(SetComparison { subquery, ..compared }), changed)
        }
        expr => Transformed::no(expr),
    })
}

fn has_apart(expr: &Expr) -> bool {
    expr.exists(runs_apart).unwrap_or(false)
}

/// The node over its input with the values of such subqueries, if it asks for any.
fn over(context: &Arc<Context>, state: &SessionState, node: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let inputs = node.inputs();
    let ([input], true) = (inputs.as_slice(), node.expressions().iter().any(has_apart)) else { return Ok(None) };
    let own: Vec<Expr> = node.schema().columns().into_iter().map(Expr::Column).collect();
    let (mut input, mut expressions) = ((*input).clone(), node.expressions());
    if let LogicalPlan::Filter(filter) = node {
        // What asks nothing goes first: for rows that are not wanted nothing runs.
        let all = split_conjunction_owned(filter.predicate.clone());
        let (asking, plain): (Vec<Expr>, Vec<Expr>) = all.into_iter().partition(has_apart);
        if let Some(plain) = conjunction(plain) {
            input = LogicalPlanBuilder::from(input).filter(plain)?.build()?;
        }
        expressions = conjunction(asking).into_iter().collect();
    }
    let names = NamePreserver::new(node);
    let changed = expressions.into_iter().map(|expr| {
        let name = names.save(&expr);
        let expr = expr.transform_down(|part| {
            if !runs_apart(&part)? {
                return Ok(Transformed::no(part));
            }
            let schema = input.schema().clone();
            // What looks further out waits for the values of the row out there.
            let further = |subquery: &Subquery| -> DfResult<bool> {
                Ok(looked_at(&subquery.subquery)?.iter().any(|column| !schema.has_column(column)))
            };
            if subquery_of(&part).map(further).transpose()?.unwrap_or(false) {
                return Ok(Transformed::no(part));
            }
            let Some((right, negated)) = value(&part, &schema)? else { return Ok(Transformed::no(part)) };
            let (with, value) = beside(context, state, &input, right)?;
            input = with;
            let value = if negated { Expr::Not(Box::new(value)) } else { value };
            Ok(Transformed::new(value, true, TreeNodeRecursion::Jump))
        })?;
        Ok(if expr.transformed { name.restore(expr.data) } else { expr.data })
    });
    let changed = changed.collect::<DfResult<Vec<_>>>()?;
    let plan = node.with_new_exprs(changed, vec![input])?;
    let plan = match plan.schema().fields().len() == own.len() {
        true => plan,
        false => LogicalPlanBuilder::from(plan).project(own)?.build()?,
    };
    Ok(Some(plan))
}

/// The query of one row and column that is the value of such a subquery, and whether the value is negated. None of what compares with
/// an expression that asks itself.
fn value(expr: &Expr, schema: &DFSchema) -> DfResult<Option<(LogicalPlan, bool)>> {
    Ok(match expr {
        Expr::Exists(exists) => {
            let rows = LogicalPlanBuilder::from(exists.subquery.subquery.as_ref().clone()).limit(0, Some(1))?;
            let counted = rows.aggregate(Vec::<Expr>::new(), [count(lit(1_i64)).alias("n")])?;
            let exist = Expr::Column(Column::from_name("n")).gt(lit(0_i64));
            Some((counted.project([exist.alias(VALUE)])?.build()?, exists.negated))
        }
        Expr::ScalarSubquery(subquery) => {
            let plan = subquery.subquery.as_ref();
            let field = plan.schema().field(0).as_ref().clone();
            let first = Expr::Column(plan.schema().columns()[0].clone());
            let listed =
                LogicalPlanBuilder::from(plan.clone()).aggregate(Vec::<Expr>::new(), [array_agg(first).alias("l")])?;
            let only = semantics::as_field(one_of(Expr::Column(Column::from_name("l"))), field);
            Some((listed.project([only.alias(VALUE)])?.build()?, false))
        }
        Expr::InSubquery(among) => {
            compared(&among.expr, Operator::Eq, &among.subquery, false, schema)?.map(|plan| (plan, among.negated))
        }
        Expr::SetComparison(of) => {
            let all = matches!(of.quantifier, SetQuantifier::All);
            compared(&of.expr, of.op, &of.subquery, all, schema)?.map(|plan| (plan, false))
        }
        _ => None,
    })
}

/// `x op ANY (query)` or ALL of it: true, false, or NULL where a comparison that is NULL could decide.
fn compared(
    left: &Expr,
    op: Operator,
    subquery: &Subquery,
    all: bool,
    schema: &DFSchema,
) -> DfResult<Option<LogicalPlan>> {
    if left.exists(|part| Ok(subquery_of(part).is_some()))? {
        return Ok(None);
    }
    let left = left.clone().transform(|part| match part {
        Expr::Column(column) => {
            let field = schema.qualified_field_from_column(&column)?.1.clone();
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        part => Ok(Transformed::no(part)),
    })?;
    let plan = subquery.subquery.as_ref().clone();
    let right = Expr::Column(plan.schema().columns()[0].clone());
    let comparison = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.data), op, Box::new(right)));
    let plan = LogicalPlanBuilder::from(plan).project([comparison.alias("c")])?;
    let c = || Expr::Column(Column::from_name("c"));
    let found = if all { bool_and(c()) } else { bool_or(c()) };
    let aggregates = [found.alias("found"), count(lit(1_i64)).alias("rows"), count(c()).alias("known")];
    let plan = plan.aggregate(Vec::<Expr>::new(), aggregates)?;
    let column = |name: &str| Expr::Column(Column::from_name(name));
    // One that is true decides ANY, one that is false ALL.
    let decided = if all { Expr::IsFalse(Box::new(column("found"))) } else { Expr::IsTrue(Box::new(column("found"))) };
    let value = when(decided, lit(!all))
        .when(column("rows").gt(column("known")), lit(ScalarValue::Boolean(None)))
        .otherwise(lit(all))?;
    Ok(Some(plan.project([value.alias(VALUE)])?.build()?))
}

/// A plan with the value of a query for each of its rows, and the column that it is in.
fn beside(
    context: &Arc<Context>,
    state: &SessionState,
    left: &LogicalPlan,
    right: LogicalPlan,
) -> DfResult<(LogicalPlan, Expr)> {
    let width = left.schema().fields().len();
    let fields = left.schema().fields().iter().chain(right.schema().fields()).enumerate();
    let fields = fields.map(|(at, field)| field.as_ref().clone().with_name(at.to_string()).with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
    let apply = Apply {
        context: context.clone(),
        state: state.clone(),
        left: Arc::new(left.clone()),
        right: Arc::new(right),
        condition: None,
        outer: false,
        schema,
    };
    let place = |at: usize| Expr::Column(Column::new(Some(APART), at.to_string()));
    let named = left.schema().iter().enumerate();
    let named = named.map(|(at, (qualifier, field))| place(at).alias_qualified(qualifier.cloned(), field.name()));
    let name = format!("{VALUE}{width}");
    let items: Vec<Expr> = named.chain([place(width).alias(name.clone())]).collect();
    let plan = LogicalPlanBuilder::scan(APART, provider_as_source(Arc::new(apply)), None)?.project(items)?.build()?;
    Ok((plan, Expr::Column(Column::from_name(name))))
}
