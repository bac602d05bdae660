"""The picture of a first session in the terminal: data, training, evaluation, in their own colours."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from docs.generate.places import DOCS, ROOT
from docs.generate.play import without_fonts

COMMANDS = ("show configs/iris.yaml", "train configs/iris.yaml --quiet", "evaluate")
WIDTH = 84
COLOURED = {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "COLUMNS": str(WIDTH), "PYTHONPATH": str(ROOT)}
# Rows of the picture: what follows on the screen is of less interest.
LINES = 69


def draw_terminal() -> None:
    """Run the commands in a new folder, and draw what they print."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "configs", Path(folder, "configs"))
        printed = "".join(f"\033[1m$ mlcli {command}\033[0m\n{_run(command, folder)}" for command in COMMANDS)
    console = Console(record=True, file=io.StringIO(), width=WIDTH, force_terminal=True)
    for line in printed.splitlines()[:LINES]:
        console.print(Text.from_ansi(line), no_wrap=True)
    svg = console.export_svg(title="mlcli", unique_id="terminal")
    (DOCS / "terminal.svg").write_text(without_fonts(svg))


def _run(command: str, folder: str) -> str:
    arguments = [sys.executable, "-m", "mlcli", *command.split()]
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "check": True}
    return subprocess.run(arguments, cwd=folder, env=os.environ | COLOURED, **outputs).stdout
