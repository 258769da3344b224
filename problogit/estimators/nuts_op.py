"""PyMC's No-U-Turn sampler on a log density that is one PyTensor operation.

The density and its gradient are one NumPy function, wrapped as one node of a PyTensor graph. There is nothing to
compile, so no C compiler is needed and a run starts at once; PyMC 5 and 6 take the same path.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import util
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.errors import EstimationError
from problogit.progress import Progress

__all__ = ["Density", "NutsRun", "NutsSettings", "processes_for", "run_nuts"]

STATISTICS = (
    "diverging",
    "energy",
    "lp",
    "n_steps",
    "tree_depth",
    "reached_max_treedepth",
    "step_size",
    "acceptance_rate",
)
_NO_COMPILER = {"mode": "FAST_COMPILE"}
_WORKER = "worker_chain_"  # PyMC's name for the process of a chain
_BETWEEN_REPORTS = 50
_REMEMBERED = 64  # more than nearly every path has steps


class Density(Protocol):
    """A log density on R^size."""

    @property
    def size(self) -> int:
        """Dimension."""

    def evaluate(self, z: Array) -> tuple[float, Array]:
        """Log density and gradient."""


@dataclass(frozen=True)
class NutsSettings:
    """How long to sample, and on how many cores (None: as many as there are)."""

    draws: int
    tune: int
    chains: int
    cores: int | None
    target_accept: float


@dataclass(frozen=True, eq=False)
class NutsRun:
    """What the sampler returned.

    Attributes
    ----------
    z : ndarray, shape (n_chains, n_draws, size)
    statistics : mapping of str to ndarray of shape (n_chains, n_draws)
        `STATISTICS`, under PyMC's names.
    gradients : int
        Leapfrog steps, tuning included: each is one evaluation of the density with its gradient.
    processes : int
        Processes that sampled; 1 where the chains ran one after the other in this process.
    seconds : float
        Wall time of sampling, start-up included.
    raw : object
        What `pymc.sample` returned: InferenceData (PyMC 5) or DataTree (PyMC 6).
    """

    z: Array
    statistics: Mapping[str, NDArray[Any]]
    gradients: int
    processes: int
    seconds: float
    raw: Any


def processes_for(chains: int, cores: int | None) -> int:
    """How many processes may sample.

    Child processes are made only by ``fork``, which needs no importable main module and no guard in the user's
    script: on Linux, unless the program chose another start method, is itself a daemonic worker, or runs other threads
    (whose locks a fork would copy). A number of cores that the user gave overrides only the last of these.
    """
    available = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    wanted = min(chains, available if cores is None else cores)
    may_fork = (
        sys.platform == "linux"
        and multiprocessing.get_start_method(allow_none=True) in (None, "fork")
        and not multiprocessing.current_process().daemon
        and (cores is not None or threading.active_count() == 1)
    )
    return wanted if may_fork else 1


def run_nuts(
    density: Density, start: Array, settings: NutsSettings, seed: int, progress: Progress
) -> NutsRun:
    """Sample.

    Parameters
    ----------
    density : Density
    start : ndarray, shape (n_chains, size)
        Where each chain begins.
    settings : NutsSettings
    seed : int
        The same seed gives the same draws on any number of cores.
    progress : Progress
        Told about draws of all chains and divergences.
    """
    import pymc as pm
    from pymc.step_methods.hmc.integration import CpuLeapfrogIntegrator

    began = time.perf_counter()
    processes = processes_for(settings.chains, settings.cores)
    watch = _Watch(settings, progress)
    with _quiet(), _children_end_with_parent(), pm.Model():
        z = pm.Flat("z", shape=density.size)
        pm.Potential("log_density", _as_operation(density)(z)[0])
        step = pm.NUTS(
            potential=_metric(density.size), target_accept=settings.target_accept, compile_kwargs=_NO_COMPILER
        )
        step.integrator = CpuLeapfrogIntegrator(step.potential, _Direct(_Recall(density)))
        try:
            raw = pm.sample(
                draws=settings.draws,
                tune=settings.tune,
                chains=settings.chains,
                cores=processes,
                random_seed=seed,
                nuts_sampler="pymc",
                step=step,
                initvals=[{"z": point} for point in start],
                progressbar=False,
                quiet=True,
                compute_convergence_checks=False,
                callback=watch,
                # Named, so that asking for it does not fix the program's own start method.
                mp_ctx=multiprocessing.get_context("fork" if processes > 1 else "spawn"),
                blas_cores=None,
                compile_kwargs=_NO_COMPILER,
            )
        except (ValueError, _ChainStopped):
            # PyMC swallows Ctrl-C and then fails, or goes on, with the chains it has.
            if watch.complete:
                raise
            raise KeyboardInterrupt from None
        except RuntimeError as error:
            raise EstimationError(f"The sampler failed: {error}") from error
        finally:
            progress.finish()
    if not watch.complete:
        raise KeyboardInterrupt
    statistics = {name: np.asarray(raw["sample_stats"][name].values) for name in STATISTICS}
    draws = np.asarray(raw["posterior"]["z"].values, dtype=np.float64)
    return NutsRun(draws, statistics, watch.gradients, processes, time.perf_counter() - began, raw)


def _metric(size: int) -> Any:
    """A diagonal metric that starts from the unit one and adapts over windows of doubling length.

    The coordinates are nearly isotropic already. PyMC's own windows of 101 draws follow excursions into heavy tails
    so closely that a chain may end its tuning with a metric and a step size that no longer accept anything.
    """
    from pymc.step_methods.hmc.quadpotential import QuadPotentialDiagAdapt

    return QuadPotentialDiagAdapt(
        size,
        np.zeros(size),
        np.ones(size),
        initial_weight=10,
        adaptation_window=101,
        adaptation_window_multiplier=2,
        early_update=True,
    )


def _as_operation(density: Density) -> Any:
    """The density as a PyTensor operation z -> (value, gradient) with its own derivative."""
    import pytensor.tensor as pt
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op

    recall = _Recall(density)

    class LogDensity(Op):  # type: ignore[misc]  # PyTensor has no type information
        """value, gradient = f(z)."""

        def make_node(self, z: Any) -> Any:
            return Apply(self, [pt.as_tensor_variable(z)], [pt.dscalar(), pt.dvector()])

        def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
            value, gradient = recall(inputs[0])
            output_storage[0][0] = np.asarray(value)
            output_storage[1][0] = gradient

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
            return [cotangents[0] * outputs[1]]

        L_op = pullback  # its name in PyTensor 2

    return LogDensity()


@dataclass(frozen=True)
class _Direct:
    """What PyMC's leapfrog integrator reads of a compiled log density, without the machinery around the call.

    The integrator calls the function thousands of times a second; the arguments need no check and no conversion.
    """

    _pytensor_function: Callable[[Array], tuple[float, Array]]
    _raveled_inputs: bool = True
    dtype: str = "float64"


@dataclass
class _Recall:
    """The last points and their values: NUTS asks again for the point from which each path starts."""

    density: Density
    known: dict[bytes, tuple[float, Array]] = field(default_factory=dict)

    def __call__(self, z: Array) -> tuple[float, Array]:
        """Log density and gradient."""
        key = z.tobytes()
        found = self.known.get(key)
        if found is None:
            if len(self.known) >= _REMEMBERED:
                del self.known[next(iter(self.known))]
            found = self.known[key] = self.density.evaluate(z)
        return found


class _ChainStopped(Exception):
    """A chain ended before its last draw."""


@dataclass
class _Watch:
    """PyMC's callback: counts draws, reports progress, notices that a chain was interrupted."""

    settings: NutsSettings
    progress: Progress
    gradients: int = 0
    divergences: int = 0
    unreported: int = 0
    done: dict[int, int] = field(default_factory=dict)

    @property
    def per_chain(self) -> int:
        """Iterations of one chain."""
        return self.settings.draws + self.settings.tune

    @property
    def complete(self) -> bool:
        """True when every chain made every draw."""
        return sum(self.done.values()) == self.settings.chains * self.per_chain

    def __call__(self, trace: Any, draw: Any) -> None:
        """Take note of one draw."""
        if not self.done:
            # Only now: a progress bar runs a thread, and the chains have been forked.
            self.progress.start("Sampling", self.settings.chains * self.per_chain)
        if draw.chain not in self.done:
            self._check_others()
        self.done[draw.chain] = self.done.get(draw.chain, 0) + 1
        self.gradients += int(draw.stats[0]["tree_size"])
        self.divergences += bool(draw.stats[0]["diverging"]) and not draw.tuning
        self.unreported += 1
        if self.unreported == _BETWEEN_REPORTS or self.complete:
            note = f"{self.divergences} divergences" if self.divergences else ""
            self.progress.advance(self.unreported, note)
            self.unreported = 0

    def _check_others(self) -> None:
        """Chains that run one after the other end before the next begins, unless Ctrl-C ended them."""
        unfinished = sum(count < self.per_chain for count in self.done.values())
        if unfinished >= processes_for(self.settings.chains, self.settings.cores):
            raise _ChainStopped


@contextmanager
def _quiet() -> Iterator[None]:
    """No compilation, one BLAS thread a chain, and none of the warnings that are about PyMC's insides."""
    import pytensor
    from threadpoolctl import threadpool_limits

    with (
        warnings.catch_warnings(),
        threadpool_limits(limits=1, user_api="blas"),
        pytensor.config.change_flags(**_NO_COMPILER),
    ):
        # Python 3.12 counts the threads of other libraries (pyarrow's allocator); ours were checked.
        warnings.filterwarnings(
            "ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning
        )
        # Fewer draws than chains are allowed; the diagnostics say what is wrong with them.
        warnings.filterwarnings("ignore", message="More chains|Found chain dimension", category=UserWarning)
        yield


@contextmanager
def _children_end_with_parent() -> Iterator[None]:
    """Processes of chains that are forked in this context die with this process, however it dies.

    PyMC's workers wait for messages on a pipe whose other end they inherit, so that a killed parent would leave them
    waiting for ever. multiprocessing calls the hook in each child while `token` lives.
    """
    token = _Token()
    util.register_after_fork(token, _die_with_parent)
    try:
        yield
    finally:
        del token


class _Token:
    """Something that a weak reference can point to."""


def _die_with_parent(token: object) -> None:  # noqa: ARG001  # multiprocessing passes it
    if sys.platform == "linux" and multiprocessing.current_process().name.startswith(_WORKER):
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
