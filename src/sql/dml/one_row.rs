//! What is computed for each row that a statement changes, of that row alone.

use super::super::rewrite::{Beyond, has};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;

/// What a clause that looks at one row may not have in it, as messages call it.
const REFUSED: [(Beyond, Kind, &str); 3] = [
    (Beyond::Aggregate, Kind::Grouping, "aggregate"),
    (Beyond::Window, Kind::Windowing, "window"),
    (Beyond::Rows, Kind::Unsupported, "set-returning"),
];

/// Refuses what is made of other rows too, or makes several rows of one: the query that computes it would have other rows than those that
/// are changed. What queries within it do is theirs.
pub fn must_be_of_one_row(expression: &ast::Expr, clause: &str) -> Result<()> {
    match REFUSED.into_iter().find(|(what, ..)| has(expression, *what)) {
        Some((_, kind, what)) => Err(Error::new(kind, format!("{what} functions are not allowed in {clause}"))),
        None => Ok(()),
    }
}

/// The same of what RETURNING gives.
pub fn must_be_of_one_row_each(items: &[ast::SelectItem]) -> Result<()> {
    items.iter().try_for_each(|item| match item {
        ast::SelectItem::UnnamedExpr(value) | ast::SelectItem::ExprWithAlias { expr: value, .. } => {
            must_be_of_one_row(value, "RETURNING")
        }
        _ => Ok(()),
    })
}
