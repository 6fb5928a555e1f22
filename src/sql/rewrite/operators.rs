//! PostgreSQL's operators and clauses that the engine has under other names.

use super::super::functions::call;
use super::super::parser::last;
use super::super::planner::parse_expression;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, LimitClause, ObjectName,
    Query, UnaryOperator, Value, ValueWithSpan, visit_expressions,
};
use std::ops::ControlFlow;

/// `a OPERATOR(pg_catalog.+) b` as `a + b`.
pub fn named(expression: &mut Expr) {
    let op = match expression {
        Expr::BinaryOp { op, .. } => op,
        Expr::AnyOp { compare_op, .. } | Expr::AllOp { compare_op, .. } => compare_op,
        _ => return,
    };
    let BinaryOperator::PGCustomBinaryOperator(parts) = &*op else { return };
    let sign = match parts.as_slice() {
        [sign] => sign,
        [schema, sign] if schema == "pg_catalog" => sign,
        _ => return,
    };
    let Ok(Expr::BinaryOp { op: plain, .. }) = parse_expression(&format!("a {sign} b")) else { return };
    *op = plain;
    // It binds as no other does.
    if let Expr::BinaryOp { left, right, .. } = expression {
        for side in [left, right] {
            if matches!(side.as_ref(), Expr::BinaryOp { .. }) {
                **side = Expr::Nested(Box::new(side.as_ref().clone()));
            }
        }
    }
}

/// The expression in the engine's words.
pub fn as_functions(expression: &mut Expr) {
    let said = match &*expression {
        Expr::UnaryOp { op, expr } => unary(*op, expr),
        Expr::BinaryOp { left, op: BinaryOperator::AtQuestion, right } => {
            Some(call("jsonb_path_exists_opr", vec![left.as_ref().clone(), right.as_ref().clone()]))
        }
        Expr::BinaryOp { left, op: BinaryOperator::AtAt, right } => {
            Some(call("jsonb_path_match_opr", vec![left.as_ref().clone(), right.as_ref().clone()]))
        }
        Expr::Cast { expr, data_type: DataType::Custom(name, _), .. } if last(name) == "jsonpath" => {
            Some(call("as_jsonpath", vec![expr.as_ref().clone()]))
        }
        Expr::Substring { expr, substring_from: Some(pattern), substring_for: None, shorthand: false, .. }
            if is_text(pattern) =>
        {
            // What the first parentheses hold, or all that matches.
            parse_expression(&format!("(regexp_match({expr}, {pattern}))[1]")).ok()
        }
        Expr::Substring {
            expr, substring_from: Some(pattern), substring_for: Some(escape), shorthand: false, ..
        } if let Some(regular) = similar_substring(pattern, escape) => {
            parse_expression(&format!("(regexp_match({expr}, {regular}))[1]")).ok()
        }
        Expr::Substring { expr, substring_from, substring_for, shorthand, .. } => {
            let one = || Box::new(Expr::Value(Value::Number("1".into(), false).into()));
            let from = substring_from.clone().unwrap_or_else(one);
            let args = std::iter::once(expr.clone()).chain(Some(from)).chain(substring_for.clone());
            Some(call(if *shorthand { "substr" } else { "substring" }, args.map(|arg| *arg).collect()))
        }
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            let args = [expr, overlay_what, overlay_from].into_iter().chain(overlay_for);
            Some(call("overlay", args.map(|arg| arg.as_ref().clone()).collect()))
        }
        // With a quoted literal, which takes the other's type: the engine would compare texts.
        Expr::IsNotDistinctFrom(left, right) if is_text(left) != is_text(right) => {
            Some(Expr::IsTrue(Box::new(equal(left, right))))
        }
        Expr::IsDistinctFrom(left, right) if is_text(left) != is_text(right) => {
            Some(Expr::IsNotTrue(Box::new(equal(left, right))))
        }
        // Text is ordered by code points, which is what these mean.
        Expr::Collate { expr, collation } if is_by_bytes(collation) || last(collation) == "default" => {
            Some(Expr::Nested(expr.clone()))
        }
        Expr::Function(function) => cased_by_bytes(function),
        // A length with a time of day in it is read as the cast of a text is.
        Expr::Interval(interval) if interval.leading_field.is_none() && has_clock(&interval.value) => {
            parse_expression(&format!("{}::interval", interval.value)).ok()
        }
        Expr::Value(ValueWithSpan { value: Value::UnicodeStringLiteral(text), .. }) => {
            Some(Expr::Value(Value::SingleQuotedString(text.clone()).into()))
        }
        _ => None,
    };
    if let Some(said) = said {
        *expression = said;
        return;
    }
    if let Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } = expression
        && let Some(Value::SingleQuotedString(escape)) = escape_char.as_ref().map(|escape| &escape.value)
        && let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern.as_mut()
        && escape.chars().count() <= 1
        && escape != "\\"
    {
        *text = with_backslashes(text, escape.chars().next());
        *escape_char = None;
    }
}

/// Whether a collation knows bytes alone.
fn is_by_bytes(collation: &ObjectName) -> bool {
    matches!(last(collation).as_str(), "C" | "POSIX" | "ucs_basic")
}

/// `lower` or `upper` of what such a collation is said of, for which only the letters of ASCII have two forms.
fn cased_by_bytes(function: &Function) -> Option<Expr> {
    const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
    let capitals = SMALL.to_ascii_uppercase();
    let (from, to) = match last(&function.name).as_str() {
        "lower" => (capitals.as_str(), SMALL),
        "upper" => (SMALL, capitals.as_str()),
        _ => return None,
    };
    let FunctionArguments::List(list) = &function.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(text))] = list.args.as_slice() else { return None };
    let said = visit_expressions(text, |part| match part {
        Expr::Collate { collation, .. } if is_by_bytes(collation) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let letters = |letters: &str| Expr::Value(Value::SingleQuotedString(letters.to_owned()).into());
    said.is_break().then(|| call("translate", vec![text.clone(), letters(from), letters(to)]))
}

fn equal(left: &Expr, right: &Expr) -> Expr {
    let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
    Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::Eq, right }))
}

fn has_clock(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) if text.contains(':'))
}

fn is_text(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }))
}

/// The regular expression of a pattern with the character before what is meant in it, both constants.
fn similar_substring(pattern: &Expr, escape: &Expr) -> Option<Value> {
    let text = |expr: &Expr| match expr {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text.clone()),
        _ => None,
    };
    let (pattern, escape) = (text(pattern)?, text(escape)?);
    let mut escape = escape.chars();
    let (first, None) = (escape.next()?, escape.next()) else { return None };
    super::similar::regular_substring(&pattern, first).map(Value::SingleQuotedString)
}

fn unary(op: UnaryOperator, operand: &Expr) -> Option<Expr> {
    if let (UnaryOperator::Minus | UnaryOperator::Plus, Expr::BinaryOp { .. }) = (op, operand) {
        return power_of_signed(op, operand);
    }
    let float = || parse_expression(&format!("({operand})::double precision")).ok();
    match op {
        UnaryOperator::PGSquareRoot => Some(call("sqrt", vec![float()?])),
        UnaryOperator::PGCubeRoot => Some(call("cbrt", vec![float()?])),
        UnaryOperator::PGAbs => Some(call("abs", vec![operand.clone()])),
        // In two's complement.
        UnaryOperator::BitwiseNot => parse_expression(&format!("(-1 - ({operand}))")).ok(),
        _ => None,
    }
}

/// A sign belongs to the first operand of `^`: `-2 ^ 2` is 4.
fn power_of_signed(sign: UnaryOperator, operand: &Expr) -> Option<Expr> {
    let Expr::BinaryOp { left, op: op @ BinaryOperator::PGExp, right } = operand else { return None };
    let signed = Expr::UnaryOp { op: sign, expr: left.clone() };
    let left = power_of_signed(sign, left).unwrap_or(Expr::Nested(Box::new(signed)));
    Some(Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: right.clone() })
}

/// A pattern of LIKE whose escape character is `escape`, none if there is none, as one with the backslash.
fn with_backslashes(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            _ if Some(letter) == escape => match letters.next() {
                Some(plain @ ('%' | '_' | '\\')) => out.extend(['\\', plain]),
                Some(plain) => out.push(plain),
                None => out.push(letter),
            },
            '\\' => out.push_str("\\\\"),
            _ => out.push(letter),
        }
    }
    out
}

/// `FETCH FIRST n ROWS ONLY` is LIMIT.
pub fn fetch_as_limit(query: &mut Query) {
    let Some(fetch) = &query.fetch else { return };
    if fetch.with_ties || fetch.percent {
        return;
    }
    let count = fetch.quantity.clone().unwrap_or_else(|| Expr::Value(Value::Number("1".into(), false).into()));
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(count),
        clause @ None => {
            *clause = Some(LimitClause::LimitOffset { limit: Some(count), offset: None, limit_by: Vec::new() });
        }
        Some(_) => return,
    }
    query.fetch = None;
}

#[cfg(test)]
mod tests {
    use super::with_backslashes;

    #[test]
    fn escapes_become_backslashes() {
        assert_eq!(with_backslashes("a!_c!!%", Some('!')), "a\\_c!%");
        assert_eq!(with_backslashes("a\\_", None), "a\\\\_");
    }
}
