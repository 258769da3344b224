"""The functions that a formula may call. Nothing else can be called from formula text.

Two kinds: elementwise functions of numbers, and transforms that learn from the training data (``bs`` its knots,
``scale`` its mean) and are replayed with what they learned. They learn from rows, each counted once whatever its
weight, as R's do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Labels, plain
from problogit.data.formulaic_parts import CONTRASTS, make_basis
from problogit.data.splines import natural_spline
from problogit.data.values import Basis, Env, Marked
from problogit.errors import DataError, FormulaError

__all__ = ["ELEMENTWISE", "REFUSED", "TRANSFORMS", "Function", "listed_names"]


_WIDEST = 1_000


class Function(NamedTuple):
    """An elementwise function: what to call, how many arguments it takes, whether integers stay integers."""

    call: Callable[..., Any]
    least: int = 1
    most: int = 1
    keeps_integers: bool = False


def _exp10(x: Any) -> Any:
    return np.power(10.0, x)


def _where(condition: Any, yes: Any, no: Any) -> Any:
    return np.where(np.asarray(condition) != 0, yes, no)


def _round(x: Any, digits: Any = 0) -> Any:
    return np.round(x, int(digits))


_BARE: dict[str, Function] = {
    "log": Function(np.log),
    "log2": Function(np.log2),
    "log10": Function(np.log10),
    "log1p": Function(np.log1p),
    "exp": Function(np.exp),
    "exp2": Function(np.exp2),
    "exp10": Function(_exp10),
    "expm1": Function(np.expm1),
    "sqrt": Function(np.sqrt),
    "abs": Function(np.abs, keeps_integers=True),
    "sign": Function(np.sign, keeps_integers=True),
    "floor": Function(np.floor),
    "ceil": Function(np.ceil),
    "round": Function(_round, 1, 2),
    "sin": Function(np.sin),
    "cos": Function(np.cos),
    "tan": Function(np.tan),
    "minimum": Function(np.minimum, 2, 2, keeps_integers=True),
    "maximum": Function(np.maximum, 2, 2, keeps_integers=True),
}
_NUMPY_ONLY: dict[str, Function] = {
    "absolute": _BARE["abs"],
    "arcsin": Function(np.arcsin),
    "arccos": Function(np.arccos),
    "arctan": Function(np.arctan),
    "arctan2": Function(np.arctan2, 2, 2),
    "sinh": Function(np.sinh),
    "cosh": Function(np.cosh),
    "tanh": Function(np.tanh),
    "arcsinh": Function(np.arcsinh),
    "arccosh": Function(np.arccosh),
    "arctanh": Function(np.arctanh),
    "cbrt": Function(np.cbrt),
    "square": Function(np.square),
    "reciprocal": Function(np.reciprocal),
    "trunc": Function(np.trunc),
    "rint": Function(np.rint),
    "deg2rad": Function(np.deg2rad),
    "rad2deg": Function(np.rad2deg),
    "hypot": Function(np.hypot, 2, 2),
    "power": Function(np.power, 2, 2),
    "where": Function(_where, 3, 3, keeps_integers=True),
    "clip": Function(np.clip, 3, 3, keeps_integers=True),
}
ELEMENTWISE: Mapping[str, Function] = MappingProxyType(
    _BARE | {f"np.{name}": function for name, function in (_BARE | _NUMPY_ONLY).items() if name != "exp10"}
)

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "offset": "give the offset by the argument offset=, a column name or an array.",
        "cbind": "give the number of events on the left and the number of trials by trials=.",
        "lag": "lag depends on the order of the rows; make the column before fitting.",
        "hashed": "hashed factors are not available in formulas.",
        "s": "smooth terms are not available; use bs(), ns() or cr() with a fixed df.",
        "te": "smooth terms are not available; use bs(), ns() or cr() with a fixed df.",
        "mean": "it gives another value on new data; use center() or scale(), which remember the training data.",
        "std": "it gives another value on new data; use scale(), which remembers the training data.",
        "min": "it gives another value on new data; use minimum(a, b) for a row-by-row minimum.",
        "max": "it gives another value on new data; use maximum(a, b) for a row-by-row maximum.",
        "strata": "strata are out of scope; use C() for a factor.",
        "factor": "write C(x) for a factor.",
        "relevel": "write C(x, contr.treatment('level')) to choose the reference level.",
        "cut": "make the bins before fitting (pandas.cut), or use a spline such as ns(x, df=4).",
        "rcs": "write ns(x, df=4) for a restricted (natural) cubic spline.",
        "ifelse": "write np.where(condition, yes, no).",
    }
)


def _identity(state: dict[str, Any], env: Env, x: Any) -> Any:  # noqa: ARG001
    return x


def _mark(
    state: dict[str, Any],  # noqa: ARG001
    env: Env,  # noqa: ARG001
    x: Any,
    contrasts: Any = None,
    levels: Any = None,
    *,
    spans_intercept: bool = True,
) -> Marked:
    if not isinstance(x, (Labels, np.ndarray)):
        raise FormulaError("C() takes one column or one expression that gives one value a row.")
    return Marked(
        x, contrasts, None if levels is None else tuple(plain(level) for level in levels), spans_intercept
    )


def _check_size(arguments: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Bases of thousands of columns are slips of the pen, or worse."""
    for value in (*arguments[:1], options.get("df"), options.get("degree")):
        if isinstance(value, int) and value > _WIDEST:
            raise ValueError(f"df and degree must not exceed {_WIDEST}.")


def _floats(x: Any) -> NDArray[np.float64]:
    if isinstance(x, np.ndarray) and x.ndim == 1:
        return x.astype(np.float64, copy=False)
    raise TypeError("its first argument must be a column of numbers.")


def _natural(state: dict[str, Any], env: Env, x: Any, *arguments: Any, **options: Any) -> Basis:  # noqa: ARG001
    _check_size(arguments, options)
    matrix = natural_spline(_floats(x), state, *arguments, **options)
    whole = bool(options.get("include_intercept", False))
    return Basis(matrix, tuple(str(i) for i in range(1, matrix.shape[1] + 1)), drop=0 if whole else None)


def _learned(name: str) -> Callable[..., Any]:
    """A stateful transform of formulaic, fed with plain arrays."""

    def call(state: dict[str, Any], env: Env, x: Any, *arguments: Any, **options: Any) -> Any:
        x = _floats(x)
        _check_size(arguments, options)
        if name == "bs" and "lower_bound" in state and options.get("extrapolation", "raise") == "raise":
            _inside(x, state, env)
        return make_basis(name, x, state, arguments, options)

    return call


def _inside(x: NDArray[np.float64], state: Mapping[str, Any], env: Env) -> None:
    low, high = float(state["lower_bound"]), float(state["upper_bound"])
    outside = (x < low) | (x > high)
    if outside.any():
        raise DataError(
            f"bs() was fitted on values from {low:g} to {high:g}, and {env.rows(outside)} lie outside; write "
            "extrapolation='clip' or 'extend' (or 'na' for missing predictions) into bs(), or use ns()."
        )


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "I": _identity,
        "C": _mark,
        "ns": _natural,
        "bs": _learned("bs"),
        "cr": _learned("cr"),
        "cs": _learned("cs"),
        "cc": _learned("cc"),
        "poly": _learned("poly"),
        "center": _learned("center"),
        "scale": _learned("scale"),
        "standardize": _learned("standardize"),
    }
)


def listed_names() -> tuple[str, ...]:
    """Every function that formula text may call, for messages."""
    return (*TRANSFORMS, *_BARE, "np.* (elementwise)", *(f"contr.{name}" for name in CONTRASTS))
