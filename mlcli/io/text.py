"""Text and numbers made safe and short for a terminal, a page or a figure."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from urllib.parse import quote

# C0 and C1 controls (ESC and CSI start commands), line and paragraph ends, marks that turn the writing direction
# so that text reads as another, and halves of surrogate pairs, which cannot be written at all.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LISTED, _LINES = 12, 20
_NOT_ASCII = re.compile("[^\x00-\x7f]")


# Names that did-you-mean suggests for a misspelt encoding; Python knows more.
ENCODINGS = (
    *("utf-8", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "ascii", "latin-1", "iso8859-2", "iso8859-15", "cp1250"),
    *("cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp437", "cp850", "cp866", "mac_roman"),
    *("gbk", "gb2312", "gb18030", "big5", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949", "koi8-r", "koi8-u"),
)
# They encode names of hosts, or what Python writes, or nothing.
_NO_ENCODINGS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}


# In a URL: a password behind the user's name, or as an option, that is not an environment variable's.
_PASSWORD = re.compile(r"(://[^:/@]*:)(?!\$\{\w+\}@).+@|([?&](?:ssl)?passw(?:or)?d=)(?!\$\{\w+\}(?:&|$))[^&]+")
HIDDEN = "***"


def hide_password(text: str) -> str:
    """A text without the password that is written in a URL; `${NAME}` stays."""
    return _PASSWORD.sub(lambda found: f"{found[1]}{HIDDEN}@" if found[1] else f"{found[2]}{HIDDEN}", text)


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """The first line of a message without these texts, plain or percent-encoded."""
    for secret in filter(None, secrets):
        text = text.replace(secret, HIDDEN).replace(quote(secret, safe=""), HIDDEN)
    return text.splitlines()[0] if text else "no reason given"


def is_encoding(name: str) -> bool:
    """Whether Python decodes text by this name."""
    try:
        codec = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return codec.name.replace("_", "-") not in _NO_ENCODINGS


def printable(text: str, keep: str = "") -> str:
    r"""The text with control characters written as Python does, such as \x1b; all but those in `keep`."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in keep else repr(found[0])[1:-1], text)


def printable_json(document: str, encoding: str = "utf-8") -> str:
    """The same JSON with control characters, and those that an encoding may lack, as JSON escapes."""
    escaped = _CONTROL.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", document)
    if encoding.lower().startswith("utf"):
        return escaped
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], escaped)


# Signs that mlcli writes and the letters of one width that stand for them on a console of an older encoding.
_SIGNS = str.maketrans(
    "–—−‖→←↑↓…·×±≤≥≈≡√Σ∂αᵀ‘’✓✗●▶▲■░▒▓▀▁▂▃▄▅▆▇█▏▎▍▌▋▊▉─━│┃┌┐└┘├┤┬┴┼╭╮╰╯²⁶⁷⁸₂",
    "---|><^v..x+<>~=rSdaT''+x*>^#.::\"_.:-=+*#|||||||--||+++++++++++++26782",
)


def spell_out(error: UnicodeError) -> tuple[str, int]:
    """Handler of characters that a stream's encoding lacks: a sign of the same meaning, or else its code."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    spelled = error.object[error.start : error.end].translate(_SIGNS)
    return spelled.encode("ascii", "backslashreplace").decode("ascii"), error.end


def plain(text: str) -> str:
    """Text without control characters, which an SVG cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shorten(text: str, width: int = 16) -> str:
    """Printable text of at most `width` letters, cut in the middle: names often differ at their ends."""
    text = plain(text)
    tail = width // 3
    return text if len(text) <= width else f"{text[: width - tail - 1].rstrip()}…{text[-tail:].lstrip()}"


def suggestion(name: str, valid: Sequence[str]) -> str:
    """End of a message about an unknown name: the nearest valid ones, or else all of them."""
    if near := _similar(name, valid, n=3):
        return f"did you mean {' or '.join(repr(text) for text in near)}?"
    more = f", … ({len(valid)} in all)" if len(valid) > _LISTED else ""
    return f"there are: {', '.join(valid[:_LISTED])}{more}" if valid else "there are none"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 input` or `1,200 inputs`; many: the plural, where it is more than an s at the end."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def some_of(names: Sequence[str], most: int) -> str:
    """`a, b, c and 5 more`: at most this many of them, and how many are left."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def some_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines of one kind: as many as can be read, and how many are left."""
    lines = list(lines)
    yield from lines[:_LINES]
    if len(lines) > _LINES:
        yield f"… and {len(lines) - _LINES:,} more such lines"


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most similar to this one; None where none is similar. cutoff: least similarity, from 0 to 1."""
    return next(iter(_similar(name, known, n=1, cutoff=cutoff)), None)


def _similar(name: str, known: Iterable[str], n: int, cutoff: float = 0.6) -> list[str]:
    """At most n names, the most similar first; case, and - or _, make no difference."""
    folded = {_fold(text): text for text in known}
    return [folded[text] for text in get_close_matches(_fold(name), folded, n, cutoff)]


def _fold(name: str) -> str:
    return name.casefold().strip().replace("-", "_")


def shown(value: object) -> str:
    """A cell as messages quote it: on one line, at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 42 else f"{text[:38]}…{text[-1]}"


def show_number(value: float | None) -> str:
    """About four significant digits, 0.9333, 12.35 or 45,213; an en dash where there is none."""
    if value is None:
        return "–"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e9 or size < 1e-3:
        return f"{value:.3g}"
    if size >= 1000:
        return f"{value:,.0f}"
    decimals = 4 if size < 0.99995 else 3 if size < 10 else 2 if size < 100 else 1
    return f"{value:.{decimals}f}"


def show_signed(value: float | None) -> str:
    """A difference with its sign, +0.0333 or −12.35; an en dash where there is none."""
    if value is None:
        return "–"
    return f"{'−' if value < 0 else '+' if value > 0 else ''}{show_number(abs(value))}"


def show_percent(share: float) -> str:
    """12.3 %; what is more than nothing is never shown as 0."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def show_seconds(seconds: float) -> str:
    """0.3 s, 45 s, 3.5 min or 2.1 h."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
