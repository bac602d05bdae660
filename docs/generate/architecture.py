"""The picture of the architecture: which folder imports which, read off the code."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from xml.sax.saxutils import escape

from docs.generate.places import ROOT

PACKAGE = ROOT / "mlcli"
# Pixels: a cell of the matrix, and the margins for names and purposes.
CELL, LEFT, TOP, RIGHT = 24, 110, 90, 430
INK, MUTED, MARK, DIAGONAL = "#1b2126", "#6b7177", "#0b5c8a", "#d5dade"


def read_imports() -> set[tuple[str, str]]:
    """(folder, folder it imports), lazy imports included."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        folder = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mlcli."):
                found.add((folder, str(node.module).split(".")[1]))
    return found


def draw_architecture(purposes: Sequence[tuple[str, str]]) -> str:
    """A matrix as SVG: a row for each folder, from the lowest layer up; a mark in the column of each that it imports.

    Imports point down the layers: every mark is left of the diagonal.
    """
    imports, size = read_imports(), CELL * len(purposes)
    width, height = LEFT + size + RIGHT, TOP + size + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for row, (folder, purpose) in enumerate(purposes):
        parts += _name(row, folder, purpose, size)
        for column, (other, _) in enumerate(purposes):
            if row == column:
                parts.append(_cell(row, column, DIAGONAL))
            elif (folder, other) in imports:
                parts.append(_cell(row, column, MARK))
    parts.append(f'<rect x="{LEFT}" y="{TOP}" width="{size}" height="{size}" fill="none" stroke="{MUTED}"/>')
    return "\n".join([*parts, "</svg>", ""])


def _name(row: int, folder: str, purpose: str, size: int) -> list[str]:
    middle = row * CELL + CELL / 2 + 4
    return [
        f'<text x="{LEFT - 8}" y="{TOP + middle}" text-anchor="end" fill="{INK}">{escape(folder)}</text>',
        f'<text transform="translate({LEFT + middle} {TOP - 8}) rotate(-60)" fill="{INK}">{escape(folder)}</text>',
        f'<text x="{LEFT + size + 10}" y="{TOP + middle}" fill="{MUTED}">{escape(purpose)}</text>',
    ]


def _cell(row: int, column: int, color: str) -> str:
    x, y = LEFT + column * CELL + 1, TOP + row * CELL + 1
    return f'<rect x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}" fill="{color}"/>'
