"""What is known of a key, a section, or one member of a section, for `mlcli explain` and the reference."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from mlcli.config.rules.messages import describe, shown_value
from mlcli.config.sections.base import KeyField, Section, names_of
from mlcli.config.sections.config import ANY, Key, all_keys, find_keys
from mlcli.config.tree import JsonValue, NamePath, Value, dotted, freeze

# The name of the user's own that examples use for a column and for a key to search.
OWN_NAMES: dict[NamePath, str] = {
    ("dataset", "numbers"): "price",
    ("features", "columns"): "age",
    ("improve", "space"): "training.batch_size",
}


@dataclass(frozen=True)
class Advice:
    """What a key's Field says in addition to its description; see `sections.base.key`."""

    when: str = ""
    term: str = ""
    example: JsonValue = None


@dataclass(frozen=True)
class KeyEntry:
    """A key as one or several members of a union have it.

    owners  : names of these members; empty where the key always exists
    default : as YAML; None where the key is required
    """

    owners: tuple[str, ...]
    values: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class Topic:
    """A key, a section, or one member of a section chosen by name, such as optimizer.sgd.

    member : the name of the member
    owner  : for a key, the member of the section around it
    """

    path: NamePath
    member: str | None = None
    owner: str | None = None

    @property
    def title(self) -> str:
        """Its dotted name, the member's name behind it."""
        return dotted(self.path if self.member is None else (*self.path, self.member))

    @property
    def keys(self) -> tuple[Key, ...]:
        """The key, once for each member that has it."""
        found = find_keys(self.path)
        return tuple(key for key in found if self.owner is None or not key.names or self.owner in key.names)

    @property
    def advice(self) -> Advice:
        """The advice of the first key that has some."""
        found = (advice_of(key.field) for key in self.keys)
        return next((one for one in found if one != Advice()), Advice())

    def entries(self) -> tuple[KeyEntry, ...]:
        """The key itself, once for each different description among the members that have it."""
        entries: dict[KeyEntry, dict[str, None]] = {}
        for key in self.keys:
            entry = KeyEntry((), describe(key.field.type), default_of(key), key.field.description)
            entries.setdefault(entry, {}).update(dict.fromkeys(key.names))
        all_names = Topic(self.path[:-1]).sections.keys()
        return tuple(
            replace(entry, owners=() if names.keys() == all_names else tuple(names)) for entry, names in entries.items()
        )

    @property
    def sections(self) -> dict[str, type[Section]]:
        """The sections that are valid here, by name; empty where there is no choice."""
        found = [section for key in self.keys for section in key.field.type.sections()]
        return {name: section for section in found for name in names_of(section)}

    def members(self) -> dict[tuple[str, ...], str]:
        """The names to choose from, grouped by section, with its summary; only `member` where it is given."""
        grouped: dict[type[Section], list[str]] = {}
        for name, section in self.sections.items():
            if self.member in (None, name):
                grouped.setdefault(section, []).append(name)
        return {tuple(names): summary_of(section) for section, names in grouped.items()}

    def inside(self) -> tuple["Topic", ...]:
        """The keys right under it, names of the user's own being passed over."""
        below = (key for key in all_keys() if is_under(key.path, self.path) and depth(key.path[len(self.path) :]) == 1)
        mine = (key for key in below if self.member is None or not key.names or self.member in key.names)
        paths = dict.fromkeys(key.path for key in mine if not is_choice(key))
        return tuple(Topic(path, owner=self.member) for path in paths)

    def to_json(self) -> dict[str, Any]:
        """One entry of `explain --json`."""
        return {
            "key": self.title,
            "accounts": [asdict(entry) for entry in self.entries()],
            "names": [{"names": list(names), "meaning": meaning} for names, meaning in self.members().items()],
            "keys": [topic.title for topic in self.inside()],
            "when": self.advice.when or None,
            "course": self.advice.term or None,
            "example": example_of(self),
        }


def advice_of(field: KeyField) -> Advice:
    """The advice on a key; empty where there is none."""
    return Advice(field.when, field.term, field.example)


def is_choice(key: Key) -> bool:
    """Whether the key is only the `name` that selects a section."""
    return key.path[-1] == "name" and len(key.path) > 1 and not key.field.description


def default_of(key: Key) -> str | None:
    """The default as YAML, a section's as its name; None where there is none."""
    default = key.field.default
    if key.path == ("name",):
        return "file's name"
    if key.field.is_required:
        return None
    if isinstance(default, Section):
        return str(getattr(default, "name", ""))
    return default if isinstance(default, str) else shown_value(default)


def summary_of(section: type[Section]) -> str:
    """A section's docstring on one line."""
    return " ".join((section.__doc__ or "").split())


def example_of(topic: Topic) -> dict[str, Value] | None:
    """A piece of a configuration that sets the key, as short as possible; None for a section without a choice."""
    value = freeze(topic.advice.example)
    if topic.member is not None:
        needed = [key for key in topic.inside() if key.entries()[0].default is None]
        required = {key.path[-1]: freeze(key.advice.example) for key in needed}
        return _nested(topic.path, {"name": topic.member, **required} if required else topic.member, None)
    if value is None and topic.sections:
        value = list(topic.sections)[-1]
    if value is None and topic.keys and not topic.keys[0].is_section:
        value = _other_than_default(topic.keys[0])
    owner = topic.owner or next((entry.owners[0] for entry in topic.entries() if entry.owners), None)
    return None if value is None else _nested(topic.path, value, owner)


def _nested(path: NamePath, value: Value, owner: str | None) -> dict[str, Value]:
    """The value under the keys of its path; owner: the name of the section right around it."""
    *above, last = (OWN_NAMES[path[:depth]] if part == ANY else part for depth, part in enumerate(path))
    nested: dict[str, Value] = {last: value} if owner is None or last == "name" else {"name": owner, last: value}
    for part in reversed(above):
        nested = {part: nested}
    return nested


def _other_than_default(key: Key) -> Value:
    """A value that the key accepts; not its default, where its type has another."""
    default = key.field.default
    options = key.field.type.options()
    for option in options:
        if option.annotation is bool:
            return not default
        if others := [word for word in option.words if word != default]:
            return str(others[0])
    if isinstance(default, str | int | float):
        return default
    return "text" if any(option.annotation is str for option in options) else None


def is_under(path: NamePath, start: NamePath) -> bool:
    """Whether a key's path begins with `start`; ANY matches every name."""
    return len(path) >= len(start) and all(a in (ANY, b) for a, b in zip(path, start, strict=False))


def depth(path: NamePath) -> int:
    """Keys of a path, names of the user's own not counted."""
    return sum(part != ANY for part in path)
