"""What separation means for a fit: which rows, where each coefficient goes, and what is still identified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.blocks import Array, Matrix
from problogit.core.scaling import Scaling
from problogit.core.separation_cone import FINITE, KINDS, UNDETERMINED, RecessionCone
from problogit.errors import SavedFitError

__all__ = ["Separation"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Separation:
    """What separates, and where each coefficient goes.

    Attributes
    ----------
    terms : tuple of str
    separated_rows : ndarray of bool, shape (n_rows,)
        Rows that some separating direction separates strictly; all of them are separated by `direction`.
    direction : ndarray, shape (n_terms,)
        d in original units: s_i x_i'd >= 1 in the separated rows (s_i = 1 for events, -1 for non-events), 1 in the
        nearest of them, and 0 in the other rows. Zero when nothing is separated.
    cone : RecessionCone
        All separating directions.
    free : ndarray of int, shape (q,)
        Columns that depend on the others in the rows that are not separated.
    stored_codes : ndarray of int8, shape (n_terms,), optional
        What `codes` gave when the fit was saved.
    """

    terms: tuple[str, ...]
    separated_rows: Mask
    direction: Array
    cone: RecessionCone
    free: NDArray[np.intp]
    stored_codes: NDArray[np.int8] | None = None

    @property
    def exists(self) -> bool:
        """True where some row is separated: the maximum-likelihood estimate does not exist."""
        return bool(self.separated_rows.any())

    @property
    def status(self) -> str:
        """``"none"``, ``"quasi-complete"`` or ``"complete"`` (every row is separated)."""
        if not self.exists:
            return "none"
        return "complete" if bool(self.separated_rows.all()) else "quasi-complete"

    @property
    def complete(self) -> bool:
        """True where every row is separated."""
        return self.status == "complete"

    @property
    def n_separated(self) -> int:
        """Number of separated rows (covariate patterns, where the design was collapsed)."""
        return int(self.separated_rows.sum())

    @property
    def finite_rows(self) -> Mask:
        """The rows that no direction separates: the finite part of the fit rests on them."""
        return ~self.separated_rows

    @cached_property
    def infinite(self) -> Mask:
        """True for coefficients that are not finite, whatever their sign; needs no linear program; shape (n_terms,)."""
        return np.asarray(self.cone.coordinates(np.eye(len(self.terms))).any(axis=1))

    @cached_property
    def codes(self) -> NDArray[np.int8]:
        """Where each coefficient goes, as codes of `problogit.core.separation_cone`; `kind` has the words.

        Computed on first access: up to one linear program for each coefficient that is not finite.
        """
        if self.stored_codes is not None:
            return self.stored_codes
        return self.cone.classify(np.eye(len(self.terms)))

    @property
    def kind(self) -> NDArray[np.str_]:
        """``"finite"``, ``"+Inf"``, ``"-Inf"`` or ``"undetermined"`` for each coefficient, shape (n_terms,)."""
        return np.asarray(KINDS[self.codes])

    @property
    def separated_terms(self) -> dict[str, str]:
        """The terms that are not finite, with where they go."""
        return {t: str(k) for t, k in zip(self.terms, self.kind, strict=True) if k != KINDS[FINITE]}

    @property
    def identified(self) -> NDArray[np.intp]:
        """Columns, linearly independent in `finite_rows`, that the reduced fit keeps; shape (r,), r = p - q."""
        return np.setdiff1d(np.arange(len(self.terms)), self.free)

    def reduced_basis(self) -> Array:
        """B with beta = B u for the fit on `finite_rows`; shape (n_terms, r).

        ``X[finite_rows] @ B`` is ``X[finite_rows][:, identified]``; it has full column rank and the same column space
        as ``X[finite_rows]``, so that the fit exists, is unique, and gives every linear predictor x'beta with x'd = 0
        on the cone (`classify` says ``"finite"``) its value in the limit. beta = B u sets the columns in `free` to 0;
        any other solution adds a vector of the cone's span. A coefficient of kind ``"finite"`` is 0 in all of that
        span: it is always among `identified`, and its u_j is its limit. The value of any other coefficient depends on
        the choice of B and means nothing alone.
        """
        return np.asarray(np.eye(len(self.terms))[:, self.identified])

    def classify(self, L: Matrix) -> NDArray[np.str_]:
        """Where the linear predictor l'beta goes, for each row l of L; shape (k,).

        Parameters
        ----------
        L : ndarray or csr_array, shape (k, n_terms)
            Rows of a design or contrasts, in original units.

        Returns
        -------
        ndarray of str, shape (k,)
            ``"finite"`` (l'd = 0 for all separating d), ``"+Inf"`` (P = 1), ``"-Inf"`` (P = 0) or ``"undetermined"``
            (separating directions disagree, or l holds NaN).
        """
        # Multiples of single coefficients, asked for with every table, are answered from what is known.
        rows = sp.csr_array(L[: len(self.terms) + 1])
        if L.shape[0] > len(self.terms) or (np.diff(rows.indptr) != 1).any():
            return np.asarray(KINDS[self.cone.classify(L)])
        codes = self.codes[rows.indices]
        turned = np.where(codes == UNDETERMINED, codes, codes * np.sign(rows.data)).astype(np.int8)
        return np.asarray(KINDS[turned])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, as plain arrays without objects; `from_arrays` reads them back."""
        rows = self.cone.rows
        scaling = self.cone.scaling
        intercept = -1 if scaling.intercept is None else scaling.intercept
        arrays: dict[str, NDArray[Any]] = {
            "terms": np.array(self.terms, dtype=np.str_),
            "separated_rows": self.separated_rows,
            "direction": self.direction,
            "codes": self.codes,
            "free": np.asarray(self.free, dtype=np.int64),
            "center": scaling.center,
            "scale": scaling.scale,
            "intercept": np.array(intercept, dtype=np.int64),
            "basis": self.cone.basis,
            "interior": self.cone.interior,
        }
        if sp.issparse(rows):
            parts = {"data": rows.data, "indices": rows.indices, "indptr": rows.indptr}
            return arrays | {f"rows_{name}": part for name, part in parts.items()}
        return arrays | {"rows": np.asarray(rows)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Separation:
        """Rebuild from what `to_arrays` gave; raises `SavedFitError` where the arrays do not fit together."""
        try:
            basis = np.asarray(arrays["basis"], dtype=np.float64)
            p, q = basis.shape
            if "rows" in arrays:
                rows: Matrix = np.asarray(arrays["rows"], dtype=np.float64)
            else:
                parts = (arrays["rows_data"], arrays["rows_indices"], arrays["rows_indptr"])
                rows = sp.csr_array(parts, shape=(len(parts[2]) - 1, q))
                rows.check_format(full_check=True)
            intercept = int(arrays["intercept"])
            scaling = Scaling(arrays["center"], arrays["scale"], None if intercept < 0 else intercept)
            made = cls(
                terms=tuple(str(term) for term in arrays["terms"]),
                separated_rows=np.asarray(arrays["separated_rows"], dtype=bool),
                direction=np.asarray(arrays["direction"], dtype=np.float64),
                cone=RecessionCone(scaling, basis, rows, np.asarray(arrays["interior"], dtype=np.float64)),
                free=np.asarray(arrays["free"], dtype=np.intp),
                stored_codes=np.asarray(arrays["codes"], dtype=np.int8),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise SavedFitError(f"The saved separation report is damaged: {error}.") from error
        columns = (made.direction.shape, made.codes.shape, scaling.center.shape, scaling.scale.shape)
        if (
            any(shape != (p,) for shape in columns)
            or len(made.terms) != p
            or made.free.shape != (q,)
            or made.cone.interior.shape != (q,)
            or rows.shape[1:] != (q,)
            or not -1 <= intercept < p
            or not np.isin(made.codes, np.arange(-1, 3)).all()
        ):
            raise SavedFitError("The saved separation report is damaged: the shapes of its arrays disagree.")
        return made
