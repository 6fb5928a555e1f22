//! Which columns of tables the columns of a query come from, read from its plan.
//!
//! Values count, however they were computed: a column comes from all that its expression reads, within subqueries too. Only
//! `count` hands on nothing of what it counts. Rows do not count: what a condition or a join looks at is not where the
//! values come from. Where the plan does not tell, a column comes from all that is below.

use super::once::Once;
use super::tables::{LazyTable, TableScan};
use crate::catalog::Origin;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Subquery};
use std::collections::BTreeSet;

type Origins = BTreeSet<Origin>;

/// For each column of the plan the columns of tables that it comes from.
pub fn origins(plan: &LogicalPlan) -> Vec<Vec<Origin>> {
    columns(plan).into_iter().map(|origins| origins.into_iter().collect()).collect()
}

fn columns(plan: &LogicalPlan) -> Vec<Origins> {
    let width = plan.schema().fields().len();
    let found = match plan {
        LogicalPlan::Projection(p) => of_all(&p.expr, &p.input),
        LogicalPlan::SubqueryAlias(a) => columns(&a.input),
        LogicalPlan::Filter(f) => columns(&f.input),
        LogicalPlan::Sort(s) => columns(&s.input),
        LogicalPlan::Limit(l) => columns(&l.input),
        LogicalPlan::Repartition(r) => columns(&r.input),
        LogicalPlan::Subquery(s) => columns(&s.subquery),
        LogicalPlan::Distinct(Distinct::All(input)) => columns(input),
        LogicalPlan::Distinct(Distinct::On(on)) => of_all(&on.select_expr, &on.input),
        LogicalPlan::Aggregate(a) => of_all(a.group_expr.iter().chain(&a.aggr_expr), &a.input),
        LogicalPlan::Window(w) => {
            let mut found = columns(&w.input);
            found.extend(of_all(&w.window_expr, &w.input));
            found
        }
        LogicalPlan::Join(j) => match j.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti => columns(&j.left),
            JoinType::RightSemi | JoinType::RightAnti => columns(&j.right),
            _ => {
                let left = columns(&j.left);
                let mut right = columns(&j.right);
                // What a LATERAL query looks at beside it may be in all that it gives.
                let looked_at = looked_at(&j.right, j.left.schema(), &left);
                right.iter_mut().for_each(|origins| origins.extend(looked_at.iter().cloned()));
                left.into_iter().chain(right).collect()
            }
        },
        LogicalPlan::Union(u) => {
            let mut found = vec![Origins::new(); width];
            for input in &u.inputs {
                found.iter_mut().zip(columns(input)).for_each(|(all, more)| all.extend(more));
            }
            found
        }
        LogicalPlan::TableScan(scan) => match source_as_provider(&scan.source) {
            Ok(provider) => match (provider.downcast_ref::<TableScan>(), provider.get_logical_plan()) {
                (Some(table), _) => {
                    let origin = |name: &String| Origin { table: table.id(), column: name.clone() };
                    let fields = scan.projected_schema.fields().iter();
                    fields.map(|field| Origins::from([origin(field.name())])).collect()
                }
                (None, Some(view)) => {
                    let all = columns(&view);
                    match &scan.projection {
                        Some(projection) => projection.iter().filter_map(|&at| all.get(at).cloned()).collect(),
                        None => all,
                    }
                }
                (None, None) => match (provider.downcast_ref::<Once>(), provider.downcast_ref::<LazyTable>()) {
                    (Some(once), _) => columns(once.plan()),
                    (None, Some(rows)) if rows.is_of_viewer() => vec![Origins::from([Origin::unknown()]); width],
                    _ => vec![Origins::new(); width],
                },
            },
            Err(_) => vec![Origins::new(); width],
        },
        LogicalPlan::EmptyRelation(_) => vec![Origins::new(); width],
        LogicalPlan::Values(_) => vec![Origins::new(); width],
        other => vec![below(other); width],
    };
    match found.len() == width {
        true => found,
        // Grouping sets, which have columns that no expression stands for.
        false => vec![below(plan); width],
    }
}

/// What the query on the right of a lateral join looks at on its left.
fn looked_at(right: &LogicalPlan, schema: &DFSchemaRef, left: &[Origins]) -> Origins {
    let query = match right {
        LogicalPlan::Subquery(query) => query,
        LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
            LogicalPlan::Subquery(query) => query,
            _ => return Origins::new(),
        },
        _ => return Origins::new(),
    };
    let mut found = Origins::new();
    for outer in &query.outer_ref_columns {
        if let Expr::OuterReferenceColumn(_, column) = outer {
            match schema.maybe_index_of_column(column) {
                Some(at) => found.extend(left.get(at).into_iter().flatten().cloned()),
                None => found.extend(left.iter().flatten().cloned()),
            }
        }
    }
    found
}

/// Everything that a plan reads.
fn below(plan: &LogicalPlan) -> Origins {
    plan.inputs().into_iter().flat_map(columns).flatten().collect()
}

fn of_all<'a>(expressions: impl IntoIterator<Item = &'a Expr>, input: &LogicalPlan) -> Vec<Origins> {
    let below = columns(input);
    expressions.into_iter().map(|expression| of(expression, input.schema(), &below)).collect()
}

/// What an expression over `schema`, whose columns come from `below`, comes from.
fn of(expression: &Expr, schema: &DFSchemaRef, below: &[Origins]) -> Origins {
    let mut found = Origins::new();
    let column = |column: &Column, found: &mut Origins| match schema.maybe_index_of_column(column) {
        Some(at) => found.extend(below.get(at).into_iter().flatten().cloned()),
        None => found.extend(below.iter().flatten().cloned()),
    };
    let subquery = |subquery: &Subquery, found: &mut Origins| {
        found.extend(columns(&subquery.subquery).into_iter().flatten());
        for outer in &subquery.outer_ref_columns {
            if let Expr::OuterReferenceColumn(_, of) = outer {
                column(of, found);
            }
        }
    };
    // Nothing in it fails.
    let _ = expression.apply(|inner| {
        match inner {
            Expr::Column(of) => column(of, &mut found),
            Expr::AggregateFunction(function) if function.func.name() == "count" => {
                return Ok(TreeNodeRecursion::Jump);
            }
            Expr::ScalarSubquery(of) => subquery(of, &mut found),
            Expr::InSubquery(of) => subquery(&of.subquery, &mut found),
            Expr::SetComparison(of) => subquery(&of.subquery, &mut found),
            // Whether there is a row.
            Expr::Exists(_) => {}
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}
