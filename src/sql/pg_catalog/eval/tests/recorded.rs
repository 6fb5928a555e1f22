//! Statements of real clients, with the columns that PostgreSQL gave them.
//!
//! `recorded.sql` has a choice of them. With `STEWARD_CLIENTS` set to the folder of all recordings these are read too, and what is
//! refused or comes out otherwise is printed.

use super::super::super::value::{Column, Type, Value};
use super::super::types::shown;
use super::super::{describe, evaluate};
use super::fake::Fake;
use crate::error::Result;
use crate::sql::parser::{self, Body};
use datafusion::sql::sqlparser::ast::{self, Statement};

struct Entry<'a> {
    /// `number name`
    title: &'a str,
    sql: String,
    /// `name type`, as far as PostgreSQL gave rows.
    columns: Option<Vec<&'a str>>,
}

fn entries(text: &str) -> Vec<Entry<'_>> {
    let entries = text.split("\n-- ;;").map(|entry| {
        let title = entry.lines().find_map(|line| line.strip_prefix("-- n: ")).unwrap_or_default();
        let answer = entry.lines().find_map(|line| line.strip_prefix("-- answer: "));
        let columns = answer
            .and_then(|answer| answer.split_once("row(s) ("))
            .map(|(_, columns)| columns.trim_end_matches(')').split(", ").collect());
        let body = entry.lines().skip_while(|line| line.starts_with("-- ") || line.is_empty());
        Entry { title, sql: body.collect::<Vec<_>>().join("\n"), columns }
    });
    entries.collect()
}

fn query(sql: &str) -> Option<ast::Query> {
    let statements = parser::parse(sql).ok()?;
    let [statement] = statements.as_slice() else { return None };
    match &statement.body {
        Body::Sql(sql) => match sql.as_ref() {
            Statement::Query(query) => Some((**query).clone()),
            _ => None,
        },
        Body::Own(_) => None,
    }
}

/// As the recordings name types.
fn short(data_type: &Type) -> String {
    match data_type {
        Type::Array(item) => format!("_{}", short(item).trim_matches('"')),
        Type::Bool => "bool".to_owned(),
        Type::Int2 => "int2".to_owned(),
        Type::Int4 => "int4".to_owned(),
        Type::Int8 => "int8".to_owned(),
        Type::Float4 => "float4".to_owned(),
        Type::Float8 => "float8".to_owned(),
        Type::Varchar => "varchar".to_owned(),
        Type::Timestamptz => "timestamptz".to_owned(),
        other => shown(other),
    }
}

fn run(query: &ast::Query) -> Result<Vec<Column>> {
    let shape = describe(query, &Fake, &[])?;
    let params: Vec<(Value, Type)> = shape.params.iter().map(|data_type| (Value::Null, data_type.clone())).collect();
    let answer = evaluate(query, &Fake, &params, &|| Ok(()))?;
    assert_eq!(answer.columns, shape.columns);
    Ok(answer.columns)
}

#[test]
fn recorded_statements_have_postgresqls_columns() {
    for entry in entries(include_str!("recorded.sql")) {
        let query = query(&entry.sql).unwrap_or_else(|| panic!("{}: no query", entry.title));
        let columns = run(&query).unwrap_or_else(|error| panic!("{}: {error}\n{}", entry.title, entry.sql));
        let columns: Vec<String> =
            columns.iter().map(|column| format!("{} {}", column.name, short(&column.data_type))).collect();
        assert_eq!(columns, entry.columns.unwrap_or_default(), "{}", entry.title);
    }
}

#[test]
fn all_recordings() {
    let Ok(folder) = std::env::var("STEWARD_CLIENTS") else { return };
    let (mut asked, mut answered, mut same) = (0, 0, 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let client = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for entry in entries(&text) {
            let Some(query) = query(&entry.sql) else { continue };
            if !super::super::super::route::concerns_catalogue(&query) {
                continue;
            }
            asked += 1;
            match run(&query) {
                Err(error) => println!("{client} {}: {error}", entry.title),
                Ok(columns) => {
                    answered += 1;
                    let columns: Vec<String> =
                        columns.iter().map(|column| format!("{} {}", column.name, short(&column.data_type))).collect();
                    match entry.columns {
                        Some(recorded) if recorded != columns => {
                            let differ = columns.iter().zip(&recorded).filter(|(a, b)| a != *b).collect::<Vec<_>>();
                            println!("{client} {}: columns differ (ours, PostgreSQL's) {differ:?}", entry.title);
                        }
                        _ => same += 1,
                    }
                }
            }
        }
    }
    println!("{asked} statements, {answered} answered, {same} with PostgreSQL's columns");
}
