"""An optimizer with its learning rate times a factor, as a layer or a step may have one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.optimizers.averaged import Averaged
from annex_actors.optimizers.continued import Continued
from annex_actors.optimizers.learning_rate import LearningRate, step_size
from annex_actors.optimizers.optimizer import Optimizer


def scaled(optimizer: Optimizer, factor: float) -> Optimizer:
    """Return an optimizer with its learning rate times ``factor``; the optimizer itself if the factor is 1.

    Args:
        optimizer: a dataclass with a field ``learning_rate``, a number or a rule, as all of this package are.
        factor: > 0.

    Raises:
        ConfigError: the optimizer has no such field.
    """
    if factor == 1:
        return optimizer
    if isinstance(optimizer, Averaged | Continued):
        return replace(optimizer, optimizer=scaled(optimizer.optimizer, factor))
    own: Any = optimizer
    if "learning_rate" not in getattr(own, "__dataclass_fields__", ()):
        raise ConfigError(
            f"expected an optimizer with a field `learning_rate`, which a factor multiplies, got {shown(optimizer)}; "
            "add the field, or leave out the factors"
        )
    rate = own.learning_rate
    changed = replace(own, learning_rate=rate * factor if isinstance(rate, float | int) else _Scaled(rate, factor))
    return changed  # type: ignore[no-any-return]  # of the optimizer's class


@dataclass(frozen=True)
class _Scaled:
    """A rule times a factor."""

    rule: LearningRate
    factor: float

    def at(self, step: int) -> float:
        return step_size(self.rule, step) * self.factor
