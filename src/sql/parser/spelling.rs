//! What PostgreSQL writes in definitions and INSERT that sqlparser does not read, taken out among the tokens and kept beside.
//!
//! * `AS IDENTITY (START WITH 10 INCREMENT BY 5)`: options in any order.
//! * `INSERT INTO t OVERRIDING SYSTEM VALUE ...`: kept in the statement as a setting of that name ([`overriding`]).
//! * `CREATE TABLE t (LIKE other INCLUDING ALL, more int)`.

use super::created::{self, Taken};
use super::own::Relation;
use super::sequence::{self, SequenceOption};
use super::words::Words;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{self, Expr, Setting};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// What was taken out of a statement.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The options of each identity column, in the order in which they stand there.
    pub identities: Vec<Vec<SequenceOption>>,
    /// The tables of LIKE.
    pub likes: Vec<Like>,
    /// What CREATE TABLE says besides.
    pub created: Taken,
    overriding: Option<&'static str>,
}

/// `LIKE table [INCLUDING ...]` among the columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Like {
    /// The other table.
    pub table: Relation,
    /// What is taken over, in PostgreSQL's words and lower case.
    pub including: Vec<&'static str>,
    /// So many elements of the table's definition stand before it.
    pub before: usize,
}

const PARTS: [&str; 9] =
    ["comments", "compression", "constraints", "defaults", "generated", "identity", "indexes", "statistics", "storage"];

/// Who has the last word on the numbers of identity columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overriding {
    /// `SYSTEM VALUE`: the statement.
    System,
    /// `USER VALUE`: the column.
    User,
}

const OVERRIDING: &str = "overriding";

/// What an INSERT says of it.
pub fn overriding(insert: &ast::Insert) -> Option<Overriding> {
    let settings = insert.settings.iter().flatten();
    let mut said = settings.filter(|setting| setting.key.value == OVERRIDING).map(|setting| setting.value.to_string());
    said.next_back().map(|value| if value == "system" { Overriding::System } else { Overriding::User })
}

/// Takes it out of the tokens of a statement.
pub fn take_out(mut tokens: Vec<TokenWithSpan>) -> Result<(Vec<TokenWithSpan>, Beside)> {
    let mut beside = Beside::default();
    let first = tokens.iter().find_map(|token| match &token.token {
        Token::Word(word) => Some(word.keyword),
        _ => None,
    });
    match first {
        Some(Keyword::CREATE | Keyword::ALTER) => {
            for (at, place) in sequence::identities(&tokens).into_iter().enumerate().rev() {
                let span = tokens[place.start - 1].span;
                // In their place stands their number.
                let marker = [Token::make_keyword("CACHE"), Token::Number(at.to_string(), false)];
                let marker = marker.into_iter().map(|token| TokenWithSpan { token, span });
                let options: Vec<TokenWithSpan> = tokens.splice(place, marker).collect();
                let dialect = PostgreSqlDialect {};
                let mut words = Words::new(Parser::new(&dialect).with_tokens_with_locations(options));
                beside.identities.insert(0, sequence::options(&mut words)?);
                words.end()?;
            }
            created::without_inherit(&mut tokens);
            likes(&mut tokens, &mut beside)?;
            beside.created = created::spell(&mut tokens)?;
        }
        Some(Keyword::ABORT) => {
            // Another word for it.
            let at = tokens.iter().position(|token| !is_blank(token));
            at.into_iter().for_each(|at| tokens[at].token = Token::make_keyword("ROLLBACK"));
        }
        Some(Keyword::RESET) => reset_zone(&mut tokens),
        Some(Keyword::INSERT) => overridden(&mut tokens, &mut beside),
        _ => {}
    }
    Ok((tokens, beside))
}

impl Beside {
    /// Whether nothing was taken out of a definition.
    pub fn is_empty(&self) -> bool {
        let created = &self.created;
        self.identities.is_empty()
            && self.likes.is_empty()
            && !created.unlogged
            && created.method.is_none()
            && created.tags.is_empty()
    }

    /// The options of an identity column whose place the parser was given instead.
    pub fn identity(&self, options: Option<&[ast::SequenceOptions]>) -> Vec<SequenceOption> {
        let number = options.into_iter().flatten().find_map(|option| match option {
            ast::SequenceOptions::Cache(number) => number.to_string().parse::<usize>().ok(),
            _ => None,
        });
        number.and_then(|number| self.identities.get(number).cloned()).unwrap_or_default()
    }
}

/// Puts back what a statement can carry.
pub fn put_back(statement: &mut ast::Statement, beside: &Beside) {
    match (statement, beside.overriding) {
        (ast::Statement::Insert(insert), Some(said)) => {
            let value = Expr::Identifier(ast::Ident::new(said));
            insert.settings = Some(vec![Setting { key: ast::Ident::new(OVERRIDING), value }]);
        }
        (ast::Statement::CreateTable(create), _) => create.columns.extend(beside.created.columns()),
        _ => {}
    }
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

fn is_word(token: &TokenWithSpan, wanted: &str) -> bool {
    match &token.token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    }
}

/// The places of the tokens that mean something.
fn meaningful(tokens: &[TokenWithSpan]) -> Vec<usize> {
    (0..tokens.len()).filter(|at| !is_blank(&tokens[*at])).collect()
}

/// `RESET TIME ZONE` is RESET of the setting; SET and SHOW of it are read as they are.
fn reset_zone(tokens: &mut Vec<TokenWithSpan>) {
    let places: Vec<usize> = (0..tokens.len()).filter(|at| !is_blank(&tokens[*at])).take(3).collect();
    let word = |at: usize| match &tokens[at].token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    };
    if let [_, time, zone] = places[..]
        && (word(time), word(zone)) == (Some(Keyword::TIME), Some(Keyword::ZONE))
    {
        tokens[time].token = Token::make_word("timezone", None);
        tokens.remove(zone);
    }
}

fn overridden(tokens: &mut Vec<TokenWithSpan>, beside: &mut Beside) {
    let places = meaningful(tokens);
    let found = places.windows(3).find_map(|window| {
        let [first, second, third] = window else { return None };
        let who = ["system", "user"].into_iter().find(|who| is_word(&tokens[*second], who))?;
        (is_word(&tokens[*first], "overriding") && is_word(&tokens[*third], "value")).then_some((*first..=*third, who))
    });
    if let Some((range, who)) = found {
        beside.overriding = Some(who);
        tokens.drain(range);
    }
}

/// Takes `LIKE ...` out of the list of columns.
fn likes(tokens: &mut Vec<TokenWithSpan>, beside: &mut Beside) -> Result<()> {
    let places = meaningful(tokens);
    let is_table = places.iter().take(4).any(|at| is_word(&tokens[*at], "table"));
    if !is_table || !is_word(&tokens[places[0]], "create") {
        return Ok(());
    }
    let Some(open) = tokens.iter().position(|token| token.token == Token::LParen) else { return Ok(()) };
    // Elements of the list: each between its commas.
    let (mut depth, mut elements, mut start) = (0, Vec::new(), open + 1);
    let mut close = None;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 1 => {
                elements.push(start..at);
                close = Some(at);
                break;
            }
            Token::RParen => depth -= 1,
            Token::Comma if depth == 1 => {
                elements.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    let Some(close) = close else { return Ok(()) };
    let is_like = |range: &std::ops::Range<usize>| {
        tokens[range.clone()].iter().find(|token| !is_blank(token)).is_some_and(|token| is_word(token, "like"))
    };
    if !elements.iter().any(is_like) {
        return Ok(());
    }
    let mut kept: Vec<TokenWithSpan> = Vec::new();
    let mut count = 0;
    for range in elements {
        let element = &tokens[range.clone()];
        if is_like(&range) {
            beside.likes.push(like(element.to_vec(), count)?);
            continue;
        }
        if count > 0 {
            kept.push(TokenWithSpan { token: Token::Comma, span: tokens[range.start - 1].span });
        }
        kept.extend_from_slice(element);
        count += 1;
    }
    tokens.splice(open + 1..close, kept);
    Ok(())
}

fn like(element: Vec<TokenWithSpan>, before: usize) -> Result<Like> {
    let dialect = PostgreSqlDialect {};
    let mut words = Words::new(Parser::new(&dialect).with_tokens_with_locations(element));
    words.expect(&["LIKE"])?;
    let table = words.relation()?;
    let mut including: Vec<&'static str> = Vec::new();
    loop {
        let with = words.take(&["INCLUDING"]);
        if !with && !words.take(&["EXCLUDING"]) {
            break;
        }
        let named = words.name()?;
        let parts: Vec<&'static str> = match named.as_str() {
            "all" => PARTS.to_vec(),
            name => PARTS.iter().copied().filter(|part| *part == name).collect(),
        };
        if parts.is_empty() {
            return Err(Error::new(Kind::Syntax, format!("syntax error at or near \"{named}\"")));
        }
        including.retain(|part| !parts.contains(part));
        if with {
            including.extend(parts);
        }
    }
    words.end()?;
    Ok(Like { table, including, before })
}

#[cfg(test)]
mod tests {
    use super::super::own::Own;
    use super::super::{Body, Define, parse};
    use super::*;

    fn table(sql: &str) -> (ast::CreateTable, Beside) {
        match parse(sql).unwrap().remove(0).body {
            Body::Own(own) => match *own {
                Own::Define(Define::CreateTable { create, beside }) => (*create, beside),
                other => panic!("{other:?}"),
            },
            Body::Sql(sql) => panic!("{sql}"),
        }
    }

    #[test]
    fn options_come_in_any_order() {
        let sql = "CREATE TABLE t (a int GENERATED BY DEFAULT AS IDENTITY, b int GENERATED ALWAYS AS IDENTITY
            (START WITH 10 INCREMENT BY -5), c int GENERATED ALWAYS AS IDENTITY (CYCLE))";
        let (create, beside) = table(sql);
        let of = |at: usize| match &create.columns[at].options[0].option {
            ast::ColumnOption::Generated { sequence_options, .. } => beside.identity(sequence_options.as_deref()),
            other => panic!("{other}"),
        };
        assert_eq!(of(0), []);
        assert_eq!(of(1), [SequenceOption::Start(10), SequenceOption::Increment(-5)]);
        assert_eq!(of(2), [SequenceOption::Cycle(true)]);
        assert!(parse("CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (START 1 START 2))").is_err());
    }

    #[test]
    fn overriding_is_kept() {
        let made = parse("INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1)").unwrap().remove(0);
        let Body::Sql(sql) = made.body else { panic!("own") };
        let ast::Statement::Insert(insert) = *sql else { panic!("no insert") };
        assert_eq!(overriding(&insert), Some(Overriding::System));
    }

    #[test]
    fn like_is_taken_out_of_the_columns() {
        let sql = "CREATE TABLE t (a int, LIKE app.u INCLUDING ALL EXCLUDING INDEXES, CHECK (a > 0))";
        let (create, beside) = table(sql);
        let like = &beside.likes[0];
        assert_eq!((like.table.clone(), like.before), ((Some("app".to_owned()), "u".to_owned()), 1));
        assert!(like.including.contains(&"defaults") && !like.including.contains(&"indexes"));
        assert_eq!((create.columns.len(), create.constraints.len()), (1, 1));
        assert_eq!(table("CREATE TABLE t (LIKE u)").1.likes.len(), 1);
    }
}
