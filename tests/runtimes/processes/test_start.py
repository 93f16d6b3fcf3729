"""If processes cannot start, the error says why in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from annex_actors.base.errors import AnnexError, ConfigError
from annex_actors.layers import Activation, dense, sequence
from annex_actors.layers.activations import Relu
from annex_actors.runtimes import ProcessesRuntime, RunFailedError
from annex_actors.runtimes.main_guard import IMPORTING
from annex_actors.runtimes.processes import spare_workers
from tests.trainings import Training, undisturbed

TRAINING = Training(microbatches=3)


@dataclass(frozen=True)
class Unsendable(Activation):
    """A layer that holds an object which cannot be sent to another process."""

    lock: object = field(default_factory=threading.Lock, kw_only=True)


def test_a_layer_that_cannot_be_sent_is_refused_before_anything_starts() -> None:
    stages = TRAINING.stage_specs()
    program = replace(TRAINING.program(), stages=(replace(stages[0], layers=(Unsendable(Relu()),)), *stages[1:]))
    with pytest.raises(ConfigError, match=r"expected layer 0 .* to be what can be sent to a process, got TypeError"):
        ProcessesRuntime().start(program)


UNGUARDED = """
from tests.trainings import Training, train
from annex_actors.runtimes import ProcessesRuntime, SchedulersRuntime
{first}
train(Training(), ProcessesRuntime(spares=0))
"""


@pytest.mark.parametrize("first", ["", "train(Training(), SchedulersRuntime()); print('trained')"])
def test_a_program_without_a_main_guard_is_refused_and_trains_in_no_other_process(tmp_path: Path, first: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(first=first))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, timeout=60)
    assert ended.returncode != 0
    assert ended.stdout.splitlines() == ["trained"] * bool(first)
    *before, last = ended.stderr.splitlines()
    assert last.startswith(
        "annex_actors.base.errors.ConfigError: expected a program that starts its training under `if __"
    )
    assert before[0] == "Traceback (most recent call last):"
    assert len(before) < 30, "one traceback, of this process"


NOT_A_FILE = """
from annex_actors.runtimes import ProcessesRuntime
from annex_actors.layers import Activation, dense, sequence
from annex_actors.layers.activations import Relu
from tests.trainings import Training, fingerprints, train

class Own(Relu):
    pass

if __name__ == "__main__":
    network = sequence(dense(3), Activation({function}()), dense(3))
    outcome = train(Training(network=network), ProcessesRuntime(spares=0))
    print(*fingerprints(outcome.checkpoint))
"""


def without_a_file(function: str) -> subprocess.CompletedProcess[str]:
    """Run a program from the standard input: like one in a notebook, it has no file."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = NOT_A_FILE.format(function=function)
    return subprocess.run([sys.executable], input=code, capture_output=True, text=True, env=environment, timeout=60)


def test_a_program_without_a_file_can_train() -> None:
    training = Training(network=sequence(dense(3), Activation(Relu()), dense(3)))
    assert without_a_file("Relu").stdout.split() == list(undisturbed(training).fingerprints)


def test_a_class_of_a_program_without_a_file_is_refused_before_anything_starts() -> None:
    ended = without_a_file("Own")
    assert ended.stderr.splitlines()[-1] == (
        "annex_actors.base.errors.ConfigError: expected layer 1 relu to be what a process can import, got a class of a "
        "program that is no file; put the class into a file, and import it from there"
    )


def failed_start(tmp_path: Path, in_worker: str) -> Exception:
    """Return the error of a run whose processes execute ``in_worker`` while they start; none of them is left."""
    file = tmp_path / "mine.py"
    file.write_text(f"import os, time\nif '{IMPORTING}' in os.environ:\n    {in_worker}\n")
    with pytest.raises(AnnexError) as failure:
        ProcessesRuntime(spares=0).start(TRAINING.program(load=(str(file),)))
    assert psutil.Process().children() == []
    return failure.value


def test_a_users_file_that_fails_in_a_process_is_reported_before_anything_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    error = failed_start(tmp_path, "raise OSError('no such thing')")
    assert isinstance(error, ConfigError)
    assert str(error) == f"expected {tmp_path}/mine.py, line 3, to run, got OSError: no such thing"
    assert caplog.text == ""


def test_a_process_that_ends_while_it_starts_is_reported_with_its_exit_code(tmp_path: Path) -> None:
    error = failed_start(tmp_path, "os._exit(7)")
    assert isinstance(error, RunFailedError)
    assert str(error) == "the run did not start: a process did not start: ended with exit code 7"


def test_a_process_that_takes_too_long_to_start_is_reported_with_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare_workers, "START_S", 6.0)
    error = failed_start(tmp_path, "print('hello', flush=True); time.sleep(60)")
    assert isinstance(error, RunFailedError)
    assert str(error).startswith("the run did not start: a process was not ready within 6 s; each imports the program")
    assert str(error).endswith(" It wrote: hello")
