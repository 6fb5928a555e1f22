//! The program `steward`: see [`stewarddb::cli`].

use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    stewarddb::cli::run(std::env::args_os())
}
