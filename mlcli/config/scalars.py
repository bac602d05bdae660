"""Scalars of the YAML 1.2 core schema (yaml.org/spec/1.2.2, chapter 10.3.2)."""

import re
from typing import Final

Scalar = str | int | float | bool | None

NULL: Final = re.compile(r"null|Null|NULL|~|")
BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE: Final = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")

_INT64 = 2**63
_MAX_DIGITS = 400


def read_scalar(text: str) -> Scalar:
    """Value of a plain (unquoted) scalar; dates and yes/no/on/off stay text.

    Raises ValueError for infinities, NaN and numbers beyond 64 bits.
    """
    if NULL.fullmatch(text):
        return None
    if BOOL.fullmatch(text):
        return text.lower() == "true"
    if INT.fullmatch(text):
        return _read_int(text)
    if FLOAT.fullmatch(text):
        return _read_float(text)
    if NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a usable number; write a finite one, or quote it if it is meant as text")
    return text


def _read_int(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = int(text, base) if len(text) <= _MAX_DIGITS else _INT64
    if not -_INT64 <= number < _INT64:
        raise ValueError(_too_large(text))
    return number


def _read_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(_too_large(text))
    return number


def _too_large(text: str) -> str:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    return f"{shown} is too large for a number; quote it if it is meant as text"
