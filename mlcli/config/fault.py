"""A fault found in a configuration's values, before it gets its place in the file."""

from dataclasses import dataclass

from mlcli.config.tree import KeyPath

MAX_PROBLEMS = 100
"""As many as one can read; a file with more is told so, and the rest need not be found."""


@dataclass(frozen=True)
class Fault:
    """What is wrong at a path of the configuration.

    at_key : the place is the key's rather than the value's
    reads : other paths the judgement rests on
    """

    path: KeyPath
    message: str
    at_key: bool = False
    reads: tuple[KeyPath, ...] = ()
