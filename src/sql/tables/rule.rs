//! Conditions of row policies, ready to be asked of rows.
//!
//! One that speaks of its row alone is an expression over the table's columns. One with queries within is a query over the rows: what
//! it reads, it reads with the rights of who asks, behind the gate, so that row policies of those relations hold as well. A policy that
//! comes back to its own relation has no end, and is refused.

use super::super::context::Context;
use super::super::planner::{Planner, parse_expression, select_query, table_factor};
use super::super::rewrite::{inline, level};
use super::super::{parser, run};
use super::seen::hidden;
use crate::catalog::{ObjectId, Table};
use crate::config::{POLICIES_WITHIN_MAX, THREAD_STACK_BYTES};
use crate::error::{Error, Kind, Result};
use arrow::array::{BooleanArray, RecordBatch};
use datafusion::catalog::TableProvider;
use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::MemTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// Schema of the rows that a policy with queries is asked of: in these its table's name means the table.
const POLICED: &str = "\u{1}policed";

/// A condition over the rows of a table.
#[derive(Debug)]
pub enum Rule {
    /// It speaks of its row alone; as the engine plans it, and as it runs.
    Plain(Expr, Arc<dyn PhysicalExpr>),
    /// It has queries within.
    Asking(ast::Expr),
}

impl Rule {
    /// The condition in this text. `InvalidDefinition` (42P17) if its queries come back to the table whose policy is being asked,
    /// `LimitExceeded` if policies ask each other without end in sight.
    pub fn of(context: &Arc<Context>, state: &SessionState, id: ObjectId, table: &Table, text: &str) -> Result<Self> {
        let written = parse_expression(text)?;
        if asks(&written, context)? {
            if context.policing.contains(&id) {
                let message = format!("infinite recursion detected in policy for relation \"{}\"", table.name);
                return Err(Error::new(Kind::InvalidDefinition, message));
            }
            if context.policing.len() == POLICIES_WITHIN_MAX {
                let message = format!("row policies of more than {POLICIES_WITHIN_MAX} tables ask each other");
                return Err(Error::new(Kind::LimitExceeded, message)
                    .with_hint("Keep what a policy needs to know in a table of its own, which has none."));
            }
            return Ok(Self::Asking(written));
        }
        // What it says of the row is the owner's to say: whoever asks need not be allowed to read it.
        let owner = context.with_role(table.owner);
        let planner = Planner::new(&owner, state);
        let schema = columns(table)?;
        let simple = planner.simple(planner.expression(written, &schema)?, &schema)?;
        let physical = state.create_physical_expr(simple.clone(), &schema)?;
        Ok(Self::Plain(simple, physical))
    }

    /// Whether it holds for every one of these whole rows of the table.
    pub async fn holds_for_all(
        &self,
        context: &Arc<Context>,
        state: &SessionState,
        (id, table): (ObjectId, &Table),
        rows: &RecordBatch,
    ) -> Result<bool> {
        let condition = match self {
            Self::Plain(..) => return self.holds_now(rows),
            Self::Asking(condition) => condition,
        };
        let given = Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?);
        let one = ast::SelectItem::UnnamedExpr(parse_expression("1")?);
        let (context, plan) = asked((context, state), (id, table), condition.clone(), given, vec![one])?;
        let found = run::collect(&context, state, &plan).await.map_err(|error| hidden(error, "a row policy"))?;
        Ok(found.iter().map(RecordBatch::num_rows).sum::<usize>() == rows.num_rows())
    }

    /// The same where nothing can be waited for. `Unsupported` of one with queries.
    pub fn holds_now(&self, rows: &RecordBatch) -> Result<bool> {
        let Self::Plain(_, condition) = self else {
            return Err(Error::new(Kind::Unsupported, "COPY FROM not supported with row-level security")
                .with_detail("A row policy of the table has a query in its condition.")
                .with_hint("Use INSERT statements instead."));
        };
        let holds = condition.evaluate(rows).and_then(|holds| holds.into_array(rows.num_rows()));
        let holds = holds.map_err(|error| hidden(error, "a row policy"))?;
        let holds = holds.as_any().downcast_ref::<BooleanArray>();
        // NULL is not true.
        Ok(holds.is_some_and(|holds| holds.true_count() == rows.num_rows()))
    }

    /// Whether it has queries within.
    pub fn is_asking(&self) -> bool {
        matches!(self, Self::Asking(_))
    }
}

/// The columns of a table as its policies name them: by their names, or behind the table's.
pub fn columns(table: &Table) -> Result<DFSchema> {
    // As it is: a text would be read as a name in SQL.
    let called = TableReference::bare(table.name.as_str());
    Ok(DFSchema::try_from_qualified_schema(called, &table.arrow_schema())?)
}

/// Whether a condition has queries within, those of the functions that it calls among them.
pub fn asks(condition: &ast::Expr, context: &Context) -> Result<bool> {
    let mut written = condition.clone();
    inline::write_out(&mut written, context)?;
    Ok(level::asks(&written))
}

/// Refuses a condition with queries that cannot be planned over the rows of the table.
pub fn must_plan_asking(
    (context, state): (&Arc<Context>, &SessionState),
    (id, table): (ObjectId, &Table),
    condition: ast::Expr,
) -> Result<()> {
    let none = Arc::new(MemTable::try_new(table.arrow_schema(), vec![Vec::new()])?);
    let one = ast::SelectItem::UnnamedExpr(parse_expression("1")?);
    let (context, plan) = asked((context, state), (id, table), condition, none, vec![one])?;
    run::optimised(&context, state, &plan).map(|_| ())
}

/// Does work on a thread with a whole stack, and waits for it.
fn on_its_own_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| Error::io("a thread that plans a row policy", &error))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The plan of `items` of those of the table's rows, which `rows` stands in for, that a condition with queries holds for; and the context to
/// run it in.
pub fn asked(
    (context, state): (&Arc<Context>, &SessionState),
    (id, table): (ObjectId, &Table),
    condition: ast::Expr,
    rows: Arc<dyn TableProvider>,
    items: Vec<ast::SelectItem>,
) -> Result<(Arc<Context>, LogicalPlan)> {
    let policing = context.policing.iter().copied().chain([id]).collect();
    let context = Arc::new(Context { policing, ..context.as_ref().clone() });
    let mut relation = table_factor([POLICED, &table.name].map(parser::quoted).to_vec());
    if let ast::TableFactor::Table { alias, .. } = &mut relation {
        let name = parser::quoted(&table.name);
        *alias = Some(ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None });
    }
    let from = vec![ast::TableWithJoins { relation, joins: Vec::new() }];
    let query = select_query(items, from, Some(ast::Expr::Nested(Box::new(condition))))?;
    let planner = Planner::new(&context, state).with_override(POLICED, &table.name, rows);
    // It is planned within the plan of what asks for the table, which may lie as deep as a stack allows.
    let plan = on_its_own_stack(|| planner.query(query))?;
    Ok((context, plan))
}
