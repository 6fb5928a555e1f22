//! The plan of a prepared query, kept between its runs.
//!
//! It is planned and optimised once, with its parameters open. Each run puts its values in, and the tables as they are in
//! its own snapshot and behind its own gate. Kept is what depends on the catalogue, the role and the settings alone, and only for
//! as long as these are the same: no query with a function that tells the time or knows its session, with a view, a function in
//! FROM, a moment of the past. It keeps no snapshot: there are no tables in it. A query that one key answers is kept as a
//! [`Lookup`] as well.

use super::context::Context;
use super::dml::Change;
use super::lateral;
use super::lookup::Lookup;
use super::names;
use super::origins;
use super::parameters::Parameters;
use super::planner::Planner;
use super::run;
use super::settings::Settings;
use super::values::is_shown_as_is;
use crate::catalog::{AuditAction, Catalog, ObjectId};
use crate::error::Result;
use crate::txn::{Manager, Transaction, batch};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
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
use std::sync::{Arc, OnceLock};

/// A place for the plan of one query, or of one change.
#[derive(Default)]
pub struct KeptPlan {
    query: Mutex<Option<Arc<Kept>>>,
    /// The change of one row that a statement is, or that it is none.
    change: Mutex<Option<(Terms, Option<Arc<Change>>)>>,
    fingerprint: OnceLock<String>,
}

/// What a plan is kept for: it holds where all of this is the same.
struct Terms {
    catalog: Arc<Catalog>,
    roles: [ObjectId; 3],
    settings: Arc<Settings>,
    /// Types of the values that it was planned for: of numbers these tell the digits.
    types: Vec<DataType>,
}

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
    terms: Terms,
    /// If one key answers it.
    answer: Option<Answer>,
}

/// A query that one key answers.
struct Answer {
    lookup: Lookup,
    /// Its columns as a client sees them.
    schema: SchemaRef,
    /// Its values are shown as they are.
    as_is: bool,
}

/// What a statement runs with that its plan depends on.
pub struct Asks<'a> {
    /// The catalogue that the statement sees.
    pub catalog: &'a Arc<Catalog>,
    /// The role whose rights count, the one that looks, the one that logged in.
    pub roles: [ObjectId; 3],
    /// The session's settings.
    pub settings: &'a Settings,
    /// The values of the parameters.
    pub params: &'a Parameters,
}

impl KeptPlan {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.query.lock().is_none() && self.change.lock().as_ref().is_none_or(|(_, change)| change.is_none())
    }

    /// Whether there is a look-up or a change of one row.
    #[cfg(test)]
    pub fn is_short(&self) -> bool {
        let lookup = self.query.lock().as_ref().is_some_and(|kept| kept.answer.is_some());
        lookup || self.change.lock().as_ref().is_some_and(|(_, change)| change.is_some())
    }

    /// What one key answers, if the plan is kept and such a one. Only reading tells where it says nothing.
    pub fn look_up(&self, asks: &Asks<'_>, manager: &Manager, txn: &Transaction) -> Result<Option<RecordBatch>> {
        let kept = self.query.lock().clone();
        let Some(kept) = kept.filter(|kept| kept.terms.hold(asks)) else { return Ok(None) };
        let Some(Answer { lookup, schema, as_is }) = &kept.answer else { return Ok(None) };
        if lookup.is_sensitive() && manager.audit().logs(AuditAction::Read) {
            return Ok(None);
        }
        let Some(row) = lookup.row(manager, txn, asks.params.values().unwrap_or_default())? else { return Ok(None) };
        Ok(Some(match row {
            None => RecordBatch::new_empty(schema.clone()),
            Some(columns) if *as_is => batch(schema.clone(), columns, 1)?,
            Some(columns) => names::renamed_batch(schema, &batch(lookup.schema().clone(), columns, 1)?)?,
        }))
    }

    /// What the audit log calls all texts that run as this statement; `make` tells it of one of them.
    pub fn fingerprint(&self, make: impl FnOnce() -> String) -> &str {
        self.fingerprint.get_or_init(make)
    }

    /// The change of one row that is kept.
    pub fn change(&self, asks: &Asks<'_>) -> Option<Arc<Change>> {
        let kept = self.change.lock();
        kept.as_ref().filter(|(terms, _)| terms.hold(asks)).and_then(|(_, change)| change.clone())
    }

    /// Keeps what `make` makes, unless it is known already whether it makes anything.
    pub fn keep_change(&self, context: &Context, make: impl FnOnce() -> Option<Change>) {
        let mut kept = self.change.lock();
        if kept.as_ref().is_none_or(|(terms, _)| !terms.hold(&asks(context))) {
            *kept = Some((Terms::of(context), make().map(Arc::new)));
        }
    }

    /// The optimised plan of the query, with the values of the context's parameters.
    pub fn of(&self, context: &Arc<Context>, state: &SessionState, query: &ast::Query) -> Result<Planned> {
        let kept = self.query.lock().clone();
        if let Some(kept) = kept.filter(|kept| kept.terms.hold(&asks(context)))
            && let Some(plan) = kept.fresh(context, state)?
        {
            return Ok(Planned { plan, written: kept.written.clone() });
        }
        let planner = Planner::new(context, state);
        let plan = planner.answer(query.clone())?;
        if !context.params.is_tied()
            && is_same_always(&plan)?
            && !lateral::is_in(&plan)?
            && let Ok(optimised) = run::optimised(context, state, &plan)
        {
            let answer = Lookup::of(&optimised, &types(&context.params), state).map(|lookup| {
                let schema = origins::marked(&plan, &names::named(query, lookup.schema()), context);
                let as_is = schema.fields().iter().all(|field| is_shown_as_is(field));
                Answer { lookup, schema, as_is }
            });
            let kept = Arc::new(Kept {
                plan: without_tables(optimised)?,
                written: without_tables(plan.clone())?,
                terms: Terms::of(context),
                answer,
            });
            *self.query.lock() = Some(kept.clone());
            if let Some(fresh) = kept.fresh(context, state)? {
                return Ok(Planned { plan: fresh, written: plan });
            }
        }
        let written = context.params.bind(plan)?;
        Ok(Planned { plan: run::optimised(context, state, &written)?, written })
    }
}

fn asks(context: &Context) -> Asks<'_> {
    Asks {
        catalog: &context.snapshot.catalog,
        roles: [context.role, context.viewer, context.session_role],
        settings: &context.settings,
        params: &context.params,
    }
}

/// The types of the values of parameters.
pub fn types(params: &Parameters) -> Vec<DataType> {
    params.values().unwrap_or_default().iter().map(|value| value.data_type()).collect()
}

impl Terms {
    fn of(context: &Context) -> Self {
        Self {
            catalog: context.snapshot.catalog.clone(),
            roles: asks(context).roles,
            settings: context.settings.clone(),
            types: types(&context.params),
        }
    }

    fn hold(&self, asks: &Asks<'_>) -> bool {
        let values = asks.params.values().unwrap_or_default();
        Arc::ptr_eq(&self.catalog, asks.catalog)
            && self.roles == asks.roles
            && *self.settings == *asks.settings
            && self.types.len() == values.len()
            && self.types.iter().zip(values).all(|(data_type, value)| *data_type == value.data_type())
    }
}

impl Kept {
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
pub fn is_same_always(plan: &LogicalPlan) -> Result<bool> {
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
