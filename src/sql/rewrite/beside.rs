//! `FROM a, LATERAL (...) b JOIN c ON ...`: the engine's planner lets a relation look at those before it in its own item of FROM, or from an
//! item that is nothing else. So the items are written as one: `a CROSS JOIN LATERAL (...) b JOIN c ON ...` joins the same rows.

use super::super::parser::fold;
use super::{filled, sets};
use datafusion::sql::sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator, Select, TableFactor, TableWithJoins, visit_expressions,
};
use std::ops::ControlFlow;

/// Writes as one item what stands before such a relation and its own item.
pub fn join(select: &mut Select) {
    let Some(last) = (1..select.from.len()).rev().find(|at| looks_back(&select.from, *at)) else { return };
    if !select.from[1..=last].iter().all(goes_on) {
        return;
    }
    let rest = select.from.split_off(last + 1);
    let mut items = std::mem::take(&mut select.from).into_iter();
    let Some(mut all) = items.next() else { return };
    for item in items {
        let join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
        all.joins.push(Join { relation: item.relation, global: false, join_operator });
        all.joins.extend(item.joins);
    }
    select.from = std::iter::once(all).chain(rest).collect();
}

/// Whether an item of FROM has joins, and a relation that looks, or says that it looks, at an item before it.
fn looks_back(from: &[TableWithJoins], at: usize) -> bool {
    let item = &from[at];
    if item.joins.is_empty() {
        return false;
    }
    let before: Vec<String> = from[..at].iter().flat_map(filled::sides).filter_map(called).collect();
    let names = |factor: &TableFactor| {
        let found = visit_expressions(factor, |part| match part {
            Expr::CompoundIdentifier(path) if path.len() > 1 && before.contains(&fold(&path[path.len() - 2])) => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
        found.is_break()
    };
    sets::is_lateral(&item.relation) || filled::sides(item).any(|factor| sets::is_lateral(factor) && names(factor))
}

/// Whether an item says the same behind a cross join: nothing of it keeps rows of what is on the right of a join.
fn goes_on(item: &TableWithJoins) -> bool {
    item.joins.iter().all(|join| match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::CrossJoin(constraint) => matches!(constraint, JoinConstraint::On(_) | JoinConstraint::None),
        _ => false,
    })
}

/// The name of a relation in FROM.
pub(super) fn called(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(fold(&alias.name)),
        TableFactor::Table { name, .. } => Some(super::last(name)),
        _ => None,
    }
}
