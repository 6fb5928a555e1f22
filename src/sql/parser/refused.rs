//! Statements of PostgreSQL's that are not here: refused by their names, where the grammar below would find an error of syntax.

use super::words::Words;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// What may stand between CREATE, ALTER or DROP and the kind of an object.
const BETWEEN: &[&str] = &["OR", "REPLACE", "TRUSTED", "PROCEDURAL", "DEFAULT", "CONSTRAINT"];
/// Kinds of objects that there are none of.
const KINDS: &[&[&str]] = &[
    &["ACCESS", "METHOD"],
    &["AGGREGATE"],
    &["CAST"],
    &["CONVERSION"],
    &["DATABASE"],
    &["EVENT", "TRIGGER"],
    &["FOREIGN", "DATA", "WRAPPER"],
    &["FOREIGN", "TABLE"],
    &["LANGUAGE"],
    &["LARGE", "OBJECT"],
    &["OPERATOR"],
    &["PROCEDURE"],
    &["PUBLICATION"],
    &["ROUTINE"],
    &["RULE"],
    &["SERVER"],
    &["STATISTICS"],
    &["SUBSCRIPTION"],
    &["TABLESPACE"],
    &["TEXT", "SEARCH"],
    &["TRANSFORM"],
    &["USER", "MAPPING"],
];
/// Whole statements, and what to do instead.
const STATEMENTS: &[(&[&str], &str)] = &[
    (&["DO"], "Write its statements one by one, or as a function in SQL."),
    (&["SECURITY", "LABEL"], "CREATE TAG and ALTER TABLE ... SET TAG label columns and tables."),
    (
        &["IMPORT", "FOREIGN", "SCHEMA"],
        "CREATE SOURCE registers a folder of files, or a schema of another PostgreSQL database.",
    ),
    (&["PREPARE", "TRANSACTION"], ""),
    (&["COMMIT", "PREPARED"], ""),
    (&["ROLLBACK", "PREPARED"], ""),
    (&["CREATE", "UNLOGGED", "SEQUENCE"], "Leave UNLOGGED out."),
];

/// Refuses such a statement.
pub fn must_not_be(words: &Words) -> Result<()> {
    for (statement, hint) in STATEMENTS {
        if words.ahead(statement) {
            return Err(refused(&statement.join(" "), hint));
        }
    }
    let Some(verb) = words.peek(0).filter(|verb| matches!(verb.as_str(), "CREATE" | "ALTER" | "DROP")) else {
        return Ok(());
    };
    let word = |n: usize| words.peek(n).unwrap_or_default();
    let start = (1..5).find(|n| !BETWEEN.contains(&word(*n).as_str())).unwrap_or(1);
    let is_kind = |kind: &&&[&str]| kind.iter().enumerate().all(|(n, part)| word(start + n) == **part);
    match KINDS.iter().find(is_kind) {
        Some(kind) => Err(refused(&format!("{verb} {}", kind.join(" ")), instead(kind))),
        None => Ok(()),
    }
}

/// What is here instead of a kind of objects.
fn instead(kind: &[&str]) -> &'static str {
    match kind {
        ["FOREIGN", ..] | ["SERVER"] | ["USER", "MAPPING"] => {
            "CREATE SOURCE name TYPE postgres OPTIONS (host = ..., user = ...) makes the tables of another database readable."
        }
        _ => "",
    }
}

/// Refuses what PostgreSQL's grammar has within statements and the one below has not.
pub fn words_within(tokens: &[TokenWithSpan]) -> Result<()> {
    let word = |at: usize, wanted: &str| match tokens.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    let is = |at: usize, wanted: &Token| tokens.get(at).is_some_and(|token| token.token == *wanted);
    for at in 0..tokens.len() {
        let frame = ["row", "preceding", "following"].iter().any(|before| at > 0 && word(at - 1, before));
        let excluded = ["current", "group", "ties"].iter().any(|what| word(at + 1, what));
        if frame && word(at, "exclude") && excluded {
            return Err(refused("EXCLUDE in a window frame", ""));
        }
        if let Some(what) = absent(at, &word, &is) {
            return Err(refused(what, ""));
        }
        if word(at, "rows") && word(at + 1, "from") && is(at + 2, &Token::LParen) {
            return Err(refused("ROWS FROM", "Name the functions one by one, or unnest their arrays together."));
        }
        let of_job = word(1, "job") || word(3, "job");
        if word(at, "as") && word(at + 1, "execute") && word(0, "create") && !of_job {
            return Err(refused("CREATE TABLE AS EXECUTE", "Write the query itself."));
        }
        let assigns = word(at, "set") && (word(0, "update") || word(0, "insert"));
        if assigns
            && matches!(tokens.get(at + 1), Some(t) if matches!(t.token, Token::Word(_)))
            && is(at + 2, &Token::LBracket)
        {
            return Err(refused("assignment to a slice (SET column[a:b])", "Assign the whole array."));
        }
        if is(at, &Token::RParen) && is(at + 1, &Token::Period) && is(at + 2, &Token::Mul) {
            return Err(refused("(expression).*", "Name the columns, or call the function in FROM."));
        }
    }
    Ok(())
}

/// What of PostgreSQL's tables and functions that is not here begins at a token.
fn absent(at: usize, word: &impl Fn(usize, &str) -> bool, is: &impl Fn(usize, &Token) -> bool) -> Option<&'static str> {
    const XML: [&str; 8] =
        ["xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlparse", "xmlpi", "xmlroot", "xmlserialize"];
    if is(at + 1, &Token::LParen) && XML.iter().any(|function| word(at, function)) {
        return Some("XML");
    }
    let (creates, alters) = (word(0, "create"), word(0, "alter") && word(1, "table"));
    let of_type = at == 3 || at == 5 && is(3, &Token::Period);
    match () {
        () if (creates || alters)
            && at > 2
            && word(at, "exclude")
            && (word(at + 1, "using") || is(at + 1, &Token::LParen)) =>
        {
            Some("an EXCLUDE constraint")
        }
        () if creates && word(1, "table") && of_type && word(at, "of") => Some("CREATE TABLE OF"),
        () if alters && word(at + 1, "partition") && (word(at, "attach") || word(at, "detach")) => {
            Some("ALTER TABLE of partitions")
        }
        // Behind a CHECK the words are its own.
        () if alters && at > 2 && word(at, "inherit") && !is(at - 2, &Token::RParen) => Some("ALTER TABLE INHERIT"),
        () => None,
    }
}

fn refused(what: &str, hint: &str) -> Error {
    let error = Error::new(Kind::Unsupported, format!("{what} is not supported"));
    if hint.is_empty() { error } else { error.with_hint(hint) }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use crate::error::Kind;

    #[test]
    fn statements_that_are_not_here_are_no_errors_of_syntax() {
        for sql in [
            "DO $$BEGIN END$$",
            "do language plpgsql 'x'",
            "CREATE OR REPLACE RULE r AS ON INSERT TO t DO NOTHING",
            "CREATE STATISTICS s ON a, b FROM t",
            "SECURITY LABEL ON TABLE t IS 'x'",
            "ALTER DATABASE d SET x = 1",
            "DROP EVENT TRIGGER IF EXISTS e",
            "CREATE TRUSTED PROCEDURAL LANGUAGE l",
            "CREATE TABLE t (a int, EXCLUDE USING gist (a WITH =))",
            "CREATE TABLE s.t OF kind",
            "ALTER TABLE t ATTACH PARTITION p DEFAULT",
            "ALTER TABLE t NO INHERIT p",
            "SELECT xmlelement(name a)",
        ] {
            assert_eq!(parse(sql).unwrap_err().kind(), Kind::Unsupported, "{sql}");
        }
        assert!(parse("CREATE TABLE rule (a int)").is_ok());
        assert!(parse("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NO INHERIT").is_ok());
        assert!(parse("CREATE TABLE exclude (xmlpi int, attach int)").is_ok());
    }
}
