"""Durable commits beside PostgreSQL: transactions a second, and what one costs the server.

    cargo build --release && python3 benches/commits.py
    python3 benches/commits.py --before OTHER/steward        # what a change has done to it

PostgreSQL 15 with its pgbench is needed (`apt-get install postgresql-15`). Both servers are asked over a socket with prepared
statements and make each commit durable (fsync on); Steward seals what it writes, and keeps its audit log. Rates are the better of
two interleaved turns. CPU, of Steward alone, is the time that all threads of the server have computed for one transaction, in microseconds, and switches
how often one of them gave up its core: these hold on a machine that is not idle, where rates do not.
"""

import argparse
import tempfile
from pathlib import Path

from servers import Postgres, Steward

HERE = Path(__file__).resolve().parent
TICKS = 100
TABLES = """
CREATE TABLE numbered (id bigserial PRIMARY KEY, k int, v text);
CREATE TABLE heap (k int, v text);
CREATE TABLE accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
CREATE TABLE history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
INSERT INTO accounts SELECT g, g % 5 + 1, 0, '' FROM generate_series(1, 500000) AS g(g);
"""
ADD = "INSERT INTO heap(k, v) VALUES ({k}, 'a text of some length here');\n"
# What pgbench calls "simple update" (-N).
UPDATE = """\\set aid random(1, 500000)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM accounts WHERE aid = :aid;
INSERT INTO history (tid, bid, aid, delta, mtime) VALUES (1, 1, :aid, :delta, CURRENT_TIMESTAMP);
END;
"""
ASKED = [
    ("insert with a serial key", "\\set v random(1, 1000000)\nINSERT INTO numbered(k, v) VALUES (:v, 'a text of some length here');\n", (1, 16)),
    ("insert", "\\set k random(1, 1000000000)\n" + ADD.format(k=":k"), (1, 16)),
    ("update, select, insert", UPDATE, (1, 16)),
    ("20 inserts", "BEGIN;\n" + "".join(ADD.format(k=k) for k in range(20)) + "COMMIT;\n", (1, 8)),
    ("select by key, after all that", "\\set aid random(1, 500000)\nSELECT abalance FROM accounts WHERE aid = :aid;\n", (1, 16)),
]


class Counted:
    """What threads of a process have used."""

    def __init__(self, process):
        self.tasks = Path(f"/proc/{process.pid}/task")
        self.stat = Path(f"/proc/{process.pid}/stat")
        self.cpu, self.switches = self.now()

    def now(self):
        used = self.stat.read_text().rsplit(")", 1)[1].split()
        switches = 0
        for task in self.tasks.iterdir():
            lines = (task / "status").read_text().splitlines()
            switches += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
        return (int(used[11]) + int(used[12])) / TICKS, switches

    def since(self, transactions):
        cpu, switches = self.now()
        # Those of threads that have ended are gone.
        return (cpu - self.cpu) * 1e6 / transactions, max(0, switches - self.switches) / transactions


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--steward", default=str(HERE.parent / "target/release/steward"))
    options.add_argument("--before", help="another build of the program, to be asked in turn")
    options.add_argument("--seconds", type=int, default=5, help="of each turn of pgbench")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        systems = {"Steward": Steward(options.steward, folder)}
        if options.before:
            (Path(folder) / "before").mkdir()
            systems["before"] = Steward(options.before, Path(folder) / "before")
        systems["PostgreSQL"] = Postgres(folder)
        for system in systems.values():
            system.run(TABLES)
        systems["PostgreSQL"].run("VACUUM ANALYZE;")
        names = list(systems)
        print("| | " + " | ".join(names) + " | ratio | " + " | ".join(f"CPU, switches: {name}" for name in names[:-1]) + " |")
        print("|---|" + "---:|" * (2 * len(names)), flush=True)
        for name, script, all_clients in ASKED:
            for clients in all_clients:
                best, used = dict.fromkeys(names, 0.0), {}
                for _ in range(2):
                    for system in names:
                        counted = Counted(systems[system].process) if system != "PostgreSQL" else None
                        rate = systems[system].rate(script, clients, options.seconds)
                        if counted:
                            used[system] = counted.since(rate * options.seconds)
                        best[system] = max(best[system], rate)
                cells = [f"{best[system]:,.0f} /s" for system in names] + [f"{best['Steward'] / best['PostgreSQL']:.2f}"]
                cells += [f"{cpu:.0f} µs, {switches:.1f}" for cpu, switches in (used[system] for system in names[:-1])]
                print(f"| {name}, {clients} client{'s' * (clients > 1)} | " + " | ".join(cells) + " |", flush=True)
        for system in systems.values():
            system.stop()


if __name__ == "__main__":
    main()
