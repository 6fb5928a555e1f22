//! A report of a small database: what it must tell, what it must not, and that its SQL runs.

use super::*;
use crate::sql::Session;
use crate::{Database, KeySource, MasterKey};
use tempfile::TempDir;

const MADE: &str = "
    CREATE ROLE analyst; CREATE ROLE auditor;
    CREATE TABLE customers (id bigint PRIMARY KEY, email text, phone text, \"order\" int);
    INSERT INTO customers SELECT n, 'person' || n || '@example.com', '1380013' || (1000 + n), n FROM generate_series(1, 300) AS g(n);
    UPDATE customers SET email = NULL WHERE id <= 60;
    UPDATE customers SET \"order\" = NULL WHERE id <= 90;
    UPDATE customers SET phone = 'call me <maybe>' WHERE id BETWEEN 100 AND 130;
    CREATE TABLE orders (id bigint, customer bigint REFERENCES customers, price double precision);
    INSERT INTO orders SELECT n, n, CASE WHEN n < 40 THEN -1 ELSE n END FROM generate_series(1, 200) AS g(n);
    INSERT INTO orders SELECT * FROM orders WHERE id > 190;
    CREATE VIEW \"big <b>\" AS SELECT id, price FROM orders WHERE price > 100;
    CREATE QUALITY RULE dear ON orders CHECK (price < 100);
    CREATE MASKING POLICY hide AS (val text) RETURNS text -> mask_email(val);
    ALTER TABLE customers ALTER COLUMN email SET MASKING POLICY hide;
    GRANT SELECT ON customers, orders TO analyst;";

async fn database(folder: &TempDir) -> (Database, Session) {
    let key = KeySource::from(MasterKey::generate().unwrap());
    let database = Database::open(folder.path().join("d"), &key).unwrap();
    let user = database.superusers().remove(0);
    let mut session = database.session(&user).unwrap();
    session.query(MADE).await.unwrap();
    session.query("INVENTORY ALL").await.unwrap();
    session.query("CHECK QUALITY orders").await.unwrap();
    session.query("CREATE TABLE later (a int)").await.unwrap();
    (database, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_what_there_is_and_no_value() {
    let folder = TempDir::new().unwrap();
    let (_database, mut session) = database(&folder).await;
    let facts = facts::gathered(&mut session).await.unwrap();
    assert_eq!((facts.assets.len(), facts.unseen.as_slice()), (3, &["public.later".to_owned()][..]));
    assert_eq!(facts.references.len(), 1, "{:?}", facts.references);
    assert!(facts.lineage.iter().any(|arrow| arrow.from == "public.orders" && arrow.kind == "view"));
    let email = facts.sensitive.iter().find(|column| column.column == "email").unwrap();
    assert_eq!((email.masked_for.as_slice(), email.plain_for.len()), (&["analyst".to_owned()][..], 0));
    let phone = facts.sensitive.iter().find(|column| column.column == "phone").unwrap();
    assert_eq!(phone.plain_for, ["analyst"]);
    for language in [Language::En, Language::Zh] {
        let html = page::page(&facts, language);
        assert!(html.contains("public.customers") && html.contains("big &lt;b&gt;") && !html.contains("<b>\""));
        for value in ["person61", "@example.com", "13800131", "maybe"] {
            assert!(!html.contains(value), "{value}");
        }
        for outside in ["http://", "https://", "<script", "url(http"] {
            assert!(!html.contains(outside), "{outside}: the page needs nothing else");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sql_of_each_problem_shows_rows() {
    let folder = TempDir::new().unwrap();
    let (_database, mut session) = database(&folder).await;
    let facts = facts::gathered(&mut session).await.unwrap();
    assert!(facts.problems.iter().any(|problem| problem.is_of_user), "the rule");
    for metric in ["null_percent", "valid_percent"] {
        assert!(facts.problems.iter().any(|problem| problem.metric == metric), "{metric}: {:?}", facts.problems);
    }
    for problem in &facts.problems {
        let rows = session.query(&problem.sql()).await.unwrap_or_else(|error| panic!("{}: {error}", problem.sql()));
        assert!(rows.iter().any(|batch| batch.num_rows() > 0), "{} shows nothing", problem.sql());
    }
    let metrics =
        ["null_percent", "positive_percent", "duplicate_count", "valid_percent", "regex", "mean_p_right", "?"];
    for (metric, column) in metrics.iter().flat_map(|metric| [(metric, Some("price")), (metric, None)]) {
        let problem = problem::Problem {
            asset: "public.orders".to_owned(),
            rule: String::new(),
            dimension: String::new(),
            column: column.map(str::to_owned),
            metric: metric.to_string(),
            value: None,
            threshold: None,
            failed_rows: None,
            total_rows: None,
            is_of_user: false,
        };
        session.query(&problem.sql()).await.unwrap_or_else(|error| panic!("{}: {error}", problem.sql()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_sees_its_own() {
    let folder = TempDir::new().unwrap();
    let (database, _session) = database(&folder).await;
    let facts = facts::gathered(&mut database.session("auditor").unwrap()).await.unwrap();
    assert!(facts.assets.is_empty() && facts.problems.is_empty() && facts.lineage.is_empty(), "{facts:?}");
    let facts = facts::gathered(&mut database.session("analyst").unwrap()).await.unwrap();
    assert_eq!(facts.assets.len(), 2, "not the view");
}

#[test]
fn a_file_is_whole_and_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("r.html");
    write_whole(&path, "one").unwrap();
    write_whole(&path, "two").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
    let error = write_whole(&folder.path().join("no/r.html"), "x").unwrap_err();
    assert!(error.message().contains("r.html"), "{error}");
}
