"""Links: senders never wait, and no message is lost or doubled while both ends live."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Iterator
from threading import Event, Semaphore, Thread
from typing import Any

import numpy as np
import psutil
import pytest

from annex_actors.protocol.messages import Envelope, Forward, Part
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.processes.link import Link

TIMEOUT_S = 120.0

Links = tuple[Link, Link]


class End:
    """One end of a pair, and the messages that it received."""

    def __init__(self, sock: socket.socket, name: str, *, direct: bool = True) -> None:
        self.got: list[Any] = []
        self.received = Semaphore(0)
        self.ended = Event()
        self.link = Link(sock, name, self._receive, self.ended.set, failed=self._fail, direct=direct)
        self.error: BaseException | None = None
        self.link.start()

    def _receive(self, message: Any) -> None:
        self.got.append(message)
        self.received.release()

    def _fail(self, error: BaseException) -> None:
        self.error = error

    def expect(self, count: int) -> None:
        for _ in range(count):
            assert self.received.acquire(timeout=TIMEOUT_S)


@pytest.fixture(params=[True, False], ids=["direct", "by the writer"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[End, End]]:
    one, other = socket.socketpair()
    ends = End(one, "one", direct=request.param), End(other, "other", direct=request.param)
    yield ends
    for end in ends:
        end.link.close()
        end.link.join()


def test_messages_arrive_once_and_in_order(ends: tuple[End, End]) -> None:
    one, other = ends
    for number in range(5000):
        one.link.send(number)
    other.expect(5000)
    assert other.got == list(range(5000))


def test_neighbours_that_both_send_more_than_fits_do_not_block_each_other(ends: tuple[End, End]) -> None:
    """Nothing is read before all is sent, so that two senders that wait for room would wait for ever."""
    big = np.zeros(1_000_000, np.uint8)

    def send(end: End) -> None:
        for number in range(50):
            end.link.send((number, big))

    threads = [Thread(target=send, args=[end]) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()
    for end in ends:
        end.expect(50)
        assert [number for number, _ in end.got] == list(range(50))


def test_several_senders_share_a_link(ends: tuple[End, End]) -> None:
    one, other = ends

    def send(sender: int) -> None:
        for number in range(500):
            one.link.send((sender, number))

    threads = [Thread(target=send, args=[sender]) for sender in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.expect(2000)
    for k in range(4):
        assert [number for sender, number in other.got if sender == k] == list(range(500))


def test_one_end_learns_that_the_other_has_closed_and_may_still_send(ends: tuple[End, End]) -> None:
    one, other = ends
    one.link.close()
    assert other.ended.wait(TIMEOUT_S)
    other.link.send("too late")
    other.link.join()
    assert other.link.flush(0)


def test_queued_messages_are_discarded_when_the_writer_has_ended() -> None:
    """A message may hold open files."""
    here, there = socket.socketpair()
    end = End(here, "one", direct=False)
    messages = [np.zeros(10_000_000, np.uint8) for _ in range(3)]  # more than fits, since nothing is read
    held = [weakref.ref(message) for message in messages]
    while messages:
        end.link.send(messages.pop())
    there.close()
    assert end.ended.wait(TIMEOUT_S)
    late = np.zeros(1, np.uint8)
    held.append(weakref.ref(late))
    end.link.send(late)
    del late
    end.link.join()
    assert [each() for each in held] == [None] * 4


def test_a_message_that_cannot_be_delivered_ends_the_link_and_is_reported() -> None:
    one, other = socket.socketpair()
    sender, reported = End(one, "one"), Event()

    def refuse(message: object) -> None:
        raise ValueError(message)

    link = Link(other, "other", refuse, failed=lambda error: reported.set())
    link.start()
    sender.link.send("unwanted")
    assert reported.wait(TIMEOUT_S)
    assert sender.ended.wait(TIMEOUT_S)
    link.join()
    sender.link.join()


_RELAY = """
import os, socket, sys, threading
from annex_actors.runtimes.processes.link import Link
left, right = (socket.socket(fileno=int(each)) for each in sys.argv[1:])
over = threading.Event()
ahead = Link(right, "right", lambda message: behind.send(message), over.set)
behind = Link(left, "left", lambda message: ahead.send(message), over.set)
ahead.start(); behind.start(); over.wait()
os._exit(0)
"""


def relayed(processes: int, messages: int, *, window: int = 64) -> tuple[int, list[list[int]]]:
    """Send messages through a chain of processes, at most ``window`` under way at a time.

    Returns:
        How many arrived in order, and the memory of each process in bytes after a tenth of them and at the end.
    """
    first, left = socket.socketpair()
    workers = []
    for _ in range(processes):
        ahead, following = socket.socketpair()
        code = f"import sys; sys.path[:] = {json.dumps(sys.path)}\n{_RELAY}"
        fds = (left.fileno(), ahead.fileno())
        workers.append(subprocess.Popen([sys.executable, "-c", code, *map(str, fds)], pass_fds=fds))
        left.close()
        ahead.close()
        left = following
    credit, done, counted, sizes = Semaphore(window), Event(), [0], list[list[int]]()

    def take(envelope: Envelope) -> None:
        assert envelope.message.step == counted[0]
        counted[0] += 1
        if counted[0] in (messages // 10, messages):
            sizes.append([psutil.Process(worker.pid).memory_info().rss for worker in workers])
        if counted[0] == messages:
            done.set()
        credit.release()

    source, sink = Link(first, "source", lambda _: None), Link(left, "sink", take, done.set)
    source.start()
    sink.start()
    array = np.zeros(16, np.float32)
    array.flags.writeable = False
    for number in range(messages):
        credit.acquire()
        source.send(Envelope(stage_address(0), 1, 0, Forward("run", number, 0, 0, array, Part(1, 1))))
    assert done.wait(TIMEOUT_S)
    source.close()
    sink.close()
    for link in (source, sink):
        link.join()
    for worker in workers:
        assert worker.wait(TIMEOUT_S) == 0
    return counted[0], sizes


def test_a_chain_of_processes_loses_and_doubles_no_message_and_does_not_grow(whole: bool) -> None:
    messages = 1_000_000 if whole else 20_000
    received, (early, late) = relayed(8, messages)
    assert received == messages
    for before, after in zip(early, late, strict=True):
        assert after < before + 4_000_000
    assert not [each for each in psutil.Process(os.getpid()).children() if each.status() == psutil.STATUS_ZOMBIE]
