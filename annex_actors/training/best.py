"""Keep the weights of the best epoch from its end to the end of the run, whatever dies and however often it is resumed.

During a run its commits are kept by the store (`Snapshot.keep`), on the disk they are a part of every checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.events import EpochFinished
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.training.checkpoint import Checkpoint, Evaluation
from annex_actors.training.halting import Best

Kept: TypeAlias = Mapping[int, tuple[Snapshot, ...]]
"""The commits of all stages by step."""


@dataclass(frozen=True, eq=False)
class BestWeights:
    """Finds the checkpoint of the best epoch.

    Args:
        best: which epoch that is, given the finished ones; None: none is wanted.
        initial: the checkpoint that the run began with.
    """

    best: Best | None
    initial: Checkpoint

    def beside(self, checkpoint: Checkpoint, kept: Kept) -> Checkpoint | None:
        """Return a checkpoint of the run with that of the best of its epochs; None if the latter is known no more.

        Args:
            checkpoint: of the run.
            kept: what the store kept beside the checkpoint's commits, or keeps now (`StateStore.kept`).
        """
        index = self.best(checkpoint.history) if self.best else None
        history = checkpoint.history[: 0 if index is None else index + 1]
        if not history or history[-1].steps == checkpoint.step:
            return replace(checkpoint, best=None) if checkpoint.best else checkpoint
        cut = kept.get(history[-1].steps)
        recorded: tuple[Evaluation, ...] = (*history, *checkpoint.evaluations)
        best = self._known(history) if cut is None else Checkpoint.of(cut, self.initial, recorded)
        return None if best is None else replace(checkpoint, best=best)

    def check(self) -> None:
        """Refuse to begin with a checkpoint whose best epoch's weights are lost.

        Raises:
            ConfigError: it was written without a condition that restores these.
        """
        index = self.best(self.initial.history) if self.best else None
        if index is not None and self._known(self.initial.history[: index + 1]) is None:
            raise ConfigError(
                f"expected a checkpoint that holds the weights of epoch {index + 1}, the best one so far, got one "
                "without; train with the same `halt` from the beginning, or with restore_best_weights=False"
            )

    def _known(self, history: tuple[EpochFinished, ...]) -> Checkpoint | None:
        """Return the checkpoint at the end of these epochs, if the run began with it or with one that holds it."""
        known = (self.initial, self.initial.best)
        found = next((each for each in known if each is not None and each.step == history[-1].steps), None)
        return None if found is None else replace(found, history=history, best=None)
