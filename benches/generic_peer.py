"""Numbers, classes, groups and anomalies by scikit-learn: the peer of CREATE MODEL's generic types.

    python3 generic_peer.py MODEL_TYPE ROWS.csv TEST.csv [LABEL]

MODEL_TYPE is linear_reg, logistic_reg, mlp, kmeans or anomaly. Trains on ROWS.csv as a practised hand would: numbers
standardised, their gaps filled with the mean and marked, texts as categories (those seen once together), and judges on
TEST.csv. Prints one line of JSON: what it is, the seconds of training (features included), of prediction, and measures.

Needs: numpy, pandas and scikit-learn.
"""

import json
import sys
import time


def main():
    try:
        import numpy as np
        import pandas as pd
        import sklearn
        from sklearn import cluster, compose, ensemble, impute, linear_model, metrics, neural_network, pipeline, preprocessing
    except ImportError:
        print(json.dumps({"missing": "numpy, pandas and scikit-learn"}))
        return
    model_type, rows, test = sys.argv[1], pd.read_csv(sys.argv[2]), pd.read_csv(sys.argv[3])
    label = sys.argv[4] if len(sys.argv) > 4 else None
    names = [name for name in rows if name != label]
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(rows[name])]
    texts = [name for name in names if name not in numbers]
    filled = pipeline.make_pipeline(impute.SimpleImputer(add_indicator=True), preprocessing.StandardScaler())
    one_hot = preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2)
    features = compose.ColumnTransformer([("numbers", filled, numbers), ("texts", one_hot, texts)])
    is_number = label is not None and pd.api.types.is_float_dtype(rows[label])
    scale = preprocessing.StandardScaler()
    choices = {
        "linear_reg": lambda: linear_model.RidgeCV(alphas=[1e-4, 1e-2, 0.1, 1, 10, 100, 1e3, 1e4]),
        "logistic_reg": lambda: linear_model.LogisticRegression(max_iter=500),
        "mlp": lambda: compose.TransformedTargetRegressor(
            neural_network.MLPRegressor((64, 32), early_stopping=True, random_state=7), transformer=scale)
        if is_number else neural_network.MLPClassifier((64, 32), early_stopping=True, random_state=7),
        "kmeans": lambda: cluster.KMeans(5, n_init=4, random_state=7),
        "anomaly": lambda: ensemble.IsolationForest(random_state=7),
    }
    begun = time.perf_counter()
    model = pipeline.make_pipeline(features, choices[model_type]())
    model.fit(rows[names], rows[label] if label and model_type not in ("kmeans", "anomaly") else None)
    trained = time.perf_counter() - begun
    begun = time.perf_counter()
    said = model.predict(test[names])
    predicted = time.perf_counter() - begun
    answer = {"name": f"scikit-learn {sklearn.__version__} {type(model[-1]).__name__}", "train_s": trained, "predict_s": predicted}
    if model_type == "kmeans":
        asked = model[0].transform(test[names])
        answer["mean_squared_distance"] = float(np.mean(np.min(model[-1].transform(asked), axis=1) ** 2))
        answer["silhouette"] = float(metrics.silhouette_score(asked, said, sample_size=2000, random_state=7))
    elif model_type == "anomaly":
        answer["auc"] = float(metrics.roc_auc_score(test[label], -model.score_samples(test[names])))
    elif is_number:
        answer["rmse"] = float(metrics.mean_squared_error(test[label], said) ** 0.5)
        answer["r2"] = float(metrics.r2_score(test[label], said))
    else:
        shares = model.predict_proba(test[names])
        classes = model[-1].classes_
        answer["logloss"] = float(metrics.log_loss(test[label], shares, labels=classes))
        answer["accuracy"] = float(metrics.accuracy_score(test[label], said))
        shares = shares[:, 1] if len(classes) == 2 else shares
        answer["auc"] = float(metrics.roc_auc_score(test[label], shares, multi_class="ovr", labels=classes))
    print(json.dumps(answer))


main()
