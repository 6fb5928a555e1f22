//! SELECT ... FOR UPDATE and its kin, wherever a query may stand.
//!
//! The rows of such a query are locked in its order, one after another, before anything is made of them: LIMIT counts
//! those that were got, SKIP LOCKED passes over the others. A query inside another is run first and stands there as the
//! rows that it gave; so it cannot refer to the query around it.

use super::super::context::Context;
use super::super::dml::{Target, Work};
use super::super::execute::batches_stream;
use super::super::lineage::{Derived, Told, derived};
use super::super::parser::{Strength, fold, split, strength};
use super::super::planner::{Planner, select_query, table_factor};
use super::super::session::{Outcome, Session};
use super::super::tables::{ROW_ID, TableScan, must_have};
use super::super::{names, run};
use super::Patience;
use crate::catalog::{Object, Privilege};
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use crate::txn::locks::{Mode, Taking};
use crate::txn::{RowId, Transaction};
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{SchemaRef, UInt64Type};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{FetchType, LogicalPlan, SkipType};
use datafusion::sql::sqlparser::ast::{self, Visit, VisitMut, Visitor, VisitorMut};
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The schema, which no user can name, of rows that stand in for a query that locks.
pub const LOCKED: &str = "\u{1}locked";
/// Begins the names of the columns of row ids.
const LOCK: &str = "\u{1}lock";

/// Relations of [`LOCKED`] by name.
pub type Locked = BTreeMap<String, Arc<dyn TableProvider>>;

/// Whether a query locks rows, itself or in one of its parts.
pub fn is_in(query: &ast::Query) -> bool {
    struct Look;
    impl Visitor for Look {
        type Break = ();
        fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
            match query.locks.is_empty() {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        }
    }
    query.visit(&mut Look).is_break()
}

/// Runs a query that locks rows.
pub async fn select(session: &mut Session, query: ast::Query) -> Result<Outcome> {
    loop {
        let (context, state) = session.context();
        let txn = session.transaction()?.clone();
        let work = Work::new(&context, &state);
        match attempt(&work, &txn, query.clone()).await {
            Err(_) if work.again.load(Ordering::Relaxed) => session.refresh()?,
            Err(error) => return Err(error),
            Ok((schema, batches)) => {
                let named = names::named(&query, &schema);
                let stream = names::renamed(named.clone(), batches_stream(schema, batches));
                return Ok(Outcome::Rows { stream, schema: named, tag: "SELECT".to_owned() });
            }
        }
    }
}

async fn attempt(work: &Work<'_>, txn: &Transaction, mut query: ast::Query) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let locks = std::mem::take(&mut query.locks);
    let context = inner(work, txn, &mut query).await?;
    let work = work.within(&context);
    if !locks.is_empty() {
        query.locks = locks;
        let (schema, batches, _) = locked(&work, txn, query).await?;
        return Ok((schema, batches));
    }
    let plan = work.bind(Planner::new(&context, work.state).answer(query)?)?;
    let stream = run::stream(&context, work.state, &plan).await?;
    Ok((stream.schema(), stream.try_collect().await?))
}

/// Runs the queries inside a statement that lock rows; their rows stand in for them.
pub async fn inner(work: &Work<'_>, txn: &Transaction, statement: &mut impl VisitMut) -> Result<Arc<Context>> {
    struct Take(Vec<ast::Query>);
    impl VisitorMut for Take {
        type Break = Error;
        fn post_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
            if query.locks.is_empty() {
                return ControlFlow::Continue(());
            }
            let name = [LOCKED.to_owned(), self.0.len().to_string()].map(|part| ast::Ident::with_quote('"', part));
            let from = vec![ast::TableWithJoins { relation: table_factor(name.to_vec()), joins: Vec::new() }];
            let all = ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default());
            match select_query(vec![all], from, None) {
                Ok(stand_in) => self.0.push(std::mem::replace(query, stand_in)),
                Err(error) => return ControlFlow::Break(error),
            }
            ControlFlow::Continue(())
        }
    }
    let mut take = Take(Vec::new());
    if let ControlFlow::Break(error) = statement.visit(&mut take) {
        return Err(error);
    }
    let mut context = work.context.clone();
    for (n, query) in take.0.into_iter().enumerate() {
        let (schema, batches, derived) = locked(&work.within(&context), txn, query).await.map_err(outer_reference)?;
        let mut rows = context.locked.as_ref().clone();
        let locked = Arc::new(MemTable::try_new(schema, vec![batches])?);
        rows.insert(n.to_string(), Arc::new(Told::new(locked, derived)));
        context = Arc::new(Context { locked: Arc::new(rows), ..context.as_ref().clone() });
    }
    Ok(context)
}

fn outer_reference(error: Error) -> Error {
    match error.kind() {
        Kind::UndefinedColumn | Kind::UndefinedTable => {
            error.with_hint("A subquery with FOR UPDATE or FOR SHARE cannot refer to the query around it.")
        }
        _ => error,
    }
}

/// A table of FROM whose rows are locked.
struct Lock {
    target: Target,
    mode: Mode,
    patience: Patience,
    ids: Vec<RowId>,
}

/// The rows of a query that locks them.
async fn locked(
    work: &Work<'_>,
    txn: &Transaction,
    mut query: ast::Query,
) -> Result<(SchemaRef, Vec<RecordBatch>, Derived)> {
    let clauses = std::mem::take(&mut query.locks);
    let words = clause_words(&clauses);
    txn.must_write(&format!("SELECT {words}"))?;
    let mut locks = locks(work, &query, &clauses, &words)?;
    let limited = query.limit_clause.is_some() || query.fetch.is_some();
    let mut planner = Planner::new(work.context, work.state);
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        for (n, lock) in locks.iter().enumerate() {
            work.use_table(txn, &lock.target).await?;
            let id = vec![lock.target.called.clone(), ast::Ident::with_quote('"', ROW_ID)];
            let alias = ast::Ident::with_quote('"', format!("{LOCK}{n}"));
            select.projection.push(ast::SelectItem::ExprWithAlias { expr: ast::Expr::CompoundIdentifier(id), alias });
            let scan =
                TableScan::open_rows(work.context, work.state, lock.target.id, &[Command::Update, Command::Select])?;
            planner = planner.with_override(&lock.target.table.schema, &lock.target.table.name, Arc::new(scan));
        }
    }
    let plan = planner.query(query).map_err(|error| match error.kind() {
        Kind::Grouping => not_allowed(&words, "aggregate functions"),
        _ => error,
    })?;
    let (plan, skip, fetch) = without_limit(work.bind(plan)?, limited, &words)?;
    let mut stream = run::stream(work.context, work.state, &plan).await?;
    let schema = stream.schema();
    let shown: Vec<usize> = (0..schema.fields().len())
        .filter(|&n| schema.field(n).name() != ROW_ID && !schema.field(n).name().starts_with(LOCK))
        .collect();
    let mut from = derived(&plan);
    from.columns = shown.iter().filter_map(|&at| from.columns.get(at).cloned()).collect();
    let mut left = fetch.map_or(usize::MAX, |fetch| fetch.saturating_add(skip));
    let mut skipped = skip;
    let mut batches = Vec::new();
    while left > 0
        && let Some(batch) = stream.try_next().await?
    {
        let got = lock_batch(work, txn, &batch, &mut locks, left).await?;
        left -= got.num_rows();
        let offset = skipped.min(got.num_rows());
        skipped -= offset;
        batches.push(got.slice(offset, got.num_rows() - offset).project(&shown)?);
    }
    for lock in &locks {
        let rows = txn.shared_rows(lock.target.id, &lock.ids);
        if !work.context.database.manager.are_live(lock.target.id, &rows) {
            return Err(work.anew(txn, "update"));
        }
    }
    Ok((Arc::new(schema.project(&shown)?), batches, from))
}

/// Locks the rows of a batch and gives those that were got, `most` at most.
async fn lock_batch(
    work: &Work<'_>,
    txn: &Transaction,
    batch: &RecordBatch,
    locks: &mut [Lock],
    most: usize,
) -> Result<RecordBatch> {
    let first = batch.num_columns() - locks.len();
    let mut got = vec![false; batch.num_rows()];
    let mut left = most;
    for (row, got) in got.iter_mut().enumerate() {
        if left == 0 {
            break;
        }
        *got = true;
        for (n, lock) in locks.iter_mut().enumerate() {
            let ids = batch.column(first + n).as_primitive::<UInt64Type>();
            // The missing side of an outer join has no row to lock.
            if ids.is_valid(row) && !lock.row(work, txn, ids.value(row)).await? {
                *got = false;
                break;
            }
        }
        left -= usize::from(*got);
    }
    Ok(filter_record_batch(batch, &BooleanArray::from(got))?)
}

impl Lock {
    /// Locks a row; false if it is to be passed over.
    async fn row(&mut self, work: &Work<'_>, txn: &Transaction, row: RowId) -> Result<bool> {
        let id = self.target.id;
        let rows = txn.shared_rows(id, &[row]);
        if let Taking::Busy(_) = txn.owner().take_rows(id, &rows, self.mode, false)? {
            match self.patience {
                Patience::Wait => super::rows(work.context, txn, id, &rows, self.mode).await?,
                Patience::Skip => return Ok(false),
                Patience::NoWait => {
                    let message = format!("could not obtain lock on row in relation \"{}\"", self.target.table.name);
                    return Err(Error::new(Kind::LockNotAvailable, message));
                }
            }
        }
        self.ids.push(row);
        Ok(true)
    }
}

/// The plan without the LIMIT and OFFSET at its top, and what they say.
fn without_limit(plan: LogicalPlan, limited: bool, words: &str) -> Result<(LogicalPlan, usize, Option<usize>)> {
    match plan {
        LogicalPlan::Limit(limit) => match (limit.get_skip_type()?, limit.get_fetch_type()?) {
            (SkipType::Literal(skip), FetchType::Literal(fetch)) => Ok((limit.input.as_ref().clone(), skip, fetch)),
            _ => Err(Error::new(Kind::Unsupported, format!("{words} with a computed LIMIT is not supported"))),
        },
        _ if limited => Err(not_allowed(words, "this LIMIT")),
        plan => Ok((plan, 0, None)),
    }
}

/// The clause of a query in words.
pub fn words(query: &ast::Query) -> String {
    clause_words(&query.locks)
}

/// The clause in words, as messages name it.
fn clause_words(clauses: &[ast::LockClause]) -> String {
    let words = clauses.first().map(|clause| match strength(clause).0 {
        Strength::Update => "FOR UPDATE",
        Strength::NoKeyUpdate => "FOR NO KEY UPDATE",
        Strength::Share => "FOR SHARE",
        Strength::KeyShare => "FOR KEY SHARE",
    });
    words.unwrap_or("FOR UPDATE").to_owned()
}

fn not_allowed(words: &str, with: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{words} is not allowed with {with}"))
}

/// The tables of FROM that the clauses lock.
fn locks(work: &Work<'_>, query: &ast::Query, clauses: &[ast::LockClause], words: &str) -> Result<Vec<Lock>> {
    let ast::SetExpr::Select(select) = query.body.as_ref() else {
        return Err(not_allowed(words, "UNION/INTERSECT/EXCEPT"));
    };
    let grouped = match &select.group_by {
        ast::GroupByExpr::Expressions(by, _) => !by.is_empty(),
        ast::GroupByExpr::All(_) => true,
    };
    let refused = [
        (select.distinct.is_some(), "DISTINCT clause"),
        (grouped, "GROUP BY clause"),
        (select.having.is_some(), "HAVING clause"),
    ];
    if let Some((_, with)) = refused.iter().find(|(there, _)| *there) {
        return Err(not_allowed(words, with));
    }
    let ctes: Vec<String> =
        query.with.iter().flat_map(|with| with.cte_tables.iter().map(|cte| fold(&cte.alias.name))).collect();
    let mut locks = Vec::new();
    let mut named: Vec<(String, bool)> =
        clauses.iter().flat_map(|clause| strength(clause).1).map(|name| (fold(&name), false)).collect();
    let from = select
        .from
        .iter()
        .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|j| &j.relation)));
    for factor in from {
        let (name, called, plain) = match factor {
            ast::TableFactor::Table { name, alias, args, .. } => {
                let own = split(name)?.1;
                let called = alias.as_ref().map_or(own.clone(), |alias| fold(&alias.name));
                let cte = name.0.len() == 1 && ctes.contains(&own);
                (Some(name), called, args.is_none() && !cte)
            }
            ast::TableFactor::Derived { alias: Some(alias), subquery, .. } => {
                (None, fold(&alias.name), !has_no_rows(subquery))
            }
            _ => continue,
        };
        named.iter_mut().filter(|(name, _)| *name == called).for_each(|(_, found)| *found = true);
        let Some((mode, patience)) = asked(clauses, &called) else { continue };
        match (name, plain) {
            (Some(name), true) => locks.extend(lock(work, name, &called, mode, patience, words)?),
            (None, true) => {
                return Err(not_allowed(words, "a subquery in FROM").with_hint("Put the clause into the subquery."));
            }
            // Functions, values and common table expressions have no rows to lock.
            (_, false) => {}
        }
    }
    match named.iter().find(|(_, found)| !found) {
        Some((name, _)) => Err(Error::new(
            Kind::UndefinedTable,
            format!("relation \"{name}\" in {words} clause not found in FROM clause"),
        )),
        None => Ok(locks),
    }
}

/// Whether a subquery reads no table, so that there is nothing in it to lock.
fn has_no_rows(query: &ast::Query) -> bool {
    match query.body.as_ref() {
        ast::SetExpr::Values(_) => true,
        ast::SetExpr::Query(query) => has_no_rows(query),
        ast::SetExpr::Select(select) => select.from.iter().all(|from| {
            std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)).all(|factor| {
                match factor {
                    ast::TableFactor::Table { args, .. } => args.is_some(),
                    ast::TableFactor::Derived { subquery, .. } => has_no_rows(subquery),
                    _ => false,
                }
            })
        }),
        _ => false,
    }
}

/// The strongest lock that the clauses ask for on a relation, and the least patient way to get it.
fn asked(clauses: &[ast::LockClause], called: &str) -> Option<(Mode, Patience)> {
    let mut asked: Option<(Mode, Patience)> = None;
    for clause in clauses {
        let (strength, names) = strength(clause);
        if !names.is_empty() && !names.iter().any(|name| fold(name) == called) {
            continue;
        }
        let mode = match strength {
            Strength::Update => Mode::Update,
            Strength::NoKeyUpdate => Mode::NoKeyUpdate,
            Strength::Share => Mode::Share,
            Strength::KeyShare => Mode::KeyShare,
        };
        let patience = match (clause.nonblock, asked) {
            (Some(ast::NonBlock::Nowait), _) | (_, Some((_, Patience::NoWait))) => Patience::NoWait,
            (Some(ast::NonBlock::SkipLocked), _) | (_, Some((_, Patience::Skip))) => Patience::Skip,
            (None, _) => Patience::Wait,
        };
        asked = Some((asked.map_or(mode, |(before, _)| before.max(mode)), patience));
    }
    asked
}

/// The lock on one relation; none if it has no rows of its own.
fn lock(
    work: &Work<'_>,
    name: &ast::ObjectName,
    called: &str,
    mode: Mode,
    patience: Patience,
    words: &str,
) -> Result<Option<Lock>> {
    let (schema, name) = split(name)?;
    let (schema, name) = work.context.resolve(schema.as_deref(), &name);
    let (id, table) = match work.context.snapshot.catalog.relation(&schema, &name) {
        Some((_, Object::Table(table))) if table.materialized.is_some() => {
            let message = format!("cannot lock rows in materialized view \"{name}\"");
            return Err(Error::new(Kind::WrongObject, message));
        }
        Some((id, Object::Table(table))) => (id, table),
        Some((_, Object::View(_))) => return Err(not_allowed(words, &format!("view \"{name}\""))),
        _ => return Ok(None),
    };
    must_have(work.context, table, Privilege::Update)?;
    let called = ast::Ident::with_quote('"', called);
    let target = Target { called, ..Target::of(id, Arc::new(table.clone())) };
    Ok(Some(Lock { target, mode, patience, ids: Vec::new() }))
}
