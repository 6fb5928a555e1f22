//! MERGE: one query that says what becomes of each row of the source, then changes as DELETE, UPDATE and INSERT make them.
//!
//! The query joins the source to the table. For each row it gives the row of the table, if one fits, the number of the
//! first WHEN clause that holds, and the values of that clause alone: those of others are not even computed. All clauses
//! see the table as it was before the statement.

mod choice;
mod columns;
mod doing;

use super::super::context::Context;
use super::super::lineage::{Derived, Noting, derived};
use super::super::parameters;
use super::super::parser::merge::{is_defaults, is_nothing};
use super::super::parser::{quoted, split};
use super::super::planner::table_factor;
use super::super::tables;
use super::super::tables::must_have;
use super::assigned::must_fit;
use super::found::{Finding, Met};
use super::parameters::lend_type;
use super::policed::Rows;
use super::update::{changes, plan};
use super::{Changed, Target, Work, is_default, masked};
use crate::catalog::{Column, FlowKind, Object, Privilege};
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use crate::txn::{Mode, RowId, TableRows, Transaction};
use arrow::array::{Array, AsArray, RecordBatch, UInt64Array};
use arrow::datatypes::{Field, Int64Type, UInt64Type};
use choice::{and, case, choose, guarded, number, when};
use columns::Columns;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    self, Expr, JoinConstraint, JoinOperator, MergeAction, MergeClauseKind, MergeInsertKind, TableFactor,
};
use doing::Doing;
use futures::future::BoxFuture;
use std::sync::Arc;

/// Runs a MERGE within the transaction.
pub fn merge<'a>(work: &'a Work<'_>, txn: &'a mut Transaction, merge: ast::Merge) -> BoxFuture<'a, Result<Changed>> {
    Box::pin(async move {
        txn.must_write("MERGE")?;
        let merging = Merging::new(work, merge)?;
        let target = &merging.target;
        work.use_table(txn, target).await?;
        let mut doing = merging.actions.iter().map(|a| a.begin(work, txn, target, merging.makes_room()));
        let mut doing: Vec<Doing<'_>> = doing.by_ref().collect::<Result<_>>()?;
        let (mut finding, from) = merging.select(work).await?;
        let mut met = Met::default();
        while let Some(found) = finding.next(work, txn, target).await? {
            let _held = work.hold_rows(&found)?;
            // What another part of the statement has changed is passed over; what this one has is an error.
            let rows = merging.deal(&mut met, &txn.snapshot().rows(target.id), &found)?;
            let ids = merging.changed(&found, &rows);
            if let Err(error) = work.lock_rows(txn, target, &ids, Mode::NoKeyUpdate, "update").await {
                let now = txn.snapshot().rows(target.id);
                let meant = |found| Ok(merging.changed(&found, &merging.deal(&mut met, &now, &found)?));
                return Err(finding.give_up(work, txn, (target, Mode::NoKeyUpdate), error, meant).await);
            }
            for (doing, rows) in doing.iter_mut().zip(&rows).filter(|(_, rows)| !rows.is_empty()) {
                doing.put(work, txn, target, &found, rows).await?;
            }
        }
        // What goes makes room for what comes, and only then others are asked what they refer to.
        doing.sort_by_key(Doing::rank);
        for doing in &mut doing {
            doing.add(work, txn, target).await?;
        }
        let mut rows = 0;
        for doing in doing {
            rows += doing.end(work, txn, target).await?;
        }
        finding.end(txn, target);
        if rows > 0 {
            merging.note(work, txn, &from);
        }
        Ok(Changed { rows, returning: None })
    })
}

/// Types of the parameters of a MERGE.
pub fn merge_parameters(
    context: &Arc<Context>,
    state: &SessionState,
    merge: &ast::Merge,
    declared: &[Option<Field>],
) -> Result<Vec<Field>> {
    let mut known = parameters::declared(declared, &parameters::numbers_in(merge)?);
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let merging = Merging::new(&Work::new(context, state), merge.clone())?;
    for (value, column) in &merging.lent {
        lend_type(&mut known, &merging.target.table.columns[*column], value);
    }
    let (params, _) = parameters::settle(context, state, known, |context| {
        let work = Work::new(context, state);
        Ok(vec![Merging::new(&work, merge.clone())?.plan(&work)?])
    })?;
    Ok(params)
}

/// What a WHEN clause does. Its values are the columns of the query from `first` on.
enum Action {
    Nothing,
    Delete,
    Update {
        columns: Vec<usize>,
        first: usize,
    },
    /// Where each column of the table has its value; the others get their default.
    Insert {
        given: Vec<Option<usize>>,
    },
}

/// A MERGE as it is planned.
struct Merging {
    target: Target,
    from: Vec<ast::TableWithJoins>,
    condition: Option<Expr>,
    actions: Vec<Action>,
    /// The number of the clause that holds, then the values of all actions.
    expressions: Vec<Expr>,
    /// What columns get, with their places: a parameter has the column's type.
    lent: Vec<(Expr, usize)>,
}

impl Merging {
    fn new(work: &Work<'_>, merge: ast::Merge) -> Result<Self> {
        let TableFactor::Table { name, alias, .. } = &merge.table else {
            return Err(Error::new(Kind::Syntax, "MERGE needs the name of a table"));
        };
        if merge.output.is_some() {
            return Err(Error::new(Kind::Syntax, "MERGE gives no rows back"));
        }
        must_be_no_view(work, name)?;
        must_be_reached(&merge.clauses)?;
        let rights =
            merge.clauses.iter().filter(|clause| !is_nothing(&clause.action)).map(|clause| match clause.action {
                MergeAction::Insert(_) => Privilege::Insert,
                MergeAction::Update(_) => Privilege::Update,
                MergeAction::Delete { .. } => Privilege::Delete,
            });
        let rights: Vec<Privilege> = rights.collect();
        let target = work.target(name, rights.first().copied().unwrap_or(Privilege::Update))?.called(alias.as_ref());
        rights.iter().try_for_each(|right| must_have(work.context, &target.table, *right))?;
        let target = with_policies(work, target, &merge)?;
        let source = ast::TableWithJoins { relation: merge.source, joins: Vec::new() };
        let columns = Columns::of(work, &target, &source)?;
        let own = ast::TableWithJoins { relation: own_factor(&target), joins: Vec::new() };
        let adds = merge.clauses.iter().any(|clause| clause.clause_kind != MergeClauseKind::Matched);
        let mut merging = Self {
            target,
            from: Vec::new(),
            condition: None,
            actions: Vec::new(),
            expressions: Vec::new(),
            lent: Vec::new(),
        };
        let mut cases = Vec::new();
        for (n, clause) in merge.clauses.into_iter().enumerate() {
            let matched = match clause.clause_kind {
                MergeClauseKind::Matched => true,
                MergeClauseKind::NotMatched => false,
                // Of a later PostgreSQL.
                MergeClauseKind::NotMatchedByTarget | MergeClauseKind::NotMatchedBySource => {
                    return Err(Error::new(Kind::Syntax, "syntax error at or near \"BY\""));
                }
            };
            let mut holds = merging.is_met(matched);
            if let Some(predicate) = clause.predicate {
                let predicate = if matched { predicate } else { columns.only(&merging.target, predicate)? };
                holds = and(holds, Expr::Nested(Box::new(predicate)));
            }
            cases.push(when(holds, number(n)));
            let (action, values) = merging.action(work, &source, &own, &columns, clause.action)?;
            merging.actions.push(action);
            merging.expressions.extend(values.into_iter().map(|value| guarded(n, value)));
        }
        let choice = case(cases);
        // Each value asks for the choice, as it is only known within the query.
        merging.expressions.iter_mut().for_each(|value| choose(value, &choice));
        merging.expressions.insert(0, choice);
        if adds {
            let on = JoinOperator::LeftOuter(JoinConstraint::On(*merge.on));
            let join = ast::Join { relation: own.relation, global: false, join_operator: on };
            merging.from = vec![ast::TableWithJoins { joins: vec![join], ..source }];
        } else {
            (merging.from, merging.condition) = (vec![own, source], Some(*merge.on));
        }
        Ok(merging)
    }

    /// Whether a row of the table was met.
    fn is_met(&self, matched: bool) -> Expr {
        let id = Expr::CompoundIdentifier(vec![self.target.called.clone(), quoted(tables::ROW_ID)]);
        match matched {
            true => Expr::IsNotNull(Box::new(id)),
            false => Expr::IsNull(Box::new(id)),
        }
    }

    fn action(
        &mut self,
        work: &Work<'_>,
        source: &ast::TableWithJoins,
        own: &ast::TableWithJoins,
        source_columns: &Columns,
        action: MergeAction,
    ) -> Result<(Action, Vec<Expr>)> {
        // Before its values are the row's id and the number of the clause.
        let first = 2 + self.expressions.len();
        if is_nothing(&action) {
            return Ok((Action::Nothing, Vec::new()));
        }
        match action {
            MergeAction::Delete { .. } => Ok((Action::Delete, Vec::new())),
            MergeAction::Update(update) => {
                let (columns, values) = changes(work, &self.target, update.assignments, Privilege::Update)?;
                columns.iter().zip(&values).for_each(|(&column, value)| self.lend(column, value));
                masked::must_not_be_stored(work, &self.target, &[own.clone(), source.clone()], &values)?;
                Ok((Action::Update { columns, first }, values))
            }
            MergeAction::Insert(insert) => {
                if is_defaults(&insert) {
                    return Ok((Action::Insert { given: vec![None; self.target.table.columns.len()] }, Vec::new()));
                }
                let MergeInsertKind::Values(rows) = insert.kind else {
                    return Err(Error::new(Kind::Syntax, "syntax error at or near \"ROW\""));
                };
                let [row] = rows.rows.as_slice() else {
                    return Err(Error::new(Kind::Syntax, "MERGE inserts one row for each row of the source"));
                };
                let columns: Vec<usize> = match insert.columns.is_empty() {
                    true => (0..self.target.table.columns.len()).collect(),
                    false => self.columns(&insert.columns)?,
                };
                let given: Vec<usize> = columns.iter().copied().take(row.len()).collect();
                self.target.must_have_on(work, Privilege::Insert, &given)?;
                let mut given = vec![None; self.target.table.columns.len()];
                if row.len() > columns.len() {
                    return Err(Error::new(Kind::Syntax, "INSERT has more expressions than target columns"));
                }
                if row.len() < columns.len() && !insert.columns.is_empty() {
                    return Err(Error::new(Kind::Syntax, "INSERT has more target columns than expressions"));
                }
                let mut values = Vec::new();
                for (value, column) in row.iter().zip(columns) {
                    if !is_default(value) {
                        self.lend(column, value);
                        given[column] = Some(first + values.len());
                        values.push(source_columns.only(&self.target, value.clone())?);
                    }
                }
                let own = |(column, given): &(&Column, &Option<usize>)| {
                    given.is_some() && (column.generated.is_some() || column.always)
                };
                if let Some((column, _)) = self.target.table.columns.iter().zip(&given).find(own) {
                    let message = format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
                    return Err(Error::new(Kind::GeneratedAlways, message));
                }
                Ok((Action::Insert { given }, values))
            }
        }
    }

    fn lend(&mut self, column: usize, value: &Expr) {
        self.lent.push((value.clone(), column));
    }

    fn columns(&self, names: &[ast::ObjectName]) -> Result<Vec<usize>> {
        let mut columns = Vec::new();
        for name in names {
            let (at, name) = self.target.must_get_column(name)?;
            if columns.contains(&at) {
                return Err(Error::new(Kind::DuplicateColumn, format!("column \"{name}\" specified more than once")));
            }
            columns.push(at);
        }
        Ok(columns)
    }

    fn plan(&self, work: &Work<'_>) -> Result<LogicalPlan> {
        plan(
            work,
            &self.target,
            &[Command::Select],
            self.from.clone(),
            self.condition.clone(),
            self.expressions.clone(),
        )
    }

    /// Begins to run the query.
    async fn select(&self, work: &Work<'_>) -> Result<(Finding, Derived)> {
        let plan = self.plan(work)?;
        must_fit(&self.target, &plan, 2, &self.lent.iter().map(|(_, column)| *column).collect::<Vec<_>>())?;
        if let LogicalPlan::Projection(projection) = &plan
            && projection.expr.get(1).is_some_and(|choice| choice.is_volatile())
        {
            let message = "a volatile function in a WHEN condition of MERGE is not supported";
            return Err(Error::new(Kind::Unsupported, message).with_hint("Compute it in the source."));
        }
        let from = derived(&plan);
        Ok((Finding::of(work, plan).await?, from))
    }

    /// Notes where the values come from.
    fn note(&self, work: &Work<'_>, txn: &mut Transaction, from: &Derived) {
        let mut names = vec![None; from.columns.len()];
        let mut noting = Noting::new(FlowKind::Merge, self.target.id);
        for action in &self.actions {
            let places: Vec<(usize, usize)> = match action {
                Action::Nothing | Action::Delete => continue,
                Action::Update { columns, first } => columns.iter().copied().zip(*first..).collect(),
                Action::Insert { given } => {
                    given.iter().enumerate().filter_map(|(column, at)| Some((column, (*at)?))).collect()
                }
            };
            for (column, at) in places {
                if let Some(slot) = names.get_mut(at) {
                    *slot = self.target.table.columns.get(column).map(|column| column.name.as_str());
                }
            }
        }
        noting.add(from, names);
        // The number of the clause.
        from.columns.get(1).into_iter().for_each(|choice| noting.decides(choice));
        noting.note(work.context, txn);
    }

    /// The rows of the table that are changed by what [`Self::deal`] gave.
    fn changed(&self, found: &RecordBatch, dealt: &[UInt64Array]) -> Vec<RowId> {
        let changes = |action: &Action| matches!(action, Action::Delete | Action::Update { .. });
        let dealt = self.actions.iter().zip(dealt).filter(|(action, _)| changes(action));
        dealt.flat_map(|(_, rows)| doing::ids(found, rows)).collect()
    }

    /// Whether keys may get free for rows that are inserted.
    fn makes_room(&self) -> bool {
        let keys = || self.target.table.keys.iter().flat_map(|key| &key.columns);
        self.actions.iter().any(|action| match action {
            Action::Delete => true,
            Action::Update { columns, .. } => {
                let computed: Vec<usize> = self.target.table.generated().collect();
                keys().any(|column| columns.contains(column) || computed.contains(column))
            }
            Action::Nothing | Action::Insert { .. } => false,
        })
    }

    /// Which rows of the query each action is for. A row of the table is changed once; what is not there any more is left out.
    fn deal(&self, met: &mut Met, now: &TableRows, found: &RecordBatch) -> Result<Vec<UInt64Array>> {
        let ids = found.column(0).as_primitive::<UInt64Type>();
        let chosen = arrow::compute::cast(found.column(1), &arrow::datatypes::DataType::Int64)?;
        let chosen = chosen.as_primitive::<Int64Type>();
        let mut rows = vec![Vec::new(); self.actions.len()];
        for row in (0..found.num_rows()).filter(|&row| chosen.is_valid(row)) {
            let clause = chosen.value(row) as usize;
            let Some(action) = self.actions.get(clause) else { continue };
            if matches!(action, Action::Delete | Action::Update { .. }) && !met.insert(ids.value(row)) {
                return Err(Error::new(Kind::Cardinality, "MERGE command cannot affect row a second time")
                    .with_hint("Ensure that not more than one source row matches any one target row."));
            }
            if ids.is_null(row) || now.is_live(ids.value(row)) {
                rows[clause].push(row as u64);
            }
        }
        Ok(rows.into_iter().map(UInt64Array::from).collect())
    }
}

/// The target with the policies that rows must pass. A row that is met and may not be changed or removed is an error; one that is added
/// need not be one that the role would see.
fn with_policies(work: &Work<'_>, target: Target, merge: &ast::Merge) -> Result<Target> {
    let has = |wanted: fn(&MergeAction) -> bool| {
        merge.clauses.iter().any(|clause| !is_nothing(&clause.action) && wanted(&clause.action))
    };
    let mut kinds = Vec::new();
    if has(|action| matches!(action, MergeAction::Update(_))) {
        kinds.extend([(Rows::Merged, false), (Rows::Changed, true)]);
    }
    if has(|action| matches!(action, MergeAction::Delete { .. })) {
        kinds.push((Rows::Removed, false));
    }
    if has(|action| matches!(action, MergeAction::Insert(_))) {
        kinds.push((Rows::Added, false));
    }
    target.policed(work, &kinds)
}

/// PostgreSQL 15 merges into tables alone.
fn must_be_no_view(work: &Work<'_>, name: &ast::ObjectName) -> Result<()> {
    let (schema, name) = split(name)?;
    let (schema, name) = work.context.resolve(schema.as_deref(), &name);
    match work.context.snapshot.catalog.relation(&schema, &name) {
        Some((_, Object::View(_))) => {
            let message = format!("cannot execute MERGE on relation \"{name}\"");
            Err(Error::new(Kind::Unsupported, message).with_detail("This operation is not supported for views."))
        }
        _ => Ok(()),
    }
}

/// Refuses a clause behind one of its kind that always holds.
fn must_be_reached(clauses: &[ast::MergeClause]) -> Result<()> {
    let mut always = Vec::new();
    for clause in clauses {
        if always.contains(&clause.clause_kind) {
            let message = "unreachable WHEN clause specified after unconditional WHEN clause";
            return Err(Error::new(Kind::Syntax, message));
        }
        if clause.predicate.is_none() {
            always.push(clause.clause_kind);
        }
    }
    Ok(())
}

/// The table that is changed, by all of its name: no WITH query can stand before it.
pub(super) fn own_factor(target: &Target) -> TableFactor {
    let mut factor = table_factor([&target.face.schema, &target.face.name].map(|name| quoted(name)).to_vec());
    if let TableFactor::Table { alias, .. } = &mut factor {
        *alias = Some(ast::TableAlias { explicit: true, name: target.called.clone(), columns: Vec::new(), at: None });
    }
    factor
}
