"""psycopg2: the simple protocol only, parameters written into the text by the client, BEGIN before the first statement,
named cursors as DECLARE and FETCH, COPY by files."""

import io
import os
import select
from datetime import date, timedelta, timezone
from decimal import Decimal

import psycopg2
import psycopg2.extras
from psycopg2 import errors, extensions

from steps import Steps, again_and_again, connection_facts, equal, expect, holds
from teas import OOLONG


def connect(analyst=False, **more):
    facts = connection_facts(analyst)
    facts["dbname"] = facts.pop("database")
    return psycopg2.connect(**facts, connect_timeout=10, **more)


step = Steps("psycopg2", connect)


def rows(c, statement, values=None):
    with c.cursor() as k:
        k.execute(statement, values)
        return k.fetchall()


@step("values and their types")
def _(c):
    row = list(rows(c, "SELECT * FROM teas WHERE code = 'OOL-1'")[0])
    row[12], row[17] = bytes(row[12]), row[17].astimezone(timezone.utc)
    equal(
        row,
        list((OOLONG | {"uid": str(OOLONG["uid"])}).values()),
    )


@step("values and their types, continued, NULL, empty, quotes")
def _(c):
    equal(
        rows(c, "SELECT name, labels, batches, rating, leaf FROM teas WHERE code = 'PUE-2'"),
        [('Pu\'er "old, dark" cake', [], None, None, None)],
    )
    equal(rows(c, "SELECT labels, batches FROM teas WHERE code = 'MIN-3'"), [(["with space", None, "a,b"], [-7])])


@step("literals that the client writes")
def _(c):
    values = (
        "it's",
        "back\\slash",
        b"\x00\xfe",
        Decimal("1.50"),
        None,
        True,
        date(2026, 1, 2),
        [1, 2],
        ["a", None],
        timedelta(days=2),
    )
    row = rows(c, "SELECT %s, %s, %s::bytea, %s, %s::text, %s, %s, %s, %s, %s", values)[0]
    equal(tuple(bytes(v) if isinstance(v, memoryview) else v for v in row), values)


@step("lists in IN and ANY, percent in LIKE")
def _(c):
    equal(rows(c, "SELECT code FROM teas WHERE code IN %s ORDER BY 1", (("OOL-1", "MIN-3"),)), [("MIN-3",), ("OOL-1",)])
    equal(
        rows(c, "SELECT code FROM teas WHERE code = ANY(%s) AND name LIKE %s", (["OOL-1", "MIN-3"], "M%")), [("MIN-3",)]
    )


@step("columns are described")
def _(c):
    with c.cursor() as k:
        k.execute("SELECT code, price, listed FROM teas")
        equal([(d.name, d.type_code) for d in k.description], [("code", 1043), ("price", 1700), ("listed", 1184)])
        equal((k.description[1].precision, k.description[1].scale, k.rowcount, k.statusmessage), (10, 2, 3, "SELECT 3"))


@step("isolation, read only, autocommit")
def _(c):
    c.set_session(isolation_level="SERIALIZABLE", readonly=True)
    equal(rows(c, "SHOW transaction_isolation"), [("serializable",)])
    expect(errors.ReadOnlySqlTransaction, lambda: rows(c, "DELETE FROM stock.moves RETURNING id"))
    c.rollback()
    c.set_session(isolation_level="DEFAULT", readonly=False, autocommit=True)
    equal(rows(c, "SHOW transaction_isolation"), [("read committed",)])
    equal(c.get_transaction_status(), extensions.TRANSACTION_STATUS_IDLE)


@step("rollback, and a failed transaction")
def _(c):
    equal(rows(c, "INSERT INTO stock.moves (id, what) VALUES (1100, 'x') RETURNING id"), [(1100,)])
    expect(errors.UniqueViolation, lambda: rows(c, "INSERT INTO stock.moves (id) VALUES (1100)"))
    equal(c.get_transaction_status(), extensions.TRANSACTION_STATUS_INERROR)
    expect(errors.InFailedSqlTransaction, lambda: rows(c, "SELECT 1"))
    c.rollback()
    equal(rows(c, "SELECT count(*) FROM stock.moves WHERE id = 1100"), [(0,)])


@step("savepoints")
def _(c):
    with c.cursor() as k:
        k.execute(
            "INSERT INTO stock.moves (id, what) VALUES (1110, 'kept'); SAVEPOINT here; DELETE FROM stock.moves WHERE id = 1110"
        )
        equal(k.statusmessage, "DELETE 1")
        k.execute("ROLLBACK TO SAVEPOINT here")
    equal(rows(c, "SELECT what FROM stock.moves WHERE id = 1110"), [("kept",)])
    c.rollback()


@step("with blocks commit and roll back")
def _(c):
    with c, c.cursor() as k:
        k.execute("INSERT INTO stock.moves (id, what) VALUES (1120, 'with')")

    def fails():
        with c, c.cursor() as k:
            k.execute("DELETE FROM stock.moves WHERE id = 1120")
            k.execute("SELECT 1/0")

    expect(errors.DivisionByZero, fails)
    with c, c.cursor() as k:
        k.execute("DELETE FROM stock.moves WHERE id = 1120")
        equal(k.rowcount, 1)


@step("named cursor")
def _(c):
    with c.cursor("walk") as k:
        k.itersize = 2
        k.execute("SELECT id FROM orders ORDER BY id")
        equal([row[0] for row in k], [1, 2, 3, 4])


@step("named cursor, scrolled")
def _(c):
    with c.cursor("back", scrollable=True) as k:
        k.execute("SELECT id FROM orders ORDER BY id")
        k.scroll(2)
        equal(k.fetchone(), (3,))
        k.scroll(0, mode="absolute")
        equal(k.fetchmany(2), [(1,), (2,)])


@step("dictionaries and named tuples as rows")
def _(c):
    with c.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as k:
        k.execute("SELECT id, profile ->> 'lang' AS lang FROM customers WHERE id = 1")
        equal(dict(k.fetchone()), {"id": 1, "lang": "zh"})
    with c.cursor(cursor_factory=psycopg2.extras.NamedTupleCursor) as k:
        k.execute("SELECT name FROM dear_orders")
        equal(k.fetchone().name, "Mei Lin")


@step("execute_values, execute_batch, executemany")
def _(c):
    with c.cursor() as k:
        upsert = "INSERT INTO stock.moves (id, what) VALUES %s ON CONFLICT (id) DO UPDATE SET what = EXCLUDED.what RETURNING id"
        equal(psycopg2.extras.execute_values(k, upsert, [(1130, "a"), (1131, "b")], fetch=True), [(1130,), (1131,)])
        psycopg2.extras.execute_batch(k, "UPDATE stock.moves SET what = %s WHERE id = %s", [("c", 1130), ("d", 1131)])
        k.executemany("DELETE FROM stock.moves WHERE id = %s AND what = %s", [(1130, "c"), (1131, "d")])
        equal(k.rowcount, 2)
    equal(rows(c, "SELECT count(*) FROM stock.moves WHERE id >= 1130"), [(0,)])
    c.rollback()


@step("COPY out")
def _(c):
    out = io.StringIO()
    with c.cursor() as k:
        k.copy_expert("COPY (SELECT code, stock, rating FROM teas ORDER BY 1) TO STDOUT WITH CSV HEADER", out)
        equal(out.getvalue(), "code,stock,rating\nMIN-3,40,3.25\nOOL-1,12,4.5\nPUE-2,0,\n")
        out = io.StringIO()
        k.copy_to(out, "teas", columns=("code", "labels", "leaf"))
        equal(
            sorted(out.getvalue().splitlines()),
            ['MIN-3\t{"with space",NULL,"a,b"}\t\\\\x', "OOL-1\t{roasted,dark}\t\\\\x00ff10", "PUE-2\t{}\t\\N"],
        )


@step("COPY in")
def _(c):
    with c.cursor() as k:
        k.execute("SET search_path TO stock")
        k.copy_from(io.StringIO("1140\tx\n1141\t\\N\n"), "moves", columns=("id", "what"))
        equal(k.rowcount, 2)
        k.copy_expert(
            "COPY moves (id, what) FROM STDIN WITH CSV HEADER QUOTE '\"'", io.StringIO('id,what\n1142,"a ""b"", c"\n')
        )
        equal(rows(c, "SELECT what FROM moves WHERE id >= 1140 ORDER BY id"), [("x",), (None,), ('a "b", c',)])
    c.rollback()


@step("errors, their codes and fields")
def _(c):
    caught = expect(
        errors.ForeignKeyViolation,
        lambda: rows(c, "INSERT INTO orders (customer_id, code) VALUES (1, 'none') RETURNING id"),
    )
    equal((caught.pgcode, caught.diag.table_name, caught.diag.constraint_name), ("23503", "orders", "orders_code_fkey"))
    equal(caught.diag.message_detail, 'Key (code)=(none) is not present in table "teas".')
    c.rollback()
    caught = expect(errors.CheckViolation, lambda: rows(c, "UPDATE teas SET price = 0 RETURNING code"))
    equal((caught.pgcode, caught.diag.constraint_name), ("23514", "teas_price_check"))
    c.rollback()
    caught = expect(errors.SyntaxError, lambda: rows(c, "SELECT FROM WHERE"))
    holds("at or near" in caught.pgerror and "LINE 1:" in caught.pgerror, caught.pgerror)


@step("json and hstore are looked up")
def _(c):
    psycopg2.extras.register_default_jsonb(c)
    equal(rows(c, "SELECT profile FROM customers WHERE id = 2"), [({"lang": "de", "visits": 1},)])
    expect(psycopg2.ProgrammingError, lambda: psycopg2.extras.register_hstore(c))


@step("parameters of the connection")
def _(c):
    holds(150000 <= c.server_version < 160000, c.server_version)
    equal(
        (c.encoding, c.get_parameter_status("server_encoding"), c.get_parameter_status("TimeZone") is None),
        ("UTF8", "UTF8", False),
    )
    c.set_client_encoding("UTF8")
    equal(c.info.dbname, os.environ["PGDATABASE"])


@step("Latin-1 as the client's encoding")
def _(c):
    c.set_client_encoding("LATIN1")
    equal(rows(c, "SELECT name FROM customers WHERE id = 3"), [('Rosa "Rosie" Díaz',)])
    equal(rows(c, "SELECT %s::text", ("é",)), [("é",)])


@step("LISTEN and NOTIFY")
def _(c):
    c.set_session(autocommit=True)
    with c.cursor() as k:
        k.execute("LISTEN spoon; NOTIFY spoon, 'stir'")
    while not c.notifies:
        holds(select.select([c], [], [], 5)[0], "no notification within 5 seconds")
        c.poll()
    equal((c.notifies[0].channel, c.notifies[0].payload), ("spoon", "stir"))


@step("notices arrive")
def _(c):
    with c.cursor() as k:
        k.execute("DROP TABLE IF EXISTS no_such_table")
    equal(c.notices, ['NOTICE:  table "no_such_table" does not exist, skipping\n'])


@step("asynchronous connection, and cancel")
def _(c):
    waiting = connect(async_=1)
    psycopg2.extras.wait_select(waiting)
    k = waiting.cursor()
    k.execute("SELECT pg_sleep(30)")
    with again_and_again(waiting.cancel):
        expect(errors.QueryCanceled, lambda: psycopg2.extras.wait_select(waiting))
    waiting.close()


@step("a role sees e-mail addresses masked", only_steward=True, analyst=True)
def _(c):
    equal(rows(c, "SELECT email FROM customers WHERE name = %s", ("Otto Braun",)), [("o***@t***.example",)])
    with c.cursor("walk") as k:
        k.execute("SELECT email FROM customers ORDER BY id")
        equal(k.fetchone(), ("m***@t***.example",))


@step("model functions and search", only_steward=True)
def _(c):
    row = rows(
        c,
        "SELECT CLASSIFY(%s), PREDICT_CTR(%s, %s, '{\"slot\": 1}'), QUALITY(%s)",
        ("mei@tea.example", "visitor-1", "tea-1", "teas"),
    )[0]
    equal((row[0], type(row[1]), type(row[2])), ("email", float, float))
    equal(
        rows(c, "SELECT t.code, s.rank FROM SEARCH('house.stories', %s) s JOIN teas t ON t.code = s.key", ("mint",)),
        [("MIN-3", 1)],
    )


step.end()
