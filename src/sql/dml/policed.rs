//! Row policies of rows that a statement writes, and of rows that it meets and may not pass over.
//!
//! Rows that a statement looks for are left out by the scan that looks ([`TableScan`](super::super::tables::TableScan)). What is
//! checked here fails: new rows of INSERT, COPY and UPDATE by WITH CHECK, and by the policies for SELECT where the statement reads columns
//! of the table, since the role would not find them again; the row that ON CONFLICT DO UPDATE or MERGE would change or remove by
//! USING. It comes before NOT NULL and CHECK, as in PostgreSQL.

use super::super::context::Context;
use super::super::parser::{fold, last};
use super::super::tables::{Rule, met_rows, written_rows};
use super::{Target, Work};
use crate::catalog::Privilege;
use crate::error::{Error, Kind, Result};
use crate::governance::access::{Command, RowCheck};
use arrow::array::RecordBatch;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, TableWithJoins, Visit, Visitor,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows that must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// That are added.
    Added,
    /// That take the place of others.
    Changed,
    /// That are there, and that ON CONFLICT DO UPDATE changes.
    Conflicting,
    /// That are there, and that MERGE changes.
    Merged,
    /// That are there, and that MERGE removes.
    Removed,
}

/// What rows of a table must pass in a statement.
#[derive(Debug, Default)]
pub struct Policies(Vec<(Rows, RowCheck, Rule)>);

impl Target {
    /// The same, with the row policies that these rows must pass; with those for SELECT among them where it says so, as the statement
    /// reads columns of the table.
    pub fn policed(self, work: &Work<'_>, kinds: &[(Rows, bool)]) -> Result<Self> {
        if !self.table.row_security {
            return Ok(self);
        }
        let context = self.context(work).clone();
        let mut all = Vec::new();
        for &(rows, read) in kinds {
            let written = |command| written_rows(&context, self.id, &self.table, command);
            let met = |command| met_rows(&context, self.id, &self.table, command);
            let mut checks = match rows {
                Rows::Added => written(Command::Insert)?,
                Rows::Changed => written(Command::Update)?,
                Rows::Conflicting | Rows::Merged => met(Command::Update)?,
                Rows::Removed => met(Command::Delete)?,
            };
            if read {
                checks.extend(met(Command::Select)?);
            }
            for check in checks {
                let rule = Rule::of(&context, work.state, self.id, &self.table, &check.condition)?;
                all.push((rows, check, rule));
            }
        }
        Ok(Self { policies: (!all.is_empty()).then(|| Arc::new(Policies(all))), ..self })
    }

    /// Whether an UPDATE or DELETE reads columns of the rows that it meets: `read`, and those that the relations beside it in `from` and
    /// RETURNING name. Of a view it must be allowed to; of a table the scan sees to that. A view's own condition reads columns as well.
    pub fn met_is_read(
        &self,
        work: &Work<'_>,
        mut read: Vec<usize>,
        from: &[TableWithJoins],
        returning: Option<&[SelectItem]>,
    ) -> Result<bool> {
        read.extend(from.iter().skip(1).flat_map(|relation| named(self, relation)));
        read.extend(returned(self, returning.unwrap_or_default()));
        if self.through.is_some() && !read.is_empty() {
            self.must_have_on(work, Privilege::Select, &read)?;
        }
        Ok(self.through.is_some() || !read.is_empty())
    }

    /// What policies are asked in: with the rights of the owner of the view next to the table, if the statement names a view.
    fn context<'a>(&'a self, work: &'a Work<'_>) -> &'a Arc<Context> {
        self.through.as_deref().and_then(super::Through::next_to_table).unwrap_or(work.context)
    }

    /// Whether policies bind the rows that the statement writes.
    pub fn is_policed(&self) -> bool {
        self.policies.is_some()
    }
}

impl Target {
    /// The same, if its policies can be asked where nothing can be waited for. `Unsupported` of one that has queries within.
    pub fn of_plain_policies(self) -> Result<Self> {
        let none = RecordBatch::new_empty(self.table.arrow_schema());
        for (_, _, rule) in self.policies.iter().flat_map(|policies| &policies.0) {
            if rule.is_asking() {
                rule.holds_now(&none)?;
            }
        }
        Ok(self)
    }
}

impl Policies {
    fn of(&self, rows: Rows) -> impl Iterator<Item = (&RowCheck, &Rule)> {
        self.0.iter().filter(move |(of, ..)| *of == rows).map(|(_, check, rule)| (check, rule))
    }
}

impl Work<'_> {
    /// Refuses whole rows of the table that a row policy does not let pass.
    pub async fn police(&self, target: &Target, which: Rows, rows: &RecordBatch) -> Result<()> {
        let Some(policies) = target.policies.as_deref().filter(|_| rows.num_rows() > 0) else { return Ok(()) };
        let context = target.context(self);
        for (check, rule) in policies.of(which) {
            if !Box::pin(rule.holds_for_all(context, self.state, (target.id, &target.table), rows)).await? {
                return Err(violated(target, which, check));
            }
        }
        Ok(())
    }

    /// The same where nothing can be waited for, of policies that are [plain](Target::of_plain_policies).
    pub fn police_now(&self, target: &Target, which: Rows, rows: &RecordBatch) -> Result<()> {
        let Some(policies) = target.policies.as_deref().filter(|_| rows.num_rows() > 0) else { return Ok(()) };
        for (check, rule) in policies.of(which) {
            if !rule.holds_now(rows)? {
                return Err(violated(target, which, check));
            }
        }
        Ok(())
    }
}

/// PostgreSQL's words.
fn violated(target: &Target, rows: Rows, check: &RowCheck) -> Error {
    let what = match rows {
        Rows::Merged | Rows::Removed => "target row",
        Rows::Added | Rows::Changed | Rows::Conflicting => "new row",
    };
    let policy = check.policy.as_ref().map_or_else(String::new, |policy| format!(" \"{policy}\""));
    let using = match rows {
        Rows::Added | Rows::Changed => "",
        Rows::Conflicting | Rows::Merged | Rows::Removed => " (USING expression)",
    };
    let table = &target.table.name;
    let message = format!("{what} violates row-level security policy{policy}{using} for table \"{table}\"");
    Error::new(Kind::Privilege, message)
}

/// Whether parts of a statement name a column of the target, or its row as a whole. By name: one of that name which a query within means
/// for another relation counts as well, which has the policies for SELECT hold where they need not.
pub fn reads(target: &Target, parts: &impl Visit) -> bool {
    !named(target, parts).is_empty()
}

/// The columns of what the statement names that parts of it read, by their names.
pub fn named(target: &Target, parts: &impl Visit) -> Vec<usize> {
    let mut named = Named { target, columns: BTreeSet::new() };
    let _ = Visit::visit(parts, &mut named);
    named.columns.into_iter().collect()
}

/// Those that RETURNING reads.
pub fn returned(target: &Target, items: &[SelectItem]) -> Vec<usize> {
    let all = items.iter().any(|item| matches!(item, SelectItem::Wildcard(_)) || is_all_of(target, item));
    match all {
        true => (0..target.face.columns.len()).collect(),
        false => {
            let mut all: Vec<usize> = items.iter().flat_map(|item| named(target, item)).collect();
            all.sort_unstable();
            all.dedup();
            all
        }
    }
}

struct Named<'a> {
    target: &'a Target,
    columns: BTreeSet<usize>,
}

impl Named<'_> {
    fn all(&mut self) {
        self.columns.extend(0..self.target.face.columns.len());
    }
}

/// Whether an item of a SELECT or RETURNING is all columns of the target.
fn is_all_of(target: &Target, item: &SelectItem) -> bool {
    match item {
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            last(name) == fold(&target.called)
        }
        _ => false,
    }
}

impl Visitor for Named<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        let called = fold(&self.target.called);
        let column = |name: &Ident| self.target.face.column_index(&fold(name));
        let whole = match expression {
            Expr::Identifier(name) => match column(name) {
                Some(at) => {
                    self.columns.insert(at);
                    false
                }
                None => fold(name) == called,
            },
            Expr::CompoundIdentifier(path) => {
                let relation = path.len().checked_sub(2).and_then(|at| path.get(at));
                let own = relation.is_some_and(|relation| fold(relation) == called);
                self.columns.extend(path.last().filter(|_| own).and_then(column));
                false
            }
            Expr::Function(call) => matches!(&call.args, FunctionArguments::List(list) if list.args.iter().any(|arg| {
                let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) = arg;
                matches!(arg, FunctionArgExpr::QualifiedWildcard(name) if last(name) == called)
            })),
            Expr::QualifiedWildcard(..) => true,
            _ => false,
        };
        if whole {
            self.all();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_ref()
            && select.projection.iter().any(|item| is_all_of(self.target, item))
        {
            self.all();
        }
        ControlFlow::Continue(())
    }
}
