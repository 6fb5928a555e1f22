//! Relations as the engine sees them, each behind the gate.
//!
//! [`open`] is the one door: it looks a name up in the statement's snapshot, asks `governance` what the role may see of
//! it, and gives out a relation that shows just that. A table's rows are masked and filtered inside the leaf of the
//! plan that reads them ([`table`]), so that no expression of a user can be moved below.

mod asked;
mod asking;
mod asset;
mod damage;
mod found;
mod gate;
mod guess;
mod inherited;
mod lazy;
mod like;
mod listings;
mod past;
mod predicate;
mod prune;
mod push;
mod remote;
mod rule;
mod scan;
mod seen;
mod sequence;
mod sides;
mod some_columns;
mod table;
mod tell;

pub use asset::{Outside, assets, count as count_assets, may_read, must_get as must_get_asset};
pub use damage::Damage;
pub use gate::{Access, access, decide, has_row_policies, may, met_rows, must_have, must_have_on, written_rows};
pub use lazy::LazyTable;
pub use listings::Listings;
pub use past::open as open_past;
pub use push::IntoScans;
pub use remote::{Remotes, options as remote_options};
pub use rule::{Rule, asks, columns as columns_for_policies, must_plan_asking};
pub use seen::{Seen, hidden};
pub use sides::Sides;
pub use some_columns::SomeColumns;
pub use table::{ROW_ID, TableScan};

use super::context::Context;
use super::lineage;
use super::parser;
use super::planner::{Planner, plan_source};
use super::system;
use crate::catalog::{Object, ObjectId, Privilege, View, is_temporary};
use crate::error::{Error, Kind, Result};
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableSource, lit};
use std::sync::Arc;

/// The relation `schema.name` as the context's role may see it.
pub fn open(context: &Arc<Context>, state: &SessionState, schema: &str, name: &str) -> Result<Arc<dyn TableSource>> {
    if let Some(provider) = system::open(context, schema, name) {
        return Ok(provider_as_source(provider));
    }
    context.must_reach(schema)?;
    let catalog = &context.snapshot.catalog;
    match catalog.relation(schema, name) {
        Some((id, Object::Table(_))) => Ok(provider_as_source(Arc::new(TableScan::open(context, state, id)?))),
        Some((id, Object::View(view))) => open_view(context, state, id, view),
        Some((id, Object::Sequence(_))) => Ok(provider_as_source(sequence::open(context, id)?)),
        Some((_, Object::Index(_) | Object::PlainIndex(_))) => {
            Err(Error::new(Kind::WrongObject, format!("\"{name}\" is an index")))
        }
        _ if catalog.source(schema).is_some() => Ok(provider_as_source(asset::open(context, schema, name)?)),
        _ => Err(undefined(context, schema, name)),
    }
}

fn open_view(context: &Arc<Context>, state: &SessionState, id: ObjectId, view: &View) -> Result<Arc<dyn TableSource>> {
    // What a view calls by its own name is a WITH query of its own; the planner asks for the relation all the same.
    if context.opening.contains(&id) {
        return Err(undefined(context, &view.schema, &view.name));
    }
    must_have_on_columns(context, view, Privilege::Select, &[])?;
    let owner = of_owner(context, id, view);
    let query = parser::query(&view.query)?;
    let plan = fenced(Planner::new(&owner, state).relation_of(query, &view.columns)?, view.barrier)?;
    // So that who asks where columns come from meets the view on the way.
    let mark = TableReference::partial(lineage::VIEW, id.to_string());
    let plan = LogicalPlanBuilder::from(plan).alias(mark)?.build()?;
    match may_on_whole(context, view, Privilege::Select) {
        true => Ok(plan_source(plan)),
        false => Ok(provider_as_source(Arc::new(SomeColumns::new((context, state), view, plan)))),
    }
}

/// What a view's query runs in: with the owner's rights, as in PostgreSQL, but masks are the reader's. What an owner may see plain does
/// not become plain for everybody who may read the view. Nor does a relation that the reader has made for itself stand in for one that
/// the view was made to read.
pub fn of_owner(context: &Context, id: ObjectId, view: &View) -> Arc<Context> {
    let owner = context.with_role(view.owner);
    let owner = if is_temporary(&view.schema) { owner.as_ref().clone() } else { owner.without_temporary() };
    let opening = context.opening.iter().copied().chain([id]).collect();
    Arc::new(Context { opening, ..owner })
}

/// A view's plan; one that is a barrier lets nothing be put below.
pub fn fenced(plan: LogicalPlan, barrier: bool) -> Result<LogicalPlan> {
    match barrier {
        true => Ok(LogicalPlanBuilder::from(plan).limit_by_expr(Some(lit(0i64)), None)?.build()?),
        false => Ok(plan),
    }
}

/// Whether a role has a right on a view as a whole.
fn may_on_whole(context: &Context, view: &View, privilege: Privilege) -> bool {
    context.has_role(view.owner) || context.has_grant(&view.grants, privilege)
}

/// Refuses a role that lacks a right on a view and on one of these columns of it; on all of them, where none is named.
pub fn must_have_on_columns(context: &Context, view: &View, privilege: Privilege, columns: &[&str]) -> Result<()> {
    match may(context, view.owner, &view.grants, privilege, columns) {
        true => Ok(()),
        false => Err(Error::new(Kind::Privilege, format!("permission denied for view {}", view.name))),
    }
}

/// The error for a relation that is not there.
pub fn undefined(context: &Context, schema: &str, name: &str) -> Error {
    let written = match context.settings.search_path().first().is_some_and(|first| first == schema) {
        true => name.to_owned(),
        false => format!("{schema}.{name}"),
    };
    Error::new(Kind::UndefinedTable, format!("relation \"{written}\" does not exist"))
}

/// Names of the columns of a relation, as far as they are known without planning.
pub fn columns_of(context: &Context, schema: &str, name: &str) -> Option<Vec<String>> {
    let names = |schema: arrow::datatypes::SchemaRef| schema.fields().iter().map(|f| f.name().clone()).collect();
    if let Some(columns) = system::columns(schema, name) {
        return Some(names(columns));
    }
    context.snapshot.catalog.source(schema)?;
    must_get_asset(context, schema, name).and_then(|asset| asset.schema()).ok().map(names)
}
