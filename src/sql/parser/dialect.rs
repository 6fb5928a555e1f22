//! PostgreSQL's words, as PostgreSQL parts them ([`keywords`]): which may name a column or a relation where no AS stands before them, and
//! which begin no expression.
//!
//! sqlparser has one list for all databases. By it `SELECT 1 view` is an error, and `SELECT a, FROM t` reads a column "from".
//!
//! Where it has tried one form and then another, its error is about the last. PostgreSQL points at the first word with which no form goes
//! on: that is at the furthest place where an operand was expected or read, or behind it.

use super::super::keywords::{self, Class};
use super::grammar::here;
use crate::error::{Error, Kind};
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token};
use std::any::TypeId;
use std::sync::atomic::{AtomicU64, Ordering};

/// What sqlparser knows of PostgreSQL.
const BELOW: PostgreSqlDialect = PostgreSqlDialect {};

/// For texts of which nobody asks how far they could be read.
pub static POSTGRES: Postgres = Postgres { furthest: AtomicU64::new(0) };
/// The end of a text, as a place in it.
const END: u64 = u64::MAX;
const AT_END: &str = "syntax error at end of input";

/// sqlparser's dialect of PostgreSQL with PostgreSQL's words.
#[derive(Debug, Default)]
pub struct Postgres {
    /// The furthest place up to which a text could be read; 0 where nothing is known.
    furthest: AtomicU64,
}

impl Postgres {
    /// All before the next token could be read.
    fn note(&self, parser: &Parser) {
        let next = parser.peek_token_ref();
        let place = if next.token == Token::EOF { END } else { place(next.span.start.line, next.span.start.column) };
        self.furthest.fetch_max(place, Ordering::Relaxed);
    }

    /// The error of a text that was read by this, at the place that PostgreSQL means; that is still to be located.
    pub fn furthest(&self, error: Error) -> Error {
        let furthest = self.furthest.load(Ordering::Relaxed);
        if furthest == 0 || error.kind() != Kind::Syntax || error.message() == AT_END {
            return error;
        }
        let at = error.detail().and_then(|detail| detail.rfind(" at Line: ").map(|at| &detail[at..]));
        let mut numbers = at.unwrap_or_default().split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
        let told = numbers.next().zip(numbers.next()).map_or(0, |(line, column)| place(line, column));
        match furthest {
            _ if told >= furthest => error,
            END => Error::new(Kind::Syntax, AT_END),
            furthest => {
                let at = Location::new(furthest >> 32, furthest & u64::from(u32::MAX));
                here("", Span::new(at, at), 0)
            }
        }
    }
}

/// A line and a column as one number.
fn place(line: u64, column: u64) -> u64 {
    (line << 32) | column
}

/// Answers that are those of the dialect below.
macro_rules! as_below {
    ($($name:ident),* $(,)?) => { $(fn $name(&self) -> bool { BELOW.$name() })* };
}

impl Dialect for Postgres {
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        BELOW.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        BELOW.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        BELOW.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        BELOW.is_identifier_part(ch)
    }

    fn is_custom_operator_part(&self, ch: char) -> bool {
        BELOW.is_custom_operator_part(ch)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        self.note(parser);
        BELOW.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        BELOW.prec_value(precedence)
    }

    fn is_reserved_for_identifier(&self, word: Keyword) -> bool {
        BELOW.is_reserved_for_identifier(word) || is_reserved(word)
    }

    fn is_column_alias(&self, word: &Keyword, _: &mut Parser) -> bool {
        !needs_as(*word)
    }

    fn is_table_alias(&self, word: &Keyword, parser: &mut Parser) -> bool {
        match word {
            // `UPDATE t SET a = 1`.
            Keyword::SET => match &parser.peek_token_ref().token {
                Token::Word(next) => next.quote_style.is_none() && (is_reserved(next.keyword) || joins(next.keyword)),
                Token::LParen => false,
                _ => true,
            },
            _ => !is_reserved(*word) && !joins(*word),
        }
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        self.note(parser);
        match &parser.peek_token_ref().token {
            Token::Word(word) if begins_nothing(word.keyword) => {
                Some(parser.expected("an expression", parser.peek_token()))
            }
            _ => None,
        }
    }

    // `SELECT * name` is MySQL's.
    fn supports_select_wildcard_with_alias(&self) -> bool {
        false
    }

    as_below!(
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_alter_column_type_using,
        supports_array_typedef_with_brackets,
        supports_bitwise_shift_operators,
        supports_comma_separated_trim,
        supports_comment_on,
        supports_comment_optimizer_hint,
        supports_create_index_with_clause,
        supports_create_table_like_parenthesized,
        supports_empty_projections,
        supports_explain_with_utility_options,
        supports_factorial_operator,
        supports_filter_during_aggregation,
        supports_geometric_types,
        supports_group_by_expr,
        supports_insert_table_alias,
        supports_interval_options,
        supports_listen_notify,
        supports_load_extension,
        supports_named_fn_args_with_colon_operator,
        supports_named_fn_args_with_expr_name,
        supports_nested_comments,
        supports_notnull_operator,
        supports_numeric_literal_underscores,
        supports_set_names,
        supports_string_escape_constant,
        supports_unicode_string_literal,
        supports_xml_expressions,
    );
}

/// Words that are no names.
fn is_reserved(word: Keyword) -> bool {
    keywords::of(word).is_some_and(|facts| facts.class == Class::Reserved)
}

/// Those of them that no expression begins with, here or in a setting.
fn begins_nothing(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::AND
            | Keyword::AS
            | Keyword::ASC
            | Keyword::CHECK
            | Keyword::COLLATE
            | Keyword::COLUMN
            | Keyword::CONSTRAINT
            | Keyword::CREATE
            | Keyword::DEFERRABLE
            | Keyword::DESC
            | Keyword::DO
            | Keyword::ELSE
            | Keyword::END
            | Keyword::EXCEPT
            | Keyword::FETCH
            | Keyword::FOR
            | Keyword::FOREIGN
            | Keyword::FROM
            | Keyword::GRANT
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::IN
            | Keyword::INITIALLY
            | Keyword::INTERSECT
            | Keyword::INTO
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::OR
            | Keyword::ORDER
            | Keyword::PLACING
            | Keyword::PRIMARY
            | Keyword::REFERENCES
            | Keyword::RETURNING
            | Keyword::THEN
            | Keyword::TO
            | Keyword::UNION
            | Keyword::UNIQUE
            | Keyword::USING
            | Keyword::WHEN
            | Keyword::WHERE
            | Keyword::WINDOW
            | Keyword::WITH
    )
}

/// Words that name functions and types at most: those of joins, and of operators.
fn joins(word: Keyword) -> bool {
    keywords::of(word).is_some_and(|facts| facts.class == Class::Type)
}

/// Words that name a column behind AS alone.
fn needs_as(word: Keyword) -> bool {
    keywords::of(word).is_some_and(|facts| facts.needs_as)
}

#[cfg(test)]
mod tests {
    use super::super::{parse, read};

    #[test]
    fn words_that_postgresql_does_not_reserve_are_names() {
        for word in ["view", "cluster", "partition", "format", "start", "connect", "open", "explain", "set", "global"] {
            assert_eq!(read(&format!("SELECT 1 {word}")), format!("SELECT 1 AS {word}"));
            for rest in ["", ", u", " WHERE true", " JOIN u ON true"] {
                assert!(parse(&format!("SELECT 1 FROM t {word}{rest}")).is_ok(), "{word}{rest}");
            }
        }
        assert!(parse("SELECT 1 end, 2 values, CASE WHEN true THEN 1 END end").is_ok());
        assert!(parse("UPDATE t SET a = 1").is_ok());
        assert!(parse("SELECT 1 FOR UPDATE").is_ok());
        assert!(parse("SELECT interval '1' day, interval '1' year AS year, a::double precision FROM t").is_ok());
        assert!(parse("SET client_min_messages TO DEFAULT; EXPLAIN (ANALYZE on, COSTS off) SELECT 1").is_ok());
    }

    #[test]
    fn words_that_it_reserves_are_none() {
        for (sql, place) in [
            ("SELECT *, FROM t", 11),
            ("SELECT a, FROM t", 11),
            ("SELECT not FROM t", 12),
            ("SELECT array[1, 2 FROM t", 19),
            ("SELECT CASE WHEN 1 END", 20),
            ("SELECT CASE WHEN true THEN 1 ELSE END", 35),
            ("SELECT 1 year", 10),
            ("SELECT 1 over", 10),
            ("SELECT 1 FROM t WHERE a = WHERE", 27),
            ("SELECT 1 FROM t user", 17),
            ("SELECT CASE WHEN a > THEN 1 END", 22),
            ("SELECT * FROM (VALUES (1, 2), (3, FROM t", 35),
        ] {
            let error = parse(sql).unwrap_err();
            assert_eq!(error.position(), Some(place), "{sql}: {error}");
        }
    }
}
