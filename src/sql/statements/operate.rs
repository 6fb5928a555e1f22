//! BACKUP DATABASE, EXPORT DATABASE, SCRUB DATABASE, CHECKPOINT, ALTER SYSTEM SET.

use super::super::context::Context;
use super::super::export;
use super::super::parser::Operate;
use super::super::run::blocking;
use super::super::session::{Outcome, Session, Status};
use super::super::settings::{parse_milliseconds, show_milliseconds};
use crate::config::RETENTION_DEFAULT_MS;
use crate::error::{Error, Kind, Result};
use crate::storage::Copying;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Runs a statement about the database as a whole. Superusers only: it reads past every policy, or changes what all share.
pub fn operate(session: &mut Session, operate: Operate) -> Result<Outcome> {
    let (context, state) = session.context();
    let name = match &operate {
        Operate::Backup { .. } => "BACKUP DATABASE",
        Operate::Export { .. } => "EXPORT DATABASE",
        Operate::Scrub => "SCRUB DATABASE",
        Operate::Checkpoint => "CHECKPOINT",
        Operate::SetSystem { .. } => "ALTER SYSTEM",
        Operate::SetOwner { .. } => return Err(Error::internal("ALTER ... OWNER TO is a definition")),
    };
    context.must_be_superuser(&format!("run {name}"))?;
    if session.status() != Status::Idle {
        let message = format!("{name} cannot run inside a transaction block");
        return Err(Error::new(Kind::ActiveTransaction, message));
    }
    blocking(|| match operate {
        Operate::Backup { to, options } => {
            let mut link = false;
            for (option, value) in options {
                link = match (option.as_str(), value.as_str()) {
                    ("link", "true" | "on") => true,
                    ("link", "false" | "off") => false,
                    ("link", _) => {
                        return Err(Error::new(Kind::InvalidParameter, "option \"link\" takes true or false"));
                    }
                    _ => return Err(Error::new(Kind::Syntax, format!("option \"{option}\" not recognized"))),
                };
            }
            backup(&context, must_be_absolute(&to)?, link)
        }
        Operate::Export { to, options } => {
            let mut format = export::Format::default();
            for (option, value) in options {
                format = match (option.as_str(), export::Format::from_name(&value)) {
                    ("format", Some(format)) => format,
                    ("format", None) => {
                        let message = "option \"format\" takes parquet or csv";
                        return Err(Error::new(Kind::InvalidParameter, message));
                    }
                    _ => return Err(Error::new(Kind::Syntax, format!("option \"{option}\" not recognized"))),
                };
            }
            let told = export::export(&context, &state, must_be_absolute(&to)?, format)?;
            Ok(format!("EXPORT {told}"))
        }
        Operate::Scrub => scrub(&context),
        Operate::Checkpoint => context.database.manager.store().checkpoint().map(|()| name.to_owned()),
        Operate::SetSystem { name: setting, value } => {
            set_system(&context, &setting, value.as_deref()).map(|()| name.to_owned())
        }
        Operate::SetOwner { .. } => Ok(name.to_owned()),
    })
    .map(Outcome::Command)
}

/// The server has a working directory that its clients know nothing of.
fn must_be_absolute(path: &str) -> Result<&Path> {
    let path = Path::new(path);
    match path.is_absolute() {
        true => Ok(path),
        false => Err(Error::new(Kind::InvalidParameter, "the folder must be an absolute path on the server")),
    }
}

fn backup(context: &Context, to: &Path, link: bool) -> Result<String> {
    let mut told = Instant::now();
    let progress = |now: Copying| {
        context.cancel.check()?;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            context.notice(format!("backup: {} of {} files, {} MiB copied", now.done, now.of, now.bytes >> 20));
        }
        Ok(())
    };
    let taken = context.database.manager.store().backup(to, link, progress)?;
    context.notice(format!(
        "backup: {} files of {} KiB, of which {} of {} KiB were new; taken at {}",
        taken.items,
        taken.bytes.div_ceil(1024),
        taken.copied,
        taken.copied_bytes.div_ceil(1024),
        crate::txn::shown(taken.taken_ms)
    ));
    Ok(format!("BACKUP {}", taken.items))
}

fn scrub(context: &Context) -> Result<String> {
    let store = context.database.manager.store();
    let mut told = Instant::now();
    let damaged = context.database.scrub.pass(store, |looked_at, of| {
        context.cancel.check()?;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            context.notice(format!("scrub: {looked_at} of {of} files"));
        }
        Ok(())
    })?;
    for found in &damaged {
        context.warn(format!("{} {} is damaged: {}", found.kind, found.object, found.message));
    }
    Ok(format!("SCRUB {}", damaged.len()))
}

fn set_system(context: &Context, name: &str, value: Option<&str>) -> Result<()> {
    if name != "steward.retention" {
        return Err(Error::new(Kind::UndefinedObject, format!("\"{name}\" is not a setting of the whole system"))
            .with_hint("steward.retention is; others are set with SET for a session."));
    }
    let ms = match value {
        None => RETENTION_DEFAULT_MS,
        Some(text) => parse_milliseconds(text).ok_or_else(|| {
            Error::new(Kind::InvalidParameter, format!("invalid value for parameter \"{name}\": \"{text}\""))
                .with_hint("Valid units for this parameter are \"ms\", \"s\", \"min\", \"h\", and \"d\".")
        })?,
    };
    context.database.manager.store().set_kept(ms)?;
    context.notice(format!("removed files and old logs are kept for {} from now on", show_milliseconds(ms)));
    Ok(())
}
