"""The table of layers in docs/architecture.md, which the tests check against the code."""

from __future__ import annotations

import re

from docs.generate.places import DOCS

PAGE = DOCS / "architecture.md"
ROW = re.compile(r"^\| (?P<layer>`[a-z_` ]+`) \| (?P<purpose>[^|]+) \|$", flags=re.MULTILINE)


def layers() -> list[list[str]]:
    """Names of the folders of each layer, from the lowest up."""
    return [re.findall(r"`(\w+)`", row["layer"]) for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))]


def purposes() -> list[tuple[str, str]]:
    """Each folder with its purpose; the modules at the top of the package are left out."""
    rows = ROW.finditer(PAGE.read_text(encoding="utf-8"))
    told = [(name, row["purpose"].strip()) for row in rows for name in re.findall(r"`(\w+)`", row["layer"])]
    return [(name, purpose) for name, purpose in told if name not in ("errors", "reporter", "__main__", "__init__")]
