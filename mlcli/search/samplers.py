"""Samplers, which propose configurations, and pruning rules, which stop trials early.

The pruning rules compare a trial with those that have ended, so that a search that was killed and continued prunes the
same trials. Optuna's HyperbandPruner also counts trials that a killed process left behind, and its MedianPruner leaves
out curves that ended earlier and does not distinguish trials with other training.epochs; both store every epoch.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from mlcli.config.sections.training import Choices, ImproveConfig, LogRange, Space
from mlcli.errors import UsageError
from mlcli.metrics.catalog import beats
from mlcli.search.space import drawn_keys
from mlcli.training.state import EpochRecord, TrainingState

# Random trials before TPE; a search of minutes has a few dozen trials.
STARTUP = 6
# Curves from which their median is compared with a trial.
MIN_CURVES = 5
# Share of the longest training before median pruning.
WARMUP = 0.25
# Of so many trials that reach a rung of successive halving one continues.
FACTOR = 3

Curve = tuple[float, ...]


def build_sampler(config: ImproveConfig, space: Space, seed: int) -> BaseSampler:
    """The sampler that the config names; what it proposes depends on the seed and on the trials so far alone."""
    match config.sampler:
        case "random":
            return RandomSampler(seed=seed)
        case "grid":
            return GridSampler(space)
        case "cma":
            try:
                import cmaes  # noqa: F401
            except ImportError as error:
                raise UsageError(
                    "improve.sampler: cma needs the package cmaes; run: pip install 'mlcli[cma]'"
                ) from error
            return CmaEsSampler(seed=seed, warn_independent_sampling=False)
    return TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=STARTUP)


class GridSampler(BaseSampler):
    """Every combination once, in a fixed shuffled order."""

    def __init__(self, space: Space) -> None:
        self.grid = grid_of(space)
        self.chosen: dict[int, dict[str, Any]] = {}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 (a value of its distribution)
        if trial.number not in self.chosen:
            # Other processes may have taken the last one; the study then drops this trial.
            self.chosen[trial.number] = (self.untried(study) or self.grid)[0]
        return self.chosen[trial.number][param_name]

    def untried(self, study: Study) -> list[dict[str, Any]]:
        """Combinations of no trial, except of dropped ones."""
        tried = [trial.params for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.FAIL]
        return [params for params in self.grid if params not in tried]


def grid_of(space: Space) -> list[dict[str, Any]]:
    """Optuna's parameters of each combination of a finite space."""
    values: list[list[Any]] = []
    for searched in space.values():
        if isinstance(searched, Choices):
            values.append([json.dumps(choice) for choice in searched.choices])
        else:
            low, high = searched.log if isinstance(searched, LogRange) else searched
            values.append(list(range(int(low), int(high) + 1)))
    grid: dict[tuple[Any, ...], dict[str, Any]] = {}
    for combination in product(*values):
        params = dict(zip(space, combination, strict=True))
        drawn = {key: params[key] for key in drawn_keys(space, params)}
        grid[tuple(drawn.items())] = drawn
    shuffled = list(grid.values())
    random.Random(0).shuffle(shuffled)  # noqa: S311 (an order, no secret)
    return shuffled


def best_curve(history: Iterable[EpochRecord], metric: str) -> Curve:
    """The best score up to each epoch; NaN before the first finite one."""
    curve: list[float] = []
    for record in history:
        score = record.valid_score(metric)
        curve.append(score if not curve or beats(score, curve[-1], metric) else curve[-1])
    return tuple(curve)


def is_behind_median(curve: Curve, others: Sequence[Curve], metric: str) -> bool:
    """Whether a trial is worse than the median of the others at the same epoch (Golovin et al., 2017).

    A curve that ended earlier counts with its last value. False before MIN_CURVES curves and WARMUP epochs.
    """
    reached = [other[min(len(curve), len(other)) - 1] for other in others if other]
    if len(reached) < MIN_CURVES or len(curve) <= WARMUP * max(map(len, others)):
        return False
    return beats(median(reached), curve[-1], metric)


def fails_rung(curve: Curve, others: Sequence[Curve], metric: str, first: int) -> bool:
    """Whether a trial is, at a rung of successive halving, not among the best third of those that reached it.

    Rungs are at `first` epochs and at powers of FACTOR times that (Li et al., 2018; asynchronous, as in Li et al.,
    2020). False between rungs, and before FACTOR trials have reached one.
    """
    rung = first
    while rung < len(curve):
        rung *= FACTOR
    reached = [other[rung - 1] for other in others if len(other) >= rung]
    if rung != len(curve) or len(reached) + 1 < FACTOR:
        return False
    ahead = sum(beats(score, curve[-1], metric) for score in reached)
    return ahead >= max(1, (len(reached) + 1) // FACTOR)


@dataclass(frozen=True)
class HyperbandPruning:
    """Stop a trial that is not among the best third at a rung; every bracket has its first rung later.

    curves  : best scores up to each epoch of the earlier trials, pruned ones included
    bracket : the trial's number, from 0; brackets take turns
    """

    curves: Sequence[Curve]
    metric: str
    epochs: int
    bracket: int

    def should_stop(self, state: TrainingState) -> bool:
        brackets = max(1, int(math.log(max(self.epochs, 1), FACTOR)))
        first = FACTOR ** (self.bracket % brackets)
        curve = best_curve(state.history, self.metric)
        return bool(curve) and fails_rung(curve, self.curves, self.metric, first)


@dataclass(frozen=True)
class MedianPruning:
    """Stop a trial that is worse than the median of the complete ones before it.

    curves : their best scores up to each epoch
    """

    curves: Sequence[Curve]
    metric: str

    def should_stop(self, state: TrainingState) -> bool:
        return bool(state.history) and is_behind_median(
            best_curve(state.history, self.metric), self.curves, self.metric
        )
