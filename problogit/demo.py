"""The demonstration: one real question, four fits of the same model, one comparison, one report."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from problogit.core.priors.laplace import Laplace
from problogit.core.priors.normal import Normal
from problogit.errors import MissingDependencyError
from problogit.estimators.bayes import Bayes
from problogit.estimators.mle import MLE
from problogit.estimators.penalized import Penalized
from problogit.model import LogitModel
from problogit.report import report as write_report
from problogit.results import compare

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run_demo", "spector"]


def spector() -> pd.DataFrame:
    """Spector & Mazzeo (1980), 32 students: the file that statsmodels ships, read without importing statsmodels."""
    import pandas as pd

    spec = find_spec("statsmodels")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError("The demo reads a data set of statsmodels: pip install statsmodels")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "spector" / "spector.csv"
    return pd.read_csv(path, sep=" ", quotechar="'").drop(columns="OBS")


def run_demo(report: str, seed: int, say: Callable[[str], None]) -> None:
    """Fit, compare and report.

    Parameters
    ----------
    report : str
        Path of the HTML file.
    seed : int
    say : callable
        Receives the text that a user reads.
    """
    model = LogitModel("GRADE ~ GPA + TUCE + PSI", spector())
    say(
        "Does a student pass? 32 students (Spector & Mazzeo 1980): grade point average GPA, entry test TUCE,\n"
        "and PSI, a new way of teaching (1) or the old one (0).\n"
    )
    say(f"{model}\n")
    prior = Normal(2.5, autoscale=True)
    fits = {
        "MLE": model.fit(MLE()),
        "L2": model.fit(Penalized(prior)),
        "L1": model.fit(Penalized(Laplace(1.0, autoscale=True))),
        "Bayes": model.fit(Bayes(prior, rng=seed)),
    }
    say(str(fits["MLE"]))
    say("")
    say(str(compare(fits)))
    say("")
    say(str(fits["Bayes"].calibration()))
    new = {"GPA": [3.0, 3.0], "TUCE": [22, 22], "PSI": [0, 1]}
    say("\nP(pass) of an average student under the old (first row) and the new teaching (second), Bayes:")
    say(fits["Bayes"].predict(new).round(3).to_string())
    path = write_report(fits, report, title="Does a student pass?")
    say(f"\nThe whole story, to read offline: {path}")
