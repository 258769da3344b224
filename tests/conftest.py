"""Settings that every test shares."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# No window, whatever the machine has; set before anything can import matplotlib, and inherited by child processes.
os.environ["MPLBACKEND"] = "Agg"

# Examples are drawn from a fixed sequence, so that a failure is the same failure everywhere; no test is timed, because
# a busy machine is not a bug.
settings.register_profile(
    "problogit",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("problogit")


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, even where whoever started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
