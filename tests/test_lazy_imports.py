"""`import problogit` and `problogit --help` start without the heavy libraries: a fresh interpreter tells."""

from __future__ import annotations

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
REPORT = f"""
import atexit, sys
atexit.register(lambda: print(*sorted({HEAVY} & set(sys.modules)), file=sys.stderr))
"""


def run(code: str) -> tuple[str, set[str]]:
    """Standard output, and which of the heavy libraries were loaded."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT + code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.splitlines()[-1].split())


def test_importing_problogit_loads_no_heavy_library_and_prints_nothing() -> None:
    printed, loaded = run("import problogit")
    assert printed == ""
    assert loaded == set()


def test_the_test_sees_a_heavy_library_when_there_is_one() -> None:
    _, loaded = run("import problogit, formulaic")
    assert loaded == {"formulaic"}


@pytest.mark.parametrize("command", ["", "fit", "compare", "predict", "demo"])
def test_help_on_the_command_line_loads_no_heavy_library(command: str) -> None:
    arguments = [*command.split(), "--help"]
    printed, loaded = run(f"from problogit.cli import main; main({arguments})")
    assert "Usage" in printed
    assert loaded == set()


def test_every_public_name_resolves() -> None:
    printed, _ = run("import problogit as plg; print(len([getattr(plg, name) for name in plg.__all__]))")
    assert int(printed) >= 20
