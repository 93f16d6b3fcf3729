"""Lower the learning rate where a figure no longer improves: a pure function of the finished epochs.

It has no memory: patience and cooldown are counted from the history, which the trainer commits and a checkpoint holds.
So a restarted trainer and a resumed run have the same learning rate at the same step. The trainer asks at the end of an
epoch, when all its steps are complete, and sends the factor along with each step of the next one, so that every stage
updates with it, with schedules whose steps overlap as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from annex_actors.base import checks
from annex_actors.base.calls import argument_text, parse_call
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.protocol.events import EpochFinished

_NAME = "reduce_on_plateau"
_COSTS = ("train_cost", "validation_cost", "test_cost")
_MODES = ("min", "max")


@dataclass(frozen=True)
class ReduceOnPlateau:
    """Multiply the learning rate by ``factor`` when a figure has not improved for more than ``patience`` epochs.

    An epoch improves the figure if it is better by more than ``min_delta`` than the best one before. A figure that is
    missing or not a number improves nothing. After a reduction the count begins again, and for ``cooldown`` epochs
    nothing is counted. As ``torch.optim.lr_scheduler.ReduceLROnPlateau`` with an absolute threshold; Keras counts an
    epoch fewer. As text ``patience=5:factor=0.5``.

    Args:
        monitor: the figure: ``train_cost``, ``validation_cost``, ``test_cost``, or the name of a metric.
        factor: 0 < factor < 1.
        patience: how many epochs without an improvement change nothing, >= 0.
        min_delta: >= 0.
        cooldown: epochs, >= 0.
        mode: ``min`` or ``max``, whether small or large figures are good; None: ``min`` for a cost, else ``max``.
        min_factor: the product of all reductions is never less, >= 0.

    Raises:
        ConfigError: a setting of another kind or out of range.
    """

    monitor: str = "test_cost"
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    cooldown: int = 0
    mode: str | None = None
    min_factor: float = 0.0

    def __post_init__(self) -> None:
        monitor = checks.text("monitor", self.monitor, wanted="the name of a figure, such as test_cost")
        mode = ("min" if monitor in _COSTS else "max") if self.mode is None else self.mode
        if checks.text("mode", mode, wanted='"min" or "max"') not in _MODES:
            checks.unknown("mode", mode, _MODES)
        checks.keep(
            self,
            factor=checks.real_number("factor", self.factor, above=0, below=1),
            patience=checks.whole_number("patience", self.patience, at_least=0),
            min_delta=checks.real_number("min_delta", self.min_delta, at_least=0),
            cooldown=checks.whole_number("cooldown", self.cooldown, at_least=0),
            mode=mode,
            min_factor=checks.real_number("min_factor", self.min_factor, at_least=0, below=1),
        )

    def spec(self) -> str:
        """Return its text: all settings by name."""
        return ":".join(f"{each.name}={argument_text(getattr(self, each.name))}" for each in fields(self))

    def __call__(self, history: tuple[EpochFinished, ...]) -> float:
        """Return what the learning rate is multiplied by after these epochs; 1.0 at first."""
        factor, best, bad, cooling = 1.0, math.inf, 0, 0
        for epoch in history:
            value = self._value(epoch)
            improves = value < best - self.min_delta
            best, bad = (value, 0) if improves else (best, bad + 1)
            if cooling:
                cooling, bad = cooling - 1, 0
            if bad > self.patience:
                factor, cooling, bad = max(factor * self.factor, self.min_factor), self.cooldown, 0
        return factor

    def _value(self, epoch: EpochFinished) -> float:
        """Return the figure of an epoch so that less is better; NaN where there is none."""
        name = self.monitor
        value = getattr(epoch, name) if name in _COSTS else epoch.metrics.get(name)
        sign = -1.0 if self.mode == "max" else 1.0
        return math.nan if value is None else sign * float(value)


def reduce_on_plateau(given: str | ReduceOnPlateau | None) -> ReduceOnPlateau | None:
    """Return how to lower the learning rate, from itself or its text; None: not at all.

    Raises:
        ConfigError: neither, an unknown setting, or one out of range.
    """
    if given is None or isinstance(given, ReduceOnPlateau):
        return given
    usage = f"`{_NAME}` as text such as patience=5:factor=0.5"
    text = checks.text(_NAME, given, wanted='text such as "patience=5:factor=0.5"')
    call = parse_call(f"{_NAME}:{text}", usage=usage)
    if call.positional:
        raise ConfigError(f"expected {usage}, got {shown(text)}; name the settings")
    return call.make(ReduceOnPlateau, usage=usage, text=text, place=_NAME)
