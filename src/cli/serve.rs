//! `steward serve`: a database behind the wire, until the process is asked to end.

use super::arguments::Serve;
use super::console::Console;
use super::key::Key;
use super::{Ending, memory, password};
use crate::crypto::random_password;
use crate::error::{Error, Result};
use crate::models::device;
use crate::server::{self, Admission};
use crate::sql::{Birth, Database};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves the database, which is made first when the folder is empty.
pub async fn run(arguments: &Serve, console: &Console) -> Result<Ending> {
    let data = &arguments.data;
    let user = arguments.user.clone().unwrap_or_else(|| Birth::default().user);
    password::must_be_name("user", &user)?;
    password::must_be_name("database", &arguments.database)?;
    // Before anything is made: a busy port must not leave a password that nobody noted down.
    let listener = server::listen(&arguments.listen).await?;
    let admission = arguments.door.admission(local_address(&listener)?)?;
    let admission = Admission { connections_max: arguments.max_connections, ..admission };
    let given = arguments.password_file.as_deref().map(password::read).transpose()?;
    let secret = match &given {
        Some(given) => given.as_str().to_owned(),
        None => random_password()?,
    };
    let birth = Birth { database: arguments.database.clone(), user: user.clone(), password: Some(secret.clone()) };
    let database = Key::find(data, console)?.open(data, &birth)?;
    arguments.door.tls_key.iter().for_each(|file| database.keep_private(file));
    if let Some(bytes) = arguments.memory_limit {
        database.set_memory_limit(bytes);
    }
    // Asked of the database and not of the folder, so that one whose making was interrupted counts as new.
    let is_new = database.verifier(&user).is_some_and(|verifier| verifier.verify_password(&secret));
    if is_new && given.is_none() {
        console.print(&format!(
            "Made database \"{}\" in {}, with superuser \"{user}\".\nIts password, shown this once:\n\n    {secret}\n\n",
            database.name(),
            data.display()
        ))?;
    } else if !is_new && given.is_some() {
        console.print("The database is there already: --user and --password-file were not needed.\n")?;
    }
    let user = match is_new {
        true => user,
        false => database.superusers().into_iter().next().unwrap_or(user),
    };
    let address = local_address(&listener)?;
    warn_of_root();
    console.print(&format!(
        "Steward {} serves database \"{}\" on {address}. Ctrl-C ends it. To connect:\n\n    {}\n\n{}.\n\n",
        env!("CARGO_PKG_VERSION"),
        database.name(),
        psql(address, &user, database.name(), None),
        device::told()
    ))?;
    until_asked_to_end(database, listener, admission).await?;
    console.print("Steward has ended in good order.\n")?;
    Ok(Ending::Well)
}

/// Tells of a server that may do what its user should not. PostgreSQL refuses to; in a container it is what there is.
pub fn warn_of_root() {
    if std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0) {
        tracing::warn!(
            "the server runs as root: COPY ... TO 'file' of a superuser may write over any file of this machine; \
             a user of its own is safer"
        );
    }
}

/// Serves until SIGINT or SIGTERM.
pub async fn until_asked_to_end(database: Database, listener: TcpListener, admission: Admission) -> Result<()> {
    database.scrub_in_background()?;
    let jobs = database.run_jobs();
    let trimming = tokio::spawn(memory::give_back());
    let ended = server::serve_as(Arc::new(database), listener, server::shutdown_signal(), admission).await;
    jobs.stop().await;
    trimming.abort();
    ended
}

/// The address that a listener has, with the port that the system chose.
pub fn local_address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(|error| Error::io("looking at the server's address", &error))
}

/// The psql command line that connects to a server on this machine.
pub fn psql(address: SocketAddr, user: &str, database: &str, password_file: Option<&Path>) -> String {
    let host = match address.ip() {
        // Every address of the machine: the nearest will do.
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "::1".to_owned(),
        ip => ip.to_string(),
    };
    let password = password_file
        .map_or(String::new(), |file| format!("PGPASSWORD=\"$(cat {})\" ", quoted(&file.display().to_string())));
    format!("{password}psql -h {host} -p {} -U {} -d {}", address.port(), quoted(user), quoted(database))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+:@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_can_be_pasted() {
        let at = |address: &str| address.parse::<SocketAddr>().unwrap();
        assert_eq!(
            psql(at("0.0.0.0:5454"), "steward", "steward", None),
            "psql -h 127.0.0.1 -p 5454 -U steward -d steward"
        );
        assert_eq!(
            psql(at("[::]:1"), "o'brien", "my shop", Some(Path::new("./a b.password"))),
            r#"PGPASSWORD="$(cat './a b.password')" psql -h ::1 -p 1 -U 'o'\''brien' -d 'my shop'"#
        );
    }
}
