//! Relations in FROM as the engine's planner is given them: with what really depends on their keys, names for the columns that an
//! alias leaves out, and columns of one name told apart.

use super::super::names;
use super::super::parser::{fold, quoted};
use super::elements;
use super::multiplied::with_true_keys;
use crate::error::{Error, Kind, Result};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{TableAlias, TableAliasColumnDef, TableFactor};

/// Plans queries and tables in FROM.
#[derive(Debug)]
pub struct Relations;

impl RelationPlanner for Relations {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> DfResult<RelationPlanning> {
        // A relation comes here again from `plan`: the first time it has a name of its own, or no mark.
        let mut alias = match &mut relation {
            TableFactor::Derived { alias, .. } if alias.is_some() => alias.take(),
            TableFactor::Table { alias, args: None, with_ordinality, .. } if !*with_ordinality => {
                *with_ordinality = true;
                alias.take()
            }
            TableFactor::UNNEST { alias, .. } if alias.is_some() => alias.take(),
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let plan = told_apart(elements::marked(with_true_keys(context.plan(relation)?)?.data)?)?;
        if let Some(alias) = alias.as_mut().filter(|alias| !alias.columns.is_empty()) {
            name_the_rest(alias, plan.schema())?;
        }
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// Columns that a relation's alias does not name keep their names.
fn name_the_rest(alias: &mut TableAlias, schema: &DFSchema) -> Result<()> {
    let (there, named) = (schema.fields().len(), alias.columns.len());
    if named > there {
        let name = fold(&alias.name);
        let message = format!("table \"{name}\" has {there} columns available but {named} columns specified");
        return Err(Error::new(Kind::InvalidColumnReference, message));
    }
    let rest = schema.fields().iter().skip(named);
    alias.columns.extend(rest.map(|field| TableAliasColumnDef { name: quoted(field.name()), data_type: None }));
    Ok(())
}

/// Columns of one name under names that nobody writes: to say the one name is ambiguous, and both are shown under it.
fn told_apart(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    let schema = plan.schema();
    let shown: Vec<&str> = (0..schema.fields().len()).map(|at| names::written(schema.inner(), at)).collect();
    let is_twin = |at: usize| shown.iter().filter(|name| **name == shown[at]).count() > 1;
    if !(0..shown.len()).any(is_twin) {
        return Ok(plan);
    }
    let columns = schema.iter().zip(schema.columns()).enumerate().map(|(at, ((qualifier, field), column))| {
        let column = Expr::Column(column);
        match is_twin(at) && !field.name().starts_with(names::HIDDEN) {
            true => column.alias_qualified(qualifier.cloned(), names::hidden(at, shown[at])),
            false => column,
        }
    });
    LogicalPlanBuilder::from(plan.clone()).project(columns.collect::<Vec<_>>())?.build()
}
