"""Text cut and filled to a terminal's cells, of which some letters take two."""

from __future__ import annotations

from textwrap import wrap

from rich.cells import cell_len, set_cell_size

from mlcli.printable import printable

NO_BREAK = "\u00a0"


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Harmless text of exactly `width` cells."""
    cut = cut_to(text, width)
    blanks = " " * (width - cell_len(cut))
    return blanks + cut if right else cut + blanks


def cut_to(text: str, width: int) -> str:
    """Harmless text of at most `width` cells."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def longest(texts: list[str]) -> int:
    """Cells of the longest."""
    return max((cell_len(printable(text)) for text in texts), default=0)


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Harmless text in lines of at most `width` cells, those after the first indented."""
    text = printable(text).replace(" %", f"{NO_BREAK}%")
    room = width if cell_len(text) == len(text) else width // 2
    lines = wrap(text, max(1, room), subsequent_indent=indent if room > len(indent) else "", break_on_hyphens=False)
    return [one.replace(NO_BREAK, " ") for one in lines]
