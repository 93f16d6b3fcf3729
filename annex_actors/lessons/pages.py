"""A lesson as a page that is shown again with each answer: sections of Markdown, and places for what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from annex_actors.lessons.checking import Verdict
from annex_actors.lessons.layout import paragraphs
from annex_actors.lessons.steps import Code, Question, Run
from annex_actors.lessons.taking import Taking


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Args:
        markdown: to be shown.
        asks: the name of the question or of the code whose input is shown below; None: there is none.
    """

    markdown: str
    asks: str | None = None


def sections(taking: Taking, given: Mapping[str, float | str | None]) -> Iterator[Section]:
    """Yield a lesson's sections up to the first step that is open.

    Args:
        taking: the learner in the lesson; what is given is locked in it.
        given: numbers and code by the names of questions and code; None or missing: not given yet.
    """
    taking.step = 0
    while not taking.is_finished:
        step = taking.current
        yield Section(f"#### {taking.mark.capitalize()}\n\n{_markdown(step.text)}")
        if isinstance(step, Question):
            yield from _question(taking, step, given.get(step.name))
        elif isinstance(step, Code):
            yield from _code(taking, step, given.get(step.name))
        elif isinstance(step, Run):
            seen = taking.seen()
            yield Section(_cell(seen.lines) + "\n\n" + seen.filled(step.then))
        if taking.is_open:
            return
        taking.forward()
    yield Section(f"**Lesson {taking.lesson.number} is finished: {taking.lesson.title}.**")


def _question(taking: Taking, step: Question, given: float | str | None) -> Iterator[Section]:
    if isinstance(given, int | float) and step.name not in taking.answers:
        taking.answer(float(given))
    if step.name not in taking.answers:
        yield Section("Your first answer counts.", step.name)
        return
    locked = f"Your answer is locked: {taking.answers[step.name]:g}"
    yield Section(f"{locked}\n\n{_cell(taking.seen().lines)}\n\n{_told(taking.verdict())}")


def _code(taking: Taking, step: Code, given: float | str | None) -> Iterator[Section]:
    yield Section("", step.name)
    if isinstance(given, str):
        yield Section(_told(taking.check(given, f"{step.name}.py")))


def _markdown(text: str) -> str:
    return "\n\n".join(paragraphs(text))


def _told(verdict: Verdict) -> str:
    return ("✓ " if verdict.passed else "✗ ") + verdict.says.replace("\n", "\n\n")


def _cell(lines: Sequence[str]) -> str:
    return "\n".join(["```text", *lines, "```"])
