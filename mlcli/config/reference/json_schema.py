"""The configuration as a JSON Schema (draft 7), by which editors complete, explain and check the YAML file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mlcli.config.reference.explain import advice_of, summary_of
from mlcli.config.rules.search import searchable
from mlcli.config.sections.base import KeyField, Section, ValueType, names_of, type_of
from mlcli.config.sections.config import Config
from mlcli.config.sections.training import ImproveConfig
from mlcli.config.tree import dotted
from mlcli.errors import ResourceError
from mlcli.io.atomic import write_file
from mlcli.io.paths import refuse_overwriting

Node: TypeAlias = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
TITLE = "Configuration of mlcli"
SEARCHED = "Searched"

_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
}
_TYPES = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
SCHEMA_NAME = "mlcli.schema.json"


def config_schema() -> Node:
    """The whole schema: every section once, under `definitions`."""
    writer = _Writer()
    root = writer.section(Config, optional=("name",))
    return {"$schema": DRAFT, "title": TITLE, **root, "definitions": dict(sorted(writer.definitions.items()))}


def schema_text() -> str:
    """The schema as a JSON document."""
    return json.dumps(config_schema(), indent=1, ensure_ascii=False) + "\n"


class _Writer:
    """Writes nodes, and collects under `definitions` what they refer to."""

    def __init__(self) -> None:
        self.definitions: dict[str, Node] = {}

    def section(self, section: type[Section], optional: Sequence[str] = ()) -> Node:
        """An object closed to unknown keys. optional: keys that may be left out though the section requires them."""
        fields = section.model_fields
        keys = sorted(fields, key=lambda key: key != "name")
        needed = [key for key in keys if fields[key].is_required and key not in optional]
        properties = {key: self._key(fields[key], at_top=section is Config) for key in keys}
        if section is ImproveConfig:  # the keys that can be searched, so that an editor offers them
            self.definitions[SEARCHED] = properties["space"]["additionalProperties"]
            searched = {dotted(path): _refer(SEARCHED) for path in searchable()}
            properties["space"] |= {"additionalProperties": _refer(SEARCHED), "properties": searched}
        return {
            "description": summary_of(section),
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": needed} if needed else {}),
        }

    def _key(self, field: KeyField, at_top: bool) -> Node:
        default = {} if field.is_required else {"default": _plain_default(field.default)}
        shown = json.dumps(default.get("default", {}), ensure_ascii=False)
        # The default in words too, since not every editor shows it by itself; except a section's.
        texts = (field.description, advice_of(field).when, f"Default: {shown}." if shown != "{}" else "")
        said = " ".join(text for text in texts if text)
        # At the top level, the name may be left out of the section that is the default.
        node = self._value(field.type, type(field.default) if at_top else None)
        return {**({"description": said} if said else {}), **node, **default}

    def _value(self, expected: ValueType, unnamed: type[Section] | None = None) -> Node:
        """One of several forms, where there are several. unnamed: the section that needs no name."""
        sections = expected.sections()
        if len(sections) > 1 and all(map(names_of, sections)):
            return self._chosen_by_name(sections, unnamed)
        forms = [self._plain(option) for option in expected.options() if not option.is_section]
        forms += [self._member(section, section is unnamed) for section in sections]
        forms += [{"enum": list(names)} for section in sections if (names := _bare_names(section))]
        return forms[0] if len(forms) == 1 and "$ref" not in forms[0] else {"anyOf": forms}

    def _chosen_by_name(self, sections: Sequence[type[Section]], unnamed: type[Section] | None) -> Node:
        """Sections selected by their name, so that an editor offers and checks the keys of the selected one."""
        choices = []
        for section in sections:
            named: Node = {"properties": {"name": {"enum": list(names_of(section))}}}
            required = {} if section is unnamed else {"required": ["name"]}
            choices.append({"if": named | required, "then": self._member(section, section is unnamed)})
        every = [name for section in sections for name in names_of(section)]
        required = {} if unnamed in sections else {"required": ["name"]}
        return {
            "anyOf": [{"enum": [name for section in sections for name in _bare_names(section)]}, {"type": "object"}],
            "if": {"type": "object"},
            "then": {"properties": {"name": {"enum": every}}, **required, "allOf": choices},
        }

    def _member(self, section: type[Section], unnamed: bool) -> Node:
        name = section.__name__
        if name not in self.definitions:
            self.definitions[name] = self.section(section, optional=("name",) if unnamed else ())
        return _refer(name)

    def _plain(self, option: ValueType) -> Node:
        """A scalar, a list or a mapping."""
        if option.words:
            return {"enum": list(option.words)}
        if option.origin is tuple:
            return self._list(option)
        if option.origin is dict:
            key, value = option.key_and_value()
            names, values = self._plain(key), self._value(value)
            node: Node = {"type": "object", "additionalProperties": values}
            return node | ({"propertyNames": names} if len(names) > 1 else {})
        limits = {word: limit for name, word in _LIMITS.items() if (limit := option.limit(name)) is not None}
        return {"type": _TYPES[option.annotation], **limits, **({"pattern": option.pattern} if option.pattern else {})}

    def _list(self, option: ValueType) -> Node:
        if option.any_length:
            lengths = {"minItems": option.limit("min_length"), "maxItems": option.limit("max_length")}
            items = self._value(type_of(option.arguments[0]))
            return {"type": "array", "items": items, **{word: n for word, n in lengths.items() if n is not None}}
        each = [self._value(type_of(item)) for item in option.arguments]
        return {"type": "array", "items": each, "minItems": len(each), "maxItems": len(each)}


def _refer(definition: str) -> Node:
    return {"$ref": f"#/definitions/{definition}"}


def _plain_default(default: object) -> object:
    """A default as the file would write it; a section's is its name, or an empty section."""
    if isinstance(default, Section):
        return getattr(default, "name", {})
    return list(default) if isinstance(default, tuple) else default


def _bare_names(section: type[Section]) -> tuple[str, ...]:
    """The names that are a whole section by themselves."""
    lacking = [key for key, field in section.model_fields.items() if field.is_required and key != "name"]
    return () if lacking else names_of(section)


def editor_line(schema: Path) -> str:
    """The comment by which editors with a YAML language server find the schema; it heads a configuration."""
    return f"# yaml-language-server: $schema={schema}"


def save_schema(path: Path) -> None:
    """Write the schema, in the place of an earlier one. Raises UsageError where anything else is there."""
    if path.exists() and not is_schema(path):
        refuse_overwriting(path)
    write_file(path, schema_text().encode())


def is_schema(path: Path) -> bool:
    """Whether a file is a schema of some version of mlcli."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return TITLE in file.read(500)
    except IsADirectoryError:
        return False
    except OSError as error:
        raise ResourceError(f"{path}: cannot be read: {error.strerror or error}") from error
