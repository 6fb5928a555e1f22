//! Grammar of cursors: DECLARE, FETCH, MOVE, CLOSE.

use super::words::Words;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// A statement about cursors.
#[derive(Debug, Clone)]
pub enum Cursor {
    /// `DECLARE`
    Declare(Box<Declare>),
    /// `FETCH`
    Fetch(String, Direction),
    /// `MOVE`
    Move(String, Direction),
    /// `CLOSE`; none means ALL
    Close(Option<String>),
}

/// `DECLARE name [BINARY] [INSENSITIVE | ASENSITIVE] [[NO] SCROLL] CURSOR [{WITH | WITHOUT} HOLD] FOR query`
#[derive(Debug, Clone)]
pub struct Declare {
    /// Its name.
    pub name: String,
    /// Its rows go in the binary form.
    pub binary: bool,
    /// INSENSITIVE was said, which every cursor is here.
    pub insensitive: bool,
    /// SCROLL or NO SCROLL.
    pub scroll: Option<bool>,
    /// WITH HOLD.
    pub hold: bool,
    /// Its query.
    pub query: ast::Query,
}

/// Where FETCH and MOVE go, as PostgreSQL has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// So many rows on; ALL is as many as there are.
    Forward(i64),
    /// So many rows back.
    Backward(i64),
    /// To the row of this number, from the end if it is negative.
    Absolute(i64),
    /// To the row that is so far from this one.
    Relative(i64),
}

/// The count that ALL is.
pub const ALL: i64 = i64::MAX;

/// Reads a statement about cursors, or nothing if it is none.
pub fn parse(words: &mut Words) -> Result<Option<Cursor>> {
    Ok(match words.peek(0).as_deref() {
        Some("DECLARE") => Some(declare(words)?),
        Some("FETCH") => {
            words.parser.next_token();
            let (direction, name) = direction(words)?;
            Some(Cursor::Fetch(name, direction))
        }
        Some("MOVE") => {
            words.parser.next_token();
            let (direction, name) = direction(words)?;
            Some(Cursor::Move(name, direction))
        }
        Some("CLOSE") => {
            words.parser.next_token();
            let all = words.take(&["ALL"]);
            Some(Cursor::Close(if all { None } else { Some(words.name()?) }))
        }
        _ => None,
    })
}

fn declare(words: &mut Words) -> Result<Cursor> {
    words.expect(&["DECLARE"])?;
    let name = words.name()?;
    let (mut binary, mut insensitive, mut asensitive) = (false, false, false);
    let (mut scroll, mut no_scroll) = (false, false);
    loop {
        match () {
            () if words.take(&["BINARY"]) => binary = true,
            () if words.take(&["INSENSITIVE"]) => insensitive = true,
            () if words.take(&["ASENSITIVE"]) => asensitive = true,
            () if words.take(&["NO", "SCROLL"]) => no_scroll = true,
            () if words.take(&["SCROLL"]) => scroll = true,
            () => break,
        }
    }
    words.expect(&["CURSOR"])?;
    let hold = words.take(&["WITH", "HOLD"]);
    if !hold {
        words.take(&["WITHOUT", "HOLD"]);
    }
    words.expect(&["FOR"])?;
    let mut query = words.parser.parse_query().map_err(Error::from)?;
    super::read_back(&mut query)?;
    let both = |what: &str| Err(Error::new(Kind::InvalidCursor, format!("cannot specify both {what}")));
    if scroll && no_scroll {
        return both("SCROLL and NO SCROLL");
    }
    if insensitive && asensitive {
        return both("INSENSITIVE and ASENSITIVE");
    }
    let scroll = (scroll || no_scroll).then_some(scroll);
    Ok(Cursor::Declare(Box::new(Declare { name, binary, insensitive, scroll, hold, query: *query })))
}

/// Where to, and the cursor's name.
fn direction(words: &mut Words) -> Result<(Direction, String)> {
    // A word that stands alone is a name, whatever it says.
    let alone = matches!(words.parser.peek_nth_token(1).token, Token::EOF);
    let direction = match words.peek(0).filter(|_| !alone).as_deref() {
        Some("NEXT") => just(words, Direction::Forward(1)),
        Some("PRIOR") => just(words, Direction::Backward(1)),
        Some("FIRST") => just(words, Direction::Absolute(1)),
        Some("LAST") => just(words, Direction::Absolute(-1)),
        Some("ALL") => just(words, Direction::Forward(ALL)),
        Some("ABSOLUTE") => {
            words.parser.next_token();
            Direction::Absolute(count(words)?.ok_or_else(|| words.unexpected("a number"))?)
        }
        Some("RELATIVE") => {
            words.parser.next_token();
            Direction::Relative(count(words)?.ok_or_else(|| words.unexpected("a number"))?)
        }
        Some("FORWARD") => {
            words.parser.next_token();
            Direction::Forward(rows(words)?)
        }
        Some("BACKWARD") => {
            words.parser.next_token();
            Direction::Backward(rows(words)?)
        }
        _ => Direction::Forward(count(words)?.unwrap_or(1)),
    };
    let _ = words.take(&["FROM"]) || words.take(&["IN"]);
    Ok((direction, words.name()?))
}

fn just(words: &mut Words, direction: Direction) -> Direction {
    words.parser.next_token();
    direction
}

/// `n`, `ALL`, or nothing, which is one.
fn rows(words: &mut Words) -> Result<i64> {
    match words.take(&["ALL"]) {
        true => Ok(ALL),
        false => Ok(count(words)?.unwrap_or(1)),
    }
}

/// A whole number with or without its sign, if one comes next.
fn count(words: &mut Words) -> Result<Option<i64>> {
    let negative = words.token(&Token::Minus);
    let signed = negative || words.token(&Token::Plus);
    match words.parser.peek_token().token {
        Token::Number(number, _) => match number.parse::<i32>() {
            Ok(number) => {
                words.parser.next_token();
                Ok(Some(if negative { -i64::from(number) } else { i64::from(number) }))
            }
            Err(_) => Err(words.unexpected("a number")),
        },
        _ if signed => Err(words.unexpected("a number")),
        _ => Ok(None),
    }
}

/// Refuses UPDATE and DELETE of a cursor's row in words that say what is missing.
pub fn refuse_current_of(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut said = tokens.iter().filter_map(|token| match &token.token {
        Token::Whitespace(_) => None,
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
        _ => Some(String::new()),
    });
    if !matches!(said.next().as_deref(), Some("UPDATE" | "DELETE")) {
        return Ok(());
    }
    let said: Vec<String> = said.collect();
    match said.windows(3).any(|three| three == ["WHERE", "CURRENT", "OF"]) {
        true => {
            Err(Error::new(Kind::Unsupported, "WHERE CURRENT OF is not supported")
                .with_hint("Name the row by its key."))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Own, parse};
    use super::*;

    fn read(sql: &str) -> Cursor {
        match parse(sql).unwrap().remove(0).body {
            Body::Own(own) => match *own {
                Own::Cursor(cursor) => cursor,
                other => panic!("{other:?}"),
            },
            Body::Sql(sql) => panic!("{sql}"),
        }
    }

    #[test]
    fn directions_are_read_in_all_their_forms() {
        use Direction::{Absolute, Backward, Forward, Relative};
        for (said, meant) in [
            ("c", Forward(1)),
            ("FROM c", Forward(1)),
            ("NEXT c", Forward(1)),
            ("PRIOR FROM c", Backward(1)),
            ("FIRST IN c", Absolute(1)),
            ("LAST c", Absolute(-1)),
            ("ABSOLUTE -3 FROM c", Absolute(-3)),
            ("RELATIVE +2 c", Relative(2)),
            ("0 c", Forward(0)),
            ("-5 IN c", Forward(-5)),
            ("ALL c", Forward(ALL)),
            ("FORWARD c", Forward(1)),
            ("FORWARD 10 FROM c", Forward(10)),
            ("forward all in c", Forward(ALL)),
            ("BACKWARD -1 c", Backward(-1)),
            ("BACKWARD ALL c", Backward(ALL)),
        ] {
            for verb in ["FETCH", "move"] {
                match read(&format!("{verb} {said}")) {
                    Cursor::Fetch(name, direction) | Cursor::Move(name, direction) => {
                        assert_eq!((name.as_str(), direction), ("c", meant), "{verb} {said}");
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(matches!(read("FETCH next"), Cursor::Fetch(name, Forward(1)) if name == "next"));
        for wrong in ["FETCH", "FETCH ABSOLUTE c", "FETCH 3000000000 c", "FETCH - c", "FETCH 1 c d"] {
            assert_eq!(parse(wrong).unwrap_err().kind(), Kind::Syntax, "{wrong}");
        }
    }

    #[test]
    fn declarations_say_what_a_cursor_is() {
        let Cursor::Declare(declared) =
            read("DECLARE \"C\" BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR SELECT n FROM t FOR UPDATE")
        else {
            panic!("no declaration");
        };
        assert_eq!((declared.name.as_str(), declared.binary, declared.insensitive), ("C", true, true));
        assert_eq!((declared.scroll, declared.hold), (Some(false), true));
        assert!(!declared.query.locks.is_empty());
        let both = parse("DECLARE c SCROLL NO SCROLL CURSOR FOR SELECT 1").unwrap_err();
        assert_eq!(both.kind(), Kind::InvalidCursor);
        assert_eq!(parse("UPDATE t SET a = 1 WHERE CURRENT OF c").unwrap_err().kind(), Kind::Unsupported);
        assert!(matches!(read("CLOSE ALL"), Cursor::Close(None)));
    }
}
