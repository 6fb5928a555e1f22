//! When the world is not as it should be: another key, changed bytes, a second process, a taken port, a full disk.
//!
//! What could go wrong in each case is a panic, a wrong answer that looks right, or an error that does not say what to
//! do. Promised: a clear error of the right kind that names the thing; reads that work go on; nothing acknowledged is
//! lost. For changed bytes: whatever byte of whatever file is changed, the database either says that it is damaged or
//! answers exactly as before.

#[path = "common/bert.rs"]
mod bert;
#[path = "damage/operation.rs"]
mod operation;
#[path = "damage/trials.rs"]
mod trials;
#[path = "damage/way_out.rs"]
mod way_out;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use stewarddb::{Birth, Database, Error, KeySource, Kind, MasterKey, Session, cell_text, server, storage};

fn key() -> KeySource {
    MasterKey::from_bytes(*b"the key that opens, and no other").into()
}

async fn run(session: &mut Session, sql: &str) -> Result<String, Error> {
    let mut text = String::new();
    for batch in session.query(sql).await? {
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = batch.columns().iter().map(|c| cell_text(c, row).unwrap_or_default()).collect();
            text.push_str(&cells.join("|"));
            text.push('\n');
        }
    }
    Ok(text)
}

/// A database with rows in the store and in files, columns with a key of their own, a text index and a model.
const CONTENT: &[&str] = &[
    "CREATE TABLE few (id int PRIMARY KEY, word text NOT NULL)",
    "INSERT INTO few VALUES (1, 'eins'), (2, '二'), (3, 'three')",
    "CREATE TABLE many (id bigint, word text, price numeric(10,2), colour text, clicked int)",
    "ALTER TABLE many ALTER COLUMN word SET CLASS personal",
    "ALTER TABLE many ALTER COLUMN price SET CLASS personal",
    "INSERT INTO many SELECT g.k, 'word ' || g.k::text, g.k * 0.5, CASE WHEN g.k % 3 = 0 THEN 'red' ELSE 'blue' END,
        CASE WHEN g.k % 3 = 0 THEN 1 ELSE 0 END FROM generate_series(1, 6000) AS g(k)",
    "DELETE FROM many WHERE id % 10 = 7",
    "UPDATE many SET price = 1.75 WHERE id = 3",
    "UPDATE few SET word = 'zwei' WHERE id = 2",
    "CREATE INDEX few_words ON few USING steward (word) WITH (key_field = 'id')",
    "CREATE MODEL m OPTIONS (model_type = 'ctr', architecture = 'mlp', label_col = 'clicked', max_iterations = 1, split = 'random')
        AS SELECT colour, price, clicked FROM many",
    "CREATE ROLE reader",
    "GRANT SELECT ON few TO reader",
    "CREATE VIEW both_tables AS SELECT f.id, f.word, m.price FROM few f JOIN many m ON m.id = f.id",
];

/// What is asked of it, before and after.
const QUESTIONS: &[&str] = &[
    "SELECT * FROM few ORDER BY id",
    "SELECT * FROM many ORDER BY id",
    "SELECT * FROM both_tables ORDER BY id",
    "SELECT rank, key, snippet FROM SEARCH('few', 'three', 5)",
    "SELECT sum(PREDICT_CTR(t, 'm'))::numeric(12,4) FROM many t",
    "SELECT name, superuser, login FROM steward.roles ORDER BY name",
];

async fn make(data: &Path) {
    let database = Database::open(data, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    for sql in CONTENT {
        session.query(sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
    }
}

/// Opens the database and asks everything.
async fn ask(data: &Path) -> Result<Vec<Result<String, Error>>, Error> {
    let database = Database::open(data, &key())?;
    let mut session = database.session("steward")?;
    let mut answers = Vec::new();
    for sql in QUESTIONS {
        answers.push(run(&mut session, sql).await);
    }
    Ok(answers)
}

// ---------------------------------------------------------------- bytes

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&path, &target).unwrap();
    }
}

/// Places to change in a file of this length: its ends, and some between that differ from file to file.
fn places(length: usize, seed: usize) -> Vec<usize> {
    let mut places = vec![0, length / 2, length.saturating_sub(1), 7 % length.max(1)];
    places.extend((1..4).map(|n| (seed * 7919 + n * 104_729) % length.max(1)));
    places.sort_unstable();
    places.dedup();
    places
}

/// A damaged folder speaks of damage; the kinds say which.
fn is_clear(error: &Error) -> bool {
    matches!(error.kind(), Kind::Corruption | Kind::WrongKey | Kind::FormatVersion) && !error.message().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_is_found_or_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    make(&whole).await;
    let expected: Vec<String> = ask(&whole).await.unwrap().into_iter().map(|answer| answer.unwrap()).collect();
    assert!(expected.iter().all(|answer| !answer.is_empty()), "{expected:?}");

    let mut found = 0;
    for (seed, path) in files(&whole).iter().enumerate() {
        let name = path.strip_prefix(&whole).unwrap();
        let length = fs::metadata(path).unwrap().len() as usize;
        if length == 0 {
            continue;
        }
        for place in places(length, seed) {
            copy(&whole, &broken);
            let mut bytes = fs::read(path).unwrap();
            bytes[place] ^= 1 << (place % 8);
            fs::write(broken.join(name), bytes).unwrap();

            let here = format!("byte {place} of {length} of {}", name.display());
            let answers = match ask(&broken).await {
                Ok(answers) => answers,
                Err(error) => {
                    assert!(is_clear(&error), "{here}: {:?}: {error}", error.kind());
                    found += 1;
                    continue;
                }
            };
            for ((sql, answer), expected) in QUESTIONS.iter().zip(answers).zip(&expected) {
                match answer {
                    Ok(answer) => assert_eq!(&answer, expected, "{here}: another answer to {sql}"),
                    Err(error) => {
                        assert!(is_clear(&error), "{here}: {sql}: {:?}: {error}", error.kind());
                        found += 1;
                    }
                }
            }
        }
    }
    assert!(found > 20, "only {found} changes were noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_shortened_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    make(&whole).await;
    let expected: Vec<String> = ask(&whole).await.unwrap().into_iter().map(|answer| answer.unwrap()).collect();
    for path in files(&whole) {
        let name = path.strip_prefix(&whole).unwrap();
        for shorten in [false, true] {
            copy(&whole, &broken);
            let target = broken.join(name);
            let bytes = fs::read(&target).unwrap();
            let damage = || match shorten {
                true => fs::write(&target, &bytes[..bytes.len() / 2]).unwrap(),
                false => fs::remove_file(&target).unwrap(),
            };
            damage();
            let here = format!("{} {}", name.display(), if shorten { "cut in half" } else { "removed" });
            let output = steward(folder.path(), &["check", "--data", broken.to_str().unwrap()]);
            // The lock holds no data, and what was removed is made anew.
            let expected_status = if name == Path::new("LOCK") { Some(0) } else { Some(1) };
            let told = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), expected_status, "{here}: check says\n{told}{}", stderr(&output));

            copy(&whole, &broken);
            damage();
            let answers = match ask(&broken).await {
                Ok(answers) => answers,
                Err(error) => {
                    assert!(is_clear(&error), "{here}: {:?}: {error}", error.kind());
                    continue;
                }
            };
            for ((sql, answer), expected) in QUESTIONS.iter().zip(answers).zip(&expected) {
                match answer {
                    Ok(answer) => assert_eq!(&answer, expected, "{here}: another answer to {sql}"),
                    Err(error) => assert!(is_clear(&error), "{here}: {sql}: {:?}: {error}", error.kind()),
                }
            }
        }
    }
}

// ---------------------------------------------------------------- keys

#[tokio::test(flavor = "multi_thread")]
async fn only_the_key_opens() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make(&data).await;
    let others = [
        KeySource::from(MasterKey::generate().unwrap()),
        MasterKey::from_bytes(*b"the key that opens, and no othes").into(),
        KeySource::passphrase("the key that opens, and no other"),
    ];
    for other in &others {
        let error = Database::open(&data, other).unwrap_err();
        assert_eq!(error.kind(), Kind::WrongKey, "{error}");
        assert!(!format!("{error:?}").contains("no othe"), "the error shows the key");
        assert_eq!(storage::check(&data, other).unwrap_err().kind(), Kind::WrongKey);
    }
    assert_eq!(Database::open(&data, &KeySource::passphrase("")).unwrap_err().kind(), Kind::Configuration);
    let answers = ask(&data).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "trying other keys has done harm: {answers:?}");

    // A passphrase opens what a passphrase made.
    let data = folder.path().join("phrase");
    drop(Database::open(&data, &KeySource::passphrase("守口如瓶")).unwrap());
    assert_eq!(Database::open(&data, &KeySource::passphrase("守口如瓮")).unwrap_err().kind(), Kind::WrongKey);
    drop(Database::open(&data, &KeySource::passphrase("守口如瓶")).unwrap());

    // A folder of something else is left alone.
    let data = folder.path().join("letters");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("letter.txt"), "Dear reader").unwrap();
    assert_eq!(Database::open(&data, &key()).unwrap_err().kind(), Kind::Configuration);
    assert_eq!(fs::read_to_string(data.join("letter.txt")).unwrap(), "Dear reader");
    assert_eq!(files(&data).len(), 1);
}

// ---------------------------------------------------------------- who was first

/// Runs the program itself, with the key of these tests in a file.
fn steward(folder: &Path, arguments: &[&str]) -> Output {
    let file = folder.join("test.key");
    if !file.exists() {
        MasterKey::from_bytes(*b"the key that opens, and no other").write_file(&file).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_steward"));
    command.args(arguments).env("STEWARD_KEY_FILE", &file).env_remove("STEWARD_PASSPHRASE").output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let name = data.to_str().unwrap();
    let database = Database::open_or_create(&data, &key(), &Birth::default()).unwrap();
    let mut session = database.session("steward").unwrap();
    session.query("CREATE TABLE t (n int); INSERT INTO t VALUES (42)").await.unwrap();

    let error = Database::open(&data, &key()).unwrap_err();
    assert_eq!(error.kind(), Kind::InUse);
    assert!(error.message().contains(name) && error.hint().is_some(), "{error}");
    for arguments in [&["sql", "--data", name, "-c", "SELECT n FROM t"][..], &["check", "--data", name]] {
        let output = steward(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = stderr(&output);
        let process = format!("in use by process {}", std::process::id());
        assert!(told.contains(name) && told.contains(&process), "{told}");
    }
    // The first one goes on as if nothing had been.
    session.query("INSERT INTO t VALUES (43)").await.unwrap();
    drop(session);
    drop(database);
    let output = steward(folder.path(), &["sql", "--data", name, "-c", "SELECT sum(n) AS total FROM t"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("85"), "{output:?}");
    assert!(steward(folder.path(), &["check", "--data", name, "--deep"]).status.success());
}

/// Either file of the keyring opens the database without the other; that the other one was damaged is told before it is written anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_of_the_keyring_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let name = data.to_str().unwrap();
    drop(Database::open_or_create(&data, &key(), &Birth::default()).unwrap());
    for (file, other) in [("keyring", "keyring.old"), ("keyring.old", "keyring")] {
        let told = format!("keyring file \"{}\"", data.join(file).display());
        let damage = || {
            let mut bytes = fs::read(data.join(file)).unwrap();
            bytes[70] ^= 1;
            fs::write(data.join(file), bytes).unwrap();
        };
        damage();
        let output = steward(folder.path(), &["check", "--data", name]);
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(1) && found.contains("DAMAGED  keyring keyring"), "{found}");
        assert!(found.contains(&told), "{found}");
        damage();
        let output = steward(folder.path(), &["sql", "--data", name, "-c", "SELECT 1"]);
        let warned = stderr(&output);
        assert!(output.status.success() && warned.contains("WARN") && warned.contains(&told), "{warned}");
        assert!(warned.contains(&format!("written anew from {other}\n")), "{warned}");
        let output = steward(folder.path(), &["sql", "--data", name, "-c", "SELECT 1"]);
        assert!(output.status.success() && !stderr(&output).contains("WARN"), "{}", stderr(&output));
    }
    assert!(steward(folder.path(), &["check", "--data", name, "--deep"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let first = server::listen("127.0.0.1:0").await.unwrap();
    let address = first.local_addr().unwrap().to_string();
    let error = server::listen(&address).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InUse);
    assert!(error.message().contains(&address), "{error}");

    let data = folder.path().join("data");
    let output = steward(folder.path(), &["serve", "--data", data.to_str().unwrap(), "--listen", &address]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
    assert!(!data.exists(), "a database was made whose password nobody has read");
}

// ---------------------------------------------------------------- room

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make(&data).await;
    let database = Database::open(&data, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    let small = "INSERT INTO few VALUES (100, 'hundred')";
    let large = "INSERT INTO many SELECT g.k, 'more', 1, 'red', 0 FROM generate_series(100001, 104000) AS g(k)";
    let model = "CREATE OR REPLACE MODEL m OPTIONS (model_type = 'ctr', architecture = 'mlp', label_col = 'clicked', max_iterations = 1, \
                 split = 'random') AS SELECT colour, price, clicked FROM many";
    let before = run(&mut session, "SELECT (SELECT count(*) FROM few), (SELECT count(*) FROM many)").await.unwrap();

    for free in [0, 4096] {
        database.store().pretend_free_bytes(Some(free));
        for sql in [small, large, model, "CREATE TABLE next (n int)", "UPDATE few SET word = 'x'", "DELETE FROM few"] {
            let error = run(&mut session, sql).await.unwrap_err();
            assert_eq!(error.kind(), Kind::DiskFull, "{sql}: {error}");
            assert!(error.message().contains(data.to_str().unwrap()) && error.hint().is_some(), "{error}");
        }
        // A block fails at its COMMIT at the latest, and as a whole.
        let block = async |session: &mut Session| {
            run(session, "BEGIN").await?;
            run(session, small).await?;
            run(session, "COMMIT").await
        };
        assert_eq!(block(&mut session).await.unwrap_err().kind(), Kind::DiskFull);
        let _ = run(&mut session, "ROLLBACK").await;
        // Reading goes on.
        let after = run(&mut session, "SELECT (SELECT count(*) FROM few), (SELECT count(*) FROM many)").await.unwrap();
        assert_eq!(after, before);
        // (A search that has first to bring its index up to date needs room for that, and says so.)
    }

    // With room again, without a restart.
    database.store().pretend_free_bytes(None);
    for sql in [small, large, model] {
        run(&mut session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    drop(session);
    drop(database);
    let database = Database::open(&data, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    assert_eq!(run(&mut session, "SELECT count(*) FROM few").await.unwrap(), "4\n");
    assert_eq!(run(&mut session, "SELECT count(*) FROM many").await.unwrap(), "9400\n");
    assert_eq!(run(&mut session, "SELECT count(*) FROM steward.model_versions").await.unwrap(), "2\n");
    drop(session);
    drop(database);
    assert!(storage::check(&data, &key()).unwrap().iter().all(|finding| finding.ok));
}
