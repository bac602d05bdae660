"""An ailment that was found, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mlcli.config.tree import JsonValue

Level = Literal["ailment", "note"]


@dataclass(frozen=True)
class Finding:
    """An ailment.

    remedies : what to try, the most promising first
    patch    : the first remedy as dotted keys and values; empty where no key does it
    level    : note where a training may be as good as it can be all the same
    """

    name: str
    course_term: str
    evidence: str
    remedies: tuple[str, ...]
    patch: dict[str, Any] = field(default_factory=dict)
    level: Level = "ailment"

    def to_json(self) -> dict[str, Any]:
        """The finding in a JSON document."""
        return asdict(self)


def merged_patch(findings: Iterable[Finding]) -> dict[str, JsonValue]:
    """All patches as one; where two change the same key, the graver finding's does."""
    merged: dict[str, JsonValue] = {}
    for finding in findings:
        merged = finding.patch | merged
    return merged
