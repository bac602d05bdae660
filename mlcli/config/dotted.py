"""Dotted names of keys: `optimizer.lr`, `model.hidden[1]`, `features.columns."a.b".scale`."""

import json
import re

from mlcli.config.tree import KeyPath

MAX_KEYS = 32

_BARE = re.compile(r"[^\s.=\[\]\"'\x00-\x1f]+")
_PART = re.compile(r"""(?P<bare>[^.="'\[\]]+)|"(?P<double>[^"]*)"|'(?P<single>[^']*)'""")


def dotted(path: KeyPath) -> str:
    """Dotted name; keys that a dotted name could not hold bare are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False))
    return text


def read_dotted(text: str) -> tuple[tuple[str, ...], str]:
    """Keys at the start of `text`, and what follows them.

    Raises ValueError where a key is empty or a quote is not closed.
    """
    keys: list[str] = []
    rest = text
    while part := _PART.match(rest):
        bare, double, single = part.groups()
        keys.append(bare.strip() if bare else double or single or "")
        rest = rest[part.end() :]
        if not rest.startswith("."):
            break
        rest = rest[1:]
    if not part or "" in keys or len(keys) > MAX_KEYS:
        raise ValueError(f"{text!r} is not a key such as optimizer.lr")
    return tuple(keys), rest


def read_key(text: str) -> tuple[str, ...]:
    """Keys of a whole dotted name; raises ValueError when it is none."""
    keys, rest = read_dotted(text)
    if rest:
        raise ValueError(f"{text!r} is not a key such as optimizer.lr")
    return keys
