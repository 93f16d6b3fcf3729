"""The pause before a restart. Pure. OTP has none, so it is off by default."""

from __future__ import annotations

import random
from dataclasses import dataclass

from supervisors.rules.errors import BadSpec


@dataclass(frozen=True, slots=True)
class Backoff:
    """A pause before each restart that grows while the child keeps failing.

    Args:
        min_s: the first pause, in seconds, >= 0.
        max_s: no pause is longer than this, before jitter; in seconds, >= ``min_s``.
        factor: each pause is this many times the one before, >= 1.
        jitter: the largest random addition, as a fraction of the pause, >= 0; it keeps children that failed together
            from coming back together.
        seed: of the jitter; the same seed, child and attempt give the same jitter.

    A child that has run for ``max_s`` seconds begins again at ``min_s``.
    """

    min_s: float = 0.1
    max_s: float = 10.0
    factor: float = 2.0
    jitter: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.min_s <= self.max_s < float("inf"):
            raise BadSpec(f"expected 0 <= `min_s` <= `max_s`, got {self.min_s!r} and {self.max_s!r}")
        if not self.factor >= 1:
            raise BadSpec(f"expected `factor` to be a number >= 1, got {self.factor!r}")
        if not self.jitter >= 0:
            raise BadSpec(f"expected `jitter` to be a number >= 0, got {self.jitter!r}")

    def delay_s(self, attempt: int, key: str = "") -> float:
        """Return the pause in seconds.

        Args:
            attempt: how many pauses in a row came before this one, from 0.
            key: the child; each key has its own jitter.
        """
        # Above 64 doublings the power may overflow a float, long after it has passed any `max_s`.
        pause_s = min(self.max_s, self.min_s * self.factor ** min(attempt, 64))
        return pause_s * (1 + self.jitter * random.Random(f"{self.seed} {key} {attempt}").random())
