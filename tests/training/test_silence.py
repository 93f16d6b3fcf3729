"""What a caller gets as an exception or finds in a result is not printed as well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from annex_actors.runtimes import RUNTIMES

SCRIPT = """
import sys
import numpy as np
from annex_actors import *

class Failing:
    def on_event(self, event):
        raise ValueError("cannot see")

def refuse(history):
    raise ValueError("no")

def ends_with(kind, learner, dataset, **options):
    try:
        learner.train(dataset, **{"epochs": 1, **options})
    except AnnexError as error:
        assert type(error) is kind, error
    else:
        assert kind is None

if __name__ == "__main__":
    runtime, data = sys.argv[1], load("xor")
    columns = np.random.default_rng(0).normal(size=(99, 3))
    numbers = Dataset.from_arrays(columns, columns[:, 0])
    steep = Sgd(learning_rate=1e6)
    line = Learner(sequence(dense(4), dense(1)), cost="mean_squared_error", optimizer=steep, runtime=runtime)
    ends_with(DivergedError, line, numbers, epochs=5)
    made = lambda: Learner(sequence(dense(4), activation("tanh"), dense(2)), runtime=runtime)
    ends_with(RunFailedError, made(), data, halt=refuse)
    ends_with(RunFailedError, made(), data, crashes=[Crash(layer=1, step=0, times=99)])
    ends_with(None, made(), data, crashes=[Crash(layer=1, step=0)])
    if "observer" in sys.argv:
        ends_with(None, made(), data, observers=[Failing()])
"""


def written_by(folder: Path, *arguments: str) -> str:
    """Return what a program writes to standard error, without a handler of logs and with all warnings shown."""
    (folder / "program.py").write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, "-W", "always", "program.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    return ended.stderr


# Not on ray, which starts for each of these trainings: `tests/runtimes/ray` says what it writes.
@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "ray"])
def test_an_error_that_is_raised_to_the_caller_is_not_printed_as_well(runtime: str, tmp_path: Path) -> None:
    assert written_by(tmp_path, runtime) == ""


@pytest.mark.parametrize("runtime", ["inline", "schedulers"])
def test_an_observer_that_fails_raises_to_no_caller_so_it_is_printed_once(runtime: str, tmp_path: Path) -> None:
    printed = written_by(tmp_path, runtime, "observer")
    assert printed.count("ValueError: cannot see") == 1
    assert printed.startswith("an observer failed and is removed: an instance of Failing\n")
