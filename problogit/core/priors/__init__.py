"""Priors, which are penalties: one file for each family."""

from __future__ import annotations

from problogit.core.priors.base import Prior, ResolvablePrior
from problogit.core.priors.elastic_net import ElasticNet
from problogit.core.priors.flat import Flat
from problogit.core.priors.half_normal import HalfNormal
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.horseshoe import Horseshoe
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.laplace import Laplace
from problogit.core.priors.normal import Normal
from problogit.core.priors.per_term import Priors
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.priors.student_t import Cauchy, StudentT

__all__ = [
    "Cauchy",
    "ElasticNet",
    "Flat",
    "HalfNormal",
    "Horseshoe",
    "Jeffreys",
    "Laplace",
    "Normal",
    "Prior",
    "Priors",
    "ResolvablePrior",
    "ResolvedHierarchy",
    "ResolvedPrior",
    "StudentT",
]
