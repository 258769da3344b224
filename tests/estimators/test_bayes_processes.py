"""Plain scripts that fit Bayes: under every start method, without a main guard, and what they leave behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from problogit.estimators.nuts_op import processes_for

ROOT = Path(__file__).resolve().parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="child processes are only made on Linux")

FIT = """
import numpy as np
import problogit as plg

rng = np.random.default_rng(1)
x = rng.normal(size=60)
y = (rng.random(60) < 0.4 + 0.2 * (x > 0)).astype(int)
model = plg.LogitModel.from_arrays(x[:, None], y, names=["x"])
sampler = plg.Bayes(
    plg.Normal(1.0), draws={draws}, tune={tune}, chains=4, cores={cores}, backend="pymc", rng=3
)
fit = model.fit(sampler, progress=False)
"""
REPORT = """
import sys
details = fit.estimate.details
print(details.processes, repr(fit.coef["x"]), file=sys.stderr)
"""


def script(
    tmp_path: Path, *parts: str, draws: int = 150, tune: int = 100, cores: int | None = 2
) -> list[str]:
    """A file without `if __name__ == "__main__"`, and the command that runs it."""
    path = tmp_path / "plain_script.py"
    text = "".join(textwrap.dedent(part) for part in parts)
    path.write_text(
        text.replace("{draws}", str(draws)).replace("{tune}", str(tune)).replace("{cores}", str(cores))
    )
    return [sys.executable, str(path)]


def environment() -> dict[str, str]:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OMP_NUM_THREADS": "1",
    }


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, env=environment(), timeout=600, check=False
    )


METHODS = [
    name for name in ("fork", "spawn", "forkserver") if name in multiprocessing.get_all_start_methods()
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> dict[str, subprocess.CompletedProcess[str]]:
    """The same script under every start method that the platform has."""
    strict = 'import warnings\nwarnings.simplefilter("error", DeprecationWarning)\n'
    done = {}
    for method in METHODS:
        start = f'import multiprocessing\nmultiprocessing.set_start_method("{method}")\n'
        done[method] = run(script(tmp_path_factory.mktemp(method), start, strict, FIT, REPORT))
    return done


@pytest.mark.parametrize("method", METHODS)
def test_a_plain_script_without_main_guard_finishes(finished, method):
    done = finished[method]
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    processes, _ = done.stderr.split()[-2:]
    assert int(processes) == (2 if method == "fork" and sys.platform == "linux" else 1)


def test_draws_are_the_same_with_and_without_child_processes(finished):
    assert len({done.stderr.split()[-1] for done in finished.values()}) == 1


def test_the_start_method_stays_free_to_choose(tmp_path):
    after = 'import multiprocessing\nmultiprocessing.set_start_method("spawn")\n'
    done = run(script(tmp_path, FIT, after, draws=50, tune=50, cores=1))
    assert done.returncode == 0, done.stderr


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`, read from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


@LINUX
@pytest.mark.parametrize(
    "how",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
    ids=["kill", "term", "interrupt"],
)
def test_no_chain_outlives_a_process_that_is_stopped(tmp_path, how):
    command = script(tmp_path, FIT, draws=200, tune=200_000)
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as parent:
        try:
            assert wait_until(lambda: len(children(parent.pid)) == 4)
            workers = children(parent.pid)
            time.sleep(0.5)
            parent.send_signal(how)
            _, errors = parent.communicate(timeout=120)
            assert parent.returncode != 0
            assert wait_until(lambda: not any(is_running(pid) for pid in workers), 60)
        finally:
            parent.kill()
    if how is signal.SIGINT:
        last = errors.rstrip().splitlines()[-1]
        assert last.startswith(
            "KeyboardInterrupt: Sampling was interrupted before any chain had made 50 draws"
        )
        assert "there is nothing to return" in last


# Acts when so many steps of all chains are done: `act` stands in the script.
TELL = """
import os, signal
from pathlib import Path

def children():
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]

class Act:
    done = 0
    workers = []
    def start(self, label, total): pass
    def finish(self): pass
    def advance(self, amount=1, note=""):
        before, self.done = self.done, self.done + amount
        if before < 3000 <= self.done:
            self.workers = children()
            {act}

told = Act()
"""
# What is left is printed: the status, the shape, whether diagnostics say so, and which chains still run.
OUTCOME = """
import sys, time
for _ in range(100):
    left = [pid for pid in told.workers if Path(f"/proc/{pid}").exists()]
    if not left:
        break
    time.sleep(0.05)
print(
    fit.status.name,
    "x".join(map(str, fit.estimate.coefficients.chains.shape)),
    fit.converged,
    fit.diagnostics().findings[0].code,
    fit.diagnostics().trusted,
    "interrupted" in str(fit).splitlines()[0],
    len(left),
    signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    fit.summary().shape[0],
    file=sys.stderr,
)
"""
ACTS = {
    "interrupt": "os.kill(os.getpid(), signal.SIGINT)",
    "terminal": "os.killpg(0, signal.SIGINT)",
}


def acting(tmp_path: Path, act: str, method: str, cores: int) -> subprocess.CompletedProcess[str]:
    """Four chains of 500 + 1000 steps, of which 3000 are made when `act` happens."""
    start = f'import multiprocessing\nmultiprocessing.set_start_method("{method}")\n'
    fit = FIT.replace("progress=False", "progress=told")
    tell = TELL.replace("{act}", act)
    command = script(tmp_path, start, tell, fit, OUTCOME, draws=1000, tune=500, cores=cores)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=600,
        check=False,
        start_new_session=True,
    )


@LINUX
@pytest.mark.parametrize(
    ("how", "method", "cores"),
    [
        ("terminal", "fork", 2),
        pytest.param("interrupt", "spawn", 2, marks=pytest.mark.slow),
        pytest.param("interrupt", "forkserver", 2, marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_returns_the_draws_so_far_marked_as_partial(tmp_path, how, method, cores):
    done = acting(tmp_path, ACTS[how], method, cores)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "ConvergenceWarning: Sampling was interrupted" in done.stderr
    status, shape, converged, first, trusted, header, left, restored, terms = done.stderr.split()[-9:]
    assert (status, converged, first, trusted) == ("INTERRUPTED", "False", "interrupted", "False")
    chains, draws, columns = map(int, shape.split("x"))
    in_processes = method == "fork" and cores > 1
    # Two chains of 1500 steps share 3000 steps: side by side both are near their end, in turn both have ended.
    assert (chains, columns) == (2, 2)
    assert 500 <= draws <= 1000 if in_processes else draws == 1000
    assert (header, left, restored, terms) == ("True", "0", "True", "2")


@LINUX
def test_a_chain_whose_process_is_killed_is_a_clear_error_and_leaves_no_orphan(tmp_path):
    done = acting(tmp_path, "os.kill(self.workers[-1], signal.SIGKILL)", "fork", 4)
    assert done.returncode != 0
    last = done.stderr.rstrip().splitlines()[-1]
    assert "EstimationError: The process of a chain ended without a word" in last, done.stderr
    assert "of 6000 steps had been made" in last
    assert "Bayes(cores=1)" in last


@LINUX
def test_processes_are_made_only_where_fork_is_safe():
    available = len(os.sched_getaffinity(0))
    if threading.active_count() == 1:
        assert processes_for(4, None) == min(4, available)
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    try:
        assert processes_for(4, None) == 1
        assert processes_for(4, 2) == 2
        assert processes_for(1, 2) == 1
    finally:
        waiting.set()
        thread.join()
