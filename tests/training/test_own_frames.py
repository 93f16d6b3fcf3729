"""What Python prints of a run that failed: the user's own frames, and none of the machinery."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from annex_actors import Learner, RunFailedError, Sgd, Supervision, activation, dense, load, sequence
from annex_actors.base.errors import ConfigError, DivergedError, LayerError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import Activation, Saved
from annex_actors.layers.activations import Relu
from annex_actors.runtimes import parse_crash
from tests.readmes import ROOT

RUNTIMES = ["inline", "schedulers", "threads", "processes"]


class Fails(Activation):
    """A relu that fails where it predicts, or always."""

    def __init__(self, *, training: bool = True) -> None:
        super().__init__(Relu())
        object.__setattr__(self, "training", training)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        if self.training or key is None:  # type: ignore[attr-defined]
            self.fail()
        return super().forward(parameters, inputs, key)

    def fail(self) -> None:
        raise ValueError("no negative numbers")


def text_of(call: Callable[[], object]) -> str:
    with pytest.raises(RunFailedError) as caught:
        call()
    return "".join(traceback.format_exception(caught.value))


def learner(layer: Activation, runtime: str) -> Learner:
    return Learner(sequence(dense(4), layer, dense(2)), runtime=runtime, supervision=Supervision(max_attempts=2))


def check_frames(text: str) -> None:
    machinery = ("annex_actors/peers", "annex_actors/runtimes", "annex_actors/protocol", "supervisors/", "pykka")
    assert not [name for name in machinery if f"{name}" in text], text
    assert text.count("in fail\n") == 1
    assert text.count("ValueError: no negative numbers") == 2, "by itself, and in the error of the run"
    assert text.count("\n") < 40


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_train_shows_the_layers_frames_and_the_callers(runtime: str) -> None:
    failing = learner(Fails(), runtime)
    text = text_of(lambda: failing.train(load("xor"), epochs=2, batch_size=4))
    check_frames(text)
    assert text.count("in text_of\n") == 1
    assert 'training/learner.py", line' in text


def test_predict_and_serving_do_too() -> None:
    failing = learner(Fails(training=False), "threads")
    failing.checkpoint = learner(activation("relu"), "inline").train(load("xor"), epochs=1, batch_size=4).checkpoint
    check_frames(text_of(lambda: failing.predict(np.zeros((3, 2)))))
    with failing.serving() as predict:
        check_frames(text_of(lambda: predict(np.zeros((3, 2)))))


def test_the_causes_stay_and_the_error_says_what_is_saved() -> None:
    crash = parse_crash("layer=1,step=3,times=9")
    with pytest.raises(RunFailedError) as caught:
        learner(activation("relu"), "threads").train(load("xor"), epochs=9, batch_size=4, crashes=[crash])
    assert isinstance(caught.value.__cause__, LayerError)
    assert caught.value.__notes__ == ["3 committed steps in learner.checkpoint; train() goes on from there"]


def test_an_error_of_the_user_has_the_callers_frames_alone() -> None:
    wild = Learner(sequence(dense(2)), cost="mse", optimizer=Sgd(learning_rate=1e30))
    with pytest.raises(DivergedError) as caught:
        wild.train(load("xor"), epochs=9, batch_size=4)
    frames = [Path(frame.filename).name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames == ["test_own_frames.py", "learner.py"]


def test_a_wrong_setting_has_the_callers_frames_alone() -> None:
    with pytest.raises(ConfigError) as caught:
        learner(activation("relu"), "inline").train(load("xor"), epochs=0)
    frames = [Path(frame.filename).name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames == ["test_own_frames.py", "learner.py"]


class Unreadable(Activation):
    """A layer that no process can read."""

    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return no_such_file, ()


def no_such_file() -> object:
    raise OSError("no such file")


def test_a_process_that_does_not_start_has_no_errors_of_supervisors() -> None:
    text = text_of(lambda: learner(Unreadable(Relu()), "processes").train(load("xor"), epochs=2, batch_size=4))
    where = f"{os.path.relpath(__file__)}:{no_such_file.__code__.co_firstlineno + 1} in no_such_file"
    assert text.endswith(f"layer 1 relu: OSError: no such file ({where}; it did not start)\n")
    assert "StartError" not in text
    assert text.count("in no_such_file\n") == 1


SCRIPT = """
import sys
import threading
from annex_actors import Learner, dense, load, sequence
from annex_actors.layers import Activation
from annex_actors.layers.activations import Relu

class Negative(Exception):
    def __init__(self):
        super().__init__("no negative numbers")
        self.lock = threading.Lock()

class Fails(Activation):
    def forward(self, parameters, inputs, key):
        raise Negative

if __name__ == "__main__":
    learner = Learner(sequence(dense(4), Fails(Relu()), dense(2)), runtime=sys.argv[1])
    learner.train(load("xor"), epochs=2, batch_size=4)
"""


@pytest.mark.parametrize("runtime", ["schedulers", "processes"])
def test_a_plain_script_prints_few_lines_without_any_logging(tmp_path: Path, runtime: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", runtime]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) < 25, done.stderr
    assert sum("annex_actors/" in line for line in lines) == 1, "learner.py, which the script calls"
    raised = SCRIPT.splitlines().index("        raise Negative") + 1
    assert sum(f"line {raised}, in forward" in line for line in lines) == 1
    assert lines[-1] == (
        "annex_actors.runtimes.program.RunFailedError: layer 1 (relu) failed in forward at step 0 microbatch 0, given "
        f"(2, 4) float32: Negative: no negative numbers (script.py:{raised} in forward; "
        "failed 3 times at the same message)"
    )
