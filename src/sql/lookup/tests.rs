//! What is kept of a statement must never outlive what it was made for. Each case runs a statement often enough that it goes the short
//! way, changes who may see what, and runs it again: as a prepared statement, and as a text that differs in its constants.

use crate::crypto::{KeySource, MasterKey};
use crate::encoding::pg_text::cell_text;
use crate::error::{Kind, Result};
use crate::sql::{Database, Session};
use tempfile::TempDir;

struct House {
    database: Database,
    _folder: TempDir,
}

impl House {
    async fn new(setup: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let house = Self { database: Database::open(folder.path().join("d"), &key).unwrap(), _folder: folder };
        house.owner().all(setup).await;
        house
    }

    fn owner(&self) -> Client {
        self.client("steward")
    }

    fn client(&self, role: &str) -> Client {
        Client(self.database.session(role).unwrap())
    }
}

struct Client(Session);

impl Client {
    async fn rows(&mut self, sql: &str) -> Result<String> {
        let batches = Box::pin(self.0.query(sql)).await?;
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter().map(|c| cell_text(c, row).unwrap_or_else(|| "NULL".to_owned()));
                rows.push(cells.collect::<Vec<_>>().join("|"));
            }
        }
        Ok(rows.join(" "))
    }

    async fn ok(&mut self, sql: &str) -> String {
        self.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    async fn refused(&mut self, sql: &str) -> Kind {
        self.rows(sql).await.expect_err(sql).kind()
    }

    async fn all(&mut self, statements: &[&str]) {
        for sql in statements {
            self.ok(sql).await;
        }
    }

    /// Whether the prepared statement of this name goes the short way.
    fn is_short(&self, name: &str) -> bool {
        self.0.prepared(name).is_some_and(|prepared| prepared.is_short())
    }

    fn shapes_known(&self) -> usize {
        self.0.shapes_known()
    }
}

const TABLE: &[&str] = &[
    "CREATE TABLE t (id int PRIMARY KEY, code bigint UNIQUE, small smallint, name text, price numeric(8,2), at timestamptz)",
    "INSERT INTO t SELECT g, g * 10, g, 'n' || g, g / 4.0, '2024-01-01'::timestamptz + g * interval '1 hour'
        FROM generate_series(1, 50) AS s(g)",
    "CREATE ROLE clerk LOGIN",
    "GRANT SELECT, UPDATE, INSERT, DELETE ON t TO clerk",
];

#[tokio::test(flavor = "multi_thread")]
async fn one_key_answers_what_a_plan_answers() {
    let house = House::new(TABLE).await;
    let mut client = house.owner();
    let cases = [
        ("int", "SELECT name, price * 2 FROM t WHERE id = $1", vec!["7", "51", "NULL", "7"]),
        ("bigint", "SELECT * FROM t WHERE id = $1", vec!["7", "5000000000", "8"]),
        ("smallint", "SELECT id + 1, upper(name) AS u FROM t WHERE id = $1", vec!["7", "8"]),
        ("bigint", "SELECT x.name FROM t AS x WHERE $1 = x.code AND x.small > 7", vec!["70", "80", "75"]),
        ("int", "SELECT id FROM t WHERE code = $1 ORDER BY id LIMIT 3", vec!["70", "0"]),
        ("int", "SELECT id FROM (SELECT id, code AS c FROM t) AS s WHERE c = $1 + 10", vec!["60", "61"]),
        (
            "int",
            "SELECT CASE WHEN price > $1 THEN 'dear' ELSE name END FROM t WHERE id = $1 AND at < '2024-01-02'",
            vec!["7", "40"],
        ),
        ("int", "SELECT $1, name, $1 * 2, id FROM t WHERE id = $1 AND name <> 'n8'", vec!["7", "8"]),
        ("int", "SELECT count(*) FROM t WHERE id = $1", vec!["7", "99"]),
    ];
    for (n, (types, sql, values)) in cases.iter().enumerate() {
        client.ok(&format!("PREPARE q{n}({types}) AS {sql}")).await;
        for value in values {
            let written = sql.replace("$1", &format!("{value}::{types}"));
            let expected = client.ok(&written).await;
            assert_eq!(client.ok(&format!("EXECUTE q{n}({value})")).await, expected, "{sql} with {value}");
        }
        assert_eq!(client.is_short(&format!("q{n}")), !sql.contains("count("), "{sql}");
    }
    // Where a moment is written, it is written as the session's clocks show it.
    client
        .all(&["PREPARE z(int) AS SELECT at FROM t WHERE id = $1", "EXECUTE z(1)", "SET timezone = 'Asia/Shanghai'"])
        .await;
    assert_eq!(client.ok("EXECUTE z(1)").await, client.ok("SELECT at FROM t WHERE id = 1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn own_changes_are_seen_and_what_is_rolled_back_is_not() {
    let house = House::new(TABLE).await;
    let (mut client, mut other) = (house.owner(), house.owner());
    client
        .all(&[
            "PREPARE q(int) AS SELECT name FROM t WHERE id = $1",
            "PREPARE u(int, text) AS UPDATE t SET name = name || $2 WHERE id = $1",
            "PREPARE d(int) AS DELETE FROM t WHERE id = $1",
            "PREPARE i(int, text) AS INSERT INTO t (id, name, at) VALUES ($1, $2, now())",
            "EXECUTE q(1)",
            "EXECUTE u(50, '')",
            "EXECUTE d(49)",
            "EXECUTE i(60, 'x')",
        ])
        .await;
    for name in ["q", "u", "d", "i"] {
        assert!(client.is_short(name), "{name}");
    }
    client
        .all(&[
            "BEGIN",
            "EXECUTE u(1, '!')",
            "SAVEPOINT s",
            "EXECUTE u(1, '?')",
            "EXECUTE d(2)",
            "EXECUTE i(70, 'new')",
        ])
        .await;
    let look = async |client: &mut Client| {
        let mut seen = Vec::new();
        for id in [1, 2, 70] {
            seen.push(client.ok(&format!("EXECUTE q({id})")).await);
        }
        seen.join(",")
    };
    assert_eq!(look(&mut client).await, "n1!?,,new");
    assert_eq!(other.ok("SELECT name FROM t WHERE id IN (1, 2, 70) ORDER BY id").await, "n1 n2");
    client.ok("ROLLBACK TO s").await;
    assert_eq!(look(&mut client).await, "n1!,n2,");
    client.ok("COMMIT").await;
    assert_eq!(look(&mut client).await, "n1!,n2,");
    assert_eq!(client.refused("EXECUTE i(1, 'again')").await, Kind::Unique);
    assert_eq!(client.refused("EXECUTE i(NULL, 'none')").await, Kind::NotNull);
    client.all(&["BEGIN READ ONLY"]).await;
    assert_eq!(client.refused("EXECUTE u(1, 'x')").await, Kind::ReadOnlyTransaction);
    client.all(&["ROLLBACK", "BEGIN ISOLATION LEVEL REPEATABLE READ", "EXECUTE q(1)"]).await;
    other.ok("UPDATE t SET name = 'other' WHERE id = 1").await;
    assert_eq!(client.ok("EXECUTE q(1)").await, "n1!", "the first snapshot is kept");
    assert_eq!(client.refused("EXECUTE u(1, 'x')").await, Kind::Serialization);
    client.ok("ROLLBACK").await;
    assert_eq!(client.ok("EXECUTE q(1)").await, "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_hold_on_the_short_way() {
    let house = House::new(&[
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "INSERT INTO parent VALUES (1), (2)",
        "CREATE TABLE t (id int PRIMARY KEY, of int REFERENCES parent ON DELETE CASCADE, n int CHECK (n < 100), twice int GENERATED ALWAYS AS (n * 2) STORED, tag text DEFAULT 'none', made serial)",
        "INSERT INTO t (id, of, n) VALUES (1, 1, 1), (2, 2, 2), (3, 1, 3)",
    ])
    .await;
    let mut client = house.owner();
    client
        .all(&[
            "PREPARE u(int, int) AS UPDATE t SET n = $2 WHERE id = $1",
            "PREPARE r(int, int) AS UPDATE t SET of = $2 WHERE id = $1",
            "PREPARE i(int, int) AS INSERT INTO t (id, of, n) VALUES ($1, $2, 7)",
            "PREPARE d(int) AS DELETE FROM parent WHERE id = $1",
            "EXECUTE u(1, 50)",
            "EXECUTE u(1, 51)",
            "EXECUTE r(2, 1)",
            "EXECUTE r(2, 2)",
            "EXECUTE i(4, 1)",
            "EXECUTE i(5, 1)",
            "EXECUTE d(99)",
        ])
        .await;
    for name in ["u", "r", "i", "d"] {
        assert!(client.is_short(name), "{name}");
    }
    assert_eq!(
        client.ok("SELECT id, n, twice, tag, made FROM t ORDER BY id").await,
        "1|51|102|none|1 2|2|4|none|2 3|3|6|none|3 4|7|14|none|4 5|7|14|none|5"
    );
    assert_eq!(client.refused("EXECUTE u(1, 100)").await, Kind::Check);
    assert_eq!(client.refused("EXECUTE r(1, 3)").await, Kind::ForeignKey);
    assert_eq!(client.refused("EXECUTE i(6, 3)").await, Kind::ForeignKey);
    client.ok("EXECUTE d(1)").await;
    assert_eq!(client.ok("SELECT id FROM t").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_rights_or_masks_is_respected_by_the_next_run() {
    let house = House::new(TABLE).await;
    let (mut owner, mut clerk) = (house.owner(), house.client("clerk"));
    clerk
        .all(&[
            "PREPARE q(int) AS SELECT name FROM t WHERE id = $1",
            "PREPARE u(int) AS UPDATE t SET small = small + 1 WHERE id = $1",
        ])
        .await;
    owner
        .all(&[
            "CREATE MASKING POLICY hide AS (val text) RETURNS text -> mask_partial(val, 1, '*', 0)",
            "CREATE MASKING POLICY by_role AS (val text) RETURNS text -> CASE WHEN current_role = 'clerk' THEN 'clerk' ELSE val END",
            "CREATE MASKING POLICY none AS (val int) RETURNS int -> 0",
            "CREATE TAG pii",
            "ALTER TAG pii SET MASKING POLICY hide",
        ])
        .await;
    // (what the owner does, what the clerk sees then of row 7)
    let steps: &[(&str, std::result::Result<&str, Kind>)] = &[
        ("SELECT 1", Ok("n7")),
        ("ALTER TABLE t ALTER COLUMN name SET MASKING POLICY hide", Ok("n*")),
        ("CREATE OR REPLACE MASKING POLICY hide AS (val text) RETURNS text -> 'gone'", Ok("gone")),
        ("ALTER TABLE t ALTER COLUMN name SET MASKING POLICY by_role", Ok("clerk")),
        ("ALTER TABLE t ALTER COLUMN name UNSET MASKING POLICY", Ok("n7")),
        ("ALTER TABLE t ALTER COLUMN name SET TAG pii = 'x'", Ok("gone")),
        ("ALTER TABLE t ALTER COLUMN name UNSET TAG pii", Ok("n7")),
        ("REVOKE SELECT ON t FROM clerk", Err(Kind::Privilege)),
        ("GRANT SELECT (id, small) ON t TO clerk", Err(Kind::Privilege)),
        ("GRANT SELECT (name) ON t TO clerk", Ok("n7")),
        ("GRANT SELECT ON t TO clerk", Ok("n7")),
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", Ok("")),
        ("CREATE POLICY p ON t USING (id < 10)", Ok("n7")),
        ("DROP POLICY p ON t", Ok("")),
        ("CREATE POLICY p ON t USING (id > 10)", Ok("")),
        ("ALTER TABLE t DISABLE ROW LEVEL SECURITY", Ok("n7")),
        ("ALTER TABLE t RENAME COLUMN name TO called", Err(Kind::UndefinedColumn)),
        ("ALTER TABLE t RENAME COLUMN called TO name", Ok("n7")),
        ("ALTER TABLE t ALTER COLUMN id SET MASKING POLICY none", Ok("")),
        ("ALTER TABLE t ALTER COLUMN id UNSET MASKING POLICY", Ok("n7")),
        ("ALTER TABLE t DROP CONSTRAINT t_pkey", Ok("n7")),
        ("UPDATE t SET name = 'seven' WHERE id = 7", Ok("seven")),
        ("ALTER TABLE t ADD PRIMARY KEY (id)", Ok("seven")),
        ("ALTER TABLE t RENAME TO was", Err(Kind::UndefinedTable)),
        (
            "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (7, 'another'); GRANT SELECT ON t TO clerk",
            Ok("another"),
        ),
    ];
    for (change, expected) in steps {
        for constant in 1..4 {
            clerk.rows(&format!("SELECT name FROM t WHERE id = {constant}")).await.ok();
            clerk.rows(&format!("EXECUTE q({constant})")).await.ok();
        }
        owner.ok(change).await;
        for _ in 0..3 {
            let expected = expected.map(str::to_owned);
            assert_eq!(clerk.rows("EXECUTE q(7)").await.map_err(|e| e.kind()), expected, "prepared, after {change}");
            let text = clerk.rows("SELECT name FROM t WHERE id = 7").await.map_err(|e| e.kind());
            assert_eq!(text, expected, "as a text, after {change}");
        }
    }
    owner.all(&["DROP TABLE t", "ALTER TABLE was RENAME TO t"]).await;
    clerk.all(&["EXECUTE u(1)", "EXECUTE u(1)"]).await;
    assert!(clerk.is_short("u") && clerk.shapes_known() > 0);
    owner.ok("REVOKE UPDATE ON t FROM clerk").await;
    assert_eq!(clerk.refused("EXECUTE u(1)").await, Kind::Privilege);
    owner.all(&["GRANT UPDATE ON t TO clerk", "ALTER TABLE t ALTER COLUMN name SET MASKING POLICY hide"]).await;
    clerk.all(&["EXECUTE u(1)", "PREPARE m(int) AS UPDATE t SET name = name || 'x' WHERE id = $1"]).await;
    assert_eq!(clerk.refused("EXECUTE m(1)").await, Kind::Privilege, "a mask is not stored");
    assert_eq!(owner.ok("SELECT name, small FROM t WHERE id = 1").await, "n1|4");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_role_of_the_session_sees_with_its_own_rights() {
    let house = House::new(TABLE).await;
    let mut client = house.owner();
    client
        .all(&[
            "CREATE MASKING POLICY hide AS (val text) RETURNS text -> 'hidden from ' || current_role",
            "ALTER TABLE t ALTER COLUMN name SET MASKING POLICY hide",
            "PREPARE q(int) AS SELECT name FROM t WHERE id = $1",
        ])
        .await;
    for _ in 0..3 {
        for (role, expected) in [("steward", "n5"), ("clerk", "hidden from clerk")] {
            client.ok(&format!("SET ROLE {role}")).await;
            for _ in 0..2 {
                assert_eq!(client.ok("EXECUTE q(5)").await, expected);
                assert_eq!(client.ok("SELECT name FROM t WHERE id = 5").await, expected);
            }
        }
    }
    assert!(client.is_short("q"));
}

/// A mask that asks for the time, and one that gives something else each time, are computed anew for each run.
#[tokio::test(flavor = "multi_thread")]
async fn masks_of_the_moment_are_not_kept() {
    let house = House::new(TABLE).await;
    let (mut owner, mut clerk) = (house.owner(), house.client("clerk"));
    owner
        .all(&[
            "CREATE MASKING POLICY clock AS (val text) RETURNS text -> now()::text",
            "ALTER TABLE t ALTER COLUMN name SET MASKING POLICY clock",
        ])
        .await;
    clerk.ok("PREPARE q(int) AS SELECT name FROM t WHERE id = $1").await;
    let (first, second) = (clerk.ok("EXECUTE q(5)").await, clerk.ok("EXECUTE q(5)").await);
    assert!(first != second && !clerk.is_short("q"), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_one_shape_mean_what_they_say() {
    let house = House::new(TABLE).await;
    let mut client = house.owner();
    for id in 1..6 {
        assert_eq!(client.ok(&format!("SELECT name FROM t WHERE id = {id}")).await, format!("n{id}"));
        assert_eq!(client.ok(&format!("SELECT id FROM t WHERE name = 'n{id}' AND code = {id}0")).await, id.to_string());
        client.ok(&format!("UPDATE t SET price = price + -{id}, name = 'm{id}' WHERE id = {id}")).await;
        client.ok(&format!("INSERT INTO t (id, name, at) VALUES (10{id}, 'new', now())")).await;
        client.ok(&format!("DELETE FROM t WHERE id = {}", 40 + id)).await;
    }
    assert_eq!(client.shapes_known(), 4);
    assert_eq!(client.ok("SELECT count(*), sum(price) FROM t WHERE name LIKE 'm%'").await, "5|-11.25");
    assert_eq!(client.ok("SELECT count(*) FROM t").await, "50");
    // Of another kind, or too large for the column: as PostgreSQL reads them.
    assert_eq!(client.ok("SELECT name FROM t WHERE id = 5000000000").await, "");
    assert_eq!(client.ok("SELECT name FROM t WHERE id = '6'").await, "n6");
    for text in ["x", "y"] {
        assert_eq!(client.refused(&format!("SELECT name FROM t WHERE id = '{text}'")).await, Kind::InvalidText);
    }
    for id in 0..3 {
        assert_eq!(
            client.refused(&format!("INSERT INTO t (id, name, at) VALUES (101, 'twice {id}', now())")).await,
            Kind::Unique
        );
        assert_eq!(
            client.refused(&format!("UPDATE t SET small = 4000{id} WHERE id = 6")).await,
            Kind::NumericOutOfRange
        );
    }
    // A broken block stays broken, whatever is known.
    client.all(&["BEGIN"]).await;
    client.refused("SELECT 1 / 0").await;
    assert_eq!(client.refused("SELECT name FROM t WHERE id = 6").await, Kind::FailedTransaction);
    client.ok("ROLLBACK").await;
    assert_eq!(client.ok("SELECT name FROM t WHERE id = 6").await, "n6");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_without_tables_go_the_short_way() {
    let house = House::new(&[]).await;
    let mut client = house.owner();
    client
        .all(&["PREPARE one AS SELECT 1", "PREPARE more(int) AS SELECT $1 + 1 AS a, 'x' || $1::text WHERE $1 > 0"])
        .await;
    for _ in 0..3 {
        assert_eq!(client.ok("EXECUTE one").await, "1");
        assert_eq!(client.ok("EXECUTE more(2)").await, "3|x2");
        assert_eq!(client.ok("EXECUTE more(0)").await, "");
    }
    assert!(client.is_short("one") && client.is_short("more"));
    assert_eq!(client.refused("EXECUTE more(2147483647)").await, Kind::NumericOutOfRange);
    // As texts, each by itself: what is selected has a type of its own.
    for _ in 0..4 {
        assert_eq!(client.ok("SELECT 1").await, "1");
        assert_eq!(client.ok("SELECT 2;").await, "2");
        assert_eq!(client.ok("SELECT 'a', 2.50").await, "a|2.50");
        assert_eq!(client.ok("SELECT 1 LIMIT 0").await, "");
        assert_eq!(client.refused("SELECT 1 / 0").await, Kind::DivisionByZero);
    }
    assert!(client.shapes_known() >= 3, "{}", client.shapes_known());
    // What tells the time is not kept.
    client.all(&["PREPARE moment AS SELECT now()", "EXECUTE moment", "EXECUTE moment"]).await;
    assert!(!client.is_short("moment"));
}
