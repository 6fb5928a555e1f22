//! Names of outputs where PostgreSQL knows columns alone: in HAVING, and within expressions of ORDER BY. The engine would take what is
//! selected under such a name.

use super::super::parser::fold;
use super::{Relation, Scope, level};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Visit, Visitor,
};
use std::ops::ControlFlow;

/// Whether a query says such a name anywhere.
pub fn are_in(query: &Query) -> bool {
    struct Look;
    impl Visitor for Look {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            let SetExpr::Select(select) = query.body.as_ref() else { return ControlFlow::Continue(()) };
            let keys = match &query.order_by {
                Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) => keys.as_slice(),
                _ => &[],
            };
            match says(select, keys) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(query, &mut Look).is_break()
}

fn says(select: &Select, keys: &[OrderByExpr]) -> bool {
    if !select.projection.iter().any(|item| matches!(item, SelectItem::ExprWithAlias { .. })) {
        return false;
    }
    let mut found = false;
    let mut look = |part: &mut Expr| found |= matches!(part, Expr::Identifier(name) if gives_any(select, &fold(name)));
    level::change(&mut select.having.clone(), &mut look);
    for key in keys.iter().filter(|key| is_expression(key)) {
        level::change(&mut key.expr.clone(), &mut look);
    }
    found
}

/// Says before such a name the relation that has a column of it: one of FROM, which are those of `scope`, or one of the queries `around`.
/// Refuses a name that none has.
pub(super) fn as_columns(select: &mut Select, keys: &mut [OrderByExpr], scope: &Scope, around: &[Scope]) -> Result<()> {
    let known =
        |scope: &Scope| scope.iter().all(|relation| matches!(relation, Some(Relation { columns: Some(_), .. })));
    let mut missing = None;
    let outputs = select.clone();
    let mut mean = |part: &mut Expr| {
        let Expr::Identifier(name) = &*part else { return };
        let said = fold(name);
        if !gives_any(&outputs, &said) {
            return;
        }
        let mut here = scope.iter().flatten().filter(|relation| relation.has(&said));
        let relation = match (here.next(), here.next(), scope.as_slice()) {
            (Some(relation), None, _) => relation,
            // There is nothing else that could.
            (None, _, [Some(relation @ Relation { columns: None, .. })]) => relation,
            (None, ..) if known(scope) && around.iter().all(known) => {
                match around.iter().rev().flatten().flatten().find(|relation| relation.has(&said)) {
                    Some(relation) => relation,
                    None => {
                        missing = missing.take().or(Some(said));
                        return;
                    }
                }
            }
            _ => return,
        };
        *part = Expr::CompoundIdentifier(vec![Ident::with_quote('"', &relation.called), name.clone()]);
    };
    level::change(&mut select.having, &mut mean);
    for key in keys.iter_mut().filter(|key| is_expression(key)) {
        level::change(&mut key.expr, &mut mean);
    }
    match missing {
        Some(name) => Err(Error::new(Kind::UndefinedColumn, format!("column \"{name}\" does not exist"))),
        None => Ok(()),
    }
}

/// A name alone in ORDER BY is one of an output.
fn is_expression(key: &OrderByExpr) -> bool {
    !matches!(key.expr, Expr::Identifier(_))
}

/// Whether something else than a column of that name is selected under a name.
fn gives_any(select: &Select, name: &str) -> bool {
    select.projection.iter().any(|item| gives(item, name))
}

/// The same of one item.
pub fn gives(item: &SelectItem, name: &str) -> bool {
    match item {
        SelectItem::ExprWithAlias { expr, alias } => {
            fold(alias) == name && !matches!(expr, Expr::Identifier(column) if fold(column) == name)
        }
        _ => false,
    }
}
