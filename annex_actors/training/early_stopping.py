"""Stop when a figure no longer improves, and end with the weights of the best epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.metrics import METRICS, Mode, metric
from annex_actors.protocol.events import EpochFinished

_COSTS = ("train_cost", "validation_cost", "test_cost")


@dataclass(frozen=True)
class EarlyStopping:
    """End the run when a figure has not improved for some epochs, and restore the weights of the best epoch.

    As text ``early_stopping:5``, or with other settings ``early_stopping:patience=5:monitor=accuracy``. An epoch
    improves the figure if it is better by more than ``min_delta`` than at the last epoch that did. A figure that is
    missing, since it is undefined, or is not a number, improves nothing.

    Args:
        patience: how many epochs without an improvement end the run, >= 1.
        monitor: the figure: ``train_cost``, ``validation_cost``, ``test_cost``, or the name of a metric, which is that
            of the validation set, or of the test set where there is none.
        min_delta: >= 0.
        mode: ``min`` or ``max``, whether small or large figures are good. None: as is known of the figure.
        restore_best_weights: whether a run that ends, also after its last epoch, ends with the weights, optimizer slots
            and costs of the epoch that improved last. They are kept beside the newest ones, and in each checkpoint.

    Raises:
        ConfigError: a setting out of range, or an unknown figure without a mode.

    Source:
        Prechelt (1998), Early stopping - but when?
    """

    patience: int = 5
    monitor: str = "validation_cost"
    min_delta: float = 0.0
    mode: str | Mode | None = None
    restore_best_weights: bool = True

    def __post_init__(self) -> None:
        monitor = checks.text("monitor", self.monitor, wanted="the name of a figure, such as validation_cost")
        mode = _mode_of(monitor) if self.mode is None else checks.member("mode", self.mode, Mode)
        if mode is None:
            raise ConfigError(f'expected `mode` to be "min" or "max" for {shown(monitor)}, got none')
        checks.keep(
            self,
            patience=checks.whole_number("patience", self.patience, at_least=1),
            monitor=monitor,
            min_delta=checks.real_number("min_delta", self.min_delta, at_least=0),
            mode=mode,
            restore_best_weights=checks.boolean("restore_best_weights", self.restore_best_weights),
        )

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        """Return whether the last ``patience`` epochs improved nothing."""
        best = self.best(history)
        return len(history) - (0 if best is None else best + 1) >= self.patience

    @property
    def monitors(self) -> tuple[str, ...]:
        """The figure."""
        return (self.monitor,)

    @property
    def restores(self) -> bool:
        """Whether the weights of the best epoch are restored."""
        return self.restore_best_weights

    def best(self, history: tuple[EpochFinished, ...]) -> int | None:
        """Return the index of the last epoch that improved the figure; None if none did."""
        best, least = None, math.inf
        for index, value in enumerate(self._values(history)):
            if value < least - (self.min_delta if best is not None else 0.0):
                best, least = index, value
        return best

    def _values(self, history: tuple[EpochFinished, ...]) -> Iterator[float]:
        """Yield the figure of each epoch so that less is better; NaN where there is none."""
        sign = -1 if self.mode is Mode.MAX else 1
        for epoch in history:
            value = figure(epoch, self.monitor)
            yield math.nan if value is None else sign * float(value)


def _mode_of(monitor: str) -> Mode | None:
    if monitor in _COSTS:
        return Mode.MIN
    return metric(monitor).mode if monitor.partition(":")[0] in METRICS else None


def figure(epoch: EpochFinished, name: str) -> float | None:
    """Return a figure of an epoch by name; None if the epoch has none of that name."""
    return getattr(epoch, name) if name in _COSTS else epoch.metrics.get(name)
