//! What operators do when a disk has failed, or before it does: quarantine, repair, stores of earlier formats, and a disk that is
//! really full.

use super::{copy, files, is_clear, key, make, run, stderr, steward};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use stewarddb::{Database, Kind, Session, storage};

/// The largest file below a folder.
fn largest(folder: &Path) -> PathBuf {
    files(folder).into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_named_the_rest_is_served_and_a_backup_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    let (data_name, backup_name) = (data.to_str().unwrap(), backup.to_str().unwrap());
    make(&data).await;
    let big = "INSERT INTO big SELECT g.k, md5(g.k::text) FROM generate_series";
    {
        let database = Database::open(&data, &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        run(&mut session, "CREATE TABLE big (id bigint, filler text)").await.unwrap();
        run(&mut session, &format!("{big}(1, 20000) AS g(k)")).await.unwrap();
        run(&mut session, &format!("{big}(20001, 21000) AS g(k)")).await.unwrap();
        run(&mut session, &format!("BACKUP DATABASE TO '{backup_name}'")).await.unwrap();
    }
    // The larger of its two files.
    let damaged = largest(&data.join("files"));
    flip(&damaged);
    let name = format!("files/{}", damaged.strip_prefix(data.join("files")).unwrap().display());
    {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = told.clone();
        let database = Database::open(&data, &key()).unwrap();
        let notices = Arc::new(move |notice: stewarddb::sql::Notice| sink.lock().unwrap().push(notice));
        let mut session = database.session_with_notices("steward", notices).unwrap();
        let error = run(&mut session, "SELECT count(length(filler)) FROM big").await.unwrap_err();
        assert!(
            is_clear(&error) && error.message().contains("table public.big") && error.message().contains(&name),
            "{error}"
        );
        // So does whatever else reads its rows.
        for sql in [
            "UPDATE big SET id = id + 1",
            "DELETE FROM big WHERE length(filler) > 0",
            "ALTER TABLE big ADD CHECK (filler <> '')",
            "ALTER TABLE big ADD UNIQUE (filler)",
        ] {
            let error = run(&mut session, sql).await.unwrap_err();
            let told = error.message();
            assert!(
                is_clear(&error) && told.starts_with("table public.big: ") && told.contains(&name),
                "{sql}: {told}"
            );
            assert!(error.hint().is_some_and(|hint| hint.contains("steward repair")), "{sql}");
        }
        let error = run(&mut session, &format!("BACKUP DATABASE TO '{backup_name}'")).await;
        // The backup has the file whole; into another place it does not go.
        assert!(error.is_ok());
        let elsewhere = folder.path().join("elsewhere");
        let error = run(&mut session, &format!("BACKUP DATABASE TO '{}'", elsewhere.display())).await.unwrap_err();
        assert!(is_clear(&error) && error.message().contains(&name), "{error}");

        run(&mut session, "SET steward.allow_damaged = on").await.unwrap();
        assert_eq!(run(&mut session, "SELECT count(length(filler)), min(id) FROM big").await.unwrap(), "1000|20001\n");
        let warnings: Vec<_> = told.lock().unwrap().iter().filter(|n| n.severity == "WARNING").cloned().collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].message.contains("public.big") && warnings[0].message.contains("20000 rows"),
            "{warnings:?}"
        );
        let found =
            run(&mut session, "SELECT object, needed_by FROM steward.scrub WHERE state = 'damaged'").await.unwrap();
        assert_eq!(found, format!("{name}|table public.big\n"));
    }
    let output = steward(folder.path(), &["repair", "--data", data_name]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("LOST") && said.contains(&name),
        "{said}{}",
        stderr(&output)
    );
    let output = steward(folder.path(), &["repair", "--data", data_name, "--from", backup_name]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(&name), "{said}{}", stderr(&output));
    let output = steward(folder.path(), &["check", "--data", data_name, "--deep"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let database = Database::open(&data, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    assert_eq!(run(&mut session, "SELECT count(length(filler)) FROM big").await.unwrap(), "21000\n");
}

/// Wherever a file is damaged, in a page, its footer or a filter, the rows of the others are served when that is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_rows_are_served_wherever_a_file_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    {
        let database = Database::open(&data, &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        run(&mut session, "CREATE TABLE big (id bigint PRIMARY KEY, filler text)").await.unwrap();
        for rows in ["1, 20000", "20001, 21000"] {
            let sql = format!("INSERT INTO big SELECT g.k, md5(g.k::text) FROM generate_series({rows}) AS g(k)");
            run(&mut session, &sql).await.unwrap();
        }
    }
    let damaged = largest(&data.join("files"));
    let whole = fs::read(&damaged).unwrap();
    let mut left_out = 0;
    for place in (0..12).map(|n| n * (whole.len() - 1) / 11) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        fs::write(&damaged, bytes).unwrap();
        let database = Database::open(&data, &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        run(&mut session, "SET steward.allow_damaged = on").await.unwrap();
        let sql = "SELECT count(*), count(length(filler)), min(id), max(id) FROM big WHERE id > 0";
        let rows = run(&mut session, sql).await.unwrap();
        left_out += u32::from(rows == "1000|1000|20001|21000\n");
        assert!(rows.ends_with("|21000\n"), "byte {place}: {rows}");
        let by_key = run(&mut session, "SELECT length(filler) FROM big WHERE id = 20500").await.unwrap();
        assert_eq!(by_key, "32\n", "byte {place}");
    }
    assert!(left_out > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_text_index_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make(&data).await;
    let search = "SELECT rank, key, snippet FROM SEARCH('few', 'three', 5)";
    let index_files = |database: &Database| {
        let files = database.store().files();
        let is_index = |id: &storage::FileId| files.kind(*id).unwrap() == storage::FileKind::Index;
        files.list().unwrap().into_iter().filter(is_index).map(storage::Files::shown).collect::<Vec<_>>()
    };
    let (expected, names) = {
        let database = Database::open(&data, &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        (run(&mut session, search).await.unwrap(), index_files(&database))
    };
    assert!(!names.is_empty());
    names.iter().for_each(|name| flip(&data.join(name)));
    let output = steward(folder.path(), &["repair", "--data", data.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("index public.few_words"), "{said}{}", stderr(&output));
    let database = Database::open(&data, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    assert_eq!(run(&mut session, search).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_goes_back_to_any_moment_that_was_kept() {
    for kept in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        make(&folder.path().join("data")).await;
        let count = "SELECT count(*), min(word) FROM many";
        let (before, between, time) = {
            let database = Database::open(at("data"), &key()).unwrap();
            let mut session = database.session("steward").unwrap();
            if kept {
                run(&mut session, "ALTER SYSTEM SET steward.retention = '1h'").await.unwrap();
            }
            run(&mut session, &format!("BACKUP DATABASE TO '{}'", at("backup"))).await.unwrap();
            let before = run(&mut session, count).await.unwrap();
            let grow =
                "INSERT INTO many SELECT g.k, 'between', 1, 'red', 0 FROM generate_series(100001, 104000) AS g(k)";
            run(&mut session, grow).await.unwrap();
            run(&mut session, "INSERT INTO few VALUES (60, 'three between')").await.unwrap();
            let between = run(&mut session, "SELECT max(commit) FROM steward.commits").await.unwrap();
            let time = run(&mut session, "SELECT max(committed_at) FROM steward.commits").await.unwrap();
            run(&mut session, "CHECKPOINT").await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            // Its files go, or are kept.
            run(&mut session, "TRUNCATE many").await.unwrap();
            run(&mut session, "DELETE FROM few").await.unwrap();
            run(&mut session, &format!("BACKUP DATABASE TO '{}'", at("backup"))).await.unwrap();
            (before, between.trim().to_owned(), time.trim().to_owned())
        };
        let restore = |name: &str, more: &[&str]| {
            let (from, data) = (at("backup"), at(name));
            let arguments = [&["restore", "--from", &from, "--data", &data], more].concat();
            steward(folder.path(), &arguments)
        };
        let output = restore("last", &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        for (name, more) in [("commit", ["--to-commit", &between]), ("time", ["--to-time", &time])] {
            let output = restore(name, &more);
            if !kept {
                // The file that the table had then is in no backup.
                assert!(output.status.code() == Some(1) && stderr(&output).contains("lacks"), "{}", stderr(&output));
                assert_eq!(Database::open(at(name), &key()).unwrap_err().kind(), Kind::Configuration);
                continue;
            }
            assert!(output.status.success(), "{}", stderr(&output));
            let database = Database::open(at(name), &key()).unwrap();
            let mut session = database.session("steward").unwrap();
            assert_eq!(
                run(&mut session, count).await.unwrap(),
                before.replace("5400|", "9400|").replace("word 1", "between")
            );
            let found = run(&mut session, "SELECT key FROM SEARCH('few', 'between', 5)").await.unwrap();
            assert_eq!(found, "60\n", "the index is of the same moment");
            run(&mut session, "INSERT INTO few VALUES (61, 'after between')").await.unwrap();
            let found = run(&mut session, "SELECT count(*) FROM SEARCH('few', 'between', 5)").await.unwrap();
            assert_eq!(found, "2\n");
        }
        let output = restore("early", &["--to-time", "2001-01-01"]);
        assert!(output.status.code() == Some(1) && stderr(&output).contains("reaches back"), "{}", stderr(&output));
        let database = Database::open(at("last"), &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        assert_eq!(run(&mut session, count).await.unwrap(), "0|\n");
    }
}

// ---------------------------------------------------------------- erasure

/// Waits until nothing is under an old key and no key of what is gone is left.
async fn settled(session: &mut Session) {
    let rest = "SELECT (SELECT count(*) FROM steward.encryption WHERE state NOT IN ('current', 'plain'))
        + (SELECT count(*) FROM steward.encryption_keys WHERE state = 'outdated' OR key_of LIKE 'dropped%' AND state <> 'destroyed')";
    let begun = std::time::Instant::now();
    while run(session, rest).await.unwrap() != "0\n" {
        assert!(begun.elapsed() < std::time::Duration::from_secs(120), "{}", run(session, rest).await.unwrap());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A class is erased: its values are nowhere, the rest of the table is all there; with the keyring of before they are there.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_is_nowhere_and_the_rest_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (all, rest) = ("SELECT * FROM people ORDER BY id", "SELECT id, name FROM people ORDER BY id");
    let nulls = "SELECT count(*), count(mail), count(age) FROM people";
    let (expected, expected_rest) = {
        let database = Database::open(at("data"), &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        for sql in [
            "CREATE TABLE people (id bigint PRIMARY KEY, name text, mail text, age int)",
            // Some of it was there before it became a class, and lay under the key of the table.
            "INSERT INTO people SELECT g.k, 'name ' || g.k::text, 'Quetzalmail ' || g.k::text, g.k FROM generate_series(1, 9000) AS g(k)",
            "ALTER TABLE people ALTER COLUMN mail SET CLASS personal",
            "ALTER TABLE people ALTER COLUMN age SET CLASS personal",
            "INSERT INTO people VALUES (9001, 'last', 'Quetzalmail of the last', 99)",
            "UPDATE people SET age = age + 1 WHERE id % 100 = 0",
            "INVENTORY ALL",
        ] {
            run(&mut session, sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
        }
        settled(&mut session).await;
        run(&mut session, &format!("BACKUP DATABASE TO '{}'", at("backup").display())).await.unwrap();
        (run(&mut session, all).await.unwrap(), run(&mut session, rest).await.unwrap())
    };
    assert!(expected.contains("Quetzalmail 8999"));
    copy(&at("data"), &at("copy"));
    {
        let database = Database::open(at("data"), &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        run(&mut session, "ALTER TABLE people ERASE CLASS personal").await.unwrap();
        assert_eq!(run(&mut session, nulls).await.unwrap(), "9001|0|0\n");
        settled(&mut session).await;
        // One key for the table, and for the class none yet: nothing was written since.
        let keys = "SELECT count(*) FROM steward.encryption_keys WHERE key_of LIKE '%people%'";
        assert_eq!(run(&mut session, keys).await.unwrap(), "1\n");
        assert_eq!(run(&mut session, rest).await.unwrap(), expected_rest);
        // Nothing that the store holds and can open has it; weights that were learnt from the rows are gone.
        let is_chunk = |id: &storage::FileId| database.store().files().kind(*id).unwrap() == storage::FileKind::Chunk;
        assert!(database.store().files().list().unwrap().iter().all(is_chunk));
        for tree in storage::Tree::ALL {
            for (_, value) in database.store().engine().scan(tree, b"").unwrap() {
                assert!(!String::from_utf8_lossy(&value).contains("Quetzal"), "tree {}", tree.name());
            }
        }
        for file in database.store().files().list().unwrap() {
            let bytes = database.store().files().read(file).unwrap();
            assert!(!bytes.windows(7).any(|window| window == b"Quetzal"), "file {}", storage::Files::shown(file));
        }
    }
    // After a restart, written anew, and as a backup of now has it.
    {
        let database = Database::open(at("data"), &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        assert_eq!(run(&mut session, nulls).await.unwrap(), "9001|0|0\n");
        run(&mut session, "VACUUM FULL people").await.unwrap();
        run(&mut session, "INSERT INTO people VALUES (-1, 'new', 'new mail', 1)").await.unwrap();
        assert_eq!(run(&mut session, nulls).await.unwrap(), "9002|1|1\n");
        run(&mut session, "DELETE FROM people WHERE id = -1").await.unwrap();
        assert_eq!(run(&mut session, rest).await.unwrap(), expected_rest);
        run(&mut session, &format!("BACKUP DATABASE TO '{}'", at("later").display())).await.unwrap();
    }
    let restore = |from: &str, to: &str| {
        let (from, to) = (at(from), at(to));
        let arguments = ["restore", "--from", from.to_str().unwrap(), "--data", to.to_str().unwrap()];
        let output = steward(folder.path(), &arguments);
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    };
    restore("later", "after");
    // What was taken before has the keyring of then: honestly, all of it comes back.
    restore("backup", "before");
    for (name, sql, wanted) in [
        ("data", rest, &expected_rest),
        ("after", rest, &expected_rest),
        ("before", all, &expected),
        ("copy", all, &expected),
    ] {
        assert!(storage::check(&at(name), &key()).unwrap().iter().all(|finding| finding.ok), "{name}");
        if name == "copy" {
            // As it was, with the keyring of now.
            for keyring in ["keyring", "keyring.old"] {
                fs::copy(at("data").join(keyring), at("copy").join(keyring)).unwrap();
            }
        }
        let Ok(database) = Database::open(at(name), &key()) else {
            assert_eq!(name, "copy");
            continue;
        };
        let mut session = database.session("steward").unwrap();
        match (name, run(&mut session, sql).await) {
            ("copy", answer) => assert!(!format!("{answer:?}").contains("Quetzal"), "read without its key"),
            (_, answer) => assert_eq!(&answer.unwrap(), wanted, "{name}"),
        }
    }
}

// ---------------------------------------------------------------- earlier formats

fn compat() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat")
}

/// Every store that was kept opens, is whole, and answers what it answered when it was made.
#[tokio::test(flavor = "multi_thread")]
async fn stores_of_earlier_formats_open() {
    let mut opened = 0;
    for folder in fs::read_dir(compat()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let expected = fs::read_to_string(folder.join("answers")).unwrap();
        let there = tempfile::tempdir().unwrap();
        let data = there.path().join("data");
        copy(&folder.join("data"), &data);
        // The key lies beside it; git keeps no modes, and a key that others may read is refused.
        let bytes = fs::read(folder.join("key")).unwrap();
        let own = there.path().join("key");
        fs::write(&own, bytes).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
        let kept = stewarddb::KeySource::from(stewarddb::MasterKey::from_file(&own).unwrap());
        assert!(storage::check(&data, &kept).unwrap().iter().all(|finding| finding.ok), "{}", folder.display());
        assert_eq!(answers(&folder, &data).await, expected, "{}", folder.display());
        opened += 1;
    }
    assert!(opened > 0, "no store is kept in tests/compat");
}

/// The answers of the store in `data` to the questions of all stores, and to those that its `folder` has of its own.
async fn answers(folder: &Path, data: &Path) -> String {
    let answers = super::ask(data).await.unwrap();
    let mut answers: Vec<String> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    let own = fs::read_to_string(folder.join("questions")).unwrap_or_default();
    let database = Database::open(data, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    for question in own.lines() {
        answers.push(run(&mut session, question).await.unwrap());
    }
    answers.join("--\n")
}

/// What only a store of this format can be asked.
const QUESTIONS_OF_THIS_FORMAT: &str = "\
SELECT id, nr, m, twice FROM numbered ORDER BY id
SELECT id FROM numbered WHERE m = 'sad'
SELECT enumlabel FROM pg_enum ORDER BY enumsortorder
SELECT indexdef FROM pg_indexes WHERE tablename = 'numbered' ORDER BY indexname
SELECT obj_description('numbered_m_idx'::regclass, 'pg_class')
SELECT nextval('numbered_nr_seq')
SELECT id, p, moods, net, until FROM typed WHERE id < 3 ORDER BY id
SELECT count(*), sum(p), min(id), max(id) FROM typed
SELECT p FROM typed WHERE id IN (10, 11, 4000) ORDER BY id
SELECT policyname, roles, cmd, qual, with_check FROM pg_policies ORDER BY 1
SELECT relacl FROM pg_class WHERE relname = 'typed'
SELECT attname, attacl FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attacl IS NOT NULL
SELECT defaclrole::regrole, defaclobjtype, defaclacl FROM pg_default_acl
SET ROLE clerk
SELECT count(*) FROM typed
UPDATE typed SET p = 50 WHERE id IN (1, 5)
SELECT id, p FROM typed WHERE p = 50
RESET ROLE
SELECT id, q, word FROM ruled ORDER BY id
SELECT id, q, word FROM ruled_quarantine
SELECT rule, failed_rows FROM QUALITY_REPORT('ruled')
SELECT src, src_column, dst_column, influence FROM LINEAGE('made', 'more')
SELECT whole, entries > 0 FROM AUDIT_VERIFY()
SELECT name, category FROM steward.classifiers
SELECT column_name, old_value, new_value, method FROM steward.repairs
SELECT column_name, tag, value, source FROM tag_references('copied')
SELECT frozen, guard FROM steward.models WHERE name = 'worth'
SELECT version, deployed, base_version, trained_rows FROM steward.model_versions WHERE model = 'worth' ORDER BY 1
SELECT round(PREDICT('worth', visits)::numeric, 2) FROM visits WHERE id = 100
SELECT actor, columns, rows_deleted FROM steward.erasures
SELECT name, kind, schedule, time_zone, on_change, state FROM steward.jobs ORDER BY name
SELECT name, schedule FROM steward.quality_rules WHERE name = 'yearly'
SELECT DISTINCT model, version FROM steward.drift
SELECT PREDICT('watched', many) BETWEEN 0 AND 1 FROM many WHERE id = 1
SELECT run, target, assets, looked_at FROM steward.inventory_runs ORDER BY run
SELECT asset, run, row_count FROM steward.asset_history ORDER BY asset, run
SELECT asset, change FROM INVENTORY_DIFF(1, 2)
SELECT column_name, semantic_type, grade FROM steward.columns WHERE asset = 'public.people' ORDER BY ordinal
SELECT src, src_column, kind FROM LINEAGE('doubled', 'b')
SELECT round(SIMILARITY('red apple', 'green boot', 'tiny')::numeric, 4)
";

/// Makes `tests/compat/format-N` anew: run once for each format, when it is settled, and committed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes a fixture"]
async fn make_a_store_of_this_format() {
    let folder = compat().join(format!("format-{}", stewarddb::config::FORMAT_VERSION_LATEST));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    make(&folder.join("data")).await;
    {
        // Part of it lies in the journal only.
        let database = Database::open(folder.join("data"), &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        for sql in [
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY, nr serial, m mood,
                twice int GENERATED ALWAYS AS (nr * 2) STORED)",
            "INSERT INTO numbered (m) VALUES ('ok'), ('sad')",
            "CREATE UNIQUE INDEX ON numbered (nr)",
            "CREATE INDEX ON numbered (m)",
            "COMMENT ON INDEX numbered_m_idx IS 'kept'",
            "CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0)",
            "CREATE TABLE typed (id int PRIMARY KEY, p price, moods mood[], net cidr, until date)",
            "INSERT INTO typed VALUES (1, 2.5, '{ok,sad}', '10.0.0.0/8', 'infinity'), (2, NULL, NULL, NULL, '2026-01-02')",
            "INSERT INTO typed SELECT g, g FROM generate_series(3, 5000) AS g(g)",
            "DELETE FROM typed WHERE id % 7 = 3",
            "UPDATE typed SET p = p + 1 WHERE id = 4000",
            "CREATE ROLE clerk",
            "CREATE ROLE boss",
            "GRANT SELECT, UPDATE (p) ON typed TO clerk WITH GRANT OPTION",
            "SET ROLE clerk",
            "GRANT SELECT ON typed TO boss",
            "RESET ROLE",
            "CREATE POLICY seen ON typed FOR SELECT USING (id < 10)",
            "CREATE POLICY changes ON typed FOR UPDATE TO clerk USING (id < 3) WITH CHECK (p < 100)",
            "CREATE POLICY adds ON typed FOR INSERT WITH CHECK (EXISTS (SELECT 1 FROM numbered WHERE numbered.id = typed.id))",
            "ALTER TABLE typed ENABLE ROW LEVEL SECURITY",
            "ALTER DEFAULT PRIVILEGES FOR ROLE boss GRANT SELECT ON TABLES TO clerk",
            "CREATE TABLE ruled (id int PRIMARY KEY, q int, word text)",
            "CREATE QUALITY RULE cheap ON ruled CHECK (q < 1000) ON VIOLATION QUARANTINE",
            "INSERT INTO ruled VALUES (1, 5, 'one'), (2, 5000, 'two'), (3, 7, ' three ')",
            "INSERT INTO ruled VALUES (4, 8, 'four')",
            "CHECK QUALITY ruled",
            "CREATE TABLE made AS SELECT id, q + 1 AS more FROM ruled",
            "CREATE CLASSIFIER badges (VALUE_REGEX '^EMP-[0-9]{4}$') CATEGORY 'badge_no'",
            "CREATE QUALITY RULE trimmed ON ruled (word) CHECK (word = trim(word)) ON VIOLATION REPAIR USING trim(word)",
            "REPAIR TABLE ruled USING RULES (trimmed)",
            "CREATE TAG secret PROPAGATE = ON_DEPENDENCY_AND_DATA_MOVEMENT",
            "ALTER TABLE made ALTER COLUMN more SET TAG secret = 'yes'",
            "CREATE TABLE copied AS SELECT id, more FROM made",
            "CREATE TABLE visits AS SELECT g AS id, g * 0.5 AS spent, g % 7 AS visits, g * 1.5 + g % 7 AS worth
                FROM generate_series(1, 400) AS g(g)",
            "CREATE MODEL worth OPTIONS (model_type = 'mlp', label_col = 'worth', max_iterations = 2, seed = 1)
                AS SELECT spent, visits, worth FROM visits",
            "ALTER MODEL worth UPDATE AS SELECT spent + 1 AS spent, visits, worth + 1.5 AS worth FROM visits",
            "ALTER MODEL worth SET OPTIONS (guard_metric = 'rmse', guard_drop = 0.5)",
            "ALTER MODEL worth FREEZE",
            "CREATE TABLE people (id int PRIMARY KEY, mail text)",
            "INSERT INTO people VALUES (1, 'ada@example.org'), (2, 'bob@example.org')",
            "FORGET SUBJECT 'ada@example.org' IN people.mail",
            "CREATE JOB rare SCHEDULE '0 3 29 feb *' TIME ZONE 'Asia/Shanghai' ON CHANGE OF few AS CHECK QUALITY ruled",
            "ALTER JOB rare SUSPEND",
            "CREATE QUALITY RULE yearly ON ruled CHECK (id > 0) SCHEDULE '0 3 29 feb *'",
            "CREATE MODEL watched OPTIONS (model_type = 'ctr', architecture = 'lr', label_col = 'clicked', max_iterations = 1, seed = 1,
                update_mode = 'online', source = 'many') AS SELECT colour, price, clicked FROM many",
            "CHECK DRIFT watched ON many",
            "INVENTORY TABLE ruled WITH (quality = false)",
            "INSERT INTO ruled VALUES (5, 9, 'five')",
            "INVENTORY TABLE ruled WITH (quality = false)",
            "INVENTORY TABLE people WITH (quality = false)",
            "CREATE TABLE doubled (a int, b int GENERATED ALWAYS AS (a * 2) STORED)",
            "INSERT INTO doubled VALUES (4)",
            "INSERT INTO steward.grading_rules (ordinal, semantic_type, grade, basis) VALUES (5, 'email', 'important', 'our list')",
        ] {
            run(&mut session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        let bert = tempfile::tempdir().unwrap();
        super::bert::write_bert(bert.path());
        let path = bert.path().display();
        let import =
            format!("CREATE MODEL tiny OPTIONS (model_type = 'imported', format = 'safetensors', path = '{path}')");
        run(&mut session, &import).await.unwrap();
        run(&mut session, "INSERT INTO few VALUES (9, 'nine')").await.unwrap();
        run(&mut session, "SELECT * FROM SEARCH('few', 'nine', 1)").await.unwrap();
    }
    fs::write(folder.join("questions"), QUESTIONS_OF_THIS_FORMAT).unwrap();
    // Asked of a copy, since a question may take a number from a sequence.
    let there = tempfile::tempdir().unwrap();
    copy(&folder.join("data"), &there.path().join("data"));
    let text = answers(&folder, &there.path().join("data")).await;
    fs::write(folder.join("answers"), text).unwrap();
    fs::remove_file(folder.join("data/LOCK")).unwrap();
    let bytes = *b"the key that opens, and no other";
    stewarddb::MasterKey::from_bytes(bytes).write_file(&folder.join("key")).unwrap();
}

// ---------------------------------------------------------------- a disk that is full

/// A small file system of its own, taken away at the end.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf, mebibytes: u32) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        mounted.ok().filter(|output| output.status.success()).map(|_| Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_really_full_disk_refuses_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mount(folder.path().join("disk"), 160) else {
        println!("skipped: only root may mount the small file system that this test fills");
        return;
    };
    let (data, ballast) = (disk.0.join("data"), disk.0.join("ballast"));
    make(&data).await;
    let database = Database::open(&data, &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    let before = run(&mut session, "SELECT count(*) FROM few").await.unwrap();
    // Until nothing more goes in.
    let mut bytes = vec![7u8; 1 << 20];
    let mut file = fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &bytes).is_ok() {}
    bytes.clear();
    for sql in ["INSERT INTO few VALUES (50, 'x')", "CREATE TABLE more (n int)", "DELETE FROM few"] {
        let error = run(&mut session, sql).await.unwrap_err();
        assert_eq!(
            (error.kind(), stewarddb::server::sqlstate(error.kind())),
            (Kind::DiskFull, "53100"),
            "{sql}: {error}"
        );
    }
    let error =
        run(&mut session, &format!("BACKUP DATABASE TO '{}'", disk.0.join("backup").display())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::DiskFull, "{error}");
    assert_eq!(run(&mut session, "SELECT count(*) FROM few").await.unwrap(), before);
    // Of the last megabytes so many are kept for what makes room.
    file.set_len(file.metadata().unwrap().len() - (10 << 20)).unwrap();
    let error = run(&mut session, "INSERT INTO few VALUES (50, 'x')").await.unwrap_err();
    assert_eq!(error.kind(), Kind::DiskFull, "{error}");
    run(&mut session, "BEGIN; DELETE FROM few; DROP VIEW IF EXISTS nothing; ROLLBACK").await.unwrap();
    run(&mut session, "DELETE FROM few WHERE (SELECT count(*) FROM many) < 0").await.unwrap();
    run(&mut session, "DELETE FROM many WHERE id = 1").await.unwrap();
    drop(file);
    fs::remove_file(&ballast).unwrap();
    run(&mut session, "INSERT INTO few VALUES (50, 'x')").await.unwrap();

    // And filled by the database itself.
    let grow = "INSERT INTO many SELECT g.k, md5(g.k::text), 1, 'red', 0 FROM generate_series(1, 200000) AS g(k)";
    let mut refused = None;
    for _ in 0..60 {
        if let Err(error) = run(&mut session, grow).await {
            refused = Some(error);
            break;
        }
    }
    let error = refused.expect("the disk was never full");
    assert_eq!(error.kind(), Kind::DiskFull, "{error}");
    // What is there can be removed again, and gives room.
    run(&mut session, "TRUNCATE many").await.unwrap();
    run(&mut session, "INSERT INTO few VALUES (51, 'y')").await.unwrap();
    drop(session);
    drop(database);
    assert!(storage::check(&data, &key()).unwrap().iter().all(|finding| finding.ok));
}
