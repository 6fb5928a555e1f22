//! `steward sql`: SQL on a database without a server.

use super::Ending;
use super::arguments::Sql;
use super::console::Console;
use super::key::Key;
use super::script::{self, Report, Runner, Style};
use crate::error::{Error, Kind, Result};
use crate::sql::{Birth, Database};
use crate::storage::Store;
use std::path::Path;
use std::sync::Arc;

/// Runs the statements given, or a script.
pub async fn run(arguments: &Sql, console: &Arc<Console>) -> Result<Ending> {
    let data = &arguments.data;
    if !Store::exists(data)? {
        let message = format!("directory \"{}\" holds no database of Steward", data.display());
        return Err(Error::new(Kind::Configuration, message)
            .with_hint("Make one with `steward init`, or with `steward serve` on an empty directory."));
    }
    let from_file = arguments.command.is_empty();
    let path = arguments.file.as_deref().unwrap_or(Path::new("-"));
    // Before the database is opened: a script that is not there is told at once.
    let text = if from_file { script::read(path)? } else { String::new() };

    let database = Key::find(data, console)?.open(data, &Birth::default())?;
    let user = role(arguments.user.as_deref(), &database)?;
    let style = Style {
        name: arguments.file.as_ref().filter(|path| path.as_os_str() != "-").map(|path| path.display().to_string()),
        echo: arguments.echo,
        keep_going: arguments.keep_going,
        clock: false,
    };
    let mut runner = Runner::new(&database, &user, console, style)?;
    let mut report = Report::default();
    if from_file {
        report = runner.script(&text).await?;
    }
    for text in &arguments.command {
        let one = runner.request(text).await?;
        report.failures.extend(one.failures);
        if one.stopped {
            break;
        }
    }
    Ok(if report.failures.is_empty() { Ending::Well } else { Ending::Badly })
}

/// The role that was named, or a superuser.
pub fn role(named: Option<&str>, database: &Database) -> Result<String> {
    named.map(str::to_owned).or_else(|| database.superusers().into_iter().next()).ok_or_else(|| {
        Error::new(Kind::Configuration, "the database has no superuser").with_hint("Name a role with --user.")
    })
}
