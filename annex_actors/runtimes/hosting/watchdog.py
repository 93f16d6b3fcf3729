"""The watchdog finds peers that hang, by their heartbeats, and by whether their hosts answer; and runs that are quiet.

A piece of work may take up to twenty times as long as the longest recent one of its peer, and at least as long as the
user's limit: only the user knows what is long for a layer. A peer between two pieces of work waits for messages, which
is no hang; but its host must answer, and a stopped process does not.

A run in which no peer has handled a message since the last check is quiet. That alone proves nothing, so the watchdog
then has the peers asked (see `standstill`).
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

CHECKS_PER_LIMIT = 10
"""How often the watchdog checks within the limit, so that it finds a hang at most a tenth of the limit too late."""

MAX_INTERVAL_S = 0.5
"""Seconds between two checks at most."""


@dataclass(frozen=True, slots=True)
class Hang:
    """A peer that hangs.

    Args:
        place: its current piece of work; None: it is between two, and its host does not answer.
        limit_s: the limit that it has exceeded, in seconds.
    """

    place: str | None
    limit_s: float


@dataclass(slots=True)
class _Watched:
    heartbeat: Heartbeat
    ping: Callable[[], None] | None
    asked: float = 0.0
    reported: bool = False


class Watchdog:
    """Watches the peers of a run from a thread of its own.

    Args:
        limit_s: see `Supervision.hang_seconds`.
        on_hang: called once for each incarnation that hangs, in the watchdog's thread.
        on_quiet: called in the same thread while the run is quiet, after 1, 2, 4, 8 … checks: what it begins then has
            ever more time.
        on_failure: called in the same thread with an error that ends it: nothing that hangs would be found any more.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        limit_s: float,
        on_hang: Callable[[Address, Hang], None],
        on_quiet: Callable[[], None],
        on_failure: Callable[[Exception], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._on_hang = on_hang
        self._on_quiet = on_quiet
        self._on_failure = on_failure
        self._clock = clock
        self._handled: dict[Heartbeat, int] | None = None
        self._quiet_checks = 0
        self._lock = Lock()
        self._watched: dict[Address, _Watched] = {}
        self._longest_s: dict[Address, float] = {}
        self._closing = Event()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        """Start the watchdog."""
        # Made here: a thread that never runs would keep this object alive for ever, and be kept alive by it.
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Stop the watchdog."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def watch(self, address: Address, heartbeat: Heartbeat, ping: Callable[[], None] | None = None) -> None:
        """Watch a new incarnation of a peer, in place of the one before.

        Args:
            address: of the peer.
            heartbeat: of the new incarnation.
            ping: asks its host to answer through the heartbeat; None where the host is a thread, which need not answer.
        """
        with self._lock:
            self._unwatch(address)
            self._watched[address] = _Watched(heartbeat, ping)

    def unwatch(self, address: Address) -> None:
        """Stop watching a peer that has ended."""
        with self._lock:
            self._unwatch(address)

    def check(self) -> list[tuple[Address, Hang]]:
        """Return the peers that hang now and did not at the last check."""
        now = self._clock()
        with self._lock:
            found = []
            for address, watched in self._watched.items():
                hang = None if watched.reported else self._judge(address, watched, now)
                if hang is not None:
                    watched.reported = True
                    found.append((address, hang))
            return found

    def _run(self) -> None:
        try:
            self._watch_until_closed()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is watched no more
            self._on_failure(error)

    def _watch_until_closed(self) -> None:
        while not self._closing.wait(min(MAX_INTERVAL_S, self._limit_s / CHECKS_PER_LIMIT)):
            for address, hang in self.check():
                self._on_hang(address, hang)
            if self.is_time_to_ask():
                self._on_quiet()

    def is_time_to_ask(self) -> bool:
        """Return whether the run is quiet, and has been so for 1, 2, 4, 8 … checks."""
        with self._lock:
            heartbeats = [watched.heartbeat for watched in self._watched.values()]
        idle = heartbeats and all(each.began is None for each in heartbeats)
        handled = {each: each.handled for each in heartbeats} if idle else None
        is_quiet = handled is not None and handled == self._handled
        self._handled = handled
        self._quiet_checks = self._quiet_checks + 1 if is_quiet else 0
        return self._quiet_checks.bit_count() == 1

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

    def _unwatch(self, address: Address) -> None:
        watched = self._watched.pop(address, None)
        if watched is not None:
            self._longest_s[address] = self._longest(address, watched.heartbeat)

    def _longest(self, address: Address, heartbeat: Heartbeat) -> float:
        """Return the longest recent piece of work, in seconds, of this incarnation and those before it."""
        return max(heartbeat.longest_s, self._longest_s.get(address, 0.0) * FADING**heartbeat.worked)
