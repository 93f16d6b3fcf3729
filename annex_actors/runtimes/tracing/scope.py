"""Which steps of a run are traced."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Self

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown

SAMPLE_LENGTH, SAMPLE_EVERY = 4, 400
"""A sample is so many steps in a row out of so many: enough to see steps overlap, and one in a hundred."""

ALL, SAMPLE = "all", "sample"


@dataclass(frozen=True, slots=True)
class Scope:
    """The steps that are traced: of each ``every`` steps the first ``length``, and of the run the first ``stop``.

    Whether a message belongs to it depends on the message's step alone. So all peers record the same steps, without
    asking each other, and every receipt has its send. Messages about commits, which have no such step, are recorded
    only where every step is.

    Args:
        length: >= 1.
        every: >= ``length``; 1 with a ``length`` of 1: every step.
        stop: None: to the end of the run.
        near: how many steps a peer may be ahead of a neighbour, or behind it, also of one that was restarted.
        is_kept: whether the records are kept; else peers record only while something listens, such as a page.
    """

    length: int = 1
    every: int = 1
    stop: int | None = None
    near: int = 1
    is_kept: bool = True

    @classmethod
    def of(cls, text: str, setting: str = "trace") -> Self:
        """Return the scope that a user names: ``all``, ``sample``, or a number of steps.

        Args:
            text: the name.
            setting: what the user calls it, for an error.

        Raises:
            ConfigError: another text.
        """
        if text == ALL:
            return cls()
        if text == SAMPLE:
            return cls(SAMPLE_LENGTH, SAMPLE_EVERY)
        if text.isdecimal() and 0 < int(text) < 2**31:
            return cls(stop=int(text))
        raise ConfigError(f"expected `{setting}` to be all, sample, or a number of steps >= 1, got {shown(text)}")

    @property
    def is_whole(self) -> bool:
        """Whether it has every step."""
        return self.every == 1 and self.stop is None

    def __contains__(self, step: int) -> bool:
        return step % self.every < self.length and (self.stop is None or step < self.stop)

    def is_near(self, step: int) -> bool:
        """Return whether a peer that is at a step may meet messages of steps that are traced."""
        if self.stop is not None and step - self.near >= self.stop:
            return False
        return (step + self.near) % self.every < self.length + 2 * self.near

    def stays_until(self, step: int) -> float:
        """Return the first step after ``step`` at which the answer of `is_near` may be another."""
        if self.stop is not None and step - self.near >= self.stop:
            return inf
        place, length = (step + self.near) % self.every, self.length + 2 * self.near
        change = step + (length if place < length else self.every) - place
        return change if self.stop is None else min(change, self.stop + self.near)

    def __str__(self) -> str:
        if self.every > 1:
            return SAMPLE
        return ALL if self.stop is None else str(self.stop)
