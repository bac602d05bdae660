"""What the report tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlcli.data.types import SplitName
from mlcli.evaluation.columns import ColumnFacts
from mlcli.evaluation.evaluate import Evaluation
from mlcli.evaluation.importance import Importances
from mlcli.evaluation.mistakes import Mistakes


@dataclass(frozen=True)
class ReportFacts:
    """What the report tells.

    name        : of the run, such as iris/003
    summary     : what was trained on what, in a sentence or two
    account     : the same in figures, such as {"parameters": "1,234"}
    figures     : SVG documents by name, as `svg_text` gives them
    rows        : rows of each split
    columns     : columns of the data; empty for pictures
    classes     : rows of each class in each split; None for regression
    warnings    : what in the data may make the scores say less than they seem to, one line each
    notes       : what was found and done while preparing, one line each
    config      : the resolved configuration as YAML
    environment : what the run was made with, such as {"torch": "2.13.0"}
    config_name : of the file that the configuration is to be saved as
    """

    name: str
    summary: str
    evaluation: Evaluation
    figures: Mapping[str, str]
    rows: Mapping[str, int]
    columns: tuple[ColumnFacts, ...]
    config: str
    environment: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[SplitName, Mapping[str, int]] | None = None
    importances: Importances | None = None
    mistakes: Mistakes | None = None
    config_name: str = "config"
