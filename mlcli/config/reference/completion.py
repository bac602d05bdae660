"""Names of the keys and the words they take, for shell completion: a generated table, read without the sections."""

import json
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("completion.json")


def key_words() -> dict[str, list[str]]:
    """Every dotted key, but for those under names of the user's own, with the words it accepts, if any."""
    return dict(_read_table()["keys"])


def playground_sets() -> list[str]:
    """The generated data sets that can be played."""
    return list(_read_table()["playgrounds"])


def _read_table() -> dict[str, Any]:
    return dict(json.loads(TABLE.read_text(encoding="utf-8")))
