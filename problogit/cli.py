"""The command line: `problogit fit`, `compare`, `predict` and `demo`.

Results go to standard output, progress and remarks to standard error. Exit codes: 0; 1 when ``--strict`` is given and
the fit is not to be trusted; 2 for bad input, with one clear line.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from problogit._version import __version__
from problogit.errors import (
    AliasingWarning,
    ConvergenceWarning,
    ProblogitError,
    ProblogitWarning,
    SeparationWarning,
)
from problogit.output_files import check_writable, write_whole

if TYPE_CHECKING:
    from problogit.fit import Fit
    from problogit.model import LogitModel
    from problogit.problem import WeightsType

__all__ = ["main"]

FORMATS = ("table", "json", "csv", "markdown")


@dataclass(frozen=True)
class ModelOptions:
    """What `fit` and `compare` share: the model and how to print."""

    data: str
    formula: str
    event: str | None
    trials: str | None
    weights: str | None
    weights_type: WeightsType
    offset: str | None
    groups: tuple[str, ...]
    prob: float
    seed: int | None
    shape: str
    report: str | None
    strict: bool
    quiet: bool

    @property
    def progress(self) -> bool | None:
        """No bar where it was not wanted, else one where standard error is a terminal."""
        return False if self.quiet else None

    def covariance(self, method: str) -> str | None:
        """Where there are groups, maximum likelihood takes them into account."""
        return "cluster" if self.groups and method == "mle" else None

    def model(self) -> LogitModel:
        """Read the data and build the model."""
        from problogit.command_helpers import parse_value
        from problogit.model import LogitModel

        return LogitModel(
            self.formula,
            self.data,
            event=None if self.event is None else parse_value(self.event),
            trials=self.trials,
            weights=self.weights,
            weights_type=self.weights_type,
            offset=self.offset,
            groups=self.groups or None,
        )


_MODEL_PARAMETERS = (
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
        help="What a weight means.",
    ),
    click.option("--offset", metavar="COLUMN", help="Known part of the log-odds."),
    click.option(
        "--groups", metavar="COLUMN", multiple=True, help="Clusters of rows; twice for two-way clustering."
    ),
    click.option("--prob", type=float, default=0.95, show_default=True, help="Probability of intervals."),
    click.option("--seed", type=int, help="Seed of the random numbers (Bayes, bootstrap)."),
    click.option("--format", "shape", type=click.Choice(FORMATS), default="table", show_default=True),
    click.option("--report", metavar="F.html", help="Also write a self-contained report."),
    click.option("--strict", is_flag=True, help="Exit with 1 when a fit is not to be trusted."),
    click.option("--quiet", is_flag=True, help="No progress bar."),
)


_SAMPLER = click.option(
    "--sampler",
    type=click.Choice(["nuts", "laplace", "auto"]),
    help="Of Bayes: PyMC's NUTS (without it), weighted draws about the mode, or NUTS only where those will not do.",
)


def _takes_a_model(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the parameters of a model, handed on as one `ModelOptions`."""

    @functools.wraps(command)
    def gathered(**given: Any) -> None:
        options = ModelOptions(**{field.name: given.pop(field.name) for field in fields(ModelOptions)})
        command(options, **given)

    wrapped: Callable[..., None] = gathered
    for parameter in reversed(_MODEL_PARAMETERS):
        wrapped = parameter(wrapped)
    return wrapped


class _Commands(click.Group):
    """Turns problogit's own errors into one line and exit code 2; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, its warnings as lines on standard error."""
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("ignore")
                warnings.simplefilter("always", ProblogitWarning)
                try:
                    return super().invoke(ctx)
                finally:
                    for line in dict.fromkeys(_one_line(warning.message) for warning in caught):
                        click.echo(line, err=True)
        except ProblogitError as error:
            click.echo(_one_line(error), err=True)
            ctx.exit(2)


def _one_line(message: object) -> str:
    return f"problogit: {' '.join(str(message).split())}"


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="problogit")
def main() -> None:
    """Logistic regression: fit it by maximum likelihood, penalized likelihood or Bayes, and read it one way."""


@main.command()
@_takes_a_model
@click.option("--method", type=click.Choice(["mle", "penalized", "bayes"]), default="mle", show_default=True)
@click.option("--prior", help='Prior of the coefficients, e.g. "normal(2.5)" or "laplace(0.5)".')
@click.option(
    "--covariance", help="Of maximum likelihood: HC0 to HC3, CR1 to CR3 (with --groups), bootstrap."
)
@_SAMPLER
@click.option("--odds-ratios", is_flag=True, help="Odds ratios instead of log-odds.")
@click.option("--save", "save_path", metavar="FIT", help="Save the fit for `problogit predict`.")
def fit(
    options: ModelOptions,
    method: str,
    *,
    prior: str | None,
    covariance: str | None,
    sampler: str | None,
    odds_ratios: bool,
    save_path: str | None,
) -> None:
    """Fit FORMULA to DATA (a CSV or Parquet file) and print the result."""
    from problogit.command_helpers import chosen_method
    from problogit.report import report as write_report
    from problogit.tables.render import frame_errors, frame_text
    from problogit.tables.text import fit_text, head_text

    _check_writable("--report", options.report)
    _check_writable("--save", save_path)
    chosen = chosen_method(method, prior, options.seed, covariance or options.covariance(method), sampler)
    whole = options.shape == "table" and not odds_ratios
    with _left_to_the_table(whole):
        fitted = options.model().fit(chosen, progress=options.progress)
    if whole:
        click.echo(fit_text(fitted.estimate, options.prob))
    else:
        frame = fitted.odds_ratios(options.prob) if odds_ratios else fitted.summary(options.prob)
        head = head_text(fitted.estimate)
        if options.shape == "table":
            click.echo(f"{head}\n")
        else:  # what reads the table wants nothing but the table
            click.echo("\n".join(f"problogit: {line}" for line in head.splitlines()), err=True)
        errors = frame_errors(fitted.estimate, options.prob, odds_ratios)
        click.echo(frame_text(frame, options.shape, errors))
    if save_path:
        fitted.save(save_path)
        click.echo(f"problogit: saved the fit to {save_path}", err=True)
    if options.report:
        click.echo(f"problogit: wrote {write_report(fitted, options.report, prob=options.prob)}", err=True)
    _exit_unless_trusted([fitted], options.strict)


@main.command()
@_takes_a_model
@click.option("--prior", help='Prior of the penalized and Bayesian fits, e.g. "normal(2.5)".')
@_SAMPLER
def compare(options: ModelOptions, prior: str | None, sampler: str | None) -> None:
    """Fit FORMULA to DATA by all three methods and print the fits side by side."""
    from problogit.command_helpers import chosen_method
    from problogit.report import report as write_report
    from problogit.results import compare as compare_fits
    from problogit.tables.render import frame_text

    _check_writable("--report", options.report)
    methods = {
        "MLE": chosen_method("mle", None, None, options.covariance("mle")),
        "Penalized": chosen_method("penalized", prior, None),
        "Bayes": chosen_method("bayes", prior, options.seed, sampler=sampler),
    }
    model = options.model()
    fits = {label: model.fit(method, progress=options.progress) for label, method in methods.items()}
    comparison = compare_fits(fits, options.prob)
    if options.shape == "table":
        click.echo(str(comparison))
    elif options.shape == "markdown":
        click.echo(comparison.to_markdown())
    else:
        click.echo(frame_text(comparison.coefficients, options.shape))
    if options.report:
        click.echo(f"problogit: wrote {write_report(fits, options.report, prob=options.prob)}", err=True)
    _exit_unless_trusted(list(fits.values()), options.strict)


@main.command()
@click.argument("fit_path", metavar="FIT")
@click.argument("data")
@click.option(
    "-o", "--output", metavar="OUT.csv", default="-", show_default=True, help="Where to write; - prints."
)
@click.option("--prob", type=float, default=0.95, show_default=True, help="Probability of intervals.")
@click.option("--unseen", type=click.Choice(["error", "nan", "average"]), default="error", show_default=True)
def predict(
    fit_path: str, data: str, *, output: str, prob: float, unseen: Literal["error", "nan", "average"]
) -> None:
    """Predict the probability of the event for the rows of DATA with a saved FIT."""
    from problogit.fit import load

    _check_writable("--output", None if output == "-" else output)
    frame = load(fit_path).predict(data, prob=prob, unseen=unseen, output="pandas")
    text = frame.to_csv(index_label="row")
    if output == "-":
        click.echo(text, nl=False)
    else:
        write_whole(Path(output), text.encode())
        click.echo(f"problogit: wrote {len(frame)} rows to {output}", err=True)


@main.command()
@click.option("--report", metavar="F.html", default="report.html", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def demo(report: str, seed: int) -> None:
    """Does a student pass? Spector & Mazzeo's exam data, fitted in four ways, compared and reported."""
    from problogit.demo import run_demo

    _check_writable("--report", report)
    run_demo(report, seed, click.echo)


@contextmanager
def _left_to_the_table(said_there: bool) -> Iterator[None]:
    """Warnings about the fit are dropped where the printed fit says the same in its findings."""
    with warnings.catch_warnings():
        if said_there:
            for category in (AliasingWarning, ConvergenceWarning, SeparationWarning):
                warnings.simplefilter("ignore", category)
        yield


def _check_writable(option: str, path: str | None) -> None:
    if path is not None:
        check_writable(Path(path), option)


def _exit_unless_trusted(fits: Sequence[Fit], strict: bool) -> None:
    failed = [fitted for fitted in fits if not fitted.status.trusted]
    if strict and failed:
        for fitted in failed:
            click.echo(_one_line(f"{fitted.estimate.method.name}: {fitted.status.value}"), err=True)
        sys.exit(1)
