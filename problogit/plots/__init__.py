"""Plots: each takes a fit and an Axes, draws, and returns the Axes. Nothing is computed here."""

from __future__ import annotations

from problogit.plots.calibration import calibration
from problogit.plots.curve import probability_curve
from problogit.plots.distribution import probability_distribution
from problogit.plots.forest import forest, forest_frame

__all__ = ["calibration", "forest", "forest_frame", "probability_curve", "probability_distribution"]
