//! `steward backup` and `steward restore`: a copy of a stopped database, and a database from a copy.

use super::Ending;
use super::arguments::{Backup, Restore};
use super::check::whole_of;
use super::console::Console;
use super::key::Key;
use crate::error::{Error, Kind, Result};
use crate::storage::{self, Copying, Latest, Store, Target};
use crate::txn::{Finder, Moment, shown};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use std::path::Path;

/// Backs a database up that no server has open.
pub fn backup(arguments: &Backup, console: &Console) -> Result<Ending> {
    let data = &arguments.data;
    must_exist(data)?;
    let key = Key::find(data, console)?;
    let store = Store::open_existing(data, &key.source).map_err(|error| match error.kind() {
        Kind::InUse => error.with_hint("A running server takes backups too: BACKUP DATABASE TO '/folder'."),
        _ => key.explain(error),
    })?;
    let mut told = 0;
    let progress = |now: Copying| {
        if now.bytes >> 30 > told {
            told = now.bytes >> 30;
            console.note(&format!("  {} of {} files, {} GiB copied", now.done, now.of, told));
        }
        Ok(())
    };
    let taken = store.backup(&arguments.to, arguments.link, progress)?;
    console.print(&format!(
        "Backed up {} files of {} KiB into {}, of which {} files of {} KiB were new.\nTaken at {}. It opens with the key \
         that the database has now: keep that elsewhere.\n",
        taken.items,
        taken.bytes.div_ceil(1024),
        arguments.to.display(),
        taken.copied,
        taken.copied_bytes.div_ceil(1024),
        shown(taken.taken_ms)
    ))?;
    Ok(Ending::Well)
}

/// Makes a database from a backup.
pub fn restore(arguments: &Restore, console: &Console) -> Result<Ending> {
    let data = &arguments.data;
    let key = Key::must_find(data, console)?;
    let mut target: Box<dyn Target> = match (arguments.to_commit, &arguments.to_time) {
        (Some(number), _) => Box::new(Finder::new(Moment::Commit(number))),
        (None, Some(text)) => Box::new(Finder::new(Moment::Time(time_ms(text)?))),
        (None, None) => Box::new(Latest),
    };
    let restored = storage::restore(&arguments.from, data, &key.source, &mut *target);
    let restored = restored.map_err(|error| key.explain(error))?;
    // The store knows its seals; what the catalogue refers to is known above it only.
    let missing = whole_of(&restored.store)?;
    if let Some(first) = missing.first() {
        let (count, message) = (missing.len(), format!("{} {}", first.object, first.message));
        drop(restored);
        return Err(Error::new(Kind::Corruption, format!("the backup lacks {count} files of that moment: {message}"))
            .with_hint(
                "Remove the data directory, and restore to a later moment: files were kept from then on only.",
            ));
    }
    let seq = crate::txn::Manager::open(restored.store.clone())?.current().seq;
    let when = match restored.time_ms {
        0 => String::new(),
        time_ms => format!(" of {}", shown(time_ms)),
    };
    console.print(&format!(
        "Restored commit {seq}{when} into {}: {} files of {} KiB, every seal opened.\n",
        data.display(),
        restored.files,
        restored.bytes.div_ceil(1024)
    ))?;
    restored.finish()?;
    Ok(Ending::Well)
}

/// Refuses a folder that holds no database.
pub fn must_exist(data: &Path) -> Result<()> {
    match Store::exists(data)? {
        true => Ok(()),
        false => {
            let message = format!("directory \"{}\" holds no database of Steward", data.display());
            Err(Error::new(Kind::Configuration, message))
        }
    }
}

/// A time as it is written, in milliseconds since 1970; UTC unless it names another zone.
fn time_ms(text: &str) -> Result<u64> {
    let zoned =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"));
    let plain = || {
        let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
        let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).or_else(date)
    };
    let ms = zoned.map(|time| time.timestamp_millis()).ok().or_else(|| Some(plain()?.and_utc().timestamp_millis()));
    match ms.filter(|ms| *ms >= 0) {
        Some(ms) => Ok(ms as u64),
        None => Err(Error::new(Kind::Configuration, format!("\"{text}\" is not a time"))
            .with_hint("Write 2026-01-31 23:59:59 (UTC), or with a zone: 2026-01-31T23:59:59+08:00.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let ms = 1_769_903_999_000;
        for text in
            ["2026-01-31 23:59:59", "2026-01-31T23:59:59Z", "2026-02-01T07:59:59+08:00", "2026-01-31 23:59:59+00"]
        {
            assert_eq!(time_ms(text).unwrap(), ms, "{text}");
        }
        assert_eq!(time_ms("2026-01-31").unwrap(), 1_769_817_600_000);
        assert_eq!(time_ms("yesterday").unwrap_err().kind(), Kind::Configuration);
    }
}
