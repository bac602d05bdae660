"""Step 2 in the course's words."""

from __future__ import annotations

from collections.abc import Iterator

from mlcli.config.schema import Config
from mlcli.features.fitted import FittedFeatures
from mlcli.features.notes import feature_notes
from mlcli.features.report import FeatureReport
from mlcli.verbose.words import about, heading


def explain_features(config: Config, features: FittedFeatures) -> Iterator[str]:
    """How columns became numbers of one size, and which of them are left."""
    report = features.report
    yield heading("features")
    yield f"All is fitted on the {report.rows:,} training rows alone, as if the others were not there yet."
    for key in _keys_at_work(config, report):
        yield about(config, key)
    yield from (f"{note[0].upper()}{note[1:]}." for note in feature_notes(report))
    yield f"Dimension (dimensión): each row is {features.layout.width:,} numbers for the network."


def _keys_at_work(config: Config, report: FeatureReport) -> Iterator[str]:
    """The keys that did something to these columns."""
    if any(imputed.missing for imputed in report.imputed.values()):
        yield "features.impute"
    if report.encoded:
        yield "features.encode"
    if report.scaled:
        yield "features.scale"
    yield from (f"features.{dropped}" for dropped in dict.fromkeys(one.key for one in report.dropped) if "." in dropped)
    if report.explained_variance:
        yield "features.extract.components"
