"""Facts on this installation and machine for a bug report; no names, no paths, no data."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mlcli.config.sections.config import Config
from mlcli.config.sections.dataset import PlaygroundConfig
from mlcli.config.sections.model import MlpConfig
from mlcli.config.sections.optimizer import AdamConfig
from mlcli.config.sections.training import TrainingConfig
from mlcli.data.readers.playground import draw_points
from mlcli.errors import DivergedError, MlcliError, ResourceError
from mlcli.features.fit import fit_features
from mlcli.io.atomic import try_writing
from mlcli.io.load import cpu_pressure, free_cores
from mlcli.io.memory import available_memory, shown_size
from mlcli.io.paths import data_dir, prepared_dir, runs_dir
from mlcli.io.platform import usable_cores
from mlcli.io.text import counted
from mlcli.models.fit_task import fit_task
from mlcli.runs.manifest import describe_platform
from mlcli.training.context import build_context, choose_device, cpu_capabilities, set_threads
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import new_state, score, train_model

PACKAGES = (
    *("mlcli", "torch", "numpy", "polars", "scikit-learn", "scipy", "pydantic", "typer", "rich", "safetensors"),
    *("matplotlib", "optuna", "jinja2", "pillow", "pyyaml", "sqlalchemy", "psycopg"),
)
INSTRUCTIONS = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "amx_int8")
# Settings shown with their values; of others, which may contain paths, only the names are shown.
SETTINGS = ("MLCLI_OFFLINE", "MLCLI_MEMORY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NO_COLOR")
FOLDERS = {"MLCLI_DATA_DIR": data_dir, "MLCLI_PREPARED_DIR": prepared_dir, "MLCLI_RUNS_DIR": runs_dir}
# Steps are few on a loaded machine; after so many the task is learned.
TRAINED_SECONDS, LEAST_STEPS = 2.0, 600
# Two rings of points, an easy task.
RINGS = PlaygroundConfig(name="circle", rows=1000, noise=0.05)
TRAINED = Config(
    name="doctor",
    dataset=RINGS,
    model=MlpConfig(hidden=(16, 8), activation="tanh"),
    optimizer=AdamConfig(name="adam", lr=0.01),
    training=TrainingConfig(epochs=100_000, batch_size=100),
)
LEARNED = 0.9
ENOUGH_SPACE = 100_000_000


@dataclass(frozen=True)
class Training:
    """A short training."""

    seconds: float
    steps: int
    accuracy: float


@dataclass(frozen=True)
class DoctorResult:
    """The report, section by section, the problems, and the exit code."""

    report: dict[str, dict[str, str]]
    problems: tuple[str, ...]
    exit_code: int
    training: Training | None

    def to_json(self) -> dict[str, Any]:
        """The document of `doctor --json`."""
        return {**self.report, "training": self.training, "problems": self.problems, "exit_code": self.exit_code}


def doctor() -> DoctorResult:
    """Gather everything, and train for two seconds, or longer on a loaded machine."""
    errors: list[MlcliError] = []
    folders, machine = dict(_folders(errors)), dict(_machine())  # before the training sets the threads to its number
    training, shown = _train(errors), "FAILED"
    if training is not None:
        pace = training.steps / training.seconds
        shown = f"accuracy {training.accuracy:.3f} after {training.seconds:.1f} s, {pace:,.0f} steps a second"
    report = {
        "versions": dict(_versions()),
        "machine": machine,
        "folders": folders,
        "settings": dict(_settings()),
        "training": {"two rings of points": shown},
    }
    return DoctorResult(report, tuple(map(str, errors)), errors[0].exit_code if errors else 0, training)


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    for name in PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "not installed"


def _machine() -> Iterator[tuple[str, str]]:
    capabilities = cpu_capabilities()
    yield "system", describe_platform()
    yield (
        "processor",
        f"{capabilities.get('cpu_name', platform.machine())}, {usable_cores()} cores to use of {os.cpu_count()}",
    )
    here = ", ".join(name for name in INSTRUCTIONS if capabilities.get(name)) or "none of " + ", ".join(INSTRUCTIONS)
    yield "instructions", here
    yield "threads", f"{torch.get_num_threads()} of torch; {_load()}"
    device = choose_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    yield "device", f"{device} {name}".strip()
    available = available_memory()
    yield "memory", "unknown" if available is None else f"{shown_size(available.size)} {available.limit}"


def _load() -> str:
    """What other programs leave of the processors, as far as the system tells."""
    free, pressure = f"other programs leave {counted(free_cores(), 'core')} free", cpu_pressure()
    waited = f"; some program waited for a core in {pressure.recent:.0%} of the last 10 s" if pressure else ""
    return free + waited


def _folders(errors: list[MlcliError]) -> Iterator[tuple[str, str]]:
    """Whether each can be written to, and its free space; by the names of their settings, without paths."""
    places = {name: folder() for name, folder in FOLDERS.items()} | {"temporary files": Path(tempfile.gettempdir())}
    for name, place in places.items():
        try:
            written = try_writing(place)
        except ResourceError as error:
            reason = str(error).removeprefix(f"{place}: ")
            errors.append(ResourceError(f"{name}: {reason}"))
            yield name, f"CANNOT BE WRITTEN: {reason}"
            continue
        free = shutil.disk_usage(written).free
        if free < ENOUGH_SPACE:
            errors.append(ResourceError(f"{name}: only {shown_size(free)} are free there"))
        yield name, f"{'set' if name in os.environ else 'as by default'}; can be written; {shown_size(free)} free"


def _settings() -> Iterator[tuple[str, str]]:
    for name in SETTINGS:
        if name in os.environ:
            yield name, os.environ[name]
    others = [name for name in sorted(os.environ) if name.startswith("MLCLI_") and name not in (*SETTINGS, *FOLDERS)]
    yield from ((name, "set") for name in others)


def _train(errors: list[MlcliError]) -> Training | None:
    """Train on generated points in memory; low accuracy and torch's errors are problems."""
    try:
        training = _short_training()
    except (RuntimeError, ImportError) as error:
        errors.append(DivergedError(f"training: torch cannot train here: {str(error).splitlines()[0]}"))
        return None
    if training.accuracy < LEARNED:
        errors.append(DivergedError(f"training: an easy set was not learned; accuracy {training.accuracy:.3f}"))
    return training


def _short_training() -> Training:
    rows = draw_points(RINGS)
    task = fit_task(rows, RINGS.known_task, TRAINED.model, TRAINED.loss)
    features = fit_features(rows, TRAINED.features, TRAINED.seed, task.truth(rows), classification=True)
    arrays = TensorDataset.of(features.transform(rows), task.encode(rows))
    context = build_context(TRAINED, task, arrays, TensorDataset(arrays.x[:0], arrays.y[:0]))
    set_threads(context.threads)
    state, started = new_state(context), time.perf_counter()

    def enough() -> bool:
        return state.step >= LEAST_STEPS and time.perf_counter() - started > TRAINED_SECONDS

    train_model(context, state, interrupted=enough)
    _, metrics = score(context, context.train)
    return Training(time.perf_counter() - started, state.step, metrics.get("accuracy", 0.0))
