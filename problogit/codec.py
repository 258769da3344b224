"""Estimates as trees of plain values: the classes that may stand in a saved fit, and how each value is written.

Only the classes listed in `_registry` are ever constructed, each from its own fields; everything else is a number, a
string, a list, a mapping or an array.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from problogit.core import (
    coefficients,
    debiased,
    early_stopping_record,
    infinite,
    maximum,
    newton,
    path_record,
    profile,
    rank,
    resampled,
    scaling,
    separation_cone,
    separation_result,
)
from problogit.core.priors import (
    elastic_net,
    flat,
    half_normal,
    hierarchy,
    horseshoe,
    jeffreys,
    laplace,
    learned_scale,
    normal,
    per_term,
    resolved,
    student_t,
)
from problogit.data import design as designs
from problogit.data.columns import Column, Numbers
from problogit.data.groups import GroupColumns
from problogit.data.rows import DataReport, Response, Rows, VariableSummary
from problogit.errors import InputError, SavedFitError
from problogit.estimate import Estimate, Finding, FitStats, Provenance, Status
from problogit.estimators import (
    bayes,
    early_stopping,
    external,
    external_details,
    firth,
    laplace_details,
    mle,
    penalized,
    select,
)
from problogit.problem import Problem, SampleSize

__all__ = ["Decoder", "Encoder"]

_NUMBERS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
_TRANSIENT = frozenset({"raw", "executor"})  # native results and executors are not saved


def _registry() -> dict[str, type]:
    classes: tuple[type, ...] = (
        coefficients.NormalCoefficients,
        coefficients.DrawnCoefficients,
        coefficients.PointCoefficients,
        debiased.DebiasedCoefficients,
        infinite.AliasedCoefficients,
        infinite.SeparatedCoefficients,
        resampled.ResampledCoefficients,
        rank.Aliases,
        scaling.ColumnStats,
        scaling.Scaling,
        separation_result.Separation,
        separation_cone.RecessionCone,
        maximum.Maximum,
        newton.NewtonResult,
        flat.Flat,
        half_normal.HalfNormal,
        hierarchy.ResolvedHierarchy,
        hierarchy.ScaledBlock,
        horseshoe.Horseshoe,
        horseshoe.HorseshoeScales,
        learned_scale.LearnedScale,
        normal.Normal,
        laplace.Laplace,
        elastic_net.ElasticNet,
        student_t.StudentT,
        student_t.Cauchy,
        jeffreys.Jeffreys,
        per_term.Priors,
        resolved.ResolvedPrior,
        mle.MLE,
        mle.MLEDetails,
        penalized.Penalized,
        penalized.PenalizedDetails,
        firth.FirthDetails,
        profile.TermProfile,
        early_stopping.EarlyStopping,
        early_stopping.EarlyStoppingDetails,
        early_stopping_record.Trajectory,
        path_record.PathRecord,
        path_record.SelectionRecord,
        select.CrossValidation,
        select.InformationCriterion,
        select.Evidence,
        bayes.Bayes,
        bayes.BayesDetails,
        external.ExternalPosterior,
        external.OwnPrior,
        external_details.ExternalDetails,
        laplace_details.LaplaceDetails,
        Response,
        DataReport,
        VariableSummary,
        SampleSize,
        Finding,
        FitStats,
        Provenance,
    )
    return {cls.__name__: cls for cls in classes}


class Encoder:
    """Turns an estimate into JSON-able values; arrays are put aside in `arrays` and referred to by number."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []
        self._known = _registry()

    def estimate(self, estimate: Estimate, data: bool) -> dict[str, Any]:
        """The whole estimate, with its rows where `data` is True."""
        problem = estimate.problem
        return {
            "design": problem.design.to_state(),
            "response": self.value(problem.response),
            "report": self.value(problem.report),
            "column_stats": self.value(problem.column_stats),
            "weights_type": problem.weights_type,
            "sample": self.value(problem.sample),
            "rows": self._rows(problem, estimate.method.columns) if data else None,
            "method": self.value(estimate.method),
            "coefficients": self.value(estimate.coefficients),
            "status": estimate.status.name,
            "findings": self.value(list(estimate.findings)),
            "stats": self.value(estimate.stats),
            "provenance": self.value(estimate.provenance),
            "details": self.value(estimate.details),
            "profiled": self.value(estimate.term_profile),
        }

    def _rows(self, problem: Problem, columns: tuple[str, ...]) -> dict[str, Any]:
        rows = problem.rows
        fields = ("X", "successes", "trials", "weights", "offset", "kept")
        index = rows.index
        labels = np.asarray(index)
        if labels.dtype == object or labels.dtype.kind in "TV":
            stored: Any = [self.value(label) for label in labels.tolist()]
        else:
            stored = self._array(labels)
        pandas = type(index).__module__.startswith("pandas")
        return {name: self.value(getattr(rows, name)) for name in fields} | {
            "index": stored,
            "pandas": pandas,
            "groups": self._groups(problem, columns),
        }

    def _groups(self, problem: Problem, columns: tuple[str, ...]) -> dict[str, Any]:
        """The groups that the method or the model names, as codes of the rows in use."""
        rows, default = problem.rows, problem.default_groups
        if rows.groups is None:
            return {"codes": {}, "default": []}
        names = dict.fromkeys((*columns, *default))
        codes = {name: self._array(rows.groups.codes(name, rows.kept, complete=False)) for name in names}
        return {"codes": codes, "default": list(default)}

    def _array(self, array: np.ndarray[Any, Any]) -> dict[str, Any]:
        self.arrays.append(np.ascontiguousarray(array))
        return {"$array": len(self.arrays) - 1}

    def value(self, value: Any) -> Any:  # noqa: PLR0911 - one return for each kind of value
        """One value, recursively."""
        if value is None or isinstance(value, (str, bool)):
            return value
        if isinstance(value, np.generic):
            return self.value(value.item())
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$number": repr_number(value)}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
            return self._array(value)
        if isinstance(value, sp.csr_array):
            csr = value
            parts = {"data": csr.data, "indices": csr.indices, "indptr": csr.indptr}
            return {
                "$csr": {k: self._array(v) for k, v in parts.items()},
                "shape": [int(k) for k in csr.shape],
            }
        if isinstance(value, (tuple, list)):
            return {"$tuple" if isinstance(value, tuple) else "$list": [self.value(item) for item in value]}
        if isinstance(value, Mapping):
            return {"$map": [[self.value(k), self.value(v)] for k, v in value.items()]}
        if dataclasses.is_dataclass(value) and type(value).__name__ in self._known:
            fields = {
                f.name: None if f.name in _TRANSIENT else self.value(getattr(value, f.name))
                for f in dataclasses.fields(value)
                if f.init
            }
            return {"$class": type(value).__name__, "fields": fields}
        if isinstance(value, np.random.Generator):
            return None  # the entropy that it gave is in the provenance
        raise InputError(
            f"A {type(value).__name__} cannot be written to a saved fit; use plain labels and numbers."
        )


def repr_number(value: float) -> str:
    """``"Infinity"``, ``"-Infinity"`` or ``"NaN"``."""
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


class Decoder:
    """The way back: registered classes and plain values only."""

    def __init__(
        self, arrays: list[np.ndarray[Any, Any]], context: Mapping[str, Callable[..., Any]] | None
    ) -> None:
        self._arrays = arrays
        self._context = context
        self._known = _registry()

    def estimate(self, tree: Mapping[str, Any]) -> Estimate:
        """Rebuild an estimate; its native result is None."""
        problem = Problem(
            design=designs.design_from_state(tree["design"], self._context),
            response=self.value(tree["response"]),
            data=None if tree["rows"] is None else self._rows(tree["rows"]),
            report=self.value(tree["report"]),
            column_stats=self.value(tree["column_stats"]),
            weights_type=tree["weights_type"],
            sample=self.value(tree["sample"]),
        )
        return Estimate(
            problem=problem,
            method=self.value(tree["method"]),
            coefficients=self.value(tree["coefficients"]),
            status=Status[tree["status"]],
            findings=tuple(self.value(tree["findings"])),
            stats=self.value(tree["stats"]),
            provenance=self.value(tree["provenance"]),
            details=self.value(tree["details"]),
            profiled=self.value(tree.get("profiled")),
        )

    def _rows(self, tree: Mapping[str, Any]) -> Rows:
        fields = ("X", "successes", "trials", "weights", "offset", "kept")
        stored = tree["index"]
        index: Any = [self.value(v) for v in stored] if isinstance(stored, list) else self.value(stored)
        if tree["pandas"]:
            import pandas as pd

            index = pd.Index(index)
        elif isinstance(index, list):
            index = np.array(index, dtype=object)
        stored_rows = {name: self.value(tree[name]) for name in fields}
        groups = self._groups(tree["groups"], stored_rows["kept"], index)
        return Rows(**stored_rows, index=index, groups=groups)

    def _groups(self, tree: Mapping[str, Any], kept: Any, index: Any) -> GroupColumns:
        given: dict[str, Column] = {}
        for name, codes in tree["codes"].items():
            everywhere = np.full(len(index), -1, dtype=np.int64)
            everywhere[kept] = self.value(codes)
            given[str(name)] = Numbers(everywhere, everywhere < 0)
        return GroupColumns(
            len(index), index, given=given, default=tuple(str(name) for name in tree["default"])
        )

    def value(self, tree: Any) -> Any:
        """One value, recursively."""
        if tree is None or isinstance(tree, (str, bool, int, float)):
            return tree
        if not isinstance(tree, dict):
            raise SavedFitError("a value has no type")
        if "$array" in tree:
            return self._arrays[tree["$array"]]
        if "$number" in tree:
            return _NUMBERS[tree["$number"]]
        if "$list" in tree:
            return [self.value(item) for item in tree["$list"]]
        if "$tuple" in tree:
            return tuple(self.value(item) for item in tree["$tuple"])
        if "$map" in tree:
            return {self.value(k): self.value(v) for k, v in tree["$map"]}
        if "$csr" in tree:
            parts = {k: self.value(v) for k, v in tree["$csr"].items()}
            rebuilt = sp.csr_array(
                (parts["data"], parts["indices"], parts["indptr"]), shape=tuple(tree["shape"])
            )
            rebuilt.check_format(full_check=True)
            return rebuilt
        return self._object(tree)

    def _object(self, tree: Mapping[str, Any]) -> Any:
        name = tree.get("$class")
        if name not in self._known:
            raise SavedFitError(f"it names the unknown class {name!r}")
        cls = self._known[str(name)]
        expected = {f.name for f in dataclasses.fields(cls) if f.init}
        fields = tree["fields"]
        if not set(fields) <= expected:
            raise SavedFitError(f"class {name} has no field {sorted(set(fields) - expected)}")
        return cls(**{key: self.value(item) for key, item in fields.items()})
