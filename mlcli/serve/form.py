"""What the page needs to ask for a row: a control for each column, from what the features know of the training rows."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

from mlcli.data.tables.types import Column
from mlcli.features.encoding import MISSING
from mlcli.features.table import TableFeatures
from mlcli.features.table_plan import TablePlan
from mlcli.models.task import Classification
from mlcli.serve.models import ServedModel

# Steps of a slider, about; categories offered at most.
STEPS, MOST = 200, 500
# Numbers that span so much between whole ends have whole steps.
WHOLE = 10


def describe_form(model: ServedModel) -> dict[str, Any]:
    """The controls of a model's page, its task and how good it is."""
    task, source = model.bundle.task, model.bundle.features.source
    return {
        "model": model.name,
        "version": model.version,
        "task": task.kind,
        "targets": [task.target] if isinstance(task, Classification) else list(task.targets),
        "classes": list(task.classes) if isinstance(task, Classification) else [],
        "has_probabilities": isinstance(task, Classification) and task.has_probabilities,
        "can_explain": model.run is not None,
        "stand_in_for": model.bundle.facts.get("stand_in_for"),
        "image_shape": list(model.image_shape),
        "columns": [_control(own, source) for own in source.plan.columns] if isinstance(source, TableFeatures) else [],
    }


def _control(column: Column, source: TableFeatures) -> dict[str, Any]:
    plan, name = source.plan, column.name
    match column.kind:
        case "number":
            return {"name": name, "kind": "number", **_describe_number(source, name)}
        case "boolean":
            return {"name": name, "kind": "boolean", "typical": _fill(source, name) >= 0.5}
        case "date":
            return {"name": name, "kind": "date", **_describe_date(plan, name)}
        case "category":
            known = [own for own in plan.vocabularies if own.name == name and not own.part]
            if not known:
                return {"name": name, "kind": "text", "typical": ""}
            categories = [text for own in known for text in own.kept if text != MISSING]
            return {
                "name": name,
                "kind": "category",
                "categories": categories[:MOST],
                "typical": (categories or [""])[0],
            }


def _fill(source: TableFeatures, name: str) -> float:
    """What a missing number is replaced with: by default the median of the training rows."""
    return float(source.arithmetic.impute.statistic[source.plan.raw.index(name)])


def _span(plan: TablePlan, name: str) -> tuple[float, float] | None:
    """Least and greatest number of the training rows; None where an earlier version did not keep them."""
    if not plan.spans or name not in plan.raw:
        return None
    low, high = plan.spans[plan.raw.index(name)]
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _describe_number(source: TableFeatures, name: str) -> dict[str, Any]:
    typical = _fill(source, name)
    low, high = _span(source.plan, name) or (min(0.0, typical), max(1.0, 2 * typical))
    typical = min(max(typical, low), high)
    digits = math.ceil(-math.log10((high - low) / STEPS)) if high > low else 0
    if low == round(low) and high == round(high) and high - low >= WHOLE:
        digits = min(digits, 0)
    return {"low": low, "high": high, "step": 10.0**-digits, "typical": round(typical, digits)}


def _describe_date(plan: TablePlan, name: str) -> dict[str, Any]:
    """From the first training day to the last, where the days that have elapsed are a feature."""
    (own,) = (one for one in plan.dates if one.name == name)
    origin = date.fromisoformat(own.origin)
    days = _span(plan, f"{name}_elapsed") or (0.0, 0.0)
    low, high = (origin + timedelta(days=math.floor(day)) for day in days)
    return {"low": str(low), "high": str(high), "typical": str(high), "has_time": "hour" in own.parts}
