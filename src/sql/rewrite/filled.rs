//! Relations that an outer join fills with NULL where nothing was met. Named as a whole, such a row is NULL, and a row that was met is one
//! even if all of its columns are NULL.
//!
//! `SELECT to_jsonb(b) FROM a LEFT JOIN b ON b.x = a.x` has to tell the one from the other. So `b` becomes `(SELECT *, true AS mark FROM b)
//! AS b`, and its row `CASE WHEN b.mark THEN ... END`. A column of its own would not do, were it declared NOT NULL: a mask may hide it.

use super::super::names::HIDDEN;
use super::super::parser::{fold, last};
use super::super::planner::{select_query, table_factor};
use super::Relation;
use crate::error::Result;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    CaseWhen, ExcludeSelectItem, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, JoinOperator,
    ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor,
    TableWithJoins, Value, WildcardAdditionalOptions, visit_expressions, visit_expressions_mut,
};
use std::ops::ControlFlow;
use std::slice::Iter;

/// The relations of FROM in their order, those of joins in parentheses among them.
pub fn factors(select: &Select) -> Vec<&TableFactor> {
    let mut all = Vec::new();
    select.from.iter().flat_map(sides).for_each(|factor| gather(factor, &mut all));
    all
}

/// How many of them a side of a join is.
pub fn width(factor: &TableFactor) -> usize {
    let mut all = Vec::new();
    gather(factor, &mut all);
    all.len()
}

fn gather<'a>(factor: &'a TableFactor, all: &mut Vec<&'a TableFactor>) {
    match within(factor) {
        Some(inner) => sides(inner).for_each(|factor| gather(factor, all)),
        None => all.push(factor),
    }
}

/// The first relation of an item of FROM, and those that it is joined with.
pub fn sides(item: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
}

/// The joins that stand in parentheses, where they make no column of two.
fn within(factor: &TableFactor) -> Option<&TableWithJoins> {
    match factor {
        TableFactor::NestedJoin { table_with_joins, alias: None } => {
            let merges = table_with_joins.joins.iter().any(|join| super::using::merges(&join.join_operator));
            (!merges).then_some(table_with_joins.as_ref())
        }
        _ => None,
    }
}

/// Gives a mark to each relation of a query that an outer join fills and whose name is somewhere said alone. `scope` are its relations.
pub(super) fn mark(query: &mut Query, scope: &mut [Option<Relation>]) -> Result<()> {
    let SetExpr::Select(select) = query.body.as_ref() else { return Ok(()) };
    let mut filled = Vec::new();
    select.from.iter().for_each(|item| fill(item, &mut filled));
    if !filled.contains(&true) {
        return Ok(());
    }
    let wants = |(relation, filled): (&Option<Relation>, bool)| {
        let relation = relation.as_ref().filter(|relation| filled && relation.columns.is_some())?;
        let column = scope.iter().flatten().any(|other| other.has(&relation.called));
        (!column && says(query, &relation.called)).then(|| format!("{HIDDEN}met {}", relation.called))
    };
    let marks: Vec<Option<String>> = scope.iter().zip(filled).map(wants).collect();
    for (relation, mark) in scope.iter_mut().zip(marks) {
        if let Some(relation) = relation {
            relation.mark = mark;
        }
    }
    let all: Vec<(&str, &str)> = scope.iter().flatten().filter_map(marked).collect();
    if all.is_empty() {
        return Ok(());
    }
    in_short(query, &all);
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    let mut relations = scope.iter();
    for item in &mut select.from {
        put(item, &mut relations)?;
    }
    select.projection.iter_mut().for_each(|item| leave_out(item, &all));
    Ok(())
}

/// Whether an outer join may fill a relation of a SELECT.
pub(super) fn fills(select: &Select) -> bool {
    let mut filled = Vec::new();
    select.from.iter().for_each(|item| fill(item, &mut filled));
    filled.contains(&true)
}

fn marked(relation: &Relation) -> Option<(&str, &str)> {
    relation.mark.as_ref().map(|mark| (relation.called.as_str(), mark.as_str()))
}

/// Whether a join around each relation keeps rows that met none of it.
fn fill(item: &TableWithJoins, filled: &mut Vec<bool>) {
    let first = filled.len();
    side(&item.relation, filled);
    for join in &item.joins {
        let before = filled.len();
        side(&join.relation, filled);
        let (left, right) = match join.join_operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => (false, false),
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => (false, true),
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => (true, false),
            _ => (true, true),
        };
        if left {
            filled[first..before].fill(true);
        }
        if right {
            filled[before..].fill(true);
        }
    }
}

fn side(factor: &TableFactor, filled: &mut Vec<bool>) {
    match within(factor) {
        Some(inner) => fill(inner, filled),
        None => filled.push(false),
    }
}

/// Whether a query says a name alone anywhere, or `name.*` as an argument.
fn says(query: &Query, wanted: &str) -> bool {
    let all = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => last(name) == wanted,
        _ => false,
    };
    let found = visit_expressions(query, |expression| {
        let named = match expression {
            Expr::Identifier(name) => fold(name) == wanted,
            Expr::QualifiedWildcard(name, _) => last(name) == wanted,
            Expr::Function(Function { args: FunctionArguments::List(list), .. }) => list.args.iter().any(&all),
            _ => false,
        };
        match named {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    found.is_break()
}

/// `schema.t.a` as `t.a`: what is a query has no schema.
fn in_short(query: &mut Query, marked: &[(&str, &str)]) {
    let _ = visit_expressions_mut(query, |expression| {
        if let Expr::CompoundIdentifier(path) = expression
            && let Some(before) = path.len().checked_sub(2).filter(|before| *before > 0)
            && marked.iter().any(|(called, _)| *called == fold(&path[before]))
        {
            path.drain(..before);
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Puts the marks of `relations` beside their columns.
fn put(item: &mut TableWithJoins, relations: &mut Iter<'_, Option<Relation>>) -> Result<()> {
    let sides = std::iter::once(&mut item.relation).chain(item.joins.iter_mut().map(|join| &mut join.relation));
    for factor in sides {
        if within(factor).is_some() {
            if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
                put(table_with_joins, relations)?;
            }
        } else if let Some((called, mark)) = relations.next().and_then(|relation| marked(relation.as_ref()?)) {
            let plain = std::mem::replace(factor, table_factor(Vec::new()));
            *factor = with_mark(plain, called, mark)?;
        }
    }
    Ok(())
}

/// `(SELECT *, true AS mark FROM factor) AS called`
fn with_mark(mut factor: TableFactor, called: &str, mark: &str) -> Result<TableFactor> {
    let lateral = match &mut factor {
        TableFactor::Derived { lateral, .. } => std::mem::take(lateral),
        // A function sees what is beside it.
        TableFactor::Table { args: Some(_), .. } => sees(&factor),
        _ => false,
    };
    let mark = SelectItem::ExprWithAlias {
        expr: Expr::Value(Value::Boolean(true).into()),
        alias: Ident::with_quote('"', mark),
    };
    let items = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default()), mark];
    let from = vec![TableWithJoins { relation: factor, joins: Vec::new() }];
    let name = Ident::with_quote('"', called);
    Ok(TableFactor::Derived {
        lateral,
        subquery: Box::new(select_query(items, from, None)?),
        alias: Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None }),
        sample: None,
    })
}

/// Whether something in it is called by a name.
fn sees(factor: &TableFactor) -> bool {
    let found = visit_expressions(factor, |expression| match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// `*` and `t.*` have no marks.
fn leave_out(item: &mut SelectItem, marked: &[(&str, &str)]) {
    let without = |marks: Vec<&str>| {
        let one = |mark: &str| ObjectName::from(vec![Ident::with_quote('"', mark)]);
        Some(ExcludeSelectItem::Multiple(marks.into_iter().map(one).collect()))
    };
    match item {
        SelectItem::Wildcard(options) => {
            options.opt_exclude = without(marked.iter().map(|(_, mark)| *mark).collect());
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
            if let Some((called, mark)) = marked.iter().find(|(called, _)| *called == last(name)) {
                *name = ObjectName::from(vec![Ident::with_quote('"', *called)]);
                options.opt_exclude = without(vec![*mark]);
            }
        }
        _ => {}
    }
}

/// What is made of a row of the relation, NULL where none was met.
pub(super) fn where_met(relation: &Relation, made: Expr) -> Expr {
    let Some((called, mark)) = marked(relation) else { return made };
    let (case_token, end_token) = (AttachedToken::empty(), AttachedToken::empty());
    let conditions = vec![CaseWhen { condition: column(called, mark), result: made }];
    Expr::Case { case_token, end_token, operand: None, conditions, else_result: None }
}

/// What is NULL where no row of the relation was met, if that may be.
pub(super) fn met(relation: &Relation) -> Option<Expr> {
    marked(relation).map(|(called, mark)| column(called, mark))
}

fn column(called: &str, name: &str) -> Expr {
    Expr::CompoundIdentifier([called, name].map(|part| Ident::with_quote('"', part)).to_vec())
}
