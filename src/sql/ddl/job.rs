//! CREATE, ALTER and DROP JOB.

use super::super::parser::{JobChange, JobWords, NewJob, Relation, When};
use super::super::tables;
use super::{Ddl, check_name, skipping};
use crate::catalog::{Job, Object, ObjectId, Suspended, is_temporary};
use crate::config::JOB_TABLES_MAX;
use crate::error::{Error, Kind, Result};
use std::collections::BTreeMap;

/// Settings that the sessions of a job have as the session had them that made it.
pub const KEPT_SETTINGS: [&str; 5] =
    ["search_path", "statement_timeout", "steward.job_failures_max", "steward.language", "timezone"];

/// Runs a statement that defines jobs.
pub fn define_job(ddl: &mut Ddl<'_>, words: JobWords) -> Result<()> {
    ddl.txn.must_write(words.tag())?;
    match words {
        JobWords::Create(job) => create(ddl, *job),
        JobWords::Alter { name, if_exists, change } => match find(ddl, &name)? {
            Some((id, job)) => alter(ddl, id, job, change),
            None if if_exists => {
                skipping(ddl.context, "job", &name, false);
                Ok(())
            }
            None => Err(missing(&name)),
        },
        JobWords::Drop { names, if_exists } => {
            for name in names {
                match find(ddl, &name)? {
                    Some((id, _)) => ddl.txn.drop_object(id),
                    None if if_exists => skipping(ddl.context, "job", &name, false),
                    None => return Err(missing(&name)),
                }
            }
            Ok(())
        }
        JobWords::Execute(_) => Err(Error::internal("EXECUTE JOB defines nothing")),
    }
}

/// The error for a job that there is not.
pub fn missing(name: &str) -> Error {
    Error::new(Kind::UndefinedObject, format!("job \"{name}\" does not exist"))
}

/// The job of this name, which the role must own.
fn find(ddl: &Ddl<'_>, name: &str) -> Result<Option<(ObjectId, Job)>> {
    match ddl.txn.snapshot().catalog.job(name) {
        Some((id, job)) => {
            ddl.context.must_own(job.owner, "job", name)?;
            Ok(Some((id, job.clone())))
        }
        None => Ok(None),
    }
}

fn create(ddl: &mut Ddl<'_>, new: NewJob) -> Result<()> {
    check_name(&new.name)?;
    let there = match find(ddl, &new.name) {
        // Whose it is does not matter to who does not touch it.
        Err(_) | Ok(Some(_)) if new.if_not_exists => {
            skipping(ddl.context, "job", &new.name, true);
            return Ok(());
        }
        there => there?,
    };
    if there.is_some() && !new.or_replace {
        return Err(Error::new(Kind::DuplicateObject, format!("job \"{}\" already exists", new.name))
            .with_hint("CREATE OR REPLACE JOB makes it anew."));
    }
    let mut job = Job {
        name: new.name,
        owner: there.as_ref().map_or(ddl.context.role, |(_, old)| old.owner),
        statement: new.statement,
        timing: None,
        on_change: Vec::new(),
        once: false,
        settings: kept_settings(ddl, &new.settings)?,
        suspended: new.suspended.then_some(Suspended::Asked),
        since_ms: now_ms(),
        since_seq: ddl.txn.snapshot().seq,
    };
    set_when(ddl, &mut job, new.when)?;
    let id = there.map_or_else(|| ddl.new_id(), |(id, _)| id);
    ddl.txn.put_object(id, Object::Job(job))
}

/// The settings of the session that its jobs have too, with those that are written.
pub fn kept_settings(ddl: &Ddl<'_>, written: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let mut settings = ddl.context.settings.as_ref().clone();
    for (name, value) in written {
        if !KEPT_SETTINGS.contains(&name.as_str()) {
            return Err(Error::new(Kind::InvalidParameter, format!("setting \"{name}\" is not kept with a job"))
                .with_hint(format!("Those that are: {}.", KEPT_SETTINGS.join(", "))));
        }
        settings.set(name, value)?;
    }
    KEPT_SETTINGS.iter().map(|name| Ok(((*name).to_owned(), settings.get(name)?.to_owned()))).collect()
}

fn set_when(ddl: &Ddl<'_>, job: &mut Job, when: When) -> Result<()> {
    if let Some(zone) = when.zone {
        let mut settings = ddl.context.settings.fresh();
        settings.set("timezone", &zone)?;
        job.settings.insert("timezone".to_owned(), settings.get("timezone")?.to_owned());
    }
    if when.timing.is_some() {
        job.timing = when.timing;
    }
    if !when.on_change.is_empty() {
        if when.on_change.len() > JOB_TABLES_MAX {
            let message = format!("a job watches at most {JOB_TABLES_MAX} tables");
            return Err(Error::new(Kind::LimitExceeded, message));
        }
        job.on_change = when.on_change.iter().map(|relation| watched(ddl, relation)).collect::<Result<_>>()?;
    }
    Ok(())
}

/// A table whose changes the role may know of: one of which it may read something.
pub fn watched(ddl: &Ddl<'_>, (schema, name): &Relation) -> Result<ObjectId> {
    let (schema, name) = ddl.context.resolve(schema.as_deref(), name);
    ddl.context.must_reach(&schema)?;
    match ddl.txn.snapshot().catalog.relation(&schema, &name) {
        Some((_, Object::Table(_))) if is_temporary(&schema) => {
            Err(Error::new(Kind::Unsupported, "a job cannot watch temporary tables"))
        }
        Some((id, Object::Table(table))) => {
            tables::access(&ddl.looking(), id, table)?.must_read(table, &[])?;
            Ok(id)
        }
        Some((_, other)) => {
            let message = format!("\"{name}\" is not a table but a {}", other.kind_name());
            Err(Error::new(Kind::WrongObject, message).with_hint("Name the tables that it reads."))
        }
        None => Err(tables::undefined(ddl.context, &schema, &name)),
    }
}

fn alter(ddl: &mut Ddl<'_>, id: ObjectId, mut job: Job, change: JobChange) -> Result<()> {
    match change {
        JobChange::Suspend(true) => job.suspended = job.suspended.or(Some(Suspended::Asked)),
        JobChange::Suspend(false) => {
            job.suspended = None;
            // What came meanwhile was not missed, and failures of before count no more.
            renew(ddl, &mut job);
        }
        JobChange::When(when) => {
            set_when(ddl, &mut job, when)?;
            renew(ddl, &mut job);
        }
        JobChange::Rename(to) => {
            check_name(&to)?;
            if ddl.txn.snapshot().catalog.job(&to).is_some() {
                return Err(Error::new(Kind::DuplicateObject, format!("job \"{to}\" already exists")));
            }
            job.name = to;
        }
    }
    ddl.txn.put_object(id, Object::Job(job))
}

/// A job begins anew: what came before was not missed.
fn renew(ddl: &Ddl<'_>, job: &mut Job) {
    (job.since_ms, job.since_seq) = (now_ms(), ddl.txn.snapshot().seq);
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
