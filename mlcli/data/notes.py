"""A profile in sentences: what was found and done in step 1, a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from mlcli.data.profile import Profile
from mlcli.data.types import Kind

_CONTENT: Mapping[Kind, str] = {
    "number": "numbers",
    "category": "categories",
    "boolean": "true and false",
    "date": "dates",
}
_ALWAYS = ("number", "category")
# A class this many times rarer than the most frequent one deserves a word.
IMBALANCE = 10


def profile_notes(profile: Profile) -> tuple[str, ...]:
    """Rows, classes, missing cells, dropped rows and columns, duplicates and outliers, where there are any."""
    return (*_rows(profile), *_missing(profile), *_cleaning(profile), *_outliers(profile))


def _rows(profile: Profile) -> Iterator[str]:
    features = [column for column in profile["columns"] if column["role"] == "feature"]
    if features:
        kinds = Counter(column["kind"] for column in features)
        shown = (kind for kind in _CONTENT if kinds[kind] or kind in _ALWAYS)
        yield f"{len(features)} feature columns: {', '.join(f'{kinds[kind]} of {_CONTENT[kind]}' for kind in shown)}"
    counts = (profile["classes"] or {}).get("train", {})
    if counts:
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        if counts[most] == counts[least]:
            yield f"{len(counts)} classes of {counts[most]:,} training rows each"
            return
        unequal = counts[most] >= IMBALANCE * max(counts[least], 1)
        hint = "; consider loss.class_weights: balanced" if unequal else ""
        span = f"from {counts[least]:,} ('{least}') to {counts[most]:,} ('{most}')"
        yield f"{len(counts)} classes; training rows {span}{hint}"
    for split, count in profile["repeated"].items():
        if count:
            yield f"{count:,} {split} rows also stand among the training rows"


def _missing(profile: Profile) -> Iterator[str]:
    gaps = [(c["name"], sum(c["missing"].values())) for c in profile["columns"] if any(c["missing"].values())]
    if gaps:
        listed = ", ".join(f"{name} {count:,}" for name, count in gaps[:8])
        more = f" and {len(gaps) - 8} more columns" if len(gaps) > 8 else ""
        yield f"missing cells: {listed}{more}"


def _cleaning(profile: Profile) -> Iterator[str]:
    cleaning = profile["cleaning"]
    if cleaning is None:
        return
    dropped = (
        ("rows_without_target", "rows without a target were dropped"),
        ("rows_with_missing", "rows with missing features were dropped"),
        ("duplicates_dropped", "duplicate rows were dropped"),
    )
    for key, text in dropped:
        if cleaning[key]:
            yield f"{cleaning[key]:,} {text}"
    if cleaning["duplicates"] and not cleaning["duplicates_dropped"]:
        are = "row is" if cleaning["duplicates"] == 1 else "rows are"
        yield f"{cleaning['duplicates']:,} {are} equal to an earlier one (dataset.duplicates: drop leaves one of each)"
    left_out = cleaning["rows_read"] - cleaning["rows_kept"]
    if left_out:
        yield f"{left_out:,} rows were left out by dataset.keep"
    for column, reason in cleaning["dropped_columns"].items():
        yield f"column '{column}' was dropped: {reason}"
    for column in cleaning["constant"]:
        yield f"column '{column}' has the same value everywhere"
    yield from cleaning["notes"]


def _outliers(profile: Profile) -> Iterator[str]:
    outliers = profile["outliers"]
    if outliers is not None and outliers["name"] != "none":
        found = sum(bounds["cells"] for bounds in outliers["bounds"].values())
        dropped = f"{outliers['dropped']:,} rows dropped"
        yield f"{found:,} outlying cells in the training rows ({outliers['name']}); {dropped}"
