//! The anomalies of the Hermitage suite (Martin Kleppmann, after Adya and others), each with the level that stops it.
//!
//! READ COMMITTED stops G0, G1a, G1b, G1c and OTV; REPEATABLE READ, which is snapshot isolation, PMP, P4 and G-single as
//! well; SERIALIZABLE G2-item and G2 too. What a weaker level lets through is asserted too, so that nobody believes
//! more of it.

use super::{Client, House};
use crate::error::Kind;
use crate::txn::Isolation::{self, ReadCommitted, RepeatableRead, Serializable};

const LEVELS: [Isolation; 3] = [ReadCommitted, RepeatableRead, Serializable];
const ALL: &str = "SELECT id, value FROM test ORDER BY id";

async fn house() -> House {
    House::new("CREATE TABLE test (id int PRIMARY KEY, value int); INSERT INTO test VALUES (1, 10), (2, 20)").await
}

async fn update(client: &mut Client, id: i32, value: i32) {
    client.ok(&format!("UPDATE test SET value = {value} WHERE id = {id}")).await;
}

/// Write cycles: the second writer of a row waits for the first; its own later writes are not interleaved with it.
#[tokio::test(flavor = "multi_thread")]
async fn g0_is_stopped_by_read_committed() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, t2] = house.blocks(level).await;
        update(&mut t1, 1, 11).await;
        let waiting = house.waits(t2, "UPDATE test SET value = 12 WHERE id = 1").await;
        update(&mut t1, 2, 21).await;
        t1.ok("COMMIT").await;
        if level == ReadCommitted {
            let mut t2 = waiting.succeeds().await;
            assert_eq!(t1.ok(ALL).await, "1=11 2=21");
            update(&mut t2, 2, 22).await;
            t2.ok("COMMIT").await;
            assert_eq!(t1.ok(ALL).await, "1=12 2=22");
        } else {
            waiting.fails(Kind::Serialization).await;
            assert_eq!(t1.ok(ALL).await, "1=11 2=21");
        }
    }
}

/// Aborted reads: what is rolled back was never seen.
#[tokio::test(flavor = "multi_thread")]
async fn g1a_is_stopped_by_read_committed() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        update(&mut t1, 1, 101).await;
        assert_eq!(t2.ok(ALL).await, "1=10 2=20");
        t1.ok("ROLLBACK").await;
        assert_eq!(t2.ok(ALL).await, "1=10 2=20");
        t2.ok("COMMIT").await;
    }
}

/// Intermediate reads: what a transaction wrote over before it committed was never seen.
#[tokio::test(flavor = "multi_thread")]
async fn g1b_is_stopped_by_read_committed() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        update(&mut t1, 1, 101).await;
        assert_eq!(t2.ok(ALL).await, "1=10 2=20");
        update(&mut t1, 1, 11).await;
        t1.ok("COMMIT").await;
        let seen = if level == ReadCommitted { "1=11 2=20" } else { "1=10 2=20" };
        assert_eq!(t2.ok(ALL).await, seen);
        t2.ok("COMMIT").await;
    }
}

/// Circular flow of information: of two that overlap, not each sees the other.
#[tokio::test(flavor = "multi_thread")]
async fn g1c_is_stopped_by_read_committed() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        update(&mut t1, 1, 11).await;
        update(&mut t2, 2, 22).await;
        assert_eq!(t1.ok("SELECT value FROM test WHERE id = 2").await, "20");
        assert_eq!(t2.ok("SELECT value FROM test WHERE id = 1").await, "10");
        t1.ok("COMMIT").await;
        // Neither saw the other: that is no serial order.
        t2.commits((level == Serializable).then_some(Kind::Serialization)).await;
    }
}

/// Observed transaction vanishes: a third never sees half of one that another wrote over.
#[tokio::test(flavor = "multi_thread")]
async fn otv_is_stopped_by_read_committed() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, t2, mut t3] = house.blocks(level).await;
        update(&mut t1, 1, 11).await;
        update(&mut t1, 2, 19).await;
        let waiting = house.waits(t2, "UPDATE test SET value = 12 WHERE id = 1").await;
        t1.ok("COMMIT").await;
        if level != ReadCommitted {
            waiting.fails(Kind::Serialization).await;
            assert_eq!(t3.ok(ALL).await, "1=11 2=19");
            continue;
        }
        let mut t2 = waiting.succeeds().await;
        assert_eq!(t3.ok("SELECT value FROM test WHERE id = 1").await, "11");
        update(&mut t2, 2, 18).await;
        assert_eq!(t3.ok("SELECT value FROM test WHERE id = 2").await, "19");
        t2.ok("COMMIT").await;
        assert_eq!(t3.ok("SELECT value FROM test WHERE id = 2").await, "18");
        assert_eq!(t3.ok("SELECT value FROM test WHERE id = 1").await, "12");
    }
}

/// Predicate many preceders: what satisfies a condition does not change under a reader.
#[tokio::test(flavor = "multi_thread")]
async fn pmp_is_stopped_by_repeatable_read() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        assert_eq!(t1.ok("SELECT id, value FROM test WHERE value = 30").await, "");
        t2.ok("INSERT INTO test VALUES (3, 30)").await;
        t2.ok("COMMIT").await;
        let seen = if level == ReadCommitted { "3=30" } else { "" };
        assert_eq!(t1.ok("SELECT id, value FROM test WHERE value % 3 = 0").await, seen);
        t1.ok("COMMIT").await;
    }
}

/// The same with a condition of a write. READ COMMITTED looks again once it need not wait.
#[tokio::test(flavor = "multi_thread")]
async fn pmp_of_writes_is_stopped_by_repeatable_read() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, t2] = house.blocks(level).await;
        t1.ok("UPDATE test SET value = value + 10").await;
        let waiting = house.waits(t2, "DELETE FROM test WHERE value = 20").await;
        t1.ok("COMMIT").await;
        if level == ReadCommitted {
            waiting.succeeds().await.ok("COMMIT").await;
            assert_eq!(t1.ok(ALL).await, "2=30");
        } else {
            waiting.fails(Kind::Serialization).await;
            assert_eq!(t1.ok(ALL).await, "1=20 2=30");
        }
    }
}

/// Lost update: two read, then both write what they made of it.
#[tokio::test(flavor = "multi_thread")]
async fn p4_is_stopped_by_repeatable_read() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        assert_eq!(t1.ok("SELECT value FROM test WHERE id = 1").await, "10");
        assert_eq!(t2.ok("SELECT value FROM test WHERE id = 1").await, "10");
        update(&mut t1, 1, 11).await;
        let waiting = house.waits(t2, "UPDATE test SET value = 11 WHERE id = 1").await;
        t1.ok("COMMIT").await;
        match level {
            ReadCommitted => waiting.succeeds().await.ok("COMMIT").await,
            _ => waiting.fails(Kind::Serialization).await.ok("ROLLBACK").await,
        };
    }
}

/// Read skew: a reader sees one half of a transaction and not the other.
#[tokio::test(flavor = "multi_thread")]
async fn g_single_is_stopped_by_repeatable_read() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        assert_eq!(t1.ok("SELECT value FROM test WHERE id = 1").await, "10");
        update(&mut t2, 1, 12).await;
        update(&mut t2, 2, 18).await;
        t2.ok("COMMIT").await;
        let seen = if level == ReadCommitted { "18" } else { "20" };
        assert_eq!(t1.ok("SELECT value FROM test WHERE id = 2").await, seen);
        t1.ok("COMMIT").await;
    }
}

/// Read skew that a write acts upon.
#[tokio::test(flavor = "multi_thread")]
async fn g_single_of_writes_is_stopped_by_repeatable_read() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        assert_eq!(t1.ok("SELECT value FROM test WHERE id = 1").await, "10");
        update(&mut t2, 1, 12).await;
        update(&mut t2, 2, 18).await;
        t2.ok("COMMIT").await;
        match level {
            ReadCommitted => assert_eq!(t1.ok("DELETE FROM test WHERE value = 20").await, ""),
            _ => drop(t1.fails("DELETE FROM test WHERE value = 20", Kind::Serialization).await),
        }
        t1.ok("ROLLBACK").await;
        assert_eq!(t1.ok(ALL).await, "1=12 2=18");
    }
}

/// Write skew: each reads what the other changes.
#[tokio::test(flavor = "multi_thread")]
async fn g2_item_is_stopped_by_serializable() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        for client in [&mut t1, &mut t2] {
            assert_eq!(client.ok("SELECT id, value FROM test WHERE id IN (1, 2) ORDER BY id").await, "1=10 2=20");
        }
        update(&mut t1, 1, 11).await;
        update(&mut t2, 2, 21).await;
        t1.ok("COMMIT").await;
        t2.commits((level == Serializable).then_some(Kind::Serialization)).await;
    }
}

/// Write skew by a condition: each adds what the other found to be missing.
#[tokio::test(flavor = "multi_thread")]
async fn g2_is_stopped_by_serializable() {
    for level in LEVELS {
        let house = house().await;
        let [mut t1, mut t2] = house.blocks(level).await;
        for client in [&mut t1, &mut t2] {
            assert_eq!(client.ok("SELECT id, value FROM test WHERE value % 3 = 0").await, "");
        }
        t1.ok("INSERT INTO test VALUES (3, 30)").await;
        t2.ok("INSERT INTO test VALUES (4, 42)").await;
        t1.ok("COMMIT").await;
        t2.commits((level == Serializable).then_some(Kind::Serialization)).await;
        let there = if level == Serializable { "3=30" } else { "3=30 4=42" };
        assert_eq!(house.client().ok("SELECT id, value FROM test WHERE value % 3 = 0 ORDER BY id").await, there);
    }
}

/// The same with a third that only reads (Fekete, O'Neil, O'Neil): what it saw rules out the order that is left.
#[tokio::test(flavor = "multi_thread")]
async fn g2_with_a_reader_is_stopped_by_serializable() {
    for level in [RepeatableRead, Serializable] {
        let house = house().await;
        let [mut t1, mut t2, mut t3] = house.blocks(level).await;
        assert_eq!(t1.ok(ALL).await, "1=10 2=20");
        t2.ok("UPDATE test SET value = value + 5 WHERE id = 2").await;
        t2.ok("COMMIT").await;
        assert_eq!(t3.ok(ALL).await, "1=10 2=25");
        t3.ok("COMMIT").await;
        update(&mut t1, 1, 0).await;
        t1.commits((level == Serializable).then_some(Kind::Serialization)).await;
    }
}
