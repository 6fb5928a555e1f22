//! By which names a query may call its relations, and names of others in its order: the engine takes `t.a` there for what the result
//! calls `a`, whatever `t` is.

use super::super::parser::{fold, last};
use super::filled;
use crate::error::{Error, Kind};
use datafusion::sql::sqlparser::ast::{Expr, OrderByKind, Query, SetExpr, TableFactor, TableWithJoins, Visit, Visitor};
use std::ops::ControlFlow;

/// The names of the relations of an item of FROM, as far as the text tells, and whether it tells all.
pub fn relation_names(item: &TableWithJoins) -> (Vec<String>, bool) {
    let (mut names, mut all) = (Vec::new(), true);
    for relation in filled::sides(item) {
        match relation {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. } => names.push(fold(&alias.name)),
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => names.push(last(name)),
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let (within, all_within) = relation_names(table_with_joins);
                names.extend(within);
                all &= all_within;
            }
            _ => all = false,
        }
    }
    (names, all)
}

/// Refuses an order by the column of a relation that the query has not. The query stands by itself.
pub fn must_be_ordered_by_its_own(query: &Query) -> ControlFlow<Box<Error>> {
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind) else {
        return ControlFlow::Continue(());
    };
    let mut names = Vec::new();
    match query.body.as_ref() {
        SetExpr::Select(select) => {
            for item in &select.from {
                let (of_item, all) = relation_names(item);
                if !all {
                    return ControlFlow::Continue(());
                }
                names.extend(of_item);
            }
        }
        SetExpr::SetOperation { .. } => {}
        _ => return ControlFlow::Continue(()),
    }
    keys.iter().try_for_each(|key| key.expr.visit(&mut Others { names: &names, depth: 0 }))
}

struct Others<'a> {
    names: &'a [String],
    /// Queries around an expression.
    depth: usize,
}

impl Visitor for Others<'_> {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::CompoundIdentifier(parts) if self.depth == 0 => match parts.as_slice() {
                [table, _] if !self.names.contains(&fold(table)) => {
                    let message = format!("missing FROM-clause entry for table \"{}\"", fold(table));
                    ControlFlow::Break(Box::new(Error::new(Kind::UndefinedTable, message)))
                }
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}
