"""Result rows as figures, theory beside them. Never reads models or checkpoints."""

from kscale.report.ablation import draw_ablation
from kscale.report.allocation_fit import (
    ClassPrediction,
    Line,
    fit_line,
    predicted_class_losses,
    predicted_threshold,
)
from kscale.report.capacity import draw_capacity, draw_exposures
from kscale.report.comparison import Best, best, draw_comparison
from kscale.report.extraction import Extraction, draw_extraction, extractions
from kscale.report.learning_fit import (
    LearningPrediction,
    predicted_learning,
)
from kscale.report.panels import COLORS, Curve, Panel, draw_panels
from kscale.report.quantization import draw_rounding

__all__ = [
    "COLORS",
    "Best",
    "ClassPrediction",
    "Curve",
    "Extraction",
    "LearningPrediction",
    "Line",
    "Panel",
    "best",
    "draw_ablation",
    "draw_capacity",
    "draw_comparison",
    "draw_exposures",
    "draw_extraction",
    "draw_panels",
    "draw_rounding",
    "extractions",
    "fit_line",
    "predicted_class_losses",
    "predicted_learning",
    "predicted_threshold",
]
