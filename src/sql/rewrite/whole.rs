//! The name of a relation among the values of a query, where no column has it: its rows.

use super::super::parser::{fold, last};
use super::super::planner::parse_expression;
use super::Relation;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, TableFactor, TableWithJoins, Visit, Visitor,
};
use std::ops::ControlFlow;

/// Whether a query may have one.
pub fn is_in(query: &Query) -> bool {
    struct Look;
    impl Visitor for Look {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            let factors = select.from.iter().flat_map(factors);
            let called: Vec<String> = factors.filter_map(name_of).collect();
            let named = |item: &SelectItem| name(item).is_some_and(|name| called.contains(&fold(name)));
            match select.projection.iter().any(named) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(query, &mut Look).is_break()
}

fn factors(item: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
}

fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(fold(&alias.name))
        }
        TableFactor::Table { name, args: None, .. } => Some(last(name)),
        _ => None,
    }
}

fn name(item: &SelectItem) -> Option<&Ident> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name))
        | SelectItem::ExprWithAlias { expr: Expr::Identifier(name), .. } => Some(name),
        _ => None,
    }
}

/// Writes out the rows of the relations that are named so.
pub(super) fn spell_out(select: &mut Select, scope: &[Option<Relation>]) {
    let has_column = |wanted: &str| {
        scope.iter().any(|relation| match relation {
            Some((_, Some(columns), _)) => columns.iter().any(|column| column == wanted),
            _ => true,
        })
    };
    for item in &mut select.projection {
        let Some(wanted) = name(item).map(fold) else { continue };
        let found = scope.iter().flatten().find(|(called, _, _)| *called == wanted);
        let Some((called, Some(columns), _)) = found.filter(|_| !has_column(&wanted)) else { continue };
        let quoted = |name: &str| Ident::with_quote('"', name).to_string();
        let each: Vec<String> = columns.iter().map(|column| format!("{}.{}", quoted(called), quoted(column))).collect();
        let Ok(row) = parse_expression(&format!("ROW({})", each.join(", "))) else { continue };
        *item = match std::mem::replace(item, SelectItem::Wildcard(Default::default())) {
            SelectItem::ExprWithAlias { alias, .. } => SelectItem::ExprWithAlias { expr: row, alias },
            _ => SelectItem::ExprWithAlias { expr: row, alias: Ident::with_quote('"', wanted) },
        };
    }
}
