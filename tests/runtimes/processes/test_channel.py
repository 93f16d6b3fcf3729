"""Channels, which a peer's thread serves without ever waiting for room, and all that reaches the peer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import numpy as np
import pytest

from annex_actors.protocol.messages import Envelope, Forward, Part
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.processes import slab
from annex_actors.runtimes.processes.arrivals import Arrivals
from annex_actors.runtimes.processes.channel import Channel
from annex_actors.runtimes.processes.two_ends import two_ends

Ends = tuple[Channel, Channel]
NEIGHBOUR = stage_address(1)


@pytest.fixture
def ends() -> Iterator[Ends]:
    one, other = (Channel(*fds) for fds in two_ends())
    with closing(one), closing(other):
        yield one, other


def envelope(step: int, size: int = 10) -> Envelope:
    array = np.full(size, step, np.float32)
    array.flags.writeable = False
    return Envelope(stage_address(0), 1, 0, Forward("run", step, 0, 0, array, Part(1, 1)))


def steps(envelopes: list[Envelope]) -> list[int]:
    for each in envelopes:
        assert isinstance(each.message, Forward)
        assert (each.message.array == each.message.step).all()
    return [each.message.step for each in envelopes]


def taken(arrivals: Arrivals, count: int) -> list[Envelope]:
    found: list[Envelope] = []
    while len(found) < count:
        found += arrivals.take(wait=True)
    return found


@pytest.mark.parametrize("room", [slab.MOST_BYTES, 4 * os.sysconf("SC_PAGE_SIZE"), 0], ids=["ample", "little", "none"])
def test_neighbours_that_both_send_more_than_fits_do_not_block_each_other(
    ends: Ends, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one thread, so that a send which waits for room would wait for ever; without slabs, sockets fill up."""
    monkeypatch.setattr(slab, "MOST_BYTES", room)
    for step in range(200):
        for end in ends:
            end.send(envelope(step, size=5000))
    got: tuple[list[Envelope], list[Envelope]] = [], []
    while min(map(len, got)) < 200:
        for end, found in zip(ends, got, strict=True):
            end.tend()
            found += end.read() or []
    assert [steps(each) for each in got] == [list(range(200))] * 2


def test_a_send_to_a_process_that_has_died_is_lost_and_what_it_sent_before_is_not(ends: Ends) -> None:
    one, other = ends
    other.send(envelope(3, size=5000))
    other.close()
    for step in range(1000):
        one.send(envelope(step, size=100_000))
    assert not one.is_full
    assert steps(one.read() or []) == [3]
    assert one.read() is None


def test_a_receiver_that_looks_at_nothing_gives_all_room_back(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = ends
    monkeypatch.setattr(slab, "MOST_BYTES", slab._START + 100_000)
    for step in range(50):
        one.send(envelope(step, size=20_000))
        assert not one.is_full, "it went over the socket, which has less room"
        assert steps(other.read() or []) == [step]
        other.tend()


def test_all_that_comes_in_is_taken_wherever_it_comes_from(ends: Ends) -> None:
    one, other = ends
    arrivals = Arrivals()
    threads = [Thread(target=arrivals.put, args=[envelope(step)]) for step in range(5)]
    for thread in threads:
        thread.start()
    arrivals.connect(NEIGHBOUR, other)
    for step in range(5, 10):
        one.send(envelope(step, size=50_000))
    assert sorted(steps(taken(arrivals, 10))) == list(range(10))
    assert arrivals.take(wait=False) == []
    for thread in threads:
        thread.join()
    arrivals.close()


def test_a_wait_ends_when_another_thread_rings() -> None:
    arrivals = Arrivals()
    thread = Thread(target=arrivals.ring)
    thread.start()
    assert arrivals.take(wait=True) == []
    thread.join()
    arrivals.close()


def test_a_neighbours_new_channel_takes_the_place_of_the_one_before(ends: Ends) -> None:
    one, other = ends
    arrivals = Arrivals()
    arrivals.connect(NEIGHBOUR, other)
    arrivals.take(wait=True)
    new, its_end = (Channel(*fds) for fds in two_ends())
    with closing(new):
        arrivals.connect(NEIGHBOUR, its_end)
        arrivals.take(wait=True)
        new.send(envelope(1))
        assert steps(taken(arrivals, 1)) == [1]
        assert one.read() is None, "the end of the channel before is open"
    arrivals.close()


def test_a_neighbour_that_dies_leaves_what_it_sent(ends: Ends) -> None:
    one, other = ends
    arrivals = Arrivals()
    arrivals.connect(NEIGHBOUR, other)
    one.send(envelope(1, size=50_000))
    one.close()
    got = taken(arrivals, 1)
    while other.fileno() >= 0:
        assert arrivals.take(wait=True) == []
    assert steps(got) == [1]
    arrivals.close()


def test_what_did_not_fit_is_written_while_the_peer_waits(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slab, "MOST_BYTES", 0)
    one, other = ends
    arrivals = Arrivals()
    arrivals.connect(NEIGHBOUR, one)
    one.send(envelope(0, size=1_000_000))
    assert one.is_full
    got: list[Envelope] = []

    def answer() -> None:
        while not got:
            got.extend(other.read() or [])
        other.send(envelope(1))

    thread = Thread(target=answer)
    thread.start()
    assert steps(taken(arrivals, 1)) == [1]
    thread.join()
    assert steps(got) == [0]
    arrivals.close()


def test_several_threads_may_send_whatever_the_peer_does_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where layers are told to send later than they could: a thread of its own then sends for the peer."""
    monkeypatch.setattr(slab, "MOST_BYTES", 10 * slab._START)
    arrivals, (here, there) = Arrivals(), two_ends()
    one, other = Channel(*here, on_full=arrivals.ring), Channel(*there)
    arrivals.connect(NEIGHBOUR, one)
    got: list[Envelope] = []

    def send(first: int) -> None:
        for step in range(first, 300, 3):
            one.send(envelope(step, size=5000))

    def receive() -> None:
        while len(got) < 300:
            got.extend(other.read() or [])
            other.tend()
        arrivals.put(envelope(0))

    threads = [Thread(target=receive), *(Thread(target=send, args=[first]) for first in range(3))]
    for thread in threads:
        thread.start()
    taken(arrivals, 1)
    for thread in threads:
        thread.join()
    order = steps(got)
    assert sorted(order) == list(range(300))
    assert all([each for each in order if each % 3 == first] == list(range(first, 300, 3)) for first in range(3))
    other.close()
    arrivals.close()


def test_the_ends_of_a_connection_that_cannot_be_made_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))

    def fail(name: str) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(slab, "anonymous_memory", fail)
    with pytest.raises(OSError, match="Too many"):
        two_ends()
    assert len(os.listdir("/proc/self/fd")) == before
