"""The part of a stage's mailbox for the end of a step.

What may come once the stage's own weight gradients are complete: the rows of them that each replica computes, the own
ones first; then, of their global norm, a sum to add to, and the norm to clip by; then the rows of the new weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from annex_actors.peers.stage_progress import StageProgress
from annex_actors.protocol.messages import Message
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.replicas import GradientRows, Rows


class NormMailbox:
    """The rows, sums and norms that have arrived at one stage; each is yielded once what comes before it is complete.

    A stage sends its sum before it takes the norm, in every incarnation: one that has only heard the norm again could
    commit the step without a sum to send to a stage after it, which may have been restarted as well and need it.

    Args:
        adds: whether the stage adds to a sum of the stages before: the first stage begins one, and of the replicas of a
            stage the first adds.
        committed: every step below this one is committed.
        rows: what kinds of rows the replicas send each other in a step, and the number of the replica, in order.
    """

    def __init__(self, adds: bool, committed: int, rows: Sequence[tuple[type[Rows], int]] = ()) -> None:
        self.is_empty = True  # a plain attribute: a mailbox asks for every message, and nearly always nothing is here
        self._adds = adds
        self._adds_next = committed
        self._order = tuple(rows)
        self._gradients = sum(kind is GradientRows for kind, _ in rows)  # how many of them come before the norm
        self._heard = 0  # how many rows of the step under way are handled
        self._rows: dict[tuple[int, type[Rows], int], Rows] = {}
        self._sums: dict[int, SquaredNorm] = {}
        self._norms: dict[int, GlobalNorm] = {}

    @property
    def waiting(self) -> int:
        """The number of messages that are here and not handled."""
        return len(self._rows) + len(self._sums) + len(self._norms)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that are here and not handled."""
        return (*self._rows.values(), *self._sums.values(), *self._norms.values())

    def put(self, message: Rows | SquaredNorm | GlobalNorm, committed: int) -> None:
        """Store a message; drop it if it was handled before or belongs to a committed step."""
        if isinstance(message, Rows):
            heard = self._order[: self._heard] if message.step == committed else ()
            if message.step >= committed and (type(message), message.replica) not in heard:
                self._rows[message.step, type(message), message.replica] = message
        elif isinstance(message, GlobalNorm):
            if message.step >= committed:
                self._norms[message.step] = message
        elif message.step >= self._adds_next:
            self._sums[message.step] = message
        self._look()

    def find(self, progress: StageProgress) -> Rows | SquaredNorm | GlobalNorm | None:
        """Return the next message, given how far the stage has got; None where nothing is allowed yet."""
        if self._heard < len(self._order):
            rows = self._rows.get((progress.committed, *self._order[self._heard]))
            if rows is not None or self._heard < self._gradients:
                return rows
        number = self._sums.get(self._adds_next)
        if number is not None and progress.has_gradients(number.step):
            return number
        norm = self._norms.get(progress.committed)
        if norm is not None and progress.has_gradients(norm.step) and not self._is_to_add(norm.step):
            return norm
        return None

    def count(self, message: Message) -> None:
        """Count a message as handled."""
        if isinstance(message, Rows):
            del self._rows[message.step, type(message), message.replica]
            self._heard += 1
        elif isinstance(message, SquaredNorm):
            del self._sums[message.step]
            self._adds_next = message.step + 1
        else:
            del self._norms[message.step]
        self._look()

    def commit(self, step: int) -> None:
        """Drop what belongs to the steps below ``step``."""
        self._adds_next = max(self._adds_next, step)
        self._heard = 0
        self._rows = {at: each for at, each in self._rows.items() if at[0] >= step}
        self._sums = {at: each for at, each in self._sums.items() if at >= step}
        self._norms = {at: each for at, each in self._norms.items() if at >= step}
        self._look()

    def waits_for(self, step: int) -> str:
        """Return what has to come for a step whose gradients are complete."""
        if self._heard < self._gradients or self._gradients < self._heard < len(self._order):
            kind, replica = self._order[self._heard]
            return f"the {kind.kind} of step {step} from replica {replica}"
        return f"the {(SquaredNorm if self._is_to_add(step) else GlobalNorm).kind} of step {step}"

    def _look(self) -> None:
        self.is_empty = not (self._rows or self._heard or self._sums or self._norms)

    def _is_to_add(self, step: int) -> bool:
        return self._adds and self._adds_next <= step
