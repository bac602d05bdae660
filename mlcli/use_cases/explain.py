"""A key found by its dotted name, its last part, or a value that it accepts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from mlcli.config.reference.explain import Topic, depth, is_choice, is_under
from mlcli.config.rules.messages import KEY_SYNONYMS
from mlcli.config.sections.base import ValueType, type_of
from mlcli.config.sections.config import ANY, all_keys
from mlcli.config.tree import NamePath, read_key
from mlcli.errors import UsageError
from mlcli.io.text import nearest


@dataclass(frozen=True)
class Explained:
    """The result of `explain`.

    asked : whether a key was named; otherwise the topics are all keys
    """

    topics: tuple[Topic, ...]
    asked: bool

    def to_json(self) -> dict[str, Any]:
        """The document of `explain --json`."""
        return {"keys": self.topics}


def explain(text: str | None) -> Explained:
    """The topics that `text` may mean; without it, every key. Raises UsageError for an unknown key."""
    if text is not None:
        return Explained(find_topics(text), asked=True)
    paths = dict.fromkeys(key.path for key in all_keys() if not is_choice(key))
    return Explained(tuple(Topic(path) for path in paths), asked=False)


def find_topics(text: str) -> tuple[Topic, ...]:
    """What `text` may mean: `optimizer.lr`, `optimizer.sgd.lr`, `momentum`, `adam`, `relu`.

    Raises UsageError naming the nearest key where it means nothing.
    """
    try:
        parts = read_key(text.strip())
    except ValueError as error:
        raise UsageError(str(error)) from None
    exact = tuple(dict.fromkeys(_topics(parts, (), None)))
    return exact or _by_last_part(parts) or _by_value(text) or _refuse(text)


def _topics(parts: NamePath, path: NamePath, member: str | None) -> Iterator[Topic]:
    """Readings of the parts below a path, of which `member` was chosen if one was."""
    here = Topic(path, member)
    if not parts or (path and parts == ("name",)):
        yield here
    if not parts:
        return
    head, *rest = parts
    deeper = [key for key in all_keys() if is_under(key.path, (*path, head)) and not is_choice(key)]
    if any(depth(key.path[len(path) :]) > 1 or member is None or member in key.names for key in deeper):
        yield from (
            replace(one, owner=member) if not rest else one for one in _topics(tuple(rest), (*path, head), None)
        )
    if member is None and head in here.sections:
        yield from _topics(tuple(rest), path, head)


def _by_last_part(parts: NamePath) -> tuple[Topic, ...]:
    named = [key.path for key in all_keys() if key.path[-1:] == parts and not is_choice(key)]
    return tuple(Topic(path) for path in dict.fromkeys(named))


def _by_value(text: str) -> tuple[Topic, ...]:
    """The member of that name, else the keys that take the word."""
    topics = tuple(Topic(path) for path in dict.fromkeys(key.path for key in all_keys()))
    members = tuple(Topic(topic.path, text) for topic in topics if text in topic.sections)
    taking = [topic for topic in topics for key in topic.keys if text in values_of_key(key.field.type)]
    return members or tuple(dict.fromkeys(taking))


def values_of_key(expected: ValueType) -> set[str]:
    """Words that a key accepts, as its value or as an item of a list."""
    found: set[str] = set()
    for option in expected.options():
        items = option.arguments if option.origin is tuple else ()
        found.update(option.words, *(values_of_key(type_of(item)) for item in items if item is not Ellipsis))
    return found


def _refuse(text: str) -> NoReturn:
    """Name the nearest key, or the nearest name of a section."""
    topics = [topic for topic in explain(None).topics if ANY not in topic.path]
    known = {topic.title: topic.title for topic in topics}
    if "." not in text:
        known |= {topic.path[-1]: topic.title for topic in reversed(topics)}
        known |= {name: f"{topic.title}.{name}" for topic in topics for name in topic.sections}
    near = nearest(KEY_SYNONYMS.get(text.lower().replace("-", "_"), text), known)
    advice = f"; did you mean {known[near]}?" if near else "."
    raise UsageError(f"no key {text!r}{advice} All of them: mlcli explain")
