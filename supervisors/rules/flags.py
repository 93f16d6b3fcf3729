"""The options of a supervisor: data, checked once."""

from __future__ import annotations

from dataclasses import dataclass

from supervisors.rules.backoff import Backoff
from supervisors.rules.errors import BadSpec
from supervisors.rules.options import member
from supervisors.rules.strategy import AutoShutdown, Strategy
from supervisors.rules.window import RestartWindow


@dataclass(frozen=True, slots=True)
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
    max_restarts: int = 3
    max_seconds: float = 5.0
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
    backoff: Backoff | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "strategy", member("strategy", self.strategy, Strategy))
        object.__setattr__(self, "auto_shutdown", member("auto_shutdown", self.auto_shutdown, AutoShutdown))
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise BadSpec(f"expected `backoff` to be a Backoff or None, got {self.backoff!r}")
        try:
            RestartWindow(self.max_restarts, self.max_seconds)
        except ValueError as error:
            raise BadSpec(str(error)) from None
