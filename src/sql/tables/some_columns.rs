//! A view of which a role may read some columns alone.
//!
//! The view's query is planned by itself when it is known which columns are wanted: one that the role may not read is refused then.

use super::super::context::Context;
use super::super::run;
use super::may;
use crate::catalog::{Privilege, View};
use crate::error::{Error, Kind};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::fmt;
use std::sync::Arc;

/// The rows of a view, and which of its columns may be read.
pub struct SomeColumns {
    context: Arc<Context>,
    state: SessionState,
    name: String,
    plan: LogicalPlan,
    schema: SchemaRef,
    open: Vec<bool>,
}

impl SomeColumns {
    /// The view whose query has this plan.
    pub fn new((context, state): (&Arc<Context>, &SessionState), view: &View, plan: LogicalPlan) -> Self {
        let schema = plan.schema().inner().clone();
        let readable = |name: &str| may(context, view.owner, &view.grants, Privilege::Select, &[name]);
        let open = schema.fields().iter().map(|field| readable(field.name())).collect();
        Self { context: context.clone(), state: state.clone(), name: view.name.clone(), plan, schema, open }
    }

    /// The plan of the view's query.
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }
}

impl fmt::Debug for SomeColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SomeColumns").field("view", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for SomeColumns {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let all = (0..self.open.len()).collect();
        let projection = projection.unwrap_or(&all);
        if projection.iter().any(|&at| self.open.get(at) != Some(&true)) {
            return Err(Error::new(Kind::Privilege, format!("permission denied for view {}", self.name)).into());
        }
        let columns = self.plan.schema().columns();
        let wanted = projection.iter().filter_map(|&at| Some(Expr::Column(columns.get(at)?.clone())));
        let plan = LogicalPlanBuilder::from(self.plan.clone()).project(wanted.collect::<Vec<_>>())?.build()?;
        let optimised = run::optimised(&self.context, &self.state, &plan)?;
        Ok(run::physical(&self.state, &optimised).await?)
    }
}
