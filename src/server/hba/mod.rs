//! Who may come in from where, and how they prove who they are: rules in the form of PostgreSQL's `pg_hba.conf`.
//!
//! The first line that fits a connection (its encryption, database, role, address) decides, and no later one is looked
//! at; where none fits, nobody comes in. `parse` reads a file; here its rules are kept, matched and, when the server is
//! told so, read again. A file with a bad line is refused whole: the server does not start with it, and one that runs goes
//! on with the rules it has.
//!
//! Left out: `map`, `@file`, host names and `samenet` (no name service is asked who somebody is), and methods other than
//! `scram-sha-256` (of which `md5` is another name here, as in PostgreSQL when the stored password is a SCRAM verifier),
//! `cert`, `reject` and `trust`. `trust` is for loopback addresses only: see docs/security.md.

mod parse;

use crate::config::HBA_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use arc_swap::ArcSwap;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Where a connection comes from and what it wants.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// Its address.
    pub address: IpAddr,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The role that it wants to be.
    pub role: &'a str,
    /// The database that it wants.
    pub database: &'a str,
}

/// How a visitor proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By its password.
    Scram,
    /// By a client certificate of its name, and no password.
    Certificate,
    /// Not at all: it is believed.
    Trust,
    /// It does not come in.
    Reject,
}

/// What a client must show of a certificate beside its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// One that a known authority has signed.
    Signed,
    /// One that names the role, too.
    Named,
}

/// What a rule asks of those whom it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How the role is proved.
    pub method: Method,
    /// What certificate is to be shown.
    pub certificate: Shown,
}

/// Which connections a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `local`, `hostgssenc`: such connections are never here.
    Never,
    /// `host`, `hostnogssenc`
    Any,
    /// `hostssl`
    Encrypted,
    /// `hostnossl`
    Plain,
}

/// A name or keyword in a column of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    /// What stands in quotation marks is a name, whatever it is.
    quoted: bool,
}

/// Addresses of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Addresses {
    All,
    V4(u32, u32),
    V6(u128, u128),
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    way: Way,
    databases: Vec<Word>,
    roles: Vec<Word>,
    addresses: Addresses,
    terms: Terms,
}

/// What the server can do, which rules may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// It speaks TLS.
    pub encrypts: bool,
    /// It knows authorities of client certificates.
    pub asks_clients: bool,
}

/// The rules that are in force.
pub struct Rules {
    file: Option<(PathBuf, Abilities)>,
    list: ArcSwap<Vec<Rule>>,
}

impl Rules {
    /// The rules without a file: everybody by password, from everywhere; only encrypted if that is required.
    pub fn everyone(encrypted_only: bool) -> Self {
        let all = |text: &str| vec![Word { text: text.to_owned(), quoted: false }];
        let rule = Rule {
            way: if encrypted_only { Way::Encrypted } else { Way::Any },
            databases: all("all"),
            roles: all("all"),
            addresses: Addresses::All,
            terms: Terms { method: Method::Scram, certificate: Shown::Nothing },
        };
        Self { file: None, list: ArcSwap::from_pointee(vec![rule]) }
    }

    /// The rules of a file.
    pub fn load(path: PathBuf, abilities: Abilities) -> Result<Self> {
        let list = read(&path, abilities)?;
        Ok(Self { file: Some((path, abilities)), list: ArcSwap::from_pointee(list) })
    }

    /// Reads the file again. After an error the rules are what they were.
    pub fn reload(&self) -> Result<()> {
        if let Some((path, abilities)) = &self.file {
            self.list.store(read(path, *abilities)?.into());
        }
        Ok(())
    }

    /// Reads the file again, and says in the log what came of it.
    pub fn reload_and_log(&self) {
        match self.reload() {
            Ok(()) => tracing::info!("the rules who may connect were read again"),
            Err(error) => tracing::error!("the rules who may connect stay as they were: {}", error.message()),
        }
    }

    /// What is asked of a visitor; `is_member` says whether its role is in a group. No rule for it, or one that rejects it,
    /// is an error.
    pub fn terms(&self, visitor: Visitor<'_>, is_member: impl Fn(&str) -> bool) -> Result<Terms> {
        let rules = self.list.load();
        let found = rules.iter().find(|rule| rule.fits(visitor, &is_member)).map(|rule| rule.terms);
        let beginning = match found {
            Some(terms) if terms.method != Method::Reject => return Ok(terms),
            Some(_) => "pg_hba.conf rejects connection",
            None => "no pg_hba.conf entry",
        };
        let encryption = if visitor.encrypted { "SSL encryption" } else { "no encryption" };
        let message = format!(
            "{beginning} for host \"{}\", user \"{}\", database \"{}\", {encryption}",
            visitor.address, visitor.role, visitor.database
        );
        Err(Error::new(Kind::NotAuthorized, message))
    }
}

impl Rule {
    fn fits(&self, visitor: Visitor<'_>, is_member: &impl Fn(&str) -> bool) -> bool {
        let way = match self.way {
            Way::Never => false,
            Way::Any => true,
            Way::Encrypted => visitor.encrypted,
            Way::Plain => !visitor.encrypted,
        };
        way && self.addresses.contain(visitor.address)
            && self.databases.iter().any(|word| fits_database(word, visitor, is_member))
            && self.roles.iter().any(|word| fits_role(word, visitor, is_member))
    }
}

fn fits_database(word: &Word, visitor: Visitor<'_>, is_member: &impl Fn(&str) -> bool) -> bool {
    match word.text.as_str() {
        "all" if !word.quoted => true,
        "sameuser" if !word.quoted => visitor.database == visitor.role,
        "samerole" | "samegroup" if !word.quoted => is_member(visitor.database),
        // Connections for replication are refused before.
        "replication" if !word.quoted => false,
        name => name == visitor.database,
    }
}

fn fits_role(word: &Word, visitor: Visitor<'_>, is_member: &impl Fn(&str) -> bool) -> bool {
    match word.text.as_str() {
        "all" if !word.quoted => true,
        name if !word.quoted && name.starts_with('+') => is_member(&name[1..]),
        name => name == visitor.role,
    }
}

impl Addresses {
    fn contain(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::All, _) => true,
            (Self::V4(network, mask), IpAddr::V4(address)) => u32::from(address) & mask == network,
            (Self::V6(network, mask), IpAddr::V6(address)) => u128::from(address) & mask == network,
            _ => false,
        }
    }

    /// Whether nobody but this machine has such an address.
    fn are_loopback(self) -> bool {
        match self {
            Self::All => false,
            Self::V4(network, mask) => mask >= 0xff00_0000 && network >> 24 == 127,
            Self::V6(network, mask) => mask == u128::MAX && network == 1,
        }
    }
}

fn read(path: &Path, abilities: Abilities) -> Result<Vec<Rule>> {
    let failed = |why: String| {
        Error::new(Kind::Configuration, format!("could not load rule file \"{}\": {why}", path.display()))
            .with_hint("Give the path of a file in the form of pg_hba.conf; docs/security.md has an example.")
    };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(HBA_BYTES_MAX).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    parse::rules(&text, abilities).map_err(|bad| {
        let why = format!("line {}: {}", bad.line, bad.why);
        Error::new(Kind::Configuration, format!("could not load rule file \"{}\": {why}", path.display()))
            .with_hint("Mend the line: TYPE DATABASE USER ADDRESS METHOD [OPTIONS], as in pg_hba.conf.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Abilities = Abilities { encrypts: true, asks_clients: true };

    fn rules(text: &str) -> Rules {
        Rules { file: None, list: ArcSwap::from_pointee(parse::rules(text, ALL).unwrap()) }
    }

    fn visitor<'a>(address: &str, encrypted: bool, role: &'a str, database: &'a str) -> Visitor<'a> {
        Visitor { address: address.parse().unwrap(), encrypted, role, database }
    }

    /// What the rules say of a visitor, who is a member of `staff` if it is called ann.
    fn said(rules: &Rules, visitor: Visitor<'_>) -> String {
        let is_member = |group: &str| group == visitor.role || (group == "staff" && visitor.role == "ann");
        match rules.terms(visitor, is_member) {
            Ok(terms) => format!("{:?} {:?}", terms.method, terms.certificate),
            Err(error) => {
                assert_eq!(error.kind(), Kind::NotAuthorized);
                error.message().split(" for ").next().unwrap().to_owned()
            }
        }
    }

    #[test]
    fn the_first_line_that_fits_decides() {
        let rules = rules(
            "# the office\n\
             local all all peer\n\
             hostssl shop +staff 10.0.0.0/8 scram-sha-256 clientcert=verify-full\n\
             host all eve 10.0.0.0 255.0.0.0 reject\n\
             hostssl all all 10.1.0.0/16 cert\n\
             host sameuser all 2001:db8::/32 md5 # by its old name\n\
             hostnossl \"all\" \"+x\" 0.0.0.0/0 scram-sha-256\n\
             host all all 127.0.0.1/32 trust\n",
        );
        for (address, encrypted, role, database, expected) in [
            ("10.2.3.4", true, "ann", "shop", "Scram Named"),
            ("10.2.3.4", false, "ann", "shop", "no pg_hba.conf entry"),
            ("10.2.3.4", true, "eve", "shop", "pg_hba.conf rejects connection"),
            ("10.1.3.4", true, "bob", "attic", "Certificate Named"),
            ("11.1.3.4", true, "bob", "attic", "no pg_hba.conf entry"),
            ("2001:db8::7", false, "bob", "bob", "Scram Nothing"),
            ("2001:db8::7", false, "bob", "shop", "no pg_hba.conf entry"),
            ("8.8.8.8", false, "+x", "all", "Scram Nothing"),
            ("8.8.8.8", false, "x", "all", "no pg_hba.conf entry"),
            ("127.0.0.1", false, "zoe", "shop", "Trust Nothing"),
        ] {
            assert_eq!(said(&rules, visitor(address, encrypted, role, database)), expected, "{address} {role}");
        }
    }

    #[test]
    fn the_refusal_is_postgresqls() {
        let error = rules("").terms(visitor("10.0.0.1", false, "a", "b"), |_| false).unwrap_err();
        let expected = "no pg_hba.conf entry for host \"10.0.0.1\", user \"a\", database \"b\", no encryption";
        assert_eq!(error.message(), expected);
    }

    #[test]
    fn without_a_file_everybody_needs_a_password() {
        let plain = visitor("192.0.2.1", false, "ann", "shop");
        assert_eq!(said(&Rules::everyone(false), plain), "Scram Nothing");
        assert_eq!(said(&Rules::everyone(true), plain), "no pg_hba.conf entry");
        assert_eq!(said(&Rules::everyone(true), Visitor { encrypted: true, ..plain }), "Scram Nothing");
    }

    #[test]
    fn a_bad_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pg_hba.conf");
        assert_eq!(Rules::load(path.clone(), ALL).err().unwrap().kind(), Kind::Configuration);
        std::fs::write(&path, "host all all 10.0.0.0/8 scram-sha-256\n").unwrap();
        let rules = Rules::load(path.clone(), ALL).unwrap();
        let who = visitor("10.0.0.1", false, "ann", "shop");
        std::fs::write(&path, "host all all all scram-sha-256\nhost all all all tust\n").unwrap();
        let error = rules.reload().unwrap_err();
        assert!(error.message().ends_with("line 2: invalid authentication method \"tust\""), "{error}");
        assert_eq!(said(&rules, who), "Scram Nothing");
        std::fs::write(&path, "host all all all reject\n").unwrap();
        rules.reload().unwrap();
        assert_eq!(said(&rules, who), "pg_hba.conf rejects connection");
    }
}
