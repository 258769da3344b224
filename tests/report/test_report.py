"""The page: whole, closed on itself, escaped, and saying what it must say."""

from __future__ import annotations

import os
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reader_cases import counted, exam, exam_model, fits, separated

import problogit as plg
from problogit.errors import ConvergenceWarning, InputError, SeparationWarning
from problogit.output_files import write_whole
from problogit.report import render
from problogit.report.words import KINDS

VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADS = ("src", "srcset", "poster", "data", "action", "background")


class Page(HTMLParser):
    """Checks that tags close in order; keeps ids, references, and the text by section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.loaded: list[str] = []
        self.section = ""
        self.words: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self._read(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._read(tag, attrs)

    def _read(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, given in attrs:
            value = given or ""
            if name == "id":
                self.ids.append(value)
                if tag == "section":
                    self.section = value
            if name in ("href", "xlink:href"):
                self.references.append(value)
            if name in LOADS:
                self.loaded.append(value)
            assert not name.startswith("on"), name
            self.references += re.findall(r"url\(([^)]*)\)", value)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words[self.section] = f"{self.words.get(self.section, '')} {data}".strip()

    def said(self, section: str) -> str:
        return " ".join(self.words[section].split())


def written(path: Path, fit: object, **more: object) -> tuple[str, Page]:
    plg.report(fit, path, **more)  # type: ignore[arg-type]
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def bayes() -> plg.Fit:
    method = plg.Bayes(plg.Normal(1.0), draws=400, tune=300, chains=2, cores=1, rng=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so short a run may fail its checks
        return exam_model().fit(method)


@pytest.fixture(scope="module")
def one(folder: Path) -> tuple[str, Page]:
    return written(folder / "one.html", exam_model().fit(plg.MLE()))


@pytest.fixture(scope="module")
def several(folder: Path, bayes: plg.Fit) -> tuple[str, Page]:
    return written(folder / "several.html", {**fits(), "Bayes": bayes}, title="Who passes?")


@pytest.fixture(scope="module")
def infinite(folder: Path) -> tuple[str, Page]:
    return written(folder / "infinite.html", separated())


@pytest.fixture(scope="module")
def trials(folder: Path) -> tuple[str, Page]:
    return written(folder / "trials.html", counted())


@pytest.fixture(scope="module")
def loaded(folder: Path) -> tuple[str, Page]:
    exam_model().fit(plg.MLE()).save(folder / "small.fit")
    return written(folder / "loaded.html", plg.load(folder / "small.fit"))


@pytest.fixture(scope="module", params=["one", "several", "infinite", "trials", "loaded"])
def page(request: pytest.FixtureRequest) -> tuple[str, Page]:
    found: tuple[str, Page] = request.getfixturevalue(request.param)
    return found


def test_the_page_loads_nothing(page: tuple[str, Page]) -> None:
    text, read = page
    assert read.tags.isdisjoint({"script", "iframe", "img", "object", "embed", "form", "base"})
    assert read.loaded == []
    assert all(reference.startswith("#") or reference == "data:," for reference in read.references)
    assert "@import" not in text
    assert not re.search(r"url\(\s*['\"]?(https?:)?//", text)


def test_ids_are_unique_and_every_reference_has_its_target(page: tuple[str, Page]) -> None:
    _, read = page
    assert len(set(read.ids)) == len(read.ids)
    assert {r.removeprefix("#") for r in read.references if r.startswith("#")} <= set(read.ids)


def test_the_page_is_drawn_for_light_dark_and_paper(page: tuple[str, Page]) -> None:
    text, _ = page
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "#000000" not in text  # black lines take the colour of the text


def test_no_column_names_of_frames_reach_the_reader(page: tuple[str, Page]) -> None:
    _, read = page
    words = " ".join(read.words.values())
    for name in (
        "width_ratio",
        "std_error",
        "log_score",
        "brier_mcb",
        "observed_events",
        "prob_positive",
        "judged_by",
    ):
        assert name not in words


def test_one_fit_is_reported_with_everything_that_a_reader_asks_for(one: tuple[str, Page]) -> None:
    _, read = one
    model = read.said("model")
    used = exam().dropna()
    assert "P(passed = 'yes')" in model
    assert "passed ~ hours + age + school" in model
    assert "2 (missing age: 2)" in model
    assert f"{(used['passed'] == 'yes').sum()} of {len(used)}" in model
    assert "2 of 90 rows" in read.said("findings")
    coefficients = read.said("coefficients")
    for word in (
        "estimate",
        "std error",
        "z",
        "p",
        "odds ratio",
        "Wald confidence (confidence-wald)",
        "95% interval",
    ):
        assert word in coefficients
    for word in (
        "exact leave-one-out refits",
        "Calibration slope",
        "Brier score",
        "AUC",
        "95% point of MCB",
    ):
        assert word in read.said("calibration")
    assert "MLE()" in read.said("provenance")
    assert not {"scores", "disagreements", "details", "priors"} & set(read.words)


def test_p_values_are_those_of_the_summary(one: tuple[str, Page]) -> None:
    p = exam_model().fit(plg.MLE()).summary().loc["age", "p_value"]
    assert f" {p:.3f} " in one[1].said("coefficients")


def test_several_fits_stand_in_one_table_with_their_kinds_of_interval(several: tuple[str, Page]) -> None:
    _, read = several
    coefficients = read.said("coefficients")
    for kind in ("confidence-wald", "curvature", "No interval", "credible-eti"):
        assert kind in coefficients
    calibration = read.said("calibration")
    assert calibration.count("Calibration slope (1 if right)") == 1
    assert calibration.count("Standard errors treat the predictions as given.") == 1
    for how in ("exact leave-one-out refits", "PSIS-LOO"):
        assert how in calibration
    assert "elpd, leave-one-out" in calibration
    assert "the best" in read.said("scores")
    assert "instead of" in read.said("disagreements")
    for word in ("P(>0)", "r-hat", "ESS bulk", "std error"):
        assert word in read.said("details")
    priors = read.said("priors")
    assert "Normal(0, 1)" in priors
    assert "0.14 to 7.1" in priors  # exp(-+1.96)
    assert "Bayes(Normal(1.0), draws=400, tune=300, chains=2, cores=1, rng=3)" in read.said("provenance")


def test_the_numbers_of_the_comparison_are_the_fits_own(several: tuple[str, Page]) -> None:
    ratio = fits()["L2"].odds_ratios().loc["hours"]
    assert f"{ratio['odds_ratio']:.2f} [{ratio['lower']:.2f}, {ratio['upper']:.2f}]" in several[1].said(
        "coefficients"
    )


def test_what_was_looked_at_is_listed_with_what_was_seen(several: tuple[str, Page]) -> None:
    found = several[1].said("findings")
    for line in (
        "influence of single rows",
        "link test",
        "collinearity",
        "events per parameter",
        "matters from",
    ):
        assert line in found
    seen = fits()["MLE"].diagnostics().checked.set_index("check")["result"]
    assert seen["link test"] in found
    assert seen["influence of single rows"] in found


def test_separation_is_said_first_and_shown_without_an_end(infinite: tuple[str, Page]) -> None:
    _, read = infinite
    assert read.said("findings").split(" Warning ")[0].startswith("What was checked")
    assert "separated" in read.said("findings")
    assert "∞)" in read.said("coefficients")
    assert "profile confidence (confidence-profile)".lower() in read.said("coefficients").lower()


def test_trials_weights_and_offset_are_said(trials: tuple[str, Page]) -> None:
    model = trials[1].said("model")
    assert "P(event), died counted in trials" in model
    assert "frequency weights: a row of weight 2 counts as two rows" in model
    assert "column known, added to the log-odds" in model


def test_a_fit_without_its_rows_says_what_it_cannot_show(loaded: tuple[str, Page]) -> None:
    _, read = loaded
    assert "loaded without its rows" in read.said("model")
    assert "Not judged" in read.said("calibration")
    assert "Wald confidence" in read.said("coefficients")
    assert "P(passed = 'yes') as hours moves" in read.said("probabilities")


def test_what_users_named_is_text(folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)  # enough to have nothing to note, because a note has a <b> of its own
    frame = pd.DataFrame({"a<b>&\"'": x, "y": (x + rng.logistic(size=300) > 0).astype(int)})
    X, y = frame[["a<b>&\"'"]], frame["y"]
    model = plg.LogitModel.from_arrays(X, y)
    label = '<script>alert("$1")</script>'
    _, read = written(
        folder / "nasty.html", {label: model.fit(plg.MLE()), "_b": model.fit(plg.Penalized())}, title="<i>&"
    )
    assert read.tags.isdisjoint({"script", "b", "i"})
    assert label in read.said("coefficients")
    assert "a<b>&\"'" in read.said("coefficients")
    assert "<i>&" in read.said("")


def test_the_same_fits_make_the_same_page_but_for_the_time(one: tuple[str, Page], folder: Path) -> None:
    again, _ = written(folder / "again.html", exam_model().fit(plg.MLE()))
    pages = [re.sub(r"Written [^<]* by|\d+\.\d\d s<", "", text) for text in (one[0], again)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("where", ["nowhere/r.html", ".", "x" * 300 + ".html", "a\0b.html"])
def test_a_path_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "report_sections", pytest.fail)
    with pytest.raises(InputError, match="path must be a file in a folder that exists"):
        plg.report(separated(), tmp_path / where)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can make a file")
def test_a_folder_that_refuses_is_found_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "report_sections", pytest.fail)
    with pytest.raises(InputError, match="can be written"):
        plg.report(separated(), "/proc/self/report.html")


def test_a_failure_while_writing_leaves_the_old_page_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "r.html"
    target.write_text("old", encoding="utf-8")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InputError, match="No space left"):
        write_whole(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert target.read_text(encoding="utf-8") == "old"


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
def test_a_new_page_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_whole(tmp_path / "r.html", b"x")
    assert (tmp_path / "r.html").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("given", [{}, []])
def test_a_report_of_nothing_is_refused(tmp_path: Path, given: object) -> None:
    with pytest.raises(InputError, match="fits must hold at least one fit"):
        plg.report(given, tmp_path / "r.html")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_fits_of_different_rows_are_refused(tmp_path: Path) -> None:
    whole, part = exam(), exam().iloc[:60]
    given = [plg.fit("passed ~ hours", data, plg.MLE(), event="yes") for data in (whole, part)]
    with pytest.raises(InputError, match="same rows"):
        plg.report(given, tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_kinds_of_interval_claim_no_more_than_they_hold() -> None:
    assert "if the model is right; it ignores shrinkage bias" in KINDS["sandwich"][1]
    assert "centred not on the penalized estimate" in KINDS["debiased"][1]


def test_a_posterior_beside_its_mode_is_said_to_report_the_mean(
    several: tuple[str, Page], bayes: plg.Fit
) -> None:
    said = several[1].said("disagreements")
    mode = fits()["L2"].coef  # the same Normal(1) prior
    away = (bayes.coef - mode).abs() / bayes.summary()["std_error"]
    assert "“Bayes” reports posterior means" in said
    assert "mode, which is what “L2” reports" in said
    assert f"at most {away.max():.2f} posterior standard deviations: {away.idxmax()}" in said
    assert "The prior: " in said  # of the slopes, with its part in log-odds


def test_a_fit_that_predicts_some_rows_only_is_withheld_from_the_ranking(folder: Path) -> None:
    model = plg.LogitModel("y ~ x", pd.DataFrame({"x": np.arange(6.0), "y": [0, 0, 0, 1, 1, 1]}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeparationWarning)
        pair = {"MLE": model.fit(plg.MLE()), "L2": model.fit(plg.Penalized(plg.Normal(1.0)))}
        _, read = written(folder / "withheld.html", pair)
    said = read.said("scores")
    assert "withheld" in said
    assert "not ranked: some rows have no prediction" in said
    assert "MLE predicts 4 of 6 rows" in said
    assert "-0" not in said
    assert "−0" not in said


def test_the_covariance_stands_beside_the_kind_of_interval(folder: Path) -> None:
    model = exam_model()
    pair = {"plain": model.fit(plg.MLE()), "robust": model.fit(plg.MLE(covariance="HC3"))}
    _, read = written(folder / "robust.html", pair)
    assert "Wald confidence (HC3)" in read.said("coefficients")
