//! The command line: `steward init | serve | demo | sql | check | rotate-key | backup | restore | repair | export | import | report`.
//!
//! [`run`] is the whole program: it reads the arguments ([`arguments`]), sets up logging and the runtime, calls the one
//! file of the command, and turns what came of it into an exit code. A command returns [`Ending`] or an error; only here
//! is an error printed.
//!
//! What the commands share:
//!
//! * [`key`]: where the master key comes from, and where a new one is kept (beside the data, never in it);
//! * [`password`]: files that hold a password;
//! * [`terminal`]: asking for a passphrase without showing it;
//! * [`console`]: the two streams that a user sees, with the running clock of a long step;
//! * [`script`]: a file of SQL and backslash commands, split and run as psql does, for `sql` and `demo`;
//! * [`table`]: rows as psql shows them.
//!
//! What is promised: exit code 0 when all went well, 1 when something failed, 2 for a command line that makes no sense.
//! Errors go to the standard error stream as `steward: error: ...` with their DETAIL and HINT, results to the standard
//! output. A reader that goes away (`| head`) ends the program without a word. Passwords and keys are never printed, but
//! for the one generated password that its owner must read once.

mod arguments;
mod backup;
mod check;
mod console;
mod demo;
mod door;
mod export;
mod init;
mod key;
mod memory;
mod password;
mod repair;
mod report;
mod rotate_key;
mod script;
mod serve;
mod sql;
mod table;
mod terminal;
mod width;

use crate::config::THREAD_STACK_BYTES;
use crate::error::{Error, Result};
use crate::models::device;
use arguments::{Arguments, Command, Demo, Serve, Sql};
use clap::Parser;
use clap::error::ErrorKind;
use console::Console;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
/// How long work that nobody waits for any more may go on at the end.
const RUNTIME_END_SECONDS: u64 = 5;
/// Exit code of a command line that makes no sense.
const USAGE: u8 = 2;

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All is well.
    Well,
    /// What it reported was not well: a statement that failed, damage that was found.
    Badly,
}

/// Runs the program with these arguments, the first of which is its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            eprint_quietly(&format!("{}{error}", if is_help { "" } else { "steward: " }));
            return ExitCode::from(USAGE);
        }
        Err(help) => {
            // Help and version; whoever does not read them to the end misses nothing.
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    start_logging(arguments.log.into());
    let console = Arc::new(Console::default());
    let result = catch_unwind(AssertUnwindSafe(|| execute(arguments.command, &console)));
    let result = result.unwrap_or_else(|_| Err(Error::internal("the program failed by a bug of its own")));
    match result {
        Ok(Ending::Well) => ExitCode::SUCCESS,
        Ok(Ending::Badly) => ExitCode::FAILURE,
        Err(_) if console.is_gone() => ExitCode::SUCCESS,
        Err(error) => {
            console.clear();
            eprint_quietly(&format!("steward: error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command, console: &Arc<Console>) -> Result<Ending> {
    if let Command::Serve(Serve { models, .. })
    | Command::Demo(Demo { models, .. })
    | Command::Sql(Sql { models, .. }) = &command
    {
        device::choose(models.device)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(THREAD_STACK_BYTES)
        .build()
        .map_err(|error| Error::io("starting threads", &error))?;
    let result = runtime.block_on(async {
        match command {
            Command::Init(arguments) => init::run(&arguments, console),
            Command::Serve(arguments) => serve::run(&arguments, console).await,
            Command::Demo(arguments) => demo::run(&arguments, console).await,
            Command::Sql(arguments) => sql::run(&arguments, console).await,
            Command::Check(arguments) => check::run(&arguments, console),
            Command::RotateKey(arguments) => rotate_key::run(&arguments, console),
            Command::Backup(arguments) => backup::backup(&arguments, console),
            Command::Restore(arguments) => backup::restore(&arguments, console),
            Command::Repair(arguments) => repair::run(&arguments, console),
            Command::Export(arguments) => export::export(&arguments, console).await,
            Command::Import(arguments) => export::import(&arguments, console).await,
            Command::Report(arguments) => report::run(&arguments, console).await,
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(RUNTIME_END_SECONDS));
    result
}

/// Logs go to the standard error stream. A panic is one line there: its text might quote values.
fn start_logging(level: LevelFilter) {
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        // A stream that nobody reads any more is no reason to fail.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // Only what this program says: what its libraries would say might quote rows.
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    // Set already where a test runs the program twice.
    let _ = tracing_subscriber::registry().with(ours).with(lines).try_init();
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or("an unknown place".to_owned(), |l| format!("{}:{}", l.file(), l.line()));
        tracing::error!("a bug of the program itself, at {place}; please report it");
    }));
}

/// Writes to the standard error stream; if nobody reads it there is nobody to tell.
fn eprint_quietly(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
