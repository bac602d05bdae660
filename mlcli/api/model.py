"""A trained model in Python: predictions for rows in memory, and what is known of the model."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.data.tables.types import SPLITS, Kind
from mlcli.errors import MlcliWarning, UsageError
from mlcli.evaluation.answers import predict_rows
from mlcli.io.json import strict_json
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, Regression
from mlcli.reporter import Silent
from mlcli.runs.bundle import Bundle, load_bundle
from mlcli.runs.bundle_manifest import take_prediction_input
from mlcli.runs.folder import find_bundle, is_run, open_run
from mlcli.runs.measured import MeasuredScores, read_measured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

# Scores that a card shows; `scores` has all.
CARD_SCORES = 6


class Warner(Silent):
    """A Reporter that warns as Python does, by `MlcliWarning`, in the line that called mlcli."""

    def warn(self, text: str) -> None:
        """Warn of it."""
        depth, frame = 1, inspect.currentframe()
        while frame is not None and str(frame.f_globals.get("__name__")).startswith("mlcli."):
            depth, frame = depth + 1, frame.f_back
        warnings.warn(text, MlcliWarning, stacklevel=depth)


def load(run: str | PathLike[str] | None = None) -> Model:
    """The model of a run, such as "iris/001", "runs/iris" or "iris" (the latest), or in a bundle's folder.

    run : None for the latest run
    Raises UsageError where there is none, ArtefactError where it is damaged.
    """
    folder = find_bundle(None if run is None else str(run))
    if not is_run(folder.parent):
        return Model(load_bundle(folder), str(folder))
    found = open_run(folder.parent)
    return Model(load_bundle(folder), str(found), read_measured(found.evaluation))


class Model:
    """A trained model.

    name : of its run, or its bundle's folder
    """

    def __init__(self, bundle: Bundle, name: str, measured: MeasuredScores | None = None) -> None:
        self.name = name
        self._bundle = bundle
        self._measured = measured

    def predict(self, rows: object) -> NDArray[Any]:
        """A prediction for each row: class names, text (n,); numbers, float64 (n,), or (n, t) for t targets.

        rows : a data frame of Polars or pandas, a list of dictionaries, a dictionary of columns, an array (n, d) whose
            columns are in the order of `features`; of images an array, uint8 (n, height, width[, channels]). Columns
            are matched by name, others than `features` are ignored. A row's prediction is the same, bit for bit,
            alone and among others.

        Warns, by MlcliWarning, of categories unseen in training and of numbers far outside the training rows'.
        Raises DataError where the rows are not like those of training.
        """
        values = self.decode(rows).values
        if isinstance(self._bundle.task, Classification):
            names: NDArray[np.str_] = np.array(self.classes)[values]
            return names
        numbers: NDArray[np.float64] = values if values.shape[1] > 1 else values[:, 0]
        return numbers

    def predict_proba(self, rows: object) -> NDArray[np.float64]:
        """The probabilities of `classes`, float64 (n, K); rows, warnings and errors as `predict` has them.

        Raises UsageError where the model has none: for numbers, step outputs and margin losses.
        """
        if not getattr(self._bundle.task, "has_probabilities", False):
            raise UsageError(f"{self.name}: the model gives no probabilities, as only classifiers without margins do")
        return np.asarray(self.decode(rows).probabilities)

    @property
    def task(self) -> Literal["regression", "classification"]:
        """What is predicted: numbers or classes."""
        return self._bundle.task.kind

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns that are predicted."""
        task = self._bundle.task
        return task.targets if isinstance(task, Regression) else (task.target,)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities; of two, the second is the positive one. Empty for numbers."""
        task = self._bundle.task
        return task.classes if isinstance(task, Classification) else ()

    @property
    def features(self) -> dict[str, Kind]:
        """The columns that rows must have, each with its kind: number, category, boolean or date. Empty for images."""
        return {column.name: column.kind for column in self._bundle.features.schema.columns}

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height, width and channels of the images that it takes; empty for tables."""
        return self._bundle.features.schema.image_shape

    @property
    def scores(self) -> dict[str, dict[str, float | None]]:
        """Loss and metrics on the training and the validation rows; and those that `mlcli evaluate` has measured."""
        facts = self._bundle.facts
        found: dict[str, dict[str, Any]] = {name: dict(facts[name]) for name in SPLITS if facts.get(name)}
        if self._measured is not None:
            own = {score.name: score.value for score in self._measured.scores}
            found[self._measured.split] = {**found.get(self._measured.split, {}), **own}
        return strict_json(found)  # type: ignore[return-value]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration that it was trained with, section by section, as its YAML file has it."""
        from mlcli.config.loading.dump import plain_section

        return plain_section(self._bundle.config)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the model's bundle: a folder that `load` and `mlcli predict --run` take. It must not exist."""
        if Path(folder).exists():
            raise UsageError(f"{folder} already exists and is not overwritten; name another folder")
        self._bundle.save(Path(folder))

    def decode(self, rows: object) -> Predictions:
        """Classes as indices or numbers, probabilities, and raw outputs; rows, warnings and errors as `predict` has."""
        bundle = self._bundle
        given = take_prediction_input(bundle.features.schema, bundle.config.dataset, rows)
        return predict_rows(bundle, given, Warner())

    def rename_classes(self, names: Sequence[str]) -> None:
        """Call the classes otherwise, in their order."""
        task = self._bundle.task
        if isinstance(task, Classification):
            self._bundle = replace(self._bundle, task=replace(task, classes=tuple(names)))

    def __repr__(self) -> str:
        what = f"{len(self.classes)} classes" if self.classes else self.task
        inputs = f"{len(self.features)} columns" if self.features else " × ".join(map(str, self.image_shape))
        return f"<mlcli.Model {self.name}: {inputs} → {', '.join(self.targets)} ({what})>"

    def _repr_html_(self) -> str:
        """The model as a card, which a notebook shows."""
        from mlcli.reports.html import render

        bundle, facts = self._bundle, self._bundle.facts
        return render(
            "model_card.html.j2",
            model=self,
            network=_describe_network(bundle),
            n_parameters=bundle.model.n_parameters,
            created=str(facts.get("created", ""))[:10],
            version=facts.get("versions", {}).get("mlcli", ""),
            stand_in_for=facts.get("stand_in_for"),
            metrics=list(dict.fromkeys(name for own in self.scores.values() for name in own))[:CARD_SCORES],
        )


def _describe_network(bundle: Bundle) -> str:
    """Units of each layer, and of how many networks it is the mean."""
    sizes = "-".join(map(str, (bundle.features.layout.width, *bundle.config.model.hidden, bundle.task.n_outputs)))
    count = len(bundle.members)
    return f"mean of {count} networks" if count else sizes
