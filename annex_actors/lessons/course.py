"""The lessons of the course, in order."""

from __future__ import annotations

from annex_actors.base.errors import ConfigError
from annex_actors.lessons import (
    lesson_01_one_layer,
    lesson_02_forward,
    lesson_03_backward,
    lesson_04_crash,
    lesson_05_outbox,
    lesson_06_microbatches,
    lesson_07_schedules,
    lesson_08_uneven_layers,
    lesson_09_stale_weights,
    lesson_10_kill_everything,
)
from annex_actors.lessons.steps import Lesson

LESSONS: tuple[Lesson, ...] = (
    lesson_01_one_layer.LESSON,
    lesson_02_forward.LESSON,
    lesson_03_backward.LESSON,
    lesson_04_crash.LESSON,
    lesson_05_outbox.LESSON,
    lesson_06_microbatches.LESSON,
    lesson_07_schedules.LESSON,
    lesson_08_uneven_layers.LESSON,
    lesson_09_stale_weights.LESSON,
    lesson_10_kill_everything.LESSON,
)


def lesson(number: int) -> Lesson:
    """Return a lesson by its number.

    Raises:
        ConfigError: there is none with it.
    """
    for each in LESSONS:
        if each.number == number:
            return each
    raise ConfigError(f"expected the number of a lesson, from 1 to {len(LESSONS)}, got {number}")
