//! What may be written after `steward`, and the help that teaches it.

use super::report::Language;
use crate::config::{CONNECTIONS_MAX, CONNECTIONS_RESERVED, DATABASE_DEFAULT, LISTEN_DEFAULT, MEMORY_BYTES_MIN};
use crate::models::device::Choice;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use tracing_subscriber::filter::LevelFilter;

const ABOUT: &str = "A governed, sealed, predicting SQL database for e-commerce data, speaking the PostgreSQL protocol";

const AFTER_HELP: &str = "\
Getting started:
  steward demo                      a sample shop, a tour in SQL, and a server to connect to with psql
  steward serve --data ./shop.db    a database of your own; made when the folder is empty

The master key, without which nothing in a database can be opened, is looked for in this order:
  STEWARD_KEY_FILE                  names a file of 64 hexadecimal digits
  STEWARD_KEY_COMMAND               a command whose output is the key, such as a call to a key service
  STEWARD_KEY                       the 64 hexadecimal digits themselves
  STEWARD_PASSPHRASE                a passphrase
  DATA.key                          a key file beside the data folder
  a prompt                          for an existing database, when there is a terminal
A new database for which none is given gets a new key in DATA.key (mode 0600). Keep a copy elsewhere.

`steward COMMAND --help` says more about each command.";

const INIT_HELP: &str = "\
Example:
  umask 077; echo 'a long password' > owner.password
  steward init --data ./shop.db --user owner --password-file owner.password --database shop
  steward serve --data ./shop.db

The user is a superuser. The password is what the file holds, without the newline at its end. There is no default one.";

const SERVE_HELP: &str = "\
Examples:
  steward serve --data ./shop.db
  steward serve --data ./shop.db --listen 0.0.0.0:5454 --tls-cert server.crt --tls-key server.key
  steward serve --data ./shop.db --tls-cert server.crt --tls-key server.key --tls-client-ca root.crt --hba pg_hba.conf
  psql -h 127.0.0.1 -p 5454 -U steward -d steward

Behind an address that others can reach a server must encrypt: give it a certificate and its key, or say --tls off where
the network is yours alone. --hba names a file in the form of PostgreSQL's pg_hba.conf that says who may connect from
where, and how roles prove who they are; SIGHUP and SELECT pg_reload_conf() have it read again. Without one everybody
needs a password.

When the folder is empty a database is made in it. Its superuser is `steward`, whose password is generated and shown once,
unless --user and --password-file say otherwise. Ctrl-C or SIGTERM ends the server in good order; a server that was killed
opens again by itself and has lost nothing that it acknowledged.";

const DEMO_HELP: &str = "\
Examples:
  steward demo                      in the project's folder, where shop/ lies
  steward demo --no-serve           only the tour

The tour (sql/tour.sql) tells how far its long steps are. It is taken in DATA.unfinished, which becomes DATA at its end: a tour
that was interrupted leaves no half a database, and begins again the next time. Run again, the demo opens the database
and serves it. The password of user `steward` is in DATA.password, the key in DATA.key, both readable by their owner only.";

const SQL_HELP: &str = "\
Examples:
  steward sql --data ./shop.db -c 'SELECT count(*) FROM products'
  steward sql --data ./shop.db --user analyst -f report.sql
  echo 'INVENTORY ALL' | steward sql --data ./shop.db

Scripts are read as psql reads them: statements end with a semicolon; \\copy, \\echo, \\timing and \\q are understood, and
COPY ... FROM STDIN is followed by its rows and a line with \\. alone. Each statement is a transaction of its own, but all
of one -c are one together. No server may run on the folder at the same time.";

const CHECK_HELP: &str = "\
Examples:
  steward check --data ./shop.db
  steward check --data ./shop.db --deep

Every seal is opened, every count compared and every file looked for, whether or not the database still opens. --deep
decodes all rows of all tables as well. The exit code is 1 when anything is damaged.";

const ROTATE_KEY_HELP: &str = "\
Examples:
  steward rotate-key --data ./shop.db
  steward rotate-key --data ./shop.db --to-passphrase-file new.passphrase
  STEWARD_NEW_KEY_COMMAND='...' steward rotate-key --data ./shop.db --to-command

The old key is looked for as for any other command. Without a target a new key takes the old one's place in its file. It takes
milliseconds: data stay as they are. For new data keys run ALTER SYSTEM ROTATE ENCRYPTION KEY in SQL.";

const BACKUP_HELP: &str = "\
Examples:
  steward backup --data ./shop.db --to /mnt/backups/shop
  psql -c \"BACKUP DATABASE TO '/mnt/backups/shop'\"      while a server runs

A second backup into the same folder copies only what is new. Everything stays sealed; the backup opens with the key that
the database had when it was taken. --link makes hard links of files that never change: quick, but on the same disk.";

const RESTORE_HELP: &str = "\
Examples:
  steward restore --from /mnt/backups/shop --data ./shop.db
  steward restore --from /mnt/backups/shop --data ./shop.db --to-time '2026-01-31 23:59:59'

The key is looked for as for a database in DATA. Every seal is opened and the chain of commits followed before the
database can be opened. --to-time (UTC unless it names a zone) and --to-commit stop at an earlier moment; how far back
that goes depends on steward.retention (see steward check).";

const REPAIR_HELP: &str = "\
Examples:
  steward repair --data ./shop.db
  steward repair --data ./shop.db --from /mnt/backups/shop

The keyring comes from its copy, small values from checkpoint and journal, damaged files from the backup, text indexes
from their tables. What was done is told line by line; the exit code is 1 when something is lost.";

const EXPORT_HELP: &str = "\
Example:
  steward export --data ./shop.db --to ./shop.export
  steward import --from ./shop.export --data ./copy.db

import.sql makes roles, schemas, tables, rights, tags, policies, views, sources, text indexes, rules, jobs and models again;
data/ holds the rows as Parquet, or with --format csv as text, models/ the weights. What is left out is in docs/sql.md, EXPORT
DATABASE. None of it is sealed: who reads it needs no key.";

const IMPORT_HELP: &str = "\
Example:
  steward import --from ./shop.export --data ./copy.db

Roles come with their passwords, models with their weights; jobs come suspended, so that nothing runs before somebody has
looked. What INVENTORY found is not among it: run that again. A statement that fails ends the import with its line; with
--keep-going it is left out, and told at the end. The key is looked for, or made, as by init.";

const REPORT_HELP: &str = "\
Examples:
  steward report --data ./shop.db --html report.html
  steward report --data ./shop.db --html 报告.html --language zh --user analyst

One file for a browser or for paper, without scripts and with nothing to load: totals, assets by domain and form, where
sensitive columns lie and who sees them, quality by dimension, the worst problems with the SQL that shows each, lineage, all
assets. It tells what INVENTORY and CHECK QUALITY found last, as the role may see it, and holds no value of a row. No server
may run on the folder at the same time.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "steward", version, about = ABOUT, after_help = AFTER_HELP, arg_required_else_help = true)]
pub struct Arguments {
    /// How much is logged to the standard error stream
    #[arg(long, global = true, value_enum, value_name = "LEVEL", env = "STEWARD_LOG", default_value = "warn")]
    pub log: Level,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a database, without asking anything
    #[command(after_help = INIT_HELP)]
    Init(Init),
    /// Serve a database to PostgreSQL's clients; makes it when the folder is empty
    #[command(after_help = SERVE_HELP)]
    Serve(Serve),
    /// Make the sample shop, take the tour, and serve it
    #[command(after_help = DEMO_HELP)]
    Demo(Demo),
    /// Run SQL on a database without a server
    #[command(after_help = SQL_HELP)]
    Sql(Sql),
    /// Open every seal of a database and report
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Give a database another master key
    #[command(after_help = ROTATE_KEY_HELP)]
    RotateKey(RotateKey),
    /// Copy a stopped database, sealed as it is, into a folder of backups
    #[command(after_help = BACKUP_HELP)]
    Backup(Backup),
    /// Make a database from a backup, as of its end or of an earlier moment
    #[command(after_help = RESTORE_HELP)]
    Restore(Restore),
    /// Make a damaged database whole as far as that can be done
    #[command(after_help = REPAIR_HELP)]
    Repair(Repair),
    /// Write everything in a database as SQL, and its rows as Parquet or CSV
    #[command(after_help = EXPORT_HELP)]
    Export(Export),
    /// Make a database from what export wrote
    #[command(after_help = IMPORT_HELP)]
    Import(Import),
    /// Write what there is, how good it is and who sees it, as one page of HTML
    #[command(after_help = REPORT_HELP)]
    Report(Report),
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// File to write; one that is there is replaced
    #[arg(long, value_name = "FILE")]
    pub html: PathBuf,
    /// Language of the report
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value = "en")]
    pub language: Language,
    /// Role whose view is reported; a superuser unless said
    #[arg(long, value_name = "ROLE")]
    pub user: Option<String>,
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder of the backups; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Link files that never change instead of copying them
    #[arg(long)]
    pub link: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// Folder of the backups
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Folder of the database; empty or not there yet
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The last commit to restore, as steward.commits counts them
    #[arg(long, value_name = "N", conflicts_with = "to_time")]
    pub to_commit: Option<u64>,
    /// The moment to restore
    #[arg(long, value_name = "TIME")]
    pub to_time: Option<String>,
}

/// Arguments of `repair`.
#[derive(Debug, Args)]
pub struct Repair {
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder of backups to take lost files from
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Give up acknowledged commits that are nowhere any more, where the database opens by nothing else
    #[arg(long)]
    pub accept_loss: bool,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder to write into; empty or not there yet
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// What rows are written as
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "parquet")]
    pub format: RowFormat,
    /// Leave out what is damaged, with warnings that name it, instead of ending
    #[arg(long)]
    pub allow_damaged: bool,
}

/// What an export writes rows as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// Typed columns, compressed
    Parquet,
    /// Text that every program reads
    Csv,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Folder that export wrote
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Folder of the database; empty or not there yet
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Name of the database; that of the exported one unless said
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Go on after a statement that failed; what failed is told at the end, and the exit code is 1 all the same
    #[arg(short, long)]
    pub keep_going: bool,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Folder of the database; empty or not there yet
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Name of the first superuser
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// File that holds the superuser's password; - reads it from the standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: PathBuf,
    /// Name of the database
    #[arg(long, value_name = "NAME", default_value = DATABASE_DEFAULT)]
    pub database: String,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Address and port to listen on; port 0 lets the system choose one
    #[arg(long, value_name = "ADDR:PORT", default_value = LISTEN_DEFAULT)]
    pub listen: String,
    /// Memory that the server may use for caches and queries, such as 2GB; half of the machine's unless said
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory_limit: Option<u64>,
    /// Connections at once, the last three of them for superusers; each needs a file descriptor
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS_MAX, value_parser = connections)]
    pub max_connections: usize,
    #[command(flatten)]
    pub door: Door,
    #[command(flatten)]
    pub models: Models,
    /// Name of the first superuser, for a database that is made now
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// File that holds the first superuser's password, for a database that is made now
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Name of the database, for one that is made now
    #[arg(long, value_name = "NAME", default_value = DATABASE_DEFAULT)]
    pub database: String,
}

/// What models run on.
#[derive(Debug, Args)]
pub struct Models {
    /// What models run on: auto (a CUDA device if there is one), cpu, or cuda:0 with a device's number
    #[arg(long, value_name = "DEVICE", env = "STEWARD_DEVICE", default_value = "auto")]
    pub device: Choice,
}

/// Who comes in, and how.
#[derive(Debug, Args)]
pub struct Door {
    /// Certificate of the server, with those between it and a root, in PEM; with it connections can be encrypted
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "STEWARD_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate, in PEM, which only its owner may read
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "STEWARD_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Certificates of those who vouch for clients, in PEM; rules may then ask clients for certificates
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "STEWARD_TLS_CLIENT_CA")]
    pub tls_client_ca: Option<PathBuf>,
    /// Whether connections must be encrypted
    #[arg(long, value_enum, value_name = "MODE")]
    pub tls: Option<Encryption>,
    /// File of rules who may connect from where, in the form of pg_hba.conf
    #[arg(long, value_name = "FILE", env = "STEWARD_HBA")]
    pub hba: Option<PathBuf>,
}

/// Whether connections must be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Encryption {
    /// They cannot be
    Off,
    /// They may be
    Offered,
    /// They must be; with --hba the file says so, by hostssl
    Required,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder of the sample shop's database
    #[arg(long, value_name = "DIR", default_value = "./steward-demo")]
    pub data: PathBuf,
    /// Address and port to listen on after the tour
    #[arg(long, value_name = "ADDR:PORT", default_value = LISTEN_DEFAULT)]
    pub listen: String,
    /// End after the tour
    #[arg(long)]
    pub no_serve: bool,
    #[command(flatten)]
    pub models: Models,
}

/// Arguments of `sql`.
#[derive(Debug, Args)]
pub struct Sql {
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Role to run as; without it the first superuser
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Statements to run; may be given several times
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub command: Vec<String>,
    /// Script to run; without -c and -f the standard input is one
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Print each statement before its result
    #[arg(short, long)]
    pub echo: bool,
    /// Go on after a statement that failed; the exit code is 1 all the same
    #[arg(short, long)]
    pub keep_going: bool,
    #[command(flatten)]
    pub models: Models,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Decode all rows of all tables as well
    #[arg(long)]
    pub deep: bool,
}

/// Arguments of `rotate-key`.
#[derive(Debug, Args)]
pub struct RotateKey {
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Key file of the new master key; made when it is not there
    #[arg(long, value_name = "FILE", group = "target")]
    pub to_key_file: Option<PathBuf>,
    /// File that holds the new passphrase; - reads it from the standard input
    #[arg(long, value_name = "FILE", group = "target")]
    pub to_passphrase_file: Option<PathBuf>,
    /// Take the new key from the output of the command in STEWARD_NEW_KEY_COMMAND
    #[arg(long, group = "target")]
    pub to_command: bool,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Nothing
    Off,
    /// What failed by a fault of the program, its files or its disk
    Error,
    /// Also what clients were refused, and what may fail soon
    Warn,
    /// Also who comes and goes, and what takes long
    Info,
    /// What our developers want to know
    Debug,
    /// Everything
    Trace,
}

/// A count of connections: more than those that are kept for superusers, and no more than there are numbers of ports.
fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (CONNECTIONS_RESERVED + 1..=65_535).contains(&count) => Ok(count),
        _ => Err(format!("write a number from {} to 65535", CONNECTIONS_RESERVED + 1)),
    }
}

/// A size of memory as PostgreSQL writes it.
fn memory(text: &str) -> Result<u64, String> {
    match crate::sql::parse_bytes(text) {
        Some(bytes) if bytes >= MEMORY_BYTES_MIN => Ok(bytes),
        Some(_) => Err(format!("at least {} are needed", crate::sql::show_bytes(MEMORY_BYTES_MIN))),
        None => Err("write a number and B, kB, MB, GB or TB".to_owned()),
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("steward init --data d --user u --password-file f").is_ok());
        assert!(parse("steward init --data d --user u").is_err(), "there is no default password");
        assert!(parse("steward serve --data d --user u").is_err(), "a name without a password");
        assert!(parse("steward sql --data d -c 1 -f x").is_err(), "either statements or a file");
        let Ok(Arguments { command: Command::Demo(demo), .. }) = parse("steward demo") else { panic!("demo") };
        assert_eq!((demo.listen.as_str(), demo.no_serve), ("127.0.0.1:5454", false));
    }
}
