//! Queries over a small fake world, and statements that real clients sent.
//!
//! What could go wrong: a query that PostgreSQL answers is refused, gives other rows, or calls a column otherwise.

mod expressions;
mod fake;
mod queries;
mod recorded;

use super::super::value::{Type, Value};
use super::{Answer, evaluate, text_of};
use crate::error::{Kind, Result};
use crate::sql::parser;
use fake::Fake;

fn answer(sql: &str) -> Result<Answer> {
    answer_with(sql, &[])
}

fn answer_with(sql: &str, params: &[(Value, Type)]) -> Result<Answer> {
    evaluate(&parser::query(sql)?, &Fake, params, &|| Ok(()))
}

/// The rows as psql shows them: `|` between columns, nothing for NULL.
#[track_caller]
fn rows(sql: &str) -> Vec<String> {
    let answer = answer(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let shown = answer.rows.iter().map(|row| {
        let cells = row.iter().zip(&answer.columns);
        cells.map(|(value, column)| text_of(&Fake, value, &column.data_type)).collect::<Vec<_>>().join("|")
    });
    shown.collect()
}

/// The only value.
#[track_caller]
fn one(sql: &str) -> String {
    let rows = rows(sql);
    assert_eq!(rows.len(), 1, "{sql}");
    rows.concat()
}

#[track_caller]
fn refused(sql: &str) -> Kind {
    answer(sql).map(|answer| panic!("{sql}: {answer:?}")).unwrap_err().kind()
}
