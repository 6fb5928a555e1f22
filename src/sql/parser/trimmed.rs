//! `trim(BOTH FROM x)`, where no characters are named: sqlparser asks for them, and PostgreSQL trims spaces.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The tokens with a space where the characters are missing.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_trim = |token: &TokenWithSpan| super::tokens::keyword(token) == Some(Keyword::TRIM);
    if !tokens.iter().any(is_trim) {
        return tokens;
    }
    let mut spelt: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 1);
    for token in tokens {
        if super::tokens::keyword(&token) == Some(Keyword::FROM) && begins_trim(&spelt) {
            let span = token.span;
            spelt.push(TokenWithSpan { token: Token::SingleQuotedString(" ".to_owned()), span });
        }
        spelt.push(token);
    }
    spelt
}

/// Whether the tokens end with `trim (`, and the word for the side.
fn begins_trim(before: &[TokenWithSpan]) -> bool {
    let mut back = before.iter().rev().filter(|token| !matches!(token.token, Token::Whitespace(_))).peekable();
    let side = |token: &&TokenWithSpan| {
        matches!(super::tokens::keyword(token), Some(Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING))
    };
    back.next_if(side);
    back.next().is_some_and(|token| token.token == Token::LParen)
        && back.next().is_some_and(|token| super::tokens::keyword(token) == Some(Keyword::TRIM))
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn spaces_are_trimmed_where_nothing_else_is_named() {
        assert_eq!(read("SELECT trim(BOTH FROM a) FROM t"), "SELECT TRIM(BOTH ' ' FROM a) FROM t");
        assert_eq!(read("SELECT trim ( FROM a) FROM t"), "SELECT TRIM(' ' FROM a) FROM t");
        assert_eq!(read("SELECT trim(LEADING 'x' FROM a)"), "SELECT TRIM(LEADING 'x' FROM a)");
    }
}
