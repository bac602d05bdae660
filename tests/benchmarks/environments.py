"""Virtual environments of the peers, made when they are missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.folders import ENVIRONMENTS, REQUIREMENTS
from tests.benchmarks.processes import FailedError, Finished, run

# Environment → its requirement files, each with pip's options for it.
FILES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "peers": {"peers.txt": ()},
    "quality": {"quality.txt": ()},
    "ludwig": {"ludwig.txt": (), "ludwig-alone.txt": ("--no-deps", "--ignore-requires-python")},
}


def peer(name: str, module: str, *arguments: object, code: int = 0) -> Finished:
    """Run a module of tests/benchmarks/peers in an environment. Raises FailedError."""
    return run([python_of(name), "-m", f"tests.benchmarks.peers.{module}", *arguments], code)


def python_of(name: str) -> Path:
    """The interpreter of an environment. Raises FailedError where it is not installed."""
    if not _is_whole(name):
        raise FailedError("not installed")
    return _python(name)


def ensure(name: str) -> None:
    """Make an environment unless it holds what its files ask for; says so when that fails."""
    if _is_whole(name):
        return
    folder = ENVIRONMENTS / name
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    for file, options in FILES[name].items():
        command: list[Any] = [_python(name), "-m", "pip", "install", "--quiet", *options, "-r", REQUIREMENTS / file]
        if subprocess.run(command, check=False).returncode:
            print(f"{name}: pip could not install {file}; its peers are left out", file=sys.stderr)
            return
    _mark(name).write_text(_asked(name))


def _python(name: str) -> Path:
    return ENVIRONMENTS / name / "bin" / "python"


def _asked(name: str) -> str:
    return "".join((REQUIREMENTS / file).read_text() for file in FILES[name])


def _mark(name: str) -> Path:
    """Holds what was installed, once all of it was."""
    return ENVIRONMENTS / name / "installed.txt"


def _is_whole(name: str) -> bool:
    return _mark(name).is_file() and _mark(name).read_text() == _asked(name)
