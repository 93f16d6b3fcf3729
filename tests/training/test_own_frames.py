"""What Python prints of a run that failed: the user's own frames, and none of the machinery."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from annex_actors import Learner, RunFailedError, Sgd, Supervision, activation, dense, load, sequence
from annex_actors.base.errors import DivergedError, LayerError
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


SCRIPT = """
from annex_actors import Learner, dense, load, sequence
from annex_actors.layers import Activation
from annex_actors.layers.activations import Relu

class Fails(Activation):
    def forward(self, parameters, inputs, key):
        raise ValueError("no negative numbers")

Learner(sequence(dense(4), Fails(Relu()), dense(2))).train(load("xor"), epochs=2, batch_size=4)
"""


def test_a_plain_script_prints_few_lines_without_any_logging(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) < 25, done.stderr
    assert sum("annex_actors/" in line for line in lines) == 1, "learner.py, which the script calls"
    assert lines[-1] == (
        "annex_actors.runtimes.program.RunFailedError: layer 1 (relu) failed in forward at step 0 microbatch 0, given "
        "(2, 4) float32: ValueError: no negative numbers (script.py:8 in forward; failed 3 times at the same message)"
    )
