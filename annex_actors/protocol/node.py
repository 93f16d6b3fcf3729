"""What makes a peer reliable: a behaviour inside, and around it a mailbox, fencing, retention and resumption.

A stage and the trainer are behaviours: they turn messages into requests and know nothing of loss. The node around them

- drops what a dead incarnation sent, and what was seen or committed before;
- puts every post into an envelope and keeps it until its receiver has committed its step (upstream backup);
- adds the outbox to every snapshot, since no restart can make a committed step's messages again;
- commits every step, or every so many where a commit costs much; senders then keep as many steps;
- asks its neighbours, when started, for what it has not committed, and answers them the same.

A node is pure: it has no thread, clock or socket. Its host drives it by `start`, `receive` and `work`, carries out the
effects that these return, and says so by `carried_out`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from annex_actors.protocol.effects import Commit, Effect, Request, Send
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, WorkItem, active
from annex_actors.protocol.mailbox import MOST_URGENT, Mailbox, Urgency
from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Address,
    Await,
    Committed,
    Control,
    Envelope,
    Message,
    Post,
    Resume,
)
from annex_actors.protocol.retention import Retention
from annex_actors.protocol.routing import Routing
from annex_actors.protocol.snapshot import Snapshot


class Behaviour(Protocol):
    """A peer's logic: a pure state machine that sees each message once."""

    def start(self) -> Iterable[Request]:
        """Return what to do first, in every incarnation."""

    def handle(self, message: Message) -> Iterable[Request]:
        """Work on the next message that the mailbox allowed."""

    def on_control(self, peer: Address, control: Control) -> Iterable[Request]:
        """Learn that ``peer`` has committed or was restarted, or that the owner asks for a halt."""


def every_step(step: int) -> bool:
    """Return that every step's commit is due."""
    return True


class Node:
    """A peer of the protocol, ready to be hosted.

    Args:
        address: its name.
        incarnation: which life of it this is, from 1.
        run: the run's name; messages of other runs are dropped.
        routing: says which peers are its neighbours.
        behaviour: the stage or trainer inside.
        mailbox: what orders the behaviour's messages.
        snapshot: what the last incarnation committed last, or the state to begin with.
        instrument: sees this peer's work.
        is_due: asked whether what was done below a step is to be committed now.
    """

    def __init__(
        self,
        address: Address,
        incarnation: int,
        *,
        run: str,
        routing: Routing,
        behaviour: Behaviour,
        mailbox: Mailbox,
        snapshot: Snapshot,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> None:
        self.address = address
        self.incarnation = incarnation
        self.committed = snapshot.step
        self.run = run
        self.behaviour = behaviour
        self.mailbox = mailbox
        self._is_due = is_due
        self._received = active(instrument.received)
        self._before = active(instrument.before)
        self._after = active(instrument.after)
        self._item: WorkItem | None = None
        self._retention = Retention(snapshot.outbox)
        self._control: deque[tuple[Address, Control]] = deque()
        self._incarnations: dict[Address, int] = {}
        self._awaited: dict[Address, int] = {}
        self._latest: Snapshot | None = None
        self._neighbours = sorted(routing.neighbours(address))
        # Peers that get data from here learn of a commit by its next envelope; these learn of it no other way.
        self._acknowledged = sorted(routing.senders(address) - routing.receivers(address))

    def start(self) -> list[Effect]:
        """Return what a (re)started peer does first: ask for what it missed, send again what others may miss."""
        if self._before is not None:
            self._before(self, None)
        effects: list[Effect] = [self._send(peer, self._about(Resume)) for peer in self._neighbours]
        effects += [self._send(post.to, post.message) for post in self._retention.below(self.committed)]
        return effects + self._perform(self.behaviour.start())

    def receive(self, envelope: Envelope) -> None:
        """Take an envelope in, unless a dead incarnation or another run sent it."""
        if self._received is not None:
            self._received(self, envelope)
        sender, message = envelope.sender, envelope.message
        if message.run != self.run or envelope.incarnation < self._incarnations.get(sender, 0):
            return
        self._incarnations[sender] = envelope.incarnation
        self._retention.forget(sender, envelope.committed)
        if isinstance(message, Control):
            self._control.append((sender, message))
        else:
            self.mailbox.put(message)

    def work(self) -> list[Effect] | None:
        """Do the next piece of work and return its effects; None where nothing can be done before a message comes."""
        item = self._item = self._control.popleft() if self._control else self.mailbox.next()
        if item is None:
            return None
        if self._before is not None:
            self._before(self, item)
        return self._perform(self._answer(*item) if isinstance(item, tuple) else self.behaviour.handle(item))

    def carried_out(self, effects: Sequence[Effect]) -> None:
        """Learn that the host has carried out the effects of the last piece of work, or of the start."""
        if self._after is not None:
            self._after(self, self._item, effects)

    @property
    def kept_bytes(self) -> int:
        """The size of the arrays that are kept for others, who have not committed their steps yet."""
        return self._retention.bytes

    def urgency(self) -> Urgency | None:
        """Return how urgent the next piece of work is; None where `work` would return None."""
        return MOST_URGENT if self._control else self.mailbox.urgency()

    def _answer(self, peer: Address, control: Control) -> Iterable[Request]:
        if isinstance(control, Resume):
            yield Post(peer, self._about(Committed))
            yield from self._retention.since(peer, control.step)
        elif isinstance(control, Await):
            self._awaited[peer] = control.step
            if self._latest is not None and self.committed < control.step <= self._latest.step:
                yield Commit(self._latest)
            yield from self._reached()
        yield from self.behaviour.on_control(peer, control)

    def _perform(self, requests: Iterable[Request]) -> list[Effect]:
        effects: list[Effect] = []
        for request in requests:
            if isinstance(request, Post):
                if request.to == self.address:
                    self.mailbox.put(request.message)
                else:
                    self._retention.keep(request.to, request.message)
                    effects.append(self._send(request.to, request.message))
            elif isinstance(request, Commit):
                effects += self._commit(request.snapshot)
            else:
                effects.append(request)
        return effects

    def _commit(self, snapshot: Snapshot) -> list[Effect]:
        self.mailbox.commit(snapshot.step)
        self._latest = snapshot
        if not self._is_due(snapshot.step) and all(snapshot.step < step for step in self._awaited.values()):
            return []
        self.committed = snapshot.step
        outbox = self._retention.below(snapshot.step)
        effects: list[Effect] = [Commit(replace(snapshot, outbox=outbox) if outbox else snapshot)]
        effects += [self._send(peer, self._about(Committed)) for peer in self._acknowledged]
        return effects + [self._send(post.to, post.message) for post in self._reached()]

    def _reached(self) -> list[Post]:
        reached = [peer for peer, step in self._awaited.items() if step <= self.committed]
        for peer in reached:
            del self._awaited[peer]
        return [Post(peer, self._about(Committed)) for peer in reached]

    def _about(self, control: type[Committed] | type[Resume]) -> Message:
        return control(self.run, self.committed, WHOLE_STEP, WHOLE_STEP)

    def _send(self, to: Address, message: Message) -> Send:
        return Send(to, Envelope(self.address, self.incarnation, self.committed, message))
