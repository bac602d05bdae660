"""One valid configuration for every member of every union."""

# ruff: noqa: E501 (one row a line)

DATASETS = {
    "csv": "{name: csv, path: a.csv, target: y, delimiter: '\t', drop: [id], types: {zip: category}, keep: {a: [1, x, true]}}",
    "several_targets": "{name: csv, path: a.csv, target: [y, z], test_path: b.csv, decimal: '.', origin: 'http://x: y'}",
    "parquet": "{name: parquet, path: a.parquet, target: y, duplicates: drop, outliers: iqr}",
    "excel": "{name: excel, path: a.xlsx, sheet: '2024', header_row: 3, target: y}",
    "jsonl": "{name: jsonl, path: a.jsonl, target: y, missing: {values: ['-999', '1e-3'], drop_rows: true}}",
    "sql": "{name: sql, path: a.db, query: SELECT 1, target: y, replace: {y: {'yes.': 'yes'}}}",
    "sql_url": "{name: sql, url: 'postgresql://u:${PW}@h/d', query: SELECT 1, target: y}",
    "npz": "{name: npz, path: a.npz, x: data}",
    "idx": "{name: idx, images: a, labels: b, test_images: c, test_labels: d}",
    "images": "{name: images, path: pics, size: [32, 48], color: rgb}",
    "stl10": "stl10",
    "iris": "iris",
    "wine": "{name: wine, split: {test: 30, valid: 0.1, by: stratified, seed: 3}}",
    "breast_cancer": "breast_cancer",
    "diabetes": "diabetes",
    "digits": "digits",
    "mnist": "{name: mnist, offline: digits}",
    "fashion_mnist": "fashion_mnist",
    "circle": "circle",
    "xor": "{name: xor, rows: 200, noise: 0.1, seed: 4}",
    "gauss": "gauss",
    "spiral": "spiral",
    "plane": "plane",
    "multi_gauss": "multi_gauss",
}

OPTIMIZERS = {
    "sgd": "{name: sgd, lr: 1, momentum: 0.9, nesterov: true}",
    "adagrad": "adagrad",
    "adadelta": "{name: adadelta, rho: 0.95}",
    "rmsprop": "{name: rmsprop, momentum: 0.5}",
    "muon": "{name: muon, adamw_lr: 0.002}",
    "adam": "{lr: 1e-3, eps: 1e-8}",
    "adamw": "{name: adamw, l2: 1e-4, l1: 1e-300}",
    "adamax": "adamax",
    "nadam": "nadam",
    "radam": "radam",
    "lbfgs": "{name: lbfgs, iterations: 5}\ntraining: {batch_size: full}",
}

SCHEDULES = {
    "constant": "{name: constant, warmup: 0.1}",
    "step": "{name: step, every: 5, factor: 1}",
    "exponential": "exponential",
    "cosine": "{name: cosine, end: 0.01}",
    "one_cycle": "{name: one_cycle, peak: 0.2}",
    "inverse_sqrt": "{name: inverse_sqrt, after: 10}",
    "plateau": "{name: plateau, patience: 2}",
}

LOSSES = {
    "auto": "{class_weights: {a: 1, 'b: c': 2.5}, label_smoothing: 0.1}",
    "mse": "mse",
    "mae": "mae",
    "huber": "{name: huber, delta: 2}",
    "quantile": "{name: quantile, q: 0.9}",
    "poisson": "poisson",
    "bce": "{name: bce, class_weights: balanced}",
    "cross_entropy": "{name: cross_entropy, label_smoothing: 0.2}",
    "focal": "{name: focal, gamma: 1}",
    "hinge": "hinge",
    "perceptron": "perceptron",
}

OTHERS = {
    "features": "features: {derive: {area: w * h, 'a b': 'x + 1'}, impute: constant, fill_value: 1, clip: 5, extract: pca,"
    " columns: {age: {scale: robust}, size: {encode: ordinal, order: [S, M, 'L']}}, select: {k_best: 3, variance: null}}",
    "pca": "features: {extract: {name: pca, components: 3, whiten: true}}",
    "perceptron": "model: {hidden: [], output: step, max_norm: 3}\nloss: {name: auto}",
    "training": "training: {batch_size: 64, early_stopping: {metric: accuracy}, clip_norm: 1, precision: float32}",
    "evaluation": "evaluation: {metrics: [f1, mcc], threshold: f1, positive: '1', seeds: 3, folds: 5, repeats: 2}",
    "space": "improve: {space: {optimizer.lr: {log: [1e-4, 1]}, model.dropout: [0, 0.5], training.batch_size: {log: [16, 512]},"
    " model.hidden: {choices: [[], [8, 8]]}, training.clip_norm: {choices: [null, 1, 2.5]}, model.norm: {choices: [none, batch]}}}",
    "tabm": "model: {name: tabm, members: 8, hidden: [], embedding: {name: periodic, sigma: 0.5}}",
    "embedding": "model: {embedding: piecewise, dropout: 0.3}",
    "networks": "improve: {space: {model.name: {choices: [mlp, tabm]}, model.members: {choices: [4, 8]},"
    " model.embedding.name: {choices: [none, piecewise]}, model.embedding.bins: [8, 64]}}",
    "names": "name: a-b_C9\nseed: 9223372036854775807\ndevice: cuda:1",
}

CSV = "dataset: {name: csv, path: a.csv, target: y}\n"

CONFIGS = {
    **{f"dataset-{name}": f"dataset: {text}\n" for name, text in DATASETS.items()},
    **{f"optimizer-{name}": f"{CSV}optimizer: {text}\n" for name, text in OPTIMIZERS.items()},
    **{f"schedule-{name}": f"{CSV}optimizer: {{schedule: {text}}}\n" for name, text in SCHEDULES.items()},
    **{f"loss-{name}": f"{CSV}loss: {text}\n" for name, text in LOSSES.items()},
    **{f"other-{name}": f"{CSV}{text}\n" for name, text in OTHERS.items()},
}
