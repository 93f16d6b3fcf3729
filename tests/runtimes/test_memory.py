"""What has ended is freed by reference counting: not one array of a run waits for the garbage collector."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors import Crash, Learner, RunFailedError
from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import Activation, Saved, sequence
from annex_actors.layers.activations import Relu
from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.effects import Effect, Send
from annex_actors.protocol.events import Event, StepFinished
from annex_actors.protocol.instrument import Instrument, Peer, WorkItem
from annex_actors.protocol.messages import WithArray
from annex_actors.runtimes import (
    InlineRuntime,
    Job,
    ProcessesRuntime,
    Program,
    Runtime,
    SchedulersRuntime,
    Supervision,
    ThreadsRuntime,
)
from annex_actors.runtimes.main_guard import IMPORTING
from annex_actors.runtimes.program import PeerSpec
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.result import InterruptedRun
from tests.leaks import no_collector
from tests.readmes import ROOT
from tests.trainings import Training

RUNTIMES: list[Runtime] = [
    InlineRuntime(),
    SimulatedRuntime(),
    ThreadsRuntime(),
    SchedulersRuntime(),
    ProcessesRuntime(spares=0),
]

TRAINING = Training(microbatches=2)


class Traces(Instrument):
    """Weak references to the objects of a run."""

    def __init__(self) -> None:
        self._traces: dict[int, weakref.ref[Any]] = {}

    def add(self, *things: object) -> None:
        """Follow these things."""
        for each in things:
            self._traces[id(each)] = weakref.ref(each)

    def left(self) -> list[str]:
        """Return the objects that still exist."""
        return [repr(type(trace())) for trace in self._traces.values() if trace() is not None]

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Follow a peer, and the arrays that it sends."""
        self.add(peer)
        for effect in effects:
            if isinstance(effect, Send) and isinstance(effect.envelope.message, WithArray):
                self.add(effect.envelope.message.array)


@dataclass(frozen=True, eq=False)
class Followed:
    """A runtime that follows its programs and jobs."""

    inner: Runtime
    traces: Traces

    @property
    def name(self) -> str:
        return self.inner.name

    def start(self, program: Program) -> Job:
        instruments = () if self.name == "processes" else (self.traces,)
        self.traces.add(program.store, *(array for spec in program.stages for array in arrays_of(spec)))
        job = self.inner.start(replace(program, instruments=instruments))
        self.traces.add(job)
        return job


def arrays_of(spec: Any) -> Iterator[object]:
    """Yield the initial weights of a stage."""
    if isinstance(spec, StageSpec):
        for layer in spec.initial.layers:
            yield from layer.parameters.values()


class Interrupts:
    """The observer that presses Ctrl-C once, when the cost of step 2 is known."""

    pressed = False

    def on_event(self, event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == 2 and not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)


def finished(learner: Learner, folder: Path) -> None:
    learner.train(TRAINING.dataset, epochs=2, batch_size=5)


def predicted(learner: Learner, folder: Path) -> None:
    finished(learner, folder)
    for count in (3, 60_000):
        learner.predict(np.zeros((count, 4)))


def served(learner: Learner, folder: Path) -> None:
    finished(learner, folder)
    with learner.serving() as predict:
        predict(np.zeros((300, 4)))


def served_to_an_error(learner: Learner, folder: Path) -> None:
    finished(learner, folder)
    with pytest.raises(OSError, match="no space left"), learner.serving() as predict:
        predict(np.zeros((3, 4)))
        raise OSError("no space left")


class Broken(Activation):
    """A relu that cannot predict."""

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        if key is None:
            raise OSError("no space left")
        return super().forward(parameters, inputs, key)


def predicted_in_vain(learner: Learner, folder: Path) -> None:
    finished(learner, folder)
    layers: list[Any] = [Broken(Relu()) if isinstance(each, Activation) else each for each in TRAINING.network.layers]
    learner.spec = replace(learner.spec, network=sequence(*layers))
    for count in (3, 60_000):
        with pytest.raises(RunFailedError):
            learner.predict(np.zeros((count, 4)))
    with learner.serving() as predict:
        for _ in range(2):
            with pytest.raises(RunFailedError):
                predict(np.zeros((3, 4)))


def saved(learner: Learner, folder: Path) -> None:
    learner.train(TRAINING.dataset, epochs=2, batch_size=5, checkpoints=Checkpoints(folder / "checkpoints", every=2))


def failed_to_save(learner: Learner, folder: Path) -> None:
    def broken(*arguments: object, **options: object) -> bytes:
        raise KeyError("a fault of ours")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("annex_actors.training.checkpoint_files.packed", broken)
        with pytest.raises(RunFailedError, match="could not be written: KeyError"):
            checkpoints = Checkpoints(folder / "checkpoints", every=1)
            learner.train(TRAINING.dataset, epochs=10**6, batch_size=5, checkpoints=checkpoints)


def crashed(learner: Learner, folder: Path) -> None:
    learner.train(TRAINING.dataset, epochs=2, batch_size=5, crashes=[Crash(layer=1, step=3)])


def failed(learner: Learner, folder: Path) -> None:
    with pytest.raises(RunFailedError):
        learner.train(TRAINING.dataset, epochs=2, batch_size=5, crashes=[Crash(layer=1, step=3, times=99)])


def interrupted(learner: Learner, folder: Path) -> None:
    with pytest.raises(InterruptedRun):
        learner.train(TRAINING.dataset, epochs=500, batch_size=5, observers=[Interrupts()])


def raised_by_halt(learner: Learner, folder: Path) -> None:
    def halt(_: object) -> bool:
        raise OSError("the mail server is down")

    with pytest.raises(RunFailedError):
        learner.train(TRAINING.dataset, epochs=2, batch_size=5, halt=halt)


class Unstartable:
    """A stage whose node cannot be made."""

    def __init__(self, stage: PeerSpec) -> None:
        self.address, self.label, self.routing = stage.address, stage.label, stage.routing

    def node(self, *_: object) -> object:
        raise OSError("no such file")


def not_started(learner: Learner, folder: Path) -> None:
    program = TRAINING.program()
    first, second, *others = program.stages
    stages: Any = (first, Unstartable(second), *others)
    with (
        pytest.raises(RunFailedError, match="no such file"),
        closing(learner.spec.runtime.start(replace(program, stages=stages))) as job,
    ):
        job.wait()


def not_started_by_its_files(learner: Learner, folder: Path) -> None:
    file = folder / "mine.py"
    file.write_text(f"import os\nif '{IMPORTING}' in os.environ:\n    raise OSError('no such file')\n")
    program = TRAINING.program(load=(str(file),))
    if learner.spec.runtime.name == "processes":  # nothing else runs the files of a program
        with pytest.raises(ConfigError, match="no such file"):
            learner.spec.runtime.start(program)


ENDS = [
    not_started,
    not_started_by_its_files,
    finished,
    predicted,
    predicted_in_vain,
    served,
    served_to_an_error,
    saved,
    failed_to_save,
    crashed,
    failed,
    interrupted,
    raised_by_halt,
]


def garbage() -> list[str]:
    """Return the objects of this project, of NumPy, and the exceptions that only the collector can free."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        kinds = {type(each) for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds if kind.__module__ != "threadpoolctl"]
    ours = ("annex_actors.", "supervisors.", "numpy.", "tests.", "builtins.frame", "builtins.traceback")
    return sorted(name for name in names if name.startswith(ours))


@pytest.fixture(autouse=True)
def no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Log nothing: pytest keeps every record to the end of a test, with the traceback of its exception."""
    for name in ("supervisors", "annex_actors"):
        caplog.set_level(logging.CRITICAL + 1, name)


class Cycle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_refers_to_itself_is_found() -> None:
    traces = Traces()
    with no_collector():
        traces.add(Cycle())
        assert traces.left() == [repr(Cycle)]
        assert garbage() == [f"{__name__}.Cycle"]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda each: each.name)
def test_after_the_last_reference_to_a_learner_nothing_of_its_runs_is_left(
    runtime: Runtime, end: Callable[[Learner, Path], None], tmp_path: Path
) -> None:
    traces = Traces()

    def run() -> None:
        learner = TRAINING.learner(Followed(runtime, traces), Supervision(max_attempts=2))
        traces.add(learner)
        end(learner, tmp_path)
        traces.add(*(array for array in (learner.checkpoint or TRAINING.initial).weights.values()))

    with no_collector():
        run()
        assert traces.left() == []
        assert garbage() == []


SWEEP = """
import gc, logging, resource, sys
import numpy as np
import psutil
from annex_actors import Dataset, Learner, Sgd, activation, dense, sequence
from annex_actors.data import Samples

def main(schedule, microbatches, sizes, runs):
    numbers = np.random.default_rng(0)
    inputs = numbers.standard_normal((4 * 64, sizes[0]), dtype=np.float32)
    samples = Samples(inputs, numbers.integers(0, sizes[-1], len(inputs)))
    dataset = Dataset("random", samples, samples, tuple(map(str, range(sizes[-1]))), None, "random numbers")
    layers = [layer for size in sizes[1:] for layer in (dense(size), activation("relu"))][:-1]
    process, grown = psutil.Process(), []
    gc.disable()
    for _ in range(runs):
        learner = Learner(sequence(*layers), optimizer=Sgd(), schedule=schedule, microbatches=microbatches)
        learner.train(dataset, epochs=1, batch_size=64)
        del learner
        grown.append(process.memory_info().rss / 2**20)
    settled = grown[4:]
    half = len(settled) // 2  # of each half the lowest: memory that is free again may wait to be used
    print(min(settled[half:]) - min(settled[:half]))

main(sys.argv[1], int(sys.argv[2]), [int(size) for size in sys.argv[3].split("-")], int(sys.argv[4]))
"""

LARGE = "784-1024-1024-1024-10"


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [pytest.param("784-1024-1024-10", 28, id="some"), pytest.param(LARGE, 60, id="all", marks=pytest.mark.whole)],
)
@pytest.mark.parametrize(("schedule", "microbatches"), [("1f1b", 2), ("pipedream", 1)])
def test_many_trainings_take_no_more_memory_than_a_few(schedule: str, microbatches: int, sizes: str, runs: int) -> None:
    command = [sys.executable, "-c", SWEEP, schedule, str(microbatches), sizes, str(runs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=True, env=environment)
    # Without a leak the two halves differ by up to 27; a copy of the weights kept by each training would make 90.
    assert float(done.stdout) < 45, "MiB, from the fifth training on"
