//! What a function that gives rows reads, and which of it each of its columns comes from.
//!
//! Such a function is told by name what to read, and runs queries of its own: the plan of the statement that calls it shows nothing
//! of them. So it says ([`Reads`]) of which columns of which relations each of its columns has values, in the way in which an
//! expression would have them, and [`derived`](super::derived()) goes on with the plans of these relations, through views down to tables.
//! So do the views of schema `steward` that show values. What says nothing is of the viewer: nobody knows what is in it.

use super::super::context::Context;
use super::super::tables;
use crate::catalog::Influence;
use crate::error::Result;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DfResult, Statistics};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A column of an input that has a part in a column of the function.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// The number of the input.
    pub input: usize,
    /// The column of the input.
    pub column: String,
    /// The column of the function; empty where it decides which rows there are.
    pub to: String,
    /// How.
    pub influence: Influence,
}

/// What a function reads.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    pub(super) inputs: Vec<LogicalPlan>,
    pub(super) columns: Vec<Taken>,
    pub(super) rows: Vec<Taken>,
    pub(super) models: Vec<(String, String)>,
}

impl Reads {
    /// It reads this relation, as the context's role may see it; later ones are counted on from 0.
    pub fn relation(mut self, context: &Arc<Context>, state: &SessionState, schema: &str, name: &str) -> Result<Self> {
        let source = tables::open(context, state, schema, name)?;
        self.inputs.push(LogicalPlanBuilder::scan("t", source, None)?.build()?);
        Ok(self)
    }

    /// It reads the rows of this query.
    pub fn query(mut self, plan: LogicalPlan) -> Self {
        self.inputs.push(plan);
        self
    }

    /// Whether it reads nothing.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.models.is_empty()
    }

    /// How many relations and queries it reads so far.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The names of an input's columns.
    pub fn columns_of(&self, input: usize) -> Vec<String> {
        let fields = self.inputs.get(input).map(|plan| plan.schema().fields().clone()).unwrap_or_default();
        fields.iter().map(|field| field.name().clone()).collect()
    }

    /// One of its columns has values of these columns of an input.
    pub fn column(mut self, to: &str, input: usize, from: &[String], influence: Influence) -> Self {
        let of = |column: &String| Taken { input, column: column.clone(), to: to.to_owned(), influence };
        self.columns.extend(from.iter().map(of));
        self
    }

    /// One of its columns tells a row of an input apart: by the one column of its key as it is, by several as one text.
    pub fn key(self, to: &str, input: usize, key: &[String]) -> Self {
        let influence = if key.len() == 1 { Influence::Identity } else { Influence::Transformation };
        self.column(to, input, key, influence)
    }

    /// These columns of an input decide which rows there are.
    pub fn rows(mut self, input: usize, from: &[String], influence: Influence) -> Self {
        let of = |column: &String| Taken { input, column: column.clone(), to: String::new(), influence };
        self.rows.extend(from.iter().map(of));
        self
    }

    /// One of its columns has what a model says.
    pub fn model(mut self, to: &str, model: &str) -> Self {
        self.models.push((to.to_owned(), model.to_owned()));
        self
    }

    /// The rows of the function, which come from there.
    pub fn by(self, rows: Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
        Arc::new(Reading { rows, reads: OnceLock::from(self), make: None })
    }

    /// Whether these rows say where they come from.
    pub fn are_told(rows: &Arc<dyn TableProvider>) -> bool {
        rows.downcast_ref::<Reading>().is_some()
    }

    /// The rows of what reads so much that it is only asked when somebody wants to know.
    pub fn later(
        context: &Arc<Context>,
        make: fn(&Arc<Context>) -> Self,
        rows: Arc<dyn TableProvider>,
    ) -> Arc<dyn TableProvider> {
        Arc::new(Reading { rows, reads: OnceLock::new(), make: Some((context.clone(), make)) })
    }
}

/// Makes what is read of a statement's context.
type Make = (Arc<Context>, fn(&Arc<Context>) -> Reads);

/// The rows of a function or view that says what it reads.
pub(super) struct Reading {
    rows: Arc<dyn TableProvider>,
    reads: OnceLock<Reads>,
    make: Option<Make>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Reading {
    /// What it reads.
    pub fn reads(&self) -> &Reads {
        self.reads.get_or_init(|| self.make.as_ref().map(|(context, make)| make(context)).unwrap_or_default())
    }
}

#[async_trait]
impl TableProvider for Reading {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        self.rows.table_type()
    }

    fn statistics(&self) -> Option<Statistics> {
        self.rows.statistics()
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.rows.scan(session, projection, filters, limit).await
    }
}
