"""Keys of the configuration explained, on stdout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import typer

from mlcli.config.loading.dump import dump_briefly
from mlcli.config.reference.explain import Topic, example_of

if TYPE_CHECKING:
    from mlcli.terminal.screen import Screen
    from mlcli.use_cases.explain import Explained

MIN_WIDTH, MAX_WIDTH = 60, 110
# Columns of the labels, of the names under one, and of the tree's defaults.
LABEL, NAME, DEFAULT = 10, 22, 11


def show_explained(screen: Screen, explained: Explained) -> None:
    """Every key on a line, or everything there is to know of the topics asked for."""
    width = max(MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size((100, 24)).columns))
    if explained.asked:
        typer.echo("\n\n".join("\n".join(_topic_lines(topic, width)) for topic in explained.topics))
        return
    names = ["  " * (len(topic.path) - 1) + topic.path[-1] for topic in explained.topics]
    left = max(map(len, names))
    for topic, name in zip(explained.topics, names, strict=True):
        typer.echo(_tree_line(topic, name.ljust(left), width))
    typer.echo("\nMore on each: mlcli explain KEY, such as mlcli explain optimizer.lr")


def _tree_line(topic: Topic, name: str, width: int) -> str:
    """Name, default and the start of the meaning, cut to the width."""
    entries = topic.entries()
    defaults = list(dict.fromkeys("required" if one.default is None else one.default for one in entries))
    default = defaults[0] if len(defaults) == 1 else "differs"
    text = _cut(entries[0].meaning, width - len(name) - DEFAULT - 4)
    shown = typer.style(name, fg="cyan", bold=len(topic.path) == 1)
    return f"{shown}  {typer.style(_cut(default, DEFAULT).ljust(DEFAULT), dim=True)}  {text}".rstrip()


def _topic_lines(topic: Topic, width: int) -> Iterator[str]:
    yield typer.style(topic.title, fg="cyan", bold=True)
    if topic.member is None:
        for entry in topic.entries():
            yield from _labelled("Of", ", ".join(entry.owners), width)
            yield from _labelled("Meaning", entry.meaning, width)
            yield from _labelled("Takes", "" if topic.sections else entry.values, width)
            default = "none: it is required" if entry.default is None else entry.default
            yield from _labelled("Default", default, width)
    members = [(", ".join(names), summary) for names, summary in topic.members().items()]
    yield from _rows("One of" if topic.member is None else "It is", members, width)
    yield from _rows("Keys", [row for key in topic.inside() for row in _meanings(key)], width)
    yield from _labelled("When", topic.advice.when, width)
    yield from _labelled("Course", topic.advice.term, width)
    example = example_of(topic)
    yield from _labelled("Example", dump_briefly(example) if example else "", width)


def _meanings(key: Topic) -> Iterator[tuple[str, str]]:
    for entry in key.entries():
        owners = f"{', '.join(entry.owners)}: " if entry.owners and key.owner is None else ""
        yield key.path[-1], f"{owners}{entry.meaning}"


def _labelled(label: str, text: str, width: int) -> Iterator[str]:
    """Text beside its label, wrapped; nothing without text."""
    for at, line in enumerate(wrap(text, width - LABEL - 2, break_on_hyphens=False)):
        yield f"  {typer.style((label if at == 0 else '').ljust(LABEL), bold=True)}{line}"


def _rows(label: str, rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Names with their meanings beside a label."""
    left = min(NAME, max((len(name) for name, _ in rows), default=0))
    for at, (name, meaning) in enumerate(rows):
        shown = typer.style((label if at == 0 else "").ljust(LABEL), bold=True)
        names = wrap(name, left, break_long_words=False)
        lines = wrap(meaning, width - LABEL - left - 4, break_on_hyphens=False)
        for beside in range(max(len(names), len(lines))):
            one = (names[beside] if beside < len(names) else "").ljust(left)
            text = lines[beside] if beside < len(lines) else ""
            yield f"  {shown if beside == 0 else ' ' * LABEL}{typer.style(one, fg='cyan')}  {text}".rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"
