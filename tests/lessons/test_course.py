"""Each lesson of the course: what it promises to learners, and what its checker says to each answer that is listed."""

from __future__ import annotations

import re

import pytest

from annex_actors.lessons.checking import judge
from annex_actors.lessons.course import LESSONS
from annex_actors.lessons.layout import paragraphs
from annex_actors.lessons.steps import Code, Lesson, Question, Run, Text, WrongCode
from annex_actors.lessons.submission import changed, new_lines, stub_of
from annex_actors.lessons.taking import answered, seen

EDITOR_COLUMNS = 79
"""Of the notebook's editor, in a narrow window."""

QUESTIONS = [(lesson, step) for lesson in LESSONS for step in lesson.steps if isinstance(step, Question)]
CODES = [(lesson, step) for lesson in LESSONS for step in lesson.steps if isinstance(step, Code)]
WRONG = [(lesson, step, wrong) for lesson, step in CODES for wrong in step.wrong]


def name_of(value: object) -> str:
    if isinstance(value, Lesson):
        return str(value.number)
    return value.name if isinstance(value, Question | Code) else ""


@pytest.mark.parametrize("lesson", LESSONS, ids=name_of)
def test_a_lesson_takes_at_most_25_minutes_and_40_new_lines(lesson: Lesson) -> None:
    assert lesson.minutes <= 25
    assert sum(new_lines(step) for step in lesson.steps if isinstance(step, Code)) <= 40


@pytest.mark.parametrize("lesson", LESSONS, ids=name_of)
def test_a_lesson_asks_and_lets_write_under_names_of_their_own(lesson: Lesson) -> None:
    names = [step.name for step in lesson.steps if isinstance(step, Question | Code)]
    assert len(names) == len(set(names))
    assert any(isinstance(step, Question) for step in lesson.steps)
    assert any(isinstance(step, Code) for step in lesson.steps)


@pytest.mark.parametrize("lesson", LESSONS, ids=name_of)
def test_what_a_run_shows_fits_a_terminal_and_what_follows_it_is_filled(lesson: Lesson) -> None:
    for step in lesson.steps:
        if isinstance(step, Run | Question):
            lines = seen(step).lines
            assert 0 < len(lines) <= 30
            assert max(map(len, lines)) <= 80
        if isinstance(step, Run):
            assert "{" not in seen(step).filled(step.then)


@pytest.mark.parametrize("lesson", LESSONS, ids=name_of)
def test_a_text_is_short(lesson: Lesson) -> None:
    for step in lesson.steps:
        if isinstance(step, Text):
            assert sum(len(paragraph) for paragraph in paragraphs(step.text)) <= 1300


@pytest.mark.parametrize(("lesson", "question"), QUESTIONS, ids=name_of)
def test_the_right_answer_passes_and_each_listed_one_is_told_why_it_is_not(lesson: Lesson, question: Question) -> None:
    values = seen(question).values
    right = float(values[question.answer])
    assert answered(question, right).passed
    told = [answered(question, float(values[wrong.value])) for wrong in question.wrong]
    assert len({each.says for each in told}) == len(told)
    for verdict, wrong in zip(told, question.wrong, strict=True):
        assert not verdict.passed
        assert verdict.is_listed
        assert seen(question).filled(wrong.says) in verdict.says


@pytest.mark.parametrize(("lesson", "question"), QUESTIONS, ids=name_of)
def test_an_answer_that_is_not_listed_is_told_the_right_one(lesson: Lesson, question: Question) -> None:
    verdict = answered(question, 1e9 + 7)
    assert not verdict.passed
    assert not verdict.is_listed
    assert re.search(r"You said 1,000,000,007, it is [\d,.e+-]+\. ", verdict.says)


@pytest.mark.parametrize(("lesson", "code"), CODES, ids=name_of)
def test_the_solution_passes(lesson: Lesson, code: Code) -> None:
    verdict = judge(code, code.solution, "solution.py")
    assert verdict.passed, verdict.says
    assert verdict.says == code.then


@pytest.mark.parametrize(("lesson", "code"), CODES, ids=name_of)
def test_a_learner_may_import_what_they_like(lesson: Lesson, code: Code) -> None:
    verdict = judge(code, f"import random\nimport threading\nimport numpy as np\n{code.solution}", "mine.py")
    assert verdict.passed, verdict.says


@pytest.mark.parametrize(("lesson", "code"), CODES, ids=name_of)
def test_the_file_that_a_learner_is_given_gets_a_hint_and_no_traceback(lesson: Lesson, code: Code) -> None:
    stub = stub_of(code)
    assert max(map(len, stub.splitlines())) <= EDITOR_COLUMNS
    assert stub.count("raise NotImplementedError") == len(code.parts)
    verdict = judge(code, stub, "stub.py")
    assert not verdict.passed
    assert code.hint in verdict.says
    assert "Traceback" not in verdict.says


@pytest.mark.parametrize(("lesson", "code", "wrong"), WRONG, ids=name_of)
def test_each_listed_wrong_solution_is_told_why_and_where(lesson: Lesson, code: Code, wrong: WrongCode) -> None:
    verdict = judge(code, changed(code.solution, wrong), "mine.py")
    assert not verdict.passed
    assert verdict.is_listed
    assert verdict.says.endswith(wrong.says)
    assert ": " in verdict.says.partition("\n")[0]  # the first difference is named
