"""Tree to `Config`: all checks, and their problems put in the order of the file."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pydantic import ValidationError

from mlcli.config.construct import construct_config
from mlcli.config.dotted import dotted
from mlcli.config.explain import find_faults
from mlcli.config.fault import MAX_PROBLEMS, Fault
from mlcli.config.rules import find_clashes
from mlcli.config.schema import Config
from mlcli.config.shorthand import write_out
from mlcli.config.tree import KeyPath, Tree, Value, without_value
from mlcli.errors import ConfigError, Problem


def build_config(tree: Tree) -> Config:
    """The configuration a tree describes; raises ConfigError with every problem, in the order of the file."""
    value = write_out(tree.value)
    faults = list(islice(find_faults(value), MAX_PROBLEMS + 1))
    faults.extend(islice(_clashes_beside(tuple(faults), value), MAX_PROBLEMS + 1))
    said = [fault for fault in faults if not _rests_on(fault, tree.broken)]
    problems = [*tree.problems, *(_placed(fault, tree) for fault in said)]
    if problems:
        raise ConfigError(_in_order(problems))
    return _validate(value, tree)


def build_quickly(tree: Tree) -> Config:
    """The configuration of a tree that `dump_config` wrote, by pydantic alone, and with all advice at a fault."""
    try:
        return _validate(tree.value, tree)
    except ConfigError:
        return build_config(tree)


def _validate(value: dict[str, Value], tree: Tree) -> Config:
    """The configuration by pydantic, types being strict; it has the last word, in its own words."""
    try:
        return Config.model_validate(value, strict=True)
    except ValidationError as error:
        said = [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_url=False)]
        raise ConfigError([Problem(path, message, tree.values[()].source) for path, message in said]) from None


def _clashes_beside(faults: Sequence[Fault], value: dict[str, Value]) -> Iterator[Fault]:
    """Clashes among the keys that have no fault of their own; none where too little is left to judge."""
    broken = [_smallest_section(fault.path) for fault in faults]
    for path in broken:
        value = without_value(value, path)
    if next(find_faults(value), None) is None:
        clashes = find_clashes(construct_config(value), value)
        yield from (clash for clash in clashes if not _rests_on(clash, broken))


def _smallest_section(path: KeyPath) -> KeyPath:
    """What to leave out for a faulty path: the key itself, or the section whose name it is."""
    return path[:-1] if path[-1:] == ("name",) and len(path) > 1 else path


def _rests_on(fault: Fault, broken: Iterable[KeyPath]) -> bool:
    involved = (fault.path, *fault.reads)
    return any(_is_under(path, gone) or _is_under(gone, path) for path in involved for gone in broken)


def _is_under(path: KeyPath, above: KeyPath) -> bool:
    return path[: len(above)] == above


def _placed(fault: Fault, tree: Tree) -> Problem:
    place = tree.place_of_key(fault.path) if fault.at_key else tree.place_of_value(fault.path)
    return Problem(dotted(fault.path), fault.message, place.source, place.line, place.column)


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems once each, in the order of the file, the command line's after it; no more than one can read."""
    ordered = sorted(dict.fromkeys(problems), key=_position)
    if len(ordered) <= MAX_PROBLEMS:
        return ordered
    more = Problem("", f"there are more problems; these are the first {MAX_PROBLEMS}", ordered[0].source)
    return [*ordered[:MAX_PROBLEMS], more]


def _position(problem: Problem) -> tuple[bool, int, int]:
    return problem.line is None, problem.line or 0, problem.column or 0
