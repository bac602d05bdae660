"""Scores of the same training repeated: with other seeds, or without each fold of the rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlcli.io.json import named_to_json, strict_json
from mlcli.metrics.catalog import Score


@dataclass(frozen=True)
class Spread:
    """A metric over several trainings.

    values : one per training; None where it is undefined
    """

    name: str
    values: tuple[float | None, ...]
    unit: str = ""

    @property
    def mean(self) -> float | None:
        """Of the values that are defined."""
        return statistics.fmean(self._defined) if self._defined else None

    @property
    def sd(self) -> float | None:
        """Standard deviation (ddof 1) of the values that are defined; None for fewer than two."""
        return statistics.stdev(self._defined) if len(self._defined) > 1 else None

    @property
    def _defined(self) -> list[float]:
        return [value for value in self.values if value is not None]

    def to_json(self) -> dict[str, Any]:
        """All but the name."""
        return {"mean": self.mean, "sd": self.sd, "values": list(self.values), "unit": self.unit}


def spreads_of(trainings: Sequence[Sequence[Score]]) -> tuple[Spread, ...]:
    """The spread of every metric; each training's scores are of the same metrics in the same order."""
    return tuple(
        Spread(own[0].name, tuple(score.value for score in own), own[0].unit) for own in zip(*trainings, strict=True)
    )


@dataclass(frozen=True)
class SeedScores:
    """Networks that differ by their seed alone, measured on the same rows; the first is the run's own."""

    seeds: tuple[int, ...]
    spreads: tuple[Spread, ...]

    def to_json(self) -> dict[str, Any]:
        """The seeds, and the metrics by name."""
        return {"seeds": list(self.seeds), "metrics": named_to_json(self.spreads)}


@dataclass(frozen=True)
class FoldScores:
    """Scores of networks that were each trained without a fold of the rows, and measured on it.

    n_rows  : training and validation rows together, which the folds divide; by time, those that a fold holds out
    n_folds : n_rows where each row is a fold of its own (leave one out)
    repeats : how often the rows were split into folds
    spreads : of the folds of all repeats; empty for leave one out, as most metrics need several rows
    pooled  : of the predictions for all these rows in the first repeat, with intervals
    curves  : the validation loss after each epoch, of each training
    by      : "group" where every fold has whole groups, "time" where it is trained on earlier rows, else ""
    """

    n_rows: int
    n_folds: int
    repeats: int
    spreads: tuple[Spread, ...]
    pooled: tuple[Score, ...]
    by: str = ""
    curves: tuple[tuple[float | None, ...], ...] = ()

    @property
    def leaves_one_out(self) -> bool:
        """Whether each row is a fold of its own."""
        return self.n_folds == self.n_rows

    def to_json(self) -> dict[str, Any]:
        """The numbers, and the metrics by name."""
        return {
            "n_rows": self.n_rows,
            "n_folds": self.n_folds,
            "repeats": self.repeats,
            "metrics": named_to_json(self.spreads),
            "pooled": named_to_json(self.pooled),
            "by": self.by,
            "curves": strict_json(self.curves),
        }
