"""What may be left unwritten: `optimizer: adam` for `optimizer: {name: adam}`, and the default's name."""

from mlcli.config.base import Section
from mlcli.config.schema import Config
from mlcli.config.shape import Shape, field_shape, names_of
from mlcli.config.tree import Value


def write_out(value: dict[str, Value]) -> dict[str, Value]:
    """Copy in which every section chosen by name says its name.

    A bare word stands for a section with that name. In a section at the left margin that has a default, such as
    optimizer, a name left out is the default's; deeper ones, such as optimizer.schedule, must be named.
    """
    named = {key: _with_default_name(key, inner) for key, inner in value.items()}
    return _section(Config, named)


def _with_default_name(key: str, value: Value) -> Value:
    field = Config.model_fields.get(key)
    name = getattr(field.default, "name", None) if field else None
    if name is None or not isinstance(value, dict):
        return value
    return {"name": name, **value}


def _section(section: type[Section], value: dict[str, Value]) -> dict[str, Value]:
    fields = section.model_fields
    return {key: _expand(field_shape(fields[key]), inner) if key in fields else inner for key, inner in value.items()}


def _expand(shape: Shape, value: Value) -> Value:
    sections = shape.sections()
    by_name = {name: section for section in sections for name in names_of(section)}
    if isinstance(value, str) and by_name:
        return {"name": value}
    if not sections or not isinstance(value, dict):
        return value
    section = sections[0] if len(sections) == 1 else by_name.get(str(value.get("name")))
    return _section(section, value) if section else value
