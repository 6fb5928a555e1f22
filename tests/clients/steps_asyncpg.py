"""asyncpg: the extended protocol with named statements always, binary values both ways always; what it does not know of a
type it asks the catalogue in one recursive query."""

import asyncio
import json
import os
import ssl
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import asyncpg

from steps import Steps, connection_facts, equal, holds
from teas import OOLONG

loop = asyncio.new_event_loop()


async def connect(analyst=False, **more):
    return await asyncpg.connect(**connection_facts(analyst), timeout=10, **more)


step = Steps("asyncpg", connect, loop)


async def expect(error, awaited):
    """The error that awaiting gives."""
    try:
        await awaited
    except error as caught:
        return caught
    raise AssertionError(f"no {error.__name__}")


@step("values and their types")
async def _(c):
    row = dict(await c.fetchrow("SELECT * FROM teas WHERE code = $1", "OOL-1"))
    row["uid"] = UUID(str(row["uid"]))
    equal(
        row,
        OOLONG | {"attrs": '{"origin": "Fujian", "steeps": 5}'},
    )


@step("NULL and empty")
async def _(c):
    equal(
        tuple(await c.fetchrow("SELECT labels, batches, leaf, rating FROM teas WHERE code = 'PUE-2'")),
        ([], None, None, None),
    )
    equal(
        tuple(await c.fetchrow("SELECT labels, leaf, steep FROM teas WHERE code = 'MIN-3'")),
        (["with space", None, "a,b"], b"", None),
    )


@step("parameters come back as they went")
async def _(c):
    values = [
        7,
        2**40,
        "x'y",
        Decimal("-1234567.8900"),
        2.5,
        True,
        date(2026, 1, 2),
        time(1, 2, 3),
        datetime(2026, 1, 1, 5),
        datetime(2026, 1, 1, tzinfo=timezone.utc),
        b"\x00\x01",
        timedelta(days=1, seconds=2),
        [1, 2],
        ["a", None, "b,c"],
        '{"a": 1}',
    ]
    row = await c.fetchrow(
        "SELECT $1::int, $2::int8, $3::text, $4::numeric, $5::float8, $6::bool, $7::date, $8::time, $9::timestamp, $10::timestamptz,"
        " $11::bytea, $12::interval, $13::int[], $14::text[], $15::jsonb",
        *values,
    )
    equal(list(row), values)


@step("parameters take their type from the statement")
async def _(c):
    prepared = await c.prepare("SELECT code FROM teas WHERE price > $1 AND stock < $2 AND code = ANY($3) LIMIT $4")
    equal([p.name for p in prepared.get_parameters()], ["numeric", "int4", "text[]", "int8"])
    equal([r["code"] for r in await prepared.fetch(Decimal(1), 20, ["OOL-1", "MIN-3"], 5)], ["OOL-1"])
    await expect(asyncpg.DataError, prepared.fetch("one", 20, [], 5))


@step("results are described")
async def _(c):
    prepared = await c.prepare("SELECT code, price, labels, listed FROM teas")
    equal(
        [(a.name, a.type.name) for a in prepared.get_attributes()],
        [("code", "varchar"), ("price", "numeric"), ("labels", "text[]"), ("listed", "timestamptz")],
    )


@step("statements in a row, their tags")
async def _(c):
    equal(
        await c.execute("CREATE TABLE asyncpg_t (a int); INSERT INTO asyncpg_t VALUES (1), (2); DELETE FROM asyncpg_t"),
        "DELETE 2",
    )
    equal(await c.execute("INSERT INTO asyncpg_t VALUES ($1)", 3), "INSERT 0 1")
    equal(await c.execute("DROP TABLE asyncpg_t"), "DROP TABLE")


@step("the same statement after its table has changed")
async def _(c):
    await c.execute("CREATE TABLE asyncpg_plan (a int); INSERT INTO asyncpg_plan VALUES (1)")
    equal(tuple(await c.fetchrow("SELECT * FROM asyncpg_plan")), (1,))
    await c.execute("ALTER TABLE asyncpg_plan ADD COLUMN b text DEFAULT 'new'")
    equal(tuple(await c.fetchrow("SELECT * FROM asyncpg_plan")), (1, "new"))
    await c.execute("DROP TABLE asyncpg_plan")


@step("cursor, portals with a limit of rows")
async def _(c):
    async with c.transaction():
        equal(
            [r["id"] async for r in c.cursor("SELECT id FROM orders WHERE id > $1 ORDER BY id", 0, prefetch=2)],
            [1, 2, 3, 4],
        )
        walk = await c.cursor("SELECT id FROM orders ORDER BY id")
        equal((await walk.fetchrow())["id"], 1)
        await walk.forward(1)
        equal([r["id"] for r in await walk.fetch(5)], [3, 4])


@step("transactions and savepoints")
async def _(c):
    outer = c.transaction()
    await outer.start()
    await c.execute("INSERT INTO stock.moves (id, what) VALUES (2100, 'kept')")

    async def twice():
        async with c.transaction():
            await c.execute("INSERT INTO stock.moves (id) VALUES (2100)")

    await expect(asyncpg.UniqueViolationError, twice())
    equal(await c.fetchval("SELECT what FROM stock.moves WHERE id = 2100"), "kept")
    await outer.rollback()
    equal(await c.fetchval("SELECT count(*) FROM stock.moves WHERE id = 2100"), 0)


@step("isolation and read only")
async def _(c):
    async with c.transaction(isolation="serializable", readonly=True, deferrable=True):
        equal(await c.fetchval("SHOW transaction_isolation"), "serializable")

    async def write():
        async with c.transaction(readonly=True):
            await c.execute("DELETE FROM stock.moves")

    await expect(asyncpg.ReadOnlySQLTransactionError, write())


@step("executemany is one transaction")
async def _(c):
    insert = "INSERT INTO stock.moves (id, what, at) VALUES ($1, $2, $3)"
    await expect(asyncpg.UniqueViolationError, c.executemany(insert, [(2110, "a", None), (2110, "b", None)]))
    await c.executemany(insert, [(2110, "a", datetime(2026, 1, 1, tzinfo=timezone.utc)), (2111, "b", None)])
    equal(await c.execute("DELETE FROM stock.moves WHERE id >= $1", 2110), "DELETE 2")


@step("COPY of records, binary")
async def _(c):
    records = [(2120, datetime(2026, 1, 1, tzinfo=timezone.utc), "x", None), (2121, None, "y", '{"a": 1}')]
    equal(
        await c.copy_records_to_table(
            "moves", schema_name="stock", records=records, columns=["id", "at", "what", "payload"]
        ),
        "COPY 2",
    )
    equal([tuple(r) for r in await c.fetch("SELECT * FROM stock.moves WHERE id >= 2120 ORDER BY id")], records)
    equal(await c.execute("DELETE FROM stock.moves WHERE id >= 2120"), "DELETE 2")


@step("COPY of text, both ways")
async def _(c):
    out = bytearray()

    async def keep(part):
        out.extend(part)

    equal(
        await c.copy_from_query(
            "SELECT code, stock FROM teas WHERE stock > $1 ORDER BY 1", 5, output=keep, format="csv", header=True
        ),
        "COPY 2",
    )
    equal(bytes(out), b"code,stock\nMIN-3,40\nOOL-1,12\n")

    async def source():
        yield b"2130;one\n"
        yield b"2131;two\n"

    equal(
        await c.copy_to_table(
            "moves", schema_name="stock", columns=["id", "what"], source=source(), format="csv", delimiter=";"
        ),
        "COPY 2",
    )
    equal(await c.execute("DELETE FROM stock.moves WHERE id >= 2130"), "DELETE 2")


@step("errors and their fields")
async def _(c):
    caught = await expect(
        asyncpg.UniqueViolationError, c.execute("INSERT INTO teas (code, name, price) VALUES ('MIN-3', 'x', 1)")
    )
    equal(
        (caught.sqlstate, caught.schema_name, caught.table_name, caught.constraint_name, caught.detail),
        ("23505", "public", "teas", "teas_pkey", "Key (code)=(MIN-3) already exists."),
    )
    caught = await expect(asyncpg.UndefinedColumnError, c.fetch("SELECT flavour FROM teas"))
    equal((caught.sqlstate, caught.position), ("42703", "8"))
    await expect(asyncpg.DivisionByZeroError, c.fetch("SELECT 1 / $1::int", 0))


@step("a type of one's own codec")
async def _(c):
    await c.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    equal(await c.fetchval("SELECT profile FROM customers WHERE id = 1"), {"lang": "zh", "visits": 4})
    equal(await c.fetchval("SELECT $1::jsonb", {"a": [1, None]}), {"a": [1, None]})


@step("enum, found by introspection")
async def _(c):
    equal([r["state"] for r in await c.fetch("SELECT state FROM parcels ORDER BY id")], ["sent", "packed", "lost"])
    equal(await c.fetchval("SELECT id FROM parcels WHERE state = $1", "lost"), 3)
    equal(await c.fetchval("SELECT array_agg(state ORDER BY id) FROM parcels"), ["sent", "packed", "lost"])


@step("LISTEN and NOTIFY")
async def _(c):
    heard = asyncio.Queue()
    await c.add_listener("lid", lambda _c, _pid, channel, payload: heard.put_nowait((channel, payload)))
    await c.execute("NOTIFY lid, 'rattles'")
    equal(await asyncio.wait_for(heard.get(), 5), ("lid", "rattles"))
    await c.reset()


@step("pool, a connection is reset when it comes back")
async def _(_):
    async with asyncpg.create_pool(**connection_facts(), min_size=1, max_size=2) as pool:
        async with pool.acquire() as c:
            await c.execute("SET search_path TO stock")
        async with pool.acquire() as c:
            holds("public" in await c.fetchval("SHOW search_path"), "the setting is still there")
        equal(await asyncio.gather(*(pool.fetchval("SELECT $1::int", i) for i in range(5))), [0, 1, 2, 3, 4])


@step("timeout cancels, and the connection lives on")
async def _(c):
    await expect(asyncio.TimeoutError, c.fetchval("SELECT pg_sleep(30)", timeout=0.3))
    equal(await c.fetchval("SELECT 1"), 1)


@step("settings of the server and of the start")
async def _(_):
    c = await connect(server_settings={"application_name": "asyncpg steps", "search_path": "stock"})
    equal(await c.fetchval("SELECT current_setting('application_name')"), "asyncpg steps")
    equal(await c.fetchval("SELECT count(*) FROM moves"), 0)
    equal((c.get_server_version().major, c.get_settings().server_encoding), (15, "UTF8"))
    await c.close()


@step("TLS, with the server's name verified")
async def _(_):
    c = await connect(ssl=ssl.create_default_context(cafile=os.environ["TLS_CERT"]))
    equal(await c.fetchval("SELECT 1"), 1)
    await c.close()


@step("a role sees e-mail addresses masked", only_steward=True, analyst=True)
async def _(c):
    equal(await c.fetchval("SELECT email FROM customers WHERE id = $1", 1), "m***@t***.example")
    await expect(asyncpg.InsufficientPrivilegeError, c.fetch("SELECT * FROM stock.moves"))


@step("model functions and search, binary", only_steward=True)
async def _(c):
    row = await c.fetchrow(
        "SELECT CLASSIFY($1) AS kind, PREDICT_CTR($2, $3, '{\"slot\": 1}') AS chance, QUALITY('teas') AS quality, CLASSIFY_DETAIL($1) AS detail",
        "mei@tea.example",
        "visitor-1",
        "tea-1",
    )
    equal(
        (row["kind"], type(row["chance"]), type(row["quality"]), json.loads(row["detail"])["label"]),
        ("email", float, float, "email"),
    )
    row = await c.fetchrow("SELECT rank, key, score FROM SEARCH('house.stories', '乌龙')")
    equal((row["rank"], row["key"], type(row["score"])), (1, "OOL-1", float))


step.end()
