//! Expressions: types that literals take, NULL, operators, functions, casts.

use super::super::super::value::{Type, Value};
use super::{answer, answer_with, one, refused, rows};
use crate::error::Kind;

#[test]
fn literals_take_the_type_of_their_neighbours() {
    assert_eq!(one("SELECT relname FROM pg_class WHERE oid = '16410'"), "orders");
    assert_eq!(one("SELECT relname FROM pg_class WHERE oid = 16410"), "orders");
    assert_eq!(one("SELECT relname FROM pg_class WHERE oid = 'orders'::regclass"), "orders");
    assert_eq!(one("SELECT 'public.orders'::regclass"), "orders");
    assert_eq!(one("SELECT CAST(CAST('orders' AS REGCLASS) AS OID)"), "16410");
    assert_eq!(one("SELECT 16410::regclass::text || '!'"), "orders!");
    assert_eq!(refused("SELECT 1 FROM pg_class WHERE oid = 'x'"), Kind::InvalidText);
    assert_eq!(refused("SELECT 1 FROM pg_class WHERE relname = 1"), Kind::UndefinedFunction);
    assert_eq!(refused("SELECT 'nowhere'::regclass"), Kind::UndefinedTable);
}

#[test]
fn parameters_take_the_type_of_their_neighbours() {
    let by_oid = [(Value::Text("16410".into()), Type::Unknown)];
    let answer = answer_with("SELECT relname FROM pg_class WHERE oid = $1", &by_oid).unwrap();
    assert_eq!(&*answer.rows[0], [Value::Text("orders".into())]);
    let oids = [(Value::Array([Value::Int(16410), Value::Int(16424)].into()), Type::Array(Box::new(Type::Int8)))];
    assert_eq!(answer_with("SELECT 1 FROM pg_class WHERE oid = any($1::oid[])", &oids).unwrap().rows.len(), 2);
    assert_eq!(answer_with("SELECT $1", &[]).map(|_| ()).unwrap_err().kind(), Kind::Syntax);
}

#[test]
fn moments_have_time_between_them() {
    let between = "'2026-01-03 04:05:06+00'::timestamptz - '2026-01-01 00:00:00+00'::timestamptz";
    assert_eq!(one(&format!("SELECT {between}")), "2 days 04:05:06");
    assert_eq!(one(&format!("SELECT {between} > interval '1 day', {between} > '3 days'")), "t|f");
    assert_eq!(one("SELECT now() - now() < interval '5 minutes'"), "t");
    assert_eq!(one(&format!("SELECT extract(epoch FROM {between})::int")), "187506");
    assert_eq!(one("SELECT '2026-01-01 00:00:00+00'::timestamptz + interval '90 minutes'"), "2026-01-01 01:30:00+00");
    assert_eq!(refused("SELECT now() > interval '1 day'"), Kind::UndefinedFunction);
}

#[test]
fn null_is_neither_true_nor_false() {
    assert_eq!(one("SELECT NULL IN (1), 1 IN (1, NULL), 2 IN (1, NULL), 2 NOT IN (1, NULL)"), "|t||");
    assert_eq!(one("SELECT NULL AND false, NULL OR true, NULL AND true, NOT NULL"), "f|t||");
    assert_eq!(
        one("SELECT NULL IS NULL, 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL, NULL IS TRUE"),
        "t|t|t|f"
    );
    assert_eq!(one("SELECT 1 = ANY ('{1,NULL}'), 2 = ANY (ARRAY[1, NULL]), 3 <> ALL (ARRAY[1, 2])"), "t||t");
    assert_eq!(one("SELECT coalesce(NULL, 'a'), nullif('a', 'a'), greatest(1, NULL, 3), least(2, 1)"), "a||3|1");
    assert_eq!(one("SELECT CASE 1 WHEN 2 THEN 'b' END, CASE WHEN NULL THEN 1 ELSE 2 END"), "|2");
}

#[test]
fn patterns_are_postgresqls() {
    assert_eq!(
        one("SELECT 'pg_toast' LIKE 'pg\\_%', 'pgxtoast' LIKE 'pg\\_%', 'a/b' NOT LIKE 'a//b' ESCAPE '/'"),
        "t|f|f"
    );
    assert_eq!(one("SELECT 'AbC' ILIKE 'a%c', 'abc' LIKE '_b_', 'abc' LIKE '%bc%%', '' LIKE '%'"), "t|t|t|t");
    assert_eq!(
        one("SELECT 'pg_x' ~ '^pg_', 'PG' ~* '^pg', 'a' !~ 'b', 'orders' OPERATOR(pg_catalog.~) '^(orders)$'"),
        "t|t|t|t"
    );
    assert_eq!(refused("SELECT 'a' ~ '('"), Kind::InvalidRegex);
    assert_eq!(
        one("SELECT regexp_replace('a1b2', '[0-9]', '<\\&>', 'g'), substring('ab12' from '[0-9]+')"),
        "a<1>b<2>|12"
    );
}

#[test]
fn arrays_and_vectors_are_indexed() {
    assert_eq!(
        one("SELECT indkey, indkey[0], indkey[2], array_upper(indkey, 1), array_length(indkey, 1) FROM pg_index"),
        "3 1|3||1|2"
    );
    assert_eq!(one("SELECT (ARRAY['a','b'])[2], ('{x,\"y z\"}'::text[])[2], (ARRAY[1,2,3])[2:]"), "b|y z|{2,3}");
    assert_eq!(
        one("SELECT ARRAY[1,2] || 3, ARRAY['a'] || ARRAY['b'], array_to_string(ARRAY['a',NULL,'c'], ',', '*')"),
        "{1,2,3}|{a,b}|a,*,c"
    );
    assert_eq!(
        one("SELECT ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = 16424 ORDER BY attnum)"),
        "{id,email}"
    );
    assert_eq!(
        one("SELECT current_schemas(true), (current_schemas(false))[1], array_position(ARRAY['a','b'], 'b')"),
        "{pg_catalog,public}|pg_catalog|2"
    );
    assert_eq!(one("SELECT conkey::text, conkey @> '{2}', conkey && '{3}' FROM pg_constraint"), "{2}|t|f");
}

#[test]
fn texts_are_worked_on() {
    assert_eq!(
        one("SELECT trim(both '\"' from '\"a\"'), split_part('a.b', '.', 2), replace('aa', 'a', 'b'), left('abc', -1)"),
        "a|b|bb|ab"
    );
    assert_eq!(
        one("SELECT substring('abcdef' from 0 for 4), substr('abc', 2), position('c' in 'abc'), length('äö')"),
        "abc|bc|3|2"
    );
    assert_eq!(
        one("SELECT quote_ident('Odd name'), quote_ident('plain'), quote_ident('user'), quote_literal('it''s')"),
        "\"Odd name\"|plain|\"user\"|'it''s'"
    );
    assert_eq!(
        one("SELECT format('%I.%s = %L', 'T', 1, NULL), concat('a', NULL, 1, true), concat_ws('-', 'a', NULL, 'b')"),
        "\"T\".1 = NULL|a1t|a-b"
    );
    assert_eq!(one("SELECT 'a' || 1, 1 || 'b', md5('a')"), "a1|1b|0cc175b9c0f1b6a831c399e269772661");
    assert_eq!(
        one("SELECT pg_size_pretty(8192::bigint), pg_size_pretty(81920), pg_size_pretty(10485760)"),
        "8192 bytes|80 kB|10 MB"
    );
}

#[test]
fn numbers_keep_their_types() {
    assert_eq!(one("SELECT 7 / 2, -7 % 3, 5 & 1::smallint, 1 + 1.5, 2 * 3"), "3|-1|1|2.5|6");
    assert_eq!(refused("SELECT 2147483647 + 1"), Kind::NumericOutOfRange);
    assert_eq!(refused("SELECT 1 / 0"), Kind::DivisionByZero);
    assert_eq!(refused("SELECT 'a'::int"), Kind::InvalidText);
    assert_eq!(one("SELECT true::int, 't'::bool, 'off'::boolean, 1::bool, ' 12 '::int4"), "1|t|f|t|12");
}

#[test]
fn json_is_built() {
    assert_eq!(
        one("SELECT json_build_object('a', 1, 'b', 'x', 'c', NULL, 'd', true)"),
        r#"{"a" : 1, "b" : "x", "c" : null, "d" : true}"#
    );
    assert_eq!(
        one("SELECT row_to_json(n) FROM (SELECT oid, nspname FROM pg_namespace WHERE oid = 11) n"),
        r#"{"oid":11,"nspname":"pg_catalog"}"#
    );
    assert_eq!(
        one("SELECT json_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = 16424"),
        r#"["id", "email"]"#
    );
    assert_eq!(one("SELECT to_json(ARRAY[1,2]), '{\"a\":{\"b\":2}}'::json -> 'a' ->> 'b'"), "[1,2]|2");
}

#[test]
fn columns_are_called_as_in_postgresql() {
    let names = |sql: &str| {
        let columns = answer(sql).unwrap().columns;
        columns.into_iter().map(|column| column.name).collect::<Vec<_>>()
    };
    assert_eq!(
        names("SELECT 1, now(), 'a'::text, c.relname, count(*) FROM pg_class c GROUP BY relname LIMIT 0"),
        ["?column?", "now", "text", "relname", "count"]
    );
    assert_eq!(
        names("SELECT c.oid, c.oid, 'orders'::pg_catalog.regclass, CASE WHEN true THEN 1 END FROM pg_class c"),
        ["oid", "oid", "regclass", "case"]
    );
    assert_eq!(
        names(
            "SELECT (information_schema._pg_expandarray(indkey)).n, indkey[0], ARRAY(SELECT 1), EXISTS(SELECT 1) FROM pg_index"
        ),
        ["n", "indkey", "array", "exists"]
    );
    assert_eq!(names("SELECT n.oid, n.* FROM pg_namespace n").len(), 5);
    assert!(rows("SELECT relname FROM pg_class WHERE false").is_empty());
}

#[test]
fn names_that_are_not_there_are_refused() {
    assert_eq!(refused("SELECT nothing FROM pg_class"), Kind::UndefinedColumn);
    assert_eq!(refused("SELECT c.nothing FROM pg_class c"), Kind::UndefinedColumn);
    assert_eq!(refused("SELECT d.oid FROM pg_class c"), Kind::UndefinedTable);
    assert_eq!(refused("SELECT pg_class.oid FROM pg_class c"), Kind::UndefinedTable);
    assert_eq!(refused("SELECT 1 FROM pg_nothing"), Kind::UndefinedTable);
    assert_eq!(refused("SELECT nothing(1)"), Kind::UndefinedFunction);
    assert_eq!(refused("SELECT oid FROM pg_class, pg_namespace"), Kind::AmbiguousColumn);
    assert_eq!(refused("SELECT 1 FROM pg_class, pg_class"), Kind::DuplicateAlias);
    assert_eq!(refused("SELECT 1::nothing"), Kind::UndefinedObject);
}
