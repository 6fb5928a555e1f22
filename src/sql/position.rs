//! Where in a statement an error is, as PostgreSQL points at it.
//!
//! The engine's errors know names and values and no places. So the place is where the statement has the name that the error
//! speaks of, the literal that is no value of its type, or the operator that there is not.

mod assigned;
mod body;
mod casts;
mod construct;
mod operators;
mod outside;
mod wanted;
mod words;
mod written;

use super::parser::{self, Statement};
use super::rewrite::{NO_CONDITION, is_aggregate};
use crate::error::{Error, Kind};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};
use std::cmp::Reverse;

/// The error with its place, if that can be told.
pub fn position(error: Error, statement: &Statement) -> Error {
    let text = statement.text.as_str();
    let before = |at: usize| text.get(..at).map_or(0, |before| before.chars().count());
    let body = body::of_function(statement);
    if let Some(place) = error.position() {
        return match body {
            // It was found where the body was read.
            Some((start, _)) => error.at(statement.offset + before(start) + place),
            None => error,
        };
    }
    let error = outside::told(error, body.as_ref().map_or(text, |(_, body)| body.as_str()));
    if let Some((start, body)) = &body
        && let Some(at) = place(body, &error)
    {
        return said(error, body, at).at(statement.offset + before(start + at) + 1);
    }
    match place(text, &error) {
        Some(at) => said(error, text, at).at(statement.offset + before(at) + 1),
        None => error,
    }
}

/// The error in PostgreSQL's words where these depend on the place.
fn said(error: Error, text: &str, at: usize) -> Error {
    if error.message() == NO_CONDITION { syntax_error(text, at) } else { error }
}

/// The byte of a text at which that stands what an error is about.
fn place(text: &str, error: &Error) -> Option<usize> {
    let message = error.message();
    match error.kind() {
        Kind::UndefinedFunction | Kind::AmbiguousFunction if message.starts_with("operator ") => {
            operators::place(text, message)
        }
        Kind::AmbiguousFunction => named(text, Kind::UndefinedFunction, message),
        Kind::CannotCoerce if message.starts_with("cannot cast type ") => casts::place(text, message),
        Kind::UndefinedObject if message.starts_with("window ") => {
            words::place(text, message).or_else(|| named(text, error.kind(), message))
        }
        Kind::UndefinedColumn if message.ends_with(" named in key does not exist") => words::constraint(text, message),
        Kind::UndefinedParameter => placeholder(text, message),
        Kind::UndefinedColumn
        | Kind::UndefinedTable
        | Kind::UndefinedSchema
        | Kind::UndefinedFunction
        | Kind::UndefinedObject
        | Kind::AmbiguousColumn => named(text, error.kind(), message).or_else(|| literal(text, message)),
        Kind::InvalidText | Kind::InvalidDatetime | Kind::DatetimeOutOfRange | Kind::NumericOutOfRange => {
            literal(text, message)
        }
        Kind::Grouping => construct::place(text, error).or_else(|| named(text, error.kind(), message)),
        _ => construct::place(text, error).or_else(|| words::place(text, message)),
    }
}

/// An error about the words of a text that could not be read, with the place of the word if that can be told.
pub fn position_of_words(error: Error, sql: &str) -> Error {
    // Of several statements it may be about any.
    let several = sql.trim_end().trim_end_matches(';').contains(';');
    if error.position().is_some() || several {
        return error;
    }
    match words::place(sql, error.message()) {
        Some(at) => {
            let characters = sql.get(..at).map_or(0, |before| before.chars().count());
            error.at(characters + 1)
        }
        None => error,
    }
}

/// The error for a statement that goes on as none does.
fn syntax_error(text: &str, at: usize) -> Error {
    let tokens = parser::tokens_with_places(text);
    let message = match tokens.iter().position(|(place, _)| *place == at) {
        Some(token) => {
            let end = tokens.get(token + 1).map_or(text.len(), |(place, _)| *place);
            format!("syntax error at or near \"{}\"", text.get(at..end).unwrap_or_default().trim())
        }
        None => "syntax error at end of input".to_owned(),
    };
    Error::new(Kind::Syntax, message)
}

/// The name that a message has in quotes, or behind its first word, where the statement means it.
fn named(text: &str, kind: Kind, message: &str) -> Option<usize> {
    // A table that is missing in FROM is meant where a column is asked of it.
    let of_column = message.starts_with("missing FROM-clause entry");
    let name = message.split('"').nth(1).or_else(|| {
        let rest = message.strip_prefix("column ").or_else(|| message.strip_prefix("function "))?;
        rest.split(['(', ' ']).next()
    })?;
    let parts: Vec<&str> = name.split('.').filter(|part| !part.is_empty()).collect();
    let tokens = parser::tokens_with_places(text);
    if of_column {
        let asked =
            |at: &usize| matches!(tokens.get(at + 1), Some((_, Token::Period))) && is_name(&tokens[*at..], &parts);
        return (0..tokens.len()).find(asked).map(|at| tokens[at].0);
    }
    let tokens = &tokens[meant_from(&tokens, kind, message)..];
    let whole = best(tokens, &parts, kind).or_else(|| match kind {
        Kind::UndefinedFunction => spelt(tokens, parts.last()?),
        _ => None,
    });
    // What is said with its table may be written without it, and the other way round.
    whole.or_else(|| best(tokens, parts.get(parts.len().checked_sub(1)?..)?, kind))
}

/// The words or the sign that stand for a function.
fn spelt(tokens: &[(usize, Token)], name: &str) -> Option<usize> {
    let words: &[&str] = match name {
        "btrim" | "ltrim" | "rtrim" => &["trim"],
        "strpos" => &["position"],
        "extract" => &["date_part"],
        "date_part" => &["extract"],
        _ => &[],
    };
    let sign = match name {
        "abs" => Some(Token::AtSign),
        _ => None,
    };
    let is_meant = |token: &Token| match token {
        Token::Word(word) => words.iter().any(|spelt| word.value.eq_ignore_ascii_case(spelt)),
        other => sign.as_ref() == Some(other),
    };
    tokens.iter().find(|(_, token)| is_meant(token)).map(|(at, _)| *at)
}

/// The token behind which a column is meant that is not there: one of the target in what SET names, any other in what INSERT computes.
fn meant_from(tokens: &[(usize, Token)], kind: Kind, message: &str) -> usize {
    let keyword = |token: &Token| match token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    };
    let first = tokens.first().map(|(_, token)| keyword(token)).filter(|_| kind == Kind::UndefinedColumn);
    let from: &[Keyword] = match (first, message.contains("\" of relation \"")) {
        (Some(Keyword::UPDATE), true) => &[Keyword::SET],
        (Some(Keyword::INSERT), false) => &[Keyword::VALUES, Keyword::SELECT],
        _ => &[],
    };
    tokens.iter().position(|(_, token)| from.contains(&keyword(token))).unwrap_or(0)
}

/// The likeliest of the places that have this name, the first of several.
fn best(tokens: &[(usize, Token)], parts: &[&str], kind: Kind) -> Option<usize> {
    let places = (0..tokens.len()).filter(|at| is_name(&tokens[*at..], parts));
    let ranked = places.filter_map(|at| Some((rank(tokens, at, parts.len() * 2 - 1, kind)?, at)));
    // Of equal ones the first.
    let (_, at) = ranked.max_by_key(|(rank, at)| (*rank, Reverse(*at)))?;
    // A column is pointed at where its table begins.
    let before = |at: usize| at.checked_sub(1).map(|before| &tokens[before].1);
    let mut first = at;
    if is_conflict(tokens, at) {
        first -= 1;
    }
    while before(first) == Some(&Token::Period) && first >= 2 {
        first -= 2;
    }
    Some(tokens[first].0)
}

/// Whether a name is the first of what ON CONFLICT is about, which PostgreSQL points at by its parenthesis.
fn is_conflict(tokens: &[(usize, Token)], at: usize) -> bool {
    let behind = at.checked_sub(2).map(|first| &tokens[first..at]);
    matches!(behind, Some([(_, Token::Word(word)), (_, Token::LParen)]) if word.keyword == Keyword::CONFLICT)
}

/// Whether tokens begin with a name of these parts.
fn is_name(tokens: &[(usize, Token)], parts: &[&str]) -> bool {
    parts.iter().enumerate().all(|(n, part)| {
        let dotted = n == 0 || matches!(tokens.get(2 * n - 1), Some((_, Token::Period)));
        let same = |word: &Word| match word.quote_style {
            Some(_) => word.value == *part,
            None => word.value.eq_ignore_ascii_case(part),
        };
        dotted && matches!(tokens.get(2 * n), Some((_, Token::Word(word))) if same(word))
    })
}

/// How likely a place means what an error of this kind speaks of; none where it cannot.
fn rank(tokens: &[(usize, Token)], at: usize, length: usize, kind: Kind) -> Option<u8> {
    let before = at.checked_sub(1).map(|before| &tokens[before].1);
    let after = tokens.get(at + length).map(|(_, token)| token);
    let keyword = match before {
        Some(Token::Word(word)) => word.keyword,
        _ => Keyword::NoKeyword,
    };
    // The name of an output.
    if keyword == Keyword::AS && kind != Kind::UndefinedObject {
        return None;
    }
    let called = after == Some(&Token::LParen);
    match kind {
        // Neither what has its table's name before it nor what is assigned to.
        Kind::AmbiguousColumn if before == Some(&Token::Period) || keyword == Keyword::SET => None,
        // What is gathered need not be grouped.
        Kind::Grouping if is_gathered(tokens, at) => None,
        Kind::UndefinedFunction => called.then_some(1),
        Kind::UndefinedObject => Some(1),
        Kind::UndefinedTable => {
            let introduced =
                matches!(keyword, Keyword::FROM | Keyword::JOIN | Keyword::INTO | Keyword::UPDATE | Keyword::TABLE);
            Some(u8::from(introduced) + u8::from(introduced || before == Some(&Token::Comma)))
        }
        _ if called => None,
        _ => {
            // Behind an operand it names an output without AS.
            let operand = match before {
                Some(Token::Word(word)) => word.keyword == Keyword::NoKeyword,
                Some(Token::Number(..) | Token::SingleQuotedString(_) | Token::RParen | Token::RBracket) => true,
                _ => false,
            };
            Some(2 - u8::from(operand) - u8::from(after == Some(&Token::Period)))
        }
    }
}

/// Whether a place is among the arguments of an aggregate.
fn is_gathered(tokens: &[(usize, Token)], at: usize) -> bool {
    let mut within = 0;
    for n in (1..at).rev() {
        match &tokens[n].1 {
            Token::RParen => within += 1,
            Token::LParen if within > 0 => within -= 1,
            Token::LParen => {
                if let Token::Word(word) = &tokens[n - 1].1
                    && is_aggregate(&word.value.to_lowercase())
                {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// The literal that a message names: `invalid input syntax for type integer: "x"`. What is read of a part of a literal, such as
/// an element of an array, is told of the one that has it.
fn literal(text: &str, message: &str) -> Option<usize> {
    let value = match message.split_once(": \"") {
        Some((_, value)) => value.strip_suffix('"')?,
        None => message.split('"').nth(1)?,
    };
    let whole = format!("'{}'", value.replace('\'', "''"));
    text.find(&whole).or_else(|| {
        let has = |(_, token): &&(usize, Token)| {
            matches!(token, Token::SingleQuotedString(said) if !value.is_empty() && said.contains(value))
        };
        let tokens = parser::tokens_with_places(text);
        let mut places = tokens.iter().filter(has).map(|(at, _)| *at);
        let first = places.next();
        first.filter(|_| places.next().is_none())
    })
}

/// The parameter of `there is no parameter $1`.
fn placeholder(text: &str, message: &str) -> Option<usize> {
    let name = message.split(' ').find(|word| word.starts_with('$'))?;
    let tokens = parser::tokens_with_places(text);
    tokens.into_iter().find(|(_, token)| *token == Token::Placeholder(name.to_owned())).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::*;

    fn found(sql: &str, kind: Kind, message: &str) -> Option<usize> {
        position(Error::new(kind, message), &parse(sql).unwrap()[0]).position()
    }

    #[test]
    fn expressions_of_other_types_are_found() {
        let of = |sql: &str, message: &str| found(sql, Kind::DatatypeMismatch, message);
        let where_ = "argument of WHERE must be type boolean, not type integer";
        assert_eq!(of("SELECT * FROM t WHERE id", where_), Some(23));
        assert_eq!(of("SELECT 1;\n SELECT 2\n FROM t\n WHERE id", where_), None, "the first statement has none");
        let assigned = "column \"n\" is of type integer but expression is of type boolean";
        assert_eq!(of("INSERT INTO t (id, n) VALUES (3, true)", assigned), Some(34));
        assert_eq!(of("UPDATE t\nSET m = 1, n = s", assigned), Some(25));
        assert_eq!(of("SELECT NOT 1", "argument of NOT must be type boolean, not type integer"), Some(12));
        assert_eq!(
            of("SELECT 1 UNION SELECT now()", "UNION types integer and timestamp with time zone cannot be matched"),
            Some(23)
        );
        assert_eq!(
            of(
                "SELECT '值', coalesce(1, now())",
                "COALESCE types integer and timestamp with time zone cannot be matched"
            ),
            Some(25)
        );
        assert_eq!(
            of("SELECT coalesce(1, 2, now())", "COALESCE types integer and timestamp with time zone cannot be matched"),
            None
        );
    }

    #[test]
    fn what_is_wrong_in_a_body_is_found_there() {
        let make = "CREATE FUNCTION f(e int) RETURNS int LANGUAGE sql AS ";
        let column = "column \"e\" does not exist";
        let begins = make.len() + 1;
        assert_eq!(found(&format!("{make}'SELECT e'"), Kind::UndefinedColumn, column), Some(begins + 8));
        assert_eq!(found(&format!("{make}$b$SELECT e$b$"), Kind::UndefinedColumn, column), Some(begins + 10));
        let read = Error::new(Kind::Syntax, "syntax error at or near \"selec\"").at(1);
        let statement = &parse(&format!("{make}'selec 1'")).unwrap()[0];
        assert_eq!(position(read, statement).position(), Some(begins + 1));
    }

    #[test]
    fn casts_and_words_are_found() {
        let cast = |sql: &str, message: &str| found(sql, Kind::CannotCoerce, message);
        let to_date = "cannot cast type integer to date";
        assert_eq!(cast("SELECT n::int::date, n::text FROM t", to_date), Some(14));
        assert_eq!(cast("SELECT '2020-01-01'::date, CAST(n AS date) FROM t", to_date), Some(28));
        assert_eq!(cast("SELECT lower(s::text)::int::numeric(5, 1)", "cannot cast type integer to numeric"), Some(27));
        let word = |sql: &str, message: &str| position_of_words(Error::new(Kind::Syntax, message), sql).position();
        assert_eq!(word("VACUUM (FULL, nosuch) t;", "unrecognized VACUUM option \"nosuch\""), Some(15));
        assert_eq!(word("SELECT 1; VACUUM (nosuch)", "unrecognized VACUUM option \"nosuch\""), None);
        assert_eq!(word("CREATE ROLE r LOGIN NOLOGIN", "conflicting or redundant options"), Some(21));
        let length = "length for type varchar must be at least 1";
        assert_eq!(word("CREATE TABLE t (a varchar(9), b varchar(0))", length), Some(33));
        let windows = "SELECT sum(n) OVER (w ORDER BY m) FROM t WINDOW w AS (ORDER BY n), w AS (ORDER BY m)";
        assert_eq!(word(windows, "window \"w\" is already defined"), Some(73));
        assert_eq!(word(windows, "cannot override ORDER BY clause of window \"w\""), Some(20));
    }

    #[test]
    fn names_literals_and_operators_are_found() {
        let column = "column \"nope\" does not exist";
        assert_eq!(found("SELECT '雪', nope", Kind::UndefinedColumn, column), Some(13));
        assert_eq!(found("SELECT nopes, 1", Kind::UndefinedColumn, column), None);
        // Neither within a literal nor as the name of an output.
        assert_eq!(found("SELECT 'nope', nope FROM t", Kind::UndefinedColumn, column), Some(16));
        assert_eq!(found("SELECT 1 AS nope, 2 nope FROM t WHERE nope = 1", Kind::UndefinedColumn, column), Some(39));
        let of_table = "column t.nope does not exist";
        assert_eq!(found("SELECT 1, t.nope FROM t", Kind::UndefinedColumn, of_table), Some(11));
        let table = "relation \"nope\" does not exist";
        assert_eq!(found("SELECT nope AS nope FROM nope", Kind::UndefinedTable, table), Some(26));
        assert_eq!(found("SELECT * FROM a, nope", Kind::UndefinedTable, table), Some(18));
        let function = "function nope(integer) does not exist";
        assert_eq!(found("SELECT 'nope(1)', nope, nope(1)", Kind::UndefinedFunction, function), Some(25));
        let grouped = "column \"t.word\" must appear in the GROUP BY clause or be used in an aggregate function";
        assert_eq!(found("SELECT word, count(*) FROM t", Kind::Grouping, grouped), Some(8));
        let value = "invalid input syntax for type integer: \"it's\"";
        assert_eq!(found("SELECT 'it''s'::int", Kind::InvalidText, value), Some(8));
        let taken = "operator does not exist: text -> unknown";
        assert_eq!(found("SELECT b -> 'a', b -> 'c' FROM t", Kind::UndefinedFunction, taken), Some(10));
        assert_eq!(found("SELECT b -> 'a' -> 'c' FROM t", Kind::UndefinedFunction, taken), Some(10));
        assert_eq!(found("SELECT j -> 'a', b -> 'c' FROM t", Kind::UndefinedFunction, taken), None);
        let sum = "operator does not exist: integer + boolean";
        assert_eq!(found("SELECT id + true FROM t", Kind::UndefinedFunction, sum), Some(11));
        assert_eq!(found("SELECT 1 + 2, id + true FROM t", Kind::UndefinedFunction, sum), Some(18));
        assert_eq!(found("SELECT id + n, id + true FROM t", Kind::UndefinedFunction, sum), None);
        let equal = "operator does not exist: text = integer";
        assert_eq!(found("UPDATE t SET a = 1, b = 'x' WHERE b = 1", Kind::UndefinedFunction, equal), Some(37));
        assert_eq!(found("SELECT b IS NOT DISTINCT FROM 1 FROM t", Kind::UndefinedFunction, equal), Some(10));
        let trimmed = "function btrim(integer) does not exist";
        assert_eq!(found("SELECT trim(1)", Kind::UndefinedFunction, trimmed), Some(8));
    }
}
