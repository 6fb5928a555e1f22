"""Steps of a client written in Python: one line for each, and one for all at the end.

    step = Steps("psycopg3", connect)

    @step("a row comes back")
    def _(connection):
        equal(connection.execute("SELECT 1").fetchone(), (1,))

    step.end()

A step gets a connection of its own, which is closed after it. Where to connect is in libpq's variables (PGHOST, PGPORT,
PGUSER, PGPASSWORD, PGDATABASE), the analyst's password in ANALYST_PASSWORD. With PEER=1 the server is PostgreSQL: steps
about what only Steward has are left out.
"""

import asyncio
import contextlib
import inspect
import os
import sys
import threading

PEER = os.environ.get("PEER") == "1"


def connection_facts(analyst=False):
    """Host, port, user, password and database as keyword arguments of nearly every driver."""
    facts = {
        "host": os.environ["PGHOST"],
        "port": int(os.environ["PGPORT"]),
        "user": os.environ["PGUSER"],
        "password": os.environ["PGPASSWORD"],
        "database": os.environ["PGDATABASE"],
    }
    if analyst:
        facts |= {"user": "analyst", "password": os.environ["ANALYST_PASSWORD"]}
    return facts


def equal(got, wanted):
    """The value and its type: 1, True, 1.0 and Decimal(1) are four different things."""
    if kinds(got) != kinds(wanted) or got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def kinds(value):
    """The types within a value, as deep as it goes."""
    if isinstance(value, (list, tuple)):
        return [type(value).__name__] + [kinds(item) for item in value]
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    return type(value).__name__


def holds(condition, text):
    """For what is not one value."""
    if not condition:
        raise AssertionError(text)


def expect(error, run):
    """The error that running gives."""
    try:
        run()
    except error as caught:
        return caught
    raise AssertionError(f"no {error.__name__}")


@contextlib.contextmanager
def again_and_again(action):
    """Does something three times a second until the block ends: a cancel that comes before its statement is lost."""
    done = threading.Event()

    def repeat():
        while not done.wait(0.3):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def one_line(error):
    """Why a step failed, short enough for a table."""
    kind = "" if isinstance(error, AssertionError) else type(error).__name__ + " "
    return (kind + " ".join(str(error).split()))[:300]


class Steps:
    """Runs steps as they are declared, counts them, and says how it went."""

    def __init__(self, name, connect, loop=None):
        self.name, self.connect, self.loop = name, connect, loop
        self.passed = self.all = 0

    def __call__(self, name, only_steward=False, **options):
        holds(": " not in name, f"{name}: a colon ends the name in what is printed")

        def run(body):
            if only_steward and PEER:
                return
            self.all += 1
            try:
                self.once(body, options)
            except Exception as error:  # whatever went wrong is what the line says
                print(f"FAIL {name}: {one_line(error)}", flush=True)
            else:
                self.passed += 1
                print(f"ok {name}", flush=True)

        return run

    def once(self, body, options):
        if inspect.iscoroutinefunction(body):
            return self.loop.run_until_complete(asyncio.wait_for(self.once_async(body, options), 60))
        connection = self.connect(**options)
        try:
            body(connection)
        finally:
            connection.close()

    async def once_async(self, body, options):
        connection = await self.connect(**options)
        try:
            await body(connection)
        finally:
            if hasattr(connection, "terminate"):
                connection.terminate()

    def end(self):
        print(f"{self.name}: {self.passed} of {self.all} steps", flush=True)
        sys.exit(0 if self.passed == self.all else 1)
