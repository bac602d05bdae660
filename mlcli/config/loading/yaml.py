"""Strict YAML: text to a `Tree`, from the parser's events, without any object constructor."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from mlcli.config.tree import KeyPath, Place, Scalar, Tree, Value, dotted, read_scalar
from mlcli.errors import ConfigError, Problem

MAX_DEPTH = 32
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

_RESERVED = "@`%,"

_ADVICE = (
    ("mapping values are not allowed", "':' is not expected here; text with ': ' in it needs quotes, a key needs a "
     "blank after its colon, and keys of one section the same indentation"),
    ("could not find expected ':'", "this line is neither a key with a colon nor part of the list or text above it"),
    ("did not find expected key|expected <block end>", "indentation or quotes do not fit the lines above; keys of one "
     "section start in the same column"),
    ("expected '-' indicator", "a list item starting with '- ' is expected here"),
    ("sequence entries are not allowed", "a list item cannot start here; put '- ' on a line of its own"),
    ("mapping keys are not allowed", "text cannot start with '? '; put it in quotes"),
    ("undefined tag handle", "tags are not allowed; remove it, or quote the text if it starts with '!'"),
    ("escape char", "unknown escape in double quotes; double the backslash, or use single quotes"),
    ("incompatible YAML document", "this %YAML version is not supported; remove the line"),
    ("<document start>", "nothing may follow the end of the document; remove this or the '...' above"),
    ("block scalar", "after '|' or '>' the text starts on the next line; quote the text if the sign is meant"),
    ("anchor|alias", "anchors and aliases are not allowed; quote the text if it starts with '&' or '*'"),
    ("(parsing|scanning) a tag", "tags are not allowed; quote the text if it starts with '!'"),
    ("directive", "a line cannot start with '%'; quote the text or remove the line"),
)  # fmt: skip
Event: TypeAlias = Any  # the stubs of PyYAML know neither the anchor nor the tag of an event
MAX_VALUES = 10_000
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Between two values: a comment without a blank before its sign, which libyaml takes for a comment all the same.
_GLUED = re.compile(r"^[^#\n]*[^\s#]#", re.MULTILINE)
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def read_yaml(text: str, source: str, most: int = MAX_VALUES) -> Tree:
    """Tree of a whole file of at most so many values; raises ConfigError when it cannot be read as one mapping."""
    _refuse_control(text, source)
    reader = _Reader(source, text, most)
    value = reader.document()
    if not isinstance(value, dict):
        raise ConfigError(reader.problems or [_not_a_mapping(value, reader.values.get((), Place(source, 1, 1)))])
    return Tree(value, reader.values, reader.keys, tuple(reader.problems), frozenset(reader.broken))


def read_yaml_value(text: str, source: str) -> Value:
    """Value of a piece of YAML given on the command line; raises ConfigError naming `source` alone."""
    try:
        _refuse_control(text, source)
        reader = _Reader(source, text)
        value, problems = reader.document(), reader.problems
    except ConfigError as error:
        problems = list(error.problems)
    if problems:
        raise ConfigError([Problem("", problem.message, source) for problem in problems])
    return value


def _refuse_control(text: str, source: str) -> None:
    found = _CONTROL.search(text)
    if found is None:
        return
    message = f"control characters are not allowed: U+{ord(found.group()):04X}; is this a text file?"
    raise ConfigError([Problem("", message, source, *_line_and_column(text, found.start()))])


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def _not_a_mapping(value: Value, place: Place) -> Problem:
    if value is None:
        message = "the file is empty; it needs at least a dataset section"
    else:
        text = repr(value)
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        kind = "a list" if isinstance(value, tuple) else f"the single value {shown}"
        message = f"the file must be keys with values, such as 'seed: 0'; got {kind}"
    return Problem("", message, place.source, place.line, place.column)


class _Omit:
    """The value of a key that was refused and is left out of its section."""


@dataclass
class _Reader:
    """Builds values from events; problems that leave the rest readable are collected."""

    source: str
    text: str
    most: int = MAX_VALUES
    values: dict[KeyPath, Place] = field(default_factory=dict)
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[KeyPath] = field(default_factory=set)
    brackets: list[yaml.Mark] = field(default_factory=list)
    n_values: int = 0

    def document(self) -> Value:
        """The only document; None when there is none."""
        value: Value | _Omit = None
        try:
            events = self._events()
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent) and () in self.values:
                    raise self._stopped_at(event, "a second document starts here; one file holds one experiment")
                if isinstance(event, yaml.NodeEvent):
                    value = self._node(event, events, ())
        except yaml.MarkedYAMLError as error:
            message, mark = _explain_syntax(error, self.brackets, self.text)
            raise self.stopped(message, mark.line + 1, mark.column + 1) from None
        except yaml.YAMLError:
            raise self.stopped("the text is not valid YAML", 1, 1) from None
        return None if isinstance(value, _Omit) else value

    def _events(self) -> Iterator[Event]:
        """The parser's events; raises ConfigError for what libyaml reads in another way than YAML 1.2 does."""
        end = 0
        open_line = self.text.rpartition("\n")[2].isspace()  # libyaml leaves out a last line of blanks without an end
        events: Iterator[Event] = yaml.parse(self.text + "\n" * open_line, Loader=_Loader)
        for event in events:
            begin, start = max(end - 1, 0), event.start_mark.index
            between = self.text[begin:start]
            if isinstance(event, yaml.ScalarEvent):
                if between.endswith("?"):
                    raise self._stopped_at(event, "text cannot start with '?' here; put it in quotes")
                between += self.text[start : self.text.find("\n", start)] if event.style in ("|", ">") else ""
            if found := _GLUED.search(between):
                place = _line_and_column(self.text, begin + found.end() - 1)
                raise self.stopped("a comment needs a blank before its '#'; put text with '#' in quotes", *place)
            end = event.end_mark.index
            yield event

    def stopped(self, message: str, line: int | None, column: int | None) -> ConfigError:
        """The error that ends the reading, after the problems found before."""
        return ConfigError([*self.problems, Problem("", message, self.source, line, column)])

    def _node(self, event: Event, events: Iterator[Event], path: KeyPath) -> "Value | _Omit":
        self.values[path] = self._place(event)
        if len(path) > MAX_DEPTH:
            raise self._stopped_at(event, TOO_DEEP)
        self.n_values += 1
        if self.n_values > self.most:
            message = f"there are more than {self.most:,} values; a configuration is a few hundred lines at most"
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
        if not key and not event.style:
            raise self._stopped_at(event, "a key is missing here")
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


def _explain_syntax(error: yaml.MarkedYAMLError, brackets: Sequence[yaml.Mark], text: str) -> tuple[str, yaml.Mark]:
    """Message and place of a syntax error.

    brackets : places of the brackets that are open, outermost first
    """
    mark = error.problem_mark or error.context_mark
    if mark is None:
        raise error
    lines = text.splitlines()
    at = _character(lines, mark)
    wording = f"{error.context or ''}: {error.problem or ''}"
    if "maximum nesting depth" in wording:  # libyaml's own limit, reached while it reads ahead
        return TOO_DEEP, mark
    if "tab char" in wording or at == "\t":
        return "a tab cannot indent; use blanks", mark
    if "quoted scalar" in wording and "end of stream" in wording:
        return "the quote that opens here is never closed", error.context_mark or mark
    if "cannot start any token" in wording or (at and at in _RESERVED and "node content" in wording and not brackets):
        return f"text cannot start with '{at}'; put it in quotes", mark
    if brackets and "flow" in wording:
        return _open_bracket(_character(lines, brackets[-1]), mark, lines), brackets[-1]
    if at in ("]", "}"):
        return f"'{at}' closes a bracket that was never opened; put it in quotes if it is text", mark
    return next(
        (advice for pattern, advice in _ADVICE if re.search(pattern, wording)), "this is not valid YAML here"
    ), mark


def _open_bracket(sign: str, mark: yaml.Mark, lines: Sequence[str]) -> str:
    if mark.line >= len(lines):
        return f"'{sign}' is never closed"
    before = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"'{sign}' is not closed, or a comma is missing or doubled, before {before}"


def _character(lines: Sequence[str], mark: yaml.Mark) -> str:
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
