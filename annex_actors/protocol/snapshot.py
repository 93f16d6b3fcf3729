"""What a peer commits: everything its next incarnation needs, in one immutable value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from annex_actors.base.types import pickled_by_fields
from annex_actors.protocol.messages import Address, Post

State: TypeAlias = Any
"""What a kind of peer commits (a stage its `StageState`, the trainer its `TrainerState`): immutable."""


@pickled_by_fields
@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One atomic commit.

    Args:
        address: whose.
        step: every step below this one is committed; for a stage also the version of its weights.
        state: the peer's state between steps.
        outbox: what it sent in committed steps and no receiver has acknowledged. Without it a stage could commit a step
            and die while its neighbour still needs that step's gradient, and the run would stand still for ever.
    """

    address: Address
    step: int
    state: State
    outbox: tuple[Post, ...] = ()
