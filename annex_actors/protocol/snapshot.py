"""What a peer commits: everything its next incarnation needs, in one immutable value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from annex_actors.base.types import made_often
from annex_actors.protocol.messages import Address, Post

State: TypeAlias = Any
"""The immutable state that a peer commits: the `StageState` of a stage, the `TrainerState` of the trainer."""


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One atomic commit.

    Args:
        address: of the peer.
        step: every step below this one is committed; for a stage also the version of its weights.
        state: the peer's state between steps.
        outbox: the messages of committed steps that no receiver has acknowledged yet. Without it a stage could commit a
            step and die while its neighbour still needs that step's gradient, and the run would stand still for ever.
        keep: a step at which the store is to keep the commits of all stages: the trainer names the end of the best
            epoch, in the commit that says so and in all that follow. None: no step.
    """

    address: Address
    step: int
    state: State
    outbox: tuple[Post, ...] = ()
    keep: int | None = None

    def with_outbox(self, outbox: tuple[Post, ...]) -> Snapshot:
        """Return the same commit with these messages that no receiver has acknowledged."""
        return Snapshot(self.address, self.step, self.state, outbox, self.keep) if outbox else self
