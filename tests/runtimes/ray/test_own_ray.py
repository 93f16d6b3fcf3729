"""A Ray that a run starts for itself ends with the run; without Ray installed one line names what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

ALONE = """
import os
import psutil
from annex_actors.runtimes import RayRuntime
from tests.leaks import SHARED_MEMORY, no_thread_left
from tests.trainings import Training, fingerprints, train, undisturbed

if __name__ == "__main__":
    training = Training(epochs=1)
    expected = undisturbed(training).fingerprints
    import ray
    shared = set(os.listdir(SHARED_MEMORY))
    with no_thread_left():
        assert train(training, RayRuntime(spares=0)).fingerprints == expected
        assert not ray.is_initialized()
    assert psutil.Process().children(recursive=True) == []
    assert not [name for name in set(os.listdir(SHARED_MEMORY)) - shared if str(os.getpid()) in name]
"""

WITHOUT = """
import sys
sys.modules["ray"] = None
from annex_actors import Learner, RayRuntime, dense, load
Learner(dense(2), runtime=RayRuntime()).train(load("xor"), epochs=1)
"""

UNASKED = """
import sys
import annex_actors.public
assert "ray" not in sys.modules
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "program.py"
    file.write_text(code)
    command = [sys.executable, str(file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)


def test_a_ray_of_its_own_leaves_no_process_no_thread_and_no_shared_memory(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    done = run(ALONE, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_ray_one_line_says_what_to_install(tmp_path: Path) -> None:
    done = run(WITHOUT, tmp_path)
    assert done.stderr.endswith(
        "ConfigError: expected Ray for runtime ray, got none; pip install 'annex-actors[ray]'\n"
    )


def test_nothing_imports_ray_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert run(UNASKED, tmp_path).returncode == 0
