"""What a piece of work is given: all that its bits depend on, kept so that a failure can be repeated elsewhere.

A peer's handler is a function of the state at the last step that it finished, of the messages of later steps that it
has handled since, and of the message itself. In a first incarnation nothing is gathered but the targets, which a
forward needs and which come in messages of their own: the activations and gradients of a step would take memory where
nothing fails. So a forward that fails is whole the first time, another piece the second time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from annex_actors.protocol.messages import Forward, Message, Target
from annex_actors.protocol.snapshot import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a piece of work was given.

    Args:
        message: what was to be handled.
        before: what was handled since ``snapshot``, of the steps after it, in order.
        snapshot: the state at the last step that the peer has finished, without an outbox.
        is_whole: whether ``before`` has all that the piece depends on.
    """

    message: Message
    before: tuple[Message, ...]
    snapshot: Snapshot
    is_whole: bool


class GivenSince:
    """What a peer has handled since the last step that it finished.

    Args:
        snapshot: the state that it starts from.
        is_first: whether this is the first incarnation, of which only the targets are gathered.
    """

    def __init__(self, snapshot: Snapshot, *, is_first: bool) -> None:
        self._snapshot = snapshot
        self._is_first = is_first
        self._handled: list[Message] = []

    def add(self, message: Message) -> None:
        """Add a message that is about to be handled."""
        if isinstance(message, Target) or (not self._is_first and (message.is_work or message.is_kept)):
            self._handled.append(message)

    def finish(self, snapshot: Snapshot) -> None:
        """Forget the messages of finished steps."""
        self._snapshot = snapshot
        self._handled = [message for message in self._handled if message.step >= snapshot.step]

    def to(self, message: Message) -> Given:
        """Return what the work on ``message`` was given."""
        before = tuple(each for each in self._handled if each is not message)
        is_whole = not self._is_first or isinstance(message, Forward)
        return Given(message, before, replace(self._snapshot, outbox=()), is_whole)
