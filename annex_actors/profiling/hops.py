"""How long a message travels on a runtime, and what a piece of work costs it: trainings whose layers do nothing.

Each sample of such a training goes to the last stage and back, one at a time: a ping-pong of real messages between real
actors, with the protocol and the commits of every training. What a stage more adds is the time of two hops and three
pieces of work, whatever the trainer does. Samples of two sizes make the line.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from time import process_time

import numpy as np
import psutil

from annex_actors.base import checks
from annex_actors.costs import cost
from annex_actors.data import Batches
from annex_actors.layers import activation
from annex_actors.optimizers import Sgd
from annex_actors.peers.stage import StageSpec
from annex_actors.peers.stage_state import LayerState, StageState
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.placement.profile import Hop
from annex_actors.protocol.events import Event, StepFinished
from annex_actors.protocol.messages import freeze
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.runtimes import InlineRuntime, Job, Observer, ProcessesRuntime, Program, RayRuntime, Runtime
from annex_actors.schedules.table import discipline
from annex_actors.stores import MemoryStore

FEWER, MORE = 2, 5
"""Stages of the two chains that are compared."""

SMALL, LARGE = 16, 2**16
"""Numbers of a sample: messages of 64 bytes and of 256 KiB."""

_PIECES, _HOPS = 3, 2
_WARM_UP, _FEWEST, _MOST = 20, 40, 10**6
"""Steps before the measured ones, how many of these there are at least, and epochs, which no measurement ends."""


@dataclass(frozen=True, slots=True)
class _Block:
    """How long a step took, and how long cores worked for it, in seconds."""

    wall: float
    cores: float


class _StepClock:
    """Notes when each step ended, and halts the job once it has been measured for long enough; an observer.

    What the cores have done is asked when the warm-up ends and when the job halts.

    Args:
        seconds: how long to measure, after the warm-up.
        cores: how long cores have worked so far, in seconds.
    """

    def __init__(self, seconds: float, cores: Callable[[], float]) -> None:
        self.job: Job | None = None
        self._seconds = seconds
        self._cores = cores
        self._times: list[float] = []
        self._before = self._worked = 0.0

    def on_event(self, event: Event) -> None:
        """Note the end of a step."""
        if not isinstance(event, StepFinished) or self._worked:
            return
        if event.step < _WARM_UP:
            return
        if not self._times:
            self._before = self._cores()
        self._times.append(event.time)
        if len(self._times) > _FEWEST and event.time - self._times[0] > self._seconds and self.job is not None:
            self._worked = self._cores() - self._before
            self.job.halt()

    def block(self) -> _Block:
        """Return the lower quartile of the steps, since other work only delays them, and the mean work of cores."""
        # Looking at the cores delayed the first of these steps.
        times = [after - before for before, after in pairwise(self._times[1:])]
        return _Block(float(np.percentile(times, 25)), self._worked / (len(self._times) - 1))


def measure_hop(runtime: Runtime, *, seconds: float = 2.0) -> Hop:
    """Return how long a message travels between two stages on a runtime, and what a piece of work costs beside layers.

    On Ray a piece is taken to cost what it costs inline: Ray's own threads send and receive on several cores at once,
    so that the work of all cores may exceed the time that a stage adds. What is left of this time is the hop's.

    Args:
        runtime: hosts the actors; on one where all is done by one thread, messages take no time beside that work.
        seconds: about how long to measure, > 0; more of it where the actors take long to start.

    Raises:
        ConfigError: ``seconds`` out of range.
    """
    left = checks.real_number("seconds", seconds, above=0)
    with runtime.kept_up() if isinstance(runtime, RayRuntime) else nullcontext():
        small, large = _added(runtime, SMALL, left / 2), _added(runtime, LARGE, left / 2)
    cores = _added(InlineRuntime(), SMALL, left / 8).cores if isinstance(runtime, RayRuntime) else small.cores
    work = min(cores, small.wall if shares_interpreter(runtime) else cores) / _PIECES
    # The time of a stage more is that of its messages and of the pieces that are done one after another. W is among
    # them where Python does one thing at a time; elsewhere it is done beside B of the stage before.
    in_turn = _PIECES if shares_interpreter(runtime) else _PIECES - 1
    latency = max(0.0, small.wall - in_turn * work) / _HOPS
    per_byte = max(0.0, (large.wall - small.wall) / _HOPS / (4 * (LARGE - SMALL)))
    return Hop(latency, per_byte, work)


def shares_interpreter(runtime: Runtime) -> bool:
    """Return whether the actors of a runtime share one Python interpreter, which does one thing at a time."""
    return runtime.name not in (ProcessesRuntime.name, RayRuntime.name)


def _added(runtime: Runtime, width: int, seconds: float) -> _Block:
    """Return what one stage more adds to a step."""
    few, many = (_block(runtime, stages, width, seconds / 2) for stages in (FEWER, MORE))
    added = MORE - FEWER
    return _Block(max(0.0, many.wall - few.wall) / added, max(0.0, many.cores - few.cores) / added)


def _block(runtime: Runtime, stages: int, width: int, seconds: float) -> _Block:
    # To look at other processes are hundreds of system calls, after each of which a thread waits for the interpreter:
    # where actors share it, they went on for seconds in the meantime.
    clock = _StepClock(seconds, process_time if shares_interpreter(runtime) else _core_seconds)
    clock.job = runtime.start(_program(stages, width, clock))
    try:
        clock.job.wait()
    finally:
        clock.job.close()
    return clock.block()


def _program(stages: int, width: int, observer: Observer) -> Program:
    """Return a training of ``stages`` layers that hand on what they are given, a sample of ``width`` numbers a step."""
    error, routing, schedule = cost("mean_squared_error"), Routing(stages), discipline("1f1b")
    layer, run = activation("linear"), "hops"

    def spec(stage: int) -> StageSpec:
        return StageSpec(
            stage=stage,
            first_layer=stage,
            layers=(layer,),
            cost=error if stage == stages - 1 else None,
            optimizer=Sgd(),
            discipline=schedule,
            initial=StageState((LayerState({}, {}),)),
            step=0,
            seed=0,
            run=run,
            routing=routing,
        )

    samples = np.zeros((8, width), np.float32)
    trainer = TrainerSpec(
        run=run,
        routing=routing,
        inputs=freeze(samples),
        targets=freeze(samples.copy()),
        test=None,
        test_targets=None,
        classes=None,
        cost=error,
        batches=Batches(len(samples), 1, 0),
        microbatches=1,
        epochs=_MOST,
        overlap=1,
    )
    store = MemoryStore(map(stage_address, range(stages)))
    return Program(run, tuple(map(spec, range(stages))), trainer, store, observers=(observer,))


def _core_seconds() -> float:
    """Return how long cores have worked for this process and for those that it started and that are still there."""
    total = process_time()
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:  # it has ended in the meantime
            continue
        total += times.user + times.system
    return total
