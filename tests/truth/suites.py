"""What a suite from outside is, and what came of each of its cases."""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlcli.errors import MlcliError

# right: as the suite expects. refused: with a message, nothing read. said: read as something else, with a note on what
# was guessed. wrong: read in silence as something else. crashed: an error that mlcli does not expect (exit 1).
Outcome = Literal["right", "refused", "said", "wrong", "crashed"]
SHOWN = 80
OUTCOMES = ("right", "refused", "said", "wrong", "crashed")


@dataclass(frozen=True)
class Case:
    """One file or value of a suite.

    group : the row of the page in which it is counted
    note  : what was read in place of what, or the message
    """

    group: str
    name: str
    outcome: Outcome
    note: str = ""


@dataclass(frozen=True)
class Suite:
    """A suite that the reader fetches.

    repository : of GitHub; `git clone` makes a folder of its last name
    needs      : a path in the clone that shows that it is there
    branch     : of the clone, where it is not the usual one
    about      : what is compared with what, for the page
    missed     : what of the suite is not tried, and why
    run        : takes the clone
    """

    name: str
    title: str
    repository: str
    needs: str
    about: str
    missed: str
    run: Callable[[Path], Iterator[Case]]
    branch: str | None = None

    @property
    def folder(self):
        return self.repository.split("/")[1]

    @property
    def fetch(self):
        """The command that fetches it."""
        branch = f"--branch {self.branch} " if self.branch else ""
        return f"git clone --depth 1 {branch}https://github.com/{self.repository}"

    def version(self, data):
        """Commit and day of the clone."""
        command = ["git", "-C", str(data / self.folder), "log", "-1", "--format=%H %cs"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@dataclass(frozen=True)
class Noted:
    """What was read, with what the user is told of it."""

    value: object
    notes: tuple[str, ...]


class Refused:
    """What a suite expects where nothing may be read."""

    def __repr__(self):
        return "refused"


REFUSED = Refused()


def judge(group, name, read, expected):
    """The case of what `read` gives, beside what the suite expects."""
    try:
        found = read()
    except MlcliError as error:
        return Case(group, name, "crashed" if error.exit_code == 1 else "refused", str(error).splitlines()[0])
    except Exception as error:  # the command would exit with 1
        return Case(group, name, "crashed", f"{type(error).__name__}: {error}")
    notes = found.notes if isinstance(found, Noted) else ()
    found = found.value if isinstance(found, Noted) else found
    if expected is not REFUSED and found == expected:
        return Case(group, name, "right")
    if notes:
        return Case(group, name, "said", notes[0])
    if isinstance(found, list) and isinstance(expected, list):
        found, expected = first_difference(found, expected)
    return Case(group, name, "wrong", f"read {shorten(found)}, expected {shorten(expected)}")


def first_difference(found, expected):
    """The first items of two lists that differ, of rows their first cells that do."""
    pair = next(((a, b) for a, b in zip(found, expected, strict=False) if a != b), None)
    if pair is None:
        return f"{len(found)} rows", f"{len(expected)} rows"
    return first_difference(*pair) if all(isinstance(one, list) for one in pair) else pair


def shorten(value):
    """The start of a value's text."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def count(cases):
    """Cases by group, each with the number of every outcome."""
    groups = {}
    for case in cases:
        groups.setdefault(case.group, Counter())[case.outcome] += 1
    return groups
