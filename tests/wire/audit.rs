//! What the audit log knows of connections.

use super::{House, code, texts};
use tokio_postgres::NoTls;

/// Who came in, who was refused, and what a driver's prepared statements read: the audit log knows.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_knows_who_came_and_who_was_refused() {
    let house = House::open().await;
    let client = house.client().await;
    client
        .batch_execute(
            "CREATE TABLE people (id int PRIMARY KEY, name text, phone text); INSERT INTO people VALUES (1, 'Ann', '13800138000');
             CREATE MASKING POLICY hide AS (val text) RETURNS text -> 'xxx';
             ALTER TABLE people ALTER COLUMN phone SET MASKING POLICY hide; CREATE ROLE reader WITH LOGIN PASSWORD 'lies mich'",
        )
        .await
        .unwrap();
    assert!(house.config().password("wrong").connect(NoTls).await.is_err());
    assert!(house.config().user("nobody").connect(NoTls).await.is_err());
    let (reader, connection) = house.config().user("reader").password("lies mich").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    // Refused when it is prepared: it is never run.
    assert_eq!(code(&reader.query("SELECT phone FROM people WHERE id = $1", &[&1i32]).await.unwrap_err()), "42501");
    // By the key, from the second time on by the short way.
    let asked = client.prepare("SELECT phone FROM people WHERE id = $1").await.unwrap();
    for _ in 0..3 {
        assert_eq!(client.query(&asked, &[&1i32]).await.unwrap().len(), 1);
    }
    let log = |wanted: &str| {
        format!(
            "SELECT login, state, coalesce(sqlstate, ''), client, times::text FROM steward.audit_log WHERE {wanted} ORDER BY at, login"
        )
    };
    let rows = texts(&client, &log("action IN ('login', 'login_failed')")).await;
    let told: Vec<String> =
        rows.iter().map(|row| row[..3].iter().flatten().cloned().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(told, ["owner done ", "owner failed 28P01", "nobody failed 28P01", "reader done "]);
    assert!(rows.iter().all(|row| row[3].as_deref() == Some("127.0.0.1")));
    let denied = texts(&client, &log("action = 'denied'")).await;
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0][..3], [Some("reader".to_owned()), Some("failed".to_owned()), Some("42501".to_owned())]);
    let reads =
        texts(&client, "SELECT sum(times)::text, min(objects::text) FROM steward.audit_log WHERE action = 'read'")
            .await;
    // To plan a statement that is prepared may count as well.
    assert!(matches!(reads[0][0].as_deref(), Some("3" | "4")));
    assert!(reads[0][1].as_deref().is_some_and(|objects| objects.contains("phone") && !objects.contains("138")));
    // Everybody sees what he did himself.
    let own = texts(&reader, "SELECT DISTINCT login FROM steward.audit_log").await;
    assert_eq!(own, [[Some("reader".to_owned())]]);
}
