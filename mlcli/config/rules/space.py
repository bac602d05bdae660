"""Rules of `improve.space`: every key exists, and every value it may take is valid there.

Where the `name` of a section is searched, too, its keys are drawn for the names that have them.
"""

import contextlib
from collections.abc import Iterator
from itertools import product
from math import prod

from mlcli.config.dotted import dotted, read_key
from mlcli.config.explain import find_faults
from mlcli.config.fault import Fault
from mlcli.config.paths import ANY, all_keys, find_keys, owners
from mlcli.config.shorthand import write_out
from mlcli.config.training import Choices, ImproveConfig, LogRange, Space
from mlcli.config.tree import Value, put_value, without_value
from mlcli.config.wording import nearest, show

SPACE = ("improve", "space")
LARGEST_GRID = 100_000
SEARCHED = ("features", "model", "loss", "optimizer", "training")

Path = tuple[str, ...]


def space_clashes(config: ImproveConfig, written: dict[str, Value]) -> Iterator[Fault]:
    """Keys that do not exist or are not to be searched, empty ranges, and values that the key does not take.

    written : the configuration that the values are to stand in
    """
    space = config.space
    rest = {key: value for key, value in written.items() if key != "improve"}
    for text in space:  # what is drawn stands in the place of what is written
        with contextlib.suppress(ValueError):
            rest = without_value(rest, read_key(text))
    if config.sampler == "grid":
        yield from _grid_clashes(space)
    for text, searched in space.items():
        try:
            path = _read_key(text)
        except ValueError as error:
            yield Fault((*SPACE, text), str(error), at_key=True)
            continue
        bounds = searched.log if isinstance(searched, LogRange) else searched
        if not isinstance(bounds, Choices) and bounds[0] >= bounds[1]:
            yield Fault((*SPACE, text), f"must go from low to high; got {show(bounds[0])} to {show(bounds[1])}")
            continue
        values = bounds.choices if isinstance(bounds, Choices) else bounds
        if refusal := next(_refusals(rest, path, values, space), None):
            yield Fault((*SPACE, text), refusal, reads=(path[:1],))


def searchable() -> tuple[Path, ...]:
    """The keys that can be searched, but for those of single columns."""
    paths = (key.path for key in all_keys() if not key.is_section)
    return tuple(dict.fromkeys(path for path in paths if path[0] in SEARCHED and ANY not in path))


def _read_key(text: str) -> Path:
    """Path of a key that can be searched; raises ValueError with advice for others."""
    path = read_key(text)
    if path[0] in SEARCHED and find_keys(path):
        return path
    if path[0] not in SEARCHED and find_keys(path):
        raise ValueError(
            f"cannot be searched: trials are compared on the same rows; search keys of {', '.join(SEARCHED)}"
        )
    known = {dotted(path): path for path in searchable()}
    last = next((name for name, other in known.items() if other[-1] == path[-1]), None)
    near = nearest(text, known) or last
    raise ValueError("no such key" + (f"; did you mean '{near}'?" if near else "; write it as in optimizer.lr"))


def _refusals(written: dict[str, Value], path: Path, values: tuple[Value, ...], space: Space) -> Iterator[str]:
    """Why a value cannot stand at `path`, beside every combination of the names searched above it."""
    having, own_name = owners(path), (*path[:-1], "name")

    def fits(at: Path, name: Value) -> bool:
        return at != own_name or not having or name in having

    choices = [[(at, name) for at, name in names if fits(at, name)] for names in _names_above(path, space)]
    if [] in choices:
        yield f"unknown key; {path[-1]} belongs to {', '.join(having)}, and {dotted(own_name)} draws none of them"
    for names in product(*choices):
        named = written
        for name_path, name in names:
            named = put_value(named, name_path, name)
        for value in values:
            fault = next(find_faults(write_out(put_value(named, path, value))), None)
            if fault is not None:
                where = "" if fault.path[: len(path)] == path else f" {dotted(fault.path)}:"
                yield f"{show(value)} does not fit:{where} {fault.message}"


def _grid_clashes(space: Space) -> Iterator[Fault]:
    """What has no end, or would have none in a lifetime."""
    if not space:
        yield Fault(SPACE, "is required: grid tries every combination of finite keys, such as {choices: [...]}")
    sizes = [1]
    for text, searched in space.items():
        bounds = searched.log if isinstance(searched, LogRange) else searched
        if isinstance(bounds, Choices):
            sizes.append(len(bounds.choices))
        elif isinstance(bounds[0], int) and isinstance(bounds[1], int):
            sizes.append(bounds[1] - bounds[0] + 1)
        else:
            yield Fault(
                (*SPACE, text),
                f"grid cannot try every number from {show(bounds[0])} to {show(bounds[1])}; name some, as in "
                f"{{choices: [{show(bounds[0])}, {show(bounds[1])}]}}, or use improve.sampler: tpe",
            )
    if prod(sizes) > LARGEST_GRID:
        yield Fault(SPACE, f"has {prod(sizes):,} combinations; a grid of over {LARGEST_GRID:,} is never tried whole")


def _names_above(path: Path, space: Space) -> Iterator[list[tuple[Path, Value]]]:
    """For each section above `path` whose name is searched too: its name's path with each name."""
    for length in range(1, len(path)):
        name_path = (*path[:length], "name")
        searched = space.get(dotted(name_path))
        if isinstance(searched, Choices) and name_path != path:
            distinct = dict.fromkeys(name for name in searched.choices if isinstance(name, str))
            yield [(name_path, name) for name in distinct]
