//! INSERT ... ON CONFLICT: which keys are meant, and DO UPDATE.
//!
//! Rows whose key is there become changes of the row that has it. The assignments are a query over both: the row that is
//! there, by the table's name, and the one that was to be added, as `excluded`.

use super::super::context::Context;
use super::super::lineage::{Derived, derived};
use super::super::locking::{LOCKED, changed_meanwhile};
use super::super::parser::{fold, last, quoted};
use super::super::planner::{Planner, select_query, table_factor};
use super::super::rewrite::level;
use super::super::run;
use super::adding::OnConflict;
use super::apply::Replacing;
use super::assigned::must_fit;
use super::one_row::must_be_of_one_row;
use super::policed::{self, Rows};
use super::returned::Returned;
use super::update::{changes, old_rows};
use super::{Target, Work};
use crate::catalog::{KeyConstraint, Privilege};
use crate::error::{Error, Kind, Result};
use crate::txn::{Holder, Isolation, KeyBytes, RowId, Transaction, bytes_of};
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The column that joins a row that is there with the one that was to be added.
const NUMBER: &str = "\u{1}n";
/// The name of the row that was to be added.
const EXCLUDED: &str = "excluded";

/// DO UPDATE.
pub struct Upsert {
    key: KeyConstraint,
    columns: Vec<usize>,
    values: Vec<ast::Expr>,
    condition: Option<ast::Expr>,
    /// Keys of rows that the statement has added or changed: each once.
    met: HashSet<KeyBytes>,
    held: Vec<MemoryReservation>,
    /// What the assignments read.
    derived: Arc<OnceLock<Derived>>,
}

/// Bytes of memory that a key takes that was met.
const MET_BYTES: usize = 2 * size_of::<KeyBytes>();

/// What an INSERT is to do about keys that are there.
pub fn on_conflict(work: &Work<'_>, target: &Target, on: Option<&ast::OnInsert>) -> Result<OnConflict> {
    let conflict = match on {
        None => return Ok(OnConflict::Fail),
        Some(ast::OnInsert::OnConflict(conflict)) => conflict,
        Some(other) => return Err(Error::new(Kind::Unsupported, format!("{other} is not supported"))),
    };
    let key = conflict.conflict_target.as_ref().map(|meant| meant_key(work, target, meant)).transpose()?;
    match (&conflict.action, key) {
        (ast::OnConflictAction::DoNothing, Some(key)) => Ok(OnConflict::Skip(vec![key])),
        (ast::OnConflictAction::DoNothing, None) => Ok(OnConflict::Skip(target.table.keys.clone())),
        (ast::OnConflictAction::DoUpdate(_), None) => {
            let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
            Err(Error::new(Kind::Syntax, message).with_hint("For example, ON CONFLICT (column_name)."))
        }
        (ast::OnConflictAction::DoUpdate(update), Some(key)) => {
            Ok(OnConflict::Update(Box::new(Upsert::new(work, target, key, update)?)))
        }
    }
}

fn meant_key(work: &Work<'_>, target: &Target, meant: &ast::ConflictTarget) -> Result<KeyConstraint> {
    let table = &target.table;
    let found = match meant {
        ast::ConflictTarget::OnConstraint(name) => {
            let name = last(name);
            let own = |key: &&KeyConstraint| key.index.is_none() && target.through.is_none();
            table.key(&name).filter(own).ok_or_else(|| {
                let message = format!("constraint \"{name}\" for table \"{}\" does not exist", target.face.name);
                Error::new(Kind::UndefinedObject, message)
            })?
        }
        ast::ConflictTarget::Columns(names) => {
            let columns = names.iter().map(|name| {
                let name = fold(name);
                let missing = || Error::new(Kind::UndefinedColumn, format!("column \"{name}\" does not exist"));
                // What a view computes is no key.
                Ok(target.place(target.face.column_index(&name).ok_or_else(missing)?, Privilege::Insert).ok())
            });
            let columns: HashSet<Option<usize>> = columns.collect::<Result<_>>()?;
            // To name a key is to read it.
            let faces = names.iter().filter_map(|name| target.face.column_index(&fold(name)));
            target.must_have_on(work, Privilege::Select, &faces.collect::<Vec<_>>())?;
            let fits = |key: &&KeyConstraint| columns == key.columns.iter().copied().map(Some).collect();
            table.keys.iter().find(fits).ok_or_else(|| {
                let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
                Error::new(Kind::InvalidColumnReference, message)
            })?
        }
    };
    Ok(found.clone())
}

impl Upsert {
    fn new(work: &Work<'_>, target: &Target, key: KeyConstraint, update: &ast::DoUpdate) -> Result<Self> {
        target.must_have(work, Privilege::Update)?;
        must_see_plain(work, target)?;
        let mut read = read(target, &update.assignments);
        read.extend(self::read(target, &update.selection));
        if !read.is_empty() {
            target.must_have_on(work, Privilege::Select, &read)?;
        }
        let (columns, values) = changes(work, target, update.assignments.clone(), Privilege::Insert)?;
        let values = values.into_iter().map(|value| own_columns(target, value)).collect();
        update.selection.iter().try_for_each(|condition| must_be_of_one_row(condition, "WHERE"))?;
        let condition = update.selection.clone().map(|condition| own_columns(target, condition));
        Ok(Self { key, columns, values, condition, met: HashSet::new(), held: Vec::new(), derived: Arc::default() })
    }

    /// Changes the rows whose keys are there; gives those that are not there, the changed ones as they are now if they are to be given
    /// back, and how many these are.
    pub async fn change(
        &mut self,
        work: &Work<'_>,
        txn: &mut Transaction,
        target: &Target,
        batch: RecordBatch,
        returned: &Returned,
    ) -> Result<(RecordBatch, Vec<RecordBatch>, usize)> {
        self.held.push(work.hold(batch.num_rows() * MET_BYTES)?);
        let keys: Vec<ArrayRef> = self.key.columns.iter().map(|&column| batch.column(column).clone()).collect();
        let key_bytes = bytes_of(&self.key, &keys)?;
        if key_bytes.iter().flatten().any(|bytes| self.met.contains(bytes)) {
            return Err(second_time());
        }
        let manager = &work.context.database.manager;
        let free = |txn: &Transaction| -> Result<BooleanArray> {
            let holders = manager.holders(txn, target.id, &self.key, &keys)?;
            Ok(holders.iter().map(|holder| Some(!matches!(holder, Holder::Row(_)))).collect())
        };
        // Who adds the same key at this moment is waited for: its row may come to be the one that is there.
        work.lock_keys(txn, target, &filter_record_batch(&batch, &free(txn)?)?).await?;
        if txn.isolation() == Isolation::ReadCommitted {
            manager.refresh(txn)?;
        }
        let holders = manager.holders(txn, target.id, &self.key, &keys)?;
        let (mut places, mut ids) = (Vec::new(), Vec::<RowId>::new());
        for (place, holder) in holders.iter().enumerate() {
            if let Holder::Row(row) = holder {
                if !txn.snapshot().rows(target.id).is_live(*row) {
                    return Err(match txn.isolation() {
                        Isolation::ReadCommitted => {
                            // Committed and about to be shown: its transaction holds no lock on what it made.
                            tokio::time::sleep(Duration::from_millis(1)).await;
                            work.anew(txn, "update")
                        }
                        _ => changed_meanwhile("update"),
                    });
                }
                places.push(place as u64);
                ids.push(*row);
            }
        }
        for (bytes, holder) in key_bytes.iter().zip(&holders) {
            if let (Some(bytes), false) = (bytes, matches!(holder, Holder::Row(_)))
                && !self.met.insert(*bytes)
            {
                return Err(second_time());
            }
        }
        let free: BooleanArray = holders.iter().map(|holder| Some(!matches!(holder, Holder::Row(_)))).collect();
        let new = filter_record_batch(&batch, &free)?;
        if ids.is_empty() {
            return Ok((new, Vec::new(), 0));
        }
        work.lock_rows(txn, target, &ids, crate::txn::Mode::NoKeyUpdate, "update").await?;
        let key_bytes: Vec<Option<KeyBytes>> = places.iter().map(|place| key_bytes[*place as usize]).collect();
        let excluded = take_record_batch(&batch, &UInt64Array::from(places))?;
        let mut replacing = Replacing::new(work, txn, target, &self.columns)?;
        let (mut changed, mut count, mut start) = (Vec::new(), 0, 0);
        while let Some(piece) = replacing.pieces(ids.len(), start) {
            start = piece.end;
            let excluded = excluded.slice(piece.start, piece.len());
            let old = old_rows(work, txn, target, &ids[piece.clone()])?;
            let _held = work.hold_rows(&old)?;
            if target.is_policed() {
                // What it changes, and before anything is computed of it.
                let (chosen, _) = self.values(work, target, &old, excluded.clone(), &[]).await?;
                work.police(target, Rows::Conflicting, &take_record_batch(&old, &chosen)?).await?;
            }
            let (chosen, values) = self.values(work, target, &old, excluded, &self.values).await?;
            self.meet(&key_bytes[piece.clone()], &chosen)?;
            let old = take_record_batch(&old, &chosen)?;
            let ids: Vec<RowId> = chosen.values().iter().map(|&n| ids[piece.start + n as usize]).collect();
            let rows = replacing.assign_to(work, txn, &ids, &old, &values).await?.rows;
            count += rows.num_rows();
            changed.extend(returned.is_asked().then_some(rows));
        }
        replacing.add(work, txn)?;
        replacing.end(work, txn).await?;
        Ok((new, changed, count))
    }

    /// Notes the rows that are changed, each of which no row behind it may mean. What the condition lets alone may be meant again.
    fn meet(&mut self, keys: &[Option<KeyBytes>], chosen: &UInt64Array) -> Result<()> {
        let chosen: HashSet<u64> = chosen.values().iter().copied().collect();
        for (n, key) in keys.iter().enumerate() {
            let Some(key) = key else { continue };
            if self.met.contains(key) {
                return Err(second_time());
            }
            if chosen.contains(&(n as u64)) {
                self.met.insert(*key);
            }
        }
        Ok(())
    }

    /// Which of the rows the condition chooses, and these values of them.
    async fn values(
        &self,
        work: &Work<'_>,
        target: &Target,
        old: &RecordBatch,
        excluded: RecordBatch,
        values: &[ast::Expr],
    ) -> Result<(UInt64Array, Vec<ArrayRef>)> {
        let (context, plan) = self.plan(work, target, old, &excluded, values)?;
        must_fit(target, &plan, 1, &self.columns[..values.len()])?;
        if !values.is_empty() {
            self.derived.get_or_init(|| derived(&plan));
        }
        let rows = run::collect(&context, work.state, &work.bind(plan.clone())?).await?;
        let schema = rows.first().map_or_else(|| Arc::new(plan.schema().as_arrow().clone()), RecordBatch::schema);
        let rows = arrow::compute::concat_batches(&schema, &rows)?;
        let numbers = rows.column(0).as_primitive::<UInt64Type>().clone();
        Ok((numbers, rows.columns()[1..].to_vec()))
    }

    /// The plan of the values, over no rows.
    pub fn described(&self, work: &Work<'_>, target: &Target) -> Result<LogicalPlan> {
        let none = RecordBatch::new_empty(target.table.arrow_schema());
        Ok(self.plan(work, target, &none, &none, &self.values)?.1)
    }

    /// Refuses what would fail with the first row that is there: as PostgreSQL does, before any row is looked for.
    pub fn must_be_planned(&self, work: &Work<'_>, target: &Target) -> Result<()> {
        must_fit(target, &self.described(work, target)?, 1, &self.columns)
    }

    /// What the assignments read, once that is known, and the columns that they are for; before them is a column of nobody's.
    pub fn read(&self) -> (Arc<OnceLock<Derived>>, Vec<usize>) {
        (self.derived.clone(), self.columns.clone())
    }

    fn plan(
        &self,
        work: &Work<'_>,
        target: &Target,
        old: &RecordBatch,
        excluded: &RecordBatch,
        values: &[ast::Expr],
    ) -> Result<(Arc<Context>, LogicalPlan)> {
        let called = target.called.value.clone();
        let mut relations = work.context.locked.as_ref().clone();
        let mut from = Vec::new();
        for (name, rows) in [(called.as_str(), old), (EXCLUDED, excluded)] {
            let rows = target.seen(work, numbered(rows)?, &[NUMBER.to_owned()])?;
            relations.insert(format!("{NUMBER}{name}"), rows);
            let mut relation = table_factor(vec![quoted(LOCKED), quoted(&format!("{NUMBER}{name}"))]);
            if let ast::TableFactor::Table { alias, .. } = &mut relation {
                *alias = Some(ast::TableAlias { explicit: true, name: quoted(name), columns: Vec::new(), at: None });
            }
            from.push(relation);
        }
        let context = Arc::new(Context { locked: Arc::new(relations), ..work.context.as_ref().clone() });
        let number = |name: &str| ast::Expr::CompoundIdentifier(vec![quoted(name), quoted(NUMBER)]);
        let same = ast::Expr::BinaryOp {
            left: Box::new(number(&called)),
            op: ast::BinaryOperator::Eq,
            right: Box::new(number(EXCLUDED)),
        };
        let joins = from.split_off(1).into_iter().map(|relation| ast::Join {
            relation,
            global: false,
            join_operator: ast::JoinOperator::Inner(ast::JoinConstraint::On(same.clone())),
        });
        let joins: Vec<ast::Join> = joins.collect();
        let from = from.into_iter().map(|relation| ast::TableWithJoins { relation, joins: joins.clone() }).collect();
        let items = std::iter::once(number(&called)).chain(values.iter().cloned()).enumerate();
        let items = items.map(|(n, expr)| ast::SelectItem::ExprWithAlias { expr, alias: quoted(&format!("c{n}")) });
        let query = work.reach(select_query(items.collect(), from, self.condition.clone())?);
        let plan = Planner::new(&context, work.state).query(query)?;
        Ok((context, plan))
    }
}

fn second_time() -> Error {
    Error::new(Kind::Cardinality, "ON CONFLICT DO UPDATE command cannot affect row a second time").with_hint(
        "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
    )
}

/// The columns that parts of DO UPDATE read, of the row that is there or of the one that was to be added.
fn read(target: &Target, parts: &impl ast::Visit) -> Vec<usize> {
    let excluded = Target { called: quoted(EXCLUDED), ..target.clone() };
    let mut named = policed::named(target, parts);
    named.extend(policed::named(&excluded, parts));
    named
}

/// Rows with their numbers.
fn numbered(rows: &RecordBatch) -> Result<MemTable> {
    let mut fields: Vec<_> = rows.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(NUMBER, DataType::UInt64, false)));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(UInt64Array::from_iter_values(0..rows.num_rows() as u64)));
    let schema = Arc::new(Schema::new(fields));
    let rows = crate::txn::batch(schema.clone(), columns, rows.num_rows())?;
    Ok(MemTable::try_new(schema, vec![vec![rows]])?)
}

/// A column without a relation is the table's, not that of `excluded`.
fn own_columns(target: &Target, mut expression: ast::Expr) -> ast::Expr {
    level::change(&mut expression, |expression| {
        if let ast::Expr::Identifier(name) = expression
            && target.face.column_index(&fold(name)).is_some()
        {
            *expression = ast::Expr::CompoundIdentifier(vec![target.called.clone(), name.clone()]);
        }
    });
    expression
}

/// DO UPDATE reads the row that is there as it is: a role to whom columns of it are masked may not. Whether it sees the row is for the
/// policies to say.
fn must_see_plain(work: &Work<'_>, target: &Target) -> Result<()> {
    let access = target.access(work)?;
    match access.masks.iter().all(Option::is_none) {
        true => Ok(()),
        false => Err(Error::new(
            Kind::Privilege,
            format!("permission denied for ON CONFLICT DO UPDATE on {}", target.named()),
        )
        .with_detail("Columns of the table are masked for this role.")),
    }
}
