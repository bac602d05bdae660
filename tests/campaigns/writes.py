"""Every way in which mlcli writes what it reads back: what was there before, the write, and how it is read."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import torch

from mlcli.config.sections.config import Config
from mlcli.data.prepare import prepare_dataset
from mlcli.data.store import load_prepared
from mlcli.evaluation.evaluate import write_evaluation
from mlcli.features.fit import obtain_features
from mlcli.io.atomic import recover_children, recover_folder, remove_folder, verify_folder
from mlcli.models.predictions import Predictions
from mlcli.models.task import Regression
from mlcli.runs.bundle import load_bundle
from mlcli.runs.checkpoint import load_checkpoint, save_checkpoint
from mlcli.runs.folder import create_run, run_folders
from mlcli.runs.history import MetricsLog, read_metrics
from mlcli.runs.manifest import RunManifest
from mlcli.runs.prediction_frame import SUFFIXES, write_predictions
from mlcli.runs.predictions import SavedPredictions, load_predictions
from mlcli.training.state import EpochRecord, Snapshot
from tests.runs.test_bundle import bundle_of, table

CONFIG = Config.model_validate({"name": "iris", "dataset": {"name": "iris"}})
MANIFEST = RunManifest(0, "cpu", 1, "float32", "c" * 64, "d" * 64, "iris", 3, {"train": 90, "valid": 30, "test": 30})


class Strict:
    """A reporter to whom no warning may be given: nothing is damaged, whatever happened."""

    def say(self, text):
        pass

    def warn(self, text):
        raise AssertionError(text)

    def progress(self, label, done, total):
        pass


@dataclass(frozen=True)
class Write:
    """All in the working directory.

    read    : what a next command finds; before the write, after it, and nothing else
    between : what else it may find, where a write has several parts that follow one another
    anew    : how the next start comes to this write, and to the same end; None is by the write itself
    """

    before: Callable[[], None]
    write: Callable[[], object]
    read: Callable[[], object]
    between: tuple = ()
    anew: Callable[[], object] | None = None


def nothing():
    pass


def snapshot(step, fill):
    model = {"model.w": torch.full((3, 2), float(fill)), "losses": torch.zeros(0)}
    return Snapshot(step, model, {"state": {}, "param_groups": []}, {"epoch": step, "history": []})


def save(*steps, fill=1):
    for step in steps:
        save_checkpoint(Path("checkpoints"), snapshot(step, fill))


def read_newest_checkpoint():
    found = load_checkpoint(Path("checkpoints"), Strict())
    return found and (found.step, found.progress["epoch"], found.model["model.w"].unique().tolist())


@cache
def untrained():
    return bundle_of(table("kind", 30), "classification", model={"hidden": [3]})


def save_bundle(seed):
    next(iter(untrained().model.weights.values())).fill(seed)
    replace(untrained(), facts={"seed": seed}).save(Path("model"))


def read_bundle():
    recover_folder(Path("model"))
    if not Path("model").exists():
        return None
    bundle = load_bundle(Path("model"))
    return bundle.facts["seed"], np.unique(next(iter(bundle.model.weights.values()))).tolist()


def prepare_iris():
    return prepare_dataset(CONFIG.dataset, 0, Strict())


def read_prepared():
    folder = Path("data/prepared")
    recover_children(folder)
    found = [path for path in folder.glob("*") if "features" not in path.name]
    return [load_prepared(path).splits.train.frame.hash_rows().sum() for path in found]


def fit_iris():
    prepared = prepare_iris()
    train = prepared.splits.train
    truth = train.frame["species"].rank("dense").to_numpy()
    return obtain_features(prepared, CONFIG.features, 0, truth, True, Strict())


def read_features():
    """By sight of what a next command would take up: with one that is damaged, the reporter is warned."""
    recover_children(Path("data/prepared"))
    fitted = list(Path("data/prepared").glob("*-features-*"))
    return fit_iris().layout.width if fitted else None


def predictions(fill, suffix):
    frame = pl.DataFrame({"prediction": [f"class {fill}"] * 40, "probability_a": [0.1 * fill] * 40})
    write_predictions([frame], Path(f"out/predictions{suffix}"), SUFFIXES[suffix])


def read_digest(path):
    recover_folder(Path(path))
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if Path(path).exists() else None


def the_run():
    return run_folders()[0]


def make_run():
    return create_run("iris", "name: iris\n", MANIFEST)


def make_runs(count):
    """Make one more in any case, so that what lies in its way is cleared; then only as many count."""
    make_run()
    for run in run_folders()[count:]:
        remove_folder(run.folder)


def record(epoch):
    return EpochRecord(epoch, 10 * epoch, 1e-3, 0.1 / epoch, None, {"accuracy": 0.5})


def run_with_epochs(count):
    make_run()
    rewrite_epochs(count)


def rewrite_epochs(count):
    MetricsLog(the_run().metrics).rewrite([record(epoch) for epoch in range(1, count + 1)])


def append_epoch():
    log = MetricsLog(the_run().metrics)
    log.append(record(4))
    log.sync()


def resume_and_append():
    rewrite_epochs(3)
    append_epoch()


def read_epochs():
    recover_folder(the_run().metrics)
    return [known.epoch for known in read_metrics(the_run())]


def read_runs():
    """How many there are; each is whole, and there is no folder that is none."""
    runs = run_folders()
    assert [run.read_manifest() for run in runs] == [MANIFEST] * len(runs)
    folders = list(Path("runs/iris").glob("[0-9]*"))
    assert len(folders) == len(runs)
    return len(runs)


def evaluate(fill):
    scores = SimpleNamespace(to_json=lambda: {"accuracy": fill})
    values = np.full((2, 1), float(fill))
    task = Regression(("y",), (0.0,), (1.0,))
    kept = SavedPredictions("test", f"rows {fill}", task, values, Predictions(values, None, values))
    figures = {"confusion": f"<svg>{fill}</svg>", "roc": "<svg/>"}
    write_evaluation(Path("evaluation"), scores, kept, figures, f"<p>{fill}</p>")


def read_evaluation():
    """Which parts are the old ones."""
    folder = Path("evaluation")
    recover_children(folder)
    verify_folder(folder / "figures", "figures")
    texts = [(folder / name).read_text() for name in ("figures/confusion.svg", "report.html", "metrics.json")]
    figures, *rest = ("1" in text for text in texts)
    return figures, "1" in load_predictions(folder).rows, *rest


WRITES = {
    "the first checkpoint": Write(nothing, lambda: save(10), read_newest_checkpoint),
    "a later checkpoint": Write(lambda: save(10, 20), lambda: save(30), read_newest_checkpoint),
    "a checkpoint again": Write(lambda: save(10, 20), lambda: save(20, fill=2), read_newest_checkpoint),
    "a bundle": Write(nothing, lambda: save_bundle(1), read_bundle),
    "a bundle again": Write(lambda: save_bundle(1), lambda: save_bundle(2), read_bundle),
    "prepared data": Write(nothing, prepare_iris, read_prepared),
    "fitted features": Write(prepare_iris, fit_iris, read_features),
    "the first run": Write(nothing, make_run, read_runs, anew=lambda: make_runs(1)),
    "another run": Write(make_run, make_run, read_runs, anew=lambda: make_runs(2)),
    "a manifest": Write(
        make_run, lambda: the_run().update_manifest(status="finished"), lambda: the_run().read_manifest().status
    ),
    "an epoch's metrics": Write(lambda: run_with_epochs(3), append_epoch, read_epochs, anew=resume_and_append),
    "the metrics of a resume": Write(lambda: run_with_epochs(3), lambda: rewrite_epochs(1), read_epochs),
    "an evaluation": Write(
        lambda: evaluate(1),
        lambda: evaluate(2),
        read_evaluation,
        ((False, True, True, True), (False, False, True, True), (False, False, False, True)),
    ),
    **{
        f"predictions{suffix}": Write(
            lambda suffix=suffix: predictions(1, suffix),
            lambda suffix=suffix: predictions(2, suffix),
            lambda suffix=suffix: read_digest(f"out/predictions{suffix}"),
        )
        for suffix in (".csv", ".parquet", ".jsonl")
    },
}
