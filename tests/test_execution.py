"""Sums over blocks, progress and the rules for arguments."""

from __future__ import annotations

import numpy as np
import pytest

from problogit.errors import InputError
from problogit.execution import Serial, Threads, blocks_of, default_executor
from problogit.progress import SILENT, Progress, TerminalProgress, resolve_progress
from problogit.validation import (
    check_choice,
    check_integer,
    check_positive,
    check_probability,
    nearest,
    seed_sequence,
)


@pytest.mark.parametrize("executor", [Serial(), Threads(1), Threads(3), default_executor()])
@pytest.mark.parametrize("rows", [1, 10, 103])
def test_every_row_is_counted_once(executor, rows):
    x = np.arange(float(rows))
    blocks = blocks_of(rows, 10)
    total, square = executor.total(
        lambda b: (np.atleast_1d(x[b].sum()), (x[b] ** 2).sum(keepdims=True)), blocks
    )
    assert total[0] == x.sum()
    assert square[0] == (x**2).sum()
    out = np.zeros(rows)

    def task(block):
        out[block] += x[block]

    executor.each(task, blocks)
    np.testing.assert_array_equal(out, x)


def test_kernels_results_are_not_written_to():
    x = np.ones((4, 2))
    Serial().total(lambda b: (x[b.start],), blocks_of(4, 1))
    np.testing.assert_array_equal(x, 1.0)


def test_an_error_in_a_thread_reaches_the_caller():
    def fails(block):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Threads(2).each(fails, blocks_of(100, 1))


def test_progress_is_silent_unless_asked(capsys):
    assert resolve_progress(False) is SILENT
    assert isinstance(resolve_progress(True), TerminalProgress)
    bar: Progress = TerminalProgress()
    bar.start("work", 3)
    bar.advance(3, note="done")
    bar.finish()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("check", "value", "text"),
    [
        (lambda v: check_positive("scale", v), -1.0, "scale must be positive; received -1.0"),
        (lambda v: check_positive("scale", v), np.nan, "scale must be a finite number"),
        (lambda v: check_positive("scale", v), True, "scale must be a finite number"),
        (lambda v: check_probability("prob", v), 95, "write 0.95"),
        (lambda v: check_integer("draws", v, 1), 2.5, "draws must be an integer of at least 1"),
        (lambda v: check_choice("covariance", v, ("HC0", "HC3")), "HC4", "one of 'HC0', 'HC3'.*Did you mean"),
    ],
)
def test_broken_rules_name_argument_rule_and_value(check, value, text):
    with pytest.raises(InputError, match=text):
        check(value)


def test_the_nearest_name_is_found_and_nonsense_is_not():
    assert nearest("Huors", ["hours", "school"]) == "hours"
    assert nearest("zzz", ["hours", "school"]) is None


def test_seeds_repeat_and_generators_advance():
    assert seed_sequence(3).generate_state(2).tolist() == seed_sequence(3).generate_state(2).tolist()
    rng = np.random.default_rng(0)
    assert seed_sequence(rng).entropy != seed_sequence(rng).entropy
    with pytest.raises(InputError, match="rng must be"):
        seed_sequence("one")
