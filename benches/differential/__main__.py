"""Random SQL asked of PostgreSQL and of Steward: where do they answer differently?

    cargo build --release && python3 benches/differential --seed 1 --count 1000

Both are started for it and stopped in the end; PostgreSQL 15 and Python's `psycopg` are needed. A statement is made of a seed and its
number alone, so that `--seed 1 --only 17` asks it again. Most are queries; the others are transactions that change rows or make a
table, are rolled back in the end, and count as one. Every second is asked by Parse, Bind and Execute, the others by Query. Compared
are rows (in their order where ORDER BY names all columns), values as they are shown, names and types of columns, the tag, and of
errors the SQLSTATE. What is answered differently is made smaller and told once for each shape, with both answers: PostgreSQL's first.
What docs/sql.md says of such differences is counted apart.
"""

import argparse
import collections
import contextlib
import random
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import known
from comparison import Server, ask_both
from reduction import Reduction, shape
from relations import ROOT, load
from servers import Postgres, Psql, Steward
from statements import Statements


def start(program, folder, stack):
    """Both servers with the same tables, to be stopped at the end of the stack."""
    postgres = Postgres(folder)
    stack.callback(postgres.stop)
    steward = Steward(program, folder)
    stack.callback(steward.stop)
    # Texts in the order of their bytes, as Steward's, and letters of all languages.
    postgres.run("CREATE DATABASE differential TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8';")
    asked = Psql("bench", "differential", postgres.port), steward
    for server in asked:
        load(server)
    return [Server(f"host=127.0.0.1 port={server.port} user=bench password=bench dbname={name}")
            for server, name in zip(asked, ("differential", "bench"))]


class Run:
    def __init__(self, servers, options):
        self.servers, self.options = servers, options
        self.counts, self.shapes, self.known, self.first = collections.Counter(), collections.Counter(), collections.Counter(), {}

    def one(self, number):
        script = Statements(random.Random(f"{self.options.seed}/{number}")).script()
        texts, extended = [node.text() for node in script], number % 2 == 1
        verdict = ask_both(self.servers, texts, extended)
        self.counts["statements"] += 1
        if verdict.how in ("equal", "equal error", "given up"):
            self.counts[verdict.how] += 1
            return
        script, texts = script[:verdict.place + 1], texts[:verdict.place + 1]
        # An error that has been told is not made smaller again.
        if shape(texts, verdict) not in self.shapes or any(entry.may(verdict) for entry in known.KNOWN):
            smaller = Reduction(self.servers, verdict, extended, self.options.reduce).reduced(script)
            again = ask_both(self.servers, smaller, extended)
            if again.how == verdict.how:
                texts, verdict = smaller, again
        if sentence := known.known(verdict, texts):
            self.counts["known"] += 1
            self.known[sentence] += 1
            return
        self.counts["different"] += 1
        key = shape(texts, verdict)
        self.shapes[key] += 1
        if self.shapes[key] == 1:
            self.first[key] = number
            print(f"-- {number}: {verdict.how}", *(f"{text};" for text in texts), sep="\n")
            for told in verdict.told(texts[-1]):
                print("--   " + told[:500].replace("\n", " "), flush=True)

    def tell(self):
        names = ["statements", "equal", "equal error", "known", "different", "given up"]
        print(f"\n| {' | '.join(names)} |\n|{'---:|' * len(names)}")
        print(f"| {' | '.join(str(self.counts[name]) for name in names)} |")
        if self.shapes:
            print("\n| different | first | PostgreSQL / Steward | |\n|---:|---:|---|---|")
        for key, count in self.shapes.most_common():
            print(f"| {count} | {self.first[key]} | {key[0]} | {key[1].replace('|', '/')} |")
        if self.known:
            print("\n| known | docs/sql.md |\n|---:|---|")
        for sentence, count in self.known.most_common():
            print(f"| {count} | {sentence} |")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--steward", default=str(ROOT / "target/release/steward"))
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--count", type=int, default=300, help="statements")
    options.add_argument("--only", type=int, nargs="+", metavar="NUMBER", help="ask these alone")
    options.add_argument("--reduce", type=float, default=8, help="seconds at most to make a difference smaller")
    options.add_argument("--print", action="store_true", help="print the statements and ask nobody")
    options = options.parse_args()
    numbers = range(options.count) if options.only is None else options.only
    if options.print:
        for number in numbers:
            print(";\n".join(node.text() for node in Statements(random.Random(f"{options.seed}/{number}")).script()) + ";")
        return 0
    known.check()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        run = Run(start(options.steward, folder, stack), options)
        for number in numbers:
            try:
                run.one(number)
            except RuntimeError as gone:
                raise SystemExit(f"statement {number}: {gone}")
    run.tell()
    return 1 if run.counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
