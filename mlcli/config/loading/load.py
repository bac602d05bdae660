"""YAML text to `Config`: every error of a file at once, each with its place and how to fix it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import islice
from pathlib import Path

from mlcli.config.loading.dump import changes_of
from mlcli.config.loading.yaml import MAX_VALUES, read_yaml, read_yaml_value
from mlcli.config.rules.dataset import check_columns, check_source, check_split
from mlcli.config.rules.search import check_search_space
from mlcli.config.rules.storage import check_storage
from mlcli.config.rules.training import check_task, check_training
from mlcli.config.rules.values import MAX_PROBLEMS, ConfigIssue, expand_shorthand, find_issues, left_over_keys
from mlcli.config.sections.config import Config
from mlcli.config.tree import (
    JsonValue,
    KeyPath,
    NamePath,
    Place,
    Tree,
    Value,
    dotted,
    freeze,
    read_dotted,
    read_key,
    without_value,
)
from mlcli.errors import ConfigError, Problem
from mlcli.io.text import hide_password, nearest
from mlcli.io.typed import MisfitError
from mlcli.reporter import SILENT, Reporter

MAX_BYTES = 2**20
# Files that a user may name by mistake where a configuration is expected.
TABLES = {".csv", ".tsv", ".parquet", ".jsonl", ".npz", ".xlsx", ".xls", ".ods"}


def load_config(path: Path, overrides: Sequence[str] = (), reporter: Reporter = SILENT) -> Config:
    """Configuration of a file, with `--set` overrides; a name left out is the file's.

    Where an override names another section, such as optimizer.name=adam, the file's keys that this one has not are
    left out; the reporter is told.

    Raises ConfigError with all problems when the file cannot be read or is not valid.
    """
    return _build(_read_tree(path), path.stem, overrides, reporter)


def parse_config(text: str, source: str, default_name: str, overrides: Sequence[str] = ()) -> Config:
    """Configuration in a text; `source` is what messages call it. Raises ConfigError with all problems."""
    return _build(read_yaml(text, source), default_name, overrides)


def make_config(values: dict[str, Value], source: str, default_name: str, overrides: Sequence[str] = ()) -> Config:
    """Configuration of values, checked as those of a file. Raises ConfigError with all problems."""
    return _build(Tree(values, {(): Place(source)}), default_name, overrides)


def read_resolved(path: Path, overrides: Sequence[str] = (), reporter: Reporter = SILENT) -> Config:
    """Configuration of a file that `dump_config` wrote; without overrides several times as fast as `load_config`.

    Raises ConfigError with all problems where the file has been changed since and is not valid.
    """
    # Defaults have been added to what the user wrote within the limits.
    tree = _read_tree(path, times=2)
    if overrides:
        return _build(tree, path.stem, overrides, reporter)
    try:
        return Config.model_validate(tree.value)
    except MisfitError:
        return build_config(tree)


def override_config(
    config: Config, values: Mapping[str, JsonValue], without: Iterable[str] = (), source: str = "override"
) -> Config:
    """Configuration with other values at dotted keys, and without some keys, validated as a file is.

    A key that equals its default counts as not set: another optimizer.name has that optimizer's own defaults,
    and is refused when a key that differs from its default does not exist there. Raises ConfigError, whose messages
    begin with `source`.
    """
    written = changes_of(config)
    for key in without:
        written = without_value(written, read_key(key))
    tree = Tree(written, {(): Place(source)})
    for key, value in values.items():
        place = Place(f"{source} {key}={value}")
        try:
            tree = tree.with_value(read_key(key), freeze(value), place)
        except ValueError as error:
            raise ConfigError([Problem("", str(error), place.source)]) from None
    return build_config(tree)


def experiment_name(text: str) -> str:
    """A text as a valid `name`: its letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:64] or "run"


def apply_overrides(tree: Tree, overrides: Sequence[str], reporter: Reporter = SILENT) -> Tree:
    """Tree with the values of all overrides, later ones winning; the malformed ones join its problems."""
    problems: list[Problem] = []
    for override in overrides:
        source = f"--set {hide_password(override)}"
        try:
            path, value = _read_override(override, source)
            tree = replace(tree, value=expand_shorthand(tree.value))
            if path[-1] == "name":
                tree = _rename_section(tree, path[:-1], value, source, reporter)
            tree = tree.with_value(path, value, Place(source))
        except ConfigError as error:
            problems.extend(error.problems)
        except ValueError as error:
            problems.append(Problem("", str(error), source))
    return replace(tree, problems=(*tree.problems, *problems))


def build_config(tree: Tree) -> Config:
    """The configuration a tree describes; raises ConfigError with every problem, in the order of the file.

    The cross-field checks see what is left without the keys that have issues of their own, where that is enough.
    """
    value = expand_shorthand(tree.value)
    issues = list(islice(find_issues(value), MAX_PROBLEMS + 1))
    # Left out is the key itself, or the section whose name it is.
    broken = [path[:-1] if path[-1:] == ("name",) and len(path) > 1 else path for path in (one.path for one in issues)]
    value = reduce(without_value, broken, value)
    config = Config.model_validate(value) if not broken or next(find_issues(value), None) is None else None
    if config is not None:
        conflicts = (issue for issue in cross_field_issues(config, value) if not _depends_on(issue, broken))
        issues.extend(islice(conflicts, MAX_PROBLEMS + 1))
    problems = list(tree.problems)
    for issue in issues:
        place = tree.place_of_key(issue.path) if issue.at_key else tree.place_of_value(issue.path)
        if not _depends_on(issue, tree.broken):
            problems.append(Problem(dotted(issue.path), issue.message, place.source, place.line, place.column))
    if config is None or problems:
        raise ConfigError(_in_order(problems))
    return config


def cross_field_issues(config: Config, written: dict[str, Value]) -> Iterator[ConfigIssue]:
    """Keys that cannot be combined. written : the values of the file, shorthand expanded."""
    yield from check_source(config.dataset)
    yield from check_split(config)
    yield from check_columns(config)
    yield from check_task(config)
    yield from check_training(config)
    yield from check_search_space(config.improve, written)
    yield from check_storage(config.improve)


def _build(tree: Tree, default_name: str, overrides: Sequence[str], reporter: Reporter = SILENT) -> Config:
    tree = apply_overrides(tree, overrides, reporter)
    return build_config(replace(tree, value={"name": experiment_name(default_name), **tree.value}))


def _rename_section(tree: Tree, path: NamePath, name: Value, source: str, reporter: Reporter) -> Tree:
    """The tree without the keys of the file that the section has not under another name; the command line's stay."""
    gone = left_over_keys(tree.value, path, name)
    in_file = {key: told for key, told in gone.items() if tree.place_of_key((*path, key)).line is not None}
    if told := [dotted((*path, key)) for key, differs in in_file.items() if differs]:
        reporter.say(f"{source}: {', '.join(told)} of the file left out, which {name} has not")
    return replace(tree, value=reduce(without_value, ((*path, key) for key in in_file), tree.value))


def _read_override(override: str, source: str) -> tuple[tuple[str, ...], Value]:
    keys, rest = read_dotted(override)
    if rest.startswith("["):
        raise ValueError(f"an item of a list cannot be set alone; set the whole list: {dotted(keys)}=[…]")
    if not rest.startswith("="):
        raise ValueError("must be key=value, such as optimizer.lr=0.01")
    return keys, read_yaml_value(rest[1:], source)


def _depends_on(issue: ConfigIssue, broken: Iterable[KeyPath]) -> bool:
    """Whether one of the values that it depends on is, holds or is part of a broken one."""
    pairs = ((path, gone) for path in (issue.path, *issue.reads) for gone in broken)
    return any(path[: len(gone)] == gone[: len(path)] for path, gone in pairs)


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems once each, in the order of the file, the command line's after it; no more than one can read."""
    ordered = sorted(dict.fromkeys(problems), key=lambda one: (one.line is None, one.line or 0, one.column or 0))
    if len(ordered) <= MAX_PROBLEMS:
        return ordered
    more = Problem("", f"there are more problems; these are the first {MAX_PROBLEMS}", ordered[0].source)
    return [*ordered[:MAX_PROBLEMS], more]


def _read_tree(path: Path, times: int = 1) -> Tree:
    """The tree of a file; times : how many times as long as a user's file it may be."""
    return read_yaml(_read_text(path, times * MAX_BYTES), str(path), times * MAX_VALUES)


def _read_text(path: Path, limit: int) -> str:
    if path.suffix.lower() in TABLES and path.is_file():
        raise _unreadable(path, f"a table; write a configuration for it with: mlcli init {path} --target COLUMN")
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise _unreadable(path, "a pipe or a device; name a regular file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        near = nearest(path.name, (entry.name for entry in path.parent.glob("*.y*ml")))
        advice = f"did you mean '{path.with_name(near)}'?" if near else "name a YAML file that exists"
        raise _unreadable(path, f"no such file; {advice}") from None
    except IsADirectoryError:
        raise _unreadable(path, "a folder; name the YAML file in it") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > limit:
        raise _unreadable(path, f"larger than {limit >> 20} MiB; a configuration is a few hundred lines at most")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ConfigError([Problem("", message, str(path), line, column)]) from None


def _unreadable(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem("", message, str(path))])
