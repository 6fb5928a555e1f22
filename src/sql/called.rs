//! Calls of functions that read relations, with values of rows: a join for each.
//!
//! `rewrite::inline` leaves the function's query with marks for its arguments, and these beside it, so that no name of the one can be
//! taken for one of the other. Here the arguments become columns of the rows that they are made of, and the query is joined to
//! these rows as LATERAL would be: to each row the first of its own, or NULL. In FROM the arguments are those of LATERAL already.

use super::functions::{ARGUMENT, CALLED, GIVEN};
use crate::error::{Error, Kind};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DfResult, ScalarValue, TableReference};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, JoinType, LogicalPlan, LogicalPlanBuilder, Subquery, lit};
use std::sync::Arc;

/// Name of a function's rows in a plan; no user's name begins so.
const ROWS: &str = "\u{1}f";
/// Name of the columns that are arguments.
const ARGUMENTS: &str = "\u{1}a";

/// The plan with joins in the place of calls.
pub fn joined(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    let mut count = 0;
    Ok(plan.transform_up_with_subqueries(|node| one(node, &mut count))?.data)
}

/// The first function that an expression calls so, for what is no query.
pub fn first_in(expression: &Expr) -> DfResult<Option<String>> {
    let mut found = None;
    expression.apply(|inner| match inner {
        Expr::ScalarFunction(call) if call.func.name() == CALLED => {
            found = Some(name_of(call));
            Ok(TreeNodeRecursion::Stop)
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(found)
}

/// The error for a function that reads relations where only values of its row are at hand.
pub fn cannot_be_called(name: &str) -> Error {
    let message = format!("function {name} reads relations, and cannot be called with columns here");
    Error::new(Kind::Unsupported, message).with_hint("Join with the relations that it reads.")
}

fn name_of(call: &ScalarFunction) -> String {
    match call.args.first() {
        Some(Expr::Literal(ScalarValue::Utf8(Some(name)), _)) => name.clone(),
        _ => String::new(),
    }
}

fn one(node: LogicalPlan, count: &mut usize) -> DfResult<Transformed<LogicalPlan>> {
    if let LogicalPlan::Filter(filter) = &node
        && let Expr::ScalarFunction(call) = &filter.predicate
        && call.func.name() == GIVEN
    {
        return Ok(Transformed::yes(with_arguments(filter.input.as_ref().clone(), &call.args)?));
    }
    let mut first = None;
    node.apply_expressions(|expression| {
        first = first_in(expression)?;
        Ok(if first.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    let Some(first) = first else { return Ok(Transformed::no(node)) };
    let inputs = node.inputs();
    let ([input], true) = (inputs.as_slice(), may_join(&node)) else { return Err(cannot_be_called(&first).into()) };
    let mut joins = Joins { plan: (*input).clone(), made: Vec::new(), count };
    let names = NamePreserver::new(&node);
    let mut expressions = Vec::new();
    for expression in node.expressions() {
        let name = names.save(&expression);
        expressions.push(name.restore(joins.replace(expression)?));
    }
    let columns = node.schema().columns();
    let changed = node.with_new_exprs(expressions, vec![joins.plan])?;
    // Some nodes pass on what they get: then the columns of before are chosen.
    Ok(Transformed::yes(match changed.schema().fields().len() == columns.len() {
        true => changed,
        false => LogicalPlanBuilder::from(changed).project(columns.into_iter().map(Expr::Column))?.build()?,
    }))
}

/// Whether a node's input may be joined with what its expressions call.
fn may_join(node: &LogicalPlan) -> bool {
    matches!(
        node,
        LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Window(_)
    )
}

/// The joins of one node's input.
struct Joins<'a> {
    plan: LogicalPlan,
    /// Calls that have their column.
    made: Vec<(ScalarFunction, Column)>,
    count: &'a mut usize,
}

impl Joins<'_> {
    /// The expression with columns in the place of calls, inner ones first.
    fn replace(&mut self, expression: Expr) -> DfResult<Expr> {
        let replaced = expression.transform_up(|inner| match inner {
            Expr::ScalarFunction(call) if call.func.name() == CALLED => {
                Ok(Transformed::yes(Expr::Column(self.column_of(call)?)))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(replaced.data)
    }

    fn column_of(&mut self, call: ScalarFunction) -> DfResult<Column> {
        if let Some((_, column)) = self.made.iter().find(|(made, _)| *made == call) {
            return Ok(column.clone());
        }
        let [_, Expr::ScalarSubquery(body), arguments @ ..] = call.args.as_slice() else {
            return Err(cannot_be_called(&name_of(&call)).into());
        };
        *self.count += 1;
        let (rows, beside) = (format!("{ROWS}{}", self.count), format!("{ARGUMENTS}{}", self.count));
        let (rows, beside) = (TableReference::bare(rows), TableReference::bare(beside));
        let mut columns: Vec<Expr> = self.plan.schema().columns().into_iter().map(Expr::Column).collect();
        let mut given = Vec::with_capacity(arguments.len());
        for (at, argument) in arguments.iter().enumerate() {
            let column = Column::new(Some(beside.clone()), at.to_string());
            let field = argument.to_field(self.plan.schema())?.1;
            given.push(Expr::OuterReferenceColumn(field, column.clone()));
            columns.push(argument.clone().alias_qualified(Some(beside.clone()), at.to_string()));
        }
        let left = LogicalPlanBuilder::from(self.plan.clone()).project(columns)?;
        let body_plan = with_arguments(body.subquery.as_ref().clone(), &given)?;
        let subquery = Subquery { subquery: Arc::new(body_plan), outer_ref_columns: given, spans: body.spans.clone() };
        let value = subquery.subquery.schema().columns().into_iter().next();
        let right = LogicalPlanBuilder::from(LogicalPlan::Subquery(subquery)).alias(rows.clone())?.build()?;
        self.plan = left.join_on(right, JoinType::Left, [lit(true)])?.build()?;
        let column = Column::new(Some(rows), value.map_or_else(String::new, |column| column.name));
        self.made.push((call, column.clone()));
        Ok(column)
    }
}

/// A function's query with its arguments where their marks are.
fn with_arguments(plan: LogicalPlan, given: &[Expr]) -> DfResult<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expression| {
            let name = names.save(&expression);
            let replaced = expression.transform_up(|inner| {
                Ok(match inner {
                    Expr::ScalarFunction(call) if call.func.name() == ARGUMENT => match argument(&call, given) {
                        Some(value) => Transformed::yes(value),
                        None => Transformed::no(Expr::ScalarFunction(call)),
                    },
                    Expr::ScalarSubquery(subquery) => Transformed::yes(Expr::ScalarSubquery(noted(subquery))),
                    Expr::Exists(mut exists) => {
                        exists.subquery = noted(exists.subquery);
                        Transformed::yes(Expr::Exists(exists))
                    }
                    Expr::SetComparison(mut compared) => {
                        compared.subquery = noted(compared.subquery);
                        Transformed::yes(Expr::SetComparison(compared))
                    }
                    Expr::InSubquery(mut within) => {
                        within.subquery = noted(within.subquery);
                        Transformed::yes(Expr::InSubquery(within))
                    }
                    other => Transformed::no(other),
                })
            })?;
            Ok(replaced.update_data(|expression| name.restore(expression)))
        })
    })?;
    Ok(changed.data)
}

/// A subquery that knows what it refers to by now.
fn noted(mut subquery: Subquery) -> Subquery {
    for reference in subquery.subquery.all_out_ref_exprs() {
        if !subquery.outer_ref_columns.contains(&reference) {
            subquery.outer_ref_columns.push(reference);
        }
    }
    subquery
}

/// The argument that a mark stands for.
fn argument(call: &ScalarFunction, given: &[Expr]) -> Option<Expr> {
    let Some(Expr::Literal(number, _)) = call.args.first() else { return None };
    let at = match number {
        ScalarValue::Int64(Some(at)) => usize::try_from(*at).ok()?,
        ScalarValue::Int32(Some(at)) => usize::try_from(*at).ok()?,
        _ => return None,
    };
    given.get(at).cloned()
}
