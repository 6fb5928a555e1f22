//! The engine's physical optimizer, kept from what it gets wrong: rules around its own.
//!
//! * **Constants.** What is constant on the side of an outer join that may be NULL, or below grouping sets, is no constant above: an
//!   order by it was dropped. Such a side is passed on without its constants ([`barriers`]).
//! * **UNION.** What is another constant in each of its queries was left out of the order of each, and of what tells the first rows
//!   of all of them: rows that belong among the first were left out. A union is passed on without such constants ([`barriers`]).
//! * **Equations.** Where a condition equates a column with what is computed, the engine takes the order of the one for that of the
//!   other in one place and not in the next. The rows that fit are passed on without the equation ([`barriers`]).
//! * **OFFSET.** An order above `LIMIT n OFFSET m` was pushed below it with `n` for the rows that are needed, which are `n + m`.
//!   Above such a limit nothing is pushed down ([`barriers`]). An OFFSET without LIMIT has a limit of all rows (`semantics::ALL_ROWS`): what sorts
//!   for it sorts them all.
//! * **Conditions first.** A projection was put below a condition, and computed for the rows that the condition excludes, for which it
//!   may be an error: it is put back above ([`excluded`]).
//! * **Columns of conditions.** A projection above a condition that gives out some of its columns was put below it as it is, where the
//!   columns have other places: such conditions give out all before projections are moved ([`whole`]).

mod barriers;
mod excluded;
mod whole;

use super::tables::{IntoScans, Sides};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use std::sync::Arc;

/// The rules of the engine's physical optimizer, with ours where they belong.
pub fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![Arc::new(barriers::Barriers)];
    for rule in PhysicalOptimizer::new().rules {
        // Above an outer join it takes columns of one name on both sides for each other. No scan here takes filters so.
        if rule.name().starts_with("FilterPushdown") {
            continue;
        }
        // Behind all that estimates rows, before what makes leaves give way.
        if rule.name() == "EnsureCooperative" {
            rules.push(Arc::new(IntoScans));
        }
        // Before groups are gathered in as much room as a limit has rows; behind all that hands limits down, before what runs is looked at.
        if matches!(rule.name(), "LimitAggregation" | "EnsureCooperative") {
            rules.push(Arc::new(barriers::AllRows));
        }
        let (moves, chooses) = (rule.name() == "ProjectionPushdown", rule.name() == "join_selection");
        if moves {
            rules.push(Arc::new(whole::WholeConditions));
        }
        rules.push(rule);
        if chooses {
            rules.push(Arc::new(Sides));
        }
        if moves {
            rules.push(Arc::new(excluded::ConditionsFirst));
        }
    }
    rules
}
