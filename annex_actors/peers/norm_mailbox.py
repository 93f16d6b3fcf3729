"""The part of a stage's mailbox for the end of a step.

What may come once the stage's own weight gradients are complete: the rows of them that other replicas compute, in the
order of the replicas; then, of their global norm, a sum to add to, and the norm to clip by.
"""

from __future__ import annotations

from collections.abc import Sequence

from annex_actors.peers.stage_progress import StageProgress
from annex_actors.protocol.messages import Message
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.replicas import GradientRows


class NormMailbox:
    """The rows, sums and norms that have arrived at one stage; each is yielded once what comes before it is complete.

    A stage sends its sum before it takes the norm, in every incarnation: one that has only heard the norm again could
    commit the step without a sum to send to a stage after it, which may have been restarted as well and need it.

    Args:
        adds: whether the stage adds to a sum of the stages before: the first stage begins one, and of the replicas of a
            stage the first adds.
        committed: every step below this one is committed.
        rows_from: the numbers of the other replicas, in order, if they divide weight gradients by rows.
    """

    def __init__(self, adds: bool, committed: int, rows_from: Sequence[int] = ()) -> None:
        self.is_empty = True  # a plain attribute: a mailbox asks for every message, and nearly always nothing is here
        self._adds = adds
        self._adds_next = committed
        self._rows_from = rows_from
        self._heard = 0  # how many of them have told their rows of the step under way
        self._rows: dict[tuple[int, int], GradientRows] = {}
        self._sums: dict[int, SquaredNorm] = {}
        self._norms: dict[int, GlobalNorm] = {}

    @property
    def waiting(self) -> int:
        """The number of messages that are here and not handled."""
        return len(self._rows) + len(self._sums) + len(self._norms)

    def put(self, message: GradientRows | SquaredNorm | GlobalNorm, committed: int) -> None:
        """Store a message; drop it if it was handled before or belongs to a committed step."""
        if isinstance(message, GradientRows):
            heard = self._rows_from[: self._heard] if message.step == committed else ()
            if message.step >= committed and message.replica not in heard:
                self._rows[message.step, message.replica] = message
        elif isinstance(message, GlobalNorm):
            if message.step >= committed:
                self._norms[message.step] = message
        elif message.step >= self._adds_next:
            self._sums[message.step] = message
        self._look()

    def find(self, progress: StageProgress) -> GradientRows | SquaredNorm | GlobalNorm | None:
        """Return the next message, given how far the stage has got; None where nothing is allowed yet."""
        if self._heard < len(self._rows_from):
            rows = self._rows.get((progress.committed, self._rows_from[self._heard]))
            return rows if progress.has_gradients(progress.committed) else None
        number = self._sums.get(self._adds_next)
        if number is not None and progress.has_gradients(number.step):
            return number
        norm = self._norms.get(progress.committed)
        if norm is not None and progress.has_gradients(norm.step) and not self._is_to_add(norm.step):
            return norm
        return None

    def count(self, message: Message) -> None:
        """Count a message as handled."""
        if isinstance(message, GradientRows):
            del self._rows[message.step, message.replica]
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
        if self._heard < len(self._rows_from):
            return f"the {GradientRows.kind} of step {step} from replica {self._rows_from[self._heard]}"
        return f"the {(SquaredNorm if self._is_to_add(step) else GlobalNorm).kind} of step {step}"

    def _look(self) -> None:
        self.is_empty = not (self._rows or self._heard or self._sums or self._norms)

    def _is_to_add(self, step: int) -> bool:
        return self._adds and self._adds_next <= step
