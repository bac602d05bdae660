"""Checks each value of a configuration by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from mlcli.config.rules.messages import describe, join_or, must_be, unknown_key, unknown_name
from mlcli.config.sections.base import KeyField, Section, ValueType, names_of
from mlcli.config.sections.config import Config
from mlcli.config.tree import KeyPath, Value

# More are not reported, and the rest of the file is not checked.
MAX_PROBLEMS = 100


@dataclass(frozen=True)
class ConfigIssue:
    """What is wrong at a path of the configuration.

    at_key : the place is the key's rather than the value's
    reads : paths of the other values that the issue depends on
    """

    path: KeyPath
    message: str
    at_key: bool = False
    reads: tuple[KeyPath, ...] = ()


def find_issues(value: Value) -> Iterator[ConfigIssue]:
    """Every issue of a whole configuration."""
    return _issues(ValueType(Config), value, ())


def _issues(expected: ValueType, value: Value, path: KeyPath) -> Iterator[ConfigIssue]:
    if isinstance(value, dict) and expected.sections():
        yield from _section_issues(expected, value, path)
        return
    candidates = [_option_issues(option, value, path) for option in expected.options()]
    inside = [list(islice(issues, MAX_PROBLEMS + 1)) for issues in candidates if issues is not None]
    if [] in inside:
        return
    yield from inside[0] if len(inside) == 1 else [ConfigIssue(path, must_be(expected, value))]


def _option_issues(option: ValueType, value: Value, path: KeyPath) -> Iterator[ConfigIssue] | None:
    """Issues inside a value of this option's kind; None where the value is of another kind."""
    if isinstance(value, dict):
        return _entry_issues(option, value, path) if option.origin is dict else None
    if isinstance(value, tuple):
        types = option.items(len(value)) if option.origin is tuple else None
        if types is None:
            return None
        return chain.from_iterable(_issues(one, value[at], (*path, at)) for at, one in enumerate(types))
    return iter(()) if option.accepts(value) else None


def _entry_issues(option: ValueType, value: dict[str, Value], path: KeyPath) -> Iterator[ConfigIssue]:
    key_type, value_type = option.key_and_value()
    for key, inner in value.items():
        if not any(one.accepts(key) for one in key_type.options()):
            yield ConfigIssue((*path, key), f"the key {must_be(key_type, key)}", at_key=True)
        yield from _issues(value_type, inner, (*path, key))


def _section_issues(expected: ValueType, value: dict[str, Value], path: KeyPath) -> Iterator[ConfigIssue]:
    section = chosen_section(expected, value, path)
    if isinstance(section, ConfigIssue):
        yield section
        return
    for key, field in section.model_fields.items():
        if field.is_required and key not in value:
            yield ConfigIssue((*path, key), f"is required: {_wanted(field)}", at_key=True)
    for key, inner in value.items():
        if key not in section.model_fields:
            message = unknown_key(key, path, section, expected.sections(), value.get("name"))
            yield ConfigIssue((*path, key), message, at_key=True)
        elif key == "name" and names_of(section) and inner not in names_of(section):
            yield ConfigIssue((*path, key), unknown_name(inner, path, names_of(section)))
        else:
            yield from _issues(section.model_fields[key].type, inner, (*path, key))


def chosen_section(expected: ValueType, value: dict[str, Value], path: KeyPath) -> type[Section] | ConfigIssue:
    """The section that a value selects: the only one, the one named, or the one with keys in common."""
    sections = expected.sections()
    by_name = {name: section for section in sections for name in names_of(section)}
    if len(sections) == 1:
        return sections[0]
    if not by_name:
        sharing = [section for section in sections if section.model_fields.keys() & value.keys()]
        return sharing[0] if sharing else ConfigIssue(path, must_be(expected, value))
    if "name" not in value:
        return ConfigIssue((*path, "name"), f"is required: {join_or(by_name)}", at_key=True)
    name = value["name"]
    if isinstance(name, str) and name in by_name:
        return by_name[name]
    return ConfigIssue((*path, "name"), unknown_name(name, path, tuple(by_name)))


def left_over_keys(config: dict[str, Value], path: KeyPath, name: Value) -> dict[str, bool]:
    """Keys of the section at a path that it has not under another name, each with whether it differs from its default.

    config : its shorthand is expanded. There are none where the path, the present name or the other is not valid.
    """
    expected, value = ValueType(Config), config
    for key in path:
        section = chosen_section(expected, value, path)
        inner = value.get(str(key))
        if isinstance(section, ConfigIssue) or key not in section.model_fields or not isinstance(inner, dict):
            return {}
        expected, value = section.model_fields[str(key)].type, inner
    before, after = (chosen_section(expected, {**value, "name": one}, path) for one in (value.get("name"), name))
    if isinstance(before, ConfigIssue) or isinstance(after, ConfigIssue):
        return {}
    gone = [key for key in value if key in before.model_fields and key not in after.model_fields]
    return {key: value[key] != before.model_fields[key].default for key in gone}


def _wanted(field: KeyField) -> str:
    """What a required key takes: the words or names to choose from, else its description."""
    expected = field.type
    has_names = any(names_of(section) for section in expected.sections())
    has_words = all(option.words for option in expected.options())
    return (describe(expected) if has_names or has_words else field.description).rstrip(".")


def expand_shorthand(value: dict[str, Value]) -> dict[str, Value]:
    """Copy in which every section chosen by name has its name.

    A bare word is a section with that name. A section at the top level that has a default, such as optimizer, may
    leave out its name; deeper ones, such as optimizer.schedule, must have it.
    """
    named: dict[str, Value] = {}
    for key, inner in value.items():
        name = getattr(Config.model_fields[key].default, "name", None) if key in Config.model_fields else None
        named[key] = {"name": name, **inner} if name is not None and isinstance(inner, dict) else inner
    return _section(Config, named)


def _section(section: type[Section], value: dict[str, Value]) -> dict[str, Value]:
    fields = section.model_fields
    return {key: _expand(fields[key].type, inner) if key in fields else inner for key, inner in value.items()}


def _expand(expected: ValueType, value: Value) -> Value:
    sections = expected.sections()
    by_name = {name: section for section in sections for name in names_of(section)}
    takes_words = any(option.words for option in expected.options())
    if isinstance(value, str) and (value in by_name or (by_name and not takes_words)):
        return {"name": value}
    if not sections or not isinstance(value, dict):
        return value
    section = sections[0] if len(sections) == 1 else by_name.get(str(value.get("name")))
    return _section(section, value) if section else value
