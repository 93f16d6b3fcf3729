"""Delayed messages arrive in their order, and change no bit on any runtime, whatever dies."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.messages import Address, Backward, Envelope, freeze
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes import Crash, Program, Runtime, clock
from annex_actors.runtimes import runtime as runtime_of
from annex_actors.runtimes.delayed_links import DelayedLinks, DelayLine
from annex_actors.runtimes.program import Job
from annex_actors.runtimes.simulated import SimulatedJob, SimulatedRuntime
from tests.faults.plans import disturbed
from tests.trainings import Training, undisturbed

FIRST, SECOND = stage_address(0), stage_address(1)


class Delayed:
    """A runtime that delays the messages of every program that it starts."""

    def __init__(self, runtime: Runtime, links: DelayedLinks) -> None:
        self.name = runtime.name
        self._runtime = runtime
        self._links = links

    def start(self, program: Program) -> Job:
        """Start the program with delayed links."""
        return self._runtime.start(replace(program, delayed=self._links))


@pytest.mark.parametrize("name", ["inline", "threads", "schedulers", "processes"])
@pytest.mark.parametrize("crashes", [(), (Crash(layer=1, step=1), Crash(layer=0, step=2))], ids=["quiet", "crashes"])
def test_delays_change_no_bit_whatever_dies(name: str, crashes: tuple[Crash, ...]) -> None:
    training = Training(schedule="1f1b", microbatches=3)
    outcome = disturbed(training, Delayed(runtime_of(name), DelayedLinks(0.0005, 1e-7)), crashes=crashes)
    assert outcome.restarts == len(crashes)
    assert outcome.fingerprints == undisturbed(training).fingerprints


@pytest.mark.parametrize("name", ["threads", "schedulers", "processes"])
def test_a_step_takes_at_least_as_long_as_its_messages(name: str) -> None:
    training = Training(schedule="sequential", microbatches=1, epochs=1)
    job = Delayed(runtime_of(name), DelayedLinks(0.01)).start(training.program())
    job.wait()
    job.close()
    hops = 2 * (len(training.placement) - 1)
    assert job.seconds >= training.steps * hops * 0.01


def test_the_simulator_lets_the_delay_pass_on_its_clock() -> None:
    training = Training(schedule="sequential", microbatches=1, epochs=1)

    def makespan(links: DelayedLinks | None) -> float:
        job = SimulatedRuntime().start(replace(training.program(), delayed=links))
        assert isinstance(job, SimulatedJob)
        job.wait()
        job.close()
        return job.now

    hops = 2 * (len(training.placement) - 1)
    # An evaluation follows the steps, and goes one way.
    assert makespan(DelayedLinks(3.0)) >= makespan(None) + training.steps * hops * 3.0


def envelope(sender: Address, number: int, size: int = 0) -> Envelope:
    array = freeze(np.zeros((1, size), np.float32))
    return Envelope(sender, 1, 0, Backward("run", 0, number, 0, array))


def test_a_small_message_does_not_overtake_a_large_one() -> None:
    arrived: list[int] = []
    all_here = Event()

    def deliver(to: Address, sent: Envelope) -> None:
        arrived.append(sent.message.microbatch)
        if len(arrived) == 3:
            all_here.set()

    with DelayLine(DelayedLinks(0.001, 1e-5), deliver) as line:
        for number, size in enumerate((1000, 0, 10)):
            line.send(SECOND, envelope(FIRST, number, size))
        assert all_here.wait(30)
    assert arrived == [0, 1, 2]


def test_what_is_sent_to_or_by_the_trainer_goes_at_once() -> None:
    arrived: list[Address] = []
    with DelayLine(DelayedLinks(1000.0), lambda to, _: arrived.append(to)) as line:
        line.send(TRAINER, envelope(FIRST, 0))
        line.send(FIRST, envelope(TRAINER, 0))
        line.send(SECOND, envelope(FIRST, 0))
        assert arrived == [TRAINER, FIRST]


def test_a_message_arrives_no_sooner_than_it_is_due() -> None:
    arrived: list[float] = []
    here = Event()

    def deliver(to: Address, sent: Envelope) -> None:
        arrived.append(clock.now())
        here.set()

    with DelayLine(DelayedLinks(0.02), deliver) as line:
        began = clock.now()
        line.send(SECOND, envelope(FIRST, 0))
        assert here.wait(30)
    assert arrived[0] - began >= 0.02


@pytest.mark.parametrize("fields", [{"latency": -1}, {"per_byte": "1"}])
def test_a_delay_is_at_least_0(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="to be a number >= 0"):
        DelayedLinks(**fields)  # type: ignore[arg-type]
