//! `steward init`: makes a database without asking anything.

use super::arguments::Init;
use super::console::Console;
use super::key::Key;
use super::{Ending, password};
use crate::error::{Error, Kind, Result};
use crate::sql::Birth;
use crate::storage::Store;

/// Makes the database; durable when this returns.
pub fn run(arguments: &Init, console: &Console) -> Result<Ending> {
    password::must_be_name("user", &arguments.user)?;
    password::must_be_name("database", &arguments.database)?;
    let data = arguments.data.display();
    if Store::exists(&arguments.data)? {
        return Err(Error::new(Kind::Configuration, format!("directory \"{data}\" holds a database already"))
            .with_hint(format!("Serve it with `steward serve --data {data}`, or choose another directory.")));
    }
    let password = password::read(&arguments.password_file)?;
    let birth = Birth {
        database: arguments.database.clone(),
        user: arguments.user.clone(),
        password: Some(password.as_str().to_owned()),
    };
    Key::find(&arguments.data, console)?.open(&arguments.data, &birth)?;
    console.print(&format!(
        "Made database \"{}\" in {data}, with superuser \"{}\".\nServe it with `steward serve --data {data}`.\n",
        arguments.database, arguments.user
    ))?;
    Ok(Ending::Well)
}
