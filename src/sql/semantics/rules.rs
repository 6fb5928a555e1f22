//! The engine's logical optimizer, with rules of ours where they belong.

use super::all_rows::AllRows;
use super::fence::Fences;
use super::lateral_constants::{self, LateralConstants};
use super::midnights::Midnights;
use super::multiplied::TrueKeys;
use super::whole_groups::WholeGroups;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use std::sync::Arc;

/// Rules of the engine that ask for keys.
const ASK: [&str; 3] = ["replace_distinct_aggregate", "eliminate_duplicated_expr", "optimize_projections"];

/// The optimizer's rules, with fences before all, keys set right before those that ask for them, groups kept from conditions, and days
/// compared as days once constants are computed.
pub fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let right: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(TrueKeys);
    let whole: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(WholeGroups);
    let constants: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(LateralConstants);
    let midnights: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(Midnights);
    let with = |rule: Arc<dyn OptimizerRule + Send + Sync>| {
        let before = match rule.name() {
            name if ASK.contains(&name) => Some(right.clone()),
            "push_down_filter" => Some(whole.clone()),
            lateral_constants::BEFORE => Some(constants.clone()),
            _ => None,
        };
        let after = (rule.name() == "simplify_expressions").then(|| midnights.clone());
        before.into_iter().chain([rule]).chain(after)
    };
    let fences: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(Fences);
    let all: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(AllRows);
    [all, fences].into_iter().chain(Optimizer::new().rules.into_iter().flat_map(with)).collect()
}
