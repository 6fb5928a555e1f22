//! `(t).*`: all columns of a relation, whose name may stand in parentheses. sqlparser reads `t.*` alone.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The tokens without such parentheses. There is no white space among them.
pub fn spell(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut at = 0;
    while at + 5 <= tokens.len() {
        let is_row = matches!(
            [
                &tokens[at].token,
                &tokens[at + 1].token,
                &tokens[at + 2].token,
                &tokens[at + 3].token,
                &tokens[at + 4].token
            ],
            [Token::LParen, Token::Word(_), Token::RParen, Token::Period, Token::Mul]
        );
        // Behind a name they are of a call.
        let called = at > 0 && matches!(&tokens[at - 1].token, Token::Word(word) if word.keyword == Keyword::NoKeyword);
        if is_row && !called {
            tokens.remove(at + 2);
            tokens.remove(at);
        }
        at += 1;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::super::{parse, read};

    #[test]
    fn a_relation_may_stand_in_parentheses() {
        assert_eq!(read("SELECT (t).*, (\"U\").*, 1 FROM t, \"U\""), "SELECT t.*, \"U\".*, 1 FROM t, \"U\"");
        assert!(parse("SELECT (f(t)).* FROM t").is_err());
        assert!(parse("SELECT f(t).* FROM t").is_err());
    }
}
