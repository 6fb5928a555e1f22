//! UPDATE.

use super::super::parser::{fold, last};
use super::super::planner::{Planner, parse_expression, select_query};
use super::super::run;
use super::super::tables::{ROW_ID, TableScan};
use super::apply::replace;
use super::assigned::must_fit;
use super::merge::own_factor;
use super::returning::Beside;
use super::rows::name_column;
use super::{Changed, Target, Work, generated, is_default, masked, returning};
use crate::catalog::Privilege;
use crate::error::{Error, Kind, Result};
use crate::txn::{RowId, Transaction, split_row_id};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt64Array, new_null_array};
use arrow::compute::{filter_record_batch, interleave};
use arrow::datatypes::UInt64Type;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Runs an UPDATE within the transaction.
pub fn update<'a>(work: &'a Work<'_>, txn: &'a mut Transaction, update: ast::Update) -> BoxFuture<'a, Result<Changed>> {
    Box::pin(async move {
        txn.must_write("UPDATE")?;
        let ast::TableFactor::Table { name, alias, .. } = &update.table.relation else {
            return Err(Error::new(Kind::Syntax, "UPDATE needs the name of a table"));
        };
        let target = work.target(name, Privilege::Update)?.called(alias.as_ref());
        let from = relations(&update);
        let (columns, values) = changes(work, &target, update.assignments)?;
        masked::must_not_be_stored(work, &target, &from, &values)?;
        work.use_table(txn, &target).await?;
        let beside = Beside::of(work, &from[1..], update.returning.is_some())?;
        let values = values.into_iter().chain(beside.expressions()).collect();
        let alone = from.len() == 1 && update.returning.is_none();
        let plan = plan(work, &target, from, update.selection, values)?;
        must_fit(&target, &plan, 1, &columns)?;
        if let Some(kept) = work.kept.as_ref().filter(|_| alone) {
            kept.keep_found(work, &target, Some(&columns), &plan);
        }
        let found = still_there(work, txn, &target, found_by(work, plan).await?)?;
        let (ids, mut found) = first_of_each(&found)?;
        let met = found.split_off(columns.len());
        let batch = assign(work, txn, &target, &columns, &ids, &found).await?;
        returning::changed(work, &target, vec![batch], beside.with(met), update.returning).await
    })
}

/// Gives columns of rows the values that were found for them; gives the rows as they are then.
pub(super) async fn assign(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    columns: &[usize],
    ids: &[RowId],
    found: &[ArrayRef],
) -> Result<RecordBatch> {
    let old = old_rows(work, txn, target, ids)?;
    let (mut new, zone) = (old.columns().to_vec(), work.context.zone());
    for (values, &column) in found.iter().zip(columns) {
        let of = &target.table.columns[column];
        new[column] = zone.assign(values, &of.data_type).map_err(|error| name_column(error, &of.name))?;
    }
    let batch = crate::txn::batch(target.table.arrow_schema(), new, ids.len())?;
    work.hold(&batch)?;
    replace(work, txn, target, ids, (&old, batch), columns).await
}

/// Places of the columns that SET names, and what each gets.
pub(super) fn changes(
    work: &Work<'_>,
    target: &Target,
    assignments: Vec<ast::Assignment>,
) -> Result<(Vec<usize>, Vec<ast::Expr>)> {
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for (name, value) in assigned(assignments)? {
        let (at, name) = target.must_get_column(&name)?;
        if columns.contains(&at) {
            return Err(Error::new(Kind::Syntax, format!("multiple assignments to same column \"{name}\"")));
        }
        columns.push(at);
        values.push(default_of(work, target, at, value)?);
    }
    Ok((columns, values))
}

/// Each column with its value; `(a, b) = (x, y)` are two.
pub(super) fn assigned(assignments: Vec<ast::Assignment>) -> Result<Vec<(ast::ObjectName, ast::Expr)>> {
    let mut pairs = Vec::with_capacity(assignments.len());
    for ast::Assignment { target, value } in assignments {
        match (target, value) {
            (ast::AssignmentTarget::ColumnName(name), value) => pairs.push((name, value)),
            (ast::AssignmentTarget::Tuple(names), ast::Expr::Tuple(values)) if names.len() == values.len() => {
                pairs.extend(names.into_iter().zip(values));
            }
            (ast::AssignmentTarget::Tuple(_), ast::Expr::Tuple(_)) => {
                return Err(Error::new(Kind::Syntax, "number of columns does not match number of values"));
            }
            (ast::AssignmentTarget::Tuple(names), ast::Expr::Subquery(query)) => {
                pairs.extend(each(names, *query)?);
            }
            (ast::AssignmentTarget::Tuple(names), value) => match row(value) {
                Some(values) if names.len() == values.len() => pairs.extend(names.into_iter().zip(values)),
                Some(_) => {
                    return Err(Error::new(Kind::Syntax, "number of columns does not match number of values"));
                }
                None => {
                    let message = "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression";
                    return Err(Error::new(Kind::Unsupported, message));
                }
            },
        }
    }
    Ok(pairs)
}

/// The values of `ROW(x, y)`, and the one of `(x)`.
fn row(value: ast::Expr) -> Option<Vec<ast::Expr>> {
    match value {
        ast::Expr::Nested(inner) => Some(vec![*inner]),
        ast::Expr::Function(function) if last(&function.name) == "row" => {
            let ast::FunctionArguments::List(list) = function.args else { return None };
            let values = list.args.into_iter().map(|arg| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => Some(value),
                _ => None,
            });
            values.collect()
        }
        _ => None,
    }
}

/// `(a, b) = (SELECT x, y ...)`: each column is that of the query.
fn each(names: Vec<ast::ObjectName>, query: ast::Query) -> Result<Vec<(ast::ObjectName, ast::Expr)>> {
    let unsupported = |what: &str| {
        let message = format!("UPDATE of several columns at once with {what} is not supported");
        Error::new(Kind::Unsupported, message)
    };
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return Err(unsupported("such a query")) };
    let whole = |item: &ast::SelectItem| {
        !matches!(item, ast::SelectItem::UnnamedExpr(_) | ast::SelectItem::ExprWithAlias { .. })
    };
    if select.distinct.is_some() || select.projection.iter().any(whole) {
        return Err(unsupported("DISTINCT or * in the query").with_hint("Name the columns of the query."));
    }
    if select.projection.len() != names.len() {
        return Err(Error::new(Kind::Syntax, "number of columns does not match number of values"));
    }
    let mut pairs = Vec::with_capacity(names.len());
    for (n, name) in names.into_iter().enumerate() {
        let mut one = query.clone();
        if let ast::SetExpr::Select(select) = one.body.as_mut() {
            select.projection = vec![select.projection.swap_remove(n)];
        }
        pairs.push((name, ast::Expr::Subquery(Box::new(one))));
    }
    Ok(pairs)
}

/// The table that is changed, then those of FROM.
pub fn relations(update: &ast::Update) -> Vec<ast::TableWithJoins> {
    let more = update.from.iter().flat_map(|kind| match kind {
        ast::UpdateTableFromKind::BeforeSet(more) | ast::UpdateTableFromKind::AfterSet(more) => more,
    });
    std::iter::once(&update.table).chain(more).cloned().collect()
}

pub(super) fn default_of(work: &Work<'_>, target: &Target, column: usize, value: ast::Expr) -> Result<ast::Expr> {
    let column = &target.table.columns[column];
    if !is_default(&value) {
        generated::must_be_default(column)?;
        return Ok(value);
    }
    match (column.sequence, work.default_of(column)) {
        (Some(sequence), _) => parse_expression(&format!("nextval('{sequence}')")),
        (None, Some(default)) if column.generated.is_none() => parse_expression(default),
        // What is computed from other columns is computed when they are known.
        _ => Ok(ast::Expr::Value(ast::Value::Null.into())),
    }
}

/// What a [`plan`] finds.
pub(super) async fn found_by(work: &Work<'_>, plan: LogicalPlan) -> Result<RecordBatch> {
    let plan = work.bind(plan)?;
    let rows = run::stream(work.context, work.state, &plan).await?;
    let schema = rows.schema();
    let rows = rows.map_err(Error::from).and_then(|batch| std::future::ready(work.hold(&batch).map(|()| batch)));
    // Its columns are there even when no row is.
    Ok(arrow::compute::concat_batches(&schema, &rows.try_collect::<Vec<_>>().await?)?)
}

/// The plan of row ids of the target and the values of `expressions`, for each row that the condition holds for; its parameters are
/// still open.
pub(super) fn plan(
    work: &Work<'_>,
    target: &Target,
    mut from: Vec<ast::TableWithJoins>,
    condition: Option<ast::Expr>,
    expressions: Vec<ast::Expr>,
) -> Result<LogicalPlan> {
    // No WITH query of its name is meant.
    if let Some(own) = from.first_mut().filter(|from| work.context.with.is_some() && is_called(from, target)) {
        own.relation = own_factor(target);
    }
    let id = ast::Expr::CompoundIdentifier(vec![target.called.clone(), ast::Ident::with_quote('"', ROW_ID)]);
    let items = std::iter::once(id)
        .chain(expressions)
        .enumerate()
        .map(|(n, expr)| ast::SelectItem::ExprWithAlias { expr, alias: ast::Ident::new(format!("c{n}")) })
        .collect();
    let query = select_query(items, from, condition)?;
    let scan = TableScan::open(work.context, work.state, target.id, true)?;
    let planner =
        Planner::new(work.context, work.state).with_override(&target.table.schema, &target.table.name, Arc::new(scan));
    planner.query(work.reach(query))
}

/// Whether a relation of FROM is the target, which comes first where it is not joined to anything.
fn is_called(from: &ast::TableWithJoins, target: &Target) -> bool {
    match &from.relation {
        ast::TableFactor::Table { name, alias: None, .. } => last(name) == target.table.name,
        ast::TableFactor::Table { alias: Some(alias), .. } => fold(&alias.name) == fold(&target.called),
        _ => false,
    }
}

/// Those of the rows found, whose ids are in the first column, that no other part of the statement has changed: a row is
/// changed once. What met no row has no id.
pub(super) fn still_there(
    work: &Work<'_>,
    txn: &Transaction,
    target: &Target,
    found: RecordBatch,
) -> Result<RecordBatch> {
    let now = txn.snapshot().rows(target.id);
    if Arc::ptr_eq(&now, &work.context.snapshot.rows(target.id)) {
        return Ok(found);
    }
    let ids = found.column(0).as_primitive::<UInt64Type>();
    let kept: BooleanArray = ids.iter().map(|id| Some(id.is_none_or(|id| now.is_live(id)))).collect();
    Ok(filter_record_batch(&found, &kept)?)
}

/// Ids without repetition, and the values that came with the first of each.
pub(super) fn first_of_each(found: &RecordBatch) -> Result<(Vec<RowId>, Vec<ArrayRef>)> {
    let ids = found.column(0).as_primitive::<UInt64Type>();
    let mut seen = HashSet::with_capacity(ids.len());
    let keep: UInt64Array = (0..ids.len()).filter(|&n| seen.insert(ids.value(n))).map(|n| n as u64).collect();
    let kept = keep.values().iter().map(|&n| ids.value(n as usize)).collect();
    let values = found.columns()[1..].iter().map(|column| Ok(arrow::compute::take(column, &keep, None)?));
    Ok((kept, values.collect::<Result<_>>()?))
}

/// The rows as they are, unmasked: what the statement does not assign stays what it was.
pub(super) fn old_rows(work: &Work<'_>, txn: &Transaction, target: &Target, ids: &[RowId]) -> Result<RecordBatch> {
    let positions: Vec<usize> = (0..target.table.columns.len()).collect();
    rows_by_id(work, txn, target, ids, &positions)
}

/// The rows with the columns at `positions` as they are, and NULL in the others.
pub(super) fn rows_by_id(
    work: &Work<'_>,
    txn: &Transaction,
    target: &Target,
    ids: &[RowId],
    positions: &[usize],
) -> Result<RecordBatch> {
    let stored = txn.snapshot().rows(target.id);
    let schema = target.table.arrow_schema();
    if ids.is_empty() {
        return Ok(RecordBatch::new_empty(schema));
    }
    // Those of each segment, with their places in the result.
    let mut by_segment: BTreeMap<u64, Vec<(usize, usize)>> = BTreeMap::new();
    for (place, &id) in ids.iter().enumerate() {
        let (segment, offset) = split_row_id(id);
        by_segment.entry(segment).or_default().push((place, offset));
    }
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); positions.len()];
    let mut indices = vec![(0, 0); ids.len()];
    for (part, (segment, rows)) in by_segment.into_iter().enumerate() {
        let found = stored.segment(segment).ok_or_else(|| Error::internal("a row's segment is not in the snapshot"))?;
        let offsets: Vec<usize> = rows.iter().map(|(_, offset)| *offset).collect();
        let read = work.context.database.manager.read_rows(target.id, found, positions, &offsets)?;
        columns.iter_mut().zip(read).for_each(|(all, column)| all.push(column));
        rows.iter().enumerate().for_each(|(n, (place, _))| indices[*place] = (part, n));
    }
    let mut whole: Vec<ArrayRef> = schema.fields().iter().map(|f| new_null_array(f.data_type(), ids.len())).collect();
    for (parts, &position) in columns.iter().zip(positions) {
        let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
        whole[position] = interleave(&parts, &indices)?;
    }
    let rows = crate::txn::batch(schema, whole, ids.len())?;
    work.hold(&rows)?;
    Ok(rows)
}
