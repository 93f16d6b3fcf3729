"""A page for teachers, made from the lessons: times, goals, answers, and wrong answers with their explanations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from annex_actors.base.words import counted
from annex_actors.lessons.layout import paragraphs
from annex_actors.lessons.steps import Code, Lesson, Question, Run
from annex_actors.lessons.submission import new_lines
from annex_actors.lessons.taking import seen, shown_number


def page_of(lessons: Sequence[Lesson]) -> Iterator[str]:
    """Yield the lines of a page in Markdown; every number is found out here and now."""
    yield "# The course, for teachers"
    yield ""
    yield "| lesson | minutes | questions | lines to write |"
    yield "|---|---|---|---|"
    for lesson in lessons:
        questions = sum(isinstance(step, Question) for step in lesson.steps)
        lines = sum(new_lines(step) for step in lesson.steps if isinstance(step, Code))
        yield f"| {lesson.number}. {lesson.title} | {lesson.minutes:.0f} | {questions} | {lines} |"
    for lesson in lessons:
        yield ""
        yield from _lesson(lesson)


def _lesson(lesson: Lesson) -> Iterator[str]:
    yield f"## {lesson.number}. {lesson.title}"
    yield ""
    yield f"{counted(round(lesson.minutes), 'minute')}. After it, a learner can:"
    yield ""
    yield from (f"- {goal}" for goal in lesson.goals)
    for index, step in enumerate(lesson.steps):
        if isinstance(step, Question | Code):
            kind = "Question" if isinstance(step, Question) else "Code"
            yield ""
            yield f"### Step {index + 1}. {kind} `{step.name}`, {step.minutes:.0f} min"
            yield ""
            yield from _paragraphs(step.text)
            yield from _question(step) if isinstance(step, Question) else _code(step)
        elif isinstance(step, Run):
            yield ""
            yield f"### Step {index + 1}. Run, {step.minutes:.0f} min"
            yield ""
            yield from _paragraphs(step.text)


def _question(step: Question) -> Iterator[str]:
    values = seen(step).values
    near = f", or within {step.within:.0%} of it" if step.within else ""
    yield f"Answer: **{shown_number(float(values[step.answer]))}**{near}. {seen(step).filled(step.why)}"
    if step.wrong:
        yield ""
        yield "| wrong | told |"
        yield "|---|---|"
        for wrong in step.wrong:
            yield f"| {shown_number(float(values[wrong.value]))} | {seen(step).filled(wrong.says)} |"


def _code(step: Code) -> Iterator[str]:
    yield f"Hint: {step.hint}"
    yield ""
    yield "```python"
    yield from step.solution.splitlines()
    yield "```"
    for wrong in step.wrong:
        yield ""
        yield f"- `{_line(wrong.new)}` in the place of `{_line(wrong.old)}`: {wrong.says}"


def _line(code: str) -> str:
    """Return code on one line, as it may stand in a sentence."""
    return " ".join(code.split()) or "nothing"


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in paragraphs(text):
        yield from paragraph.splitlines()
        yield ""
