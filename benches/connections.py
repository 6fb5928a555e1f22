"""Connections beside PostgreSQL: how long one takes to make, what an idle one weighs, and many of both kinds for a while.

    cargo build --release && python3 benches/connections.py

PostgreSQL 15 with its pgbench is needed (`apt-get install postgresql-15`), and `psycopg` or `psycopg2`. Steward asks for a
password (SCRAM-SHA-256), the throw-away PostgreSQL for none. Memory is the proportional share
(PSS) of all processes of a server. With `--seconds` so many idle connections stay while 64 clients look rows up by key: at
the end each idle one is asked again, and lost ones and failed look-ups are counted.
"""

import argparse
import re
import subprocess
import tempfile
import time
from pathlib import Path

import servers
from servers import Postgres, Steward

try:
    import psycopg as driver
except ImportError:
    import psycopg2 as driver

HERE = Path(__file__).resolve().parent
ROWS = 100_000
LOOK_UP = f"\\set id random(1, {ROWS})\nSELECT payload FROM stock WHERE id = :id;\n"


def connect(system):
    args = dict(zip(system.args[1:], system.args[2:]))
    return driver.connect(host=args["-h"], port=args["-p"], user=args["-U"], dbname=args["-d"],
                          password=system.env["PGPASSWORD"] or None)


def processes(system):
    """Of Steward the one, of PostgreSQL the postmaster and its children."""
    if isinstance(system, Steward):
        return [system.process.pid]
    first = int((system.folder / "data" / "postmaster.pid").read_text().split()[0])
    children = subprocess.run(["pgrep", "-P", str(first)], capture_output=True, text=True).stdout.split()
    return [first, *map(int, children)]


def memory(system):
    """Bytes of the proportional share of memory that the server's processes have."""
    total = 0
    for process in processes(system):
        try:
            told = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+) kB", told, re.M)[1]) * 1024
    return total


def one(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0]


def making(system, rounds=200):
    """Milliseconds to connect, ask one thing and leave."""
    start = time.monotonic()
    for _ in range(rounds):
        connection = connect(system)
        one(connection)
        connection.close()
    return (time.monotonic() - start) / rounds * 1000


def idle(system, count):
    """So many connections that have asked once, and the bytes that each took."""
    before = memory(system)
    connections = [connect(system) for _ in range(count)]
    for connection in connections:
        connection.autocommit = True
        one(connection)
    time.sleep(1)
    return connections, (memory(system) - before) / count


def busy(system, connections, seconds):
    """Look-ups a second by 64 clients beside idle connections, these that are lost, and memory before and after."""
    system.rate(LOOK_UP, 64, 5)
    before = memory(system)
    rate = system.rate(LOOK_UP, 64, seconds)
    after = memory(system)
    lost = 0
    for connection in connections:
        try:
            lost += one(connection) != 1
        except driver.Error:
            lost += 1
    return rate, lost, before, after


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--steward", default=str(HERE.parent / "target/release/steward"))
    options.add_argument("--idle", type=int, default=1000)
    options.add_argument("--seconds", type=int, default=30)
    options = options.parse_args()
    servers.SETTINGS.append(f"max_connections={options.idle + 100}")
    with tempfile.TemporaryDirectory() as folder:
        systems = [Steward(options.steward, folder, "--max-connections", str(options.idle + 100)), Postgres(folder)]
        told = []
        for system in systems:
            system.run("CREATE TABLE stock (id bigint PRIMARY KEY, payload text);"
                       f"INSERT INTO stock SELECT g, md5(g::text) FROM generate_series(1, {ROWS}) AS g(g);")
            taken = min(making(system) for _ in range(3))
            connections, each = idle(system, options.idle)
            rate, lost, before, after = busy(system, connections, options.seconds)
            told.append([f"{taken:.2f} ms", f"{each / 1024:,.0f} KiB", f"{rate:,.0f} /s", f"{lost}",
                         f"{before / 2**20:,.0f} MiB", f"{after / 2**20:,.0f} MiB"])
            for connection in connections:
                connection.close()
            system.stop()
    names = ["connect, ask, leave", f"memory of each of {options.idle} idle connections",
             f"look-ups of 64 clients beside them, {options.seconds} s", "idle connections lost by then",
             "memory before", "memory after"]
    print("| | Steward | PostgreSQL |\n|---|---:|---:|")
    for name, *values in zip(names, *told):
        print(f"| {name} | " + " | ".join(values) + " |")


if __name__ == "__main__":
    main()
