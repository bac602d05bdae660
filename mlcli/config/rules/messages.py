"""The words of error messages about values, and suggestions for unknown keys and names."""

import json
from collections.abc import Iterable, Sequence
from types import NoneType

from mlcli.config.sections.base import ErrorHint, Section, ValueType, names_of, type_of
from mlcli.config.sections.config import ANY, all_keys
from mlcli.config.tree import FLOAT, INT, KeyPath, Value, dotted
from mlcli.io.text import nearest

_MAX_SHOWN = 60
_NOUNS = {NoneType: "null", bool: "true or false", int: "a whole number", float: "a number"}
KEY_SYNONYMS = {
    "activation_function": "activation", "batch": "batch_size", "batchsize": "batch_size",
    "class_weight": "class_weights", "file": "path", "filename": "path", "hidden_layer_sizes": "hidden",
    "hidden_layers": "hidden", "initializer": "init", "label": "target", "layers": "hidden", "learning_rate": "lr",
    "max_epochs": "epochs", "max_iter": "epochs", "normalize": "scale", "num_epochs": "epochs", "n_epochs": "epochs",
    "random_state": "seed", "scaler": "scale", "sep": "delimiter", "separator": "delimiter", "units": "hidden",
    "validation": "valid", "validation_split": "valid", "weight_decay": "l2",
}  # fmt: skip
_SURE, _LIKELY = 0.85, 0.75


def must_be(expected: ValueType, value: Value) -> str:
    """`must be …; got …`, with a hint about quotes or a misspelt word."""
    return f"must be {describe(expected)}; got {shown_value(value)}{_remedy(expected, value)}"


def describe(expected: ValueType) -> str:
    """What a type accepts, such as `a whole number >= 1, "full" or "auto"`."""
    wording = next((one.text for one in expected.constraints if isinstance(one, ErrorHint)), None)
    if wording is not None:
        return wording
    sections = expected.sections()
    phrases = [phrase for option in expected.options() if not option.is_section for phrase in _phrases(option)]
    if names := [name for section in sections for name in names_of(section)]:
        phrases.insert(0, f"a name ({', '.join(names)}) or a section with one")
    elif keys := [key for section in sections for key in section.model_fields]:
        phrases.insert(0, f"a section ({', '.join(keys)})")
    return join_or(phrases)


def join_or(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *first, last = dict.fromkeys(words)
    if not first:
        return last
    comma = "," if " and " in first[-1] else ""
    return f"{', '.join(first)}{comma} or {last}"


def shown_value(value: Value) -> str:
    """A value as YAML writes it, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _phrases(option: ValueType) -> list[str]:
    if option.words:
        return [json.dumps(word, ensure_ascii=False) for word in option.words]
    if option.origin is tuple:
        return [_describe_list(option)]
    if option.origin is dict:
        return [f"a section whose keys have {describe(option.key_and_value()[1])}"]
    if option.annotation is str:
        return ["text that is not empty" if option.limit("min_length") else "text"]
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    found = {sign: limit for name, sign in signs.items() if (limit := option.limit(name)) is not None}
    limits = [f"{sign} {limit:g}" if isinstance(limit, float) else f"{sign} {limit}" for sign, limit in found.items()]
    return [" ".join([_NOUNS[option.annotation], " and ".join(limits)]).strip()]


def _describe_list(option: ValueType) -> str:
    least, most = option.limit("min_length") or 0, option.limit("max_length")
    if option.any_length:
        count = f" of at least {least}" if least > 1 else f" of at most {most}" if most else ""
        return f"a list{count}, each item {describe(type_of(option.arguments[0]))}"
    items = join_or(describe(type_of(item)) for item in option.arguments)
    return f"a list of {len(option.arguments)}, each item {items}"


def _remedy(expected: ValueType, value: Value) -> str:
    options = expected.options()
    if isinstance(value, int | float):
        return "; put it in quotes" if any(option.annotation is str for option in options) else ""
    if not isinstance(value, str):
        return ""
    if any(option.annotation in (int, float) for option in options) and (
        INT.fullmatch(value) or FLOAT.fullmatch(value)
    ):
        return "; remove the quotes"
    near = nearest(value, [word for option in options for word in option.words])
    return f"; did you mean '{near}'?" if near else ""


def unknown_name(name: Value, path: KeyPath, valid: Sequence[str]) -> str:
    """Message for a `name` that selects nothing in the section at `path`."""
    near = nearest(name, valid) if isinstance(name, str) else None
    advice = f"; did you mean '{near}'?" if near else ""
    shown = f"'{name}'" if isinstance(name, str) else shown_value(name)
    return f"unknown {path[-1]} {shown}{advice} (valid: {', '.join(valid)})"


def unknown_key(key: str, path: KeyPath, section: type[Section], members: Sequence[type[Section]], name: Value) -> str:
    """Message for a key that `section`, at `path`, does not have.

    members : all sections that are valid at this path
    name : the one that was chosen, where they are chosen by name
    """
    own = section.model_fields
    others = [other for member in members for other in member.model_fields if other not in own]
    elsewhere = _elsewhere(path)
    meant = KEY_SYNONYMS.get(key.lower().replace("-", "_"), "")
    if key in others:
        return f"unknown key; {_owners(key, path, members, name)}"
    if near := meant if meant in own else nearest(key, own, _SURE):
        return f"unknown key; did you mean '{near}'?"
    if key in elsewhere:
        return f"unknown key; {key} belongs {elsewhere[key]}"
    if near := nearest(key, own):
        return f"unknown key; did you mean '{near}'?"
    if near := nearest(key, others, _LIKELY):
        return f"unknown key; did you mean '{near}'? {_owners(near, path, members, name)}"
    if near := meant if meant in elsewhere else nearest(key, elsewhere, _LIKELY):
        return f"unknown key; did you mean '{near}' {elsewhere[near]}?"
    return f"unknown key; valid keys: {', '.join(own)}"


def _owners(key: str, path: KeyPath, members: Sequence[type[Section]], name: Value) -> str:
    owners = [owner for member in members if key in member.model_fields for owner in names_of(member)]
    if not owners:
        return f"{key} cannot be combined with the other keys here; keep one"
    return f"{key} belongs to {', '.join(owners)}; {dotted((*path, 'name'))} is {name}"


def _elsewhere(path: KeyPath) -> dict[str, str]:
    """Where in the file each key is valid, in words: the places under `path` if there are any."""
    places: dict[str, list[KeyPath]] = {}
    for key in all_keys():
        above = key.path[:-1]
        if ANY not in above and above not in places.setdefault(key.path[-1], []):
            places[key.path[-1]].append(above)
    shown = {}
    for name, found in places.items():
        if near := [place for place in found if place[: len(path)] == path] or found:
            shown[name] = join_or(f"under {dotted(place)}" if place else "at the top level" for place in near)
    return shown
