"""The pause before a restart. Pure. OTP has none, so it is off by default."""

from __future__ import annotations

import random
from dataclasses import dataclass

from supervisors.rules.errors import BadSpec
from supervisors.rules.options import number
from supervisors.rules.printing import shown


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
        number("min_s", self.min_s, at_least=0)
        number("max_s", self.max_s, at_least=0)
        if self.min_s > self.max_s:
            raise BadSpec(f"expected 0 <= `min_s` <= `max_s`, got {shown(self.min_s)} and {self.max_s!r}")
        number("factor", self.factor, at_least=1)
        number("jitter", self.jitter, at_least=0)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise BadSpec(f"expected `seed` to be an integer, got {shown(self.seed)}")

    def delay_s(self, attempt: int, key: str = "") -> float:
        """Return the pause in seconds.

        Args:
            attempt: how many pauses in a row came before this one, from 0.
            key: the child; each key has its own jitter.
        """
        try:
            pause_s = min(self.max_s, self.min_s * float(self.factor) ** attempt)
        except OverflowError:  # long after it has passed any `max_s`
            pause_s = self.max_s if self.min_s else 0.0
        return pause_s * (1 + self.jitter * random.Random(f"{self.seed} {key} {attempt}").random())
