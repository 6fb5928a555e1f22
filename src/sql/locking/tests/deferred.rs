//! Foreign keys that are looked at when the transaction ends: what others do meanwhile.
//!
//! A key that was there when a row came may be gone when its transaction ends, and a row may come for a key that is going. Whoever ends
//! last must find out, and nobody waits before that.

use super::{Client, House};
use crate::error::Kind;
use crate::txn::Isolation;

const FAMILY: &str = "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1), (2);
                      CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)";

async fn begun(house: &House, sql: &str) -> Client {
    let [mut client] = house.blocks(Isolation::ReadCommitted).await;
    client.ok(sql).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_went_before_the_commit_is_missed() {
    let house = House::new(FAMILY).await;
    let mut child = begun(&house, "INSERT INTO c VALUES (1, 1)").await;
    house.client().ok("DELETE FROM p WHERE id = 1").await;
    child.commits(Some(Kind::ForeignKey)).await;
    assert_eq!(house.client().ok("SELECT count(*) FROM c").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_came_before_the_commit_is_found() {
    let house = House::new(FAMILY).await;
    let mut child = begun(&house, "INSERT INTO c VALUES (1, 3)").await;
    house.client().ok("INSERT INTO p VALUES (3)").await;
    child.commits(None).await;
    house.client().fails("DELETE FROM p WHERE id = 3", Kind::ForeignKey).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_waits_for_who_removes_what_it_refers_to() {
    for removed in [true, false] {
        let house = House::new(FAMILY).await;
        let mut parent = begun(&house, "DELETE FROM p WHERE id = 1").await;
        let child = begun(&house, "INSERT INTO c VALUES (1, 1)").await;
        let child = house.waits(child, "COMMIT").await;
        match removed {
            true => {
                parent.commits(None).await;
                child.fails(Kind::ForeignKey).await;
            }
            false => {
                parent.ok("ROLLBACK").await;
                child.succeeds().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_removes_a_key_finds_rows_that_came_since() {
    let house = House::new(FAMILY).await;
    // Its own row makes it look when it ends.
    let mut parent = begun(&house, "INSERT INTO c VALUES (9, 2); SET CONSTRAINTS ALL DEFERRED").await;
    house.client().ok("INSERT INTO c VALUES (1, 1)").await;
    parent.ok("DELETE FROM p WHERE id = 1").await;
    parent.commits(Some(Kind::ForeignKey)).await;
    assert_eq!(house.client().ok("SELECT id FROM p ORDER BY id").await, "1 2");
}

/// Without a block the end of the statement is that of the transaction, and waits as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_alone_waits_at_its_end() {
    let house = House::new(FAMILY).await;
    let mut parent = begun(&house, "DELETE FROM p WHERE id = 1").await;
    let child = house.waits(house.client(), "INSERT INTO c VALUES (1, 1)").await;
    parent.commits(None).await;
    let mut child = child.fails(Kind::ForeignKey).await;
    child.ok("INSERT INTO c VALUES (1, 2)").await;
}
