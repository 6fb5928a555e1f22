//! `ROLLUP ((a + b) * 2, (SELECT c))`: parentheses with which an item of ROLLUP, CUBE or GROUPING SETS begins sqlparser takes for those
//! around several expressions. An item that is one expression gets such parentheses around it, and keeps some in what is read.

use super::tokens::{close, keyword_at};
use datafusion::sql::sqlparser::ast::{Expr, VisitMut, visit_expressions_mut};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::{ControlFlow, Range};

/// The tokens with such parentheses. There is no white space among them.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let alone: Vec<Range<usize>> = (1..tokens.len())
        .filter(|open| begins_sets(&tokens, *open))
        .flat_map(|open| items(&tokens, open))
        .filter(|item| is_one(&tokens[item.clone()]))
        .collect();
    if alone.is_empty() {
        return tokens;
    }
    let mut spelt = Vec::with_capacity(tokens.len() + 2 * alone.len());
    for (at, token) in tokens.into_iter().enumerate() {
        let span = token.span;
        let around = |bound: usize, paren: Token| {
            let one = TokenWithSpan::new(paren, span);
            std::iter::repeat_n(one, usize::from(bound == at))
        };
        alone.iter().for_each(|item| spelt.extend(around(item.start, Token::LParen)));
        spelt.push(token);
        alone.iter().for_each(|item| spelt.extend(around(item.end - 1, Token::RParen)));
    }
    spelt
}

/// Whether the parentheses of sets of keys open at a place.
fn begins_sets(tokens: &[TokenWithSpan], open: usize) -> bool {
    tokens[open].token == Token::LParen
        && match keyword_at(tokens, open - 1) {
            Some(Keyword::ROLLUP | Keyword::CUBE) => true,
            Some(Keyword::SETS) => open > 1 && keyword_at(tokens, open - 2) == Some(Keyword::GROUPING),
            _ => false,
        }
}

/// What stands between the commas of the parentheses that open at a place.
fn items(tokens: &[TokenWithSpan], open: usize) -> Vec<Range<usize>> {
    let (mut all, mut start, mut depth) = (Vec::new(), open + 1, 0usize);
    for (at, token) in tokens.iter().enumerate().skip(open + 1) {
        match token.token {
            Token::LParen => depth += 1,
            Token::Comma if depth == 0 => {
                all.push(start..at);
                start = at + 1;
            }
            Token::RParen if depth == 0 => {
                all.push(start..at);
                return all;
            }
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    // They do not close.
    Vec::new()
}

/// Whether an item begins with parentheses that are within an expression, or around a query.
fn is_one(item: &[TokenWithSpan]) -> bool {
    if item.first().is_none_or(|token| token.token != Token::LParen) {
        return false;
    }
    let goes_on = close(item, 0).is_some_and(|close| close + 1 < item.len());
    goes_on || matches!(keyword_at(item, 1), Some(Keyword::SELECT | Keyword::WITH | Keyword::VALUES))
}

/// Puts parentheses around such items, so that their text can be read again.
pub fn read_back(node: &mut impl VisitMut) {
    let _ = visit_expressions_mut(node, |expression| {
        if let Expr::Rollup(items) | Expr::Cube(items) = expression {
            for item in items {
                if let [one] = item.as_mut_slice()
                    && !matches!(one, Expr::Nested(_))
                    && one.to_string().starts_with('(')
                {
                    *one = Expr::Nested(Box::new(one.clone()));
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
    fn an_item_of_sets_may_begin_with_parentheses() {
        for (sql, meant) in [
            ("ROLLUP ((a + b) * 2, c)", "ROLLUP (((a + b) * 2), c)"),
            ("ROLLUP (((a + b) * 2), c)", "ROLLUP (((a + b) * 2), c)"),
            ("ROLLUP ((SELECT 1), c)", "ROLLUP (((SELECT 1)), c)"),
            ("CUBE ((a, b), (c))", "CUBE ((a, b), c)"),
            ("GROUPING SETS ((a, b), (a), ())", "GROUPING SETS ((a, b), (a), ())"),
            ("GROUPING SETS ((a).b, ((c)))", "GROUPING SETS (((a).b), ((c)))"),
        ] {
            assert_eq!(read(&format!("SELECT 1 FROM t GROUP BY {sql}")), format!("SELECT 1 FROM t GROUP BY {meant}"));
        }
    }
}
