//! `JOIN ... USING` and `NATURAL JOIN` as joins with conditions.
//!
//! The column that such a join makes of two comes from the side that always has rows, or from either, and stands first
//! among its columns (SQL:2016, 7.10). The engine takes it from the relation whose name comes first in the alphabet.

use super::super::functions;
use super::super::parser::fold;
use super::super::planner::parse_expression;
use super::{Relation, filled, level};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, OrderBy, OrderByKind, Query, Select, SelectItem,
    TableFactor, TableWithJoins, Visit, Visitor,
};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Whether a query joins so anywhere.
pub fn is_in(query: &Query) -> bool {
    any_select(query, joins_so)
}

/// An error if an outer join of a query is still to be spelt out: the engine's answer would not be the right one.
pub fn none_is_left(query: &Query) -> Result<()> {
    let outer = |operator: &JoinOperator| !matches!(operator, JoinOperator::Join(_) | JoinOperator::Inner(_));
    let left = |select: &Select| {
        let mut joins = select.from.iter().flat_map(|item| &item.joins);
        joins.any(|join| merges(&join.join_operator) && outer(&join.join_operator))
    };
    match any_select(query, left) {
        true => Err(Error::new(
            Kind::Unsupported,
            "an outer join with USING or NATURAL needs relations whose columns all have names",
        )
        .with_hint("Give every column of its subqueries a name with AS, each name once, or join them with ON.")),
        false => Ok(()),
    }
}

fn any_select(query: &Query, test: impl Fn(&Select) -> bool) -> bool {
    struct Search<F>(F);
    impl<F: Fn(&Select) -> bool> Visitor for Search<F> {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            match (self.0)(select) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(query, &mut Search(test)).is_break()
}

/// Whether a join makes one column of two.
pub fn merges(operator: &JoinOperator) -> bool {
    matches!(constraint(operator), Some(JoinConstraint::Using(_) | JoinConstraint::Natural))
}

/// Whether one of the joins of this FROM is such a join.
pub fn joins_so(select: &Select) -> bool {
    let mut joins = select.from.iter().flat_map(|item| &item.joins);
    joins.any(|join| merges(&join.join_operator))
}

/// Columns by name, with the expression that each is.
type Columns = Vec<(String, Expr)>;

/// What joins make of their columns: those in their order, and those that stand for two.
#[derive(Debug)]
pub struct Merged {
    columns: Option<Columns>,
    merged: HashMap<String, Expr>,
}

impl Merged {
    /// Writes the joins of a SELECT as joins with conditions, where all columns that this needs are known. `relations` are
    /// those of FROM, in their order.
    pub(super) fn spell_out(select: &mut Select, relations: &[Option<Relation>]) -> Option<Self> {
        if !joins_so(select) {
            return None;
        }
        let mut all = Self { columns: Some(Columns::new()), merged: HashMap::new() };
        let mut conditions = Vec::new();
        let mut relations = relations.iter().map(|relation| columns(relation.as_ref()?));
        for item in &select.from {
            let one = Self::of(item, &mut relations, &mut conditions)?;
            all.columns = all.columns.zip(one.columns).map(|(all, one)| [all, one].concat());
            all.merged.extend(one.merged);
        }
        let wildcard = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
        if wildcard && all.columns.is_none() {
            return None;
        }
        let joins = select.from.iter_mut().flat_map(|item| &mut item.joins);
        let slots = joins.filter_map(|join| constraint_mut(&mut join.join_operator));
        for (slot, condition) in slots.zip(conditions) {
            if let Some(condition) = condition {
                *slot = condition;
            }
        }
        let items = std::mem::take(&mut select.projection);
        select.projection = items.into_iter().flat_map(|item| all.item(item)).collect();
        level::change(select, |expression| all.replace(expression));
        Some(all)
    }

    /// The columns of one item of FROM; a new condition, or none, is added for each join that has a constraint.
    fn of(
        item: &TableWithJoins,
        relations: &mut impl Iterator<Item = Option<Columns>>,
        conditions: &mut Vec<Option<JoinConstraint>>,
    ) -> Option<Self> {
        let mut all = Self { columns: side(&item.relation, relations)?, merged: HashMap::new() };
        for join in &item.joins {
            let right = side(&join.relation, relations)?;
            let wanted = match constraint(&join.join_operator) {
                Some(JoinConstraint::Using(names)) => {
                    names.iter().map(|name| name.0.last()?.as_ident().map(fold)).collect::<Option<Vec<_>>>()?
                }
                Some(JoinConstraint::Natural) => {
                    let (left, right) = (all.columns.as_ref()?, right.as_ref()?);
                    let both = left.iter().filter(|(name, _)| right.iter().any(|(other, _)| other == name));
                    both.map(|(name, _)| name.clone()).collect()
                }
                other => {
                    conditions.extend(other.map(|_| None));
                    all.columns = all.columns.zip(right).map(|(left, right)| [left, right].concat());
                    continue;
                }
            };
            let condition = all.merge(&wanted, right?, &join.join_operator)?;
            conditions.push(Some(condition));
        }
        Some(all)
    }

    /// Joins `right` by the columns `wanted`.
    fn merge(&mut self, wanted: &[String], right: Columns, operator: &JoinOperator) -> Option<JoinConstraint> {
        let left = self.columns.take()?;
        let only = |columns: &Columns, name: &str| {
            let mut found = columns.iter().filter(|(other, _)| other == name).map(|(_, expr)| expr.clone());
            found.next().filter(|_| found.next().is_none())
        };
        let (mut columns, mut condition) = (Columns::new(), None);
        for name in wanted {
            let (l, r) = (only(&left, name)?, only(&right, name)?);
            let merged = match operator {
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) => r.clone(),
                JoinOperator::FullOuter(_) => functions::call("coalesce", vec![l.clone(), r.clone()]),
                _ => l.clone(),
            };
            let both = |op, left, right| Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) };
            let same = both(BinaryOperator::Eq, l, r);
            condition = Some(match condition {
                Some(so_far) => both(BinaryOperator::And, so_far, same),
                None => same,
            });
            self.merged.insert(name.clone(), merged.clone());
            columns.push((name.clone(), merged));
        }
        columns.extend(left.into_iter().chain(right).filter(|(name, _)| !wanted.contains(name)));
        self.columns = Some(columns);
        match condition {
            Some(condition) => Some(JoinConstraint::On(condition)),
            // A natural join without a common column.
            None => parse_expression("true").ok().map(JoinConstraint::On),
        }
    }

    /// The merged column in place of its name alone.
    fn replace(&self, expression: &mut Expr) {
        if let Expr::Identifier(name) = &*expression
            && let Some(merged) = self.merged.get(&fold(name))
        {
            *expression = merged.clone();
        }
    }

    /// An item of the select list, its wildcard spelled out.
    fn item(&self, item: SelectItem) -> Vec<SelectItem> {
        let aliased = |name: &str, expr: &Expr| match expr {
            Expr::CompoundIdentifier(parts) if parts.last().is_some_and(|last| last.value == name) => {
                SelectItem::UnnamedExpr(expr.clone())
            }
            _ => SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', name) },
        };
        match (&item, &self.columns) {
            (SelectItem::Wildcard(_), Some(columns)) => {
                columns.iter().map(|(name, expr)| aliased(name, expr)).collect()
            }
            (SelectItem::UnnamedExpr(Expr::Identifier(name)), _) => match self.merged.get(&fold(name)) {
                Some(expr) => vec![aliased(&fold(name), expr)],
                None => vec![item],
            },
            _ => vec![item],
        }
    }

    /// ORDER BY of the query: a name alone means the column of the select list that is called so.
    pub fn order(&self, order: &mut OrderBy, projection: &[SelectItem]) {
        let OrderByKind::Expressions(expressions) = &mut order.kind else { return };
        let shown = |name: &Ident| {
            projection.iter().any(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => fold(alias) == fold(name),
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                    parts.last().is_some_and(|last| fold(last) == fold(name))
                }
                _ => false,
            })
        };
        for ordered in expressions {
            if !matches!(&ordered.expr, Expr::Identifier(name) if shown(name)) {
                level::change(&mut ordered.expr, |expression| self.replace(expression));
            }
        }
    }
}

/// The columns of a side of a join, which may be joins in parentheses.
fn side(factor: &TableFactor, relations: &mut impl Iterator<Item = Option<Columns>>) -> Option<Option<Columns>> {
    let mut all = relations.next()?;
    for _ in 1..filled::width(factor) {
        let more = relations.next()?;
        all = all.zip(more).map(|(left, right)| [left, right].concat());
    }
    Some(all)
}

/// The columns of a relation, if they are known.
fn columns(relation: &Relation) -> Option<Columns> {
    let column = |name: &String| {
        let parts = [&relation.called, name].map(|part| Ident::with_quote('"', part));
        (name.clone(), Expr::CompoundIdentifier(parts.to_vec()))
    };
    Some(relation.columns.as_ref()?.iter().map(column).collect())
}

macro_rules! constraint_of {
    ($operator:expr) => {
        match $operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint) => Some(constraint),
            _ => None,
        }
    };
}

/// The constraint of a join that may have one.
pub fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    constraint_of!(operator)
}

/// The same, to be changed.
pub(super) fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    constraint_of!(operator)
}
