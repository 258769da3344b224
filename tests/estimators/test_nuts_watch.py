"""Which draws of an interrupted run are kept, and what is said of failures."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

import problogit as plg
from problogit.errors import ConvergenceWarning, EstimationError
from problogit.estimate import Status
from problogit.estimators import nuts_op
from problogit.estimators.nuts_watch import NutsSettings, Watch, best_chains
from problogit.progress import SILENT


@pytest.mark.parametrize(
    ("lengths", "chosen", "length"),
    [
        ([1000, 1000, 300, -100], [0, 1], 1000),
        ([400, 390, 410, 395], [0, 1, 2, 3], 390),
        ([1000, 1000, 990, 10], [0, 1, 2], 990),
        ([1000, 300], [0, 1], 300),
        ([1000, 60], [0], 1000),  # 120 draws of two chains would throw away 940 to gain an r-hat
        ([49, 10, -5], [], 0),
        ([], [], 0),
    ],
)
def test_chains_that_make_the_most_draws_of_one_length(lengths, chosen, length):
    assert best_chains(dict(enumerate(lengths)), 1000) == (chosen, length)


def test_runs_that_ask_for_few_draws_keep_few():
    assert best_chains({0: 10, 1: 8}, 10) == ([0], 10)
    assert best_chains({0: 10, 1: 10}, 10) == ([0, 1], 10)


def model() -> plg.LogitModel:
    x = np.linspace(-2, 2, 40)
    return plg.LogitModel.from_arrays(x[:, None], (np.arange(40) % 3 == 0).astype(int), names=["x"])


@dataclass
class Button:
    """A progress display that is asked to stop."""

    at: int
    act: str = "raise"
    done: int = 0
    notes: list[str] = field(default_factory=list)

    def start(self, label: str, total: int) -> None:
        pass

    def finish(self) -> None:
        pass

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.done += amount
        self.notes.append(note)
        if self.done >= self.at:
            self.at = 10**9
            if self.act == "signal":
                signal.raise_signal(signal.SIGINT)
            else:
                raise KeyboardInterrupt


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("act", ["raise", "signal"])
def test_an_interrupt_in_this_process_returns_the_chains_that_were_ready(act):
    method = plg.Bayes(plg.Normal(1.0), draws=200, tune=100, chains=4, cores=1, backend="pymc", rng=1)
    button, handler = Button(at=700, act=act), signal.getsignal(signal.SIGINT)
    with pytest.warns(ConvergenceWarning, match="2 of 4 chains are kept, each with 200 of 200 draws"):
        fit = model().fit(method, progress=button)
    assert fit.status is Status.INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is handler
    whole = model().fit(method, progress=False) if act == "raise" else None
    if whole is not None:  # what is kept is what would have been drawn
        chains = whole.estimate.coefficients.chains
        np.testing.assert_array_equal(fit.estimate.coefficients.chains, chains[:2])
        full = whole.estimate.details.statistics
        for name, values in fit.estimate.details.statistics.items():
            np.testing.assert_array_equal(values, full[name][:2])
    assert button.notes[0] == "tuning"
    assert "0 divergences" in button.notes


pytestmark = pytest.mark.filterwarnings(
    "ignore:The effective sample size:problogit.errors.ConvergenceWarning"
)


def test_a_partial_fit_is_saved_as_what_it_is(tmp_path):
    method = plg.Bayes(plg.Normal(1.0), draws=200, tune=100, chains=4, cores=1, backend="pymc", rng=1)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        fit = model().fit(method, progress=Button(at=700))
    fit.save(tmp_path / "partial")
    loaded = plg.load(tmp_path / "partial")
    assert loaded.status is Status.INTERRUPTED
    assert str(loaded) == str(fit)


def test_an_interrupt_while_tuning_has_nothing_to_return():
    method = plg.Bayes(plg.Normal(1.0), draws=200, tune=300, chains=2, cores=1, backend="pymc", rng=1)
    with pytest.raises(KeyboardInterrupt, match="before any chain had made 50 draws beyond its 300 steps"):
        model().fit(method, progress=Button(at=100))


def test_the_handler_is_left_alone_outside_the_main_thread():
    seen = []

    def elsewhere() -> None:
        with Watch(NutsSettings(10, 10, 1, None, 0.8), 1, SILENT).interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize("error", [RuntimeError("the density broke"), ValueError("the density broke")])
def test_a_density_that_fails_is_not_taken_for_an_interrupt(error):
    class Broken:
        size = 2
        calls = 0

        def evaluate(self, z):
            self.calls += 1
            if self.calls > 200:
                raise error
            return -0.5 * float(z @ z), -z

    settings = NutsSettings(100, 100, 1, 1, 0.8)
    expected = EstimationError if isinstance(error, RuntimeError) else ValueError
    with pytest.raises(expected, match="the density broke"):
        nuts_op.run_nuts(Broken(), np.zeros((1, 2)), settings, 1, SILENT)


def test_refits_are_not_averaged_over_one_that_was_interrupted(monkeypatch):
    original = plg.MLE.estimate

    def stopped(self, problem, progress=SILENT):
        return replace(original(self, problem, progress), status=Status.INTERRUPTED)

    fit = model().fit(plg.MLE())
    monkeypatch.setattr(plg.MLE, "estimate", stopped)
    with pytest.raises(KeyboardInterrupt):
        fit.scores(resample="folds")
