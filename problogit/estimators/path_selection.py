"""The choice of a strength on a path: by cross-validation, an information criterion, or the marginal likelihood."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from problogit.core.path_record import PathRecord, SelectionRecord
from problogit.core.priors.resolved import ResolvedPrior
from problogit.data.rows import Array
from problogit.errors import EstimationError, InputError, explain
from problogit.estimate import Finding
from problogit.estimators.path import Path, Stop, open_path
from problogit.estimators.path_cv import cross_validate, deal_for_selection
from problogit.estimators.path_evidence import MarginalLikelihood
from problogit.estimators.path_recording import compute_path, insert_stop
from problogit.estimators.select import CrossValidation, Evidence, InformationCriterion, Selection
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import seed_sequence

__all__ = ["ChosenStrength", "choose_strength", "strength_text"]

SCORES = {"cv": "log score", "aic": "AIC", "bic": "BIC", "evidence": "log marginal likelihood"}


@dataclass(frozen=True, eq=False)
class ChosenStrength:
    """What a selection arrived at.

    Attributes
    ----------
    factor : float
        What multiplies the penalty as given.
    prior : ResolvedPrior
        At that factor, original units.
    start : ndarray of shape (n_terms,), or None
        Coefficients at that factor, original units, near their optimum.
    record : PathRecord
        The path, with its scores.
    findings : tuple of Finding
    """

    factor: float
    prior: ResolvedPrior
    start: Array | None
    record: PathRecord
    findings: tuple[Finding, ...]


@dataclass(frozen=True, eq=False)
class _Scores:
    record: PathRecord
    score: Array
    std_error: Array
    chosen: int
    n_folds: int = 0
    notes: tuple[str, ...] = ()
    together: str = ""


def choose_strength(
    problem: Problem,
    prior: ResolvedPrior,
    selection: Selection,
    seeds: np.random.SeedSequence,
    progress: Progress = SILENT,
    *,
    whole_rows: bool = False,
) -> ChosenStrength:
    """Choose the common factor of all penalties.

    Parameters
    ----------
    problem : Problem
    prior : ResolvedPrior
        As given, original units.
    selection : Selection
    seeds : SeedSequence
        Deals folds where the selection brings no seed of its own.
    progress : Progress
    whole_rows : bool
        Keep the copies of a row in one fold: the rows are a bootstrap sample.
    """
    path = open_path(problem, prior)
    if isinstance(selection, CrossValidation):
        scores = _by_folds(path, selection, seeds, progress, whole_rows=whole_rows)
    elif isinstance(selection, InformationCriterion):
        scores = _by_criterion(path, selection, progress)
    elif isinstance(selection, Evidence):
        scores = _by_evidence(path, selection, progress)
    else:
        rule = "must be CrossValidation, InformationCriterion or Evidence"
        raise InputError(explain("select", rule, selection))
    return _chosen(path, selection, scores)


def _by_folds(
    path: Path,
    selection: CrossValidation,
    seeds: np.random.SeedSequence,
    progress: Progress,
    *,
    whole_rows: bool,
) -> _Scores:
    if selection.rng is not None:
        seeds = seed_sequence(selection.rng)
    rng = np.random.default_rng(np.random.SeedSequence(seeds.entropy))
    folds = deal_for_selection(path.problem, selection.folds, rng, whole_rows=whole_rows)
    record, _ = compute_path(path, selection.grid, progress)
    found = cross_validate(path, record.factors, folds, progress)
    best = _smallest(found.score)
    if selection.rule == "1se":
        best = int(np.flatnonzero(found.score <= found.score[best] + found.std_error[best])[0])
    return _Scores(record, found.score, found.std_error, best, found.n_folds, found.notes, found.together)


def _by_criterion(path: Path, selection: InformationCriterion, progress: Progress) -> _Scores:
    problem = path.problem
    if problem.weights_type == "sampling":
        rule = "must not be an information criterion under sampling weights, which make no likelihood of a sample"
        raise InputError(explain("select", rule, selection.criterion, "Use select='cv'."))
    price = 2.0 if selection.criterion == "aic" else float(np.log(problem.nobs))

    def judge(stop: Stop, df: float) -> float:
        if np.isnan(df):
            raise EstimationError(
                f"select={selection.criterion!r} needs the effective degrees of freedom, and with {problem.n_terms} "
                "columns their matrix is too large. Use select='cv'."
            )
        return -2 * (stop.kernel + problem.log_constant) + price * df

    record, score = compute_path(path, selection.grid, progress, judge)
    return _Scores(record, score, np.full(score.size, np.nan), _smallest(score))


def _by_evidence(path: Path, selection: Evidence, progress: Progress) -> _Scores:
    meter = MarginalLikelihood(path)
    top: list[tuple[float, Stop]] = []  # the best value so far

    def judge(stop: Stop, _df: float) -> float:
        value = meter.at(stop)
        if not top or value > top[0][0]:
            top[:] = [(value, stop)]
        return value

    record, score = compute_path(path, selection.grid, progress, judge)
    best = _smallest(-score)
    if selection.grid.values is None and 0 < best < score.size - 1:
        factors = record.factors
        between = meter.refine(float(factors[best + 1]), float(factors[best - 1]), top[0][1])
        value = meter.at(between)
        if value > score[best]:
            record, order = insert_stop(path, record, between)
            score = np.append(score, value)[order]
            best = _smallest(-score)
    return _Scores(record, score, np.full(score.size, np.nan), best)


def _smallest(score: Array) -> int:
    """Position of the smallest score."""
    if not np.isfinite(score).any():
        raise EstimationError("No value of the path has a finite score, so that no strength can be chosen.")
    return int(np.nanargmin(score))


def _chosen(path: Path, selection: Selection, scores: _Scores) -> ChosenStrength:
    record, best = scores.record, scores.chosen
    factor = float(record.factors[best])
    kind = selection.kind
    rule = "max" if kind == "evidence" else "min"
    if isinstance(selection, CrossValidation):
        rule = selection.rule
    text = _choice_text(selection, scores)
    kept = SelectionRecord(kind, rule, scores.score, scores.std_error, best, scores.n_folds, text)
    start = None if record.coefficients is None else record.coefficients[[best]].toarray()[0]
    findings = (
        _choice_finding(kept, record),
        *_grid_findings(selection, record, kept),
        *map(_note, scores.notes),
    )
    return ChosenStrength(
        factor, path.prior.strengthened(factor), start, replace(record, selection=kept), findings
    )


def strength_text(record: PathRecord, position: int) -> str:
    """``"L1 strength 12.3"``, or the factor where terms have strengths of their own."""
    parts = [
        f"{name} strength {values[position]:.4g}"
        for name, values in (("L1", record.l1), ("L2", record.l2))
        if np.isfinite(values[position]) and values[position] > 0
    ]
    mixed = np.isnan(record.l1[position]) or np.isnan(record.l2[position])
    return (
        f"prior strengths times {record.factors[position]:.4g}" if mixed or not parts else " and ".join(parts)
    )


def _choice_text(selection: Selection, scores: _Scores) -> str:
    """The choice in one phrase: strength, how, from what, and its score."""
    how = selection.describe()
    if isinstance(selection, CrossValidation):
        how = replace(selection, folds=max(scores.n_folds, 2), rng=None).describe()
        how += f" of whole clusters of {scores.together}" if scores.together else ""
    error = scores.std_error[scores.chosen]
    spread = f" (standard error {error:.2g})" if np.isfinite(error) else ""
    record, name = scores.record, SCORES[selection.kind]
    return (
        f"{strength_text(record, scores.chosen)} chosen by {how} from {record.n_values} values, "
        f"{name} {scores.score[scores.chosen]:.6g}{spread}"
    )


def _choice_finding(kept: SelectionRecord, record: PathRecord) -> Finding:
    message = (
        f"{kept.text[0].upper()}{kept.text[1:]}; {record.n_nonzero[kept.chosen]} penalized coefficients are not zero. "
        "Intervals other than the bootstrap's take the choice as given."
    )
    return Finding("selection", "info", message)


def _grid_findings(selection: Selection, record: PathRecord, kept: SelectionRecord) -> list[Finding]:
    found = []
    apart = int(record.n_nonzero[0])
    if selection.grid.values is not None and apart:  # a grid of our own begins at zero
        best = kept.chosen == 0
        then = "and scores best: still stronger ones might score better"
        if not best:
            then = "so that stronger penalties were not tried"
        text = f"The largest value of the grid leaves {apart} penalized coefficients different from zero, {then}."
        if best or record.l1.any():
            remedy = "Begin with a larger value, or leave out `values`."
            found.append(Finding("grid", "warning" if best else "info", text, remedy))
    if record.n_unconverged:
        count = f"{record.n_unconverged} of {record.n_values} values of the path"
        found.append(
            Finding("path", "warning", f"{count} stopped before they converged; their scores are rough.")
        )
    last = kept.chosen == record.n_values - 1
    if last and not record.ended and record.n_values > 1:
        found.append(
            Finding(
                "grid",
                "warning",
                "The smallest strength of the grid scores best: still weaker penalties might score better.",
                "Lower `ratio`, or extend `values`.",
            )
        )
    return found


def _note(text: str) -> Finding:
    return Finding("folds", "warning", text)
