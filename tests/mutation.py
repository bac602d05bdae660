"""Breaks the code in one place after the other, and counts how often its tests notice: `python -m tests.mutation`.

The mutants are those of cosmic-ray (`pip install cosmic-ray`), drawn by chance from a seed: a place first, then one of
the changes possible there. Each is tried on a copy of the repository, by the tests of its folder and those elsewhere
that name its module, until one fails. What survives is printed as a diff: a missing test, or a change without effect.
"""

import argparse
import ast
import contextlib
import difflib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import cosmic_ray.plugins
import pytest
import torch  # noqa: F401 (imported once, for all processes forked from this one)
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

FOLDERS = ("mlcli/metrics", "mlcli/features", "mlcli/training")
# `is` in place of `==` changes nothing for small numbers and None; arithmetic on bits fails on any float.
LEFT_OUT = re.compile(r"_(Is|IsNot)(_|$)|_(Add|Sub|Mul|Div|FloorDiv|Mod|Pow)_(.Shift|Bit\w+)$|Variable")
# Of one mutant's tests; those that take longer have noticed it.
SECONDS = 180
COPIED = ("mlcli", "tests", "configs", "data", "docs", "README.md", "pyproject.toml")


@dataclass(frozen=True)
class Mutant:
    """One change: the operator, and which of the places in the file where it can act."""

    path: str
    line: int
    operator: str
    occurrence: int

    def __str__(self):
        return f"{self.path}:{self.line} {self.operator.removeprefix('core/')}"

    def write(self, code):
        """The code with the change."""
        return mutate_code(code, cosmic_ray.plugins.get_operator(self.operator)(), self.occurrence)


def find_mutants(root, path):
    """All mutants of a file by the place where they act."""
    places = defaultdict(list)
    nodes = list(ast_nodes(get_ast((root / path).read_text())))
    for name in cosmic_ray.plugins.operator_names():
        if LEFT_OUT.search(name):
            continue
        operator = cosmic_ray.plugins.get_operator(name)()
        found = (position for node in nodes for position in operator.mutation_positions(node))
        for occurrence, (start, _) in enumerate(found):
            places[path, start].append(Mutant(path, start[0], name, occurrence))
    return places


def draw_mutants(root, folders, seed):
    """Mutants without end that change more than annotations, no place twice."""
    chance = random.Random(seed)
    places = {}
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            places.update(find_mutants(root, str(file.relative_to(root))))
    for place in chance.sample(sorted(places), len(places)):
        mutant = chance.choice(places[place])
        code = (root / mutant.path).read_text()
        with contextlib.suppress(SyntaxError):  # such as another operator in place of the `*` before keywords
            if without_annotations(code) != without_annotations(mutant.write(code)):
                yield mutant


def without_annotations(code):
    """The code's tree as text, without what only type checkers read."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(tree)


def tests_of(root, path):
    """Test files of the module's folder, those that name the module first, and those elsewhere that name it."""
    module, folder = path.removesuffix(".py").replace("/", "."), root / "tests" / Path(path).parts[1]
    files = [file for file in (root / "tests").rglob("test_*.py") if "campaigns" not in file.parts]
    named = {file for file in files if re.search(rf"\b{re.escape(module)}\b", file.read_text())}
    own = {file for file in files if file.is_relative_to(folder)}
    ordered = (*sorted(named & own), *sorted(own - named), *sorted(named - own))
    return [str(file.relative_to(root)) for file in ordered]


def run_tests(root, files):
    """Exit code of pytest on the files, in a process forked from this one; None after SECONDS."""
    child = os.fork()
    if not child:
        os.setsid()
        os.chdir(root)
        os.environ.update(PYTHONPATH=str(root), OMP_NUM_THREADS="1")
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.path[0] = str(root)
        os._exit(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", f"--rootdir={root}", *files]))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def survives(root, mutant):
    """The change as a diff where all tests pass in spite of it; None where they notice."""
    file = root / mutant.path
    code = file.read_text()
    changed = mutant.write(code)
    file.write_text(changed)
    try:
        noticed = run_tests(root, tests_of(root, mutant.path)) != 0
    finally:
        file.write_text(code)
    if noticed:
        return None
    lines = difflib.unified_diff(code.splitlines(), changed.splitlines(), mutant.path, mutant.path, "", "", 1, "")
    return "\n".join(lines)


def main():
    """Print each mutant with what became of it, the survivors' diffs, and the share killed of each folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", default=FOLDERS, help=f"folders to break; {', '.join(FOLDERS)}")
    parser.add_argument("--mutants", type=int, default=50, help="how many are tried; 50")
    parser.add_argument("--seed", type=int, default=0, help="what the choice starts from; 0")
    parser.add_argument("--minutes", type=float, default=60, help="no mutant is begun after so many; 60")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        for name in COPIED:
            source = Path(__file__).parent.parent / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, root / name)
        for folder in asked.folders:
            if code := run_tests(root, [f"tests/{Path(folder).name}"]):
                sys.exit(f"the tests of {folder} fail before anything is broken: pytest exits with {code}")
        tried, killed, survivors = Counter(), Counter(), []
        deadline = time.monotonic() + 60 * asked.minutes
        for mutant in draw_mutants(root, asked.folders, asked.seed):
            if tried.total() == asked.mutants or time.monotonic() > deadline:
                break
            diff = survives(root, mutant)
            folder = str(Path(mutant.path).parent)
            tried[folder] += 1
            killed[folder] += diff is None
            survivors += [] if diff is None else [diff]
            print("killed  " if diff is None else "SURVIVED", mutant, flush=True)
    print("", *survivors, sep="\n")
    for folder in (*sorted(tried), None):
        n, dead = (tried[folder], killed[folder]) if folder else (tried.total(), killed.total())
        print(f"{folder or 'all'}: {dead} of {n} mutants killed ({dead / max(1, n):.0%})")


if __name__ == "__main__":
    main()
