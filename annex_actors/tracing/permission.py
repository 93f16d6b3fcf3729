"""What a schedule allows a stage, from the work that the stage has done: the rules of its mailbox, without messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from annex_actors.protocol.messages import WHOLE_STEP
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.schedules.discipline import Discipline, Progress, Work
from annex_actors.tracing.pieces import Work as Piece


class Permission:
    """What one stage may do at the time.

    Args:
        row: the schedule; None: it is not known here, and allows everything.
        stage: s.
        stages: S.
        microbatches: how many each step has.
    """

    def __init__(self, row: Discipline | None, stage: int, stages: int, microbatches: Mapping[int, int]) -> None:
        self._row = row
        self._s, self._S = stage, stages
        self._microbatches = microbatches
        self._done: Counter[tuple[str, int]] = Counter()
        self._in_flight = self._deferred = 0

    def count(self, piece: Piece) -> None:
        """Count a piece of work as done; a start forgets those of the incarnation before."""
        if piece.kind == START:
            self._done.clear()
            self._in_flight = self._deferred = 0
            return
        if not piece.on_step:
            return
        whole = piece.letter == "W" and piece.microbatch == WHOLE_STEP
        parts = self._microbatches.get(piece.step, 1) if whole else 1
        self._done[piece.letter, piece.step] += parts
        self._in_flight += {"F": 1, "B": -1}.get(piece.letter, 0)
        self._deferred += {"F": 1, "W": -parts}.get(piece.letter, 0)

    @property
    def credit(self) -> int | None:
        """How many more forwards may be done before a gradient is back."""
        if self._row is None:
            return None
        return self._row.credit(self._s, self._S, max(self._microbatches.values(), default=1)) - self._in_flight

    def has_version(self, piece: Piece, version: int) -> bool:
        """Return whether the stage, which has finished ``version`` steps, has the weights that a piece meets."""
        if self._row is None or piece.letter not in "FB":
            return True
        if piece.letter == "B":
            return self._row.stashes or piece.step <= version
        return version >= piece.step - self._row.lag(self._s, self._S)

    def has_credit(self, piece: Piece) -> bool:
        """Return whether so few microbatches are in flight that a piece may be done."""
        row, m = self._row, self._microbatches.get(piece.step, 1)
        if row is None or piece.letter != "F":
            return True
        is_below_cap = row.cap is None or self._deferred < row.cap(self._s, self._S, m)
        return is_below_cap and self._in_flight < row.credit(self._s, self._S, m)

    def is_open(self, piece: Piece) -> bool:
        """Return whether the schedule's gate is open for a piece."""
        if self._row is None or self._row.gate is None:
            return True
        m = self._microbatches.get(piece.step, 1)
        done = (self._done[letter, piece.step] for letter in "FBW")
        return self._row.gate(Work(piece.letter), Progress(self._s, self._S, m, *done))
