//! WITH before INSERT, UPDATE, DELETE and MERGE, and these as WITH queries themselves.
//!
//! All parts see what was there before the statement: they are planned in its one snapshot, and what each changes only adds up
//! in the transaction. Parts that change rows run first, in their order; the rows that one gives back stand in for it in
//! whatever names it, as rows of a locking subquery do. A part that nobody names runs all the same.

use super::super::context::Context;
use super::super::describe::describe as describe_part;
use super::super::locking::LOCKED;
use super::super::parameters::numbers_in;
use super::super::parser::{Body, Statement, fold, quoted};
use super::super::planner::{Planner, select_query, table_factor};
use super::super::session::Description;
use super::{Changed, Work, delete, insert, merge, update};
use crate::error::{Error, Kind, Result};
use crate::txn::Transaction;
use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{self, Query, SetExpr, Statement as Sql, Visit, Visitor};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What came of such a statement.
pub enum Done {
    /// It changed rows itself, with the beginning of its tag.
    Changed(Changed, &'static str),
    /// It is a query, with what it runs in.
    Query(Arc<Context>, LogicalPlan),
}

/// Whether a query changes rows: itself, or in one of the queries within it.
pub fn is_in(query: &Query) -> bool {
    struct Look;
    impl Visitor for Look {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            if changes(&query.body) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    query.visit(&mut Look).is_break()
}

fn changes(body: &SetExpr) -> bool {
    matches!(body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_))
}

fn parts(query: &Query) -> impl Iterator<Item = &ast::Cte> {
    query.with.iter().flat_map(|with| &with.cte_tables)
}

/// Runs all parts that change rows.
pub async fn run(work: &Work<'_>, txn: &mut Transaction, query: Query) -> Result<Done> {
    must_be_at_top(&query)?;
    if !query.locks.is_empty() {
        return Err(Error::new(Kind::Unsupported, "FOR UPDATE of a query whose WITH changes rows is not supported"));
    }
    let mut standing = Standing::new(work.context, &query);
    let (with, rest) = taken_apart(query);
    for cte in with {
        match changes(&cte.query.body) {
            false => standing.reach(cte),
            true => {
                let context = standing.context();
                let (inner, part) = taken_apart(*cte.query);
                let context = within(&context, inner);
                let (changed, _) = statement(&work.within(&context), txn, *part.body).await?;
                standing.stand_in(cte.alias, changed.returning.map(|rows| rows.relation()).transpose()?)?;
            }
        }
    }
    let context = standing.context();
    if changes(&rest.body) {
        let done = statement(&work.within(&context), txn, *rest.body).await;
        let (changed, tag) = done.map_err(|error| standing.explain(error))?;
        return Ok(Done::Changed(changed, tag));
    }
    let work = work.within(&context);
    let plan = Planner::new(&context, work.state).answer(work.reach(rest)).map_err(|error| standing.explain(error))?;
    Ok(Done::Query(context.clone(), work.bind(plan)?))
}

/// Says what such a statement takes and gives, without running it.
pub fn describe(
    context: &Arc<Context>,
    state: &SessionState,
    query: &Query,
    declared: &[Option<Field>],
) -> Result<Description> {
    let mut known = Known::new(declared, query)?;
    let mut standing = Standing::new(context, query);
    let (with, rest) = taken_apart(query.clone());
    for cte in with {
        if !changes(&cte.query.body) {
            let asked = standing.whole((*cte.query).clone());
            known.of(&standing.context(), state, &said(asked), &numbers_in(&cte.query)?)?;
            standing.reach(cte);
            continue;
        }
        let numbers = numbers_in(&cte.query)?;
        let (inner, part) = taken_apart(*cte.query);
        let columns = known.of(&within(&standing.context(), inner), state, &said_body(*part.body), &numbers)?;
        let empty = |schema: SchemaRef| Ok::<_, Error>(Arc::new(MemTable::try_new(schema, vec![Vec::new()])?) as _);
        standing.stand_in(cte.alias, columns.map(empty).transpose()?)?;
    }
    let numbers = numbers_in(&rest)?;
    let rest = match changes(&rest.body) {
        true => said_body(*rest.body),
        false => said(standing.whole(rest)),
    };
    let columns = known.of(&standing.context(), state, &rest, &numbers).map_err(|e| standing.explain(e))?;
    Ok(Description { params: known.all(), columns })
}

/// Types of parameters, as the parts tell them one after the other.
struct Known(Vec<Option<Field>>);

impl Known {
    fn new(declared: &[Option<Field>], query: &Query) -> Result<Self> {
        let mut known = declared.to_vec();
        let count = numbers_in(query)?.into_iter().max().unwrap_or(0).max(known.len());
        known.resize(count, None);
        Ok(Self(known))
    }

    /// Describes a part that names these parameters; gives its columns.
    fn of(
        &mut self,
        context: &Arc<Context>,
        state: &SessionState,
        part: &Statement,
        numbers: &BTreeSet<usize>,
    ) -> Result<Option<SchemaRef>> {
        // What the part does not name it need not tell.
        let text = |n: usize| Field::new(format!("${n}"), DataType::Utf8, true);
        let declared = self.0.iter().enumerate().map(|(at, field)| match numbers.contains(&(at + 1)) {
            true => field.clone(),
            false => Some(field.clone().unwrap_or_else(|| text(at + 1))),
        });
        let told = describe_part(context, state, part, &declared.collect::<Vec<_>>())?;
        for &number in numbers {
            if let (Some(known @ None), Some(field)) = (self.0.get_mut(number - 1), told.params.get(number - 1)) {
                *known = Some(field.clone());
            }
        }
        Ok(told.columns)
    }

    fn all(self) -> Vec<Field> {
        let text = |n: usize| Field::new(format!("${n}"), DataType::Utf8, true);
        self.0.into_iter().enumerate().map(|(at, field)| field.unwrap_or_else(|| text(at + 1))).collect()
    }
}

fn said(query: Query) -> Statement {
    let text = query.to_string();
    Statement { body: Body::Sql(Box::new(Sql::Query(Box::new(query)))), text, offset: 0 }
}

fn said_body(body: SetExpr) -> Statement {
    match body {
        SetExpr::Insert(sql) | SetExpr::Update(sql) | SetExpr::Delete(sql) | SetExpr::Merge(sql) => {
            let text = sql.to_string();
            Statement { body: Body::Sql(Box::new(sql)), text, offset: 0 }
        }
        body => said(Query { body: Box::new(body), ..empty() }),
    }
}

fn empty() -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Values(ast::Values { explicit_row: false, value_keyword: false, rows: Vec::new() })),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// The WITH queries of a query, and the query without them.
fn taken_apart(mut query: Query) -> (Vec<ast::Cte>, Query) {
    let with = query.with.take();
    (with.map(|with| with.cte_tables).unwrap_or_default(), query)
}

/// The context with more WITH queries in reach.
fn within(context: &Arc<Context>, more: Vec<ast::Cte>) -> Arc<Context> {
    if more.is_empty() {
        return context.clone();
    }
    let mut with = context.with.as_deref().cloned().unwrap_or_else(nothing);
    with.cte_tables.retain(|outer| !more.iter().any(|inner| fold(&inner.alias.name) == fold(&outer.alias.name)));
    with.cte_tables.extend(more);
    Arc::new(Context { with: Some(Arc::new(with)), ..context.as_ref().clone() })
}

fn nothing() -> ast::With {
    let with_token = ast::helpers::attached_token::AttachedToken::empty();
    ast::With { with_token, recursive: false, cte_tables: Vec::new() }
}

/// Runs a statement that changes rows; gives the beginning of its tag with what it did.
async fn statement(work: &Work<'_>, txn: &mut Transaction, body: SetExpr) -> Result<(Changed, &'static str)> {
    match body {
        SetExpr::Insert(Sql::Insert(said)) => Ok((insert(work, txn, said).await?, "INSERT 0")),
        SetExpr::Update(Sql::Update(said)) => Ok((update(work, txn, said).await?, "UPDATE")),
        SetExpr::Delete(Sql::Delete(said)) => Ok((delete(work, txn, said).await?, "DELETE")),
        SetExpr::Merge(Sql::Merge(said)) => Ok((merge(work, txn, said).await?, "MERGE")),
        other => Err(Error::new(Kind::Unsupported, format!("{other} is not supported in WITH"))),
    }
}

/// What stands in for the WITH queries that have run, and those that have not.
struct Standing {
    context: Arc<Context>,
    with: ast::With,
    /// Names of those that gave no rows back.
    silent: Vec<String>,
}

impl Standing {
    fn new(context: &Arc<Context>, query: &Query) -> Self {
        let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
        Self { context: context.clone(), with: ast::With { recursive, ..nothing() }, silent: Vec::new() }
    }

    fn reach(&mut self, cte: ast::Cte) {
        self.with.cte_tables.push(cte);
    }

    /// What the next part runs in.
    fn context(&self) -> Arc<Context> {
        match self.with.cte_tables.is_empty() {
            true => self.context.clone(),
            false => Arc::new(Context { with: Some(Arc::new(self.with.clone())), ..self.context.as_ref().clone() }),
        }
    }

    /// A query with all that it can name.
    fn whole(&self, mut query: Query) -> Query {
        if query.with.is_none() && !self.with.cte_tables.is_empty() {
            query.with = Some(self.with.clone());
        }
        query
    }

    fn stand_in(&mut self, alias: ast::TableAlias, rows: Option<Arc<dyn TableProvider>>) -> Result<()> {
        let Some(rows) = rows else {
            self.silent.push(fold(&alias.name));
            return Ok(());
        };
        let name = format!("with {}", fold(&alias.name));
        let mut locked = self.context.locked.as_ref().clone();
        locked.insert(name.clone(), rows);
        self.context = Arc::new(Context { locked: Arc::new(locked), ..self.context.as_ref().clone() });
        let from = vec![ast::TableWithJoins {
            relation: table_factor([LOCKED, name.as_str()].map(quoted).to_vec()),
            joins: Vec::new(),
        }];
        let all = ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default());
        let query = Box::new(select_query(vec![all], from, None)?);
        let closing_paren_token = ast::helpers::attached_token::AttachedToken::empty();
        self.with.cte_tables.push(ast::Cte { alias, query, from: None, materialized: None, closing_paren_token });
        Ok(())
    }

    /// A part without RETURNING has no rows to name.
    fn explain(&self, error: Error) -> Error {
        let named = |name: &&String| error.message().contains(&format!("\"{name}\""));
        match self.silent.iter().find(named).filter(|_| error.kind() == Kind::UndefinedTable) {
            Some(name) => {
                Error::new(Kind::Unsupported, format!("WITH query \"{name}\" does not have a RETURNING clause"))
            }
            None => error,
        }
    }
}

/// Refuses changes further within.
fn must_be_at_top(query: &Query) -> Result<()> {
    struct Look(usize);
    impl Visitor for Look {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            self.0 += 1;
            // The statement itself, and what its own WITH queries are.
            match self.0 > 2 && changes(&query.body) || self.0 > 1 && parts(query).any(|cte| changes(&cte.query.body)) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }
    }
    match Visit::visit(query, &mut Look(0)).is_break() {
        false => Ok(()),
        true => {
            let message = "WITH clause containing a data-modifying statement must be at the top level";
            Err(Error::new(Kind::Unsupported, message))
        }
    }
}
