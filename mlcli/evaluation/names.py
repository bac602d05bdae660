"""Names and texts from the data, as pages and figures can hold them."""

from __future__ import annotations


def plain(text: str) -> str:
    """Text without control characters, which an SVG cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shorten(text: str, width: int = 16) -> str:
    """Printable text of at most `width` letters, cut in the middle: names often differ at their ends."""
    text = plain(text)
    tail = width // 3
    return text if len(text) <= width else f"{text[: width - tail - 1].rstrip()}…{text[-tail:].lstrip()}"
