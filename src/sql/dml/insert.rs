//! INSERT.

use super::super::context::Context;
use super::super::lineage::{Noting, derived};
use super::super::parameters;
use super::super::planner::Planner;
use super::super::run;
use super::adding::{Adding, OnConflict};
use super::assigned::must_fit;
use super::defaults::Defaults;
use super::parameters::lend_type;
use super::policed::{self, Rows, returned};
use super::returned::Returned;
use super::returning::Beside;
use super::update::assigned;
use super::upsert::on_conflict;
use super::{Changed, Target, Work, generated, returning};
use crate::catalog::{FlowKind, Privilege, SqlType};
use crate::error::{Error, Kind, Result};
use crate::txn::Transaction;
use arrow::datatypes::{DataType, Field};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use std::sync::Arc;

/// Runs an INSERT within the transaction.
pub fn insert<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    mut insert: ast::Insert,
) -> BoxFuture<'a, Result<Changed>> {
    Box::pin(async move {
        txn.must_write("INSERT")?;
        let ast::TableObject::TableName(name) = &insert.table else {
            return Err(Error::new(Kind::Unsupported, "INSERT into a function is not supported"));
        };
        let target = work.target(name, Privilege::Insert)?;
        let target = match &insert.table_alias {
            Some(alias) => Target { called: alias.alias.clone(), ..target },
            None => target,
        };
        work.use_table(txn, &target).await?;
        let target = with_policies(work, target, &insert)?;
        let alone = insert.returning.is_none() && insert.on.is_none() && target.through.is_none();
        let alone = alone && !target.is_policed();
        let on_conflict = on_conflict(work, &target, insert.on.as_ref())?;
        let beside = match &on_conflict {
            OnConflict::Update(upsert) => {
                upsert.must_be_planned(work, &target)?;
                Some(upsert.read())
            }
            _ => None,
        };
        let returned = Returned::new(work, &target, Beside::default(), insert.returning.take())?;
        let mut adding = Adding::new(work, txn, &target, on_conflict, returned)?;
        let columns = columns(&target, &insert)?;
        let Some(source) = insert.source.take() else {
            // DEFAULT VALUES
            let empty = crate::txn::batch(std::sync::Arc::new(arrow::datatypes::Schema::empty()), Vec::new(), 1)?;
            let given = vec![None; target.table.columns.len()];
            let batch = work.whole_rows(&target, &given, &empty).await?;
            adding.put(work, txn, batch).await?;
            return adding.end(work, txn).await;
        };
        let (plan, mut defaults) = plan(work, &target, &columns, *source)?;
        let width = plan.schema().fields().len();
        if width > columns.len() {
            let error = Error::new(Kind::Syntax, "INSERT has more expressions than target columns");
            return Err(error.about_value(columns.len()));
        }
        if width < columns.len() && !insert.columns.is_empty() {
            let error = Error::new(Kind::Syntax, "INSERT has more target columns than expressions");
            return Err(error.about_value(width));
        }
        let places = target.places(&columns[..width], Privilege::Insert)?;
        target.must_have_on(work, Privilege::Insert, &columns[..width])?;
        must_fit(&target, &plan, 0, &places)?;
        let mut given = vec![None; target.table.columns.len()];
        for (at, &place) in places.iter().enumerate() {
            given[place] = (!defaults.all.contains(&at)).then_some(at);
        }
        generated::must_be_given(&target, &insert, &mut given)?;
        if let Some(kept) = work.kept.as_ref().filter(|_| alone && defaults.is_none()) {
            kept.keep_added(work, &target, &given, &plan);
        }
        let from = derived(&plan);
        let plan = work.bind(plan)?;
        let mut stream = run::stream(work.context, work.state, &plan).await?;
        while let Some(batch) = stream.try_next().await? {
            let batch = defaults.number(work, &target, &columns, batch)?;
            let rows = work.whole_rows(&target, &given, &batch).await?;
            adding.put(work, txn, rows).await?;
        }
        let changed = adding.end(work, txn).await?;
        if changed.rows > 0 {
            let mut noting = Noting::new(FlowKind::Insert, target.id);
            noting.add(&from, target.names_of(&places));
            if let Some((from, columns)) = &beside
                && let Some(from) = from.get()
            {
                noting.add(from, std::iter::once(None).chain(target.names_of(columns)));
            }
            noting.note(work.context, txn);
        }
        Ok(changed)
    })
}

/// The target with the policies that rows must pass: those that are added, those that are there with the same key, and what they become.
fn with_policies(work: &Work<'_>, target: Target, insert: &ast::Insert) -> Result<Target> {
    let mut reads = !returned(&target, insert.returning.as_deref().unwrap_or_default()).is_empty();
    let mut kinds = vec![Rows::Added];
    if let Some(ast::OnInsert::OnConflict(conflict)) = &insert.on {
        // To name a key is to read it.
        reads |= conflict.conflict_target.is_some();
        if let ast::OnConflictAction::DoUpdate(update) = &conflict.action {
            reads |= policed::reads(&target, &update.assignments) || policed::reads(&target, &update.selection);
            kinds.extend([Rows::Conflicting, Rows::Changed]);
        }
    }
    let kinds: Vec<_> = kinds.into_iter().map(|rows| (rows, reads)).collect();
    target.policed(work, &kinds)
}

/// The plan of the rows that are added, and where they say DEFAULT.
fn plan(
    work: &Work<'_>,
    target: &Target,
    columns: &[usize],
    mut source: ast::Query,
) -> Result<(LogicalPlan, Defaults)> {
    let defaults = Defaults::take(work, &mut source, target, columns)?;
    lend_types(&mut source, target, columns);
    Ok((Planner::new(work.context, work.state).query(work.reach(source))?, defaults))
}

/// Literals of a column of VALUES that has several kinds of values are read as the column's type, each for itself: all
/// as one type is what none of them need have.
fn lend_types(source: &mut ast::Query, target: &Target, columns: &[usize]) {
    let ast::SetExpr::Values(values) = source.body.as_mut() else { return };
    for (at, &column) in columns.iter().enumerate() {
        let mut kinds =
            values.rows.iter().filter_map(|row| row.content.get(at)).map(kind).filter(|k| *k != Given::Open);
        let first = kinds.next();
        if kinds.all(|kind| Some(kind) == first) {
            continue;
        }
        let data_type = &target.face.columns[column].data_type;
        let takes_boolean = matches!(data_type, SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_));
        // A quoted literal for a text needs no cast, and must be no longer than it may.
        let text = data_type.arrow() == DataType::Utf8;
        let data_type = if text { &SqlType::Text } else { data_type };
        for value in values.rows.iter_mut().filter_map(|row| row.content.get_mut(at)) {
            // What a column of this type does not take by itself stays as it is, and is refused.
            let reads = match kind(value) {
                Given::Quoted => !text,
                Given::Number => text || data_type.arrow().is_numeric(),
                Given::Boolean => takes_boolean,
                Given::Other | Given::Open => false,
            };
            if reads && let Ok(read) = super::super::planner::parse_expression(&format!("({value})::{data_type}")) {
                *value = read;
            }
        }
    }
}

/// What stands in a row of VALUES.
#[derive(PartialEq)]
enum Given {
    Quoted,
    Number,
    Boolean,
    /// NULL, a parameter: of any type.
    Open,
    Other,
}

fn kind(value: &ast::Expr) -> Given {
    match value {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(_) => Given::Quoted,
            ast::Value::Number(..) => Given::Number,
            ast::Value::Boolean(_) => Given::Boolean,
            ast::Value::Null | ast::Value::Placeholder(_) => Given::Open,
            _ => Given::Other,
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus | ast::UnaryOperator::Plus, expr } => kind(expr),
        _ => Given::Other,
    }
}

/// Positions of the columns that get values, among those that the statement sees, in its order.
fn columns(target: &Target, insert: &ast::Insert) -> Result<Vec<usize>> {
    if insert.columns.is_empty() {
        return Ok((0..target.face.columns.len()).collect());
    }
    let mut columns = Vec::new();
    for ident in &insert.columns {
        let (at, name) = target.must_get_column(ident)?;
        if columns.contains(&at) {
            return Err(Error::new(Kind::DuplicateColumn, format!("column \"{name}\" specified more than once")));
        }
        columns.push(at);
    }
    Ok(columns)
}

/// Types of the parameters of an INSERT: those of the columns they are put into, and what expressions tell.
pub fn insert_parameters(
    context: &Arc<Context>,
    state: &SessionState,
    insert: &ast::Insert,
    declared: &[Option<Field>],
) -> Result<Vec<Field>> {
    let mut known = parameters::declared(declared, &parameters::numbers_in(insert)?);
    let ast::TableObject::TableName(name) = &insert.table else { return Ok(Vec::new()) };
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let target = Work::new(context, state).target(name, Privilege::Insert)?;
    let target = match &insert.table_alias {
        Some(alias) => Target { called: alias.alias.clone(), ..target },
        None => target,
    };
    let columns = columns(&target, insert)?;
    if let Some(source) = &insert.source {
        given(&source.body, &columns, &mut |value, column| lend_type(&mut known, &target.face.columns[column], value));
    }
    if let Some(ast::OnInsert::OnConflict(ast::OnConflict {
        action: ast::OnConflictAction::DoUpdate(update), ..
    })) = &insert.on
    {
        for (name, value) in assigned(update.assignments.clone())? {
            lend_type(&mut known, &target.face.columns[target.must_get_column(&name)?.0], &value);
        }
    }
    let (params, _) = parameters::settle(context, state, known, |context| {
        let work = Work::new(context, state);
        let mut plans = Vec::new();
        if let Some(source) = &insert.source {
            plans.push(plan(&work, &target, &columns, (**source).clone())?.0);
        }
        if let OnConflict::Update(upsert) = on_conflict(&work, &target, insert.on.as_ref())? {
            plans.push(upsert.described(&work, &target)?);
        }
        plans.extend(returning::described(&work, &target, &[], insert.returning.as_deref())?);
        Ok(plans)
    })?;
    Ok(params)
}

/// Calls `each` with the values of a query and the columns that they are for, where they stand in it as they are.
fn given(body: &ast::SetExpr, columns: &[usize], each: &mut impl FnMut(&ast::Expr, usize)) {
    match body {
        ast::SetExpr::Values(values) => {
            for row in &values.rows {
                row.iter().zip(columns).for_each(|(value, &column)| each(value, column));
            }
        }
        ast::SetExpr::Select(select) => {
            for (item, &column) in select.projection.iter().zip(columns) {
                match item {
                    ast::SelectItem::UnnamedExpr(value) | ast::SelectItem::ExprWithAlias { expr: value, .. } => {
                        each(value, column);
                    }
                    // What comes behind it is for nobody knows which column.
                    _ => break,
                }
            }
        }
        ast::SetExpr::Query(query) => given(&query.body, columns, each),
        _ => {}
    }
}
