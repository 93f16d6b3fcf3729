"""The finished epochs of a run: a tuple of them, and the same as named columns."""

from __future__ import annotations

from typing import Any, SupportsIndex, overload

from annex_actors.base import checks
from annex_actors.base.columns import table
from annex_actors.base.words import counted
from annex_actors.protocol.events import EpochFinished

_SHOWN = 2
"""How many epochs at the beginning and at the end its text shows."""
_WIDTH = 100


class History(tuple[EpochFinished, ...]):
    """The finished epochs, in order; ``history["train_cost"]`` is a column, ``history[-1]`` the last epoch.

    >>> history = History([EpochFinished(0, 45, 0.5, 0.25, {"accuracy": 0.75}, seconds=1.5)])
    >>> history.columns
    {'epoch': [1], 'step': [45], 'train_cost': [0.5], 'test_cost': [0.25], 'accuracy': [0.75], 'seconds': [1.5]}
    """

    __slots__ = ()

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Lists by name, a value for each epoch: for plots, and for tables such as ``pandas.DataFrame(columns)``.

        The columns are ``epoch`` (from 1), ``step``, ``train_cost``, ``validation_cost`` and ``test_cost`` where there
        are any, the metrics, and ``seconds``. A metric that was undefined after an epoch is None there.
        """
        costs = [name for name in ("validation_cost", "test_cost") if any(getattr(e, name) is not None for e in self)]
        metrics = dict.fromkeys(name for epoch in self for name in epoch.metrics)
        return {
            "epoch": [epoch.epoch + 1 for epoch in self],
            "step": [epoch.steps for epoch in self],
            "train_cost": [epoch.train_cost for epoch in self],
            **{name: [getattr(epoch, name) for epoch in self] for name in costs},
            **{name: [epoch.metrics.get(name) for epoch in self] for name in metrics},
            "seconds": [epoch.seconds for epoch in self],
        }

    @overload
    def __getitem__(self, key: SupportsIndex) -> EpochFinished: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[EpochFinished, ...]: ...

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...

    def __getitem__(self, key: SupportsIndex | slice | str) -> EpochFinished | tuple[EpochFinished, ...] | list[Any]:
        """Return an epoch by its index, several by a slice, or a column by its name.

        Raises:
            ConfigError: a name that no column has.
        """
        if isinstance(key, str):
            columns = self.columns
            return columns[key] if key in columns else checks.unknown("column", key, columns)
        return super().__getitem__(key)

    def __repr__(self) -> str:
        """Return a table of the first and the last epochs."""
        columns = self.columns
        rows = [[_shown(value) for value in row] for row in zip(*columns.values(), strict=True)]
        if len(rows) > 2 * _SHOWN + 1:
            rows = [*rows[:_SHOWN], ["..."] + [""] * (len(columns) - 1), *rows[-_SHOWN:]]
        return "\n".join(
            [f"History of {counted(len(self), 'epoch')}", *(table(list(columns), rows, _WIDTH) if rows else [])]
        )


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
