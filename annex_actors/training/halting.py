"""When to stop before the last epoch: conditions on the epochs so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from annex_actors.base import checks
from annex_actors.protocol.events import EpochFinished

Halt: TypeAlias = Callable[[tuple[EpochFinished, ...]], bool]
"""Asked after every epoch, with all that are finished; true ends the run.

A pure function: the same epochs are asked about again where a trainer was restarted or a run is resumed, and the answer
must be the same. Patience needs no memory, since the whole history is there.
"""


def loss_less_than(limit: float) -> Halt:
    """Return the halt condition that is met when the last epoch's mean training cost is below ``limit``."""
    bound = checks.real_number("limit", limit)
    return lambda history: history[-1].train_cost < bound
