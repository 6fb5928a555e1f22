"""dbt-postgres: a project of a seed, table, view, incremental model, snapshot and tests, run twice, as an analytics engineer
does. It makes tables beside the old ones and renames them, drops with CASCADE, walks pg_depend for what hangs together, and
keeps what is new of a snapshot in temporary tables.

Copies the project `dbt/` beside this file to a temporary folder, so that dbt's own files do not land in the sources.
"""

import json
import os
import pathlib
import shutil
import tempfile
from datetime import date
from decimal import Decimal

import psycopg2
from dbt.cli.main import dbtRunner

from steps import Steps, connection_facts, equal, holds


class Project:
    """The project in a folder of its own, and a connection to look at what it made."""

    folder = pathlib.Path(tempfile.mkdtemp(prefix="steward-dbt-"))

    def __init__(self):
        facts = connection_facts()
        facts["dbname"] = facts.pop("database")
        self.connection = psycopg2.connect(**facts)
        self.connection.autocommit = True

    def dbt(self, *words):
        """Runs a command of dbt and gives the status of each node; a failure is an error that names them."""
        done = dbtRunner().invoke(
            [*words, "--project-dir", str(self.folder), "--profiles-dir", str(self.folder), "--log-level", "none"]
        )
        results = getattr(done.result, "results", None) or []
        states = {
            r.node.name: (str(r.status), " ".join((r.message or "").split()))
            for r in results
            if getattr(r, "node", None)
        }
        if not done.success:
            bad = {n: s for n, s in states.items() if s[0] not in ("success", "pass", "ok")}
            raise AssertionError(f"dbt {words[0]}: {bad or done.exception or done.result}"[:400])
        return {name: state for name, (state, _) in states.items()}

    def rows(self, statement):
        with self.connection.cursor() as k:
            k.execute(statement)
            return k.fetchall() if k.description else None

    def close(self):
        self.connection.close()


step = Steps("dbt", Project)
shutil.copytree(pathlib.Path(__file__).parent / "dbt", Project.folder, dirs_exist_ok=True)
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "0"
os.chdir(Project.folder)


@step("debug")
def _(p):
    p.rows("DROP SCHEMA IF EXISTS dbt_teas CASCADE")
    p.dbt("debug")


@step("seed")
def _(p):
    equal(p.dbt("seed"), {"origins": "success"})
    equal(
        p.rows("SELECT * FROM dbt_teas.origins ORDER BY code"),
        [
            ("MIN-3", None, date(2021, 3, 1)),
            ("OOL-1", "Fujian", date(2019, 5, 1)),
            ("PUE-2", "Yunnan", date(2010, 1, 31)),
        ],
    )


@step("run, table, view, incremental, ephemeral")
def _(p):
    equal(p.dbt("run"), {name: "success" for name in ("order_facts", "order_stream", "tea_report", "big_names")})
    equal(
        p.rows(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'dbt_teas' ORDER BY 1"
        ),
        [
            ("big_names", "BASE TABLE"),
            ("order_facts", "BASE TABLE"),
            ("order_stream", "BASE TABLE"),
            ("origins", "BASE TABLE"),
            ("tea_report", "VIEW"),
        ],
    )
    equal(
        p.rows("SELECT code, origin, sold, revenue FROM dbt_teas.tea_report ORDER BY code"),
        [
            ("MIN-3", None, 11, Decimal("35.20")),
            ("OOL-1", "Fujian", 2, Decimal("37.00")),
            ("PUE-2", "Yunnan", 1, Decimal("240.00")),
        ],
    )
    equal(p.rows("SELECT * FROM dbt_teas.big_names"), [('Pu\'er "old, dark" cake',)])


@step("the index that a model asks for")
def _(p):
    equal(
        p.rows(
            "SELECT indexdef LIKE 'CREATE UNIQUE INDEX%(order_id)' FROM pg_indexes WHERE schemaname = 'dbt_teas' AND tablename = 'order_facts'"
        ),
        [(True,)],
    )


@step("comments of models are kept")
def _(p):
    equal(
        p.rows(
            "SELECT obj_description('dbt_teas.order_facts'::regclass), col_description('dbt_teas.order_facts'::regclass, 1)"
        ),
        [("One row for each order, with the tea's name.", "The order's number")],
    )


@step("run again, new rows only are added")
def _(p):
    p.rows(
        "INSERT INTO orders (customer_id, code, quantity, total, placed) VALUES (2, 'OOL-1', 1, 18.50, '2026-02-05 00:00:00+00')"
    )
    try:
        p.dbt("run")
        equal(
            p.rows("SELECT count(*), max(order_id) > 4, sum(total) FROM dbt_teas.order_stream"),
            [(5, True, Decimal("330.70"))],
        )
    finally:
        p.rows("DELETE FROM orders WHERE placed = '2026-02-05 00:00:00+00'")


@step("full refresh")
def _(p):
    p.dbt("run", "--full-refresh")
    equal(p.rows("SELECT count(*) FROM dbt_teas.order_stream"), [(4,)])


@step("test, what holds passes")
def _(p):
    states = p.dbt("test")
    holds(len(states) == 7 and set(states.values()) == {"pass"}, states)


@step("test, what does not hold fails")
def _(p):
    p.rows("UPDATE orders SET total = -1 WHERE total = 3.20")
    try:
        p.dbt("run", "--select", "order_facts")
        try:
            p.dbt("test", "--select", "no_free_tea")
        except AssertionError as failed:
            holds("no_free_tea" in str(failed) and "Got 1 result" in str(failed), failed)
        else:
            raise AssertionError("the test passed")
    finally:
        p.rows("UPDATE orders SET total = 3.20 WHERE total = -1")


@step("snapshot, a changed price closes a row and opens one")
def _(p):
    equal(p.dbt("snapshot"), {"prices": "success"})
    equal(p.rows("SELECT count(*), count(dbt_valid_to) FROM dbt_teas.prices"), [(3, 0)])
    p.rows("UPDATE teas SET price = 3.50 WHERE code = 'MIN-3'")
    try:
        p.dbt("snapshot")
        equal(
            p.rows("SELECT price, dbt_valid_to IS NULL FROM dbt_teas.prices WHERE code = 'MIN-3' ORDER BY price"),
            [(Decimal("3.20"), False), (Decimal("3.50"), True)],
        )
    finally:
        p.rows("UPDATE teas SET price = 3.20 WHERE code = 'MIN-3'")


@step("source freshness")
def _(p):
    equal(p.dbt("source", "freshness"), {"orders": "pass"})


@step("docs generate")
def _(p):
    p.dbt("docs", "generate")
    catalog = json.loads((p.folder / "target" / "catalog.json").read_text())
    equal(catalog["errors"], None)
    facts = catalog["nodes"]["model.tea_shop.order_facts"]
    equal(
        (facts["metadata"]["type"], facts["columns"]["total"]["type"], facts["columns"]["order_id"]["comment"]),
        ("BASE TABLE", "numeric(12,2)", "The order's number"),
    )
    equal(catalog["sources"]["source.tea_shop.shop.customers"]["metadata"]["comment"], "Who buys; personal data")


Project().rows("DROP SCHEMA IF EXISTS dbt_teas CASCADE")
shutil.rmtree(Project.folder, ignore_errors=True)
step.end()
