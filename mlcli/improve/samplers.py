"""What proposes the next configuration: Optuna's samplers, and a grid of our own."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler

from mlcli.config.training import Choices, ImproveConfig, LogRange, Space
from mlcli.errors import UsageError
from mlcli.improve.space import distribution_of, drawn_keys

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


# A search of minutes has some dozens of trials, and its start is mostly no bad one.
STARTUP = 6


def build_sampler(config: ImproveConfig, space: Space, seed: int) -> BaseSampler:
    """The sampler that the config names; what it proposes depends on the seed and on the trials so far alone."""
    match config.sampler:
        case "random":
            return RandomSampler(seed=seed)
        case "grid":
            return GridWalk(space)
        case "cma":
            return _cma(seed)
    return TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=STARTUP)


def _cma(seed: int) -> BaseSampler:
    try:
        import cmaes  # noqa: F401
    except ImportError as error:
        raise UsageError("improve.sampler: cma needs the package cmaes; run: pip install 'mlcli[cma]'") from error
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


class GridWalk(BaseSampler):
    """Every combination once, in an order that is shuffled but always the same."""

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
    ) -> Any:  # noqa: ANN401 (whatever its distribution holds)
        if trial.number not in self.chosen:
            self.chosen[trial.number] = self.untried(study)[0]
        return self.chosen[trial.number][param_name]

    def untried(self, study: Study) -> list[dict[str, Any]]:
        """Combinations that no trial has had, but those that were dropped."""
        from optuna.trial import TrialState

        tried = [trial.params for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.FAIL]
        return [params for params in self.grid if params not in tried]


def grid_of(space: Space) -> list[dict[str, Any]]:
    """Optuna's parameters of each combination of a finite space."""
    written = {key: _all_of(searched) for key, searched in space.items()}
    combinations = itertools.product(*written.values())
    drawn = (_only_drawn(space, dict(zip(written, values, strict=True))) for values in combinations)
    grid = list({tuple(params.items()): params for params in drawn}.values())
    random.Random(0).shuffle(grid)  # noqa: S311 (an order, no secret)
    return grid


def _all_of(searched: Choices | LogRange | tuple[Any, Any]) -> list[Any]:
    if isinstance(searched, Choices):
        return list(distribution_of(searched).choices)  # type: ignore[attr-defined]
    low, high = searched.log if isinstance(searched, LogRange) else searched
    return list(range(int(low), int(high) + 1))


def _only_drawn(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters without those that the names among them have no use for."""
    drawn: dict[str, Any] = {}
    for key in drawn_keys(space, drawn):
        drawn[key] = params[key]
    return drawn
