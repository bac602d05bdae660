"""The table that shell completion reads: dotted keys with the words they take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import NoneType
from typing import get_args

from mlcli.config.sections.base import ValueType
from mlcli.config.sections.config import ANY, all_keys
from mlcli.config.sections.dataset import PlaygroundSet


def completion_table() -> str:
    """A JSON document with a line a key."""
    keys: dict[str, dict[str, None]] = {}
    for key in all_keys():
        if ANY not in key.path:
            keys.setdefault(".".join(key.path), {}).update(dict.fromkeys(_words(key.field.type)))
    lines = ",\n".join(f'  "{key}": {json.dumps(list(words), ensure_ascii=False)}' for key, words in keys.items())
    return f'{{"playgrounds": {json.dumps(get_args(PlaygroundSet))},\n "keys": {{\n{lines}\n}}}}\n'


def _words(expected: ValueType) -> Iterator[str]:
    for option in expected.options():
        yield from option.words
        if option.annotation is bool:
            yield from ("true", "false")
        if option.annotation is NoneType:
            yield "null"
