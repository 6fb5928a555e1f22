//! A column is copied while its tag is set: the copy ends with the tag, or one of the two begins anew.

use super::House;
use crate::error::Kind;
use crate::txn::Isolation::{ReadCommitted, RepeatableRead, Serializable};

const FILL: &str = "CREATE TAG pii PROPAGATE = ON_DATA_MOVEMENT; CREATE TABLE people (id int, mail text, nick text); \
     INSERT INTO people VALUES (1, 'a@example.org', 'aa'); CREATE TABLE kept (address text)";
const COPY: &str = "INSERT INTO kept SELECT mail FROM people";
const TAG: &str = "ALTER TABLE people ALTER COLUMN mail SET TAG pii = 'mail'";
const TAGS: &str = "SELECT column_name, value FROM tag_references('kept')";

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_began_before_the_tag_is_no_copy_without_it() {
    for level in [ReadCommitted, RepeatableRead, Serializable] {
        let house = House::new(FILL).await;
        let [mut copies] = house.blocks(level).await;
        copies.ok(COPY).await;
        let mut tags = house.client();
        tags.ok(TAG).await;
        copies.commits(Some(Kind::Serialization)).await;
        assert_eq!(copies.ok("SELECT count(*) FROM kept").await, "0");
        assert_eq!(copies.ok(TAGS).await, "");
        copies.ok(COPY).await;
        assert_eq!(copies.ok(TAGS).await, "address=mail");
    }
}

/// The other way round: what sets the tag has not seen the copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_was_set_before_the_copy_goes_to_it() {
    for level in [ReadCommitted, RepeatableRead, Serializable] {
        let house = House::new(FILL).await;
        let [mut tags] = house.blocks(level).await;
        tags.ok(TAG).await;
        let mut copies = house.client();
        copies.ok("CREATE TABLE made AS SELECT lower(mail) AS address FROM people").await;
        tags.commits(Some(Kind::Serialization)).await;
        tags.ok(TAG).await;
        assert_eq!(tags.ok("SELECT column_name, value FROM tag_references('made')").await, "address=mail");
    }
}

/// A tag that begins to go with values meets what was copied meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_made_to_go_is_set_on_what_there_is() {
    let house = House::new(FILL).await;
    let mut client = house.client();
    client.ok("CREATE TAG still").await;
    client.ok("ALTER TABLE people ALTER COLUMN mail SET TAG still = 'x'").await;
    let [mut copies] = house.blocks(ReadCommitted).await;
    copies.ok(COPY).await;
    client.ok("CREATE OR REPLACE TAG still PROPAGATE = ON_DATA_MOVEMENT").await;
    copies.commits(Some(Kind::Serialization)).await;
    copies.ok(COPY).await;
    assert_eq!(client.ok(TAGS).await, "address=x");
}

/// What has nothing to do with the tag goes on.
#[tokio::test(flavor = "multi_thread")]
async fn other_columns_and_other_tables_are_let_be() {
    let house = House::new(FILL).await;
    let [mut copies] = house.blocks(RepeatableRead).await;
    copies.ok("INSERT INTO kept VALUES ('x')").await;
    let mut tags = house.client();
    tags.ok(TAG).await;
    copies.commits(None).await;
}
