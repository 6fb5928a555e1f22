//! The join of the rows outside with those of an aggregated subquery, and its groups.

use super::asks;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, lit};

/// Names of columns that stand for those outside, before their number.
const OUTSIDE: &str = "\u{1}o";
/// Name of the column that tells whether a row outside has met one of the subquery.
const SEEN: &str = "\u{1}seen";
/// Name of the column that tells whether the subquery has its row, for a HAVING.
pub const KEPT: &str = "\u{1}kept";

/// A column that stands for the one at this place outside.
pub fn outer(at: usize, qualifier: Option<&str>) -> Expr {
    Expr::Column(Column::new(qualifier.map(str::to_owned), format!("{OUTSIDE}{at}")))
}

/// The rows outside on their way into a subquery.
pub struct Rows<'a> {
    /// Their plan.
    pub outside: &'a LogicalPlan,
    /// Columns outside; the number of a row is one more.
    pub width: usize,
}

/// The rows of a part of a subquery beside those outside that see them.
struct Met {
    plan: LogicalPlan,
    /// The name that the columns from outside stand under.
    qualifier: Option<String>,
}

impl Met {
    fn seen(&self) -> Expr {
        Expr::Column(Column::new(self.qualifier.clone(), SEEN))
    }
}

impl Rows<'_> {
    /// The value of an aggregated subquery in the first column, then those outside. None if it has another form.
    pub fn aggregated(&self, plan: &LogicalPlan) -> DfResult<Option<LogicalPlan>> {
        match plan {
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                let Some(rows) = self.aggregated(input)? else { return Ok(None) };
                let mut items = self.here_all(expr.clone(), None)?;
                items.extend(self.columns(None));
                if rows.schema().has_column_with_unqualified_name(KEPT) {
                    items.push(Expr::Column(Column::from_name(KEPT)));
                }
                LogicalPlanBuilder::from(rows).project(items)?.build().map(Some)
            }
            LogicalPlan::Filter(filter) => {
                let Some(rows) = self.aggregated(&filter.input)? else { return Ok(None) };
                let kept = self.here(filter.predicate.clone(), None)?;
                if rows.schema().has_column_with_unqualified_name(KEPT) || asks(&kept) {
                    return Ok(None);
                }
                let columns = rows.schema().columns().into_iter().map(Expr::Column);
                let items: Vec<Expr> = columns.chain([kept.alias(KEPT)]).collect();
                LogicalPlanBuilder::from(rows).project(items)?.build().map(Some)
            }
            LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => self.grouped(aggregate),
            _ => Ok(None),
        }
    }

    fn grouped(&self, aggregate: &Aggregate) -> DfResult<Option<LogicalPlan>> {
        let Some(met) = self.met(&aggregate.input)? else { return Ok(None) };
        let qualifier = met.qualifier.as_deref();
        let mut aggregates = Vec::with_capacity(aggregate.aggr_expr.len());
        for expr in self.here_all(aggregate.aggr_expr.clone(), qualifier)? {
            let name = expr.schema_name().to_string();
            let of_seen = |expr: Expr| match expr {
                Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
                    let seen = met.seen();
                    params.filter = Some(Box::new(match params.filter.take() {
                        Some(filter) => seen.and(*filter),
                        None => seen,
                    }));
                    Ok(Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params })))
                }
                other => Ok(Transformed::no(other)),
            };
            aggregates.push(expr.transform_up(of_seen)?.data.unalias_nested().data.alias(name));
        }
        let groups = self.columns(qualifier);
        let plan = LogicalPlanBuilder::from(met.plan).aggregate(groups, aggregates)?.build()?;
        let columns = plan.schema().columns();
        let values = columns[self.width + 1..].iter().cloned().map(Expr::Column);
        let outside = (0..=self.width).map(|at| outer(at, qualifier).alias(format!("{OUTSIDE}{at}")));
        let items: Vec<Expr> = values.chain(outside).collect();
        LogicalPlanBuilder::from(plan).project(items)?.build().map(Some)
    }

    /// The rows below the aggregate. None where an operation changes with what it is given.
    fn met(&self, plan: &LogicalPlan) -> DfResult<Option<Met>> {
        if !plan.exists(|node| Ok(node.contains_outer_reference()))? {
            return self.meet(plan, lit(true)).map(Some);
        }
        match plan {
            LogicalPlan::Filter(filter) => {
                let (looking, local): (Vec<Expr>, Vec<Expr>) =
                    split_conjunction_owned(filter.predicate.clone()).into_iter().partition(Expr::contains_outer);
                let looking = conjunction(looking).unwrap_or_else(|| lit(true));
                if asks(&looking) {
                    return Ok(None);
                }
                let looking = self.here(looking, None);
                if filter.input.exists(|node| Ok(node.contains_outer_reference()))? {
                    let Some(met) = self.met(&filter.input)? else { return Ok(None) };
                    let pred = self.here(filter.predicate.clone(), met.qualifier.as_deref())?;
                    if asks(&pred) {
                        return Ok(None);
                    }
                    let others = met.plan.schema().columns().into_iter().filter(|column| column.name != SEEN);
                    let seen = met.seen().and(pred).alias_qualified(met.qualifier.clone(), SEEN);
                    let items: Vec<Expr> = others.map(Expr::Column).chain([seen]).collect();
                    let plan = LogicalPlanBuilder::from(met.plan).project(items)?.build()?;
                    return Ok(Some(Met { plan, qualifier: met.qualifier }));
                }
                let mut rows = LogicalPlanBuilder::from(filter.input.as_ref().clone());
                if let Some(local) = conjunction(local) {
                    rows = rows.filter(local)?;
                }
                self.meet(&rows.build()?, looking?).map(Some)
            }
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                let Some(met) = self.met(input)? else { return Ok(None) };
                let qualifier = met.qualifier.as_deref();
                let mut items = self.here_all(expr.clone(), qualifier)?;
                items.extend(self.columns(qualifier));
                items.push(met.seen());
                let plan = LogicalPlanBuilder::from(met.plan).project(items)?.build()?;
                Ok(Some(Met { plan, qualifier: met.qualifier }))
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let Some(met) = self.met(&alias.input)? else { return Ok(None) };
                let plan = LogicalPlanBuilder::from(met.plan).alias(alias.alias.clone())?.build()?;
                Ok(Some(Met { plan, qualifier: Some(alias.alias.table().to_owned()) }))
            }
            _ => Ok(None),
        }
    }

    /// The join itself.
    fn meet(&self, rows: &LogicalPlan, on: Expr) -> DfResult<Met> {
        let number = row_number();
        let name = number.schema_name().to_string();
        let numbered = LogicalPlanBuilder::from(self.outside.clone()).window([number])?;
        let own = self.outside.schema().columns().into_iter().chain([Column::from_name(name)]);
        let own = own.enumerate().map(|(at, column)| Expr::Column(column).alias(format!("{OUTSIDE}{at}")));
        let numbered = numbered.project(own.collect::<Vec<_>>())?;
        let columns = rows.schema().columns().into_iter().map(Expr::Column);
        let marked = columns.chain([lit(true).alias(SEEN)]).collect::<Vec<_>>();
        let rows = LogicalPlanBuilder::from(rows.clone()).project(marked)?.build()?;
        let plan = numbered.join_on(rows, JoinType::Left, [on])?.build()?;
        Ok(Met { plan, qualifier: None })
    }

    /// All columns from outside, as they stand under a name.
    fn columns(&self, qualifier: Option<&str>) -> Vec<Expr> {
        (0..=self.width).map(|at| outer(at, qualifier)).collect()
    }

    /// An expression of the subquery with columns in place of those that it looks at outside.
    fn here(&self, expr: Expr, qualifier: Option<&str>) -> DfResult<Expr> {
        let schema = self.outside.schema();
        let inside = |expr: Expr| match expr {
            Expr::OuterReferenceColumn(_, column) => {
                Ok(Transformed::yes(outer(schema.index_of_column(&column)?, qualifier)))
            }
            other => Ok(Transformed::no(other)),
        };
        Ok(expr.transform_up(inside)?.data)
    }

    /// The same for several, under their names.
    fn here_all(&self, all: Vec<Expr>, qualifier: Option<&str>) -> DfResult<Vec<Expr>> {
        let one = |expr: Expr| {
            let name = expr.qualified_name();
            let changed = self.here(expr.clone(), qualifier)?;
            Ok(if changed == expr { expr } else { changed.alias_qualified(name.0, name.1) })
        };
        all.into_iter().map(one).collect()
    }
}
