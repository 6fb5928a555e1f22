//! What depends on a key where rows were multiplied: a join with many, or `SELECT id, unnest(tags) FROM items`, has `id` many times.
//!
//! The engine takes all of a group for determined by a key that is a part of what it is grouped by, and all of an unnested row by the
//! row's: an order, a group or DISTINCT by the key and something else would lose that. Here only what really depends on the key is
//! left to it, in the plan of each relation when it is made, and again before each rule of the optimizer that asks.

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Dependency, FunctionalDependence, FunctionalDependencies, Result as DfResult};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Unnest};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// Sets keys right.
#[derive(Debug)]
pub struct TrueKeys;

impl OptimizerRule for TrueKeys {
    fn name(&self) -> &str {
        "true_keys"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        with_true_keys(plan)
    }
}

/// The plan with what depends on keys set right, from each group and each multiplication of rows upwards.
pub fn with_true_keys(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let mut wrong = false;
    plan.apply_with_subqueries(|node| {
        wrong |= true_keys(node).is_some_and(|keys| keys != *node.schema().functional_dependencies());
        Ok(if wrong { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !wrong {
        return Ok(Transformed::no(plan));
    }
    plan.transform_up_with_subqueries(|node| {
        let node = match node {
            // Made anew it would have new columns.
            node @ LogicalPlan::Unnest(_) => node,
            node => node.recompute_schema()?,
        };
        let Some(keys) = true_keys(&node) else { return Ok(Transformed::yes(node)) };
        let schema = Arc::new(node.schema().as_ref().clone().with_functional_dependencies(keys)?);
        Ok(Transformed::yes(match node {
            LogicalPlan::Unnest(unnest) => LogicalPlan::Unnest(Unnest { schema, ..unnest }),
            // Made with a schema it would have the engine's dependencies.
            LogicalPlan::Aggregate(mut aggregate) => {
                aggregate.schema = schema;
                LogicalPlan::Aggregate(aggregate)
            }
            node => node,
        }))
    })
}

/// What depends on what in the rows of a plan of which the engine has it wrong.
fn true_keys(plan: &LogicalPlan) -> Option<FunctionalDependencies> {
    match plan {
        LogicalPlan::Unnest(unnest) => Some(multiplied(unnest)),
        LogicalPlan::Aggregate(aggregate) => Some(grouped(aggregate)),
        _ => None,
    }
}

/// What a multiplication of rows leaves of the dependencies below it.
fn multiplied(unnest: &Unnest) -> FunctionalDependencies {
    let lists: Vec<usize> = unnest.list_type_columns.iter().map(|(input, _)| *input).collect();
    let kept = |inputs: &[usize]| -> Vec<usize> {
        let outputs = unnest.dependency_indices.iter().enumerate();
        let kept = outputs.filter(|(_, input)| inputs.contains(input) && !lists.contains(input));
        kept.map(|(output, _)| output).collect()
    };
    let mut found = Vec::new();
    for dependence in unnest.input.schema().functional_dependencies().iter() {
        let (sources, targets) = (kept(&dependence.source_indices), kept(&dependence.target_indices));
        // A key that a list or the fields of a record took the place of is none.
        if sources.len() != dependence.source_indices.len() {
            continue;
        }
        let mode = if lists.is_empty() { dependence.mode } else { Dependency::Multi };
        found.push(FunctionalDependence::new(sources, targets, dependence.nullable).with_mode(mode));
    }
    FunctionalDependencies::new(found)
}

/// What depends on what among groups: everything on all that they are grouped by, and among that what did before.
fn grouped(aggregate: &Aggregate) -> FunctionalDependencies {
    let mut by: Vec<&Expr> = Vec::with_capacity(aggregate.group_expr.len());
    for expr in &aggregate.group_expr {
        // What is grouped by twice is one column.
        if !by.contains(&expr) {
            by.push(expr);
        }
    }
    if by.is_empty() || by.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        return FunctionalDependencies::empty();
    }
    let input = aggregate.input.schema();
    let place = |expr: &&Expr| match expr {
        Expr::Column(column) => input.maybe_index_of_column(column),
        _ => None,
    };
    let places: Vec<Option<usize>> = by.iter().map(place).collect();
    let grouped = |inputs: &[usize]| -> Vec<usize> {
        let known = places.iter().enumerate();
        known.filter(|(_, place)| place.is_some_and(|place| inputs.contains(&place))).map(|(at, _)| at).collect()
    };
    let all: Vec<usize> = (0..aggregate.schema.fields().len()).collect();
    let mut found = Vec::new();
    for dependence in input.functional_dependencies().iter() {
        let (sources, targets) = (grouped(&dependence.source_indices), grouped(&dependence.target_indices));
        if sources.len() != dependence.source_indices.len() {
            continue;
        }
        let of_each_group = (0..by.len()).all(|at| sources.contains(&at) || targets.contains(&at));
        let dependence = match dependence.mode == Dependency::Single || of_each_group {
            true => FunctionalDependence::new(sources, all.clone(), dependence.nullable).with_mode(Dependency::Single),
            false => FunctionalDependence::new(sources, targets, dependence.nullable),
        };
        found.push(dependence);
    }
    if !found.iter().any(|dependence| dependence.mode == Dependency::Single) {
        let nullable = (0..by.len()).any(|at| aggregate.schema.field(at).is_nullable());
        found.push(FunctionalDependence::new((0..by.len()).collect(), all, nullable).with_mode(Dependency::Single));
    }
    FunctionalDependencies::new(found)
}
