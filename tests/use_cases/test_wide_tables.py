"""Tables of far more columns than rows: what the commands cost, and what they find."""

import numpy as np
import pytest

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import MAX_BYTES, load_config, read_resolved
from mlcli.config.loading.yaml import MAX_VALUES
from mlcli.use_cases import check
from tests.counting import count_calls

ROWS, TELLING = 50, 20


@pytest.fixture
def folder(workspace, monkeypatch):
    """A working directory where a pace is told at once, and roughly."""
    monkeypatch.setattr(check, "MEASURED_SECONDS", 0.0)
    return workspace


def write_genes(path, n_columns, *, telling=TELLING):
    """Of 10 columns 4 are 0 in every row, 3 normal, the first of which differ by 2 between two classes, and 3 texts."""
    draws, n_alike, n_texts = np.random.default_rng(36), 4 * n_columns // 10, 3 * n_columns // 10
    y = np.arange(ROWS) % 2
    x = draws.normal(size=(ROWS, n_columns - n_alike - n_texts)).round(2)
    x[:, :telling] += 2 * y[:, None]
    names = [f"g{i}" for i in range(n_columns)]
    texts = np.array(["AA", "AG", "GG"])[draws.integers(0, 3, (ROWS, n_texts))]
    cells = np.hstack([np.zeros((ROWS, n_alike), int).astype(str), x.astype(str), texts])
    labels = np.array(["ctrl", "case"])[y]
    lines = [",".join(["sample", *names, "status"])]
    lines += [",".join([f"T{row:03}", *cells[row], labels[row]]) for row in range(ROWS)]
    path.write_text("\n".join(lines) + "\n")
    return labels


def test_calls_grow_with_the_columns_and_not_with_their_square(folder, mlcli):
    """Of a quadratic cost, the second difference of three sizes is four times the first, and not twice."""
    commands = {
        "init": ("init", "{}.csv", "--target", "status", "-o", "{}.yaml"),
        "check": ("check", "{}.yaml", "-q"),
        "show": ("show", "{}.yaml", "-q"),
        "train": ("train", "{}.yaml", "-q", "-S", "training.epochs=1", "-S", "training.ensemble=1"),
        "predict": ("predict", "{}.csv", "--run", "{}", "-q", "-o", "{}.out.csv"),
    }
    counts = {name: [] for name in commands}
    for n_columns in (25, 30, 60, 120):  # the first imports what it needs
        write_genes(folder / f"t{n_columns}.csv", n_columns)
        for name, command in commands.items():
            line = [word.format(f"t{n_columns}") for word in command]
            counts[name].append(count_calls(lambda line=line: mlcli(*line)))
    ratios = {name: (found[3] - found[2]) / (found[2] - found[1]) for name, found in counts.items()}
    assert {name: ratio for name, ratio in ratios.items() if ratio > 2.6} == {}


def test_the_whole_way(folder, mlcli):
    labels = write_genes(folder / "genes.csv", 850)
    done = mlcli("init", "genes.csv", "--target", "status")
    assert (done.code, "340 columns, g0, g1" in done.err) == (0, True)
    text = (folder / "mlcli.yaml").read_text()
    assert text.count("\n") < 40
    assert "select: {k_best: 50}" in text
    assert "340 columns without two values: g0, g1, g2, g3, g4, g5 and 334 more" in text
    assert load_config(folder / "mlcli.yaml").dataset.drop == ("sample",)
    assert mlcli("check", "-q").code == 0
    assert mlcli("train", "-q", "-S", "training.ensemble=1", "-S", "training.epochs=20").code == 0
    predicted = mlcli("predict", "genes.csv", "-q").out.splitlines()[1:]
    assert np.mean([line.split(",")[0] for line in predicted] == labels) > 0.9


def test_selection_is_fitted_in_each_fold(folder, mlcli):
    """Selected on all rows, 20 of 700 columns of noise would tell the class of most rows held out (Ambroise 2002)."""
    write_genes(folder / "noise.csv", 500, telling=0)
    assert mlcli("init", "noise.csv", "--target", "status").code == 0
    changes = ("features.select.k_best=20", "training.epochs=10", "training.ensemble=1", "evaluation.baselines=[]")
    assert mlcli("train", "-q", *(word for change in changes for word in ("-S", change))).code == 0
    found = mlcli("evaluate", "--json", "-S", "evaluation.folds=3").json
    assert found["folds"]["metrics"]["accuracy"]["mean"] < 0.75


def test_what_a_run_has_can_be_read_again(tmp_path):
    """A configuration of as many values as are allowed has more where its defaults are written, too."""
    columns = [f"column {i:0>80}" for i in range(MAX_VALUES - 30)]
    text = f"dataset: {{name: csv, path: a.csv, target: y, drop: [{', '.join(columns)}]}}\nmodel: {{hidden: [3]}}\n"
    (tmp_path / "c.yaml").write_text(text)
    config = load_config(tmp_path / "c.yaml")
    written = dump_config(config)
    assert len(text) < MAX_BYTES
    (tmp_path / "config.yaml").write_text(written)
    assert read_resolved(tmp_path / "config.yaml") == config
    assert read_resolved(tmp_path / "config.yaml", ["seed=3"]).seed == 3
