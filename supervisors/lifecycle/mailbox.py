"""What waits for an actor: messages in one queue, signals of the system beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import repeat
from queue import Empty, SimpleQueue
from typing import Any, Literal, TypeAlias

import pykka

from supervisors.lifecycle._pykka import StopMessage
from supervisors.lifecycle.room import Room
from supervisors.lifecycle.signals import KillSignal
from supervisors.rules.errors import MailboxFull
from supervisors.rules.options import member, whole
from supervisors.threads.occupied import occupant


class Envelope:
    """A message, and the future of its answer if it was asked rather than told."""

    __slots__ = ("message", "reply_to")

    def __init__(self, message: Any, reply_to: pykka.ThreadingFuture[Any] | None = None) -> None:
        self.message = message
        self.reply_to = reply_to

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, reply_to={self.reply_to!r})"


class SystemEnvelope(Envelope):
    """A message of the system: it ignores the bound, and is never a dead letter."""

    __slots__ = ()


class Wake:
    """The message that only wakes the actor, so that it looks at its signals."""


class TimeUp(Wake):
    """The message that ends one `Actor.receive` with a timeout; any other ignores it."""


_WAKE = SystemEnvelope(Wake())


@dataclass(frozen=True, slots=True)
class Timed:
    """A message that is void after some time.

    Args:
        message: the message itself.
        due: monotonic seconds of the receiver's clock.
    """

    message: Any
    due: float


class Overflow(Enum):
    """What a full mailbox does with one more message."""

    BLOCK = "block"
    """The sender waits until there is room; two actors that fill each other's mailboxes wait for ever."""

    FAIL = "fail"
    """The sender gets `MailboxFull`."""

    DROP = "drop"
    """The message becomes a dead letter."""


OverflowLike: TypeAlias = Overflow | Literal["block", "fail", "drop"]
"""An `Overflow`, or its value."""


@dataclass(frozen=True, slots=True, init=False)
class MailboxLimit:
    """How many messages may wait for an actor. Messages of the system, and of the actor to itself, always get through.

    Args:
        size: messages, >= 1.
        overflow: what happens to one more.
    """

    size: int
    overflow: Overflow

    def __init__(self, size: int, overflow: OverflowLike = Overflow.BLOCK) -> None:
        object.__setattr__(self, "size", whole("size", size, at_least=1, of="a mailbox limit: "))
        object.__setattr__(self, "overflow", member("overflow", overflow, Overflow, of="a mailbox limit: "))


class Mailbox(SimpleQueue[Envelope]):
    """An unbounded queue that one actor reads and any thread writes.

    No message is lost between a sender and an actor that stops, and no lock is taken for it. A sender first puts and
    then looks at ``closed``; an actor first closes and then empties. So either the actor finds the message, or the
    sender finds the mailbox closed and empties it in the actor's place. In the same way a question is refused by one of
    the two when the actor has left its loop, and answers nothing any more, but still runs its last hook: ``leaving``.
    """

    drops = False
    """Whether a message that finds it full becomes a dead letter, rather than an error of the sender."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = self.leaving = False
        self.stop_asked = False
        self.alarm: Callable[[], None] | None = None
        self.signals: deque[object] = deque()
        self.stash: deque[Envelope] = deque()

    def put_system(self, message: object) -> None:
        """Queue a message of the system, whatever the bound."""
        SimpleQueue.put(self, SystemEnvelope(message))

    def signal(self, signal: object) -> None:
        """Queue ``signal`` ahead of all messages; for an ended actor only a `KillSignal` has a use."""
        self.signals.append(signal)
        SimpleQueue.put(self, _WAKE)
        if self.closed:
            self._drop_signals()
        self._raise_alarm()

    def note_stop(self) -> None:
        """Record that a stop is among the messages, for an actor that waits for something else in its own code."""
        self.stop_asked = True
        self._raise_alarm()

    def _raise_alarm(self) -> None:
        """Wake the actor from a wait inside its own code: see `supervisors.lifecycle.waiting`."""
        alarm = self.alarm
        if alarm is not None:
            alarm()

    def _drop_signals(self) -> None:
        """Drop what holds references to other ended actors; an abandoned thread must still find that it was killed."""
        for signal in tuple(self.signals):
            if not isinstance(signal, KillSignal):
                with suppress(ValueError):  # another thread has dropped it
                    self.signals.remove(signal)

    def fetch(self) -> None:
        """Wait for the next message and move it to the end of ``stash``.

        In one step of the interpreter, so that no asynchronous exception can lose a message between queue and stash.
        """
        self.stash.extend(map(super().get, (True,)))

    def leave(self) -> list[Envelope]:
        """Take no more questions; return those that wait, which stay where they are. In the actor's thread only."""
        self.leaving = True
        with suppress(Empty):  # in one step, as in `fetch`
            self.stash.extend(map(SimpleQueue.get_nowait, repeat(self)))
        return [each for each in self.stash if each.reply_to is not None and not isinstance(each.message, StopMessage)]

    def close(self) -> None:
        """Take no more messages or signals."""
        self.closed = self.leaving = True
        self._drop_signals()

    def depth(self) -> int:
        """Return about how many messages wait."""
        return self.qsize() + len(self.stash)

    def take_all(self) -> Iterator[Envelope]:
        """Yield and remove everything that waits; several threads may do so at once.

        A wake-up is put back: an abandoned thread may still need it to find that it was killed.
        """
        wake = False
        while True:
            try:
                envelope = self.stash.popleft() if self.stash else self.get_nowait()
            except IndexError:
                continue
            except Empty:
                break
            if envelope is _WAKE:
                wake = True
            else:
                yield envelope
        if wake:
            SimpleQueue.put(self, _WAKE)


class _Counted(Envelope):
    """A message that takes up room in a bounded mailbox."""

    __slots__ = ()


class BoundedMailbox(Mailbox):
    """A mailbox with room for a limited number of other actors' messages.

    Args:
        limit: how many, and what happens to one more.
    """

    def __init__(self, limit: MailboxLimit) -> None:
        super().__init__()
        self.drops = limit.overflow is Overflow.DROP
        self._limit = limit
        self._room = Room(limit.size)

    def put(self, item: Envelope, block: bool = True, timeout: float | None = None) -> None:
        """Queue a message when there is room.

        Args:
            item: the message.
            block: part of a queue's signature; the limit says whether to wait.
            timeout: seconds to wait; None waits until there is room or the actor has ended.

        Raises:
            MailboxFull: there was no room.
        """
        if self._is_own() or isinstance(item.message, StopMessage):
            SimpleQueue.put(self, item)
            return
        waits = block and self._limit.overflow is Overflow.BLOCK
        if not (self._room.wait_to_take(timeout) if waits else self._room.take()):
            raise MailboxFull(f"expected room in the mailbox, {self._limit.size} messages wait already")
        if self.leaving:
            self._room.give_back()  # the next sender that waits must not wait either
        SimpleQueue.put(self, _Counted(item.message, item.reply_to))

    def get(self, block: bool = True, timeout: float | None = None) -> Envelope:
        """Return the next message, and make room for another one."""
        envelope = super().get(block, timeout)
        self._make_room(envelope)
        return envelope

    def get_nowait(self) -> Envelope:
        """Return the next message if there is one."""
        return self.get(False)

    def fetch(self) -> None:
        """Wait for the next message and move it to the end of ``stash``."""
        super().fetch()
        self._make_room(self.stash[-1])

    def leave(self) -> list[Envelope]:
        """Take no more questions, and release all senders that wait for room: a question must not wait any longer."""
        questions = super().leave()
        self._room.give_back()
        return questions

    def close(self) -> None:
        """Take no more messages, and release all senders that wait for room."""
        super().close()
        self._room.give_back()

    def _is_own(self) -> bool:
        """Return whether the actor itself sends: it could not make room while it waits for room."""
        sender = occupant()
        return sender is not None and sender.mailbox is self

    def _make_room(self, envelope: Envelope) -> None:
        if isinstance(envelope, _Counted):
            self._room.give_back()
