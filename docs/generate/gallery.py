"""The gallery: every file of configs/ trained and evaluated, with network, result and a figure of its report."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from docs.generate.places import DOCS, ROOT
from docs.generate.report import picture_page

HEAD = """# The course's examples

Each file of `configs/`, trained as it is and measured on its test rows (on its training rows, where it keeps none).
Made by `python -m docs.generate --gallery`; train one yourself with `mlcli init --example NAME`.
"""
# The figure that shows most of a model, the first that there is.
FIGURES = ("decision_boundary", "heat_map", "line_fit", "first_layer", "weights", "confusion_matrix", "residuals_1",
           "residuals", "learning_curve")  # fmt: skip
# Whose report is shown on the page of the report.
REPORTED = "iris"
# Whose data is shown on the page of the first step.
SHOWN = "penguins"
MISSING = "Its data was not at hand here; `mlcli prepare` with the configuration says where it is had."
# What takes a quarter of an hour.
LONG = ("mnist_best",)
# Larger figures make a page slow.
MOST_BYTES = 150_000
PLAIN = {"MLCLI_OFFLINE": "1", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}


def write_gallery(names: Collection[str]) -> None:
    """Train these configs, or all, and write the page, in the README's order, and its pictures.

    The page keeps what it has of the others, and of configs whose data is not at hand.
    """
    readme, page = (ROOT / "README.md").read_text(), DOCS / "gallery.md"
    configs = sorted((ROOT / "configs").glob("*.yaml"), key=lambda path: readme.index(f"`{path.name}`"))
    known = dict(re.findall(r"(?ms)^(## (?:\w+)\n)(.*?)(?=^## |\Z)", page.read_text()))
    sections = []
    for config in configs:
        head = f"## {config.stem}\n"
        wanted = not names or config.stem in names
        sections.append(head + ((wanted and _section(config)) or known.get(head) or f"\n{MISSING}\n").rstrip() + "\n")
    page.write_text("\n".join((HEAD, *sections)))


def _section(config: Path) -> str | None:
    """None where its data is not at hand."""
    comment = re.match(r"(?:#[^\n]*\n)+", config.read_text())
    words = " ".join(line.lstrip("# ") for line in comment[0].splitlines()) if comment else ""
    with tempfile.TemporaryDirectory() as folder:
        told = _run(config, Path(folder))
        return told and f"\n{words}\n\n{told}"


def _run(config: Path, folder: Path) -> str | None:
    """What came of a training in a new folder; None where its data is not at hand."""
    if config.stem in LONG:
        return "It trains for a quarter of an hour, and was not trained for this page.\n"
    shutil.copytree(ROOT / "configs", folder / "configs")
    _gather_data(folder / "data")
    prepared = _mlcli(folder, "prepare", f"configs/{config.name}", "--json")
    if prepared.returncode or json.loads(prepared.stdout)["datasets"][0]["stand_in_for"]:
        return None
    trained = _mlcli(folder, "train", f"configs/{config.name}")
    if config.stem == SHOWN:
        _mlcli(folder, "show", f"configs/{config.name}", "--quiet", "--output", "data.html")
        picture_page(folder / "data.html", DOCS / "pictures" / "data.png")
    network = re.search(r"(\S+) network, ([\d,]+) parameters", trained.stderr)
    told = json.loads(_mlcli(folder, "evaluate", "--json").stdout)
    scores = told["scores"]
    values = {name: scores[name]["value"] for name in list(scores)[:3]}
    shown = [f"{name} {_number(value)}" for name, value in values.items() if value is not None]
    network_words = f"{network[1]}, {network[2]} parameters" if network else "see the configuration"
    if config.stem == REPORTED:
        (report,) = folder.glob("runs/*/*/evaluation/report.html")
        picture_page(report, DOCS / "pictures" / "report.png")
    return f"Network {network_words} · {', '.join(shown)}\n{_picture(config.stem, folder)}"


def _number(value: float) -> str:
    """Four significant digits, without an exponent: 48,650."""
    return f"{float(f'{value:.4g}'):,.10g}"


def _gather_data(data: Path) -> None:
    """The small tables of the repository, and links to what lies in MLCLI_DATA_DIR."""
    data.mkdir()
    for table in (ROOT / "data").glob("*.csv"):
        shutil.copy(table, data)
    for found in Path(os.environ.get("MLCLI_DATA_DIR", ROOT / "data")).iterdir():
        if found.is_dir() and found.name != "prepared":
            (data / found.name).symlink_to(found.resolve())


def _mlcli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **PLAIN}
    environment.pop("MLCLI_DATA_DIR", None)
    command = [sys.executable, "-m", "mlcli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


def _picture(name: str, folder: Path) -> str:
    """The figure that shows most, copied beside the page."""
    figures = {path.stem: path for path in folder.glob("runs/*/*/evaluation/figures/*.svg")}
    found = [figures[name] for name in FIGURES if name in figures and figures[name].stat().st_size < MOST_BYTES]
    if not found:
        return ""
    (DOCS / "pictures").mkdir(exist_ok=True)
    shutil.copy(found[0], DOCS / "pictures" / f"{name}.svg")
    words = found[0].stem.replace("_", " ")
    return f'\n<img src="pictures/{name}.svg" alt="{name}: {words}" class="gallery">\n'
