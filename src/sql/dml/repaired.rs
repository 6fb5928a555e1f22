//! REPAIR TABLE and UNDO REPAIR: changes of cells, each known by its row's id, made as those of an UPDATE and kept to be undone.

use super::super::lineage;
use super::super::parser::{UndoneRepair, quoted};
use super::super::planner::parse_expression;
use super::super::quality::ruled;
use super::super::repair::stored::{self, Stored};
use super::super::repair::{Planned, Reading, Wanted, key_text};
use super::super::run::blocking;
use super::super::statement_id::Statements;
use super::super::tables;
use super::super::values::{first_unreadable, read};
use super::apply::Replacing;
use super::found::{Finding, still_there};
use super::merge::own_factor;
use super::policed::Rows;
use super::update::{meeting, plan};
use super::{Target, Work, rows};
use crate::catalog::{Object, ObjectId, Privilege, RepairsOf, SqlType, Table, is_temporary};
use crate::encoding::pg_text::cell_text_of;
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use crate::txn::{Mode, RowId, Transaction};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{concat_batches, interleave, take};
use arrow::datatypes::UInt64Type;
use datafusion::sql::sqlparser::ast;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What a repair did.
#[derive(Debug, Default)]
pub struct Repaired {
    /// The batch under which it is kept; none if nothing was changed.
    pub batch: Option<String>,
    /// Rows that were changed.
    pub rows: usize,
    /// Cells that were changed.
    pub cells: usize,
    /// Changes that were left: of more rows than may be changed, or of rows that rules keep as they are.
    pub left: usize,
}

/// How far a repair has come.
pub enum Attempt {
    /// It is done.
    Done(Repaired),
    /// It is to begin again when there is a place where repairs of these columns are kept.
    Homeless(ObjectId, Vec<String>),
}

/// The new values of cells of one table: rows by their ids, and columns by their places in it.
struct Cells {
    ids: Vec<RowId>,
    columns: Vec<usize>,
    values: Vec<ArrayRef>,
}

/// Runs REPAIR TABLE within the transaction.
pub async fn repair(
    work: &Work<'_>,
    txn: &mut Transaction,
    name: &ast::ObjectName,
    wanted: &Wanted,
) -> Result<Attempt> {
    txn.must_write("REPAIR TABLE")?;
    let target = work.target(name, Privilege::Update)?;
    may_be_repaired(&target)?;
    let target = target.policed(work, &[(Rows::Changed, true)])?;
    work.use_table(txn, &target).await?;
    let relation = ruled(work.context, work.state, target.id)?;
    let reading = Reading::of(work.context, work.state, relation, wanted).await?;
    let (ids, found) = met(work, txn, &target, &reading.expressions()).await?;
    let _held = work.hold_rows(&found)?;
    let planned = blocking(|| Planned::of(work.context, &reading, (std::slice::from_ref(&found), 1), wanted))?;
    if planned.left > 0 {
        work.context.notice(format!("{} changes of more than {} rows are left", planned.left, wanted.max_rows));
    }
    if planned.changes.is_empty() {
        return Ok(Attempt::Done(Repaired { left: planned.left, ..Repaired::default() }));
    }
    let Some(key) = &planned.key else {
        let name = &target.table.name;
        let message = format!("nothing tells rows of \"{name}\" apart, and so its repairs could not be undone");
        return Err(Error::new(Kind::NotReady, message).with_hint(format!(
            "ALTER TABLE {name} ADD PRIMARY KEY (...), or name columns WITH (key = '...'); REPAIR_PLAN works without."
        )));
    };
    let changed: BTreeSet<usize> = planned.changes.iter().map(|change| change.column).collect();
    let names: Vec<String> = changed.iter().chain(key).map(|at| reading.columns[*at].clone()).collect();
    let Some((home, numbers)) = home(work, target.id, &names) else {
        return Ok(Attempt::Homeless(target.id, names));
    };
    // The rows that are changed, and in them the columns: what is not repaired in one of them gets what it has.
    let place = |at: usize| target.table.column_index(&reading.columns[at]);
    let columns: Vec<usize> = changed.iter().filter_map(|at| place(*at)).collect();
    target.must_have_on(work, Privilege::Update, &columns)?;
    let touched: Vec<usize> = planned.changes.iter().map(|c| c.row).collect::<BTreeSet<_>>().into_iter().collect();
    let new: BTreeMap<(usize, usize), &Option<String>> =
        planned.changes.iter().map(|change| ((change.row, change.column), &change.new)).collect();
    let values = changed.iter().map(|at| {
        let old = found.column(1 + at);
        replaced(old, &reading.types[*at], &touched, |row| new.get(&(row, *at)).copied())
    });
    let cells =
        Cells { ids: touched.iter().map(|row| ids[*row]).collect(), columns, values: values.collect::<Result<_>>()? };
    let written = write(work, txn, &target, &cells).await?;
    // What is kept is what was written: rules may have made more of it.
    let statements = Statements::new()?;
    let batch = statements.id(statements.next()).to_string();
    let (now, actor) = (now_us(), work.context.snapshot.catalog.role_name(work.context.role));
    let number = |at: usize| numbers.number_of(&reading.columns[at]).unwrap_or(usize::MAX);
    let key_columns: Vec<usize> = key.iter().map(|at| number(*at)).collect();
    let row_of: HashMap<usize, usize> = touched.iter().enumerate().map(|(n, row)| (*row, n)).collect();
    let mut kept = Vec::new();
    let mut left = planned.left;
    for change in &planned.changes {
        let Some((rows, at)) = row_of.get(&change.row).and_then(|n| written.get(*n)?.as_ref()) else {
            left += 1;
            continue;
        };
        let Some(column) = place(change.column) else { continue };
        let new = cell_text_of(&field(&target.table, column), rows.column(column).as_ref(), *at);
        if new == change.old {
            left += 1;
            continue;
        }
        kept.push(Stored {
            batch: batch.clone(),
            id: statements.id(statements.next()).to_string(),
            row_key: planned.row_key(&reading, change.row),
            key_columns: key_columns.clone(),
            column: number(change.column),
            old: change.old.clone(),
            new,
            method: change.method.name().to_owned(),
            confidence: Some(change.confidence),
            rule: change.rule.clone(),
            at_us: now,
            actor: actor.clone(),
        });
    }
    let rows = kept.iter().map(|stored| stored.row_key.as_deref()).collect::<HashSet<_>>().len();
    let cells = kept.len();
    let of: BTreeSet<usize> = kept.iter().map(|stored| stored.column).collect();
    keep(work, txn, home, &kept).await?;
    if cells > 0 {
        lineage::repaired(work.context, txn, target.id, of.iter().filter_map(|number| numbers.column(*number)));
        let rules: HashSet<&str> = kept.iter().filter_map(|stored| stored.rule.as_deref()).collect();
        let catalog = work.context.snapshot.catalog.clone();
        for (_, rule) in catalog.rules_of(target.id).filter(|(_, rule)| rules.contains(rule.name.as_str())) {
            lineage::by_rule(work.context, txn, rule);
        }
    }
    Ok(Attempt::Done(Repaired { batch: (cells > 0).then_some(batch), rows, cells, left }))
}

/// Runs UNDO REPAIR within the transaction; gives how many cells have their old values again.
pub async fn undo(work: &Work<'_>, txn: &mut Transaction, which: &UndoneRepair) -> Result<usize> {
    txn.must_write("UNDO REPAIR")?;
    let (home, numbers, all) = match which {
        UndoneRepair::Batch(batch) => batch_of(work, batch)?,
        UndoneRepair::LastOn((schema, name)) => last_on(work, schema.as_deref(), name)?,
    };
    let batch = all.first().map(|(stored, _)| stored.batch.clone()).unwrap_or_default();
    let Some(table) = work.context.snapshot.catalog.table_by_id(numbers.table) else { return Err(no_batch(&batch)) };
    let target = Target::of(numbers.table, Arc::new(table.clone()));
    may_be_repaired(&target)?;
    if tables::access(work.context, target.id, &target.table)?.filter.is_some() {
        // Old values may be of a time when the role did not see their rows.
        let message = format!("permission denied for repairs of table {}", target.table.name);
        return Err(Error::new(Kind::Privilege, message)
            .with_detail("Row policies keep rows of it from the role, and with them all its repairs."));
    }
    let target = target.policed(work, &[(Rows::Changed, true)])?;
    let open: Vec<&Stored> = all.iter().filter(|(_, undone)| undone.is_none()).map(|(stored, _)| stored).collect();
    if open.is_empty() {
        work.context.notice(format!("repair batch \"{batch}\" is undone already"));
        return Ok(0);
    }
    work.use_table(txn, &target).await?;
    // Columns that are gone have no old values to go back to.
    let name = |number: usize| numbers.column(number).filter(|name| target.table.column_index(name).is_some());
    let key_columns = open.first().map(|stored| stored.key_columns.clone()).unwrap_or_default();
    let key: Option<Vec<&str>> = key_columns.iter().map(|number| name(*number)).collect();
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        let message = format!("the columns that told rows apart when \"{batch}\" was made are gone");
        return Err(Error::new(Kind::NotReady, message).with_hint("steward.repairs shows the old values."));
    };
    let columns: Vec<&str> =
        open.iter().filter_map(|stored| name(stored.column)).collect::<BTreeSet<_>>().into_iter().collect();
    let places: Vec<usize> = columns.iter().filter_map(|name| target.table.column_index(name)).collect();
    must_see(work, &target, &key, &columns)?;
    target.must_have_on(work, Privilege::Update, &places)?;
    let read: Vec<String> = key.iter().chain(&columns).map(|name| quoted(name).to_string()).collect();
    let (ids, found) = met(work, txn, &target, &read).await?;
    let _held = work.hold_rows(&found)?;
    let text = |name: &str, at: usize, row: usize| {
        let place = target.table.column_index(name)?;
        cell_text_of(&field(&target.table, place), found.column(1 + at).as_ref(), row)
    };
    let mut by_key: HashMap<&str, Vec<&Stored>> = HashMap::new();
    for stored in &open {
        if let Some(key) = &stored.row_key {
            by_key.entry(key).or_default().push(stored);
        }
    }
    let mut rows_of: HashMap<&str, Vec<usize>> = HashMap::new();
    for row in 0..ids.len() {
        let values: Vec<Option<String>> = key.iter().enumerate().map(|(at, name)| text(name, at, row)).collect();
        let key = key_text(key.iter().copied().zip(values.iter().map(Option::as_deref)));
        if let Some((known, _)) = key.as_deref().and_then(|key| by_key.get_key_value(key)) {
            rows_of.entry(known).or_default().push(row);
        }
    }
    // Cells that are what the repair made of them, in rows that one key alone has.
    let mut old: BTreeMap<(usize, usize), &Stored> = BTreeMap::new();
    for (key, rows) in &rows_of {
        let ([row], Some(cells)) = (rows.as_slice(), by_key.get(key)) else { continue };
        for stored in cells {
            let Some(at) = name(stored.column).and_then(|name| columns.iter().position(|column| *column == name))
            else {
                continue;
            };
            let data_type = &target.table.columns[places[at]].data_type;
            let unchanged = text(columns[at], key_columns.len() + at, *row) == stored.new;
            if unchanged && stored.old.as_deref().is_none_or(|old| is_readable(old, data_type)) {
                old.insert((*row, at), stored);
            }
        }
    }
    let touched: Vec<usize> = old.keys().map(|(row, _)| *row).collect::<BTreeSet<_>>().into_iter().collect();
    let values = places.iter().enumerate().map(|(at, place)| {
        let here = found.column(1 + key_columns.len() + at);
        let data_type = &target.table.columns[*place].data_type;
        replaced(here, data_type, &touched, |row| old.get(&(row, at)).map(|stored| &stored.old))
    });
    let cells = Cells {
        ids: touched.iter().map(|row| ids[*row]).collect(),
        columns: places.clone(),
        values: values.collect::<Result<_>>()?,
    };
    let written = write(work, txn, &target, &cells).await?;
    let row_of: HashMap<usize, usize> = touched.iter().enumerate().map(|(n, row)| (*row, n)).collect();
    let (now, actor) = (now_us(), work.context.snapshot.catalog.role_name(work.context.role));
    let mut undone = Vec::new();
    for ((row, at), stored) in &old {
        let Some((rows, place)) = row_of.get(row).and_then(|n| written.get(*n)?.as_ref()) else { continue };
        let column = places[*at];
        // A rule of the table may have repaired it once more.
        if cell_text_of(&field(&target.table, column), rows.column(column).as_ref(), *place) == stored.old {
            undone.push(stored.undone(now, &actor));
        }
    }
    keep(work, txn, home, &undone).await?;
    if !undone.is_empty() {
        lineage::repaired(work.context, txn, target.id, columns.iter().copied());
    }
    if undone.len() < open.len() {
        let left = open.len() - undone.len();
        work.context.notice(format!(
            "{left} of {} cells are left as they are: they were changed since, or their rows are not to be found",
            open.len()
        ));
    }
    Ok(undone.len())
}

/// Refuses what cannot be repaired in place.
fn may_be_repaired(target: &Target) -> Result<()> {
    let table = &target.table;
    let refused = |what: &str| {
        let message = format!("REPAIR TABLE changes tables, and \"{}\" is {what}", target.face.name);
        Error::new(Kind::WrongObject, message)
    };
    match () {
        () if target.through.is_some() => Err(refused("a view").with_hint("Repair the table that it reads.")),
        () if table.materialized.is_some() => Err(refused("a materialized view")),
        () if table.quarantine_of.is_some() => Err(refused("a quarantine")),
        () if table.repairs_of.is_some() => Err(refused("where repairs are kept")),
        () if is_temporary(&table.schema) => {
            let message = "REPAIR TABLE of temporary tables is not supported";
            Err(Error::new(Kind::Unsupported, message).with_hint("REPAIR_PLAN shows what it would change."))
        }
        () => Ok(()),
    }
}

/// Where repairs of a table are kept, if these columns have numbers there.
fn home(work: &Work<'_>, id: ObjectId, columns: &[String]) -> Option<((ObjectId, Table), RepairsOf)> {
    let (home, table) = work.context.snapshot.catalog.repairs_of(id)?;
    let numbers = table.repairs_of.clone()?;
    columns.iter().all(|name| numbers.number_of(name).is_some()).then(|| ((home, table.clone()), numbers))
}

/// All rows of the target that the role may change: their ids, and a batch of the ids and the expressions.
async fn met(
    work: &Work<'_>,
    txn: &Transaction,
    target: &Target,
    expressions: &[String],
) -> Result<(Vec<RowId>, RecordBatch)> {
    let from = vec![ast::TableWithJoins { relation: own_factor(target), joins: Vec::new() }];
    let expressions = expressions.iter().map(|text| parse_expression(text)).collect::<Result<Vec<_>>>()?;
    let plan = plan(work, target, meeting(Command::Update, true), from, None, expressions)?;
    let schema = plan.schema().inner().clone();
    let mut finding = Finding::of(work, plan).await?;
    let mut pieces = Vec::new();
    while let Some(found) = finding.next(work, txn, target).await? {
        pieces.push(still_there(work, txn, target, found)?);
    }
    finding.end(txn, target);
    let schema = pieces.first().map_or(schema, RecordBatch::schema);
    let found = concat_batches(&schema, &pieces)?;
    let ids = found.column(0).as_primitive_opt::<UInt64Type>();
    let ids = ids.map(|ids| ids.values().to_vec()).ok_or_else(|| Error::internal("row ids are no numbers"))?;
    Ok((ids, found))
}

/// Values of some rows: `new` gives what takes the place of one, if anything does.
fn replaced<'v>(
    old: &ArrayRef,
    data_type: &SqlType,
    rows: &[usize],
    new: impl Fn(usize) -> Option<&'v Option<String>>,
) -> Result<ArrayRef> {
    let changed: Vec<Option<&Option<String>>> = rows.iter().map(|row| new(*row)).collect();
    let texts: StringArray = changed.iter().flatten().map(|text| text.as_deref()).collect();
    let values = read(&texts, data_type)?;
    let places: arrow::array::UInt64Array = rows.iter().map(|row| *row as u64).collect();
    let old = take(old, &places, None)?;
    // The scan may give its texts in another form of Arrow's.
    let same = old.data_type() == values.data_type();
    let values = if same { values } else { arrow::compute::cast(&values, old.data_type())? };
    let mut next = 0;
    let mut picks = Vec::with_capacity(rows.len());
    for (row, change) in changed.iter().enumerate() {
        picks.push(match change {
            Some(_) => {
                next += 1;
                (1, next - 1)
            }
            None => (0, row),
        });
    }
    Ok(interleave(&[old.as_ref(), values.as_ref()], &picks)?)
}

/// Gives rows their values; for each the batch and the place in it where it is as it was written, or nothing where rules left it.
async fn write(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    cells: &Cells,
) -> Result<Vec<Option<(RecordBatch, usize)>>> {
    if cells.ids.is_empty() {
        return Ok(Vec::new());
    }
    work.lock_rows(txn, target, &cells.ids, Mode::NoKeyUpdate, "update").await?;
    let mut replacing = Replacing::new(work, txn, target, &cells.columns)?;
    let (mut start, mut written) = (0, Vec::with_capacity(cells.ids.len()));
    while let Some(piece) = replacing.pieces(cells.ids.len(), start) {
        start = piece.end;
        let values: Vec<ArrayRef> = cells.values.iter().map(|v| v.slice(piece.start, piece.len())).collect();
        let done = replacing.assign(work, txn, &cells.ids[piece.clone()], &values).await?;
        let mut at = 0;
        for n in 0..piece.len() {
            let kept = done.kept.as_ref().is_none_or(|kept| kept.value(n));
            written.push(kept.then(|| (done.rows.clone(), at)));
            at += usize::from(kept);
        }
    }
    replacing.add(work, txn)?;
    replacing.end(work, txn).await?;
    Ok(written)
}

/// Keeps what was repaired.
async fn keep(work: &Work<'_>, txn: &mut Transaction, (id, table): (ObjectId, Table), all: &[Stored]) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let batch = stored::batch(&table, all)?;
    let home = Target::of(id, Arc::new(table));
    work.use_table(txn, &home).await?;
    let _held = work.hold_rows(&batch)?;
    rows::add(work, txn, id, &batch)
}

type OfBatch = ((ObjectId, Table), RepairsOf, Vec<stored::Kept>);

/// The repairs of a batch, among those of tables that the role may change.
fn batch_of(work: &Work<'_>, batch: &str) -> Result<OfBatch> {
    let catalog = work.context.snapshot.catalog.clone();
    let batch = batch.trim().to_lowercase();
    for (id, table, numbers) in catalog.all_repairs() {
        let Some(Object::Table(of)) = catalog.get(numbers.table).map(AsRef::as_ref) else { continue };
        let reaches = work.context.must_reach(&of.schema).is_ok();
        if !reaches || tables::must_have(work.context, of, Privilege::Update).is_err() {
            continue;
        }
        let all = blocking(|| stored::read(work.context, id, Some(&batch)))?;
        if !all.is_empty() {
            return Ok(((id, table.clone()), numbers.clone(), all));
        }
    }
    Err(no_batch(&batch))
}

/// The repairs of the last batch of a table that is not undone.
fn last_on(work: &Work<'_>, schema: Option<&str>, name: &str) -> Result<OfBatch> {
    let parts: Vec<ast::Ident> = schema.into_iter().chain([name]).map(quoted).collect();
    let target = work.target(&ast::ObjectName::from(parts), Privilege::Update)?;
    may_be_repaired(&target)?;
    let nothing = || {
        let message = format!("table \"{}\" has no repair that is not undone", target.table.name);
        Error::new(Kind::UndefinedObject, message)
    };
    let catalog = &work.context.snapshot.catalog;
    let Some((id, table)) = catalog.repairs_of(target.id) else { return Err(nothing()) };
    let Some(numbers) = table.repairs_of.clone() else { return Err(nothing()) };
    let mut all = blocking(|| stored::read(work.context, id, None))?;
    let open = all.iter().filter(|(_, undone)| undone.is_none());
    let Some(batch) = open.max_by_key(|(stored, _)| stored.at_us).map(|(stored, _)| stored.batch.clone()) else {
        return Err(nothing());
    };
    all.retain(|(stored, _)| stored.batch == batch);
    Ok(((id, table.clone()), numbers, all))
}

fn no_batch(batch: &str) -> Error {
    Error::new(Kind::UndefinedObject, format!("repair batch \"{batch}\" does not exist"))
        .with_hint("steward.repairs lists the repairs that you may see.")
}

/// Refuses a role that does not see these columns as they are.
fn must_see(work: &Work<'_>, target: &Target, key: &[&str], columns: &[&str]) -> Result<()> {
    let access = tables::access(work.context, target.id, &target.table)?;
    let plain = |name: &&&str| {
        target.table.column_index(name).is_some_and(|at| {
            access.readable.get(at) == Some(&true) && access.masks.get(at).is_some_and(Option::is_none)
        })
    };
    match key.iter().chain(columns).find(|name| !plain(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("permission denied for column {name} of table {}", target.table.name);
            Err(Error::new(Kind::Privilege, message).with_detail("Repairs read columns as they are, without masks."))
        }
    }
}

fn is_readable(text: &str, data_type: &SqlType) -> bool {
    first_unreadable(&StringArray::from(vec![text]), data_type).is_none()
}

fn field(table: &Table, column: usize) -> arrow::datatypes::Field {
    let column = &table.columns[column];
    column.data_type.field(&column.name)
}

fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
