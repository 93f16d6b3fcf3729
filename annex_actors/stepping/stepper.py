"""A walk as its faces hold it: words are obeyed, and it can be saved with what it takes to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from annex_actors.stepping.point import Point
from annex_actors.stepping.saved import SavedWalk, saved
from annex_actors.stepping.script import obey
from annex_actors.stepping.walk import Walk

MOST_POINTS = 300
"""Points of a report, the last ones: each is some kilobytes."""


class Stepper:
    """A walk, and the settings of its run.

    Args:
        walk: the walk; one by another schedule may take its place.
        settings: those that `annex_actors.runs.config.resolve` makes its run from.
    """

    def __init__(self, walk: Walk, settings: Mapping[str, Any]) -> None:
        self.walk = walk
        self._settings = settings

    def obey(self, words: str) -> Point:
        """Do what the words say, and return what is then seen; see `script.WORDS`.

        Raises:
            ConfigError: a word that is none, or a move that is not possible; those before it are made.
        """
        for word in words.split():  # one by one: a walk by another schedule stays, though a word after it is wrong
            self.walk = obey(self.walk, word)
        return self.walk.point()

    def saved(self) -> SavedWalk:
        """Return the walk up to where it is, as it can be saved."""
        training = {**self._settings.get("training", {}), "schedule": self.walk.training.spec.schedule.name}
        return saved(self.walk, {**self._settings, "training": training})

    def points(self) -> Iterator[Point]:
        """Yield the points of the walk up to where it is, the last `MOST_POINTS` of them."""
        walk = self.walk
        again = Walk(walk.training, walk.moves[: walk.number], seed=walk.seed)
        again.to(max(0, walk.number - MOST_POINTS + 1))
        for _ in range(walk.number - again.number):
            yield replace(again.point(), length=walk.number)
            again.forward()
        yield replace(again.point(), length=walk.number)
