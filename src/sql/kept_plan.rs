//! The plan of a prepared query, kept between its runs.
//!
//! It is planned and optimised once, with its parameters open. Each run puts its values in, and the tables as they are in
//! its own snapshot and behind its own gate. Kept is what depends on the catalogue, the role and the settings alone, and only for
//! as long as these are the same: no query with a function that tells the time or knows its session, with a view, a function in
//! FROM, a moment of the past. It keeps no snapshot: there are no tables in it.

use super::context::Context;
use super::lateral;
use super::planner::Planner;
use super::run;
use super::settings::Settings;
use crate::catalog::{Catalog, ObjectId};
use crate::error::Result;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::builder::LogicalTableSource;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::sql::sqlparser::ast;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// A place for the plan of one query.
#[derive(Default)]
pub struct KeptPlan(Mutex<Option<Arc<Kept>>>);

impl fmt::Debug for KeptPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptPlan").finish_non_exhaustive()
    }
}

/// A query's plan.
pub struct Planned {
    /// As it is run.
    pub plan: LogicalPlan,
    /// As it was written, which tells where its columns come from.
    pub written: LogicalPlan,
}

struct Kept {
    plan: LogicalPlan,
    written: LogicalPlan,
    catalog: Arc<Catalog>,
    roles: [ObjectId; 3],
    settings: Arc<Settings>,
    /// Types of the values that it was planned for: of numbers these tell the digits.
    types: Vec<DataType>,
}

impl KeptPlan {
    /// The optimised plan of the query, with the values of the context's parameters.
    pub fn of(&self, context: &Arc<Context>, state: &SessionState, query: &ast::Query) -> Result<Planned> {
        let kept = self.0.lock().clone();
        if let Some(kept) = kept.filter(|kept| kept.holds(context))
            && let Some(plan) = kept.fresh(context, state)?
        {
            return Ok(Planned { plan, written: kept.written.clone() });
        }
        let planner = Planner::new(context, state);
        let plan = planner.query(query.clone())?;
        if !context.params.is_tied()
            && is_same_always(&plan)?
            && !lateral::is_in(&plan)?
            && let Ok(optimised) = run::optimised(context, state, &plan)
        {
            let kept = Arc::new(Kept {
                plan: without_tables(optimised)?,
                written: without_tables(plan.clone())?,
                catalog: context.snapshot.catalog.clone(),
                roles: roles(context),
                settings: context.settings.clone(),
                types: types(context),
            });
            *self.0.lock() = Some(kept.clone());
            if let Some(fresh) = kept.fresh(context, state)? {
                return Ok(Planned { plan: fresh, written: plan });
            }
        }
        let written = context.params.bind(plan)?;
        Ok(Planned { plan: run::optimised(context, state, &written)?, written })
    }
}

fn roles(context: &Context) -> [ObjectId; 3] {
    [context.role, context.viewer, context.session_role]
}

fn types(context: &Context) -> Vec<DataType> {
    context.params.values().unwrap_or_default().iter().map(|value| value.data_type()).collect()
}

impl Kept {
    fn holds(&self, context: &Context) -> bool {
        Arc::ptr_eq(&self.catalog, &context.snapshot.catalog)
            && self.roles == roles(context)
            && *self.settings == *context.settings
            && self.types == types(context)
    }

    /// The plan with values and tables; none if the tables are not what they were.
    fn fresh(&self, context: &Arc<Context>, state: &SessionState) -> Result<Option<LogicalPlan>> {
        let planner = Planner::new(context, state);
        let mut same = true;
        let fresh = self.plan.clone().transform_up_with_subqueries(|node| {
            let node = match node {
                LogicalPlan::TableScan(mut scan) => {
                    let source = planner.relation(&scan.table_name)?;
                    same &= source.schema() == scan.source.schema();
                    scan.source = source;
                    LogicalPlan::TableScan(scan)
                }
                node => node,
            };
            let schema = inputs(&node)?;
            let conditions = matches!(node, LogicalPlan::Filter(_) | LogicalPlan::TableScan(_));
            let names = NamePreserver::new(&node);
            let filled = node.map_expressions(|expression| {
                if !has_parameter(&expression)? {
                    return Ok(Transformed::no(expression));
                }
                let name = names.save(&expression);
                let mut filled = context.params.fill(expression)?;
                if conditions && let Ok(simple) = planner.simplified(filled.clone(), &schema) {
                    filled = simple;
                }
                Ok(Transformed::yes(name.restore(filled)))
            })?;
            Ok(Transformed::yes(filled.data))
        })?;
        Ok(same.then_some(fresh.data))
    }
}

/// What the expressions of a node may name.
fn inputs(node: &LogicalPlan) -> DfResult<DFSchema> {
    match node {
        LogicalPlan::TableScan(scan) => {
            DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())
        }
        node => Ok(merge_schema(&node.inputs())),
    }
}

fn has_parameter(expression: &Expr) -> DfResult<bool> {
    expression.exists(|inner| Ok(matches!(inner, Expr::Placeholder(_))))
}

/// Whether nothing in a plan has its value from the moment, and parameters stand where values may come later.
fn is_same_always(plan: &LogicalPlan) -> Result<bool> {
    let mut same = true;
    plan.apply_with_subqueries(|node| {
        let counts = matches!(node, LogicalPlan::Limit(_));
        node.apply_expressions(|expression| {
            expression.apply(|inner| {
                match inner {
                    Expr::ScalarFunction(call) => same &= call.func.signature().volatility == Volatility::Immutable,
                    Expr::Placeholder(placeholder) => same &= placeholder.field.is_some() && !counts,
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(same)
}

/// The plan with the columns of its tables in place of the tables.
fn without_tables(plan: LogicalPlan) -> Result<LogicalPlan> {
    let without = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(mut scan) => {
            scan.source = Arc::new(LogicalTableSource::new(scan.source.schema()));
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        node => Ok(Transformed::no(node)),
    })?;
    Ok(without.data)
}
