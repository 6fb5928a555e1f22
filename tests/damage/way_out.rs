//! A way out, and back: what is exported is imported again and is the same, whatever it is, and whatever of it is missing by then.
//!
//! What could go wrong is an import that ends half way, and one that does not and yet has lost something. Promised: an export of
//! what was imported is the first export, byte for byte; what lies outside and is not there costs a warning; what is damaged
//! is left out where that is asked for, and named; and an import that does end says where, and that less than everything is there.

use super::{files, is_clear, key, make, run, stderr, steward};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use stewarddb::{Birth, Database, Kind, Session};

/// Values that a text form may mistake for others.
const HARD: &[&str] = &[
    r#"CREATE TABLE "Odd, ""name""" ("a ""b""" text, "c,d" text[], e bytea, f interval, g numeric(20,6), h float8, i jsonb, j date,
       k timestamptz, l time, m uuid, n boolean, o varchar(9), p smallint DEFAULT 7 CHECK (p > 0), UNIQUE ("a ""b"""))"#,
    r#"INSERT INTO "Odd, ""name""" VALUES ('', '{}', '\x00ff', '1 month 2 days 03:04:05.678', 12345678901234.000001, 'NaN', '{"x": [1, null]}',
       '0001-01-01', '2026-01-02 03:04:05.678901+00', '23:59:59.999999', '123e4567-e89b-12d3-a456-426614174000', true, 'ä,"; ', 1)"#,
    r#"INSERT INTO "Odd, ""name""" VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"#,
    r#"INSERT INTO "Odd, ""name""" VALUES ('\N', ARRAY['a,b', '"', NULL, ''], '', '-5 days', -0.5, '-Infinity', '"text"', '9999-12-31',
       '1969-12-31 23:59:59.999999+00', '00:00', NULL, false, '\.', 32767)"#,
    r#"INSERT INTO "Odd, ""name""" ("a ""b""") VALUES (E'line\nline\r\nand\ttab'), ('"quoted"'), (' blanks '), ('\')"#,
    "CREATE TABLE typed (a interval[], b int[], c char(5), d numeric, e real, f json, g timestamp, h bigint, i varchar)",
    r#"INSERT INTO typed VALUES ('{"1 mon", NULL, "-2 days -00:00:00.000001"}', '{1, NULL, -2147483648}', 'ab', 0.000000001, '-0',
        '{"b": 1,  "b": 2}', '1970-01-01 00:00:00.000001', -9223372036854775808, ''), ('{}', '{}', '', -123.5, 'NaN', 'null',
        '9999-12-31 23:59:59.999999', 0, ' '), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"#,
    "CREATE TABLE lone (v text)",
    "INSERT INTO lone VALUES (NULL), (''), ('x'), (NULL)",
    "CREATE SCHEMA other",
    "CREATE ROLE owner LOGIN PASSWORD 'its own secret' IN ROLE reader",
    "CREATE TABLE other.ids (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text NOT NULL DEFAULT 'it''s')",
    "INSERT INTO other.ids (note) VALUES ('one'), ('two')",
    "COMMENT ON TABLE other.ids IS 'numbers; with a '' quote'",
    "COMMENT ON COLUMN other.ids.note IS '注释'",
    "CREATE MASKING POLICY part AS (val text) RETURNS text -> mask_partial(val, 1, '**', 1)",
    "CREATE TAG pii ALLOWED_VALUES 'name', 'mail' COMMENT = 'who it is'",
    "ALTER TAG pii SET MASKING POLICY part",
    "ALTER TABLE few ALTER COLUMN word SET TAG pii = 'name'",
    "GRANT UNMASK ON TAG pii TO owner",
    "GRANT SELECT (id, note), INSERT ON other.ids TO reader",
    "GRANT USAGE ON MODEL m TO reader",
    "CREATE POLICY some ON other.ids AS RESTRICTIVE FOR SELECT TO reader USING (id > 1)",
    "ALTER TABLE other.ids ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE other.ids OWNER TO owner",
    "CREATE TABLE people (id int PRIMARY KEY, code text, nr int, \"works at\" int, UNIQUE (code, nr))",
    "CREATE TABLE other.firms (id int PRIMARY KEY, boss int NOT NULL REFERENCES people ON DELETE CASCADE, parent int)",
    "INSERT INTO people VALUES (1, 'a', 1, NULL), (2, 'b', 2, NULL)",
    "INSERT INTO other.firms VALUES (1, 2, 2), (2, 1, NULL)",
    "UPDATE people SET \"works at\" = 3 - id",
    "ALTER TABLE people ADD CONSTRAINT \"at work\" FOREIGN KEY (\"works at\") REFERENCES other.firms
        ON DELETE SET NULL ON UPDATE RESTRICT",
    "ALTER TABLE other.firms ADD FOREIGN KEY (parent) REFERENCES other.firms ON DELETE SET DEFAULT ON UPDATE CASCADE",
    "CREATE TABLE twice (m int, c text, FOREIGN KEY (m, c) REFERENCES people (nr, code))",
    "INSERT INTO twice VALUES (2, 'b'), (7, NULL)",
    "CREATE TABLE apart (id int, \"the secret\" text)",
    "ALTER TABLE apart ALTER COLUMN \"the secret\" SET CLASS \"a \"\"class\"\"\"",
    "INSERT INTO apart VALUES (1, 'hidden'), (2, NULL)",
    "CREATE VIEW named (x, \"Y\") AS SELECT id, upper(note) FROM other.ids WHERE note <> 'a''b'",
    "GRANT SELECT ON named TO reader",
    "CREATE TYPE other.state AS ENUM ('new', 'it''s old')",
    "CREATE SEQUENCE other.counter INCREMENT BY 5 CYCLE MAXVALUE 100",
    "SELECT setval('other.counter', 50)",
    "CREATE TABLE made (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY (START WITH 7 INCREMENT BY 3), a int,
        twice int GENERATED ALWAYS AS (a * 2) STORED, s other.state DEFAULT 'new', c int DEFAULT nextval('other.counter'))",
    "INSERT INTO made (a, s) VALUES (1, 'it''s old'), (2, NULL)",
    "INSERT INTO made (a) VALUES (NULL)",
    "CREATE UNIQUE INDEX \"one of\" ON made (a DESC, n) INCLUDE (s) NULLS NOT DISTINCT",
    "CREATE INDEX ON made (lower(s::text), a NULLS FIRST) WHERE a > 1",
    "COMMENT ON INDEX \"one of\" IS 'only once'",
    "COMMENT ON SEQUENCE other.counter IS 'counts'",
    "COMMENT ON CONSTRAINT made_pkey ON made IS 'known by it'",
    "COMMENT ON TYPE other.state IS 'of it'",
    "COMMENT ON SCHEMA other IS 'not the first'",
    "GRANT USAGE ON SEQUENCE other.counter TO reader",
];

/// Rows, or what a foreign key says against the statement.
async fn answer(session: &mut Session, sql: &str) -> String {
    match run(session, sql).await {
        Ok(rows) => rows,
        Err(error) if error.kind() == Kind::ForeignKey => error.to_string(),
        Err(error) => panic!("{sql}\n{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_comes_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let birth = Birth { database: "a shop".to_owned(), ..Birth::default() };
    drop(Database::open_or_create(at("data"), &key(), &birth).unwrap());
    make(&folder.path().join("data")).await;
    let questions = [
        "SELECT current_database()",
        r#"SELECT * FROM "Odd, ""name""" ORDER BY g NULLS LAST, "a ""b""""#,
        "SELECT * FROM typed ORDER BY h NULLS LAST",
        "SELECT v IS NULL, v FROM lone",
        "SELECT * FROM other.ids ORDER BY id",
        "SELECT * FROM many ORDER BY id LIMIT 100",
        "SELECT * FROM named ORDER BY x",
        "SELECT name, superuser, login, member_of FROM steward.roles ORDER BY name",
        "SELECT * FROM steward.tag_references ORDER BY object, column_name",
        "SELECT * FROM steward.policies ORDER BY name",
        "SELECT sum(PREDICT_CTR(t, 'm'))::numeric(12,4) FROM many t",
        "SELECT rank, key, snippet FROM SEARCH('few', 'three', 5)",
        "INSERT INTO other.ids (note) VALUES ('next') RETURNING id",
        "SELECT * FROM twice ORDER BY m",
        "SELECT * FROM apart ORDER BY id",
        "SELECT * FROM steward.classes ORDER BY object, column_name",
        "UPDATE other.firms SET id = 5 WHERE id = 2",
        "INSERT INTO twice VALUES (1, 'b')",
        "DELETE FROM people WHERE id = 1 RETURNING *",
        "SELECT * FROM people",
        "SELECT * FROM other.firms",
        "SELECT * FROM made ORDER BY id",
        "INSERT INTO made (a) VALUES (9) RETURNING id, n, twice, s, c",
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'made' ORDER BY 1",
        "SELECT sequencename, increment_by, cycle, max_value, last_value FROM pg_sequences ORDER BY 1",
        "SELECT obj_description('other.counter'::regclass, 'pg_class'), obj_description('\"one of\"'::regclass)",
        "SELECT has_sequence_privilege('reader', 'other.counter', 'USAGE')",
        "SELECT 'it''s old'::other.state > 'new'::other.state",
    ];
    let mut answers = Vec::new();
    {
        let database = Database::open(at("data"), &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        for sql in HARD {
            run(&mut session, sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
        }
        run(&mut session, &format!("EXPORT DATABASE TO '{}'", at("parquet"))).await.unwrap();
        run(&mut session, &format!("EXPORT DATABASE TO '{}' WITH (format = csv)", at("csv"))).await.unwrap();
        for sql in questions {
            answers.push(answer(&mut session, sql).await);
        }
    }
    for format in ["parquet", "csv"] {
        let (copy, again) = (at(&format!("copy.{format}")), at(&format!("again.{format}")));
        let output = steward(folder.path(), &["import", "--from", &at(format), "--data", &copy]);
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        let output = steward(folder.path(), &["export", "--data", &copy, "--to", &again, "--format", format]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(script(&at(format)), script(&again));
        let known = [format, "sql", "safetensors", "jsonl"];
        let is_known = |path: &std::path::PathBuf| path.extension().is_some_and(|e| known.iter().any(|of| e == *of));
        assert!(files(Path::new(&again)).iter().all(is_known));
        let database = Database::open(&copy, &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        for (sql, expected) in questions.iter().zip(&answers) {
            assert_eq!(answer(&mut session, sql).await, *expected, "{format}: {sql}");
        }
        let verifier = database.verifier("owner").unwrap();
        assert!(verifier.verify_password("its own secret"));
        // Into what is not empty nothing is exported or imported.
        let output = steward(folder.path(), &["export", "--data", &copy, "--to", &again]);
        assert_eq!(output.status.code(), Some(1), "in use or not empty");
        drop((session, database));
        for arguments in
            [["export", "--data", &copy, "--to", &again], ["import", "--from", &at("csv"), "--data", &copy]]
        {
            let output = steward(folder.path(), &arguments);
            assert!(output.status.code() == Some(1), "{}", stderr(&output));
        }
    }
}

/// The database of every kind.
const RICH: &str = include_str!("rich.sql");

/// What is asked of it, before and after.
const OF_RICH: &[&str] = &[
    "SELECT relation, name, definition, enabled FROM steward.quality_rules ORDER BY relation, name",
    "SELECT * FROM ruled ORDER BY id",
    "SELECT * FROM ruled_quarantine ORDER BY id",
    "SELECT name, model_type, owner, deployed_version, versions, options, trained_on, comment, frozen, guard FROM steward.models ORDER BY name",
    "SELECT * FROM MODEL_METRICS('by_path', interval '1000 years')",
    "SELECT * FROM steward.model_versions ORDER BY model, version",
    "SELECT * FROM steward.model_metrics ORDER BY model, version, metric, segment",
    "SELECT PREDICT_CTR('1', '2', jsonb_build_object(), 'ctr'), PREDICT_CTR('1', '2', jsonb_build_object(), 'ctr@2')",
    "SELECT PREDICT_CTR('3', '1', jsonb_build_object(), 'by_path')",
    "SELECT PREDICT('line', jsonb_build_object('u', 3)), PREDICT_LABEL('net', jsonb_build_object('u', 3))",
    "SELECT PREDICT_PROBA('class', o), PREDICT_LABEL('heaps', o), PREDICT('oddity', o) FROM (SELECT jsonb_build_object('u', 3, 'it', 2) AS o) x",
    "SELECT * FROM FEATURE_IMPORTANCE('ctr') ORDER BY 1",
    "SELECT a, c, n, p, g FROM s1.own ORDER BY n",
    "SELECT * FROM s1.own_view ORDER BY 1",
    "SELECT s1.own_count(), h1(), s1.add1(5)",
    "SELECT * FROM first_view",
    "SELECT * FROM second_view",
    "SELECT * FROM zz_base ORDER BY id",
    "SELECT * FROM aa_over ORDER BY id",
    "SELECT * FROM over_it ORDER BY id",
    "SELECT * FROM over_function ORDER BY i",
    "SELECT * FROM of_feed ORDER BY id",
    "SELECT * FROM kept_feed ORDER BY id",
    "SELECT * FROM of_kept ORDER BY 1",
    "SELECT of_feed_too()",
    "SELECT * FROM parents ORDER BY id",
    "SELECT * FROM s1.kids ORDER BY id",
    "SELECT rank, key, score FROM SEARCH('docs', 'word77', 3)",
    "SELECT relname, relkind, pg_get_userbyid(relowner) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname IN ('public', 's1', 'S 2') AND relname NOT LIKE 'scratch%' ORDER BY 1, 2",
    "SELECT proname, prosrc, pg_get_functiondef(oid) FROM pg_proc WHERE oid > 16000 AND proname IN ('h1', 'h2', 'of_it') ORDER BY 1",
    "SELECT viewname, definition FROM pg_views WHERE schemaname IN ('public', 's1') ORDER BY 1",
    "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2",
    "SELECT relname, relacl FROM pg_class WHERE relacl IS NOT NULL AND oid > 16000 AND relname NOT LIKE 'scratch%' ORDER BY 1",
    "SELECT attrelid::regclass, attname, attacl FROM pg_attribute WHERE attacl IS NOT NULL ORDER BY 1::text, 2",
    "SELECT defaclrole::regrole, defaclobjtype, defaclacl FROM pg_default_acl ORDER BY 1::text, 2",
    "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1::text, 2",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname IN ('public', 's1') AND indexname NOT LIKE 'scratch%' ORDER BY 1",
    "SELECT sequencename, sequenceowner, start_value, max_value, increment_by, cycle, last_value FROM pg_sequences ORDER BY 1",
    "SELECT description FROM pg_description WHERE description NOT LIKE 'nobody%' AND objoid > 16000 ORDER BY 1",
    "SELECT description FROM pg_shdescription ORDER BY 1",
    "SELECT col_description('va'::regclass, 3), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
    "SELECT name, source_type, owner, comment FROM steward.sources ORDER BY name",
    "SELECT * FROM steward.tags ORDER BY name",
    "SELECT * FROM steward.tag_references ORDER BY object, column_name, tag",
    "SELECT * FROM steward.policies ORDER BY name",
    "SELECT * FROM steward.classes ORDER BY object, column_name",
    "SELECT name, superuser, login, member_of FROM steward.roles ORDER BY name",
    "SELECT grantee, table_schema, table_name, privilege_type FROM information_schema.table_privileges WHERE grantee <> 'PUBLIC' AND table_schema IN ('public', 's1') ORDER BY 1, 2, 3, 4",
    "INSERT INTO s1.own (p) VALUES (DEFAULT) RETURNING a, c, n, p, g",
    "INSERT INTO parents DEFAULT VALUES RETURNING id, name, m",
];

/// A database that rich.sql has made, with the folder that it reads.
async fn rich(folder: &Path) -> Database {
    let feed = folder.join("feed");
    fs::create_dir_all(&feed).unwrap();
    fs::write(feed.join("orders.csv"), "id,note\n1,one\n2,two\n").unwrap();
    let birth = Birth { database: "a shop".to_owned(), ..Birth::default() };
    let database = Database::open_or_create(folder.join("data"), &key(), &birth).unwrap();
    let mut session = database.session("steward").unwrap();
    for sql in RICH.replace("FOLDER", feed.to_str().unwrap()).split(";\n") {
        run(&mut session, sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
    }
    database
}

/// What the questions are answered; an error by what it says.
async fn answers(session: &mut Session) -> Vec<String> {
    let mut answers = Vec::new();
    for sql in OF_RICH {
        let answer = run(session, sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
        answers.push(format!("{sql}\n{answer}"));
    }
    answers
}

/// The script of an export.
fn script(export: &str) -> String {
    fs::read_to_string(Path::new(export).join("import.sql")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_object_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let expected = {
        let database = rich(folder.path()).await;
        let mut session = database.session("steward").unwrap();
        run(&mut session, &format!("EXPORT DATABASE TO '{}'", at("one"))).await.unwrap();
        answers(&mut session).await
    };
    let output = steward(folder.path(), &["import", "--from", &at("one"), "--data", &at("copy")]);
    assert!(output.status.success(), "{}", stderr(&output));
    // Nothing but what does not work in the first database either is warned of.
    let warned = stderr(&output);
    let warnings: Vec<&str> = warned.lines().filter(|line| line.contains("WARNING")).collect();
    for broken in ["public.circle1", "public.circle2", "public.view_of_dropped"] {
        assert!(warnings.iter().any(|line| line.contains(broken)), "{broken}: {warned}");
    }
    assert_eq!(warnings.len(), 3, "{warned}");
    let output = steward(folder.path(), &["export", "--data", &at("copy"), "--to", &at("two")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(script(&at("one")), script(&at("two")));
    let models = |export: &str| -> Vec<(String, Vec<u8>)> {
        let files = files(&Path::new(export).join("models")).into_iter();
        let mut files: Vec<_> = files
            .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    };
    assert_eq!(models(&at("one")).len(), 9);
    assert_eq!(models(&at("one")), models(&at("two")));
    let database = Database::open(at("copy"), &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    assert_eq!(answers(&mut session).await.join("\n"), expected.join("\n"));
    assert_eq!(run(&mut session, "SELECT count(*) FROM never").await.unwrap_err().kind(), Kind::NotReady);
    assert!(database.verifier("ana").unwrap().verify_password("its own secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_outside_may_be_missing_and_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    {
        let database = rich(folder.path()).await;
        let mut session = database.session("steward").unwrap();
        run(&mut session, &format!("EXPORT DATABASE TO '{}'", at("one"))).await.unwrap();
    }
    fs::rename(at("feed"), at("elsewhere")).unwrap();
    let output = steward(folder.path(), &["import", "--from", &at("one"), "--data", &at("copy")]);
    let warned = stderr(&output);
    assert!(output.status.success(), "{warned}");
    for named in ["source \"feed\"", "public.of_feed", "kept_feed"] {
        assert!(warned.lines().any(|line| line.contains("WARNING") && line.contains(named)), "{named}: {warned}");
    }
    let database = Database::open(at("copy"), &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    assert_eq!(run(&mut session, "SELECT * FROM over_it").await.unwrap(), "2\n3\n");
    assert!(run(&mut session, "REFRESH SOURCE feed").await.is_err());
    assert_eq!(run(&mut session, "SELECT * FROM kept_feed").await.unwrap_err().kind(), Kind::NotReady);
    fs::rename(at("elsewhere"), at("feed")).unwrap();
    for sql in ["REFRESH SOURCE feed", "REFRESH MATERIALIZED VIEW kept_feed"] {
        run(&mut session, sql).await.unwrap();
    }
    assert_eq!(run(&mut session, "SELECT * FROM of_kept ORDER BY 1").await.unwrap(), "one\ntwo\n");
    assert_eq!(run(&mut session, "SELECT of_feed_too()").await.unwrap(), "2\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_of_a_damaged_database_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    make(&folder.path().join("data")).await;
    {
        let database = Database::open(at("data"), &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        run(&mut session, "CREATE TABLE big (id bigint, filler text)").await.unwrap();
        let grow = "INSERT INTO big SELECT g.k, md5(g.k::text) FROM generate_series(1, 100000) AS g(k)";
        run(&mut session, grow).await.unwrap();
        run(&mut session, "DELETE FROM big WHERE id % 1000 = 7").await.unwrap();
    }
    // Somewhere in its last pages.
    let largest =
        files(&folder.path().join("data/files")).into_iter().max_by_key(|path| fs::metadata(path).unwrap().len());
    let largest = largest.unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let place = bytes.len() * 3 / 4;
    bytes[place] ^= 0x10;
    fs::write(&largest, bytes).unwrap();

    let output = steward(folder.path(), &["export", "--data", &at("data"), "--to", &at("refused")]);
    assert!(!output.status.success() && stderr(&output).contains("table public.big"), "{}", stderr(&output));
    let told = Arc::new(Mutex::new(Vec::new()));
    {
        let sink = told.clone();
        let database = Database::open(at("data"), &key()).unwrap();
        let notices = Arc::new(move |notice: stewarddb::sql::Notice| sink.lock().unwrap().push(notice));
        let mut session = database.session_with_notices("steward", notices).unwrap();
        let error = run(&mut session, &format!("EXPORT DATABASE TO '{}'", at("no"))).await.unwrap_err();
        assert!(is_clear(&error) && error.message().contains("table public.big"), "{error}");
    }
    let arguments = ["export", "--data", &at("data"), "--to", &at("one"), "--allow-damaged"];
    let output = steward(folder.path(), &arguments);
    let warned = stderr(&output);
    assert!(output.status.success(), "{warned}");
    let lost = warned.lines().find(|line| line.contains("WARNING") && line.contains("rows are left out")).unwrap();
    let lost: u64 = lost.split("public.big: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((1..60_000).contains(&lost), "{warned}");
    let output = steward(folder.path(), &["import", "--from", &at("one"), "--data", &at("copy")]);
    assert!(output.status.success(), "{}", stderr(&output));
    let database = Database::open(at("copy"), &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    let whole = "SELECT count(*), count(filler) FROM big WHERE filler = md5(id::text) AND id % 1000 <> 7";
    let left = 99_900 - lost;
    assert_eq!(run(&mut session, whole).await.unwrap(), format!("{left}|{left}\n"));
    assert_eq!(run(&mut session, "SELECT count(*) FROM many").await.unwrap(), "5400\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_ends_says_where_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    make(&folder.path().join("data")).await;
    let output = steward(folder.path(), &["export", "--data", &at("data"), "--to", &at("one")]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = script(&at("one")).replace("CREATE VIEW", "CREATE VIEW \"public\".\"broken\" AZ SELECT 1;\nCREATE VIEW");
    fs::write(Path::new(&at("one")).join("import.sql"), text).unwrap();
    let output = steward(folder.path(), &["import", "--from", &at("one"), "--data", &at("stopped")]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("\"broken\" AZ") && said.contains("incomplete") && said.contains("at line"), "{said}");
    let arguments = ["import", "--from", &at("one"), "--data", &at("gone on"), "--keep-going"];
    let output = steward(folder.path(), &arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("\"broken\" AZ") && said.contains("statements that failed: 1"), "{said}");
    let database = Database::open(at("gone on"), &key()).unwrap();
    let mut session = database.session("steward").unwrap();
    assert_eq!(run(&mut session, "SELECT count(*) FROM both_tables").await.unwrap(), "3\n");
}
