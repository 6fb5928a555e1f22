"""How good the entire-space objective is on what follows a click, beside training on clicks alone and beside LightGBM.

    python3 conversion_peers.py --data FOLDER --port PORT [--sets hillstrom,retailrocket] [--folds 5] [--ours fm,mlp,deepfm]

hillstrom: letters to customers, a visit is the click and a purchase what follows. retailrocket: pairs of a visitor and an item that was looked at, the cart is the
click and the purchase what follows; a purchase without the cart counts as neither. Neither set has times: rows are split by the rule of click_peers.py, and the
predictions of all folds are judged together: of conversions on rows with a click (CVR), and of click and conversion over all rows (CTCVR).

"naive" is two models: one of clicks over all rows, and one of conversions over rows with a click; CTCVR is their product. So it is of LightGBM.
"""

import argparse
import csv
import gzip
import io
import os
import time

import numpy as np

import click_peers as peers


class Funnel(peers.Set):
    def __init__(self, name, kinds, rows, user=None, item=None):
        super().__init__(name, kinds, rows, user, item)
        self.clicks = np.array([int(row[-2]) for row in rows])
        self.bought = np.array([int(row[-1]) for row in rows]) * self.clicks


def hillstrom(folder):
    with gzip.open(f"{folder}/mkt_hillstrom_email/hillstrom.csv.gz", "rt") as opened:
        table = list(csv.DictReader(opened))
    kinds = {"recency": "n", "history_segment": "c", "history": "n", "mens": "c", "womens": "c", "zip_code": "c", "newbie": "c", "channel": "c",
             "segment": "c"}
    return Funnel("hillstrom", kinds, [[row[name] for name in kinds] + [row["visit"], row["conversion"]] for row in table])


def retailrocket(folder):
    rows = [[str(user), str(item), str(cart), str(bought)] for user, item, _, cart, bought in peers.funnel(folder)]
    return Funnel("retailrocket", {"user_id": "c", "item_id": "c"}, rows, "user_id", "item_id")


def told(title, of, cvr, ctcvr, seconds):
    clicked = of.clicks == 1
    a, b = peers.judged(of.bought[clicked], cvr[clicked]), peers.judged(of.bought, ctcvr)
    print(f"{title:24} CVR AUC {a[0]:.4f} log-loss {a[1]:.4f} calibration {a[2]:.4f}  CTCVR AUC {b[0]:.4f} log-loss {b[1]:.5f} calibration {b[2]:.5f}"
          f"  {seconds:6.1f} s", flush=True)


def table(port, of, folds):
    columns = ", ".join(f"{name} {'float8' if kind == 'n' else 'text'}" for name, kind in of.kinds.items())
    name = f"{of.name}_funnel"
    peers.ask(port, f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (row int, fold int, {columns}, clicked int, bought int)")
    out = io.StringIO()
    write = csv.writer(out)
    for row, cells in enumerate(of.rows):
        write.writerow([row, peers.fold(row, folds)] + ["" if cell is None else cell for cell in cells])
    peers.ask(port, f"COPY {name} FROM STDIN WITH (FORMAT csv)", out.getvalue())


def steward(port, of, folds, architecture, is_joint):
    name, names = f"{of.name}_funnel", ", ".join(of.names)
    sides = (f", user_col = '{of.user}'" if of.user else "") + (f", item_col = '{of.item}'" if of.item else "")
    options = f"model_type = 'ctr', architecture = '{architecture}'{sides}"
    cvr, ctcvr, seconds = np.zeros(len(of.rows)), np.zeros(len(of.rows)), 0.0
    for k in range(folds):
        begun = time.perf_counter()
        if is_joint:
            peers.ask(port, f"CREATE OR REPLACE MODEL joint OPTIONS ({options}, label_col = 'clicked', conversion_col = 'bought') AS SELECT {names}, clicked, bought "
                            f"FROM {name} WHERE fold <> {k} ORDER BY row")
            sql = "PREDICT_CVR(t, 'joint'), PREDICT_CTCVR(t, 'joint')"
        else:
            peers.ask(port, f"CREATE OR REPLACE MODEL c OPTIONS ({options}, label_col = 'clicked') AS SELECT {names}, clicked FROM {name} WHERE fold <> {k} ORDER BY row")
            peers.ask(port, f"CREATE OR REPLACE MODEL r OPTIONS ({options}, label_col = 'bought') AS SELECT {names}, bought FROM {name} WHERE fold <> {k} AND clicked = 1 "
                            f"ORDER BY row")
            sql = "PREDICT_CTR(t, 'r'), PREDICT_CTR(t, 'r') * PREDICT_CTR(t, 'c')"
        seconds += time.perf_counter() - begun
        for line in peers.ask(port, f"SET steward.max_model_rows = 10000000; SELECT row, {sql} FROM {name} t WHERE fold = {k}").split("\n"):
            if line.count("|") == 2:
                row, one, both = line.split("|")
                cvr[int(row)], ctcvr[int(row)] = float(one), float(both)
    return cvr, ctcvr, seconds


def lightgbm(of, folds):
    folds_of = np.array([peers.fold(row, folds) for row in range(len(of.rows))])
    cvr, ctcvr, seconds = np.zeros(len(of.rows)), np.zeros(len(of.rows)), 0.0
    rng = np.random.default_rng(3)
    for k in range(folds):
        asked, begun = folds_of == k, time.perf_counter()
        held, labels, scores = rng.random(len(of.rows)) < 0.1, of.labels, []
        for of.labels, chosen in ((of.clicks, ~asked), (of.bought, ~asked & (of.clicks == 1))):
            scores.append(peers.lightgbm(of, chosen, asked, chosen & held)())
        of.labels = labels
        seconds += time.perf_counter() - begun
        cvr[asked], ctcvr[asked] = scores[1], scores[0] * scores[1]
    return cvr, ctcvr, seconds


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--data", required=True)
    options.add_argument("--port", type=int)
    options.add_argument("--sets", default="hillstrom,retailrocket")
    options.add_argument("--folds", type=int, default=5)
    options.add_argument("--ours", default="fm,mlp,deepfm")
    given = options.parse_args()
    for name in given.sets.split(","):
        of = {"hillstrom": hillstrom, "retailrocket": retailrocket}[name](given.data)
        print(f"{name}: {len(of.rows)} rows, {of.clicks.sum()} clicks, {of.bought.sum()} conversions", flush=True)
        told("LightGBM, naive", of, *lightgbm(of, given.folds))
        if given.port:
            table(given.port, of, given.folds)
            for architecture in given.ours.split(","):
                told(f"steward {architecture}, naive", of, *steward(given.port, of, given.folds, architecture, False))
                told(f"steward {architecture}, entire space", of, *steward(given.port, of, given.folds, architecture, True))


if __name__ == "__main__":
    main()
