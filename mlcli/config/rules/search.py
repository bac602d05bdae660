"""Checks of the search space."""

import contextlib
from collections.abc import Iterator
from itertools import product
from math import prod

from mlcli.config.rules.messages import shown_value
from mlcli.config.rules.values import ConfigIssue, expand_shorthand, find_issues
from mlcli.config.sections.config import ANY, all_keys, find_keys, owners
from mlcli.config.sections.training import Choices, ImproveConfig, LinearRange, LogRange, Space
from mlcli.config.tree import NamePath, Value, dotted, put_value, read_key, without_value
from mlcli.io.text import nearest

SEARCHED = ("features", "model", "loss", "optimizer", "training")
SPACE = ("improve", "space")
LARGEST_GRID = 100_000


def check_search_space(config: ImproveConfig, written: dict[str, Value]) -> Iterator[ConfigIssue]:
    """Keys that do not exist or cannot be searched, empty ranges, and values that the key does not take.

    written : the configuration in which the values are put
    """
    space = config.space
    rest = {key: value for key, value in written.items() if key != "improve"}
    for text in space:  # a searched key replaces the written one; a section in a section needs its name
        with contextlib.suppress(ValueError):
            path = read_key(text)
            rest = rest if path[2:] and path[-1] == "name" else without_value(rest, path)
    if config.sampler == "grid":
        yield from _check_grid(space)
    for text, searched in space.items():
        yield from _check_searched(text, searched, rest, space)


def _check_searched(
    text: str, searched: LogRange | Choices | LinearRange, written: dict[str, Value], space: Space
) -> Iterator[ConfigIssue]:
    try:
        path = _read_key(text)
    except ValueError as error:
        yield ConfigIssue((*SPACE, text), str(error), at_key=True)
        return
    bounds = searched.log if isinstance(searched, LogRange) else searched
    if not isinstance(bounds, Choices) and bounds[0] >= bounds[1]:
        message = f"must go from low to high; got {shown_value(bounds[0])} to {shown_value(bounds[1])}"
        yield ConfigIssue((*SPACE, text), message)
        return
    values = bounds.choices if isinstance(bounds, Choices) else bounds
    if refusal := next(_refusals(written, path, values, space), None):
        yield ConfigIssue((*SPACE, text), refusal, reads=(path[:1],))


def searchable() -> tuple[NamePath, ...]:
    """The keys that can be searched, but for those of single columns."""
    paths = (key.path for key in all_keys() if not key.is_section)
    return tuple(dict.fromkeys(path for path in paths if path[0] in SEARCHED and ANY not in path))


def _read_key(text: str) -> NamePath:
    """Path of a key that can be searched; raises ValueError with advice for others."""
    path = read_key(text)
    if path[0] in SEARCHED and find_keys(path):
        return path
    if path[0] not in SEARCHED and find_keys(path):
        advice = f"search keys of {', '.join(SEARCHED)}"
        raise ValueError(f"cannot be searched: trials are compared on the same rows; {advice}")
    known = {dotted(path): path for path in searchable()}
    last = next((name for name, other in known.items() if other[-1] == path[-1]), None)
    near = nearest(text, known) or last
    raise ValueError("no such key" + (f"; did you mean '{near}'?" if near else "; write it as in optimizer.lr"))


def _refusals(written: dict[str, Value], path: NamePath, values: tuple[Value, ...], space: Space) -> Iterator[str]:
    """Why a value is not valid at `path`, for every combination of the names searched above it."""
    having, own_name = owners(path), (*path[:-1], "name")

    def fits(at: NamePath, name: Value) -> bool:
        return at != own_name or not having or name in having

    choices = [[(at, name) for at, name in names if fits(at, name)] for names in _names_above(path, space)]
    if [] in choices:
        listed = ", ".join(having)
        yield f"unknown key; {path[-1]} belongs to {listed}, and the choices of {dotted(own_name)} have none of them"
    for names in product(*choices):
        named = written
        for name_path, name in names:
            named = put_value(named, name_path, name)
        for value in values:
            issue = next(find_issues(expand_shorthand(put_value(named, path, value))), None)
            if issue is not None:
                where = "" if issue.path[: len(path)] == path else f" {dotted(issue.path)}:"
                yield f"{shown_value(value)} does not fit:{where} {issue.message}"


def _check_grid(space: Space) -> Iterator[ConfigIssue]:
    """Ranges of numbers that are not finite, and grids that are too large."""
    if not space:
        yield ConfigIssue(SPACE, "is required: grid tries every combination of finite keys, such as {choices: [...]}")
    sizes = [1]
    for text, searched in space.items():
        bounds = searched.log if isinstance(searched, LogRange) else searched
        if isinstance(bounds, Choices):
            sizes.append(len(bounds.choices))
        elif isinstance(bounds[0], int) and isinstance(bounds[1], int):
            sizes.append(bounds[1] - bounds[0] + 1)
        else:
            low, high = map(shown_value, bounds)
            listed = f"list some, as in {{choices: [{low}, {high}]}}, or use improve.sampler: tpe"
            yield ConfigIssue((*SPACE, text), f"grid cannot try every number from {low} to {high}; {listed}")
    if prod(sizes) > LARGEST_GRID:
        yield ConfigIssue(SPACE, f"has {prod(sizes):,} combinations; a grid has {LARGEST_GRID:,} at most")


def _names_above(path: NamePath, space: Space) -> Iterator[list[tuple[NamePath, Value]]]:
    """For each section above `path` whose name is searched too: its name's path with each name."""
    for length in range(1, len(path)):
        name_path = (*path[:length], "name")
        searched = space.get(dotted(name_path))
        if isinstance(searched, Choices) and name_path != path:
            distinct = dict.fromkeys(name for name in searched.choices if isinstance(name, str))
            yield [(name_path, name) for name in distinct]
