//! The body of a function within the statement that makes it: what is wrong there is pointed at in the statement.

use super::super::parser::{self, Body, Statement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

/// The byte at which the text of the body begins, and that text; none where it is not written as it is read.
pub fn of_function(statement: &Statement) -> Option<(usize, String)> {
    match &statement.body {
        Body::Sql(sql) if matches!(sql.as_ref(), ast::Statement::CreateFunction(_)) => {}
        _ => return None,
    }
    let tokens = parser::tokens_with_places(&statement.text);
    let (at, body) = tokens.windows(2).find_map(|pair| match pair {
        [(_, Token::Word(word)), (at, Token::SingleQuotedString(body))] if word.keyword == Keyword::AS => {
            Some((*at, body))
        }
        _ => None,
    })?;
    // Quoted by dollars it begins behind the second of them.
    let start = match statement.text.get(at..)?.strip_prefix('$') {
        Some(rest) => at + 1 + rest.find('$')? + 1,
        None => at + 1,
    };
    let is_as_read = statement.text.get(start..).is_some_and(|rest| rest.starts_with(body.as_str()));
    is_as_read.then(|| (start, body.clone()))
}
