//! What SQL can show, SQL tests: each `.slt` file under `tests/slt` is a test of its own, run twice: on an embedded
//! database, and through a server and a real client. Both start from an empty sealed database.
//!
//! What could go wrong: an answer, a SQLSTATE, or a difference between the library and the wire. A file is run from the
//! top; `user NAME` lines are not needed, roles are changed with SET ROLE.

mod common;

use common::{Embedded, Wire};
use libtest_mimic::{Arguments, Failed, Trial};
use sqllogictest::{Runner, strict_column_validator};
use std::path::{Path, PathBuf};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "slt") {
            found.push(path);
        }
    }
}

/// Bytes of stack, as much as the program's threads have: a policy that asks is planned within the plan of what it guards.
const STACK_BYTES: usize = 16 << 20;

fn run(path: &Path, wire: bool) -> Result<(), Failed> {
    let run = || run_here(path, wire);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run)?;
        thread.join().map_err(|_| Failed::from("the test panicked"))?
    })
}

fn run_here(path: &Path, wire: bool) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK_BYTES).enable_all().build()?;
    let told = |e: sqllogictest::TestError| Failed::from(e.display(false).to_string());
    let update = std::env::var_os("SLT_UPDATE").is_some();
    match wire {
        true => {
            let mut runner = Runner::new(|| async { Wire::start().await });
            runtime.block_on(runner.run_file_async(path)).map_err(told)
        }
        false if update => {
            let mut runner = Runner::new(|| async { Embedded::start() });
            let updated = runner.update_test_file(
                path,
                " ",
                sqllogictest::default_validator,
                sqllogictest::default_normalizer,
                sqllogictest::default_column_validator,
            );
            runtime.block_on(updated).map_err(|e| Failed::from(e.to_string()))
        }
        false => {
            let mut runner = Runner::new(|| async { Embedded::start() });
            runner.with_column_validator(strict_column_validator);
            runtime.block_on(runner.run_file_async(path)).map_err(told)
        }
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    let mut trials = Vec::new();
    for path in found {
        let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("").display().to_string();
        for (kind, wire) in [("embedded", false), ("wire", true)] {
            let path = path.clone();
            trials.push(Trial::test(format!("{kind}::{name}"), move || run(&path, wire)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}
