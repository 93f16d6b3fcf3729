"""The options of a supervisor: data, checked once."""

from __future__ import annotations

from dataclasses import dataclass

from supervisors.rules.backoff import Backoff
from supervisors.rules.errors import BadSpec
from supervisors.rules.options import member
from supervisors.rules.printing import shown
from supervisors.rules.strategy import AutoShutdown, AutoShutdownLike, Strategy, StrategyLike
from supervisors.rules.window import RestartWindow


@dataclass(frozen=True, slots=True, init=False)
class Flags:
    """The options of a supervisor.

    Args:
        strategy: which children are restarted when one has ended: a `Strategy`, or its value as a string.
        max_restarts: how many restarts it makes within ``max_seconds``, an integer >= 0; one more ends it.
        max_seconds: seconds > 0; the resolution is one second, see `RestartWindow`.
        auto_shutdown: whether it ends when significant children have ended by themselves.
        backoff: how long to wait before each restart; None, as in OTP, for not at all.

    Raises:
        BadSpec: an option of the wrong kind or value.
    """

    strategy: Strategy
    max_restarts: int
    max_seconds: float
    auto_shutdown: AutoShutdown
    backoff: Backoff | None

    def __init__(
        self,
        strategy: StrategyLike,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdownLike = AutoShutdown.NEVER,
        backoff: Backoff | None = None,
    ) -> None:
        if backoff is not None and not isinstance(backoff, Backoff):
            raise BadSpec(f"expected `backoff` to be a Backoff or None, got {shown(backoff)}")
        window = RestartWindow(max_restarts, max_seconds)
        self._set(
            strategy=member("strategy", strategy, Strategy),
            max_restarts=window.max_restarts,
            max_seconds=window.max_seconds,
            auto_shutdown=member("auto_shutdown", auto_shutdown, AutoShutdown),
            backoff=backoff,
        )

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)
