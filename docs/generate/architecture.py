"""The picture of the architecture: which folder imports which, read off the code."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import escape

PACKAGE = Path(__file__).parent.parent.parent / "mlcli"
CELL, LEFT, TOP, RIGHT = 26, 130, 100, 170


def count_imports(folders: list[str]) -> Counter[tuple[str, str]]:
    """(folder, folder it imports) → imports between them, lazy ones included."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in PACKAGE.rglob("*.py"):
        folder = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mlcli."):
                other = node.module.split(".")[1]
                if folder in folders and other in folders and other != folder:
                    counts[folder, other] += 1
    return counts


def describe(folder: str) -> str:
    """Files and lines of a folder, the empty files left out."""
    texts = [path.read_text(encoding="utf-8") for path in (PACKAGE / folder).rglob("*.py")]
    lines = [text.count("\n") for text in texts if text]
    return f"{len(lines)} files, {sum(lines):,} lines"


def draw_imports(folders: list[str]) -> str:
    """A matrix as SVG: a row for each folder from the ground up, a column for what it imports.

    Every mark lies left of the diagonal: imports point one way.
    """
    counts = count_imports(folders)
    size = CELL * len(folders)
    width, height = LEFT + size + RIGHT, TOP + size + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for place, folder in enumerate(folders):
        at = place * CELL
        middle = at + CELL / 2
        parts += [
            f'<text x="{LEFT - 8}" y="{TOP + middle + 4}" text-anchor="end">{escape(folder)}</text>',
            f'<text transform="translate({LEFT + middle + 4} {TOP - 8}) rotate(-60)">{escape(folder)}</text>',
            f'<text x="{LEFT + size + 10}" y="{TOP + middle + 4}" fill="#6b7177">{describe(folder)}</text>',
            f'<rect x="{LEFT + at}" y="{TOP + at}" width="{CELL}" height="{CELL}" fill="#d5dade"/>',
        ]
        for column, other in enumerate(folders):
            if count := counts[folder, other]:
                shade = min(1.0, 0.15 + count / 40)
                x, y = LEFT + column * CELL, TOP + at
                parts += [
                    f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="#0b5c8a" fill-opacity="{shade:.2f}"/>',
                    f'<text x="{x + CELL / 2}" y="{y + CELL / 2 + 4}" text-anchor="middle" font-size="10" '
                    f'fill="{"#ffffff" if shade > 0.5 else "#1b2126"}">{count}</text>',
                ]
    parts.append(f'<rect x="{LEFT}" y="{TOP}" width="{size}" height="{size}" fill="none" stroke="#9aa1a7"/></svg>')
    return "\n".join(parts) + "\n"
