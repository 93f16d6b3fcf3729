"""A learner in a lesson: where they are, what they answered, what they may do next. Without a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.lessons.checking import Kind, Verdict, judge
from annex_actors.lessons.steps import Code, Lesson, Question, Run, Seen, Step


@dataclass(frozen=True)
class Record:
    """What is kept of a learner in a lesson, between two sessions.

    Args:
        step: where they are, from 0; the number of steps: the lesson is finished.
        answers: the locked answers by the names of the questions.
        passed: the names of the code steps that are right.
        files: the path of the learner's file of each code step that was begun.
    """

    step: int = 0
    answers: Mapping[str, float] = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


class Taking:
    """A learner in a lesson.

    Args:
        lesson: which.
        record: from where; by default from the beginning.
    """

    def __init__(self, lesson: Lesson, record: Record | None = None) -> None:
        record = record or Record()
        self.lesson = lesson
        self.step = max(0, min(record.step, len(lesson.steps)))
        self.answers = dict(record.answers)
        self.passed = list(record.passed)
        self.files = dict(record.files)

    @property
    def record(self) -> Record:
        """What is to be kept."""
        return Record(self.step, dict(self.answers), tuple(self.passed), dict(self.files))

    @property
    def is_finished(self) -> bool:
        """Whether all steps are behind the learner."""
        return self.step == len(self.lesson.steps)

    @property
    def current(self) -> Step:
        """The step where the learner is; there is none once the lesson is finished."""
        return self.lesson.steps[self.step]

    @property
    def mark(self) -> str:
        """How far they are: ``step 4 of 11, about 12 minutes left``."""
        left = round(self.lesson.minutes_from(self.step))
        return f"step {self.step + 1} of {len(self.lesson.steps)}, about {counted(left, 'minute')} left"

    @property
    def is_open(self) -> bool:
        """Whether the step waits for something that only the learner can give: an answer, or code that is right."""
        if self.is_finished:
            return False
        step = self.current
        if isinstance(step, Question):
            return step.name not in self.answers
        return isinstance(step, Code) and step.name not in self.passed

    def forward(self) -> None:
        """Go on to the next step.

        Raises:
            ConfigError: the step is open, or there is none.
        """
        if self.is_open or self.is_finished:
            raise ConfigError("expected an answer before the next step, got none")
        self.step += 1

    def back(self) -> None:
        """Go back one step, if there is one; what was answered stays locked."""
        self.step = max(0, self.step - 1)

    def answer(self, number: float) -> None:
        """Lock an answer.

        Raises:
            ConfigError: it is locked already, or the step is no question.
        """
        step = self.current
        if not isinstance(step, Question) or step.name in self.answers:
            raise ConfigError("expected a question without an answer, got none; the first answer counts")
        self.answers[step.name] = number

    def verdict(self) -> Verdict:
        """Return what the learner is told of the locked answer, once they have seen the run."""
        step = self.current
        assert isinstance(step, Question)
        return answered(step, self.answers[step.name])

    def seen(self) -> Seen:
        """Return what the step's run showed; it runs once."""
        step = self.current
        assert isinstance(step, Run | Question)
        return seen(step)

    def check(self, source: str, file: str) -> Verdict:
        """Judge code, and keep in mind that it is right, if it is."""
        step = self.current
        assert isinstance(step, Code)
        verdict = judge(step, source, file)
        if verdict.passed and step.name not in self.passed:
            self.passed.append(step.name)
        return verdict


@cache
def seen(step: Run | Question) -> Seen:
    """Do what a step does, and return what it showed; once in a process."""
    return step.run()


def answered(question: Question, number: float) -> Verdict:
    """Return what a learner is told of an answer."""
    found = seen(question)
    right = float(found.values[question.answer])
    why = found.filled(question.why)
    if _equal(number, right):
        return Verdict(Kind.RIGHT, f"Right: {shown_number(right)}. {why}")
    if _equal(number, right, question.within):
        return Verdict(Kind.RIGHT, f"Right: near enough to {shown_number(right)}. {why}")
    told = f"You said {shown_number(number)}, it is {shown_number(right)}."
    for wrong in question.wrong:
        if _equal(number, float(found.values[wrong.value])):
            return Verdict(Kind.LISTED, f"{told} {found.filled(wrong.says)}\n{why}")
    return Verdict(Kind.WRONG, f"{told} {why}")


def _equal(number: float, other: float, within: float = 0.0) -> bool:
    return abs(number - other) <= within * abs(other) + 1e-9 * abs(other)


def shown_number(number: float) -> str:
    """Return a number as texts show it."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.4g}"
