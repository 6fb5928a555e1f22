//! BACKUP DATABASE, EXPORT DATABASE, SCRUB DATABASE, CHECKPOINT, ALTER SYSTEM SET.

use super::super::context::Context;
use super::super::export;
use super::super::parser::Operate;
use super::super::run::blocking;
use super::super::session::{Outcome, Session, Status};
use super::super::settings::{parse_milliseconds, show_milliseconds};
use crate::catalog::{AuditAction, AuditEntry, AuditLevel, AuditObject};
use crate::config::{AUDIT_RETENTION_DEFAULT_MS, RETENTION_DEFAULT_MS};
use crate::error::{Error, Kind, Result};
use crate::storage::Copying;
use crate::txn::Rules;
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
    let entry = session.entry(AuditAction::Audit);
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
            set_system(&context, entry, &setting, value.as_deref()).map(|()| name.to_owned())
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

/// Sets what counts for the whole system. `entry` tells the audit log who did, where that is what is set.
fn set_system(context: &Context, entry: AuditEntry, name: &str, value: Option<&str>) -> Result<()> {
    let invalid = |hint: &str| {
        let value = value.unwrap_or_default();
        let message = format!("invalid value for parameter \"{name}\": \"{value}\"");
        Error::new(Kind::InvalidParameter, message).with_hint(hint)
    };
    let milliseconds = |default: u64| match value {
        None => Ok(default),
        Some(text) => parse_milliseconds(text)
            .ok_or_else(|| invalid("Valid units for this parameter are \"ms\", \"s\", \"min\", \"h\", and \"d\".")),
    };
    let audit = context.database.manager.audit();
    let rules = audit.rules();
    let rules = match name {
        "steward.retention" => {
            let ms = milliseconds(RETENTION_DEFAULT_MS)?;
            context.database.manager.store().set_kept(ms)?;
            context.notice(format!("removed files and old logs are kept for {} from now on", show_milliseconds(ms)));
            return Ok(());
        }
        "steward.audit" => {
            let level = match value {
                None => Rules::default().level,
                Some(text) => AuditLevel::from_name(&text.to_lowercase())
                    .ok_or_else(|| invalid("Available values: none, ddl, write, read."))?,
            };
            context.notice(format!("the audit log has level \"{}\" from now on", level.name()));
            Rules { level, ..rules }
        }
        "steward.audit_retention" => {
            let retention_ms = milliseconds(AUDIT_RETENTION_DEFAULT_MS)?;
            let kept = match retention_ms {
                0 => "for ever".to_owned(),
                ms => format!("for {}", show_milliseconds(ms)),
            };
            context.notice(format!("entries of the audit log are kept {kept} from now on"));
            Rules { retention_ms, ..rules }
        }
        _ => {
            return Err(Error::new(Kind::UndefinedObject, format!("\"{name}\" is not a setting of the whole system"))
                .with_hint(
                    "steward.retention, steward.audit and steward.audit_retention are; others are set with SET for a session.",
                ));
        }
    };
    let set = format!(
        "{name} = {}",
        if name == "steward.audit" { rules.level.name().to_owned() } else { show_milliseconds(rules.retention_ms) }
    );
    let objects = vec![AuditObject { name: set, columns: Vec::new(), masked: Vec::new() }];
    audit.set_rules(rules, AuditEntry { command: "ALTER SYSTEM".to_owned(), objects, ..entry })?;
    audit.retire(chrono::Utc::now().timestamp_micros())?;
    Ok(())
}
