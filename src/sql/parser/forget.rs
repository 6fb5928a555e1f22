//! Grammar of FORGET SUBJECT.

use super::own::Relation;
use super::words::{Words, fold};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::tokenizer::Token;

/// `FORGET SUBJECT value [, ...] IN table.column [DELETE | SET NULL] [, ...] [CASCADE | RESTRICT] [DRY RUN]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgetWords {
    /// What the subject is called by, in any of the columns.
    pub subjects: Vec<String>,
    /// Where.
    pub columns: Vec<ForgottenColumn>,
    /// What would be kept by a foreign key goes as well, and so do rows that declared facts lead to.
    pub cascade: bool,
    /// Nothing is changed.
    pub dry_run: bool,
}

/// A column by which rows of the subject are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgottenColumn {
    /// Its table.
    pub relation: Relation,
    /// Its name.
    pub column: String,
    /// `SET NULL`: its rows stay, without the value.
    pub set_null: bool,
}

/// Reads such a statement, or nothing if it is none.
pub fn parse(words: &mut Words) -> Result<Option<ForgetWords>> {
    if !words.take(&["FORGET", "SUBJECT"]) {
        return Ok(None);
    }
    let mut subjects = vec![value(words)?];
    while words.token(&Token::Comma) {
        subjects.push(value(words)?);
    }
    words.expect(&["IN"])?;
    let mut columns = vec![column(words)?];
    while words.token(&Token::Comma) {
        columns.push(column(words)?);
    }
    let cascade = words.take(&["CASCADE"]);
    if !cascade {
        words.take(&["RESTRICT"]);
    }
    Ok(Some(ForgetWords { subjects, columns, cascade, dry_run: words.take(&["DRY", "RUN"]) }))
}

/// A string or a number.
fn value(words: &mut Words) -> Result<String> {
    match words.parser.peek_token().token {
        Token::Number(..) | Token::Minus => words.value(),
        _ => words.string(),
    }
}

fn column(words: &mut Words) -> Result<ForgottenColumn> {
    let name = words.parser.parse_object_name(false).map_err(Error::from)?;
    let mut parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
    let (Some(column), Some(table)) = (parts.pop(), parts.pop()) else {
        return Err(Error::new(Kind::Syntax, format!("\"{name}\" names no column of a table"))
            .with_hint("Write table.column, or schema.table.column."));
    };
    let schema = parts.pop();
    if !parts.is_empty() {
        return Err(Error::new(Kind::Syntax, format!("improper qualified name (too many dotted names): {name}")));
    }
    let set_null = words.take(&["SET", "NULL"]);
    if !set_null {
        words.take(&["DELETE"]);
    }
    Ok(ForgottenColumn { relation: (schema, table), column, set_null })
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Own, parse};
    use super::*;
    use crate::error::Kind;

    fn read(sql: &str) -> ForgetWords {
        match parse(sql).unwrap().remove(0).body {
            Body::Own(own) => match *own {
                Own::Forget(words) => words,
                other => panic!("{other:?}"),
            },
            Body::Sql(sql) => panic!("{sql}"),
        }
    }

    #[test]
    fn subjects_and_columns_are_read_as_written() {
        let column = |schema: Option<&str>, table: &str, column: &str, set_null| ForgottenColumn {
            relation: (schema.map(str::to_owned), table.to_owned()),
            column: column.to_owned(),
            set_null,
        };
        let words = read("FORGET SUBJECT 'li@x.cn', 42 IN People.Mail, s.\"Odd\".c SET NULL CASCADE DRY RUN");
        let columns = vec![column(None, "people", "mail", false), column(Some("s"), "Odd", "c", true)];
        let subjects = vec!["li@x.cn".to_owned(), "42".to_owned()];
        assert_eq!(words, ForgetWords { subjects, columns, cascade: true, dry_run: true });
        let words = read("forget subject 'a' in t.c delete restrict");
        assert!(!words.cascade && !words.dry_run && !words.columns[0].set_null);
        for wrong in ["FORGET SUBJECT 'a' IN t", "FORGET SUBJECT IN t.c", "FORGET SUBJECT 'a' IN a.b.c.d"] {
            assert_eq!(parse(wrong).unwrap_err().kind(), Kind::Syntax, "{wrong}");
        }
    }
}
