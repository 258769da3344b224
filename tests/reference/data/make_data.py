"""Write the data sets behind the reference figures.

    python make_data.py --posteriordb DIR

DIR holds the columns of the posteriordb and UCI data sets as JSON (`{"columns": {...}}`). Without it only the
simulated sets and the exports are written. The CSV files in this folder are what the figures were computed from: they
are the authority, not the random streams below. Spector and Fair are not ours to redistribute (README.md): they go to
`local/`, which is ignored by git, and only R reads them there; tests load them from statsmodels.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
Columns = Mapping[str, Sequence[object]]


def write(name: str, columns: Columns) -> None:
    """Write the columns as `<name>.csv`; floats as their shortest exact text."""
    path = HERE / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def decimals(values: np.ndarray, digits: int) -> list[str]:
    """Text with a fixed number of decimals, so that R and Python read the same number."""
    return [f"{v:.{digits}f}" for v in values]


def shifted(values: Sequence[str], factor: str) -> list[str]:
    """Multiply in decimal arithmetic: the scaled column is the exact multiple of the text in the first."""
    return [format((Decimal(v) * Decimal(factor)).normalize(), "f") for v in values]


def bernoulli(rng: np.random.Generator, eta: np.ndarray) -> np.ndarray:
    return (rng.random(eta.shape) < 1.0 / (1.0 + np.exp(-eta))).astype(int)


# ---- data sets of others ----------------------------------------------------------------------------------------
def wells(columns: Mapping[str, list[object]]) -> Columns:
    text = {k: [repr(v) for v in values] for k, values in columns.items()}
    return {
        **{k: text[k] for k in ("switched", "dist", "arsenic", "assoc", "educ")},
        "dist100": shifted(text["dist"], "0.01"),
        "educ4": shifted(text["educ"], "0.25"),
        "dist_e7": shifted(text["dist"], "1e7"),
        "arsenic_em4": shifted(text["arsenic"], "1e-4"),
    }


def glm_binomial(columns: Mapping[str, list[object]]) -> Columns:
    return {"successes": columns["C"], "trials": columns["N"], "year": columns["year"]}


def german_credit(columns: Mapping[str, list[object]]) -> Columns:
    bad = [int(v == 2) for v in columns["class"]]
    return {"bad": bad, **{f"x{j}": columns[f"x{j}"] for j in range(1, 25)}}


POSTERIORDB: dict[str, tuple[str, Callable[[Mapping[str, list[object]]], Columns]]] = {
    "wells": ("wells", wells),
    "glm_binomial": ("glm_binomial", glm_binomial),
    "nes_logit": ("nes_logit", lambda c: {"vote": c["vote"], "income": c["income"]}),
    "dogs": ("dogs", lambda c: {"y": c["y"], "n_avoid": c["n_avoid"], "n_shock": c["n_shock"]}),
    "german_credit": ("german_credit_numeric", german_credit),
}


def from_posteriordb(folder: Path) -> None:
    for name, (source, columns) in POSTERIORDB.items():
        content = json.loads((folder / f"{source}.data.json").read_text())
        write(name, columns(content["columns"]))


def breast_cancer() -> Columns:
    """Four of the thirty columns: the radius and the perimeter of the same nuclei correlate at 0.998."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    X = {str(n): bunch.data[:, j] for j, n in enumerate(bunch.feature_names)}
    return {
        "malignant": [int(t == 0) for t in bunch.target],
        "radius": [repr(float(v)) for v in X["mean radius"]],
        "perimeter": [repr(float(v)) for v in X["mean perimeter"]],
        "texture": [repr(float(v)) for v in X["mean texture"]],
        "smoothness": [repr(float(v)) for v in X["mean smoothness"]],
    }


def statsmodels_exports() -> None:
    from statsmodels import datasets

    for name in ("spector", "fair"):
        frame = getattr(datasets, name).load_pandas().data
        write(f"local/{name}", {str(c): [repr(float(v)) for v in frame[c]] for c in frame.columns})


# ---- simulated ---------------------------------------------------------------------------------------------------
def clinic() -> Columns:
    """Two-string response, three-level factor, a continuous and a two-valued column, an offset, importance weights."""
    rng = np.random.default_rng(20261)
    n = 400
    age = rng.integers(18, 80, n)
    arm = rng.choice(["control", "high", "low"], n, p=[0.4, 0.25, 0.35])
    smoker = rng.integers(0, 2, n)
    dose = np.round(rng.normal(0.0, 0.8, n), 4)
    effect = np.where(arm == "high", -0.9, np.where(arm == "low", -0.3, 0.0))
    eta = -1.6 + effect + 0.03 * (age - 50) + 0.7 * smoker + 0.25 * smoker * (arm == "high") + dose
    y = bernoulli(rng, eta)
    weight = rng.choice(["0.25", "0.5", "1.0", "1.5", "2.75"], n)
    return {
        "outcome": np.where(y == 1, "relapse", "none").tolist(),
        "arm": arm.tolist(),
        "age": age.tolist(),
        "smoker": smoker.tolist(),
        "dose": decimals(dose, 4),
        "dose_50": decimals(dose + 50.0, 4),
        "fifty": [50] * n,
        "weight": weight.tolist(),
    }


def survey() -> Columns:
    """A table of distinct rows with how often each occurred; one occurred never."""
    rng = np.random.default_rng(20262)
    rows: list[tuple[int, str, int, int, int]] = []
    for region in ("east", "north", "south"):
        for owner in (0, 1):
            for income in (1, 2, 3, 4, 5):
                size = int(rng.integers(8, 40))
                level = {"east": 0.0, "north": 0.4, "south": -0.6}[region]
                p = 1.0 / (1.0 + np.exp(-(-1.2 + level + 0.8 * owner + 0.35 * income - 0.2 * owner * income)))
                yes = int(rng.binomial(size, p))
                rows += [(1, region, owner, income, yes), (0, region, owner, income, size - yes)]
    rows.append((1, "east", 0, 9, 0))
    names = ("vote", "region", "owner", "income", "count")
    return {name: [row[j] for row in rows] for j, name in enumerate(names)}


def seeds() -> Columns:
    """Binomial counts in a 2 x 2 layout with blocks, some of them small."""
    rng = np.random.default_rng(20263)
    variety = np.repeat(["old", "new"], 12)
    extract = np.tile(np.repeat(["bean", "cucumber"], 6), 2)
    temperature = np.tile([14.5, 16.0, 17.5, 19.0, 20.5, 22.0], 4)
    planted = rng.integers(4, 82, 24)
    eta = -0.6 + 0.5 * (extract == "cucumber") + 0.3 * (variety == "new") + 0.08 * (temperature - 18)
    eta = eta + 0.6 * ((extract == "cucumber") & (variety == "new"))
    germinated = rng.binomial(planted, 1.0 / (1.0 + np.exp(-eta)))
    return {
        "germinated": germinated.tolist(),
        "planted": planted.tolist(),
        "variety": variety.tolist(),
        "extract": extract.tolist(),
        "temperature": temperature.tolist(),
    }


def collinear() -> Columns:
    """x2 = x1 + 1e-4 noise: the correlation is 1 - 5e-9."""
    rng = np.random.default_rng(20264)
    n = 250
    x1 = np.round(rng.normal(0.0, 1.0, n), 4)
    x2 = x1 + np.round(rng.normal(0.0, 1e-4, n), 8)
    x3 = np.round(rng.normal(3.0, 2.0, n), 4)
    y = bernoulli(rng, 0.3 + 0.8 * x1 - 0.4 * (x3 - 3.0))
    return {"y": y.tolist(), "x1": decimals(x1, 4), "x2": decimals(x2, 8), "x3": decimals(x3, 4)}


def rare_level() -> Columns:
    """A level with 2 of 200 rows, all of them events: the maximum likelihood estimate does not exist."""
    rng = np.random.default_rng(20265)
    group = np.array(["a"] * 110 + ["b"] * 88 + ["c"] * 2)
    x = np.round(rng.normal(0.0, 1.0, 200), 3)
    y = bernoulli(rng, -0.4 + 0.9 * x + 0.5 * (group == "b"))
    y[-2:] = 1
    order = rng.permutation(200)
    return {"y": y[order].tolist(), "group": group[order].tolist(), "x": decimals(x[order], 3)}


def extreme() -> Columns:
    """Offsets of +-50 and +-700 that are contradicted by their rows: p or 1 - p is 1e-22 to 1e-304 there."""
    rng = np.random.default_rng(20266)
    n = 60
    x = np.round(rng.normal(0.0, 1.0, n), 3)
    y = bernoulli(rng, 0.2 + 0.7 * x)
    offset = np.zeros(n, dtype=int)
    offset[:8] = [50, 50, -50, -50, 700, -700, 700, -700]
    y[:8] = [0, 1, 1, 0, 0, 1, 1, 0]
    return {"y": y.tolist(), "x": decimals(x, 3), "offset": offset.tolist()}


def dense() -> Columns:
    """n = 200, p = 10: correlated columns of different spread, half of the slopes zero."""
    rng = np.random.default_rng(20267)
    n, p = 200, 10
    Z = rng.normal(size=(n, p)) @ np.linalg.cholesky(0.5 ** np.abs(np.subtract.outer(range(p), range(p)))).T
    X = np.round(
        Z * np.array([1, 2, 0.5, 1, 3, 1, 0.3, 1, 1, 2]) + np.array([0, 1, 0, 5, 0, 0, 0, -2, 0, 0]), 3
    )
    beta = np.array([1.0, 0.0, -1.2, 0.0, 0.3, 0.0, 2.0, 0.0, 0.0, -0.4])
    y = bernoulli(rng, -0.3 + (X - X.mean(axis=0)) @ beta)
    return {"y": y.tolist(), **{f"x{j + 1}": decimals(X[:, j], 3) for j in range(p)}}


def wide() -> Columns:
    """n = 100, p = 150: more columns than rows."""
    rng = np.random.default_rng(20268)
    n, p = 100, 150
    common = rng.normal(size=(n, 5))
    X = np.round(0.6 * common[:, np.arange(p) % 5] + 0.8 * rng.normal(size=(n, p)), 3)
    beta = np.zeros(p)
    beta[:6] = [1.5, -1.5, 1.0, -1.0, 0.8, 0.8]
    y = bernoulli(rng, 0.2 + X @ beta)
    return {"y": y.tolist(), **{f"x{j + 1}": decimals(X[:, j], 3) for j in range(p)}}


def words() -> Columns:
    """n = 500, p = 100 of 0/1 with 1 to 30 per cent ones: presence of words."""
    rng = np.random.default_rng(20269)
    n, p = 500, 100
    rate = np.round(0.01 + 0.29 * rng.random(p) ** 2, 3)
    X = (rng.random((n, p)) < rate).astype(int)
    beta = np.zeros(p)
    beta[::5] = rng.normal(0.0, 1.5, p // 5)
    y = bernoulli(rng, -0.2 + X @ beta)
    return {"y": y.tolist(), **{f"w{j + 1}": X[:, j].tolist() for j in range(p)}}


def pupils() -> Columns:
    """Pupils in 30 schools of very different size, tested in 6 years: outcomes that hang together within both."""
    rng = np.random.default_rng(20270)
    size = np.r_[70, 44, rng.integers(2, 26, 28)]
    school = np.repeat(np.arange(30), size)
    n = school.size
    year = rng.integers(2015, 2021, n)
    arm = rng.choice(["control", "long", "short"], 30)[school]
    hours = np.round(rng.gamma(3.0, 2.0, n), 2)
    prep = rng.integers(0, 2, n)
    dose = np.round(rng.normal(0.0, 0.5, n), 3)
    shared = rng.normal(0.0, 0.7, 30)[school] + rng.normal(0.0, 0.3, 6)[year - 2015]
    eta = -1.6 + 0.2 * hours + 0.5 * (arm == "long") + 0.4 * prep + shared
    tries = rng.integers(1, 13, n)
    solved = rng.binomial(tries, 1.0 / (1.0 + np.exp(-(eta - 0.4))))
    order = rng.permutation(n)
    columns = {
        "passed": bernoulli(rng, eta + dose),
        "hours": np.array(decimals(hours, 2)),
        "arm": arm,
        "prep": prep,
        "dose": np.array(decimals(dose, 3)),
        "tries": tries,
        "solved": solved,
        "weight": rng.choice(["0.25", "0.5", "1.0", "1.5", "2.75"], n),
        "count": rng.integers(1, 4, n),
        "year": year,
    }
    names = {"school": [f"s{k:02d}" for k in school[order]]}
    return {name: values[order].tolist() for name, values in columns.items()} | names


SIMULATED: tuple[Callable[[], Columns], ...] = (
    clinic, survey, seeds, collinear, rare_level, extreme, dense, wide, words, pupils,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posteriordb", type=Path, help="folder of <name>.data.json files")
    arguments = parser.parse_args()
    if arguments.posteriordb is not None:
        from_posteriordb(arguments.posteriordb)
    for make in SIMULATED:
        write(make.__name__, make())
    write("breast_cancer", breast_cancer())
    statsmodels_exports()


if __name__ == "__main__":
    main()
