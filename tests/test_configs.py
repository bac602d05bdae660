"""Every system of the course, from its file in configs/ to what it must reach."""

import gzip
import shutil

import numpy as np
import polars as pl
import pytest

from mlcli.config.loading.load import load_config
from tests.conftest import CONFIGS


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_loads_and_says_what_it_is_for(path):
    assert load_config(path).name == path.stem
    assert path.read_text().startswith("# ")


@pytest.fixture
def score(mlcli):
    """Trains a config and returns its evaluation document."""

    def run(name, *options):
        trained = mlcli("train", f"configs/{name}.yaml", "--json", "-S", "evaluation.baselines=none", *options)
        assert trained.code == 0, trained.err
        evaluated = mlcli("evaluate", "--json")
        assert evaluated.code == 0, evaluated.out
        return evaluated.json

    return run


def value(document, metric):
    return document["scores"][metric]["value"]


def weights(document):
    """Feature → weight of a single output, with the bias."""
    table = document["weights"]
    return {
        **{name: row[0] for name, row in zip(table["features"], table["weights"], strict=True)},
        "": table["bias"][0],
    }


def test_houses_line_reaches_the_least_squares_line(workspace, score):
    line = weights(score("houses_line"))
    assert line["size_m2"] == pytest.approx(1095.44, abs=0.05)
    assert line[""] == pytest.approx(43013.02, abs=0.5)


def test_houses_approaches_the_least_squares_plane(workspace, score):
    table = pl.read_csv("data/houses.csv")
    x = np.column_stack([table.drop("price_eur").to_numpy(), np.ones(5)])
    residual = table["price_eur"].to_numpy() - x @ np.linalg.lstsq(x, table["price_eur"].to_numpy())[0]
    assert np.abs(residual).max() < 1e-6  # five unknowns, five rows: the plane passes through all
    assert value(score("houses"), "r2") > 0.998


def test_perceptron_separates_two_species_without_error(workspace, score):
    assert value(score("perceptron"), "accuracy") == 1


def test_logistic_agrees_with_scikit_learn(workspace, score, mlcli):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.preprocessing import StandardScaler

    document = score("logistic")
    prepared = mlcli("prepare", "configs/logistic.yaml", "--json").json["datasets"][0]["folder"]
    train, test = (pl.read_parquet(f"{prepared}/{split}.parquet") for split in ("train", "test"))
    names = train.columns[:-1]
    scaler = StandardScaler().fit(train.select(names).to_numpy())
    model = LogisticRegression(C=1 / (0.01 * train.height), tol=1e-10, max_iter=10_000)
    model.fit(scaler.transform(train.select(names).to_numpy()), train[train.columns[-1]].to_numpy())
    ours = weights(document)
    np.testing.assert_allclose([ours[name] for name in names] * scaler.scale_, model.coef_[0], atol=5e-4)
    shares = model.predict_proba(scaler.transform(test.select(names).to_numpy()))
    assert value(document, "log_loss") == pytest.approx(log_loss(test[test.columns[-1]].to_numpy(), shares), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "options", "metric", "least"),
    [
        ("iris", (), "accuracy", 0.9),
        ("iris", ("-S", "model.hidden=[]"), "accuracy", 0.9),
        ("digits", (), "accuracy", 0.96),
        ("xor", (), "accuracy", 0.95),
        ("circle", (), "accuracy", 0.95),
        ("gauss", (), "accuracy", 0.95),
        ("spiral", (), "accuracy", 0.95),
        ("plane", (), "r2", 0.95),
        ("multi_gauss", (), "r2", 0.95),
        ("xor", ("-S", "model.hidden=[]", "-S", "features.derive={x1x2: x1 * x2}"), "accuracy", 0.95),
    ],
)
def test_reaches(workspace, score, seed, name, options, metric, least):
    assert value(score(name, "-S", f"seed={seed}", *options), metric) >= least


def test_a_linear_model_fails_on_xor(workspace, score, seed):
    assert value(score("xor", "-S", "model.hidden=[]", "-S", f"seed={seed}"), "accuracy") <= 0.65


@pytest.mark.parametrize(
    ("name", "metric", "epochs", "early", "reached"),
    [
        ("penguins", "accuracy", None, None, 0.97),
        ("adult", "accuracy", 2, 0.84, 0.852),
        ("mnist", "accuracy", 1, 0.965, 0.982),
        ("first_network", "accuracy", 1, 0.95, 0.975),
        ("california", "rmse", 5, 60_000, 54_000),
    ],
)
def test_reaches_on_real_data(with_real_data, large, score, seed, name, metric, epochs, early, reached):
    """With --large after the config's own epochs, else after fewer."""
    shortened = not large and epochs is not None
    options = ("-S", f"training.epochs={epochs}") if shortened else ()
    found, bound = value(score(name, "-S", f"seed={seed}", *options), metric), early if shortened else reached
    assert found <= bound if metric == "rmse" else found >= bound


def fraud_table(rows=20_000, share=1 / 500, seed=0):
    """Two clouds of which one is 500 times the rarer, three standard deviations apart."""
    rng = np.random.default_rng(seed)
    fraud = rng.random(rows) < share
    x = rng.normal(size=(rows, 4)) + fraud[:, None] * np.array([1.5, 1.5, 1.5, 1.5])
    frame = pl.DataFrame(x, schema=["a", "b", "c", "d"])
    return frame.with_columns(pl.Series("kind", np.where(fraud, "fraud", "fair")))


def test_class_weights_and_threshold_raise_the_recall_of_a_rare_class(workspace, score):
    fraud_table().write_csv("data/fraud.csv")
    (workspace / "configs/fraud.yaml").write_text(
        "dataset: {name: csv, path: data/fraud.csv, target: kind, split: {test: 0.3, valid: 0.3}}\n"
        "evaluation: {positive: fraud}\n"
        "model: {hidden: [8]}\n"
        "training: {epochs: 15, batch_size: 256}\n"
    )
    plain = score("fraud")
    weighted = score("fraud", "-S", "loss.class_weights=balanced")
    chosen = score("fraud", "-S", "evaluation.threshold=f1")
    assert value(plain, "accuracy") > 0.99
    assert value(weighted, "recall") > value(plain, "recall") + 0.3
    assert value(chosen, "recall") >= value(plain, "recall")
    assert chosen["threshold"] != 0.5
    assert value(chosen, "f1") >= value(plain, "f1")
    for document in (weighted, chosen):
        assert all(value(document, name) is not None for name in ("precision", "recall", "f1", "pr_auc"))
    assert plain["scores"]["precision"]["value"] is not None or plain["scores"]["precision"]["reason"]


def test_idx_files_are_found_plain_or_gzipped(workspace, real_data, mlcli):
    folder = workspace / "data/mnist"
    folder.mkdir()
    for packed in (real_data / "mnist").glob("t10k*.gz"):
        (folder / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    for packed in (real_data / "mnist").glob("train*.gz"):
        shutil.copy(packed, folder)
    entry = mlcli("prepare", "configs/mnist.yaml", "--json").json["datasets"][0]
    assert entry["stand_in_for"] is None
    assert entry["profile"]["rows"] == {"train": 57_000, "valid": 3_000, "test": 10_000}


def test_a_folder_of_pictures_per_class(workspace, mlcli):
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 190)):
        folder = workspace / "images" / name
        folder.mkdir(parents=True)
        for i in range(40):
            size = (int(rng.integers(8, 40)), int(rng.integers(8, 40)))
            pixels = rng.normal(level, 25, (*size, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.{'png' if i % 2 else 'jpg'}")
    assert mlcli("train", "configs/images.yaml", "-q").code == 0
    assert value(mlcli("evaluate", "--json").json, "accuracy") >= 0.9
    predicted = mlcli("predict", "images/light/3.png", "--format", "jsonl")
    assert '"prediction":"light"' in predicted.out
