"""Step 2: feature engineering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlcli.config.sections.config import Config
from mlcli.reporter import Reporter
from mlcli.training.inputs import Inputs, gather_inputs


@dataclass(frozen=True)
class FeaturesResult:
    """The features fitted on the training rows."""

    name: str
    inputs: Inputs

    def to_json(self) -> dict[str, Any]:
        """The document of `features --json`."""
        return {
            "config": self.name,
            "data": self.inputs.prepared.folder,
            "inputs": self.inputs.features.layout.width,
            "names": self.inputs.features.layout.names,
            "embedded": self.inputs.features.layout.embedded,
            "report": self.inputs.features.report,
            "stand_in_for": self.inputs.prepared.stand_in_for,
        }


def features(config: Config, reporter: Reporter) -> FeaturesResult:
    """Derive, impute, scale, encode, select and extract, fitted on the training rows alone."""
    return FeaturesResult(config.name, gather_inputs(config, reporter))
