//! A real client over a real socket: what PostgreSQL's drivers rely on.
//!
//! What could go wrong: a login that lets anybody in or says too much, a prepared statement whose types are not what the
//! driver sends, COPY that loses its last line, a cancel that does not reach the statement, an error without its code or
//! place, notices that arrive when the work is long done, one connection that sees what another has not committed.
//! Promised is what PostgreSQL does in each case. `.slt` files compare answers; here is the conversation around them.

#[path = "wire/audit.rs"]
mod audit;
#[path = "common/bert.rs"]
mod bert;
#[path = "wire/between.rs"]
mod between;
#[path = "wire/charsets.rs"]
mod charsets;
#[path = "wire/encoders.rs"]
mod encoders;
#[path = "wire/errors.rs"]
mod errors;
#[path = "wire/forms.rs"]
mod forms;
#[path = "wire/jobs.rs"]
mod jobs;
#[path = "wire/remote.rs"]
mod remote;
#[path = "wire/training.rs"]
mod training;

use bytes::Bytes;
use futures::{SinkExt, StreamExt, TryStreamExt};
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stewarddb::{Birth, Database, KeySource, MasterKey, server};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage};

const PASSWORD: &str = "right horse, wrong battery";

/// A server that goes with the test, in the order in which things must go.
struct House {
    server: JoinHandle<()>,
    port: u16,
    database: Database,
    _folder: tempfile::TempDir,
}

impl House {
    async fn open() -> Self {
        Self::open_with(server::Admission::default()).await
    }

    /// One that encrypts, if it is asked to.
    async fn open_encrypted(certificate: &std::path::Path, key: &std::path::Path) -> Self {
        let files =
            server::TlsFiles { certificate: certificate.to_owned(), key: key.to_owned(), client_authorities: None };
        Self::open_with(server::Admission::load(Some(&files), None, false).unwrap()).await
    }

    async fn open_with(admission: server::Admission) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::generate().unwrap());
        let birth =
            Birth { database: "shop".to_owned(), user: "owner".to_owned(), password: Some(PASSWORD.to_owned()) };
        let database = Database::open_or_create(folder.path().join("data"), &key, &birth).unwrap();
        let listener = server::listen("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let backend = Arc::new(database.clone());
        let server = tokio::spawn(async move {
            server::serve_as(backend, listener, std::future::pending(), admission).await.unwrap()
        });
        Self { server, port, database, _folder: folder }
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("owner").dbname("shop").password(PASSWORD);
        config
    }

    async fn client(&self) -> Client {
        let (client, connection) = self.config().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// A client whose notices come out of a channel, with the time of their arrival.
    async fn client_with_notices(&self) -> (Client, mpsc::UnboundedReceiver<(Instant, String)>) {
        let (client, mut connection) = self.config().connect(NoTls).await.unwrap();
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut messages = futures::stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notice(notice) = message {
                    let _ = sender.send((Instant::now(), format!("{}: {}", notice.severity(), notice.message())));
                }
            }
        });
        (client, receiver)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn code(error: &tokio_postgres::Error) -> &str {
    error.code().unwrap_or_else(|| panic!("no SQLSTATE in {error:?}")).code()
}

async fn texts(client: &Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|n| row.get(n).map(str::to_owned)).collect()),
        _ => None,
    });
    rows.collect()
}

async fn one<T: for<'a> FromSql<'a>>(client: &Client, sql: &str) -> T {
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_password_opens_only_the_right_database() {
    let house = House::open().await;
    let client = house.client().await;
    assert_eq!(one::<i32>(&client, "SELECT 1::int4").await, 1);
    assert_eq!(one::<String>(&client, "SELECT current_user::text").await, "owner");
    assert_eq!(one::<String>(&client, "SELECT current_database()::text").await, "shop");

    let refused = |config: Config| async move { config.connect(NoTls).await.err().expect("a login that must fail") };
    let wrong = refused(house.config().password("wrong").clone()).await;
    assert_eq!(code(&wrong), "28P01");
    // A role that is not there cannot be told from a wrong password.
    let nobody = refused(house.config().user("nobody").clone()).await;
    assert_eq!(code(&nobody), "28P01");
    let told = |error: &tokio_postgres::Error| error.as_db_error().unwrap().message().replace("nobody", "owner");
    assert_eq!(told(&wrong), told(&nobody));
    assert_eq!(code(&refused(house.config().dbname("attic").clone()).await), "3D000");

    client.batch_execute("CREATE ROLE reader").await.unwrap();
    assert_eq!(code(&refused(house.config().user("reader").clone()).await), "28P01", "without LOGIN");
    client.batch_execute("ALTER ROLE reader WITH LOGIN PASSWORD 'lies mich'").await.unwrap();
    let (reader, connection) = house.config().user("reader").password("lies mich").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(one::<String>(&reader, "SELECT current_user::text").await, "reader");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_come_whole_or_prepared() {
    let house = House::open().await;
    let client = house.client().await;
    client
        .batch_execute(
            "CREATE TABLE goods (id int PRIMARY KEY, title text, price numeric(8,2), weight float8, sold bigint, fresh boolean, at timestamp);
             INSERT INTO goods VALUES (1, '保温杯', 19.90, 0.25, 3000000000, true, '2026-02-28 10:15:00'), (2, NULL, NULL, NULL, NULL, NULL, NULL)",
        )
        .await
        .unwrap();
    let rows = texts(&client, "SELECT id, title, price, weight, sold, fresh, at FROM goods ORDER BY id").await;
    let shown: Vec<_> = rows[0].iter().map(|cell| cell.as_deref().unwrap()).collect();
    assert_eq!(shown, ["1", "保温杯", "19.90", "0.25", "3000000000", "t", "2026-02-28 10:15:00"]);
    assert!(rows[1][1..].iter().all(Option::is_none));

    let statement = client.prepare("SELECT title, weight, sold, fresh FROM goods WHERE id = $1").await.unwrap();
    assert_eq!(statement.params(), [Type::INT4]);
    let types: Vec<_> = statement.columns().iter().map(|column| column.type_().clone()).collect();
    assert_eq!(types, [Type::TEXT, Type::FLOAT8, Type::INT8, Type::BOOL]);
    // One statement, many times, with different values; binary both ways.
    let row = client.query_one(&statement, &[&1i32]).await.unwrap();
    let values: (&str, f64, i64, bool) = (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!(values, ("保温杯", 0.25, 3_000_000_000, true));
    let row = client.query_one(&statement, &[&2i32]).await.unwrap();
    assert_eq!(row.get::<_, Option<&str>>(0), None);
    assert!(client.query(&statement, &[&3i32]).await.unwrap().is_empty());

    let insert = "INSERT INTO goods (id, title, weight, fresh) VALUES ($1, $2, $3, $4)";
    for n in 10..20i32 {
        let title = (n != 15).then(|| format!("it's no. {n}; DROP TABLE goods"));
        assert_eq!(client.execute(insert, &[&n, &title, &f64::from(n), &(n % 2 == 0)]).await.unwrap(), 1);
    }
    let changed =
        client.execute("UPDATE goods SET weight = weight * $1 WHERE title LIKE $2", &[&2.0f64, &"it's%"]).await;
    assert_eq!(changed.unwrap(), 9);
    let sum: f64 = client.query_one("SELECT sum(weight) FROM goods WHERE id >= $1", &[&10i32]).await.unwrap().get(0);
    assert_eq!(sum, 2.0 * (145.0 - 15.0) + 15.0);
    assert_eq!(client.execute("DELETE FROM goods WHERE id = $1", &[&15i32]).await.unwrap(), 1);
    assert_eq!(one::<i64>(&client, "SELECT count(*) FROM goods").await, 11);
    let error = client.query("SELECT id FROM goods WHERE title = $1 AND nope", &[&"x"]).await.unwrap_err();
    assert_eq!(code(&error), "42703");
    assert_eq!(one::<i32>(&client, "SELECT 1::int4").await, 1, "an error leaves the connection whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_goes_in_and_out() {
    let house = House::open().await;
    let client = house.client().await;
    client.batch_execute("CREATE TABLE lines (id int PRIMARY KEY, word text, price numeric(8,2))").await.unwrap();

    // Pieces that end anywhere, a last line without its end, quotes, an empty and an absent value.
    let csv = "id,word,price\n1,\"a, \"\"b\"\"\",1.50\n2,雪,\n3,\"\",2\n4,,3";
    let sink = client.copy_in("COPY lines FROM STDIN WITH (FORMAT csv, HEADER true)").await.unwrap();
    futures::pin_mut!(sink);
    for piece in csv.as_bytes().chunks(5) {
        sink.send(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(sink.finish().await.unwrap(), 4);
    let rows = texts(&client, "SELECT word, price FROM lines ORDER BY id").await;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        rows,
        [[some("a, \"b\""), some("1.50")], [some("雪"), None], [some(""), some("2.00")], [None, some("3.00")]]
    );

    let whole = async |sql: &str| {
        let pieces: Vec<Bytes> = client.copy_out(sql).await.unwrap().try_collect().await.unwrap();
        String::from_utf8(pieces.concat()).unwrap()
    };
    assert_eq!(whole("COPY lines TO STDOUT").await, "1\ta, \"b\"\t1.50\n2\t雪\t\\N\n3\t\t2.00\n4\t\\N\t3.00\n");
    let expected = "id,word\n4,\n3,\"\"\n";
    assert_eq!(
        whole("COPY (SELECT id, word FROM lines WHERE id > 2 ORDER BY id DESC) TO STDOUT (FORMAT csv, HEADER)").await,
        expected
    );

    // A line that cannot be read undoes them all, and says where it stands.
    let sink = client.copy_in("COPY lines FROM STDIN (FORMAT csv)").await.unwrap();
    futures::pin_mut!(sink);
    sink.send(Bytes::from_static(b"5,x,1\nsix,y,2\n")).await.unwrap();
    let error = sink.finish().await.unwrap_err();
    assert_eq!(code(&error), "22P02");
    let told = error.as_db_error().unwrap();
    let place = format!("{:?} {:?}", told.where_(), told.detail());
    assert!(place.contains("line 2") && place.contains("column id"), "{place}");
    // A client that gives up, too.
    {
        let sink = client.copy_in::<_, Bytes>("COPY lines FROM STDIN (FORMAT csv)").await.unwrap();
        futures::pin_mut!(sink);
        sink.send(Bytes::from_static(b"7,x,1\n")).await.unwrap();
    }
    assert_eq!(one::<i64>(&client, "SELECT count(*) FROM lines").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_can_be_cancelled() {
    let house = House::open().await;
    let client = house.client().await;
    let token = client.cancel_token();
    let begun = Instant::now();
    let slow = "SELECT count(*) FROM generate_series(1, 3000000) a(value), generate_series(1, 100000) b(value) WHERE a.value % 7 = b.value % 5";
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel_query(NoTls).await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.simple_query(slow), cancel);
    assert_eq!(code(&answer.unwrap_err()), "57014");
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    assert_eq!(one::<i32>(&client, "SELECT 1::int4").await, 1, "the connection stays");

    client.batch_execute("SET statement_timeout = '200ms'").await.unwrap();
    // The second joins hundreds of billions of pairs and gives no row at all on the way.
    let barren =
        "SELECT count(*) FROM generate_series(1, 1000000) a(v), generate_series(1, 1000000) b(v) WHERE a.v * b.v < 0";
    for slow in [slow, barren] {
        assert_eq!(code(&client.simple_query(slow).await.unwrap_err()), "57014");
    }
    client.batch_execute("SET statement_timeout = 0").await.unwrap();
    assert_eq!(one::<i32>(&client, "SELECT 1::int4").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_their_code_and_place() {
    let house = House::open().await;
    let client = house.client().await;
    client
        .batch_execute("CREATE TABLE t (id int PRIMARY KEY, word text NOT NULL); INSERT INTO t VALUES (1, 'x')")
        .await
        .unwrap();
    // Each with the 1-based character that PostgreSQL points at, where it points at one.
    let cases = [
        ("SELEC 1", "42601", Some(1)),
        ("SELECT * FROM nowhere", "42P01", Some(15)),
        ("SELECT word, nope FROM t", "42703", Some(14)),
        ("SELECT '雪', nope FROM t", "42703", Some(13)),
        ("SELECT frobnicate(1)", "42883", Some(8)),
        ("SELECT id + true FROM t", "42883", Some(11)),
        ("SELECT 'x'::int", "22P02", Some(8)),
        ("SELECT 1 / 0", "22012", None),
        ("SELECT id / (id - 1) FROM t", "22012", None),
        ("INSERT INTO t VALUES (2, NULL)", "23502", None),
        ("INSERT INTO t VALUES (1, 'y')", "23505", None),
        ("CREATE TABLE t (id int)", "42P07", None),
        ("SELECT word, count(*) FROM t", "42803", Some(8)),
        ("CALL x()", "0A000", None),
        ("DROP ROLE nobody", "42704", None),
    ];
    for (sql, expected, place) in cases {
        let Err(error) = client.simple_query(sql).await else { panic!("{sql}: no error") };
        assert_eq!(code(&error), expected, "{sql}: {error:?}");
        if let Some(place) = place {
            let told = error.as_db_error().unwrap().position();
            assert_eq!(told, Some(&ErrorPosition::Original(place)), "{sql}: {error:?}");
        }
    }
    // Which column of which relation a result shows.
    let oid: u32 = client.query_one("SELECT 't'::regclass::oid", &[]).await.unwrap().get(0);
    let shown = client.prepare("SELECT s.word AS w, s.id + 1, x.* FROM t s JOIN t x ON x.id = s.id").await.unwrap();
    let origins: Vec<_> = shown.columns().iter().map(|column| (column.table_oid(), column.column_id())).collect();
    assert_eq!(origins, [(Some(oid), Some(2)), (None, None), (Some(oid), Some(1)), (Some(oid), Some(2))]);

    // What a program needs to know which rule was broken.
    client
        .batch_execute("CREATE TABLE u (n int CONSTRAINT positive CHECK (n > 0), t int CONSTRAINT of_t REFERENCES t)")
        .await
        .unwrap();
    for (sql, table, column, constraint) in [
        ("INSERT INTO t VALUES (2, NULL)", "t", Some("word"), None),
        ("INSERT INTO t VALUES (1, 'y')", "t", None, Some("t_pkey")),
        ("INSERT INTO u VALUES (0, 1)", "u", None, Some("positive")),
        ("INSERT INTO u VALUES (1, 2)", "u", None, Some("of_t")),
    ] {
        let error = client.simple_query(sql).await.unwrap_err();
        let told = error.as_db_error().unwrap();
        let about = (told.schema(), told.table(), told.column(), told.constraint());
        assert_eq!(about, (Some("public"), Some(table), column, constraint), "{sql}");
    }
    client.batch_execute("CREATE ROLE visitor; SET ROLE visitor").await.unwrap();
    assert_eq!(code(&client.simple_query("SELECT * FROM t").await.unwrap_err()), "42501");
    client.batch_execute("RESET ROLE").await.unwrap();

    // In a block: broken until it ends, then as before.
    client.batch_execute("BEGIN; INSERT INTO t VALUES (3, 'in the block')").await.unwrap();
    assert_eq!(code(&client.simple_query("SELECT 1 / 0").await.unwrap_err()), "22012");
    assert_eq!(code(&client.simple_query("SELECT 1::int4").await.unwrap_err()), "25P02");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(one::<i64>(&client, "SELECT count(*) FROM t").await, 1);
    // A string of statements is one transaction: the third undoes the first.
    let several = "INSERT INTO t VALUES (4, 'a'); SELECT 1; INSERT INTO t VALUES (1, 'b')";
    assert_eq!(client.simple_query(several).await.unwrap_err().code(), Some(&SqlState::UNIQUE_VIOLATION));
    assert_eq!(one::<i64>(&client, "SELECT count(*) FROM t").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_see_what_others_committed_and_nothing_else() {
    let house = House::open().await;
    let (one_client, other) = (house.client().await, house.client().await);
    one_client
        .batch_execute("CREATE TABLE stock (sku text PRIMARY KEY, n int); INSERT INTO stock VALUES ('a', 5), ('b', 5)")
        .await
        .unwrap();
    let count = "SELECT count(*) FROM stock";
    assert_eq!(one::<i64>(&other, count).await, 2);

    one_client.batch_execute("BEGIN; INSERT INTO stock VALUES ('c', 1)").await.unwrap();
    assert_eq!(one::<i64>(&one_client, count).await, 3);
    assert_eq!(one::<i64>(&other, count).await, 2, "not before the commit");
    one_client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(one::<i64>(&other, count).await, 3);

    // At REPEATABLE READ what another changed since is 40001; the transaction runs again.
    one_client.batch_execute("BEGIN; UPDATE stock SET n = n - 1 WHERE sku = 'a'").await.unwrap();
    other.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT n FROM stock").await.unwrap();
    one_client.batch_execute("COMMIT").await.unwrap();
    let error = other.batch_execute("UPDATE stock SET n = n - 2 WHERE sku = 'a'").await.unwrap_err();
    assert_eq!(code(&error), "40001", "{error:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    other.batch_execute("BEGIN; UPDATE stock SET n = n - 2 WHERE sku = 'a'; COMMIT").await.unwrap();
    assert_eq!(one::<i32>(&one_client, "SELECT n FROM stock WHERE sku = 'a'").await, 2);
    // Changes of different rows get along.
    one_client.batch_execute("BEGIN; UPDATE stock SET n = 10 WHERE sku = 'a'").await.unwrap();
    other.batch_execute("UPDATE stock SET n = 20 WHERE sku = 'b'").await.unwrap();
    one_client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(one::<i64>(&other, "SELECT sum(n) FROM stock WHERE sku IN ('a', 'b')").await, 30);

    // An open block that its client leaves is undone; the library sees what the wire wrote.
    one_client.batch_execute("BEGIN; DELETE FROM stock").await.unwrap();
    drop(one_client);
    let mut session = house.database.session("owner").unwrap();
    let rows = session.query(count).await.unwrap();
    assert_eq!(stewarddb::cell_text(rows[0].column(0), 0).as_deref(), Some("3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_idles_in_a_transaction_loses_it() {
    let house = House::open().await;
    let (idler, other) = (house.client().await, house.client().await);
    idler
        .batch_execute("CREATE TABLE seats (n int PRIMARY KEY, taken bool); INSERT INTO seats VALUES (1, false)")
        .await
        .unwrap();
    idler.batch_execute("SET idle_in_transaction_session_timeout = '300ms'").await.unwrap();
    assert_eq!(texts(&idler, "SHOW idle_in_transaction_session_timeout").await[0][0].as_deref(), Some("300ms"));
    // Outside of a block it may rest.
    tokio::time::sleep(Duration::from_millis(600)).await;
    idler.batch_execute("BEGIN; UPDATE seats SET taken = true").await.unwrap();
    // The other one waits for the lock, and gets it when the idler is gone.
    let update = other.batch_execute("UPDATE seats SET taken = false, n = 2");
    tokio::time::timeout(Duration::from_secs(20), update).await.expect("the lock is free").unwrap();
    assert_eq!(texts(&other, "SELECT n, taken FROM seats").await, [[Some("2".to_owned()), Some("f".to_owned())]]);
    assert!(idler.is_closed());

    // Each of the two has its code; a failed block counts as a block.
    for (setting, before, expected) in [
        ("idle_in_transaction_session_timeout", "BEGIN", "25P03"),
        ("idle_in_transaction_session_timeout", "BEGIN; SELECT 1/0", "25P03"),
        ("idle_session_timeout", "SELECT 1", "57P05"),
    ] {
        let (client, mut connection) = house.config().connect(NoTls).await.unwrap();
        let told = tokio::spawn(async move { std::future::poll_fn(|context| connection.poll_message(context)).await });
        client.batch_execute(&format!("SET {setting} = 200")).await.unwrap();
        // Of the whole string only the last matters, and it may fail.
        let _ = client.simple_query(before).await;
        let told = tokio::time::timeout(Duration::from_secs(20), told).await.expect("an end").unwrap();
        assert_eq!(code(&told.unwrap().unwrap_err()), expected, "{before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_say_nothing_keep_nobody_out() {
    let house = House::open().await;
    let mut strangers = Vec::new();
    for _ in 0..300 {
        strangers.push(tokio::net::TcpStream::connect(("127.0.0.1", house.port)).await.unwrap());
    }
    let client = tokio::time::timeout(Duration::from_secs(20), house.client()).await.expect("a login");
    assert_eq!(one::<i32>(&client, "SELECT 1::int4").await, 1);
}

/// The log of the program itself: who comes and goes, what fails with which code, and no word of what was said.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_codes_and_no_values() {
    let folder = tempfile::tempdir().unwrap();
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, PASSWORD).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_steward"))
        .args(["serve", "--log", "debug", "--listen", "127.0.0.1:0", "--user", "owner", "--database", "shop"])
        .arg("--data")
        .arg(folder.path().join("data"))
        .arg("--password-file")
        .arg(&password_file)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = loop {
        let line = said.next().expect("an address").unwrap();
        if let Some((_, rest)) = line.split_once("127.0.0.1:") {
            break rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u16>().unwrap();
        }
    };
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user("owner").dbname("shop").password(PASSWORD);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("CREATE TABLE people (name text PRIMARY KEY, age int)").await.unwrap();
    client.batch_execute("INSERT INTO people VALUES ('Ottoline Zwingli', 77)").await.unwrap();
    for (sql, expected) in [
        ("INSERT INTO people VALUES ('Ottoline Zwingli', 78)", "23505"),
        ("SELECT name::int FROM people", "22P02"),
        ("SELECT Zwingli FROM people", "42703"),
        ("Zwingli", "42601"),
    ] {
        assert_eq!(code(&client.batch_execute(sql).await.unwrap_err()), expected);
    }
    let statement = client.prepare("SELECT * FROM people WHERE name = $1").await.unwrap();
    assert_eq!(client.query(&statement, &[&"Ottoline Zwingli"]).await.unwrap().len(), 1);
    config.user("no\nbody").password("an Ottoline of a password").connect(NoTls).await.err().unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let _ = Command::new("kill").arg(server.id().to_string()).status();
    let log = String::from_utf8(server.wait_with_output().unwrap().stderr).unwrap();
    for expected in [
        "the server begins",
        "logged in",
        "the connection ended",
        "28P01",
        "23505",
        "22P02",
        "42703",
        "42601",
        "the server has ended",
    ] {
        assert!(log.contains(expected), "no {expected:?} in\n{log}");
    }
    assert!(
        log.lines().any(|line| line.contains("a login was refused") && line.contains(r#"role="no\nbody""#)),
        "{log}"
    );
    for secret in ["Ottoline", "Zwingli", "people", PASSWORD] {
        assert!(!log.contains(secret), "{secret:?} in\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_have_the_types_that_are_declared() {
    let house = House::open().await;
    let client = house.client().await;
    client
        .batch_execute(
            "CREATE TABLE seen (n int PRIMARY KEY, at timestamptz, word varchar(8));
             INSERT INTO seen VALUES (1, now(), 'new'), (2, now() - interval '2 days', 'old')",
        )
        .await
        .unwrap();
    let recent = "SELECT n FROM seen WHERE at > now() - $1";
    let recent = client.prepare_typed(recent, &[Type::INTERVAL]).await;
    assert_eq!(recent.unwrap().params(), [Type::INTERVAL]);
    // What no type is declared for is what PostgreSQL finds: here a moment, which no moment is later than by an interval.
    let error = client.prepare("SELECT n FROM seen WHERE at > now() - $1").await.unwrap_err();
    assert_eq!(code(&error), "42883");

    let statement = client.prepare_typed("SELECT $1 + 1, n FROM seen WHERE n = $2", &[Type::INT2, Type::INT8]).await;
    let statement = statement.unwrap();
    assert_eq!(statement.params(), [Type::INT2, Type::INT8]);
    let row = client.query_one(&statement, &[&4i16, &2i64]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, i32>(1)), (5, 2));

    let limited =
        client.prepare_typed("SELECT n FROM seen ORDER BY n LIMIT $1 OFFSET $2", &[Type::INT4]).await.unwrap();
    assert_eq!(limited.params(), [Type::INT4, Type::INT8]);
    assert_eq!(client.query_one(&limited, &[&1i32, &1i64]).await.unwrap().get::<_, i32>(0), 2);

    let among = client.prepare("SELECT count(*) FROM seen WHERE n = ANY($1)").await.unwrap();
    assert_eq!(among.params(), [Type::INT4_ARRAY]);
    assert_eq!(client.query_one(&among, &[&vec![1i32, 2, 3]]).await.unwrap().get::<_, i64>(0), 2);

    let insert = "INSERT INTO seen (n, at, word) VALUES ($1, $2, $3)";
    let wrong = client.prepare_typed(insert, &[Type::TEXT]).await;
    let wrong = match wrong {
        Ok(insert) => client.execute(&insert, &[&"7", &None::<std::time::SystemTime>, &"x"]).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(code(&wrong), "42804");
    let insert = client.prepare_typed(insert, &[Type::INT8]).await.unwrap();
    assert_eq!(insert.params(), [Type::INT8, Type::TIMESTAMPTZ, Type::VARCHAR]);
    let now = std::time::SystemTime::now();
    assert_eq!(client.execute(&insert, &[&3i64, &now, &"word"]).await.unwrap(), 1);
    let long = client.execute(&insert, &[&4i64, &now, &"too long a word"]).await.unwrap_err();
    assert_eq!(code(&long), "22001");

    for (sql, expected) in
        [("SELECT $1 IS NULL", "42P18"), ("SELECT $2::int", "42P18"), ("CREATE TABLE x (a int DEFAULT $1)", "42P02")]
    {
        assert_eq!(code(&client.prepare(sql).await.unwrap_err()), expected, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_and_cursors_are_of_one_house() {
    let house = House::open().await;
    let mut client = house.client().await;
    client.batch_execute("CREATE TABLE num (n int PRIMARY KEY)").await.unwrap();
    client.batch_execute("INSERT INTO num SELECT i FROM generate_series(1, 20000) AS g(i)").await.unwrap();

    // What the protocol prepares SQL runs, and the other way round.
    let statement = client.prepare("SELECT n + $1 FROM num WHERE n = $2").await.unwrap();
    let named = texts(&client, "SELECT name, parameter_types, from_sql FROM pg_prepared_statements").await;
    let name = named.iter().find(|row| row[2].as_deref() == Some("f")).and_then(|row| row[0].clone()).unwrap();
    assert_eq!(texts(&client, &format!("EXECUTE {name}(10, 5)")).await, [[Some("15".to_owned())]]);
    client.batch_execute(&format!("DEALLOCATE {name}")).await.unwrap();
    assert_eq!(code(&client.query(&statement, &[&1i32, &1i32]).await.unwrap_err()), "26000");
    client.batch_execute("PREPARE mine(int) AS SELECT $1 * 2").await.unwrap();
    let executed = client.prepare("EXECUTE mine(21)").await.unwrap();
    assert_eq!(executed.columns()[0].type_(), &Type::INT4);
    assert_eq!(client.query_one(&executed, &[]).await.unwrap().get::<_, i32>(0), 42);

    // Two portals and a cursor, taken from by turns.
    let transaction = client.transaction().await.unwrap();
    let up = transaction.bind("SELECT n FROM num ORDER BY n", &[]).await.unwrap();
    let down = transaction.bind("SELECT n FROM num WHERE n <= $1 ORDER BY n DESC", &[&15_000i32]).await.unwrap();
    transaction
        .execute("DECLARE c SCROLL CURSOR FOR SELECT n FROM num WHERE n > $1 ORDER BY n", &[&100i32])
        .await
        .unwrap();
    let fetch = transaction.prepare("FETCH FORWARD 3 FROM c").await.unwrap();
    assert_eq!(fetch.columns()[0].name(), "n");
    for turn in 0..3 {
        let numbers = |rows: Vec<tokio_postgres::Row>| rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>();
        let rows = numbers(transaction.query_portal(&up, 4_000).await.unwrap());
        assert_eq!((rows.len(), rows[0]), (4_000, turn * 4_000 + 1));
        let rows = numbers(transaction.query_portal(&down, 2).await.unwrap());
        assert_eq!(rows, [15_000 - 2 * turn, 14_999 - 2 * turn]);
        let rows = numbers(transaction.query(&fetch, &[]).await.unwrap());
        assert_eq!(rows, [101 + 3 * turn, 102 + 3 * turn, 103 + 3 * turn]);
    }
    assert_eq!(transaction.execute("MOVE BACKWARD ALL c", &[]).await.unwrap(), 8);
    let error = transaction.execute("FETCH nowhere", &[]).await.unwrap_err();
    assert_eq!(code(&error), "34000");
    transaction.rollback().await.unwrap();
    assert_eq!(code(&client.batch_execute("FETCH c").await.unwrap_err()), "34000");

    // A string of statements is a block to a cursor.
    let rows = texts(&client, "DECLARE s CURSOR FOR SELECT n FROM num ORDER BY n; FETCH 2 FROM s").await;
    assert_eq!(rows.len(), 2);
    assert_eq!(code(&client.batch_execute("FETCH s").await.unwrap_err()), "34000");
}

/// Statements with changes in WITH, and MERGE, are prepared with the types of their parameters and columns.
#[tokio::test(flavor = "multi_thread")]
async fn changes_in_with_are_described() {
    let house = House::open().await;
    let client = house.client().await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY, v bigint, note text)").await.unwrap();
    let prepared = client
        .prepare("WITH made AS (INSERT INTO t VALUES ($1, $2, $3) RETURNING id, v) SELECT id, v + 1 AS more FROM made")
        .await
        .unwrap();
    assert_eq!(prepared.params(), [Type::INT4, Type::INT8, Type::TEXT]);
    let types: Vec<_> = prepared.columns().iter().map(|column| (column.name(), column.type_().clone())).collect();
    assert_eq!(types, [("id", Type::INT4), ("more", Type::INT8)]);
    let row = client.query_one(&prepared, &[&1i32, &5i64, &"x"]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, i64>(1)), (1, 6));
    let changed = "WITH x AS (SELECT id FROM t WHERE id = $1) UPDATE t SET v = $2 FROM x WHERE x.id = t.id";
    assert_eq!(client.execute(changed, &[&1i32, &7i64]).await.unwrap(), 1);
    let merged = "MERGE INTO t USING (SELECT 1 AS one) s ON t.id = $1 \
                  WHEN MATCHED THEN UPDATE SET note = 'met' WHEN NOT MATCHED THEN INSERT VALUES ($1, 0)";
    assert_eq!(client.execute(merged, &[&1i32]).await.unwrap(), 1);
    assert_eq!(client.execute(merged, &[&2i32]).await.unwrap(), 1);
    let top = "SELECT t.id, x.note FROM t LEFT JOIN LATERAL (SELECT note FROM t u WHERE u.id = t.id AND u.v > $1 LIMIT 1) x ON true ORDER BY 1";
    let rows = client.query(top, &[&1i64]).await.unwrap();
    let rows: Vec<(i32, Option<String>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, [(1, Some("met".to_owned())), (2, None)]);
}

/// No statement reads the data folder, the key beside it, or a key that lies elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn the_own_files_are_no_data() {
    let house = House::open().await;
    let client = house.client().await;
    let folder = house._folder.path();
    let elsewhere = folder.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    for (file, text) in [("data.key", "0badc0de"), ("data.password", "secret"), ("goods.csv", "a,b\n1,2\n")] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    std::fs::write(elsewhere.join("master.key"), "0badc0de").unwrap();
    house.database.keep_private(&elsewhere.join("master.key"));
    let source = |name: &str, path: &std::path::Path| {
        format!("CREATE SOURCE {name} TYPE files OPTIONS (path = '{}', recursive = true)", path.display())
    };
    let refused = client.simple_query(&source("data", &folder.join("data"))).await.unwrap_err();
    assert_eq!(code(&refused), "42501");
    client.batch_execute(&source("around", folder)).await.unwrap();
    client.batch_execute("INVENTORY ALL").await.unwrap();
    let found = texts(&client, "SELECT name FROM steward.assets").await;
    assert_eq!(found, [[Some("around.goods".to_owned())]]);
    client.batch_execute("CREATE TABLE t (a text)").await.unwrap();
    for file in ["data.key", "data.password", "elsewhere/master.key", "data/keyring"] {
        let copy = format!("COPY t FROM '{}'", folder.join(file).display());
        assert_eq!(code(&client.simple_query(&copy).await.unwrap_err()), "42501", "{file}");
    }
}
