//! Files that hold a password, and the names that go with one.

use crate::config::NAME_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use crate::fail;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Longest password that is read.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// The password in a file, without the newline at its end; `-` is the standard input.
pub fn read(path: &Path) -> Result<Zeroizing<String>> {
    let name = path.display();
    let refuse = |what: String| Error::new(Kind::Configuration, format!("password file \"{name}\" {what}"));
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSWORD_BYTES_MAX as usize + 1));
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(PASSWORD_BYTES_MAX + 1).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(PASSWORD_BYTES_MAX + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if let Ok(meta) = std::fs::metadata(path)
        && meta.is_file()
        && meta.permissions().mode() & 0o077 != 0
    {
        let mode = meta.permissions().mode() & 0o777;
        tracing::warn!("password file \"{name}\" has mode {mode:04o}: others may read it; set it to 0600");
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| refuse("is not valid UTF-8".to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(refuse("is empty".to_owned()).with_hint("Put the password into it, on one line."));
    }
    if text.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(refuse(format!("holds more than {PASSWORD_BYTES_MAX} bytes")));
    }
    if text.contains('\0') {
        return Err(refuse("holds a zero byte".to_owned()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Writes a password to a file that only its owner may read, in place of an older one.
pub fn write(path: &Path, password: &str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // The mode above is only for a new file.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        writeln!(file, "{password}")?;
        file.sync_all()
    };
    write().map_err(|error| Error::io(format!("password file \"{}\"", path.display()), &error))
}

/// Refuses what cannot name a role or a database.
pub fn must_be_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        fail!(Configuration, "a {what}'s name has 1 to {NAME_BYTES_MAX} bytes and no control characters");
    }
    if what == "user" && (matches!(name, "public" | "none") || name.starts_with("pg_")) {
        fail!(Configuration, "role name \"{name}\" is reserved");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_is_not_of_the_password() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        for (content, password) in [("geheim\n", "geheim"), ("a b\r\n", "a b"), (" x\n\n", " x\n"), ("密码", "密码")]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(*read(&path).unwrap(), password);
        }
        for content in [&b""[..], b"\n", b"\xff", b"a\0b"] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read(&path).unwrap_err().kind(), Kind::Configuration);
        }
        assert_eq!(read(&dir.path().join("none")).unwrap_err().kind(), Kind::Configuration);
    }

    #[test]
    fn a_written_password_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "something older and longer").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(*read(&path).unwrap(), "new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn names_are_checked() {
        assert!(must_be_name("user", "商店").is_ok());
        for name in ["", "public", "pg_x", "a\nb", &"x".repeat(64)] {
            assert_eq!(must_be_name("user", name).unwrap_err().kind(), Kind::Configuration, "{name}");
        }
        assert!(must_be_name("database", "public").is_ok());
    }
}
