//! A throw-away PostgreSQL cluster, when PostgreSQL is installed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio_postgres::Config;

/// What differs from PostgreSQL's defaults, which are for a machine of 1 GB. Durability stays as it is: fsync on,
/// synchronous_commit on.
const SETTINGS: &[&str] = &[
    "shared_buffers=1GB",
    "work_mem=64MB",
    "maintenance_work_mem=256MB",
    "max_wal_size=4GB",
    "effective_cache_size=8GB",
];

/// A running cluster; it goes with this value.
pub struct Postgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    /// Its version, such as `PostgreSQL 15.18`.
    pub version: String,
}

impl Postgres {
    /// Makes and starts one; says why not when it cannot.
    pub fn start() -> Result<Self, String> {
        let programs = programs().ok_or("PostgreSQL is not installed (apt-get install postgresql-15)")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        if is_root() {
            // PostgreSQL does not run as root.
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(|e| e.to_string())?;
        let said = run(Command::new(programs.join("postgres")).arg("--version"))?;
        let version =
            said.split_whitespace().filter(|word| *word != "(PostgreSQL)").skip(1).take(1).collect::<String>();
        let cluster = Self { programs, folder, port: port.port(), version: format!("PostgreSQL {version}") };
        let data = cluster.data();
        run(cluster.command("initdb").arg("-D").arg(&data).args([
            "-U",
            "bench",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
        ]))?;
        let mut options = format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", cluster.port);
        SETTINGS.iter().for_each(|setting| options.push_str(&format!(" -c {setting}")));
        let log = cluster.folder.path().join("log");
        run(cluster
            .command("pg_ctl")
            .arg("-D")
            .arg(&data)
            .arg("-o")
            .arg(options)
            .arg("-w")
            .arg("-l")
            .arg(log)
            .arg("start"))?;
        Ok(cluster)
    }

    /// How to connect.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("bench").dbname("postgres");
        config
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        if let Err(error) = run(self.command("pg_ctl").arg("-D").arg(data).args(["-m", "immediate", "stop"])) {
            eprintln!("PostgreSQL did not stop: {error}");
        }
    }
}

/// Where Debian keeps its programs, or wherever the path leads.
fn programs() -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = vec!["/usr/lib/postgresql/15/bin".into()];
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    places
        .into_iter()
        .find(|place| ["initdb", "pg_ctl", "postgres"].iter().all(|program| place.join(program).is_file()))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|found| found.uid() == 0)
}

/// Runs a program; gives what it says.
fn run(command: &mut Command) -> Result<String, String> {
    // A server inherits what it is started with: a pipe would never end.
    let starts = command.get_args().any(|argument| argument == "start");
    if starts {
        let ended = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status();
        return match ended {
            Ok(status) if status.success() => Ok(String::new()),
            other => Err(format!("{command:?}: {other:?}")),
        };
    }
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
