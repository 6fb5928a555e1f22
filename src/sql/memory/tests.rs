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
