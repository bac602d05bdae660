"""The training in a game: that of `mlcli train`, an epoch at a time, without files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from mlcli.config.sections.config import Config
from mlcli.config.sections.dataset import DatasetConfig
from mlcli.config.sections.rows import SplitConfig
from mlcli.data.prepare import split_source
from mlcli.data.sources import read_source
from mlcli.data.tables.types import SourceRead, Splits, Table
from mlcli.errors import DataError
from mlcli.features.fit import fit_features
from mlcli.models.fit_task import fit_task
from mlcli.models.task import Classification, FittedTask
from mlcli.playground.heatmap import (
    Heatmap,
    HeatmapScale,
    grid_inputs,
    hidden_outputs,
    limits_of,
    points_of,
    unit_heatmap,
)
from mlcli.training.context import TrainingContext, build_context, rate_for_batch, set_threads
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import new_state, outputs_of, run_epoch
from mlcli.training.state import EpochRecord, TrainingState
from mlcli.training.waiting import waiting_by_load


class Trainer:
    """Trains the network of a configuration, which may be changed at any time.

    context, state : of the training loop
    rates      : learning rates since the first epoch, each with the epoch after which it was set
    diverged   : whether the loss is not finite
    beginnings : how many networks have been built
    """

    context: TrainingContext
    state: TrainingState
    rates: list[tuple[int, float]]

    def __init__(self, config: Config, columns: tuple[str, str]) -> None:
        self.columns = columns
        self.beginnings = 0
        self._source: tuple[DatasetConfig, SourceRead] | None = None
        self._begin(config)

    def follow(self, config: Config) -> None:
        """Continue with another configuration: a new learning rate applies from now on, any other change restarts.

        After divergence a new learning rate restarts too. Raises DataError or ConfigError, and changes nothing, where
        the data does not fit.
        """
        if config == self.config:
            return
        optimizer = self.config.optimizer.model_copy(update={"lr": config.optimizer.lr})
        only_lr_differs = self.config.model_copy(update={"optimizer": optimizer}) == config
        if only_lr_differs and not self.diverged:
            lr = rate_for_batch(config.optimizer, config.training, self.context.batch_size)
            self.context = replace(self.context, config=config, lr=lr)
            self.rates = [*(rate for rate in self.rates if rate[0] < self.epoch), (self.epoch, config.optimizer.lr)]
        else:
            self._begin(config)

    def advance(self, interrupted: Callable[[], bool] = lambda: False) -> bool:
        """Train to the end of the epoch, or until `interrupted`; whether the epoch ended."""
        with waiting_by_load(self.context.threads):
            broken = run_epoch(self.context, self.state, (), interrupted)
        self.diverged = broken is not None and broken[0] == "diverged"
        return broken is None

    @property
    def config(self) -> Config:
        """The current configuration."""
        return self.context.config

    @property
    def epoch(self) -> int:
        """Completed epochs."""
        return self.state.epoch

    @property
    def record(self) -> EpochRecord | None:
        """The last epoch's numbers; None before the first has ended."""
        return self.state.history[-1] if self.state.history else None

    def plane(self, width: int, height: int) -> Heatmap:
        """Predictions at the centres of width × height cells, row by row from the top left."""
        return self.scale.predictions(outputs_of(self.context, self._grid(width, height)).cpu())

    def neurons(self, width: int, height: int) -> list[list[Heatmap]]:
        """As `plane`, for each input and each hidden unit: its sign, and its size relative to the largest."""
        grid = self._grid(width, height)
        return [
            [unit_heatmap(column) for column in layer.T] for layer in (grid, *hidden_outputs(self.context.model, grid))
        ]

    def _grid(self, width: int, height: int) -> torch.Tensor:
        if (width, height) not in self._grids:
            inputs = grid_inputs(self.features, self.columns, self.limits, width, height)
            self._grids[width, height] = torch.from_numpy(inputs).to(self.context.train.y.device)
        return self._grids[width, height]

    def _begin(self, config: Config) -> None:
        splits = self._splits(config)
        train, valid = splits.train, splits.valid
        if not isinstance(train, Table) or not isinstance(valid, Table):
            raise DataError("images cannot be played; name a table with two number columns")
        task = fit_task(train, splits.task, config.model, config.loss, config.evaluation.positive)
        features = fit_features(
            train, config.features, config.seed, task.truth(train), isinstance(task, Classification)
        )
        arrays = (
            TensorDataset.of(features.transform_training(train), task.encode(train), train.weights),
            TensorDataset.of(features.transform(valid), task.encode(valid), valid.weights),
        )
        context = build_context(config, task, *arrays, features.layout)
        set_threads(context.threads)
        limits = limits_of(config.dataset, splits, self.columns)
        scale = HeatmapScale.of(task, task.truth(train))
        self.training, self.validation = (points_of(rows, self.columns, limits, task, scale) for rows in (train, valid))
        self.context, self.state = context, new_state(context)
        self.features, self.limits, self.scale = features, limits, scale
        self.task: FittedTask = task
        self.rates = [(0, config.optimizer.lr)]
        self.diverged = False
        self.beginnings += 1
        self._grids: dict[tuple[int, int], torch.Tensor] = {}

    def _splits(self, config: Config) -> Splits:
        """The split rows; a source is read once for all its splits."""
        unsplit = config.dataset.model_copy(update={"split": SplitConfig(column=config.dataset.split.column)})
        if self._source is None or self._source[0] != unsplit:
            self._source = unsplit, read_source(config.dataset)
        return split_source(config.dataset, config.seed, self._source[1])[0]
