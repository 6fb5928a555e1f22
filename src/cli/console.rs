//! What the user sees: results on the standard output, messages and the clock of a long step on the standard error stream.

use crate::error::{Error, Kind, Result};
use parking_lot::Mutex;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Seconds after which a step counts as long.
const LONG_SECONDS: u64 = 2;
/// Seconds between two lines of the clock where no terminal can show it move.
const LINE_EVERY_SECONDS: u64 = 10;

/// Both streams. Messages come from any thread, results from one.
#[derive(Debug, Default)]
pub struct Console {
    /// Whether the last line of the terminal is the clock; held while anything is written to the error stream.
    clock: Mutex<bool>,
    broken: AtomicBool,
    gone: AtomicBool,
}

impl Console {
    /// Prints results. When nobody reads them any more the error is not worth telling: see [`Self::is_gone`].
    pub fn print(&self, text: &str) -> Result<()> {
        self.print_bytes(text.as_bytes())
    }

    /// Prints bytes as they are.
    pub fn print_bytes(&self, bytes: &[u8]) -> Result<()> {
        self.clear();
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| {
            self.broken.store(true, Ordering::Relaxed);
            self.gone.fetch_or(error.kind() == ErrorKind::BrokenPipe, Ordering::Relaxed);
            // Not as an error of our own files: a full disk there is none of the database's.
            Error::new(Kind::Io, format!("writing to the standard output: {error}"))
        })
    }

    /// Whether results can no longer be printed.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Whether that is because their reader has gone away.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Prints a message.
    pub fn note(&self, text: &str) {
        let mut clock = self.clock.lock();
        wipe(&mut clock);
        // A message that nobody can read is no reason to stop.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Takes the clock away, if it shows.
    pub fn clear(&self) {
        wipe(&mut self.clock.lock());
    }

    /// Shows a clock while a step takes long, until the guard is dropped.
    pub fn clock(self: &Arc<Self>) -> Clock {
        let (console, began) = (self.clone(), Instant::now());
        let task = tokio::spawn(async move {
            let moving = io::stderr().is_terminal();
            let mut seconds = if moving { LONG_SECONDS } else { LINE_EVERY_SECONDS };
            loop {
                tokio::time::sleep_until((began + Duration::from_secs(seconds)).into()).await;
                if moving {
                    let mut clock = console.clock.lock();
                    let _ = write!(io::stderr(), "\r  ... {seconds} s ");
                    *clock = true;
                    seconds += 1;
                } else {
                    console.note(&format!("  ... {seconds} s"));
                    seconds += LINE_EVERY_SECONDS;
                }
            }
        });
        Clock { console: self.clone(), task, began }
    }
}

fn wipe(clock: &mut bool) {
    if std::mem::take(clock) {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
}

/// Shows how long a step takes.
#[derive(Debug)]
pub struct Clock {
    console: Arc<Console>,
    task: JoinHandle<()>,
    began: Instant,
}

impl Clock {
    /// How long the step has taken, if that is long.
    pub fn long(&self) -> Option<Duration> {
        Some(self.began.elapsed()).filter(|taken| taken.as_secs() >= LONG_SECONDS)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.task.abort();
        self.console.clear();
    }
}
