"""Saved fits: the same fit comes back, and a hostile or broken file says what is wrong and runs nothing."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest

import problogit as plg
from problogit.errors import DataNotSavedError, InputError, SavedFitError, SeparationWarning


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    n = 120
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "school": rng.choice(["a", "b", "c"], n),
            "seen": rng.integers(0, 2, n).astype(bool),
            "dose": rng.uniform(0, 1, n),
        },
        index=[f"row{i}" for i in range(n)],
    )
    frame["y"] = np.where(rng.random(n) < 1 / (1 + np.exp(-frame["x"])), "yes", "no")
    return frame


FORMULAS = [
    "y ~ x + school",
    'y ~ x * C(school, contr.treatment("b")) + seen',
    "y ~ bs(x, df=4) + school",
    "y ~ poly(x, 2) + log(dose) + I(x > 0)",
    "y ~ scale(x):school + dose - 1",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_loaded_fit_predicts_to_the_last_bit(formula, data, tmp_path):
    fit = plg.fit(formula, data)
    fit.save(tmp_path / "a.fit")
    back = plg.load(tmp_path / "a.fit")
    new = data.sample(30, random_state=0)
    pd.testing.assert_frame_equal(back.predict(new), fit.predict(new))
    pd.testing.assert_frame_equal(back.summary(), fit.summary())
    assert back.raw is None
    assert back.aic == fit.aic


def test_without_its_data_a_fit_says_so(data, tmp_path):
    fit = plg.fit("y ~ x", data)
    fit.save(tmp_path / "a.fit")
    back = plg.load(tmp_path / "a.fit")
    for question in (back.predict, back.calibration, lambda: back.summary(interval="profile")):
        with pytest.raises(DataNotSavedError, match=r"save\(path, data=True\)"):
            question()
    assert str(back)


def test_with_its_data_a_fit_answers_everything(data, tmp_path):
    fit = plg.fit("y ~ x + school", data)
    fit.save(tmp_path / "a.fit", data=True)
    back = plg.load(tmp_path / "a.fit")
    pd.testing.assert_frame_equal(back.predict(), fit.predict())
    pd.testing.assert_frame_equal(back.summary(interval="profile"), fit.summary(interval="profile"))
    judged, again = back.calibration(resamples=2), fit.calibration(resamples=2)
    pd.testing.assert_frame_equal(judged.frame, again.frame)
    again = back.estimate.method.estimate(back.estimate.problem)
    np.testing.assert_allclose(again.coefficients.location, fit.coef, rtol=1e-10)


def test_infinite_coefficients_survive(tmp_path):
    with pytest.warns(SeparationWarning):
        fit = plg.fit("y ~ x", {"y": [0, 0, 1, 1], "x": [1.0, 2, 3, 4]})
    fit.save(tmp_path / "a.fit", data=True)
    back = plg.load(tmp_path / "a.fit")
    assert back.coef["x"] == np.inf
    pd.testing.assert_frame_equal(back.summary(), fit.summary())
    np.testing.assert_array_equal(back.predict_proba({"x": [1.0, 4.0]}), [0.0, 1.0])


def test_the_users_own_functions_are_asked_for_again(data, tmp_path):
    fit = plg.fit("y ~ twice(x)", data, context={"twice": lambda x: 2 * x})
    fit.save(tmp_path / "a.fit")
    with pytest.raises(InputError, match="context.*twice|twice.*context"):
        plg.load(tmp_path / "a.fit")
    back = plg.load(tmp_path / "a.fit", context={"twice": lambda x: 2 * x})
    np.testing.assert_array_equal(back.predict_proba(data), fit.predict_proba(data))


def test_the_file_is_strict_json_and_plain_arrays(data, tmp_path):
    plg.fit("y ~ x", data).save(tmp_path / "a.fit", data=True)
    with zipfile.ZipFile(tmp_path / "a.fit") as archive:
        json.loads(archive.read("manifest.json"), parse_constant=lambda name: pytest.fail(name))
        for name in archive.namelist():
            if name.endswith(".npy"):
                np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


# -- broken and hostile files ----------------------------------------------------------------------------------


@pytest.fixture
def saved(data, tmp_path):
    plg.fit("y ~ x", data).save(tmp_path / "good.fit", data=True)
    return tmp_path / "good.fit"


def rewritten(saved, change, tmp_path):
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    path = tmp_path / "changed.fit"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def edit_manifest(change):
    def apply(members):
        manifest = json.loads(members["manifest.json"])
        change(manifest)
        members["manifest.json"] = json.dumps(manifest).encode()

    return apply


def pickled_array(members):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Boom()], dtype=object), allow_pickle=True)
    members["arrays/0.npy"] = buffer.getvalue()


CHANGES = {
    "altered array": (lambda m: m.update({"arrays/0.npy": m["arrays/0.npy"][:-8] + b"12345678"}), "checksum"),
    "missing array": (lambda m: m.pop("arrays/1.npy"), "missing"),
    "pickled array": (pickled_array, "checksum"),
    "no manifest": (lambda m: m.pop("manifest.json"), "manifest"),
    "not JSON": (lambda m: m.update({"manifest.json": b"{"}), "not JSON"),
    "foreign JSON": (lambda m: m.update({"manifest.json": b"[1, 2]"}), "not that of a problogit fit"),
    "newer format": (edit_manifest(lambda m: m.update(version=99)), "version 99"),
    "unknown class": (
        edit_manifest(lambda m: m["estimate"]["method"].update({"$class": "os.system"})),
        "unknown class",
    ),
    "unknown field": (
        edit_manifest(lambda m: m["estimate"]["method"]["fields"].update(evil=1)),
        "no field",
    ),
    "missing part": (edit_manifest(lambda m: m["estimate"].pop("stats")), "stats"),
    "code in the formula": (
        edit_manifest(lambda m: m["estimate"]["design"].update(formula="y ~ __import__('os').getcwd()")),
        "not a fit",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_file_is_refused_with_the_reason(name, saved, tmp_path):
    change, words = CHANGES[name]
    path = rewritten(saved, change, tmp_path)
    if name == "code in the formula":
        # The formula of the state is a label; what is evaluated are its factors, checked anew.
        manifest = json.loads(zipfile.ZipFile(path).read("manifest.json"))
        text = manifest["estimate"]["design"]["factors"][0]["text"]
        assert text == "x"
        path = rewritten(
            saved,
            edit_manifest(
                lambda m: m["estimate"]["design"]["factors"][0].update(text="__import__('os').getcwd()")
            ),
            tmp_path,
        )
    with pytest.raises(SavedFitError, match=words):
        plg.load(path)


def test_a_checksummed_pickle_is_still_not_run(saved, tmp_path):
    from hashlib import sha256

    def change(members):
        pickled_array(members)
        edit_manifest(
            lambda m: m["checksums"].update({"arrays/0.npy": sha256(members["arrays/0.npy"]).hexdigest()})
        )(members)

    with pytest.raises(SavedFitError, match="not a plain array"):
        plg.load(rewritten(saved, change, tmp_path))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(saved, tmp_path, share):
    content = saved.read_bytes()
    path = tmp_path / "short.fit"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SavedFitError, match="truncated or no zip"):
        plg.load(path)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "a.fit"
    path.write_bytes(pickle.dumps(Boom()))
    with pytest.raises(SavedFitError, match="no zip file"):
        plg.load(path)
    with pytest.raises(SavedFitError, match="no such file"):
        plg.load(tmp_path / "b.fit")


def test_an_unwritable_path_leaves_nothing_behind(data, tmp_path):
    fit = plg.fit("y ~ x", data)
    with pytest.raises(InputError, match="path must be a file in a folder"):
        fit.save(tmp_path / "no" / "such" / "a.fit")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="path"):
        fit.save(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


def test_labels_that_are_no_plain_values_are_refused(tmp_path):
    frame = pd.DataFrame(
        {"x": np.arange(6.0), "y": [0, 1, 0, 1, 1, 0]}, index=pd.period_range("2020", periods=6)
    )
    fit = plg.fit("y ~ x", frame)
    with pytest.raises(InputError, match="Period"):
        fit.save(tmp_path / "a.fit", data=True)
    assert not list(tmp_path.iterdir())
