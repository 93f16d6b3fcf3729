"""The limit on restarts: so many within so many seconds. Pure: the time is an argument."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from supervisors.rules.options import number, whole


@dataclass(frozen=True, slots=True)
class RestartWindow:
    """OTP's restart intensity: at most ``max_restarts`` within ``max_seconds``.

    The rule is OTP's to the letter: times are whole seconds, and a restart of exactly ``max_seconds`` ago still counts,
    so that the window is really up to one second longer than it says. So a second is remembered with the number of its
    restarts, and not each restart: however many there are, the window holds no more than it has seconds.

    Args:
        max_restarts: how many restarts are allowed, >= 0; with 0 the first one is one too many.
        max_seconds: length of the window in seconds, > 0.
        seconds: pairs of a whole second and how many restarts came in it, newest first: those that may still count.
        total: the number of restarts in ``seconds``.

    Source:
        Erlang/OTP, stdlib, ``supervisor``: ``add_restart`` (the rule, not the code).
    """

    max_restarts: int = 3
    max_seconds: float = 5.0
    seconds: tuple[tuple[int, int], ...] = ()
    total: int = 0

    def __post_init__(self) -> None:
        whole("max_restarts", self.max_restarts, at_least=0)
        number("max_seconds", self.max_seconds, infinite=True, expected="a number of seconds > 0")
        number("max_seconds", self.max_seconds, above=0, expected="a finite number of seconds > 0")

    def record(self, now: float) -> tuple[RestartWindow, bool]:
        """Count one restart; return the window after it, and whether it is allowed.

        Args:
            now: monotonic seconds, not before those of the last call.
        """
        second = math.floor(now)
        kept, total = self._counting(second)
        before = kept[0][1] if kept and kept[0][0] == second else 0
        seconds = ((second, before + 1), *kept[before > 0 :])
        return RestartWindow(self.max_restarts, self.max_seconds, seconds, total + 1), total < self.max_restarts

    def used(self, now: float) -> int:
        """Return how many restarts count at the time ``now`` (monotonic seconds)."""
        return self._counting(math.floor(now))[1]

    def left(self, now: float) -> int:
        """Return how many more restarts would be allowed at the time ``now`` (monotonic seconds)."""
        return max(0, self.max_restarts - self.used(now))

    def _counting(self, second: int) -> tuple[tuple[tuple[int, int], ...], int]:
        """Return the seconds that still count, which are the newest, since time does not go back; and their total."""
        end = bisect_right(self.seconds, self.max_seconds - second, key=_age)
        if end == len(self.seconds):
            return self.seconds, self.total
        return self.seconds[:end], self.total - sum(count for _, count in self.seconds[end:])


def _age(pair: tuple[int, int]) -> int:
    """Return what grows from the newest second to the oldest."""
    return -pair[0]
