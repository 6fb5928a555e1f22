//! `INSERT INTO t SELECT 1, 2 ON CONFLICT ...`: sqlparser takes ON for the name of the last column, since no FROM parts them. PostgreSQL
//! reserves the word. So a condition that holds for every row is put between.

use super::tokens::keyword;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The tokens of a statement in words that sqlparser reads.
pub fn spell(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let begins =
        |pair: &[TokenWithSpan]| keyword(&pair[0]) == Some(Keyword::ON) && keyword(&pair[1]) == Some(Keyword::CONFLICT);
    let places: Vec<usize> = tokens.windows(2).enumerate().filter(|(_, pair)| begins(pair)).map(|(at, _)| at).collect();
    for at in places.into_iter().rev() {
        if ends_in_items(&tokens[..at]) {
            let span = tokens[at].span;
            let always = [Token::make_keyword("WHERE"), Token::make_keyword("TRUE")];
            tokens.splice(at..at, always.map(|token| TokenWithSpan { token, span }));
        }
    }
    tokens
}

/// Whether a query ends with what it selects: none of its other clauses comes after SELECT.
fn ends_in_items(tokens: &[TokenWithSpan]) -> bool {
    use Keyword::{FETCH, FROM, GROUP, HAVING, LIMIT, OFFSET, ORDER, SELECT, VALUES, WHERE, WINDOW};
    let mut depth = 0usize;
    for token in tokens.iter().rev() {
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => return false,
            Token::LParen => depth -= 1,
            _ if depth > 0 => {}
            _ => match keyword(token) {
                Some(SELECT) => return true,
                Some(FROM | WHERE | GROUP | HAVING | WINDOW | ORDER | LIMIT | OFFSET | FETCH | VALUES) => return false,
                _ => {}
            },
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn on_conflict_ends_a_query_without_from() {
        let read = |query: &str| read(&format!("INSERT INTO t {query} ON CONFLICT (k) DO NOTHING"));
        let end = "ON CONFLICT(k) DO NOTHING";
        assert_eq!(read("SELECT 1, 2"), format!("INSERT INTO t SELECT 1, 2 WHERE true {end}"));
        assert_eq!(read("SELECT a FROM s"), format!("INSERT INTO t SELECT a FROM s {end}"));
        assert_eq!(
            read("SELECT 1 UNION ALL SELECT 2"),
            format!("INSERT INTO t SELECT 1 UNION ALL SELECT 2 WHERE true {end}")
        );
        assert_eq!(read("VALUES (1, (SELECT 2))"), format!("INSERT INTO t VALUES (1, (SELECT 2)) {end}"));
    }
}
