"""A peer that hangs is found; a peer that works or waits for messages is not disturbed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from queue import SimpleQueue

import pytest

from annex_actors.protocol.messages import Address, Forward, Message
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import RunFailedError
from annex_actors.runtimes.hosting.heartbeat import SIZE, Heartbeat
from annex_actors.runtimes.hosting.watchdog import Hang, Watchdog
from tests.protocol.messages import forward, marker, resume
from tests.trainings import Training

STAGE = stage_address(0)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Peer:
    """A peer as an instrument sees it."""

    kept_bytes: int = 0
    address: Address = STAGE
    incarnation: int = 1
    finished: int = 0
    waiting: int = 0
    latest: None = None

    def given_to(self, message: Message) -> None:
        """Return None: nothing observes failures."""


def piece(step: int = 7, microbatch: int = 2) -> Forward:
    return forward(step, microbatch, of=3)


def at_work(began: float, longest_s: float = 0.0) -> Heartbeat:
    """Return the heartbeat of a peer that began a forward at ``began``, and whose longest work took ``longest_s``."""
    memory = memoryview(bytearray(SIZE))
    heartbeat = Heartbeat(memory)
    heartbeat.before(Peer(), piece())
    memory[:24].cast("d")[0], memory[:24].cast("d")[1] = began, longest_s
    return heartbeat


def watchdog(clock: Clock, limit_s: float = 10.0) -> Watchdog:
    return Watchdog(limit_s, lambda address, hang: None, lambda: None, lambda error: None, clock)


def test_a_heartbeat_shows_what_its_peer_does_and_has_done() -> None:
    heartbeat = Heartbeat()
    assert (heartbeat.worked, heartbeat.most_kept_bytes) == (0, 0)
    heartbeat.begin()
    assert heartbeat.place == "start"
    heartbeat.after(Peer(10), None, ())
    heartbeat.before(Peer(), piece())
    assert heartbeat.place == "forward at step 7 microbatch 2"
    heartbeat.after(Peer(5), piece(), ())
    assert heartbeat.began is None
    assert (heartbeat.worked, heartbeat.most_kept_bytes) == (1, 10)
    assert heartbeat.longest_s > 0
    heartbeat.before(Peer(), (stage_address(1), resume(3)))
    assert heartbeat.place == "resume at step 3"
    heartbeat.after(Peer(5), (stage_address(1), resume(3)), ())
    assert heartbeat.worked == 1, "only work on a step counts"


def test_a_heartbeat_adds_up_how_long_its_peer_was_busy() -> None:
    memory = memoryview(bytearray(SIZE))
    heartbeat, times = Heartbeat(memory), memory[:32].cast("d")
    took = []
    for _ in range(3):
        heartbeat.before(Peer(), piece())
        began = heartbeat.began
        assert began is not None
        heartbeat.after(Peer(), piece(), ())
        took.append(time.monotonic() - began)
    assert 0 < heartbeat.busy_s <= sum(took)
    times[0] = time.monotonic() - 100.0
    heartbeat.after(Peer(), piece(), ())
    assert 100 <= heartbeat.busy_s < 101


def test_a_heartbeat_shows_how_much_waits_as_long_as_its_peer_lives() -> None:
    heartbeat, peer = Heartbeat(), Peer(waiting=3)
    assert heartbeat.waiting == 0
    heartbeat.before(peer, None)
    assert heartbeat.waiting == 3
    del peer
    assert heartbeat.waiting == 0


def test_a_heartbeat_in_shared_memory_can_be_read_by_others() -> None:
    memory = bytearray(SIZE)
    writer, reader = Heartbeat(memory), Heartbeat(memory)
    writer.before(Peer(), piece())
    assert reader.place == "forward at step 7 microbatch 2"
    assert reader.began == writer.began
    writer.detach()
    assert writer.place == "forward at step 7 microbatch 2"
    writer.after(Peer(0), piece(), ())
    assert (reader.worked, writer.worked) == (0, 1)


def test_a_peer_hangs_if_one_piece_of_work_takes_longer_than_the_limit() -> None:
    clock = Clock()
    watching = watchdog(clock)
    watching.watch(STAGE, at_work(began=100.0))
    clock.now = 110.0
    assert watching.check() == []
    clock.now = 110.1
    assert watching.check() == [(STAGE, Hang("forward at step 7 microbatch 2", 10.0))]
    assert watching.check() == [], "reported once"


def test_a_piece_of_work_may_take_twenty_times_as_long_as_the_longest() -> None:
    clock = Clock()
    watching = watchdog(clock)
    watching.watch(STAGE, at_work(began=100.0, longest_s=2.0))
    clock.now = 139.0
    assert watching.check() == []
    clock.now = 141.0
    assert watching.check() == [(STAGE, Hang("forward at step 7 microbatch 2", 40.0))]


def test_the_longest_work_is_remembered_in_the_next_incarnation() -> None:
    clock = Clock()
    watching = watchdog(clock)
    watching.watch(STAGE, at_work(began=100.0, longest_s=2.0))
    watching.watch(STAGE, at_work(began=100.0))
    clock.now = 139.0
    assert watching.check() == []


def test_one_long_piece_of_work_has_faded_after_a_thousand_short_ones() -> None:
    clock = Clock()
    watching = watchdog(clock)
    once_slow = at_work(began=100.0, longest_s=2.0)
    for _ in range(1000):
        once_slow.before(Peer(), piece())
        once_slow.after(Peer(0), piece(), ())
    once_slow.before(Peer(), piece())
    assert 0.7 < once_slow.longest_s < 0.8
    clock.now = once_slow.began or 0.0
    watching.watch(STAGE, once_slow)
    clock.now += 13.0
    assert watching.check() == []
    clock.now += 3.0
    assert [address for address, _ in watching.check()] == [STAGE], "20 times 2.0 were 40 s"
    next_incarnation = Heartbeat()
    watching.watch(STAGE, next_incarnation)
    for _ in range(1000):
        next_incarnation.before(Peer(), piece())
        next_incarnation.after(Peer(0), piece(), ())
    next_incarnation.before(Peer(), piece())
    clock.now = (next_incarnation.began or 0.0) + 10.1
    assert [address for address, _ in watching.check()] == [STAGE], "nor does the next incarnation remember it"


def test_a_peer_that_waits_for_messages_does_not_hang() -> None:
    clock = Clock()
    watching = watchdog(clock)
    watching.watch(STAGE, Heartbeat())
    clock.now = 1e6
    assert watching.check() == []


def test_a_peer_that_has_ended_does_not_hang() -> None:
    clock = Clock()
    watching = watchdog(clock)
    watching.watch(STAGE, at_work(began=100.0))
    watching.unwatch(STAGE)
    clock.now = 1e6
    assert watching.check() == []


def answering(heartbeat: Heartbeat, at: float, memory: memoryview) -> None:
    memory[:24].cast("d")[2] = at


def test_a_host_that_does_not_answer_hangs_although_its_peer_is_idle() -> None:
    clock, pings, memory = Clock(), list[float](), memoryview(bytearray(SIZE))
    heartbeat = Heartbeat(memory)
    watching = watchdog(clock)
    watching.watch(STAGE, heartbeat, lambda: pings.append(clock.now))
    assert watching.check() == []
    answering(heartbeat, 100.5, memory)
    clock.now = 101.0
    assert watching.check() == []
    clock.now = 111.0
    assert watching.check() == []
    clock.now = 111.1
    assert watching.check() == [(STAGE, Hang(None, 10.0))]
    assert pings == [100.0, 101.0]


def test_a_watchdog_that_was_itself_stopped_asks_before_it_judges() -> None:
    clock, memory = Clock(), memoryview(bytearray(SIZE))
    heartbeat = Heartbeat(memory)
    watching = watchdog(clock)
    watching.watch(STAGE, heartbeat, lambda: answering(heartbeat, clock.now, memory))
    for clock.now in (100.0, 5000.0, 5001.0, 9000.0):
        assert watching.check() == []


# A quiet run


def asked(watching: Watchdog, checks: int) -> list[int]:
    """Return after which of the next checks it is time to ask the peers."""
    return [number for number in range(1, checks + 1) if watching.is_time_to_ask()]


def idle(worked: int = 0) -> Heartbeat:
    """Return the heartbeat of a peer between two pieces of work."""
    heartbeat = Heartbeat()
    for _ in range(worked):
        heartbeat.before(Peer(), piece())
        heartbeat.after(Peer(), piece(), ())
    return heartbeat


def test_a_run_in_which_no_peer_handles_a_message_is_quiet_and_asked_about_ever_less_often() -> None:
    watching = watchdog(Clock())
    watching.watch(STAGE, idle())
    watching.watch(stage_address(1), idle(worked=3))
    assert asked(watching, 20) == [2, 3, 5, 9, 17]


def test_a_run_without_peers_is_not_asked_about() -> None:
    assert asked(watchdog(Clock()), 9) == []


def test_a_run_in_which_a_peer_is_at_work_is_not_quiet() -> None:
    watching = watchdog(Clock())
    watching.watch(STAGE, idle())
    watching.watch(stage_address(1), at_work(began=100.0))
    assert asked(watching, 9) == []


def test_a_run_is_no_longer_quiet_once_a_peer_has_handled_a_message() -> None:
    watching, heartbeat = watchdog(Clock()), idle()
    watching.watch(STAGE, heartbeat)
    assert asked(watching, 4) == [2, 3]
    heartbeat.before(Peer(), piece())
    heartbeat.after(Peer(), piece(), ())
    assert asked(watching, 4) == [2, 3]


def test_a_survey_does_not_end_the_quiet() -> None:
    watching, heartbeat = watchdog(Clock()), idle()
    watching.watch(STAGE, heartbeat)
    assert asked(watching, 4) == [2, 3]
    heartbeat.before(Peer(), (STAGE, marker()))
    heartbeat.after(Peer(), (STAGE, marker()), ())
    assert asked(watching, 9) == [1, 5]


def test_a_new_incarnation_ends_the_quiet() -> None:
    watching = watchdog(Clock())
    watching.watch(STAGE, idle())
    assert asked(watching, 3) == [2, 3]
    watching.watch(STAGE, idle())
    assert asked(watching, 3) == [2, 3]


# Its own end


def raising(*_arguments: object) -> None:
    raise KeyError("a fault of ours")


def test_an_error_that_ends_the_watchdog_is_told() -> None:
    errors = SimpleQueue[Exception]()
    with Watchdog(0.1, raising, raising, errors.put) as watching:
        watching.watch(STAGE, at_work(began=0.0))
        assert isinstance(errors.get(timeout=60), KeyError)


@pytest.mark.parametrize("runtime", ["threads", "schedulers"])
def test_a_run_that_is_watched_no_more_ends_with_one_line(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watchdog, "is_time_to_ask", raising)
    training = Training(epochs=10**6)
    with pytest.raises(RunFailedError) as caught:
        training.learner(runtime).train(training.dataset, epochs=training.epochs, batch_size=training.batch_size)
    assert str(caught.value) == "the watchdog has failed: KeyError: 'a fault of ours'"
