//! UPDATE.

use super::super::lineage::{Noting, derived};
use super::super::parser::{fold, last};
use super::super::planner::{Planner, parse_expression, select_query};
use super::super::rewrite;
use super::super::tables::ROW_ID;
use super::apply::Replacing;
use super::assigned::must_fit;
use super::found::{Finding, Met, still_there};
use super::merge::own_factor;
use super::one_row::must_be_of_one_row;
use super::policed::{self, Rows};
use super::returned::Returned;
use super::returning::Beside;
use super::{Changed, Target, Work, assigned_twice, generated, is_default, masked, through};
use crate::catalog::{FlowKind, Privilege};
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use crate::txn::{Mode, RowId, Transaction, split_row_id};
use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::{filter, interleave};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use futures::future::BoxFuture;
use std::collections::BTreeMap;

/// Runs an UPDATE within the transaction.
pub fn update<'a>(work: &'a Work<'_>, txn: &'a mut Transaction, update: ast::Update) -> BoxFuture<'a, Result<Changed>> {
    Box::pin(async move {
        txn.must_write("UPDATE")?;
        let ast::TableFactor::Table { name, alias, .. } = &update.table.relation else {
            return Err(Error::new(Kind::Syntax, "UPDATE needs the name of a table"));
        };
        let target = work.target(name, Privilege::Update)?.called(alias.as_ref());
        let from = relations(&update);
        let mut read = policed::named(&target, &update.assignments);
        read.extend(policed::named(&target, &update.selection));
        let reads = target.met_is_read(work, read, &from, update.returning.as_deref())?;
        let target = target.policed(work, &[(Rows::Changed, reads)])?;
        let (columns, values) = changes(work, &target, update.assignments, Privilege::Update)?;
        masked::must_not_be_stored(work, &target, &from, &values)?;
        work.use_table(txn, &target).await?;
        let beside = Beside::of(work, &from[1..], update.returning.is_some())?;
        let values = values.into_iter().chain(beside.expressions()).collect();
        let alone = from.len() == 1 && update.returning.is_none() && target.through.is_none() && !target.is_policed();
        let plan = plan(work, &target, meeting(Command::Update, reads), from, update.selection, values)?;
        must_fit(&target, &plan, 1, &columns)?;
        // Before the values are those of the row's id.
        let from = derived(&plan);
        // Where values go from column to column each run is told to lineage, and takes tags along: no plan of before does that.
        let alone = alone && from.is_of_itself(target.id, std::iter::once(None).chain(target.names_of(&columns)));
        if let Some(kept) = work.kept.as_ref().filter(|_| alone) {
            kept.keep_found(work, &target, Some(&columns), &plan);
        }
        let mut returned = Returned::new(work, &target, beside, update.returning)?;
        let (mut finding, mut met) = (Finding::of(work, plan).await?, Met::default());
        let (mut replacing, mut rows) = (Replacing::new(work, txn, &target, &columns)?, 0);
        while let Some(found) = finding.next(work, txn, &target).await? {
            let _held = work.hold_rows(&found)?;
            let (ids, values) = met.first_of_each(&still_there(work, txn, &target, found)?)?;
            if let Err(error) = work.lock_rows(txn, &target, &ids, Mode::NoKeyUpdate, "update").await {
                let meant = |found| Ok(met.first_of_each(&found)?.0);
                return Err(finding.give_up(work, txn, (&target, Mode::NoKeyUpdate), error, meant).await);
            }
            let mut start = 0;
            while let Some(piece) = replacing.pieces(ids.len(), start) {
                start = piece.end;
                let slice = |column: &ArrayRef| column.slice(piece.start, piece.len());
                let mut values: Vec<ArrayRef> = values.iter().map(slice).collect();
                let beside = values.split_off(columns.len());
                let changed = replacing.assign(work, txn, &ids[piece], &values).await?;
                let beside = match &changed.kept {
                    Some(kept) => beside.iter().map(|column| Ok(filter(column, kept)?)).collect::<Result<Vec<_>>>()?,
                    None => beside,
                };
                rows += changed.rows.num_rows();
                returned.put(work, &target, changed.rows, beside).await?;
            }
        }
        replacing.add(work, txn)?;
        replacing.end(work, txn).await?;
        finding.end(txn, &target);
        if rows > 0 {
            let mut noting = Noting::new(FlowKind::Update, target.id);
            noting.add(&from, std::iter::once(None).chain(target.names_of(&columns)));
            noting.note(work.context, txn);
        }
        Ok(Changed { rows, returning: returned.end() })
    })
}

/// Places in the table of the columns that SET names, and what each gets. `privilege` is what the statement is about as a whole.
pub(super) fn changes(
    work: &Work<'_>,
    target: &Target,
    assignments: Vec<ast::Assignment>,
    privilege: Privilege,
) -> Result<(Vec<usize>, Vec<ast::Expr>)> {
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for (name, value) in assigned(assignments)? {
        must_be_of_one_row(&value, "UPDATE")?;
        let (at, name) = target.must_get_column(&name)?;
        if columns.contains(&at) {
            return Err(assigned_twice(&name));
        }
        columns.push(at);
        values.push(value);
    }
    let places = target.places(&columns, privilege)?;
    target.must_have_on(work, Privilege::Update, &columns)?;
    let values = places.iter().zip(&columns).zip(values);
    let values = values
        .map(|((&place, &column), value)| default_of(work, target, place, through::given(target, column, value)?));
    let values = values.collect::<Result<_>>()?;
    Ok((places, values))
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
    let one_group = rewrite::is_one_group(select);
    let mut pairs = Vec::with_capacity(names.len());
    for (n, name) in names.into_iter().enumerate() {
        let mut one = query.clone();
        if let ast::SetExpr::Select(select) = one.body.as_mut() {
            let mut item = select.projection.swap_remove(n);
            // Beside an aggregate it is of one row; alone it would be of as many as there are.
            if one_group
                && let ast::SelectItem::UnnamedExpr(value) | ast::SelectItem::ExprWithAlias { expr: value, .. } =
                    &mut item
                && !rewrite::has(value, rewrite::Beyond::Aggregate)
            {
                *value = parse_expression(&format!("CASE WHEN count(*) >= 0 THEN ({value}) END"))?;
            }
            select.projection = vec![item];
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

/// The commands by which a statement meets rows: one that reads columns of theirs as well must be allowed to see them.
pub(super) fn meeting(command: Command, reads: bool) -> &'static [Command] {
    match (command, reads) {
        (Command::Update, true) => &[Command::Update, Command::Select],
        (Command::Update, false) => &[Command::Update],
        (Command::Delete, true) => &[Command::Delete, Command::Select],
        (Command::Delete, false) => &[Command::Delete],
        (Command::Select | Command::Insert, _) => &[Command::Select],
    }
}

/// The plan of row ids of the target and the values of `expressions`, for each row that is met by `commands` and that the condition holds
/// for; its parameters are still open.
pub(super) fn plan(
    work: &Work<'_>,
    target: &Target,
    commands: &[Command],
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
    let planner = Planner::new(work.context, work.state);
    let planner = planner.with_override(&target.face.schema, &target.face.name, target.scan(work, commands)?);
    planner.query(work.reach(query))
}

/// Whether a relation of FROM is the target, which comes first where it is not joined to anything.
fn is_called(from: &ast::TableWithJoins, target: &Target) -> bool {
    match &from.relation {
        ast::TableFactor::Table { name, alias: None, .. } => last(name) == target.face.name,
        ast::TableFactor::Table { alias: Some(alias), .. } => fold(&alias.name) == fold(&target.called),
        _ => false,
    }
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
    crate::txn::batch(schema, whole, ids.len())
}
