"""`import problogit` and `problogit --help` start without the heavy libraries: a fresh interpreter tells."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "arviz",
    "arviz_base",
    "arviz_plots",
    "arviz_stats",
    "formulaic",
    "matplotlib",
    "pymc",
    "pytensor",
    "statsmodels",
}

# Told on the way out, since the command line ends in SystemExit.
REPORT = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr))
"""


def run(code: str) -> tuple[str, set[str]]:
    """Standard output and the top-level names of what was loaded."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT + code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_problogit_loads_no_heavy_library_and_prints_nothing() -> None:
    printed, loaded = run("import problogit")
    assert printed == ""
    assert "problogit" in loaded
    assert loaded & HEAVY == set()


def test_the_test_sees_a_heavy_library_when_there_is_one() -> None:
    _, loaded = run("import problogit, formulaic")
    assert loaded & HEAVY == {"formulaic"}


@pytest.mark.parametrize("command", ["", "fit", "compare", "predict", "demo"])
def test_help_on_the_command_line_loads_no_heavy_library(command: str) -> None:
    arguments = [*command.split(), "--help"]
    printed, loaded = run(f"from problogit.cli import main; main({arguments})")
    assert "Usage" in printed
    assert loaded & HEAVY == set()


def test_every_public_name_resolves() -> None:
    printed, _ = run("import problogit as plg; print(len([getattr(plg, name) for name in plg.__all__]))")
    assert int(printed) >= 20
