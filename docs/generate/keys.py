"""The page of the configuration: every key with what it takes, its default, meaning, and when to change it."""

from __future__ import annotations

from collections.abc import Iterator

from docs.generate.table import table
from mlcli.config.reference.explain import Topic
from mlcli.use_cases.explain import explain

HEAD = """# Configuration, key by key

Made from the program by `python -m docs.generate`; `mlcli explain KEY` says the same, and more, in the terminal.
Keys with the names of members in front exist where the section's `name` is one of these.
"""


def keys_page() -> str:
    """The page, section by section."""
    sections: dict[str, list[Topic]] = {}
    for topic in explain(None).topics:
        sections.setdefault(topic.path[0], []).append(topic)
    return HEAD + "".join(f"\n## {name}\n\n{_section(topics)}" for name, topics in sections.items())


def _section(topics: list[Topic]) -> str:
    members = "".join(
        f"{table((f'`{topic.title}` is', 'meaning'), _members(topic))}\n" for topic in topics if topic.members()
    )
    return members + table(("key", "takes", "default", "meaning"), (row for topic in topics for row in _rows(topic)))


def _members(topic: Topic) -> Iterator[tuple[str, str]]:
    for names, meaning in topic.members().items():
        yield " ".join(f"`{name}`" for name in names), _text(meaning)


def _rows(topic: Topic) -> Iterator[tuple[str, str, str, str]]:
    for entry in topic.entries():
        owners = f"{', '.join(entry.owners)}: " if entry.owners else ""
        default = "required" if entry.default is None else f"`{entry.default}`" if entry.default else ""
        words = [f"{owners}{entry.meaning}", topic.advice.when]
        yield f"`{topic.title}`", _text(entry.values), default, _text(" ".join(filter(None, words)))


def _text(words: str) -> str:
    """Text in which Markdown and HTML see nothing of theirs."""
    return "".join(f"\\{letter}" if letter in "<*_[`" else letter for letter in words)
