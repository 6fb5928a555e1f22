//! Constants where the engine would take them for something else: a quoted count of rows, a number that is no place in the order of
//! an aggregate.

use super::super::planner::parse_expression;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, LimitClause, Offset, Query, Value,
};

/// LIMIT and OFFSET as whole numbers, where they are written otherwise.
pub fn as_numbers(query: &mut Query) {
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            limit.iter_mut().for_each(as_number);
            offset.iter_mut().for_each(|Offset { value, .. }| as_number(value));
        }
        Some(LimitClause::OffsetCommaLimit { .. }) | None => {}
    }
}

fn as_number(count: &mut Expr) {
    let Expr::Value(value) = &*count else { return };
    let is_open = match &value.value {
        Value::SingleQuotedString(_) => true,
        Value::Number(number, _) => number.to_string().parse::<u64>().is_err(),
        _ => false,
    };
    if is_open && let Ok(read) = parse_expression(&format!("({count})::bigint")) {
        *count = read;
    }
}

/// The ORDER BY of an aggregate without its constants, which put nothing in order.
pub fn no_places(expression: &mut Expr) {
    let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = expression else { return };
    for clause in &mut list.clauses {
        if let FunctionArgumentClause::OrderBy(keys) = clause {
            keys.retain(
                |key| !matches!(&key.expr, Expr::Value(value) if !matches!(value.value, Value::Placeholder(_))),
            );
        }
    }
    list.clauses.retain(|clause| !matches!(clause, FunctionArgumentClause::OrderBy(keys) if keys.is_empty()));
}
