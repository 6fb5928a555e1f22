//! `substring(x SIMILAR p ESCAPE e)`, which sqlparser does not read: another spelling of `substring(x FROM p FOR e)`.

use super::tokens::keyword_at;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The tokens in the words that sqlparser reads. There is no white space among them.
pub fn spell(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    for at in 0..tokens.len() {
        let opens = tokens.get(at + 1).is_some_and(|token| token.token == Token::LParen);
        if opens && keyword_at(&tokens, at) == Some(Keyword::SUBSTRING) {
            let (similar, escape) = (word(&tokens, at + 1, Keyword::SIMILAR), word(&tokens, at + 1, Keyword::ESCAPE));
            if let (Some(similar), Some(escape)) = (similar, escape)
                && keyword_at(&tokens, similar + 1) != Some(Keyword::TO)
            {
                tokens[similar].token = Token::make_keyword("FROM");
                tokens[escape].token = Token::make_keyword("FOR");
            }
        }
    }
    tokens
}

/// Where a word stands in the parentheses that open at a place, and not in others within them.
fn word(tokens: &[TokenWithSpan], open: usize, wanted: Keyword) -> Option<usize> {
    let mut depth = 0usize;
    for at in open..tokens.len() {
        match tokens[at].token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 1 => return None,
            Token::RParen => depth -= 1,
            _ if depth == 1 && keyword_at(tokens, at) == Some(wanted) => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn similar_is_from() {
        assert_eq!(
            read("SELECT substring(a SIMILAR b(c) ESCAPE '#') FROM t"),
            "SELECT SUBSTRING(a FROM b(c) FOR '#') FROM t"
        );
        let plain = "SELECT SUBSTRING(a FROM 1 FOR 2), b SIMILAR TO c ESCAPE '#'";
        assert_eq!(read(plain), plain);
    }
}
