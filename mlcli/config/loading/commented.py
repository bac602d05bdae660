"""YAML with comments: what `mlcli init`, `improve` and `play` write for users to read and change."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlcli.config.loading.dump import flow
from mlcli.config.tree import KeyPath, Value, dotted
from mlcli.io.text import printable

# Comments are aligned behind the values, but for very long values.
_WIDEST_VALUE = 40
_MAX_COMMENT = 110
_HEAD_WIDTH = 108


@dataclass(frozen=True)
class CommentedKey:
    """A key with its value or the entries under it, or an item of a list where the key is empty.

    off : written as a comment, for the user to take up
    """

    key: str
    value: Value = None
    comment: str = ""
    inside: tuple[CommentedKey, ...] = ()
    off: bool = False


def write_document(head: Sequence[str], entries: Sequence[CommentedKey]) -> str:
    """YAML under lines of comment; a line of head that begins with # is kept unchanged."""
    heading = [line for text in head for line in _comment_lines(text)]
    lines = [line for entry in entries for line in _lines(entry, 0)]
    column = max((len(text) for text, comment in lines if comment and len(text) <= _WIDEST_VALUE), default=0)
    body = (f"{text.ljust(column)}  # {_on_one_line(comment)}" if comment else text for text, comment in lines)
    return "\n".join([*heading, *body]) + "\n"


def commented_keys(
    section: Mapping[str, Value], comments: Mapping[str, str], above: KeyPath = ()
) -> tuple[CommentedKey, ...]:
    """The keys of a section, each with the comment on its dotted name."""
    entries = []
    for key, value in section.items():
        path = (*above, key)
        inside = commented_keys(value, comments, path) if isinstance(value, dict) else ()
        entries.append(CommentedKey(key, value, comments.get(dotted(path), ""), inside))
    return tuple(entries)


def _comment_lines(text: str) -> list[str]:
    if text.startswith("#"):
        return [text]
    return [f"# {line}" for line in textwrap.wrap(printable(text), _HEAD_WIDTH, subsequent_indent="  ")]


def _lines(entry: CommentedKey, depth: int) -> Iterator[tuple[str, str]]:
    """Each line with its comment."""
    yield "  " * depth + ("# " if entry.off else "") + _written(entry), entry.comment
    for inner in entry.inside:
        yield from _lines(inner, depth + 1)


def _written(entry: CommentedKey) -> str:
    if not entry.key:
        return f"- {flow(entry.value)}"
    return f"{flow(entry.key)}:" if entry.inside else f"{flow(entry.key)}: {flow(entry.value)}"


def _on_one_line(text: str) -> str:
    """A comment, whatever names and cells are quoted in it."""
    shown = printable(text)
    return shown if len(shown) <= _MAX_COMMENT else f"{shown[: _MAX_COMMENT - 1]}…"
