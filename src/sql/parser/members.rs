//! `x IN ((SELECT a), b)`, `x IN ((SELECT a) + 1)`: of values of which the first begins with a query sqlparser takes that for all that is
//! looked among. A sign before it that is nothing else's says that it is a value, and the list is put right when it is read.

use super::symmetric::unmark;
use super::tokens::keyword_at;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, VisitMut, visit_expressions_mut};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::ControlFlow;

/// The tokens with such signs. There is no white space among them.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let firsts: Vec<usize> = (2..tokens.len()).filter(|at| is_first_value(&tokens, *at)).collect();
    if firsts.is_empty() {
        return tokens;
    }
    let mut spelt = Vec::with_capacity(tokens.len() + firsts.len());
    for (at, token) in tokens.into_iter().enumerate() {
        if firsts.binary_search(&at).is_ok() {
            spelt.push(TokenWithSpan::new(Token::DoubleExclamationMark, token.span));
        }
        spelt.push(token);
    }
    spelt
}

/// Whether the parentheses of a query open at a place with which the first value behind IN begins, and not what is looked among.
fn is_first_value(tokens: &[TokenWithSpan], at: usize) -> bool {
    let opens = |at: usize| tokens.get(at).is_some_and(|token| token.token == Token::LParen);
    if !opens(at) || !opens(at - 1) || keyword_at(tokens, at - 2) != Some(Keyword::IN) {
        return false;
    }
    let Some(begins) = (at..tokens.len()).find(|at| !opens(*at)) else { return false };
    if !matches!(keyword_at(tokens, begins), Some(Keyword::SELECT | Keyword::WITH | Keyword::VALUES)) {
        return false;
    }
    let (mut depth, mut closed) = (0usize, false);
    for next in at..tokens.len() {
        match tokens[next].token {
            Token::LParen => depth += 1,
            // Behind the only value, in which more than the query has stood.
            Token::RParen if depth == 0 => return closed,
            Token::RParen => depth -= 1,
            Token::Comma if depth == 0 => return true,
            // The query goes on behind its parentheses.
            _ if depth == 0 && !closed && goes_on(tokens, next) => return false,
            _ => closed |= depth == 0,
        }
    }
    false
}

fn goes_on(tokens: &[TokenWithSpan], at: usize) -> bool {
    use Keyword::{EXCEPT, FETCH, FOR, INTERSECT, LIMIT, OFFSET, ORDER, UNION};
    matches!(keyword_at(tokens, at), Some(UNION | INTERSECT | EXCEPT | ORDER | LIMIT | OFFSET | FETCH | FOR))
}

/// What was meant, in words that can be read again: a query is never first.
pub fn read_back(node: &mut impl VisitMut) {
    let _ = visit_expressions_mut(node, |expression| {
        if let Expr::InList { expr, list, negated } = expression
            && list.first_mut().is_some_and(unmark)
        {
            match list.iter().position(|value| !value.to_string().starts_with('(')) {
                Some(other) => list.swap(0, other),
                None => {
                    let (op, joined) = match negated {
                        true => (BinaryOperator::NotEq, BinaryOperator::And),
                        false => (BinaryOperator::Eq, BinaryOperator::Or),
                    };
                    let one = |value: &Expr| Expr::BinaryOp {
                        left: expr.clone(),
                        op: op.clone(),
                        right: Box::new(Expr::Nested(Box::new(value.clone()))),
                    };
                    let both = |left: Expr, right: Expr| Expr::BinaryOp {
                        left: Box::new(left),
                        op: joined.clone(),
                        right: Box::new(right),
                    };
                    if let Some(all) = list.iter().map(one).reduce(both) {
                        *expression = Expr::Nested(Box::new(all));
                    }
                }
            }
        }
        ControlFlow::<()>::Continue(())
    });
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn a_query_may_be_the_first_of_several_values() {
        for (sql, meant) in [
            ("SELECT a IN ((SELECT 2), 1)", "SELECT a IN (1, (SELECT 2))"),
            ("SELECT a NOT IN ((SELECT 2) + 1, b)", "SELECT a NOT IN (b, (SELECT 2) + 1)"),
            ("SELECT a IN ((SELECT 2), (SELECT 3))", "SELECT (a = ((SELECT 2)) OR a = ((SELECT 3)))"),
            ("SELECT a IN ((SELECT 2) UNION SELECT 1)", "SELECT a IN ((SELECT 2) UNION SELECT 1)"),
            ("SELECT a IN ((SELECT 2))", "SELECT a IN ((SELECT 2))"),
            ("SELECT a IN ((SELECT 2) + 1)", "SELECT (a = ((SELECT 2) + 1))"),
            ("SELECT a IN ((1), 2)", "SELECT a IN ((1), 2)"),
        ] {
            assert_eq!(read(sql), meant);
        }
    }
}
