"""The network's inputs column by column: how large they are, and what each tells of the target alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlcli.improve.skill import skill_of
from mlcli.improve.subject import Subject

SAMPLE = 2000
# The nearest row follows a target that jumps from value to value, a few do not follow chance.
FEW = 5


@dataclass(frozen=True)
class ColumnFacts:
    """By the names of the columns before encoding, in order.

    sizes  : root mean square of each numeric input on the training rows, by the input's name
    skills : what a column alone tells: 0 is guessing and 1 perfect, on rows that were not looked at for it
    """

    sizes: dict[str, float]
    skills: dict[str, float]


def probe_columns(subject: Subject) -> ColumnFacts:
    """Look at a sample of the training rows."""
    rows = subject.draw(subject.train, SAMPLE)
    x, names = rows.x.float().cpu().numpy(), subject.layout.names
    sizes = np.sqrt(np.square(x[:, : len(names)], dtype=np.float64).mean(axis=0))
    y = subject.goals(rows.y)
    skills = {name: _skill_alone(column, y) for name, column in _columns(subject, x)}
    return ColumnFacts(dict(zip(names, sizes.tolist(), strict=True)), skills)


def _columns(subject: Subject, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each column as numbers (n,); the inputs of one category are put together again."""
    together: dict[str, list[int]] = {}
    for index, name in enumerate((*subject.layout.names, *subject.layout.embedded)):
        together.setdefault(name.partition("=")[0], []).append(index)
    for name, indices in together.items():
        yield name, x[:, indices[0]] if len(indices) == 1 else x[:, indices].argmax(axis=1)


def _skill_alone(column: np.ndarray, y: np.ndarray) -> float:
    """Each odd row's target against that of its nearest even row, or the mean of a few near ones."""
    order = np.argsort(column[::2], kind="stable")
    values, targets, asked = column[::2][order], y[::2][order], column[1::2]
    middle, last = np.searchsorted(values, asked), len(values) - 1
    below, above = np.clip(middle - 1, 0, last), np.clip(middle, 0, last)
    nearest = np.where(asked - values[below] <= values[above] - asked, below, above)
    few = np.clip(middle[:, None] + np.arange(FEW) - FEW // 2, 0, last)
    return max(skill_of(y[1::2], targets[nearest]), skill_of(y[1::2], targets[few].mean(axis=1)))
