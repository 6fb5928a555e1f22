//! Rows as values, and comparisons of rows, which the engine takes for comparisons of values that are never NULL.

use super::super::functions::call;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem,
};

/// `(a, b) = (c, d)` as comparisons of its columns, and so `(a, b) [NOT] IN ((c, d), ...)` and `(a, b) IS [NOT] NULL`.
pub fn compare(expression: &mut Expr) {
    let expanded = match &*expression {
        Expr::BinaryOp { left, op, right } => match (row(left), row(right)) {
            (Some(left), Some(right)) => columns(&left, op, &right),
            _ => return,
        },
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => match (row(left), row(right)) {
            (Some(left), Some(right)) => distinct(&left, &right, matches!(expression, Expr::IsDistinctFrom(..))),
            _ => return,
        },
        Expr::IsNull(inner) => row(inner).and_then(|columns| all(&columns, Expr::IsNull)),
        Expr::IsNotNull(inner) => row(inner).and_then(|columns| all(&columns, Expr::IsNotNull)),
        Expr::InList { expr, list, negated } => {
            let Some(left) = row(expr) else { return };
            let (each, joined) = match negated {
                false => (BinaryOperator::Eq, BinaryOperator::Or),
                true => (BinaryOperator::NotEq, BinaryOperator::And),
            };
            let all = list.iter().map(|item| columns(&left, &each, &row(item)?)).collect::<Option<Vec<_>>>();
            all.and_then(|all| all.into_iter().reduce(|a, b| both(a, joined.clone(), b)))
        }
        _ => return,
    };
    if let Some(expanded) = expanded {
        *expression = expanded;
    }
}

/// A row among the values of a query as a call.
pub fn selected(item: &mut SelectItem) {
    if let SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } = item {
        as_call(expression);
    }
}

/// A row that a function is given, that is cast, or that a CASE results in, as a call.
pub fn given(expression: &mut Expr) {
    match expression {
        Expr::Function(Function { args: FunctionArguments::List(list), .. }) => {
            for argument in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument {
                    as_call(value);
                }
            }
        }
        Expr::Cast { expr, .. } => as_call(expr),
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter_mut().for_each(|when| as_call(&mut when.result));
            else_result.iter_mut().for_each(|result| as_call(result));
        }
        _ => {}
    }
}

/// `(a + 1, b)` as `ROW(a + 1, b)`: with an expression in front the engine does not read the first.
fn as_call(expression: &mut Expr) {
    if let Expr::Tuple(columns) = expression
        && columns.len() > 1
        && !matches!(columns[0], Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_))
    {
        *expression = call("row", std::mem::take(columns));
    }
}

/// How many columns `(a, b)` or `ROW(a)` has; none of what is no row.
pub fn entries(expression: &Expr) -> Option<usize> {
    row(expression).map(|columns| columns.len())
}

/// The columns of `(a, b)` or `ROW(a)`.
pub fn row(expression: &Expr) -> Option<Vec<&Expr>> {
    match expression {
        Expr::Tuple(columns) if columns.len() > 1 => Some(columns.iter().collect()),
        Expr::Nested(inner) => row(inner),
        Expr::Function(call) if call.name.0.len() == 1 => {
            let name = call.name.0[0].as_ident()?;
            let FunctionArguments::List(list) = &call.args else { return None };
            if name.quote_style.is_some() || !name.value.eq_ignore_ascii_case("row") || list.args.is_empty() {
                return None;
            }
            let column = |argument| match argument {
                &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref column)) => Some(column),
                _ => None,
            };
            list.args.iter().map(column).collect()
        }
        _ => None,
    }
}

/// One and the same question of all columns.
fn all(columns: &[&Expr], question: impl Fn(Box<Expr>) -> Expr) -> Option<Expr> {
    let each = columns.iter().map(|column| question(Box::new(Expr::Nested(Box::new((*column).clone())))));
    each.reduce(|a, b| both(a, BinaryOperator::And, b)).map(|all| Expr::Nested(Box::new(all)))
}

fn distinct(left: &[&Expr], right: &[&Expr], differ: bool) -> Option<Expr> {
    if left.len() != right.len() {
        return None;
    }
    let pair = |(a, b): (&&Expr, &&Expr)| {
        let (a, b) = (Box::new((*a).clone()), Box::new((*b).clone()));
        Expr::Nested(Box::new(match differ {
            true => Expr::IsDistinctFrom(a, b),
            false => Expr::IsNotDistinctFrom(a, b),
        }))
    };
    let joined = if differ { BinaryOperator::Or } else { BinaryOperator::And };
    left.iter().zip(right).map(pair).reduce(|a, b| both(a, joined.clone(), b))
}

fn columns(left: &[&Expr], op: &BinaryOperator, right: &[&Expr]) -> Option<Expr> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    let pairs = || left.iter().map(|&a| a.clone()).zip(right.iter().map(|&b| b.clone()));
    if left.len() != right.len() {
        return None;
    }
    match op {
        Eq => pairs().map(|(a, b)| both(a, Eq, b)).reduce(|a, b| both(a, And, b)),
        NotEq => pairs().map(|(a, b)| both(a, NotEq, b)).reduce(|a, b| both(a, Or, b)),
        // The first columns that differ decide.
        Lt | LtEq | Gt | GtEq => {
            let strict = if matches!(op, Lt | LtEq) { Lt } else { Gt };
            let mut reversed = pairs().rev();
            let (a, b) = reversed.next()?;
            let last = both(a, op.clone(), b);
            Some(reversed.fold(last, |rest, (a, b)| {
                let equal = both(both(a.clone(), Eq, b.clone()), And, rest);
                both(both(a, strict.clone(), b), Or, equal)
            }))
        }
        _ => None,
    }
}

fn both(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}
