//! The whole door under a real client and a bare socket, over a backend that is made up.
//!
//! What could go wrong: a message out of order leaves a client waiting for ever; an error in the middle of a string or a
//! pipeline is followed by results that should not be; a cancelled or broken statement leaves the connection unusable;
//! a client that misbehaves takes others with it.

mod encrypted;
mod fake;
mod garbage;
mod socket;

use super::{Admission, listen, serve_as};
use crate::config::{CONNECTIONS_RESERVED, LOBBY_MAX};
use crate::error::Kind;
use bytes::Bytes;
use fake::{Fake, Log, PASSWORD};
use futures::{SinkExt, StreamExt, pin_mut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage};

/// Longer than any test should take.
const PATIENCE: Duration = Duration::from_secs(20);

struct Door {
    address: SocketAddr,
    log: Arc<Log>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<crate::error::Result<()>>,
}

async fn door(connections_max: usize) -> Door {
    door_with(Admission { connections_max, ..Admission::default() }).await
}

async fn door_with(admission: Admission) -> Door {
    let listener = listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let backend = Arc::new(Fake::default());
    let log = backend.log.clone();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(serve_as(
        backend,
        listener,
        async {
            let _ = stopped.await;
        },
        admission,
    ));
    Door { address, log, stop: Some(stop), served }
}

impl Door {
    fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.address.port()).user("ann").password(PASSWORD).dbname("shop");
        config
    }

    /// A client, and the notices it gets.
    async fn client(&self) -> (Client, mpsc::UnboundedReceiver<String>) {
        let (client, mut connection) = self.config().connect(NoTls).await.unwrap();
        let (sender, notices) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut messages = futures::stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notice(notice) = message {
                    let _ = sender.send(notice.message().to_owned());
                }
            }
        });
        (client, notices)
    }
}

fn code(error: &tokio_postgres::Error) -> &str {
    error.code().map(SqlState::code).unwrap_or("no code")
}

#[tokio::test(flavor = "multi_thread")]
async fn login_asks_for_the_right_password() {
    let door = door(8).await;
    let (client, _) = door.client().await;
    client.batch_execute("insert").await.unwrap();
    for (role, password, database, expected) in
        [("ann", "wrong", "shop", "28P01"), ("nobody", PASSWORD, "shop", "28P01"), ("ann", PASSWORD, "attic", "3D000")]
    {
        let mut config = door.config();
        config.user(role).password(password).dbname(database);
        let error = config.connect(NoTls).await.err().unwrap();
        assert_eq!(code(&error), expected, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn query_strings_are_one_implicit_transaction() {
    let door = door(8).await;
    let (client, _) = door.client().await;
    let messages = client.simple_query("rows 2; insert; rows 0").await.unwrap();
    let shown: Vec<String> = messages
        .iter()
        .map(|message| match message {
            SimpleQueryMessage::Row(row) => format!("{}|{}", row.get(0).unwrap(), row.get(1).unwrap()),
            SimpleQueryMessage::CommandComplete(count) => format!("done {count}"),
            _ => "columns".to_owned(),
        })
        .collect();
    assert_eq!(shown, ["columns", "0|row 0", "1|row 1", "done 2", "done 1", "columns", "done 0"]);
    assert_eq!(door.log.take(), ["begin 3", "insert", "commit"]);

    let error = client.simple_query("insert; fail; insert").await.unwrap_err();
    assert_eq!(code(&error), "23505");
    assert_eq!(door.log.take(), ["begin 3", "insert", "undo"]);

    let error = client.simple_query("rows 1; nonsense").await.unwrap_err();
    assert_eq!(code(&error), "42601");
    let position = error.as_db_error().unwrap().position().unwrap();
    assert_eq!(position, &tokio_postgres::error::ErrorPosition::Original(9));

    let error = client.simple_query("broken").await.unwrap_err();
    assert_eq!(code(&error), "22012");
    assert!(client.simple_query(" ; ").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_blocks_wait_for_rollback() {
    let door = door(8).await;
    let (client, _) = door.client().await;
    client.batch_execute("begin; insert").await.unwrap();
    assert_eq!(code(&client.batch_execute("fail").await.unwrap_err()), "23505");
    assert_eq!(code(&client.batch_execute("insert").await.unwrap_err()), "25P02");
    client.batch_execute("rollback").await.unwrap();
    client.batch_execute("insert").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_and_rows_go_in_binary() {
    let door = door(8).await;
    let (client, _) = door.client().await;
    let types = [Type::INT4, Type::TEXT, Type::FLOAT8, Type::BOOL, Type::BYTEA, Type::INT8_ARRAY, Type::TEXT];
    let statement = client.prepare_typed("echo", &types).await.unwrap();
    let array = vec![Some(1i64), None, Some(3)];
    let row = client
        .query_one(&statement, &[&7i32, &"x", &1.5f64, &true, &b"\x00\xff".to_vec(), &array, &None::<String>])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
    assert_eq!(row.get::<_, &str>(1), "x");
    assert_eq!(row.get::<_, f64>(2), 1.5);
    assert!(row.get::<_, bool>(3));
    assert_eq!(row.get::<_, &[u8]>(4), b"\x00\xff");
    assert_eq!(row.get::<_, Vec<Option<i64>>>(5), array);
    assert_eq!(row.get::<_, Option<String>>(6), None);

    // Types that the session infers.
    let statement = client.prepare("echo 23 1007").await.unwrap();
    assert_eq!(statement.params(), [Type::INT4, Type::INT4_ARRAY]);
    assert_eq!(client.query_one(&statement, &[&1i32, &vec![2i32]]).await.unwrap().get::<_, Vec<i32>>(1), [2]);

    assert_eq!(client.query("rows 2500", &[]).await.unwrap().len(), 2500);
    assert_eq!(client.execute("insert", &[]).await.unwrap(), 1);
    assert_eq!(code(&client.query("broken", &[]).await.unwrap_err()), "22012");
    assert_eq!(code(&client.prepare("rows 1; rows 2").await.unwrap_err()), "42601");
    assert!(client.query("", &[]).await.unwrap().is_empty());
    client.batch_execute("insert").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn portals_give_as_many_rows_as_asked() {
    let door = door(8).await;
    let (seen, last) = socket::fetch_in_steps(&door).await;
    assert_eq!(seen, [1500, 1500, 0]);
    assert_eq!(last, "SELECT 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_stops_what_runs_and_what_streams() {
    let door = door(8).await;
    let (client, _) = door.client().await;
    for statement in ["sleep", "polite", "forever"] {
        let token = client.cancel_token();
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            token.cancel_query(NoTls).await.unwrap();
        };
        let (result, ()) =
            timeout(PATIENCE, futures::future::join(client.simple_query(statement), cancel)).await.unwrap();
        assert_eq!(code(&result.unwrap_err()), "57014", "{statement}");
        assert_eq!(client.query("rows 3", &[]).await.unwrap().len(), 3);
    }
    assert!(door.log.take().contains(&"stopped politely".to_owned()));

    client.batch_execute("timeout 100").await.unwrap();
    let error = timeout(PATIENCE, client.query("forever", &[])).await.unwrap().unwrap_err();
    assert_eq!(error.as_db_error().unwrap().message(), "canceling statement due to statement timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_come_while_the_statement_runs() {
    let door = door(8).await;
    let (client, mut notices) = door.client().await;
    let running = tokio::spawn(async move { client.batch_execute("progress").await });
    assert_eq!(timeout(PATIENCE, notices.recv()).await.unwrap().unwrap(), "half way");
    assert!(!running.is_finished());
    door.log.bell.notify_one();
    timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_goes_both_ways() {
    let door = door(8).await;
    let (client, _) = door.client().await;
    let sink = client.copy_in::<_, Bytes>("copyin").await.unwrap();
    pin_mut!(sink);
    sink.send(Bytes::from_static(b"1\ta\n2\t")).await.unwrap();
    sink.send(Bytes::from_static(b"b\n")).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 2);
    assert!(door.log.take().contains(&"copied 8".to_owned()));

    let sink = client.copy_in::<_, Bytes>("copyin").await.unwrap();
    pin_mut!(sink);
    sink.send(Bytes::from_static(b"bad")).await.unwrap();
    assert_eq!(code(&sink.finish().await.unwrap_err()), "22P04");
    assert!(door.log.take().contains(&"copy failed".to_owned()));

    // Dropped before its end: the client says CopyFail.
    drop(client.copy_in::<_, Bytes>("copyin").await.unwrap());
    let pieces: Vec<Bytes> = client.copy_out("copyout").await.unwrap().map(|piece| piece.unwrap()).collect().await;
    assert_eq!(pieces, ["1\ta\n", "2\tb\n"]);
    client.batch_execute("insert").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bug_ends_its_own_connection_only() {
    let door = door(8).await;
    let (client, _) = door.client().await;
    let (other, _) = door.client().await;
    assert_eq!(code(&client.batch_execute("panic").await.unwrap_err()), "XX000");
    assert!(client.is_closed() || client.batch_execute("insert").await.is_err());
    other.batch_execute("insert").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted() {
    let door = door(1).await;
    let (client, _) = door.client().await;
    assert_eq!(code(&door.config().connect(NoTls).await.err().unwrap()), "53300");
    drop(client);
    let again = async {
        while door.config().connect(NoTls).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_places_are_for_superusers() {
    let door = door(CONNECTIONS_RESERVED + 1).await;
    let bob = || door.config().user("bob").clone();
    let (first, connection) = bob().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let refused = bob().connect(NoTls).await.err().unwrap();
    assert_eq!(code(&refused), "53300");
    assert!(refused.as_db_error().unwrap().message().contains("SUPERUSER"), "{refused}");
    for _ in 0..CONNECTIONS_RESERVED {
        std::mem::forget(door.client().await);
    }
    let refused = door.config().connect(NoTls).await.err().unwrap();
    assert_eq!(refused.as_db_error().unwrap().message(), "sorry, too many clients already");
    first.batch_execute("insert").await.unwrap();
}

/// Those who are connected and say nothing, or say who they want to be and no more, keep nobody out.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_log_in_takes_no_place() {
    let door = door(8).await;
    let mut idle = Vec::new();
    for n in 0..LOBBY_MAX + 40 {
        idle.push(socket::stranger(&door, n % 2 == 0).await);
    }
    let (client, _) = door.client().await;
    client.batch_execute("insert").await.unwrap();
    // Who was shown out has heard why.
    assert!(timeout(PATIENCE, idle.remove(1).farewell()).await.unwrap().contains("53300"));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_statements_end() {
    let mut door = door(8).await;
    let (idle, _) = door.client().await;
    let (busy, mut notices) = door.client().await;
    let running = tokio::spawn(async move { busy.batch_execute("progress").await });
    timeout(PATIENCE, notices.recv()).await.unwrap();
    door.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(idle.batch_execute("insert").await.is_err());
    door.log.bell.notify_one();
    timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
    timeout(PATIENCE, door.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let taken = listen("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = listen(&address).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InUse);
    assert!(error.message().contains(&address));
    assert_eq!(listen("no address").await.unwrap_err().kind(), Kind::Configuration);
}
