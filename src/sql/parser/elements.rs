//! `CREATE SCHEMA s CREATE TABLE t (...) GRANT ...`: each of what a schema is to have is a statement of its own, and is read as one.

use super::define::Define;
use super::own::Own;
use super::tokens::{is_meant, keyword, keyword_at};
use super::{Body, one};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Reads a CREATE SCHEMA that has such elements, or nothing if it is none.
pub fn parse(tokens: &[TokenWithSpan], text: &str) -> Result<Option<Body>> {
    let starts = starts(tokens);
    let Some(first) = starts.first() else { return Ok(None) };
    let Body::Sql(schema) = one(tokens[..*first].to_vec(), text)? else { return Ok(None) };
    let Sql::CreateSchema { schema_name: name, if_not_exists, .. } = *schema else { return Ok(None) };
    if if_not_exists {
        let message = "CREATE SCHEMA IF NOT EXISTS cannot include schema elements";
        return Err(Error::new(Kind::Unsupported, message));
    }
    let ends = starts[1..].iter().copied().chain([tokens.len()]);
    let read = starts.iter().copied().zip(ends).map(|(start, end)| -> Result<(u8, Body)> {
        let element = one(tokens[start..end].to_vec(), text)?;
        let rank = rank(&element).ok_or_else(|| {
            Error::new(Kind::Syntax, "syntax error: a schema is made with tables, indexes, views, sequences and grants")
        })?;
        Ok((rank, element))
    });
    let mut elements = read.collect::<Result<Vec<_>>>()?;
    // What others may name comes before them.
    elements.sort_by_key(|(rank, _)| *rank);
    let elements = elements.into_iter().map(|(_, element)| element).collect();
    Ok(Some(Body::Own(Box::new(Own::Define(Define::CreateSchema { name, elements })))))
}

/// Where the elements of a CREATE SCHEMA begin.
fn starts(tokens: &[TokenWithSpan]) -> Vec<usize> {
    let mut words = tokens.iter().filter(|token| is_meant(&token.token)).map(keyword);
    if words.next().flatten() != Some(Keyword::CREATE) || words.next().flatten() != Some(Keyword::SCHEMA) {
        return Vec::new();
    }
    let meant: Vec<usize> = (0..tokens.len()).filter(|at| is_meant(&tokens[*at].token)).collect();
    let word = |at: usize| keyword_at(tokens, *meant.get(at)?);
    let mut depth = 0usize;
    let mut starts = Vec::new();
    // The third word is of the schema's name.
    for at in 3..meant.len() {
        let before = &tokens[meant[at - 1]].token;
        match (&tokens[meant[at]].token, word(at)) {
            (Token::LParen, _) => depth += 1,
            (Token::RParen, _) => depth = depth.saturating_sub(1),
            // CREATE is a right, too, and GRANT an option.
            (_, Some(Keyword::CREATE))
                if depth == 0 && word(at - 1) != Some(Keyword::GRANT) && *before != Token::Comma =>
            {
                starts.push(meant[at]);
            }
            (_, Some(Keyword::GRANT)) if depth == 0 && word(at - 1) != Some(Keyword::WITH) => starts.push(meant[at]),
            _ => {}
        }
    }
    starts
}

/// In which order such elements are made; none for what is none.
fn rank(element: &Body) -> Option<u8> {
    match element {
        Body::Sql(sql) => match sql.as_ref() {
            Sql::CreateTable(create) if create.query.is_none() => Some(1),
            Sql::CreateView(create) if !create.materialized => Some(2),
            Sql::CreateIndex(_) => Some(3),
            _ => None,
        },
        Body::Own(own) => match own.as_ref() {
            Own::Define(Define::CreateSequence { .. }) => Some(0),
            Own::Define(Define::CreateTable { create, .. }) if create.query.is_none() => Some(1),
            Own::Grant { how, .. } if !how.revoke => Some(4),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn elements(sql: &str) -> Vec<Body> {
        let Body::Own(own) = parse(sql).unwrap().remove(0).body else { panic!("{sql}") };
        let Own::Define(Define::CreateSchema { elements, .. }) = *own else { panic!("{sql}") };
        elements
    }

    #[test]
    fn a_schema_is_read_with_what_it_has() {
        let sql = "CREATE SCHEMA s AUTHORIZATION r
            CREATE VIEW v AS SELECT (SELECT 1) FROM t GRANT CREATE, USAGE ON SCHEMA s TO r
            CREATE TABLE t (a int DEFAULT (1), b text) GRANT SELECT ON t TO r WITH GRANT OPTION
            CREATE SEQUENCE q START 3";
        let ranks: Vec<_> = elements(sql).iter().map(rank).collect();
        assert_eq!(ranks, [0, 1, 2, 4, 4].map(Some));
        let plain = parse("CREATE SCHEMA s").unwrap().remove(0).body;
        assert!(matches!(plain, Body::Sql(sql) if matches!(*sql, Sql::CreateSchema { .. })));
        for wrong in ["CREATE SCHEMA s CREATE ROLE r", "CREATE SCHEMA s CREATE TABLE t AS SELECT 1"] {
            assert_eq!(parse(wrong).unwrap_err().kind(), Kind::Syntax);
        }
    }
}
