"""What the server has done, in the text format of Prometheus."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

Labels = tuple[tuple[str, str], ...]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """Counts of values up to each bound, the last of which is infinite."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds, self.counts, self.total = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: Labels = ()) -> Iterable[str]:
        """Cumulative, as Prometheus has them."""
        reached = 0
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            reached += count
            yield _line(f"{name}_bucket", (*labels, ("le", bound)), reached)
        yield _line(f"{name}_sum", labels, self.total)
        yield _line(f"{name}_count", labels, reached)


class ServerMetrics:
    """Counted by one thread, that of the event loop."""

    def __init__(self) -> None:
        self.started = time.time()
        self.in_progress = 0
        self.requests: Counter[Labels] = Counter()
        self.rows: Counter[Labels] = Counter()
        self.reloads: Counter[Labels] = Counter()
        self.seconds = Histogram(SECONDS)
        self.batch = Histogram(ROWS)

    def render(self, models: Mapping[str, str]) -> str:
        """All of them; models : name to version."""
        info: dict[Labels, float] = {(("model", name), ("version", own)): 1 for name, own in models.items()}
        parts = [
            _family("mlcli_requests_total", "counter", "Requests answered, by route and status.", self.requests),
            _family("mlcli_rows_total", "counter", "Rows predicted, by model.", self.rows),
            _family("mlcli_reloads_total", "counter", "Models loaded anew, by model.", self.reloads),
            _family("mlcli_model_info", "gauge", "Models that are served, and their versions.", info),
            _family("mlcli_requests_in_progress", "gauge", "Requests not answered yet.", {(): self.in_progress}),
            _family("mlcli_start_time_seconds", "gauge", "When the server began, since 1970.", {(): self.started}),
            _head("mlcli_request_seconds", "histogram", "Seconds from a request's head to its answer."),
            *self.seconds.lines("mlcli_request_seconds"),
            _head("mlcli_batch_rows", "histogram", "Requests of one row that were predicted together."),
            *self.batch.lines("mlcli_batch_rows"),
        ]
        return "\n".join(part for part in parts if part) + "\n"


def _head(name: str, kind: str, meaning: str) -> str:
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}"


def _family(name: str, kind: str, meaning: str, values: Mapping[Labels, float]) -> str:
    lines = [_line(name, labels, value) for labels, value in sorted(values.items())]
    return "\n".join([_head(name, kind, meaning), *lines])


def _line(name: str, labels: Labels, value: float) -> str:
    """Values of labels are names of models and routes, which need no escapes."""
    inside = ",".join(f'{key}="{text}"' for key, text in labels)
    return f"{name}{{{inside}}} {value!r}" if inside else f"{name} {value!r}"
