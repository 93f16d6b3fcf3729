"""Hops are measured with real messages between real actors."""

from __future__ import annotations

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.profiling import measure_hop
from annex_actors.profiling.hops import _program
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import Instrument, Peer
from annex_actors.protocol.messages import Backward, Envelope, Forward
from annex_actors.runtimes import InlineRuntime, runtime


@pytest.mark.parametrize(
    "name", ["inline", "schedulers", "threads", pytest.param("processes", marks=pytest.mark.whole)]
)
def test_a_hop_takes_some_time_on_every_runtime(name: str) -> None:
    # The difference of two chains is nothing where other work delays the shorter one by as much: then once more.
    hops = (measure_hop(runtime(name), seconds=0.1) for _ in range(10))
    hop = next(hop for hop in hops if hop.work + hop.latency > 0)
    assert hop.latency >= 0
    assert hop.per_byte >= 0
    assert hop.work + hop.latency < 0.1


def test_the_time_for_it_is_above_0() -> None:
    with pytest.raises(ConfigError, match="expected `seconds` to be a number > 0, got -1"):
        measure_hop(InlineRuntime(), seconds=-1)


class Messages(Instrument):
    """Counts the arrays that stages get from each other."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def received(self, peer: Peer, envelope: Envelope) -> None:
        """Note the size of an activation or a gradient."""
        if isinstance(envelope.message, Forward | Backward) and envelope.sender.role == "stage":
            self.sizes.append(envelope.message.nbytes)


class Halts:
    """Halts the job after five steps."""

    def __init__(self) -> None:
        self.job = None

    def on_event(self, event: Event) -> None:
        """Do nothing: the trainer has its own end."""


def test_each_step_sends_one_sample_to_the_last_stage_and_back() -> None:
    from dataclasses import replace

    from annex_actors.peers.trainer_state import TrainerState

    messages = Messages()
    program = replace(_program(3, 16, Halts()), instruments=(messages,))
    program = replace(program, driver=replace(program.driver, resumed=TrainerState(halt_at=5)))  # type: ignore[type-var]
    job = InlineRuntime().start(program)
    job.wait()
    job.close()
    assert messages.sizes == [64] * 5 * 4
