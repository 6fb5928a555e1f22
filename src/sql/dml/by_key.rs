//! Changes of one row that need no plan of the engine's: UPDATE and DELETE of the row that a key names, INSERT of one row of values.
//!
//! What such a statement is about, and whether its role may do it, is settled when it first runs, and kept with the prepared
//! statement for as long as catalogue, role and settings are the same ([`KeptPlan`]). Each run finds the row through a [`Lookup`],
//! and then goes the way of every change: locks, constraints, what refers to the row.

use super::super::context::Context;
use super::super::kept_plan::{KeptPlan, is_same_always, types};
use super::super::lookup::{Lookup, Row};
use super::super::run::optimised;
use super::at_once::{AtOnce, Now};
use super::found::Met;
use super::{Referring, Target, Work, apply, rows};
use crate::catalog::{AuditAction, Catalog};
use crate::error::Result;
use crate::txn::Transaction;
use datafusion::logical_expr::LogicalPlan;
use futures::future::BoxFuture;

/// A change of one row.
pub struct Change {
    target: Target,
    what: What,
    plans: bool,
    /// How it is done without a wait, if it can be.
    at_once: Option<AtOnce>,
}

/// What becomes of the row.
enum What {
    /// It is found with the values of these columns.
    Update(Lookup, Vec<usize>),
    /// It is found.
    Delete(Lookup),
    /// It is added; for each column of the table the place of its value.
    Insert(Row, Vec<Option<usize>>),
}

impl Change {
    fn new(context: &Context, target: &Target, what: What) -> Self {
        let (catalog, table): (&Catalog, _) = (&context.snapshot.catalog, &target.table);
        let defaults = match &what {
            What::Insert(_, given) => {
                let mut left = table.columns.iter().zip(given).filter(|(_, given)| given.is_none());
                // To take a number of a sequence nothing is planned.
                left.any(|(column, _)| column.default.is_some() && column.sequence.is_none())
            }
            _ => false,
        };
        let rules = catalog.rules_of(target.id).next().is_some();
        let checks = rules || !table.checks.is_empty() || table.has_domains();
        let plans = defaults || checks || table.generated().next().is_some() || !table.referenced_by.is_empty();
        let at_once = match &what {
            _ if plans || target.through.is_some() || target.is_policed() => None,
            What::Insert(row, given) => AtOnce::added(context, target, row, given),
            What::Update(_, columns) => AtOnce::changed(target, columns),
            What::Delete(_) => None,
        };
        Self { target: target.clone(), what, plans, at_once }
    }

    /// Changes the row if that waits for nobody; gives how many were changed, or nothing if [`Self::run`] is to do it.
    pub fn run_at_once(&self, now: &Now<'_>, txn: &mut Transaction) -> Result<Option<usize>> {
        let Some(at_once) = &self.at_once else { return Ok(None) };
        match &self.what {
            What::Insert(row, _) => at_once.add(now, txn, &self.target, row),
            What::Update(lookup, columns) => at_once.assign(now, txn, &self.target, (lookup, columns)),
            What::Delete(_) => Ok(None),
        }
    }

    /// The word that the statement begins with.
    pub fn word(&self) -> &'static str {
        match self.what {
            What::Update(..) => "UPDATE",
            What::Delete(_) => "DELETE",
            What::Insert(..) => "INSERT",
        }
    }

    /// The tag of the statement that has changed so many rows.
    pub fn tag(&self, rows: usize) -> String {
        let word = self.word();
        let before_count = if matches!(self.what, What::Insert(..)) { " 0" } else { "" };
        format!("{word}{before_count} {rows}")
    }

    /// Whether the engine must plan something for each row: checks, defaults, computed columns, what is done to rows that refer.
    pub fn plans(&self) -> bool {
        self.plans
    }

    /// Changes the row; gives how many were changed, or nothing if only reading tells which.
    pub fn run<'a>(&'a self, work: &'a Work<'_>, txn: &'a mut Transaction) -> BoxFuture<'a, Result<Option<usize>>> {
        Box::pin(async move {
            txn.must_write(self.word())?;
            work.use_table(txn, &self.target).await?;
            let params = work.context.params.values().unwrap_or_default();
            let manager = &work.context.database.manager;
            let (lookup, columns) = match &self.what {
                What::Update(lookup, columns) => (lookup, Some(columns)),
                What::Delete(lookup) => (lookup, None),
                What::Insert(row, given) => {
                    let batch = work.whole_rows(&self.target, given, &row.of_values(params)?).await?;
                    rows::append(work, txn, &self.target, &batch).await?;
                    let mut referring = Referring::default();
                    referring.add(work, txn, &self.target, &batch).await?;
                    referring.end(work, txn, &self.target).await?;
                    return Ok(Some(batch.num_rows()));
                }
            };
            if lookup.is_sensitive() && manager.audit().logs(AuditAction::Read) {
                return Ok(None);
            }
            let Some(found) = lookup.run(manager, txn, params)? else { return Ok(None) };
            let (ids, values) = Met::default().first_of_each(&found)?;
            let rows = match columns {
                _ if ids.is_empty() => 0,
                Some(columns) => {
                    let assigned = (ids.as_slice(), values.as_slice());
                    apply::assign(work, txn, &self.target, columns, assigned).await?
                }
                None => {
                    apply::remove(work, txn, &self.target, &ids).await?;
                    ids.len()
                }
            };
            Ok(Some(rows))
        })
    }
}

impl KeptPlan {
    /// Keeps an UPDATE of these columns, or a DELETE, whose `plan` finds the row.
    pub fn keep_found(&self, work: &Work<'_>, target: &Target, columns: Option<&[usize]>, plan: &LogicalPlan) {
        let lookup = || {
            let context = work.context;
            if context.with.is_some() || context.params.is_tied() || !is_same_always(plan).ok()? {
                return None;
            }
            Lookup::of(&optimised(context, work.state, plan).ok()?, &types(&context.params), work.state)
        };
        self.keep_change(work.context, || {
            let lookup = lookup()?;
            let what = match columns {
                Some(columns) => What::Update(lookup, columns.to_vec()),
                None => What::Delete(lookup),
            };
            Some(Change::new(work.context, target, what))
        });
    }

    /// Keeps an INSERT of the one row that `plan` makes; `given` has for each column of the table where its value is.
    pub fn keep_added(&self, work: &Work<'_>, target: &Target, given: &[Option<usize>], plan: &LogicalPlan) {
        self.keep_change(work.context, || {
            let context = work.context;
            if context.with.is_some() || context.params.is_tied_but_for_time() {
                return None;
            }
            let row = Row::of(plan, &types(&context.params), work.state)?;
            Some(Change::new(context, target, What::Insert(row, given.to_vec())))
        });
    }
}
