//! `x = ANY (VALUES (1), (2))`, `1 + (VALUES (2))`: in an expression sqlparser takes SELECT alone for the beginning of a query. There it
//! is `(SELECT * FROM (VALUES (1), (2)) AS v)`.

use super::tokens::{close, keyword_at};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Name of such rows; no user's name begins so.
const NAME: &str = "\u{1}v";

/// The tokens with such queries. There is no white space among them.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let places: Vec<(usize, usize)> = (1..tokens.len())
        .filter(|open| is_in_expression(&tokens, *open))
        .filter_map(|open| Some((open, close(&tokens, open)?)))
        .collect();
    if places.is_empty() {
        return tokens;
    }
    let mut spelt = Vec::with_capacity(tokens.len() + 7 * places.len());
    for (at, token) in tokens.into_iter().enumerate() {
        let span = token.span;
        let one = |token: Token| TokenWithSpan { token, span };
        if places.iter().any(|(_, close)| *close == at) {
            spelt.extend([Token::RParen, Token::make_keyword("AS"), Token::make_word(NAME, Some('"'))].map(one));
        }
        spelt.push(token);
        if places.iter().any(|(open, _)| *open == at) {
            let from = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM"), Token::LParen];
            spelt.extend(from.map(one));
        }
    }
    spelt
}

/// Whether the parentheses around VALUES open at a place where an expression stands.
fn is_in_expression(tokens: &[TokenWithSpan], open: usize) -> bool {
    if tokens[open].token != Token::LParen || keyword_at(tokens, open + 1) != Some(Keyword::VALUES) {
        return false;
    }
    match keyword_at(tokens, open - 1) {
        Some(keyword) => {
            use Keyword::{ALL, AND, ANY, ELSE, NOT, OR, SELECT, SOME, THEN, WHEN, WHERE};
            let all = [ALL, AND, ANY, ELSE, NOT, OR, SELECT, SOME, THEN, WHEN, WHERE];
            // Rows of a set operation stand behind ALL, too.
            let before = open.checked_sub(2).and_then(|at| keyword_at(tokens, at));
            let of_rows =
                keyword == ALL && matches!(before, Some(Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT));
            all.contains(&keyword) && !of_rows
        }
        None => matches!(
            tokens[open - 1].token,
            Token::Plus
                | Token::Minus
                | Token::Mul
                | Token::Div
                | Token::Mod
                | Token::StringConcat
                | Token::Eq
                | Token::Neq
                | Token::Lt
                | Token::LtEq
                | Token::Gt
                | Token::GtEq
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn values_stand_in_expressions() {
        let rows = "(SELECT * FROM (VALUES (1), (2)) AS \"\u{1}v\")";
        for (sql, meant) in [
            ("SELECT a = ANY (VALUES (1), (2))", format!("SELECT a = ANY{rows}")),
            ("SELECT 1 + (VALUES (1), (2))", format!("SELECT 1 + {rows}")),
            ("SELECT (VALUES (1), (2))", format!("SELECT {rows}")),
            ("SELECT 1 UNION ALL (VALUES (1), (2))", "SELECT 1 UNION ALL (VALUES (1), (2))".to_owned()),
            ("SELECT a IN (VALUES (1), (2))", "SELECT a IN (VALUES (1), (2))".to_owned()),
            ("SELECT 1 FROM (VALUES (1)) AS v", "SELECT 1 FROM (VALUES (1)) AS v".to_owned()),
        ] {
            assert_eq!(read(sql), meant);
        }
    }
}
