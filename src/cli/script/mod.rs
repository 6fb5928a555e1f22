//! Scripts: SQL and backslash commands, run on a session without a server, with results as psql prints them.
//!
//! [`split`] cuts a script into pieces, [`backslash`] reads the commands, and [`Runner`] runs one piece after another:
//! each statement is a transaction of its own unless the script opens a block. Rows, command tags and the texts of
//! `\echo` go to the standard output; errors (with the line that they point at) and notices to the standard error stream.

mod backslash;
mod failure;
mod split;

pub use split::{Piece, Script};

use super::console::Console;
use super::table::Table;
use crate::error::{Error, Kind, Result};
use crate::server::BinaryCopy;
use crate::sql::{Database, Notice, Outcome, Session, Statement};
use backslash::{Backslash, Copy};
use futures::StreamExt;
use parking_lot::Mutex;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of a file that are read at once.
const READ_BYTES: usize = 1 << 20;

/// How a script is run.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// The script's name, for messages that tell the line.
    pub name: Option<String>,
    /// Each statement is printed before its result.
    pub echo: bool,
    /// A statement that failed does not end the script.
    pub keep_going: bool,
    /// Long steps show a clock.
    pub clock: bool,
}

/// How a script ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The pieces that failed.
    pub failures: Vec<Failure>,
    /// Whether the last of them ended it.
    pub stopped: bool,
}

/// A piece of a script that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its line.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// Runs scripts on one session.
pub struct Runner<'c> {
    session: Session,
    console: &'c Arc<Console>,
    style: Style,
    timing: bool,
    /// Begins each message: the script's name and the line that is being run.
    place: Arc<Mutex<String>>,
}

/// Where a COPY finds or leaves its data.
enum Data<'d, 's> {
    /// In the script, after the statement; `true` once they are taken.
    Script(&'d mut Script<'s>, bool),
    /// In the standard streams.
    Streams,
    /// In a file.
    File(File, &'d Path),
}

impl<'c> Runner<'c> {
    /// A runner with a new session of a role.
    pub fn new(database: &Database, role: &str, console: &'c Arc<Console>, style: Style) -> Result<Self> {
        let place = Arc::new(Mutex::new(String::new()));
        let (to, at) = (console.clone(), place.clone());
        let notices = move |notice: Notice| {
            let text = format!("{}{}:  {}", at.lock(), notice.severity, notice.message);
            to.note(&text);
        };
        let mut session = database.session_with_notices(role, Arc::new(notices))?;
        session.set_binary_form(Arc::new(BinaryCopy));
        Ok(Self { session, console, style, timing: false, place })
    }

    /// Runs a script. Errors of its statements are printed and counted; the error given back is one of printing.
    pub async fn script(&mut self, text: &str) -> Result<Report> {
        let mut script = Script::new(text);
        let mut report = Report::default();
        while let Some(piece) = script.next_piece() {
            if let Some(name) = &self.style.name {
                *self.place.lock() = format!("steward:{name}:{}: ", piece.line);
            }
            self.echo(&piece)?;
            let result = if piece.is_command {
                match self.command(piece.text, &mut script).await {
                    Ok(true) => break,
                    other => other.map(|_| ()),
                }
            } else {
                self.statement(piece.text, &mut script).await
            };
            if let Err(error) = result {
                self.fail(&error, piece.text)?;
                report.failures.push(Failure { line: piece.line, text: piece.text.to_owned() });
                if !self.style.keep_going {
                    report.stopped = true;
                    break;
                }
            }
        }
        Ok(report)
    }

    /// Runs a text as one request: all its statements are one transaction, as with psql's `-c`. A backslash command
    /// stands alone.
    pub async fn request(&mut self, text: &str) -> Result<Report> {
        if text.trim_start().starts_with('\\') {
            return self.script(text).await;
        }
        match self.run(text, Data::Streams).await {
            Ok(()) => Ok(Report::default()),
            Err(error) => {
                self.fail(&error, text)?;
                let failure = Failure { line: 1, text: text.to_owned() };
                Ok(Report { failures: vec![failure], stopped: !self.style.keep_going })
            }
        }
    }

    /// Undoes what a failed piece began, and says what was wrong.
    fn fail(&mut self, error: &Error, text: &str) -> Result<()> {
        self.session.rollback_implicit();
        if self.console.is_broken() {
            return Err(error.clone());
        }
        self.console.note(&format!("{}{}", self.place.lock(), failure::describe(error, text)));
        Ok(())
    }

    fn echo(&self, piece: &Piece<'_>) -> Result<()> {
        if !self.style.echo {
            return Ok(());
        }
        let lead = piece.lead.trim();
        let mut text = String::new();
        if !lead.is_empty() {
            text = format!("{lead}\n");
        }
        // The text of an \echo is about to be printed anyway.
        match piece.is_command {
            true if piece.text.starts_with("\\echo") => {}
            true => text = format!("{text}{}\n", piece.text),
            false => text = format!("{text}{};\n", piece.text),
        }
        self.console.print(&text)
    }

    /// Runs a backslash command; says whether the script ends with it.
    async fn command(&mut self, text: &str, script: &mut Script<'_>) -> Result<bool> {
        match Backslash::parse(text)? {
            Backslash::Echo(text) => self.console.print(&text)?,
            Backslash::Copy(Copy { sql, file: None }) => self.statement(&sql, script).await?,
            Backslash::Copy(Copy { sql, file: Some(path) }) => {
                let opened = if rows_follow(&sql) { File::open(&path) } else { File::create(&path) };
                let file = opened.map_err(|error| Error::io(path.display(), &error))?;
                self.run(&sql, Data::File(file, &path)).await?;
            }
            Backslash::Timing(on) => {
                self.timing = on.unwrap_or(!self.timing);
                self.console.print(if self.timing { "Timing is on.\n" } else { "Timing is off.\n" })?;
            }
            Backslash::StopOnError(stop) => self.style.keep_going = !stop,
            Backslash::Quit => return Ok(true),
        }
        Ok(false)
    }

    /// Runs a statement of a script, whose rows may follow it there.
    async fn statement(&mut self, sql: &str, script: &mut Script<'_>) -> Result<()> {
        let mut taken = false;
        let result = self.run_with(sql, &mut Data::Script(script, false), &mut taken).await;
        if !taken && result.is_err() && rows_follow(sql) {
            // Rows are not statements, whatever became of theirs.
            script.inline_rows();
        }
        result
    }

    async fn run(&mut self, sql: &str, mut data: Data<'_, '_>) -> Result<()> {
        self.run_with(sql, &mut data, &mut false).await
    }

    /// Runs all statements of a text as one transaction.
    async fn run_with(&mut self, sql: &str, data: &mut Data<'_, '_>, taken: &mut bool) -> Result<()> {
        let statements = self.session.parse(sql)?;
        self.session.set_in_string(statements.len() > 1);
        for (n, statement) in statements.iter().enumerate() {
            let began = Instant::now();
            let clock = self.style.clock.then(|| self.console.clock());
            let result = self.one(statement, data).await;
            *taken |= matches!(data, Data::Script(_, true));
            let mut shown = result?;
            if n + 1 == statements.len() {
                self.session.commit_implicit().await?;
            }
            let long = clock.as_ref().and_then(|clock| clock.long());
            drop(clock);
            if self.style.echo && !shown.is_empty() && !shown.ends_with("\n\n") {
                shown.push('\n');
            }
            self.console.print(&shown)?;
            if self.timing {
                self.console.print(&format!("Time: {:.3} ms\n", began.elapsed().as_secs_f64() * 1000.0))?;
            } else if let Some(long) = long {
                self.console.note(&format!("  ... took {}", seconds(long)));
            }
        }
        Ok(())
    }

    /// Runs one statement to its end; gives what is to be shown of it.
    async fn one(&mut self, statement: &Statement, data: &mut Data<'_, '_>) -> Result<String> {
        self.session.begin_implicit();
        match self.session.execute(statement, Vec::new()).await? {
            Outcome::Rows { schema, mut stream, tag } => {
                let mut table = Table::new(schema);
                while let Some(batch) = stream.next().await {
                    table.push(&batch?);
                }
                let mut text = table.to_text();
                // A change that gives rows has its tag as well.
                if matches!(tag.as_str(), "INSERT 0" | "UPDATE" | "DELETE" | "MERGE") {
                    text.push_str(&format!("{tag} {}\n", table.len()));
                }
                Ok(text)
            }
            Outcome::Command(tag) => Ok(format!("{tag}\n")),
            Outcome::CopyIn { .. } => {
                self.copy_in(data).await?;
                Ok(format!("{}\n", self.session.copy_finish().await?))
            }
            Outcome::CopyOut { mut lines, .. } => {
                let mut rows = 0;
                while let Some(lines) = lines.next().await {
                    let lines = lines?;
                    rows += lines.rows;
                    match data {
                        Data::File(file, path) => {
                            file.write_all(&lines.data).map_err(|error| Error::io(path.display(), &error))?;
                        }
                        Data::Script(..) | Data::Streams => self.console.print_bytes(&lines.data)?,
                    }
                }
                // As psql: the tag is not mixed into the data.
                Ok(if matches!(data, Data::File(..)) { format!("COPY {rows}\n") } else { String::new() })
            }
        }
    }

    async fn copy_in(&mut self, data: &mut Data<'_, '_>) -> Result<()> {
        match data {
            Data::Script(script, taken) => {
                *taken = true;
                let rows = script.inline_rows();
                if self.style.echo {
                    self.console.print(&format!("{rows}\\.\n"))?;
                }
                self.session.copy_data(rows.as_bytes()).await
            }
            Data::Streams => self.copy_from(&mut std::io::stdin().lock(), &"the standard input").await,
            Data::File(file, path) => self.copy_from(file, &path.display()).await,
        }
    }

    async fn copy_from(&mut self, from: &mut dyn Read, name: &dyn std::fmt::Display) -> Result<()> {
        let mut bytes = vec![0; READ_BYTES];
        loop {
            match from.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => self.session.copy_data(bytes.get(..count).unwrap_or_default()).await?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(name, &error)),
            }
        }
    }
}

/// Whether a statement is a COPY whose rows come from the client.
fn rows_follow(sql: &str) -> bool {
    let words: Vec<String> = sql.split_whitespace().map(str::to_ascii_uppercase).collect();
    words.first().is_some_and(|word| word == "COPY") && words.windows(2).any(|pair| pair == ["FROM", "STDIN"])
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The script in a file, or with `-` in the standard input.
pub fn read(path: &Path) -> Result<String> {
    let name = if path == Path::new("-") { "the standard input".into() } else { path.display().to_string() };
    let text =
        if path == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    text.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Error::new(Kind::Configuration, format!("{name} is not valid UTF-8")),
        _ => Error::io(name, &error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_copy_in_is_followed_by_rows() {
        assert!(rows_follow("COPY t (a, b)\n  from stdin WITH (FORMAT csv)"));
        assert!(!rows_follow("COPY t TO STDOUT"));
        assert!(!rows_follow("SELECT 'COPY t FROM STDIN'"));
    }
}
