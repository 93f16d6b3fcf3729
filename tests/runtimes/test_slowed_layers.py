"""Layers that wait after their work change no bit, on any runtime; the simulator waits in its own time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Point, combined
from annex_actors.runtimes import Crash, InlineRuntime, Program, Runtime
from annex_actors.runtimes import runtime as runtime_of
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.program import Job
from annex_actors.runtimes.simulated import SimulatedJob, SimulatedRuntime
from annex_actors.runtimes.slowed_layers import SlowedLayers
from tests.faults.plans import disturbed
from tests.profiling.programs import program
from tests.trainings import Training, undisturbed

SLOWED = SlowedLayers({0: 1.5, 2: 2}, {1: LayerTimes(0.0002, 0.0001, 0.0001, 0.0001)})


class Slowed:
    """A runtime that slows layers of every program that it starts."""

    def __init__(self, runtime: Runtime, slowed: SlowedLayers = SLOWED) -> None:
        self.name = runtime.name
        self._runtime = runtime
        self._slowed = slowed

    def start(self, program: Program) -> Job:
        """Start the program with slowed layers."""
        return self._runtime.start(replace(program, slowed=self._slowed))


@pytest.mark.parametrize("name", ["inline", "threads", "schedulers", "processes"])
@pytest.mark.parametrize("crashes", [(), (Crash(layer=1, step=1), Crash(layer=0, step=2))], ids=["quiet", "crashes"])
def test_waits_change_no_bit_whatever_dies(name: str, crashes: tuple[Crash, ...]) -> None:
    training = Training(schedule="1f1b", microbatches=3)
    outcome = disturbed(training, Slowed(runtime_of(name)), crashes=crashes)
    assert outcome.restarts == len(crashes)
    assert outcome.fingerprints == undisturbed(training).fingerprints


@pytest.mark.parametrize("name", ["inline", "threads", "schedulers", "processes"])
def test_a_layer_waits_wherever_it_lives(name: str) -> None:
    waits = SlowedLayers(waits={1: LayerTimes(forward=0.02, backward=0, weight_gradient=0)})
    job = Slowed(runtime_of(name), waits).start(program(3, microbatches=2))
    job.wait()
    job.close()
    assert job.seconds >= 3 * 2 * 0.02


class Clock:
    """A clock that a sleep moves on, and each piece of a layer's work, by one second."""

    def __init__(self) -> None:
        self.now = self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        """Sleep in no time."""
        self.now += seconds
        self.slept += seconds


class Worked(Instrument):
    """Lets a layer work for a second before its wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Move the clock on."""
        self._clock.now += point is not Point.COMMIT


def slept(slowed: SlowedLayers, monkeypatch: pytest.MonkeyPatch) -> float:
    """Return how long the layers of two steps of two microbatches wait where each piece of work takes one second."""
    clock = Clock()
    monkeypatch.setattr("annex_actors.runtimes.slowed_layers.time.sleep", clock.sleep)
    waiting = combined(Worked(clock), slowed.instrument(lambda: clock.now))
    job = InlineRuntime().start(program(2, waiting, microbatches=2))
    job.wait()
    job.close()
    return clock.slept


def test_a_layer_waits_for_as_long_as_it_is_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = 2 * (2 + 2 + 1 + 1)  # two steps of two F, two B, a W and an update
    assert slept(SlowedLayers({0: 3}), monkeypatch) == pytest.approx(2 * pieces)


def test_a_calibrated_wait_is_for_each_microbatch(monkeypatch: pytest.MonkeyPatch) -> None:
    slowed = SlowedLayers(waits={1: LayerTimes(1, 10, 100, 1000)})
    assert slept(slowed, monkeypatch) == pytest.approx(2 * (2 * (1 + 10 + 100) + 1000))


def test_the_simulator_lets_the_time_pass_on_its_clock() -> None:
    layers = [LayerTimes(1, 1, 1, 1)] * 3

    def makespan(slowed: SlowedLayers | None) -> float:
        job = SimulatedRuntime(CostModel(layers=layers)).start(replace(program(2, microbatches=2), slowed=slowed))
        assert isinstance(job, SimulatedJob)
        job.wait()
        job.close()
        return job.now

    plain = makespan(None)
    assert makespan(SlowedLayers()) == plain
    assert makespan(SlowedLayers({0: 3})) == plain + 2 * 2 * (3 * 2 + 1)
    assert makespan(SlowedLayers(waits={1: LayerTimes(1, 0, 0, 0)})) == plain + 2 * 2


def test_a_slowed_network_of_many_workers_is_simulated_in_no_time() -> None:
    waits = {layer: LayerTimes(3600, 3600, 3600) for layer in range(3)}
    job = SimulatedRuntime().start(replace(program(1), slowed=SlowedLayers(waits=waits)))
    assert isinstance(job, SimulatedJob)
    job.wait()
    assert job.now > 3600
    job.close()


def test_where_nothing_is_slowed_nothing_is_called() -> None:
    assert SlowedLayers().instrument(lambda: 0.0) is NO_INSTRUMENT


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"factors": {0: 0.5}}, r"`factors\[0\]` to be a number >= 1, got 0.5"),
        ({"factors": {-1: 2}}, "`factors` to be an integer >= 0, got -1"),
        ({"factors": [2]}, "`factors` to be a dict"),
        ({"waits": {0: 1.0}}, r"`waits\[0\]` to be times"),
        ({"waits": 1}, "`waits` to be a dict by layer"),
    ],
)
def test_a_mistake_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SlowedLayers(**fields)  # type: ignore[arg-type]
