"""Runs the experiments that a diagnosis rests on."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import stdev

from mlcli.diagnosis.evidence import Examination, RateRange, TrainingEvidence
from mlcli.diagnosis.experiment import Experiment
from mlcli.diagnosis.probes import grow_forest, measure_rows, probe_columns, probe_network, suspect_labels
from mlcli.training.context import TensorDataset, TrainingContext
from mlcli.training.loop import outputs_of

# Validation loss above training loss, in chances, from which more rows may be what is missing.
GAP = 0.05
# Validation rows whose losses are looked at one by one.
SAMPLE = 500


def examine(
    subject: Experiment, rates: RateRange | None, case: TrainingEvidence, context: TrainingContext
) -> TrainingEvidence:
    """The case with an examination.

    rates : of the subject's range test
    context   : of the training, with the weights that were kept in its network
    """
    forest = grow_forest(subject)
    examination = Examination(
        rates=rates,
        untrained=probe_network(subject, subject.context()),
        trained=probe_network(subject, context),
        columns=probe_columns(subject),
        forest=forest,
        labels=suspect_labels(forest) if subject.n_classes else None,
        curve=measure_rows(subject, case.history[-1].step) if _memorises(case) else None,
        valid_counts=subject.count_classes(subject.valid),
        valid_deviation=_standard_error(context, subject.draw(context.valid, SAMPLE)),
    )
    return replace(case, examination=examination)


def _memorises(case: TrainingEvidence) -> bool:
    return bool(case.train and case.valid) and case.valid["loss"] - case.train["loss"] > GAP * case.guessing.chance


def _standard_error(context: TrainingContext, rows: TensorDataset) -> float:
    """Of the mean of the rows' losses."""
    if len(rows) < 2:
        return 0.0
    outputs = outputs_of(context, rows.x)
    losses = [context.cost(outputs[at : at + 1], rows.y[at : at + 1]).item() for at in range(len(rows))]
    return stdev(losses) / math.sqrt(len(context.valid)) if all(map(math.isfinite, losses)) else 0.0
