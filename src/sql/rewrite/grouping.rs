//! `ROLLUP` and `CUBE` that name an expression twice, or several as one, which the engine cannot group by: as the sets of grouping that
//! they are.

use super::aggregates::{Beyond, has};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Query, SelectItem, SetExpr, Value,
};

/// As many sets as `CUBE` may stand for here.
const CUBE_MAX: usize = 12;

/// The expression as `GROUPING SETS`, where it names something twice or several as one, or has sets among its sets.
pub fn spell_out(expression: &mut Expr) {
    if let Expr::GroupingSets(items) = expression
        && items.iter().any(|item| within(item).is_some())
    {
        *items = items.iter().flat_map(|item| within(item).unwrap_or_else(|| vec![item.clone()])).collect();
    }
    let sets = match &*expression {
        Expr::Rollup(items) if names_twice(items) || names_several(items) => rolled_up(items),
        Expr::Cube(items) if (names_twice(items) || names_several(items)) && items.len() <= CUBE_MAX => cube(items),
        Expr::GroupingSets(items) if items.iter().any(|item| together(std::iter::once(item)).len() < item.len()) => {
            items.iter().map(|item| together(std::iter::once(item))).collect()
        }
        _ => return,
    };
    *expression = Expr::GroupingSets(sets);
}

/// The sets that `ROLLUP` stands for.
fn rolled_up(items: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    (0..=items.len()).rev().map(|n| together(items.iter().take(n))).collect()
}

/// The sets that `CUBE` stands for.
fn cube(items: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let of = |mask: usize| (0..items.len()).filter(move |n| mask >> (items.len() - 1 - n) & 1 == 1);
    (0..1usize << items.len()).rev().map(|mask| together(of(mask).map(|n| &items[n]))).collect()
}

/// The sets of `ROLLUP` or `CUBE` among those of `GROUPING SETS`, which the parser takes for a call.
fn within(item: &[Expr]) -> Option<Vec<Vec<Expr>>> {
    let [Expr::Function(Function { name, args: FunctionArguments::List(list), .. })] = item else { return None };
    let is = |wanted: &str| {
        let [part] = name.0.as_slice() else { return false };
        part.as_ident().is_some_and(|name| name.quote_style.is_none() && name.value.eq_ignore_ascii_case(wanted))
    };
    let items = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Tuple(parts))) => Some(parts.clone()),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(part)) => Some(vec![part.clone()]),
        _ => None,
    });
    let items: Vec<Vec<Expr>> = items.collect::<Option<_>>()?;
    match () {
        () if is("rollup") => Some(rolled_up(&items)),
        () if is("cube") && items.len() <= CUBE_MAX => Some(cube(&items)),
        () => None,
    }
}

/// A number in `ROLLUP`, `CUBE` and `GROUPING SETS` is a column of the result; `GROUP BY ()` is one group of all rows, and so is HAVING
/// without GROUP BY.
pub fn positions(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let items = &select.projection;
    let GroupByExpr::Expressions(by, modifiers) = &mut select.group_by else { return };
    // `GROUP BY (a, b)` groups by both.
    while by.iter().any(|part| matches!(part, Expr::Tuple(parts) if !parts.is_empty())) {
        let each = |part| match part {
            Expr::Tuple(parts) if !parts.is_empty() => parts,
            part => vec![part],
        };
        *by = std::mem::take(by).into_iter().flat_map(each).collect();
    }
    let at = |part: &Expr| -> Option<Expr> {
        let Expr::Value(value) = part else { return None };
        let Value::Number(number, _) = &value.value else { return None };
        match items.get(number.to_string().parse::<usize>().ok()?.checked_sub(1)?)? {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.clone()),
            _ => None,
        }
    };
    for grouped in by.iter_mut() {
        if let Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) = grouped {
            for part in sets.iter_mut().flatten() {
                if let Some(meant) = at(part) {
                    *part = meant;
                }
            }
        }
    }
    let is_nothing = |part: &Expr| matches!(part, Expr::Tuple(parts) if parts.is_empty());
    if !modifiers.is_empty() {
        return;
    }
    let one_group = by.iter().any(is_nothing) || by.is_empty() && select.having.is_some();
    by.retain(|part| !is_nothing(part));
    let gathers = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => has(expr, Beyond::Aggregate),
        _ => false,
    };
    let gathered = items.iter().any(gathers) || select.having.iter().any(|having| has(having, Beyond::Aggregate));
    // Where something is gathered the engine groups by itself.
    if one_group && by.is_empty() && !gathered {
        by.push(Expr::GroupingSets(vec![Vec::new()]));
    }
}

fn names_several(items: &[Vec<Expr>]) -> bool {
    items.iter().any(|item| item.len() != 1)
}

fn names_twice(items: &[Vec<Expr>]) -> bool {
    together(items.iter()).len() < items.iter().map(Vec::len).sum()
}

/// The expressions of several, each once.
fn together<'a>(items: impl Iterator<Item = &'a Vec<Expr>>) -> Vec<Expr> {
    let mut all: Vec<Expr> = Vec::new();
    for expression in items.flatten() {
        if !all.contains(expression) {
            all.push(expression.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::planner::parse_expression;

    #[test]
    fn what_is_named_twice_is_grouped_by_once() {
        let (a, b) = (parse_expression("a").unwrap(), parse_expression("b").unwrap());
        let mut rollup = Expr::Rollup(vec![vec![a.clone()], vec![b.clone()], vec![a.clone()]]);
        spell_out(&mut rollup);
        let both = vec![a.clone(), b.clone()];
        assert_eq!(rollup, Expr::GroupingSets(vec![both.clone(), both, vec![a.clone()], vec![]]));
        let mut cube = Expr::Cube(vec![vec![a.clone()], vec![a.clone()]]);
        spell_out(&mut cube);
        assert_eq!(cube, Expr::GroupingSets(vec![vec![a.clone()], vec![a.clone()], vec![a.clone()], vec![]]));
        let mut several = Expr::Rollup(vec![vec![a.clone(), b.clone()]]);
        spell_out(&mut several);
        assert_eq!(several, Expr::GroupingSets(vec![vec![a.clone(), b.clone()], vec![]]));
        let mut nested = Expr::GroupingSets(vec![vec![parse_expression("ROLLUP(a, b)").unwrap()], vec![b.clone()]]);
        spell_out(&mut nested);
        let sets = vec![vec![a.clone(), b.clone()], vec![a.clone()], vec![], vec![b.clone()]];
        assert_eq!(nested, Expr::GroupingSets(sets));
        let mut plain = Expr::Rollup(vec![vec![a.clone()], vec![b]]);
        spell_out(&mut plain);
        assert!(matches!(plain, Expr::Rollup(_)));
    }
}
