"""The check of the columns: variance inflation, condition number, and what to do about the cause."""

from __future__ import annotations

import re

import numpy as np

from problogit.analysis.checked import Check, Checked
from problogit.analysis.collinearity import HIGH_INDEX, HIGH_VIF, Collinearity, Dependency, collinearity
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate, Finding

__all__ = ["check_collinearity"]

_NAME = re.compile(r"[^\W\d]\w*")


def check_collinearity(estimate: Estimate) -> Checked:
    """Condition number and variance inflation, with the columns that cause them."""
    name = "collinearity"
    limit = f"condition number {HIGH_INDEX:g} (Belsley et al. 1980), VIF {HIGH_VIF:g}"
    try:
        found = collinearity(estimate)
    except NotAvailableError as error:
        return Checked(Check(name, str(error), limit, done=False))
    factor = found.gvif ** (1 / found.df)
    worst = int(np.argmax(factor)) if factor.size else 0
    result = f"condition number {found.condition_number:.3g}"
    if factor.size > 1:
        result += f", largest VIF {factor[worst]:.3g} ({found.terms[worst]})"
    finding = _finding(estimate, found, worst)
    return Checked(Check(name, result, limit), () if finding is None else (finding,))


def _finding(estimate: Estimate, found: Collinearity, worst: int) -> Finding | None:
    closest = found.closest
    inflated = bool(found.terms) and found.gvif[worst] ** (1 / found.df[worst]) >= HIGH_VIF
    if not found.dependencies and not inflated:
        return None
    related, mle = _related(estimate, closest), estimate.method.name == "MLE"
    if np.isinf(closest.index):
        message = f"Columns repeat one another: {closest}. Only the prior tells their coefficients apart."
    else:
        longer = found.gvif[worst] ** (0.5 / found.df[worst])
        message = (
            f"Columns nearly repeat one another: {closest}. The standard errors of {found.terms[worst]} are "
            f"{longer:.3g} times what they would be otherwise (condition number {found.condition_number:.3g}); "
            "predictions for like rows do not suffer."
        )
    severity = "warning" if mle and found.dependencies and not related else "info"
    return Finding("collinear", severity, message, _remedy(estimate, related), closest.columns)


def _related(estimate: Estimate, dependency: Dependency) -> tuple[str, ...]:
    """Variables that all columns of a dependency share, as x and x:z do."""
    variables = set(estimate.problem.design.variables)
    shared = variables
    owner = {j: name for name, columns in estimate.problem.design.factors for j in columns}
    for column in dependency.columns:
        shared = shared & set(_NAME.findall(owner[estimate.terms.index(column)]))
    return tuple(sorted(shared))


def _remedy(estimate: Estimate, related: tuple[str, ...]) -> str:
    if related:
        return (
            f"All of them are made of {' and '.join(related)}: subtract its mean before it is multiplied, use poly() "
            "or bs() for curves, and a common level as the reference of a factor."
        )
    if estimate.method.name == "MLE":
        return (
            "Leave one out, put them together, or give them a prior: Penalized(Normal(2.5, autoscale=True))."
        )
    return "Read them together, by contrast() or predict(), or leave one out."
