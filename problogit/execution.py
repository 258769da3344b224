"""Sums over blocks of rows: the one way in which problogit walks over data.

A kernel maps a slice of rows to a tuple of arrays; an executor returns the sums over all slices. The order of
addition depends on the number of workers only, so that the same machine gives the same bits again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, repeat
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Executor", "Serial", "Sums", "Threads", "blocks_of", "default_executor", "one_blas_thread"]

Sums = tuple[NDArray[np.float64], ...]
Kernel = Callable[[slice], Sums]


@runtime_checkable
class Executor(Protocol):
    """Adds up what a kernel returns for each block of rows."""

    def total(self, kernel: Kernel, blocks: Sequence[slice]) -> Sums:
        """Elementwise sums of ``kernel(block)`` over `blocks`."""

    def each(self, task: Callable[[slice], None], blocks: Sequence[slice]) -> None:
        """Run `task`, which writes its own rows of a result, for every block."""


def _add_up(kernel: Kernel, blocks: Sequence[slice]) -> Sums:
    first = kernel(blocks[0])
    sums = tuple(np.array(part, dtype=np.float64) for part in first)
    for block in blocks[1:]:
        for total, part in zip(sums, kernel(block), strict=True):
            total += part
    return sums


@dataclass(frozen=True)
class Serial:
    """One block after the other, in the calling thread."""

    def total(self, kernel: Kernel, blocks: Sequence[slice]) -> Sums:
        """Elementwise sums of ``kernel(block)`` over `blocks`."""
        return _add_up(kernel, blocks)

    def each(self, task: Callable[[slice], None], blocks: Sequence[slice]) -> None:
        """Run `task` for every block."""
        for block in blocks:
            task(block)


@dataclass(frozen=True)
class Threads:
    """Contiguous runs of blocks on threads; NumPy and BLAS release the interpreter's lock.

    While they run, BLAS is held to one thread: its own threads and these would wait for one another, for seconds.

    Parameters
    ----------
    workers : int
        Number of threads. Fewer than two blocks a worker run in the calling thread.
    """

    workers: int

    def _runs(self, blocks: Sequence[slice]) -> list[Sequence[slice]]:
        bounds = np.linspace(0, len(blocks), min(self.workers, len(blocks)) + 1).astype(int)
        return [blocks[a:b] for a, b in pairwise(bounds)]

    def total(self, kernel: Kernel, blocks: Sequence[slice]) -> Sums:
        """Elementwise sums of ``kernel(block)`` over `blocks`, each thread's part added in order."""
        if self.workers < 2 or len(blocks) < 2 * self.workers:
            return _add_up(kernel, blocks)
        with one_blas_thread(), ThreadPoolExecutor(self.workers) as pool:
            parts = list(pool.map(lambda run: _add_up(kernel, run), self._runs(blocks)))
        sums = parts[0]
        for part in parts[1:]:
            for total, extra in zip(sums, part, strict=True):
                total += extra
        return sums

    def each(self, task: Callable[[slice], None], blocks: Sequence[slice]) -> None:
        """Run `task` for every block, on threads where there are enough of them."""
        if self.workers < 2 or len(blocks) < 2 * self.workers:
            for block in blocks:
                task(block)
            return
        with one_blas_thread(), ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(Serial().each, repeat(task), self._runs(blocks)))


@cache
def _blas() -> Any:
    """A switch for the BLAS that NumPy has loaded; finding it takes longer than a sum over a small design."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_blas_thread() -> Any:
    """A context in which BLAS uses one thread: over few columns its threads cost more than they do."""
    return _blas().limit(limits=1, user_api="blas")


def default_executor() -> Executor:
    """Threads on the processors that this process may use, at most eight."""
    available = len(os.sched_getaffinity(0)) if "sched_getaffinity" in dir(os) else (os.cpu_count() or 1)
    return Threads(max(1, min(8, available)))


def blocks_of(n_rows: int, block_rows: int) -> list[slice]:
    """Consecutive slices of at most `block_rows` rows that cover ``range(n_rows)``; one empty slice for no rows."""
    starts = range(0, max(n_rows, 1), block_rows)
    return [slice(start, min(start + block_rows, n_rows)) for start in starts]
