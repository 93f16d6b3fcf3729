"""When to stop before the last epoch: conditions on the finished epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from annex_actors.base import checks
from annex_actors.protocol.events import EpochFinished

Halt: TypeAlias = Callable[[tuple[EpochFinished, ...]], bool]
"""Called after every epoch with all finished epochs; True ends the run.

It must be pure: after a restart of the trainer, or when a run is resumed, it is called with the same epochs again, and
must give the same answer. Patience needs no memory, since the whole history is there.
"""


def loss_less_than(limit: float) -> Halt:
    """Return the condition that the last epoch's mean training cost is below ``limit``.

    Raises:
        ConfigError: ``limit`` is not a finite number.
    """
    return _LossLessThan(checks.real_number("limit", limit))


@dataclass(frozen=True)
class _LossLessThan:
    limit: float

    def __repr__(self) -> str:
        return f"loss_less_than({self.limit!r})"

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        return history[-1].train_cost < self.limit
