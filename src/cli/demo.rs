//! `steward demo`: the sample shop, the tour through it, and a server to look around with psql.
//!
//! The tour is taken in a folder of its own, `DATA.unfinished`, which gets its real name once the tour has ended well. So
//! a database under the real name is always whole: a tour that failed or was interrupted begins afresh the next time.

use super::arguments::Demo;
use super::console::Console;
use super::key::{Key, beside};
use super::script::{Failure, Runner, Style};
use super::{Ending, password, serve};
use crate::crypto::random_password;
use crate::error::{Error, Kind, Result};
use crate::server;
use crate::sql::Birth;
use crate::storage::Store;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The tour, as `psql -f sql/tour.sql` runs it too.
const TOUR: &str = include_str!("../../sql/tour.sql");
const TOUR_NAME: &str = "sql/tour.sql";
/// Where the tour looks for its data, from the folder that it is run in.
const SHOP: [&str; 2] = ["shop/tables", "shop/feeds"];
/// How long a database may take to close.
const CLOSE_SECONDS_MAX: u64 = 60;

/// Takes the tour unless that has been done, and serves.
pub async fn run(arguments: &Demo, console: &Arc<Console>) -> Result<Ending> {
    let data = arguments.data.as_path();
    let shown = data.display();
    if !arguments.no_serve {
        // Before the work: a busy port is told at once. It is let go again, so that clients do not wait there.
        server::listen(&arguments.listen).await?;
    }
    let password_file = beside(data, "password")?;
    let is_new = !Store::exists(data)?;
    if is_new {
        must_be_free(data)?;
        must_have_shop()?;
    }
    let key = Key::find(data, console)?;
    if is_new {
        tour(data, &password_file, &key, console).await?;
        console.print(&format!("The database is in {shown}.\n"))?;
    } else {
        console.print(&format!(
            "Opening {shown}, where the tour has been taken already. Remove that folder to take it again.\n"
        ))?;
    }
    let database = key.open(data, &Birth::default())?;
    let user = database.superusers().into_iter().next().unwrap_or_else(|| Birth::default().user);
    if password_file.exists() {
        console.print(&format!("The password of user {user} is in {}.\n", password_file.display()))?;
    }
    if arguments.no_serve {
        console.print(&format!("Serve it with:\n\n    steward serve --data {shown}\n"))?;
        return Ok(Ending::Well);
    }
    let listener = server::listen(&arguments.listen).await?;
    let address = serve::local_address(&listener)?;
    serve::warn_of_root();
    let password_file = Some(password_file.as_path()).filter(|file| file.exists());
    console.print(&format!(
        "Serving on {address}. Ctrl-C ends it. To connect, in another terminal:\n\n    {}\n\n",
        serve::psql(address, &user, database.name(), password_file)
    ))?;
    serve::until_asked_to_end(database, listener, server::Admission::default()).await?;
    Ok(Ending::Well)
}

/// Makes a database, runs the tour in it and gives it its name.
async fn tour(data: &Path, password_file: &Path, key: &Key, console: &Arc<Console>) -> Result<()> {
    let unfinished = beside(data, "unfinished")?;
    remove_unfinished(&unfinished)?;
    let birth = Birth { password: Some(random_password()?), ..Birth::default() };
    password::write(password_file, birth.password.as_deref().unwrap_or_default())?;
    console.print(&format!(
        "A sealed database for the sample shop, and the tour of {TOUR_NAME} through it. The password of user {} is\n\n    \
         {}\n\nand is kept in {} (mode 0600).\n\n",
        birth.user,
        birth.password.as_deref().unwrap_or_default(),
        password_file.display()
    ))?;

    let began = Instant::now();
    let database = key.open(&unfinished, &birth)?;
    let style = Style { name: None, echo: true, keep_going: false, clock: true };
    let mut runner = Runner::new(&database, &birth.user, console, style)?;
    let report = runner.script(TOUR).await?;
    drop(runner);
    drop(database);
    wait_until_free(&unfinished).await?;
    if let Some(Failure { line, text }) = report.failures.into_iter().next_back() {
        remove_unfinished(&unfinished)?;
        // It opens nothing any more.
        let _ = fs::remove_file(password_file);
        let first = text.lines().next().unwrap_or_default();
        return Err(Error::new(Kind::NotReady, format!("the tour stopped at line {line} of {TOUR_NAME}: {first}"))
            .with_detail("What it had made is removed again.")
            .with_hint("The error above says why. Run the demo again once that is mended."));
    }
    let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let renamed = fs::rename(&unfinished, data).and_then(|()| File::open(parent)?.sync_all());
    renamed.map_err(|error| Error::io(format!("renaming {} to {}", unfinished.display(), data.display()), &error))?;
    console.print(&format!("The tour took {} seconds.\n", began.elapsed().as_secs()))
}

/// Refuses a folder that holds something else.
fn must_be_free(data: &Path) -> Result<()> {
    match fs::read_dir(data) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                let message = format!("directory \"{}\" is not empty and holds no database of Steward", data.display());
                Err(Error::new(Kind::Configuration, message)
                    .with_hint("Choose an empty or a new directory with --data."))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io(format!("\"{}\"", data.display()), &error)),
    }
}

fn must_have_shop() -> Result<()> {
    match SHOP.iter().find(|folder| !Path::new(folder).is_dir()) {
        None => Ok(()),
        Some(missing) => {
            let here = std::env::current_dir().map_or_else(|_| ".".to_owned(), |here| here.display().to_string());
            Err(Error::new(
                Kind::Configuration,
                format!("the sample shop is not here: no folder \"{missing}\" in \"{here}\""),
            )
            .with_hint("Run the demo in the project's own folder, which holds shop/: cargo run --release -- demo"))
        }
    }
}

/// Removes what an earlier tour left, unless that tour is still being taken.
fn remove_unfinished(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let name = folder.display();
    if let Some(lock) = lock_file(folder)?
        && let Err(TryLockError::WouldBlock) = lock.try_lock()
    {
        return Err(Error::new(Kind::InUse, format!("another process takes the tour in \"{name}\""))
            .with_hint("Wait for it, or name another folder with --data."));
    }
    let is_ours = |entry: &fs::DirEntry| {
        let ours = ["LOCK", "CREATING", "keyring", "keyring.old", "keyring.new", "head", "journal", "assets", "files"];
        ours.iter().any(|ours| entry.file_name() == *ours)
    };
    let io = |error| Error::io(format!("\"{name}\""), &error);
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if !is_ours(&entry) {
            let message = format!("\"{name}\" holds \"{}\", which no tour left", entry.file_name().display());
            return Err(
                Error::new(Kind::Configuration, message).with_hint("Remove that folder, or choose another --data.")
            );
        }
    }
    fs::remove_dir_all(folder).map_err(io)
}

/// Waits until everything that had the database open has let go of it.
async fn wait_until_free(folder: &Path) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(CLOSE_SECONDS_MAX) {
        match lock_file(folder)? {
            Some(lock) if lock.try_lock().is_err() => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => return Ok(()),
        }
    }
    Err(Error::new(Kind::InUse, format!("the database in \"{}\" does not close", folder.display())))
}

/// The file that a process locks as long as it has the folder open.
fn lock_file(folder: &Path) -> Result<Option<File>> {
    let path = folder.join("LOCK");
    match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format!("\"{}\"", path.display()), &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_tour_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("demo.unfinished");
        remove_unfinished(&folder).unwrap();
        fs::create_dir_all(folder.join("assets")).unwrap();
        let lock = File::create(folder.join("LOCK")).unwrap();
        lock.lock().unwrap();
        assert_eq!(remove_unfinished(&folder).unwrap_err().kind(), Kind::InUse);
        drop(lock);
        File::create(folder.join("thesis.txt")).unwrap();
        assert_eq!(remove_unfinished(&folder).unwrap_err().kind(), Kind::Configuration);
        fs::remove_file(folder.join("thesis.txt")).unwrap();
        remove_unfinished(&folder).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_folder_with_something_in_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(must_be_free(dir.path()).is_ok());
        assert!(must_be_free(&dir.path().join("new")).is_ok());
        File::create(dir.path().join("x")).unwrap();
        assert_eq!(must_be_free(dir.path()).unwrap_err().kind(), Kind::Configuration);
    }
}
