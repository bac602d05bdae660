"""Step 1 in the course's words."""

from __future__ import annotations

from collections.abc import Iterator

from mlcli.config.schema import Config
from mlcli.data.notes import profile_notes
from mlcli.data.prepare import Prepared
from mlcli.data.types import SplitName
from mlcli.verbose.words import about, heading, term_of

ROLES: dict[SplitName, str] = {
    "train": "training rows fit the weights",
    "valid": "validation rows choose between epochs, thresholds and configurations",
    "test": "test rows are locked until evaluate",
}


def explain_data(config: Config, prepared: Prepared) -> Iterator[str]:
    """The split, what was found, and how it was cleaned."""
    yield heading("dataset")
    total = sum(len(prepared.splits[split]) for split in ROLES)
    parts = (
        f"{len(prepared.splits[split]):,} ({len(prepared.splits[split]) / total:.0%}) {role}"
        for split, role in ROLES.items()
        if len(prepared.splits[split])
    )
    yield f"{term_of('dataset.split')}: {'; '.join(parts)}."
    yield about(config, "dataset.split.by")
    yield from (f"{note[0].upper()}{note[1:]}." for note in profile_notes(prepared.profile))
