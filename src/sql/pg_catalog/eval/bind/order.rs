//! ORDER BY: names of the output first, then positions, then expressions.

use super::super::super::value::Type;
use super::super::plan::{Expr, Output, SortKey};
use super::Binder;
use crate::error::{Error, Kind, Result};
use crate::sql::parser::fold;
use datafusion::sql::sqlparser::ast::{self, Value};

impl Binder<'_> {
    /// A key of ORDER BY beside these items.
    pub(super) fn sort_key(&mut self, key: &ast::OrderByExpr, items: &[Expr], columns: &[Output]) -> Result<SortKey> {
        let expr = self.item_or_expr(&key.expr, items, columns, "ORDER BY")?;
        Ok(directed(key, expr))
    }

    /// A key of ORDER BY within an aggregate's or a window's parentheses, where there are no items.
    pub(super) fn inner_sort_key(&mut self, key: &ast::OrderByExpr) -> Result<SortKey> {
        let expr = self.expr(&key.expr)?;
        Ok(directed(key, self.settle(expr, &Type::Text)?))
    }

    /// What ORDER BY, or DISTINCT ON, means by an expression.
    pub(super) fn item_or_expr(
        &mut self,
        expr: &ast::Expr,
        items: &[Expr],
        columns: &[Output],
        clause: &str,
    ) -> Result<Expr> {
        let item = match expr {
            ast::Expr::Identifier(ident) => {
                let name = fold(ident);
                let mut named =
                    columns.iter().zip(items).filter(|(column, _)| column.name == name).map(|(_, item)| item);
                let first = named.next();
                if first.is_some_and(|first| named.any(|other| other != first)) {
                    return Err(Error::new(Kind::AmbiguousColumn, format!("{clause} \"{name}\" is ambiguous")));
                }
                first.cloned()
            }
            ast::Expr::Value(value) => match &value.value {
                Value::Number(number, _) => Some(position(&number.to_string(), items, clause)?),
                _ => None,
            },
            ast::Expr::Collate { expr, .. } | ast::Expr::Nested(expr) => {
                return self.item_or_expr(expr, items, columns, clause);
            }
            _ => None,
        };
        let expr = match item {
            Some(item) => item,
            None => self.expr(expr)?,
        };
        self.settle(expr, &Type::Text)
    }
}

/// The item at a position counted from 1.
pub(super) fn position(number: &str, items: &[Expr], clause: &str) -> Result<Expr> {
    let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    at.and_then(|at| items.get(at)).cloned().ok_or_else(|| {
        Error::new(Kind::InvalidColumnReference, format!("{clause} position {number} is not in select list"))
    })
}

fn directed(key: &ast::OrderByExpr, expr: Expr) -> SortKey {
    let descending = key.options.asc == Some(false);
    SortKey { expr, descending, nulls_first: key.options.nulls_first.unwrap_or(descending) }
}
