"""What to type next."""

from __future__ import annotations

from pathlib import Path


def train_command(configs: list[Path] | None) -> str:
    """The command that trains with the configuration just used."""
    if configs is None or len(configs) > 1:
        return "mlcli train CONFIG"
    return f"mlcli train {configs[0]}" if configs else "mlcli train"
