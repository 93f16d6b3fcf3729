"""Watch a replay: compare each piece, cost and checkpoint on the way with what the run has recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from annex_actors.peers.stage import StageSpec
from annex_actors.peers.stage_state import StageState
from annex_actors.protocol.effects import Effect
from annex_actors.protocol.given import Given
from annex_actors.protocol.instrument import Instrument, Peer, WorkItem
from annex_actors.protocol.messages import WHOLE_STEP, Message
from annex_actors.protocol.routing import is_stage
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.replay.debugger import Debugger
from annex_actors.replay.pieces import PieceReport, Selection, piece_of, sent_lines, weights_line
from annex_actors.runs.fingerprint_file import Made
from annex_actors.runtimes.handed_over import Fingerprint, Place, fingerprints, is_piece, sent
from annex_actors.training.checkpoint import Checkpoint


class Watch(Instrument):
    """Compares what a replay does with what is recorded, until it has come far enough.

    ``pieces`` are those that were asked for; ``pieces_equal``, ``costs_equal`` and ``checkpoints_equal`` count what is
    equal, ``difference`` is the first that is not; ``failure`` is the exception of a piece. ``is_over``: a piece has
    failed, something differs, or the last step is done.

    Args:
        stages: of the run.
        selection: the pieces that are asked for.
        recorded: the fingerprints.
        costs: of the steps, from 0.
        checkpoints: to compare with, by step.
        until: the number of steps after which the replay ends.
        debugger: opened for the pieces; None: not at all.
    """

    def __init__(
        self,
        stages: Sequence[StageSpec],
        selection: Selection,
        recorded: Mapping[Place, set[Made]],
        costs: Sequence[float],
        checkpoints: Mapping[int, Checkpoint],
        until: int,
        debugger: Debugger | None,
    ) -> None:
        self.pieces: list[PieceReport] = []
        self.pieces_equal = self.costs_equal = 0
        self.checkpoints_equal: list[int] = []
        self.difference: str | None = None
        self.failure: Exception | None = None
        self._stages = {stage.address: stage for stage in stages}
        self._selection = selection
        self._recorded = recorded
        self._costs = costs
        self._checkpoints = checkpoints
        self._until = until
        self._debugger = debugger
        self._step = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be done."""
        return self.failure is not None or self.difference is not None or self._step >= self._until

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Open the debugger for a piece that was asked for."""
        if self._debugger is not None and self._is_wanted(peer, item):
            assert isinstance(item, Message)
            self._debugger.enter(self._stages[peer.address], item, self._selection.layer)

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Compare what a stage has done."""
        if not is_stage(peer.address) or not is_piece(item):
            return
        if self._debugger is not None:
            self._debugger.leave()
        stage, messages = self._stages[peer.address], sent(effects)
        found = fingerprints(peer, item, effects)
        recorded = [self._compared(stage, each) for each in found]
        if found and self._selection.has(stage, item):
            lines = (*sent_lines(messages), *(weights_line(each.place.step) for each in found[1:]))
            shown = -1 if lines else 0  # of what it was given, where it made nothing for others
            prints = {"fingerprint": _all(found[-1])[shown], "recorded": (recorded[-1] or (None, None))[shown]}
            self.pieces.append(piece_of(stage, item).model_copy(update={"made": lines, **prints}))

    def failed(self, peer: Peer, given: Given, error: Exception) -> None:
        """Record that a piece has failed; if it was asked for, it is one of the pieces, without an outcome."""
        if is_stage(peer.address):
            if self._debugger is not None:
                self._debugger.explain(error)
            self.pieces.append(piece_of(self._stages[peer.address], given.message))
            self.failure = error

    def on_cut(self, initial: Checkpoint) -> Callable[[int, tuple[Snapshot, ...], object], None]:
        """Return what a store calls when all stages have committed a step: it compares costs and checkpoints."""

        def compare(step: int, cut: tuple[Snapshot, ...], kept: object) -> None:
            self._step = step
            state: StageState = cut[-1].state
            self._compare_cost(step - 1, state.cost_log.costs()[-1])
            if step in self._checkpoints:
                self._compare_checkpoint(Checkpoint.of(cut, initial), self._checkpoints[step])

        return compare

    def _is_wanted(self, peer: Peer, item: WorkItem | None) -> bool:
        if not is_stage(peer.address) or not is_piece(item):
            return False
        return self._selection.has(self._stages[peer.address], item)

    def _compared(self, stage: StageSpec, found: Fingerprint) -> Made | None:
        """Compare a piece, and return what is recorded of it, if it differs in something, that; None: nothing."""
        recorded = sorted(self._recorded.get(found.place, ()))
        if not recorded:
            return None
        different = [each for each in recorded if each != _all(found)]
        if different:
            self._differ(_difference(stage, found, *different[0]))
        else:
            self.pieces_equal += 1
        return (different or recorded)[0]

    def _compare_cost(self, step: int, cost: float) -> None:
        if step < len(self._costs):
            if cost == self._costs[step]:
                self.costs_equal += 1
            else:
                self._differ(f"the cost of step {step} is {cost!r}, recorded is {self._costs[step]!r}")

    def _compare_checkpoint(self, found: Checkpoint, recorded: Checkpoint) -> None:
        for (name, value), expected in zip(found.hashes.items(), recorded.hashes.values(), strict=True):
            if value != expected:
                self._differ(f"{name} at step {found.step} is {value}, in its checkpoint it is {expected}")
                return
        self.checkpoints_equal.append(found.step)

    def _differ(self, difference: str) -> None:
        self.difference = self.difference or difference


def _all(found: Fingerprint) -> Made:
    return found.given, found.made


def _difference(stage: StageSpec, found: Fingerprint, given: str, made: str) -> str:
    """Return how a piece differs from what is recorded of it."""
    place = f"step {found.place.step}"
    if found.place.microbatch != WHOLE_STEP:
        place += f" microbatch {found.place.microbatch}"
    what = f"{stage.label}, {found.place.kind} at {place}"
    if given != found.given:
        return f"{what}: it was given {found.given}, recorded is {given}"
    return f"{what}: it made {found.made}, recorded is {made}"
