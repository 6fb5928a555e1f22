"""Click prediction by gradient-boosted trees: the peer of PREDICT_CTR in benches/peers.

    python3 ctr_peer.py ROWS.csv TIMES

Trains on a random 80 % of the rows, then times the prediction of all rows TIMES over, from a matrix in memory. LightGBM
when it is there, else scikit-learn's HistGradientBoostingClassifier. Prints one line of JSON with the rows a second (the
middle of five) and the AUC on the rows set aside.

Needs: numpy, and lightgbm or scikit-learn.
"""

import csv
import json
import sys
import time

TEXTS = ("audience_id", "ad_id", "campaign", "kind")
LABEL = "clicked"


def auc(labels, scores):
    """The area under the ROC curve by ranks, ties shared."""
    import numpy as np

    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    ones = labels == 1
    return float((ranks[ones].sum() - ones.sum() * (ones.sum() + 1) / 2) / (ones.sum() * (~ones).sum()))


def main():
    try:
        import numpy as np
    except ImportError:
        print(json.dumps({"missing": "numpy"}))
        return
    path, times = sys.argv[1], int(sys.argv[2])
    rows = list(csv.DictReader(open(path, encoding="utf-8")))
    names = [name for name in rows[0] if name != LABEL]
    columns = []
    for name in names:
        values = [row[name] for row in rows]
        if name in TEXTS:
            columns.append(np.unique(values, return_inverse=True)[1].astype("f4"))
        else:
            columns.append(np.array([float(value) if value else np.nan for value in values], "f4"))
    matrix, labels = np.stack(columns, axis=1), np.array([int(row[LABEL]) for row in rows])
    chosen = np.random.default_rng(7).random(len(rows)) < 0.8
    texts = [names.index(name) for name in TEXTS]
    try:
        import lightgbm

        name = f"LightGBM {lightgbm.__version__}"
        data = lightgbm.Dataset(matrix[chosen], labels[chosen], categorical_feature=texts)
        options = {"objective": "binary", "verbosity": -1, "num_leaves": 31, "learning_rate": 0.05, "seed": 7}
        predict = lightgbm.train(options, data, num_boost_round=100).predict
    except ImportError:
        try:
            import sklearn
            from sklearn.ensemble import HistGradientBoostingClassifier
        except ImportError:
            print(json.dumps({"missing": "lightgbm or scikit-learn"}))
            return
        name = f"scikit-learn {sklearn.__version__}"
        # Its categories are bounded at 255; more are taken as numbers.
        small = [place for place in texts if matrix[:, place].max() < 255]
        model = HistGradientBoostingClassifier(categorical_features=small, learning_rate=0.05, max_iter=100, random_state=7)
        model.fit(matrix[chosen], labels[chosen])

        def predict(asked):
            return model.predict_proba(asked)[:, 1]

    asked = np.tile(matrix, (times, 1))
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        predict(asked).sum()
        seconds.append(time.perf_counter() - begun)
    held_out = auc(labels[~chosen], predict(matrix[~chosen]))
    print(json.dumps({"name": name, "rate": len(asked) / sorted(seconds)[2], "auc": held_out}))


main()
