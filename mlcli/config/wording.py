"""The words of error messages about values: what must be there, and what was got."""

import json
from collections.abc import Iterable, Sequence
from types import NoneType

from mlcli.config.base import Section, Wording
from mlcli.config.scalars import FLOAT, INT
from mlcli.config.shape import Shape, names_of, shape_of
from mlcli.config.tree import Value

_MAX_SHOWN = 60
_NOUNS = {NoneType: "null", bool: "true or false", int: "a whole number", float: "a number"}


def must_be(shape: Shape, value: Value) -> str:
    """`must be …; got …`, with the remedy where quotes are the matter or a word is misspelt."""
    return f"must be {describe(shape)}; got {show(value)}{_remedy(shape, value)}"


def describe(shape: Shape) -> str:
    """What fits a shape, such as `a whole number >= 1, "full" or "auto"`."""
    wording = next((one.text for one in shape.constraints if isinstance(one, Wording)), None)
    if wording is not None:
        return wording
    sections = shape.sections()
    others = [phrase for option in shape.options() if not option.is_section for phrase in _phrases(option)]
    return either([*([_describe_sections(sections)] if sections else []), *others])


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *first, last = dict.fromkeys(words)
    if not first:
        return last
    comma = "," if " and " in first[-1] else ""
    return f"{', '.join(first)}{comma} or {last}"


def show(value: Value) -> str:
    """A value as YAML writes it, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most like this one, if any is like it."""
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower().replace("-", "_"), lower, n=1, cutoff=cutoff)
    return lower[found[0]] if found else None


def _phrases(option: Shape) -> list[str]:
    if option.words:
        return [json.dumps(word, ensure_ascii=False) for word in option.words]
    if option.origin is tuple:
        return [_describe_list(option)]
    if option.origin is dict:
        return [f"a section whose keys have {describe(option.key_and_value()[1])}"]
    if option.annotation is str:
        return ["text that is not empty" if option.limit("min_length") else "text"]
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits = [f"{sign} {_plain(limit)}" for name, sign in signs.items() if (limit := option.limit(name)) is not None]
    return [" ".join([_NOUNS[option.annotation], " and ".join(limits)]).strip()]


def _plain(limit: float) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def _describe_list(option: Shape) -> str:
    least, most = option.limit("min_length") or 0, option.limit("max_length")
    if option.any_length:
        count = f" of at least {least}" if least > 1 else f" of at most {most}" if most else ""
        return f"a list{count}, each item {describe(shape_of(option.arguments[0]))}"
    items = either(describe(shape_of(item)) for item in option.arguments)
    return f"a list of {len(option.arguments)}, each item {items}"


def _describe_sections(sections: Sequence[type[Section]]) -> str:
    names = [name for section in sections for name in names_of(section)]
    if names:
        return f"a name ({', '.join(names)}) or a section with one"
    keys = [key for section in sections for key in section.model_fields]
    return f"a section ({', '.join(keys)})"


def _remedy(shape: Shape, value: Value) -> str:
    options = shape.options()
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
