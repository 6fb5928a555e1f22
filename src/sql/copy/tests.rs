//! COPY as a session runs it: what comes in, what is refused and where, what goes out, files of the server.
//!
//! What could go wrong: a row that the condition leaves out breaks a constraint all the same; an error tells a value; NULL and
//! the empty text become each other on the way out and in; a role without the right reaches the server's files, or COPY
//! the database's own.

use super::testing;
use crate::crypto::{KeySource, MasterKey};
use crate::encoding::pg_text::cell_text;
use crate::error::{Error, Kind, Result};
use crate::sql::{Database, Outcome, Session};
use futures::StreamExt;
use std::path::Path;
use tempfile::TempDir;

struct House {
    folder: TempDir,
    database: Database,
    session: Session,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let session = database.session("steward").unwrap();
        Self { folder, database, session }
    }

    async fn run(&mut self, sql: &str) {
        self.session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn copy(&mut self, sql: &str, data: &str) -> Result<String> {
        testing::copy(&mut self.session, sql, false, data.as_bytes().chunks(7)).await
    }

    async fn refused(&mut self, sql: &str, data: &str) -> Error {
        self.copy(sql, data).await.unwrap_err()
    }

    /// A statement that ends without rows, or with data for the client.
    async fn told(&mut self, sql: &str) -> Result<String> {
        let statement = self.session.parse(sql)?.remove(0);
        self.session.begin_implicit();
        let told = match self.session.execute(&statement, Vec::new()).await {
            Ok(Outcome::Command(tag)) => Ok(tag),
            Ok(Outcome::CopyOut { mut lines, .. }) => {
                let mut text = Vec::new();
                while let Some(piece) = lines.next().await {
                    text.extend_from_slice(&piece?.data);
                }
                Ok(String::from_utf8(text).unwrap())
            }
            Ok(_) => panic!("{sql} wants something"),
            Err(error) => Err(error),
        };
        match &told {
            Ok(_) => self.session.commit_implicit().await?,
            Err(_) => self.session.rollback_implicit(),
        }
        told
    }

    async fn rows(&mut self, sql: &str) -> String {
        let batches = self.session.query(sql).await.unwrap();
        let cell = |batch: &arrow::array::RecordBatch, row| {
            let cells = batch.columns().iter().map(|column| cell_text(column, row).unwrap_or("NULL".to_owned()));
            cells.collect::<Vec<_>>().join("|")
        };
        let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| cell(batch, row)));
        rows.collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_rows_that_the_condition_holds_for_come_in() {
    let mut house = House::new();
    house.run("CREATE TABLE t (a int NOT NULL CHECK (a > 0), b text DEFAULT 'd', c serial)").await;
    // What is left out breaks no constraint; the condition sees defaults, and NULL is not true.
    let data = "1\n\\N\n-5\n7\n";
    assert_eq!(house.copy("COPY t (a) FROM STDIN WHERE a > 0 AND b = 'd'", data).await.unwrap(), "COPY 2");
    assert_eq!(house.rows("SELECT a, b FROM t ORDER BY a").await, "1|d 7|d");
    assert_eq!(house.copy("COPY t (a) FROM STDIN WHERE t.a > 100", data).await.unwrap(), "COPY 0");
    for (condition, kind) in [
        ("a IN (SELECT 1)", Kind::Unsupported),
        ("max(a) > 1", Kind::Grouping),
        ("row_number() OVER () > 1", Kind::Windowing),
        ("a", Kind::DatatypeMismatch),
        ("z > 1", Kind::UndefinedColumn),
    ] {
        let error = house.refused(&format!("COPY t (a) FROM STDIN WHERE {condition}"), "").await;
        assert_eq!(error.kind(), kind, "{condition}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_the_line_and_never_the_value() {
    let mut house = House::new();
    house.run("CREATE TABLE t (a int, b varchar(3))").await;
    for (options, data, kind, context) in [
        ("", "1\tx\nsecret\ty\n", Kind::InvalidText, "COPY t, line 2, column a"),
        ("", "1\tx\n2\tsecret\n", Kind::StringTooLong, "COPY t, line 2, column b"),
        ("", "1\tx\n99999999999\ty\n", Kind::NumericOutOfRange, "COPY t, line 2, column a"),
        ("", "1\tx\n2\n", Kind::BadCopy, "COPY t, line 2"),
        ("", "1\tx\n2\ty\tsecret\n", Kind::BadCopy, "COPY t, line 2"),
        ("(FORMAT csv)", "1,x\n2,\"secret\n", Kind::BadCopy, "COPY t, line 3"),
        ("(FORMAT csv, HEADER)", "a,b\n1,x\nsecret,y\n", Kind::InvalidText, "COPY t, line 3, column a"),
        ("(FORMAT csv, HEADER match)", "secret,b\n1,x\n", Kind::BadCopy, "COPY t, line 1"),
        ("(FORMAT csv, HEADER match)", "a\n1,x\n", Kind::BadCopy, "COPY t, line 1"),
        ("(FORMAT csv, HEADER match)", "", Kind::BadCopy, "COPY t, line 1"),
    ] {
        let error = house.refused(&format!("COPY t FROM STDIN {options}"), data).await;
        assert_eq!((error.kind(), error.context()), (kind, Some(context)), "{data:?}: {error}");
        let told = error.to_string();
        assert!(!told.contains("secret") || kind == Kind::InvalidText, "{told}");
    }
    house.run("CREATE TABLE c (a int NOT NULL, b int CHECK (b < 5))").await;
    for (data, kind, context) in [
        ("a,b\n1,2\n3,\"4\n\"\n,1\n1,9\n", Kind::NotNull, "COPY c, line 5"),
        ("a,b\n1,2\n1,\n1,9\n,1\n", Kind::Check, "COPY c, line 4"),
        ("a,b\n1,2\n1,9\n", Kind::Check, "COPY c, line 3"),
    ] {
        let error = house.refused("COPY c FROM STDIN (FORMAT csv, HEADER)", data).await;
        assert_eq!((error.kind(), error.context()), (kind, Some(context)), "{data:?}: {error}");
    }
    let right = "COPY t (b, a) FROM STDIN (FORMAT csv, HEADER match)";
    assert_eq!(house.copy(right, "b,a\nx,1\n").await.unwrap(), "COPY 1");
    for (sql, kind) in [
        ("COPY t (a, a) FROM STDIN", Kind::DuplicateColumn),
        ("COPY t (a) FROM STDIN (FORMAT csv, FORCE_NULL (b))", Kind::InvalidColumnReference),
        ("COPY t FROM STDIN (FORMAT csv, FORCE_NOT_NULL (z))", Kind::UndefinedColumn),
        ("COPY t (a) TO STDOUT (FORMAT csv, FORCE_QUOTE (b))", Kind::InvalidColumnReference),
        ("COPY t TO STDOUT (FORMAT csv, FORCE_QUOTE (z))", Kind::UndefinedColumn),
        ("COPY t FROM STDIN (FREEZE)", Kind::NotReady),
    ] {
        assert_eq!(house.told(sql).await.unwrap_err().kind(), kind, "{sql}");
    }
    house.run("CREATE VIEW v AS SELECT a FROM t").await;
    assert_eq!(house.told("COPY v TO STDOUT").await.unwrap_err().kind(), Kind::WrongObject);
    assert_eq!(house.told("COPY v FROM STDIN").await.unwrap_err().kind(), Kind::WrongObject);
}

/// Expected lines as PostgreSQL 15 writes them.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_comes_in_again() {
    let mut house = House::new();
    house.run("CREATE TABLE t (a int, b text)").await;
    house.run("INSERT INTO t VALUES (1, ''), (2, NULL), (3, 'a,\"b\"'), (4, E'x\\ny'), (5, E'\\\\.'), (6, E'\\b\\f' || chr(11) || E'\\t|')").await;
    let order = "(SELECT * FROM t ORDER BY a)";
    for (options, expected) in [
        ("", "1\t\n2\t\\N\n3\ta,\"b\"\n4\tx\\ny\n5\t\\\\.\n6\t\\b\\f\\v\\t|\n"),
        ("(FORMAT csv)", "1,\"\"\n2,\n3,\"a,\"\"b\"\"\"\n4,\"x\ny\"\n5,\\.\n6,\u{8}\u{c}\u{b}\t|\n"),
        ("(DELIMITER '|', NULL '')", "1|\n2|\n3|a,\"b\"\n4|x\\ny\n5|\\\\.\n6|\\b\\f\\v\\t\\|\n"),
        (
            "(FORMAT csv, QUOTE '''', ESCAPE '\\', FORCE_QUOTE (b), HEADER)",
            "a,b\n1,''\n2,\n3,'a,\"b\"'\n4,'x\ny'\n5,'\\\\.'\n6,'\u{8}\u{c}\u{b}\t|'\n",
        ),
    ] {
        assert_eq!(house.told(&format!("COPY {order} TO STDOUT {options}")).await.unwrap(), expected, "{options}");
        if options.contains("NULL ''") {
            continue;
        }
        house.run("CREATE TABLE again (a int, b text)").await;
        let back = format!("COPY again FROM STDIN {}", options.replace("FORCE_QUOTE (b), ", ""));
        assert_eq!(house.copy(&back, expected).await.unwrap(), "COPY 6", "{options}");
        let same = "SELECT count(*) FROM t JOIN again USING (a) WHERE t.b IS NOT DISTINCT FROM again.b";
        assert_eq!(house.rows(same).await, "6", "{options}");
        house.run("DROP TABLE again").await;
    }
    // Alone on its line the mark of the end is quoted.
    assert_eq!(house.told("COPY (SELECT b FROM t WHERE a = 5) TO STDOUT CSV").await.unwrap(), "\"\\.\"\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn freezing_wants_a_new_table() {
    let mut house = House::new();
    house.run("CREATE TABLE t (a int)").await;
    for (begin, fresh) in [("BEGIN; TRUNCATE t", true), ("BEGIN; CREATE TABLE u (a int)", true), ("BEGIN", false)] {
        house.run(begin).await;
        let table = if begin.contains('u') && begin.contains("CREATE") { "u" } else { "t" };
        let told = house.copy(&format!("COPY {table} FROM STDIN WITH (FREEZE on)"), "1\n").await;
        assert_eq!(told.is_ok(), fresh, "{begin}");
        house.run("ROLLBACK").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_server_are_for_those_who_may() {
    let mut house = House::new();
    let at = |house: &House, name: &str| house.folder.path().join(name).display().to_string();
    let (out, own, key) = (at(&house, "out.csv"), at(&house, "d/out.csv"), at(&house, "d.key"));
    house
        .run("CREATE TABLE t (a int, b text); INSERT INTO t SELECT n, n::text FROM generate_series(1, 1000) AS g(n)")
        .await;
    assert_eq!(house.told(&format!("COPY t TO '{out}' CSV")).await.unwrap(), "COPY 1000");
    assert_eq!(house.told(&format!("COPY t FROM '{out}' (FORMAT csv) WHERE a > 990")).await.unwrap(), "COPY 10");
    assert_eq!(house.rows("SELECT count(*), sum(a) FROM t").await, "1010|510455");
    let missing = at(&house, "nowhere/x");
    let link = at(&house, "link");
    std::os::unix::fs::symlink(Path::new(&own), &link).unwrap();
    let folder = house.folder.path().display().to_string();
    for (sql, kind) in [
        ("COPY t TO 'x.csv'".to_owned(), Kind::InvalidName),
        (format!("COPY t FROM '{missing}'"), Kind::UndefinedFile),
        (format!("COPY t TO '{missing}'"), Kind::UndefinedFile),
        (format!("COPY t TO '{folder}'"), Kind::WrongObject),
        (format!("COPY t FROM '{folder}'"), Kind::WrongObject),
        (format!("COPY t TO '{own}'"), Kind::Privilege),
        (format!("COPY t TO '{folder}/d/../d/x'"), Kind::Privilege),
        (format!("COPY t TO '{key}'"), Kind::Privilege),
        (format!("COPY t FROM '{key}'"), Kind::UndefinedFile),
        (format!("COPY t TO '{link}'"), Kind::UndefinedFile),
        (format!("COPY t TO '{out}' (FORMAT binary)"), Kind::Unsupported),
    ] {
        let error = house.told(&sql).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{sql}: {error}");
    }
    house.run("CREATE ROLE ann; GRANT ALL ON t TO ann").await;
    let (read, write) = (format!("COPY t FROM '{out}' CSV"), format!("COPY t TO '{out}' CSV"));
    house.session = house.database.session("ann").unwrap();
    for sql in [&read, &write] {
        assert_eq!(house.told(sql).await.unwrap_err().kind(), Kind::Privilege, "{sql}");
    }
    house.session = house.database.session("steward").unwrap();
    house.run("CREATE ROLE pg_read_server_files; GRANT pg_read_server_files TO ann").await;
    house.session = house.database.session("ann").unwrap();
    assert_eq!(house.told(&read).await.unwrap(), "COPY 1000");
    assert_eq!(house.told(&write).await.unwrap_err().kind(), Kind::Privilege);
}
