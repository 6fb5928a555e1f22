//! Queries: joins, groups, sets, subqueries, order.

use super::{evaluate, one, refused, rows};
use crate::error::{Error, Kind};
use crate::sql::parser;

#[test]
fn relations_are_joined() {
    let columns = "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relname = 'users' ORDER BY a.attnum";
    assert_eq!(rows(columns), ["users|id", "users|email"]);
    let commas = "SELECT n.nspname, c.relname FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'v') ORDER BY 2";
    assert_eq!(rows(commas), ["public|big_orders", "public|orders", "public|users"]);
    let left = "SELECT c.relname, i.indexrelid FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary WHERE c.relkind = 'r' ORDER BY 1";
    assert_eq!(rows(left), ["orders|16430", "users|"]);
    let missing = "SELECT c.relname FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid WHERE c.relkind = 'r' AND i.indexrelid IS NULL";
    assert_eq!(rows(missing), ["users"]);
    let right = "SELECT c.relname, i.indexrelid FROM pg_index i RIGHT JOIN pg_class c ON i.indrelid = c.oid WHERE c.relkind = 'r' ORDER BY 1";
    assert_eq!(rows(right), rows(left));
    let full = "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) x(n, l) FULL JOIN (VALUES (2, 'c'), (3, 'd')) y(n, r) USING (n) ORDER BY n";
    assert_eq!(rows(full), ["1|a|", "2|b|c", "3||d"]);
    assert_eq!(one("SELECT count(*) FROM pg_class CROSS JOIN pg_namespace"), "16");
    let nested = "SELECT a.attname FROM (pg_class c INNER JOIN pg_namespace n ON n.oid = c.relnamespace AND c.relname LIKE 'users') INNER JOIN pg_attribute a ON a.attrelid = c.oid LEFT OUTER JOIN pg_attrdef d ON a.atthasdef AND d.adrelid = a.attrelid ORDER BY attnum";
    assert_eq!(rows(nested), ["id", "email"]);
}

#[test]
fn using_merges_columns() {
    let schemas = "SELECT nspoid, nspname, r.r FROM (SELECT ns.oid AS nspoid, ns.nspname, r.r FROM pg_namespace AS ns JOIN (SELECT s.r, (current_schemas(false))[s.r] AS nspname FROM generate_series(1, array_upper(current_schemas(false), 1)) AS s(r)) AS r USING (nspname)) AS sp(nspoid, nspname, r) JOIN (SELECT 1) r(r) ON true ORDER BY 1";
    assert_eq!(rows(schemas), ["11|pg_catalog|1", "2200|public|1"]);
    assert_eq!(rows("SELECT * FROM (SELECT 1 AS a, 2 AS b) x JOIN (SELECT 1 AS a, 3 AS c) y USING (a)"), ["1|2|3"]);
}

#[test]
fn subqueries_use_what_is_around_them() {
    let comments = "SELECT a.attname, (SELECT d.description FROM pg_description d WHERE d.objoid = a.attrelid AND d.objsubid = a.attnum) FROM pg_attribute a WHERE a.attrelid = 'users'::regclass ORDER BY a.attnum";
    assert_eq!(rows(comments), ["id|", "email|Login address"]);
    assert_eq!(
        rows("SELECT relname FROM pg_class c WHERE EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid)"),
        ["orders"]
    );
    assert_eq!(
        rows(
            "SELECT relname FROM pg_class WHERE oid IN (SELECT indrelid FROM pg_index) OR oid = (SELECT min(confrelid) FROM pg_constraint) ORDER BY 1"
        ),
        ["orders", "users"]
    );
    assert_eq!(
        rows("SELECT relname FROM pg_class WHERE oid <> ALL (SELECT attrelid FROM pg_attribute)"),
        ["big_orders"]
    );
    assert_eq!(
        rows(
            "SELECT relname, x.n FROM pg_class c, LATERAL (SELECT count(*) AS n FROM pg_attribute a WHERE a.attrelid = c.oid) x WHERE relkind = 'r' ORDER BY 1"
        ),
        ["orders|3", "users|2"]
    );
    assert_eq!(
        rows(
            "SELECT relname, a FROM pg_class c LEFT JOIN LATERAL (SELECT attname AS a FROM pg_attribute WHERE attrelid = c.oid AND attnum = 3) x ON true WHERE relkind = 'r' ORDER BY 1"
        ),
        ["orders|sku", "users|"]
    );
    assert_eq!(refused("SELECT (SELECT oid FROM pg_class)"), Kind::Cardinality);
    assert_eq!(refused("SELECT 1 FROM pg_class c, (SELECT c.oid) x"), Kind::UndefinedTable);
}

#[test]
fn rows_are_grouped() {
    let kinds = "SELECT relkind, count(*), array_agg(relname ORDER BY relname DESC), string_agg(relname, ',' ORDER BY oid) FILTER (WHERE relname <> 'users') FROM pg_class GROUP BY relkind ORDER BY 1";
    assert_eq!(
        rows(kinds),
        ["i|1|{orders_pkey}|orders_pkey", "r|2|{users,orders}|orders", "v|1|{big_orders}|big_orders"]
    );
    assert_eq!(
        one("SELECT count(*), max(relname), bool_and(relkind = 'r'), sum(1), min(oid) FROM pg_class"),
        "4|users|f|4|16410"
    );
    assert_eq!(one("SELECT count(*), max(relname) FROM pg_class WHERE false"), "0|");
    assert_eq!(rows("SELECT relkind k FROM pg_class GROUP BY k HAVING count(*) > 1"), ["r"]);
    assert_eq!(one("SELECT count(DISTINCT atttypid), array_agg(DISTINCT atttypid) FROM pg_attribute"), "2|{20,25}");
    assert_eq!(
        one(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE attnum > 2 GROUP BY c.oid"
        ),
        "orders"
    );
    assert_eq!(refused("SELECT relname, count(*) FROM pg_class GROUP BY relkind"), Kind::Grouping);
    assert_eq!(refused("SELECT 1 FROM pg_class WHERE count(*) > 1"), Kind::Grouping);
}

#[test]
fn windows_see_their_partition() {
    let numbers = "SELECT attrelid, attname, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum DESC), lag(attname) OVER (PARTITION BY attrelid ORDER BY attnum) FROM pg_attribute a WHERE attrelid < 16430 ORDER BY 1, attnum";
    assert_eq!(
        rows(numbers),
        ["16410|id|3|", "16410|user_id|2|id", "16410|sku|1|user_id", "16424|id|2|", "16424|email|1|id"]
    );
    assert_eq!(
        rows(
            "SELECT n, rank() OVER (ORDER BY n), sum(n) OVER (ORDER BY n) FROM (VALUES (1), (1), (2)) t(n) ORDER BY 1"
        ),
        ["1|1|2", "1|1|2", "2|3|4"]
    );
}

#[test]
fn sets_of_rows_go_side_by_side() {
    assert_eq!(rows("SELECT unnest(indkey), generate_subscripts(indkey, 1) FROM pg_index"), ["3|0", "1|1"]);
    assert_eq!(
        rows(
            "SELECT (information_schema._pg_expandarray(indkey)).n, (information_schema._pg_expandarray(indkey)).x FROM pg_index"
        ),
        ["1|3", "2|1"]
    );
    let keys = "SELECT (k.keys).x, (k.keys).n FROM (SELECT information_schema._pg_expandarray(indkey) AS keys FROM pg_index) k WHERE (k.keys).x = 1";
    assert_eq!(rows(keys), ["1|2"]);
    assert_eq!(rows("SELECT * FROM unnest(ARRAY['a','b']) WITH ORDINALITY AS t(v, n)"), ["a|1", "b|2"]);
    assert_eq!(
        rows(
            "SELECT a.attname FROM pg_constraint c, unnest(c.conkey) k JOIN pg_attribute a ON a.attnum = k WHERE a.attrelid = c.conrelid"
        ),
        ["user_id"]
    );
    assert_eq!(rows("SELECT s FROM generate_series(3, 1, -1) s"), ["3", "2", "1"]);
    assert_eq!(
        rows("SELECT i, generate_series(1, i) FROM (VALUES (1), (2)) t(i) ORDER BY 1, 2"),
        ["1|1", "2|1", "2|2"]
    );
}

#[test]
fn queries_are_united() {
    assert_eq!(rows("SELECT 1 UNION SELECT 1 UNION ALL SELECT 2 ORDER BY 1 DESC"), ["2", "1"]);
    assert_eq!(rows("SELECT NULL AS x UNION ALL SELECT 5"), ["", "5"]);
    assert_eq!(rows("(VALUES (1), (2), (2)) INTERSECT ALL VALUES (2), (3)"), ["2"]);
    assert_eq!(rows("VALUES (1), (2) EXCEPT SELECT 2"), ["1"]);
    assert_eq!(refused("SELECT 1 UNION SELECT 1, 2"), Kind::Syntax);
    assert_eq!(refused("SELECT 1 UNION SELECT true"), Kind::DatatypeMismatch);
}

#[test]
fn with_queries_may_be_recursive() {
    assert_eq!(
        rows(
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT n FROM t ORDER BY n DESC LIMIT 2"
        ),
        ["4", "3"]
    );
    assert_eq!(rows("WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b"), ["1|2"]);
    let inner = "SELECT t.typname, (WITH RECURSIVE b(oid, depth) AS (SELECT t2.typelem, 0 FROM pg_type t2 WHERE t2.oid = t.oid UNION ALL SELECT t2.typelem, b.depth + 1 FROM pg_type t2, b WHERE b.oid = t2.oid AND t2.typelem <> 0) SELECT oid FROM b ORDER BY depth DESC LIMIT 1) FROM pg_type t WHERE t.typelem <> 0 ORDER BY 1";
    assert_eq!(rows(inner), ["_int8|20", "_oid|26"]);
    let endless =
        parser::query("WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT count(*) FROM t").unwrap();
    assert!(evaluate(&endless, &super::Fake, &[], &|| Ok(())).is_err());
}

#[test]
fn rows_are_ordered_and_cut() {
    assert_eq!(rows("SELECT DISTINCT relkind FROM pg_class ORDER BY relkind DESC"), ["v", "r", "i"]);
    assert_eq!(
        rows("SELECT DISTINCT ON (relkind) relkind, relname FROM pg_class ORDER BY relkind, relname DESC"),
        ["i|orders_pkey", "r|users", "v|big_orders"]
    );
    assert_eq!(rows("SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x"), ["1", "2", ""]);
    assert_eq!(rows("SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x DESC NULLS LAST"), ["2", "1", ""]);
    assert_eq!(
        rows("SELECT relname AS \"Name\" FROM pg_class ORDER BY \"Name\" COLLATE \"C\" LIMIT 1 OFFSET 1"),
        ["orders"]
    );
    assert_eq!(rows("SELECT nspname FROM pg_namespace ORDER BY length(nspname), 1 LIMIT 2"), ["audit", "public"]);
    assert_eq!(refused("SELECT 1 LIMIT -1"), Kind::InvalidRowCount);
    assert_eq!(refused("SELECT 1 ORDER BY 2"), Kind::InvalidColumnReference);
}

#[test]
fn whole_rows_are_values() {
    assert_eq!(one("SELECT t FROM (VALUES (1, 'a b')) t(n, w)"), "(1,\"a b\")");
    assert_eq!(one("SELECT (t).w FROM (VALUES (1, 'a')) t(n, w)"), "a");
    assert_eq!(one("SELECT tableoid::regclass FROM pg_namespace LIMIT 1"), "2615");
    assert_eq!(
        rows("SELECT relname FROM pg_class WHERE (relname, relkind) IN (('orders', 'r'), ('users', 'v'))"),
        ["orders"]
    );
    assert_eq!(
        rows(
            "SELECT relname FROM pg_class WHERE (oid, relkind) IN (SELECT attrelid, 'r' FROM pg_attribute) ORDER BY 1"
        ),
        ["orders", "users"]
    );
}

#[test]
fn a_runaway_query_stops() {
    let endless =
        parser::query("SELECT count(*) FROM generate_series(1, 2000) a, generate_series(1, 2000) b WHERE a < b - 1")
            .unwrap();
    let stopped = evaluate(&endless, &super::Fake, &[], &|| Err(Error::new(Kind::Cancelled, "stop")));
    assert_eq!(stopped.unwrap_err().kind(), Kind::Cancelled);
}

#[test]
fn memory_is_bounded() {
    let doubled =
        "WITH RECURSIVE t(s) AS (SELECT repeat('x', 1000) UNION ALL SELECT s || s FROM t) SELECT count(*) FROM t";
    assert_eq!(refused(doubled), Kind::ProgramLimit);
    assert_eq!(refused("SELECT count(*) FROM generate_series(1, 100000000)"), Kind::LimitExceeded);
    assert_eq!(
        refused("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT n FROM t"),
        Kind::LimitExceeded
    );
}
