//! MERGE: words of its actions that sqlparser does not read, put into words that it does.
//!
//! `DO NOTHING` becomes an UPDATE or INSERT of a column that no table has, `INSERT DEFAULT VALUES` an INSERT of another such
//! column, and `INSERT ... OVERRIDING ... VALUE` loses these words. [`is_nothing`] and [`is_defaults`] read them back.

use super::tokens::is_meant;
use datafusion::sql::sqlparser::ast::{MergeAction, MergeInsertExpr, ObjectName};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

const NOTHING: &str = "\u{1}nothing";
const DEFAULTS: &str = "\u{1}defaults";

/// The tokens of a statement in words that sqlparser reads.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is(token, "MERGE")) {
        return tokens;
    }
    let mut spelt = Vec::with_capacity(tokens.len());
    let mut matched = true;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let ahead =
            |words: &[&str]| words.iter().enumerate().all(|(n, word)| tokens.get(at + n).is_some_and(|t| is(t, word)));
        if ahead(&["WHEN", "NOT", "MATCHED"]) {
            matched = false;
        } else if ahead(&["WHEN", "MATCHED"]) {
            matched = true;
        }
        let (words, instead) = match () {
            () if ahead(&["THEN", "DO", "NOTHING"]) && matched => (3, format!("THEN UPDATE SET \"{NOTHING}\" = NULL")),
            () if ahead(&["THEN", "DO", "NOTHING"]) => (3, format!("THEN INSERT (\"{NOTHING}\") VALUES (NULL)")),
            () if ahead(&["THEN", "INSERT", "DEFAULT", "VALUES"]) => {
                (4, format!("THEN INSERT (\"{DEFAULTS}\") VALUES (NULL)"))
            }
            () if ahead(&["OVERRIDING", "SYSTEM", "VALUE"]) || ahead(&["OVERRIDING", "USER", "VALUE"]) => {
                (3, String::new())
            }
            () => {
                spelt.push(token.clone());
                at += 1;
                continue;
            }
        };
        let read = Tokenizer::new(&PostgreSqlDialect {}, &instead).tokenize().unwrap_or_default();
        let meant = read.into_iter().filter(is_meant);
        spelt.extend(meant.map(|read| TokenWithSpan { token: read, span: token.span }));
        at += words;
    }
    spelt
}

fn is(token: &TokenWithSpan, wanted: &str) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

fn names(name: &ObjectName, wanted: &str) -> bool {
    super::last(name) == wanted
}

/// Whether an action is DO NOTHING.
pub fn is_nothing(action: &MergeAction) -> bool {
    match action {
        MergeAction::Insert(insert) => insert.columns.iter().any(|column| names(column, NOTHING)),
        MergeAction::Update(update) => update.assignments.iter().any(|assignment| {
            matches!(&assignment.target, datafusion::sql::sqlparser::ast::AssignmentTarget::ColumnName(name) if names(name, NOTHING))
        }),
        MergeAction::Delete { .. } => false,
    }
}

/// Whether an action is INSERT DEFAULT VALUES.
pub fn is_defaults(insert: &MergeInsertExpr) -> bool {
    insert.columns.iter().any(|column| names(column, DEFAULTS))
}
