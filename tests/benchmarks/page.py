"""docs/benchmarks.md, of which each benchmark writes its own part."""

from __future__ import annotations

import re

from tests.benchmarks.folders import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"


def write_section(name: str, text: str) -> None:
    """Replace what stands between the marks of a section."""
    PAGE.write_text(_section(name).sub(lambda _: text, PAGE.read_text()))


def read_section(name: str) -> str:
    """What stands there now."""
    found = _section(name).search(PAGE.read_text())
    return found[0] if found else ""


def _section(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", flags=re.DOTALL)
