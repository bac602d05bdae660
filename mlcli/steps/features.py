"""Step 2: feature engineering."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mlcli.config.schema import Config
from mlcli.inputs import Inputs, gather_inputs
from mlcli.reporter import Reporter


@dataclass(frozen=True)
class FeaturesOutcome:
    """The features fitted on the training rows."""

    name: str
    inputs: Inputs

    def to_json(self) -> dict[str, Any]:
        """The document of `features --json`."""
        return {
            "config": self.name,
            "data": str(self.inputs.prepared.folder),
            "inputs": self.inputs.features.layout.width,
            "names": list(self.inputs.features.layout.names),
            "embedded": list(self.inputs.features.layout.embedded),
            "report": asdict(self.inputs.features.report),
            "stand_in_for": self.inputs.prepared.stand_in_for,
        }


def features_step(config: Config, reporter: Reporter) -> FeaturesOutcome:
    """Derive, impute, scale, encode, select and extract; nothing but training rows is looked at."""
    return FeaturesOutcome(config.name, gather_inputs(config, reporter))
