"""How good click models are, beside other programs on the same rows of the same sets.

    python3 click_peers.py --data FOLDER --port PORT [--sets criteo,shoppers,ml100k,retailrocket] [--folds 5] [--ours lr,fm,...] [--peers]

FOLDER holds the sets: ctr_criteo_8k, mkt_online_shoppers, rec_ml100k (a rating of 4 and more is a click), behav_retailrocket (of what was looked at,
what was put into the cart). Row i belongs to fold splitmix64(i + 20260101 * 0x9E3779B97F4A7C15) mod k; each fold is predicted by models that were trained on the
others, with default settings, and the predictions of all folds are judged together: AUC, log-loss, calibration error (ten bins). Everybody gets the same columns.

Steward is asked at PORT through psql; beside it scikit-learn's logistic regression (one-hot names, logarithms of numbers), LightGBM (early stopping on a tenth
of the training rows), and DeepFM and DCNv2 written in jax (the same). What is not installed is left out.

Needs: psql, numpy; scikit-learn, lightgbm, jax.
"""

import argparse
import csv
import gzip
import io
import json
import os
import subprocess
import sys
import time
import zipfile

import numpy as np

MASK = (1 << 64) - 1


def fold(row, folds):
    z = (row + 20260101 * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return (z ^ (z >> 31)) % folds


class Set:
    """Rows of numbers (`n`) and names (`c`), the label last."""

    def __init__(self, name, kinds, rows, user=None, item=None):
        self.name, self.kinds, self.rows, self.user, self.item = name, kinds, rows, user, item
        self.names = list(kinds)
        self.labels = np.array([int(row[-1]) for row in rows])


def criteo(folder):
    kinds = {f"i{n}": "n" for n in range(1, 14)} | {f"c{n}": "c" for n in range(1, 27)}
    rows = []
    for name in ("train.csv.gz", "dev.csv", "test.csv"):
        path = f"{folder}/ctr_criteo_8k/{name}"
        opened = gzip.open(path, "rt") if name.endswith("gz") else open(path, encoding="utf-8")
        for line in opened:
            cells = line.rstrip("\n").split("\t")
            rows.append([cell or None for cell in cells[1:40]] + [cells[0]])
    return Set("criteo", kinds, rows)


def shoppers(folder):
    with open(f"{folder}/mkt_online_shoppers/online_shoppers_intention.csv", encoding="utf-8") as opened:
        table = list(csv.reader(opened))
    numbers = {"Administrative", "Administrative_Duration", "Informational", "Informational_Duration", "ProductRelated",
               "ProductRelated_Duration", "BounceRates", "ExitRates", "PageValues", "SpecialDay"}
    kinds = {name.lower(): "n" if name in numbers else "c" for name in table[0][:-1]}
    truth = {"0": "0", "1": "1", "TRUE": "1", "FALSE": "0", "True": "1", "False": "0"}
    return Set("shoppers", kinds, [row[:-1] + [truth[row[-1]]] for row in table[1:]])


def ml100k(folder):
    base = f"{folder}/rec_ml100k"
    read = lambda opened: list(csv.reader(opened, delimiter="\t"))[1:]
    users = {row[0]: row for row in read(open(f"{base}/ml-100k.user", encoding="utf-8"))}
    items = {row[0]: row for row in read(open(f"{base}/ml-100k.item", encoding="utf-8"))}
    rows = []
    for user, item, rating, _ in read(gzip.open(f"{base}/ml-100k.inter.gz", "rt")):
        _, age, gender, work, area = users[user]
        film = items[item]
        rows.append([user, item, age, gender, work, area[:2], film[2] or None, film[3], "1" if float(rating) >= 4 else "0"])
    kinds = {"user_id": "c", "item_id": "c", "age": "n", "gender": "c", "occupation": "c", "area": "c", "item_year": "c", "item_class": "c"}
    return Set("ml100k", kinds, rows, "user_id", "item_id")


def funnel(folder):
    """Each pair of a visitor and an item that any event has, in the order of visitors and items, and what followed."""
    found = {}
    with zipfile.ZipFile(f"{folder}/behav_retailrocket/Retailrocket_Ecommerce.zip") as archive:
        for place, event in enumerate(("view", "add_to_cart", "purchase")):
            name = next(name for name in archive.namelist() if name.endswith(f"{event}_ecommerce.dat"))
            for line in io.TextIOWrapper(archive.open(name), "utf-8").readlines()[1:]:
                user, item, _ = line.split()
                found.setdefault((int(user), int(item)), [0, 0, 0])[place] = 1
    return [(user, item, *what) for (user, item), what in sorted(found.items())]


def retailrocket(folder):
    rows = [[str(user), str(item), str(cart)] for user, item, _, cart, _ in funnel(folder)]
    return Set("retailrocket", {"user_id": "c", "item_id": "c"}, rows, "user_id", "item_id")


def auc(labels, scores):
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    ones = labels == 1
    return float((ranks[ones].sum() - ones.sum() * (ones.sum() + 1) / 2) / (ones.sum() * (~ones).sum()))


def judged(labels, scores):
    kept = np.clip(scores, 2.2e-16, 1 - 2.2e-16)
    loss = -np.where(labels == 1, np.log(kept), np.log1p(-kept)).mean()
    place = np.minimum((scores * 10).astype(int), 9)
    sums = np.bincount(place, scores - labels, 10)
    return auc(labels, scores), float(loss), float(np.abs(sums).sum() / len(labels))


# --- Steward


def ask(port, sql, rows=None):
    command = ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", os.environ.get("PGUSER", "steward"), "-d", "steward", "-qAt", "-v", "ON_ERROR_STOP=1",
               "-c", sql]
    done = subprocess.run(command, input=rows, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{sql[:200]}: {done.stderr[-800:]}")
    return done.stdout


def table(port, of, folds):
    columns = ", ".join(f"{name} {'float8' if kind == 'n' else 'text'}" for name, kind in of.kinds.items())
    ask(port, f"DROP TABLE IF EXISTS {of.name}; CREATE TABLE {of.name} (row int, fold int, {columns}, clicked int)")
    out = io.StringIO()
    write = csv.writer(out)
    for row, cells in enumerate(of.rows):
        write.writerow([row, fold(row, folds)] + ["" if cell is None else cell for cell in cells])
    ask(port, f"COPY {of.name} FROM STDIN WITH (FORMAT csv)", out.getvalue())


def steward(port, of, folds, architecture, more=""):
    scores, trained, predicted, own = np.zeros(len(of.rows)), 0.0, 0.0, []
    names = ", ".join(of.names)
    sides = (f", user_col = '{of.user}'" if of.user else "") + (f", item_col = '{of.item}'" if of.item else "")
    for k in range(folds):
        begun = time.perf_counter()
        ask(port, f"CREATE OR REPLACE MODEL m_{of.name} OPTIONS (model_type = 'ctr', label_col = 'clicked', architecture = '{architecture}'{sides}{more}) "
                  f"AS SELECT {names}, clicked FROM {of.name} WHERE fold <> {k} ORDER BY row")
        trained += time.perf_counter() - begun
        own.append(float(ask(port, f"SELECT value FROM EVALUATE('m_{of.name}') WHERE metric = 'logloss'")))
        begun = time.perf_counter()
        answer = ask(port, f"SET steward.max_model_rows = 10000000; SELECT row, PREDICT_CTR(t, 'm_{of.name}') FROM {of.name} t WHERE fold = {k}")
        predicted += time.perf_counter() - begun
        for line in answer.split("\n"):
            if "|" in line:
                row, score = line.split("|")
                scores[int(row)] = float(score)
    return scores, trained, len(of.rows) / predicted, float(np.mean(own))


# --- peers


def matrices(of, chosen):
    """Numbers with NaN where missing, and names as whole numbers of those that the training rows have (0: others)."""
    numbers = [name for name in of.names if of.kinds[name] == "n"]
    names = [name for name in of.names if of.kinds[name] == "c"]
    at = {name: place for place, name in enumerate(of.names)}
    dense = np.array([[np.nan if row[at[name]] is None else float(row[at[name]]) for name in numbers] for row in of.rows], "f8")
    dense = dense.reshape(len(of.rows), len(numbers))
    coded, sizes = [], []
    for name in names:
        values = np.array(["" if row[at[name]] is None else row[at[name]] for row in of.rows])
        known, counts = np.unique(values[chosen], return_counts=True)
        place = {value: n + 1 for n, value in enumerate(known[counts >= 2])}
        coded.append(np.array([place.get(value, 0) for value in values]))
        sizes.append(len(place) + 1)
    return dense, (np.stack(coded, 1) if coded else np.zeros((len(of.rows), 0), int)), sizes


def scaled(dense, chosen):
    logs = np.sign(dense) * np.log1p(np.abs(dense))
    mean, deviation = np.nanmean(logs[chosen], 0), np.nanstd(logs[chosen], 0) + 1e-9
    missing = np.isnan(dense).astype("f8")
    return np.concatenate([np.nan_to_num((logs - mean) / deviation), missing[:, missing[chosen].any(0)]], 1)


def logistic(of, chosen, asked, held):
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder

    dense, coded, _ = matrices(of, chosen)
    one_hot = OneHotEncoder(handle_unknown="ignore").fit(coded[chosen])
    matrix = hstack([one_hot.transform(coded), csr_matrix(scaled(dense, chosen))]).tocsr()
    best = None
    for strength in (0.03, 0.1, 0.3, 1.0):
        model = LogisticRegression(C=strength, max_iter=500).fit(matrix[chosen & ~held], of.labels[chosen & ~held])
        loss = judged(of.labels[held], model.predict_proba(matrix[held])[:, 1])[1]
        if best is None or loss < best[0]:
            best = (loss, strength)
    model = LogisticRegression(C=best[1], max_iter=500).fit(matrix[chosen], of.labels[chosen])
    return lambda: model.predict_proba(matrix[asked])[:, 1]


def lightgbm(of, chosen, asked, held):
    import lightgbm as lgb

    dense, coded, sizes = matrices(of, chosen)
    matrix = np.concatenate([dense, coded], 1)
    names = list(range(dense.shape[1], matrix.shape[1]))
    options = {"objective": "binary", "verbosity": -1, "learning_rate": 0.05, "seed": 7, "num_threads": 2}
    data = lambda rows: lgb.Dataset(matrix[rows], of.labels[rows], categorical_feature=names, free_raw_data=False)
    model = lgb.train(options, data(chosen & ~held), 1000, valid_sets=[data(held)], callbacks=[lgb.early_stopping(50, verbose=False)])
    return lambda: model.predict(matrix[asked])


def network(kind):
    def run(of, chosen, asked, held):
        import jax
        import jax.numpy as jnp

        dense, coded, sizes = matrices(of, chosen)
        numbers = scaled(dense, chosen).astype("f4")
        begins = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
        ids = (coded + begins).astype("i4")
        dim, slots = 8, coded.shape[1]
        width = slots * dim + numbers.shape[1]
        rng = np.random.default_rng(7)
        he = lambda a, b: (rng.normal(size=(a, b)) * np.sqrt(2 / a)).astype("f4")
        w = {"linear": np.zeros(sum(sizes), "f4"), "vectors": (rng.normal(size=(sum(sizes), dim)) * 0.05).astype("f4"),
             "dense": np.zeros(numbers.shape[1], "f4"), "bias": np.float32(np.log(of.labels[chosen].mean() / (1 - of.labels[chosen].mean()))),
             "w1": he(width, 64), "b1": np.zeros(64, "f4"), "w2": he(64, 32), "b2": np.zeros(32, "f4"), "w3": he(32, 1)}
        if kind == "dcnv2":
            w |= {f"c{n}": (rng.normal(size=(width, width)) / width).astype("f4") for n in range(2)}
            w |= {f"d{n}": np.zeros(width, "f4") for n in range(2)} | {"out": np.zeros(width, "f4")}
        w = jax.tree.map(jnp.asarray, w)

        def logit(w, ids, numbers):
            vectors = w["vectors"][ids]
            row = jnp.concatenate([vectors.reshape(len(ids), -1), numbers], 1)
            hidden = jax.nn.relu(jax.nn.relu(row @ w["w1"] + w["b1"]) @ w["w2"] + w["b2"])
            z = w["bias"] + (hidden @ w["w3"])[:, 0] + w["linear"][ids].sum(1) + numbers @ w["dense"]
            if kind == "deepfm":
                return z + 0.5 * (vectors.sum(1) ** 2 - (vectors**2).sum(1)).sum(1)
            x = row
            for n in range(2):
                x = row * (x @ w[f"c{n}"] + w[f"d{n}"]) + x
            return z + x @ w["out"]

        def loss(w, ids, numbers, labels):
            z = logit(w, ids, numbers)
            squares = (w["vectors"][ids] ** 2).sum() / len(ids) * 1e-4
            return (jnp.logaddexp(0, z) - labels * z).mean() + squares

        @jax.jit
        def step(w, m, v, count, ids, numbers, labels):
            g = jax.grad(loss)(w, ids, numbers, labels)
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            move = lambda w, m, v: w - 0.001 * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)
            return jax.tree.map(move, w, m, v), m, v

        score = jax.jit(lambda w, ids, numbers: jax.nn.sigmoid(logit(w, ids, numbers)))
        m, v = jax.tree.map(jnp.zeros_like, w), jax.tree.map(jnp.zeros_like, w)
        train = np.flatnonzero(chosen & ~held)
        best, since, count = None, 0, 0
        for _ in range(30):
            rng.shuffle(train)
            for begin in range(0, len(train) - 255, 256):
                some = train[begin : begin + 256]
                count += 1
                w, m, v = step(w, m, v, float(count), ids[some], numbers[some], of.labels[some].astype("f4"))
            now = judged(of.labels[held], np.asarray(score(w, ids[held], numbers[held]), "f8"))[1]
            if best is None or now < best[0]:
                best, since = (now, w), 0
            else:
                since += 1
                if since == 3:
                    break
        return lambda: np.asarray(score(best[1], ids[asked], numbers[asked]), "f8")

    return run


def peer(run, of, folds):
    scores, trained, predicted = np.zeros(len(of.rows)), 0.0, 0.0
    folds_of = np.array([fold(row, folds) for row in range(len(of.rows))])
    rng = np.random.default_rng(3)
    for k in range(folds):
        chosen, asked = folds_of != k, folds_of == k
        held = chosen & (rng.random(len(of.rows)) < 0.1)
        begun = time.perf_counter()
        predict = run(of, chosen, asked, held)
        trained += time.perf_counter() - begun
        predict()
        begun = time.perf_counter()
        scores[asked] = predict()
        predicted += time.perf_counter() - begun
    return scores, trained, len(of.rows) / predicted, None


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--data", required=True)
    options.add_argument("--port", type=int)
    options.add_argument("--sets", default="criteo,shoppers,ml100k,retailrocket")
    options.add_argument("--folds", type=int, default=5)
    options.add_argument("--ours", default="lr,bilinear,fm,mlp,deepfm,dcn,dcnv2")
    options.add_argument("--more", default="")
    options.add_argument("--peers", default="logistic,lightgbm,deepfm,dcnv2")
    given = options.parse_args()
    peers = {"logistic": logistic, "lightgbm": lightgbm, "deepfm": network("deepfm"), "dcnv2": network("dcnv2")}
    for name in given.sets.split(","):
        of = {"criteo": criteo, "shoppers": shoppers, "ml100k": ml100k, "retailrocket": retailrocket}[name](given.data)
        print(f"{name}: {len(of.rows)} rows, {of.labels.mean():.4f} clicks", flush=True)
        runs = []
        if given.port:
            table(given.port, of, given.folds)
            runs += [(f"steward {a}", lambda a=a: steward(given.port, of, given.folds, a, given.more)) for a in given.ours.split(",") if a]
        runs += [(f"{p} (peer)", lambda p=p: peer(peers[p], of, given.folds)) for p in given.peers.split(",") if p]
        for title, run in runs:
            try:
                scores, trained, rate, own = run()
            except ImportError as missing:
                print(f"{title:20} left out: {missing}", flush=True)
                continue
            area, loss, error = judged(of.labels, scores)
            told = "" if own is None else f" own log-loss {own:.4f}"
            print(f"{title:20} AUC {area:.4f} log-loss {loss:.4f} calibration {error:.4f} trained {trained:7.1f} s predicted {rate:9.0f} rows/s{told}", flush=True)


if __name__ == "__main__":
    main()
