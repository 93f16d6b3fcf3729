"""When to stop before the last epoch: conditions on the finished epochs, and which epoch's weights to keep.

A condition is a pure function of the history. It has no memory and no clock: patience is counted from the epochs, and
time is what was recorded with them. So it gives the same answer after a restart of the trainer, and after a resume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.protocol.events import EpochFinished

Halt: TypeAlias = Callable[[tuple[EpochFinished, ...]], bool]
"""Called after every epoch with all finished epochs; True ends the run.

It must be pure: after a restart of the trainer, or when a run is resumed, it is called with the same epochs again, and
must give the same answer. Patience needs no memory, since the whole history is there.
"""

Best: TypeAlias = Callable[[tuple[EpochFinished, ...]], int | None]
"""From the finished epochs to the index of the one whose weights the run is to end with; None: those of the last."""


@runtime_checkable
class Restores(Protocol):
    """A condition after which the weights of the best epoch are restored, bit by bit."""

    @property
    def restores(self) -> bool:
        """Whether it does so."""

    def best(self, history: tuple[EpochFinished, ...]) -> int | None:
        """Return the index of the best epoch; None if there is none. Pure, as the condition itself."""


@runtime_checkable
class Monitors(Protocol):
    """A condition on named figures of the epochs, which the training must have."""

    @property
    def monitors(self) -> tuple[str, ...]:
        """The names, such as ``validation_cost`` or ``accuracy``."""


def max_epochs(limit: int) -> Halt:
    """Return the condition that so many epochs are finished; as text ``max_epochs:20``.

    Args:
        limit: how many, >= 1.

    Raises:
        ConfigError: ``limit`` is not an integer >= 1.
    """
    return _MaxEpochs(checks.whole_number("limit", limit, at_least=1))


def max_steps(limit: int) -> Halt:
    """Return the condition that so many steps are trained, at the end of an epoch; as text ``max_steps:1000``.

    Args:
        limit: how many, >= 1.

    Raises:
        ConfigError: ``limit`` is not an integer >= 1.
    """
    return _MaxSteps(checks.whole_number("limit", limit, at_least=1))


def max_seconds(limit: float) -> Halt:
    """Return the condition that the finished epochs took so long; as text ``max_seconds:60``.

    Args:
        limit: seconds, > 0; those of the epochs that were finished before a resume count too.

    Raises:
        ConfigError: ``limit`` is not a number > 0.
    """
    return _MaxSeconds(checks.real_number("limit", limit, above=0))


def loss_less_than(limit: float) -> Halt:
    """Return the condition that the last epoch's mean training cost is below ``limit``.

    As text ``loss_less_than:0.1``.

    Args:
        limit: a cost.

    Raises:
        ConfigError: ``limit`` is not a finite number.
    """
    return _LossLessThan(checks.real_number("limit", limit))


def any_of(*conditions: Halt) -> Halt:
    """Return the condition that one of these is met; the weights are those of the first one that restores some.

    Raises:
        ConfigError: no condition, or something else.
    """
    return _AnyOf(_checked("any_of", conditions))


def all_of(*conditions: Halt) -> Halt:
    """Return the condition that all of these are met; the weights are those of the first one that restores some.

    Raises:
        ConfigError: no condition, or something else.
    """
    return _AllOf(_checked("all_of", conditions))


def best_of(halt: Halt | None) -> Best | None:
    """Return which weights a condition restores; None: those of the last step."""
    given: object = halt
    return given.best if isinstance(given, Restores) and given.restores else None


def monitors_of(halt: object) -> tuple[str, ...]:
    """Return the names of the figures that a condition looks at, if it says so."""
    return halt.monitors if isinstance(halt, Monitors) else ()


def _checked(name: str, conditions: tuple[Halt, ...]) -> tuple[Halt, ...]:
    if not conditions:
        raise ConfigError(f"expected `{name}` to have at least one condition, got none")
    for index, each in enumerate(conditions):
        checks.function(f"argument {index} of {name}", each, 1, wanted="a condition such as loss_less_than(0.1)")
    return conditions


@dataclass(frozen=True)
class _MaxEpochs:
    limit: int

    def __repr__(self) -> str:
        return f"max_epochs({self.limit!r})"

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        return len(history) >= self.limit


@dataclass(frozen=True)
class _MaxSteps:
    limit: int

    def __repr__(self) -> str:
        return f"max_steps({self.limit!r})"

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        return history[-1].steps >= self.limit


@dataclass(frozen=True)
class _MaxSeconds:
    limit: float

    def __repr__(self) -> str:
        return f"max_seconds({self.limit!r})"

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        return history[-1].seconds >= self.limit


@dataclass(frozen=True)
class _LossLessThan:
    limit: float

    def __repr__(self) -> str:
        return f"loss_less_than({self.limit!r})"

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        return history[-1].train_cost < self.limit


@dataclass(frozen=True)
class _Several:
    conditions: tuple[Halt, ...]

    @property
    def restores(self) -> bool:
        return any(True for _ in self._restoring())

    @property
    def monitors(self) -> tuple[str, ...]:
        return tuple(name for each in self.conditions for name in monitors_of(each))

    def best(self, history: tuple[EpochFinished, ...]) -> int | None:
        first = next(self._restoring(), None)
        return None if first is None else first.best(history)

    def _restoring(self) -> Iterator[Restores]:
        conditions: tuple[object, ...] = self.conditions
        return (each for each in conditions if isinstance(each, Restores) and each.restores)


@dataclass(frozen=True)
class _AnyOf(_Several):
    def __repr__(self) -> str:
        return f"any_of({', '.join(map(repr, self.conditions))})"

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        return any(condition(history) for condition in self.conditions)


@dataclass(frozen=True)
class _AllOf(_Several):
    def __repr__(self) -> str:
        return f"all_of({', '.join(map(repr, self.conditions))})"

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        return all(condition(history) for condition in self.conditions)
