"""Shell completion of configurations, runs, keys and their values, without heavy imports."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from mlcli.io.paths import runs_dir
from mlcli.io.text import printable

# The environment variable by which a shell asks typer.
COMPLETION = "_MLCLI_COMPLETE"


def configs(incomplete: str) -> list[str]:
    """YAML files here, in configs/, and in the folder whose name has been typed."""
    folders = dict.fromkeys((Path(), Path("configs"), Path(incomplete.rpartition("/")[0])))
    found = (path for folder in folders for ending in ("*.yaml", "*.yml") for path in _glob(folder, ending))
    return _starting(incomplete, (str(path) for path in found))


def playgrounds(incomplete: str) -> list[str]:
    """Generated sets, and configurations."""
    from mlcli.config.tree import read_key_table

    return [*_starting(incomplete, read_key_table()["playgrounds"]), *configs(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Names of runs, and the runs of a name once it has been typed."""
    if "/" not in incomplete:
        return _starting(incomplete, (path.name for path in _glob(runs_dir(), "*") if path.is_dir()))
    name = incomplete.partition("/")[0]
    numbers = (path.name for path in _glob(runs_dir() / name, "*") if path.name.isdigit())
    return _starting(incomplete, (f"{name}/{number}" for number in numbers))


def configs_or_runs(incomplete: str) -> list[str]:
    """Configurations and runs."""
    return [*configs(incomplete), *runs(incomplete)]


def keys(incomplete: str) -> list[str]:
    """Dotted keys."""
    from mlcli.config.tree import key_words

    return _starting(incomplete, key_words())


def settings(incomplete: str) -> list[str]:
    """`key=`, followed by the words that the key accepts.

    The only matching key comes with its words, since a shell adds a blank after a single match.
    """
    from mlcli.config.tree import key_words

    key, equals, _ = incomplete.partition("=")
    words = key_words()
    if equals:
        return _starting(incomplete, (f"{key}={word}" for word in words.get(key, ())))
    matching = _starting(key, words)
    return [f"{one}={word}" for one in matching for word in ("", *(words[one] if len(matching) == 1 else ()))]


def answer_bash_behind_equals() -> bool:
    """Complete the value in `--set key=value` for bash, which splits it into three words; whether it was that.

    Typer's completion would take the three words for three arguments.
    """
    if os.environ.get(COMPLETION) != "complete_bash":
        return False
    try:
        words, at = shlex.split(os.environ.get("COMP_WORDS", "")), int(os.environ.get("COMP_CWORD", ""))
    except ValueError:
        return False
    before, typed = words[:at], words[at] if at < len(words) else ""
    if typed == "=":
        before, typed = [*before, typed], ""
    match before:
        case [*_, ("--set" | "-S"), key, "="]:
            from mlcli.config.tree import key_words

            sys.stdout.write("".join(f"{word}\n" for word in _starting(typed, key_words().get(key, ()))))
            return True
    return False


def _starting(incomplete: str, candidates: Iterable[str]) -> list[str]:
    """Those that begin with it and can be written on a command line as they are."""
    return [one for one in dict.fromkeys(candidates) if one.startswith(incomplete) and printable(one) == one]


def _glob(folder: Path, ending: str) -> list[Path]:
    try:
        return sorted(folder.glob(ending))
    except OSError:
        return []
