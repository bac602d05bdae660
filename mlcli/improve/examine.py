"""Short experiments on a configuration, its rows and the network that came of it: the evidence of a diagnosis."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import stdev

from mlcli.improve.case import Case
from mlcli.improve.probes.columns import ColumnFacts, probe_columns
from mlcli.improve.probes.forest import ForestFacts, grow_forest
from mlcli.improve.probes.labels import LabelFacts, suspect_labels
from mlcli.improve.probes.network import NetworkFacts, probe_network
from mlcli.improve.probes.rates import RateRange
from mlcli.improve.probes.rows import RowCurve, measure_rows
from mlcli.improve.subject import Subject
from mlcli.training.job import Arrays, TrainingJob
from mlcli.training.loop import outputs_of

# Validation loss above training loss, in chances, from which more rows may be what is missing.
GAP = 0.05
# Validation rows whose losses are looked at one by one.
SAMPLE = 500


@dataclass(frozen=True)
class Examination:
    """What the experiments showed.

    untrained, trained : the network with its first weights, and with those that were kept
    labels             : None for regression
    curve              : None where training and validation rows do equally well, or where it would take too long
    valid_counts       : validation rows of each class; empty for regression
    valid_deviation    : standard error of the loss on the validation rows; 0 where there are fewer than two
    """

    rates: RateRange | None
    untrained: NetworkFacts
    trained: NetworkFacts
    columns: ColumnFacts
    forest: ForestFacts
    labels: LabelFacts | None
    curve: RowCurve | None
    valid_counts: tuple[int, ...]
    valid_deviation: float


def examine(subject: Subject, rates: RateRange | None, case: Case, job: TrainingJob) -> Case:
    """The case with an examination.

    rates : of the subject's range test
    job   : of the training, with the weights that were kept in its network
    """
    forest = grow_forest(subject)
    examination = Examination(
        rates=rates,
        untrained=probe_network(subject, subject.job()),
        trained=probe_network(subject, job),
        columns=probe_columns(subject),
        forest=forest,
        labels=suspect_labels(forest) if subject.n_classes else None,
        curve=measure_rows(subject, case.history[-1].step) if _memorises(case) else None,
        valid_counts=subject.count_classes(subject.valid),
        valid_deviation=_standard_error(job, subject.draw(job.valid, SAMPLE)),
    )
    return replace(case, examination=examination)


def _memorises(case: Case) -> bool:
    return bool(case.train and case.valid) and case.valid["loss"] - case.train["loss"] > GAP * case.guessing.chance


def _standard_error(job: TrainingJob, rows: Arrays) -> float:
    """Of the mean of the rows' losses."""
    if len(rows) < 2:
        return 0.0
    outputs = outputs_of(job, rows.x)
    losses = [job.cost(outputs[at : at + 1], rows.y[at : at + 1]).item() for at in range(len(rows))]
    return stdev(losses) / math.sqrt(len(job.valid)) if all(map(math.isfinite, losses)) else 0.0
