//! `steward export` and `steward import`: a way out, and back.

use super::Ending;
use super::arguments::{Export, Import, RowFormat};
use super::backup::must_exist;
use super::console::Console;
use super::key::Key;
use super::script::{self, Runner, Style};
use crate::error::{Error, Kind, Result};
use crate::sql::Birth;
use crate::sql::export::{SCRIPT, database_of, superuser_of};
use crate::storage::Store;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Characters of a statement that are shown of it.
const SHOWN_CHARACTERS: usize = 120;

/// Writes everything as SQL, and Parquet or CSV.
pub async fn export(arguments: &Export, console: &Arc<Console>) -> Result<Ending> {
    must_exist(&arguments.data)?;
    let database = Key::find(&arguments.data, console)?.open(&arguments.data, &Birth::default())?;
    let to = absolute(&arguments.to)?;
    let user = database.superusers().into_iter().next().unwrap_or_default();
    let mut runner = Runner::new(&database, &user, console, Style::default())?;
    let folder = to.display().to_string().replace('\'', "''");
    let format = match arguments.format {
        RowFormat::Parquet => "parquet",
        RowFormat::Csv => "csv",
    };
    if arguments.allow_damaged {
        runner.request("SET steward.allow_damaged = on").await?;
    }
    let report = runner.request(&format!("EXPORT DATABASE TO '{folder}' WITH (format = {format})")).await?;
    if !report.failures.is_empty() {
        return Ok(Ending::Badly);
    }
    console.print(&format!(
        "{} holds everything, unsealed: {SCRIPT}, rows in data/, models in models/.\n",
        to.display()
    ))?;
    Ok(Ending::Well)
}

/// Makes a database from an export. What a statement that fails leaves behind is told to be less than everything.
pub async fn import(arguments: &Import, console: &Arc<Console>) -> Result<Ending> {
    let script = arguments.from.join(SCRIPT);
    let text = script::read(&script)?;
    let data = absolute(&arguments.data)?;
    if Store::exists(&data)? {
        let message = format!("directory \"{}\" holds a database already", data.display());
        return Err(Error::new(Kind::Configuration, message).with_hint("Import into an empty or a new directory."));
    }
    let mut birth = Birth::default();
    if let Some(name) = arguments.database.as_deref().or_else(|| database_of(&text)) {
        name.clone_into(&mut birth.database);
    }
    if let Some(name) = superuser_of(&text) {
        name.clone_into(&mut birth.user);
    }
    let database = Key::find(&data, console)?.open(&data, &birth)?;
    // The script names its files from where it lies.
    std::env::set_current_dir(&arguments.from).map_err(|error| Error::io(arguments.from.display(), &error))?;
    let name = Some(script.display().to_string());
    let style = Style { name, clock: true, keep_going: arguments.keep_going, ..Style::default() };
    let report = Runner::new(&database, &birth.user, console, style)?.script(&text).await?;
    match report.failures.first() {
        None => Ok(Ending::Well),
        Some(first) if !arguments.keep_going => {
            console.note(&format!(
                "The import ended at line {} of {SCRIPT}, which is not done:\n    {}\n\
                 The database in {} is incomplete: it has what stands before that line, and nothing of what stands behind it.\n\
                 Remove it, mend what the error says, and import again; or import with --keep-going, which leaves out what fails.",
                first.line,
                shown(&first.text),
                data.display()
            ));
            Ok(Ending::Badly)
        }
        Some(_) => {
            let lines: Vec<String> = report
                .failures
                .iter()
                .map(|failure| format!("    line {}: {}", failure.line, shown(&failure.text)))
                .collect();
            let (count, lines) = (lines.len(), lines.join("\n"));
            let data = data.display();
            console.note(&format!("The database in {data} is incomplete; statements that failed: {count}\n{lines}"));
            Ok(Ending::Badly)
        }
    }
}

/// A statement as its first line, which names what it makes.
fn shown(statement: &str) -> String {
    let line = statement.trim_start().lines().next().unwrap_or_default();
    match line.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// The path from the root, whether it is there or not.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::io(path.display(), &error))
}
