"""Whole statements: a server that runs models on the CUDA device beside one that runs them on the processor.

    python3 cuda/bench/served.py STEWARD PLUGIN.so [TIMES]

Starts both in temporary folders with the sample shop's titles and advertising log, TIMES over (10), and compares the answers of
EMBED, CLASSIFY, CREATE MODEL with EVALUATE, and PREDICT_CTR, with their times.

Needs: numpy, pg8000.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import pg8000.native

LABELS = "ARRAY['toys', 'kitchen', 'garden', 'bags', 'clothes', 'stationery', 'candles and lights', 'christmas']"
TABLES = {
    "products": "sku text, title text, price float8, currency text, lang text, first_seen text, origin text",
    "ads": "ad_id text PRIMARY KEY, campaign text, quality float8, kind text, style text, maker text",
    "ad_slots": "ad_id text, slot integer, share float8",
    "ad_impressions": "impression_id integer PRIMARY KEY, shown_at timestamp, campaign text, policy text, ad_id text, slot integer,"
    " audience_id integer, affinity integer, affinity_all integer, propensity float8, clicked integer",
}
LOG = """SELECT i.impression_id, i.audience_id, i.ad_id, i.campaign, i.slot, i.affinity, i.affinity_all,
    ln(s.share + 0.0001) AS log_share, a.quality, a.kind, a.style, i.clicked
    FROM ad_impressions i JOIN ad_slots s ON s.ad_id = i.ad_id AND s.slot = i.slot JOIN ads a ON a.ad_id = i.ad_id"""


class Server:
    """A server on a database of its own."""

    def __init__(self, program, plugin, device, times):
        self.folder = tempfile.TemporaryDirectory()
        at = lambda name: os.path.join(self.folder.name, name)
        with open(os.open(at("password"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("bench password")
        data = ["--data", at("data")]
        quiet = {"stdout": subprocess.DEVNULL}
        subprocess.run(
            [program, "init", *data, "--user", "bench", "--password-file", at("password")], check=True, **quiet
        )
        environment = {**os.environ, "STEWARD_CUDA": os.path.abspath(plugin)}
        self.process = subprocess.Popen(
            [program, "serve", *data, "--listen", "127.0.0.1:0", "--device", device],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stdout:
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            port = int(found[1]) if found else None
            if port:
                break
        self.db = pg8000.native.Connection("bench", "127.0.0.1", "steward", port, "bench password")
        print(device, self.db.run("SHOW steward.device"), self.db.run("SHOW steward.device_detail"), flush=True)
        for name, columns in TABLES.items():
            self.db.run(f"CREATE TABLE {name} ({columns})")
            with open(f"shop/tables/{name}.csv", "rb") as file:
                self.db.run(f"COPY {name} FROM STDIN WITH (FORMAT csv, HEADER true)", stream=file)
        self.db.run(f"CREATE TABLE log AS {LOG}")
        self.db.run(f"CREATE TABLE asked AS SELECT l.*, g.k FROM log l, generate_series(1, {times}) AS g(k)")
        self.db.run(
            "CREATE TABLE titles AS SELECT row_number() OVER (ORDER BY g.k, p.title) AS id, p.title || ' ' || g.k::text AS title"
            f" FROM (SELECT DISTINCT title FROM products WHERE title IS NOT NULL) p, generate_series(1, {times}) AS g(k)"
        )

    def timed(self, sql):
        begun = time.perf_counter()
        answer = self.db.run(sql)
        return answer, time.perf_counter() - begun

    def close(self):
        self.db.close()
        self.process.terminate()
        self.process.wait()


def main():
    program, plugin = sys.argv[1:3]
    times = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    cpu, gpu = Server(program, plugin, "cpu", times), Server(program, plugin, "cuda:0", times)

    def both(sql):
        return cpu.timed(sql), gpu.timed(sql)

    # Warm: weights read, a context made.
    both("SELECT EMBED('warm')")
    (one, slow), (other, quick) = both("SELECT id, EMBED(title)::text FROM titles ORDER BY id")
    numbers = lambda rows: np.array([[float(number) for number in row[1].strip("{}").split(",")] for row in rows])
    one, other = numbers(one), numbers(other)
    cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    print(
        f"EMBED of {len(one)} texts: cpu {len(one) / slow:.0f}/s, cuda {len(one) / quick:.0f}/s (vectors sent); 1 - least"
        f" cosine {1 - cosine.min():.1e}, largest difference {np.abs(one - other).max():.1e}",
        flush=True,
    )
    (one, slow), (other, quick) = both(f"SELECT CLASSIFY(title || '!', {LABELS}) FROM titles ORDER BY id")
    count, differ = len(one), sum(mine != theirs for mine, theirs in zip(one, other))
    print(f"CLASSIFY of {count}: cpu {count / slow:.0f}/s, cuda {count / quick:.0f}/s; other label: {differ}", flush=True)
    for kind in ("lr", "bilinear", "fm", "mlp", "deepfm", "dcn"):
        make = (
            f"CREATE MODEL {kind} OPTIONS (model_type = 'ctr', architecture = '{kind}', user_col = 'audience_id', item_col = 'ad_id',"
            " label_col = 'clicked', split = 'random', eval_fraction = 0.2, max_iterations = 8, seed = 7)"
            " AS SELECT audience_id, ad_id, campaign, slot, affinity, affinity_all, log_share, quality, kind, style, clicked FROM asked ORDER BY k, impression_id"
        )
        (_, slow), (_, quick) = both(make)
        (one, _), (other, _) = both(f"SELECT metric, value FROM EVALUATE('{kind}') WHERE metric IN ('auc', 'logloss') ORDER BY 1")
        (_, slow_sum), (_, quick_sum) = both(f"SELECT sum(PREDICT_CTR(a, '{kind}')) FROM asked a")
        (mine, _), (theirs, _) = both(f"SELECT PREDICT_CTR(l, '{kind}') FROM log l ORDER BY impression_id")
        mine, theirs = (np.array([float(row[0]) for row in rows]) for rows in (mine, theirs))
        print(
            f"{kind:9} trained in {slow:.2f} s, cuda {quick:.2f} s; {[f'{n} {a:.6f}' for n, a in one]}, cuda"
            f" {[f'{n} {a:.6f}' for n, a in other]}; predictions apart {np.abs(mine - theirs).max():.1e} of {mine.mean():.4f};"
            f" PREDICT_CTR rows/s {len(mine) * times / slow_sum:.0f}, cuda {len(mine) * times / quick_sum:.0f}",
            flush=True,
        )
    cpu.close()
    gpu.close()


if __name__ == "__main__":
    main()
