//! Statements about jobs: definitions are on their way to `ddl`, EXECUTE JOB runs one now.

use super::super::ddl::{self, Ddl, check_name, kept_settings, now_ms};
use super::super::define::must_be_alone;
use super::super::execute::{batches_stream, command, defining};
use super::super::parser::{JobWords, quoted, readable};
use super::super::pg_catalog::identifier::literal;
use super::super::session::{Outcome, Session};
use super::super::statements::check_model_options;
use super::super::system::rows::{Cell, batch, column};
use super::run::run;
use super::task::task_of;
use crate::catalog::{Job, Object, Trigger};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::sql::sqlparser::ast;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs a statement about jobs.
pub async fn jobs(session: &mut Session, words: JobWords) -> Result<Outcome> {
    let tag = words.tag();
    match words {
        JobWords::Execute(name) => {
            must_be_alone(session, tag)?;
            let task = {
                let catalog = session.database.manager.current().catalog.clone();
                let (id, job) = catalog.job(&name).ok_or_else(|| ddl::missing_job(&name))?;
                session.statement_context().must_own(job.owner, "job", &name)?;
                task_of(&catalog, id).ok_or_else(|| ddl::missing_job(&name))?
            };
            let (sink, cancel) = (session.notices.clone(), session.cancel_handle());
            let ran = run(session.database.clone(), task, Trigger::Execute, Some(sink), Some(cancel.clone())).await;
            ran.map_err(|error| match error.kind() {
                // Why, as this statement has it: its own time may be over.
                Kind::Cancelled => cancel.check().err().unwrap_or(error),
                _ => error,
            })?;
        }
        words => defining(session, async |ddl| ddl::define_job(ddl, words)).await?,
    }
    command(tag)
}

/// CREATE MODEL with `async = true`: a job that runs once does it. The row tells which.
pub async fn create_model_later(
    session: &mut Session,
    name: &str,
    (or_replace, if_not_exists): (bool, bool),
    options: BTreeMap<String, String>,
    query: Option<Box<ast::Query>>,
) -> Result<Outcome> {
    if !session.database.jobs.are_scheduled() {
        return Err(Error::new(Kind::NotReady, "nobody runs jobs here, so that nothing can be trained later")
            .with_hint("A server does (steward serve). Leave the option async out: the model is trained at once."));
    }
    check_model_options(&options)?;
    let there = session.statement_context().snapshot.catalog.model(name).is_some();
    if there && !or_replace && !if_not_exists {
        return Err(Error::new(Kind::DuplicateObject, format!("model \"{name}\" already exists"))
            .with_hint("CREATE OR REPLACE MODEL adds a version."));
    }
    let given = options.iter().map(|(name, value)| format!("{} = {}", quoted(name), literal(value)));
    let given = given.collect::<Vec<_>>().join(", ");
    let replace = if or_replace { "OR REPLACE " } else { "" };
    let query = query.map_or(String::new(), |query| format!(" AS {}", readable(&query.to_string())));
    let unless = if if_not_exists { "IF NOT EXISTS " } else { "" };
    let statement = format!("CREATE {replace}MODEL {unless}{} OPTIONS ({given}){query}", quoted(name));
    let make = async |ddl: &mut Ddl<'_>| {
        ddl.txn.must_write("CREATE MODEL")?;
        check_name(name)?;
        let id = ddl.new_id();
        let job = Job {
            name: format!("create_model_{id}"),
            owner: ddl.context.role,
            statement,
            timing: None,
            on_change: Vec::new(),
            once: true,
            settings: kept_settings(ddl, &BTreeMap::new())?,
            suspended: None,
            since_ms: now_ms(),
            since_seq: ddl.txn.snapshot().seq,
        };
        let named = job.name.clone();
        ddl.txn.put_object(id, Object::Job(job))?;
        Ok(named)
    };
    let job = defining(session, make).await?;
    session.notify(
        "NOTICE",
        None,
        format!("job \"{job}\" trains model \"{name}\" once this is committed: steward.job_runs tells how it goes"),
    );
    let schema = Arc::new(Schema::new(later_columns()));
    let rows = batch(&schema, vec![vec![Cell::text(job), Cell::text(name)]])?;
    let tag = "CREATE MODEL".to_owned();
    Ok(Outcome::Rows { stream: batches_stream(schema.clone(), vec![rows]), schema, tag })
}

/// What CREATE MODEL with `async = true` gives.
pub fn later_columns() -> Vec<Field> {
    vec![column("job", DataType::Utf8), column("model", DataType::Utf8)]
}
