//! `steward report`: one page that a manager can read, of what there is, how good it is, who sees what, and what is wrong.
//!
//! [`facts`] asks the database as a role may see it; [`page`] writes HTML that needs no other file, no network and no
//! script, in English or Chinese ([`language`]); [`graph`] and [`chart`] draw. A report holds names, counts and shares,
//! never a value of a row, and each problem stands beside the SQL that shows its rows to whoever may see them.

mod chart;
mod facts;
mod graph;
mod language;
mod markup;
mod page;
mod problem;

pub use language::Language;

use super::Ending;
use super::arguments::Report;
use super::backup::must_exist;
use super::console::Console;
use super::key::Key;
use super::sql::role;
use crate::error::{Error, Kind, Result};
use crate::sql::Birth;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes the report.
pub async fn run(arguments: &Report, console: &Console) -> Result<Ending> {
    must_exist(&arguments.data)?;
    let opened = Key::find(&arguments.data, console)?.open(&arguments.data, &Birth::default());
    let database = opened.map_err(|error| match error.kind() {
        Kind::InUse => error
            .with_hint("While a server runs, report on a copy: BACKUP DATABASE TO '/folder', then steward restore."),
        _ => error,
    })?;
    let user = role(arguments.user.as_deref(), &database)?;
    let facts = facts::gathered(&mut database.session(&user)?).await?;
    let html = page::page(&facts, arguments.language);
    write_whole(&arguments.html, &html)?;
    let path = arguments.html.display();
    console.print(&format!("{path}: {} assets, {} problems\n", facts.assets.len(), facts.problems.len()))?;
    Ok(Ending::Well)
}

/// Writes a file that is there whole or not at all, for its owner alone: names of columns are no secret, but nobody else's business.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(path.display(), &error);
    let unfinished = path.with_extension("html.part");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished).map_err(failed)?;
    let written =
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&unfinished);
        failed(error)
    })
}

#[cfg(test)]
mod tests;
