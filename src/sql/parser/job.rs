//! Grammar of jobs.

use super::own::{Own, Relation, RoleOption};
use super::words::Words;
use super::{Body, Statement};
use crate::catalog::Timing;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use datafusion::sql::sqlparser::tokenizer::Token;
use std::collections::BTreeMap;

/// A statement about jobs.
#[derive(Debug, Clone)]
pub enum JobWords {
    /// `CREATE JOB`
    Create(Box<NewJob>),
    /// `ALTER JOB`
    Alter {
        /// The job.
        name: String,
        /// `IF EXISTS`
        if_exists: bool,
        /// What is changed.
        change: JobChange,
    },
    /// `DROP JOB`
    Drop {
        /// The jobs.
        names: Vec<String>,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `EXECUTE JOB`
    Execute(String),
}

/// A job as it is written.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its name.
    pub name: String,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// When it runs.
    pub when: When,
    /// `WITH (search_path = '...')`: settings that are not those of the session.
    pub settings: BTreeMap<String, String>,
    /// `SUSPENDED`
    pub suspended: bool,
    /// Its statement.
    pub statement: String,
}

/// When a job runs, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// `SCHEDULE`, `EVERY`
    pub timing: Option<Timing>,
    /// `ON CHANGE OF`
    pub on_change: Vec<Relation>,
    /// `TIME ZONE`
    pub zone: Option<String>,
}

/// A change of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobChange {
    /// `SUSPEND`, `RESUME`
    Suspend(bool),
    /// `SET SCHEDULE`, `SET EVERY`, `SET ON CHANGE OF`, `SET TIME ZONE`
    When(When),
    /// `RENAME TO`
    Rename(String),
}

impl JobWords {
    /// The command tag.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Create(_) => "CREATE JOB",
            Self::Alter { .. } => "ALTER JOB",
            Self::Drop { .. } => "DROP JOB",
            Self::Execute(_) => "EXECUTE JOB",
        }
    }
}

/// Reads a statement about jobs, or nothing if it is none. `text` is the whole statement as it was written.
pub fn parse(words: &mut Words, text: &str) -> Result<Option<JobWords>> {
    let or_replace = words.take(&["CREATE", "OR", "REPLACE", "JOB"]);
    if or_replace || words.take(&["CREATE", "JOB"]) {
        return create(words, or_replace, text).map(Some);
    }
    if words.take(&["ALTER", "JOB"]) {
        let if_exists = words.take(&["IF", "EXISTS"]);
        let name = words.name()?;
        let change = match () {
            () if words.take(&["SUSPEND"]) => JobChange::Suspend(true),
            () if words.take(&["RESUME"]) => JobChange::Suspend(false),
            () if words.take(&["RENAME", "TO"]) => JobChange::Rename(words.name()?),
            () if words.take(&["SET"]) => match when(words)? {
                when if when == When::default() => {
                    return Err(words.unexpected("SCHEDULE, EVERY, ON CHANGE OF or TIME ZONE"));
                }
                when => JobChange::When(when),
            },
            () => return Err(words.unexpected("SUSPEND, RESUME, SET, OWNER TO or RENAME TO")),
        };
        return Ok(Some(JobWords::Alter { name, if_exists, change }));
    }
    if words.take(&["DROP", "JOB"]) {
        let if_exists = words.take(&["IF", "EXISTS"]);
        let names = words.names()?;
        // Nothing depends on a job.
        let _ = words.take(&["CASCADE"]) || words.take(&["RESTRICT"]);
        return Ok(Some(JobWords::Drop { names, if_exists }));
    }
    // `EXECUTE job` and `EXECUTE job (1)` run a prepared statement of that name.
    if words.ahead(&["EXECUTE", "JOB"]) && matches!(words.parser.peek_nth_token(2).token, Token::Word(_)) {
        words.take(&["EXECUTE", "JOB"]);
        return Ok(Some(JobWords::Execute(words.name()?)));
    }
    Ok(None)
}

/// `SCHEDULE 'text' | EVERY 'length'`, `ON CHANGE OF t, ...`, `TIME ZONE 'zone'`, in any order.
fn when(words: &mut Words) -> Result<When> {
    let mut when = When::default();
    let twice = |is_there: bool, what: &str| match is_there {
        true => Err(Error::new(Kind::Syntax, format!("{what} is given twice"))),
        false => Ok(()),
    };
    loop {
        if words.take(&["SCHEDULE"]) {
            twice(when.timing.is_some(), "the schedule")?;
            words.token(&Token::Eq);
            let (timing, zone) = Timing::parse(&words.string()?)?;
            when.timing = Some(timing);
            when.zone = when.zone.or(zone);
        } else if words.take(&["EVERY"]) {
            twice(when.timing.is_some(), "the schedule")?;
            when.timing = Some(every(words)?);
        } else if words.take(&["ON", "CHANGE", "OF"]) {
            twice(!when.on_change.is_empty(), "ON CHANGE")?;
            when.on_change.push(words.relation()?);
            while words.token(&Token::Comma) {
                when.on_change.push(words.relation()?);
            }
        } else if words.take(&["TIME", "ZONE"]) {
            twice(when.zone.is_some(), "TIME ZONE")?;
            when.zone = Some(words.value()?);
        } else {
            return Ok(when);
        }
    }
}

/// `'90 minutes'` or `90 MINUTES`.
pub fn every(words: &mut Words) -> Result<Timing> {
    if matches!(words.parser.peek_token().token, Token::Number(..)) {
        let text = format!("{} {}", words.number()?, words.name()?);
        return Timing::every(&text);
    }
    Timing::every(&words.string()?)
}

fn create(words: &mut Words, or_replace: bool, text: &str) -> Result<JobWords> {
    let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
    let name = words.name()?;
    let when = when(words)?;
    if when.timing.is_none() && when.on_change.is_empty() {
        return Err(words.unexpected("SCHEDULE, EVERY or ON CHANGE OF"));
    }
    let settings = if words.take(&["WITH"]) { words.options()? } else { BTreeMap::new() };
    let suspended = words.take(&["SUSPENDED"]);
    words.expect(&["AS"])?;
    let statement = statement(text)?;
    // It was read from its text, not from the words that are left.
    while words.parser.next_token().token != Token::EOF {}
    Ok(JobWords::Create(Box::new(NewJob { name, or_replace, if_not_exists, when, settings, suspended, statement })))
}

/// What stands behind AS in the text of CREATE JOB: nothing before it can hold that word unquoted.
fn statement(text: &str) -> Result<String> {
    let is_as = |token: &Token| match token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case("as"),
        _ => false,
    };
    let tokens = super::tokens_with_places(text);
    let at = tokens.iter().position(|(_, token)| is_as(token)).and_then(|at| Some(tokens.get(at + 1)?.0));
    let Some((before, statement)) = at.and_then(|at| text.split_at_checked(at)) else {
        return Err(Error::new(Kind::Syntax, "syntax error at end of input"));
    };
    let moved = |error: Error| match error.position() {
        Some(place) => error.at(before.chars().count() + place),
        None => error,
    };
    one_statement(statement).map_err(moved)?;
    Ok(statement.to_owned())
}

/// The one statement of a job, which a session without a client can run by itself.
pub fn one_statement(text: &str) -> Result<Statement> {
    let mut statements = super::parse(text)?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(Error::new(Kind::Syntax, "a job has one statement"));
    };
    let no =
        |what: &str, hint: &str| Err(Error::new(Kind::Unsupported, format!("a job cannot run {what}")).with_hint(hint));
    let of_session = "It is of a session; a job's statement has a session and a transaction of its own.";
    match &statement.body {
        Body::Sql(sql) => match sql.as_ref() {
            Sql::StartTransaction { .. }
            | Sql::Commit { .. }
            | Sql::Rollback { .. }
            | Sql::Savepoint { .. }
            | Sql::ReleaseSavepoint { .. }
            | Sql::Set(_)
            | Sql::Reset(_)
            | Sql::ShowVariable { .. }
            | Sql::Discard { .. }
            | Sql::Prepare { .. }
            | Sql::Execute { .. }
            | Sql::Deallocate { .. }
            | Sql::LISTEN { .. }
            | Sql::UNLISTEN { .. }
            | Sql::Lock(_) => no("such a statement", of_session),
            _ => Ok(statement),
        },
        Body::Own(own) => match own.as_ref() {
            Own::SetRole { .. }
            | Own::ResetRole
            | Own::SessionAuthorization { .. }
            | Own::SetConstraints { .. }
            | Own::Cursor(_) => no("such a statement", of_session),
            Own::Copy(copy) if copy.file.is_none() => {
                no("COPY with a client's data", "A job has no client; name a file.")
            }
            Own::CreateRole { options, .. } | Own::AlterRole { options, .. }
                if options.iter().any(|option| matches!(option, RoleOption::Password(Some(_)))) =>
            {
                no("a statement with a password", "A job's statement is kept, and shown to its owner and in exports.")
            }
            Own::CreateSource { .. } | Own::AlterSource { .. } => {
                no("a statement with a source's options", "Passwords may be in them. REFRESH SOURCE can be a job.")
            }
            _ => Ok(statement),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn of(sql: &str) -> JobWords {
        match parse(sql).unwrap().remove(0).body {
            Body::Own(own) => match *own {
                Own::Job(words) => words,
                other => panic!("{other:?}"),
            },
            Body::Sql(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_job_keeps_its_statement_as_it_is_written() {
        let JobWords::Create(job) = of(
            "CREATE OR REPLACE JOB \"as\" SCHEDULE '0 3 * * *' ON CHANGE OF a, s.b TIME ZONE 'Asia/Shanghai'  AS  SELECT 1 AS x -- é",
        ) else {
            panic!("no job");
        };
        assert_eq!((job.name.as_str(), job.statement.as_str(), job.or_replace), ("as", "SELECT 1 AS x", true));
        assert_eq!(job.when.on_change, [(None, "a".to_owned()), (Some("s".to_owned()), "b".to_owned())]);
        let JobWords::Create(job) =
            of("CREATE JOB j EVERY 5 MINUTES AS MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE")
        else {
            panic!("no job");
        };
        assert_eq!(job.when.timing, Some(Timing::Every(300_000)));
        assert!(job.statement.starts_with("MERGE INTO t"));
        assert!(matches!(of("EXECUTE JOB nightly"), JobWords::Execute(name) if name == "nightly"));
        assert!(parse("EXECUTE job").is_ok() && parse("EXECUTE job (1)").is_ok());
    }

    #[test]
    fn what_no_job_can_run_is_refused() {
        let kind = |sql: &str| parse(sql).unwrap_err().kind();
        for sql in ["BEGIN", "SET a.b = 1", "SET ROLE x", "COPY t FROM STDIN", "FETCH c", "CREATE ROLE x PASSWORD 'y'"]
        {
            assert_eq!(kind(&format!("CREATE JOB j EVERY '1 hour' AS {sql}")), Kind::Unsupported, "{sql}");
        }
        for sql in [
            "CREATE JOB j AS SELECT 1",
            "CREATE JOB j EVERY '1 hour'",
            "CREATE JOB j EVERY '1 hour' AS",
            "ALTER JOB j SET",
        ] {
            assert_eq!(kind(sql), Kind::Syntax, "{sql}");
        }
        let error = parse("CREATE JOB j EVERY '1 hour' AS SELEC 1").unwrap_err();
        assert_eq!((error.kind(), error.position()), (Kind::Syntax, Some(32)));
    }
}
