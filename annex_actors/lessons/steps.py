"""What a lesson is made of: values, which any face can show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TypeAlias

import numpy as np

from annex_actors.base.types import Array

Value: TypeAlias = float | str


@dataclass(frozen=True)
class Seen:
    """What a run showed.

    Args:
        lines: to be shown as they are, at most 80 columns wide and 30 long.
        values: numbers by name, for answers and texts.
    """

    lines: Sequence[str]
    values: Mapping[str, Value] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """Return a text with the values in the place of their names."""
        return text.format(**self.values)


@dataclass(frozen=True)
class Text:
    """Something to read.

    Args:
        text: at most ten lines of plain English.
        minutes: that it takes.
    """

    text: str
    minutes: float = 1


@dataclass(frozen=True)
class Run:
    """Something that is done here and now.

    Args:
        text: what will be done.
        run: does it.
        then: what to look at in it; a template.
        minutes: that it takes to look at.
    """

    text: str
    run: Callable[[], Seen]
    then: str = ""
    minutes: float = 1


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that is given often.

    Args:
        value: the name of the value of the run that it is.
        says: why it is not the right one; a template.
    """

    value: str
    says: str


@dataclass(frozen=True)
class Question:
    """A number to predict, before it is found out.

    Args:
        name: for the learner's record; one word, of its own within the lesson.
        text: ends in what is asked for, with its unit.
        run: finds the number out; called once the learner's answer is locked.
        answer: the name of the value that is right.
        why: the explanation; a template.
        wrong: answers with an explanation of their own.
        within: how far an answer may be from the right one, as a part of it: 0 for numbers that are counted.
        minutes: that it takes.
    """

    name: str
    text: str
    run: Callable[[], Seen]
    answer: str
    why: str
    wrong: tuple[Wrong, ...] = ()
    within: float = 0.0
    minutes: float = 2


@dataclass(frozen=True, eq=False)
class Found:
    """One of the results of a learner's code.

    Args:
        what: with its layer and step, such as "the gradient of layer 0 at step 3".
        value: an array, a number or a text; compared with the solution's bit by bit. None: the learner's part returned
            nothing, so it is not written yet.
        near: what ``value`` has to be close to as well, such as central differences, before any bits are compared.
        within: how close, as a part of the largest of ``near``.
        by: what found ``near``.
    """

    what: str
    value: Array | float | str | None
    near: Array | None = None
    within: float = 1e-6
    by: str = "central differences"

    @property
    def array(self) -> Array:
        """The value as an array."""
        return np.asarray(self.value)


@dataclass(frozen=True)
class WrongCode:
    """A wrong solution that is written often.

    Args:
        old: a text that is in the solution once.
        new: what is there instead.
        says: why it is not right.
    """

    old: str
    new: str
    says: str


@dataclass(frozen=True, eq=False)
class Code:
    """A part that the learner writes.

    Args:
        name: for the learner's record, and of the file; one word, of its own within the lesson.
        text: what is to be written.
        parts: the functions of the solution whose bodies the learner writes; ``Class.method`` for a method.
        solution: a whole Python file.
        outcome: yields the results of a module with these functions; an error in it is a result, too.
        hint: for a part that is not written yet.
        then: what the learner is told once it is right.
        wrong: solutions with an explanation of their own.
        forbidden: modules that would give the answer away, beside those of the course.
        minutes: that it takes.
    """

    name: str
    text: str
    parts: tuple[str, ...]
    solution: str
    outcome: Callable[[ModuleType], Iterator[Found]]
    hint: str
    then: str
    wrong: tuple[WrongCode, ...] = ()
    forbidden: tuple[str, ...] = ()
    minutes: float = 8


Step: TypeAlias = Text | Run | Question | Code


@dataclass(frozen=True, eq=False)
class Lesson:
    """A lesson.

    Args:
        number: from 1.
        title: a sentence without its full stop.
        goals: what the learner can do after it, each a sentence that begins with a verb.
        steps: in order.
    """

    number: int
    title: str
    goals: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def minutes(self) -> float:
        """How long it takes."""
        return self.minutes_from(0)

    def minutes_from(self, step: int) -> float:
        """Return how long the steps from this one on take."""
        return sum(each.minutes for each in self.steps[step:])
