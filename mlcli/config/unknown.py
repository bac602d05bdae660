"""Advice on keys and names that do not exist."""

from collections.abc import Sequence

from mlcli.config.base import Section
from mlcli.config.dotted import dotted
from mlcli.config.paths import ANY, all_keys
from mlcli.config.shape import names_of
from mlcli.config.tree import KeyPath, Value
from mlcli.config.wording import either, nearest, show

OTHER_NAMES = {
    "activation_function": "activation",
    "batch": "batch_size",
    "batchsize": "batch_size",
    "class_weight": "class_weights",
    "file": "path",
    "filename": "path",
    "hidden_layer_sizes": "hidden",
    "hidden_layers": "hidden",
    "initializer": "init",
    "label": "target",
    "layers": "hidden",
    "learning_rate": "lr",
    "max_epochs": "epochs",
    "max_iter": "epochs",
    "normalize": "scale",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "random_state": "seed",
    "scaler": "scale",
    "sep": "delimiter",
    "separator": "delimiter",
    "units": "hidden",
    "validation": "valid",
    "validation_split": "valid",
    "weight_decay": "l2",
}
_SURE, _LIKELY = 0.85, 0.75


def unknown_name(name: Value, path: KeyPath, valid: Sequence[str]) -> str:
    """Message for a `name` that selects nothing in the section at `path`."""
    near = nearest(name, valid) if isinstance(name, str) else None
    advice = f"; did you mean '{near}'?" if near else ""
    shown = f"'{name}'" if isinstance(name, str) else show(name)
    return f"unknown {path[-1]} {shown}{advice} (valid: {', '.join(valid)})"


def unknown_key(key: str, path: KeyPath, section: type[Section], members: Sequence[type[Section]], name: Value) -> str:
    """Message for a key that `section`, at `path`, does not have.

    members : all sections that may stand at this path
    name : the one that was chosen, where they are chosen by name
    """
    own = section.model_fields
    others = [other for member in members for other in member.model_fields if other not in own]
    elsewhere = _elsewhere(path)
    meant = OTHER_NAMES.get(key.lower().replace("-", "_"), "")
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
        return f"{key} cannot stand beside the others here; keep one"
    return f"{key} belongs to {', '.join(owners)}; {dotted((*path, 'name'))} is {name}"


def _elsewhere(path: KeyPath) -> dict[str, str]:
    """Where in the file each key can stand, in words: the places under `path` if there are any."""
    places: dict[str, list[KeyPath]] = {}
    for key in all_keys():
        above = key.path[:-1]
        if ANY not in above and above not in places.setdefault(key.path[-1], []):
            places[key.path[-1]].append(above)
    return {key: _places_in_words(found, path) for key, found in places.items() if found}


def _places_in_words(places: list[KeyPath], path: KeyPath) -> str:
    near = [place for place in places if place[: len(path)] == path]
    return either(f"under {dotted(place)}" if place else "at the left margin" for place in near or places)
