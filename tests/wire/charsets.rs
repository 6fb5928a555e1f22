//! Clients that speak another encoding than UTF-8: what they send and get, in text and binary form, and what cannot be said.

use super::{House, code, one};
use bytes::{Bytes, BytesMut};
use futures::{SinkExt, TryStreamExt, pin_mut};
use std::error::Error;
use tokio_postgres::Client;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Bytes of a text as they go over the wire, in either form.
#[derive(Debug, PartialEq)]
pub struct Raw(pub Vec<u8>, pub bool);

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if self.1 { Format::Binary } else { Format::Text }
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(bytes.to_vec(), true))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// `商品` in GBK.
const GOODS: &[u8] = b"\xc9\xcc\xc6\xb7";

async fn raw(client: &Client, sql: &str) -> Vec<u8> {
    client.query_one(sql, &[]).await.unwrap().get::<_, Raw>(0).0
}

/// Parameters and values are in the client's encoding, and what is kept is not.
#[tokio::test(flavor = "multi_thread")]
async fn values_are_in_the_clients_encoding() {
    let house = House::open().await;
    let (client, other) = (house.client().await, house.client().await);
    client.batch_execute("CREATE TABLE goods (id int, name text, tags text[]); SET NAMES 'gbk'").await.unwrap();
    assert_eq!(one::<String>(&client, "SHOW client_encoding").await, "GBK");
    let insert = "INSERT INTO goods VALUES ($1, $2, ARRAY[$2])";
    for (id, binary) in [(1, false), (2, true)] {
        client.execute(insert, &[&id, &Raw(GOODS.to_vec(), binary)]).await.unwrap();
    }
    assert_eq!(
        one::<String>(&other, "SELECT string_agg(name || array_to_string(tags, ''), '+') FROM goods").await,
        "商品商品+商品商品"
    );
    assert_eq!(raw(&client, "SELECT name FROM goods WHERE id = 1").await, GOODS);
    let tags = raw(&client, "SELECT tags FROM goods WHERE id = 2").await;
    assert!(tags.ends_with(GOODS), "{tags:?}");
    assert_eq!(
        raw(&client, "SELECT jsonb_build_object('a', name) FROM goods WHERE id = 1").await,
        [&b"\x01{\"a\": \""[..], GOODS, b"\"}"].concat()
    );
    // With the transaction the encoding goes too.
    client.batch_execute("BEGIN; SET client_encoding = 'UTF8'; ROLLBACK").await.unwrap();
    assert_eq!(raw(&client, "SELECT name FROM goods WHERE id = 1").await, GOODS);
    client.batch_execute("RESET client_encoding").await.unwrap();
    assert_eq!(raw(&client, "SELECT name FROM goods WHERE id = 1").await, "商品".as_bytes());
}

/// What is no character, or none of the other side's, is an error of the statement, and the connection goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_converted_is_told() {
    let house = House::open().await;
    let client = house.client().await;
    client.batch_execute("SET client_encoding = 'LATIN1'").await.unwrap();
    let error = client.query("SELECT chr(8364)", &[]).await.unwrap_err();
    assert_eq!(code(&error), "22P05", "{error}");
    assert_eq!(raw(&client, "SELECT chr(252)").await, b"\xfc");
    client.batch_execute("SET client_encoding = 'GBK'").await.unwrap();
    for binary in [false, true] {
        let error = client.query("SELECT $1::text", &[&Raw(b"a\xc9".to_vec(), binary)]).await.unwrap_err();
        assert_eq!(code(&error), "22021", "{error}");
        let error = client.query("SELECT $1::text", &[&Raw(b"\xff\xff".to_vec(), binary)]).await.unwrap_err();
        assert_eq!(code(&error), "22P05", "{error}");
    }
    client.batch_execute("SET client_encoding = 'UTF8'").await.unwrap();
    let error = client.query("SELECT $1::text", &[&Raw(b"\xff".to_vec(), false)]).await.unwrap_err();
    assert_eq!(code(&error), "22021", "{error}");
    for (name, expected) in [("nonsense", "22023"), ("EUC_TW", "0A000")] {
        let error = client.batch_execute(&format!("SET client_encoding = '{name}'")).await.unwrap_err();
        assert_eq!(code(&error), expected, "{error}");
    }
    assert_eq!(one::<String>(&client, "SELECT pg_client_encoding()").await, "UTF8");
}

/// COPY goes in the client's encoding, or in the one that it names.
#[tokio::test(flavor = "multi_thread")]
async fn copy_is_in_the_clients_encoding() {
    let house = House::open().await;
    let client = house.client().await;
    client.batch_execute("CREATE TABLE goods (id int, name text)").await.unwrap();
    // The second byte of the third character is a backslash's.
    let lines = [b"1\t", GOODS, b"\n2\t\xd5\x5c\n"].concat();
    let put = async |sql: &str, data: &[u8]| {
        let sink = client.copy_in(sql).await.unwrap();
        pin_mut!(sink);
        // Cut within characters.
        for piece in data.chunks(3) {
            sink.send(Bytes::copy_from_slice(piece)).await?;
        }
        sink.finish().await
    };
    let get = async |sql: &str| -> Vec<u8> {
        let pieces: Vec<Bytes> = client.copy_out(sql).await.unwrap().try_collect().await.unwrap();
        pieces.concat()
    };
    assert_eq!(put("COPY goods FROM STDIN (ENCODING 'GBK')", &lines).await.unwrap(), 2);
    assert_eq!(get("COPY goods TO STDOUT").await, "1\t商品\n2\t誠\n".as_bytes());
    client.batch_execute("SET client_encoding = 'GBK'").await.unwrap();
    assert_eq!(get("COPY goods TO STDOUT").await, lines);
    assert_eq!(get("COPY goods TO STDOUT (ENCODING 'UTF8', FORMAT csv)").await, "1,商品\n2,誠\n".as_bytes());
    assert_eq!(put("COPY goods FROM STDIN", &lines).await.unwrap(), 2);
    let binary = get("COPY goods TO STDOUT (FORMAT binary)").await;
    assert_eq!(put("COPY goods FROM STDIN (FORMAT binary)", &binary).await.unwrap(), 4);
    let error = put("COPY goods FROM STDIN", b"1\ta\n2\t\xff\xff\n").await.unwrap_err();
    assert_eq!(code(&error), "22P05", "{error}");
    let place = error.as_db_error().and_then(|error| error.where_()).map(str::to_owned);
    assert_eq!(place.as_deref(), Some("COPY goods, line 2"));
    assert_eq!(raw(&client, "SELECT count(DISTINCT name)::text FROM goods").await, b"2");
}
