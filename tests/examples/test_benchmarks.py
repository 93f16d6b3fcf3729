"""Every benchmark still runs: what is never run rots."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.readmes import ROOT

FOLDER = ROOT / "examples" / "benchmarks"

BENCHMARKS = {
    "automatic": [
        "8-6-4, batch 8, 1f1b on schedulers: ",
        "auto, pipedream on schedulers: ",
        "layer, 1f1b, m=2, on schedulers",
    ],
    "convolutions": ["a small residual network, batch 8", "inline, sequential, m=1", "schedulers, 1f1b, m=2, stages=2"],
    "ideal": ["1f1b", "real / ideal"],
    "memory": ["8-6-4, batch 8", "MiB: ours"],
    "on_ray": ["4 layers 8-8, batch 128", "schedulers", "processes", "ray pays off"],
    "on_nodes": ["a hop between nodes", "nodes of speed 1, 1/2 and 1/4", "the planner's", "as measured"],
    "observing": ["no page", "page, no viewer", "page, 3 viewers", "the same weights"],
    "prediction": ["2-8-1, predict(1): the same bits", "2-8-1, kept up, predict(100000): the same bits"],
    "predicted": ["layers that wait", "6 waits, gpipe, m=2", "dense:8 relu dense:10", "median error"],
    "processes": ["hop with 64 KiB", "commit of 2.4 MB on a shelf", "recovery of 1 killed, with a spare"],
    "planner": ["12 layers on 3 workers", "1f1b, m = 8", "memory for half more than the least"],
    "simulation": ["      10       1,506"],
    "small_steps": ["plain NumPy", "inline, one stage", "threads, one stage", "the default", "processes, one stage"],
    "larger_than_memory": ["4 MB in a file", "4 MB in memory"],
    "step_time": ["schedulers, 1f1b, m=2, stages=2", "inline, sequential, m=1", "supervision, commit and events"],
    "serving": ["schedulers", "processes", "p99 ms"],
    "supervision": [
        "a tell",
        "an ask",
        "a start",
        "a restart",
        "a mass restart",
        "one_for_all",
        "a life among so many",
    ],
    "thousand_stages": ["12 stages on 6 nodes", "through the trainer", "a region fails: 4 restarts"],
    "tracing": ["no trace", "a sample", "all steps", "the digits, by default"],
    "tables": ["own data", "wine            accuracy"],
}
"""What each prints, among other things."""

SHARED = {"bare", "measuring", "networks", "rivals", "torch_pipeline", "transformer"}
"""What benchmarks share, and use when they run."""


def test_every_file_is_a_benchmark_that_is_run_here_or_shared_by_them() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == BENCHMARKS.keys() | SHARED


SLOW = {"on_nodes"}
"""They take more than a minute at their smallest size, as where a cluster starts: they run with ``--whole``."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.whole, pytest.mark.timeout(300)] if name in SLOW else [])
        for name in BENCHMARKS
    ],
)
def test_a_benchmark_runs_at_its_smallest_size_and_prints_how_much_memory_it_took(name: str) -> None:
    if name in ("on_nodes", "on_ray"):
        pytest.importorskip("ray")
    if name in ("serving", "observing"):
        pytest.importorskip("uvicorn")
        pytest.importorskip("starlette")
    command = [sys.executable, "-W", "error", "-m", f"examples.benchmarks.{name}", "--smoke"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    for expected in [*BENCHMARKS[name], "peak memory: "]:
        assert expected in done.stdout


@pytest.mark.parametrize("name", BENCHMARKS)
def test_how_a_benchmark_is_run_stands_at_its_top_and_in_the_readme(name: str) -> None:
    command = f"python -m examples.benchmarks.{name}"
    assert command in (FOLDER / f"{name}.py").read_text().split('"""')[1]
    assert command in (FOLDER / "README.md").read_text()
