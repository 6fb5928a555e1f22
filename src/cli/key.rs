//! Where the master key comes from.
//!
//! In order: the file that `STEWARD_KEY_FILE` names, the output of the command in `STEWARD_KEY_COMMAND`, the key in
//! `STEWARD_KEY`, the passphrase in `STEWARD_PASSPHRASE`, the file `DATA.key` beside the data folder; then, for a database that is there, a prompt, and for one that is to be made a new key, kept in
//! `DATA.key` with mode 0600. A key inside the data folder would travel with every copy of it.

use super::console::Console;
use super::terminal;
use crate::crypto::{KeySource, MasterKey};
use crate::error::{Error, Kind, Result};
use crate::sql::{Birth, Database};
use crate::storage::{self, Store};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const FILE_VARIABLE: &str = "STEWARD_KEY_FILE";
const COMMAND_VARIABLE: &str = "STEWARD_KEY_COMMAND";
const KEY_VARIABLE: &str = "STEWARD_KEY";
const PASSPHRASE_VARIABLE: &str = "STEWARD_PASSPHRASE";

/// A master key, or the passphrase of one.
#[derive(Debug)]
pub struct Key {
    /// The key.
    pub source: KeySource,
    /// The file of this database alone that it came from.
    pub file: Option<PathBuf>,
    /// The file that it came from, wherever that is.
    read_from: Option<PathBuf>,
    /// Where it came from, for messages.
    origin: String,
}

impl Key {
    /// The key for the database in `data`; makes one when there is neither a database nor a key, and says so.
    pub fn find(data: &Path, console: &Console) -> Result<Self> {
        if let Some(file) = variable(FILE_VARIABLE)? {
            let origin = format!("the file \"{}\" that {FILE_VARIABLE} names", *file);
            let key = MasterKey::from_file(Path::new(file.as_str()))?;
            return Ok(Self { read_from: Some(file.as_str().into()), ..Self::elsewhere(key.into(), origin) });
        }
        if let Some(command) = variable(COMMAND_VARIABLE)? {
            let key = MasterKey::from_command(&command)?;
            return Ok(Self::elsewhere(key.into(), format!("the command in {COMMAND_VARIABLE}")));
        }
        if let Some(digits) = variable(KEY_VARIABLE)? {
            let key = MasterKey::from_text(digits.as_bytes()).filter(|_| digits.len() > 32).ok_or_else(|| {
                Error::new(Kind::Configuration, format!("{KEY_VARIABLE} holds no key"))
                    .with_hint("A key is 64 hexadecimal digits.")
            })?;
            return Ok(Self::elsewhere(key.into(), KEY_VARIABLE.to_owned()));
        }
        if let Some(passphrase) = variable(PASSPHRASE_VARIABLE)? {
            return Ok(Self::elsewhere(KeySource::Passphrase(passphrase), PASSPHRASE_VARIABLE.to_owned()));
        }
        let file = beside(data, "key")?;
        let origin = format!("the file \"{}\"", file.display());
        if file.exists() || beside(&file, "new")?.exists() {
            return Self::from_own_file(data, file, origin);
        }
        if Store::exists(data)? {
            return match terminal::ask(&format!("Passphrase of \"{}\": ", data.display()))? {
                Some(text) => Ok(Self::elsewhere(KeySource::Passphrase(text), "the terminal".to_owned())),
                None => Err(Error::new(Kind::Configuration, format!("no key for database \"{}\"", data.display()))
                    .with_detail(format!(
                        "There is no file \"{}\" and no terminal to ask for a passphrase.",
                        file.display()
                    ))
                    .with_hint(format!(
                        "Name a key file in {FILE_VARIABLE}, or set {COMMAND_VARIABLE}, {KEY_VARIABLE} or {PASSPHRASE_VARIABLE}."
                    ))),
            };
        }
        Store::refuse_foreign(data)?;
        let key = MasterKey::generate()?;
        if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|error| Error::io(parent.display(), &error))?;
        }
        key.write_file(&file)?;
        console.print(&format!(
            "A new master key is in {} (mode 0600). Without it nothing in the database can be opened: keep a copy \
             elsewhere.\n",
            file.display()
        ))?;
        Ok(Self { source: key.into(), file: Some(file), read_from: None, origin })
    }

    fn elsewhere(source: KeySource, origin: String) -> Self {
        Self { source, file: None, read_from: None, origin }
    }

    /// The key in a file; or in `FILE.new`, if a change of the master key was cut off after the keyring had it.
    fn from_own_file(data: &Path, file: PathBuf, origin: String) -> Result<Self> {
        let new = beside(&file, "new")?;
        if new.exists() && Store::exists(data)? {
            let key = MasterKey::from_file(&new)?;
            if storage::is_master_key(data, &key.clone().into())? {
                put_in_place(&new, &file)?;
                return Ok(Self { source: key.into(), file: Some(file), read_from: None, origin });
            }
        }
        Ok(Self { source: MasterKey::from_file(&file)?.into(), file: Some(file), read_from: None, origin })
    }

    /// As [`Self::find`] where a key must be there: none is made.
    pub fn must_find(data: &Path, console: &Console) -> Result<Self> {
        let variables = [FILE_VARIABLE, COMMAND_VARIABLE, KEY_VARIABLE, PASSPHRASE_VARIABLE];
        let named =
            variables.into_iter().try_fold(false, |named, name| Ok::<_, Error>(named || variable(name)?.is_some()))?;
        if named || beside(data, "key")?.exists() {
            return Self::find(data, console);
        }
        match terminal::ask("Passphrase of the backup: ")? {
            Some(text) => Ok(Self::elsewhere(KeySource::Passphrase(text), "the terminal".to_owned())),
            None => Err(Error::new(Kind::Configuration, "no key for the backup")
                .with_hint(format!("Name the database's key file in {FILE_VARIABLE}, or set {PASSPHRASE_VARIABLE}."))),
        }
    }

    /// Opens the database in `data` with this key, or makes it as `birth` says. A wrong key is told with where it came
    /// from.
    pub fn open(&self, data: &Path, birth: &Birth) -> Result<Database> {
        let database = Database::open_or_create(data, &self.source, birth).map_err(|error| self.explain(error))?;
        self.read_from.iter().for_each(|file| database.keep_private(file));
        Ok(database)
    }

    /// Adds to a wrong key's error where the key came from.
    pub fn explain(&self, error: Error) -> Error {
        match error.kind() {
            Kind::WrongKey if error.detail().is_none() => {
                error.with_detail(format!("The key came from {}.", self.origin))
            }
            _ => error,
        }
    }
}

/// A variable of the environment that is set and not empty.
pub fn variable(name: &str) -> Result<Option<Zeroizing<String>>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(Zeroizing::new(value)).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Error::new(Kind::Configuration, format!("the value of {name} is not valid UTF-8")))
        }
    }
}

/// Gives a new key file the place of the old one, durable on return.
pub fn put_in_place(new: &Path, file: &Path) -> Result<()> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::rename(new, file)
        .and_then(|()| std::fs::File::open(parent)?.sync_all())
        .map_err(|error| Error::io(format!("key file \"{}\"", file.display()), &error))
}

/// The path `DATA.ending` beside the folder `data`.
pub fn beside(data: &Path, ending: &str) -> Result<PathBuf> {
    let renamed = |path: &Path| {
        let mut name = path.file_name()?.to_os_string();
        name.push(format!(".{ending}"));
        Some(path.with_file_name(name))
    };
    // A path such as `.` or `..` has no name of its own; the folder it leads to has.
    let found = renamed(data).or_else(|| renamed(&data.canonicalize().ok()?));
    found.ok_or_else(|| Error::new(Kind::Configuration, format!("\"{}\" cannot be a data folder", data.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_lies_beside_the_folder() {
        assert_eq!(beside(Path::new("./shop.db/"), "key").unwrap(), Path::new("./shop.db.key"));
        assert_eq!(beside(Path::new("/data/shop"), "password").unwrap(), Path::new("/data/shop.password"));
        let here = std::env::current_dir().unwrap();
        let mut expected = here.clone().into_os_string();
        expected.push(".key");
        assert_eq!(beside(Path::new("."), "key").unwrap().as_os_str(), expected);
        assert_eq!(beside(Path::new("/"), "key").unwrap_err().kind(), Kind::Configuration);
    }
}
