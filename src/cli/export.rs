//! `steward export` and `steward import`: a way out, and back.

use super::Ending;
use super::arguments::{Export, Import, RowFormat};
use super::backup::must_exist;
use super::console::Console;
use super::key::Key;
use super::script::{self, Runner, Style};
use crate::error::{Error, Kind, Result};
use crate::sql::Birth;
use crate::sql::export::{SCRIPT, database_of};
use crate::storage::Store;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    let report = runner.request(&format!("EXPORT DATABASE TO '{folder}' WITH (format = {format})")).await?;
    if report.failed > 0 {
        return Ok(Ending::Badly);
    }
    console.print(&format!("{} and {}/data hold everything, unsealed.\n", to.join(SCRIPT).display(), to.display()))?;
    Ok(Ending::Well)
}

/// Makes a database from an export.
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
    let database = Key::find(&data, console)?.open(&data, &birth)?;
    // The script names its files from where it lies.
    std::env::set_current_dir(&arguments.from).map_err(|error| Error::io(arguments.from.display(), &error))?;
    let style = Style { name: Some(script.display().to_string()), clock: true, ..Style::default() };
    let report = Runner::new(&database, &birth.user, console, style)?.script(&text).await?;
    match report.failed {
        0 => Ok(Ending::Well),
        _ => Ok(Ending::Badly),
    }
}

/// The path from the root, whether it is there or not.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::io(path.display(), &error))
}
