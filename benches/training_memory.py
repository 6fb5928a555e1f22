"""Memory while click models are trained on more and more rows.

    python3 training_memory.py --program STEWARD --data FOLDER --work EMPTY_FOLDER [--rows 1,3,10] [--architectures lr,fm,deepfm] [--epochs 2]

For each number of rows (in millions) the hundred thousand ratings of rec_ml100k are repeated with other users, items, times and numbers, put into a table, and a model
is trained on it; each training has a server of its own, whose peak resident memory since its start (VmHWM) is read before and after.
"""

import argparse
import gzip
import os
import random
import re
import signal
import subprocess
import time

COLUMNS = "user_id int, item_id int, age int, hour int, price float8, channel text, at bigint, clicked int"


def rows(folder, millions):
    """Lines of COPY: every tenth user and item is another one in each repetition."""
    with gzip.open(f"{folder}/rec_ml100k/ml-100k.inter.gz", "rt") as opened:
        ratings = [line.split() for line in opened.readlines()[1:]]
    chance = random.Random(1)
    for repetition in range(millions * 10):
        for user, item, rating, at in ratings:
            if chance.random() < 0.1:
                user = int(user) + 1000 * (repetition % 50)
            if chance.random() < 0.1:
                item = int(item) + 2000 * (repetition % 25)
            moment = int(float(at)) + chance.randrange(100000)
            price = "" if chance.random() < 0.05 else f"{chance.lognormvariate(3, 1):.2f}"
            channel = ("app", "web", "search", "mail")[chance.randrange(4)]
            yield f"{user},{item},{18 + int(user) % 50},{moment // 3600 % 24},{price},{channel},{moment},{int(float(rating) >= 4)}\n"


def peak(process):
    status = open(f"/proc/{process.pid}/status", encoding="utf-8").read()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


class Server:
    def __init__(self, program, data, port):
        self.log = open(f"{data}.log", "a+", encoding="utf-8")
        self.process = subprocess.Popen([program, "serve", "--data", data, "--listen", f"127.0.0.1:{port}"], stdout=self.log, stderr=self.log)
        self.port, self.data = port, data
        for _ in range(600):
            time.sleep(0.1)
            said = open(f"{data}.log", encoding="utf-8").read()
            if "serves database" in said.rpartition("serves database")[1] and self.answers():
                break

    def answers(self):
        said = open(f"{self.data}.log", encoding="utf-8").read()
        found = re.search(r"shown this once:\s+(\S+)", said)
        if found:
            os.environ["PGPASSWORD"] = found[1]
        return self.ask("SELECT 1", check=False).returncode == 0

    def ask(self, sql, check=True, **more):
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "steward", "-d", "steward", "-qAt", "-c", sql]
        return subprocess.run(command, check=check, capture_output=True, text=True, **more)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.log.close()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--program", required=True)
    options.add_argument("--data", required=True)
    options.add_argument("--work", required=True)
    options.add_argument("--port", type=int, default=56221)
    options.add_argument("--rows", default="1,3,10")
    options.add_argument("--architectures", default="lr,fm,deepfm")
    options.add_argument("--epochs", type=int, default=2)
    options.add_argument("--more", default="")
    given = options.parse_args()
    data = f"{given.work}/db"
    for millions in [int(text) for text in given.rows.split(",")]:
        server = Server(given.program, data, given.port)
        server.ask(f"DROP TABLE IF EXISTS log; CREATE TABLE log ({COLUMNS})")
        copy = ["psql", "-h", "127.0.0.1", "-p", str(given.port), "-U", "steward", "-d", "steward", "-qc", "COPY log FROM STDIN WITH (FORMAT csv)"]
        with subprocess.Popen(copy, stdin=subprocess.PIPE, text=True) as into:
            into.stdin.writelines(rows(given.data, millions))
        server.stop()
        for architecture in given.architectures.split(","):
            server = Server(given.program, data, given.port)
            server.ask("SELECT count(*), max(price) FROM log")
            before, begun = peak(server.process), time.perf_counter()
            server.ask(f"CREATE OR REPLACE MODEL m_{architecture} OPTIONS (model_type = 'ctr', architecture = '{architecture}', label_col = 'clicked', user_col = 'user_id', "
                       f"item_col = 'item_id', time_col = 'at', max_iterations = {given.epochs}{given.more}) AS SELECT * FROM log")
            seconds, after = time.perf_counter() - begun, peak(server.process)
            auc = server.ask(f"SELECT round(value::numeric, 4) FROM EVALUATE('m_{architecture}') WHERE metric = 'auc'").stdout.strip()
            print(f"{millions:3} million rows, {architecture:7} peak {before} MiB before, {after} MiB after, {seconds:.0f} s, AUC {auc}", flush=True)
            server.stop()


main()
