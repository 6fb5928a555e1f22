//! What windows are divided and ordered by, computed beneath them where it compares what functions give: the engine knows no bounds
//! of its functions' results, and takes the order that it has made itself for none. So is what asks a subquery, which the engine looks for
//! in projections and conditions only.

use super::correlated::asks;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Window};
use std::sync::Arc;

/// Name of such a column, before its number.
const KEY: &str = "\u{1}w";

/// The windows over columns.
pub fn computed(window: Window) -> DfResult<Window> {
    let before = window.input.schema().fields().len();
    let mut items: Vec<Expr> = window.input.schema().columns().into_iter().map(Expr::Column).collect();
    let mut windows = window.window_expr.clone();
    for (n, expr) in windows.iter_mut().enumerate() {
        let name = window.schema.field(before + n).name().clone();
        let Expr::WindowFunction(call) = expr.clone().unalias() else { continue };
        let mut call = call;
        let mut beneath = |part: &mut Expr| {
            let named = format!("{KEY}{}", items.len());
            items.push(std::mem::take(part).alias(&named));
            *part = Expr::Column(Column::from_name(named));
        };
        let params = &mut call.params;
        let (partition, order) = (params.partition_by.iter_mut(), params.order_by.iter_mut());
        for key in partition.chain(order.map(|key| &mut key.expr)) {
            if compares(key)? || asks(key) {
                beneath(key);
            }
        }
        let filter = params.filter.iter_mut().map(|filter| filter.as_mut());
        params.args.iter_mut().chain(filter).filter(|part| asks(part)).for_each(beneath);
        *expr = Expr::WindowFunction(call).alias(name);
    }
    if items.len() == before {
        return Ok(window);
    }
    let input = LogicalPlan::Projection(Projection::try_new(items, window.input.clone())?);
    Window::try_new(windows, Arc::new(input))
}

/// Whether an expression compares what a function gives.
fn compares(expr: &Expr) -> DfResult<bool> {
    let compared = |expr: &Expr| matches!(expr, Expr::BinaryExpr(_) | Expr::Between(_) | Expr::Case(_) | Expr::Not(_));
    Ok(expr.exists(|expr| Ok(compared(expr)))? && expr.exists(|expr| Ok(matches!(expr, Expr::ScalarFunction(_))))?)
}
