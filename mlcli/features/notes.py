"""A feature report in sentences, a line for each thing that was done in step 2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mlcli.features.report import FeatureReport

_LISTED = 6


def feature_notes(report: FeatureReport) -> tuple[str, ...]:
    """Derived, imputed, encoded, scaled, cut, dropped and extracted features, where there are any."""
    return (
        *_derived(report),
        *_imputed(report),
        *_encoded(report),
        *_scaled(report),
        *_cut(report),
        *_dropped(report),
        *_pca(report),
    )


def _derived(report: FeatureReport) -> Iterator[str]:
    for name, formula in report.derived.items():
        yield f"derived {name} = {formula}"


def _imputed(report: FeatureReport) -> Iterator[str]:
    for name, imputed in report.imputed.items():
        if imputed.missing:
            yield f"imputed {imputed.missing:,} missing {name} with the {imputed.how}, {imputed.value:.6g}"


def _encoded(report: FeatureReport) -> Iterator[str]:
    for name, encoded in report.encoded.items():
        rare = f", {encoded.rare} rare ones share a code" if encoded.rare else ""
        yield f"encoded {name} as {encoded.encode}: {len(encoded.kept)} categories{rare}"


def _scaled(report: FeatureReport) -> Iterator[str]:
    counts = Counter(scaled.scale for scaled in report.scaled.values())
    for scale, count in counts.items():
        if scale != "none":
            yield f"scaled {count} columns: {scale}"


def _cut(report: FeatureReport) -> Iterator[str]:
    if report.pieces:
        yield f"cut {len(report.pieces)} number columns into {sum(report.pieces.values()):,} pieces"


def _dropped(report: FeatureReport) -> Iterator[str]:
    for key in dict.fromkeys(dropped.key for dropped in report.dropped):
        names = [dropped.name for dropped in report.dropped if dropped.key == key]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        yield f"dropped by {key}: {', '.join(names[:_LISTED])}{more}"


def _pca(report: FeatureReport) -> Iterator[str]:
    if report.explained_variance:
        share = sum(report.explained_variance)
        yield f"{len(report.explained_variance)} principal components keep {share:.1%} of the variance"
