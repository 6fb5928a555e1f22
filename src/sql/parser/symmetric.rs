//! `a BETWEEN SYMMETRIC b AND c`, which sqlparser does not read: the word becomes a sign before `b` that is nothing else's, and
//! the expression is put right when it is read. ASYMMETRIC says what is meant without it.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, VisitMut, visit_expressions_mut};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::ControlFlow;

/// The tokens without these words.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let word = |token: &TokenWithSpan, wanted: &str| match &token.token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    if !tokens.iter().any(|token| word(token, "symmetric") || word(token, "asymmetric")) {
        return tokens;
    }
    let mut spelt: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut between = false;
    for mut token in tokens {
        if between && word(&token, "asymmetric") {
            continue;
        }
        if between && word(&token, "symmetric") {
            token.token = Token::DoubleExclamationMark;
        }
        if !matches!(token.token, Token::Whitespace(_)) {
            between = matches!(&token.token, Token::Word(word) if word.keyword == Keyword::BETWEEN);
        }
        spelt.push(token);
    }
    spelt
}

/// What was meant.
pub fn read_back(node: &mut impl VisitMut) {
    let _ = visit_expressions_mut(node, |expression| {
        if let Expr::Between { expr, negated, low, high } = expression
            && unmark(low)
        {
            let between = |low: &Expr, high: &Expr| Expr::Between {
                expr: expr.clone(),
                negated: *negated,
                low: Box::new(low.clone()),
                high: Box::new(high.clone()),
            };
            let op = if *negated { BinaryOperator::And } else { BinaryOperator::Or };
            let (left, right) = (Box::new(between(low, high)), Box::new(between(high, low)));
            *expression = Expr::Nested(Box::new(Expr::BinaryOp { left, op, right }));
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Takes the sign away from where an expression begins.
pub(super) fn unmark(expression: &mut Expr) -> bool {
    match expression {
        Expr::UnaryOp { op: UnaryOperator::PGPrefixFactorial, expr } => {
            *expression = expr.as_ref().clone();
            true
        }
        Expr::BinaryOp { left: first, .. }
        | Expr::Cast { expr: first, .. }
        | Expr::Collate { expr: first, .. }
        | Expr::AtTimeZone { timestamp: first, .. } => unmark(first),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, parse};

    #[test]
    fn symmetric_bounds_are_in_either_order() {
        let read = |sql: &str| match &parse(sql).unwrap()[0].body {
            Body::Sql(sql) => sql.to_string(),
            Body::Own(own) => format!("{own:?}"),
        };
        assert_eq!(
            read("SELECT a BETWEEN SYMMETRIC b + 1 AND c"),
            "SELECT (a BETWEEN b + 1 AND c OR a BETWEEN c AND b + 1)"
        );
        assert_eq!(
            read("SELECT a NOT BETWEEN symmetric 2 AND 1 AND d"),
            "SELECT (a NOT BETWEEN 2 AND 1 AND a NOT BETWEEN 1 AND 2) AND d"
        );
        assert_eq!(read("SELECT a BETWEEN ASYMMETRIC 1 AND 2"), "SELECT a BETWEEN 1 AND 2");
    }
}
