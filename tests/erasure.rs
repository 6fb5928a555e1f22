//! After FORGET SUBJECT no file of the folder has the person, not even for who has the key.
//!
//! What could go wrong: a copy that nobody thought of, and that a key still opens: a row in an old commit or a checkpoint, a segment that
//! was written anew and lies among the removed files, a word in a text index, a usual value in the weights of row quality, a profile.
//! So a person is put into every place that keeps values, with the past kept for a day; then everything in the folder that opens is
//! opened: values of all trees, every commit of the journal, every checkpoint's state, every file, removed ones too. Values that
//! stand nowhere else are looked for in all of it as they are; small and large pieces alike are long literals there.
//!
//! A search that finds nothing proves little unless it would have found something: before, it must find the person in commits, in
//! files and in removed files. And the search goes on to find the neighbours that stay.

use std::path::Path;
use stewarddb::storage::Store;
use stewarddb::{Database, KeySource, MasterKey, Session, cell_text};

/// What is said of the person, each value nowhere else.
const PERSON: [&str; 4] = ["quokka.arboretum", "Oberammergau-4711", "wrdlbrmpfd", "1968-07-31-umbellifera"];
/// A neighbour, who stays.
const NEIGHBOUR: &str = "kakapodrome.papageiduo";

fn key() -> KeySource {
    KeySource::from(MasterKey::from_bytes([9; 32]))
}

async fn run(session: &mut Session, sql: &str) -> Vec<String> {
    let batches = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}\n{error} {:?}", error.detail()));
    let mut cells = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let texts = batch.columns().iter().map(|column| cell_text(column, row).unwrap_or_default());
            cells.push(texts.collect::<Vec<_>>().join("|"));
        }
    }
    cells
}

/// Where a value is found: kinds of places.
fn found(folder: &Path, values: &[&str]) -> Vec<String> {
    let store = Store::open(folder, &key()).unwrap();
    let has = |bytes: &[u8]| values.iter().any(|value| bytes.windows(value.len()).any(|part| part == value.as_bytes()));
    let mut places = Vec::new();
    let span = store.span().unwrap();
    let mut numbers = vec![span.first];
    store
        .commits(span.first, |past| {
            numbers.push(past.number);
            if past.contains(&has) {
                places.push("commit".to_owned());
            }
            Ok(true)
        })
        .unwrap();
    for number in [span.first, numbers[numbers.len() / 2], *numbers.last().unwrap()] {
        let state = store.state_at(number).unwrap();
        for tree in stewarddb::storage::Tree::ALL {
            let values = stewarddb::storage::Engine::scan(&state, tree, b"").unwrap();
            places.extend(values.iter().filter(|(_, value)| has(value)).map(|_| format!("state of {tree:?}")));
        }
    }
    for (what, files) in [("file", store.files().list().unwrap()), ("removed file", store.files().list_retired())] {
        for file in files {
            match store.files().read(file) {
                Ok(bytes) if has(&bytes) => places.push(what.to_owned()),
                Ok(_) => {}
                Err(error) => assert!(store.files().is_shredded(file), "{error}"),
            }
        }
    }
    places.sort();
    places.dedup();
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_opens_has_the_person_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let mail = format!("{}@example.org", PERSON[0]);
    {
        let database = Database::open(&path, &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        for sql in [
            "ALTER SYSTEM SET steward.retention = '1d'".to_owned(),
            "CREATE TABLE people (id int PRIMARY KEY, mail text UNIQUE, town text, notes text, born text)".to_owned(),
            "CREATE TABLE visits (id int PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE, note text)".to_owned(),
            "CREATE INDEX words ON people USING steward (notes) WITH (key_field = 'id')".to_owned(),
            "CREATE QUALITY RULE short ON visits CHECK (length(note) < 1000) ON VIOLATION QUARANTINE".to_owned(),
            "CREATE MATERIALIZED VIEW towns AS SELECT town, count(*) AS n FROM people GROUP BY town".to_owned(),
            // Many rows lie in files, few in the journal and in the trees.
            "INSERT INTO people SELECT n, 'p' || n || '@example.org', 'town ' || n % 7, 'word' || n, 'day ' || n % 365 \
             FROM generate_series(1, 6000) AS g (n)"
                .to_owned(),
            format!(
                "INSERT INTO people VALUES (9001, '{mail}', '{}', 'plays {} in spring', '{}'), \
                 (9002, '{NEIGHBOUR}@example.org', 'town 1', 'plays chess', 'day 1')",
                PERSON[1], PERSON[2], PERSON[3]
            ),
            format!("INSERT INTO visits VALUES (1, 9001, '{} came'), (2, 9002, '{NEIGHBOUR} came')", PERSON[1]),
            format!("INSERT INTO visits VALUES (3, 9001, '{}' || repeat('x', 2000))", PERSON[3]),
            "VACUUM FULL people".to_owned(),
            "UPDATE people SET town = upper(town) WHERE id < 3000".to_owned(),
            "VACUUM FULL people".to_owned(),
            "CREATE TABLE copies AS SELECT mail, town FROM people".to_owned(),
            "REFRESH MATERIALIZED VIEW towns".to_owned(),
            "INVENTORY TABLE people".to_owned(),
            "UPDATE people SET notes = notes || '.' WHERE id > 9000".to_owned(),
            "CHECKPOINT".to_owned(),
            "SELECT avg(QUALITY(p)) FROM people p".to_owned(),
        ] {
            run(&mut session, &sql).await;
        }
        assert_eq!(run(&mut session, &format!("SELECT key FROM SEARCH('people', '{}')", PERSON[2])).await, ["9001"]);
    }
    let before = found(&path, &PERSON);
    for place in ["commit", "file", "removed file"] {
        assert!(before.iter().any(|found| found == place), "the search finds nothing in a {place}: {before:?}");
    }
    {
        let database = Database::open(&path, &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        let forgotten = run(&mut session, &format!("FORGET SUBJECT '{mail}' IN people.mail")).await;
        assert!(forgotten.iter().any(|line| line.starts_with("public.people|table|delete|1|")), "{forgotten:?}");
        let state = run(&mut session, "SELECT state, rows_deleted FROM steward.erasures").await;
        assert_eq!(state, ["finished|4"], "{forgotten:?}");
        let hits = run(&mut session, &format!("SELECT count(*) FROM SEARCH('people', '{}')", PERSON[2])).await;
        assert_eq!(hits, ["0"]);
        assert_eq!(run(&mut session, "SELECT count(*) FROM SEARCH('people', 'chess')").await, ["1"]);
    }
    assert_eq!(found(&path, &PERSON), Vec::<String>::new());
    assert!(!found(&path, &[NEIGHBOUR]).is_empty(), "the neighbour stays");
    // The database is whole, also when it is made anew from its journal.
    std::fs::remove_dir_all(path.join("assets")).unwrap();
    let database = Database::open(&path, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    let counts = "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM visits), (SELECT count(*) FROM copies), \
                  (SELECT sum(n) FROM towns)";
    assert_eq!(run(&mut session, counts).await, ["6001|1|6001|6001"]);
    assert!(database.store().check().iter().all(|finding| finding.ok));
}

/// A process that ends between the commit and what follows it goes on with the next start.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_is_ended_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let database = Database::open(&path, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    for sql in [
        "ALTER SYSTEM SET steward.retention = '1d'",
        "CREATE TABLE people (id int PRIMARY KEY, mail text)",
        "INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 50000) AS g (n)",
        "INSERT INTO people VALUES (90001, 'quokka.arboretum'), (90002, 'kakapodrome.papageiduo')",
    ] {
        run(&mut session, sql).await;
    }
    // One who reads what was before keeps it from going.
    let mut reader = database.session("steward").unwrap();
    run(&mut reader, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    run(&mut reader, "SELECT count(*) FROM people").await;
    let cancel = session.cancel_handle();
    let stopping = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        cancel.cancel();
    });
    let told = run(&mut session, "FORGET SUBJECT 'quokka.arboretum' IN people.mail").await;
    stopping.await.unwrap();
    assert!(told.iter().any(|line| line.starts_with("|data folder|remains|")), "{told:?}");
    assert_eq!(run(&mut session, "SELECT state FROM steward.erasures").await, ["under way"]);
    // It is gone for everybody all the same, but for who began before.
    assert_eq!(run(&mut session, "SELECT count(*) FROM people WHERE id = 90001").await, ["0"]);
    assert_eq!(run(&mut reader, "SELECT count(*) FROM people WHERE id = 90001").await, ["1"]);
    drop((reader, session, database));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let database = loop {
        // What goes on in the background lets go of the folder soon.
        match Database::open(&path, &key()) {
            Ok(database) => break database,
            Err(error) => assert!(std::time::Instant::now() < until, "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let mut session = database.session("steward").unwrap();
    while run(&mut session, "SELECT state FROM steward.erasures").await != ["finished"] {
        assert!(std::time::Instant::now() < until, "it does not end");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    drop((session, database));
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(found(&path, &["quokka.arboretum"]), Vec::<String>::new());
    assert!(!found(&path, &["kakapodrome.papageiduo"]).is_empty());
}
