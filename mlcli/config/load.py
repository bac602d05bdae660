"""YAML text to `Config`: every error of a file at once, each with its place and a remedy."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mlcli.config.build import build_config, build_quickly
from mlcli.config.dotted import read_key
from mlcli.config.dump import changes_of, dump_config
from mlcli.config.overrides import apply_overrides
from mlcli.config.schema import Config
from mlcli.config.tree import JsonValue, Place, Tree, freeze, without_value
from mlcli.config.wording import nearest
from mlcli.config.yaml_tree import read_yaml
from mlcli.errors import ConfigError, Problem

__all__ = ["dump_config", "load_config", "override_config", "parse_config", "read_resolved"]

MAX_BYTES = 2**20
# What a user may name where a configuration is expected.
TABLES = {".csv", ".tsv", ".parquet", ".jsonl", ".npz"}


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Configuration of a file, with `--set` overrides; a name left out is the file's.

    Raises ConfigError with all problems when the file cannot be read or is not valid.
    """
    return parse_config(_read_text(path), str(path), path.stem, overrides)


def parse_config(text: str, source: str, default_name: str, overrides: Sequence[str] = ()) -> Config:
    """Configuration in a text; `source` is what messages call it. Raises ConfigError with all problems."""
    tree = apply_overrides(read_yaml(text, source), overrides)
    return build_config(_with_name(tree, default_name))


def read_resolved(path: Path) -> Config:
    """Configuration of a file that a run keeps, several times as fast as `load_config`. Raises ConfigError."""
    return build_quickly(read_yaml(_read_text(path), str(path)))


def override_config(config: Config, values: Mapping[str, JsonValue], without: Iterable[str] = ()) -> Config:
    """Configuration with other values at dotted keys, and without some keys, validated as a file is.

    A key equal to its default counts as not set. So another optimizer.name takes that optimizer's own defaults,
    and is refused when a key that differs from its default does not exist there. Raises ConfigError.
    """
    written = changes_of(config)
    for key in without:
        written = without_value(written, read_key(key))
    tree = Tree(written, {(): Place("override")})
    for key, value in values.items():
        place = Place(f"override {key}={value}")
        try:
            tree = tree.with_value(read_key(key), freeze(value), place)
        except ValueError as error:
            raise ConfigError([Problem("", str(error), place.source)]) from None
    return build_config(tree)


def _with_name(tree: Tree, default_name: str) -> Tree:
    """The tree with the name that goes without saying."""
    return replace(tree, value={"name": experiment_name(default_name), **tree.value})


def experiment_name(text: str) -> str:
    """Letters, digits, - and _ of a text, as `name` takes them."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:64] or "run"


def _read_text(path: Path) -> str:
    if path.suffix.lower() in TABLES and path.is_file():
        raise _unreadable(path, f"a table; write a configuration for it with: mlcli init {path} --target COLUMN")
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise _unreadable(path, "a pipe or a device; name a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, f"no such file{_near_file(path)}") from None
    except IsADirectoryError:
        raise _unreadable(path, "a folder; name the YAML file in it") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MAX_BYTES:
        raise _unreadable(path, "larger than 1 MiB; a configuration is a few hundred lines at most")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ConfigError([Problem("", message, str(path), line, column)]) from None


def _near_file(path: Path) -> str:
    """The configuration beside it that may be meant."""
    near = nearest(path.name, (entry.name for entry in path.parent.glob("*.y*ml"))) if path.parent.is_dir() else None
    return f"; did you mean '{path.with_name(near)}'?" if near else "; name a YAML file that is there"


def _unreadable(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem("", message, str(path))])
