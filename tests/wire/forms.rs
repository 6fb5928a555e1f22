//! The binary forms of values that are not like the others of their type: ends of time, arrays of an enumerated type, networks.

use super::charsets::Raw;
use super::{House, one};
use tokio_postgres::Client;

/// A value of a type, sent and got back in the binary form.
async fn there_and_back(client: &Client, data_type: &str, bytes: &[u8]) -> (Vec<u8>, String) {
    let sql = format!("SELECT $1::{data_type}, $1::{data_type}::text");
    let row =
        client.query_one(&sql, &[&Raw(bytes.to_vec(), true)]).await.unwrap_or_else(|e| panic!("{data_type}: {e:?}"));
    (row.get::<_, Raw>(0).0, row.get(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn values_go_and_come_in_their_binary_form() {
    let house = House::open().await;
    let client = house.client().await;
    for (data_type, bytes, shown) in [
        ("date", i32::MAX.to_be_bytes().to_vec(), "infinity"),
        ("date", i32::MIN.to_be_bytes().to_vec(), "-infinity"),
        ("timestamp", i64::MAX.to_be_bytes().to_vec(), "infinity"),
        ("timestamptz", i64::MIN.to_be_bytes().to_vec(), "-infinity"),
        ("cidr", vec![2, 8, 1, 4, 10, 0, 0, 0], "10.0.0.0/8"),
        ("inet", vec![2, 8, 0, 4, 10, 1, 2, 3], "10.1.2.3/8"),
    ] {
        assert_eq!(there_and_back(&client, data_type, &bytes).await, (bytes, shown.to_owned()), "{data_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays_of_labels_have_a_binary_form() {
    let house = House::open().await;
    let client = house.client().await;
    client.batch_execute("CREATE TYPE mood AS ENUM ('sad', 'ok')").await.unwrap();
    let element: u32 = one(&client, "SELECT oid FROM pg_type WHERE typname = 'mood'").await;
    let words = |all: &[u32]| all.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let bytes = [words(&[1, 0, element, 2, 1, 2]), b"ok".to_vec(), words(&[3]), b"sad".to_vec()].concat();
    assert_eq!(there_and_back(&client, "mood[]", &bytes).await, (bytes, "{ok,sad}".to_owned()));
    // As a driver asks for what it does not know.
    let statement = client.prepare("SELECT enum_range(NULL::mood)").await.unwrap();
    let kind = statement.columns()[0].type_();
    assert_eq!((kind.name(), kind.schema()), ("_mood", "public"));
    let labels: Vec<String> = client.query_one("SELECT enum_range(NULL::mood)::text[]", &[]).await.unwrap().get(0);
    assert_eq!(labels, ["sad", "ok"]);
}
