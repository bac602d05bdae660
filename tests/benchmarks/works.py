"""What is measured: works (a) to (i)."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.benchmarks.environments import peer
from tests.benchmarks.folders import CONFIGS, DATA, PREPARED, ROOT, TASKS, WORKSPACE
from tests.benchmarks.measuring import MLCLI, Contender, Goal, Work
from tests.benchmarks.processes import FailedError, Finished, busy_loops, mlcli, own, run

JAX, TENSORFLOW, TORCH = (f"Keras ({backend})" for backend in ("jax", "tensorflow", "torch"))
SKLEARN, SKORCH, LIGHTNING, LUDWIG = "scikit-learn", "skorch", "Lightning", "Ludwig"
LOADER, BARE, FLOOR = "PyTorch, DataLoader", "PyTorch, bare loop", "its matrix products alone"
PEERS: Mapping[str, tuple[str, ...]] = {
    JAX: ("keras_fit", "jax"),
    TENSORFLOW: ("keras_fit", "tensorflow"),
    TORCH: ("keras_fit", "torch"),
    SKLEARN: ("sklearn_fit",),
    SKORCH: ("skorch_fit",),
    LIGHTNING: ("lightning_fit",),
    LOADER: ("dataloader_fit",),
    BARE: ("bare_fit",),
    FLOOR: ("floor_fit",),
}
# What no program on torch can go below: its import, the rows read as they are needed, and the matrix products.
LIMIT = "import, reading, products"
# Share of MNIST's test images.
QUALITY = 0.98
LIBRARIES = (JAX, TENSORFLOW, TORCH, SKLEARN, SKORCH, LIGHTNING, LOADER)


def all_works() -> tuple[Work, ...]:
    """In the order in which they are measured."""
    return (
        mnist("a", 128, (*LIBRARIES, BARE, FLOOR), goals=(
            Goal("MNIST, batch 128, an epoch, beside the best library", "epoch", LIBRARIES, 0.75),
            Goal("the same, beside a bare loop", "epoch", (BARE,), 1.1),
        )),
        mnist("b", 1024, (JAX, LOADER, BARE, FLOOR), goals=(
            Goal("MNIST, batch 1024, an epoch, beside its matrix products", "epoch", (FLOOR,), 2.2),
        )),
        on_a_busy_machine("i", 1),
        on_a_busy_machine("i", 2),
        fitting("c", "Adult, 256-128, batch 256", "adult", ("epoch", "step"), (JAX, SKLEARN, SKORCH, LOADER, BARE),
                sets=("dataset.split.test=0", "dataset.split.valid=0", "training.epochs=3")),
        adult_command(),
        fitting("d", "iris, 150 rows, batch 16, 200 epochs", "iris", ("fit",), (JAX, SKLEARN, SKORCH, LOADER, BARE),
                goals=(Goal("iris, 200 epochs", "fit", (SKORCH,), 1 / 10),)),
        fitting("e", "a million rows of 28 numbers, 256-256, batch 4096", "million", ("epoch",), (JAX, LOADER, BARE),
                goals=(Goal("a million rows, an epoch", "epoch", (LOADER,), 1 / 6),
                       Goal("the same, beside a bare loop", "epoch", (BARE,), 1.05))),
        mnist_job(),
        predict_one(),
        predict_million(),
        start_up(),
    )  # fmt: skip


def fitting(
    key: str, title: str, name: str, measures: tuple[str, ...], peers: tuple[str, ...],
    goals: tuple[Goal, ...] = (), sets: tuple[str, ...] = (),
) -> Work:  # fmt: skip
    """Training loops on the same rows; `name` is the config's."""
    config, task = CONFIGS / f"{name}.yaml", TASKS / key
    ours = Contender(MLCLI, lambda: own("fit", config, *sets).document)
    theirs = [Contender(name, partial(fit_peer, PEERS[name], task)) for name in peers]
    return Work(key, title, measures, (ours, *theirs), goals, lambda: own("share", config, task, *sets))


def fit_peer(module: tuple[str, ...], task: Path) -> Mapping[str, float]:
    """Seconds that a peer tells of its fit."""
    values: Mapping[str, float] = peer("peers", module[0], task, *module[1:]).document
    return values


def mnist(key: str, batch: int, peers: tuple[str, ...], goals: tuple[Goal, ...]) -> Work:
    """MNIST by 784-512-10."""
    sets = (f"training.batch_size={batch}",)
    return fitting(key, f"MNIST 784-512-10, batch {batch}", "mnist", ("epoch",), peers, goals, sets)


def on_a_busy_machine(key: str, loops: int) -> Work:
    """MNIST in batches of 128, while other programs compute without end."""
    machine = f"{loops} busy loop{'s' * (loops > 1)} beside it"
    goals = (Goal(f"MNIST, batch 128, {machine}, beside the best library", "epoch", (JAX, LOADER, BARE), 1),)
    quiet = mnist(key, 128, (JAX, LOADER, BARE), goals)

    def busy(contender: Contender) -> Mapping[str, float]:
        with busy_loops(loops):
            return contender.measure()

    contenders = tuple(Contender(contender.name, partial(busy, contender)) for contender in quiet.contenders)
    return replace(quiet, title=f"{quiet.title}, {machine}", contenders=contenders)


def adult_command() -> Work:
    """A whole training from a CSV, by commands: reading, splitting, encoding, five epochs with validation, saving."""
    goals = (
        Goal("Adult, five epochs, the whole command, beside its limit", "command", (LIMIT,), 2),
        Goal("the same, beside Ludwig", "command", (LUDWIG,), 1 / 8),
    )
    contenders = (
        Contender(MLCLI, train_adult),
        Contender(LIMIT, partial(reach_limit, "command", TASKS / "c5")),
        Contender(LUDWIG, train_adult_by_ludwig),
    )
    title, sets = "Adult, five epochs, from CSV to saved model", ("training.epochs=5",)
    setup = partial(own, "share", CONFIGS / "adult.yaml", TASKS / "c5", *sets)
    return Work("c", title, ("command", "step"), contenders, goals, setup)


def reach_limit(measure: str, task: Path) -> Mapping[str, float]:
    """A process that imports torch, reads the rows as arrays, and multiplies what forward and backward pass do."""
    done = peer("peers", PEERS[FLOOR][0], task)
    return {measure: done.seconds}


def train_adult() -> Mapping[str, float]:
    """`mlcli train`, with nothing prepared."""
    shutil.rmtree(PREPARED, ignore_errors=True)
    done = mlcli("train", CONFIGS / "adult.yaml", "--json")
    steps = 5 * -(-round(32_561 * 0.7) // 256)
    return {"command": done.seconds, "step": done.document["seconds"] / steps}


def train_adult_by_ludwig() -> Mapping[str, float]:
    """`ludwig train`, its cache off; the step is that of its progress bar, evaluations included as in mlcli's."""
    output = WORKSPACE / "ludwig"
    shutil.rmtree(output, ignore_errors=True)
    config, data = CONFIGS / "adult-ludwig.yaml", DATA / "adult.csv"
    options = ("--config", config, "--dataset", data, "--output_directory", output, "--skip_save_processed_input")
    done = peer("ludwig", "ludwig_cli", "train", *options)
    steps, seconds = last_progress(done.out + done.err)
    return {"command": done.seconds, "step": seconds / steps}


def last_progress(text: str) -> tuple[int, float]:
    """Steps done and seconds taken in the last full bar of tqdm: '450/450 [00:25<00:00, …'."""
    bars = re.findall(r"Training: 100%.*?(\d+)/\d+ \[(\d+):(\d+)<", text)
    if not bars:
        raise FailedError("it showed no full bar of progress")
    steps, minutes, seconds = bars[-1]
    return int(steps), 60 * int(minutes) + int(seconds)


def mnist_job() -> Work:
    """From the published files to a saved model that knows 98 % of the test images."""
    rivals = (JAX, TENSORFLOW, LOADER)
    return Work(
        "f",
        "MNIST from its files to a saved model of 98 %",
        ("job", "accuracy"),
        (
            Contender(MLCLI, train_mnist),
            Contender(LIMIT, partial(reach_limit, "job", TASKS / "f")),
            Contender(JAX, partial(mnist_peer, "keras_mnist", "jax")),
            Contender(TENSORFLOW, partial(mnist_peer, "keras_mnist", "tensorflow")),
            Contender(LOADER, partial(mnist_peer, "torch_mnist", "dataloader")),
            Contender(BARE, partial(mnist_peer, "torch_mnist", "bare")),
        ),
        (
            Goal("MNIST to 98 %, process start to saved model, beside its limit", "job", (LIMIT,), 2),
            Goal("the same, beside the best library", "job", rivals, 0.6),
        ),
        lambda: own("share", ROOT / "configs" / "mnist.yaml", TASKS / "f"),
    )


def train_mnist() -> Mapping[str, float]:
    """`mlcli train configs/mnist.yaml` with nothing prepared, to its exit; then the test images, not timed."""
    shutil.rmtree(PREPARED, ignore_errors=True)
    seconds = mlcli("train", "configs/mnist.yaml", "--quiet").seconds
    scores = mlcli("evaluate", "mnist", "--json").document["scores"]
    return of_quality({"job": seconds, "accuracy": scores["accuracy"]["value"]})


def mnist_peer(module: str, how: str) -> Mapping[str, float]:
    """The same job with the same recipe by a script."""
    return of_quality(peer("peers", module, TASKS / "f", DATA / "mnist", time.time(), how).document)


def of_quality(values: Mapping[str, float]) -> Mapping[str, float]:
    """The values of a job whose model is good enough. Raises FailedError for others."""
    if values["accuracy"] < QUALITY:
        raise FailedError(f"{values['accuracy']:.2%} of the test images, not {QUALITY:.0%}")
    return values


def predict_one() -> Work:
    """One row: what is paid is the start."""
    output, imports = WORKSPACE / "one-predicted.csv", "import numpy, polars"
    return Work(
        "g",
        "Predicting one row, whole processes",
        ("command",),
        (
            Contender(MLCLI, lambda: seconds_of(mlcli("predict", DATA / "one.csv", "--run", "iris", "-o", output))),
            Contender(f"python -c '{imports}'", lambda: seconds_of(run([sys.executable, "-c", imports]))),
        ),
        (Goal("one row predicted", "command", seconds=0.35),),
        lambda: mlcli("train", CONFIGS / "iris.yaml", "--quiet"),
    )


def predict_million() -> Work:
    """CSV to CSV, a million rows of 28 numbers."""
    source, ours, theirs = DATA / "million.csv", WORKSPACE / "predicted.csv", WORKSPACE / "predicted-by-polars.csv"
    rival = "polars and a forward pass"

    def by_polars() -> Mapping[str, float]:
        done = peer("peers", "polars_predict", source, theirs, 256, 256)
        return {**done.document, "command": done.seconds}

    return Work(
        "g",
        "Predicting a million rows, CSV to CSV",
        ("command", "inside"),
        (
            Contender(MLCLI, lambda: seconds_of(mlcli("predict", source, "--run", "million", "-o", ours))),
            Contender(rival, by_polars),
        ),
        (Goal("a million rows predicted", "command", (rival,), 2, beside_measure="inside"),),
        lambda: mlcli("train", CONFIGS / "million.yaml", "--quiet", "-S", "training.epochs=1"),
    )


def start_up() -> Work:
    """What a user waits for before anything happens."""
    return Work(
        "h",
        "Start-up, whole processes",
        ("help", "error"),
        (
            Contender(MLCLI, mlcli_start),
            Contender(LUDWIG, ludwig_start),
            Contender("python -c pass", lambda: {"help": run([sys.executable, "-c", "pass"]).seconds}),
        ),
        (Goal("--help", "help", seconds=0.15), Goal("a misspelt key, told", "error", seconds=0.25)),
    )


def mlcli_start() -> Mapping[str, float]:
    """`mlcli --help`, and a config with a key that does not exist."""
    error = mlcli("train", CONFIGS / "misspelt.yaml", code=2)
    return {"help": mlcli("--help").seconds, "error": error.seconds}


def ludwig_start() -> Mapping[str, float]:
    """`ludwig train --help`, and the like config."""
    config, data = CONFIGS / "misspelt-ludwig.yaml", DATA / "adult.csv"
    error = peer("ludwig", "ludwig_cli", "train", "--config", config, "--dataset", data, code=1)
    return {"help": peer("ludwig", "ludwig_cli", "train", "--help").seconds, "error": error.seconds}


def seconds_of(done: Finished) -> Mapping[str, float]:
    """A whole command."""
    return {"command": done.seconds}
