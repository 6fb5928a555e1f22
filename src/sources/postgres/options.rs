//! What `CREATE SOURCE ... TYPE postgres OPTIONS (...)` may say.

use crate::config::{REMOTE_CONNECT_SECONDS, REMOTE_FETCH_ROWS};
use crate::error::{Error, Kind, Result};
use crate::fail;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// How much encryption is asked for: PostgreSQL's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Where another database is, and as whom it is entered.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteOptions {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) dbname: String,
    pub(super) user: String,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) schema: String,
    pub(super) sslmode: SslMode,
    pub(super) sslrootcert: Option<PathBuf>,
    pub(super) connect_timeout_s: u64,
    pub(super) fetch_rows: usize,
    /// Whether every column is text.
    pub all_varchar: bool,
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions").field("place", &self.shown()).finish_non_exhaustive()
    }
}

impl RemoteOptions {
    /// The names that are known.
    pub const NAMES: [&'static str; 11] = [
        "host",
        "port",
        "dbname",
        "user",
        "password",
        "schema",
        "sslmode",
        "sslrootcert",
        "connect_timeout",
        "fetch_size",
        "all_varchar",
    ];
    /// Those that are never shown.
    pub const SECRETS: [&'static str; 1] = ["password"];

    /// Reads options with their secrets; `InvalidParameter` for an unknown one, one that is missing, and a value it cannot have.
    pub fn read(options: &BTreeMap<String, String>, secrets: &BTreeMap<String, String>) -> Result<Self> {
        for name in options.keys() {
            if !Self::NAMES.contains(&name.as_str()) {
                let message = format!("a source of type postgres has no option \"{name}\"");
                return Err(Error::new(Kind::InvalidParameter, message)
                    .with_hint(format!("It knows {}.", Self::NAMES.join(", "))));
            }
        }
        let needed = |name: &str| match options.get(name).map(|value| value.trim()) {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => fail!(InvalidParameter, "a source of type postgres needs the option {name}"),
        };
        let host = needed("host")?;
        // A socket's server would take the database server itself for who asks.
        if host.starts_with(['/', '@']) || host.contains(',') {
            return Err(Error::new(Kind::InvalidParameter, "option \"host\" wants one name or address of a machine")
                .with_hint("Sockets in the file system are not entered: they know the server's own user."));
        }
        let number =
            |name: &str, usual: u64, most: u64| match options.get(name).map(|value| value.trim().parse::<u64>()) {
                None => Ok(usual),
                Some(Ok(value)) if (1..=most).contains(&value) => Ok(value),
                Some(_) => fail!(InvalidParameter, "option \"{name}\" wants a number from 1 to {most}"),
            };
        let user = needed("user")?;
        let sslmode = match options.get("sslmode").map(|value| value.trim().to_ascii_lowercase()).as_deref() {
            None | Some("prefer") => SslMode::Prefer,
            Some("disable") => SslMode::Disable,
            Some("require") => SslMode::Require,
            Some("verify-ca") => SslMode::VerifyCa,
            Some("verify-full") => SslMode::VerifyFull,
            Some(_) => {
                fail!(InvalidParameter, "option \"sslmode\" wants disable, prefer, require, verify-ca or verify-full")
            }
        };
        let sslrootcert = options.get("sslrootcert").map(PathBuf::from);
        if sslmode >= SslMode::VerifyCa && sslrootcert.is_none() {
            return Err(Error::new(Kind::InvalidParameter, "this sslmode needs the option sslrootcert")
                .with_hint("It names a file with the certificates of the authorities that are trusted, in PEM."));
        }
        let all_varchar = match options.get("all_varchar").map(|value| value.trim().to_ascii_lowercase()).as_deref() {
            None | Some("false" | "off" | "0") => false,
            Some("true" | "on" | "1") => true,
            Some(_) => fail!(InvalidParameter, "option \"all_varchar\" wants true or false"),
        };
        Ok(Self {
            host,
            port: u16::try_from(number("port", 5432, u16::MAX.into())?).unwrap_or(5432),
            dbname: options.get("dbname").filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| user.clone()),
            user,
            password: secrets.get("password").cloned().map(Zeroizing::new),
            schema: options
                .get("schema")
                .filter(|name| !name.is_empty())
                .cloned()
                .unwrap_or_else(|| "public".to_owned()),
            sslmode,
            sslrootcert,
            connect_timeout_s: number("connect_timeout", REMOTE_CONNECT_SECONDS, 600)?,
            fetch_rows: usize::try_from(number("fetch_size", REMOTE_FETCH_ROWS as u64, 1_000_000)?)
                .unwrap_or(REMOTE_FETCH_ROWS),
            all_varchar,
        })
    }

    /// Whether a password is known; an empty one is none.
    pub fn has_password(&self) -> bool {
        self.password.as_ref().is_some_and(|password| !password.is_empty())
    }

    /// The file of trusted certificates, which is read with the server's rights.
    pub fn root_certificates(&self) -> Option<&std::path::Path> {
        self.sslrootcert.as_deref()
    }

    /// The place for people: database, host and port.
    pub fn shown(&self) -> String {
        format!("database \"{}\" at {}:{}", self.dbname, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<RemoteOptions> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let secrets = BTreeMap::from([("password".to_owned(), "hunter2".to_owned())]);
        RemoteOptions::read(&options, &secrets)
    }

    #[test]
    fn options_are_checked_and_the_password_is_not_shown() {
        let read_one = read(&[("host", "db"), ("user", "ann")]).unwrap();
        assert_eq!(read_one.shown(), "database \"ann\" at db:5432");
        assert!(!format!("{read_one:?}").contains("hunter2"));
        for wrong in [
            &[("host", "db")][..],
            &[("user", "ann")],
            &[("host", "/tmp"), ("user", "ann")],
            &[("host", "a,b"), ("user", "ann")],
            &[("host", "db"), ("user", "ann"), ("port", "0")],
            &[("host", "db"), ("user", "ann"), ("port", "65536")],
            &[("host", "db"), ("user", "ann"), ("sslmode", "sometimes")],
            &[("host", "db"), ("user", "ann"), ("sslmode", "verify-full")],
            &[("host", "db"), ("user", "ann"), ("colour", "red")],
        ] {
            assert_eq!(read(wrong).unwrap_err().kind(), Kind::InvalidParameter, "{wrong:?}");
        }
    }
}
