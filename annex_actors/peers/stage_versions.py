"""The versions of a stage's weights: the newest, and those before it that microbatches may still meet."""

from __future__ import annotations

from annex_actors.peers.stage_state import LayerState, StageState, Weights
from annex_actors.peers.stage_update import Update


class Versions:
    """What a stage has made of its weights; each step adds one version and drops what no microbatch meets any more.

    ``state`` is what the stage commits, ``step`` how many steps it has, ``kept`` the versions, the newest last.

    Args:
        state: the last commit, or the initial state.
        step: the version of ``state``.
        lag: by how many steps the weights lag behind.
    """

    def __init__(self, state: StageState, step: int, lag: int) -> None:
        self.state = state
        self.step = step
        self._lag = lag
        # The newest last: version `step`, and the versions before it.
        self.kept: tuple[Weights, ...] = (*state.stash, state.weights)
        self._predicting: Weights | None = None

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def newest(self) -> Weights:
        """The weights after all steps so far."""
        return self.kept[-1]

    def of(self, step: int) -> Weights:
        """Return the weights that F of ``step`` meets: those after ``step - lag`` updates, or the initial ones."""
        updates_ago = self.step - (step - self._lag)
        return self.kept[max(0, len(self.kept) - 1 - updates_ago)]

    def predicting(self, update: Update) -> Weights:
        """Return what predictions meet."""
        weights = self._predicting = self._predicting or update.predicting(self.state)
        return weights

    def add(self, layers: tuple[LayerState, ...], cost: float | None) -> None:
        """Add the version that a step has made.

        Args:
            layers: after the step.
            cost: of the step, at the last stage; else None.
        """
        before = self.state
        log = before.cost_log if cost is None else before.cost_log.append(cost)
        # Step t + 1 and later meet version t + 1 - lag and later.
        stash = (*before.stash, self.newest)[-self._lag :] if self._lag else ()
        self.state = StageState(layers, log, stash)
        self.kept = (*stash, self.state.weights)
        self._predicting = None
        self.step += 1
