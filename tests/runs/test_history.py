import json
import math

import pytest

from mlcli.errors import ArtefactError
from mlcli.runs.history import MetricsLog, read_metrics
from mlcli.training.state import EpochRecord


def record(epoch, train_loss=0.1 + 0.2, valid_loss=None, **metrics):
    return EpochRecord(epoch, 10 * epoch, 1e-3, train_loss, valid_loss, metrics)


@pytest.fixture
def run(make_run):
    return make_run()


@pytest.fixture
def log(run):
    return MetricsLog(run.metrics)


def test_exact_round_trip(run, log):
    records = [record(1, 1 / 3, 5e-324, accuracy=0.97), record(2, 1.7976931348623157e308, None), record(3, 2.0, -0.0)]
    for item in records:
        log.append(item)
    assert read_metrics(run) == records
    assert math.copysign(1, read_metrics(run)[2].valid_loss) == -1


def test_lines_are_strict_json(run, log):
    log.append(record(1, math.inf, -math.inf, accuracy=math.nan))

    def refuse(name):
        raise AssertionError(name)

    line = json.loads(run.metrics.read_text(), parse_constant=refuse)
    assert list(line) == ["epoch", "step", "lr", "train_loss", "valid_loss", "valid_metrics"]
    [read] = read_metrics(run)
    assert (read.train_loss, read.valid_loss) == (math.inf, -math.inf)
    assert math.isnan(read.valid_metrics["accuracy"])


def test_no_epochs_yet(run, log):
    assert read_metrics(run) == []
    log.rewrite([])
    assert read_metrics(run) == []


def test_rewrite_replaces(run, log):
    for epoch in (1, 2, 3):
        log.append(record(epoch))
    log.rewrite([record(1)])
    log.append(record(2, 9.0))
    assert read_metrics(run) == [record(1), record(2, 9.0)]


def test_appending_and_rewriting_leave_the_same_bytes(run, log):
    log.append(record(1, accuracy=0.5))
    log.append(record(2, accuracy=0.5))
    appended = run.metrics.read_bytes()
    log.rewrite(read_metrics(run))
    assert run.metrics.read_bytes() == appended


def test_a_torn_last_line_is_left_out(run, log):
    log.append(record(1))
    whole = run.metrics.read_bytes()
    log.append(record(2))
    both = run.metrics.read_bytes()
    for length in range(len(whole), len(both)):
        run.metrics.write_bytes(both[:length])
        assert read_metrics(run) == [record(1)]


@pytest.mark.parametrize("line", [b"{", b"\xff", b"[]", b'{"epoch": "one"}', b"", b"[" * 5000])
def test_any_other_bad_line_is_named(run, log, line):
    log.append(record(1))
    run.metrics.write_bytes(run.metrics.read_bytes() + line + b"\n")
    with pytest.raises(ArtefactError, match=r"metrics\.jsonl:2: "):
        read_metrics(run)
