#!/bin/sh
# Records what PostgreSQL's catalogue looks like, for src/sql/pg_catalog/relations/columns.txt:
#   tests/compat/pg_catalog.sh "host=... dbname=..." > src/sql/pg_catalog/relations/columns.txt
# Steward has all these relations with these columns; where it has nothing to say they are empty.
cat <<'TEXT'
# Relations of pg_catalog and information_schema of PostgreSQL 15: OID, name, kind, type of
# its rows, type of their arrays, columns with their types; `!` is NOT NULL.
# Recorded by tests/compat/pg_catalog.sh.
TEXT
exec psql "$1" -Atq -c "
SELECT c.oid || ' ' || n.nspname || '.' || c.relname || ' ' || c.relkind::text || ' ' || c.reltype || ' ' || r.typarray || ' ' || string_agg(
         a.attname || ' ' || CASE WHEN e.oid IS NULL THEN t.typname ELSE e.typname || '[]' END
         || CASE WHEN a.attnotnull THEN '!' ELSE '' END, ', ' ORDER BY a.attnum)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type r ON r.oid = c.reltype
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v')
GROUP BY n.nspname, c.relname, c.oid, c.relkind, r.typarray
ORDER BY n.nspname DESC, c.relname"
