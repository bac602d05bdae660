"""A configuration as a person would write it: short, with a comment where a choice was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlcli.config.dump import flow
from mlcli.config.tree import Value
from mlcli.printable import printable

# Comments stand in one column, behind all values but very long ones.
_WIDEST = 40
_MAX_COMMENT = 110


@dataclass(frozen=True)
class Entry:
    """A key with its value or the entries under it, or an item of a list where the key is empty.

    off : written as a comment, for the user to take up
    """

    key: str
    value: Value = None
    comment: str = ""
    inside: tuple[Entry, ...] = ()
    off: bool = False


@dataclass(frozen=True)
class _Line:
    text: str
    comment: str


def write_document(head: Sequence[str], entries: Sequence[Entry]) -> str:
    """YAML under lines of comment; a line of head that begins with # stands as it is."""
    heading = [line if line.startswith("#") else f"# {_harmless(line)}" for line in head]
    lines = [line for entry in entries for line in _lines(entry, 0)]
    column = max((len(line.text) for line in lines if line.comment and len(line.text) <= _WIDEST), default=0)
    body = (f"{one.text.ljust(column)}  # {_harmless(one.comment)}" if one.comment else one.text for one in lines)
    return "\n".join([*heading, *body]) + "\n"


def _lines(entry: Entry, depth: int) -> Iterator[_Line]:
    yield _Line("  " * depth + ("# " if entry.off else "") + _written(entry), entry.comment)
    for inner in entry.inside:
        yield from _lines(inner, depth + 1)


def _written(entry: Entry) -> str:
    if not entry.key:
        return f"- {flow(entry.value)}"
    return f"{flow(entry.key)}:" if entry.inside else f"{flow(entry.key)}: {flow(entry.value)}"


def _harmless(text: str) -> str:
    """One line of comment, whatever names and cells are quoted in it."""
    shown = printable(text)
    return shown if len(shown) <= _MAX_COMMENT else f"{shown[: _MAX_COMMENT - 1]}…"
