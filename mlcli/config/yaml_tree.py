"""Strict YAML: text to a `Tree`, from the parser's events, without any object constructor.

Refused: duplicate keys, tags, anchors, aliases, several documents, nesting deeper than 32, more than
10,000 values, control characters.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from mlcli.config.dotted import dotted
from mlcli.config.scalars import Scalar, read_scalar
from mlcli.config.tree import KeyPath, Place, Tree, Value
from mlcli.config.yaml_syntax import MAX_DEPTH, TOO_DEEP, explain_syntax
from mlcli.errors import ConfigError, Problem

Event: TypeAlias = Any  # the stubs of PyYAML know neither the anchor nor the tag of an event

MAX_VALUES = 10_000

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def read_yaml(text: str, source: str) -> Tree:
    """Tree of a whole file; raises ConfigError when it cannot be read as one mapping."""
    _refuse_control(text, source)
    reader = _Reader(source, text)
    value = reader.document()
    if not isinstance(value, dict):
        raise ConfigError(reader.problems or [_not_a_mapping(value, reader.values.get((), Place(source, 1, 1)))])
    return Tree(value, reader.values, reader.keys, tuple(reader.problems), frozenset(reader.broken))


def read_yaml_value(text: str, source: str) -> Value:
    """Value of a piece of YAML given on the command line; raises ConfigError naming `source` alone."""
    try:
        _refuse_control(text, source)
        reader = _Reader(source, text)
        value = reader.document()
        if not reader.problems:
            return value
        problems = tuple(reader.problems)
    except ConfigError as error:
        problems = error.problems
    raise ConfigError([Problem("", problem.message, source) for problem in problems])


def _refuse_control(text: str, source: str) -> None:
    found = _CONTROL.search(text)
    if found is None:
        return
    before = text[: found.start()]
    line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
    message = f"control characters are not allowed: U+{ord(found.group()):04X}; is this a text file?"
    raise ConfigError([Problem("", message, source, line, column)])


# Characters of a value that stands where a whole configuration is expected, such as a table's.
LONGEST_SHOWN = 60


def _not_a_mapping(value: Value, place: Place) -> Problem:
    if value is None:
        message = "the file is empty; it needs at least a dataset section"
    else:
        text = repr(value)
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
        kind = "a list" if isinstance(value, tuple) else f"the single value {shown}"
        message = f"the file must be keys with values, such as 'seed: 0'; got {kind}"
    return Problem("", message, place.source, place.line, place.column)


class _Omit:
    """Stands for a value that was refused, and is left out of its section."""


@dataclass
class _Reader:
    """Builds values from events; problems that leave the rest readable are collected."""

    source: str
    text: str
    values: dict[KeyPath, Place] = field(default_factory=dict)
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[KeyPath] = field(default_factory=set)
    brackets: list[yaml.Mark] = field(default_factory=list)
    n_values: int = 0

    def document(self) -> Value:
        """The only document; None when there is none."""
        try:
            return self._document(yaml.parse(self.text, Loader=_Loader))
        except yaml.MarkedYAMLError as error:
            message, mark = explain_syntax(error, self.brackets, self.text)
            raise self.stopped(message, mark.line + 1, mark.column + 1) from None
        except yaml.YAMLError:
            raise self.stopped("the text is not valid YAML", 1, 1) from None

    def stopped(self, message: str, line: int | None, column: int | None) -> ConfigError:
        """The error that ends the reading, after the problems met before."""
        return ConfigError([*self.problems, Problem("", message, self.source, line, column)])

    def _document(self, events: Iterator[Event]) -> Value:
        value: Value | _Omit = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent) and () in self.values:
                raise self._stopped_at(event, "a second document starts here; one file holds one experiment")
            if isinstance(event, yaml.NodeEvent):
                value = self._node(event, events, ())
        return None if isinstance(value, _Omit) else value

    def _node(self, event: Event, events: Iterator[Event], path: KeyPath) -> "Value | _Omit":
        self.values[path] = self._place(event)
        if len(path) > MAX_DEPTH:
            raise self._stopped_at(event, TOO_DEEP)
        self.n_values += 1
        if self.n_values > MAX_VALUES:
            message = f"there are more than {MAX_VALUES:,} values; a configuration is a few hundred lines at most"
            raise self._stopped_at(event, message)
        if isinstance(event, yaml.AliasEvent):
            return self._omit(path, event, f"aliases are not allowed: *{event.anchor}; repeat the value")
        self._check_properties(event, path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if event.flow_style:
            self.brackets.append(event.start_mark)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        value = self._mapping(events, path) if is_mapping else self._sequence(events, path)
        if event.flow_style:
            self.brackets.pop()
        return value

    def _check_properties(self, event: Event, path: KeyPath) -> None:
        if event.anchor is not None:
            self._refuse(path, event, f"anchors are not allowed: &{event.anchor}; repeat the value")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(path, event, f"tags are not allowed: {tag}; remove it")

    def _scalar(self, event: Event, path: KeyPath) -> Scalar | _Omit:
        if _CONTROL.search(event.value):
            return self._omit(path, event, "control characters are not allowed in a value")
        if event.style:
            return str(event.value)
        try:
            return read_scalar(event.value)
        except ValueError as error:
            return self._omit(path, event, str(error))

    def _sequence(self, events: Iterator[Event], path: KeyPath) -> Value:
        items: list[Value] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            item = self._node(event, events, (*path, len(items)))
            items.append(None if isinstance(item, _Omit) else item)
        return tuple(items)

    def _mapping(self, events: Iterator[Event], path: KeyPath) -> Value:
        section: dict[str, Value] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            inner = (*path, self._key(event, path))
            first = self.keys.get(inner)
            self.keys.setdefault(inner, self._place(event))
            if first is not None:
                self._refuse(inner, event, f"the key is already on line {first.line}; keep one of them")
            value = self._node(next(events), events, inner)
            if not isinstance(value, _Omit):
                section[str(inner[-1])] = value
        return section

    def _key(self, event: Event, path: KeyPath) -> str:
        if isinstance(event, yaml.AliasEvent):
            raise self._stopped_at(event, f"aliases are not allowed: *{event.anchor}; repeat the value")
        if not isinstance(event, yaml.ScalarEvent):
            raise self._stopped_at(event, "a key must be text, not a list or a section")
        key = str(event.value)
        if _CONTROL.search(key):
            raise self._stopped_at(event, "control characters are not allowed in a key")
        self._check_properties(event, (*path, key))
        return key

    def _refuse(self, path: KeyPath, event: Event, message: str) -> None:
        place = self._place(event)
        self.problems.append(Problem(dotted(path), message, place.source, place.line, place.column))

    def _omit(self, path: KeyPath, event: Event, message: str) -> _Omit:
        self._refuse(path, event, message)
        self.broken.add(path)
        return _Omit()

    def _stopped_at(self, event: Event, message: str) -> ConfigError:
        return self.stopped(message, event.start_mark.line + 1, event.start_mark.column + 1)

    def _place(self, event: Event) -> Place:
        return Place(self.source, event.start_mark.line + 1, event.start_mark.column + 1)
