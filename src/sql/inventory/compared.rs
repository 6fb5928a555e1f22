//! What is different between two runs.

use super::super::context::Context;
use super::kept::{distributions, facts};
use crate::catalog::AssetState;
use crate::error::Result;
use crate::governance::change::{self, Change, Distribution, changes};
use std::collections::BTreeMap;

/// A change of an asset between two runs.
pub struct Difference {
    /// The state in which the asset is found after it, or before it if it is gone.
    pub state: AssetState,
    /// What has changed.
    pub change: Change,
}

/// All changes from the state after run `from` to that after run `to`, asset by asset; a run of 0 has found nothing.
pub fn differences(context: &Context, from: u64, to: u64) -> Result<Vec<Difference>> {
    let catalog = context.snapshot.catalog.clone();
    let mut assets: BTreeMap<&str, Vec<&AssetState>> = BTreeMap::new();
    let states = catalog.asset_states();
    for (_, state) in &states {
        assets.entry(&state.asset).or_default().push(state);
    }
    let mut found = Vec::new();
    for states in assets.values() {
        let at =
            |run: u64| states.iter().rev().find(|state| state.run <= run).copied().filter(|state| state.was_there(run));
        let (before, after) = (at(from), at(to));
        let Some(told) = after.or(before) else { continue };
        if before.zip(after).is_some_and(|(before, after)| before.run == after.run) {
            continue;
        }
        context.cancel.check()?;
        let (was, is) = (whole(context, before)?, whole(context, after)?);
        let different = changes(
            was.as_ref().map(|(state, spread)| (state, spread.as_slice())),
            is.as_ref().map(|(state, spread)| (state, spread.as_slice())),
        );
        found.extend(different.into_iter().map(|change| Difference { state: told.clone(), change }));
    }
    Ok(found)
}

/// The facts of a state, with the distributions of its columns.
type Whole = (change::AssetState, Vec<(String, Distribution)>);

fn whole(context: &Context, state: Option<&AssetState>) -> Result<Option<Whole>> {
    let Some(state) = state else { return Ok(None) };
    Ok(Some((facts(state)?, distributions(context, state).unwrap_or_default())))
}
