"""What the trainer commits: how far the run has come, and its finished epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import stored_directly
from annex_actors.base.words import counted
from annex_actors.data import Batches
from annex_actors.protocol.events import EpochFinished, Evaluated


@stored_directly
@dataclass(frozen=True, slots=True)
class TrainerState:
    """What the trainer commits.

    Args:
        reported: the cost of every step below this one has been reported.
        cost_sum: cost times weight, summed over the steps of the current epoch.
        weight: of these steps: their samples, or, where samples have weights, those.
        history: the finished epochs, evaluated and decided upon.
        halt_at: the run ends when every step below this one is done; None: after the last epoch.
        keep: the end of the best epoch, whose commits the store is to keep; None: of none since the run was begun here.
        evaluations: those within the epochs, in order.
    """

    reported: int = 0
    cost_sum: float = 0.0
    weight: float = 0
    history: tuple[EpochFinished, ...] = ()
    halt_at: int | None = None
    keep: int | None = None
    evaluations: tuple[Evaluated, ...] = ()

    @classmethod
    def after(
        cls,
        costs: Sequence[float],
        history: tuple[EpochFinished, ...],
        weight: Callable[[int], float],
        evaluations: tuple[Evaluated, ...] = (),
    ) -> TrainerState:
        """Return the state of a trainer that has seen these costs and finished these epochs.

        It adds up in the same order as a trainer, so that the cost of an epoch has the same bits. ``weight`` returns
        what a step counts, see `TrainerSpec.weight`.
        """
        state = cls(history=history, evaluations=evaluations, reported=history[-1].steps if history else 0)
        for cost in costs[state.reported :]:
            state = state.with_report(cost, weight(state.reported))
        return state

    def check(self, batches: Batches) -> None:
        """Refuse a state in which no epoch would ever end: the step at which it ends has passed.

        Raises:
            ConfigError: the steps do not belong to the epoch after those in ``history``.
        """
        epochs, steps = len(self.history), batches.steps_per_epoch
        if not epochs * steps <= self.reported <= (epochs + 1) * steps:
            raise ConfigError(
                f"expected a training that has finished {counted(epochs, 'epoch')} of {counted(steps, 'step')} "
                f"to be at step {epochs * steps} to {(epochs + 1) * steps}, got {self.reported}; "
                "resume it with the data and the batch size that it began with"
            )

    def stop_after(self, every: int) -> int | None:
        """Return the step within the epoch up to which to feed, since an evaluation is due there; None if none is.

        Args:
            every: steps between two evaluations; 0 for none within epochs.
        """
        if not every:
            return None
        last = max(each[-1].steps if each else 0 for each in (self.history, self.evaluations))
        due = self.reported % every == 0 and self.reported > last
        return self.reported if due else (self.reported // every + 1) * every

    def with_report(self, cost: float, weight: float) -> TrainerState:
        """Return the state after one more report, of a step with this weight."""
        # Not by `replace`, which takes several times as long: this is done at every step.
        return TrainerState(
            self.reported + 1,
            self.cost_sum + cost * weight,
            self.weight + weight,
            self.history,
            self.halt_at,
            self.keep,
            self.evaluations,
        )
