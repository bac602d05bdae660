"""Which keys one configuration says otherwise than another."""

from __future__ import annotations

from collections.abc import Mapping

from mlcli.config.schema import Config
from mlcli.config.tree import JsonValue


def changed_keys(before: Config, after: Config) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Dotted keys with their old and new values; None where a key does not exist."""
    old, new = _flatten(before.model_dump(mode="json")), _flatten(after.model_dump(mode="json"))
    keys = dict.fromkeys([*old, *new])
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _flatten(section: Mapping[str, JsonValue], above: str = "") -> dict[str, JsonValue]:
    flat: dict[str, JsonValue] = {}
    for key, value in section.items():
        path = f"{above}{key}"
        flat |= _flatten(value, f"{path}.") if isinstance(value, dict) and value else {path: value}
    return flat
