//! A process that is killed loses nothing that it acknowledged, and leaves nothing half done.
//!
//! Each test starts this program again as a child, which opens a database and commits in a loop, printing the number of
//! each commit once it returned. After a while that nobody can foresee the child is killed (SIGKILL: no destructor, no
//! flush). The parent then opens the same folder with no help and looks: every number it heard of is there; a commit is
//! there in all its tables or in none; no seal is broken; no file is left over. The next round goes on in the same
//! folder, so that recovery works on what recovery left.
//!
//! Three kinds of work: many small commits over three tables; large ones, by COPY and by INSERT ... SELECT, whose rows
//! lie in files before the commit; and training of models. `STEWARD_CRASH_ROUNDS` asks for more rounds than CI runs.
//!
//! What a killed process cannot show is a lost page cache: a power cut.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use stewarddb::sql::Outcome;
use stewarddb::{Database, KeySource, MasterKey, Session, cell_text, storage};

const FOLDER: &str = "STEWARD_CRASH_FOLDER";
const WORK: &str = "STEWARD_CRASH_WORK";
const ROUNDS: &str = "STEWARD_CRASH_ROUNDS";
/// How long a child may take until its first acknowledgement. The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows of one large commit.
const LARGE_ROWS: i64 = 60_000;

fn key() -> KeySource {
    MasterKey::from_bytes(*b"a key for tests of killed childs").into()
}

fn open(folder: &Path) -> Database {
    Database::open(folder, &key()).unwrap_or_else(|error| panic!("the database does not open again: {error}"))
}

/// The one value that a query gives.
async fn number(session: &mut Session, sql: &str) -> i64 {
    let rows = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let cell = rows.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| cell_text(batch.column(0), 0));
    cell.unwrap_or_else(|| panic!("{sql}: no value")).parse().unwrap()
}

/// The first column of a query's rows.
async fn column(session: &mut Session, sql: &str) -> Vec<String> {
    let rows = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let cells = rows.iter().flat_map(|batch| (0..batch.num_rows()).filter_map(|row| cell_text(batch.column(0), row)));
    cells.collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

// ---------------------------------------------------------------- the child

/// Rows that commit `n` puts into `part`: mostly a few, now and then enough for a file of their own.
fn parts(n: i64) -> i64 {
    if n % 16 == 0 { 3000 } else { 1 + n % 7 }
}

async fn small_commit(session: &mut Session, n: i64) {
    let statements = [
        format!("INSERT INTO whole VALUES ({n}, 'commit {n}')"),
        format!("INSERT INTO part SELECT {n}, g.k FROM generate_series(1, {}) AS g(k)", parts(n)),
        format!("UPDATE total SET commits = commits + 1, parts = parts + {}", parts(n)),
    ];
    // Both ways of making three statements one transaction.
    if n % 2 == 0 {
        session.query(&statements.join("; ")).await.unwrap();
        return;
    }
    session.query("BEGIN").await.unwrap();
    for statement in &statements {
        session.query(statement).await.unwrap();
    }
    session.query("COMMIT").await.unwrap();
}

async fn large_commit(session: &mut Session, n: i64) {
    if n % 2 == 0 {
        let sql =
            format!("INSERT INTO large SELECT {n}, g.k, 'row of {n}' FROM generate_series(1, {LARGE_ROWS}) AS g(k)");
        session.query(&sql).await.unwrap();
        return;
    }
    session.begin_implicit();
    let statement = session.parse("COPY large FROM STDIN WITH (FORMAT csv)").unwrap().remove(0);
    let Outcome::CopyIn(3) = session.execute(&statement, Vec::new()).await.unwrap() else {
        panic!("no COPY of 3 columns")
    };
    for start in (1..=LARGE_ROWS).step_by(1000) {
        let lines: String = (start..start + 1000).map(|row| format!("{n},{row},row of {n}\n")).collect();
        session.copy_data(lines.as_bytes()).await.unwrap();
    }
    assert_eq!(session.copy_finish().await.unwrap(), format!("COPY {LARGE_ROWS}"));
    session.commit_implicit().unwrap();
}

async fn train(session: &mut Session, n: i64) {
    let sql = format!(
        "CREATE MODEL m{n} OPTIONS (model_type = 'ctr', architecture = 'mlp', label_col = 'clicked', max_iterations = 2, \
         split = 'random', eval_fraction = 0.2, seed = {n}) AS SELECT colour, size, clicked FROM seen"
    );
    session.query(&sql).await.unwrap();
}

/// Tables for all kinds of work, in one transaction.
const TABLES: &str = "
    CREATE TABLE whole (n bigint PRIMARY KEY, note text NOT NULL);
    CREATE TABLE part (n bigint NOT NULL, k bigint NOT NULL);
    CREATE TABLE total (commits bigint NOT NULL, parts bigint NOT NULL);
    INSERT INTO total VALUES (0, 0);
    CREATE TABLE large (n bigint NOT NULL, k bigint NOT NULL, note text);
    CREATE TABLE seen (colour text, size bigint, clicked int);
    INSERT INTO seen SELECT CASE WHEN g.k % 3 = 0 THEN 'red' ELSE 'blue' END, g.k % 11,
        CASE WHEN g.k % 3 = 0 AND g.k % 11 < 8 THEN 1 ELSE 0 END FROM generate_series(1, 2000) AS g(k)";

#[test]
#[ignore = "the child that the other tests start and kill"]
fn child() {
    let (Some(folder), Ok(work)) = (std::env::var_os(FOLDER), std::env::var(WORK)) else { return };
    runtime().block_on(async {
        let database = open(Path::new(&folder));
        let mut session = database.session("steward").unwrap();
        let highest = match work.as_str() {
            "small" => number(&mut session, "SELECT coalesce(max(n), 0) FROM whole").await,
            "large" => number(&mut session, "SELECT coalesce(max(n), 0) FROM large").await,
            _ => number(&mut session, "SELECT count(*) FROM steward.models").await,
        };
        println!("ready");
        for n in highest + 1.. {
            match work.as_str() {
                "small" => small_commit(&mut session, n).await,
                "large" => large_commit(&mut session, n).await,
                _ => train(&mut session, n).await,
            }
            // A line goes out whole, and only now.
            println!("acknowledged {n}");
        }
    });
}

// ---------------------------------------------------------------- the parent

/// A child that goes with the test, however that ends.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets a child work for `life` after it is ready, kills it, and gives the numbers it acknowledged.
fn round(folder: &Path, work: &str, life: Duration) -> Vec<i64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).env(WORK, work).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut victim = Victim(command.spawn().unwrap());
    let (sender, lines) = std::sync::mpsc::channel();
    let stdout = victim.0.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let begun = Instant::now();
    loop {
        // The harness writes the test's name before the first line, without ending its own.
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.ends_with("ready") => break,
            Ok(_) => {}
            Err(_) => {
                let _ = victim.0.kill();
                let mut said = String::new();
                let _ = std::io::Read::read_to_string(&mut victim.0.stderr.take().unwrap(), &mut said);
                panic!("the child never was ready, after {:?}: {said}", begun.elapsed());
            }
        }
    }
    std::thread::sleep(life);
    let ended = victim.0.try_wait().unwrap();
    victim.0.kill().unwrap();
    victim.0.wait().unwrap();
    reader.join().unwrap();
    assert_eq!(ended, None, "the child ended by itself");
    lines.try_iter().filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).collect()
}

/// Rounds to run, and the pseudo-random life of the child in each: 50 to 400 ms.
fn lives(rounds: usize) -> impl Iterator<Item = Duration> {
    let rounds = std::env::var(ROUNDS).ok().and_then(|text| text.parse().ok()).unwrap_or(rounds);
    let mut state = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    (0..rounds).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Duration::from_millis(50 + state % 351)
    })
}

/// Makes the tables, kills a child in each round, and has `check` look at what is left; it gets all that was
/// acknowledged so far.
fn kill_again_and_again(work: &str, rounds: usize, check: impl AsyncFn(&mut Session, &[i64])) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let runtime = runtime();
    runtime.block_on(async {
        open(&data).session("steward").unwrap().query(TABLES).await.unwrap();
    });
    let mut acknowledged = Vec::new();
    for life in lives(rounds) {
        acknowledged.extend(round(&data, work, life));
        runtime.block_on(async {
            let database = open(&data);
            let mut session = database.session("steward").unwrap();
            check(&mut session, &acknowledged).await;
            // And it goes on: what comes next is kept as well.
            session.query("CREATE TABLE after (n int); INSERT INTO after VALUES (1); DROP TABLE after").await.unwrap();
        });
        let broken: Vec<_> = storage::check(&data, &key()).unwrap().into_iter().filter(|found| !found.ok).collect();
        assert!(broken.is_empty(), "{work}, killed after {life:?}: {broken:?}");
    }
    println!("{work}: {} commits were acknowledged", acknowledged.len());
    assert!(!acknowledged.is_empty(), "no child came as far as a commit: the test has tested nothing");
}

#[test]
fn small_commits_are_whole_and_kept() {
    kill_again_and_again("small", 8, async |session, acknowledged| {
        let count = number(session, "SELECT count(*) FROM whole").await;
        let highest = number(session, "SELECT coalesce(max(n), 0) FROM whole").await;
        assert_eq!(count, highest, "commits are numbered without gaps");
        // One more than was heard of may be there: killed between its commit and its word.
        let last = acknowledged.last().copied().unwrap_or(0);
        assert!(highest >= last, "commit {last} was acknowledged, but the last one there is {highest}");
        for (table, sum) in [("whole", count), ("part", (1..=highest).map(parts).sum())] {
            let field = if table == "whole" { "commits" } else { "parts" };
            assert_eq!(number(session, &format!("SELECT count(*) FROM {table}")).await, sum, "rows of {table}");
            assert_eq!(number(session, &format!("SELECT {field} FROM total")).await, sum, "total.{field}");
        }
        let halves = "SELECT count(*) FROM (SELECT w.n, count(p.k) AS found, CASE WHEN w.n % 16 = 0 THEN 3000 ELSE 1 + w.n % 7 END \
                      AS wanted FROM whole w LEFT JOIN part p ON p.n = w.n GROUP BY w.n) t WHERE found <> wanted";
        assert_eq!(number(session, halves).await, 0, "commits that are half there");
    });
}

#[test]
fn large_commits_are_whole_and_kept() {
    kill_again_and_again("large", 4, async |session, acknowledged| {
        for n in acknowledged {
            let rows = number(session, &format!("SELECT count(*) FROM large WHERE n = {n}")).await;
            assert_eq!(rows, LARGE_ROWS, "commit {n} was acknowledged");
        }
        let halves =
            format!("SELECT count(*) FROM (SELECT n, count(*) AS c FROM large GROUP BY n) t WHERE c <> {LARGE_ROWS}");
        assert_eq!(number(session, &halves).await, 0, "commits that are half there");
        let odd = "SELECT count(*) FROM large WHERE note <> 'row of ' || n::text OR k < 1";
        assert_eq!(number(session, odd).await, 0, "rows that nobody wrote");
    });
}

#[test]
fn models_are_whole_and_kept() {
    kill_again_and_again("models", 4, async |session, acknowledged| {
        let there = column(session, "SELECT name FROM steward.models").await;
        for n in acknowledged {
            assert!(there.contains(&format!("m{n}")), "model m{n} was acknowledged; there are {there:?}");
        }
        for name in &there {
            let sql = format!("SELECT count(PREDICT_CTR(s, '{name}')) FROM seen s");
            assert_eq!(number(session, &sql).await, 2000, "{name} answers");
        }
    });
}
