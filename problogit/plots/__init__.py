"""Plots: each takes a fit and an Axes, draws, and returns the Axes. Nothing is computed here."""

from __future__ import annotations

from problogit.plots.calibration import calibration
from problogit.plots.curve import probability_curve
from problogit.plots.decision_curve import decision_curve
from problogit.plots.distribution import probability_distribution
from problogit.plots.forest import forest, forest_frame
from problogit.plots.path import draw_path, draw_scores, path, path_scores
from problogit.plots.predictive import predictive_check, separation_plot
from problogit.plots.residuals import residuals

__all__ = [
    "calibration",
    "decision_curve",
    "draw_path",
    "draw_scores",
    "forest",
    "forest_frame",
    "path",
    "path_scores",
    "predictive_check",
    "probability_curve",
    "probability_distribution",
    "residuals",
    "separation_plot",
]
