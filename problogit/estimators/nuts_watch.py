"""What is seen of the chains while they run: draws counted, progress told, an interrupt noticed and survived."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.errors import EstimationError
from problogit.progress import Progress

__all__ = ["STATISTICS", "ChainStopped", "NutsSettings", "Watch", "best_chains", "nothing_to_return"]

# What ArviZ calls the sampler's statistics, and what PyMC's steps call them.
STATISTICS = {
    "diverging": "diverging",
    "energy": "energy",
    "lp": "model_logp",
    "n_steps": "tree_size",
    "tree_depth": "depth",
    "reached_max_treedepth": "reached_max_treedepth",
    "step_size": "step_size",
    "acceptance_rate": "mean_tree_accept",
}
_LEAST_DRAWS = 50  # of a chain that was interrupted: below this r-hat and effective sample sizes say nothing
_TIMES_AS_MANY = 4
_BETWEEN_REPORTS = 50


@dataclass(frozen=True)
class NutsSettings:
    """How long to sample, on how many cores (None: as many as there are), and by whose loop (pymc or nutpie)."""

    draws: int
    tune: int
    chains: int
    cores: int | None
    target_accept: float
    backend: str = "pymc"


class ChainStopped(Exception):
    """A chain ended before its last draw, which with PyMC only an interrupt does."""


@dataclass
class Watch:
    """PyMC's callback: counts draws, reports progress, notices that the chains were interrupted."""

    settings: NutsSettings
    processes: int
    progress: Progress
    gradients: int = 0
    divergences: int = 0
    unreported: int = 0
    interrupted: bool = False
    done: dict[int, int] = field(default_factory=dict)
    traces: dict[int, Any] = field(default_factory=dict)

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
            self.traces[draw.chain] = trace
        self.done[draw.chain] = self.done.get(draw.chain, 0) + 1
        self.gradients += int(draw.stats[0]["tree_size"])
        self.divergences += bool(draw.stats[0]["diverging"]) and not draw.tuning
        self.unreported += 1
        if self.unreported == _BETWEEN_REPORTS or self.complete:
            self._report(draw.tuning)

    def _report(self, tuning: bool) -> None:
        note = (
            "tuning"
            if tuning and not self.divergences
            else f"{self.divergences} divergence{'s' if self.divergences != 1 else ''}"
        )
        try:
            self.progress.advance(self.unreported, note)
        except KeyboardInterrupt:  # a progress display with a button to stop
            self.interrupted = True
            raise
        finally:
            self.unreported = 0

    def _check_others(self) -> None:
        """Chains that run one after the other end before the next begins, unless an interrupt ended them.

        PyMC would end the current chain only, and begin the next.
        """
        unfinished = sum(count < self.per_chain for count in self.done.values())
        if self.interrupted or unfinished >= self.processes:
            raise ChainStopped

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Take note of Ctrl-C, which PyMC swallows; what it did before, it does as well."""
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(before):
            yield
            return
        handler = before

        def notice(number: int, frame: Any) -> None:
            self.interrupted = True
            handler(number, frame)

        signal.signal(signal.SIGINT, notice)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def ending(self, failure: type[Exception]) -> Iterator[None]:
        """Around PyMC's sampling: an interrupt ends it quietly, a failed chain (also by `failure`) as what it is."""
        try:
            yield
        except (KeyboardInterrupt, ChainStopped):
            self.interrupted = True
        except Exception as error:
            # After Ctrl-C, which PyMC swallows, it goes on and may fail on chains without draws.
            if not self.interrupted:
                if isinstance(error, (RuntimeError, EOFError, OSError, failure)):
                    raise self.failure(error) from error
                raise
        finally:
            self.progress.finish()

    def so_far(self) -> tuple[Array, dict[str, NDArray[Any]]]:
        """The draws of an interrupted run: chains of one length, as many draws in all as can be had.

        `best_chains` chooses.

        Returns
        -------
        z : ndarray, shape (n_chains, n_draws, size)
        statistics : dict of ndarray, shape (n_chains, n_draws)

        Raises
        ------
        KeyboardInterrupt
            No chain has draws enough to be of use.
        """
        tune = self.settings.tune
        lengths = {chain: len(trace) - tune for chain, trace in self.traces.items()}
        chosen, length = best_chains(lengths, self.settings.draws)
        if not chosen:
            raise nothing_to_return(max(lengths.values(), default=0), tune)
        traces = [self.traces[chain] for chain in chosen]
        part = slice(tune, tune + length)
        draws = np.array([np.asarray(trace.get_values("z"), dtype=np.float64)[part] for trace in traces])
        statistics = {
            name: np.array([np.asarray(trace.get_sampler_stats(theirs)).ravel()[part] for trace in traces])
            for name, theirs in STATISTICS.items()
        }
        return draws, statistics

    def failure(self, error: BaseException) -> EstimationError:
        """What is said when a chain fails, or its process dies."""
        made = f"{sum(self.done.values())} of {self.settings.chains * self.per_chain} steps had been made"
        if isinstance(error, (EOFError, OSError)):
            return EstimationError(
                f"The process of a chain ended without a word ({type(error).__name__}) when {made}; most often the "
                "system was out of memory and killed it. The other chains were stopped. Bayes(cores=1) samples in "
                "this process and needs less memory."
            )
        reason = str(error).strip().splitlines()
        return EstimationError(
            f"The sampler failed when {made}: {(reason[0] if reason else type(error).__name__).rstrip('.')}. The other "
            "chains were stopped."
        )


def nothing_to_return(longest: int, tune: int) -> KeyboardInterrupt:
    """What is raised when an interrupt came before there were draws enough; `longest` is that of the longest chain."""
    return KeyboardInterrupt(
        f"Sampling was interrupted before any chain had made {_LEAST_DRAWS} draws beyond its {tune} steps of tuning "
        f"(the longest: {max(longest, 0)}), so that there is nothing to return."
    )


def best_chains(lengths: dict[int, int], draws: int) -> tuple[list[int], int]:
    """Chains and a common length that make the most draws.

    Two chains or more where there are two, because a single one cannot be checked; unless that alone has over four
    times as many draws.
    """
    least = min(_LEAST_DRAWS, draws)
    usable = sorted((chain for chain in lengths if lengths[chain] >= least), key=lambda c: -lengths[c])
    sizes = [(count * lengths[usable[count - 1]], count) for count in range(1, len(usable) + 1)]
    if not sizes:
        return [], 0
    most, count = max(sizes[1:] or sizes)
    count = 1 if sizes[0][0] > _TIMES_AS_MANY * most else count
    return sorted(usable[:count]), lengths[usable[count - 1]]
