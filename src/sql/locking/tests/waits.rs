//! What waits for what, how a wait ends, and what survives it.

use super::{Client, House};
use crate::config::SMALL_SEGMENTS_MAX;
use crate::error::Kind;
use crate::txn::Isolation::{ReadCommitted, RepeatableRead, Serializable};

const FILL: &str = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)";
const ALL: &str = "SELECT id, v FROM t ORDER BY id";

async fn house() -> House {
    House::new(FILL).await
}

/// Makes so many commits that small segments are merged, and rows get new ids.
async fn merge(house: &House) {
    let mut client = house.client();
    for n in 0..=SMALL_SEGMENTS_MAX {
        client.ok(&format!("INSERT INTO t VALUES ({}, 0)", 1000 + n)).await;
    }
    client.ok("DELETE FROM t WHERE id >= 1000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nowait_fails_and_skip_locked_passes_over() {
    let house = house().await;
    let [mut a, mut b] = house.blocks(ReadCommitted).await;
    assert_eq!(a.ok("SELECT id FROM t WHERE id = 1 FOR UPDATE").await, "1");
    assert_eq!(b.ok("SELECT id FROM t ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED").await, "2");
    assert_eq!(a.ok("SELECT id FROM t ORDER BY id FOR NO KEY UPDATE SKIP LOCKED").await, "1 3");
    b.fails("SELECT * FROM t WHERE id = 1 FOR SHARE NOWAIT", Kind::LockNotAvailable).await;
    b.fails("SELECT 1", Kind::FailedTransaction).await;
    // The error gave b's lock back, though its block is still open.
    assert_eq!(a.ok("SELECT * FROM t WHERE id = 2 FOR UPDATE NOWAIT").await, "2=20");
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_exclude_each_other_as_in_postgresql() {
    let words = ["KEY SHARE", "SHARE", "NO KEY UPDATE", "UPDATE"];
    for (n, held) in words.iter().enumerate() {
        for (m, asked) in words.iter().enumerate() {
            let house = house().await;
            let [mut a, mut b] = house.blocks(ReadCommitted).await;
            a.ok(&format!("SELECT * FROM t WHERE id = 1 FOR {held}")).await;
            let got = b.run(&format!("SELECT v FROM t WHERE id = 1 FOR {asked} NOWAIT")).await;
            let free = n.max(m) < 3 && (n.min(m) == 0 || (n, m) == (1, 1));
            assert_eq!(
                got.map_err(|e| e.kind()),
                if free { Ok("10".to_owned()) } else { Err(Kind::LockNotAvailable) },
                "{held} {asked}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_by_time_by_request_and_with_the_holder() {
    let house = house().await;
    let [mut a] = house.blocks(ReadCommitted).await;
    a.ok("UPDATE t SET v = 11 WHERE id = 1").await;
    let mut b = house.client();
    b.ok("SET lock_timeout = '30ms'").await;
    b.fails("UPDATE t SET v = 12 WHERE id = 1", Kind::LockNotAvailable).await;
    b.ok("SET lock_timeout = 0; SET statement_timeout = '30ms'").await;
    b.fails("DELETE FROM t WHERE id = 1", Kind::Cancelled).await;
    b.ok("SET statement_timeout = 0").await;
    let cancel = b.0.cancel_handle();
    let waiting = house.waits(b, "SELECT * FROM t WHERE id = 1 FOR UPDATE").await;
    cancel.cancel();
    let b = waiting.fails(Kind::Cancelled).await;
    // The client is gone, and what it did with it.
    let waiting = house.waits(b, "UPDATE t SET v = v + 5 WHERE id = 1").await;
    drop(a);
    assert_eq!(waiting.succeeds().await.ok(ALL).await, "1=15 2=20 3=30");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_found_and_the_other_goes_on() {
    let house = house().await;
    let [mut a, mut b] = house.blocks(ReadCommitted).await;
    a.ok("UPDATE t SET v = 11 WHERE id = 1").await;
    b.ok("UPDATE t SET v = 22 WHERE id = 2").await;
    let waiting = house.waits(a, "UPDATE t SET v = 21 WHERE id = 2").await;
    b.fails("UPDATE t SET v = 12 WHERE id = 1", Kind::Deadlock).await;
    waiting.succeeds().await.ok("COMMIT").await;
    assert_eq!(house.client().ok(ALL).await, "1=11 2=21 3=30");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_in_a_circle_are_a_deadlock_and_shared_locks_can_make_one() {
    let house = house().await;
    let [mut a, mut b, mut c] = house.blocks(ReadCommitted).await;
    for (client, id) in [(&mut a, 1), (&mut b, 2), (&mut c, 3)] {
        client.ok(&format!("SELECT * FROM t WHERE id = {id} FOR SHARE")).await;
    }
    let first = house.waits(a, "UPDATE t SET v = 0 WHERE id = 2").await;
    let second = house.waits(b, "UPDATE t SET v = 0 WHERE id = 3").await;
    c.fails("UPDATE t SET v = 0 WHERE id = 1", Kind::Deadlock).await;
    second.succeeds().await.ok("ROLLBACK").await;
    first.succeeds().await.ok("ROLLBACK").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_to_a_savepoint_gives_locks_back() {
    let house = house().await;
    let [mut a, mut b] = house.blocks(ReadCommitted).await;
    a.ok("SELECT * FROM t WHERE id = 1 FOR UPDATE").await;
    a.ok("SAVEPOINT s").await;
    a.ok("UPDATE t SET v = 21 WHERE id = 2").await;
    let waiting = house.waits(b, "UPDATE t SET v = 22 WHERE id = 2").await;
    a.ok("ROLLBACK TO s").await;
    b = waiting.succeeds().await;
    b.fails("SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT", Kind::LockNotAvailable).await;
}

/// Clients that all add to one row, each statement by itself: none fails, none is lost. Merges happen meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn many_clients_change_one_row() {
    let house = house().await;
    let (clients, times) = (6, 40);
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let mut client = house.client();
            tokio::spawn(async move {
                for _ in 0..times {
                    client.ok("UPDATE t SET v = v + 1 WHERE id = 1").await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(house.client().ok("SELECT v FROM t WHERE id = 1").await, (10 + clients * times).to_string());
}

/// What others changed while it was locked by nobody is found at every level.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_the_newest() {
    let house = house().await;
    let [mut a] = house.blocks(ReadCommitted).await;
    a.ok("UPDATE t SET v = 11 WHERE id = 1").await;
    let waiting = house.waits(house.client(), "SELECT v FROM t WHERE id = 1 FOR UPDATE").await;
    a.ok("COMMIT").await;
    let (_, seen) = waiting.end().await;
    assert_eq!(seen.unwrap(), "11");
    let [mut c] = house.blocks(RepeatableRead).await;
    c.ok("SELECT 1 FROM t").await;
    a.ok("UPDATE t SET v = 12 WHERE id = 1").await;
    c.fails("SELECT v FROM t WHERE id = 1 FOR SHARE", Kind::Serialization).await;
}

/// Rows that move to other segments keep their locks, and transactions their changes.
#[tokio::test(flavor = "multi_thread")]
async fn locks_and_changes_follow_rows_that_move() {
    for level in [ReadCommitted, RepeatableRead] {
        let house = house().await;
        let [mut a, mut b] = house.blocks(level).await;
        a.ok("UPDATE t SET v = 11 WHERE id = 1").await;
        a.ok("SELECT * FROM t WHERE id = 2 FOR UPDATE").await;
        assert_eq!(b.ok(ALL).await, "1=10 2=20 3=30");
        merge(&house).await;
        let mut c = house.client();
        for id in [1, 2] {
            c.fails(&format!("SELECT * FROM t WHERE id = {id} FOR UPDATE NOWAIT"), Kind::LockNotAvailable).await;
        }
        // A key that is free within the transaction only.
        a.ok("DELETE FROM t WHERE id = 3").await;
        a.ok("INSERT INTO t VALUES (3, 33)").await;
        // What the old snapshot names is still there for its readers.
        assert_eq!(b.ok(ALL).await, "1=10 2=20 3=30");
        let waiting = house.waits(c, "UPDATE t SET v = v + 1 WHERE id = 2").await;
        a.ok("UPDATE t SET v = 21 WHERE id = 2").await;
        a.ok("COMMIT").await;
        waiting.succeeds().await;
        assert_eq!(house.client().ok(ALL).await, "1=11 2=22 3=33");
        let seen = if level == ReadCommitted { "1=11 2=22 3=33" } else { "1=10 2=20 3=30" };
        assert_eq!(b.ok(ALL).await, seen);
    }
}

/// A reader of an old snapshot neither waits nor makes others wait, whatever becomes of the rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_sees_its_snapshot_and_stops_nobody() {
    let house = house().await;
    let [mut reader] = house.blocks(RepeatableRead).await;
    assert_eq!(reader.ok("SELECT sum(v) FROM t").await, "60");
    let mut writer = house.client();
    for n in 0..2 * SMALL_SEGMENTS_MAX {
        writer.ok(&format!("UPDATE t SET v = {n} WHERE id = {}", 1 + n % 3)).await;
    }
    writer.ok("TRUNCATE t").await;
    assert_eq!(reader.ok(ALL).await, "1=10 2=20 3=30");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_insert_of_a_key_waits_for_the_first() {
    for level in [ReadCommitted, RepeatableRead] {
        let house = house().await;
        let [mut a, b] = house.blocks(level).await;
        a.ok("INSERT INTO t VALUES (4, 40)").await;
        let waiting = house.waits(b, "INSERT INTO t VALUES (4, 41)").await;
        a.ok("COMMIT").await;
        waiting.fails(Kind::Unique).await;

        let [mut a, b] = house.blocks(level).await;
        a.ok("INSERT INTO t VALUES (5, 50)").await;
        let waiting = house.waits(b, "INSERT INTO t VALUES (5, 51)").await;
        a.ok("ROLLBACK").await;
        waiting.succeeds().await.ok("COMMIT").await;

        // The other way round: a key that is being removed.
        let [mut a, b] = house.blocks(level).await;
        a.ok("DELETE FROM t WHERE id = 1").await;
        let waiting = house.waits(b, "INSERT INTO t VALUES (1, 100)").await;
        a.ok("COMMIT").await;
        waiting.succeeds().await.ok("COMMIT").await;
        assert_eq!(house.client().ok(ALL).await, "1=100 2=20 3=30 4=40 5=51");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn insert_on_conflict_waits_too() {
    let house = house().await;
    let [mut a] = house.blocks(ReadCommitted).await;
    a.ok("INSERT INTO t VALUES (4, 40)").await;
    let waiting = house.waits(house.client(), "INSERT INTO t VALUES (4, 41), (5, 51) ON CONFLICT DO NOTHING").await;
    a.ok("COMMIT").await;
    waiting.succeeds().await;
    assert_eq!(a.ok(ALL).await, "1=10 2=20 3=30 4=40 5=51");
}

#[tokio::test(flavor = "multi_thread")]
async fn ddl_waits_for_writers_and_writers_for_ddl() {
    let house = house().await;
    let [mut a] = house.blocks(ReadCommitted).await;
    a.ok("UPDATE t SET v = 11 WHERE id = 1").await;
    let ddl = house.waits(house.client(), "ALTER TABLE t ADD COLUMN w int DEFAULT 7").await;
    // Who comes after the DDL waits behind it; who reads does not.
    let insert = house.waits(house.client(), "INSERT INTO t VALUES (4, 40, 4)").await;
    assert_eq!(house.client().ok("SELECT v FROM t WHERE id = 1").await, "10");
    a.ok("COMMIT").await;
    ddl.succeeds().await;
    insert.succeeds().await;
    assert_eq!(house.client().ok("SELECT * FROM t ORDER BY id").await, "1=11=7 2=20=7 3=30=7 4=40=4");
    let [mut a, mut b] = house.blocks(RepeatableRead).await;
    b.ok("SELECT 1").await;
    a.ok("DROP TABLE t").await;
    let waiting = house.waits(b, "DELETE FROM t").await;
    a.ok("COMMIT").await;
    waiting.fails(Kind::Serialization).await;
}

/// Workers that take jobs from a table: each job is taken once.
#[tokio::test(flavor = "multi_thread")]
async fn workers_share_a_queue() {
    let house =
        House::new("CREATE TABLE job (id int PRIMARY KEY); INSERT INTO job SELECT generate_series(1, 40)").await;
    let take =
        "DELETE FROM job WHERE id = (SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id";
    let worker = |mut client: Client| async move {
        let mut taken = Vec::new();
        loop {
            match client.ok(take).await.as_str() {
                "" => return taken,
                job => taken.push(job.parse::<i32>().unwrap()),
            }
        }
    };
    let workers: Vec<_> = (0..4).map(|_| tokio::spawn(worker(house.client()))).collect();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    taken.sort_unstable();
    assert_eq!(taken, (1..=40).collect::<Vec<_>>());
}

/// Serializable transactions that move money between accounts, all reading all: the sum never changes, and each that is
/// refused can be run again.
#[tokio::test(flavor = "multi_thread")]
async fn serializable_transactions_can_be_run_again() {
    let house = house().await;
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let mut client = house.client();
            tokio::spawn(async move {
                let mut done = 0;
                while done < 10 {
                    client.ok(&format!("BEGIN ISOLATION LEVEL {}", Serializable.name())).await;
                    let (from, to) = (1 + n % 3, 1 + (n + 1) % 3);
                    let sql = format!("UPDATE t SET v = v - 1 WHERE id = {from}; UPDATE t SET v = (SELECT 61 - sum(v) FROM t WHERE id <> {to}) - 1 WHERE id = {to}; COMMIT");
                    match client.run(&sql).await {
                        Ok(_) => done += 1,
                        Err(error) => {
                            assert!(matches!(error.kind(), Kind::Serialization | Kind::Deadlock), "{error}");
                            client.ok("ROLLBACK").await;
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(house.client().ok("SELECT sum(v) FROM t").await, "60");
}

const FAMILY: &str = "CREATE TABLE p (id int PRIMARY KEY, v int); INSERT INTO p VALUES (1, 0), (2, 0);
    CREATE TABLE c (id int, p int REFERENCES p ON DELETE CASCADE)";

/// A row that refers to another keeps it, before it is committed already.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_referred_to_stays() {
    for level in [ReadCommitted, RepeatableRead, Serializable] {
        let house = House::new(FAMILY).await;
        let [mut a, mut b] = house.blocks(level).await;
        assert_eq!(b.ok("SELECT count(*) FROM c").await, "0");
        a.ok("INSERT INTO c VALUES (1, 1)").await;
        // What does not touch the key goes on.
        b.ok("UPDATE p SET v = 1 WHERE id = 1").await;
        let waiting = house.waits(b, "DELETE FROM p WHERE id = 1").await;
        a.ok("COMMIT").await;
        let mut b = match level {
            ReadCommitted => waiting.succeeds().await,
            // Its snapshot does not show the row that it would have to take along.
            _ => waiting.fails(Kind::Serialization).await,
        };
        b.ok("COMMIT").await;
        let left = if level == ReadCommitted { "0" } else { "1" };
        assert_eq!(a.ok("SELECT count(*) FROM c").await, left);
    }
}

/// Who refers to a row that is being removed waits for what becomes of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_goes_is_waited_for() {
    let house = House::new(FAMILY).await;
    let [mut a] = house.blocks(ReadCommitted).await;
    a.ok("DELETE FROM p WHERE id = 1").await;
    let waiting = house.waits(house.client(), "INSERT INTO c VALUES (1, 1)").await;
    a.ok("COMMIT").await;
    waiting.fails(Kind::ForeignKey).await;
    a.ok("BEGIN").await;
    a.ok("UPDATE p SET id = 3 WHERE id = 2").await;
    let waiting = house.waits(house.client(), "INSERT INTO c VALUES (2, 2)").await;
    a.ok("ROLLBACK").await;
    waiting.succeeds().await;
    // FOR UPDATE keeps others from referring, FOR NO KEY UPDATE does not.
    a.ok("BEGIN").await;
    a.ok("SELECT * FROM p FOR NO KEY UPDATE").await;
    house.client().ok("INSERT INTO c VALUES (3, 2)").await;
    a.ok("SELECT * FROM p FOR UPDATE").await;
    let waiting = house.waits(house.client(), "INSERT INTO c VALUES (4, 2)").await;
    a.ok("COMMIT").await;
    waiting.succeeds().await;
}

/// Rows that refer come and go while what they refer to comes and goes: none is left without.
#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_left_without_what_it_refers_to() {
    let house = House::new("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p)").await;
    let work = |mut client: Client, n: usize| async move {
        for round in 0..30 {
            let id = (n + round) % 3;
            let sql = match round % 4 {
                0 => format!("INSERT INTO p VALUES ({id}) ON CONFLICT DO NOTHING"),
                1 | 2 => format!("INSERT INTO c VALUES ({id})"),
                _ => format!("DELETE FROM c WHERE p = {id}; DELETE FROM p WHERE id = {id}"),
            };
            if let Err(error) = client.run(&sql).await {
                assert!(matches!(error.kind(), Kind::ForeignKey | Kind::Deadlock), "{sql}: {error}");
            }
        }
    };
    let tasks: Vec<_> = (0..4).map(|n| tokio::spawn(work(house.client(), n))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(house.client().ok("SELECT count(*) FROM c WHERE p NOT IN (SELECT id FROM p)").await, "0");
}

/// Clients that all count in one row that none of them has made: each counts.
#[tokio::test(flavor = "multi_thread")]
async fn on_conflict_counts_each() {
    let house = house().await;
    let sql = "INSERT INTO t VALUES (9, 1) ON CONFLICT (id) DO UPDATE SET v = t.v + excluded.v";
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let mut client = house.client();
            tokio::spawn(async move {
                for _ in 0..20 {
                    client.ok(sql).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(house.client().ok("SELECT v FROM t WHERE id = 9").await, "80");
}

/// A detail of a foreign key names values to a role that sees the columns plain, and to no other.
#[tokio::test(flavor = "multi_thread")]
async fn details_hold_no_masked_value() {
    let house = House::new(FAMILY).await;
    let mut client = house.client();
    let detail = client.fails("INSERT INTO c VALUES (1, 7)", Kind::ForeignKey).await;
    assert_eq!(detail.detail(), Some("Key (p)=(7) is not present in table \"p\"."));
    client.ok("CREATE MASKING POLICY hide AS (v int) RETURNS int -> 0").await;
    client.ok("ALTER TABLE c ALTER COLUMN p SET MASKING POLICY hide; CREATE ROLE clerk").await;
    client.ok("GRANT SELECT, INSERT ON c TO clerk; SET ROLE clerk").await;
    let detail = client.fails("INSERT INTO c VALUES (1, 7)", Kind::ForeignKey).await;
    assert_eq!(detail.detail(), Some("Key (p) is not present in table \"p\"."));
}
