"""What makes a peer reliable: a behaviour inside, and around it a mailbox, fencing, retention and resumption.

Stages and the trainer are behaviours: they turn messages into requests and know nothing of loss. The node around one

- drops what a dead incarnation sent, and what was seen or committed before;
- puts every post into an envelope and keeps it until its receiver has committed its step (upstream backup);
- adds the outbox to every snapshot, since no restart can repeat the messages of a committed step;
- commits every step, or every few where a commit is expensive; its senders then keep messages for as many steps;
- asks its neighbours, when it starts, for what it has not committed, and answers when they ask;
- takes part in surveys, which find out whether anything can still happen in the run.

A node is pure: it has no thread, clock or socket. Its host calls `start`, `receive` and `work`, and carries out the
effects that these return; it says so before, by `carrying_out`, and after, by `carried_out`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from annex_actors.base.errors import LostCommitError
from annex_actors.base.quiet import quiet
from annex_actors.protocol.effects import Commit, Effect, Request, Send
from annex_actors.protocol.given import Given, GivenSince
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
from annex_actors.protocol.survey import Marker, Survey


class Behaviour(Protocol):
    """A peer's logic: a pure state machine that sees each message once."""

    def start(self) -> Iterable[Request]:
        """Return the first requests of an incarnation."""

    def handle(self, message: Message) -> Iterable[Request]:
        """Handle the next message that the mailbox allows."""

    def on_control(self, peer: Address, control: Control) -> Iterable[Request]:
        """React to a commit or a restart of ``peer``, or to the owner's request to halt."""


def every_step(step: int) -> bool:
    """Return True: every step is to be committed at once."""
    return True


def nothing() -> None:
    """Return None: the peer waits for nothing that other peers could send."""


class Node:
    """A peer of the protocol, ready to be hosted.

    Args:
        address: its name.
        incarnation: the number of this incarnation, from 1, as the store counts.
        run: the run's name; messages of other runs are dropped.
        routing: says which peers are its neighbours.
        behaviour: the stage or trainer inside.
        mailbox: orders the behaviour's messages.
        snapshot: the last commit, or the initial state.
        instrument: watches this peer's work.
        is_due: says whether to commit now, given the number of finished steps.
        waits_for: says, where the peer has no work, for what it waits, as in "the cost of step 3"; None: for nothing
            that other peers could send.
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
        waits_for: Callable[[], str | None] = nothing,
    ) -> None:
        self.address = address
        self.incarnation = incarnation
        # Overflow is no news: a cost that is not finite ends the run with an error. And since each thread has its own
        # setting, a warning would depend on the host. No number depends on the setting.
        self._quietly = quiet()
        self.committed = self.finished = snapshot.step
        self.run = run
        self.behaviour = behaviour
        self.mailbox = mailbox
        self.waits_for = waits_for
        self._is_due = is_due
        self._instrument = instrument
        self._watching: Instrument | None = None
        self._attach()
        self._failed = active(instrument.failed)
        # None where nothing observes failures: what is not asked for is not gathered.
        self._given = None if self._failed is None else GivenSince(snapshot, is_first=incarnation == 1)
        self._item: WorkItem | None = None
        self.retention = Retention(snapshot.outbox)
        self.control: deque[tuple[Address, Control]] = deque()
        self._incarnations: dict[Address, int] = {}
        self._awaited: dict[Address, int] = {}
        self.latest: Snapshot | None = None
        self._neighbours = sorted(routing.neighbours(address))
        self._survey = Survey(self._neighbours)
        # Peers that get data from here learn of a commit from the next envelope; these learn of it in no other way.
        self._acknowledged = sorted(routing.acknowledged(address))

    def start(self) -> list[Effect]:
        """Ask the neighbours for what this peer missed, send again the outbox, and start the behaviour."""
        if self._before is not None:
            self._before(self, None)
        effects: list[Effect] = [self._send(peer, self._progress(Resume)) for peer in self._neighbours]
        effects += [self._send(post.to, post.message) for post in self.retention.below(self.committed)]
        return effects + self._perform(self.behaviour.start())

    def receive(self, envelope: Envelope) -> None:
        """Accept an envelope, unless it is from a dead incarnation or another run.

        Raises:
            LostCommitError: a restarted peer needs messages that were dropped here, since it had committed their steps.
        """
        if self._received is not None:
            self._received(self, envelope)
        sender, message = envelope.sender, envelope.message
        if message.run != self.run and not isinstance(message, Marker):
            return
        if envelope.incarnation < self._incarnations.get(sender, 0):
            return
        self._incarnations[sender] = envelope.incarnation
        self.retention.drop(sender, envelope.committed)
        if not isinstance(message, Control):
            self.mailbox.put(message)
        elif isinstance(message, Marker):
            self._survey.arrive(sender, message)
            return
        else:
            if isinstance(message, Resume) and message.step < self.retention.acknowledged(sender):
                raise LostCommitError(str(sender), message.step, self.retention.acknowledged(sender))
            self.control.append((sender, message))
        self._survey.disturb()

    def work(self) -> list[Effect] | None:
        """Do the next piece of work and return its effects; None where there is none until a message arrives."""
        return self._quietly(self._work)

    def _work(self) -> list[Effect] | None:
        item = self.control.popleft() if self.control else self.mailbox.next() or self._survey.next()
        self._item = item
        if item is None:
            return None
        if self._before is not None:
            self._before(self, item)
        if isinstance(item, tuple):
            return self._perform(self._answer(*item))
        return self._perform(self.behaviour.handle(item) if self._given is None else self._handle(item, self._given))

    def carrying_out(self, effects: Sequence[Effect]) -> None:
        """Tell the instrument that the host will carry out the effects of the start or of the last piece of work."""
        if self._done is not None:
            self._done(self, self._item, effects)

    def carried_out(self, effects: Sequence[Effect]) -> None:
        """Tell the instrument that the host has carried out the effects of the start or of the last piece of work."""
        if self._after is not None:
            self._after(self, self._item, effects)
        if self.finished >= self._until:  # not within a piece of work
            self._attach()

    @property
    def kept_bytes(self) -> int:
        """The size of the arrays that are kept for neighbours which have not committed their steps yet."""
        return self.retention.bytes

    @property
    def waiting(self) -> int:
        """The number of messages that have reached it and are not handled; may be read from another thread."""
        return len(self.control) + self.mailbox.waiting

    def given_to(self, message: Message) -> Given | None:
        """Return what the work on a message is given, before it begins; None where nothing observes failures."""
        return None if self._given is None else self._given.to(message)

    def urgency(self) -> Urgency | None:
        """Return how urgent the next piece of work is; None where `work` would return None."""
        if self.control:
            return MOST_URGENT
        urgency = self.mailbox.urgency()
        return MOST_URGENT if urgency is None and self._survey.next() else urgency

    def _attach(self) -> None:
        """Call the methods of what watches the peer from now on, and look again when it may be something else."""
        instrument, self._until = self._instrument.during(self.finished)
        if instrument is self._watching:
            return
        self._watching = instrument
        self._received = active(instrument.received)
        self._before = active(instrument.before)
        self._done = active(instrument.done)
        self._after = active(instrument.after)

    def _handle(self, message: Message, given: GivenSince) -> Iterable[Request]:
        """Handle a message; if that fails, tell the instrument what it was given."""
        given.add(message)
        try:
            return self.behaviour.handle(message)
        except Exception as error:
            if self._failed is not None:
                self._failed(self, given.to(message), error)
            raise

    def _answer(self, peer: Address, control: Control) -> Iterable[Request]:
        if isinstance(control, Resume):
            yield Post(peer, self._progress(Committed))
            yield from self.retention.since(peer, control.step)
        elif isinstance(control, Await):
            self._awaited[peer] = control.step
            if self.latest is not None and self.committed < control.step <= self.latest.step:
                yield Commit(self.latest)
            yield from self._answers_to_await()
        elif isinstance(control, Marker):
            yield from self._survey.handle(control, self.waits_for)
            return
        yield from self.behaviour.on_control(peer, control)

    def _perform(self, requests: Iterable[Request]) -> list[Effect]:
        effects: list[Effect] = []
        for request in requests:
            if isinstance(request, Post):
                to, message = request.to, request.message
                if to == self.address:
                    self.mailbox.put(message)
                else:
                    if message.is_kept:
                        self.retention.keep(to, message)
                    effects.append(self._send(to, message))
            elif isinstance(request, Commit):
                effects += self._commit(request.snapshot)
            else:
                effects.append(request)
        return effects

    def _commit(self, snapshot: Snapshot) -> list[Effect]:
        self.mailbox.commit(snapshot.step)
        self.latest, self.finished = snapshot, snapshot.step
        if self._given is not None:
            self._given.finish(snapshot)
        if not self._is_due(snapshot.step) and all(snapshot.step < step for step in self._awaited.values()):
            return []
        self.committed = snapshot.step
        effects: list[Effect] = [Commit(snapshot.with_outbox(self.retention.below(snapshot.step)))]
        effects += [self._send(peer, self._progress(Committed)) for peer in self._acknowledged]
        if self._awaited:
            effects += [self._send(post.to, post.message) for post in self._answers_to_await()]
        return effects

    def _answers_to_await(self) -> list[Post]:
        """Return a `Committed` for each peer that awaited a step which is now committed."""
        reached = [peer for peer, step in self._awaited.items() if step <= self.committed]
        for peer in reached:
            del self._awaited[peer]
        return [Post(peer, self._progress(Committed)) for peer in reached]

    def _progress(self, control: type[Committed] | type[Resume]) -> Message:
        """Return a message that says how far this peer has committed."""
        return control(self.run, self.committed, WHOLE_STEP, WHOLE_STEP)

    def _send(self, to: Address, message: Message) -> Send:
        return Send(to, Envelope(self.address, self.incarnation, self.committed, message))
