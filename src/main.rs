//! The program `steward`: see [`stewarddb::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    stewarddb::cli::run(std::env::args_os())
}
