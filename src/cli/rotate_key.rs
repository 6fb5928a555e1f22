//! `steward rotate-key`: another master key for a database that nobody has open.
//!
//! A process that is killed anywhere in between leaves a database that opens. The keyring is replaced by renaming, copy by
//! copy. A key file is replaced by renaming too, after the keyring: until then the new key lies beside it, in `FILE.new`, and
//! whoever opens the database takes the one of both that fits ([`super::key`]).

use super::arguments::RotateKey;
use super::console::Console;
use super::key::{self, Key};
use super::{Ending, password};
use crate::crypto::{KeySource, MasterKey};
use crate::error::{Error, Kind, Result};
use crate::storage::{self, Store};
use std::path::Path;

/// The variable with the command that gives the new key.
const COMMAND_VARIABLE: &str = "STEWARD_NEW_KEY_COMMAND";

/// Seals the keyring with the new master key.
pub fn run(arguments: &RotateKey, console: &Console) -> Result<Ending> {
    let data = &arguments.data;
    if !Store::exists(data)? {
        let message = format!("directory \"{}\" holds no database of Steward", data.display());
        return Err(Error::new(Kind::Configuration, message));
    }
    let old = Key::find(data, console)?;
    let (new, now_in) = match arguments {
        RotateKey { to_key_file: Some(file), .. } => (key_file(data, file)?, format!("{}", file.display())),
        RotateKey { to_passphrase_file: Some(file), .. } => {
            let passphrase = password::read(file)?;
            (KeySource::passphrase(passphrase.as_str()), "the passphrase".to_owned())
        }
        RotateKey { to_command: true, .. } => {
            let Some(command) = key::variable(COMMAND_VARIABLE)? else {
                return Err(Error::new(Kind::Configuration, format!("{COMMAND_VARIABLE} is not set")));
            };
            (MasterKey::from_command(&command)?.into(), "what the command gives".to_owned())
        }
        _ => return replace_file(data, &old, console),
    };
    storage::rotate_master_key(data, &old.source, &new).map_err(|error| old.explain(error))?;
    console.print(&format!("The master key of {} is now {now_in}; the old one opens it no more.\n", data.display()))?;
    Ok(Ending::Well)
}

/// The key in a file; a new one if there is no such file.
fn key_file(data: &Path, file: &Path) -> Result<KeySource> {
    if storage::lies_in(file, data) {
        let message = format!("key file \"{}\" would lie in the folder that it opens", file.display());
        return Err(
            Error::new(Kind::Configuration, message).with_hint("Choose a place that no copy of the folder holds.")
        );
    }
    if file.exists() {
        return Ok(MasterKey::from_file(file)?.into());
    }
    let key = MasterKey::generate()?;
    key.write_file(file)?;
    Ok(key.into())
}

/// A new key in the file that the old one came from.
fn replace_file(data: &Path, old: &Key, console: &Console) -> Result<Ending> {
    let Some(file) = &old.file else {
        return Err(Error::new(Kind::Configuration, "the key does not come from the file beside the data folder")
            .with_hint("Say where the new one is: --to-key-file, --to-passphrase-file or --to-command."));
    };
    let (beside, new) = (key::beside(file, "new")?, MasterKey::generate()?);
    if beside.exists() {
        // Left by a process that was killed before the keyring knew it: `find` took the old key, so this one opens nothing.
        std::fs::remove_file(&beside).map_err(|error| Error::io(beside.display(), &error))?;
    }
    new.write_file(&beside)?;
    storage::rotate_master_key(data, &old.source, &new.into()).map_err(|error| old.explain(error))?;
    key::put_in_place(&beside, file)?;
    console.print(&format!(
        "The master key of {} is new; it is in {} (mode 0600). Keep a copy elsewhere: older copies open nothing of it any \
         more.\n",
        data.display(),
        file.display()
    ))?;
    Ok(Ending::Well)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Birth, Database};

    fn arguments(data: &Path) -> RotateKey {
        RotateKey { data: data.to_path_buf(), to_key_file: None, to_passphrase_file: None, to_command: false }
    }

    /// Whatever moment the process was killed at, the next one finds the key that opens.
    #[test]
    fn a_key_file_is_replaced_and_a_kill_in_between_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let (data, console) = (folder.path().join("data"), Console::default());
        let file = key::beside(&data, "key").unwrap();
        let new = key::beside(&file, "new").unwrap();
        MasterKey::generate().unwrap().write_file(&file).unwrap();
        let opens = || drop(Key::find(&data, &console).unwrap().open(&data, &Birth::default()).unwrap());
        opens();
        let before = std::fs::read(&file).unwrap();
        run(&arguments(&data), &console).unwrap();
        let after = std::fs::read(&file).unwrap();
        assert!(after != before && !new.exists());
        opens();

        // Killed before the keyring was changed: the new key is there and opens nothing.
        MasterKey::generate().unwrap().write_file(&new).unwrap();
        opens();
        run(&arguments(&data), &console).unwrap();
        assert!(!new.exists());
        opens();

        // Killed after it was changed: the old key is still in the file.
        let key = MasterKey::generate().unwrap();
        key.write_file(&new).unwrap();
        storage::rotate_master_key(&data, &Key::find(&data, &console).unwrap().source, &key.into()).unwrap();
        opens();
        assert!(!new.exists());
        opens();

        // To a file of its own, and to a passphrase.
        let other = folder.path().join("other.key");
        run(&RotateKey { to_key_file: Some(other.clone()), ..arguments(&data) }, &console).unwrap();
        let wrong = Key::find(&data, &console).unwrap().open(&data, &Birth::default()).unwrap_err();
        assert_eq!(wrong.kind(), Kind::WrongKey);
        let key = MasterKey::from_file(&other).unwrap().into();
        drop(Database::open(&data, &key).unwrap());
        std::fs::rename(&other, &file).unwrap();
        let phrase = folder.path().join("phrase");
        std::fs::write(&phrase, "correct horse\n").unwrap();
        run(&RotateKey { to_passphrase_file: Some(phrase), ..arguments(&data) }, &console).unwrap();
        drop(Database::open(&data, &KeySource::passphrase("correct horse")).unwrap());
    }
}
