//! What INSERT, UPDATE and MERGE give to columns, where an error speaks of one of them.

use super::super::parser;
use crate::error::Error;
use datafusion::sql::sqlparser::ast::{
    self, Assignment, AssignmentTarget, Expr, MergeAction, MergeInsertKind, ObjectName, OnConflictAction, OnInsert,
    Select, SelectItem, SetExpr, Spanned, Statement, Value,
};
use datafusion::sql::sqlparser::tokenizer::Span;

/// What is assigned to a column: by its name, or in an INSERT that names none the value that the error is about.
pub fn assigned(statement: &Statement, column: &str, error: &Error) -> Option<Expr> {
    let all: Vec<Expr> = match statement {
        Statement::Insert(insert) => {
            let named = insert.columns.iter().position(|name| parser::last(name) == column);
            let at = named.or_else(|| error.value().filter(|_| insert.columns.is_empty()));
            let listed = at.and_then(|at| listed(insert, at));
            listed.into_iter().chain(set(on_conflict(insert), column)).collect()
        }
        Statement::Update(update) => set(&update.assignments, column),
        Statement::Merge(merge) => merge.clauses.iter().flat_map(|clause| merged(&clause.action, column)).collect(),
        _ => Vec::new(),
    };
    let told = error.message().rsplit_once(" is of type ").map_or("", |(_, told)| told);
    // Of several the one that is not of another type for sure.
    match all.len() {
        1 => all.into_iter().next(),
        _ => all.into_iter().find(|value| may_be(value, told)),
    }
}

/// What SET gives to a column.
fn set(assignments: &[Assignment], column: &str) -> Vec<Expr> {
    let given = assignments.iter().filter(|assignment| match &assignment.target {
        AssignmentTarget::ColumnName(name) => parser::last(name) == column,
        AssignmentTarget::Tuple(_) => false,
    });
    given.map(|assignment| assignment.value.clone()).collect()
}

/// What DO UPDATE sets.
fn on_conflict(insert: &ast::Insert) -> &[Assignment] {
    match &insert.on {
        Some(OnInsert::OnConflict(on)) => match &on.action {
            OnConflictAction::DoUpdate(update) => update.assignments.as_slice(),
            OnConflictAction::DoNothing => &[],
        },
        _ => &[],
    }
}

/// What an action of MERGE gives to a column.
fn merged(action: &MergeAction, column: &str) -> Vec<Expr> {
    match action {
        MergeAction::Update(update) => set(&update.assignments, column),
        MergeAction::Insert(insert) => {
            let at = insert.columns.iter().position(|name| parser::last(name) == column);
            at.and_then(|at| row(&insert.kind)?.get(at).cloned()).into_iter().collect()
        }
        MergeAction::Delete { .. } => Vec::new(),
    }
}

/// The one row that MERGE inserts.
fn row(kind: &MergeInsertKind) -> Option<&[Expr]> {
    match kind {
        MergeInsertKind::Values(values) => values.rows.first().map(|row| row.content.as_slice()),
        MergeInsertKind::Row => None,
    }
}

/// Whether an expression may have a type; a literal has one of few.
fn may_be(value: &Expr, told: &str) -> bool {
    match value {
        Expr::Nested(inner) => may_be(inner, told),
        Expr::Array(_) => told.ends_with("[]"),
        Expr::Value(value) => match &value.value {
            Value::Boolean(_) => told == "boolean",
            Value::Number(..) => matches!(told, "integer" | "bigint" | "numeric"),
            // One without a type is read as what is wanted.
            Value::SingleQuotedString(_) | Value::Null => false,
            _ => true,
        },
        _ => true,
    }
}

/// One of the values that an INSERT lists, of the first row that has so many.
fn listed(insert: &ast::Insert, at: usize) -> Option<Expr> {
    match insert.source.as_ref()?.body.as_ref() {
        SetExpr::Values(values) => values.rows.iter().find_map(|row| row.content.get(at)).cloned(),
        SetExpr::Select(select) => item(select, at),
        _ => None,
    }
}

/// What a SELECT gives at a place.
pub fn item(select: &Select, at: usize) -> Option<Expr> {
    match select.projection.get(at)? {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.clone()),
        _ => None,
    }
}

/// The `*` of a SELECT that an INSERT gets a value from: the one behind which nothing is selected.
pub fn among_all(statement: &Statement, column: &str, value: Option<usize>) -> Option<Span> {
    let Statement::Insert(insert) = statement else { return None };
    let SetExpr::Select(select) = insert.source.as_ref()?.body.as_ref() else { return None };
    let named = insert.columns.iter().position(|name| parser::last(name) == column);
    let at = named.or(value.filter(|_| insert.columns.is_empty()))?;
    let is_star = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    let star = select.projection.iter().position(is_star)?;
    (star <= at && star + 1 == select.projection.len()).then(|| select.projection[star].span())
}

/// The first value that is too much; an INSERT tells which by its number.
pub fn more_values(statement: &Statement, value: Option<usize>) -> Option<Expr> {
    match statement {
        Statement::Insert(insert) => listed(insert, value?),
        Statement::Merge(merge) => merge.clauses.iter().find_map(|clause| match &clause.action {
            MergeAction::Insert(insert) if !insert.columns.is_empty() => {
                row(&insert.kind)?.get(insert.columns.len()).cloned()
            }
            _ => None,
        }),
        _ => None,
    }
}

/// The first column that is too much.
pub fn more_columns(statement: &Statement, at: usize) -> Option<Span> {
    let Statement::Insert(insert) = statement else { return None };
    Some(insert.columns.get(at)?.span())
}

/// The second column of a name.
pub fn twice(statement: &Statement, name: &str) -> Option<Span> {
    let Statement::Insert(insert) = statement else { return None };
    let named = |column: &&ObjectName| parser::last(column) == *name;
    Some(insert.columns.iter().filter(named).nth(1)?.span())
}

/// What several columns are set to at once, where that is of another width.
pub fn of_other_width(statement: &Statement) -> Option<Expr> {
    let assignments = match statement {
        Statement::Update(update) => update.assignments.as_slice(),
        Statement::Insert(insert) => on_conflict(insert),
        _ => &[],
    };
    let mut several = assignments.iter().filter_map(|assignment| match &assignment.target {
        AssignmentTarget::Tuple(names) => match &assignment.value {
            Expr::Tuple(values) if values.len() == names.len() => None,
            value => Some(value),
        },
        AssignmentTarget::ColumnName(_) => None,
    });
    several.next().cloned()
}
