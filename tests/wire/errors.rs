//! What bad statements are told: SQLSTATE and place, beside PostgreSQL 15's (`errors.txt`).

use super::{House, code};
use tokio_postgres::error::ErrorPosition;

/// A line of `-- ` sets up; each other one has the SQLSTATE, the 1-based character that PostgreSQL points at, or `-` where it
/// points at none, and the statement.
const ERRORS: &str = include_str!("errors.txt");

#[tokio::test(flavor = "multi_thread")]
async fn bad_statements_are_told_as_postgresql_tells_them() {
    let house = House::open().await;
    let client = house.client().await;
    let (mut wrong, mut told) = (Vec::new(), 0);
    for line in ERRORS.lines() {
        if let Some(setup) = line.strip_prefix("-- ") {
            client.batch_execute(setup).await.unwrap();
            continue;
        }
        let mut parts = line.splitn(3, ' ');
        let (state, place, sql) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        told += 1;
        let Err(error) = client.simple_query(sql).await else {
            wrong.push(format!("{line}\n    is taken"));
            continue;
        };
        let at = match error.as_db_error().and_then(|told| told.position()) {
            Some(ErrorPosition::Original(at)) => at.to_string(),
            _ => "-".to_owned(),
        };
        if code(&error) != state || place != "-" && place != at {
            wrong.push(format!("{line}\n    {} {at} {}", code(&error), error.as_db_error().unwrap().message()));
        }
        client.batch_execute("ROLLBACK").await.unwrap();
    }
    assert!(wrong.is_empty(), "{} of {told}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(told > 300, "{told}");
}
