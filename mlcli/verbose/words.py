"""Sentences on keys of the configuration, from what `explain` knows of them."""

from __future__ import annotations

import re

from mlcli.config.advice import ADVICE
from mlcli.config.guide import Topic
from mlcli.config.schema import Config
from mlcli.config.tree import Value
from mlcli.config.wording import show


def heading(section: str) -> str:
    """The step that a section belongs to, e.g. `Step 1, data preparation (preparación de datos)`."""
    return _capitalised(ADVICE[section].term)


def term_of(key: str) -> str:
    """The course's word for a key."""
    return _capitalised(ADVICE[key].term)


def about(config: Config, key: str, value: Value = None) -> str:
    """A key with its value and what that means, e.g. `Normalisation (normalización): features.scale is standard: …`.

    value : what stands for the configured one, such as the number that "auto" comes to
    """
    value = _value_at(config, key) if value is None else value
    topic = Topic(tuple(key.split(".")))
    written = value if isinstance(value, str) else show(value)
    term = f"{term_of(key)}: " if topic.advice.term else ""
    meaning = topic.entries()[0].meaning
    told = clause(meaning, written)
    return f"{term}{key} is {written}: {told}." if told else f"{term}{key} is {written}. {meaning}"


def about_member(section: str, name: str) -> str:
    """What the member of a section that is chosen by name is, e.g. of `loss`: `mse: mean squared error`."""
    (meaning,) = Topic((section,), member=name).members().values()
    if told := clause(meaning, name):
        return f"{name}: {told}"
    if dated := re.search(rf"\b{name} \([^)]*\)", meaning):
        return dated[0]
    listed = re.search(rf"(?:^|, ){name}\b", meaning) and name
    return listed or f"{name}: {meaning.rstrip('.')}"


def clause(text: str, word: str) -> str:
    """What a text says of one of the words that it goes through; empty where it does not.

    >>> clause("standard: mean 0, deviation 1; minmax: 0–1.", "minmax")
    '0–1'
    """
    found = re.search(rf"(?:^|[.;] ){re.escape(word)}(?::| (?=[a-z]))\s*([^;]*?)(?:;|\.(?: |$)|$)", text)
    return found[1] if found else ""


def _value_at(config: Config, key: str) -> Value:
    value: Value = config.model_dump()
    for name in key.split("."):
        value = value[name] if isinstance(value, dict) else None
    return value


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
