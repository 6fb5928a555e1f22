"""psqlODBC through pyodbc: the way of Excel, Tableau and Power BI. Catalogue functions of ODBC, statements with a savepoint
around each, cursors by DECLARE and FETCH, and several settings in one query string when a connection begins."""

import os
from datetime import date, datetime
from decimal import Decimal

import pyodbc

from steps import Steps, connection_facts, equal, holds
from teas import OOLONG

DRIVER = os.environ.get("ODBC_DRIVER", "PostgreSQL Unicode")


class Odbc:
    """What a step gets: a connection and a cursor in one."""

    def __init__(self, analyst=False, **options):
        facts = connection_facts(analyst)
        words = {
            "DRIVER": "{" + DRIVER + "}",
            "SERVER": facts["host"],
            "PORT": facts["port"],
            "UID": facts["user"],
            "PWD": facts["password"],
            "DATABASE": facts["database"],
            **options,
        }
        self.connection = pyodbc.connect(";".join(f"{k}={v}" for k, v in words.items()), timeout=10)
        self.cursor = self.connection.cursor()

    def rows(self, statement, *values):
        return [tuple(row) for row in self.cursor.execute(statement, *values).fetchall()]

    def close(self):
        self.connection.close()


step = Steps("odbc", Odbc)


def expect(state, run):
    """The SQLSTATE of the error that running gives."""
    try:
        run()
    except pyodbc.Error as caught:
        equal(caught.args[0], state)
        return caught
    raise AssertionError(f"no error {state}")


@step("what the driver learns of the server")
def _(o):
    c = o.connection
    equal(c.getinfo(pyodbc.SQL_DBMS_NAME), "PostgreSQL")
    holds(c.getinfo(pyodbc.SQL_DBMS_VER).startswith("15."), c.getinfo(pyodbc.SQL_DBMS_VER))
    equal(c.getinfo(pyodbc.SQL_DATABASE_NAME), os.environ["PGDATABASE"])


@step("SQLTables")
def _(o):
    tables = {t.table_name for t in o.cursor.tables(schema="public", tableType="TABLE")}
    holds({"customers", "orders", "teas"} <= tables and "dear_orders" not in tables, tables)
    equal(
        [(t.table_name, t.table_type) for t in o.cursor.tables(schema="public", tableType="VIEW")],
        [("dear_orders", "VIEW")],
    )
    equal([t.table_name for t in o.cursor.tables(table="tea%", schema="stock")], [])
    everything = {(t.table_schem, t.table_name) for t in o.cursor.tables()}
    holds({("stock", "moves"), ("public", "dear_orders")} <= everything, sorted(everything))


@step("SQLTables, schemas")
def _(o):
    schemas = {t.table_schem for t in o.cursor.tables(catalog="", schema="%", table="")}
    holds({"public", "stock"} <= schemas, schemas)


@step("SQLColumns")
def _(o):
    found = [
        (c.column_name, c.type_name, c.column_size, c.nullable) for c in o.cursor.columns(table="teas", schema="public")
    ]
    equal(
        found[:6],
        [
            ("code", "varchar", 8, 0),
            ("name", "text", 8190, 0),
            ("price", "numeric", 10, 0),
            ("grams", "int2", 5, 1),
            ("stock", "int4", 10, 0),
            ("sold", "int8", 19, 1),
        ],
    )
    equal([c.data_type for c in o.cursor.columns(table="teas", column="listed")], [pyodbc.SQL_TYPE_TIMESTAMP])
    equal([c.column_def for c in o.cursor.columns(table="customers", column="newsletter")], ["false"])


@step("SQLPrimaryKeys and SQLForeignKeys")
def _(o):
    equal(
        [(k.column_name, k.pk_name) for k in o.cursor.primaryKeys(table="orders", schema="public")],
        [("id", "orders_pkey")],
    )
    keys = sorted(
        (k.fkcolumn_name, k.pktable_name, k.pkcolumn_name)
        for k in o.cursor.foreignKeys(foreignTable="orders", foreignSchema="public")
    )
    equal(keys, [("code", "teas", "code"), ("customer_id", "customers", "id")])
    equal([k.fktable_name for k in o.cursor.foreignKeys(table="teas", schema="public")], ["orders"])


@step("SQLStatistics of a key")
def _(o):
    found = [
        (s.index_name, s.column_name, s.non_unique)
        for s in o.cursor.statistics(table="orders", schema="public", unique=True)
        if s.index_name
    ]
    holds(("orders_pkey", "id", 0) in found and ("orders_once", "code", 0) in found, found)


@step("SQLStatistics of plain indexes")
def _(o):
    found = {s.index_name for s in o.cursor.statistics(table="teas", schema="public") if s.index_name}
    holds({"teas_pkey", "teas_name_idx", "teas_cheap_idx"} <= found, found)


@step("SQLSpecialColumns")
def _(o):
    equal([r.column_name for r in o.cursor.rowVerColumns(table="orders", schema="public")], ["xmin"])


@step("SQLProcedures")
def _(o):
    equal([p.procedure_name for p in o.cursor.procedures(procedure="order_total", schema="public")], ["order_total"])


@step("SQLGetTypeInfo")
def _(o):
    names = {t.type_name for t in o.cursor.getTypeInfo()}
    holds({"int4", "int8", "text", "varchar", "numeric", "timestamptz", "bool"} <= names, names)


@step("values and their types")
def _(o):
    names = "code name price grams stock sold rating share harvested opens tasted leaf labels".split()
    row = o.rows(f"SELECT {', '.join(names)} FROM teas WHERE code = ?", "OOL-1")[0]
    equal(
        row,
        tuple(OOLONG[name] for name in names[:-1]) + ("{roasted,dark}",),
    )
    equal(
        o.rows("SELECT organic, uid FROM teas WHERE code = 'OOL-1'")[0][1].lower(),
        "6f1d0c1e-0000-4000-8000-000000000001",
    )


@step("columns are described")
def _(o):
    o.cursor.execute("SELECT code, price, listed FROM teas")
    equal(
        [(d[0], d[1], d[4], d[5]) for d in o.cursor.description],
        [("code", str, 8, 0), ("price", Decimal, 10, 2), ("listed", datetime, 26, 6)],
    )


@step("parameters of many types")
def _(o):
    values = (7, 2**40, "é 茶", Decimal("1.50"), date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5), True, None)
    row = o.rows("SELECT ?::int, ?::int8, ?::text, ?::numeric(6,2), ?::date, ?::timestamp, ?::bool, ?::text", *values)[
        0
    ]
    equal(row[:6] + row[7:], values[:6] + values[7:])
    equal(o.rows("SELECT code FROM teas WHERE price > ? AND stock <> ? ORDER BY 1", 5, 0), [("OOL-1",)])


@step("commit and rollback")
def _(o):
    o.cursor.execute("INSERT INTO stock.moves (id, what) VALUES (?, ?)", 3100, "odbc")
    o.connection.rollback()
    equal(o.rows("SELECT count(*) FROM stock.moves WHERE id = 3100"), [(0,)])


@step("an error undoes its own statement only")
def _(o):
    o.cursor.execute("INSERT INTO stock.moves (id, what) VALUES (3110, 'kept')")
    expect("23505", lambda: o.cursor.execute("INSERT INTO stock.moves (id) VALUES (3110)"))
    equal(o.rows("SELECT what FROM stock.moves WHERE id = 3110"), [("kept",)])
    o.connection.rollback()


@step("executemany and counts")
def _(o):
    o.cursor.executemany("INSERT INTO stock.moves (id, what) VALUES (?, ?)", [(3120, "a"), (3121, None)])
    o.cursor.execute("DELETE FROM stock.moves WHERE id >= 3120")
    equal(o.cursor.rowcount, 2)
    o.connection.commit()


@step("cursors by DECLARE and FETCH", UseDeclareFetch=1, Fetch=2)
def _(o):
    equal([r[0] for r in o.rows("SELECT id FROM orders ORDER BY id")], [1, 2, 3, 4])


@step("without server-side prepare", UseServerSidePrepare=0)
def _(o):
    equal(o.rows("SELECT ? || 'x', ?::int + 1", "a'b", 4), [("a'bx", 5)])


@step("as Excel sets it up, no transaction, read only", ReadOnly=1)
def _(o):
    o.connection.autocommit = True
    equal(
        o.rows('SELECT "customers"."name" FROM "shop"."public"."customers" "customers" WHERE ("customers"."id" = 1)'),
        [("Mei Lin",)],
    )


@step("SQLSTATEs")
def _(o):
    o.connection.autocommit = True
    for statement, state in [
        ("SELEC 1", "42601"),
        ("SELECT * FROM nowhere", "42P01"),
        ("SELECT flavour FROM teas", "42703"),
        ("SELECT 1/0", "22012"),
        ("INSERT INTO teas (code, name, price) VALUES ('OOL-1', 'x', 1)", "23505"),
    ]:
        expect(state, lambda: o.cursor.execute(statement).fetchall())


@step("TLS", SSLmode="require")
def _(o):
    equal(o.rows("SELECT 1"), [(1,)])


@step("a role sees e-mail addresses masked", only_steward=True, analyst=True)
def _(o):
    equal(o.rows("SELECT email FROM customers WHERE id = ?", 1), [("m***@t***.example",)])
    expect("42501", lambda: o.rows("SELECT * FROM stock.moves"))


@step("model functions and search", only_steward=True)
def _(o):
    row = o.rows(
        "SELECT CLASSIFY(?), PREDICT_CTR(?, ?, '{\"slot\": 1}'), QUALITY('teas')",
        "mei@tea.example",
        "visitor-1",
        "tea-1",
    )[0]
    equal((row[0], type(row[1]), type(row[2])), ("email", float, float))
    equal(o.rows("SELECT rank, key FROM SEARCH('house.stories', 'mint')"), [(1, "MIN-3")])


step.end()
