"""An instrument sees the same work on every host whose peers live in this process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import pytest

from annex_actors.protocol.effects import Effect
from annex_actors.protocol.instrument import Instrument, Peer, Point, WorkItem
from annex_actors.protocol.messages import Address, Message
from annex_actors.runtimes import Crash, CrashPlan, InlineRuntime, Runtime, SchedulersRuntime, ThreadsRuntime
from annex_actors.runtimes.simulated import SimulatedRuntime
from tests.trainings import Training, carry_out, undisturbed

TRAINING = Training(microbatches=3)
HOSTS = [InlineRuntime(), ThreadsRuntime(), SchedulersRuntime(), SimulatedRuntime()]


class Log(Instrument):
    """Records what each peer does, in order."""

    def __init__(self) -> None:
        self.seen: defaultdict[Address, list[tuple[str, WorkItem | None]]] = defaultdict(list)
        self.points: defaultdict[int, list[tuple[Point, int, int]]] = defaultdict(list)

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        self.seen[peer.address].append(("before", item))

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        self.seen[peer.address].append(("after", item))

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        self.points[layer].append((point, step, microbatch))

    def work(self) -> dict[Address, list[tuple[str, int, int]]]:
        """Return the pieces of work on steps of each peer, sorted, since their order depends on the host."""
        return {
            address: sorted(
                (item.kind, item.step, item.microbatch)
                for when, item in seen
                if when == "after" and isinstance(item, Message) and item.is_work
            )
            for address, seen in self.seen.items()
        }


@cache
def inline() -> Log:
    log = Log()
    carry_out(TRAINING.program(instruments=[log]), InlineRuntime(), TRAINING.initial)
    return log


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_every_piece_of_work_that_begins_is_carried_out_before_the_next_one_begins(host: Runtime) -> None:
    log = Log()
    carry_out(TRAINING.program(instruments=[log]), host, TRAINING.initial)
    for seen in log.seen.values():
        begun = [item for when, item in seen if when == "before"]
        assert begun[0] is None, "the start comes first"
        whole = len(seen) - len(seen) % 2  # the driver's last piece of work may end the run while it is carried out
        assert seen[:whole] == [(when, item) for item in begun for when in ("before", "after")][:whole]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_the_work_on_steps_is_the_same_everywhere(host: Runtime) -> None:
    log = Log()
    carry_out(TRAINING.program(instruments=[log]), host, TRAINING.initial)
    assert log.work() == inline().work()
    assert {layer: sorted(points, key=str) for layer, points in log.points.items()} == {
        layer: sorted(points, key=str) for layer, points in inline().points.items()
    }


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_instruments_and_a_crash_plan_work_together(host: Runtime) -> None:
    log, plan = Log(), CrashPlan([Crash(layer=1, step=2)])
    outcome = carry_out(TRAINING.program(instruments=[log], crashes=plan), host, TRAINING.initial)
    assert outcome.restarts == 1
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints
    assert log.points[1].count((Point.FORWARD, 2, 0)) == 2, "once before the crash, and once again"
