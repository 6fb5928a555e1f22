"""The store beside PostgreSQL: durable single-row inserts, look-ups by key, starts, scans, overwriting, little memory.

    cargo build --release && python3 benches/store.py

PostgreSQL 15 with its pgbench is needed (`apt-get install postgresql-15`). Both servers are asked over a socket and make each
commit durable (fsync on). Rates are pgbench's with prepared statements, the better of two interleaved turns. Starts are
from the start of the program to the first answer, the median of three. Overwriting and little memory are of Steward alone.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from signal import SIGKILL, SIGTERM

from servers import Postgres, Steward

HERE = Path(__file__).resolve().parent
ROWS = 1_000_000
INSERT = "\\set id random(1, 1000000000000000)\nINSERT INTO single VALUES (:id, 'a row of its own', 1.5);\n"
LOOK_UP = f"\\set id random(1, {ROWS})\nSELECT payload FROM stock WHERE id = :id;\n"
FILL = """INSERT INTO {table} SELECT g, md5(g::text), (g % 1000)::numeric(10,2), g % 97
    FROM generate_series({first}, {last}) AS g(g);"""
COLUMNS = "(id bigint PRIMARY KEY, payload text, price numeric(10,2), category int)"


def line(name, *values):
    print(f"| {name} | " + " | ".join(values) + " |", flush=True)


def rates(systems, seconds):
    for name, script in [("durable inserts of a row", INSERT), ("look-ups by key", LOOK_UP)]:
        for clients in (1, 16):
            best = [0.0 for _ in systems]
            for _ in range(2):
                best = [max(rate, system.rate(script, clients, seconds)) for rate, system in zip(best, systems)]
            line(f"{name}, {clients} client{'s' * (clients > 1)}", *(f"{rate:,.0f} /s" for rate in best),
                 f"{best[0] / best[1]:.2f}")


def starts(systems):
    for name, signal in [("start after a clean stop", SIGTERM), ("start after kill -9 (PostgreSQL: immediate)", SIGKILL)]:
        taken = [statistics.median(system.restart(signal) for _ in range(3)) for system in systems]
        line(name, *(f"{seconds:.2f} s" for seconds in taken), f"{taken[1] / taken[0]:.2f}")


def scans(systems):
    queries = [("three numbers", "SELECT sum(id), sum(price), sum(category) FROM stock;\n"),
               ("all columns", "SELECT sum(id), sum(price), sum(category), max(payload) FROM stock;\n")]
    for name, sql in queries:
        for state in ("cold", "warm"):
            rows = []
            for system in systems:
                if state == "cold":
                    system.restart()
                    Path("/proc/sys/vm/drop_caches").write_text("3")
                    told = system.run("\\timing on\n" + sql, "-A", "-t")
                    seconds = float(told.split("Time: ")[1].split()[0]) / 1000
                else:
                    seconds = statistics.median(system.ask(sql, 5)[1])
                rows.append(ROWS / seconds)
            line(f"scan of {name}, {state}", *(f"{rate / 1e6:.1f} M rows/s" for rate in rows), f"{rows[0] / rows[1]:.1f}")


def overwriting(program, folder):
    """A table overwritten ten times and emptied: what stays on disk and in memory."""
    steward = Steward(program, folder)
    steward.run(f"CREATE TABLE stock {COLUMNS};" + FILL.format(table="stock", first=1, last=ROWS))
    steward.run("VACUUM stock;")
    first = steward.bytes()
    for _ in range(10):
        steward.run("UPDATE stock SET price = price + 1, payload = md5(payload);")
    after, memory, opened = steward.bytes(), steward.memory(), steward.restart()
    line("overwritten ten times: bytes over the first", f"{after / first:.2f} ({after / 1e6:.0f} MB)", "", "")
    line("start, memory then", f"{opened:.2f} s, {memory / 1e6:.0f} MB", "", "")
    steward.run("DELETE FROM stock; VACUUM stock;")
    left, opened = steward.bytes(), steward.restart()
    line("all deleted: on disk, start, memory", f"{left / 1e6:.1f} MB, {opened:.2f} s, {steward.memory() / 1e6:.0f} MB", "", "")
    steward.stop()


def little_memory(program, folder):
    """A table of ten times the memory limit: sorted, joined and grouped."""
    steward = Steward(program, folder, "--memory-limit", "128MB")
    steward.run(f"CREATE TABLE wide {COLUMNS};")
    for part in range(10):
        # Some 130 bytes a row in memory: 10 parts are ten times the limit.
        steward.run(FILL.format(table="wide", first=part * ROWS + 1, last=(part + 1) * ROWS))
    idle = steward.memory()
    for name, sql in [
        ("sort", "SELECT count(*) FROM (SELECT id, payload FROM wide ORDER BY payload OFFSET 10) AS s;"),
        ("group", "SELECT count(*) FROM (SELECT payload, sum(price) FROM wide GROUP BY payload) AS s;"),
        ("join", "SELECT count(*) FROM wide a JOIN wide b ON a.payload = b.payload;"),
    ]:
        try:
            answer = steward.run(sql, "-A", "-t").strip()
        except RuntimeError as error:
            answer = str(error).split("\n")[0]
        line(f"{name} of ten times the limit of 128 MB", f"{answer} rows, at most {steward.memory('VmHWM') / 1e6:.0f} MB "
             f"({idle / 1e6:.0f} MB before)", "", "")
    steward.stop()


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--steward", default=str(HERE.parent / "target/release/steward"))
    options.add_argument("--seconds", type=int, default=5, help="of each turn of pgbench")
    options.add_argument("--only", default="rates,starts,scans,overwriting,memory")
    options = options.parse_args()
    only = options.only.split(",")
    print("| | Steward | PostgreSQL | ratio |\n|---|---:|---:|---:|", flush=True)
    if {"rates", "starts", "scans"} & set(only):
        with tempfile.TemporaryDirectory() as folder:
            systems = [Steward(options.steward, folder), Postgres(folder)]
            for system in systems:
                system.run(f"CREATE TABLE single (id bigint PRIMARY KEY, payload text, price numeric(10,2));"
                           f"CREATE TABLE stock {COLUMNS};" + FILL.format(table="stock", first=1, last=ROWS))
            systems[1].run("VACUUM ANALYZE;")
            for name, ask in [("rates", lambda s: rates(s, options.seconds)), ("starts", starts), ("scans", scans)]:
                if name in only:
                    ask(systems)
            for system in systems:
                system.stop()
    for name, ask in [("overwriting", overwriting), ("memory", little_memory)]:
        if name in only:
            with tempfile.TemporaryDirectory() as folder:
                ask(options.steward, folder)


if __name__ == "__main__":
    main()
