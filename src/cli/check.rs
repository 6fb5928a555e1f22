//! `steward check`: opens every seal of a database, whatever state it is in, and reports.
//!
//! The store looks at its own bytes ([`storage::check`]). When those are whole, every file that the catalogue refers to is
//! looked for: one that is missing altogether shows only so. With `--deep` every row of every table is decoded as well.

use super::Ending;
use super::arguments::Check;
use super::console::Console;
use super::key::Key;
use crate::catalog::{Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::sql::referred_files;
use crate::storage::{self, FileId, Files, Finding, Store};
use crate::txn::{Manager, shown};
use std::collections::HashSet;
use std::sync::Arc;

/// Checks and reports; [`Ending::Badly`] when anything is damaged.
pub fn run(arguments: &Check, console: &Console) -> Result<Ending> {
    let data = &arguments.data;
    if !Store::exists(data)? {
        let message = format!("directory \"{}\" holds no database of Steward", data.display());
        return Err(Error::new(Kind::Configuration, message));
    }
    let key = Key::find(data, console)?;
    let (mut findings, store) = storage::check_and_open(data, &key.source).map_err(|error| key.explain(error))?;
    if let Some(store) = store
        && findings.iter().all(|finding| finding.ok)
    {
        findings.extend(referred(Arc::new(store), arguments.deep));
    }
    console.print(&report(&findings))?;
    let damaged = findings.iter().filter(|finding| !finding.ok).count();
    if damaged == 0 {
        console.print(&format!("{}: everything is whole.\n", data.display()))?;
        return Ok(Ending::Well);
    }
    Err(Error::new(
        Kind::Corruption,
        format!("{damaged} of {} things in {} are damaged", findings.len(), data.display()),
    )
    .with_hint(
        "Keep a copy of the folder as it is; `steward repair` mends what can be mended, --from a backup what is lost.",
    ))
}

/// The files of a store that its catalogue refers to and that are not there.
pub fn whole_of(store: &Arc<Store>) -> Result<Vec<Finding>> {
    let findings = files(store, &Manager::open(store.clone())?)?;
    Ok(findings.into_iter().filter(|finding| !finding.ok).collect())
}

/// What of the past can still be read.
fn past(manager: &Manager) -> Result<String> {
    let kept = manager.store().kept()?;
    Ok(match kept.ms {
        0 => "it is not kept: steward.retention is 0".to_owned(),
        _ => format!("it reaches back to {}", shown(manager.reaches_back_ms()?)),
    })
}

/// The findings, one a line.
fn report(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.object.chars().count()).max().unwrap_or(0);
    let line = |finding: &Finding| {
        let state = if finding.ok { "ok" } else { "DAMAGED" };
        format!("{state:<8} {:<7} {:<width$} {}\n", finding.kind, finding.object, finding.message)
    };
    findings.iter().map(line).collect()
}

/// Looks for every file that the catalogue refers to, and decodes all rows if the check is a deep one.
fn referred(store: Arc<Store>, deep: bool) -> Vec<Finding> {
    let unreadable = |error| vec![finding("catalogue", "catalog", Err(error))];
    let manager = match Manager::open(store.clone()) {
        Ok(manager) => manager,
        Err(error) => return unreadable(error),
    };
    let mut findings = files(&store, &manager).unwrap_or_else(unreadable);
    findings.push(finding("past", "history", past(&manager)));
    if deep {
        findings.push(finding("audit log", "audit", audit(&manager)));
        let snapshot = manager.current();
        for (id, object) in snapshot.catalog.objects() {
            if let Object::Table(table) = object.as_ref() {
                let name = format!("{}.{}", table.schema, table.name);
                findings.push(finding(&name, "table", rows_of(&manager, id, table)));
            }
        }
    }
    findings
}

/// Whether the chain of the audit log holds.
fn audit(manager: &Manager) -> Result<String> {
    let verdict = manager.audit().verify()?;
    match verdict.broken {
        None => Ok(format!("{} entries from {} on, the head is {}", verdict.entries, verdict.first, verdict.head)),
        Some((number, why)) => Err(Error::new(Kind::Corruption, format!("entry {number}: {why}"))),
    }
}

/// One finding for each file that is missing, and one for all that are there.
fn files(store: &Store, manager: &Manager) -> Result<Vec<Finding>> {
    let there: HashSet<u64> = store.files().list()?.into_iter().map(FileId::as_u64).collect();
    let wanted = referred_files(manager)?;
    let missing = wanted.iter().filter(|(id, _)| !there.contains(&id.as_u64()));
    let mut findings: Vec<Finding> = missing
        .map(|(id, what)| {
            let error = Error::new(Kind::Corruption, format!("it is missing, and {what} needs it"));
            finding(&Files::shown(*id), "file", Err(error))
        })
        .collect();
    let message = format!("{} of {} files that it refers to are there", wanted.len() - findings.len(), wanted.len());
    findings.insert(0, finding("catalogue", "catalog", Ok(message)));
    Ok(findings)
}

fn finding(object: &str, kind: &'static str, result: Result<String>) -> Finding {
    let (ok, message) = match result {
        Ok(message) => (true, message),
        Err(error) => (false, error.message().to_owned()),
    };
    Finding { object: object.to_owned(), kind, ok, message }
}

/// Decodes every column of every segment.
fn rows_of(manager: &Manager, id: ObjectId, table: &Table) -> Result<String> {
    let rows = manager.current().rows(id);
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    for segment in &rows.segments {
        manager.read(id, segment, &columns)?;
    }
    Ok(format!("{} rows in {} segments", rows.live_rows(), rows.segments.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_aligned() {
        let findings = [
            finding("keyring", "keyring", Ok("both copies are whole".to_owned())),
            finding("files/ab/1", "file", Err(Error::new(Kind::Corruption, "block 3 does not open"))),
        ];
        let expected =
            "ok       keyring keyring    both copies are whole\nDAMAGED  file    files/ab/1 block 3 does not open\n";
        assert_eq!(report(&findings), expected);
    }
}
