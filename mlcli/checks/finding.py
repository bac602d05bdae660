"""What a look at the data found that may make a score say less than it seems to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Check = Literal["duplicates", "constant", "id", "leak", "target_copy", "sum", "shift"]


@dataclass(frozen=True)
class Finding:
    """One thing found.

    columns : those it is about; none for rows
    text    : what was found, with its numbers, and what to do
    serious : it is a warning, which `--strict` refuses; otherwise it is as it has to be, and worth knowing
    """

    check: Check
    text: str
    columns: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
    serious: bool = True

    def __str__(self) -> str:
        """Which check found something where, in a word or two."""
        return f"{self.check} ({', '.join(self.columns)})" if self.columns else self.check

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {**asdict(self), "columns": list(self.columns)}
