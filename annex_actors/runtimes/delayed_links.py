"""Virtual links slower than this machine's: messages between stages arrive later, in their order, on every runtime.

A delay line takes what a stage sends, and hands it on when it is due; the stage works on meanwhile, as with a real
network. What travels between two stages keeps its order, on which the survey of a standstill relies. What is under way
when a process is killed is lost, as on a real link. The inline host has one thread, in which nothing travels: there
messages are not delayed. The simulator lets the same time pass on its clock. No delay changes a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Self, TypeAlias

from annex_actors.base import checks
from annex_actors.protocol.messages import Address, Envelope, WithArray
from annex_actors.protocol.routing import is_stage
from annex_actors.runtimes import clock

Send: TypeAlias = Callable[[Address, Envelope], None]
"""Delivers an envelope."""


@dataclass(frozen=True, slots=True)
class DelayedLinks:
    """How much later than here a message between two stages arrives.

    Args:
        latency: in seconds.
        per_byte: in seconds for each byte of the message's arrays.

    Raises:
        ConfigError: a number below 0.
    """

    latency: float = 0.0
    per_byte: float = 0.0

    def __post_init__(self) -> None:
        checks.keep(
            self,
            latency=checks.real_number("latency", self.latency, at_least=0),
            per_byte=checks.real_number("per_byte", self.per_byte, at_least=0),
        )

    def seconds(self, to: Address, envelope: Envelope) -> float:
        """Return how much later an envelope arrives; 0 where it is not on its way from a stage to another."""
        if not (is_stage(to) and is_stage(envelope.sender)):
            return 0.0
        message = envelope.message
        return self.latency + (self.per_byte * message.nbytes if isinstance(message, WithArray) else 0.0)


class DelayLine:
    """Hands on what stages send, when it is due; a context manager, whose thread ends with the block.

    What is sent to and by others than stages goes at once. A sender never waits, and holds no lock that it could be
    killed with.

    Args:
        links: how long messages take.
        deliver: hands an envelope on.
    """

    def __init__(self, links: DelayedLinks, deliver: Send) -> None:
        self._links = links
        self._deliver = deliver
        self._sent: SimpleQueue[tuple[float, Address, Envelope] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="delay line", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._sent.put(None)
        self._thread.join()

    def start(self) -> None:
        """Begin to hand on."""
        self._thread.start()

    def send(self, to: Address, envelope: Envelope) -> None:
        """Take an envelope."""
        seconds = self._links.seconds(to, envelope)
        if is_stage(to) and is_stage(envelope.sender):
            self._sent.put((clock.now() + seconds, to, envelope))
        else:
            self._deliver(to, envelope)

    def _run(self) -> None:
        due: list[tuple[float, int, Address, Envelope]] = []
        last: dict[tuple[Address, Address], float] = {}
        numbers = count()
        while True:
            try:
                sent = self._sent.get(timeout=max(0.0, due[0][0] - clock.now()) if due else None)
            except Empty:
                _, _, to, envelope = heappop(due)
                self._deliver(to, envelope)
                continue
            if sent is None:
                return
            when, to, envelope = sent
            # A small message does not overtake a large one.
            when = last[envelope.sender, to] = max(when, last.get((envelope.sender, to), when))
            heappush(due, (when, next(numbers), to, envelope))
