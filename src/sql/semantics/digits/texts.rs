//! Numerics that become text within a query: by a cast, `||`, `concat`, or as JSON.

use super::super::super::functions::takes_anything;
use super::super::function;
use super::super::wide::decimal;
use super::expression::{Of, Scope};
use super::operators::Shown;
use super::{Pass, declared};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult, TableReference};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, DistinctOn, Expr, ExprSchemable, LogicalPlan, Operator, Projection, lit,
};
use std::sync::Arc;

impl Pass {
    /// The plan with texts of numerics as PostgreSQL writes them.
    pub fn texts(&mut self, plan: LogicalPlan) -> DfResult<LogicalPlan> {
        let each = |node: LogicalPlan| match node {
            LogicalPlan::Projection(projection) => self.in_projection(projection, shown_by),
            LogicalPlan::Aggregate(aggregate) => self.in_aggregate(aggregate),
            LogicalPlan::Distinct(Distinct::On(on)) => self.in_distinct(on),
            node => Ok(Transformed::no(node)),
        };
        Ok(plan.transform_up_with_subqueries(each)?.data)
    }

    /// The rows that a query gives, with numerics in them as they are shown.
    pub fn rows(&mut self, plan: LogicalPlan) -> DfResult<LogicalPlan> {
        match plan {
            LogicalPlan::Projection(projection) => Ok(self.in_projection(projection, in_row)?.data),
            plan => Ok(plan),
        }
    }

    fn in_projection(&mut self, projection: Projection, shows: Shows) -> DfResult<Transformed<LogicalPlan>> {
        let Some((input, items)) = self.written(&projection.input, &projection.expr, shows)? else {
            return Ok(Transformed::no(LogicalPlan::Projection(projection)));
        };
        let plan = Projection::try_new(named(items, &projection.schema), Arc::new(input))?;
        Ok(Transformed::yes(LogicalPlan::Projection(plan)))
    }

    fn in_distinct(&mut self, on: DistinctOn) -> DfResult<Transformed<LogicalPlan>> {
        let Some((input, items)) = self.written(&on.input, &on.select_expr, shown_by)? else {
            return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(on))));
        };
        let items = named(items, &on.schema);
        let written = DistinctOn::try_new(on.on_expr.clone(), items, on.sort_expr.clone(), Arc::new(input));
        Ok(match written {
            Ok(written) => Transformed::yes(LogicalPlan::Distinct(Distinct::On(written))),
            Err(_) => Transformed::no(LogicalPlan::Distinct(Distinct::On(on))),
        })
    }

    fn in_aggregate(&mut self, aggregate: Aggregate) -> DfResult<Transformed<LogicalPlan>> {
        let Some((input, items)) = self.written(&aggregate.input, &aggregate.aggr_expr, shown_by)? else {
            return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
        };
        let before = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
        let named = items.into_iter().enumerate();
        let named = named.map(|(n, item)| item.unalias().alias(aggregate.schema.field(before + n).name()));
        let plan = Aggregate::try_new(Arc::new(input), aggregate.group_expr.clone(), named.collect())?;
        Ok(Transformed::yes(LogicalPlan::Aggregate(plan)))
    }

    /// The expressions with their texts, and the input that tells the places; nothing if none of them shows any.
    fn written(
        &mut self,
        input: &LogicalPlan,
        items: &[Expr],
        shows: Shows,
    ) -> DfResult<Option<(LogicalPlan, Vec<Expr>)>> {
        let schema = input.schema().clone();
        let mut operands = Vec::new();
        for item in items {
            item.apply(|expr| {
                operands.extend(shows(expr, &schema).into_iter().cloned());
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        if operands.is_empty() {
            return Ok(None);
        }
        let (told, columns) = self.beneath(input, &operands.iter().collect::<Vec<_>>())?;
        let scope = Scope { schema: &schema, columns: &columns };
        let mut changed = false;
        let mut write = |expr: Expr| {
            let wanted: Vec<Expr> = shows(&expr, &schema).into_iter().cloned().collect();
            if wanted.is_empty() {
                return Ok(Transformed::no(expr));
            }
            expr.map_children(|operand| {
                if !wanted.contains(&operand) {
                    return Ok(Transformed::no(operand));
                }
                let own = operand.to_field(&schema).ok().and_then(|(_, field)| declared(&field));
                let places = match scope.places(&operand, self)? {
                    Some(Of::Computed(places)) => places,
                    Some(Of::Known(places)) if own != Some(places) => lit(places),
                    // Whose zeros at the end nobody has told.
                    None if own.is_none() => lit(0_i32),
                    _ => return Ok(Transformed::no(operand)),
                };
                changed = true;
                Ok(Transformed::yes(function::call(Shown, vec![operand, places])))
            })
        };
        let items = items.iter().map(|item| Ok(item.clone().transform_up(&mut write)?.data));
        let items = items.collect::<DfResult<Vec<_>>>()?;
        Ok(changed.then_some((told, items)))
    }
}

/// The items under the names that they have in `schema`.
fn named(items: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    let one = |(item, (qualifier, field)): (Expr, (Option<&TableReference>, &FieldRef))| match item {
        Expr::Column(_) => item,
        item => item.unalias().alias_qualified(qualifier.cloned(), field.name()),
    };
    items.into_iter().zip(schema.iter()).map(one).collect()
}

/// Gives the numerics among an expression's operands whose digits are seen.
type Shows = for<'e> fn(&'e Expr, &DFSchema) -> Vec<&'e Expr>;

fn is_decimal(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|t| decimal(&t).is_some())
}

/// Those of a row.
fn in_row<'e>(expr: &'e Expr, schema: &DFSchema) -> Vec<&'e Expr> {
    match expr {
        Expr::ScalarFunction(call) if matches!(call.name(), "struct" | "row" | "named_struct") => {
            call.args.iter().filter(|arg| is_decimal(arg, schema)).collect()
        }
        _ => Vec::new(),
    }
}

/// Those that become text.
fn shown_by<'e>(expr: &'e Expr, schema: &DFSchema) -> Vec<&'e Expr> {
    let is_decimal = |expr: &&Expr| is_decimal(expr, schema);
    match expr {
        Expr::Cast(cast) if *cast.field.data_type() == DataType::Utf8 => {
            Some(cast.expr.as_ref()).filter(is_decimal).into_iter().collect()
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            [left.as_ref(), right.as_ref()].into_iter().filter(is_decimal).collect()
        }
        Expr::ScalarFunction(call) => {
            let engines = matches!(call.name(), "concat" | "concat_ws");
            let args = call.args.iter().enumerate();
            args.filter(|(at, _)| engines || takes_anything(&call.func, *at))
                .map(|(_, arg)| arg)
                .filter(is_decimal)
                .collect()
        }
        _ => Vec::new(),
    }
}
