//! What SERIALIZABLE refuses, and what it need not: transactions that look for different rows of one table.
//!
//! The last test runs rounds of random transactions side by side, and those that committed once more one after another,
//! on a plain map: they must have read, and left, the same.

use super::{Client, House};
use crate::error::Kind;
use crate::txn::Isolation::{RepeatableRead, Serializable};
use std::collections::BTreeMap;

const ALL: &str = "SELECT id, value FROM test ORDER BY id";

async fn house() -> House {
    House::new("CREATE TABLE test (id int PRIMARY KEY, value int); INSERT INTO test VALUES (1, 10), (2, 20)").await
}

#[tokio::test(flavor = "multi_thread")]
async fn different_rows_are_no_conflict() {
    for [first, second] in [
        ["id = 1", "id = 2"],
        ["id IN (1, 7)", "id IN (2, 8)"],
        ["value < 15", "value BETWEEN 16 AND 30"],
        ["value IS NOT NULL AND id < 2", "id > 1 OR value IS NULL"],
    ] {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(Serializable).await;
        for (client, condition) in [(&mut t1, first), (&mut t2, second)] {
            client.ok(&format!("SELECT * FROM test WHERE {condition}")).await;
            client.ok(&format!("UPDATE test SET value = value + 1 WHERE {condition}")).await;
        }
        t1.ok("COMMIT").await;
        t2.ok("COMMIT").await;
        assert_eq!(house.client().ok(ALL).await, "1=11 2=21", "{first}");
    }
}

/// A row that came, one that went, one that was changed so that it is meant no more: each was read.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_and_go_are_a_conflict() {
    for change in [
        "INSERT INTO test VALUES (3, 30)",
        "DELETE FROM test WHERE id = 2",
        "UPDATE test SET value = 5 WHERE id = 2",
        "UPDATE test SET value = 25 WHERE id = 2",
        "UPDATE test SET value = 50 WHERE id = 1",
        "TRUNCATE test",
        "ALTER TABLE test ADD COLUMN more int; UPDATE test SET more = 1 WHERE id = 1",
    ] {
        let house = house().await;
        let [mut t1] = house.blocks(Serializable).await;
        t1.ok("SELECT count(*) FROM test WHERE value >= 20").await;
        t1.ok("CREATE TABLE other (id int)").await;
        house.client().ok(change).await;
        t1.commits(Some(Kind::Serialization)).await;
    }
}

/// What is left out because its key is there has been read: the row may not be one that the transaction does not see, and must still be
/// there at its end.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_there_are_read() {
    let house = house().await;
    let [mut t1, mut t2] = house.blocks(Serializable).await;
    t1.ok("INSERT INTO test VALUES (1, 0) ON CONFLICT DO NOTHING").await;
    t1.ok("DELETE FROM test WHERE id = 2").await;
    t2.ok("INSERT INTO test VALUES (2, 0) ON CONFLICT DO NOTHING").await;
    t2.ok("DELETE FROM test WHERE id = 1").await;
    t1.ok("COMMIT").await;
    t2.commits(Some(Kind::Serialization)).await;

    let [mut t1] = house.blocks(RepeatableRead).await;
    assert_eq!(t1.ok("SELECT count(*) FROM test WHERE id = 9").await, "0");
    house.client().ok("INSERT INTO test VALUES (9, 9)").await;
    t1.fails("INSERT INTO test VALUES (9, 0) ON CONFLICT DO NOTHING", Kind::Serialization).await;
}

/// Each adds what the other found to be missing; the condition is one that the store understands.
#[tokio::test(flavor = "multi_thread")]
async fn write_skew_by_a_range_is_stopped() {
    let house = house().await;
    let [mut t1, mut t2] = house.blocks(Serializable).await;
    for client in [&mut t1, &mut t2] {
        assert_eq!(client.ok("SELECT id FROM test WHERE value > 25").await, "");
    }
    t1.ok("INSERT INTO test VALUES (3, 30)").await;
    t2.ok("INSERT INTO test VALUES (4, 42)").await;
    t1.ok("COMMIT").await;
    t2.commits(Some(Kind::Serialization)).await;
}

/// A row policy decides too what is seen.
#[tokio::test(flavor = "multi_thread")]
async fn rows_behind_a_policy_are_no_conflict_and_others_are() {
    for (id, refused) in [(1, false), (2, true)] {
        let house = house().await;
        house
            .client()
            .ok("CREATE ROLE clerk; GRANT SELECT ON test TO clerk; CREATE TABLE notes (n int);
                 GRANT INSERT ON notes TO clerk; ALTER TABLE test ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY some ON test TO clerk USING (id >= 2)")
            .await;
        let mut clerk = house.client();
        clerk.ok("SET ROLE clerk").await;
        clerk.ok("BEGIN ISOLATION LEVEL SERIALIZABLE").await;
        assert_eq!(clerk.ok("SELECT count(*) FROM test").await, "1");
        clerk.ok("INSERT INTO notes VALUES (1)").await;
        house.client().ok(&format!("UPDATE test SET value = 0 WHERE id = {id}")).await;
        clerk.commits(refused.then_some(Kind::Serialization)).await;
    }
}

/// Random numbers; the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % below as u64) as i32
    }
}

/// A condition as SQL, and as itself.
type Meant = (String, Box<dyn Fn(i32, Option<i32>) -> bool>);

fn condition(dice: &mut Dice, ids: i32) -> Meant {
    let (a, b) = (dice.roll(ids), dice.roll(100));
    match dice.roll(6) {
        0 => (format!("id = {a}"), Box::new(move |id, _| id == a)),
        1 => (format!("id IN ({a}, {b})"), Box::new(move |id, _| id == a || id == b)),
        2 => {
            (format!("value BETWEEN {b} AND {}", b + 3), Box::new(move |_, v| v.is_some_and(|v| v >= b && v <= b + 3)))
        }
        3 => (format!("value = {b} OR id < {}", a / 50), Box::new(move |id, v| v == Some(b) || id < a / 50)),
        4 => (format!("value IS NULL AND id > {a}"), Box::new(move |id, v| v.is_none() && id > a)),
        // Nothing that the store understands.
        _ => (format!("(id + {b}) % 97 = 5"), Box::new(move |id, _| (id + b) % 97 == 5)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_commits_is_equal_to_some_order() {
    const IDS: i32 = 6000;
    const CLIENTS: usize = 4;
    let setup = format!(
        "CREATE TABLE test (id int PRIMARY KEY, value int);
         INSERT INTO test SELECT n, NULLIF(n * 7919 % 100, 99) FROM generate_series(0, {}) AS g(n)",
        IDS - 1
    );
    let house = House::new(&setup).await;
    let null = |v: i32| (v != 99).then_some(v);
    let mut map: BTreeMap<i32, Option<i32>> = (0..IDS).map(|n| (n, null((n64(n) * 7919 % 100) as i32))).collect();
    let (mut dice, mut committed, mut refused) = (Dice(7), 0, 0);
    for round in 0..30 {
        let mut clients: [Client; CLIENTS] = house.blocks(Serializable).await;
        let mut done = Vec::new();
        for (n, client) in clients.iter_mut().enumerate() {
            let (sql, meant) = condition(&mut dice, IDS);
            let told = client.ok(&format!("SELECT coalesce(sum(value), 0), count(*) FROM test WHERE {sql}")).await;
            let (sum, count) = told.split_once('=').unwrap();
            let read: (i64, i64) = (sum.parse().unwrap(), count.parse().unwrap());
            // Rows of different clients differ, so that none waits for another.
            let id = dice.roll(IDS / 10) * 10 + n as i32;
            let value = ((read.0 + read.1 + round) % 99) as i32;
            match dice.roll(3) {
                0 => client.ok(&format!("DELETE FROM test WHERE id = {id}")).await,
                1 => client.ok(&format!("UPDATE test SET value = {value} WHERE id = {id}")).await,
                _ => {
                    let sql = format!("INSERT INTO test VALUES ({id}, {value})");
                    client.ok(&format!("DELETE FROM test WHERE id = {id}")).await;
                    client.ok(&sql).await
                }
            };
            let left = client.ok(&format!("SELECT value FROM test WHERE id = {id}")).await;
            let gone = client.ok(&format!("SELECT count(*) FROM test WHERE id = {id}")).await == "0";
            done.push((meant, read, id, (!gone).then(|| left.parse::<i32>().ok())));
        }
        if round % 7 == 3 {
            house.client().ok("VACUUM FULL test").await;
        }
        for (mut client, (meant, read, id, left)) in clients.into_iter().zip(done) {
            if let Err(error) = client.run("COMMIT").await {
                assert_eq!(error.kind(), Kind::Serialization, "{error}");
                refused += 1;
                continue;
            }
            committed += 1;
            let rows: Vec<_> = map.iter().filter(|(id, value)| meant(**id, **value)).collect();
            let sum: i64 = rows.iter().filter_map(|(_, value)| **value).map(n64).sum();
            assert_eq!((sum, rows.len() as i64), read);
            match left {
                Some(value) => map.insert(id, value),
                None => map.remove(&id),
            };
        }
    }
    let expected = map.iter().map(|(id, v)| format!("{id}={}", v.map_or(String::new(), |v| v.to_string())));
    assert_eq!(house.client().ok(ALL).await, expected.collect::<Vec<_>>().join(" "));
    assert!(committed > refused && refused > 10, "{committed} committed, {refused} refused");
}

fn n64(n: i32) -> i64 {
    i64::from(n)
}
