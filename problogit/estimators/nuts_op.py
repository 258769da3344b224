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
from problogit.estimators.nuts_watch import STATISTICS, NutsSettings, Watch
from problogit.progress import Progress

__all__ = ["Density", "NutsRun", "NutsSettings", "processes_for", "run_nuts"]

_NO_COMPILER = {"mode": "FAST_COMPILE"}
_WORKER = "worker_chain_"  # PyMC's name for the process of a chain
_REMEMBERED = 64  # more than nearly every path has steps


class Density(Protocol):
    """A log density on R^size."""

    @property
    def size(self) -> int:
        """Dimension."""

    def evaluate(self, z: Array) -> tuple[float, Array]:
        """Log density and gradient."""


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
        What `pymc.sample` returned: InferenceData (PyMC 5) or DataTree (PyMC 6); None where it was interrupted.
    interrupted : bool
        True where the chains were stopped before their last draw.
    engine : str
        Whose loop it was.
    """

    z: Array
    statistics: Mapping[str, NDArray[Any]]
    gradients: int
    processes: int
    seconds: float
    raw: Any
    interrupted: bool = False
    engine: str = "PyMC NUTS"


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

    Returns
    -------
    NutsRun
        After Ctrl-C the draws made until then, in chains of one length.

    Raises
    ------
    EstimationError
        A chain failed, or its process died.
    KeyboardInterrupt
        Ctrl-C before there were draws to return.
    """
    import pymc as pm
    from pymc.blocking import RaveledVars
    from pymc.sampling.parallel import ParallelSamplingError
    from pymc.step_methods.hmc.integration import State

    began = time.perf_counter()
    processes = processes_for(settings.chains, settings.cores)
    watch = Watch(settings, processes, progress)
    raw = None
    with _quiet(), _children_end_with_parent(), watch.interrupts(), pm.Model():
        z = pm.Flat("z", shape=density.size)
        pm.Potential("log_density", _as_operation(density)(z)[0])
        step = pm.NUTS(
            potential=_metric(density.size), target_accept=settings.target_accept, compile_kwargs=_NO_COMPILER
        )
        step.integrator = _Leapfrog(step.potential, _Recall(density), State, RaveledVars)
        with watch.ending(ParallelSamplingError):
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
    if raw is None or not watch.complete:
        draws, found = watch.so_far()
        seconds = time.perf_counter() - began
        return NutsRun(draws, found, watch.gradients, processes, seconds, None, not watch.complete)
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
class _Leapfrog:
    """The steps of PyMC's leapfrog integrator, on a density that takes and returns arrays as they are.

    PyMC's own asks a compiled PyTensor function, and BLAS for sums of a few numbers, thousands of times a second.

    Attributes
    ----------
    potential : object
        PyMC's metric.
    density : callable
        z -> log density and gradient.
    state, vector : type
        PyMC's types of a point in phase space and of its position.
    """

    potential: Any
    density: Callable[[Array], tuple[float, Array]]
    state: Callable[..., Any]
    vector: Callable[..., Any]

    def compute_state(self, q: Any, p: Array) -> Any:
        """The point at position q with momentum p."""
        value, gradient = self.density(q.data)
        velocity = self.potential.velocity(p)
        energy = self.potential.energy(p, velocity=velocity) - value
        return self.state(q, p, velocity, gradient, energy, value, 0)

    def step(self, epsilon: Any, state: Any) -> Any:
        """Half a step of the momentum, a step of the position, half a step of the momentum."""
        length = float(epsilon)
        p = state.p + 0.5 * length * state.q_grad
        velocity = self.potential.velocity(p)
        q = state.q.data + length * velocity
        value, gradient = self.density(q)
        p += 0.5 * length * gradient
        energy = self.potential.velocity_energy(p, velocity) - value
        index = state.index_in_trajectory + (1 if length > 0 else -1)
        return self.state(self.vector(q, state.q.point_map_info), p, velocity, gradient, energy, value, index)


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
    """In a chain's process: Ctrl-C in a terminal goes to all processes, and the parent alone decides what it means."""
    if multiprocessing.current_process().name.startswith(_WORKER):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux" and multiprocessing.current_process().name.startswith(_WORKER):
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
