//! Comparisons of rows, which the engine takes for comparisons of values that are never NULL.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

/// `(a, b) = (c, d)` as comparisons of its columns, and so `(a, b) [NOT] IN ((c, d), ...)`.
pub fn compare(expression: &mut Expr) {
    let expanded = match &*expression {
        Expr::BinaryOp { left, op, right } => match (row(left), row(right)) {
            (Some(left), Some(right)) if left.len() == right.len() => columns(left, op, right),
            _ => return,
        },
        Expr::InList { expr, list, negated } => {
            let Some(left) = row(expr) else { return };
            let (each, joined) = match negated {
                false => (BinaryOperator::Eq, BinaryOperator::Or),
                true => (BinaryOperator::NotEq, BinaryOperator::And),
            };
            let all = list.iter().map(|item| columns(left, &each, row(item)?)).collect::<Option<Vec<_>>>();
            all.and_then(|all| all.into_iter().reduce(|a, b| both(a, joined.clone(), b)))
        }
        _ => return,
    };
    if let Some(expanded) = expanded {
        *expression = expanded;
    }
}

fn row(expression: &Expr) -> Option<&[Expr]> {
    match expression {
        Expr::Tuple(columns) if columns.len() > 1 => Some(columns),
        Expr::Nested(inner) => row(inner),
        _ => None,
    }
}

fn columns(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Option<Expr> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    let pairs = || left.iter().cloned().zip(right.iter().cloned());
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
