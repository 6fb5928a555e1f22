//! Where the operator is of `operator does not exist: integer + boolean`.

use super::super::parser;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

/// The byte of `text`, a statement, at which the operator stands, where it has that once, or the words that stand for it.
pub fn place(text: &str, message: &str) -> Option<usize> {
    let (_, written) = message.split_once(": ")?;
    let sign = |c: char| "+-*/<>=~!@#%^&|`?".contains(c);
    let symbol = written.split(' ').find(|part| !part.is_empty() && part.chars().all(sign))?;
    let alone = |at: &usize| !text[..*at].ends_with(sign) && !text[at + symbol.len()..].starts_with(sign);
    let words: &[&str] = match symbol {
        "=" => &["in", "nullif", "between"],
        "~~" | "!~~" => &["like"],
        "~~*" | "!~~*" => &["ilike"],
        _ => &[],
    };
    let tokens = parser::tokens_with_places(text);
    let assigning = assigning(&tokens);
    let spelt = (0..tokens.len()).filter_map(|at| match &tokens[at].1 {
        Token::Word(word) if words.iter().any(|spelt| word.value.eq_ignore_ascii_case(spelt)) => {
            Some(from_not(&tokens, at))
        }
        _ => None,
    });
    let mut places: Vec<usize> = text.match_indices(symbol).map(|(at, _)| at).filter(alone).chain(spelt).collect();
    places.retain(|at| !assigning.contains(at));
    places.sort_unstable();
    let sides = written.split_once(&format!(" {symbol} "));
    if let Some((left, right)) = sides.filter(|_| places.len() > 1) {
        let ahead = |at: usize| tokens.iter().find(|(place, _)| *place > at).map(|(_, token)| token);
        let last = |at: usize| tokens.iter().rev().find(|(place, _)| *place < at).map(|(_, token)| token);
        let fits = |at: &usize| may_be(last(*at), left) && may_be(ahead(*at), right);
        let fitting: Vec<usize> = places.iter().copied().filter(fits).collect();
        // Where a literal is of a type its place tells more than that of another operator.
        if !fitting.is_empty() {
            places = fitting;
        }
    }
    if places.is_empty() {
        places = in_words(&tokens, symbol);
    }
    let behind = |at: usize| tokens.iter().rev().skip_while(move |(place, _)| *place >= at).map(|(_, token)| token);
    if symbol == "->" {
        // What the same operator has taken out of a document is one again.
        places.retain(|at| behind(*at).nth(1) != Some(&Token::Arrow));
    }
    match places.as_slice() {
        [at] => Some(*at),
        // Of several between the same column and literals the first is the one.
        [first, others @ ..] if written.ends_with(" unknown") => {
            let ahead = |at: usize| tokens.iter().find(|(place, _)| *place > at).map(|(_, token)| token);
            let column = |at: usize| behind(at).next().filter(|token| matches!(token, Token::Word(_)));
            let left = column(*first)?;
            let alike = others.iter().all(|at| column(*at) == Some(left));
            let literal = |at: &usize| matches!(ahead(*at), Some(Token::SingleQuotedString(_)));
            (alike && places.iter().all(literal)).then_some(*first)
        }
        _ => None,
    }
}

/// Whether an operand that is a token may be of a type; a literal has one of few.
fn may_be(token: Option<&Token>, name: &str) -> bool {
    match token {
        Some(Token::SingleQuotedString(_)) => name == "unknown",
        Some(Token::Number(number, _)) => match number.contains(['.', 'e', 'E']) {
            true => name == "numeric",
            false => matches!(name, "integer" | "bigint" | "numeric"),
        },
        Some(Token::Word(word)) if matches!(word.keyword, Keyword::TRUE | Keyword::FALSE) => name == "boolean",
        _ => true,
    }
}

/// The signs of what SET assigns, which are no operators.
fn assigning(tokens: &[(usize, Token)]) -> Vec<usize> {
    let (mut depth, mut sets, mut signs) = (0, None, Vec::new());
    for (at, (place, token)) in tokens.iter().enumerate() {
        match token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth -= 1,
            Token::Eq if sets == Some(depth) && is_assigned(&tokens[..at]) => signs.push(*place),
            token => match keyword(token) {
                Keyword::SET => sets = Some(depth),
                Keyword::FROM | Keyword::WHERE | Keyword::RETURNING | Keyword::WHEN if sets == Some(depth) => {
                    sets = None;
                }
                _ => {}
            },
        }
    }
    signs
}

/// Whether these tokens end with a name, or a list of names, behind SET or a comma.
fn is_assigned(before: &[(usize, Token)]) -> bool {
    let mut within = 0;
    for (_, token) in before.iter().rev() {
        match token {
            Token::RParen | Token::RBracket => within += 1,
            Token::LParen | Token::LBracket => within -= 1,
            _ if within > 0 => {}
            Token::Comma => return true,
            Token::Period => {}
            Token::Word(word) if word.keyword == Keyword::SET => return true,
            Token::Word(_) => {}
            _ => return false,
        }
    }
    false
}

fn keyword(token: &Token) -> Keyword {
    match token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// The words in which an operator is written that has no sign there.
fn in_words(tokens: &[(usize, Token)], symbol: &str) -> Vec<usize> {
    let is = |at: usize, wanted: &str| match tokens.get(at) {
        Some((_, Token::Word(word))) => word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    let meant = |at: &usize| match symbol {
        ">=" | "<=" | "<" | ">" => is(*at, "between"),
        "~" | "!~" => is(*at, "similar"),
        "%" => is(*at, "mod"),
        "=" => {
            let distinct =
                matches!(&tokens[*at].1, Token::CustomBinaryOperator(name) if name.ends_with("distinct from"));
            // The first WHEN of a CASE that has an operand; of others WHEN follows CASE at once.
            let when = is(*at, "when") && *at > 1 && !is(at - 1, "case") && (0..at - 1).any(|case| is(case, "case"));
            distinct || when
        }
        _ => false,
    };
    (0..tokens.len()).filter(meant).map(|at| from_not(tokens, at)).collect()
}

/// Where a word stands; NOT before it belongs to it.
fn from_not(tokens: &[(usize, Token)], at: usize) -> usize {
    let before = at.checked_sub(1).filter(|before| keyword(&tokens[*before].1) == Keyword::NOT);
    tokens[before.unwrap_or(at)].0
}
