"""All of TPC-H beside PostgreSQL and DuckDB: COPY of its eight tables, bytes on disk, the 22 queries, answers compared.

    python3 -m venv /tmp/tpch && /tmp/tpch/bin/pip install duckdb tpchgen-cli
    cargo build --release && /tmp/tpch/bin/python benches/tpch.py --scale 1

Steward and PostgreSQL are asked by psql, over a socket and with what each does for durability (fsync on); times are psql's
own (\\timing). PostgreSQL gets the primary keys, the indexes on foreign keys that its user would make, and VACUUM ANALYZE
(not timed). DuckDB runs in this process on an encrypted file. Queries: once unmeasured, then the median of three.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import Duck, Postgres, Steward

HERE = Path(__file__).resolve().parent
TABLES = {
    "region": "r_regionkey int PRIMARY KEY, r_name char(25), r_comment varchar(152)",
    "nation": "n_nationkey int PRIMARY KEY, n_name char(25), n_regionkey int, n_comment varchar(152)",
    "part": """p_partkey int PRIMARY KEY, p_name varchar(55), p_mfgr char(25), p_brand char(10), p_type varchar(25),
        p_size int, p_container char(10), p_retailprice numeric(15,2), p_comment varchar(23)""",
    "supplier": """s_suppkey int PRIMARY KEY, s_name char(25), s_address varchar(40), s_nationkey int, s_phone char(15),
        s_acctbal numeric(15,2), s_comment varchar(101)""",
    "partsupp": """ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost numeric(15,2), ps_comment varchar(199),
        PRIMARY KEY (ps_partkey, ps_suppkey)""",
    "customer": """c_custkey int PRIMARY KEY, c_name varchar(25), c_address varchar(40), c_nationkey int, c_phone char(15),
        c_acctbal numeric(15,2), c_mktsegment char(10), c_comment varchar(117)""",
    "orders": """o_orderkey int PRIMARY KEY, o_custkey int, o_orderstatus char(1), o_totalprice numeric(15,2),
        o_orderdate date, o_orderpriority char(15), o_clerk char(15), o_shippriority int, o_comment varchar(79)""",
    "lineitem": """l_orderkey int, l_partkey int, l_suppkey int, l_linenumber int, l_quantity numeric(15,2),
        l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2), l_returnflag char(1),
        l_linestatus char(1), l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct char(25),
        l_shipmode char(10), l_comment varchar(44), PRIMARY KEY (l_orderkey, l_linenumber)""",
}
INDEXES = ["orders (o_custkey)", "orders (o_orderdate)", "lineitem (l_partkey, l_suppkey)", "lineitem (l_shipdate)",
           "partsupp (ps_suppkey)", "customer (c_nationkey)", "supplier (s_nationkey)"]


def columns(table):
    """Texts as they are: the three pad char(n) differently, and the queries ask for whole values."""
    return re.sub(r"\bchar\(\d+\)|varchar\(\d+\)", "text", TABLES[table])


def same(a, b):
    """Equal answers, numbers to a millionth."""
    def values(row):
        for value in row.split("|"):
            try:
                yield float(value)
            except ValueError:
                yield value.rstrip()

    def close(x, y):
        if isinstance(x, float) and isinstance(y, float):
            return abs(x - y) <= 1e-6 * max(1.0, abs(x), abs(y)) + 0.000001
        return x == y

    def rows(lines):
        # Ties may come in any order.
        return sorted((list(values(line)) for line in lines), key=lambda row: [str(type(v)) + (f"{v:.3e}" if isinstance(v, float) else v) for v in row])

    a, b = rows(a), rows(b)
    return len(a) == len(b) and all(len(x) == len(y) and all(map(close, x, y)) for x, y in zip(a, b))


def queries():
    text = (HERE / "tpch.sql").read_text()
    return [(int(number), sql.strip() + "\n") for number, sql in re.findall(r"^-- Q(\d+)\n(.*?)(?=^-- Q|\Z)", text, re.M | re.S)]


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--scale", default="0.1")
    options.add_argument("--data", help="folder of CSV files that tpchgen-cli made; made anew when not given")
    options.add_argument("--steward", default=str(HERE.parent / "target/release/steward"))
    options.add_argument("--only", default="", help="query numbers, with commas between")
    options.add_argument("--without", default="", help="postgres, duckdb")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = options.data
        if not data:
            data = str(Path(folder) / "csv")
            tool = Path(sys.executable).with_name("tpchgen-cli")
            subprocess.run([tool, "csv", "-s", options.scale, "-o", data], check=True, stdout=subprocess.DEVNULL)
        makers = {"steward": lambda: Steward(options.steward, folder), "postgres": lambda: Postgres(folder),
                  "duckdb": lambda: Duck(folder)}
        systems = {name: make() for name, make in makers.items() if name not in options.without.split(",")}
        try:
            compare(systems, data, options.only)
        finally:
            for system in systems.values():
                system.stop()


def compare(systems, data, only):
    print("| | " + " | ".join(systems) + " |\n|---|" + "---:|" * len(systems), flush=True)

    def line(name, values):
        print(f"| {name} | " + " | ".join(values) + " |", flush=True)

    copied = {name: 0.0 for name in systems}
    for table in TABLES:
        path = Path(data) / f"{table}.csv"
        rows = sum(1 for _ in open(path, "rb")) - 1
        cells = []
        for name, system in systems.items():
            system.run(f"CREATE TABLE {table} ({columns(table)});")
            seconds = system.copy(table, path)
            copied[name] += seconds
            cells.append(f"{rows / seconds:,.0f} rows/s")
        if rows > 1000:
            line(f"COPY {table}", cells)
    line("COPY, all", [f"{seconds:.1f} s" for seconds in copied.values()])
    if "postgres" in systems:
        for index in INDEXES:
            systems["postgres"].run(f"CREATE INDEX ON {index};")
        systems["postgres"].run("VACUUM ANALYZE;")
    line("on disk", [f"{system.bytes() / 1e6:.0f} MB" for system in systems.values()])
    if "steward" in systems:
        line("start of the server", [f"{systems['steward'].restart():.2f} s" if name == "steward" else "" for name in systems])
    times = {name: [] for name in systems}
    for number, sql in queries():
        if only and str(number) not in only.split(","):
            continue
        answers, cells = [], []
        for name, system in systems.items():
            try:
                rows, seconds = system.ask(sql, 3)
            except Exception as error:
                cells.append(str(error).split("\n")[0])
                times[name].append(None)
                continue
            answers.append(rows)
            times[name].append(statistics.median(seconds))
            cells.append(f"{times[name][-1]:.3f} s")
        differ = any(not same(answers[0], answer) for answer in answers[1:])
        line(f"Q{number}" + (" (answers differ)" if differ else ""), cells)
    ours = times.get("steward", [])
    for name in systems:
        pairs = [(a, b) for a, b in zip(ours, times[name]) if a and b]
        if name != "steward" and pairs:
            print(f"\n{name} over steward, geometric mean of {len(pairs)}: "
                  f"{statistics.geometric_mean([b / a for a, b in pairs]):.2f}")


if __name__ == "__main__":
    main()
