"""Networks of one run with validation rows of their own: those rows are predicted out of fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.config.sections.config import Config, watched_metrics
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import join_rows, take_rows
from mlcli.data.tables.types import Dataset, Table
from mlcli.evaluation.held_out import held_out_rows, join_for_parts, join_predictions
from mlcli.io.row_file import RowFile
from mlcli.metrics.scorer import build_scorer
from mlcli.models.inference import FittedEnsemble, FittedModel, FittedNetwork
from mlcli.models.predictions import Predictions
from mlcli.models.task import FittedTask, Output, output_of
from mlcli.runs.bundle import Bundle
from mlcli.training.datasets import Rows, join_splits
from mlcli.training.inputs import Inputs
from mlcli.training.loop import join_parts, parts_of
from mlcli.training.losses import build_loss

# At most so many seeds follow one another in evaluation.seeds.
SEEDS_APART = 100


@dataclass(frozen=True, eq=False)
class MemberRows:
    """The training and validation rows of each network of training.ensemble.

    whole    : the run's training rows, then its validation rows
    n_train  : how many of them are the run's training rows
    output   : of the task
    held_out : ascending positions of the networks' validation rows, which no two share, the run's own first; of more
               networks than these, the first ones again. None where all networks have the run's own: a split by time
               or by a column, or no validation rows
    """

    whole: Rows
    n_train: int
    output: Output
    held_out: tuple[np.ndarray, ...] | None

    @classmethod
    def of(cls, config: Config, inputs: Inputs, arrays: tuple[Rows, Rows] | None = None) -> MemberRows:
        """Arrays are the inputs' training rows, if they exist already."""
        train, valid = arrays or inputs.training_rows(on_disk=inputs.on_disk(config))
        whole = join_splits(train, valid)
        return cls(whole, len(train), output_of(inputs.task), held_out_rows(config, inputs.prepared, inputs.task))

    @property
    def fingerprint(self) -> str | None:
        """Of the networks' validation rows; None where all have the run's own."""
        if self.held_out is None:
            return None
        return sha256(b"".join(sha256(own.astype("<i8").tobytes()).digest() for own in self.held_out)).hexdigest()

    def of_member(self, number: int) -> tuple[Rows, Rows]:
        """Training and validation rows of a network, counted from 0."""
        if self.held_out is None:
            return self._at(np.arange(self.n_train)), self._at(np.arange(self.n_train, len(self.whole)))
        own = self.held_out[number % len(self.held_out)]
        return self._at(other_places(len(self.whole), own)), self._at(own)

    def out_of_fold(self) -> Rows:
        """The rows that are some network's validation rows, network by network; the run's own where all share them."""
        if self.held_out is None:
            return self._at(np.arange(self.n_train, len(self.whole)))
        return self._at(np.concatenate(self.held_out))

    def outputs_out_of_fold(self, models: Sequence[FittedNetwork]) -> Tensor:
        """Raw outputs for the rows of `out_of_fold`: the mean of the networks that they were held out from."""
        if self.held_out is None:
            return outputs_alone(FittedEnsemble(models, self.output), self.out_of_fold().x)
        count = len(self.held_out)
        parts = (
            (FittedEnsemble(models[k::count], self.output), self._at(own).x) for k, own in enumerate(self.held_out)
        )
        return torch.cat([outputs_alone(model, x) for model, x in parts])

    def decoding_rows(self, models: Sequence[FittedNetwork]) -> tuple[Callable[[], Tensor], Rows]:
        """The rows that fit the decoding, out of fold or all where none are, and raw outputs for them, when called."""
        valid = self.out_of_fold()
        if len(valid):
            return lambda: self.outputs_out_of_fold(models), valid
        return lambda: outputs_alone(FittedEnsemble(models, self.output), self.whole.x), self.whole

    def predict(self, bundle: Bundle) -> Predictions:
        """For the rows of `take`, by a bundle of these networks."""
        return bundle.task.decode(self.outputs_out_of_fold(_networks_of(bundle)))

    def predictor(self, bundle: Bundle) -> Callable[[Dataset, NDArray[np.int64]], Predictions]:
        """Predicts rows in place of those at some places of `take`, each by the networks that these were held out from.

        bundle : of these networks
        """
        networks, held_out = _networks_of(bundle), self.held_out or ()
        count = len(held_out)
        bundles = [replace(bundle, model=FittedEnsemble(networks[k::count], self.output)) for k in range(count)]
        fold_of_row = np.repeat(np.arange(count), [len(own) for own in held_out])

        def predict(data: Dataset, places: NDArray[np.int64]) -> Predictions:
            folds = fold_of_row[places]
            order = np.argsort(folds, kind="stable")
            parts = np.split(order, np.cumsum(np.bincount(folds, minlength=count))[:-1])
            found = [own.predict(take_rows(data, rows)) for own, rows in zip(bundles, parts, strict=True)]
            return join_predictions(found).at(np.argsort(order))

        return predict

    def take(self, prepared: Prepared) -> Dataset:
        """The rows of `out_of_fold` as step 1 has them; raises ResourceError where memory does not hold images."""
        if self.held_out is None:
            return prepared.splits.valid
        return take_rows(self._join(prepared), np.concatenate(self.held_out))

    def valid_rows(self, prepared: Prepared, number: int | None = None) -> Dataset:
        """Validation rows of a network, counted from 0, or those of `out_of_fold`: their targets alone."""
        if self.held_out is None:
            return _targets_of(prepared.splits.valid)
        own = np.concatenate(self.held_out) if number is None else self.held_out[number % len(self.held_out)]
        return take_rows(join_rows(_targets_of(prepared.splits.train), _targets_of(prepared.splits.valid)), own)

    def splits(self, prepared: Prepared) -> list[tuple[Dataset, Dataset]]:
        """Training and validation rows of each network as step 1 has them."""
        rows, held_out = self._join(prepared), self.held_out or ()
        return [(take_rows(rows, other_places(len(rows), own)), take_rows(rows, own)) for own in held_out]

    def _join(self, prepared: Prepared) -> Dataset:
        what = "measuring the validation rows of all networks"
        return join_for_parts(prepared, what, "measure the test rows: mlcli evaluate --split test")

    def _at(self, places: np.ndarray) -> Rows:
        return self.whole.select(torch.from_numpy(places))


def other_places(n_rows: int, places: np.ndarray) -> NDArray[np.int64]:
    """All other places of so many, ascending."""
    kept = np.ones(n_rows, dtype=np.bool_)
    kept[places] = False
    return np.flatnonzero(kept)


def _targets_of(rows: Dataset) -> Dataset:
    """The rows without features, whose memory there may not be."""
    if isinstance(rows, Table):
        return replace(rows, rows=rows.rows.select(column.name for column in rows.targets), features=())
    return replace(rows, pixels=rows.pixels[:, :0])


def _networks_of(bundle: Bundle) -> tuple[FittedNetwork, ...]:
    return bundle.model.members if isinstance(bundle.model, FittedEnsemble) else (bundle.model,)


def outputs_alone(model: FittedModel, x: Tensor | RowFile) -> Tensor:
    """Raw outputs of rows, float32 (n, n_outputs): each the same to the bit, whatever the others are."""
    return join_parts((torch.from_numpy(model.outputs(part.float().numpy())) for part in parts_of(x)), len(x))


def member_config(config: Config, number: int) -> Config:
    """The configuration of a network, counted from 0: a single one, with a seed that evaluation.seeds does not use."""
    training = config.training.model_copy(update={"ensemble": 1})
    return config.model_copy(update={"seed": config.seed + SEEDS_APART * number, "training": training})


def score_outputs(
    config: Config, task: FittedTask, outputs: Tensor, rows: Rows, watched: Sequence[str] = ()
) -> dict[str, float]:
    """Loss and metrics of raw outputs (n, n_outputs) for rows, as recorded after an epoch.

    watched : further metrics
    """
    loss, rows = build_loss(config.loss, task, rows.y.device), rows.normalised()
    scorer = build_scorer(task, dict.fromkeys((*watched_metrics(config).values(), *watched)))
    weights = None if rows.weights is None else rows.weights.double().numpy()
    return {"loss": loss(outputs, rows.y, rows.weights).item(), **scorer(outputs, rows.y, weights)}
