"""The peers of a run at one moment: what their heartbeats show, and what their hosts answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event

import psutil

from annex_actors.protocol.messages import Address
from annex_actors.runtimes import Job, PeerSpec, clock
from annex_actors.runtimes.hosting.heartbeat import START, Heartbeat
from annex_actors.runtimes.hosting.job import HostedJob
from annex_actors.runtimes.hosting.probed import Probed


@dataclass(frozen=True, slots=True)
class Sample:
    """A peer at one moment.

    Args:
        time: of the moment, in seconds of the run's clock.
        incarnations: how many were begun.
        is_up: whether one is up.
        began: when its piece of work began; None: it has none.
        place: that piece of work, or the last one.
        handled: how many messages this incarnation has handled.
        handled_before: how many those before it had.
        busy_s: how long this incarnation has worked.
        longest_s: its longest recent piece of work.
        pid: of its own process; None: it has none, or that is on another node.
        node: the name of the node that it lives on; empty: this process, or the runtime has one machine.
    """

    time: float
    incarnations: int = 0
    is_up: bool = False
    began: float | None = None
    place: str = START
    handled: int = 0
    handled_before: int = 0
    busy_s: float = 0.0
    longest_s: float = 0.0
    pid: int | None = None
    node: str = ""

    @property
    def work_s(self) -> float:
        """How long it has worked at its piece of work; 0 where it has none."""
        return 0.0 if self.began is None else max(0.0, self.time - self.began)

    @property
    def is_stopped(self) -> bool:
        """Whether its process is stopped, as by SIGSTOP."""
        with suppress(psutil.Error):
            return self.pid is not None and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        return False

    @property
    def memory_bytes(self) -> int | None:
        """The resident memory of its own process; None: it has none, or that has just ended."""
        with suppress(psutil.Error):
            return None if self.pid is None else int(psutil.Process(self.pid).memory_info().rss)
        return None


def sample(job: Job, address: Address) -> Sample:
    """Return a peer of a job as it is now."""
    now = clock.now()
    if not isinstance(job, HostedJob):
        return Sample(now)
    peer, heartbeats = job.peer(address), job.heartbeats(address)
    if not heartbeats:
        return Sample(now)
    last, before = heartbeats[-1], sum(each.handled for each in heartbeats[:-1])
    began = last.began
    return Sample(
        now,
        incarnations=len(heartbeats),
        is_up=peer is not None,
        began=began,
        place=last.place,
        handled=last.handled,
        handled_before=before,
        busy_s=_busy_s(last, began, now),
        longest_s=last.longest_s,
        pid=None if peer is None else peer.pid,
        node="" if peer is None else peer.node,
    )


def _busy_s(heartbeat: Heartbeat, began: float | None, now: float) -> float:
    return heartbeat.busy_s + (0.0 if began is None else max(0.0, now - began))


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a peer's host to a probe.

    Args:
        probed: what it said.
        seconds: how long it took.
    """

    probed: Probed
    seconds: float


class Probes:
    """Questions to the hosts of a run's peers, all asked at once; answers may come later, or never.

    Args:
        job: the run.
        peers: whose hosts are asked.
        deep: whether stacks are wanted too, which takes longer.
    """

    def __init__(self, job: Job, peers: Sequence[PeerSpec], *, deep: bool = False) -> None:
        self.answers: dict[Address, Answer] = {}
        self._changed = Event()
        asked = [spec for spec in peers if isinstance(job, HostedJob) and self._ask(job, spec.address, deep)]
        self._asked = len(asked)

    def wait(self, patience_s: float) -> None:
        """Wait until all that were asked have answered, at most for so many seconds."""
        until = clock.now() + patience_s
        while len(self.answers) < self._asked and self._changed.wait(max(0.0, until - clock.now())):
            self._changed.clear()

    def _ask(self, job: HostedJob, address: Address, deep: bool) -> bool:
        return job.probe(address, partial(self._record, address, clock.now()), deep=deep)

    def _record(self, address: Address, asked_at: float, probed: Probed) -> None:
        self.answers[address] = Answer(probed, clock.now() - asked_at)
        self._changed.set()
