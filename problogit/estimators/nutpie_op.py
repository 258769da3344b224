"""The same No-U-Turn sampler by nutpie, where it is installed: its loop is compiled, its density is ours.

nutpie's loop asks for one log density at a time, under Python's lock, so that its chains run one after the other on one
core; PyMC's chains are processes and use them all. benchmarks/README.md says where which is faster.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.errors import EstimationError, MissingDependencyError
from problogit.estimators.nuts_op import Density, NutsRun
from problogit.estimators.nuts_watch import NutsSettings, best_chains, nothing_to_return
from problogit.progress import Progress

__all__ = ["check_nutpie", "nutpie_installed", "run_nutpie"]

# What ArviZ calls the sampler's statistics, and what nutpie calls them.
_STATISTICS = {
    "diverging": "diverging",
    "energy": "energy",
    "lp": "logp",
    "n_steps": "n_steps",
    "tree_depth": "depth",
    "reached_max_treedepth": "maxdepth_reached",
    "step_size": "step_size",
    "acceptance_rate": "mean_tree_accept",
}
_BETWEEN_REPORTS = 0.1  # seconds


def nutpie_installed() -> bool:
    """True where nutpie could be imported; it is not."""
    return find_spec("nutpie") is not None


def check_nutpie() -> None:
    """Raise `MissingDependencyError` unless nutpie can be imported."""
    try:
        import nutpie  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "Bayes: backend='nutpie' needs the package nutpie. Install it: pip install 'problogit[nutpie]'. "
            "backend='pymc' needs nothing more."
        ) from error


@dataclass
class _Counted:
    """The density as nutpie calls it, and what has been done so far."""

    density: Density
    gradients: int = 0
    draws: int = 0
    failure: list[BaseException] = field(default_factory=list)

    def make_density(self) -> Callable[[Array], tuple[float, Array]]:
        """For one thread."""

        def value_and_gradient(z: Array) -> tuple[float, Array]:
            self.gradients += 1
            try:
                return self.density.evaluate(z)
            except Exception as error:  # noqa: BLE001  # nutpie would not survive it; `_wait` raises it
                self.failure.append(error)
                return float("nan"), np.full_like(z, np.nan)

        return value_and_gradient

    def make_expander(self, seed: int, other_seed: int, chain: int) -> Callable[[Array], dict[str, Array]]:
        """Called for every draw that is stored."""
        del seed, other_seed, chain

        def expand(z: Array) -> dict[str, Array]:
            self.draws += 1
            return {"z": z}

        return expand


def run_nutpie(
    density: Density, start: Array, settings: NutsSettings, seed: int, progress: Progress
) -> NutsRun:
    """Sample; arguments, result and errors as those of `nuts_op.run_nuts`.

    Chains start anywhere in the box that `start` spans: nutpie draws the points itself.
    """
    check_nutpie()
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc
    from threadpoolctl import threadpool_limits

    began = time.perf_counter()
    counted, reach = _Counted(density), float(np.abs(start).max(initial=1.0))

    def start_at(chain_seed: int) -> Array:
        return np.random.default_rng(chain_seed).uniform(-reach, reach, density.size)

    model = from_pyfunc(
        density.size,
        counted.make_density,
        counted.make_expander,
        [np.dtype(np.float64)],
        [(density.size,)],
        ["z"],
        make_initial_point_fn=start_at,
    )
    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        # As with PyMC: the diagnostics say what is wrong with few draws.
        warnings.filterwarnings("ignore", message="More chains|Found chain dimension", category=UserWarning)
        sampler = nutpie.sample(
            model,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=1,  # one density at a time under Python's lock: more threads only wait for one another
            seed=seed,
            target_accept=settings.target_accept,
            save_warmup=False,
            progress_bar=False,
            blocking=False,
        )
        raw, interrupted = _wait(sampler, counted, settings, progress)
    z = np.asarray(raw["posterior"]["z"].values, dtype=np.float64)
    statistics = {
        name: np.asarray(raw["sample_stats"][theirs].values) for name, theirs in _STATISTICS.items()
    }
    if interrupted:
        z, statistics = _so_far(z, statistics, settings)
    seconds = time.perf_counter() - began
    return NutsRun(z, statistics, counted.gradients, 1, seconds, raw, interrupted, "nutpie's NUTS")


def _wait(sampler: Any, counted: _Counted, settings: NutsSettings, progress: Progress) -> tuple[Any, bool]:
    """The trace, and whether Ctrl-C ended it early. Stored draws, tuning included, are what progress counts."""
    told, total = 0, settings.chains * (settings.draws + settings.tune)
    progress.start("Sampling", total)
    try:
        while True:
            found = _finished(sampler, counted)
            if found is not None:
                progress.advance(total - told)
                return found, False
            progress.advance(counted.draws - told)
            told = counted.draws
    except KeyboardInterrupt:
        return sampler.abort(), True
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of nutpie's own is no Exception
        with suppress(BaseException):  # it may have ended already
            sampler.abort()
        reason = counted.failure[0] if counted.failure else error
        raise EstimationError(f"The sampler failed: {reason}") from error
    finally:
        progress.finish()


def _finished(sampler: Any, counted: _Counted) -> Any:
    """The trace, or None where chains are running still; a failure of the density is raised here."""
    try:
        found = sampler.wait(timeout=_BETWEEN_REPORTS)
    except TimeoutError:
        found = None
    if counted.failure:
        raise counted.failure[0]
    return found


def _so_far(
    z: Array, statistics: dict[str, NDArray[Any]], settings: NutsSettings
) -> tuple[Array, dict[str, NDArray[Any]]]:
    """Chains of one length: nutpie fills up the shorter ones with NaN."""
    lengths = {chain: int(np.isfinite(z[chain, :, 0]).sum()) for chain in range(z.shape[0])}
    chosen, length = best_chains(lengths, settings.draws)
    if not chosen:
        raise nothing_to_return(max(lengths.values(), default=0), settings.tune)
    return z[chosen, :length], {name: values[chosen, :length] for name, values in statistics.items()}
