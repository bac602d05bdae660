"""Finds every fault in a configuration's values and the words for it.

Of a union, pydantic reports every member's complaint. This walk over the same annotations says one thing per place:
what must be there, what was got, and the nearest valid name. Tests hold the two to the same verdict.
"""

from collections.abc import Iterator
from itertools import islice

from pydantic.fields import FieldInfo

from mlcli.config.base import Section
from mlcli.config.fault import MAX_PROBLEMS, Fault
from mlcli.config.schema import Config
from mlcli.config.shape import Shape, field_shape, names_of
from mlcli.config.tree import KeyPath, Value
from mlcli.config.unknown import unknown_key, unknown_name
from mlcli.config.wording import describe, either, must_be


def find_faults(value: Value) -> Iterator[Fault]:
    """Every fault of a whole configuration."""
    return _faults(Shape(Config), value, ())


def _faults(shape: Shape, value: Value, path: KeyPath) -> Iterator[Fault]:
    if isinstance(value, dict) and shape.sections():
        yield from _section_faults(shape, value, path)
        return
    candidates = [_option_faults(option, value, path) for option in shape.options()]
    inside = [list(islice(faults, MAX_PROBLEMS + 1)) for faults in candidates if faults is not None]
    if [] in inside:
        return
    yield from inside[0] if len(inside) == 1 else [Fault(path, must_be(shape, value))]


def _option_faults(option: Shape, value: Value, path: KeyPath) -> Iterator[Fault] | None:
    """Faults inside a value of the kind this option takes; None when it is of another kind."""
    if isinstance(value, dict):
        return _entry_faults(option, value, path) if option.origin is dict else None
    if isinstance(value, tuple):
        shapes = option.items(len(value)) if option.origin is tuple else None
        return None if shapes is None else _item_faults(shapes, value, path)
    return iter(()) if option.accepts(value) else None


def _entry_faults(option: Shape, value: dict[str, Value], path: KeyPath) -> Iterator[Fault]:
    key_shape, value_shape = option.key_and_value()
    for key, inner in value.items():
        if not any(one.accepts(key) for one in key_shape.options()):
            yield Fault((*path, key), f"the key {must_be(key_shape, key)}", at_key=True)
        yield from _faults(value_shape, inner, (*path, key))


def _item_faults(shapes: tuple[Shape, ...], value: tuple[Value, ...], path: KeyPath) -> Iterator[Fault]:
    for index, (shape, inner) in enumerate(zip(shapes, value, strict=True)):
        yield from _faults(shape, inner, (*path, index))


def _section_faults(shape: Shape, value: dict[str, Value], path: KeyPath) -> Iterator[Fault]:
    section = chosen_section(shape, value, path)
    if isinstance(section, Fault):
        yield section
        return
    for key, field in section.model_fields.items():
        if field.is_required() and key not in value:
            yield Fault((*path, key), f"is required: {_wanted(field)}", at_key=True)
    for key, inner in value.items():
        if key not in section.model_fields:
            yield Fault((*path, key), unknown_key(key, path, section, shape.sections(), value.get("name")), at_key=True)
        elif key == "name" and names_of(section) and inner not in names_of(section):
            yield Fault((*path, key), unknown_name(inner, path, names_of(section)))
        else:
            yield from _faults(field_shape(section.model_fields[key]), inner, (*path, key))


def chosen_section(shape: Shape, value: dict[str, Value], path: KeyPath) -> type[Section] | Fault:
    """The section that is meant: the only one, the one named, or the one that shares keys with the value."""
    sections = shape.sections()
    by_name = {name: section for section in sections for name in names_of(section)}
    if len(sections) == 1:
        return sections[0]
    if not by_name:
        sharing = [section for section in sections if section.model_fields.keys() & value.keys()]
        return sharing[0] if sharing else Fault(path, must_be(shape, value))
    if "name" not in value:
        return Fault((*path, "name"), f"is required: {either(by_name)}", at_key=True)
    name = value["name"]
    if isinstance(name, str) and name in by_name:
        return by_name[name]
    return Fault((*path, "name"), unknown_name(name, path, tuple(by_name)))


def _wanted(field: FieldInfo) -> str:
    shape = field_shape(field)
    chosen_by_name = any(names_of(section) for section in shape.sections())
    described = describe(shape) if chosen_by_name or all(one.words for one in shape.options()) else field.description
    return str(described).rstrip(".")
