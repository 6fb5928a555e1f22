//! `SET a[2] = x`, `SET j['k'] = x`: what is put into an element of a column, as the whole column with that element changed.
//!
//! `SET j['a']['b'] = x` becomes `SET j = subscript_assigned(j, x, 'a', 'b')`, a function of ours.

use super::tokens::keyword_at;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The tokens of an UPDATE, or of an INSERT with DO UPDATE, in words that sqlparser reads. There is no white space among them.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !matches!(keyword_at(&tokens, 0), Some(Keyword::UPDATE | Keyword::INSERT | Keyword::WITH)) {
        return tokens;
    }
    let mut spelt = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let first =
            at > 0 && (keyword_at(&tokens, at - 1) == Some(Keyword::SET) || tokens[at - 1].token == Token::Comma);
        match first.then(|| assignment(&tokens, at)).flatten() {
            Some((said, next)) => {
                let span = tokens[at].span;
                spelt.extend(said.into_iter().map(|token| TokenWithSpan { token, span }));
                at = next;
            }
            None => {
                spelt.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    spelt
}

/// An assignment to an element that begins at a place, in other words, and where it ends.
fn assignment(tokens: &[TokenWithSpan], at: usize) -> Option<(Vec<Token>, usize)> {
    let column = tokens.get(at).filter(|token| matches!(token.token, Token::Word(_)))?.token.clone();
    let mut next = at + 1;
    let mut places = Vec::new();
    while tokens.get(next)?.token == Token::LBracket {
        let end = close(tokens, next)?;
        // A slice is none.
        let inside = &tokens[next + 1..end];
        if inside.is_empty() || inside.iter().any(|token| token.token == Token::Colon) {
            return None;
        }
        places.push(inside);
        next = end + 1;
    }
    if places.is_empty() || tokens.get(next)?.token != Token::Eq {
        return None;
    }
    let end = end(tokens, next + 1);
    let mut said = vec![column.clone(), Token::Eq, Token::make_word("subscript_assigned", None), Token::LParen, column];
    let value = std::iter::once(&tokens[next + 1..end]);
    for part in value.chain(places) {
        said.extend([Token::Comma, Token::LParen]);
        said.extend(part.iter().map(|token| token.token.clone()));
        said.push(Token::RParen);
    }
    said.push(Token::RParen);
    Some((said, end))
}

/// Where a bracket that is at a place is closed.
fn close(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let mut depth = 0;
    for (n, token) in tokens.iter().enumerate().skip(at) {
        match token.token {
            Token::LBracket => depth += 1,
            Token::RBracket if depth == 1 => return Some(n),
            Token::RBracket => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Where a value ends that begins at a place.
fn end(tokens: &[TokenWithSpan], at: usize) -> usize {
    let mut depth = 0;
    for (n, token) in tokens.iter().enumerate().skip(at) {
        match &token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket if depth > 0 => depth -= 1,
            Token::RParen | Token::EOF | Token::SemiColon => return n,
            Token::Comma if depth == 0 => return n,
            Token::Word(word) if depth == 0 && word.quote_style.is_none() => {
                if matches!(word.keyword, Keyword::FROM | Keyword::WHERE | Keyword::RETURNING) {
                    return n;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::super::{parse, read};

    #[test]
    fn elements_are_put_into_their_columns() {
        assert_eq!(
            read("UPDATE t SET a[1+1] = f(x, 2), b = 3, j['k']['l'] = '5' WHERE a[1] = 2"),
            "UPDATE t SET a = subscript_assigned(a, (f(x, 2)), (1 + 1)), b = 3, \
             j = subscript_assigned(j, ('5'), ('k'), ('l')) WHERE a[1] = 2"
        );
        assert!(parse("UPDATE t SET a[1:2] = '{1}'").is_err());
    }
}
