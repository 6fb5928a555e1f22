//! A source that is another PostgreSQL database: here the server itself, which speaks the protocol.
//!
//! What could go wrong: the password shows somewhere, a role opens connections that it may not, a server that is gone or slow
//! holds statements for ever, rows or types change on the way, a condition that is carried out there answers otherwise.

use super::{House, PASSWORD, code, one, texts};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

async fn goods(house: &House) -> Client {
    let client = house.client().await;
    let made = "CREATE SCHEMA goods;
        CREATE TABLE goods.orders (id bigint PRIMARY KEY, note text, price numeric(10,2), at timestamptz, day date, paid boolean,
                                   facts jsonb, tags text[], code uuid, f double precision, \"Odd \"\"name\" int);
        INSERT INTO goods.orders SELECT g, 'note ' || g, g * 0.25, timestamptz '2024-01-01 00:00:00+00' + g * interval '1 hour',
               date '2024-01-01' + (g % 30)::int, g % 2 = 0, jsonb_build_object('g', g), ARRAY['a', 'b ' || g],
               '00000000-0000-0000-0000-000000000001', g / 4.0, g FROM generate_series(1, 5000) AS t (g);
        INSERT INTO goods.orders (id, note) VALUES (0, 'it''s \\ odd');
        CREATE VIEW goods.late AS SELECT id, note FROM goods.orders WHERE id > 4990;
        CREATE VIEW goods.slow AS SELECT id, pg_sleep(20)::text AS s FROM goods.orders WHERE id = 1";
    client.batch_execute(made).await.unwrap();
    client
}

fn source(house: &House, name: &str, more: &str) -> String {
    format!(
        "CREATE SOURCE {name} TYPE postgres OPTIONS (host = '127.0.0.1', port = {}, dbname = 'shop', user = 'owner', \
         password = '{PASSWORD}', schema = 'goods'{more})",
        house.port
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tables_of_another_database_are_read_in_place() {
    let house = House::open().await;
    let client = goods(&house).await;
    client.batch_execute(&source(&house, "far", "")).await.unwrap();
    let both = [
        "SELECT * FROM {}orders ORDER BY id LIMIT 3",
        "SELECT count(*), sum(price), min(at), max(day), sum(f) FROM {}orders",
        "SELECT note FROM {}orders WHERE id = 0 OR note = 'it''s \\ odd' ORDER BY 1",
        "SELECT id FROM {}orders WHERE price >= 1249.75 AND paid ORDER BY id",
        "SELECT count(*) FROM {}orders WHERE at < timestamptz '2024-01-01 05:30:00+00' OR at IS NULL",
        "SELECT count(*) FROM {}orders WHERE day IN (date '2024-01-02', date '2024-01-03') AND id BETWEEN 10 AND 100",
        "SELECT \"Odd \"\"name\", facts->>'g', tags[2] FROM {}orders WHERE f > 1249.5 ORDER BY id",
        "SELECT l.note, o.price FROM {}late l JOIN {}orders o USING (id) WHERE o.id < 4993 ORDER BY 1",
        "SELECT pg_typeof(id), pg_typeof(price), pg_typeof(at), pg_typeof(facts), pg_typeof(tags), pg_typeof(code) FROM {}orders LIMIT 1",
    ];
    for query in both {
        let here = texts(&client, &query.replace("{}", "goods.")).await;
        assert_eq!(texts(&client, &query.replace("{}", "far.")).await, here, "{query}");
        assert!(!here.is_empty(), "{query}");
    }
    // Brought in, and looked at by some rows.
    client.batch_execute("CREATE TABLE own AS SELECT id, price FROM far.orders WHERE id < 10").await.unwrap();
    assert_eq!(one::<i64>(&client, "SELECT count(*) FROM own").await, 10);
    client.batch_execute("INVENTORY TABLE far.orders WITH (sample_rows = 100, quality = false)").await.unwrap();
    let found = "SELECT kind || ', ' || form || ', ' || row_count FROM steward.assets WHERE name = 'far.orders'";
    assert_eq!(one::<String>(&client, found).await, "foreign table, table, 5001");
    let error = client.batch_execute("INSERT INTO far.orders (id) VALUES (-1)").await.unwrap_err();
    assert_eq!(code(&error), "0A000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_password_of_a_source_is_never_shown() {
    let house = House::open().await;
    let client = goods(&house).await;
    client.batch_execute(&source(&house, "far", "")).await.unwrap();
    client.batch_execute("SELECT count(*) FROM far.orders").await.unwrap();
    let wrong = source(&house, "wrong", "").replace(PASSWORD, "no horse at all");
    let refused = client.batch_execute(&wrong).await.unwrap_err();
    assert_eq!(code(&refused), "08001");
    let told = refused.as_db_error().unwrap();
    assert_eq!(told.message(), format!("cannot enter database \"shop\" at 127.0.0.1:{}", house.port));
    assert!(told.detail().unwrap().starts_with("SQLSTATE 28P01"), "{told:?}");
    let mut shown = format!("{told:?}");
    for place in [
        "SELECT s::text FROM steward.sources s",
        "SELECT s::text FROM pg_catalog.pg_foreign_server s",
        "SELECT s::text FROM pg_catalog.pg_stat_activity s",
        "SELECT s::text FROM steward.audit_log s",
        "SELECT s::text FROM steward.lineage s",
        "SELECT s::text FROM pg_catalog.pg_prepared_statements s",
    ] {
        shown += &format!("{:?}", texts(&client, place).await);
    }
    assert!(shown.contains("127.0.0.1") && shown.contains("goods"), "{shown}");
    assert!(!shown.contains(PASSWORD) && !shown.contains("no horse"), "{shown}");
    // Another place is not told the password of this one.
    let moved = "ALTER SOURCE far SET OPTIONS (host = 'localhost')";
    assert_eq!(code(&client.batch_execute(moved).await.unwrap_err()), "22023");
    client.batch_execute("ALTER SOURCE far SET OPTIONS (fetch_size = 7)").await.unwrap();
    assert_eq!(one::<i64>(&client, "SELECT count(*) FROM far.orders").await, 5001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_who_may_opens_connections() {
    let house = House::open().await;
    let client = goods(&house).await;
    client.batch_execute(&source(&house, "far", "")).await.unwrap();
    client.batch_execute("CREATE ROLE low WITH LOGIN PASSWORD 'lies mich'").await.unwrap();
    let (low, connection) = house.config().user("low").password("lies mich").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let make = source(&house, "mine", "");
    assert_eq!(code(&low.batch_execute(&make).await.unwrap_err()), "42501");
    assert_eq!(code(&low.batch_execute("SELECT * FROM far.orders").await.unwrap_err()), "42501");
    assert_eq!(code(&low.batch_execute("ALTER SOURCE far SET OPTIONS (fetch_size = 7)").await.unwrap_err()), "42501");
    client.batch_execute("GRANT USAGE ON SOURCE far TO low").await.unwrap();
    assert_eq!(one::<i64>(&low, "SELECT count(*) FROM far.orders").await, 5001);
    assert_eq!(code(&low.batch_execute("ALTER SOURCE far SET OPTIONS (fetch_size = 7)").await.unwrap_err()), "42501");
    client.batch_execute("CREATE ROLE pg_create_connection; GRANT pg_create_connection TO low").await.unwrap();
    // Who is no superuser is let in nowhere by being this server.
    let without = make.replace(&format!("password = '{PASSWORD}', "), "");
    assert_eq!(code(&low.batch_execute(&without).await.unwrap_err()), "42501");
    let file = source(&house, "mine", ", sslmode = 'verify-full', sslrootcert = '/etc/hostname'");
    assert_eq!(code(&low.batch_execute(&file).await.unwrap_err()), "42501");
    low.batch_execute(&make).await.unwrap();
    assert_eq!(one::<i64>(&low, "SELECT count(*) FROM mine.late").await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_the_other_server_does_not_do_is_told() {
    let house = House::open().await;
    let client = goods(&house).await;
    client.batch_execute(&source(&house, "far", "")).await.unwrap();
    let refused = async |sql: &str| {
        let error = client.batch_execute(sql).await.unwrap_err();
        let told = error.as_db_error().unwrap();
        (code(&error).to_owned(), told.message().to_owned(), told.detail().unwrap_or_default().to_owned())
    };
    // A table that is gone there, while its list is still believed.
    client.batch_execute("SELECT count(*) FROM far.late; DROP VIEW goods.late").await.unwrap();
    let (state, message, detail) = refused("SELECT * FROM far.late").await;
    assert_eq!(state, "HV000");
    assert_eq!(message, format!("cannot read table \"late\" of database \"shop\" at 127.0.0.1:{}", house.port));
    assert!(detail.starts_with("SQLSTATE 42P01"), "{detail}");
    client.batch_execute("REFRESH SOURCE far").await.unwrap();
    assert_eq!(refused("SELECT * FROM far.late").await.0, "42P01");
    // A server that is slow is left when the time is over.
    let begin = Instant::now();
    client.batch_execute("SET statement_timeout = '700ms'").await.unwrap();
    assert_eq!(refused("SELECT * FROM far.slow").await.0, "57014");
    client.batch_execute("RESET statement_timeout").await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10));
    let there = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'FETCH%' AND state = 'active'";
    let gone = async || one::<i64>(&client, there).await == 0;
    while !gone().await {
        assert!(begin.elapsed() < Duration::from_secs(15), "the other server still works");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Encrypted or not at all: this server has no certificate.
    let (state, message, _) = refused(&source(&house, "safe", ", sslmode = 'require'")).await;
    assert_eq!(state, "08001");
    assert!(message.contains("does not support TLS"), "{message}");
    let nowhere = source(&house, "nowhere", "").replace(&format!("port = {}", house.port), "port = 1");
    let (state, message, _) = refused(&nowhere).await;
    assert_eq!(
        (state.as_str(), message.starts_with("cannot reach database \"shop\" at 127.0.0.1:1: ")),
        ("08001", true)
    );
    let strange = source(&house, "strange", "").replace("'goods'", "'nothing'");
    assert_eq!(refused(&strange).await.0, "3F000");
    assert_eq!(refused(&source(&house, "odd", ", colour = 'red'")).await.0, "22023");
    for other in [
        "IMPORT FOREIGN SCHEMA s FROM SERVER x INTO y",
        "CREATE FOREIGN TABLE t (a int) SERVER x",
        "CREATE SERVER x FOREIGN DATA WRAPPER y",
    ] {
        let error = client.batch_execute(other).await.unwrap_err();
        assert_eq!(code(&error), "0A000", "{other}");
        assert!(error.as_db_error().unwrap().hint().unwrap_or_default().contains("CREATE SOURCE"), "{other}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn explain_says_what_another_database_is_asked() {
    let house = House::open().await;
    let client = goods(&house).await;
    client.batch_execute(&source(&house, "far", "")).await.unwrap();
    let place = format!("Foreign scan: far.orders, in database \"shop\" at 127.0.0.1:{}: ", house.port);
    for (query, sent) in [
        (
            "SELECT id FROM far.orders WHERE id < 5 AND note = 'x'",
            "SELECT \"id\", \"note\" FROM \"goods\".\"orders\" WHERE \"id\" < 5 AND \"note\" = 'x'",
        ),
        ("SELECT note FROM far.orders LIMIT 3", "SELECT \"note\" FROM \"goods\".\"orders\" LIMIT 3"),
        // How texts are ordered is each database's own affair.
        ("SELECT id FROM far.orders WHERE note < 'x'", "SELECT \"id\", \"note\" FROM \"goods\".\"orders\""),
    ] {
        let lines = texts(&client, &format!("EXPLAIN {query}")).await;
        let lines: Vec<String> = lines.into_iter().flatten().flatten().collect();
        let told: Vec<&str> = lines.iter().filter_map(|line| line.split_once(&place)).map(|(_, sent)| sent).collect();
        assert_eq!(told, [sent], "{query}: {lines:?}");
        assert!(!lines.iter().any(|line| line.contains(PASSWORD)), "{lines:?}");
    }
    let servers =
        "SELECT foreign_server_name || ' ' || foreign_data_wrapper_name FROM information_schema.foreign_servers";
    assert_eq!(one::<String>(&client, servers).await, "far postgres");
    let options =
        "SELECT string_agg(option_name || '=' || option_value, ' ') FROM information_schema.foreign_server_options";
    assert!(!one::<String>(&client, options).await.contains("password"));
}

/// Runs openssl; whether there is one.
fn openssl(folder: &std::path::Path, arguments: &str) -> bool {
    let done = std::process::Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    match done {
        Ok(done) if done.status.success() => true,
        Ok(done) => panic!("openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr)),
        Err(_) => false,
    }
}

/// A server with a certificate for `localhost`, which an authority vouches for, and another authority that does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_other_servers_certificate_is_asked_for_as_libpq_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let authority = |name: &str| {
        format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        )
    };
    if !openssl(path, &authority("ours")) {
        eprintln!("there is no openssl here: nothing was tried");
        return;
    }
    openssl(path, &authority("theirs"));
    std::fs::write(path.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(
        path,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
    );
    openssl(
        path,
        "x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
    let house = House::open_encrypted(&path.join("server.pem"), &path.join("server.key")).await;
    let client = goods(&house).await;
    let roots = |name: &str| format!(", sslrootcert = '{}'", path.join(format!("{name}.pem")).display());
    let (ours, theirs) = (roots("ours"), roots("theirs"));
    for (n, (host, sslmode, roots, goes)) in [
        ("localhost", "verify-full", &ours, true),
        ("localhost", "verify-ca", &ours, true),
        // The certificate is not this host's.
        ("127.0.0.1", "verify-full", &ours, false),
        ("127.0.0.1", "verify-ca", &ours, true),
        // Somebody else vouches.
        ("localhost", "verify-full", &theirs, false),
        ("localhost", "verify-ca", &theirs, false),
        ("localhost", "require", &theirs, false),
        ("localhost", "require", &String::new(), true),
        ("localhost", "prefer", &String::new(), true),
        ("localhost", "disable", &String::new(), true),
    ]
    .into_iter()
    .enumerate()
    {
        let made = source(&house, &format!("far{n}"), &format!(", sslmode = '{sslmode}'{roots}"));
        let made = made.replace("host = '127.0.0.1'", &format!("host = '{host}'"));
        let opened = client.batch_execute(&made).await;
        assert_eq!(opened.is_ok(), goes, "{host} {sslmode}: {opened:?}");
        match opened {
            Ok(()) => {
                let count = format!("SELECT count(*) FROM far{n}.orders");
                assert_eq!(one::<i64>(&client, &count).await, 5001, "{host} {sslmode}");
            }
            Err(error) => assert_eq!(code(&error), "08001", "{host} {sslmode}"),
        }
    }
}
