"""problogit: one logistic regression, three ways to fit it, one way to read it.

>>> import problogit as plg
>>> fit = plg.fit("passed ~ hours", data, "bayes")  # doctest: +SKIP
"""

from __future__ import annotations

from problogit import plots
from problogit._version import __version__
from problogit.analysis.decisions import Costs
from problogit.analysis.nested import anova
from problogit.core.priors.elastic_net import ElasticNet
from problogit.core.priors.flat import Flat
from problogit.core.priors.half_normal import HalfNormal
from problogit.core.priors.horseshoe import Horseshoe
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.laplace import Laplace
from problogit.core.priors.normal import Normal
from problogit.core.priors.per_term import Priors
from problogit.core.priors.student_t import Cauchy, StudentT
from problogit.estimators.bayes import Bayes
from problogit.estimators.early_stopping import EarlyStopping
from problogit.estimators.mle import MLE
from problogit.estimators.penalized import Penalized
from problogit.estimators.select import CrossValidation, Evidence, InformationCriterion
from problogit.fit import Fit, load
from problogit.model import LogitModel, fit
from problogit.recalibrated import Recalibrated
from problogit.report import report
from problogit.results import (
    Calibration,
    Comparison,
    DecisionCurve,
    PenaltyPath,
    PredictiveCheck,
    PriorPredictive,
    compare,
    decision_curves,
)

__all__ = [
    "MLE",
    "Bayes",
    "Calibration",
    "Cauchy",
    "Comparison",
    "Costs",
    "CrossValidation",
    "DecisionCurve",
    "EarlyStopping",
    "ElasticNet",
    "Evidence",
    "Fit",
    "Flat",
    "HalfNormal",
    "Horseshoe",
    "InformationCriterion",
    "Jeffreys",
    "Laplace",
    "LogitModel",
    "Normal",
    "Penalized",
    "PenaltyPath",
    "PredictiveCheck",
    "PriorPredictive",
    "Priors",
    "Recalibrated",
    "StudentT",
    "__version__",
    "anova",
    "compare",
    "decision_curves",
    "fit",
    "load",
    "plots",
    "report",
]
