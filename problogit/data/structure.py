"""Which columns a formula's terms need so that together they have full structural rank.

Each term spans a set of products of factors; what earlier terms span already is left out, and what remains is
written with as few, as full-rank products as possible. This is the rule of R, patsy and formulaic; the order of the
steps is formulaic's, so that the same columns appear in the same order under the same names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

__all__ = ["Product", "ScopedFactor", "plan_products"]

ScopedFactor = tuple[int, bool]
"""Position of the factor, and whether it is coded at reduced rank."""
Product = tuple[ScopedFactor, ...]


def plan_products(
    terms: Sequence[Sequence[int]], spans_intercept: Sequence[bool]
) -> list[tuple[Product, ...]]:
    """The products of factors that each term contributes.

    Parameters
    ----------
    terms : sequence of sequence of int
        The factors of each term, by position; the intercept has none.
    spans_intercept : sequence of bool
        Whether each factor, coded at full rank, spans the intercept (categorical factors do).

    Returns
    -------
    list of tuple of Product
        One entry per term; the empty product is the intercept.
    """
    spanned: set[frozenset[ScopedFactor]] = set()
    plans = []
    for factors in terms:
        choices: list[list[Product]] = [
            [((factor, True),), ()] if spans_intercept[factor] else [((factor, False),)] for factor in factors
        ]
        span = [tuple(itertools.chain(*parts)) for parts in itertools.product(*choices)]
        fresh = [product for product in dict.fromkeys(span) if frozenset(product) not in spanned]
        plans.append(tuple(_merge(fresh)))
        spanned.update(frozenset(product) for product in fresh)
    return plans


def _merge(products: Iterable[Product]) -> list[Product]:
    """Apply (a : reduced b) + a -> a : full b until nothing changes."""
    merged: list[Product] = []
    for product in sorted(products, key=len):
        match = next((found for old in merged if (found := _one_more(old, product)) is not None), None)
        if match is None:
            if not any(frozenset(product) == frozenset(old) for old in merged):
                merged.append(product)
            continue
        old, factor = match
        rest = [other for other in merged if frozenset(other) != frozenset(old)]
        widened = tuple(
            (position, False) if (position, reduced) == factor else (position, reduced)
            for position, reduced in product
        )
        merged = _merge([*rest, widened])
    return merged


def _one_more(old: Product, product: Product) -> tuple[Product, ScopedFactor] | None:
    """`old`, and the reduced factor by which `product` differs from it, if that is the only difference."""
    extra = set(product) - set(old)
    if len(product) - 1 != len(old) or len(extra) != 1:
        return None
    factor = extra.pop()
    return (old, factor) if factor[1] else None
