"""An evaluation on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlcli.evaluation.evaluate import Evaluation
from mlcli.evaluation.kept import KeptPredictions, write_kept
from mlcli.files import atomic_folder, disk, write_file, write_json


def write_evaluation(
    folder: Path, evaluation: Evaluation, kept: KeptPredictions, figures: Mapping[str, str], report_html: str
) -> None:
    """Write figures/, predictions/, report.html and, last, metrics.json; each takes the place of an older one whole.

    figures : SVG documents by name, as `svg_text` gives them
    """
    with atomic_folder(folder / "figures", "figures") as temporary:
        for name, svg in figures.items():
            disk.write_new(temporary / f"{name}.svg", svg.encode())
    write_kept(folder, kept)
    write_file(folder / "report.html", report_html.encode())
    write_json(folder / "metrics.json", evaluation.to_json())
