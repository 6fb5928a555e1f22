//! What sqlparser reads in the words of other databases, refused where PostgreSQL's grammar refuses it.
//!
//! sqlparser reads `DELETE FROM t LIMIT 1`, `SELECT TOP 5 ...` or `CREATE TABLE a CLONE b` whatever the dialect. A clause that
//! nobody looks at would be left out in silence, and the statement would do something else than it says. So each node is taken
//! apart here without `..`: a part that a newer sqlparser reads does not compile until somebody has said whose it is. What PostgreSQL
//! has not is an error of syntax at the word where PostgreSQL finds it; what it has, and nobody here runs, is refused by its name.
//!
//! The tree does not say where its words are. An error names the words, and [`located`] looks for them among the tokens.

mod alter;
mod create;
mod dml;
mod expression;
mod near;
mod query;
mod relation;
mod statement;

use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{Expr, Query, Select, Statement, TableFactor, Visit, Visitor};
use near::{absent, near, only};
pub use near::{here, located, must_begin, or_alter};
use std::ops::ControlFlow;

/// Refuses what PostgreSQL's grammar has not in a node and all below it; the place of the error is still to be [`located`].
pub fn must_be_postgresql(node: &impl Visit) -> Result<()> {
    match node.visit(&mut Grammar::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// Looks at every node.
#[derive(Default)]
struct Grammar {
    /// So many arrays are open: those within an array need no word before them.
    arrays: usize,
}

fn flow(found: Result<()>) -> ControlFlow<Box<Error>> {
    match found {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl Visitor for Grammar {
    type Break = Box<Error>;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Self::Break> {
        flow(statement::check(statement))
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        flow(query::check(query))
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        flow(query::check_select(select))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        flow(relation::check(factor))
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
        let within = self.arrays > 0;
        self.arrays += usize::from(matches!(expression, Expr::Array(_)));
        flow(expression::check(expression, within))
    }

    fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
        self.arrays -= usize::from(matches!(expression, Expr::Array(_)));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use crate::error::Kind;

    #[test]
    fn words_of_other_databases_are_refused_where_postgresql_refuses_them() {
        for (sql, word, place) in [
            ("SELECT top 5 a FROM t", "5", 12),
            ("SELECT a FROM t QUALIFY rank() OVER () = 1", "rank", 25),
            ("SELECT a FROM t START WITH a = 1 CONNECT BY PRIOR a = b", "WITH", 23),
            ("SELECT a FROM t FOR JSON AUTO", "JSON", 21),
            ("SELECT a FROM t UNION BY NAME SELECT 1", "BY", 23),
            ("SELECT a FROM t MINUS SELECT 1", "SELECT", 23),
            ("SELECT * FROM t SAMPLE 10", "10", 24),
            ("SELECT lag(a) IGNORE NULLS OVER () FROM t", "NULLS", 22),
            ("SELECT try_cast(a AS int) FROM t", "AS", 19),
            ("SELECT [1, 2]", "[", 8),
            ("SELECT {fn now()}", "{", 8),
            ("SELECT a FROM t CROSS APPLY (SELECT 1) x", "APPLY", 23),
            ("DELETE FROM t WHERE a IN (SELECT b FROM u LIMIT 1) LIMIT 1", "LIMIT", 52),
            ("delete from t order by a limit 1", "order", 15),
            ("DELETE FROM a, b", ",", 14),
            ("UPDATE t SET v = 0 LIMIT 1", "LIMIT", 20),
            ("UPDATE OR REPLACE t SET v = 0", "OR", 8),
            ("UPDATE a JOIN b ON true SET v = 0", "JOIN", 10),
            ("INSERT OR IGNORE INTO t VALUES (1)", "OR", 8),
            ("INSERT OVERWRITE t SELECT 1", "OVERWRITE", 8),
            ("TRUNCATE t PARTITION (p)", "PARTITION", 12),
            ("MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = 0 WHERE v > 1", "WHERE", 70),
            ("CREATE TABLE a CLONE b", "CLONE", 16),
            ("CREATE TABLE a (b int) STRICT", "STRICT", 24),
            ("CREATE TABLE a (b int COMMENT 'x')", "COMMENT", 23),
            ("CREATE OR REPLACE TABLE a (b int)", "TABLE", 19),
            ("DROP TABLE a PURGE", "PURGE", 14),
            ("ALTER TABLE t MODIFY COLUMN v bigint", "MODIFY", 15),
            ("EXPLAIN FORMAT JSON SELECT 1", "FORMAT", 9),
            ("EXPLAIN selec 1", "selec", 9),
            ("PRAGMA x", "PRAGMA", 1),
            ("REPLACE INTO t VALUES (1)", "REPLACE", 1),
            ("WITH d AS (DELETE FROM t LIMIT 1) SELECT 1", "LIMIT", 26),
        ] {
            let error = parse(sql).unwrap_err();
            assert_eq!((error.kind(), error.position()), (Kind::Syntax, Some(place)), "{sql}: {error}");
            assert_eq!(error.message(), format!("syntax error at or near \"{word}\""), "{sql}");
        }
    }

    #[test]
    fn what_postgresql_has_is_read() {
        for sql in [
            "SELECT ARRAY[[1, 2], [3, 4]], (ARRAY[1])[1:2]",
            "SELECT a AS qualify, b AS top FROM t AS sample",
            "SELECT DISTINCT ON (a) a FROM t ORDER BY a FETCH FIRST ROW WITH TIES",
            "SELECT count(*) FILTER (WHERE a), percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t",
            "SELECT * FROM a LEFT JOIN b USING (c) NATURAL JOIN d CROSS JOIN LATERAL (SELECT 1) e",
            "SELECT interval '1' day, date '2020-01-01', extract(year FROM a), trim(both 'x' FROM a) FROM t",
            "DELETE FROM a AS x USING b WHERE x.c = b.c RETURNING *",
            "INSERT INTO t AS x (a) OVERRIDING SYSTEM VALUE VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1 WHERE true",
            "CREATE TEMP TABLE t (a int PRIMARY KEY DEFERRABLE, b text COLLATE \"C\" DEFAULT 'x') ON COMMIT DROP",
            "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int GENERATED ALWAYS AS (a + 1) STORED)",
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t USING btree (a DESC NULLS LAST) INCLUDE (b) WHERE a > 1",
            "CREATE VIEW v AS SELECT 1 AS a",
            "EXPLAIN (ANALYZE, FORMAT json) SELECT 1",
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
            "TRUNCATE TABLE a, b RESTART IDENTITY CASCADE",
        ] {
            assert!(parse(sql).is_ok(), "{sql}: {}", parse(sql).unwrap_err());
        }
    }
}
