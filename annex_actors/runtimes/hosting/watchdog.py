"""Peers that neither work nor die: found by what their heartbeats show, and by whether their hosts answer.

A piece of work may take twenty times as long as the longest that this peer did lately, and never has less than the
user's limit: only the user knows what is long for a layer. A peer between two pieces of work waits for messages, which
is no hang; but its host must answer, and a process that is stopped does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Self

from annex_actors.protocol.messages import Address
from annex_actors.runtimes.hosting.heartbeat import FADING, Heartbeat

TIMES_LONGEST = 20
"""How many times as long as its longest piece of work a peer may take for one."""

LOOKS = 10
"""How often a watchdog looks within the limit, so that a hang is found at most a tenth of it too late."""

MOST_S = 0.5
"""Seconds between two looks at most."""


@dataclass(frozen=True, slots=True)
class Hang:
    """A peer that hangs.

    Args:
        place: the piece of work; None where it is between two, and its host does not answer.
        limit_s: the seconds after which this is a hang.
    """

    place: str | None
    limit_s: float


@dataclass(slots=True)
class _Watched:
    heartbeat: Heartbeat
    ping: Callable[[], None] | None
    asked: float = 0.0
    told: bool = False


class Watchdog:
    """Watches the peers of a run from a thread of its own.

    Args:
        limit_s: see `Supervision.hang_seconds`.
        on_hang: called once for each incarnation that hangs, in the watchdog's thread.
        clock: monotonic seconds.
    """

    def __init__(
        self, limit_s: float, on_hang: Callable[[Address, Hang], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_s = limit_s
        self._on_hang = on_hang
        self._clock = clock
        self._lock = Lock()
        self._watched: dict[Address, _Watched] = {}
        self._longest_s: dict[Address, float] = {}
        self._closing = Event()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        """Begin to look."""
        # Made here: a thread that never runs would hold this for ever, and this holds it.
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Look no more."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def watch(self, address: Address, heartbeat: Heartbeat, ping: Callable[[], None] | None = None) -> None:
        """Watch a new incarnation of a peer, in place of the one before.

        Args:
            address: the peer's.
            heartbeat: of the new incarnation.
            ping: asks its host to answer by the heartbeat; None where the host is a thread, which answers by its work.
        """
        with self._lock:
            self._forget(address)
            self._watched[address] = _Watched(heartbeat, ping)

    def forget(self, address: Address) -> None:
        """Stop watching a peer that has ended."""
        with self._lock:
            self._forget(address)

    def look(self) -> list[tuple[Address, Hang]]:
        """Return the peers that hang now and did not at the last look."""
        now = self._clock()
        with self._lock:
            found = []
            for address, watched in self._watched.items():
                hang = None if watched.told else self._judge(address, watched, now)
                if hang is not None:
                    watched.told = True
                    found.append((address, hang))
            return found

    def _run(self) -> None:
        while not self._closing.wait(min(MOST_S, self._limit_s / LOOKS)):
            for address, hang in self.look():
                self._on_hang(address, hang)

    def _judge(self, address: Address, watched: _Watched, now: float) -> Hang | None:
        heartbeat = watched.heartbeat
        began = heartbeat.began
        if began is not None:
            limit_s = max(self._limit_s, TIMES_LONGEST * self._longest(address, heartbeat))
            return Hang(heartbeat.place, limit_s) if now - began > limit_s else None
        if watched.ping is None:
            return None
        if heartbeat.answered >= watched.asked:
            watched.asked = now
            watched.ping()
            return None
        return Hang(None, self._limit_s) if now - watched.asked > self._limit_s else None

    def _forget(self, address: Address) -> None:
        watched = self._watched.pop(address, None)
        if watched is not None:
            self._longest_s[address] = self._longest(address, watched.heartbeat)

    def _longest(self, address: Address, heartbeat: Heartbeat) -> float:
        """Return the longest piece of work of this incarnation and of those before it, as far as it is remembered."""
        return max(heartbeat.longest_s, self._longest_s.get(address, 0.0) * FADING**heartbeat.worked)
