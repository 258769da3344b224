"""All that problogit takes from formulaic: its parser, its bases, its contrasts. Nothing else imports it.

formulaic evaluates text with Python's own interpreter; none of that is used. Its parser sees text only after
`expression` has read every piece of Python in it, and its transforms get arrays.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from problogit.data.values import Basis
from problogit.errors import FormulaError

__all__ = [
    "CONTRASTS",
    "Token",
    "contrast_class",
    "contrast_table",
    "expand",
    "make_basis",
    "read_contrast",
    "tokens",
]

CONTRASTS = ("treatment", "sum", "helmert", "diff", "poly", "SAS", "custom")


class Token(NamedTuple):
    """A piece of a formula: ``operator``, ``context`` (a bracket), ``name``, ``value`` or ``python``."""

    kind: str
    text: str


def tokens(right: str) -> list[Token]:
    """Cut the right side of a formula into pieces; characters only, nothing is evaluated.

    Raises
    ------
    ValueError
        Malformed; the message is one line.
    """
    from formulaic.errors import FormulaicError
    from formulaic.parser.algos.tokenize import tokenize

    try:
        return [Token(token.kind.value, token.token) for token in tokenize(right)]
    except FormulaicError as error:
        raise ValueError(_one_line(error)) from error


def expand(right: str, available: Sequence[str]) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Expand the right side of a formula into terms.

    Parameters
    ----------
    right : str
        Text that was checked.
    available : sequence of str
        Columns that ``.`` stands for.

    Returns
    -------
    list of (label, factors)
        A factor is its text, and whether that is the name of a column.

    Raises
    ------
    ValueError
        Malformed; the message is one line.
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError
    from formulaic.parser.types import Factor

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's hints on odd but harmless code
            parsed = list(Formula(right, _context={"__formulaic_variables_available__": list(available)}))
    except (FormulaicError, ValueError, SyntaxError, RecursionError, StopIteration) as error:
        raise ValueError(_one_line(error)) from error
    terms = []
    for term in parsed:
        factors = [factor for factor in term.factors if factor.eval_method is not Factor.EvalMethod.LITERAL]
        terms.append((str(term), [(f.expr, f.eval_method is Factor.EvalMethod.LOOKUP) for f in factors]))
    return terms


def _one_line(error: Exception) -> str:
    """Formulaic's message without colours, source excerpts and its own quotes."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().split("\n", maxsplit=1)[0]
    plain = plain.replace("insuffient", "too few").replace("`", "'").rstrip(".")
    return f"{plain[:1].lower()}{plain[1:]}"


def make_basis(
    name: str, x: Any, state: dict[str, Any], arguments: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    """Call a stateful transform (``bs``, ``poly``, ``scale``...); what it learns lands in `state`.

    Returns
    -------
    ndarray of shape (n,), or Basis
    """
    from formulaic.materializers.types import FactorValues
    from formulaic.transforms import TRANSFORMS

    with np.errstate(all="ignore"):  # what is not finite in the end is told by term and row
        result = TRANSFORMS[name](x, *arguments, _state=state, **options)
    if not isinstance(result, FactorValues):
        matrix = np.asarray(result, dtype=np.float64)
        return matrix if matrix.ndim == 1 else Basis(matrix, tuple(str(i) for i in range(matrix.shape[1])))
    about, inner = result.__formulaic_metadata__, result.__wrapped__
    if isinstance(inner, dict):
        fields = list(inner)
        matrix = np.column_stack([np.asarray(inner[key], dtype=np.float64) for key in fields])
        drop = fields.index(about.drop_field) if about.spans_intercept else None
        return Basis(matrix, tuple(str(key) for key in fields), drop)
    return Basis(np.asarray(inner, dtype=np.float64), tuple(str(key) for key in about.column_names))


def contrast_class(name: str) -> Any:
    """The class of a contrast in `CONTRASTS`."""
    from formulaic.transforms import ContrastsRegistry

    listed = {
        "treatment": ContrastsRegistry.treatment,
        "sum": ContrastsRegistry.sum,
        "helmert": ContrastsRegistry.helmert,
        "diff": ContrastsRegistry.diff,
        "poly": ContrastsRegistry.poly,
        "SAS": ContrastsRegistry.SAS,
        "custom": ContrastsRegistry.custom,
    }
    return listed[name]


def read_contrast(given: Any) -> tuple[Any, bool]:
    """The second argument of ``C()`` as a contrast, and whether its numbers are tied to the levels that were named."""
    from formulaic.transforms.contrasts import Contrasts

    if given is None:
        return contrast_class("treatment")(), False
    if isinstance(given, (dict, list, tuple)):
        return contrast_class("custom")(given), True
    if isinstance(given, type) and issubclass(given, Contrasts):
        given = given()
    if isinstance(given, Contrasts):
        scored = isinstance(given, contrast_class("poly")) and given.scores is not None
        return given, scored or isinstance(given, contrast_class("custom"))
    raise FormulaError(
        "the second argument of C() must be a contrast such as contr.sum, or numbers for each level."
    )


def contrast_table(
    contrast: Any, name: str, levels: Sequence[Any], *, reduced: bool
) -> tuple[sp.csr_array, tuple[str, ...]]:
    """The row of each level under a contrast, and the names of its columns.

    Raises
    ------
    ValueError, TypeError, IndexError
        The contrast does not fit the levels.
    """
    listed = list(levels)
    table = sp.csr_array(
        contrast.get_coding_matrix(listed, reduced_rank=reduced, sparse=True), dtype=np.float64
    )
    table.eliminate_zeros()
    fields = contrast.get_coding_column_names(listed, reduced_rank=reduced)
    form = contrast.get_factor_format(listed, reduced_rank=reduced)
    return table, tuple(form.format(name=name, field=label) for label in fields)
