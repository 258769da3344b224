"""What may import what (the layers of the package), read from the source with ast: nothing is imported here.

Imports point down, or sideways without a cycle; imports inside functions and imports that only annotations need
count as well. A module without a layer fails: whoever adds one says where it belongs.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "problogit"

# Names are relative to the package; a star stands for everything in a folder. The folder's own __init__ has its name.
LAYERS = (
    ("_version", "execution", "errors", "output_files", "progress", "validation"),
    ("core.likelihood", "core.blocks", "core.priors", "core.priors.*", "data", "data.*"),
    (
        "core",
        "core.coefficients",
        "core.debiased*",
        "core.condition",
        "core.density",
        "core.early_stopping*",
        "core.expansion",
        "core.firth*",
        "core.importance",
        "core.infinite",
        "core.inverse_root",
        "core.maximum",
        "core.newton",
        "core.newton_batch",
        "core.newton_cg",
        "core.null",
        "core.one_step",
        "core.pareto",
        "core.path*",
        "core.profile*",
        "core.proximal*",
        "core.rank",
        "core.resampled",
        "core.scaling",
        "core.separation*",
    ),
    ("problem",),
    (
        "estimate",
        "folds",
        "likelihood_inference",
        "optimism",
        "prior_density",
        "resampled_predictions",
        "resampling",
    ),
    ("estimators", "estimators.*", "arviz_io"),
    ("analysis", "analysis.*"),
    ("plots", "plots.*", "tables", "tables.*", "report", "report.*", "persistence", "codec"),
    ("model", "fit", "readings", "readings.*", "recalibrated", "results"),
    ("cli", "command_helpers", "demo", "sklearn", "__main__", ""),
)

# Loaded only by the function that needs it, never by `import problogit`.
LAZY = {
    "arviz",
    "arviz_base",
    "arviz_plots",
    "arviz_stats",
    "dask",
    "formulaic",
    "jinja2",
    "matplotlib",
    "polars",
    "pyarrow",
    "pymc",
    "pytensor",
    "sklearn",
    "statsmodels",
    "xarray",
}

# Which modules may import a heavy library, and how many of them.
IMPORTERS = {
    "formulaic": (1, ("data.*",)),
    "statsmodels": (1, ("estimators.*",)),
    "pymc": (2, ("estimators.*",)),
    "pytensor": (2, ("estimators.*",)),
    "nutpie": (1, ("estimators.*",)),
    "arviz": (0, ()),
    "arviz_base": (1, ("arviz_io",)),
    "arviz_stats": (1, ("arviz_io",)),
    "arviz_plots": (1, ("arviz_io", "plots.*")),
    "matplotlib": (None, ("plots", "plots.*")),
    "dask": (1, ("execution", "data.*")),
}

CORE_MAY_IMPORT = {"numpy", "scipy"}

# What a declared dependency is called when it is imported, and what comes with one of them by its own contract.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "pytensor": "pymc", "xarray": "arviz-base"}


@dataclass(frozen=True)
class Import:
    """One imported module as written: `target` in full, `eager` when loading the module runs it."""

    module: str
    target: str
    line: int
    eager: bool
    typing_only: bool

    @property
    def library(self) -> str:
        return self.target.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.module or '__init__'}:{self.line} imports {self.target}"


class Reader(ast.NodeVisitor):
    """Collect the imports of one module, knowing whether they stand in a function or under TYPE_CHECKING."""

    def __init__(self, module: str, known: set[str]) -> None:
        self.module, self.known = module, known
        self.found: list[Import] = []
        self.in_function = self.in_typing = False

    def add(self, target: str, line: int) -> None:
        eager = not (self.in_function or self.in_typing)
        self.found.append(Import(self.module, target, line, eager, self.in_typing))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, f"{self.module}:{node.lineno}: relative import; write it from {PACKAGE}"
        source = node.module or ""
        for alias in node.names:
            inner = f"{source}.{alias.name}"
            self.add(inner if inner in self.known else source, node.lineno)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self.in_function = self.in_function, True
        self.generic_visit(node)
        self.in_function = outer

    def visit_If(self, node: ast.If) -> None:
        outer = self.in_typing
        self.in_typing = outer or ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        for child in node.body:
            self.visit(child)
        self.in_typing = outer
        for child in node.orelse:
            self.visit(child)


def sources() -> dict[str, str]:
    """Every module of the package, by its name relative to the package ("" is the package itself)."""
    root = ROOT / PACKAGE
    named = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return named


def imports(modules: dict[str, str]) -> list[Import]:
    known = {f"{PACKAGE}.{name}" if name else PACKAGE for name in modules}
    found = []
    for name, text in modules.items():
        reader = Reader(name, known)
        reader.visit(ast.parse(text))
        found += reader.found
    return found


def inside(target: str) -> str | None:
    """The name relative to the package, or None for another library."""
    if target == PACKAGE:
        return ""
    return target.removeprefix(f"{PACKAGE}.") if target.startswith(f"{PACKAGE}.") else None


def matches(module: str, patterns: tuple[str, ...] | list[str]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def layer(module: str) -> int | None:
    """The module's layer; an exact name comes before a star."""
    for exact in (True, False):
        for level, patterns in enumerate(LAYERS):
            if module in patterns if exact else matches(module, patterns):
                return level
    return None


def upward(modules: dict[str, str]) -> list[str]:
    problems = []
    for found in imports(modules):
        target = inside(found.target)
        if target is None:
            continue
        here, there = layer(found.module), layer(target)
        if here is not None and there is not None and there > here:
            problems.append(f"{found} (layer {here} imports layer {there})")
    return problems


def cycles(modules: dict[str, str]) -> list[tuple[str, ...]]:
    """Groups of modules that reach each other. Importing a child runs its parents too; that is not counted."""
    edges = defaultdict(set)
    for found in imports(modules):
        target = inside(found.target)
        if target is not None and target != found.module:
            edges[found.module].add(target)
    reach = {module: reachable(module, edges) for module in modules}
    groups = {tuple(sorted(b for b in reach[a] if a in reach.get(b, ()))) for a in modules if a in reach[a]}
    return sorted(groups)


def reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in edges[waiting.pop()] - seen:
            seen.add(target)
            waiting.append(target)
    return seen


def heavy_at_module_level(modules: dict[str, str]) -> list[str]:
    return [str(found) for found in imports(modules) if found.eager and found.library in LAZY]


def importers(modules: dict[str, str]) -> dict[str, set[str]]:
    """For each heavy library the modules that load it; imports for annotations alone load nothing."""
    users = defaultdict(set)
    for found in imports(modules):
        if found.typing_only:
            continue
        named = [key for key in IMPORTERS if found.target == key or found.target.startswith(f"{key}.")]
        if named:
            users[max(named, key=len)].add(found.module)
    return users


def misplaced_importers(modules: dict[str, str]) -> list[str]:
    problems = []
    for library, users in importers(modules).items():
        limit, places = IMPORTERS[library]
        strangers = sorted(user for user in users if not matches(user, places))
        if strangers:
            problems.append(f"{library} is imported by {strangers}; allowed: {list(places)}")
        if limit is not None and len(users) > limit:
            problems.append(
                f"{library} is imported by {len(users)} modules, at most {limit}: {sorted(users)}"
            )
    return problems


def foreign_to_core(modules: dict[str, str]) -> list[str]:
    problems = []
    for found in imports(modules):
        if not (found.module == "core" or found.module.startswith("core.")):
            continue
        target = inside(found.target)
        if target is None:
            allowed = found.library in CORE_MAY_IMPORT | sys.stdlib_module_names
        else:
            allowed = target.startswith("core") or layer(target) == 0
        if not allowed:
            problems.append(str(found))
    return problems


def declared_dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    optional = ("nutpie", "parquet", "polars", "sklearn")
    wanted = project["dependencies"] + [package for name in optional for package in extras[name]]
    return {re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0].lower() for text in wanted}


def test_every_module_has_a_layer() -> None:
    homeless = [module for module in sources() if layer(module) is None]
    assert not homeless, f"no layer for {homeless}: add them to LAYERS in tests/test_layers.py"


def test_imports_point_down_or_sideways() -> None:
    assert upward(sources()) == []


def test_there_is_no_import_cycle() -> None:
    assert cycles(sources()) == []


def test_core_imports_numpy_scipy_and_the_ground_floor_only() -> None:
    assert foreign_to_core(sources()) == []


def test_analysis_plots_and_report_do_not_know_the_engines() -> None:
    readers = ("analysis", "analysis.*", "plots", "plots.*", "report", "report.*", "tables", "tables.*")
    problems = [
        str(found)
        for found in imports(sources())
        if matches(found.module, readers) and (inside(found.target) or "").startswith("estimators")
    ]
    assert problems == []


def test_heavy_libraries_are_imported_inside_functions() -> None:
    assert heavy_at_module_level(sources()) == []


def test_each_heavy_library_has_its_importer() -> None:
    assert misplaced_importers(sources()) == []


def test_every_imported_library_is_declared() -> None:
    ours = {PACKAGE} | sys.stdlib_module_names
    declared = declared_dependencies()
    undeclared = [
        str(found)
        for found in imports(sources())
        if found.library not in ours
        and DISTRIBUTIONS.get(found.library, found.library.replace("_", "-")) not in declared
    ]
    assert undeclared == [], "add them to pyproject.toml"


# The rules above are silent on a clean tree. Each is shown here something it must catch.


def test_an_upward_import_inside_a_function_is_caught() -> None:
    modules = {"problem": "def f():\n    from problogit.fit import Fit\n", "fit": ""}
    assert upward(modules) == ["problem:2 imports problogit.fit (layer 3 imports layer 8)"]


def test_an_upward_import_for_annotations_is_caught() -> None:
    modules = {"problem": "if TYPE_CHECKING:\n    from problogit import fit\n", "fit": "", "": ""}
    assert upward(modules) == ["problem:2 imports problogit.fit (layer 3 imports layer 8)"]


def test_a_sideways_cycle_is_caught() -> None:
    modules = {
        "analysis.odds": "import problogit.analysis.loo",
        "analysis.loo": "def f():\n    from problogit.analysis import odds\n",
        "analysis": "",
    }
    assert cycles(modules) == [("analysis.loo", "analysis.odds")]


def test_a_heavy_import_is_caught_at_module_level_and_not_inside_functions() -> None:
    modules = {
        "plots.forest": "import matplotlib.pyplot as plt",
        "plots.path": "def f():\n    import matplotlib\n",
        "plots.curve": "if TYPE_CHECKING:\n    from matplotlib.axes import Axes\n",
    }
    assert heavy_at_module_level(modules) == ["plots.forest:1 imports matplotlib.pyplot"]


def test_a_second_importer_and_a_misplaced_one_are_caught() -> None:
    code = "def f():\n    import formulaic\n"
    assert misplaced_importers({"data.design": code}) == []
    assert "at most 1" in misplaced_importers({"data.design": code, "data.other": code})[0]
    assert "['fit']" in misplaced_importers({"fit": code})[0]


def test_a_data_frame_in_core_is_caught() -> None:
    assert foreign_to_core({"core.newton": "import numpy\nimport pandas\n"}) == [
        "core.newton:2 imports pandas"
    ]


def test_a_module_without_a_layer_is_caught() -> None:
    assert layer("core.new_idea") is None
    assert layer("core.priors.jeffreys") == 1
