"""The limit on restarts: so many within so many seconds. Pure: the time is an argument."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from operator import neg


@dataclass(frozen=True, slots=True)
class RestartWindow:
    """OTP's restart intensity: at most ``max_restarts`` within ``max_seconds``.

    The rule is OTP's to the letter: times are whole seconds, and a restart of exactly ``max_seconds`` ago still counts,
    so that the window is really up to one second longer than it says.

    Args:
        max_restarts: how many restarts are allowed, >= 0; with 0 the first one is one too many.
        max_seconds: length of the window in seconds, > 0.
        restarts: whole seconds of the restarts that may still count, newest first.

    Source:
        Erlang/OTP, stdlib, ``supervisor``: ``add_restart`` (the rule, not the code).
    """

    max_restarts: int = 3
    max_seconds: float = 5.0
    restarts: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        if isinstance(self.max_restarts, bool) or not isinstance(self.max_restarts, int) or self.max_restarts < 0:
            raise ValueError(f"expected `max_restarts` to be an integer >= 0, got {self.max_restarts!r}")
        if isinstance(self.max_seconds, bool) or not isinstance(self.max_seconds, int | float):
            raise ValueError(f"expected `max_seconds` to be a number of seconds > 0, got {self.max_seconds!r}")
        if not 0 < self.max_seconds < math.inf:
            raise ValueError(f"expected `max_seconds` to be a finite number of seconds > 0, got {self.max_seconds!r}")

    def record(self, now: float) -> tuple[RestartWindow, bool]:
        """Count one restart; return the window after it, and whether it is allowed.

        Args:
            now: monotonic seconds, not before those of the last call.
        """
        second = math.floor(now)
        restarts = (second, *self._counting(second))
        return replace(self, restarts=restarts), len(restarts) <= self.max_restarts

    def used(self, now: float) -> int:
        """Return how many restarts count at the time ``now`` (monotonic seconds)."""
        return len(self._counting(math.floor(now)))

    def left(self, now: float) -> int:
        """Return how many more restarts would be allowed at the time ``now`` (monotonic seconds)."""
        return max(0, self.max_restarts - self.used(now))

    def _counting(self, second: int) -> tuple[int, ...]:
        """Return the restarts that still count; they are the newest ones, since time does not go back."""
        return self.restarts[: bisect_right(self.restarts, self.max_seconds - second, key=neg)]
