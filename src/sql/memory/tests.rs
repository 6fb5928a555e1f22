//! Queries that need several times the memory they may have. What could go wrong: another answer, a dead process, a value in
//! plain on the disk.

use super::super::session::{Outcome, Session};
use super::super::{Birth, Database};
use crate::crypto::{KeySource, MasterKey};
use crate::encoding::pg_text::cell_text;
use crate::error::{Kind, Result};
use futures::StreamExt;
use std::path::Path;

/// Rows of the table; each has some 200 bytes.
const ROWS: usize = 250_000;
/// Stands in every row, and nowhere by chance.
const SECRET: &str = "Kartoffelpuffer";
/// What a statement may have: less than half of the table. On a busy machine merges hold more at once.
const LITTLE: &str = "18MB";

fn run<T>(work: impl AsyncFnOnce(Database, &Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let key = KeySource::from(MasterKey::from_bytes([9; 32]));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::open_or_create(folder.path().join("data"), &key, &Birth::default()).unwrap();
        database.set_memory_limit(4 << 30);
        work(database, &folder.path().join("data")).await
    })
}

async fn fill(session: &mut Session) {
    let sql = format!(
        "CREATE TABLE big (id bigint, k bigint, s text);
         INSERT INTO big SELECT g.k, (g.k * 7919) % {ROWS}, '{SECRET}-' || ((g.k * 104729) % 1000003)::text || repeat('x', 180)
         FROM generate_series(1, {ROWS}) AS g(k)"
    );
    session.query(&sql).await.unwrap();
}

/// All cells of all rows as one number, so that answers can be compared; and how many rows there are.
async fn answer(session: &mut Session, sql: &str, in_order: bool) -> Result<(usize, u64)> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let (mut count, mut sum) = (0, 0u64);
    for batch in session.query(sql).await? {
        for row in 0..batch.num_rows() {
            let mut hash = DefaultHasher::new();
            batch.columns().iter().for_each(|column| cell_text(column, row).hash(&mut hash));
            sum = if in_order { sum.rotate_left(5) } else { sum }.wrapping_add(hash.finish());
            count += 1;
        }
    }
    Ok((count, sum))
}

/// The first files found below `spill/` that hold the secret, and how many files there are.
fn spilled(data: &Path) -> (usize, usize) {
    let files = std::fs::read_dir(data.join("spill")).into_iter().flatten().flatten();
    let contents: Vec<Vec<u8>> = files.filter_map(|entry| std::fs::read(entry.path()).ok()).collect();
    let plain = |bytes: &&Vec<u8>| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    (contents.iter().filter(plain).count(), contents.len())
}

#[test]
fn sorts_joins_and_groups_larger_than_memory_give_the_same_answers() {
    run(async |database, data| {
        let mut session = database.session("steward").unwrap();
        fill(&mut session).await;
        let area = database.store().spill().clone();
        let queries = [
            ("SELECT s, id FROM big ORDER BY s, id", true),
            ("SELECT s, count(*), max(id) FROM big GROUP BY s", false),
            ("SELECT count(*), max(a.s), min(b.s) FROM big a JOIN big b ON a.s = b.s", false),
            ("SELECT a.id FROM big a LEFT JOIN big b ON a.s = b.s AND b.id > 100 WHERE b.id IS NULL", false),
            ("SELECT DISTINCT s FROM big", false),
            ("SELECT id, row_number() OVER (ORDER BY s, id) FROM big", false),
        ];
        for (sql, in_order) in queries {
            session.query("RESET memory_limit").await.unwrap();
            let made = area.made();
            let ample = answer(&mut session, sql, in_order).await.unwrap();
            assert_eq!(area.made(), made, "{sql}: there was room");
            assert!(ample.0 > 0);
            session.query(&format!("SET memory_limit = '{LITTLE}'")).await.unwrap();
            let little = answer(&mut session, sql, in_order).await;
            assert_eq!(little.unwrap_or_else(|error| panic!("{sql}: {error}")), ample, "{sql}");
            assert!(area.made() > made, "{sql}: nothing was spilled");
            assert_eq!(area.bytes(), 0, "{sql}: something is left");
        }
        // In the midst of it: there are files, and nobody can read them.
        let mut statements = session.parse("SELECT s, id FROM big ORDER BY s, id").unwrap();
        session.begin_implicit();
        let Ok(Outcome::Rows { mut stream, .. }) = session.execute(&statements.remove(0), Vec::new()).await else {
            panic!("no rows")
        };
        stream.next().await.unwrap().unwrap_or_else(|error| panic!("{error}"));
        let (plain, files) = spilled(data);
        assert!(files > 0);
        assert_eq!(plain, 0);
        let status = database.store().encryption_status().unwrap();
        assert!(status.iter().any(|row| row.kind == "spill"));
        drop(stream);
        // Tasks of a statement that was dropped end where they next give way.
        for _ in 0..500 {
            if area.bytes() == 0 && spilled(data).1 == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("files are left: {:?}", spilled(data));
    });
}

#[test]
fn what_fits_nowhere_is_53200_and_the_session_goes_on() {
    run(async |database, _| {
        let mut session = database.session("steward").unwrap();
        fill(&mut session).await;
        session.query("SET memory_limit = '1MB'").await.unwrap();
        // A cross join keeps one side in memory, and cannot spill.
        let error = session.query("SELECT count(*) FROM big a, big b WHERE a.s < b.s AND a.id = 1").await;
        if let Err(error) = error {
            assert_eq!(error.kind(), Kind::OutOfMemory, "{error}");
            assert!(error.message().starts_with("out of memory") && error.hint().is_some());
            assert!(!error.to_string().contains(SECRET));
        }
        let error = session.query("SELECT array_agg(s) FROM big").await.unwrap_err();
        assert_eq!(error.kind(), Kind::OutOfMemory, "{error}");
        assert!(error.message().starts_with("out of memory") && error.hint().is_some());
        session.query("RESET memory_limit").await.unwrap();
        assert_eq!(answer(&mut session, "SELECT count(*) FROM big", false).await.unwrap().0, 1);
    });
}

/// One number that a query gives.
async fn number(session: &mut Session, sql: &str) -> i64 {
    let rows = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let cell = rows.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| cell_text(batch.column(0), 0));
    cell.unwrap_or_default().parse().unwrap()
}

#[test]
fn more_rows_than_memory_are_changed_in_pieces() {
    run(async |database, _| {
        let mut session = database.session("steward").unwrap();
        fill(&mut session).await;
        session.query("CREATE TABLE other (id bigint, k bigint CHECK (k < 1000000000), s text)").await.unwrap();
        session.query(&format!("SET memory_limit = '{LITTLE}'")).await.unwrap();
        session.query("INSERT INTO other SELECT * FROM big").await.unwrap();
        let sum = number(&mut session, "SELECT sum(k) FROM other").await;
        let rows = ROWS as i64;
        // What the statement adds it does not find; each row is changed once, however many it meets.
        session.query("UPDATE other SET k = k + 1, s = s || 'y'").await.unwrap();
        session.query("UPDATE other SET k = k + n FROM (VALUES (1), (1)) AS v(n) WHERE id > 0").await.unwrap();
        assert_eq!(number(&mut session, "SELECT sum(k) FROM other").await, sum + 2 * rows);
        assert_eq!(number(&mut session, "SELECT count(DISTINCT id) FROM other WHERE s LIKE '%xy'").await, rows);
        // An error of a late piece leaves nothing of those before.
        let failing = format!("UPDATE other SET k = CASE WHEN id = {rows} THEN 2000000000 ELSE 0 END");
        assert_eq!(session.query(&failing).await.unwrap_err().kind(), Kind::Check);
        assert_eq!(number(&mut session, "SELECT sum(k) FROM other").await, sum + 2 * rows);
        let made = database.store().spill().made();
        let given = session.query("UPDATE other SET k = k - 2 RETURNING id, s").await.unwrap();
        assert_eq!(given.iter().map(|batch| batch.num_rows()).sum::<usize>(), ROWS);
        assert!(database.store().spill().made() > made, "RETURNING is kept on disk");
        let merge = "MERGE INTO other USING big ON other.id = big.id + 1000
                     WHEN MATCHED AND big.id % 3 = 0 THEN DELETE
                     WHEN MATCHED THEN UPDATE SET k = 7
                     WHEN NOT MATCHED THEN INSERT VALUES (-big.id, 8, big.s)";
        session.query(merge).await.unwrap();
        assert_eq!(number(&mut session, "SELECT count(*) FROM other WHERE k = 8 AND id < 0").await, 1000);
        assert_eq!(number(&mut session, "SELECT count(*) FROM other").await, rows + 1000 - (rows - 1000) / 3);
        session.query("DELETE FROM other WHERE id % 2 = 0 OR s LIKE '%z'").await.unwrap();
        assert_eq!(number(&mut session, "SELECT count(*) FROM other WHERE id % 2 = 0").await, 0);
    });
}

#[test]
fn keys_of_more_rows_than_an_index_holds_are_still_unique() {
    run(async |database, _| {
        let mut session = database.session("steward").unwrap();
        fill(&mut session).await;
        let made = "CREATE TABLE keyed (id bigint PRIMARY KEY, s text);
                    INSERT INTO keyed SELECT id, s FROM big;
                    CREATE TABLE child (id bigint REFERENCES keyed)";
        session.query(made).await.unwrap();
        // A key that moves on by one is free when its row has moved on too.
        session.query("UPDATE keyed SET id = id + 1").await.unwrap();
        let twice = "UPDATE keyed SET id = CASE WHEN id = 2 THEN 200000 ELSE id END";
        assert_eq!(session.query(twice).await.unwrap_err().kind(), Kind::Unique);
        // From here on there is no room for an index of the keys: those of changed rows are found in their segments.
        database.set_memory_limit(64 << 20);
        session.query("UPDATE keyed SET id = id + 5").await.unwrap();
        session.query("UPDATE keyed SET id = id - 5").await.unwrap();
        for moved in ["CASE WHEN id = 2 THEN 200000 ELSE id END", "id / 2"] {
            let error = session.query(&format!("UPDATE keyed SET id = {moved}")).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Unique, "{error}");
        }
        let some = "UPDATE keyed SET id = 200000 WHERE id = 2";
        assert_eq!(session.query(some).await.unwrap_err().kind(), Kind::Unique);
        for sql in ["BEGIN", "UPDATE keyed SET s = 'new ' || id", "SAVEPOINT s"] {
            session.query(sql).await.unwrap();
        }
        let error = session.query("INSERT INTO keyed VALUES (200000, 'again')").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unique, "{error}");
        session.query("ROLLBACK TO s").await.unwrap();
        session.query("INSERT INTO keyed VALUES (200000, '') ON CONFLICT DO NOTHING").await.unwrap();
        let upsert =
            "INSERT INTO keyed VALUES (200001, 'x'), (1, 'x') ON CONFLICT (id) DO UPDATE SET s = 'twice ' || keyed.s";
        session.query(upsert).await.unwrap();
        session.query("INSERT INTO child VALUES (200000), (250001)").await.unwrap();
        assert_eq!(number(&mut session, "SELECT count(*) FROM keyed WHERE s = 'twice new 200001'").await, 1);
        session.query("DELETE FROM keyed WHERE id = 3").await.unwrap();
        session.query("INSERT INTO keyed VALUES (3, 'back')").await.unwrap();
        session.query("COMMIT").await.unwrap();
        let error = session.query("DELETE FROM keyed WHERE id = 250001").await.unwrap_err();
        assert_eq!(error.kind(), Kind::ForeignKey, "{error}");
        let error = session.query("INSERT INTO keyed VALUES (4, '')").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unique, "{error}");
        assert_eq!(number(&mut session, "SELECT count(DISTINCT id) FROM keyed").await, ROWS as i64 + 1);
        assert_eq!(number(&mut session, "SELECT count(*) FROM keyed WHERE id = 3 AND s = 'back'").await, 1);
    });
}

#[test]
fn not_in_and_the_first_rows_of_an_order_do_with_little_memory() {
    run(async |database, _| {
        let mut session = database.session("steward").unwrap();
        fill(&mut session).await;
        session.query("CREATE TABLE half AS SELECT s FROM big WHERE id % 2 = 0").await.unwrap();
        session.query("CREATE TABLE nobody AS SELECT s FROM half WHERE false").await.unwrap();
        session.query(&format!("SET memory_limit = '{LITTLE}'")).await.unwrap();
        let queries = [
            ("SELECT count(*) FROM big WHERE s NOT IN (SELECT s FROM half)", ROWS as i64 / 2),
            ("SELECT count(*) FROM big WHERE s IN (SELECT s FROM half)", ROWS as i64 / 2),
            // Not one row is certain.
            ("SELECT count(*) FROM big WHERE s NOT IN (SELECT s FROM half UNION ALL SELECT NULL)", 0),
            ("SELECT count(*) FROM big WHERE nullif(s, s) NOT IN (SELECT s FROM half)", 0),
            ("SELECT count(*) FROM big WHERE nullif(s, s) NOT IN (SELECT s FROM nobody)", ROWS as i64),
            ("SELECT count(*) FROM (SELECT s FROM big ORDER BY s LIMIT 3000 OFFSET 120000) AS q", 3000),
            ("SELECT max(id) FROM (SELECT id, s FROM big ORDER BY id LIMIT 100000 OFFSET 100000) AS q", 200_000),
        ];
        for (sql, answer) in queries {
            assert_eq!(number(&mut session, sql).await, answer, "{sql}");
        }
    });
}
