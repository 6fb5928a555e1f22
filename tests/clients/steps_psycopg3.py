"""psycopg 3: the extended protocol as soon as there are parameters, named statements after five uses, binary on request,
pipelines, server cursors as DECLARE and FETCH, COPY in both formats."""

import os
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import psycopg
from psycopg import errors, sql
from psycopg.rows import class_row, dict_row
from psycopg.types import TypeInfo
from psycopg.types.enum import EnumInfo
from psycopg.types.json import Jsonb

from steps import Steps, again_and_again, connection_facts, equal, expect, holds
from teas import OOLONG


def connect(analyst=False, **more):
    facts = connection_facts(analyst)
    facts["dbname"] = facts.pop("database")
    return psycopg.connect(**facts, connect_timeout=10, **more)


step = Steps("psycopg3", connect)


@step("what the server says of itself")
def _(c):
    holds(150000 <= c.info.server_version < 160000, c.info.server_version)
    equal(c.info.encoding, "utf-8")
    for name, value in {
        "standard_conforming_strings": "on",
        "integer_datetimes": "on",
        "client_encoding": "UTF8",
        "DateStyle": "ISO, MDY",
        "is_superuser": "on",
        "session_authorization": os.environ["PGUSER"],
    }.items():
        equal(c.info.parameter_status(name), value)


@step("types of text results")
def _(c):
    with c.cursor(row_factory=dict_row) as k:
        row = k.execute("SELECT * FROM teas WHERE code = 'OOL-1'").fetchone()
        row["leaf"], row["listed"] = bytes(row["leaf"]), row["listed"].astimezone(timezone.utc)
        equal(row, OOLONG)


@step("types of binary results")
def _(c):
    with c.cursor(row_factory=dict_row, binary=True) as k:
        row = k.execute("SELECT * FROM teas WHERE code = 'OOL-1'").fetchone()
        row["leaf"], row["listed"] = bytes(row["leaf"]), row["listed"].astimezone(timezone.utc)
        equal(row, OOLONG)


@step("NULL and empty are two things")
def _(c):
    for binary in (False, True):
        row = c.execute("SELECT labels, batches, leaf, rating FROM teas WHERE code = 'PUE-2'", binary=binary).fetchone()
        equal(row, ([], None, None, None))
        row = c.execute("SELECT labels, batches, leaf, share FROM teas WHERE code = 'MIN-3'", binary=binary).fetchone()
        equal((row[0], row[1], bytes(row[2]), row[3]), (["with space", None, "a,b"], [-7], b"", None))


@step("columns are described")
def _(c):
    k = c.execute("SELECT * FROM teas LIMIT 0")
    oids = [1043, 25, 1700, 21, 23, 20, 700, 701, 16, 1009, 1007, 3802, 17, 2950, 1082, 1083, 1114, 1184, 1186]
    equal([d.type_code for d in k.description], oids)
    price = k.description[2]
    equal((price.name, price.precision, price.scale), ("price", 10, 2))
    equal(k.description[0].display_size, 8)


@step("parameters come back as they went")
def _(c):
    values = (
        7,
        2**40,
        "x'y",
        Decimal("1.50"),
        2.5,
        True,
        date(2026, 1, 2),
        time(1, 2, 3),
        datetime(2026, 1, 1, 5),
        UUID(int=1),
        b"\x00\x01",
        timedelta(days=1, seconds=2),
        [1, 2],
        ["a", None, "b,c"],
    )
    row = c.execute(
        "SELECT %s::int, %s::int8, %s::text, %s::numeric, %s::float8, %s::bool, %s::date, %s::time, %s::timestamp,"
        " %s::uuid, %s::bytea, %s::interval, %s::int[], %s::text[]",
        values,
    ).fetchone()
    equal(tuple(bytes(v) if isinstance(v, memoryview) else v for v in row), values)


@step("binary parameters")
def _(c):
    values = (7, -3.5, True, date(2026, 1, 2), UUID(int=2), Decimal("-0.001"), "é")
    row = c.execute(
        "SELECT %b::int, %b::float8, %b::bool, %b::date, %b::uuid, %b::numeric, %b::text", values
    ).fetchone()
    equal(row, values)


@step("parameters without a cast take their type from the statement")
def _(c):
    rows = c.execute(
        "SELECT code, price FROM teas WHERE price > %s AND name <> %s ORDER BY code LIMIT %s", (5, "Mint", 5)
    ).fetchall()
    equal(rows, [("OOL-1", Decimal("18.50")), ("PUE-2", Decimal("240.00"))])
    equal(
        c.execute("SELECT code FROM teas WHERE code = ANY(%s) ORDER BY 1", (["OOL-1", "MIN-3"],)).fetchall(),
        [("MIN-3",), ("OOL-1",)],
    )
    equal(c.execute("SELECT id FROM customers WHERE born < %s", (date(1980, 1, 1),)).fetchall(), [(2,)])


@step("named statements after five uses")
def _(c):
    c.prepare_threshold = 3
    for i in range(8):
        equal(
            c.execute("SELECT %s::int8 * 2, name FROM teas WHERE code = %s", (i, "MIN-3")).fetchone(), (i * 2, "Mint")
        )
    names = c.execute("SELECT name FROM pg_prepared_statements WHERE NOT from_sql").fetchall()
    equal(len(names), 1)


@step("a prepared statement survives a changed table")
def _(c):
    c.execute("CREATE TABLE psycopg3_plan (a int)")
    c.execute("INSERT INTO psycopg3_plan VALUES (1)")
    c.commit()
    for _ in range(3):
        equal(c.execute("SELECT a FROM psycopg3_plan WHERE a = %s", (1,), prepare=True).fetchone(), (1,))
    c.execute("ALTER TABLE psycopg3_plan ADD COLUMN b text")
    equal(c.execute("SELECT a FROM psycopg3_plan WHERE a = %s", (1,), prepare=True).fetchone(), (1,))
    c.execute("DROP TABLE psycopg3_plan")
    c.commit()


@step("pipeline")
def _(c):
    with c.pipeline():
        first, second = c.execute("SELECT 1"), c.execute("SELECT %s::text", ("two",))
        equal((first.fetchone(), second.fetchone()), ((1,), ("two",)))


@step("an error in a pipeline stops it to the next sync")
def _(c):
    c.autocommit = True
    with c.pipeline() as p:
        c.execute("INSERT INTO stock.moves (id) VALUES (150)")
        c.execute("SELECT 1/0")
        c.execute("INSERT INTO stock.moves (id) VALUES (151)")
        expect(errors.DivisionByZero, p.sync)
    equal(c.execute("SELECT count(*) FROM stock.moves WHERE id >= 150").fetchone(), (0,))


@step("server cursor")
def _(c):
    with c.cursor(name="walk", row_factory=dict_row) as k:
        k.itersize = 2
        k.execute("SELECT id FROM orders WHERE id >= %s ORDER BY id", (1,))
        equal([row["id"] for row in k], [1, 2, 3, 4])


@step("scrollable server cursor")
def _(c):
    with c.cursor(name="back", scrollable=True) as k:
        k.execute("SELECT id FROM orders ORDER BY id")
        equal(k.fetchmany(3), [(1,), (2,), (3,)])
        k.scroll(-2)
        equal(k.fetchone(), (2,))


@step("cursor with hold outlives its transaction")
def _(c):
    with c.cursor(name="held", withhold=True) as k:
        k.execute("SELECT code FROM teas ORDER BY code")
        c.commit()
        equal(k.fetchall(), [("MIN-3",), ("OOL-1",), ("PUE-2",)])


@step("transactions and savepoints")
def _(c):
    with c.transaction(force_rollback=True):
        c.execute("INSERT INTO stock.moves (id, what) VALUES (%s, %s)", (100, "kept"))
        with c.transaction():
            c.execute("UPDATE stock.moves SET what = 'changed' WHERE id = 100")

        def twice():
            with c.transaction():
                c.execute("INSERT INTO stock.moves (id, what) VALUES (100, 'again')")

        expect(errors.UniqueViolation, twice)
        equal(c.execute("SELECT what FROM stock.moves WHERE id = 100").fetchall(), [("changed",)])
    equal(c.execute("SELECT count(*) FROM stock.moves WHERE id = 100").fetchone(), (0,))


@step("transaction status byte")
def _(c):
    status = psycopg.pq.TransactionStatus
    equal(c.info.transaction_status, status.IDLE)
    c.execute("SELECT 1")
    equal(c.info.transaction_status, status.INTRANS)
    expect(errors.UndefinedTable, lambda: c.execute("SELECT * FROM nowhere"))
    equal(c.info.transaction_status, status.INERROR)
    expect(errors.InFailedSqlTransaction, lambda: c.execute("SELECT 1"))
    c.rollback()
    equal(c.info.transaction_status, status.IDLE)


@step("isolation levels and read only")
def _(c):
    c.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    c.read_only = True
    equal(c.execute("SHOW transaction_isolation").fetchone(), ("serializable",))
    expect(errors.ReadOnlySqlTransaction, lambda: c.execute("DELETE FROM stock.moves"))


@step("SQLSTATEs are exceptions of their names")
def _(c):
    c.autocommit = True
    for statement, error in [
        ("SELEC 1", errors.SyntaxError),
        ("SELECT * FROM nowhere", errors.UndefinedTable),
        ("SELECT * FROM nowhere.at_all", errors.UndefinedTable),
        ("SELECT nothing FROM teas", errors.UndefinedColumn),
        ("SELECT no_function(1)", errors.UndefinedFunction),
        ("SELECT 1/0", errors.DivisionByZero),
        ("SELECT 'x'::int", errors.InvalidTextRepresentation),
        ("SELECT 2147483647 + 1", errors.NumericValueOutOfRange),
        ("SELECT 'x'::date", errors.InvalidDatetimeFormat),
        ("SELECT 1 FROM teas WHERE name", errors.DatatypeMismatch),
        ("SELECT code FROM teas t JOIN orders o ON true", errors.AmbiguousColumn),
        ("SELECT count(*), code FROM teas", errors.GroupingError),
        ("INSERT INTO teas (code, name, price) VALUES ('OOL-1', 'x', 1)", errors.UniqueViolation),
        ("INSERT INTO teas (code, name, price) VALUES ('X', 'x', -1)", errors.CheckViolation),
        ("INSERT INTO teas (code, price) VALUES ('X', 1)", errors.NotNullViolation),
        ("INSERT INTO orders (customer_id, code) VALUES (99, 'MIN-3')", errors.ForeignKeyViolation),
        ("INSERT INTO teas (code, name, price) VALUES ('far too long', 'x', 1)", errors.StringDataRightTruncation),
        ("CREATE TABLE teas (a int)", errors.DuplicateTable),
        ("SET no_such_setting = 1", errors.UndefinedObject),
        ("SELECT (SELECT id FROM orders)", errors.CardinalityViolation),
        ("ROLLBACK TO SAVEPOINT a", errors.NoActiveSqlTransaction),
    ]:
        try:
            c.execute(statement)
        except error:
            continue
        except psycopg.Error as other:
            raise AssertionError(
                f"{statement}: {type(other).__name__} {other.sqlstate}, wanted {error.__name__}"
            ) from other
        raise AssertionError(f"{statement}: no error")


@step("fields of an error")
def _(c):
    diag = expect(
        errors.UniqueViolation, lambda: c.execute("INSERT INTO teas (code, name, price) VALUES ('OOL-1', 'x', 1)")
    ).diag
    equal(
        (diag.severity, diag.sqlstate, diag.schema_name, diag.table_name, diag.constraint_name),
        ("ERROR", "23505", "public", "teas", "teas_pkey"),
    )
    equal(diag.message_primary, 'duplicate key value violates unique constraint "teas_pkey"')
    equal(diag.message_detail, "Key (code)=(OOL-1) already exists.")
    c.rollback()
    diag = expect(errors.NotNullViolation, lambda: c.execute("INSERT INTO teas (code, price) VALUES ('X', 1)")).diag
    equal((diag.schema_name, diag.table_name, diag.column_name), ("public", "teas", "name"))
    c.rollback()
    diag = expect(errors.UndefinedColumn, lambda: c.execute("SELECT code, flavour FROM teas")).diag
    equal((diag.message_primary, diag.statement_position), ('column "flavour" does not exist', "14"))


@step("counts and tags")
def _(c):
    for statement, count, tag in [
        ("INSERT INTO stock.moves (id, what) VALUES (201, 'a'), (202, 'b')", 2, "INSERT 0 2"),
        ("UPDATE stock.moves SET what = 'c' WHERE id > 200", 2, "UPDATE 2"),
        ("DELETE FROM stock.moves WHERE id = 201", 1, "DELETE 1"),
        ("SELECT * FROM teas", 3, "SELECT 3"),
        ("CREATE TABLE psycopg3_copy AS SELECT * FROM teas", 3, "SELECT 3"),
        ("DROP TABLE psycopg3_copy", -1, "DROP TABLE"),
    ]:
        k = c.execute(statement)
        equal((k.rowcount, k.statusmessage), (count, tag))
    c.rollback()


@step("COPY out and in, text")
def _(c):
    with c.cursor() as k:
        with k.copy("COPY (SELECT code, price, labels FROM teas ORDER BY code) TO STDOUT") as copy:
            copy.set_types(["varchar", "numeric", "text[]"])
            equal(list(copy.rows())[0], ("MIN-3", Decimal("3.20"), ["with space", None, "a,b"]))
        with k.copy("COPY stock.moves (id, at, what, payload) FROM STDIN") as copy:
            copy.write_row((301, datetime(2026, 1, 1, tzinfo=timezone.utc), "tab\there", None))
            copy.write_row((302, None, "back\\slash\n", Jsonb({"a": [1]})))
        equal(k.rowcount, 2)
        equal(
            k.execute("SELECT what, payload FROM stock.moves WHERE id > 300 ORDER BY id").fetchall(),
            [("tab\there", None), ("back\\slash\n", {"a": [1]})],
        )
    c.rollback()


@step("COPY out and in, csv")
def _(c):
    with c.cursor() as k:
        with k.copy("COPY (SELECT code, name FROM teas ORDER BY code) TO STDOUT (FORMAT csv, HEADER)") as copy:
            equal(
                b"".join(bytes(part) for part in copy),
                'code,name\nMIN-3,Mint\nOOL-1,Oolong 乌龙茶\nPUE-2,"Pu\'er ""old, dark"" cake"\n'.encode(),
            )
        with k.copy("COPY stock.moves (id, what) FROM STDIN (FORMAT csv, DELIMITER ';', NULL '-')") as copy:
            copy.write('311;"a;b"\n312;-\n')
        equal(
            k.execute("SELECT id, what FROM stock.moves WHERE id > 310 ORDER BY id").fetchall(),
            [(311, "a;b"), (312, None)],
        )
    c.rollback()


@step("COPY out and in, binary")
def _(c):
    with c.cursor() as k:
        with k.copy(
            "COPY (SELECT stock, name, price, organic FROM teas WHERE code = 'OOL-1') TO STDOUT (FORMAT binary)"
        ) as copy:
            copy.set_types(["int4", "text", "numeric", "bool"])
            equal(list(copy.rows()), [(12, "Oolong 乌龙茶", Decimal("18.50"), True)])
        with k.copy("COPY stock.moves (id, what) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "text"])
            copy.write_row((321, "binary"))
            copy.write_row((322, None))
        equal(
            k.execute("SELECT id, what FROM stock.moves WHERE id > 320 ORDER BY id").fetchall(),
            [(321, "binary"), (322, None)],
        )
    c.rollback()


@step("a failed COPY leaves nothing")
def _(c):
    def bad():
        with c.cursor().copy("COPY stock.moves (id, what) FROM STDIN") as copy:
            copy.write("331\tfine\nnot a number\tbad\n")

    expect(errors.InvalidTextRepresentation, bad)
    c.rollback()
    equal(c.execute("SELECT count(*) FROM stock.moves WHERE id = 331").fetchone(), (0,))


@step("executemany with RETURNING")
def _(c):
    with c.cursor() as k:
        k.executemany(
            "INSERT INTO stock.moves (id, what) VALUES (%s, %s) RETURNING id", [(401, "a"), (402, "b")], returning=True
        )
        got = [k.fetchone()]
        while k.nextset():
            got.append(k.fetchone())
        equal(got, [(401,), (402,)])
    c.rollback()


@step("ON CONFLICT with RETURNING")
def _(c):
    upsert = "INSERT INTO stock.moves (id, what) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET what = excluded.what RETURNING what"
    equal(c.execute(upsert, (411, "first")).fetchone(), ("first",))
    equal(c.execute(upsert, (411, "second")).fetchone(), ("second",))
    c.rollback()


@step("types looked up by name")
def _(c):
    equal(TypeInfo.fetch(c, "jsonb").oid, 3802)
    equal(TypeInfo.fetch(c, "text").array_oid, 1009)
    holds(TypeInfo.fetch(c, "no_such_type") is None, "a type that is not there was found")


@step("jsonb operators with adapted values")
def _(c):
    equal(c.execute("SELECT %s::jsonb -> 'a' -> 1", (Jsonb({"a": [1, {"b": None}]}),)).fetchone(), ({"b": None},))
    equal(c.execute("SELECT code FROM teas WHERE attrs @> %s", (Jsonb({"origin": "Fujian"}),)).fetchall(), [("OOL-1",)])


@step("enum")
def _(c):
    equal(list(EnumInfo.fetch(c, "parcel_state").labels), ["packed", "sent", "lost"])
    equal(c.execute("SELECT state FROM parcels ORDER BY state").fetchall(), [("packed",), ("sent",), ("lost",)])
    expect(errors.InvalidTextRepresentation, lambda: c.execute("INSERT INTO parcels VALUES (9, 'eaten')"))


@step("sequence")
def _(c):
    first = c.execute("SELECT nextval('invoice_numbers')").fetchone()[0]
    equal(c.execute("SELECT nextval('invoice_numbers'), currval('invoice_numbers')").fetchone(), (first + 5, first + 5))
    holds(first >= 1000 and first % 5 == 0, first)


@step("GROUP BY of a primary key frees the other columns")
def _(c):
    rows = c.execute(
        "SELECT t.code, t.name, sum(o.quantity) FROM teas t JOIN orders o USING (code) GROUP BY t.code ORDER BY t.code"
    ).fetchall()
    equal(rows[0], ("MIN-3", "Mint", 11))


@step("temporary table")
def _(c):
    c.execute("CREATE TEMP TABLE basket (code text, n int) ON COMMIT DROP")
    c.execute("INSERT INTO basket SELECT code, stock FROM teas WHERE stock > 0")
    equal(c.execute("SELECT count(*), sum(n) FROM basket").fetchone(), (2, 52))
    c.commit()
    expect(errors.UndefinedTable, lambda: c.execute("SELECT * FROM basket"))


@step("PREPARE and EXECUTE in SQL")
def _(c):
    c.execute("PREPARE cheap (numeric) AS SELECT code FROM teas WHERE price < $1 ORDER BY code")
    equal(c.execute("EXECUTE cheap (20)").fetchall(), [("MIN-3",), ("OOL-1",)])
    c.execute("DEALLOCATE cheap")
    expect(errors.InvalidSqlStatementName, lambda: c.execute("EXECUTE cheap (20)"))


@step("LISTEN and NOTIFY")
def _(c):
    c.autocommit = True
    c.execute("LISTEN kettle")
    with connect(autocommit=True) as other:
        other.execute("NOTIFY kettle, 'boils'")
        other.execute("SELECT pg_notify('kettle', 'again')")
    heard = c.notifies(timeout=5, stop_after=2)
    equal([(n.channel, n.payload) for n in heard], [("kettle", "boils"), ("kettle", "again")])


@step("notices arrive")
def _(c):
    heard = []
    c.add_notice_handler(lambda n: heard.append((n.severity, n.sqlstate, n.message_primary)))
    c.execute("DROP TABLE IF EXISTS no_such_table")
    equal(heard, [("NOTICE", "00000", 'table "no_such_table" does not exist, skipping')])


@step("settings of a session")
def _(c):
    c.autocommit = True
    c.execute("SET search_path TO stock, public")
    equal(c.execute("SHOW search_path").fetchone(), ("stock, public",))
    equal(c.execute("SELECT count(*) FROM moves").fetchone(), (0,))
    c.execute("SET application_name = 'kettle'")
    equal(c.info.parameter_status("application_name"), "kettle")
    c.execute("RESET search_path")
    with c.transaction():
        c.execute("SET LOCAL statement_timeout = '7s'")
        equal(c.execute("SHOW statement_timeout").fetchone(), ("7s",))
    equal(c.execute("SHOW statement_timeout").fetchone(), ("0",))
    c.execute("DISCARD ALL")


@step("settings in the start-up options")
def _(_):
    with connect(options="-c statement_timeout=4321 -c search_path=stock", application_name="spoon") as c:
        equal(
            c.execute(
                "SELECT current_setting('statement_timeout'), current_setting('search_path'), current_setting('application_name')"
            ).fetchone(),
            ("4321ms", "stock", "spoon"),
        )


@step("time zone of the session")
def _(c):
    c.execute("SET TIME ZONE 'Europe/Berlin'")
    equal(
        c.execute("SELECT listed::text, (listed AT TIME ZONE 'UTC')::text FROM teas WHERE code = 'OOL-1'").fetchone(),
        ("2025-06-01 02:00:00+02", "2025-06-01 00:00:00"),
    )


@step("cancel")
def _(c):
    with again_and_again(c.cancel):
        expect(errors.QueryCanceled, lambda: c.execute("SELECT pg_sleep(30)"))


@step("statement_timeout")
def _(c):
    c.execute("SET statement_timeout = 200")
    expect(errors.QueryCanceled, lambda: c.execute("SELECT pg_sleep(30)"))


@step("class rows from a composed statement")
def _(c):
    class Tea:
        def __init__(self, code, price):
            self.code, self.price = code, price

    with c.cursor(row_factory=class_row(Tea)) as k:
        query = sql.SQL("SELECT {}, price FROM {} ORDER BY price DESC").format(
            sql.Identifier("code"), sql.Identifier("public", "teas")
        )
        equal([tea.code for tea in k.execute(query)], ["PUE-2", "OOL-1", "MIN-3"])


@step("two sessions, a lock, and who waits for it")
def _(c):
    c.execute("SELECT * FROM teas WHERE code = 'MIN-3' FOR UPDATE")
    with connect() as other:
        expect(
            errors.LockNotAvailable, lambda: other.execute("SELECT * FROM teas WHERE code = 'MIN-3' FOR UPDATE NOWAIT")
        )
        other.rollback()
        equal(
            other.execute("SELECT code FROM teas ORDER BY code FOR UPDATE SKIP LOCKED").fetchall(),
            [("OOL-1",), ("PUE-2",)],
        )


@step("TLS, with the server's name verified and the login bound to the channel")
def _(_):
    with connect(sslmode="verify-full", sslrootcert=os.environ["TLS_CERT"], channel_binding="require") as c:
        holds(c.pgconn.ssl_in_use, "not encrypted")
        equal(c.execute("SELECT 1").fetchone(), (1,))
    with connect(sslmode="disable") as c:
        equal(c.execute("SELECT 1").fetchone(), (1,))


@step("TLS, as the catalogue tells it")
def _(_):
    for mode in ("require", "disable"):
        with connect(sslmode=mode) as c:
            found = c.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchall()
            equal(found, [(mode == "require",)])


@step("a wrong password")
def _(_):
    caught = expect(
        psycopg.OperationalError, lambda: psycopg.connect(dbname=os.environ["PGDATABASE"], password="wrong")
    )
    holds(f'password authentication failed for user "{os.environ["PGUSER"]}"' in str(caught), str(caught))


@step("a role sees the rows that its policy lets through", analyst=True)
def _(c):
    equal(c.execute("SELECT id FROM orders ORDER BY id").fetchall(), [(1,), (3,), (4,)])
    equal(c.execute("SELECT current_user, session_user").fetchone(), ("analyst", "analyst"))


@step("a role is refused what it was not granted", analyst=True)
def _(c):
    expect(errors.InsufficientPrivilege, lambda: c.execute("SELECT * FROM stock.moves"))
    c.rollback()
    caught = expect(errors.InsufficientPrivilege, lambda: c.execute("UPDATE teas SET price = 1"))
    equal(caught.diag.message_primary, "permission denied for table teas")


@step("a role sees e-mail addresses masked", only_steward=True, analyst=True)
def _(c):
    for binary in (False, True):
        rows = c.execute("SELECT id, email FROM customers WHERE id < %s ORDER BY id", (3,), binary=binary).fetchall()
        equal(rows, [(1, "m***@t***.example"), (2, "o***@t***.example")])
    equal(c.execute("SELECT count(*) FROM customers WHERE email = %s", ("mei@tea.example",)).fetchone(), (0,))
    with c.cursor().copy("COPY (SELECT email FROM customers WHERE id = 1) TO STDOUT") as copy:
        equal(b"".join(bytes(part) for part in copy), b"m***@t***.example\n")


@step("the owner sees them plain", only_steward=True)
def _(c):
    equal(c.execute("SELECT email FROM customers WHERE id = %s", (1,)).fetchone(), ("mei@tea.example",))


@step("CLASSIFY and its twin", only_steward=True)
def _(c):
    k = c.execute(
        "SELECT CLASSIFY(%s), CLASSIFY(%s, %s), CLASSIFY_DETAIL(%s)",
        ("mei@tea.example", "green tea leaves", ["beverage", "car"], "mei@tea.example"),
    )
    equal([d.type_code for d in k.description], [25, 25, 3802])
    kind, label, detail = k.fetchone()
    equal((kind, label, detail["label"], detail["method"]), ("email", "beverage", "email", "rule"))


@step("QUALITY", only_steward=True)
def _(c):
    k = c.execute("SELECT code, QUALITY(t) FROM teas t ORDER BY code", binary=True)
    equal([d.type_code for d in k.description], [1043, 701])
    rows = k.fetchall()
    holds(len(rows) == 3 and all(isinstance(q, float) and 0 <= q <= 1 for _, q in rows), rows)
    quality = c.execute("SELECT QUALITY('teas')").fetchone()[0]
    holds(isinstance(quality, float) and 0 < quality <= 1, quality)


@step("PREDICT_CTR with parameters", only_steward=True)
def _(c):
    k = c.execute("SELECT PREDICT_CTR(%s, %s, %s)", ("visitor-3", "tea-2", Jsonb({"slot": 1})))
    equal(k.description[0].type_code, 701)
    chance = k.fetchone()[0]
    holds(isinstance(chance, float) and 0 < chance < 1, chance)


@step("SEARCH", only_steward=True)
def _(c):
    k = c.execute("SELECT * FROM SEARCH('house.stories', '乌龙', 5)")
    equal(
        [(d.name, d.type_code) for d in k.description],
        [("rank", 23), ("key", 25), ("score", 701), ("snippet", 25), ("source", 25)],
    )
    rows = k.fetchall()
    equal([(r[0], r[1], r[4]) for r in rows], [(1, "OOL-1", "text")])
    holds("<b>" in rows[0][3], rows[0][3])


@step("SEARCH for what a parameter says", only_steward=True)
def _(c):
    equal(c.execute("SELECT rank, key FROM SEARCH('house.stories', %s, %s)", ("mint", 3)).fetchall(), [(1, "MIN-3")])


step.end()
