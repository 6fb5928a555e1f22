//! PostgreSQL's words, as PostgreSQL parts them: which may name a column or a relation where no AS stands before them, and which
//! begin no expression (`pg_get_keywords()`).
//!
//! sqlparser has one list for all databases. By it `SELECT 1 view` is an error, and `SELECT a, FROM t` reads a column "from".

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use std::any::TypeId;

/// What sqlparser knows of PostgreSQL.
const BELOW: PostgreSqlDialect = PostgreSqlDialect {};

/// sqlparser's dialect of PostgreSQL with PostgreSQL's words.
#[derive(Debug)]
pub struct Postgres;

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

/// Words that are no names (catcode R).
fn is_reserved(word: Keyword) -> bool {
    begins_nothing(word)
        || matches!(
            word,
            Keyword::ALL
                | Keyword::ANALYZE
                | Keyword::ANY
                | Keyword::ARRAY
                | Keyword::ASYMMETRIC
                | Keyword::BOTH
                | Keyword::CASE
                | Keyword::CAST
                | Keyword::CURRENT_CATALOG
                | Keyword::CURRENT_DATE
                | Keyword::CURRENT_ROLE
                | Keyword::CURRENT_TIME
                | Keyword::CURRENT_TIMESTAMP
                | Keyword::CURRENT_USER
                | Keyword::DEFAULT
                | Keyword::DISTINCT
                | Keyword::FALSE
                | Keyword::LATERAL
                | Keyword::LEADING
                | Keyword::LOCALTIME
                | Keyword::LOCALTIMESTAMP
                | Keyword::NOT
                | Keyword::NULL
                | Keyword::ON
                | Keyword::ONLY
                | Keyword::SELECT
                | Keyword::SESSION_USER
                | Keyword::SOME
                | Keyword::SYMMETRIC
                | Keyword::TABLE
                | Keyword::TRAILING
                | Keyword::TRUE
                | Keyword::USER
                | Keyword::VARIADIC
        )
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

/// Words that name functions and types at most (catcode T): those of joins, and of operators.
fn joins(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::AUTHORIZATION
            | Keyword::BINARY
            | Keyword::COLLATION
            | Keyword::CONCURRENTLY
            | Keyword::CROSS
            | Keyword::CURRENT_SCHEMA
            | Keyword::FREEZE
            | Keyword::FULL
            | Keyword::ILIKE
            | Keyword::INNER
            | Keyword::IS
            | Keyword::JOIN
            | Keyword::LEFT
            | Keyword::LIKE
            | Keyword::NATURAL
            | Keyword::NOTNULL
            | Keyword::OUTER
            | Keyword::OVERLAPS
            | Keyword::RIGHT
            | Keyword::SIMILAR
            | Keyword::TABLESAMPLE
            | Keyword::VERBOSE
    )
}

/// Words that name a column behind AS alone (not barelabel).
fn needs_as(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::ARRAY
            | Keyword::AS
            | Keyword::CHAR
            | Keyword::CHARACTER
            | Keyword::CREATE
            | Keyword::DAY
            | Keyword::EXCEPT
            | Keyword::FETCH
            | Keyword::FILTER
            | Keyword::FOR
            | Keyword::FROM
            | Keyword::GRANT
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::HOUR
            | Keyword::INTERSECT
            | Keyword::INTO
            | Keyword::LIMIT
            | Keyword::MINUTE
            | Keyword::MONTH
            | Keyword::NOTNULL
            | Keyword::OFFSET
            | Keyword::ON
            | Keyword::ORDER
            | Keyword::OVER
            | Keyword::OVERLAPS
            | Keyword::PRECISION
            | Keyword::RETURNING
            | Keyword::SECOND
            | Keyword::TO
            | Keyword::UNION
            | Keyword::VARYING
            | Keyword::WHERE
            | Keyword::WINDOW
            | Keyword::WITH
            | Keyword::WITHIN
            | Keyword::WITHOUT
            | Keyword::YEAR
    )
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
        ] {
            let error = parse(sql).unwrap_err();
            assert_eq!(error.position(), Some(place), "{sql}: {error}");
        }
    }
}
