"""Figures of data and evaluations; each function returns a matplotlib Figure, drawn without pyplot."""

from mlcli.evaluation.figures.calibration import draw_calibration
from mlcli.evaluation.figures.confusion import draw_confusion
from mlcli.evaluation.figures.correlations import draw_correlations
from mlcli.evaluation.figures.curves import draw_precision_recall, draw_roc
from mlcli.evaluation.figures.importance import draw_importance
from mlcli.evaluation.figures.learning import draw_learning_curve, draw_metric_curve, draw_rate_curve
from mlcli.evaluation.figures.plane import draw_plane
from mlcli.evaluation.figures.residuals import draw_residuals
from mlcli.evaluation.figures.surface import draw_decision_boundary, draw_heat_map, draw_line_fit
from mlcli.evaluation.figures.svg import save_svg, svg_text
from mlcli.evaluation.figures.threshold import draw_thresholds
from mlcli.evaluation.figures.weights import draw_first_layer, draw_weights

__all__ = [
    "draw_calibration",
    "draw_confusion",
    "draw_correlations",
    "draw_decision_boundary",
    "draw_first_layer",
    "draw_heat_map",
    "draw_importance",
    "draw_learning_curve",
    "draw_line_fit",
    "draw_metric_curve",
    "draw_plane",
    "draw_precision_recall",
    "draw_rate_curve",
    "draw_residuals",
    "draw_roc",
    "draw_thresholds",
    "draw_weights",
    "save_svg",
    "svg_text",
]
