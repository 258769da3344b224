"""The command line: `problogit fit`, `compare`, `predict` and `demo`.

Results go to standard output, progress and remarks to standard error. Exit codes: 0; 1 when ``--strict`` is given and
the fit is not to be trusted; 2 for bad input, with one clear line.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from problogit._version import __version__
from problogit.errors import MissingDependencyError, ProblogitError, ProblogitWarning

if TYPE_CHECKING:
    from problogit.fit import Fit
    from problogit.model import LogitModel

__all__ = ["main"]

FORMATS = ("table", "json", "csv", "markdown")
Command = TypeVar("Command", bound=Callable[..., Any])


class _Commands(click.Group):
    """Turns problogit's own errors into one line and exit code 2; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command with warnings as lines on standard error."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", ProblogitWarning)
                warnings.showwarning = _say_warning
                return super().invoke(ctx)
        except (ProblogitError, MissingDependencyError) as error:
            click.echo(f"problogit: {' '.join(str(error).split())}", err=True)
            ctx.exit(2)
        except BrokenPipeError:  # the reader of a pipe left early, as `head` does
            sys.stderr.close()
            ctx.exit(0)


def _say_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    if issubclass(category, ProblogitWarning):
        click.echo(f"problogit: {' '.join(str(message).split())}", err=True)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="problogit")
def main() -> None:
    """Logistic regression: fit it by maximum likelihood, penalized likelihood or Bayes, and read it one way."""


def _model_options(command: Command) -> Command:
    """The options that say what is modelled, shared by `fit` and `compare`."""
    options = [
        click.argument("data"),
        click.argument("formula"),
        click.option("--event", help="Value of the response that counts as 1."),
        click.option("--trials", metavar="COLUMN", help="Number of trials; the response then counts events."),
        click.option("--weights", metavar="COLUMN", help="Weight of each row."),
        click.option(
            "--weights-type",
            type=click.Choice(["frequency", "importance", "sampling"]),
            default="frequency",
            show_default=True,
        ),
        click.option("--offset", metavar="COLUMN", help="Known part of the log-odds."),
        click.option("--prob", type=float, default=0.95, show_default=True, help="Probability of intervals."),
        click.option("--seed", type=int, help="Seed of the random numbers (Bayes)."),
        click.option("--format", "shape", type=click.Choice(FORMATS), default="table", show_default=True),
        click.option("--report", metavar="F.html", help="Also write a self-contained report."),
        click.option("--strict", is_flag=True, help="Exit with 1 when a fit is not to be trusted."),
        click.option("--quiet", is_flag=True, help="No progress bar."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@_model_options
@click.option(
    "--method", type=click.Choice(["mle", "penalized", "bayes"]), default="mle", show_default=True
)
@click.option("--prior", help='Prior of the coefficients, e.g. "normal(2.5)" or "laplace(0.5)".')
@click.option("--odds-ratios", is_flag=True, help="Odds ratios instead of log-odds.")
@click.option("--save", "save_path", metavar="FIT", help="Save the fit for `problogit predict`.")
def fit(
    data: str,
    formula: str,
    event: str | None,
    trials: str | None,
    weights: str | None,
    weights_type: str,
    offset: str | None,
    prob: float,
    seed: int | None,
    shape: str,
    report: str | None,
    strict: bool,
    quiet: bool,
    method: str,
    prior: str | None,
    odds_ratios: bool,
    save_path: str | None,
) -> None:
    """Fit FORMULA to DATA (a CSV or Parquet file) and print the result."""
    from problogit.command_helpers import check_writable, chosen_method
    from problogit.report import report as write_report
    from problogit.tables.render import frame_text

    check_writable("--report", report)
    check_writable("--save", save_path)
    model = _model(data, formula, event, trials, weights, weights_type, offset)
    fitted = model.fit(chosen_method(method, prior, seed), progress=False if quiet else None)
    if shape == "table" and not odds_ratios:
        click.echo(str(fitted))
    else:
        frame = fitted.odds_ratios(prob) if odds_ratios else fitted.summary(prob)
        click.echo(frame_text(frame, shape))
    if save_path:
        fitted.save(save_path)
        click.echo(f"problogit: saved the fit to {save_path}", err=True)
    if report:
        click.echo(f"problogit: wrote {write_report(fitted, report)}", err=True)
    _exit_unless_trusted([fitted], strict)


@main.command()
@_model_options
@click.option("--prior", help='Prior of the penalized and Bayesian fits, e.g. "normal(2.5)".')
def compare(
    data: str,
    formula: str,
    event: str | None,
    trials: str | None,
    weights: str | None,
    weights_type: str,
    offset: str | None,
    prob: float,
    seed: int | None,
    shape: str,
    report: str | None,
    strict: bool,
    quiet: bool,
    prior: str | None,
) -> None:
    """Fit FORMULA to DATA by all three methods and print the fits side by side."""
    from problogit.command_helpers import check_writable, chosen_method
    from problogit.report import report as write_report
    from problogit.results import compare as compare_fits
    from problogit.tables.render import frame_text

    check_writable("--report", report)
    model = _model(data, formula, event, trials, weights, weights_type, offset)
    bar = False if quiet else None
    fits = {
        label: model.fit(chosen_method(method, prior if method != "mle" else None, seed), progress=bar)
        for label, method in (("MLE", "mle"), ("Penalized", "penalized"), ("Bayes", "bayes"))
    }
    comparison = compare_fits(fits, prob)
    if shape == "table":
        click.echo(str(comparison))
    elif shape == "markdown":
        click.echo(comparison.to_markdown())
    else:
        click.echo(frame_text(comparison.coefficients, shape))
    if report:
        click.echo(f"problogit: wrote {write_report(fits, report)}", err=True)
    _exit_unless_trusted(list(fits.values()), strict)


@main.command()
@click.argument("fit_path", metavar="FIT")
@click.argument("data")
@click.option("-o", "--output", metavar="OUT.csv", default="-", show_default=True, help="Where to write; - prints.")
@click.option("--prob", type=float, default=0.95, show_default=True, help="Probability of intervals.")
@click.option("--unseen", type=click.Choice(["error", "nan", "average"]), default="error", show_default=True)
def predict(fit_path: str, data: str, output: str, prob: float, unseen: str) -> None:
    """Predict the probability of the event for the rows of DATA with a saved FIT."""
    from problogit.command_helpers import check_writable, write_text
    from problogit.fit import load

    check_writable("--output", None if output == "-" else output)
    frame = load(fit_path).predict(data, prob=prob, unseen=unseen, output="pandas")
    text = frame.to_csv(index_label="row")
    if output == "-":
        click.echo(text, nl=False)
    else:
        write_text(Path(output), text)
        click.echo(f"problogit: wrote {len(frame)} rows to {output}", err=True)


@main.command()
@click.option("--report", metavar="F.html", default="report.html", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def demo(report: str, seed: int) -> None:
    """Does a student pass? Spector & Mazzeo's exam data, fitted in four ways, compared and reported."""
    from problogit.command_helpers import check_writable
    from problogit.demo import run_demo

    check_writable("--report", report)
    run_demo(report, seed, click.echo)


def _model(
    data: str,
    formula: str,
    event: str | None,
    trials: str | None,
    weights: str | None,
    weights_type: str,
    offset: str | None,
) -> LogitModel:
    from problogit.command_helpers import parse_value
    from problogit.model import LogitModel

    return LogitModel(
        formula,
        data,
        event=None if event is None else parse_value(event),
        trials=trials,
        weights=weights,
        weights_type=weights_type,  # type: ignore[arg-type]  # click checked the choice
        offset=offset,
    )


def _exit_unless_trusted(fits: list[Fit], strict: bool) -> None:
    if strict and not all(fit.status.trusted for fit in fits):
        for fitted in fits:
            if not fitted.status.trusted:
                click.echo(f"problogit: {fitted.estimate.method.name}: {fitted.status.value}", err=True)
        sys.exit(1)
