//! What connections have of each other: notifications, locks, the news of what they do, and nothing of temporary tables.

use super::{House, code, one, texts};
use futures::StreamExt;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// Messages of channels as they come: `channel=payload`, and whether its own connection sent it.
async fn listener(house: &House) -> (Client, mpsc::UnboundedReceiver<(String, i32)>) {
    let (client, mut connection) = house.config().connect(NoTls).await.unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = futures::stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(told) = message {
                let _ = sender.send((format!("{}={}", told.channel(), told.payload()), told.process_id()));
            }
        }
    });
    (client, receiver)
}

/// What is said in a transaction is heard once, in order, when it is committed, and not when it is rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn notifications_come_with_the_commit() {
    let house = House::open().await;
    let (a, mut heard) = listener(&house).await;
    let (b, mut own) = listener(&house).await;
    a.batch_execute("LISTEN news; LISTEN \"Other\"; LISTEN news").await.unwrap();
    b.batch_execute("LISTEN news").await.unwrap();
    b.batch_execute("BEGIN; NOTIFY news, 'lost'; ROLLBACK").await.unwrap();
    b.batch_execute(
        "BEGIN; NOTIFY news, 'one'; NOTIFY other, 'nobody'; SAVEPOINT s; NOTIFY news, 'undone'; ROLLBACK TO s",
    )
    .await
    .unwrap();
    b.batch_execute("NOTIFY news, 'two'; NOTIFY news, 'one'; SELECT pg_notify('Other', 'three'); COMMIT")
        .await
        .unwrap();
    let mut pids = Vec::new();
    for expected in ["news=one", "news=two", "Other=three"] {
        let (told, pid) = heard.recv().await.unwrap();
        assert_eq!(told, expected);
        pids.push(pid);
    }
    // The sender hears itself, under the number of its own connection.
    for expected in ["news=one", "news=two"] {
        let (told, pid) = own.recv().await.unwrap();
        assert_eq!((told.as_str(), pid), (expected, pids[0]));
    }
    // Prepared statements tell as well, and so does one that fails afterwards not.
    a.execute("SELECT pg_notify($1, $2)", &[&"news", &"four"]).await.unwrap();
    assert!(b.batch_execute("NOTIFY news, 'never'; SELECT 1 / 0").await.is_err());
    b.batch_execute("NOTIFY news").await.unwrap();
    assert_eq!(heard.recv().await.unwrap().0, "news=four");
    assert_eq!(heard.recv().await.unwrap().0, "news=");
    // In a block it waits for the end.
    a.batch_execute("BEGIN").await.unwrap();
    b.batch_execute("NOTIFY news, 'later'").await.unwrap();
    a.batch_execute("SELECT 1").await.unwrap();
    assert!(heard.try_recv().is_err());
    a.batch_execute("COMMIT").await.unwrap();
    assert_eq!(heard.recv().await.unwrap().0, "news=later");
    // Who has stopped listening hears nothing more.
    a.batch_execute("UNLISTEN news").await.unwrap();
    b.batch_execute("NOTIFY news, 'gone'; NOTIFY \"Other\", 'still'").await.unwrap();
    assert_eq!(heard.recv().await.unwrap().0, "Other=still");
    let long = "x".repeat(8000);
    let error = b.batch_execute(&format!("NOTIFY news, '{long}'")).await.unwrap_err();
    assert_eq!(code(&error), "22023");
    b.batch_execute(&format!("NOTIFY \"Other\", '{}'", &long[1..])).await.unwrap();
    assert_eq!(heard.recv().await.unwrap().0.len(), "Other=".len() + 7999);
}

/// A temporary table is its connection's, and gone with it.
#[tokio::test(flavor = "multi_thread")]
async fn temporary_tables_go_with_their_connection() {
    let house = House::open().await;
    let (a, b) = (house.client().await, house.client().await);
    a.batch_execute("CREATE TEMP TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)").await.unwrap();
    assert_eq!(a.query_one("SELECT count(*) FROM t WHERE id = $1", &[&1i32]).await.unwrap().get::<_, i64>(0), 1);
    let error = b.batch_execute("SELECT * FROM t").await.unwrap_err();
    assert_eq!(code(&error), "42P01");
    let schemas = "SELECT count(*) FROM steward.commits";
    let before: i64 = b.query_one(schemas, &[]).await.unwrap().get(0);
    drop(a);
    // The end of the connection is a commit of its own.
    while b.query_one(schemas, &[]).await.unwrap().get::<_, i64>(0) == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Who may see what others do sees it, and can stop it; others can neither.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_told_and_stopped() {
    let house = House::open().await;
    let (owner, busy) = (house.client().await, house.client().await);
    let busy_pid: i32 = one(&busy, "SELECT pg_backend_pid()").await;
    let owner_pid: i32 = one(&owner, "SELECT pg_backend_pid()").await;
    assert_ne!(busy_pid, owner_pid);
    owner.batch_execute("CREATE ROLE ann LOGIN PASSWORD 'Vessel-41-quiet'").await.unwrap();
    let ann = house.config().user("ann").password("Vessel-41-quiet").connect(NoTls).await.unwrap();
    let (ann, _connection) = (ann.0, tokio::spawn(ann.1));
    busy.batch_execute("SET application_name = 'loader'; BEGIN; SELECT 'a secret' AS told").await.unwrap();
    let told = format!("SELECT application_name, state, query FROM pg_stat_activity WHERE pid = {busy_pid}");
    let rows = texts(&owner, &told).await;
    let shown = ["loader", "idle in transaction", "SELECT 'a secret' AS told"].map(|text| Some(text.to_owned()));
    assert_eq!(rows, [shown]);
    let rows = texts(&ann, &told).await;
    assert_eq!(rows[0][1..], [None, Some("<insufficient privilege>".to_owned())]);
    for function in ["pg_cancel_backend", "pg_terminate_backend"] {
        let error = ann.simple_query(&format!("SELECT {function}({busy_pid})")).await.unwrap_err();
        assert_eq!(code(&error), "42501");
    }
    // Nobody's number is a warning and false.
    assert!(!one::<bool>(&owner, "SELECT pg_cancel_backend(0)").await);

    let long = tokio::spawn(async move {
        let cancelled = busy.batch_execute("SELECT count(*) FROM generate_series(1, 100000000000)").await.unwrap_err();
        (busy, cancelled)
    });
    let running = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {busy_pid} AND state = 'active'");
    while one::<i64>(&owner, &running).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(one::<bool>(&owner, &format!("SELECT pg_cancel_backend({busy_pid})")).await);
    let (busy, cancelled) = long.await.unwrap();
    assert_eq!(code(&cancelled), "57014");

    assert!(one::<bool>(&owner, &format!("SELECT pg_terminate_backend({busy_pid})")).await);
    let gone = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {busy_pid}");
    while one::<i64>(&owner, &gone).await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(busy.batch_execute("SELECT 1").await.is_err());
}

/// An advisory lock excludes other sessions until it is given back, or its session ends.
#[tokio::test(flavor = "multi_thread")]
async fn advisory_locks_exclude_sessions() {
    let house = House::open().await;
    let (a, b) = (house.client().await, house.client().await);
    a.batch_execute("SELECT pg_advisory_lock(41); BEGIN; SELECT pg_advisory_xact_lock(42)").await.unwrap();
    let try_both = "SELECT pg_try_advisory_lock(41)::int + 2 * pg_try_advisory_xact_lock(42)::int";
    assert_eq!(one::<i32>(&b, try_both).await, 0);
    a.batch_execute("COMMIT").await.unwrap();
    assert_eq!(one::<i32>(&b, try_both).await, 2);
    let waits = tokio::spawn(async move {
        b.batch_execute("SELECT pg_advisory_lock($$41$$::bigint)").await.unwrap();
        b
    });
    // A rollback is none of its business; the end of its session is.
    a.batch_execute("BEGIN; ROLLBACK").await.unwrap();
    drop(a);
    let b = waits.await.unwrap();
    let c = house.client().await;
    c.batch_execute("SET lock_timeout = 20").await.unwrap();
    let error = c.simple_query("SELECT pg_advisory_lock(41)").await.unwrap_err();
    assert_eq!(code(&error), "55P03");
    assert!(one::<bool>(&b, "SELECT pg_advisory_unlock(41)").await);
    assert!(one::<bool>(&c, "SELECT pg_try_advisory_lock(41)").await);
}

/// Tables that change places do so while others commit.
#[tokio::test(flavor = "multi_thread")]
async fn names_change_hands_while_others_commit() {
    let house = House::open().await;
    let (a, b) = (house.client().await, house.client().await);
    a.batch_execute("CREATE TABLE facts AS SELECT 1 AS n; CREATE TABLE log (n int)").await.unwrap();
    for round in 2..5 {
        a.batch_execute(&format!("BEGIN; CREATE TABLE facts_new AS SELECT {round} AS n")).await.unwrap();
        b.batch_execute("INSERT INTO log VALUES (1)").await.unwrap();
        a.batch_execute("ALTER TABLE facts RENAME TO facts_old; ALTER TABLE facts_new RENAME TO facts").await.unwrap();
        b.batch_execute("INSERT INTO log VALUES (2)").await.unwrap();
        a.batch_execute("COMMIT; DROP TABLE facts_old").await.unwrap();
        assert_eq!(one::<i32>(&b, "SELECT n FROM facts").await, round);
    }
}

/// COMMIT and ROLLBACK within a string end what came before them there, and AND CHAIN begins the next block.
#[tokio::test(flavor = "multi_thread")]
async fn a_string_is_committed_where_it_says_so() {
    let house = House::open().await;
    let client = house.client().await;
    client.batch_execute("CREATE TABLE said (n int)").await.unwrap();
    let all = "SELECT n FROM said ORDER BY n";
    let seen = async || texts(&client, all).await.into_iter().flatten().flatten().collect::<Vec<_>>().join(" ");
    let string = "INSERT INTO said VALUES (1); COMMIT; INSERT INTO said VALUES (2); SELECT 1 / 0";
    assert_eq!(code(&client.batch_execute(string).await.unwrap_err()), "22012");
    assert_eq!(seen().await, "1");
    client.batch_execute("INSERT INTO said VALUES (3); ROLLBACK; INSERT INTO said VALUES (4)").await.unwrap();
    assert_eq!(seen().await, "1 4");
    client.batch_execute("INSERT INTO said VALUES (5); BEGIN; INSERT INTO said VALUES (6)").await.unwrap();
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(seen().await, "1 4");

    client
        .batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO said VALUES (7); COMMIT AND CHAIN")
        .await
        .unwrap();
    assert_eq!(texts(&client, "SHOW transaction_isolation").await[0][0].as_deref(), Some("serializable"));
    client.batch_execute("INSERT INTO said VALUES (8); ROLLBACK AND CHAIN").await.unwrap();
    client.batch_execute("INSERT INTO said VALUES (9); ROLLBACK").await.unwrap();
    assert_eq!(seen().await, "1 4 7");
    for alone in ["COMMIT AND CHAIN", "ROLLBACK AND CHAIN"] {
        assert_eq!(code(&client.batch_execute(alone).await.unwrap_err()), "25P01");
    }
}
