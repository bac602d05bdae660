"""Export: a trained model as a file that other programs and languages run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.data.tables.types import Dataset
from mlcli.errors import DataError, UsageError
from mlcli.features.fitted import FittedFeatures
from mlcli.io.atomic import write_file
from mlcli.reporter import Reporter
from mlcli.runs.bundle import load_weights
from mlcli.runs.bundle_manifest import BundleManifest
from mlcli.runs.folder import Run
from mlcli.runs.rows import prepare_data_of

if TYPE_CHECKING:
    from mlcli.export.model import Port

# Of the training rows, by which a file is verified.
HEAD = 1000


@dataclass(frozen=True)
class ExportResult:
    """A written file.

    rows       : that its predictions were compared on, training rows and made ones
    difference : the largest one of probabilities, or of numbers in parts of the number and its deviation
    """

    model: str
    path: Path
    bytes: int
    opset: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    rows: dict[str, int]
    difference: float

    def to_json(self) -> dict[str, Any]:
        """The document of `export --json`."""
        ports = {name: [one._asdict() for one in getattr(self, name)] for name in ("inputs", "outputs")}
        return asdict(self) | ports


def export(outline: BundleManifest, run: Run | None, output: Path | None, reporter: Reporter) -> ExportResult:
    """Write the model as ONNX, by default beside the bundle, once it is verified.

    run : the one that the bundle belongs to, when it has one
    Raises UsageError without the packages, ConfigError for what cannot be exported, and ArtefactError where the file's
    predictions are others.
    """
    path = output or outline.folder.parent / "model.onnx"
    if path.suffix.lower() != ".onnx":
        raise UsageError(f"-o {path}: models are exported as ONNX; name a file that ends in .onnx")
    _require_packages()
    from mlcli.export.graph import OPSET
    from mlcli.export.model import build_onnx, feeds, ports_of
    from mlcli.export.verify import open_session, require_equal

    bundle = load_weights(outline)
    if stand_in_for := bundle.facts.get("stand_in_for"):
        reporter.warn(f"this model was trained on a stand-in for {stand_in_for}")
    fingerprint = run.read_manifest().config_fingerprint if run else bundle.config.fingerprint()
    model = build_onnx(bundle, fingerprint)
    content = model.SerializeToString()
    predict = open_session(content)
    inputs, outputs = ports_of(model.graph.input), ports_of(model.graph.output)
    rows, differences = {}, []
    for kind, data in _rows_to_verify(bundle.features, run, reporter):
        given = feeds(bundle, data)
        differences.append(require_equal(bundle.task, bundle.predict(data), predict(given), [*given]))
        rows[kind] = len(data)
    write_file(path, content)
    return ExportResult(str(run or outline.folder), path, len(content), OPSET, inputs, outputs, rows, max(differences))


def _rows_to_verify(features: FittedFeatures, run: Run | None, reporter: Reporter) -> Iterator[tuple[str, Dataset]]:
    from mlcli.export.verify import make_rows

    yield "made", make_rows(features)
    if run is None:
        return
    try:
        yield "training", prepare_data_of(run, reporter).splits.train.part(0, HEAD)
    except DataError as error:
        reporter.warn(f"not verified on training rows: {error}")


def _require_packages() -> None:
    absent = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if absent:
        raise UsageError(
            f"mlcli export needs {' and '.join(absent)}, not installed here; run: pip install 'mlcli[onnx]'"
        )
